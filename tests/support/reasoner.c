#include "support/reasoner.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static tj_code answer_one(reasoner *r, tj_query *q)
{
    const tj_message *last = q->messages == NULL ? NULL : &q->messages[q->n_messages - 1];
    const char *asked = last == NULL ? q->text : last->text;
    TJ_ASSERT(r->n_queries < REASONER_MAX_ASKED);
    r->seen[r->n_queries] = *q;
    r->asked[r->n_queries] = tj_strdup(asked);
    r->n_queries++;
    q->error.code = TJ_OK;
    q->completions = tj_calloc(q->n_samples, sizeof *q->completions);
    if (q->completions == NULL) {
        return tj_fail(&q->error, TJ_E_NOMEM, "no memory");
    }
    for (size_t i = 0; i < q->n_samples; i++) {
        tj_buf text;
        bool lost = false;
        tj_buf_init(&text);
        r->fn(r, &text, asked, q, i, &lost);
        r->n_samples++;
        if (lost) {
            (void)tj_fail(&q->error, TJ_E_IO, "the line is down");
            tj_buf_deinit(&text);
            continue;
        }
        q->completions[i].finish = strchr(tj_buf_text(&text), '#') != NULL ? TJ_FINISH_LENGTH
                                                                           : TJ_FINISH_EOS;
        q->completions[i].n_text = text.len;
        q->completions[i].text = tj_buf_take(&text);
        q->usage.n_completion += 10;
        q->usage.cost += 0.5;
        if (q->completions[i].text == NULL) {
            return tj_fail(&q->error, TJ_E_NOMEM, "no memory");
        }
    }
    q->usage.n_prompt = 100;
    return q->error.code;
}

static tj_code generate(void *ctx, tj_query *queries, size_t n, const tj_job *job, tj_err *err)
{
    reasoner *r = ctx;
    tj_code rc = TJ_OK;
    (void)job;
    for (size_t i = 0; i < n; i++) {
        tj_code one = answer_one(r, &queries[i]);
        if (r->cancel_at != 0 && r->n_queries >= r->cancel_at) {
            return tj_fail(err, TJ_E_CANCELLED, "stopped");
        }
        if (one != TJ_OK && rc == TJ_OK) {
            rc = tj_fail(err, one, "%s", queries[i].error.msg);
        }
    }
    return rc;
}

static tj_generator_stats get_stats(const void *ctx)
{
    return ((const reasoner *)ctx)->stats;
}

static void close_nothing(void *ctx)
{
    (void)ctx;
}

void reasoner_open(reasoner *r, reasoner_fn fn, void *ctx)
{
    memset(r, 0, sizeof *r);
    r->fn = fn;
    r->ctx = ctx;
    r->model.generator = (tj_generator){.generate = generate,
                                        .get_stats = get_stats,
                                        .close = close_nothing,
                                        .ctx = r,
                                        .chats = true,
                                        .batch = 4};
}

void reasoner_close(reasoner *r)
{
    for (size_t i = 0; i < r->n_queries; i++) {
        tj_free(r->asked[i]);
    }
}

void reasoner_say(reasoner *r, tj_buf *out, const char *asked, const tj_query *query, size_t sample,
                  bool *lost)
{
    const char *const *answers = r->ctx;
    (void)asked;
    (void)query;
    (void)sample;
    *lost = strcmp(answers[r->n_samples], "!") == 0;
    tj_buf_str(out, *lost ? "" : answers[r->n_samples]);
}
