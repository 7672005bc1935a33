/* Evaluation of a model on a data set of the field: its problems in the prompts of
 * lm-evaluation-harness (task/prompts.h), the answers kept as they come, and both scores: the
 * harness's filters and our grader. Part of stage.h.
 *
 *     OUT/config.json           what determines the answers; another one is refused
 *     OUT/answers.jsonl         a problem a line, in the order in which they were answered
 *     OUT/results_DATE.json     as the harness writes it
 *     OUT/samples_TASK_DATE.jsonl
 *     OUT/eval.json             ours: intervals, pass@k, majority, what was undecided, cost
 *
 * Stopped at any moment, the same call goes on with the problems that have no answer yet. With a
 * workspace an evaluation is a run of the stage "eval": its configuration, seed, the digests of the
 * problems and the model, how it ended, what it cost, and, once it is done, an output a sample.
 *
 * Ownership: configurations borrow their strings for the call; results are new references.
 * Threads:   confined to one thread.
 */
#ifndef TJ_STAGE_EVAL_TASK_H
#define TJ_STAGE_EVAL_TASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/job.h"
#include "infer/infer.h"
#include "store/store.h"
#include "task/task.h"

#define TJ_EVAL_MAX_PROBLEMS                                                                       \
    ((size_t)1 << 20) /* all prompts are held; 12,500 is the largest set                           \
                       */

typedef struct tj_eval_task_config {
    const tj_prompt_task *task;
    const char *data;       /* the problems; any file that tj_dataset_open reads */
    const char *shots_data; /* where examples are drawn from; NULL: not drawn */
    const char *map;        /* of data's fields (tj_data_map_parse); NULL: its format is seen */
    const char *shots_map;
    size_t limit;   /* the first problems; 0: all */
    size_t n_shots; /* SIZE_MAX: the task's own */
    uint64_t shots_seed;
    const char *model; /* its name in the results */
    const char *model_digest;
    bool chat;                  /* conversations, an example a turn; else texts to continue */
    const char *system;         /* of chats; NULL: none but the task's description */
    const char *shown_template; /* tj_eval_prompts: chats in it, too; NULL: messages alone */
    bool no_thinking;           /* of that template */
    tj_sampling sampling;
    size_t n_samples, max_tokens;
    uint64_t seed;
    const char *out; /* folder, made if it is not there */
    bool force;      /* forget answers of another configuration */
    tj_store *store; /* the workspace in whose ledger this is a run; NULL: none */
    const char *build_id;
    const json_t *contamination; /* of tj_guard, goes into the result; NULL: none */
} tj_eval_task_config;

/* Gives each prompt to `each`: {"doc_id", "prompt" or "messages", "target", "prompt_hash"}, of
 * chats in a template also "prompt"; asks no model. Errors: as tj_eval_task's of reading;
 * TJ_E_INVAL (no such template, or messages that it has no place for). */
TJ_MUST_USE tj_code tj_eval_prompts(const tj_eval_task_config *cfg,
                                    tj_code (*each)(void *ctx, const json_t *prompt, tj_err *err),
                                    void *ctx, tj_err *err);

/* Asks the model about all problems that OUT has no answer for, and scores. Gives *result, which is
 * eval.json; NULL on error. Errors: TJ_E_INVAL (what the configuration lacks), TJ_E_PARSE (a
 * problem that cannot be read: file, line, reason; or a damaged answers.jsonl), TJ_E_CONFLICT (OUT
 * has answers of another configuration), those of the generator. */
TJ_MUST_USE tj_code tj_eval_task(const tj_eval_task_config *cfg, const tj_generator *generator,
                                 json_t **result, const tj_job *job, tj_err *err);

/* The same for answers that are at hand: a file of JSON lines {"doc_id", "resps"} as the harness's
 * samples, or {"problem", "samples": [{"text"}]} as answers.jsonl. Problems without an answer are
 * left out. OUT may be NULL: nothing is written. */
TJ_MUST_USE tj_code tj_eval_rescore(const tj_eval_task_config *cfg, const char *answers,
                                    json_t **result, const tj_job *job, tj_err *err);

/* The workspace's evaluations, by run: [{"run", "name", "status", "seed",
 * "seconds", "tokens", "money", "error", "config", "result"}], result being eval.json of those that
 * are done, else null. Only evaluations of tasks: those of an experiment are its report's. Gives
 * *list; NULL on error. */
TJ_MUST_USE tj_code tj_eval_runs(tj_store *store, json_t **list, tj_err *err);

/* ------------------------------------------------------------ choices by log-likelihood */

#define TJ_CHOICES_TASK "choices"

typedef struct tj_eval_choices_config {
    const char *data; /* JSON lines {"query", "choices": [texts], "gold": index or text} */
    size_t limit;     /* 0: all */
    const char *model, *model_digest;
    const char *out; /* folder for results and samples; NULL: none */
    tj_store *store; /* the workspace in whose ledger this is a run; NULL: none */
    const char *build_id;
    const json_t *contamination; /* of tj_guard, goes into the result; NULL: none */
} tj_eval_choices_config;

/* The log-likelihood of each choice behind the query and a space, as the harness's request of type
 * multiple_choice: acc by the highest, acc_norm by the highest a character. A query's keys and
 * values are computed once for all of its choices. With a workspace it is a run of the stage "eval"
 * with an output an item, written as it is scored: stopped at any moment, the same call goes on
 * with the items that have none. Gives *result; NULL on error. Errors: TJ_E_PARSE (line and field),
 * TJ_E_NOTFOUND, those of tj_engine_score and of the store. */
TJ_MUST_USE tj_code tj_eval_choices(const tj_eval_choices_config *cfg, tj_voice *voice,
                                    json_t **result, const tj_job *job, tj_err *err);

#endif
