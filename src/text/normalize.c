/* Each step reads what the one before left and writes into the buffer that it does not read; a step
 * that would change nothing writes nothing. */
#include "text/normalize.h"

#include <string.h>

#include "text/unicode.h"

tj_code tj_normalizer_add(tj_normalizer *norm, tj_normal_kind kind, const char *from, size_t n_from,
                          const char *to, size_t n_to, tj_err *err)
{
    if (norm->n_steps == TJ_MAX_NORMALIZERS) {
        return tj_fail(err, TJ_E_LIMIT, "more than %d normalizers", TJ_MAX_NORMALIZERS);
    }
    if (n_from > TJ_MAX_NORMALIZER_BYTES || n_to > TJ_MAX_NORMALIZER_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "a normalizer's text has more than %d bytes",
                       TJ_MAX_NORMALIZER_BYTES);
    }
    tj_normal_step *step = &norm->steps[norm->n_steps++];
    *step = (tj_normal_step){.kind = kind, .n_from = n_from, .n_to = n_to};
    memcpy(step->from, from, n_from);
    memcpy(step->to, to, n_to);
    return TJ_OK;
}

/* The first occurrence of `from` in text, or its end. */
static size_t find(const tj_normal_step *step, const char *text, size_t len)
{
    for (size_t at = 0; at + step->n_from <= len;) {
        const char *first = memchr(text + at, step->from[0], len - step->n_from + 1 - at);
        if (first == NULL) {
            break;
        }
        at = (size_t)(first - text);
        if (memcmp(first, step->from, step->n_from) == 0) {
            return at;
        }
        at++;
    }
    return len;
}

/* Stops where the result has grown too long. */
static void replace(const tj_normal_step *step, tj_buf *out, const char *text, size_t len)
{
    for (size_t at = 0; at < len && out->len <= TJ_MAX_NORMALIZED_BYTES;) {
        size_t n = find(step, text + at, len - at);
        tj_buf_add(out, text + at, n);
        at += n;
        if (at < len) {
            tj_buf_add(out, step->to, step->n_to);
            at += step->n_from;
        }
    }
}

static bool changes(const tj_normal_step *step, const char *text, size_t len)
{
    switch (step->kind) {
    case TJ_NORMAL_NFC:
        return tj_nfc_prefix(text, len) < len;
    case TJ_NORMAL_PREPEND:
        return len > 0;
    case TJ_NORMAL_REPLACE:
        return find(step, text, len) < len;
    }
    return false;
}

static tj_code apply(const tj_normal_step *step, tj_buf *out, const char *text, size_t len,
                     tj_err *err)
{
    tj_buf_clear(out);
    switch (step->kind) {
    case TJ_NORMAL_NFC:
        return tj_nfc(out, text, len, err);
    case TJ_NORMAL_PREPEND:
        tj_buf_add(out, step->to, step->n_to);
        tj_buf_add(out, text, len);
        break;
    case TJ_NORMAL_REPLACE:
        replace(step, out, text, len);
        break;
    }
    if (out->len > TJ_MAX_NORMALIZED_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "normalized text has more than %zu bytes",
                       TJ_MAX_NORMALIZED_BYTES);
    }
    return tj_buf_check(out, err);
}

tj_code tj_normalize(const tj_normalizer *norm, tj_buf bufs[2], const char **out, size_t *out_len,
                     const char *text, size_t len, tj_err *err)
{
    size_t next = 0; /* the buffer that is free */
    for (size_t i = 0; i < norm->n_steps; i++) {
        const tj_normal_step *step = &norm->steps[i];
        if (!changes(step, text, len)) {
            continue;
        }
        tj_code rc = apply(step, &bufs[next], text, len, err);
        if (rc != TJ_OK) {
            return rc;
        }
        text = tj_buf_text(&bufs[next]);
        len = bufs[next].len;
        next = 1 - next;
    }
    *out = text;
    *out_len = len;
    return TJ_OK;
}
