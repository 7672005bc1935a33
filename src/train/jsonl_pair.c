/* Preference pairs: one prompt with a chosen and a rejected completion, or two whole conversations
 * or texts, whose prompt is what they have in common. */
#include <string.h>

#include "train/jsonl.h"

/* ------------------------------------------------------------------ texts */

/* The prompt that two texts imply, as TRL's extract_prompt cuts it: their common characters,
 * without a space before the first that differs, since tokens begin with theirs. */
static size_t common_text(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t n = n_a < n_b ? n_a : n_b;
    size_t i = 0;
    while (i < n && a[i] == b[i]) {
        i++;
    }
    while (i > 0 && i < n && ((unsigned char)a[i] & 0xC0U) == 0x80U) {
        i--; /* not inside a character */
    }
    return i > 0 && a[i - 1] == ' ' ? i - 1 : i;
}

/* A prompt's text and where it comes from: `skip` bytes of the completions are the prompt. */
typedef struct text_prompt {
    const char *field, *text;
    size_t n, skip;
} text_prompt;

static tj_code add_text(tj_jsonl *j, text_prompt prompt, const char *field,
                        const json_t *completion, tj_err *err)
{
    tj_code rc = tj_jsonl_begin(j, err);
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_token(j, j->format->begin, 0, err);
    }
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_text(j, prompt.field, prompt.text, prompt.n, 0, err);
    }
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_text(j, field, json_string_value(completion) + prompt.skip,
                               json_string_length(completion) - prompt.skip, 1, err);
    }
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_token(j, j->format->end, 1, err);
    }
    return rc == TJ_OK ? tj_jsonl_end(j, err) : rc;
}

static tj_code add_texts(tj_jsonl *j, const json_t *object, tj_err *err)
{
    const json_t *prompt = json_object_get(object, "prompt");
    const json_t *chosen = json_object_get(object, "chosen");
    const json_t *rejected = json_object_get(object, "rejected");
    text_prompt p = {.field = "prompt"};
    if (prompt != NULL && !json_is_string(prompt)) {
        return tj_jsonl_wrong_type(j, "prompt", "text, as chosen is", prompt, err);
    }
    if (!json_is_string(rejected)) {
        return tj_jsonl_wrong_type(j, "rejected", "text, as chosen is", rejected, err);
    }
    if (prompt != NULL) {
        p.text = json_string_value(prompt);
        p.n = json_string_length(prompt);
    } else if (json_equal(chosen, rejected)) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s:%zu: chosen and rejected are the same, and there is no prompt", j->path,
                       j->line);
    } else {
        p.field = "chosen";
        p.text = json_string_value(chosen);
        p.n = common_text(p.text, json_string_length(chosen), json_string_value(rejected),
                          json_string_length(rejected));
        p.skip = p.n;
    }
    tj_code rc = add_text(j, p, "chosen", chosen, err);
    return rc == TJ_OK ? add_text(j, p, "rejected", rejected, err) : rc;
}

/* ------------------------------------------------------------------ messages */

typedef struct conversation {
    tj_message messages[TJ_MAX_MESSAGES];
    size_t n;
} conversation;

static bool equal_messages(const tj_message *a, const tj_message *b)
{
    return a->role == b->role && a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static tj_code add_answer(tj_jsonl *j, const char *field, const conversation *c, size_t n_prompt,
                          tj_err *err)
{
    tj_code rc = tj_jsonl_begin(j, err);
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_answer(j, field, c->messages, n_prompt, c->n, err);
    }
    return rc == TJ_OK ? tj_jsonl_end(j, err) : rc;
}

static tj_code add_conversations(tj_jsonl *j, const json_t *object, tj_err *err)
{
    conversation chosen;
    conversation rejected;
    size_t n_prompt = 0;
    bool implicit = json_object_get(object, "prompt") == NULL;
    chosen.n = 0;
    tj_code rc =
        implicit ? TJ_OK : tj_jsonl_messages(j, object, "prompt", chosen.messages, &chosen.n, err);
    rejected.n = chosen.n;
    n_prompt = chosen.n;
    memcpy(rejected.messages, chosen.messages, chosen.n * sizeof chosen.messages[0]);
    if (rc == TJ_OK) {
        rc = tj_jsonl_messages(j, object, "chosen", chosen.messages, &chosen.n, err);
    }
    if (rc == TJ_OK) {
        rc = tj_jsonl_messages(j, object, "rejected", rejected.messages, &rejected.n, err);
    }
    while (rc == TJ_OK && implicit && n_prompt < chosen.n && n_prompt < rejected.n &&
           equal_messages(&chosen.messages[n_prompt], &rejected.messages[n_prompt])) {
        n_prompt++;
    }
    if (rc == TJ_OK && n_prompt == 0) {
        rc = tj_fail(err, TJ_E_PARSE,
                     "%s:%zu: chosen and rejected do not begin with the same message, and there is "
                     "no prompt",
                     j->path, j->line);
    }
    if (rc == TJ_OK) {
        rc = add_answer(j, "chosen", &chosen, n_prompt, err);
    }
    return rc == TJ_OK ? add_answer(j, "rejected", &rejected, n_prompt, err) : rc;
}

tj_code tj_jsonl_pair(tj_jsonl *j, const json_t *object, tj_err *err)
{
    const json_t *chosen = json_object_get(object, "chosen");
    if (!json_is_string(chosen) && !json_is_array(chosen)) {
        return tj_jsonl_wrong_type(j, "chosen", "text or a list of messages", chosen, err);
    }
    return json_is_string(chosen) ? add_texts(j, object, err) : add_conversations(j, object, err);
}
