/* Rewarders by name: what a spec says and what it may not; the verifier and the grader; asks as
 * trees; and a process reward model over a forest, whose values are those of each path read alone,
 * every token of the trees computed once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "nn/nn.h"
#include "support/folder.h"
#include "tree/ask_trie.h"
#include "tree/tree.h"

/* ------------------------------------------------------------ specs */

static void a_spec_says_kind_place_and_settings(void **state)
{
    json_t *json;
    (void)state;
    assert_int_equal(tj_scorer_spec_parse(&json, "prm:/a,b/c=d:e,threshold=0.25,name=x y", NULL),
                     TJ_OK);
    assert_string_equal(json_string_value(json_object_get(json, "kind")), "prm");
    assert_string_equal(json_string_value(json_object_get(json, "where")), "/a,b/c=d:e");
    assert_true(json_real_value(json_object_get(json, "threshold")) == 0.25);
    assert_string_equal(json_string_value(json_object_get(json, "name")), "x y");
    json_decref(json);
    assert_int_equal(
        tj_scorer_spec_parse(&json, "remote:http://h:1/v1,remote.max_tries=2,format=qwen", NULL),
        TJ_OK);
    assert_string_equal(json_string_value(json_object_get(json, "where")), "http://h:1/v1");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(json, "remote"), "max_tries")), 2);
    json_decref(json);
}

static void refuse(const char *spec, tj_code code, const char *words)
{
    tj_scorer s;
    tj_err err = {.code = TJ_OK};
    assert_int_equal(tj_scorer_open(&s, spec, NULL, &err), code);
    assert_null(s.score);
    if (strstr(err.msg, words) == NULL) {
        fail_msg("'%s' is not in: %s", words, err.msg);
    }
}

static void what_a_spec_may_not_say_is_refused_by_name(void **state)
{
    (void)state;
    refuse("oracle", TJ_E_INVAL, "'oracle' is none of");
    refuse("constant,value=2", TJ_E_INVAL, "value");
    refuse("constant,colour=red", TJ_E_INVAL, "colour");
    refuse("constant,value=1,value=0", TJ_E_INVAL, "twice");
    refuse("constant,threshold=1.5", TJ_E_INVAL, "threshold");
    refuse("prm", TJ_E_INVAL, "where");
    refuse("prm:/nowhere", TJ_E_NOTFOUND, "/nowhere");
    refuse("remote:http://127.0.0.1:1/v1,model=m", TJ_E_INVAL, "format");
    refuse("remote:/a/path,format=qwen,model=m", TJ_E_INVAL, "URL");
    refuse("remote:http://127.0.0.1:1/v1,format=qwen", TJ_E_INVAL, "model");
}

static void a_constant_is_what_it_says(void **state)
{
    tj_scorer s;
    tj_score out[2];
    const char *steps[] = {"a"};
    tj_score_ask asks[] = {{.problem = "P", .steps = steps, .n_steps = 1},
                           {.problem = "Q", .steps = steps, .n_steps = 1}};
    (void)state;
    assert_int_equal(tj_scorer_open(&s, "constant,value=0.75,threshold=0.8,name=c", NULL, NULL),
                     TJ_OK);
    assert_string_equal(s.name, "c");
    assert_true(s.threshold == 0.8);
    assert_int_equal(s.score(s.ctx, out, asks, 2, NULL, NULL), TJ_OK);
    assert_true(out[0].value == 0.75 && out[1].value == 0.75 && !out[1].failed);
    tj_scorer_close(&s);
    tj_scorer_close(&s); /* a closed one is allowed */
}

static void paths_are_worth_their_steps(void **state)
{
    const double v[] = {0.5, 0.25, 0.75};
    (void)state;
    assert_true(tj_aggregate_values(TJ_AGGREGATE_MIN, v, 3) == 0.25);
    assert_true(tj_aggregate_values(TJ_AGGREGATE_PRODUCT, v, 3) == 0.5 * 0.25 * 0.75);
    assert_true(tj_aggregate_values(TJ_AGGREGATE_LAST, v, 3) == 0.75);
    assert_true(tj_aggregate_values(TJ_AGGREGATE_MIN, v, 1) == 0.5);
}

/* ------------------------------------------------------------ asks */

static const char *const ab[] = {"a", "b"};
static const char *const ac[] = {"a", "c"};
static const char *const x[] = {"x"};

static void asks_share_their_beginnings(void **state)
{
    const tj_score_ask asks[] = {{.problem = "P", .steps = ab, .n_steps = 2},
                                 {.problem = "Q", .steps = x, .n_steps = 1},
                                 {.problem = "P", .steps = ac, .n_steps = 2},
                                 {.problem = "P", .steps = ab, .n_steps = 1},
                                 {.problem = "P", .steps = ab, .n_steps = 2}};
    tj_ask_trie t;
    const char *path[2];
    tj_score out[5];
    tj_score scores[6] = {{.value = 0.0}};
    (void)state;
    assert_int_equal(tj_ask_trie_init(&t, asks, 5, NULL), TJ_OK);
    assert_int_equal(t.n_nodes, 6); /* P, a, b, Q, x, c */
    tj_ask_trie_path(&t, t.node_of[2], path);
    assert_string_equal(path[0], "a");
    assert_string_equal(path[1], "c");
    assert_int_equal(t.node_of[0], t.node_of[4]);
    assert_int_equal(tj_ask_trie_root(&t, t.node_of[1]), t.nodes[t.node_of[1]].parent);
    scores[t.node_of[0]] = (tj_score){.value = 0.5, .tokens = 7, .reason = tj_strdup("why")};
    assert_int_equal(tj_ask_trie_give(&t, out, scores, NULL), TJ_OK);
    assert_true(out[4].value == 0.5 && out[4].tokens == 0 && out[0].tokens == 7);
    assert_string_equal(out[4].reason, "why");
    for (size_t i = 0; i < 5; i++) {
        tj_score_deinit(&out[i]);
    }
    tj_ask_trie_deinit(&t);
    assert_int_equal(tj_ask_trie_init(&t, &(tj_score_ask){.problem = "P"}, 1, NULL), TJ_E_INVAL);
}

/* ------------------------------------------------------------ verifiers */

static void steps_of_a_domain_are_judged_exactly(void **state)
{
    static const char problem[] = "{\"numbers\":[3,6,7,11],\"target\":36}";
    static const char *const good[] = {"1. 11 - 7 = 4 left 3 4 6\n"};
    static const char *const bad[] = {"1. 11 - 7 = 5 left 3 5 6\n", "2. 3 * 5 = 15 left 6 15\n"};
    tj_countdown_config cfg = {.n_numbers = 4,
                               .number_min = 1,
                               .number_max = 99,
                               .target_min = 1,
                               .target_max = 999,
                               .value_max = 9999};
    tj_task task;
    tj_scorer s;
    tj_score out[4];
    (void)state;
    tj_countdown_task(&task, &cfg);
    const tj_scorer_options options = {.task = &task};
    const tj_score_ask asks[] = {{.problem = problem, .steps = good, .n_steps = 1},
                                 {.problem = problem, .steps = bad, .n_steps = 1},
                                 {.problem = problem, .steps = bad, .n_steps = 2},
                                 {.problem = "no problem", .steps = good, .n_steps = 1}};
    assert_int_equal(tj_scorer_open(&s, "verifier", &options, NULL), TJ_OK);
    assert_int_equal(s.meaning, TJ_VALID);
    assert_int_equal(s.score(s.ctx, out, asks, 4, NULL, NULL), TJ_OK);
    if (out[0].value != 1.0) {
        fail_msg("%s", out[0].reason);
    }
    assert_true(out[1].value == 0.0 && out[1].reason != NULL && !out[1].failed);
    assert_true(out[2].value == 0.0); /* what follows a wrong step is not right */
    assert_true(out[3].failed && out[3].error != NULL);
    for (size_t i = 0; i < 4; i++) {
        tj_score_deinit(&out[i]);
    }
    tj_scorer_close(&s);
}

static void final_answers_are_graded_and_nothing_else(void **state)
{
    static const char *const half[] = {"So the answer is \\boxed{\\frac{1}{2}}."};
    static const char *const third[] = {"So the answer is \\boxed{1/3}."};
    static const char *const none[] = {"First we add 2 and 3."};
    const tj_score_ask asks[] = {{.problem = "P", .answer = "0.5", .steps = half, .n_steps = 1},
                                 {.problem = "P", .answer = "0.5", .steps = third, .n_steps = 1},
                                 {.problem = "P", .answer = "0.5", .steps = none, .n_steps = 1},
                                 {.problem = "P", .steps = half, .n_steps = 1}};
    tj_scorer s;
    tj_score out[4];
    (void)state;
    assert_int_equal(tj_scorer_open(&s, "verifier", NULL, NULL), TJ_OK);
    assert_int_equal(s.meaning, TJ_SOLVABLE);
    assert_int_equal(s.score(s.ctx, out, asks, 4, NULL, NULL), TJ_OK);
    assert_true(out[0].value == 1.0 && !out[0].failed);
    assert_true(out[1].value == 0.0 && !out[1].failed);
    assert_string_equal(out[2].error, "the step gives no final answer");
    assert_string_equal(out[3].error, "the reference answer is not known");
    for (size_t i = 0; i < 4; i++) {
        tj_score_deinit(&out[i]);
    }
    tj_scorer_close(&s);
}

/* ------------------------------------------------------------ process reward models */

static char dir[64];
static char spec[96];

static int make_model(void **state)
{
    tj_model_config c;
    tj_tokenizer *tok;
    tj_model *model;
    size_t len;
    tj_prm_form form;
    (void)state;
    const char *json = tj_countdown_tokenizer_json(&len);
    assert_int_equal(folder_make(dir, "scorers"), 0);
    (void)snprintf(spec, sizeof spec, "prm:%s,kv_mib=16", dir);
    assert_int_equal(tj_tokenizer_parse(&tok, json, len, "countdown", NULL), TJ_OK);
    tj_model_config_default(&c);
    c.n_vocab = tj_tokenizer_n_vocab(tok);
    c.n_layers = 2;
    c.width = 32;
    c.n_heads = 2;
    c.n_kv_heads = 2;
    c.head_dim = 16;
    c.ffn_width = 64;
    c.max_positions = 64;
    c.value_head = true;
    assert_int_equal(tj_model_create(&model, &c, TJ_F32, 3, NULL), TJ_OK);
    assert_int_equal(tj_model_save(model, dir, TJ_F32, NULL), TJ_OK);
    tj_prm_form_default(&form);
    form.begin = tj_tokenizer_find(tok, "<eos>");
    assert_int_equal(tj_prm_form_save(&form, dir, NULL), TJ_OK);
    tj_model_destroy(model);
    tj_tokenizer_destroy(tok);
    return 0;
}

static int remove_model(void **state)
{
    (void)state;
    return folder_remove(dir);
}

/* A tree of 7 steps under one problem, and a chain under another; asked in no order. */
static const char *const p1[] = {"one is 1", "two is 2", "three is 3"};
static const char *const p2[] = {"one is 1", "two is 2", "three is 4", "four is 5"};
static const char *const p3[] = {"one is 1", "two is 3"};
static const char *const p4[] = {"one is 2"};
#define N_ASKS 9
static const tj_score_ask forest[N_ASKS] = {{.problem = "Count.", .steps = p3, .n_steps = 2},
                                            {.problem = "Count.", .steps = p1, .n_steps = 1},
                                            {.problem = "Count again.", .steps = p1, .n_steps = 3},
                                            {.problem = "Count.", .steps = p2, .n_steps = 4},
                                            {.problem = "Count.", .steps = p1, .n_steps = 3},
                                            {.problem = "Count.", .steps = p4, .n_steps = 1},
                                            {.problem = "Count.", .steps = p1, .n_steps = 2},
                                            {.problem = "Count.", .steps = p2, .n_steps = 3},
                                            {.problem = "Count again.", .steps = p1, .n_steps = 1}};

static void a_forest_has_the_values_of_its_paths_read_alone(void **state)
{
    tj_scorer s;
    tj_score out[N_ASKS];
    uint64_t tokens = 0;
    uint64_t path_tokens = 0;
    (void)state;
    assert_int_equal(tj_scorer_open(&s, spec, NULL, NULL), TJ_OK);
    assert_int_equal(s.score(s.ctx, out, forest, N_ASKS, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < N_ASKS; i++) {
        tj_scorer alone;
        tj_score one;
        assert_int_equal(tj_scorer_open(&alone, spec, NULL, NULL), TJ_OK);
        assert_int_equal(alone.score(alone.ctx, &one, &forest[i], 1, NULL, NULL), TJ_OK);
        assert_true(!out[i].failed && out[i].value > 0.0 && out[i].value < 1.0);
        assert_true(one.value == out[i].value); /* to the bit */
        assert_int_equal(one.tokens, one.path_tokens);
        assert_int_equal(one.path_tokens, out[i].path_tokens);
        tokens += out[i].tokens;
        path_tokens += out[i].path_tokens;
        tj_scorer_close(&alone);
    }
    assert_true(path_tokens > 2 * tokens); /* what sharing saved */
    tj_scorer_close(&s);
}

/* The tokens of the different texts on the asks' ways: each must have been computed once. */
static uint64_t count_tokens(const tj_score_ask *asks, size_t n)
{
    tj_ask_trie t;
    tj_tokenizer *tok;
    tj_encoder *encoder;
    tj_prm_form form;
    tj_ids ids = {.n = 0};
    size_t len;
    const char *json = tj_countdown_tokenizer_json(&len);
    assert_int_equal(tj_tokenizer_parse(&tok, json, len, "countdown", NULL), TJ_OK);
    assert_int_equal(tj_encoder_create(&encoder, tok, NULL), TJ_OK);
    assert_int_equal(tj_prm_form_load(&form, dir, NULL), TJ_OK);
    assert_int_equal(tj_ask_trie_init(&t, asks, n, NULL), TJ_OK);
    for (size_t i = 0; i < t.n_nodes; i++) {
        const char *text = t.nodes[i].text;
        assert_int_equal(t.nodes[i].parent == TJ_NO_NODE
                             ? tj_prm_form_problem(&form, encoder, &ids, text, NULL)
                             : tj_prm_form_step(&form, encoder, &ids, text, NULL),
                         TJ_OK);
    }
    uint64_t n_tokens = ids.n;
    tj_ids_deinit(&ids);
    tj_ask_trie_deinit(&t);
    tj_encoder_destroy(encoder);
    tj_tokenizer_destroy(tok);
    return n_tokens;
}

static void every_token_is_computed_once(void **state)
{
    tj_scorer s;
    tj_score out[N_ASKS];
    uint64_t tokens = 0;
    (void)state;
    assert_int_equal(tj_scorer_open(&s, spec, NULL, NULL), TJ_OK);
    assert_int_equal(s.score(s.ctx, out, forest, N_ASKS, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < N_ASKS; i++) {
        tokens += out[i].tokens;
    }
    assert_int_equal(tokens, count_tokens(forest, N_ASKS));
    tj_scorer_close(&s);
}

/* The same model loaded for training, over the tokens put together here: another decoder. */
static void values_are_those_that_training_sees(void **state)
{
    const tj_score_ask *ask = &forest[3];
    tj_tokenizer *tok;
    tj_encoder *encoder;
    tj_prm_form form;
    tj_ids ids = {.n = 0};
    tj_model *model;
    tj_forest *f;
    tj_pass *pass;
    tj_scorer s;
    tj_score out;
    size_t len;
    size_t segment;
    float z;
    const char *json = tj_countdown_tokenizer_json(&len);
    (void)state;
    assert_int_equal(tj_tokenizer_parse(&tok, json, len, "countdown", NULL), TJ_OK);
    assert_int_equal(tj_encoder_create(&encoder, tok, NULL), TJ_OK);
    assert_int_equal(tj_prm_form_load(&form, dir, NULL), TJ_OK);
    assert_int_equal(tj_prm_form_problem(&form, encoder, &ids, ask->problem, NULL), TJ_OK);
    for (size_t i = 0; i < ask->n_steps; i++) {
        assert_int_equal(tj_prm_form_step(&form, encoder, &ids, ask->steps[i], NULL), TJ_OK);
    }
    assert_int_equal(tj_model_load(&model, dir, TJ_F32, NULL), TJ_OK);
    assert_int_equal(tj_forest_create(&f, NULL), TJ_OK);
    assert_int_equal(tj_forest_add(f, &segment, TJ_NO_SEGMENT, ids.ids, ids.n, NULL), TJ_OK);
    assert_int_equal(tj_forest_add_value_row(f, NULL, segment, ids.n - 1, NULL), TJ_OK);
    assert_int_equal(tj_pass_create(&pass, model, (tj_pass_options){.recompute = false}, NULL),
                     TJ_OK);
    assert_int_equal(tj_forward(pass, f, NULL, &z, NULL), TJ_OK);
    assert_int_equal(tj_scorer_open(&s, spec, NULL, NULL), TJ_OK);
    assert_int_equal(s.score(s.ctx, &out, ask, 1, NULL, NULL), TJ_OK);
    double p = 1.0 / (1.0 + exp(-(double)z));
    assert_true(fabs(p - out.value) < 1e-5); /* float sums in another order */
    tj_scorer_close(&s);
    tj_pass_destroy(pass);
    tj_forest_destroy(f);
    tj_model_destroy(model);
    tj_ids_deinit(&ids);
    tj_encoder_destroy(encoder);
    tj_tokenizer_destroy(tok);
}

static void a_step_beyond_the_model_fails_alone(void **state)
{
    static char long_step[400];
    memset(long_step, 'z', sizeof long_step - 1);
    const char *const steps[] = {"one is 1", long_step, "three is 3"};
    const tj_score_ask asks[] = {{.problem = "Count.", .steps = steps, .n_steps = 3},
                                 {.problem = "Count.", .steps = steps, .n_steps = 2},
                                 {.problem = "Count.", .steps = steps, .n_steps = 1},
                                 {.problem = "Count.", .steps = p4, .n_steps = 1}};
    tj_scorer s;
    tj_score out[4];
    (void)state;
    assert_int_equal(tj_scorer_open(&s, spec, NULL, NULL), TJ_OK);
    assert_int_equal(s.score(s.ctx, out, asks, 4, NULL, NULL), TJ_OK);
    assert_true(out[0].failed && out[1].failed && !out[2].failed && !out[3].failed);
    assert_non_null(strstr(out[1].error, "tokens, the model reads at most 64"));
    for (size_t i = 0; i < 4; i++) {
        tj_score_deinit(&out[i]);
    }
    tj_scorer_close(&s);
}

static void a_model_without_head_or_form_is_no_rewarder(void **state)
{
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/%s", dir, TJ_PRM_FORM_FILE);
    static const char bad[] = "{\"prm_version\":1,\"begin\":0.5}";
    assert_int_equal(tj_fs_write(path, bad, sizeof bad - 1, NULL), TJ_OK);
    refuse(spec, TJ_E_PARSE, "begin");
    static const char unknown[] = "{\"prm_version\":1,\"tail\":1}";
    assert_int_equal(tj_fs_write(path, unknown, sizeof unknown - 1, NULL), TJ_OK);
    refuse(spec, TJ_E_PARSE, "tail");
    assert_int_equal(remove(path), 0);
    refuse(spec, TJ_E_NOTFOUND, TJ_PRM_FORM_FILE);
}

static void failing_allocations_lose_nothing(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        tj_scorer s;
        tj_score out[N_ASKS];
        assert_int_equal(tj_scorer_open(&s, spec, NULL, NULL), TJ_OK);
        tj_alloc_fail_after(k);
        tj_code rc = s.score(s.ctx, out, forest, N_ASKS, NULL, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        for (size_t i = 0; i < N_ASKS; i++) {
            assert_true(rc == TJ_OK || (out[i].error == NULL && out[i].reason == NULL));
            tj_score_deinit(&out[i]);
        }
        tj_scorer_close(&s);
        if (rc == TJ_OK) {
            assert_true(k > 5);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_spec_says_kind_place_and_settings),
        cmocka_unit_test(what_a_spec_may_not_say_is_refused_by_name),
        cmocka_unit_test(a_constant_is_what_it_says),
        cmocka_unit_test(paths_are_worth_their_steps),
        cmocka_unit_test(asks_share_their_beginnings),
        cmocka_unit_test(steps_of_a_domain_are_judged_exactly),
        cmocka_unit_test(final_answers_are_graded_and_nothing_else),
        cmocka_unit_test(a_forest_has_the_values_of_its_paths_read_alone),
        cmocka_unit_test(every_token_is_computed_once),
        cmocka_unit_test(values_are_those_that_training_sees),
        cmocka_unit_test(a_step_beyond_the_model_fails_alone),
        cmocka_unit_test(failing_allocations_lose_nothing),
        cmocka_unit_test(a_model_without_head_or_form_is_no_rewarder), /* the last: breaks it */
    };
    return cmocka_run_group_tests(tests, make_model, remove_model);
}
