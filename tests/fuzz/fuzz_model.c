/* Any bytes as a model's folder, and as the file of its optimiser. The first byte chooses. A folder
 * is two bytes with the length of config.json, least first, that file, and model.safetensors: what
 * loads is saved and loads again to the same weights; what does not has a message that begins with
 * one of the two files' names. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "nn/nn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], config[80], weights[96], again[80];

static void remove_folder(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/config.json", again);
    (void)unlink(path);
    snprintf(path, sizeof path, "%s/model.safetensors", again);
    (void)unlink(path);
    (void)rmdir(again);
    (void)unlink(config);
    (void)unlink(weights);
    (void)rmdir(folder);
}

static void make_folder(void)
{
    if (folder[0] != '\0') {
        return;
    }
    snprintf(folder, sizeof folder, "/tmp/tabiji-fuzz-XXXXXX");
    TJ_ASSERT(mkdtemp(folder) != NULL);
    snprintf(config, sizeof config, "%s/config.json", folder);
    snprintf(weights, sizeof weights, "%s/model.safetensors", folder);
    snprintf(again, sizeof again, "%s/again", folder);
    atexit(remove_folder);
}

/* Not by tj_fs_write, whose flushes would take all the time; nor over an old file, which some file
 * systems flush. */
static void put(const char *path, const uint8_t *data, size_t size)
{
    (void)unlink(path);
    FILE *f = fopen(path, "wb");
    TJ_ASSERT(f != NULL);
    TJ_ASSERT(fwrite(data, 1, size, f) == size);
    TJ_ASSERT(fclose(f) == 0);
}

static void read_folder(const uint8_t *data, size_t size)
{
    size_t n_config = size < 2 ? 0 : data[0] + 256U * data[1];
    tj_model *m;
    tj_model *back;
    tj_err err;
    if (size < 2 || n_config > size - 2) {
        return;
    }
    put(config, data + 2, n_config);
    put(weights, data + 2 + n_config, size - 2 - n_config);
    if (tj_model_load(&m, folder, TJ_F32, &err) != TJ_OK) {
        TJ_ASSERT(m == NULL);
        TJ_ASSERT(strncmp(err.msg, config, strlen(config)) == 0 ||
                  strncmp(err.msg, weights, strlen(weights)) == 0);
        return;
    }
    char a[65], b[65];
    tj_model_digest(m, a);
    if (tj_model_save(m, again, TJ_F32, NULL) == TJ_OK) { /* windows may differ by layer */
        TJ_ASSERT(tj_model_load(&back, again, TJ_F32, NULL) == TJ_OK);
        tj_model_digest(back, b);
        TJ_ASSERT(strcmp(a, b) == 0);
        TJ_ASSERT(memcmp(tj_model_cfg(m)->layer, tj_model_cfg(back)->layer,
                         tj_model_cfg(m)->n_layers * sizeof(tj_layer_attn)) == 0);
        tj_model_destroy(back);
    }
    tj_model_destroy(m);
}

static void read_optimizer(const uint8_t *data, size_t size)
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
    put(weights, data, size);
    if (tj_adamw_load(opt, weights, &err) != TJ_OK) {
        TJ_ASSERT(strncmp(err.msg, weights, strlen(weights)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    make_folder();
    if (size > 0 && data[0] % 2 == 0) {
        read_folder(data + 1, size - 1);
    } else if (size > 0) {
        read_optimizer(data + 1, size - 1);
    }
    return 0;
}
