/* Minerva's normal form of MATH answers (Lewkowycz et al. 2022, appendix D), as the harness has it
 * since its version 3.1. */
#include <string.h>

#include "eval/harness_math.h"

#define INVALID "[invalidanswer]"

/* In the order in which they are applied, behind the removals. */
static const struct {
    const char *pattern, *with;
} rules[TJ_MINERVA_RULES] = {
    {"(.*?)(\\$)(.*?)(\\$)(.*)", "$$$3$$"},
    {"(\\\\text\\{)(.*?)(\\})", "$2"},
    {"(\\\\textbf\\{)(.*?)(\\})", "$2"},
    {"(\\\\overline\\{)(.*?)(\\})", "$2"},
    {"(\\\\boxed\\{)(.*)(\\})", "$2"},
    {"(frac)([^{])(.)", "frac{$2}{$3}"},
    {"(sqrt)(\\[[^\\]]*\\])(\\w)", "$1$2{$3}"},
    {"(sqrt)(?!\\[)([^{])", "sqrt{$2}"},
    {"\\$", ""},
};

static const char *const substitutions[][2] = {{"an ", ""},          {"a ", ""},
                                               {".$", "$"},          {"\\$", ""},
                                               {"\\ ", ""},          {" ", ""},
                                               {"mbox", "text"},     {",\\text{and}", ","},
                                               {"\\text{and}", ","}, {"\\text{m}", "\\text{}"}};

static const char *const removed[] = {"square",       "ways",
                                      "integers",     "dollars",
                                      "mph",          "inches",
                                      "ft",           "hours",
                                      "km",           "units",
                                      "\\ldots",      "sue",
                                      "points",       "feet",
                                      "minutes",      "digits",
                                      "cents",        "degrees",
                                      "cm",           "gm",
                                      "pounds",       "meters",
                                      "meals",        "edges",
                                      "students",     "childrentickets",
                                      "multiples",    "\\text{s}",
                                      "\\text{.}",    "\\text{\ns}",
                                      "\\text{}^2",   "\\text{}^3",
                                      "\\text{\n}",   "\\text{}",
                                      "\\mathrm{th}", "^\\circ",
                                      "^{\\circ}",    "\\;",
                                      ",\\!",         "{,}",
                                      "\"",           "\\dots"};
#define N_REMOVED (sizeof removed / sizeof removed[0])

tj_code tj_minerva_init(tj_minerva *m, tj_err *err)
{
    memset(m, 0, sizeof *m);
    tj_code rc = tj_rx_create(&m->final,
                              "Final Answer: The final answer is(.*?). I hope it is correct.", err);
    for (size_t i = 0; i < TJ_MINERVA_RULES && rc == TJ_OK; i++) {
        rc = tj_rx_create(&m->rules[i], rules[i].pattern, err);
    }
    if (rc != TJ_OK) {
        tj_minerva_deinit(m);
    }
    return rc;
}

void tj_minerva_deinit(tj_minerva *m)
{
    tj_rx_destroy(m->final);
    for (size_t i = 0; i < TJ_MINERVA_RULES; i++) {
        tj_rx_destroy(m->rules[i]);
    }
    memset(m, 0, sizeof *m);
}

tj_code tj_minerva_answer(tj_minerva *m, tj_buf *out, tj_str text, tj_err *err)
{
    tj_buf whole;
    bool found = false;
    size_t begin = 0;
    size_t end = 0;
    tj_buf_init(&whole);
    tj_buf_add(&whole, text.s, text.n);
    tj_buf_str(&whole, "I hope it is correct.");
    tj_code rc = tj_buf_check(&whole, err);
    if (rc == TJ_OK) {
        rc = tj_rx_find(m->final, &found, &begin, &end, whole.data, whole.len, false, err);
    }
    if (rc == TJ_OK && found) {
        tj_str inside = tj_harness_strip((tj_str){whole.data + begin, end - begin});
        tj_buf_add(out, inside.s, inside.n);
    } else if (rc == TJ_OK) {
        tj_buf_str(out, INVALID);
    }
    tj_buf_deinit(&whole);
    return rc == TJ_OK ? tj_buf_check(out, err) : rc;
}

/* ------------------------------------------------------------ the normal form */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits, the underscore; of what is not ASCII all counts as letters. */
static bool is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_alpha(const char *text)
{
    while (is_letter(*text)) {
        text++;
    }
    return *text == '\0';
}

static bool is_at(const tj_buf *text, size_t at, const char *what)
{
    size_t n = strlen(what);
    return at + n <= text->len && memcmp(text->data + at, what, n) == 0;
}

typedef enum where { ANYWHERE, AS_A_WORD, OUTSIDE_COMMANDS } where;

/* The end of a LaTeX command's name that begins at `at`; `at` where none does. */
static size_t command_end(const tj_buf *text, size_t at)
{
    size_t end = at;
    if (text->data[at] == '\\') {
        for (end = at + 1; end < text->len && is_letter(text->data[end]); end++) {
        }
        end = end == at + 1 ? at : end;
    }
    return end;
}

static bool is_hit(const tj_buf *text, size_t at, const char *what, where which)
{
    size_t end = at + strlen(what);
    if (!is_at(text, at, what)) {
        return false;
    }
    if (which != AS_A_WORD) {
        return true;
    }
    bool begins = at == 0 || (!is_word(text->data[at - 1]) && text->data[at - 1] != '\\');
    return begins && (end == text->len || !is_word(text->data[end]));
}

/* A copy of *text in *scratch with `what` replaced; then the two change places. */
static void replace(tj_buf *text, tj_buf *scratch, const char *what, const char *with, where which)
{
    tj_buf_clear(scratch);
    for (size_t at = 0; at < text->len;) {
        size_t name = which == OUTSIDE_COMMANDS ? command_end(text, at) : at;
        if (name > at) {
            tj_buf_add(scratch, text->data + at, name - at);
            at = name;
        } else if (is_hit(text, at, what, which)) {
            tj_buf_str(scratch, with);
            at += strlen(what);
        } else {
            tj_buf_char(scratch, text->data[at++]);
        }
    }
    tj_buf swap = *text;
    *text = *scratch;
    *scratch = swap;
    text->failed = text->failed || scratch->failed;
}

/* 1,234,567: digits in threes. */
static bool has_separators(const tj_buf *text)
{
    size_t i = text->len > 0 && text->data[0] == '-' ? 1 : 0;
    size_t n = 0;
    size_t n_groups = 0;
    for (; i <= text->len; i++) {
        char c = i < text->len ? text->data[i] : ',';
        if (c >= '0' && c <= '9') {
            n++;
        } else if (c == ',' && (n_groups == 0 ? n >= 1 && n <= 3 : n == 3)) {
            n_groups++;
            n = 0;
        } else {
            return false;
        }
    }
    return n_groups >= 2;
}

tj_code tj_minerva_normalize(tj_minerva *m, tj_buf *text, tj_err *err)
{
    tj_buf scratch;
    tj_buf_init(&scratch);
    size_t at = text->len;
    while (at > 0 && text->data[at - 1] != '=') { /* what stands behind the last = */
        at--;
    }
    tj_buf_add(&scratch, tj_buf_text(text) + at, text->len - at);
    tj_buf_clear(text);
    tj_buf_add(text, tj_buf_text(&scratch), scratch.len);
    for (size_t i = 0; i < N_REMOVED; i++) {
        if (is_alpha(removed[i])) {
            replace(text, &scratch, removed[i], "", AS_A_WORD);
        }
    }
    for (size_t i = 0; i < sizeof substitutions / sizeof substitutions[0]; i++) {
        replace(text, &scratch, substitutions[i][0], substitutions[i][1], ANYWHERE);
    }
    for (size_t i = 0; i < N_REMOVED; i++) {
        replace(text, &scratch, removed[i], "", is_alpha(removed[i]) ? OUTSIDE_COMMANDS : ANYWHERE);
    }
    tj_code rc = tj_buf_check(text, err);
    for (size_t i = 0; i < TJ_MINERVA_RULES && rc == TJ_OK; i++) {
        rc = tj_rx_replace(m->rules[i], text, rules[i].with, err);
    }
    if (rc == TJ_OK && has_separators(text)) {
        replace(text, &scratch, ",", "", ANYWHERE);
        rc = tj_buf_check(text, err);
    }
    tj_buf_deinit(&scratch);
    return rc;
}
