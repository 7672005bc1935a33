/* Results and samples as lm-evaluation-harness writes them (its evaluation_tracker.py), so that
 * what reads its files reads ours. What only it has (versions of its libraries) is null here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "stage/eval_inner.h"
#include "text/text.h"

#define GRADER_FILTER "grader"
#define GRADER_METRIC "graded"

void tj_eval_date(char out[32], int64_t unix_us)
{
    time_t seconds = (time_t)(unix_us / 1000000);
    struct tm tm;
    char date[24] = "";
    if (gmtime_r(&seconds, &tm) != NULL) {
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H-%M-%S", &tm);
    }
    (void)snprintf(out, 32, "%s.%06d", date, (int)(unix_us % 1000000));
}

json_t *tj_eval_text(tj_str text)
{
    if (text.s == NULL) {
        return json_null();
    }
    if (tj_utf8_check(text.s, text.n) == text.n) {
        return json_stringn(text.s, text.n);
    }
    tj_buf repaired;
    tj_buf_init(&repaired);
    tj_utf8_replace(&repaired, text.s, text.n);
    json_t *json = repaired.failed ? NULL : json_stringn(tj_buf_text(&repaired), repaired.len);
    tj_buf_deinit(&repaired);
    return json;
}

tj_code tj_eval_write_json(const char *dir, const char *name, const json_t *json, tj_err *err)
{
    char *path = tj_fs_join(dir, name);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
    tj_code rc = path == NULL || text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", name)
                                              : tj_fs_write(path, text, strlen(text), err);
    free(text); /* Jansson's own allocation */
    tj_free(path);
    return rc;
}

json_t *tj_eval_stderr(size_t n_right, size_t n)
{
    double p = (double)n_right / (double)n;
    return n < 2 ? json_string("N/A") : json_real(sqrt(p * (1.0 - p) / (double)(n - 1)));
}

/* ------------------------------------------------------------ results */

static json_t *named(const char *task, json_t *value)
{
    return json_pack("{s:o}", task, value);
}

static json_t *results_json(const tj_eval_report *r)
{
    json_t *one = json_pack("{s:s, s:s, s:I}", "name", r->task, "alias", r->task, "sample_len",
                            (json_int_t)r->n);
    json_t *better = json_object();
    json_object_update(one, r->metrics);
    for (size_t i = 0; r->names[i] != NULL; i++) {
        json_object_set_new(better, r->names[i], json_true());
    }
    json_t *all = json_pack("{s:o, s:o, s:o, s:o, s:o}", "results", named(r->task, one),
                            "group_subtasks", named(r->task, json_array()), "versions",
                            named(r->task, json_real(strtod(r->version, NULL))), "n-shot",
                            named(r->task, json_integer((json_int_t)r->n_shots)),
                            "higher_is_better", named(r->task, better));
    json_object_set_new(
        all, "n-samples",
        named(r->task, json_pack("{s:I, s:I}", "original", (json_int_t)r->n_original, "effective",
                                 (json_int_t)r->n)));
    return all;
}

static void add_config(json_t *all, const tj_eval_report *r)
{
    json_t *config = json_pack("{s:s, s:o, s:n, s:n, s:n, s:n, s:I, s:I}", "model", "tabiji",
                               "model_args", named("pretrained", json_string(r->model)),
                               "model_dtype", "batch_size", "device", "use_cache", "random_seed",
                               (json_int_t)r->seed, "fewshot_seed", (json_int_t)r->shots_seed);
    json_object_set_new(config, "limit",
                        r->limit == 0 ? json_null() : json_integer((json_int_t)r->limit));
    json_object_set(config, "gen_kwargs", r->generation == NULL ? json_null() : r->generation);
    json_object_update(config, r->extra);
    json_t *task =
        json_pack("{s:s, s:I, s:s}", "task", r->task, "num_fewshot", (json_int_t)r->n_shots,
                  "output_type", r->generation == NULL ? "multiple_choice" : "generate_until");
    json_object_set(task, "generation_kwargs", r->generation == NULL ? json_null() : r->generation);
    json_object_set_new(all, "configs", named(r->task, task));
    json_object_set_new(all, "config", config);
}

/* A model's name as a file's: the harness's rule. */
static void sanitize(tj_buf *out, const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        bool bad = strchr("\"<>:/|\\?*[]", *c) != NULL;
        tj_buf_str(out, bad ? "__" : "");
        tj_buf_add(out, c, bad ? 0 : 1);
    }
}

static void add_rest(json_t *all, const tj_eval_report *r)
{
    char hash[TJ_SHA256_HEX];
    char seconds[32];
    tj_buf name;
    tj_buf_init(&name);
    sanitize(&name, r->model);
    (void)snprintf(seconds, sizeof seconds, "%.6f", (double)(r->ended_us - r->started_us) / 1e6);
    static const char *const nulls[] = {
        "git_hash",       "pretty_env_info", "transformers_version", "lm_eval_version",
        "upper_git_hash", "chat_template",   "chat_template_sha"};
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
        json_object_set_new(all, nulls[i], json_null());
    }
    json_object_set_new(all, "date", json_real((double)(r->started_us / 1000000)));
    json_object_set_new(all, "tabiji_version", json_string(TJ_VERSION));
    json_object_set_new(all, "model_source", json_string("tabiji"));
    json_object_set_new(all, "model_name", json_string(r->model));
    json_object_set_new(all, "model_name_sanitized", json_string(tj_buf_text(&name)));
    json_object_set_new(all, "system_instruction",
                        r->system == NULL ? json_null() : json_string(r->system));
    if (r->system != NULL) {
        tj_sha256_hex(hash, r->system, strlen(r->system));
    }
    json_object_set_new(all, "system_instruction_sha",
                        r->system == NULL ? json_null() : json_string(hash));
    json_object_set_new(all, "fewshot_as_multiturn", json_boolean(r->chat));
    json_object_set_new(all, "task_hashes", named(r->task, json_string(r->task_hash)));
    json_object_set_new(all, "total_evaluation_time_seconds", json_string(seconds));
    tj_buf_deinit(&name);
}

tj_code tj_eval_write_results(const char *dir, const tj_eval_report *r, tj_err *err)
{
    char date[32];
    char name[64];
    tj_eval_date(date, r->date_us);
    (void)snprintf(name, sizeof name, "results_%s.json", date);
    json_t *all = results_json(r);
    add_config(all, r);
    add_rest(all, r);
    tj_code rc = tj_eval_write_json(dir, name, all, err);
    json_decref(all);
    return rc;
}

/* ------------------------------------------------------------ samples */

/* The problem with the fields, in the order, that the harness's copy of the data set has. */
static json_t *doc_json(const tj_eval_docs *docs, const tj_eval_doc *d, tj_str target)
{
    char level[16];
    json_t *doc = json_object();
    if (docs->format == TJ_DATA_MATH500) {
        json_object_set_new(doc, "problem", tj_eval_text(d->problem));
        json_object_set_new(doc, "solution", tj_eval_text(d->solution));
        json_object_set_new(doc, "answer", tj_eval_text(target));
        json_object_set_new(doc, "subject", tj_eval_text(d->subject));
        json_object_set_new(doc, "level", json_integer((json_int_t)d->level));
        json_object_set_new(doc, "unique_id", tj_eval_text(d->id));
    } else if (docs->format == TJ_DATA_MATH) {
        (void)snprintf(level, sizeof level, d->level == 0 ? "Level ?" : "Level %zu", d->level);
        json_object_set_new(doc, "problem", tj_eval_text(d->problem));
        json_object_set_new(doc, "level", json_string(level));
        json_object_set_new(doc, "type", tj_eval_text(d->subject));
        json_object_set_new(doc, "solution", tj_eval_text(d->solution));
        json_object_set_new(doc, "answer", tj_eval_text(target));
    } else if (docs->format == TJ_DATA_MGSM) {
        char *end = NULL;
        long long number = strtoll(target.s, &end, 10);
        json_object_set_new(doc, "question", tj_eval_text(d->problem));
        json_object_set_new(doc, "answer", json_null());
        json_object_set_new(doc, "answer_number",
                            *end == '\0' ? json_integer(number) : tj_eval_text(target));
        json_object_set_new(doc, "equation_solution", json_null());
    } else {
        json_object_set_new(doc, "question", tj_eval_text(d->problem));
        json_object_set_new(doc, "answer",
                            tj_eval_text(d->solution.s == NULL ? d->answer : d->solution));
    }
    return doc;
}

static json_t *generation_json(const tj_eval_task_config *cfg)
{
    json_t *until = json_array();
    for (size_t i = 0; cfg->task->until[i] != NULL; i++) {
        json_array_append_new(until, json_string(cfg->task->until[i]));
    }
    return json_pack("{s:o, s:b, s:f, s:I}", "until", until, "do_sample",
                     cfg->sampling.temperature > 0.0, "temperature", cfg->sampling.temperature,
                     "max_gen_toks", (json_int_t)cfg->max_tokens);
}

json_t *tj_eval_prompt_json(const tj_eval_doc *d)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    if (d->messages == NULL) {
        return tj_eval_text(d->prompt);
    }
    json_t *list = json_array();
    for (size_t i = 0; i < d->n_messages; i++) {
        const tj_message *m = &d->messages[i];
        json_array_append_new(list, json_pack("{s:s, s:o}", "role", roles[m->role], "content",
                                              tj_eval_text((tj_str){m->text, m->len})));
    }
    return list;
}

typedef struct hashes {
    char doc[TJ_SHA256_HEX], target[TJ_SHA256_HEX];
} hashes;

static tj_code hash_doc(hashes *out, const json_t *doc, tj_str target, tj_err *err)
{
    char *text = json_dumps(doc, JSON_INDENT(2));
    if (text == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write the samples");
    }
    tj_sha256_hex(out->doc, text, strlen(text));
    tj_sha256_hex(out->target, target.s, target.n);
    free(text); /* Jansson's own allocation */
    return TJ_OK;
}

/* The sample's line of filter f, or of our grader where f is their number. */
static json_t *sample_json(const tj_eval_scores *s, size_t i, size_t f, const tj_eval_doc *d,
                           const tj_eval_answer *answer, json_t *doc, json_t *generation,
                           const hashes *h, const char *filter)
{
    static const char *const verdicts[] = {"equal", "different", "undecided"};
    bool is_grader = f == s->n_filters;
    const char *metric = is_grader ? GRADER_METRIC : s->metric;
    size_t at = i * s->n_samples; /* the first sample stands for all, as take_first has it */
    json_t *resps = json_array();
    for (size_t k = 0; k < answer->n; k++) {
        json_array_append_new(resps, tj_eval_text(answer->texts[k]));
    }
    json_t *line = json_pack(
        "{s:I, s:O, s:o, s:{s:{s:o, s:O}}, s:[o], s:[o], s:s, s:[s], s:s, s:s, s:s}", "doc_id",
        (json_int_t)s->doc[i], "doc", doc, "target", tj_eval_text(s->target[i]), "arguments",
        "gen_args_0", "arg_0", tj_eval_prompt_json(d), "arg_1", generation, "resps", resps,
        "filtered_resps",
        is_grader ? (s->normal[at].s == NULL ? json_string("") : tj_eval_text(s->normal[at]))
                  : tj_eval_text(s->found[f][at]),
        "filter", filter, "metrics", metric, "doc_hash", h->doc, "prompt_hash", d->prompt_hash,
        "target_hash", h->target);
    unsigned char right = is_grader ? s->graded[at] : s->right[f][at];
    json_object_set_new(line, metric, json_real(right != 0 ? 1.0 : 0.0));
    if (is_grader) {
        json_object_set_new(line, "verdict", json_string(verdicts[s->grades[at].verdict]));
        json_object_set_new(line, "method",
                            json_string(s->method[at] == NULL ? "" : s->method[at]));
    }
    return line;
}

tj_code tj_eval_add_sample(tj_fs_writer *writer, json_t *line, tj_err *err)
{
    char *text = line == NULL ? NULL : json_dumps(line, JSON_COMPACT);
    json_decref(line);
    if (text == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write the samples");
    }
    tj_fs_writer_add(writer, text, strlen(text));
    tj_fs_writer_add(writer, "\n", 1);
    free(text); /* Jansson's own allocation */
    return TJ_OK;
}

/* All lines of a filter; of the first one what the task's hash is made of goes to *all. */
static tj_code add_filter(tj_fs_writer *writer, const tj_eval_task_config *cfg,
                          const tj_eval_docs *docs, const tj_eval_answers *answers,
                          const tj_eval_scores *s, size_t f, json_t *generation, tj_buf *all,
                          tj_err *err)
{
    const char *filter = f == s->n_filters ? GRADER_FILTER : cfg->task->filters[f].name;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < s->n && rc == TJ_OK; i++) {
        const tj_eval_doc *d = &docs->docs[s->doc[i]];
        json_t *doc = doc_json(docs, d, s->target[i]);
        hashes h;
        rc = hash_doc(&h, doc, s->target[i], err);
        if (rc == TJ_OK) {
            if (f < s->n_filters || s->n_filters == 0) {
                tj_buf_printf(all, "%s%s%s", h.doc, d->prompt_hash, h.target);
            }
            rc = tj_eval_add_sample(
                writer,
                sample_json(s, i, f, d, &answers->of[s->doc[i]], doc, generation, &h, filter), err);
        }
        json_decref(doc);
    }
    return rc;
}

static tj_code write_samples(const tj_eval_task_config *cfg, const tj_eval_docs *docs,
                             const tj_eval_answers *answers, const tj_eval_scores *s,
                             json_t *generation, tj_eval_report *report, tj_err *err)
{
    char date[32];
    char name[128];
    tj_fs_writer *writer = NULL;
    tj_buf all;
    tj_buf_init(&all);
    tj_eval_date(date, report->date_us);
    (void)snprintf(name, sizeof name, "samples_%s_%s.jsonl", cfg->task->name, date);
    char *path = tj_fs_join(cfg->out, name);
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write the samples")
                              : tj_fs_writer_open(&writer, path, err);
    for (size_t f = 0; f <= s->n_filters && rc == TJ_OK; f++) {
        rc = add_filter(writer, cfg, docs, answers, s, f, generation, &all, err);
    }
    if (rc == TJ_OK) {
        rc = tj_fs_writer_commit(writer, err);
        writer = NULL;
    }
    tj_fs_writer_abort(writer);
    tj_sha256_hex(report->task_hash, tj_buf_text(&all), all.len);
    tj_buf_deinit(&all);
    tj_free(path);
    return rc;
}

static void add_metric(json_t *metrics, const char *metric, const char *filter,
                       const unsigned char *right, const tj_eval_scores *s)
{
    char name[96];
    size_t n_right = 0;
    for (size_t i = 0; i < s->n; i++) {
        n_right += right[i * s->n_samples] != 0 ? 1 : 0;
    }
    (void)snprintf(name, sizeof name, "%s,%s", metric, filter);
    json_object_set_new(metrics, name, json_real((double)n_right / (double)s->n));
    (void)snprintf(name, sizeof name, "%s_stderr,%s", metric, filter);
    json_object_set_new(metrics, name, tj_eval_stderr(n_right, s->n));
}

tj_code tj_eval_write(const tj_eval_task_config *cfg, const tj_eval_docs *docs,
                      const tj_eval_answers *answers, const tj_eval_scores *s, int64_t started_us,
                      tj_err *err)
{
    const char *const names[] = {s->n_filters > 0 ? s->metric : GRADER_METRIC,
                                 s->n_filters > 0 ? GRADER_METRIC : NULL, NULL};
    json_t *metrics = json_object();
    json_t *generation = generation_json(cfg);
    json_t *extra = json_pack("{s:s, s:I}", "model_digest", cfg->model_digest, "repeats",
                              (json_int_t)s->n_samples);
    for (size_t f = 0; f < s->n_filters; f++) {
        add_metric(metrics, s->metric, cfg->task->filters[f].name, s->right[f], s);
    }
    add_metric(metrics, GRADER_METRIC, GRADER_FILTER, s->graded, s);
    tj_eval_report report = {.task = cfg->task->name,
                             .version = cfg->task->version,
                             .model = cfg->model,
                             .metrics = metrics,
                             .generation = generation,
                             .extra = extra,
                             .names = names,
                             .n_shots = docs->n_shots,
                             .n_original = docs->n_original,
                             .n = s->n,
                             .system = cfg->system,
                             .chat = cfg->chat,
                             .seed = cfg->seed,
                             .shots_seed = cfg->shots_seed,
                             .limit = cfg->limit,
                             .started_us = started_us,
                             .ended_us = tj_clock_unix_us()};
    report.date_us = report.ended_us;
    tj_code rc = write_samples(cfg, docs, answers, s, generation, &report, err);
    if (rc == TJ_OK) {
        rc = tj_eval_write_results(cfg->out, &report, err);
    }
    json_decref(metrics);
    json_decref(generation);
    json_decref(extra);
    return rc;
}
