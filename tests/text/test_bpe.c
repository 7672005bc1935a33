/* Merging with a heap against merging by looking over all neighbours each time, on random merges of
 * a small alphabet, where pairs overlap and repeat most; and that long pieces stay cheap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rng.h"
#include "text/text.h"

#define N_LETTERS  3
#define MAX_TOKENS 40
#define MAX_LEN    60

typedef struct vocab {
    char texts[MAX_TOKENS][16];
    size_t n;
    size_t merges[MAX_TOKENS][2]; /* merge m makes token N_LETTERS + m */
} vocab;

/* Letters a, b, c and random joins of earlier tokens, each new. */
static void make_vocab(vocab *v, tj_rng *rng)
{
    *v = (vocab){.n = N_LETTERS};
    for (size_t i = 0; i < N_LETTERS; i++) {
        v->texts[i][0] = (char)('a' + (int)i);
    }
    for (size_t tries = 0; tries < 200 && v->n < 8 + tj_rng_below(rng, MAX_TOKENS - 8); tries++) {
        size_t a = (size_t)tj_rng_below(rng, v->n), b = (size_t)tj_rng_below(rng, v->n);
        char text[32];
        (void)snprintf(text, sizeof text, "%s%s", v->texts[a], v->texts[b]);
        bool known = strlen(text) > 12;
        for (size_t i = 0; i < v->n; i++) {
            known = known || strcmp(v->texts[i], text) == 0;
        }
        if (!known) {
            v->merges[v->n - N_LETTERS][0] = a;
            v->merges[v->n - N_LETTERS][1] = b;
            memcpy(v->texts[v->n++], text, 16);
        }
    }
}

static tj_tokenizer *load(const vocab *v)
{
    tj_buf json;
    tj_buf_init(&json);
    tj_buf_str(&json, "{\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (size_t i = 0; i < v->n; i++) {
        tj_buf_printf(&json, "%s\"%s\":%zu", i == 0 ? "" : ",", v->texts[i], i);
    }
    tj_buf_str(&json, "},\"merges\":[");
    for (size_t m = 0; m + N_LETTERS < v->n; m++) {
        const char *a = v->texts[v->merges[m][0]], *b = v->texts[v->merges[m][1]];
        /* Both forms of a merge. */
        const char *comma = m == 0 ? "" : ",";
        if (m % 2 == 0) {
            tj_buf_printf(&json, "%s\"%s %s\"", comma, a, b);
        } else {
            tj_buf_printf(&json, "%s[\"%s\",\"%s\"]", comma, a, b);
        }
    }
    tj_buf_str(&json, "]}}");
    tj_tokenizer *tok;
    tj_err err = {.msg = ""};
    if (tj_tokenizer_parse(&tok, json.data, json.len, "test", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_buf_deinit(&json);
    return tok;
}

/* The definition: while some neighbours have a merge, join the leftmost of the earliest merge. */
static size_t merge_plainly(const vocab *v, int32_t *ids, size_t n)
{
    for (;;) {
        size_t best = SIZE_MAX, best_at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            for (size_t m = 0; m + N_LETTERS < v->n && m < best; m++) {
                if ((size_t)ids[i] == v->merges[m][0] && (size_t)ids[i + 1] == v->merges[m][1]) {
                    best = m;
                    best_at = i;
                }
            }
        }
        if (best == SIZE_MAX) {
            return n;
        }
        ids[best_at] = (int32_t)(best + N_LETTERS);
        n--;
        memmove(ids + best_at + 1, ids + best_at + 2, (n - best_at - 1) * sizeof *ids);
    }
}

static void merging_equals_the_definition(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 71, 0, 0, 0);
    for (size_t trial = 0; trial < 100; trial++) {
        vocab v;
        make_vocab(&v, &rng);
        tj_tokenizer *tok = load(&v);
        for (size_t k = 0; k < 30; k++) {
            char text[MAX_LEN];
            int32_t want[MAX_LEN];
            size_t len = (size_t)tj_rng_below(&rng, MAX_LEN);
            for (size_t i = 0; i < len; i++) {
                want[i] = (int32_t)tj_rng_below(&rng, k % 3 == 0 ? 1 : N_LETTERS);
                text[i] = (char)('a' + want[i]);
            }
            size_t n = merge_plainly(&v, want, len);
            tj_ids ids = {.ids = NULL};
            assert_int_equal(tj_tokenizer_encode(tok, &ids, text, len, false, NULL), TJ_OK);
            assert_int_equal(ids.n, n);
            assert_true(n == 0 || memcmp(ids.ids, want, n * sizeof *want) == 0);
            tj_buf back;
            tj_buf_init(&back);
            tj_tokenizer_decode(tok, &back, ids.ids, ids.n, false);
            assert_int_equal(back.len, len);
            assert_true(len == 0 || memcmp(back.data, text, len) == 0);
            tj_buf_deinit(&back);
            tj_ids_deinit(&ids);
        }
        tj_tokenizer_destroy(tok);
    }
}

/* A million symbols in one piece; a quadratic way would take minutes. */
static void a_long_piece_is_cheap(void **state)
{
    (void)state;
    vocab v = {.texts = {"a", "b", "c", "aa", "aaaa", "aaaab"},
               .n = 6,
               .merges = {{0, 0}, {3, 3}, {4, 1}}};
    tj_tokenizer *tok = load(&v);
    const size_t len = 1000001;
    char *text = tj_malloc(len);
    assert_non_null(text);
    memset(text, 'a', len);
    tj_ids ids = {.ids = NULL};
    assert_int_equal(tj_tokenizer_encode(tok, &ids, text, len, false, NULL), TJ_OK);
    assert_int_equal(ids.n, len / 4 + 1);
    assert_int_equal(ids.ids[0], 4);
    assert_int_equal(ids.ids[ids.n - 1], 0);
    tj_ids_deinit(&ids);
    tj_free(text);
    tj_tokenizer_destroy(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merging_equals_the_definition),
        cmocka_unit_test(a_long_piece_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
