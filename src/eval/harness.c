#include "eval/harness.h"

#include <string.h>

#include "base/alloc.h"
#include "eval/harness_math.h"

#define MAX_FILTERS 3
#define MAX_IGNORED 8

struct tj_harness {
    const tj_prompt_task *task;
    size_t n_filters;
    tj_rx *filters[MAX_FILTERS]; /* NULL where a filter takes the whole */
    tj_rx *ignored[MAX_IGNORED];
    size_t n_ignored;
    tj_minerva minerva; /* zeroed but for its tasks */
};

tj_code tj_harness_create(tj_harness **out, const tj_prompt_task *task, tj_err *err)
{
    tj_code rc = TJ_OK;
    *out = tj_calloc(1, sizeof **out);
    if (*out == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot score answers");
    }
    tj_harness *h = *out;
    h->task = task;
    while (h->n_filters < MAX_FILTERS && task->filters[h->n_filters].name != NULL && rc == TJ_OK) {
        const char *pattern = task->filters[h->n_filters].pattern;
        rc = pattern == NULL ? TJ_OK : tj_rx_create(&h->filters[h->n_filters], pattern, err);
        h->n_filters++;
    }
    while (rc == TJ_OK && task->ignored != NULL && h->n_ignored < MAX_IGNORED &&
           task->ignored[h->n_ignored] != NULL) {
        rc = tj_rx_create(&h->ignored[h->n_ignored], task->ignored[h->n_ignored], err);
        h->n_ignored++;
    }
    if (rc == TJ_OK && task->match == TJ_MATCH_MINERVA) {
        rc = tj_minerva_init(&h->minerva, err);
    }
    if (rc != TJ_OK) {
        tj_harness_destroy(h);
        *out = NULL;
    }
    return rc;
}

void tj_harness_destroy(tj_harness *h)
{
    if (h == NULL) {
        return;
    }
    for (size_t i = 0; i < MAX_FILTERS; i++) {
        tj_rx_destroy(h->filters[i]);
    }
    for (size_t i = 0; i < MAX_IGNORED; i++) {
        tj_rx_destroy(h->ignored[i]);
    }
    tj_minerva_deinit(&h->minerva);
    tj_free(h);
}

size_t tj_harness_n_filters(const tj_harness *h)
{
    return h->n_filters;
}

const char *tj_harness_metric(const tj_harness *h)
{
    return h->task->match == TJ_MATCH_MINERVA ? "normalized_match" : "exact_match";
}

/* ------------------------------------------------------------ texts */

/* Bytes of the white space that begins a text, as Python's str.isspace; 0: none. */
static size_t space_bytes(const unsigned char *s, size_t n)
{
    if (n > 0 && ((s[0] >= 9 && s[0] <= 13) || (s[0] >= 28 && s[0] <= 32))) {
        return 1;
    }
    if (n >= 2 && s[0] == 0xc2 && (s[1] == 0x85 || s[1] == 0xa0)) {
        return 2;
    }
    if (n < 3) {
        return 0;
    }
    unsigned code = ((s[0] & 0x0fu) << 12) | ((s[1] & 0x3fu) << 6) | (s[2] & 0x3fu);
    bool is_space = (s[0] & 0xf0) == 0xe0 &&
                    (code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
                     code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000);
    return is_space ? 3 : 0;
}

tj_str tj_harness_strip(tj_str text)
{
    const unsigned char *s = (const unsigned char *)text.s;
    size_t begin = 0;
    size_t end = text.n;
    for (size_t n; (n = space_bytes(s + begin, end - begin)) > 0;) {
        begin += n;
    }
    while (end > begin) {
        size_t last = end - 1;
        while (last > begin && (s[last] & 0xc0) == 0x80) {
            last--;
        }
        if (space_bytes(s + last, end - last) != end - last) {
            break;
        }
        end = last;
    }
    return (tj_str){text.s + begin, end - begin};
}

tj_code tj_harness_target(tj_harness *h, tj_buf *out, tj_str solution, tj_str answer, tj_err *err)
{
    if (h->task->set != TJ_PROMPT_MATH || solution.s == NULL) {
        bool whole = h->task->gold == TJ_TARGET_SOLUTION && solution.s != NULL;
        tj_str target = whole ? solution : answer;
        for (size_t i = 0; i < target.n; i++) { /* its copy of MGSM has numbers for answers */
            bool separates = h->task->set == TJ_PROMPT_MGSM && target.s[i] == ',';
            tj_buf_add(out, target.s + i, separates ? 0 : 1);
        }
        return tj_buf_check(out, err);
    }
    tj_str boxed = tj_harness_boxed(solution);
    boxed = boxed.s == NULL ? answer : boxed;
    if (h->task->match != TJ_MATCH_MINERVA) {
        tj_buf_add(out, boxed.s, boxed.n);
        return tj_buf_check(out, err);
    }
    tj_buf normal;
    tj_buf_init(&normal);
    tj_buf_add(&normal, boxed.s, boxed.n);
    tj_code rc = tj_minerva_normalize(&h->minerva, &normal, err);
    tj_buf_add(out, tj_buf_text(&normal), normal.len);
    tj_buf_deinit(&normal);
    return rc == TJ_OK ? tj_buf_check(out, err) : rc;
}

tj_code tj_harness_extract(tj_harness *h, tj_buf *out, size_t i, tj_str text, tj_err *err)
{
    const tj_prompt_filter *filter = &h->task->filters[i];
    bool found = true;
    size_t begin = 0;
    size_t end = text.n;
    tj_code rc = h->filters[i] == NULL ? TJ_OK
                                       : tj_rx_find(h->filters[i], &found, &begin, &end, text.s,
                                                    text.n, filter->last, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_str hit = {text.s + begin, end - begin};
    if (!found) {
        hit = (tj_str){TJ_HARNESS_INVALID, strlen(TJ_HARNESS_INVALID)};
    } else if (filter->strip || filter->pattern != NULL) {
        hit = tj_harness_strip(hit);
    }
    tj_buf_add(out, hit.s, hit.n);
    return tj_buf_check(out, err);
}

/* ------------------------------------------------------------ comparing */

/* Case of ASCII alone: targets are numbers, so that other letters differ from them either way. */
static void fold(tj_buf *text, bool without_punctuation)
{
    size_t n = 0;
    for (size_t i = 0; i < text->len; i++) {
        char c = text->data[i];
        bool is_punctuation = (c >= '!' && c <= '/') || (c >= ':' && c <= '@') ||
                              (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
        if (!is_punctuation || !without_punctuation) {
            text->data[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        }
    }
    text->len = n;
}

static tj_code normalize(tj_harness *h, tj_buf *out, tj_str text, tj_err *err)
{
    tj_buf_add(out, text.s, text.n);
    tj_code rc = tj_buf_check(out, err);
    for (size_t i = 0; i < h->n_ignored && rc == TJ_OK; i++) {
        rc = tj_rx_replace(h->ignored[i], out, "", err);
    }
    if (rc == TJ_OK) {
        fold(out, h->task->ignore_punctuation);
    }
    return rc;
}

static tj_code match_exact(tj_harness *h, bool *right, tj_str found, tj_str target, tj_err *err)
{
    tj_buf a, b;
    tj_buf_init(&a);
    tj_buf_init(&b);
    tj_code rc = normalize(h, &a, found, err);
    if (rc == TJ_OK) {
        rc = normalize(h, &b, target, err);
    }
    *right = rc == TJ_OK && a.len == b.len && memcmp(tj_buf_text(&a), tj_buf_text(&b), a.len) == 0;
    tj_buf_deinit(&a);
    tj_buf_deinit(&b);
    return rc;
}

static tj_code match_minerva(tj_harness *h, bool *right, tj_str found, tj_str target, tj_err *err)
{
    tj_buf answer;
    tj_buf_init(&answer);
    tj_code rc = tj_minerva_answer(&h->minerva, &answer, found, err);
    if (rc == TJ_OK) {
        rc = tj_minerva_normalize(&h->minerva, &answer, err);
    }
    *right = rc == TJ_OK && answer.len > 0 && answer.len == target.n &&
             memcmp(answer.data, target.s, target.n) == 0;
    tj_buf_deinit(&answer);
    return rc;
}

tj_code tj_harness_match(tj_harness *h, bool *right, tj_str found, tj_str target, tj_err *err)
{
    *right = false;
    switch (h->task->match) {
    case TJ_MATCH_HENDRYCKS:
        return tj_hendrycks_match(right, tj_hendrycks_answer(found), target, err);
    case TJ_MATCH_MINERVA:
        return match_minerva(h, right, found, target, err);
    case TJ_MATCH_EXACT:
    default:
        return match_exact(h, right, found, target, err);
    }
}
