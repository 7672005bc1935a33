/* JSON of requests. */
#include "web/api_fields.h"

#include <string.h>

#include "base/json.h"
#include "web/openai_request.h"

tj_code tj_api_load(json_t **out, const char *body, size_t len, tj_api_error *e)
{
    json_t *root;
    tj_err err;
    *out = NULL;
    tj_code rc = tj_json_parse(&root, body, len, TJ_MAX_REQUEST_DEPTH, "the body", &err);
    if (rc != TJ_OK) {
        return tj_api_fail(e, rc, NULL, "%s", err.msg);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return tj_api_fail(e, TJ_E_INVAL, NULL, "the body is not an object");
    }
    *out = root;
    return TJ_OK;
}

tj_code tj_api_size(size_t *out, const char *name, const json_t *value, size_t min, size_t max,
                    tj_api_error *e)
{
    json_int_t n = json_is_integer(value) ? json_integer_value(value) : -1;
    if (n < 0 || (size_t)n < min || (size_t)n > max) {
        size_t shown = max > INT64_MAX ? (size_t)INT64_MAX : max;
        return tj_api_fail(e, TJ_E_INVAL, name, "%s is not a whole number from %zu to %zu", name,
                           min, shown);
    }
    *out = (size_t)n;
    return TJ_OK;
}

tj_code tj_api_double(double *out, const char *name, const json_t *value, double min, double max,
                      tj_api_error *e)
{
    double x = json_is_number(value) ? json_number_value(value) : min - 1.0;
    if (!(x >= min) || !(x <= max)) {
        return tj_api_fail(e, TJ_E_INVAL, name, "%s is not a number from %g to %g", name, min, max);
    }
    *out = x;
    return TJ_OK;
}

tj_code tj_api_bool(bool *out, const char *name, const json_t *value, tj_api_error *e)
{
    if (!json_is_boolean(value)) {
        return tj_api_fail(e, TJ_E_INVAL, name, "%s is neither true nor false", name);
    }
    *out = json_is_true(value);
    return TJ_OK;
}

bool tj_api_is_among(const char *const *names, const char *name)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

tj_code tj_api_object(const char *name, json_t *value, const char *const *known, tj_api_error *e)
{
    const char *key;
    json_t *item;
    if (!json_is_object(value)) {
        return tj_api_fail(e, TJ_E_INVAL, name, "%s is not an object", name);
    }
    json_object_foreach(value, key, item)
    {
        if (!tj_api_is_among(known, key)) {
            return tj_api_fail(e, TJ_E_INVAL, name, "%s.%.64s is not supported", name, key);
        }
    }
    return TJ_OK;
}

bool tj_api_is_empty(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_STRING:
        return json_string_length(value) == 0;
    case JSON_ARRAY:
        return json_array_size(value) == 0;
    case JSON_OBJECT:
        return json_object_size(value) == 0;
    default:
        return false;
    }
}

static bool is_number(const json_t *value, double x)
{
    return json_is_number(value) && json_number_value(value) >= x && json_number_value(value) <= x;
}

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* Fields that would change the answer; `neutral` says which value asks for nothing. */
static const struct {
    const char *name;
    enum { NEVER, EMPTY, ZERO, ONE, TEXT_ONLY, NO_TOOL } neutral;
    const char *why;
} refused[] = {
    {"suffix", EMPTY, "text is only continued, not filled in"},
    {"logit_bias", EMPTY, "logits are not changed"},
    {"presence_penalty", ZERO, "logits are not changed"},
    {"frequency_penalty", ZERO, "logits are not changed"},
    {"repetition_penalty", ONE, "logits are not changed"},
    {"tools", EMPTY, "there are no tool calls"},
    {"tool_choice", NO_TOOL, "there are no tool calls"},
    {"functions", EMPTY, "there are no tool calls"},
    {"function_call", NO_TOOL, "there are no tool calls"},
    {"modalities", TEXT_ONLY, "there is text only"},
    {"audio", EMPTY, "there is text only"},
    {"prediction", EMPTY, "there are no predicted outputs"},
    {"web_search_options", NEVER, "there is no search"},
    {"reasoning_effort", EMPTY, "use chat_template_kwargs.enable_thinking"},
    {"verbosity", EMPTY, "ask for it in the prompt"},
};

static bool is_neutral(size_t i, const json_t *value)
{
    switch (refused[i].neutral) {
    case EMPTY:
        return tj_api_is_empty(value);
    case ZERO:
        return is_number(value, 0.0);
    case ONE:
        return is_number(value, 1.0);
    case TEXT_ONLY:
        return json_array_size(value) == 1 && is_text(json_array_get(value, 0), "text");
    case NO_TOOL: /* with tools refused, "auto" has none to choose from */
        return is_text(value, "none") || is_text(value, "auto");
    case NEVER:
        break;
    }
    return false;
}

tj_code tj_api_other_field(const char *name, const json_t *value, tj_api_error *e)
{
    static const char *const harmless[] = {"user",
                                           "metadata",
                                           "store",
                                           "service_tier",
                                           "safety_identifier",
                                           "prompt_cache_key",
                                           "prompt_cache_retention",
                                           "parallel_tool_calls",
                                           "cache_prompt",
                                           NULL};
    if (json_is_null(value) || tj_api_is_among(harmless, name)) {
        return TJ_OK;
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (strcmp(refused[i].name, name) == 0) {
            return is_neutral(i, value)
                       ? TJ_OK
                       : tj_api_fail(e, TJ_E_INVAL, name, "%s is not supported: %s", name,
                                     refused[i].why);
        }
    }
    return tj_api_fail(e, TJ_E_INVAL, name, "%.64s is not a known field", name);
}
