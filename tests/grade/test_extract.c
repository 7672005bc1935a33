/* Where answers are found: each text with the rule and the answer that docs/grader.md gives it, and
 * what must hold for every text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "grade/grade.h"

static tj_grader *grader;

static int make(void **state)
{
    (void)state;
    return tj_grader_create(&grader, NULL, NULL) == TJ_OK ? 0 : -1;
}

static int unmake(void **state)
{
    (void)state;
    tj_grader_destroy(grader);
    return 0;
}

typedef struct example {
    const char *text, *rule, *answer; /* rule NULL: there is none */
} example;

static size_t n_wrong;

static void check(const example *e)
{
    tj_extraction x;
    tj_grade_extract(&x, grader, e->text, strlen(e->text));
    bool right =
        (x.rule == NULL) == (e->rule == NULL) &&
        (e->rule == NULL || (strcmp(x.rule, e->rule) == 0 && strlen(e->answer) == x.end - x.begin &&
                             memcmp(e->text + x.begin, e->answer, x.end - x.begin) == 0));
    if (!right) {
        n_wrong++;
        print_error("%s\n    expected %s: %s\n    got      %s: %.*s\n", e->text,
                    e->rule == NULL ? "nothing" : e->rule, e->rule == NULL ? "" : e->answer,
                    x.rule == NULL ? "nothing" : x.rule, (int)(x.end - x.begin), e->text + x.begin);
    }
}

static void check_all(const example *examples, size_t n)
{
    n_wrong = 0;
    for (size_t i = 0; i < n; i++) {
        check(&examples[i]);
    }
    assert_int_equal(n_wrong, 0);
}
#define CHECK(examples) check_all(examples, sizeof(examples) / sizeof(examples)[0])

static void the_last_box_is_the_answer(void **state)
{
    (void)state;
    static const example examples[] = {
        {"\\boxed{5}", "boxed", "5"},
        {"First \\boxed{4}. No: the answer is $\\boxed{\\frac{1}{2}}$.", "boxed", "\\frac{1}{2}"},
        {"$\\boxed{ \\left\\{ 1, 2 \\right\\} }$ is it", "boxed", "\\left\\{ 1, 2 \\right\\}"},
        {"so \\fbox{x = 3}, done", "boxed", "x = 3"},
        {"$\\boxed 5$.", "boxed", "5"},
        {"thus \\boxed 3.5. End", "boxed", "3.5"},
        {"$\\boxed {7}$", "boxed", "7"},
        {"\\boxed{\\text{(B)}} and not 12", "boxed", "\\text{(B)}"},
        {"\\boxed{5} as \\boxed{} shows", "boxed", "5"},
        {"\\boxed{a \\boxed{5}}", "boxed", "5"},
        {"\\boxed{\\}}", "boxed", "\\}"},
        {"The answer is 7, not \\boxed{6}", "boxed", "6"},
    };
    CHECK(examples);
}

static void boxes_in_a_row_are_a_list(void **state)
{
    (void)state;
    static const example examples[] = {
        {"so $\\boxed{1}$ and $\\boxed{2}$.", "boxed", "\\boxed{1}$ and $\\boxed{2}"},
        {"\\boxed{1}, \\boxed{2}, \\boxed{3}", "boxed", "\\boxed{1}, \\boxed{2}, \\boxed{3}"},
        {"\\boxed{x=1} \\text{ or } \\boxed{x=2}", "boxed",
         "\\boxed{x=1} \\text{ or } \\boxed{x=2}"},
        {"\\boxed{1}, but rather \\boxed{2}", "boxed", "2"},
        {"\\boxed{4}\\boxed{2}", "boxed", "2"}, /* not 42 */
    };
    CHECK(examples);
}

static void a_box_that_was_cut_is_no_answer(void **state)
{
    (void)state;
    static const example examples[] = {
        {"so \\boxed{3} ... wait, \\boxed{4", NULL, ""},
        {"The answer is 12. \\boxed{1", NULL, ""},
        {"\\boxed{\\frac{1}{2", NULL, ""},
        /* a brace that was forgotten, not an end that is missing */
        {"so $\\boxed{\\frac{1}{2}$ holds", "boxed", "\\frac{1}{2}"},
    };
    CHECK(examples);
}

static void what_follows_the_answer_is_is_the_answer(void **state)
{
    (void)state;
    static const example examples[] = {
        {"Final Answer: The final answer is $18$. I hope it is correct.", "final answer", "$18$"},
        {"Therefore, the answer is 42.", "final answer", "42"},
        {"The answer is $x = 3$ or $x = 5$.", "final answer", "$x = 3$ or $x = 5$"},
        {"### Final Answer\n\n$\\frac{3}{4}$", "final answer", "$\\frac{3}{4}$"},
        {"**Answer:** 73", "final answer", "73"},
        {"**Final Answer**: **73**", "final answer", "73"},
        {"Answer: $1,234.50", "final answer", "$1,234.50"},
        {"The answer to this problem is 7.", "final answer", "7"},
        {"We get 5, so the answer must be 5!", "final answer", "5"},
        {"The answer is (C).", "final answer", "(C)"},
        {"So the correct answer is B.", "final answer", "B"},
        {"The correct option is (D) because 3 < 4.", "final answer", "(D)"},
        {"The answer is yes.", "final answer", "yes"},
        {"The answer is 5 because 2 + 3 = 5.", "final answer", "5"},
        {"Thus, the answer is\n\\[ x^2 + 1. \\]", "final answer", "\\[ x^2 + 1. \\]"},
        {"I think the answer is 18. I checked, and the answer is correct.", "final answer", "18"},
        {"The answer is 12 (twelve).", "final answer", "12"},
        {"The answer is 18 (9 * 2 = 18).", "final answer", "18"},
        {"The answer is x (x + 1).", "final answer", "x (x + 1)"},
        {"<answer>18</answer>", "final answer", "18"},
        {"9 * 2 = <<9*2=18>>18 km\nA: 18", "final answer", "18"},
        {"The answer is 3.5 km.", "final answer", "3.5 km"},
        {"The answer is 18\n#### 18", "final answer", "18"},
        {"the answers are 3 and 5", "final answer", "3 and 5"},
        {"The answer is $\\frac{1}{2$ and so on", "final answer", "$\\frac{1}{2$"},
    };
    CHECK(examples);
}

static void answers_are_announced_in_japanese_and_chinese_too(void **state)
{
    (void)state;
    static const example examples[] = {
        {"したがって、答えは18です。", "final answer", "18"},
        {"答え：18個", "final answer", "18個"},
        {"所以，答案是 $\\frac{1}{2}$。", "final answer", "$\\frac{1}{2}$"},
        {"答案：42。", "final answer", "42"},
        {"計算すると、求めたい確率は全部で $\\frac{1}{2}$ になるはずだ。", "math",
         "$\\frac{1}{2}$"},
        {"これを解いてみると、$x = 2, 3$ となることが分かる。", "math", "$x = 2, 3$"},
        {"したがって、彼女は毎日18ドルを稼ぎます。", "number", "18ドル"},
    };
    CHECK(examples);
}

static void hashes_announce_an_answer_but_head_sections_too(void **state)
{
    (void)state;
    static const example examples[] = {
        {"He has 3 * 6 = <<3*6=18>>18.\n#### 18", "####", "18"},
        {"It is so.\n#### 1,200", "####", "1,200"},
        {"Some text\n#### -5\n", "####", "-5"},
        {"#### Step 1: add\nWe add 3 and 4 to get 7.", "number", "7"},
    };
    CHECK(examples);
}

static void bold_values_are_answers_but_headings_are_not(void **state)
{
    (void)state;
    static const example examples[] = {
        {"**73**", "bold", "73"},
        {"So there are **73** of them.", "bold", "73"},
        {"**Step 3: Add.** We get 12 in all.", "number", "12"},
        {"**Total:** we have 12 cats.", "number", "12"},
        {"The tallest student is **Evelyn**.", "bold", "Evelyn"},
        {"We **must** add first.\n\nThat gives 18 eggs.", "number", "18"},
        {"In all they have **18 dollars**.", "bold", "18 dollars"},
    };
    CHECK(examples);
}

static void else_the_last_formula_or_number_is_the_answer(void **state)
{
    (void)state;
    static const example examples[] = {
        {"We have $n = 3$. Hence the sum is $\\frac{n(n+1)}{2}$.", "math", "$\\frac{n(n+1)}{2}$"},
        {"So it has $5$ cm more than the other one.", "math", "$5$ cm"},
        {"The total is 45, where $n$ is the number of cats.", "number", "45"},
        {"It has as roots: $x = 3$ and $x = 5$.", "math", "$x = 3$ and $x = 5$"},
        {"We put in $x = 3$ and get the value $7$.", "math", "$7$"},
        {"She sold them for $5 each and earned $35 in all.", "number", "$35"},
        {"Altogether that makes 9 * 2 = 18", "number", "18"},
        {"There are 3 cats. Each has 4 legs, which makes 12 legs.", "number", "12"},
        {"In total it weighs 2.5 kg.", "number", "2.5 kg"},
        {"They find it with a probability of 3/4.", "number", "3/4"},
        {"It is solved by the values 3, 5 and 7.", "number", "3, 5 and 7"},
        {"After 5 days, 18 remain there.", "number", "18"},
        {"She has 18 dollars left (9 * 2 = 18).", "number", "18 dollars"},
        {"1. We add them.\n2. We get 7 of them.\n3. We are done with it.", "number", "7"},
        {"So we see it is\n$$\nx = \\frac{1}{2}\n$$\nas was to be shown.", "math",
         "$$\nx = \\frac{1}{2}\n$$"},
        {"The point we look for is at (3, 4).", "number", "(3, 4)"},
        {"<<2*3=6>>6", "number", "6"},
        {"It must be option (C) as we have seen.", "choice", "(C)"},
    };
    CHECK(examples);
}

static void a_bare_answer_is_taken_whole(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "5",
        "-3/4",
        "x^2 + 2x + 1",
        "$\\frac{\\pi}{4} + k\\pi$, where $k$ is an integer",
        "(1, 2)",
        "$3$ and $5$",
        "10!",
        "no solution",
        "Evelyn",
        "5 apples",
        "x = 1 or x = 2",
        "Room 101",
        "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}",
        "three",
        "$1,234.50",
        "\\frac{1}{2", /* which the reader will refuse: no number is taken out of it */
        "(3, 4",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_all(&(example){texts[i], "whole", texts[i]}, 1);
    }
}

static void words_that_name_a_value_are_left_out(void **state)
{
    (void)state;
    static const example examples[] = {
        {"Total = 1080 dollars", "label", "1080 dollars"},
        {"Total cost = 9 * 2 = $18.", "label", "$18"},
        {"Area: 25\\pi", "label", "25\\pi"},
        {"Solution: x = 3", "label", "x = 3"},
        {"合計 = 5", "label", "5"},
        {"Area = 3x + foo(2)", "whole", "Area = 3x + foo(2)"}, /* not half of a formula */
        {"Area_1 = 5", "whole", "Area_1 = 5"},
        {"x = 3", "whole", "x = 3"},
    };
    CHECK(examples);
}

static void a_short_sentence_is_no_formula(void **state)
{
    (void)state;
    static const example examples[] = {
        {"He needs $5.", "number", "$5"},
        {"The point (3, 4).", "number", "(3, 4)"},
        {"quarter past 3", "whole", "quarter past 3"},
        {"Friday, March 3", "whole", "Friday, March 3"},
        {"I choose C.", "choice", "C"},
        {"I would pick (B)", "choice", "(B)"},
        {"Yes, it is.", "whole", "Yes"},
        {"No, 5 is not prime.", "whole", "No"},
        {"The answer is no, since it is odd.", "final answer", "no"},
        {"No, there are 6.", "number", "6"},
    };
    CHECK(examples);
}

static void dates_and_amounts_are_taken_whole(void **state)
{
    (void)state;
    static const example examples[] = {
        {"The party is on March 3.", "number", "March 3"},
        {"It happened on July 4, 1776.", "number", "July 4, 1776"},
        {"It happened on July 4 1776, they say.", "number", "July 4 1776"},
        {"She paid in March 12 dollars.", "number", "12 dollars"},
        {"It takes them 5 hours and 30 minutes.", "number", "5 hours and 30 minutes"},
        {"It takes them 5 hours 30 minutes.", "number", "5 hours 30 minutes"},
        {"It takes them 5 feet, 6 inches.", "number", "5 feet, 6 inches"},
        {"They are 5 hours and 6 hours.", "number", "5 hours and 6 hours"}, /* a list */
        {"He walks 3 miles and 20 minutes.", "number", "20 minutes"},
    };
    CHECK(examples);
}

static void what_is_said_not_to_be_the_answer_is_none(void **state)
{
    (void)state;
    static const example examples[] = {
        {"The answer is not 5.", NULL, ""},
        {"The answer isn't $5$.", NULL, ""},
        {"So the answer is clearly not 5", NULL, ""},
        {"It is not equal to 5.", NULL, ""},
        {"答えは5ではない。", NULL, ""},
        {"So it has 6 corners, not 5.", "number", "6"},
        {"The answer is 6, not 5.", "final answer", "6"},
        {"There are not many of them, just 5 in all.", "number", "5"},
        {"5 is not the answer to it", NULL, ""},
        {"We find 6, since 5 is not a solution.", "number", "6"},
        {"The answer is not 5 but 6.", "number", "6"},
        {"$x \\ne 5$", "whole", "$x \\ne 5$"},
        {"The answer is greater than 5.", NULL, ""},
        {"It has 7 more than 5.", "number", "7"},
    };
    CHECK(examples);
}

static void thinking_is_never_looked_at(void **state)
{
    (void)state;
    static const example examples[] = {
        {"<think>Maybe \\boxed{4}.</think>\nIt is \\boxed{5}.", "boxed", "5"},
        {"<think>Maybe \\boxed{4}.</think>\n5", "whole", "5"},
        {"<think>Maybe \\boxed{4}.</think>", NULL, ""},
        {"<think>Maybe \\boxed{4}. The answer is 4.", NULL, ""},
        {"Maybe \\boxed{4}.</think> So \\boxed{5}.", "boxed", "5"}, /* opened by the prompt */
        {"<think>a</think> \\boxed{1} <think> \\boxed{2}", NULL, ""},
        {"[THINK]\\boxed{1}[/THINK]The answer is 2.", "final answer", "2"},
        {"\\boxed{7}<|im_end|>", "boxed", "7"},
        {"7<|eot_id|>\n", "whole", "7"},
    };
    CHECK(examples);
}

static void without_an_answer_there_is_none(void **state)
{
    (void)state;
    static const example examples[] = {
        {"", NULL, ""},
        {" \n\t ", NULL, ""},
        {"</s>", NULL, ""},
        {"\\boxed{}", NULL, ""},
        {"So it is $\\boxed{ }$", NULL, ""},
        {"I am not sure what to make of this question, since it leaves out how the cats were "
         "counted and who counted them, and whether those that were asleep at the time have been "
         "told from those that were not; as it stands there is nothing more to be said about it, "
         "so that I must leave it at that.",
         NULL, ""},
    };
    CHECK(examples);
}

/* ------------------------------------------------------------------ every text */

static const char *const parts[] = {
    "\\boxed{",
    "}",
    "{",
    "$",
    "$$",
    "**",
    "#### ",
    "the answer is ",
    ".",
    " ",
    "\n",
    "5",
    "x = 3",
    "(A)",
    "</think>",
    "<think>",
    "\\frac{1}{2}",
    ",",
    "and",
    "is",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "\\begin{a}",
    "\\end{a}",
    "答えは",
    "です。",
    "cm",
    "word",
    "(",
    ")",
    "\xff",
    "\xe3",
    "\\",
    "1,234",
    "\n\n",
    "*",
    "=",
    "Step 3:",
    "3.\n",
    "$5 ",
    "\\fbox",
    "¥",
    "½",
};

/* The answer is a piece of the text without white space at its ends, found again each time, and
 * none of it stands before the end of the thinking. */
static void an_answer_is_a_piece_of_its_text(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 9, 0, 0, 0);
    for (size_t trial = 0; trial < 30000; trial++) {
        char text[256] = "";
        size_t len = 0, n = tj_rng_below(&rng, 14);
        for (size_t i = 0; i < n; i++) {
            const char *part = parts[tj_rng_below(&rng, sizeof parts / sizeof parts[0])];
            size_t bytes = strlen(part);
            if (len + bytes < sizeof text) {
                memcpy(text + len, part, bytes);
                len += bytes;
            }
        }
        char *exact = tj_malloc(len); /* so that a sanitizer sees a byte too far */
        assert_non_null(exact);
        memcpy(exact, text, len);
        tj_extraction a, b;
        tj_grade_extract(&a, grader, exact, len);
        tj_grade_extract(&b, grader, exact, len);
        assert_true(a.rule == b.rule && a.begin == b.begin && a.end == b.end);
        assert_true(a.begin <= a.end && a.end <= len);
        if (a.rule != NULL && a.end > a.begin) {
            assert_null(memchr(" \n", exact[a.begin], 2));
            assert_null(memchr(" \n", exact[a.end - 1], 2));
        }
        for (size_t i = 0; a.rule != NULL && i + 8 <= len; i++) {
            assert_true(memcmp(exact + i, "</think>", 8) != 0 || a.begin >= i + 8);
        }
        tj_free(exact);
    }
}

static void a_text_above_the_bound_has_none(void **state)
{
    (void)state;
    size_t len = TJ_MAX_OUTPUT_BYTES;
    char *text = tj_malloc(len + 1);
    tj_extraction x;
    assert_non_null(text);
    memset(text, ' ', len + 1);
    memcpy(text + len - 9, "\\boxed{5}", 9);
    tj_grade_extract(&x, grader, text, len);
    assert_string_equal(x.rule, "boxed");
    tj_grade_extract(&x, grader, text, len + 1);
    assert_null(x.rule);
    tj_free(text);
}

/* Any one of them over and over, with each of the openings; the bound is of processor time, and far
 * above what a linear search needs. */
static void a_text_full_of_openings_is_searched_in_time(void **state)
{
    (void)state;
    static const char *const openings[] = {"$", "\n", "(", "\\boxed{"};
    size_t room = (size_t)1 << 17;
    char *text = tj_malloc(room);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (size_t k = 0; k < sizeof openings / sizeof openings[0]; k++) {
            size_t n = strlen(parts[i]), m = strlen(openings[k]), len = 0;
            for (; len + n + m + 1 < room; len += n + m + 1) {
                memcpy(text + len, parts[i], n);
                memcpy(text + len + n, openings[k], m);
                text[len + n + m] = ' ';
            }
            tj_extraction x;
            clock_t before = clock();
            tj_grade_extract(&x, grader, text, len);
            if (clock() - before > 3 * CLOCKS_PER_SEC) { /* also with sanitizers */
                fail_msg("%s %s: too slow", parts[i], openings[k]);
            }
        }
    }
    tj_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_box_is_the_answer),
        cmocka_unit_test(boxes_in_a_row_are_a_list),
        cmocka_unit_test(a_box_that_was_cut_is_no_answer),
        cmocka_unit_test(what_follows_the_answer_is_is_the_answer),
        cmocka_unit_test(answers_are_announced_in_japanese_and_chinese_too),
        cmocka_unit_test(hashes_announce_an_answer_but_head_sections_too),
        cmocka_unit_test(bold_values_are_answers_but_headings_are_not),
        cmocka_unit_test(else_the_last_formula_or_number_is_the_answer),
        cmocka_unit_test(a_bare_answer_is_taken_whole),
        cmocka_unit_test(words_that_name_a_value_are_left_out),
        cmocka_unit_test(a_short_sentence_is_no_formula),
        cmocka_unit_test(dates_and_amounts_are_taken_whole),
        cmocka_unit_test(what_is_said_not_to_be_the_answer_is_none),
        cmocka_unit_test(thinking_is_never_looked_at),
        cmocka_unit_test(without_an_answer_there_is_none),
        cmocka_unit_test(an_answer_is_a_piece_of_its_text),
        cmocka_unit_test(a_text_full_of_openings_is_searched_in_time),
        cmocka_unit_test(a_text_above_the_bound_has_none),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
