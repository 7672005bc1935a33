/* Checkpoints as Hugging Face transformers writes them: config.json and model.safetensors in a
 * folder; the optimiser's moments in a safetensors file beside them. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "nn/adamw.h"
#include "nn/safetensors.h"

/* ------------------------------------------------------------------ config.json */

static const char *class_of(const char *family)
{
    return strcmp(family, "qwen3") == 0   ? "Qwen3ForCausalLM"
           : strcmp(family, "qwen2") == 0 ? "Qwen2ForCausalLM"
                                          : "LlamaForCausalLM";
}

static json_t *hf_config(const tj_model_config *c, const char *family, tj_dtype stored)
{
    bool windowed = c->layer[0].window > 0;
    json_t *j = json_pack(
        "{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:s, s:b, s:s, s:b, s:b}",
        "architectures", class_of(family), "model_type", family, "vocab_size",
        (json_int_t)c->n_vocab, "hidden_size", (json_int_t)c->width, "intermediate_size",
        (json_int_t)c->ffn_width, "num_hidden_layers", (json_int_t)c->n_layers,
        "num_attention_heads", (json_int_t)c->n_heads, "num_key_value_heads",
        (json_int_t)c->n_kv_heads, "head_dim", (json_int_t)c->head_dim, "max_position_embeddings",
        (json_int_t)c->max_positions, "rms_norm_eps", c->norm_eps, "rope_theta", c->rope_theta[0],
        "hidden_act", "silu", "tie_word_embeddings", c->tied_embedding, "torch_dtype",
        stored == TJ_BF16 ? "bfloat16" : "float32", "attention_bias", 0, "mlp_bias", 0);
    if (j == NULL) {
        return NULL;
    }
    /* both spellings of the RoPE settings, since readers of one take defaults on the other */
    json_object_set_new(j, "rope_scaling", json_null());
    json_object_set_new(
        j, "rope_parameters",
        json_pack("{s:s, s:f}", "rope_type", "default", "rope_theta", c->rope_theta[0]));
    if (c->bos_id >= 0) {
        json_object_set_new(j, "bos_token_id", json_integer(c->bos_id));
    }
    if (c->eos_id >= 0) {
        json_object_set_new(j, "eos_token_id", json_integer(c->eos_id));
    }
    if (strcmp(family, "llama") != 0) {
        json_object_set_new(j, "use_sliding_window", json_boolean(windowed));
        json_object_set_new(j, "max_window_layers", json_integer(0));
        json_object_set_new(j, "sliding_window",
                            windowed ? json_integer((json_int_t)c->layer[0].window) : json_null());
    }
    if (c->value_head) {
        json_object_set_new(j, "tabiji_value_head", json_true());
    }
    return j;
}

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

static bool is_absent(const json_t *v)
{
    return v == NULL || json_is_null(v);
}

static bool need_flag(json_reader *r, const char *key, bool fallback)
{
    const json_t *v = json_object_get(r->root, key);
    if (r->rc == TJ_OK && !is_absent(v) && !json_is_boolean(v)) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: %s is not true or false", r->path, key);
    }
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

/* What the decoder does in one way only: a file that says another is refused, not misread. */
static void refuse_flag(json_reader *r, const char *key)
{
    if (need_flag(r, key, false) && r->rc == TJ_OK) {
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

/* RoPE in either spelling; a file with neither is refused, since a default would be silently wrong.
 */
static void read_rope(json_reader *r, tj_model_config *c)
{
    const json_t *newer = json_object_get(r->root, "rope_parameters");
    const json_t *from = json_is_object(newer) ? newer : r->root;
    if (r->rc == TJ_OK && !is_absent(json_object_get(r->root, "rope_scaling"))) {
        r->rc = tj_fail(r->err, TJ_E_INVAL, "%s: rope_scaling is not supported", r->path);
    }
    if (r->rc == TJ_OK && !is_absent(newer) && !json_is_object(newer)) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: rope_parameters is not an object", r->path);
    }
    need_text(r, newer, "rope_type", "default");
    if (need_number(r, from, "partial_rotary_factor", 1.0) != 1.0 && r->rc == TJ_OK) {
        r->rc = tj_fail(r->err, TJ_E_INVAL, "%s: partial_rotary_factor is not supported", r->path);
    }
    c->n_rope = 1;
    c->rope_theta[0] = need_number(r, from, "rope_theta", (double)NAN);
}

/* A token's id, or the first of a list of them; -1: none. */
static int32_t read_id(json_reader *r, const char *key)
{
    const json_t *v = json_object_get(r->root, key);
    v = json_is_array(v) ? json_array_get(v, 0) : v;
    if (r->rc != TJ_OK || is_absent(v)) {
        return -1;
    }
    if (!json_is_integer(v) || json_integer_value(v) < -1 || json_integer_value(v) > INT32_MAX) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: %s is not a token id", r->path, key);
        return -1;
    }
    return (int32_t)json_integer_value(v);
}

/* Which layers have a window: those that layer_types says, else those from max_window_layers on. */
static void read_windows(json_reader *r, tj_model_config *c)
{
    const json_t *types = json_object_get(r->root, "layer_types");
    size_t n_layers = c->n_layers < TJ_MAX_LAYERS ? c->n_layers : TJ_MAX_LAYERS; /* checked later */
    if (!need_flag(r, "use_sliding_window", false)) {
        return;
    }
    size_t window = need_size(r, "sliding_window", 0);
    const json_t *first = json_object_get(r->root, "max_window_layers");
    if (r->rc == TJ_OK && !is_absent(first) &&
        (!json_is_integer(first) || json_integer_value(first) < 0)) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: max_window_layers is not an integer of at least 0",
                        r->path);
    }
    if (r->rc == TJ_OK && !is_absent(types) && json_array_size(types) != c->n_layers) {
        r->rc = tj_fail(r->err, TJ_E_PARSE, "%s: layer_types is not a list of %zu layers", r->path,
                        c->n_layers);
    }
    /* 28 where it is missing, as in transformers, which leaves out what has its default */
    size_t from = is_absent(first) ? 28 : (size_t)json_integer_value(first);
    for (size_t l = 0; l < n_layers && r->rc == TJ_OK; l++) {
        const char *type = json_string_value(json_array_get(types, l));
        bool sliding = type != NULL && strcmp(type, "sliding_attention") == 0;
        if (!is_absent(types) && !sliding &&
            (type == NULL || strcmp(type, "full_attention") != 0)) {
            r->rc = tj_fail(r->err, TJ_E_INVAL,
                            "%s: layer_types[%zu] is not full_attention or sliding_attention",
                            r->path, l);
        }
        c->layer[l].window = (is_absent(types) ? l >= from : sliding) ? window : 0;
    }
}

static tj_code from_hf(tj_model_config *c, const json_t *root, const char *path, tj_err *err)
{
    json_reader r = {root, path, TJ_OK, err};
    const char *type = json_string_value(json_object_get(root, "model_type"));
    tj_model_config_default(c);
    if (type == NULL ||
        (strcmp(type, "llama") != 0 && strcmp(type, "qwen2") != 0 && strcmp(type, "qwen3") != 0)) {
        return tj_fail(err, TJ_E_INVAL, "%s: model_type '%s' is not llama, qwen2 or qwen3", path,
                       type == NULL ? "(none)" : type);
    }
    c->n_vocab = need_size(&r, "vocab_size", 0);
    c->width = need_size(&r, "hidden_size", 0);
    c->ffn_width = need_size(&r, "intermediate_size", 0);
    c->n_layers = need_size(&r, "num_hidden_layers", 0);
    c->n_heads = need_size(&r, "num_attention_heads", 0);
    c->n_kv_heads = need_size(&r, "num_key_value_heads", c->n_heads);
    size_t head_dim = c->n_heads > 0 ? c->width / c->n_heads : 0;
    c->head_dim = need_size(&r, "head_dim", head_dim);
    c->max_positions = need_size(&r, "max_position_embeddings", 0);
    c->norm_eps = need_number(&r, root, "rms_norm_eps", (double)NAN);
    read_rope(&r, c);
    need_text(&r, root, "hidden_act", "silu");
    refuse_flag(&r, "attention_bias");
    refuse_flag(&r, "mlp_bias");
    c->tied_embedding = need_flag(&r, "tie_word_embeddings", false);
    c->qkv_bias = strcmp(type, "qwen2") == 0;
    c->qk_norm = strcmp(type, "qwen3") == 0;
    c->value_head = need_flag(&r, "tabiji_value_head", false);
    c->bos_id = read_id(&r, "bos_token_id");
    c->eos_id = read_id(&r, "eos_token_id");
    if (strcmp(type, "llama") != 0) { /* llama has no windows, whatever a file holds */
        read_windows(&r, c);
    }
    if (r.rc == TJ_OK) {
        r.rc = tj_model_config_check(c, err);
        if (r.rc != TJ_OK) {
            tj_err_context(err, "%s", path);
        }
    }
    return r.rc;
}

/* ------------------------------------------------------------------ models */

static tj_code write_weights(const tj_model *m, const char *path, tj_dtype stored, tj_err *err)
{
    tj_st_writer *w;
    tj_code rc = tj_st_writer_open(&w, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_st_writer_meta(w, "format", "pt");
    for (size_t i = 0; i < m->n_params; i++) {
        const tj_param *p = &m->params[i];
        bool is_vector = p->shape[0] == 1;
        tj_st_writer_declare(w, p->name, stored, is_vector ? &p->shape[1] : p->shape,
                             is_vector ? 1 : 2);
    }
    for (size_t i = 0; i < m->n_params; i++) {
        tj_st_writer_values(w, m->params[i].weight, m->params[i].n);
    }
    return tj_st_writer_commit(w, err);
}

static tj_code write_config(const tj_model *m, const char *family, const char *path,
                            tj_dtype stored, tj_err *err)
{
    json_t *j = hf_config(&m->cfg, family, stored);
    char *text = j == NULL ? NULL : json_dumps(j, JSON_INDENT(2));
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", path)
                              : tj_fs_write(path, text, strlen(text), err);
    free(text); /* Jansson's own allocation */
    json_decref(j);
    return rc;
}

/* The configuration lies on the disk, under another name, before the weights are replaced, so that
 * a full disk cannot leave the one of the new model beside the other of the old. */
static tj_code write_both(const tj_model *m, const char *family, const char *dir, tj_dtype stored,
                          tj_err *err)
{
    char *config = tj_fs_join(dir, "config.json");
    char *next = tj_fs_join(dir, "config.json.next");
    char *weights = tj_fs_join(dir, "model.safetensors");
    bool named = config != NULL && next != NULL && weights != NULL;
    tj_code rc = named ? write_config(m, family, next, stored, err)
                       : tj_fail(err, TJ_E_NOMEM, "cannot save a model to %s", dir);
    if (rc == TJ_OK) {
        rc = write_weights(m, weights, stored, err);
        if (rc == TJ_OK) {
            rc = tj_fs_rename(next, config, err);
        }
        if (rc != TJ_OK) {
            (void)remove(next);
        }
    }
    tj_free(config);
    tj_free(next);
    tj_free(weights);
    return rc;
}

tj_code tj_model_save(const tj_model *m, const char *dir, tj_dtype stored, tj_err *err)
{
    const char *family;
    tj_code rc = tj_model_config_family(&family, &m->cfg, err);
    if (rc == TJ_OK) {
        rc = tj_fs_mkdirs(dir, err);
    }
    return rc == TJ_OK ? write_both(m, family, dir, stored, err) : rc;
}

static tj_code read_weights(tj_model *m, const tj_st_reader *r, const char *path, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < m->n_params && rc == TJ_OK; i++) {
        const tj_param *p = &m->params[i];
        rc = tj_st_read_f32(r, p->weight, p->name, p->shape, 2, err);
    }
    if (rc == TJ_OK && tj_st_count(r) != m->n_params) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: %zu tensors, but the configuration has %zu", path,
                     tj_st_count(r), m->n_params);
    }
    return rc;
}

/* A model of the configuration with the weights of a file. The file's size is checked before memory
 * is taken: a wrong configuration must not ask for more than the file can fill. */
static tj_code load_weights(tj_model **out, const tj_model_config *cfg, const char *path,
                            tj_dtype compute, tj_err *err)
{
    tj_st_reader *r;
    tj_code rc = tj_st_open(&r, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t n = tj_model_config_n_weights(cfg);
    if (tj_st_n_bytes(r) / 2 < n) {
        rc = tj_fail(err, TJ_E_PARSE,
                     "%s: %zu bytes of tensors are too few for the %zu weights of the "
                     "configuration",
                     path, tj_st_n_bytes(r), n);
    }
    if (rc == TJ_OK) {
        rc = tj_model_create_empty(out, cfg, compute, err);
    }
    if (rc == TJ_OK) {
        rc = read_weights(*out, r, path, err);
    }
    tj_st_close(r);
    return rc;
}

static tj_code read_config(tj_model_config *cfg, const char *path, tj_err *err)
{
    char *text = NULL;
    size_t len = 0;
    json_error_t je;
    tj_code rc = tj_fs_read(&text, &len, path, TJ_MAX_CONFIG_BYTES, err);
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
    if (json_is_object(root)) {
        rc = from_hf(cfg, root, path, err);
    } else {
        rc = tj_fail(err, TJ_E_PARSE, "%s:%d: %s", path, root == NULL ? je.line : 1,
                     root == NULL ? je.text : "not a JSON object");
    }
    json_decref(root);
    tj_free(text);
    return rc;
}

tj_code tj_model_load(tj_model **out, const char *dir, tj_dtype compute, tj_err *err)
{
    char *config = tj_fs_join(dir, "config.json");
    char *weights = tj_fs_join(dir, "model.safetensors");
    tj_model_config cfg;
    *out = NULL;
    tj_code rc = config == NULL || weights == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot load a model from %s", dir)
                     : read_config(&cfg, config, err);
    if (rc == TJ_OK) {
        rc = load_weights(out, &cfg, weights, compute, err);
    }
    if (rc != TJ_OK) {
        tj_model_destroy(*out);
        *out = NULL;
    }
    tj_free(config);
    tj_free(weights);
    return rc;
}

/* ------------------------------------------------------------------ optimiser */

static const char *const moment_names[2] = {"exp_avg", "exp_avg_sq"};

tj_code tj_adamw_save(const tj_adamw *o, const char *path, tj_err *err)
{
    const tj_model *m = tj_adamw_model(o);
    tj_st_writer *w;
    char name[128];
    tj_code rc = tj_st_writer_open(&w, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    snprintf(name, sizeof name, "%zu", tj_adamw_n_done(o));
    tj_st_writer_meta(w, "n_updates", name);
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 0; i < m->n_params; i++) {
            snprintf(name, sizeof name, "%s.%s", moment_names[which], m->params[i].name);
            tj_st_writer_declare(w, name, TJ_F32, m->params[i].shape, 2);
        }
    }
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 0; i < m->n_params; i++) {
            tj_st_writer_values(w, tj_adamw_moment(o, which, i), m->params[i].n);
        }
    }
    return tj_st_writer_commit(w, err);
}

tj_code tj_adamw_load(tj_adamw *o, const char *path, tj_err *err)
{
    const tj_model *m = tj_adamw_model(o);
    tj_st_reader *r;
    char name[128];
    tj_code rc = tj_st_open(&r, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    const char *done = tj_st_meta(r, "n_updates");
    errno = 0;
    unsigned long long n = done == NULL ? 0 : strtoull(done, NULL, 10);
    if (done == NULL || done[0] == 0 || done[strspn(done, "0123456789")] != 0 || errno != 0) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: n_updates in its metadata is not a number of updates",
                     path);
    } else if (tj_st_count(r) != 2 * m->n_params) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: %zu tensors, but the optimiser has %zu", path,
                     tj_st_count(r), 2 * m->n_params);
    }
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 0; i < m->n_params && rc == TJ_OK; i++) {
            snprintf(name, sizeof name, "%s.%s", moment_names[which], m->params[i].name);
            rc = tj_st_read_f32(r, tj_adamw_moment(o, which, i), name, m->params[i].shape, 2, err);
        }
    }
    if (rc == TJ_OK) {
        tj_adamw_set_done(o, (size_t)n);
    }
    tj_st_close(r);
    return rc;
}
