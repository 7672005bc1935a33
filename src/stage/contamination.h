/* Contamination: which texts that are learnt share text with which problems that are measured. Part
 * of stage.h.
 *
 *     tj_texts_of_…    texts of a set, of a data set's file, of a file of examples
 *     tj_contamination_check   two lists of texts
 *     tj_guard_…       what a training or an evaluation asks before it begins, one source after
 *                      the other: those that are named, and those that the ledger knows
 *
 * Ownership: stated at each function.
 * Threads:   confined to one thread.
 * Cost:      that of text/overlap.h.
 */
#ifndef TJ_STAGE_CONTAMINATION_H
#define TJ_STAGE_CONTAMINATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/job.h"
#include "store/store.h"

/* ------------------------------------------------------------ texts */

/* Texts with what they are called: "12" (a problem's id), a record's number, an example's line.
 * Texts that follow one another under one number are parts of one thing, which counts once. */
typedef struct tj_texts {
    char **all; /* [n] */
    int64_t *ids;
    size_t n, cap, cap_ids;
} tj_texts;
void tj_texts_deinit(tj_texts *texts);
/* Adds a text. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_texts_add(tj_texts *texts, int64_t id, const char *text, size_t len,
                                 tj_err *err);

/* Splits of a set: TJ_SPLIT_BIT(TJ_SPLIT_TRAIN) | ... */
#define TJ_SPLIT_BIT(split) (1U << (unsigned)(split))
#define TJ_SPLIT_ANY        7U
/* The problems of a set, by the field `problem` of their JSON, with their ids. Gives *out. Errors:
 * TJ_E_INVAL (a problem without that field). */
TJ_MUST_USE tj_code tj_texts_of_set(tj_store *store, tj_texts *out, int64_t set, unsigned splits,
                                    tj_err *err);
/* The problems of a data set's file, the same text once, with the numbers of their records; map
 * (tj_data_map_parse) says where its fields are, NULL: its format is seen. Gives *out. Errors:
 * those of tj_dataset_open and of a refused record. */
TJ_MUST_USE tj_code tj_texts_of_file(tj_texts *out, const char *path, const char *map, tj_err *err);
/* What 'tabiji train' learns from: JSON lines of any form that it reads. Of a line there are all of
 * its texts as one; and, since prompts have words of their own around a problem, each text of a
 * prompt, each line of it, and that without what stands before its first colon. Gives *out. Errors:
 * TJ_E_PARSE (file and line). */
TJ_MUST_USE tj_code tj_texts_of_examples(tj_texts *out, const char *path, tj_err *err);
/* The same of bytes; name is the file's in messages. */
TJ_MUST_USE tj_code tj_texts_parse_examples(tj_texts *out, const char *bytes, size_t n_bytes,
                                            const char *name, tj_err *err);

/* Whatever is learnt from: a data set's file, or else one of examples. Gives *out. Errors: those of
 * tj_texts_of_examples, and of tj_texts_of_file but TJ_E_PARSE. */
TJ_MUST_USE tj_code tj_texts_of_learned(tj_texts *out, const char *path, tj_err *err);

/* The queries of choices (tj_eval_choices), with the numbers of their rows; empty ones are left
 * out. Gives *out. Errors: those of reading the file, with its line. */
TJ_MUST_USE tj_code tj_texts_of_choices(tj_texts *out, const char *path, tj_err *err);
/* Whatever is measured: a data set's file, or else one of choices. Gives *out. Errors: those of
 * tj_texts_of_file. */
TJ_MUST_USE tj_code tj_texts_of_measured(tj_texts *out, const char *path, tj_err *err);

/* ------------------------------------------------------------ the check */

/* Something to learn from that shares text with a problem that is measured. */
typedef struct tj_shared_text {
    size_t learned, measured; /* indexes; of several the one that is the same or shares most */
    bool is_same, is_whole;
    size_t n_items, n_shared, n_runs, begin, end; /* as in tj_overlap_match */
} tj_shared_text;

/* Counts of those that are the same, that hold the other whole, that share a run of words; each
 * counts those before it. */
typedef struct tj_contamination {
    size_t n_learned, n_measured;
    size_t same_learned, whole_learned, shared_learned;
    size_t same_measured, whole_measured, shared_measured;
    tj_shared_text *list; /* [n_list], those of shared_learned */
    size_t n_list, cap_list;
} tj_contamination;
/* Gives *out. Errors: TJ_E_INVAL (n_words), TJ_E_NOMEM, TJ_E_CANCELLED. */
TJ_MUST_USE tj_code tj_contamination_check(tj_contamination *out, const tj_texts *learned,
                                           const tj_texts *measured, size_t n_words,
                                           const tj_job *job, tj_err *err);
void tj_contamination_deinit(tj_contamination *contamination);
/* {"learned", "measured", "n_learned", "n_measured", "same_learned", …}; NULL without memory. */
json_t *tj_contamination_json(const tj_contamination *contamination, const char *learned,
                              const char *measured);

/* ------------------------------------------------------------ before a training or an evaluation
 */

/* What one side is held against, gathered one by one; what is named twice counts once. */
typedef struct tj_guard {
    tj_store *store;     /* where sets are looked for; NULL: there are only files */
    bool learns;         /* `own` is learnt, the others are measured; else the other way round */
    const char *name;    /* of own */
    const tj_texts *own; /* borrowed */
    const tj_job *job;
    json_t *found;   /* [{"learned", "measured", "n_learned", "n_measured", "same_learned", …}] */
    size_t n_whole;  /* measured problems that stand whole in what is learnt, of all pairs */
    char first[256]; /* the first such pair: "line 3 of train.jsonl holds record 7 of test.jsonl" */
} tj_guard;
/* own must outlive it. To be closed in any case. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_guard_open(tj_guard *guard, tj_store *store, bool learns, const char *name,
                                  const tj_texts *own, const tj_job *job, tj_err *err);
void tj_guard_close(tj_guard *guard);
/* Holds own against what NAME says: a set of the workspace, or else a data set's file, or else a
 * file of examples. Errors: TJ_E_NOTFOUND, and those of reading. */
TJ_MUST_USE tj_code tj_guard_against(tj_guard *guard, const char *name, tj_err *err);
/* Holds own against all that the workspace's evaluations measured. Files that are gone, are no
 * longer what they were, or cannot be read are listed as {"missing": path, "reason"}. */
TJ_MUST_USE tj_code tj_guard_against_measured(tj_guard *guard, tj_err *err);
/* The same for all that the makers of these files (SHA-256 of their bytes) learnt from, as far as
 * the ledger knows them. */
TJ_MUST_USE tj_code tj_guard_against_learned(tj_guard *guard, const char *const *digests,
                                             size_t n_digests, tj_err *err);

#endif
