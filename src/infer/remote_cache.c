/* Entries of a response cache, and a folder as a cache.
 *
 * An entry is a line with the SHA-256 of what follows, then canonical JSON {"choice", "key",
 * "usage"}: a choice as the server sent it, so that one reader reads both. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "base/json.h"
#include "infer/http.h"
#include "infer/remote.h"

/* ------------------------------------------------------------ entries */

tj_code tj_remote_seal(char **out, size_t *len, const char *key, const json_t *choice,
                       const json_t *usage, tj_err *err)
{
    char digest[TJ_SHA256_HEX];
    tj_buf buf;
    *out = NULL;
    *len = 0;
    json_t *entry = json_pack("{s:O, s:s, s:O*}", "choice", choice, "key", key, "usage", usage);
    char *text = entry == NULL ? NULL : tj_json_canonical(entry);
    json_decref(entry);
    if (text == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write an entry of the cache");
    }
    size_t n = strlen(text); /* JSON writes a zero as \u0000 */
    tj_sha256_hex(digest, text, n);
    tj_buf_init(&buf);
    tj_buf_printf(&buf, "%s\n", digest);
    tj_buf_add(&buf, text, n);
    tj_free(text);
    tj_code rc = tj_buf_check(&buf, err);
    if (rc == TJ_OK) {
        *len = buf.len;
        *out = tj_buf_take(&buf);
    }
    tj_buf_deinit(&buf);
    return rc;
}

json_t *tj_remote_unseal(const char *value, size_t len, const char *key)
{
    const size_t n_digest = TJ_SHA256_HEX - 1;
    char digest[TJ_SHA256_HEX];
    json_t *entry = NULL;
    if (len <= n_digest || value[n_digest] != '\n') {
        return NULL;
    }
    const char *text = value + n_digest + 1;
    size_t n = len - n_digest - 1;
    tj_sha256_hex(digest, text, n);
    if (memcmp(digest, value, n_digest) != 0 ||
        tj_json_parse(&entry, text, n, TJ_MAX_ANSWER_DEPTH, "an entry", NULL) != TJ_OK) {
        return NULL;
    }
    const char *own = json_string_value(json_object_get(entry, "key"));
    if (own == NULL || strcmp(own, key) != 0) {
        json_decref(entry);
        return NULL;
    }
    return entry;
}

/* ------------------------------------------------------------ a folder */

typedef struct folder {
    char *path;
} folder;

/* Gives DIR/ab or DIR/ab/ab12… (tj_free). */
static char *entry_path(const folder *f, const char *key, bool whole)
{
    tj_buf path;
    tj_buf_init(&path);
    tj_buf_printf(&path, "%s/%.2s", f->path, key);
    if (whole) {
        tj_buf_printf(&path, "/%s", key);
    }
    return tj_buf_take(&path);
}

static tj_code no_path(tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "cannot name an entry of the cache");
}

static tj_code get(void *ctx, char **out, size_t *len, const char *key, tj_err *err)
{
    char *path = entry_path(ctx, key, true);
    *out = NULL;
    *len = 0;
    if (path == NULL) {
        return no_path(err);
    }
    tj_err why;
    tj_code rc = tj_fs_read(out, len, path, TJ_MAX_ANSWER_BYTES * 2, &why);
    tj_free(path);
    if (rc == TJ_E_NOTFOUND || rc == TJ_E_LIMIT) {
        return TJ_OK; /* what is larger than any entry is none */
    }
    return rc == TJ_OK ? TJ_OK : tj_fail(err, rc, "%s", why.msg);
}

static tj_code put(void *ctx, const char *key, const char *value, size_t len, tj_err *err)
{
    char *dir = entry_path(ctx, key, false), *path = entry_path(ctx, key, true);
    tj_code rc = dir == NULL || path == NULL ? no_path(err) : tj_fs_mkdirs(dir, err);
    if (rc == TJ_OK) {
        rc = tj_fs_write(path, value, len, err);
    }
    tj_free(dir);
    tj_free(path);
    return rc;
}

tj_code tj_cache_open_dir(tj_cache *out, const char *path, tj_err *err)
{
    *out = (tj_cache){.ctx = NULL};
    tj_code rc = tj_fs_mkdirs(path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    folder *f = tj_calloc(1, sizeof *f);
    if (f != NULL) {
        f->path = tj_strdup(path);
    }
    if (f == NULL || f->path == NULL) {
        tj_free(f);
        return tj_fail(err, TJ_E_NOMEM, "cannot open the cache %s", path);
    }
    *out = (tj_cache){.get = get, .put = put, .ctx = f};
    return TJ_OK;
}

void tj_cache_close_dir(tj_cache *cache)
{
    folder *f = cache->ctx;
    if (f != NULL) {
        tj_free(f->path);
        tj_free(f);
    }
    *cache = (tj_cache){.ctx = NULL};
}
