/* tree grow: a reasoning tree for each prompt, grown by a model. */
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "cli/common.h"
#include "cli/domain.h"
#include "cli/show.h"
#include "cli/voice.h"

#define STREAM_GROW 202 /* of the random numbers, the same as the grow stage's */

enum { AS_TEXT, AS_JSON, AS_JSONL, AS_DOT };

typedef struct growth {
    tj_speaker speaker; /* without a model where voice has one */
    tj_voice voice;     /* a model that brings its tokenizer; engine NULL: none */
    tj_plain_prompt plain;
    tj_tree_model model; /* either of them */
    tj_grow_config cfg;
    size_t seed, format;
    tj_grow_item *items; /* [n] */
    size_t n, cap;
    size_t n_printed, n_correct, n_unfit;
    json_t *list; /* AS_JSON */
} growth;

static tj_code read_config(growth *g, const tj_args *args, tj_err *err)
{
    static const char *const formats[] = {"text", "json", "jsonl", "dot", NULL};
    static const char *const prunes[] = {"none", "top_k", "at_most_k_correct", NULL};
    tj_grow_config *c = &g->cfg;
    size_t prune = 0;
    size_t threads = 0;
    const struct {
        const char *name;
        size_t fallback, min, max;
        size_t *out;
    } counts[] = {{"width", 3, 1, 64, &c->width},
                  {"depth", TJ_COUNTDOWN_MAX_NUMBERS - 1, 1, 256, &c->depth},
                  {"max-tries", 6, 1, 1024, &c->max_tries},
                  {"prune-k", 2, 1, 1000000, &c->prune_k},
                  {"seed", 1, 0, SIZE_MAX, &g->seed},
                  {"threads", 0, 0, TJ_MAX_THREADS, &threads}};
    tj_grow_config_default(c);
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && rc == TJ_OK; i++) {
        rc = tj_args_size(args, counts[i].name, counts[i].fallback, counts[i].max, counts[i].out,
                          err);
        if (rc == TJ_OK && *counts[i].out < counts[i].min) {
            rc = tj_fail(err, TJ_E_INVAL, "--%s is %zu, expected %zu to %zu", counts[i].name,
                         *counts[i].out, counts[i].min, counts[i].max);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "temperature", 0.8, &c->temperature, err);
    }
    if (rc == TJ_OK && !(c->temperature >= 0.0 && c->temperature <= 10.0)) {
        rc = tj_fail(err, TJ_E_INVAL, "--temperature is %g, expected 0 to 10", c->temperature);
    }
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "prune", prunes, TJ_PRUNE_NONE, &prune, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "format", formats, AS_TEXT, &g->format, err);
    }
    c->prune = (tj_prune)prune;
    tj_par_set_threads(threads);
    return rc;
}

static tj_code add_problem(void *ctx, const char *prompt, size_t index, tj_err *err)
{
    growth *g = ctx;
    tj_countdown_problem problem;
    tj_countdown_state state;
    if (prompt[strspn(prompt, " \t\r\n")] == 0) {
        return TJ_OK;
    }
    tj_code rc = tj_domain_problem(&problem, prompt, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "problem %zu", index + 1);
        return rc;
    }
    if (!tj_grow(&g->items, &g->cap, g->n + 1, sizeof *g->items)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", g->n + 1);
    }
    tj_grow_item *item = &g->items[g->n++];
    item->problem = (int64_t)index + 1;
    tj_countdown_first_state(&state, &problem);
    tj_countdown_pack(&item->first, &state);
    return TJ_OK;
}

/* ------------------------------------------------------------------ printing */

/* JSON cannot hold every tree: an untrained model's bytes need not be UTF-8. */
static tj_code print_json(growth *g, const tj_tree *tree, tj_err *err)
{
    json_t *json = tj_tree_to_json(tree, &g->speaker.domain.task);
    if (json == NULL) {
        g->n_unfit++;
        tj_job_log(tj_cli_job(), "tree %lld is left out: a step of it is not UTF-8 text",
                   (long long)tree->problem);
        return TJ_OK;
    }
    tj_code rc = TJ_OK;
    if (g->list == NULL) {
        rc = tj_print_json_line(json, err);
        json_decref(json);
    } else if (json_array_append_new(g->list, json) != 0) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold a tree as JSON");
    }
    return rc;
}

static tj_code print_text(growth *g, const tj_tree *tree, tj_err *err)
{
    const tj_task *task = &g->speaker.domain.task;
    tj_buf prompt;
    tj_buf_init(&prompt);
    task->write_prompt(task->ctx, &tree->first, &prompt);
    tj_code rc = tj_buf_check(&prompt, err);
    if (rc == TJ_OK) {
        printf("%s%s", g->n_printed > 0 ? "\n" : "", tj_buf_text(&prompt));
        rc = tj_print_tree(tree, err);
    }
    tj_buf_deinit(&prompt);
    return rc;
}

static tj_code print_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    growth *g = ctx;
    tj_cli_progress_end();
    tj_code rc = g->format == AS_TEXT  ? print_text(g, tree, err)
                 : g->format == AS_DOT ? tj_print_tree_dot(tree, err)
                                       : print_json(g, tree, err);
    g->n_printed++;
    g->n_correct += tj_tree_leads_to_correct(tree, 0) ? 1 : 0;
    return rc;
}

/* ------------------------------------------------------------------ the model */

/* Rules and problem as a question, or as plain text that steps continue. */
static tj_code encode_question(void *ctx, tj_ids *ids, const tj_task *task,
                               const tj_task_state *first, tj_err *err)
{
    tj_voice *voice = ctx;
    tj_buf text;
    tj_buf_init(&text);
    task->write_rules(task->ctx, &text);
    tj_buf_char(&text, '\n');
    task->write_prompt(task->ctx, first, &text);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && voice->chats) {
        const tj_message question = {TJ_ROLE_USER, text.data, text.len};
        rc = tj_voice_encode_chat(voice, ids, &question, 1, err);
    } else if (rc == TJ_OK) {
        rc = tj_voice_encode_text(voice, ids, text.data, text.len, err);
    }
    tj_buf_deinit(&text);
    return rc;
}

static tj_code open_model(growth *g, const tj_args *args, tj_err *err)
{
    const char *path = tj_args_get(args, "model");
    tj_code rc;
    if (path != NULL && tj_voice_is_at(path)) {
        rc = tj_domain_open(&g->speaker.domain, err);
        if (rc == TJ_OK) {
            rc = tj_voice_open(&g->voice, path, args, err);
        }
        g->model = (tj_tree_model){.engine = g->voice.engine,
                                   .tok = g->voice.tok,
                                   .encode = encode_question,
                                   .ctx = &g->voice,
                                   .ends = g->voice.ends,
                                   .n_ends = g->voice.n_ends};
        return rc;
    }
    rc = tj_speaker_open(&g->speaker, args, "base", err);
    g->plain = (tj_plain_prompt){g->speaker.domain.tok, g->speaker.domain.eos};
    g->model = (tj_tree_model){.engine = g->speaker.engine,
                               .tok = g->speaker.domain.tok,
                               .encode = tj_plain_prompt_encode,
                               .ctx = &g->plain};
    return rc;
}

static tj_code grow_trees(growth *g, tj_err *err)
{
    tj_code rc = tj_tree_grow(&g->model, &g->speaker.domain.task, g->items, g->n, &g->cfg, g->seed,
                              STREAM_GROW, print_tree, g, tj_cli_job(), err);
    if (rc == TJ_E_CANCELLED) {
        return tj_fail(err, rc, "stopped after %zu of %zu trees", g->n_printed, g->n);
    }
    if (rc == TJ_OK && g->list != NULL) {
        rc = tj_print_json(g->list, err);
    }
    if (rc == TJ_OK && g->format == AS_TEXT && g->n > 1) {
        printf("\n%zu of %zu trees have a correct path\n", g->n_correct, g->n);
    }
    if (rc == TJ_OK && g->n_unfit > 0) {
        tj_job_log(tj_cli_job(), "%zu of %zu trees were left out", g->n_unfit, g->n);
    }
    return rc;
}

tj_code tj_cmd_tree_grow(const tj_args *args, tj_err *err)
{
    growth g = {.n = 0};
    tj_code rc = read_config(&g, args, err);
    if (tj_args_has(args, "quiet")) {
        tj_cli_quiet();
    }
    if (rc == TJ_OK && g.format == AS_JSON) {
        g.list = json_array();
    }
    if (rc == TJ_OK) { /* what is wrong with a prompt is said before a model is loaded */
        rc = tj_each_prompt(args, add_problem, &g, err);
    }
    if (rc == TJ_OK && g.n == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "no problem was given");
    }
    if (rc == TJ_OK) {
        rc = open_model(&g, args, err);
    }
    if (rc == TJ_OK) {
        rc = grow_trees(&g, err);
    }
    tj_voice_close(&g.voice);
    tj_speaker_close(&g.speaker);
    json_decref(g.list);
    tj_free(g.items);
    return rc;
}
