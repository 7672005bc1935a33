/* Statements and what joins them: relations, systems, lists, unions, conditions, families. */
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

/* ------------------------------------------------------------ sets */

static bool accept_set_operator(tj_reader *r, tj_ex_kind *kind)
{
    if (tj_reader_at_letter_union(r)) {
        tj_reader_next(r);
        *kind = TJ_EX_UNION;
        return true;
    }
    if (tj_reader_accept(r, TJ_TOK_CUP) || tj_reader_accept_word(r, "union")) {
        *kind = TJ_EX_UNION;
    } else if (tj_reader_accept(r, TJ_TOK_CAP) || tj_reader_accept_word(r, "intersect") ||
               tj_reader_accept_word(r, "intersection")) {
        *kind = TJ_EX_INTERSECTION;
    } else if (tj_reader_accept(r, TJ_TOK_SETMINUS)) {
        *kind = TJ_EX_DIFFERENCE;
    } else {
        return false;
    }
    return true;
}

static const tj_ex *set_operand(tj_reader *r, const tj_ex *ex)
{
    ex = tj_reader_as_set(r, ex);
    if (ex == NULL || tj_ex_is_set(ex) || ex->kind == TJ_EX_SYMBOL) {
        return ex;
    }
    return tj_reader_fail(r, "sets around the sign before this");
}

/* ℝ - {0} is a difference of sets. */
static const tj_ex *read_minus_set(tj_reader *r, const tj_ex *left)
{
    while (left != NULL && tj_ex_is_set(left) && tj_reader_accept(r, TJ_TOK_MINUS)) {
        const tj_ex *right = set_operand(r, tj_reader_sum(r));
        left = tj_reader_binary(r, TJ_EX_DIFFERENCE, left, right);
    }
    return left;
}

const tj_ex *tj_reader_sets(tj_reader *r)
{
    const tj_ex *ex = read_minus_set(r, tj_reader_sum(r));
    tj_nodes operands = {0};
    tj_ex_kind kind, last = TJ_EX_NUMBER;
    while (ex != NULL && accept_set_operator(r, &kind)) {
        if (operands.n > 0 && (kind != last || kind == TJ_EX_DIFFERENCE)) {
            ex = tj_reader_from(r, last, &operands);
            operands = (tj_nodes){0};
        }
        if (operands.n == 0 && !tj_nodes_add(r, &operands, set_operand(r, ex))) {
            return NULL;
        }
        ex = set_operand(r, read_minus_set(r, tj_reader_sum(r)));
        if (!tj_nodes_add(r, &operands, ex)) {
            return NULL;
        }
        last = kind;
    }
    return operands.n == 0 || ex == NULL ? ex : tj_reader_from(r, last, &operands);
}

/* ------------------------------------------------------------ domains */

static bool accept_any(tj_reader *r, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tj_reader_accept_word(r, words[i])) {
            return true;
        }
    }
    return false;
}

/* "integer", "positive integers", "natural number", "real numbers"; -1 if none is there. */
static int accept_numbers(tj_reader *r)
{
    static const char *const integers[] = {"integer", "integers"};
    static const char *const reals[] = {"real", "reals"};
    static const char *const number[] = {"number", "numbers"};
    size_t at = r->at;
    if (tj_reader_accept_word(r, "positive")) {
        if (accept_any(r, integers, 2)) {
            return TJ_NUMBERS_NATURAL;
        }
        r->at = at;
        return -1;
    }
    if (accept_any(r, integers, 2)) {
        return TJ_NUMBERS_INTEGER;
    }
    if (tj_reader_accept_word(r, "natural") && accept_any(r, number, 2)) {
        return TJ_NUMBERS_NATURAL;
    }
    r->at = at;
    if (accept_any(r, reals, 2)) {
        accept_any(r, number, 2);
        return TJ_NUMBERS_REAL;
    }
    return -1;
}

static bool is_letter_token(const tj_token *token)
{
    return token->kind == TJ_TOK_NAME || (token->kind == TJ_TOK_WORD && token->n_text == 1);
}

static const tj_ex *letter(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    tj_reader_next(r);
    return tj_reader_symbol(r, token->text, token->n_text);
}

static const tj_ex *membership(tj_reader *r, const tj_ex *symbol, int which)
{
    tj_ex *numbers = tj_reader_new(r, TJ_EX_NUMBERS, 0);
    tj_ex *ex = symbol == NULL || numbers == NULL ? NULL : tj_reader_new(r, TJ_EX_RELATION, 2);
    tj_ex_rel *rel = ex == NULL ? NULL : tj_arena_calloc(r->arena, 1, sizeof *rel);
    if (rel == NULL) {
        return tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate the tree of an answer");
    }
    numbers->id = which;
    *rel = TJ_REL_IN;
    ex->args[0] = symbol;
    ex->args[1] = numbers;
    ex->rels = rel;
    return ex;
}

/* "k is an integer", "any integer k", "k integer"; NULL without an error, and nothing read, if
 * there is none. */
static const tj_ex *read_domain(tj_reader *r)
{
    static const char *const quantifiers[] = {"any",  "all", "some", "every",
                                              "each", "an",  "a",    "arbitrary"};
    const size_t n_quantifiers = sizeof quantifiers / sizeof quantifiers[0];
    size_t at = r->at;
    tj_tok_kind next = (tj_tok_kind)tj_reader_peek(r, 1)->kind;
    if (!(tj_reader_at(r, TJ_TOK_WORD) || tj_reader_at(r, TJ_TOK_NAME)) || next != TJ_TOK_WORD) {
        return NULL;
    }
    if (is_letter_token(tj_reader_peek(r, 0)) && r->sub == 0) {
        const tj_token *name = tj_reader_peek(r, 0);
        tj_reader_next(r);
        if (tj_reader_accept_word(r, "isinteger")) {
            return membership(r, tj_reader_symbol(r, name->text, name->n_text), TJ_NUMBERS_INTEGER);
        }
        tj_reader_accept_word(r, "is");
        while (accept_any(r, quantifiers, n_quantifiers)) {
        }
        int which = accept_numbers(r);
        if (which >= 0) {
            return membership(r, tj_reader_symbol(r, name->text, name->n_text), which);
        }
        r->at = at;
        return NULL;
    }
    while (accept_any(r, quantifiers, n_quantifiers)) {
    }
    int which = accept_numbers(r);
    if (which >= 0 && is_letter_token(tj_reader_peek(r, 0))) {
        return membership(r, letter(r), which);
    }
    r->at = at;
    return NULL;
}

/* ------------------------------------------------------------ relations */

static bool accept_relation(tj_reader *r, tj_ex_rel *rel)
{
    const tj_token *token = tj_reader_peek(r, 0);
    if (token->kind == TJ_TOK_REL) {
        *rel = (tj_ex_rel)token->id;
        tj_reader_next(r);
        return true;
    }
    *rel = TJ_REL_EQ;
    if (token->kind != TJ_TOK_WORD) {
        return false;
    }
    if (tj_reader_accept_words(r, "is equal to") || tj_reader_accept_words(r, "equal to") ||
        tj_reader_accept_word(r, "equals")) {
        return true;
    }
    if (tj_reader_is_word(r, 0, "is") && !tj_reader_is_word(r, 1, "in")) {
        tj_reader_next(r);
        return true;
    }
    *rel = TJ_REL_IN;
    return tj_reader_accept_words(r, "is in") || tj_reader_accept_words(r, "element of") ||
           tj_reader_accept_word(r, "in");
}

/* \pmod{5}, (mod 5) behind a congruence. */
static const tj_ex *read_modulus(tj_reader *r, const tj_ex *side)
{
    bool paren =
        tj_reader_at(r, TJ_TOK_LPAREN) &&
        (tj_reader_is_word(r, 1, "mod") || tj_reader_is_word(r, 1, "modulo") ||
         tj_reader_peek(r, 1)->kind == TJ_TOK_BMOD || tj_reader_peek(r, 1)->kind == TJ_TOK_PMOD);
    if (side == NULL || (!paren && !tj_reader_at(r, TJ_TOK_PMOD))) {
        return side;
    }
    r->at += paren ? 2 : 1;
    const tj_ex *modulus = paren                           ? tj_reader_sum(r)
                           : tj_reader_at(r, TJ_TOK_DIGIT) ? tj_reader_plain_number(r)
                                                           : tj_reader_argument(r);
    if (paren && modulus != NULL && !tj_reader_expect(r, TJ_TOK_RPAREN, "')' behind a modulus")) {
        return NULL;
    }
    if (modulus == NULL || !tj_ex_is_value(modulus) || !tj_ex_is_value(side)) {
        return tj_reader_fail(r, "values in a congruence");
    }
    return tj_reader_call(r, TJ_FN_MOD, side, modulus);
}

/* 3 : 4 is the quotient, 1 : 2 : 3 each part by the first. */
static const tj_ex *read_ratio(tj_reader *r, const tj_ex *first)
{
    tj_nodes parts = {0};
    bool ok = tj_nodes_add(r, &parts, first);
    while (ok && (tj_reader_accept(r, TJ_TOK_COLON) || tj_reader_accept_word(r, "to") ||
                  tj_reader_accept_words(r, "out of"))) {
        ok = tj_nodes_add(r, &parts, tj_reader_sum(r));
    }
    for (size_t i = 0; ok && i < parts.n; i++) {
        if (!tj_ex_is_value(parts.items[i])) {
            return tj_reader_fail(r, "values in a ratio");
        }
    }
    if (!ok || parts.n == 2) {
        return ok ? tj_reader_binary(r, TJ_EX_DIV, parts.items[0], parts.items[1]) : NULL;
    }
    for (size_t i = parts.n; ok && i-- > 0;) {
        parts.items[i] = tj_reader_binary(r, TJ_EX_DIV, parts.items[i], first);
        ok = parts.items[i] != NULL;
    }
    return ok ? tj_reader_from(r, TJ_EX_TUPLE, &parts) : NULL;
}

/* One side of a relation. */
static const tj_ex *read_side(tj_reader *r)
{
    const tj_ex *ex = tj_reader_sets(r);
    bool ratio = ex != NULL && tj_ex_is_value(ex) && !r->bar_separates &&
                 (tj_reader_at(r, TJ_TOK_COLON) || tj_reader_is_word(r, 0, "to") ||
                  (tj_reader_is_word(r, 0, "out") && tj_reader_is_word(r, 1, "of")));
    return read_modulus(r, ratio ? read_ratio(r, ex) : ex);
}

/* Z behind "in" is the set of all integers. */
static const tj_ex *read_letter_set(tj_reader *r)
{
    static const char letters[] = "NZQRC";
    const tj_token *letter = tj_reader_peek(r, 0);
    tj_tok_kind behind = (tj_tok_kind)tj_reader_peek(r, 1)->kind;
    const char *found = letter->kind == TJ_TOK_WORD && letter->n_text == 1
                            ? memchr(letters, letter->text[0], sizeof letters - 1)
                            : NULL;
    tj_ex *numbers = found == NULL || behind == TJ_TOK_UNDER || behind == TJ_TOK_CARET
                         ? NULL
                         : tj_reader_new(r, TJ_EX_NUMBERS, 0);
    if (numbers != NULL) {
        numbers->id = (int32_t)(found - letters);
        tj_reader_next(r);
    }
    return numbers;
}

#define MAX_SIDES 32 /* of a chain of relations */

const tj_ex *tj_reader_statement(tj_reader *r)
{
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    const tj_ex *domain = read_domain(r);
    if (domain != NULL || r->rc != TJ_OK) {
        tj_reader_leave(r);
        return domain;
    }
    tj_nodes sides = {0};
    tj_ex_rel rels[MAX_SIDES], rel;
    const tj_ex *first = read_side(r);
    bool ok = first != NULL;
    while (ok && accept_relation(r, &rel)) {
        const tj_ex *side = rel == TJ_REL_IN ? read_letter_set(r) : NULL;
        side = side == NULL ? read_side(r) : side;
        ok = (sides.n > 0 || tj_nodes_add(r, &sides, first)) && tj_nodes_add(r, &sides, side);
        if (ok && sides.n > MAX_SIDES) {
            tj_reader_fail_code(r, TJ_E_LIMIT, "a chain of relations is too long");
            ok = false;
        }
        if (ok) {
            rels[sides.n - 2] = rel;
            if (rel == TJ_REL_IN) {
                sides.items[sides.n - 1] = set_operand(r, sides.items[sides.n - 1]);
                ok = sides.items[sides.n - 1] != NULL;
            }
        }
    }
    tj_reader_leave(r);
    if (!ok || sides.n == 0) {
        return ok ? first : NULL;
    }
    for (size_t i = 0; i < sides.n; i++) {
        if (sides.items[i]->kind == TJ_EX_RELATION || sides.items[i]->kind == TJ_EX_AND ||
            sides.items[i]->kind == TJ_EX_LIST) {
            return tj_reader_fail(r, "values on both sides of a relation");
        }
    }
    tj_ex *ex = tj_reader_from(r, TJ_EX_RELATION, &sides);
    tj_ex_rel *copy = ex == NULL ? NULL : tj_arena_calloc(r->arena, sides.n - 1, sizeof *copy);
    if (copy == NULL) {
        return tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate the tree of an answer");
    }
    memcpy(copy, rels, (sides.n - 1) * sizeof *copy);
    ex->rels = copy;
    return ex;
}

void tj_reader_meet_bound(tj_reader *r, const tj_ex *ex)
{
    if (ex->kind == TJ_EX_RELATION && ex->n_args == 2 && ex->rels[0] == TJ_REL_IN) {
        const tj_ex *left = ex->args[0];
        if (left->kind == TJ_EX_CONST && ex->args[1]->kind == TJ_EX_NUMBERS) {
            r->met |= left->id == TJ_CONST_I   ? TJ_MET_BOUND_I
                      : left->id == TJ_CONST_E ? TJ_MET_BOUND_E
                                               : 0;
        } else if (left->kind == TJ_EX_SYMBOL) {
            r->met |= strcmp(left->text, "i") == 0   ? TJ_MET_BOUND_I
                      : strcmp(left->text, "e") == 0 ? TJ_MET_BOUND_E
                                                     : 0;
        }
    }
}

/* ------------------------------------------------------------ sequences */

typedef enum separator { SEP_NONE, SEP_COMMA, SEP_AND, SEP_OR, SEP_SEMICOLON, SEP_WHERE } separator;

typedef struct sequence {
    tj_nodes items;
    separator *before; /* [items.n]; the first is SEP_NONE */
    size_t cap;
} sequence;

static bool add_item(tj_reader *r, sequence *s, const tj_ex *ex, separator before)
{
    if (!tj_nodes_add(r, &s->items, ex)) {
        return false;
    }
    if (s->items.n > s->cap) {
        separator *more = tj_arena_calloc(r->arena, s->items.cap, sizeof *more);
        if (more == NULL) {
            tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate the tree of an answer");
            return false;
        }
        if (s->cap > 0) {
            memcpy(more, s->before, s->cap * sizeof *more);
        }
        s->before = more;
        s->cap = s->items.cap;
    }
    s->before[s->items.n - 1] = before;
    return true;
}

/* "where", "for all", "if", "with": a condition follows. */
static bool accept_where(tj_reader *r)
{
    static const char *const words[] = {"where", "for", "if", "when", "with", "whenever"};
    if (tj_reader_accept(r, TJ_TOK_FORALL) || tj_reader_accept_words(r, "such that")) {
        return true;
    }
    if (!accept_any(r, words, sizeof words / sizeof words[0])) {
        return false;
    }
    size_t at = r->at; /* "for all x > 0", but "for all integers k" is a domain */
    if (tj_reader_accept_word(r, "all") || tj_reader_accept_word(r, "any") ||
        tj_reader_accept_word(r, "some") || tj_reader_accept_word(r, "every")) {
        if (!is_letter_token(tj_reader_peek(r, 0))) {
            r->at = at;
        }
    }
    return true;
}

static separator accept_separator(tj_reader *r)
{
    separator found = SEP_NONE;
    if (tj_reader_at(r, TJ_TOK_END)) {
        return found;
    }
    if (tj_reader_accept(r, TJ_TOK_COMMA)) {
        found = SEP_COMMA;
    } else if (tj_reader_accept(r, TJ_TOK_SEMICOLON)) {
        found = SEP_SEMICOLON;
    } else if (tj_reader_accept(r, TJ_TOK_NEWLINE)) {
        found = SEP_COMMA;
    }
    if (found == SEP_COMMA) {
        tj_reader_accept(r, TJ_TOK_NEWLINE);
    }
    if (tj_reader_accept_word(r, "or")) {
        return SEP_OR;
    }
    if (tj_reader_accept_word(r, "and")) {
        accept_where(r);
        return SEP_AND;
    }
    return accept_where(r) || tj_reader_at_domain(r) ? SEP_WHERE : found;
}

bool tj_ex_is_capital(const tj_ex *ex)
{
    return ex->kind == TJ_EX_SYMBOL && ex->text[0] >= 'A' && ex->text[0] <= 'Z' &&
           ex->text[1] == '\0';
}

static bool is_equation(const tj_ex *ex)
{
    for (uint32_t i = 0; i + 1 < ex->n_args; i++) {
        if (ex->rels[i] != TJ_REL_EQ && ex->rels[i] != TJ_REL_APPROX) {
            return false;
        }
    }
    return true;
}

bool tj_ex_is_system(const tj_ex *const *items, size_t n)
{
    bool equations = true;
    for (size_t i = 0; i < n; i++) {
        if (items[i]->kind != TJ_EX_RELATION) {
            return false;
        }
        equations = equations && is_equation(items[i]);
    }
    if (!equations) {
        return n > 1; /* with an inequality they can only hold together */
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (items[i]->args[0]->kind == TJ_EX_SYMBOL &&
                tj_ex_compare(items[i]->args[0], items[j]->args[0]) == 0) {
                return false; /* x = 1, x = 2 */
            }
        }
    }
    return n > 1;
}

static tj_ex *list_of(tj_reader *r, const tj_nodes *items, bool any_or)
{
    tj_ex *list = tj_reader_from(r, TJ_EX_LIST, items);
    if (list != NULL) {
        list->id = any_or;
    }
    return list;
}

/* "x = 1, 2": what has no left side has that of the one before. */
static bool share_left_side(tj_reader *r, tj_nodes *items)
{
    const tj_ex *first = items->items[0];
    if (first->kind != TJ_EX_RELATION || first->n_args != 2 || first->rels[0] != TJ_REL_EQ ||
        first->args[0]->kind != TJ_EX_SYMBOL) {
        return true;
    }
    for (size_t i = 1; i < items->n; i++) {
        if (!tj_ex_is_value(items->items[i])) {
            return true;
        }
    }
    for (size_t i = 1; i < items->n; i++) {
        tj_ex *relation = tj_reader_new(r, TJ_EX_RELATION, 2);
        if (relation == NULL) {
            return false;
        }
        relation->args[0] = first->args[0];
        relation->args[1] = items->items[i];
        relation->rels = first->rels;
        items->items[i] = relation;
    }
    return true;
}

static bool all_are(const tj_nodes *items, bool (*is)(const tj_ex *))
{
    for (size_t i = 0; i < items->n; i++) {
        if (!is(items->items[i])) {
            return false;
        }
    }
    return true;
}

static bool is_interval(const tj_ex *ex)
{
    return ex->kind == TJ_EX_INTERVAL || ex->kind == TJ_EX_UNION;
}

/* Items that no condition follows; any_or: one of the separators is "or". */
static const tj_ex *join_items(tj_reader *r, tj_nodes *items, bool any_or, bool words)
{
    if (items->n == 1) {
        return items->items[0];
    }
    if (!share_left_side(r, items)) {
        return NULL;
    }
    if (words && all_are(items, is_interval)) { /* (1, 2) or (3, 4) */
        return tj_reader_from(r, TJ_EX_UNION, items);
    }
    if (all_are(items, tj_ex_is_capital)) {
        for (size_t i = 0; i < items->n; i++) {
            tj_ex *choice = tj_reader_new(r, TJ_EX_CHOICE, 0);
            if (choice == NULL) {
                return NULL;
            }
            choice->id = items->items[i]->text[0] - 'A';
            items->items[i] = choice;
        }
    }
    if (!any_or && tj_ex_is_system(items->items, items->n)) {
        return tj_reader_from(r, TJ_EX_AND, items);
    }
    return list_of(r, items, any_or);
}

/* "x = 2, y = 3 or x = 3, y = 2": "or" and ";" part what commas join, where equations are joined.
 */
static const tj_ex *join_groups(tj_reader *r, const sequence *s, size_t n)
{
    tj_nodes groups = {0};
    bool any_or = false;
    for (size_t i = 0; i < n;) {
        tj_nodes group = {0};
        do {
            if (!tj_nodes_add(r, &group, s->items.items[i])) {
                return NULL;
            }
            i++;
        } while (i < n && s->before[i] != SEP_OR && s->before[i] != SEP_SEMICOLON);
        any_or = any_or || (i < n && s->before[i] == SEP_OR);
        if (!tj_nodes_add(r, &groups, join_items(r, &group, false, false))) {
            return NULL;
        }
    }
    return groups.n == 1 ? groups.items[0] : list_of(r, &groups, any_or);
}

static const tj_ex *join_sequence(tj_reader *r, sequence *s, size_t n)
{
    bool parted = false, joined = false, any_or = false, words = true, relations = true;
    for (size_t i = 0; i < n; i++) {
        relations = relations && s->items.items[i]->kind == TJ_EX_RELATION;
        if (i > 0) {
            any_or = any_or || s->before[i] == SEP_OR;
            parted = parted || s->before[i] == SEP_OR || s->before[i] == SEP_SEMICOLON;
            joined = joined || s->before[i] == SEP_COMMA || s->before[i] == SEP_AND;
            words = words && (s->before[i] == SEP_OR || s->before[i] == SEP_AND);
        }
    }
    if (relations && parted && joined) {
        return join_groups(r, s, n);
    }
    tj_nodes items = {.items = s->items.items, .n = n, .cap = n};
    return join_items(r, &items, any_or, words);
}

/* ------------------------------------------------------------ conditions */

static bool is_membership(const tj_ex *ex)
{
    return ex->kind == TJ_EX_RELATION && ex->n_args == 2 && ex->rels[0] == TJ_REL_IN &&
           ex->args[0]->kind == TJ_EX_SYMBOL;
}

/* Whether the symbol is what the items are about, as x in x > 0, rather than a parameter. */
static bool is_subject(const tj_ex *ex, const char *symbol)
{
    if (ex->kind == TJ_EX_SYMBOL) {
        return strcmp(ex->text, symbol) == 0;
    }
    return ex->kind == TJ_EX_RELATION && ex->n_args > 0 &&
           ((ex->args[0]->kind == TJ_EX_SYMBOL && strcmp(ex->args[0]->text, symbol) == 0) ||
            (ex->n_args == 3 && ex->args[1]->kind == TJ_EX_SYMBOL &&
             strcmp(ex->args[1]->text, symbol) == 0));
}

/* The last n items are conditions of those before: parameters' domains and "where x > 0". */
static const tj_ex *add_conditions(tj_reader *r, sequence *s)
{
    size_t n = s->items.n;
    tj_reader_meet_bound(r, s->items.items[n - 1]);
    while (n > 1) {
        const tj_ex *last = s->items.items[n - 1];
        bool marked = s->before[n - 1] == SEP_WHERE;
        bool parameter = is_membership(last);
        bool occurs = false;
        for (size_t i = 0; parameter && i + 1 < n; i++) {
            parameter = !is_subject(s->items.items[i], last->args[0]->text);
            occurs = occurs || tj_ex_has_symbol(s->items.items[i], last->args[0]->text);
        }
        bool condition =
            last->kind == TJ_EX_RELATION &&
            (marked || (n == 2 && !is_equation(last) && s->items.items[0]->kind != TJ_EX_RELATION));
        if (!(parameter && occurs) && !condition) {
            break;
        }
        n--;
    }
    if (n == s->items.n) {
        return join_sequence(r, s, n);
    }
    const tj_ex *ex = join_sequence(r, s, n);
    for (size_t i = n; ex != NULL && i < s->items.n; i++) {
        const tj_ex *condition = s->items.items[i];
        if (is_membership(condition) && tj_ex_has_symbol(ex, condition->args[0]->text) &&
            !is_subject(ex, condition->args[0]->text)) {
            tj_ex *family = tj_reader_new(r, TJ_EX_FAMILY, 3);
            if (family == NULL) {
                return NULL;
            }
            family->args[0] = ex;
            family->args[1] = condition->args[0];
            family->args[2] = condition->args[1];
            ex = family;
        } else {
            ex = tj_reader_binary(r, TJ_EX_WHERE, ex, condition);
        }
    }
    return ex;
}

/* "k, n in Z" behind values: one domain of several parameters. */
static bool share_domain(tj_reader *r, sequence *s)
{
    size_t n = s->items.n;
    const tj_ex *last = s->items.items[n - 1];
    if (n < 2 || !is_membership(last)) {
        return true;
    }
    bool alone = true; /* "k, n in Z" says nothing else */
    for (size_t i = 0; i + 1 < n; i++) {
        alone = alone && s->items.items[i]->kind == TJ_EX_SYMBOL;
    }
    for (size_t i = n - 1; i-- > (alone ? 0 : 1);) {
        const tj_ex *item = s->items.items[i];
        bool used = alone;
        for (size_t j = 0; item->kind == TJ_EX_SYMBOL && j < i; j++) {
            used = used || (tj_ex_has_symbol(s->items.items[j], item->text) &&
                            s->items.items[j]->kind != TJ_EX_SYMBOL);
        }
        if (!used) {
            return true;
        }
        tj_ex *made = tj_reader_new(r, TJ_EX_RELATION, 2);
        if (made == NULL) {
            return false;
        }
        made->args[0] = item;
        made->args[1] = last->args[1];
        made->rels = last->rels;
        s->items.items[i] = made;
    }
    return true;
}

const tj_ex *tj_reader_sequence(tj_reader *r)
{
    sequence s = {0};
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    const tj_ex *first = tj_reader_statement(r);
    separator before = first == NULL ? SEP_NONE : accept_separator(r);
    if (before == SEP_NONE) {
        tj_reader_leave(r);
        return first;
    }
    bool ok = add_item(r, &s, first, SEP_NONE);
    while (ok && before != SEP_NONE) {
        ok = add_item(r, &s, tj_reader_statement(r), before);
        before = ok ? accept_separator(r) : SEP_NONE;
    }
    ok = ok && share_domain(r, &s);
    tj_reader_leave(r);
    return ok ? add_conditions(r, &s) : NULL;
}
