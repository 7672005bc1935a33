/* When a request is tried again, and after how long. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "infer/http.h"
#include "infer/remote.h"

/* `run` of the stream of jitter, mixed with the query's own. */
#define RUN_JITTER 0x6a697474u

bool tj_remote_may_retry(long status)
{
    static const long again[] = {408, 409, 425, 429, 500, 502, 503, 504};
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
        if (status == again[i]) {
            return true;
        }
    }
    return false;
}

int64_t tj_remote_retry_after_ms(const char *text, int64_t unix_us)
{
    size_t n = strspn(text, "0123456789");
    if (n > 0 && text[n] == '\0') {
        uint32_t seconds = 0;
        /* nine digits are thirty years */
        return n <= 9 && sscanf(text, "%9" SCNu32, &seconds) == 1 ? (int64_t)seconds * 1000
                                                                  : INT64_MAX;
    }
    int64_t at = tj_http_date(text);
    if (at < 0) {
        return -1;
    }
    int64_t ms = at * 1000 - unix_us / 1000;
    return ms > 0 ? ms : 0;
}

double tj_remote_backoff_ms(const tj_remote_config *cfg, const tj_query *query, size_t first,
                            size_t tries)
{
    tj_rng rng;
    tj_rng_init(&rng, query->seed, query->run ^ RUN_JITTER, query->problem,
                ((uint64_t)first << 32) | tries);
    double most = (double)cfg->max_backoff_ms;
    int doublings = tries < 64 ? (int)tries - 1 : 63; /* by then any bound is passed */
    double ms = ldexp((double)cfg->backoff_ms, doublings);
    return (ms < most ? ms : most) * (0.5 + 0.5 * tj_rng_double(&rng));
}
