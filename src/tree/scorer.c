/* What all rewarders share. */
#include "tree/scorer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "tree/scorers.h"

void tj_score_deinit(tj_score *score)
{
    tj_free(score->reason);
    tj_free(score->raw);
    tj_free(score->error);
    *score = (tj_score){0};
}

bool tj_score_ask_is_end(const tj_score_ask *ask)
{
    return ask->tree != NULL && ask->node < ask->tree->n_nodes &&
           ask->tree->nodes[ask->node].terminal;
}

tj_code tj_score_fail(tj_score *score, tj_err *err, const char *fmt, ...)
{
    char why[TJ_ERR_MSG_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    score->failed = true;
    score->error = tj_strdup(why);
    return score->error != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot hold a score");
}

uint64_t tj_score_ask_key(const tj_score_ask *ask)
{
    char digest[TJ_SHA256_HEX];
    uint64_t key = 0;
    tj_sha256 hash;
    tj_sha256_begin(&hash);
    tj_sha256_add(&hash, ask->problem, strlen(ask->problem) + 1);
    for (size_t i = 0; i < ask->n_steps; i++) {
        tj_sha256_add(&hash, ask->steps[i], strlen(ask->steps[i]) + 1);
    }
    tj_sha256_end(&hash, digest);
    for (size_t i = 0; i < 16; i++) {
        char c = digest[i];
        key = key << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return key;
}

void tj_scorer_close(tj_scorer *scorer)
{
    if (scorer->close != NULL) {
        scorer->close(scorer->ctx);
    }
    *scorer = (tj_scorer){.ctx = NULL};
}

double tj_aggregate_values(tj_aggregate how, const double *values, size_t n)
{
    double worth = values[n - 1];
    for (size_t i = n - 1; i-- > 0 && how != TJ_AGGREGATE_LAST;) {
        worth = how == TJ_AGGREGATE_MIN ? fmin(worth, values[i]) : worth * values[i];
    }
    return worth;
}
