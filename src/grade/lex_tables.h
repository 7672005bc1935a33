/* What LaTeX's commands and the characters beyond ASCII stand for. Part of the lexer.
 *
 * Threads: constant tables.
 */
#ifndef TJ_GRADE_LEX_TABLES_H
#define TJ_GRADE_LEX_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include "grade/lex.h"

/* What the lexer does itself, beside tj_tok_kind. */
typedef enum tj_lex_act {
    TJ_LEX_TOKEN,    /* gives a token */
    TJ_LEX_SPACE,    /* white space */
    TJ_LEX_NEGSPACE, /* \! */
    TJ_LEX_NOTHING,  /* dropped: \displaystyle, \big */
    TJ_LEX_DROP_ARG, /* dropped with its argument: \phantom{x} */
    TJ_LEX_TEXT,     /* its argument is words: \text{...} */
    TJ_LEX_FONT,     /* its argument as if it stood there: \mathbf{x} */
    TJ_LEX_BOX,      /* \boxed: the same, but what is in two boxes is not one number */
    TJ_LEX_VECTOR,   /* \hat, \vec: the same, but i, j and k alone may be unit vectors */
    TJ_LEX_BOLD,     /* \mathbf: the same, and R, Z and Q alone are sets of numbers */
    TJ_LEX_BB,       /* \mathbb: its argument's letter is a set of numbers */
    TJ_LEX_LEFT,     /* \left, \right: the bracket behind it knows its side */
    TJ_LEX_RIGHT,
    TJ_LEX_NOT,   /* \not: the relation behind it is negated */
    TJ_LEX_BEGIN, /* \begin{...} */
    TJ_LEX_END,
    TJ_LEX_COLOR, /* \textcolor{red}{x}: one argument dropped, the next as if it stood there */
    TJ_LEX_DOLLAR /* \$ */
} tj_lex_act;

typedef struct tj_lex_entry {
    const char *name; /* of a command, without the backslash */
    uint8_t act;      /* tj_lex_act */
    uint8_t kind;     /* of TJ_LEX_TOKEN: tj_tok_kind */
    int16_t id;
    const char *text;
} tj_lex_entry;

/* The command of a name of letters, or of one other character; NULL if there is none. */
const tj_lex_entry *tj_lex_command(const char *name, size_t n);
/* The environment of \begin{name}; false if there is none. */
bool tj_lex_environment(tj_tok_env *out, const char *name, size_t n);
/* What a character beyond ASCII stands for; NULL if it is a letter or unknown. */
const tj_lex_entry *tj_lex_character(uint32_t c);

/* Superscripts and subscripts: the ASCII character that c raises or lowers, and *is_sub; 0 if it
 * is none. */
char tj_lex_script(uint32_t c, bool *is_sub);
/* 256 * numerator + denominator of ½ and its like; 0 if c is none. */
int32_t tj_lex_vulgar(uint32_t c);

/* The text with what differs from ASCII only in width or face as ASCII (full-width forms,
 * mathematical letters, dashes, spaces), and where each of its bytes was: *origin is [*n + 1], NULL
 * where the text is ASCII and given as it is. Errors: TJ_E_PARSE (not UTF-8), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_lex_normalize(const char **out, size_t *n, const uint32_t **origin,
                                     tj_arena *arena, const char *text, size_t len, tj_err *err);

/* A run of kanji numerals at the beginning of text, also such as 12万3千: the bytes it takes (0 if
 * none is there), and its digits, most significant first, in *out, of at most 32. */
size_t tj_lex_kanji(const char *text, size_t len, char *out, size_t *n_digits);

/* Decodes the character at text, which is valid UTF-8; *n is its length. */
uint32_t tj_lex_decode(const char *text, size_t *n);

#endif
