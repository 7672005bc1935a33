/* The tensors of a model by its configuration alone: names, as Hugging Face's, and shapes, in the
 * order of a model's parameters (tests compare). For what looks at files tensor by tensor, without
 * a model. Internal to nn.
 */
#ifndef TJ_NN_TENSORS_H
#define TJ_NN_TENSORS_H

#include "nn/nn.h"

typedef struct tj_tensor_spec {
    char name[96];
    size_t rows, cols; /* a vector is [1, n] */
} tj_tensor_spec;

/* Gives *out [*n] (tj_free); NULL on error: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_tensor_specs(tj_tensor_spec **out, size_t *n, const tj_model_config *cfg,
                                    tj_err *err);

#endif
