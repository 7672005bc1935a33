/* Data sets of the field, read record by record: problems with their reference solutions, solutions
 * with labelled steps, reasoning trees. A file may be of any size; what is held is one record.
 *
 *     file ─▶ bytes (plain, gzip, zstd) ─▶ records (lines, array, objects, tab-separated)
 *          ─▶ tape (base/jscan.h) ─▶ a format's mapping ─▶ tj_data_record
 *
 * A record that a format does not allow is refused with its line, field and reason, and reading can
 * go on with the next. Nothing is guessed: a label without a step, a step without a label where the
 * format has them all, a number out of range are refusals, never labels. docs/datasets.md has every
 * format field by field.
 *
 * Ownership: open/close pairs; what a record holds is lent until the next call.
 * Threads:   confined to one thread.
 * Cost:      more than 100 MB/s of decompressed bytes on one core; memory for one record.
 */
#ifndef TJ_TASK_DATASET_H
#define TJ_TASK_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/jscan.h"

#define TJ_DATA_MAX_RECORD ((size_t)64 << 20) /* bytes; the largest known record has 0.4 MB */
#define TJ_DATA_MAX_NODES  100000             /* of a tree; the largest known one has 143 */
#define TJ_DATA_MAX_MAP    16                 /* fields of a map */
#define TJ_DATA_FIELD      96                 /* a field's name in a refusal */
#define TJ_DATA_REASON     256

typedef enum tj_data_format {
    TJ_DATA_AUTO = 0, /* seen from the first record */
    TJ_DATA_MATH,     /* problem, solution with \boxed{}, level, type; or answer, difficulty */
    TJ_DATA_MATH500,  /* and answer, subject, unique_id */
    TJ_DATA_GSM8K,    /* question, answer that ends in "#### n" */
    TJ_DATA_GSM8K_SOLUTIONS, /* question, ground_truth, and solutions with is_correct */
    TJ_DATA_MGSM,            /* question, tab, answer; or both as JSON */
    TJ_DATA_PRM800K,         /* as OpenAI released it: a tree of rated completions */
    TJ_DATA_CRITIC,          /* PRM800K with one candidate step a record */
    TJ_DATA_PROCESSBENCH,
    TJ_DATA_MR_GSM8K,
    TJ_DATA_PRMBENCH,
    TJ_DATA_REASONEVAL, /* MR-MATH: the first wrong step, or a rating a step */
    TJ_DATA_MATH_SHEPHERD,
    TJ_DATA_OMEGAPRM, /* Monte-Carlo trees, nested or flat */
    TJ_DATA_TREES,    /* the released best-first trees: nodes by number */
    TJ_DATA_FIELDS    /* any JSON objects, by a map of fields */
} tj_data_format;
#define TJ_N_DATA_FORMATS 16

const char *tj_data_format_name(tj_data_format format); /* "auto", "math", …, "fields" */
/* False where there is no such format. */
bool tj_data_format_find(tj_data_format *out, const char *name);
/* Whether the set is made for measuring only, so that its problems belong into the test split. */
bool tj_data_format_is_test(tj_data_format format);

/* ------------------------------------------------------------ a record */

#define TJ_NO_LABEL 2

/* What a step is labelled: 1 right, 0 neutral (redundant), -1 wrong, TJ_NO_LABEL where the record
 * says nothing of it (as after the first wrong step, where only that one was looked for). */
typedef struct tj_data_step {
    tj_str text;
    int label;
} tj_data_step;

typedef enum tj_data_role {
    TJ_SOLUTION_REFERENCE = 0, /* the data set's own */
    TJ_SOLUTION_ATTEMPT        /* what is judged */
} tj_data_role;

#define TJ_NOT_MARKED (-1)

typedef struct tj_data_solution {
    tj_data_role role;
    tj_str author;             /* a model's name; none */
    tj_str text;               /* the whole, as it stands; none where there are only steps */
    tj_str answer;             /* the final one; none */
    int correct;               /* the data set's mark of the answer: 1, 0 or TJ_NOT_MARKED */
    const tj_data_step *steps; /* [n_steps] */
    size_t n_steps;
} tj_data_solution;

typedef struct tj_data_node {
    size_t parent; /* before it; SIZE_MAX for the root, which is the problem and has no text */
    tj_str text;
    int label;      /* as of a step */
    bool has_score; /* of the tree's scorer */
    double score;
    bool terminal, correct, pruned;
    tj_str meta; /* a JSON object of what else the node has; none */
} tj_data_node;

typedef struct tj_data_record {
    size_t number, line; /* from 1; line is where the record begins */
    tj_str problem;      /* the statement; never empty */
    tj_str answer;       /* the reference answer; none */
    tj_str subject, id;  /* of the problem; none */
    size_t level;        /* 1 to 5; 0 is not known */
    tj_str meta;         /* a JSON object (sorted keys) of small fields that have no place here */
    const tj_data_solution *solutions; /* [n_solutions] */
    size_t n_solutions;
    const tj_data_node *nodes; /* [n_nodes], a tree's, parents first; 0: no tree */
    size_t n_nodes;
    const char *scorer;   /* who gave the scores: "monte-carlo", "self"; NULL: none */
    const char *labeller; /* who gave the labels: "human", …; NULL: none */
} tj_data_record;

/* The problem as JSON, sorted keys, absent ones left out:
 * {"answer":…,"id":…,"level":…,"problem":…,"subject":…}. */
void tj_data_write_problem(tj_buf *out, const tj_data_record *record);

/* ------------------------------------------------------------ reading */

/* Where the format `fields` finds what: "problem=question,answer=final". Targets are problem
 * (needed), answer, solution, steps, labels (as many as steps), id, subject, level, author. */
typedef struct tj_data_map {
    struct {
        char target[16], field[TJ_DATA_FIELD];
    } pairs[TJ_DATA_MAX_MAP];
    size_t n;
} tj_data_map;
/* Errors: TJ_E_INVAL (an unknown or repeated target, no problem, a pair without "="). */
TJ_MUST_USE tj_code tj_data_map_parse(tj_data_map *out, const char *text, tj_err *err);

typedef struct tj_dataset tj_dataset;
typedef struct tj_dataset_options {
    tj_data_format format;  /* AUTO: what the first record looks like */
    const tj_data_map *map; /* of FIELDS; kept */
    bool digest;            /* compute the content's SHA-256 on the way */
} tj_dataset_options;

/* Opens a file and, for AUTO, looks at its first record. Gives *out; NULL on error. options may be
 * NULL. Errors: TJ_E_NOTFOUND, TJ_E_IO, TJ_E_NOMEM; TJ_E_PARSE (no data set's file, damaged, or
 * empty: says what was found); TJ_E_INVAL (FIELDS without a map). */
TJ_MUST_USE tj_code tj_dataset_open(tj_dataset **out, const char *path,
                                    const tj_dataset_options *options, tj_err *err);
void tj_dataset_close(tj_dataset *set); /* NULL is allowed */

/* Why a record was refused. */
typedef struct tj_refusal {
    size_t number, line;
    char field[TJ_DATA_FIELD];   /* "" where it is not JSON */
    char reason[TJ_DATA_REASON]; /* "expected text, found null" */
} tj_refusal;

/* The next record: lent in *record, NULL at the end. TJ_E_PARSE or TJ_E_LIMIT with *record NULL: a
 * record was refused, as tj_dataset_refusal says and *err too ("file:line: field: reason"); the
 * next call goes on behind it, where what is behind it can be found. Other errors are of the whole
 * file, which then has no more records. */
TJ_MUST_USE tj_code tj_dataset_next(tj_dataset *set, const tj_data_record **record, tj_err *err);
/* NULL unless the last call was such a refusal. Lent until the next call. */
const tj_refusal *tj_dataset_refusal(const tj_dataset *set);

typedef struct tj_dataset_info {
    tj_data_format format;
    const char *framing;        /* "lines", "array", "objects", "tab-separated" */
    const char *compression;    /* "none", "gzip", "zstd" */
    uint64_t n_bytes;           /* read so far, decompressed */
    double hash_seconds;        /* spent on the digest */
    size_t n_records;           /* read so far, refused ones included */
    char digest[TJ_SHA256_HEX]; /* of the decompressed bytes, once the end was met; "" before */
} tj_dataset_info;
void tj_dataset_describe(const tj_dataset *set, tj_dataset_info *out);

#endif
