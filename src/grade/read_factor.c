/* Factors: what stands between two signs, with all that is tied to it. */
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

/* ------------------------------------------------------------ arguments */

const tj_ex *tj_reader_group(tj_reader *r)
{
    tj_place place = r->place;
    unsigned n_bars = r->n_bars, n_norms = r->n_norms;
    bool bar_separates = r->bar_separates;
    r->place = TJ_PLACE_SCALAR;
    r->n_bars = r->n_norms = 0;
    r->bar_separates = false;
    const tj_ex *ex = NULL;
    if (tj_reader_expect(r, TJ_TOK_LBRACE, "'{'")) {
        ex = tj_reader_sum(r);
    }
    r->place = place;
    r->n_bars = n_bars;
    r->n_norms = n_norms;
    r->bar_separates = bar_separates;
    return ex != NULL && tj_reader_expect(r, TJ_TOK_RBRACE, "'}'") ? ex : NULL;
}

const tj_ex *tj_reader_argument(tj_reader *r)
{
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    const tj_ex *ex = tj_reader_at(r, TJ_TOK_LBRACE)  ? tj_reader_group(r)
                      : tj_reader_at(r, TJ_TOK_DIGIT) ? tj_reader_digit(r)
                      : tj_reader_at(r, TJ_TOK_WORD)  ? tj_reader_letter(r)
                                                      : tj_reader_primary(r, false);
    tj_reader_leave(r);
    return ex;
}

/* ------------------------------------------------------------ what follows */

/* ^\circ, ^{\circ}, ^{\prime}: marks that LaTeX raises. */
static bool at_raised(const tj_reader *r, tj_tok_kind kind, size_t *n)
{
    if (!tj_reader_at(r, TJ_TOK_CARET)) {
        return false;
    }
    bool braced = tj_reader_peek(r, 1)->kind == TJ_TOK_LBRACE;
    *n = braced ? 4 : 2;
    const tj_token *mark = tj_reader_peek(r, 1 + (size_t)braced);
    return mark->kind == kind &&
           (kind != TJ_TOK_UNIT || (mark->n_text >= 2 && mark->text[0] == '\xC2')) &&
           (!braced || tj_reader_peek(r, 3)->kind == TJ_TOK_RBRACE);
}

/* '^' of a power, not of a sign that LaTeX raises. */
static bool at_power(const tj_reader *r)
{
    size_t n;
    return tj_reader_at(r, TJ_TOK_CARET) && !at_raised(r, TJ_TOK_CIRC, &n) &&
           !at_raised(r, TJ_TOK_UNIT, &n);
}

/* A letter C or F behind the sign of degrees. */
static const char *temperature(const tj_reader *r, size_t *n)
{
    const tj_token *letter = tj_reader_peek(r, *n);
    if (letter->kind == TJ_TOK_WORD && letter->n_text == 1 &&
        (letter->text[0] == 'C' || letter->text[0] == 'F')) {
        ++*n;
        return letter->text[0] == 'C' ? "°C" : "°F";
    }
    return "°";
}

/* The sign of a unit behind a factor: %, °, ', ''. Without degrees before them the last two may be
 * of feet and inches. */
static bool find_sign_unit(const tj_reader *r, const tj_ex *factor, bool feet, tj_unit *unit,
                           size_t *n)
{
    const tj_token *token = tj_reader_peek(r, 0);
    const char *name = NULL;
    size_t n_name = 0;
    if (token->kind == TJ_TOK_UNIT) {
        name = token->text;
        n_name = token->n_text;
        *n = 1;
    } else if (token->kind == TJ_TOK_CIRC || at_raised(r, TJ_TOK_CIRC, n) ||
               at_raised(r, TJ_TOK_UNIT, n)) {
        *n = token->kind == TJ_TOK_CIRC ? 1 : *n;
        name = temperature(r, n);
        n_name = name[2] == '\0' ? 2 : 3;
    } else if (token->kind == TJ_TOK_PRIME && factor->kind == TJ_EX_NUMBER) {
        name = token->id == 1 ? (feet ? "foot" : "arcminute") : feet ? "inch" : "arcsecond";
        n_name = strlen(name);
        *n = 1;
    }
    return name != NULL && tj_unit_find(unit, name, n_name) != TJ_UNIT_NONE;
}

/* 12'30'', 30°12'30'' and 5'6" are one amount. */
static const tj_ex *read_sign_unit(tj_reader *r, const tj_ex *factor)
{
    tj_nodes parts = {0};
    tj_unit unit;
    size_t n;
    bool alone = tj_reader_at(r, TJ_TOK_PRIME), feet = alone && r->modes.marks_are_feet;
    r->met |= alone ? TJ_MET_MARKS : 0;
    while (factor != NULL && find_sign_unit(r, factor, feet, &unit, &n)) {
        r->at += n;
        if (!tj_nodes_add(r, &parts, tj_reader_quantity(r, factor, &unit))) {
            return NULL;
        }
        size_t n_digits = 0;
        while (tj_reader_peek(r, n_digits)->kind == TJ_TOK_DIGIT && n_digits < 3) {
            n_digits++;
        }
        bool goes_on = n_digits > 0 && tj_reader_peek(r, n_digits)->kind == TJ_TOK_PRIME &&
                       (unit.pi_power == 1 || feet);
        factor = goes_on ? tj_reader_plain_number(r) : NULL;
        if (r->rc != TJ_OK) {
            return NULL;
        }
    }
    return parts.n == 1 ? parts.items[0] : tj_reader_from(r, TJ_EX_ADD, &parts);
}

static bool can_have_power(const tj_ex *ex)
{
    return tj_ex_is_value(ex);
}

static const tj_ex *read_power(tj_reader *r, const tj_ex *base);

/* What stands raised: braces, or one factor with its own powers; signs allowed. */
static const tj_ex *read_exponent(tj_reader *r)
{
    bool in_exponent = r->in_exponent;
    r->in_exponent = true;
    const tj_ex *ex = NULL;
    if (tj_reader_enter(r)) {
        if (tj_reader_at(r, TJ_TOK_MINUS)) {
            tj_reader_next(r);
            ex = tj_reader_negate(r, read_exponent(r));
        } else if (tj_reader_accept(r, TJ_TOK_PLUS)) {
            ex = read_exponent(r);
        } else {
            ex = tj_reader_at(r, TJ_TOK_LBRACE)  ? tj_reader_group(r)
                 : tj_reader_at(r, TJ_TOK_DIGIT) ? tj_reader_plain_number(r)
                                                 : tj_reader_primary(r, false);
            ex = ex != NULL && at_power(r) ? read_power(r, ex) : ex;
        }
        tj_reader_leave(r);
    }
    r->in_exponent = in_exponent;
    return ex;
}

/* Powers group to the right; a set of numbers has none. */
static const tj_ex *read_power(tj_reader *r, const tj_ex *base)
{
    if (!can_have_power(base)) {
        return tj_reader_fail(r, "a value before '^'");
    }
    tj_reader_next(r);
    const tj_ex *exponent = read_exponent(r);
    if (exponent != NULL && !tj_ex_is_value(exponent)) {
        return tj_reader_fail(r, "a value as exponent");
    }
    return tj_reader_binary(r, TJ_EX_POW, base, exponent);
}

/* ℝ^+, ℤ^-: the positive ones, the negative ones. */
static const tj_ex *read_half_line(tj_reader *r, const tj_ex *numbers)
{
    size_t braced = tj_reader_peek(r, 1)->kind == TJ_TOK_LBRACE;
    if (!tj_reader_at(r, TJ_TOK_CARET) && !tj_reader_at(r, TJ_TOK_UNDER)) {
        return numbers;
    }
    const tj_token *sign = tj_reader_peek(r, 1 + braced);
    bool plus = sign->kind == TJ_TOK_PLUS, minus = sign->kind == TJ_TOK_MINUS;
    if ((!plus && !minus) || (braced && tj_reader_peek(r, 3)->kind != TJ_TOK_RBRACE) ||
        (numbers->id != TJ_NUMBERS_REAL && (numbers->id != TJ_NUMBERS_INTEGER || minus))) {
        return tj_reader_fail(r, "a set of numbers that is known");
    }
    r->at += braced ? 4 : 2;
    if (numbers->id == TJ_NUMBERS_INTEGER) {
        tj_ex *natural = tj_reader_new(r, TJ_EX_NUMBERS, 0);
        if (natural != NULL) {
            natural->id = TJ_NUMBERS_NATURAL;
        }
        return natural;
    }
    tj_ex *line = tj_reader_new(r, TJ_EX_INTERVAL, 2);
    if (line == NULL) {
        return NULL;
    }
    const tj_ex *zero = tj_reader_integer(r, 0);
    const tj_ex *infinity = tj_reader_const(r, TJ_CONST_INFINITY);
    line->id = TJ_EX_OPEN_LOW | TJ_EX_OPEN_HIGH;
    line->args[0] = plus ? zero : tj_reader_unary(r, TJ_EX_NEG, infinity);
    line->args[1] = plus ? infinity : zero;
    return r->rc == TJ_OK ? line : NULL;
}

static const tj_ex *read_factorial(tj_reader *r, const tj_ex *ex)
{
    if (!tj_ex_is_value(ex)) {
        return tj_reader_fail(r, "a value before '!'");
    }
    tj_reader_next(r);
    bool twice = tj_reader_at(r, TJ_TOK_BANG) && tj_reader_peek(r, 0)->flags == 0;
    if (twice) {
        tj_reader_next(r);
    }
    return tj_reader_call(r, twice ? TJ_FN_DOUBLE_FACTORIAL : TJ_FN_FACTORIAL, ex, NULL);
}

/* 5C2, 5P2 and _5C_2: letters between numbers. */
static const tj_ex *read_choose(tj_reader *r, const tj_ex *ex)
{
    const tj_token *letter = tj_reader_peek(r, 0);
    if (ex->kind != TJ_EX_NUMBER || letter->kind != TJ_TOK_WORD || letter->n_text != 1 ||
        r->sub != 0 || (letter->text[0] != 'C' && letter->text[0] != 'P') ||
        (letter->flags & TJ_TOK_SPACED) != 0) {
        return ex;
    }
    bool under = tj_reader_peek(r, 1)->kind == TJ_TOK_UNDER;
    size_t digit = 1 + (size_t)under;
    digit += under && tj_reader_peek(r, digit)->kind == TJ_TOK_LBRACE;
    const tj_token *next = tj_reader_peek(r, digit);
    if (next->kind != TJ_TOK_DIGIT || (next->flags & TJ_TOK_SPACED) != 0) {
        return ex;
    }
    r->at += 1 + (size_t)under;
    bool braced = tj_reader_at(r, TJ_TOK_LBRACE);
    const tj_ex *k = braced ? tj_reader_group(r) : tj_reader_plain_number(r);
    return tj_reader_call(r, letter->text[0] == 'C' ? TJ_FN_BINOMIAL : TJ_FN_PERMUTATIONS, ex, k);
}

const tj_ex *tj_reader_factor(tj_reader *r, bool with_times_ten)
{
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    const tj_ex *ex = tj_reader_primary(r, with_times_ten);
    if (ex != NULL && ex->kind == TJ_EX_NUMBERS) {
        ex = read_half_line(r, ex);
    } else if (ex != NULL) {
        ex = read_choose(r, ex);
    }
    while (ex != NULL) {
        tj_unit unit;
        size_t n;
        if (tj_reader_at(r, TJ_TOK_BANG)) {
            ex = read_factorial(r, ex);
        } else if (tj_ex_is_value(ex) && find_sign_unit(r, ex, false, &unit, &n)) {
            ex = read_sign_unit(r, ex);
            break;
        } else if (at_power(r)) {
            ex = read_power(r, ex);
        } else {
            break;
        }
    }
    tj_reader_leave(r);
    return ex;
}

/* ------------------------------------------------------------ what a factor begins with */

/* Whether a [ opens a group rather than closing the interval ]a, b[. */
static bool bracket_opens(const tj_reader *r)
{
    switch ((tj_tok_kind)tj_reader_peek(r, 1)->kind) {
    case TJ_TOK_DIGIT:
    case TJ_TOK_NAME:
    case TJ_TOK_CONST:
    case TJ_TOK_FN:
    case TJ_TOK_FRAC:
    case TJ_TOK_SQRT:
    case TJ_TOK_LPAREN:
    case TJ_TOK_LBRACKET:
    case TJ_TOK_MINUS:
        return true;
    case TJ_TOK_WORD:
        return tj_reader_word_kind(tj_reader_peek(r, 1)) != TJ_WORD_SIGN;
    default:
        return false;
    }
}

static bool behind_number(const tj_reader *r)
{
    return r->at > 0 && (r->number_end == r->at || r->tokens[r->at - 1].kind == TJ_TOK_VULGAR);
}

bool tj_reader_at_letter_union(const tj_reader *r)
{
    const tj_token *letter = tj_reader_peek(r, 0);
    if (letter->kind != TJ_TOK_WORD || letter->n_text != 1 || letter->text[0] != 'U' ||
        r->at == 0) {
        return false;
    }
    tj_tok_kind before = (tj_tok_kind)r->tokens[r->at - 1].kind;
    tj_tok_kind behind = (tj_tok_kind)tj_reader_peek(r, 1)->kind;
    return (before == TJ_TOK_RPAREN || before == TJ_TOK_RBRACKET || before == TJ_TOK_RSET) &&
           (behind == TJ_TOK_LPAREN || behind == TJ_TOK_LBRACKET || behind == TJ_TOK_LSET);
}

/* "(mod 5)" is tied to the whole congruence. */
static bool at_modulus(const tj_reader *r)
{
    return tj_reader_is_word(r, 1, "mod") || tj_reader_is_word(r, 1, "modulo") ||
           tj_reader_peek(r, 1)->kind == TJ_TOK_BMOD || tj_reader_peek(r, 1)->kind == TJ_TOK_PMOD;
}

/* "12 (twelve)" says it twice and multiplies nothing. */
static bool at_number_word(const tj_reader *r)
{
    const tj_token *word = tj_reader_peek(r, 1);
    int64_t value;
    return word->kind == TJ_TOK_WORD &&
           tj_words_number(&value, word->text, word->n_text) != TJ_WORD_NO_NUMBER;
}

bool tj_reader_at_domain(const tj_reader *r)
{
    const tj_token *letter = tj_reader_peek(r, 1), *sign = tj_reader_peek(r, 2);
    return tj_reader_at(r, TJ_TOK_LPAREN) &&
           (letter->kind == TJ_TOK_NAME || (letter->kind == TJ_TOK_WORD && letter->n_text == 1)) &&
           (tj_reader_is_word(r, 2, "in") ||
            (sign->kind == TJ_TOK_REL && (sign->id == TJ_REL_IN || sign->id == TJ_REL_NE)));
}

bool tj_reader_starts_factor(const tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    switch ((tj_tok_kind)token->kind) {
    case TJ_TOK_DIGIT:
    case TJ_TOK_VULGAR:
        return !behind_number(r);
    case TJ_TOK_WORD:
        if (r->sub > 0) {
            return true;
        }
        if (tj_reader_at_letter_union(r)) {
            return false;
        }
        switch (tj_reader_word_kind(token)) {
        case TJ_WORD_SIGN:
            return false;
        case TJ_WORD_VALUE:
            return true;
        case TJ_WORD_UNKNOWN:
            return !tj_words_is_prose(token->text, token->n_text);
        }
        return false;
    case TJ_TOK_NAME:
    case TJ_TOK_CONST:
    case TJ_TOK_FN:
    case TJ_TOK_CIS:
    case TJ_TOK_BASIS:
    case TJ_TOK_SQRT:
    case TJ_TOK_FRAC:
    case TJ_TOK_BINOM:
    case TJ_TOK_LBRACE:
    case TJ_TOK_LFLOOR:
    case TJ_TOK_LCEIL:
    case TJ_TOK_LBAR:
    case TJ_TOK_SUM:
    case TJ_TOK_PROD:
    case TJ_TOK_OVERLINE:
    case TJ_TOK_SHAPE:
        return true;
    case TJ_TOK_LPAREN:
        return !at_modulus(r) && !tj_reader_at_domain(r) && !at_number_word(r);
    case TJ_TOK_ENV:
        return token->id == TJ_ENV_MATRIX || token->id == TJ_ENV_DET;
    case TJ_TOK_LBRACKET:
        return bracket_opens(r);
    case TJ_TOK_BAR:
        return r->n_bars == 0 && !r->bar_separates;
    case TJ_TOK_NORM:
        return r->n_norms == 0;
    default:
        return false;
    }
}

static const tj_ex *read_vulgar(tj_reader *r)
{
    int32_t id = tj_reader_peek(r, 0)->id;
    tj_reader_next(r);
    return tj_reader_binary(r, TJ_EX_DIV, tj_reader_integer(r, id >> 8),
                            tj_reader_integer(r, id & 0xFF));
}

/* \overline{AB} is a name; \overline{z} the conjugate. */
static const tj_ex *read_overline(tj_reader *r)
{
    tj_reader_next(r);
    const tj_ex *ex = tj_reader_argument(r);
    if (ex == NULL || (ex->kind == TJ_EX_SYMBOL && ex->text[0] >= 'A' && ex->text[0] <= 'Z')) {
        return ex;
    }
    if (ex->kind == TJ_EX_NUMBER || !tj_ex_is_value(ex)) {
        return tj_reader_fail(r, "no line over digits but behind a point");
    }
    return tj_reader_call(r, TJ_FN_CONJ, ex, NULL);
}

static const tj_ex *read_numbers(tj_reader *r)
{
    tj_ex *ex = tj_reader_new(r, TJ_EX_NUMBERS, 0);
    if (ex != NULL) {
        ex->id = tj_reader_peek(r, 0)->id;
        tj_reader_next(r);
    }
    return ex;
}

static const tj_ex *read_const(tj_reader *r)
{
    const tj_ex *ex = tj_reader_const(r, (tj_ex_const)tj_reader_peek(r, 0)->id);
    tj_reader_next(r);
    return ex;
}

/* A bold i, j or k: a letter, or a column of one 1. A text with k is not of the plane. */
static const tj_ex *read_basis(tj_reader *r)
{
    int32_t which = tj_reader_peek(r, 0)->id;
    r->met |= TJ_MET_BASIS;
    if (r->modes.basis == TJ_BASIS_LETTERS) {
        const char letter = (char)('i' + which);
        tj_reader_next(r);
        return which == 0 && !r->modes.bound_i ? tj_reader_const(r, TJ_CONST_I)
                                               : tj_reader_symbol(r, &letter, 1);
    }
    int32_t n = r->modes.basis == TJ_BASIS_PLANE ? 2 : 3;
    if (which >= n) {
        return tj_reader_fail(r, "unit vectors of the plane");
    }
    tj_reader_next(r);
    tj_nodes cells = {0};
    for (int32_t i = 0; i < n; i++) {
        if (!tj_nodes_add(r, &cells, tj_reader_integer(r, i == which))) {
            return NULL;
        }
    }
    tj_ex *column = tj_reader_from(r, TJ_EX_MATRIX, &cells);
    if (column != NULL) {
        column->n_rows = (uint32_t)n;
    }
    return column;
}

/* {}_5C_2 and ^5C_2 begin with nothing that has an index. */
static const tj_ex *read_left_index(tj_reader *r)
{
    tj_reader_next(r);
    const tj_ex *n =
        tj_reader_at(r, TJ_TOK_LBRACE) ? tj_reader_group(r) : tj_reader_plain_number(r);
    if (n == NULL) {
        return NULL;
    }
    const tj_ex *ex = read_choose(r, n);
    return ex == n ? tj_reader_fail(r, "a binomial behind an index") : ex;
}

const tj_ex *tj_reader_primary(tj_reader *r, bool with_times_ten)
{
    const tj_token *token = tj_reader_peek(r, 0);
    switch ((tj_tok_kind)token->kind) {
    case TJ_TOK_DIGIT:
    case TJ_TOK_POINT:
        return tj_reader_number(r, with_times_ten);
    case TJ_TOK_VULGAR:
        return read_vulgar(r);
    case TJ_TOK_WORD:
        return tj_reader_word(r);
    case TJ_TOK_NAME:
    case TJ_TOK_SHAPE:
        return tj_reader_name(r);
    case TJ_TOK_CONST:
        return read_const(r);
    case TJ_TOK_QUOTED:
        return tj_reader_quoted(r);
    case TJ_TOK_NUMBERS:
        return read_numbers(r);
    case TJ_TOK_EMPTYSET:
        tj_reader_next(r);
        return tj_reader_new(r, TJ_EX_SET, 0);
    case TJ_TOK_FN:
        tj_reader_next(r);
        return tj_reader_function(r, (tj_ex_fn)token->id);
    case TJ_TOK_CIS:
        tj_reader_next(r);
        return tj_reader_cis(r);
    case TJ_TOK_BASIS:
        return read_basis(r);
    case TJ_TOK_SQRT:
        return tj_reader_root(r);
    case TJ_TOK_FRAC:
        return tj_reader_fraction(r);
    case TJ_TOK_BINOM:
        return tj_reader_binomial(r);
    case TJ_TOK_SUM:
    case TJ_TOK_PROD:
        return tj_reader_big(r);
    case TJ_TOK_OVERLINE:
        return read_overline(r);
    case TJ_TOK_UNDER:
    case TJ_TOK_CARET:
        return read_left_index(r);
    case TJ_TOK_MONEY:
        return tj_reader_money(r);
    case TJ_TOK_ENV:
        return tj_reader_environment(r);
    case TJ_TOK_LPAREN:
        return tj_reader_paren(r);
    case TJ_TOK_LBRACKET:
    case TJ_TOK_RBRACKET:
        return tj_reader_bracket(r);
    case TJ_TOK_LBRACE:
        return tj_reader_braces(r);
    case TJ_TOK_LSET:
        return tj_reader_set(r);
    case TJ_TOK_LANGLE:
        return tj_reader_angle(r);
    case TJ_TOK_REL:
        return token->id == TJ_REL_LT ? tj_reader_angle(r) : tj_reader_fail(r, "a value");
    case TJ_TOK_LFLOOR:
        return tj_reader_enclosed(r, TJ_TOK_LFLOOR, TJ_FN_FLOOR);
    case TJ_TOK_LCEIL:
        return tj_reader_enclosed(r, TJ_TOK_LCEIL, TJ_FN_CEIL);
    case TJ_TOK_LBAR:
    case TJ_TOK_BAR:
    case TJ_TOK_NORM:
        return tj_reader_bars(r);
    default:
        return tj_reader_fail(r, "a value");
    }
}
