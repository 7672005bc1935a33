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
#define LEFT_PANEL  16  /* rows of a transposed A: two of the kernel's strips, a line of pairs */
#define K_CELLS     320 /* cells of k at a time, at most: a panel of 40 KiB in a cache of 48 */
#define SUM_CELLS   512 /* the same of a sum, whose C comes from memory each time */

typedef struct slot { /* one thread's scratch */
    uint32_t *pairs; /* [m / LEFT_PANEL][SUM_CELLS][LEFT_PANEL] of a transposed A that is not put */
    uint32_t *panels; /* [n / PANEL][SUM_CELLS][PANEL] of its B, if that is not put */
    uint32_t *left;   /* the former as rows [m][SUM_CELLS], which tiles want; else NULL */
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
        s->pairs = spec->a_put ? NULL : tj_aligned_array(SUM_CELLS * spec->m, sizeof *s->pairs);
        s->panels = spec->b_put ? NULL : tj_aligned_array(SUM_CELLS * spec->n, sizeof *s->panels);
        ok = (spec->a_put || s->pairs != NULL) && (spec->b_put || s->panels != NULL);
    }
    if (ok && !spec->b_weights && tj_kernels_get()->tiles) {
        s->left = tj_aligned_array(SUM_CELLS * spec->m, sizeof *s->left);
        ok = s->left != NULL;
    }
    if (ok && spec->out == TJ_BF16) {
        s->out = tj_aligned_array(spec->m * PANEL, sizeof *s->out);
        ok = s->out != NULL;
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
        tj_free(g->slots[i].panels);
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

/* PACKED_ROWS rows of n columns, into rows `at` on of panels of n_all rows: [n_all / 2][panel]
 * pairs each, the last one narrower. */
static void put_some(const tj_own_gemm *g, uint32_t *panels, size_t panel, size_t n_all, size_t at,
                     const uint16_t *rows, size_t ld, size_t n)
{
    for (size_t j = 0; j < n; j += panel) {
        size_t width = min_size(n - j, panel);
        g->k->pack_rows(panels + j * (n_all / 2) + at / 2 * width, rows + j, ld, PACKED_ROWS, width,
                        width, PACKED_ROWS, TJ_BF16);
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
        put_some(g, packed, PANEL, s->k, k0, rounded, s->n, s->n);
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

/* Where the part of B's panel from column n0 and cell k0 on stands. */
static const uint32_t *part_at(const tj_own_gemm *g, const uint32_t *b, size_t n0, size_t k0)
{
    return b + n0 * (g->spec.k / 2) + k0 * panel_width(&g->spec, n0);
}

/* Sums of A [m][k0 on] and a panel's part to `to`'s C; the part at `next` is fetched meanwhile. */
static void run_panel(const tj_own_gemm *g, tj_mm_panel to, const uint32_t *a, const uint32_t *b,
                      size_t n0, size_t k0, const uint32_t *next)
{
    const tj_gemm_spec *s = &g->spec;
    to.m = s->m;
    to.n = panel_width(s, n0);
    to.k = min_size(s->k / 2 - k0, K_CELLS);
    to.a = a + k0;
    to.rsa = s->lda / 2;
    to.csa = 1;
    to.b = part_at(g, b, n0, k0);
    to.next = next;
    to.next_stride = TJ_AHEAD_BYTES;
    to.n_next = to.k * to.n * sizeof *b / TJ_AHEAD_BYTES;
    if (g->k->tiles) {
        g->k->mm(to.c, to.ldc, to.a, to.rsa, 1, to.b, to.n, to.m, to.n, to.k, TJ_BF16,
                 to.from != NULL);
    } else {
        g->k->mm_panel(&to);
    }
}

/* A part of A stays in the second cache while all panels' parts pass by. */
static void run_to_f32(const tj_own_gemm *g, const uint32_t *a, const uint32_t *b, float *c)
{
    const tj_gemm_spec *s = &g->spec;
    for (size_t k0 = 0; k0 < s->k / 2; k0 += K_CELLS) {
        for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
            float *at = c + n0;
            tj_mm_panel to = {.c = at,
                              .ldc = s->ldc,
                              .from = s->accumulate || k0 > 0 ? at : NULL,
                              .ld_from = s->ldc,
                              .out = TJ_F32};
            bool last = n0 + PANEL >= s->n;
            run_panel(g, to, a, b, n0, k0,
                      last ? part_at(g, b, 0, k0 + K_CELLS) : part_at(g, b, n0 + PANEL, k0));
        }
    }
}

/* A panel's sums over parts of k are gathered in f32, and rounded with the last one. */
static void run_to_bf16(const tj_own_gemm *g, const slot *t, const uint32_t *a, const uint32_t *b,
                        uint16_t *c)
{
    const tj_gemm_spec *s = &g->spec;
    for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
        for (size_t k0 = 0; k0 < s->k / 2; k0 += K_CELLS) {
            bool last = k0 + K_CELLS >= s->k / 2;
            tj_mm_panel to = {.c = t->out,
                              .ldc = PANEL,
                              .from = k0 > 0 ? t->out : NULL,
                              .ld_from = PANEL,
                              .out = TJ_F32};
            if (last && !g->k->tiles) {
                to.c = c + n0;
                to.ldc = s->ldc;
                to.out = TJ_BF16;
            }
            run_panel(g, to, a, b, n0, k0,
                      last ? part_at(g, b, n0 + PANEL, 0) : part_at(g, b, n0, k0 + K_CELLS));
        }
        for (size_t i = 0; g->k->tiles && i < s->m; i++) {
            g->k->to_act(c + i * s->ldc + n0, TJ_BF16, t->out + i * PANEL, panel_width(s, n0));
        }
    }
}

/* n_rows of n columns, into rows `at` on of panels of n_all rows. */
static void put_rows(const tj_own_gemm *g, uint32_t *panels, size_t panel, size_t n_all, size_t at,
                     const uint16_t *rows, size_t ld, size_t n, size_t n_rows)
{
    for (size_t row = 0; row < n_rows; row += PACKED_ROWS) {
        put_some(g, panels, panel, n_all, at + row, rows + row * ld, ld, n);
    }
}

size_t tj_own_gemm_put_a_bytes(const tj_own_gemm *g, size_t width, size_t n_rows)
{
    return g->spec.a_put ? width * n_rows * sizeof(uint16_t) : 0;
}

size_t tj_own_gemm_put_b_bytes(const tj_own_gemm *g, size_t n_rows)
{
    return g->spec.b_put ? g->spec.n * n_rows * sizeof(uint16_t) : 0;
}

void tj_own_gemm_put_a(const tj_own_gemm *g, void *put, size_t width, size_t n_rows, size_t row,
                       const void *a)
{
    const tj_gemm_spec *s = &g->spec;
    put_rows(g, put, LEFT_PANEL, n_rows, row, a, s->lda, width, s->k);
}

void tj_own_gemm_put_b(const tj_own_gemm *g, void *put, size_t n_rows, size_t row, const void *b)
{
    const tj_gemm_spec *s = &g->spec;
    put_rows(g, put, PANEL, n_rows, row, b, s->b_stride_k, s->n, s->k);
}

/* An operand of a sum in panels. */
typedef struct sum_side {
    const uint32_t *panels;
    size_t n_cells; /* of a panel */
    size_t at;      /* the first that is meant */
} sum_side;

/* What is added to C at once: of panels that may go on for longer, n cells of each. */
typedef struct sum_part {
    sum_side a, b;
    size_t n;
} sum_part;

/* Those of the panel of A's rows from i on, and of B's columns from n0 on. */
static const uint32_t *cells_of_a(const sum_part *p, size_t i)
{
    return p->a.panels + i * p->a.n_cells + p->a.at * LEFT_PANEL;
}

static const uint32_t *cells_of_b(const tj_own_gemm *g, const sum_part *p, size_t n0)
{
    return p->b.panels + n0 * p->b.n_cells + p->b.at * panel_width(&g->spec, n0);
}

/* The panels of A as rows [m][n]: pairs are values of two bf16 to pack_cols, too. */
static void turn_panels(const tj_own_gemm *g, const slot *t, const sum_part *p)
{
    for (size_t i = 0; i < g->spec.m; i += LEFT_PANEL) {
        g->k->pack_cols(t->left + i * p->n, cells_of_a(p, i), 2 * LEFT_PANEL, p->n, 2 * LEFT_PANEL,
                        p->n, TJ_BF16);
    }
}

/* Columns [n0, n0 + width) of C, of which the next rows are fetched while some are added to. */
static void add_panel(const tj_own_gemm *g, const sum_part *p, size_t n0, float *c)
{
    const tj_gemm_spec *s = &g->spec;
    for (size_t i = 0; i < s->m; i += LEFT_PANEL) {
        float *to = c + i * s->ldc + n0;
        bool last = i + LEFT_PANEL >= s->m;
        g->k->mm_panel(&(tj_mm_panel){.m = LEFT_PANEL,
                                      .n = panel_width(s, n0),
                                      .k = p->n,
                                      .a = cells_of_a(p, i),
                                      .rsa = 1,
                                      .csa = LEFT_PANEL,
                                      .b = cells_of_b(g, p, n0),
                                      .from = to,
                                      .ld_from = s->ldc,
                                      .c = to,
                                      .ldc = s->ldc,
                                      .out = TJ_F32,
                                      .next = last ? c + n0 + PANEL : to + LEFT_PANEL * s->ldc,
                                      .next_stride = s->ldc * sizeof *to,
                                      .n_next = LEFT_PANEL});
    }
}

static void add_part(const tj_own_gemm *g, const slot *t, const sum_part *p, float *c)
{
    const tj_gemm_spec *s = &g->spec;
    if (t->left != NULL) {
        turn_panels(g, t, p);
    }
    for (size_t n0 = 0; n0 < s->n; n0 += PANEL) {
        if (t->left != NULL) {
            size_t width = panel_width(s, n0);
            g->k->mm(c + n0, s->ldc, t->left, p->n, 1, cells_of_b(g, p, n0), width, s->m, width,
                     p->n, TJ_BF16, 1);
        } else {
            add_panel(g, p, n0, c);
        }
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

/* Cells [cell, cell + n) of rows [2 * n_cells][width] that were not put, in panels of their own. */
static sum_side pack_side(const tj_own_gemm *g, uint32_t *own, size_t panel, const uint16_t *rows,
                          size_t ld, size_t width, size_t cell, size_t n)
{
    put_rows(g, own, panel, 2 * n, 0, rows + 2 * cell * ld, ld, width, 2 * n);
    return (sum_side){.panels = own, .n_cells = n};
}

/* Cells are added to C one after the other, so that how many go at once changes no bit. */
void tj_own_gemm_sum(const tj_own_gemm *g, size_t thread, const void *a, const void *b, float *c,
                     size_t times)
{
    TJ_DASSERT(thread < g->n_slots && !g->spec.b_weights);
    const tj_gemm_spec *s = &g->spec;
    const slot *t = &g->slots[thread];
    size_t n_cells = times * s->k / 2;
    for (size_t cell = 0; cell < n_cells; cell += SUM_CELLS) {
        size_t n = min_size(n_cells - cell, SUM_CELLS);
        sum_part p = {.a = {a, n_cells, cell}, .b = {b, n_cells, cell}, .n = n};
        if (!s->a_put) {
            p.a = pack_side(g, t->pairs, LEFT_PANEL, a, s->lda, s->m, cell, n);
        }
        if (!s->b_put) {
            p.b = pack_side(g, t->panels, PANEL, b, s->b_stride_k, s->n, cell, n);
        }
        add_part(g, t, &p, c);
    }
}
