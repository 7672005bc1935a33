/* Answers that are no formulas: choices, times of day, dates, words; what surrounds an answer; and
 * that no number is pulled out of a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reading.h"

#define ALIKE(plain, ...) assert_read_alike(plain, (const char *const[]){__VA_ARGS__, NULL})

static void choices_are_letters(void **state)
{
    (void)state;
    ALIKE("(B)", "(B)", "\\text{(B)}", "(\\text{B})", "\\textbf{(B)}", "option B", "Option (B)",
          "choice B", "B)", "(B).", "**(B)**");
    ALIKE("B", "B", "\\text{B}", "B.", "$B$", "\\mathbf{B}");
    ALIKE("choice(B; 12)", "(B) 12", "\\text{(B)}\\ 12", "B. 12", "B) 12", "\\textbf{(B)} 12",
          "(B): 12");
    ALIKE("choice(A; \"even\")", "(A) even", "A. even");
    ALIKE("(A), (C)", "A, C", "\\text{A, C}", "A and C", "(A), (C)", "\\text{A,C}");
    assert_read_apart("(A)", "(B)");
}

static void times_of_day_are_seconds(void **state)
{
    (void)state;
    ALIKE("3:45:00 p.m.", "3:45 p.m.", "3:45 PM", "3:45pm", "3\\!:\\!45 \\text{ p.m.}",
          "\\text{3:45 p.m.}", "午後3時45分", "3:45:00 p.m.", "03:45 P.M.");
    ALIKE("9:00:00 a.m.", "9 a.m.", "9\\text{ a.m.}", "9:00 AM", "午前9時");
    ALIKE("12:00:00 p.m.", "noon", "12 p.m.", "12:00 p.m.", "12 noon");
    ALIKE("12:00:00 a.m.", "midnight", "12 a.m.", "00:00");
    ALIKE("4:51:06 p.m.", "4\\!:\\!51\\!:\\!06 \\text{ p.m.}");
    /* Without a.m. or p.m. it may be either, or a ratio. */
    assert_string_equal(printed("24:00"), "24:00:00");
    assert_string_equal(printed("24:01"), "24/1"); /* no time of a day */
    assert_string_equal(printed("3:45"), "3:45:00 a.m. ¦ 3:45:00 p.m. ¦ 3/45");
    assert_string_equal(printed("05:00"), "5:00:00 a.m.");
    assert_string_equal(printed("3:4"), "3/4");
    assert_string_equal(printed("19:60"), "19/60");
}

static void dates_have_parts(void **state)
{
    (void)state;
    ALIKE("May 5", "May 5", "5 May", "May 5th", "5th of May", "\\text{May 5}", "5月5日");
    ALIKE("May 5, 2020", "May 5, 2020", "5 May 2020", "2020-05-05", "May 5 2020",
          "the 5th of May, 2020", "may 5 2020", "2020年5月5日");
    ALIKE("August", "August", "\\text{August}", "Aug");
    ALIKE("May", "May", "\\text{may}", "may");
    ALIKE("May 2020", "May 2020");
    assert_read_apart("2020-05-05", "2020-5-5"); /* a difference */
}

static void words_are_folded(void **state)
{
    (void)state;
    ALIKE("\"even\"", "even", "\\text{even}", "Even", "\\text{ Even. }", "even.", "\"even\"",
          "\\mbox{even}", "the even", "$\\text{even}$");
    ALIKE("\"yes\"", "Yes", "yes", "\\text{Yes}", "Yes.");
    ALIKE("\"circle\"", "\\text{circle}", "a circle", "A circle.", "the circle");
    ALIKE("\"righttriangle\"", "a right triangle", "Right triangle");
    ALIKE("EMPTY", "EMPTY", "\\text{EMPTY}"); /* a name or words */
    ALIKE("\"xaxis\"", "x-axis", "the x-axis", "\\text{x-axis}");
    ALIKE("\"alicesscore\"", "Alice's score", "alice’s score");
    ALIKE("\"alice\", \"bob\"", "Alice and Bob", "\\text{Alice, Bob}", "Alice, Bob");
    ALIKE("\"plan2\"", "Plan 2", "\\text{Plan 2}");
    ALIKE("undefined", "undefined", "does not exist", "DNE", "\\text{undefined}");
    assert_read_apart("yes", "true");
    assert_read_apart("no", "on");
}

static void known_phrases_are_left_out(void **state)
{
    (void)state;
    ALIKE("5", "5", "the answer is 5", "The answer is $5$.", "5 is the answer", "Answer: 5",
          "The final answer is \\boxed{5}", "Therefore, the answer is 5.", "答えは5です", "答え：5",
          "so the answer is 5", "the value of x is 5", "it is 5", "approximately 5");
    ALIKE("\"even\"", "The answer is even.", "the number is even");
}

static void sentences_give_no_numbers(void **state)
{
    (void)state;
    assert_unreadable("There are 5 apples", "");
    assert_unreadable("5 not 6", "");
    assert_unreadable("it is not 5", "");
    assert_unreadable("between 3 and 5", "");
    assert_unreadable("at most 3", "");
    assert_unreadable("5 more than x", "");
    assert_unreadable("neither 5 nor 6", "");
    assert_unreadable("the answer cannot be 5", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_are_letters),        cmocka_unit_test(times_of_day_are_seconds),
        cmocka_unit_test(dates_have_parts),           cmocka_unit_test(words_are_folded),
        cmocka_unit_test(known_phrases_are_left_out), cmocka_unit_test(sentences_give_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
