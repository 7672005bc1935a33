/* Ed25519 by libsodium: deterministic signatures, so that the same head is the same file. */
#include <sodium.h>
#include <string.h>

#include "store/head.h"

_Static_assert(crypto_sign_SEEDBYTES == 32, "a seed");
_Static_assert(2 * crypto_sign_PUBLICKEYBYTES + 1 == TJ_KEY_HEX, "two digits a byte and a zero");
_Static_assert(2 * crypto_sign_BYTES + 1 == TJ_SIGNATURE_HEX, "two digits a byte and a zero");

bool tj_hex_read(unsigned char *out, size_t n, const char *digits)
{
    for (size_t i = 0; i < 2 * n; i++) { /* libsodium takes capital ones, too */
        if ((digits[i] < '0' || digits[i] > '9') && (digits[i] < 'a' || digits[i] > 'f')) {
            return false;
        }
    }
    return sodium_hex2bin(out, n, digits, 2 * n, NULL, NULL, NULL) == 0;
}

void tj_hex_write(char *out, const unsigned char *bytes, size_t n)
{
    (void)sodium_bin2hex(out, 2 * n + 1, bytes, n);
}

void tj_key_derive(char public_hex[TJ_KEY_HEX], const unsigned char seed[32])
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
    (void)crypto_sign_seed_keypair(public_key, secret, seed);
    tj_hex_write(public_hex, public_key, sizeof public_key);
    sodium_memzero(secret, sizeof secret);
}

tj_code tj_key_make(tj_key *out, tj_err *err)
{
    memset(out, 0, sizeof *out);
    if (sodium_init() < 0) {
        return tj_fail(err, TJ_E_BACKEND, "cannot make a key: the system has no random numbers");
    }
    randombytes_buf(out->seed, sizeof out->seed);
    out->has_seed = true;
    tj_key_derive(out->public_hex, out->seed);
    return TJ_OK;
}

void tj_key_sign(char signature_hex[TJ_SIGNATURE_HEX], const tj_key *key, const void *bytes,
                 size_t n)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret[crypto_sign_SECRETKEYBYTES];
    unsigned char signature[crypto_sign_BYTES];
    (void)crypto_sign_seed_keypair(public_key, secret, key->seed);
    (void)crypto_sign_detached(signature, NULL, bytes, n, secret);
    tj_hex_write(signature_hex, signature, sizeof signature);
    sodium_memzero(secret, sizeof secret);
}

bool tj_key_check(const char *public_hex, const char *signature_hex, const void *bytes, size_t n)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char signature[crypto_sign_BYTES];
    return strlen(public_hex) == 2 * sizeof public_key &&
           strlen(signature_hex) == 2 * sizeof signature &&
           tj_hex_read(public_key, sizeof public_key, public_hex) &&
           tj_hex_read(signature, sizeof signature, signature_hex) &&
           crypto_sign_verify_detached(signature, bytes, n, public_key) == 0;
}

void tj_key_forget(tj_key *key)
{
    sodium_memzero(key, sizeof *key);
}

void tj_key_forget_bytes(void *bytes, size_t n)
{
    sodium_memzero(bytes, n);
}
