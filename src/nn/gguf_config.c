/* A GGUF's metadata as a model's configuration (keys: ggml-org/ggml, docs/gguf.md; what they do not
 * say, Gemma's pattern of windows and Llama 3's scaling, as llama.cpp reads it). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/blocks.h"
#include "nn/source.h"

typedef struct gguf_reader {
    const tj_gguf *gguf;
    const char *arch;
    tj_code rc;
    tj_err *err;
} gguf_reader;

typedef struct key_text {
    char text[128];
} key_text;

static key_text key_of(const gguf_reader *r, const char *tail)
{
    key_text key;
    snprintf(key.text, sizeof key.text, "%s.%s", r->arch, tail);
    return key;
}

static bool has(const gguf_reader *r, const char *tail)
{
    return tj_gguf_has(r->gguf, key_of(r, tail).text);
}

/* fallback 0: there must be one. */
static size_t size_at(gguf_reader *r, const char *tail, size_t fallback)
{
    uint64_t value = fallback;
    if (r->rc == TJ_OK && (fallback == 0 || has(r, tail))) {
        r->rc = tj_gguf_u64(r->gguf, &value, key_of(r, tail).text, r->err);
    }
    return (size_t)value;
}

static double number_at(gguf_reader *r, const char *tail, double fallback)
{
    double value = fallback;
    if (r->rc == TJ_OK && (isnan(fallback) || has(r, tail))) {
        r->rc = tj_gguf_f64(r->gguf, &value, key_of(r, tail).text, r->err);
    }
    return value;
}

static bool text_is(const char *text, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(text, word, len) == 0;
}

static void read_scaling(gguf_reader *r, tj_rope *rope, size_t max_positions)
{
    const char *type = "none";
    size_t len = 4;
    if (r->rc == TJ_OK && has(r, "rope.scaling.type")) {
        r->rc = tj_gguf_string(r->gguf, &type, &len, key_of(r, "rope.scaling.type").text, r->err);
    }
    if (r->rc != TJ_OK || text_is(type, len, "none")) {
        return;
    }
    rope->factor = number_at(r, "rope.scaling.factor", (double)NAN);
    if (text_is(type, len, "linear")) {
        rope->kind = rope->factor == 1.0 ? TJ_ROPE_DEFAULT : TJ_ROPE_LINEAR;
    } else if (text_is(type, len, "yarn")) {
        rope->kind = TJ_ROPE_YARN;
        rope->original_positions =
            (double)size_at(r, "rope.scaling.original_context_length", max_positions);
        rope->beta_fast = number_at(r, "rope.scaling.yarn_beta_fast", 32.0);
        rope->beta_slow = number_at(r, "rope.scaling.yarn_beta_slow", 1.0);
        /* the file's factor multiplies the one that follows from `factor` */
        rope->attention_factor =
            tj_rope_amplitude(rope) * number_at(r, "rope.scaling.attn_factor", 1.0);
    } else if (r->rc == TJ_OK) {
        r->rc = tj_fail(r->err, TJ_E_INVAL,
                        "%s: rope.scaling.type is '%.*s', supported are none, linear and yarn",
                        tj_gguf_name(r->gguf), (int)len, type);
    }
}

/* Llama 3's scaling is in the file as what it divides each frequency by, not as its parameters.
 * These are recovered: the largest divisor is the factor, the other three, where no key says
 * another (ours do), are those of all published models; and the divisors that follow from them must
 * be the file's. */
static void read_llama3(gguf_reader *r, tj_rope *rope, size_t head_dim)
{
    const tj_gguf_tensor *t = tj_gguf_find(r->gguf, "rope_freqs.weight");
    if (r->rc != TJ_OK || t == NULL) {
        return;
    }
    float by[TJ_MAX_HEAD_DIM / 2];
    if (t->n != head_dim / 2 || t->type != TJ_GGML_F32) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: tensor rope_freqs.weight is not %zu values in F32",
                        tj_gguf_name(r->gguf), head_dim / 2);
        return;
    }
    memcpy(by, t->bytes, t->n * sizeof *by);
    tj_rope scaled = *rope;
    scaled.kind = TJ_ROPE_LLAMA3;
    scaled.factor = 1.0;
    for (size_t i = 0; i < t->n; i++) {
        scaled.factor = fmax(scaled.factor, (double)by[i]);
    }
    scaled.factor = number_at(r, "rope.scaling.llama3_factor", scaled.factor);
    scaled.low_freq_factor = number_at(r, "rope.scaling.llama3_low_freq_factor", 1.0);
    scaled.high_freq_factor = number_at(r, "rope.scaling.llama3_high_freq_factor", 4.0);
    scaled.original_positions = number_at(r, "rope.scaling.llama3_original_context_length", 8192.0);
    for (size_t i = 0; i < t->n; i++) {
        double want =
            tj_rope_frequency(rope, i, head_dim) / tj_rope_frequency(&scaled, i, head_dim);
        if (!(fabs((double)by[i] - want) <= 1e-4 * want)) {
            r->rc = tj_fail(r->err, TJ_E_INVAL,
                            "%s: rope_freqs.weight[%zu] is %g, but %g by Llama 3's scaling of "
                            "factor %g",
                            tj_gguf_name(r->gguf), i, (double)by[i], want, scaled.factor);
            return;
        }
    }
    *rope = scaled;
}

static void read_windows(gguf_reader *r, tj_model_config *c, const tj_family *f)
{
    size_t window = size_at(r, "attention.sliding_window", 0);
    size_t period = size_at(r, "attention.sliding_window_pattern", f->window_period);
    c->n_rope = 2;
    c->rope[1] = (tj_rope){.theta = number_at(r, "rope.freq_base_swa", f->local_theta)};
    for (size_t l = 0; l < c->n_layers && l < TJ_MAX_LAYERS && r->rc == TJ_OK; l++) {
        bool sliding = (l + 1) % period != 0;
        c->layer[l].window = sliding ? window : 0;
        c->layer[l].rope = sliding ? 1 : 0;
    }
    /* Gemma 3 27B alone scales by its width, not by its heads' */
    if (c->n_layers == 62 && c->n_heads > 0) {
        for (size_t l = 0; l < c->n_layers; l++) {
            c->layer[l].scale = 1.0 / sqrt((double)(c->width / c->n_heads));
        }
    }
}

static void read_shape(gguf_reader *r, tj_model_config *c)
{
    const tj_gguf_tensor *embed = tj_gguf_find(r->gguf, "token_embd.weight");
    c->n_layers = size_at(r, "block_count", 0);
    c->width = size_at(r, "embedding_length", 0);
    c->ffn_width = size_at(r, "feed_forward_length", 0);
    c->n_heads = size_at(r, "attention.head_count", 0);
    c->n_kv_heads = size_at(r, "attention.head_count_kv", c->n_heads);
    size_t head_dim = c->n_heads > 0 ? c->width / c->n_heads : 0;
    c->head_dim = size_at(r, "attention.key_length", head_dim);
    c->max_positions = size_at(r, "context_length", 0);
    c->norm_eps = number_at(r, "attention.layer_norm_rms_epsilon", (double)NAN);
    c->tied_embedding = tj_gguf_find(r->gguf, "output.weight") == NULL;
    if (r->rc == TJ_OK && embed == NULL) {
        r->rc = tj_fail(r->err, TJ_E_NOTFOUND, "%s: no tensor token_embd.weight",
                        tj_gguf_name(r->gguf));
    }
    c->n_vocab = embed == NULL ? 0 : embed->dims[1];
    if (r->rc == TJ_OK && size_at(r, "attention.value_length", c->head_dim) != c->head_dim) {
        r->rc = tj_fail(r->err, TJ_E_INVAL,
                        "%s: values of another width than keys are not "
                        "supported",
                        tj_gguf_name(r->gguf));
    }
    if (r->rc == TJ_OK && size_at(r, "rope.dimension_count", c->head_dim) != c->head_dim) {
        r->rc = tj_fail(r->err, TJ_E_INVAL, "%s: %s.rope.dimension_count is not the head width %zu",
                        tj_gguf_name(r->gguf), r->arch, c->head_dim);
    }
}

static int32_t token_at(gguf_reader *r, const char *tail)
{
    char key[64];
    uint64_t id = 0;
    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", tail);
    if (r->rc != TJ_OK || !tj_gguf_has(r->gguf, key)) {
        return -1;
    }
    r->rc = tj_gguf_u64(r->gguf, &id, key, r->err);
    return id <= INT32_MAX ? (int32_t)id : -1;
}

tj_code tj_gguf_config_read(tj_model_config *c, const tj_family **family, const tj_gguf *gguf,
                            tj_err *err)
{
    const char *arch;
    size_t len;
    tj_code rc = tj_gguf_string(gguf, &arch, &len, "general.architecture", err);
    if (rc != TJ_OK) {
        return rc;
    }
    const tj_family *f = tj_family_by_gguf(arch, len);
    if (f == NULL) {
        return tj_fail(err, TJ_E_INVAL, "%s: general.architecture '%.*s' is not %s",
                       tj_gguf_name(gguf), len > 40 ? 40 : (int)len, arch, tj_family_gguf_names());
    }
    gguf_reader r = {.gguf = gguf, .arch = f->gguf, .err = err};
    tj_model_config_default(c);
    read_shape(&r, c);
    tj_family_apply(f, c);
    c->rope[0] = (tj_rope){.theta = number_at(&r, "rope.freq_base", 10000.0)};
    read_scaling(&r, &c->rope[0], c->max_positions);
    if (c->head_dim <= TJ_MAX_HEAD_DIM) { /* checked below */
        read_llama3(&r, &c->rope[0], c->head_dim);
    }
    if (f->local_rope) {
        read_windows(&r, c, f);
    }
    c->bos_id = token_at(&r, "bos");
    /* the ends of a text, of a turn and of a message to a tool: at most three, which fit */
    (void)tj_model_config_add_eos(c, token_at(&r, "eos"));
    (void)tj_model_config_add_eos(c, token_at(&r, "eot"));
    (void)tj_model_config_add_eos(c, token_at(&r, "eom"));
    if (r.rc == TJ_OK) {
        r.rc = tj_model_config_check(c, err);
        if (r.rc != TJ_OK) {
            tj_err_context(err, "%s", tj_gguf_name(gguf));
        }
    }
    *family = f;
    return r.rc;
}
