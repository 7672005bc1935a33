#include "base/json.h"

#include <stdbool.h>

/* Whether brackets open deeper than max_depth; those in strings do not count. Says nothing of
 * whether the text is JSON. */
static bool is_deeper(const char *text, size_t len, size_t max_depth)
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
    if (is_deeper(text, len, max_depth)) {
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
