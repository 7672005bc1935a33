/* See asking.h. */
#include "tree/asking.h"

#include <string.h>

#include "base/alloc.h"

typedef struct place {
    char where[TJ_SCORER_WHERE_BYTES];
    char model[256];        /* of a URL */
    char chat_template[64]; /* of a path */
    bool raw, no_thinking;
} place;

static const tj_field fields[] = {
    TJ_FIELD_STRING(place, where, "the model: a path, or a server's URL"),
    TJ_FIELD_STRING(place, model, "what the server calls it"),
    TJ_FIELD_STRING(place, chat_template, "of a model here: its chat template"),
    TJ_FIELD_BOOL(place, raw, "texts are continued, without a chat"),
    TJ_FIELD_BOOL(place, no_thinking, "of a model here: answers without thoughts"),
    TJ_FIELD_END};

/* False: no memory. */
static bool move(json_t *to, json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    return value == NULL ||
           (json_object_set(to, name, value) == 0 && json_object_del(from, name) == 0);
}

tj_code tj_asked_model_split(json_t *model, json_t *settings, tj_err *err)
{
    bool ok = move(model, settings, "remote");
    for (const tj_field *f = fields; f->name != NULL && ok; f++) {
        ok = move(model, settings, f->name);
    }
    return ok ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot read settings");
}

static tj_code open_url(tj_asked_model *out, const place *p, const json_t *remote,
                        const tj_scorer_options *options, tj_err *err)
{
    tj_generator_options g = {.cache = options->cache};
    tj_code rc = TJ_OK;
    out->is_remote = true;
    if (p->chat_template[0] != 0 || p->no_thinking) {
        return tj_fail(err, TJ_E_INVAL,
                       "chat_template and no_thinking are for a model here, not one behind a URL");
    }
    if (options->remote != NULL) {
        g.remote = *options->remote;
    } else {
        tj_remote_config_default(&g.remote);
    }
    if (remote != NULL) {
        rc = tj_remote_config_read(&g.remote, remote, "remote", err);
    }
    if (p->model[0] != 0) {
        memcpy(g.remote.model, p->model, sizeof g.remote.model);
    }
    if (rc == TJ_OK && g.remote.model[0] == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "which of the server's models is not said: set model=NAME");
    }
    if (rc == TJ_OK) {
        rc = tj_generator_open(&out->generator, p->where, &g, err);
    }
    if (rc == TJ_OK && p->raw) {
        out->generator.chats = false; /* it is asked to continue texts */
    }
    return rc;
}

static tj_code open_path(tj_asked_model *out, const place *p, tj_err *err)
{
    const tj_generator_options options = {
        .voice = {.chat_template = p->chat_template[0] == 0 ? NULL : p->chat_template,
                  .raw = p->raw,
                  .no_thinking = p->no_thinking}};
    if (p->model[0] != 0) {
        return tj_fail(err, TJ_E_INVAL, "model: this is for a model behind a URL");
    }
    return tj_generator_open(&out->generator, p->where, &options, err);
}

tj_code tj_asked_model_open(tj_asked_model *out, const json_t *model,
                            const tj_scorer_options *options, tj_err *err)
{
    place p = {.raw = false};
    json_t *own = json_copy((json_t *)(uintptr_t)model);
    const json_t *remote = json_object_get(model, "remote");
    *out = (tj_asked_model){.is_remote = false};
    if (remote != NULL && own != NULL) {
        json_object_del(own, "remote");
    }
    tj_code rc = own == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read settings")
                             : tj_config_read(&p, fields, own, "settings", err);
    bool is_url = tj_is_url(p.where);
    if (rc == TJ_OK && p.where[0] == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "where: which model is not said: a path, or a server's URL");
    }
    if (rc == TJ_OK && remote != NULL && !is_url) {
        rc = tj_fail(err, TJ_E_INVAL, "remote: this is for a model behind a URL");
    }
    if (rc == TJ_OK) {
        rc = is_url ? open_url(out, &p, remote, options, err) : open_path(out, &p, err);
    }
    json_decref(own);
    return rc;
}

/* ------------------------------------------------------------------ asking */

static bool is_answered(const tj_query *q)
{
    for (size_t i = 0; q->completions != NULL && i < q->n_samples; i++) {
        if (q->completions[i].text != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_any_answered(const tj_query *queries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_answered(&queries[i])) {
            return true;
        }
    }
    return false;
}

/* Whether what became of a batch of n is the end of all, since others would fare alike. A single
 * question that a server refuses may be at fault itself: too long, for one. */
static bool ends_all(const tj_asked_model *model, tj_code rc, size_t n, bool answered, bool go_on)
{
    if (rc == TJ_E_CANCELLED || rc == TJ_E_NOMEM) {
        return true;
    }
    if (rc == TJ_OK || !model->is_remote) {
        return false;
    }
    return model->generator.get_stats(model->generator.ctx).is_refused ||
           (!answered && !go_on && (n > 1 || rc != TJ_E_INVAL));
}

tj_code tj_asked_model_ask(const tj_asked_model *model, tj_query *queries, double *seconds,
                           size_t n, bool go_on, const tj_job *job, tj_err *err)
{
    const tj_generator *g = &model->generator;
    for (size_t at = 0; at < n;) {
        size_t some = n - at < g->batch ? n - at : g->batch;
        tj_err why;
        tj_code rc = tj_job_check(job, err);
        if (rc != TJ_OK) {
            return rc;
        }
        double begin = tj_clock_seconds();
        rc = g->generate(g->ctx, queries + at, some, job, &why);
        double each = (tj_clock_seconds() - begin) / (double)some;
        for (size_t i = 0; i < some; i++) {
            seconds[at + i] = each;
        }
        if (ends_all(model, rc, some, is_any_answered(queries + at, some), go_on)) {
            return tj_fail(err, rc, "%s", why.msg);
        }
        at += some;
    }
    return TJ_OK;
}

void tj_score_add_cost(tj_score *score, const tj_query *q, double seconds)
{
    uint64_t saved = q->saved.n_prompt + q->saved.n_completion;
    score->tokens += q->usage.n_prompt + q->usage.n_completion + saved;
    score->money += q->usage.cost + q->saved.cost;
    score->cached_tokens += saved;
    score->cached_money += q->saved.cost;
    score->seconds += seconds;
}
