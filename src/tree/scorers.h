/* Rewarders by name: a short text, or a file, says which one and how.
 *
 *     verifier                                the exact verifier, or the grader on final answers
 *     prm:DIR                                 a model here with a value head
 *     remote:http://host/v1,format=qwen,model=NAME    a process reward model behind a server
 *     constant,value=0.8                      the same for every step: what others must beat
 *     rewarder.yaml                           the same settings as YAML or JSON
 *
 * A short text is KIND, or KIND:WHERE, then settings KEY=VALUE after commas; a value is a YAML
 * scalar, and a key may be a dotted path. `kind`, `where`, `name` (that of the rows it gives) and
 * `threshold` are settings of all kinds; docs/rewards.md has those of each.
 *
 * Ownership: open/close; what options point to must outlive the scorer.
 * Threads:   as tj_scorer.
 */
#ifndef TJ_TREE_SCORERS_H
#define TJ_TREE_SCORERS_H

#include <jansson.h>

#include "infer/infer.h"
#include "task/task.h"
#include "tree/scorer.h"

#define TJ_MAX_SPEC_BYTES ((size_t)8192) /* of a short text: some paths and settings */

typedef struct tj_scorer_options {
    const tj_task *task; /* whose steps can be judged exactly; NULL: only answers are graded */
    const tj_remote_config *remote; /* what `remote` of the settings begins with; NULL: defaults */
    const tj_cache *cache;          /* of servers' answers; NULL: none */
    uint64_t seed;
} tj_scorer_options;

/* The settings that a spec says: an object with `kind` at least. Gives *out, a new reference; NULL
 * on error. Errors: TJ_E_INVAL (a setting without "=", or twice), TJ_E_LIMIT; of a file those of
 * tj_config_load. */
TJ_MUST_USE tj_code tj_scorer_spec_parse(json_t **out, const char *spec, tj_err *err);

/* Opens the rewarder of a spec. options may be NULL. Errors: those of tj_scorer_spec_parse;
 * TJ_E_INVAL naming the setting (an unknown kind, or a setting that the kind has not); what the
 * kind's parts give (a model that is not there, a server without a name). *out needs no close then.
 */
TJ_MUST_USE tj_code tj_scorer_open(tj_scorer *out, const char *spec,
                                   const tj_scorer_options *options, tj_err *err);
/* The same of settings at hand; `where` names them in messages. */
TJ_MUST_USE tj_code tj_scorer_open_settings(tj_scorer *out, const json_t *settings,
                                            const char *where, const tj_scorer_options *options,
                                            tj_err *err);
void tj_scorer_close(tj_scorer *scorer); /* a zeroed one is allowed */

/* Whether the step asked about ends its tree: nothing can follow. */
bool tj_score_ask_is_end(const tj_score_ask *ask);
/* A score that says why there is none, in *score, which was empty. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_score_fail(tj_score *score, tj_err *err, const char *fmt, ...)
    TJ_PRINTF(3, 4);

/* A key for an ask: of problem and steps, so that equal asks have equal keys. */
uint64_t tj_score_ask_key(const tj_score_ask *ask);

/* What a path is worth by its steps' values [n], n > 0. */
typedef enum tj_aggregate {
    TJ_AGGREGATE_MIN = 0,
    TJ_AGGREGATE_PRODUCT,
    TJ_AGGREGATE_LAST
} tj_aggregate;
double tj_aggregate_values(tj_aggregate how, const double *values, size_t n);

#endif
