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
#include "nn/hf_config.h"
#include "nn/safetensors.h"

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

static tj_code write_config(const tj_model *m, const tj_family *family, const char *path,
                            tj_dtype stored, tj_err *err)
{
    json_t *j = tj_hf_config_write(&m->cfg, family, stored);
    char *text = j == NULL ? NULL : json_dumps(j, JSON_INDENT(2));
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", path)
                              : tj_fs_write(path, text, strlen(text), err);
    free(text); /* Jansson's own allocation */
    json_decref(j);
    return rc;
}

/* The configuration lies on the disk, under another name, before the weights are replaced, so that
 * a full disk cannot leave the one of the new model beside the other of the old. */
static tj_code write_both(const tj_model *m, const tj_family *family, const char *dir,
                          tj_dtype stored, tj_err *err)
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
    const tj_family *family;
    tj_code rc = tj_family_of(&family, &m->cfg, err);
    if (rc == TJ_OK) {
        rc = tj_fs_mkdirs(dir, err);
    }
    return rc == TJ_OK ? write_both(m, family, dir, stored, err) : rc;
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
