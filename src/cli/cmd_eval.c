/* eval: a model on a data set of the field; without a task what a workspace holds. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/generators.h"
#include "cli/guarding.h"
#include "cli/model_files.h"
#include "cli/voice.h"
#include "stage/stage.h"

/* ------------------------------------------------------------ tasks */

static json_t *task_json(const tj_prompt_task *t)
{
    json_t *until = json_array();
    json_t *filters = json_array();
    for (size_t i = 0; t->until[i] != NULL; i++) {
        json_array_append_new(until, json_string(t->until[i]));
    }
    for (size_t i = 0; t->filters[i].name != NULL; i++) {
        json_array_append_new(filters, json_string(t->filters[i].name));
    }
    return json_pack("{s:s, s:s?, s:s, s:b, s:s, s:I, s:o, s:o}", "name", t->name, "alias",
                     t->alias, "brief", t->brief, "of_harness", !t->is_ours, "version", t->version,
                     "shots", (json_int_t)t->n_shots, "until", until, "filters", filters);
}

static tj_code list_tasks(const tj_args *args, tj_err *err)
{
    json_t *list = tj_args_has(args, "json") ? json_array() : NULL;
    for (const tj_prompt_task *t = tj_prompt_tasks; t->name != NULL; t++) {
        if (list == NULL) {
            printf("%-20s %s%s%s%s\n", t->name, t->brief,
                   t->alias == NULL ? "" : " (also: ", t->alias == NULL ? "" : t->alias,
                   t->alias == NULL ? "" : ")");
        } else {
            json_array_append_new(list, task_json(t));
        }
    }
    if (list == NULL) {
        printf("%-20s %s\n", TJ_CHOICES_TASK, "multiple choice by log-likelihood, from JSON lines");
        return TJ_OK;
    }
    tj_code rc = tj_print_json(list, err);
    json_decref(list);
    return rc;
}

static tj_code find_task(const tj_prompt_task **out, const char *name, tj_err *err)
{
    *out = tj_prompt_find(name);
    return *out != NULL
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL,
                         "there is no task '%s'; 'tabiji eval --task list' prints all", name);
}

/* ------------------------------------------------------------ the command line */

static tj_code read_numbers(tj_eval_task_config *cfg, const tj_args *args, tj_err *err)
{
    const struct {
        const char *name;
        size_t fallback, max;
        size_t *out;
    } sizes[] = {{"limit", 0, SIZE_MAX, &cfg->limit},
                 {"shots", SIZE_MAX, TJ_MAX_SHOTS, &cfg->n_shots},
                 {"samples", 1, TJ_MAX_QUERY_SAMPLES, &cfg->n_samples},
                 {"max-tokens", 256, 1 << 20, &cfg->max_tokens}};
    size_t seed = 1;
    size_t shots_seed = 1234;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && rc == TJ_OK; i++) {
        rc = tj_args_size(args, sizes[i].name, sizes[i].fallback, sizes[i].max, sizes[i].out, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_read_sampling(&cfg->sampling, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "seed", 1, INT64_MAX, &seed, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "shots-seed", 1234, INT64_MAX, &shots_seed, err);
    }
    cfg->seed = seed;
    cfg->shots_seed = shots_seed;
    return rc == TJ_OK ? tj_cli_use_threads(args, err) : rc;
}

/* What is for an evaluation that asks a model in a prompt. */
static tj_code refuse_for(const tj_args *args, const char *what, tj_err *err)
{
    static const char *const names[] = {"workspace", "check-against", "contaminated", NULL};
    for (size_t i = 0; names[i] != NULL; i++) {
        if (tj_args_has(args, names[i])) {
            return tj_fail(err, TJ_E_INVAL, "--%s is not for %s", names[i], what);
        }
    }
    return TJ_OK;
}

/* What does not go together, or would be a number without a meaning. */
static tj_code check(const tj_eval_task_config *cfg, const tj_args *args, tj_err *err)
{
    bool is_greedy = cfg->sampling.temperature == 0.0;
    if (cfg->data == NULL) {
        return tj_fail(err, TJ_E_INVAL, "--data is needed: the file of the task's problems");
    }
    if (tj_args_has(args, "greedy") && !is_greedy) {
        return tj_fail(err, TJ_E_INVAL, "--greedy has no --temperature");
    }
    if (cfg->n_samples == 0) {
        return tj_fail(err, TJ_E_INVAL, "--samples 0 asks nothing");
    }
    if (is_greedy && cfg->n_samples > 1) {
        return tj_fail(err, TJ_E_INVAL,
                       "%zu greedy answers would be one and the same: give a --temperature",
                       cfg->n_samples);
    }
    if (cfg->system != NULL && !cfg->chat) {
        return tj_fail(err, TJ_E_INVAL, "--system needs --chat");
    }
    if (tj_args_has(args, "prompts") || tj_args_has(args, "answers")) {
        return refuse_for(args, "prompts and answers that are there already", err);
    }
    if (tj_args_get(args, "model") == NULL) {
        return tj_fail(err, TJ_E_INVAL, "--model is needed: a folder, a GGUF file or a URL");
    }
    return cfg->out != NULL
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL, "--out is needed: the folder of the answers");
}

static tj_code read_config(tj_eval_task_config *cfg, const tj_args *args, tj_err *err)
{
    const char *model = tj_args_get(args, "model");
    *cfg = (tj_eval_task_config){.data = tj_args_get(args, "data"),
                                 .map = tj_args_get(args, "map"),
                                 .shots_data = tj_args_get(args, "shots-from"),
                                 .shots_map = tj_args_get(args, "shots-map"),
                                 .out = tj_args_get(args, "out"),
                                 .chat = tj_args_has(args, "chat"),
                                 .system = tj_args_get(args, "system"),
                                 .shown_template = tj_args_get(args, "chat-template"),
                                 .no_thinking = tj_args_has(args, "no-thinking"),
                                 .force = tj_args_has(args, "force"),
                                 .model = model == NULL ? "" : model,
                                 .model_digest = "",
                                 .build_id = tj_build_id()};
    tj_code rc = find_task(&cfg->task, tj_args_get(args, "task"), err);
    if (rc == TJ_OK) {
        rc = read_numbers(cfg, args, err);
    }
    return rc == TJ_OK ? check(cfg, args, err) : rc;
}

/* ------------------------------------------------------------ printing */

static void print_interval(const json_t *share)
{
    printf("%.4f  [%.4f, %.4f]", tj_number(share, "mean"), tj_number(share, "low"),
           tj_number(share, "high"));
}

static void print_score(const char *name, const json_t *score)
{
    size_t i;
    const json_t *pass;
    printf("  %-18s %-16s ", name, json_string_value(json_object_get(score, "metric")));
    print_interval(score);
    putchar('\n');
    json_array_foreach(json_object_get(score, "pass"), i, pass)
    {
        if (i > 0) { /* pass@1 is the mean */
            printf("  %-18s pass@%-11.0f ", "", tj_number(pass, "k"));
            print_interval(pass);
            putchar('\n');
        }
    }
    if (json_object_get(score, "majority") != NULL) {
        printf("  %-18s %-16s ", "", "majority");
        print_interval(json_object_get(score, "majority"));
        putchar('\n');
    }
}

static void print_result(const tj_eval_task_config *cfg, const json_t *r)
{
    const char *name;
    json_t *score;
    const json_t *scores = json_object_get(r, "scores");
    const json_t *grader = json_object_get(scores, "grader");
    tj_cli_progress_end();
    printf("%s, %.0f-shot, %.0f of %.0f problems, ", cfg->task->name, tj_number(r, "shots"),
           tj_number(r, "problems"), tj_number(r, "problems_of_data"));
    if (tj_number(r, "samples") > 1.0) {
        printf("%.0f samples\n", tj_number(r, "samples"));
    } else {
        puts("one answer each");
    }
    json_object_foreach((json_t *)(uintptr_t)scores, name, score)
    {
        print_score(name, score);
    }
    printf("intervals: 95%%, over problems; graded: %.0f undecided, %.0f without a readable "
           "answer",
           tj_number(grader, "undecided"), tj_number(grader, "unreadable"));
    if (tj_number(grader, "bad_references") > 0.0) {
        printf(", %.0f references that cannot be read", tj_number(grader, "bad_references"));
    }
    printf("\ntokens: %.0f of prompts (%.0f shared), %.0f of answers, %.0f cut by length; %.1f s\n",
           tj_number(r, "prompt_tokens"), tj_number(r, "cached_tokens"),
           tj_number(r, "completion_tokens"), tj_number(r, "cut_by_length"),
           tj_number(r, "seconds"));
    if (tj_number(r, "cost") > 0.0) {
        printf("cost: %.6f\n", tj_number(r, "cost"));
    }
    if (cfg->out != NULL) {
        printf("written to %s\n", cfg->out);
    }
}

/* ------------------------------------------------------------ the three ways */

static tj_code print_prompt(void *ctx, const json_t *prompt, tj_err *err)
{
    (void)ctx;
    return tj_print_json_line(prompt, err);
}

/* A text to continue needs no template, and a model whose template is not known can be asked. */
static tj_code open_model(tj_cli_generator *out, const char *model, bool chat, const tj_args *args,
                          tj_err *err)
{
    if (tj_is_url(model) || !tj_voice_is_at(model)) {
        return tj_cli_generator_open(out, args, err);
    }
    memset(out, 0, sizeof *out);
    tj_generator_options options = {.voice = tj_voice_options_of(args)};
    options.voice.raw = !chat;
    return tj_generator_open(&out->generator, model, &options, err);
}

/* Of a server's model the name is all that is known. */
static tj_code ask_model(tj_eval_task_config *cfg, json_t **result, const tj_args *args,
                         tj_err *err)
{
    tj_cli_generator model;
    tj_buf name;
    tj_code rc = open_model(&model, cfg->model, cfg->chat, args, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_buf_init(&name);
    tj_buf_printf(&name, "%s at %s", model.remote_model, cfg->model);
    if (model.is_remote) {
        rc = tj_buf_check(&name, err);
        cfg->model = tj_buf_text(&name);
    }
    if (rc == TJ_OK) {
        rc = tj_eval_task(cfg, &model.generator, result, tj_cli_job(), err);
    }
    if (model.is_remote) { /* whatever failed, this was paid */
        tj_generator_stats stats = model.generator.get_stats(model.generator.ctx);
        tj_cli_print_usage(&stats);
    }
    tj_buf_deinit(&name);
    tj_cli_generator_close(&model);
    return rc;
}

static tj_code ask(tj_eval_task_config *cfg, json_t **result, const tj_args *args, tj_err *err)
{
    char digest[TJ_SHA256_HEX] = "";
    tj_model_files files = {.n = 0};
    json_t *found = NULL;
    bool is_url = tj_is_url(cfg->model);
    tj_code rc = is_url ? TJ_OK : tj_model_files_list(&files, cfg->model, err);
    if (rc == TJ_OK && !is_url) {
        rc = tj_model_files_digest(&files, digest, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_workspace_if_given(&cfg->store, args, true, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_guard_evaluation(&found, args, cfg->store, is_url ? NULL : &files, err);
    }
    if (rc == TJ_OK) {
        cfg->model_digest = digest;
        cfg->contamination = found;
        rc = ask_model(cfg, result, args, err);
    }
    tj_store_close(cfg->store);
    json_decref(found);
    tj_model_files_deinit(&files);
    return rc;
}

static tj_code eval_task(const tj_args *args, tj_err *err)
{
    tj_eval_task_config cfg;
    json_t *result = NULL;
    tj_code rc = read_config(&cfg, args, err);
    if (rc == TJ_OK && tj_args_has(args, "prompts")) {
        return tj_eval_prompts(&cfg, print_prompt, NULL, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_has(args, "answers")
                 ? tj_eval_rescore(&cfg, tj_args_get(args, "answers"), &result, tj_cli_job(), err)
                 : ask(&cfg, &result, args, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        rc = tj_print_json(result, err);
    } else if (rc == TJ_OK) {
        print_result(&cfg, result);
    }
    json_decref(result);
    return rc;
}

static void print_choices(const tj_eval_choices_config *cfg, const json_t *r)
{
    const char *name;
    json_t *score;
    tj_cli_progress_end();
    printf("%s, %.0f problems\n", TJ_CHOICES_TASK, tj_number(r, "problems"));
    json_object_foreach(json_object_get(r, "scores"), name, score)
    {
        print_score(name, score);
    }
    printf("tokens: %.0f; %.1f s\n", tj_number(r, "tokens"), tj_number(r, "seconds"));
    if (cfg->out != NULL) {
        printf("written to %s\n", cfg->out);
    }
}

/* Opens the model and scores. */
static tj_code score_choices(const tj_eval_choices_config *cfg, json_t **result, tj_err *err)
{
    tj_voice voice;
    tj_voice_options options = {.raw = true};
    tj_code rc = tj_voice_load(&voice, cfg->model, &options, err);
    if (rc == TJ_OK) {
        rc = tj_eval_choices(cfg, &voice, result, tj_cli_job(), err);
        tj_voice_close(&voice);
    }
    return rc;
}

/* What is scored, by a model whose files are listed, with the workspace where one is given. */
static tj_code guard_and_score(tj_eval_choices_config *cfg, const tj_model_files *files,
                               json_t **result, const tj_args *args, tj_err *err)
{
    json_t *found = NULL;
    tj_code rc = tj_cli_workspace_if_given(&cfg->store, args, true, err);
    if (rc == TJ_OK) {
        rc = tj_cli_guard_evaluation(&found, args, cfg->store, files, err);
    }
    if (rc == TJ_OK) {
        cfg->contamination = found;
        rc = score_choices(cfg, result, err);
    }
    tj_store_close(cfg->store);
    json_decref(found);
    return rc;
}

static tj_code read_choices_config(tj_eval_choices_config *cfg, const tj_args *args, tj_err *err)
{
    *cfg = (tj_eval_choices_config){.data = tj_args_get(args, "data"),
                                    .model = tj_args_get(args, "model"),
                                    .out = tj_args_get(args, "out"),
                                    .build_id = tj_build_id()};
    if (cfg->data == NULL || cfg->model == NULL || tj_is_url(cfg->model)) {
        return tj_fail(err, TJ_E_INVAL,
                       "--task " TJ_CHOICES_TASK
                       " needs --data and --model, a model here: servers do not "
                       "give log-likelihoods of texts");
    }
    tj_code rc = tj_args_size(args, "limit", 0, SIZE_MAX, &cfg->limit, err);
    return rc == TJ_OK ? tj_cli_use_threads(args, err) : rc;
}

static tj_code eval_choices(const tj_args *args, tj_err *err)
{
    char digest[TJ_SHA256_HEX];
    tj_model_files files = {.n = 0};
    tj_eval_choices_config cfg;
    json_t *result = NULL;
    tj_code rc = read_choices_config(&cfg, args, err);
    if (rc == TJ_OK) {
        rc = tj_model_files_list(&files, cfg.model, err);
    }
    if (rc == TJ_OK) {
        rc = tj_model_files_digest(&files, digest, err);
    }
    if (rc == TJ_OK) {
        cfg.model_digest = digest;
        rc = guard_and_score(&cfg, &files, &result, args, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        rc = tj_print_json(result, err);
    } else if (rc == TJ_OK) {
        print_choices(&cfg, result);
    }
    json_decref(result);
    tj_model_files_deinit(&files);
    return rc;
}

tj_code tj_cmd_eval(const tj_args *args, tj_err *err)
{
    static const char *const of_tasks[] = {"data", "model", "out", "answers", "prompts", NULL};
    const char *task = tj_args_get(args, "task");
    for (size_t i = 0; task == NULL && of_tasks[i] != NULL; i++) {
        if (tj_args_has(args, of_tasks[i])) {
            return tj_fail(err, TJ_E_INVAL, "--%s needs --task", of_tasks[i]);
        }
    }
    if (task == NULL) {
        return tj_cmd_eval_workspace(args, err);
    }
    if (strcmp(task, "list") == 0) {
        return list_tasks(args, err);
    }
    return strcmp(task, TJ_CHOICES_TASK) == 0 ? eval_choices(args, err) : eval_task(args, err);
}
