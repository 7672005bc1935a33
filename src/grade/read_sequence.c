/* What joins statements: lists, systems, several solutions, conditions, families. */
#include <string.h>

#include "grade/reader.h"

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
    if (!tj_reader_accept_any(r, words, sizeof words / sizeof words[0])) {
        return false;
    }
    size_t at = r->at; /* "for all x > 0", but "for all integers k" is a domain */
    if (tj_reader_accept_word(r, "all") || tj_reader_accept_word(r, "any") ||
        tj_reader_accept_word(r, "some") || tj_reader_accept_word(r, "every")) {
        if (!tj_reader_is_letter(tj_reader_peek(r, 0))) {
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
    return ex->kind == TJ_EX_RELATION && ex->n_args > 0 &&
           ((ex->args[0]->kind == TJ_EX_SYMBOL && strcmp(ex->args[0]->text, symbol) == 0) ||
            (ex->n_args == 3 && ex->args[1]->kind == TJ_EX_SYMBOL &&
             strcmp(ex->args[1]->text, symbol) == 0));
}

/* The last n items are conditions of those before: parameters' domains and "where x > 0". */
static const tj_ex *add_conditions(tj_reader *r, sequence *s)
{
    if (s->items.n > 1 && s->before[s->items.n - 1] == SEP_WHERE &&
        s->items.items[s->items.n - 1]->kind == TJ_EX_SYMBOL) { /* "for all x" */
        s->items.n--;
    }
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
    bool alone = true; /* "k, n in Z" says nothing else; "k, k in Z" is a family */
    for (size_t i = 0; i + 1 < n; i++) {
        alone = alone && s->items.items[i]->kind == TJ_EX_SYMBOL &&
                tj_ex_compare(s->items.items[i], last->args[0]) != 0;
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
