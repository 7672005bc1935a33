/* Braces and LaTeX's commands. */
#include <string.h>

#include "grade/lexer.h"

/* ------------------------------------------------------------ braces */

tj_code tj_lexer_open_brace(tj_lexer *lx, uint8_t kind, size_t begin)
{
    if (lx->n_braces == TJ_EX_MAX_DEPTH) {
        return tj_fail(lx->err, TJ_E_LIMIT, "byte %zu: braces nest deeper than %d",
                       tj_lexer_origin(lx, begin), TJ_EX_MAX_DEPTH);
    }
    lx->brace_at[lx->n_braces] = (uint32_t)begin;
    lx->braces[lx->n_braces++] = (uint8_t)(kind | (lx->in_text ? 0 : TJ_BRACE_WAS_OUT));
    lx->in_text = lx->in_text || (kind & TJ_BRACE_TEXT) != 0;
    if ((kind & (TJ_BRACE_TEXT | TJ_BRACE_APART)) != 0) {
        lx->pending |= TJ_TOK_SPACED; /* a word of its own */
    }
    return (kind & TJ_BRACE_GROUP) != 0 ? tj_lexer_push(lx, TJ_TOK_LBRACE, 0, begin) : TJ_OK;
}

/* "{}" behind what is complete, as in 30^\circ{}, says nothing. */
static bool is_empty_group(const tj_lexer *lx)
{
    if (lx->n_tokens < 2 || lx->tokens[lx->n_tokens - 1].kind != TJ_TOK_LBRACE) {
        return false;
    }
    switch ((tj_tok_kind)lx->tokens[lx->n_tokens - 2].kind) {
    case TJ_TOK_CIRC:
    case TJ_TOK_WORD:
    case TJ_TOK_DIGIT:
    case TJ_TOK_NAME:
    case TJ_TOK_CONST:
    case TJ_TOK_RPAREN:
    case TJ_TOK_UNIT:
        return true;
    default:
        return false;
    }
}

tj_code tj_lexer_close_brace(tj_lexer *lx, size_t begin)
{
    if (lx->n_braces == 0) {
        return tj_fail(lx->err, TJ_E_PARSE, "byte %zu: a brace closes that was never opened",
                       tj_lexer_origin(lx, begin));
    }
    uint8_t kind = lx->braces[--lx->n_braces];
    if ((kind & TJ_BRACE_GROUP) != 0 && is_empty_group(lx)) {
        lx->n_tokens--;
        return TJ_OK;
    }
    lx->pending |= (kind & TJ_BRACE_APART) != 0 ? TJ_TOK_SPACED : 0;
    tj_code rc = (kind & TJ_BRACE_GROUP) != 0 ? tj_lexer_push(lx, TJ_TOK_RBRACE, 0, begin) : TJ_OK;
    lx->in_text = (kind & TJ_BRACE_WAS_OUT) == 0;
    return rc;
}

/* Whether what comes next is the argument of the last token, so that braces must stay a group. */
static bool wants_argument(const tj_lexer *lx)
{
    if (lx->n_tokens == 0) {
        return false;
    }
    switch ((tj_tok_kind)lx->tokens[lx->n_tokens - 1].kind) {
    case TJ_TOK_CARET:
    case TJ_TOK_UNDER:
    case TJ_TOK_SQRT:
    case TJ_TOK_FRAC:
    case TJ_TOK_BINOM:
    case TJ_TOK_OVERLINE:
    case TJ_TOK_DOT_ABOVE:
        return true;
    default:
        return false;
    }
}

/* Steps over {...}, or over one character or command. */
static tj_code skip_argument(tj_lexer *lx)
{
    tj_lexer_skip_spaces(lx);
    size_t begin = lx->at, depth = 0;
    do {
        char c = tj_lexer_peek(lx, 0);
        if (c == '\0') {
            return tj_fail(lx->err, TJ_E_PARSE, "byte %zu: an argument never ends",
                           tj_lexer_origin(lx, begin));
        }
        lx->at++;
        if (c == '\\') {
            size_t n = 0;
            while (tj_lexer_is_letter(tj_lexer_peek(lx, n))) {
                n++;
            }
            lx->at += n > 0 ? n : lx->at < lx->n;
        }
        while ((unsigned char)c >= 0x80 && ((unsigned char)tj_lexer_peek(lx, 0) & 0xC0) == 0x80) {
            lx->at++;
        }
        depth += c == '{';
        depth -= c == '}' && depth > 0;
    } while (depth > 0);
    return TJ_OK;
}

/* The braces behind \text and its like; without braces the command says nothing. */
static tj_code open_argument(tj_lexer *lx, uint8_t kind)
{
    size_t spaces = 0;
    while (tj_lexer_is_space(tj_lexer_peek(lx, spaces)) || tj_lexer_peek(lx, spaces) == '*') {
        spaces++;
    }
    if (tj_lexer_peek(lx, spaces) != '{') {
        return TJ_OK;
    }
    lx->at += spaces + 1;
    return tj_lexer_open_brace(lx, (uint8_t)(kind | (wants_argument(lx) ? TJ_BRACE_GROUP : 0)),
                               lx->at - 1);
}

/* ------------------------------------------------------------ commands */

static tj_code lex_blackboard(tj_lexer *lx, bool bold, size_t begin)
{
    static const char letters[] = "NZQRC";
    tj_lexer_skip_spaces(lx);
    bool braced = tj_lexer_peek(lx, 0) == '{';
    size_t at = braced;
    while (tj_lexer_is_space(tj_lexer_peek(lx, at))) {
        at++;
    }
    const char *letter =
        tj_lexer_peek(lx, at) != '\0' ? strchr(letters, tj_lexer_peek(lx, at)) : NULL;
    size_t end = at + 1;
    while (tj_lexer_is_space(tj_lexer_peek(lx, end))) {
        end++;
    }
    bool rare =
        bold && letter != NULL && (*letter == 'N' || *letter == 'C'); /* a point, a choice */
    if (letter == NULL || rare || (braced && tj_lexer_peek(lx, end) != '}')) {
        return open_argument(lx, 0);
    }
    lx->at += braced ? end + 1 : at + 1;
    return tj_lexer_push(lx, TJ_TOK_NUMBERS, (int32_t)(letter - letters), begin);
}

/* Behind the white space at the byte `at` ahead. */
static size_t behind_spaces(const tj_lexer *lx, size_t at)
{
    while (tj_lexer_is_space(tj_lexer_peek(lx, at))) {
        at++;
    }
    return at;
}

/* Steps over {i}, i or {\imath} and gives 0, j 1, k 2; -1 if something else is there, or more is
 * tied to the letter (k_1). */
static int32_t take_basis(tj_lexer *lx)
{
    static const char letters[] = "ijk";
    size_t at = behind_spaces(lx, 0);
    bool braced = tj_lexer_peek(lx, at) == '{';
    at = behind_spaces(lx, at + braced);
    bool dotless = tj_lexer_peek(lx, at) == '\\';
    at += dotless;
    const char *letter = strchr(letters, tj_lexer_peek(lx, at));
    if (letter == NULL || *letter == '\0' ||
        (dotless &&
         (lx->n - lx->at < at + 5 || memcmp(lx->text + lx->at + at + 1, "math", 4) != 0))) {
        return -1;
    }
    at += dotless ? 5 : 1;
    size_t end = braced ? behind_spaces(lx, at) : at;
    if (braced && tj_lexer_peek(lx, end) != '}') {
        return -1;
    }
    char next = tj_lexer_peek(lx, behind_spaces(lx, end + braced));
    if (next != '\0' && strchr("_^'(", next) != NULL) {
        return -1;
    }
    lx->at += end + braced;
    return (int32_t)(letter - letters);
}

static tj_code lex_vector(tj_lexer *lx, size_t begin)
{
    int32_t which = take_basis(lx);
    return which >= 0 ? tj_lexer_push(lx, TJ_TOK_BASIS, which, begin) : open_argument(lx, 0);
}

static tj_code lex_bold(tj_lexer *lx, size_t begin)
{
    int32_t which = take_basis(lx);
    return which >= 0 ? tj_lexer_push(lx, TJ_TOK_BASIS, which, begin)
                      : lex_blackboard(lx, true, begin);
}

static tj_code lex_delimiter(tj_lexer *lx, bool left, size_t begin)
{
    tj_lexer_skip_spaces(lx);
    char c = tj_lexer_peek(lx, 0);
    if (c == '.') {
        lx->at++;
        return TJ_OK;
    }
    if (c == '|' || c == '<' || c == '>') {
        lx->at++;
        tj_tok_kind kind = c == '|'   ? (left ? TJ_TOK_LBAR : TJ_TOK_RBAR)
                           : c == '<' ? TJ_TOK_LANGLE
                                      : TJ_TOK_RANGLE;
        return tj_lexer_push(lx, kind, 0, begin);
    }
    static const char vert[] = "\\vert";
    if (lx->n - lx->at >= sizeof vert - 1 &&
        memcmp(lx->text + lx->at, vert, sizeof vert - 1) == 0 &&
        !tj_lexer_is_letter(tj_lexer_peek(lx, sizeof vert - 1))) {
        lx->at += sizeof vert - 1;
        return tj_lexer_push(lx, left ? TJ_TOK_LBAR : TJ_TOK_RBAR, 0, begin);
    }
    return TJ_OK;
}

static tj_code lex_not(tj_lexer *lx, size_t begin)
{
    tj_lexer_skip_spaces(lx);
    if (tj_lexer_peek(lx, 0) == '=') {
        lx->at++;
        return tj_lexer_push(lx, TJ_TOK_REL, TJ_REL_NE, begin);
    }
    return tj_lexer_push_text(lx, TJ_TOK_OTHER, 0, begin, "not", 3);
}

static tj_code lex_environment(tj_lexer *lx, bool begins, size_t begin)
{
    tj_lexer_skip_spaces(lx);
    size_t name = lx->at + 1, end = name;
    while (end < lx->n && lx->text[end] != '}') {
        end++;
    }
    tj_tok_env env;
    if (tj_lexer_peek(lx, 0) != '{' || end == lx->n ||
        !tj_lex_environment(&env, lx->text + name, end - name)) {
        return tj_fail(lx->err, TJ_E_PARSE, "byte %zu: an environment that is not known",
                       tj_lexer_origin(lx, begin));
    }
    bool is_array = end - name == 5 && memcmp(lx->text + name, "array", 5) == 0;
    lx->at = end + 1;
    if (begins && (is_array || tj_lexer_peek(lx, 0) == '[')) {
        tj_lexer_skip_spaces(lx);
        if (tj_lexer_peek(lx, 0) == '{') { /* the columns */
            tj_code rc = skip_argument(lx);
            if (rc != TJ_OK) {
                return rc;
            }
        }
    }
    if (!begins) {
        if (lx->n_environments == 0) {
            return tj_fail(lx->err, TJ_E_PARSE, "byte %zu: an environment ends that never began",
                           tj_lexer_origin(lx, begin));
        }
        env = (tj_tok_env)lx->environments[--lx->n_environments];
        return tj_lexer_push(lx, TJ_TOK_ENV_END, (int32_t)env, begin);
    }
    if (lx->n_environments == TJ_EX_MAX_DEPTH) {
        return tj_fail(lx->err, TJ_E_LIMIT, "byte %zu: environments nest deeper than %d",
                       tj_lexer_origin(lx, begin), TJ_EX_MAX_DEPTH);
    }
    if (is_array && lx->n_tokens > 0 && lx->tokens[lx->n_tokens - 1].kind == TJ_TOK_LSET) {
        lx->n_tokens--; /* \left\{\begin{array} ... \right. is cases */
        env = TJ_ENV_CASES;
    }
    lx->environments[lx->n_environments++] = (uint8_t)env;
    return tj_lexer_push(lx, TJ_TOK_ENV, (int32_t)env, begin);
}

/* & aligns lines, and parts a case from its condition; in matrices it is a token. */
tj_code tj_lexer_ampersand(tj_lexer *lx)
{
    size_t begin = lx->at++;
    tj_tok_env env = lx->n_environments == 0 ? TJ_ENV_MATRIX
                                             : (tj_tok_env)lx->environments[lx->n_environments - 1];
    lx->pending |= TJ_TOK_SPACED;
    bool behind_value = lx->n_tokens > 0 && lx->tokens[lx->n_tokens - 1].kind != TJ_TOK_REL &&
                        lx->tokens[lx->n_tokens - 1].kind != TJ_TOK_COMMA &&
                        lx->tokens[lx->n_tokens - 1].kind != TJ_TOK_ENV &&
                        lx->tokens[lx->n_tokens - 1].kind != TJ_TOK_NEWLINE;
    char next = tj_lexer_peek(lx, 0) == ' ' ? tj_lexer_peek(lx, 1) : tj_lexer_peek(lx, 0);
    bool before_sign = next == '=' || next == '<' || next == '>';
    return env != TJ_ENV_CASES && env != TJ_ENV_LINES ? tj_lexer_push(lx, TJ_TOK_AMP, 0, begin)
           : env == TJ_ENV_CASES && behind_value && !before_sign
               ? tj_lexer_push(lx, TJ_TOK_COMMA, 0, begin)
               : TJ_OK;
}

static tj_code act_on(tj_lexer *lx, const tj_lex_entry *entry, size_t begin)
{
    tj_code rc = TJ_OK;
    switch ((tj_lex_act)entry->act) {
    case TJ_LEX_TOKEN:
        return tj_lexer_push_entry(lx, entry, begin);
    case TJ_LEX_SPACE:
        lx->pending |= TJ_TOK_SPACED;
        return TJ_OK;
    case TJ_LEX_NEGSPACE:
        lx->pending |= TJ_TOK_NEGSPACE;
        return TJ_OK;
    case TJ_LEX_NOTHING:
        return TJ_OK;
    case TJ_LEX_DROP_ARG:
        return skip_argument(lx);
    case TJ_LEX_TEXT:
        return open_argument(lx, TJ_BRACE_TEXT);
    case TJ_LEX_FONT:
        return open_argument(lx, 0);
    case TJ_LEX_BOX:
        return open_argument(lx, TJ_BRACE_APART);
    case TJ_LEX_VECTOR:
        return lex_vector(lx, begin);
    case TJ_LEX_BOLD:
        return lex_bold(lx, begin);
    case TJ_LEX_BB:
        return lex_blackboard(lx, false, begin);
    case TJ_LEX_LEFT:
        return lex_delimiter(lx, true, begin);
    case TJ_LEX_RIGHT:
        return lex_delimiter(lx, false, begin);
    case TJ_LEX_NOT:
        return lex_not(lx, begin);
    case TJ_LEX_BEGIN:
        return lex_environment(lx, true, begin);
    case TJ_LEX_END:
        return lex_environment(lx, false, begin);
    case TJ_LEX_COLOR:
        rc = skip_argument(lx);
        return rc != TJ_OK ? rc : open_argument(lx, 0);
    case TJ_LEX_DOLLAR:
        return tj_lexer_push_text(lx, TJ_TOK_MONEY, 0, begin, "$", 1);
    }
    return rc;
}

tj_code tj_lexer_command(tj_lexer *lx)
{
    size_t begin = lx->at++;
    size_t n = 0;
    while (tj_lexer_is_letter(tj_lexer_peek(lx, n))) {
        n++;
    }
    if (n == 0) {
        char c = tj_lexer_peek(lx, 0);
        if (c == '\0') {
            return TJ_OK;
        }
        if (c == '(' || c == ')' || c == '[' || c == ']') { /* \( ... \) is $ ... $ */
            lx->at++;
            lx->in_text = c == ')' || c == ']';
            lx->pending |= TJ_TOK_SPACED;
            return TJ_OK;
        }
        n = 1;
    }
    const char *name = lx->text + lx->at;
    const tj_lex_entry *entry = tj_lex_command(name, n);
    lx->at += n;
    if (entry == NULL) {
        return tj_lexer_push_text(lx, TJ_TOK_OTHER, 0, begin, name, n);
    }
    return act_on(lx, entry, begin);
}
