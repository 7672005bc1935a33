/* The same value for every step, whatever it says: what a rewarder must beat. */
#include "base/alloc.h"
#include "tree/scorer_kinds.h"

typedef struct constant {
    char name[TJ_SCORER_NAME_BYTES];
    double value;
} constant;

static tj_code score(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                     const tj_job *job, tj_err *err)
{
    const constant *c = ctx;
    (void)asks;
    (void)job;
    (void)err;
    for (size_t i = 0; i < n; i++) {
        out[i] = (tj_score){.value = c->value};
    }
    return TJ_OK;
}

tj_code tj_scorer_open_constant(tj_scorer *out, const json_t *settings,
                                const tj_scorer_options *options, tj_err *err)
{
    static const tj_field fields[] = {
        TJ_FIELD_STRING(constant, name, "the rewarder's name"),
        TJ_FIELD_DOUBLE(constant, value, 0.0, 1.0, "what every step is given"), TJ_FIELD_END};
    (void)options;
    constant *c = tj_calloc(1, sizeof *c);
    if (c == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open a rewarder");
    }
    c->value = 1.0;
    tj_code rc = tj_config_read(c, fields, settings, "settings", err);
    if (rc != TJ_OK) {
        tj_free(c);
        return rc;
    }
    *out = (tj_scorer){.name = c->name,
                       .meaning = TJ_VALID,
                       .high = 1.0,
                       .threshold = 0.5,
                       .score = score,
                       .close = tj_free,
                       .ctx = c};
    return TJ_OK;
}
