/* Units are converted exactly; one that only a single side has may be left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deciding.h"

static void units_of_one_kind_are_converted(void **state)
{
    (void)state;
    ALL_EQUAL("1 m", "100 cm", "1000\\text{ mm}", "0.001 km");
    ALL_EQUAL("1.5\\text{ hours}", "90\\text{ minutes}", "5400 s");
    ALL_EQUAL("30^\\circ", "\\frac{\\pi}6", "\\frac{\\pi}{6}\\text{ radians}");
    ALL_EQUAL("\\$1.50", "150\\text{ cents}");
    ALL_EQUAL("37^\\circ C", "98.6^\\circ F");
    ALL_EQUAL("66\\text{ inches}", "5\\text{ feet }6\\text{ inches}");
    ALL_DIFFERENT("1 m", "1 cm", "10 cm", "1 s");
    ALL_DIFFERENT("5\\text{ apples}", "5\\text{ oranges}", "4\\text{ apples}");
    assert_method("units", "1 m", "100 cm");
}

static void a_unit_may_be_left_out(void **state)
{
    (void)state;
    ALL_EQUAL("5", "5\\text{ cm}", "5\\text{ apples}", "\\$5", "5^\\circ");
    ALL_DIFFERENT("5\\text{ cm}", "6", "0.05");
    assert_method("unit left out", "5", "5\\text{ cm}");
    tj_grade_options strict = {.min_digits = 3, .strict_units = true};
    assert_int_equal(decision_with(strict, "5", "5\\text{ cm}").verdict, TJ_VERDICT_DIFFERENT);
    assert_int_equal(decision_with(strict, "30^\\circ", "\\frac{\\pi}6").verdict, TJ_VERDICT_EQUAL);
    assert_int_equal(decision_with(strict, "30^\\circ", "30").verdict, TJ_VERDICT_DIFFERENT);
}

static void percentages_are_numbers(void **state)
{
    (void)state;
    ALL_EQUAL("50\\%", "1/2", "0.5", "50", "\\frac{100}{2}\\%");
    ALL_DIFFERENT("50\\%", "5", "0.05", "51\\%");
    ALL_EQUAL("\\frac13", "33.3\\%", "33\\frac13\\%");
    ALL_DIFFERENT("\\frac13", "33\\%", "33.4\\%");
}

static void a_decimal_is_a_rounding_in_its_own_unit(void **state)
{
    (void)state;
    ALL_EQUAL("\\pi\\text{ m}", "3.14\\text{ m}", "314.16\\text{ cm}");
    ALL_DIFFERENT("\\pi\\text{ m}", "3.15\\text{ m}", "314.1\\text{ cm}");
}

static void angles_stand_in_functions(void **state)
{
    (void)state;
    ALL_EQUAL("\\frac12", "\\sin30^\\circ", "\\cos 60^\\circ", "\\sin\\frac{\\pi}6");
    ALL_DIFFERENT("\\frac12", "\\sin 30", "\\sin 60^\\circ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_of_one_kind_are_converted),
        cmocka_unit_test(a_unit_may_be_left_out),
        cmocka_unit_test(percentages_are_numbers),
        cmocka_unit_test(a_decimal_is_a_rounding_in_its_own_unit),
        cmocka_unit_test(angles_stand_in_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
