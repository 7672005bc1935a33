/* Runs of thoughts in a workspace: item by item, each item's rows in one transaction with the
 * run's cursor and what the item cost. A run that was stopped, by a person or a crash, goes on with
 * the item that it was at; one that is done is found and not repeated. Part of stage.h.
 *
 *     trees, thoughts of a run ─┐                        ┌─▶ thought, span (and a tree of what a
 *     problems of a set, texts ─┼─▶ work on item i ──────┤   dialogue or a person tried)
 *     files ────────────────────┘   (derive, reword, …)  ├─▶ annotation, judgement, reward
 *                                                        └─▶ cursor, cost
 *
 *     rc = tj_thought_run_begin(&run, store, &spec, err);
 *     if (rc == TJ_OK) {
 *         rc = tj_thought_run_items(run, n_items, work, ctx, err);
 *         rc = tj_thought_run_end(run, rc, &result, err);
 *     }
 *
 * Ownership: a run borrows the store and is freed by end; strings are borrowed for the call.
 * Threads:   confined to one thread.
 */
#ifndef TJ_STAGE_THOUGHTS_H
#define TJ_STAGE_THOUGHTS_H

#include <jansson.h>

#include "base/job.h"
#include "store/store.h"
#include "thought/thought.h"

typedef struct tj_thought_run tj_thought_run;

typedef struct tj_thought_run_spec {
    const char *stage; /* "derive", "rewrite", … */
    const char *name;  /* for people; cut where it is long */
    json_t *config;    /* an object with all that the result depends on; taken by begin */
    uint64_t seed;
    const tj_run_input *inputs; /* [n_inputs] */
    size_t n_inputs;
    const char *build_id;
    const tj_job *job; /* NULL: none */
} tj_thought_run_spec;

/* Finds the run if it was done, goes on with it if it was stopped, else begins it. Gives *out; NULL
 * on error. Errors: those of tj_run_begin and tj_run_resume; TJ_E_INVAL (an input run that is not
 * done); TJ_E_PARSE (a cursor that cannot be read). */
TJ_MUST_USE tj_code tj_thought_run_begin(tj_thought_run **out, tj_store *store,
                                         const tj_thought_run_spec *spec, tj_err *err);

/* Calls fn with each item that is not done yet, in order. What fn adds by the functions below is
 * one transaction, which is committed with the cursor behind the item; nothing of an item that
 * fails is kept. Errors: those of fn; TJ_E_CANCELLED. */
typedef tj_code (*tj_thought_item_fn)(void *ctx, tj_thought_run *run, size_t item, tj_err *err);
TJ_MUST_USE tj_code tj_thought_run_items(tj_thought_run *run, size_t n_items, tj_thought_item_fn fn,
                                         void *ctx, tj_err *err);

typedef struct tj_thought_result {
    int64_t run;
    bool was_done;   /* it was done before: nothing was made */
    json_t *metrics; /* the counts, and `thoughts`: a new reference */
} tj_thought_result;

/* Ends the run by rc (done, cancelled, or failed with *err's message) and frees it. files
 * [n_files], which the run made outside of the workspace, may be NULL. Gives *result (json_decref
 * its metrics; zeroed on error). Returns rc, or what went wrong with ending it. */
TJ_MUST_USE tj_code tj_thought_run_end(tj_thought_run *run, tj_code rc, const tj_run_file *files,
                                       size_t n_files, tj_thought_result *result, tj_err *err);

/* ------------------------------------------------------------ within an item */

/* The first of these that adds rows opens the item's transaction; rows that are added by the
 * store's own functions come after it. */

int64_t tj_thought_run_id(const tj_thought_run *run);

/* Adds to a count of the run's metrics; kept in the cursor, so that a run that goes on has the
 * counts of all its items. */
TJ_MUST_USE tj_code tj_thought_run_count(tj_thought_run *run, const char *name, size_t n,
                                         tj_err *err);
/* What was spent: written with the item, or, if that fails, when the run ends. */
void tj_thought_run_spend(tj_thought_run *run, const tj_run_cost *cost);

/* The problem with these texts (those of a record: prompt, answer, id, level, subject), in a set
 * of the run's own, to which it is added unless it is there. */
TJ_MUST_USE tj_code tj_thought_run_problem(tj_thought_run *run, int64_t *problem,
                                           const tj_record *about, tj_err *err);

/* A thought to keep. The record's thought.problem names its problem. */
typedef struct tj_thought_row {
    const tj_record *record;
    int64_t tree, tokenizer; /* 0: none; without a tokenizer the ids are not kept, only counted */
    const char *config;      /* JSON: what is particular to this one; NULL: nothing */
    const char *made_of;     /* JSON or text that annotations number; NULL: none */
} tj_thought_row;
TJ_MUST_USE tj_code tj_thought_run_put(tj_thought_run *run, int64_t *id, const tj_thought_row *row,
                                       tj_err *err);
/* Adds a tree of what a thought tells of (tj_thought_to_tree). Gives its id. */
TJ_MUST_USE tj_code tj_thought_run_tree(tj_thought_run *run, int64_t *id, const tj_tree *tree,
                                        tj_err *err);
/* Adds an annotation of a thought, or of a span of it; its run is filled in. */
TJ_MUST_USE tj_code tj_thought_run_annotate(tj_thought_run *run, tj_annotation annotation,
                                            tj_err *err);
/* Adds a judgement; its run and ordinal are filled in. */
TJ_MUST_USE tj_code tj_thought_run_judge(tj_thought_run *run, tj_judgement judgement, tj_err *err);

/* ------------------------------------------------------------ what is read */

/* The newest done run that made rows of this kind; of the stage, unless it is NULL. Errors:
 * TJ_E_NOTFOUND, which names the kind. */
TJ_MUST_USE tj_code tj_find_run_with(tj_store *store, int64_t *run, tj_row_kind kind,
                                     const char *stage, tj_err *err);

/* A tree with all that all runs say of its nodes, and the texts of its problem. */
typedef struct tj_told_tree {
    tj_tree tree;
    tj_origin origin;
    bool is_countdown; /* else a problem in words */
    tj_record about;   /* prompt, answer, id, level, subject; its thought is empty */
} tj_told_tree;
/* Gives *out (tj_told_tree_deinit); empty on error. */
TJ_MUST_USE tj_code tj_told_tree_load(tj_told_tree *out, tj_store *store, int64_t tree,
                                      tj_err *err);
void tj_told_tree_deinit(tj_told_tree *tree);

/* A stored thought with what is known of its problem (prompt, answer, level, …) where its row does
 * not say; one that was derived is right, since its walk ended in a correct leaf. Gives *out
 * (tj_record_deinit; empty on error) and, unless they are NULL, *made_of and *origin, as
 * tj_store_get_thought. */
TJ_MUST_USE tj_code tj_told_thought_load(tj_record *out, char **made_of, tj_origin *origin,
                                         tj_store *store, int64_t thought, tj_err *err);

/* The texts of a problem as of a record, source and licence of its file among them. Gives *about
 * (tj_record_deinit); empty on error. */
TJ_MUST_USE tj_code tj_problem_about(tj_record *about, bool *is_countdown, tj_store *store,
                                     int64_t problem, tj_err *err);

#endif
