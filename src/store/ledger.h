/* The ledger: the append-only record of runs, in which every entry carries the hash of the one
 * before. Its head (the number and hash of the last entry) also stands in a file beside the
 * database, signed where a key is configured, so that neither a changed row nor a removed or added
 * last one goes unnoticed. docs/workspace.md says what this proves, and what it cannot.
 *
 *     DIR/ledger.head        the head, written at each entry
 *     DIR/ledger.head.next   the head that a commit is about to make; renamed to ledger.head after
 *                            it. Left behind by a crash, it proves whose the last entry is.
 *
 * Part of store.h.
 *
 * Ownership: stated at each function.
 * Threads:   those of the store.
 */
#ifndef TJ_STORE_LEDGER_H
#define TJ_STORE_LEDGER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/job.h"

#define TJ_KEY_HEX       65  /* a public key: 64 hexadecimal digits and a zero */
#define TJ_SIGNATURE_HEX 129 /* an Ed25519 signature: 128 and a zero */

typedef struct tj_store tj_store;

/* ------------------------------------------------------------ entries */

/* Entries are numbered from 1 without gaps; the database refuses to change or delete them. Kinds:
 * `created`, `migrated`; `started`, `resumed`, `done`, `failed`, `cancelled`, `abandoned` (of
 * runs); `declared`; `key` (signs from here on), `adopted` (a difference that a person let pass);
 * and whatever tj_ledger_add is given. */
typedef struct tj_ledger_entry {
    int64_t seq;
    int64_t time_us;
    const char *kind;
    int64_t run;      /* 0: of no run */
    const char *body; /* canonical JSON */
    const char *prev; /* hash of the entry before; 64 zeros at the first */
    const char *hash;
} tj_ledger_entry;

/* Pre-registration: records what is going to be compared, and how, before the first look at the
 * test problems: an object with N, settings, seeds, the test set's digest, the primary test, …
 * The same declaration again gives the entry that is there. Gives its seq. */
TJ_MUST_USE tj_code tj_store_declare(tj_store *store, int64_t *seq, const json_t *declaration,
                                     tj_err *err);
/* Adds an entry of a kind of the caller's own ("accessed"); run may be 0. Gives its seq.
 * Errors: TJ_E_INVAL (a kind of the list above, or not [a-z_]). */
TJ_MUST_USE tj_code tj_ledger_add(tj_store *store, int64_t *seq, const char *kind, int64_t run,
                                  const json_t *body, tj_err *err);

typedef tj_code (*tj_ledger_fn)(void *ctx, const tj_ledger_entry *entry, tj_err *err);
/* Entries in order; of one kind and of one run, unless NULL and 0. */
TJ_MUST_USE tj_code tj_ledger_each(tj_store *store, const char *kind, int64_t run, tj_ledger_fn fn,
                                   void *ctx, tj_err *err);
/* Hash of the last entry (64 zeros for none) and how many there are. */
TJ_MUST_USE tj_code tj_ledger_head(tj_store *store, char hash[TJ_SHA256_HEX], size_t *n_entries,
                                   tj_err *err);

/* ------------------------------------------------------------ the head and its signature */

typedef struct tj_head {
    int64_t n_entries;
    char hash[TJ_SHA256_HEX]; /* of the last entry */
    bool is_signed;
    char key[TJ_KEY_HEX]; /* who signed: the public key; "" where it is not signed */
    char signature[TJ_SIGNATURE_HEX];
} tj_head;
/* The head as the database has it, with the signature of the file where that is of this head. */
TJ_MUST_USE tj_code tj_ledger_signed_head(tj_store *store, tj_head *out, tj_err *err);

/* Makes a key pair: PATH (mode 0600, the secret) and PATH.pub (the public half, which is also given
 * as digits). Errors: TJ_E_CONFLICT (one of them is there), TJ_E_IO, TJ_E_BACKEND. */
TJ_MUST_USE tj_code tj_ledger_keygen(const char *path, char public_hex[TJ_KEY_HEX], tj_err *err);
/* The public key in a file that keygen made, either one. Errors: those of tj_fs_read, TJ_E_PARSE.
 */
TJ_MUST_USE tj_code tj_ledger_public_key(const char *path, char public_hex[TJ_KEY_HEX],
                                         tj_err *err);

/* ------------------------------------------------------------ verification */

/* A place where the workspace is not as the ledger says. */
typedef struct tj_mismatch {
    int64_t seq;       /* the entry; 0: of none */
    int64_t run;       /* 0: of none */
    const char *field; /* "hash", "prev", "seq", "head", "signature", "record", "config", "inputs",
                        * "metrics", "status", "result", "rows.node", "file", "database", … */
    const char *what;  /* a sentence for people */
} tj_mismatch;
typedef tj_code (*tj_mismatch_fn)(void *ctx, const tj_mismatch *mismatch, tj_err *err);

typedef struct tj_verify_options {
    bool files;             /* also digest the files of models, and check the database's own
                             * structure and references (may be long) */
    const char *known_head; /* a head hash noted earlier, e.g. in a report, that must be an entry's;
                             * NULL: none */
    const char *public_key; /* digits of the key that must have signed the head; NULL: the one that
                             * the ledger names, if it names any */
} tj_verify_options;

/* Walks the ledger, recomputes the chain and the digests of every run's rows, holds the head's file
 * against both, and calls fn for each mismatch. TJ_OK means that the check was made, whatever it
 * found: *n_mismatches says. options, fn and job may be NULL. Others may be writing meanwhile.
 * Errors: TJ_E_CANCELLED. */
TJ_MUST_USE tj_code tj_store_verify(tj_store *store, size_t *n_mismatches,
                                    const tj_verify_options *options, tj_mismatch_fn fn, void *ctx,
                                    const tj_job *job, tj_err *err);

#endif
