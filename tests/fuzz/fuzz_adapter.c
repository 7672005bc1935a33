/* Any bytes as a PEFT folder: two bytes with the length of adapter_config.json, least first, that
 * file, and adapter_model.safetensors. What a small model takes is saved and loads again to the
 * same weights; what it does not has a message that begins with one of the two files' names.
 * Whatever is loaded can be described. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "nn/nn.h"
#include "support/fuzz_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The corpus's adapters are of this shape. */
static tj_model *small_model(void)
{
    tj_model *m;
    tj_model_config c;
    tj_model_config_default(&c);
    c.n_vocab = 3;
    c.width = c.head_dim = c.ffn_width = 2;
    c.n_layers = c.n_heads = c.n_kv_heads = 1;
    TJ_ASSERT(tj_model_create(&m, &c, TJ_F32, 1, NULL) == TJ_OK);
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_err err;
    const fuzz_folder *f = fuzz_folder_make("adapter_config.json", "adapter_model.safetensors");
    if (!fuzz_folder_fill(f, data, size)) {
        return 0;
    }
    tj_model *m = small_model();
    if (tj_adapter_load(m, f->path, &err) != TJ_OK) {
        TJ_ASSERT(tj_model_lora(m) == NULL);
        TJ_ASSERT(fuzz_folder_is_named(f, err.msg));
    } else {
        char a[65], b[65];
        json_t *d;
        tj_model *back = small_model();
        tj_model_digest(m, a);
        TJ_ASSERT(tj_adapter_save(m, f->again, NULL, NULL) == TJ_OK);
        TJ_ASSERT(tj_adapter_load(back, f->again, NULL) == TJ_OK);
        tj_model_digest(back, b);
        TJ_ASSERT(strcmp(a, b) == 0);
        TJ_ASSERT(tj_adapter_describe(&d, f->path, NULL) == TJ_OK);
        json_decref(d);
        tj_model_destroy(back);
    }
    tj_model_destroy(m);
    return 0;
}
