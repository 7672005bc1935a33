/* See script_policy.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/script_policy.h"

void script_open(script *s, double p_wrong)
{
    size_t len;
    const char *json = tj_countdown_tokenizer_json(&len);
    s->cfg = (tj_countdown_config){.n_numbers = 4,
                                   .number_min = 1,
                                   .number_max = 13,
                                   .target_min = 10,
                                   .target_max = 100,
                                   .value_max = 100};
    s->p_wrong = p_wrong;
    tj_countdown_task(&s->task, &s->cfg);
    assert_int_equal(tj_tokenizer_parse(&s->tok, json, len, "tokenizer", NULL), TJ_OK);
    s->eos = tj_tokenizer_find(s->tok, "<eos>");
}

void script_close(script *s)
{
    tj_tokenizer_destroy(s->tok);
}

void script_items(const script *s, tj_grow_item *items, size_t n, uint64_t seed)
{
    tj_rng rng;
    tj_rng_init(&rng, seed, 0, 0, 0);
    for (size_t i = 0; i < n; i++) {
        tj_countdown_problem p;
        tj_buf json;
        tj_buf_init(&json);
        assert_int_equal(tj_countdown_draw(&p, &s->cfg, TJ_SPLIT_TRAIN, 1, &rng, NULL), TJ_OK);
        tj_countdown_write_json(&json, &p);
        items[i] = (tj_grow_item){.problem = (int64_t)i + 1};
        assert_int_equal(s->task.begin(s->task.ctx, &items[i].first, json.data, json.len, NULL),
                         TJ_OK);
        tj_buf_deinit(&json);
    }
}

/* The numbers left, from the task's own words for going back to a state. */
static tj_countdown_state read_state(const script *s, const tj_task_state *state)
{
    tj_countdown_state out = {.n_given = 4};
    tj_buf line;
    tj_buf_init(&line);
    s->task.write_back(s->task.ctx, state, &line);
    const char *at = strpbrk(tj_buf_text(&line), "0123456789");
    int used = 0;
    while (at != NULL && sscanf(at, "%u%n", &out.numbers[out.n_numbers], &used) == 1) {
        out.n_numbers++;
        at += used;
        if (*at != ' ') {
            break;
        }
    }
    at = strpbrk(at, "0123456789");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "%u", &out.target), 1);
    tj_buf_deinit(&line);
    return out;
}

static tj_code begin_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    (void)ctx;
    (void)tree;
    (void)err;
    return TJ_OK;
}

tj_code script_sample(void *ctx, tj_step_request *requests, size_t n, const tj_job *job,
                      tj_err *err)
{
    const script *s = ctx;
    (void)job;
    for (size_t i = 0; i < n; i++) {
        tj_step_request *r = &requests[i];
        tj_countdown_state state = read_state(s, &r->tree->nodes[r->node].state);
        tj_countdown_step step;
        tj_rng rng;
        tj_buf text;
        tj_ids ids = {0};
        tj_rng_init(&rng, r->tree->seed, r->tree->run, (uint64_t)r->tree->problem, r->draw);
        assert_true(tj_countdown_random_step(&s->cfg, &state, &step, &rng));
        size_t number = state.n_given - state.n_numbers + 1;
        tj_countdown_apply(&state, &step);
        if (tj_rng_double(&rng) < s->p_wrong) {
            step.result++;
        }
        tj_buf_init(&text);
        tj_countdown_write_step(&text, number, &step, &state);
        tj_code rc = tj_tokenizer_encode(s->tok, &ids, text.data, text.len, false, err);
        if (rc != TJ_OK) {
            return rc;
        }
        r->ids = ids.ids;
        r->n_ids = ids.n;
        r->logprobs = tj_calloc(ids.n, sizeof *r->logprobs);
        for (size_t t = 0; t < ids.n; t++) {
            r->logprobs[t] = -tj_rng_float(&rng);
        }
        r->text = tj_buf_take(&text);
        r->n_tokens = ids.n;
        r->whole = true;
    }
    return TJ_OK;
}

tj_code script_grow(const script *s, const tj_grow_config *cfg, const tj_grow_item *items, size_t n,
                    uint64_t seed, tj_tree_done_fn done, void *ctx)
{
    script copy = *s;
    tj_policy policy = {.begin = begin_tree, .sample = script_sample, .ctx = &copy};
    tj_growth growth = {.policy = &policy,
                        .task = &s->task,
                        .cfg = cfg,
                        .seed = seed,
                        .run = 1,
                        .done = done,
                        .ctx = ctx};
    return tj_trees_grow(&growth, items, n, NULL);
}
