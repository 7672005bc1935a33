/* The ledger notices every change of every column of every row it speaks of, of its own rows, and
 * of its head; what a crash leaves is no change; a signed head cannot be made by who lacks the key.
 * Changes are made with a handle of SQLite's own, its guards off, in a workspace that has a row in
 * every table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "store/everything.h"
#include "store/inner.h"
#include "support/folder.h"
#include "support/must.h"
#include "support/workspace.h"

static char root[64]; /* of all, */
static char dir[128]; /* the workspace, */
static char *db_path; /* its database, */
static char *head_path, *next_path;
static char key_path[128], other_key_path[128];
static int64_t clock_at;

static int make_root(void **state)
{
    (void)state;
    if (folder_make(root, "ledger") != 0) {
        return -1;
    }
    snprintf(dir, sizeof dir, "%s/w", root);
    snprintf(key_path, sizeof key_path, "%s/key", root);
    snprintf(other_key_path, sizeof other_key_path, "%s/other", root);
    db_path = tj_fs_join(dir, "tabiji.db");
    head_path = tj_fs_join(dir, "ledger.head");
    next_path = tj_fs_join(dir, "ledger.head.next");
    clock_at = 1700000000000000;
    return 0;
}

static int remove_root(void **state)
{
    (void)state;
    tj_free(db_path);
    tj_free(head_path);
    tj_free(next_path);
    return folder_remove(root);
}

/* Signed where key is a path. */
static void make_workspace(const char *key)
{
    everything e;
    tj_store_options options = {.now_us = everything_clock, .ctx = &clock_at, .ledger_key = key};
    tj_store *s = workspace_open_at(dir, TJ_STORE_CREATE, &options);
    everything_make(s, &e);
    tj_store_close(s);
    assert_int_equal(everything_mismatches(dir, NULL), 0);
}

static void make_key(const char *path)
{
    char public_hex[TJ_KEY_HEX];
    tj_err err = {.msg = ""};
    must(tj_ledger_keygen(path, public_hex, &err), &err);
}

/* ------------------------------------------------------------------ changing by hand */

typedef struct bytes {
    char *all;
    size_t n;
} bytes;

static bytes slurp(const char *path)
{
    bytes b;
    tj_err err = {.msg = ""};
    must(tj_fs_read(&b.all, &b.n, path, (size_t)1 << 30, &err), &err);
    return b;
}

static void spit(const char *path, bytes b)
{
    FILE *f = fopen(path, "wb"); /* not tj_fs_write, which waits for the disk */
    assert_non_null(f);
    assert_int_equal(fwrite(b.all, 1, b.n, f), b.n);
    assert_int_equal(fclose(f), 0);
}

/* Runs SQL with foreign keys and guards off; the guards stand again afterwards. */
static void change(const char *sql)
{
    tj_db *db;
    tj_err err = {.msg = ""};
    static const char *const guards[] = {"ledger_no_update", "ledger_no_delete", "run_no_delete"};
    char drop[96];
    char *made[3];
    must(tj_db_open(&db, db_path, db_path, TJ_DB_WRITE, &err), &err);
    must(tj_db_exec(db, "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF", &err), &err);
    for (size_t i = 0; i < 3; i++) {
        tj_stmt *st;
        bool row;
        size_t n;
        must(tj_stmt_open(&st, db, "SELECT sql FROM sqlite_schema WHERE name = ?", &err), &err);
        tj_stmt_str(st, guards[i]);
        must(tj_stmt_step(st, &row, &err), &err);
        const char *text = tj_stmt_get_bytes(st, 0, &n);
        made[i] = tj_strndup(text, n);
        tj_stmt_close(st);
        snprintf(drop, sizeof drop, "DROP TRIGGER %s", guards[i]);
        must(tj_db_exec(db, drop, &err), &err);
    }
    if (tj_db_exec(db, sql, &err) != TJ_OK) {
        fail_msg("%s: %s", sql, err.msg);
    }
    for (size_t i = 0; i < 3; i++) {
        must(tj_db_exec(db, made[i], &err), &err);
        tj_free(made[i]);
    }
    tj_db_close(db);
}

/* The change is found; the workspace is then as before. */
static void expect_found(const char *sql)
{
    bytes before = slurp(db_path);
    change(sql);
    size_t n = everything_mismatches(dir, NULL);
    spit(db_path, before);
    tj_free(before.all);
    if (n == 0) {
        fail_msg("not found: %s", sql);
    }
}

static int64_t number(const char *sql)
{
    tj_db *db;
    int64_t n = 0;
    tj_err err = {.msg = ""};
    must(tj_db_open(&db, db_path, db_path, TJ_DB_READ, &err), &err);
    must(tj_db_get_int(db, &n, sql, &err), &err);
    tj_db_close(db);
    return n;
}

/* ------------------------------------------------------------------ rows of the ledger */

static void every_change_of_a_row_of_the_ledger_is_found(void **state)
{
    (void)state;
    static const char *const changes[] = {"seq = seq + 1000",
                                          "time_us = time_us + 1",
                                          "kind = 'x'",
                                          "kind = kind || char(0) || 'x'",
                                          "kind = upper(kind)",
                                          "run = CASE WHEN run IS NULL THEN 0 ELSE NULL END",
                                          "run = ifnull(run, 0) + 1",
                                          "body = '{}'",
                                          "body = body || ' '",
                                          "body = body || char(0)",
                                          "prev = hash",
                                          "prev = upper(prev) || 'A'",
                                          "hash = prev || 'A'",
                                          "hash = hash || char(0)",
                                          "hash = upper(hash) || ''"};
    make_workspace(NULL);
    int64_t n = number("SELECT count(*) FROM ledger");
    assert_true(n >= 8);
    for (int64_t seq = 1; seq <= n; seq++) {
        for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
            char sql[160];
            snprintf(sql, sizeof sql, "UPDATE ledger SET %s WHERE seq = %lld", changes[i],
                     (long long)seq);
            expect_found(sql);
        }
    }
}

static void removed_and_moved_rows_are_found(void **state)
{
    (void)state;
    make_workspace(NULL);
    expect_found("DELETE FROM ledger WHERE seq = 1");
    expect_found("DELETE FROM ledger WHERE seq = 3");
    expect_found("DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)");
    expect_found("DELETE FROM ledger WHERE seq > (SELECT max(seq) FROM ledger) - 2");
    expect_found("DELETE FROM ledger");
    expect_found("UPDATE ledger SET seq = 100 WHERE seq = 2; UPDATE ledger SET seq = 2 WHERE seq ="
                 " 3; UPDATE ledger SET seq = 3 WHERE seq = 100");
    expect_found("UPDATE ledger SET seq = 0 WHERE seq = 1");
}

/* Appends an entry whose hash is right. */
static void append_by_hand(const char *kind, int64_t run, const char *body)
{
    tj_db *db;
    tj_stmt *st;
    bool row;
    char prev[TJ_SHA256_HEX];
    char hash[TJ_SHA256_HEX];
    tj_err err = {.msg = ""};
    must(tj_db_open(&db, db_path, db_path, TJ_DB_WRITE, &err), &err);
    must(tj_stmt_open(&st, db, "SELECT seq, hash FROM ledger ORDER BY seq DESC LIMIT 1", &err),
         &err);
    must(tj_stmt_step(st, &row, &err), &err);
    int64_t seq = tj_stmt_get_int(st, 0) + 1;
    tj_stmt_get_name(st, 1, prev, sizeof prev);
    tj_stmt_close(st);
    tj_ledger_hash(hash, prev, seq, 5, kind, run, body);
    must(tj_stmt_open(&st, db, "INSERT INTO ledger VALUES (?, 5, ?, ?, ?, ?, ?)", &err), &err);
    tj_stmt_int(st, seq);
    tj_stmt_str(st, kind);
    tj_stmt_id(st, run);
    tj_stmt_str(st, body);
    tj_stmt_str(st, prev);
    tj_stmt_str(st, hash);
    must(tj_stmt_run(st, &err), &err);
    tj_stmt_close(st);
    tj_db_close(db);
}

static void a_row_added_by_hand_with_the_right_hash_is_found(void **state)
{
    (void)state;
    make_workspace(NULL);
    append_by_hand("accessed", 0, "{}");
    assert_true(everything_mismatches(dir, NULL) > 0);
}

static void guards_that_are_gone_are_found(void **state)
{
    (void)state;
    tj_db *db;
    make_workspace(NULL);
    assert_int_equal(tj_db_open(&db, db_path, db_path, TJ_DB_WRITE, NULL), TJ_OK);
    assert_int_not_equal(tj_db_exec(db, "DELETE FROM ledger WHERE seq = 2", NULL), TJ_OK);
    assert_int_not_equal(tj_db_exec(db, "UPDATE ledger SET body = '{}'", NULL), TJ_OK);
    assert_int_not_equal(tj_db_exec(db, "DELETE FROM run WHERE id = 4", NULL), TJ_OK);
    assert_int_equal(tj_db_exec(db, "DROP TRIGGER ledger_no_delete", NULL), TJ_OK);
    tj_db_close(db);
    assert_int_equal(everything_mismatches(dir, NULL), 1);
}

/* ------------------------------------------------------------------ rows that entries speak of */

typedef struct column {
    char table[64], name[64], type[16];
    int64_t is_null; /* in the first row */
} column;

/* Every column of every table but those that the ledger does not vouch for. */
static size_t columns(column *out, size_t cap)
{
    tj_db *db;
    tj_stmt *st;
    bool row = false;
    size_t n = 0;
    tj_err err = {.msg = ""};
    must(tj_db_open(&db, db_path, db_path, TJ_DB_READ, &err), &err);
    must(tj_stmt_open(&st, db,
                      "SELECT m.name, c.name, c.type FROM sqlite_schema m,"
                      " pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT IN"
                      " ('ledger', 'cursor', 'note', 'migration') ORDER BY m.name, c.cid",
                      &err),
         &err);
    must(tj_stmt_step(st, &row, &err), &err);
    for (; row && n < cap; n++) {
        tj_stmt_get_name(st, 0, out[n].table, sizeof out[n].table);
        tj_stmt_get_name(st, 1, out[n].name, sizeof out[n].name);
        tj_stmt_get_name(st, 2, out[n].type, sizeof out[n].type);
        must(tj_stmt_step(st, &row, &err), &err);
    }
    tj_stmt_close(st);
    tj_db_close(db);
    return n;
}

static void every_change_of_a_row_that_a_run_made_is_found(void **state)
{
    (void)state;
    column all[400];
    make_workspace(NULL);
    size_t n = columns(all, 400);
    assert_true(n > 150 && n < 400);
    for (size_t i = 0; i < n; i++) {
        const char *c = all[i].name;
        const char *t = all[i].table;
        char sql[512];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %.63s", t);
        if (number(sql) == 0) {
            fail_msg("the workspace has no %s to change", t);
        }
        const char *type = all[i].type;
        bool is_text = strcmp(type, "TEXT") == 0;
        bool is_real = strcmp(type, "REAL") == 0;
        char value[128];
        snprintf(value, sizeof value, "ifnull(%.63s, %s) %s", c,
                 is_text   ? "''"
                 : is_real ? "0.0"
                           : "0",
                 is_text   ? "|| 'x'"
                 : is_real ? "+ 1.0"
                           : "+ 1000");
        if (strcmp(type, "BLOB") == 0) {
            snprintf(value, sizeof value, "x'0102030405060708'");
        }
        snprintf(sql, sizeof sql, "UPDATE OR IGNORE %.63s SET %.63s = %.127s", t, c, value);
        if (strcmp(c, "supersedes") == 0 || strcmp(c, "label") == 0 ||
            (strcmp(t, "annotation") == 0 &&
             (strcmp(c, "tree") == 0 || strcmp(c, "thought") == 0 || strcmp(c, "node") == 0 ||
              strcmp(c, "span") == 0))) { /* with checks of their own */
            snprintf(sql, sizeof sql, "UPDATE %.63s SET %.63s = %.127s WHERE %.63s IS NOT NULL", t,
                     c, strcmp(c, "label") == 0 ? "0" : value, c);
        }
        expect_found(sql);
    }
}

static void removed_rows_and_rows_by_hand_are_found(void **state)
{
    (void)state;
    column all[400];
    make_workspace(NULL);
    size_t n = columns(all, 400);
    for (size_t i = 0; i < n; i++) {
        char sql[256];
        if (i > 0 && strcmp(all[i].table, all[i - 1].table) == 0) {
            continue;
        }
        snprintf(sql, sizeof sql, "DELETE FROM %.63s", all[i].table);
        expect_found(sql);
    }
    expect_found("INSERT INTO run (id, stage, name, config, config_digest, inputs_digest, seed,"
                 " status, started_us, build_id, isa, n_threads) VALUES (99, 'grow', 'x', '{}', '',"
                 " '', 0, 1, 0, '', '', 1)");
    expect_found("INSERT INTO reward SELECT tree, node, run, ordinal + 100, rewarder, meaning,"
                 " value, reason, judgement FROM reward LIMIT 1");
    expect_found("INSERT INTO reward VALUES (1, 1, 99, 0, 1, 0, 1.0, '', NULL)");
    expect_found("INSERT INTO node SELECT tree, 99, parent, depth, sampled, ids, logprobs, text,"
                 " key, state, draw, valid, solvable, terminal, correct, pruned, n_duplicates FROM"
                 " node WHERE ordinal = 1");
    expect_found("INSERT INTO metric VALUES (1, 'loss', 2, 0.5)");
    expect_found("INSERT INTO run_output VALUES (1, 99, 'file', 'x', 1, 'd')");
    expect_found("INSERT INTO run_input VALUES (1, 99, 'x', 'file', 0, 'd')");
}

/* A started run cannot vanish, whatever became of it. */
static void a_started_run_cannot_vanish(void **state)
{
    (void)state;
    make_workspace(NULL);
    for (int64_t run = 1; run <= 4; run++) {
        char sql[200];
        snprintf(sql, sizeof sql, "DELETE FROM run WHERE id = %lld", (long long)run);
        expect_found(sql);
        snprintf(sql, sizeof sql,
                 "DELETE FROM run WHERE id = %lld; UPDATE ledger SET run = NULL WHERE run = %lld",
                 (long long)run, (long long)run);
        expect_found(sql);
        snprintf(sql, sizeof sql, "UPDATE run SET status = (status + 1) %% 5 WHERE id = %lld",
                 (long long)run);
        expect_found(sql);
    }
}

/* ------------------------------------------------------------------ the head */

static void every_byte_of_the_head_counts(void **state)
{
    (void)state;
    make_key(key_path);
    make_workspace(key_path);
    bytes head = slurp(head_path);
    for (size_t i = 0; i < head.n; i++) {
        char was = head.all[i];
        head.all[i] = (char)(was == '0' ? '1' : '0');
        spit(head_path, head);
        if (everything_mismatches(dir, NULL) == 0) {
            fail_msg("byte %zu of the head was changed, which is not found", i);
        }
        head.all[i] = was;
    }
    for (size_t n = 0; n < head.n; n += 7) {
        spit(head_path, (bytes){head.all, n});
        assert_true(everything_mismatches(dir, NULL) > 0);
    }
    assert_int_equal(unlink(head_path), 0);
    assert_true(everything_mismatches(dir, NULL) > 0);
    spit(head_path, head);
    assert_int_equal(everything_mismatches(dir, NULL), 0);
    tj_free(head.all);
}

/* The two moments around a commit, and each of the two files as it is then. */
static void what_a_crash_leaves_is_no_change(void **state)
{
    (void)state;
    int64_t seq;
    json_t *body = json_object();
    make_workspace(NULL);
    bytes old_db = slurp(db_path);
    bytes old_head = slurp(head_path);
    tj_store *s = workspace_open_at(dir, TJ_STORE_WRITE, NULL);
    assert_int_equal(tj_ledger_add(s, &seq, "accessed", 0, body, NULL), TJ_OK);
    tj_store_close(s);
    json_decref(body);
    assert_false(tj_fs_exists(next_path));
    bytes new_db = slurp(db_path);
    bytes new_head = slurp(head_path);
    assert_int_not_equal(memcmp(old_head.all, new_head.all, old_head.n), 0);

    spit(db_path, old_db); /* before the commit */
    spit(head_path, old_head);
    spit(next_path, new_head);
    assert_int_equal(everything_mismatches(dir, NULL), 0);
    s = workspace_open_at(dir, TJ_STORE_WRITE, NULL);
    tj_store_close(s);
    assert_false(tj_fs_exists(next_path));
    assert_int_equal(everything_mismatches(dir, NULL), 0);

    spit(db_path, new_db); /* after it, before the renaming */
    spit(head_path, old_head);
    spit(next_path, new_head);
    assert_int_equal(everything_mismatches(dir, NULL), 0);
    s = workspace_open_at(dir, TJ_STORE_WRITE, NULL);
    tj_store_close(s);
    assert_false(tj_fs_exists(next_path));
    assert_int_equal(everything_mismatches(dir, NULL), 0);

    spit(head_path, old_head); /* the same without the file is none of the two */
    assert_int_equal(everything_mismatches(dir, NULL), 1);
    const bytes *const all[] = {&old_db, &old_head, &new_db, &new_head};
    for (size_t i = 0; i < 4; i++) {
        tj_free(all[i]->all);
    }
}

/* Else the next entry would sign what somebody changed. */
static void a_ledger_that_does_not_agree_is_not_written_to(void **state)
{
    (void)state;
    tj_store *s;
    tj_err err = {.msg = ""};
    make_workspace(NULL);
    change("DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)");
    assert_int_equal(tj_store_open(&s, dir, TJ_STORE_WRITE, NULL, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "ledger adopt"));
    tj_store_options adopt = {.adopt = true};
    s = workspace_open_at(dir, TJ_STORE_WRITE, &adopt);
    tj_store_close(s);
    assert_int_equal(number("SELECT count(*) FROM ledger WHERE kind = 'adopted'"), 1);
    s = workspace_open_at(dir, TJ_STORE_WRITE, &adopt); /* nothing more to adopt */
    tj_store_close(s);
    assert_int_equal(number("SELECT count(*) FROM ledger WHERE kind = 'adopted'"), 1);
    s = workspace_open_at(dir, TJ_STORE_WRITE, NULL);
    tj_store_close(s);
    assert_int_equal(everything_mismatches(dir, NULL), 0); /* the declaration had no rows */
}

static void a_database_taken_away_is_missed(void **state)
{
    (void)state;
    tj_store *s;
    tj_err err = {.msg = ""};
    make_workspace(NULL);
    assert_int_equal(unlink(db_path), 0);
    assert_int_equal(tj_store_open(&s, dir, TJ_STORE_CREATE, NULL, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "has no database"));
}

static void a_head_noted_earlier_must_be_there(void **state)
{
    (void)state;
    char noted[TJ_SHA256_HEX];
    size_t n;
    int64_t seq;
    make_workspace(NULL);
    tj_store *s = workspace_open_at(dir, TJ_STORE_WRITE, NULL);
    assert_int_equal(tj_ledger_head(s, noted, &n, NULL), TJ_OK);
    json_t *body = json_object();
    assert_int_equal(tj_ledger_add(s, &seq, "accessed", 0, body, NULL), TJ_OK);
    json_decref(body);
    tj_store_close(s);
    tj_verify_options options = {.known_head = noted};
    assert_int_equal(everything_mismatches(dir, &options), 0);
    noted[0] = (char)(noted[0] == '0' ? '1' : '0');
    assert_int_equal(everything_mismatches(dir, &options), 1);
}

/* ------------------------------------------------------------------ the signature */

static void only_the_key_makes_a_head_that_passes(void **state)
{
    (void)state;
    char public_hex[TJ_KEY_HEX];
    char other_hex[TJ_KEY_HEX];
    tj_head head;
    tj_key other;
    make_key(key_path);
    make_key(other_key_path);
    make_workspace(key_path);
    assert_int_equal(tj_ledger_public_key(key_path, public_hex, NULL), TJ_OK);
    assert_int_equal(tj_ledger_public_key(other_key_path, other_hex, NULL), TJ_OK);
    tj_verify_options by_key = {.public_key = public_hex};
    tj_verify_options by_other = {.public_key = other_hex};
    assert_int_equal(everything_mismatches(dir, &by_key), 0);
    assert_int_equal(everything_mismatches(dir, &by_other), 1);

    bytes good = slurp(head_path);
    assert_int_equal(tj_head_parse(&head, good.all, good.n, "", NULL), TJ_OK);
    assert_true(head.is_signed);
    assert_string_equal(head.key, public_hex);
    for (int i = 0; i < 3; i++) { /* not signed, signed by another, with another's signature */
        tj_head forged = head;
        char text[TJ_HEAD_MAX_BYTES];
        forged.is_signed = i > 0;
        if (i > 0) {
            assert_int_equal(tj_key_read(&other, other_key_path, NULL), TJ_OK);
            memcpy(forged.key, other.public_hex, sizeof forged.key);
            size_t n = tj_head_print(text, &forged, false);
            tj_key_sign(forged.signature, &other, text, n);
            memcpy(forged.key, i == 1 ? other.public_hex : public_hex, sizeof forged.key);
        }
        size_t n_text = tj_head_print(text, &forged, true);
        spit(head_path, (bytes){text, n_text});
        assert_int_equal(everything_mismatches(dir, NULL), 1);
        assert_int_equal(everything_mismatches(dir, &by_key), 1);
    }
    spit(head_path, good);
    tj_free(good.all);
}

static void a_signed_ledger_needs_its_key(void **state)
{
    (void)state;
    tj_store *s;
    tj_err err = {.msg = ""};
    make_key(key_path);
    make_key(other_key_path);
    make_workspace(key_path);
    s = workspace_open_at(dir, TJ_STORE_WRITE, NULL); /* by the note of the workspace */
    tj_store_close(s);
    assert_int_equal(everything_mismatches(dir, NULL), 0);

    tj_store_options other = {.ledger_key = other_key_path};
    assert_int_equal(tj_store_open(&s, dir, TJ_STORE_WRITE, &other, &err), TJ_E_CONFLICT);
    assert_non_null(strstr(err.msg, "ledger sign"));
    other.change_key = true;
    s = workspace_open_at(dir, TJ_STORE_WRITE, &other);
    tj_store_close(s);
    assert_int_equal(number("SELECT count(*) FROM ledger WHERE kind = 'key'"), 2);
    assert_int_equal(everything_mismatches(dir, NULL), 0);

    assert_int_equal(unlink(other_key_path), 0);
    assert_int_equal(tj_store_open(&s, dir, TJ_STORE_WRITE, NULL, &err), TJ_E_NOTFOUND);
    assert_non_null(strstr(err.msg, "cannot sign the ledger"));
    assert_int_equal(setenv("TABIJI_LEDGER_KEY", key_path, 1), 0);
    assert_int_equal(tj_store_open(&s, dir, TJ_STORE_WRITE, NULL, &err), TJ_E_CONFLICT);
    assert_int_equal(unsetenv("TABIJI_LEDGER_KEY"), 0);
    assert_int_equal(everything_mismatches(dir, NULL), 0); /* reading needs none */

    append_by_hand("accessed", 0, "{}"); /* a lost key and a ledger that does not agree */
    tj_store_options both = {.ledger_key = key_path, .change_key = true, .adopt = true};
    s = workspace_open_at(dir, TJ_STORE_WRITE, &both);
    tj_store_close(s);
    assert_int_equal(everything_mismatches(dir, NULL), 0);
}

static void the_environment_names_a_key(void **state)
{
    (void)state;
    tj_head head;
    make_key(key_path);
    assert_int_equal(setenv("TABIJI_LEDGER_KEY", key_path, 1), 0);
    make_workspace(NULL);
    assert_int_equal(unsetenv("TABIJI_LEDGER_KEY"), 0);
    tj_store *s = workspace_open_at(dir, TJ_STORE_READ, NULL);
    assert_int_equal(tj_ledger_signed_head(s, &head, NULL), TJ_OK);
    assert_true(head.is_signed);
    tj_store_close(s);
    tj_err err = {.msg = ""};
    assert_int_equal(tj_store_open(&s, dir, TJ_STORE_WRITE, NULL, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "TABIJI_LEDGER_KEY"));
}

static void a_key_is_kept_from_others(void **state)
{
    (void)state;
    char public_hex[TJ_KEY_HEX];
    struct stat st;
    tj_err err = {.msg = ""};
    make_key(key_path);
    assert_int_equal(stat(key_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(tj_ledger_keygen(key_path, public_hex, NULL), TJ_E_CONFLICT);
    assert_int_equal(chmod(key_path, 0644), 0);
    assert_int_equal(tj_ledger_public_key(key_path, public_hex, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "chmod"));
}

/* ------------------------------------------------------------------ lack of memory */

static void a_lack_of_memory_is_an_error_that_changes_nothing(void **state)
{
    (void)state;
    size_t n_failed = 0;
    size_t n_added = 0;
    size_t before;
    size_t after;
    char hash[TJ_SHA256_HEX];
    json_t *body = json_object();
    make_key(key_path);
    make_workspace(key_path);
    tj_store *s = workspace_open_at(dir, TJ_STORE_WRITE, NULL);
    assert_int_equal(tj_ledger_head(s, hash, &before, NULL), TJ_OK);
    for (size_t k = 0; k < 80; k++) {
        int64_t seq;
        tj_alloc_fail_after(k);
        tj_code rc = tj_ledger_add(s, &seq, "accessed", 0, body, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        n_failed += rc == TJ_OK ? 0 : 1;
        n_added += rc == TJ_OK ? 1 : 0;
        assert_int_equal(tj_ledger_head(s, hash, &after, NULL), TJ_OK);
        assert_int_equal(after, before + n_added);
    }
    assert_true(n_failed >= 5 && n_added >= 5);
    tj_store_close(s);
    assert_int_equal(everything_mismatches(dir, NULL), 0);
    n_failed = 0;
    for (size_t k = 0; k < 80; k++) { /* opening, with its checks */
        tj_alloc_fail_after(k);
        tj_code rc = tj_store_open(&s, dir, TJ_STORE_WRITE, NULL, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        n_failed += rc == TJ_OK ? 0 : 1;
        tj_store_close(s);
    }
    assert_true(n_failed >= 10);
    assert_int_equal(everything_mismatches(dir, NULL), 0);
    json_decref(body);
}

/* ------------------------------------------------------------------ workspaces of before */

typedef struct expected {
    size_t n;
} expected;

static tj_code count_tree(void *ctx, const tj_tree_row *row, tj_err *err)
{
    (void)err;
    ((expected *)ctx)->n++;
    assert_int_equal(row->n_nodes, 4);
    assert_int_equal(row->depth, 2);
    assert_int_equal(row->n_leaves, 2);
    assert_int_equal(row->n_correct, 1);
    assert_int_equal(row->n_tokens, 6);
    return TJ_OK;
}

static void restore(const char *sql_path, const char *mark)
{
    tj_db *db;
    tj_err err = {.msg = ""};
    bytes sql = slurp(sql_path);
    must(tj_fs_mkdirs(dir, &err), &err);
    must(tj_db_open(&db, db_path, db_path, TJ_DB_CREATE, &err), &err);
    must(tj_db_exec(db, sql.all, &err), &err);
    must(tj_db_exec(db, mark, &err), &err);
    tj_db_close(db);
    tj_free(sql.all);
}

static void expect_as_before(void)
{
    tj_tree tree;
    tj_thought thought;
    tj_origin origin;
    expected e = {0};
    tj_store *s = workspace_open_at(dir, TJ_STORE_READ, NULL);
    assert_int_equal(tj_store_load_tree(s, &tree, &origin, 1, NULL), TJ_OK);
    assert_int_equal(tree.n_rewards, 3);
    assert_string_equal(tree.rewards[0].rewarder, "verifier");
    assert_string_equal(tree.rewards[1].reason, "4 + 3 is 7, not 8");
    assert_string_equal(tree.rewards[2].rewarder, "solver");
    tj_tree_deinit(&tree);
    assert_int_equal(tj_store_load_thought(s, &thought, &origin, 1, NULL), TJ_OK);
    assert_int_equal(thought.n_spans, 5);
    assert_int_equal(thought.spans[0].editor, TJ_BY_POLICY);
    assert_int_equal(thought.spans[1].editor, TJ_BY_TEMPLATE);
    tj_thought_deinit(&thought);
    tj_tree_filter solved = {.solved = TJ_SOLVED_YES, .rewarder = "solver", .max_reward = 1.0};
    assert_int_equal(tj_store_tree_list(s, &solved, count_tree, &e, NULL), TJ_OK);
    assert_int_equal(e.n, 1);
    tj_store_close(s);
}

static void older_workspaces_are_brought_up_to_date(void **state)
{
    (void)state;
    static const char *const old[][2] = {
        {"tests/golden/workspace/schema1.sql", "PRAGMA user_version = 1"},
        {"tests/golden/workspace/schema2.sql", "PRAGMA user_version = 2"}};
    for (size_t i = 0; i < 2; i++) {
        tj_store *s;
        tj_err err = {.msg = ""};
        restore(old[i][0], old[i][1]);
        assert_int_equal(tj_store_open(&s, dir, TJ_STORE_READ, NULL, &err), TJ_E_INVAL);
        assert_non_null(strstr(err.msg, "tabiji migrate"));
        s = workspace_open_at(dir, TJ_STORE_WRITE, NULL);
        tj_store_close(s);
        assert_int_equal(everything_mismatches(dir, NULL), 0);
        assert_int_equal(number("SELECT count(*) FROM ledger WHERE kind = 'migrated'"), 1);
        expect_as_before();
        expect_found("UPDATE node SET text = 'x' WHERE ordinal = 1");
        expect_found("UPDATE reward SET value = 0.5");
        expect_found("UPDATE rewarder SET name = 'x' WHERE id = 1");
        expect_found("UPDATE span SET action = 4");
        expect_found("UPDATE output SET text = x'00'");
        expect_found("DELETE FROM ledger WHERE kind = 'migrated'");
        tj_verify_options whole = {.files = true};
        assert_int_equal(everything_mismatches(dir, &whole), 0);
        assert_int_equal(folder_remove(dir), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_change_of_a_row_of_the_ledger_is_found, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(removed_and_moved_rows_are_found, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_row_added_by_hand_with_the_right_hash_is_found, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(guards_that_are_gone_are_found, make_root, remove_root),
        cmocka_unit_test_setup_teardown(every_change_of_a_row_that_a_run_made_is_found, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(removed_rows_and_rows_by_hand_are_found, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_started_run_cannot_vanish, make_root, remove_root),
        cmocka_unit_test_setup_teardown(every_byte_of_the_head_counts, make_root, remove_root),
        cmocka_unit_test_setup_teardown(what_a_crash_leaves_is_no_change, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_ledger_that_does_not_agree_is_not_written_to, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_database_taken_away_is_missed, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_head_noted_earlier_must_be_there, make_root, remove_root),
        cmocka_unit_test_setup_teardown(only_the_key_makes_a_head_that_passes, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_signed_ledger_needs_its_key, make_root, remove_root),
        cmocka_unit_test_setup_teardown(the_environment_names_a_key, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_key_is_kept_from_others, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_lack_of_memory_is_an_error_that_changes_nothing,
                                        make_root, remove_root),
        cmocka_unit_test_setup_teardown(older_workspaces_are_brought_up_to_date, make_root,
                                        remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
