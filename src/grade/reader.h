/* The parser behind tj_read(): recursive descent over the tokens of lex.h.
 *
 *     sequence   statement (("," | ";" | "and" | "or" | "where" ...) statement)*
 *     statement  sets (("=" | "<" | "in" ...) sets)*
 *     sets       sum (("union" | "intersection" | "without") sum)*
 *     sum        [sign] product (("+" | "-" | "±") product)*
 *     product    factor (["*" | "/"] factor)* [unit]
 *     factor     primary ("!" | "^" factor | "°" | ...)*
 *
 * What a text leaves open (is "(1,2)" a point?) is decided by the reader's modes; what it met that
 * a mode decides is recorded, so that tj_read() can read again in the other mode.
 *
 * Every function returns NULL after an error, which is recorded in the reader; the first one stays.
 * Each section below names the file that its functions are in.
 *
 * Threads: a reader is confined to one thread.
 */
#ifndef TJ_GRADE_READER_H
#define TJ_GRADE_READER_H

#include <stdbool.h>

#include "grade/expr.h"
#include "grade/lex.h"

/* What "1,234" and "1,5" are. */
typedef enum tj_comma_mode { TJ_COMMA_THOUSANDS, TJ_COMMA_LIST, TJ_COMMA_DECIMAL } tj_comma_mode;
/* What "3:45" is. */
typedef enum tj_clock_mode { TJ_CLOCK_TIME, TJ_CLOCK_AFTERNOON, TJ_CLOCK_RATIO } tj_clock_mode;
/* What the bold i and j of "3i - 4j" are: letters, unit vectors of the plane or of space. */
typedef enum tj_basis_mode { TJ_BASIS_LETTERS, TJ_BASIS_PLANE, TJ_BASIS_SPACE } tj_basis_mode;

typedef struct tj_modes {
    tj_comma_mode comma;
    tj_clock_mode clock;
    bool pair_is_interval; /* "(1,2)" */
    bool loose_units;      /* "5 m" is metres */
    bool marks_are_feet;   /* 5'6" is of feet and inches, not of minutes and seconds */
    bool lone_digit;       /* A_{16} is ten */
    bool named_point;      /* A(1, 2) is the point A = (1, 2) */
    tj_basis_mode basis;
    bool bound_i; /* i is a name: "k*pi, where i is an integer" */
    bool bound_e;
} tj_modes;

/* What was met that a mode decides. */
#define TJ_MET_THOUSANDS   1u  /* "1,234" */
#define TJ_MET_DECIMAL     2u  /* "1,5" */
#define TJ_MET_PAIR        4u  /* "(1,2)" */
#define TJ_MET_LOOSE_UNIT  8u  /* "5 m" */
#define TJ_MET_BOUND_I     16u /* a parameter is called i */
#define TJ_MET_BOUND_E     32u
#define TJ_MET_CLOCK       64u   /* "3:45" */
#define TJ_MET_MORNING     128u  /* ... and it may be in the afternoon */
#define TJ_MET_MARKS       256u  /* 5' without degrees before it */
#define TJ_MET_BASIS       512u  /* a bold i */
#define TJ_MET_LONE_DIGIT  1024u /* A_{16} */
#define TJ_MET_POINT       2048u /* A(1, 2) */
#define TJ_MAX_OTHER_MODES 10    /* that one text can ask for */

/* Where a comma stands. */
typedef enum tj_place {
    TJ_PLACE_TOP,    /* outside of brackets: the mode decides */
    TJ_PLACE_LIST,   /* in brackets: it separates */
    TJ_PLACE_SCALAR, /* where only one value can be: it belongs to a number */
} tj_place;

#define TJ_READER_MAX_BOUND 4   /* indices of sums in sums */
#define TJ_READER_MAX_NAME  128 /* bytes of a name with all that is tied to it */

typedef struct tj_reader {
    tj_arena *arena;
    tj_err *err;            /* NULL is allowed */
    const tj_token *tokens; /* [n_tokens], then one more */
    size_t n_tokens;
    tj_token end;      /* what stands behind them */
    size_t at;         /* the token that comes next */
    size_t sub;        /* bytes of it, a WORD, that are read */
    size_t number_end; /* the token behind the last number: no other is multiplied with it there */
    tj_code rc;        /* the first error */
    uint32_t n_nodes;
    unsigned depth; /* of recursion */
    tj_modes modes;
    uint32_t met;
    tj_place place;
    unsigned n_bars; /* |...| that are open in the innermost bracket */
    unsigned n_norms;
    bool bar_separates; /* directly in { ... }, where "|" means "such that" */
    bool in_exponent;
    bool thousands_tight; /* the text has ", ", so that "," within digits separates thousands */
    const char *bound[TJ_READER_MAX_BOUND]; /* names that are no constants: indices */
    size_t n_bound;
} tj_reader;

/* ------------------------------------------------------------ reader.c */

/* Sets the error "byte N: expected WHAT" of the next token, unless there is one; returns NULL. */
const tj_ex *tj_reader_fail(tj_reader *r, const char *expected);
const tj_ex *tj_reader_fail_code(tj_reader *r, tj_code code, const char *what);

/* The token that comes `ahead` tokens behind the next one; END where there is none. */
static inline const tj_token *tj_reader_peek(const tj_reader *r, size_t ahead)
{
    return r->at + ahead < r->n_tokens ? &r->tokens[r->at + ahead] : &r->end;
}

static inline bool tj_reader_at(const tj_reader *r, tj_tok_kind kind)
{
    return tj_reader_peek(r, 0)->kind == kind;
}

static inline void tj_reader_next(tj_reader *r)
{
    r->at += r->at < r->n_tokens;
    r->sub = 0;
}

static inline bool tj_reader_accept(tj_reader *r, tj_tok_kind kind)
{
    if (!tj_reader_at(r, kind)) {
        return false;
    }
    tj_reader_next(r);
    return true;
}

/* The next token, which must be of this kind, is read; else false and an error. */
bool tj_reader_expect(tj_reader *r, tj_tok_kind kind, const char *expected);
/* Whether the token `ahead` is the word, which is in lower case. */
bool tj_reader_is_word(const tj_reader *r, size_t ahead, const char *word);
bool tj_reader_accept_word(tj_reader *r, const char *word);
/* Reads one of n words, if the next token is one of them. */
bool tj_reader_accept_any(tj_reader *r, const char *const *words, size_t n);
/* Reads a sequence of words, separated by spaces in `words`, if all are there. */
bool tj_reader_accept_words(tj_reader *r, const char *words);

/* One more level of recursion; false and an error when there are too many. */
bool tj_reader_enter(tj_reader *r);
void tj_reader_leave(tj_reader *r);

/* Nodes, as tj_ex_*; NULL if an argument is NULL. */
tj_ex *tj_reader_new(tj_reader *r, tj_ex_kind kind, size_t n_args);
const tj_ex *tj_reader_unary(tj_reader *r, tj_ex_kind kind, const tj_ex *a);
const tj_ex *tj_reader_binary(tj_reader *r, tj_ex_kind kind, const tj_ex *a, const tj_ex *b);
const tj_ex *tj_reader_call(tj_reader *r, tj_ex_fn fn, const tj_ex *a, const tj_ex *b);
const tj_ex *tj_reader_integer(tj_reader *r, int64_t value);
const tj_ex *tj_reader_const(tj_reader *r, tj_ex_const which);
const tj_ex *tj_reader_symbol(tj_reader *r, const char *text, size_t n);
const tj_ex *tj_reader_quantity(tj_reader *r, const tj_ex *value, const tj_unit *unit);

/* A growing array of nodes. */
typedef struct tj_nodes {
    const tj_ex **items; /* [n] */
    size_t n, cap;
} tj_nodes;
bool tj_nodes_add(tj_reader *r, tj_nodes *nodes, const tj_ex *ex); /* false if ex is NULL */
/* A node of these arguments. */
tj_ex *tj_reader_from(tj_reader *r, tj_ex_kind kind, const tj_nodes *nodes);

bool tj_ex_is_set(const tj_ex *ex);   /* an interval, {...}, ... */
bool tj_ex_is_value(const tj_ex *ex); /* what can be computed with */
/* Whether the symbol occurs. */
bool tj_ex_has_symbol(const tj_ex *ex, const char *text);

/* ------------------------------------------------------------ read_number.c, read_base.c,
 * read_number_words.c */

/* A number at digits or a point before digits. */
const tj_ex *tj_reader_number(tj_reader *r, bool with_times_ten);
/* "1A_{16}", "A5_{11}", "FF_{16}": digits that are letters, of which there are two or more in all,
 * or one that is the whole text; NULL without an error if it is none. */
const tj_ex *tj_reader_letter_number(tj_reader *r);
/* "(1011)_2"; NULL without an error if it is none. */
const tj_ex *tj_reader_based_paren(tj_reader *r);
/* Digits alone, as of 2^10: no thousands, fractions, bases. */
const tj_ex *tj_reader_plain_number(tj_reader *r);
/* One digit: the argument of \frac12. */
const tj_ex *tj_reader_digit(tj_reader *r);
/* An integer literal with its sign from the token `ahead` on; *end is the token behind it. Beyond
 * TJ_EX_MAX_EXPONENT *out is only known to be so. */
bool tj_reader_small_integer(const tj_reader *r, size_t ahead, int32_t *out, size_t *end);
/* The base behind a number, if one is written there; false after an error. */
bool tj_reader_base(tj_reader *r, tj_ex *number);
/* A number in words; NULL without an error if none is there. */
const tj_ex *tj_reader_number_words(tj_reader *r);
/* A number node of n digits with leading zeros, of which n_frac are behind the point. */
tj_ex *tj_reader_digits(tj_reader *r, const char *digits, size_t n, size_t n_frac);

/* ------------------------------------------------------------ read_sum.c, read_factor.c */

const tj_ex *tj_reader_sum(tj_reader *r);
/* The opposite of a value. -(5 cm) is (-5) cm, so that a temperature of -5 °C is read rightly. */
const tj_ex *tj_reader_negate(tj_reader *r, const tj_ex *ex);
const tj_ex *tj_reader_product(tj_reader *r);
const tj_ex *tj_reader_factor(tj_reader *r, bool with_times_ten);
const tj_ex *tj_reader_primary(tj_reader *r, bool with_times_ten);
/* Whether the next token can begin a factor that is multiplied without a sign. */
bool tj_reader_starts_factor(const tj_reader *r);
/* Whether "(k in Z)" follows, a condition in brackets. */
bool tj_reader_at_domain(const tj_reader *r);
/* Whether U stands for a union: "(1, 2) U [3, 4]". */
bool tj_reader_at_letter_union(const tj_reader *r);
/* The value of { ... } or of the one token that LaTeX takes as an argument. */
const tj_ex *tj_reader_argument(tj_reader *r);
/* What stands in { ... }: a sum where a comma belongs to a number. */
const tj_ex *tj_reader_group(tj_reader *r);

/* ------------------------------------------------------------ read_word.c, read_name.c */

typedef enum tj_word_kind {
    TJ_WORD_UNKNOWN, /* letters: variables, units or prose */
    TJ_WORD_VALUE,   /* begins a value: a function, a constant, a Greek letter */
    TJ_WORD_SIGN     /* joins: "and", "or", "mod", "in", ... */
} tj_word_kind;
tj_word_kind tj_reader_word_kind(const tj_token *token);
/* Whether a WORD is the name of a function that LaTeX has a command for: \operatorname{sin}. */
bool tj_reader_is_function(const tj_token *token);
const tj_ex *tj_reader_word(tj_reader *r);
/* A symbol at NAME or at a piece of a WORD, with its subscript and primes. */
const tj_ex *tj_reader_name(tj_reader *r);
/* One letter alone, as LaTeX takes it for an argument: the n of \frac n2. */
const tj_ex *tj_reader_letter(tj_reader *r);
/* What is tied to a name, of which name[0 .. n) is read; there is room for TJ_READER_MAX_NAME bytes
 * and 8 more. `began` is where it began: 0 at the beginning of the text. */
const tj_ex *tj_reader_finish_name(tj_reader *r, char *name, size_t n, size_t began);
/* Whether the token is the ABC of a triangle. */
bool tj_reader_are_points(const tj_token *token);
/* The same of all the letters of a WORD. */
const tj_ex *tj_reader_whole_name(tj_reader *r);

/* ------------------------------------------------------------ read_named.c */

/* "anyof(a; b)" and its like; *found is false, and nothing read, if none is there. */
const tj_ex *tj_reader_named(tj_reader *r, bool *found);

/* ------------------------------------------------------------ read_bracket.c */

const tj_ex *tj_reader_paren(tj_reader *r);   /* ( ... ) or ( ... ] */
const tj_ex *tj_reader_bracket(tj_reader *r); /* [ ... ], [ ... ), ] ... [ */
const tj_ex *tj_reader_braces(tj_reader *r);  /* { ... } */
const tj_ex *tj_reader_set(tj_reader *r);     /* \{ ... \} */
const tj_ex *tj_reader_angle(tj_reader *r);   /* < ... > */
const tj_ex *tj_reader_bars(tj_reader *r);    /* | ... | */
const tj_ex *tj_reader_enclosed(tj_reader *r, tj_tok_kind open, tj_ex_fn fn);
/* A pair as the open interval that it is where only sets can be. */
const tj_ex *tj_reader_as_set(tj_reader *r, const tj_ex *ex);

/* ------------------------------------------------------------ read_call.c */

const tj_ex *tj_reader_function(tj_reader *r, tj_ex_fn fn); /* behind its name */
const tj_ex *tj_reader_cis(tj_reader *r);                   /* behind it: cos x + i sin x */
const tj_ex *tj_reader_fraction(tj_reader *r);
const tj_ex *tj_reader_root(tj_reader *r);
const tj_ex *tj_reader_binomial(tj_reader *r);
const tj_ex *tj_reader_big(tj_reader *r); /* sums, products */
/* "sum(k, 1, n, k^2)" behind the word. */
const tj_ex *tj_reader_plain_big(tj_reader *r, tj_ex_kind kind);
/* The arguments "(a, b, ...)". */
bool tj_reader_arguments(tj_reader *r, tj_nodes *out);
/* How many arguments a function takes; *max is SIZE_MAX for any. */
void tj_reader_arity(tj_ex_fn fn, size_t *min, size_t *max);
/* A function's argument without brackets: "\sin 2x". */
const tj_ex *tj_reader_bare_argument(tj_reader *r);

/* ------------------------------------------------------------ read_matrix.c */

const tj_ex *tj_reader_environment(tj_reader *r);
bool tj_reader_at_plain_matrix(const tj_reader *r);
const tj_ex *tj_reader_plain_matrix(tj_reader *r); /* [[1, 2], [3, 4]] */

/* ------------------------------------------------------------ read_unit.c */

/* A unit behind a value, if one is there. */
bool tj_reader_unit(tj_reader *r, tj_unit *out, bool behind_number);
/* As tj_unit_combine; memory that has run out is an error. */
bool tj_reader_combine(tj_reader *r, tj_unit *out, const tj_unit *a, int power_a, const tj_unit *b,
                       int power_b);
const tj_ex *tj_reader_money(tj_reader *r);  /* $5, USD 5 */
bool tj_reader_at_money(const tj_reader *r); /* at a currency's code before an amount */

/* ------------------------------------------------------------ read_statement.c, read_sequence.c */

bool tj_reader_is_letter(const tj_token *token); /* a name alone: "k" */

/* The statement "a sign b"; NULL if one of them is. */
const tj_ex *tj_reader_relation(tj_reader *r, const tj_ex *a, tj_ex_rel sign, const tj_ex *b);
const tj_ex *tj_reader_statement(tj_reader *r);
const tj_ex *tj_reader_sets(tj_reader *r);
const tj_ex *tj_reader_item(tj_reader *r); /* sets, or the dots of "1, 2, ..., n" */
const tj_ex *tj_reader_sequence(tj_reader *r);
/* Whether equations and inequalities that a comma or "and" joins hold together. */
bool tj_ex_is_system(const tj_ex *const *items, size_t n);
/* i and e are constants until ex says that they are a parameter; then the text is read again. */
void tj_reader_meet_bound(tj_reader *r, const tj_ex *ex);
/* Whether ex is a capital letter alone. */
bool tj_ex_is_capital(const tj_ex *ex);

/* ------------------------------------------------------------ read_text.c, read_choice.c,
 * read_clock.c, read_phrase.c: the whole text, or NULL without an error */

const tj_ex *tj_reader_choice(tj_reader *r); /* (B) 12 */
const tj_ex *tj_reader_clock(tj_reader *r);  /* 3:45 p.m. */
const tj_ex *tj_reader_date(tj_reader *r);   /* May 5, 2020 */
const tj_ex *tj_reader_phrase(tj_reader *r); /* all real numbers */

/* Any of these. */
const tj_ex *tj_reader_special(tj_reader *r);
const tj_ex *tj_reader_prose(tj_reader *r);
const tj_ex *tj_reader_quoted(tj_reader *r); /* "even" */
/* The whole text, which was read as the name or the product ex, as the word that it may be too:
 * EMPTY, best. NULL if it is none. */
const tj_ex *tj_reader_as_words(tj_reader *r, const tj_ex *ex);
/* Steps over "the answer is" and its like, and drops what follows from r->n_tokens. */
void tj_reader_strip_phrases(tj_reader *r);

#endif
