/* Steps with what people, or rollouts, say of them: from any data set that has such, and from our
 * trees, in one form. What trains process reward models and what measures rewarders reads it.
 *
 *     record ─▶ one tree of steps:  problem ─┬─ step 1 (right) ── step 2 (wrong)
 *                                            └─ step 1' (wrong)
 *
 * A solution is a tree of one chain. Rows of PRM800K's critic form that follow one another and are
 * of one problem become one tree, as they were labelled.
 *
 * Ownership: init/deinit; it owns its texts.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TREE_LABELLED_H
#define TJ_TREE_LABELLED_H

#include "task/task.h"

/* What a neutral label (0 of -1, 0, 1) counts as. */
typedef enum tj_neutral_as {
    TJ_NEUTRAL_AS_RIGHT = 0,
    TJ_NEUTRAL_AS_WRONG,
    TJ_NEUTRAL_AS_NONE
} tj_neutral_as;

typedef struct tj_labelled_step {
    size_t parent; /* before it; SIZE_MAX: a first step */
    size_t depth;  /* steps up to it, from 1 */
    char *text;
    double target; /* 1 right, 0 wrong, between them a share of rollouts; NaN: not told */
} tj_labelled_step;

typedef struct tj_labelled_tree {
    size_t line; /* of the file, where the record begins */
    char *problem;
    char *answer;            /* the reference; NULL: not known */
    bool is_chain;           /* one solution, step after step */
    bool is_whole;           /* a chain of which every step up to the first wrong one is labelled */
    tj_labelled_step *steps; /* [n_steps], parents first */
    size_t n_steps, cap_steps;
} tj_labelled_tree;

typedef struct tj_labelled {
    tj_labelled_tree *trees; /* [n_trees] */
    size_t n_trees, cap_trees;
    size_t n_refused; /* records */
    char first_refusal[TJ_ERR_MSG_BYTES];
    const char *format; /* static: the data set's, or "tabiji trees" */
} tj_labelled;

typedef struct tj_labelled_options {
    tj_neutral_as neutral;
    bool scores;          /* rollouts' shares count where a step has no label */
    bool strict;          /* a refused record is an error, else it is counted */
    size_t limit;         /* records; 0: all */
    const tj_task *task;  /* of our own trees, whose problems are states */
    const char *rewarder; /* of our own trees: whose rewards; NULL: "verifier" */
} tj_labelled_options;

void tj_labelled_deinit(tj_labelled *set); /* a zeroed one is allowed */
/* Adds what a file holds to *set, which begins as {0}: any format of task/dataset.h, or JSON lines
 * of our own trees. What has no labelled step is passed over. Errors: those of tj_dataset_open and
 * tj_dataset_next (where strict: a refused record, naming its line), TJ_E_PARSE (trees of another
 * task), TJ_E_INVAL (no labelled step at all), TJ_E_NOMEM; *set keeps what it had. */
TJ_MUST_USE tj_code tj_labelled_read(tj_labelled *set, const char *path,
                                     const tj_labelled_options *options, tj_err *err);

/* For other sources: begins a tree, and adds a step to the latest one, after `parent` (SIZE_MAX:
 * none). Gives *step. Errors: TJ_E_NOMEM, TJ_E_INVAL (no such parent). */
TJ_MUST_USE tj_code tj_labelled_begin(tj_labelled *set, tj_str problem, tj_str answer, size_t line,
                                      tj_err *err);
TJ_MUST_USE tj_code tj_labelled_add(tj_labelled *set, size_t *step, size_t parent, tj_str text,
                                    double target, tj_err *err);
/* Ends it: says what kind of tree it is; one without any label is dropped. */
void tj_labelled_end(tj_labelled *set);
/* 1, 0 or NaN of a label of task/dataset.h. */
double tj_labelled_target(int label, tj_neutral_as neutral);
/* The steps up to one: lends out [depth of the step]. */
void tj_labelled_path(const tj_labelled_tree *tree, size_t step, const char **out);

#endif
