/* Words, lines and numbers of a text in English, Japanese or Chinese. Internal to thought.
 *
 * A word is a run of letters and digits of ASCII, with apostrophes inside, together with letters of
 * other alphabets; or one character of Han, Hiragana, Katakana or Hangul, since those are written
 * without spaces. A line is what stands between newlines and is not blank.
 *
 * Ownership: views of the text.
 * Threads:   no state.
 * Cost:      linear.
 */
#ifndef TJ_THOUGHT_WORDS_H
#define TJ_THOUGHT_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

typedef struct tj_word {
    size_t begin, end;
    bool single; /* a character that is a word by itself */
} tj_word;
/* The next word from *at on, which then stands after it; false at the end. */
bool tj_next_word(const char *text, size_t len, size_t *at, tj_word *out);
size_t tj_count_words(const char *text, size_t len);

typedef struct tj_line {
    size_t begin, end; /* without the newline and without blanks at either end */
} tj_line;
bool tj_next_line(const char *text, size_t len, size_t *at, tj_line *out);

/* A hash of a word without regard to case (ASCII). */
uint64_t tj_word_hash(const char *text, const tj_word *word);
uint64_t tj_fnv64(const char *bytes, size_t n); /* FNV-1a, 64 bits */

/* Does the phrase (words separated by single spaces, lower case) stand in the text, without regard
 * to case (ASCII), as whole words where it begins or ends with a letter or digit of ASCII? Gives
 * the place, or SIZE_MAX. */
size_t tj_find_phrase(const char *text, size_t len, const char *phrase);
size_t tj_count_phrase(const char *text, size_t len, const char *phrase);

/* Numbers: digits (also full-width ones), with commas between groups of three and a decimal point;
 * neither signs nor units. Canonical: no commas, no leading zeros, no zeros at the end of the
 * fraction. */
#define TJ_NUMBER_BYTES 64 /* longer ones are cut: two that differ after that count as equal */
typedef struct tj_number_at {
    size_t begin, end;
    char text[TJ_NUMBER_BYTES];
} tj_number_at;
bool tj_next_number(const char *text, size_t len, size_t *at, tj_number_at *out);

/* "en", "ja" or "zh", by the script: Japanese where there is kana, Chinese where there is Han and
 * no kana for at least a tenth of the words, else English. */
const char *tj_guess_language(const char *text, size_t len);

#endif
