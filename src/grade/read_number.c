/* Numbers as people write them. Digits are gathered into a buffer with a count of those behind the
 * point; what may follow decides how they are read: separators of thousands, repeating digits, an
 * exponent, a base, the fraction of a mixed number. */
#include <string.h>

#include "grade/reader.h"

typedef struct digits {
    char text[TJ_EX_MAX_DIGITS];
    size_t n;
    size_t n_frac;
    size_t n_repeat;
    bool has_point;
    char separator; /* of thousands: ',', ' ' or '\''; 0: none */
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
    r->number_end = n > 0 ? r->at + n : r->number_end;
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

/* Whether the comma that comes next separates thousands. */
static bool at_thousands_comma(tj_reader *r, const digits *d)
{
    const tj_token *sign = tj_reader_peek(r, 0), *first = tj_reader_peek(r, 1);
    bool marked = sign->id == 1 || ((first->flags | sign->flags) & TJ_TOK_NEGSPACE) != 0;
    bool close = (first->flags & TJ_TOK_SPACED) == 0 || marked;
    bool no_list = marked || d->separator == ',' || first->id == 0; /* ,000 is nothing alone */
    return (sign->flags & TJ_TOK_SPACED) == 0 && is_digit(first) && close &&
           count_digits(r, 1) == 3 && d->text[0] != '0' &&
           (no_list || comma_in_number(r, TJ_MET_THOUSANDS, TJ_COMMA_THOUSANDS));
}

/* The apostrophe of 1'000'000, which is no minute: three digits follow, and no mark of seconds. */
static bool at_apostrophe(const tj_reader *r, const digits *d)
{
    const tj_token *mark = tj_reader_peek(r, 0), *behind = tj_reader_peek(r, 4);
    return mark->kind == TJ_TOK_PRIME && mark->id == 1 && mark->flags == 0 && d->text[0] != '0' &&
           is_next_digit(tj_reader_peek(r, 1)) && count_digits(r, 1) == 3 &&
           (behind->kind != TJ_TOK_PRIME || is_next_digit(tj_reader_peek(r, 5)));
}

/* The sign before the next three digits of a number with separators; 0 if it has no more. */
static char next_separator(tj_reader *r, const digits *d)
{
    const tj_token *sign = tj_reader_peek(r, 0);
    char before = d->separator;
    if (d->n > 3 && before == 0) {
        return 0;
    }
    if (sign->kind == TJ_TOK_COMMA) {
        return (before == 0 || before == ',') && at_thousands_comma(r, d) ? ',' : 0;
    }
    if (is_digit(sign)) {
        bool group = (before == 0 || before == ' ') && (sign->flags & TJ_TOK_SPACED) != 0 &&
                     count_digits(r, 0) == 3 && d->text[0] != '0' && !r->in_exponent &&
                     tj_reader_peek(r, 3)->kind != TJ_TOK_SLASH;
        return group ? ' ' : 0;
    }
    return (before == 0 || before == '\'') && at_apostrophe(r, d) ? '\'' : 0;
}

/* "1,234,567", "1{,}234", "1,\!234", "1 234 567", "1'234'567" behind the first digits. */
static bool read_thousands(tj_reader *r, digits *d)
{
    for (char sign; (sign = next_separator(r, d)) != 0;) {
        d->separator = sign;
        if (sign != ' ') {
            tj_reader_next(r);
        }
        if (!take_digits(r, d, 3)) {
            return false;
        }
    }
    return true;
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

/* "1,5", which the mode decides on; "1 234,5" is nothing else outside of lists. */
static bool at_decimal_comma(tj_reader *r, const digits *d)
{
    const tj_token *comma = tj_reader_peek(r, 0);
    return comma->kind == TJ_TOK_COMMA && comma->flags == 0 && comma->id == 0 &&
           is_next_digit(tj_reader_peek(r, 1)) && d->separator != ',' && d->n > 0 &&
           (d->separator == 0 ? comma_in_number(r, TJ_MET_DECIMAL, TJ_COMMA_DECIMAL)
                              : r->place != TJ_PLACE_LIST);
}

static bool read_fraction_part(tj_reader *r, digits *d)
{
    const tj_token *point = tj_reader_peek(r, 0);
    const tj_token *next = tj_reader_peek(r, 1);
    bool decimal_comma = at_decimal_comma(r, d);
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
bool tj_reader_small_integer(const tj_reader *r, size_t ahead, int32_t *out, size_t *end)
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
        (e->text[0] != 'e' && e->text[0] != 'E') || !tj_reader_small_integer(r, 1, &value, &end)) {
        return true;
    }
    for (size_t i = 1; i < end; i++) {
        if ((tj_reader_peek(r, i)->flags & TJ_TOK_SPACED) != 0) {
            return true;
        }
    }
    const tj_token *behind = tj_reader_peek(r, end);
    if (behind->kind == TJ_TOK_WORD && (behind->flags & TJ_TOK_SPACED) == 0) { /* 4e+7p */
        return true;
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
    bool is_x = sign->kind == TJ_TOK_WORD && sign->n_text == 1 && sign->text[0] == 'x';
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
    if (!tj_reader_small_integer(r, 4 + (size_t)braced, &value, &end) ||
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
    bool degrees = tj_reader_peek(r, *end + 1)->kind == TJ_TOK_CIRC ||
                   tj_reader_peek(r, *end + 2)->kind == TJ_TOK_CIRC;
    return *num > 0 && *num < *den && (behind != TJ_TOK_CARET || degrees) && behind != TJ_TOK_BANG;
}

static const tj_ex *read_mixed(tj_reader *r, const tj_ex *whole)
{
    int64_t num, den;
    size_t end;
    if (!find_mixed(r, &num, &den, &end)) {
        return whole;
    }
    r->at += end;
    r->number_end = r->at;
    return tj_reader_binary(
        r, TJ_EX_ADD, whole,
        tj_reader_binary(r, TJ_EX_DIV, tj_reader_integer(r, num), tj_reader_integer(r, den)));
}

/* ------------------------------------------------------------ the whole */

/* "12 (twelve)": the same number in words behind it. */
static const tj_ex *skip_words(tj_reader *r, const tj_ex *number)
{
    if (number == NULL || !tj_reader_at(r, TJ_TOK_LPAREN) ||
        tj_reader_peek(r, 1)->kind != TJ_TOK_WORD) {
        return number;
    }
    tj_reader look = *r;
    look.err = NULL;
    tj_reader_next(&look);
    const tj_ex *words = tj_reader_number_words(&look);
    if (words != NULL && tj_reader_at(&look, TJ_TOK_RPAREN) && tj_ex_compare(words, number) == 0) {
        r->at = look.at + 1;
    }
    r->n_nodes = look.n_nodes;
    return look.rc == TJ_E_NOMEM ? tj_reader_fail_code(r, look.rc, "cannot allocate a number")
                                 : number;
}

const tj_ex *tj_reader_number(tj_reader *r, bool with_times_ten)
{
    const tj_ex *lettered = tj_reader_letter_number(r);
    if (lettered != NULL || r->rc != TJ_OK) {
        return lettered;
    }
    digits d;
    d.n = d.n_frac = d.n_repeat = 0;
    d.has_point = false;
    d.separator = 0;
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
    if (!d.has_point && d.separator == 0 && tj_reader_at(r, TJ_TOK_DOTS)) {
        return tj_reader_fail(r, "a number");
    }
    if (d.n_repeat == 0 && !read_exponent(r, ex)) {
        return NULL;
    }
    if (with_times_ten && ex->num.exponent == 0 && d.n_repeat == 0) {
        read_times_ten(r, ex);
    }
    if (!ex->num.is_decimal || ex->num.exponent == 0) {
        if (!tj_reader_base(r, ex)) {
            return NULL;
        }
    }
    return skip_words(r, ex->num.is_decimal || ex->num.base != 10 ? ex : read_mixed(r, ex));
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
