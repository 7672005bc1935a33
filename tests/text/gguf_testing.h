/* GGUF files without tensors for tests, made of tokenizer.json files.
 *
 * Ownership: plain functions; what they write is the caller's to remove.
 * Threads:   one.
 */
#ifndef TESTS_TEXT_GGUF_TESTING_H
#define TESTS_TEXT_GGUF_TESTING_H

#include <jansson.h>

#include "text/text.h"

/* A name for a file that is nobody else's. */
void gguf_temp_path(char path[32]);
/* Writes the vocabulary of a tokenizer.json as GGUF: with tokenizer.ggml.pre `pre`; or, where that
 * is "llama" or "gemma", by scores, which fall in the order of the merges, with and without a space
 * before each text. Unused ids are filled up. */
void gguf_write_json(const char *path, const json_t *root, const char *pre);

#endif
