/* Regular expressions by PCRE2, which alone is met here.
 *
 * tokenizer.json files are written for Oniguruma with Ruby's syntax. What they use is read the same
 * by PCRE2 with Unicode properties, and ^ and $ at each line, which is Ruby's way. Known
 * differences: U+180E counts as white space in PCRE2, and the two libraries may know different
 * versions of Unicode.
 *
 * A hostile pattern cannot hang a search: TJ_MATCH_LIMIT bounds its backtracking, with JIT and
 * without, and compiled code is bounded by PCRE2 itself. */
#include "base/alloc.h"
#include "base/pattern_pcre2.h"
#include "text/pretokenize.h"

struct tj_pattern {
    pcre2_code *code;
};

struct tj_matcher {
    pcre2_general_context *memory;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

tj_code tj_pattern_create(tj_pattern **out, const char *pattern, size_t len, bool literal,
                          tj_err *err)
{
    *out = NULL;
    if (len > TJ_MAX_PATTERN_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "pattern has %zu bytes, at most %d are allowed", len,
                       TJ_MAX_PATTERN_BYTES);
    }
    tj_pattern *made = tj_calloc(1, sizeof *made);
    /* PCRE2_LITERAL allows no options but UTF. */
    uint32_t options = literal ? PCRE2_LITERAL | PCRE2_UTF
                               : PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
    tj_code rc = made == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot allocate a pattern")
                              : tj_pcre2_compile(&made->code, pattern, len, options, err);
    if (rc != TJ_OK) {
        tj_free(made);
        return rc;
    }
    /* Without JIT, matching is only slower: refusal (some systems allow no code pages) is fine. */
    (void)pcre2_jit_compile(made->code, PCRE2_JIT_COMPLETE);
    *out = made;
    return TJ_OK;
}

void tj_pattern_destroy(tj_pattern *pattern)
{
    if (pattern != NULL) {
        pcre2_code_free(pattern->code);
        tj_free(pattern);
    }
}

tj_code tj_matcher_create(tj_matcher **out, tj_err *err)
{
    *out = NULL;
    tj_matcher *m = tj_calloc(1, sizeof *m);
    if (m == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a matcher");
    }
    m->memory = tj_pcre2_memory();
    if (m->memory != NULL) {
        m->data = pcre2_match_data_create(1, m->memory);
        m->limits = pcre2_match_context_create(m->memory);
    }
    if (m->data == NULL || m->limits == NULL) {
        tj_matcher_destroy(m);
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a matcher");
    }
    (void)pcre2_set_match_limit(m->limits, TJ_MATCH_LIMIT);
    (void)pcre2_set_heap_limit(m->limits, TJ_MATCH_HEAP_KIB);
    *out = m;
    return TJ_OK;
}

void tj_matcher_destroy(tj_matcher *matcher)
{
    if (matcher != NULL) {
        pcre2_match_data_free(matcher->data);
        pcre2_match_context_free(matcher->limits);
        pcre2_general_context_free(matcher->memory);
        tj_free(matcher);
    }
}

static tj_code search_error(int number, tj_err *err)
{
    switch (number) {
    case PCRE2_ERROR_NOMEMORY:
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate to match a pattern");
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
    case PCRE2_ERROR_RECURSELOOP:
        return tj_fail(err, TJ_E_LIMIT, "pattern takes more than %d steps to match",
                       TJ_MATCH_LIMIT);
    default:
        return tj_fail(err, TJ_E_BACKEND, "pcre2 failed to match a pattern: error %d", number);
    }
}

tj_code tj_pattern_search(const tj_pattern *pattern, tj_matcher *matcher, const char *text,
                          size_t len, size_t from, bool *found, size_t *begin, size_t *end,
                          tj_err *err)
{
    *found = false;
    *begin = *end = from;
    PCRE2_SPTR subject = (PCRE2_SPTR)text;
    int rc = pcre2_match(pattern->code, subject, len, from, PCRE2_NO_UTF_CHECK, matcher->data,
                         matcher->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) { /* 32 KiB; the interpreter has TJ_MATCH_HEAP_KIB */
        rc = pcre2_match(pattern->code, subject, len, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                         matcher->data, matcher->limits);
    }
    if (rc == PCRE2_ERROR_NOMATCH) {
        return TJ_OK;
    }
    if (rc < 0) {
        return search_error(rc, err);
    }
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(matcher->data);
    if (span[0] < from || span[1] < span[0]) { /* \K can move the start about */
        return tj_fail(err, TJ_E_PARSE, "pattern matches text before where it began");
    }
    *found = true;
    *begin = span[0];
    *end = span[1];
    return TJ_OK;
}
