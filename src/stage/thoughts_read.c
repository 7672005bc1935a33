/* What runs of thoughts read: runs by what they made, trees with their problems. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "stage/thoughts.h"

#define MAX_DEPTH 16 /* of a problem's JSON */

/* ------------------------------------------------------------------ runs */

typedef struct search {
    tj_store *store;
    tj_row_kind kind;
    int64_t run;
} search;

static tj_code look_at_run(void *ctx, const tj_run_info *info, tj_err *err)
{
    search *s = ctx;
    size_t n = 0;
    tj_code rc = s->run != 0 ? TJ_OK : tj_store_count(s->store, &n, s->kind, info->id, err);
    if (rc == TJ_OK && n > 0) {
        s->run = info->id;
    }
    return rc;
}

tj_code tj_find_run_with(tj_store *store, int64_t *run, tj_row_kind kind, const char *stage,
                         tj_err *err)
{
    search s = {.store = store, .kind = kind};
    tj_run_filter filter = {.statuses = TJ_RUN_BIT(TJ_RUN_DONE), .stage = stage, .newest = true};
    tj_code rc = tj_run_list(store, &filter, look_at_run, &s, err);
    *run = s.run;
    if (rc == TJ_OK && s.run == 0) {
        return tj_fail(err, TJ_E_NOTFOUND, "the workspace has no finished run that made %s",
                       kind == TJ_ROW_TREE ? "trees" : "thoughts");
    }
    return rc;
}

/* ------------------------------------------------------------------ problems */

static tj_code about_words(tj_record *about, const tj_problem *p, tj_err *err)
{
    static const struct {
        const char *key;
        tj_meta meta;
    } texts[] = {{"problem", TJ_META_PROMPT},
                 {"answer", TJ_META_ANSWER},
                 {"id", TJ_META_ID},
                 {"level", TJ_META_LEVEL},
                 {"subject", TJ_META_SUBJECT}};
    json_t *json = NULL;
    tj_code rc = tj_json_parse(&json, p->json, p->n_json, MAX_DEPTH, "a problem", err);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && rc == TJ_OK; i++) {
        const json_t *v = json_object_get(json, texts[i].key);
        if (json_is_string(v)) {
            rc = tj_record_set(about, texts[i].meta, json_string_value(v), json_string_length(v),
                               err);
        } else if (json_is_integer(v)) {
            tj_buf number;
            tj_buf_init(&number);
            tj_buf_printf(&number, "%lld", (long long)json_integer_value(v));
            rc = tj_record_set(about, texts[i].meta, tj_buf_text(&number), number.len, err);
            tj_buf_deinit(&number);
        }
    }
    json_decref(json);
    if (rc == TJ_OK && about->meta[TJ_META_PROMPT] == NULL) {
        rc = tj_fail(err, TJ_E_INVAL, "it has no text `problem`");
    }
    return rc;
}

static tj_code about_countdown(tj_record *about, const tj_problem *p, tj_err *err)
{
    tj_countdown_problem problem;
    tj_buf text;
    tj_buf_init(&text);
    tj_code rc = tj_countdown_read_json(&problem, p->json, p->n_json, err);
    if (rc == TJ_OK) {
        tj_countdown_write_prompt(&text, &problem);
        rc = tj_buf_check(&text, err);
    }
    if (rc == TJ_OK) {
        rc = tj_record_set(about, TJ_META_PROMPT, tj_buf_text(&text), text.len, err);
    }
    tj_buf_deinit(&text);
    tj_task task; /* difficulties have their names whatever the setting */
    tj_countdown_config any = {.n_numbers = problem.n_numbers};
    tj_countdown_task(&task, &any);
    const char *level = task.difficulty_name(task.ctx, p->difficulty);
    if (rc == TJ_OK && level != NULL) {
        rc = tj_record_set(about, TJ_META_LEVEL, level, strlen(level), err);
    }
    return rc;
}

static tj_code set_text(tj_record *about, tj_meta meta, const char *text, tj_err *err)
{
    bool set = text == NULL || text[0] == 0 || about->meta[meta] != NULL;
    return set ? TJ_OK : tj_record_set(about, meta, text, strlen(text), err);
}

/* Where a problem is from and on which terms, as whoever imported its file said; of a source that
 * nobody named the file's name is known. Of several files the first says it. */
static tj_code take_file(void *ctx, const tj_data_file *file, tj_err *err)
{
    tj_record *about = ctx;
    const char *slash = strrchr(file->path, '/');
    const char *name = slash == NULL ? file->path : slash + 1;
    bool named = file->source != NULL && file->source[0] != 0;
    tj_code rc = set_text(about, TJ_META_SOURCE, named ? file->source : name, err);
    return rc == TJ_OK ? set_text(about, TJ_META_LICENCE, file->licence, err) : rc;
}

tj_code tj_problem_about(tj_record *about, bool *is_countdown, tj_store *store, int64_t problem,
                         tj_err *err)
{
    tj_problems rows = {0};
    tj_problem_set set = {0};
    memset(about, 0, sizeof *about);
    *is_countdown = false;
    tj_code rc = tj_store_load_problem(store, &rows, problem, err);
    if (rc == TJ_OK) {
        rc = tj_store_get_problem_set(store, &set, rows.rows[0].set, err);
    }
    if (rc == TJ_OK) {
        *is_countdown = strcmp(set.task, "countdown") == 0;
        rc = *is_countdown ? about_countdown(about, &rows.rows[0], err)
                           : about_words(about, &rows.rows[0], err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_data_file_of(store, problem, take_file, about, err);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "problem %lld", (long long)problem);
        tj_record_deinit(about);
        memset(about, 0, sizeof *about);
    }
    tj_problem_set_deinit(&set);
    tj_problems_deinit(&rows);
    return rc;
}

/* ------------------------------------------------------------------ trees */

/* All runs' rewards in the place of those that the tree came with. */
static tj_code load_rewards(tj_told_tree *t, tj_store *store, int64_t tree, tj_err *err)
{
    tj_reward *rewards = NULL;
    size_t n = 0;
    tj_code rc = tj_store_load_rewards(store, &rewards, &n, tree, 0, err);
    if (rc == TJ_OK) {
        tj_free(t->tree.rewards);
        t->tree.rewards = rewards;
        t->tree.n_rewards = t->tree.cap_rewards = n;
    }
    return rc;
}

tj_code tj_told_tree_load(tj_told_tree *out, tj_store *store, int64_t tree, tj_err *err)
{
    memset(out, 0, sizeof *out);
    tj_code rc = tj_store_load_tree(store, &out->tree, &out->origin, tree, err);
    if (rc == TJ_OK) {
        rc = load_rewards(out, store, tree, err);
    }
    if (rc == TJ_OK) {
        rc = tj_problem_about(&out->about, &out->is_countdown, store, out->tree.problem, err);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "tree %lld", (long long)tree);
        tj_told_tree_deinit(out);
    }
    return rc;
}

void tj_told_tree_deinit(tj_told_tree *t)
{
    tj_tree_deinit(&t->tree);
    tj_record_deinit(&t->about);
    memset(t, 0, sizeof *t);
}

/* ------------------------------------------------------------------ thoughts */

static tj_code fill_about(tj_record *record, tj_store *store, tj_err *err)
{
    tj_record about;
    bool is_countdown;
    tj_code rc = tj_problem_about(&about, &is_countdown, store, record->thought.problem, err);
    for (size_t i = 0; i < TJ_N_META && rc == TJ_OK; i++) {
        if (record->meta[i] == NULL && about.meta[i] != NULL) {
            rc = tj_record_set(record, (tj_meta)i, about.meta[i], strlen(about.meta[i]), err);
        }
    }
    tj_record_deinit(&about);
    return rc;
}

tj_code tj_told_thought_load(tj_record *out, char **made_of, tj_origin *origin, tj_store *store,
                             int64_t thought, tj_err *err)
{
    tj_code rc = tj_store_get_thought(store, out, made_of, origin, thought, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = fill_about(out, store, err);
    bool is_derived = out->thought.kind == TJ_SHORTCUT || out->thought.kind == TJ_JOURNEY;
    if (rc == TJ_OK && out->correct == TJ_UNKNOWN && is_derived) {
        out->correct = TJ_YES;
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "thought %lld", (long long)thought);
        tj_record_deinit(out);
        memset(out, 0, sizeof *out);
        if (made_of != NULL) {
            tj_free(*made_of);
            *made_of = NULL;
        }
    }
    return rc;
}
