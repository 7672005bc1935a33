/* Products by oneDNN 2.x. A primitive takes its number of threads from OpenMP when it is created;
 * we create it with one, and share the tiles out among threads ourselves. Builds without OpenMP
 * still link oneDNN's own OpenMP runtime, so its setter is looked up by name there. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "nn/gemm_parts.h"

#include <dlfcn.h>
#include <dnnl.h>
#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/par.h"

typedef struct slot { /* one thread's views of its arguments */
    dnnl_memory_t a, b, c, scratch;
    dnnl_stream_t stream;
    void *scratch_bytes;
} slot;

struct tj_dnnl_gemm {
    tj_gemm_spec spec;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t a_md, b_md, c_md;
    dnnl_memory_desc_t weights_md; /* of B as it is given */
    dnnl_primitive_t reorder;      /* from weights_md to b_md; NULL: they are the same */
    size_t n_slots;
    slot *slots; /* [n_slots], one a thread */
};

static dnnl_engine_t engine;
static dnnl_status_t engine_status;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_engine(void)
{
    engine_status = dnnl_engine_create(&engine, dnnl_cpu, 0);
}

static int omp_threads(int n) /* sets OpenMP's thread count; returns the earlier one */
{
    int (*get)(void);
    void (*set)(int);
    *(void **)&get = dlsym(RTLD_DEFAULT, "omp_get_max_threads");
    *(void **)&set = dlsym(RTLD_DEFAULT, "omp_set_num_threads");
    if (get == NULL || set == NULL) {
        return n;
    }
    int before = get();
    set(n);
    return before;
}

static dnnl_data_type_t type_of(tj_dtype dtype)
{
    return dtype == TJ_BF16 ? dnnl_bf16 : dnnl_f32;
}

static dnnl_status_t strided(dnnl_memory_desc_t *md, size_t rows, size_t cols, size_t stride_r,
                             size_t stride_c, dnnl_data_type_t type)
{
    dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)cols};
    dnnl_dims_t strides = {(dnnl_dim_t)stride_r, (dnnl_dim_t)stride_c};
    return dnnl_memory_desc_init_by_strides(md, 2, dims, type, strides);
}

/* Where B is weights, the layout that oneDNN likes best, if it is one of its own. Where it would
 * read plain rows anyway, the weights are read as they stand; but rows that lie a multiple of a
 * kilobyte apart fall on the same few lines of a cache and cost half the speed: those are copied,
 * moved off. Nor do we take a layout that pads its matrix: oneDNN would write zeros into the
 * padding of shared weights each time a view is set. */
static dnnl_status_t choose_weights(tj_dnnl_gemm *g)
{
    const tj_gemm_spec *s = &g->spec;
    const dnnl_blocking_desc_t *own = &g->b_md.format_desc.blocking;
    bool is_padded =
        g->b_md.padded_dims[0] != g->b_md.dims[0] || g->b_md.padded_dims[1] != g->b_md.dims[1];
    if (own->inner_nblks > 0 && !is_padded) {
        return dnnl_success;
    }
    if (s->dtype == TJ_F32 && (s->b_stride_k == 1 || s->b_stride_k % 256 != 0)) {
        g->b_md = g->weights_md;
        return dnnl_success;
    }
    return strided(&g->b_md, s->k, s->n, s->n % 256 == 0 ? s->n + 16 : s->n, 1, type_of(s->dtype));
}

static dnnl_status_t describe(tj_dnnl_gemm *g)
{
    const tj_gemm_spec *s = &g->spec;
    dnnl_data_type_t type = type_of(s->dtype);
    dnnl_dims_t dims = {(dnnl_dim_t)s->k, (dnnl_dim_t)s->n};
    dnnl_status_t st = strided(&g->a_md, s->m, s->k, s->a_transposed ? 1 : s->lda,
                               s->a_transposed ? s->lda : 1, type);
    if (st == dnnl_success) {
        st = strided(&g->c_md, s->m, s->n, s->ldc, 1, type_of(s->out));
    }
    if (st == dnnl_success) {
        st = strided(&g->weights_md, s->k, s->n, s->b_stride_k, s->b_stride_n,
                     s->b_weights ? dnnl_f32 : type);
    }
    g->b_md = g->weights_md;
    if (st == dnnl_success && s->b_weights) {
        st = dnnl_memory_desc_init_by_tag(&g->b_md, 2, dims, type, dnnl_format_tag_any);
    }
    return st;
}

static dnnl_status_t make_primitive(tj_dnnl_gemm *g)
{
    dnnl_matmul_desc_t op;
    dnnl_status_t st = dnnl_matmul_desc_init(&op, &g->a_md, &g->b_md, NULL, &g->c_md);
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t sum = NULL;
    if (st == dnnl_success) {
        st = dnnl_primitive_attr_create(&attr);
    }
    if (st == dnnl_success) {
        st = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    }
    if (st == dnnl_success && g->spec.accumulate) {
        st = dnnl_post_ops_create(&sum);
        if (st == dnnl_success) {
            st = dnnl_post_ops_append_sum(sum, 1.0F);
        }
        if (st == dnnl_success) {
            st = dnnl_primitive_attr_set_post_ops(attr, sum);
        }
    }
    if (st == dnnl_success) {
        st = dnnl_primitive_desc_create(&g->desc, &op, attr, engine, NULL);
    }
    if (st == dnnl_success) {
        st = dnnl_primitive_create(&g->primitive, g->desc);
    }
    if (sum != NULL) {
        dnnl_post_ops_destroy(sum);
    }
    if (attr != NULL) {
        dnnl_primitive_attr_destroy(attr);
    }
    return st;
}

static void drop_primitive(tj_dnnl_gemm *g)
{
    if (g->primitive != NULL) {
        dnnl_primitive_destroy(g->primitive);
    }
    if (g->desc != NULL) {
        dnnl_primitive_desc_destroy(g->desc);
    }
    g->primitive = NULL;
    g->desc = NULL;
}

/* The primitive in the layout of weights that is best, and what brings them there. */
static dnnl_status_t make_for_weights(tj_dnnl_gemm *g)
{
    g->b_md = *dnnl_primitive_desc_query_md(g->desc, dnnl_query_weights_md, 0);
    dnnl_memory_desc_t offered = g->b_md;
    dnnl_status_t st = choose_weights(g);
    if (st == dnnl_success && !dnnl_memory_desc_equal(&offered, &g->b_md)) {
        drop_primitive(g);
        st = make_primitive(g);
    }
    if (st != dnnl_success || dnnl_memory_desc_equal(&g->weights_md, &g->b_md)) {
        return st;
    }
    dnnl_primitive_desc_t desc = NULL;
    st = dnnl_reorder_primitive_desc_create(&desc, &g->weights_md, engine, &g->b_md, engine, NULL);
    if (st == dnnl_success) {
        st = dnnl_primitive_create(&g->reorder, desc);
        dnnl_primitive_desc_destroy(desc);
    }
    return st;
}

static tj_code make_slot(tj_dnnl_gemm *g, slot *s, tj_err *err)
{
    const dnnl_memory_desc_t *scratch_md =
        dnnl_primitive_desc_query_md(g->desc, dnnl_query_scratchpad_md, 0);
    size_t n = dnnl_memory_desc_get_size(scratch_md);
    s->scratch_bytes = tj_aligned_array(n == 0 ? 1 : n, 1);
    if (s->scratch_bytes == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu bytes of scratch for a product", n);
    }
    if (dnnl_memory_create(&s->a, &g->a_md, engine, DNNL_MEMORY_NONE) != dnnl_success ||
        dnnl_memory_create(&s->b, &g->b_md, engine, DNNL_MEMORY_NONE) != dnnl_success ||
        dnnl_memory_create(&s->c, &g->c_md, engine, DNNL_MEMORY_NONE) != dnnl_success ||
        dnnl_memory_create(&s->scratch, scratch_md, engine, s->scratch_bytes) != dnnl_success ||
        dnnl_stream_create(&s->stream, engine, dnnl_stream_default_flags) != dnnl_success) {
        return tj_fail(err, TJ_E_BACKEND, "oneDNN cannot make the memory of a product");
    }
    return TJ_OK;
}

tj_code tj_dnnl_gemm_create(tj_dnnl_gemm **out, const tj_gemm_spec *spec, tj_err *err)
{
    *out = NULL;
    pthread_once(&once, make_engine);
    if (engine_status != dnnl_success) {
        return tj_fail(err, TJ_E_BACKEND, "oneDNN cannot start (status %d)", (int)engine_status);
    }
    tj_dnnl_gemm *g = tj_calloc(1, sizeof *g);
    if (g == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a product");
    }
    g->spec = *spec;
    tj_code rc = TJ_OK;
    int before = omp_threads(1);
    dnnl_status_t st = describe(g);
    if (st == dnnl_success) {
        st = make_primitive(g);
    }
    if (st == dnnl_success && spec->b_weights) {
        st = make_for_weights(g);
    }
    omp_threads(before);
    if (st != dnnl_success) {
        rc = tj_fail(err, TJ_E_BACKEND, "oneDNN cannot multiply [%zu, %zu] by [%zu, %zu] in %s",
                     spec->m, spec->k, spec->k, spec->n, tj_dtype_name(spec->dtype));
        goto out;
    }
    g->n_slots = tj_par_threads();
    g->slots = tj_calloc(g->n_slots, sizeof *g->slots);
    if (g->slots == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot allocate a product");
        goto out;
    }
    for (size_t i = 0; i < g->n_slots && rc == TJ_OK; i++) {
        rc = make_slot(g, &g->slots[i], err);
    }
out:
    if (rc != TJ_OK) {
        tj_dnnl_gemm_destroy(g);
        return rc;
    }
    *out = g;
    return TJ_OK;
}

void tj_dnnl_gemm_destroy(tj_dnnl_gemm *g)
{
    if (g == NULL) {
        return;
    }
    for (size_t i = 0; g->slots != NULL && i < g->n_slots; i++) {
        slot *s = &g->slots[i];
        dnnl_memory_t memories[] = {s->a, s->b, s->c, s->scratch};
        for (size_t j = 0; j < sizeof memories / sizeof memories[0]; j++) {
            if (memories[j] != NULL) {
                dnnl_memory_destroy(memories[j]);
            }
        }
        if (s->stream != NULL) {
            dnnl_stream_destroy(s->stream);
        }
        tj_free(s->scratch_bytes);
    }
    tj_free(g->slots);
    drop_primitive(g);
    if (g->reorder != NULL) {
        dnnl_primitive_destroy(g->reorder);
    }
    tj_free(g);
}

size_t tj_dnnl_gemm_packed_bytes(const tj_dnnl_gemm *g)
{
    return g->reorder == NULL ? 0 : dnnl_memory_desc_get_size(&g->b_md);
}

tj_code tj_dnnl_gemm_pack(const tj_dnnl_gemm *g, size_t thread, void *packed, const float *weights,
                          tj_err *err)
{
    dnnl_memory_t from = NULL;
    dnnl_memory_t to = NULL;
    union {
        const float *given;
        void *asked; /* oneDNN takes sources as void *, and does not write them */
    } source = {weights};
    int before = omp_threads(1);
    dnnl_status_t st = dnnl_memory_create(&from, &g->weights_md, engine, source.asked);
    if (st == dnnl_success) {
        st = dnnl_memory_create(&to, &g->b_md, engine, packed);
    }
    if (st == dnnl_success) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        st = dnnl_primitive_execute(g->reorder, g->slots[thread].stream, 2, args);
    }
    omp_threads(before);
    if (from != NULL) {
        dnnl_memory_destroy(from);
    }
    if (to != NULL) {
        dnnl_memory_destroy(to);
    }
    if (st != dnnl_success) {
        return tj_fail(err, TJ_E_BACKEND, "oneDNN cannot pack a [%zu, %zu] matrix", g->spec.k,
                       g->spec.n);
    }
    return TJ_OK;
}

void tj_dnnl_gemm_run(const tj_dnnl_gemm *g, size_t thread, const void *a, const void *b, void *c)
{
    TJ_DASSERT(thread < g->n_slots);
    const slot *s = &g->slots[thread];
    union {
        const void *given;
        void *asked;
    } av = {a}, bv = {b};
    dnnl_memory_set_data_handle_v2(s->a, av.asked, s->stream);
    dnnl_memory_set_data_handle_v2(s->b, bv.asked, s->stream);
    dnnl_memory_set_data_handle_v2(s->c, c, s->stream);
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, s->a},
                              {DNNL_ARG_WEIGHTS, s->b},
                              {DNNL_ARG_DST, s->c},
                              {DNNL_ARG_SCRATCHPAD, s->scratch}};
    dnnl_status_t st = dnnl_primitive_execute(g->primitive, s->stream, 4, args);
    TJ_ASSERT(st == dnnl_success);
}

void tj_dnnl_gemm_sum(const tj_dnnl_gemm *g, size_t thread, const void *a, const void *b, float *c,
                      size_t times)
{
    const tj_gemm_spec *s = &g->spec;
    TJ_DASSERT(s->a_transposed && s->accumulate && s->b_stride_n == 1);
    size_t elem = s->dtype == TJ_BF16 ? sizeof(uint16_t) : sizeof(float);
    for (size_t i = 0; i < times; i++) {
        tj_dnnl_gemm_run(g, thread, (const char *)a + i * s->k * s->lda * elem,
                         (const char *)b + i * s->k * s->b_stride_k * elem, c);
    }
}

bool tj_gemm_has_bf16(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
           dnnl_cpu_isa_avx512_core_bf16;
}
