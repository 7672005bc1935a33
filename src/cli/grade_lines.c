/* Lines are cut out of a buffer that is read block by block; a line is scanned where it stands. */
#include "cli/grade_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "grade/grade.h"

#define BLOCK_BYTES ((size_t)256 << 10)
#define PAUSE_MS    200 /* between looks at whether the job is to stop */

/* What gives bytes as they come is polled, so that a job can be stopped while nothing comes. */
static bool is_pipe(const char *path)
{
    struct stat what;
    return stat(path, &what) == 0 && !S_ISREG(what.st_mode) && !S_ISDIR(what.st_mode);
}

tj_code tj_pair_reader_open(tj_pair_reader *r, const char *path, const tj_job *job, tj_err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    *r = (tj_pair_reader){.name = is_stdin ? "standard input" : path, .job = job, .fd = -1};
    tj_buf_init(&r->in);
    tj_jtape_init(&r->tape);
    if (is_stdin) {
        r->fd = STDIN_FILENO;
        return TJ_OK;
    }
    if (!is_pipe(path)) {
        return tj_stream_open(&r->stream, path, err);
    }
    do {
        r->fd = open(path, O_RDONLY | O_CLOEXEC);
    } while (r->fd < 0 && errno == EINTR && !tj_job_cancelled(job));
    return r->fd >= 0 ? TJ_OK
           : tj_job_cancelled(job)
               ? tj_job_check(job, err)
               : tj_fail(err, TJ_E_IO, "cannot open %s: %s", path, strerror(errno));
}

void tj_pair_reader_close(tj_pair_reader *r)
{
    if (r->fd > STDIN_FILENO) {
        (void)close(r->fd);
    }
    tj_stream_close(r->stream);
    tj_buf_deinit(&r->in);
    tj_jtape_deinit(&r->tape);
}

static bool has_line(const tj_pair_reader *r)
{
    return r->in.len > r->at && memchr(r->in.data + r->at, '\n', r->in.len - r->at) != NULL;
}

bool tj_pair_reader_waits(const tj_pair_reader *r)
{
    struct pollfd ready = {.fd = r->fd, .events = POLLIN};
    return r->fd >= 0 && !r->ended && !has_line(r) && poll(&ready, 1, 0) == 0;
}

/* ------------------------------------------------------------------ lines */

/* Looks at whether the job is to stop while nothing comes. */
static tj_code read_pipe(const tj_pair_reader *r, char *to, size_t cap, size_t *n, tj_err *err)
{
    struct pollfd ready = {.fd = r->fd, .events = POLLIN};
    ssize_t got = -1;
    do {
        tj_code rc = tj_job_check(r->job, err);
        if (rc != TJ_OK) {
            return rc;
        }
        got = poll(&ready, 1, PAUSE_MS) > 0 ? read(r->fd, to, cap) : -1;
    } while (got < 0 && (ready.revents == 0 || errno == EINTR));
    if (got < 0) {
        return tj_fail(err, TJ_E_IO, "cannot read %s: %s", r->name, strerror(errno));
    }
    *n = (size_t)got;
    return TJ_OK;
}

/* More bytes behind those that are there; what was read before `at` makes room. */
static tj_code fill(tj_pair_reader *r, tj_err *err)
{
    size_t n = 0;
    if (r->at > 0) {
        memmove(r->in.data, r->in.data + r->at, r->in.len - r->at);
        r->in.len -= r->at;
        r->at = 0;
    }
    if (!tj_grow(&r->in.data, &r->in.cap, r->in.len + BLOCK_BYTES + 1, 1)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot read %s", r->name);
    }
    char *to = r->in.data + r->in.len;
    tj_code rc = r->fd >= 0 ? read_pipe(r, to, BLOCK_BYTES, &n, err)
                            : tj_stream_read(r->stream, to, BLOCK_BYTES, &n, err);
    r->ended = n == 0;
    r->in.len += n;
    r->in.data[r->in.len] = 0;
    /* a parse error of the stream is not one of a line */
    return rc == TJ_E_PARSE ? TJ_E_IO : rc;
}

/* The next line without its end; *n is SIZE_MAX at the end of the file. */
static tj_code next_line(tj_pair_reader *r, char **line, size_t *n, tj_err *err)
{
    size_t seen = 0; /* bytes of the line without an end */
    bool too_long = false;
    for (;;) {
        size_t left = r->in.len - r->at;
        char *start = r->in.data == NULL ? NULL : r->in.data + r->at;
        char *end = left > seen ? memchr(start + seen, '\n', left - seen) : NULL;
        if (end != NULL || (r->ended && left > 0)) {
            *line = start;
            *n = end != NULL ? (size_t)(end - start) : left;
            r->at += *n + (end != NULL ? 1 : 0);
            r->line++;
            return !too_long ? TJ_OK
                             : tj_fail(err, TJ_E_LIMIT, "%s:%zu: a line of more than %zu bytes",
                                       r->name, r->line, TJ_MAX_PAIR_LINE);
        }
        if (r->ended) {
            *n = SIZE_MAX;
            return TJ_OK;
        }
        if (left > TJ_MAX_PAIR_LINE) { /* passed over, so that memory stays bounded */
            too_long = true;
            r->at = r->in.len;
            left = 0;
        }
        seen = left;
        tj_code rc = fill(r, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
}

/* ------------------------------------------------------------------ fields */

static tj_code wrong_field(const tj_pair_reader *r, const char *name, const char *what, tj_err *err)
{
    return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s: %s", r->name, r->line, name, what);
}

/* A value as it stands in the line. */
static tj_str raw(const tj_jtape *tape, size_t value)
{
    const tj_jnode *node = &tape->nodes[value];
    size_t quote = node->kind == TJ_JSON_STRING ? 1 : 0;
    return (tj_str){tape->text + node->at - quote, node->n + 2 * quote};
}

/* A member's text; numbers and truth values are texts as they stand. */
static tj_code answer_text(tj_str *out, tj_pair_reader *r, const char *name, tj_err *err)
{
    bool twice = false;
    size_t value = tj_jtape_member(&r->tape, 0, name, &twice);
    tj_json_kind kind = (tj_json_kind)r->tape.nodes[value].kind;
    if (value == 0) {
        return wrong_field(r, name, "is missing", err);
    }
    if (twice) {
        return wrong_field(r, name, "stands there twice", err);
    }
    if (kind == TJ_JSON_STRING) {
        *out = tj_jtape_text(&r->tape, value);
    } else if (kind == TJ_JSON_NUMBER || kind == TJ_JSON_TRUE || kind == TJ_JSON_FALSE) {
        *out = raw(&r->tape, value);
    } else {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s: is %s, expected text", r->name, r->line, name,
                       tj_json_kind_name(kind));
    }
    if (out->n > TJ_MAX_OUTPUT_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "%s:%zu: %s: has %zu bytes, expected at most %zu", r->name,
                       r->line, name, out->n, TJ_MAX_OUTPUT_BYTES);
    }
    return TJ_OK;
}

static tj_code labels(tj_pair *out, tj_pair_reader *r, tj_err *err)
{
    size_t id = tj_jtape_member(&r->tape, 0, "id", NULL);
    size_t kind = tj_jtape_member(&r->tape, 0, "kind", NULL);
    size_t expected = tj_jtape_member(&r->tape, 0, "expected", NULL);
    if (id != 0) {
        out->id = raw(&r->tape, id);
    }
    if (kind != 0 && r->tape.nodes[kind].kind != TJ_JSON_NULL) {
        if (r->tape.nodes[kind].kind != TJ_JSON_STRING) {
            return wrong_field(r, "kind", "is no text", err);
        }
        out->kind = tj_jtape_text(&r->tape, kind);
    }
    if (out->id.n > TJ_MAX_PAIR_ID || out->kind.n > TJ_MAX_PAIR_ID) {
        return wrong_field(r, out->id.n > TJ_MAX_PAIR_ID ? "id" : "kind", "is too long", err);
    }
    if (expected != 0) {
        tj_json_kind k = (tj_json_kind)r->tape.nodes[expected].kind;
        if (k != TJ_JSON_TRUE && k != TJ_JSON_FALSE && k != TJ_JSON_NULL) {
            return wrong_field(r, "expected", "is neither true, false nor null", err);
        }
        out->expected = k == TJ_JSON_TRUE ? 1 : k == TJ_JSON_FALSE ? 0 : -1;
    }
    return TJ_OK;
}

static tj_code read_pair(tj_pair *out, tj_pair_reader *r, char *line, size_t n, tj_err *err)
{
    tj_jscan_end end;
    tj_jscan_result result = tj_jscan(&r->tape, line, n, &end);
    if (result == TJ_JSCAN_NOMEM) {
        return tj_fail(err, TJ_E_NOMEM, "cannot read %s", r->name);
    }
    if (result != TJ_JSCAN_OK) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: not JSON at byte %zu: %s", r->name, r->line,
                       end.at + 1, end.what);
    }
    while (end.at < n && memchr(" \t\r", line[end.at], 3) != NULL) {
        end.at++;
    }
    if (end.at < n) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: more than one value, from byte %zu on", r->name,
                       r->line, end.at + 1);
    }
    if (r->tape.nodes[0].kind != TJ_JSON_OBJECT) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: is %s, expected an object with gold and pred",
                       r->name, r->line, tj_json_kind_name((tj_json_kind)r->tape.nodes[0].kind));
    }
    tj_code rc = answer_text(&out->gold, r, "gold", err);
    if (rc == TJ_OK) {
        rc = answer_text(&out->pred, r, "pred", err);
    }
    return rc == TJ_OK ? labels(out, r, err) : rc;
}

tj_code tj_pair_next(tj_pair_reader *r, tj_pair *out, tj_err *err)
{
    char *line = NULL;
    size_t n = 0, at = 0;
    *out = (tj_pair){.expected = -1};
    do {
        tj_code rc = next_line(r, &line, &n, err);
        if (rc != TJ_OK || n == SIZE_MAX) {
            return rc;
        }
        for (at = 0; at < n && memchr(" \t\r", line[at], 3) != NULL; at++) {
        }
    } while (at == n);
    out->line = r->line;
    return read_pair(out, r, line, n, err);
}
