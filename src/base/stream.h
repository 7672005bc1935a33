/* The bytes of a file from its beginning to its end, decompressed where the file is gzip or zstd
 * (its first bytes say so, not its name). Files that consist of several compressed members one
 * after another are read to the end.
 *
 * Ownership: open/close pairs.
 * Threads:   a stream is confined to one thread.
 * Cost:      some hundred KiB; zstd what its window takes, at most TJ_STREAM_ZSTD_WINDOW.
 */
#ifndef TJ_BASE_STREAM_H
#define TJ_BASE_STREAM_H

#include <stddef.h>

#include "base/err.h"

#define TJ_STREAM_ZSTD_WINDOW_LOG                                                                  \
    27 /* 128 MiB, what the zstd program takes unless told otherwise */
#define TJ_STREAM_ZSTD_WINDOW ((size_t)1 << TJ_STREAM_ZSTD_WINDOW_LOG)

typedef struct tj_stream tj_stream;

/* Gives *out (tj_stream_close); NULL on error. Errors: TJ_E_NOTFOUND, TJ_E_IO, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_stream_open(tj_stream **out, const char *path, tj_err *err);
void tj_stream_close(tj_stream *stream); /* NULL is allowed */

/* Reads into buf [cap]; *n of 0 is the end. May give less than cap before it. Errors: TJ_E_IO,
 * TJ_E_PARSE (the compressed bytes are damaged or cut short, or need a larger window), TJ_E_NOMEM;
 * name the file. */
TJ_MUST_USE tj_code tj_stream_read(tj_stream *stream, void *buf, size_t cap, size_t *n,
                                   tj_err *err);

/* "none", "gzip" or "zstd". */
const char *tj_stream_compression(const tj_stream *stream);

#endif
