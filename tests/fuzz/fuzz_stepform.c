/* Any bytes as a solution in LaTeX. Its sentences follow one another and leave out nothing but
 * white space; what becomes of it has numbered lines, of which the last is the answer. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "task/mathprose.h"
#include "task/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void check_sentences(tj_str text)
{
    tj_str sentence;
    size_t at = 0;
    size_t before = 0;
    tj_prose found;
    while ((found = tj_prose_next(&sentence, text, &at)) == TJ_PROSE_SENTENCE) {
        TJ_ASSERT(sentence.n > 0 && at > before && at <= text.n);
        TJ_ASSERT(!is_space(sentence.s[0]) && !is_space(sentence.s[sentence.n - 1]));
        for (const char *s = text.s + before; s < sentence.s; s++) {
            TJ_ASSERT(is_space(*s));
        }
        before = (size_t)(sentence.s - text.s) + sentence.n;
        for (size_t i = before; i < at; i++) {
            TJ_ASSERT(is_space(text.s[i]));
        }
    }
    TJ_ASSERT(found != TJ_PROSE_END || at == text.n);
}

static void check_form(const char *text)
{
    static const char last[] = "The answer is \\boxed{";
    size_t n = 0;
    const char *line = text;
    for (;;) {
        char number[32];
        int len = snprintf(number, sizeof number, "%zu. ", ++n);
        TJ_ASSERT(strncmp(line, number, (size_t)len) == 0);
        const char *end = strchr(line, '\n');
        if (end == NULL) {
            TJ_ASSERT(n > 1 && strncmp(line + len, last, strlen(last)) == 0);
            return;
        }
        line = end + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (memchr(data, 0, size) != NULL || size == 0) {
        return 0; /* records have no zero characters */
    }
    tj_str text = {(const char *)data, size};
    tj_data_solution s = {.role = TJ_SOLUTION_REFERENCE, .text = text};
    tj_data_record r = {.problem = {"p", 1}, .answer = {"1", 1}, .solutions = &s, .n_solutions = 1};
    tj_str gold;
    tj_buf out;
    tj_buf_init(&out);
    check_sentences(text);
    if (tj_stepform_write(&out, &gold, &r, &(tj_stepform_options){0}) == TJ_STEPFORM_OK) {
        check_form(tj_buf_text(&out));
    } else {
        TJ_ASSERT(out.len == 0);
    }
    tj_buf_deinit(&out);
    return 0;
}
