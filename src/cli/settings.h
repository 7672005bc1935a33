/* The settings of an experiment as a command line gives them. */
#ifndef TJ_CLI_SETTINGS_H
#define TJ_CLI_SETTINGS_H

#include "base/err.h"
#include "cli/cli.h"
#include "stage/stage.h"

/* Defaults (of --full where it is given), then the file (--config or the first operand), then each
 * --set. Errors name the file and line, or --set, and the field. */
TJ_MUST_USE tj_code tj_read_settings(const tj_args *args, tj_demo_config *cfg, tj_err *err);

#endif
