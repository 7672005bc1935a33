/* Weight matrices as generation and scoring read them: panels of 16 outputs side by side, in f32,
 * bf16 or the quantised values of a GGUF file, which are never expanded. Internal to nn.
 *
 *     panel:  k = 0: [w of outputs 0..15]  k = 1: [...]  …              f32, bf16
 *             32 k's: scales (and minima) of the 16 outputs,            quantised
 *                     then for each four k's [16 outputs][4 values]
 *
 * Quantised products take activations in int8, a scale for each 32 of them, and sum in int32. The
 * sums of a row run over k in one fixed order, so that its result depends neither on the other rows
 * nor on the threads.
 *
 * Ownership: a tj_panels owns its bytes; init/deinit on the caller's storage.
 * Threads:   immutable once packed; the products are pure functions.
 */
#ifndef TJ_NN_PANELS_H
#define TJ_NN_PANELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/gguf.h"

#define TJ_PANEL      16 /* outputs of a panel */
#define TJ_QUANT      32 /* activations (and mostly weights) that share a scale */
#define TJ_QUANT_HALF 16 /* activations whose sum is kept, for weights with minima */

typedef enum tj_panel_type {
    TJ_PANEL_F32 = 0,
    TJ_PANEL_BF16,
    TJ_PANEL_U4,      /* d q + m, q of 4 bits, d and m in f16: Q4_0, Q4_1 */
    TJ_PANEL_U4_WIDE, /* the same, d and m in f32: Q4_K */
    TJ_PANEL_U5_WIDE, /* d q + m, q < 32 in a byte, d and m in f32: Q5_1, Q5_K */
    TJ_PANEL_S5,      /* d q, -16 <= q < 16 in a byte, d in f16: Q5_0 */
    TJ_PANEL_S6_WIDE, /* d q, -32 <= q < 32 in a byte, a d in f32 for each 16: Q6_K */
    TJ_PANEL_S8,      /* d q, q of 8 bits, d in f16: Q8_0 */
    TJ_N_PANEL_TYPES
} tj_panel_type;

typedef struct tj_panels {
    tj_panel_type type;
    size_t out, in;       /* W [out, in] */
    size_t n_panels;      /* the last one is filled up with zeros */
    size_t panel_bytes;   /* a multiple of 64 */
    unsigned char *bytes; /* [n_panels * panel_bytes]; tj_free */
} tj_panels;

/* The panel type that holds a tensor's type exactly; f32 where `in` is not a multiple of the
 * tensor's blocks (f16 is widened). */
tj_panel_type tj_panel_type_for(tj_ggml_type type, size_t in);
/* Allocates the bytes, zeroed. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_panels_init(tj_panels *p, tj_panel_type type, size_t out, size_t in,
                                   tj_err *err);
void tj_panels_deinit(tj_panels *p); /* a zeroed one is allowed */
/* Fills panel i. From values: row o of W is w + o * in (the type is f32 or bf16). From a tensor's
 * blocks: row o is rows + row_at(ctx, o) * row_bytes; row_at may be NULL for o itself. */
void tj_panels_pack(tj_panels *p, size_t i, const float *w);
void tj_panels_pack_blocks(tj_panels *p, size_t i, const unsigned char *rows, size_t row_bytes,
                           tj_ggml_type type, size_t (*row_at)(const void *ctx, size_t row),
                           const void *ctx);

/* Rows of activations in int8. Rows stand in tiles of TJ_QUANT_ROWS, the last of what is left, and
 * what a product reads together stands side by side: of a tile of T rows
 *
 *     q [in / 4][T][4]   d, total [in / 32][T]   sums [in / 16][T]
 *
 * with x = d q for each 32 of a row, sums of q over each 16, and total of d q over each 32. */
#define TJ_QUANT_ROWS 8
typedef struct tj_quant_rows {
    int8_t *q;
    float *d, *total;
    int32_t *sums;
} tj_quant_rows;

/* Rows as products read them; quantised ones from a tile's first row on. */
typedef struct tj_operand {
    const float *x; /* [rows, ld] */
    size_t ld;
    tj_quant_rows quant;
} tj_operand;

typedef struct tj_panel_kernels {
    const char *isa; /* "avx512vnni", "avx2", "generic" */

    /* Row `row` of n_rows, x [in]: q = round(x / d) with d = max|x| / 127 for each 32. */
    void (*quantize)(const tj_quant_rows *to, size_t row, size_t n_rows, const float *x, size_t in);
    /* y[r * ldy + j] = x_r . w_j for the 16 outputs j of a panel and rows r in [0, rows) of the
     * operand: whole tiles, of which only the last may have fewer rows. */
    void (*mul[TJ_N_PANEL_TYPES])(float *y, size_t ldy, const tj_operand *x,
                                  const unsigned char *panel, size_t in, size_t rows);
} tj_panel_kernels;

/* The best table of this CPU, chosen once; TABIJI_ISA=generic|avx2|avx512 in the environment forces
 * a lower one, for tests. */
const tj_panel_kernels *tj_panel_kernels_get(void);

extern const tj_panel_kernels tj_panel_kernels_generic;
#if defined(__x86_64__)
extern const tj_panel_kernels tj_panel_kernels_avx2;
extern const tj_panel_kernels tj_panel_kernels_avx512vnni;
#endif

#endif
