/* Pairs from JSON lines, one at a time, with bounded memory.
 *
 * Ownership: open/close on the caller's storage; what a pair lends is lent until the next call.
 * Threads:   one.
 */
#ifndef TJ_CLI_GRADE_LINES_H
#define TJ_CLI_GRADE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/job.h"
#include "base/jscan.h"
#include "base/stream.h"

#define TJ_MAX_PAIR_LINE ((size_t)4 << 20) /* bytes: two outputs of a megabyte, and escapes */
#define TJ_MAX_PAIR_ID   4096              /* bytes of `id` as it stands, and of `kind` */

typedef struct tj_pair {
    size_t line; /* from 1 */
    tj_str gold, pred;
    tj_str id;    /* JSON as it stands in the line; s NULL: none */
    tj_str kind;  /* s NULL: none */
    int expected; /* 1, 0; -1: null or not given */
} tj_pair;

typedef struct tj_pair_reader {
    const char *name;  /* of the file in messages; kept */
    tj_stream *stream; /* NULL: fd */
    int fd;            /* -1: stream */
    const tj_job *job;
    tj_buf in;
    size_t at;   /* of the next line in `in` */
    size_t line; /* lines begun */
    tj_jtape tape;
    bool ended;
} tj_pair_reader;

/* path "-" is standard input. job (kept; may be NULL) stops a reader that waits. Errors: those of
 * tj_stream_open. */
TJ_MUST_USE tj_code tj_pair_reader_open(tj_pair_reader *reader, const char *path, const tj_job *job,
                                        tj_err *err);
void tj_pair_reader_close(tj_pair_reader *reader);
/* Whether tj_pair_next would wait for more input: then it is time to give what is there. */
bool tj_pair_reader_waits(const tj_pair_reader *reader);
/* The next pair; *out has line 0 at the end. Empty lines are passed over. Errors: TJ_E_PARSE and
 * TJ_E_LIMIT are of the line and name file, line and reason: the next call goes on behind it.
 * Others (TJ_E_IO, TJ_E_NOMEM, TJ_E_CANCELLED; a file that cannot be decompressed is TJ_E_IO) end
 * the reading. */
TJ_MUST_USE tj_code tj_pair_next(tj_pair_reader *reader, tj_pair *out, tj_err *err);

#endif
