/* Sentences: what is built in can be said, files add to it, and what is wrong in a file is named
 * with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/script_policy.h"
#include "thought/templates.h"

static tj_templates *built_in(void)
{
    tj_templates *set;
    assert_int_equal(tj_templates_create(&set, NULL), TJ_OK);
    return set;
}

static void countdowns_sentences_are_whole_words_of_its_vocabulary(void **state)
{
    (void)state;
    script s;
    tj_templates *set = built_in();
    script_open(&s, 0.0);
    for (size_t i = 0; tj_templates_nth(set, i) != NULL; i++) {
        const char *text = tj_templates_nth(set, i);
        tj_ids ids = {0};
        if (strcmp(tj_templates_language(set, i), "en") != 0) {
            continue;
        }
        assert_int_equal(tj_tokenizer_encode(s.tok, &ids, text, strlen(text), false, NULL), TJ_OK);
        for (size_t t = 0; t < ids.n; t++) { /* a byte token spells an unknown word */
            size_t n;
            const char *bytes = tj_tokenizer_bytes(s.tok, ids.ids[t], &n);
            assert_true(n > 1 || !((bytes[0] >= 'a' && bytes[0] <= 'z')));
        }
        tj_ids_deinit(&ids);
    }
    tj_templates_destroy(set);
    script_close(&s);
}

static void the_same_is_never_said_twice_in_a_row(void **state)
{
    (void)state;
    static const char *const languages[] = {"en", "en-open", "ja"};
    tj_templates *set = built_in();
    tj_rng rng;
    tj_rng_init(&rng, 1, 0, 0, 0);
    for (size_t l = 0; l < 3; l++) {
        size_t last = TJ_NO_SENTENCE;
        for (size_t i = 0; i < 1000; i++) {
            tj_saying what = {.language = languages[l],
                              .action = i % 3 == 0 ? TJ_BACKTRACK : TJ_REFLECT,
                              .why = (tj_why)(tj_rng_below(&rng, TJ_N_WHYS))};
            size_t said = tj_templates_choose(set, &what, last, &rng);
            assert_true(said != TJ_NO_SENTENCE);
            assert_string_equal(tj_templates_language(set, said), languages[l]);
            assert_int_equal(tj_templates_action(set, said), what.action);
            assert_true(last == TJ_NO_SENTENCE ||
                        strcmp(tj_templates_nth(set, said), tj_templates_nth(set, last)) != 0);
            last = said;
        }
    }
    tj_templates_destroy(set);
}

static void an_unknown_language_has_nothing_to_say(void **state)
{
    (void)state;
    tj_templates *set = built_in();
    tj_rng rng;
    tj_rng_init(&rng, 1, 0, 0, 0);
    tj_saying what = {.language = "xx", .action = TJ_REFLECT};
    assert_false(tj_templates_has(set, "xx"));
    assert_true(tj_templates_choose(set, &what, TJ_NO_SENTENCE, &rng) == TJ_NO_SENTENCE);
    tj_templates_destroy(set);
}

static void add(tj_templates *set, const char *yaml)
{
    tj_err err;
    if (tj_templates_add(set, yaml, strlen(yaml), "mine.yaml", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
}

static void a_file_adds_sentences_with_the_rewards_reason(void **state)
{
    (void)state;
    tj_templates *set = built_in();
    tj_rng rng;
    tj_buf line;
    tj_rng_init(&rng, 1, 0, 0, 0);
    add(set, "language: xx\nreflect:\n  any: [Hm.]\n  invalid: ['No: {reason}, no.']\n");
    tj_saying what = {.language = "xx", .action = TJ_REFLECT, .why = TJ_WHY_INVALID};
    size_t said = tj_templates_choose(set, &what, TJ_NO_SENTENCE, &rng); /* no reason to give */
    assert_string_equal(tj_templates_nth(set, said), "Hm.");
    what.reason = "11 - 7 is 4,\nnot 5";
    said = tj_templates_choose(set, &what, said, &rng);
    tj_buf_init(&line);
    tj_templates_write(set, said, &what, &line);
    assert_string_equal(tj_buf_text(&line), "No: 11 - 7 is 4, not 5, no.\n");
    tj_buf_deinit(&line);
    assert_true(tj_templates_choose(set, &what, said, &rng) != said);
    tj_templates_destroy(set);
}

static void what_is_wrong_in_a_file_is_named_with_its_line(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"reflect:\n  any: [No.]\n",
         "mine.yaml: language: expected a name of 1 to 7 bytes, as \"en\""},
        {"language: a\nponder:\n  any: [No.]\n",
         "mine.yaml:2: ponder: expected language or an action: propose, continue, reflect, "
         "backtrack, verify or conclude"},
        {"language: a\nreflect:\n  any: [No.]\n  sad: [No.]\n",
         "mine.yaml:4: reflect.sad: expected any, invalid, dead, failed or long"},
        {"language: a\nreflect:\n  any:\n    - No.\n    - 7\n",
         "mine.yaml:5: reflect.any[1]: expected a sentence in text"},
        {"language: a\nreflect:\n  any:\n    - No.\n    - 'So {reasons}'\n",
         "mine.yaml:5: reflect.any[1]: braces stand in {reason} only"},
        {"language: a\nreflect:\n  any:\n    - \"a\\nb\"\n",
         "mine.yaml:4: reflect.any[0]: a sentence is one line without control characters"},
        {"language: a\nreflect: [No.]\n",
         "mine.yaml:2: reflect: expected a table of lists: any, invalid, dead, failed or long"},
        {"language: a\n", "mine.yaml:1: language: the file has no sentences"},
        {"language: a\nreflect:\n  any: []\n",
         "mine.yaml:3: reflect.any: expected a list of sentences"}};
    tj_templates *set = built_in();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_err err;
        assert_int_equal(tj_templates_add(set, cases[i][0], strlen(cases[i][0]), "mine.yaml", &err),
                         TJ_E_INVAL);
        assert_string_equal(err.msg, cases[i][1]);
        assert_false(tj_templates_has(set, "a"));
    }
    tj_templates_destroy(set);
}

static void failed_allocations_leave_the_set_as_it_was(void **state)
{
    (void)state;
    static const char yaml[] = "language: a\nreflect:\n  any: [No., Well.]\n";
    tj_templates *set = built_in();
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        assert_false(tj_templates_has(set, "a"));
        tj_alloc_fail_after(k);
        rc = tj_templates_add(set, yaml, strlen(yaml), "mine.yaml", NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
    }
    assert_true(tj_templates_has(set, "a"));
    tj_templates_destroy(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(countdowns_sentences_are_whole_words_of_its_vocabulary),
        cmocka_unit_test(the_same_is_never_said_twice_in_a_row),
        cmocka_unit_test(an_unknown_language_has_nothing_to_say),
        cmocka_unit_test(a_file_adds_sentences_with_the_rewards_reason),
        cmocka_unit_test(what_is_wrong_in_a_file_is_named_with_its_line),
        cmocka_unit_test(failed_allocations_leave_the_set_as_it_was)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
