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
#include "nn/checkpoint.h"
#include "nn/hf_config.h"
#include "nn/safetensors.h"

/* ------------------------------------------------------------------ models */

typedef struct stored_model {
    const tj_model *model;
    tj_dtype stored;
} stored_model;

static tj_code write_weights(const void *ctx, const char *path, tj_err *err)
{
    const stored_model *what = ctx;
    const tj_model *m = what->model;
    tj_st_writer *w;
    tj_code rc = tj_st_writer_open(&w, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_st_writer_meta(w, "format", "pt");
    for (size_t i = 0; i < m->n_params; i++) {
        const tj_param *p = &m->params[i];
        bool is_vector = p->shape[0] == 1;
        tj_st_writer_declare(w, p->name, what->stored, is_vector ? &p->shape[1] : p->shape,
                             is_vector ? 1 : 2);
    }
    for (size_t i = 0; i < m->n_params; i++) {
        tj_st_writer_values(w, m->params[i].weight, m->params[i].n);
    }
    return tj_st_writer_commit(w, err);
}

static tj_code write_config(const json_t *config, const char *path, tj_err *err)
{
    char *text = config == NULL ? NULL : json_dumps(config, JSON_INDENT(2));
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", path)
                              : tj_fs_write(path, text, strlen(text), err);
    free(text); /* Jansson's own allocation */
    return rc;
}

tj_code tj_save_pair(const char *dir, const tj_saved_pair *pair, tj_err *err)
{
    char next_name[64];
    snprintf(next_name, sizeof next_name, "%s.next", pair->config_name);
    char *config = tj_fs_join(dir, pair->config_name);
    char *next = tj_fs_join(dir, next_name);
    char *weights = tj_fs_join(dir, pair->weights_name);
    bool named = config != NULL && next != NULL && weights != NULL;
    tj_code rc =
        named ? tj_fs_mkdirs(dir, err) : tj_fail(err, TJ_E_NOMEM, "cannot save a model to %s", dir);
    if (rc == TJ_OK) {
        rc = write_config(pair->config, next, err);
    }
    if (rc == TJ_OK) {
        rc = pair->write_weights(pair->ctx, weights, err);
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
    const tj_family *family;
    const stored_model what = {m, stored};
    if (m->lora != NULL) {
        return tj_fail(err, TJ_E_INVAL,
                       "the model has adapters: merge them, or save them by themselves");
    }
    tj_code rc = tj_family_of(&family, &m->cfg, err);
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *config = tj_hf_config_write(&m->cfg, family, stored);
    const tj_saved_pair pair = {.config_name = "config.json",
                                .config = config,
                                .weights_name = "model.safetensors",
                                .write_weights = write_weights,
                                .ctx = &what};
    rc = tj_save_pair(dir, &pair, err);
    json_decref(config);
    return rc;
}

/* ------------------------------------------------------------------ optimiser */

static const char *const moment_names[2] = {"exp_avg", "exp_avg_sq"};

static size_t count_trainable(const tj_model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n_params; i++) {
        n += m->params[i].trainable ? 1 : 0;
    }
    return n;
}

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
            if (m->params[i].trainable) {
                tj_st_writer_declare(w, name, TJ_F32, m->params[i].shape, 2);
            }
        }
    }
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 0; i < m->n_params; i++) {
            if (m->params[i].trainable) {
                tj_st_writer_values(w, tj_adamw_moment(o, which, i), m->params[i].n);
            }
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
    } else if (tj_st_count(r) != 2 * count_trainable(m)) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: %zu tensors, but the optimiser has %zu", path,
                     tj_st_count(r), 2 * count_trainable(m));
    }
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 0; i < m->n_params && rc == TJ_OK; i++) {
            snprintf(name, sizeof name, "%s.%s", moment_names[which], m->params[i].name);
            if (m->params[i].trainable) {
                rc = tj_st_read_f32(r, tj_adamw_moment(o, which, i), name, m->params[i].shape, 2,
                                    err);
            }
        }
    }
    if (rc == TJ_OK) {
        tj_adamw_set_done(o, (size_t)n);
    }
    tj_st_close(r);
    return rc;
}
