/* How a continuation ends: with a token that ends it, a stop string in the bytes of its tokens, or
 * for want of room. */
#include <string.h>

#include "infer/engine.h"
#include "text/text.h"

/* True if `stop` ends at byte `end` of the last token, looking back over the tokens before it.
 * Special tokens have no bytes here. */
static bool ends_at(const tj_tokenizer *tok, const int32_t *ids, size_t n_ids, size_t end,
                    const char *stop, size_t len)
{
    size_t token = n_ids - 1;
    size_t n_left = end;
    const char *bytes = tj_tokenizer_bytes(tok, ids[token], &(size_t){0});
    while (len > 0) {
        while (n_left == 0) {
            if (token == 0) {
                return false;
            }
            bytes = tj_tokenizer_bytes(tok, ids[--token], &n_left);
            if (tj_tokenizer_is_special(tok, ids[token])) {
                n_left = 0;
            }
        }
        if (bytes[--n_left] != stop[--len]) {
            return false;
        }
    }
    return true;
}

static bool is_stopped(const tj_tokenizer *tok, const tj_gen *gen)
{
    if (gen->n_stop == 0 || tj_tokenizer_is_special(tok, gen->ids[gen->n_ids - 1])) {
        return false;
    }
    size_t n_bytes = 0;
    (void)tj_tokenizer_bytes(tok, gen->ids[gen->n_ids - 1], &n_bytes);
    for (size_t s = 0; s < gen->n_stop; s++) {
        size_t len = strlen(gen->stop[s]);
        for (size_t end = 1; end <= n_bytes; end++) {
            if (ends_at(tok, gen->ids, gen->n_ids, end, gen->stop[s], len)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_end(const tj_engine *engine, const tj_gen *gen, int32_t id)
{
    bool ends = tj_model_config_is_eos(engine->model_cfg, id);
    for (size_t i = 0; i < gen->n_ends; i++) {
        ends = ends || id == gen->ends[i];
    }
    return ends;
}

tj_finish tj_gen_ended(const tj_engine *engine, const tj_gen *gen, size_t n_more)
{
    if (is_end(engine, gen, gen->ids[gen->n_ids - 1])) {
        return TJ_FINISH_EOS;
    }
    if (is_stopped(engine->tokenizer, gen)) {
        return TJ_FINISH_STOP;
    }
    return n_more == 0 ? TJ_FINISH_LENGTH : TJ_FINISH_NONE;
}
