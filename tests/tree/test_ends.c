/* Ends of trees that others made: what states an answer, or is said to be an end, is graded against
 * the reference; what somebody said of an end stays, and what cannot be decided is unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/par.h"
#include "tree/tree.h"

static void begin_tree(tj_tree *t, const char *answer)
{
    size_t n;
    *t = (tj_tree){.problem = 1};
    assert_int_equal(
        tj_tree_set_question(t, "p", 1, answer, answer == NULL ? 0 : strlen(answer), NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(t, &n, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    t->nodes[0].solvable = TJ_LABEL_UNKNOWN;
}

static size_t add(tj_tree *t, size_t parent, const char *text)
{
    size_t n;
    assert_int_equal(tj_tree_add_node(t, &n, parent, text, NULL, NULL, 0, NULL), TJ_OK);
    t->nodes[n].solvable = TJ_LABEL_UNKNOWN;
    return n;
}

static void expect_node(const tj_tree *t, size_t i, bool terminal, tj_label solvable)
{
    const tj_node *n = &t->nodes[i];
    if (n->terminal != terminal || n->solvable != solvable ||
        n->correct != (terminal && solvable == TJ_LABEL_YES)) {
        fail_msg("node %zu (%s): terminal %d, correct %d, solvable %d", i, n->text,
                 (int)n->terminal, (int)n->correct, (int)n->solvable);
    }
}

static tj_ends *new_ends(void)
{
    tj_ends *e;
    assert_int_equal(tj_ends_create(&e, 2, NULL), TJ_OK);
    return e;
}

static void stated_answers_are_graded(void **state)
{
    (void)state;
    tj_ends *e = new_ends();
    tj_tree t;
    begin_tree(&t, "1/2");
    size_t inner = add(&t, 0, "Perhaps \\boxed{1/2}, to be checked.\n");
    size_t right = add(&t, inner, "So the answer is 0.5.");
    size_t wrong = add(&t, inner, "#### 3");
    size_t open = add(&t, 0, "Take 1 and halve it: 0.5");
    size_t end = add(&t, open, "that is all");
    t.nodes[end].terminal = true;
    size_t said = add(&t, 0, "\\boxed{1/2}");
    t.nodes[said].terminal = true;
    t.nodes[said].solvable = TJ_LABEL_NO;
    assert_int_equal(tj_ends_grade(e, &t, NULL, NULL), TJ_OK);
    expect_node(&t, inner, false, TJ_LABEL_UNKNOWN);
    expect_node(&t, right, true, TJ_LABEL_YES);
    expect_node(&t, wrong, true, TJ_LABEL_NO);
    expect_node(&t, open, false, TJ_LABEL_UNKNOWN);
    expect_node(&t, end, true, TJ_LABEL_YES); /* by what stands last in its path */
    expect_node(&t, said, true, TJ_LABEL_NO);
    assert_int_equal(t.n_rewards, 3);
    assert_string_equal(t.rewards[0].rewarder, "verifier");
    assert_int_equal(t.rewards[1].node, wrong);
    assert_true(t.rewards[1].meaning == TJ_SOLVABLE && t.rewards[1].value == 0.0);
    assert_true(t.rewards[1].reason[0] != 0);
    tj_ends_stats s = tj_ends_get_stats(e);
    assert_true(s.n_right == 2 && s.n_wrong == 1 && s.n_undecided == 0 && s.n_limits == 0);
    assert_int_equal(tj_ends_grade(e, &t, NULL, NULL), TJ_OK); /* twice is once */
    assert_int_equal(t.n_rewards, 3);
    tj_tree_deinit(&t);
    tj_ends_destroy(e);
}

static void what_cannot_be_decided_stays_unknown(void **state)
{
    (void)state;
    static const char *const references[] = {NULL, "\\frac{", "6"};
    static const char *const answers[] = {"\\boxed{6}", "\\boxed{6}", "\\boxed{6 @@ 7}"};
    tj_ends *e = new_ends();
    for (size_t i = 0; i < 3; i++) {
        tj_tree t;
        tj_words_verdict v;
        begin_tree(&t, references[i]);
        size_t leaf = add(&t, 0, answers[i]);
        assert_int_equal(tj_ends_grade(e, &t, NULL, NULL), TJ_OK);
        expect_node(&t, leaf, true, TJ_LABEL_UNKNOWN);
        assert_int_equal(t.n_rewards, 0);
        assert_int_equal(tj_ends_judge(e, &v, &t, leaf, NULL, NULL), TJ_OK);
        assert_true(v.states_answer && v.right == TJ_LABEL_UNKNOWN);
        assert_int_equal(v.reason[0] != 0, references[i] != NULL);
        tj_tree_deinit(&t);
    }
    tj_ends_destroy(e);
}

/* More pairs than are in flight at once, and a text that is longer than any answer. */
static void many_ends_come_back_to_their_nodes(void **state)
{
    (void)state;
    tj_ends *e = new_ends();
    tj_tree t;
    tj_buf long_text;
    begin_tree(&t, "4");
    for (int i = 0; i < 600; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "The answer is \\boxed{%d}.", i % 7);
        (void)add(&t, 0, text);
    }
    tj_buf_init(&long_text);
    for (size_t i = 0; i < 300000; i++) {
        tj_buf_str(&long_text, "so ");
    }
    tj_buf_str(&long_text, "\\boxed{4}");
    size_t last = add(&t, 0, tj_buf_text(&long_text));
    t.nodes[last].terminal = true;
    assert_int_equal(tj_ends_grade(e, &t, NULL, NULL), TJ_OK);
    for (size_t i = 1; i < last; i++) {
        expect_node(&t, i, true, (i - 1) % 7 == 4 ? TJ_LABEL_YES : TJ_LABEL_NO);
    }
    tj_words_verdict v;
    assert_int_equal(tj_ends_judge(e, &v, &t, 5, NULL, NULL), TJ_OK);
    assert_int_equal(v.right, TJ_LABEL_YES);
    tj_buf_deinit(&long_text);
    tj_tree_deinit(&t);
    tj_ends_destroy(e);
}

static void failing_allocations_leave_the_tree_whole(void **state)
{
    (void)state;
    tj_ends *e = new_ends();
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_tree t;
        begin_tree(&t, "4");
        size_t leaf = add(&t, 0, "#### 4");
        tj_alloc_fail_after(k);
        rc = tj_ends_grade(e, &t, NULL, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(t.nodes[leaf].n_children == 0 && k < 50);
        tj_tree_deinit(&t);
        if (rc != TJ_OK) { /* a pair may be in flight */
            tj_ends_destroy(e);
            e = new_ends();
        }
    }
    tj_ends_destroy(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stated_answers_are_graded),
        cmocka_unit_test(what_cannot_be_decided_stays_unknown),
        cmocka_unit_test(many_ends_come_back_to_their_nodes),
        cmocka_unit_test(failing_allocations_leave_the_tree_whole),
    };
    tj_par_set_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
