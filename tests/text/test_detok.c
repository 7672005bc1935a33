/* Ids to text one at a time: at every moment what was given is a beginning of the whole and ends
 * with a whole character; broken sequences are given as Python's errors="replace" gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"
#include "text/text.h"

static tj_tokenizer *load(const char *path)
{
    tj_tokenizer *tok;
    tj_err err = {.msg = ""};
    if (tj_tokenizer_load(&tok, path, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return tok;
}

static void what_is_shown_grows_by_whole_characters(void **state)
{
    (void)state;
    static const char text[] = "旅路 é 😀👩‍👩‍👧 a\xC2\x85 \U0010FFFF 12";
    tj_tokenizer *tok = load("tests/golden/tokenizer_gpt2.json");
    tj_ids ids = {.ids = NULL};
    assert_int_equal(tj_tokenizer_encode(tok, &ids, text, strlen(text), false, NULL), TJ_OK);
    tj_detok detok;
    tj_detok_init(&detok, tok, (tj_detok_options){.at_start = true});
    tj_buf out;
    tj_buf_init(&out);
    size_t n_held = 0;
    for (size_t i = 0; i < ids.n; i++) {
        tj_detok_add(&detok, &out, ids.ids[i]);
        assert_int_equal(tj_utf8_check(tj_buf_text(&out), out.len), out.len);
        assert_memory_equal(tj_buf_text(&out), text, out.len);
        n_held += detok.n_held > 0 ? 1 : 0;
    }
    assert_true(n_held > 5);
    tj_detok_flush(&detok, &out);
    assert_string_equal(tj_buf_text(&out), text);
    tj_buf_deinit(&out);
    tj_ids_deinit(&ids);
    tj_tokenizer_destroy(tok);
}

/* The ids of the 256 bytes, by their characters in the vocabulary. */
static void find_bytes(const tj_tokenizer *tok, int32_t ids[256])
{
    size_t n_found = 0;
    for (size_t i = 0; i < tj_tokenizer_n_vocab(tok); i++) {
        size_t n;
        const char *bytes = tj_tokenizer_bytes(tok, (int32_t)i, &n);
        if (n == 1) {
            ids[(unsigned char)bytes[0]] = (int32_t)i;
            n_found++;
        }
    }
    assert_int_equal(n_found, 256);
}

/* Any bytes, each a token: the same as the whole replaced at once, or as it is. */
static void broken_bytes_are_replaced_as_in_the_whole(void **state)
{
    (void)state;
    static const unsigned char corners[] = {0x00, 'a',  0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2,
                                            0xDF, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5};
    tj_tokenizer *tok = load("tests/golden/tokenizer_gpt2.json");
    int32_t ids[256];
    find_bytes(tok, ids);
    tj_rng rng;
    tj_rng_init(&rng, 111, 0, 0, 0);
    for (size_t trial = 0; trial < 50000; trial++) {
        char bytes[10];
        size_t n = (size_t)tj_rng_below(&rng, sizeof bytes);
        tj_detok plain, raw;
        tj_buf out, out_raw, want;
        tj_buf_init(&out);
        tj_buf_init(&out_raw);
        tj_buf_init(&want);
        tj_detok_init(&plain, tok, (tj_detok_options){.at_start = false});
        tj_detok_init(&raw, tok, (tj_detok_options){.raw = true});
        for (size_t i = 0; i < n; i++) {
            unsigned char b = corners[tj_rng_below(&rng, sizeof corners)];
            bytes[i] = (char)b;
            tj_detok_add(&plain, &out, ids[b]);
            tj_detok_add(&raw, &out_raw, ids[b]);
        }
        tj_detok_flush(&plain, &out);
        tj_detok_flush(&raw, &out_raw);
        tj_utf8_replace(&want, bytes, n);
        assert_int_equal(out.len, want.len);
        assert_memory_equal(tj_buf_text(&out), tj_buf_text(&want), want.len);
        assert_int_equal(out_raw.len, n);
        assert_memory_equal(tj_buf_text(&out_raw), bytes, n);
        tj_buf_deinit(&out);
        tj_buf_deinit(&out_raw);
        tj_buf_deinit(&want);
    }
    tj_tokenizer_destroy(tok);
}

static void expect_shown(const tj_tokenizer *tok, tj_detok_options options, const int32_t *ids,
                         size_t n, const char *want)
{
    tj_detok detok;
    tj_buf out;
    tj_buf_init(&out);
    tj_detok_init(&detok, tok, options);
    for (size_t i = 0; i < n; i++) {
        tj_detok_add(&detok, &out, ids[i]);
    }
    tj_detok_flush(&detok, &out);
    assert_string_equal(tj_buf_text(&out), want);
    tj_buf_deinit(&out);
}

static void the_first_space_is_the_tokenizers(void **state)
{
    (void)state;
    tj_tokenizer *tok = load("tests/golden/tokenizer_sentencepiece.json");
    tj_ids ids = {.ids = NULL};
    const char *text = "  the journey";
    assert_int_equal(tj_tokenizer_encode(tok, &ids, text, strlen(text), false, NULL), TJ_OK);
    expect_shown(tok, (tj_detok_options){.at_start = true}, ids.ids, ids.n, "  the journey");
    expect_shown(tok, (tj_detok_options){.at_start = false}, ids.ids, ids.n, "   the journey");
    static const int32_t begin[] = {1};
    expect_shown(tok, (tj_detok_options){.at_start = true}, begin, 1, "");
    expect_shown(tok, (tj_detok_options){.with_special = true}, begin, 1, "<s>");
    static const int32_t none[] = {-1, 100000, INT32_MAX};
    expect_shown(tok, (tj_detok_options){.with_special = true}, none, 3, "");
    tj_ids_deinit(&ids);
    tj_tokenizer_destroy(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_grows_by_whole_characters),
        cmocka_unit_test(broken_bytes_are_replaced_as_in_the_whole),
        cmocka_unit_test(the_first_space_is_the_tokenizers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
