/* gzip by zlib. */
#define ZLIB_CONST /* next_in is const */
#include <limits.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/stream_inner.h"

#define WINDOW_BITS (15 + 16) /* the largest window; gzip's header, not zlib's */

typedef struct gzip {
    z_stream z;
    bool in_member;
} gzip;

static tj_code create(void **state, tj_err *err)
{
    gzip *g = tj_calloc(1, sizeof *g);
    *state = NULL;
    if (g == NULL || inflateInit2(&g->z, WINDOW_BITS) != Z_OK) {
        tj_free(g);
        return tj_fail(err, TJ_E_NOMEM, "cannot begin to decompress");
    }
    *state = g;
    return TJ_OK;
}

static void destroy(void *state)
{
    gzip *g = state;
    inflateEnd(&g->z);
    tj_free(g);
}

static uInt at_most(size_t n)
{
    return n > UINT_MAX ? UINT_MAX : (uInt)n;
}

/* Bytes behind the last member that no member begins with: zeros pad it (as on tapes), anything
 * else is damage. */
static bool pass_padding(tj_inflate_io *io)
{
    while (io->n_in > 0 && *io->in == 0) {
        io->in++;
        io->n_in--;
    }
    return io->n_in == 0;
}

static tj_code step(void *state, tj_inflate_io *io, tj_err *err)
{
    gzip *g = state;
    if (!g->in_member && io->at_end) {
        if (io->n_in > 0 && *io->in == 0 && pass_padding(io)) {
            return TJ_OK;
        }
        if (io->n_in > 0 && *io->in != 0x1F) {
            return tj_fail(err, TJ_E_PARSE, "bytes that are not gzip follow the compressed ones");
        }
    }
    g->z.next_in = io->in;
    g->z.avail_in = at_most(io->n_in);
    g->z.next_out = io->out;
    g->z.avail_out = at_most(io->n_out);
    g->in_member = g->in_member || g->z.avail_in > 0;
    int r = inflate(&g->z, Z_NO_FLUSH);
    io->n_in -= (size_t)(g->z.next_in - io->in);
    io->in = g->z.next_in;
    io->n_out -= (size_t)(g->z.next_out - io->out);
    io->out = g->z.next_out;
    io->at_end = r == Z_STREAM_END;
    if (r == Z_STREAM_END) {
        g->in_member = false;
        r = inflateReset(&g->z);
    }
    if (r == Z_OK || r == Z_BUF_ERROR) { /* the latter: it needs more bytes, or more room */
        return TJ_OK;
    }
    return r == Z_MEM_ERROR
               ? tj_fail(err, TJ_E_NOMEM, "memory is exhausted")
               : tj_fail(err, TJ_E_PARSE, "%s", g->z.msg == NULL ? "damaged" : g->z.msg);
}

const tj_inflater tj_inflater_gzip = {
    .name = "gzip", .create = create, .destroy = destroy, .step = step};
