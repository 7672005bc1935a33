/* Numbers and constants: exact values decide, however they are written; decimals are roundings by
 * the rule of docs/grader.md; what exceeds the budget is undecided and never wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deciding.h"

static void spellings_of_a_number_are_one_number(void **state)
{
    (void)state;
    ALL_EQUAL("1/2", "0.5", "\\frac12", ".50", "5\\times10^{-1}", "0.4\\overline{9}", "2^{-1}",
              "\\frac{2}{4}", "1-\\frac12", "50\\%");
    ALL_EQUAL("5", "five", "12_3", "101_2", "\\sqrt{25}", "10/2", "\\frac{5}{1}", "5.0", "5.000");
    ALL_DIFFERENT("1/2", "0.51", "2", "-1/2", "1/3", "0.05");
    ALL_EQUAL("7/2", "3\\frac12", "3 1/2", "3.5");
    ALL_DIFFERENT("7/2", "3/2", "31/2");
    assert_method("exact rational", "1/2", "0.5");
    assert_method("same form", "17", "17");
    assert_witness("2 and 3", "2", "3");
    assert_witness("3 and 2", "3", "2");
}

static void decimals_are_roundings_from_three_digits_on(void **state)
{
    (void)state;
    ALL_EQUAL("1/3", "0.333", "0.3333", "0.33333333333333");
    ALL_DIFFERENT("1/3", "0.33", "0.3", "0.334", "0.332", "0.3334", "-0.333");
    ALL_EQUAL("2/3", "0.667", "0.6667");
    ALL_DIFFERENT("2/3", "0.666", "0.67");
    ALL_EQUAL("1.\\overline{6}", "1.67", "5/3", "1.667");
    ALL_EQUAL("\\pi", "3.14", "3.142", "3.1416", "3.14159265358979");
    ALL_DIFFERENT("\\pi", "3.1", "3.15", "3.141", "22/7", "3.1415");
    ALL_EQUAL("\\sqrt2", "1.41", "1.414", "1.41421356");
    ALL_EQUAL("100\\pi", "314.16", "3.14\\times10^2");
    ALL_DIFFERENT("100\\pi", "314.15", "314");
    ALL_EQUAL("-\\sqrt2", "-1.414");
    assert_method("rounding", "0.333", "1/3");
}

static void decimals_of_terminating_values_are_exact(void **state)
{
    (void)state;
    ALL_DIFFERENT("1/8", "0.13", "0.12", "0.124", "0.126");
    ALL_DIFFERENT("3.14", "3.142", "3.1416", "3.1");
    ALL_DIFFERENT("\\sqrt{2}^2", "2.01", "1.99");
    ALL_DIFFERENT("\\sqrt{1.5129}", "1.231");
    ALL_EQUAL("\\sqrt{1.5129}", "1.23");
}

static void the_digits_a_rounding_needs_are_an_option(void **state)
{
    (void)state;
    tj_grade_options never = {.min_digits = 0}, two = {.min_digits = 2};
    assert_int_equal(decision_with(never, "0.333333", "1/3").verdict, TJ_VERDICT_DIFFERENT);
    assert_int_equal(decision_with(two, "0.33", "1/3").verdict, TJ_VERDICT_EQUAL);
    assert_int_equal(decision_with(two, "0.3", "1/3").verdict, TJ_VERDICT_DIFFERENT);
    assert_int_equal(decision_with(two, "0.05", "1/19").verdict, TJ_VERDICT_DIFFERENT);
    assert_int_equal(decision_with(two, "0.053", "1/19").verdict, TJ_VERDICT_EQUAL);
}

static void parts_of_complex_numbers_may_be_roundings(void **state)
{
    (void)state;
    ALL_EQUAL("\\frac{\\sqrt3}{3}+\\frac{i}{2}", "0.577+0.5i", "0.577+\\frac12i");
    ALL_DIFFERENT("\\frac{\\sqrt3}{3}+\\frac{i}{2}", "0.578+0.5i", "0.577+0.51i", "0.58+0.5i");
    ALL_EQUAL("(1+i)^2", "2i", "2\\cdot i");
    ALL_EQUAL("\\frac{1}{1+i}", "\\frac{1-i}{2}", "0.5-0.5i");
    ALL_DIFFERENT("2i", "2", "-2i", "i");
    ALL_EQUAL("e^{i\\pi}", "-1", "i^2");
    ALL_EQUAL("|3+4i|", "5");
    ALL_EQUAL("\\sqrt{-4}", "2i");
}

static void surds_have_one_value(void **state)
{
    (void)state;
    ALL_EQUAL("\\frac{\\sqrt2}{2}", "\\frac1{\\sqrt2}", "\\sqrt{\\frac12}", "2^{-1/2}",
              "\\sqrt{0.5}");
    ALL_EQUAL("2\\sqrt3", "\\sqrt{12}", "\\frac{6}{\\sqrt3}", "12^{0.5}");
    ALL_EQUAL("\\sqrt3-\\sqrt2", "\\frac1{\\sqrt2+\\sqrt3}", "\\sqrt{5-2\\sqrt6}");
    ALL_EQUAL("1+\\sqrt2", "\\sqrt{3+2\\sqrt2}", "\\sqrt[3]{7+5\\sqrt2}", "\\frac{1}{\\sqrt2-1}");
    ALL_EQUAL("1", "\\sqrt[3]{2+\\sqrt5}+\\sqrt[3]{2-\\sqrt5}");
    ALL_EQUAL("\\sqrt[3]{2}-1", "\\frac{1}{\\sqrt[3]{4}+\\sqrt[3]{2}+1}");
    ALL_EQUAL("2^{7/8}", "\\sqrt{2\\sqrt{2\\sqrt2}}");
    ALL_EQUAL("2^{1/32}", "\\sqrt{\\sqrt{\\sqrt{\\sqrt{\\sqrt{2}}}}}");
    ALL_EQUAL("\\sqrt[3]{\\sqrt[3]{2}-1}",
              "\\sqrt[3]{\\frac19}-\\sqrt[3]{\\frac29}+\\sqrt[3]{\\frac49}");
    ALL_DIFFERENT("\\sqrt2+\\sqrt3", "\\sqrt5", "\\sqrt{5+2\\sqrt5}", "\\pi");
    ALL_EQUAL("-2", "\\sqrt[3]{-8}", "(-8)^{1/3}", "-\\sqrt4");
    assert_method("normal form", "\\sqrt{12}", "2\\sqrt3");
    assert_method("algebraic", "\\sqrt{3+2\\sqrt2}", "1+\\sqrt2");
}

static void logarithms_and_angles_are_proved(void **state)
{
    (void)state;
    ALL_EQUAL("2\\ln 2", "\\ln 4", "\\ln 8-\\ln 2", "4\\ln\\sqrt2");
    ALL_EQUAL("3/2", "\\log_4 8", "\\frac{\\ln 8}{\\ln 4}");
    ALL_EQUAL("5", "2^{\\log_2 5}", "e^{\\ln 5}", "10^{\\log_{10}5}", "e^{\\frac12\\ln 25}");
    ALL_EQUAL("\\ln(2+\\sqrt3)", "-\\ln(2-\\sqrt3)");
    ALL_EQUAL("\\frac{\\pi}{4}", "\\arctan 1", "\\arctan\\frac12+\\arctan\\frac13",
              "4\\arctan\\frac15-\\arctan\\frac1{239}", "\\arcsin\\frac{\\sqrt2}2");
    ALL_EQUAL("\\arccos\\frac35", "\\arcsin\\frac45", "\\arctan\\frac43");
    ALL_EQUAL("\\frac{\\sqrt6-\\sqrt2}4", "\\sin\\frac{\\pi}{12}", "\\cos 75^\\circ");
    ALL_EQUAL("\\frac{1+\\sqrt5}4", "\\cos\\frac{\\pi}5", "\\cos 36^\\circ");
    ALL_EQUAL("-\\frac18", "\\cos\\frac{\\pi}7\\cos\\frac{2\\pi}7\\cos\\frac{4\\pi}7");
    ALL_DIFFERENT("\\ln 2", "\\ln 3", "0.69", "\\log_{10} 2");
    ALL_DIFFERENT("\\arctan\\frac12+\\arctan\\frac14", "\\frac{\\pi}4");
}

static void whole_number_functions_are_exact(void **state)
{
    (void)state;
    ALL_EQUAL("120", "5!", "\\frac{6!}{6}", "\\binom{10}{3}", "\\binom{10}{7}", "_{6}P_{3}");
    ALL_EQUAL("6", "\\gcd(12,18)", "\\lfloor 2\\pi \\rfloor", "\\lceil 5.1\\rceil", "\\max(1,6,3)",
              "\\operatorname{lcm}(2,3)");
    ALL_EQUAL("3", "\\lfloor\\pi\\rfloor", "17 \\bmod 7", "|-3|");
    ALL_EQUAL("55", "\\sum_{k=1}^{10} k", "\\sum_{i=0}^{10} i");
    ALL_EQUAL("\\frac{(10^9)!}{(10^9-1)!}", "10^9");
    ALL_DIFFERENT("\\sum_{k=1}^{10} k", "54", "\\sum_{k=1}^{9} k");
}

static void a_tiny_or_huge_difference_is_seen(void **state)
{
    (void)state;
    ALL_DIFFERENT("\\frac1{2004!}", "\\frac1{2006!}", "0");
    ALL_DIFFERENT("2^{1000000}", "2^{1000000}+1", "2^{1000001}");
    ALL_DIFFERENT("1", "1+10^{-300}", "1-10^{-30}");
    ALL_DIFFERENT("e^{\\pi\\sqrt{163}}", "262537412640768744");
    ALL_DIFFERENT("9^{9^{9^9}}", "5", "0", "-1", "9^{9^{9^9}}+1", "9^{9^{9^8}}");
    ALL_EQUAL("9^{9^{9^9}}", "9^{9^{9^9}}+0", "9^{9^{9^9}}");
    ALL_DIFFERENT("1000000!", "7", "999999!");
    ALL_EQUAL("1000000!", "1000000\\cdot 999999!");
    ALL_DIFFERENT("\\binom{1000000000}{500000000}", "7");
    ALL_EQUAL("(2^{500000}+1)(2^{500000}-1)", "2^{1000000}-1");
}

static void what_has_no_value_is_not_equal_to_itself(void **state)
{
    (void)state;
    ALL_UNDECIDED("1/0", "1/0", "2/0", "5");
    ALL_UNDECIDED("\\ln 0", "\\ln 0");
    ALL_UNDECIDED("\\frac{1}{\\sqrt2\\cdot\\sqrt2-2}", "\\frac{1}{\\sqrt2\\cdot\\sqrt2-2}");
    ALL_EQUAL("\\text{undefined}", "1/0", "undefined", "\\tan\\frac{\\pi}2");
    ALL_DIFFERENT("\\text{undefined}", "5", "\\pi");
}

static void infinities_are_ordered(void **state)
{
    (void)state;
    ALL_EQUAL("\\infty", "+\\infty", "\\infty+1", "2\\infty");
    ALL_DIFFERENT("\\infty", "-\\infty", "10^{100}", "0", "i");
    ALL_EQUAL("-\\infty", "-\\infty", "-2\\infty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_of_a_number_are_one_number),
        cmocka_unit_test(decimals_are_roundings_from_three_digits_on),
        cmocka_unit_test(decimals_of_terminating_values_are_exact),
        cmocka_unit_test(the_digits_a_rounding_needs_are_an_option),
        cmocka_unit_test(parts_of_complex_numbers_may_be_roundings),
        cmocka_unit_test(surds_have_one_value),
        cmocka_unit_test(logarithms_and_angles_are_proved),
        cmocka_unit_test(whole_number_functions_are_exact),
        cmocka_unit_test(a_tiny_or_huge_difference_is_seen),
        cmocka_unit_test(what_has_no_value_is_not_equal_to_itself),
        cmocka_unit_test(infinities_are_ordered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
