/* Any bytes as a model in a GGUF file. What opens for generation is what loads; what loads is
 * converted to a folder and to a GGUF, and both load to the same weights; what does not has a
 * message that begins with the file's name, and is not converted either. Checks and descriptions
 * get along with whatever it is. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "nn/nn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], file[96], copy[96], hf[80];

static void clear_folder(void)
{
    static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json",
                                        "tokenizer_config.json"};
    char path[160];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", hf, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(hf);
}

static void remove_folder(void)
{
    clear_folder();
    (void)unlink(copy);
    (void)unlink(file);
    (void)rmdir(folder);
}

static void make_folder(void)
{
    bool in_memory = access("/dev/shm", W_OK) == 0; /* where flushes cost nothing */
    if (folder[0] != '\0') {
        return;
    }
    snprintf(folder, sizeof folder, "%s/tabiji-fuzz-XXXXXX", in_memory ? "/dev/shm" : "/tmp");
    TJ_ASSERT(mkdtemp(folder) != NULL);
    snprintf(file, sizeof file, "%s/model.gguf", folder);
    snprintf(copy, sizeof copy, "%s/copy.gguf", folder);
    snprintf(hf, sizeof hf, "%s/hf", folder);
    atexit(remove_folder);
}

static void put(const uint8_t *data, size_t size)
{
    (void)unlink(file);
    FILE *f = fopen(file, "wb");
    TJ_ASSERT(f != NULL);
    TJ_ASSERT(fwrite(data, 1, size, f) == size);
    TJ_ASSERT(fclose(f) == 0);
}

static void on_check(void *ctx, const char *what, const char *found, const tj_err *wrong)
{
    size_t *n_wrong = ctx;
    TJ_ASSERT(what[0] != '\0');
    TJ_ASSERT(found != NULL);
    *n_wrong += wrong != NULL ? 1 : 0;
}

static void describe_and_check(bool loads)
{
    size_t n_vocab;
    size_t n_wrong = 0;
    json_t *d;
    TJ_ASSERT(tj_model_check(file, &n_vocab, on_check, &n_wrong, NULL) == TJ_OK);
    TJ_ASSERT(loads || n_wrong > 0);
    if (tj_model_describe(&d, file, NULL) == TJ_OK) { /* tensors left over are no harm to it */
        json_decref(d);
    } else {
        TJ_ASSERT(!loads);
    }
}

static void assert_same(const char *path, const char *want)
{
    tj_model *m;
    char digest[65];
    TJ_ASSERT(tj_model_load(&m, path, TJ_F32, NULL) == TJ_OK);
    tj_model_digest(m, digest);
    TJ_ASSERT(strcmp(digest, want) == 0);
    tj_model_destroy(m);
}

static void convert_both_ways(const char *digest)
{
    tj_err err;
    TJ_ASSERT(tj_model_convert(NULL, file, copy, NULL, &err) == TJ_OK);
    assert_same(copy, digest);
    clear_folder(); /* a tokenizer that this file has not would be another model's */
    if (tj_model_convert(NULL, file, hf, NULL, &err) == TJ_OK) {
        assert_same(hf, digest);
    } else {
        TJ_ASSERT(err.code == TJ_E_NUMERIC); /* blocks of what is not finite */
        TJ_ASSERT(strncmp(err.msg, file, strlen(file)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_model *m;
    tj_model *opened;
    tj_err err;
    make_folder();
    put(data, size);
    bool loads = tj_model_load(&m, file, TJ_F32, &err) == TJ_OK;
    TJ_ASSERT(loads || (m == NULL && strncmp(err.msg, file, strlen(file)) == 0));
    bool opens = tj_model_open(&opened, file, &err) == TJ_OK;
    TJ_ASSERT(opens == loads);
    TJ_ASSERT(opens || (opened == NULL && strncmp(err.msg, file, strlen(file)) == 0));
    tj_model_destroy(opened);
    describe_and_check(loads);
    if (loads) {
        char digest[65];
        tj_model_digest(m, digest);
        tj_model_destroy(m);
        convert_both_ways(digest);
    } else {
        TJ_ASSERT(tj_model_convert(NULL, file, copy, NULL, &err) != TJ_OK);
    }
    return 0;
}
