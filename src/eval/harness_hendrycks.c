/* Hendrycks' comparison of MATH answers as text. Where its Python would raise an exception, the
 * texts are compared as they stand; `raised` says so here. */
#include <string.h>

#include "eval/harness_math.h"

static size_t find(const char *text, size_t len, const char *what, size_t from)
{
    size_t n = strlen(what);
    for (size_t at = from; at + n <= len; at++) {
        if (memcmp(text + at, what, n) == 0) {
            return at;
        }
    }
    return SIZE_MAX;
}

static size_t find_last(tj_str text, const char *what)
{
    size_t n = strlen(what);
    for (size_t at = text.n < n ? 0 : text.n - n + 1; at-- > 0;) {
        if (memcmp(text.s + at, what, n) == 0) {
            return at;
        }
    }
    return SIZE_MAX;
}

tj_str tj_harness_boxed(tj_str solution)
{
    const tj_str none = {NULL, 0};
    size_t at = find_last(solution, "\\boxed ");
    if (at != SIZE_MAX) {
        tj_str rest = {solution.s + at + 7, solution.n - at - 7};
        size_t end = find(rest.s, rest.n, "$", 0);
        return (tj_str){rest.s, end == SIZE_MAX ? rest.n : end};
    }
    at = find_last(solution, "\\boxed");
    if (at == SIZE_MAX || at + 6 >= solution.n || solution.s[at + 6] != '{') {
        return none;
    }
    size_t depth = 0;
    for (size_t i = at + 6; i < solution.n; i++) {
        depth += solution.s[i] == '{' ? 1 : 0;
        if (solution.s[i] == '}' && --depth == 0) {
            return (tj_str){solution.s + at + 7, i - at - 7};
        }
    }
    return none;
}

tj_str tj_hendrycks_answer(tj_str text)
{
    size_t first = find(text.s, text.n, "$", 0);
    size_t last = find_last(text, "$");
    if (first == last) { /* one, or none */
        return text;
    }
    return (tj_str){text.s + first + 1, last - first - 1};
}

/* ------------------------------------------------------------ the steps of the normal form */

/* One text being rewritten into another and back. */
typedef struct form {
    tj_buf text, next;
    bool raised;
} form;

static void done(form *f)
{
    tj_buf swap = f->text;
    f->text = f->next;
    f->next = swap;
    f->text.failed = f->text.failed || swap.failed;
    tj_buf_clear(&f->next);
}

static void replace(form *f, const char *from, const char *to)
{
    const char *text = tj_buf_text(&f->text);
    size_t at = 0;
    for (;;) {
        size_t hit = find(text, f->text.len, from, at);
        size_t end = hit == SIZE_MAX ? f->text.len : hit;
        tj_buf_add(&f->next, text + at, end - at);
        if (hit == SIZE_MAX) {
            break;
        }
        tj_buf_str(&f->next, to);
        at = hit + strlen(from);
    }
    done(f);
}

static size_t count(const form *f, const char *what)
{
    size_t n = 0;
    for (size_t at = 0; (at = find(tj_buf_text(&f->text), f->text.len, what, at)) != SIZE_MAX;
         at += strlen(what)) {
        n++;
    }
    return n;
}

/* Bytes of the character at `at`, 0 at the end. */
static size_t character(const form *f, size_t at)
{
    size_t n = at < f->text.len ? 1 : 0;
    while (n > 0 && at + n < f->text.len && ((unsigned char)f->text.data[at + n] & 0xc0) == 0x80) {
        n++;
    }
    return n;
}

static void keep(form *f, size_t begin, size_t end)
{
    tj_buf_add(&f->next, tj_buf_text(&f->text) + begin, end - begin);
}

/* "12 \text{ cm}" without its unit; two units raise. */
static void remove_units(form *f)
{
    size_t n = count(f, "\\text{ ");
    if (n == 1) {
        keep(f, 0, find(f->text.data, f->text.len, "\\text{ ", 0));
        done(f);
    }
    f->raised = f->raised || n > 1;
}

/* "k = 5" without what is named, if that has at most two characters. */
static void remove_name(form *f)
{
    if (count(f, "=") != 1) {
        return;
    }
    size_t at = find(f->text.data, f->text.len, "=", 0);
    size_t n_characters = 0;
    for (size_t i = 0; i < at; i += character(f, i)) {
        n_characters++;
    }
    if (n_characters <= 2) {
        keep(f, at + 1, f->text.len);
        done(f);
    }
}

/* \sqrt3 to \sqrt{3}; nothing behind a root raises. */
static void brace_roots(form *f)
{
    size_t at = 0;
    for (;;) {
        size_t hit = find(tj_buf_text(&f->text), f->text.len, "\\sqrt", at);
        keep(f, at, hit == SIZE_MAX ? f->text.len : hit);
        if (hit == SIZE_MAX) {
            break;
        }
        at = hit + 5;
        size_t n = character(f, at);
        bool cut = n == 0 || find(f->text.data, f->text.len, "\\sqrt", at) == at;
        f->raised = f->raised || cut;
        tj_buf_str(&f->next, "\\sqrt");
        if (!cut && f->text.data[at] != '{') {
            tj_buf_char(&f->next, '{');
            keep(f, at, at + n);
            tj_buf_char(&f->next, '}');
            at += n;
        }
    }
    done(f);
}

/* \frac12 to \frac{1}{2}, \frac1{72} to \frac{1}{72}; one that has too little behind it leaves the
 * text as it was, nothing behind it raises. */
static void brace_fractions(form *f)
{
    size_t at = 0;
    for (;;) {
        size_t hit = find(tj_buf_text(&f->text), f->text.len, "\\frac", at);
        keep(f, at, hit == SIZE_MAX ? f->text.len : hit);
        if (hit == SIZE_MAX) {
            break;
        }
        at = hit + 5;
        tj_buf_str(&f->next, "\\frac");
        size_t end = find(f->text.data, f->text.len, "\\frac", at);
        end = end == SIZE_MAX ? f->text.len : end;
        if (at == end) {
            f->raised = true;
            break;
        }
        if (f->text.data[at] == '{') {
            continue;
        }
        size_t a = character(f, at);
        size_t b = at + a < end ? character(f, at + a) : 0;
        if (b == 0) {
            tj_buf_clear(&f->next);
            return;
        }
        bool braced = f->text.data[at + a] == '{';
        tj_buf_char(&f->next, '{');
        keep(f, at, at + a);
        tj_buf_str(&f->next, braced ? "}" : "}{");
        keep(f, at + a, at + a + b);
        tj_buf_str(&f->next, braced ? "" : "}");
        at += a + b;
    }
    done(f);
}

/* What Python's int() takes: a sign, digits, single underscores between them. */
static bool is_int(const char *text, size_t n)
{
    size_t i = n > 0 && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    bool digit = false;
    for (; i < n; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (!is_digit && (text[i] != '_' || !digit)) {
            return false;
        }
        digit = is_digit;
    }
    return digit;
}

/* Whether an integer is written as Python prints it. */
static bool is_plain(const char *text, size_t n)
{
    size_t sign = n > 0 && text[0] == '-' ? 1 : 0;
    return text[0] != '+' && memchr(text, '_', n) == NULL &&
           (n == sign + 1 ? sign == 0 || text[1] != '0' : text[sign] != '0');
}

/* 3/4 to \frac{3}{4}; what has one slash and no integers around it raises. */
static void slash_to_fraction(form *f)
{
    if (count(f, "/") != 1) {
        return;
    }
    const char *text = f->text.data;
    size_t at = find(text, f->text.len, "/", 0);
    size_t n = f->text.len - at - 1;
    if (!is_int(text, at) || !is_int(text + at + 1, n)) {
        f->raised = true;
        return;
    }
    if (!is_plain(text, at) || !is_plain(text + at + 1, n)) {
        return;
    }
    tj_buf_str(&f->next, "\\frac{");
    keep(f, 0, at);
    tj_buf_str(&f->next, "}{");
    keep(f, at + 1, f->text.len);
    tj_buf_char(&f->next, '}');
    done(f);
}

static void strip(form *f, tj_str text)
{
    static const char *const plain[][2] = {
        {"\n", ""},     {"\\!", ""},     {"\\\\", "\\"},    {"tfrac", "frac"}, {"dfrac", "frac"},
        {"\\left", ""}, {"\\right", ""}, {"^{\\circ}", ""}, {"^\\circ", ""},   {"\\$", ""}};
    static const char *const points[][2] = {{"\\%", ""}, {" .", " 0."}, {"{.", "{0."}};
    tj_buf_init(&f->text);
    tj_buf_init(&f->next);
    f->raised = false;
    tj_buf_add(&f->text, text.s, text.n);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        replace(f, plain[i][0], plain[i][1]);
    }
    remove_units(f);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        replace(f, points[i][0], points[i][1]);
    }
    if (f->text.len == 0) {
        return;
    }
    if (f->text.data[0] == '.') {
        tj_buf_char(&f->next, '0');
        keep(f, 0, f->text.len);
        done(f);
    }
    remove_name(f);
    brace_roots(f);
    replace(f, " ", "");
    brace_fractions(f);
    if (f->text.len == 3 && memcmp(f->text.data, "0.5", 3) == 0) {
        tj_buf_str(&f->next, "\\frac{1}{2}");
        done(f);
    }
    slash_to_fraction(f);
}

static void form_deinit(form *f)
{
    tj_buf_deinit(&f->text);
    tj_buf_deinit(&f->next);
}

tj_code tj_hendrycks_match(bool *same, tj_str a, tj_str b, tj_err *err)
{
    form x, y;
    strip(&x, a);
    strip(&y, b);
    tj_code rc = tj_buf_check(&x.text, err);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&y.text, err);
    }
    tj_str left = {tj_buf_text(&x.text), x.text.len};
    tj_str right = {tj_buf_text(&y.text), y.text.len};
    if (x.raised || y.raised) {
        left = a;
        right = b;
    }
    *same = rc == TJ_OK && left.n == right.n && memcmp(left.s, right.s, left.n) == 0;
    form_deinit(&x);
    form_deinit(&y);
    return rc;
}
