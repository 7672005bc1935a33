/* Answers that are words, and which of the readings that are no formulas a text has. */
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

/* ------------------------------------------------------------ words */

#define MAX_PROSE 2048 /* bytes; longer texts are no answers */

static bool is_prose_sign(const tj_token *token)
{
    switch ((tj_tok_kind)token->kind) {
    case TJ_TOK_WORD:
    case TJ_TOK_QUOTED:
    case TJ_TOK_COMMA:
    case TJ_TOK_POINT:
    case TJ_TOK_PRIME:
    case TJ_TOK_BANG:
    case TJ_TOK_SEMICOLON:
    case TJ_TOK_LPAREN:
    case TJ_TOK_RPAREN:
        return true;
    case TJ_TOK_OTHER:
        return token->n_text == 1 && (token->text[0] == '?' || token->text[0] == '#');
    default:
        return false;
    }
}

/* Hyphens and slashes between words: "x-axis", "true/false". */
static bool is_hyphen(const tj_reader *r, size_t ahead)
{
    const tj_token *sign = tj_reader_peek(r, ahead), *next = tj_reader_peek(r, ahead + 1);
    return (sign->kind == TJ_TOK_MINUS || sign->kind == TJ_TOK_SLASH) && ahead > 0 &&
           (sign->flags & TJ_TOK_SPACED) == 0 && (next->flags & TJ_TOK_SPACED) == 0 &&
           tj_reader_peek(r, ahead - 1)->kind == TJ_TOK_WORD && next->kind == TJ_TOK_WORD;
}

/* "Plan 2": words that a number follows as a name. */
static bool is_label(const tj_reader *r, size_t ahead)
{
    static const char *const labels[] = {"plan",  "box",   "room",   "case",  "figure", "step",
                                         "game",  "team",  "group",  "class", "route",  "line",
                                         "point", "graph", "method", "door",  "card",   "machine",
                                         "type",  "part",  "player", "store", "day",    "quadrant"};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (tj_reader_is_word(r, ahead, labels[i])) {
            return true;
        }
    }
    return false;
}

/* The words of tokens [from, to), joined by spaces; false if they are no prose. */
static bool join_prose(const tj_reader *r, size_t from, size_t to, char *out, size_t *n_out,
                       size_t *n_words)
{
    size_t n = 0, n_digits = 0;
    *n_words = 0;
    for (size_t i = from; i < to; i++) {
        const tj_token *token = tj_reader_peek(r, i);
        char digit = (char)('0' + token->id);
        bool is_word = token->kind == TJ_TOK_WORD || token->kind == TJ_TOK_QUOTED;
        bool is_digit = token->kind == TJ_TOK_DIGIT && *n_words == 1 && is_label(r, from);
        if (!is_prose_sign(token) && !is_hyphen(r, i) && !is_digit) {
            return false;
        }
        if (n_digits > 0 && !is_digit) { /* "Plan 2", but no number in a sentence */
            return false;
        }
        n_digits += is_digit;
        const char *text = is_digit ? &digit : token->text;
        size_t n_text = is_digit ? 1 : is_word ? token->n_text : 0;
        if (n + n_text + 1 > MAX_PROSE) {
            return false;
        }
        if (!is_digit || n_digits == 1) {
            out[n++] = ' ';
        }
        if (n_text > 0) {
            memcpy(out + n, text, n_text);
        }
        n += n_text;
        *n_words += is_word;
    }
    *n_out = n;
    return *n_words > 0;
}

static const tj_ex *text_of(tj_reader *r, const char *text, size_t n)
{
    const char *folded = tj_words_fold(r->arena, text, n);
    if (folded == NULL) {
        return tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a text");
    }
    tj_ex *ex = folded[0] == '\0' ? NULL : tj_reader_new(r, TJ_EX_TEXT, 0);
    if (ex != NULL) {
        ex->text = folded;
    }
    return ex;
}

const tj_ex *tj_reader_quoted(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    const tj_ex *ex = text_of(r, token->text, token->n_text);
    if (ex == NULL) {
        return tj_reader_fail(r, "words between quotes");
    }
    tj_reader_next(r);
    return ex;
}

/* "Alice and Bob": short parts are several answers. NULL without an error if it is one text. */
static const tj_ex *read_text_list(tj_reader *r, char *buffer)
{
    tj_nodes items = {0};
    size_t from = 0, n_tokens = r->n_tokens - r->at;
    bool any_or = false;
    for (size_t i = 0; i <= n_tokens; i++) {
        bool is_and = tj_reader_is_word(r, i, "and"), is_or = tj_reader_is_word(r, i, "or");
        if (i < n_tokens && tj_reader_peek(r, i)->kind != TJ_TOK_COMMA && !is_and && !is_or) {
            continue;
        }
        any_or = any_or || is_or;
        if (i > from) {
            size_t n, n_words;
            if (!join_prose(r, from, i, buffer, &n, &n_words) || n_words > 2 ||
                !tj_nodes_add(r, &items, text_of(r, buffer, n))) {
                return NULL;
            }
        }
        from = i + 1;
    }
    if (items.n < 2) {
        return NULL;
    }
    tj_ex *list = tj_reader_from(r, TJ_EX_LIST, &items);
    if (list != NULL) {
        list->id = any_or;
    }
    return list;
}

const tj_ex *tj_reader_prose(tj_reader *r)
{
    char *buffer = tj_arena_calloc(r->arena, MAX_PROSE, 1);
    if (buffer == NULL) {
        return tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a text");
    }
    size_t n, n_words;
    if (!join_prose(r, 0, r->n_tokens - r->at, buffer, &n, &n_words)) {
        return NULL;
    }
    const tj_ex *list = read_text_list(r, buffer);
    if (list != NULL || r->rc != TJ_OK) {
        return list;
    }
    if (!join_prose(r, 0, r->n_tokens - r->at, buffer, &n, &n_words)) {
        return NULL;
    }
    return text_of(r, buffer, n);
}

/* "a circle": an article and words, no variable and a thing that is counted. */
static bool is_article_phrase(const tj_reader *r)
{
    const tj_token *noun = tj_reader_peek(r, 1);
    int64_t value;
    return (tj_reader_is_word(r, 0, "a") || tj_reader_is_word(r, 0, "an")) &&
           noun->kind == TJ_TOK_WORD && tj_words_is_prose(noun->text, noun->n_text) &&
           tj_reader_word_kind(noun) == TJ_WORD_UNKNOWN &&
           tj_words_number(&value, noun->text, noun->n_text) == TJ_WORD_NO_NUMBER;
}

/* A glance behind the digits that begin a text: words, ':' or '-' may be of a time or a date. */
static bool may_be_clock_or_date(const tj_reader *r)
{
    size_t n = 0;
    while (n < 5 && tj_reader_peek(r, n)->kind == TJ_TOK_DIGIT) {
        n++;
    }
    tj_tok_kind behind = (tj_tok_kind)tj_reader_peek(r, n)->kind;
    return behind == TJ_TOK_WORD || behind == TJ_TOK_COLON || behind == TJ_TOK_MINUS;
}

const tj_ex *tj_reader_special(tj_reader *r)
{
    const tj_token *first = tj_reader_peek(r, 0);
    const tj_ex *ex = NULL;
    if (first->kind == TJ_TOK_DIGIT) {
        if (!may_be_clock_or_date(r)) {
            return NULL;
        }
        ex = tj_reader_clock(r);
        return ex == NULL ? tj_reader_date(r) : ex;
    }
    if (first->kind == TJ_TOK_LPAREN) {
        return tj_reader_choice(r);
    }
    if (first->kind == TJ_TOK_QUOTED && r->n_tokens - r->at == 1) {
        r->at = r->n_tokens;
        return text_of(r, first->text, first->n_text);
    }
    if (first->kind != TJ_TOK_WORD) {
        return NULL;
    }
    if (is_article_phrase(r)) {
        return tj_reader_prose(r);
    }
    ex = tj_reader_choice(r);
    ex = ex == NULL && first->n_text == 2 ? tj_reader_clock(r) : ex;
    ex = ex == NULL && first->n_text > 2 ? tj_reader_date(r) : ex;
    return ex == NULL && first->n_text > 1 ? tj_reader_phrase(r) : ex;
}

const tj_ex *tj_reader_as_words(tj_reader *r, const tj_ex *ex)
{
    const tj_token *word = tj_reader_peek(r, 0);
    if (ex->kind == TJ_EX_SYMBOL) {
        size_t n = strlen(ex->text);
        return n > 1 && strspn(ex->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n
                   ? text_of(r, ex->text, n)
                   : NULL;
    }
    bool in_text = (word->flags & TJ_TOK_IN_TEXT) != 0;
    if (ex->kind != TJ_EX_MUL || r->n_tokens - r->at != 1 || word->kind != TJ_TOK_WORD ||
        word->n_text < (in_text ? 2 : 4)) {
        return NULL;
    }
    return text_of(r, word->text, word->n_text);
}
