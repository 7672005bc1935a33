/* Every spelling of a number is read as the same digits; what is spelled by rule (English and kanji
 * numerals, separators) is compared with the digits for many numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"
#include "reading.h"

#define ALIKE(plain, ...) assert_read_alike(plain, (const char *const[]){__VA_ARGS__, NULL})

static void separators_change_nothing(void **state)
{
    (void)state;
    ALIKE("1234", "1234", "1{,}234", "1,\\!234", "1\\,234", "1 234", "1~234", "１２３４",
          "1, \\! 234");
    ALIKE("1234567", "1234567", "1{,}234{,}567", "1 234 567", "1.234.567", "1,\\!234,\\!567",
          "$1{,}234{,}567$");
    ALIKE("1234.5", "1234.5", "1{,}234.5", "1.234,5", "01234.5");
    ALIKE("20000/3", "\\frac{20,000}{3}", "\\frac{20000}{3}", "20000/3");
    ALIKE("16386.16 USD", "\\$16,\\!386.16", "\\$16,386.16", "$16386.16");
}

static void fractions_have_many_spellings(void **state)
{
    (void)state;
    ALIKE("1/2", "\\frac12", "\\frac{1}{2}", "\\frac1{2}", "\\frac{1}2", "\\dfrac12", "\\tfrac 1 2",
          "\\cfrac{1}{2}", "1 \\over 2", "{1 \\over 2}", "1/2", "½", "1⁄2", "1 / 2", "1÷2",
          "1\\div 2", "one half", "a half", "$\\frac{1}{2}$", "2分の1", "1:2", "**1/2**");
    ALIKE("3 + 1/8", "3\\frac18", "3 1/8", "3⅛", "3 \\frac{1}{8}", "3\\tfrac{1}{8}");
    ALIKE("-(15 + 3/5)", "-15\\frac{3}{5}", "-15 3/5");
    ALIKE("2 + 1/2", "2½", "two and a half", "2 1/2", "2\\frac12");
    ALIKE("3/2*3^n", "\\frac32 3^n", "\\frac{3}{2} 3^n", "\\frac32\\cdot3^n");
    ALIKE("n/2", "\\frac n2", "\\frac{n}{2}", "\\frac{n}2");
    assert_read_apart("2\\frac32", "2 1/2"); /* 3/2 is no part of a mixed number */
    assert_read_apart("2 - 1/2", "2 1/2");
}

static void decimals_keep_their_digits(void **state)
{
    (void)state;
    ALIKE("0.5", "0.5", ".5", "00.5", "0{.}5");
    ALIKE("0.50", "0.50", ".50");
    assert_read_apart("0.5", "0.50");
    ALIKE("43", "43.", "43", "$43.$", "43;");
    ALIKE("0.(3)", "0.\\overline{3}", "0.\\overline3", "0.\\dot{3}", "0.\\dot3", "0.(3)",
          "0.\\bar{3}", "0.3̅", ".\\overline{3}");
    ALIKE("0.1(6)", "0.1\\overline{6}", "0.1(6)", "0.1\\dot6");
    ALIKE("0.(142857)", "0.\\overline{142857}", "0.\\dot{1}4285\\dot{7}", "0.\\dot14285\\dot7");
    ALIKE("0.33(3)", "0.333...", "0.333\\ldots", "0.333…", "0.333\\dots");
    ALIKE("0.142857(142857)", "0.142857142857...");
    ALIKE("3.14159", "3.14159...", "3.14159");
}

static void scientific_notation_is_one_number(void **state)
{
    (void)state;
    ALIKE("3.2e5", "3.2 \\times 10^5", "3.2\\times10^{5}", "3.2 \\cdot 10^{5}", "3.2 x 10^5",
          "3.2e5", "3.2E+5", "3.2×10⁵");
    ALIKE("3.2e-5", "3.2\\times10^{-5}", "3.2e-5", "3.2×10⁻⁵", "3.2 \\times 10^{-5}");
    ALIKE("2^3*10^5", "2^3 \\times 10^5"); /* not 2^(3e5) */
    ALIKE("a/3*10^5", "a/3 \\times 10^5");
    ALIKE("2*(10^5)^2", "2 \\times (10^5)^2");
    assert_unreadable("1e999999", "exponent");
}

static void bases_are_written_below(void **state)
{
    (void)state;
    ALIKE("1011_2", "1011_2", "1011_{2}", "(1011)_2", "1011_{\\text{two}}", "1011 base 2",
          "1011 \\text{ (base 2)}", "1011_{base 2}", "1011₂");
    ALIKE("1A_16", "1A_{16}", "(1A)_{16}", "1\\text{A}_{16}", "1A_16");
    ALIKE("0A5_11", "\\text{A5}_{11}", "A5_{11}");
    ALIKE("0.0011_2", "0.0011_{2}");
    ALIKE("-221_3", "-221_3");
    ALIKE("7", "7_{10}", "7");
    assert_unreadable("129_8", "base");
    assert_read_apart("a_{12}", "a12_{12}");
}

/* ------------------------------------------------------------ numbers by rule */

static void spell(tj_buf *out, uint32_t n, bool with_and)
{
    static const char *const small[] = {"zero",    "one",     "two",       "three",    "four",
                                        "five",    "six",     "seven",     "eight",    "nine",
                                        "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
    static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                       "fifty", "sixty", "seventy", "eighty", "ninety"};
    if (n >= 1000) {
        spell(out, n / 1000, with_and);
        tj_buf_str(out, " thousand");
        n %= 1000;
        if (n > 0) {
            tj_buf_str(out, with_and && n < 100 ? " and " : " ");
            spell(out, n, with_and);
        }
    } else if (n >= 100) {
        tj_buf_printf(out, "%s hundred", small[n / 100]);
        if (n % 100 > 0) {
            tj_buf_str(out, with_and ? " and " : " ");
            spell(out, n % 100, with_and);
        }
    } else if (n >= 20) {
        tj_buf_str(out, tens[n / 10]);
        if (n % 10 > 0) {
            tj_buf_printf(out, "%s%s", with_and ? "-" : " ", small[n % 10]);
        }
    } else {
        tj_buf_str(out, small[n]);
    }
}

static void english_numerals_are_their_digits(void **state)
{
    (void)state;
    tj_buf words;
    tj_buf_init(&words);
    for (uint32_t n = 0; n < 200000; n += n < 1200 ? 1 : 997) {
        char digits[16];
        snprintf(digits, sizeof digits, "%u", (unsigned)n);
        for (int with_and = 0; with_and < 2; with_and++) {
            tj_buf_clear(&words);
            spell(&words, n, with_and == 1);
            assert_string_equal(printed(tj_buf_text(&words)), digits);
        }
    }
    tj_buf_deinit(&words);
}

static void spell_kanji(tj_buf *out, uint64_t n)
{
    static const char *const digits[] = {"", "一", "二", "三", "四", "五", "六", "七", "八", "九"};
    static const struct {
        uint64_t value;
        const char *sign;
    } powers[] = {{100000000, "億"}, {10000, "万"}, {1000, "千"}, {100, "百"}, {10, "十"}};
    for (size_t i = 0; i < 5; i++) {
        uint64_t count = n / powers[i].value;
        if (count > 0) {
            if (count > 1 || i < 2) { /* 千 and 百 alone are one of them, 万 is not */
                spell_kanji(out, count);
            }
            tj_buf_str(out, powers[i].sign);
            n %= powers[i].value;
        }
    }
    tj_buf_str(out, digits[n]);
}

static void kanji_numerals_are_their_digits(void **state)
{
    (void)state;
    tj_buf kanji;
    tj_buf_init(&kanji);
    tj_rng rng;
    tj_rng_init(&rng, 5, 0, 0, 0);
    for (size_t trial = 0; trial < 3000; trial++) {
        uint64_t n = trial < 1000 ? trial + 1 : 1 + tj_rng_below(&rng, 4000000000u);
        char digits[24];
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
        tj_buf_clear(&kanji);
        spell_kanji(&kanji, n);
        assert_string_equal(printed(tj_buf_text(&kanji)), digits);
    }
    assert_string_equal(printed("二〇二五"), "2025");
    assert_string_equal(printed("〇"), "0");
    tj_buf_deinit(&kanji);
}

static void digits_and_kanji_powers_are_one_number(void **state)
{
    (void)state;
    ALIKE("1230000", "123万", "１２３万", "百二十三万", "1230000");
    ALIKE("123000", "12万3千", "十二万三千");
    ALIKE("3205", "3千205", "三千二百五", "3千2百5");
    ALIKE("1.5*10000", "1.5万");
    ALIKE("5000 JPY", "5千円", "五千円", "5000円");
    assert_read_apart("\\frac{2}{3}", "3分の1");
}

static void numbers_by_words_scale(void **state)
{
    (void)state;
    assert_string_equal(printed("12 (twelve)"), "12");
    assert_unreadable("12 (eleven)", "byte 3");
    const reading readings[] = {
        {"negative seven", "-7"},
        {"5 million", "5*1000000"},
        {"2 dozen", "2*12"},
        {"a dozen", "12"},
        {"two-thirds", "2/3"},
        {"three thousand", "3000"},
        {"$5 million", "5*1000000 USD"},
        {"one hundred", "100"},
        {"two million", "2000000"},
        {"five", "5"},
        {"two and three quarters", "2 + 3/4"},
        {"1.5 billion", "1.5*1000000000"},
    };
    assert_readings(readings, sizeof readings / sizeof readings[0]);
}

static void too_many_digits_are_refused(void **state)
{
    (void)state;
    char text[2048];
    memset(text, '7', sizeof text);
    text[1024] = '\0';
    assert_int_equal(strlen(printed(text)), 1024);
    text[1024] = '7';
    text[1025] = '\0';
    assert_unreadable(text, "too many digits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separators_change_nothing),
        cmocka_unit_test(fractions_have_many_spellings),
        cmocka_unit_test(decimals_keep_their_digits),
        cmocka_unit_test(scientific_notation_is_one_number),
        cmocka_unit_test(bases_are_written_below),
        cmocka_unit_test(english_numerals_are_their_digits),
        cmocka_unit_test(kanji_numerals_are_their_digits),
        cmocka_unit_test(digits_and_kanji_powers_are_one_number),
        cmocka_unit_test(numbers_by_words_scale),
        cmocka_unit_test(too_many_digits_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
