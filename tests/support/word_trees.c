#include "support/word_trees.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static int64_t begin(tj_store *s)
{
    int64_t run;
    json_t *config = json_pack("{s:s}", "made", "by hand");
    const tj_run_spec spec = {
        .stage = "import", .name = "by hand", .config = config, .build_id = "", .isa = ""};
    TJ_ASSERT(tj_run_begin(s, &run, &spec, NULL) == TJ_OK);
    json_decref(config);
    return run;
}

static void add_step(tj_tree *tree, size_t number, size_t parent, const char *words, bool ends,
                     bool correct)
{
    char text[96];
    size_t at;
    (void)snprintf(text, sizeof text, "%s of %zu\n", words, number);
    TJ_ASSERT(tj_tree_add_node(tree, &at, parent, text, NULL, NULL, 0, NULL) == TJ_OK);
    tree->nodes[at].terminal = ends;
    tree->nodes[at].correct = correct;
}

static void add_tree(tj_store *s, int64_t run, int64_t problem, size_t number)
{
    int64_t id;
    size_t root;
    tj_tree tree = {.problem = problem};
    const tj_origin origin = {.run = run, .ordinal = number};
    TJ_ASSERT(tj_tree_add_node(&tree, &root, TJ_NO_NODE, "", NULL, NULL, 0, NULL) == TJ_OK);
    add_step(&tree, number, 0, "a good start", false, false);
    add_step(&tree, number, 0, "a wrong start", false, false);
    add_step(&tree, number, 1, "the answer is \\boxed{42}, a good end", true, true);
    add_step(&tree, number, 1, "the answer is \\boxed{41}, a wrong end", true, false);
    add_step(&tree, number, 2, "and on", false, false);
    TJ_ASSERT(tj_store_add_tree(s, &id, &origin, &tree, NULL) == TJ_OK);
    tj_tree_deinit(&tree);
}

int64_t word_trees_make(const char *dir)
{
    tj_store *s;
    tj_problem problems[WORD_TREES];
    char json[WORD_TREES][96];
    tj_problems rows;
    int64_t set;
    json_t *config = json_object();
    TJ_ASSERT(tj_store_open(&s, dir, TJ_STORE_CREATE, NULL, NULL) == TJ_OK);
    int64_t run = begin(s);
    for (size_t i = 0; i < WORD_TREES; i++) {
        (void)snprintf(json[i], sizeof json[i],
                       "{\"problem\":\"What is 6 * 7, number %zu?\",\"answer\":\"42\"}", i);
        problems[i] = (tj_problem){
            .split = TJ_SPLIT_TRAIN, .json = json[i], .n_json = strlen(json[i])};
    }
    TJ_ASSERT(tj_store_add_problem_set(s, &set, run, "words", TJ_WORDS_TASK, config, problems,
                                       WORD_TREES, NULL) == TJ_OK);
    TJ_ASSERT(tj_store_load_problems(s, &rows, set, TJ_SPLIT_TRAIN, 0, WORD_TREES, NULL) == TJ_OK);
    for (size_t i = 0; i < WORD_TREES; i++) {
        add_tree(s, run, rows.rows[i].id, i);
    }
    const tj_run_outcome outcome = {.status = TJ_RUN_DONE};
    TJ_ASSERT(tj_run_end(s, run, &outcome, NULL) == TJ_OK);
    tj_problems_deinit(&rows);
    json_decref(config);
    tj_store_close(s);
    return run;
}
