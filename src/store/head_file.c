/* The ledger's head beside the database, and the key that signs it.
 *
 * A commit with entries goes: write ledger.head.next; commit; rename it to ledger.head. Whatever
 * moment a crash comes, one of the two files names the last entry that was committed, signed where
 * a key is configured: so nothing behind or ahead of the head ever has to be believed. Both are
 * checked when a workspace is opened for writing; one that does not agree is refused, lest the next
 * entry signs what somebody changed. */
#define _XOPEN_SOURCE 700 /* realpath */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/config.h"
#include "store/inner.h"

#define KEY_VARIABLE "TABIJI_LEDGER_KEY"
#define KEY_NOTE     "ledger.key"

static bool same_head(const tj_head *a, const tj_head *b)
{
    return a->n_entries == b->n_entries && strcmp(a->hash, b->hash) == 0;
}

static tj_code database_head(tj_store *store, tj_head *out, tj_err *err)
{
    size_t n;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_ledger_head(store, out->hash, &n, err);
    out->n_entries = (int64_t)n;
    return rc;
}

tj_code tj_head_file_read(const tj_store *store, const char *name, tj_head *out, tj_err *err)
{
    char *path = NULL;
    char *text = NULL;
    size_t len = 0;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_store_path(store, &path, name, err);
    if (rc == TJ_OK) {
        rc = tj_fs_read(&text, &len, path, TJ_HEAD_MAX_BYTES, err);
    }
    if (rc == TJ_E_LIMIT) {
        rc = tj_fail(err, TJ_E_PARSE, "%s is not a head of a ledger: it is too large", path);
    }
    if (rc == TJ_OK) {
        rc = tj_head_parse(out, text, len, path, err);
    }
    tj_free(text);
    tj_free(path);
    return rc;
}

bool tj_head_is_signed_by(const tj_head *head, const char *public_hex)
{
    char text[TJ_HEAD_MAX_BYTES];
    size_t n = tj_head_print(text, head, false);
    return head->is_signed && strcmp(head->key, public_hex) == 0 &&
           tj_key_check(public_hex, head->signature, text, n);
}

tj_code tj_ledger_signed_head(tj_store *store, tj_head *out, tj_err *err)
{
    tj_head file;
    tj_code rc = database_head(store, out, err);
    if (rc == TJ_OK && tj_head_file_read(store, TJ_HEAD_FILE, &file, NULL) == TJ_OK &&
        same_head(&file, out)) {
        *out = file;
    }
    return rc;
}

/* ------------------------------------------------------------------ around a commit */

static void drop_next(const tj_store *store)
{
    char *next = NULL;
    if (tj_store_path(store, &next, TJ_HEAD_NEXT, NULL) == TJ_OK) {
        (void)unlink(next); /* one that stays is written over, or found not to be of the database */
    }
    tj_free(next);
}

static tj_code settle(tj_store *store, tj_err *err)
{
    char *head = NULL;
    char *next = NULL;
    tj_code rc = tj_store_path(store, &head, TJ_HEAD_FILE, err);
    if (rc == TJ_OK) {
        rc = tj_store_path(store, &next, TJ_HEAD_NEXT, err);
    }
    if (rc == TJ_OK) {
        rc = tj_fs_exists(next) ? tj_fs_rename(next, head, err) : TJ_OK; /* it was renamed before */
    }
    store->unsettled = rc != TJ_OK;
    tj_free(head);
    tj_free(next);
    return rc;
}

static tj_code write_next(tj_store *store, tj_head *head, tj_err *err)
{
    char text[TJ_HEAD_MAX_BYTES];
    char *path = NULL;
    if (store->key != NULL) {
        head->is_signed = true;
        snprintf(head->key, sizeof head->key, "%s", store->key->public_hex);
        size_t n_signed = tj_head_print(text, head, false);
        tj_key_sign(head->signature, store->key, text, n_signed);
    }
    size_t n = tj_head_print(text, head, true);
    tj_code rc = tj_store_path(store, &path, TJ_HEAD_NEXT, err);
    if (rc == TJ_OK) {
        rc = tj_fs_write(path, text, n, err);
    }
    tj_free(path);
    return rc;
}

tj_code tj_head_commit(tj_store *store, tj_err *err)
{
    tj_head head;
    store->head_due = false;
    tj_code rc = store->unsettled ? settle(store, err) : TJ_OK;
    if (rc == TJ_OK) {
        rc = database_head(store, &head, err);
    }
    if (rc == TJ_OK) {
        rc = write_next(store, &head, err);
    }
    if (rc != TJ_OK) {
        tj_db_rollback(store->db);
        return rc;
    }
    rc = tj_db_commit(store->db, err);
    if (rc != TJ_OK) {
        drop_next(store);
        return rc;
    }
    (void)settle(store, NULL); /* the entry stands, and the file that is there proves it */
    return TJ_OK;
}

/* ------------------------------------------------------------------ at the opening */

static tj_code read_either(tj_store *store, const tj_head *database, bool *is_next, tj_head *out,
                           tj_err *err)
{
    tj_head next;
    *is_next = false;
    tj_code rc = tj_head_file_read(store, TJ_HEAD_FILE, out, err);
    if (rc != TJ_OK && rc != TJ_E_NOTFOUND && rc != TJ_E_PARSE) {
        return rc;
    }
    if (rc == TJ_OK && same_head(out, database)) {
        return TJ_OK;
    }
    tj_err why;
    tj_code next_rc = tj_head_file_read(store, TJ_HEAD_NEXT, &next, &why);
    if (next_rc == TJ_E_NOMEM || next_rc == TJ_E_IO) {
        return tj_fail(err, next_rc, "%s", why.msg);
    }
    if (next_rc == TJ_OK && same_head(&next, database)) {
        *is_next = true;
        *out = next;
        return TJ_OK;
    }
    return rc == TJ_OK
               ? tj_fail(err, TJ_E_PARSE,
                         "the ledger ends at entry %lld, " TJ_HEAD_FILE " names entry %lld, %.12s",
                         (long long)database->n_entries, (long long)out->n_entries, out->hash)
               : tj_fail(err, TJ_E_PARSE, TJ_HEAD_FILE " cannot be read, or is missing");
}

tj_code tj_ledger_key_on_record(tj_store *store, char public_hex[TJ_KEY_HEX], tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    public_hex[0] = 0;
    tj_code rc =
        tj_stmt_open(&st, store->db,
                     "SELECT body FROM ledger WHERE kind = 'key' ORDER BY seq DESC LIMIT 1", err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && row) {
        size_t n;
        const char *text = tj_stmt_get_bytes(st, 0, &n);
        json_t *body = json_loadb(text == NULL ? "" : text, n, 0, NULL);
        const char *key = json_string_value(json_object_get(body, "public"));
        snprintf(public_hex, TJ_KEY_HEX, "%s", key == NULL ? "unreadable" : key);
        json_decref(body);
    }
    tj_stmt_close(st);
    return rc;
}

tj_code tj_head_check(tj_store *store, tj_err *err)
{
    tj_head database;
    tj_head file;
    char recorded[TJ_KEY_HEX];
    bool is_next;
    tj_code rc = database_head(store, &database, err);
    if (rc == TJ_OK) {
        rc = tj_ledger_key_on_record(store, recorded, err);
    }
    if (rc == TJ_OK) {
        rc = read_either(store, &database, &is_next, &file, err);
    }
    if (rc == TJ_OK && recorded[0] != 0 && !tj_head_is_signed_by(&file, recorded)) {
        rc = tj_fail(err, TJ_E_PARSE, TJ_HEAD_FILE " is not signed by the ledger's key %.12s",
                     recorded);
    }
    if (rc == TJ_OK && is_next) {
        return settle(store, err);
    }
    if (rc == TJ_OK) {
        drop_next(store); /* of a commit that did not come about */
    }
    return rc;
}

/* ------------------------------------------------------------------ keys */

/* Notes are JSON texts. */
static tj_code note_path(tj_store *store, const char *path, tj_err *err)
{
    json_t *value = json_string(path);
    char *text = value == NULL ? NULL : tj_json_canonical(value);
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_INVAL, "the path of the key is not UTF-8")
                              : tj_store_set_note(store, KEY_NOTE, text, err);
    tj_free(text);
    json_decref(value);
    return rc;
}

static tj_code noted_path(tj_store *store, char **out, tj_err *err)
{
    char *text = NULL;
    *out = NULL;
    tj_code rc = tj_store_get_note(store, &text, KEY_NOTE, err);
    json_t *value = text == NULL ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);
    if (rc == TJ_OK && json_is_string(value)) {
        *out = tj_strdup(json_string_value(value));
        rc = *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold the path of a key") : TJ_OK;
    }
    json_decref(value);
    tj_free(text);
    return rc;
}

static tj_code key_path(tj_store *store, char **out, tj_err *err)
{
    const char *path = store->options.ledger_key;
    if (path == NULL) {
        path = getenv(KEY_VARIABLE);
    }
    if (path == NULL || path[0] == 0) {
        return noted_path(store, out, err);
    }
    *out = tj_strdup(path);
    return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold the path of a key") : TJ_OK;
}

static tj_code load_key(tj_store *store, const char *path, tj_err *err)
{
    tj_key *key = tj_calloc(1, sizeof *key);
    tj_code rc =
        key == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a key") : tj_key_read(key, path, err);
    if (rc == TJ_OK && !key->has_seed) {
        rc = tj_fail(err, TJ_E_INVAL, "%s is the public half of a key, which cannot sign", path);
    }
    store->key = key;
    if (rc != TJ_OK) {
        tj_err_context(err, "cannot sign the ledger of %s", store->dir);
    }
    return rc;
}

tj_code tj_head_load_key(tj_store *store, bool *is_new, tj_err *err)
{
    char recorded[TJ_KEY_HEX];
    char *path = NULL;
    *is_new = false;
    tj_code rc = tj_ledger_key_on_record(store, recorded, err);
    if (rc == TJ_OK) {
        rc = key_path(store, &path, err);
    }
    if (rc == TJ_OK && path != NULL) {
        rc = load_key(store, path, err);
    } else if (rc == TJ_OK && recorded[0] != 0) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "the ledger of %s is signed by %.12s: give the key's file in " KEY_VARIABLE,
                     store->dir, recorded);
    }
    if (rc == TJ_OK && path != NULL) {
        bool same = strcmp(recorded, store->key->public_hex) == 0;
        *is_new = !same;
        if (!same && recorded[0] != 0 && !store->options.change_key) {
            rc = tj_fail(err, TJ_E_CONFLICT,
                         "the ledger of %s is signed by %.12s, and %s is another key ('tabiji "
                         "ledger sign' changes it)",
                         store->dir, recorded, path);
        }
    }
    tj_free(path);
    return rc;
}

tj_code tj_head_record_key(tj_store *store, tj_err *err)
{
    int64_t seq;
    json_t *body = json_pack("{s:s}", "public", store->key->public_hex);
    tj_code rc = tj_ledger_append(store, &seq, "key", 0, body, err);
    json_decref(body);
    char *full = rc == TJ_OK && store->options.ledger_key != NULL
                     ? realpath(store->options.ledger_key, NULL)
                     : NULL;
    if (full != NULL) { /* so that later writers find it */
        rc = note_path(store, full, err);
    }
    free(full); /* realpath's own allocation */
    return rc;
}

void tj_head_close(tj_store *store)
{
    if (store->key != NULL) {
        tj_key_forget(store->key);
        tj_free(store->key);
    }
}

/* A new file, never in the place of another; the secret one is nobody else's from its first byte.
 */
static tj_code write_new(const char *path, const tj_key *key, bool with_seed, tj_err *err)
{
    char text[TJ_HEAD_MAX_BYTES];
    size_t n = tj_key_print(text, key, with_seed);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, with_seed ? 0600 : 0644);
    if (fd < 0) {
        return tj_fail(err, errno == EEXIST ? TJ_E_CONFLICT : TJ_E_IO, "cannot make %s: %s", path,
                       strerror(errno));
    }
    ssize_t written = write(fd, text, n);
    bool whole = written >= 0 && (size_t)written == n && fsync(fd) == 0;
    tj_code rc =
        whole ? TJ_OK : tj_fail(err, TJ_E_IO, "cannot write %s: %s", path, strerror(errno));
    (void)close(fd);
    if (!whole) {
        (void)unlink(path);
    }
    tj_key_forget_bytes(text, sizeof text);
    return rc;
}

tj_code tj_ledger_keygen(const char *path, char public_hex[TJ_KEY_HEX], tj_err *err)
{
    tj_key key;
    tj_buf public_path;
    public_hex[0] = 0;
    tj_buf_init(&public_path);
    tj_buf_printf(&public_path, "%s.pub", path);
    tj_code rc = tj_buf_check(&public_path, err);
    for (int i = 0; i < 2 && rc == TJ_OK; i++) {
        const char *one = i == 0 ? path : tj_buf_text(&public_path);
        if (tj_fs_exists(one)) {
            rc = tj_fail(err, TJ_E_CONFLICT, "%s is there already", one);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_key_make(&key, err);
    }
    if (rc == TJ_OK) {
        rc = write_new(path, &key, true, err);
        if (rc == TJ_OK) {
            rc = write_new(tj_buf_text(&public_path), &key, false, err);
        }
        memcpy(public_hex, key.public_hex, sizeof key.public_hex);
        tj_key_forget(&key);
    }
    tj_buf_deinit(&public_path);
    return rc;
}

tj_code tj_ledger_public_key(const char *path, char public_hex[TJ_KEY_HEX], tj_err *err)
{
    tj_key key;
    tj_code rc = tj_key_read(&key, path, err);
    memcpy(public_hex, key.public_hex, sizeof key.public_hex);
    tj_key_forget(&key);
    return rc;
}
