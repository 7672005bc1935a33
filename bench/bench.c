/* Our side of the benchmarks: one measurement a process, one JSON object on standard output.
 * bench/run pairs it with PyTorch and makes the table; docs/benchmarks.md says how to read it. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/alloc.h"
#include "base/job.h"
#include "base/par.h"
#include "infer/infer.h"
#include "nn/gemm_parts.h"
#include "nn/nn.h"

enum { STEP_TOKENS = 16 };

static void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        (void)fprintf(stderr, "tabiji-bench: %s\n", err->msg);
        exit(1);
    }
}

static void *must_alloc(void *p)
{
    if (p == NULL) {
        (void)fprintf(stderr, "tabiji-bench: out of memory\n");
        exit(1);
    }
    return p;
}

static void print(json_t *out)
{
    struct rusage use;
    (void)getrusage(RUSAGE_SELF, &use);
    (void)json_object_set_new(out, "peak_mib", json_real((double)use.ru_maxrss / 1024.0));
    (void)json_object_set_new(out, "threads", json_integer((json_int_t)tj_par_threads()));
    (void)json_object_set_new(out, "isa", json_string(tj_isa_name()));
    (void)json_dumpf(out, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(out);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare_doubles);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2.0;
}

/* "demo": the demo's model. "135m": the shape of SmolLM2-135M. */
static tj_model_config shape(const char *name)
{
    tj_model_config c;
    tj_model_config_default(&c);
    c.max_positions = 2048;
    c.tied_embedding = true;
    if (strcmp(name, "demo") == 0) {
        c.n_vocab = 160;
        c.width = 128;
        c.n_layers = 4;
        c.n_heads = 4;
        c.n_kv_heads = 4;
        c.head_dim = 32;
        c.ffn_width = 384;
    } else if (strcmp(name, "135m") == 0) {
        c.n_vocab = 49152;
        c.width = 576;
        c.n_layers = 30;
        c.n_heads = 9;
        c.n_kv_heads = 3;
        c.head_dim = 64;
        c.ffn_width = 1536;
    } else {
        (void)fprintf(stderr, "tabiji-bench: no shape \"%s\" (demo, 135m)\n", name);
        exit(2);
    }
    return c;
}

static tj_dtype dtype_named(const char *name)
{
    if (strcmp(name, "f32") != 0 && strcmp(name, "bf16") != 0) {
        (void)fprintf(stderr, "tabiji-bench: no type \"%s\" (f32, bf16)\n", name);
        exit(2);
    }
    return strcmp(name, "f32") == 0 ? TJ_F32 : TJ_BF16;
}

static int32_t token_at(size_t i, size_t n_vocab)
{
    uint64_t x = ((uint64_t)i + 1U) * 0x9e3779b97f4a7c15ULL;
    return (int32_t)((x >> 33U) % n_vocab);
}

/* Floating-point operations of one token's training: 6 a weight that multiplies, and attention's
 * 12 * layers * heads * head_dim * (half the length, being causal). */
static double flops_per_token(const tj_model_config *c, size_t length)
{
    double embedding = (double)(c->n_vocab * c->width);
    double products = (double)tj_model_config_n_weights(c) - (c->tied_embedding ? 0.0 : embedding);
    double attention = 12.0 * (double)(c->n_layers * c->n_heads * c->head_dim);
    return 6.0 * products + attention * (double)length / 2.0;
}

/* ------------------------------------------------------------------ training */

typedef struct trainer {
    tj_model *model;
    tj_adamw *opt;
    tj_pass *pass;
    tj_err err;
} trainer;

static void begin_training(trainer *t, const tj_model_config *c, tj_dtype dtype)
{
    tj_adamw_config opt = {.lr_max = 1e-4,
                           .beta1 = 0.9,
                           .beta2 = 0.95,
                           .eps = 1e-8,
                           .weight_decay = 0.1,
                           .clip_norm = 1.0,
                           .n_updates = 1000};
    must(tj_model_create(&t->model, c, dtype, 1, &t->err), &t->err);
    must(tj_model_make_grads(t->model, &t->err), &t->err);
    must(tj_adamw_create(&t->opt, t->model, &opt, &t->err), &t->err);
    must(tj_pass_create(&t->pass, t->model, (tj_pass_options){.train = true}, &t->err), &t->err);
}

static void end_training(trainer *t)
{
    tj_pass_destroy(t->pass);
    tj_adamw_destroy(t->opt);
    tj_model_destroy(t->model);
}

static void add_rows(tj_forest *f, size_t segment, const int32_t *ids, size_t n, tj_err *err)
{
    for (size_t i = 0; i + 1 < n; i++) {
        must(tj_forest_add_loss_row(f, NULL, segment, i, ids[i + 1], err), err);
    }
}

/* Median seconds of an update over the forest, the first two left out. */
static double time_updates(trainer *t, const tj_forest *f, size_t n_updates)
{
    size_t rows = tj_forest_n_loss_rows(f);
    float *logp = must_alloc(tj_calloc(rows, sizeof *logp));
    float *dlogp = must_alloc(tj_calloc(rows, sizeof *dlogp));
    double *seconds = must_alloc(tj_calloc(n_updates, sizeof *seconds));
    for (size_t i = 0; i < rows; i++) {
        dlogp[i] = -1.0F / (float)rows;
    }
    for (size_t u = 0; u < n_updates + 2; u++) {
        double begin = tj_clock_seconds();
        must(tj_forward_backward(t->pass, f, logp, dlogp, &t->err), &t->err);
        must(tj_adamw_update(t->opt, NULL, &t->err), &t->err);
        if (u >= 2) {
            seconds[u - 2] = tj_clock_seconds() - begin;
        }
    }
    double each = median(seconds, n_updates);
    tj_free(logp);
    tj_free(dlogp);
    tj_free(seconds);
    return each;
}

static int bench_train(const char *name, const char *dtype, size_t n_chains, size_t length,
                       size_t n_updates)
{
    trainer t;
    tj_model_config c = shape(name);
    tj_forest *f;
    int32_t *ids = must_alloc(tj_calloc(length, sizeof *ids));
    begin_training(&t, &c, dtype_named(dtype));
    must(tj_forest_create(&f, &t.err), &t.err);
    for (size_t s = 0; s < n_chains; s++) {
        size_t segment;
        for (size_t i = 0; i < length; i++) {
            ids[i] = token_at(s * length + i, c.n_vocab);
        }
        must(tj_forest_add(f, &segment, TJ_NO_SEGMENT, ids, length, &t.err), &t.err);
        add_rows(f, segment, ids, length, &t.err);
    }
    double each = time_updates(&t, f, n_updates);
    double rate = (double)(n_chains * length) / each;
    print(json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f}", "what", "train", "shape", name, "dtype",
                    dtype, "chains", (int)n_chains, "length", (int)length, "tokens_per_s", rate,
                    "gflops", rate * flops_per_token(&c, length) * 1e-9));
    tj_forest_destroy(f);
    end_training(&t);
    tj_free(ids);
    return 0;
}

/* A prefix of 384 tokens under 8 continuations of 64: 896 tokens, 3,584 on the paths, ratio 4; the
 * same loss rows (the continuations') once in the forest, once on 8 copied sequences. */
static void add_shared(tj_forest *f, const tj_model_config *c, size_t group, bool copied,
                       tj_err *err)
{
    enum { PREFIX = 384, LEAVES = 8, LEAF = 64 };
    int32_t ids[PREFIX + LEAF];
    size_t prefix = 0;
    for (size_t i = 0; i < PREFIX; i++) {
        ids[i] = token_at(group * 100003U + i, c->n_vocab);
    }
    if (!copied) {
        must(tj_forest_add(f, &prefix, TJ_NO_SEGMENT, ids, PREFIX, err), err);
    }
    for (size_t leaf = 0; leaf < LEAVES; leaf++) {
        int32_t *own = ids + PREFIX;
        size_t segment;
        for (size_t i = 0; i < LEAF; i++) {
            own[i] = token_at(group * 100003U + 1000U * (leaf + 1) + i, c->n_vocab);
        }
        if (copied) {
            must(tj_forest_add(f, &segment, TJ_NO_SEGMENT, ids, PREFIX + LEAF, err), err);
        } else {
            must(tj_forest_add(f, &segment, prefix, own, LEAF, err), err);
        }
        for (size_t i = 0; i + 1 < LEAF; i++) {
            size_t at = copied ? PREFIX + i : i;
            must(tj_forest_add_loss_row(f, NULL, segment, at, own[i + 1], err), err);
        }
    }
}

static int bench_share(const char *name, const char *dtype, size_t n_groups, size_t n_updates)
{
    trainer t;
    tj_model_config c = shape(name);
    tj_forest *f;
    double seconds[2];
    double ratio = 0.0;
    begin_training(&t, &c, dtype_named(dtype));
    must(tj_forest_create(&f, &t.err), &t.err);
    for (int copied = 0; copied < 2; copied++) {
        tj_forest_clear(f);
        for (size_t g = 0; g < n_groups; g++) {
            add_shared(f, &c, g, copied == 1, &t.err);
        }
        if (copied == 0) {
            ratio = (double)tj_forest_n_path_tokens(f) / (double)tj_forest_n_tokens(f);
        }
        seconds[copied] = time_updates(&t, f, n_updates);
    }
    print(json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:f}", "what", "share", "shape", name,
                    "dtype", dtype, "groups", (int)n_groups, "sharing_ratio", ratio,
                    "forest_seconds", seconds[0], "copies_seconds", seconds[1], "speedup",
                    seconds[1] / seconds[0]));
    tj_forest_destroy(f);
    end_training(&t);
    return 0;
}

/* ------------------------------------------------------------------ the machine's peak */

typedef struct product {
    size_t m, k, n;
} product;

/* GFLOP/s of all threads together, each with a oneDNN product of its own; best of five. */
static double product_rate(const product *p, tj_dtype dtype)
{
    tj_err err;
    tj_dnnl_gemm *g;
    tj_gemm_spec spec = {.m = p->m,
                         .k = p->k,
                         .n = p->n,
                         .lda = p->k,
                         .ldc = p->n,
                         .b_stride_k = p->n,
                         .b_stride_n = 1,
                         .b_weights = true,
                         .dtype = dtype,
                         .out = TJ_F32};
    must(tj_dnnl_gemm_create(&g, &spec, &err), &err);
    size_t n_threads = tj_par_threads();
    float *source = must_alloc(tj_calloc(p->k * p->n, sizeof *source));
    void *packed = must_alloc(tj_calloc(tj_dnnl_gemm_packed_bytes(g) / 64 + 1, 64));
    float *a = must_alloc(tj_calloc(n_threads * p->m * p->k, sizeof *a));
    float *out = must_alloc(tj_calloc(n_threads * p->m * p->n, sizeof *out));
    bool copies = tj_dnnl_gemm_packed_bytes(g) > 0;
    if (copies) {
        must(tj_dnnl_gemm_pack(g, 0, packed, source, &err), &err);
    }
    const void *weights = copies ? packed : (void *)source;
    double flops = 2.0 * (double)p->m * (double)p->k * (double)p->n;
    size_t repeats = (size_t)(2e9 / flops) + 1;
    double best = 0.0;
    for (int round = 0; round < 5; round++) {
        double begin = tj_clock_seconds();
#pragma omp parallel for schedule(static, 1)
        for (size_t t = 0; t < n_threads; t++) {
            for (size_t i = 0; i < repeats; i++) {
                tj_dnnl_gemm_run(g, t, a + t * p->m * p->k, weights, out + t * p->m * p->n);
            }
        }
        double rate = flops * (double)(repeats * n_threads) / (tj_clock_seconds() - begin) * 1e-9;
        best = rate > best ? rate : best;
    }
    tj_free(source);
    tj_free(packed);
    tj_free(a);
    tj_free(out);
    tj_dnnl_gemm_destroy(g);
    return best;
}

/* The model's own products at each of several numbers of rows: of one type and number of rows, all
 * products' operations over their time together; the best of these is the peak. */
static int bench_peak(const char *name)
{
    tj_model_config c = shape(name);
    size_t q = c.n_heads * c.head_dim;
    size_t kv = c.n_kv_heads * c.head_dim;
    const size_t rows[] = {64, 128, 256, 512};
    const tj_dtype types[] = {TJ_F32, TJ_BF16};
    double best[2] = {0.0, 0.0};
    for (size_t d = 0; d < (tj_gemm_has_bf16() ? 2U : 1U); d++) {
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
            size_t head = c.n_vocab < 4096 ? c.n_vocab : 4096; /* a tile of the vocabulary */
            const product products[] = {{rows[r], c.width, q + 2 * kv},
                                        {rows[r], q, c.width},
                                        {rows[r], c.width, 2 * c.ffn_width},
                                        {rows[r], c.ffn_width, c.width},
                                        {rows[r], c.width, head}};
            double flops = 0.0;
            double seconds = 0.0;
            for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
                double f = (double)products[i].k * (double)products[i].n *
                           (i + 1 < sizeof products / sizeof products[0]
                                ? (double)c.n_layers
                                : (double)c.n_vocab / (double)head);
                flops += f;
                seconds += f / product_rate(&products[i], types[d]);
            }
            best[d] = flops / seconds > best[d] ? flops / seconds : best[d];
        }
    }
    print(json_pack("{s:s, s:s, s:f, s:f}", "what", "peak", "shape", name, "f32_gflops", best[0],
                    "bf16_gflops", best[1]));
    return 0;
}

/* ------------------------------------------------------------------ tree growth */

typedef enum growth { TOGETHER, ALONE, FROM_NOTHING } growth;

/* Grows `n_trees` trees of width 3 and depth 10, at most 8 nodes of a level grown on, steps of 16
 * tokens. Gives a hash of all sampled tokens, which must not depend on how. */
static uint64_t grow(tj_engine *engine, const tj_model_config *c, size_t n_trees, growth how)
{
    enum { WIDTH = 3, DEPTH = 10, KEPT = 8, PROMPT = 96 };
    tj_err err;
    uint64_t hash = 1469598103934665603ULL;
    size_t cap = n_trees * KEPT * WIDTH;
    tj_branch *level = must_alloc(tj_calloc(cap, sizeof *level));
    size_t *tree = must_alloc(tj_calloc(cap, sizeof *tree));
    tj_gen *gens = must_alloc(tj_calloc(cap, sizeof *gens));
    size_t *of = must_alloc(tj_calloc(cap, sizeof *of));
    int32_t path[PROMPT + DEPTH * STEP_TOKENS];
    size_t n_level = 0;
    for (size_t t = 0; t < n_trees; t++, n_level++) {
        for (size_t i = 0; i < PROMPT; i++) {
            path[i] = token_at(t * 7919 + i, c->n_vocab);
        }
        must(tj_engine_root(engine, &level[n_level], path, PROMPT, &err), &err);
        tree[n_level] = t;
    }
    for (size_t d = 0; d < DEPTH; d++) {
        size_t n = 0;
        for (size_t i = 0; i < n_level; i++) {
            for (size_t k = 0; k < WIDTH; k++, n++) {
                size_t length = tj_engine_length(engine, level[i]);
                gens[n] = (tj_gen){.sampling = {.temperature = 1.0, .top_p = 1.0},
                                   .seed = 1,
                                   .problem = tree[i],
                                   .node = d * 1000 + i * WIDTH + k,
                                   .max_tokens = STEP_TOKENS};
                of[n] = tree[i];
                if (how == FROM_NOTHING) {
                    tj_engine_path(engine, level[i], 0, length, path);
                    must(tj_engine_root(engine, &gens[n].branch, path, length, &err), &err);
                } else {
                    must(tj_engine_fork(engine, &gens[n].branch, level[i], length, &err), &err);
                }
            }
        }
        if (how == TOGETHER) {
            must(tj_engine_generate(engine, gens, n, NULL, &err), &err);
        }
        for (size_t i = 0; how != TOGETHER && i < n; i++) {
            must(tj_engine_generate(engine, &gens[i], 1, NULL, &err), &err);
        }
        for (size_t i = 0; i < n_level; i++) {
            tj_engine_drop(engine, level[i]);
        }
        n_level = 0;
        for (size_t i = 0, kept = 0; i < n; i++) {
            kept = i > 0 && of[i] == of[i - 1] ? kept : 0;
            for (size_t j = 0; j < gens[i].n_ids; j++) {
                hash = (hash ^ (uint32_t)gens[i].ids[j]) * 1099511628211ULL;
            }
            if (kept++ < KEPT) {
                tree[n_level] = of[i];
                level[n_level++] = gens[i].branch;
            } else {
                tj_engine_drop(engine, gens[i].branch);
            }
            tj_gen_deinit(&gens[i]);
        }
    }
    for (size_t i = 0; i < n_level; i++) {
        tj_engine_drop(engine, level[i]);
    }
    tj_free(level);
    tj_free(tree);
    tj_free(gens);
    tj_free(of);
    return hash;
}

static int bench_grow(const char *name, const char *dtype, size_t n_trees)
{
    tj_err err;
    tj_model_config c = shape(name);
    tj_model *model;
    tj_engine *engine;
    tj_engine_config cfg;
    double seconds[3];
    uint64_t hash[3];
    must(tj_model_create(&model, &c, dtype_named(dtype), 1, &err), &err);
    tj_engine_config_default(&cfg);
    must(tj_engine_create(&engine, model, NULL, &cfg, &err), &err);
    for (int how = TOGETHER; how <= FROM_NOTHING; how++) {
        tj_engine_refresh(engine);
        double begin = tj_clock_seconds();
        hash[how] = grow(engine, &c, n_trees, (growth)how);
        seconds[how] = tj_clock_seconds() - begin;
    }
    if (hash[0] != hash[1] || hash[0] != hash[2]) {
        (void)fprintf(stderr, "tabiji-bench: the three ways sampled different tokens\n");
        return 1;
    }
    print(json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f}", "what", "grow", "shape", name,
                    "dtype", dtype, "trees", (int)n_trees, "together_seconds", seconds[TOGETHER],
                    "alone_seconds", seconds[ALONE], "from_nothing_seconds", seconds[FROM_NOTHING],
                    "speedup_alone", seconds[ALONE] / seconds[TOGETHER], "speedup_from_nothing",
                    seconds[FROM_NOTHING] / seconds[TOGETHER]));
    tj_engine_destroy(engine);
    tj_model_destroy(model);
    return 0;
}

/* ------------------------------------------------------------------ the command line */

static size_t number(char **argv, int i)
{
    char *end;
    unsigned long n = strtoul(argv[i], &end, 10);
    if (*end != '\0' || n == 0) {
        (void)fprintf(stderr, "tabiji-bench: \"%s\" is not a number above 0\n", argv[i]);
        exit(2);
    }
    return n;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "peak") == 0) {
        return bench_peak(argv[2]);
    }
    if (argc == 7 && strcmp(argv[1], "train") == 0) {
        return bench_train(argv[2], argv[3], number(argv, 4), number(argv, 5), number(argv, 6));
    }
    if (argc == 6 && strcmp(argv[1], "share") == 0) {
        return bench_share(argv[2], argv[3], number(argv, 4), number(argv, 5));
    }
    if (argc == 5 && strcmp(argv[1], "grow") == 0) {
        return bench_grow(argv[2], argv[3], number(argv, 4));
    }
    (void)fprintf(stderr, "usage: tabiji-bench peak SHAPE\n"
                          "       tabiji-bench train SHAPE TYPE CHAINS LENGTH UPDATES\n"
                          "       tabiji-bench share SHAPE TYPE GROUPS UPDATES\n"
                          "       tabiji-bench grow SHAPE TYPE TREES\n"
                          "SHAPE: demo, 135m; TYPE: f32, bf16\n");
    return 2;
}
