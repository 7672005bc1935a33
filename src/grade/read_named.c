/* What tj_ex_print() writes by name, since nothing that people write would read back as it:
 * anyof(a; b), family(k; D; v), symbol(B). Arguments are parted by semicolons. */
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

typedef enum named {
    NAMED_LISTOF,
    NAMED_ANYOF,
    NAMED_ALLOF,
    NAMED_FAMILY,
    NAMED_WHERE,
    NAMED_SYMBOL,
    NAMED_APPLY,
    NAMED_CHOICE,
    NAMED_MOD,
    N_NAMED
} named;

/* A name as it is written: letters with their subscript and primes. */
static const char *read_name(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    if (token->kind != TJ_TOK_WORD && token->kind != TJ_TOK_NAME) {
        tj_reader_fail(r, "a name");
        return NULL;
    }
    const tj_ex *name = tj_reader_whole_name(r);
    return name == NULL ? NULL : name->text;
}

static bool read_items(tj_reader *r, tj_nodes *items)
{
    do {
        if (!tj_nodes_add(r, items, tj_reader_statement(r))) {
            return false;
        }
    } while (tj_reader_accept(r, TJ_TOK_SEMICOLON));
    return true;
}

static const tj_ex *read_collection(tj_reader *r, named which)
{
    tj_nodes items = {0};
    if (!read_items(r, &items)) {
        return NULL;
    }
    if (items.n < 2) {
        return tj_reader_fail(r, "two items or more");
    }
    for (size_t i = 0; which == NAMED_ALLOF && i < items.n; i++) {
        if (items.items[i]->kind != TJ_EX_RELATION) {
            return tj_reader_fail(r, "statements");
        }
    }
    if (which == NAMED_WHERE) {
        return items.n == 2 ? tj_reader_from(r, TJ_EX_WHERE, &items)
                            : tj_reader_fail(r, "an element and a condition");
    }
    tj_ex *ex = tj_reader_from(r, which == NAMED_ALLOF ? TJ_EX_AND : TJ_EX_LIST, &items);
    if (ex != NULL) {
        ex->id = which == NAMED_ANYOF;
    }
    return ex;
}

static const tj_ex *read_family(tj_reader *r)
{
    const char *name = read_name(r);
    if (name == NULL || !tj_reader_expect(r, TJ_TOK_SEMICOLON, "';' behind a parameter")) {
        return NULL;
    }
    if (r->n_bound == TJ_READER_MAX_BOUND) {
        return tj_reader_fail_code(r, TJ_E_LIMIT, "families nest too deeply");
    }
    r->bound[r->n_bound++] = name;
    const tj_ex *domain = tj_reader_as_set(r, tj_reader_statement(r));
    const tj_ex *value = domain != NULL && tj_reader_expect(r, TJ_TOK_SEMICOLON, "';' and values")
                             ? tj_reader_statement(r)
                             : NULL;
    r->n_bound--;
    tj_ex *ex = value == NULL ? NULL : tj_reader_new(r, TJ_EX_FAMILY, 3);
    if (ex != NULL) {
        ex->args[0] = value;
        ex->args[1] = tj_reader_symbol(r, name, strlen(name));
        ex->args[2] = domain;
    }
    return r->rc == TJ_OK ? ex : NULL;
}

static const tj_ex *read_apply(tj_reader *r)
{
    const char *name = read_name(r);
    tj_nodes args = {0};
    if (name == NULL || !tj_reader_expect(r, TJ_TOK_SEMICOLON, "';' behind a function") ||
        !read_items(r, &args)) {
        return NULL;
    }
    for (size_t i = 0; i < args.n; i++) {
        if (!tj_ex_is_value(args.items[i])) {
            return tj_reader_fail(r, "values as arguments");
        }
    }
    tj_ex *ex = tj_reader_from(r, TJ_EX_APPLY, &args);
    if (ex != NULL) {
        ex->text = name;
    }
    return ex;
}

static const tj_ex *read_choice(tj_reader *r)
{
    const tj_token *letter = tj_reader_peek(r, 0);
    if (letter->kind != TJ_TOK_WORD || letter->n_text != 1 || letter->text[0] < 'A' ||
        letter->text[0] > 'Z') {
        return tj_reader_fail(r, "a choice's letter");
    }
    tj_reader_next(r);
    const tj_ex *says =
        tj_reader_expect(r, TJ_TOK_SEMICOLON, "';'") ? tj_reader_statement(r) : NULL;
    tj_ex *ex = says == NULL ? NULL : tj_reader_new(r, TJ_EX_CHOICE, 1);
    if (ex != NULL) {
        ex->id = letter->text[0] - 'A';
        ex->args[0] = says;
    }
    return ex;
}

static const tj_ex *read_mod(tj_reader *r)
{
    const tj_ex *a = tj_reader_sum(r);
    const tj_ex *b =
        a != NULL && tj_reader_expect(r, TJ_TOK_COMMA, "','") ? tj_reader_sum(r) : NULL;
    if (b == NULL || !tj_ex_is_value(a) || !tj_ex_is_value(b)) {
        return tj_reader_fail(r, "values");
    }
    return tj_reader_call(r, TJ_FN_MOD, a, b);
}

static const tj_ex *read_inside(tj_reader *r, named which)
{
    switch (which) {
    case NAMED_LISTOF:
    case NAMED_ANYOF:
    case NAMED_ALLOF:
    case NAMED_WHERE:
        return read_collection(r, which);
    case NAMED_FAMILY:
        return read_family(r);
    case NAMED_SYMBOL: {
        const char *name = read_name(r);
        return name == NULL ? NULL : tj_reader_symbol(r, name, strlen(name));
    }
    case NAMED_APPLY:
        return read_apply(r);
    case NAMED_CHOICE:
        return read_choice(r);
    default:
        return read_mod(r);
    }
}

const tj_ex *tj_reader_named(tj_reader *r, bool *found)
{
    static const char *const names[N_NAMED] = {"listof", "anyof", "allof",  "family", "where",
                                               "symbol", "apply", "choice", "mod"};
    int which = 0;
    *found = false;
    if (tj_reader_peek(r, 1)->kind != TJ_TOK_LPAREN || tj_reader_peek(r, 0)->n_text < 3) {
        return NULL;
    }
    while (which < N_NAMED && !tj_reader_is_word(r, 0, names[which])) {
        which++;
    }
    if (which == N_NAMED) {
        return NULL;
    }
    *found = true;
    tj_reader_next(r);
    tj_reader_next(r);
    if (!tj_reader_enter(r)) {
        return NULL;
    }
    tj_place place = r->place;
    unsigned n_bars = r->n_bars, n_norms = r->n_norms;
    bool bar_separates = r->bar_separates;
    r->place = TJ_PLACE_LIST;
    r->n_bars = r->n_norms = 0;
    r->bar_separates = false;
    const tj_ex *ex = read_inside(r, (named)which);
    r->place = place;
    r->n_bars = n_bars;
    r->n_norms = n_norms;
    r->bar_separates = bar_separates;
    tj_reader_leave(r);
    return ex != NULL && tj_reader_expect(r, TJ_TOK_RPAREN, "')'") ? ex : NULL;
}
