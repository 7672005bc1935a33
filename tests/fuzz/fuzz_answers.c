/* Any bytes as answers that an evaluation finds again: its own answers.jsonl, of which the first
 * line gives the prompts' hash, and a file of the harness or of ours that is scored alone; and as
 * rows of choices. What is taken has all of its texts, without thoughts, and sums that are numbers;
 * taking it twice, or only the lines that are whole, gives the same. What is refused names the
 * input. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "stage/eval_inner.h"
#include "text/text.h"

#define N_DOCS    4
#define N_SAMPLES 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(const tj_eval_answer *answer, bool is_ours)
{
    TJ_ASSERT(answer->n > 0 && (!is_ours || answer->n == N_SAMPLES));
    for (size_t k = 0; k < answer->n; k++) {
        tj_thinking parts;
        const tj_str *text = &answer->texts[k];
        TJ_ASSERT(text->s != NULL && text->s[text->n] == '\0');
        TJ_ASSERT(!tj_split_thinking(&parts, text->s, text->n) && parts.n_answer == text->n);
        TJ_ASSERT(answer->finishes[k] <= TJ_FINISH_FILTER);
    }
}

static void check(const tj_eval_answers *a, bool is_ours)
{
    size_t n = 0;
    for (size_t i = 0; i < N_DOCS; i++) {
        if (a->of[i].texts != NULL) {
            check_answer(&a->of[i], is_ours);
            n++;
        }
    }
    TJ_ASSERT(n == a->n_answered);
    TJ_ASSERT(isfinite(a->seconds) && a->seconds >= 0.0 && isfinite(a->cost) && a->cost >= 0.0);
}

static tj_code take(tj_eval_answers *a, const char *bytes, size_t n, const tj_eval_docs *docs,
                    size_t *n_whole)
{
    tj_err err = {.msg = ""};
    TJ_ASSERT(tj_eval_answers_begin(a, "input", N_DOCS, NULL) == TJ_OK);
    tj_code rc = tj_eval_answers_parse(a, bytes, n, docs, N_SAMPLES, n_whole, &err);
    TJ_ASSERT(*n_whole <= n);
    TJ_ASSERT(rc == TJ_OK || strncmp(err.msg, "input:", 6) == 0);
    return rc;
}

static void check_answers(const char *bytes, size_t n, const tj_eval_docs *docs)
{
    tj_eval_answers a, again;
    size_t n_whole, n_again;
    if (take(&a, bytes, n, docs, &n_whole) == TJ_OK) {
        check(&a, docs != NULL);
        TJ_ASSERT(docs != NULL || n_whole == n);
        TJ_ASSERT(take(&again, bytes, n_whole, docs, &n_again) == TJ_OK && n_again == n_whole);
        TJ_ASSERT(again.n_answered == a.n_answered && again.n_prompt == a.n_prompt);
        for (size_t i = 0; i < N_DOCS; i++) {
            TJ_ASSERT(again.of[i].n == a.of[i].n && again.of[i].n_tokens == a.of[i].n_tokens);
        }
        tj_eval_answers_close(&again);
    }
    tj_eval_answers_close(&a);
}

static void check_rows(const char *bytes, size_t n)
{
    tj_choice_rows rows;
    tj_err err = {.msg = ""};
    if (tj_choice_rows_parse(&rows, bytes, n, "input", 0, &err) == TJ_OK) {
        TJ_ASSERT(rows.n > 0);
        for (size_t i = 0; i < rows.n; i++) {
            const tj_choice_row *row = &rows.rows[i];
            TJ_ASSERT(row->gold < row->n && row->line > i && tj_choice_query(row).s != NULL);
            for (size_t k = 0; k < row->n; k++) {
                TJ_ASSERT(tj_choice_text(row, k).n > 0);
            }
        }
    } else {
        TJ_ASSERT(strncmp(err.msg, "input", 5) == 0);
    }
    tj_choice_rows_close(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    tj_eval_doc all[N_DOCS] = {{.level = 0}};
    tj_eval_docs docs = {.docs = all, .n = N_DOCS};
    const char *end = size == 0 ? NULL : memchr(bytes, '\n', size);
    size_t n = end == NULL ? 0 : (size_t)(end - bytes);
    for (size_t i = 0; i < N_DOCS; i++) {
        size_t n_hash = n < TJ_SHA256_HEX ? n : TJ_SHA256_HEX - 1;
        memcpy(all[i].prompt_hash, bytes, n_hash);
    }
    if (end != NULL) {
        check_answers(end + 1, size - n - 1, &docs);
    }
    check_answers(bytes, size, NULL);
    check_rows(bytes, size);
    return 0;
}
