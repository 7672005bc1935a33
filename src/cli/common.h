/* What several commands read and print. */
#ifndef TJ_CLI_COMMON_H
#define TJ_CLI_COMMON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/cli.h"
#include "grade/grade.h"
#include "store/store.h"

/* A value to standard output, indented, with a newline. */
TJ_MUST_USE tj_code tj_print_json(const json_t *json, tj_err *err);
/* The same on one line. */
TJ_MUST_USE tj_code tj_print_json_line(const json_t *json, tj_err *err);
/* Bytes that a model or a file gave: what is not printable UTF-8 (but newlines and tabs) appears as
 * \x1b, so that nothing of it commands the terminal. */
void tj_print_text(const char *text, size_t n);
/* Reads a file, or standard input where path is NULL or "-", up to max_bytes. Errors:
 * TJ_E_NOTFOUND, TJ_E_IO, TJ_E_LIMIT. */
TJ_MUST_USE tj_code tj_read_input(tj_buf *out, const char *path, size_t max_bytes, tj_err *err);
/* The index of an option's value among names (NULL-terminated); fallback if it was not given.
 * Errors: TJ_E_INVAL naming the option and the names. */
TJ_MUST_USE tj_code tj_args_choice(const tj_args *args, const char *name, const char *const *names,
                                   size_t fallback, size_t *out, tj_err *err);
/* As tj_args_size, but 0 is refused too. */
TJ_MUST_USE tj_code tj_args_count(const tj_args *args, const char *name, size_t fallback,
                                  size_t max, size_t *out, tj_err *err);
/* As tj_args_double, from 0 to max. */
TJ_MUST_USE tj_code tj_args_number(const tj_args *args, const char *name, double fallback,
                                   double max, double *out, tj_err *err);
/* Computes with as many threads as --threads says. */
TJ_MUST_USE tj_code tj_cli_use_threads(const tj_args *args, tj_err *err);
double tj_number(const json_t *object, const char *key); /* NaN if it is not there */
/* The arms of summary.json as a table. */
void tj_print_arms(const json_t *summary);
/* Opens the workspace of --workspace for reading. */
TJ_MUST_USE tj_code tj_open_workspace(tj_store **out, const tj_args *args, tj_err *err);
/* Which trees --run, --problem, --solved and the other options of tree list mean, at most --limit
 * of them (`limit` where it is not given; 0: all). The set is not read. */
TJ_MUST_USE tj_code tj_cli_tree_filter(tj_tree_filter *out, const tj_args *args, size_t limit,
                                       tj_err *err);
/* A problem set by its name, or by its number where none has that name; 0 where name is NULL.
 * Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_cli_find_set(tj_store *store, int64_t *out, const char *name, tj_err *err);
/* A row number given as operand. */
TJ_MUST_USE tj_code tj_operand_id(const tj_args *args, int64_t *id, tj_err *err);
/* A JSON value as one line of text for people, numbers to ten digits (tj_free); NULL when memory is
 * exhausted. */
char *tj_json_scalar(const json_t *value);
/* The latest model of a workspace whose name begins so. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_find_latest_model(tj_store *store, tj_model_row *out, const char *prefix,
                                         tj_err *err);

/* A grader in a process of its own (tj_grader_create_apart), with the defaults: answers of models
 * may not end the command. Open it before models are loaded. Closing tells on standard error how
 * many pairs a limit stopped, if any; NULL is allowed. */
TJ_MUST_USE tj_code tj_cli_grader_open(tj_grader **out, tj_err *err);
void tj_cli_grader_close(tj_grader *grader);

#endif
