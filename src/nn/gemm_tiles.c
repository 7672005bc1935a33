/* Products of bf16 by the kernels' mm, whose tile registers (AMX) take operands with any row stride
 * and give f32. oneDNN 2 has such kernels for dense operands alone; it does strided ones and
 * transposed ones (weight gradients) at a third of the speed (docs/benchmarks.md).
 *
 * B goes in panels of PANEL columns, [k / 2] cells of two successive k each, which stay in the
 * first cache while all rows of A pass by; k is cut so that they fit. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"
#include "nn/gemm_parts.h"
#include "nn/kernels.h"

#define PANEL   32  /* columns: two tiles */
#define K_CELLS 320 /* cells of k at a time, at most: a panel of 40 KiB in a cache of 48 */

typedef struct slot { /* one thread's scratch */
    uint32_t *pairs,
        *left;         /* transposed rows of A as pairs [K_CELLS][m], and as rows [m][K_CELLS] */
    uint32_t *panel;   /* [K_CELLS][PANEL] of a B that is not weights */
    uint16_t *rounded; /* [k][PANEL] a panel of weights in bf16 */
    float *out;        /* [m][PANEL] of a C in bf16 */
} slot;

struct tj_tile_gemm {
    tj_gemm_spec spec;
    const tj_kernels *k;
    size_t n_slots;
    slot *slots; /* [n_slots], one a thread */
};

/* A weight gradient: A transposed times B, both activations, added to C. */
static bool is_sum(const tj_gemm_spec *s)
{
    return s->a_transposed && s->accumulate && s->out == TJ_F32 && s->b_stride_n == 1;
}

bool tj_tile_gemm_fits(const tj_gemm_spec *s)
{
    return tj_kernels_get()->tiles && s->dtype == TJ_BF16 && s->m % 16 == 0 && s->n % 16 == 0 &&
           s->k % 32 == 0 && s->lda % 2 == 0 && (s->b_weights ? !s->a_transposed : is_sum(s));
}

static bool make_slot(slot *s, const tj_gemm_spec *spec)
{
    bool ok;
    if (spec->b_weights) {
        s->rounded = tj_aligned_array(spec->k * PANEL, sizeof *s->rounded);
        ok = s->rounded != NULL;
    } else {
        s->pairs = tj_aligned_array(K_CELLS * spec->m, sizeof *s->pairs);
        s->left = tj_aligned_array(K_CELLS * spec->m, sizeof *s->left);
        s->panel = tj_aligned_array(K_CELLS * PANEL, sizeof *s->panel);
        ok = s->pairs != NULL && s->left != NULL && s->panel != NULL;
    }
    if (spec->out == TJ_BF16) {
        s->out = tj_aligned_array(spec->m * PANEL, sizeof *s->out);
        ok = ok && s->out != NULL;
    }
    return ok;
}

tj_code tj_tile_gemm_create(tj_tile_gemm **out, const tj_gemm_spec *spec, tj_err *err)
{
    *out = NULL;
    tj_tile_gemm *g = tj_calloc(1, sizeof *g);
    bool ok = g != NULL;
    if (ok) {
        g->spec = *spec;
        g->k = tj_kernels_get();
        g->n_slots = tj_par_threads();
        g->slots = tj_calloc(g->n_slots, sizeof *g->slots);
        ok = g->slots != NULL;
    }
    for (size_t i = 0; ok && i < g->n_slots; i++) {
        ok = make_slot(&g->slots[i], spec);
    }
    if (!ok) {
        tj_tile_gemm_destroy(g);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a product of [%zu, %zu] by [%zu, %zu]",
                       spec->m, spec->k, spec->k, spec->n);
    }
    *out = g;
    return TJ_OK;
}

void tj_tile_gemm_destroy(tj_tile_gemm *g)
{
    if (g == NULL) {
        return;
    }
    for (size_t i = 0; g->slots != NULL && i < g->n_slots; i++) {
        tj_free(g->slots[i].pairs);
        tj_free(g->slots[i].left);
        tj_free(g->slots[i].panel);
        tj_free(g->slots[i].rounded);
        tj_free(g->slots[i].out);
    }
    tj_free(g->slots);
    tj_free(g);
}

static size_t panel_width(const tj_gemm_spec *s, size_t column)
{
    return s->n - column < PANEL ? s->n - column : PANEL;
}

size_t tj_tile_gemm_packed_bytes(const tj_tile_gemm *g)
{
    return g->spec.b_weights ? g->spec.k * g->spec.n * sizeof(uint16_t) : 0;
}

void tj_tile_gemm_pack(const tj_tile_gemm *g, size_t thread, void *packed, const float *weights)
{
    const tj_gemm_spec *s = &g->spec;
    uint16_t *rounded = g->slots[thread].rounded;
    for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
        size_t width = panel_width(s, n0);
        uint16_t *panel = (uint16_t *)packed + n0 * s->k;
        if (s->b_stride_k == 1) {
            for (size_t j = 0; j < width; j++) {
                g->k->to_act(rounded + j * s->k, TJ_BF16, weights + (n0 + j) * s->b_stride_n, s->k);
            }
            g->k->pack_cols(panel, rounded, s->k, width, s->k, width, TJ_BF16);
            continue;
        }
        for (size_t i = 0; i < s->k; i++) {
            g->k->to_act(rounded + i * width, TJ_BF16, weights + i * s->b_stride_k + n0, width);
        }
        g->k->pack_rows(panel, rounded, width, s->k, width, width, s->k, TJ_BF16);
    }
}

/* C in f32, or by way of the slot in bf16. */
static void run_weights(const tj_tile_gemm *g, const slot *t, const uint32_t *a, const uint32_t *b,
                        void *c)
{
    const tj_gemm_spec *s = &g->spec;
    for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
        size_t width = panel_width(s, n0);
        const uint32_t *panel = b + n0 * (s->k / 2);
        float *to = s->out == TJ_F32 ? (float *)c + n0 : t->out;
        size_t ld = s->out == TJ_F32 ? s->ldc : PANEL;
        for (size_t k0 = 0; k0 < s->k / 2; k0 += K_CELLS) {
            size_t n = s->k / 2 - k0 < K_CELLS ? s->k / 2 - k0 : K_CELLS;
            g->k->mm(to, ld, a + k0, s->lda / 2, 1, panel + k0 * width, width, s->m, width, n,
                     TJ_BF16, s->accumulate || k0 > 0);
        }
        for (size_t i = 0; s->out == TJ_BF16 && i < s->m; i++) {
            g->k->to_act((uint16_t *)c + i * s->ldc + n0, TJ_BF16, to + i * PANEL, width);
        }
    }
}

/* n_rows of A and B, up to two for each of K_CELLS. */
static void add_rows(const tj_tile_gemm *g, const slot *t, const uint16_t *a, const uint16_t *b,
                     float *c, size_t n_rows)
{
    const tj_gemm_spec *s = &g->spec;
    size_t n_cells = n_rows / 2;
    g->k->pack_rows(t->pairs, a, s->lda, n_rows, s->m, s->m, n_rows, TJ_BF16);
    /* cells are values of two bf16 to pack_cols, too: it turns the pairs' rows into columns */
    g->k->pack_cols(t->left, t->pairs, 2 * s->m, n_cells, 2 * s->m, n_cells, TJ_BF16);
    for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
        size_t width = panel_width(s, n0);
        g->k->pack_rows(t->panel, b + n0, s->b_stride_k, n_rows, width, width, n_rows, TJ_BF16);
        g->k->mm(c + n0, s->ldc, t->left, n_cells, 1, t->panel, width, s->m, width, n_cells,
                 TJ_BF16, 1);
    }
}

void tj_tile_gemm_run(const tj_tile_gemm *g, size_t thread, const void *a, const void *b, void *c)
{
    TJ_DASSERT(thread < g->n_slots);
    if (g->spec.b_weights) {
        run_weights(g, &g->slots[thread], a, b, c);
    } else {
        tj_tile_gemm_sum(g, thread, a, b, c, 1);
    }
}

/* Tiles add to C one cell of k after the other, so that how many go at once changes no bit. */
void tj_tile_gemm_sum(const tj_tile_gemm *g, size_t thread, const void *a, const void *b, float *c,
                      size_t times)
{
    TJ_DASSERT(thread < g->n_slots && !g->spec.b_weights);
    const tj_gemm_spec *s = &g->spec;
    size_t n_rows = times * s->k;
    for (size_t row = 0; row < n_rows; row += 2 * K_CELLS) {
        size_t n = n_rows - row < 2 * K_CELLS ? n_rows - row : 2 * K_CELLS;
        add_rows(g, &g->slots[thread], (const uint16_t *)a + row * s->lda,
                 (const uint16_t *)b + row * s->b_stride_k, c, n);
    }
}
