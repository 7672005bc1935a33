/* Answers that were paid for, kept in the workspace: the response cache of the clients of servers
 * (infer.h, tj_cache). A stage that runs again asks for nothing twice.
 *
 * They are in a database of their own, DIR/answers.db, with a handle of its own: an answer is on
 * disk as soon as put returns, even while a bracket of the workspace is open that a crash undoes.
 * It is no part of what the ledger vouches for, and may be deleted.
 *
 * Part of store.h.
 *
 * Ownership: a tj_answers is closed by who opened it, and outlives the tj_cache that it lends.
 * Threads:   locked inside; several processes may share it.
 */
#ifndef TJ_STORE_ANSWERS_H
#define TJ_STORE_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "infer/infer.h"

typedef struct tj_answers tj_answers;

/* Opens DIR/answers.db, and makes it where there is none. Gives *out; NULL on error. Errors:
 * TJ_E_IO, TJ_E_PARSE (not such a database, or damaged), TJ_E_INVAL (a newer tabiji's). */
TJ_MUST_USE tj_code tj_answers_open(tj_answers **out, const char *dir, tj_err *err);
void tj_answers_close(tj_answers *answers); /* NULL is allowed */
/* Lends get and put over it. */
tj_cache tj_answers_cache(tj_answers *answers);
/* How many there are, and their bytes. */
TJ_MUST_USE tj_code tj_answers_count(tj_answers *answers, size_t *n, uint64_t *n_bytes,
                                     tj_err *err);

#endif
