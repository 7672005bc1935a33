/* Models: a row, and files in DIR/models/<id> with a digest each. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/config.h"
#include "store/inner.h"

tj_code tj_store_next_model(tj_store *store, int64_t *model, char **folder, tj_err *err)
{
    char relative[64];
    *folder = NULL;
    tj_code rc = tj_need_write(store, err);
    if (rc == TJ_OK) {
        rc = tj_db_get_int(store->db, model, "SELECT coalesce(max(id), 0) + 1 FROM model", err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    snprintf(relative, sizeof relative, "models/%lld", (long long)*model);
    rc = tj_store_path(store, folder, relative, err);
    if (rc == TJ_OK) {
        rc = tj_fs_mkdirs(*folder, err);
    }
    DIR *dir = rc == TJ_OK ? opendir(*folder) : NULL;
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
        char *path = e->d_name[0] == '.' ? NULL : tj_fs_join(*folder, e->d_name);
        if (path != NULL) {
            unlink(
                path); /* left by an interrupted attempt; what cannot be removed is overwritten */
        }
        tj_free(path);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    if (rc != TJ_OK) {
        tj_free(*folder);
        *folder = NULL;
    }
    return rc;
}

static tj_code add_file(tj_store *store, int64_t model, const char *path, const char *name,
                        tj_err *err)
{
    tj_stmt *st;
    struct stat info;
    char digest[TJ_SHA256_HEX];
    tj_code rc = tj_sha256_file(digest, path, err);
    if (rc == TJ_OK) {
        rc = tj_stmt_open(&st, store->db, "INSERT INTO model_file VALUES (?, ?, ?, ?)", err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_stmt_int(st, model);
    tj_stmt_str(st, name);
    tj_stmt_int(st, stat(path, &info) == 0 ? (int64_t)info.st_size : 0);
    tj_stmt_str(st, digest);
    rc = tj_stmt_run(st, err);
    tj_stmt_close(st);
    return rc;
}

static tj_code add_files(tj_store *store, int64_t model, const char *folder, tj_err *err)
{
    DIR *dir = opendir(folder);
    tj_code rc =
        dir == NULL ? tj_fail(err, TJ_E_NOTFOUND, "there is no model in %s", folder) : TJ_OK;
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL && rc == TJ_OK;
         e = readdir(dir)) {
        char *path = e->d_name[0] == '.' ? NULL : tj_fs_join(folder, e->d_name);
        if (path != NULL) {
            rc = add_file(store, model, path, e->d_name, err);
        }
        tj_free(path);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rc;
}

static tj_code insert_model(tj_store *store, const tj_model_spec *spec, const char *path,
                            tj_err *err)
{
    tj_stmt *st;
    char *config = tj_json_canonical(spec->config);
    tj_code rc = config == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot add a model")
                     : tj_stmt_open(&st, store->db,
                                    "INSERT INTO model VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", err);
    if (rc == TJ_OK) {
        tj_stmt_id(st, spec->id);
        tj_stmt_int(st, spec->run);
        tj_stmt_str(st, spec->name);
        tj_stmt_str(st, spec->family);
        tj_stmt_str(st, config);
        tj_stmt_str(st, path);
        tj_stmt_str(st, spec->digest);
        tj_stmt_id(st, spec->parent);
        tj_stmt_id(st, spec->tokenizer);
        rc = tj_stmt_run(st, err);
        tj_stmt_close(st);
    }
    tj_free(config);
    return rc;
}

tj_code tj_store_add_model(tj_store *store, int64_t *model, const tj_model_spec *spec, tj_err *err)
{
    char relative[64];
    char *folder = NULL;
    const char *path = spec->path;
    *model = 0;
    tj_code rc = tj_need_started(store, spec->run, err);
    if (path == NULL) {
        snprintf(relative, sizeof relative, "models/%lld", (long long)spec->id);
        path = relative;
    }
    if (rc == TJ_OK) {
        rc = tj_store_path(store, &folder, path, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_begin(store, err);
    }
    if (rc != TJ_OK) {
        tj_free(folder);
        return rc;
    }
    rc = insert_model(store, spec, path, err);
    int64_t id = spec->id != 0 ? spec->id : tj_db_last_id(store->db);
    if (rc == TJ_OK && path[0] != '/') {
        rc = add_files(store, id, folder, err);
    }
    tj_free(folder);
    if (rc == TJ_OK) {
        *model = id;
        return tj_store_commit(store, err);
    }
    tj_store_rollback(store);
    return rc;
}

#define MODEL_COLUMNS "id, run, parent, tokenizer, name, family, config, path, digest"

static tj_code read_model(tj_model_row *out, tj_stmt *st, tj_err *err)
{
    bool row = false;
    tj_code rc = tj_stmt_step(st, &row, err);
    if (rc == TJ_OK && !row) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no such model");
    }
    if (rc == TJ_OK) {
        const tj_copy copies[] = {{4, &out->name, NULL},
                                  {5, &out->family, NULL},
                                  {6, &out->config, NULL},
                                  {7, &out->path, NULL},
                                  {8, &out->digest, NULL}};
        rc = tj_stmt_copy(st, &out->owned, copies, 5, err);
        out->id = tj_stmt_get_int(st, 0);
        out->run = tj_stmt_get_int(st, 1);
        out->parent = tj_stmt_get_int(st, 2);
        out->tokenizer = tj_stmt_get_int(st, 3);
    }
    return rc;
}

tj_code tj_store_get_model(tj_store *store, tj_model_row *out, int64_t model, tj_err *err)
{
    tj_stmt *st;
    memset(out, 0, sizeof *out);
    tj_code rc =
        tj_stmt_open(&st, store->db, "SELECT " MODEL_COLUMNS " FROM model WHERE id = ?", err);
    if (rc == TJ_OK) {
        tj_stmt_int(st, model);
        rc = read_model(out, st, err);
        tj_stmt_close(st);
    }
    return rc;
}

tj_code tj_store_find_model(tj_store *store, tj_model_row *out, const char *name, int64_t run,
                            tj_err *err)
{
    tj_stmt *st;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT " MODEL_COLUMNS " FROM model WHERE name = ?1"
                              " AND (?2 IS NULL OR run = ?2) ORDER BY id DESC LIMIT 1",
                              err);
    if (rc == TJ_OK) {
        tj_stmt_str(st, name);
        tj_stmt_id(st, run);
        rc = read_model(out, st, err);
        tj_stmt_close(st);
    }
    if (rc == TJ_E_NOTFOUND) {
        return tj_fail(err, rc, "there is no model named '%s'", name);
    }
    return rc;
}

void tj_model_row_deinit(tj_model_row *row)
{
    tj_free(row->owned);
    memset(row, 0, sizeof *row);
}

tj_code tj_model_files_check(tj_store *store, size_t *n, tj_mismatch_fn fn, void *ctx, tj_err *err)
{
    tj_stmt *st;
    bool row = false;
    tj_code rc = tj_stmt_open(&st, store->db,
                              "SELECT m.run, m.path, f.name, f.digest FROM model_file f"
                              " JOIN model m ON m.id = f.model ORDER BY m.id, f.name",
                              err);
    if (rc != TJ_OK) {
        return rc;
    }
    for (rc = tj_stmt_step(st, &row, err); rc == TJ_OK && row; rc = tj_stmt_step(st, &row, err)) {
        char folder[TJ_STORE_MAX_NAME + 1];
        char name[TJ_STORE_MAX_NAME + 1];
        char was[TJ_SHA256_HEX];
        char now[TJ_SHA256_HEX] = "";
        char *full = NULL;
        tj_stmt_get_name(st, 1, folder, sizeof folder);
        tj_stmt_get_name(st, 2, name, sizeof name);
        tj_stmt_get_name(st, 3, was, sizeof was);
        rc = tj_store_path(store, &full, folder, err);
        char *path = rc == TJ_OK ? tj_fs_join(full, name) : NULL;
        bool same =
            path != NULL && tj_sha256_file(now, path, NULL) == TJ_OK && strcmp(was, now) == 0;
        if (rc == TJ_OK && !same) {
            tj_mismatch m = {0, tj_stmt_get_int(st, 0), "file",
                             path == NULL ? "a model's file" : path};
            (*n)++;
            rc = fn == NULL ? TJ_OK : fn(ctx, &m, err);
        }
        tj_free(path);
        tj_free(full);
        if (rc != TJ_OK) {
            break;
        }
    }
    tj_stmt_close(st);
    return rc;
}
