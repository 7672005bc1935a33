/* Order statistics, for percentile intervals. Inside eval only. */
#ifndef TJ_EVAL_QUANTILES_H
#define TJ_EVAL_QUANTILES_H

#include <stddef.h>

/* For qsort, of doubles that are numbers. */
int tj_eval_compare(const void *a, const void *b);
/* Linear between order statistics: quantile 0 is the smallest of sorted [n > 0], 1 the largest. */
double tj_eval_quantile(const double *sorted, size_t n, double q);

#endif
