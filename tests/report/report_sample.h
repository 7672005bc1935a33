/* Plausible report data for tests and for looking at the page: problems, trees and answers of a
 * simulated policy on real countdown, judged by the real verifier and evaluated by eval; times,
 * losses and hashes are made up. */
#ifndef TJ_TESTS_REPORT_SAMPLE_H
#define TJ_TESTS_REPORT_SAMPLE_H

#include <jansson.h>
#include <stddef.h>

typedef enum tj_sample {
    TJ_SAMPLE_DEMO,     /* as `make demo` leaves it: an effect, no curve */
    TJ_SAMPLE_FULL,     /* curve over N, failed, cancelled and abandoned runs, all controls */
    TJ_SAMPLE_NEGATIVE, /* journeys do harm; declared too late */
    TJ_SAMPLE_NULL,     /* no difference */
    TJ_SAMPLE_MINIMAL,  /* only what must be there, not evaluated */
    TJ_SAMPLE_HOSTILE,  /* markup, control characters and endless words wherever text may be */
    TJ_N_SAMPLES
} tj_sample;

/* A new reference; fails the test when something is wrong. n_test: problems simulated. */
json_t *tj_sample_report(tj_sample kind, size_t n_test);

#endif
