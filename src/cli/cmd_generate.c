/* generate: answers sampled from a model. */
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/common.h"
#include "cli/generators.h"

typedef struct generation {
    tj_cli_generator model;
    tj_query proto; /* what all queries have in common */
    bool chat;      /* prompts are the questions of conversations */
    const char *system;
    tj_query *queries;      /* [cap], the first n are given */
    char **prompts;         /* [cap] */
    tj_message (*turns)[2]; /* [cap] system prompt, if there is one, and question */
    size_t n, cap, n_before;
    json_t *list; /* with --json */
} generation;

static tj_code read_settings(tj_query *q, const tj_args *args, tj_err *err)
{
    size_t seed = 1;
    tj_code rc = tj_cli_read_sampling(&q->sampling, args, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "samples", 1, TJ_MAX_QUERY_SAMPLES, &q->n_samples, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "max-tokens", 400, 1 << 20, &q->max_tokens, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "logprobs", 0, TJ_MAX_TOP, &q->n_top, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "seed", 1, SIZE_MAX, &seed, err);
        q->seed = seed;
    }
    return rc == TJ_OK ? tj_cli_use_threads(args, err) : rc;
}

/* ------------------------------------------------------------ printing */

/* [{"token", "logprob"}] of n tokens. */
static json_t *probs_json(const tj_completion *c, const tj_token_prob *probs, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list,
                              json_pack("{s:o, s:f}", "token",
                                        tj_json_text(c->bytes + probs[i].begin, probs[i].n_bytes),
                                        "logprob", probs[i].logprob));
    }
    return list;
}

static json_t *logprobs_json(const tj_completion *c, size_t n_top)
{
    json_t *list = probs_json(c, c->tokens, c->n_tokens);
    for (size_t i = 0; n_top > 0 && i < c->n_tokens; i++) {
        size_t begin = c->top_begin[i], end = c->top_begin[i + 1];
        json_object_set_new(json_array_get(list, i), "top_logprobs",
                            probs_json(c, c->top + begin, end - begin));
    }
    return list;
}

static json_t *usage_json(const tj_usage *usage, bool has_prices)
{
    json_t *json = json_pack("{s:I, s:I, s:I, s:I}", "prompt_tokens", (json_int_t)usage->n_prompt,
                             "cached_tokens", (json_int_t)usage->n_cached, "completion_tokens",
                             (json_int_t)usage->n_completion, "reasoning_tokens",
                             (json_int_t)usage->n_reasoning);
    json_object_set_new(json, "cost", has_prices ? json_real(usage->cost) : json_null());
    return json;
}

/* What only some answers have. */
static void add_details(const generation *g, json_t *one, const tj_query *q, size_t sample)
{
    const tj_completion *c = &q->completions[sample];
    if (c->reasoning != NULL) {
        json_object_set_new(one, "reasoning", tj_json_text(c->reasoning, c->n_reasoning));
    }
    if (c->tokens != NULL && g->proto.n_top > 0) {
        json_object_set_new(one, "logprobs", logprobs_json(c, g->proto.n_top));
    }
    if (g->model.is_remote) {
        json_object_set_new(one, "cached", json_boolean(c->is_cached));
    }
    if (g->model.is_remote && sample == 0) { /* of all the prompt's samples */
        const tj_generator *m = &g->model.generator;
        json_object_set_new(one, "usage", usage_json(&q->usage, m->get_stats(m->ctx).has_prices));
    }
}

static tj_code list_answer(generation *g, const char *prompt, const tj_query *q, size_t sample,
                           tj_err *err)
{
    static const char *const finishes[] = {"none", "eos", "stop", "length", "failed", "filter"};
    const tj_completion *c = &q->completions[sample];
    double sum = 0.0;
    for (size_t i = 0; i < c->n_tokens; i++) {
        sum += c->tokens[i].logprob;
    }
    json_t *one = json_pack(
        "{s:o, s:I, s:o, s:o, s:o, s:s}", "prompt", tj_json_text(prompt, strlen(prompt)), "sample",
        (json_int_t)sample, "text", tj_json_text(c->text, c->n_text), "tokens",
        c->tokens == NULL ? json_null() : json_integer((json_int_t)c->n_tokens), "logprob",
        c->tokens == NULL ? json_null() : json_real(sum), "finish", finishes[c->finish]);
    add_details(g, one, q, sample);
    return json_array_append_new(g->list, one) == 0
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot hold an answer");
}

static void print_answer(const generation *g, const tj_completion *c)
{
    if (c->reasoning != NULL) {
        fputs("<think>\n", stdout);
        tj_print_text(c->reasoning, c->n_reasoning);
        fputs("\n</think>\n\n", stdout);
    }
    tj_print_text(c->text, c->n_text);
    bool ended = c->n_text > 0 && c->text[c->n_text - 1] == '\n';
    fputs(ended ? "" : "\n", stdout);
    fputs(g->proto.n_samples > 1 ? "\n" : "", stdout);
}

/* The answers of a query, or, unless that is said otherwise, a line on why there are none. */
static tj_code show(generation *g, size_t i, bool is_said, tj_err *err)
{
    const tj_query *q = &g->queries[i];
    tj_code rc = TJ_OK;
    if (q->error.code != TJ_OK && !is_said) {
        tj_job_log(tj_cli_job(), "prompt %zu: %s", g->n_before + i + 1, q->error.msg);
    }
    for (size_t s = 0; q->error.code == TJ_OK && s < q->n_samples && rc == TJ_OK; s++) {
        if (g->list != NULL) {
            rc = list_answer(g, g->prompts[i], q, s, err);
        } else {
            print_answer(g, &q->completions[s]);
        }
    }
    return rc;
}

/* ------------------------------------------------------------ asking */

/* Answers the queries that are gathered, prints the answers and forgets them. */
static tj_code flush(generation *g, tj_err *err)
{
    const tj_generator *m = &g->model.generator;
    bool has_error = false;
    tj_err shown;
    tj_code rc = m->generate(m->ctx, g->queries, g->n, tj_cli_job(), err);
    for (size_t i = 0; i < g->n; i++) {
        bool is_error = g->queries[i].error.code != TJ_OK;
        /* the first error is returned, and one message is enough for all that is cancelled */
        bool is_said = !has_error || rc == TJ_E_CANCELLED;
        if (show(g, i, is_said, &shown) != TJ_OK && rc == TJ_OK) {
            rc = tj_fail(err, shown.code, "%s", shown.msg);
        }
        has_error |= is_error;
        tj_query_deinit(&g->queries[i]);
        tj_free(g->prompts[i]);
    }
    g->n_before += g->n;
    g->n = 0;
    return rc;
}

static tj_code gather(void *ctx, const char *prompt, size_t index, tj_err *err)
{
    generation *g = ctx;
    char *copy = tj_strdup(prompt);
    if (copy == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a prompt");
    }
    tj_message *turns = g->turns[g->n];
    size_t n_system = g->system == NULL ? 0 : 1;
    turns[0] = (tj_message){TJ_ROLE_SYSTEM, g->system, n_system ? strlen(g->system) : 0};
    turns[1] = (tj_message){TJ_ROLE_USER, copy, strlen(copy)};
    g->prompts[g->n] = copy;
    tj_query *q = &g->queries[g->n++];
    *q = g->proto;
    q->problem = index;
    if (g->chat) {
        q->messages = turns + 1 - n_system;
        q->n_messages = 1 + n_system;
    } else {
        q->text = copy;
        q->n_text = turns[1].len;
    }
    return g->n == g->cap ? flush(g, err) : TJ_OK;
}

static tj_code prepare(generation *g, const tj_args *args, tj_err *err)
{
    bool by_hand = tj_args_n_operands(args) == 0 && isatty(STDIN_FILENO) == 1;
    g->chat = g->model.generator.chats && !tj_args_has(args, "raw");
    g->system = tj_args_get(args, "system");
    g->proto.logprobs = !g->model.is_remote || tj_args_has(args, "logprobs");
    g->cap = by_hand ? 1 : g->model.generator.batch; /* who types wants each answer at once */
    if (g->system != NULL && !g->chat) {
        return tj_fail(err, TJ_E_INVAL,
                       "--system needs a chat template: name one with "
                       "--chat-template");
    }
    g->queries = tj_calloc(g->cap, sizeof *g->queries);
    g->prompts = tj_calloc(g->cap, sizeof *g->prompts);
    g->turns = tj_calloc(g->cap, sizeof *g->turns);
    return g->queries != NULL && g->prompts != NULL && g->turns != NULL
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot hold the prompts");
}

tj_code tj_cmd_generate(const tj_args *args, tj_err *err)
{
    generation g = {.list = tj_args_has(args, "json") ? json_array() : NULL};
    tj_code rc = read_settings(&g.proto, args, err);
    if (rc == TJ_OK) {
        rc = tj_cli_generator_open(&g.model, args, err);
    }
    if (rc == TJ_OK) {
        rc = prepare(&g, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_each_prompt(args, gather, &g, err);
    }
    if (rc == TJ_OK && g.n > 0) {
        rc = flush(&g, err);
    }
    if (g.model.is_remote && g.n_before > 0) { /* whatever failed, this was paid */
        const tj_generator *m = &g.model.generator;
        tj_generator_stats stats = m->get_stats(m->ctx);
        tj_cli_print_usage(&stats);
    }
    if (rc == TJ_OK && g.list != NULL) {
        rc = tj_print_json(g.list, err);
    }
    for (size_t i = 0; i < g.n; i++) { /* where reading the prompts failed */
        tj_free(g.prompts[i]);
    }
    tj_free(g.queries);
    tj_free(g.prompts);
    tj_free(g.turns);
    tj_cli_generator_close(&g.model);
    json_decref(g.list);
    return rc;
}
