/* Functions, roots, fractions, sums. A function's argument without brackets is the chain of factors
 * behind it, up to the next function or bracket: \sin 2x \cos y is sin(2x) cos(y). */
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

/* ------------------------------------------------------------ arguments */

bool tj_reader_arguments(tj_reader *r, tj_nodes *out)
{
    tj_place place = r->place;
    unsigned n_bars = r->n_bars, n_norms = r->n_norms;
    bool bar_separates = r->bar_separates;
    bool set = tj_reader_at(r, TJ_TOK_LSET); /* \max\{1, 2\} */
    if (!set && !tj_reader_at(r, TJ_TOK_LPAREN)) {
        tj_reader_fail(r, "'(' behind a function");
        return false;
    }
    tj_reader_next(r);
    r->place = TJ_PLACE_LIST;
    r->n_bars = r->n_norms = 0;
    r->bar_separates = false;
    bool ok = true;
    do {
        const tj_ex *ex = tj_reader_sum(r);
        if (ex != NULL && !tj_ex_is_value(ex)) {
            tj_reader_fail(r, "a value as argument");
        }
        ok = tj_nodes_add(r, out, ex) && r->rc == TJ_OK;
    } while (ok && (tj_reader_accept(r, TJ_TOK_COMMA) || tj_reader_accept(r, TJ_TOK_SEMICOLON)));
    r->place = place;
    r->n_bars = n_bars;
    r->n_norms = n_norms;
    r->bar_separates = bar_separates;
    return ok && tj_reader_expect(r, set ? TJ_TOK_RSET : TJ_TOK_RPAREN, "')' behind arguments");
}

/* Whether the next token begins another function, which is no part of an argument. */
static bool at_function(const tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    switch ((tj_tok_kind)token->kind) {
    case TJ_TOK_FN:
    case TJ_TOK_CIS:
    case TJ_TOK_SUM:
    case TJ_TOK_PROD:
    case TJ_TOK_LPAREN:
    case TJ_TOK_LBRACKET:
        return true;
    case TJ_TOK_WORD:
        return r->sub == 0 && token->n_text > 2 && tj_reader_word_kind(token) == TJ_WORD_VALUE &&
               !tj_reader_is_word(r, 0, "infinity");
    default:
        return false;
    }
}

const tj_ex *tj_reader_bare_argument(tj_reader *r)
{
    if (tj_reader_at(r, TJ_TOK_MINUS)) {
        tj_reader_next(r);
        if (!tj_reader_enter(r)) {
            return NULL;
        }
        const tj_ex *ex = tj_reader_bare_argument(r);
        tj_reader_leave(r);
        return tj_reader_negate(r, ex);
    }
    tj_nodes factors = {0};
    const tj_ex *ex = tj_reader_factor(r, false);
    while (tj_nodes_add(r, &factors, ex) && tj_ex_is_value(ex) && !at_function(r) &&
           tj_reader_starts_factor(r)) {
        tj_unit unit;
        tj_reader look = *r;
        look.err = NULL;
        if (tj_reader_unit(&look, &unit, true)) {
            break;
        }
        ex = tj_reader_factor(r, false);
    }
    if (r->rc != TJ_OK) {
        return NULL;
    }
    for (size_t i = 0; i < factors.n; i++) {
        if (!tj_ex_is_value(factors.items[i])) {
            return tj_reader_fail(r, "a value as argument");
        }
    }
    ex = factors.n == 1 ? factors.items[0] : tj_reader_from(r, TJ_EX_MUL, &factors);
    tj_reader look = *r;
    tj_unit unit;
    look.err = NULL;
    if (ex != NULL && tj_reader_unit(&look, &unit, true) && unit.dims[TJ_DIM_ANGLE] == 1) {
        r->at = look.at;
        return tj_reader_quantity(r, ex, &unit);
    }
    return ex;
}

/* ------------------------------------------------------------ what stands at a function's name */

static tj_ex_fn inverse_of(tj_ex_fn fn)
{
    switch (fn) {
    case TJ_FN_SIN:
    case TJ_FN_COS:
    case TJ_FN_TAN:
    case TJ_FN_COT:
    case TJ_FN_SEC:
    case TJ_FN_CSC:
        return (tj_ex_fn)(TJ_FN_ASIN + (fn - TJ_FN_SIN));
    case TJ_FN_SINH:
    case TJ_FN_COSH:
    case TJ_FN_TANH:
        return (tj_ex_fn)(TJ_FN_ASINH + (fn - TJ_FN_SINH));
    default:
        return fn;
    }
}
_Static_assert(TJ_FN_ACSC - TJ_FN_ASIN == TJ_FN_CSC - TJ_FN_SIN, "inverses in their order");
_Static_assert(TJ_FN_ATANH - TJ_FN_ASINH == TJ_FN_TANH - TJ_FN_SINH, "inverses in their order");

static bool is_minus_one(const tj_ex *ex)
{
    return ex->kind == TJ_EX_NEG && ex->args[0]->kind == TJ_EX_NUMBER &&
           ex->args[0]->num.n_digits == 1 && ex->args[0]->num.digits[0] == '1' &&
           !ex->args[0]->num.is_decimal;
}

/* The exponent of \sin^2 x: braces, digits or one letter, with a sign. */
static const tj_ex *read_raised(tj_reader *r)
{
    if (tj_reader_accept(r, TJ_TOK_MINUS)) {
        return tj_reader_negate(r, tj_reader_plain_number(r));
    }
    return tj_reader_at(r, TJ_TOK_LBRACE)  ? tj_reader_group(r)
           : tj_reader_at(r, TJ_TOK_DIGIT) ? tj_reader_plain_number(r)
                                           : tj_reader_primary(r, false);
}

/* The base of \log_2 8. Of digits without a sign behind them the first is the base: \log_28. */
static const tj_ex *read_log_base(tj_reader *r)
{
    tj_reader_next(r);
    if (tj_reader_at(r, TJ_TOK_LBRACE)) {
        return tj_reader_group(r);
    }
    if (!tj_reader_at(r, TJ_TOK_DIGIT)) {
        return tj_reader_primary(r, false);
    }
    tj_reader look = *r;
    look.err = NULL;
    while (tj_reader_at(&look, TJ_TOK_DIGIT) &&
           (look.at == r->at || (tj_reader_peek(&look, 0)->flags & TJ_TOK_SPACED) == 0)) {
        tj_reader_next(&look);
    }
    tj_tok_kind next = (tj_tok_kind)tj_reader_peek(&look, 0)->kind;
    bool argument_follows = next == TJ_TOK_DIGIT || next == TJ_TOK_BAR || next == TJ_TOK_CARET ||
                            tj_reader_starts_factor(&look) || next == TJ_TOK_VULGAR;
    return argument_follows ? tj_reader_plain_number(r) : tj_reader_digit(r);
}

/* "log base 2 of 8", "log2(8)". */
static bool read_plain_base(tj_reader *r, const tj_ex **base)
{
    size_t n = 0;
    while (tj_reader_peek(r, n)->kind == TJ_TOK_DIGIT && n < 4 &&
           (tj_reader_peek(r, n)->flags & TJ_TOK_SPACED) == 0) {
        n++;
    }
    if (n > 0 && r->at > 0 && r->tokens[r->at - 1].kind == TJ_TOK_WORD &&
        tj_reader_peek(r, n)->kind == TJ_TOK_LPAREN) {
        *base = tj_reader_plain_number(r);
        return *base != NULL;
    }
    if (tj_reader_accept_word(r, "base")) {
        *base = tj_reader_factor(r, false);
        tj_reader_accept_word(r, "of");
        return *base != NULL;
    }
    return true;
}

void tj_reader_arity(tj_ex_fn fn, size_t *min, size_t *max)
{
    *min = *max = 1;
    switch (fn) {
    case TJ_FN_ROOT:
    case TJ_FN_LOG:
    case TJ_FN_BINOMIAL:
    case TJ_FN_PERMUTATIONS:
    case TJ_FN_MOD:
        *min = *max = 2;
        break;
    case TJ_FN_GCD:
    case TJ_FN_LCM:
    case TJ_FN_MIN:
    case TJ_FN_MAX:
        *min = 2;
        *max = SIZE_MAX;
        break;
    default:
        break;
    }
}

/* The call with its arguments in brackets or bare. */
static const tj_ex *read_call(tj_reader *r, tj_ex_fn fn, const tj_ex *base)
{
    tj_nodes args = {0};
    size_t min, max;
    tj_reader_arity(fn, &min, &max);
    bool bare = !tj_reader_at(r, TJ_TOK_LPAREN) && !(min > 1 && tj_reader_at(r, TJ_TOK_LSET));
    if (bare) {
        if (min > 1 && fn != TJ_FN_LOG) {
            return tj_reader_fail(r, "'(' behind a function");
        }
        const tj_ex *arg = tj_reader_at(r, TJ_TOK_LBRACE) ? tj_reader_group(r)
                           : fn == TJ_FN_SQRT && tj_reader_at(r, TJ_TOK_DIGIT)
                               ? tj_reader_plain_number(r)
                           : fn == TJ_FN_SQRT ? tj_reader_primary(r, false)
                                              : tj_reader_bare_argument(r);
        if (arg != NULL && !tj_ex_is_value(arg)) {
            return tj_reader_fail(r, "a value as argument");
        }
        if (!tj_nodes_add(r, &args, arg)) {
            return NULL;
        }
    } else if (!tj_reader_arguments(r, &args)) {
        return NULL;
    }
    if (fn == TJ_FN_LOG) {
        if (args.n > 2 || (args.n == 2 && base != NULL)) {
            return tj_reader_fail(r, "one argument of a logarithm");
        }
        base = args.n == 2 ? args.items[1] : base == NULL ? tj_reader_integer(r, 10) : base;
        return tj_reader_call(r, fn, base, args.items[0]);
    }
    if (args.n < min || args.n > max) {
        return tj_reader_fail(r, "another number of arguments before this");
    }
    tj_ex *ex = tj_reader_from(r, TJ_EX_CALL, &args);
    if (ex != NULL) {
        ex->id = (int32_t)fn;
    }
    return ex;
}

const tj_ex *tj_reader_function(tj_reader *r, tj_ex_fn fn)
{
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    const tj_ex *base = NULL, *power = NULL;
    bool ok = fn != TJ_FN_LOG || read_plain_base(r, &base);
    for (int i = 0; ok && i < 2; i++) {
        if (fn == TJ_FN_LOG && base == NULL && tj_reader_at(r, TJ_TOK_UNDER)) {
            base = read_log_base(r);
            ok = base != NULL;
        } else if (power == NULL && tj_reader_accept(r, TJ_TOK_CARET)) {
            power = read_raised(r);
            ok = power != NULL;
        }
    }
    if (power != NULL && is_minus_one(power) && inverse_of(fn) != fn) {
        fn = inverse_of(fn);
        power = NULL;
    }
    const tj_ex *ex = ok ? read_call(r, fn, base) : NULL;
    tj_reader_leave(r);
    return power == NULL || ex == NULL ? ex : tj_reader_binary(r, TJ_EX_POW, ex, power);
}

const tj_ex *tj_reader_cis(tj_reader *r)
{
    const tj_ex *cosine = tj_reader_function(r, TJ_FN_COS);
    if (cosine == NULL || cosine->kind != TJ_EX_CALL || cosine->id != TJ_FN_COS) {
        return tj_reader_fail(r, "an angle behind cis");
    }
    const tj_ex *sine = tj_reader_call(r, TJ_FN_SIN, cosine->args[0], NULL);
    return tj_reader_binary(r, TJ_EX_ADD, cosine,
                            tj_reader_binary(r, TJ_EX_MUL, tj_reader_const(r, TJ_CONST_I), sine));
}

/* ------------------------------------------------------------ roots, fractions */

const tj_ex *tj_reader_root(tj_reader *r)
{
    int32_t degree = tj_reader_peek(r, 0)->id;
    const tj_ex *index = NULL;
    tj_reader_next(r);
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    bool ok = true;
    if (degree == 2 && tj_reader_at(r, TJ_TOK_LBRACKET)) {
        tj_reader_next(r);
        index = tj_reader_sum(r);
        ok = index != NULL && tj_ex_is_value(index) &&
             tj_reader_expect(r, TJ_TOK_RBRACKET, "']' behind a root's degree");
        bool is_two = ok && index->kind == TJ_EX_NUMBER && index->num.n_digits == 1 &&
                      index->num.digits[0] == '2' && !index->num.is_decimal;
        index = is_two ? NULL : index;
    } else if (degree > 2) {
        index = tj_reader_integer(r, degree);
    }
    const tj_ex *arg = !ok                              ? NULL
                       : tj_reader_at(r, TJ_TOK_LBRACE) ? tj_reader_group(r)
                       : tj_reader_at(r, TJ_TOK_DIGIT)  ? tj_reader_plain_number(r)
                                                        : tj_reader_primary(r, false);
    tj_reader_leave(r);
    if (arg == NULL || !tj_ex_is_value(arg)) {
        return tj_reader_fail(r, "a value under a root");
    }
    return index == NULL ? tj_reader_call(r, TJ_FN_SQRT, arg, NULL)
                         : tj_reader_call(r, TJ_FN_ROOT, index, arg);
}

static const tj_ex *read_pair(tj_reader *r, const tj_ex **second)
{
    tj_reader_next(r);
    const tj_ex *first = tj_reader_argument(r);
    *second = first == NULL ? NULL : tj_reader_argument(r);
    if (*second == NULL || !tj_ex_is_value(first) || !tj_ex_is_value(*second)) {
        return tj_reader_fail(r, "two values in a fraction");
    }
    return first;
}

const tj_ex *tj_reader_fraction(tj_reader *r)
{
    const tj_ex *den, *num = read_pair(r, &den);
    return tj_reader_binary(r, TJ_EX_DIV, num, den);
}

const tj_ex *tj_reader_binomial(tj_reader *r)
{
    const tj_ex *k, *n = read_pair(r, &k);
    return tj_reader_call(r, TJ_FN_BINOMIAL, n, k);
}

/* ------------------------------------------------------------ sums, products */

/* The index: a letter, which is a name from here on. */
static const tj_ex *read_index(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    bool letter = token->kind == TJ_TOK_WORD && token->n_text == 1;
    if (!letter && token->kind != TJ_TOK_NAME) {
        return tj_reader_fail(r, "the index of a sum");
    }
    if (r->n_bound == TJ_READER_MAX_BOUND) {
        return tj_reader_fail_code(r, TJ_E_LIMIT, "sums nest too deeply");
    }
    const tj_ex *ex = tj_reader_symbol(r, token->text, token->n_text);
    tj_reader_next(r);
    if (ex != NULL) {
        r->bound[r->n_bound++] = ex->text;
    }
    return ex;
}

static const tj_ex *big_of(tj_reader *r, tj_ex_kind kind, const tj_ex *const parts[4])
{
    tj_ex *ex = tj_reader_new(r, kind, 4);
    for (size_t i = 0; ex != NULL && i < 4; i++) {
        if (parts[i] == NULL || !tj_ex_is_value(parts[i])) {
            return tj_reader_fail(r, "values in a sum");
        }
        ex->args[i] = parts[i];
    }
    return ex;
}

/* The n of \sum^n_{i=1}: a letter alone, whose index would be the sum's. */
static const tj_ex *read_last_index(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    if (token->kind == TJ_TOK_WORD && token->n_text == 1) {
        tj_reader_next(r);
        return tj_reader_symbol(r, token->text, 1);
    }
    return read_raised(r);
}

const tj_ex *tj_reader_big(tj_reader *r)
{
    tj_ex_kind kind = tj_reader_at(r, TJ_TOK_SUM) ? TJ_EX_SUM : TJ_EX_PRODUCT;
    const tj_ex *parts[4] = {NULL};
    size_t n_bound = r->n_bound;
    tj_place place = r->place;
    tj_reader_next(r);
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    r->place = TJ_PLACE_SCALAR;
    for (int i = 0; i < 2 && r->rc == TJ_OK; i++) {
        if (tj_reader_accept(r, TJ_TOK_UNDER)) {
            if (!tj_reader_expect(r, TJ_TOK_LBRACE, "'{' and a sum's first index")) {
                break;
            }
            parts[0] = read_index(r);
            const tj_token *sign = tj_reader_peek(r, 0);
            if (parts[0] == NULL || sign->kind != TJ_TOK_REL || sign->id != TJ_REL_EQ) {
                tj_reader_fail(r, "'=' and a sum's first index");
                break;
            }
            tj_reader_next(r);
            parts[1] = tj_reader_sum(r);
            if (parts[1] != NULL) {
                tj_reader_expect(r, TJ_TOK_RBRACE, "'}'");
            }
        } else if (tj_reader_accept(r, TJ_TOK_CARET)) {
            parts[2] = read_last_index(r);
        }
    }
    if (r->rc == TJ_OK && (parts[1] == NULL || parts[2] == NULL)) {
        tj_reader_fail(r, "both ends of a sum");
    }
    r->place = place;
    parts[3] = r->rc == TJ_OK ? tj_reader_product(r) : NULL;
    r->n_bound = n_bound;
    tj_reader_leave(r);
    return parts[3] == NULL ? NULL : big_of(r, kind, parts);
}

const tj_ex *tj_reader_plain_big(tj_reader *r, tj_ex_kind kind)
{
    const tj_ex *parts[4] = {NULL};
    size_t n_bound = r->n_bound;
    tj_place place = r->place;
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    tj_reader_next(r); /* ( */
    r->place = TJ_PLACE_LIST;
    parts[0] = read_index(r);
    for (size_t i = 1; i < 4 && parts[i - 1] != NULL; i++) {
        parts[i] = tj_reader_expect(r, TJ_TOK_COMMA, "','") ? tj_reader_sum(r) : NULL;
    }
    r->n_bound = n_bound;
    r->place = place;
    tj_reader_leave(r);
    return parts[3] != NULL && tj_reader_expect(r, TJ_TOK_RPAREN, "')' behind a sum")
               ? big_of(r, kind, parts)
               : NULL;
}
