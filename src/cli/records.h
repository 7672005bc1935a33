/* Files of long thoughts, as several commands read them.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_RECORDS_H
#define TJ_CLI_RECORDS_H

#include "cli/cli.h"
#include "thought/thought.h"

/* What is done with each record before a command gets it: tokens are counted by --tokenizer, where
 * it is given; whether an answer is right is judged by the reference answer (tj_answer_judge),
 * where it is not said; with --by-rules, spans are found where there are none. */
typedef struct tj_cli_reader {
    tj_tokenizer *tok; /* NULL: tokens are not counted */
    tj_grader *grader;
    bool by_rules;
    tj_record_fn fn;
    void *ctx;
    size_t n; /* records given to fn */
} tj_cli_reader;
TJ_MUST_USE tj_code tj_cli_reader_open(tj_cli_reader *reader, const tj_args *args, tj_record_fn fn,
                                       void *ctx, tj_err *err);
void tj_cli_reader_close(tj_cli_reader *reader); /* a zeroed one is allowed */
/* Gives the record to fn; a tj_record_fn, whose ctx is a tj_cli_reader. */
TJ_MUST_USE tj_code tj_cli_reader_take(void *reader, tj_record *record, const char *where,
                                       tj_err *err);

/* Names and digests of what was read. */
typedef struct tj_cli_inputs {
    char **names;   /* [n] */
    char **digests; /* [n] */
    size_t n, cap, cap_digests;
} tj_cli_inputs;
void tj_cli_inputs_deinit(tj_cli_inputs *inputs);
TJ_MUST_USE tj_code tj_cli_inputs_add(tj_cli_inputs *inputs, const char *name, const char *digest,
                                      tj_err *err);

/* Reads the operands, or standard input where there are none, and calls fn with each record.
 * Errors: TJ_E_PARSE (also where nothing was read), those of fn. `inputs` may be NULL. */
TJ_MUST_USE tj_code tj_cli_records(const tj_args *args, tj_record_fn fn, void *ctx,
                                   tj_cli_inputs *inputs, tj_err *err);

/* A file that --NAME names, written as a whole; or standard output, where it is not given. */
TJ_MUST_USE tj_code tj_cli_write(const tj_args *args, const char *name, const tj_buf *text,
                                 tj_err *err);

#endif
