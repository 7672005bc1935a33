/* Steps in words: their numbers, and the form by which two are the same. */
#include <string.h>

#include "base/fs.h"
#include "tree/policy.h"

const char *const tj_step_form_names[] = {"lines", "paragraphs", "tokens", NULL};

void tj_step_options_default(tj_step_options *options)
{
    *options = (tj_step_options){.form = TJ_STEPS_LINES, .max_tokens = 64, .top_p = 1.0};
}

void tj_policy_close(tj_policy *policy)
{
    if (policy->close != NULL) {
        policy->close(policy->ctx);
    }
    *policy = (tj_policy){0};
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool begins_with_step(const char *text, size_t len)
{
    static const char word[] = "step";
    if (len < 5) {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        if ((text[i] | 0x20) != word[i]) {
            return false;
        }
    }
    return text[4] == ' ';
}

size_t tj_step_marker(const char *text, size_t len)
{
    size_t at = 0;
    while (at < len && is_space(text[at])) {
        at++;
    }
    bool named = begins_with_step(text + at, len - at);
    at += named ? 5 : 0;
    size_t digits = at;
    while (at < len && is_digit(text[at])) {
        at++;
    }
    /* "3.5 is ..." begins with a number, not with the number of a step */
    bool ended = at < len && (text[at] == '.' || text[at] == ')' || text[at] == ':');
    bool apart = at + 1 >= len || is_space(text[at + 1]);
    if (at == digits || !ended || !apart) {
        return 0;
    }
    at++;
    while (at < len && is_space(text[at])) {
        at++;
    }
    return at;
}

void tj_step_key(char out[TJ_STEP_KEY_BYTES], const char *text, size_t len)
{
    tj_sha256 hash;
    size_t n = 0;
    char hex[TJ_SHA256_HEX];
    tj_sha256_begin(&hash);
    size_t at = tj_step_marker(text, len);
    while (len > at && (is_space(text[len - 1]) || text[len - 1] == '.')) {
        len--;
    }
    for (; at < len; at++) {
        if (!is_space(text[at]) && text[at] != '$') {
            if (n < TJ_STEP_KEY_BYTES) {
                out[n] = text[at];
            }
            n++;
            tj_sha256_add(&hash, text + at, 1);
        }
    }
    tj_sha256_end(&hash, hex);
    if (n < TJ_STEP_KEY_BYTES) {
        out[n] = '\0';
        return;
    }
    hex[TJ_STEP_KEY_BYTES - 2] = '\0'; /* 62 digits tell as much as 64 */
    out[0] = '#';
    memcpy(out + 1, hex, TJ_STEP_KEY_BYTES - 1);
}
