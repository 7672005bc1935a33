/* See answer.h. Numbers are compared exactly, as fractions of 64-bit integers. */
#include "thought/answer.h"

#include <stdint.h>
#include <string.h>

#include "thought/words.h"

static bool found(tj_final_answer *out, const char *rule, const char *text, size_t begin,
                  size_t end)
{
    while (begin < end && strchr(" \t\r\n:*$", text[begin]) != NULL) {
        begin++;
    }
    while (end > begin && strchr(" \t\r\n.*$", text[end - 1]) != NULL) {
        end--;
    }
    if (begin == end) {
        return false;
    }
    *out = (tj_final_answer){rule, begin, end};
    return true;
}

/* The last place of a mark; SIZE_MAX if there is none. */
static size_t last_of(const char *text, size_t len, const char *mark)
{
    size_t at = SIZE_MAX;
    size_t n = strlen(mark);
    for (size_t i = 0; i + n <= len; i++) {
        at = memcmp(text + i, mark, n) == 0 ? i : at;
    }
    return at;
}

static bool find_boxed(tj_final_answer *out, const char *text, size_t len)
{
    size_t at = last_of(text, len, "\\boxed{");
    size_t depth = 0;
    for (size_t i = at == SIZE_MAX ? len : at + 6; i < len; i++) {
        depth += text[i] == '{' ? 1 : 0;
        depth -= text[i] == '}' ? 1 : 0;
        if (depth == 0) {
            return found(out, "boxed", text, at + 7, i);
        }
    }
    return false;
}

static size_t line_end(const char *text, size_t len, size_t at)
{
    const char *end = memchr(text + at, '\n', len - at);
    return end == NULL ? len : (size_t)(end - text);
}

static bool find_phrase(tj_final_answer *out, const char *text, size_t len)
{
    static const char *const phrases[] = {"answer is", "answer:", "答えは", "答案是", "reached"};
    size_t best = SIZE_MAX;
    size_t skip = 0;
    for (size_t p = 0; p < sizeof phrases / sizeof phrases[0]; p++) {
        size_t from = 0;
        for (;;) {
            size_t at = tj_find_phrase(text + from, len - from, phrases[p]);
            if (at == SIZE_MAX) {
                break;
            }
            bool fits = p + 1 < sizeof phrases / sizeof phrases[0] || from + at == 0 ||
                        text[from + at - 1] == '\n'; /* "Reached 36." is a line */
            if (fits && (best == SIZE_MAX || from + at > best)) {
                best = from + at;
                skip = strlen(phrases[p]);
            }
            from += at + strlen(phrases[p]);
        }
    }
    return best != SIZE_MAX &&
           found(out, "phrase", text, best + skip, line_end(text, len, best + skip));
}

void tj_answer_find(tj_final_answer *out, const char *text, size_t len)
{
    size_t hashes = last_of(text, len, "####");
    size_t begin = last_of(text, len, "<Output>");
    size_t end = last_of(text, len, "</Output>");
    *out = (tj_final_answer){.rule = NULL};
    if (find_boxed(out, text, len) ||
        (hashes != SIZE_MAX &&
         found(out, "####", text, hashes + 4, line_end(text, len, hashes + 4))) ||
        (begin != SIZE_MAX &&
         found(out, "output", text, begin + 8, end == SIZE_MAX || end < begin ? len : end)) ||
        find_phrase(out, text, len)) {
        return;
    }
    tj_number_at number;
    for (size_t at = 0; tj_next_number(text, len, &at, &number);) {
        *out = (tj_final_answer){"last number", number.begin, number.end};
    }
}

/* ------------------------------------------------------------------ comparing */

typedef struct fraction {
    int64_t top, bottom;
} fraction;

/* "-1,234.50" from *at on; false where there is no number of fewer than 18 digits. */
static bool read_number(const char *s, size_t n, size_t *at, fraction *out)
{
    tj_number_at number;
    size_t i = *at;
    int64_t sign = 1;
    while (i < n && (s[i] == ' ' || s[i] == '$' || s[i] == '-' || s[i] == '+')) {
        sign = s[i] == '-' ? -sign : sign;
        i++;
    }
    size_t from = i;
    if (!tj_next_number(s, n, &i, &number) || number.begin != from || strlen(number.text) > 17) {
        return false;
    }
    *out = (fraction){0, 1};
    bool fraction_part = false;
    for (const char *c = number.text; *c != 0; c++) {
        if (*c == '.') {
            fraction_part = true;
            continue;
        }
        out->top = out->top * 10 + (*c - '0');
        out->bottom *= fraction_part ? 10 : 1;
    }
    out->top *= sign;
    *at = i;
    return true;
}

/* A number, or one over another as a/b or \frac{a}{b}, and nothing else. */
static bool read_value(const char *s, size_t n, fraction *out)
{
    fraction top;
    fraction bottom = {1, 1};
    size_t i = 0;
    size_t frac = n >= 7 && memcmp(s, "\\frac{", 6) == 0    ? 6
                  : n >= 8 && memcmp(s, "\\dfrac{", 7) == 0 ? 7
                                                            : 0;
    i = frac;
    if (!read_number(s, n, &i, &top)) {
        return false;
    }
    if (frac > 0 && !(i + 1 < n && s[i] == '}' && s[i + 1] == '{')) {
        return false;
    }
    bool over = frac > 0 || (i < n && s[i] == '/');
    i += frac > 0 ? 2 : over ? 1 : 0;
    if (over && (!read_number(s, n, &i, &bottom) || bottom.top == 0)) {
        return false;
    }
    i += frac > 0 && i < n && s[i] == '}' ? 1 : 0;
    while (i < n && strchr(" .$", s[i]) != NULL) {
        i++;
    }
    /* top.top / top.bottom over bottom.top / bottom.bottom, where products fit */
    int64_t t;
    int64_t b;
    if (i < n || __builtin_mul_overflow(top.top, bottom.bottom, &t) ||
        __builtin_mul_overflow(top.bottom, bottom.top, &b)) {
        return false;
    }
    *out = (fraction){b < 0 ? -t : t, b < 0 ? -b : b};
    return true;
}

static bool same_text(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t i = 0;
    size_t k = 0;
    static const char passed[] = " \t\r\n$";
    while (n_a > 0 && strchr(" .\n$", a[n_a - 1]) != NULL) {
        n_a--;
    }
    while (n_b > 0 && strchr(" .\n$", b[n_b - 1]) != NULL) {
        n_b--;
    }
    for (;;) {
        while (i < n_a && strchr(passed, a[i]) != NULL) {
            i++;
        }
        while (k < n_b && strchr(passed, b[k]) != NULL) {
            k++;
        }
        if (i >= n_a || k >= n_b) {
            return i >= n_a && k >= n_b;
        }
        int x = a[i] >= 'A' && a[i] <= 'Z' ? a[i] + 32 : a[i];
        int y = b[k] >= 'A' && b[k] <= 'Z' ? b[k] + 32 : b[k];
        if (x != y) {
            return false;
        }
        i++;
        k++;
    }
}

tj_known tj_answer_same(const char *a, size_t n_a, const char *b, size_t n_b)
{
    fraction x;
    fraction y;
    if (n_a == 0 || n_b == 0) {
        return TJ_UNKNOWN;
    }
    if (read_value(a, n_a, &x) && read_value(b, n_b, &y)) {
        __extension__ typedef __int128 wide;
        return (wide)x.top * y.bottom == (wide)y.top * x.bottom ? TJ_YES : TJ_NO;
    }
    return same_text(a, n_a, b, n_b) ? TJ_YES : TJ_UNKNOWN;
}

tj_code tj_answer_judge(tj_record *record, tj_grader *grader, tj_err *err)
{
    tj_grade grade;
    tj_err local = {.code = TJ_OK};
    const char *gold = record->meta[TJ_META_ANSWER];
    if (record->correct != TJ_UNKNOWN || gold == NULL) {
        return TJ_OK;
    }
    tj_code rc = tj_grade_pair(&grade, grader, gold, strlen(gold), record->thought.text,
                               record->thought.n_text, &local);
    if (rc == TJ_E_PARSE) {
        return TJ_OK; /* the reference cannot be read: nothing is known */
    }
    if (rc != TJ_OK) {
        return tj_fail(err, rc, "%s", local.msg);
    }
    record->correct = grade.verdict == TJ_VERDICT_EQUAL       ? TJ_YES
                      : grade.verdict == TJ_VERDICT_DIFFERENT ? TJ_NO
                                                              : TJ_UNKNOWN;
    return TJ_OK;
}

bool tj_arithmetic_holds(const char *a, char op, const char *b, const char *c)
{
    fraction x;
    fraction y;
    fraction z;
    __extension__ typedef __int128 wide;
    if (!read_value(a, strlen(a), &x) || !read_value(b, strlen(b), &y) ||
        !read_value(c, strlen(c), &z)) {
        return false;
    }
    const int64_t most = (int64_t)1 << 40; /* products of three fit 128 bits */
    if (x.top > most || y.top > most || z.top > most || x.bottom > most || y.bottom > most ||
        z.bottom > most || x.top < -most || y.top < -most || z.top < -most) {
        return false;
    }
    wide top = 0;
    wide bottom = (wide)x.bottom * y.bottom;
    switch (op) {
    case '+':
        top = (wide)x.top * y.bottom + (wide)y.top * x.bottom;
        break;
    case '-':
        top = (wide)x.top * y.bottom - (wide)y.top * x.bottom;
        break;
    case '*':
        top = (wide)x.top * y.top;
        break;
    case '/':
        top = (wide)x.top * y.bottom;
        bottom = (wide)x.bottom * y.top;
        break;
    default:
        return false;
    }
    return bottom != 0 && top * z.bottom == bottom * z.top;
}
