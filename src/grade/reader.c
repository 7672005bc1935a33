/* Tokens and nodes, for the parts of the parser. */
#include "grade/reader.h"

#include <string.h>

#include "grade/words.h"

#define MAX_RECURSION                                                                              \
    (3 * TJ_EX_MAX_DEPTH) /* what is printed of the deepest tree is read again                     \
                           */

const tj_ex *tj_reader_fail_code(tj_reader *r, tj_code code, const char *what)
{
    if (r->rc == TJ_OK) {
        r->rc = tj_fail(r->err, code, "%s", what);
    }
    return NULL;
}

const tj_ex *tj_reader_fail(tj_reader *r, const char *expected)
{
    if (r->rc == TJ_OK) {
        const tj_token *token = tj_reader_peek(r, 0);
        if (token->kind == TJ_TOK_END) {
            r->rc = tj_fail(r->err, TJ_E_PARSE, "byte %u: expected %s, not the end",
                            (unsigned)token->begin, expected);
        } else if (token->kind == TJ_TOK_OTHER || token->kind == TJ_TOK_WORD) {
            r->rc = tj_fail(r->err, TJ_E_PARSE, "byte %u: expected %s, not '%.*s'",
                            (unsigned)token->begin, expected,
                            token->n_text < 40 ? token->n_text : 40, token->text);
        } else {
            r->rc = tj_fail(r->err, TJ_E_PARSE, "byte %u: expected %s", (unsigned)token->begin,
                            expected);
        }
    }
    return NULL;
}

/* ------------------------------------------------------------ tokens */

bool tj_reader_expect(tj_reader *r, tj_tok_kind kind, const char *expected)
{
    if (!tj_reader_accept(r, kind)) {
        tj_reader_fail(r, expected);
        return false;
    }
    return true;
}

bool tj_reader_is_word(const tj_reader *r, size_t ahead, const char *word)
{
    const tj_token *token = tj_reader_peek(r, ahead);
    return token->kind == TJ_TOK_WORD && (ahead > 0 || r->sub == 0) &&
           tj_words_equal(token->text, token->n_text, word);
}

bool tj_reader_accept_word(tj_reader *r, const char *word)
{
    if (!tj_reader_is_word(r, 0, word)) {
        return false;
    }
    tj_reader_next(r);
    return true;
}

bool tj_reader_accept_any(tj_reader *r, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tj_reader_accept_word(r, words[i])) {
            return true;
        }
    }
    return false;
}

bool tj_reader_accept_words(tj_reader *r, const char *words)
{
    size_t n_words = 0;
    for (const char *at = words; *at != '\0'; n_words++) {
        size_t n = strcspn(at, " ");
        char word[32];
        if (n >= sizeof word) {
            return false;
        }
        memcpy(word, at, n);
        word[n] = '\0';
        if (!tj_reader_is_word(r, n_words, word)) {
            return false;
        }
        at += n + (at[n] == ' ');
    }
    for (size_t i = 0; i < n_words; i++) {
        tj_reader_next(r);
    }
    return true;
}

bool tj_reader_enter(tj_reader *r)
{
    if (r->rc == TJ_OK && ++r->depth > MAX_RECURSION) {
        tj_reader_fail_code(r, TJ_E_LIMIT, "an answer nests too deeply");
    }
    return r->rc == TJ_OK;
}

void tj_reader_leave(tj_reader *r)
{
    r->depth--;
}

/* ------------------------------------------------------------ nodes */

tj_ex *tj_reader_new(tj_reader *r, tj_ex_kind kind, size_t n_args)
{
    if (r->rc != TJ_OK) {
        return NULL;
    }
    if (++r->n_nodes > TJ_EX_MAX_NODES) {
        tj_reader_fail_code(r, TJ_E_LIMIT, "an answer has too many parts");
        return NULL;
    }
    tj_ex *ex = tj_ex_new(r->arena, kind, n_args);
    if (ex == NULL) {
        tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate the tree of an answer");
    }
    return ex;
}

const tj_ex *tj_reader_unary(tj_reader *r, tj_ex_kind kind, const tj_ex *a)
{
    return a == NULL ? NULL : tj_ex_fill(tj_reader_new(r, kind, 1), a, NULL);
}

const tj_ex *tj_reader_binary(tj_reader *r, tj_ex_kind kind, const tj_ex *a, const tj_ex *b)
{
    return a == NULL || b == NULL ? NULL : tj_ex_fill(tj_reader_new(r, kind, 2), a, b);
}

const tj_ex *tj_reader_call(tj_reader *r, tj_ex_fn fn, const tj_ex *a, const tj_ex *b)
{
    tj_ex *ex = a == NULL ? NULL : tj_reader_new(r, TJ_EX_CALL, b == NULL ? 1 : 2);
    if (ex != NULL) {
        ex->id = (int32_t)fn;
    }
    return tj_ex_fill(ex, a, b);
}

const tj_ex *tj_reader_integer(tj_reader *r, int64_t value)
{
    char digits[TJ_EX_INT_DIGITS];
    return tj_reader_digits(r, digits, tj_ex_digits(digits, (uint64_t)value), 0);
}

const tj_ex *tj_reader_const(tj_reader *r, tj_ex_const which)
{
    tj_ex *ex = tj_reader_new(r, TJ_EX_CONST, 0);
    if (ex != NULL) {
        ex->id = (int32_t)which;
    }
    return ex;
}

/* One letter's text, without an allocation. */
static const char *letter_text(char c)
{
    static const char letters[] = "A\0B\0C\0D\0E\0F\0G\0H\0I\0J\0K\0L\0M\0N\0O\0P\0Q\0R\0S\0T\0U\0V"
                                  "\0W\0X\0Y\0Z\0a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q"
                                  "\0r\0s\0t\0u\0v\0w\0x\0y\0z";
    return c >= 'A' && c <= 'Z'   ? letters + 2 * (c - 'A')
           : c >= 'a' && c <= 'z' ? letters + 2 * (26 + c - 'a')
                                  : NULL;
}

const tj_ex *tj_reader_symbol(tj_reader *r, const char *text, size_t n)
{
    tj_ex *ex = tj_reader_new(r, TJ_EX_SYMBOL, 0);
    if (ex != NULL) {
        ex->text = n == 1 ? letter_text(text[0]) : NULL;
        if (ex->text == NULL) {
            ex->text = tj_arena_strndup(r->arena, text, n);
        }
        if (ex->text == NULL) {
            return tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a name");
        }
    }
    return ex;
}

const tj_ex *tj_reader_quantity(tj_reader *r, const tj_ex *value, const tj_unit *unit)
{
    if (value != NULL && (value->kind == TJ_EX_TUPLE || value->kind == TJ_EX_MATRIX)) {
        return tj_reader_fail(r, "no unit behind this");
    }
    tj_ex *ex = value == NULL ? NULL : tj_reader_new(r, TJ_EX_QUANTITY, 1);
    if (ex != NULL) {
        ex->args[0] = value;
        ex->unit = *unit;
    }
    return ex;
}

bool tj_nodes_add(tj_reader *r, tj_nodes *nodes, const tj_ex *ex)
{
    if (ex == NULL) {
        return false;
    }
    if (nodes->n == nodes->cap) {
        size_t cap = nodes->cap == 0 ? 4 : nodes->cap * 2;
        const tj_ex **more = tj_arena_calloc(r->arena, cap, sizeof *more);
        if (more == NULL) {
            tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate the tree of an answer");
            return false;
        }
        if (nodes->n > 0) {
            memcpy(more, nodes->items, nodes->n * sizeof *more);
        }
        nodes->items = more;
        nodes->cap = cap;
    }
    nodes->items[nodes->n++] = ex;
    return true;
}

tj_ex *tj_reader_from(tj_reader *r, tj_ex_kind kind, const tj_nodes *nodes)
{
    tj_ex *ex = tj_reader_new(r, kind, nodes->n);
    if (ex != NULL && nodes->n > 0) {
        memcpy(ex->args, nodes->items, nodes->n * sizeof *nodes->items);
    }
    return ex;
}

bool tj_ex_is_set(const tj_ex *ex)
{
    switch (ex->kind) {
    case TJ_EX_NUMBERS:
    case TJ_EX_SET:
    case TJ_EX_INTERVAL:
    case TJ_EX_UNION:
    case TJ_EX_INTERSECTION:
    case TJ_EX_DIFFERENCE:
    case TJ_EX_WHERE:
    case TJ_EX_FAMILY:
        return true;
    default:
        return false;
    }
}

bool tj_ex_is_value(const tj_ex *ex)
{
    switch (ex->kind) {
    case TJ_EX_NUMBER:
    case TJ_EX_CONST:
    case TJ_EX_SYMBOL:
    case TJ_EX_ADD:
    case TJ_EX_MUL:
    case TJ_EX_NEG:
    case TJ_EX_DIV:
    case TJ_EX_POW:
    case TJ_EX_CALL:
    case TJ_EX_APPLY:
    case TJ_EX_PLUSMINUS:
    case TJ_EX_SUM:
    case TJ_EX_PRODUCT:
    case TJ_EX_QUANTITY:
    case TJ_EX_TUPLE:
    case TJ_EX_MATRIX:
        return true;
    default:
        return false;
    }
}

bool tj_ex_has_symbol(const tj_ex *ex, const char *text)
{
    if (ex->kind == TJ_EX_SYMBOL && strcmp(ex->text, text) == 0) {
        return true;
    }
    for (uint32_t i = 0; i < ex->n_args; i++) {
        if (tj_ex_has_symbol(ex->args[i], text)) {
            return true;
        }
    }
    return false;
}
