/* A key is compared by its digest with the digests of all keys, so that the time tells nothing of
 * how much of it was right. */
#include "web/keys.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "web/web.h"

struct tj_keys {
    char (*digests)[TJ_SHA256_HEX]; /* [n] */
    size_t n, cap;
};

static tj_code add(tj_keys *keys, const char *key, size_t len, size_t line, tj_err *err)
{
    for (size_t i = 0; i < len; i++) {
        if (key[i] <= ' ' || key[i] > '~') {
            return tj_fail(err, TJ_E_INVAL,
                           "line %zu of the keys: byte %zu of a key is not a printable character",
                           line, i + 1);
        }
    }
    if (keys->n >= TJ_MAX_KEYS) {
        return tj_fail(err, TJ_E_LIMIT, "more than %d keys", TJ_MAX_KEYS);
    }
    if (!tj_grow(&keys->digests, &keys->cap, keys->n + 1, sizeof *keys->digests)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu keys", keys->n + 1);
    }
    tj_sha256_hex(keys->digests[keys->n++], key, len);
    return TJ_OK;
}

static tj_code read_line(tj_keys *keys, const char *line, size_t len, size_t number, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t at = 0; at < len && rc == TJ_OK;) {
        size_t end = at;
        while (end < len && line[end] != ',') {
            end++;
        }
        size_t begin = at, stop = end;
        while (begin < stop && strchr(" \t\r", line[begin]) != NULL) {
            begin++;
        }
        while (stop > begin && strchr(" \t\r", line[stop - 1]) != NULL) {
            stop--;
        }
        if (begin < stop) {
            rc = add(keys, line + begin, stop - begin, number, err);
        }
        at = end + 1;
    }
    return rc;
}

tj_code tj_keys_create(tj_keys **out, const char *text, tj_err *err)
{
    *out = NULL;
    tj_keys *keys = tj_calloc(1, sizeof *keys);
    if (keys == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold keys");
    }
    tj_code rc = TJ_OK;
    for (size_t number = 1; *text != 0 && rc == TJ_OK; number++) {
        size_t len = strcspn(text, "\n");
        if (text[0] != '#') {
            rc = read_line(keys, text, len, number, err);
        }
        text += len + (text[len] == '\n' ? 1 : 0);
    }
    if (rc != TJ_OK || keys->n == 0) {
        tj_keys_destroy(keys);
        return rc;
    }
    *out = keys;
    return TJ_OK;
}

void tj_keys_destroy(tj_keys *keys)
{
    if (keys != NULL) {
        tj_free(keys->digests);
        tj_free(keys);
    }
}

bool tj_keys_allow(const tj_keys *keys, const char *authorization)
{
    static const char scheme[] = "Bearer ";
    char digest[TJ_SHA256_HEX];
    unsigned some = 0;
    if (authorization == NULL || strncasecmp(authorization, scheme, strlen(scheme)) != 0) {
        return false;
    }
    const char *key = authorization + strlen(scheme);
    tj_sha256_hex(digest, key, strlen(key));
    for (size_t k = 0; k < keys->n; k++) {
        unsigned differ = 0;
        for (size_t i = 0; i < TJ_SHA256_HEX; i++) {
            differ |= (unsigned)(unsigned char)digest[i] ^ (unsigned char)keys->digests[k][i];
        }
        some |= differ == 0;
    }
    return some != 0;
}
