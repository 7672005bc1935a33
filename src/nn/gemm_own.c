/* Products of bf16 by the kernels' mm, where the CPU multiplies pairs of bf16. Operands may have
 * any row stride, and C is f32. oneDNN 2 is slower at a tile's number of rows: with tile registers
 * (AMX) it has kernels for dense operands alone, and does strided and transposed ones (weight
 * gradients) at a third of the speed; without them it is up to a tenth slower and packs weights
 * at a quarter of the speed (docs/architecture.md).
 *
 * B goes in panels of PANEL columns, [k / 2] cells of two successive k each, which stay in the
 * first cache while all rows of A pass by; k is cut so that they fit. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"
#include "nn/gemm_parts.h"
#include "nn/kernels.h"

#define PANEL       32  /* columns: two tiles, or two registers */
#define PACKED_ROWS 16  /* of weights that are packed at a time, where they stand along n */
#define GROUP       4   /* panels of a B that is not weights that are packed at a time */
#define LINE        16  /* floats of a cache line */
#define K_CELLS     320 /* cells of k at a time, at most: a panel of 40 KiB in a cache of 48 */

typedef struct slot { /* one thread's scratch */
    uint32_t *pairs;  /* panels of a transposed A in pairs, [m / PANEL][K_CELLS][PANEL], */
    uint32_t *left;   /* and as rows [m][K_CELLS], which tiles want; else NULL */
    uint32_t *panel;  /* [GROUP][K_CELLS][PANEL] of a B that is not weights */
    /* weights in bf16: a panel of them [PANEL][k], or some rows [PACKED_ROWS][n] */
    uint16_t *rounded;
    float *out; /* [m][PANEL] of a C in bf16 */
} slot;

struct tj_own_gemm {
    tj_gemm_spec spec;
    const tj_kernels *k;
    size_t n_slots;
    slot *slots; /* [n_slots], one a thread */
};

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A weight gradient: A transposed times B, both activations, added to C. */
static bool is_sum(const tj_gemm_spec *s)
{
    return s->a_transposed && s->accumulate && s->out == TJ_F32 && s->b_stride_n == 1;
}

bool tj_own_gemm_fits(const tj_gemm_spec *s)
{
    return tj_kernels_get()->pairs && s->dtype == TJ_BF16 && s->m % 16 == 0 && s->n % 16 == 0 &&
           s->k % 32 == 0 && s->lda % 2 == 0 && (s->b_weights ? !s->a_transposed : is_sum(s));
}

static bool make_slot(slot *s, const tj_gemm_spec *spec)
{
    bool ok;
    if (spec->b_weights) {
        size_t n = spec->b_stride_k == 1 ? spec->k * PANEL : spec->n * PACKED_ROWS;
        s->rounded = tj_aligned_array(n, sizeof *s->rounded);
        ok = s->rounded != NULL;
    } else {
        s->pairs = tj_aligned_array(K_CELLS * spec->m, sizeof *s->pairs);
        s->panel = tj_aligned_array(K_CELLS * GROUP * PANEL, sizeof *s->panel);
        ok = s->pairs != NULL && s->panel != NULL;
    }
    if (!spec->b_weights && tj_kernels_get()->tiles) {
        s->left = tj_aligned_array(K_CELLS * spec->m, sizeof *s->left);
        ok = ok && s->left != NULL;
    }
    if (spec->out == TJ_BF16) {
        s->out = tj_aligned_array(spec->m * PANEL, sizeof *s->out);
        ok = ok && s->out != NULL;
    }
    return ok;
}

tj_code tj_own_gemm_create(tj_own_gemm **out, const tj_gemm_spec *spec, tj_err *err)
{
    *out = NULL;
    tj_own_gemm *g = tj_calloc(1, sizeof *g);
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
        tj_own_gemm_destroy(g);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a product of [%zu, %zu] by [%zu, %zu]",
                       spec->m, spec->k, spec->k, spec->n);
    }
    *out = g;
    return TJ_OK;
}

void tj_own_gemm_destroy(tj_own_gemm *g)
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
    return min_size(s->n - column, PANEL);
}

size_t tj_own_gemm_packed_bytes(const tj_own_gemm *g)
{
    return g->spec.b_weights ? g->spec.k * g->spec.n * sizeof(uint16_t) : 0;
}

/* Rows [row, row + PACKED_ROWS) of n columns, at `rows`, into their panels of [n_rows / 2][PANEL]
 * pairs. */
static void put_rows(const tj_own_gemm *g, uint32_t *panels, size_t n_rows, size_t row,
                     const uint16_t *rows, size_t ld, size_t n)
{
    for (size_t j = 0; j < n; j += PANEL) {
        size_t width = min_size(n - j, PANEL);
        g->k->pack_rows(panels + j * (n_rows / 2) + row / 2 * width, rows + j, ld, PACKED_ROWS,
                        width, width, PACKED_ROWS, TJ_BF16);
    }
}

/* Weights that stand along k: a panel is some whole rows of them. */
static void pack_panels(const tj_own_gemm *g, uint16_t *rounded, uint32_t *packed, const float *w)
{
    const tj_gemm_spec *s = &g->spec;
    for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
        size_t width = panel_width(s, n0);
        for (size_t j = 0; j < width; j++) {
            g->k->to_act(rounded + j * s->k, TJ_BF16, w + (n0 + j) * s->b_stride_n, s->k);
        }
        g->k->pack_cols(packed + n0 * (s->k / 2), rounded, s->k, width, s->k, width, TJ_BF16);
    }
}

/* Weights that stand along n: whole rows are read, and each panel gets its part of them. */
static void pack_rows(const tj_own_gemm *g, uint16_t *rounded, uint32_t *packed, const float *w)
{
    const tj_gemm_spec *s = &g->spec;
    for (size_t k0 = 0; k0 < s->k; k0 += PACKED_ROWS) {
        for (size_t i = 0; i < PACKED_ROWS; i++) {
            g->k->to_act(rounded + i * s->n, TJ_BF16, w + (k0 + i) * s->b_stride_k, s->n);
        }
        put_rows(g, packed, s->k, k0, rounded, s->n, s->n);
    }
}

void tj_own_gemm_pack(const tj_own_gemm *g, size_t thread, void *packed, const float *weights)
{
    uint16_t *rounded = g->slots[thread].rounded;
    if (g->spec.b_stride_k == 1) {
        pack_panels(g, rounded, packed, weights);
    } else {
        pack_rows(g, rounded, packed, weights);
    }
}

/* Fetches rows of C, n floats each, into a cache while others are added to. */
static void fetch_rows(const float *c, size_t n_rows, size_t ldc, size_t n)
{
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t at = 0; at < n; at += LINE) {
            __builtin_prefetch(c + i * ldc + at, 1, 2);
        }
    }
}

/* A panel's part of k, from k0 on, into C's columns or the slot's. */
static void run_panel(const tj_own_gemm *g, float *c, size_t ldc, const uint32_t *a,
                      const uint32_t *b, size_t n0, size_t k0)
{
    const tj_gemm_spec *s = &g->spec;
    size_t width = panel_width(s, n0);
    size_t n = min_size(s->k / 2 - k0, K_CELLS);
    g->k->mm(c, ldc, a + k0, s->lda / 2, 1, b + n0 * (s->k / 2) + k0 * width, width, s->m, width, n,
             TJ_BF16, s->accumulate || k0 > 0);
}

/* A part of A stays in the second cache while all panels' parts pass by. */
static void run_to_f32(const tj_own_gemm *g, const uint32_t *a, const uint32_t *b, float *c)
{
    const tj_gemm_spec *s = &g->spec;
    for (size_t k0 = 0; k0 < s->k / 2; k0 += K_CELLS) {
        for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
            run_panel(g, c + n0, s->ldc, a, b, n0, k0);
        }
    }
}

static void run_to_bf16(const tj_own_gemm *g, const slot *t, const uint32_t *a, const uint32_t *b,
                        uint16_t *c)
{
    const tj_gemm_spec *s = &g->spec;
    for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
        for (size_t k0 = 0; k0 < s->k / 2; k0 += K_CELLS) {
            run_panel(g, t->out, PANEL, a, b, n0, k0);
        }
        for (size_t i = 0; i < s->m; i++) {
            g->k->to_act(c + i * s->ldc + n0, TJ_BF16, t->out + i * PANEL, panel_width(s, n0));
        }
    }
}

/* n_rows of n columns in panels of [n_rows / 2][PANEL] pairs; whole rows are read. */
static void pack_sum(const tj_own_gemm *g, uint32_t *panels, const uint16_t *rows, size_t ld,
                     size_t n, size_t n_rows)
{
    for (size_t row = 0; row < n_rows; row += PACKED_ROWS) {
        put_rows(g, panels, n_rows, row, rows + row * ld, ld, n);
    }
}

/* The panels of A as rows [m][n_cells]: pairs are values of two bf16 to pack_cols, too. */
static void turn_panels(const tj_own_gemm *g, const slot *t, size_t n_cells)
{
    for (size_t i = 0; i < g->spec.m; i += PANEL) {
        size_t width = min_size(g->spec.m - i, PANEL);
        g->k->pack_cols(t->left + i * n_cells, t->pairs + i * n_cells, 2 * width, n_cells,
                        2 * width, n_cells, TJ_BF16);
    }
}

/* Columns [n0, n0 + width) of C, of which the next rows are fetched while some are added to. */
static void add_panel(const tj_own_gemm *g, const slot *t, const uint32_t *panel, float *c,
                      size_t width, size_t n_cells)
{
    const tj_gemm_spec *s = &g->spec;
    if (t->left != NULL) {
        g->k->mm(c, s->ldc, t->left, n_cells, 1, panel, width, s->m, width, n_cells, TJ_BF16, 1);
        return;
    }
    for (size_t i = 0; i < s->m; i += PANEL) {
        size_t n = min_size(s->m - i, PANEL);
        float *to = c + i * s->ldc;
        fetch_rows(to + n * s->ldc, min_size(s->m - i - n, PANEL), s->ldc, width);
        g->k->mm(to, s->ldc, t->pairs + i * n_cells, 1, n, panel, width, n, width, n_cells, TJ_BF16,
                 1);
    }
}

/* n_rows of A and B, up to two for each of K_CELLS. */
static void add_rows(const tj_own_gemm *g, const slot *t, const uint16_t *a, const uint16_t *b,
                     float *c, size_t n_rows)
{
    const tj_gemm_spec *s = &g->spec;
    size_t n_cells = n_rows / 2;
    pack_sum(g, t->pairs, a, s->lda, s->m, n_rows);
    if (t->left != NULL) {
        turn_panels(g, t, n_cells);
    }
    for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
        size_t in_group = n0 % (GROUP * PANEL);
        if (in_group == 0) {
            pack_sum(g, t->panel, b + n0, s->b_stride_k, min_size(s->n - n0, GROUP * PANEL),
                     n_rows);
        }
        add_panel(g, t, t->panel + in_group * n_cells, c + n0, panel_width(s, n0), n_cells);
    }
}

void tj_own_gemm_run(const tj_own_gemm *g, size_t thread, const void *a, const void *b, void *c)
{
    TJ_DASSERT(thread < g->n_slots);
    if (!g->spec.b_weights) {
        tj_own_gemm_sum(g, thread, a, b, c, 1);
    } else if (g->spec.out == TJ_F32) {
        run_to_f32(g, a, b, c);
    } else {
        run_to_bf16(g, &g->slots[thread], a, b, c);
    }
}

/* Tiles add to C one cell of k after the other, so that how many go at once changes no bit. */
void tj_own_gemm_sum(const tj_own_gemm *g, size_t thread, const void *a, const void *b, float *c,
                     size_t times)
{
    TJ_DASSERT(thread < g->n_slots && !g->spec.b_weights);
    const tj_gemm_spec *s = &g->spec;
    size_t n_rows = times * s->k;
    for (size_t row = 0; row < n_rows; row += 2 * K_CELLS) {
        size_t n = min_size(n_rows - row, 2 * K_CELLS);
        add_rows(g, &g->slots[thread], (const uint16_t *)a + row * s->lda,
                 (const uint16_t *)b + row * s->b_stride_k, c, n);
    }
}
