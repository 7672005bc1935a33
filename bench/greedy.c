/* Greedy continuations, for comparing with other programs: reads lines of token ids from standard
 * input and writes the ids that follow, a line each. All lines are continued together.
 *
 *     tabiji-bench-greedy load|open MODEL NEW_TOKENS <ids >continuations
 *
 * load: weights in f32; open: as the file holds them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer/infer.h"
#include "nn/nn.h"

#define MAX_IDS   4096
#define MAX_LINES 4096

static void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

/* The ids of a line; 0: the end of the input. */
static size_t read_ids(int32_t *ids)
{
    static char line[MAX_IDS * 8];
    size_t n = 0;
    if (fgets(line, sizeof line, stdin) == NULL) {
        return 0;
    }
    for (char *at = strtok(line, " \n"); at != NULL && n < MAX_IDS; at = strtok(NULL, " \n")) {
        ids[n++] = (int32_t)strtol(at, NULL, 10);
    }
    return n;
}

int main(int argc, char **argv)
{
    static int32_t ids[MAX_IDS];
    static tj_gen gens[MAX_LINES];
    tj_engine_config cfg;
    tj_engine *engine;
    tj_model *model;
    tj_err err = {.msg = ""};
    size_t n = 0;
    if (argc != 4) {
        fprintf(stderr, "usage: tabiji-bench-greedy load|open MODEL NEW_TOKENS <ids\n");
        return 2;
    }
    must(strcmp(argv[1], "load") == 0 ? tj_model_load(&model, argv[2], TJ_F32, &err)
                                      : tj_model_open(&model, argv[2], &err),
         &err);
    tj_engine_config_default(&cfg);
    cfg.kv_bytes = (size_t)8 << 30;
    must(tj_engine_create(&engine, model, NULL, &cfg, &err), &err);
    for (size_t len; n < MAX_LINES && (len = read_ids(ids)) > 0; n++) {
        gens[n] = (tj_gen){.sampling = {.top_p = 1.0}, .max_tokens = strtoul(argv[3], NULL, 10)};
        must(tj_engine_root(engine, &gens[n].branch, ids, len, &err), &err);
    }
    must(tj_engine_generate(engine, gens, n, NULL, &err), &err);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < gens[i].n_ids; j++) {
            printf(j == 0 ? "%d" : " %d", gens[i].ids[j]);
        }
        putchar('\n');
        tj_gen_deinit(&gens[i]);
    }
    tj_engine_destroy(engine);
    tj_model_destroy(model);
    return 0;
}
