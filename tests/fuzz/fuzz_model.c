/* Any bytes as a model's folder, and as the file of its optimiser. The first byte chooses. A folder
 * is two bytes with the length of config.json, least first, that file, and model.safetensors: what
 * loads is saved and loads again to the same weights; what does not has a message that begins with
 * one of the two files' names. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "nn/nn.h"
#include "support/fuzz_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_folder(const fuzz_folder *f, const uint8_t *data, size_t size)
{
    tj_model *m;
    tj_model *back;
    tj_err err;
    if (!fuzz_folder_fill(f, data, size)) {
        return;
    }
    if (tj_model_load(&m, f->path, TJ_F32, &err) != TJ_OK) {
        TJ_ASSERT(m == NULL);
        TJ_ASSERT(fuzz_folder_is_named(f, err.msg));
        return;
    }
    char a[65], b[65];
    tj_model_digest(m, a);
    if (tj_model_save(m, f->again, TJ_F32, NULL) == TJ_OK) { /* windows may differ by layer */
        TJ_ASSERT(tj_model_load(&back, f->again, TJ_F32, NULL) == TJ_OK);
        tj_model_digest(back, b);
        TJ_ASSERT(strcmp(a, b) == 0);
        TJ_ASSERT(memcmp(tj_model_cfg(m)->layer, tj_model_cfg(back)->layer,
                         tj_model_cfg(m)->n_layers * sizeof(tj_layer_attn)) == 0);
        tj_model_destroy(back);
    }
    tj_model_destroy(m);
}

static void read_optimizer(const fuzz_folder *f, const uint8_t *data, size_t size)
{
    static tj_model *m; /* made once for all inputs */
    static tj_adamw *opt;
    tj_err err;
    if (m == NULL) {
        tj_model_config c;
        tj_model_config_default(&c);
        c.n_vocab = 3;
        c.width = c.head_dim = c.ffn_width = 2;
        c.n_layers = c.n_heads = c.n_kv_heads = 1;
        const tj_adamw_config cfg = {.lr_max = 0.1, .eps = 1e-8, .n_updates = 1};
        TJ_ASSERT(tj_model_create(&m, &c, TJ_F32, 1, NULL) == TJ_OK);
        TJ_ASSERT(tj_model_make_grads(m, NULL) == TJ_OK);
        TJ_ASSERT(tj_adamw_create(&opt, m, &cfg, NULL) == TJ_OK);
    }
    fuzz_folder_put(f->weights, data, size);
    if (tj_adamw_load(opt, f->weights, &err) != TJ_OK) {
        TJ_ASSERT(strncmp(err.msg, f->weights, strlen(f->weights)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const fuzz_folder *f = fuzz_folder_make("config.json", "model.safetensors");
    if (size > 0 && data[0] % 2 == 0) {
        read_folder(f, data + 1, size - 1);
    } else if (size > 0) {
        read_optimizer(f, data + 1, size - 1);
    }
    return 0;
}
