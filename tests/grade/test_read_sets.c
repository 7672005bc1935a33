/* Tuples, intervals, sets, lists, relations, systems and families, in the spellings of books and of
 * plain text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reading.h"

#define ALIKE(plain, ...) assert_read_alike(plain, (const char *const[]){__VA_ARGS__, NULL})

static void intervals_know_their_ends(void **state)
{
    (void)state;
    ALIKE("[1, 2)", "[1,2)", "\\left[1,2\\right)", "[1;2)", "[1,2[");
    ALIKE("(1, 2]", "(1,2]", "]1,2]", "\\left( 1, 2 \\right]");
    ALIKE("]1, 2[", "]1,2[");
    ALIKE("(-infinity, 3)", "(-\\infty,3)", "(-∞, 3)", "(-oo, 3)", "]-∞, 3[");
    ALIKE("(1, 2) ∪ [3, 4)", "(1,2)\\cup[3,4)", "(1,2) ∪ [3,4)", "(1,2) U [3,4)", "]1,2[ ∪ [3,4[",
          "(1,2) union [3,4)");
    ALIKE("[1, 2] ∪ [3, 4]", "[1,2]\\cup[3,4]", "[1,2] or [3,4]", "[1,2] and [3,4]");
    assert_read_apart("[1,2)", "(1,2]");
    assert_string_equal(printed("(1,2)\\cup(3,4)\\cup(5,6)"), "(1, 2) ∪ (3, 4) ∪ (5, 6)");
    assert_string_equal(printed("(1,5)\\cap((2,3)\\cup(3,4))"), "(1, 5) ∩ ((2, 3) ∪ (3, 4))");
}

static void tuples_are_not_sets(void **state)
{
    (void)state;
    ALIKE("<1, 2, 3>", "(1,2,3)", "(1, 2, 3)", "\\langle1,2,3\\rangle", "<1,2,3>", "[1,2,3]",
          "\\left(1,2,3\\right)", "⟨1,2,3⟩", "（1，2，3）");
    ALIKE("{1, 2, 3}", "\\{1,2,3\\}", "{1,2,3}", "\\left\\{1,2,3\\right\\}", "{1;2;3}");
    ALIKE("1, 2, 3", "1,2,3", "1, 2, 3", "1, 2, and 3", "1, 2 and 3", "1 and 2 and 3", "1、2、3",
          "1; 2; 3", "$1$, $2$, and $3$", "1, 2, \\text{ and } 3", "$1, 2, 3$");
    ALIKE("1, 2, ..., n", "1, 2, \\ldots, n", "1,2,\\dots,n", "1, 2, ..., n", "1, 2, …, n");
    ALIKE("1 or 2", "1 or 2", "1 \\text{ or } 2", "1または2", "1 \\lor 2");
    assert_read_apart("(1,2,3)", "{1,2,3}");
    assert_read_apart("1,2,3", "{1,2,3}");
    ALIKE("\\{1\\}", "\\{1\\}");
    ALIKE("1", "{1}", "(1)", "[1]", "((1))");
    ALIKE("∅", "\\emptyset", "\\varnothing", "∅", "\\{\\}", "{}", "no solution", "No solutions.",
          "\\text{no real solutions}", "解なし", "empty set");
}

static void sets_can_be_described(void **state)
{
    (void)state;
    ALIKE("{x : x > 3}", "\\{x : x>3\\}", "\\{x \\mid x>3\\}", "{x | x > 3}", "\\{x | x>3\\}",
          "{x : x > 3}", "\\{ x \\text{ such that } x > 3 \\}");
    ALIKE("{x in ℝ : x != 0}", "\\{x\\in\\mathbb{R} \\mid x\\ne0\\}", "{x ∈ ℝ : x ≠ 0}");
    ALIKE("{x : x < 1 or x > 3}", "\\{x \\mid x<1 \\text{ or } x>3\\}");
    ALIKE("ℝ", "\\mathbb{R}", "\\mathbb R", "\\R", "\\mathbf{R}", "ℝ", "all real numbers",
          "All reals", "\\text{all real numbers}", "すべての実数");
    ALIKE("ℝ ∖ {0, 1}", "\\mathbb{R}\\setminus\\{0,1\\}", "ℝ ∖ {0,1}", "\\mathbb{R}-\\{0,1\\}",
          "\\mathbb{R}\\backslash\\{0,1\\}", "all real numbers except 0 and 1",
          "all real numbers except x = 0 and x = 1");
    ALIKE("ℕ", "\\mathbb{N}", "\\mathbb{Z}^+", "\\mathbb{Z}^{+}", "all positive integers");
    ALIKE("(0, infinity)", "\\mathbb{R}^+", "(0,\\infty)");
    ALIKE("ℤ", "\\mathbb{Z}", "all integers", "\\Z");
}

static void relations_chain(void **state)
{
    (void)state;
    ALIKE("1 < x <= 2", "1<x\\le2", "1 < x <= 2", "1 \\lt x \\leq 2", "1<x≤2",
          "1 < x \\leqslant 2");
    ALIKE("x != 2", "x\\ne2", "x \\neq 2", "x≠2", "x != 2", "x \\not= 2");
    ALIKE("x >= 3", "x\\ge3", "x>=3", "x ≥ 3", "x \\geqslant 3");
    ALIKE("x in (1, 2)", "x\\in(1,2)", "x ∈ (1,2)", "x in (1,2)");
    ALIKE("x in {1, 2}", "x\\in\\{1,2\\}", "x in {1,2}");
    ALIKE("x = 5", "x=5", "x equals 5", "x is 5", "x == 5", "x is equal to 5");
    ALIKE("x ≡ mod(3, 5)", "x\\equiv3\\pmod5", "x \\equiv 3 \\pmod{5}", "x ≡ 3 (mod 5)",
          "x \\equiv 3 \\mod 5");
    ALIKE("0.56 = 56%", "0.56=56\\%");
    ALIKE("f(x) = 2", "f(x)=2", "f(x)=2 \\text{ for all } x");
    ALIKE("k, k in ℤ", "k, k\\in\\mathbb{Z}");
    ALIKE("5", "= 5", "\\approx 5", "≈ 5", "approximately 5", "about 5", "約5");
}

static void several_statements_are_joined(void **state)
{
    (void)state;
    ALIKE("x = 1 and y = 2", "x=1,y=2", "x = 1 and y = 2", "\\begin{cases}x=1\\\\y=2\\end{cases}",
          "(x=1, y=2)", "\\left\\{\\begin{array}{l}x=1\\\\y=2\\end{array}\\right.",
          "\\begin{aligned}x&=1\\\\y&=2\\end{aligned}", "x=1かつy=2", "x = 1\ny = 2");
    ALIKE("x = 1, x = 2", "x=1,x=2", "x = 1 and x = 2", "x=1, 2", "x = 1、2");
    ALIKE("x = 1 or x = 2", "x=1 or x=2", "x=1 or 2", "x=1 \\text{ or } x=2", "x＝1または x＝2");
    ALIKE("x = 2, y = 3 or x = 3, y = 2", "x=2, y=3 or x=3, y=2", "x=2 and y=3 or x=3 and y=2");
    ALIKE("x > 0 and x < 5", "x>0, x<5", "x>0 and x<5", "x > 0 \\text{ and } x < 5");
    ALIKE("x < 0 or x > 5", "x<0 or x>5", "x < 0 \\text{ or } x > 5");
    ALIKE("{x + 1 : x != 0}", "x+1, x\\ne0", "x+1 where x \\ne 0", "x+1 \\text{ for } x\\neq 0",
          "x+1 if x ≠ 0");
    assert_read_apart("x=1, y=2", "x=1 or y=2");
}

static void families_have_parameters(void **state)
{
    (void)state;
    ALIKE("pi/4 + k*pi, k in ℤ", "\\frac\\pi4+k\\pi, k\\in\\mathbb{Z}", "pi/4 + k pi, k in Z",
          "\\frac{\\pi}{4}+k\\pi, where k is an integer",
          "\\frac{\\pi}{4}+k\\pi \\text{ for any integer } k", "π/4 + kπ, k ∈ ℤ",
          "\\frac{\\pi}{4}+k\\pi, k \\text{ integer}", "π/4 + kπ (k ∈ ℤ)",
          "\\{\\frac\\pi4+k\\pi : k\\in\\mathbb{Z}\\}",
          "\\frac{\\pi}{4}+k\\pi \\text{ where } k \\in \\mathbb{Z}", "π/4 + kπ, kは整数");
    ALIKE("x = 2*k or x = 3*k, k in ℤ", "x=2k or x=3k, k∈ℤ");
    ALIKE("i*pi, i in ℤ", "i\\pi, i\\in\\mathbb{Z}"); /* here i is no constant */
    assert_read_apart("i\\pi, i\\in\\mathbb{Z}", "i\\pi");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_know_their_ends),     cmocka_unit_test(tuples_are_not_sets),
        cmocka_unit_test(sets_can_be_described),         cmocka_unit_test(relations_chain),
        cmocka_unit_test(several_statements_are_joined), cmocka_unit_test(families_have_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
