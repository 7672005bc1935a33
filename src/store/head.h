/* The ledger's head and the keys that sign it, as files.
 *
 *     tabiji ledger head 1            tabiji ledger key 1          tabiji ledger public key 1
 *     entries 17                      seed <64 digits>             public <64 digits>
 *     hash <64 digits>                public <64 digits>
 *     key <64 digits>       \ where
 *     signature <128 digits>/ it is signed
 *
 * Digits are hexadecimal and lower-case; each line ends with a newline, and there is nothing else:
 * what is read is written back as the same bytes. The signature is Ed25519's (RFC 8032) of all
 * bytes before the line `signature`.
 *
 * Private to store.
 *
 * Ownership: plain values.
 * Threads:   no shared state.
 */
#ifndef TJ_STORE_HEAD_H
#define TJ_STORE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/ledger.h"

#define TJ_HEAD_MAX_BYTES 1024 /* of a file of these; the longest has 329 */

/* A key pair, or its public half. */
typedef struct tj_key {
    bool has_seed;
    unsigned char seed[32]; /* the secret */
    char public_hex[TJ_KEY_HEX];
} tj_key;

/* Errors of the readers: TJ_E_PARSE ("WHERE:2: expected ..."); *out is zero then. */
TJ_MUST_USE tj_code tj_head_parse(tj_head *out, const char *text, size_t len, const char *where,
                                  tj_err *err);
/* The file's text, zero-terminated, without the line `signature` where it is to be signed; its
 * length.
 */
size_t tj_head_print(char out[TJ_HEAD_MAX_BYTES], const tj_head *head, bool with_signature);

/* Either file of a key. Errors: also a public half that is not the seed's. */
TJ_MUST_USE tj_code tj_key_parse(tj_key *out, const char *text, size_t len, const char *where,
                                 tj_err *err);
/* The text of the whole pair's file, or the public half's, zero-terminated; its length. */
size_t tj_key_print(char out[TJ_HEAD_MAX_BYTES], const tj_key *key, bool with_seed);
/* Reads a file. A file with a seed that others may read is refused (TJ_E_INVAL). Errors: those of
 * tj_fs_read and tj_key_parse. */
TJ_MUST_USE tj_code tj_key_read(tj_key *out, const char *path, tj_err *err);

/* ------------------------------------------------------------ sign_sodium.c */

/* A new pair from the system's random numbers. Errors: TJ_E_BACKEND (there are none). */
TJ_MUST_USE tj_code tj_key_make(tj_key *out, tj_err *err);
/* The public half of a seed. */
void tj_key_derive(char public_hex[TJ_KEY_HEX], const unsigned char seed[32]);
void tj_key_sign(char signature_hex[TJ_SIGNATURE_HEX], const tj_key *key, const void *bytes,
                 size_t n);
bool tj_key_check(const char *public_hex, const char *signature_hex, const void *bytes, size_t n);
/* Overwrites it so that no compiler leaves it out. */
void tj_key_forget(tj_key *key);
void tj_key_forget_bytes(void *bytes, size_t n);
/* n bytes from 2n digits; false where they are not lower-case hexadecimal digits. */
bool tj_hex_read(unsigned char *out, size_t n, const char *digits);
/* 2n digits and a zero. */
void tj_hex_write(char *out, const unsigned char *bytes, size_t n);

#endif
