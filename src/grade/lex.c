/* One pass over the text (made ASCII where only width and face differ, lex_normalize.c). Braces are
 * kept on a stack, since those of \text{...} and its like leave no tokens but flags on the tokens
 * between them. */
#include "grade/lex.h"

#include <string.h>

#include "grade/expr.h"
#include "grade/lex_tables.h"
#include "grade/words.h"

#define BRACE_GROUP   1 /* gives tokens */
#define BRACE_TEXT    2 /* its tokens are words */
#define BRACE_WAS_OUT 4 /* outside of it are no words */

typedef struct lexer {
    tj_arena *arena;
    tj_err *err;
    const char *text;
    size_t n, at;
    const uint32_t *origin; /* [n + 1] or NULL: as in the caller's text */
    tj_token *tokens;       /* [cap] */
    size_t n_tokens, cap;
    uint8_t pending; /* flags of the next token */
    bool in_text;
    bool in_dollars;
    uint8_t braces[TJ_EX_MAX_DEPTH];
    uint32_t brace_at[TJ_EX_MAX_DEPTH]; /* where each was opened */
    size_t n_braces;
    uint8_t environments[TJ_EX_MAX_DEPTH]; /* tj_tok_env of those that are open */
    size_t n_environments;
} lexer;

static size_t origin_of(const lexer *lx, size_t at)
{
    return lx->origin == NULL ? at : lx->origin[at];
}

static char peek(const lexer *lx, size_t ahead)
{
    return lx->at + ahead < lx->n ? lx->text[lx->at + ahead] : '\0';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* ------------------------------------------------------------ tokens */

static tj_code grow(lexer *lx)
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
static tj_code push_text(lexer *lx, tj_tok_kind kind, int32_t id, size_t begin, const char *text,
                         size_t n_text)
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
        .begin = (uint32_t)origin_of(lx, begin),
        .end = (uint32_t)origin_of(lx, lx->at),
        .text = text,
    };
    lx->pending = 0;
    return TJ_OK;
}

static tj_code push(lexer *lx, tj_tok_kind kind, int32_t id, size_t begin)
{
    return push_text(lx, kind, id, begin, NULL, 0);
}

static tj_code push_entry(lexer *lx, const tj_lex_entry *entry, size_t begin)
{
    return push_text(lx, entry->kind, entry->id, begin, entry->text,
                     entry->text == NULL ? 0 : strlen(entry->text));
}

/* ------------------------------------------------------------ braces */

static tj_code open_brace(lexer *lx, uint8_t kind, size_t begin)
{
    if (lx->n_braces == TJ_EX_MAX_DEPTH) {
        return tj_fail(lx->err, TJ_E_LIMIT, "byte %zu: braces nest deeper than %d",
                       origin_of(lx, begin), TJ_EX_MAX_DEPTH);
    }
    lx->brace_at[lx->n_braces] = (uint32_t)begin;
    lx->braces[lx->n_braces++] = (uint8_t)(kind | (lx->in_text ? 0 : BRACE_WAS_OUT));
    if ((kind & BRACE_TEXT) != 0) {
        lx->in_text = true;
        lx->pending |= TJ_TOK_SPACED; /* a word of its own */
    }
    return (kind & BRACE_GROUP) != 0 ? push(lx, TJ_TOK_LBRACE, 0, begin) : TJ_OK;
}

static tj_code close_brace(lexer *lx, size_t begin)
{
    if (lx->n_braces == 0) {
        return tj_fail(lx->err, TJ_E_PARSE, "byte %zu: a brace closes that was never opened",
                       origin_of(lx, begin));
    }
    uint8_t kind = lx->braces[--lx->n_braces];
    tj_code rc = (kind & BRACE_GROUP) != 0 ? push(lx, TJ_TOK_RBRACE, 0, begin) : TJ_OK;
    lx->in_text = (kind & BRACE_WAS_OUT) == 0;
    return rc;
}

/* Whether what comes next is the argument of the last token, so that braces must stay a group. */
static bool wants_argument(const lexer *lx)
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

static void skip_spaces(lexer *lx)
{
    while (lx->at < lx->n && is_space(lx->text[lx->at])) {
        lx->at++;
    }
}

/* Steps over {...}, or over one character or command. */
static tj_code skip_argument(lexer *lx)
{
    skip_spaces(lx);
    size_t begin = lx->at, depth = 0;
    do {
        char c = peek(lx, 0);
        if (c == '\0') {
            return tj_fail(lx->err, TJ_E_PARSE, "byte %zu: an argument never ends",
                           origin_of(lx, begin));
        }
        lx->at++;
        if (c == '\\') {
            size_t n = 0;
            while (is_letter(peek(lx, n))) {
                n++;
            }
            lx->at += n > 0 ? n : lx->at < lx->n;
        }
        depth += c == '{';
        depth -= c == '}' && depth > 0;
    } while (depth > 0);
    return TJ_OK;
}

/* The braces behind \text and its like; without braces the command says nothing. */
static tj_code open_argument(lexer *lx, uint8_t kind)
{
    size_t spaces = 0;
    while (is_space(peek(lx, spaces)) || peek(lx, spaces) == '*') {
        spaces++;
    }
    if (peek(lx, spaces) != '{') {
        return TJ_OK;
    }
    lx->at += spaces + 1;
    return open_brace(lx, (uint8_t)(kind | (wants_argument(lx) ? BRACE_GROUP : 0)), lx->at - 1);
}

/* ------------------------------------------------------------ commands */

static tj_code lex_blackboard(lexer *lx, size_t begin)
{
    static const char letters[] = "NZQRC";
    skip_spaces(lx);
    bool braced = peek(lx, 0) == '{';
    size_t at = braced;
    while (is_space(peek(lx, at))) {
        at++;
    }
    const char *letter = peek(lx, at) != '\0' ? strchr(letters, peek(lx, at)) : NULL;
    size_t end = at + 1;
    while (is_space(peek(lx, end))) {
        end++;
    }
    if (letter == NULL || (braced && peek(lx, end) != '}')) {
        return open_argument(lx, 0);
    }
    lx->at += braced ? end + 1 : at + 1;
    return push(lx, TJ_TOK_NUMBERS, (int32_t)(letter - letters), begin);
}

static tj_code lex_delimiter(lexer *lx, bool left, size_t begin)
{
    skip_spaces(lx);
    char c = peek(lx, 0);
    if (c == '.') {
        lx->at++;
        return TJ_OK;
    }
    if (c == '|' || c == '<' || c == '>') {
        lx->at++;
        tj_tok_kind kind = c == '|'   ? (left ? TJ_TOK_LBAR : TJ_TOK_RBAR)
                           : c == '<' ? TJ_TOK_LANGLE
                                      : TJ_TOK_RANGLE;
        return push(lx, kind, 0, begin);
    }
    static const char vert[] = "\\vert";
    if (lx->n - lx->at >= sizeof vert - 1 &&
        memcmp(lx->text + lx->at, vert, sizeof vert - 1) == 0 &&
        !is_letter(peek(lx, sizeof vert - 1))) {
        lx->at += sizeof vert - 1;
        return push(lx, left ? TJ_TOK_LBAR : TJ_TOK_RBAR, 0, begin);
    }
    return TJ_OK;
}

static tj_code lex_not(lexer *lx, size_t begin)
{
    skip_spaces(lx);
    if (peek(lx, 0) == '=') {
        lx->at++;
        return push(lx, TJ_TOK_REL, TJ_REL_NE, begin);
    }
    return push_text(lx, TJ_TOK_OTHER, 0, begin, "not", 3);
}

static tj_code lex_environment(lexer *lx, bool begins, size_t begin)
{
    skip_spaces(lx);
    size_t name = lx->at + 1, end = name;
    while (end < lx->n && lx->text[end] != '}') {
        end++;
    }
    tj_tok_env env;
    if (peek(lx, 0) != '{' || end == lx->n ||
        !tj_lex_environment(&env, lx->text + name, end - name)) {
        return tj_fail(lx->err, TJ_E_PARSE, "byte %zu: an environment that is not known",
                       origin_of(lx, begin));
    }
    bool is_array = end - name == 5 && memcmp(lx->text + name, "array", 5) == 0;
    lx->at = end + 1;
    if (begins && (is_array || peek(lx, 0) == '[')) {
        skip_spaces(lx);
        if (peek(lx, 0) == '{') { /* the columns */
            tj_code rc = skip_argument(lx);
            if (rc != TJ_OK) {
                return rc;
            }
        }
    }
    if (!begins) {
        if (lx->n_environments == 0) {
            return tj_fail(lx->err, TJ_E_PARSE, "byte %zu: an environment ends that never began",
                           origin_of(lx, begin));
        }
        env = (tj_tok_env)lx->environments[--lx->n_environments];
        return push(lx, TJ_TOK_ENV_END, (int32_t)env, begin);
    }
    if (lx->n_environments == TJ_EX_MAX_DEPTH) {
        return tj_fail(lx->err, TJ_E_LIMIT, "byte %zu: environments nest deeper than %d",
                       origin_of(lx, begin), TJ_EX_MAX_DEPTH);
    }
    if (is_array && lx->n_tokens > 0 && lx->tokens[lx->n_tokens - 1].kind == TJ_TOK_LSET) {
        lx->n_tokens--; /* \left\{\begin{array} ... \right. is cases */
        env = TJ_ENV_CASES;
    }
    lx->environments[lx->n_environments++] = (uint8_t)env;
    return push(lx, TJ_TOK_ENV, (int32_t)env, begin);
}

/* & aligns lines, and parts a case from its condition; in matrices it is a token. */
static tj_code lex_ampersand(lexer *lx)
{
    size_t begin = lx->at++;
    tj_tok_env env = lx->n_environments == 0 ? TJ_ENV_MATRIX
                                             : (tj_tok_env)lx->environments[lx->n_environments - 1];
    lx->pending |= TJ_TOK_SPACED;
    bool behind_value = lx->n_tokens > 0 && lx->tokens[lx->n_tokens - 1].kind != TJ_TOK_REL &&
                        lx->tokens[lx->n_tokens - 1].kind != TJ_TOK_COMMA &&
                        lx->tokens[lx->n_tokens - 1].kind != TJ_TOK_ENV &&
                        lx->tokens[lx->n_tokens - 1].kind != TJ_TOK_NEWLINE;
    char next = peek(lx, 0) == ' ' ? peek(lx, 1) : peek(lx, 0);
    bool before_sign = next == '=' || next == '<' || next == '>';
    return env != TJ_ENV_CASES && env != TJ_ENV_LINES            ? push(lx, TJ_TOK_AMP, 0, begin)
           : env == TJ_ENV_CASES && behind_value && !before_sign ? push(lx, TJ_TOK_COMMA, 0, begin)
                                                                 : TJ_OK;
}

static tj_code act_on(lexer *lx, const tj_lex_entry *entry, size_t begin)
{
    tj_code rc = TJ_OK;
    switch ((tj_lex_act)entry->act) {
    case TJ_LEX_TOKEN:
        return push_entry(lx, entry, begin);
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
        return open_argument(lx, BRACE_TEXT);
    case TJ_LEX_FONT:
        return open_argument(lx, 0);
    case TJ_LEX_BB:
        return lex_blackboard(lx, begin);
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
        return push_text(lx, TJ_TOK_MONEY, 0, begin, "$", 1);
    }
    return rc;
}

static tj_code lex_command(lexer *lx)
{
    size_t begin = lx->at++;
    size_t n = 0;
    while (is_letter(peek(lx, n))) {
        n++;
    }
    if (n == 0) {
        char c = peek(lx, 0);
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
        return push_text(lx, TJ_TOK_OTHER, 0, begin, name, n);
    }
    return act_on(lx, entry, begin);
}

/* ------------------------------------------------------------ $ */

/* A $ that stands before an amount and has no partner; "$5 and $10" has none either. */
static bool is_money(const lexer *lx)
{
    size_t next = lx->at + 1;
    while (next < lx->n && (lx->text[next] != '$' || lx->text[next - 1] == '\\')) {
        next++;
    }
    char after = peek(lx, 1);
    bool amount = is_digit(after) || (after == '.' && is_digit(peek(lx, 2))) ||
                  (after == ' ' && is_digit(peek(lx, 2)));
    if (next == lx->n) {
        return amount || after == '\\' || after == '-';
    }
    char before_next = lx->text[next - 1];
    return amount && (is_space(before_next) || before_next == '(' || before_next == '-') &&
           next + 1 < lx->n && is_digit(lx->text[next + 1]);
}

static tj_code lex_dollar(lexer *lx)
{
    size_t begin = lx->at;
    if (!lx->in_dollars && peek(lx, 1) != '$' && is_money(lx)) {
        lx->at++;
        return push_text(lx, TJ_TOK_MONEY, 0, begin, "$", 1);
    }
    lx->at += peek(lx, 1) == '$' ? 2 : 1;
    lx->in_dollars = !lx->in_dollars;
    lx->in_text = !lx->in_dollars;
    lx->pending |= TJ_TOK_SPACED;
    return TJ_OK;
}

/* ------------------------------------------------------------ words */

static bool is_between(uint32_t c, uint32_t first, uint32_t last)
{
    return c >= first && c <= last;
}

/* Letters of words, but for those that are signs of mathematics. */
static bool is_wide_letter(uint32_t c)
{
    bool is_sub;
    return (is_between(c, 0xC0, 0x52F) || is_between(c, 0x5D0, 0x1FFF) ||
            is_between(c, 0x3005, 0x3007) || is_between(c, 0x3040, 0x30FF) ||
            is_between(c, 0x3400, 0x9FFF) || is_between(c, 0xAC00, 0xD7A3)) &&
           tj_lex_character(c) == NULL && tj_lex_script(c, &is_sub) == '\0';
}

static bool is_japanese(uint32_t c)
{
    return c >= 0x3005 && c <= 0x9FFF;
}

/* The end of the word that begins at `at`, which is a letter. */
static size_t word_end(const lexer *lx, size_t at)
{
    size_t begin = at;
    while (at < lx->n) {
        size_t n_bytes;
        char c = lx->text[at];
        if (is_letter(c) ||
            (c == '\'' && at - begin > 1 && at + 1 < lx->n && is_letter(lx->text[at + 1]))) {
            at++;
            continue;
        }
        if ((unsigned char)c < 0x80) {
            break;
        }
        uint32_t wide = tj_lex_decode(lx->text + at, &n_bytes);
        if (!is_wide_letter(wide) || is_japanese(wide)) {
            break;
        }
        at += n_bytes;
    }
    return at;
}

static tj_code lex_word(lexer *lx)
{
    size_t begin = lx->at;
    lx->at = word_end(lx, begin);
    return push_text(lx, TJ_TOK_WORD, 0, begin, lx->text + begin, lx->at - begin);
}

/* Japanese has no spaces: a word that is known ends, and is ended by, one that is known. */
static tj_code lex_japanese(lexer *lx)
{
    size_t begin = lx->at, n_bytes = tj_words_japanese(lx->text + begin, lx->n - begin);
    if (n_bytes == 0) {
        char digits[32];
        size_t n_digits, n_kanji = tj_lex_kanji(lx->text + begin, lx->n - begin, digits, &n_digits);
        size_t end = begin + n_kanji, n_next = 1;
        bool ends =
            n_kanji > 0 && (end == lx->n || !is_japanese(tj_lex_decode(lx->text + end, &n_next)) ||
                            tj_words_japanese(lx->text + end, lx->n - end) > 0);
        for (size_t i = 0; ends && i < n_digits; i++) {
            lx->at = end;
            tj_code rc = push(lx, TJ_TOK_DIGIT, digits[i] - '0', begin);
            if (rc != TJ_OK || i + 1 == n_digits) {
                return rc;
            }
        }
        size_t at = begin;
        do {
            uint32_t c = tj_lex_decode(lx->text + at, &n_bytes);
            if (!is_japanese(c)) {
                break;
            }
            at += n_bytes;
        } while (at < lx->n && tj_words_japanese(lx->text + at, lx->n - at) == 0);
        n_bytes = at - begin;
    }
    lx->at = begin + n_bytes;
    const char *english = tj_words_translate(lx->text + begin, n_bytes);
    if (english != NULL && english[0] == '.') { /* "... です" says nothing */
        lx->pending |= TJ_TOK_SPACED;
        return TJ_OK;
    }
    return english != NULL ? push_text(lx, TJ_TOK_WORD, 0, begin, english, strlen(english))
                           : push_text(lx, TJ_TOK_WORD, 0, begin, lx->text + begin, n_bytes);
}

/* ------------------------------------------------------------ other characters */

/* A run of raised or lowered characters as ^{...} or _{...}. */
static tj_code lex_scripts(lexer *lx, bool is_sub)
{
    size_t begin = lx->at;
    tj_code rc = push(lx, is_sub ? TJ_TOK_UNDER : TJ_TOK_CARET, 0, begin);
    if (rc == TJ_OK) {
        rc = push(lx, TJ_TOK_LBRACE, 0, begin);
    }
    while (rc == TJ_OK && lx->at < lx->n && (unsigned char)lx->text[lx->at] >= 0x80) {
        size_t n_bytes;
        bool sub;
        char c = tj_lex_script(tj_lex_decode(lx->text + lx->at, &n_bytes), &sub);
        if (c == '\0' || sub != is_sub) {
            break;
        }
        static const char *const letters[] = {"a", "e", "i", "n", "o", "x"};
        size_t letter = 0;
        while (letter < 6 && letters[letter][0] != c) {
            letter++;
        }
        lx->at += n_bytes;
        rc = letter < 6    ? push_text(lx, TJ_TOK_WORD, 0, begin, letters[letter], 1)
             : is_digit(c) ? push(lx, TJ_TOK_DIGIT, c - '0', begin)
             : c == '+'    ? push(lx, TJ_TOK_PLUS, 0, begin)
             : c == '-'    ? push(lx, TJ_TOK_MINUS, 0, begin)
             : c == '='    ? push(lx, TJ_TOK_REL, TJ_REL_EQ, begin)
                           : push(lx, c == '(' ? TJ_TOK_LPAREN : TJ_TOK_RPAREN, 0, begin);
    }
    return rc != TJ_OK ? rc : push(lx, TJ_TOK_RBRACE, 0, begin);
}

static tj_code lex_wide(lexer *lx)
{
    size_t begin = lx->at, n_bytes;
    uint32_t c = tj_lex_decode(lx->text + begin, &n_bytes);
    const tj_lex_entry *entry = tj_lex_character(c);
    bool is_sub;
    if (entry == NULL && tj_lex_script(c, &is_sub) != '\0') {
        return lex_scripts(lx, is_sub);
    }
    if (entry == NULL && is_wide_letter(c) && !is_between(c, 0x300, 0x36F)) {
        return is_japanese(c) ? lex_japanese(lx) : lex_word(lx);
    }
    lx->at += n_bytes;
    if (entry != NULL) {
        tj_code rc = push_entry(lx, entry, begin);
        if (rc == TJ_OK && c == 0xB0 && (peek(lx, 0) == 'C' || peek(lx, 0) == 'F') &&
            !is_letter(peek(lx, 1))) {
            lx->tokens[lx->n_tokens - 1].text = peek(lx, 0) == 'C' ? "°C" : "°F";
            lx->tokens[lx->n_tokens - 1].n_text = 3;
            lx->at++;
        }
        return rc;
    }
    if (tj_lex_vulgar(c) != 0) {
        return push(lx, TJ_TOK_VULGAR, tj_lex_vulgar(c), begin);
    }
    if ((c == 0x304 || c == 0x305 || c == 0x307) && lx->n_tokens > 0 &&
        lx->tokens[lx->n_tokens - 1].kind == TJ_TOK_DIGIT) {
        lx->tokens[lx->n_tokens - 1].flags |= TJ_TOK_REPEATS;
        return TJ_OK;
    }
    return push_text(lx, TJ_TOK_OTHER, 0, begin, lx->text + begin, n_bytes);
}

static bool follows(const lexer *lx, const char *s)
{
    size_t n = strlen(s);
    return lx->n - lx->at >= n && memcmp(lx->text + lx->at, s, n) == 0;
}

static tj_code push_long(lexer *lx, tj_tok_kind kind, int32_t id, size_t n)
{
    size_t begin = lx->at;
    lx->at += n;
    return push(lx, kind, id, begin);
}

/* Signs of more than one character; *done tells whether one was there. */
static tj_code lex_long_sign(lexer *lx, bool *done)
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
        return push_text(lx, TJ_TOK_OTHER, 0, begin, "to", 2);
    }
    *done = false;
    return TJ_OK;
}

static tj_code lex_quote(lexer *lx)
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
    return push_text(lx, TJ_TOK_QUOTED, 0, begin, lx->text + begin + 1, end - begin - 1);
}

/* A new line separates only what cannot be one formula: "x = 1" and below it "x = 2". */
static tj_code lex_newline(lexer *lx)
{
    size_t begin = lx->at;
    skip_spaces(lx);
    lx->pending |= TJ_TOK_SPACED;
    char next = peek(lx, 0);
    if (lx->n_tokens == 0 || lx->n_environments > 0 || lx->n_braces > 0 || lx->in_text ||
        lx->in_dollars || !(is_letter(next) || is_digit(next) || next == '(')) {
        return TJ_OK;
    }
    switch ((tj_tok_kind)lx->tokens[lx->n_tokens - 1].kind) {
    case TJ_TOK_DIGIT:
    case TJ_TOK_WORD:
    case TJ_TOK_RPAREN:
    case TJ_TOK_RBRACE:
    case TJ_TOK_CONST:
    case TJ_TOK_NAME:
        return push(lx, TJ_TOK_NEWLINE, 0, begin);
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

static tj_code lex_sign(lexer *lx, char c)
{
    bool done;
    tj_code rc = lex_long_sign(lx, &done);
    if (done) {
        return rc;
    }
    if (c == '&') {
        return lex_ampersand(lx);
    }
    size_t begin = lx->at++;
    int32_t id;
    tj_tok_kind kind = kind_of_sign(c, &id);
    if (c == '%') {
        return push_text(lx, TJ_TOK_UNIT, 0, begin, "%", 1);
    }
    return kind == TJ_TOK_OTHER ? push_text(lx, kind, 0, begin, lx->text + begin, 1)
                                : push(lx, kind, id, begin);
}

static tj_code lex_one(lexer *lx)
{
    char c = lx->text[lx->at];
    if (is_digit(c)) {
        return push_long(lx, TJ_TOK_DIGIT, c - '0', 1);
    }
    if (is_letter(c)) {
        return lex_word(lx);
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
        return lex_command(lx);
    case '$':
        return lex_dollar(lx);
    case '"':
        return lex_quote(lx);
    case '{':
        if (!follows(lx, "{,}") && !follows(lx, "{.}")) {
            lx->at++;
            return open_brace(lx, BRACE_GROUP, lx->at - 1);
        }
        return lex_sign(lx, c);
    case '}':
        lx->at++;
        return close_brace(lx, lx->at - 1);
    case '\0':
        return tj_fail(lx->err, TJ_E_PARSE, "byte %zu is zero", origin_of(lx, lx->at));
    default:
        return (unsigned char)c < 0x80 ? lex_sign(lx, c) : lex_wide(lx);
    }
}

/* ------------------------------------------------------------ the whole */

/* Markdown's marks around the whole. */
static void strip_markdown(lexer *lx)
{
    for (;;) {
        while (lx->at < lx->n && is_space(lx->text[lx->at])) {
            lx->at++;
        }
        while (lx->n > lx->at && is_space(lx->text[lx->n - 1])) {
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
static bool marks_formulas(const lexer *lx)
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
    lexer lx;
    memset(&lx, 0, offsetof(lexer, braces));
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
                     origin_of(&lx, lx.brace_at[lx.n_braces - 1]));
    }
    if (rc != TJ_OK) {
        return rc;
    }
    lx.tokens[lx.n_tokens] = (tj_token){
        .kind = TJ_TOK_END, .flags = TJ_TOK_SPACED, .begin = (uint32_t)len, .end = (uint32_t)len};
    *out = (tj_lexed){.tokens = lx.tokens, .n_tokens = lx.n_tokens};
    return TJ_OK;
}
