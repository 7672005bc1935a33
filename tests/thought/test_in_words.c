/* Trees of problems in words: what is told as wrong is what a reward says is wrong, and nothing
 * else; rules of the walk hold; sentences never come twice in a row; thoughts that come from no
 * tree become one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/must.h"
#include "thought/thought.h"

static size_t node(tj_tree *tree, size_t parent, const char *text)
{
    size_t at;
    tj_err err = {.msg = ""};
    must(tj_tree_add_node(tree, &at, parent, text, NULL, NULL, 0, &err), &err);
    return at;
}

static void reward(tj_tree *tree, size_t at, const char *rewarder, tj_meaning meaning, double value,
                   const char *reason)
{
    tj_err err = {.msg = ""};
    tj_reward r = {.node = at, .rewarder = rewarder, .meaning = meaning, .value = value};
    snprintf(r.reason, sizeof r.reason, "%s", reason);
    must(tj_tree_add_reward(tree, &r, &err), &err);
}

static void leaf(tj_tree *tree, size_t at, bool correct)
{
    tree->nodes[at].terminal = true;
    tree->nodes[at].correct = correct;
    reward(tree, at, "verifier", TJ_SOLVABLE, correct ? 1.0 : 0.0,
           correct ? "" : "12 is not the answer");
}

/*  root ─┬─ 1 "1. 3 + 4 = 8"   ── 2 "2. 12"     a leaf that is wrong: so is the branch
 *        ├─ 3 "1. Guess."      ── 4 "2. 13"     a leaf that nobody could judge
 *        ├─ 5 "1. Say 12."                      a leaf that is wrong
 *        └─ 6 "1. 3 + 4 = 7"   ─┬ 7 "2. 7 + 7 = 15"   a judge says: invalid
 *                               └ 8 "2. 7 + 7 = 14. The answer is 14."   right
 */
static void make_tree(tj_tree *tree)
{
    memset(tree, 0, sizeof *tree);
    node(tree, TJ_NO_NODE, "");
    node(tree, 0, "1. 3 + 4 = 8\n");
    node(tree, 1, "2. The answer is 12.");
    node(tree, 0, "1. Guess.\n");
    node(tree, 3, "2. The answer is 13.");
    node(tree, 0, "1. Say 12.");
    node(tree, 0, "1. 3 + 4 = 7\n");
    node(tree, 6, "2. 7 + 7 = 15\n");
    node(tree, 6, "2. 7 + 7 = 14. The answer is 14.");
    leaf(tree, 2, false);
    tree->nodes[4].terminal = true;
    leaf(tree, 5, false);
    leaf(tree, 8, true);
    reward(tree, 7, "judge", TJ_VALID, 0.0, "7 + 7 is 14");
    reward(tree, 6, "judge", TJ_VALID, 1.0, "");
    reward(tree, 1, "prm", TJ_PROGRESS, 0.2, "");
    reward(tree, 6, "prm", TJ_PROGRESS, 0.4, "");
    reward(tree, 7, "prm", TJ_PROGRESS, 0.8, "");
}

static tj_derive_config config(void)
{
    tj_derive_config cfg;
    tj_derive_config_default(&cfg);
    memcpy(cfg.language, "en-open", sizeof "en-open");
    cfg.tell_invalid = true;
    cfg.max_trials = 9;
    cfg.max_backtracks = 0;
    return cfg;
}

static void journey(tj_thought *out, const tj_tree *tree, const tj_derive_config *cfg,
                    uint64_t seed)
{
    tj_rng rng;
    tj_err err = {.msg = ""};
    tj_rng_init(&rng, seed, 0, 0, 0);
    must(tj_derive_journey(out, tree, NULL, NULL, -1, cfg, &rng, &err), &err);
    must(tj_thought_check(out, &err), &err);
}

static bool tells(const tj_thought *t, const char *words)
{
    return strstr(t->text, words) != NULL;
}

static void only_what_is_known_to_be_wrong_is_told(void **state)
{
    (void)state;
    tj_tree tree;
    tj_thought t;
    tj_derive_config cfg = config();
    make_tree(&tree);
    journey(&t, &tree, &cfg, 1);
    assert_true(tells(&t, "3 + 4 = 8"));
    assert_true(tells(&t, "The answer is 12.\n")); /* which got its newline */
    assert_true(tells(&t, "Say 12."));
    assert_true(tells(&t, "7 + 7 = 15"));
    assert_false(tells(&t, "Guess")); /* nobody knows */
    assert_int_equal(t.n_backtracks, 3);
    const tj_span *last = &t.spans[t.n_spans - 1];
    assert_int_equal(last->action, TJ_CONCLUDE);
    assert_int_equal(last->node, 8);
    assert_int_equal(last->editor, TJ_BY_POLICY);
    for (size_t i = 0; i < t.n_spans; i++) {
        const tj_span *s = &t.spans[i];
        if (tj_is_step(s) && s->node == 7) {
            assert_int_equal(s->mark, TJ_MARK_INVALID);
        }
        if (tj_is_step(s) && s->node == 2) {
            assert_int_equal(s->mark, TJ_MARK_DEAD);
        }
    }
    tj_thought_deinit(&t);

    memcpy(cfg.rewarder, "verifier", sizeof "verifier"); /* which says nothing of node 7 */
    journey(&t, &tree, &cfg, 1);
    assert_false(tells(&t, "7 + 7 = 15"));
    assert_int_equal(t.n_backtracks, 2);
    tj_thought_deinit(&t);

    memcpy(cfg.rewarder, "prm", sizeof "prm");
    cfg.threshold = 0.5;
    journey(&t, &tree, &cfg, 1);
    assert_true(tells(&t, "3 + 4 = 8"));   /* 0.2 */
    assert_false(tells(&t, "Say 12."));    /* of which it says nothing */
    assert_false(tells(&t, "7 + 7 = 15")); /* 0.8 */
    for (size_t i = 0; i < t.n_spans; i++) {
        if (tj_is_step(&t.spans[i]) && t.spans[i].node == 6) { /* 0.4, but it arrives */
            assert_int_equal(t.spans[i].mark, TJ_MARK_RIGHT);
            assert_true(t.spans[i].has_value);
        }
    }
    tj_thought_deinit(&t);
    cfg.threshold = 0.1; /* nothing is below it */
    journey(&t, &tree, &cfg, 1);
    assert_int_equal(t.n_backtracks, 0);
    tj_thought_deinit(&t);
    tj_tree_deinit(&tree);
}

static void rules_of_the_walk_hold_in_words(void **state)
{
    (void)state;
    tj_tree tree;
    tj_thought t;
    tj_derive_config cfg = config();
    make_tree(&tree);
    cfg.max_trials = 1; /* K */
    journey(&t, &tree, &cfg, 2);
    assert_int_equal(t.n_backtracks, 2);
    assert_false(tells(&t, "Say 12."));
    tj_thought_deinit(&t);
    cfg = config();
    cfg.from_depth = 1; /* where */
    journey(&t, &tree, &cfg, 2);
    assert_int_equal(t.n_backtracks, 1);
    assert_true(tells(&t, "7 + 7 = 15"));
    tj_thought_deinit(&t);
    cfg = config();
    cfg.max_branch =
        1; /* how deep: the branch is left before its end, and nothing of it is known */
    journey(&t, &tree, &cfg, 2);
    assert_false(tells(&t, "2. The answer is 12."));
    tj_thought_deinit(&t);
    cfg = config();
    cfg.tell_invalid = false; /* which children */
    journey(&t, &tree, &cfg, 2);
    assert_false(tells(&t, "7 + 7 = 15"));
    tj_thought_deinit(&t);
    cfg = config();
    cfg.max_backtracks = 1;
    journey(&t, &tree, &cfg, 2);
    assert_int_equal(t.n_backtracks, 1);
    tj_thought_deinit(&t);
    cfg = config();
    cfg.threshold = (double)NAN;
    tj_rng rng;
    tj_err err;
    tj_rng_init(&rng, 1, 0, 0, 0);
    assert_int_equal(tj_derive_journey(&t, &tree, NULL, NULL, -1, &cfg, &rng, &err), TJ_E_INVAL);
    tj_tree_deinit(&tree);
}

/* In each language, over many seeds. */
static void no_sentence_comes_twice_in_a_row(void **state)
{
    (void)state;
    static const char *const languages[] = {"en", "en-open", "ja"};
    tj_tree tree;
    make_tree(&tree);
    for (size_t l = 0; l < 3; l++) {
        for (uint64_t seed = 0; seed < 40; seed++) {
            tj_thought t;
            tj_derive_config cfg = config();
            const tj_span *last = NULL;
            size_t n_said = 0;
            snprintf(cfg.language, sizeof cfg.language, "%s", languages[l]);
            cfg.p_connective = 1.0;
            journey(&t, &tree, &cfg, seed);
            for (size_t i = 0; i < t.n_spans; i++) {
                const tj_span *s = &t.spans[i];
                if (s->editor != TJ_BY_TEMPLATE) {
                    continue;
                }
                size_t n = s->end - s->begin;
                assert_false(last != NULL && last->end - last->begin == n &&
                             memcmp(t.text + last->begin, t.text + s->begin, n) == 0);
                assert_string_equal(s->name, languages[l]);
                last = s;
                n_said++;
            }
            assert_int_equal(n_said, 2 * t.n_backtracks); /* why, and back */
            tj_thought_deinit(&t);
        }
    }
    tj_tree_deinit(&tree);
}

static void an_invalid_way_to_the_answer_is_no_path(void **state)
{
    (void)state;
    tj_tree tree;
    tj_thought t;
    tj_err err;
    tj_derive_config cfg = config();
    make_tree(&tree);
    reward(&tree, 6, "strict", TJ_VALID, -1.0, "no");
    assert_int_equal(tj_derive_shortcut(&t, &tree, NULL, NULL, -1, &cfg, &err), TJ_E_NOTFOUND);
    memcpy(cfg.rewarder, "judge", sizeof "judge"); /* who has no objection */
    must(tj_derive_shortcut(&t, &tree, NULL, NULL, -1, &cfg, &err), &err);
    assert_string_equal(t.text, "1. 3 + 4 = 7\n2. 7 + 7 = 14. The answer is 14.\n");
    tj_thought_deinit(&t);
    tj_tree_deinit(&tree);
}

/* ------------------------------------------------------------------ the other way round */

static tj_code take_record(void *ctx, tj_record *record, const char *where, tj_err *err)
{
    (void)where;
    (void)err;
    *(tj_record *)ctx = *record;
    memset(record, 0, sizeof *record);
    return TJ_OK;
}

static void a_thought_becomes_the_tree_that_it_tells_of(void **state)
{
    (void)state;
    static const char notes[] = "> What is 6 times 7?\n\n"
                                "Sevens, then.\n"
                                "! 7 * 5 = 42\n"
                                "< 1 Again.\n"
                                "~ 7 + 7\n"
                                "< 1\n"
                                "6 * 7 = 42\n"
                                "= The answer is 42.\n";
    tj_human human;
    tj_record r;
    tj_templates *templates;
    tj_rng rng;
    tj_err err = {.msg = ""};
    tj_tree tree;
    tj_rng_init(&rng, 1, 0, 0, 0);
    must(tj_templates_create(&templates, &err), &err);
    must(tj_human_read(&human, notes, strlen(notes), "notes", &err), &err);
    must(tj_human_to_record(&r, &human, NULL, -1, templates, &rng, &err), &err);
    must(tj_thought_to_tree(&tree, &r.thought, TJ_YES, &err), &err);
    assert_int_equal(tree.n_nodes, 5);
    assert_int_equal(tree.nodes[2].parent, 1);
    assert_int_equal(tree.nodes[3].parent, 1);
    assert_int_equal(tree.nodes[4].parent, 1);
    assert_false(tree.nodes[2].valid);
    assert_true(tree.nodes[3].valid);
    assert_false(tree.nodes[3].solvable);
    assert_true(tree.nodes[4].correct);
    assert_true(tree.nodes[2].terminal);
    for (size_t i = 0; i < r.thought.n_spans; i++) {
        const tj_span *s = &r.thought.spans[i];
        assert_true(s->node < tree.n_nodes);
        if (s->action == TJ_BACKTRACK) {
            assert_int_equal(s->node, 1);
        }
    }
    assert_int_equal(r.thought.spans[r.thought.n_spans - 1].node, 4);
    tj_facts facts; /* what was read off annotations is read off nodes */
    must(tj_facts_of(&facts, &r.thought, &err), &err);
    assert_int_equal(facts.n_justified, 2);
    tj_tree_deinit(&tree);
    tj_record_deinit(&r);
    tj_human_deinit(&human);
    tj_templates_destroy(templates);
}

static void a_trace_is_thinking(void **state)
{
    (void)state;
    static const char text[] =
        "[{\"intent\":\"Ship it.\",\"author\":\"Aiko\",\"outcome\":\"By bicycle.\",\"events\":["
        "{\"action\":\"Call the van.\",\"evaluation\":\"wrong\",\"cause\":\"It is out.\","
        "\"decision\":\"Another courier.\",\"back_to\":0},{\"action\":\"Ask.\"},"
        "{\"action\":\"Ride.\",\"evaluation\":\"right\"}]}]";
    static const tj_action actions[] = {TJ_PROPOSE, TJ_REFLECT,  TJ_BACKTRACK,
                                        TJ_PROPOSE, TJ_CONTINUE, TJ_CONCLUDE};
    static const tj_mark marks[] = {TJ_MARK_INVALID, TJ_MARK_NONE,  TJ_MARK_NONE,
                                    TJ_MARK_NONE,    TJ_MARK_RIGHT, TJ_MARK_NONE};
    tj_record r = {.n_tokens = 0};
    tj_err err = {.msg = ""};
    must(tj_records_read(text, strlen(text), "trace.json", take_record, &r, &err), &err);
    assert_int_equal(r.thought.n_spans, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(r.thought.spans[i].action, actions[i]);
        assert_int_equal(r.thought.spans[i].mark, marks[i]);
        assert_int_equal(r.thought.spans[i].on_path, i > 2);
        assert_string_equal(r.thought.spans[i].name, "Aiko");
    }
    assert_string_equal(tj_record_get(&r, TJ_META_PROMPT), "Ship it.");
    tj_record_deinit(&r);
    static const char bad[] = "{\"intent\":\"x\",\"events\":[{\"action\":\"a\"},{\"action\":7}]}";
    assert_int_equal(tj_records_read(bad, strlen(bad), "t", take_record, &r, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "t:1: events[1]: action"));
}

/* The k-th allocation fails, for each k: an error, nothing left behind. */
static void each_failed_allocation_is_reported(void **state)
{
    (void)state;
    static const char text[] =
        "{\"intent\":\"i\",\"events\":[{\"action\":\"a\",\"evaluation\":\"wrong\","
        "\"decision\":\"d\",\"back_to\":0},{\"action\":\"b\"}]}";
    json_t *json = json_loads(text, 0, NULL);
    tj_tree tree;
    tj_templates *templates;
    tj_derive_config cfg = config();
    make_tree(&tree);
    assert_int_equal(tj_templates_create(&templates, NULL), TJ_OK);
    cfg.templates = templates;
    tj_code codes[2] = {TJ_E_NOMEM, TJ_E_NOMEM};
    for (size_t k = 0; k < 500 && (codes[0] != TJ_OK || codes[1] != TJ_OK); k++) {
        tj_record r;
        tj_tree grown;
        tj_thought t;
        tj_rng rng;
        tj_rng_init(&rng, 1, 0, 0, 0);
        tj_alloc_fail_after(k);
        codes[0] = tj_trace_to_record(&r, json, "t", NULL);
        tj_alloc_fail_after(SIZE_MAX);
        if (codes[0] == TJ_OK) {
            tj_alloc_fail_after(k / 2);
            codes[0] = tj_thought_to_tree(&grown, &r.thought, TJ_YES, NULL);
            tj_alloc_fail_after(SIZE_MAX);
            tj_tree_deinit(&grown);
        }
        tj_record_deinit(&r);
        tj_alloc_fail_after(k);
        codes[1] = tj_derive_journey(&t, &tree, NULL, NULL, -1, &cfg, &rng, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        tj_thought_deinit(&t);
        for (size_t i = 0; i < 2; i++) {
            assert_true(codes[i] == TJ_OK || codes[i] == TJ_E_NOMEM);
        }
    }
    assert_int_equal(codes[0], TJ_OK);
    assert_int_equal(codes[1], TJ_OK);
    tj_templates_destroy(templates);
    tj_tree_deinit(&tree);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_known_to_be_wrong_is_told),
        cmocka_unit_test(rules_of_the_walk_hold_in_words),
        cmocka_unit_test(no_sentence_comes_twice_in_a_row),
        cmocka_unit_test(an_invalid_way_to_the_answer_is_no_path),
        cmocka_unit_test(a_thought_becomes_the_tree_that_it_tells_of),
        cmocka_unit_test(a_trace_is_thinking),
        cmocka_unit_test(each_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
