/* See script_words.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "support/script_words.h"

#define TAKES 3 /* steps before the answer */

static size_t taken(const tj_tree *tree, size_t node)
{
    size_t sum = 0;
    for (size_t i = node; i != 0; i = tree->nodes[i].parent) {
        const char *at = strstr(tree->nodes[i].text, "Take ");
        sum += at == NULL ? 0 : (size_t)(at[5] - '0');
    }
    return sum;
}

static void write_step(tj_step_request *r, tj_rng *rng, const script_words *s, char *out, size_t n)
{
    const tj_node *node = &r->tree->nodes[r->node];
    size_t number = node->depth + 1;
    if (node->depth > 0 && tj_rng_double(rng) < s->p_loop) {
        (void)snprintf(out, n, "%zu. %s", number, node->text + 3);
    } else if (number > TAKES) {
        (void)snprintf(out, n, "%zu. The answer is \\boxed{%zu}.\n", number,
                       taken(r->tree, r->node));
    } else { /* the number makes steps of a path distinct */
        (void)snprintf(out, n, "%zu. Take %zu (%zu).\n", number, (size_t)tj_rng_below(rng, 4) + 1,
                       number);
    }
}

static tj_code sample(void *ctx, tj_step_request *requests, size_t n, const tj_job *job,
                      tj_err *err)
{
    script_words *s = ctx;
    (void)job;
    s->n_calls++;
    s->n_asked += n;
    for (size_t i = 0; i < n; i++) {
        tj_step_request *r = &requests[i];
        tj_rng rng;
        char text[128];
        tj_rng_init(&rng, r->tree->seed, r->tree->run, (uint64_t)r->tree->problem, r->draw);
        write_step(r, &rng, s, text, sizeof text);
        r->whole = tj_rng_double(&rng) >= s->p_endless;
        r->ids = tj_calloc(2, sizeof *r->ids);
        r->logprobs = tj_calloc(2, sizeof *r->logprobs);
        r->text = tj_strdup(text);
        if (r->ids == NULL || r->logprobs == NULL || r->text == NULL) {
            return tj_fail(err, TJ_E_NOMEM, "no memory");
        }
        r->n_ids = s->no_ids ? 0 : 2;
        r->n_tokens = 2;
        r->logprobs[0] = -tj_rng_float(&rng);
        r->logprobs[1] = -tj_rng_float(&rng);
    }
    return TJ_OK;
}

static tj_code begin_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    (void)ctx;
    (void)tree;
    (void)err;
    return TJ_OK;
}

tj_policy script_words_policy(script_words *s)
{
    return (tj_policy){.begin = begin_tree, .sample = sample, .ctx = s};
}

static double value_of(const script_scorer *s, const tj_score_ask *ask)
{
    double value = 1.0;
    for (size_t i = 0; i < ask->n_steps && s->favourite > 0; i++) {
        const char *at = strstr(ask->steps[i], "Take ");
        if (at != NULL) {
            size_t k = (size_t)(at[5] - '0');
            size_t off = k > s->favourite ? k - s->favourite : s->favourite - k;
            value -= 0.1 * (double)off;
        }
    }
    return value;
}

static tj_code score(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                     const tj_job *job, tj_err *err)
{
    script_scorer *s = ctx;
    (void)job;
    s->n_calls++;
    if (s->refuses) {
        return tj_fail(err, TJ_E_INVAL, "the key is refused");
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (tj_score){.value = value_of(s, &asks[i]), .tokens = 1};
        if (s->fail_each > 0 && asks[i].key % s->fail_each == 0) { /* whatever is asked beside it */
            out[i].failed = true;
            out[i].error = tj_strdup("nonsense came");
        }
    }
    return TJ_OK;
}

tj_scorer script_words_scorer(script_scorer *s)
{
    return (tj_scorer){.name = "script",
                       .meaning = TJ_PROGRESS,
                       .low = 0.0,
                       .high = 1.0,
                       .threshold = 0.75,
                       .score = score,
                       .ctx = s};
}

void script_words_items(tj_grow_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        items[i] = (tj_grow_item){
            .problem = (int64_t)i + 1, .question = "Take three times. How many?", .answer = "6"};
    }
}
