/* Products by oneDNN 2.x. A primitive takes its number of threads from OpenMP when it is created;
 * we create it with one, and share the tiles out among threads ourselves. Builds without OpenMP
 * still link oneDNN's own OpenMP runtime, so its setter is looked up by name there. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "nn/gemm.h"

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

struct tj_gemm {
    tj_gemm_spec spec;
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    dnnl_memory_desc_t a_md, b_md, c_md;
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

/* Whether a layout pads its matrix: oneDNN would then write zeros into the padding of shared packed
 * weights each time a view is set, so we use plain rows instead. */
static bool is_padded(const dnnl_memory_desc_t *md)
{
    return md->padded_dims[0] != md->dims[0] || md->padded_dims[1] != md->dims[1];
}

static dnnl_status_t describe(tj_gemm *g, bool plain)
{
    const tj_gemm_spec *s = &g->spec;
    dnnl_data_type_t type = type_of(s->dtype);
    dnnl_status_t st = strided(&g->a_md, s->m, s->k, s->a_transposed ? 1 : s->lda,
                               s->a_transposed ? s->lda : 1, type);
    if (st != dnnl_success) {
        return st;
    }
    if (s->b_packed && !plain) {
        dnnl_dims_t dims = {(dnnl_dim_t)s->k, (dnnl_dim_t)s->n};
        st = dnnl_memory_desc_init_by_tag(&g->b_md, 2, dims, type, dnnl_format_tag_any);
    } else {
        st = strided(&g->b_md, s->k, s->n, s->b_packed ? s->n : s->ldb, 1, type);
    }
    if (st != dnnl_success) {
        return st;
    }
    return strided(&g->c_md, s->m, s->n, s->ldc, 1, type_of(s->out));
}

static dnnl_status_t make_primitive(tj_gemm *g)
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

static void drop_primitive(tj_gemm *g)
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

static tj_code make_slot(tj_gemm *g, slot *s, tj_err *err)
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

tj_code tj_gemm_create(tj_gemm **out, const tj_gemm_spec *spec, tj_err *err)
{
    *out = NULL;
    pthread_once(&once, make_engine);
    if (engine_status != dnnl_success) {
        return tj_fail(err, TJ_E_BACKEND, "oneDNN cannot start (status %d)", (int)engine_status);
    }
    tj_gemm *g = tj_calloc(1, sizeof *g);
    if (g == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a product");
    }
    g->spec = *spec;
    tj_code rc = TJ_OK;
    int before = omp_threads(1);
    dnnl_status_t st = describe(g, false);
    if (st == dnnl_success) {
        st = make_primitive(g);
    }
    if (st == dnnl_success) {
        g->b_md = *dnnl_primitive_desc_query_md(g->desc, dnnl_query_weights_md, 0);
        if (is_padded(&g->b_md)) {
            drop_primitive(g);
            st = describe(g, true);
            if (st == dnnl_success) {
                st = make_primitive(g);
            }
        }
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
        tj_gemm_destroy(g);
        return rc;
    }
    *out = g;
    return TJ_OK;
}

void tj_gemm_destroy(tj_gemm *g)
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
    tj_free(g);
}

size_t tj_gemm_packed_bytes(const tj_gemm *g)
{
    return dnnl_memory_desc_get_size(&g->b_md);
}

tj_code tj_gemm_pack(const tj_gemm *g, void *packed, const float *src, size_t stride_k,
                     size_t stride_n, tj_err *err)
{
    dnnl_memory_desc_t from_md;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_memory_t from = NULL;
    dnnl_memory_t to = NULL;
    union {
        const float *given;
        void *asked; /* oneDNN takes sources as void *, and does not write them */
    } source = {src};
    dnnl_stream_t stream = g->slots[0].stream;
    int before = omp_threads(1);
    dnnl_status_t st = strided(&from_md, g->spec.k, g->spec.n, stride_k, stride_n, dnnl_f32);
    if (st == dnnl_success) {
        st = dnnl_reorder_primitive_desc_create(&desc, &from_md, engine, &g->b_md, engine, NULL);
    }
    if (st == dnnl_success) {
        st = dnnl_primitive_create(&reorder, desc);
    }
    if (st == dnnl_success) {
        st = dnnl_memory_create(&from, &from_md, engine, source.asked);
    }
    if (st == dnnl_success) {
        st = dnnl_memory_create(&to, &g->b_md, engine, packed);
    }
    if (st == dnnl_success) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        st = dnnl_primitive_execute(reorder, stream, 2, args);
    }
    omp_threads(before);
    if (from != NULL) {
        dnnl_memory_destroy(from);
    }
    if (to != NULL) {
        dnnl_memory_destroy(to);
    }
    if (reorder != NULL) {
        dnnl_primitive_destroy(reorder);
    }
    if (desc != NULL) {
        dnnl_primitive_desc_destroy(desc);
    }
    if (st != dnnl_success) {
        return tj_fail(err, TJ_E_BACKEND, "oneDNN cannot pack a [%zu, %zu] matrix", g->spec.k,
                       g->spec.n);
    }
    return TJ_OK;
}

void tj_gemm_run(const tj_gemm *g, size_t thread, const void *a, const void *b, void *c)
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

bool tj_gemm_has_bf16(void)
{
    return (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) ==
           dnnl_cpu_isa_avx512_core_bf16;
}
