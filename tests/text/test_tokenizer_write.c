/* What is written is read back as the same tokenizer: as tokenizer.json by its hash, as a GGUF by
 * the ids of random texts, and from there as tokenizer.json again. What a GGUF cannot say is
 * refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "text/gguf_testing.h"
#include "text/text.h"

#define N_TEXTS 300

static tj_tokenizer *load(const char *path)
{
    tj_tokenizer *tok;
    tj_err err = {.msg = ""};
    if (tj_tokenizer_load(&tok, path, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return tok;
}

/* Through tokenizer.json. */
static tj_tokenizer *through_json(const tj_tokenizer *tok)
{
    tj_buf text;
    tj_tokenizer *back;
    tj_err err = {.msg = ""};
    tj_buf_init(&text);
    assert_int_equal(tj_tokenizer_to_json(tok, &text, &err), TJ_OK);
    if (tj_tokenizer_parse(&back, tj_buf_text(&text), text.len, "written", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_buf_deinit(&text);
    return back;
}

static tj_code put(const tj_tokenizer *tok, const char *path, size_t n_tokens, tj_err *err)
{
    tj_gguf_writer *w;
    assert_int_equal(tj_gguf_writer_open(&w, path, err), TJ_OK);
    tj_code rc = tj_tokenizer_put_gguf(tok, w, n_tokens, err);
    if (rc != TJ_OK) {
        tj_gguf_writer_abort(w);
        return rc;
    }
    return tj_gguf_writer_commit(w, err);
}

/* Through a GGUF with three rows more than there are tokens. */
static tj_tokenizer *through_gguf(const tj_tokenizer *tok)
{
    char path[32];
    tj_tokenizer *back = NULL;
    tj_gguf *gguf = NULL;
    tj_err err = {.msg = ""};
    gguf_temp_path(path);
    if (put(tok, path, tj_tokenizer_n_vocab(tok) + 3, &err) != TJ_OK ||
        tj_gguf_open(&gguf, path, &err) != TJ_OK ||
        tj_tokenizer_read_gguf(&back, gguf, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_gguf_close(gguf);
    assert_int_equal(unlink(path), 0);
    return back;
}

/* Words, numbers and marks; every third piece is a token's own text. */
static size_t random_text(char *text, size_t cap, const tj_tokenizer *tok, tj_rng *rng)
{
    static const char *const parts[] = {"the ", " a",  "12345", "\n\n", "  ",           "don't",
                                        "\t",   "ABC", ".",     "é",    "\xE4\xBD\xA0", "x"};
    size_t n = 0;
    for (size_t i = 0; i < 12; i++) {
        const char *part = parts[tj_rng_below(rng, sizeof parts / sizeof parts[0])];
        size_t len = strlen(part);
        if (i % 3 == 0) {
            part = tj_tokenizer_bytes(tok, (int32_t)tj_rng_below(rng, tj_tokenizer_n_vocab(tok)),
                                      &len);
        }
        if (n + len < cap && tj_utf8_check(part, len) == len) {
            memcpy(text + n, part, len);
            n += len;
        }
    }
    return n;
}

static void assert_same_ids(const tj_tokenizer *a, const tj_tokenizer *b, const char *what)
{
    tj_rng rng;
    tj_rng_init(&rng, 1, 0, 0, 0);
    for (size_t i = 0; i < N_TEXTS; i++) {
        char text[2048];
        tj_ids x = {.n = 0};
        tj_ids y = {.n = 0};
        size_t n = random_text(text, sizeof text, a, &rng);
        assert_int_equal(tj_tokenizer_encode(a, &x, text, n, true, NULL), TJ_OK);
        assert_int_equal(tj_tokenizer_encode(b, &y, text, n, true, NULL), TJ_OK);
        if (x.n != y.n || memcmp(x.ids, y.ids, x.n * sizeof *x.ids) != 0) {
            fail_msg("%s: '%.*s' has %zu and %zu ids", what, (int)n, text, x.n, y.n);
        }
        tj_ids_deinit(&x);
        tj_ids_deinit(&y);
    }
}

static void assert_same_extras(const tj_tokenizer *a, const tj_tokenizer *b)
{
    const tj_tokenizer_extras *x = tj_tokenizer_get_extras(a);
    const tj_tokenizer_extras *y = tj_tokenizer_get_extras(b);
    assert_int_equal(x->add_bos, y->add_bos);
    assert_int_equal(x->add_eos, y->add_eos);
    assert_int_equal(x->bos, y->bos);
    assert_int_equal(x->eos, y->eos);
}

static const char *const files[] = {
    "tests/golden/tokenizer_gpt2.json",       "tests/golden/tokenizer_llama3.json",
    "tests/golden/tokenizer_qwen2.json",      "tests/golden/tokenizer_sentencepiece.json",
    "tests/golden/tokenizer_characters.json", "tests/golden/tokenizer_removing.json"};
#define N_FILES 6
#define N_GGUF  4 /* those that a GGUF can say; the others have pre-tokenizers of their own */

static void json_comes_back_with_the_same_hash(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FILES; i++) {
        tj_tokenizer *tok = load(files[i]);
        tj_tokenizer *back = through_json(tok);
        assert_string_equal(tj_tokenizer_hash(tok), tj_tokenizer_hash(back));
        assert_same_ids(tok, back, files[i]);
        assert_same_extras(tok, back);
        tj_tokenizer_destroy(tok);
        tj_tokenizer_destroy(back);
    }
}

static void gguf_and_json_of_it_give_the_same_ids(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GGUF; i++) {
        tj_tokenizer *tok = load(files[i]);
        tj_tokenizer *gguf = through_gguf(tok);
        tj_tokenizer *json = through_json(gguf);
        tj_tokenizer *again = through_gguf(json);
        assert_same_ids(tok, gguf, files[i]);
        assert_same_ids(tok, json, files[i]);
        assert_same_ids(tok, again, files[i]);
        assert_same_extras(tok, gguf);
        assert_same_extras(gguf, json);
        assert_int_equal(tj_tokenizer_n_vocab(gguf), tj_tokenizer_n_vocab(tok) + 3);
        tj_tokenizer_destroy(tok);
        tj_tokenizer_destroy(gguf);
        tj_tokenizer_destroy(json);
        tj_tokenizer_destroy(again);
    }
}

/* Two ends, [bos] text [eos], survive both ways. */
static void what_stands_around_a_text_comes_back(void **state)
{
    (void)state;
    static const char json[] =
        "{\"added_tokens\": [{\"id\": 0, \"content\": \"<a>\", \"special\": true}, {\"id\": 1, "
        "\"content\": \"<z>\", \"special\": true}], \"pre_tokenizer\": {\"type\": \"ByteLevel\", "
        "\"add_prefix_space\": false}, \"post_processor\": {\"type\": \"TemplateProcessing\", "
        "\"single\": [{\"SpecialToken\": {\"id\": \"<a>\", \"type_id\": 0}}, {\"Sequence\": "
        "{\"id\": \"A\", \"type_id\": 0}}, {\"SpecialToken\": {\"id\": \"<z>\", \"type_id\": 0}}], "
        "\"special_tokens\": {\"<a>\": {\"id\": \"<a>\", \"ids\": [0], \"tokens\": [\"<a>\"]}, "
        "\"<z>\": {\"id\": \"<z>\", \"ids\": [1], \"tokens\": [\"<z>\"]}}}, \"model\": {\"type\": "
        "\"BPE\", \"vocab\": {\"a\": 2, \"b\": 3, \"ab\": 5}, \"merges\": [[\"a\", \"b\"]]}}";
    tj_tokenizer *tok;
    assert_int_equal(tj_tokenizer_parse(&tok, json, strlen(json), "two ends", NULL), TJ_OK);
    tj_tokenizer *gguf = through_gguf(tok);
    tj_tokenizer *back = through_json(gguf);
    assert_true(tj_tokenizer_get_extras(gguf)->add_eos);
    assert_same_extras(tok, gguf);
    assert_same_extras(tok, back);
    assert_int_equal(tj_tokenizer_find(back, "ab"), 5); /* after a hole */
    tj_ids ids = {.n = 0};
    assert_int_equal(tj_tokenizer_encode(back, &ids, "abb<z>", 6, true, NULL), TJ_OK);
    assert_memory_equal(ids.ids, ((const int32_t[]){5, 3, 1}), 3 * sizeof *ids.ids);
    tj_ids_deinit(&ids);
    tj_tokenizer_destroy(tok);
    tj_tokenizer_destroy(gguf);
    tj_tokenizer_destroy(back);
}

static void assert_refused(const tj_tokenizer *tok, size_t n_tokens, const char *says)
{
    char path[32];
    tj_err err = {.msg = ""};
    gguf_temp_path(path);
    assert_int_equal(put(tok, path, n_tokens, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, says));
    assert_int_equal(unlink(path), 0);
}

static void what_a_gguf_cannot_say_is_refused(void **state)
{
    (void)state;
    static const char merges[] =
        "{\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": "
        "\"\xE2\x96\x81\"}, \"decoder\": {\"type\": \"Replace\", \"pattern\": {\"String\": "
        "\"\xE2\x96\x81\"}, \"content\": \" \"}, \"model\": {\"type\": \"BPE\", \"byte_fallback\": "
        "true, \"vocab\": {\"a\": 0, \"b\": 1, \"ab\": 2, \"aba\": 3, \"ba\": 4}, \"merges\": "
        "[[\"ab\", \"a\"], [\"a\", \"b\"], [\"a\", \"ba\"], [\"b\", \"a\"]]}}";
    tj_tokenizer *tok = load(files[0]);
    assert_refused(tok, tj_tokenizer_n_vocab(tok) - 1, "the model only");
    tj_tokenizer_destroy(tok);
    tok = load("tests/golden/tokenizer_removing.json");
    assert_refused(tok, 4096, "pre-tokenizer");
    tj_tokenizer_destroy(tok);
    tok = load("tests/golden/tokenizer_characters.json");
    assert_refused(tok, 4096, "neither byte-level nor");
    tj_tokenizer_destroy(tok);
    assert_int_equal(tj_tokenizer_parse(&tok, merges, strlen(merges), "merges", NULL), TJ_OK);
    assert_refused(tok, 4096, "token 3 is made by merges that do not stand together");
    tj_tokenizer_destroy(tok);
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    tj_tokenizer *tok = load(files[3]);
    char path[32];
    gguf_temp_path(path);
    for (size_t k = 0;; k++) {
        tj_buf text;
        tj_err err = {.msg = ""};
        tj_buf_init(&text);
        tj_alloc_fail_after(k);
        tj_code json = tj_tokenizer_to_json(tok, &text, &err);
        tj_alloc_fail_after(SIZE_MAX);
        tj_buf_deinit(&text);
        tj_gguf_writer *w;
        assert_int_equal(tj_gguf_writer_open(&w, path, &err), TJ_OK);
        tj_alloc_fail_after(k);
        tj_code gguf = tj_tokenizer_put_gguf(tok, w, 4096, &err);
        gguf = gguf == TJ_OK ? tj_gguf_writer_commit(w, &err) : (tj_gguf_writer_abort(w), gguf);
        tj_alloc_fail_after(SIZE_MAX);
        if (json == TJ_OK && gguf == TJ_OK) {
            break;
        }
        assert_true(json == TJ_OK || json == TJ_E_NOMEM);
        assert_true(gguf == TJ_OK || gguf == TJ_E_NOMEM);
    }
    assert_int_equal(unlink(path), 0);
    tj_tokenizer_destroy(tok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_comes_back_with_the_same_hash),
        cmocka_unit_test(gguf_and_json_of_it_give_the_same_ids),
        cmocka_unit_test(what_stands_around_a_text_comes_back),
        cmocka_unit_test(what_a_gguf_cannot_say_is_refused),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
