/* Decompressors, as stream.c sees them. Internal to base.
 *
 * Ownership: create/destroy pairs.
 * Threads:   confined to one thread.
 */
#ifndef TJ_BASE_STREAM_INNER_H
#define TJ_BASE_STREAM_INNER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* What is still to be read and to be written; both move on. */
typedef struct tj_inflate_io {
    const unsigned char *in;
    size_t n_in;
    unsigned char *out;
    size_t n_out;
    bool at_end; /* set by the step: the bytes so far are whole members, so that the file may end */
} tj_inflate_io;

typedef struct tj_inflater {
    const char *name;
    /* Gives *state; NULL on error. */
    tj_code (*create)(void **state, tj_err *err);
    void (*destroy)(void *state);
    /* Takes some of `in` or gives some of `out`, as far as it goes. Errors: TJ_E_PARSE. */
    tj_code (*step)(void *state, tj_inflate_io *io, tj_err *err);
} tj_inflater;

extern const tj_inflater tj_inflater_gzip;
extern const tj_inflater tj_inflater_zstd;

#endif
