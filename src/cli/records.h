/* Files of long thoughts, as several commands read them.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_RECORDS_H
#define TJ_CLI_RECORDS_H

#include "cli/cli.h"
#include "thought/thought.h"

/* Reads the operands, or standard input where there are none, and calls fn with each record. Tokens
 * are counted by --tokenizer, where it is given; whether an answer is right is judged by the
 * reference answer (tj_answer_judge), where it is not said; with --by-rules, spans are found where
 * there are none. Errors: TJ_E_PARSE (also where nothing
 * was read), those of fn. `inputs`, if not NULL, keeps names and digests of what was read. */
typedef struct tj_cli_inputs {
    char **names;   /* [n] */
    char **digests; /* [n] */
    size_t n, cap, cap_digests;
} tj_cli_inputs;
void tj_cli_inputs_deinit(tj_cli_inputs *inputs);
TJ_MUST_USE tj_code tj_cli_records(const tj_args *args, tj_record_fn fn, void *ctx,
                                   tj_cli_inputs *inputs, tj_err *err);

/* A file that --NAME names, written as a whole; or standard output, where it is not given. */
TJ_MUST_USE tj_code tj_cli_write(const tj_args *args, const char *name, const tj_buf *text,
                                 tj_err *err);

#endif
