/* Process reward models behind a server, each asked in the form that it was trained in:
 *
 *   math-shepherd   the problem and the steps, each ended by a tag; what the model would put next,
 *                   + or -, is its verdict on the last (Wang et al. 2024, arXiv:2312.08935)
 *   rlhflow         a conversation whose user gives step after step and whose assistant says + to
 *                   each; what it would say to the last is its verdict (RLHFlow's math-rm)
 *   qwen            the steps of an answer, each ended by <extra_0>, where the model's pooling
 * gives the probabilities of wrong and right (Zhang et al. 2025, arXiv:2501.07301)
 *
 * The first two ask once for each step, by the probabilities of a single token; the third once for
 * each path to a tip, since the value at a step does not depend on what follows. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "tree/ask_trie.h"
#include "tree/prm_answer.h"
#include "tree/scorer_kinds.h"

typedef enum form { FORM_MATH_SHEPHERD = 0, FORM_RLHFLOW, FORM_QWEN } form;
static const char *const form_names[] = {"math-shepherd", "rlhflow", "qwen", NULL};

typedef struct remote_settings {
    char name[TJ_SCORER_NAME_BYTES];
    char where[TJ_SCORER_WHERE_BYTES];
    int format; /* form */
    char model[256];
    char step_tag[32];   /* math-shepherd */
    bool number_steps;   /* math-shepherd */
    char good[16];       /* not of qwen */
    char bad[16];        /* not of qwen */
    size_t n_top;        /* not of qwen */
    char step_token[32]; /* qwen */
    char system[512];    /* qwen */
} remote_settings;

typedef struct remote_prm {
    remote_settings cfg;
    tj_generator generator;
} remote_prm;

/* Some queries at a time, and what they are made of. */
typedef struct batch {
    const remote_prm *p;
    const tj_ask_trie *trie;
    tj_score *scores; /* [trie->n_nodes] */
    tj_arena arena;   /* of messages and texts */
    tj_query *queries;
    size_t *nodes; /* [n] what each asks about */
    size_t n;
} batch;

/* ------------------------------------------------------------ writing */

/* Gives the buffer's text to the arena. */
static tj_code keep_text(batch *b, const char **out, size_t *n, tj_buf *buf, tj_err *err)
{
    char *copy = NULL;
    tj_code rc = tj_buf_check(buf, err);
    if (rc == TJ_OK) {
        copy = tj_arena_calloc(&b->arena, buf->len + 1, 1);
        rc = copy != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot write a request");
    }
    if (rc == TJ_OK) {
        memcpy(copy, tj_buf_text(buf), buf->len + 1);
        *n = buf->len;
    }
    *out = copy;
    tj_buf_deinit(buf);
    return rc;
}

static size_t length_of_step(const char *step)
{
    size_t n = strlen(step);
    while (n > 0 && step[n - 1] == '\n') {
        n--;
    }
    return n;
}

/* "PROBLEM Step 1: … TAG\nStep 2: … TAG" */
static tj_code write_shepherd(batch *b, tj_query *q, const char *problem, const char **steps,
                              size_t n, tj_err *err)
{
    const remote_settings *cfg = &b->p->cfg;
    tj_buf buf;
    tj_buf_init(&buf);
    tj_buf_str(&buf, problem);
    for (size_t i = 0; i < n; i++) {
        tj_buf_char(&buf, i == 0 ? ' ' : '\n');
        if (cfg->number_steps && strncmp(steps[i], "Step ", 5) != 0) {
            tj_buf_printf(&buf, "Step %zu: ", i + 1);
        }
        tj_buf_add(&buf, steps[i], length_of_step(steps[i]));
        tj_buf_printf(&buf, " %s", cfg->step_tag);
    }
    return keep_text(b, &q->text, &q->n_text, &buf, err);
}

static tj_code add_messages(batch *b, tj_query *q, tj_message **out, size_t n, tj_err *err)
{
    *out = tj_arena_calloc(&b->arena, n, sizeof **out);
    q->messages = *out;
    q->n_messages = n;
    return *out != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot write a request");
}

/* The problem and the first step, then step by step, with + after each but the last. */
static tj_code write_turns(batch *b, tj_query *q, const char *problem, const char **steps, size_t n,
                           tj_err *err)
{
    const char *good = b->p->cfg.good;
    tj_message *m = NULL;
    tj_buf buf;
    tj_code rc = add_messages(b, q, &m, 2 * n - 1, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        m[2 * i] = (tj_message){TJ_ROLE_USER, steps[i], length_of_step(steps[i])};
        if (i + 1 < n) {
            m[2 * i + 1] = (tj_message){TJ_ROLE_ASSISTANT, good, strlen(good)};
        }
    }
    tj_buf_init(&buf);
    tj_buf_printf(&buf, "%s ", problem);
    tj_buf_add(&buf, steps[0], m[0].len);
    return keep_text(b, &m[0].text, &m[0].len, &buf, err);
}

/* What stands in the steps for the mark itself would make more values than steps. */
static tj_code check_mark(const remote_settings *cfg, const char **steps, size_t n, tj_err *err)
{
    const char *mark = cfg->format == FORM_QWEN ? cfg->step_token : cfg->step_tag;
    for (size_t i = 0; i < n && cfg->format != FORM_RLHFLOW; i++) {
        if (strstr(steps[i], mark) != NULL) {
            return tj_fail(err, TJ_E_INVAL, "step %zu has the mark %s in it", i + 1, mark);
        }
    }
    return TJ_OK;
}

static tj_code write_qwen(batch *b, tj_query *q, const char *problem, const char **steps, size_t n,
                          tj_err *err)
{
    const remote_settings *cfg = &b->p->cfg;
    size_t first = cfg->system[0] != 0 ? 1 : 0;
    tj_message *m = NULL;
    tj_buf buf;
    tj_code rc = add_messages(b, q, &m, 2 + first, err);
    if (rc != TJ_OK) {
        return rc;
    }
    m[0] = (tj_message){TJ_ROLE_SYSTEM, cfg->system, strlen(cfg->system)};
    m[first] = (tj_message){TJ_ROLE_USER, problem, strlen(problem)};
    m[first + 1] = (tj_message){TJ_ROLE_ASSISTANT, NULL, 0};
    tj_buf_init(&buf);
    for (size_t i = 0; i < n; i++) {
        tj_buf_add(&buf, steps[i], length_of_step(steps[i]));
        tj_buf_str(&buf, cfg->step_token);
    }
    q->pooled = true;
    return keep_text(b, &m[first + 1].text, &m[first + 1].len, &buf, err);
}

static tj_code write_query(batch *b, tj_query *q, size_t node, tj_err *err)
{
    const tj_ask_node *nodes = b->trie->nodes;
    size_t n = nodes[node].depth;
    const char *problem = nodes[tj_ask_trie_root(b->trie, node)].text;
    const char **steps = tj_arena_calloc(&b->arena, n, sizeof *steps);
    if (steps == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write a request");
    }
    tj_ask_trie_path(b->trie, node, steps);
    *q = (tj_query){.sampling = {.temperature = 0.0, .top_p = 1.0},
                    .n_samples = 1,
                    .max_tokens = 1,
                    .logprobs = b->p->cfg.format != FORM_QWEN,
                    .n_top = b->p->cfg.format != FORM_QWEN ? b->p->cfg.n_top : 0};
    tj_code rc = check_mark(&b->p->cfg, steps, n, err);
    if (rc != TJ_OK) {
        return rc;
    }
    return b->p->cfg.format == FORM_MATH_SHEPHERD ? write_shepherd(b, q, problem, steps, n, err)
           : b->p->cfg.format == FORM_RLHFLOW     ? write_turns(b, q, problem, steps, n, err)
                                                  : write_qwen(b, q, problem, steps, n, err);
}

/* ------------------------------------------------------------ reading */

/* Whether the node has no score yet, and is asked about. */
static bool is_open(const batch *b, size_t node)
{
    return b->trie->nodes[node].ask != TJ_NO_NODE && b->scores[node].n_tries == 0;
}

static tj_code fail_node(batch *b, size_t node, const char *why, tj_err *err)
{
    b->scores[node].n_tries = 1;
    return tj_score_fail(&b->scores[node], err, "%s", why);
}

static tj_code take_raw(tj_score *score, const tj_completion *c, const tj_usage *usage, tj_err *err)
{
    score->raw = tj_strdup(c->text);
    score->tokens = usage->n_prompt + usage->n_completion;
    score->money = usage->cost;
    return score->raw != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot hold a score");
}

/* The values of a path; the tip's score has the answer and the cost. */
static tj_code take_pooled(batch *b, size_t node, const tj_completion *c, tj_err *why)
{
    size_t n = b->trie->nodes[node].depth;
    double *values = tj_arena_calloc(&b->arena, n, sizeof *values);
    if (values == NULL) {
        return tj_fail(why, TJ_E_NOMEM, "cannot hold a score");
    }
    tj_code rc = tj_prm_read_pooled(values, n, c->text, c->n_text, why);
    for (size_t at = node; b->trie->nodes[at].parent != TJ_NO_NODE && rc == TJ_OK;
         at = b->trie->nodes[at].parent) {
        if (is_open(b, at)) {
            b->scores[at].n_tries = 1;
            b->scores[at].value = values[b->trie->nodes[at].depth - 1];
        }
    }
    return rc;
}

static tj_code take_tags(batch *b, size_t node, const tj_completion *c, tj_err *why)
{
    tj_score *score = &b->scores[node];
    tj_code rc = tj_prm_read_tags(&score->value, c, b->p->cfg.good, b->p->cfg.bad, why);
    score->n_tries = rc == TJ_OK ? 1 : 0;
    return rc;
}

static tj_code take_answer(batch *b, const tj_query *q, size_t node, tj_err *err)
{
    tj_err why = q->error;
    const tj_completion *c = q->completions == NULL ? NULL : &q->completions[0];
    tj_code rc = why.code;
    if (rc == TJ_OK) {
        rc = q->pooled ? take_pooled(b, node, c, &why) : take_tags(b, node, c, &why);
    }
    if (rc != TJ_OK) {
        rc = rc == TJ_E_NOMEM ? tj_fail(err, rc, "%s", why.msg) : fail_node(b, node, why.msg, err);
    }
    return rc == TJ_OK && c != NULL && c->text != NULL
               ? take_raw(&b->scores[node], c, &q->usage, err)
               : rc;
}

/* ------------------------------------------------------------ all of them */

/* Asks what is in the batch, and empties it. Errors: what ends the whole call. */
static tj_code ask_batch(batch *b, const tj_job *job, tj_err *err)
{
    const tj_generator *g = &b->p->generator;
    tj_code rc = g->generate(g->ctx, b->queries, b->n, job, err);
    bool ends = rc == TJ_E_CANCELLED || rc == TJ_E_NOMEM ||
                (rc != TJ_OK && g->get_stats(g->ctx).is_refused);
    rc = ends ? rc : TJ_OK;
    for (size_t i = 0; i < b->n; i++) {
        if (rc == TJ_OK) {
            rc = take_answer(b, &b->queries[i], b->nodes[i], err);
        }
        tj_query_deinit(&b->queries[i]);
    }
    b->n = 0;
    tj_arena_clear(&b->arena);
    return rc;
}

/* Whether a query is made for a node: for each step that is asked about, or for each tip. */
static bool is_queried(const batch *b, size_t node)
{
    const tj_ask_node *n = &b->trie->nodes[node];
    return n->ask != TJ_NO_NODE && (b->p->cfg.format != FORM_QWEN || n->first_child == TJ_NO_NODE);
}

static tj_code ask_all(batch *b, const tj_job *job, tj_err *err)
{
    tj_code rc = TJ_OK;
    size_t most = b->p->generator.batch;
    b->queries = tj_calloc(most, sizeof *b->queries);
    b->nodes = tj_calloc(most, sizeof *b->nodes);
    if (b->queries == NULL || b->nodes == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot ask %zu at once", most);
    }
    for (size_t node = 0; node < b->trie->n_nodes && rc == TJ_OK; node++) {
        tj_err why = {.code = TJ_OK};
        if (!is_queried(b, node)) {
            continue;
        }
        rc = write_query(b, &b->queries[b->n], node, &why);
        if (rc == TJ_OK) {
            b->nodes[b->n++] = node;
        } else {
            rc = rc == TJ_E_NOMEM ? tj_fail(err, rc, "%s", why.msg)
                                  : fail_node(b, node, why.msg, err);
        }
        if (rc == TJ_OK && b->n == most) {
            rc = ask_batch(b, job, err);
        }
    }
    if (rc == TJ_OK && b->n > 0) {
        rc = ask_batch(b, job, err);
    }
    for (size_t node = 0; node < b->trie->n_nodes && rc == TJ_OK; node++) {
        if (is_open(b, node)) {
            rc = fail_node(b, node, "no path through the step was answered", err);
        }
    }
    return rc;
}

static tj_code score(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                     const tj_job *job, tj_err *err)
{
    tj_ask_trie trie;
    batch b = {.p = ctx, .trie = &trie};
    double start = tj_clock_seconds();
    memset(out, 0, n * sizeof *out);
    tj_arena_init(&b.arena, 0);
    tj_code rc = tj_ask_trie_init(&trie, asks, n, err);
    if (rc == TJ_OK && n > 0) {
        b.scores = tj_calloc(trie.n_nodes, sizeof *b.scores);
        rc = b.scores == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu scores", n)
                              : ask_all(&b, job, err);
    }
    if (rc == TJ_OK) {
        rc = tj_ask_trie_give(&trie, out, b.scores, err);
    }
    double each = n == 0 ? 0.0 : (tj_clock_seconds() - start) / (double)n;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        out[i].seconds = each;
    }
    for (size_t i = 0; i < trie.n_nodes && b.scores != NULL; i++) {
        tj_score_deinit(&b.scores[i]);
    }
    tj_ask_trie_deinit(&trie);
    tj_arena_deinit(&b.arena);
    tj_free(b.scores);
    tj_free(b.queries);
    tj_free(b.nodes);
    return rc;
}

/* ------------------------------------------------------------ opening */

static void close_remote(void *ctx)
{
    remote_prm *p = ctx;
    tj_generator_close(&p->generator);
    tj_free(p);
}

/* `remote` of the settings, over what the options begin with. */
static tj_code read_remote(tj_remote_config *cfg, const remote_prm *p, const json_t *remote,
                           const tj_scorer_options *options, tj_err *err)
{
    tj_remote_config_default(cfg);
    if (options->remote != NULL) {
        *cfg = *options->remote;
    }
    tj_code rc =
        remote == NULL ? TJ_OK : tj_remote_config_read(cfg, remote, "settings.remote", err);
    if (p->cfg.model[0] != 0) {
        memcpy(cfg->model, p->cfg.model, sizeof cfg->model);
    }
    return rc;
}

static tj_code read_settings(remote_prm *p, const json_t *settings, tj_err *err)
{
    static const tj_field fields[] = {
        TJ_FIELD_STRING(remote_settings, name, "the rewarder's name"),
        TJ_FIELD_STRING(remote_settings, where, "the server's URL"),
        TJ_FIELD_ENUM(remote_settings, format, form_names, "how the model is asked"),
        TJ_FIELD_STRING(remote_settings, model, "the model, as the server calls it"),
        TJ_FIELD_STRING(remote_settings, step_tag, "math-shepherd: what ends a step"),
        TJ_FIELD_BOOL(remote_settings, number_steps, "math-shepherd: steps begin with Step n:"),
        TJ_FIELD_STRING(remote_settings, good, "the token of a right step"),
        TJ_FIELD_STRING(remote_settings, bad, "the token of a wrong one"),
        TJ_FIELD_SIZE(remote_settings, n_top, 1, TJ_MAX_TOP, "tokens that the server tells"),
        TJ_FIELD_STRING(remote_settings, step_token, "qwen: what ends a step"),
        TJ_FIELD_STRING(remote_settings, system, "qwen: the system prompt; empty: none"),
        TJ_FIELD_END};
    p->cfg = (remote_settings){
        .step_tag = "\xD0\xBA\xD0\xB8", /* two Cyrillic letters */
        .number_steps = true,
        .good = "+",
        .bad = "-",
        .n_top = TJ_MAX_TOP,
        .step_token = "<extra_0>",
        .system = "Please reason step by step, and put your final answer within \\boxed{}."};
    if (json_object_get(settings, "format") == NULL) {
        return tj_fail(err, TJ_E_INVAL, "format: expected math-shepherd, rlhflow or qwen");
    }
    tj_code rc = tj_config_read(&p->cfg, fields, settings, "settings", err);
    return rc == TJ_OK && !tj_is_url(p->cfg.where)
               ? tj_fail(err, TJ_E_INVAL, "where: expected a server's URL (remote:http://...)")
               : rc;
}

tj_code tj_scorer_open_remote(tj_scorer *out, const json_t *settings,
                              const tj_scorer_options *options, tj_err *err)
{
    tj_remote_config cfg;
    json_t *own = json_copy((json_t *)(uintptr_t)settings);
    json_t *remote = json_incref(json_object_get(own, "remote"));
    remote_prm *p = tj_calloc(1, sizeof *p);
    if (p == NULL || own == NULL || (remote != NULL && json_object_del(own, "remote") != 0)) {
        json_decref(own);
        json_decref(remote);
        tj_free(p);
        return tj_fail(err, TJ_E_NOMEM, "cannot open a rewarder");
    }
    tj_code rc = read_settings(p, own, err);
    if (rc == TJ_OK) {
        rc = read_remote(&cfg, p, remote, options, err);
    }
    if (rc == TJ_OK) {
        rc = tj_remote_open(&p->generator, p->cfg.where, &cfg, options->cache, err);
    }
    json_decref(own);
    json_decref(remote);
    if (rc != TJ_OK) {
        close_remote(p);
        return rc;
    }
    *out = (tj_scorer){.name = p->cfg.name,
                       .meaning = TJ_VALID,
                       .high = 1.0,
                       .threshold = 0.5,
                       .score = score,
                       .close = close_remote,
                       .ctx = p};
    return TJ_OK;
}
