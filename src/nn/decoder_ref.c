/* Each backward block quotes the line of the forward pass that it differentiates. */
#include "nn/decoder_ref.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* ------------------------------------------------------------------ operations */

static double inverse_rms(const double *x, double eps, size_t width)
{
    double sum = 0.0;
    for (size_t i = 0; i < width; i++) {
        sum += x[i] * x[i];
    }
    return 1.0 / sqrt(sum / (double)width + eps);
}

void tj_ref_rmsnorm(double *y, const double *x, const double *w, double plus, double eps,
                    size_t rows, size_t width)
{
    for (size_t r = 0; r < rows; r++) {
        double s = inverse_rms(x + r * width, eps, width);
        for (size_t i = 0; i < width; i++) {
            y[r * width + i] = x[r * width + i] * s * (w[i] + plus);
        }
    }
}

/* y_i = x_i s (w_i + plus) with s = (mean(x^2) + eps)^(-1/2) and ds/dx_j = -s^3 x_j / width. */
void tj_ref_rmsnorm_bwd(double *dx, double *dw, const double *dy, const double *x, const double *w,
                        double plus, double eps, size_t rows, size_t width)
{
    for (size_t r = 0; r < rows; r++) {
        const double *xr = x + r * width;
        const double *dyr = dy + r * width;
        double s = inverse_rms(xr, eps, width);
        double ds = 0.0;
        for (size_t i = 0; i < width; i++) {
            ds += dyr[i] * xr[i] * (w[i] + plus);
        }
        for (size_t i = 0; i < width; i++) {
            if (dx != NULL) {
                dx[r * width + i] +=
                    dyr[i] * s * (w[i] + plus) - ds * s * s * s * xr[i] / (double)width;
            }
            if (dw != NULL) {
                dw[i] += dyr[i] * xr[i] * s;
            }
        }
    }
}

void tj_ref_linear(double *y, const double *x, const double *w, const double *b, size_t rows,
                   size_t in, size_t out)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < out; o++) {
            double sum = b == NULL ? 0.0 : b[o];
            for (size_t i = 0; i < in; i++) {
                sum += w[o * in + i] * x[r * in + i];
            }
            y[r * out + o] = sum;
        }
    }
}

/* y_o = b_o + sum_i W_oi x_i */
void tj_ref_linear_bwd(double *dx, double *dw, double *db, const double *dy, const double *x,
                       const double *w, size_t rows, size_t in, size_t out)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t o = 0; o < out; o++) {
            double d = dy[r * out + o];
            if (db != NULL) {
                db[o] += d;
            }
            for (size_t i = 0; i < in; i++) {
                if (dx != NULL) {
                    dx[r * in + i] += d * w[o * in + i];
                }
                if (dw != NULL) {
                    dw[o * in + i] += d * x[r * in + i];
                }
            }
        }
    }
}

void tj_ref_rope(double *x, size_t rows, size_t n_heads, size_t head_dim, const tj_rope *rope,
                 double sign)
{
    size_t half = head_dim / 2;
    double amplitude = tj_rope_amplitude(rope);
    for (size_t p = 0; p < rows; p++) {
        for (size_t h = 0; h < n_heads; h++) {
            double *head = x + (p * n_heads + h) * head_dim;
            for (size_t i = 0; i < half; i++) {
                float freq = (float)tj_rope_frequency(rope, i, head_dim);
                double angle = sign * (double)((float)p * freq);
                double a = head[i] * amplitude;
                double b = head[i + half] * amplitude;
                head[i] = a * cos(angle) - b * sin(angle);
                head[i + half] = b * cos(angle) + a * sin(angle);
            }
        }
    }
}

static bool sees(const tj_ref_attn *s, size_t i, size_t j) /* query i, key j */
{
    return j <= i && (s->window == 0 || i - j < s->window);
}

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

void tj_ref_attention(double *out, double *probs, const double *q, const double *k, const double *v,
                      const tj_ref_attn *s)
{
    size_t dim = s->head_dim;
    size_t group = s->n_heads / s->n_kv_heads;
    for (size_t h = 0; h < s->n_heads; h++) {
        for (size_t i = 0; i < s->n; i++) {
            const double *qi = q + (i * s->n_heads + h) * dim;
            double *row = probs + (h * s->n + i) * s->n;
            double *oi = out + (i * s->n_heads + h) * dim;
            double max = -HUGE_VAL;
            double sum = 0.0;
            for (size_t j = 0; j < s->n; j++) {
                const double *kj = k + (j * s->n_kv_heads + h / group) * dim;
                row[j] = sees(s, i, j) ? s->scale * dot(qi, kj, dim) : -HUGE_VAL;
                max = fmax(max, row[j]);
            }
            for (size_t j = 0; j < s->n; j++) {
                row[j] = exp(row[j] - max);
                sum += row[j];
            }
            memset(oi, 0, dim * sizeof *oi);
            for (size_t j = 0; j < s->n; j++) {
                row[j] /= sum;
                for (size_t d = 0; d < dim; d++) {
                    oi[d] += row[j] * v[(j * s->n_kv_heads + h / group) * dim + d];
                }
            }
        }
    }
}

/* One query: out = sum_j P_j v_j, P = softmax(S), S_j = scale q . k_j, so that dP_j = dout . v_j
 * and dS_j = P_j (dP_j - sum_m P_m dP_m). */
static void attention_row_bwd(double *dq, double *dk, double *dv, const double *dout,
                              const double *p, const double *q, const double *k, const double *v,
                              const tj_ref_attn *s)
{
    size_t dim = s->head_dim;
    size_t stride = s->n_kv_heads * dim; /* from a key to the next */
    double mean = 0.0;
    for (size_t j = 0; j < s->n; j++) {
        mean += p[j] * dot(dout, v + j * stride, dim);
    }
    for (size_t j = 0; j < s->n; j++) {
        double ds = p[j] * (dot(dout, v + j * stride, dim) - mean);
        for (size_t d = 0; d < dim; d++) {
            dq[d] += ds * s->scale * k[j * stride + d];
            dk[j * stride + d] += ds * s->scale * q[d];
            dv[j * stride + d] += p[j] * dout[d];
        }
    }
}

void tj_ref_attention_bwd(double *dq, double *dk, double *dv, const double *dout,
                          const double *probs, const double *q, const double *k, const double *v,
                          const tj_ref_attn *s)
{
    size_t dim = s->head_dim;
    size_t group = s->n_heads / s->n_kv_heads;
    for (size_t h = 0; h < s->n_heads; h++) {
        size_t kv = h / group * dim;
        for (size_t i = 0; i < s->n; i++) {
            size_t at = (i * s->n_heads + h) * dim;
            attention_row_bwd(dq + at, dk + kv, dv + kv, dout + at, probs + (h * s->n + i) * s->n,
                              q + at, k + kv, v + kv, s);
        }
    }
}

#define SQRT_2_PI 0.79788456080286535588 /* sqrt(2 / pi) */

static double activate(double g, tj_activation f)
{
    return f == TJ_SILU ? g / (1.0 + exp(-g))
                        : 0.5 * g * (1.0 + tanh(SQRT_2_PI * (g + 0.044715 * g * g * g)));
}

/* d silu(g)/dg = s (1 + g (1 - s)) with s = 1 / (1 + e^-g);
 * d gelu(g)/dg = (1 + t) / 2 + g (1 - t^2) / 2 * du/dg with t = tanh(u) */
static double activate_slope(double g, tj_activation f)
{
    if (f == TJ_SILU) {
        double s = 1.0 / (1.0 + exp(-g));
        return s * (1.0 + g * (1.0 - s));
    }
    double t = tanh(SQRT_2_PI * (g + 0.044715 * g * g * g));
    double du = SQRT_2_PI * (1.0 + 3.0 * 0.044715 * g * g);
    return 0.5 * (1.0 + t) + 0.5 * g * (1.0 - t * t) * du;
}

void tj_ref_glu(double *act, const double *gate, const double *up, tj_activation f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        act[i] = activate(gate[i], f) * up[i];
    }
}

void tj_ref_glu_bwd(double *dgate, double *dup, const double *dact, const double *gate,
                    const double *up, tj_activation f, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dgate[i] += dact[i] * up[i] * activate_slope(gate[i], f);
        dup[i] += dact[i] * activate(gate[i], f);
    }
}

static double log_sum_exp(const double *x, size_t n)
{
    double max = -HUGE_VAL;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        max = fmax(max, x[i]);
    }
    for (size_t i = 0; i < n; i++) {
        sum += exp(x[i] - max);
    }
    return max + log(sum);
}

double tj_ref_logp(const double *logits, size_t n, size_t target)
{
    return logits[target] - log_sum_exp(logits, n);
}

void tj_ref_logp_bwd(double *dlogits, double dlogp, const double *logits, size_t n, size_t target)
{
    double lse = log_sum_exp(logits, n);
    for (size_t i = 0; i < n; i++) {
        dlogits[i] += dlogp * ((i == target ? 1.0 : 0.0) - exp(logits[i] - lse));
    }
}

/* ------------------------------------------------------------------ tensors */

/* Adds a tensor, or with no array of tensors only counts it. */
static void add_tensor(tj_ref *ref, const char *layer, const char *name, size_t n)
{
    if (ref->tensors != NULL) {
        tj_ref_tensor *t = &ref->tensors[ref->n_tensors];
        snprintf(t->name, sizeof t->name, "%s%s", layer, name);
        t->n = n;
    }
    ref->n_tensors++;
}

/* Two matrices for each targeted one. */
static void add_adapters(tj_ref *ref, const char *layer)
{
    const tj_model_config *c = &ref->cfg;
    size_t q = c->n_heads * c->head_dim;
    size_t kv = c->n_kv_heads * c->head_dim;
    const struct {
        const char *name;
        size_t out, in;
    } modules[TJ_N_LORA_TARGETS] = {
        {"self_attn.q_proj", q, c->width},         {"self_attn.k_proj", kv, c->width},
        {"self_attn.v_proj", kv, c->width},        {"self_attn.o_proj", c->width, q},
        {"mlp.gate_proj", c->ffn_width, c->width}, {"mlp.up_proj", c->ffn_width, c->width},
        {"mlp.down_proj", c->width, c->ffn_width}};
    for (size_t i = 0; ref->lora.rank > 0 && i < TJ_N_LORA_TARGETS; i++) {
        char name[48];
        if (ref->lora.targets[i]) {
            snprintf(name, sizeof name, "%s.lora_A.weight", modules[i].name);
            add_tensor(ref, layer, name, ref->lora.rank * modules[i].in);
            snprintf(name, sizeof name, "%s.lora_B.weight", modules[i].name);
            add_tensor(ref, layer, name, modules[i].out * ref->lora.rank);
        }
    }
}

static void add_tensors(tj_ref *ref)
{
    const tj_model_config *c = &ref->cfg;
    size_t q = c->n_heads * c->head_dim;
    size_t kv = c->n_kv_heads * c->head_dim;
    ref->n_tensors = 0;
    add_tensor(ref, "", "model.embed_tokens.weight", c->n_vocab * c->width);
    for (size_t l = 0; l < c->n_layers; l++) {
        char layer[40];
        snprintf(layer, sizeof layer, "model.layers.%zu.", l);
        add_tensor(ref, layer, "input_layernorm.weight", c->width);
        add_tensor(ref, layer, "self_attn.q_proj.weight", q * c->width);
        add_tensor(ref, layer, "self_attn.k_proj.weight", kv * c->width);
        add_tensor(ref, layer, "self_attn.v_proj.weight", kv * c->width);
        if (c->qkv_bias) {
            add_tensor(ref, layer, "self_attn.q_proj.bias", q);
            add_tensor(ref, layer, "self_attn.k_proj.bias", kv);
            add_tensor(ref, layer, "self_attn.v_proj.bias", kv);
        }
        if (c->qk_norm) {
            add_tensor(ref, layer, "self_attn.q_norm.weight", c->head_dim);
            add_tensor(ref, layer, "self_attn.k_norm.weight", c->head_dim);
        }
        add_tensor(ref, layer, "self_attn.o_proj.weight", c->width * q);
        add_tensor(ref, layer, "post_attention_layernorm.weight", c->width);
        if (c->post_norms) {
            add_tensor(ref, layer, "pre_feedforward_layernorm.weight", c->width);
            add_tensor(ref, layer, "post_feedforward_layernorm.weight", c->width);
        }
        add_tensor(ref, layer, "mlp.gate_proj.weight", c->ffn_width * c->width);
        add_tensor(ref, layer, "mlp.up_proj.weight", c->ffn_width * c->width);
        add_tensor(ref, layer, "mlp.down_proj.weight", c->width * c->ffn_width);
        add_adapters(ref, layer);
    }
    add_tensor(ref, "", "model.norm.weight", c->width);
    if (!c->tied_embedding) {
        add_tensor(ref, "", "lm_head.weight", c->n_vocab * c->width);
    }
    if (c->value_head) {
        add_tensor(ref, "", "value_head.weight", c->width);
        add_tensor(ref, "", "value_head.bias", 1);
    }
}

tj_code tj_ref_create(tj_ref **out, const tj_model_config *cfg, const tj_lora_config *lora,
                      tj_err *err)
{
    *out = NULL;
    tj_code rc = tj_model_config_check(cfg, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_ref *ref = tj_calloc(1, sizeof *ref);
    if (ref == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a reference decoder");
    }
    ref->cfg = *cfg;
    ref->lora = lora == NULL ? (tj_lora_config){.rank = 0} : *lora;
    add_tensors(ref);
    ref->tensors = tj_calloc(ref->n_tensors, sizeof *ref->tensors);
    bool ok = ref->tensors != NULL;
    if (ok) {
        add_tensors(ref);
    }
    for (size_t i = 0; ok && i < ref->n_tensors; i++) {
        tj_ref_tensor *t = &ref->tensors[i];
        t->w = tj_calloc(t->n, sizeof *t->w);
        t->g = tj_calloc(t->n, sizeof *t->g);
        ok = t->w != NULL && t->g != NULL;
    }
    if (!ok) {
        tj_ref_destroy(ref);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a reference decoder");
    }
    *out = ref;
    return TJ_OK;
}

void tj_ref_destroy(tj_ref *ref)
{
    if (ref == NULL) {
        return;
    }
    for (size_t i = 0; ref->tensors != NULL && i < ref->n_tensors; i++) {
        tj_free(ref->tensors[i].w);
        tj_free(ref->tensors[i].g);
    }
    tj_free(ref->tensors);
    tj_free(ref);
}

tj_ref_tensor *tj_ref_find(const tj_ref *ref, const char *name)
{
    for (size_t i = 0; i < ref->n_tensors; i++) {
        if (strcmp(ref->tensors[i].name, name) == 0) {
            return &ref->tensors[i];
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------ a run */

/* The values of one layer, [N, …]. */
typedef struct layer_values {
    double *x;               /* input, C */
    double *xn;              /* normed, C */
    double *q_raw, *k_raw;   /* before q/k norm */
    double *q, *k, *v;       /* after norm and RoPE */
    double *probs, *att;     /* [H, N, N], H D */
    double *o, *down;        /* C; what is added to the residual stream, before its norm */
    double *x_mid, *xn2;     /* C */
    double *gate, *up, *act; /* F */
} layer_values;

typedef struct run {
    tj_ref *ref;
    const tj_model_config *c;
    size_t n, q_width, kv_width;
    layer_values *layers; /* [L + 1]; of the last only x */
    double *xn;           /* [N, C] after the final norm */
    double *logits;       /* [n_rows, V] */
    double **held;        /* all arrays of doubles, to be freed */
    size_t n_held, cap_held;
    bool failed;
} run;

static double plus(const tj_model_config *c)
{
    return c->norm_plus_one ? 1.0 : 0.0;
}

static double *hold(run *r, size_t n) /* zeroed */
{
    double *p = tj_calloc(n, sizeof *p);
    if (p == NULL || !tj_grow(&r->held, &r->cap_held, r->n_held + 1, sizeof *r->held)) {
        tj_free(p);
        r->failed = true;
        return NULL;
    }
    r->held[r->n_held++] = p;
    return p;
}

static tj_ref_tensor *layer_tensor(const run *r, size_t layer, const char *name)
{
    char full[96];
    snprintf(full, sizeof full, "model.layers.%zu.%s", layer, name);
    return tj_ref_find(r->ref, full);
}

static double *weight(const run *r, size_t layer, const char *name) /* NULL if there is none */
{
    tj_ref_tensor *t = layer_tensor(r, layer, name);
    return t == NULL ? NULL : t->w;
}

static double *gradient(const run *r, size_t layer, const char *name)
{
    tj_ref_tensor *t = layer_tensor(r, layer, name);
    return t == NULL ? NULL : t->g;
}

static tj_ref_tensor *head(const run *r)
{
    return tj_ref_find(r->ref,
                       r->c->tied_embedding ? "model.embed_tokens.weight" : "lm_head.weight");
}

static void hold_layers(run *r)
{
    size_t n = r->n;
    for (size_t l = 0; l <= r->c->n_layers; l++) {
        layer_values *a = &r->layers[l];
        a->x = hold(r, n * r->c->width);
        if (l == r->c->n_layers) {
            break;
        }
        a->xn = hold(r, n * r->c->width);
        a->q_raw = hold(r, n * r->q_width);
        a->k_raw = hold(r, n * r->kv_width);
        a->q = hold(r, n * r->q_width);
        a->k = hold(r, n * r->kv_width);
        a->v = hold(r, n * r->kv_width);
        a->probs = hold(r, r->c->n_heads * n * n);
        a->att = hold(r, n * r->q_width);
        a->o = hold(r, n * r->c->width);
        a->down = hold(r, n * r->c->width);
        a->x_mid = hold(r, n * r->c->width);
        a->xn2 = hold(r, n * r->c->width);
        a->gate = hold(r, n * r->c->ffn_width);
        a->up = hold(r, n * r->c->ffn_width);
        a->act = hold(r, n * r->c->ffn_width);
    }
    r->xn = hold(r, n * r->c->width);
}

static tj_ref_attn attn_shape(const run *r, size_t l)
{
    const tj_layer_attn *a = &r->c->layer[l];
    double plain = 1.0 / sqrt((double)r->c->head_dim);
    return (tj_ref_attn){.n = r->n,
                         .n_heads = r->c->n_heads,
                         .n_kv_heads = r->c->n_kv_heads,
                         .head_dim = r->c->head_dim,
                         .window = a->window,
                         .scale = a->scale > 0.0 ? a->scale : plain};
}

/* The name of a tensor of a module of the layer. */
static const char *part_of(char full[64], const char *module, const char *tail)
{
    snprintf(full, 64, "%s.%s", module, tail);
    return full;
}

static double adapter_scale(const run *r)
{
    double rank = (double)r->ref->lora.rank;
    return r->ref->lora.alpha / (r->ref->lora.rslora ? sqrt(rank) : rank);
}

/* y = W x + b, and where the matrix has adapters + s B A x (Hu et al. 2021, arXiv:2106.09685, eq.
 * 3). x [N, in], y [N, out]. */
static void project(run *r, size_t l, const char *module, double *y, const double *x, size_t in,
                    size_t out)
{
    char name[64];
    size_t rank = r->ref->lora.rank;
    tj_ref_linear(y, x, weight(r, l, part_of(name, module, "weight")),
                  weight(r, l, part_of(name, module, "bias")), r->n, in, out);
    const double *a = weight(r, l, part_of(name, module, "lora_A.weight"));
    if (a == NULL) {
        return;
    }
    double *h = hold(r, r->n * rank);
    double *more = hold(r, r->n * out);
    if (!r->failed) {
        tj_ref_linear(h, x, a, NULL, r->n, in, rank);
        tj_ref_linear(more, h, weight(r, l, part_of(name, module, "lora_B.weight")), NULL, r->n,
                      rank, out);
        for (size_t i = 0; i < r->n * out; i++) {
            y[i] += adapter_scale(r) * more[i];
        }
    }
}

static void forward_attention(run *r, size_t l)
{
    const tj_model_config *c = r->c;
    layer_values *a = &r->layers[l];
    const tj_rope *rope = &c->rope[c->layer[l].rope];
    tj_ref_attn shape = attn_shape(r, l);
    tj_ref_rmsnorm(a->xn, a->x, weight(r, l, "input_layernorm.weight"), plus(c), c->norm_eps, r->n,
                   c->width);
    project(r, l, "self_attn.q_proj", a->q_raw, a->xn, c->width, r->q_width);
    project(r, l, "self_attn.k_proj", a->k_raw, a->xn, c->width, r->kv_width);
    project(r, l, "self_attn.v_proj", a->v, a->xn, c->width, r->kv_width);
    memcpy(a->q, a->q_raw, r->n * r->q_width * sizeof *a->q);
    memcpy(a->k, a->k_raw, r->n * r->kv_width * sizeof *a->k);
    if (c->qk_norm) {
        tj_ref_rmsnorm(a->q, a->q_raw, weight(r, l, "self_attn.q_norm.weight"), plus(c),
                       c->norm_eps, r->n * c->n_heads, c->head_dim);
        tj_ref_rmsnorm(a->k, a->k_raw, weight(r, l, "self_attn.k_norm.weight"), plus(c),
                       c->norm_eps, r->n * c->n_kv_heads, c->head_dim);
    }
    tj_ref_rope(a->q, r->n, c->n_heads, c->head_dim, rope, 1.0);
    tj_ref_rope(a->k, r->n, c->n_kv_heads, c->head_dim, rope, 1.0);
    tj_ref_attention(a->att, a->probs, a->q, a->k, a->v, &shape);
}

static void add(double *dst, const double *src, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dst[i] += src[i];
    }
}

/* The name of the norm before the feed-forward: where attention's output has one, that takes the
 * other name (transformers' modeling_llama and modeling_gemma3). */
static const char *ffn_norm(const tj_model_config *c)
{
    return c->post_norms ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight";
}

/* y = x + out, or x + norm(out). */
static void add_output(const run *r, size_t l, double *y, const double *x, const double *out,
                       const char *norm)
{
    size_t n = r->n * r->c->width;
    if (r->c->post_norms) {
        tj_ref_rmsnorm(y, out, weight(r, l, norm), plus(r->c), r->c->norm_eps, r->n, r->c->width);
    } else {
        memcpy(y, out, n * sizeof *y);
    }
    add(y, x, n);
}

static void forward_layer(run *r, size_t l)
{
    const tj_model_config *c = r->c;
    layer_values *a = &r->layers[l];
    forward_attention(r, l);
    project(r, l, "self_attn.o_proj", a->o, a->att, r->q_width, c->width);
    add_output(r, l, a->x_mid, a->x, a->o, "post_attention_layernorm.weight");
    tj_ref_rmsnorm(a->xn2, a->x_mid, weight(r, l, ffn_norm(c)), plus(c), c->norm_eps, r->n,
                   c->width);
    project(r, l, "mlp.gate_proj", a->gate, a->xn2, c->width, c->ffn_width);
    project(r, l, "mlp.up_proj", a->up, a->xn2, c->width, c->ffn_width);
    tj_ref_glu(a->act, a->gate, a->up, c->activation, r->n * c->ffn_width);
    project(r, l, "mlp.down_proj", a->down, a->act, c->ffn_width, c->width);
    add_output(r, l, r->layers[l + 1].x, a->x_mid, a->down, "post_feedforward_layernorm.weight");
}

static double embed_scale(const tj_model_config *c)
{
    return c->embed_scale > 0.0 ? c->embed_scale : 1.0;
}

static void forward(run *r, const tj_ref_chain *chain, double *logp, double *values)
{
    const tj_model_config *c = r->c;
    size_t width = c->width;
    const double *embed = tj_ref_find(r->ref, "model.embed_tokens.weight")->w;
    for (size_t i = 0; i < r->n; i++) {
        for (size_t j = 0; j < width; j++) {
            r->layers[0].x[i * width + j] =
                embed[(size_t)chain->ids[i] * width + j] * embed_scale(c);
        }
    }
    for (size_t l = 0; l < c->n_layers; l++) {
        forward_layer(r, l);
    }
    tj_ref_rmsnorm(r->xn, r->layers[c->n_layers].x, tj_ref_find(r->ref, "model.norm.weight")->w,
                   plus(c), c->norm_eps, r->n, width);
    for (size_t i = 0; i < chain->n_rows; i++) {
        double *logits = r->logits + i * c->n_vocab;
        tj_ref_linear(logits, r->xn + chain->row_at[i] * width, head(r)->w, NULL, 1, width,
                      c->n_vocab);
        logp[i] = tj_ref_logp(logits, c->n_vocab, (size_t)chain->row_target[i]);
    }
    for (size_t i = 0; i < chain->n_values; i++) {
        values[i] = dot(r->xn + chain->value_at[i] * width,
                        tj_ref_find(r->ref, "value_head.weight")->w, width) +
                    tj_ref_find(r->ref, "value_head.bias")->w[0];
    }
}

/* ------------------------------------------------------------------ backward */

/* y = x + norm(out): from dy to the gradient of out, an array of the run or dy itself. */
static double *backward_output(run *r, size_t l, double *dy, const double *out, const char *norm)
{
    const tj_model_config *c = r->c;
    if (!c->post_norms) {
        return dy;
    }
    double *dout = hold(r, r->n * c->width);
    if (!r->failed) {
        tj_ref_rmsnorm_bwd(dout, gradient(r, l, norm), dy, out, weight(r, l, norm), plus(c),
                           c->norm_eps, r->n, c->width);
    }
    return dout;
}

/* y = W x + b + s B h, h = A x: from dy to dx and the gradients of W, b, B and A. */
static void project_bwd(run *r, size_t l, const char *module, double *dx, const double *dy,
                        const double *x, size_t in, size_t out)
{
    char name[64];
    char other[64];
    size_t rank = r->ref->lora.rank;
    part_of(name, module, "weight");
    part_of(other, module, "bias");
    tj_ref_linear_bwd(dx, gradient(r, l, name), gradient(r, l, other), dy, x, weight(r, l, name),
                      r->n, in, out);
    const double *a = weight(r, l, part_of(name, module, "lora_A.weight"));
    if (a == NULL) {
        return;
    }
    double *h = hold(r, r->n * rank);
    double *dh = hold(r, r->n * rank);
    double *dmore = hold(r, r->n * out);
    if (r->failed) {
        return;
    }
    tj_ref_linear(h, x, a, NULL, r->n, in, rank);
    for (size_t i = 0; i < r->n * out; i++) {
        dmore[i] = adapter_scale(r) * dy[i];
    }
    part_of(other, module, "lora_B.weight");
    tj_ref_linear_bwd(dh, gradient(r, l, other), NULL, dmore, h, weight(r, l, other), r->n, rank,
                      out);
    tj_ref_linear_bwd(dx, gradient(r, l, name), NULL, dh, x, a, r->n, in, rank);
}

/* From dx [N, C] of the layer's output: d gate, d up, then dx of x_mid, in place. */
static void backward_ffn(run *r, size_t l, double *dx)
{
    const tj_model_config *c = r->c;
    const layer_values *a = &r->layers[l];
    double *dact = hold(r, r->n * c->ffn_width);
    double *dgate = hold(r, r->n * c->ffn_width);
    double *dup = hold(r, r->n * c->ffn_width);
    double *dxn = hold(r, r->n * c->width);
    double *ddown = backward_output(r, l, dx, a->down, "post_feedforward_layernorm.weight");
    if (r->failed) {
        return;
    }
    /* y = x_mid + down(act) */
    project_bwd(r, l, "mlp.down_proj", dact, ddown, a->act, c->ffn_width, c->width);
    /* act = f(gate) * up */
    tj_ref_glu_bwd(dgate, dup, dact, a->gate, a->up, c->activation, r->n * c->ffn_width);
    /* gate = Wg xn2, up = Wu xn2, xn2 = norm(x_mid) */
    project_bwd(r, l, "mlp.gate_proj", dxn, dgate, a->xn2, c->width, c->ffn_width);
    project_bwd(r, l, "mlp.up_proj", dxn, dup, a->xn2, c->width, c->ffn_width);
    tj_ref_rmsnorm_bwd(dx, gradient(r, l, ffn_norm(c)), dxn, a->x_mid, weight(r, l, ffn_norm(c)),
                       plus(c), c->norm_eps, r->n, c->width);
}

/* q = rope(norm(q_raw)): from dq to d q_raw. Gives an array of the run. */
static double *backward_heads(run *r, size_t l, double *dq, const double *raw, const char *norm,
                              size_t n_heads)
{
    const tj_model_config *c = r->c;
    tj_ref_rope(dq, r->n, n_heads, c->head_dim, &c->rope[c->layer[l].rope], -1.0);
    if (!c->qk_norm) {
        return dq;
    }
    double *draw = hold(r, r->n * n_heads * c->head_dim);
    if (!r->failed) {
        tj_ref_rmsnorm_bwd(draw, gradient(r, l, norm), dq, raw, weight(r, l, norm), plus(c),
                           c->norm_eps, r->n * n_heads, c->head_dim);
    }
    return draw;
}

/* From dx [N, C] of x_mid to that of x, in place. */
static void backward_attention(run *r, size_t l, double *dx)
{
    const tj_model_config *c = r->c;
    const layer_values *a = &r->layers[l];
    tj_ref_attn shape = attn_shape(r, l);
    double *datt = hold(r, r->n * r->q_width);
    double *dq = hold(r, r->n * r->q_width);
    double *dk = hold(r, r->n * r->kv_width);
    double *dv = hold(r, r->n * r->kv_width);
    double *dxn = hold(r, r->n * c->width);
    double *dout = backward_output(r, l, dx, a->o, "post_attention_layernorm.weight");
    if (r->failed) {
        return;
    }
    /* x_mid = x + o(att) */
    project_bwd(r, l, "self_attn.o_proj", datt, dout, a->att, r->q_width, c->width);
    tj_ref_attention_bwd(dq, dk, dv, datt, a->probs, a->q, a->k, a->v, &shape);
    dq = backward_heads(r, l, dq, a->q_raw, "self_attn.q_norm.weight", c->n_heads);
    dk = backward_heads(r, l, dk, a->k_raw, "self_attn.k_norm.weight", c->n_kv_heads);
    if (r->failed) {
        return;
    }
    /* q_raw = Wq xn + bq, and so on; xn = norm(x) */
    project_bwd(r, l, "self_attn.q_proj", dxn, dq, a->xn, c->width, r->q_width);
    project_bwd(r, l, "self_attn.k_proj", dxn, dk, a->xn, c->width, r->kv_width);
    project_bwd(r, l, "self_attn.v_proj", dxn, dv, a->xn, c->width, r->kv_width);
    tj_ref_rmsnorm_bwd(dx, gradient(r, l, "input_layernorm.weight"), dxn, a->x,
                       weight(r, l, "input_layernorm.weight"), plus(c), c->norm_eps, r->n,
                       c->width);
}

/* Adds to dxn [N, C], of the final norm's output. */
static void backward_outputs(run *r, const tj_ref_chain *chain, double *dxn, const double *dlogp,
                             const double *dvalues)
{
    const tj_model_config *c = r->c;
    double *dlogits = hold(r, c->n_vocab);
    for (size_t i = 0; !r->failed && dlogp != NULL && i < chain->n_rows; i++) {
        size_t at = chain->row_at[i] * c->width;
        memset(dlogits, 0, c->n_vocab * sizeof *dlogits);
        tj_ref_logp_bwd(dlogits, dlogp[i], r->logits + i * c->n_vocab, c->n_vocab,
                        (size_t)chain->row_target[i]);
        tj_ref_linear_bwd(dxn + at, head(r)->g, NULL, dlogits, r->xn + at, head(r)->w, 1, c->width,
                          c->n_vocab);
    }
    for (size_t i = 0; dvalues != NULL && i < chain->n_values; i++) {
        size_t at = chain->value_at[i] * c->width;
        tj_ref_tensor *w = tj_ref_find(r->ref, "value_head.weight");
        tj_ref_linear_bwd(dxn + at, w->g, tj_ref_find(r->ref, "value_head.bias")->g, &dvalues[i],
                          r->xn + at, w->w, 1, c->width, 1);
    }
}

static void backward(run *r, const tj_ref_chain *chain, const double *dlogp, const double *dvalues)
{
    const tj_model_config *c = r->c;
    double *dxn = hold(r, r->n * c->width);
    double *dx = hold(r, r->n * c->width);
    if (r->failed) {
        return;
    }
    backward_outputs(r, chain, dxn, dlogp, dvalues);
    tj_ref_tensor *norm = tj_ref_find(r->ref, "model.norm.weight");
    tj_ref_rmsnorm_bwd(dx, norm->g, dxn, r->layers[c->n_layers].x, norm->w, plus(c), c->norm_eps,
                       r->n, c->width);
    for (size_t l = c->n_layers; l-- > 0;) {
        backward_ffn(r, l, dx);
        backward_attention(r, l, dx);
    }
    double *dembed = tj_ref_find(r->ref, "model.embed_tokens.weight")->g;
    for (size_t i = 0; i < r->n; i++) {
        for (size_t j = 0; j < c->width; j++) {
            dembed[(size_t)chain->ids[i] * c->width + j] += dx[i * c->width + j] * embed_scale(c);
        }
    }
}

tj_code tj_ref_run(tj_ref *ref, const tj_ref_chain *chain, double *logp, double *values,
                   const double *dlogp, const double *dvalues, tj_err *err)
{
    run r = {.ref = ref, .c = &ref->cfg, .n = chain->n};
    r.q_width = ref->cfg.n_heads * ref->cfg.head_dim;
    r.kv_width = ref->cfg.n_kv_heads * ref->cfg.head_dim;
    r.layers = tj_calloc(ref->cfg.n_layers + 1, sizeof *r.layers);
    r.failed = r.layers == NULL;
    if (!r.failed) {
        hold_layers(&r);
        r.logits = hold(&r, chain->n_rows * ref->cfg.n_vocab);
    }
    if (!r.failed) {
        forward(&r, chain, logp, values);
        if (!r.failed && (dlogp != NULL || dvalues != NULL)) {
            backward(&r, chain, dlogp, dvalues);
        }
    }
    for (size_t i = 0; i < r.n_held; i++) {
        tj_free(r.held[i]);
    }
    tj_free(r.held);
    tj_free(r.layers);
    return r.failed ? tj_fail(err, TJ_E_NOMEM, "cannot run %zu tokens in the reference", chain->n)
                    : TJ_OK;
}
