/* A judge's answer: read strictly, or refused with a reason that the judge is told. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "tree/judge.h"

#define MAX_DEPTH 8

/* A message may hold a piece of the answer, cut anywhere. */
static void set_why(char why[TJ_JUDGE_WHY_BYTES], const char *text)
{
    tj_buf clean;
    tj_buf_init(&clean);
    tj_utf8_replace(&clean, text, strlen(text));
    size_t n = clean.len < TJ_JUDGE_WHY_BYTES ? clean.len : TJ_JUDGE_WHY_BYTES - 1;
    while (n > 0 && n < clean.len && ((unsigned char)clean.data[n] & 0xC0) == 0x80) {
        n--;
    }
    if (n > 0) {
        memcpy(why, clean.data, n);
    }
    why[n] = 0;
    tj_buf_deinit(&clean);
}

static bool has_words(const json_t *text)
{
    const char *s = json_string_value(text);
    return s != NULL && strlen(s) == json_string_length(text) && s[strspn(s, " \t\r\n")] != 0;
}

/* "" where the object is a vote; else what is wrong with it. */
static void check(const json_t *json, char why[TJ_JUDGE_WHY_BYTES])
{
    const json_t *verdict = json_object_get(json, "verdict");
    const char *key;
    json_t *value;
    why[0] = 0;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (strcmp(key, "verdict") != 0 && strcmp(key, "reason") != 0) {
            char text[160];
            (void)snprintf(text, sizeof text, "it has a member `%.64s`", key);
            set_why(why, text);
            return;
        }
    }
    if (verdict == NULL) {
        (void)snprintf(why, TJ_JUDGE_WHY_BYTES, "`verdict` is missing");
    } else if (!json_is_integer(verdict) || json_integer_value(verdict) < -1 ||
               json_integer_value(verdict) > 1) {
        (void)snprintf(why, TJ_JUDGE_WHY_BYTES, "`verdict` is not one of the integers 1, 0 and -1");
    } else if (!has_words(json_object_get(json, "reason"))) {
        (void)snprintf(why, TJ_JUDGE_WHY_BYTES, "`reason` is %s",
                       json_object_get(json, "reason") == NULL ? "missing"
                                                               : "not a text with words in it");
    }
}

tj_code tj_judge_form_create(tj_form **out, tj_err *err)
{
    json_t *schema =
        json_pack("{s:s, s:{s:{s:s, s:i, s:i}, s:{s:s, s:[i, i, i]}}, s:[s, s], s:b}", "type",
                  "object", "properties", "reason", "type", "string", "minLength", 1, "maxLength",
                  TJ_JUDGE_MAX_REASON, "verdict", "type", "integer", "enum", 1, 0, -1, "required",
                  "reason", "verdict", "additionalProperties", false);
    *out = NULL;
    if (schema == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the form of an answer");
    }
    tj_code rc = tj_form_create(out, schema, "the form of an answer", err);
    json_decref(schema);
    return rc;
}

bool tj_judge_read(tj_judge_vote *vote, const char *text, size_t len, char why[TJ_JUDGE_WHY_BYTES],
                   tj_code *rc)
{
    json_t *json = NULL;
    tj_err err = {.code = TJ_OK};
    *vote = (tj_judge_vote){.value = 0};
    *rc = TJ_OK;
    tj_json_unfence(&text, &len);
    if (len == 0 || len > TJ_JUDGE_MAX_ANSWER) {
        (void)snprintf(why, TJ_JUDGE_WHY_BYTES, len == 0 ? "it is empty" : "it is far too long");
        return false;
    }
    tj_code parsed = tj_json_parse(&json, text, len, MAX_DEPTH, "it", &err);
    if (parsed != TJ_OK || !json_is_object(json)) {
        *rc = parsed == TJ_E_NOMEM ? parsed : TJ_OK;
        set_why(why, parsed != TJ_OK ? err.msg : "it is JSON, but not an object");
        json_decref(json);
        return false;
    }
    check(json, why);
    if (why[0] == 0) {
        vote->value = (int)json_integer_value(json_object_get(json, "verdict"));
        vote->reason = tj_strdup(json_string_value(json_object_get(json, "reason")));
        *rc = vote->reason == NULL ? TJ_E_NOMEM : TJ_OK;
    }
    json_decref(json);
    return why[0] == 0 && *rc == TJ_OK;
}
