/* How a process reward model's texts are written: what stands between a problem and its steps. Kept
 * beside the model in prm.json, so that what scores asks exactly as what trained.
 *
 *     [begin] problem prompt_end  step 1 separator  step 2 separator ...
 *                                       the value is read here ^   and here ^
 *
 * Each part is encoded apart.
 *
 * Ownership: plain data.
 * Threads:   no shared state.
 */
#ifndef TJ_TREE_PRM_FORM_H
#define TJ_TREE_PRM_FORM_H

#include "base/err.h"
#include "text/text.h"

#define TJ_PRM_FORM_FILE "prm.json"

typedef struct tj_prm_form {
    char prompt_end[64];     /* after the problem */
    char step_separator[64]; /* after each step */
    int32_t begin;           /* token before the problem; -1: none */
} tj_prm_form;

/* "\n\n" after the problem, "\n" after a step; begin -1. */
void tj_prm_form_default(tj_prm_form *form);
/* Writes DIR/prm.json, atomically. Errors: TJ_E_IO, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_prm_form_save(const tj_prm_form *form, const char *dir, tj_err *err);
/* Reads it. Errors: TJ_E_NOTFOUND, TJ_E_PARSE naming file and field, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_prm_form_load(tj_prm_form *form, const char *dir, tj_err *err);
/* Append the ids of the problem and what stands around it, or of a step and its separator. A step
 * loses the newlines it ends with: the separator is that. Errors: those of tj_encoder_encode;
 * TJ_E_INVAL (nothing is left to read a value at). */
TJ_MUST_USE tj_code tj_prm_form_problem(const tj_prm_form *form, tj_encoder *encoder, tj_ids *ids,
                                        const char *problem, tj_err *err);
TJ_MUST_USE tj_code tj_prm_form_step(const tj_prm_form *form, tj_encoder *encoder, tj_ids *ids,
                                     const char *step, tj_err *err);

#endif
