/* A generator as a policy: each request is a query of one sample. What is asked depends on the path
 * and the request's stream alone, so that answers that a cache holds are found again. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/policy.h"

typedef struct generator_ctx {
    tj_generator *generator;
    const tj_task *task;
    tj_words_prompt prompt;
    tj_step_options options;
} generator_ctx;

/* What one request is asked by. */
typedef struct asking {
    tj_words_chat chat;
    tj_buf text; /* of the path; where only texts are continued, the prompt before it */
} asking;

static tj_code begin_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    (void)ctx;
    (void)tree;
    (void)err;
    return TJ_OK; /* there are no ids */
}

/* ------------------------------------------------------------------ what is asked */

/* Rules and problem of an embedded task. */
static tj_code put_state(const generator_ctx *g, asking *a, const tj_tree *tree, tj_err *err)
{
    tj_buf text;
    tj_buf_init(&text);
    g->task->write_rules(g->task->ctx, &text);
    tj_buf_char(&text, '\n');
    g->task->write_prompt(g->task->ctx, &tree->first, &text);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && g->generator->chats) {
        rc = tj_words_chat_add(&a->chat, TJ_ROLE_USER, tj_buf_text(&text), text.len, err);
    } else if (rc == TJ_OK) {
        tj_buf_add(&a->text, tj_buf_text(&text), text.len);
    }
    tj_buf_deinit(&text);
    return rc;
}

static tj_code put_words(const generator_ctx *g, asking *a, const tj_tree *tree, tj_err *err)
{
    if (g->generator->chats) {
        return tj_words_chat_begin(&a->chat, &g->prompt, tree->question, err);
    }
    tj_words_write_prompt(&a->text, &g->prompt, tree->question);
    return TJ_OK;
}

/* Not every server goes on with an assistant's last message: the user asks for it. */
static tj_code ask_for_next(const generator_ctx *g, asking *a, size_t number, tj_err *err)
{
    char text[96];
    int n = snprintf(text, sizeof text, "Continue the solution: write %s %zu of it only.",
                     g->options.form == TJ_STEPS_PARAGRAPHS ? "paragraph" : "line", number);
    return tj_words_chat_add(&a->chat, TJ_ROLE_USER, text, (size_t)n, err);
}

static tj_code ask(const generator_ctx *g, asking *a, const tj_step_request *r, tj_err *err)
{
    tj_buf_clear(&a->text);
    tj_words_chat_end(&a->chat);
    tj_code rc =
        r->tree->question == NULL ? put_state(g, a, r->tree, err) : put_words(g, a, r->tree, err);
    tj_tree_path_text(r->tree, r->node, &a->text);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&a->text, err);
    }
    if (rc == TJ_OK && g->generator->chats && a->text.len > 0) {
        rc =
            tj_words_chat_add(&a->chat, TJ_ROLE_ASSISTANT, tj_buf_text(&a->text), a->text.len, err);
        if (rc == TJ_OK) {
            rc = ask_for_next(g, a, r->tree->nodes[r->node].depth + 1, err);
        }
    }
    return rc;
}

static const char *const newline[] = {"\n"};
static const char *const empty_line[] = {"\n\n"};

static tj_query query_of(const generator_ctx *g, const asking *a, const tj_step_request *r)
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
    if (g->generator->chats) {
        q.messages = a->chat.messages;
        q.n_messages = a->chat.n;
    } else {
        q.text = tj_buf_text(&a->text);
        q.n_text = a->text.len;
    }
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
    asking *askings = tj_calloc(n, sizeof *askings);
    tj_code rc = queries == NULL || askings == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot ask for %zu steps", n)
                     : TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        tj_buf_init(&askings[i].text);
        rc = ask(g, &askings[i], &requests[i], err);
        if (rc == TJ_OK) {
            queries[i] = query_of(g, &askings[i], &requests[i]);
        }
    }
    if (rc == TJ_OK) {
        rc = g->generator->generate(g->generator->ctx, queries, n, &quiet, err);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = take(g, &requests[i], &queries[i], err);
    }
    for (size_t i = 0; queries != NULL && askings != NULL && i < n; i++) {
        tj_query_deinit(&queries[i]);
        tj_words_chat_end(&askings[i].chat);
        tj_buf_deinit(&askings[i].text);
    }
    tj_free(queries);
    tj_free(askings);
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
