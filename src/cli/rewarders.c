#include "cli/rewarders.h"

#include <stdio.h>
#include <string.h>

#include "cli/generators.h"

static tj_code open_one(tj_cli_rewarders *out, size_t i, const char *spec, tj_err *err)
{
    json_t *settings;
    char where[160];
    (void)snprintf(where, sizeof where, "--rewarder %.120s", spec);
    tj_code rc = tj_scorer_spec_parse(&settings, spec, err);
    if (rc == TJ_OK) {
        out->specs[i] = spec;
        out->has_threshold[i] = json_object_get(settings, "threshold") != NULL;
        rc = tj_scorer_open_settings(&out->scorers[i], settings, where, &out->options, err);
        out->n += rc == TJ_OK ? 1 : 0;
    }
    json_decref(settings);
    return rc;
}

tj_code tj_cli_rewarders_open(tj_cli_rewarders *out, const tj_args *args, const tj_task *task,
                              uint64_t seed, tj_err *err)
{
    const char *cache = tj_args_get(args, "cache");
    memset(out, 0, sizeof *out);
    tj_code rc = tj_cli_remote_config(&out->remote, args, err);
    if (rc == TJ_OK && cache != NULL) {
        rc = tj_cache_open_dir(&out->cache, cache, err);
    }
    out->options = (tj_scorer_options){.task = task,
                                       .remote = &out->remote,
                                       .cache = cache == NULL ? NULL : &out->cache,
                                       .seed = seed};
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "rewarder", i) != NULL; i++) {
        if (i == TJ_MAX_REWARDERS) {
            rc = tj_fail(err, TJ_E_LIMIT, "more than %d rewarders", TJ_MAX_REWARDERS);
            break;
        }
        rc = open_one(out, i, tj_args_nth(args, "rewarder", i), err);
    }
    if (rc != TJ_OK) {
        tj_cli_rewarders_close(out);
    }
    return rc;
}

void tj_cli_rewarders_close(tj_cli_rewarders *r)
{
    for (size_t i = 0; i < r->n; i++) {
        tj_scorer_close(&r->scorers[i]);
    }
    tj_cache_close_dir(&r->cache);
    memset(r, 0, sizeof *r);
}
