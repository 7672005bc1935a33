/* Loading, with what is refused and by which name; hashes; encoding and decoding of any UTF-8;
 * added tokens; and what is left after a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/rng.h"
#include "text/text.h"

/* A file from parts: the model's fields after its type, and the fields beside it. */
static tj_code parse(tj_tokenizer **out, const char *model, const char *others, tj_err *err)
{
    tj_buf json;
    tj_buf_init(&json);
    tj_buf_printf(&json, "{\n\"model\":{\"type\":\"BPE\"%s}%s}", model, others);
    tj_code rc = tj_tokenizer_parse(out, json.data, json.len, "t.json", err);
    tj_buf_deinit(&json);
    return rc;
}

#define VOCAB  ",\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":7}"
#define MERGES ",\"merges\":[\"a b\",\"ab c\"]"

static tj_tokenizer *load(const char *model, const char *others)
{
    tj_tokenizer *tok;
    tj_err err = {.msg = ""};
    if (parse(&tok, model, others, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return tok;
}

static void expect_ids(const tj_tokenizer *tok, const char *text, bool special, const int32_t *want,
                       size_t n)
{
    tj_ids ids = {.ids = NULL};
    assert_int_equal(tj_tokenizer_encode(tok, &ids, text, strlen(text), special, NULL), TJ_OK);
    assert_int_equal(ids.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ids.ids[i], want[i]);
    }
    tj_ids_deinit(&ids);
}

static void a_small_vocabulary_can_be_looked_at(void **state)
{
    (void)state;
    tj_tokenizer *tok = load(VOCAB MERGES, "");
    assert_int_equal(tj_tokenizer_n_vocab(tok), 8);
    assert_int_equal(tj_tokenizer_find(tok, "abc"), 7);
    assert_int_equal(tj_tokenizer_find(tok, "abcd"), -1);
    assert_int_equal(tj_tokenizer_find(tok, ""), -1);
    size_t n;
    assert_memory_equal(tj_tokenizer_bytes(tok, 7, &n), "abc", 3);
    assert_int_equal(n, 3);
    static const int32_t none[] = {-1, 4, 8, INT32_MAX, INT32_MIN}; /* 4 is a hole */
    for (size_t i = 0; i < 5; i++) {
        assert_non_null(tj_tokenizer_bytes(tok, none[i], &n));
        assert_int_equal(n, 0);
        assert_false(tj_tokenizer_is_special(tok, none[i]));
    }
    expect_ids(tok, "abcabca", false, (const int32_t[]){7, 7, 0}, 3);
    expect_ids(tok, "", false, NULL, 0);
    tj_tokenizer_destroy(tok);
    tj_tokenizer_destroy(NULL);
}

static void what_cannot_be_spelled_is_an_error(void **state)
{
    (void)state;
    tj_tokenizer *tok = load(VOCAB MERGES, "");
    tj_ids ids = {.ids = NULL};
    tj_err err;
    assert_int_equal(tj_tokenizer_encode(tok, &ids, "abc", 3, false, &err), TJ_OK);
    assert_int_equal(tj_tokenizer_encode(tok, &ids, "abé", 4, false, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "'é' at byte 2"));
    assert_int_equal(tj_tokenizer_encode(tok, &ids, "ab\xff", 3, false, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "byte 2"));
    assert_int_equal(ids.n, 1); /* as before the failures */
    tj_ids_deinit(&ids);
    tj_tokenizer_destroy(tok);
}

static void wrong_files_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *model, *others, *says;
    } wrong[] = {
        {"", "", "model.vocab"},
        {VOCAB, "", "model.merges"},
        {VOCAB ",\"merges\":[\"a\"]", "", "model.merges[0] is not a pair"},
        {VOCAB ",\"merges\":[\"a b c\"]", "", "model.merges[0] is not a pair"},
        {VOCAB ",\"merges\":[[\"a\",2]]", "", "model.merges[0] is not a pair"},
        {VOCAB ",\"merges\":[\"a b\",\"b c\"]", "", "model.merges[1]: 'bc' is not in the vocab"},
        {VOCAB ",\"merges\":[\"x b\"]", "", "model.merges[0]: 'x' is not in the vocab"},
        {",\"vocab\":{\"a\":0,\"b\":0}" MERGES, "", "'b' has the id 0 of another"},
        {",\"vocab\":{\"a\":-1}" MERGES, "", "model.vocab must have an id"},
        {",\"vocab\":{\"a\":1.5}" MERGES, "", "model.vocab must have an id"},
        {",\"vocab\":{\"a\":2097152}" MERGES, "", "model.vocab must have an id"},
        {",\"vocab\":{\"a\":0,\"a\":1}" MERGES, "", "t.json:2: duplicate"},
        {VOCAB MERGES ",\"dropout\":0.1", "", "dropout"},
        {VOCAB MERGES ",\"end_of_word_suffix\":\"</w>\"", "", "end_of_word_suffix"},
        {VOCAB MERGES ",\"continuing_subword_prefix\":\"##\"", "", "continuing_subword_prefix"},
        {VOCAB MERGES ",\"ignore_merges\":1", "", "ignore_merges must be true or false"},
        {VOCAB MERGES, ",\"normalizer\":{\"type\":\"NFKC\"}", "normalizer 'NFKC'"},
        {VOCAB MERGES, ",\"pre_tokenizer\":{\"type\":\"Metaspace\"}", "'Metaspace'"},
        {VOCAB MERGES, ",\"pre_tokenizer\":5", "pre_tokenizer ''"},
        {VOCAB MERGES, ",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true}",
         "add_prefix_space"},
        {VOCAB MERGES,
         ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},"
         "{\"type\":\"Digits\"}]}",
         "Digits after ByteLevel"},
        {VOCAB MERGES,
         ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},"
         "\"behavior\":\"Isolated\"}",
         "t.json: pre_tokenizer: pattern is wrong at byte 1"},
        {VOCAB MERGES,
         ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},"
         "\"behavior\":\"MergedWithNext\"}",
         "'MergedWithNext'"},
        {VOCAB MERGES, ",\"pre_tokenizer\":{\"type\":\"Split\",\"behavior\":\"Isolated\"}",
         "needs a pattern"},
        {VOCAB MERGES, ",\"decoder\":{\"type\":\"WordPiece\"}", "decoder 'WordPiece'"},
        {VOCAB MERGES, ",\"added_tokens\":{}", "added_tokens must be an array"},
        {VOCAB MERGES, ",\"added_tokens\":[{\"content\":\"x\"}]", "added_tokens must have an id"},
        {VOCAB MERGES, ",\"added_tokens\":[{\"id\":9}]", "must have a content"},
        {VOCAB MERGES, ",\"added_tokens\":[{\"id\":9,\"content\":\"\"}]", "must have a content"},
        {VOCAB MERGES, ",\"added_tokens\":[{\"id\":9,\"content\":\"x\",\"lstrip\":true}]",
         "lstrip is not supported"},
        {VOCAB MERGES, ",\"added_tokens\":[{\"id\":1,\"content\":\"x\"}]", "id 1 of another"},
        {VOCAB MERGES, ",\"added_tokens\":[{\"id\":9,\"content\":\"a\"}]", "id 9 of another"},
        {VOCAB MERGES,
         ",\"added_tokens\":[{\"id\":9,\"content\":\"x\"},{\"id\":9,\"content\":\"y\"}]",
         "id 9 of another"},
        {VOCAB MERGES,
         ",\"added_tokens\":[{\"id\":3,\"content\":\"ab\"},{\"id\":3,\"content\":\"ab\"}]",
         "listed twice"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tj_tokenizer *tok;
        tj_err err = {.msg = ""};
        assert_int_equal(parse(&tok, wrong[i].model, wrong[i].others, &err), TJ_E_PARSE);
        assert_null(tok);
        if (strstr(err.msg, wrong[i].says) == NULL || strstr(err.msg, "t.json") != err.msg) {
            fail_msg("case %zu: '%s' does not say '%s'", i, err.msg, wrong[i].says);
        }
    }
}

static void files_that_are_not_utf8_are_refused_by_line(void **state)
{
    (void)state;
    static const char json[] = "{\n\n\"model\": {\"type\": \"BPE\",\n\"vocab\": {\"\xff\": 0}}}";
    tj_tokenizer *tok;
    tj_err err;
    assert_int_equal(tj_tokenizer_parse(&tok, json, sizeof json - 1, "v.json", &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "v.json:4:"));
    assert_int_equal(tj_tokenizer_parse(&tok, "", 0, "v.json", &err), TJ_E_PARSE);
    assert_int_equal(tj_tokenizer_load(&tok, "no/such/file.json", &err), TJ_E_NOTFOUND);
    assert_null(tok);
}

/* A byte that is not UTF-8 in place of any byte of a file: refused, with that byte's line. */
static void a_wrong_byte_anywhere_is_found_on_its_line(void **state)
{
    (void)state;
    static const char file[] = "{\n\"added_tokens\": [\n {\"id\": 3,\n  \"content\": \"<e>\"}],\n"
                               "\"model\": {\n \"type\": \"BPE\",\n \"vocab\": {\"a\": 0,\n"
                               "  \"b\": 1,\n  \"ab\": 2},\n \"merges\": [\n  \"a b\"]}}\n";
    char copy[sizeof file];
    int line = 1;
    tj_tokenizer *tok;
    assert_int_equal(tj_tokenizer_parse(&tok, file, sizeof file - 1, "v.json", NULL), TJ_OK);
    tj_tokenizer_destroy(tok);
    for (size_t i = 0; i + 1 < sizeof file; i++) {
        tj_err err = {.msg = ""};
        char says[32];
        memcpy(copy, file, sizeof file);
        copy[i] = '\xff';
        snprintf(says, sizeof says, "v.json:%d: ", line);
        tj_code rc = tj_tokenizer_parse(&tok, copy, sizeof file - 1, "v.json", &err);
        if (rc != TJ_E_PARSE || strncmp(err.msg, says, strlen(says)) != 0) {
            fail_msg("byte %zu: %d, '%s' does not begin with '%s'", i, (int)rc, err.msg, says);
        }
        line += file[i] == '\n' ? 1 : 0;
    }
}

static void the_hash_is_of_what_determines_the_ids(void **state)
{
    (void)state;
    static const struct {
        const char *model, *others;
        bool same;
    } cases[] = {
        {VOCAB MERGES, "", true},
        {MERGES VOCAB, "", true},
        {" , \"vocab\": {\"abc\":7, \"b\":1,\"c\":2,\"ab\":3,\"\\u0061\":0}" MERGES, "", true},
        {VOCAB ",\"merges\":[[\"a\",\"b\"],[\"ab\",\"c\"]]", "", true},
        {VOCAB MERGES ",\"ignore_merges\":false,\"dropout\":null", ",\"truncation\":null", true},
        {VOCAB MERGES, ",\"decoder\":{\"type\":\"Fuse\"}", true},
        {VOCAB MERGES ",\"ignore_merges\":true", "", false},
        {VOCAB MERGES ",\"byte_fallback\":true", "", false},
        {VOCAB ",\"merges\":[\"a b\"]", "", false},
        {VOCAB ",\"merges\":[\"ab c\",\"a b\"]", "", false},
        {",\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":6}" MERGES, "", false},
        {VOCAB MERGES, ",\"added_tokens\":[{\"id\":3,\"content\":\"ab\"}]", false},
        {VOCAB MERGES, ",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"use_regex\":false}", false},
        {VOCAB MERGES, ",\"pre_tokenizer\":{\"type\":\"ByteLevel\"}", false},
        {VOCAB MERGES, ",\"pre_tokenizer\":{\"type\":\"Digits\"}", false},
        {VOCAB MERGES, ",\"pre_tokenizer\":{\"type\":\"Digits\",\"individual_digits\":true}",
         false},
    };
    enum { N = sizeof cases / sizeof cases[0] };
    char hashes[N][65];
    for (size_t i = 0; i < N; i++) {
        tj_tokenizer *tok = load(cases[i].model, cases[i].others);
        memcpy(hashes[i], tj_tokenizer_hash(tok), 65);
        assert_int_equal(strlen(hashes[i]), 64);
        tj_tokenizer_destroy(tok);
        for (size_t j = 0; j < i; j++) {
            bool same = cases[i].same && cases[j].same;
            if ((strcmp(hashes[i], hashes[j]) == 0) != same) {
                fail_msg("hashes of cases %zu and %zu: expected %s", j, i,
                         same ? "equal" : "different");
            }
        }
    }
}

static void added_tokens_are_found_longest_first(void **state)
{
    (void)state;
    tj_tokenizer *tok =
        load(VOCAB MERGES, ",\"added_tokens\":["
                           "{\"id\":10,\"content\":\"<s>\",\"special\":true},"
                           "{\"id\":11,\"content\":\"<s><s>\",\"special\":true},"
                           "{\"id\":12,\"content\":\"bc\",\"special\":false},"
                           "{\"id\":13,\"content\":\"b\xC3\xA9\",\"special\":false}]");
    expect_ids(tok, "a<s>b", true, (const int32_t[]){0, 10, 1}, 3);
    expect_ids(tok, "<s><s><s>", true, (const int32_t[]){11, 10}, 2);
    expect_ids(tok, "abc", true, (const int32_t[]){0, 12}, 2); /* cut out before merging */
    expect_ids(tok, "b\xC3\xA9", false, (const int32_t[]){13}, 1);
    tj_ids ids = {.ids = NULL};
    assert_int_equal(tj_tokenizer_encode(tok, &ids, "a<s>", 4, false, NULL), TJ_E_INVAL);
    assert_true(tj_tokenizer_is_special(tok, 10));
    assert_false(tj_tokenizer_is_special(tok, 12));
    assert_int_equal(tj_tokenizer_find(tok, "<s><s>"), 11);
    tj_buf text;
    tj_buf_init(&text);
    static const int32_t all[] = {0, 10, 12, 99, -1};
    tj_tokenizer_decode(tok, &text, all, 5, false);
    assert_string_equal(tj_buf_text(&text), "abc");
    tj_buf_clear(&text);
    tj_tokenizer_decode(tok, &text, all, 5, true);
    assert_string_equal(tj_buf_text(&text), "a<s>bc");
    tj_buf_deinit(&text);
    tj_ids_deinit(&ids);
    tj_tokenizer_destroy(tok);
}

static size_t random_utf8(char *text, size_t max_len, tj_rng *rng)
{
    static const char *const pieces[] = {"a",  " ",    "\n",  "1",    "'s",   "é",   "旅路",
                                         "😀",  "the",  "<",   "eos>", "left", " 11", ".",
                                         "\t", "\r\n", " 36", "1.",   "\x01", "。",  "e\u0301"};
    size_t len = 0, n = (size_t)tj_rng_below(rng, 40);
    for (size_t i = 0; i < n; i++) {
        const char *piece = pieces[tj_rng_below(rng, sizeof pieces / sizeof pieces[0])];
        if (len + strlen(piece) <= max_len) {
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
    }
    return len;
}

/* Every byte-level tokenizer gives back any text, with zeros in it too. */
static void text_comes_back_from_its_ids(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "share/countdown/tokenizer.json", "tests/golden/tokenizer_gpt2.json",
        "tests/golden/tokenizer_llama3.json", "tests/golden/tokenizer_characters.json"};
    tj_rng rng;
    tj_rng_init(&rng, 81, 0, 0, 0);
    for (size_t p = 0; p < 4; p++) {
        tj_tokenizer *tok;
        assert_int_equal(tj_tokenizer_load(&tok, paths[p], NULL), TJ_OK);
        for (size_t trial = 0; trial < 500; trial++) {
            char text[256];
            size_t len = random_utf8(text, sizeof text - 1, &rng);
            text[len++] = '\0';
            tj_ids ids = {.ids = NULL};
            assert_int_equal(tj_tokenizer_encode(tok, &ids, text, len, trial % 2 == 0, NULL),
                             TJ_OK);
            tj_buf back;
            tj_buf_init(&back);
            tj_tokenizer_decode(tok, &back, ids.ids, ids.n, true);
            assert_int_equal(back.len, len);
            assert_memory_equal(back.data, text, len);
            tj_buf_deinit(&back);
            tj_ids_deinit(&ids);
        }
        tj_tokenizer_destroy(tok);
    }
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    char *json;
    size_t len;
    assert_int_equal(tj_fs_read(&json, &len, "tests/golden/tokenizer_llama3.json", 1 << 20, NULL),
                     TJ_OK);
    tj_tokenizer *tok = NULL;
    for (size_t k = 0; tok == NULL; k++) {
        tj_alloc_fail_after(k);
        tj_code rc = tj_tokenizer_parse(&tok, json, len, "t.json", NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK ? tok != NULL : rc == TJ_E_NOMEM && tok == NULL);
    }
    tj_ids ids = {.ids = NULL};
    tj_code rc = TJ_E_NOMEM;
    static const char text[] = "the journey <eos> 旅路 123";
    for (size_t k = 0; rc != TJ_OK; k++) {
        size_t n_before = ids.n;
        tj_alloc_fail_after(k);
        rc = tj_tokenizer_encode(tok, &ids, text, strlen(text), true, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && ids.n == n_before));
    }
    tj_ids_deinit(&ids);
    tj_tokenizer_destroy(tok);
    tj_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_vocabulary_can_be_looked_at),
        cmocka_unit_test(what_cannot_be_spelled_is_an_error),
        cmocka_unit_test(wrong_files_are_refused_by_name),
        cmocka_unit_test(files_that_are_not_utf8_are_refused_by_line),
        cmocka_unit_test(a_wrong_byte_anywhere_is_found_on_its_line),
        cmocka_unit_test(the_hash_is_of_what_determines_the_ids),
        cmocka_unit_test(added_tokens_are_found_longest_first),
        cmocka_unit_test(text_comes_back_from_its_ids),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
