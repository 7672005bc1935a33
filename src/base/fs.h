/* Files, whole and atomically: a reader never meets half of one.
 *
 * Ownership: stated at each function.
 * Threads:   safe from any thread on different paths.
 */
#ifndef TJ_BASE_FS_H
#define TJ_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* Reads a whole file of at most max_bytes. Gives *out (zero-terminated, *out_len bytes before the
 * zero; free with tj_free). Errors: TJ_E_NOTFOUND, TJ_E_IO, TJ_E_LIMIT, TJ_E_NOMEM; *out is NULL.
 */
TJ_MUST_USE tj_code tj_fs_read(char **out, size_t *out_len, const char *path, size_t max_bytes,
                               tj_err *err);

/* A file being written under a temporary name beside its final one. commit flushes (fsync file and
 * folder) and renames; abort removes. Every write error (a full disk included) is kept and returned
 * by commit, which then leaves the old file as it was (but for a failed flush of the folder, which
 * comes after the rename). A path that is a device or a pipe (/dev/null) is written to directly,
 * and stays one. Errors: TJ_E_NOTFOUND (no such folder), TJ_E_IO, TJ_E_NOMEM. */
typedef struct tj_fs_writer tj_fs_writer;
TJ_MUST_USE tj_code tj_fs_writer_open(tj_fs_writer **out, const char *path, tj_err *err);
void tj_fs_writer_add(tj_fs_writer *writer, const void *bytes, size_t n);
/* Frees the writer whatever happens. */
TJ_MUST_USE tj_code tj_fs_writer_commit(tj_fs_writer *writer, tj_err *err);
void tj_fs_writer_abort(tj_fs_writer *writer); /* NULL is allowed */

/* The three in one for bytes at hand. */
TJ_MUST_USE tj_code tj_fs_write(const char *path, const void *bytes, size_t n, tj_err *err);

/* Gives a file the name of another in the same folder, which it replaces in one step, and flushes
 * the folder. Errors: TJ_E_NOTFOUND, TJ_E_IO, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_fs_rename(const char *from, const char *to, tj_err *err);

/* A file mapped for reading; an empty one has n_bytes 0. Files of ours are replaced, never cut, so
 * a mapping stays whole while another process writes the next version. */
typedef struct tj_fs_map {
    const unsigned char *data;
    size_t n_bytes;
} tj_fs_map;
TJ_MUST_USE tj_code tj_fs_map_open(tj_fs_map *out, const char *path, tj_err *err);
void tj_fs_map_close(tj_fs_map *map);

bool tj_fs_exists(const char *path);
/* Makes a folder and its parents; one that is there already is fine. Errors: TJ_E_CONFLICT (a file
 * has that name), TJ_E_IO, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_fs_mkdirs(const char *path, tj_err *err);
/* Gives "a/b" (free with tj_free), or b alone where a is "" or b is absolute; NULL when memory is
 * exhausted. */
char *tj_fs_join(const char *a, const char *b);

/* Where a file or folder is, from the root on, without links (free with tj_free). Errors:
 * TJ_E_NOTFOUND, TJ_E_IO, TJ_E_NOMEM; *out is NULL. */
TJ_MUST_USE tj_code tj_fs_real_path(char **out, const char *path, tj_err *err);

/* SHA-256 of bytes or of a whole file, as 64 lower-case hexadecimal digits and a zero. */
#define TJ_SHA256_HEX 65
void tj_sha256_hex(char out[TJ_SHA256_HEX], const void *bytes, size_t n);
TJ_MUST_USE tj_code tj_sha256_file(char out[TJ_SHA256_HEX], const char *path, tj_err *err);

/* The same of bytes that come in pieces: begin, add, …, end. */
#define TJ_SHA256_STATE_BYTES 112
typedef struct tj_sha256 {
    _Alignas(8) unsigned char state[TJ_SHA256_STATE_BYTES]; /* libsodium's own */
} tj_sha256;
void tj_sha256_begin(tj_sha256 *hash);
void tj_sha256_add(tj_sha256 *hash, const void *bytes, size_t n);
void tj_sha256_end(tj_sha256 *hash, char out[TJ_SHA256_HEX]);

#endif
