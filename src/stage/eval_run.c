/* An evaluation in the workspace. While it goes on its answers are in OUT/answers.jsonl alone; the
 * outputs, whose verdicts are known at the end, are added in one transaction with the run's end.
 * They belong to the problems of the set that was imported from the same content, where there is
 * one, or else to a set that the run makes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "nn/nn.h"
#include "stage/eval_inner.h"
#include "stage/ledger_run.h"
#include "stage/lineage.h"

#define NAMED_BYTES 12 /* of a digest in a set's name */

/* ------------------------------------------------------------------ beginning */

typedef struct inputs {
    tj_run_input all[3];
    char digests[2][TJ_SHA256_HEX];
    char *data; /* where it is */
    tj_buf shots;
    size_t n;
} inputs;

static tj_code add_file(inputs *in, const char *role, const char *path, tj_err *err)
{
    char *digest = in->digests[in->n];
    in->all[in->n++] = (tj_run_input){.role = role, .kind = "file", .digest = digest};
    return tj_sha256_file(digest, path, err);
}

static tj_code gather(inputs *in, const tj_eval_task_config *cfg, tj_err *err)
{
    char *shots = NULL;
    tj_code rc = tj_fs_real_path(&in->data, cfg->data, err);
    if (rc == TJ_OK) {
        rc = add_file(in, in->data, in->data, err);
    }
    if (rc == TJ_OK && cfg->shots_data != NULL) {
        rc = tj_fs_real_path(&shots, cfg->shots_data, err);
        tj_buf_printf(&in->shots, TJ_INPUT_SHOTS "%s", rc == TJ_OK ? shots : "");
        rc = rc == TJ_OK ? tj_buf_check(&in->shots, err) : rc;
    }
    if (rc == TJ_OK && shots != NULL) {
        rc = add_file(in, tj_buf_text(&in->shots), shots, err);
    }
    tj_free(shots);
    if (cfg->model_digest[0] != '\0') { /* of a server's model nothing is known but its name */
        in->all[in->n++] =
            (tj_run_input){.role = TJ_INPUT_MODEL, .kind = "file", .digest = cfg->model_digest};
    }
    return rc;
}

static tj_code begin(tj_eval_run *r, const tj_run_spec *spec, bool all_answered, tj_err *err)
{
    bool resumed = false, done = false;
    tj_run_info info;
    int64_t before;
    tj_code rc = tj_ledger_run_find_done(r->store, &before, &done, spec, err);
    if (done && all_answered) {
        r->store = NULL;
        return TJ_OK;
    }
    if (rc == TJ_OK) {
        rc = tj_ledger_run_go_on(r->store, &r->run, &resumed, spec, err);
    }
    if (rc == TJ_OK && resumed) {
        rc = tj_run_get(r->store, &info, r->run, err);
        r->paid = info.cost;
        tj_run_info_deinit(&info);
    }
    return rc;
}

tj_code tj_eval_run_begin(tj_eval_run *out, const tj_eval_task_config *cfg,
                          const tj_eval_docs *docs, const tj_eval_answers *answers,
                          const json_t *config, tj_err *err)
{
    char name[TJ_STORE_MAX_NAME + 1];
    *out = (tj_eval_run){.store = cfg->store};
    if (cfg->store == NULL) {
        return TJ_OK;
    }
    inputs in = {.n = 0};
    json_t *all = json_copy((json_t *)(uintptr_t)config);
    if (all == NULL ||
        json_object_set_new(all, "problems", json_integer((json_int_t)docs->n)) != 0) {
        json_decref(all);
        return tj_fail(err, TJ_E_NOMEM, "cannot describe the evaluation");
    }
    tj_buf_init(&in.shots);
    tj_code rc = gather(&in, cfg, err);
    (void)snprintf(name, sizeof name, "%s: %.200s", cfg->task->name, cfg->model);
    tj_run_spec spec = {.stage = "eval",
                        .name = name,
                        .config = all,
                        .seed = cfg->seed,
                        .inputs = in.all,
                        .n_inputs = in.n,
                        .build_id = cfg->build_id,
                        .isa = tj_isa_name(),
                        .n_threads = tj_par_threads()};
    if (rc == TJ_OK) {
        rc = begin(out, &spec, answers->n_answered == docs->n, err);
    }
    if (rc == TJ_OK && cfg->force) {
        out->paid = (tj_run_cost){0}; /* the answers that it was for are forgotten */
    }
    tj_free(in.data);
    tj_buf_deinit(&in.shots);
    json_decref(all);
    return rc;
}

/* ------------------------------------------------------------------ problems */

typedef struct problem_ids {
    const tj_eval_docs *docs;
    int64_t *of; /* [docs->n] rows of the workspace */
    tj_buf json;
} problem_ids;

static tj_code problem_of(problem_ids *ids, size_t i, tj_problem *out, tj_err *err)
{
    const tj_eval_doc *d = &ids->docs->docs[i];
    tj_data_record record = {.problem = d->problem,
                             .answer = d->answer,
                             .subject = d->subject,
                             .id = d->id,
                             .level = d->level};
    tj_buf_clear(&ids->json);
    tj_data_write_problem(&ids->json, &record);
    *out = (tj_problem){.split = TJ_SPLIT_TEST,
                        .json = tj_buf_text(&ids->json),
                        .n_json = ids->json.len,
                        .difficulty = d->level};
    return tj_buf_check(&ids->json, err);
}

static int by_digest(const void *a, const void *b)
{
    return memcmp(((const tj_problem *)a)->digest, ((const tj_problem *)b)->digest, TJ_SHA256_HEX);
}

/* Finds the problems among rows, which it sorts; TJ_E_NOTFOUND where one is missing. */
static tj_code look_up(problem_ids *ids, tj_problem *rows, size_t n, tj_err *err)
{
    tj_code rc = TJ_OK;
    if (n > 0) {
        qsort(rows, n, sizeof *rows, by_digest);
    }
    for (size_t i = 0; i < ids->docs->n && rc == TJ_OK; i++) {
        tj_problem wanted;
        rc = problem_of(ids, i, &wanted, err);
        tj_sha256_hex(wanted.digest, wanted.json, wanted.n_json);
        const tj_problem *found =
            n == 0 ? NULL : bsearch(&wanted, rows, n, sizeof *rows, by_digest);
        if (rc == TJ_OK && found == NULL) {
            rc = TJ_E_NOTFOUND;
        }
        ids->of[i] = found == NULL ? 0 : found->id;
    }
    return rc;
}

static tj_code find_in_set(tj_store *store, problem_ids *ids, int64_t set, tj_err *err)
{
    tj_problem *all = NULL;
    tj_problems parts[TJ_SPLIT_TEST + 1] = {{0}};
    size_t n = 0;
    size_t cap = 0;
    tj_code rc = TJ_OK;
    for (int split = TJ_SPLIT_TRAIN; split <= TJ_SPLIT_TEST && rc == TJ_OK; split++) {
        tj_problems *p = &parts[split];
        rc = tj_store_load_problems(store, p, set, (tj_split)split, 0, SIZE_MAX, err);
        if (rc == TJ_OK && p->n > 0 && !tj_grow(&all, &cap, n + p->n, sizeof *all)) {
            rc = tj_fail(err, TJ_E_NOMEM, "cannot hold the problems of set %lld", (long long)set);
        }
        if (rc == TJ_OK && p->n > 0) {
            memcpy(all + n, p->rows, p->n * sizeof *all);
            n += p->n;
        }
    }
    if (rc == TJ_OK) {
        rc = look_up(ids, all, n, err);
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        tj_problems_deinit(&parts[i]);
    }
    tj_free(all);
    return rc;
}

typedef struct imported {
    const char *content; /* digest */
    int64_t set;
} imported;

static tj_code see_file(void *ctx, const tj_data_file *file, tj_err *err)
{
    imported *i = ctx;
    (void)err;
    i->set = strcmp(file->content_digest, i->content) == 0 ? file->set : i->set;
    return TJ_OK;
}

static tj_code make_set(const tj_eval_run *r, problem_ids *ids, const char *name, tj_err *err)
{
    int64_t set;
    json_t *config = json_pack("{s:s}", "content_digest", ids->docs->digest);
    tj_code rc = config == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot describe a set of problems")
                     : tj_store_begin_set(r->store, &set, r->run, name, "mathematics", config, err);
    for (size_t i = 0; i < ids->docs->n && rc == TJ_OK; i++) {
        tj_problem problem;
        bool is_new;
        rc = problem_of(ids, i, &problem, err);
        if (rc == TJ_OK) {
            rc = tj_store_put_problem(r->store, &ids->of[i], &is_new, set, &problem, err);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_store_seal_set(r->store, set, err);
    }
    json_decref(config);
    return rc;
}

/* Every problem's row: of an import, of an earlier evaluation's set, or of a set that is made. */
static tj_code find_problems(const tj_eval_run *r, problem_ids *ids, const char *data, tj_err *err)
{
    char name[TJ_STORE_MAX_NAME + 1];
    tj_problem_set set = {0};
    imported file = {.content = ids->docs->digest};
    const char *slash = strrchr(data, '/');
    (void)snprintf(name, sizeof name, "%.200s %.*s", slash == NULL ? data : slash + 1, NAMED_BYTES,
                   ids->docs->digest);
    tj_code rc = tj_store_data_file_each(r->store, 0, see_file, &file, err);
    if (rc == TJ_OK) {
        rc = file.set == 0 ? TJ_E_NOTFOUND : find_in_set(r->store, ids, file.set, err);
    }
    if (rc == TJ_E_NOTFOUND) {
        rc = tj_store_find_problem_set(r->store, &set, name, NULL);
        rc = rc == TJ_OK ? find_in_set(r->store, ids, set.id, err) : rc;
        tj_problem_set_deinit(&set);
    }
    return rc == TJ_E_NOTFOUND ? make_set(r, ids, name, err) : rc;
}

/* ------------------------------------------------------------------ outputs */

/* What each score made of a sample. */
static char *metrics_of(const tj_eval_task_config *cfg, const tj_eval_scores *s, size_t at)
{
    json_t *m = json_pack("{s:s, s:s, s:o}", "verdict", tj_verdict_name(s->grades[at].verdict),
                          "method", s->method[at] == NULL ? "" : s->method[at], "answer",
                          tj_eval_text(s->normal[at]));
    for (size_t f = 0; f < s->n_filters; f++) {
        json_object_set_new(m, cfg->task->filters[f].name, json_integer(s->right[f][at]));
    }
    char *text = m == NULL ? NULL : tj_json_canonical(m);
    json_decref(m);
    return text;
}

static tj_code add_output(const tj_eval_run *r, const tj_eval_task_config *cfg,
                          const tj_eval_answer *answer, const tj_eval_scores *s, size_t i, size_t k,
                          int64_t problem, const char *sampling, tj_err *err)
{
    size_t at = i * s->n_samples + k;
    int64_t id;
    char *metrics = metrics_of(cfg, s, at);
    if (metrics == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot describe an answer");
    }
    tj_output output = {
        .origin = {.run = r->run, .ordinal = s->doc[i] * s->n_samples + k},
        .problem = problem,
        .sampling = sampling,
        .seed = cfg->seed,
        .draw = k,
        .text = answer->texts[k].s,
        .n_text = answer->texts[k].n,
        /* a server tells only the sum of a problem's samples: it is shared out among them */
        .n_tokens =
            (size_t)(answer->n_tokens / answer->n) + (k < answer->n_tokens % answer->n ? 1 : 0),
        .finish = answer->finishes[k],
        .correct = s->grades[at].verdict == TJ_VERDICT_UNDECIDED
                       ? TJ_UNDECIDED
                       : (s->grades[at].verdict == TJ_VERDICT_EQUAL ? 1 : 0),
        .metrics = metrics};
    tj_code rc = tj_store_add_output(r->store, &id, &output, err);
    tj_free(metrics);
    return rc;
}

static tj_code add_outputs(const tj_eval_run *r, const tj_eval_task_config *cfg,
                           const tj_eval_docs *docs, const tj_eval_answers *answers,
                           const tj_eval_scores *s, tj_err *err)
{
    char sampling[160];
    problem_ids ids = {.docs = docs, .of = tj_calloc(docs->n, sizeof *ids.of)};
    tj_buf_init(&ids.json);
    (void)snprintf(
        sampling, sizeof sampling,
        "{\"max_tokens\":%zu,\"min_p\":%g,\"temperature\":%g,\"top_k\":%zu,\"top_p\":%g}",
        cfg->max_tokens, cfg->sampling.min_p, cfg->sampling.temperature, cfg->sampling.top_k,
        cfg->sampling.top_p);
    tj_code rc = ids.of == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", docs->n)
                                : find_problems(r, &ids, cfg->data, err);
    for (size_t n = 0; n < s->n * s->n_samples && rc == TJ_OK; n++) {
        size_t i = n / s->n_samples;
        size_t doc = s->doc[i];
        rc = add_output(r, cfg, &answers->of[doc], s, i, n % s->n_samples, ids.of[doc], sampling,
                        err);
    }
    tj_buf_deinit(&ids.json);
    tj_free(ids.of);
    return rc;
}

/* ------------------------------------------------------------------ ending */

/* What was spent on the answers beyond what the run was charged for. */
static tj_run_cost cost_of(const tj_eval_run *r, const tj_eval_answers *a)
{
    tj_run_cost cost = {0};
    cost.tokens = a->n_completion > r->paid.tokens ? a->n_completion - r->paid.tokens : 0;
    cost.seconds = a->seconds > r->paid.seconds ? a->seconds - r->paid.seconds : 0.0;
    cost.money = a->cost > r->paid.money ? a->cost - r->paid.money : 0.0;
    return cost;
}

static tj_code end_done(tj_eval_run *r, tj_run_outcome *outcome, const tj_eval_task_config *cfg,
                        const tj_eval_docs *docs, const tj_eval_answers *answers,
                        const tj_eval_scores *scores, tj_err *err)
{
    char digest[TJ_SHA256_HEX];
    char *path = tj_fs_join(cfg->out, "eval.json");
    char *whole = NULL;
    tj_run_file file = {.digest = digest};
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot name eval.json")
                              : tj_fs_real_path(&whole, path, err);
    if (rc == TJ_OK) {
        rc = tj_sha256_file(digest, whole, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_begin(r->store, err);
    }
    if (rc == TJ_OK) {
        file.path = whole;
        outcome->files = &file;
        outcome->n_files = 1;
        rc = add_outputs(r, cfg, docs, answers, scores, err);
        if (rc == TJ_OK) {
            rc = tj_ledger_run_end(r->store, r->run, TJ_OK, outcome, err);
        }
        if (rc == TJ_OK) {
            rc = tj_store_commit(r->store, err);
        } else {
            tj_store_rollback(r->store);
        }
        outcome->n_files = 0;
    }
    tj_free(whole);
    tj_free(path);
    return rc;
}

tj_code tj_eval_run_end(tj_eval_run *r, tj_code rc, const tj_eval_task_config *cfg,
                        const tj_eval_docs *docs, const tj_eval_answers *answers,
                        const tj_eval_scores *scores, const json_t *result, tj_err *err)
{
    if (r->store == NULL) {
        return rc;
    }
    tj_run_outcome outcome = {.metrics = rc == TJ_OK ? result : NULL, .cost = cost_of(r, answers)};
    if (rc == TJ_OK) {
        rc = end_done(r, &outcome, cfg, docs, answers, scores, err);
        if (rc == TJ_OK) {
            return TJ_OK;
        }
        outcome.metrics = NULL;
    }
    return tj_ledger_run_end(r->store, r->run, rc, &outcome, err);
}

/* ------------------------------------------------------------------ the list */

static tj_code list_run(void *ctx, const tj_run_info *info, tj_err *err)
{
    json_t *list = ctx;
    json_t *config = json_loads(info->config, 0, NULL);
    if (!json_is_string(json_object_get(config, "task"))) { /* an experiment's */
        json_decref(config);
        return TJ_OK;
    }
    json_t *result = info->metrics == NULL ? json_null() : json_loads(info->metrics, 0, NULL);
    json_t *entry =
        json_pack("{s:I, s:s, s:s, s:o, s:f, s:I, s:f, s:s?, s:o, s:o}", "run",
                  (json_int_t)info->id, "name", info->name, "status",
                  tj_run_status_name(info->status), "seed", json_integer((json_int_t)info->seed),
                  "seconds", info->cost.seconds, "tokens", (json_int_t)info->cost.tokens, "money",
                  info->cost.money, "error", info->error, "config", config, "result", result);
    return entry != NULL && json_array_append_new(list, entry) == 0
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot list the evaluations");
}

tj_code tj_eval_runs(tj_store *store, json_t **list, tj_err *err)
{
    tj_run_filter filter = {.stage = "eval"};
    *list = json_array();
    tj_code rc = *list == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot list the evaluations")
                               : tj_run_list(store, &filter, list_run, *list, err);
    if (rc != TJ_OK) {
        json_decref(*list);
        *list = NULL;
    }
    return rc;
}
