/* A workspace of a million nodes: how fast trees go in, a tree opens, and lists come out.
 * Everything is written in brackets of 100 trees, as the stages do, and read by a second handle.
 *
 *   tabiji-bench-store [--trees N] [--nodes N] [--keep DIR]
 *
 * A node has 24 tokens with log-probabilities, 80 bytes of text, and two rewards. */
#define _XOPEN_SOURCE 700 /* nftw, mkdtemp */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/job.h"
#include "base/rng.h"
#include "store/store.h"

enum { N_IDS = 24, N_PROMPT = 120, N_PROBLEMS = 1000, BRACKET = 100 };

static void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        (void)fprintf(stderr, "tabiji-bench-store: %s\n", err->msg);
        exit(1);
    }
}

/* Of this process: what a busy machine takes away does not count. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* A number that depends on i alone. */
static uint64_t mix(uint64_t i)
{
    i = (i + 1U) * 0x9e3779b97f4a7c15ULL;
    i ^= i >> 29U;
    i *= 0xbf58476d1ce4e5b9ULL;
    return i ^ (i >> 32U);
}

static size_t below(uint64_t i, size_t n)
{
    return (size_t)(mix(i) % n);
}

static double unit(uint64_t i)
{
    return (double)(mix(i) >> 11U) / 9007199254740992.0;
}

/* ------------------------------------------------------------------ what goes in */

static int64_t add_problems(tj_store *store, int64_t run, tj_err *err)
{
    static char texts[N_PROBLEMS][64];
    static tj_problem problems[N_PROBLEMS];
    int64_t set;
    json_t *config = json_object();
    for (size_t i = 0; i < N_PROBLEMS; i++) {
        int n =
            snprintf(texts[i], sizeof texts[i], "{\"problem\":\"What is %zu + %zu?\"}", i, i * 7);
        problems[i] = (tj_problem){.json = texts[i], .n_json = (size_t)n};
    }
    must(tj_store_add_problem_set(store, &set, run, "bench", "math", config, problems, N_PROBLEMS,
                                  err),
         err);
    json_decref(config);
    return set;
}

static void make_tree(tj_tree *tree, int64_t problem, size_t n_nodes, uint64_t key, tj_err *err)
{
    int32_t ids[N_PROMPT];
    float logprobs[N_IDS];
    char text[128]; /* 80 are used */
    size_t node;
    memset(tree, 0, sizeof *tree);
    tree->problem = problem;
    tree->prompt_ids = tj_calloc(N_PROMPT, sizeof *tree->prompt_ids);
    tree->n_prompt = tree->prompt_ids == NULL ? 0 : N_PROMPT;
    must(tj_tree_add_node(tree, &node, TJ_NO_NODE, "", NULL, NULL, 0, err), err);
    for (size_t i = 1; i < n_nodes; i++) {
        uint64_t k = key * 1000003U + i;
        for (size_t t = 0; t < N_IDS; t++) {
            ids[t] = (int32_t)below(k * 31U + t, 49152);
            logprobs[t] = (float)-unit(k * 37U + t);
        }
        (void)snprintf(text, sizeof text, "%zu. %074zu\n", i, below(k, 1000000));
        must(tj_tree_add_node(tree, &node, below(k, i), text, ids, logprobs, N_IDS, err), err);
        tree->nodes[node].valid = true;
        tree->nodes[node].terminal = i + 4 > n_nodes;
        tree->nodes[node].correct = tree->nodes[node].terminal && unit(k) < 0.2;
        (void)snprintf(tree->nodes[node].key, sizeof tree->nodes[node].key, "step %zu", i);
        const tj_reward rewards[] = {
            {.node = node, .rewarder = "verifier", .value = tree->nodes[node].correct ? 1.0 : 0.0},
            {.node = node, .rewarder = "prm", .meaning = TJ_PROGRESS, .value = unit(k + 5U)}};
        must(tj_tree_add_reward(tree, &rewards[0], err), err);
        must(tj_tree_add_reward(tree, &rewards[1], err), err);
    }
}

static int64_t begin(tj_store *store, const char *stage, uint64_t seed, tj_err *err)
{
    int64_t run;
    json_t *config = json_object();
    tj_run_spec spec = {.stage = stage,
                        .name = "a million nodes",
                        .config = config,
                        .seed = seed,
                        .build_id = "",
                        .isa = "",
                        .n_threads = 1};
    must(tj_run_begin(store, &run, &spec, err), err);
    json_decref(config);
    return run;
}

static void end(tj_store *store, int64_t run, tj_err *err)
{
    tj_run_outcome done = {.status = TJ_RUN_DONE};
    must(tj_run_end(store, run, &done, err), err);
}

static void insert(tj_store *store, size_t n_trees, size_t n_nodes, tj_err *err)
{
    int64_t id;
    double inside = 0.0;
    double cpu = 0.0;
    int64_t run = begin(store, "import", 1, err);
    (void)add_problems(store, run, err);
    end(store, run, err);
    run = begin(store, "grow", 1, err);
    for (size_t t = 0; t < n_trees; t++) {
        tj_tree tree;
        make_tree(&tree, 1 + (int64_t)(t % N_PROBLEMS), n_nodes, t, err);
        double start = tj_clock_seconds();
        double cpu_start = cpu_seconds();
        if (t % BRACKET == 0) {
            must(tj_store_begin(store, err), err);
        }
        tj_origin origin = {.run = run, .ordinal = t};
        must(tj_store_add_tree(store, &id, &origin, &tree, err), err);
        if (t % BRACKET == BRACKET - 1 || t + 1 == n_trees) {
            must(tj_store_commit(store, err), err);
        }
        inside += tj_clock_seconds() - start;
        cpu += cpu_seconds() - cpu_start;
        tj_tree_deinit(&tree);
    }
    double start = tj_clock_seconds();
    double cpu_start = cpu_seconds();
    end(store, run, err);
    double ending = tj_clock_seconds() - start;
    double cpu_ending = cpu_seconds() - cpu_start;
    double n = (double)n_trees * (double)n_nodes;
    printf(
        "insert   %.0f nodes with %.0f rewards: %.1f s, %.0f nodes/s (CPU %.1f s, %.0f nodes/s)\n",
        n, 2.0 * n, inside, n / inside, cpu, n / cpu);
    printf("end      of the run, with its digests: %.1f s (CPU %.1f s); together %.0f nodes/s (CPU "
           "%.0f nodes/s)\n",
           ending, cpu_ending, n / (inside + ending), n / (cpu + cpu_ending));
}

/* ------------------------------------------------------------------ what comes out */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *what, double *ms, size_t n)
{
    qsort(ms, n, sizeof *ms, compare);
    printf("%-56s median %7.2f ms, longest %7.2f ms of %zu\n", what, ms[n / 2], ms[n - 1], n);
}

static void open_trees(tj_store *store, size_t n_trees, tj_err *err)
{
    double ms[200];
    for (size_t i = 0; i < 200; i++) {
        tj_tree tree;
        double start = tj_clock_seconds();
        must(tj_store_load_tree(store, &tree, NULL, 1 + (int64_t)below(i, n_trees), err), err);
        ms[i] = 1e3 * (tj_clock_seconds() - start);
        tj_tree_deinit(&tree);
    }
    tell("open     a tree with its rewards", ms, 200);
}

static tj_code count_row(void *ctx, const tj_tree_row *row, tj_err *err)
{
    (void)row;
    (void)err;
    (*(size_t *)ctx)++;
    return TJ_OK;
}

/* The first page, a page from the middle, the last one, and how many there are in all. */
static void list(tj_store *store, const char *what, tj_tree_filter filter, size_t n_trees,
                 tj_err *err)
{
    enum { TIMES = 30 };
    double page[TIMES];
    double all[TIMES];
    size_t n_rows = 0;
    size_t n_all = 0;
    char name[96];
    filter.limit = 50;
    for (size_t i = 0; i < TIMES; i++) {
        filter.newest = i % 3 == 2;
        filter.after = i % 3 == 1 ? (int64_t)n_trees / 2 : 0;
        double start = tj_clock_seconds();
        must(tj_store_tree_list(store, &filter, count_row, &n_rows, err), err);
        page[i] = 1e3 * (tj_clock_seconds() - start);
        start = tj_clock_seconds();
        must(tj_store_tree_count(store, &n_all, &filter, err), err);
        all[i] = 1e3 * (tj_clock_seconds() - start);
    }
    (void)snprintf(name, sizeof name, "list     %s: %zu trees, a page", what, n_all);
    tell(name, page, TIMES);
    (void)snprintf(name, sizeof name, "list     %s, their number", what);
    tell(name, all, TIMES);
}

static void lists(tj_store *store, size_t n_trees, size_t n_nodes, tj_err *err)
{
    list(store, "all", (tj_tree_filter){0}, n_trees, err);
    list(store, "of a run", (tj_tree_filter){.run = 2}, n_trees, err);
    list(store, "of a set, solved", (tj_tree_filter){.set = 1, .solved = TJ_SOLVED_YES}, n_trees,
         err);
    list(store, "of a problem", (tj_tree_filter){.problem = 7}, n_trees, err);
    list(store, "by nodes, of none", (tj_tree_filter){.min_nodes = n_nodes + 1}, n_trees, err);
    list(store, "prm's mean from 0.52",
         (tj_tree_filter){
             .rewarder = "prm", .measure = TJ_MEASURE_MEAN, .min_reward = 0.52, .max_reward = 1.0},
         n_trees, err);
    list(store, "prm's highest below 0.1, of none",
         (tj_tree_filter){.rewarder = "prm", .max_reward = 0.1}, n_trees, err);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

int main(int argc, char **argv)
{
    size_t n_trees = 10000;
    size_t n_nodes = 100;
    char made[] = "/tmp/tabiji-bench-store-XXXXXX";
    const char *dir = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--trees") == 0) {
            n_trees = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--nodes") == 0) {
            n_nodes = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--keep") == 0) {
            dir = argv[i + 1];
        }
    }
    if (n_trees == 0 || n_nodes < 2 || (dir == NULL && (mkdtemp(made) == NULL))) {
        (void)fprintf(stderr, "usage: tabiji-bench-store [--trees N] [--nodes N] [--keep DIR]\n");
        return 2;
    }
    tj_err err;
    tj_store *store;
    tj_store *reader;
    const char *at = dir == NULL ? made : dir;
    must(tj_store_open(&store, at, TJ_STORE_CREATE, NULL, &err), &err);
    insert(store, n_trees, n_nodes, &err);
    must(tj_store_open(&reader, at, TJ_STORE_READ, NULL, &err), &err);
    open_trees(reader, n_trees, &err);
    lists(reader, n_trees, n_nodes, &err);
    size_t n_mismatches;
    double start = tj_clock_seconds();
    must(tj_store_verify(reader, &n_mismatches, NULL, NULL, NULL, NULL, &err), &err);
    printf("verify   %.1f s, %zu places differ\n", tj_clock_seconds() - start, n_mismatches);
    tj_store_close(reader);
    tj_store_close(store);
    if (dir == NULL) {
        (void)nftw(made, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
    return n_mismatches == 0 ? 0 : 1;
}
