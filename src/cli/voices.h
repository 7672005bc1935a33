/* Who says which steps of trees are wrong: the rewarders whose rewards a derivation reads, and the
 * scale of what they gave, which is seen from it.
 *
 * Ownership: everything is borrowed.
 * Threads:   one.
 */
#ifndef TJ_CLI_VOICES_H
#define TJ_CLI_VOICES_H

#include "cli/cli.h"
#include "store/store.h"
#include "thought/thought.h"

#define TJ_MAX_VOICES 64 /* more rewarders than anybody asks */

typedef struct tj_voices {
    const char *name; /* of --rewarder; NULL: all rewarders of the trees */
    struct {
        int64_t rewarder;                                   /* its row; 0: of a file, */
        char name[sizeof((tj_derive_config *)0)->rewarder]; /* where its name tells it apart */
        double low;                                         /* the lowest value, at most 0 */
    } heard[TJ_MAX_VOICES];
    size_t n;
    /* [TJ_STORE_MAX_INPUTS]: the runs that they gave rewards in; NULL: a file */
    tj_run_input *inputs;
    size_t *n_inputs;
} tj_voices;

/* Nobody was heard yet. Errors: TJ_E_INVAL (no rewarder has such a name). */
TJ_MUST_USE tj_code tj_voices_begin(tj_voices *v, const tj_args *args, tj_err *err);
/* *heard: it is one of those that are asked. row: the rewarder's; 0: of a file. Errors: TJ_E_LIMIT
 * (too many rewarders). */
TJ_MUST_USE tj_code tj_voices_hear(tj_voices *v, bool *heard, const tj_reward *reward, int64_t row,
                                   tj_err *err);
/* For tj_store_reward_each; ctx is the voices, whose inputs get the row's run. Errors: also
 * TJ_E_LIMIT (too many runs). */
TJ_MUST_USE tj_code tj_voices_hear_row(void *ctx, const tj_reward_row *row, tj_err *err);
/* When all were heard: whom the derivation asks, on which scale, and from where a step is wrong
 * (--threshold). Errors: TJ_E_NOTFOUND (who was named gave nothing), TJ_E_INVAL (two scales at
 * once). */
TJ_MUST_USE tj_code tj_voices_choose_scale(tj_derive_config *cfg, const tj_voices *v,
                                           const tj_args *args, tj_err *err);

#endif
