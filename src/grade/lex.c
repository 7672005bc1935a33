/* One pass over the text (made ASCII where only width and face differ, lex_normalize.c). Braces are
 * kept on a stack, since those of \text{...} and its like leave no tokens but flags on the tokens
 * between them. */
#include "grade/lex.h"

#include <string.h>

#include "grade/lexer.h"

/* ------------------------------------------------------------ tokens */

static tj_code grow(tj_lexer *lx)
{
    tj_token *more = tj_arena_calloc(lx->arena, lx->cap * 2, sizeof *more);
    if (more == NULL) {
        return tj_fail(lx->err, TJ_E_NOMEM, "cannot allocate the tokens of an answer");
    }
    memcpy(more, lx->tokens, lx->n_tokens * sizeof *more);
    lx->tokens = more;
    lx->cap *= 2;
    return TJ_OK;
}

/* A token of the bytes from `begin` to where the lexer stands. */
tj_code tj_lexer_push_text(tj_lexer *lx, tj_tok_kind kind, int32_t id, size_t begin,
                           const char *text, size_t n_text)
{
    if (lx->n_tokens + 1 >= lx->cap) {
        tj_code rc = grow(lx);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    lx->tokens[lx->n_tokens++] = (tj_token){
        .kind = (uint8_t)kind,
        .flags = (uint8_t)(lx->pending | (lx->in_text ? TJ_TOK_IN_TEXT : 0)),
        .n_text = (uint16_t)n_text,
        .id = id,
        .begin = (uint32_t)tj_lexer_origin(lx, begin),
        .end = (uint32_t)tj_lexer_origin(lx, lx->at),
        .text = text,
    };
    lx->pending = 0;
    return TJ_OK;
}

tj_code tj_lexer_push(tj_lexer *lx, tj_tok_kind kind, int32_t id, size_t begin)
{
    return tj_lexer_push_text(lx, kind, id, begin, NULL, 0);
}

tj_code tj_lexer_push_entry(tj_lexer *lx, const tj_lex_entry *entry, size_t begin)
{
    return tj_lexer_push_text(lx, entry->kind, entry->id, begin, entry->text,
                              entry->text == NULL ? 0 : strlen(entry->text));
}

void tj_lexer_skip_spaces(tj_lexer *lx)
{
    while (lx->at < lx->n && tj_lexer_is_space(lx->text[lx->at])) {
        lx->at++;
    }
}

/* ------------------------------------------------------------ $ */

/* A $ that stands before an amount and has no partner; "$5 and $10" has none either. */
static bool is_money(const tj_lexer *lx)
{
    size_t next = lx->at + 1;
    while (next < lx->n && (lx->text[next] != '$' || lx->text[next - 1] == '\\')) {
        next++;
    }
    char after = tj_lexer_peek(lx, 1);
    bool amount = tj_lexer_is_digit(after) ||
                  (after == '.' && tj_lexer_is_digit(tj_lexer_peek(lx, 2))) ||
                  (after == ' ' && tj_lexer_is_digit(tj_lexer_peek(lx, 2)));
    if (next == lx->n) {
        return amount || after == '\\' || after == '-';
    }
    char before_next = lx->text[next - 1];
    return amount && (tj_lexer_is_space(before_next) || before_next == '(' || before_next == '-') &&
           next + 1 < lx->n && tj_lexer_is_digit(lx->text[next + 1]);
}

static tj_code lex_dollar(tj_lexer *lx)
{
    size_t begin = lx->at;
    if (!lx->in_dollars && tj_lexer_peek(lx, 1) != '$' && is_money(lx)) {
        lx->at++;
        return tj_lexer_push_text(lx, TJ_TOK_MONEY, 0, begin, "$", 1);
    }
    lx->at += tj_lexer_peek(lx, 1) == '$' ? 2 : 1;
    lx->in_dollars = !lx->in_dollars;
    lx->in_text = !lx->in_dollars;
    lx->pending |= TJ_TOK_SPACED;
    return TJ_OK;
}

/* ------------------------------------------------------------ other characters */

static bool follows(const tj_lexer *lx, const char *s)
{
    size_t n = strlen(s);
    return lx->n - lx->at >= n && memcmp(lx->text + lx->at, s, n) == 0;
}

static tj_code push_long(tj_lexer *lx, tj_tok_kind kind, int32_t id, size_t n)
{
    size_t begin = lx->at;
    lx->at += n;
    return tj_lexer_push(lx, kind, id, begin);
}

/* Signs of more than one character; *done tells whether one was there. */
static tj_code lex_long_sign(tj_lexer *lx, bool *done)
{
    static const struct {
        char sign[4];
        uint8_t kind;
        int8_t id;
    } signs[] = {
        {"...", TJ_TOK_DOTS, 0},       {"**", TJ_TOK_CARET, 0},       {"<=", TJ_TOK_REL, TJ_REL_LE},
        {">=", TJ_TOK_REL, TJ_REL_GE}, {"=<", TJ_TOK_REL, TJ_REL_LE}, {"!=", TJ_TOK_REL, TJ_REL_NE},
        {"==", TJ_TOK_REL, TJ_REL_EQ}, {"+/-", TJ_TOK_PM, 0},         {"{,}", TJ_TOK_COMMA, 1},
        {"{.}", TJ_TOK_POINT, 0},      {"''", TJ_TOK_PRIME, 2},
    };
    *done = true;
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (signs[i].sign[0] == lx->text[lx->at] && follows(lx, signs[i].sign)) {
            return push_long(lx, signs[i].kind, signs[i].id, strlen(signs[i].sign));
        }
    }
    if (follows(lx, "=>") || follows(lx, "->")) {
        size_t begin = lx->at;
        lx->at += 2;
        return tj_lexer_push_text(lx, TJ_TOK_OTHER, 0, begin, "to", 2);
    }
    *done = false;
    return TJ_OK;
}

static tj_code lex_quote(tj_lexer *lx)
{
    size_t begin = lx->at, end = begin + 1;
    bool behind_digit =
        lx->n_tokens > 0 && lx->pending == 0 && lx->tokens[lx->n_tokens - 1].kind == TJ_TOK_DIGIT;
    while (end < lx->n && lx->text[end] != '"') {
        end++;
    }
    if (behind_digit) {
        return push_long(lx, TJ_TOK_PRIME, 2, 1);
    }
    if (end == lx->n) { /* one of the two marks that a text in quotes was cut off from */
        lx->at++;
        return TJ_OK;
    }
    lx->at = end + 1;
    return tj_lexer_push_text(lx, TJ_TOK_QUOTED, 0, begin, lx->text + begin + 1, end - begin - 1);
}

/* A new line separates only what cannot be one formula: "x = 1" and below it "x = 2". */
static tj_code lex_newline(tj_lexer *lx)
{
    size_t begin = lx->at;
    tj_lexer_skip_spaces(lx);
    lx->pending |= TJ_TOK_SPACED;
    char next = tj_lexer_peek(lx, 0);
    if (lx->n_tokens == 0 || lx->n_environments > 0 || lx->n_braces > 0 || lx->in_text ||
        lx->in_dollars || !(tj_lexer_is_letter(next) || tj_lexer_is_digit(next) || next == '(')) {
        return TJ_OK;
    }
    switch ((tj_tok_kind)lx->tokens[lx->n_tokens - 1].kind) {
    case TJ_TOK_DIGIT:
    case TJ_TOK_WORD:
    case TJ_TOK_RPAREN:
    case TJ_TOK_RBRACE:
    case TJ_TOK_CONST:
    case TJ_TOK_NAME:
        return tj_lexer_push(lx, TJ_TOK_NEWLINE, 0, begin);
    default:
        return TJ_OK;
    }
}

static tj_tok_kind kind_of_sign(char c, int32_t *id)
{
    *id = 0;
    switch (c) {
    case '+':
        return TJ_TOK_PLUS;
    case '-':
        return TJ_TOK_MINUS;
    case '*':
        return TJ_TOK_TIMES;
    case '/':
        return TJ_TOK_SLASH;
    case '^':
        return TJ_TOK_CARET;
    case '_':
        return TJ_TOK_UNDER;
    case '!':
        return TJ_TOK_BANG;
    case '=':
        *id = TJ_REL_EQ;
        return TJ_TOK_REL;
    case '<':
        *id = TJ_REL_LT;
        return TJ_TOK_REL;
    case '>':
        *id = TJ_REL_GT;
        return TJ_TOK_REL;
    case '(':
        return TJ_TOK_LPAREN;
    case ')':
        return TJ_TOK_RPAREN;
    case '[':
        return TJ_TOK_LBRACKET;
    case ']':
        return TJ_TOK_RBRACKET;
    case ',':
        return TJ_TOK_COMMA;
    case ';':
        return TJ_TOK_SEMICOLON;
    case ':':
        return TJ_TOK_COLON;
    case '.':
        return TJ_TOK_POINT;
    case '|':
        return TJ_TOK_BAR;
    case '\'':
        *id = 1;
        return TJ_TOK_PRIME;
    default:
        return TJ_TOK_OTHER;
    }
}

static tj_code lex_sign(tj_lexer *lx, char c)
{
    bool done;
    tj_code rc = lex_long_sign(lx, &done);
    if (done) {
        return rc;
    }
    if (c == '&') {
        return tj_lexer_ampersand(lx);
    }
    size_t begin = lx->at++;
    int32_t id;
    tj_tok_kind kind = kind_of_sign(c, &id);
    if (c == '%') {
        return tj_lexer_push_text(lx, TJ_TOK_UNIT, 0, begin, "%", 1);
    }
    return kind == TJ_TOK_OTHER ? tj_lexer_push_text(lx, kind, 0, begin, lx->text + begin, 1)
                                : tj_lexer_push(lx, kind, id, begin);
}

static tj_code lex_one(tj_lexer *lx)
{
    char c = lx->text[lx->at];
    if (tj_lexer_is_digit(c)) {
        return lx->origin == NULL ? push_long(lx, TJ_TOK_DIGIT, c - '0', 1) : tj_lexer_digit(lx);
    }
    if (tj_lexer_is_letter(c)) {
        return tj_lexer_word(lx);
    }
    switch (c) {
    case '\n':
        return lex_newline(lx);
    case ' ':
    case '\t':
    case '\r':
    case '\f':
    case '\v':
    case '~':
        lx->pending |= TJ_TOK_SPACED;
        lx->at++;
        return TJ_OK;
    case '`':
        lx->at++;
        return TJ_OK;
    case '\\':
        return tj_lexer_command(lx);
    case '$':
        return lex_dollar(lx);
    case '"':
        return lex_quote(lx);
    case '{':
        if (!follows(lx, "{,}") && !follows(lx, "{.}")) {
            lx->at++;
            return tj_lexer_open_brace(lx, TJ_BRACE_GROUP, lx->at - 1);
        }
        return lex_sign(lx, c);
    case '}':
        lx->at++;
        return tj_lexer_close_brace(lx, lx->at - 1);
    case '\0':
        return tj_fail(lx->err, TJ_E_PARSE, "byte %zu is zero", tj_lexer_origin(lx, lx->at));
    default:
        return (unsigned char)c < 0x80 ? lex_sign(lx, c) : tj_lexer_wide(lx);
    }
}

/* ------------------------------------------------------------ the whole */

/* Markdown's marks around the whole. */
static void strip_markdown(tj_lexer *lx)
{
    for (;;) {
        while (lx->at < lx->n && tj_lexer_is_space(lx->text[lx->at])) {
            lx->at++;
        }
        while (lx->n > lx->at && tj_lexer_is_space(lx->text[lx->n - 1])) {
            lx->n--;
        }
        size_t n = lx->n - lx->at;
        if (n >= 4 && (follows(lx, "**") || follows(lx, "__")) &&
            memcmp(lx->text + lx->n - 2, lx->text + lx->at, 2) == 0) {
            lx->at += 2;
            lx->n -= 2;
        } else if (n > 4 && follows(lx, "**") && memcmp(lx->text + lx->n - 3, "**.", 3) == 0) {
            lx->at += 2;
            lx->n -= 3;
        } else if (n >= 2 && lx->text[lx->at] == '*' && lx->text[lx->n - 1] == '*') {
            lx->at++;
            lx->n--;
        } else {
            return;
        }
    }
}

/* Whether the text marks where its formulas are, so that all else is words. */
static bool marks_formulas(const tj_lexer *lx)
{
    size_t n_dollars = 0;
    for (size_t i = lx->at; i < lx->n; i++) {
        if (lx->text[i] == '\\') {
            if (i + 1 < lx->n && (lx->text[i + 1] == '(' || lx->text[i + 1] == '[')) {
                return true;
            }
            i++;
        } else if (lx->text[i] == '$') {
            n_dollars++;
        }
    }
    return n_dollars > 1;
}

tj_code tj_lex(tj_lexed *out, tj_arena *arena, const char *text, size_t len, tj_err *err)
{
    *out = (tj_lexed){0};
    if (len > TJ_EX_MAX_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "an answer of %zu bytes, of at most %d", len,
                       TJ_EX_MAX_BYTES);
    }
    tj_lexer lx;
    memset(&lx, 0, offsetof(tj_lexer, braces));
    lx.n_braces = 0;
    lx.n_environments = 0;
    lx.arena = arena;
    lx.err = err;
    tj_code rc = tj_lex_normalize(&lx.text, &lx.n, &lx.origin, arena, text, len, err);
    if (rc != TJ_OK) {
        return rc;
    }
    strip_markdown(&lx);
    lx.cap = lx.n - lx.at + 8;
    lx.tokens = tj_arena_calloc(arena, lx.cap, sizeof *lx.tokens);
    if (lx.tokens == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate the tokens of an answer");
    }
    lx.in_text = marks_formulas(&lx);
    while (rc == TJ_OK && lx.at < lx.n) {
        rc = lex_one(&lx);
    }
    if (rc == TJ_OK && lx.n_braces > 0) {
        rc = tj_fail(err, TJ_E_PARSE, "byte %zu: a brace that is never closed",
                     tj_lexer_origin(&lx, lx.brace_at[lx.n_braces - 1]));
    }
    if (rc != TJ_OK) {
        return rc;
    }
    lx.tokens[lx.n_tokens] = (tj_token){
        .kind = TJ_TOK_END, .flags = TJ_TOK_SPACED, .begin = (uint32_t)len, .end = (uint32_t)len};
    *out = (tj_lexed){.tokens = lx.tokens, .n_tokens = lx.n_tokens};
    return TJ_OK;
}
