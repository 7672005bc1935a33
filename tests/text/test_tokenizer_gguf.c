/* Tokenizers of GGUF files: what is refused and by which name; extras; which tokens a text may
 * hold; and joining by scores against its definition, looking over all neighbours each time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/gguf.h"
#include "base/rng.h"
#include "gguf_testing.h"

#define KEY(name)  "tokenizer.ggml." name
#define MAX_TOKENS 64

/* What a file says; what is NULL or 0 is left out. */
typedef struct spec {
    const char *model, *pre, *template;
    const char *tokens[MAX_TOKENS]; /* ends with NULL */
    int32_t types[MAX_TOKENS];      /* 0: none are given */
    float scores[MAX_TOKENS];
    size_t n_scores;
    const char *merges[MAX_TOKENS];
    bool with_merges, add_bos, no_space;
    uint32_t bos, eos; /* ids and 1 */
} spec;

static size_t count(const char *const *texts)
{
    size_t n = 0;
    while (texts[n] != NULL) {
        n++;
    }
    return n;
}

static void put_texts(tj_gguf_writer *w, const char *key, const char *const *texts)
{
    size_t n = count(texts), lens[MAX_TOKENS];
    for (size_t i = 0; i < n; i++) {
        lens[i] = strlen(texts[i]);
    }
    tj_gguf_put_strings(w, key, texts, lens, n);
}

static void put_text(tj_gguf_writer *w, const char *key, const char *text)
{
    if (text != NULL) {
        tj_gguf_put_string(w, key, text, strlen(text));
    }
}

static tj_code load(tj_tokenizer **out, const spec *s, tj_err *err)
{
    char path[32];
    tj_gguf_writer *w;
    tj_gguf *gguf;
    gguf_temp_path(path);
    assert_int_equal(tj_gguf_writer_open(&w, path, NULL), TJ_OK);
    put_text(w, KEY("model"), s->model);
    put_text(w, KEY("pre"), s->pre);
    put_text(w, "tokenizer.chat_template", s->template);
    put_texts(w, KEY("tokens"), s->tokens);
    if (s->types[0] != 0) {
        tj_gguf_put_i32s(w, KEY("token_type"), s->types, count(s->tokens));
    }
    if (s->n_scores > 0) {
        tj_gguf_put_f32s(w, KEY("scores"), s->scores, s->n_scores);
    }
    if (s->with_merges) {
        put_texts(w, KEY("merges"), s->merges);
    }
    if (s->add_bos) {
        tj_gguf_put_bool(w, KEY("add_bos_token"), true);
    }
    if (s->no_space) {
        tj_gguf_put_bool(w, KEY("add_space_prefix"), false);
    }
    if (s->bos > 0) {
        tj_gguf_put_u32(w, KEY("bos_token_id"), s->bos - 1);
    }
    if (s->eos > 0) {
        tj_gguf_put_u32(w, KEY("eos_token_id"), s->eos - 1);
    }
    assert_int_equal(tj_gguf_writer_commit(w, NULL), TJ_OK);
    tj_code rc = tj_gguf_open(&gguf, path, err);
    assert_int_equal(rc, TJ_OK);
    rc = tj_tokenizer_read_gguf(out, gguf, err);
    tj_gguf_close(gguf);
    remove(path);
    return rc;
}

static tj_tokenizer *expect(const spec *s)
{
    tj_tokenizer *tok;
    tj_err err = {.msg = ""};
    if (load(&tok, s, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return tok;
}

static void expect_ids(const tj_tokenizer *tok, const char *text, bool special, const int32_t *want,
                       size_t n)
{
    tj_ids ids = {.ids = NULL};
    tj_err err = {.msg = ""};
    if (tj_tokenizer_encode(tok, &ids, text, strlen(text), special, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(ids.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ids.ids[i], want[i]);
    }
    tj_ids_deinit(&ids);
}

#define GPT2 .model = "gpt2", .pre = "gpt-2", .with_merges = true
#define SP   .model = "llama", .bos = 2

static void wrong_files_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        spec spec;
        const char *says;
    } wrong[] = {
        {{.model = NULL, .tokens = {"a"}}, "tokenizer.ggml.model"},
        {{.model = "bert", .tokens = {"a"}}, "model 'bert' is not known; known are gpt2 and llama"},
        {{.model = "gpt2", .tokens = {"a"}, .with_merges = true},
         "pre is missing; known are gpt-2, llama-bpe, qwen2, smollm, starcoder, deepseek-llm and "
         "deepseek-coder"},
        {{.model = "gpt2", .pre = "gpt-9", .tokens = {"a"}, .with_merges = true},
         "pre 'gpt-9' is not known"},
        {{GPT2}, "tokens has 0 tokens"},
        {{GPT2, .tokens = {"a", "b", "a"}}, "tokens 0 and 2 are both 'a'"},
        {{GPT2, .tokens = {"a", "\xff"}}, "tokens[1] is not UTF-8"},
        {{.model = "gpt2", .pre = "gpt-2", .tokens = {"a"}}, "merges"},
        {{GPT2, .tokens = {"a", "b"}, .merges = {"a b"}}, "merges[0]: 'ab' is not in the vocab"},
        {{GPT2, .tokens = {"a", "b"}, .merges = {"c b"}}, "merges[0]: 'c' is not in the vocab"},
        {{GPT2, .tokens = {"a", "b"}, .merges = {"ab"}}, "merges[0] is not a pair"},
        {{GPT2, .tokens = {"a"}, .bos = 2}, "bos_token_id is 1, but there are 1 tokens"},
        {{GPT2, .tokens = {"a"}, .add_bos = true}, "bos_token_id is missing"},
        {{.model = "llama", .tokens = {"a"}}, "scores is missing"},
        {{.model = "llama", .tokens = {"a"}, .n_scores = 2}, "scores has 2 elements for 1 tokens"},
        {{.model = "llama", .tokens = {"a"}, .scores = {NAN}, .n_scores = 1},
         "scores[0] is not a number"},
        {{.model = "llama", .tokens = {"a"}, .n_scores = 1}, "bos_token_id is missing"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tj_tokenizer *tok;
        tj_err err = {.msg = ""};
        tj_code rc = load(&tok, &wrong[i].spec, &err);
        assert_true(rc == TJ_E_PARSE || rc == TJ_E_NOTFOUND);
        assert_null(tok);
        if (strstr(err.msg, wrong[i].says) == NULL || strstr(err.msg, "/tmp/") != err.msg) {
            fail_msg("case %zu: '%s' does not say '%s'", i, err.msg, wrong[i].says);
        }
    }
}

static void extras_are_told(void **state)
{
    (void)state;
    const spec full = {GPT2,     .tokens = {"a", "b"}, .bos = 2,
                       .eos = 1, .add_bos = true,      .template = "{{ x }}"};
    tj_tokenizer *tok = expect(&full);
    const tj_tokenizer_extras *x = tj_tokenizer_get_extras(tok);
    assert_true(x->bos == 1 && x->eos == 0 && x->unk == -1 && x->pad == -1);
    assert_true(x->add_bos && !x->add_eos);
    assert_string_equal(x->chat_template, "{{ x }}");
    tj_tokenizer_destroy(tok);
    const spec bare = {GPT2, .tokens = {"a", "b"}};
    tok = expect(&bare);
    x = tj_tokenizer_get_extras(tok);
    assert_true(x->bos == -1 && x->eos == -1 && !x->add_bos && x->chat_template == NULL);
    tj_tokenizer_destroy(tok);
    const spec sp = {SP, .tokens = {"a", "b"}, .n_scores = 2};
    tok = expect(&sp);
    assert_true(tj_tokenizer_get_extras(tok)->add_bos); /* where the file does not say */
    tj_tokenizer_destroy(tok);
}

/* Control tokens only where asked for, those that users defined always, unused ones never. */
static void types_say_which_tokens_a_text_may_hold(void **state)
{
    (void)state;
    const spec bytes = {GPT2, .tokens = {"a", "<", "b", ">", "<a>", "<b>", "ab", "[c]"},
                        .types = {1, 1, 1, 1, 3, 4, 1, 5}, .merges = {"a b"}};
    tj_tokenizer *tok = expect(&bytes);
    expect_ids(tok, "ab<a><b>", false, (const int32_t[]){6, 1, 0, 3, 5}, 5);
    expect_ids(tok, "ab<a><b>", true, (const int32_t[]){6, 4, 5}, 3);
    assert_true(tj_tokenizer_is_special(tok, 4));
    assert_false(tj_tokenizer_is_special(tok, 5));
    assert_int_equal(tj_tokenizer_find(tok, "[c]"), -1);
    tj_tokenizer_destroy(tok);

    /* "<a>" would be joined of "<a" and ">", were it not a control token */
    const spec sp = {SP,
                     .tokens = {"a", "<", "b", ">", "<a>", "<b>", "<a", "\xE2\x96\x81", "<0x21>"},
                     .types = {1, 1, 1, 1, 3, 4, 1, 1, 6},
                     .scores = {0, 0, 0, 0, -1, -2, -3, -4, 0},
                     .n_scores = 9,
                     .no_space = true};
    tok = expect(&sp);
    expect_ids(tok, "<a><b> !", false, (const int32_t[]){6, 3, 5, 7, 8}, 5);
    expect_ids(tok, "<a><b> !", true, (const int32_t[]){4, 5, 7, 8}, 4);
    tj_ids ids = {.ids = NULL};
    assert_int_equal(tj_tokenizer_encode(tok, &ids, "?", 1, false, NULL), TJ_E_INVAL);
    tj_tokenizer_destroy(tok);
}

/* ------------------------------------------------------------ joining by scores */

/* Letters a, b, c and é, some of which are no tokens, and joins of them with random scores, some
 * equal. */
static void make_vocab(spec *s, char texts[MAX_TOKENS][24], tj_rng *rng)
{
    static const char *const letters[] = {"a", "b", "c", "\xC3\xA9"};
    size_t n = 0, n_tries = 6 + (size_t)tj_rng_below(rng, 50);
    *s = (spec){SP, .no_space = true};
    for (size_t b = 0; b < 2; b++) { /* bytes of é */
        snprintf(texts[n++], 24, "<0x%02X>", b == 0 ? 0xC3u : 0xA9u);
    }
    for (size_t i = 0; i < 4; i++) {
        if (i < 2 || tj_rng_below(rng, 3) > 0) {
            snprintf(texts[n++], 24, "%s", letters[i]);
        }
    }
    for (size_t t = 0; t < n_tries && n < MAX_TOKENS - 3; t++) {
        char text[48] = "";
        for (size_t k = 2 + (size_t)tj_rng_below(rng, 4); k > 0; k--) {
            (void)strncat(text, letters[tj_rng_below(rng, 4)], 8);
        }
        bool known = false;
        for (size_t i = 0; i < n; i++) {
            known = known || strcmp(texts[i], text) == 0;
        }
        if (!known) {
            snprintf(texts[n++], 24, "%.23s", text);
        }
    }
    snprintf(texts[n++], 24, "<unk>");
    for (size_t i = 0; i < n; i++) {
        s->tokens[i] = texts[i];
        s->types[i] = i < 2 ? 6 : i + 1 == n ? 2 : 1;
        s->scores[i] = (float)tj_rng_below(rng, 12) - 6.0F;
    }
    s->n_scores = n;
}

static int find(const spec *s, const char *text, size_t len)
{
    for (size_t i = 2; s->tokens[i + 1] != NULL; i++) {
        if (strlen(s->tokens[i]) == len && memcmp(s->tokens[i], text, len) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* The definition: while some neighbours join to a token, join the leftmost of the highest score.
 * begins[i] is where symbol i begins; begins[n] the end. */
static size_t join_plainly(const spec *s, const char *text, size_t *begins, size_t n)
{
    for (;;) {
        size_t best = n;
        float best_score = 0.0F;
        for (size_t i = 0; i + 1 < n; i++) {
            int id = find(s, text + begins[i], begins[i + 2] - begins[i]);
            if (id >= 0 && (best == n || s->scores[id] > best_score)) {
                best = i;
                best_score = s->scores[id];
            }
        }
        if (best == n) {
            return n;
        }
        memmove(begins + best + 1, begins + best + 2, (n - best - 1) * sizeof *begins);
        n--;
    }
}

#define MAX_LEN 90

static void check_text(const spec *s, tj_encoder *encoder, const char *text, size_t len)
{
    size_t begins[MAX_LEN + 1], n = 0;
    int32_t want[MAX_LEN];
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) {
            begins[n++] = i;
        }
    }
    begins[n] = len;
    n = join_plainly(s, text, begins, n);
    size_t n_want = 0;
    for (size_t i = 0; i < n; i++) {
        int id = find(s, text + begins[i], begins[i + 1] - begins[i]);
        if (id >= 0) {
            want[n_want++] = id;
        } else { /* é in bytes */
            assert_int_equal(begins[i + 1] - begins[i], 2);
            want[n_want++] = 0;
            want[n_want++] = 1;
        }
    }
    tj_ids ids = {.ids = NULL};
    tj_err err = {.msg = ""};
    if (tj_encoder_encode(encoder, &ids, text, len, false, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(ids.n, n_want);
    assert_true(n_want == 0 || memcmp(ids.ids, want, n_want * sizeof *want) == 0);
    tj_ids_deinit(&ids);
}

/* With an encoder that remembers parts, as one that does not is the same function. */
static void joining_equals_the_definition(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 121, 0, 0, 0);
    for (size_t trial = 0; trial < 120; trial++) {
        spec s;
        char texts[MAX_TOKENS][24];
        make_vocab(&s, texts, &rng);
        tj_tokenizer *tok = expect(&s);
        tj_encoder *encoder;
        assert_int_equal(tj_encoder_create(&encoder, tok, NULL), TJ_OK);
        for (size_t k = 0; k < 40; k++) {
            static const char *const letters[] = {"a", "b", "\xC3\xA9", "c"};
            char text[MAX_LEN + 2];
            size_t len = 0, n = (size_t)tj_rng_below(&rng, k % 2 == 0 ? 8 : MAX_LEN / 2);
            size_t n_letters = find(&s, "c", 1) >= 0 ? 4 : 3;
            for (size_t i = 0; i < n; i++) {
                const char *letter = letters[tj_rng_below(&rng, n_letters)];
                memcpy(text + len, letter, strlen(letter));
                len += strlen(letter);
            }
            check_text(&s, encoder, text, len);
        }
        tj_encoder_destroy(encoder);
        tj_tokenizer_destroy(tok);
    }
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    static const char *const files[] = {"tests/golden/tokenizer_gpt2.json",
                                        "tests/golden/tokenizer_sentencepiece.json"};
    for (size_t i = 0; i < 2; i++) {
        char path[32];
        tj_tokenizer *tok = NULL;
        json_t *root = json_load_file(files[i], 0, NULL);
        gguf_temp_path(path);
        gguf_write_json(path, root, i == 0 ? "qwen2" : "llama");
        json_decref(root);
        tj_gguf *gguf;
        assert_int_equal(tj_gguf_open(&gguf, path, NULL), TJ_OK);
        for (size_t k = 0; tok == NULL; k++) {
            tj_alloc_fail_after(k);
            tj_code rc = tj_tokenizer_read_gguf(&tok, gguf, NULL);
            tj_alloc_fail_after(SIZE_MAX);
            assert_true(rc == TJ_OK ? tok != NULL : rc == TJ_E_NOMEM && tok == NULL);
        }
        tj_tokenizer_destroy(tok);
        tj_gguf_close(gguf);
        remove(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_files_are_refused_by_name),
        cmocka_unit_test(extras_are_told),
        cmocka_unit_test(types_say_which_tokens_a_text_may_hold),
        cmocka_unit_test(joining_equals_the_definition),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
