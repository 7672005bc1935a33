/* The shape of a model: defaults, checks, JSON. */
#include <math.h>
#include <string.h>

#include "base/config.h"
#include "nn/nn.h"

void tj_model_config_default(tj_model_config *cfg)
{
    memset(cfg, 0, sizeof *cfg);
    cfg->max_positions = 2048;
    cfg->norm_eps = 1e-5;
    cfg->tied_embedding = true;
    cfg->init_std = 0.02;
    cfg->n_rope = 1;
    cfg->rope[0].theta = 10000.0;
    cfg->bos_id = -1;
    cfg->eos_id = -1;
}

static tj_code check_counts(const tj_model_config *c, tj_err *err)
{
    const struct {
        const char *name;
        size_t value, max;
    } counts[] = {
        {"n_vocab", c->n_vocab, (size_t)1 << 24},
        {"width", c->width, (size_t)1 << 20},
        {"n_layers", c->n_layers, TJ_MAX_LAYERS},
        {"n_heads", c->n_heads, 4096},
        {"n_kv_heads", c->n_kv_heads, 4096},
        {"head_dim", c->head_dim, TJ_MAX_HEAD_DIM},
        {"ffn_width", c->ffn_width, (size_t)1 << 22},
        {"max_positions", c->max_positions, TJ_MAX_POSITIONS},
        {"n_rope", c->n_rope, TJ_MAX_ROPE},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (counts[i].value == 0 || counts[i].value > counts[i].max) {
            return tj_fail(err, TJ_E_INVAL, "model: %s is %zu, expected 1 to %zu", counts[i].name,
                           counts[i].value, counts[i].max);
        }
    }
    return TJ_OK;
}

static tj_code check_rope(const tj_rope *r, tj_err *err)
{
    if (!(r->theta > 1.0) || !isfinite(r->theta)) {
        return tj_fail(err, TJ_E_INVAL, "model: rope_theta is %g, expected above 1", r->theta);
    }
    if (r->kind == TJ_ROPE_DEFAULT) {
        return TJ_OK;
    }
    if (!(r->factor >= 1.0) || !isfinite(r->factor)) {
        return tj_fail(err, TJ_E_INVAL, "model: the RoPE factor is %g, expected at least 1",
                       r->factor);
    }
    if (r->kind == TJ_ROPE_LINEAR) {
        return TJ_OK;
    }
    if (!(r->original_positions >= 1.0 && r->original_positions <= TJ_MAX_POSITIONS) ||
        floor(r->original_positions) != r->original_positions) {
        return tj_fail(
            err, TJ_E_INVAL,
            "model: RoPE original_max_position_embeddings is %g, expected a whole number "
            "from 1 to %u",
            r->original_positions, TJ_MAX_POSITIONS);
    }
    if (r->kind == TJ_ROPE_LLAMA3 &&
        !(r->low_freq_factor > 0.0 && r->high_freq_factor > r->low_freq_factor &&
          isfinite(r->high_freq_factor))) {
        return tj_fail(err, TJ_E_INVAL,
                       "model: RoPE low_freq_factor %g is not below high_freq_factor %g",
                       r->low_freq_factor, r->high_freq_factor);
    }
    if (r->kind == TJ_ROPE_YARN &&
        !(r->beta_slow > 0.0 && r->beta_fast > r->beta_slow && isfinite(r->beta_fast) &&
          r->attention_factor >= 0.0 && isfinite(r->attention_factor))) {
        return tj_fail(err, TJ_E_INVAL,
                       "model: RoPE beta_fast %g, beta_slow %g or attention_factor %g is wrong",
                       r->beta_fast, r->beta_slow, r->attention_factor);
    }
    return TJ_OK;
}

tj_code tj_model_config_check(const tj_model_config *c, tj_err *err)
{
    tj_code rc = check_counts(c, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (c->n_heads % c->n_kv_heads != 0) {
        return tj_fail(err, TJ_E_INVAL, "model: n_heads %zu is not a multiple of n_kv_heads %zu",
                       c->n_heads, c->n_kv_heads);
    }
    if (c->head_dim % 2 != 0) {
        return tj_fail(err, TJ_E_INVAL, "model: head_dim %zu is odd", c->head_dim);
    }
    if (!(c->norm_eps > 0.0) || !(c->norm_eps < 1.0)) {
        return tj_fail(err, TJ_E_INVAL, "model: norm_eps is %g, expected in (0, 1)", c->norm_eps);
    }
    if (!(c->init_std >= 0.0) || !isfinite(c->init_std)) {
        return tj_fail(err, TJ_E_INVAL, "model: init_std is %g", c->init_std);
    }
    if (!(c->embed_scale >= 0.0) || !isfinite(c->embed_scale)) {
        return tj_fail(err, TJ_E_INVAL, "model: embed_scale is %g", c->embed_scale);
    }
    for (size_t i = 0; i < c->n_rope; i++) {
        rc = check_rope(&c->rope[i], err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    for (size_t l = 0; l < c->n_layers; l++) {
        if (c->layer[l].rope >= c->n_rope || !(c->layer[l].scale >= 0.0) ||
            !isfinite(c->layer[l].scale)) {
            return tj_fail(err, TJ_E_INVAL, "model: layer %zu has RoPE table %zu of %zu, scale %g",
                           l, c->layer[l].rope, c->n_rope, c->layer[l].scale);
        }
    }
    return TJ_OK;
}

bool tj_model_config_is_eos(const tj_model_config *c, int32_t id)
{
    bool found = id >= 0 && id == c->eos_id;
    for (size_t i = 0; i < c->n_more_eos; i++) {
        found = found || id == c->more_eos[i];
    }
    return found;
}

bool tj_model_config_add_eos(tj_model_config *c, int32_t id)
{
    if (id < 0 || tj_model_config_is_eos(c, id)) {
        return true;
    }
    if (c->eos_id < 0) {
        c->eos_id = id;
        return true;
    }
    if (c->n_more_eos == TJ_MAX_MORE_EOS) {
        return false;
    }
    c->more_eos[c->n_more_eos++] = id;
    return true;
}

size_t tj_model_config_n_weights(const tj_model_config *c)
{
    size_t q = c->n_heads * c->head_dim;
    size_t kv = c->n_kv_heads * c->head_dim;
    size_t layer = c->width * (q + 2 * kv) + q * c->width + 3 * c->width * c->ffn_width +
                   (c->post_norms ? 4 : 2) * c->width + (c->qkv_bias ? q + 2 * kv : 0) +
                   (c->qk_norm ? 2 * c->head_dim : 0);
    size_t embed = c->n_vocab * c->width;
    return embed * (c->tied_embedding ? 1 : 2) + c->n_layers * layer + c->width +
           (c->value_head ? c->width + 1 : 0);
}

/* ------------------------------------------------------------------ our configuration */

typedef struct own_config { /* what a user writes; layers alike */
    size_t n_vocab, width, n_layers, n_heads, n_kv_heads, head_dim, ffn_width, max_positions,
        window;
    double norm_eps, init_std, rope_theta, attention_scale;
    bool qkv_bias, qk_norm, tied_embedding, value_head;
} own_config;

static const tj_field own_fields[] = {
    TJ_FIELD_SIZE(own_config, n_vocab, 0, 1 << 24, "vocabulary; 0: the tokenizer's"),
    TJ_FIELD_SIZE(own_config, width, 1, 1 << 20, "model width C"),
    TJ_FIELD_SIZE(own_config, n_layers, 1, TJ_MAX_LAYERS, "layers L"),
    TJ_FIELD_SIZE(own_config, n_heads, 1, 4096, "query heads H"),
    TJ_FIELD_SIZE(own_config, n_kv_heads, 1, 4096, "key-value heads G"),
    TJ_FIELD_SIZE(own_config, head_dim, 2, TJ_MAX_HEAD_DIM, "head width D"),
    TJ_FIELD_SIZE(own_config, ffn_width, 1, 1 << 22, "feed-forward width F"),
    TJ_FIELD_SIZE(own_config, max_positions, 1, TJ_MAX_POSITIONS, "longest path in tokens"),
    TJ_FIELD_SIZE(own_config, window, 0, TJ_MAX_POSITIONS, "attention window; 0: all"),
    TJ_FIELD_DOUBLE(own_config, norm_eps, 0.0, 1.0, "epsilon of RMSNorm"),
    TJ_FIELD_DOUBLE(own_config, init_std, 0.0, 10.0, "deviation of initial weights"),
    TJ_FIELD_DOUBLE(own_config, rope_theta, 1.0, 1e12, "base of rotary embedding"),
    TJ_FIELD_DOUBLE(own_config, attention_scale, 0.0, 1e3, "of scores; 0: 1/sqrt(D)"),
    TJ_FIELD_BOOL(own_config, qkv_bias, "biases on q, k, v"),
    TJ_FIELD_BOOL(own_config, qk_norm, "RMSNorm on q and k heads"),
    TJ_FIELD_BOOL(own_config, tied_embedding, "output embedding is the input embedding"),
    TJ_FIELD_BOOL(own_config, value_head, "a linear value head"),
    TJ_FIELD_END};

static own_config own_from_cfg(const tj_model_config *c)
{
    return (own_config){.n_vocab = c->n_vocab,
                        .width = c->width,
                        .n_layers = c->n_layers,
                        .n_heads = c->n_heads,
                        .n_kv_heads = c->n_kv_heads,
                        .head_dim = c->head_dim,
                        .ffn_width = c->ffn_width,
                        .max_positions = c->max_positions,
                        .window = c->layer[0].window,
                        .norm_eps = c->norm_eps,
                        .init_std = c->init_std,
                        .rope_theta = c->rope[0].theta,
                        .attention_scale = c->layer[0].scale,
                        .qkv_bias = c->qkv_bias,
                        .qk_norm = c->qk_norm,
                        .tied_embedding = c->tied_embedding,
                        .value_head = c->value_head};
}

tj_code tj_model_config_from_json(tj_model_config *cfg, const json_t *json, const char *where,
                                  tj_err *err)
{
    own_config own = own_from_cfg(cfg);
    tj_code rc = tj_config_read(&own, own_fields, json, where, err);
    if (rc != TJ_OK) {
        return rc;
    }
    cfg->n_vocab = own.n_vocab;
    cfg->width = own.width;
    cfg->n_layers = own.n_layers;
    cfg->n_heads = own.n_heads;
    cfg->n_kv_heads = own.n_kv_heads;
    cfg->head_dim = own.head_dim;
    cfg->ffn_width = own.ffn_width;
    cfg->max_positions = own.max_positions;
    cfg->norm_eps = own.norm_eps;
    cfg->init_std = own.init_std;
    cfg->n_rope = 1;
    cfg->rope[0] = (tj_rope){.theta = own.rope_theta};
    cfg->qkv_bias = own.qkv_bias;
    cfg->qk_norm = own.qk_norm;
    cfg->tied_embedding = own.tied_embedding;
    cfg->value_head = own.value_head;
    for (size_t l = 0; l < TJ_MAX_LAYERS; l++) {
        cfg->layer[l] = (tj_layer_attn){.window = own.window, .scale = own.attention_scale};
    }
    return TJ_OK;
}

json_t *tj_model_config_to_json(const tj_model_config *cfg)
{
    own_config own = own_from_cfg(cfg);
    return tj_config_write(&own, own_fields);
}

void tj_model_config_print(tj_buf *out, const tj_model_config *cfg, size_t depth)
{
    own_config own = own_from_cfg(cfg);
    tj_config_print(out, &own, own_fields, depth);
}
