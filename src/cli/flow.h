/* Thoughts from somewhere to somewhere, as commands of thoughts move them: without --workspace from
 * files to lines, with it from rows to rows, as a run in the ledger that goes on where it was
 * stopped, and is found where the same command is given again.
 *
 * Ownership: open/close.
 * Threads:   one.
 */
#ifndef TJ_CLI_FLOW_H
#define TJ_CLI_FLOW_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/records.h"
#include "stage/stage.h"
#include "store/store.h"
#include "thought/thought.h"

#define TJ_REFUSED "refused" /* kind of the annotation of a thought that a filter did not pass */

typedef struct tj_cli_flow {
    tj_store *store; /* NULL: files and lines */
    tj_thought_run *run;
    tj_cli_reader reader;
    /* the row at hand */
    int64_t thought; /* its id; 0: none */
    tj_origin origin;
    char *made_of;
    tj_tokenizer *tok; /* of its ids; NULL: it has none */
    int64_t tok_row;   /* of tok */
    /* of the walk */
    tj_row_ref *rows; /* [n_rows] */
    size_t n_rows;
} tj_cli_flow;

/* Whether --workspace is given. */
bool tj_cli_has_workspace(const tj_args *args);
/* Opens the workspace of --workspace to write; it must be there, unless `create`. */
TJ_MUST_USE tj_code tj_cli_flow_open(tj_cli_flow *flow, const tj_args *args, bool create,
                                     tj_err *err);
void tj_cli_flow_close(tj_cli_flow *flow); /* a zeroed one is allowed */

/* Makes flow->tok the tokenizer of flow->origin; most rows share one. */
TJ_MUST_USE tj_code tj_cli_flow_tokenizer(tj_cli_flow *flow, tj_err *err);

/* The run of --run, or the newest done one that made rows of this kind. */
TJ_MUST_USE tj_code tj_cli_source_run(int64_t *run, tj_store *store, const tj_args *args,
                                      tj_row_kind kind, tj_err *err);

/* The run whose thoughts this run read; 0: it read none. */
TJ_MUST_USE tj_code tj_cli_thoughts_read_by(int64_t *source, tj_store *store, int64_t run,
                                            tj_err *err);

/* Begins the run of a stage; config is taken. */
TJ_MUST_USE tj_code tj_cli_flow_begin(tj_cli_flow *flow, const char *stage, json_t *config,
                                      uint64_t seed, const tj_run_input *inputs, size_t n_inputs,
                                      tj_err *err);
/* Ends it by rc, and says what it made: a line, or with --json an object. files as in
 * tj_thought_run_end. */
TJ_MUST_USE tj_code tj_cli_flow_end(tj_cli_flow *flow, const tj_args *args, tj_code rc,
                                    const tj_run_file *files, size_t n_files, tj_err *err);

/* Reads records and calls fn with each, which gives what it makes of them to tj_cli_flow_keep: of
 * files (tj_cli_records), or, with --workspace, of the thoughts of a run, within a run of the
 * stage; config is taken. Errors: TJ_E_INVAL (both files and a workspace). */
TJ_MUST_USE tj_code tj_cli_flow_records(tj_cli_flow *flow, const tj_args *args, const char *stage,
                                        json_t *config, uint64_t seed, tj_record_fn fn, void *ctx,
                                        tj_err *err);
/* The same where nothing is made of them: no run. *source is the run that was read (0: files). The
 * flow is to be closed; its store is open for reading, or with `write` for writing. */
TJ_MUST_USE tj_code tj_cli_flow_read(tj_cli_flow *flow, const tj_args *args, bool write,
                                     int64_t *source, tj_record_fn fn, void *ctx,
                                     tj_cli_inputs *inputs, tj_err *err);
/* A record made of the one at hand: a row, or a line on `out` (NULL: standard output). more, an
 * object (taken; NULL: nothing), is what there is to say beside it. */
TJ_MUST_USE tj_code tj_cli_flow_keep(tj_cli_flow *flow, const tj_record *record, json_t *more,
                                     tj_buf *out, tj_err *err);
/* Says why the thought at hand was refused, as its annotation; without a workspace nothing. */
TJ_MUST_USE tj_code tj_cli_flow_refuse(tj_cli_flow *flow, const char *rule, const char *reason,
                                       tj_err *err);
/* Counts in the run's metrics; without a workspace nothing. */
TJ_MUST_USE tj_code tj_cli_flow_count(tj_cli_flow *flow, const char *name, size_t n, tj_err *err);

#endif
