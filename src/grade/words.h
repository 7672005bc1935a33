/* Words: how texts are folded so that equal ones are equal bytes, and the words that mean numbers,
 * months or signs of mathematics.
 *
 * Ownership: folded texts live in the arena.
 * Threads:   constant tables.
 */
#ifndef TJ_GRADE_WORDS_H
#define TJ_GRADE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* The text without case, width, punctuation, white space and articles ("a", "an", "the", unless
 * there is nothing else): "The Answer!" gives "answer". Folding a folded text changes nothing.
 * text is UTF-8. NULL when the arena is exhausted. */
const char *tj_words_fold(tj_arena *arena, const char *text, size_t len);

/* A noun folded, its last word in the singular: "Right triangles" gives "righttriangle". */
const char *tj_words_fold_noun(tj_arena *arena, const char *text, size_t len);

/* Folds letters (Unicode's compatible case folding); words_utf8proc.c. */
char *tj_words_casefold(tj_arena *arena, const char *text, size_t len, size_t *n);

typedef enum tj_number_word {
    TJ_WORD_NO_NUMBER,
    TJ_WORD_UNITS,    /* zero to nineteen: value */
    TJ_WORD_TENS,     /* twenty to ninety */
    TJ_WORD_HUNDRED,  /* hundred */
    TJ_WORD_POWER,    /* thousand, million, ... */
    TJ_WORD_FRACTION, /* half, third(s), quarter(s), ...: value is the denominator */
    TJ_WORD_DOZEN
} tj_number_word;

/* What number an English word is, whatever its case. */
tj_number_word tj_words_number(int64_t *value, const char *word, size_t n);

/* 1 to 12 for the name of a month or its abbreviation of three or four letters, else 0. */
int tj_words_month(const char *word, size_t n);

/* Whether the letters are a word of English rather than a product of variables: a short one that
 * answers use ("no", "odd", "red"), or any that no one would write as a product. */
bool tj_words_is_prose(const char *word, size_t n);

/* The bytes of the Japanese or Chinese word of answers that text begins with, the longest; 0 if it
 * begins with none. tj_words_translate gives the English that the reader knows it by, or NULL if
 * it is a unit. */
size_t tj_words_japanese(const char *text, size_t len);
const char *tj_words_translate(const char *word, size_t n);

/* Whether word is `want`, which is in lower case, whatever the case of word's ASCII letters. */
bool tj_words_equal(const char *word, size_t n, const char *want);

#endif
