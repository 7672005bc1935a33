/* Numbers as people write them. Digits are gathered into a buffer with a count of those behind the
 * point; what may follow decides how they are read: separators of thousands, repeating digits, an
 * exponent, a base, the fraction of a mixed number. */
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

typedef struct digits {
    char text[TJ_EX_MAX_DIGITS];
    size_t n;
    size_t n_frac;
    size_t n_repeat;
    bool has_point;
    bool has_separators;
} digits;

static bool is_digit(const tj_token *token)
{
    return token->kind == TJ_TOK_DIGIT;
}

/* A digit that stands close behind what was read. */
static bool is_next_digit(const tj_token *token)
{
    return is_digit(token) && (token->flags & TJ_TOK_SPACED) == 0;
}

/* How many digits stand close together from the token `ahead` on; the first may be spaced. */
static size_t count_digits(const tj_reader *r, size_t ahead)
{
    size_t n = 0;
    if (is_digit(tj_reader_peek(r, ahead))) {
        n = 1;
        while (is_next_digit(tj_reader_peek(r, ahead + n))) {
            n++;
        }
    }
    return n;
}

static bool take_digits(tj_reader *r, digits *d, size_t n)
{
    if (d->n + n > TJ_EX_MAX_DIGITS) {
        tj_reader_fail_code(r, TJ_E_LIMIT, "a number has too many digits");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        d->text[d->n++] = (char)('0' + tj_reader_peek(r, 0)->id);
        tj_reader_next(r);
    }
    return true;
}

/* ------------------------------------------------------------ nodes */

static tj_ex *make(tj_reader *r, const char *text, size_t n, size_t n_frac)
{
    while (n > n_frac && n > 1 && text[0] == '0') {
        text++;
        n--;
    }
    tj_ex *ex = tj_reader_new(r, TJ_EX_NUMBER, 0);
    if (ex == NULL) {
        return NULL;
    }
    ex->num.digits = tj_arena_strndup(r->arena, text, n);
    if (ex->num.digits == NULL) {
        tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a number");
        return NULL;
    }
    ex->num.n_digits = (uint32_t)n;
    ex->num.n_frac = (uint32_t)n_frac;
    ex->num.base = 10;
    ex->num.is_decimal = n_frac > 0;
    return ex;
}

tj_ex *tj_reader_digits(tj_reader *r, const char *text, size_t n, size_t n_frac)
{
    return make(r, text, n, n_frac);
}

const tj_ex *tj_reader_digit(tj_reader *r)
{
    char c = (char)('0' + tj_reader_peek(r, 0)->id);
    tj_reader_next(r);
    return make(r, &c, 1, 0);
}

/* ------------------------------------------------------------ thousands */

/* Whether a comma that the mode decides on belongs to the number. */
static bool comma_in_number(tj_reader *r, uint32_t met, tj_comma_mode wanted)
{
    if (r->place == TJ_PLACE_SCALAR) {
        return wanted == TJ_COMMA_THOUSANDS;
    }
    if (r->place == TJ_PLACE_LIST) {
        return false;
    }
    if (r->thousands_tight) {
        return wanted == TJ_COMMA_THOUSANDS;
    }
    r->met |= met;
    return r->modes.comma == wanted;
}

/* "1,234,567", "1{,}234", "1,\!234", "1 234 567" behind the first digits. */
static bool read_thousands(tj_reader *r, digits *d)
{
    bool may_space = true;
    for (;;) {
        const tj_token *sign = tj_reader_peek(r, 0);
        bool is_comma = sign->kind == TJ_TOK_COMMA;
        if (d->n > 3 && !d->has_separators) {
            return true;
        }
        if (is_comma && (sign->flags & TJ_TOK_SPACED) == 0) {
            const tj_token *first = tj_reader_peek(r, 1);
            bool marked = sign->id == 1 || ((first->flags | sign->flags) & TJ_TOK_NEGSPACE) != 0;
            bool close = (first->flags & TJ_TOK_SPACED) == 0 || marked;
            if (!is_digit(first) || !close || count_digits(r, 1) != 3 || d->text[0] == '0' ||
                !(marked || comma_in_number(r, TJ_MET_THOUSANDS, TJ_COMMA_THOUSANDS))) {
                return true;
            }
            tj_reader_next(r);
            may_space = false;
        } else if (may_space && is_digit(sign) && (sign->flags & TJ_TOK_SPACED) != 0 &&
                   count_digits(r, 0) == 3 && d->text[0] != '0' && !r->in_exponent &&
                   tj_reader_peek(r, 3)->kind != TJ_TOK_SLASH) {
        } else {
            return true;
        }
        d->has_separators = true;
        if (!take_digits(r, d, 3)) {
            return false;
        }
    }
}

/* "1.234.567" and "1.234,56": points that separate thousands, behind the first digits. */
static bool read_points(tj_reader *r, digits *d, bool *done)
{
    *done = false;
    size_t ahead = 0, n_groups = 0;
    while (tj_reader_peek(r, ahead)->kind == TJ_TOK_POINT && count_digits(r, ahead + 1) == 3 &&
           is_next_digit(tj_reader_peek(r, ahead + 1))) {
        ahead += 4;
        n_groups++;
    }
    const tj_token *comma = tj_reader_peek(r, ahead);
    bool has_comma = comma->kind == TJ_TOK_COMMA && comma->flags == 0 &&
                     is_next_digit(tj_reader_peek(r, ahead + 1)) && r->place != TJ_PLACE_LIST;
    if (d->n > 3 || d->text[0] == '0' || n_groups == 0 || (n_groups == 1 && !has_comma)) {
        return true;
    }
    *done = true;
    for (size_t i = 0; i < n_groups; i++) {
        tj_reader_next(r);
        if (!take_digits(r, d, 3)) {
            return false;
        }
    }
    if (has_comma) {
        tj_reader_next(r);
        d->n_frac = count_digits(r, 0);
        d->has_point = true;
        return take_digits(r, d, d->n_frac);
    }
    return true;
}

/* ------------------------------------------------------------ behind the point */

/* The shortest period that the last digits show: one digit three times, more of them twice. */
static size_t period_of(const char *text, size_t n)
{
    for (size_t p = 1; p <= n / 2; p++) {
        size_t times = 1;
        while ((times + 1) * p <= n &&
               memcmp(text + n - (times + 1) * p, text + n - times * p, p) == 0) {
            times++;
        }
        if (times >= (p == 1 ? 3u : 2u)) {
            return p;
        }
    }
    return 0;
}

/* \overline{36}, (36): digits that repeat. */
static bool read_repeating(tj_reader *r, digits *d)
{
    const tj_token *open = tj_reader_peek(r, 0);
    size_t ahead = 1;
    tj_tok_kind close = TJ_TOK_END;
    if (open->kind == TJ_TOK_OVERLINE) {
        if (tj_reader_peek(r, 1)->kind == TJ_TOK_LBRACE) {
            ahead = 2;
            close = TJ_TOK_RBRACE;
        }
    } else if (open->kind == TJ_TOK_LPAREN && open->flags == 0) {
        close = TJ_TOK_RPAREN;
    } else {
        return true;
    }
    size_t n = count_digits(r, ahead);
    n = close == TJ_TOK_END && n > 1 ? 1 : n; /* \overline3 */
    if (n == 0 || (close != TJ_TOK_END && tj_reader_peek(r, ahead + n)->kind != close)) {
        return true;
    }
    for (size_t i = 0; i < ahead; i++) {
        tj_reader_next(r);
    }
    if (!take_digits(r, d, n)) {
        return false;
    }
    d->n_frac += n;
    d->n_repeat = n;
    if (close != TJ_TOK_END) {
        tj_reader_next(r);
    }
    return true;
}

/* One digit under a dot, \dot3 or \dot{3}; *done tells whether one is there. */
static bool read_dotted_digit(tj_reader *r, digits *d, bool *done)
{
    size_t braced = tj_reader_peek(r, 1)->kind == TJ_TOK_LBRACE;
    *done = tj_reader_at(r, TJ_TOK_DOT_ABOVE) && is_digit(tj_reader_peek(r, 1 + braced)) &&
            (braced == 0 || tj_reader_peek(r, 3)->kind == TJ_TOK_RBRACE);
    if (!*done) {
        return true;
    }
    r->at += 1 + braced;
    if (!take_digits(r, d, 1)) {
        return false;
    }
    d->n_frac++;
    r->at += braced;
    return true;
}

/* \dot{1}4\dot{2}: from the first dotted digit to the last. */
static bool read_dotted(tj_reader *r, digits *d)
{
    size_t first = d->n;
    bool done;
    if (!read_dotted_digit(r, d, &done) || !done) {
        return !done;
    }
    d->n_repeat = 1;
    size_t n = count_digits(r, 0);
    if (n == 0 && !tj_reader_at(r, TJ_TOK_DOT_ABOVE)) {
        return true;
    }
    d->n_frac += n;
    if (!take_digits(r, d, n) || !read_dotted_digit(r, d, &done)) {
        return false;
    }
    if (!done) {
        tj_reader_fail(r, "a second dotted digit");
    }
    d->n_repeat = d->n - first;
    return done;
}

/* Digits under a combining line. */
static void find_marks(const tj_reader *r, digits *d, size_t n)
{
    size_t from = r->at - n, n_marked = 0;
    for (size_t i = 0; i < n; i++) {
        if ((r->tokens[from + i].flags & TJ_TOK_REPEATS) != 0 && n_marked == 0) {
            n_marked = n - i;
        }
    }
    if (n_marked > 0 && (r->tokens[r->at - 1].flags & TJ_TOK_REPEATS) != 0) {
        d->n_repeat = n_marked;
    }
}

static bool read_fraction_part(tj_reader *r, digits *d)
{
    const tj_token *point = tj_reader_peek(r, 0);
    const tj_token *next = tj_reader_peek(r, 1);
    bool decimal_comma = point->kind == TJ_TOK_COMMA && point->flags == 0 && point->id == 0 &&
                         is_next_digit(next) && !d->has_separators && d->n > 0 &&
                         comma_in_number(r, TJ_MET_DECIMAL, TJ_COMMA_DECIMAL);
    bool marked = next->kind == TJ_TOK_OVERLINE || next->kind == TJ_TOK_DOT_ABOVE ||
                  (next->kind == TJ_TOK_LPAREN && next->flags == 0 && d->n > 0 &&
                   is_digit(tj_reader_peek(r, 2)));
    if (!decimal_comma && (point->kind != TJ_TOK_POINT || (!is_next_digit(next) && !marked))) {
        return true;
    }
    tj_reader_next(r);
    d->has_point = true;
    size_t n = count_digits(r, 0);
    if (!take_digits(r, d, n)) {
        return false;
    }
    d->n_frac = n;
    find_marks(r, d, n);
    if (d->n_repeat > 0) {
        return true;
    }
    if (!read_repeating(r, d) || !read_dotted(r, d)) {
        return false;
    }
    if (d->n_repeat == 0 && tj_reader_at(r, TJ_TOK_DOTS)) {
        tj_reader_next(r);
        d->n_repeat = period_of(d->text + d->n - d->n_frac, d->n_frac);
    }
    return true;
}

/* ------------------------------------------------------------ exponents */

/* An integer literal from the token `ahead` on, with a sign; *end is the token behind it. */
static bool small_integer(const tj_reader *r, size_t ahead, int32_t *out, size_t *end)
{
    bool minus = tj_reader_peek(r, ahead)->kind == TJ_TOK_MINUS;
    ahead += minus || tj_reader_peek(r, ahead)->kind == TJ_TOK_PLUS;
    size_t n = count_digits(r, ahead);
    int32_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value = value > TJ_EX_MAX_EXPONENT ? value : value * 10 + tj_reader_peek(r, ahead + i)->id;
    }
    *out = minus ? -value : value;
    *end = ahead + n;
    return n > 0;
}

/* "e5", "E-3" close behind the digits. */
static bool read_exponent(tj_reader *r, tj_ex *number)
{
    const tj_token *e = tj_reader_peek(r, 0);
    int32_t value;
    size_t end;
    if (e->kind != TJ_TOK_WORD || e->n_text != 1 || e->flags != 0 ||
        (e->text[0] != 'e' && e->text[0] != 'E') || !small_integer(r, 1, &value, &end)) {
        return true;
    }
    for (size_t i = 1; i < end; i++) {
        if ((tj_reader_peek(r, i)->flags & TJ_TOK_SPACED) != 0) {
            return true;
        }
    }
    if (value > TJ_EX_MAX_EXPONENT || value < -TJ_EX_MAX_EXPONENT) {
        tj_reader_fail_code(r, TJ_E_LIMIT, "a number's exponent is too large");
        return false;
    }
    r->at += end;
    number->num.exponent = value;
    number->num.is_decimal = true;
    return true;
}

/* "\times 10^{5}", "x 10^5": part of the number unless something more binds to the power. */
static void read_times_ten(tj_reader *r, tj_ex *number)
{
    const tj_token *sign = tj_reader_peek(r, 0);
    bool is_x = sign->kind == TJ_TOK_WORD && sign->n_text == 1 && sign->text[0] == 'x' &&
                (sign->flags & TJ_TOK_SPACED) != 0;
    if (!is_x && (sign->kind != TJ_TOK_TIMES || sign->id != 1)) {
        return;
    }
    size_t end;
    int32_t value;
    if (count_digits(r, 1) != 2 || tj_reader_peek(r, 1)->id != 1 || tj_reader_peek(r, 2)->id != 0 ||
        tj_reader_peek(r, 3)->kind != TJ_TOK_CARET) {
        return;
    }
    bool braced = tj_reader_peek(r, 4)->kind == TJ_TOK_LBRACE;
    if (!small_integer(r, 4 + (size_t)braced, &value, &end) ||
        (braced && tj_reader_peek(r, end)->kind != TJ_TOK_RBRACE) || value > TJ_EX_MAX_EXPONENT ||
        value < -TJ_EX_MAX_EXPONENT) {
        return;
    }
    end += braced;
    switch ((tj_tok_kind)tj_reader_peek(r, end)->kind) {
    case TJ_TOK_CARET:
    case TJ_TOK_BANG:
    case TJ_TOK_UNDER:
    case TJ_TOK_POINT:
    case TJ_TOK_PRIME:
        return;
    default:
        r->at += end;
        number->num.exponent = value;
        number->num.is_decimal = true;
    }
}

/* ------------------------------------------------------------ bases */

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
                   !small_integer(r, at, &value, end)) {
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
        if (!tj_reader_is_word(r, at, "base") || !small_integer(r, at + 1, &value, end) ||
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
    if (n < 2 || largest < 10) {
        return NULL;
    }
    int base = find_base(r, end, &behind);
    if (base <= largest) {
        return NULL;
    }
    tj_ex *ex = make(r, text, n, 0);
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
    tj_ex *ex = make(r, text, n, 0);
    if (ex != NULL) {
        ex->num.base = (uint8_t)base;
        r->at += behind;
    }
    return ex;
}

static bool read_base(tj_reader *r, tj_ex *number)
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

/* ------------------------------------------------------------ mixed numbers */

/* Digits of a token range as a number below 10^9; -1 if it has more digits. */
static int64_t value_of(const tj_reader *r, size_t ahead, size_t n)
{
    int64_t value = 0;
    for (size_t i = 0; i < n && n <= 9; i++) {
        value = value * 10 + tj_reader_peek(r, ahead + i)->id;
    }
    return n == 0 || n > 9 ? -1 : value;
}

/* Digits in braces or one digit; *end is the token behind. */
static int64_t fraction_argument(const tj_reader *r, size_t ahead, size_t *end)
{
    if (tj_reader_peek(r, ahead)->kind != TJ_TOK_LBRACE) {
        *end = ahead + 1;
        return is_digit(tj_reader_peek(r, ahead)) ? value_of(r, ahead, 1) : -1;
    }
    size_t n = count_digits(r, ahead + 1);
    *end = ahead + 2 + n;
    return tj_reader_peek(r, ahead + 1 + n)->kind == TJ_TOK_RBRACE ? value_of(r, ahead + 1, n) : -1;
}

/* The proper fraction of a mixed number that comes next: "\frac{1}{2}", "½", " 1/2". */
static bool find_mixed(const tj_reader *r, int64_t *num, int64_t *den, size_t *end)
{
    const tj_token *next = tj_reader_peek(r, 0);
    if (next->kind == TJ_TOK_FRAC) {
        *num = fraction_argument(r, 1, end);
        *den = fraction_argument(r, *end, end);
    } else if (next->kind == TJ_TOK_VULGAR) {
        *num = next->id >> 8;
        *den = next->id & 0xFF;
        *end = 1;
    } else if (is_digit(next) && (next->flags & TJ_TOK_SPACED) != 0) {
        size_t n = count_digits(r, 0);
        const tj_token *slash = tj_reader_peek(r, n);
        size_t n_den = count_digits(r, n + 1);
        if (slash->kind != TJ_TOK_SLASH || (slash->flags & TJ_TOK_SPACED) != 0 ||
            !is_next_digit(tj_reader_peek(r, n + 1))) {
            return false;
        }
        *num = value_of(r, 0, n);
        *den = value_of(r, n + 1, n_den);
        *end = n + 1 + n_den;
    } else {
        return false;
    }
    tj_tok_kind behind = (tj_tok_kind)tj_reader_peek(r, *end)->kind;
    return *num > 0 && *num < *den && behind != TJ_TOK_CARET && behind != TJ_TOK_BANG;
}

static const tj_ex *read_mixed(tj_reader *r, const tj_ex *whole)
{
    int64_t num, den;
    size_t end;
    if (!find_mixed(r, &num, &den, &end)) {
        return whole;
    }
    r->at += end;
    return tj_reader_binary(
        r, TJ_EX_ADD, whole,
        tj_reader_binary(r, TJ_EX_DIV, tj_reader_integer(r, num), tj_reader_integer(r, den)));
}

/* ------------------------------------------------------------ the whole */

const tj_ex *tj_reader_number(tj_reader *r, bool with_times_ten)
{
    const tj_ex *lettered = tj_reader_letter_number(r);
    if (lettered != NULL || r->rc != TJ_OK) {
        return lettered;
    }
    digits d;
    d.n = d.n_frac = d.n_repeat = 0;
    d.has_point = d.has_separators = false;
    bool points = false;
    if (!take_digits(r, &d, count_digits(r, 0)) ||
        (d.n > 0 && (!read_thousands(r, &d) || !read_points(r, &d, &points))) ||
        (!points && !read_fraction_part(r, &d))) {
        return NULL;
    }
    if (d.n == 0) {
        return tj_reader_fail(r, "digits");
    }
    tj_ex *ex = make(r, d.text, d.n, d.n_frac);
    if (ex == NULL) {
        return NULL;
    }
    ex->num.n_repeat = (uint32_t)d.n_repeat;
    ex->num.is_decimal = d.has_point;
    if (!d.has_point && !d.has_separators && tj_reader_at(r, TJ_TOK_DOTS)) {
        return tj_reader_fail(r, "a number");
    }
    if (d.n_repeat == 0 && !read_exponent(r, ex)) {
        return NULL;
    }
    if (with_times_ten && ex->num.exponent == 0 && d.n_repeat == 0) {
        read_times_ten(r, ex);
    }
    if (!ex->num.is_decimal || ex->num.exponent == 0) {
        if (!read_base(r, ex)) {
            return NULL;
        }
    }
    return ex->num.is_decimal || ex->num.base != 10 ? ex : read_mixed(r, ex);
}

const tj_ex *tj_reader_plain_number(tj_reader *r)
{
    digits d;
    d.n = d.n_frac = 0;
    if (!take_digits(r, &d, count_digits(r, 0))) {
        return NULL;
    }
    if (tj_reader_at(r, TJ_TOK_POINT) && is_next_digit(tj_reader_peek(r, 1))) {
        tj_reader_next(r);
        d.n_frac = count_digits(r, 0);
        if (!take_digits(r, &d, d.n_frac)) {
            return NULL;
        }
    }
    return d.n == 0 ? tj_reader_fail(r, "digits") : make(r, d.text, d.n, d.n_frac);
}

/* ------------------------------------------------------------ words */

static tj_number_word next_number_word(const tj_reader *r, size_t ahead, int64_t *value)
{
    const tj_token *token = tj_reader_peek(r, ahead);
    return token->kind == TJ_TOK_WORD ? tj_words_number(value, token->text, token->n_text)
                                      : TJ_WORD_NO_NUMBER;
}

/* A cardinal below 10^15 from the token `ahead` on; *end is the token behind it. */
static bool find_cardinal(const tj_reader *r, size_t ahead, int64_t *out, size_t *end)
{
    int64_t total = 0, group = 0, value;
    bool any = false;
    tj_number_word last = TJ_WORD_NO_NUMBER;
    for (;;) {
        size_t skip = tj_reader_is_word(r, ahead, "and") && any &&
                      (last == TJ_WORD_HUNDRED || last == TJ_WORD_POWER);
        skip += skip == 0 && any && last == TJ_WORD_TENS &&
                tj_reader_peek(r, ahead)->kind == TJ_TOK_MINUS;
        tj_number_word kind = next_number_word(r, ahead + skip, &value);
        if (kind == TJ_WORD_UNITS || kind == TJ_WORD_TENS) {
            if (last == TJ_WORD_UNITS || (last == TJ_WORD_TENS && kind == TJ_WORD_TENS) ||
                (last == TJ_WORD_TENS && (value == 0 || value > 9))) {
                return false;
            }
            group += value;
        } else if (kind == TJ_WORD_HUNDRED && any && group > 0 && group < 100 && skip == 0) {
            group *= 100;
        } else if (kind == TJ_WORD_POWER && any && group > 0 && total < 1000000 && skip == 0) {
            total += group * value;
            group = 0;
        } else {
            break;
        }
        any = true;
        last = kind;
        ahead += skip + 1;
    }
    *out = total + group;
    *end = ahead;
    return any;
}

/* "two and a half", "two and three quarters": a mixed number. */
static const tj_ex *read_and_fraction(tj_reader *r, const tj_ex *whole)
{
    int64_t num = 1, den;
    size_t end = 2;
    if (!tj_reader_is_word(r, 0, "and") ||
        (!tj_reader_is_word(r, 1, "a") && !find_cardinal(r, 1, &num, &end))) {
        return whole;
    }
    end += tj_reader_peek(r, end)->kind == TJ_TOK_MINUS;
    if (next_number_word(r, end, &den) != TJ_WORD_FRACTION || num <= 0 || num >= den) {
        return whole;
    }
    r->at += end + 1;
    return tj_reader_binary(
        r, TJ_EX_ADD, whole,
        tj_reader_binary(r, TJ_EX_DIV, tj_reader_integer(r, num), tj_reader_integer(r, den)));
}

const tj_ex *tj_reader_number_words(tj_reader *r)
{
    int64_t whole, den;
    size_t end;
    bool article = tj_reader_is_word(r, 0, "a") || tj_reader_is_word(r, 0, "an");
    tj_number_word after_article = article ? next_number_word(r, 1, &den) : TJ_WORD_NO_NUMBER;
    if (after_article == TJ_WORD_DOZEN) {
        r->at += 2;
        return tj_reader_integer(r, 12);
    }
    if (after_article == TJ_WORD_HUNDRED || after_article == TJ_WORD_POWER) {
        r->at += 2;
        return tj_reader_integer(r, den);
    }
    if (!article && next_number_word(r, 0, &den) == TJ_WORD_FRACTION && den == 2) { /* half */
        whole = 1;
        end = 0;
    } else if (article && after_article == TJ_WORD_FRACTION) {
        whole = 1;
        end = 1;
    } else if (!find_cardinal(r, 0, &whole, &end)) {
        return NULL;
    }
    size_t hyphen = tj_reader_peek(r, end)->kind == TJ_TOK_MINUS;
    if (next_number_word(r, end + hyphen, &den) == TJ_WORD_FRACTION && whole > 0) {
        r->at += end + hyphen + 1;
        return tj_reader_binary(r, TJ_EX_DIV, tj_reader_integer(r, whole),
                                tj_reader_integer(r, den));
    }
    if (next_number_word(r, end, &den) == TJ_WORD_DOZEN) {
        whole *= 12;
        end++;
    }
    r->at += end;
    return read_and_fraction(r, tj_reader_integer(r, whole));
}
