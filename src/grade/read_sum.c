/* Sums and products. Signs bind weaker than products: -a*b is -(a*b); a/b*c is (a/b)*c, and so is
 * a/bc, as docs/grader.md says. */
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

/* ------------------------------------------------------------ signs */

static const tj_ex *negate(tj_reader *r, tj_ex_kind kind, const tj_ex *ex, int32_t id)
{
    if (ex == NULL || !tj_ex_is_value(ex)) {
        return ex == NULL ? NULL : tj_reader_fail(r, "a value behind a sign");
    }
    if (ex->kind == TJ_EX_QUANTITY) {
        return tj_reader_quantity(r, negate(r, kind, ex->args[0], id), &ex->unit);
    }
    tj_ex *made = tj_reader_new(r, kind, 1);
    if (made != NULL) {
        made->id = id;
        made->args[0] = ex;
    }
    return made;
}

const tj_ex *tj_reader_negate(tj_reader *r, const tj_ex *ex)
{
    return negate(r, TJ_EX_NEG, ex, 0);
}

/* The sign that a word is; NULL if it is none. "negative" stands only before a value. */
static const tj_token *word_sign(const tj_reader *r)
{
    static const tj_token minus = {.kind = TJ_TOK_MINUS}, plus = {.kind = TJ_TOK_PLUS};
    if (tj_reader_peek(r, 0)->kind != TJ_TOK_WORD) {
        return NULL;
    }
    return tj_reader_is_word(r, 0, "minus") || tj_reader_is_word(r, 0, "negative") ? &minus
           : tj_reader_is_word(r, 0, "plus")                                       ? &plus
                                                                                   : NULL;
}

static bool at_sign(const tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    if (word_sign(r) != NULL) {
        return true;
    }
    return token->kind == TJ_TOK_PLUS || token->kind == TJ_TOK_MINUS || token->kind == TJ_TOK_PM;
}

/* An operand that may have a sign of its own: the b of a * -b. */
static const tj_ex *signed_factor(tj_reader *r, bool with_times_ten)
{
    const tj_token *word = word_sign(r), *sign = word != NULL ? word : tj_reader_peek(r, 0);
    if (!at_sign(r)) {
        return tj_reader_factor(r, with_times_ten);
    }
    tj_reader_next(r);
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    const tj_ex *ex = signed_factor(r, with_times_ten);
    tj_reader_leave(r);
    return sign->kind == TJ_TOK_PLUS
               ? ex
               : negate(r, sign->kind == TJ_TOK_MINUS ? TJ_EX_NEG : TJ_EX_PLUSMINUS, ex, sign->id);
}

/* ------------------------------------------------------------ products */

static const tj_ex *product_of(tj_reader *r, const tj_nodes *factors)
{
    return factors->n == 1 ? factors->items[0] : tj_reader_from(r, TJ_EX_MUL, factors);
}

static bool check_value(tj_reader *r, const tj_ex *ex)
{
    if (ex != NULL && !tj_ex_is_value(ex)) {
        tj_reader_fail(r, "a value before this");
        return false;
    }
    return ex != NULL;
}

static void restart(tj_nodes *factors, const tj_ex *ex)
{
    factors->items[0] = ex;
    factors->n = 1;
}

static bool divide(tj_reader *r, tj_nodes *factors)
{
    const tj_ex *left = product_of(r, factors), *right = signed_factor(r, false);
    if (!check_value(r, right)) {
        return false;
    }
    const tj_ex *quotient = tj_reader_binary(r, TJ_EX_DIV, left, right);
    if (quotient != NULL) {
        restart(factors, quotient);
    }
    return quotient != NULL;
}

static bool attach_unit(tj_reader *r, tj_nodes *factors, const tj_unit *unit)
{
    const tj_ex *quantity = tj_reader_quantity(r, product_of(r, factors), unit);
    if (quantity != NULL) {
        restart(factors, quantity);
    }
    return quantity != NULL;
}

/* "x" between numbers is a sign: "2 x 3", "5 cm x 3 cm". */
static bool at_letter_times(const tj_reader *r, const tj_ex *last)
{
    const tj_token *x = tj_reader_peek(r, 0);
    return x->kind == TJ_TOK_WORD && r->sub == 0 && x->n_text == 1 && x->text[0] == 'x' &&
           (x->flags & TJ_TOK_SPACED) != 0 && tj_reader_peek(r, 1)->kind == TJ_TOK_DIGIT &&
           (tj_reader_peek(r, 1)->flags & TJ_TOK_SPACED) != 0 && r->at > 0 &&
           (r->tokens[r->at - 1].kind == TJ_TOK_DIGIT || last->kind == TJ_EX_QUANTITY);
}

/* "5 million", "2 dozen"; NULL without an error if there is no such word. */
static const tj_ex *read_scale(tj_reader *r)
{
    const tj_token *word = tj_reader_peek(r, 0);
    int64_t value;
    if (word->kind != TJ_TOK_WORD || r->sub != 0 || r->at == 0) {
        return NULL;
    }
    switch (tj_words_number(&value, word->text, word->n_text)) {
    case TJ_WORD_HUNDRED:
    case TJ_WORD_POWER:
    case TJ_WORD_DOZEN:
        tj_reader_next(r);
        return tj_reader_integer(r, value);
    default:
        return NULL;
    }
}

static bool is_numeric(const tj_ex *ex)
{
    return ex->kind == TJ_EX_NUMBER ||
           ((ex->kind == TJ_EX_DIV || ex->kind == TJ_EX_ADD) && /* 50/3, 2 1/2 */
            ex->n_args == 2 && is_numeric(ex->args[0]) && is_numeric(ex->args[1]));
}

/* One more factor, divisor or unit; *more is false when the product ends. */
static bool extend_product(tj_reader *r, tj_nodes *factors, bool *more)
{
    tj_unit unit;
    const tj_ex *last = factors->items[factors->n - 1];
    *more = true;
    bool amount = last->kind == TJ_EX_QUANTITY && tj_reader_at(r, TJ_TOK_DIGIT); /* 5 ft 6 in */
    if (!tj_ex_is_value(last) || amount || tj_reader_at(r, TJ_TOK_END)) {
        *more = false;
        return true;
    }
    bool behind_number = factors->n == 1 && is_numeric(last);
    if (at_letter_times(r, last) || tj_reader_at(r, TJ_TOK_TIMES) ||
        tj_reader_is_word(r, 0, "times")) {
        tj_reader_next(r);
        const tj_ex *next = signed_factor(r, true);
        return check_value(r, next) && tj_nodes_add(r, factors, next);
    }
    if (tj_reader_unit(r, &unit, behind_number)) {
        return attach_unit(r, factors, &unit);
    }
    if (tj_reader_accept(r, TJ_TOK_SLASH) || tj_reader_accept_words(r, "divided by") ||
        tj_reader_accept_word(r, "over")) {
        return divide(r, factors);
    }
    const tj_ex *scale = read_scale(r);
    if (scale != NULL) {
        return tj_nodes_add(r, factors, scale);
    }
    if (tj_reader_accept_word(r, "overunder")) { /* 3分の2: the denominator comes first */
        const tj_ex *den = product_of(r, factors), *num = tj_reader_factor(r, false);
        const tj_ex *ex = check_value(r, num) ? tj_reader_binary(r, TJ_EX_DIV, num, den) : NULL;
        if (ex != NULL) {
            restart(factors, ex);
        }
        return ex != NULL;
    }
    if (r->rc == TJ_OK && tj_reader_starts_factor(r)) {
        const tj_ex *next = tj_reader_factor(r, true);
        return check_value(r, next) && tj_nodes_add(r, factors, next);
    }
    *more = false;
    return r->rc == TJ_OK;
}

const tj_ex *tj_reader_product(tj_reader *r)
{
    tj_nodes factors = {0};
    const tj_ex *single[4];
    factors.items = single;
    factors.cap = 4;
    bool more = true;
    if (!tj_nodes_add(r, &factors, tj_reader_factor(r, true))) {
        return NULL;
    }
    while (more) {
        if (!extend_product(r, &factors, &more)) {
            return NULL;
        }
    }
    return product_of(r, &factors);
}

/* ------------------------------------------------------------ sums */

/* The unit of the amount that comes next, "6 inches", "6.5 inches" or "6 1/2 inches". */
static bool find_amount(const tj_reader *r, size_t skip, tj_unit *unit)
{
    tj_reader look = *r; /* reads ahead; what it meets is met again */
    look.err = NULL;
    look.at += skip;
    if (!tj_reader_at(&look, TJ_TOK_DIGIT)) {
        return false;
    }
    while (tj_reader_at(&look, TJ_TOK_DIGIT) || tj_reader_at(&look, TJ_TOK_POINT) ||
           tj_reader_at(&look, TJ_TOK_SLASH)) {
        tj_reader_next(&look);
    }
    return tj_reader_unit(&look, unit, true);
}

/* "5 feet 6 inches": a second amount in a smaller unit of the same kind is added. *skip is how many
 * tokens stand between the two. */
static bool at_second_amount(tj_reader *r, const tj_ex *first, size_t *skip)
{
    tj_unit second;
    *skip = tj_reader_is_word(r, 0, "and") || tj_reader_at(r, TJ_TOK_COMMA);
    if (first->kind != TJ_EX_QUANTITY || !find_amount(r, *skip, &second) ||
        !tj_unit_same_kind(&first->unit, &second) || first->unit.is_percent ||
        first->unit.offset_num != 0 || first->unit.pi_power != second.pi_power) {
        return false;
    }
    /* first.num / first.den > second.num / second.den, in double: units differ by far more than it
     * errs */
    return (double)first->unit.num * (double)second.den >
           (double)second.num * (double)first->unit.den;
}

/* "480 + 480 sqrt(3) feet": the unit belongs to the whole sum. */
static const tj_ex *share_unit(tj_reader *r, tj_nodes *terms)
{
    const tj_ex *last = terms->items[terms->n - 1];
    for (size_t i = 0; i + 1 < terms->n; i++) {
        if (terms->items[i]->kind == TJ_EX_QUANTITY) {
            return tj_reader_from(r, TJ_EX_ADD, terms);
        }
    }
    tj_unit unit = last->unit;
    terms->items[terms->n - 1] = last->args[0];
    return tj_reader_quantity(r, tj_reader_from(r, TJ_EX_ADD, terms), &unit);
}

static const tj_ex *sum_of(tj_reader *r, tj_nodes *terms, bool ends_in_unit)
{
    if (terms->n == 1) {
        return terms->items[0];
    }
    for (size_t i = 0; i < terms->n; i++) {
        if (!tj_ex_is_value(terms->items[i])) {
            return tj_reader_fail(r, "values in a sum");
        }
    }
    return ends_in_unit ? share_unit(r, terms) : tj_reader_from(r, TJ_EX_ADD, terms);
}

/* A term, with the sign before it; *has_unit tells whether a unit in words ends it. */
static const tj_ex *read_term(tj_reader *r, bool *has_unit)
{
    const tj_token *word = word_sign(r), *sign = word != NULL ? word : tj_reader_peek(r, 0);
    bool has_sign = at_sign(r);
    if (has_sign) {
        tj_reader_next(r);
        if (at_sign(r)) { /* a - -b */
            if (!tj_reader_enter(r)) {
                return NULL;
            }
            const tj_ex *inner = read_term(r, has_unit);
            tj_reader_leave(r);
            return sign->kind == TJ_TOK_PLUS
                       ? inner
                       : negate(r, sign->kind == TJ_TOK_MINUS ? TJ_EX_NEG : TJ_EX_PLUSMINUS, inner,
                                sign->id);
        }
    }
    const tj_ex *ex = tj_reader_product(r);
    if (ex == NULL) {
        return NULL;
    }
    if (has_sign && !tj_ex_is_value(ex)) {
        return tj_reader_fail(r, "a value before this");
    }
    *has_unit =
        ex->kind == TJ_EX_QUANTITY && r->at > 0 &&
        (r->tokens[r->at - 1].kind == TJ_TOK_WORD || r->tokens[r->at - 1].kind == TJ_TOK_QUOTED);
    return !has_sign || sign->kind == TJ_TOK_PLUS
               ? ex
               : negate(r, sign->kind == TJ_TOK_MINUS ? TJ_EX_NEG : TJ_EX_PLUSMINUS, ex, sign->id);
}

static const tj_ex *read_mod(tj_reader *r, const tj_ex *left)
{
    tj_reader_next(r);
    const tj_ex *right = tj_reader_product(r);
    if (!check_value(r, left) || !check_value(r, right)) {
        return NULL;
    }
    return tj_reader_call(r, TJ_FN_MOD, left, right);
}

/* {a \over b}, {n \choose k}: all that stands before is one argument, all behind the other. */
static const tj_ex *read_over(tj_reader *r, const tj_ex *left)
{
    bool over = tj_reader_at(r, TJ_TOK_OVER);
    tj_reader_next(r);
    const tj_ex *right = tj_reader_sum(r);
    if (!check_value(r, left) || !check_value(r, right)) {
        return NULL;
    }
    return over ? tj_reader_binary(r, TJ_EX_DIV, left, right)
                : tj_reader_call(r, TJ_FN_BINOMIAL, left, right);
}

const tj_ex *tj_reader_sum(tj_reader *r)
{
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    tj_nodes terms = {0};
    const tj_ex *few[4];
    terms.items = few;
    terms.cap = 4;
    bool has_unit = false;
    bool ok = tj_nodes_add(r, &terms, read_term(r, &has_unit));
    while (ok) {
        size_t skip = 0;
        if (!at_sign(r) && at_second_amount(r, terms.items[terms.n - 1], &skip)) {
            r->at += skip;
        } else if (!at_sign(r) || tj_ex_is_set(terms.items[terms.n - 1])) {
            break;
        }
        ok = tj_nodes_add(r, &terms, read_term(r, &has_unit));
    }
    const tj_ex *ex = ok ? sum_of(r, &terms, has_unit) : NULL;
    if (ex != NULL &&
        (tj_reader_at(r, TJ_TOK_BMOD) ||
         (tj_reader_is_word(r, 0, "mod") && tj_reader_peek(r, 1)->kind != TJ_TOK_LPAREN))) {
        ex = read_mod(r, ex);
    }
    if (ex != NULL && (tj_reader_at(r, TJ_TOK_OVER) || tj_reader_at(r, TJ_TOK_CHOOSE))) {
        ex = read_over(r, ex);
    }
    tj_reader_leave(r);
    return ex;
}
