/* How 'tabiji train' learns: by completions (SFT), preferences (DPO) or labels of steps (PRM).
 *
 * Ownership: plain data; borrows the arguments' texts.
 * Threads:   confined to one thread.
 */
#ifndef TJ_CLI_METHOD_H
#define TJ_CLI_METHOD_H

#include "cli/cli.h"
#include "train/train.h"

typedef enum tj_method_kind { TJ_METHOD_SFT = 0, TJ_METHOD_DPO, TJ_METHOD_PRM } tj_method_kind;

typedef struct tj_method {
    tj_method_kind kind;
    tj_dpo_config dpo;
    const char *separator; /* NULL: a newline */
    tj_neutral neutral;
} tj_method;

/* Reads --method, or takes `kind` where it is not given, and what belongs to it. Errors: TJ_E_INVAL
 * (an option of another method). */
TJ_MUST_USE tj_code tj_method_read(tj_method *method, const tj_args *args, tj_method_kind kind,
                                   tj_err *err);
/* Sets how steps are read. */
void tj_method_set_format(const tj_method *method, tj_example_format *format);
/* TJ_E_INVAL if the file at `path` holds examples of another method, naming it. */
TJ_MUST_USE tj_code tj_method_check(const tj_method *method, const tj_examples *examples,
                                    const char *path, tj_err *err);
/* Adds to a training's record what the result depends on; -1 without memory. */
int tj_method_record(const tj_method *method, json_t *record);
/* Makes ready what the method needs before the first update: a PRM's value head, on a model of
 * whole weights, which takes the model's place. */
TJ_MUST_USE tj_code tj_method_prepare(const tj_method *method, tj_model **model, uint64_t seed,
                                      tj_err *err);
/* Trains, as tj_train_loop, with `snapshots`, a folder that is there. DPO first computes the
 * references, under the model as it is, and keeps them there; a training that goes on reads them.
 */
TJ_MUST_USE tj_code tj_method_train(tj_method *method, tj_model *model, tj_examples *examples,
                                    tj_source source, const tj_train_config *cfg,
                                    const char *snapshots, tj_update_fn done, void *ctx,
                                    const tj_job *job, tj_err *err);

#endif
