/* Reads once, and again in other modes where the text met something that a mode decides. The modes
 * are varied one at a time from the likeliest: texts that leave two things open are rare, and their
 * other readings rarer. */
#include "grade/read.h"

#include <string.h>

#include "grade/reader.h"
#include "grade/spelled.h"

/* Trees are compared and printed by recursion, and parts may be shared (the last one of a ratio):
 * none is given that is deeper, or that has more nodes when each is counted as often as it is met.
 */
static bool is_within(const tj_ex *ex, unsigned depth, size_t *left)
{
    if (depth == 0 || *left == 0) {
        return false;
    }
    (*left)--;
    for (uint32_t i = 0; i < ex->n_args; i++) {
        if (!is_within(ex->args[i], depth - 1, left)) {
            return false;
        }
    }
    return true;
}

static bool is_too_large(const tj_ex *ex, unsigned depth)
{
    size_t left = TJ_EX_MAX_NODES;
    return !is_within(ex, depth, &left);
}

static bool is_punctuation(const tj_token *token)
{
    return token->kind == TJ_TOK_POINT || token->kind == TJ_TOK_COMMA ||
           token->kind == TJ_TOK_SEMICOLON || token->kind == TJ_TOK_NEWLINE;
}

/* Commas with and without space in a text tell what those within digits are. */
static void look_at_commas(tj_reader *r)
{
    size_t n_spaced = 0, n_tight = 0, n_other = 0;
    bool only_digits = true;
    for (size_t i = 0; i < r->n_tokens; i++) {
        const tj_token *token = &r->tokens[i], *next = &r->tokens[i + 1];
        only_digits = only_digits && (token->kind == TJ_TOK_DIGIT || token->kind == TJ_TOK_COMMA ||
                                      token->kind == TJ_TOK_MINUS || token->kind == TJ_TOK_POINT);
        if (token->kind != TJ_TOK_COMMA || token->id == 1 || i == 0) {
            continue;
        }
        bool tight = (next->flags & (TJ_TOK_SPACED | TJ_TOK_NEGSPACE)) == 0 &&
                     next->kind == TJ_TOK_DIGIT && r->tokens[i - 1].kind == TJ_TOK_DIGIT;
        size_t n = 0;
        while (tight && n < 4 && r->tokens[i + 1 + n].kind == TJ_TOK_DIGIT &&
               (n == 0 || (r->tokens[i + 1 + n].flags & TJ_TOK_SPACED) == 0)) {
            n++;
        }
        n_tight += tight;
        n_spaced += !tight && (next->flags & TJ_TOK_NEGSPACE) == 0;
        n_other += tight && n != 3;
    }
    r->thousands_tight = n_tight > 0 && (n_spaced > 0 || !only_digits);
    if (n_other > 0 && n_tight > 1) {
        r->place = TJ_PLACE_LIST;
    }
}

/* "A(1, 2)", the whole text: a point with its name, but for the binomial C(5, 2). NULL without an
 * error if it is none. */
static const tj_ex *read_named_point(tj_reader *r)
{
    const tj_token *name = tj_reader_peek(r, 0), *open = tj_reader_peek(r, 1);
    if (name->kind != TJ_TOK_WORD || name->n_text != 1 || name->text[0] < 'A' ||
        name->text[0] > 'Z' || name->text[0] == 'C' || open->kind != TJ_TOK_LPAREN ||
        open->flags != 0) {
        return NULL;
    }
    r->met |= TJ_MET_POINT;
    if (!r->modes.named_point) {
        return NULL;
    }
    tj_reader_next(r);
    const tj_ex *point = tj_reader_paren(r);
    if (point == NULL || point->kind != TJ_EX_TUPLE || r->at != r->n_tokens) {
        return tj_reader_fail(r, "a point behind its name");
    }
    return tj_reader_relation(r, tj_reader_symbol(r, name->text, 1), TJ_REL_EQ, point);
}

static const tj_ex *read_all(tj_reader *r)
{
    const tj_ex *ex = read_named_point(r);
    ex = ex == NULL && r->rc == TJ_OK ? tj_reader_special(r) : ex;
    if (ex != NULL || r->rc != TJ_OK) {
        return ex;
    }
    ex = tj_reader_sequence(r);
    if (ex != NULL && r->at != r->n_tokens) {
        return tj_reader_fail(r, "an operator or the end");
    }
    return ex;
}

typedef struct readings {
    const tj_ex *items[TJ_EX_MAX_READINGS];
    size_t n;
} readings;

static void add_reading(readings *all, const tj_ex *ex)
{
    if (ex == NULL || all->n == TJ_EX_MAX_READINGS) {
        return;
    }
    for (size_t i = 0; i < all->n; i++) {
        if (tj_ex_compare(all->items[i], ex) == 0) {
            return;
        }
    }
    all->items[all->n++] = ex;
}

/* "a ¦ b", as tj_ex_print() writes an ambiguous answer: each part is one reading. */
static bool read_parts(readings *all, const tj_reader *whole)
{
    size_t from = 0;
    for (size_t i = 0; i <= whole->n_tokens; i++) {
        const tj_token *token = &whole->tokens[i];
        bool bar = i < whole->n_tokens && token->kind == TJ_TOK_OTHER && token->n_text == 2 &&
                   memcmp(token->text, "\xC2\xA6", 2) == 0;
        if (!bar && i < whole->n_tokens) {
            continue;
        }
        if (!bar && from == 0) {
            return false;
        }
        tj_reader r = *whole;
        r.at = from;
        r.n_tokens = i;
        r.err = NULL;
        const tj_ex *ex = r.at == r.n_tokens ? NULL : read_all(&r);
        if (ex == NULL || ex->kind == TJ_EX_EITHER || is_too_large(ex, TJ_EX_MAX_DEPTH - 1) ||
            !tj_ex_suits(ex)) {
            return false;
        }
        add_reading(all, ex);
        from = i + 1;
    }
    return true;
}

/* The tree, if it keeps the bounds and the rules of trees. */
static const tj_ex *checked(tj_reader *r, const tj_ex *ex)
{
    if (ex != NULL && is_too_large(ex, TJ_EX_MAX_DEPTH)) {
        return tj_reader_fail_code(r, TJ_E_LIMIT,
                                   "an answer nests too deeply, or has too many parts");
    }
    if (ex != NULL && !tj_ex_suits(ex)) {
        return tj_reader_fail_code(r, TJ_E_PARSE, "a part of an answer is no value");
    }
    return ex;
}

/* One reading in the modes given; what was met is added to *met. */
static const tj_ex *read_in(const tj_reader *start, tj_modes modes, uint32_t *met, tj_code *rc,
                            tj_err *err)
{
    tj_reader r = *start;
    r.err = err;
    r.modes = modes;
    const tj_ex *ex = checked(&r, read_all(&r));
    *met |= r.met;
    *rc = r.rc;
    return ex;
}

/* The modes that read otherwise what was met, likeliest first; returns how many. */
static size_t other_modes(tj_modes usual, uint32_t met, tj_modes out[TJ_MAX_OTHER_MODES])
{
    size_t n = 0;
    if ((met & TJ_MET_THOUSANDS) != 0) {
        out[n] = usual;
        out[n++].comma = TJ_COMMA_LIST;
    } else if ((met & TJ_MET_DECIMAL) != 0) {
        out[n] = usual;
        out[n++].comma = TJ_COMMA_DECIMAL;
    }
    if ((met & TJ_MET_PAIR) != 0) {
        out[n] = usual;
        out[n++].pair_is_interval = true;
    }
    if ((met & TJ_MET_LOOSE_UNIT) != 0) {
        out[n] = usual;
        out[n++].loose_units = true;
    }
    if ((met & TJ_MET_MARKS) != 0) {
        out[n] = usual;
        out[n++].marks_are_feet = true;
    }
    if ((met & TJ_MET_LONE_DIGIT) != 0) {
        out[n] = usual;
        out[n++].lone_digit = true;
    }
    if ((met & TJ_MET_POINT) != 0) {
        out[n] = usual;
        out[n++].named_point = true;
    }
    for (int basis = TJ_BASIS_PLANE; (met & TJ_MET_BASIS) != 0 && basis <= TJ_BASIS_SPACE;
         basis++) {
        out[n] = usual;
        out[n++].basis = (tj_basis_mode)basis;
    }
    if ((met & TJ_MET_MORNING) != 0) {
        out[n] = usual;
        out[n++].clock = TJ_CLOCK_AFTERNOON;
    }
    if ((met & TJ_MET_CLOCK) != 0) {
        out[n] = usual;
        out[n++].clock = TJ_CLOCK_RATIO;
    }
    return n;
}

static tj_code read_formula(readings *all, const tj_reader *start, tj_err *err)
{
    tj_modes usual = {0}, others[TJ_MAX_OTHER_MODES];
    uint32_t met = 0, unused = 0;
    tj_code rc, other_rc;
    const tj_ex *first = read_in(start, usual, &met, &rc, err);
    usual.bound_i = (met & TJ_MET_BOUND_I) != 0;
    usual.bound_e = (met & TJ_MET_BOUND_E) != 0;
    if (usual.bound_i || usual.bound_e) { /* the first reading took the parameter for a constant */
        first = read_in(start, usual, &met, &rc, err);
    }
    add_reading(all, first);
    size_t n = met == 0 || rc == TJ_E_NOMEM ? 0 : other_modes(usual, met, others);
    for (size_t i = 0; i < n; i++) {
        add_reading(all, read_in(start, others[i], &unused, &other_rc, NULL));
        if (other_rc == TJ_E_NOMEM) {
            return tj_fail(err, TJ_E_NOMEM, "cannot allocate the tree of an answer");
        }
    }
    return all->n > 0 ? TJ_OK : rc;
}

static tj_code give(const tj_ex **out, tj_arena *arena, const readings *all, tj_err *err)
{
    if (all->n == 1) {
        *out = all->items[0];
        return TJ_OK;
    }
    tj_ex *either = tj_ex_new(arena, TJ_EX_EITHER, all->n);
    if (either == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate the tree of an answer");
    }
    for (size_t i = 0; i < all->n; i++) {
        either->args[i] = all->items[i];
    }
    *out = either;
    return TJ_OK;
}

tj_code tj_read(const tj_ex **out, tj_arena *arena, const char *text, size_t len, tj_err *err)
{
    *out = NULL;
    tj_lexed lexed;
    tj_code rc = tj_lex(&lexed, arena, text, len, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_reader r = {.arena = arena,
                   .tokens = lexed.tokens,
                   .n_tokens = lexed.n_tokens,
                   .end = lexed.tokens[lexed.n_tokens],
                   .err = err};
    while (r.n_tokens > 0 && is_punctuation(&r.tokens[r.n_tokens - 1])) {
        r.n_tokens--;
    }
    /* what is left out before the first token is not behind it to who looks back */
    while (r.n_tokens > 0 && is_punctuation(r.tokens) && r.tokens->kind != TJ_TOK_POINT) {
        r.tokens++;
        r.n_tokens--;
    }
    if (r.n_tokens == 0) {
        return tj_fail(err, TJ_E_PARSE, "byte 0: expected an answer, not an empty text");
    }
    const tj_ex *spelled = tj_reader_spelled(&r);
    if (r.rc != TJ_OK || spelled != NULL) {
        *out = r.rc == TJ_OK ? checked(&r, spelled) : NULL;
        return r.rc;
    }
    tj_reader whole = r;
    tj_reader_strip_phrases(&r);
    look_at_commas(&r);
    readings all = {.n = 0};
    if (read_parts(&all, &r)) {
        return give(out, arena, &all, err);
    }
    all.n = 0;
    rc = read_formula(&all, &r, err);
    if (rc == TJ_E_PARSE) {
        const tj_ex *prose = tj_reader_prose(&r);
        prose = prose == NULL && r.rc == TJ_OK && r.n_tokens != whole.n_tokens
                    ? tj_reader_prose(&whole)
                    : prose;
        add_reading(&all, prose);
        rc = all.n > 0 ? TJ_OK : r.rc != TJ_OK ? r.rc : rc;
    } else if (rc == TJ_OK && all.n == 1) {
        add_reading(&all, tj_reader_as_words(&r, all.items[0]));
        rc = r.rc;
    }
    return rc == TJ_OK ? give(out, arena, &all, err) : rc;
}
