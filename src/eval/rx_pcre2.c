/* PCRE2, set so that what the harness's patterns use (classes, groups, look-ahead, (?s), $) means
 * what it does in Python: . stops at \n only, $ is at the end or before a last \n. */
#include <string.h>

#include "base/alloc.h"
#include "base/pattern_pcre2.h"
#include "eval/rx.h"

struct tj_rx {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static tj_code prepare(tj_rx *rx, const char *pattern, tj_err *err)
{
    tj_code rc = tj_pcre2_compile(&rx->code, pattern, strlen(pattern),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "'%s'", pattern);
        return rc;
    }
    pcre2_general_context *memory = tj_pcre2_memory();
    if (memory != NULL) {
        rx->data = pcre2_match_data_create_from_pattern(rx->code, memory);
        rx->limits = pcre2_match_context_create(memory);
    }
    pcre2_general_context_free(memory);
    if (rx->data == NULL || rx->limits == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a pattern");
    }
    (void)pcre2_set_match_limit(rx->limits, TJ_RX_MATCH_LIMIT);
    return TJ_OK;
}

tj_code tj_rx_create(tj_rx **out, const char *pattern, tj_err *err)
{
    *out = tj_calloc(1, sizeof **out);
    tj_code rc = *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot allocate a pattern")
                              : prepare(*out, pattern, err);
    if (rc != TJ_OK) {
        tj_rx_destroy(*out);
        *out = NULL;
    }
    return rc;
}

void tj_rx_destroy(tj_rx *rx)
{
    if (rx == NULL) {
        return;
    }
    pcre2_code_free(rx->code);
    pcre2_match_data_free(rx->data);
    pcre2_match_context_free(rx->limits);
    tj_free(rx);
}

static tj_code fail(int number, tj_err *err)
{
    PCRE2_UCHAR message[128];
    (void)pcre2_get_error_message(number, message, sizeof message);
    return tj_fail(err, number == PCRE2_ERROR_NOMEMORY ? TJ_E_NOMEM : TJ_E_LIMIT,
                   "cannot search an answer: %s", (const char *)message);
}

/* What the match at hand gives, as Python's findall and the harness's choice of a group. */
static bool take_group(const tj_rx *rx, int n_set, size_t *begin, size_t *end)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(rx->data);
    uint32_t n_groups = 0;
    (void)pcre2_pattern_info(rx->code, PCRE2_INFO_CAPTURECOUNT, &n_groups);
    int first = n_groups == 0 ? 0 : 1;
    for (int i = first; i < n_set; i++) {
        bool is_set = at[2 * i] != PCRE2_UNSET && at[2 * i + 1] > at[2 * i];
        if (is_set || n_groups <= 1) { /* a single group is given even if it is empty */
            *begin = is_set ? at[2 * i] : at[0];
            *end = is_set ? at[2 * i + 1] : at[0];
            return true;
        }
    }
    return false;
}

static size_t behind_character(const char *text, size_t len, size_t at)
{
    for (at++; at < len && ((unsigned char)text[at] & 0xc0) == 0x80; at++) {
    }
    return at;
}

tj_code tj_rx_find(tj_rx *rx, bool *found, size_t *begin, size_t *end, const char *text, size_t len,
                   bool last, tj_err *err)
{
    size_t at = 0;
    *found = false;
    while (at <= len) {
        int n = pcre2_match(rx->code, (PCRE2_SPTR)text, len, at, 0, rx->data, rx->limits);
        if (n == PCRE2_ERROR_NOMATCH) {
            return TJ_OK;
        }
        if (n < 0) {
            *found = false;
            return fail(n, err);
        }
        *found = take_group(rx, n, begin, end);
        if (!last) {
            return TJ_OK;
        }
        const PCRE2_SIZE *match = pcre2_get_ovector_pointer(rx->data);
        at = match[1] > match[0] ? match[1] : behind_character(text, len, match[1]);
    }
    return TJ_OK;
}

tj_code tj_rx_replace(tj_rx *rx, tj_buf *text, const char *with, tj_err *err)
{
    const uint32_t options =
        PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH | PCRE2_SUBSTITUTE_UNSET_EMPTY;
    size_t cap = text->len + 64;
    for (int tries = 0; tries < 2; tries++) { /* the first says how much room it takes */
        PCRE2_UCHAR *to = tj_malloc(cap);
        PCRE2_SIZE n = cap;
        if (to == NULL) {
            return tj_fail(err, TJ_E_NOMEM, "cannot hold an answer");
        }
        int rc =
            pcre2_substitute(rx->code, (PCRE2_SPTR)tj_buf_text(text), text->len, 0, options,
                             rx->data, rx->limits, (PCRE2_SPTR)with, PCRE2_ZERO_TERMINATED, to, &n);
        if (rc >= 0) {
            tj_buf_clear(text);
            tj_buf_add(text, (const char *)to, n);
            tj_free(to);
            return tj_buf_check(text, err);
        }
        tj_free(to);
        if (rc != PCRE2_ERROR_NOMEMORY || tries == 1) {
            return fail(rc, err);
        }
        cap = n;
    }
    return TJ_OK;
}
