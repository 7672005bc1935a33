/* The text of a continuation as it comes: whatever way ids are cut, what was given out is a
 * beginning of the whole text up to its first stop string, is always UTF-8, and thoughts are where
 * tj_split_thinking finds them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/text.h"
#include "web/speech.h"

static tj_tokenizer *tok;

/* ------------------------------------------------------------ helpers */

typedef struct said {
    tj_buf text, thought;
    bool stopped;
} said;

/* One byte an id, so that every place is a place between two ids. */
static int32_t byte_id(unsigned char byte)
{
    size_t n;
    for (int32_t id = 0; id < (int32_t)tj_tokenizer_n_vocab(tok); id++) {
        const char *bytes = tj_tokenizer_bytes(tok, id, &n);
        if (n == 1 && (unsigned char)bytes[0] == byte) {
            return id;
        }
    }
    fail_msg("no token for byte %u", byte);
    return -1;
}

static said speak(const char *text, char *const *stop, size_t n_stop, bool splits)
{
    said s = {0};
    tj_speech *speech = tj_speech_create(tok, stop, n_stop, splits);
    assert_non_null(speech);
    tj_buf_init(&s.text);
    tj_buf_init(&s.thought);
    for (size_t i = 0; text[i] != 0 && !s.stopped; i++) {
        s.stopped = tj_speech_add(speech, &s.text, &s.thought, byte_id((unsigned char)text[i]));
        assert_int_equal(tj_utf8_check(tj_buf_text(&s.text), s.text.len), s.text.len);
        for (size_t k = 0; k < n_stop; k++) { /* nothing is out that must be taken back */
            assert_null(strstr(tj_buf_text(&s.text), stop[k]));
        }
    }
    tj_speech_end(speech, &s.text, &s.thought);
    assert_int_equal(tj_speech_check(speech, NULL), TJ_OK);
    tj_speech_destroy(speech);
    return s;
}

static void drop(said *s)
{
    tj_buf_deinit(&s->text);
    tj_buf_deinit(&s->thought);
}

static void expect(const char *text, char *const *stop, size_t n_stop, const char *want)
{
    said s = speak(text, stop, n_stop, false);
    assert_string_equal(tj_buf_text(&s.text), want);
    assert_int_equal(s.stopped, strcmp(text, want) != 0);
    drop(&s);
}

/* ------------------------------------------------------------ tests */

static void text_ends_before_the_first_stop_string(void **state)
{
    (void)state;
    char *stop[] = {"END", "\n\n", "EN", "aab"};
    expect("one END two", stop, 1, "one ");
    expect("one\n\ntwo END", stop, 2, "one");
    expect("END", stop, 1, "");
    expect("one EN", stop, 1, "one EN");
    expect("one EEND", stop, 1, "one E");
    expect("one END", stop, 3, "one "); /* the shorter one is complete first */
    expect("aaaab", stop + 3, 1, "aa"); /* a beginning within a beginning */
    expect("no stop strings END", stop, 0, "no stop strings END");
}

static void what_may_begin_a_stop_string_is_held_back(void **state)
{
    (void)state;
    char *stop[] = {"STOP"};
    tj_buf text, thought;
    tj_buf_init(&text);
    tj_buf_init(&thought);
    tj_speech *speech = tj_speech_create(tok, stop, 1, false);
    static const struct {
        const char *add, *out;
    } steps[] = {{"a", "a"}, {"S", "a"}, {"T", "a"}, {"S", "aST"}, {"x", "aSTSx"}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_false(
            tj_speech_add(speech, &text, &thought, byte_id((unsigned char)steps[i].add[0])));
        assert_string_equal(tj_buf_text(&text), steps[i].out);
    }
    tj_speech_destroy(speech);
    tj_buf_deinit(&text);
    tj_buf_deinit(&thought);
}

static void characters_come_whole_and_broken_ones_as_replacements(void **state)
{
    (void)state;
    char *stop[] = {"\xE6\x97\x85"}; /* 旅 */
    expect("a\xE6\x97\x85\xE8\xB7\xAF", stop, 1, "a");
    said s = speak("\xE8\xB7\xAF\xF0\x9F\x98", NULL, 0, false);
    assert_string_equal(tj_buf_text(&s.text), "\xE8\xB7\xAF" TJ_REPLACEMENT);
    drop(&s);
}

/* The second way: the whole text at once. */
static void thoughts_are_those_of_split_thinking(void **state)
{
    (void)state;
    static const char *const texts[] = {"<think>\nwhy\n\nnot\n</think>\n\nyes\n",
                                        "<think></think>yes",
                                        "<think>\n\n</think>\n\nyes",
                                        "\n<think>a</think>b",
                                        "<think>cut short",
                                        "\n\n<think>\ncut short",
                                        "<think>a < b </thin </think>c",
                                        "<thinking>is no mark",
                                        "no thoughts\n",
                                        "<thin",
                                        "<",
                                        "",
                                        "\n\nan answer",
                                        "<think>a</think>",
                                        "<think>a</think>\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tj_thinking want;
        (void)tj_split_thinking(&want, texts[i], strlen(texts[i]));
        said s = speak(texts[i], NULL, 0, true);
        assert_int_equal(s.text.len, want.n_answer);
        assert_int_equal(s.thought.len, want.n_thought);
        assert_memory_equal(tj_buf_text(&s.text), want.answer, want.n_answer);
        assert_memory_equal(tj_buf_text(&s.thought), want.thought, want.n_thought);
        drop(&s);
    }
}

static void a_stop_string_ends_a_thought_too(void **state)
{
    (void)state;
    char *stop[] = {"STOP"};
    said s = speak("<think>one STOP two</think>three", stop, 1, true);
    assert_true(s.stopped);
    assert_string_equal(tj_buf_text(&s.thought), "one ");
    assert_int_equal(s.text.len, 0);
    drop(&s);
}

static int open_tokenizer(void **state)
{
    (void)state;
    return tj_tokenizer_load(&tok, "tests/golden/tokenizer_gpt2.json", NULL) == TJ_OK ? 0 : -1;
}

static int close_tokenizer(void **state)
{
    (void)state;
    tj_tokenizer_destroy(tok);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_ends_before_the_first_stop_string),
        cmocka_unit_test(what_may_begin_a_stop_string_is_held_back),
        cmocka_unit_test(characters_come_whole_and_broken_ones_as_replacements),
        cmocka_unit_test(thoughts_are_those_of_split_thinking),
        cmocka_unit_test(a_stop_string_ends_a_thought_too)};
    return cmocka_run_group_tests(tests, open_tokenizer, close_tokenizer);
}
