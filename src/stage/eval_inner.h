/* What the files of an evaluation share. Internal to stage.
 *
 *     eval_docs.c     the problems and their prompts
 *     eval_answers.c  answers.jsonl: kept as they come, found again
 *     eval_score.c    the harness's scores and our grader's
 *     eval_files.c    results and samples as the harness writes them
 *     eval_run.c      the run in the ledger
 *     eval_outputs.c  that of answers, whose samples are outputs
 *     eval_problems.c rows of the workspace for the problems
 *     eval_task.c     the course of it
 *
 *     eval_choices.c       multiple choice by log-likelihood
 *     eval_choices_rows.c  its file
 *     eval_choices_run.c   its run, and the items as outputs
 *
 * Ownership: stated at each struct.
 * Threads:   confined to one thread.
 */
#ifndef TJ_STAGE_EVAL_INNER_H
#define TJ_STAGE_EVAL_INNER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/fs.h"
#include "eval/eval.h"
#include "stage/eval_task.h"

/* ------------------------------------------------------------ problems */

typedef struct tj_eval_doc {
    tj_str problem, answer, solution, subject, id;
    size_t level;
    tj_str prompt;              /* the text to continue; of chats: none */
    const tj_message *messages; /* [n_messages]; NULL: a text */
    size_t n_messages;
    char prompt_hash[TJ_SHA256_HEX]; /* of the text, or of the messages as JSON */
} tj_eval_doc;

/* Owns its arena, in which all texts lie. */
typedef struct tj_eval_docs {
    tj_arena arena;
    tj_eval_doc *docs; /* [n]; tj_free */
    size_t n, cap;
    size_t n_original; /* problems of the file */
    size_t n_shots;
    tj_data_format format;
    char digest[TJ_SHA256_HEX]; /* of the file's content */
} tj_eval_docs;

/* Reads the problems and renders their prompts. To be closed in any case. */
TJ_MUST_USE tj_code tj_eval_docs_open(tj_eval_docs *docs, const tj_eval_task_config *cfg,
                                      tj_err *err);
void tj_eval_docs_close(tj_eval_docs *docs);

/* ------------------------------------------------------------ answers */

/* A problem's samples. Texts are without thoughts. */
typedef struct tj_eval_answer {
    tj_str *texts; /* [n]; in the arena; NULL: not answered */
    tj_finish *finishes;
    size_t n;
    uint64_t n_tokens; /* of all samples */
} tj_eval_answer;

typedef struct tj_eval_answers {
    tj_arena arena;
    tj_eval_answer *of; /* [n_docs] */
    size_t n_docs, n_answered;
    uint64_t n_prompt, n_cached, n_completion; /* tokens */
    double seconds, cost;                      /* of asking */
    FILE *file;                                /* answers.jsonl, for appending; NULL: none */
    const char *path;
} tj_eval_answers;

/* Begins with no answers to n_docs problems; path, which is borrowed until the close, is for
 * messages. To be closed in any case. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_eval_answers_begin(tj_eval_answers *answers, const char *path, size_t n_docs,
                                          tj_err *err);
/* Takes the lines of bytes. With docs they are ours: prompts must be those, samples n_samples, and
 * a last line without an end is left out; without, they may be the harness's too. *n_whole is how
 * many bytes were taken. Errors: as of open and read. */
TJ_MUST_USE tj_code tj_eval_answers_parse(tj_eval_answers *answers, const char *bytes,
                                          size_t n_bytes, const tj_eval_docs *docs,
                                          size_t n_samples, size_t *n_whole, tj_err *err);
/* Takes up the lines of `path` that are there; a last line that was cut short is cut off. docs'
 * prompts must be theirs. To be closed in any case. Errors: TJ_E_PARSE (file and line),
 * TJ_E_CONFLICT (another prompt), TJ_E_IO, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_eval_answers_open(tj_eval_answers *answers, const char *path,
                                         const tj_eval_docs *docs, size_t n_samples, tj_err *err);
/* Takes answers from a file of the harness or of ours, for scoring alone. */
TJ_MUST_USE tj_code tj_eval_answers_read(tj_eval_answers *answers, const char *path,
                                         const tj_eval_docs *docs, tj_err *err);
/* Adds and writes what came for a problem. */
TJ_MUST_USE tj_code tj_eval_answers_add(tj_eval_answers *answers, const tj_eval_docs *docs,
                                        size_t doc, const tj_query *query, double seconds,
                                        tj_err *err);
TJ_MUST_USE tj_code tj_eval_answers_flush(tj_eval_answers *answers, tj_err *err);
void tj_eval_answers_close(tj_eval_answers *answers);

/* ------------------------------------------------------------ scores */

#define TJ_EVAL_MAX_FILTERS 3

/* Of the problems that are answered, in their order. */
typedef struct tj_eval_scores {
    tj_arena arena;
    size_t n, n_samples; /* fewest of any problem */
    size_t *doc;         /* [n] */
    tj_str *target;      /* [n] as the harness has it */
    size_t n_filters;
    const char *metric;                        /* the harness's comparison */
    tj_str *found[TJ_EVAL_MAX_FILTERS];        /* [n, n_samples] */
    unsigned char *right[TJ_EVAL_MAX_FILTERS]; /* [n, n_samples] */
    tj_sample_grade *grades;                   /* [n, n_samples] */
    tj_str *normal;                            /* [n, n_samples] answers as the grader reads them */
    const char **method;                       /* [n, n_samples] how it decided */
    unsigned char *graded, *majority;          /* [n, n_samples], [n] */
    size_t n_undecided, n_limit, n_unread;     /* samples; unread: no answer, or not readable */
    size_t n_bad_gold;                         /* problems whose reference cannot be read */
    tj_sampled by_filter[TJ_EVAL_MAX_FILTERS], by_grader;
} tj_eval_scores;

TJ_MUST_USE tj_code tj_eval_score(tj_eval_scores *scores, const tj_prompt_task *task,
                                  const tj_eval_docs *docs, const tj_eval_answers *answers,
                                  const tj_job *job, tj_err *err);
void tj_eval_scores_close(tj_eval_scores *scores);

/* ------------------------------------------------------------ the run in the ledger */

typedef struct tj_eval_run {
    tj_store *store;  /* NULL: there is none, and everything below does nothing */
    int64_t run;      /* 0 without a workspace */
    tj_run_cost paid; /* what a run that is gone on with has been charged for */
} tj_eval_run;
/* What makes an evaluation's run. Everything is borrowed. */
typedef struct tj_eval_run_spec {
    tj_store *store; /* NULL: no run */
    const char *task, *model, *model_digest, *build_id;
    const char *data, *shots_data; /* files; the latter NULL: none */
    const json_t *config;          /* what determines the result, beside the files */
    size_t n_problems;
    uint64_t seed;
} tj_eval_run_spec;
/* Begins the run, or goes on with one that was stopped. Where is_known says that nothing is left to
 * do, one that is done is left alone: out->store is then NULL, and out->run the one that is done.
 */
TJ_MUST_USE tj_code tj_eval_run_begin(tj_eval_run *out, const tj_eval_run_spec *spec, bool is_known,
                                      tj_err *err);
/* Ends it by rc. Where that is TJ_OK, result is its metrics, eval.json of the folder `out` (NULL:
 * there is none) its file, and add_rows (NULL: nothing) adds rows in the same transaction; else
 * these are not read. Returns rc, or what went wrong with ending it. */
TJ_MUST_USE tj_code tj_eval_run_end(tj_eval_run *run, tj_code rc, const tj_run_cost *cost,
                                    const char *out, const json_t *result,
                                    tj_code (*add_rows)(void *ctx, tj_err *err), void *ctx,
                                    tj_err *err);

/* What the problems of an evaluation are as rows of the workspace. Everything is borrowed. */
typedef struct tj_eval_problems {
    const char *data;   /* the file that they are from, whose name their set gets... */
    const char *digest; /* ...with this beginning: that of its content */
    const char *kind;   /* of the set: TJ_WORDS_TASK, TJ_CHOICES_TASK */
    size_t n;
    tj_code (*write)(const void *ctx, size_t i, tj_buf *json, size_t *difficulty, tj_err *err);
    const void *ctx;
} tj_eval_problems;
/* Every problem's row: of the set that was imported from the same content, of an earlier
 * evaluation's, or else of one that the run makes. Gives of[n]. Errors: those of the store. */
TJ_MUST_USE tj_code tj_eval_problems_find(tj_store *store, int64_t run,
                                          const tj_eval_problems *problems, int64_t *of,
                                          tj_err *err);

/* The run of answers: begun with what determines them; ended with every sample as an output with
 * its verdict. As tj_eval_run_begin and tj_eval_run_end. */
TJ_MUST_USE tj_code tj_eval_outputs_begin(tj_eval_run *run, const tj_eval_task_config *cfg,
                                          const tj_eval_docs *docs, const tj_eval_answers *answers,
                                          const json_t *config, tj_err *err);
TJ_MUST_USE tj_code tj_eval_outputs_end(tj_eval_run *run, tj_code rc,
                                        const tj_eval_task_config *cfg, const tj_eval_docs *docs,
                                        const tj_eval_answers *answers,
                                        const tj_eval_scores *scores, const json_t *result,
                                        tj_err *err);

/* ------------------------------------------------------------ choices */

/* A choice's score. */
typedef struct tj_choice_score {
    double logprob;
    bool is_greedy; /* each of its tokens is the likeliest */
    size_t n_tokens;
} tj_choice_score;

typedef struct tj_choice_row {
    json_t *json;
    size_t line; /* of the file, from 1 */
    size_t n, gold;
    tj_choice_score *scores; /* [n] tj_free; NULL: not scored yet */
    size_t n_tokens;         /* of all texts that were scored */
} tj_choice_row;

typedef struct tj_choice_rows {
    tj_choice_row *rows; /* [n] */
    size_t n, cap;
    char digest[TJ_SHA256_HEX]; /* of the file */
} tj_choice_rows;
/* Reads JSON lines {"query", "choices", "gold"}: the first `limit`, 0: all. To be closed in any
 * case. Errors: TJ_E_PARSE (file, line and field; no rows), TJ_E_LIMIT, TJ_E_NOTFOUND, TJ_E_IO. */
TJ_MUST_USE tj_code tj_choice_rows_open(tj_choice_rows *out, const char *path, size_t limit,
                                        tj_err *err);
/* The same of bytes; path is the file's in messages. */
TJ_MUST_USE tj_code tj_choice_rows_parse(tj_choice_rows *out, const char *bytes, size_t n_bytes,
                                         const char *path, size_t limit, tj_err *err);
void tj_choice_rows_close(tj_choice_rows *rows);
tj_str tj_choice_query(const tj_choice_row *row);
tj_str tj_choice_text(const tj_choice_row *row, size_t choice);
/* Which choice is likeliest (acc), and likeliest a character (acc_norm); of a scored row. */
size_t tj_choice_best(const tj_choice_row *row);
size_t tj_choice_best_norm(const tj_choice_row *row);
/* {"logprob", "greedy", "tokens"}; NULL without memory. */
json_t *tj_choice_json(const tj_choice_score *score);

/* A run whose items are rows of the workspace, each in one transaction with its cost. */
typedef struct tj_choices_ledger {
    tj_eval_run run;
    int64_t *problems; /* [rows->n]; NULL: nothing is recorded */
    double seconds;    /* what was spent before on the items that are known */
} tj_choices_ledger;
/* Begins or goes on with the run of cfg, and takes up the scores that it has. Does nothing without
 * a workspace. To be ended in any case. */
TJ_MUST_USE tj_code tj_choices_ledger_begin(tj_choices_ledger *out,
                                            const tj_eval_choices_config *cfg, tj_choice_rows *rows,
                                            tj_err *err);
/* Records row i, which is scored, and the seconds that it took. */
TJ_MUST_USE tj_code tj_choices_ledger_add(tj_choices_ledger *ledger, const tj_choice_rows *rows,
                                          size_t i, double seconds, tj_err *err);
/* As tj_eval_run_end. */
TJ_MUST_USE tj_code tj_choices_ledger_end(tj_choices_ledger *ledger, tj_code rc,
                                          const tj_eval_choices_config *cfg, const json_t *result,
                                          tj_err *err);

/* ------------------------------------------------------------ files */

/* The harness's file names end in a date, of which this is the text: 2026-11-27T01-02-03.000004. */
void tj_eval_date(char out[32], int64_t unix_us);
/* What a results file says. */
typedef struct tj_eval_report {
    const char *task, *version, *model;
    json_t *metrics;          /* {"exact_match,strict-match": 0.5, ...}; borrowed */
    json_t *generation;       /* {"until": ...}, or NULL; borrowed */
    json_t *extra;            /* what config has beside it; borrowed */
    const char *const *names; /* of the metrics, NULL-terminated */
    size_t n_shots, n_original, n;
    const char *system;
    bool chat;
    uint64_t seed, shots_seed;
    size_t limit;
    char task_hash[TJ_SHA256_HEX];
    int64_t started_us, ended_us, date_us; /* the last is the one in the file's name */
} tj_eval_report;
/* Writes DIR/results_DATE.json. */
TJ_MUST_USE tj_code tj_eval_write_results(const char *dir, const tj_eval_report *report,
                                          tj_err *err);
/* A line of a samples file; takes the line, which NULL says could not be made. */
TJ_MUST_USE tj_code tj_eval_add_sample(tj_fs_writer *writer, json_t *line, tj_err *err);
/* The mean's standard error of n values of 0 or 1, as the harness has it; JSON's "N/A" for one. */
json_t *tj_eval_stderr(size_t n_right, size_t n);
/* Writes results_DATE.json and samples_TASK_DATE.jsonl. */
TJ_MUST_USE tj_code tj_eval_write(const tj_eval_task_config *cfg, const tj_eval_docs *docs,
                                  const tj_eval_answers *answers, const tj_eval_scores *scores,
                                  int64_t started_us, tj_err *err);
/* The text as a JSON string (UTF-8 is repaired); NULL without memory. */
json_t *tj_eval_text(tj_str text);
/* A prompt: its text, or its messages as a list. */
json_t *tj_eval_prompt_json(const tj_eval_doc *doc);
/* Writes json to DIR/name, indented. */
TJ_MUST_USE tj_code tj_eval_write_json(const char *dir, const char *name, const json_t *json,
                                       tj_err *err);

#endif
