/* Search methods over problems in words, by a scripted policy and a scripted rewarder: whatever the
 * method, a tree is the same whatever grows beside it, siblings are distinct, bounds hold, and what
 * nobody knows is not labelled; and each method does what it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/script_words.h"

#define N 7

typedef struct forest {
    tj_tree trees[N]; /* by problem */
    size_t n;
    tj_tree_cost cost, costs[N];
} forest;

static tj_code keep(void *ctx, tj_tree *tree, tj_err *err)
{
    (void)err;
    forest *f = ctx;
    size_t at = (size_t)tree->problem - 1;
    assert_true(at < N);
    f->trees[at] = *tree;
    f->costs[at] = f->cost;
    f->n++;
    memset(tree, 0, sizeof *tree); /* taken */
    return TJ_OK;
}

static void drop(forest *f)
{
    for (size_t i = 0; i < N; i++) {
        tj_tree_deinit(&f->trees[i]);
    }
}

static tj_grow_config config(tj_search method)
{
    tj_grow_config c;
    tj_grow_config_default(&c);
    c.method = method;
    c.depth = 5;
    c.prune_k = 2;
    c.max_rounds = 12;
    return c;
}

typedef struct setting {
    script_words words;
    script_scorer scorer;
    bool scored;
    tj_grow_stats stats;
} setting;

static tj_code try_grow(setting *s, const tj_grow_config *c, size_t first, size_t n, forest *out,
                        const tj_job *job, tj_err *err)
{
    tj_grow_item items[N];
    tj_policy policy = script_words_policy(&s->words);
    tj_scorer scorer = script_words_scorer(&s->scorer);
    tj_growth growth = {.policy = &policy,
                        .scorer = s->scored ? &scorer : NULL,
                        .cfg = c,
                        .seed = 5,
                        .run = 1,
                        .done = keep,
                        .ctx = out,
                        .job = job,
                        .stats = &s->stats,
                        .cost = &out->cost};
    memset(out, 0, sizeof *out);
    script_words_items(items, N);
    return tj_trees_grow(&growth, items + first, n, err);
}

static void grow(setting *s, const tj_grow_config *c, forest *out)
{
    assert_int_equal(try_grow(s, c, 0, N, out, NULL, NULL), TJ_OK);
    assert_int_equal(out->n, N);
}

static void assert_same_tree(const tj_tree *a, const tj_tree *b)
{
    json_t *x = tj_tree_to_json(a, NULL);
    json_t *y = tj_tree_to_json(b, NULL);
    assert_non_null(x);
    assert_true(json_equal(x, y));
    json_decref(x);
    json_decref(y);
}

static size_t n_grown_at(const tj_tree *t, size_t depth)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_nodes; i++) {
        n += t->nodes[i].depth == depth && t->nodes[i].n_children > 0 ? 1 : 0;
    }
    return n;
}

/* ------------------------------------------------------------------ whatever the method */

static void check_tree(const tj_tree *t, const tj_grow_config *c)
{
    for (size_t i = 1; i < t->n_nodes; i++) {
        const tj_node *n = &t->nodes[i];
        assert_true(n->parent < i && n->depth <= c->depth);
        assert_true(!t->nodes[n->parent].terminal);
        assert_int_equal(n->valid, TJ_LABEL_UNKNOWN);
        if (!n->terminal) {
            assert_int_equal(n->solvable, TJ_LABEL_UNKNOWN);
            assert_false(n->correct);
        } else {
            bool right = strstr(n->text, "{6}") != NULL;
            assert_int_equal(n->solvable, right ? TJ_LABEL_YES : TJ_LABEL_NO);
            assert_int_equal(n->correct, right);
        }
        for (size_t k = 1; k < i; k++) {
            assert_true(t->nodes[k].parent != n->parent || strcmp(t->nodes[k].key, n->key) != 0);
        }
    }
    for (size_t r = 0; r < t->n_rewards; r++) {
        const tj_reward *w = &t->rewards[r];
        bool end = t->nodes[w->node].terminal;
        assert_true(strcmp(w->rewarder, "script") == 0 ||
                    (end && strcmp(w->rewarder, "verifier") == 0 && w->meaning == TJ_SOLVABLE &&
                     w->value == (t->nodes[w->node].correct ? 1.0 : 0.0)));
    }
}

static void every_method_keeps_the_rules(void **state)
{
    (void)state;
    for (int m = TJ_SEARCH_BREADTH; m <= TJ_SEARCH_BEST_OF_N; m++) {
        for (int scored = 0; scored < 2; scored++) {
            setting s = {.scored = scored == 1, .scorer = {.favourite = 2}};
            tj_grow_config c = config((tj_search)m);
            forest all;
            forest again;
            grow(&s, &c, &all);
            size_t n_ends = 0;
            for (size_t i = 0; i < N; i++) {
                check_tree(&all.trees[i], &c);
                for (size_t k = 0; k < all.trees[i].n_nodes; k++) {
                    n_ends += all.trees[i].nodes[k].terminal ? 1 : 0;
                }
            }
            assert_true(n_ends > 0);
            c.batch_problems = 2; /* trees begin as others end */
            grow(&s, &c, &again);
            for (size_t i = 0; i < N; i++) {
                assert_same_tree(&all.trees[i], &again.trees[i]);
            }
            drop(&again);
            assert_int_equal(try_grow(&s, &c, 4, 1, &again, NULL, NULL), TJ_OK);
            assert_same_tree(&all.trees[4], &again.trees[4]);
            drop(&again);
            drop(&all);
        }
    }
}

static void all_trees_are_asked_about_in_one_call(void **state)
{
    (void)state;
    setting s = {.scored = true};
    tj_grow_config c = config(TJ_SEARCH_BEAM);
    forest f;
    grow(&s, &c, &f); /* four steps, for all trees together */
    assert_true(s.words.n_calls >= 4 && s.words.n_calls <= 4 * c.max_tries);
    assert_int_equal(s.scorer.n_calls, 4);
    assert_true(s.words.n_asked > (size_t)4 * N);
    drop(&f);
}

static void budgets_hold(void **state)
{
    (void)state;
    for (int m = TJ_SEARCH_BREADTH; m <= TJ_SEARCH_BEST_OF_N; m++) {
        setting s = {.scored = true};
        tj_grow_config c = config((tj_search)m);
        forest f;
        c.max_nodes = 6;
        grow(&s, &c, &f);
        for (size_t i = 0; i < N; i++) { /* a call that was sent is taken in */
            assert_true(f.trees[i].n_nodes < 6 + c.width * c.max_tries * c.prune_k);
        }
        drop(&f);
        c.max_nodes = 0;
        c.max_tokens = 10;
        grow(&s, &c, &f);
        for (size_t i = 0; i < N; i++) {
            assert_true(f.costs[i].tokens <= 3 * (10 + 2 * c.width * c.max_tries * c.prune_k));
        }
        drop(&f);
        c.max_tokens = 0;
        c.max_seconds = 1e-9;
        grow(&s, &c, &f);
        for (size_t i = 0; i < N; i++) {
            assert_int_equal(f.trees[i].n_nodes, 1);
        }
        drop(&f);
    }
}

static void searches_without_an_end_are_refused(void **state)
{
    (void)state;
    setting s = {.scored = true};
    tj_grow_config c = config(TJ_SEARCH_PUCT);
    forest f;
    tj_err err;
    c.max_rounds = 0;
    assert_int_equal(try_grow(&s, &c, 0, 1, &f, NULL, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "puct needs a bound"));
    c = config(TJ_SEARCH_DVTS);
    c.prune_k = 0;
    assert_int_equal(try_grow(&s, &c, 0, 1, &f, NULL, &err), TJ_E_INVAL);
    assert_int_equal(s.words.n_calls, 0);
}

static void who_asks_to_stop_is_heard(void **state)
{
    (void)state;
    setting s = {.scored = true};
    tj_grow_config c = config(TJ_SEARCH_BREADTH);
    tj_cancel cancel = {0};
    tj_job job = {.cancel = &cancel};
    forest f;
    tj_cancel_ask(&cancel);
    assert_int_equal(try_grow(&s, &c, 0, N, &f, &job, NULL), TJ_E_CANCELLED);
    assert_int_equal(f.n, 0);
}

/* ------------------------------------------------------------------ policies that go astray */

static void loops_and_endless_steps_are_marked(void **state)
{
    (void)state;
    setting s = {.words = {.p_loop = 0.4, .p_endless = 0.2}};
    tj_grow_config c = config(TJ_SEARCH_BREADTH);
    forest f;
    size_t n[4] = {0, 0, 0, 0};
    grow(&s, &c, &f);
    for (size_t i = 0; i < N; i++) {
        const tj_tree *t = &f.trees[i];
        for (size_t k = 1; k < t->n_nodes; k++) {
            n[t->nodes[k].pruned]++;
            assert_true(t->nodes[k].pruned == TJ_KEPT || t->nodes[k].n_children == 0);
            bool said = false;
            for (size_t up = t->nodes[k].parent; up != 0; up = t->nodes[up].parent) {
                said = said || strcmp(t->nodes[up].key, t->nodes[k].key) == 0;
            }
            assert_true(!said || t->nodes[k].pruned != TJ_KEPT);
        }
        tj_tree back;
        json_t *json = tj_tree_to_json(t, NULL);
        assert_int_equal(tj_tree_from_json(&back, json, "here", NULL), TJ_OK);
        assert_same_tree(t, &back);
        tj_tree_deinit(&back);
        json_decref(json);
    }
    assert_true(n[TJ_PRUNED_LOOP] > 0 && n[TJ_PRUNED_ENDLESS] > 0);
    assert_int_equal(s.stats.n_loops, n[TJ_PRUNED_LOOP]);
    assert_int_equal(s.stats.n_endless, n[TJ_PRUNED_ENDLESS]);
    drop(&f);
}

static void a_policy_that_only_loops_comes_to_an_end(void **state)
{
    (void)state;
    for (int m = TJ_SEARCH_BREADTH; m <= TJ_SEARCH_BEST_OF_N; m++) {
        setting s = {.words = {.p_loop = 1.0}, .scored = true};
        tj_grow_config c = config((tj_search)m);
        forest f;
        c.max_rounds = 1000;
        grow(&s, &c, &f);
        assert_int_equal(s.stats.n_solved, 0);
        drop(&f);
    }
}

/* ------------------------------------------------------------------ rewarders that fail */

static void a_score_that_failed_is_not_made_up(void **state)
{
    (void)state;
    for (int m = TJ_SEARCH_BREADTH; m <= TJ_SEARCH_BEST_OF_N; m++) {
        setting s = {.scored = true, .scorer = {.favourite = 2, .fail_each = 3}};
        tj_grow_config c = config((tj_search)m);
        forest f;
        grow(&s, &c, &f);
        size_t n_rows = 0;
        for (size_t i = 0; i < N; i++) {
            for (size_t r = 0; r < f.trees[i].n_rewards; r++) {
                n_rows += strcmp(f.trees[i].rewards[r].rewarder, "script") == 0 ? 1 : 0;
            }
        }
        assert_true(s.stats.n_failed > 0);
        assert_int_equal(n_rows + s.stats.n_failed, s.stats.n_scores);
        assert_string_equal(s.stats.failure, "nonsense came");
        drop(&f);
    }
}

static void a_rewarder_that_refuses_ends_all(void **state)
{
    (void)state;
    setting s = {.scored = true, .scorer = {.refuses = true}};
    tj_grow_config c = config(TJ_SEARCH_BEAM);
    forest f;
    tj_err err;
    assert_int_equal(try_grow(&s, &c, 0, N, &f, NULL, &err), TJ_E_INVAL);
    assert_string_equal(err.msg, "the key is refused");
}

/* ------------------------------------------------------------------ each method */

static double score_of(const tj_tree *t, size_t node)
{
    for (size_t r = 0; r < t->n_rewards; r++) {
        if (t->rewards[r].node == node && strcmp(t->rewards[r].rewarder, "script") == 0) {
            return t->rewards[r].value;
        }
    }
    return -1.0;
}

static void breadth_prunes_by_reward(void **state)
{
    (void)state;
    for (int prune = TJ_PRUNE_TOP_K; prune <= TJ_PRUNE_AT_MOST_K_CORRECT; prune++) {
        setting s = {.scored = true, .scorer = {.favourite = 2}};
        tj_grow_config c = config(TJ_SEARCH_BREADTH);
        forest f;
        c.prune = (tj_prune)prune;
        c.prune_k = 1;
        grow(&s, &c, &f);
        for (size_t i = 0; i < N; i++) {
            const tj_tree *t = &f.trees[i];
            for (size_t d = 1; d < 4; d++) {
                assert_true(n_grown_at(t, d) <= (prune == TJ_PRUNE_TOP_K ? 1U : 2U));
            }
            for (size_t k = 1; k < t->n_nodes && prune == TJ_PRUNE_TOP_K; k++) {
                for (size_t o = 1; o < t->n_nodes; o++) { /* nobody better was left behind */
                    bool grown =
                        t->nodes[k].n_children > 0 && t->nodes[o].depth == t->nodes[k].depth;
                    assert_true(!grown || t->nodes[o].terminal || score_of(t, o) <= score_of(t, k));
                }
            }
        }
        drop(&f);
    }
}

static void best_first_takes_the_best_and_no_more_than_asked(void **state)
{
    (void)state;
    setting s = {.scored = true, .scorer = {.favourite = 2}};
    tj_grow_config c = config(TJ_SEARCH_BEST_FIRST);
    forest f;
    c.width = 4;
    c.max_tries = 64;
    c.max_rounds = 4;
    grow(&s, &c, &f);
    for (size_t i = 0; i < N; i++) {
        size_t n = 0;
        for (size_t k = 0; k < f.trees[i].n_nodes; k++) {
            n += f.trees[i].nodes[k].n_children > 0 ? 1 : 0;
        }
        assert_int_equal(n, 4); /* the root, and three steps straight down */
        assert_true(tj_tree_leads_to_correct(&f.trees[i], 0));
    }
    drop(&f);
}

static void beams_and_subtrees_stay_as_many(void **state)
{
    (void)state;
    for (int m = TJ_SEARCH_BEAM; m <= TJ_SEARCH_DVTS; m++) {
        setting s = {.scored = true, .scorer = {.favourite = 2}};
        tj_grow_config c = config((tj_search)m);
        forest f;
        grow(&s, &c, &f);
        for (size_t i = 0; i < N; i++) {
            const tj_tree *t = &f.trees[i];
            size_t first[8];
            size_t n_first = 0;
            for (size_t d = 1; d < 4; d++) {
                assert_true(n_grown_at(t, d) >= 1 && n_grown_at(t, d) <= c.prune_k);
            }
            for (size_t k = 1; k < t->n_nodes; k++) {
                if (t->nodes[k].depth == 1 && t->nodes[k].n_children > 0) {
                    first[n_first++] = k;
                }
            }
            if (m == TJ_SEARCH_DVTS) { /* subtrees never meet: each goes on to its own end */
                for (size_t k = 0; k < n_first; k++) {
                    size_t ends = 0;
                    for (size_t e = 1; e < t->n_nodes; e++) {
                        size_t up = e;
                        while (t->nodes[up].depth > 1) {
                            up = t->nodes[up].parent;
                        }
                        ends += t->nodes[e].terminal && up == first[k] ? 1 : 0;
                    }
                    assert_true(ends > 0);
                }
                assert_int_equal(t->nodes[0].n_children > 1 ? 2 : 1, n_first);
            }
        }
        drop(&f);
    }
}

static void tree_search_goes_where_the_reward_is(void **state)
{
    (void)state;
    for (int m = TJ_SEARCH_UCT; m <= TJ_SEARCH_PUCT; m++) {
        setting s = {.scored = true, .scorer = {.favourite = 4}};
        tj_grow_config c = config((tj_search)m);
        forest f;
        c.width = 4;
        c.max_tries = 64;
        c.max_rounds = 14;
        c.exploration = 0.1;
        grow(&s, &c, &f);
        for (size_t i = 0; i < N; i++) {
            const tj_tree *t = &f.trees[i];
            size_t below[5] = {0, 0, 0, 0, 0};
            for (size_t k = 1; k < t->n_nodes; k++) {
                size_t up = k;
                while (t->nodes[up].depth > 1) {
                    up = t->nodes[up].parent;
                }
                below[t->nodes[up].text[8] - '0']++;
            }
            assert_true(below[4] > below[1] && below[4] > below[2]);
        }
        drop(&f);
    }
}

static void tree_search_plays_out_what_nobody_scores(void **state)
{
    (void)state;
    setting s = {.scored = false};
    tj_grow_config c = config(TJ_SEARCH_UCT);
    forest f;
    c.max_rounds = 1; /* the root's children, of which the first is played to its end */
    grow(&s, &c, &f);
    for (size_t i = 0; i < N; i++) {
        const tj_tree *t = &f.trees[i];
        assert_int_equal(t->nodes[1].n_children, 1);
        size_t n_ends = 0;
        for (size_t k = 0; k < t->n_nodes; k++) {
            n_ends += t->nodes[k].terminal ? 1 : 0;
        }
        assert_int_equal(n_ends, 1);
    }
    drop(&f);
}

/* ------------------------------------------------------------------ votes */

static void best_of_n_counts_every_sample(void **state)
{
    (void)state;
    setting s = {.scored = true, .scorer = {.favourite = 2}};
    tj_grow_config c = config(TJ_SEARCH_BEST_OF_N);
    tj_grader *grader;
    forest f;
    c.width = 9;
    assert_int_equal(tj_grader_create(&grader, NULL, NULL), TJ_OK);
    grow(&s, &c, &f);
    for (size_t i = 0; i < N; i++) {
        const tj_tree *t = &f.trees[i];
        size_t by_sum[16] = {0};
        double by_reward[16] = {0.0};
        size_t n = 0;
        for (size_t k = 0; k < t->n_nodes; k++) {
            if (t->nodes[k].terminal) {
                size_t times = 1 + t->nodes[k].n_duplicates;
                size_t sum = (size_t)strtoul(strchr(t->nodes[k].text, '{') + 1, NULL, 10);
                by_sum[sum] += times;
                by_reward[sum] += score_of(t, k) * (double)times;
                n += times;
            }
        }
        assert_int_equal(n, 9);
        tj_ballot v;
        assert_int_equal(tj_tree_vote(&v, t, grader, NULL, 0.0, NULL), TJ_OK);
        size_t chosen = (size_t)strtoul(v.answer, NULL, 10);
        assert_true(v.total == 9.0 && v.weight == (double)by_sum[chosen]);
        for (size_t k = 0; k < 16; k++) {
            assert_true(by_sum[k] <= by_sum[chosen]);
        }
        assert_int_equal(v.right, chosen == 6 ? TJ_LABEL_YES : TJ_LABEL_NO);
        tj_ballot_deinit(&v);
        assert_int_equal(tj_tree_vote(&v, t, grader, "script", 0.0, NULL), TJ_OK);
        chosen = (size_t)strtoul(v.answer, NULL, 10);
        for (size_t k = 0; k < 16; k++) {
            assert_true(by_reward[k] <= by_reward[chosen] + 1e-9);
        }
        tj_ballot_deinit(&v);
    }
    drop(&f);
    tj_grader_destroy(grader);
}

static void equal_answers_vote_together(void **state)
{
    (void)state;
    static const char *const ends[] = {"1. The answer is \\boxed{0.5}.\n",
                                       "1. So we get \\boxed{\\frac{1}{2}}\n",
                                       "1. The answer is \\boxed{3}.\n", "no answer at all\n"};
    tj_tree t = {.problem = 1};
    tj_grader *grader;
    tj_ballot v;
    size_t node;
    assert_int_equal(tj_grader_create(&grader, NULL, NULL), TJ_OK);
    assert_int_equal(tj_tree_add_node(&t, &node, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    assert_int_equal(tj_tree_vote(&v, &t, grader, NULL, 0.0, NULL), TJ_OK);
    assert_true(v.end == TJ_NO_NODE && v.answer == NULL);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tj_tree_add_node(&t, &node, 0, ends[i], NULL, NULL, 0, NULL), TJ_OK);
        t.nodes[node].terminal = true;
        t.nodes[node].solvable = TJ_LABEL_UNKNOWN;
    }
    assert_int_equal(tj_tree_vote(&v, &t, grader, NULL, 0.0, NULL), TJ_OK);
    assert_string_equal(v.answer, "0.5");
    assert_true(v.weight == 2.0 && v.total == 4.0 && v.end == 1);
    assert_int_equal(v.right, TJ_LABEL_UNKNOWN);
    tj_ballot_deinit(&v);
    tj_tree_deinit(&t);
    tj_grader_destroy(grader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_keeps_the_rules),
        cmocka_unit_test(all_trees_are_asked_about_in_one_call),
        cmocka_unit_test(budgets_hold),
        cmocka_unit_test(searches_without_an_end_are_refused),
        cmocka_unit_test(who_asks_to_stop_is_heard),
        cmocka_unit_test(loops_and_endless_steps_are_marked),
        cmocka_unit_test(a_policy_that_only_loops_comes_to_an_end),
        cmocka_unit_test(a_score_that_failed_is_not_made_up),
        cmocka_unit_test(a_rewarder_that_refuses_ends_all),
        cmocka_unit_test(breadth_prunes_by_reward),
        cmocka_unit_test(best_first_takes_the_best_and_no_more_than_asked),
        cmocka_unit_test(beams_and_subtrees_stay_as_many),
        cmocka_unit_test(tree_search_goes_where_the_reward_is),
        cmocka_unit_test(tree_search_plays_out_what_nobody_scores),
        cmocka_unit_test(best_of_n_counts_every_sample),
        cmocka_unit_test(equal_answers_vote_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
