/* Line by line; lines end with LF, CR or both. The data of an event are its data lines with LF
 * between them. */
#include "infer/sse.h"

#include <stdbool.h>
#include <string.h>

void tj_sse_begin(tj_sse *sse, const char *stream, size_t len)
{
    *sse = (tj_sse){.at = stream, .end = stream + len};
    if (len >= 3 && memcmp(stream, "\xEF\xBB\xBF", 3) == 0) {
        sse->at += 3; /* a byte order mark */
    }
    tj_buf_init(&sse->data);
}

void tj_sse_end(tj_sse *sse)
{
    tj_buf_deinit(&sse->data);
}

/* Takes a line; false where what is left has no end of line. */
static bool take_line(tj_sse *sse, const char **line, size_t *n)
{
    const char *p = sse->at;
    while (p < sse->end && *p != '\n' && *p != '\r') {
        p++;
    }
    if (p == sse->end) {
        return false;
    }
    *line = sse->at;
    *n = (size_t)(p - sse->at);
    sse->at = p + (*p == '\r' && p + 1 < sse->end && p[1] == '\n' ? 2 : 1);
    return true;
}

tj_code tj_sse_next(tj_sse *sse, const char **data, size_t *n, tj_err *err)
{
    static const char field[] = "data";
    const size_t n_field = sizeof field - 1;
    const char *line = NULL;
    size_t len = 0;
    bool has_data = false;
    *data = NULL;
    *n = 0;
    tj_buf_clear(&sse->data);
    while (take_line(sse, &line, &len)) {
        if (len == 0 && has_data) {
            tj_code rc = tj_buf_check(&sse->data, err);
            *data = rc == TJ_OK ? tj_buf_text(&sse->data) : NULL;
            *n = rc == TJ_OK ? sse->data.len : 0;
            return rc;
        }
        if (len < n_field || memcmp(line, field, n_field) != 0 ||
            (len > n_field && line[n_field] != ':')) {
            continue;
        }
        size_t skip = len > n_field ? n_field + 1 : n_field;
        skip += skip < len && line[skip] == ' ' ? 1 : 0;
        if (has_data) {
            tj_buf_char(&sse->data, '\n');
        }
        tj_buf_add(&sse->data, line + skip, len - skip);
        has_data = true;
    }
    return TJ_OK;
}
