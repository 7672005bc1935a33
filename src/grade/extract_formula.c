/* Formulas and brackets in running text: where one that begins ends, and whether what stands in it
 * is words. Searches end after a bounded number of bytes, so that a text full of openings stays
 * linear.
 */
#include <string.h>

#include "grade/extract.h"
#include "grade/units.h"

#define MAX_FORMULA 4096 /* bytes: a formula is never longer than an answer may be */

bool tj_span_starts(const char *s, size_t at, size_t end, const char *word)
{
    for (; *word != 0; word++, at++) {
        if (at >= end || (s[at] != *word && !(tj_is_lower(*word) && s[at] == *word - 'a' + 'A'))) {
            return false;
        }
    }
    return true;
}

bool tj_span_among(const char *s, tj_span at, const char *const *words, size_t n_words)
{
    size_t n = at.end - at.begin;
    char c = n == 0 ? 0 : s[at.begin];
    char low = tj_is_upper(c) ? (char)(c - 'A' + 'a') : c;
    for (size_t i = 0; i < n_words; i++) {
        if (words[i][0] == low && strlen(words[i]) == n &&
            tj_span_starts(s, at.begin, at.end, words[i])) {
            return true;
        }
    }
    return false;
}

size_t tj_span_find(const char *s, size_t at, size_t end, const char *word)
{
    size_t n = strlen(word);
    while (at < end && n <= end - at) {
        const char *found = memchr(s + at, word[0], end - at - n + 1);
        if (found == NULL) {
            break;
        }
        at = (size_t)(found - s);
        if (memcmp(found, word, n) == 0) {
            return at;
        }
        at++;
    }
    return end;
}

size_t tj_at_most(size_t at, size_t end, size_t most)
{
    return end - at > most ? at + most : end;
}

static bool blank_line_in(const char *s, size_t at, size_t end)
{
    bool line = false;
    for (; at < end; at++) {
        if (s[at] == '\n' && line) {
            return true;
        }
        line = s[at] == '\n' || (line && tj_is_space(s[at]));
    }
    return false;
}

/* Behind `close`; `at` if it does not come in time. */
static size_t until(const char *s, size_t at, size_t from, size_t end, const char *close)
{
    size_t stop = tj_at_most(from, end, MAX_FORMULA);
    size_t found = tj_span_find(s, from, stop, close);
    return found == stop || blank_line_in(s, from, found) ? at : found + strlen(close);
}

/* Letters that are no word: names of functions and constants. */
bool tj_is_math_name(const char *s, size_t n)
{
    static const char *const names[] = {
        "pi",    "sqrt",  "cbrt",   "sin",   "cos",   "tan",      "cot",    "sec",    "csc",
        "log",   "ln",    "lg",     "exp",   "abs",   "floor",    "ceil",   "mod",    "gcd",
        "lcm",   "min",   "max",    "inf",   "oo",    "infinity", "arcsin", "arccos", "arctan",
        "sinh",  "cosh",  "tanh",   "asin",  "acos",  "atan",     "alpha",  "beta",   "gamma",
        "delta", "theta", "lambda", "sigma", "omega", "phi",      "frac",   "dfrac",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i][0] == s[0] && strlen(names[i]) == n && memcmp(names[i], s, n) == 0) {
            return true;
        }
    }
    return false;
}

/* Commands whose argument is words or a name, not mathematics. */
static bool takes_words(const char *s, size_t at, size_t end)
{
    return tj_span_starts(s, at, end, "text") || tj_span_starts(s, at, end, "mathrm") ||
           tj_span_starts(s, at, end, "mbox") || tj_span_starts(s, at, end, "begin") ||
           tj_span_starts(s, at, end, "end") || tj_span_starts(s, at, end, "operatorname");
}

/* Behind the bracket that closes the one at `at`, of any kind ("[1, 2)"); `end` if none does. */
size_t tj_close_of(const char *s, size_t at, size_t end)
{
    size_t depth = 0;
    for (; at < end; at++) {
        char c = s[at];
        if (c == '\\') {
            at++;
        } else if (c == '(' || c == '[' || c == '{') {
            depth++;
        } else if ((c == ')' || c == ']' || c == '}') && --depth == 0) {
            return at + 1;
        }
    }
    return end;
}

/* Whether there are at least n words of prose: two letters or more that are no name, command,
 * argument of \text, or unit behind a digit. */
bool tj_has_words(const char *s, size_t at, size_t end, size_t n)
{
    size_t count = 0;
    while (at < end) {
        size_t from = at;
        if (s[at] == '\\') {
            for (at++; at < end && tj_is_letter(s[at]); at++) {
            }
            if (at < end && s[at] == '{' && takes_words(s, from + 1, end)) {
                at = tj_close_of(s, at, end);
            }
            at += at == from + 1 ? 1 : 0; /* "\(" and the like */
            continue;
        }
        for (; at < end && tj_is_letter(s[at]); at++) {
        }
        if (at - from >= 2 && !tj_is_math_name(s + from, at - from)) {
            tj_unit unit;
            bool behind_digit = from > 0 && tj_is_digit(s[from - 1]);
            if (!(behind_digit && tj_unit_find(&unit, s + from, at - from)) && ++count >= n) {
                return true;
            }
        }
        at += at == from ? 1 : 0;
    }
    return false;
}

/* $...$, unless the signs are dollars: "$5 and $7". */
static size_t dollars_end(const char *s, size_t at, size_t end)
{
    size_t from = at + 1, stop = tj_at_most(from, end, MAX_FORMULA), close = from;
    while (close < stop && s[close] != '$') {
        close += s[close] == '\\' ? 2 : 1;
    }
    if (close >= stop || close == from || blank_line_in(s, from, close)) {
        return at;
    }
    bool money = tj_is_digit(s[from]) && (tj_is_space(s[close - 1]) || s[close - 1] == '(');
    bool next_digit = close + 1 < end && tj_is_digit(s[close + 1]);
    return money || next_digit || tj_has_words(s, from, close, 2) ? at : close + 1;
}

size_t tj_formula_end(const char *s, size_t at, size_t end)
{
    if (s[at] == '$') {
        return tj_span_starts(s, at, end, "$$") ? until(s, at, at + 2, end, "$$")
                                                : dollars_end(s, at, end);
    }
    if (s[at] != '\\') {
        return at;
    }
    if (tj_span_starts(s, at, end, "\\(")) {
        return until(s, at, at + 2, end, "\\)");
    }
    if (tj_span_starts(s, at, end, "\\[")) {
        return until(s, at, at + 2, end, "\\]");
    }
    if (tj_span_starts(s, at, end, "\\begin{")) {
        char close[48] = "\\end{";
        size_t from = at + 7, n = 0;
        while (from + n < end && n < 32 && s[from + n] != '}' && s[from + n] != '\n') {
            n++;
        }
        memcpy(close + 5, s + from, n);
        close[5 + n] = '}';
        return until(s, at, from + n, end, close);
    }
    return at;
}

tj_span tj_span_trim(const char *s, tj_span at)
{
    while (at.begin < at.end && tj_is_space(s[at.begin])) {
        at.begin++;
    }
    while (at.end > at.begin && tj_is_space(s[at.end - 1])) {
        at.end--;
    }
    return at;
}
