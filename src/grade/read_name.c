/* Names: a letter or a word with its subscript and primes, and functions that are not known. */
#include <string.h>

#include "grade/reader.h"

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* The ABC of a triangle. */
bool tj_reader_are_points(const tj_token *token)
{
    for (size_t i = 0; token->kind == TJ_TOK_WORD && i < token->n_text; i++) {
        if (!is_capital(token->text[i])) {
            return false;
        }
    }
    return token->kind == TJ_TOK_WORD && token->n_text <= 16;
}

/* "_1", "_{12}", "_{n+1}": what is added to the name; false after an error. */
static bool read_subscript(tj_reader *r, char *name, size_t *n, size_t room)
{
    if (!tj_reader_accept(r, TJ_TOK_UNDER)) {
        return true;
    }
    bool braced = tj_reader_accept(r, TJ_TOK_LBRACE);
    char part[64];
    size_t n_part = 0;
    for (size_t n_tokens = 0;; n_tokens++) {
        const tj_token *token = tj_reader_peek(r, 0);
        char digit = (char)('0' + token->id);
        const char *text = token->kind == TJ_TOK_DIGIT   ? &digit
                           : token->kind == TJ_TOK_PLUS  ? "+"
                           : token->kind == TJ_TOK_MINUS ? "-"
                           : token->kind == TJ_TOK_COMMA ? ","
                                                         : token->text;
        size_t n_text =
            token->kind == TJ_TOK_WORD || token->kind == TJ_TOK_NAME ? token->n_text : 1;
        bool good = token->kind == TJ_TOK_DIGIT || token->kind == TJ_TOK_WORD ||
                    token->kind == TJ_TOK_NAME ||
                    (braced && (token->kind == TJ_TOK_PLUS || token->kind == TJ_TOK_MINUS ||
                                token->kind == TJ_TOK_COMMA));
        bool close = n_tokens == 0 || (token->flags & TJ_TOK_SPACED) == 0;
        if (!good || (!braced && n_tokens > 0 &&
                      (token->kind != TJ_TOK_DIGIT || !close || part[n_part - 1] < '0' ||
                       part[n_part - 1] > '9'))) {
            break;
        }
        if (n_part + n_text > sizeof part) {
            tj_reader_fail_code(r, TJ_E_LIMIT, "a subscript is too long");
            return false;
        }
        memcpy(part + n_part, text, n_text);
        n_part += n_text;
        tj_reader_next(r);
    }
    if (n_part == 0 || (braced && !tj_reader_expect(r, TJ_TOK_RBRACE, "'}' behind a subscript"))) {
        tj_reader_fail(r, "a subscript");
        return false;
    }
    bool simple = n_part == 1;
    for (size_t i = 0, n_digits = 0; i < n_part; i++) {
        n_digits += part[i] >= '0' && part[i] <= '9';
        simple = simple || n_digits == n_part;
    }
    if (*n + n_part + 3 > room) {
        tj_reader_fail_code(r, TJ_E_LIMIT, "a name is too long");
        return false;
    }
    name[(*n)++] = '_';
    if (!simple) {
        name[(*n)++] = '{';
    }
    memcpy(name + *n, part, n_part);
    *n += n_part;
    if (!simple) {
        name[(*n)++] = '}';
    }
    return true;
}

/* Primes, close behind a name: f', f^\prime. */
static bool read_primes(tj_reader *r, char *name, size_t *n, size_t room)
{
    while (tj_reader_at(r, TJ_TOK_PRIME) ||
           (tj_reader_at(r, TJ_TOK_CARET) && (tj_reader_peek(r, 1)->kind == TJ_TOK_PRIME ||
                                              (tj_reader_peek(r, 1)->kind == TJ_TOK_LBRACE &&
                                               tj_reader_peek(r, 2)->kind == TJ_TOK_PRIME &&
                                               tj_reader_peek(r, 3)->kind == TJ_TOK_RBRACE)))) {
        bool raised = tj_reader_accept(r, TJ_TOK_CARET);
        bool braced = tj_reader_accept(r, TJ_TOK_LBRACE);
        int32_t n_primes = tj_reader_peek(r, 0)->id;
        for (int32_t i = 0; i < n_primes && *n < room; i++) {
            name[(*n)++] = '\'';
        }
        tj_reader_next(r);
        if (braced && !tj_reader_expect(r, TJ_TOK_RBRACE, "'}'")) {
            return false;
        }
        if (*n == room) {
            tj_reader_fail_code(r, TJ_E_LIMIT, "a name is too long");
            return false;
        }
        if (raised) {
            break;
        }
    }
    return true;
}

/* f(x): f, g, h and what has been primed are functions; other letters only where they are defined,
 * P(x) = ... */
static bool is_applied(const tj_reader *r, const char *name, size_t n, size_t began)
{
    const tj_token *open = tj_reader_peek(r, 0);
    if (open->kind != TJ_TOK_LPAREN || name[0] == '\0') {
        return false;
    }
    bool letter = n == 1 || name[1] == '_' || name[1] == '\'';
    if (letter && strchr("fgFG", name[0]) != NULL) {
        return true;
    }
    size_t argument = tj_reader_peek(r, 1)->kind == TJ_TOK_MINUS;
    const tj_token *inner = tj_reader_peek(r, 1 + argument);
    bool one = tj_reader_peek(r, 2 + argument)->kind == TJ_TOK_RPAREN &&
               ((inner->kind == TJ_TOK_WORD && inner->n_text == 1) || inner->kind == TJ_TOK_NAME ||
                inner->kind == TJ_TOK_DIGIT);
    if (!one) {
        return false;
    }
    const tj_token *behind = tj_reader_peek(r, 3 + argument);
    bool defined = began == 0 && behind->kind == TJ_TOK_REL && behind->id == TJ_REL_EQ &&
                   inner->kind != TJ_TOK_DIGIT;
    return letter && (defined || strchr("hH", name[0]) != NULL || (n > 1 && name[1] == '\''));
}

static const tj_ex *read_apply(tj_reader *r, const char *name, size_t n)
{
    tj_nodes args = {0};
    if (!tj_reader_arguments(r, &args)) {
        return NULL;
    }
    tj_ex *ex = tj_reader_from(r, TJ_EX_APPLY, &args);
    if (ex != NULL) {
        ex->text = tj_arena_strndup(r->arena, name, n);
        if (ex->text == NULL) {
            return tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a name");
        }
    }
    return ex;
}

/* f^{-1}(x): the inverse is another function. */
static void read_inverse(tj_reader *r, char *name, size_t *n)
{
    static const char inverse[] = "^{-1}";
    size_t braced = tj_reader_peek(r, 1)->kind == TJ_TOK_LBRACE;
    if (*n != 1 || strchr("fgFG", name[0]) == NULL || !tj_reader_at(r, TJ_TOK_CARET) ||
        tj_reader_peek(r, 1 + braced)->kind != TJ_TOK_MINUS ||
        tj_reader_peek(r, 2 + braced)->kind != TJ_TOK_DIGIT ||
        tj_reader_peek(r, 2 + braced)->id != 1 ||
        (braced && tj_reader_peek(r, 4)->kind != TJ_TOK_RBRACE) ||
        tj_reader_peek(r, braced ? 5 : 3)->kind != TJ_TOK_LPAREN) {
        return;
    }
    r->at += braced ? 5 : 3;
    memcpy(name + *n, inverse, sizeof inverse - 1);
    *n += sizeof inverse - 1;
}

/* A subscript, and primes on either side of it. Digits close behind a word are its subscript
 * already, and as in LaTeX no second one follows. */
static bool read_ties(tj_reader *r, char *name, size_t *n)
{
    bool has_one = memchr(name, '_', *n) != NULL;
    return read_primes(r, name, n, TJ_READER_MAX_NAME) &&
           (has_one || read_subscript(r, name, n, TJ_READER_MAX_NAME)) &&
           read_primes(r, name, n, TJ_READER_MAX_NAME);
}

/* A name's text is in name[0 .. n); reads what is tied to it. */
const tj_ex *tj_reader_finish_name(tj_reader *r, char *name, size_t n, size_t began)
{
    if (!read_ties(r, name, &n)) {
        return NULL;
    }
    read_inverse(r, name, &n);
    if (n > 5 && name[n - 1] == '}' && name[1] == '^') {
        return read_apply(r, name, n);
    }
    return is_applied(r, name, n, began) ? read_apply(r, name, n) : tj_reader_symbol(r, name, n);
}

const tj_ex *tj_reader_whole_name(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    char name[TJ_READER_MAX_NAME + 8];
    size_t n = token->n_text;
    if (n > TJ_READER_MAX_NAME / 2) {
        return tj_reader_fail_code(r, TJ_E_LIMIT, "a name is too long");
    }
    memcpy(name, token->text, n);
    tj_reader_next(r);
    if (tj_reader_at(r, TJ_TOK_CARET) && tj_reader_peek(r, 2)->kind == TJ_TOK_MINUS) { /* f^{-1} */
        memcpy(name + n, "^{-1}", 5);
        n += 5;
        r->at += 5;
        return tj_reader_symbol(r, name, n);
    }
    if (!read_ties(r, name, &n)) {
        return NULL;
    }
    return tj_reader_symbol(r, name, n);
}

const tj_ex *tj_reader_name(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    char name[TJ_READER_MAX_NAME + 8];
    size_t n = token->n_text, began = r->at;
    memcpy(name, token->text, n);
    tj_reader_next(r);
    if (token->kind == TJ_TOK_SHAPE || token->kind == TJ_TOK_WORD) { /* \triangle ABC */
        const tj_token *points = tj_reader_peek(r, 0);
        if (!tj_reader_are_points(points)) {
            return tj_reader_fail(r, "the points of a figure");
        }
        name[n++] = ' ';
        memcpy(name + n, points->text, points->n_text);
        n += points->n_text;
        tj_reader_next(r);
    }
    return tj_reader_finish_name(r, name, n, began);
}
