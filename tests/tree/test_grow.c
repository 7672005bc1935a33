/* Trees hold distinct judged steps, depend on their own problem alone, are pruned as asked, and
 * come back from JSON bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/script_policy.h"

#define N 12

typedef struct forest {
    tj_tree trees[N];
    size_t n;
} forest;

static tj_code keep(void *ctx, tj_tree *tree, tj_err *err)
{
    (void)err;
    forest *f = ctx;
    f->trees[f->n++] = *tree;
    memset(tree, 0, sizeof *tree); /* taken */
    return TJ_OK;
}

static tj_grow_config config(void)
{
    tj_grow_config c;
    tj_grow_config_default(&c);
    c.depth = 3;
    return c;
}

static void grow(const script *s, const tj_grow_config *c, const tj_grow_item *items, size_t n,
                 forest *out)
{
    memset(out, 0, sizeof *out);
    assert_int_equal(script_grow(s, c, items, n, 7, keep, out), TJ_OK);
    assert_int_equal(out->n, n);
}

static void drop(forest *f)
{
    for (size_t i = 0; i < f->n; i++) {
        tj_tree_deinit(&f->trees[i]);
    }
}

static void steps_are_distinct_and_judged(void **state)
{
    (void)state;
    script s;
    forest f;
    tj_grow_item items[N];
    tj_grow_config c = config();
    script_open(&s, 0.2);
    script_items(&s, items, N, 1);
    grow(&s, &c, items, N, &f);
    size_t n_invalid = 0;
    for (size_t t = 0; t < N; t++) {
        const tj_tree *tree = &f.trees[t];
        assert_int_equal(tree->n_rewards, 2 * (tree->n_nodes - 1));
        for (size_t i = 1; i < tree->n_nodes; i++) {
            const tj_node *n = &tree->nodes[i];
            assert_true(n->parent < i);
            assert_true(tree->nodes[n->parent].valid); /* an invalid step is a leaf */
            assert_true(n->valid || !n->solvable);
            assert_true(!n->correct || (n->terminal && n->solvable));
            n_invalid += n->valid ? 0 : 1;
            size_t siblings[64];
            size_t m = tj_tree_children(tree, n->parent, siblings, 64);
            assert_true(m <= c.width);
            for (size_t k = 0; k < m; k++) {
                const tj_node *o = &tree->nodes[siblings[k]];
                assert_true(siblings[k] == i || o->valid != n->valid ||
                            strcmp(o->key, n->key) != 0);
            }
        }
    }
    assert_true(n_invalid > 0);
    drop(&f);
    script_close(&s);
}

static void a_tree_depends_on_its_problem_alone(void **state)
{
    (void)state;
    script s;
    forest all;
    tj_grow_item items[N];
    tj_grow_config c = config();
    script_open(&s, 0.1);
    script_items(&s, items, N, 2);
    grow(&s, &c, items, N, &all);
    for (size_t t = 0; t < N; t += 5) {
        forest one;
        c.batch_problems = 1;
        grow(&s, &c, &items[t], 1, &one);
        json_t *a = tj_tree_to_json(&all.trees[t], &s.task);
        json_t *b = tj_tree_to_json(&one.trees[0], &s.task);
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
        drop(&one);
    }
    drop(&all);
    script_close(&s);
}

static void json_round_trips_exactly(void **state)
{
    (void)state;
    script s;
    forest f;
    tj_grow_item items[N];
    tj_grow_config c = config();
    script_open(&s, 0.1);
    script_items(&s, items, N, 3);
    grow(&s, &c, items, N, &f);
    for (size_t t = 0; t < N; t++) {
        tj_tree back;
        json_t *a = tj_tree_to_json(&f.trees[t], &s.task);
        char *text = json_dumps(a, 0);
        json_t *parsed = json_loads(text, 0, NULL);
        assert_int_equal(tj_tree_from_json(&back, parsed, "here", NULL), TJ_OK);
        json_t *b = tj_tree_to_json(&back, &s.task);
        assert_true(json_equal(a, b));
        assert_int_equal(back.nodes[1].n_ids, f.trees[t].nodes[1].n_ids);
        assert_memory_equal(back.nodes[1].logprobs, f.trees[t].nodes[1].logprobs,
                            back.nodes[1].n_ids * sizeof(float));
        tj_tree_deinit(&back);
        json_decref(a);
        json_decref(b);
        json_decref(parsed);
        free(text);
    }
    drop(&f);
    script_close(&s);
}

static size_t count_open(const tj_tree *t, size_t depth, bool solvable_only)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_nodes; i++) {
        const tj_node *k = &t->nodes[i];
        n += k->depth == depth && k->valid && !k->terminal && !k->pruned &&
             (!solvable_only || k->solvable);
    }
    return n;
}

static void pruning_keeps_what_it_says(void **state)
{
    (void)state;
    script s;
    tj_grow_item items[N];
    tj_grow_config c = config();
    script_open(&s, 0.1);
    script_items(&s, items, N, 4);
    for (int way = TJ_PRUNE_TOP_K; way <= TJ_PRUNE_AT_MOST_K_CORRECT; way++) {
        forest f;
        c.prune = (tj_prune)way;
        c.prune_k = 1;
        grow(&s, &c, items, N, &f);
        for (size_t t = 0; t < N; t++) {
            for (size_t d = 1; d < 3; d++) {
                size_t all = count_open(&f.trees[t], d, false);
                assert_true(all <= (way == TJ_PRUNE_TOP_K ? 1U : 2U));
                assert_true(count_open(&f.trees[t], d, true) <= 1);
            }
            for (size_t i = 1; i < f.trees[t].n_nodes; i++) { /* kept, but not grown */
                assert_false(f.trees[t].nodes[f.trees[t].nodes[i].parent].pruned);
            }
        }
        drop(&f);
    }
    script_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_are_distinct_and_judged),
                                       cmocka_unit_test(a_tree_depends_on_its_problem_alone),
                                       cmocka_unit_test(json_round_trips_exactly),
                                       cmocka_unit_test(pruning_keeps_what_it_says)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
