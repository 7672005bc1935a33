/* Rounds until none of the given continuations is left. */
#include "base/alloc.h"
#include "infer/engine.h"

void tj_gen_clear(tj_gen *gen)
{
    gen->ids = NULL;
    gen->logprobs = NULL;
    gen->top_ids = NULL;
    gen->top_logprobs = NULL;
    gen->n_ids = 0;
    gen->finish = TJ_FINISH_NONE;
    gen->code = TJ_OK;
}

void tj_gen_deinit(tj_gen *gen)
{
    tj_free(gen->ids);
    tj_free(gen->logprobs);
    tj_free(gen->top_ids);
    tj_free(gen->top_logprobs);
    tj_gen_clear(gen);
}

static tj_code join_all(tj_engine *engine, tj_gen *gens, size_t n_gens, tj_err *err)
{
    for (size_t i = 0; i < n_gens; i++) {
        tj_gen_clear(&gens[i]);
    }
    for (size_t i = 0; i < n_gens; i++) {
        tj_code rc = tj_engine_join(engine, &gens[i], err);
        if (rc != TJ_OK) {
            tj_err_context(err, "continuation %zu", i);
            return rc;
        }
    }
    return TJ_OK;
}

/* Counts the finished ones; the error of one that failed. */
static tj_code look(const tj_engine *engine, const tj_gen *gens, size_t n_gens, size_t *n_done,
                    tj_err *err)
{
    tj_code rc = TJ_OK;
    *n_done = 0;
    for (size_t i = 0; i < n_gens && rc == TJ_OK; i++) {
        *n_done += gens[i].finish != TJ_FINISH_NONE;
        rc = tj_gen_error(engine, &gens[i], err);
    }
    return rc;
}

tj_code tj_engine_generate(tj_engine *engine, tj_gen *gens, size_t n_gens, const tj_job *job,
                           tj_err *err)
{
    size_t n_done = 0;
    tj_code rc = join_all(engine, gens, n_gens, err);
    if (rc == TJ_OK) {
        rc = look(engine, gens, n_gens, &n_done, err);
    }
    while (rc == TJ_OK && n_done < n_gens) {
        rc = tj_job_check(job, err);
        if (rc == TJ_OK) {
            rc = tj_engine_round(engine, &(size_t){0}, err);
        }
        if (rc == TJ_OK) {
            rc = look(engine, gens, n_gens, &n_done, err);
        }
        if (rc == TJ_OK) {
            tj_job_progress(job, "generating", n_done, n_gens, "branches", NULL);
        }
    }
    for (size_t i = 0; rc != TJ_OK && i < n_gens; i++) {
        tj_engine_leave(engine, &gens[i]);
    }
    return rc;
}
