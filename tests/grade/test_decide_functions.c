/* Functions of letters: normal forms prove, points refute with a witness, and two functions need
 * agree only where both are real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deciding.h"

static void polynomials_and_quotients_have_a_normal_form(void **state)
{
    (void)state;
    ALL_EQUAL("x^2+2x+1", "(x+1)^2", "(1+x)(1+x)", "x(x+2)+1", "\\frac{(x+1)^3}{x+1}");
    ALL_EQUAL("x+1", "\\frac{x^2-1}{x-1}", "x+1+0y", "\\frac{2x+2}{2}");
    ALL_EQUAL("\\frac1x+\\frac1y", "\\frac{x+y}{xy}");
    ALL_EQUAL("-\\frac1x", "\\frac{-1}{x}", "\\frac{1}{-x}", "-x^{-1}");
    ALL_DIFFERENT("x^2+2x+1", "x^2+2x+2", "x^2+2x", "y^2+2y+1", "(x-1)^2");
    ALL_DIFFERENT("x+1", "y+1", "x", "2x+1");
    assert_method("normal form", "(x+1)^2", "x^2+2x+1");
    assert_method("normal form", "(x+1)^2", "x^2+2x+2");
    assert_witness("x = -1: 0 and 1", "(x+1)^2", "x^2+2x+2");
    assert_witness("x = -1: 1 and 0", "x^2+2x+2", "(x+1)^2");
}

static void letters_under_roots_are_compared_where_both_are_real(void **state)
{
    (void)state;
    ALL_EQUAL("\\sqrt{\\frac1n}", "\\frac1{\\sqrt n}", "n^{-1/2}");
    ALL_EQUAL("|x|", "\\sqrt{x^2}");
    ALL_DIFFERENT("x", "\\sqrt{x^2}", "|x|");
    ALL_EQUAL("\\sqrt{xy}", "\\sqrt x\\sqrt y");
    ALL_EQUAL("\\sqrt[3]{x}", "x^{1/3}");
    ALL_DIFFERENT("\\sqrt{x-1}", "\\sqrt{1-x}", "\\sqrt x-1");
    ALL_EQUAL("2\\ln x", "\\ln x^2", "\\ln x+\\ln x");
    ALL_EQUAL("\\frac{1}{\\sqrt{x+1}+\\sqrt x}", "\\sqrt{x+1}-\\sqrt x");
    assert_witness("x = -1: 1 and -1", "\\sqrt{x^2}", "x");
    assert_method("random points", "\\sqrt{x^2}", "x");
}

static void trigonometry_is_expanded(void **state)
{
    (void)state;
    ALL_EQUAL("1", "\\sin^2x+\\cos^2x", "\\sec^2x-\\tan^2x", "\\cosh^2x-\\sinh^2x");
    ALL_EQUAL("\\sin 2x", "2\\sin x\\cos x", "\\frac{2\\tan x}{1+\\tan^2x}");
    ALL_EQUAL("\\cos 3x", "4\\cos^3x-3\\cos x");
    ALL_EQUAL("\\tan(x+\\frac{\\pi}4)", "\\frac{1+\\tan x}{1-\\tan x}");
    ALL_EQUAL("\\sqrt{1-x^2}", "\\cos(\\arcsin x)", "\\sin(\\arccos x)");
    ALL_EQUAL("\\frac{\\pi}2-\\arcsin x", "\\arccos x");
    ALL_DIFFERENT("\\sin 2x", "2\\sin x", "\\sin x\\cos x", "\\sin(2x+1)");
    ALL_DIFFERENT("|\\sin x|", "\\sin|x|", "\\sin x");
}

static void powers_follow_the_laws_of_exponents(void **state)
{
    (void)state;
    ALL_EQUAL("e^{2x}", "(e^x)^2", "e^xe^x", "\\frac{e^{3x}}{e^x}");
    ALL_EQUAL("4^x", "2^{2x}", "(2^x)^2", "2^x\\cdot2^x");
    ALL_EQUAL("2^{x+1}", "2\\cdot2^x");
    ALL_EQUAL("x^{m+n}", "x^mx^n");
    ALL_EQUAL("6^n", "2^n\\cdot3^n");
    ALL_EQUAL("e^{ix}", "\\cos x+i\\sin x");
    ALL_EQUAL("\\log_2x", "\\frac{\\ln x}{\\ln 2}", "\\frac{1}{\\log_x 2}");
    ALL_DIFFERENT("2^{x+1}", "2^x+1", "2^{x-1}", "4^x");
}

static void whole_letters_make_sums_and_factorials_comparable(void **state)
{
    (void)state;
    ALL_EQUAL("n", "\\frac{n!}{(n-1)!}");
    ALL_EQUAL("\\binom{n}{2}", "\\frac{n(n-1)}{2}", "\\binom{n}{n-2}");
    ALL_EQUAL("\\binom{2n}{n}", "\\frac{(2n)!}{n!n!}");
    ALL_EQUAL("\\frac{n(n+1)}{2}", "\\sum_{k=1}^n k", "\\sum_{k=0}^{n}(n-k)");
    ALL_EQUAL("x_1+x_2+x_3", "\\sum_{i=1}^{3} x_i");
    ALL_EQUAL("2^n", "\\sum_{k=0}^n\\binom{n}{k}");
    ALL_EQUAL("(-1)^n", "\\cos(n\\pi)");
    ALL_DIFFERENT("\\binom{n}{2}", "\\frac{n(n+1)}{2}", "\\binom{n}{3}");
    ALL_UNDECIDED("\\sum_{k=0}^{n-1} F_k F_{n-k-1}", "\\sum_{j=0}^{n-1} F_j F_{n-j-1}");
}

static void functions_that_are_not_known_stay_letters(void **state)
{
    (void)state;
    ALL_EQUAL("f(x)+1", "1+f(x)", "1+f(x+0)", "f(2x-x)+1");
    ALL_DIFFERENT("f(x)", "g(x)", "f(y)", "f(x)+1", "f(x+1)");
}

static void a_denominator_that_is_zero_is_seen(void **state)
{
    (void)state;
    ALL_UNDECIDED("\\frac1{x-x}", "\\frac1{x-x}", "\\frac2{x-x}");
    ALL_UNDECIDED("\\frac1{\\sin^2x+\\cos^2x-1}", "\\frac1{\\sin^2x+\\cos^2x-1}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polynomials_and_quotients_have_a_normal_form),
        cmocka_unit_test(letters_under_roots_are_compared_where_both_are_real),
        cmocka_unit_test(trigonometry_is_expanded),
        cmocka_unit_test(powers_follow_the_laws_of_exponents),
        cmocka_unit_test(whole_letters_make_sums_and_factorials_comparable),
        cmocka_unit_test(functions_that_are_not_known_stay_letters),
        cmocka_unit_test(a_denominator_that_is_zero_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
