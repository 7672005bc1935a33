#include "tree/prm_form.h"

#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"

typedef struct form_file {
    size_t prm_version;
    char prompt_end[64], step_separator[64];
    double begin; /* a token id or -1 */
} form_file;

static const tj_field fields[] = {
    TJ_FIELD_SIZE(form_file, prm_version, 1, 1, "version of this file"),
    TJ_FIELD_STRING(form_file, prompt_end, "what stands after the problem"),
    TJ_FIELD_STRING(form_file, step_separator, "what stands after each step"),
    TJ_FIELD_DOUBLE(form_file, begin, -1, INT32_MAX, "id of the token before it; -1: none"),
    TJ_FIELD_END};

void tj_prm_form_default(tj_prm_form *form)
{
    *form = (tj_prm_form){.prompt_end = "\n\n", .step_separator = "\n", .begin = -1};
}

tj_code tj_prm_form_save(const tj_prm_form *form, const char *dir, tj_err *err)
{
    form_file f = {.prm_version = 1, .begin = (double)form->begin};
    memcpy(f.prompt_end, form->prompt_end, sizeof f.prompt_end);
    memcpy(f.step_separator, form->step_separator, sizeof f.step_separator);
    json_t *json = tj_config_write(&f, fields);
    char *text = json == NULL ? NULL : tj_json_canonical(json);
    char *path = tj_fs_join(dir, TJ_PRM_FORM_FILE);
    tj_code rc = text == NULL || path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", dir)
                                              : tj_fs_write(path, text, strlen(text), err);
    json_decref(json);
    tj_free(text);
    tj_free(path);
    return rc;
}

tj_code tj_prm_form_load(tj_prm_form *form, const char *dir, tj_err *err)
{
    form_file f = {.prm_version = 1, .begin = -1.0};
    json_t *json = NULL;
    char *path = tj_fs_join(dir, TJ_PRM_FORM_FILE);
    tj_prm_form_default(form);
    memcpy(f.prompt_end, form->prompt_end, sizeof f.prompt_end);
    memcpy(f.step_separator, form->step_separator, sizeof f.step_separator);
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read %s", dir)
                              : tj_config_load(&json, path, err);
    if (rc == TJ_OK && tj_config_read(&f, fields, json, path, err) != TJ_OK) {
        rc = TJ_E_PARSE;
    }
    if (rc == TJ_OK && f.begin != (double)(int32_t)f.begin) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: begin: expected a token id or -1", path);
    }
    if (rc == TJ_OK) {
        memcpy(form->prompt_end, f.prompt_end, sizeof f.prompt_end);
        memcpy(form->step_separator, f.step_separator, sizeof f.step_separator);
        form->begin = (int32_t)f.begin;
    }
    json_decref(json);
    tj_free(path);
    return rc;
}

tj_code tj_prm_form_problem(const tj_prm_form *form, tj_encoder *encoder, tj_ids *ids,
                            const char *problem, tj_err *err)
{
    tj_code rc = form->begin >= 0 ? tj_ids_add(ids, &form->begin, 1, err) : TJ_OK;
    if (rc == TJ_OK) {
        rc = tj_encoder_encode(encoder, ids, problem, strlen(problem), false, err);
    }
    return rc == TJ_OK ? tj_encoder_encode(encoder, ids, form->prompt_end, strlen(form->prompt_end),
                                           false, err)
                       : rc;
}

tj_code tj_prm_form_step(const tj_prm_form *form, tj_encoder *encoder, tj_ids *ids,
                         const char *step, tj_err *err)
{
    size_t before = ids->n;
    size_t n = strlen(step);
    while (n > 0 && step[n - 1] == '\n') {
        n--;
    }
    tj_code rc = tj_encoder_encode(encoder, ids, step, n, false, err);
    if (rc == TJ_OK) {
        rc = tj_encoder_encode(encoder, ids, form->step_separator, strlen(form->step_separator),
                               false, err);
    }
    if (rc == TJ_OK && ids->n == before) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "a step is empty, and without a separator there is no token to read");
    }
    return rc;
}
