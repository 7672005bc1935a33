/* What an experiment leaves behind, and how it is said. */
#ifndef TJ_CLI_RESULTS_H
#define TJ_CLI_RESULTS_H

#include <jansson.h>

#include "base/err.h"
#include "cli/cli.h"

/* The arms, the difference and where the report is, from summary.json's data. */
void tj_print_summary(const json_t *summary, const char *dir);

/* Writes DIR/report.html and DIR/summary.json from the report data; then says or, with --json,
 * prints what came out. */
TJ_MUST_USE tj_code tj_write_results(const tj_args *args, const char *dir, const json_t *data,
                                     tj_err *err);

#endif
