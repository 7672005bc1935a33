/* Solutions with labelled steps that `data import` put into a workspace, as what rewarders are
 * measured on.
 *
 * Threads: one.
 */
#ifndef TJ_STAGE_LABELLED_SET_H
#define TJ_STAGE_LABELLED_SET_H

#include "store/store.h"
#include "tree/tree.h"

/* Adds the labelled solutions of a problem set to *set, each a chain. Errors: TJ_E_NOTFOUND,
 * TJ_E_INVAL (no solution has a labelled step), TJ_E_PARSE (a problem that is not in words), those
 * of the store; *set keeps what it had. */
TJ_MUST_USE tj_code tj_labelled_from_store(tj_labelled *set, tj_store *store, const char *name,
                                           tj_neutral_as neutral, tj_err *err);

#endif
