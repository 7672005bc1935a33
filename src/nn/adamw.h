/* The optimiser's inside, for checkpoint.c, which stores it. */
#ifndef TJ_NN_ADAMW_H
#define TJ_NN_ADAMW_H

#include "nn/model.h"

/* Lends the first (0) or second (1) moment of a parameter: [params[param].n]; NULL if it is frozen.
 */
float *tj_adamw_moment(const tj_adamw *opt, size_t which, size_t param);
void tj_adamw_set_done(tj_adamw *opt, size_t n_done);
tj_model *tj_adamw_model(const tj_adamw *opt);

#endif
