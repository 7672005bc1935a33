/* thought import: annotated thinking in Markdown as records. */
#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"
#include "cli/show.h"

#define STREAM_IMPORT 204 /* of the random numbers */

typedef struct import {
    tj_templates *templates;
    tj_tokenizer *tok; /* NULL: no token counts */
    size_t seed;
    bool as_json;
} import;

static tj_code print_human(const tj_human *human, const tj_record *record, bool as_json,
                           tj_err *err)
{
    if (as_json) {
        json_t *json = tj_record_to_json(record);
        tj_code rc = tj_print_json_line(json, err);
        json_decref(json);
        return rc;
    }
    tj_print_text(tj_record_get(record, TJ_META_PROMPT),
                  strlen(tj_record_get(record, TJ_META_PROMPT)));
    printf("%s%zu entries, %zu ways back\n", human->meta[TJ_META_PROMPT] == NULL ? "" : "\n",
           human->n_lines, record->thought.n_backtracks);
    tj_print_spans(&record->thought);
    return TJ_OK;
}

static tj_code import_file(const import *im, const char *path, size_t index, tj_err *err)
{
    tj_buf text;
    tj_human human = {.n_lines = 0};
    tj_record record = {.n_tokens = 0};
    tj_rng rng;
    bool is_file = path != NULL && strcmp(path, "-") != 0;
    tj_buf_init(&text);
    tj_rng_init(&rng, im->seed, STREAM_IMPORT, index, 0);
    tj_code rc = tj_read_input(&text, path, TJ_MAX_HUMAN_BYTES, err);
    if (rc == TJ_OK) {
        rc = tj_human_read(&human, tj_buf_text(&text), text.len, is_file ? path : "standard input",
                           err);
    }
    if (rc == TJ_OK) {
        rc = tj_human_to_record(&record, &human, im->tok, -1, im->templates, &rng, err);
    }
    if (rc == TJ_OK && record.meta[TJ_META_SOURCE] == NULL && is_file) {
        rc = tj_record_set(&record, TJ_META_SOURCE, path, strlen(path), err);
    }
    if (rc == TJ_OK) {
        rc = print_human(&human, &record, im->as_json, err);
    }
    tj_record_deinit(&record);
    tj_human_deinit(&human);
    tj_buf_deinit(&text);
    return rc;
}

tj_code tj_cmd_thought_import(const tj_args *args, tj_err *err)
{
    const char *tokenizer = tj_args_get(args, "tokenizer");
import im = {.as_json = tj_args_has(args, "json") };
    tj_code rc = tj_args_size(args, "seed", 1, SIZE_MAX, &im.seed, err);
    if (rc == TJ_OK) {
        rc = tj_templates_create(&im.templates, err);
    }
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "sentences", i) != NULL; i++) {
        rc = tj_templates_add_file(im.templates, tj_args_nth(args, "sentences", i), err);
    }
    if (rc == TJ_OK && tokenizer != NULL) {
        rc = tj_tokenizer_load(&im.tok, tokenizer, err);
    }
    for (size_t i = 0; rc == TJ_OK && (i == 0 || i < tj_args_n_operands(args)); i++) {
        rc = import_file(&im, tj_args_operand(args, i), i, err);
    }
    tj_tokenizer_destroy(im.tok);
    tj_templates_destroy(im.templates);
    return rc;
}
