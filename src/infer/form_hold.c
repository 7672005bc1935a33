/* Continuations held to a form: where each stands in it, the mask of each round, and the draw under
 * it. Masks are found before the draws, which run on all threads: what is drawn depends on the
 * logits, the settings, the place in the form and u alone. */
#include "infer/engine.h"

static tj_code check(const tj_engine *engine, tj_err *err)
{
    const size_t n_vocab = engine->model_cfg->n_vocab;
    if (engine->tokenizer == NULL) {
        return tj_fail(err, TJ_E_INVAL, "there is a form and no tokenizer");
    }
    return tj_tokenizer_n_vocab(engine->tokenizer) <= n_vocab
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL, "the tokenizer has %zu tokens, the model only %zu",
                         tj_tokenizer_n_vocab(engine->tokenizer), n_vocab);
}

tj_code tj_hold_begin(tj_hold *hold, tj_engine *engine, const tj_gen *gen, tj_err *err)
{
    *hold = (tj_hold){.mask = {NULL, false}};
    if (gen->form == NULL) {
        return TJ_OK;
    }
    tj_code rc = check(engine, err);
    if (rc == TJ_OK && engine->form_vocab == NULL) {
        rc = tj_form_vocab_create(&engine->form_vocab, engine->tokenizer,
                                  engine->model_cfg->n_vocab, err);
    }
    if (rc == TJ_OK && engine->form_masks == NULL) {
        rc = tj_form_masks_create(&engine->form_masks, engine->form_vocab, err);
    }
    if (rc == TJ_OK) {
        tj_form_begin(&hold->at, gen->form, gen->thinks);
    }
    return rc;
}

tj_code tj_hold_prepare(tj_hold *hold, tj_engine *engine, const tj_gen *gen, tj_err *err)
{
    return gen->form == NULL
               ? TJ_OK
               : tj_form_masks_get(engine->form_masks, &hold->mask, gen->form, &hold->at, err);
}

/* The model's own ends; ends [1 + TJ_MAX_MORE_EOS]. */
static size_t own_ends(int32_t *ends, const tj_model_config *cfg)
{
    size_t n = 0;
    if (cfg->eos_id >= 0) {
        ends[n++] = cfg->eos_id;
    }
    for (size_t i = 0; i < cfg->n_more_eos; i++) {
        ends[n++] = cfg->more_eos[i];
    }
    return n;
}

tj_code tj_hold_draw(const tj_hold *hold, const tj_engine *engine, tj_sampler *sampler, tj_gen *gen,
                     const tj_top *top, const float *logits, double u)
{
    int32_t ends[1 + TJ_MAX_MORE_EOS];
    const size_t n_own = own_ends(ends, engine->model_cfg);
    const tj_allowed allowed = {.bits = hold->mask.bits,
                                .ends = {ends, gen->ends},
                                .n_ends = {n_own, gen->n_ends},
                                .may_end = tj_form_is_complete(&hold->at, gen->form)};
    if (hold->mask.is_empty && !(allowed.may_end && n_own + gen->n_ends > 0)) {
        return TJ_E_INVAL;
    }
    return tj_sampler_draw_allowed(sampler, &gen->ids[gen->n_ids], &gen->logprobs[gen->n_ids], top,
                                   logits, engine->model_cfg->n_vocab, &allowed, &gen->sampling, u,
                                   NULL);
}

bool tj_hold_take(tj_hold *hold, const tj_engine *engine, const tj_gen *gen)
{
    size_t n = 0;
    if (gen->form == NULL) {
        return false;
    }
    const char *bytes = tj_tokenizer_bytes(engine->tokenizer, gen->ids[gen->n_ids - 1], &n);
    for (size_t i = 0; i < n; i++) { /* an end may come where its bytes may not: nothing follows */
        if (!tj_form_step(&hold->at, gen->form, (unsigned char)bytes[i])) {
            return false;
        }
    }
    return tj_form_is_closed(&hold->at);
}
