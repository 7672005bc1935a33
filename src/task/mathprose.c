/* See mathprose.h. One walk from left to right: what begins at a place is either a group, which is
 * passed as a whole, or a character of prose. */
#include "task/mathprose.h"

#include <stdint.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_stop(char c)
{
    return c == '.' || c == '!' || c == '?';
}

static bool stands_at(tj_str t, size_t at, const char *word)
{
    size_t n = strlen(word);
    return at <= t.n && t.n - at >= n && memcmp(t.s + at, word, n) == 0;
}

static size_t skip_space(tj_str t, size_t at)
{
    while (at < t.n && is_space(t.s[at])) {
        at++;
    }
    return at;
}

/* ------------------------------------------------------------------ groups */

/* Behind "$...$" or "$$...$$"; a dollar within braces (as in \text{if $x$}) does not end it. */
static size_t dollars_end(tj_str t, size_t at)
{
    const char *mark = stands_at(t, at, "$$") ? "$$" : "$";
    size_t depth = 0;
    for (size_t i = at + strlen(mark); i < t.n; i++) {
        if (t.s[i] == '\\') {
            i++;
        } else if (t.s[i] == '{') {
            depth++;
        } else if (t.s[i] == '}') {
            depth -= depth > 0 ? 1 : 0;
        } else if (depth == 0 && stands_at(t, i, mark)) {
            return i + strlen(mark);
        }
    }
    return SIZE_MAX;
}

/* Behind "\(...\)" or "\[...\]"; "\\[2pt]" is a line's end. */
static size_t bracket_end(tj_str t, size_t at, char close)
{
    for (size_t i = at + 2; i + 1 < t.n; i++) {
        if (t.s[i] == '\\' && t.s[i + 1] == close) {
            return i + 2;
        }
        i += t.s[i] == '\\' ? 1 : 0;
    }
    return SIZE_MAX;
}

static size_t braces_end(tj_str t, size_t at)
{
    size_t depth = 0;
    for (size_t i = at; i < t.n; i++) {
        if (t.s[i] == '\\') {
            i++;
        } else if (t.s[i] == '{') {
            depth++;
        } else if (t.s[i] == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return SIZE_MAX;
}

/* Behind the \end that belongs to the \begin at `at`. */
static size_t environment_end(tj_str t, size_t at)
{
    size_t depth = 0;
    for (size_t i = at; i < t.n; i++) {
        if (t.s[i] != '\\') {
            continue;
        }
        if (stands_at(t, i, "\\begin{")) {
            depth++;
        } else if (stands_at(t, i, "\\end{") && --depth == 0) {
            return braces_end(t, i + strlen("\\end"));
        }
        i++;
    }
    return SIZE_MAX;
}

/* Behind the group that begins at `at`; `at` if none does, SIZE_MAX if it does not end. */
static size_t group_end(tj_str t, size_t at)
{
    switch (t.s[at]) {
    case '$':
        return dollars_end(t, at);
    case '{':
        return braces_end(t, at);
    case '\\':
        return stands_at(t, at, "\\(")        ? bracket_end(t, at, ')')
               : stands_at(t, at, "\\[")      ? bracket_end(t, at, ']')
               : stands_at(t, at, "\\begin{") ? environment_end(t, at)
                                              : at;
    default:
        return at;
    }
}

/* ------------------------------------------------------------------ sentences */

/* What stands behind a possible end. */
typedef enum follow { FOLLOW_SMALL, FOLLOW_CAPITAL, FOLLOW_OTHER, FOLLOW_END } follow;

static follow follows(tj_str t, size_t at)
{
    at = skip_space(t, at);
    if (at == t.n) {
        return FOLLOW_END;
    }
    char c = t.s[at];
    if (c >= 'A' && c <= 'Z') {
        return FOLLOW_CAPITAL;
    }
    return (c >= 'a' && c <= 'z') || strchr(",;:.!?)]", c) != NULL ? FOLLOW_SMALL : FOLLOW_OTHER;
}

/* Whether what stands before the full stop at `at` is an abbreviation, or a number that begins the
 * sentence ("1. First"). */
static bool is_no_end(tj_str t, size_t begin, size_t at)
{
    static const char *const short_words[] = {"e.g", "i.e", "cf",  "vs", "Fig", "Eq",
                                              "Dr",  "Mr",  "Mrs", "Ms", "St",  "Prof"};
    bool digits = true;
    for (size_t i = begin; i < at && digits; i++) {
        digits = t.s[i] >= '0' && t.s[i] <= '9';
    }
    bool is_short = false;
    for (size_t i = 0; i < sizeof short_words / sizeof short_words[0] && !is_short; i++) {
        size_t n = strlen(short_words[i]);
        is_short = at - begin >= n && stands_at(t, at - n, short_words[i]) &&
                   (at - n == begin || !is_letter(t.s[at - n - 1]));
    }
    return digits || is_short;
}

/* Behind the sentence's end that stands at `at`; `at` if none does. */
static size_t stop_end(tj_str t, size_t begin, size_t at)
{
    if (t.s[at] == '\n') {
        size_t next = at + 1;
        while (next < t.n && is_space(t.s[next]) && t.s[next] != '\n') {
            next++;
        }
        return next < t.n && t.s[next] == '\n' ? next + 1 : at;
    }
    if (!is_stop(t.s[at]) || (t.s[at] == '.' && is_no_end(t, begin, at))) {
        return at;
    }
    size_t end = at + 1;
    while (end < t.n && (strchr(")\"'", t.s[end]) != NULL || is_stop(t.s[end]))) {
        end++;
    }
    return end == t.n || (is_space(t.s[end]) && follows(t, end) != FOLLOW_SMALL) ? end : at;
}

/* Whether the formula [at, end) ends its sentence. */
static bool formula_ends(tj_str t, size_t at, size_t end)
{
    if (t.s[at] == '{') {
        return false;
    }
    bool environment = stands_at(t, at, "\\begin{");
    bool display = environment || stands_at(t, at, "$$") || stands_at(t, at, "\\[");
    size_t last = end - (t.s[end - 1] == '$' && !display ? 1 : 2);
    while (environment && !stands_at(t, last, "\\end{")) {
        last--;
    }
    while (last > at && is_space(t.s[last - 1])) {
        last--;
    }
    bool stopped = last > at + 1 && is_stop(t.s[last - 1]) && t.s[last - 2] != '.';
    switch (follows(t, end)) {
    case FOLLOW_CAPITAL:
        return stopped || display;
    case FOLLOW_OTHER:
        return stopped && end < t.n && is_space(t.s[end]);
    case FOLLOW_SMALL:
        return false;
    default:
        return true;
    }
}

static tj_str part(tj_str t, size_t begin, size_t end)
{
    while (end > begin && is_space(t.s[end - 1])) {
        end--;
    }
    return (tj_str){t.s + begin, end - begin};
}

tj_prose tj_prose_next(tj_str *sentence, tj_str text, size_t *at)
{
    size_t begin = skip_space(text, *at);
    size_t i = begin;
    bool over = begin == text.n;
    while (i < text.n && !over) {
        size_t end = group_end(text, i);
        if (end == SIZE_MAX) {
            return TJ_PROSE_OPEN;
        }
        if (end > i) {
            over = formula_ends(text, i, end);
            i = end;
        } else if (text.s[i] == '\\') {
            i += i + 1 < text.n ? 2 : 1;
        } else {
            end = stop_end(text, begin, i);
            over = end > i;
            i = over ? end : i + 1;
        }
    }
    *sentence = part(text, begin, i);
    *at = i;
    return begin == text.n ? TJ_PROSE_END : TJ_PROSE_SENTENCE;
}

/* ------------------------------------------------------------------ on one line */

static void add_char(tj_buf *out, size_t begin, char c)
{
    if (!is_space(c)) {
        tj_buf_char(out, c);
    } else if (out->len > begin && out->data[out->len - 1] != ' ') {
        tj_buf_char(out, ' ');
    }
}

static void trim_end(tj_buf *out, size_t begin)
{
    while (out->len > begin && out->data[out->len - 1] == ' ') {
        out->data[--out->len] = '\0';
    }
}

void tj_prose_line(tj_buf *out, tj_str text)
{
    size_t begin = out->len;
    for (size_t i = 0; i < text.n; i++) {
        add_char(out, begin, text.s[i]);
    }
    trim_end(out, begin);
}

/* Appends what was boxed, as part of a formula or as one. */
static void add_boxed(tj_buf *out, size_t begin, tj_str boxed, bool in_formula)
{
    char before = out->len > begin ? out->data[out->len - 1] : ' ';
    bool braces = in_formula && (before == '^' || before == '_');
    bool dollars = !in_formula && memchr(boxed.s, '$', boxed.n) == NULL;
    if (in_formula && is_letter(before) && boxed.n > 0 && is_letter(boxed.s[0])) {
        tj_buf_char(out, ' '); /* \le\boxed{x} */
    }
    tj_buf_str(out, braces ? "{" : dollars ? "$" : "");
    for (size_t i = 0; i < boxed.n; i++) {
        add_char(out, begin, boxed.s[i]);
    }
    tj_buf_str(out, braces ? "}" : dollars ? "$" : "");
}

/* The argument of a box at `at`, and where it ends; false if there is none. "\boxed 5" has no
 * braces: then the argument is empty, and what it holds follows. */
static bool box_at(tj_str t, size_t at, tj_str *boxed, size_t *end)
{
    size_t open = at + (stands_at(t, at, "\\boxed") ? strlen("\\boxed") : strlen("\\fbox"));
    if ((!stands_at(t, at, "\\boxed") && !stands_at(t, at, "\\fbox")) || open >= t.n) {
        return false;
    }
    if (t.s[open] == ' ') {
        *boxed = (tj_str){t.s + open, 0};
        *end = open + 1;
        return true;
    }
    *end = t.s[open] == '{' ? braces_end(t, open) : SIZE_MAX;
    if (*end == SIZE_MAX) {
        return false;
    }
    *boxed = (tj_str){t.s + open + 1, *end - open - 2};
    return true;
}

void tj_prose_unboxed(tj_buf *out, tj_str text)
{
    size_t begin = out->len;
    size_t formula = 0; /* the end of the formula at hand */
    tj_str boxed;
    size_t end;
    for (size_t i = 0; i < text.n && !out->failed;) {
        if (box_at(text, i, &boxed, &end)) {
            if (boxed.n > 0) {
                add_boxed(out, begin, boxed, i < formula);
            }
            i = end;
            continue;
        }
        end = i < formula || text.s[i] == '{' ? i : group_end(text, i);
        formula = end > i && end != SIZE_MAX ? end : formula;
        bool escaped = text.s[i] == '\\' && end == i && i + 1 < text.n;
        add_char(out, begin, text.s[i++]);
        if (escaped) { /* \$ begins no formula */
            add_char(out, begin, text.s[i++]);
        }
    }
    trim_end(out, begin);
}

bool tj_prose_has_comment(tj_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.s[i] == '\\') {
            i++;
        } else if (text.s[i] == '%') {
            return true;
        }
    }
    return false;
}
