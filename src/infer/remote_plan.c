/* Which samples are asked for: those that the cache has not. */
#include "base/alloc.h"
#include "infer/remote_client.h"

const char *tj_remote_url(const tj_remote_batch *b, const tj_query *q)
{
    return q->pooled ? b->r->pool_url : q->messages != NULL ? b->r->chat_url : b->r->text_url;
}

tj_code tj_remote_add(tj_remote_batch *b, size_t query, size_t first, size_t n, tj_err *err)
{
    tj_remote_request *request = tj_calloc(1, sizeof *request);
    if (request == NULL ||
        !tj_grow(&b->requests, &b->cap_requests, b->n_requests + 1, sizeof(tj_remote_request *))) {
        tj_free(request);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a request");
    }
    request->query = query;
    request->first = first;
    request->n = n;
    tj_buf_init(&request->call.answer);
    b->requests[b->n_requests++] = request;
    return TJ_OK;
}

/* ------------------------------------------------------------ the cache */

/* Takes an entry for a sample; false if it is damaged. */
static bool take_entry(tj_remote_batch *b, tj_query *q, size_t sample, const char *key,
                       const char *value, size_t len)
{
    tj_completion *out = &q->completions[sample];
    tj_usage usage;
    bool there;
    json_t *entry = tj_remote_unseal(value, len, key);
    bool ok = entry != NULL &&
              tj_remote_read_choice(out, json_object_get(entry, "choice"),
                                    tj_remote_asked_of(q, q->n_samples), NULL) == TJ_OK &&
              tj_remote_read_usage(&usage, &there, entry, &b->r->cfg, NULL) == TJ_OK;
    if (ok) {
        out->is_cached = true;
        tj_usage_add(&q->saved, &usage);
        tj_usage_add(&b->r->stats.saved, &usage);
        b->r->stats.n_answers++;
        b->r->stats.n_from_cache++;
    } else {
        tj_completion_deinit(out);
    }
    json_decref(entry);
    return ok;
}

static tj_code look_up(tj_remote_batch *b, tj_query *q, size_t sample, tj_err *err)
{
    const tj_cache *cache = &b->r->cache;
    char key[TJ_SHA256_HEX];
    char *value = NULL;
    size_t len = 0;
    tj_code rc = tj_remote_key(key, tj_remote_url(b, q), &b->r->cfg, q, sample, err);
    if (rc == TJ_OK) {
        rc = cache->get(cache->ctx, &value, &len, key, err);
    }
    if (rc == TJ_OK && value != NULL && !take_entry(b, q, sample, key, value, len)) {
        b->r->stats.n_damaged++;
        tj_job_log(b->job, "the cache's entry %s is damaged: asking again", key);
    }
    tj_free(value);
    return rc;
}

tj_code tj_remote_keep(tj_remote_batch *b, const tj_query *q, size_t sample, const json_t *choice,
                       const json_t *usage, tj_err *err)
{
    const tj_cache *cache = &b->r->cache;
    char key[TJ_SHA256_HEX];
    char *value = NULL;
    size_t len = 0;
    if (cache->put == NULL) {
        return TJ_OK;
    }
    tj_code rc = tj_remote_key(key, tj_remote_url(b, q), &b->r->cfg, q, sample, err);
    if (rc == TJ_OK) {
        rc = tj_remote_seal(&value, &len, key, choice, usage, err);
    }
    if (rc == TJ_OK) {
        rc = cache->put(cache->ctx, key, value, len, err);
    }
    tj_free(value);
    return rc;
}

/* ------------------------------------------------------------ requests */

static tj_code plan_query(tj_remote_batch *b, size_t i, tj_err *err)
{
    tj_query *q = &b->queries[i];
    size_t most = b->r->cfg.samples_per_request;
    most = most == 0 ? TJ_MAX_REQUEST_SAMPLES : most;
    tj_code rc = TJ_OK;
    for (size_t s = 0; s < q->n_samples && b->r->cache.get != NULL && rc == TJ_OK; s++) {
        rc = look_up(b, q, s, err);
    }
    for (size_t s = 0; s < q->n_samples && rc == TJ_OK;) {
        size_t n = 0;
        while (s + n < q->n_samples && n < most && q->completions[s + n].text == NULL) {
            n++;
        }
        if (n > 0) {
            rc = tj_remote_add(b, i, s, n, err);
        }
        b->n_samples += n;
        s += n > 0 ? n : 1;
    }
    return rc;
}

/* Whether a prompt can be sent at all. */
static tj_code check_query(const tj_remote_batch *b, tj_query *q)
{
    char *body = NULL;
    tj_code rc = tj_query_begin(q, true);
    if (rc == TJ_OK) {
        rc = tj_remote_body(&body, &b->r->cfg, q, 0, 1, &q->error);
    }
    tj_free(body);
    return rc;
}

tj_code tj_remote_plan(tj_remote_batch *b, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < b->n_queries; i++) {
        (void)check_query(b, &b->queries[i]);
    }
    for (size_t i = 0; i < b->n_queries; i++) {
        if (rc == TJ_OK && b->queries[i].error.code == TJ_OK) {
            rc = plan_query(b, i, err);
        }
        if (rc != TJ_OK && b->queries[i].error.code == TJ_OK) {
            b->queries[i].error = *err;
        }
    }
    return rc;
}
