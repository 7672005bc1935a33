/* The places where models and data sets write their answers. */
#include <string.h>

#include "grade/extract.h"

/* ------------------------------------------------------------------ \boxed */

static size_t skip_blank(const char *s, size_t at, size_t end)
{
    while (at < end && tj_is_space(s[at])) {
        at++;
    }
    return at;
}

#define MAX_BOX 8192 /* bytes: twice what an answer may have */

/* The content of the box whose command ends at `at`; *past is behind it. false: it is never closed.
 * A box whose brace was forgotten ends with its formula. */
static bool box_content(tj_span *out, size_t *past, const char *s, size_t at, size_t end)
{
    size_t depth = 0;
    at = skip_blank(s, at, end);
    end = at < end ? tj_at_most(at, end, MAX_BOX) : end;
    size_t dollar = end;
    if (at >= end) {
        return false;
    }
    if (s[at] != '{') { /* \boxed 5 */
        size_t to = at;
        while (to < end && !tj_is_space(s[to]) && s[to] != '$' && s[to] != ',' &&
               !(s[to] == '.' && (to + 1 == end || !tj_is_digit(s[to + 1])))) {
            to++;
        }
        *out = (tj_span){at, to};
        *past = to;
        return true;
    }
    for (size_t i = at; i < end; i++) {
        if (s[i] == '\\') {
            bool formula = dollar == end && i + 1 < end && (s[i + 1] == ')' || s[i + 1] == ']');
            dollar = formula ? i : dollar;
            i++;
        } else if (s[i] == '{') {
            depth++;
        } else if (s[i] == '}' && --depth == 0) {
            *out = (tj_span){at + 1, i};
            *past = i + 1;
            return true;
        } else if (s[i] == '$' && dollar == end) {
            dollar = i;
        }
    }
    *out = (tj_span){at + 1, dollar};
    *past = dollar;
    return dollar < end;
}

/* Behind the name of a command that draws a box at `at`; `at` if none stands there. */
static size_t box_command(const char *s, size_t at, size_t end)
{
    static const char *const names[] = {"\\boxed", "\\fbox"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(names[i]);
        if (end - at >= n && memcmp(s + at, names[i], n) == 0 &&
            (at + n == end || !tj_is_letter(s[at + n]))) {
            return at + n;
        }
    }
    return at;
}

/* The last box command before `end`, from `begin` on; `end` if there is none. */
static size_t last_box(const char *s, size_t begin, size_t end, size_t text_end)
{
    for (size_t at = end; at-- > begin;) {
        if (s[at] == '\\' && box_command(s, at, text_end) > at) {
            return at;
        }
    }
    return end;
}

/* Whether "and", "or" or a comma stands between two boxes, and nothing else but spaces and dollars.
 */
static bool joined(const char *s, size_t at, size_t end)
{
    static const char *const joins[] = {"\\text{ and }",
                                        "\\text{and}",
                                        "\\text{ or }",
                                        "\\text{or}",
                                        "and",
                                        "or",
                                        ",",
                                        ";",
                                        "、",
                                        "と",
                                        "和"};
    static const char *const blanks[] = {" ", "\n", "\t", "$", "\\qquad", "\\quad", "\\ "};
    bool any = false;
    while (at < end) {
        size_t n = 0;
        for (size_t i = 0; n == 0 && i < sizeof joins / sizeof joins[0]; i++) {
            n = tj_span_starts(s, at, end, joins[i]) ? strlen(joins[i]) : 0;
        }
        any = any || n > 0;
        for (size_t i = 0; n == 0 && i < sizeof blanks / sizeof blanks[0]; i++) {
            n = tj_span_starts(s, at, end, blanks[i]) ? strlen(blanks[i]) : 0;
        }
        if (n == 0) {
            return false;
        }
        at += n;
    }
    return any;
}

bool tj_find_boxed(tj_span *at, tj_box_state *state, const char *s, tj_span text)
{
    tj_span content;
    size_t past, first, box = text.end, n_empty = 0;
    *state = TJ_BOX_NONE;
    do { /* an empty box is no answer */
        size_t before = box;
        box = last_box(s, text.begin, before, text.end);
        if (box == before) {
            return false;
        }
        if (!box_content(&content, &past, s, box_command(s, box, text.end), text.end)) {
            *state = TJ_BOX_CUT;
            return false;
        }
        *state = TJ_BOX_EMPTY;
    } while (tj_span_empty(tj_span_trim(s, content)) && ++n_empty < TJ_MAX_CUES);
    if (n_empty == TJ_MAX_CUES) {
        return false;
    }
    *at = content;
    first = box;
    for (;;) { /* boxes in a row are a list */
        tj_span other;
        size_t end;
        box = last_box(s, text.begin, first, text.end);
        if (box == first ||
            !box_content(&other, &end, s, box_command(s, box, text.end), text.end) || end > first ||
            tj_span_empty(tj_span_trim(s, other)) || !joined(s, end, first)) {
            return true;
        }
        *at = (tj_span){box, past};
        first = box;
    }
}

/* ------------------------------------------------------------------ "the answer is" */

/* Behind the words between "answer" and its value; `at` if what follows does not announce one. */
static size_t behind_answer(const char *s, size_t at, size_t end)
{
    static const char *const between[] = {
        "to",      "the",      "this",     "that", "of",    "for",       "in",   "our",
        "problem", "question", "simplest", "form", "final", "therefore", "thus", "then",
        "must",    "should",   "would",    "will", "here",  "s"};
    static const char *const copulas[] = {"is", "are", "was", "be", "equals"};
    size_t start = at;
    for (size_t n_words = 0; n_words < 10; n_words++) {
        size_t line = at;
        while (at < end && (s[at] == ' ' || s[at] == '*' || s[at] == '_' || s[at] == ')' ||
                            s[at] == '#' || s[at] == '\'')) {
            at++;
        }
        if (at >= end) {
            return start;
        }
        if (s[at] == ':' || s[at] == '=') {
            return at + 1;
        }
        if (s[at] == '\n') { /* a heading of its own */
            return n_words == 0 ? skip_blank(s, line, end) : start;
        }
        size_t from = at;
        while (at < end && tj_is_letter(s[at])) {
            at++;
        }
        tj_span word = {from, at};
        if (tj_span_among(s, word, copulas, sizeof copulas / sizeof copulas[0])) {
            return tj_span_starts(s, skip_blank(s, at, end), end, "not ") ? start : at;
        }
        bool known = tj_span_among(s, word, between, sizeof between / sizeof between[0]);
        if (!known) {
            return start;
        }
    }
    return start;
}

/* Whether a line holds nothing but the word that ends before `at`, as headings do, and "final". */
static bool is_heading(const char *s, size_t begin, size_t word)
{
    size_t line = word;
    while (line > begin && s[line - 1] != '\n') {
        line--;
    }
    for (; line < word; line++) {
        if (tj_span_starts(s, line, word, "final") || tj_span_starts(s, line, word, "the")) {
            line += s[line] == 't' || s[line] == 'T' ? 2 : 4;
        } else if (s[line] != '#' && s[line] != '*' && s[line] != ' ' && s[line] != '_') {
            return false;
        }
    }
    return true;
}

/* Behind a cue that begins at `at`; `at` if none does. */
static size_t cue_end(const char *s, size_t begin, size_t at, size_t end)
{
    static const char *const others[] = {
        "答えは", "答え：", "答え:", "答案是", "答案为", "答案為",
        "答案：", "答案:",  "答：",  "答:",    "正解は", "解答：",
    };
    char c = s[at];
    if (c == 'A' && tj_span_starts(s, at, end, "a: ") && (at == begin || s[at - 1] == '\n') &&
        tj_span_find(s, at, end, "\n") == end) {
        return at + 3; /* "A: 18" ends an output */
    }
    if (c == 'a' || c == 'A') {
        bool inside = at > begin && tj_is_letter(s[at - 1]);
        if (inside || !tj_span_starts(s, at, end, "answer")) {
            return at;
        }
        size_t word = at + 6 + (tj_span_starts(s, at + 6, end, "s") ? 1 : 0);
        size_t past = behind_answer(s, word, end);
        bool newline = past > word && memchr(s + word, '\n', past - word) != NULL &&
                       memchr(s + word, ':', past - word) == NULL;
        return past == word || (newline && !is_heading(s, begin, at)) ? at : past;
    }
    if (c == 'c' || c == 'o' || c == 'C' || c == 'O') {
        bool inside = at > begin && tj_is_letter(s[at - 1]);
        size_t n = tj_span_starts(s, at, end, "option is")   ? 9
                   : tj_span_starts(s, at, end, "choice is") ? 9
                                                             : 0;
        return inside ? at : at + n;
    }
    if (c == '<') {
        return tj_span_starts(s, at, end, "<answer>") ? at + 8 : at;
    }
    for (size_t i = 0; (unsigned char)c >= 0xE6 && i < sizeof others / sizeof others[0]; i++) {
        if (tj_span_starts(s, at, end, others[i])) {
            return at + strlen(others[i]);
        }
    }
    return at;
}

bool tj_find_cue(tj_span *at, size_t *cue, const char *s, tj_span text, size_t before)
{
    for (size_t i = before; i-- > text.begin;) {
        size_t past = cue_end(s, text.begin, i, text.end);
        if (past > i) {
            *at = (tj_span){past,
                            s[i] == '<' ? tj_span_find(s, past, text.end, "</answer>") : text.end};
            *cue = i;
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ #### and **bold** */

/* Whether a line begins as an answer rather than a heading. */
static bool is_value_line(const char *s, tj_span line)
{
    tj_value first = tj_value_first(s, line);
    bool ordinal = tj_is_digit(s[line.begin]) && first.rule != NULL &&
                   first.at.end + 1 < line.end && s[first.at.end] == '.';
    return first.rule != NULL && !ordinal;
}

bool tj_find_hashes(tj_span *at, const char *s, tj_span text)
{
    size_t n = 0; /* candidates looked at */
    for (size_t i = text.end; i-- > text.begin && n < TJ_MAX_CUES;) {
        bool begins = s[i] == '#' && tj_span_starts(s, i, text.end, "####") &&
                      (i == text.begin || s[i - 1] == '\n' || s[i - 1] == ' ');
        if (!begins) {
            continue;
        }
        n++;
        size_t end = tj_span_find(s, i, text.end, "\n");
        tj_span line = tj_span_trim(s, (tj_span){i + 4, end});
        bool last = tj_span_empty(tj_span_trim(s, (tj_span){end, text.end}));
        if (!tj_span_empty(line) && s[line.begin] != '#' && (last || is_value_line(s, line))) {
            *at = line;
            return true;
        }
    }
    return false;
}

/* Whether ** at `at` can open emphasis, or close it (as CommonMark has it, but simpler: the ** of a
 * power stands between two values). */
static bool opens_bold(const char *s, size_t at, tj_span text)
{
    bool before = at == text.begin || !(tj_is_letter(s[at - 1]) || tj_is_digit(s[at - 1]) ||
                                        s[at - 1] == ')' || s[at - 1] == '}');
    return before && at + 2 < text.end && !tj_is_space(s[at + 2]) && s[at + 2] != '*';
}

static bool closes_bold(const char *s, size_t at, tj_span text)
{
    bool behind = at + 2 >= text.end || !(tj_is_letter(s[at + 2]) || tj_is_digit(s[at + 2]));
    return behind && at > text.begin && !tj_is_space(s[at - 1]);
}

bool tj_find_bold(tj_span *at, const char *s, tj_span text, size_t before)
{
    size_t close = text.end;
    for (size_t i = before; i-- > text.begin;) {
        if (s[i] == '\n') {
            close = text.end;
        }
        if (s[i] != '*' || i + 1 >= before || s[i + 1] != '*') {
            continue;
        }
        if (close < text.end && opens_bold(s, i, text) && close > i + 2) {
            *at = (tj_span){i + 2, close};
            return true;
        }
        if (closes_bold(s, i, text)) {
            close = i;
        }
    }
    return false;
}
