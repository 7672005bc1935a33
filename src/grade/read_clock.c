/* Times of day and dates, where they are the whole text. */
#include "grade/reader.h"
#include "grade/words.h"

/* ------------------------------------------------------------ times of day */

static bool two_digits(const tj_reader *r, size_t ahead, int32_t *out)
{
    const tj_token *tens = tj_reader_peek(r, ahead), *ones = tj_reader_peek(r, ahead + 1);
    *out = tens->id * 10 + ones->id;
    return tens->kind == TJ_TOK_DIGIT && ones->kind == TJ_TOK_DIGIT &&
           tj_reader_peek(r, ahead + 2)->kind != TJ_TOK_DIGIT;
}

/* One or two digits from the token *ahead on, which is stepped over them; -1 if there are none. */
static int32_t one_or_two(const tj_reader *r, size_t *ahead)
{
    int32_t value = -1;
    for (int i = 0; i < 2 && tj_reader_peek(r, *ahead)->kind == TJ_TOK_DIGIT; i++) {
        value = (value < 0 ? 0 : value * 10) + tj_reader_peek(r, *ahead)->id;
        ++*ahead;
    }
    return tj_reader_peek(r, *ahead)->kind == TJ_TOK_DIGIT ? -1 : value;
}

/* "am", "p.m.": 'a', 'p' or 0, and the token behind it. */
static char half_of_day(const tj_reader *r, size_t *ahead)
{
    const tj_token *word = tj_reader_peek(r, *ahead);
    if (word->kind != TJ_TOK_WORD) {
        return '\0';
    }
    char first = (char)(word->text[0] | 0x20);
    bool whole = word->n_text == 2 && (word->text[1] | 0x20) == 'm';
    bool parts = word->n_text == 1 && tj_reader_peek(r, *ahead + 1)->kind == TJ_TOK_POINT &&
                 tj_reader_is_word(r, *ahead + 2, "m");
    if ((first != 'a' && first != 'p') || (!whole && !parts)) {
        return '\0';
    }
    *ahead += whole ? 1 : 3;
    *ahead += tj_reader_peek(r, *ahead)->kind == TJ_TOK_POINT;
    return first;
}

static const tj_ex *time_of(tj_reader *r, int32_t seconds)
{
    tj_ex *ex = tj_reader_new(r, TJ_EX_TIME, 0);
    if (ex != NULL) {
        ex->id = seconds;
        r->at = r->n_tokens;
    }
    return ex;
}

/* 24:00 is the end of a day, and 24:01 no time. */
static bool is_in_a_day(const int32_t parts[3])
{
    return parts[1] < 60 && parts[2] < 60 && 3600 * parts[0] + 60 * parts[1] + parts[2] <= 86400;
}

/* Hours, then minutes and seconds: ":30:15" or 時30分. *written is how many of the parts there are.
 */
static bool find_clock(const tj_reader *r, size_t *ahead, int32_t parts[3], int *written)
{
    parts[0] = one_or_two(r, ahead);
    parts[1] = parts[2] = 0;
    *written = 1;
    if (parts[0] < 0) {
        return false;
    }
    if (tj_reader_is_word(r, *ahead, "時")) {
        ++*ahead;
        *written = 2;
        size_t minutes = *ahead;
        int32_t value = one_or_two(r, &minutes);
        if (value >= 0 && tj_reader_is_word(r, minutes, "分")) {
            parts[1] = value;
            *ahead = minutes + 1;
        }
        return is_in_a_day(parts);
    }
    while (*written < 3 && tj_reader_peek(r, *ahead)->kind == TJ_TOK_COLON &&
           two_digits(r, *ahead + 1, &parts[*written])) {
        *ahead += 3;
        ++*written;
    }
    return is_in_a_day(parts);
}

/* "12 noon", "12 midnight". */
static const tj_ex *read_twelve(tj_reader *r)
{
    size_t ahead = 0;
    bool twelve = one_or_two(r, &ahead) == 12;
    bool noon = tj_reader_is_word(r, ahead, "noon");
    if (!twelve || r->at + ahead + 1 != r->n_tokens ||
        (!noon && !tj_reader_is_word(r, ahead, "midnight"))) {
        return NULL;
    }
    return time_of(r, noon ? 43200 : 0);
}

const tj_ex *tj_reader_clock(tj_reader *r)
{
    const tj_ex *twelve = read_twelve(r);
    if (twelve != NULL) {
        return twelve;
    }
    size_t ahead = 0;
    int32_t parts[3];
    int written;
    char half = '\0';
    if (tj_reader_is_word(r, 0, "am") || tj_reader_is_word(r, 0, "pm")) { /* 午後3時 */
        half = half_of_day(r, &ahead);
    }
    size_t first = ahead;
    if (!find_clock(r, &ahead, parts, &written)) {
        return NULL;
    }
    half = half == '\0' ? half_of_day(r, &ahead) : half;
    bool oclock = tj_reader_is_word(r, ahead, "o") &&
                  tj_reader_peek(r, ahead + 1)->kind == TJ_TOK_PRIME &&
                  tj_reader_is_word(r, ahead + 2, "clock");
    ahead += oclock ? 3 : 0;
    if (r->at + ahead != r->n_tokens || (written == 1 && half == '\0' && !oclock) ||
        (half != '\0' && (parts[0] < 1 || parts[0] > 12))) {
        return NULL;
    }
    int32_t hour = parts[0];
    if (half != '\0') {
        hour = hour % 12 + (half == 'p' ? 12 : 0);
    } else {
        bool zeros = tj_reader_peek(r, first)->id == 0 ||
                     tj_reader_peek(r, parts[0] > 9 ? first + 3 : first + 2)->id == 0;
        bool colon = tj_reader_peek(r, parts[0] > 9 ? first + 2 : first + 1)->kind == TJ_TOK_COLON;
        r->met |= colon && !zeros ? TJ_MET_CLOCK : 0;
        bool open = hour >= 1 && hour < 12 && tj_reader_peek(r, first)->id != 0;
        r->met |= open ? TJ_MET_MORNING : 0;
        if (r->modes.clock == TJ_CLOCK_RATIO) {
            return NULL;
        }
        hour += open && r->modes.clock == TJ_CLOCK_AFTERNOON ? 12 : 0;
    }
    return time_of(r, hour * 3600 + parts[1] * 60 + parts[2]);
}

/* ------------------------------------------------------------ dates */

static bool is_ordinal_end(const tj_reader *r, size_t ahead)
{
    return tj_reader_is_word(r, ahead, "st") || tj_reader_is_word(r, ahead, "nd") ||
           tj_reader_is_word(r, ahead, "rd") || tj_reader_is_word(r, ahead, "th");
}

static int32_t digits_at(const tj_reader *r, size_t *ahead, size_t *n)
{
    int32_t value = 0;
    for (*n = 0; *n < 5 && tj_reader_peek(r, *ahead)->kind == TJ_TOK_DIGIT &&
                 (*n == 0 || (tj_reader_peek(r, *ahead)->flags & TJ_TOK_SPACED) == 0);
         ++*n) {
        value = value * 10 + tj_reader_peek(r, *ahead)->id;
        ++*ahead;
    }
    return value;
}

static const tj_ex *date_of(tj_reader *r, int32_t year, int32_t month, int32_t day)
{
    if (month < 1 || month > 12 || day > 31) {
        return NULL;
    }
    tj_ex *ex = tj_reader_new(r, TJ_EX_DATE, 0);
    if (ex != NULL) {
        ex->id = year * 10000 + month * 100 + day;
        r->at = r->n_tokens;
    }
    return ex;
}

static int month_at(const tj_reader *r, size_t ahead)
{
    const tj_token *word = tj_reader_peek(r, ahead);
    return word->kind == TJ_TOK_WORD ? tj_words_month(word->text, word->n_text) : 0;
}

/* "2020-05-05" and 2020年5月5日. */
static const tj_ex *read_numeric_date(tj_reader *r)
{
    size_t ahead = 0, n;
    int32_t parts[3] = {0}, year = digits_at(r, &ahead, &n);
    if (n == 4 && tj_reader_peek(r, ahead)->kind == TJ_TOK_MINUS &&
        two_digits(r, ahead + 1, &parts[1]) && tj_reader_peek(r, ahead + 3)->kind == TJ_TOK_MINUS &&
        two_digits(r, ahead + 4, &parts[2]) && r->at + ahead + 6 == r->n_tokens && parts[2] > 0) {
        for (size_t i = 1; i < ahead + 6; i++) {
            if ((tj_reader_peek(r, i)->flags & TJ_TOK_SPACED) != 0) {
                return NULL;
            }
        }
        return date_of(r, year, parts[1], parts[2]);
    }
    ahead = 0;
    parts[0] = digits_at(r, &ahead, &n);
    if (n == 4 && tj_reader_is_word(r, ahead, "年")) {
        ahead++;
        parts[1] = digits_at(r, &ahead, &n);
    } else {
        parts[1] = parts[0];
        parts[0] = 0;
    }
    if (n == 0 || !tj_reader_is_word(r, ahead, "月")) {
        return NULL;
    }
    ahead++;
    parts[2] = digits_at(r, &ahead, &n);
    ahead += n > 0 && tj_reader_is_word(r, ahead, "日");
    return r->at + ahead == r->n_tokens ? date_of(r, parts[0], parts[1], parts[2]) : NULL;
}

/* "May 5", "May 5, 2020", "the 5th of May 2020", "May 2020", "May". */
const tj_ex *tj_reader_date(tj_reader *r)
{
    const tj_ex *numeric = read_numeric_date(r);
    if (numeric != NULL || r->rc != TJ_OK) {
        return numeric;
    }
    size_t ahead = 0, n;
    if (tj_reader_is_word(r, 0, "the") && tj_reader_peek(r, 1)->kind == TJ_TOK_DIGIT) {
        ahead++;
    }
    int32_t day = digits_at(r, &ahead, &n), year = 0;
    if (n > 2) {
        return NULL;
    }
    if (n > 0) {
        ahead += is_ordinal_end(r, ahead);
        ahead += tj_reader_is_word(r, ahead, "of");
    }
    int month = month_at(r, ahead);
    if (month == 0) {
        return NULL;
    }
    ahead++;
    ahead += tj_reader_peek(r, ahead)->kind == TJ_TOK_POINT;
    if (n == 0) {
        day = digits_at(r, &ahead, &n);
        if (n == 4) {
            year = day;
            day = 0;
        } else if (n > 2) {
            return NULL;
        } else if (n > 0) {
            ahead += is_ordinal_end(r, ahead);
        }
    }
    if (year == 0) {
        size_t comma = tj_reader_peek(r, ahead)->kind == TJ_TOK_COMMA;
        size_t behind = ahead + comma;
        int32_t value = digits_at(r, &behind, &n);
        if (n == 4) {
            year = value;
            ahead = behind;
        }
    }
    return r->at + ahead == r->n_tokens ? date_of(r, year, month, day) : NULL;
}
