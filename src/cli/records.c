/* See records.h. */
#include "cli/records.h"

#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"

void tj_cli_inputs_deinit(tj_cli_inputs *inputs)
{
    for (size_t i = 0; i < inputs->n; i++) {
        tj_free(inputs->names[i]);
        tj_free(inputs->digests[i]);
    }
    tj_free(inputs->names);
    tj_free(inputs->digests);
    memset(inputs, 0, sizeof *inputs);
}

tj_code tj_cli_inputs_add(tj_cli_inputs *to, const char *name, const char *digest, tj_err *err)
{
    char *copy = tj_strdup(name);
    char *hex = tj_strdup(digest);
    if (copy == NULL || hex == NULL ||
        !tj_grow(&to->names, &to->cap, to->n + 1, sizeof *to->names) ||
        !tj_grow(&to->digests, &to->cap_digests, to->n + 1, sizeof *to->digests)) {
        tj_free(copy);
        tj_free(hex);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the names of the inputs");
    }
    to->names[to->n] = copy;
    to->digests[to->n++] = hex;
    return TJ_OK;
}

/* ------------------------------------------------------------------ the reader */

tj_code tj_cli_reader_open(tj_cli_reader *r, const tj_args *args, tj_record_fn fn, void *ctx,
                           tj_err *err)
{
    const char *tokenizer = tj_args_get(args, "tokenizer");
    *r = (tj_cli_reader){.by_rules = tj_args_has(args, "by-rules"), .fn = fn, .ctx = ctx};
    tj_code rc = tj_cli_grader_open(&r->grader, err);
    if (rc == TJ_OK && tokenizer != NULL) {
        rc = tj_tokenizer_load(&r->tok, tokenizer, err);
    }
    if (rc != TJ_OK) {
        tj_cli_reader_close(r);
    }
    return rc;
}

void tj_cli_reader_close(tj_cli_reader *r)
{
    tj_cli_grader_close(r->grader);
    tj_tokenizer_destroy(r->tok);
    memset(r, 0, sizeof *r);
}

tj_code tj_cli_reader_take(void *reader, tj_record *record, const char *where, tj_err *err)
{
    tj_cli_reader *r = reader;
    tj_code rc = TJ_OK;
    if (r->tok != NULL && record->thought.ids == NULL) {
        tj_ids ids = {0};
        rc = tj_tokenizer_encode(r->tok, &ids, record->thought.text, record->thought.n_text, false,
                                 err);
        record->n_tokens = ids.n;
        tj_ids_deinit(&ids);
        if (rc != TJ_OK) {
            tj_err_context(err, "%s", where);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_answer_judge(record, r->grader, err);
    }
    r->n++;
    if (rc == TJ_OK && r->by_rules && record->thought.n_spans == 0) {
        rc = tj_rules_spans(&record->thought, err);
    }
    if (rc == TJ_OK) {
        rc = tj_job_check(tj_cli_job(), err);
    }
    return rc == TJ_OK ? r->fn(r->ctx, record, where, err) : rc;
}

static tj_code read_file(tj_cli_reader *r, const char *path, tj_cli_inputs *inputs, tj_err *err)
{
    tj_buf text;
    bool is_file = path != NULL && strcmp(path, "-") != 0;
    const char *name = is_file ? path : "standard input";
    tj_buf_init(&text);
    tj_code rc = tj_read_input(&text, path, TJ_MAX_RECORDS_BYTES, err);
    if (rc == TJ_OK && inputs != NULL) {
        char digest[TJ_SHA256_HEX];
        tj_sha256_hex(digest, tj_buf_text(&text), text.len);
        rc = tj_cli_inputs_add(inputs, name, digest, err);
    }
    size_t before = r->n;
    if (rc == TJ_OK) {
        rc = tj_records_read(tj_buf_text(&text), text.len, name, tj_cli_reader_take, r, err);
    }
    if (rc == TJ_OK && r->n == before) {
        rc = tj_fail(err, TJ_E_PARSE, "%s has no thoughts", name);
    }
    tj_buf_deinit(&text);
    return rc;
}

tj_code tj_cli_records(const tj_args *args, tj_record_fn fn, void *ctx, tj_cli_inputs *inputs,
                       tj_err *err)
{
    tj_cli_reader r;
    tj_code rc = tj_cli_reader_open(&r, args, fn, ctx, err);
    for (size_t i = 0; rc == TJ_OK && (i == 0 || i < tj_args_n_operands(args)); i++) {
        rc = read_file(&r, tj_args_operand(args, i), inputs, err);
    }
    tj_cli_reader_close(&r);
    return rc;
}

tj_code tj_cli_write(const tj_args *args, const char *name, const tj_buf *text, tj_err *err)
{
    const char *path = tj_args_get(args, name);
    if (path != NULL && strcmp(path, "-") != 0) {
        return tj_fs_write(path, tj_buf_text(text), text->len, err);
    }
    fwrite(tj_buf_text(text), 1, text->len, stdout);
    return fflush(stdout) == 0 ? TJ_OK : tj_fail(err, TJ_E_IO, "cannot write to standard output");
}
