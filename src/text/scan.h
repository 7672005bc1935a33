/* The common pre-tokenizer patterns written out in C, some ten times as fast as the regular
 * expression. Each gives the pieces that its pattern gives (tests/text/test_scan.c compares them on
 * random texts), by Unicode's classes as utf8proc knows them.
 *
 * Ownership: plain functions.
 * Threads:   no state.
 */
#ifndef TJ_TEXT_SCAN_H
#define TJ_TEXT_SCAN_H

#include <stddef.h>

#define TJ_PATTERN_GPT2                                                                            \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
/* Llama 3 takes up to three digits together, Qwen 2 one. */
#define TJ_PATTERN_WORDS(digits)                                                                   \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" digits                           \
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define TJ_PATTERN_LLAMA3 TJ_PATTERN_WORDS("\\p{N}{1,3}")
#define TJ_PATTERN_QWEN2  TJ_PATTERN_WORDS("\\p{N}")
#define TJ_PATTERN_DIGIT  "\\p{N}"

/* The end of the piece of text that begins at `from` < len. Every byte belongs to a piece. */
typedef size_t (*tj_scan_fn)(const char *text, size_t len, size_t from);

/* The function for a pattern that keeps matches and gaps; NULL if there is none. */
tj_scan_fn tj_scan_find(const char *pattern, size_t len);

#endif
