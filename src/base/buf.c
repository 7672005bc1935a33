/* Growth doubles, so building a text of n bytes costs O(n). One byte is always kept for the
 * terminating zero. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/character.h"

void tj_buf_init(tj_buf *buf)
{
    *buf = (tj_buf){0};
}

void tj_buf_deinit(tj_buf *buf)
{
    tj_free(buf->data);
    *buf = (tj_buf){0};
}

void tj_buf_clear(tj_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

/* Room for n more bytes and the zero; false, and the buffer failed, when there is none. */
static bool reserve(tj_buf *buf, size_t n)
{
    size_t need;
    if (buf->failed) {
        return false;
    }
    if (!tj_add_size(&need, buf->len, n) || !tj_add_size(&need, need, 1) ||
        !tj_grow(&buf->data, &buf->cap, need, 1)) {
        buf->failed = true;
        return false;
    }
    return true;
}

void tj_buf_add(tj_buf *buf, const char *bytes, size_t n)
{
    if (!reserve(buf, n)) {
        return;
    }
    if (n > 0) { /* bytes may be NULL when n is 0 */
        memcpy(buf->data + buf->len, bytes, n);
    }
    buf->len += n;
    buf->data[buf->len] = '\0';
}

void tj_buf_str(tj_buf *buf, const char *s)
{
    tj_buf_add(buf, s, strlen(s));
}

void tj_buf_char(tj_buf *buf, char c)
{
    tj_buf_add(buf, &c, 1);
}

void tj_buf_printf(tj_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
        return;
    }
    if (!reserve(buf, (size_t)n)) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(buf->data + buf->len, (size_t)n + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)n;
}

static void add_json_ascii(tj_buf *buf, char c)
{
    switch (c) {
    case '"':
        tj_buf_add(buf, "\\\"", 2);
        return;
    case '\\':
        tj_buf_add(buf, "\\\\", 2);
        return;
    case '\n':
        tj_buf_add(buf, "\\n", 2);
        return;
    case '\r':
        tj_buf_add(buf, "\\r", 2);
        return;
    case '\t':
        tj_buf_add(buf, "\\t", 2);
        return;
    default:
        if ((unsigned char)c < 0x20 || c == 0x7F) {
            tj_buf_printf(buf, "\\u%04x", (unsigned)c);
        } else {
            tj_buf_char(buf, c);
        }
    }
}

/* Whether a byte of a string stands for itself in JSON. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

void tj_buf_json(tj_buf *buf, const char *s, size_t n)
{
    const unsigned char *bytes = (const unsigned char *)s;
    tj_buf_char(buf, '"');
    for (size_t i = 0; i < n;) {
        size_t plain = i;
        while (plain < n && is_plain(bytes[plain])) {
            plain++;
        }
        if (plain > i) {
            tj_buf_add(buf, s + i, plain - i);
            i = plain;
            continue;
        }
        size_t len = tj_character_bytes(bytes + i, n - i);
        if (len == 0) { /* U+FFFD, so that the result is JSON whatever the bytes were */
            tj_buf_add(buf, "\xEF\xBF\xBD", 3);
            i++;
        } else if (len == 1) {
            add_json_ascii(buf, s[i]);
            i++;
        } else {
            tj_buf_add(buf, s + i, len);
            i += len;
        }
    }
    tj_buf_char(buf, '"');
}

void tj_buf_html(tj_buf *buf, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        switch (s[i]) {
        case '&':
            tj_buf_str(buf, "&amp;");
            break;
        case '<':
            tj_buf_str(buf, "&lt;");
            break;
        case '>':
            tj_buf_str(buf, "&gt;");
            break;
        case '"':
            tj_buf_str(buf, "&quot;");
            break;
        case '\'':
            tj_buf_str(buf, "&#39;");
            break;
        default:
            tj_buf_char(buf, s[i]);
        }
    }
}

tj_code tj_buf_check(const tj_buf *buf, tj_err *err)
{
    if (buf->failed) {
        return tj_fail(err, TJ_E_NOMEM, "cannot grow a text beyond %zu bytes", buf->len);
    }
    return TJ_OK;
}

char *tj_buf_take(tj_buf *buf)
{
    if (reserve(buf, 0)) {
        buf->data[buf->len] = '\0';
    } else {
        tj_free(buf->data);
        buf->data = NULL;
    }
    char *text = buf->data;
    *buf = (tj_buf){0};
    return text;
}

const char *tj_buf_text(const tj_buf *buf)
{
    return buf->data == NULL ? "" : buf->data;
}
