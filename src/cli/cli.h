/* The command line: one table of commands, from which help, completion and the manual are made.
 * Only this room maps error codes to exit statuses and writes to the terminal.
 *
 * Ownership: everything is static or lives until the process ends.
 * Threads:   one, but for one that waits for signals and asks the running job to stop.
 */
#ifndef TJ_CLI_CLI_H
#define TJ_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/job.h"

/* Exit statuses, documented in --help and the manual. */
enum {
    TJ_EXIT_OK = 0,
    TJ_EXIT_FAILED = 1,     /* the work failed: see the message */
    TJ_EXIT_USAGE = 2,      /* the command line or a configuration is wrong */
    TJ_EXIT_NOTFOUND = 3,   /* a file, model or workspace does not exist */
    TJ_EXIT_CONFLICT = 4,   /* a workspace is in use or holds something else */
    TJ_EXIT_CANCELLED = 130 /* stopped by Ctrl-C, after saving */
};
int tj_exit_status(tj_code code);
/* 'tabiji grade' tells its verdict by its status; all errors but Ctrl-C are one there. */
enum { TJ_EXIT_EQUAL = 0, TJ_EXIT_DIFFERENT = 1, TJ_EXIT_UNDECIDED = 2, TJ_EXIT_GRADE_ERROR = 3 };
/* What the program ends with if its command succeeds; 0 unless set. */
void tj_cli_set_status(int status);

typedef struct tj_option {
    const char *name;     /* long name without dashes; NULL ends the table */
    char letter;          /* short form, or 0 */
    const char *value;    /* what it takes ("DIR"), NULL: a switch */
    const char *help;     /* one line */
    const char *fallback; /* default shown in help, or NULL */
} tj_option;

/* Parsed arguments: options by name, then operands. */
typedef struct tj_args tj_args;
const char *tj_args_get(const tj_args *args, const char *name); /* NULL if not given */
bool tj_args_has(const tj_args *args, const char *name);
/* The i-th value of an option that may be given several times; NULL past the last. */
const char *tj_args_nth(const tj_args *args, const char *name, size_t i);
size_t tj_args_n_operands(const tj_args *args);
const char *tj_args_operand(const tj_args *args, size_t i);
/* An unsigned number; fallback if not given. Errors: TJ_E_INVAL naming the option. */
TJ_MUST_USE tj_code tj_args_size(const tj_args *args, const char *name, size_t fallback, size_t max,
                                 size_t *out, tj_err *err);
TJ_MUST_USE tj_code tj_args_double(const tj_args *args, const char *name, double fallback,
                                   double *out, tj_err *err);

typedef struct tj_command {
    const char *name;     /* "demo", or "model info" */
    const char *operands; /* "DIR", "[FILE...]", or "" */
    size_t min_operands, max_operands;
    const char *brief;    /* one line */
    const char *details;  /* paragraphs that teach, an empty line between them; help wraps them */
    const char *examples; /* one a line */
    const tj_option *options;
    tj_code (*run)(const tj_args *args, tj_err *err);
} tj_command;

extern const tj_command tj_commands[]; /* ends with a NULL name */

/* Prints; the program's only ways to the terminal beside progress. */
void tj_help_all(FILE *out);
void tj_help_command(FILE *out, const tj_command *command);
void tj_write_manual(FILE *out);
/* "bash", "zsh" or "fish"; false for another name. */
bool tj_write_completion(FILE *out, const char *shell);

/* Called once, before any thread is made: from then on one thread of its own takes the signals. */
void tj_cli_catch_signals(void);
/* The job of the running command: progress on a terminal as a bar, elsewhere as plain lines; Ctrl-C
 * asks it to stop (a second one ends the process at once). */
tj_job *tj_cli_job(void);
void tj_cli_quiet(void);        /* no progress */
void tj_cli_progress_end(void); /* leaves the bar's line */
const char *tj_build_id(void);

/* The commands, one file each; what makes and shows an experiment is together in cmd_demo.c. */
tj_code tj_cmd_demo(const tj_args *args, tj_err *err);
tj_code tj_cmd_data_import(const tj_args *args, tj_err *err);
tj_code tj_cmd_data_list(const tj_args *args, tj_err *err);
tj_code tj_cmd_data_check(const tj_args *args, tj_err *err);
tj_code tj_cmd_data_steps(const tj_args *args, tj_err *err);
tj_code tj_cmd_report(const tj_args *args, tj_err *err);
tj_code tj_cmd_runs(const tj_args *args, tj_err *err);
tj_code tj_cmd_ledger_adopt(const tj_args *args, tj_err *err);
tj_code tj_cmd_ledger_head(const tj_args *args, tj_err *err);
tj_code tj_cmd_ledger_keygen(const tj_args *args, tj_err *err);
tj_code tj_cmd_ledger_show(const tj_args *args, tj_err *err);
tj_code tj_cmd_ledger_sign(const tj_args *args, tj_err *err);
tj_code tj_cmd_ledger_verify(const tj_args *args, tj_err *err);
tj_code tj_cmd_migrate(const tj_args *args, tj_err *err);
tj_code tj_cmd_generate(const tj_args *args, tj_err *err);
tj_code tj_cmd_serve(const tj_args *args, tj_err *err);
tj_code tj_cmd_tree_export(const tj_args *args, tj_err *err);
tj_code tj_cmd_tree_grow(const tj_args *args, tj_err *err);
tj_code tj_cmd_tree_import(const tj_args *args, tj_err *err);
tj_code tj_cmd_tree_list(const tj_args *args, tj_err *err);
tj_code tj_cmd_tree_show(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_derive(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_critique(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_debate(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_export(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_filter(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_import(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_list(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_rewrite(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_show(const tj_args *args, tj_err *err);
tj_code tj_cmd_thought_stats(const tj_args *args, tj_err *err);
tj_code tj_cmd_train(const tj_args *args, tj_err *err);
tj_code tj_cmd_train_prm(const tj_args *args, tj_err *err);
tj_code tj_cmd_reward_eval(const tj_args *args, tj_err *err);
tj_code tj_cmd_reward_score(const tj_args *args, tj_err *err);
tj_code tj_cmd_tokenize(const tj_args *args, tj_err *err);
tj_code tj_cmd_model_info(const tj_args *args, tj_err *err);
tj_code tj_cmd_model_convert(const tj_args *args, tj_err *err);
tj_code tj_cmd_model_merge(const tj_args *args, tj_err *err);
tj_code tj_cmd_model_check(const tj_args *args, tj_err *err);
tj_code tj_cmd_eval(const tj_args *args, tj_err *err);
tj_code tj_cmd_eval_workspace(const tj_args *args, tj_err *err); /* eval without --task */
tj_code tj_cmd_grade(const tj_args *args, tj_err *err);
tj_code tj_cmd_task_check(const tj_args *args, tj_err *err);
tj_code tj_cmd_config(const tj_args *args, tj_err *err);
tj_code tj_cmd_man(const tj_args *args, tj_err *err);
tj_code tj_cmd_completion(const tj_args *args, tj_err *err);

#endif
