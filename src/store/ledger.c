/* The ledger: hash = SHA-256 of "prev\nseq\ntime_us\nkind\nrun\nbody" as text, so that any change
 * of an entry, or of an earlier one, shows. docs/workspace.md has the rule for other programs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "store/inner.h"

/* Without memory of its own: a hash cannot fail. */
void tj_ledger_hash(char out[TJ_SHA256_HEX], const char *prev, int64_t seq, int64_t time_us,
                    const char *kind, int64_t run, const char *body)
{
    char numbers[64];
    tj_sha256 hash;
    tj_sha256_begin(&hash);
    tj_sha256_add(&hash, prev, strlen(prev));
    int n = snprintf(numbers, sizeof numbers, "\n%" PRId64 "\n%" PRId64 "\n", seq, time_us);
    tj_sha256_add(&hash, numbers, (size_t)n);
    tj_sha256_add(&hash, kind, strlen(kind));
    n = snprintf(numbers, sizeof numbers, "\n%" PRId64 "\n", run);
    tj_sha256_add(&hash, numbers, (size_t)n);
    tj_sha256_add(&hash, body, strlen(body));
    tj_sha256_end(&hash, out);
}

tj_code tj_ledger_head(tj_store *store, char hash[TJ_SHA256_HEX], size_t *n_entries, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    memset(hash, '0', TJ_SHA256_HEX - 1);
    hash[TJ_SHA256_HEX - 1] = 0;
    *n_entries = 0;
    tj_code rc =
        tj_stmt_open(&st, store->db, "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1", err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && row) {
        *n_entries = tj_stmt_get_size(st, 0);
        tj_stmt_get_name(st, 1, hash, TJ_SHA256_HEX);
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_ledger_append(tj_store *store, int64_t *seq, const char *kind, int64_t run,
                         const json_t *body, tj_err *err)
{
    char prev[TJ_SHA256_HEX];
    char hash[TJ_SHA256_HEX];
    size_t n;
    tj_stmt *st = NULL;
    int64_t now = tj_store_now_us(store);
    char *text = tj_json_canonical(body);
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write a ledger entry")
                              : tj_store_begin(store, err);
    if (rc != TJ_OK) {
        tj_free(text);
        return rc;
    }
    store->head_due = true;
    rc = tj_ledger_head(store, prev, &n, err);
    *seq = (int64_t)n + 1;
    tj_ledger_hash(hash, prev, *seq, now, kind, run, text);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db, "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?)", err);
    }
    if (rc == TJ_OK) {
        tj_stmt_int(st, *seq);
        tj_stmt_int(st, now);
        tj_stmt_str(st, kind);
        tj_stmt_id(st, run);
        tj_stmt_str(st, text);
        tj_stmt_str(st, prev);
        tj_stmt_str(st, hash);
        rc = tj_stmt_run(st, err);
    }
    tj_stmt_close(st);
    tj_free(text);
    if (rc == TJ_OK) {
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

tj_code tj_ledger_add(tj_store *store, int64_t *seq, const char *kind, int64_t run,
                      const json_t *body, tj_err *err)
{
    static const char *const own[] = {"created",  "migrated", "started",   "resumed",
                                      "done",     "failed",   "cancelled", "abandoned",
                                      "declared", "key",      "adopted"};
    tj_code rc = tj_need_write(store, err);
    for (size_t i = 0; i < sizeof own / sizeof own[0] && rc == TJ_OK; i++) {
        if (strcmp(kind, own[i]) == 0) {
            rc = tj_fail(err, TJ_E_INVAL, "'%s' is an entry that only the store writes", kind);
        }
    }
    if (rc == TJ_OK &&
        (kind[0] == 0 || strspn(kind, "abcdefghijklmnopqrstuvwxyz_") != strlen(kind))) {
        rc = tj_fail(err, TJ_E_INVAL, "'%s' is not a kind of entry: expected [a-z_]", kind);
    }
    return rc == TJ_OK ? tj_ledger_append(store, seq, kind, run, body, err) : rc;
}

tj_code tj_ledger_each(tj_store *store, const char *kind, int64_t run, tj_ledger_fn fn, void *ctx,
                       tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT seq, time_us, kind, run, body, prev, hash FROM ledger"
                              " WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR run = ?2)"
                              " ORDER BY seq",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_str(st, kind);
    tj_stmt_id(st, run);
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        tj_ledger_entry e = {.seq = tj_stmt_get_int(st, 0),
                             .time_us = tj_stmt_get_int(st, 1),
                             .run = tj_stmt_get_int(st, 3)};
        void *owned = NULL;
        const tj_copy copies[] = {
            {2, &e.kind, NULL}, {4, &e.body, NULL}, {5, &e.prev, NULL}, {6, &e.hash, NULL}};
        rc = tj_stmt_copy(st, &owned, copies, sizeof copies / sizeof copies[0], err);
        if (rc == TJ_OK) {
            rc = fn(ctx, &e, err);
        }
        tj_free(owned);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

/* ------------------------------------------------------------------ declarations */

typedef struct declared {
    const char *text;
    int64_t seq;
} declared;

static tj_code same_declaration(void *ctx, const tj_ledger_entry *e, tj_err *err)
{
    (void)err;
    declared *d = ctx;
    if (strcmp(e->body, d->text) == 0) {
        d->seq = e->seq;
    }
    return TJ_OK;
}

tj_code tj_store_declare(tj_store *store, int64_t *seq, const json_t *declaration, tj_err *err)
{
    char *text = tj_json_canonical(declaration);
    declared d = {text, 0};
    tj_code rc = tj_need_write(store, err);
    if (rc == TJ_OK && text == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot write the declaration");
    }
    if (rc == TJ_OK) {
        rc = tj_ledger_each(store, "declared", 0, same_declaration, &d, err);
    }
    *seq = d.seq;
    if (rc == TJ_OK && d.seq == 0) {
        rc = tj_ledger_append(store, seq, "declared", 0, declaration, err);
    }
    tj_free(text);
    return rc;
}
