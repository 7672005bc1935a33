#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* Ends msg before a UTF-8 character that the end of the buffer cut in two. */
static void trim_cut_character(char *msg, size_t len)
{
    size_t start = len;
    while (start > 0 && len - start < 3 && ((unsigned char)msg[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start > 0 && ((unsigned char)msg[start - 1] & 0xC0) == 0xC0) {
        unsigned char lead = (unsigned char)msg[start - 1];
        size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (len - (start - 1) < want) {
            msg[start - 1] = '\0';
        }
    }
}

tj_code tj_fail(tj_err *err, tj_code code, const char *fmt, ...)
{
    if (err == NULL) {
        return code;
    }
    char msg[TJ_ERR_MSG_BYTES]; /* apart from err->msg, which may be among the arguments */
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    if (n < 0) {
        msg[0] = '\0';
    } else if ((size_t)n >= sizeof msg) {
        trim_cut_character(msg, sizeof msg - 1);
    }
    err->code = code;
    memcpy(err->msg, msg, strlen(msg) + 1);
    return code;
}

void tj_err_context(tj_err *err, const char *fmt, ...)
{
    if (err == NULL) {
        return;
    }
    char msg[TJ_ERR_MSG_BYTES];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    if (n < 0) {
        return;
    }
    size_t len = strlen(msg);
    size_t room = sizeof msg - 1 - len;
    size_t sep = room < 2 ? room : 2;
    memcpy(msg + len, ": ", sep);
    len += sep;
    room -= sep;
    size_t old = strlen(err->msg);
    size_t kept = old < room ? old : room;
    memcpy(msg + len, err->msg, kept);
    len += kept;
    msg[len] = '\0';
    if (len == sizeof msg - 1) {
        trim_cut_character(msg, len);
    }
    memcpy(err->msg, msg, strlen(msg) + 1);
}

const char *tj_code_name(tj_code code)
{
    switch (code) {
    case TJ_OK:
        return "ok";
    case TJ_E_NOMEM:
        return "out of memory";
    case TJ_E_INVAL:
        return "invalid value";
    case TJ_E_PARSE:
        return "parse error";
    case TJ_E_IO:
        return "input or output error";
    case TJ_E_LIMIT:
        return "limit reached";
    case TJ_E_NOTFOUND:
        return "not found";
    case TJ_E_CONFLICT:
        return "conflict";
    case TJ_E_CANCELLED:
        return "cancelled";
    case TJ_E_NUMERIC:
        return "not a finite number";
    case TJ_E_BACKEND:
        return "library error";
    }
    return "unknown error";
}
