/* A generator as a policy: each request is a query of one sample. What is asked depends on the path
 * and the request's stream alone, so that answers that a cache holds are found again. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/opening.h"

typedef struct generator_ctx {
    tj_generator *generator;
    const tj_task *task;
    tj_words_prompt prompt;
    tj_step_options options;
} generator_ctx;

static tj_code begin_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    (void)ctx;
    (void)tree;
    (void)err;
    return TJ_OK; /* there are no ids */
}

/* ------------------------------------------------------------------ what is asked */

/* Not every server goes on with an assistant's last message: the user asks for it. */
static tj_code ask_for_next(const generator_ctx *g, tj_opening *o, size_t number, tj_err *err)
{
    char text[96];
    (void)snprintf(text, sizeof text, "Continue the solution: write %s %zu of it only.",
                   g->options.form == TJ_STEPS_PARAGRAPHS ? "paragraph" : "line", number);
    return tj_opening_wish(o, text, err);
}

static tj_code ask(const generator_ctx *g, tj_opening *o, const tj_step_request *r, tj_err *err)
{
    const tj_tree *tree = r->tree;
    tj_code rc = tree->question == NULL ? tj_opening_state(o, g->task, &tree->first, err)
                                        : tj_opening_words(o, &g->prompt, tree->question, err);
    tj_tree_path_text(tree, r->node, &o->text);
    if (rc == TJ_OK) {
        rc = tj_opening_end_steps(o, err);
    }
    return rc == TJ_OK && o->chats && o->text.len > 0
               ? ask_for_next(g, o, tree->nodes[r->node].depth + 1, err)
               : rc;
}

static const char *const newline[] = {"\n"};
static const char *const empty_line[] = {"\n\n"};

static tj_query query_of(const generator_ctx *g, const tj_opening *opening,
                         const tj_step_request *r)
{
    const tj_step_options *o = &g->options;
    tj_query q = {.sampling = {.temperature = r->temperature, .top_p = o->top_p},
                  .seed = r->tree->seed,
                  .run = r->draw, /* a hash of all that leads to the request */
                  .problem = (uint64_t)r->tree->problem,
                  .n_samples = 1,
                  .max_tokens = o->max_tokens,
                  .stop = o->form == TJ_STEPS_PARAGRAPHS ? empty_line : newline,
                  .n_stop = 1};
    tj_opening_lend(opening, &q);
    return q;
}

/* ------------------------------------------------------------------ what comes back */

/* Servers leave out the stop string and do not tell it from the end of the answer; an empty answer
 * has nothing more to say. The delimiter is put back, so that a path reads as it was meant. */
static tj_code take(const generator_ctx *g, tj_step_request *r, const tj_query *q, tj_err *err)
{
    const tj_completion *c = &q->completions[0];
    const char *text = c->text == NULL ? "" : c->text;
    size_t n = strlen(text); /* a zero byte ends it: it is no text */
    size_t begin = strspn(text, "\r\n");
    tj_buf step;
    r->whole = c->finish == TJ_FINISH_STOP || c->finish == TJ_FINISH_EOS;
    r->last = c->finish == TJ_FINISH_EOS || (r->whole && begin == n);
    r->n_tokens = (size_t)(q->usage.n_completion + q->saved.n_completion);
    tj_buf_init(&step);
    tj_buf_add(&step, text + begin, n - begin);
    if (r->whole && begin < n) {
        tj_buf_str(&step, g->options.form == TJ_STEPS_PARAGRAPHS ? "\n\n" : "\n");
    }
    tj_code rc = tj_buf_check(&step, err);
    r->text = rc == TJ_OK ? tj_strndup(tj_buf_text(&step), step.len) : NULL;
    tj_buf_deinit(&step);
    return r->text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a step's text") : TJ_OK;
}

static tj_code sample(void *ctx, tj_step_request *requests, size_t n, const tj_job *job,
                      tj_err *err)
{
    generator_ctx *g = ctx;
    tj_job quiet = {.cancel = job == NULL ? NULL : job->cancel};
    tj_query *queries = tj_calloc(n, sizeof *queries);
    tj_opening *openings = tj_calloc(n, sizeof *openings);
    tj_code rc = queries == NULL || openings == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot ask for %zu steps", n)
                     : TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        tj_opening_init(&openings[i], g->generator->chats);
        rc = ask(g, &openings[i], &requests[i], err);
        if (rc == TJ_OK) {
            queries[i] = query_of(g, &openings[i], &requests[i]);
        }
    }
    if (rc == TJ_OK) {
        rc = g->generator->generate(g->generator->ctx, queries, n, &quiet, err);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = take(g, &requests[i], &queries[i], err);
    }
    for (size_t i = 0; queries != NULL && openings != NULL && i < n; i++) {
        tj_query_deinit(&queries[i]);
        tj_opening_deinit(&openings[i]);
    }
    tj_free(queries);
    tj_free(openings);
    return rc;
}

tj_code tj_policy_of_generator(tj_policy *out, tj_generator *generator, const tj_task *task,
                               const tj_words_prompt *prompt, const tj_step_options *options,
                               tj_err *err)
{
    *out = (tj_policy){0};
    if (options->form == TJ_STEPS_TOKENS) {
        return tj_fail(err, TJ_E_INVAL,
                       "steps of so many tokens need a model here: a server's tokens are not seen");
    }
    generator_ctx *g = tj_calloc(1, sizeof *g);
    if (g == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a policy");
    }
    g->generator = generator;
    g->task = task;
    g->options = *options;
    g->prompt = prompt == NULL ? (tj_words_prompt){NULL, 0} : *prompt;
    *out = (tj_policy){.begin = begin_tree, .sample = sample, .close = tj_free, .ctx = g};
    return TJ_OK;
}
