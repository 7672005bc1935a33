/* Any bytes as what a server answers, whole or as a stream, to each kind of request. What is taken
 * for an answer has texts with their ends, tokens within their bytes, and a way through the cache
 * that gives the same; what is refused leaves nothing and says why. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/json.h"
#include "infer/remote.h"

#define MAX_CHOICES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_probs(const tj_completion *c)
{
    for (size_t i = 0; i < c->n_tokens; i++) {
        TJ_ASSERT(c->top_begin[i] <= c->top_begin[i + 1]);
        TJ_ASSERT(c->tokens[i].logprob <= 1.0);
        TJ_ASSERT(c->bytes[c->tokens[i].begin + c->tokens[i].n_bytes] >= -128); /* it is there */
    }
}

static void check_entry(const tj_completion *c, const json_t *choice, const json_t *answer,
                        tj_remote_asked asked)
{
    const char *key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char *value;
    size_t len;
    tj_completion same;
    TJ_ASSERT(tj_remote_seal(&value, &len, key, choice, json_object_get(answer, "usage"), NULL) ==
              TJ_OK);
    json_t *entry = tj_remote_unseal(value, len, key);
    TJ_ASSERT(entry != NULL);
    TJ_ASSERT(tj_remote_read_choice(&same, json_object_get(entry, "choice"), asked, NULL) == TJ_OK);
    TJ_ASSERT(same.n_text == c->n_text && memcmp(same.text, c->text, c->n_text + 1) == 0);
    TJ_ASSERT(same.n_tokens == c->n_tokens && same.n_reasoning == c->n_reasoning);
    tj_completion_deinit(&same);
    json_decref(entry);
    tj_free(value);
}

static void read_answer(const json_t *answer, tj_remote_asked asked)
{
    const json_t *choices[MAX_CHOICES];
    size_t n = 0;
    tj_completion c;
    tj_remote_config cfg;
    tj_usage usage;
    bool there;
    tj_err err = {.code = TJ_OK};
    tj_remote_config_default(&cfg);
    if (tj_remote_read_usage(&usage, &there, answer, &cfg, &err) != TJ_OK) {
        TJ_ASSERT(strncmp(err.msg, "usage", 5) == 0);
    }
    (void)tj_remote_error_message(answer);
    if (tj_remote_find_choices(choices, &n, answer, asked, &err) != TJ_OK) {
        TJ_ASSERT(strncmp(err.msg, "choices", 7) == 0);
        return;
    }
    TJ_ASSERT(n >= 1 && n <= asked.n);
    for (size_t i = 0; i < n; i++) {
        if (tj_remote_read_choice(&c, choices[i], asked, &err) != TJ_OK) {
            TJ_ASSERT(err.code == TJ_E_PARSE && err.msg[0] != '\0' && c.text == NULL);
            continue;
        }
        TJ_ASSERT(c.text != NULL && c.text[c.n_text] == '\0' && c.finish != TJ_FINISH_NONE);
        TJ_ASSERT((c.tokens != NULL) == asked.logprobs);
        check_probs(&c);
        check_entry(&c, choices[i], answer, asked);
        tj_completion_deinit(&c);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    json_t *answer;
    bool is_cut;
    for (unsigned kind = 0; kind < 4; kind++) {
        tj_remote_asked asked = {.chat = (kind & 1) != 0,
                                 .n = MAX_CHOICES,
                                 .has_stops = (kind & 1) != 0,
                                 .logprobs = (kind & 2) != 0};
        if (tj_json_parse(&answer, text, size, TJ_MAX_ANSWER_DEPTH, "it", NULL) == TJ_OK) {
            read_answer(answer, asked);
            json_decref(answer);
        }
        if (tj_remote_join_stream(&answer, &is_cut, text, size, asked, NULL) == TJ_OK) {
            TJ_ASSERT(!is_cut);
            read_answer(answer, asked);
            json_decref(answer);
        } else {
            TJ_ASSERT(answer == NULL);
        }
    }
    return 0;
}
