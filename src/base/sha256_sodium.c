/* SHA-256 by libsodium. Its hash functions need no sodium_init(). */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define CHUNK_BYTES 65536

_Static_assert(TJ_SHA256_HEX == 2 * crypto_hash_sha256_BYTES + 1, "two digits a byte and a zero");

void tj_sha256_hex(char out[TJ_SHA256_HEX], const void *bytes, size_t n)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, bytes, n);
    sodium_bin2hex(out, TJ_SHA256_HEX, digest, sizeof digest);
}

/* ------------------------------------------------------------------ pieces */

_Static_assert(sizeof(crypto_hash_sha256_state) <= TJ_SHA256_STATE_BYTES, "the state has room");

void tj_sha256_begin(tj_sha256 *hash)
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    memcpy(hash->state, &state, sizeof state);
}

void tj_sha256_add(tj_sha256 *hash, const void *bytes, size_t n)
{
    crypto_hash_sha256_state state; /* copied, so that the struct has no type of another library */
    memcpy(&state, hash->state, sizeof state);
    crypto_hash_sha256_update(&state, bytes, (unsigned long long)n);
    memcpy(hash->state, &state, sizeof state);
}

void tj_sha256_end(tj_sha256 *hash, char out[TJ_SHA256_HEX])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    memcpy(&state, hash->state, sizeof state);
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(out, TJ_SHA256_HEX, digest, sizeof digest);
}

tj_code tj_sha256_file(char out[TJ_SHA256_HEX], const char *path, tj_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return tj_fail(err, errno == ENOENT ? TJ_E_NOTFOUND : TJ_E_IO, "cannot open %s: %s", path,
                       strerror(errno));
    }
    tj_code rc = TJ_OK;
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    unsigned char chunk[CHUNK_BYTES];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            rc = tj_fail(err, TJ_E_IO, "cannot read %s: %s", path, strerror(errno));
            break;
        }
        if (n == 0) {
            break;
        }
        crypto_hash_sha256_update(&state, chunk, (unsigned long long)n);
    }
    close(fd);
    if (rc != TJ_OK) {
        return rc;
    }
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(out, TJ_SHA256_HEX, digest, sizeof digest);
    return TJ_OK;
}
