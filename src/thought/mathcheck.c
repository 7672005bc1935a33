/* See mathcheck.h. A text is read into signs; what is beside a number, blanks aside, is looked for
 * to both sides, so that hyphens, brackets and letters of prose are no signs. */
#include "thought/mathcheck.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "thought/answer.h"
#include "thought/words.h"

#define SIGN_BYTES 64

typedef struct sign {
    char text[SIGN_BYTES];
    size_t begin, end;
    bool is_number;
    bool is_letter; /* counts only beside another sign */
    bool is_loose;  /* an operator: counts only beside another sign */
} sign;

typedef struct signs {
    sign *items;
    size_t n, cap;
} signs;

/* The operator at text and its length: one of ASCII, or × ÷ − ≤ ≥ ≠ as its ASCII form. */
static size_t operator_at(const char *s, size_t n, const char **as)
{
    static const char *const wide[][2] = {{"\xC3\x97", "*"},      {"\xC3\xB7", "/"},
                                          {"\xE2\x88\x92", "-"},  {"\xE2\x89\xA4", "<="},
                                          {"\xE2\x89\xA5", ">="}, {"\xE2\x89\xA0", "!="},
                                          {"\xEF\xBC\x8B", "+"},  {"\xEF\xBC\x9D", "="},
                                          {"\xE2\x8B\x85", "*"},  {"\xC2\xB7", "*"}};
    static const char ascii[] = "+-*/=<>^!%()";
    static const char *const single[] = {"+", "-", "*", "/", "=", "<",
                                         ">", "^", "!", "%", "(", ")"};
    const char *one = s[0] == 0 ? NULL : strchr(ascii, s[0]);
    if (one != NULL) {
        *as = single[one - ascii];
        return 1;
    }
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++) {
        size_t len = strlen(wide[i][0]);
        if (n >= len && memcmp(s, wide[i][0], len) == 0) {
            *as = wide[i][1];
            return len;
        }
    }
    return 0;
}

/* Commands that are operators by another name, and those that only set the type. */
static const char *command_as(const char *name, size_t n)
{
    static const char *const same[][2] = {
        {"\\times", "*"}, {"\\cdot", "*"}, {"\\div", "/"},   {"\\le", "<="},        {"\\leq", "<="},
        {"\\ge", ">="},   {"\\geq", ">="}, {"\\ne", "!="},   {"\\neq", "!="},       {"\\left", ""},
        {"\\right", ""},  {"\\text", ""},  {"\\mathrm", ""}, {"\\dfrac", "\\frac"}, {"\\quad", ""}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        if (strlen(same[i][0]) == n && memcmp(same[i][0], name, n) == 0) {
            return same[i][1];
        }
    }
    return NULL;
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static size_t word_end(const char *s, size_t n, size_t at)
{
    while (at < n && is_alpha(s[at])) {
        at++;
    }
    return at;
}

/* The sign that begins at `at`, if one does; else *end is where to look on. */
static bool sign_at(const char *s, size_t n, size_t at, sign *out, size_t *end)
{
    const char *as = NULL;
    size_t len = operator_at(s + at, n - at, &as);
    *out = (sign){.begin = at};
    if (len > 0) {
        snprintf(out->text, sizeof out->text, "%s", as);
        out->is_loose = true;
        *end = at + len;
        return true;
    }
    if (s[at] == '\\' && at + 1 < n && is_alpha(s[at + 1])) {
        *end = word_end(s, n, at + 1);
        const char *other = command_as(s + at, *end - at);
        out->is_loose = other != NULL && other[0] != '\\';
        if (other == NULL) {
            snprintf(out->text, sizeof out->text, "%.*s", (int)(*end - at < 40 ? *end - at : 40),
                     s + at);
        } else {
            snprintf(out->text, sizeof out->text, "%s", other);
        }
        return out->text[0] != 0;
    }
    if (is_alpha(s[at])) {
        *end = word_end(s, n, at);
        out->is_letter = true;
        snprintf(out->text, sizeof out->text, "%c", s[at]);
        return *end == at + 1;
    }
    *end = at + 1;
    return false;
}

static bool beside(const signs *all, const char *s, size_t i, bool left)
{
    if (left ? i == 0 : i + 1 >= all->n) {
        return false;
    }
    const sign *a = &all->items[left ? i - 1 : i];
    const sign *b = &all->items[left ? i : i + 1];
    for (size_t k = a->end; k < b->begin; k++) {
        if (s[k] != ' ' && s[k] != '\t' && s[k] != '$') {
            return false;
        }
    }
    return true;
}

/* Numbers and commands count; operators and letters count in chains that hold a number or a
 * command. */
static void keep_chains(signs *all, const char *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < all->n;) {
        size_t k = i + 1;
        while (k < all->n && beside(all, s, k, true)) {
            k++;
        }
        bool holds = false;
        bool operates = false;
        for (size_t m = i; m < k; m++) {
            holds = holds || (!all->items[m].is_loose && !all->items[m].is_letter);
            operates =
                operates || (all->items[m].is_loose && strchr("+*/=<>^", all->items[m].text[0]));
        }
        for (size_t m = i; m < k; m++) {
            bool lone = all->items[m].is_loose || all->items[m].is_letter;
            bool touching = m + 1 < k && all->items[m].end == all->items[m + 1].begin;
            touching = touching || (m > i && all->items[m - 1].end == all->items[m].begin);
            /* in "5 a day" the letter is prose; in "5a" and "5 + a" it is not */
            bool prose = all->items[m].is_letter && !operates && !touching;
            if (!lone || (holds && !prose) || (operates && k - i > 2 && !prose)) {
                all->items[kept++] = all->items[m];
            }
        }
        i = k;
    }
    all->n = kept;
}

static bool read_signs(signs *out, const char *s, size_t n)
{
    *out = (signs){.n = 0};
    for (size_t at = 0; at < n;) {
        sign one;
        size_t end = at + 1;
        tj_number_at number;
        size_t i = at;
        bool found = tj_next_number(s, n, &i, &number) && number.begin == at;
        if (found) {
            one = (sign){.begin = at, .is_number = true};
            memcpy(one.text, number.text, sizeof one.text);
            end = number.end;
        } else {
            found = sign_at(s, n, at, &one, &end);
        }
        one.end = end;
        if (found) {
            if (!tj_grow(&out->items, &out->cap, out->n + 1, sizeof *out->items)) {
                tj_free(out->items);
                return false;
            }
            out->items[out->n++] = one;
        }
        at = end;
    }
    keep_chains(out, s);
    return true;
}

void tj_math_signs(tj_buf *out, const char *text, size_t len)
{
    signs all;
    if (!read_signs(&all, text, len)) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < all.n; i++) {
        tj_buf_str(out, all.items[i].text);
        tj_buf_char(out, ' ');
    }
    tj_free(all.items);
}

static tj_code read_both(signs *a, signs *b, const char *old, size_t n_old, const char *now,
                         size_t n_now, tj_err *err)
{
    if (!read_signs(a, old, n_old)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot read %zu bytes of mathematics", n_old);
    }
    if (!read_signs(b, now, n_now)) {
        tj_free(a->items);
        return tj_fail(err, TJ_E_NOMEM, "cannot read %zu bytes of mathematics", n_now);
    }
    return TJ_OK;
}

tj_code tj_math_same(bool *same, const char *old, size_t n_old, const char *now, size_t n_now,
                     char why[TJ_WHY_BYTES], tj_err *err)
{
    signs a;
    signs b;
    *same = false;
    why[0] = 0;
    tj_code rc = read_both(&a, &b, old, n_old, now, n_now, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t i = 0;
    while (i < a.n && i < b.n && strcmp(a.items[i].text, b.items[i].text) == 0) {
        i++;
    }
    *same = i == a.n && i == b.n;
    if (!*same) {
        snprintf(why, TJ_WHY_BYTES, "sign %zu is %.40s%s%.40s", i + 1,
                 i < b.n ? b.items[i].text : "missing", i < a.n ? ", it was " : ", there was none",
                 i < a.n ? a.items[i].text : "");
    }
    tj_free(a.items);
    tj_free(b.items);
    return TJ_OK;
}

/* ------------------------------------------------------------------ longer texts */

static bool has_number(const signs *all, const char *number)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i].is_number && strcmp(all->items[i].text, number) == 0) {
            return true;
        }
    }
    return false;
}

/* Is the number at place i the right side of a true equation "a op b = c" just before it? */
static bool is_result(const signs *all, size_t i)
{
    if (i < 4 || strcmp(all->items[i - 1].text, "=") != 0 || !all->items[i - 2].is_number ||
        !all->items[i - 3].is_loose || !all->items[i - 4].is_number) {
        return false;
    }
    return tj_arithmetic_holds(all->items[i - 4].text, all->items[i - 3].text[0],
                               all->items[i - 2].text, all->items[i].text);
}

tj_code tj_math_extends(bool *extends, const char *old, size_t n_old, const char *now, size_t n_now,
                        const char *known, size_t n_known, char why[TJ_WHY_BYTES], tj_err *err)
{
    signs a;
    signs b;
    signs before;
    *extends = false;
    why[0] = 0;
    tj_code rc = read_both(&a, &b, old, n_old, now, n_now, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (!read_signs(&before, known, n_known)) {
        tj_free(a.items);
        tj_free(b.items);
        return tj_fail(err, TJ_E_NOMEM, "cannot read %zu bytes of mathematics", n_known);
    }
    size_t found = 0;
    for (size_t i = 0; i < b.n && found < a.n; i++) {
        found += strcmp(a.items[found].text, b.items[i].text) == 0 ? 1 : 0;
    }
    if (found < a.n) {
        snprintf(why, TJ_WHY_BYTES, "sign %zu, %.40s, is missing or out of order", found + 1,
                 a.items[found].text);
    }
    for (size_t i = 0; i < b.n && why[0] == 0; i++) {
        const sign *one = &b.items[i];
        if (one->is_number && !has_number(&a, one->text) && !has_number(&before, one->text) &&
            !is_result(&b, i)) {
            signs earlier = {.items = b.items, .n = i}; /* said, and true, a moment ago */
            bool derived = false;
            for (size_t k = 0; k < i && !derived; k++) {
                derived = strcmp(b.items[k].text, one->text) == 0 && is_result(&earlier, k);
            }
            if (!derived) {
                snprintf(why, TJ_WHY_BYTES, "%.40s is new, and no true equation gives it",
                         one->text);
            }
        }
    }
    *extends = why[0] == 0;
    tj_free(a.items);
    tj_free(b.items);
    tj_free(before.items);
    return TJ_OK;
}
