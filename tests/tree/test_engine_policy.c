/* The engine as a policy: a tree is the same whatever grows beside it, its log-probabilities are
 * those of its paths computed from nothing, and no step follows the end of an answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "nn/nn.h"
#include "tree/tree.h"

#define N 5

/* Any line is a valid step, told apart by its text, so that an untrained model's trees are deep. */
static void judge_anything(const void *ctx, const tj_task_state *state, const char *line,
                           size_t len, tj_line_verdict *verdict, tj_task_state *after)
{
    (void)ctx;
    *verdict = (tj_line_verdict){.kind = TJ_LINE_STEP, .valid = true, .solvable = true};
    (void)snprintf(verdict->key, sizeof verdict->key, "%.*s", (int)len, line);
    *after = *state;
}

static void write_beginning(const void *ctx, const tj_task_state *first, tj_buf *out)
{
    (void)ctx;
    (void)first;
    tj_buf_str(out, "Use 3 6 7 11 to make 36.\n"); /* alike for all: they share it */
}

typedef struct fixture {
    tj_model *model;
    tj_tokenizer *tok;
    tj_task task;
    tj_plain_prompt plain;
    tj_grow_item items[N];
    tj_tree trees[N];
    size_t n;
} fixture;

static void open_fixture(fixture *f)
{
    size_t len;
    tj_model_config c;
    const char *json = tj_countdown_tokenizer_json(&len);
    memset(f, 0, sizeof *f);
    assert_int_equal(tj_tokenizer_parse(&f->tok, json, len, "countdown", NULL), TJ_OK);
    tj_model_config_default(&c);
    c.n_vocab = tj_tokenizer_n_vocab(f->tok);
    c.n_layers = 2;
    c.width = 32;
    c.n_heads = 2;
    c.n_kv_heads = 2;
    c.head_dim = 16;
    c.ffn_width = 64;
    c.max_positions = 512;
    assert_int_equal(tj_model_create(&f->model, &c, TJ_F32, 3, NULL), TJ_OK);
    f->task = (tj_task){.judge_line = judge_anything, .write_prompt = write_beginning};
    f->plain = (tj_plain_prompt){f->tok, -1};
    for (size_t i = 0; i < N; i++) {
        f->items[i].problem = (int64_t)i + 1;
    }
}

static void close_fixture(fixture *f)
{
    for (size_t i = 0; i < f->n; i++) {
        tj_tree_deinit(&f->trees[i]);
    }
    tj_model_destroy(f->model);
    tj_tokenizer_destroy(f->tok);
}

static tj_code keep(void *ctx, tj_tree *tree, tj_err *err)
{
    fixture *f = ctx;
    (void)err;
    tj_tree_deinit(&f->trees[f->n]);
    f->trees[f->n++] = *tree;
    memset(tree, 0, sizeof *tree); /* taken */
    return TJ_OK;
}

static tj_engine *new_engine(const fixture *f, size_t kv_bytes)
{
    tj_engine *engine;
    tj_engine_config cfg;
    tj_engine_config_default(&cfg);
    cfg.kv_bytes = kv_bytes;
    assert_int_equal(tj_engine_create(&engine, f->model, f->tok, &cfg, NULL), TJ_OK);
    return engine;
}

/* Trees of items [first, first + n), into f->trees. */
static void grow(fixture *f, size_t first, size_t n, size_t kv_bytes, const int32_t *ends,
                 size_t n_ends)
{
    tj_grow_config cfg;
    tj_engine *engine = new_engine(f, kv_bytes);
    tj_tree_model model = {.engine = engine,
                           .tok = f->tok,
                           .encode = tj_plain_prompt_encode,
                           .ctx = &f->plain,
                           .ends = ends,
                           .n_ends = n_ends};
    tj_grow_config_default(&cfg);
    cfg.width = 3;
    cfg.depth = 3;
    cfg.max_tries = 24;
    cfg.temperature = 3.0;
    cfg.temperature_rise = 0.0;
    f->n = 0;
    assert_int_equal(
        tj_tree_grow(&model, &f->task, f->items + first, n, &cfg, 11, 2, keep, f, NULL, NULL),
        TJ_OK);
    assert_int_equal(f->n, n);
    tj_engine_destroy(engine);
}

static size_t max_depth(const tj_tree *tree)
{
    size_t depth = 0;
    for (size_t i = 0; i < tree->n_nodes; i++) {
        depth = tree->nodes[i].depth > depth ? tree->nodes[i].depth : depth;
    }
    return depth;
}

/* Nodes, ids and log-probabilities, bit for bit. */
static void assert_same(const tj_tree *a, const tj_tree *b)
{
    assert_int_equal(a->n_nodes, b->n_nodes);
    for (size_t i = 1; i < a->n_nodes; i++) {
        assert_int_equal(a->nodes[i].parent, b->nodes[i].parent);
        assert_int_equal(a->nodes[i].n_ids, b->nodes[i].n_ids);
        size_t n = a->nodes[i].n_ids;
        assert_memory_equal(a->nodes[i].ids, b->nodes[i].ids, n * sizeof *a->nodes[i].ids);
        assert_memory_equal(a->nodes[i].logprobs, b->nodes[i].logprobs,
                            n * sizeof *a->nodes[i].logprobs);
    }
}

static void trees_do_not_depend_on_others_nor_on_memory(void **state)
{
    (void)state;
    fixture f;
    tj_tree alone;
    open_fixture(&f);
    grow(&f, 3, 1, (size_t)1 << 26, NULL, 0);
    alone = f.trees[0];
    memset(&f.trees[0], 0, sizeof f.trees[0]);
    assert_int_equal(max_depth(&alone), 3);
    grow(&f, 0, N, (size_t)1 << 26, NULL, 0);
    assert_same(&alone, &f.trees[3]);
    grow(&f, 0, N, (size_t)1 << 18, NULL, 0); /* keys and values are computed again and again */
    assert_same(&alone, &f.trees[3]);
    tj_tree_deinit(&alone);
    close_fixture(&f);
}

/* A node's path from nothing: its own tokens' log-probabilities are the node's. */
static void check_node(const fixture *f, const tj_tree *tree, size_t node)
{
    int32_t ids[1024];
    float logprobs[256];
    size_t at = 1024;
    for (size_t i = node; i != 0; i = tree->nodes[i].parent) {
        at -= tree->nodes[i].n_ids;
        memcpy(ids + at, tree->nodes[i].ids, tree->nodes[i].n_ids * sizeof *ids);
    }
    at -= tree->n_prompt;
    memcpy(ids + at, tree->prompt_ids, tree->n_prompt * sizeof *ids);
    tj_engine *engine = new_engine(f, (size_t)1 << 26);
    tj_branch branch;
    size_t n = 1024 - at;
    assert_int_equal(tj_engine_root(engine, &branch, ids + at, n, NULL), TJ_OK);
    assert_int_equal(
        tj_engine_score(engine, branch, n - tree->nodes[node].n_ids, n, logprobs, NULL), TJ_OK);
    assert_memory_equal(logprobs, tree->nodes[node].logprobs,
                        tree->nodes[node].n_ids * sizeof *logprobs);
    tj_engine_destroy(engine);
}

static void log_probabilities_are_those_of_the_path(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f);
    grow(&f, 0, 2, (size_t)1 << 26, NULL, 0);
    for (size_t i = 1; i < f.trees[1].n_nodes; i++) {
        check_node(&f, &f.trees[1], i);
    }
    close_fixture(&f);
}

static size_t n_bytes(const fixture *f, const int32_t *ids, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        (void)tj_tokenizer_bytes(f->tok, ids[i], &len);
        sum += len;
    }
    return sum;
}

static void no_step_follows_the_end_of_an_answer(void **state)
{
    (void)state;
    fixture f;
    int32_t ends[4];
    size_t n_last = 0;
    open_fixture(&f);
    for (size_t i = 0; i < 4; i++) {
        const char digit[] = {(char)('1' + i), '\0'};
        ends[i] = tj_tokenizer_find(f.tok, digit);
        assert_true(ends[i] >= 0);
    }
    grow(&f, 0, N, (size_t)1 << 26, ends, 4);
    for (size_t t = 0; t < f.n; t++) {
        for (size_t i = 1; i < f.trees[t].n_nodes; i++) {
            const tj_node *node = &f.trees[t].nodes[i];
            int32_t last = node->ids[node->n_ids - 1];
            bool ended = last == ends[0] || last == ends[1] || last == ends[2] || last == ends[3];
            assert_true(!ended || (node->terminal && node->n_children == 0));
            assert_int_equal(strlen(node->text), n_bytes(&f, node->ids, node->n_ids - ended));
            n_last += ended ? 1 : 0;
        }
    }
    assert_true(n_last > 0);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_do_not_depend_on_others_nor_on_memory),
        cmocka_unit_test(log_probabilities_are_those_of_the_path),
        cmocka_unit_test(no_step_follows_the_end_of_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
