/* Answers of /chat/completions and /completions. Nothing is guessed: what is missing or of another
 * type than the protocol says is an error that names the field. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "infer/remote.h"

tj_remote_asked tj_remote_asked_of(const tj_query *query, size_t n)
{
    return (tj_remote_asked){.chat = query->messages != NULL,
                             .n = n,
                             .has_stops = query->n_stop > 0,
                             .logprobs = query->logprobs,
                             .pooled = query->pooled};
}

/* ------------------------------------------------------------ fields */

static tj_code wrong(tj_err *err, const char *field, const json_t *value, const char *expected)
{
    return value == NULL ? tj_fail(err, TJ_E_PARSE, "%s is missing", field)
                         : tj_fail(err, TJ_E_PARSE, "%s is not %s", field, expected);
}

/* Whether a field is there; null is as if it were not, as servers mean it. */
static bool is_there(const json_t *value)
{
    return value != NULL && !json_is_null(value);
}

static tj_code read_object(const json_t **out, const json_t *from, const char *field, tj_err *err)
{
    *out = json_object_get(from, field);
    return json_is_object(*out) ? TJ_OK : wrong(err, field, *out, "an object");
}

/* Finds a text; *out is NULL where it is null. */
static tj_code read_text(const json_t **out, const json_t *from, const char *field, tj_err *err)
{
    *out = json_object_get(from, field);
    if (json_is_null(*out)) {
        *out = NULL;
        return TJ_OK;
    }
    return json_is_string(*out) ? TJ_OK : wrong(err, field, *out, "text");
}

/* ------------------------------------------------------------ log-probabilities */

/* A little above 0 is rounding; more is something else than a log-probability. */
#define LOGPROB_SLACK 1e-3

static tj_code read_logprob(double *out, const json_t *value, tj_err *err)
{
    if (!json_is_number(value)) {
        return wrong(err, "logprob", value, "a number");
    }
    *out = json_number_value(value);
    return isfinite(*out) && *out <= LOGPROB_SLACK
               ? TJ_OK
               : tj_fail(err, TJ_E_PARSE, "logprob is %g, not at most 0", *out);
}

/* The bytes of a token, where they are told apart from its text; into *buf. */
static tj_code read_bytes(tj_buf *buf, const json_t *bytes, tj_err *err)
{
    const json_t *one;
    size_t i;
    tj_buf_clear(buf);
    if (!json_is_array(bytes)) {
        return wrong(err, "bytes", bytes, "a list");
    }
    json_array_foreach(bytes, i, one)
    {
        json_int_t byte = json_is_integer(one) ? json_integer_value(one) : -1;
        if (byte < 0 || byte > 255) {
            return tj_fail(err, TJ_E_PARSE, "bytes[%zu] is not from 0 to 255", i);
        }
        tj_buf_char(buf, (char)(unsigned char)byte);
    }
    return tj_buf_check(buf, err);
}

typedef void (*add_fn)(tj_token_list *list, const char *bytes, size_t n, double logprob);

/* {"token", "logprob", "bytes"} */
static tj_code read_token(tj_token_list *list, add_fn add, const json_t *token, tj_buf *buf,
                          tj_err *err)
{
    const json_t *bytes = json_object_get(token, "bytes");
    const json_t *text = NULL;
    double logprob = 0.0;
    tj_code rc = json_is_object(token) ? TJ_OK : wrong(err, "it", token, "an object");
    if (rc == TJ_OK) {
        rc = read_logprob(&logprob, json_object_get(token, "logprob"), err);
    }
    if (rc == TJ_OK && is_there(bytes)) {
        rc = read_bytes(buf, bytes, err);
        if (rc == TJ_OK) {
            add(list, tj_buf_text(buf), buf->len, logprob);
        }
    } else if (rc == TJ_OK) {
        text = json_object_get(token, "token");
        rc = json_is_string(text) ? TJ_OK : wrong(err, "token", text, "text");
        if (rc == TJ_OK) {
            add(list, json_string_value(text), json_string_length(text), logprob);
        }
    }
    return rc;
}

/* As chats have it: [{"token", "logprob", "bytes", "top_logprobs": [...]}] */
static tj_code read_content(tj_token_list *list, const json_t *content, tj_err *err)
{
    const json_t *token, *one;
    size_t i, k;
    tj_buf buf;
    tj_code rc = json_is_array(content) ? TJ_OK : wrong(err, "content", content, "a list");
    tj_buf_init(&buf);
    json_array_foreach(content, i, token)
    {
        rc = read_token(list, tj_token_list_add, token, &buf, err);
        const json_t *top = json_object_get(token, "top_logprobs");
        if (rc == TJ_OK && is_there(top) && !json_is_array(top)) {
            rc = wrong(err, "top_logprobs", top, "a list");
        }
        for (k = 0; rc == TJ_OK && k < json_array_size(top); k++) {
            one = json_array_get(top, k);
            rc = read_token(list, tj_token_list_add_top, one, &buf, err);
            if (rc != TJ_OK) {
                tj_err_context(err, "top_logprobs[%zu]", k);
            }
        }
        if (rc != TJ_OK) {
            tj_err_context(err, "content[%zu]", i);
            break;
        }
    }
    tj_buf_deinit(&buf);
    return rc;
}

/* A place's alternatives as completions have them: {"text": logprob, ...} or null. */
static tj_code read_top_map(tj_token_list *list, json_t *map, tj_err *err)
{
    const char *text;
    json_t *value;
    size_t n;
    double logprob = 0.0;
    if (map != NULL && !json_is_null(map) && !json_is_object(map)) {
        return wrong(err, "it", map, "an object");
    }
    json_object_keylen_foreach(map, text, n, value)
    {
        tj_code rc = read_logprob(&logprob, value, err);
        if (rc != TJ_OK) {
            return rc;
        }
        tj_token_list_add_top(list, text, n, logprob);
    }
    return TJ_OK;
}

/* As completions have it: {"tokens": [...], "token_logprobs": [...], "top_logprobs": [...]} */
static tj_code read_lists(tj_token_list *list, const json_t *logprobs, tj_err *err)
{
    const json_t *tokens = json_object_get(logprobs, "tokens");
    const json_t *values = json_object_get(logprobs, "token_logprobs");
    const json_t *top = json_object_get(logprobs, "top_logprobs");
    if (!json_is_array(tokens) || !json_is_array(values)) {
        return json_is_array(tokens) ? wrong(err, "token_logprobs", values, "a list")
                                     : wrong(err, "tokens", tokens, "a list");
    }
    if (is_there(top) && !json_is_array(top)) {
        return wrong(err, "top_logprobs", top, "a list");
    }
    size_t n = json_array_size(tokens);
    if (json_array_size(values) != n || (is_there(top) && json_array_size(top) != n)) {
        return tj_fail(err, TJ_E_PARSE, "%zu tokens have %zu token_logprobs and %zu top_logprobs",
                       n, json_array_size(values), json_array_size(top));
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *text = json_array_get(tokens, i);
        double logprob = 0.0;
        if (!json_is_string(text)) {
            return tj_fail(err, TJ_E_PARSE, "tokens[%zu] is not text", i);
        }
        tj_code rc = read_logprob(&logprob, json_array_get(values, i), err);
        if (rc == TJ_OK) {
            tj_token_list_add(list, json_string_value(text), json_string_length(text), logprob);
            rc = read_top_map(list, json_array_get(top, i), err);
        }
        if (rc != TJ_OK) {
            tj_err_context(err, "token %zu", i);
            return rc;
        }
    }
    return TJ_OK;
}

/* Either form at either route: servers mix them. */
static tj_code read_logprobs(tj_completion *out, const json_t *choice, tj_err *err)
{
    const json_t *logprobs;
    tj_token_list list;
    tj_code rc = read_object(&logprobs, choice, "logprobs", err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_token_list_begin(&list, out);
    const json_t *content = json_object_get(logprobs, "content");
    rc = content != NULL ? read_content(&list, content, err) : read_lists(&list, logprobs, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "logprobs");
        tj_token_list_abort(&list);
        return rc;
    }
    return tj_token_list_end(&list, err);
}

/* ------------------------------------------------------------ choices */

static tj_code read_finish(tj_finish *out, const json_t *choice, bool has_stops, tj_err *err)
{
    static const struct {
        const char *name;
        tj_finish finish;
    } known[] = {{"length", TJ_FINISH_LENGTH},
                 {"content_filter", TJ_FINISH_FILTER},
                 {"eos_token", TJ_FINISH_EOS},
                 {"stop_sequence", TJ_FINISH_STOP}};
    const json_t *reason = json_object_get(choice, "finish_reason");
    if (!json_is_string(reason)) {
        return wrong(err, "finish_reason", reason, "text");
    }
    const char *name = json_string_value(reason);
    if (strcmp(name, "stop") == 0) {
        *out = has_stops ? TJ_FINISH_STOP : TJ_FINISH_EOS;
        return TJ_OK;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(name, known[i].name) == 0) {
            *out = known[i].finish;
            return TJ_OK;
        }
    }
    return tj_fail(err, TJ_E_PARSE, "finish_reason is '%.40s', which is not known", name);
}

static tj_code copy_reasoning(tj_completion *out, const json_t *text, tj_err *err)
{
    tj_completion copy = {.text = NULL};
    tj_code rc = tj_completion_set_text(&copy, json_string_value(text), json_string_length(text),
                                        false, err);
    out->reasoning = copy.text;
    out->n_reasoning = copy.n_text;
    return rc;
}

/* Thoughts stand in a field of their own, whose name is `reasoning_content` or `reasoning`, or in
 * the content, as a model here has them. A refusal is what the assistant said, and filtered. */
static tj_code read_message(tj_completion *out, const json_t *choice, tj_err *err)
{
    const json_t *message, *content;
    tj_code rc = read_object(&message, choice, "message", err);
    if (rc != TJ_OK) {
        return rc;
    }
    const json_t *thought = json_object_get(message, "reasoning_content");
    thought = is_there(thought) ? thought : json_object_get(message, "reasoning");
    const json_t *refusal = json_object_get(message, "refusal");
    if (is_there(thought) && !json_is_string(thought)) {
        rc = wrong(err, "reasoning_content", thought, "text");
    }
    if (rc == TJ_OK) {
        rc = read_text(&content, message, "content", err);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "message");
        return rc;
    }
    bool has_thought = json_string_length(thought) > 0;
    if (has_thought) {
        rc = copy_reasoning(out, thought, err);
    }
    if (content == NULL && json_string_length(refusal) > 0) {
        content = refusal;
        out->finish = TJ_FINISH_FILTER;
    }
    if (rc == TJ_OK) {
        rc = tj_completion_set_text(out, json_string_value(content), json_string_length(content),
                                    !has_thought, err);
    }
    return rc;
}

static tj_code read_plain(tj_completion *out, const json_t *choice, tj_err *err)
{
    const json_t *text = json_object_get(choice, "text");
    return json_is_string(text) ? tj_completion_set_text(out, json_string_value(text),
                                                         json_string_length(text), false, err)
                                : wrong(err, "text", text, "text");
}

/* {"index", "data": what the pooling gives}: its JSON is the text. */
static tj_code read_pooled(tj_completion *out, const json_t *choice, tj_err *err)
{
    const json_t *data = json_object_get(choice, "data");
    if (!json_is_array(data)) {
        return wrong(err, "data", data, "a list");
    }
    char *text = tj_json_canonical(data);
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold an answer")
                              : tj_completion_set_text(out, text, strlen(text), false, err);
    tj_free(text);
    out->finish = TJ_FINISH_EOS;
    return rc;
}

tj_code tj_remote_read_choice(tj_completion *out, const json_t *choice, tj_remote_asked asked,
                              tj_err *err)
{
    *out = (tj_completion){.text = NULL};
    if (asked.pooled) {
        return read_pooled(out, choice, err);
    }
    tj_code rc = read_finish(&out->finish, choice, asked.has_stops, err);
    if (rc == TJ_OK) {
        rc = asked.chat ? read_message(out, choice, err) : read_plain(out, choice, err);
    }
    if (rc == TJ_OK && asked.logprobs) {
        rc = read_logprobs(out, choice, err);
    }
    if (rc != TJ_OK) {
        tj_completion_deinit(out);
    }
    return rc;
}

tj_code tj_remote_find_choices(const json_t **choices, size_t *n_found, const json_t *answer,
                               tj_remote_asked asked, tj_err *err)
{
    const char *field = asked.pooled ? "data" : "choices";
    const json_t *list = json_object_get(answer, field);
    size_t n = json_array_size(list), i, found = 0;
    const json_t *choice;
    memset(choices, 0, asked.n * sizeof *choices);
    if (!json_is_array(list)) {
        return wrong(err, field, list, "a list");
    }
    if (n == 0 || n > asked.n) {
        return tj_fail(err, TJ_E_PARSE, "%s has %zu entries, %zu were asked for", field, n,
                       asked.n);
    }
    json_array_foreach(list, i, choice)
    {
        const json_t *index = json_object_get(choice, "index");
        json_int_t at = json_is_integer(index) ? json_integer_value(index) : -1;
        if (at < 0 || (size_t)at >= asked.n || choices[at] != NULL) {
            return tj_fail(err, TJ_E_PARSE, "%s[%zu].index %s", field, i,
                           index == NULL ? "is missing"
                           : at < 0 || (size_t)at >= asked.n
                               ? "is not that of a choice that was asked for"
                               : "is that of another choice too");
        }
        choices[at] = choice;
    }
    for (i = 0; i < asked.n; i++) { /* close the gaps */
        if (choices[i] != NULL) {
            choices[found++] = choices[i];
        }
    }
    *n_found = found;
    return TJ_OK;
}

/* ------------------------------------------------------------ usage and errors */

static tj_code read_count(uint64_t *out, const json_t *from, const char *field, bool must,
                          tj_err *err)
{
    const json_t *value = json_object_get(from, field);
    if (!must && !is_there(value)) {
        return TJ_OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return wrong(err, field, value, "a count");
    }
    *out = (uint64_t)json_integer_value(value);
    return TJ_OK;
}

static double price(const tj_remote_config *cfg, const tj_usage *usage)
{
    double cached = cfg->price_cached_input < 0.0 ? cfg->price_input : cfg->price_cached_input;
    return ((double)(usage->n_prompt - usage->n_cached) * cfg->price_input +
            (double)usage->n_cached * cached + (double)usage->n_completion * cfg->price_output) /
           1e6;
}

tj_code tj_remote_read_usage(tj_usage *out, bool *there, const json_t *answer,
                             const tj_remote_config *cfg, tj_err *err)
{
    const json_t *usage = json_object_get(answer, "usage");
    const json_t *prompt = json_object_get(usage, "prompt_tokens_details");
    const json_t *completion = json_object_get(usage, "completion_tokens_details");
    *out = (tj_usage){.n_prompt = 0};
    *there = is_there(usage);
    if (!*there) {
        return TJ_OK;
    }
    if (!json_is_object(usage)) {
        return wrong(err, "usage", usage, "an object");
    }
    tj_code rc = read_count(&out->n_prompt, usage, "prompt_tokens", true, err);
    if (rc == TJ_OK) {
        rc = read_count(&out->n_completion, usage, "completion_tokens", true, err);
    }
    if (rc == TJ_OK) {
        rc = read_count(&out->n_cached, prompt, "cached_tokens", false, err);
    }
    if (rc == TJ_OK) {
        rc = read_count(&out->n_reasoning, completion, "reasoning_tokens", false, err);
    }
    if (rc == TJ_OK && out->n_cached > out->n_prompt) {
        rc = tj_fail(err, TJ_E_PARSE, "cached_tokens is %" PRIu64 ", of %" PRIu64 " prompt_tokens",
                     out->n_cached, out->n_prompt);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "usage");
        *out = (tj_usage){.n_prompt = 0};
        return rc;
    }
    out->cost = price(cfg, out);
    return TJ_OK;
}

const char *tj_remote_error_message(const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error");
    const json_t *places[] = {json_object_get(error, "message"), error,
                              json_object_get(answer, "message"),
                              json_object_get(answer, "detail")};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (json_is_string(places[i])) {
            return json_string_value(places[i]);
        }
    }
    return NULL;
}
