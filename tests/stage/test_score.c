/* Trees of a workspace are scored in a run of their own: each step once, failures with their reason;
 * stopped, broken off or killed in the midst it goes on and asks for nothing that is there; the
 * ledger agrees with the rows at the end. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "stage/stage.h"
#include "support/folder.h"
#include "support/word_trees.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    if (folder_make(dir, "score") != 0) {
        return -1;
    }
    word_trees_make(dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return folder_remove(dir);
}

/* ------------------------------------------------------------------ a rewarder of the test's */

typedef struct script {
    size_t n_calls, n_asked;
    size_t at;       /* the call at which… */
    tj_code ends_by; /* …it ends with this; TJ_OK: it does not… */
    bool dies;       /* …or the process is killed */
} script;

/* "good" is right, "wrong" is wrong, of anything else there is no telling. */
static tj_code give(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                    const tj_job *job, tj_err *err)
{
    script *s = ctx;
    (void)job;
    memset(out, 0, n * sizeof *out);
    if (++s->n_calls == s->at && s->dies) {
        (void)raise(SIGKILL);
    }
    if (s->n_calls == s->at && s->ends_by != TJ_OK) {
        return tj_fail(err, s->ends_by, "the judge has gone home");
    }
    for (size_t i = 0; i < n; i++) {
        const char *step = asks[i].steps[asks[i].n_steps - 1];
        assert_non_null(strstr(asks[i].problem, "What is 6 * 7"));
        assert_string_equal(asks[i].answer, "42");
        out[i].n_tries = 2;
        out[i].tokens = 10;
        out[i].cached_tokens = 4;
        out[i].money = 0.5;
        out[i].raw = tj_strdup("{}");
        if (strstr(step, "good") == NULL && strstr(step, "wrong") == NULL) {
            assert_int_equal(tj_score_fail(&out[i], err, "what is \"%s\"", step), TJ_OK);
        } else {
            out[i].value = strstr(step, "good") != NULL ? 1.0 : -1.0;
            out[i].reason = tj_strdup("so it seems");
        }
        s->n_asked++;
    }
    return TJ_OK;
}

static tj_scorer scorer_of(script *s)
{
    return (tj_scorer){.name = "judge-a",
                       .meaning = TJ_VALID,
                       .low = -1.0,
                       .high = 1.0,
                       .threshold = 0.5,
                       .score = give,
                       .ctx = s};
}

static tj_code score(script *s, tj_score_result *out, size_t piece, bool by_trees, tj_err *err)
{
    tj_store *store;
    json_t *settings = json_pack("{s:s, s:I}", "kind", "judge", "piece_of_test", (json_int_t)piece);
    const tj_scorer scorer = scorer_of(s);
    const tj_score_config cfg = {.kind = TJ_REWARDER_JUDGE,
                                 .url = "http://127.0.0.1:1/v1",
                                 .settings = settings,
                                 .seed = 1,
                                 .piece = piece,
                                 .by_trees = by_trees,
                                 .build_id = "",
                                 .isa = ""};
    tj_code rc = tj_store_open(&store, dir, TJ_STORE_WRITE, NULL, err);
    assert_int_equal(rc, TJ_OK);
    rc = tj_score_trees(store, out, &scorer, &cfg, NULL, err);
    tj_store_close(store);
    json_decref(settings);
    return rc;
}

static void expect_all(const tj_score_result *r)
{
    assert_int_equal(r->n_trees, WORD_TREES);
    assert_int_equal(r->n_steps, WORD_TREES_STEPS);
    assert_int_equal(r->n_judged, WORD_TREES_STEPS);
    assert_int_equal(r->n_failed, WORD_TREES);
    assert_int_equal(r->n_high, 2 * WORD_TREES);
    assert_int_equal(r->n_low, 2 * WORD_TREES);
    assert_int_equal(r->n_right, 2 * WORD_TREES);
    assert_int_equal(r->n_tries, 2 * WORD_TREES_STEPS);
    assert_int_equal(r->cost.tokens, 10 * WORD_TREES_STEPS);
    assert_true(r->cost.money == 0.5 * WORD_TREES_STEPS);
    assert_string_equal(r->failure, "what is \"and on of 0\n\"");
}

static void expect_sound(void)
{
    tj_store *s;
    size_t n = 1;
    assert_int_equal(tj_store_open(&s, dir, TJ_STORE_READ, NULL, NULL), TJ_OK);
    assert_int_equal(tj_store_verify(s, &n, NULL, NULL, NULL, NULL, NULL), TJ_OK);
    assert_int_equal(n, 0);
    tj_store_close(s);
}

static tj_code see_reward(void *ctx, const tj_reward_row *row, tj_err *err)
{
    (void)err;
    *(size_t *)ctx += 1;
    assert_string_equal(row->reward.rewarder, "judge-a");
    assert_string_equal(row->reward.reason, "so it seems");
    assert_true(row->judgement != 0);
    return TJ_OK;
}

/* ------------------------------------------------------------------ tests */

static void every_step_is_judged_once(void **state)
{
    script s = {.at = 0};
    tj_score_result r;
    tj_err err;
    tj_store *store;
    tj_run_info info;
    size_t n = 0;
    (void)state;
    if (score(&s, &r, 4, false, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    expect_all(&r);
    assert_int_equal(s.n_asked, WORD_TREES_STEPS);
    assert_int_equal(r.cached_tokens, 4 * WORD_TREES_STEPS);
    expect_sound();
    assert_int_equal(tj_store_open(&store, dir, TJ_STORE_READ, NULL, NULL), TJ_OK);
    assert_int_equal(tj_store_reward_each(store, 1, r.run, see_reward, &n, NULL), TJ_OK);
    assert_int_equal(n, 4);
    assert_int_equal(tj_run_get(store, &info, r.run, NULL), TJ_OK);
    assert_int_equal(info.status, TJ_RUN_DONE);
    assert_int_equal(info.cost.tokens, 6 * WORD_TREES_STEPS); /* what was paid now */
    tj_run_info_deinit(&info);
    tj_store_close(store);
    int64_t run = r.run;
    assert_int_equal(score(&s, &r, 4, false, &err), TJ_OK); /* done is done */
    assert_true(r.was_done && r.run == run);
    expect_all(&r);
    assert_int_equal(s.n_asked, WORD_TREES_STEPS);
}

static void what_was_stopped_goes_on(void **state)
{
    static const tj_code codes[] = {TJ_E_CANCELLED, TJ_E_IO};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (int by_trees = 0; by_trees < 2; by_trees++) {
            script s = {.at = 2, .ends_by = codes[i]};
            tj_score_result r;
            tj_err err;
            size_t piece = 1 + i + 2 * (size_t)by_trees; /* a run of its own for each */
            assert_int_equal(score(&s, &r, piece, by_trees == 1, &err), codes[i]);
            assert_non_null(strstr(err.msg, "gone home"));
            assert_true(r.n_judged > 0 && r.n_judged < WORD_TREES_STEPS);
            int64_t run = r.run;
            assert_int_equal(score(&s, &r, piece, by_trees == 1, &err), TJ_OK);
            assert_int_equal(r.run, run);
            expect_all(&r);
            assert_int_equal(s.n_asked, WORD_TREES_STEPS); /* nothing twice */
        }
    }
    expect_sound();
}

static void what_was_killed_goes_on(void **state)
{
    (void)state;
    for (size_t at = 1; at <= 5; at++) {
        script s = {.at = at, .dies = true};
        tj_score_result r;
        tj_err err;
        pid_t child = fork();
        if (child == 0) {
            (void)score(&s, &r, 1 + at, false, &err);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        s = (script){.at = 0};
        if (score(&s, &r, 1 + at, false, &err) != TJ_OK) {
            fail_msg("%s", err.msg);
        }
        expect_all(&r);
        if (killed) {
            assert_true(s.n_asked < WORD_TREES_STEPS || at == 1); /* nothing twice */
        }
    }
    expect_sound();
}

static void trees_are_chosen(void **state)
{
    static const int64_t two[] = {2};
    static const int64_t none[] = {99};
    json_t *settings = json_pack("{s:s}", "kind", "chosen");
    script s = {.at = 0};
    const tj_scorer scorer = scorer_of(&s);
    tj_score_config cfg = {.settings = settings,
                           .piece = 4,
                           .tree_ids = two,
                           .n_tree_ids = 1,
                           .build_id = "",
                           .isa = ""};
    tj_score_result r;
    tj_store *store;
    tj_err err;
    (void)state;
    assert_int_equal(tj_store_open(&store, dir, TJ_STORE_WRITE, NULL, NULL), TJ_OK);
    assert_int_equal(tj_score_trees(store, &r, &scorer, &cfg, NULL, &err), TJ_OK);
    assert_true(r.n_trees == 1 && r.n_steps == 5 && s.n_asked == 5);
    cfg.tree_ids = none;
    assert_int_equal(tj_score_trees(store, &r, &scorer, &cfg, NULL, &err), TJ_E_NOTFOUND);
    cfg.tree_ids = NULL;
    cfg.trees.run = 99;
    assert_int_equal(tj_score_trees(store, &r, &scorer, &cfg, NULL, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "no tree"));
    tj_store_close(store);
    json_decref(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_step_is_judged_once, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_was_stopped_goes_on, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(what_was_killed_goes_on, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(trees_are_chosen, make_dir, remove_dir)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
