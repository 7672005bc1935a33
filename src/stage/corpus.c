/* Phase-1 texts. A base that sees successes only learns to forge arithmetic that ends in the
 * target; honest failures, said to be such, keep it honest. A problem that failed is often put
 * again, and then its prompt is learnt too: so the base can say a problem again from memory, which
 * going back asks of it later (docs/experiment.md has the figures). */
#include "stage/corpus.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

/* What random numbers are for: one stream each. */
enum { RUN_CORPUS = 101, RUN_ORDER = 102, RUN_REPLAY = 103 };

static tj_countdown_state state_of(const tj_countdown_problem *p)
{
    tj_countdown_state s = {
        .n_numbers = p->n_numbers, .target = p->target, .n_given = p->n_numbers};
    memcpy(s.numbers, p->numbers, sizeof s.numbers);
    return s;
}

static void write_success(const tj_corpus *c, tj_buf *text, tj_countdown_state s, tj_rng *rng)
{
    tj_countdown_step steps[TJ_COUNTDOWN_MAX_NUMBERS];
    size_t n = s.n_numbers - 1;
    bool solved = tj_countdown_solve(c->task, &s, steps, rng);
    for (size_t i = 0; solved && i < n; i++) {
        tj_countdown_apply(&s, &steps[i]);
        tj_countdown_write_step(text, i + 1, &steps[i], &s);
    }
    tj_countdown_write_reached(text, s.target);
}

/* A legal step that keeps the target within reach but does not reach it, if there is one. */
static bool sound_step(const tj_corpus *c, const tj_countdown_state *s, tj_countdown_step *out,
                       tj_rng *rng)
{
    tj_countdown_step steps[TJ_COUNTDOWN_MAX_STEPS];
    size_t n = s->n_numbers > 2 ? tj_countdown_steps(c->task, s, steps) : 0;
    size_t n_sound = 0;
    for (size_t i = 0; i < n; i++) {
        tj_countdown_state after = *s;
        tj_countdown_apply(&after, &steps[i]);
        if (tj_countdown_solvable(c->task, &after)) {
            steps[n_sound++] = steps[i];
        }
    }
    if (n_sound == 0) {
        return false;
    }
    *out = steps[tj_rng_below(rng, n_sound)];
    return true;
}

/* An attempt that misses the target and says so; false (nothing written) if it happened to hit. */
static bool write_failure(const tj_corpus *c, tj_buf *text, tj_countdown_state s, tj_rng *rng)
{
    size_t mark = text->len;
    for (size_t i = 1; s.n_numbers > 1; i++) {
        tj_countdown_step step;
        bool sound = tj_rng_double(rng) < c->cfg->p_late && sound_step(c, &s, &step, rng);
        if (!sound && !tj_countdown_random_step(c->task, &s, &step, rng)) {
            break;
        }
        tj_countdown_apply(&s, &step);
        tj_countdown_write_step(text, i, &step, &s);
    }
    if (s.n_numbers > 1 || s.numbers[0] == s.target) {
        text->len = mark;
        return false;
    }
    tj_countdown_write_failed(text, s.numbers[0], s.target);
    return true;
}

/* A problem with one number less: a problem of the pool after one sound step of its solution. */
static void make_smaller(const tj_corpus *c, tj_countdown_problem *p, tj_rng *rng)
{
    tj_countdown_state s = state_of(p);
    tj_countdown_step steps[TJ_COUNTDOWN_MAX_NUMBERS];
    if (p->n_numbers > 2 && tj_countdown_solve(c->task, &s, steps, rng)) {
        tj_countdown_apply(&s, &steps[0]);
        memset(p->numbers, 0, sizeof p->numbers);
        memcpy(p->numbers, s.numbers, s.n_numbers * sizeof s.numbers[0]);
        p->n_numbers = s.n_numbers;
    }
}

static tj_code add_encoded(const tj_corpus *c, tj_batch *batch, const char *text, size_t len,
                           float weight, tj_err *err)
{
    tj_ids ids = {0};
    tj_code rc = tj_tokenizer_encode(c->tok, &ids, text, len, false, err);
    if (rc == TJ_OK) {
        rc = tj_batch_add(batch, ids.ids, ids.n, weight, err);
    }
    tj_ids_deinit(&ids);
    return rc;
}

tj_code tj_corpus_add_text(const tj_corpus *c, tj_batch *batch, tj_corpus_state *state, tj_rng *rng,
                           tj_err *err)
{
    tj_countdown_problem p;
    bool again = state->failed && tj_rng_double(rng) < c->cfg->p_again;
    if (again) {
        p = state->last;
    } else {
        p = c->problems[tj_rng_below(rng, c->n_problems)];
        if (tj_rng_double(rng) < c->cfg->p_smaller) {
            make_smaller(c, &p, rng);
        }
    }
    tj_buf text;
    tj_buf_init(&text);
    tj_countdown_write_prompt(&text, &p);
    size_t n_prompt = text.len;
    bool fail = tj_rng_double(rng) < c->cfg->p_fail;
    fail = fail && write_failure(c, &text, state_of(&p), rng);
    if (!fail) {
        write_success(c, &text, state_of(&p), rng);
    }
    state->failed = fail;
    state->last = p;
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        rc = add_encoded(c, batch, text.data, n_prompt, again ? 1.0F : 0.0F, err);
    }
    if (rc == TJ_OK) {
        rc = add_encoded(c, batch, text.data + n_prompt, text.len - n_prompt, 1.0F, err);
    }
    tj_buf_deinit(&text);
    return rc == TJ_OK ? tj_batch_add(batch, &c->eos, 1, 1.0F, err) : rc;
}

tj_code tj_corpus_begin_chain(const tj_corpus *c, tj_batch *batch, tj_err *err)
{
    tj_code rc = tj_batch_begin(batch, err);
    return rc == TJ_OK ? tj_batch_add(batch, &c->eos, 1, 0.0F, err) : rc;
}

tj_code tj_corpus_fill(void *ctx, size_t update, tj_batch *batch, tj_err *err)
{
    const tj_corpus *c = ctx;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < c->chains && rc == TJ_OK; i++) {
        tj_corpus_state state = {.failed = false};
        tj_rng rng;
        tj_rng_init(&rng, c->seed, RUN_CORPUS, update, i);
        rc = tj_corpus_begin_chain(c, batch, err);
        while (rc == TJ_OK && tj_batch_last_length(batch) < c->cfg->chain_tokens) {
            rc = tj_corpus_add_text(c, batch, &state, &rng, err);
        }
    }
    return rc;
}

/* ------------------------------------------------------------------ phase 2 */

size_t tj_lessons_updates(const tj_lessons *l, size_t epochs)
{
    return (l->n * epochs + l->per_update - 1) / l->per_update;
}

static const tj_lesson *lesson_at(tj_lessons *l, size_t index)
{
    size_t epoch = index / l->n;
    if (epoch != l->order_epoch) {
        tj_rng rng;
        tj_rng_init(&rng, l->seed, RUN_ORDER, epoch, 0);
        for (size_t i = 0; i < l->n; i++) {
            l->order[i] = i;
        }
        tj_rng_shuffle(&rng, l->order, l->n);
        l->order_epoch = epoch;
    }
    return &l->lessons[l->order[index % l->n]];
}

static tj_code add_lesson(tj_batch *batch, const tj_lesson *lesson, tj_err *err)
{
    tj_code rc = tj_batch_add(batch, lesson->prompt, lesson->n_prompt, 0.0F, err);
    if (rc == TJ_OK && lesson->weights == NULL) {
        return tj_batch_add(batch, lesson->ids, lesson->n_ids, 1.0F, err);
    }
    for (size_t i = 0; rc == TJ_OK && i < lesson->n_ids; i++) {
        rc = tj_batch_add(batch, lesson->ids + i, 1, lesson->weights[i], err);
    }
    return rc;
}

/* The lesson's place in the training, not its arm, decides what is replayed beside it: both arms
 * see the same phase-1 texts. */
static tj_code add_replay(const tj_lessons *l, tj_batch *batch, size_t index, tj_err *err)
{
    tj_rng rng;
    tj_corpus_state state = {.failed = false};
    tj_rng_init(&rng, l->seed, RUN_REPLAY, index, 0);
    size_t n = (size_t)floor(l->replay);
    n += tj_rng_double(&rng) < l->replay - floor(l->replay) ? 1 : 0;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = tj_corpus_add_text(l->corpus, batch, &state, &rng, err);
    }
    return rc;
}

tj_code tj_lessons_fill(void *ctx, size_t update, tj_batch *batch, tj_err *err)
{
    tj_lessons *l = ctx;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < l->per_update && rc == TJ_OK; i++) {
        size_t index = update * l->per_update + i;
        size_t length = tj_batch_last_length(batch);
        if (length == 0 || length >= l->corpus->cfg->chain_tokens) {
            rc = tj_corpus_begin_chain(l->corpus, batch, err);
        }
        if (rc == TJ_OK) {
            rc = add_lesson(batch, lesson_at(l, index), err);
        }
        if (rc == TJ_OK) {
            rc = add_replay(l, batch, index, err);
        }
    }
    return rc;
}
