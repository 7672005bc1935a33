/* Texts, messages and tokens of an example. Texts are encoded apart, as they stand, with nothing
 * between them; messages in the format's template, whose markup alone is special tokens. */
#include <string.h>

#include "base/alloc.h"
#include "train/jsonl.h"

tj_code tj_jsonl_wrong_type(const tj_jsonl *j, const char *field, const char *expected,
                            const json_t *found, tj_err *err)
{
    static const char *const types[] = {"an object", "an array", "text",  "an integer",
                                        "a number",  "true",     "false", "null"};
    if (found == NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s is missing", j->path, j->line, field);
    }
    return tj_fail(err, TJ_E_PARSE, "%s:%zu: %s: expected %s, found %s", j->path, j->line, field,
                   expected, types[json_typeof(found)]);
}

tj_code tj_jsonl_begin(tj_jsonl *j, tj_err *err)
{
    tj_examples *out = j->out;
    if (!tj_grow(&out->examples, &out->cap, out->n + 1, sizeof *out->examples)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu examples", out->n + 1);
    }
    out->examples[out->n++] = (tj_example){.begin = j->ids.n, .first_label = out->n_labels};
    return TJ_OK;
}

tj_code tj_jsonl_end(tj_jsonl *j, tj_err *err)
{
    tj_example *e = &j->out->examples[j->out->n - 1];
    e->n = j->ids.n - e->begin;
    e->n_labels = j->out->n_labels - e->first_label;
    if (e->n > j->format->max_tokens) {
        return tj_fail(err, TJ_E_LIMIT,
                       "%s:%zu: %zu tokens with those around the texts, but the model reads %zu at "
                       "most",
                       j->path, j->line, e->n, j->format->max_tokens);
    }
    return TJ_OK;
}

/* ------------------------------------------------------------------ plain text */

static tj_code add_learned(tj_jsonl *j, int32_t learned, tj_err *err)
{
    tj_code rc = TJ_OK;
    while (j->learned.n < j->ids.n && rc == TJ_OK) {
        rc = tj_ids_add(&j->learned, &learned, 1, err);
    }
    return rc;
}

tj_code tj_jsonl_add_token(tj_jsonl *j, int32_t id, int32_t learned, tj_err *err)
{
    tj_code rc = id >= 0 ? tj_ids_add(&j->ids, &id, 1, err) : TJ_OK;
    return rc == TJ_OK ? add_learned(j, learned, err) : rc;
}

tj_code tj_jsonl_add_text(tj_jsonl *j, const char *field, const char *text, size_t len,
                          int32_t learned, tj_err *err)
{
    tj_code rc = tj_encoder_encode(j->encoder, &j->ids, text, len, false, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s:%zu: %s", j->path, j->line, field);
        return rc;
    }
    return add_learned(j, learned, err);
}

tj_code tj_jsonl_add_field(tj_jsonl *j, const json_t *object, const char *field, int32_t learned,
                           tj_err *err)
{
    const json_t *text = json_object_get(object, field);
    if (!json_is_string(text)) {
        return tj_jsonl_wrong_type(j, field, "text", text, err);
    }
    return tj_jsonl_add_text(j, field, json_string_value(text), json_string_length(text), learned,
                             err);
}

/* ------------------------------------------------------------------ messages */

static tj_code read_message(const tj_jsonl *j, const char *field, const json_t *from,
                            tj_message *to, tj_err *err)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    const char *role = json_string_value(json_object_get(from, "role"));
    const json_t *content = json_object_get(from, "content");
    for (size_t i = 0; role != NULL && i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(role, roles[i]) == 0 && json_is_string(content)) {
            *to = (tj_message){(tj_role)i, json_string_value(content), json_string_length(content)};
            return TJ_OK;
        }
    }
    return tj_fail(err, TJ_E_PARSE,
                   "%s:%zu: %s: a message needs a role (system, user or assistant) and a content "
                   "that is text",
                   j->path, j->line, field);
}

tj_code tj_jsonl_messages(const tj_jsonl *j, const json_t *object, const char *field,
                          tj_message messages[TJ_MAX_MESSAGES], size_t *n, tj_err *err)
{
    const json_t *list = json_object_get(object, field);
    size_t i;
    json_t *one;
    if (!json_is_array(list)) {
        return tj_jsonl_wrong_type(j, field, "a list of messages", list, err);
    }
    json_array_foreach(list, i, one)
    {
        if (*n == TJ_MAX_MESSAGES) {
            return tj_fail(err, TJ_E_LIMIT, "%s:%zu: %s: more than %d messages", j->path, j->line,
                           field, TJ_MAX_MESSAGES);
        }
        tj_code rc = read_message(j, field, one, &messages[(*n)++], err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* Keeps only the last n stretches of learnt tokens: each is what the assistant says in a turn. */
static void learn_last(tj_jsonl *j, size_t begin, size_t n)
{
    size_t i = j->learned.n;
    for (size_t s = 0; s < n; s++) {
        while (i > begin && j->learned.ids[i - 1] == 0) {
            i--;
        }
        while (i > begin && j->learned.ids[i - 1] == 1) {
            i--;
        }
    }
    memset(j->learned.ids + begin, 0, (i - begin) * sizeof *j->learned.ids);
}

static tj_code add_conversation(tj_jsonl *j, const tj_message *messages, size_t n, tj_err *err)
{
    if (!j->format->has_chat) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s:%zu: messages need a chat template: name one with --chat-template",
                       j->path, j->line);
    }
    tj_code rc = tj_chat_render(&j->chat, j->format->chat, messages, n, (tj_chat_options){0}, err);
    if (rc == TJ_OK) {
        rc = tj_chat_encode(j->encoder, &j->chat, &j->ids, &j->learned, err);
    }
    if (rc != TJ_OK) {
        tj_err_context(err, "%s:%zu", j->path, j->line);
    }
    return rc;
}

tj_code tj_jsonl_add_answer(tj_jsonl *j, const char *field, const tj_message *messages,
                            size_t n_prompt, size_t n, tj_err *err)
{
    size_t begin = j->ids.n;
    size_t n_said = 0;
    if (n <= n_prompt || messages[n - 1].role != TJ_ROLE_ASSISTANT) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s:%zu: %s: expected messages of which the last is the assistant's",
                       j->path, j->line, field);
    }
    for (size_t i = n_prompt; i < n; i++) {
        n_said += messages[i].role == TJ_ROLE_ASSISTANT ? 1 : 0;
    }
    tj_code rc = add_conversation(j, messages, n, err);
    if (rc == TJ_OK) {
        learn_last(j, begin, n_said);
    }
    return rc;
}

/* ------------------------------------------------------------------ completions */

static tj_code add_plain(tj_jsonl *j, const json_t *object, tj_err *err)
{
    tj_code rc = tj_jsonl_add_token(j, j->format->begin, 0, err);
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_field(j, object, "prompt", 0, err);
    }
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_field(j, object, "completion", 1, err);
    }
    return rc == TJ_OK ? tj_jsonl_add_token(j, j->format->end, 1, err) : rc;
}

static tj_code add_chat(tj_jsonl *j, const json_t *object, tj_err *err)
{
    tj_message messages[TJ_MAX_MESSAGES];
    size_t n = 0;
    if (json_object_get(object, "messages") != NULL) {
        tj_code rc = tj_jsonl_messages(j, object, "messages", messages, &n, err);
        return rc == TJ_OK ? add_conversation(j, messages, n, err) : rc;
    }
    tj_code rc = tj_jsonl_messages(j, object, "prompt", messages, &n, err);
    size_t n_prompt = n;
    if (rc == TJ_OK) {
        rc = tj_jsonl_messages(j, object, "completion", messages, &n, err);
    }
    return rc == TJ_OK ? tj_jsonl_add_answer(j, "completion", messages, n_prompt, n, err) : rc;
}

tj_code tj_jsonl_completion(tj_jsonl *j, const json_t *object, tj_err *err)
{
    bool chat = json_object_get(object, "messages") != NULL ||
                json_is_array(json_object_get(object, "prompt"));
    tj_code rc = tj_jsonl_begin(j, err);
    if (rc == TJ_OK) {
        rc = chat ? add_chat(j, object, err) : add_plain(j, object, err);
    }
    return rc == TJ_OK ? tj_jsonl_end(j, err) : rc;
}
