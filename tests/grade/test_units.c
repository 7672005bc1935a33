/* Units against what everyone knows of them: so many of one make another; every prefix is its power
 * of ten; combining is undone by its inverse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "grade/units.h"

static tj_unit unit(const char *name)
{
    tj_unit out;
    if (tj_unit_find(&out, name, strlen(name)) == TJ_UNIT_NONE) {
        fail_msg("'%s' is no unit", name);
    }
    return out;
}

/* Asserts that `count` of the small unit are one of the large. */
static void assert_makes(int64_t count, const char *small, const char *large)
{
    tj_unit a = unit(small), b = unit(large);
    assert_true(tj_unit_same_kind(&a, &b));
    assert_int_equal(a.pi_power, b.pi_power);
    __extension__ typedef __int128 wide; /* products of two factors */
    assert_true((wide)count * a.num * b.den == (wide)b.num * a.den);
}

static void so_many_make_one(void **state)
{
    (void)state;
    assert_makes(12, "inch", "foot");
    assert_makes(3, "ft", "yard");
    assert_makes(1760, "yards", "mile");
    assert_makes(16, "ounces", "pound");
    assert_makes(2000, "lb", "ton");
    assert_makes(4, "quarts", "gallon");
    assert_makes(2, "pints", "quart");
    assert_makes(32, "tablespoons", "pint");
    assert_makes(3, "teaspoons", "tablespoon");
    assert_makes(60, "seconds", "minute");
    assert_makes(60, "min", "hour");
    assert_makes(24, "hours", "day");
    assert_makes(7, "days", "week");
    assert_makes(12, "months", "year");
    assert_makes(100, "cents", "dollar");
    assert_makes(60, "arcminutes", "degree");
    assert_makes(60, "arcseconds", "arcminute");
    assert_makes(10, "permille", "percent");
    assert_makes(8, "bits", "byte");
    assert_makes(1024, "KiB", "MiB");
    assert_makes(10, "mm", "cm");
    assert_makes(100, "cm", "m");
    assert_makes(1000, "m", "km");
    assert_makes(1000, "mL", "L");
    assert_makes(1000, "g", "kg");
    assert_makes(1000000, "μs", "s");
    assert_makes(10000, "平方メートル", "hectare");
}

static void spellings_are_one_unit(void **state)
{
    (void)state;
    static const char *const same[][4] = {
        {"cm", "centimetres", "centimeter", "Centimeters"},
        {"m", "metre", "Meters", "メートル"},
        {"°", "degrees", "deg", "度"},
        {"%", "percent", "Percent", "パーセント"},
        {"$", "dollars", "USD", "ドル"},
        {"h", "hours", "hr", "時間"},
        {"lb", "pounds", "lbs", "Pound"},
        {"円", "yen", "¥", "JPY"},
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        tj_unit first = unit(same[i][0]);
        for (size_t k = 1; k < 4; k++) {
            tj_unit other = unit(same[i][k]);
            assert_int_equal(tj_unit_compare(&first, &other), 0);
        }
    }
    tj_unit out;
    assert_int_equal(tj_unit_find(&out, "MM", 2), TJ_UNIT_NONE); /* symbols keep their case */
    assert_int_equal(tj_unit_find(&out, "cm", 2), TJ_UNIT_PLAIN);
    assert_int_equal(tj_unit_find(&out, "m", 1), TJ_UNIT_LOOSE);
    assert_int_equal(tj_unit_find(&out, "", 0), TJ_UNIT_NONE);
    assert_int_equal(tj_unit_find(&out, "apples", 6), TJ_UNIT_NONE);
}

static void a_units_text_is_its_spelling(void **state)
{
    (void)state;
    static const char *const names[] = {"cm",  "m",  "h",  "°",  "%", "USD", "cents",    "gallon",
                                        "mph", "°C", "円", "個", "N", "kWh", "arcminute"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tj_unit a = unit(names[i]), b = unit(a.text);
        assert_int_equal(tj_unit_compare(&a, &b), 0);
        assert_int_equal(tj_unit_find(&b, a.text, strlen(a.text)), TJ_UNIT_PLAIN);
    }
}

static void combining_is_undone_by_the_inverse(void **state)
{
    (void)state;
    static const char *const names[] = {"m", "kg", "s", "ft", "hour", "°", "USD", "gallon", "mph"};
    tj_arena arena;
    tj_arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
            tj_unit a = unit(names[i]), b = unit(names[k]), both, back;
            assert_true(tj_unit_combine(&both, &arena, &a, 1, &b, -1));
            assert_true(tj_unit_combine(&back, &arena, &both, 1, &b, 1));
            assert_memory_equal(back.dims, a.dims, sizeof a.dims);
            assert_int_equal(back.num, a.num);
            assert_int_equal(back.den, a.den);
            assert_int_equal(back.pi_power, a.pi_power);
        }
    }
    tj_arena_deinit(&arena);
}

static void what_cannot_be_combined_is_refused(void **state)
{
    (void)state;
    tj_arena arena;
    tj_arena_init(&arena, 0);
    tj_unit celsius = unit("°C"), metre = unit("m"), dollar = unit("$"), euro = unit("€");
    tj_unit gallon = unit("gallon"), out;
    assert_false(tj_unit_combine(&out, &arena, &celsius, 1, &metre, 1)); /* an offset */
    assert_false(tj_unit_combine(&out, &arena, &dollar, 1, &euro, -1));
    assert_false(tj_unit_combine(&out, &arena, &gallon, 9, &metre, 0)); /* 64 bits */
    assert_false(tj_unit_same_kind(&dollar, &euro));
    tj_unit apple, apples, orange;
    assert_true(tj_unit_count(&apples, &arena, "apples", 6, true));
    assert_true(tj_unit_count(&apple, &arena, "Apple", 5, true));
    assert_true(tj_unit_count(&orange, &arena, "orange", 6, true));
    assert_int_equal(tj_unit_compare(&apple, &apples), 0);
    assert_false(tj_unit_same_kind(&apple, &orange));
    tj_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_make_one),
        cmocka_unit_test(spellings_are_one_unit),
        cmocka_unit_test(a_units_text_is_its_spelling),
        cmocka_unit_test(combining_is_undone_by_the_inverse),
        cmocka_unit_test(what_cannot_be_combined_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
