/* See domain.h. */
#include "cli/domain.h"

#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/alloc.h"
#include "cli/common.h"

#define MAX_LINE 65536 /* bytes of a prompt from standard input */

tj_code tj_domain_open(tj_domain *d, tj_err *err)
{
    size_t len;
    const char *json = tj_countdown_tokenizer_json(&len);
    *d = (tj_domain){.cfg = {.n_numbers = TJ_COUNTDOWN_MAX_NUMBERS,
                             .number_min = 1,
                             .number_max = TJ_COUNTDOWN_MAX_VALUE,
                             .target_min = 1,
                             .target_max = TJ_COUNTDOWN_MAX_VALUE,
                             .value_max = TJ_COUNTDOWN_MAX_VALUE},
                     .eos = -1};
    tj_countdown_task(&d->task, &d->cfg);
    tj_code rc = tj_tokenizer_parse(&d->tok, json, len, "countdown tokenizer", err);
    if (rc == TJ_OK) {
        d->eos = tj_tokenizer_find(d->tok, "<eos>");
        rc = d->eos >= 0 ? TJ_OK : tj_fail(err, TJ_E_INVAL, "the countdown tokenizer has no <eos>");
    }
    return rc;
}

void tj_domain_close(tj_domain *d)
{
    tj_tokenizer_destroy(d->tok);
    d->tok = NULL;
}

tj_code tj_domain_problem(tj_countdown_problem *out, const char *prompt, tj_err *err)
{
    tj_buf line;
    tj_buf_init(&line);
    tj_buf_printf(&line, "%s%s", prompt, strchr(prompt, '\n') == NULL ? "\n" : "");
    tj_code rc = tj_buf_check(&line, err);
    if (rc == TJ_OK) {
        rc = tj_countdown_parse_prompt(out, line.data, line.len, err);
    }
    tj_buf_deinit(&line);
    return rc;
}

/* ------------------------------------------------------------------ models */

tj_code tj_domain_folder(char **out, const tj_args *args, const char *dir, const char *latest,
                         tj_err *err)
{
    const char *given = tj_args_get(args, dir);
    const char *name = tj_args_get(args, "name");
    tj_store *store = NULL;
    tj_model_row row = {0};
    *out = NULL;
    if (given != NULL) {
        *out = tj_strdup(given);
        return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot load a model") : TJ_OK;
    }
    tj_code rc = tj_open_workspace(&store, args, err);
    if (rc == TJ_OK) {
        rc = name == NULL ? tj_find_latest_model(store, &row, latest, err)
                          : tj_store_find_model(store, &row, name, 0, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_path(store, out, row.path, err);
    }
    tj_model_row_deinit(&row);
    tj_store_close(store);
    return rc;
}

tj_code tj_domain_load(const tj_domain *d, tj_model **out, const char *folder, tj_err *err)
{
    tj_code rc = tj_model_load(out, folder, tj_dtype_best(), err);
    if (rc == TJ_OK && tj_model_cfg(*out)->n_vocab != tj_tokenizer_n_vocab(d->tok)) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "%s has a vocabulary of %zu tokens; only models of the embedded domain (%zu) "
                     "can be used yet",
                     folder, tj_model_cfg(*out)->n_vocab, tj_tokenizer_n_vocab(d->tok));
        tj_model_destroy(*out);
        *out = NULL;
    }
    return rc;
}

tj_code tj_speaker_open(tj_speaker *s, const tj_args *args, const char *latest, tj_err *err)
{
    char *folder = NULL;
    tj_engine_config cfg;
    tj_engine_config_default(&cfg);
    s->model = NULL;
    s->engine = NULL;
    tj_code rc = tj_domain_open(&s->domain, err);
    if (rc == TJ_OK) {
        rc = tj_domain_folder(&folder, args, "model", latest, err);
    }
    if (rc == TJ_OK) {
        rc = tj_domain_load(&s->domain, &s->model, folder, err);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_create(&s->engine, s->model, s->domain.tok, &cfg, err);
    }
    tj_free(folder);
    return rc;
}

void tj_speaker_close(tj_speaker *s)
{
    tj_engine_destroy(s->engine);
    tj_model_destroy(s->model);
    tj_domain_close(&s->domain);
}

/* ------------------------------------------------------------------ prompts */

tj_code tj_each_prompt(const tj_args *args, tj_prompt_fn fn, void *ctx, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < tj_args_n_operands(args) && rc == TJ_OK; i++) {
        rc = fn(ctx, tj_args_operand(args, i), i, err);
    }
    if (tj_args_n_operands(args) > 0) {
        return rc;
    }
    char *line = NULL; /* getline's own allocation */
    size_t cap = 0;
    for (size_t i = 0; rc == TJ_OK; i++) {
        ssize_t n = getline(&line, &cap, stdin);
        if (n < 0) {
            break;
        }
        rc = n > MAX_LINE ? tj_fail(err, TJ_E_LIMIT,
                                    "standard input, line %zu: %zd bytes, at most %d are read",
                                    i + 1, n, MAX_LINE)
                          : fn(ctx, line, i, err);
    }
    free(line);
    if (rc == TJ_OK && ferror(stdin) != 0) {
        rc = tj_fail(err, TJ_E_IO, "cannot read standard input");
    }
    return rc;
}
