#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

json_t *tj_json_text(const char *text, size_t n)
{
    tj_buf literal;
    tj_buf_init(&literal);
    tj_buf_json(&literal, text, n);
    json_t *json = literal.failed ? NULL
                                  : json_loadb(tj_buf_text(&literal), literal.len,
                                               JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    tj_buf_deinit(&literal);
    return json;
}

json_t *tj_json_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

void tj_json_set(json_t **object, const char *key, json_t *value)
{
    if (*object == NULL) {
        json_decref(value);
    } else if (json_object_set_new(*object, key, value) != 0) {
        json_decref(*object);
        *object = NULL;
    }
}

void tj_json_append(json_t **array, json_t *value)
{
    if (*array == NULL) {
        json_decref(value);
    } else if (json_array_append_new(*array, value) != 0) {
        json_decref(*array);
        *array = NULL;
    }
}

void tj_json_line(tj_buf *out, const json_t *json)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    if (text == NULL) {
        out->failed = true;
        return;
    }
    tj_buf_str(out, text);
    tj_buf_char(out, '\n');
    free(text); /* Jansson's own allocation */
}

bool tj_json_is_deeper(const char *text, size_t len, size_t max_depth)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            i += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > max_depth) {
                return true;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return false;
}

tj_code tj_json_parse(json_t **out, const char *text, size_t len, size_t max_depth,
                      const char *what, tj_err *err)
{
    json_error_t why;
    *out = NULL;
    if (tj_json_is_deeper(text, len, max_depth)) {
        return tj_fail(err, TJ_E_PARSE, "%s is JSON of more than %zu levels", what, max_depth);
    }
    *out = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (*out == NULL && json_error_code(&why) == json_error_out_of_memory) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %s", what);
    }
    return *out != NULL ? TJ_OK
                        : tj_fail(err, TJ_E_PARSE, "%s is not JSON: %s, in line %d, column %d",
                                  what, why.text, why.line, why.column);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void tj_json_unfence(const char **text, size_t *len)
{
    const char *t = *text;
    size_t n = *len;
    for (; n > 0 && is_blank(t[0]); n--) {
        t++;
    }
    while (n > 0 && is_blank(t[n - 1])) {
        n--;
    }
    const char *line = n >= 6 && memcmp(t, "```", 3) == 0 ? memchr(t, '\n', n) : NULL;
    if (line != NULL && memcmp(t + n - 3, "```", 3) == 0 && line < t + n - 3) {
        n -= (size_t)(line + 1 - t) + 3;
        t = line + 1;
    }
    *text = t;
    *len = n;
}

tj_code tj_json_values_each(const char *text, size_t len, const char *name, size_t flags,
                            tj_json_value_fn fn, void *ctx, tj_err *err)
{
    size_t line = 1;
    tj_code rc = TJ_OK;
    for (size_t at = 0; rc == TJ_OK;) {
        for (; at < len && strchr(" \t\r\n", text[at]) != NULL && text[at] != 0; at++) {
            line += text[at] == '\n' ? 1 : 0;
        }
        if (at == len) {
            break;
        }
        json_error_t why;
        json_t *json = json_loadb(text + at, len - at,
                                  JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES | flags, &why);
        if (json == NULL) {
            size_t there = line + (why.line > 0 ? (size_t)why.line - 1 : 0);
            return tj_fail(err, TJ_E_PARSE, "%s:%zu: not JSON: %s", name, there, why.text);
        }
        rc = fn(ctx, json, line, err);
        json_decref(json);
        for (size_t end = at + (size_t)why.position; at < end; at++) {
            line += text[at] == '\n' ? 1 : 0;
        }
    }
    return rc;
}
