/* generation_config.json: how a model's makers ask for it to be sampled from. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "nn/hf_config.h"

tj_code tj_hf_json_read(json_t **out, const char *path, tj_err *err)
{
    char *text = NULL;
    size_t len = 0;
    json_error_t je;
    *out = NULL;
    tj_code rc = tj_fs_read(&text, &len, path, TJ_MAX_CONFIG_BYTES, err);
    if (rc != TJ_OK) {
        return rc;
    }
    *out = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
    if (!json_is_object(*out)) {
        rc = tj_fail(err, TJ_E_PARSE, "%s:%d: %s", path, *out == NULL ? je.line : 1,
                     *out == NULL ? je.text : "not a JSON object");
        json_decref(*out);
        *out = NULL;
    }
    tj_free(text);
    return rc;
}

/* A number in [min, max]; NAN where there is none. */
static tj_code read_number(double *out, const json_t *root, const char *key, double max,
                           const char *path, tj_err *err)
{
    const json_t *v = json_object_get(root, key);
    *out = (double)NAN;
    if (v == NULL || json_is_null(v)) {
        return TJ_OK;
    }
    if (!json_is_number(v) || !(json_number_value(v) >= 0.0 && json_number_value(v) <= max)) {
        return tj_fail(err, TJ_E_PARSE, "%s: %s is not a number from 0 to %g", path, key, max);
    }
    *out = json_number_value(v);
    return TJ_OK;
}

static tj_code read_sampling(tj_suggested_sampling *s, const json_t *root, const char *path,
                             tj_err *err)
{
    double top_k = 0.0;
    tj_code rc = read_number(&s->temperature, root, "temperature", 1e3, path, err);
    if (rc == TJ_OK) {
        rc = read_number(&s->top_p, root, "top_p", 1.0, path, err);
    }
    if (rc == TJ_OK) {
        rc = read_number(&top_k, root, "top_k", 1e9, path, err);
    }
    s->top_k = rc == TJ_OK && top_k >= 1.0 ? (size_t)top_k : 0;
    return rc;
}

tj_code tj_generation_config_read(tj_model_config *cfg, tj_suggested_sampling *sampling,
                                  const char *dir, tj_err *err)
{
    json_t *root = NULL;
    char *path = tj_fs_join(dir, "generation_config.json");
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot look into %s", dir) : TJ_OK;
    if (rc == TJ_OK && tj_fs_exists(path)) {
        rc = tj_hf_json_read(&root, path, err);
    }
    if (rc == TJ_OK && cfg != NULL) {
        rc = tj_hf_eos_read(cfg, root, path, err);
    }
    if (rc == TJ_OK && sampling != NULL) {
        rc = read_sampling(sampling, root, path, err);
    }
    json_decref(root);
    tj_free(path);
    return rc;
}

tj_code tj_model_sampling(tj_suggested_sampling *out, const char *path, tj_err *err)
{
    /* of a GGUF file's path, "FILE/generation_config.json" does not exist */
    return tj_generation_config_read(NULL, out, path, err);
}
