/* A window over the file's bytes, which moves on record by record and grows to the longest. Where a
 * record is wrong, lines say where the next one begins; in an array the brackets and quotes do, and
 * among objects a line that begins with one. */
#include <string.h>

#include "base/alloc.h"
#include "base/job.h"
#include "task/dataset_inner.h"

#define FIRST_BYTES ((size_t)1 << 20)

/* ------------------------------------------------------------------ bytes */

/* Reads more behind what is there; at_eof where there is none. Errors: TJ_E_LIMIT (the buffer holds
 * as much of one record as is allowed). */
static tj_code fill(tj_data_source *s, tj_err *err)
{
    if (s->begin > 0) {
        memmove(s->buf, s->buf + s->begin, s->end - s->begin);
        s->end -= s->begin;
        s->begin = 0;
    }
    if (s->end + 1 >= s->cap) { /* one byte is kept for a zero */
        if (s->end > TJ_DATA_MAX_RECORD) {
            return tj_fail(err, TJ_E_LIMIT, "a record of more than %zu bytes", TJ_DATA_MAX_RECORD);
        }
        size_t want = s->cap == 0 ? FIRST_BYTES : 2 * s->cap;
        if (!tj_grow(&s->buf, &s->cap, want, 1)) {
            return tj_fail(err, TJ_E_NOMEM, "cannot hold a record of %s", s->path);
        }
    }
    size_t n;
    tj_code rc = tj_stream_read(s->stream, s->buf + s->end, s->cap - 1 - s->end, &n, err);
    if (rc == TJ_OK && s->hashes && !s->at_eof) {
        double start = tj_clock_seconds();
        tj_sha256_add(&s->hash, s->buf + s->end, n);
        if (n == 0) {
            tj_sha256_end(&s->hash, s->digest);
        }
        s->hash_seconds += tj_clock_seconds() - start;
    }
    s->at_eof = s->at_eof || (rc == TJ_OK && n == 0);
    s->end += n;
    s->n_bytes += n;
    return rc;
}

/* Takes n bytes. */
static void take(tj_data_source *s, size_t n)
{
    const char *at = s->buf + s->begin;
    const char *end = at + n;
    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        s->line++;
        at++;
    }
    s->begin += n;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Takes white space; *more: there is something behind it. */
static tj_code take_space(tj_data_source *s, bool *more, tj_err *err)
{
    for (;;) {
        size_t n = 0;
        while (s->begin + n < s->end && is_space(s->buf[s->begin + n])) {
            n++;
        }
        take(s, n);
        *more = s->begin < s->end;
        if (*more || s->at_eof) {
            return TJ_OK;
        }
        tj_code rc = fill(s, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
}

static void say(char why[TJ_DATA_REASON], const char *reason)
{
    size_t n = strlen(reason);
    n = n < TJ_DATA_REASON - 1 ? n : TJ_DATA_REASON - 1;
    memcpy(why, reason, n);
    why[n] = '\0';
}

/* ------------------------------------------------------------------ how a file is framed */

static tj_code see_lines(tj_data_source *s, tj_err *err)
{
    const char *newline = NULL;
    while (newline == NULL && !s->at_eof) {
        newline = memchr(s->buf + s->begin, '\n', s->end - s->begin);
        if (newline == NULL) {
            tj_code rc = fill(s, err);
            if (rc != TJ_OK) {
                return rc;
            }
        }
    }
    size_t n = (newline == NULL ? s->end : (size_t)(newline - s->buf)) - s->begin;
    if (s->buf[s->begin] != '{') {
        s->framing = TJ_FRAMING_TABS;
        return memchr(s->buf + s->begin, '\t', n) != NULL
                   ? TJ_OK
                   : tj_fail(err, TJ_E_PARSE,
                             "%s is no data set: expected JSON lines, a JSON array, or "
                             "tab-separated lines",
                             s->path);
    }
    tj_jtape tape;
    tj_jscan_end end;
    tj_jtape_init(&tape);
    /* an object that the first line only begins goes over several */
    tj_jscan_result r = tj_jscan(&tape, s->buf + s->begin, n, &end);
    s->framing = r == TJ_JSCAN_CUT && newline != NULL ? TJ_FRAMING_OBJECTS : TJ_FRAMING_LINES;
    tj_jtape_deinit(&tape);
    return r == TJ_JSCAN_NOMEM ? tj_fail(err, TJ_E_NOMEM, "cannot hold a record of %s", s->path)
                               : TJ_OK;
}

tj_code tj_data_source_open(tj_data_source *s, const char *path, bool hashes, tj_err *err)
{
    bool more = false;
    *s = (tj_data_source){.path = path, .line = 1, .hashes = hashes};
    tj_sha256_begin(&s->hash);
    tj_code rc = tj_stream_open(&s->stream, path, err);
    if (rc == TJ_OK) {
        rc = fill(s, err);
    }
    if (rc == TJ_OK && s->end >= 3 && memcmp(s->buf, "\xEF\xBB\xBF", 3) == 0) {
        s->begin = 3; /* a byte order mark */
    }
    if (rc == TJ_OK && s->end >= 4 && memcmp(s->buf, "PAR1", 4) == 0) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s is Parquet: write it as JSON lines first (in Python: "
                       "datasets.load_dataset(...).to_json(\"file.jsonl\"))",
                       path);
    }
    if (rc == TJ_OK) {
        rc = take_space(s, &more, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    if (!more) {
        return tj_fail(err, TJ_E_PARSE, "%s is empty", path);
    }
    if (s->buf[s->begin] == '[') {
        s->framing = TJ_FRAMING_ARRAY;
        return TJ_OK;
    }
    return see_lines(s, err);
}

void tj_data_source_close(tj_data_source *s)
{
    tj_stream_close(s->stream);
    tj_free(s->buf);
    s->stream = NULL;
    s->buf = NULL;
}

/* ------------------------------------------------------------------ lines */

/* Takes the rest of a line that is too long. */
static tj_code drop_line(tj_data_source *s, tj_err *err)
{
    for (;;) {
        const char *newline = memchr(s->buf + s->begin, '\n', s->end - s->begin);
        s->begin = newline == NULL ? s->end : (size_t)(newline - s->buf);
        if (newline != NULL || s->at_eof) {
            return TJ_OK; /* the newline is taken as an empty line */
        }
        tj_code rc = fill(s, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
}

/* The next line, without its newline, ended by zero; *more is false at the end. */
static tj_code take_line(tj_data_source *s, char **line, size_t *n, bool *more, tj_err *err)
{
    size_t seen = 0;
    const char *newline = NULL;
    for (;;) {
        newline = memchr(s->buf + s->begin + seen, '\n', s->end - s->begin - seen);
        seen = s->end - s->begin;
        if (newline != NULL || s->at_eof) {
            break;
        }
        tj_code rc = fill(s, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    *more = s->begin < s->end;
    *line = s->buf + s->begin;
    *n = newline == NULL ? s->end - s->begin : (size_t)(newline - *line);
    s->begin += *n + (newline == NULL ? 0 : 1);
    (*line)[*n] = '\0'; /* over the newline, or behind the last byte */
    s->line++;
    return TJ_OK;
}

static bool is_blank(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && is_space(s[i])) {
        i++;
    }
    return i == n;
}

static tj_code scan_line(tj_jtape *tape, char *line, size_t n, char why[TJ_DATA_REASON])
{
    tj_jscan_end end;
    tj_jscan_result r = tj_jscan(tape, line, n, &end);
    if (r == TJ_JSCAN_NOMEM) {
        return TJ_E_NOMEM;
    }
    if (r == TJ_JSCAN_OK && !is_blank(line + end.at, n - end.at)) {
        r = TJ_JSCAN_WRONG;
        end.what = "more behind the value";
    }
    if (r != TJ_JSCAN_OK) {
        tj_err text;
        (void)tj_fail(&text, TJ_E_PARSE, "not JSON: %s, at byte %zu of the line", end.what,
                      end.at + 1);
        say(why, text.msg);
    }
    return r == TJ_JSCAN_OK ? TJ_OK : r == TJ_JSCAN_LIMIT ? TJ_E_LIMIT : TJ_E_PARSE;
}

static tj_code next_line(tj_data_source *s, tj_jtape *tape, tj_str *text, size_t *line,
                         char why[TJ_DATA_REASON], tj_err *err)
{
    char *at = NULL;
    size_t n = 0;
    bool more = true;
    do {
        *line = s->line;
        tj_err inner;
        tj_code rc = take_line(s, &at, &n, &more, &inner);
        if (rc == TJ_E_LIMIT) {
            say(why, inner.msg);
            rc = drop_line(s, err);
            *line = rc == TJ_OK ? *line : 0;
            return rc == TJ_OK ? TJ_E_LIMIT : rc;
        }
        if (rc != TJ_OK || !more) {
            *line = 0;
            s->is_over = true;
            return rc == TJ_OK ? TJ_OK : tj_fail(err, rc, "%s", inner.msg);
        }
    } while (is_blank(at, n));
    if (s->framing == TJ_FRAMING_TABS) {
        n -= at[n - 1] == '\r' ? 1 : 0;
        at[n] = '\0';
        *text = (tj_str){at, n};
        return TJ_OK;
    }
    return scan_line(tape, at, n, why);
}

/* ------------------------------------------------------------------ values over several lines */

/* Takes what can be taken of a value that is wrong, so that the next call begins behind it. */
static tj_code resync(tj_data_source *s, tj_err *err)
{
    for (size_t from = 1;;) {
        size_t left = s->end - s->begin;
        const char *at = s->buf + s->begin;
        size_t n = left;
        if (s->framing == TJ_FRAMING_ARRAY) {
            n = tj_jscan_skip(at, left);
        } else {
            for (size_t i = from; i < left && n == left; i++) {
                n = at[i] == '{' && at[i - 1] == '\n' ? i : left;
            }
            from = left;
        }
        if (n < left || s->at_eof) {
            take(s, n);
            return TJ_OK;
        }
        tj_code rc = fill(s, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
}

/* What stands between the items of an array; *more: an item follows. */
static tj_code take_comma(tj_data_source *s, bool *more, char why[TJ_DATA_REASON], tj_err *err)
{
    tj_code rc = take_space(s, more, err);
    if (rc == TJ_OK && *more && !s->in_array) {
        s->in_array = true;
        take(s, 1); /* the opening bracket */
        rc = take_space(s, more, err);
    } else if (rc == TJ_OK && *more && s->buf[s->begin] == ',' && s->n_items > 0) {
        take(s, 1);
        rc = take_space(s, more, err);
    } else if (rc == TJ_OK && *more && s->buf[s->begin] != ']') {
        say(why, "not JSON: expected a comma or ] after an item; the rest cannot be read");
        return TJ_E_PARSE;
    }
    if (rc == TJ_OK && !*more) {
        say(why, "the file ends inside its array");
        return TJ_E_PARSE;
    }
    if (rc == TJ_OK && s->buf[s->begin] == ']') {
        take(s, 1);
        rc = take_space(s, more, err);
        if (rc == TJ_OK && *more) {
            say(why, "more behind the array");
            return TJ_E_PARSE;
        }
    }
    return rc;
}

/* Scans the value at the window's beginning, reading on where it goes beyond. */
static tj_code scan_value(tj_data_source *s, tj_jtape *tape, char why[TJ_DATA_REASON], tj_err *err)
{
    for (;;) {
        tj_jscan_end end;
        size_t n = s->end - s->begin;
        tj_jscan_result r = tj_jscan(tape, s->buf + s->begin, n, &end);
        bool cut = r == TJ_JSCAN_CUT || (r == TJ_JSCAN_OK && end.at == n); /* 12, perhaps of 123 */
        if (cut && !s->at_eof) {
            tj_code rc = fill(s, err);
            if (rc != TJ_OK) {
                return rc;
            }
            continue;
        }
        if (r == TJ_JSCAN_OK) {
            take(s, end.at);
            return TJ_OK;
        }
        if (r == TJ_JSCAN_NOMEM) {
            return tj_fail(err, TJ_E_NOMEM, "cannot hold a record of %s", s->path);
        }
        tj_err text;
        (void)tj_fail(&text, TJ_E_PARSE, "not JSON: %s, at byte %zu of the record", end.what,
                      end.at + 1);
        say(why, text.msg);
        tj_code rc = resync(s, err);
        return rc != TJ_OK ? rc : r == TJ_JSCAN_LIMIT ? TJ_E_LIMIT : TJ_E_PARSE;
    }
}

static tj_code next_value(tj_data_source *s, tj_jtape *tape, size_t *line, char why[TJ_DATA_REASON],
                          tj_err *err)
{
    bool more;
    tj_err inner = {.msg = ""};
    why[0] = '\0';
    tj_code rc = s->framing == TJ_FRAMING_ARRAY ? take_comma(s, &more, why, &inner)
                                                : take_space(s, &more, &inner);
    *line = s->line;
    if (rc == TJ_OK && more) {
        s->n_items++;
        rc = scan_value(s, tape, why, &inner);
        if (rc == TJ_OK || ((rc == TJ_E_PARSE || rc == TJ_E_LIMIT) && inner.msg[0] == '\0')) {
            return rc;
        }
    }
    s->is_over = true;
    if (rc == TJ_OK) {
        *line = 0;
    } else if (inner.msg[0] != '\0') { /* of the file, not of the record */
        *line = 0;
        return tj_fail(err, rc, "%s:%zu: %s", s->path, s->line, inner.msg);
    }
    return rc;
}

tj_code tj_data_source_next(tj_data_source *s, tj_jtape *tape, tj_str *text, size_t *line,
                            char why[TJ_DATA_REASON], tj_err *err)
{
    *text = (tj_str){NULL, 0};
    *line = 0;
    if (s->is_over) {
        return TJ_OK;
    }
    return s->framing == TJ_FRAMING_LINES || s->framing == TJ_FRAMING_TABS
               ? next_line(s, tape, text, line, why, err)
               : next_value(s, tape, line, why, err);
}
