/* Verification: the chain, entry by entry; the head's file; then the runs (verify_runs.c). All that
 * is read of the database is one snapshot, so that others may go on writing; the head's files are
 * read before and after it began, until both readings are the same: then they are of its moment. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "store/verify.h"

#define SNAPSHOT_TRIES 100

tj_code tj_verify_report(tj_verifier *v, int64_t seq, int64_t run, const char *field,
                         const char *what, tj_err *err)
{
    tj_mismatch m = {seq, run, field, what};
    v->n++;
    return v->fn == NULL ? TJ_OK : v->fn(v->ctx, &m, err);
}

/* ------------------------------------------------------------------ the chain */

static tj_code check_entry(void *ctx, const tj_ledger_entry *e, tj_err *err)
{
    tj_verifier *v = ctx;
    char hash[TJ_SHA256_HEX];
    tj_code rc = tj_job_check(v->job, err);
    if (rc == TJ_OK && e->seq != v->next_seq) {
        rc = tj_verify_report(v, e->seq, e->run, "seq", "an entry before this one is missing", err);
    }
    if (rc == TJ_OK && strcmp(e->prev, v->prev) != 0) {
        rc = tj_verify_report(v, e->seq, e->run, "prev", "does not follow the entry before", err);
    }
    tj_ledger_hash(hash, e->prev, e->seq, e->time_us, e->kind, e->run, e->body);
    if (rc == TJ_OK && strcmp(hash, e->hash) != 0) {
        rc = tj_verify_report(v, e->seq, e->run, "hash", "the entry was changed", err);
    }
    v->next_seq = e->seq + 1;
    snprintf(v->prev, sizeof v->prev, "%s", e->hash);
    const char *known = v->options->known_head;
    v->known_seen = v->known_seen || (known != NULL && strcmp(known, e->hash) == 0);
    return rc == TJ_OK ? tj_verify_hear(v, e, err) : rc;
}

/* What the text that is hashed cannot show: bytes behind a zero, and run 0 in the place of none. */
static tj_code check_forms(tj_verifier *v, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, v->store->db,
                              "SELECT seq, run FROM ledger WHERE run = 0"
                              " OR instr(CAST(kind AS BLOB), x'00') > 0"
                              " OR instr(CAST(body AS BLOB), x'00') > 0"
                              " OR instr(CAST(prev AS BLOB), x'00') > 0"
                              " OR instr(CAST(hash AS BLOB), x'00') > 0 ORDER BY seq",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        rc = tj_verify_report(v, tj_stmt_get_int(st, 0), tj_stmt_get_int(st, 1), "hash",
                              "the entry was changed", err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

static tj_code check_guards(tj_verifier *v, tj_err *err)
{
    int64_t n = 0;
    tj_code rc = tj_db_get_int(v->store->db, &n,
                               "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name"
                               " IN ('ledger_no_update', 'ledger_no_delete', 'run_no_delete')",
                               err);
    return rc == TJ_OK && n != 3
               ? tj_verify_report(v, 0, 0, "database",
                                  "a trigger that protects ledger or runs is gone", err)
               : rc;
}

/* ------------------------------------------------------------------ the head */

typedef struct heads {
    tj_code file_rc, next_rc; /* of reading them */
    tj_err why;               /* of the file */
    tj_head file, next;
} heads;

static void read_heads(const tj_store *store, heads *h)
{
    memset(h, 0, sizeof *h);
    h->next_rc = tj_head_file_read(store, TJ_HEAD_NEXT, &h->next, NULL);
    h->file_rc = tj_head_file_read(store, TJ_HEAD_FILE, &h->file, &h->why);
}

static bool same_heads(const heads *a, const heads *b)
{
    return a->file_rc == b->file_rc && a->next_rc == b->next_rc &&
           memcmp(&a->file, &b->file, sizeof a->file) == 0 &&
           memcmp(&a->next, &b->next, sizeof a->next) == 0;
}

/* Begins the snapshot; the bracket is open only on TJ_OK. */
static tj_code begin_snapshot(tj_store *store, heads *h, tj_err *err)
{
    char hash[TJ_SHA256_HEX];
    size_t n;
    for (int i = 0; i < SNAPSHOT_TRIES; i++) {
        heads before;
        read_heads(store, &before);
        tj_code rc = tj_store_begin(store, err);
        if (rc != TJ_OK) {
            return rc;
        }
        rc = tj_ledger_head(store, hash, &n, err); /* the snapshot begins with the first reading */
        read_heads(store, h);
        if (rc == TJ_OK && same_heads(&before, h)) {
            return TJ_OK;
        }
        tj_store_rollback(store);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return tj_fail(err, TJ_E_CONFLICT, "the ledger of %s changes faster than it can be read",
                   store->dir);
}

static bool is_of(const tj_head *head, int64_t n, const char *hash)
{
    return head->n_entries == n && strcmp(head->hash, hash) == 0;
}

static tj_code check_signature(tj_verifier *v, const tj_head *head, tj_err *err)
{
    char recorded[TJ_KEY_HEX];
    char what[160];
    tj_code rc = tj_ledger_key_on_record(v->store, recorded, err);
    if (rc != TJ_OK) {
        return rc;
    }
    const char *wanted = v->options->public_key != NULL ? v->options->public_key
                         : recorded[0] != 0             ? recorded
                         : head->is_signed              ? head->key
                                                        : NULL;
    if (wanted == NULL || tj_head_is_signed_by(head, wanted)) {
        return TJ_OK;
    }
    const char *how = !head->is_signed                 ? "is not signed"
                      : strcmp(head->key, wanted) != 0 ? "is signed by another key than"
                                                       : "has a wrong signature of";
    snprintf(what, sizeof what, "the head %s%s%.64s", how, head->is_signed ? " " : ", not by ",
             wanted);
    return tj_verify_report(v, head->n_entries, 0, "signature", what, err);
}

/* The file names the last entry; or else the one that a crash left behind does. */
static tj_code check_head(tj_verifier *v, const heads *h, tj_err *err)
{
    char what[TJ_ERR_MSG_BYTES + 64];
    int64_t last = v->next_seq - 1;
    bool by_file = h->file_rc == TJ_OK && is_of(&h->file, last, v->prev);
    bool by_next = h->next_rc == TJ_OK && is_of(&h->next, last, v->prev);
    if (by_file || by_next) {
        return check_signature(v, by_file ? &h->file : &h->next, err);
    }
    if (h->file_rc != TJ_OK) {
        snprintf(what, sizeof what, "the head beside the database cannot be read: %s", h->why.msg);
    } else if (h->file.n_entries > last) {
        snprintf(what, sizeof what, "entries after %lld are missing: " TJ_HEAD_FILE " names %lld",
                 (long long)last, (long long)h->file.n_entries);
    } else if (h->file.n_entries < last) {
        snprintf(what, sizeof what,
                 "entries after %lld were added by hand: " TJ_HEAD_FILE " does not know them",
                 (long long)h->file.n_entries);
    } else {
        snprintf(what, sizeof what, TJ_HEAD_FILE " names another entry %lld, %.12s",
                 (long long)last, h->file.hash);
    }
    tj_code rc = tj_verify_report(v, last, 0, "head", what, err);
    return rc == TJ_OK && h->file_rc == TJ_OK ? check_signature(v, &h->file, err) : rc;
}

/* ------------------------------------------------------------------ the database itself */

static tj_code check_rows(tj_verifier *v, const char *sql, const char *what, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, v->store->db, sql, err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        char said[128];
        char text[192];
        tj_stmt_get_name(st, 0, said, sizeof said);
        if (strcmp(said, "ok") == 0) {
            continue;
        }
        snprintf(text, sizeof text, "%s%s", what, said);
        rc = tj_verify_report(v, 0, 0, "database", text, err);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}

/* Rewards that no sum counts would be in no digest. */
static tj_code check_counts(tj_verifier *v, tj_err *err)
{
    int64_t differ = 0;
    tj_code rc = tj_db_get_int(v->store->db, &differ,
                               "SELECT (SELECT count(*) FROM reward) <>"
                               " (SELECT ifnull(sum(n), 0) FROM tree_reward)",
                               err);
    if (rc == TJ_OK && differ != 0) {
        rc = tj_verify_report(v, 0, 0, "rows.reward", "there are more or fewer than were added",
                              err);
    }
    return rc;
}

static tj_code check_files(tj_verifier *v, tj_err *err)
{
    tj_code rc = tj_model_files_check(v->store, &v->n, v->fn, v->ctx, err);
    if (rc == TJ_OK) {
        rc = check_rows(v, "PRAGMA integrity_check(20)", "", err);
    }
    return rc == TJ_OK ? check_rows(v, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check",
                                    "rows that name others which are not there: in ", err)
                       : rc;
}

/* ------------------------------------------------------------------ all of it */

static tj_code verify(tj_verifier *v, const heads *h, tj_err *err)
{
    tj_code rc = tj_ledger_each(v->store, NULL, 0, check_entry, v, err);
    if (rc == TJ_OK) {
        rc = check_forms(v, err);
    }
    if (rc == TJ_OK) {
        rc = check_guards(v, err);
    }
    if (rc == TJ_OK) {
        rc = check_head(v, h, err);
    }
    if (rc == TJ_OK && v->options->known_head != NULL && !v->known_seen) {
        rc = tj_verify_report(v, 0, 0, "head", "no entry has the hash that was noted", err);
    }
    if (rc == TJ_OK) {
        rc = tj_verify_runs(v, err);
    }
    if (rc == TJ_OK) {
        rc = check_counts(v, err);
    }
    return rc == TJ_OK && v->options->files ? check_files(v, err) : rc;
}

tj_code tj_store_verify(tj_store *store, size_t *n_mismatches, const tj_verify_options *options,
                        tj_mismatch_fn fn, void *ctx, const tj_job *job, tj_err *err)
{
    static const tj_verify_options none = {.known_head = NULL};
    heads h;
    tj_verifier v = {.store = store,
                     .options = options == NULL ? &none : options,
                     .fn = fn,
                     .ctx = ctx,
                     .job = job,
                     .next_seq = 1};
    memset(v.prev, '0', TJ_SHA256_HEX - 1);
    *n_mismatches = 0;
    tj_code rc = begin_snapshot(store, &h, err);
    if (rc == TJ_OK) {
        rc = verify(&v, &h, err);
        tj_store_rollback(store); /* nothing was written */
        tj_verify_forget(&v);
        *n_mismatches = v.n;
    }
    return rc;
}
