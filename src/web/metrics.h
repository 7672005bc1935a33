/* What a server counts, and the text that Prometheus reads of it.
 *
 * Ownership: init/deinit on the caller's storage.
 * Threads:   locked inside.
 */
#ifndef TJ_WEB_METRICS_H
#define TJ_WEB_METRICS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define TJ_MAX_SERIES 128 /* of requests: routes times statuses; both are ours and few */
#define TJ_N_BUCKETS  14

typedef struct tj_histogram {
    uint64_t n[TJ_N_BUCKETS + 1]; /* the last: above all bounds */
    double sum;
} tj_histogram;

/* Where a service stands. */
typedef struct tj_gauges {
    size_t n_waiting, n_running; /* requests */
    size_t n_continuations;      /* running */
    size_t kv_bytes;
    uint64_t n_computed, n_path; /* tokens since the start: unique ones, and in paths */
} tj_gauges;

typedef struct tj_metrics {
    pthread_mutex_t mu;
    struct {
        const char *route; /* static */
        unsigned status;
        uint64_t n;
    } series[TJ_MAX_SERIES]; /* [n_series]; all below is guarded by mu */
    size_t n_series;
    uint64_t n_prompt, n_cached, n_generated; /* tokens */
    tj_histogram first_token, duration;
    tj_gauges gauges;
} tj_metrics;

void tj_metrics_init(tj_metrics *metrics);
void tj_metrics_deinit(tj_metrics *metrics);
void tj_metrics_request(tj_metrics *metrics, const char *route, unsigned status, double seconds);
void tj_metrics_tokens(tj_metrics *metrics, size_t n_prompt, size_t n_cached, size_t n_generated);
void tj_metrics_first_token(tj_metrics *metrics, double seconds);
void tj_metrics_set(tj_metrics *metrics, const tj_gauges *gauges);
/* Appends all in Prometheus' text format 0.0.4. */
void tj_metrics_text(tj_metrics *metrics, tj_buf *out);

#endif
