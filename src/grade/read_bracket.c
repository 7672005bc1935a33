/* Brackets: groups, tuples, intervals, sets, absolute values. Inside of them a comma separates, and
 * bars that are open outside do not close. */
#include "grade/reader.h"

/* What a bracket changes, to be restored behind it. */
typedef struct outside {
    tj_place place;
    unsigned n_bars, n_norms;
    bool bar_separates, in_exponent;
} outside;

static outside go_inside(tj_reader *r, tj_place place)
{
    outside was = {r->place, r->n_bars, r->n_norms, r->bar_separates, r->in_exponent};
    r->place = place;
    r->n_bars = r->n_norms = 0;
    r->bar_separates = r->in_exponent = false;
    return was;
}

static void go_outside(tj_reader *r, const outside *was)
{
    r->place = was->place;
    r->n_bars = was->n_bars;
    r->n_norms = was->n_norms;
    r->bar_separates = was->bar_separates;
    r->in_exponent = was->in_exponent;
}

static bool read_items(tj_reader *r, tj_nodes *items)
{
    do {
        if (!tj_nodes_add(r, items, tj_reader_statement(r))) {
            return false;
        }
    } while (tj_reader_accept(r, TJ_TOK_COMMA) || tj_reader_accept(r, TJ_TOK_SEMICOLON));
    return true;
}

static bool are_relations(const tj_nodes *items)
{
    for (size_t i = 0; i < items->n; i++) {
        if (items->items[i]->kind != TJ_EX_RELATION) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------ tuples, intervals */

static bool is_infinite(const tj_ex *ex)
{
    return (ex->kind == TJ_EX_CONST && ex->id == TJ_CONST_INFINITY) ||
           (ex->kind == TJ_EX_NEG && is_infinite(ex->args[0]));
}

static bool is_end(const tj_ex *ex)
{
    return tj_ex_is_value(ex) && ex->kind != TJ_EX_TUPLE && ex->kind != TJ_EX_MATRIX;
}

static const tj_ex *interval_of(tj_reader *r, const tj_nodes *ends, int32_t id)
{
    if (ends->n != 2 || !is_end(ends->items[0]) || !is_end(ends->items[1])) {
        return tj_reader_fail(r, "two ends of an interval before this");
    }
    tj_ex *ex = tj_reader_from(r, TJ_EX_INTERVAL, ends);
    if (ex != NULL) {
        ex->id = id;
    }
    return ex;
}

/* What a number, its opposite or a quotient of such is worth, roughly; false for others. */
static bool rough_value(const tj_ex *ex, double *out)
{
    double num, den;
    if (ex->kind == TJ_EX_NEG && rough_value(ex->args[0], &num)) {
        *out = -num;
        return true;
    }
    if (ex->kind == TJ_EX_DIV && rough_value(ex->args[0], &num) && rough_value(ex->args[1], &den) &&
        den != 0) {
        *out = num / den;
        return true;
    }
    if (ex->kind != TJ_EX_NUMBER || ex->num.base != 10 || ex->num.exponent != 0 ||
        ex->num.n_digits > 15) {
        return false;
    }
    *out = 0;
    for (uint32_t i = 0; i < ex->num.n_digits; i++) {
        *out = *out * 10 + (ex->num.digits[i] - '0');
    }
    for (uint32_t i = 0; i < ex->num.n_frac; i++) {
        *out /= 10;
    }
    return true;
}

/* Whether (low, high) is surely no interval: its ends fall. */
static bool ends_fall(const tj_ex *low, const tj_ex *high)
{
    double a, b;
    return rough_value(low, &a) && rough_value(high, &b) && a >= b;
}

static const tj_ex *tuple_of(tj_reader *r, const tj_nodes *items)
{
    if (are_relations(items)) { /* (x = 1, y = 2) */
        bool system = tj_ex_is_system(items->items, items->n);
        return tj_reader_from(r, system ? TJ_EX_AND : TJ_EX_LIST, items);
    }
    for (size_t i = 0; i < items->n; i++) {
        if (items->items[i]->kind == TJ_EX_RELATION) {
            return tj_reader_fail(r, "values in brackets");
        }
    }
    if (items->n == 2) {
        if (is_infinite(items->items[0]) || is_infinite(items->items[1])) {
            return interval_of(r, items, TJ_EX_OPEN_LOW | TJ_EX_OPEN_HIGH);
        }
        bool may_be_interval = !ends_fall(items->items[0], items->items[1]);
        r->met |= may_be_interval ? TJ_MET_PAIR : 0;
        if (may_be_interval && r->modes.pair_is_interval) {
            return interval_of(r, items, TJ_EX_OPEN_LOW | TJ_EX_OPEN_HIGH);
        }
    }
    return tj_reader_from(r, TJ_EX_TUPLE, items);
}

const tj_ex *tj_reader_as_set(tj_reader *r, const tj_ex *ex)
{
    if (ex == NULL || ex->kind != TJ_EX_TUPLE || ex->n_args != 2 || !is_end(ex->args[0]) ||
        !is_end(ex->args[1])) {
        return ex;
    }
    const tj_nodes ends = {.items = ex->args, .n = 2, .cap = 2};
    return interval_of(r, &ends, TJ_EX_OPEN_LOW | TJ_EX_OPEN_HIGH);
}

/* What follows the items decides what the bracket was. */
static const tj_ex *close_paren(tj_reader *r, const tj_nodes *items)
{
    if (tj_reader_accept(r, TJ_TOK_RBRACKET)) {
        return interval_of(r, items, TJ_EX_OPEN_LOW);
    }
    if (!tj_reader_expect(r, TJ_TOK_RPAREN, "')'")) {
        return NULL;
    }
    return items->n == 1 ? items->items[0] : tuple_of(r, items);
}

const tj_ex *tj_reader_paren(tj_reader *r)
{
    const tj_ex *based = tj_reader_based_paren(r);
    if (based != NULL || r->rc != TJ_OK) {
        return based;
    }
    tj_nodes items = {0};
    const tj_ex *few[4];
    items.items = few;
    items.cap = 4;
    tj_reader_next(r);
    outside was = go_inside(r, TJ_PLACE_LIST);
    bool ok = read_items(r, &items);
    go_outside(r, &was);
    return ok ? close_paren(r, &items) : NULL;
}

static const tj_ex *close_bracket(tj_reader *r, const tj_nodes *items, bool open_low)
{
    int32_t low = open_low ? TJ_EX_OPEN_LOW : 0;
    if (tj_reader_accept(r, TJ_TOK_RPAREN) || tj_reader_accept(r, TJ_TOK_LBRACKET)) {
        return interval_of(r, items, low | TJ_EX_OPEN_HIGH);
    }
    if (!tj_reader_expect(r, TJ_TOK_RBRACKET, "']'")) {
        return NULL;
    }
    if (items->n == 2 || open_low) {
        return interval_of(r, items, low);
    }
    for (size_t i = 0; i < items->n; i++) {
        if (items->items[i]->kind == TJ_EX_RELATION) {
            return tj_reader_fail(r, "values in brackets");
        }
    }
    return items->n == 1 ? items->items[0] : tj_reader_from(r, TJ_EX_TUPLE, items);
}

const tj_ex *tj_reader_bracket(tj_reader *r)
{
    if (tj_reader_at_plain_matrix(r)) {
        return tj_reader_plain_matrix(r);
    }
    tj_nodes items = {0};
    bool open_low = tj_reader_at(r, TJ_TOK_RBRACKET);
    tj_reader_next(r);
    outside was = go_inside(r, TJ_PLACE_LIST);
    bool ok = read_items(r, &items);
    go_outside(r, &was);
    return ok ? close_bracket(r, &items, open_low) : NULL;
}

const tj_ex *tj_reader_angle(tj_reader *r)
{
    tj_nodes items = {0};
    bool latex = tj_reader_at(r, TJ_TOK_LANGLE);
    tj_reader_next(r);
    outside was = go_inside(r, TJ_PLACE_LIST);
    bool ok = true;
    do {
        ok = ok && tj_nodes_add(r, &items, tj_reader_item(r));
    } while (ok && tj_reader_accept(r, TJ_TOK_COMMA));
    go_outside(r, &was);
    const tj_token *close = tj_reader_peek(r, 0);
    bool closes =
        latex ? close->kind == TJ_TOK_RANGLE : close->kind == TJ_TOK_REL && close->id == TJ_REL_GT;
    if (!ok || !closes || items.n < 2) {
        return tj_reader_fail(r, "'>' behind the parts of a vector");
    }
    tj_reader_next(r);
    return tj_reader_from(r, TJ_EX_TUPLE, &items);
}

/* ------------------------------------------------------------ sets */

static bool accept_such_that(tj_reader *r)
{
    return tj_reader_accept(r, TJ_TOK_COLON) || tj_reader_accept(r, TJ_TOK_MID) ||
           tj_reader_accept(r, TJ_TOK_BAR) || tj_reader_accept_words(r, "such that");
}

/* {k * pi : k in Z} is a family; other conditions choose among the elements. */
static const tj_ex *where_of(tj_reader *r, const tj_ex *element, const tj_ex *condition)
{
    if (element == NULL || condition == NULL) {
        return NULL;
    }
    tj_reader_meet_bound(r, condition);
    bool membership = condition->kind == TJ_EX_RELATION && condition->n_args == 2 &&
                      condition->rels[0] == TJ_REL_IN && condition->args[0]->kind == TJ_EX_SYMBOL;
    if (membership && element->kind != TJ_EX_SYMBOL && element->kind != TJ_EX_RELATION &&
        tj_ex_has_symbol(element, condition->args[0]->text)) {
        tj_ex *ex = tj_reader_new(r, TJ_EX_FAMILY, 3);
        if (ex != NULL) {
            ex->args[0] = element;
            ex->args[1] = condition->args[0];
            ex->args[2] = condition->args[1];
        }
        return ex;
    }
    return tj_reader_binary(r, TJ_EX_WHERE, element, condition);
}

static bool is_condition(const tj_ex *ex)
{
    return ex->kind == TJ_EX_RELATION || ex->kind == TJ_EX_AND ||
           (ex->kind == TJ_EX_LIST && ex->n_args > 0 && is_condition(ex->args[0]));
}

/* The items of a set, or element and condition, up to the closing brace, which is not read. */
static const tj_ex *read_set_body(tj_reader *r, tj_tok_kind close, bool *grouped)
{
    tj_nodes items = {0};
    *grouped = false;
    if (tj_reader_at(r, close)) {
        return tj_reader_new(r, TJ_EX_SET, 0);
    }
    r->bar_separates = true;
    if (!tj_nodes_add(r, &items, tj_reader_statement(r))) {
        return NULL;
    }
    if (accept_such_that(r)) {
        r->bar_separates = false;
        const tj_ex *condition = tj_reader_sequence(r);
        if (condition != NULL && !is_condition(condition)) {
            return tj_reader_fail(r, "a condition before this");
        }
        return where_of(r, items.items[0], condition);
    }
    *grouped = tj_reader_at(r, close);
    while (tj_reader_accept(r, TJ_TOK_COMMA) || tj_reader_accept(r, TJ_TOK_SEMICOLON)) {
        if (!tj_nodes_add(r, &items, tj_reader_statement(r))) {
            return NULL;
        }
    }
    return *grouped && close == TJ_TOK_RBRACE ? items.items[0]
                                              : tj_reader_from(r, TJ_EX_SET, &items);
}

/* Capital letters in a set are choices, as in a list. */
static const tj_ex *capitals_to_choices(tj_reader *r, const tj_ex *set)
{
    for (uint32_t i = 0; i < set->n_args; i++) {
        if (!tj_ex_is_capital(set->args[i])) {
            return set;
        }
    }
    for (uint32_t i = 0; i < set->n_args; i++) {
        tj_ex *choice = tj_reader_new(r, TJ_EX_CHOICE, 0);
        if (choice == NULL) {
            return NULL;
        }
        choice->id = set->args[i]->text[0] - 'A';
        set->args[i] = choice;
    }
    return set;
}

static const tj_ex *read_set(tj_reader *r, tj_tok_kind close, bool *grouped)
{
    tj_reader_next(r);
    outside was = go_inside(r, TJ_PLACE_LIST);
    const tj_ex *ex = read_set_body(r, close, grouped);
    go_outside(r, &was);
    if (ex == NULL || !tj_reader_expect(r, close, close == TJ_TOK_RSET ? "'\\}'" : "'}'")) {
        return NULL;
    }
    return ex->kind == TJ_EX_SET ? capitals_to_choices(r, ex) : ex;
}

const tj_ex *tj_reader_set(tj_reader *r)
{
    bool grouped;
    return read_set(r, TJ_TOK_RSET, &grouped);
}

const tj_ex *tj_reader_braces(tj_reader *r)
{
    if (tj_reader_peek(r, 1)->kind == TJ_TOK_RBRACE && r->n_tokens > 2) { /* {}_5C_2, x{}^2 */
        tj_reader_next(r);
        tj_reader_next(r);
        if (!tj_reader_enter(r)) {
            return NULL;
        }
        const tj_ex *ex = tj_reader_primary(r, false);
        tj_reader_leave(r);
        return ex;
    }
    bool grouped;
    return read_set(r, TJ_TOK_RBRACE, &grouped);
}

/* ------------------------------------------------------------ bars */

static const tj_ex *absolute(tj_reader *r, const tj_ex *ex)
{
    if (ex != NULL && !tj_ex_is_value(ex)) {
        return tj_reader_fail(r, "a value between bars");
    }
    return ex == NULL
               ? NULL
               : tj_reader_call(r, ex->kind == TJ_EX_MATRIX ? TJ_FN_DET : TJ_FN_ABS, ex, NULL);
}

const tj_ex *tj_reader_bars(tj_reader *r)
{
    tj_tok_kind open = (tj_tok_kind)tj_reader_peek(r, 0)->kind;
    tj_reader_next(r);
    unsigned n_bars = r->n_bars + 1, n_norms = r->n_norms + 1;
    outside was = go_inside(r, TJ_PLACE_SCALAR);
    r->n_bars = open == TJ_TOK_BAR ? n_bars : 0;
    r->n_norms = open == TJ_TOK_NORM ? n_norms : 0;
    const tj_ex *ex = tj_reader_sum(r);
    go_outside(r, &was);
    tj_tok_kind close = open == TJ_TOK_LBAR ? TJ_TOK_RBAR : open;
    if (ex == NULL || !tj_reader_expect(r, close, "a closing bar")) {
        return NULL;
    }
    return absolute(r, ex);
}

const tj_ex *tj_reader_enclosed(tj_reader *r, tj_tok_kind open, tj_ex_fn fn)
{
    tj_reader_next(r);
    outside was = go_inside(r, TJ_PLACE_SCALAR);
    const tj_ex *ex = tj_reader_sum(r);
    go_outside(r, &was);
    if (ex == NULL || !tj_reader_expect(r, (tj_tok_kind)(open + 1), "a closing bracket")) {
        return NULL;
    }
    return tj_ex_is_value(ex) ? tj_reader_call(r, fn, ex, NULL)
                              : tj_reader_fail(r, "a value in brackets");
}
