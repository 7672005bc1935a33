/* What an answer says: a tree that the reader (read.h) makes of LaTeX or plain text, and that
 * decide.h compares. The tree keeps what was written (1/2 stays a quotient, 0.50 its digits); what
 * it is worth is decided by exact arithmetic later.
 *
 *     \frac{\pi}{4} + k\pi, k \in \mathbb{Z}
 *
 *     FAMILY ─┬─ ADD ─┬─ DIV ── (CONST pi, NUMBER 4)
 *             │       └─ MUL ── (SYMBOL k, CONST pi)
 *             ├─ SYMBOL k
 *             └─ NUMBERS Z
 *
 * Ownership: nodes and their strings live in the caller's arena.
 * Threads:   plain data.
 */
#ifndef TJ_GRADE_EXPR_H
#define TJ_GRADE_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

#include "grade/units.h"

typedef enum tj_ex_kind {
    /* atoms */
    TJ_EX_NUMBER,  /* num */
    TJ_EX_CONST,   /* id: tj_ex_const */
    TJ_EX_SYMBOL,  /* text: a variable or a name in mathematics: "x", "x_1", "alpha", "AB" */
    TJ_EX_TEXT,    /* text: words, folded by tj_words_fold() (words.h) */
    TJ_EX_CHOICE,  /* id: 0 for (A), 1 for (B), ... ; args: nothing, or what the choice says */
    TJ_EX_TIME,    /* num is unused; id: seconds since midnight, of a clock time */
    TJ_EX_DATE,    /* id: year * 10000 + month * 100 + day; parts not given are 0 */
    TJ_EX_NUMBERS, /* id: tj_ex_numbers, the set of all integers ... */
    /* arithmetic */
    TJ_EX_ADD,       /* 2 or more terms; a - b is ADD(a, NEG(b)) */
    TJ_EX_MUL,       /* 2 or more factors */
    TJ_EX_NEG,       /* 1 */
    TJ_EX_DIV,       /* numerator, denominator */
    TJ_EX_POW,       /* base, exponent */
    TJ_EX_CALL,      /* id: tj_ex_fn; its arguments */
    TJ_EX_APPLY,     /* text: name of a function that is not known ("f"); its arguments */
    TJ_EX_PLUSMINUS, /* 1: the value and its opposite; id 1 for \mp, which takes the other sign than
                      * every \pm of the same expression */
    TJ_EX_SUM,       /* index symbol, first, last, term; both ends included */
    TJ_EX_PRODUCT,   /* the same, of factors */
    TJ_EX_QUANTITY,  /* 1: a value, times unit */
    /* collections */
    TJ_EX_TUPLE,        /* (a, b, ...): ordered, 2 or more */
    TJ_EX_LIST,         /* a, b, ... without brackets, or joined by "and" / "or": several answers;
                         * id 1 if joined by "or" */
    TJ_EX_SET,          /* {a, b, ...}; no arguments: the empty set */
    TJ_EX_MATRIX,       /* n_rows rows, row by row; a column vector has one value a row */
    TJ_EX_INTERVAL,     /* lower end, upper end; id: TJ_EX_OPEN_LOW | TJ_EX_OPEN_HIGH */
    TJ_EX_UNION,        /* 2 or more sets */
    TJ_EX_INTERSECTION, /* 2 or more sets */
    TJ_EX_DIFFERENCE,   /* set, what is taken out of it */
    TJ_EX_WHERE,        /* element, condition: {x : x > 3}, and "x + 1 where x > 0" */
    TJ_EX_FAMILY,       /* values (any expression, LIST, equation), parameter symbol, its domain */
    /* statements */
    TJ_EX_RELATION, /* a R b S c ...: n_args sides, rels[n_args - 1] signs between them */
    TJ_EX_AND,      /* 2 or more statements that hold together: a system, "x = 1 and y = 2" */
    /* reading */
    TJ_EX_EITHER /* 2 to TJ_EX_MAX_READINGS readings of an ambiguous text, likeliest first:
                  * "(1, 2)" is a tuple or an open interval, "1,234" a number or two */
} tj_ex_kind;

typedef enum tj_ex_const {
    TJ_CONST_PI,
    TJ_CONST_E,
    TJ_CONST_I,
    TJ_CONST_INFINITY, /* +infinity; -infinity is its NEG */
    TJ_CONST_UNDEFINED /* "undefined", "does not exist" */
} tj_ex_const;

typedef enum tj_ex_numbers {
    TJ_NUMBERS_NATURAL, /* positive integers */
    TJ_NUMBERS_INTEGER,
    TJ_NUMBERS_RATIONAL,
    TJ_NUMBERS_REAL,
    TJ_NUMBERS_COMPLEX
} tj_ex_numbers;

/* Functions. Arguments of trigonometric functions are radians; a QUANTITY in degrees is converted
 * like any unit. */
typedef enum tj_ex_fn {
    TJ_FN_SQRT, /* 1 */
    TJ_FN_ROOT, /* degree, radicand */
    TJ_FN_EXP,
    TJ_FN_LN,  /* natural */
    TJ_FN_LOG, /* base, argument; \log without a base is base 10 (an EITHER with LN is not made:
                * both sides write it alike, and "log" of a number is decimal in school texts) */
    TJ_FN_SIN,
    TJ_FN_COS,
    TJ_FN_TAN,
    TJ_FN_COT,
    TJ_FN_SEC,
    TJ_FN_CSC,
    TJ_FN_ASIN,
    TJ_FN_ACOS,
    TJ_FN_ATAN,
    TJ_FN_ACOT,
    TJ_FN_ASEC,
    TJ_FN_ACSC,
    TJ_FN_SINH,
    TJ_FN_COSH,
    TJ_FN_TANH,
    TJ_FN_ASINH,
    TJ_FN_ACOSH,
    TJ_FN_ATANH,
    TJ_FN_ABS, /* also the length of a vector, the determinant of a matrix */
    TJ_FN_FLOOR,
    TJ_FN_CEIL,
    TJ_FN_FACTORIAL,
    TJ_FN_DOUBLE_FACTORIAL,
    TJ_FN_BINOMIAL,     /* n, k */
    TJ_FN_PERMUTATIONS, /* n, k: n! / (n - k)! */
    TJ_FN_GCD,          /* 2 or more */
    TJ_FN_LCM,
    TJ_FN_MIN,
    TJ_FN_MAX,
    TJ_FN_MOD, /* a mod b, in [0, b) */
    TJ_FN_SIGN,
    TJ_FN_RE,
    TJ_FN_IM,
    TJ_FN_CONJ,
    TJ_FN_ARG,
    TJ_FN_DET,
    TJ_FN_TRANSPOSE
} tj_ex_fn;

typedef enum tj_ex_rel {
    TJ_REL_EQ,
    TJ_REL_NE,
    TJ_REL_LT,
    TJ_REL_LE,
    TJ_REL_GT,
    TJ_REL_GE,
    TJ_REL_IN,       /* element of */
    TJ_REL_APPROX,   /* \approx: the right side is a rounding of the left */
    TJ_REL_CONGRUENT /* a \equiv b \pmod m is RELATION(a CONGRUENT CALL MOD'(b, m)); the modulus is
                      * the second argument of the right side's TJ_FN_MOD */
} tj_ex_rel;

#define TJ_EX_OPEN_LOW  1
#define TJ_EX_OPEN_HIGH 2

#define TJ_EX_MAX_BYTES    4096 /* of an answer's text: far above any answer, and bounds the rest */
#define TJ_EX_MAX_NODES    2048
#define TJ_EX_MAX_DEPTH    64 /* nesting; recursion over a tree is bounded by it */
#define TJ_EX_MAX_DIGITS   1024
#define TJ_EX_MAX_EXPONENT 100000 /* of scientific notation, absolute */
#define TJ_EX_MAX_READINGS 4

#define TJ_EX_INT_DIGITS 20 /* of the largest 64-bit value */

/* A number as it was written, without its sign (a NEG above it). */
typedef struct tj_ex_num {
    const char *digits; /* [n_digits] '0'-'9', 'a'-'z': most significant first, the point left out;
                         * no leading zeros but those behind the point; at least one digit */
    uint32_t n_digits;
    uint32_t n_frac;   /* of n_digits, those behind the point */
    uint32_t n_repeat; /* of n_frac, the last ones, which repeat without end */
    int32_t exponent;  /* power of ten of scientific notation, times which all of it is */
    uint8_t base;      /* 2 to 36; 10 unless written (203_7) */
    bool is_decimal;   /* written with a point or an exponent, so it may be a rounding */
} tj_ex_num;

typedef struct tj_ex tj_ex;
struct tj_ex {
    tj_ex_kind kind;
    int32_t id;
    uint32_t n_args;
    uint32_t n_rows;       /* MATRIX */
    const tj_ex **args;    /* [n_args] */
    const tj_ex_rel *rels; /* RELATION [n_args - 1] */
    const char *text;      /* SYMBOL, TEXT, APPLY; zero-terminated UTF-8 */
    tj_ex_num num;         /* NUMBER */
    tj_unit unit;          /* QUANTITY */
};

/* A node with room for n_args arguments (all NULL); NULL when the arena is exhausted. */
tj_ex *tj_ex_new(tj_arena *arena, tj_ex_kind kind, size_t n_args);
/* Puts a, and b where the node has two arguments, into a new node and gives it; NULL if any of them
 * is. For those who count nodes as they make them. */
tj_ex *tj_ex_fill(tj_ex *ex, const tj_ex *a, const tj_ex *b);
/* The decimal digits of a value, without a zero byte behind; returns how many there are. */
size_t tj_ex_digits(char digits[TJ_EX_INT_DIGITS], uint64_t value);
/* Nodes of one and two arguments, and an integer literal; NULL if an argument is NULL or the arena
 * exhausted, so that calls can be nested and checked once. */
tj_ex *tj_ex_unary(tj_arena *arena, tj_ex_kind kind, const tj_ex *a);
tj_ex *tj_ex_binary(tj_arena *arena, tj_ex_kind kind, const tj_ex *a, const tj_ex *b);
tj_ex *tj_ex_call(tj_arena *arena, tj_ex_fn fn, const tj_ex *a, const tj_ex *b); /* b NULL: unary */
tj_ex *tj_ex_integer(tj_arena *arena, int64_t value);

/* A total order of trees by structure; 0 exactly when they are written alike (numbers by digits).
 */
int tj_ex_compare(const tj_ex *a, const tj_ex *b);

/* The tree as plain text that people read: "pi/4 + k*pi, k in Z". */
void tj_ex_show(tj_buf *out, const tj_ex *ex);
/* The same where tj_read() reads it back to an equal tree, and else the tree spelled out
 * (spelled.h), which is read back; what is beyond the reader's bounds is only shown. Costs a
 * reading, in the scratch arena, whose content is lost; without memory *out has failed. */
void tj_ex_print(tj_buf *out, tj_arena *scratch, const tj_ex *ex);

/* The function's name in plain text ("sqrt"). */
const char *tj_ex_fn_name(tj_ex_fn fn);

#endif
