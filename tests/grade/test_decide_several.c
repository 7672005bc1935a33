/* Several values, words and choices: what has an order, what has none, and what may be left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deciding.h"

static void tuples_are_ordered_and_sets_are_not(void **state)
{
    (void)state;
    ALL_EQUAL("(1,2,3)", "(1, 2, 3)", "[1,2,3]", "1, 2, 3",
              "\\begin{pmatrix}1\\\\2\\\\3\\end{pmatrix}", "(\\frac22,\\sqrt4,3.0)");
    ALL_DIFFERENT("(1,2,3)", "(3,2,1)", "\\{1,2,3\\}", "(1,2)", "(1,2,3,4)", "6");
    ALL_EQUAL("\\{1,2,3\\}", "\\{3,2,1\\}", "\\{1,1,2,3\\}", "2, 1, 3",
              "1 \\text{ and } 2 \\text{ and } 3");
    ALL_DIFFERENT("\\{1,2,3\\}", "\\{1,2\\}", "\\{1,2,4\\}", "\\emptyset", "1");
    ALL_EQUAL("1, 2, 2", "2, 1, 2", "\\{1,2\\}");
    ALL_DIFFERENT("1, 2, 2", "1, 1, 2", "1, 2");
    ALL_EQUAL("\\{5\\}", "5", "x=5");
    ALL_DIFFERENT("(1,2)", "(2,1)");
    assert_witness("element 2: 2 and 5", "(1,2,3)", "(1,5,3)");
    assert_witness("element 2: 5 and 2", "(1,5,3)", "(1,2,3)");
}

static void elements_may_be_roundings(void **state)
{
    (void)state;
    ALL_EQUAL("(\\frac13,\\sqrt2,1)", "(0.333,1.414,1)");
    ALL_DIFFERENT("(\\frac13,\\sqrt2,1)", "(0.333,1.415,1)");
    ALL_EQUAL("\\{\\frac13,\\frac23\\}", "\\{0.667,0.333\\}");
    ALL_EQUAL("\\begin{pmatrix}1/3&1\\\\0&2\\end{pmatrix}",
              "\\begin{pmatrix}0.333&1\\\\0&2\\end{pmatrix}");
    assert_method("rounding", "(\\frac13,1)", "(0.333,1)");
}

static void an_undecided_element_leaves_it_open_only_where_it_matters(void **state)
{
    (void)state;
    ALL_UNDECIDED("\\{1/0, 2, 3\\}", "\\{3, 2, 1/0\\}", "\\{3, 2, 4\\}");
    ALL_DIFFERENT("\\{1/0, 2, 3\\}", "\\{5, 6, 7\\}");
    ALL_UNDECIDED("1/0, 2", "2, 1/0", "2, 7", "1/0, 3");
    ALL_DIFFERENT("1/0, 2", "3, 4", "1/0, 2, 2");
    ALL_DIFFERENT("(1/0, 2)", "(1/0, 3)", "(1/0, 2, 3)");
    ALL_UNDECIDED("(1/0, 2)", "(1/0, 2)");
}

static void signs_stand_for_two_values(void **state)
{
    (void)state;
    ALL_EQUAL("\\pm2", "2,-2", "-2,2", "\\{2,-2\\}", "x=\\pm2", "x=2\\text{ or }x=-2",
              "\\pm\\sqrt4");
    ALL_EQUAL("2\\pm\\sqrt3", "2+\\sqrt3, 2-\\sqrt3", "2\\mp\\sqrt3");
    ALL_EQUAL("\\pm1\\pm2", "3,1,-1,-3");
    ALL_EQUAL("\\pm1\\mp2", "1,-1");
    ALL_DIFFERENT("\\pm2", "2", "\\pm3", "2,2");
    ALL_UNDECIDED("0", "\\pm0\\pm0\\pm0\\pm0\\pm0"); /* more signs than are worked out */
}

static void matrices_are_worked_out(void **state)
{
    (void)state;
    ALL_EQUAL("\\begin{pmatrix}2&4\\\\6&8\\end{pmatrix}",
              "2\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
              "\\begin{bmatrix}2&4\\\\6&8\\end{bmatrix}");
    ALL_DIFFERENT("\\begin{pmatrix}2&4\\\\6&8\\end{pmatrix}",
                  "\\begin{pmatrix}2&4\\\\6&9\\end{pmatrix}",
                  "\\begin{pmatrix}2&6\\\\4&8\\end{pmatrix}", "2");
    ALL_EQUAL("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}^{-1}",
              "\\begin{pmatrix}-2&1\\\\3/2&-1/2\\end{pmatrix}");
    ALL_EQUAL("-2", "\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}");
}

static void words_are_compared_as_words(void **state)
{
    (void)state;
    ALL_EQUAL("\\text{Yes}", "yes", "YES.", "\\textbf{yes}");
    ALL_DIFFERENT("\\text{Yes}", "no", "True", "5", "(1,2)", "(A)");
    ALL_EQUAL("\\emptyset", "\\{\\}", "no solution", "\\text{none}");
    ALL_EQUAL("14:30", "2:30 pm", "2:30 p.m.");
    ALL_DIFFERENT("14:30", "2:30 am", "14:31");
    ALL_EQUAL("May 5, 2020", "5 May 2020", "May 5");
    ALL_DIFFERENT("May 5, 2020", "May 6, 2020", "May 5, 2021", "May 2020");
}

static void choices_are_letters(void **state)
{
    (void)state;
    ALL_EQUAL("(A)", "A", "\\text{(A)}", "\\textbf{A}", "(A) 12");
    ALL_DIFFERENT("(A)", "(B)", "B", "12");
    ALL_EQUAL("(B) 12", "12", "B", "(B)");
    ALL_DIFFERENT("(B) 12", "13", "(A) 12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tuples_are_ordered_and_sets_are_not),
        cmocka_unit_test(elements_may_be_roundings),
        cmocka_unit_test(an_undecided_element_leaves_it_open_only_where_it_matters),
        cmocka_unit_test(signs_stand_for_two_values),
        cmocka_unit_test(matrices_are_worked_out),
        cmocka_unit_test(words_are_compared_as_words),
        cmocka_unit_test(choices_are_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
