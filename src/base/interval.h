/* An interval for a share that was counted.
 *
 * Ownership: plain functions.
 * Threads:   no state.
 */
#ifndef TJ_BASE_INTERVAL_H
#define TJ_BASE_INTERVAL_H

#include <stddef.h>

#define TJ_Z_95 1.959963984540054 /* P(|Z| < z) = 0.95 of a standard normal Z */

/* Wilson's score interval for n_success of n (n > 0), z standard deviations to both sides; 0 and 1
 * are in it where nothing, or everything, succeeded. */
void tj_wilson(double *low, double *high, size_t n_success, size_t n, double z);

#endif
