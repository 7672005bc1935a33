/* The examples of 'tabiji train prm', from whatever has labelled steps.
 *
 * Threads: one.
 */
#ifndef TJ_CLI_PRM_EXAMPLES_H
#define TJ_CLI_PRM_EXAMPLES_H

#include "cli/cli.h"
#include "cli/method.h"
#include "train/train.h"

/* Reads the operands: one file of TRL's form, or data sets and our trees (of `task`). Sets *form to
 * how the texts are written, which goes beside the model. Gives *out (tj_examples_deinit), empty on
 * error. Errors: those of tj_examples_load and tj_labelled_read, the latter strictly; TJ_E_INVAL.
 */
TJ_MUST_USE tj_code tj_prm_examples_load(tj_examples *out, tj_prm_form *form, const tj_args *args,
                                         const tj_method *method, const tj_example_format *format,
                                         const tj_task *task, tj_err *err);
/* How texts of TRL's form are written: the prompt as it stands. Errors: TJ_E_INVAL (a separator
 * that is too long to be kept). */
TJ_MUST_USE tj_code tj_prm_form_of_trl(tj_prm_form *form, const tj_method *method,
                                       const tj_example_format *format, tj_err *err);

#endif
