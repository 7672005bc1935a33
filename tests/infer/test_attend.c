/* Attention over the KV forest against a double reference, for windows, scales, grouped heads and
 * head widths that do not fill a vector, in f32 and bf16, on every instruction set of this machine;
 * and bit for bit against itself with the same path cut elsewhere. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/par.h"
#include "base/rng.h"
#include "infer/attend.h"

#define MAX_LEN 80

typedef struct shape {
    size_t n_heads, n_kv_heads, head_dim, window;
    double scale;
} shape;

static const shape shapes[] = {{1, 1, 2, 0, 0.0},   {4, 2, 8, 0, 0.0},   {6, 2, 16, 5, 0.5},
                               {5, 1, 24, 16, 0.0}, {8, 8, 32, 17, 0.0}, {7, 1, 64, 1, 0.0},
                               {4, 1, 80, 0, 0.1},  {2, 1, 128, 33, 0.0}};
#define N_SHAPES (sizeof shapes / sizeof shapes[0])

/* q [len, H, D], k and v [len, G, D] of one path, and the attention over them. */
typedef struct data {
    tj_model_config cfg;
    float *q, *k, *v, *out;
} data;

static float *draw(size_t n, double spread, uint64_t seed)
{
    float *x = tj_calloc(n, sizeof *x);
    assert_non_null(x);
    tj_rng rng;
    tj_rng_init(&rng, seed, 0, 0, 0);
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)(spread * tj_rng_normal(&rng));
    }
    return x;
}

static data make(const shape *s)
{
    data d = {.cfg = {.n_layers = 2,
                      .n_heads = s->n_heads,
                      .n_kv_heads = s->n_kv_heads,
                      .head_dim = s->head_dim}};
    d.cfg.layer[1] = (tj_layer_attn){.window = s->window, .scale = s->scale};
    d.q = draw(MAX_LEN * s->n_heads * s->head_dim, 2.0, 1);
    d.k = draw(MAX_LEN * s->n_kv_heads * s->head_dim, 1.0, 2);
    d.v = draw(MAX_LEN * s->n_kv_heads * s->head_dim, 1.0, 3);
    d.out = draw(MAX_LEN * s->n_heads * s->head_dim, 1.0, 4);
    return d;
}

static void unmake(data *d)
{
    tj_free(d->q);
    tj_free(d->k);
    tj_free(d->v);
    tj_free(d->out);
}

/* One call, as tj_infer makes it: rows from t on. */
static void run_call(tj_attn_call *call, const data *d, size_t t)
{
    size_t q_width = d->cfg.n_heads * d->cfg.head_dim;
    size_t kv_width = d->cfg.n_kv_heads * d->cfg.head_dim;
    tj_attend attend = tj_attn_attend(call);
    for (size_t r = 0; r < call->n_rows; r++) {
        attend.store(attend.ctx, 1, r, d->k + (t + r) * kv_width, d->v + (t + r) * kv_width);
    }
    for (size_t i = 0; i < attend.n_items; i++) {
        attend.attend(attend.ctx, 1, i, 0, d->q + t * q_width, d->out + t * q_width);
    }
}

/* softmax(scale q k) v over the visible positions, in double. */
static void reference(double *out, const data *d, const shape *s, size_t pos, size_t head)
{
    double weights[MAX_LEN];
    size_t D = s->head_dim;
    size_t g = head / (s->n_heads / s->n_kv_heads);
    size_t begin = s->window > 0 && s->window < pos + 1 ? pos + 1 - s->window : 0;
    double scale = s->scale > 0.0 ? s->scale : 1.0 / sqrt((double)D);
    double max = -HUGE_VAL;
    double sum = 0.0;
    for (size_t t = begin; t <= pos; t++) {
        double dot = 0.0;
        for (size_t i = 0; i < D; i++) {
            dot += (double)d->q[(pos * s->n_heads + head) * D + i] *
                   (double)d->k[(t * s->n_kv_heads + g) * D + i];
        }
        weights[t] = scale * dot;
        max = fmax(max, weights[t]);
    }
    memset(out, 0, D * sizeof *out);
    for (size_t t = begin; t <= pos; t++) {
        double w = exp(weights[t] - max);
        sum += w;
        for (size_t i = 0; i < D; i++) {
            out[i] += w * (double)d->v[(t * s->n_kv_heads + g) * D + i];
        }
    }
    for (size_t i = 0; i < D; i++) {
        out[i] /= sum;
    }
}

/* A list for each row that ends at it, as of branches that share what stands before. */
static tj_kvchunk *lists_apart(tj_attn_row *rows)
{
    tj_kvchunk *lists = tj_calloc((size_t)MAX_LEN * MAX_LEN, sizeof *lists);
    assert_non_null(lists);
    for (size_t t = 0; t < MAX_LEN; t++) {
        tj_kvchunk *own = lists + t * MAX_LEN;
        size_t n = 0, at = 0;
        while (at <= t) {
            own[n] = rows[t].chunks[n];
            own[n].n = own[n].n < t + 1 - at ? own[n].n : (uint32_t)(t + 1 - at);
            at += own[n++].n;
        }
        rows[t].chunks = own;
        rows[t].n_chunks = n;
    }
    return lists;
}

/* Runs all positions of the path at once, in layer 1, with the path cut into segments: bit i of
 * `cuts` set means that a segment starts at token i. A segment after the first starts a fresh block
 * where `fresh` says so, and otherwise goes on in the block of the one before, like the tail of a
 * split. Calls of `batch` rows, whose chunks stand in one list, or `apart`. */
static void attend(data *d, tj_dtype dtype, const tj_infer_kernels *kernels, const bool *cuts,
                   bool fresh, bool apart, size_t batch, size_t block_tokens)
{
    tj_attn_layout layout;
    assert_int_equal(tj_attn_layout_init(&layout, &d->cfg, dtype, block_tokens, NULL), TJ_OK);
    layout.kernels = kernels;
    unsigned char *blocks = tj_aligned_array(MAX_LEN, layout.block_bytes);
    size_t n_floats = tj_attn_scratch_floats(&layout, MAX_LEN);
    float *scratch = tj_aligned_array(tj_par_threads(), n_floats * sizeof *scratch);
    assert_non_null(blocks);
    assert_non_null(scratch);
    memset(blocks, 0x7f, MAX_LEN * layout.block_bytes); /* what is not written must not matter */
    tj_kvchunk chunks[MAX_LEN];
    tj_attn_row rows[MAX_LEN];
    size_t common[MAX_LEN];
    size_t n_chunks = 0;
    size_t block = 0;
    size_t slot = 0;
    for (size_t t = 0; t < MAX_LEN; t++) {
        bool cut = t > 0 && cuts[t];
        if (t > 0 && (slot == block_tokens || (cut && fresh))) {
            block++;
            slot = 0;
        }
        if (t == 0 || cut || slot == 0) {
            chunks[n_chunks++] =
                (tj_kvchunk){.block = blocks + block * layout.block_bytes, .slot = (uint32_t)slot};
        }
        chunks[n_chunks - 1].n++;
        rows[t] = (tj_attn_row){.chunks = chunks,
                                .pos = t,
                                .block = blocks + block * layout.block_bytes,
                                .slot = slot++};
    }
    for (size_t t = 0; t < MAX_LEN; t++) {
        rows[t].n_chunks = n_chunks;
    }
    tj_kvchunk *lists = apart ? lists_apart(rows) : NULL;
    for (size_t t = 0; t < MAX_LEN; t += batch) {
        size_t n = MAX_LEN - t < batch ? MAX_LEN - t : batch;
        tj_attn_call call = {.layout = &layout,
                             .rows = rows + t,
                             .n_rows = n,
                             .max_len = MAX_LEN,
                             .scratch = scratch,
                             .common = common};
        run_call(&call, d, t);
    }
    tj_free(lists);
    tj_free(blocks);
    tj_free(scratch);
}

static void check_against_reference(const data *d, const shape *s, double tolerance)
{
    double want[TJ_MAX_HEAD_DIM];
    for (size_t pos = 0; pos < MAX_LEN; pos++) {
        for (size_t head = 0; head < s->n_heads; head++) {
            reference(want, d, s, pos, head);
            for (size_t i = 0; i < s->head_dim; i++) {
                double got = (double)d->out[(pos * s->n_heads + head) * s->head_dim + i];
                if (!(fabs(got - want[i]) <= tolerance)) {
                    fail_msg("H %zu D %zu pos %zu head %zu: %g, want %g", s->n_heads, s->head_dim,
                             pos, head, got, want[i]);
                }
            }
        }
    }
}

static size_t tables(const tj_infer_kernels **out)
{
    size_t n = 0;
    out[n++] = &tj_infer_kernels_generic;
#if defined(__x86_64__)
    const char *best = tj_infer_kernels_get()->isa;
    if (strcmp(best, "generic") != 0) {
        out[n++] = &tj_infer_kernels_avx2;
    }
    if (strcmp(best, "avx512") == 0) {
        out[n++] = &tj_infer_kernels_avx512;
    }
#endif
    return n;
}

/* 1e-5 absolute: some twenty roundings of sums of up to 128 products of order 1. */
static void attention_equals_the_double_reference(void **state)
{
    (void)state;
    const tj_infer_kernels *isa[3];
    size_t n_isa = tables(isa);
    bool cuts[MAX_LEN] = {false};
    for (size_t i = 0; i < N_SHAPES; i++) {
        data d = make(&shapes[i]);
        for (size_t t = 0; t < n_isa; t++) {
            attend(&d, TJ_F32, isa[t], cuts, true, false, MAX_LEN, 16);
            check_against_reference(&d, &shapes[i], 1e-5);
        }
        unmake(&d);
    }
}

/* With keys and values that bf16 holds exactly, storing them in bf16 changes nothing. */
static void bf16_storage_rounds_keys_and_values_only(void **state)
{
    (void)state;
    const tj_infer_kernels *isa[3];
    size_t n_isa = tables(isa);
    bool cuts[MAX_LEN] = {false};
    for (size_t i = 0; i < N_SHAPES; i++) {
        data d = make(&shapes[i]);
        size_t n = MAX_LEN * shapes[i].n_kv_heads * shapes[i].head_dim;
        for (size_t t = 0; t < n_isa; t++) {
            attend(&d, TJ_BF16, isa[t], cuts, true, false, MAX_LEN, 16);
            check_against_reference(&d, &shapes[i], 0.08);
        }
        for (size_t j = 0; j < n; j++) {
            d.k[j] = roundf(d.k[j] * 8.0F) / 8.0F;
            d.v[j] = roundf(d.v[j] * 8.0F) / 8.0F;
        }
        for (size_t t = 0; t < n_isa; t++) {
            attend(&d, TJ_BF16, isa[t], cuts, true, false, MAX_LEN, 16);
            check_against_reference(&d, &shapes[i], 1e-5);
        }
        unmake(&d);
    }
}

static void the_cut_of_a_path_changes_no_bit(void **state)
{
    (void)state;
    const tj_infer_kernels *isa[3];
    size_t n_isa = tables(isa);
    tj_rng rng;
    tj_rng_init(&rng, 7, 0, 0, 0);
    for (size_t i = 0; i < N_SHAPES; i++) {
        data d = make(&shapes[i]);
        size_t bytes = MAX_LEN * shapes[i].n_heads * shapes[i].head_dim * sizeof(float);
        float *want = tj_malloc(bytes);
        assert_non_null(want);
        for (size_t t = 0; t < n_isa; t++) {
            bool cuts[MAX_LEN] = {false};
            attend(&d, TJ_F32, isa[t], cuts, true, false, MAX_LEN, 16);
            memcpy(want, d.out, bytes);
            for (size_t trial = 0; trial < 24; trial++) {
                for (size_t c = 0; c < MAX_LEN; c++) {
                    cuts[c] = tj_rng_below(&rng, 1 + trial) == 0;
                }
                memset(d.out, 0, bytes);
                attend(&d, TJ_F32, isa[t], cuts, trial % 2 == 0, trial / 2 % 2 == 0, 1 + trial * 3,
                       16 * (1 + trial % 3));
                assert_memory_equal(d.out, want, bytes);
            }
        }
        tj_free(want);
        unmake(&d);
    }
}

static void one_thread_and_two_give_the_same_bits(void **state)
{
    (void)state;
    bool cuts[MAX_LEN] = {false};
    data d = make(&shapes[2]);
    size_t bytes = MAX_LEN * shapes[2].n_heads * shapes[2].head_dim * sizeof(float);
    float *want = tj_malloc(bytes);
    assert_non_null(want);
    tj_par_set_threads(1);
    attend(&d, TJ_F32, tj_infer_kernels_get(), cuts, true, false, MAX_LEN, 16);
    memcpy(want, d.out, bytes);
    tj_par_set_threads(2);
    attend(&d, TJ_F32, tj_infer_kernels_get(), cuts, true, false, MAX_LEN, 16);
    assert_memory_equal(d.out, want, bytes);
    tj_par_set_threads(0);
    tj_free(want);
    unmake(&d);
}

static void layout_refuses_blocks_that_are_no_whole_vectors(void **state)
{
    (void)state;
    tj_model_config cfg = {.n_layers = 1, .n_heads = 1, .n_kv_heads = 1, .head_dim = 8};
    tj_attn_layout layout;
    tj_err err;
    assert_int_equal(tj_attn_layout_init(&layout, &cfg, TJ_F32, 0, &err), TJ_E_INVAL);
    assert_int_equal(tj_attn_layout_init(&layout, &cfg, TJ_F32, 24, &err), TJ_E_INVAL);
    assert_int_equal(tj_attn_layout_init(&layout, &cfg, TJ_F32, SIZE_MAX / 16 * 16 - 16, &err),
                     TJ_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_equals_the_double_reference),
        cmocka_unit_test(bf16_storage_rounds_keys_and_values_only),
        cmocka_unit_test(the_cut_of_a_path_changes_no_bit),
        cmocka_unit_test(one_thread_and_two_give_the_same_bits),
        cmocka_unit_test(layout_refuses_blocks_that_are_no_whole_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
