/* Trees into the workspace: grown for the problems of a set, or read from files. Both are runs of
 * the ledger that go on where they were stopped.
 *
 * Part of stage.h.
 *
 * Ownership: stated at each function.
 * Threads:   confined to one thread; work inside is shared out.
 */
#ifndef TJ_STAGE_GROWTH_H
#define TJ_STAGE_GROWTH_H

#include <jansson.h>

#include "store/store.h"
#include "tree/tree.h"

typedef struct tj_grow_run_config {
    int64_t set; /* whose problems */
    tj_split split;
    size_t offset, n;          /* of the split's problems; n SIZE_MAX: all that follow */
    const json_t *policy;      /* an object: what its steps depend on beside the model's weights */
    int64_t model;             /* the workspace's that is the policy; 0: another, which */
    const char *model_file;    /* is this file, whose digest is an input; NULL: behind a server */
    const tj_tokenizer *tok;   /* of the steps' ids; NULL: there are none */
    const json_t *rewarder;    /* an object: what the scorer's values depend on; NULL: no scorer */
    const char *rewarder_kind; /* "prm", "judge", … as tj_rewarder_kind_name has them */
    const char *build_id;
} tj_grow_run_config;

typedef struct tj_grow_result {
    int64_t run;
    bool was_done;   /* by an earlier run with the same of all this */
    size_t n_before; /* trees that were there when it went on */
    size_t n_trees, n_solved;
    uint64_t n_nodes, n_tokens; /* of all its trees; tokens as sampled */
    tj_grow_stats stats;        /* of what was grown now */
} tj_grow_result;

/* Grows a tree for each of the problems. Of growth are read: policy, task, scorer, cfg, seed and
 * job. A tree, its cost and the run's cursor are one transaction; a run that was stopped goes on
 * with the problems that have no tree. Each tree is shown to `see` (NULL: nobody) once it is
 * stored. Errors: those of tj_trees_grow and of the store; TJ_E_INVAL (there are no problems, or of
 * an unknown task); TJ_E_CANCELLED. */
TJ_MUST_USE tj_code tj_grow_run(tj_store *store, tj_grow_result *out, const tj_grow_run_config *cfg,
                                const tj_growth *growth, tj_tree_done_fn see, void *ctx,
                                tj_err *err);

/* ------------------------------------------------------------ trees from files */

#define TJ_TREES_MAX_FILE ((size_t)1 << 30) /* of trees in JSON: they are read as a whole */

/* Calls fn with each tree of a file: tabiji's own JSON (one value after the other, or a list), or a
 * data set of trees or labelled solutions in any format of tj_dataset (AUTO: seen from the file);
 * consecutive labelled solutions of one problem make one tree. Answers in trees of data sets of
 * which nobody says whether they are right are graded by `ends` (NULL: they stay unknown). The tree
 * is freed afterwards, unless taken by zeroing it. Errors: TJ_E_PARSE naming file, line, node and
 * field (a cycle, an orphan, two roots, a path that is too long), TJ_E_INVAL (a record without a
 * tree), those of fn and of tj_ends_grade. */
TJ_MUST_USE tj_code tj_trees_of_file(const char *path, tj_data_format format, tj_ends *ends,
                                     tj_tree_done_fn fn, void *ctx, const tj_job *job, tj_err *err);

typedef struct tj_tree_import_config {
    const char *const *paths; /* [n_paths] */
    size_t n_paths;
    tj_data_format format;
    const char *set; /* the new problem set's name */
    tj_split split;
    const char *build_id;
} tj_tree_import_config;
typedef struct tj_tree_import_result {
    int64_t run, set;
    bool was_done;
    size_t n_trees, n_nodes, n_problems;
    tj_ends_stats ends; /* of the answers that were graded now */
} tj_tree_import_result;
/* The trees of files into a new set, a file a transaction. Trees in words only; their ids are left
 * out, since nobody says of which tokenizer they are. Errors: those of tj_trees_of_file and the
 * store; TJ_E_CONFLICT (a set of that name is there). */
TJ_MUST_USE tj_code tj_trees_import(tj_store *store, tj_tree_import_result *out,
                                    const tj_tree_import_config *cfg, const tj_job *job,
                                    tj_err *err);

#endif
