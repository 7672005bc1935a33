/* Questions to a language model behind a rewarder: which one, and all of a call's at once. Internal
 * to tree.
 *
 * Ownership: a tj_asked_model is closed by who opened it.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TREE_ASKING_H
#define TJ_TREE_ASKING_H

#include <jansson.h>

#include "tree/scorer_kinds.h"

typedef struct tj_asked_model {
    tj_generator generator;
    bool is_remote;
} tj_asked_model;

/* Moves what names a model from a rewarder's settings to `model`: `where` (a path or a URL); of a
 * URL `model` (as the server calls it) and `remote` (as tj_remote_config_read); of a path
 * `chat_template`, `raw` and `no_thinking`. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_asked_model_split(json_t *model, json_t *settings, tj_err *err);
/* Opens the model that such settings, and no others, name. Errors: TJ_E_INVAL naming the setting,
 * those of tj_generator_open; *out needs no close then. */
TJ_MUST_USE tj_code tj_asked_model_open(tj_asked_model *out, const json_t *model,
                                        const tj_scorer_options *options, tj_err *err);

/* Asks them in batches of what the generator likes, and gives each its share of the time in seconds
 * [n]. A query that could not be answered says so in its `error`. Errors, which end all:
 * TJ_E_CANCELLED, TJ_E_NOMEM; of a server one that refuses all (the key, the address), and, unless
 * `go_on`, of a batch to which no answer at all came: it is gone, or refuses them all. Queries keep
 * what was answered; the caller frees them. */
TJ_MUST_USE tj_code tj_asked_model_ask(const tj_asked_model *model, tj_query *queries,
                                       double *seconds, size_t n, bool go_on, const tj_job *job,
                                       tj_err *err);

/* Adds what a query's answers cost, whoever paid. */
void tj_score_add_cost(tj_score *score, const tj_query *query, double seconds);

#endif
