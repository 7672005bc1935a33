/* Inside of extraction: what the files that find an answer in a text share.
 *
 *     extract.c         the stages in their order, and what is no part of an output (thinking)
 *     extract_cue.c     places that announce an answer: \boxed, "the answer is", ####, **bold**
 *     extract_value.c   runs of values in a sentence
 *     extract_token.c   a sentence's pieces
 *     extract_formula.c where formulas and brackets end
 *
 * Threads: no shared state.
 */
#ifndef TJ_GRADE_EXTRACT_H
#define TJ_GRADE_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "grade/expr.h"
#include "grade/grade.h"

#define TJ_MAX_BARE_BYTES 1024 /* a longer text is an output, not an answer */
#define TJ_MAX_CUES       8    /* places of a kind that are looked at, from the last one back */

/* A piece of a text, in bytes. */
typedef struct tj_span {
    size_t begin, end;
} tj_span;

static inline bool tj_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool tj_is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}
static inline bool tj_is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}
static inline bool tj_is_letter(char c)
{
    return tj_is_lower(c) || tj_is_upper(c);
}
static inline bool tj_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The text that is searched, and what has been read of it. */
typedef struct tj_extractor {
    const char *s;
    tj_arena *arena;   /* of trees */
    const tj_ex *tree; /* of the last span that was read, NULL if it could not be */
    tj_span read;      /* that span */
} tj_extractor;

typedef enum tj_reads { TJ_READS_NOT, TJ_READS_WORDS, TJ_READS_MATH } tj_reads;
tj_reads tj_extract_read(tj_extractor *x, tj_span at);

/* Finds the answer in s[0 .. len). x->s and x->arena are given; afterwards x->tree is the tree of
 * x->read, which need not be what was found. */
void tj_extract(tj_extraction *out, tj_extractor *x, size_t len);

/* Without white space at both ends. */
tj_span tj_span_trim(const char *s, tj_span at);
static inline bool tj_span_empty(tj_span at)
{
    return at.begin >= at.end;
}
/* Whether s[at..] begins with word, ASCII letters in either case where `word` is lower case. */
bool tj_span_starts(const char *s, size_t at, size_t end, const char *word);
/* Whether a span is one of words, which are in lower case, whatever the case of its letters. */
bool tj_span_among(const char *s, tj_span at, const char *const *words, size_t n_words);
/* The first occurrence of word from at on; end if there is none. */
size_t tj_span_find(const char *s, size_t at, size_t end, const char *word);

/* at + most, or end if that is less. */
size_t tj_at_most(size_t at, size_t end, size_t most);

/* ------------------------------------------------------------ formulas and brackets */

/* Behind the formula that begins at `at`; `at` if none does. */
size_t tj_formula_end(const char *s, size_t at, size_t end);
/* Behind the bracket that closes the one at `at`, of any kind ("[1, 2)"); `end` if none does. */
size_t tj_close_of(const char *s, size_t at, size_t end);
/* Whether there are at least n words of prose: two letters or more that are no name, command,
 * argument of \text, or unit behind a digit. */
bool tj_has_words(const char *s, size_t at, size_t end, size_t n);
/* Letters that are no word: names of functions and constants. */
bool tj_is_math_name(const char *s, size_t n);

/* ------------------------------------------------------------ pieces */

typedef enum tj_piece_kind {
    TJ_PIECE_END,     /* of the text, the line or the sentence */
    TJ_PIECE_FORMULA, /* $...$, \(...\), \begin{...}...\end{...}: with its delimiters */
    TJ_PIECE_NUMBER,  /* mathematics with a digit */
    TJ_PIECE_MATH,    /* mathematics without one */
    TJ_PIECE_SIGN,    /* an operator or a relation alone */
    TJ_PIECE_LETTER,  /* a letter alone, "a" and "I" among them */
    TJ_PIECE_CHOICE,  /* (A) to (J) */
    TJ_PIECE_JOIN,    /* "and", "or", a comma */
    TJ_PIECE_UNIT,    /* a unit's name */
    TJ_PIECE_WORD
} tj_piece_kind;

typedef struct tj_piece {
    tj_piece_kind kind;
    tj_span at;
    size_t next; /* where the one after it is looked for */
} tj_piece;

/* The piece at or behind `at`, of a text that ends at `end`. A line's end is an END whose `at` is
 * empty. */
tj_piece tj_piece_next(const char *s, size_t at, size_t end);

/* ------------------------------------------------------------ values */

typedef struct tj_value {
    tj_span at;
    const char *rule; /* "math", "number" or "choice"; NULL if there is none */
    bool negated;     /* values were passed over, since "not" stands before them */
} tj_value;

/* The value that a sentence begins with, as far as it goes: "3 and 5", "$18$ dollars". */
tj_value tj_value_first(const char *s, tj_span sentence);
/* The last value of a text. */
tj_value tj_value_last(const char *s, tj_span text);
/* The end of the sentence that begins at `at`; what stands in formulas and brackets ends none. */
size_t tj_sentence_end(const char *s, size_t at, size_t end);
/* Words of prose outside of formulas (in Japanese and Chinese, characters), counted up to `max`;
 * one that only sentences have ("is", "therefore") counts as max. */
size_t tj_count_prose(const char *s, tj_span at, size_t max);

/* ------------------------------------------------------------ places; *at is unchanged where they
 * find nothing, and they then return false */

typedef enum tj_box_state {
    TJ_BOX_NONE,
    TJ_BOX_EMPTY, /* those that there are hold nothing */
    TJ_BOX_CUT    /* the last one is not closed before the text ends */
} tj_box_state;

/* The content of the last \boxed; *state is why there is none. */
bool tj_find_boxed(tj_span *at, tj_box_state *state, const char *s, tj_span text);
/* What follows the last "answer is" before `before`: from its first byte to the text's end; *cue
 * is where the phrase begins. */
bool tj_find_cue(tj_span *at, size_t *cue, const char *s, tj_span text, size_t before);
bool tj_find_hashes(tj_span *at, const char *s, tj_span text);
/* The content of the last **...** before `before` that is no heading. */
bool tj_find_bold(tj_span *at, const char *s, tj_span text, size_t before);

#endif
