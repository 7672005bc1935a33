#include "support/fuzz_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"

static fuzz_folder the;
static char again[2][160];

static void remove_all(void)
{
    (void)unlink(again[0]);
    (void)unlink(again[1]);
    (void)rmdir(the.again);
    (void)unlink(the.config);
    (void)unlink(the.weights);
    (void)rmdir(the.path);
}

const fuzz_folder *fuzz_folder_make(const char *config, const char *weights)
{
    if (the.path[0] == '\0') {
        snprintf(the.path, sizeof the.path, "/tmp/tabiji-fuzz-XXXXXX");
        TJ_ASSERT(mkdtemp(the.path) != NULL);
        snprintf(the.config, sizeof the.config, "%s/%s", the.path, config);
        snprintf(the.weights, sizeof the.weights, "%s/%s", the.path, weights);
        snprintf(the.again, sizeof the.again, "%s/again", the.path);
        snprintf(again[0], sizeof again[0], "%s/%s", the.again, config);
        snprintf(again[1], sizeof again[1], "%s/%s", the.again, weights);
        (void)atexit(remove_all);
    }
    return &the;
}

void fuzz_folder_put(const char *path, const uint8_t *data, size_t size)
{
    (void)unlink(path);
    FILE *f = fopen(path, "wb");
    TJ_ASSERT(f != NULL);
    TJ_ASSERT(fwrite(data, 1, size, f) == size);
    TJ_ASSERT(fclose(f) == 0);
}

bool fuzz_folder_fill(const fuzz_folder *folder, const uint8_t *data, size_t size)
{
    size_t n_config = size < 2 ? 0 : data[0] + 256U * data[1];
    if (size < 2 || n_config > size - 2) {
        return false;
    }
    fuzz_folder_put(folder->config, data + 2, n_config);
    fuzz_folder_put(folder->weights, data + 2 + n_config, size - 2 - n_config);
    return true;
}

bool fuzz_folder_is_named(const fuzz_folder *folder, const char *message)
{
    return strncmp(message, folder->config, strlen(folder->config)) == 0 ||
           strncmp(message, folder->weights, strlen(folder->weights)) == 0;
}
