/* Reading and writing of the files of head.h. Readers go line by line over exact forms. */
#include "store/head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/fs.h"

#define HEAD_LINE   "tabiji ledger head 1"
#define KEY_LINE    "tabiji ledger key 1"
#define PUBLIC_LINE "tabiji ledger public key 1"

/* ------------------------------------------------------------------ lines */

typedef struct lines {
    const char *at, *end, *where;
    size_t n; /* of the line read last */
} lines;

static tj_code bad(const lines *l, const char *expected, tj_err *err)
{
    return tj_fail(err, TJ_E_PARSE, "%s:%zu: expected %s", l->where, l->n, expected);
}

/* The next line without its newline; false at the end, or where none ends it. */
static bool next_line(lines *l, const char **line, size_t *len)
{
    size_t left = (size_t)(l->end - l->at);
    const char *newline = left == 0 ? NULL : memchr(l->at, '\n', left);
    l->n++;
    if (newline == NULL) {
        return false;
    }
    *line = l->at;
    *len = (size_t)(newline - l->at);
    l->at = newline + 1;
    return true;
}

static bool is_next(lines *l, const char *text)
{
    const char *line;
    size_t len;
    return next_line(l, &line, &len) && len == strlen(text) && memcmp(line, text, len) == 0;
}

/* "NAME DIGITS" with 2n hexadecimal digits, copied with a zero. */
static bool digits_next(lines *l, const char *name, char *out, size_t n)
{
    const char *line;
    size_t len;
    unsigned char bytes[64];
    size_t skip = strlen(name) + 1;
    if (!next_line(l, &line, &len) || len != skip + 2 * n || memcmp(line, name, skip - 1) != 0 ||
        line[skip - 1] != ' ' || !tj_hex_read(bytes, n, line + skip)) {
        return false;
    }
    memcpy(out, line + skip, 2 * n);
    out[2 * n] = 0;
    return true;
}

/* "entries N", N in [1, 10^18), written as printf would. */
static bool count_next(lines *l, int64_t *out)
{
    const char *line;
    size_t len;
    static const char name[] = "entries ";
    const size_t skip = sizeof name - 1;
    if (!next_line(l, &line, &len) || len <= skip || len > skip + 18 ||
        memcmp(line, name, skip) != 0 || line[skip] == '0') {
        return false;
    }
    *out = 0;
    for (size_t i = skip; i < len; i++) {
        if (line[i] < '0' || line[i] > '9') {
            return false;
        }
        *out = *out * 10 + (line[i] - '0');
    }
    return true;
}

/* ------------------------------------------------------------------ the head */

static tj_code read_head(tj_head *out, lines *l, tj_err *err)
{
    if (!is_next(l, HEAD_LINE)) {
        return bad(l, "'" HEAD_LINE "'", err);
    }
    if (!count_next(l, &out->n_entries)) {
        return bad(l, "'entries' and their number", err);
    }
    if (!digits_next(l, "hash", out->hash, 32)) {
        return bad(l, "'hash' and 64 hexadecimal digits", err);
    }
    if (l->at == l->end) {
        return TJ_OK;
    }
    out->is_signed = true;
    if (!digits_next(l, "key", out->key, 32)) {
        return bad(l, "'key' and 64 hexadecimal digits", err);
    }
    if (!digits_next(l, "signature", out->signature, 64)) {
        return bad(l, "'signature' and 128 hexadecimal digits", err);
    }
    l->n++;
    return l->at == l->end ? TJ_OK : bad(l, "the end of the file", err);
}

tj_code tj_head_parse(tj_head *out, const char *text, size_t len, const char *where, tj_err *err)
{
    lines l = {text, text + len, where, 0};
    memset(out, 0, sizeof *out);
    tj_code rc = read_head(out, &l, err);
    if (rc != TJ_OK) {
        memset(out, 0, sizeof *out);
    }
    return rc;
}

size_t tj_head_print(char out[TJ_HEAD_MAX_BYTES], const tj_head *head, bool with_signature)
{
    bool whole = head->is_signed && with_signature;
    int n =
        snprintf(out, TJ_HEAD_MAX_BYTES, HEAD_LINE "\nentries %" PRId64 "\nhash %s\n%s%s%s%s%s%s",
                 head->n_entries, head->hash, head->is_signed ? "key " : "",
                 head->is_signed ? head->key : "", head->is_signed ? "\n" : "",
                 whole ? "signature " : "", whole ? head->signature : "", whole ? "\n" : "");
    TJ_ASSERT(n > 0);
    TJ_ASSERT(n < TJ_HEAD_MAX_BYTES);
    return (size_t)n;
}

/* ------------------------------------------------------------------ keys */

static tj_code read_key(tj_key *out, lines *l, tj_err *err)
{
    char seed[65];
    char derived[TJ_KEY_HEX];
    lines first = *l;
    out->has_seed = !is_next(&first, PUBLIC_LINE);
    if (!is_next(l, out->has_seed ? KEY_LINE : PUBLIC_LINE)) {
        return bad(l, "'" KEY_LINE "' or '" PUBLIC_LINE "'", err);
    }
    if (out->has_seed && !digits_next(l, "seed", seed, 32)) {
        return bad(l, "'seed' and 64 hexadecimal digits", err);
    }
    if (!digits_next(l, "public", out->public_hex, 32)) {
        return bad(l, "'public' and 64 hexadecimal digits", err);
    }
    if (out->has_seed) {
        (void)tj_hex_read(out->seed, sizeof out->seed, seed);
        tj_key_derive(derived, out->seed);
        if (strcmp(derived, out->public_hex) != 0) {
            return bad(l, "the public half of the seed above", err);
        }
    }
    l->n++;
    return l->at == l->end ? TJ_OK : bad(l, "the end of the file", err);
}

tj_code tj_key_parse(tj_key *out, const char *text, size_t len, const char *where, tj_err *err)
{
    lines l = {text, text + len, where, 0};
    memset(out, 0, sizeof *out);
    tj_code rc = read_key(out, &l, err);
    if (rc != TJ_OK) {
        tj_key_forget(out);
    }
    return rc;
}

size_t tj_key_print(char out[TJ_HEAD_MAX_BYTES], const tj_key *key, bool with_seed)
{
    char seed[65] = "";
    if (with_seed) {
        tj_hex_write(seed, key->seed, sizeof key->seed);
    }
    int n = snprintf(out, TJ_HEAD_MAX_BYTES, "%s\n%s%s%spublic %s\n",
                     with_seed ? KEY_LINE : PUBLIC_LINE, with_seed ? "seed " : "", seed,
                     with_seed ? "\n" : "", key->public_hex);
    TJ_ASSERT(n > 0);
    TJ_ASSERT(n < TJ_HEAD_MAX_BYTES);
    return (size_t)n;
}

tj_code tj_key_read(tj_key *out, const char *path, tj_err *err)
{
    char *text = NULL;
    size_t len = 0;
    struct stat info;
    memset(out, 0, sizeof *out);
    tj_code rc = tj_fs_read(&text, &len, path, TJ_HEAD_MAX_BYTES, err);
    if (rc == TJ_E_LIMIT) {
        rc = tj_fail(err, TJ_E_PARSE, "%s is not a key of a ledger: it is too large", path);
    }
    if (rc == TJ_OK) {
        rc = tj_key_parse(out, text, len, path, err);
        tj_key_forget_bytes(text, len);
    }
    tj_free(text);
    if (rc == TJ_OK && out->has_seed && stat(path, &info) == 0 && (info.st_mode & 077) != 0) {
        rc = tj_fail(err, TJ_E_INVAL, "others may read the key %s: chmod 600 it", path);
        tj_key_forget(out);
    }
    return rc;
}
