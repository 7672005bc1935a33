/* A fuzzer's input as a folder of two files, a configuration and weights. The folder is this
 * process's one, and goes with it. */
#ifndef TJ_TESTS_SUPPORT_FUZZ_FOLDER_H
#define TJ_TESTS_SUPPORT_FUZZ_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fuzz_folder {
    char path[64], config[96], weights[96];
    char again[80]; /* a folder in it, not made yet, that may get files of the same names */
} fuzz_folder;

/* The names must be the same in each call. */
const fuzz_folder *fuzz_folder_make(const char *config, const char *weights);
/* Not by tj_fs_write, whose flushes would take all the time; nor over an old file, which some file
 * systems flush. */
void fuzz_folder_put(const char *path, const uint8_t *data, size_t size);
/* Both files: two bytes with the length of the first, least first, then the two. False where the
 * input is too short. */
bool fuzz_folder_fill(const fuzz_folder *folder, const uint8_t *data, size_t size);
/* Whether a message begins with one of the two files' paths. */
bool fuzz_folder_is_named(const fuzz_folder *folder, const char *message);

#endif
