/* The files that make a model, and which model it was: SHA-256 of a GGUF file, or of the names and
 * hashes of a folder's configuration, tokenizer and weights.
 *
 * Ownership: list/deinit.
 * Threads:   one.
 */
#ifndef TJ_CLI_MODEL_FILES_H
#define TJ_CLI_MODEL_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/fs.h"

typedef struct tj_model_file {
    char *name, *path;
    char digest[TJ_SHA256_HEX];
    bool is_weights;
} tj_model_file;

typedef struct tj_model_files {
    tj_model_file *all; /* [n], by name */
    size_t n, cap;
    bool is_folder;
} tj_model_files;

/* Lists and hashes what is at the path: adapters too. Gives *out; empty on error. Errors:
 * TJ_E_NOTFOUND, TJ_E_IO, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_model_files_list(tj_model_files *out, const char *path, tj_err *err);
void tj_model_files_deinit(tj_model_files *files);
/* The digest of all of them. */
TJ_MUST_USE tj_code tj_model_files_digest(const tj_model_files *files, char out[TJ_SHA256_HEX],
                                          tj_err *err);
/* Fills in the weights' digests, lent by files: at most max; returns how many. */
size_t tj_model_files_weights(const tj_model_files *files, const char **out, size_t max);

#endif
