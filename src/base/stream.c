/* A window of the file's bytes; of a compressed file the inflater takes from it. */
#include "base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/stream_inner.h"

#define CHUNK_BYTES ((size_t)256 * 1024)

struct tj_stream {
    int fd;
    char *path;
    const tj_inflater *inflater; /* NULL: the bytes as they are */
    void *state;                 /* of the inflater */
    tj_inflate_io io;
    bool ended;           /* the file was read to its end */
    unsigned char *chunk; /* [CHUNK_BYTES]; io.in points into it */
};

/* Reads the next chunk, to n bytes where the file has them. */
static tj_code fill(tj_stream *s, tj_err *err)
{
    s->io.in = s->chunk;
    s->io.n_in = 0;
    while (s->io.n_in < CHUNK_BYTES && !s->ended) {
        ssize_t n = read(s->fd, s->chunk + s->io.n_in, CHUNK_BYTES - s->io.n_in);
        if (n < 0 && errno != EINTR) {
            return tj_fail(err, TJ_E_IO, "cannot read %s: %s", s->path, strerror(errno));
        }
        s->ended = n == 0;
        s->io.n_in += n > 0 ? (size_t)n : 0;
    }
    return TJ_OK;
}

static const tj_inflater *inflater_of(const unsigned char *bytes, size_t n)
{
    return n >= 2 && memcmp(bytes, "\x1F\x8B", 2) == 0           ? &tj_inflater_gzip
           : n >= 4 && memcmp(bytes, "\x28\xB5\x2F\xFD", 4) == 0 ? &tj_inflater_zstd
                                                                 : NULL;
}

tj_code tj_stream_open(tj_stream **out, const char *path, tj_err *err)
{
    *out = NULL;
    tj_stream *s = tj_calloc(1, sizeof *s);
    if (s == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", path);
    }
    s->fd = -1;
    s->path = tj_strdup(path);
    s->chunk = tj_malloc(CHUNK_BYTES);
    tj_code rc = s->path == NULL || s->chunk == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot open %s", path)
                     : TJ_OK;
    if (rc == TJ_OK) {
        s->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (s->fd < 0) {
            rc = tj_fail(err, errno == ENOENT ? TJ_E_NOTFOUND : TJ_E_IO, "cannot open %s: %s", path,
                         strerror(errno));
        }
    }
    if (rc == TJ_OK) {
        rc = fill(s, err);
    }
    if (rc == TJ_OK) {
        s->inflater = inflater_of(s->io.in, s->io.n_in);
        rc = s->inflater == NULL ? TJ_OK : s->inflater->create(&s->state, err);
    }
    if (rc != TJ_OK) {
        tj_stream_close(s);
        return rc;
    }
    *out = s;
    return TJ_OK;
}

void tj_stream_close(tj_stream *s)
{
    if (s == NULL) {
        return;
    }
    if (s->state != NULL) {
        s->inflater->destroy(s->state);
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    tj_free(s->chunk);
    tj_free(s->path);
    tj_free(s);
}

/* What is in the window first, then straight from the file. */
static tj_code read_plain(tj_stream *s, unsigned char *buf, size_t cap, size_t *n, tj_err *err)
{
    tj_code rc = s->io.n_in == 0 && !s->ended ? fill(s, err) : TJ_OK;
    *n = s->io.n_in < cap ? s->io.n_in : cap;
    if (*n > 0) {
        memcpy(buf, s->io.in, *n);
    }
    s->io.in += *n;
    s->io.n_in -= *n;
    return rc;
}

static tj_code read_inflated(tj_stream *s, unsigned char *buf, size_t cap, size_t *n, tj_err *err)
{
    s->io.out = buf;
    s->io.n_out = cap;
    while (s->io.n_out == cap) {
        tj_code rc = s->io.n_in == 0 && !s->ended ? fill(s, err) : TJ_OK;
        size_t before = s->io.n_in;
        if (rc == TJ_OK && s->io.n_in == 0 && s->ended && s->io.at_end) {
            break;
        }
        if (rc == TJ_OK) {
            rc = s->inflater->step(s->state, &s->io, err);
        }
        if (rc == TJ_OK && s->io.n_in == before && s->io.n_out == cap && s->ended) {
            rc = tj_fail(err, TJ_E_PARSE, "the file is cut short");
        }
        if (rc != TJ_OK) {
            tj_err_context(err, "cannot decompress %s (%s)", s->path, s->inflater->name);
            return rc;
        }
    }
    *n = cap - s->io.n_out;
    return TJ_OK;
}

tj_code tj_stream_read(tj_stream *s, void *buf, size_t cap, size_t *n, tj_err *err)
{
    *n = 0;
    if (cap == 0) {
        return TJ_OK;
    }
    return s->inflater == NULL ? read_plain(s, buf, cap, n, err)
                               : read_inflated(s, buf, cap, n, err);
}

const char *tj_stream_compression(const tj_stream *s)
{
    return s->inflater == NULL ? "none" : s->inflater->name;
}
