/* A model here as a generator: a query is a branch of its prompt, its samples fork where that ends,
 * and all queries of a call decode together. Prompts that begin alike share that beginning, also
 * from call to call: few-shot examples are read once. */
#include <string.h>

#include "base/alloc.h"
#include "infer/generator.h"

/* Queries of a call at once: enough for the decoder to work on many rows, few enough that a reader
 * sees the first answers soon. */
#define BATCH 16

#define MAX_PREFIX_TOKENS 65536 /* of prompts kept for those that begin alike: some dozens */

typedef struct speaker {
    tj_engine_speech speech;
    tj_prefixes *prefixes; /* of speech.engine */
    tj_voice voice;        /* of tj_generator_open; zeroed where the engine is the caller's */
    tj_generator_stats stats;
} speaker;

/* What one call of generate works on. */
typedef struct work {
    speaker *s;
    tj_query *queries;
    tj_branch *roots; /* [n]; TJ_NO_BRANCH where a query's prompt was refused */
    size_t *first;    /* [n] a query's first sample in gens */
    size_t n;
    tj_gen *gens; /* [n_gens] */
    size_t n_gens;
} work;

/* ------------------------------------------------------------ prompts to branches */

static tj_code add_samples(work *w, size_t i, size_t n_prompt, tj_err *err)
{
    const tj_query *q = &w->queries[i];
    w->first[i] = w->n_gens;
    for (size_t node = 0; node < q->n_samples; node++) {
        tj_gen *gen = &w->gens[w->n_gens];
        *gen = (tj_gen){.sampling = q->sampling,
                        .seed = q->seed,
                        .run = q->run,
                        .problem = q->problem,
                        .node = node,
                        .max_tokens = q->max_tokens,
                        .stop = q->stop,
                        .n_stop = q->n_stop,
                        .ends = w->s->speech.ends,
                        .n_ends = w->s->speech.n_ends,
                        .form = q->form,
                        .thinks = q->messages != NULL && w->s->speech.thinks,
                        .n_top = q->logprobs ? q->n_top : 0};
        tj_code rc = tj_engine_fork(w->s->speech.engine, &gen->branch, w->roots[i], n_prompt, err);
        if (rc != TJ_OK) {
            return rc;
        }
        w->n_gens++;
    }
    return TJ_OK;
}

static tj_code add_query(work *w, size_t i, tj_err *err)
{
    const tj_engine_speech *speech = &w->s->speech;
    tj_query *q = &w->queries[i];
    tj_ids ids = {.n = 0};
    size_t before = w->n_gens;
    size_t n_shared = 0;
    if (q->pooled) {
        return tj_fail(err, TJ_E_INVAL, "pooling is of servers: a model here is asked for values");
    }
    tj_code rc = speech->encode(speech->ctx, &ids, q, err);
    if (rc == TJ_OK) {
        rc = tj_prefixes_lend(w->s->prefixes, &w->roots[i], &n_shared, ids.ids, ids.n, err);
    }
    if (rc == TJ_OK) {
        rc = add_samples(w, i, ids.n, err);
    }
    if (rc == TJ_OK) {
        q->usage.n_prompt = ids.n;
        q->usage.n_cached = n_shared;
    }
    while (rc != TJ_OK && w->n_gens > before) { /* what is refused is not sampled */
        tj_engine_drop(speech->engine, w->gens[--w->n_gens].branch);
    }
    tj_ids_deinit(&ids);
    return rc;
}

/* ------------------------------------------------------------ samples to completions */

/* The length of a text without the stop string that ended it. */
static size_t before_stop(const tj_query *q, const char *text, size_t len)
{
    for (size_t at = 0; at < len; at++) {
        for (size_t i = 0; i < q->n_stop; i++) {
            size_t n = strlen(q->stop[i]);
            if (n > 0 && n <= len - at && memcmp(text + at, q->stop[i], n) == 0) {
                return at;
            }
        }
    }
    return len;
}

static tj_code take_tokens(const work *w, tj_completion *out, const tj_gen *gen, tj_err *err)
{
    const tj_tokenizer *tok = w->s->speech.tok;
    tj_token_list list;
    size_t n;
    tj_token_list_begin(&list, out);
    for (size_t t = 0; t < gen->n_ids; t++) {
        const char *bytes = tj_tokenizer_bytes(tok, gen->ids[t], &n);
        tj_token_list_add(&list, bytes, n, (double)gen->logprobs[t]);
        for (size_t k = t * gen->n_top; k < (t + 1) * gen->n_top; k++) {
            bytes = tj_tokenizer_bytes(tok, gen->top_ids[k], &n);
            tj_token_list_add_top(&list, bytes, n, (double)gen->top_logprobs[k]);
        }
    }
    return tj_token_list_end(&list, err);
}

static tj_code take_sample(work *w, tj_query *q, tj_completion *out, const tj_gen *gen, tj_err *err)
{
    tj_buf text;
    tj_buf_init(&text);
    tj_tokenizer_decode(w->s->speech.tok, &text, gen->ids, gen->n_ids, false);
    tj_code rc = tj_buf_check(&text, err);
    size_t len =
        gen->finish == TJ_FINISH_STOP ? before_stop(q, tj_buf_text(&text), text.len) : text.len;
    if (rc == TJ_OK && q->logprobs) {
        rc = take_tokens(w, out, gen, err);
    }
    if (rc == TJ_OK) {
        rc = tj_completion_set_text(out, tj_buf_text(&text), len, q->messages != NULL, err);
    }
    if (rc == TJ_OK) {
        out->finish = gen->finish;
        q->usage.n_completion += gen->n_ids;
        w->s->stats.n_answers++;
    }
    tj_buf_deinit(&text);
    return rc;
}

/* rc and why are what generating ended with: the error of samples that are not finished. */
static void take_query(work *w, size_t i, tj_code rc, const tj_err *why)
{
    tj_query *q = &w->queries[i];
    for (size_t s = 0; s < q->n_samples; s++) {
        tj_gen *gen = &w->gens[w->first[i] + s];
        tj_err err = {.code = TJ_OK};
        bool done = gen->finish != TJ_FINISH_NONE && gen->finish != TJ_FINISH_FAILED;
        if (!done) {
            (void)tj_fail(&err, rc, "%s", why->msg);
        } else if (take_sample(w, q, &q->completions[s], gen, &err) != TJ_OK) {
            tj_completion_deinit(&q->completions[s]);
        }
        if (err.code != TJ_OK && q->error.code == TJ_OK) {
            q->error = err;
        }
    }
    tj_usage_add(&w->s->stats.usage, &q->usage);
}

/* ------------------------------------------------------------ the generator */

static void answer(work *w, const tj_job *job)
{
    tj_engine *engine = w->s->speech.engine;
    tj_err why = {.code = TJ_OK};
    for (size_t i = 0; i < w->n; i++) {
        tj_query *q = &w->queries[i];
        w->roots[i] = TJ_NO_BRANCH;
        if (tj_query_begin(q, w->s->speech.chats) == TJ_OK) {
            (void)add_query(w, i, &q->error);
        }
    }
    tj_code rc = w->n_gens == 0 ? TJ_OK : tj_engine_generate(engine, w->gens, w->n_gens, job, &why);
    for (size_t i = 0; i < w->n; i++) {
        if (w->queries[i].error.code == TJ_OK) {
            take_query(w, i, rc, &why);
        }
        if (w->roots[i] != TJ_NO_BRANCH) {
            tj_prefixes_keep(w->s->prefixes, w->roots[i]);
        }
    }
    for (size_t g = 0; g < w->n_gens; g++) {
        tj_engine_drop(engine, w->gens[g].branch);
        tj_gen_deinit(&w->gens[g]);
    }
}

static tj_code generate(void *ctx, tj_query *queries, size_t n, const tj_job *job, tj_err *err)
{
    work w = {.s = ctx, .queries = queries, .n = n};
    size_t n_gens = 0;
    for (size_t i = 0; i < n; i++) {
        n_gens += queries[i].n_samples <= TJ_MAX_QUERY_SAMPLES ? queries[i].n_samples : 0;
    }
    w.roots = tj_calloc(n, sizeof *w.roots);
    w.first = tj_calloc(n, sizeof *w.first);
    w.gens = tj_calloc(n_gens, sizeof *w.gens);
    tj_code rc;
    if (w.roots == NULL || w.first == NULL || w.gens == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot generate");
        for (size_t i = 0; i < n; i++) {
            queries[i].completions = NULL;
            (void)tj_fail(&queries[i].error, rc, "cannot generate");
        }
    } else {
        answer(&w, job);
        rc = tj_queries_end(queries, n, err);
    }
    tj_free(w.roots);
    tj_free(w.first);
    tj_free(w.gens);
    return rc;
}

static tj_generator_stats get_stats(const void *ctx)
{
    return ((const speaker *)ctx)->stats;
}

static void close_speaker(void *ctx)
{
    speaker *s = ctx;
    tj_prefixes_destroy(s->prefixes);
    tj_voice_close(&s->voice);
    tj_free(s);
}

/* Says who speaks; a speaker that fails must be closed. */
static tj_code set_speech(speaker *s, const tj_engine_speech *speech, tj_err *err)
{
    s->speech = *speech;
    return tj_prefixes_create(&s->prefixes, speech->engine, MAX_PREFIX_TOKENS, err);
}

static tj_code new_generator(tj_generator *out, tj_err *err)
{
    *out = (tj_generator){.ctx = tj_calloc(1, sizeof(speaker))};
    if (out->ctx == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open a generator");
    }
    out->generate = generate;
    out->get_stats = get_stats;
    out->close = close_speaker;
    out->batch = BATCH;
    return TJ_OK;
}

tj_code tj_generator_of_engine(tj_generator *out, const tj_engine_speech *speech, tj_err *err)
{
    tj_code rc = new_generator(out, err);
    if (rc == TJ_OK) {
        out->chats = speech->chats;
        rc = set_speech(out->ctx, speech, err);
    }
    if (rc != TJ_OK) {
        tj_generator_close(out);
    }
    return rc;
}

static tj_code encode_voice(void *ctx, tj_ids *ids, const tj_query *q, tj_err *err)
{
    tj_voice *voice = ctx;
    if (q->messages == NULL) {
        return tj_voice_encode_text(voice, ids, q->text, q->n_text, err);
    }
    size_t n = q->n_messages;
    bool goes_on = n > 1 && q->messages[n - 1].role == TJ_ROLE_ASSISTANT;
    tj_code rc = tj_voice_encode_chat(voice, ids, q->messages, goes_on ? n - 1 : n, err);
    return rc == TJ_OK && goes_on ? tj_encoder_encode(voice->encoder, ids, q->messages[n - 1].text,
                                                      q->messages[n - 1].len, false, err)
                                  : rc;
}

static tj_code open_voice(tj_generator *out, const char *path, const tj_voice_options *options,
                          tj_err *err)
{
    tj_code rc = new_generator(out, err);
    speaker *s = out->ctx;
    if (rc == TJ_OK) {
        rc = tj_voice_load(&s->voice, path, options, err);
    }
    if (rc == TJ_OK) {
        out->chats = s->voice.chats;
        rc = set_speech(s,
                        &(tj_engine_speech){.engine = s->voice.engine,
                                            .tok = s->voice.tok,
                                            .ends = s->voice.ends,
                                            .n_ends = s->voice.n_ends,
                                            .encode = encode_voice,
                                            .ctx = &s->voice,
                                            .chats = s->voice.chats,
                                            .thinks = s->voice.thinks},
                        err);
    }
    if (rc != TJ_OK) {
        tj_generator_close(out);
    }
    return rc;
}

tj_code tj_generator_open(tj_generator *out, const char *path_or_url,
                          const tj_generator_options *options, tj_err *err)
{
    return tj_is_url(path_or_url)
               ? tj_remote_open(out, path_or_url, &options->remote, options->cache, err)
               : open_voice(out, path_or_url, &options->voice, err);
}
