/* Groups of 32 quantised weights, out of the blocks of GGUF's tensor types: w_k = d q_k + m. All
 * quantised types are such groups; those of 256 hold eight. Internal to nn. */
#ifndef TJ_NN_QUANTS_H
#define TJ_NN_QUANTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/gguf.h"

#define TJ_GROUP 32

typedef struct tj_quant_group {
    float d[2]; /* of the first and of the second 16; alike but in Q6_K */
    float m;    /* 0 where q has a sign */
    int16_t q[TJ_GROUP];
} tj_quant_group;

/* Group g of a block of a quantised type. */
void tj_quant_read(tj_quant_group *out, const unsigned char *block, tj_ggml_type type, size_t g);

#endif
