/* See blanks.h. */
#include "tree/blanks.h"

#include <string.h>

const char *const tj_language_names[] = {"en", "ja", NULL};

static const char *const places[] = {"problem", "answer", "steps", "step", "number"};
enum { PROBLEM, ANSWER, STEPS, STEP, NUMBER, N_PLACES };

/* The next "{{word}}" at or after text: its begin and end, and which place it is (N_PLACES: none
 * that is known). NULL where no more comes. */
static const char *next_place(const char *text, const char **end, size_t *which)
{
    for (const char *begin = strstr(text, "{{"); begin != NULL; begin = strstr(begin + 1, "{{")) {
        const char *word = begin + 2;
        size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz_");
        if (n == 0 || strncmp(word + n, "}}", 2) != 0) {
            continue; /* braces of something else, as of LaTeX */
        }
        *end = word + n + 2;
        for (*which = 0; *which < N_PLACES; (*which)++) {
            if (strlen(places[*which]) == n && memcmp(places[*which], word, n) == 0) {
                break;
            }
        }
        return begin;
    }
    return NULL;
}

static size_t line_of(const char *text, const char *at)
{
    size_t line = 1;
    for (const char *c = text; c < at; c++) {
        line += *c == '\n' ? 1 : 0;
    }
    return line;
}

tj_code tj_blanks_check(const char *form, const char *const *needed, const char *where, tj_err *err)
{
    bool seen[N_PLACES] = {false};
    const char *end;
    size_t which;
    for (const char *at = next_place(form, &end, &which); at != NULL;
         at = next_place(end, &end, &which)) {
        if (which == N_PLACES) {
            return tj_fail(err, TJ_E_INVAL,
                           "%s:%zu: %.*s is no place of a prompt; there are {{problem}}, "
                           "{{answer}}, {{steps}}, {{step}} and {{number}}",
                           where, line_of(form, at), (int)(end - at), at);
        }
        seen[which] = true;
    }
    for (size_t i = 0; needed[i] != NULL; i++) {
        for (size_t k = 0; k < N_PLACES; k++) {
            if (strcmp(needed[i], places[k]) == 0 && !seen[k]) {
                return tj_fail(err, TJ_E_INVAL, "%s: {{%s}} is missing", where, needed[i]);
            }
        }
    }
    return TJ_OK;
}

bool tj_blanks_asks_answer(const char *form)
{
    return strstr(form, "{{answer}}") != NULL;
}

void tj_blanks_step(tj_buf *out, const char *step)
{
    size_t n = strlen(step);
    while (n > 0 && (step[n - 1] == '\n' || step[n - 1] == '\r')) {
        n--;
    }
    tj_buf_add(out, step, n);
}

static void write_steps(tj_buf *out, const tj_score_ask *ask, size_t n, tj_language language)
{
    for (size_t i = 0; i < n; i++) {
        tj_buf_str(out, i > 0 ? "\n" : "");
        tj_blanks_step(out, ask->steps[i]);
    }
    if (n == 0) {
        tj_buf_str(out, language == TJ_JAPANESE ? "(なし)" : "(none)");
    }
}

void tj_blanks_write(tj_buf *out, const char *form, const tj_score_ask *ask, bool whole,
                   tj_language language)
{
    const char *end;
    size_t which;
    for (const char *at = next_place(form, &end, &which); at != NULL;
         at = next_place(form, &end, &which)) {
        tj_buf_add(out, form, (size_t)(at - form));
        if (which == PROBLEM) {
            tj_blanks_step(out, ask->problem);
        } else if (which == ANSWER) {
            tj_buf_str(out, ask->answer == NULL ? "" : ask->answer);
        } else if (which == STEPS) {
            write_steps(out, ask, ask->n_steps - (whole ? 0 : 1), language);
        } else if (which == STEP) {
            tj_blanks_step(out, ask->steps[ask->n_steps - 1]);
        } else {
            tj_buf_printf(out, "%zu", ask->n_steps);
        }
        form = end;
    }
    tj_buf_str(out, form);
}
