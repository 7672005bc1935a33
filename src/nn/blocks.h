/* What the bytes of a GGUF tensor mean, value by value: blocks of quantised types to f32 and, but
 * for those of 256 values, back. The layouts are those of ggml-org/ggml (ggml-common.h, block_q4_0
 * … block_q6_K); the values and bytes are, bit for bit, those of the Python package `gguf` of the
 * same project (gguf.quants), which tests compare with. Internal to nn.
 *
 * Threads: pure functions.
 * Cost:    well below a nanosecond a value to read, some nanoseconds to write.
 */
#ifndef TJ_NN_BLOCKS_H
#define TJ_NN_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/gguf.h"

#define TJ_GROUP 32

/* All quantised types are groups of 32 values: d (q - zero), or d q + m where there is a minimum.
 */
typedef struct tj_quant_group {
    uint8_t q[TJ_GROUP];
    uint8_t zero;
    bool has_min;
    float d[2]; /* of the first and of the second 16; alike but in Q6_K */
    float m;    /* where has_min */
} tj_quant_group;

/* Group g of a block of a quantised type. */
void tj_quant_read(tj_quant_group *out, const unsigned char *block, tj_ggml_type type, size_t g);

/* The n values, whole blocks, that `bytes` (of any alignment) hold. Infinite scales give infinities
 * and NaNs. */
void tj_blocks_to_f32(float *out, const void *bytes, tj_ggml_type type, size_t n);

/* The n values, whole blocks, in n / tj_ggml_block_values() * tj_ggml_block_bytes() bytes at out.
 * Errors: TJ_E_INVAL (a type of blocks of 256, which are not written), TJ_E_NUMERIC (a value that
 * is not finite, or that the type or its scale in f16 is too small for), naming type and value;
 * what is at out is then unspecified. */
TJ_MUST_USE tj_code tj_blocks_from_f32(void *out, const float *src, tj_ggml_type type, size_t n,
                                       tj_err *err);

#endif
