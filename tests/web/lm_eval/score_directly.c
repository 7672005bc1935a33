/* Log-likelihoods by the engine itself, to compare with those that come through a server.
 *
 *   score_directly MODEL < lines
 *
 * A line is the number of the context's tokens, then all ids; the answer to it is the sum of the
 * log-probabilities of the tokens after the context. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/infer.h"

#define MAX_IDS 4096

static tj_code score(tj_voice *voice, char *line, double *sum, tj_err *err)
{
    static int32_t ids[MAX_IDS];
    static float out[MAX_IDS];
    tj_branch branch;
    size_t n = 0;
    char *at = line;
    size_t n_context = strtoul(at, &at, 10);
    for (char *end = at; n < MAX_IDS; at = end) {
        long id = strtol(at, &end, 10);
        if (end == at) {
            break;
        }
        ids[n++] = (int32_t)id;
    }
    tj_code rc = tj_engine_root(voice->engine, &branch, ids, n, err);
    if (rc == TJ_OK) {
        rc = tj_engine_score(voice->engine, branch, n_context, n, out, err);
        tj_engine_drop(voice->engine, branch);
    }
    *sum = 0.0;
    for (size_t i = 0; rc == TJ_OK && i < n - n_context; i++) {
        *sum += (double)out[i];
    }
    return rc;
}

int main(int argc, char **argv)
{
    static char line[1 << 16];
    tj_voice voice = {0};
    tj_err err = {.msg = "usage: score_directly MODEL < lines"};
    tj_code rc = argc == 2 ? tj_voice_load(&voice, argv[1], &(tj_voice_options){.raw = true}, &err)
                           : TJ_E_INVAL;
    while (rc == TJ_OK && fgets(line, sizeof line, stdin) != NULL) {
        double sum = 0.0;
        rc = score(&voice, line, &sum, &err);
        if (rc == TJ_OK) {
            printf("%.9g\n", sum);
        }
    }
    tj_voice_close(&voice);
    if (rc != TJ_OK) {
        fprintf(stderr, "score_directly: %s\n", err.msg);
    }
    return rc == TJ_OK ? 0 : 1;
}
