/* Steps and answers in words: where a step's number ends, which steps are the same, what a path's
 * end is worth, and how problems are put. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tree/tree.h"

static void numbers_of_steps_are_seen(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {{"3. So it is.", 3},   {"Step 12: So", 9}, {"step 2) So", 8}, {" 4)  So", 5},
                 {"3.5 is half", 0},    {"3", 0},           {"So 3. is", 0},   {"Steps 3: a", 0},
                 {"Step 3 is hard", 0}, {"7.", 2},          {"", 0},           {"Step : a", 0},
                 {"12.\n", 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tj_step_marker(cases[i].text, strlen(cases[i].text)), cases[i].n);
    }
}

static void the_same_step_has_the_same_key(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"1. So $x = 2$.\n", "Step 4: So x=2"}, {"2. a + b\n", "2. a+b"}, {"", "\n"}};
    static const char *const others[][2] = {
        {"1. x = 2", "1. x = 3"}, {"1. X = 2", "1. x = 2"}, {"3.5 is half", "5 is half"}};
    char a[TJ_STEP_KEY_BYTES];
    char b[TJ_STEP_KEY_BYTES];
    for (size_t i = 0; i < 3; i++) {
        tj_step_key(a, pairs[i][0], strlen(pairs[i][0]));
        tj_step_key(b, pairs[i][1], strlen(pairs[i][1]));
        assert_string_equal(a, b);
        tj_step_key(a, others[i][0], strlen(others[i][0]));
        tj_step_key(b, others[i][1], strlen(others[i][1]));
        assert_string_not_equal(a, b);
    }
}

static void long_steps_differ_by_their_last_word(void **state)
{
    (void)state;
    char text[400];
    char a[TJ_STEP_KEY_BYTES];
    char b[TJ_STEP_KEY_BYTES];
    for (size_t n = TJ_STEP_KEY_BYTES - 3; n < TJ_STEP_KEY_BYTES + 3; n++) {
        memset(text, 'x', n);
        tj_step_key(a, text, n);
        text[n - 1] = 'y';
        tj_step_key(b, text, n);
        assert_string_not_equal(a, b);
        assert_true(strlen(a) < TJ_STEP_KEY_BYTES);
    }
    memset(text, 0xE6, sizeof text); /* not UTF-8, and cut it would not be either */
    tj_step_key(a, text, sizeof text);
    assert_true(a[0] == '#' && strspn(a + 1, "0123456789abcdef") == TJ_STEP_KEY_BYTES - 2);
}

static tj_words_verdict judge(tj_grader *grader, const char *answer, const char *before,
                              const char *step, tj_words_end end)
{
    tj_words_verdict v;
    tj_buf path;
    tj_buf_init(&path);
    tj_buf_str(&path, before);
    size_t begin = path.len;
    tj_buf_str(&path, step);
    assert_int_equal(
        tj_words_judge(&v, grader, answer, tj_buf_text(&path), path.len, begin, end, NULL), TJ_OK);
    tj_buf_deinit(&path);
    return v;
}

static void only_what_can_be_graded_is_labelled(void **state)
{
    (void)state;
    tj_grader *grader;
    assert_int_equal(tj_grader_create(&grader, NULL, NULL), TJ_OK);
    static const struct {
        const char *answer, *before, *step;
        tj_words_end end;
        bool states;
        tj_label right;
    } cases[] = {
        {"72", "", "1. 48 / 2 = 24.\n", TJ_WORDS_STEP, false, TJ_LABEL_UNKNOWN},
        {"72", "1. a\n", "2. The answer is \\boxed{72}.\n", TJ_WORDS_STEP, true, TJ_LABEL_YES},
        {"72", "1. a\n", "2. The answer is \\boxed{71}.\n", TJ_WORDS_STEP, true, TJ_LABEL_NO},
        {"72", "1. a\n", "#### 72\n", TJ_WORDS_STEP, true, TJ_LABEL_YES},
        {"1/2", "", "The answer is $0.5$.\n", TJ_WORDS_STEP, true, TJ_LABEL_YES},
        {NULL, "", "The answer is \\boxed{72}.\n", TJ_WORDS_STEP, true, TJ_LABEL_UNKNOWN},
        {"\\frac{", "", "The answer is \\boxed{72}.\n", TJ_WORDS_STEP, true, TJ_LABEL_UNKNOWN},
        /* a path that ends without such a statement: what stands last counts */
        {"72", "1. So it is 72.\n", "", TJ_WORDS_LAST, false, TJ_LABEL_YES},
        {"72", "1. So it is 71.\n", "", TJ_WORDS_LAST, false, TJ_LABEL_NO},
        /* a box further up is not this step's */
        {"72", "1. First \\boxed{72}.\n", "2. Then 3 + 4 = 7.\n", TJ_WORDS_STEP, false,
         TJ_LABEL_UNKNOWN},
        {"Ann sold 24. #### 24", "", "The answer is \\boxed{24}.\n", TJ_WORDS_STEP, true,
         TJ_LABEL_YES},
        /* chunks: an answer may begin in one and end in another */
        {"12", "1. So \\boxed{1", "2}. And", TJ_WORDS_CUT, true, TJ_LABEL_YES},
        {"1", "1. So", " \\boxed{1", TJ_WORDS_CUT, false, TJ_LABEL_UNKNOWN},
        {"1", "1. The answer", " is 1", TJ_WORDS_CUT, false, TJ_LABEL_UNKNOWN},
        {"12", "1. The answer is 1", "2.\n2. And", TJ_WORDS_CUT, true, TJ_LABEL_YES},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_words_verdict v =
            judge(grader, cases[i].answer, cases[i].before, cases[i].step, cases[i].end);
        if (v.states_answer != cases[i].states || v.right != cases[i].right) {
            fail_msg("case %zu: states %d, right %d: %s", i, v.states_answer, (int)v.right,
                     v.reason);
        }
    }
    tj_grader_destroy(grader);
}

static void problems_are_put_as_models_are_tuned(void **state)
{
    (void)state;
    tj_words_chat chat;
    tj_buf text;
    assert_int_equal(tj_words_chat_begin(&chat, NULL, "What is 2 + 2?", NULL), TJ_OK);
    assert_int_equal(chat.n, 2);
    assert_int_equal(chat.messages[0].role, TJ_ROLE_SYSTEM);
    assert_non_null(strstr(chat.messages[0].text, "one step of reasoning a line"));
    assert_string_equal(chat.messages[1].text, "Problem: What is 2 + 2?\nSolution:");
    tj_words_chat_end(&chat);
    tj_words_prompt prompt = {tj_prompt_find("gsm8k_lines"), 2};
    assert_int_equal(tj_words_chat_begin(&chat, &prompt, "What is 2 + 2?", NULL), TJ_OK);
    assert_int_equal(chat.n, 6);
    assert_int_equal(chat.messages[2].role, TJ_ROLE_ASSISTANT);
    tj_words_chat_end(&chat);
    tj_buf_init(&text);
    tj_words_write_prompt(&text, &prompt, "What is 2 + 2?");
    const char *end = "Problem: What is 2 + 2?\nSolution:\n";
    assert_string_equal(tj_buf_text(&text) + text.len - strlen(end), end);
    tj_buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_steps_are_seen),
        cmocka_unit_test(the_same_step_has_the_same_key),
        cmocka_unit_test(long_steps_differ_by_their_last_word),
        cmocka_unit_test(only_what_can_be_graded_is_labelled),
        cmocka_unit_test(problems_are_put_as_models_are_tuned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
