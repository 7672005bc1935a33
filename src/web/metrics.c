/* Counters and histograms in Prometheus' text format, version 0.0.4. */
#include "web/metrics.h"

#include <inttypes.h>
#include <string.h>

/* Seconds: from a cached prompt's first token to a long answer of a slow machine. */
static const double bounds[TJ_N_BUCKETS] = {0.005, 0.01, 0.025, 0.05, 0.1,  0.25,  0.5,
                                            1.0,   2.5,  5.0,   10.0, 30.0, 100.0, 300.0};

void tj_metrics_init(tj_metrics *m)
{
    memset(m, 0, sizeof *m);
    (void)pthread_mutex_init(&m->mu, NULL); /* never fails with default attributes on Linux */
}

void tj_metrics_deinit(tj_metrics *m)
{
    (void)pthread_mutex_destroy(&m->mu);
}

static void observe(tj_histogram *h, double seconds)
{
    size_t i = 0;
    while (i < TJ_N_BUCKETS && seconds > bounds[i]) {
        i++;
    }
    h->n[i]++;
    h->sum += seconds;
}

void tj_metrics_request(tj_metrics *m, const char *route, unsigned status, double seconds)
{
    size_t i = 0;
    (void)pthread_mutex_lock(&m->mu);
    while (i < m->n_series &&
           (m->series[i].status != status || strcmp(m->series[i].route, route) != 0)) {
        i++;
    }
    if (i < TJ_MAX_SERIES) {
        m->n_series = i < m->n_series ? m->n_series : i + 1;
        m->series[i].route = route;
        m->series[i].status = status;
        m->series[i].n++;
    }
    observe(&m->duration, seconds);
    (void)pthread_mutex_unlock(&m->mu);
}

void tj_metrics_tokens(tj_metrics *m, size_t n_prompt, size_t n_cached, size_t n_generated)
{
    (void)pthread_mutex_lock(&m->mu);
    m->n_prompt += n_prompt;
    m->n_cached += n_cached;
    m->n_generated += n_generated;
    (void)pthread_mutex_unlock(&m->mu);
}

void tj_metrics_first_token(tj_metrics *m, double seconds)
{
    (void)pthread_mutex_lock(&m->mu);
    observe(&m->first_token, seconds);
    (void)pthread_mutex_unlock(&m->mu);
}

void tj_metrics_set(tj_metrics *m, const tj_gauges *gauges)
{
    (void)pthread_mutex_lock(&m->mu);
    m->gauges = *gauges;
    (void)pthread_mutex_unlock(&m->mu);
}

/* ------------------------------------------------------------ the text */

static void head(tj_buf *out, const char *name, const char *type, const char *help)
{
    tj_buf_printf(out, "# HELP tabiji_%s %s\n# TYPE tabiji_%s %s\n", name, help, name, type);
}

static void number(tj_buf *out, const char *name, const char *type, const char *help, uint64_t n)
{
    head(out, name, type, help);
    tj_buf_printf(out, "tabiji_%s %" PRIu64 "\n", name, n);
}

static void histogram(tj_buf *out, const char *name, const char *help, const tj_histogram *h)
{
    uint64_t n = 0;
    head(out, name, "histogram", help);
    for (size_t i = 0; i < TJ_N_BUCKETS; i++) {
        n += h->n[i];
        tj_buf_printf(out, "tabiji_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds[i], n);
    }
    n += h->n[TJ_N_BUCKETS];
    tj_buf_printf(out, "tabiji_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, n);
    tj_buf_printf(out, "tabiji_%s_sum %.9g\ntabiji_%s_count %" PRIu64 "\n", name, h->sum, name, n);
}

void tj_metrics_text(tj_metrics *m, tj_buf *out)
{
    (void)pthread_mutex_lock(&m->mu);
    const tj_gauges *g = &m->gauges;
    head(out, "requests_total", "counter", "Requests answered, by route and HTTP status.");
    for (size_t i = 0; i < m->n_series; i++) {
        tj_buf_printf(out, "tabiji_requests_total{route=\"%s\",status=\"%u\"} %" PRIu64 "\n",
                      m->series[i].route, m->series[i].status, m->series[i].n);
    }
    number(out, "prompt_tokens_total", "counter", "Tokens of prompts.", m->n_prompt);
    number(out, "cached_tokens_total", "counter",
           "Tokens of prompts whose keys and values were there.", m->n_cached);
    number(out, "generated_tokens_total", "counter", "Tokens sampled.", m->n_generated);
    number(out, "queue_length", "gauge", "Requests that wait.", g->n_waiting);
    number(out, "running", "gauge", "Requests that run.", g->n_running);
    number(out, "running_continuations", "gauge", "Continuations that run.", g->n_continuations);
    number(out, "kv_bytes", "gauge", "Bytes of keys and values in use.", g->kv_bytes);
    number(out, "computed_tokens_total", "counter", "Tokens computed, each once.", g->n_computed);
    number(out, "path_tokens_total", "counter",
           "Tokens that one request after another would have computed.", g->n_path);
    head(out, "sharing_ratio", "gauge", "Path tokens over computed tokens.");
    tj_buf_printf(out, "tabiji_sharing_ratio %.6g\n",
                  g->n_computed > 0 ? (double)g->n_path / (double)g->n_computed : 1.0);
    histogram(out, "time_to_first_token_seconds", "From a request to its first sampled token.",
              &m->first_token);
    histogram(out, "request_duration_seconds", "From a request to the end of its answer.",
              &m->duration);
    (void)pthread_mutex_unlock(&m->mu);
}
