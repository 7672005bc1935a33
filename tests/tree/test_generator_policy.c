/* A generator as the policy: what it is asked holds the problem and the path, and nothing else
 * decides it; what it answers becomes steps with their delimiter; failures end the growth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "tree/tree.h"

typedef struct voice {
    tj_generator generator;
    const char *steps[4]; /* by the number of lines before them */
    tj_finish finish;
    bool fails;
    size_t n_queries, n_calls;
    uint64_t streams[64];
    char last_asked[2048]; /* the whole of the last query */
} voice;

static size_t n_lines(const char *text, size_t n)
{
    size_t lines = 0;
    for (size_t i = 0; i < n; i++) {
        lines += text[i] == '\n' ? 1 : 0;
    }
    return lines;
}

static tj_code answer_one(voice *v, tj_query *q)
{
    size_t at = 0;
    tj_buf all;
    tj_buf_init(&all);
    for (size_t i = 0; i < q->n_messages; i++) {
        tj_buf_printf(&all, "%d<%s>", (int)q->messages[i].role, q->messages[i].text);
    }
    if (q->messages != NULL && q->messages[q->n_messages - 2].role == TJ_ROLE_ASSISTANT) {
        at = n_lines(q->messages[q->n_messages - 2].text, q->messages[q->n_messages - 2].len);
    }
    if (q->messages == NULL) {
        static const char end[] = "Solution:\n";
        const char *path = NULL;
        tj_buf_add(&all, q->text, q->n_text);
        for (const char *p = strstr(tj_buf_text(&all), end); p != NULL; p = strstr(p + 1, end)) {
            path = p + strlen(end);
        }
        assert_non_null(path);
        at = n_lines(path, strlen(path));
    }
    (void)snprintf(v->last_asked, sizeof v->last_asked, "%s", tj_buf_text(&all));
    tj_buf_deinit(&all);
    assert_int_equal(q->n_samples, 1);
    assert_string_equal(q->stop[0], "\n");
    q->completions = tj_calloc(1, sizeof *q->completions);
    assert_non_null(q->completions);
    q->completions[0].text = tj_strdup(v->steps[at]);
    q->completions[0].finish = v->finish;
    q->usage.n_completion = 7;
    v->streams[v->n_queries++] = q->run;
    return TJ_OK;
}

static tj_code answer(void *ctx, tj_query *queries, size_t n, const tj_job *job, tj_err *err)
{
    voice *v = ctx;
    tj_code rc = TJ_OK;
    (void)job;
    v->n_calls++;
    if (v->fails) {
        return tj_fail(err, TJ_E_LIMIT, "http://host/v1: tries are exhausted");
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = answer_one(v, &queries[i]);
    }
    return rc;
}

static tj_code keep(void *ctx, tj_tree *tree, tj_err *err)
{
    (void)err;
    *(tj_tree *)ctx = *tree;
    memset(tree, 0, sizeof *tree); /* taken */
    return TJ_OK;
}

static tj_code grow(voice *v, bool chats, const char *answer_text, tj_tree *out, tj_tree_cost *cost,
                    tj_err *err)
{
    tj_policy policy;
    tj_step_options options;
    tj_grow_config c;
    tj_grow_item item = {.problem = 3, .question = "How many?", .answer = answer_text};
    tj_step_options_default(&options);
    tj_grow_config_default(&c);
    c.width = 1;
    c.depth = 4;
    c.max_tries = 2;
    v->generator = (tj_generator){.generate = answer, .ctx = v, .chats = chats, .batch = 8};
    memset(out, 0, sizeof *out);
    tj_code rc = tj_policy_of_generator(&policy, &v->generator, NULL, NULL, &options, err);
    assert_int_equal(rc, TJ_OK);
    tj_growth growth = {
        .policy = &policy, .cfg = &c, .seed = 2, .run = 1, .done = keep, .ctx = out, .cost = cost};
    rc = tj_trees_grow(&growth, &item, 1, err);
    tj_policy_close(&policy);
    return rc;
}

static void a_chat_is_asked_for_the_next_line(void **state)
{
    (void)state;
    voice v = {.steps = {"1. Take 2 and 4.", "2. The answer is \\boxed{6}."},
               .finish = TJ_FINISH_STOP};
    tj_tree t;
    tj_tree_cost cost;
    assert_int_equal(grow(&v, true, "6", &t, &cost, NULL), TJ_OK);
    assert_int_equal(t.n_nodes, 3);
    assert_string_equal(t.nodes[1].text, "1. Take 2 and 4.\n");
    assert_int_equal(t.nodes[1].n_ids, 0);
    assert_true(t.nodes[2].terminal && t.nodes[2].correct);
    assert_int_equal(cost.tokens, 14);
    assert_non_null(strstr(v.last_asked, "Problem: How many?"));
    assert_non_null(strstr(v.last_asked, "2<1. Take 2 and 4.\n>"));
    assert_non_null(strstr(v.last_asked, "write line 2 of it only"));
    tj_tree_deinit(&t);
}

static void a_text_is_continued(void **state)
{
    (void)state;
    voice v = {.steps = {"1. Take 2 and 4.", "2. The answer is \\boxed{7}."},
               .finish = TJ_FINISH_STOP};
    tj_tree t;
    assert_int_equal(grow(&v, false, "6", &t, NULL, NULL), TJ_OK);
    assert_int_equal(t.n_nodes, 3);
    const char *end = "Problem: How many?\nSolution:\n1. Take 2 and 4.\n";
    assert_string_equal(v.last_asked + strlen(v.last_asked) - strlen(end), end);
    assert_true(t.nodes[2].terminal && !t.nodes[2].correct);
    assert_int_equal(t.nodes[2].solvable, TJ_LABEL_NO);
    tj_tree_deinit(&t);
}

static void the_same_question_has_the_same_stream(void **state)
{
    (void)state;
    voice a = {.steps = {"1. Take 2.", "2. Take 4.", "3. So \\boxed{6}."},
               .finish = TJ_FINISH_STOP};
    voice b = a;
    tj_tree t;
    assert_int_equal(grow(&a, true, "6", &t, NULL, NULL), TJ_OK);
    tj_tree_deinit(&t);
    assert_int_equal(grow(&b, true, NULL, &t, NULL, NULL), TJ_OK);
    assert_int_equal(t.nodes[3].solvable, TJ_LABEL_UNKNOWN); /* there is no reference */
    assert_true(t.nodes[3].terminal && t.n_rewards == 0);
    tj_tree_deinit(&t);
    assert_int_equal(a.n_queries, 3);
    assert_int_equal(b.n_queries, 3);
    for (size_t i = 0; i < 3; i++) { /* so a cache finds its answer */
        assert_true(a.streams[i] == b.streams[i]);
        assert_true(i == 0 || a.streams[i] != a.streams[i - 1]);
    }
}

static void what_is_cut_or_empty_does_not_go_on(void **state)
{
    (void)state;
    voice cut = {.steps = {"1. Take 2 and then and then"}, .finish = TJ_FINISH_LENGTH};
    voice empty = {.steps = {"1. It is 6.", ""}, .finish = TJ_FINISH_STOP};
    tj_tree t;
    assert_int_equal(grow(&cut, true, "6", &t, NULL, NULL), TJ_OK);
    assert_int_equal(t.n_nodes, 2);
    assert_int_equal(t.nodes[1].pruned, TJ_PRUNED_ENDLESS);
    assert_int_equal(t.nodes[1].valid, TJ_LABEL_UNKNOWN);
    tj_tree_deinit(&t);
    assert_int_equal(grow(&empty, true, "6", &t, NULL, NULL), TJ_OK);
    assert_int_equal(t.n_nodes, 3); /* the path ends, and what it came to is graded */
    assert_true(t.nodes[2].terminal && t.nodes[2].correct);
    tj_tree_deinit(&t);
}

static void a_server_that_fails_ends_it_with_its_reason(void **state)
{
    (void)state;
    voice v = {.fails = true};
    tj_tree t;
    tj_err err;
    assert_int_equal(grow(&v, true, "6", &t, NULL, &err), TJ_E_LIMIT);
    assert_non_null(strstr(err.msg, "http://host/v1"));
    assert_null(t.nodes);
    tj_policy policy;
    tj_step_options options = {.form = TJ_STEPS_TOKENS, .max_tokens = 8, .top_p = 1.0};
    assert_int_equal(tj_policy_of_generator(&policy, &v.generator, NULL, NULL, &options, &err),
                     TJ_E_INVAL);
    tj_policy_close(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_is_asked_for_the_next_line),
        cmocka_unit_test(a_text_is_continued),
        cmocka_unit_test(the_same_question_has_the_same_stream),
        cmocka_unit_test(what_is_cut_or_empty_does_not_go_on),
        cmocka_unit_test(a_server_that_fails_ends_it_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
