/* From bytes to tokens: LaTeX commands, plain text and Unicode mathematics become the same tokens,
 * so that the parser (reader.h) knows one spelling of everything.
 *
 *     \frac{\text{x}}{２}²  ─▶  FRAC { WORD(x) } { DIGIT(2) } ^ { DIGIT(2) }
 *
 * What only shows on paper is gone: spacing (it leaves flags), \left, fonts, $ and Markdown around
 * the whole. Words of \text{...} are flagged; so are words outside of $...$ where there is such.
 *
 * Ownership: tokens live in the arena; their texts too, or are static, or borrowed from the text.
 * Threads:   constant tables.
 * Cost:      linear.
 */
#ifndef TJ_GRADE_LEX_H
#define TJ_GRADE_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

typedef enum tj_tok_kind {
    TJ_TOK_END,
    /* with a value */
    TJ_TOK_DIGIT,   /* id: 0 to 9 */
    TJ_TOK_VULGAR,  /* id: 256 * numerator + denominator, of a character such as ½ */
    TJ_TOK_WORD,    /* text: a run of letters */
    TJ_TOK_QUOTED,  /* text: what stands between "..." */
    TJ_TOK_NAME,    /* text: a symbol that has a name: "alpha" */
    TJ_TOK_CONST,   /* id: tj_ex_const */
    TJ_TOK_FN,      /* id: tj_ex_fn */
    TJ_TOK_CIS,     /* cos x + i sin x of what follows */
    TJ_TOK_BASIS,   /* id: 0 to 2, a bold i, j or k, or one under a hat or an arrow */
    TJ_TOK_NUMBERS, /* id: tj_ex_numbers */
    TJ_TOK_UNIT,    /* text: a sign that is a unit, behind its value: "°", "%" */
    TJ_TOK_MONEY,   /* text: a sign of a currency: "$" */
    TJ_TOK_REL,     /* id: tj_ex_rel */
    TJ_TOK_ENV,     /* id: tj_tok_env; begins it */
    TJ_TOK_ENV_END, /* id: tj_tok_env */
    TJ_TOK_SQRT,    /* id: degree */
    /* operators */
    TJ_TOK_PLUS,
    TJ_TOK_MINUS,
    TJ_TOK_PM,    /* id: 1 for \mp */
    TJ_TOK_TIMES, /* id: 1 for a sign that numbers in scientific notation have, 0 for '*' */
    TJ_TOK_SLASH, /* id: 1 for U+2044 */
    TJ_TOK_CARET,
    TJ_TOK_UNDER,
    TJ_TOK_BANG,
    TJ_TOK_PRIME, /* id: how many */
    TJ_TOK_CIRC,  /* \circ */
    TJ_TOK_CUP,
    TJ_TOK_CAP,
    TJ_TOK_SETMINUS,
    TJ_TOK_EMPTYSET,
    TJ_TOK_BMOD,
    TJ_TOK_PMOD,
    /* punctuation and brackets; an opening bracket's closing one is the next enumerator */
    TJ_TOK_COMMA, /* id: 1 for {,}, which only separates thousands */
    TJ_TOK_SEMICOLON,
    TJ_TOK_COLON,
    TJ_TOK_POINT,
    TJ_TOK_DOTS,
    TJ_TOK_LPAREN,
    TJ_TOK_RPAREN,
    TJ_TOK_LBRACKET,
    TJ_TOK_RBRACKET,
    TJ_TOK_LBRACE, /* { that only groups */
    TJ_TOK_RBRACE,
    TJ_TOK_LSET, /* \{ */
    TJ_TOK_RSET,
    TJ_TOK_LANGLE,
    TJ_TOK_RANGLE,
    TJ_TOK_LFLOOR,
    TJ_TOK_RFLOOR,
    TJ_TOK_LCEIL,
    TJ_TOK_RCEIL,
    TJ_TOK_LBAR, /* \lvert, \left| */
    TJ_TOK_RBAR,
    TJ_TOK_BAR,  /* |, which opens or closes */
    TJ_TOK_NORM, /* two bars */
    TJ_TOK_MID,  /* \mid: such that */
    TJ_TOK_AMP,
    TJ_TOK_NEWLINE, /* \\ */
    /* LaTeX's constructions */
    TJ_TOK_FRAC,
    TJ_TOK_BINOM,
    TJ_TOK_OVER,
    TJ_TOK_CHOOSE,
    TJ_TOK_SUM,
    TJ_TOK_PROD,
    TJ_TOK_OVERLINE,
    TJ_TOK_DOT_ABOVE,
    TJ_TOK_SHAPE, /* text: \triangle, \angle: part of the name of what follows */
    TJ_TOK_FORALL,
    TJ_TOK_OTHER /* text: what no rule reads, so that the message can name it */
} tj_tok_kind;

typedef enum tj_tok_env {
    TJ_ENV_MATRIX, /* pmatrix, bmatrix, matrix, smallmatrix, array */
    TJ_ENV_DET,    /* vmatrix */
    TJ_ENV_NORM,   /* Vmatrix */
    TJ_ENV_CASES,  /* cases, aligned, ...: statements one a line */
    TJ_ENV_LINES
} tj_tok_env;

#define TJ_TOK_SPACED   1 /* white space before it */
#define TJ_TOK_NEGSPACE 2 /* \! before it */
#define TJ_TOK_IN_TEXT  4 /* in \text{...}, or outside of the $...$ that the text has */
#define TJ_TOK_REPEATS  8 /* a digit under a combining line or dot */

typedef struct tj_token {
    uint8_t kind;
    uint8_t flags;
    uint16_t n_text;
    int32_t id;
    uint32_t begin, end; /* bytes of the text that it was read from */
    const char *text;    /* [n_text]; not zero-terminated */
} tj_token;

typedef struct tj_lexed {
    const tj_token *tokens; /* [n_tokens], then one END */
    size_t n_tokens;
} tj_lexed;

/* Errors: TJ_E_PARSE (not UTF-8; braces that do not match; an unknown command), TJ_E_LIMIT
 * (TJ_EX_MAX_BYTES, TJ_EX_MAX_DEPTH), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_lex(tj_lexed *out, tj_arena *arena, const char *text, size_t len,
                           tj_err *err);

#endif
