/* What the files of a model say, and whether all of it is right: tensor by tensor, without a model.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "nn/blocks.h"
#include "nn/hf_config.h"
#include "nn/source.h"
#include "nn/tensors.h"

/* ------------------------------------------------------------------ describing */

static json_t *describe_rope(const tj_rope *r)
{
    static const char *const kinds[] = {"default", "linear", "llama3", "yarn"};
    json_t *j = json_pack("{s:s, s:f}", "kind", kinds[r->kind], "theta", r->theta);
    if (r->kind != TJ_ROPE_DEFAULT) {
        json_object_set_new(j, "factor", json_real(r->factor));
    }
    if (r->kind == TJ_ROPE_LLAMA3 || r->kind == TJ_ROPE_YARN) {
        json_object_set_new(j, "original_positions", json_real(r->original_positions));
    }
    return j;
}

static json_t *describe_ropes(const tj_model_config *c)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_rope; i++) {
        json_array_append_new(list, describe_rope(&c->rope[i]));
    }
    return list;
}

/* An object of what the files say. */
static json_t *describe_sampling(const tj_suggested_sampling *s)
{
    json_t *j = json_object();
    if (!isnan(s->temperature)) {
        json_object_set_new(j, "temperature", json_real(s->temperature));
    }
    if (!isnan(s->top_p)) {
        json_object_set_new(j, "top_p", json_real(s->top_p));
    }
    if (s->top_k > 0) {
        json_object_set_new(j, "top_k", json_integer((json_int_t)s->top_k));
    }
    return j;
}

static json_t *describe_windows(const tj_model_config *c)
{
    size_t n_layers = 0;
    size_t window = 0;
    for (size_t l = 0; l < c->n_layers; l++) {
        n_layers += c->layer[l].window > 0 ? 1 : 0;
        window = c->layer[l].window > 0 ? c->layer[l].window : window;
    }
    return json_pack("{s:I, s:I}", "layers", (json_int_t)n_layers, "positions", (json_int_t)window);
}

/* Adds a tensor to the count of its type. */
static void count_type(json_t *types, const tj_tensor_view *v)
{
    const char *name = tj_ggml_type_name((int)v->type);
    json_int_t before = json_integer_value(json_object_get(types, name));
    json_object_set_new(types, name, json_integer(before + 1));
}

static tj_code count_tensors(tj_source *s, size_t *n, size_t *n_bytes, json_t *types, tj_err *err)
{
    tj_tensor_spec *specs;
    *n_bytes = 0;
    tj_code rc = tj_tensor_specs(&specs, n, tj_source_config(s), err);
    for (size_t i = 0; i < *n && rc == TJ_OK; i++) {
        tj_tensor_view v;
        rc = tj_source_find(s, &v, specs[i].name, specs[i].rows, specs[i].cols, err);
        if (rc == TJ_OK) {
            *n_bytes += v.rows * v.row_bytes;
            count_type(types, &v);
        }
    }
    tj_free(specs);
    return rc;
}

tj_code tj_model_describe(json_t **out, const char *path, tj_err *err)
{
    tj_source *s;
    size_t n = 0;
    size_t n_bytes = 0;
    *out = NULL;
    tj_code rc = tj_source_open(&s, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    const tj_model_config *c = tj_source_config(s);
    tj_suggested_sampling sampling;
    json_t *types = json_object();
    rc = count_tensors(s, &n, &n_bytes, types, err);
    if (rc == TJ_OK) {
        rc = tj_model_sampling(&sampling, path, err);
    }
    if (rc == TJ_OK) {
        *out = json_pack("{s:s, s:s, s:I, s:I, s:I, s:O, s:o, s:I, s:o, s:o, s:o, s:o}", "family",
                         tj_source_family(s)->model_type, "format",
                         tj_source_is_gguf(s) ? "GGUF" : "folder", "parameters",
                         (json_int_t)tj_model_config_n_weights(c), "tensors", (json_int_t)n,
                         "bytes", (json_int_t)n_bytes, "types", types, "shape",
                         tj_model_config_to_json(c), "context", (json_int_t)c->max_positions,
                         "rope", describe_ropes(c), "windows", describe_windows(c), "ends",
                         tj_hf_eos_write(c), "sampling", describe_sampling(&sampling));
        rc = *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot describe %s", path) : TJ_OK;
    }
    json_decref(types);
    tj_source_close(s);
    return rc;
}

/* ------------------------------------------------------------------ checking */

typedef struct checker {
    tj_source *source;
    tj_tensor_spec *specs;
    tj_tensor_view *views; /* rows 0: it was not found */
    size_t n;
    tj_check_fn report;
    void *ctx;
} checker;

static void report(const checker *k, const char *what, const char *found, const tj_err *wrong)
{
    k->report(k->ctx, what, found, wrong);
}

static void check_tensors(checker *k)
{
    tj_err first = {.code = TJ_OK, .msg = ""};
    size_t n_wrong = 0;
    for (size_t i = 0; i < k->n; i++) {
        const tj_tensor_spec *s = &k->specs[i];
        tj_err err;
        if (tj_source_find(k->source, &k->views[i], s->name, s->rows, s->cols, &err) != TJ_OK) {
            k->views[i] = (tj_tensor_view){.rows = 0};
            first = n_wrong++ == 0 ? err : first;
        }
    }
    char found[64];
    snprintf(found, sizeof found, "all %zu are there, in the right shape", k->n);
    if (n_wrong > 1) {
        tj_err_context(&first, "%zu of %zu; the first: ", n_wrong, k->n);
    }
    report(k, "tensors", found, n_wrong > 0 ? &first : NULL);
    if (n_wrong == 0) { /* else they cannot be told from others */
        bool alone = tj_source_all_found(k->source, &first) == TJ_OK;
        report(k, "other tensors", "none", alone ? NULL : &first);
    }
}

/* The index of the first value of a tensor that is not finite; their number if all are. */
static size_t find_not_finite(const tj_tensor_view *v, float *row)
{
    for (size_t r = 0; r < v->rows; r++) {
        tj_blocks_to_f32(row, v->bytes + r * v->row_bytes, v->type, v->cols);
        for (size_t i = 0; i < v->cols; i++) {
            if (!isfinite(row[i])) {
                return r * v->cols + i;
            }
        }
    }
    return v->rows * v->cols;
}

static tj_code check_values(checker *k, tj_err *err)
{
    size_t longest = 0;
    size_t n_values = 0;
    for (size_t i = 0; i < k->n; i++) {
        longest = k->specs[i].cols > longest ? k->specs[i].cols : longest;
    }
    float *row = tj_calloc(longest, sizeof *row);
    if (row == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot check rows of %zu values", longest);
    }
    tj_err wrong = {.code = TJ_OK, .msg = ""};
    for (size_t i = 0; i < k->n && wrong.code == TJ_OK; i++) {
        const tj_tensor_view *v = &k->views[i];
        size_t at = find_not_finite(v, row);
        n_values += v->rows * v->cols;
        if (at < v->rows * v->cols) {
            (void)tj_fail(&wrong, TJ_E_NUMERIC, "value %zu of tensor '%s' is not finite", at,
                          k->specs[i].name);
        }
    }
    tj_free(row);
    char found[64];
    snprintf(found, sizeof found, "all %zu are finite", n_values);
    report(k, "values", found, wrong.code != TJ_OK ? &wrong : NULL);
    return TJ_OK;
}

static tj_code check_source(checker *k, tj_err *err)
{
    const tj_model_config *c = tj_source_config(k->source);
    char found[128];
    tj_code rc = tj_tensor_specs(&k->specs, &k->n, c, err);
    if (rc != TJ_OK) {
        return rc;
    }
    k->views = tj_calloc(k->n, sizeof *k->views);
    if (k->views == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot check %zu tensors", k->n);
    }
    snprintf(found, sizeof found, "%s, %zu layers of width %zu, %zu tokens",
             tj_source_family(k->source)->model_type, c->n_layers, c->width, c->n_vocab);
    report(k, "configuration", found, NULL);
    check_tensors(k);
    return check_values(k, err);
}

tj_code tj_model_check(const char *path, size_t *n_vocab, tj_check_fn fn, void *ctx, tj_err *err)
{
    checker k = {.report = fn, .ctx = ctx};
    tj_err wrong;
    *n_vocab = 0;
    tj_code rc = tj_source_open(&k.source, path, &wrong);
    if (rc == TJ_E_NOMEM) {
        return tj_fail(err, rc, "%s", wrong.msg);
    }
    if (rc != TJ_OK) {
        report(&k, "configuration", "", &wrong);
        return TJ_OK;
    }
    *n_vocab = tj_source_config(k.source)->n_vocab;
    rc = check_source(&k, err);
    tj_free(k.specs);
    tj_free(k.views);
    tj_source_close(k.source);
    return rc;
}
