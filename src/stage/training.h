/* Training as a stage: a run with its learning curve, snapshots while it lasts, and a model at the
 * end. Internal to stage. */
#ifndef TJ_STAGE_TRAINING_H
#define TJ_STAGE_TRAINING_H

#include "stage/scope.h"

typedef struct tj_training {
    tj_scope_spec *spec; /* its config is taken */
    tj_source source;
    const tj_phase_config *phase;
    size_t n_updates;
    int64_t from; /* model to train from; 0: a new one, initialised by spec->seed */
    char model_name[64];
} tj_training;

/* Gives the model's row and the run. */
TJ_MUST_USE tj_code tj_stage_train(const tj_stage_env *env, tj_training *training, int64_t *model,
                                   int64_t *run, tj_err *err);
/* What a training's result depends on: the phase's settings and the texts'. */
json_t *tj_training_config_json(const tj_stage_env *env, const char *phase, size_t n);
/* The latest `declared` entry of the ledger. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_declaration_find(tj_store *store, int64_t *seq, tj_err *err);

#endif
