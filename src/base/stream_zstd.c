/* zstd by libzstd. */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/stream.h"
#include "base/stream_inner.h"

static tj_code create(void **state, tj_err *err)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    *state = z;
    if (z == NULL || ZSTD_isError(ZSTD_initDStream(z)) ||
        ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, TJ_STREAM_ZSTD_WINDOW_LOG))) {
        ZSTD_freeDStream(z); /* NULL is allowed */
        *state = NULL;
        return tj_fail(err, TJ_E_NOMEM, "cannot begin to decompress");
    }
    return TJ_OK;
}

static void destroy(void *state)
{
    ZSTD_freeDStream(state);
}

static tj_code step(void *state, tj_inflate_io *io, tj_err *err)
{
    ZSTD_inBuffer in = {.src = io->in, .size = io->n_in};
    ZSTD_outBuffer out = {.dst = io->out, .size = io->n_out};
    size_t r = ZSTD_decompressStream(state, &out, &in);
    io->in += in.pos;
    io->n_in -= in.pos;
    io->out += out.pos;
    io->n_out -= out.pos;
    io->at_end = r == 0; /* a whole frame, and all of it was given */
    if (!ZSTD_isError(r)) {
        return TJ_OK;
    }
    return tj_fail(err,
                   ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation ? TJ_E_NOMEM : TJ_E_PARSE,
                   "%s", ZSTD_getErrorName(r));
}

const tj_inflater tj_inflater_zstd = {
    .name = "zstd", .create = create, .destroy = destroy, .step = step};
