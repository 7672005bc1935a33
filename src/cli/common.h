/* What several commands print. */
#ifndef TJ_CLI_COMMON_H
#define TJ_CLI_COMMON_H

#include <jansson.h>

#include "base/err.h"
#include "cli/cli.h"
#include "store/store.h"

/* A value to standard output, indented, with a newline. */
TJ_MUST_USE tj_code tj_print_json(const json_t *json, tj_err *err);
double tj_number(const json_t *object, const char *key); /* NaN if it is not there */
/* The arms of summary.json as a table. */
void tj_print_arms(const json_t *summary);
/* Opens the workspace of --workspace for reading. */
TJ_MUST_USE tj_code tj_open_workspace(tj_store **out, const tj_args *args, tj_err *err);
/* A row number given as operand. */
TJ_MUST_USE tj_code tj_operand_id(const tj_args *args, int64_t *id, tj_err *err);
/* A JSON value as one line of text (tj_free); NULL when memory is exhausted. */
char *tj_json_scalar(const json_t *value);
/* The latest model of a workspace whose name begins so. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_find_latest_model(tj_store *store, tj_model_row *out, const char *prefix,
                                         tj_err *err);

#endif
