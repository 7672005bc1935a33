/* A table says what each field means, for which of the two endpoints; what is in no table is
 * unknown and refused, since it might change the answer. A null is as good as nothing.
 *
 * The depth of a body is measured before it is parsed: Jansson descends recursively. */
#include "web/openai_request.h"

#include <string.h>

#include "base/alloc.h"
#include "web/api_fields.h"

/* ------------------------------------------------------------ prompts */

static tj_code read_ids(tj_ids *ids, const json_t *list, tj_api_error *e)
{
    size_t i;
    const json_t *item;
    tj_err err;
    json_array_foreach(list, i, item)
    {
        json_int_t n = json_is_integer(item) ? json_integer_value(item) : -1;
        if (n < 0 || n > INT32_MAX) {
            return tj_api_fail(e, TJ_E_INVAL, "prompt", "prompt[%zu] is not a token id", i);
        }
        int32_t id = (int32_t)n;
        tj_code rc = tj_ids_add(ids, &id, 1, &err);
        if (rc != TJ_OK) {
            tj_api_from_err(e, rc, &err);
            return rc;
        }
    }
    return TJ_OK;
}

static tj_code read_prompt(tj_api_prompt *prompt, const json_t *value, tj_api_error *e)
{
    if (json_is_string(value)) {
        prompt->text = json_string_value(value);
        prompt->len = json_string_length(value);
        return TJ_OK;
    }
    if (!json_is_array(value)) {
        return tj_api_fail(e, TJ_E_INVAL, "prompt",
                           "prompt is neither a text, nor token ids, nor a list of these");
    }
    if (json_array_size(value) == 0) {
        return tj_api_fail(e, TJ_E_INVAL, "prompt", "prompt has no tokens");
    }
    return read_ids(&prompt->ids, value, e);
}

static tj_code read_prompts(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    const json_t *first = json_array_get(value, 0); /* NULL where value is no list */
    bool many = json_is_string(first) || json_is_array(first);
    size_t n = many ? json_array_size(value) : 1;
    if (n > TJ_MAX_PROMPTS) {
        return tj_api_fail(e, TJ_E_INVAL, name, "%zu prompts, at most %zu", n, TJ_MAX_PROMPTS);
    }
    req->prompts = tj_calloc(n, sizeof *req->prompts);
    if (req->prompts == NULL) {
        return tj_api_fail(e, TJ_E_NOMEM, name, "cannot hold %zu prompts", n);
    }
    req->n_prompts = n;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = read_prompt(&req->prompts[i], many ? json_array_get(value, i) : value, e);
    }
    return rc;
}

/* ------------------------------------------------------------ messages */

static tj_code read_role(tj_role *out, const json_t *message, size_t i, tj_api_error *e)
{
    static const struct {
        const char *name;
        tj_role role;
    } roles[] = {{"system", TJ_ROLE_SYSTEM},
                 {"developer", TJ_ROLE_SYSTEM},
                 {"user", TJ_ROLE_USER},
                 {"assistant", TJ_ROLE_ASSISTANT}};
    const char *name = json_string_value(json_object_get(message, "role"));
    for (size_t r = 0; name != NULL && r < sizeof roles / sizeof roles[0]; r++) {
        if (strcmp(name, roles[r].name) == 0) {
            *out = roles[r].role;
            return TJ_OK;
        }
    }
    return tj_api_fail(e, TJ_E_INVAL, "messages",
                       "messages[%zu].role is '%.32s', expected system, developer, user or "
                       "assistant",
                       i, name == NULL ? "" : name);
}

/* The texts of a list of parts, one after another. */
static tj_code join_parts(tj_api_request *req, size_t i, const json_t *parts, tj_api_error *e)
{
    size_t p;
    const json_t *part;
    tj_buf text;
    tj_buf_init(&text);
    tj_code rc = TJ_OK;
    json_array_foreach(parts, p, part)
    {
        const char *type = json_string_value(json_object_get(part, "type"));
        const json_t *value = json_object_get(part, "text");
        if (type == NULL || strcmp(type, "text") != 0 || !json_is_string(value)) {
            rc = tj_api_fail(e, TJ_E_INVAL, "messages",
                             "messages[%zu].content[%zu] is not a part of type 'text'", i, p);
            break;
        }
        tj_buf_add(&text, json_string_value(value), json_string_length(value));
    }
    req->messages[i].len = text.len;
    req->joined[i] = rc == TJ_OK ? tj_buf_take(&text) : NULL;
    req->messages[i].text = req->joined[i];
    tj_buf_deinit(&text);
    if (rc == TJ_OK && req->joined[i] == NULL) {
        rc = tj_api_fail(e, TJ_E_NOMEM, "messages", "cannot hold messages[%zu]", i);
    }
    return rc;
}

static tj_code read_message(tj_api_request *req, size_t i, json_t *message, tj_api_error *e)
{
    /* thoughts of earlier turns are not shown to models; a name has no place in our templates */
    static const char *const passed[] = {"role",    "content",   "name",        "reasoning_content",
                                         "refusal", "reasoning", "annotations", NULL};
    const char *key;
    json_t *value;
    if (!json_is_object(message)) {
        return tj_api_fail(e, TJ_E_INVAL, "messages", "messages[%zu] is not an object", i);
    }
    json_object_foreach(message, key, value)
    {
        if (!tj_api_is_among(passed, key) && !tj_api_is_empty(value)) {
            return tj_api_fail(e, TJ_E_INVAL, "messages", "messages[%zu].%.64s is not supported", i,
                               key);
        }
    }
    tj_code rc = read_role(&req->messages[i].role, message, i, e);
    const json_t *content = json_object_get(message, "content");
    if (rc != TJ_OK) {
        return rc;
    }
    if (json_is_array(content)) {
        return join_parts(req, i, content, e);
    }
    if (!json_is_string(content)) {
        return tj_api_fail(e, TJ_E_INVAL, "messages",
                           "messages[%zu].content is neither a text nor a list of parts", i);
    }
    req->messages[i].text = json_string_value(content);
    req->messages[i].len = json_string_length(content);
    return TJ_OK;
}

static tj_code read_messages(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    size_t n = json_array_size(value); /* 0 where value is no list */
    if (n == 0 || n > TJ_MAX_MESSAGES) {
        return tj_api_fail(e, TJ_E_INVAL, name, "messages is not a list of 1 to %zu messages",
                           TJ_MAX_MESSAGES);
    }
    req->messages = tj_calloc(n, sizeof *req->messages);
    req->joined = tj_calloc(n, sizeof *req->joined);
    if (req->messages == NULL || req->joined == NULL) {
        return tj_api_fail(e, TJ_E_NOMEM, name, "cannot hold %zu messages", n);
    }
    req->n_messages = n;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = read_message(req, i, json_array_get(value, i), e);
    }
    return rc;
}

/* ------------------------------------------------------------ other fields */

static tj_code read_model(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    req->model = json_string_value(value);
    return req->model != NULL ? TJ_OK : tj_api_fail(e, TJ_E_INVAL, name, "model is not a text");
}

static tj_code read_max_tokens(tj_api_request *req, const char *name, json_t *value,
                               tj_api_error *e)
{
    req->has_max_tokens = true;
    return tj_api_size(&req->max_tokens, name, value, 0, SIZE_MAX, e);
}

static tj_code read_n(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    return tj_api_size(&req->n, name, value, 1, TJ_MAX_SAMPLES, e);
}

static tj_code read_best_of(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    return tj_api_size(&req->best_of, name, value, 1, TJ_MAX_SAMPLES, e);
}

static tj_code read_temperature(tj_api_request *req, const char *name, json_t *value,
                                tj_api_error *e)
{
    return tj_api_double(&req->sampling.temperature, name, value, 0.0, 2.0, e);
}

static tj_code read_top_p(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    double top_p = 0.0;
    tj_code rc = tj_api_double(&top_p, name, value, 0.0, 1.0, e);
    if (rc == TJ_OK && !(top_p > 0.0)) {
        return tj_api_fail(e, TJ_E_INVAL, name, "top_p is 0, which leaves no token");
    }
    if (rc == TJ_OK) {
        req->sampling.top_p = top_p;
    }
    return rc;
}

static tj_code read_min_p(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    return tj_api_double(&req->sampling.min_p, name, value, 0.0, 1.0, e);
}

/* -1 is what some clients send for "all". */
static tj_code read_top_k(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    if (json_is_integer(value) && json_integer_value(value) == -1) {
        return TJ_OK;
    }
    return tj_api_size(&req->sampling.top_k, name, value, 0, INT32_MAX, e);
}

/* Any 64-bit number: a negative one is its two's complement. */
static tj_code read_seed(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    if (!json_is_integer(value)) {
        return tj_api_fail(e, TJ_E_INVAL, name, "seed is not a whole number");
    }
    req->has_seed = true;
    req->seed = (uint64_t)json_integer_value(value);
    return TJ_OK;
}

static tj_code add_stop(tj_api_request *req, const json_t *value, tj_api_error *e)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (text == NULL || len == 0 || len > TJ_MAX_STOP_BYTES || memchr(text, 0, len) != NULL) {
        return tj_api_fail(e, TJ_E_INVAL, "stop",
                           "stop[%zu] is not a text of 1 to %zu bytes without NUL", req->n_stop,
                           TJ_MAX_STOP_BYTES);
    }
    req->stop[req->n_stop++] = text;
    return TJ_OK;
}

static tj_code read_stop(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    if (!json_is_array(value)) {
        return add_stop(req, value, e);
    }
    if (json_array_size(value) > TJ_MAX_STOPS) {
        return tj_api_fail(e, TJ_E_INVAL, name, "%zu stop strings, at most %zu",
                           json_array_size(value), TJ_MAX_STOPS);
    }
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < json_array_size(value) && rc == TJ_OK; i++) {
        rc = add_stop(req, json_array_get(value, i), e);
    }
    return rc;
}

/* A schema's form. Its keywords are named by their path. */
static tj_code read_schema(tj_api_request *req, const char *name, const json_t *schema,
                           const char *where, tj_api_error *e)
{
    tj_err err;
    tj_code rc = tj_form_create(&req->form, schema, where, &err);
    return rc == TJ_OK ? rc
                       : tj_api_fail(e, rc == TJ_E_LIMIT ? TJ_E_INVAL : rc, name, "%s", err.msg);
}

static tj_code read_any_object(tj_api_request *req, const char *name, tj_api_error *e)
{
    json_t *schema = json_pack("{s:s}", "type", "object");
    tj_code rc = schema == NULL ? tj_api_fail(e, TJ_E_NOMEM, name, "cannot hold a form")
                                : read_schema(req, name, schema, name, e);
    json_decref(schema);
    return rc;
}

/* `strict` changes nothing: answers are always held to the schema. */
static tj_code read_json_schema(tj_api_request *req, const char *name, json_t *value,
                                tj_api_error *e)
{
    static const char *const known[] = {"name", "description", "strict", "schema", NULL};
    tj_code rc = tj_api_object("response_format.json_schema", value, known, e);
    if (rc != TJ_OK) {
        return rc;
    }
    const json_t *schema = json_object_get(value, "schema");
    return schema == NULL
               ? tj_api_fail(e, TJ_E_INVAL, name, "response_format.json_schema.schema is missing")
               : read_schema(req, name, schema, "response_format.json_schema.schema", e);
}

static tj_code read_response_format(tj_api_request *req, const char *name, json_t *value,
                                    tj_api_error *e)
{
    static const char *const known[] = {"type", "json_schema", NULL};
    const char *type = json_string_value(json_object_get(value, "type"));
    json_t *schema = json_object_get(value, "json_schema");
    tj_code rc = tj_api_object(name, value, known, e);
    if (rc != TJ_OK) {
        return rc;
    }
    if (type != NULL && strcmp(type, "json_schema") == 0 && schema != NULL) {
        return read_json_schema(req, name, schema, e);
    }
    if (type != NULL && strcmp(type, "json_object") == 0 && schema == NULL) {
        return read_any_object(req, name, e);
    }
    return type != NULL && strcmp(type, "text") == 0 && schema == NULL
               ? TJ_OK
               : tj_api_fail(e, TJ_E_INVAL, name,
                             "response_format.type is '%.32s', expected text, json_object, or "
                             "json_schema with a json_schema",
                             type == NULL ? "" : type);
}

static tj_code read_echo(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    return tj_api_bool(&req->echo, name, value, e);
}

static tj_code read_stream(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    return tj_api_bool(&req->stream, name, value, e);
}

static tj_code read_stream_options(tj_api_request *req, const char *name, json_t *value,
                                   tj_api_error *e)
{
    /* obfuscation pads events against listeners; there is none here, which no answer shows */
    static const char *const known[] = {"include_usage", "include_obfuscation", NULL};
    const json_t *usage = json_object_get(value, "include_usage");
    tj_code rc = tj_api_object(name, value, known, e);
    if (rc == TJ_OK && usage != NULL) {
        rc = tj_api_bool(&req->include_usage, "stream_options.include_usage", usage, e);
    }
    return rc;
}

static tj_code read_template_kwargs(tj_api_request *req, const char *name, json_t *value,
                                    tj_api_error *e)
{
    static const char *const known[] = {"enable_thinking", NULL};
    const json_t *thinks = json_object_get(value, "enable_thinking");
    bool enabled = true;
    tj_code rc = tj_api_object(name, value, known, e);
    if (rc == TJ_OK && thinks != NULL) {
        rc = tj_api_bool(&enabled, "chat_template_kwargs.enable_thinking", thinks, e);
    }
    req->says_thinking = thinks != NULL;
    req->no_thinking = !enabled;
    return rc;
}

/* Of completions: the number of alternatives beside each token. */
static tj_code read_count_of_logprobs(tj_api_request *req, const char *name, json_t *value,
                                      tj_api_error *e)
{
    req->logprobs = true;
    return tj_api_size(&req->n_top, name, value, 0, TJ_MAX_TOP, e);
}

/* Of chats: whether there are any, */
static tj_code read_whether_logprobs(tj_api_request *req, const char *name, json_t *value,
                                     tj_api_error *e)
{
    return tj_api_bool(&req->logprobs, name, value, e);
}

/* and with how many alternatives. */
static tj_code read_top_logprobs(tj_api_request *req, const char *name, json_t *value,
                                 tj_api_error *e)
{
    return tj_api_size(&req->n_top, name, value, 0, TJ_MAX_TOP, e);
}

/* ------------------------------------------------------------ the tables */

#define TEXT (1u << TJ_API_TEXT)
#define CHAT (1u << TJ_API_CHAT)

typedef struct field {
    const char *name;
    unsigned kinds; /* TEXT, CHAT or both */
    tj_code (*read)(tj_api_request *req, const char *name, json_t *value, tj_api_error *e);
} field;

static const field fields[] = {
    {"model", TEXT | CHAT, read_model},
    {"prompt", TEXT, read_prompts},
    {"messages", CHAT, read_messages},
    {"max_tokens", TEXT | CHAT, read_max_tokens},
    {"max_completion_tokens", CHAT, read_max_tokens},
    {"n", TEXT | CHAT, read_n},
    {"best_of", TEXT, read_best_of},
    {"echo", TEXT, read_echo},
    {"logprobs", TEXT, read_count_of_logprobs},
    {"logprobs", CHAT, read_whether_logprobs},
    {"top_logprobs", CHAT, read_top_logprobs},
    {"temperature", TEXT | CHAT, read_temperature},
    {"top_p", TEXT | CHAT, read_top_p},
    {"top_k", TEXT | CHAT, read_top_k},
    {"min_p", TEXT | CHAT, read_min_p},
    {"seed", TEXT | CHAT, read_seed},
    {"stop", TEXT | CHAT, read_stop},
    {"response_format", TEXT | CHAT, read_response_format},
    {"stream", TEXT | CHAT, read_stream},
    {"stream_options", TEXT | CHAT, read_stream_options},
    {"chat_template_kwargs", CHAT, read_template_kwargs},
};

static tj_code read_field(tj_api_request *req, const char *name, json_t *value, tj_api_error *e)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].name, name) == 0 && (fields[i].kinds & (1u << req->kind)) != 0) {
            return json_is_null(value) ? TJ_OK : fields[i].read(req, name, value, e);
        }
    }
    return tj_api_other_field(name, value, e);
}

/* ------------------------------------------------------------ the whole */

/* What fields say together. */
static tj_code check(tj_api_request *req, tj_api_error *e)
{
    if (req->model == NULL) {
        return tj_api_fail(e, TJ_E_INVAL, "model", "model is missing");
    }
    if (req->kind == TJ_API_TEXT && req->n_prompts == 0) {
        return tj_api_fail(e, TJ_E_INVAL, "prompt", "prompt is missing");
    }
    if (req->kind == TJ_API_CHAT && req->n_messages == 0) {
        return tj_api_fail(e, TJ_E_INVAL, "messages", "messages are missing");
    }
    if (req->n_top > 0 && !req->logprobs) {
        return tj_api_fail(e, TJ_E_INVAL, "top_logprobs", "top_logprobs without logprobs");
    }
    if (req->include_usage && !req->stream) {
        return tj_api_fail(e, TJ_E_INVAL, "stream_options", "stream_options without stream");
    }
    if (req->best_of == 0) {
        req->best_of = req->n;
    }
    if (req->best_of < req->n) {
        return tj_api_fail(e, TJ_E_INVAL, "best_of", "best_of is %zu, less than n, which is %zu",
                           req->best_of, req->n);
    }
    if (req->stream && req->best_of > req->n) {
        return tj_api_fail(e, TJ_E_INVAL, "best_of",
                           "best_of above n cannot be streamed: which are best is known at the "
                           "end");
    }
    if (req->n_prompts * req->best_of > TJ_MAX_CHOICES) {
        return tj_api_fail(e, TJ_E_INVAL, "n",
                           "%zu prompts of %zu samples each, at most %zu in all", req->n_prompts,
                           req->best_of, TJ_MAX_CHOICES);
    }
    return TJ_OK;
}

static tj_code read_fields(tj_api_request *req, tj_api_error *e)
{
    const char *key;
    json_t *value;
    tj_code rc = TJ_OK;
    json_object_foreach(req->root, key, value)
    {
        rc = read_field(req, key, value, e);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return check(req, e);
}

tj_code tj_api_request_parse(tj_api_request *out, tj_api_kind kind, const char *body, size_t len,
                             tj_api_error *e)
{
    *out = (tj_api_request){.kind = kind, .n = 1, .sampling = {.temperature = 1.0, .top_p = 1.0}};
    tj_code rc = tj_api_load(&out->root, body, len, e);
    if (rc == TJ_OK) {
        rc = read_fields(out, e);
    }
    if (rc != TJ_OK) {
        tj_api_request_deinit(out);
    }
    return rc;
}

void tj_api_request_deinit(tj_api_request *req)
{
    for (size_t i = 0; i < req->n_prompts; i++) {
        tj_ids_deinit(&req->prompts[i].ids);
    }
    for (size_t i = 0; i < req->n_messages; i++) {
        tj_free(req->joined[i]);
    }
    tj_free(req->prompts);
    tj_free(req->messages);
    tj_free(req->joined);
    tj_form_destroy(req->form);
    json_decref(req->root);
    memset(req, 0, sizeof *req);
}
