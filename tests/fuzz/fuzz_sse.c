/* Any bytes as a stream of server-sent events. What an event's data are does not depend on the form
 * of the ends of lines, and data written as events read back to the same. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "infer/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the data as an event again: a field for each line. */
static void write_event(tj_buf *out, const char *data, size_t n)
{
    const char *end = data + n;
    for (const char *line = data;; line++) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop == NULL ? end : stop;
        tj_buf_str(out, "data: ");
        tj_buf_add(out, line, (size_t)(stop - line));
        tj_buf_str(out, "\r\n");
        line = stop;
        if (stop == end) {
            break;
        }
    }
    tj_buf_str(out, "\r\n");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_sse sse, again;
    tj_buf written;
    const char *event, *same;
    size_t n, n_same, n_bytes = 0;
    tj_buf_init(&written);
    tj_sse_begin(&sse, (const char *)data, size);
    do {
        TJ_ASSERT(tj_sse_next(&sse, &event, &n, NULL) == TJ_OK);
        if (event != NULL) {
            n_bytes += n;
            write_event(&written, event, n);
        }
    } while (event != NULL);
    tj_sse_end(&sse);
    TJ_ASSERT(n_bytes <= size);
    tj_sse_begin(&sse, (const char *)data, size);
    tj_sse_begin(&again, tj_buf_text(&written), written.len);
    do {
        TJ_ASSERT(tj_sse_next(&sse, &event, &n, NULL) == TJ_OK);
        TJ_ASSERT(tj_sse_next(&again, &same, &n_same, NULL) == TJ_OK);
        TJ_ASSERT((event == NULL) == (same == NULL) && n == n_same);
        TJ_ASSERT(event == NULL || memcmp(event, same, n) == 0);
    } while (event != NULL);
    tj_sse_end(&sse);
    tj_sse_end(&again);
    tj_buf_deinit(&written);
    return 0;
}
