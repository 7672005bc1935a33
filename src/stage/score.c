/* Trees are loaded until there are enough steps without a judgement for a piece; the piece is put
 * to the rewarder and written, and the trees are let go. A judgement's ordinal is the place of its
 * step among all steps of the run's trees, so that what is there is known after a crash. */
#include "stage/score.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "stage/ledger_run.h"

/* A tree of the run. */
typedef struct item {
    int64_t tree, run;
    size_t n_steps; /* nodes but the root */
    size_t first;   /* ordinal of its first step's judgement */
} item;

/* A step to be judged, of trees[tree]. */
typedef struct pending {
    size_t tree, node, ordinal;
} pending;

/* A tree at work: its problem in words beside it. */
typedef struct loaded {
    tj_tree tree;
    int64_t id;
    char *problem;
    char *answer; /* NULL: not known */
} loaded;

typedef struct scoring {
    tj_store *store;
    const tj_scorer *scorer;
    const tj_score_config *cfg;
    const tj_job *job;
    tj_score_result *out;
    int64_t run, rewarder;
    item *items; /* [n_items] */
    size_t n_items, cap_items;
    bool *judged; /* [out->n_steps] */
    size_t n_done, n_failed_now;
    loaded *trees; /* [n_trees] */
    size_t n_trees, cap_trees;
    pending *steps; /* [n_pending] */
    size_t n_pending, cap_pending;
} scoring;

/* ------------------------------------------------------------------ which trees */

static tj_code add_item(void *ctx, const tj_tree_row *row, tj_err *err)
{
    scoring *s = ctx;
    if (!tj_grow(&s->items, &s->cap_items, s->n_items + 1, sizeof *s->items)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu trees", s->n_items + 1);
    }
    s->items[s->n_items++] = (item){.tree = row->id,
                                    .run = row->run,
                                    .n_steps = row->n_nodes > 0 ? row->n_nodes - 1 : 0,
                                    .first = s->out->n_steps};
    s->out->n_steps += row->n_nodes > 0 ? row->n_nodes - 1 : 0;
    s->out->n_trees++;
    return TJ_OK;
}

static tj_code add_by_id(scoring *s, int64_t id, tj_err *err)
{
    tj_tree tree;
    tj_origin origin;
    tj_code rc = tj_store_load_tree(s->store, &tree, &origin, id, err);
    if (rc == TJ_OK) {
        tj_tree_row row = {.id = id, .run = origin.run, .n_nodes = tree.n_nodes};
        tj_tree_deinit(&tree);
        rc = add_item(s, &row, err);
    }
    return rc;
}

static tj_code find_items(scoring *s, tj_err *err)
{
    tj_tree_filter filter = s->cfg->trees;
    tj_code rc = TJ_OK;
    filter.newest = false;
    filter.after = 0;
    filter.limit = 0;
    if (s->cfg->tree_ids == NULL) {
        rc = tj_store_tree_list(s->store, &filter, add_item, s, err);
    }
    for (size_t i = 0; s->cfg->tree_ids != NULL && i < s->cfg->n_tree_ids && rc == TJ_OK; i++) {
        rc = add_by_id(s, s->cfg->tree_ids[i], err);
    }
    if (rc == TJ_OK && s->out->n_steps == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "there is no tree with a step to be scored");
    }
    return rc;
}

/* ------------------------------------------------------------------ the run */

/* Which trees they are, as a digest: rows are never changed. */
static tj_code digest_items(const scoring *s, char out[TJ_SHA256_HEX], tj_err *err)
{
    tj_buf all;
    tj_buf_init(&all);
    for (size_t i = 0; i < s->n_items; i++) {
        tj_buf_printf(&all, "%lld\n", (long long)s->items[i].tree);
    }
    tj_code rc = tj_buf_check(&all, err);
    if (rc == TJ_OK) {
        tj_sha256_hex(out, all.data, all.len);
    }
    tj_buf_deinit(&all);
    return rc;
}

static tj_code add_run_input(tj_run_input *inputs, size_t *n, int64_t run, tj_err *err)
{
    for (size_t i = 0; i < *n; i++) {
        if (inputs[i].id == run) {
            return TJ_OK;
        }
    }
    if (*n == TJ_STORE_MAX_INPUTS) {
        return tj_fail(err, TJ_E_LIMIT, "trees of more than %d runs: score some of them at a time",
                       TJ_STORE_MAX_INPUTS);
    }
    inputs[(*n)++] = (tj_run_input){.role = "trees", .kind = "run", .id = run};
    return TJ_OK;
}

static tj_code find_or_begin(scoring *s, const tj_run_spec *spec, tj_err *err)
{
    bool resumed;
    tj_code rc = tj_ledger_run_take_up(s->store, &s->run, &s->out->was_done, &resumed, spec, err);
    if (rc == TJ_OK && resumed) {
        tj_job_log(s->job, "going on with run %lld", (long long)s->run);
    }
    return rc;
}

static tj_code begin_run(scoring *s, tj_err *err)
{
    char digest[TJ_SHA256_HEX];
    char name[128];
    tj_run_input inputs[TJ_STORE_MAX_INPUTS];
    size_t n = 0;
    tj_code rc = digest_items(s, digest, err);
    for (size_t i = 0; i < s->cfg->n_files && rc == TJ_OK && n < TJ_STORE_MAX_INPUTS; i++) {
        inputs[n++] = s->cfg->files[i];
    }
    for (size_t i = 0; i < s->n_items && rc == TJ_OK; i++) {
        rc = add_run_input(inputs, &n, s->items[i].run, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *config =
        json_pack("{s:s, s:O, s:I, s:s}", "name", s->scorer->name, "rewarder", s->cfg->settings,
                  "n_trees", (json_int_t)s->n_items, "trees", digest);
    (void)snprintf(name, sizeof name, "score by %.100s", s->scorer->name);
    tj_run_spec spec = {.stage = "score",
                        .name = name,
                        .config = config,
                        .seed = s->cfg->seed,
                        .inputs = inputs,
                        .n_inputs = n,
                        .build_id = s->cfg->build_id,
                        .isa = s->cfg->isa,
                        .n_threads = tj_par_threads()};
    rc = config == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot describe the run")
                        : find_or_begin(s, &spec, err);
    json_decref(config);
    return rc;
}

static tj_code begin_rewarder(scoring *s, tj_err *err)
{
    const tj_rewarder_spec spec = {.name = s->scorer->name,
                                   .kind = s->cfg->kind,
                                   .url = s->cfg->url,
                                   .config = s->cfg->settings};
    return tj_store_add_rewarder(s->store, &s->rewarder, s->run, &spec, err);
}

static tj_code note_judged(void *ctx, const tj_judgement *j, tj_err *err)
{
    scoring *s = ctx;
    if (j->ordinal >= s->out->n_steps || s->judged[j->ordinal]) {
        return tj_fail(err, TJ_E_PARSE, "run %lld has a judgement %zu that no step of its has",
                       (long long)s->run, j->ordinal);
    }
    s->judged[j->ordinal] = true;
    s->n_done++;
    return TJ_OK;
}

static tj_code find_judged(scoring *s, tj_err *err)
{
    s->judged = tj_calloc(s->out->n_steps, sizeof *s->judged);
    if (s->judged == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot score %zu steps", s->out->n_steps);
    }
    return tj_store_judgement_each(s->store, s->run, 0, note_judged, s, err);
}

/* ------------------------------------------------------------------ a piece */

static size_t depth_of(const tj_tree *tree, size_t node)
{
    size_t n = 0;
    for (; tree->nodes[node].parent != TJ_NO_NODE; node = tree->nodes[node].parent) {
        n++;
    }
    return n;
}

/* The asks of a piece; *steps has the texts of all of them, one path after the other. */
static tj_code write_asks(const scoring *s, const pending *p, size_t n, tj_score_ask *asks,
                          const char ***steps, tj_err *err)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += depth_of(&s->trees[p[i].tree].tree, p[i].node);
    }
    *steps = tj_calloc(total, sizeof **steps);
    if (*steps == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold paths of %zu steps", total);
    }
    const char **at = *steps;
    for (size_t i = 0; i < n; i++) {
        const loaded *l = &s->trees[p[i].tree];
        size_t depth = depth_of(&l->tree, p[i].node);
        size_t node = p[i].node;
        for (size_t d = depth; d-- > 0; node = l->tree.nodes[node].parent) {
            at[d] = l->tree.nodes[node].text == NULL ? "" : l->tree.nodes[node].text;
        }
        asks[i] = (tj_score_ask){.problem = l->problem,
                                 .answer = l->answer,
                                 .steps = at,
                                 .n_steps = depth,
                                 .tree = &l->tree,
                                 .node = p[i].node};
        asks[i].key = tj_score_ask_key(&asks[i]);
        at += depth;
    }
    return TJ_OK;
}

/* A reason as rows keep it, not cut within a character. */
static void copy_reason(char out[TJ_STEP_REASON_BYTES], const char *reason)
{
    size_t n = reason == NULL ? 0 : strlen(reason);
    if (n >= TJ_STEP_REASON_BYTES) {
        for (n = TJ_STEP_REASON_BYTES - 1; n > 0 && ((unsigned char)reason[n] & 0xC0) == 0x80;) {
            n--;
        }
    }
    if (n > 0) {
        memcpy(out, reason, n);
    }
    out[n] = 0;
}

static tj_code write_judgement(const scoring *s, const pending *p, const tj_score *score,
                               tj_err *err)
{
    tj_reward reward = {.node = p->node,
                        .rewarder = s->scorer->name,
                        .meaning = s->scorer->meaning,
                        .value = score->value};
    tj_judgement j = {
        .run = s->run,
        .ordinal = p->ordinal,
        .rewarder = s->rewarder,
        .tree = s->trees[p->tree].id,
        .node = p->node,
        .failed = score->failed,
        .n_tries = score->n_tries,
        .answer = score->raw,
        .error = score->failed ? score->error : NULL,
        .cost = {.tokens = score->tokens, .seconds = score->seconds, .money = score->money},
        .rewards = &reward,
        .n_rewards = score->failed ? 0 : 1};
    int64_t id;
    copy_reason(reward.reason, score->reason);
    return tj_store_add_judgement(s->store, &id, &j, err);
}

/* What was paid now is the run's; what a cache held was paid before. */
static tj_code write_scores(scoring *s, const pending *p, const tj_score *scores, size_t n,
                            double seconds, tj_err *err)
{
    tj_run_cost cost = {.seconds = seconds};
    tj_code rc = tj_store_begin(s->store, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        cost.tokens += scores[i].tokens - scores[i].cached_tokens;
        cost.money += scores[i].money - scores[i].cached_money;
        rc = write_judgement(s, &p[i], &scores[i], err);
    }
    if (rc == TJ_OK) {
        rc = tj_run_add_cost(s->store, s->run, &cost, err);
    }
    if (rc != TJ_OK) {
        tj_store_rollback(s->store);
        return rc;
    }
    rc = tj_store_commit(s->store, err);
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        s->out->cached_tokens += scores[i].cached_tokens;
        s->out->cached_money += scores[i].cached_money;
        s->n_failed_now += scores[i].failed ? 1 : 0;
        s->n_done++;
    }
    return rc;
}

static tj_code score_piece(scoring *s, const pending *p, size_t n, tj_err *err)
{
    tj_score_ask *asks = tj_calloc(n, sizeof *asks);
    tj_score *scores = tj_calloc(n, sizeof *scores);
    const char **steps = NULL;
    tj_code rc = asks == NULL || scores == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot score %zu steps", n)
                     : write_asks(s, p, n, asks, &steps, err);
    double begin = tj_clock_seconds();
    if (rc == TJ_OK) {
        rc = s->scorer->score(s->scorer->ctx, scores, asks, n, s->job, err);
    }
    if (rc == TJ_OK) {
        rc = write_scores(s, p, scores, n, tj_clock_seconds() - begin, err);
        for (size_t i = 0; i < n; i++) {
            tj_score_deinit(&scores[i]);
        }
    }
    tj_free(steps);
    tj_free(scores);
    tj_free(asks);
    return rc;
}

static void tell(const scoring *s)
{
    char note[64];
    (void)snprintf(note, sizeof note, "%zu failed", s->n_failed_now);
    tj_job_progress(s->job, "scoring", s->n_done, s->out->n_steps, "steps", note);
}

static void let_go(scoring *s)
{
    for (size_t i = 0; i < s->n_trees; i++) {
        tj_tree_deinit(&s->trees[i].tree);
        tj_free(s->trees[i].problem);
        tj_free(s->trees[i].answer);
    }
    s->n_trees = 0;
    s->n_pending = 0;
}

static tj_code score_pending(scoring *s, tj_err *err)
{
    size_t most = s->cfg->by_trees ? s->n_pending : s->cfg->piece;
    tj_code rc = TJ_OK;
    for (size_t at = 0; at < s->n_pending && rc == TJ_OK; at += most) {
        size_t n = s->n_pending - at < most ? s->n_pending - at : most;
        rc = tj_job_check(s->job, err);
        if (rc == TJ_OK) {
            rc = score_piece(s, s->steps + at, n, err);
        }
        tell(s);
    }
    let_go(s);
    return rc;
}

/* ------------------------------------------------------------------ trees */

/* The problem in words: the question, or what the embedded task is told. */
static tj_code write_problem(loaded *l, tj_err *err)
{
    tj_countdown_config cfg = {0}; /* of the task only its texts are asked for */
    tj_task task;
    tj_buf text;
    if (l->tree.question != NULL) {
        l->problem = tj_strdup(l->tree.question);
        l->answer = l->tree.answer == NULL ? NULL : tj_strdup(l->tree.answer);
        return l->problem == NULL || (l->tree.answer != NULL && l->answer == NULL)
                   ? tj_fail(err, TJ_E_NOMEM, "cannot hold a problem")
                   : TJ_OK;
    }
    tj_buf_init(&text);
    tj_countdown_task(&task, &cfg);
    task.write_rules(task.ctx, &text);
    tj_buf_char(&text, '\n');
    task.write_prompt(task.ctx, &l->tree.first, &text);
    tj_code rc = tj_buf_check(&text, err);
    l->problem = rc == TJ_OK ? tj_buf_take(&text) : NULL;
    tj_buf_deinit(&text);
    return rc;
}

static tj_code load(scoring *s, const item *it, tj_err *err)
{
    if (!tj_grow(&s->trees, &s->cap_trees, s->n_trees + 1, sizeof *s->trees)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu trees", s->n_trees + 1);
    }
    loaded *l = &s->trees[s->n_trees];
    *l = (loaded){.id = it->tree};
    tj_code rc = tj_store_load_tree(s->store, &l->tree, NULL, it->tree, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t index = s->n_trees++;
    rc = write_problem(l, err);
    for (size_t node = 1; node < l->tree.n_nodes && rc == TJ_OK; node++) {
        size_t ordinal = it->first + node - 1;
        if (s->judged[ordinal]) {
            continue;
        }
        if (!tj_grow(&s->steps, &s->cap_pending, s->n_pending + 1, sizeof *s->steps)) {
            return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu steps", s->n_pending + 1);
        }
        s->steps[s->n_pending++] = (pending){index, node, ordinal};
    }
    return rc;
}

static bool is_done(const scoring *s, const item *it)
{
    for (size_t i = 0; i < it->n_steps; i++) {
        if (!s->judged[it->first + i]) {
            return false;
        }
    }
    return true;
}

static tj_code score_all(scoring *s, tj_err *err)
{
    tj_code rc = TJ_OK;
    tell(s);
    for (size_t i = 0; i < s->n_items && rc == TJ_OK; i++) {
        if (!is_done(s, &s->items[i])) {
            rc = load(s, &s->items[i], err);
        }
        if (rc == TJ_OK && (s->n_pending >= s->cfg->piece || i + 1 == s->n_items)) {
            rc = score_pending(s, err);
        }
    }
    let_go(s);
    return rc;
}

/* ------------------------------------------------------------------ what it came to */

static tj_code add_judgement(void *ctx, const tj_judgement *j, tj_err *err)
{
    tj_score_result *r = ctx;
    (void)err;
    r->n_judged++;
    r->n_tries += j->n_tries;
    r->cost.tokens += j->cost.tokens;
    r->cost.seconds += j->cost.seconds;
    r->cost.money += j->cost.money;
    if (j->failed && r->n_failed++ == 0) {
        copy_reason(r->failure, j->error);
    }
    return TJ_OK;
}

static tj_code add_value(void *ctx, const tj_reward_row *row, tj_err *err)
{
    const scoring *s = ctx;
    double v = row->reward.value;
    (void)err;
    s->out->sum += v;
    s->out->n_right += v >= s->scorer->threshold ? 1 : 0;
    *(v <= s->scorer->low    ? &s->out->n_low
      : v >= s->scorer->high ? &s->out->n_high
                             : &s->out->n_between) += 1;
    return TJ_OK;
}

static tj_code sum_up(scoring *s, tj_err *err)
{
    tj_code rc = tj_store_judgement_each(s->store, s->run, 0, add_judgement, s->out, err);
    for (size_t i = 0; i < s->n_items && rc == TJ_OK; i++) {
        rc = tj_store_reward_each(s->store, s->items[i].tree, s->run, add_value, s, err);
    }
    return rc;
}

static tj_code end_run(scoring *s, tj_code rc, tj_err *err)
{
    tj_err why;
    tj_score_result *r = s->out;
    tj_code summed = sum_up(s, &why);
    json_t *metrics =
        json_pack("{s:I, s:I, s:I, s:I, s:f}", "steps", (json_int_t)r->n_steps, "judged",
                  (json_int_t)r->n_judged, "failed", (json_int_t)r->n_failed, "right",
                  (json_int_t)r->n_right, "sum", r->sum);
    tj_run_outcome outcome = {.metrics = metrics};
    rc = rc == TJ_OK && summed != TJ_OK ? tj_fail(err, summed, "%s", why.msg) : rc;
    rc = tj_ledger_run_end(s->store, s->run, rc, &outcome, err);
    json_decref(metrics);
    return rc;
}

tj_code tj_score_trees(tj_store *store, tj_score_result *out, const tj_scorer *scorer,
                       const tj_score_config *cfg, const tj_job *job, tj_err *err)
{
    scoring s = {.store = store, .scorer = scorer, .cfg = cfg, .job = job, .out = out};
    tj_err local = {.code = TJ_OK}; /* what a run that fails is recorded with */
    *out = (tj_score_result){.run = 0};
    tj_code rc = cfg->piece == 0 || cfg->piece > TJ_SCORE_MAX_PIECE
                     ? tj_fail(&local, TJ_E_INVAL, "a piece of %zu steps: expected 1 to %d",
                               cfg->piece, TJ_SCORE_MAX_PIECE)
                     : find_items(&s, &local);
    if (rc == TJ_OK) {
        rc = begin_run(&s, &local);
    }
    out->run = s.run;
    if (rc == TJ_OK && out->was_done) {
        rc = sum_up(&s, &local);
    } else if (rc == TJ_OK) {
        rc = begin_rewarder(&s, &local);
        if (rc == TJ_OK) {
            rc = find_judged(&s, &local);
        }
        if (rc == TJ_OK) {
            rc = score_all(&s, &local);
        }
        rc = end_run(&s, rc, &local);
    }
    tj_free(s.items);
    tj_free(s.judged);
    tj_free(s.trees);
    tj_free(s.steps);
    return rc == TJ_OK ? TJ_OK : tj_fail(err, rc, "%s", local.msg);
}
