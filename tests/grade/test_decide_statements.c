/* Equations, inequalities, systems, sets of reals and families of values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deciding.h"

static void a_name_may_be_left_out_but_not_changed(void **state)
{
    (void)state;
    ALL_EQUAL("x=5", "5", "5=x", "x = \\frac{10}2", "2x=10", "\\{5\\}");
    ALL_DIFFERENT("x=5", "y=5", "x=6", "6");
    ALL_EQUAL("x+1", "y=x+1", "f(x)=x+1", "f(x) = 1+x");
    ALL_EQUAL("f(x)=x+1", "f(t)=t+1", "y=x+1");
    ALL_EQUAL("f(x,y)=x-y", "f(y,x)=y-x", "f(a,b)=a-b");
    ALL_DIFFERENT("f(x,y)=x-y", "f(y,x)=x-y", "f(a,b)=b-a");
    ALL_DIFFERENT("f(x)=x+1", "g(x)=x+1", "f(x)=x+2");
    ALL_DIFFERENT("f(x)=3", "x=3");
    ALL_EQUAL("\\{1,2\\}", "x=1, x=2", "x\\in\\{1,2\\}", "x=1\\text{ or }x=2", "1, 2");
    ALL_EQUAL("18", "9\\cdot2=18", "x = 9\\cdot 2 = 18");
    ALL_UNDECIDED("5", "2+2=5");
    ALL_UNDECIDED("1", "\\frac{x^2-1}{x-1}=2"); /* which no x solves */
}

static void equations_are_equal_up_to_a_factor(void **state)
{
    (void)state;
    ALL_EQUAL("y=2x+1", "2x-y+1=0", "2y=4x+2", "x=\\frac{y-1}2", "2x+1=y");
    ALL_DIFFERENT("y=2x+1", "y=2x+2", "y=-2x+1", "x=2y+1", "2x-y=1");
    ALL_EQUAL("x^2+y^2=1", "2x^2+2y^2=2", "1-x^2=y^2");
    ALL_EQUAL("xy=1", "y=\\frac1x");
    ALL_EQUAL("\\pi x=1", "x=\\frac1\\pi");
    ALL_EQUAL("y=e^x", "2y=2e^x");
    ALL_DIFFERENT("x^2+y^2=1", "y=\\sqrt{1-x^2}", "x^2-y^2=1", "1");
    assert_witness("x = 0, y = -1", "x^2+y^2=1", "y=\\sqrt{1-x^2}");
}

static void inequalities_are_their_solutions(void **state)
{
    (void)state;
    ALL_EQUAL("(1,2]", "1<x\\le2", "2\\ge x>1", "x>1\\text{ and }x\\le2");
    ALL_DIFFERENT("(1,2]", "1\\le x\\le2", "1<x<2", "1<x", "(1,3]");
    ALL_EQUAL("x>1", "2x>2", "-x<-1", "1<x", "(1,\\infty)", "x-1>0", "x+1>2");
    ALL_DIFFERENT("x>1", "x\\ge1", "x<1", "y>1", "-x>1");
    ALL_EQUAL("(-1,5)", "|x-2|<3", "-3<x-2<3", "x^2-4x<5");
    ALL_EQUAL("(-\\infty,-1]\\cup[5,\\infty)", "|x-2|\\ge3", "x\\le-1\\text{ or }x\\ge5");
    ALL_EQUAL("-\\sqrt2<x<\\sqrt2", "x^2<2");
    ALL_EQUAL("x\\ne2", "(-\\infty,2)\\cup(2,\\infty)", "\\mathbb{R}\\setminus\\{2\\}");
    ALL_EQUAL("x\\ne\\pm1", "(-\\infty,-1)\\cup(-1,1)\\cup(1,\\infty)");
    ALL_EQUAL("y>2x+1", "2x-y+1<0", "2y>4x+2");
    ALL_DIFFERENT("y>2x+1", "y<2x+1", "y\\ge2x+1", "2x-y+1>0");
    ALL_UNDECIDED("x>-1", "\\frac{x^2-1}{x-1}>0"); /* but for x = 1 */
    ALL_EQUAL("y>\\frac1x", "\\frac1x<y");
    ALL_DIFFERENT("0<a<1", "0<b<1");
    ALL_EQUAL("f(1)<f(2)<f(4)", "f(4)>f(2)>f(1)");
    ALL_DIFFERENT("f(1)<f(2)<f(4)", "f(2)<f(1)<f(4)", "f(1)\\le f(2)<f(4)", "f(1)<f(2)");
}

static void sets_of_reals_are_joined_and_sorted(void **state)
{
    (void)state;
    ALL_EQUAL("[1,3]", "[1,2]\\cup[2,3]", "[1,2]\\cup(1.5,3]", "[0,3]\\cap[1,5]",
              "[1,2)\\cup\\{2\\}\\cup(2,3]");
    ALL_DIFFERENT("[1,3]", "[1,2)\\cup(2,3]", "[1,3)", "[1,2]\\cup[2.5,3]", "\\{1,3\\}", "2",
                  "(1,3)");
    ALL_EQUAL("(-\\infty,\\infty)", "\\mathbb{R}", "\\text{all real numbers}",
              "(-\\infty,0)\\cup[0,\\infty)");
    ALL_EQUAL("(3,\\infty)", "\\{x:x>3\\}", "\\{y\\mid y>3\\}", "x>3", "x\\in(3,\\infty)");
    ALL_EQUAL("(\\frac13,1)", "(0.333,1)");
    ALL_EQUAL("\\{x\\in\\mathbb{Z}: -1\\le x<4\\}", "\\{-1,0,1,2,3\\}");
    ALL_DIFFERENT("\\{x\\in\\mathbb{Z}: -1\\le x<4\\}", "\\{0,1,2,3\\}", "[-1,4)");
    ALL_DIFFERENT("\\mathbb{Z}", "\\mathbb{R}", "\\mathbb{N}", "(0,1)", "5");
    ALL_EQUAL("[a,b)", "[a,b)");
    ALL_DIFFERENT("[a,b)", "[a,b]", "(a,b)");
    assert_witness("3 is in only one of them", "[1,3]", "[1,3)");
}

static void conditions_belong_to_their_values(void **state)
{
    (void)state;
    ALL_EQUAL("x+1, x\\ne0", "1+x, x\\ne0");
    ALL_UNDECIDED("x+1, x\\ne0", "x+1", "x+1, x\\ne1");
    ALL_DIFFERENT("x+1, x\\ne0", "x+2", "7");
}

static void systems_have_no_order(void **state)
{
    (void)state;
    ALL_EQUAL("x=1, y=2", "y=2, x=1", "(x,y)=(1,2)", "(1,2)", "x=1\\text{ and }y=2");
    ALL_DIFFERENT("x=1, y=2", "x=2, y=1", "(2,1)", "x=1", "(x,y)=(1,3)");
    ALL_DIFFERENT("(x,y)=(2,-3)", "(x,y)=(2,-2)", "(x,y)=(-3,2)", "(2,3)");
}

static void families_are_sets_of_values(void **state)
{
    (void)state;
    ALL_EQUAL("\\frac{\\pi}4+k\\pi, k\\in\\mathbb{Z}", "\\frac{\\pi}4-n\\pi, n\\in\\mathbb{Z}",
              "\\frac{5\\pi}4+m\\pi, m\\in\\mathbb{Z}", "x=\\frac{\\pi}4+k\\pi, k\\in\\mathbb{Z}",
              "\\frac{\\pi}4+2k\\pi, \\frac{5\\pi}4+2k\\pi, k\\in\\mathbb{Z}");
    ALL_DIFFERENT("\\frac{\\pi}4+k\\pi, k\\in\\mathbb{Z}", "\\frac{\\pi}4+2k\\pi, k\\in\\mathbb{Z}",
                  "\\frac{\\pi}3+k\\pi, k\\in\\mathbb{Z}", "\\frac{\\pi}4",
                  "\\frac{\\pi}4+2k, k\\in\\mathbb{Z}");
    ALL_EQUAL("(-1)^k\\frac{\\pi}6+k\\pi, k\\in\\mathbb{Z}",
              "\\frac{\\pi}6+2k\\pi, \\frac{5\\pi}6+2k\\pi, k\\in\\mathbb{Z}");
    ALL_EQUAL("\\pm\\frac{\\pi}3+2k\\pi, k\\in\\mathbb{Z}",
              "\\frac{\\pi}3+2k\\pi, -\\frac{\\pi}3+2k\\pi, k\\in\\mathbb{Z}");
    ALL_EQUAL("x\\equiv2\\pmod5", "x\\equiv7\\pmod5", "x=2+5k, k\\in\\mathbb{Z}",
              "x\\equiv-3\\pmod{5}");
    ALL_DIFFERENT("x\\equiv2\\pmod5", "x\\equiv3\\pmod5", "x\\equiv2\\pmod{10}",
                  "y\\equiv2\\pmod5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_may_be_left_out_but_not_changed),
        cmocka_unit_test(equations_are_equal_up_to_a_factor),
        cmocka_unit_test(inequalities_are_their_solutions),
        cmocka_unit_test(sets_of_reals_are_joined_and_sorted),
        cmocka_unit_test(conditions_belong_to_their_values),
        cmocka_unit_test(systems_have_no_order),
        cmocka_unit_test(families_are_sets_of_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
