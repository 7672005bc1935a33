#include "nn/family.h"

#include <math.h>
#include <string.h>

static const tj_family families[] = {
    {.model_type = "llama",
     .architecture = "LlamaForCausalLM",
     .gguf = "llama",
     .hf_activation = "silu",
     .hf_activation_key = "hidden_act",
     .gguf_pairs = true},
    {.model_type = "qwen2",
     .architecture = "Qwen2ForCausalLM",
     .gguf = "qwen2",
     .qkv_bias = true,
     .hf_activation = "silu",
     .hf_activation_key = "hidden_act",
     .windows = true},
    {.model_type = "qwen3",
     .architecture = "Qwen3ForCausalLM",
     .gguf = "qwen3",
     .qk_norm = true,
     .hf_activation = "silu",
     .hf_activation_key = "hidden_act",
     .windows = true},
    {.model_type = "gemma3_text",
     .architecture = "Gemma3ForCausalLM",
     .gguf = "gemma3",
     .qk_norm = true,
     .post_norms = true,
     .activation = TJ_GELU_TANH,
     .hf_activation = "gelu_pytorch_tanh",
     .hf_activation_key = "hidden_activation",
     .scaled_embedding = true,
     .windows = true,
     .local_rope = true,
     .local_theta = 10000.0,
     .window_period = 6,
     .norm_plus_one = true},
};

#define N_FAMILIES (sizeof families / sizeof families[0])

const tj_family *tj_family_by_model_type(const char *model_type)
{
    for (size_t i = 0; i < N_FAMILIES; i++) {
        if (strcmp(families[i].model_type, model_type) == 0) {
            return &families[i];
        }
    }
    return NULL;
}

const tj_family *tj_family_by_gguf(const char *architecture, size_t len)
{
    for (size_t i = 0; i < N_FAMILIES; i++) {
        if (strlen(families[i].gguf) == len && memcmp(families[i].gguf, architecture, len) == 0) {
            return &families[i];
        }
    }
    return NULL;
}

const char *tj_family_names(void)
{
    return "llama, qwen2, qwen3 or gemma3_text";
}

const char *tj_family_gguf_names(void)
{
    return "llama, qwen2, qwen3 or gemma3";
}

void tj_family_apply(const tj_family *f, tj_model_config *c)
{
    c->qkv_bias = f->qkv_bias;
    c->qk_norm = f->qk_norm;
    c->post_norms = f->post_norms;
    c->norm_plus_one = f->norm_plus_one;
    c->activation = f->activation;
    c->embed_scale = f->scaled_embedding ? sqrt((double)c->width) : 0.0;
}

static bool has_its_switches(const tj_family *f, const tj_model_config *c)
{
    double scale = c->embed_scale > 0.0 ? c->embed_scale : 1.0;
    double want = f->scaled_embedding ? sqrt((double)c->width) : 1.0;
    return f->qkv_bias == c->qkv_bias && f->qk_norm == c->qk_norm &&
           f->post_norms == c->post_norms && f->norm_plus_one == c->norm_plus_one &&
           f->activation == c->activation && fabs(scale - want) <= 1e-9 * want;
}

static tj_code check_layer(const tj_family *f, const tj_model_config *c, size_t l, tj_err *err)
{
    double plain = 1.0 / sqrt((double)c->head_dim);
    const tj_layer_attn *a = &c->layer[l];
    size_t rope = f->local_rope && a->window > 0 ? 1 : 0;
    bool free_scale = f->local_rope; /* query_pre_attn_scalar: any, but one for all layers */
    bool odd_scale = free_scale ? a->scale != c->layer[0].scale
                                : a->scale > 0.0 && fabs(a->scale - plain) > 1e-12;
    if (odd_scale || a->rope != rope) {
        return tj_fail(err, TJ_E_INVAL,
                       "model: no family has the attention scale or RoPE table of layer %zu", l);
    }
    if (a->window > 0 && !f->windows) {
        return tj_fail(err, TJ_E_INVAL, "model: %s has no windows, layer %zu has one of %zu",
                       f->model_type, l, a->window);
    }
    return TJ_OK;
}

/* All windows are alike. */
static tj_code check_windows(const tj_model_config *c, tj_err *err)
{
    size_t window = 0;
    for (size_t l = 0; l < c->n_layers; l++) {
        size_t own = c->layer[l].window;
        if (own > 0 && window > 0 && own != window) {
            return tj_fail(err, TJ_E_INVAL, "model: no family has windows of %zu and %zu", window,
                           own);
        }
        window = own > 0 ? own : window;
    }
    return TJ_OK;
}

tj_code tj_family_of(const tj_family **out, const tj_model_config *c, tj_err *err)
{
    *out = NULL;
    for (size_t i = 0; i < N_FAMILIES; i++) {
        if (has_its_switches(&families[i], c)) {
            *out = &families[i];
        }
    }
    if (*out == NULL) {
        return tj_fail(err, TJ_E_INVAL,
                       "model: no family has qkv_bias %s, qk_norm %s, post_norms %s with the "
                       "activation %s and the embedding scale %g",
                       c->qkv_bias ? "on" : "off", c->qk_norm ? "on" : "off",
                       c->post_norms ? "on" : "off", c->activation == TJ_SILU ? "silu" : "gelu",
                       c->embed_scale);
    }
    tj_code rc = check_windows(c, err);
    for (size_t l = 0; l < c->n_layers && rc == TJ_OK; l++) {
        rc = check_layer(*out, c, l, err);
    }
    if (rc == TJ_OK && c->qkv_bias && c->head_dim * c->n_heads != c->width) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "model: qwen2 (qkv_bias) needs n_heads * head_dim = width, not %zu * %zu = "
                     "%zu",
                     c->n_heads, c->head_dim, c->width);
    }
    *out = rc == TJ_OK ? *out : NULL;
    return rc;
}

tj_code tj_model_config_family(const char **family, const tj_model_config *c, tj_err *err)
{
    const tj_family *f;
    tj_code rc = tj_family_of(&f, c, err);
    *family = rc == TJ_OK ? f->model_type : NULL;
    return rc;
}
