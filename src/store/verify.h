/* Inside of tj_store_verify: the walk over the ledger (verify.c) and what its entries say of runs
 * (verify_runs.c). Private to store.
 *
 * Ownership: a verifier owns its arrays.
 * Threads:   confined to one thread.
 */
#ifndef TJ_STORE_VERIFY_H
#define TJ_STORE_VERIFY_H

#include "store/inner.h"

/* What the ledger says of one run. */
typedef struct tj_said {
    int64_t run;
    int64_t seq;         /* of its last entry */
    int64_t started_seq; /* 0: no entry says that it was started */
    json_t *started;     /* that entry's body */
    json_t *ended;       /* body of the last entry, where that ends it; NULL: it goes on */
    char kind[16];       /* of the last entry */
} tj_said;

typedef struct tj_verifier {
    tj_store *store;
    const tj_verify_options *options; /* never NULL */
    tj_mismatch_fn fn;
    void *ctx;
    const tj_job *job;
    size_t n; /* mismatches */
    int64_t next_seq;
    char prev[TJ_SHA256_HEX];
    bool known_seen;
    tj_said *said; /* [n_said], by run */
    size_t n_said, cap_said;
} tj_verifier;

TJ_MUST_USE tj_code tj_verify_report(tj_verifier *v, int64_t seq, int64_t run, const char *field,
                                     const char *what, tj_err *err);

/* Keeps what an entry says of its run. */
TJ_MUST_USE tj_code tj_verify_hear(tj_verifier *v, const tj_ledger_entry *entry, tj_err *err);
/* Holds all runs and their rows against what was heard. */
TJ_MUST_USE tj_code tj_verify_runs(tj_verifier *v, tj_err *err);
void tj_verify_forget(tj_verifier *v);

#endif
