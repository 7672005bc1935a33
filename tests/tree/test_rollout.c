/* Rollouts: a step is worth the share of rollouts that end right, with what is cut or lost counted;
 * the search finds the first wrong step that a scan would find, with fewer measurements, in paths
 * that share steps too; a consensus keeps what its members agree on. The policy is a script: it
 * goes on rightly unless a step before says "wrong". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/reasoner.h"
#include "tree/rollout.h"

#define RIGHT "3. So it is 43.\n4. The answer is \\boxed{43}.\n"
#define WRONG "3. So it is 44.\n4. The answer is \\boxed{44}.\n"

/* ------------------------------------------------------------------ the script */

/* "wrong" before: never right. Else the first samples are right, as many as ctx says. */
static void go_on(reasoner *r, tj_buf *out, const char *asked, const tj_query *query, size_t sample,
                  bool *lost)
{
    size_t n_right = *(const size_t *)r->ctx;
    (void)query;
    (void)lost;
    tj_buf_str(out, strstr(asked, "wrong") == NULL && sample < n_right ? RIGHT : WRONG);
}

typedef struct fixture {
    reasoner r;
    size_t n_right;
    tj_scorer scorer;
} fixture;

static void open_with(fixture *f, reasoner_fn fn, void *ctx, size_t rollouts, bool searches)
{
    tj_rollout_config cfg;
    tj_rollouts *rollouts_of;
    tj_err err;
    reasoner_open(&f->r, fn, ctx);
    tj_rollout_config_default(&cfg);
    cfg.rollouts = rollouts;
    if (tj_rollouts_create(&rollouts_of, &cfg, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_rollouts_take_model(rollouts_of, &f->r.model);
    assert_int_equal(tj_rollout_scorer(&f->scorer, rollouts_of, cfg.name, searches, NULL), TJ_OK);
}

static void open_policy(fixture *f, size_t n_right, bool searches)
{
    f->n_right = n_right;
    open_with(f, go_on, &f->n_right, 4, searches);
}

static void close_policy(fixture *f)
{
    tj_scorer_close(&f->scorer);
    reasoner_close(&f->r);
}

static tj_score_ask ask_of(const char *const *steps, size_t n)
{
    tj_score_ask ask = {.problem = "What is 6 * 7 + 1?",
                        .answer = "43",
                        .steps = steps,
                        .n_steps = n,
                        .node = TJ_NO_NODE};
    ask.key = tj_score_ask_key(&ask);
    return ask;
}

static tj_score score_one(fixture *f, const tj_score_ask *ask)
{
    tj_score s;
    tj_err err;
    if (f->scorer.score(f->scorer.ctx, &s, ask, 1, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return s;
}

/* ------------------------------------------------------------------ rollouts */

static void a_step_is_worth_the_share_that_ends_right(void **state)
{
    static const char *const steps[] = {"1. 6 * 7 = 42\n", "2. One more."};
    static const struct {
        size_t n_right;
        double value;
        const char *reason;
    } cases[] = {{0, 0.0, "0 of 4 rollouts right (95%: 0.000 to 0.490)"},
                 {1, 0.25, "1 of 4 rollouts right (95%: 0.046 to 0.699)"},
                 {4, 1.0, "4 of 4 rollouts right (95%: 0.510 to 1.000)"}};
    tj_score_ask ask = ask_of(steps, 2);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fixture f;
        open_policy(&f, cases[i].n_right, false);
        tj_score s = score_one(&f, &ask);
        assert_true(!s.failed && s.value == cases[i].value);
        assert_string_equal(s.reason, cases[i].reason);
        assert_int_equal(s.n_tries, 4);
        assert_int_equal(s.tokens, 140);
        assert_int_equal(f.r.n_queries, 1); /* whose samples share the path */
        assert_int_equal(f.r.seen[0].n_samples, 4);
        assert_int_equal(f.r.seen[0].problem, ask.key);
        assert_string_equal(f.r.asked[0], "1. 6 * 7 = 42\n2. One more.\n"); /* it goes on */
        assert_true((s.value >= f.scorer.threshold) == (cases[i].n_right > 0));
        tj_score_deinit(&s);
        close_policy(&f);
    }
}

/* Of a chat a model here goes on from the assistant's words; a server has to be told; what only
 * continues texts has problem and steps as one. */
static void each_kind_of_model_is_asked_in_its_way(void **state)
{
    static const char *const steps[] = {"1. 6 * 7 = 42"};
    static const char *const ends[] = {"1. 6 * 7 = 42\n", "to the end of the solution.",
                                       "Problem: What is 6 * 7 + 1?\nSolution:\n1. 6 * 7 = 42\n"};
    tj_score_ask ask = ask_of(steps, 1);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        tj_rollout_config cfg;
        tj_rollouts *rollouts;
        fixture f = {.n_right = 4};
        tj_rollout_config_default(&cfg);
        reasoner_open(&f.r, go_on, &f.n_right);
        f.r.model.is_remote = i == 1;
        f.r.model.generator.chats = i < 2;
        assert_int_equal(tj_rollouts_create(&rollouts, &cfg, NULL, NULL), TJ_OK);
        tj_rollouts_take_model(rollouts, &f.r.model);
        assert_int_equal(tj_rollout_scorer(&f.scorer, rollouts, "mc", false, NULL), TJ_OK);
        tj_score s = score_one(&f, &ask);
        size_t n = strlen(f.r.asked[0]);
        size_t n_end = strlen(ends[i]);
        assert_true(n >= n_end);
        assert_string_equal(f.r.asked[0] + n - n_end, ends[i]);
        tj_score_deinit(&s);
        close_policy(&f);
    }
}

static void what_is_cut_or_lost_is_no_right_answer(void **state)
{
    static const char *const cut[] = {RIGHT, "on and on #", "on \\boxed{43} #", RIGHT};
    static const char *const lost[] = {RIGHT, "!", RIGHT, RIGHT};
    static const char *const mute[] = {"I do not know.", "", "x", "43 apples"};
    static const char *const steps[] = {"1. 6 * 7 = 42\n"};
    static const struct {
        const char *const *answers;
        const char *outcome;
    } cases[] = {{cut, "2 of 4 rollouts right (95%: 0.150 to 0.850), 2 cut"},
                 {lost, "3 of 4 rollouts came: the line is down"},
                 {mute, "1 of 4 rollouts right"}};
    tj_score_ask ask = ask_of(steps, 1);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fixture f;
        open_with(&f, reasoner_say, (void *)(uintptr_t)cases[i].answers, 4, false);
        tj_score s = score_one(&f, &ask);
        assert_int_equal(s.failed, i == 1);
        const char *words = s.failed ? s.error : s.reason;
        if (strstr(words, cases[i].outcome) != words) {
            fail_msg("'%s', expected '%s'", words, cases[i].outcome);
        }
        assert_non_null(s.raw);
        tj_score_deinit(&s);
        close_policy(&f);
    }
}

static void ends_are_graded_without_rollouts(void **state)
{
    static const char *const right[] = {"1. 6 * 7 = 42\n", "2. The answer is \\boxed{43}."};
    static const char *const wrong[] = {"1. 6 * 7 = 42\n", "#### 42"};
    static const char *const open[] = {"Hm."};
    tj_score_ask asks[] = {ask_of(right, 2), ask_of(wrong, 2), ask_of(open, 1), ask_of(open, 1)};
    tj_score s[4];
    fixture f;
    (void)state;
    asks[2].answer = NULL;
    asks[3].answer = "\\frac{"; /* nobody can read that */
    open_policy(&f, 4, false);
    assert_int_equal(f.scorer.score(f.scorer.ctx, s, asks, 4, NULL, NULL), TJ_OK);
    assert_true(!s[0].failed && s[0].value == 1.0 && s[0].n_tries == 0);
    assert_true(!s[1].failed && s[1].value == 0.0 && s[1].n_tries == 0);
    assert_true(s[2].failed && strstr(s[2].error, "not known") != NULL);
    assert_true(s[3].failed);
    assert_int_equal(f.r.n_queries, 1);
    for (size_t i = 0; i < 4; i++) {
        tj_score_deinit(&s[i]);
    }
    close_policy(&f);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    static const char *const steps[] = {"1. 6 * 7 = 42\n", "wrong"};
    tj_score_ask asks[] = {ask_of(steps, 1), ask_of(steps, 2)};
    (void)state;
    for (int searches = 0; searches < 2; searches++) {
        fixture f;
        open_policy(&f, 4, searches == 1);
        tj_code rc = TJ_E_NOMEM;
        for (size_t k = 0; rc != TJ_OK && f.r.n_queries + 8 < REASONER_MAX_ASKED; k++) {
            tj_score s[2];
            tj_alloc_fail_after(k);
            rc = f.scorer.score(f.scorer.ctx, s, asks, 2, NULL, NULL);
            tj_alloc_fail_after(SIZE_MAX);
            assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
            for (size_t i = 0; i < 2; i++) {
                assert_true(rc == TJ_OK || s[i].reason == NULL);
                tj_score_deinit(&s[i]);
            }
        }
        assert_int_equal(rc, TJ_OK);
        close_policy(&f);
    }
}

/* ------------------------------------------------------------------ the search */

#define MAX_STEPS 16

/* Scores all prefixes of a path whose step `first` (from 0; n: none) is the first wrong one. */
static size_t search_path(size_t n, size_t first)
{
    char texts[MAX_STEPS][32];
    const char *steps[MAX_STEPS];
    tj_score_ask asks[MAX_STEPS];
    tj_score s[MAX_STEPS];
    fixture f;
    tj_err err;
    open_policy(&f, 1, true);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%s %zu", i == first ? "wrong" : "step", i);
        steps[i] = texts[i];
    }
    for (size_t i = 0; i < n; i++) {
        asks[i] = ask_of(steps, i + 1);
    }
    if (f.scorer.score(f.scorer.ctx, s, asks, n, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(!s[i].failed);
        assert_true(s[i].value == (i < first ? 1.0 : i == first ? -1.0 : 0.0));
        assert_non_null(s[i].reason);
        tj_score_deinit(&s[i]);
    }
    size_t n_queries = f.r.n_queries;
    close_policy(&f);
    return n_queries;
}

static void the_first_wrong_step_is_found_by_halving(void **state)
{
    (void)state;
    for (size_t n = 1; n <= MAX_STEPS; n += n < 4 ? 1 : 6) {
        size_t bits = 0;
        while ((size_t)1 << bits < n) {
            bits++;
        }
        assert_int_equal(search_path(n, n), 1); /* the whole solution is right */
        for (size_t first = 0; first < n; first++) {
            size_t measured = search_path(n, first);
            if (measured > bits + 1) {
                fail_msg("step %zu of %zu took %zu measurements", first, n, measured);
            }
        }
    }
}

static void paths_share_what_was_measured(void **state)
{
    static const char *const a[] = {"s", "t", "u", "v"};
    static const char *const b[] = {"s", "t", "wrong", "w"};
    static const char *const c[] = {"s", "wrong too", "y"};
    static const double want[] = {1, 1, 1, 1, -1, 0, -1, 0};
    tj_score_ask asks[] = {ask_of(a, 1), ask_of(a, 2), ask_of(a, 3), ask_of(a, 4),
                           ask_of(b, 3), ask_of(b, 4), ask_of(c, 2), ask_of(c, 3)};
    tj_score s[8];
    fixture f;
    (void)state;
    open_policy(&f, 1, true);
    assert_int_equal(f.scorer.score(f.scorer.ctx, s, asks, 8, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < 8; i++) {
        if (s[i].failed || s[i].value != want[i]) {
            fail_msg("%zu: %g, expected %g", i, s[i].value, want[i]);
        }
        tj_score_deinit(&s[i]);
    }
    assert_int_equal(f.r.n_queries, 5); /* three ends, then the two open steps: not eight */
    close_policy(&f);
}

static void a_failed_measurement_says_nothing_of_its_path(void **state)
{
    static const char *const answers[] = {"!", "!", "!", "!"};
    static const char *const path[] = {"s", "t"};
    tj_score_ask asks[] = {ask_of(path, 1), ask_of(path, 2)};
    tj_score s[2];
    fixture f;
    (void)state;
    open_with(&f, reasoner_say, (void *)(uintptr_t)answers, 2, true);
    assert_int_equal(f.scorer.score(f.scorer.ctx, s, asks, 2, NULL, NULL), TJ_OK);
    assert_true(s[0].failed && s[1].failed);
    tj_score_deinit(&s[0]);
    tj_score_deinit(&s[1]);
    close_policy(&f);
}

/* ------------------------------------------------------------------ consensus */

/* Members are constants: how the words of several become one. */
static void members_must_agree(void **state)
{
    static const struct {
        const char *settings;
        double value;
        const char *words;
    } cases[] = {
        {"{\"kind\": \"consensus\", \"members\": [\"constant,value=0.9,name=a\", "
         "{\"kind\": \"constant\", \"value\": 0.8, \"name\": \"b\"}]}",
         1.0, "a: right (0.9); b: right (0.8)"},
        {"{\"kind\": \"consensus\", \"members\": [\"constant,value=0.1\", "
         "\"constant,value=0.2\"]}",
         -1.0, "constant: wrong (0.1)"},
        {"{\"kind\": \"consensus\", \"members\": [\"constant,value=0.9\", "
         "\"constant,value=0.2\"]}",
         0.0, "they do not agree"},
        {"{\"kind\": \"consensus\", \"agreement\": 2, \"members\": [\"constant,value=0.9\", "
         "\"constant,value=0.2\", \"constant,value=0.7\"]}",
         1.0, "right (0.7)"},
        {"{\"kind\": \"consensus\", \"disagreement\": \"failed\", \"members\": "
         "[\"constant,value=0.9\", \"constant,value=0.2\"]}",
         9.0, "they do not agree: constant: right (0.9); constant: wrong (0.2)"},
        {"{\"kind\": \"consensus\", \"members\": [\"constant,value=0.9\", \"verifier\"]}", 9.0,
         "verifier: the step gives no final answer"}};
    static const char *const steps[] = {"Hm."};
    tj_score_ask ask = ask_of(steps, 1);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *settings = json_loads(cases[i].settings, 0, NULL);
        tj_scorer scorer;
        tj_score s = {.failed = false};
        tj_err err;
        assert_non_null(settings);
        if (tj_scorer_open_settings(&scorer, settings, "it", NULL, &err) != TJ_OK ||
            scorer.score(scorer.ctx, &s, &ask, 1, NULL, &err) != TJ_OK) {
            fail_msg("%s", err.msg);
        }
        const char *words = s.failed ? s.error : s.reason;
        if (s.failed != (cases[i].value > 1.0) || (!s.failed && s.value != cases[i].value) ||
            strstr(words, cases[i].words) == NULL) {
            fail_msg("%zu: %g, %s", i, s.value, words);
        }
        assert_non_null(strstr(s.raw, "{\"by\": "));
        tj_score_deinit(&s);
        tj_scorer_close(&scorer);
        json_decref(settings);
    }
}

static void settings_are_checked(void **state)
{
    static const struct {
        const char *spec, *message;
    } bad[] = {{"rollout", "where: which model is not said"},
               {"rollout:/nowhere/model", "/nowhere/model"},
               {"rollout:/nowhere/model,rollouts=0", "rollouts"},
               {"rollout:/nowhere/model,prompt=sonnets", "no prompt task 'sonnets'"},
               {"search:http://127.0.0.1:1/v1", "set model=NAME"},
               {"consensus", "members: expected a list of 2 to 8"},
               {"consensus,members=[judge]", "members: expected a list of 2 to 8"},
               {"consensus,members=[constant, wrongly]", "members[1]"},
               {"consensus,members=[constant, constant],agreement=3", "cannot agree"},
               {"consensus,members=[constant, 7]", "members[1]: expected a rewarder's settings"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tj_scorer scorer;
        tj_err err;
        tj_code rc = tj_scorer_open(&scorer, bad[i].spec, NULL, &err);
        if (rc == TJ_OK || strstr(err.msg, bad[i].message) == NULL) {
            fail_msg("%s: %d %s", bad[i].spec, (int)rc, rc == TJ_OK ? "" : err.msg);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_worth_the_share_that_ends_right),
        cmocka_unit_test(each_kind_of_model_is_asked_in_its_way),
        cmocka_unit_test(what_is_cut_or_lost_is_no_right_answer),
        cmocka_unit_test(ends_are_graded_without_rollouts),
        cmocka_unit_test(failed_allocations_leave_nothing_behind),
        cmocka_unit_test(the_first_wrong_step_is_found_by_halving),
        cmocka_unit_test(paths_share_what_was_measured),
        cmocka_unit_test(a_failed_measurement_says_nothing_of_its_path),
        cmocka_unit_test(members_must_agree),
        cmocka_unit_test(settings_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
