/* Errors in OpenAI's form. */
#include "web/api_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

unsigned tj_http_status(tj_code code)
{
    switch (code) {
    case TJ_OK:
        return 200;
    case TJ_E_INVAL:
    case TJ_E_PARSE:
        return 400;
    case TJ_E_NOTFOUND:
        return 404;
    case TJ_E_LIMIT:
        return 429;
    case TJ_E_CONFLICT: /* it is about to end */
    case TJ_E_NOMEM:
        return 503;
    case TJ_E_CANCELLED: /* a client that left is not answered, so time was up */
        return 504;
    case TJ_E_IO:
    case TJ_E_NUMERIC:
    case TJ_E_BACKEND:
        break;
    }
    return 500;
}

/* What programs distinguish; fields of a request have none. */
static const char *word(tj_code code)
{
    switch (code) {
    case TJ_E_LIMIT:
        return "queue_full";
    case TJ_E_CONFLICT:
        return "shutting_down";
    case TJ_E_CANCELLED:
        return "timeout";
    default:
        return NULL;
    }
}

tj_code tj_api_fail(tj_api_error *e, tj_code code, const char *param, const char *fmt, ...)
{
    va_list args;
    *e = (tj_api_error){.status = tj_http_status(code), .code = word(code)};
    snprintf(e->param, sizeof e->param, "%s", param == NULL ? "" : param);
    va_start(args, fmt);
    vsnprintf(e->message, sizeof e->message, fmt, args);
    va_end(args);
    return code;
}

void tj_api_from_err(tj_api_error *e, tj_code code, const tj_err *err)
{
    (void)tj_api_fail(e, code, NULL, "%s", err->msg);
}

void tj_api_refuse(tj_api_error *e, unsigned status, const char *code, const char *fmt, ...)
{
    va_list args;
    *e = (tj_api_error){.status = status, .code = code};
    va_start(args, fmt);
    vsnprintf(e->message, sizeof e->message, fmt, args);
    va_end(args);
}

static const char *type_of(unsigned status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 429:
        return "rate_limit_error";
    default:
        return status < 500 ? "invalid_request_error" : "server_error";
    }
}

static void add_or_null(tj_buf *out, const char *text)
{
    if (text == NULL || text[0] == 0) {
        tj_buf_str(out, "null");
    } else {
        tj_buf_json(out, text, strlen(text));
    }
}

void tj_api_error_json(tj_buf *out, const tj_api_error *e)
{
    tj_buf_str(out, "{\"error\":{\"message\":");
    tj_buf_json(out, e->message, strlen(e->message));
    tj_buf_printf(out, ",\"type\":\"%s\",\"param\":", type_of(e->status));
    add_or_null(out, e->param);
    tj_buf_str(out, ",\"code\":");
    add_or_null(out, e->code);
    tj_buf_str(out, "}}");
}
