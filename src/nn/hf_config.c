#include "nn/hf_config.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------ writing */

static const char *const rope_kinds[] = {"default", "linear", "llama3", "yarn"};

static json_t *rope_settings(const tj_rope *r)
{
    json_t *j = json_pack("{s:s, s:f}", "rope_type", rope_kinds[r->kind], "rope_theta", r->theta);
    if (j == NULL || r->kind == TJ_ROPE_DEFAULT) {
        return j;
    }
    json_object_set_new(j, "factor", json_real(r->factor));
    if (r->kind == TJ_ROPE_LLAMA3) {
        json_object_set_new(j, "low_freq_factor", json_real(r->low_freq_factor));
        json_object_set_new(j, "high_freq_factor", json_real(r->high_freq_factor));
    }
    if (r->kind != TJ_ROPE_LINEAR) {
        json_object_set_new(j, "original_max_position_embeddings",
                            json_integer((json_int_t)r->original_positions));
    }
    if (r->kind == TJ_ROPE_YARN) {
        json_object_set_new(j, "beta_fast", json_real(r->beta_fast));
        json_object_set_new(j, "beta_slow", json_real(r->beta_slow));
        json_object_set_new(j, "attention_factor", json_real(tj_rope_amplitude(r)));
        json_object_set_new(j, "truncate", json_boolean(!r->untruncated));
    }
    return j;
}

/* Both spellings of the RoPE settings, since readers of one take defaults on the other. */
static void write_rope(json_t *j, const tj_model_config *c, const tj_family *f)
{
    const tj_rope *global = &c->rope[0];
    json_object_set_new(j, "rope_theta", json_real(global->theta));
    json_t *scaling = global->kind == TJ_ROPE_DEFAULT ? json_null() : rope_settings(global);
    if (json_is_object(scaling)) {
        json_object_del(scaling, "rope_theta");
    }
    json_object_set_new(j, "rope_scaling", scaling);
    if (!f->local_rope) {
        json_object_set_new(j, "rope_parameters", rope_settings(global));
        return;
    }
    const tj_rope local = {.theta = c->n_rope > 1 ? c->rope[1].theta : f->local_theta};
    json_object_set_new(j, "rope_local_base_freq", json_real(local.theta));
    json_object_set_new(j, "rope_parameters",
                        json_pack("{s:o, s:o}", "full_attention", rope_settings(global),
                                  "sliding_attention", rope_settings(&local)));
}

static void write_windows(json_t *j, const tj_model_config *c, const tj_family *f)
{
    size_t window = 0;
    bool alike = true;
    json_t *types = json_array();
    for (size_t l = 0; l < c->n_layers; l++) {
        size_t own = c->layer[l].window;
        window = own > 0 ? own : window;
        alike = alike && own == c->layer[0].window;
        json_array_append_new(types, json_string(own > 0 ? "sliding_attention" : "full_attention"));
    }
    if (alike && f->window_period == 0) { /* what follows says it, to older readers, too */
        json_decref(types);
    } else {
        json_object_set_new(j, "layer_types", types);
    }
    if (window == 0 && f->window_period > 0) { /* readers of such families want one, used or not */
        window = c->max_positions;
    }
    json_object_set_new(j, "sliding_window",
                        window > 0 ? json_integer((json_int_t)window) : json_null());
    if (f->window_period == 0) { /* the Qwens', whose older readers know no layer_types */
        json_object_set_new(j, "use_sliding_window", json_boolean(window > 0));
        json_object_set_new(j, "max_window_layers", json_integer(0));
    }
}

/* What the scale is one over the root of: whole in all known models, and transformers takes no
 * other. */
static json_t *scale_scalar(const tj_model_config *c)
{
    double scale = c->layer[0].scale;
    double scalar = scale > 0.0 ? 1.0 / (scale * scale) : (double)c->head_dim;
    double nearest = round(scalar);
    bool is_whole = fabs(scalar - nearest) <= 1e-9 * scalar && nearest < 1e15;
    return is_whole ? json_integer((json_int_t)nearest) : json_real(scalar);
}

json_t *tj_hf_eos_write(const tj_model_config *c)
{
    json_t *list = json_array();
    if (c->eos_id >= 0) {
        json_array_append_new(list, json_integer(c->eos_id));
    }
    for (size_t i = 0; i < c->n_more_eos; i++) {
        json_array_append_new(list, json_integer(c->more_eos[i]));
    }
    return list;
}

static void write_ids(json_t *j, const tj_model_config *c)
{
    if (c->bos_id >= 0) {
        json_object_set_new(j, "bos_token_id", json_integer(c->bos_id));
    }
    if (c->n_more_eos > 0) {
        json_object_set_new(j, "eos_token_id", tj_hf_eos_write(c));
    } else if (c->eos_id >= 0) {
        json_object_set_new(j, "eos_token_id", json_integer(c->eos_id));
    }
}

json_t *tj_hf_config_write(const tj_model_config *c, const tj_family *f, tj_dtype stored)
{
    json_t *j = json_pack(
        "{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:s, s:b, s:s, s:b, s:b}",
        "architectures", f->architecture, "model_type", f->model_type, "vocab_size",
        (json_int_t)c->n_vocab, "hidden_size", (json_int_t)c->width, "intermediate_size",
        (json_int_t)c->ffn_width, "num_hidden_layers", (json_int_t)c->n_layers,
        "num_attention_heads", (json_int_t)c->n_heads, "num_key_value_heads",
        (json_int_t)c->n_kv_heads, "head_dim", (json_int_t)c->head_dim, "max_position_embeddings",
        (json_int_t)c->max_positions, "rms_norm_eps", c->norm_eps, f->hf_activation_key,
        f->hf_activation, "tie_word_embeddings", c->tied_embedding, "torch_dtype",
        stored == TJ_BF16 ? "bfloat16" : "float32", "attention_bias", 0, "mlp_bias", 0);
    if (j == NULL) {
        return NULL;
    }
    write_rope(j, c, f);
    write_ids(j, c);
    if (f->windows) {
        write_windows(j, c, f);
    }
    if (f->local_rope) {
        json_object_set_new(j, "query_pre_attn_scalar", scale_scalar(c));
    }
    if (c->value_head) {
        json_object_set_new(j, "tabiji_value_head", json_true());
    }
    return j;
}

/* ------------------------------------------------------------------ reading */

typedef struct json_reader {
    const json_t *root;
    const char *path;
    tj_code rc;
    tj_err *err;
} json_reader;

static size_t need_size(json_reader *r, const char *key, size_t fallback)
{
    const json_t *v = json_object_get(r->root, key);
    if (r->rc != TJ_OK || (v == NULL && fallback != 0)) {
        return fallback;
    }
    if (!json_is_integer(v) || json_integer_value(v) <= 0) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: %s is missing or not a positive integer", r->path,
                        key);
        return 0;
    }
    return (size_t)json_integer_value(v);
}

static bool is_absent(const json_t *v)
{
    return v == NULL || json_is_null(v);
}

/* NaN as fallback: there must be one. */
static double need_number(json_reader *r, const json_t *from, const char *key, double fallback)
{
    const json_t *v = json_object_get(from, key);
    if (r->rc != TJ_OK || (v == NULL && !isnan(fallback))) {
        return fallback;
    }
    if (!json_is_number(v)) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: %s is missing or not a number", r->path, key);
        return 0.0;
    }
    return json_number_value(v);
}

static bool need_flag(json_reader *r, const json_t *from, const char *key, bool fallback)
{
    const json_t *v = json_object_get(from, key);
    if (r->rc == TJ_OK && !is_absent(v) && !json_is_boolean(v)) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: %s is not true or false", r->path, key);
    }
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

/* What the decoder does in one way only: a file that says another is refused, not misread. */
static void refuse_flag(json_reader *r, const char *key)
{
    if (need_flag(r, r->root, key, false) && r->rc == TJ_OK) {
        r->rc = tj_fail(r->err, TJ_E_INVAL, "%s: %s is not supported", r->path, key);
    }
}

static void refuse_value(json_reader *r, const char *key)
{
    if (r->rc == TJ_OK && !is_absent(json_object_get(r->root, key))) {
        r->rc = tj_fail(r->err, TJ_E_INVAL, "%s: %s is not supported", r->path, key);
    }
}

static void need_text(json_reader *r, const json_t *from, const char *key, const char *only)
{
    const json_t *v = json_object_get(from, key);
    if (r->rc == TJ_OK && !is_absent(v) &&
        (!json_is_string(v) || strcmp(json_string_value(v), only) != 0)) {
        r->rc = tj_fail(r->err, TJ_E_INVAL, "%s: %s is not '%s', and no other is supported",
                        r->path, key, only);
    }
}

static tj_rope_kind read_rope_kind(json_reader *r, const json_t *from)
{
    const json_t *v = json_object_get(from, "rope_type");
    v = is_absent(v) ? json_object_get(from, "type") : v; /* the older key */
    if (r->rc != TJ_OK || is_absent(v)) {
        return TJ_ROPE_DEFAULT;
    }
    for (size_t i = 0; json_is_string(v) && i < sizeof rope_kinds / sizeof rope_kinds[0]; i++) {
        if (strcmp(rope_kinds[i], json_string_value(v)) == 0) {
            return (tj_rope_kind)i;
        }
    }
    r->rc = tj_fail(r->err, TJ_E_INVAL,
                    "%s: rope_type is '%s', supported are default, linear, "
                    "llama3 and yarn",
                    r->path, json_is_string(v) ? json_string_value(v) : "(no text)");
    return TJ_ROPE_DEFAULT;
}

/* YaRN's amplitude: given, or of mscale over mscale_all_dim; 0 where it follows from factor. */
static double read_amplitude(json_reader *r, const json_t *from, double factor)
{
    if (!is_absent(json_object_get(from, "attention_factor"))) {
        return need_number(r, from, "attention_factor", 0.0);
    }
    double mscale = need_number(r, from, "mscale", 0.0);
    double all = need_number(r, from, "mscale_all_dim", 0.0);
    if (mscale == 0.0 || all == 0.0 || factor <= 1.0) {
        return 0.0;
    }
    return (0.1 * mscale * log(factor) + 1.0) / (0.1 * all * log(factor) + 1.0);
}

/* One table: its kind and numbers from `from`, its theta from `theta_from` at `key`. */
static void read_rope_table(json_reader *r, tj_rope *rope, const json_t *from,
                            const json_t *theta_from, const char *key, double fallback)
{
    *rope = (tj_rope){.kind = read_rope_kind(r, from)};
    rope->theta = need_number(r, theta_from, key, fallback);
    if (need_number(r, from, "partial_rotary_factor", 1.0) != 1.0 && r->rc == TJ_OK) {
        r->rc = tj_fail(r->err, TJ_E_INVAL, "%s: partial_rotary_factor is not supported", r->path);
    }
    if (rope->kind == TJ_ROPE_DEFAULT) {
        return;
    }
    rope->factor = need_number(r, from, "factor", (double)NAN);
    if (rope->kind == TJ_ROPE_LLAMA3) {
        rope->low_freq_factor = need_number(r, from, "low_freq_factor", (double)NAN);
        rope->high_freq_factor = need_number(r, from, "high_freq_factor", (double)NAN);
    }
    if (rope->kind != TJ_ROPE_LINEAR) {
        rope->original_positions = need_number(r, from, "original_max_position_embeddings",
                                               (double)need_size(r, "max_position_embeddings", 0));
    }
    if (rope->kind == TJ_ROPE_YARN) {
        rope->beta_fast = need_number(r, from, "beta_fast", 32.0);
        rope->beta_slow = need_number(r, from, "beta_slow", 1.0);
        rope->attention_factor = read_amplitude(r, from, rope->factor);
        rope->untruncated = !need_flag(r, from, "truncate", true);
    }
}

static const json_t *optional_object(json_reader *r, const json_t *from, const char *key)
{
    const json_t *v = json_object_get(from, key);
    if (r->rc == TJ_OK && !is_absent(v) && !json_is_object(v)) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: %s is not an object", r->path, key);
    }
    return json_is_object(v) ? v : NULL;
}

/* A file that spells the global table in both ways must say the same twice: readers differ in which
 * they take. */
static void check_both_spellings(json_reader *r, const tj_rope *newer, const json_t *scaling)
{
    tj_rope older = *newer;
    if (!is_absent(json_object_get(r->root, "rope_theta"))) {
        older.theta = need_number(r, r->root, "rope_theta", newer->theta);
    }
    if (scaling != NULL) {
        double theta = older.theta;
        read_rope_table(r, &older, scaling, scaling, "rope_theta", theta);
    }
    if (r->rc == TJ_OK && (older.theta != newer->theta || older.kind != newer->kind ||
                           older.factor != newer->factor)) {
        r->rc = tj_fail(r->err, TJ_E_INVAL,
                        "%s: rope_parameters and the older rope_theta and rope_scaling differ",
                        r->path);
    }
}

/* RoPE in either spelling; a file with neither is refused, since a default would be silently
 * wrong. */
static void read_rope(json_reader *r, tj_model_config *c, const tj_family *f)
{
    const json_t *newer = optional_object(r, r->root, "rope_parameters");
    const json_t *scaling = optional_object(r, r->root, "rope_scaling");
    const json_t *global = newer;
    const json_t *local = NULL;
    if (f->local_rope && newer != NULL) {
        global = optional_object(r, newer, "full_attention");
        local = optional_object(r, newer, "sliding_attention");
    }
    bool old = global == NULL;
    c->n_rope = f->local_rope ? 2 : 1;
    read_rope_table(r, &c->rope[0], old ? scaling : global, old ? r->root : global, "rope_theta",
                    (double)NAN);
    if (!old && r->rc == TJ_OK) {
        check_both_spellings(r, &c->rope[0], scaling);
    }
    if (f->local_rope && local != NULL) {
        read_rope_table(r, &c->rope[1], local, local, "rope_theta", (double)NAN);
    } else if (f->local_rope) {
        read_rope_table(r, &c->rope[1], NULL, r->root, "rope_local_base_freq", f->local_theta);
    }
}

/* A token's id; -1: none. */
static int32_t read_id(json_reader *r, const json_t *v, const char *key)
{
    if (r->rc != TJ_OK || is_absent(v)) {
        return -1;
    }
    if (!json_is_integer(v) || json_integer_value(v) < -1 || json_integer_value(v) > INT32_MAX) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: %s is not a token id", r->path, key);
        return -1;
    }
    return (int32_t)json_integer_value(v);
}

/* One id or a list of them. */
static void read_eos(json_reader *r, tj_model_config *c)
{
    static const char key[] = "eos_token_id";
    const json_t *v = json_object_get(r->root, key);
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    for (size_t i = 0; i < n && r->rc == TJ_OK; i++) {
        int32_t id = read_id(r, json_is_array(v) ? json_array_get(v, i) : v, key);
        if (!tj_model_config_add_eos(c, id)) {
            r->rc = tj_fail(r->err, TJ_E_LIMIT, "%s: %s has more than %d tokens", r->path, key,
                            TJ_MAX_MORE_EOS + 1);
        }
    }
}

tj_code tj_hf_eos_read(tj_model_config *c, const json_t *root, const char *path, tj_err *err)
{
    json_reader r = {root, path, TJ_OK, err};
    read_eos(&r, c);
    return r.rc;
}

/* The first layer with a window where max_window_layers says so: 28 where it is missing, as in
 * transformers, which leaves out what has its default. */
static size_t first_window_layer(json_reader *r)
{
    const json_t *first = json_object_get(r->root, "max_window_layers");
    if (is_absent(first)) {
        return 28;
    }
    if (r->rc == TJ_OK && (!json_is_integer(first) || json_integer_value(first) < 0)) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: max_window_layers is not an integer of at least 0",
                        r->path);
    }
    return (size_t)json_integer_value(first);
}

/* Whether layer l has a window by layer_types. */
static bool is_sliding(json_reader *r, const json_t *types, size_t l)
{
    const char *type = json_string_value(json_array_get(types, l));
    bool sliding = type != NULL && strcmp(type, "sliding_attention") == 0;
    if (r->rc == TJ_OK && !sliding && (type == NULL || strcmp(type, "full_attention") != 0)) {
        r->rc =
            tj_fail(r->err, TJ_E_INVAL,
                    "%s: layer_types[%zu] is not full_attention or sliding_attention", r->path, l);
    }
    return sliding;
}

/* Which layers have a window: those that layer_types says, else all but every so-manieth, or those
 * from max_window_layers on. */
static void read_windows(json_reader *r, tj_model_config *c, const tj_family *f)
{
    const json_t *types = json_object_get(r->root, "layer_types");
    size_t n_layers = c->n_layers < TJ_MAX_LAYERS ? c->n_layers : TJ_MAX_LAYERS; /* checked later */
    if (f->window_period == 0 && !need_flag(r, r->root, "use_sliding_window", false)) {
        return;
    }
    size_t window = need_size(r, "sliding_window", 0);
    size_t period =
        f->window_period > 0 ? need_size(r, "sliding_window_pattern", f->window_period) : 1;
    size_t from = f->window_period > 0 ? 0 : first_window_layer(r);
    if (r->rc == TJ_OK && !is_absent(types) && json_array_size(types) != c->n_layers) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: layer_types is not a list of %zu layers", r->path,
                        c->n_layers);
    }
    for (size_t l = 0; l < n_layers && r->rc == TJ_OK; l++) {
        bool by_rule = f->window_period > 0 ? (l + 1) % period != 0 : l >= from;
        bool sliding = is_absent(types) ? by_rule : is_sliding(r, types, l);
        c->layer[l].window = sliding ? window : 0;
        c->layer[l].rope = sliding && f->local_rope ? 1 : 0;
    }
}

static void read_scale(json_reader *r, tj_model_config *c)
{
    double scalar = need_number(r, r->root, "query_pre_attn_scalar", 256.0);
    if (r->rc == TJ_OK && !(scalar > 0.0)) {
        r->rc = tj_fail(r->err, TJ_E_INVAL, "%s: query_pre_attn_scalar is %g, expected above 0",
                        r->path, scalar);
    }
    for (size_t l = 0; l < TJ_MAX_LAYERS && r->rc == TJ_OK; l++) {
        c->layer[l].scale = scalar == (double)c->head_dim ? 0.0 : 1.0 / sqrt(scalar);
    }
}

static void read_shape(json_reader *r, tj_model_config *c)
{
    c->n_vocab = need_size(r, "vocab_size", 0);
    c->width = need_size(r, "hidden_size", 0);
    c->ffn_width = need_size(r, "intermediate_size", 0);
    c->n_layers = need_size(r, "num_hidden_layers", 0);
    c->n_heads = need_size(r, "num_attention_heads", 0);
    c->n_kv_heads = need_size(r, "num_key_value_heads", c->n_heads);
    size_t head_dim = c->n_heads > 0 ? c->width / c->n_heads : 0;
    c->head_dim = need_size(r, "head_dim", head_dim);
    c->max_positions = need_size(r, "max_position_embeddings", 0);
    c->norm_eps = need_number(r, r->root, "rms_norm_eps", (double)NAN);
}

static const tj_family *read_family(json_reader *r)
{
    const char *type = json_string_value(json_object_get(r->root, "model_type"));
    const tj_family *f = type == NULL ? NULL : tj_family_by_model_type(type);
    if (f == NULL) {
        r->rc = tj_fail(r->err, TJ_E_INVAL, "%s: model_type '%s' is not %s", r->path,
                        type == NULL ? "(none)" : type, tj_family_names());
    }
    return f;
}

tj_code tj_hf_config_read(tj_model_config *c, const tj_family **family, const json_t *root,
                          const char *path, tj_err *err)
{
    json_reader r = {root, path, TJ_OK, err};
    tj_model_config_default(c);
    const tj_family *f = read_family(&r);
    *family = f;
    if (f == NULL) {
        return r.rc;
    }
    read_shape(&r, c);
    tj_family_apply(f, c);
    read_rope(&r, c, f);
    need_text(&r, root, f->hf_activation_key, f->hf_activation);
    refuse_flag(&r, "attention_bias");
    refuse_flag(&r, "mlp_bias");
    refuse_flag(&r, "use_bidirectional_attention");
    refuse_value(&r, "attn_logit_softcapping");
    refuse_value(&r, "final_logit_softcapping");
    /* families that always tie leave the key out (transformers' default for Gemma) */
    c->tied_embedding = need_flag(&r, root, "tie_word_embeddings", f->scaled_embedding);
    c->value_head = need_flag(&r, root, "tabiji_value_head", false);
    c->bos_id = read_id(&r, json_object_get(root, "bos_token_id"), "bos_token_id");
    read_eos(&r, c);
    if (f->windows) { /* llama has none, whatever a file holds */
        read_windows(&r, c, f);
    }
    if (f->local_rope) {
        read_scale(&r, c);
    }
    if (r.rc == TJ_OK) {
        r.rc = tj_model_config_check(c, err);
        if (r.rc != TJ_OK) {
            tj_err_context(err, "%s", path);
        }
    }
    return r.rc;
}
