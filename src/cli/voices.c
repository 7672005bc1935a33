/* See voices.h. */
#include "cli/voices.h"

#include <stdio.h>
#include <string.h>

tj_code tj_voices_begin(tj_voices *v, const tj_args *args, tj_err *err)
{
    *v = (tj_voices){.name = tj_args_get(args, "rewarder")};
    return v->name != NULL && strlen(v->name) >= sizeof v->heard[0].name
               ? tj_fail(err, TJ_E_INVAL, "--rewarder: no rewarder has so long a name")
               : TJ_OK;
}

tj_code tj_voices_hear(tj_voices *v, bool *heard, const tj_reward *reward, int64_t row, tj_err *err)
{
    size_t i = 0;
    *heard = v->name == NULL || strcmp(reward->rewarder, v->name) == 0;
    if (!*heard) {
        return TJ_OK;
    }
    while (i < v->n && (v->heard[i].rewarder != row ||
                        (row == 0 && strcmp(v->heard[i].name, reward->rewarder) != 0))) {
        i++;
    }
    if (i == TJ_MAX_VOICES) {
        return tj_fail(err, TJ_E_LIMIT,
                       "the trees have more than %d rewarders: name one with --rewarder",
                       TJ_MAX_VOICES);
    }
    if (i == v->n) {
        v->heard[v->n].low = 0.0;
        v->heard[v->n].rewarder = row;
        snprintf(v->heard[v->n++].name, sizeof v->heard[0].name, "%s", reward->rewarder);
    }
    v->heard[i].low = reward->value < v->heard[i].low ? reward->value : v->heard[i].low;
    return TJ_OK;
}

/* A value of 0 is wrong on a scale from 0 to 1 and neutral on one from -1: both together have no
 * threshold, unless somebody names one. */
static tj_code find_scale(tj_derive_config *cfg, const tj_voices *v, const tj_args *args,
                          tj_err *err)
{
    size_t n_signed = 0;
    for (size_t i = 0; i < v->n; i++) {
        n_signed += v->heard[i].low < 0.0 ? 1 : 0;
    }
    if (n_signed > 0 && n_signed < v->n && !tj_args_has(args, "threshold")) {
        return tj_fail(err, TJ_E_INVAL,
                       "some rewards are from 0 to 1, others from -1 to 1: name a --rewarder");
    }
    cfg->from_minus_one = n_signed > 0;
    cfg->threshold = n_signed > 0 ? 0.0 : 0.5;
    return tj_args_double(args, "threshold", cfg->threshold, &cfg->threshold, err);
}

tj_code tj_voices_choose_scale(tj_derive_config *cfg, const tj_voices *v, const tj_args *args,
                               tj_err *err)
{
    if (v->name != NULL && v->n == 0) {
        return tj_fail(err, TJ_E_NOTFOUND, "no rewarder '%s' gave these trees rewards", v->name);
    }
    if (v->name != NULL) {
        memcpy(cfg->rewarder, v->name, strlen(v->name) + 1);
    }
    return find_scale(cfg, v, args, err);
}

/* ------------------------------------------------------------------ of a workspace */

static tj_code note_run(tj_voices *v, int64_t run, tj_err *err)
{
    for (size_t i = 0; i < *v->n_inputs; i++) {
        if (v->inputs[i].id == run) {
            return TJ_OK;
        }
    }
    if (*v->n_inputs == TJ_STORE_MAX_INPUTS) {
        return tj_fail(err, TJ_E_LIMIT, "the trees have rewards of more than %d runs",
                       TJ_STORE_MAX_INPUTS - 1);
    }
    v->inputs[(*v->n_inputs)++] = (tj_run_input){.role = "rewards", .kind = "run", .id = run};
    return TJ_OK;
}

tj_code tj_voices_hear_row(void *ctx, const tj_reward_row *row, tj_err *err)
{
    tj_voices *v = ctx;
    bool heard = false;
    tj_code rc = tj_voices_hear(v, &heard, &row->reward, row->rewarder, err);
    return rc == TJ_OK && heard ? note_run(v, row->run, err) : rc;
}
