/* Numbers in other bases than ten: 203_7, 1A_{16}, (1011)_2, "1011 base 2". */
#include "grade/reader.h"
#include "grade/words.h"

static int digit_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'Z' ? c - 'A' + 10 : -1;
}

/* The base that is written from the token `ahead` on: "_7", "_{16}", "_{two}", "base 7"; 0 if none
 * is. *end is the token behind it. */
static int find_base(const tj_reader *r, size_t ahead, size_t *end)
{
    int32_t value = 0;
    if (tj_reader_peek(r, ahead)->kind == TJ_TOK_UNDER) {
        bool braced = tj_reader_peek(r, ahead + 1)->kind == TJ_TOK_LBRACE;
        size_t at = ahead + 1 + braced;
        at += braced && tj_reader_is_word(r, at, "base");
        const tj_token *word = tj_reader_peek(r, at);
        int64_t named;
        if (word->kind == TJ_TOK_WORD &&
            tj_words_number(&named, word->text, word->n_text) == TJ_WORD_UNITS) {
            value = (int32_t)named;
            *end = at + 1;
        } else if (tj_reader_peek(r, at)->kind != TJ_TOK_DIGIT ||
                   !tj_reader_small_integer(r, at, &value, end)) {
            return 0;
        }
        if (braced && tj_reader_peek(r, *end)->kind != TJ_TOK_RBRACE) {
            return 0;
        }
        *end += braced;
    } else {
        size_t at = ahead;
        bool paren = tj_reader_peek(r, at)->kind == TJ_TOK_LPAREN;
        at += paren;
        at += tj_reader_is_word(r, at, "in");
        if (!tj_reader_is_word(r, at, "base") || !tj_reader_small_integer(r, at + 1, &value, end) ||
            (paren && tj_reader_peek(r, *end)->kind != TJ_TOK_RPAREN)) {
            return 0;
        }
        *end += paren;
    }
    return value >= 2 && value <= 36 ? value : 0;
}

/* Digits and capital letters from the token `ahead` on that are a number with letters for digits;
 * *end is the token behind them. */
static size_t letter_digits(const tj_reader *r, size_t ahead, char *out, size_t room, int *largest,
                            size_t *end)
{
    size_t n = 0;
    *largest = 0;
    for (;; ahead++) {
        const tj_token *token = tj_reader_peek(r, ahead);
        bool in_text = token->kind == TJ_TOK_WORD && (token->flags & TJ_TOK_IN_TEXT) != 0;
        bool close = n == 0 || in_text || (token->flags & TJ_TOK_SPACED) == 0;
        size_t n_more = token->kind == TJ_TOK_DIGIT  ? 1
                        : token->kind == TJ_TOK_WORD ? token->n_text
                                                     : 0;
        if (!close || n_more == 0 || n + n_more > room) {
            break;
        }
        for (size_t i = 0; i < n_more; i++) {
            char c = token->kind == TJ_TOK_DIGIT ? (char)('0' + token->id) : token->text[i];
            int value = digit_value(c);
            if (value < 0) {
                return 0;
            }
            *largest = value > *largest ? value : *largest;
            out[n++] = (char)(value < 10 ? '0' + value : 'a' + value - 10);
        }
    }
    *end = ahead;
    return n;
}

const tj_ex *tj_reader_letter_number(tj_reader *r)
{
    char text[64];
    int largest;
    size_t end, behind;
    size_t n = letter_digits(r, 0, text, sizeof text, &largest, &end);
    if (n == 0 || largest < 10) {
        return NULL;
    }
    int base = find_base(r, end, &behind);
    if (base <= largest) {
        return NULL;
    }
    if (n == 1) { /* a name elsewhere */
        bool whole = r->at == 0 && behind == r->n_tokens;
        r->met |= whole ? TJ_MET_LONE_DIGIT : 0;
        if (!whole || !r->modes.lone_digit) {
            return NULL;
        }
    }
    tj_ex *ex = tj_reader_digits(r, text, n, 0);
    if (ex != NULL) {
        ex->num.base = (uint8_t)base;
        r->at += behind;
    }
    return ex;
}

const tj_ex *tj_reader_based_paren(tj_reader *r)
{
    char text[64];
    int largest;
    size_t end, behind;
    size_t n = letter_digits(r, 1, text, sizeof text, &largest, &end);
    if (n == 0 || tj_reader_peek(r, end)->kind != TJ_TOK_RPAREN ||
        tj_reader_peek(r, end + 1)->kind != TJ_TOK_UNDER) {
        return NULL;
    }
    int base = find_base(r, end + 1, &behind);
    if (base <= largest) {
        return NULL;
    }
    tj_ex *ex = tj_reader_digits(r, text, n, 0);
    if (ex != NULL) {
        ex->num.base = (uint8_t)base;
        r->at += behind;
    }
    return ex;
}

bool tj_reader_base(tj_reader *r, tj_ex *number)
{
    size_t end;
    int base = find_base(r, 0, &end);
    if (base == 0) {
        return true;
    }
    for (uint32_t i = 0; i < number->num.n_digits; i++) {
        if (digit_value(number->num.digits[i]) >= base) {
            tj_reader_fail(r, "a base that is larger than the number's digits");
            return false;
        }
    }
    r->at += end;
    number->num.base = (uint8_t)base;
    number->num.is_decimal = number->num.is_decimal && base == 10;
    return true;
}
