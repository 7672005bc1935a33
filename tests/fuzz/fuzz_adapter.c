/* Any bytes as a PEFT folder: two bytes with the length of adapter_config.json, least first, that
 * file, and adapter_model.safetensors. What a small model takes is saved and loads again to the
 * same weights; what it does not has a message that begins with one of the two files' names.
 * Whatever is loaded can be described. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "nn/nn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], config[96], weights[96], again[80];

static void remove_folder(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/adapter_config.json", again);
    (void)unlink(path);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", again);
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
    snprintf(config, sizeof config, "%s/adapter_config.json", folder);
    snprintf(weights, sizeof weights, "%s/adapter_model.safetensors", folder);
    snprintf(again, sizeof again, "%s/again", folder);
    atexit(remove_folder);
}

/* Not by tj_fs_write, whose flushes would take all the time. */
static void put(const char *path, const uint8_t *data, size_t size)
{
    (void)unlink(path);
    FILE *f = fopen(path, "wb");
    TJ_ASSERT(f != NULL);
    TJ_ASSERT(fwrite(data, 1, size, f) == size);
    TJ_ASSERT(fclose(f) == 0);
}

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
    size_t n_config = size < 2 ? 0 : data[0] + 256U * data[1];
    tj_err err;
    make_folder();
    if (size < 2 || n_config > size - 2) {
        return 0;
    }
    put(config, data + 2, n_config);
    put(weights, data + 2 + n_config, size - 2 - n_config);
    tj_model *m = small_model();
    if (tj_adapter_load(m, folder, &err) != TJ_OK) {
        TJ_ASSERT(tj_model_lora(m) == NULL);
        TJ_ASSERT(strncmp(err.msg, config, strlen(config)) == 0 ||
                  strncmp(err.msg, weights, strlen(weights)) == 0);
    } else {
        char a[65], b[65];
        json_t *d;
        tj_model *back = small_model();
        tj_model_digest(m, a);
        TJ_ASSERT(tj_adapter_save(m, again, NULL, NULL) == TJ_OK);
        TJ_ASSERT(tj_adapter_load(back, again, NULL) == TJ_OK);
        tj_model_digest(back, b);
        TJ_ASSERT(strcmp(a, b) == 0);
        TJ_ASSERT(tj_adapter_describe(&d, folder, NULL) == TJ_OK);
        json_decref(d);
        tj_model_destroy(back);
    }
    tj_model_destroy(m);
    return 0;
}
