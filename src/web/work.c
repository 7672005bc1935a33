/* One request on the engine. Every continuation has a branch of its own, lent with the prompt's
 * ids; they share its keys and values. A prompt is scored on the branch of its first continuation,
 * a piece between two rounds, so that a long one holds nobody up for long. */
#include "web/work.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "web/speech.h"

#define SCORE_TOKENS 256 /* of a piece: some tenths of a second on a small machine */

void tj_request_deinit(tj_request *r)
{
    for (size_t p = 0; p < r->n_prompts; p++) {
        tj_ids_deinit(&r->prompts[p]);
    }
    for (size_t s = 0; s < r->n_stop; s++) {
        tj_free(r->stop[s]);
    }
    tj_free(r->prompts);
    tj_free(r->stop);
    tj_form_destroy(r->form);
    *r = (tj_request){0};
}

/* ------------------------------------------------------------ making */

static tj_code check_prompt(const tj_request *r, size_t p, const tj_service_config *cfg,
                            tj_err *err)
{
    const tj_ids *ids = &r->prompts[p];
    size_t most = cfg->n_positions - (r->max_tokens > 0 ? 1 : 0);
    if (ids->n == 0 || ids->n > most) {
        return tj_fail(err, TJ_E_INVAL, "prompt %zu has %zu tokens, expected 1 to %zu", p, ids->n,
                       most);
    }
    for (size_t i = 0; i < ids->n; i++) {
        if (ids->ids[i] < 0 || (size_t)ids->ids[i] >= cfg->n_vocab) {
            return tj_fail(err, TJ_E_INVAL, "token %zu of prompt %zu is %d, expected 0 to %zu", i,
                           p, (int)ids->ids[i], cfg->n_vocab - 1);
        }
    }
    return TJ_OK;
}

static tj_code check(const tj_request *r, const tj_service_config *cfg, tj_err *err)
{
    if (r->n_prompts == 0 || r->n_samples == 0 || r->n_top > TJ_MAX_TOP) {
        return tj_fail(err, TJ_E_INVAL, "%zu prompts, %zu samples, %zu top tokens", r->n_prompts,
                       r->n_samples, r->n_top);
    }
    if (r->max_tokens > cfg->max_tokens) {
        return tj_fail(err, TJ_E_INVAL, "%zu tokens are asked for, at most %zu", r->max_tokens,
                       cfg->max_tokens);
    }
    tj_code rc = TJ_OK;
    for (size_t p = 0; p < r->n_prompts && rc == TJ_OK; p++) {
        rc = check_prompt(r, p, cfg, err);
    }
    return rc;
}

static bool prepare_choice(tj_work *w, size_t i, const tj_service_config *cfg)
{
    const tj_request *r = &w->request;
    tj_choice *c = &w->reply.choices[i];
    c->prompt = i / r->n_samples;
    c->sample = i % r->n_samples;
    c->gen = (tj_gen){.branch = TJ_NO_BRANCH,
                      .sampling = r->sampling,
                      .seed = r->seed,
                      .problem = c->prompt,
                      .node = c->sample,
                      .max_tokens = r->max_tokens,
                      .stop = (const char *const *)r->stop,
                      .n_stop = r->n_stop,
                      .ends = cfg->ends,
                      .n_ends = cfg->n_ends,
                      .n_top = r->n_top,
                      .form = r->form,
                      .thinks = r->thinks};
    tj_buf_init(&c->text);
    tj_buf_init(&c->thought);
    c->speech = tj_speech_create(cfg->tok, r->stop, r->n_stop, r->splits_thought);
    return c->speech != NULL;
}

static bool prepare_score(tj_work *w, size_t p)
{
    const tj_request *r = &w->request;
    tj_prompt_score *s = &w->reply.scores[p];
    size_t n = r->prompts[p].n - 1;
    s->logprobs = tj_calloc(n, sizeof *s->logprobs);
    if (r->n_top > 0) {
        s->top_ids = tj_calloc(n * r->n_top, sizeof *s->top_ids); /* at most 20 times n_positions */
        s->top_logprobs = tj_calloc(n * r->n_top, sizeof *s->top_logprobs);
    }
    return s->logprobs != NULL &&
           (r->n_top == 0 || (s->top_ids != NULL && s->top_logprobs != NULL));
}

static bool prepare(tj_work *w, const tj_service_config *cfg)
{
    const tj_request *r = &w->request;
    tj_reply *reply = &w->reply;
    size_t n = 0;
    if (!tj_mul_size(&n, r->n_prompts, r->n_samples)) {
        return false;
    }
    reply->request = r;
    reply->choices = tj_calloc(n, sizeof *reply->choices);
    reply->scores = tj_calloc(r->n_prompts, sizeof *reply->scores);
    bool good = reply->choices != NULL && reply->scores != NULL;
    for (; good && reply->n_choices < n; reply->n_choices++) {
        good = prepare_choice(w, reply->n_choices, cfg);
    }
    for (size_t p = 0; good && p < r->n_prompts; p++) {
        reply->n_scores++;
        reply->n_prompt_tokens += r->prompts[p].n;
        good = !r->scores || prepare_score(w, p);
    }
    return good;
}

tj_code tj_work_create(tj_work **out, tj_request *request, const tj_service_config *cfg,
                       tj_err *err)
{
    *out = NULL;
    tj_code rc = check(request, cfg, err);
    tj_work *w = rc == TJ_OK ? tj_calloc(1, sizeof *w) : NULL;
    if (w == NULL) {
        return rc != TJ_OK ? rc : tj_fail(err, TJ_E_NOMEM, "cannot hold a request");
    }
    w->request = *request;
    if (!prepare(w, cfg)) {
        w->request = (tj_request){0}; /* the caller's still */
        tj_work_destroy(w);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a request of %zu prompts, %zu samples each",
                       request->n_prompts, request->n_samples);
    }
    *request = (tj_request){0};
    *out = w;
    return TJ_OK;
}

void tj_work_destroy(tj_work *w)
{
    tj_reply *reply = &w->reply;
    for (size_t i = 0; i < reply->n_choices; i++) {
        tj_choice *c = &reply->choices[i];
        TJ_ASSERT(c->gen.branch == TJ_NO_BRANCH);
        tj_gen_deinit(&c->gen);
        tj_buf_deinit(&c->text);
        tj_buf_deinit(&c->thought);
        tj_speech_destroy(c->speech);
    }
    for (size_t p = 0; p < reply->n_scores; p++) {
        tj_free(reply->scores[p].logprobs);
        tj_free(reply->scores[p].top_ids);
        tj_free(reply->scores[p].top_logprobs);
    }
    tj_free(reply->choices);
    tj_free(reply->scores);
    tj_request_deinit(&w->request);
    tj_free(w);
}

/* ------------------------------------------------------------ running */

void tj_work_start(tj_work *w, tj_prefixes *prefixes)
{
    const tj_request *r = &w->request;
    w->phase = TJ_PHASE_SCORING;
    for (size_t i = 0; i < w->reply.n_choices && w->rc == TJ_OK; i++) {
        tj_choice *c = &w->reply.choices[i];
        const tj_ids *ids = &r->prompts[c->prompt];
        size_t n_shared = 0;
        w->rc = tj_prefixes_lend(prefixes, &c->gen.branch, &n_shared, ids->ids, ids->n, &w->err);
        if (w->rc != TJ_OK) {
            c->gen.branch = TJ_NO_BRANCH;
        } else if (c->sample == 0) {
            w->reply.n_cached += n_shared;
        }
    }
}

static void join(tj_work *w, tj_engine *engine)
{
    w->phase = TJ_PHASE_SAMPLING;
    for (size_t i = 0; i < w->reply.n_choices && w->rc == TJ_OK; i++) {
        tj_choice *c = &w->reply.choices[i];
        if (w->request.max_tokens == 0) {
            c->finish = TJ_FINISH_LENGTH;
            continue;
        }
        w->rc = tj_engine_join(engine, &c->gen, &w->err);
        w->n_open += w->rc == TJ_OK ? 1 : 0;
    }
}

void tj_work_score(tj_work *w, tj_engine *engine)
{
    const tj_request *r = &w->request;
    size_t room = SCORE_TOKENS;
    while (r->scores && room > 0 && w->rc == TJ_OK && w->prompt < r->n_prompts) {
        tj_prompt_score *s = &w->reply.scores[w->prompt];
        tj_branch branch = w->reply.choices[w->prompt * r->n_samples].gen.branch;
        size_t n_left = r->prompts[w->prompt].n - 1 - s->n_done;
        size_t n = n_left < room ? n_left : room;
        size_t begin = 1 + s->n_done, end = begin + n;
        if (n_left == 0) {
            w->prompt++;
            continue;
        }
        w->rc = r->n_top == 0
                    ? tj_engine_score(engine, branch, begin, end, s->logprobs + s->n_done, &w->err)
                    : tj_engine_score_top(engine, branch, begin, end, s->logprobs + s->n_done,
                                          r->n_top, s->top_ids + s->n_done * r->n_top,
                                          s->top_logprobs + s->n_done * r->n_top, &w->err);
        s->n_done += n;
        room -= n;
    }
    if (w->rc == TJ_OK && (!r->scores || w->prompt == r->n_prompts)) {
        join(w, engine);
    }
}

/* The text of the ids that are new. */
static void speak(tj_choice *c, size_t n_before)
{
    bool stopped = false;
    for (size_t i = n_before; i < c->gen.n_ids && !stopped; i++) {
        stopped = tj_speech_add(c->speech, &c->text, &c->thought, c->gen.ids[i]);
        c->n_thought += tj_speech_is_thinking(c->speech) ? 1 : 0;
    }
    /* the engine finds stop strings in bytes, the text here in characters: either may end it */
    c->finish = stopped ? TJ_FINISH_STOP : c->gen.finish;
    if (c->finish != TJ_FINISH_NONE) {
        tj_speech_end(c->speech, &c->text, &c->thought);
    }
}

size_t tj_work_feed(tj_work *w, tj_engine *engine)
{
    size_t n_new = 0;
    w->n_open = 0;
    for (size_t i = 0; i < w->reply.n_choices && w->rc == TJ_OK; i++) {
        tj_choice *c = &w->reply.choices[i];
        if (c->finish != TJ_FINISH_NONE) {
            continue;
        }
        speak(c, c->n_fed);
        n_new += c->gen.n_ids - c->n_fed;
        c->n_fed = c->gen.n_ids;
        if (c->finish == TJ_FINISH_FAILED) {
            w->rc = tj_gen_error(engine, &c->gen, &w->err);
            tj_err_context(&w->err, "sample %zu of prompt %zu", c->sample, c->prompt);
        } else {
            w->rc = tj_speech_check(c->speech, &w->err);
        }
        if (c->finish != TJ_FINISH_NONE) {
            tj_engine_leave(engine, &c->gen);
        } else {
            w->n_open++;
        }
    }
    w->reply.n_generated += n_new;
    return n_new;
}

bool tj_work_is_done(const tj_work *w)
{
    return w->rc != TJ_OK || (w->phase == TJ_PHASE_SAMPLING && w->n_open == 0);
}

void tj_work_close(tj_work *w, tj_engine *engine, tj_prefixes *prefixes)
{
    for (size_t i = 0; i < w->reply.n_choices; i++) {
        tj_gen *gen = &w->reply.choices[i].gen;
        if (gen->branch == TJ_NO_BRANCH) {
            continue;
        }
        tj_engine_leave(engine, gen);
        if (w->rc == TJ_OK) {
            tj_prefixes_keep(prefixes, gen->branch);
        } else {
            tj_prefixes_drop(prefixes, gen->branch);
        }
        gen->branch = TJ_NO_BRANCH;
    }
}
