/* Statements: sets and what combines them, relations, domains of parameters. */
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

/* "integer", "positive integers", "natural number", "real numbers"; -1 if none is there. */
static int accept_numbers(tj_reader *r)
{
    static const char *const integers[] = {"integer", "integers"};
    static const char *const reals[] = {"real", "reals"};
    static const char *const number[] = {"number", "numbers"};
    size_t at = r->at;
    if (tj_reader_accept_word(r, "positive")) {
        if (tj_reader_accept_any(r, integers, 2)) {
            return TJ_NUMBERS_NATURAL;
        }
        r->at = at;
        return -1;
    }
    if (tj_reader_accept_any(r, integers, 2)) {
        return TJ_NUMBERS_INTEGER;
    }
    if (tj_reader_accept_word(r, "natural") && tj_reader_accept_any(r, number, 2)) {
        return TJ_NUMBERS_NATURAL;
    }
    r->at = at;
    if (tj_reader_accept_any(r, reals, 2)) {
        tj_reader_accept_any(r, number, 2);
        return TJ_NUMBERS_REAL;
    }
    return -1;
}

bool tj_reader_is_letter(const tj_token *token)
{
    return token->kind == TJ_TOK_NAME || (token->kind == TJ_TOK_WORD && token->n_text == 1);
}

static const tj_ex *letter(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    tj_reader_next(r);
    return tj_reader_symbol(r, token->text, token->n_text);
}

const tj_ex *tj_reader_relation(tj_reader *r, const tj_ex *a, tj_ex_rel sign, const tj_ex *b)
{
    tj_ex *ex = a == NULL || b == NULL ? NULL : tj_reader_new(r, TJ_EX_RELATION, 2);
    tj_ex_rel *rel = ex == NULL ? NULL : tj_arena_calloc(r->arena, 1, sizeof *rel);
    if (rel == NULL) {
        return tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate the tree of an answer");
    }
    *rel = sign;
    ex->args[0] = a;
    ex->args[1] = b;
    ex->rels = rel;
    return ex;
}

static const tj_ex *membership(tj_reader *r, const tj_ex *symbol, int which)
{
    tj_ex *numbers = tj_reader_new(r, TJ_EX_NUMBERS, 0);
    if (numbers == NULL) {
        return NULL;
    }
    numbers->id = which;
    return tj_reader_relation(r, symbol, TJ_REL_IN, numbers);
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
    if (tj_reader_is_letter(tj_reader_peek(r, 0)) && r->sub == 0) {
        const tj_token *name = tj_reader_peek(r, 0);
        tj_reader_next(r);
        if (tj_reader_accept_word(r, "isinteger")) {
            return membership(r, tj_reader_symbol(r, name->text, name->n_text), TJ_NUMBERS_INTEGER);
        }
        tj_reader_accept_word(r, "is");
        while (tj_reader_accept_any(r, quantifiers, n_quantifiers)) {
        }
        int which = accept_numbers(r);
        if (which >= 0) {
            return membership(r, tj_reader_symbol(r, name->text, name->n_text), which);
        }
        r->at = at;
        return NULL;
    }
    while (tj_reader_accept_any(r, quantifiers, n_quantifiers)) {
    }
    int which = accept_numbers(r);
    if (which >= 0 && tj_reader_is_letter(tj_reader_peek(r, 0))) {
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

/* "1, 2, ..., n": what is left out is an item of its own. */
static bool at_dots(const tj_reader *r)
{
    if (!tj_reader_at(r, TJ_TOK_DOTS) || r->at == 0 || r->tokens[r->at - 1].kind != TJ_TOK_COMMA) {
        return false;
    }
    switch ((tj_tok_kind)tj_reader_peek(r, 1)->kind) {
    case TJ_TOK_END:
    case TJ_TOK_COMMA:
    case TJ_TOK_RPAREN:
    case TJ_TOK_RSET:
    case TJ_TOK_RBRACE:
    case TJ_TOK_RBRACKET:
    case TJ_TOK_RANGLE:
    case TJ_TOK_REL:
        return true;
    default:
        return false;
    }
}

const tj_ex *tj_reader_item(tj_reader *r)
{
    if (at_dots(r)) {
        tj_reader_next(r);
        return tj_reader_symbol(r, "...", 3);
    }
    return tj_reader_sets(r);
}

const tj_ex *tj_reader_statement(tj_reader *r)
{
    if (at_dots(r)) {
        return tj_reader_item(r);
    }
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
