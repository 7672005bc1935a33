/* Amounts: units, currencies, angles, temperatures and things that are counted, before or behind
 * their numbers; and what is no unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reading.h"

#define ALIKE(plain, ...) assert_read_alike(plain, (const char *const[]){__VA_ARGS__, NULL})

static void units_have_many_names(void **state)
{
    (void)state;
    ALIKE("5 cm", "5 cm", "5cm", "5\\text{ cm}", "5\\,\\text{cm}", "5~\\mathrm{cm}",
          "5 centimeters", "5 centimetre", "$5$ cm", "5\\mbox{ cm}", "5センチ", "5\\ \\textrm{cm}");
    ALIKE("5 metre", "5\\text{ m}", "5 meters", "5\\mathrm{m}", "$5$ m", "5メートル");
    ALIKE("5 cm^2", "5 cm^2", "5\\text{ cm}^2", "5 cm²", "5 square centimeters", "5 sq cm",
          "5\\text{ square cm}", "5\\text{ cm}^{2}", "5\\text{ sq. cm}", "5\\text{ cm squared}");
    ALIKE("60 km/hour", "60 km/h", "60\\text{ km/h}", "60 kilometers per hour", "60 km/hr",
          "60\\text{ km per hour}");
    ALIKE("9.8 metre/second^2", "9.8 \\frac{\\text{m}}{\\text{s}^2}", "9.8\\text{ m/s}^2");
    ALIKE("60 mi/hour", "60 \\frac{\\text{miles}}{\\text{hour}}", "60 miles per hour");
    ALIKE("60 mph", "60 mph", "60\\text{ mph}");
    ALIKE("9.8 metre/second^2", "9.8\\text{ m/s}^2", "9.8\\ \\mathrm{m/s^2}",
          "9.8 meters per second squared");
    ALIKE("12*sqrt(13) ft", "12\\sqrt{13}\\text{ feet}", "12 \\sqrt{13} ft");
    ALIKE("164*pi ft^2", "164\\pi\\mbox{ square feet}", "164 \\pi \\text{ ft}^2");
    ALIKE("(480 + 480*sqrt(3)) ft", "480+480\\sqrt3\\text{ feet}",
          "(480+480\\sqrt{3})\\text{ feet}");
    ALIKE("(5 ft) + (6 inch)", "5 feet 6 inches", "5 ft 6 in", "5 feet, 6 inches",
          "5 feet and 6 inches", "5\\text{ ft }6\\text{ in}");
    ALIKE("5 ft, 6 ft", "5 ft and 6 ft");
    ALIKE("5 inch, 6 inch", "5 in, 6 in");
}

static void money_is_before_or_behind(void **state)
{
    (void)state;
    ALIKE("5.00 USD", "\\$5.00", "$5.00", "5.00 dollars", "5.00\\text{ dollars}", "5.00 USD",
          "\\$ 5.00", "USD 5.00", "US$5.00", "$\\$5.00$");
    ALIKE("-0.50 USD", "-\\$0.50", "-$0.50", "\\$-0.50");
    ALIKE("500 JPY", "¥500", "500円", "500 yen", "￥500", "五百円");
    ALIKE("5 EUR", "€5", "5 euros", "5€", "5 \\text{ euros}", "5 EUR");
    ALIKE("80 cent", "80\\text{ cents}", "80 cents", "80¢");
    ALIKE("2/3 USD ≈ 0.67 USD", "\\$\\dfrac23 \\approx \\$0.67");
    assert_read_apart("$5", "€5");
}

static void signs_are_tied_to_their_number(void **state)
{
    (void)state;
    ALIKE("30°", "30^\\circ", "30°", "30^{\\circ}", "30\\text{ degrees}", "30 degrees",
          "30\\degree", "30度", "30^°");
    ALIKE("50%", "50\\%", "50%", "50 percent", "50\\text{ percent}", "50％", "50 \\%");
    ALIKE("-5°C", "-5°C", "-5^\\circ\\text{C}", "-5 degrees Celsius", "-5 ℃", "-5^\\circ C");
    ALIKE("(12 arcminute) + (30 arcsecond) ¦ (12 ft) + (30 inch)", "12'30''", "12'30\"", "12′30″");
    ALIKE("2*(x°)", "2x^\\circ");
    ALIKE("(7 + 1/2)°", "7\\frac12^\\circ", "7\\frac{1}{2}^{\\circ}", "7½°", "7 1/2 degrees");
    ALIKE("30°", "30^\\circ{}");
    ALIKE("(30°) + x", "30^\\circ+x");
}

static void things_are_counted(void **state)
{
    (void)state;
    ALIKE("5 \"apple\"", "5 apples", "5\\text{ apples}", "5 apple", "five apples", "5 Apples");
    ALIKE("14 \"righttriangle\"", "14\\text{ right triangles}", "14 right triangles");
    ALIKE("5個", "5個", "五個", "５個");
    ALIKE("188 unit", "188\\text{ units}", "188 units");
    ALIKE("45 unit^2", "45\\text{ units}^2", "45\\text{ square units}", "45\\text{ sq. units}");
    ALIKE("3 hour", "3時間", "3 hours", "3\\text{ hr}");
    ALIKE("(3 hour) + (30 minute)", "3時間30分", "3 hours 30 minutes", "3 hours and 30 minutes");
    assert_read_apart("5 apples", "5 oranges");
}

static void variables_are_no_units(void **state)
{
    (void)state;
    const reading readings[] = {
        {"5m", "5*m"},
        {"14k", "14*k"},
        {"2s", "2*s"},
        {"5 m", "5*m ¦ 5 metre"},
        {"9.8 m/s^2", "9.8*m/s^2 ¦ 9.8 metre/second^2"},
        {"2xy", "2*x*y"},
        {"5x", "5*x"},
        {"3\\sin x", "3*sin(x)"},
        {"3\\sec x", "3*sec(x)"},
        {"7p+4e", "7*p + 4*e"},
        {"2 sec", "2 second"},
        {"2 sec(x)", "2*sec(x)"},
    };
    assert_readings(readings, sizeof readings / sizeof readings[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_have_many_names),
        cmocka_unit_test(money_is_before_or_behind),
        cmocka_unit_test(signs_are_tied_to_their_number),
        cmocka_unit_test(things_are_counted),
        cmocka_unit_test(variables_are_no_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
