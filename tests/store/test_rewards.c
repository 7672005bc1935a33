/* Many rewarders judge one node, each known by what it is; judgements keep what was answered and
 * what it cost, failed ones too; annotations supersede and never vanish; thoughts come back with
 * all that is known of them; lists give what a filter says and nothing else, page by page. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "store/db.h"
#include "store/everything.h"
#include "support/workspace.h"

static tj_store *full(everything *e)
{
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    everything_make(s, e);
    return s;
}

static int64_t begin(tj_store *s, const char *name)
{
    int64_t run;
    json_t *config = json_pack("{s:s}", "n", name);
    tj_run_spec spec = {
        .stage = "reward", .name = name, .config = config, .build_id = "", .isa = ""};
    assert_int_equal(tj_run_begin(s, &run, &spec, NULL), TJ_OK);
    json_decref(config);
    return run;
}

/* ------------------------------------------------------------------ rewarders and rewards */

typedef struct seen {
    size_t n;
    int64_t judgements[16], rewarders[16];
    double values[16];
} seen;

static tj_code see_reward(void *ctx, const tj_reward_row *row, tj_err *err)
{
    (void)err;
    seen *x = ctx;
    assert_true(x->n < 16);
    x->judgements[x->n] = row->judgement;
    x->rewarders[x->n] = row->rewarder;
    x->values[x->n++] = row->reward.value;
    return TJ_OK;
}

static void a_node_has_rewards_of_many(void **state)
{
    (void)state;
    everything e;
    seen all = {0};
    seen one = {0};
    tj_reward *rewards;
    size_t n;
    tj_tree tree;
    tj_store *s = full(&e);
    assert_int_equal(tj_store_reward_each(s, e.tree, 0, see_reward, &all, NULL), TJ_OK);
    assert_int_equal(all.n, 6);
    assert_int_equal(tj_store_reward_each(s, e.tree, e.judge_run, see_reward, &one, NULL), TJ_OK);
    assert_int_equal(one.n, 3);
    assert_true(one.judgements[0] == 0 && one.judgements[2] == e.judgement);
    assert_true(one.rewarders[2] == e.judge && one.values[2] == -1.0);
    assert_int_equal(tj_store_load_rewards(s, &rewards, &n, e.tree, e.judge_run, NULL), TJ_OK);
    assert_int_equal(n, 3);
    assert_string_equal(rewards[0].rewarder, "prm");
    assert_string_equal(rewards[2].rewarder, "judge-a");
    assert_string_equal(rewards[2].reason, "no");
    tj_free(rewards);
    assert_int_equal(tj_store_load_tree(s, &tree, NULL, e.tree, NULL), TJ_OK);
    assert_int_equal(tree.n_rewards, 3); /* those that came with it */
    tj_tree_deinit(&tree);
    tj_store_close(s);
}

typedef struct found {
    size_t n;
    tj_rewarder judge;
} found;

static tj_code see_rewarder(void *ctx, const tj_rewarder *w, tj_err *err)
{
    (void)err;
    found *f = ctx;
    f->n++;
    if (strcmp(w->name, "judge-a") == 0) {
        assert_string_equal(w->url, "http://127.0.0.1:1/v1");
        assert_string_equal(w->config, "{\"prompt\":\"Is this step right?\"}");
        f->judge = *w;
    } else {
        assert_string_equal(w->config, "{}");
        assert_string_equal(tj_rewarder_kind_name(w->kind),
                            strcmp(w->name, "solver") == 0 ? "verifier" : w->name);
    }
    return TJ_OK;
}

static void rewarders_tell_what_they_cost(void **state)
{
    (void)state;
    everything e;
    found f = {0};
    tj_store *s = full(&e);
    assert_int_equal(tj_store_rewarder_each(s, see_rewarder, &f, NULL), TJ_OK);
    assert_int_equal(f.n, 4); /* verifier, solver, prm, judge-a */
    assert_int_equal(f.judge.kind, TJ_REWARDER_JUDGE);
    assert_int_equal(f.judge.n_rewards, 1);
    assert_int_equal(f.judge.n_judgements, 2);
    assert_int_equal(f.judge.n_failed, 1);
    assert_int_equal(f.judge.cost.tokens, 42);
    assert_true(f.judge.cost.seconds == 0.75 && f.judge.cost.money == 0.125);
    tj_run_info info;
    assert_int_equal(tj_run_get(s, &info, e.judge_run, NULL), TJ_OK);
    assert_true(info.cost.money == 0.125);
    tj_run_info_deinit(&info);
    tj_store_close(s);
}

static void the_same_rewarder_is_one_row(void **state)
{
    (void)state;
    everything e;
    int64_t a;
    int64_t b;
    int64_t c;
    tj_store *s = full(&e);
    int64_t run = begin(s, "again");
    json_t *config = json_pack("{s:f}", "temperature", 0.5);
    tj_rewarder_spec spec = {.name = "j", .kind = TJ_REWARDER_JUDGE, .config = config};
    assert_int_equal(tj_store_add_rewarder(s, &a, run, &spec, NULL), TJ_OK);
    assert_int_equal(tj_store_add_rewarder(s, &b, run, &spec, NULL), TJ_OK);
    json_object_set_new(config, "temperature", json_real(0.75));
    assert_int_equal(tj_store_add_rewarder(s, &c, run, &spec, NULL), TJ_OK);
    assert_true(a == b && a != c);
    tj_reward r = {.node = 1, .rewarder = "j", .value = 1.0};
    assert_int_equal(tj_store_add_rewards(s, e.tree, run, &r, 1, NULL), TJ_OK);
    json_object_set_new(config, "temperature", json_real(0.5));
    assert_int_equal(tj_store_add_rewarder(s, &a, run, &spec, NULL), TJ_OK);
    assert_int_equal(tj_store_add_rewards(s, e.tree, run, &r, 1, NULL), TJ_OK);
    seen x = {0};
    assert_int_equal(tj_store_reward_each(s, e.tree, run, see_reward, &x, NULL), TJ_OK);
    assert_int_equal(x.n, 2);
    assert_true(x.rewarders[0] == c && x.rewarders[1] == a);
    spec.name = "";
    assert_int_equal(tj_store_add_rewarder(s, &a, run, &spec, NULL), TJ_E_INVAL);
    spec.name = "k";
    spec.model = 99;
    assert_int_equal(tj_store_add_rewarder(s, &a, run, &spec, NULL), TJ_E_NOTFOUND);
    json_decref(config);
    tj_store_close(s);
}

/* What a handle knows by name must not outlive the rows. */
static void an_undone_rewarder_is_forgotten(void **state)
{
    (void)state;
    everything e;
    tj_store *s = full(&e);
    int64_t run = begin(s, "undone");
    tj_reward r = {.node = 1, .rewarder = "ghost", .value = 1.0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tj_store_begin(s, NULL), TJ_OK);
        assert_int_equal(tj_store_add_rewards(s, e.tree, run, &r, 1, NULL), TJ_OK);
        if (i == 0) {
            tj_store_rollback(s);
        } else {
            assert_int_equal(tj_store_commit(s, NULL), TJ_OK);
        }
    }
    seen x = {0};
    assert_int_equal(tj_store_reward_each(s, e.tree, run, see_reward, &x, NULL), TJ_OK);
    assert_int_equal(x.n, 1);
    tj_store_close(s);
    assert_int_equal(everything_mismatches(workspace_dir, NULL), 0);
}

static void wrong_rewards_and_judgements_are_refused(void **state)
{
    (void)state;
    everything e;
    int64_t id;
    tj_err err = {.msg = ""};
    tj_store *s = full(&e);
    int64_t run = begin(s, "wrong");
    tj_reward r = {.node = 1, .rewarder = "judge-a", .value = (double)NAN};
    assert_int_equal(tj_store_add_rewards(s, e.tree, run, &r, 1, &err), TJ_E_NUMERIC);
    r.value = 1.0;
    r.node = 99;
    assert_int_equal(tj_store_add_rewards(s, e.tree, run, &r, 1, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "node 99"));
    r.node = 1;
    assert_int_equal(tj_store_add_rewards(s, e.tree, e.judge_run, &r, 1, &err), TJ_E_CONFLICT);
    tj_judgement j = {.run = run,
                      .rewarder = e.judge,
                      .tree = e.tree,
                      .node = 1,
                      .failed = true,
                      .error = "nonsense",
                      .rewards = &r,
                      .n_rewards = 1};
    assert_int_equal(tj_store_add_judgement(s, &id, &j, &err), TJ_E_INVAL);
    j.failed = false;
    assert_int_equal(tj_store_add_judgement(s, &id, &j, &err), TJ_E_INVAL);
    j.error = NULL;
    r.rewarder = "prm";
    assert_int_equal(tj_store_add_judgement(s, &id, &j, &err), TJ_E_INVAL);
    r.rewarder = "judge-a";
    j.rewarder = 99;
    assert_int_equal(tj_store_add_judgement(s, &id, &j, &err), TJ_E_NOTFOUND);
    j.rewarder = e.judge;
    assert_int_equal(tj_store_add_judgement(s, &id, &j, &err), TJ_OK);
    assert_int_equal(tj_store_add_judgement(s, &id, &j, &err), TJ_E_CONFLICT);
    tj_store_close(s);
}

static tj_code see_judgement(void *ctx, const tj_judgement *j, tj_err *err)
{
    (void)err;
    size_t i = (*(size_t *)ctx)++;
    assert_int_equal(j->ordinal, i);
    assert_int_equal(j->n_tries, i == 0 ? 2 : 3);
    assert_true(j->failed == (i == 1));
    assert_true(j->node == (i == 0 ? 2 : TJ_NO_NODE));
    assert_string_equal(j->answer, i == 0 ? "{\"verdict\": -1}" : "I think so");
    assert_true(i == 0 ? j->error == NULL : strcmp(j->error, "no JSON") == 0);
    assert_true(j->time_us > 0);
    return TJ_OK;
}

static void judgements_keep_answers_and_errors(void **state)
{
    (void)state;
    everything e;
    tj_store *s = full(&e);
    const int64_t of[][2] = {{e.judge_run, 0}, {0, e.tree}, {e.judge_run, e.tree}};
    for (size_t i = 0; i < 3; i++) {
        size_t n = 0;
        assert_int_equal(tj_store_judgement_each(s, of[i][0], of[i][1], see_judgement, &n, NULL),
                         TJ_OK);
        assert_int_equal(n, 2);
    }
    assert_int_equal(tj_store_judgement_each(s, 0, 0, see_judgement, NULL, NULL), TJ_E_INVAL);
    tj_store_close(s);
}

/* ------------------------------------------------------------------ annotations and thoughts */

static tj_code see_annotation(void *ctx, const tj_annotation *a, tj_err *err)
{
    (void)err;
    tj_annotation *last = ctx;
    assert_string_equal(a->author, "j. doe");
    last->id = a->id;
    last->supersedes = a->supersedes;
    last->node = a->node;
    last->span = a->span;
    last->run++; /* counts */
    return TJ_OK;
}

static void annotations_supersede_and_stay(void **state)
{
    (void)state;
    everything e;
    int64_t id;
    tj_annotation last = {0};
    tj_store *s = full(&e);
    assert_int_equal(tj_store_annotation_each(s, e.tree, 0, false, see_annotation, &last, NULL),
                     TJ_OK);
    assert_true(last.run == 1 && last.id == e.newer_annotation && last.supersedes == e.annotation);
    assert_true(last.node == 2 && last.span == TJ_NO_NODE);
    last.run = 0;
    assert_int_equal(tj_store_annotation_each(s, e.tree, 0, true, see_annotation, &last, NULL),
                     TJ_OK);
    assert_true(last.run == 2);
    last.run = 0;
    assert_int_equal(tj_store_annotation_each(s, 0, e.thought, false, see_annotation, &last, NULL),
                     TJ_OK);
    assert_true(last.run == 1 && last.span == 1 && last.node == TJ_NO_NODE);

    int64_t run = begin(s, "annotate");
    tj_annotation a = {.run = run,
                       .tree = e.tree,
                       .node = 1,
                       .span = TJ_NO_NODE,
                       .author = "a",
                       .kind = "k",
                       .supersedes = e.annotation};
    assert_int_equal(tj_store_add_annotation(s, &id, &a, NULL), TJ_E_CONFLICT);
    a.supersedes = 99;
    assert_int_equal(tj_store_add_annotation(s, &id, &a, NULL), TJ_E_NOTFOUND);
    a.supersedes = 0;
    a.node = 99;
    assert_int_equal(tj_store_add_annotation(s, &id, &a, NULL), TJ_E_NOTFOUND);
    a.node = 1;
    a.thought = e.thought;
    assert_int_equal(tj_store_add_annotation(s, &id, &a, NULL), TJ_E_INVAL);
    a.thought = 0;
    a.author = "";
    assert_int_equal(tj_store_add_annotation(s, &id, &a, NULL), TJ_E_INVAL);
    tj_store_close(s);
}

static void a_thought_comes_back_with_all_that_is_known(void **state)
{
    (void)state;
    everything e;
    tj_record r;
    tj_origin origin;
    char *made_of;
    tj_store *s = full(&e);
    assert_int_equal(tj_store_get_thought(s, &r, &made_of, &origin, e.thought, NULL), TJ_OK);
    assert_string_equal(made_of, "[\"a\",\"b\"]");
    assert_string_equal(tj_record_get(&r, TJ_META_LICENCE), "CC0");
    assert_string_equal(tj_record_get(&r, TJ_META_ANSWER), "12");
    assert_string_equal(tj_record_get(&r, TJ_META_SOURCE), "");
    assert_true(r.correct == TJ_YES && r.n_tokens == 9);
    assert_int_equal(r.thought.kind, TJ_HUMAN);
    assert_true(origin.tree == e.tree && origin.run == e.import_run && origin.ordinal == 1);
    assert_int_equal(tj_thought_check(&r.thought, NULL), TJ_OK);
    const tj_span *a = &r.thought.spans[0];
    const tj_span *b = &r.thought.spans[1];
    assert_true(a->editor == TJ_BY_POLICY && a->mark == TJ_MARK_INVALID && !a->has_value);
    assert_true(b->editor == TJ_BY_HUMAN && b->annotation == 2 && b->back_to == 1);
    assert_true(b->has_value && b->value == 0.75 && b->node == TJ_NO_NODE);
    assert_string_equal(b->name, "j. doe");
    tj_free(made_of);
    tj_record_deinit(&r);
    tj_store_close(s);
}

/* A number in the database that is none of ours is said to be so, not used as an index. */
static void damaged_enumerations_are_errors(void **state)
{
    (void)state;
    everything e;
    tj_thought t;
    tj_tree tree;
    tj_store *s = full(&e);
    tj_store_close(s);
    char *path = tj_fs_join(workspace_dir, "tabiji.db");
    tj_db *db;
    assert_int_equal(tj_db_open(&db, path, path, TJ_DB_WRITE, NULL), TJ_OK);
    assert_int_equal(
        tj_db_exec(db, "UPDATE span SET editor = 77; UPDATE reward SET meaning = 9", NULL), TJ_OK);
    tj_db_close(db);
    tj_free(path);
    s = workspace_open(TJ_STORE_READ);
    assert_int_equal(tj_store_load_thought(s, &t, NULL, e.thought, NULL), TJ_E_PARSE);
    assert_null(t.text);
    assert_int_equal(tj_store_load_tree(s, &tree, NULL, e.tree, NULL), TJ_E_PARSE);
    tj_store_close(s);
}

/* ------------------------------------------------------------------ lists */

enum { N_TREES = 60, N_SETS = 3 };

typedef struct tree_facts {
    int64_t id, run, set, problem;
    size_t n_nodes;
    bool solved;
    bool judged;
    double high, low, mean;
} tree_facts;

static tree_facts facts[N_TREES];

static double draw(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(*state >> 11U) / 9007199254740992.0;
}

static void add_random_tree(tj_store *s, size_t i, int64_t run, int64_t set, int64_t problem,
                            uint64_t *random)
{
    tj_tree t = {.problem = problem};
    size_t node;
    tree_facts *f = &facts[i];
    double total = 0.0;
    *f = (tree_facts){.run = run, .set = set, .problem = problem, .low = 9.0, .high = -9.0};
    f->n_nodes = 1 + (size_t)(draw(random) * 9.0);
    f->judged = draw(random) < 0.7;
    assert_int_equal(tj_tree_add_node(&t, &node, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    for (size_t n = 1; n < f->n_nodes; n++) {
        assert_int_equal(tj_tree_add_node(&t, &node, n - 1, "s\n", NULL, NULL, 0, NULL), TJ_OK);
        t.nodes[node].correct = t.nodes[node].terminal = draw(random) < 0.1;
        f->solved = f->solved || t.nodes[node].correct;
    }
    for (size_t n = 0; n < f->n_nodes && f->judged; n++) {
        tj_reward r = {.node = n, .rewarder = "prm", .value = floor(draw(random) * 16.0) / 16.0};
        assert_int_equal(tj_tree_add_reward(&t, &r, NULL), TJ_OK);
        f->low = fmin(f->low, r.value);
        f->high = fmax(f->high, r.value);
        total += r.value;
    }
    f->mean = total / (double)f->n_nodes;
    tj_origin origin = {.run = run, .ordinal = i};
    assert_int_equal(tj_store_add_tree(s, &f->id, &origin, &t, NULL), TJ_OK);
    tj_tree_deinit(&t);
}

static tj_store *many_trees(void)
{
    int64_t sets[N_SETS];
    int64_t runs[2];
    uint64_t random = 7;
    json_t *config = json_object();
    tj_store *s = workspace_open(TJ_STORE_CREATE);
    runs[0] = begin(s, "one");
    runs[1] = begin(s, "two");
    for (size_t i = 0; i < N_SETS; i++) {
        char name[16];
        const tj_problem p = {.json = "{}", .n_json = 2};
        snprintf(name, sizeof name, "set %zu", i);
        assert_int_equal(
            tj_store_add_problem_set(s, &sets[i], runs[0], name, "t", config, &p, 1, NULL), TJ_OK);
    }
    for (size_t i = 0; i < N_TREES; i++) {
        size_t set = (size_t)(draw(&random) * N_SETS);
        tj_problems p;
        assert_int_equal(tj_store_load_problems(s, &p, sets[set], TJ_SPLIT_TRAIN, 0, 1, NULL),
                         TJ_OK);
        add_random_tree(s, i, runs[draw(&random) < 0.5 ? 0 : 1], sets[set], p.rows[0].id, &random);
        tj_problems_deinit(&p);
    }
    json_decref(config);
    return s;
}

static bool passes(const tree_facts *f, const tj_tree_filter *q)
{
    double measured = q->measure == TJ_MEASURE_HIGH   ? f->high
                      : q->measure == TJ_MEASURE_MEAN ? f->mean
                                                      : f->low;
    return (q->run == 0 || f->run == q->run) && (q->set == 0 || f->set == q->set) &&
           (q->problem == 0 || f->problem == q->problem) &&
           (q->solved == TJ_SOLVED_ANY || f->solved == (q->solved == TJ_SOLVED_YES)) &&
           f->n_nodes >= q->min_nodes && (q->max_nodes == 0 || f->n_nodes <= q->max_nodes) &&
           (q->rewarder == NULL || (f->judged && strcmp(q->rewarder, "prm") == 0 &&
                                    measured >= q->min_reward && measured <= q->max_reward));
}

typedef struct listed {
    int64_t ids[N_TREES];
    size_t n;
} listed;

static tj_code add_listed(void *ctx, const tj_tree_row *row, tj_err *err)
{
    (void)err;
    listed *l = ctx;
    assert_true(l->n < N_TREES);
    l->ids[l->n++] = row->id;
    return TJ_OK;
}

static tj_tree_filter random_filter(uint64_t *random)
{
    tj_tree_filter q = {.newest = draw(random) < 0.5};
    const tree_facts *f = &facts[(size_t)(draw(random) * N_TREES)];
    q.run = draw(random) < 0.3 ? f->run : 0;
    q.set = draw(random) < 0.3 ? f->set : 0;
    q.problem = draw(random) < 0.2 ? f->problem : 0;
    q.solved = (tj_solved)(draw(random) * 3.0);
    q.min_nodes = draw(random) < 0.3 ? (size_t)(draw(random) * 6.0) : 0;
    q.max_nodes = draw(random) < 0.3 ? (size_t)(draw(random) * 9.0) : 0;
    if (draw(random) < 0.5) {
        q.rewarder = draw(random) < 0.9 ? "prm" : "nobody";
        q.measure = (tj_measure)(draw(random) * 3.0);
        q.min_reward = draw(random) < 0.5 ? floor(draw(random) * 16.0) / 16.0 : 0.0;
        q.max_reward = draw(random) < 0.5 ? floor(draw(random) * 16.0) / 16.0 : 1.0;
    }
    return q;
}

static void lists_are_what_a_look_at_every_tree_gives(void **state)
{
    (void)state;
    uint64_t random = 11;
    tj_store *s = many_trees();
    for (size_t i = 0; i < 400; i++) {
        tj_tree_filter q = random_filter(&random);
        listed want = {.n = 0};
        listed got = {.n = 0};
        size_t n;
        for (size_t t = 0; t < N_TREES; t++) {
            size_t at = q.newest ? N_TREES - 1 - t : t;
            if (passes(&facts[at], &q)) {
                want.ids[want.n++] = facts[at].id;
            }
        }
        assert_int_equal(tj_store_tree_count(s, &n, &q, NULL), TJ_OK);
        assert_int_equal(n, want.n);
        q.limit = 1 + (size_t)(draw(&random) * 20.0);
        for (size_t before = 1; before > 0;) { /* page by page */
            size_t was = got.n;
            assert_int_equal(tj_store_tree_list(s, &q, add_listed, &got, NULL), TJ_OK);
            before = got.n - was;
            assert_true(before <= q.limit);
            q.after = got.n > 0 ? got.ids[got.n - 1] : 0;
        }
        assert_int_equal(got.n, want.n);
        assert_memory_equal(got.ids, want.ids, want.n * sizeof *want.ids);
    }
    tj_tree_filter nan = {.rewarder = "prm", .min_reward = (double)NAN};
    listed none = {.n = 0};
    assert_int_equal(tj_store_tree_list(s, &nan, add_listed, &none, NULL), TJ_E_INVAL);
    tj_store_close(s);
}

static tj_code add_run(void *ctx, const tj_run_info *info, tj_err *err)
{
    (void)err;
    listed *l = ctx;
    l->ids[l->n++] = info->id;
    return TJ_OK;
}

static void runs_are_listed_by_stage_status_and_page(void **state)
{
    (void)state;
    everything e;
    tj_store *s = full(&e);
    const struct {
        tj_run_filter filter;
        int64_t ids[4];
        size_t n;
    } cases[] = {
        {{0}, {e.import_run, e.judge_run, e.failed_run, e.open_run}, 4},
        {{.newest = true, .limit = 2}, {e.open_run, e.failed_run}, 2},
        {{.newest = true, .after = e.failed_run}, {e.judge_run, e.import_run}, 2},
        {{.after = e.failed_run}, {e.open_run}, 1},
        {{.stage = "judge"}, {e.judge_run}, 1},
        {{.statuses = TJ_RUN_BIT(TJ_RUN_FAILED)}, {e.failed_run}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        listed l = {.n = 0};
        assert_int_equal(tj_run_list(s, &cases[i].filter, add_run, &l, NULL), TJ_OK);
        assert_int_equal(l.n, cases[i].n);
        assert_memory_equal(l.ids, cases[i].ids, l.n * sizeof *l.ids);
    }
    tj_store_close(s);
}

static tj_code see_input(void *ctx, const tj_run_input *in, tj_err *err)
{
    (void)err;
    (*(size_t *)ctx)++;
    assert_string_equal(in->role, "trees");
    assert_string_equal(in->kind, "run");
    assert_true(in->id == 1);
    return TJ_OK;
}

static tj_code see_output(void *ctx, const tj_run_output *o, tj_err *err)
{
    (void)err;
    if (strcmp(o->kind, "reward") == 0) {
        assert_int_equal(o->n_rows, 3);
        (*(size_t *)ctx)++;
    }
    return TJ_OK;
}

static tj_code see_series(void *ctx, const char *name, size_t n_points, tj_err *err)
{
    (void)err;
    assert_string_equal(name, "loss");
    *(size_t *)ctx += n_points;
    return TJ_OK;
}

static void a_run_tells_what_it_read_and_made(void **state)
{
    (void)state;
    everything e;
    size_t n = 0;
    tj_store *s = full(&e);
    assert_int_equal(tj_run_inputs_each(s, e.judge_run, see_input, &n, NULL), TJ_OK);
    assert_int_equal(n, 1);
    assert_int_equal(tj_run_outputs_each(s, e.judge_run, see_output, &n, NULL), TJ_OK);
    assert_int_equal(n, 2);
    assert_int_equal(tj_run_series_each(s, e.import_run, see_series, &n, NULL), TJ_OK);
    assert_int_equal(n, 3);
    tj_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_node_has_rewards_of_many, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(rewarders_tell_what_they_cost, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(the_same_rewarder_is_one_row, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(an_undone_rewarder_is_forgotten, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(wrong_rewards_and_judgements_are_refused, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(judgements_keep_answers_and_errors, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(annotations_supersede_and_stay, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(a_thought_comes_back_with_all_that_is_known, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(damaged_enumerations_are_errors, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(lists_are_what_a_look_at_every_tree_gives, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(runs_are_listed_by_stage_status_and_page, workspace_make,
                                        workspace_remove),
        cmocka_unit_test_setup_teardown(a_run_tells_what_it_read_and_made, workspace_make,
                                        workspace_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
