/* A model's configuration as a GGUF's metadata: the inverse of gguf_config.c. What llama.cpp has no
 * key for, or would not read in files of the architecture, is refused, since it would compute
 * something else in silence. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/source.h"

/* ------------------------------------------------------------------ what cannot be said */

/* The scale that readers take for Gemma's layers; see gguf_config.c. */
static double scale_of_readers(const tj_model_config *c)
{
    return c->n_layers == 62 ? 1.0 / sqrt((double)(c->width / c->n_heads))
                             : 1.0 / sqrt((double)c->head_dim);
}

/* Every so-manieth layer has no window: the period, or 0 if there is none. */
static size_t window_period(const tj_model_config *c, size_t usual)
{
    for (size_t i = 0; i <= c->n_layers + 1; i++) { /* the usual one first */
        size_t period = i == 0 ? usual : i;
        bool fits = true;
        for (size_t l = 0; l < c->n_layers && fits; l++) {
            fits = ((l + 1) % period != 0) == (c->layer[l].window > 0);
        }
        if (fits) {
            return period;
        }
    }
    return 0;
}

static tj_code check_rope(const tj_model_config *c, const tj_family *f, tj_err *err)
{
    static const char *const names[] = {"default", "linear", "llama3", "yarn"};
    const tj_rope *r = &c->rope[0];
    bool known = r->kind == TJ_ROPE_DEFAULT || r->kind == TJ_ROPE_LINEAR ||
                 (r->kind == TJ_ROPE_YARN && !f->local_rope) ||
                 (r->kind == TJ_ROPE_LLAMA3 && strcmp(f->gguf, "llama") == 0);
    if (!known) {
        return tj_fail(err, TJ_E_INVAL, "GGUF files of %s have no RoPE scaling '%s'", f->gguf,
                       names[r->kind]);
    }
    if (r->kind == TJ_ROPE_YARN && r->untruncated) {
        return tj_fail(err, TJ_E_INVAL, "GGUF files have no YaRN scaling with truncate: false");
    }
    if (c->n_rope > 1 && c->rope[1].kind != TJ_ROPE_DEFAULT) {
        return tj_fail(err, TJ_E_INVAL, "GGUF files have no RoPE scaling of layers with a window");
    }
    return TJ_OK;
}

static tj_code check(const tj_model_config *c, const tj_family *f, tj_err *err)
{
    if (c->value_head) {
        return tj_fail(err, TJ_E_INVAL, "GGUF files have no place for a value head");
    }
    for (size_t l = 0; l < c->n_layers; l++) {
        double scale = c->layer[l].scale;
        double readers = scale_of_readers(c);
        double own = scale > 0.0 ? scale : 1.0 / sqrt((double)c->head_dim);
        if (fabs(own - readers) > 1e-6 * readers) {
            return tj_fail(err, TJ_E_INVAL,
                           "GGUF files of %s have no attention scale; layer %zu has %g instead of "
                           "%g",
                           f->gguf, l, own, readers);
        }
        if (c->layer[l].window > 0 && !f->local_rope) {
            return tj_fail(err, TJ_E_INVAL, "GGUF files of %s have no windows; layer %zu has one",
                           f->gguf, l);
        }
    }
    if (f->local_rope && window_period(c, f->window_period) == 0) {
        return tj_fail(err, TJ_E_INVAL,
                       "GGUF files of %s have windows in all layers but every so-manieth, and this "
                       "model has them elsewhere",
                       f->gguf);
    }
    return check_rope(c, f, err);
}

/* ------------------------------------------------------------------ keys */

typedef struct putter {
    tj_gguf_writer *w;
    const char *arch;
} putter;

static void put_size(const putter *p, const char *tail, size_t value)
{
    char key[128];
    snprintf(key, sizeof key, "%s.%s", p->arch, tail);
    tj_gguf_put_u32(p->w, key, (uint32_t)value); /* configurations are far below 2^32 */
}

static void put_number(const putter *p, const char *tail, double value)
{
    char key[128];
    snprintf(key, sizeof key, "%s.%s", p->arch, tail);
    tj_gguf_put_f32(p->w, key, (float)value);
}

static void put_text(const putter *p, const char *tail, const char *value)
{
    char key[128];
    snprintf(key, sizeof key, "%s.%s", p->arch, tail);
    tj_gguf_put_string(p->w, key, value, strlen(value));
}

static void put_shape(const putter *p, const tj_model_config *c)
{
    put_size(p, "block_count", c->n_layers);
    put_size(p, "context_length", c->max_positions);
    put_size(p, "embedding_length", c->width);
    put_size(p, "feed_forward_length", c->ffn_width);
    put_size(p, "attention.head_count", c->n_heads);
    put_size(p, "attention.head_count_kv", c->n_kv_heads);
    put_size(p, "attention.key_length", c->head_dim);
    put_size(p, "attention.value_length", c->head_dim);
    put_number(p, "attention.layer_norm_rms_epsilon", c->norm_eps);
    put_size(p, "vocab_size", c->n_vocab);
}

/* Llama 3's parameters, which readers of the tensor do not need, are there for ours, under names of
 * our own: llama.cpp would divide by a rope.scaling.factor once more. */
static void put_llama3(const putter *p, const tj_rope *r)
{
    put_number(p, "rope.scaling.llama3_factor", r->factor);
    put_number(p, "rope.scaling.llama3_low_freq_factor", r->low_freq_factor);
    put_number(p, "rope.scaling.llama3_high_freq_factor", r->high_freq_factor);
    put_size(p, "rope.scaling.llama3_original_context_length", (size_t)r->original_positions);
}

static void put_yarn(const putter *p, const tj_rope *r)
{
    put_size(p, "rope.scaling.original_context_length", (size_t)r->original_positions);
    put_number(p, "rope.scaling.yarn_beta_fast", r->beta_fast);
    put_number(p, "rope.scaling.yarn_beta_slow", r->beta_slow);
    tj_rope usual = *r;
    usual.attention_factor = 0.0; /* what follows from the factor, which readers multiply by */
    if (r->attention_factor > 0.0 && r->attention_factor != tj_rope_amplitude(&usual)) {
        put_number(p, "rope.scaling.attn_factor", r->attention_factor / tj_rope_amplitude(&usual));
    }
}

static void put_rope(const putter *p, const tj_model_config *c)
{
    const tj_rope *r = &c->rope[0];
    put_size(p, "rope.dimension_count", c->head_dim);
    put_number(p, "rope.freq_base", r->theta);
    if (r->kind == TJ_ROPE_LLAMA3) {
        put_llama3(p, r);
    } else if (r->kind != TJ_ROPE_DEFAULT) {
        put_number(p, "rope.scaling.factor", r->factor);
        put_text(p, "rope.scaling.type", r->kind == TJ_ROPE_YARN ? "yarn" : "linear");
    }
    if (r->kind == TJ_ROPE_YARN) {
        put_yarn(p, r);
    }
}

/* A model without any window has the period 1; readers still want a window's size. */
static void put_windows(const putter *p, const tj_model_config *c, const tj_family *f)
{
    size_t window = c->max_positions;
    size_t period = window_period(c, f->window_period);
    for (size_t l = 0; l < c->n_layers; l++) {
        window = c->layer[l].window > 0 ? c->layer[l].window : window;
    }
    put_size(p, "attention.sliding_window", window);
    if (period != f->window_period) {
        put_size(p, "attention.sliding_window_pattern", period);
    }
    put_number(p, "rope.freq_base_swa", c->n_rope > 1 ? c->rope[1].theta : f->local_theta);
}

tj_code tj_gguf_config_put(tj_gguf_writer *w, const tj_model_config *c, const tj_family *f,
                           tj_err *err)
{
    const putter p = {.w = w, .arch = f->gguf};
    tj_code rc = check(c, f, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_gguf_put_string(w, "general.architecture", f->gguf, strlen(f->gguf));
    put_shape(&p, c);
    put_rope(&p, c);
    if (f->local_rope) {
        put_windows(&p, c, f);
    }
    return TJ_OK;
}

bool tj_gguf_rope_freqs(float *out, const tj_model_config *c)
{
    const tj_rope *r = &c->rope[0];
    tj_rope plain = {.theta = r->theta};
    if (r->kind != TJ_ROPE_LLAMA3) {
        return false;
    }
    for (size_t i = 0; i < c->head_dim / 2; i++) {
        out[i] = (float)(tj_rope_frequency(&plain, i, c->head_dim) /
                         tj_rope_frequency(r, i, c->head_dim));
    }
    return true;
}
