/* Formulas in LaTeX, as people type them and as SymPy prints them are one tree; what groups
 * differently is another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reading.h"

#define ALIKE(plain, ...) assert_read_alike(plain, (const char *const[]){__VA_ARGS__, NULL})

static void signs_bind_as_in_books(void **state)
{
    (void)state;
    const reading readings[] = {
        {"-x^2", "-x^2"},
        {"(-x)^2", "(-x)^2"},
        {"2^3^2", "2^(3^2)"},
        {"a-b-c", "a - b - c"},
        {"a/b/c", "a/b/c"},
        {"a/bc", "a/b*c"},
        {"1/2x", "1/2*x"},
        {"a-(b-c)", "a - (b - c)"},
        {"2*-3", "2*(-3)"},
        {"a - -b", "a - (-b)"},
        {"-2x", "-2*x"},
        {"x^-1", "x^(-1)"},
        {"2^{x+1}y", "2^(x + 1)*y"},
        {"+3", "3"},
        {"a\\times b\\div c", "a*b/c"},
        {"-a+b", "-a + b"},
        {"-(a+b)", "-(a + b)"},
        {"1-2\\sqrt3", "1 - 2*sqrt(3)"},
    };
    assert_readings(readings, sizeof readings / sizeof readings[0]);
    assert_read_apart("-x^2", "(-x)^2");
    assert_read_apart("a-b-c", "a-(b-c)");
    assert_read_apart("a/b/c", "a/(b/c)");
    assert_read_apart("(a^b)^c", "a^b^c");
}

static void spacing_and_fonts_say_nothing(void **state)
{
    (void)state;
    ALIKE("x + 2*y", "x+2y", "x + 2 y", "x\\,+\\;2\\!y", "\\mathbf{x}+2y", "\\displaystyle x+2y",
          "$x+2y$", "\\(x+2y\\)", "\\[x+2y\\]", "$$x+2y$$", "{x}+{2y}", "\\left.x+2y\\right.",
          "x+2\\cdot y", "x+2*y", "x+2 \\times y", "x ~+~ 2y", "\\boxed{x+2y}",
          "\\textcolor{red}{x+2y}", "x+\\color{blue}2y", "\\mathrm{x}+2y", "ｘ＋２ｙ", "x+2y.",
          "\\phantom{1}x+2y", "\\Large x+2y", "**x+2y**", "x+2⁢y", "\\boxed{\\boxed{x+2y}}");
    ALIKE("(x + 1)*(x - 2)", "(x+1)(x-2)", "\\left(x+1\\right)\\left(x-2\\right)",
          "\\bigl(x+1\\bigr)(x-2)", "[x+1][x-2]", "(x+1)*(x-2)", "(x+1) \\cdot (x-2)");
}

static void roots_and_powers_have_many_spellings(void **state)
{
    (void)state;
    ALIKE("sqrt(2)", "\\sqrt2", "\\sqrt{2}", "\\sqrt 2", "sqrt(2)", "sqrt2", "sqrt 2", "√2", "√(2)",
          "\\sqrt[2]{2}", "√{2}");
    ALIKE("root(x, 3)", "\\sqrt[3]{x}", "∛x", "cbrt(x)", "root(x, 3)", "\\sqrt[3]x");
    ALIKE("x^2", "x^2", "x^{2}", "x**2", "x²", "{x}^2", "x^{{2}}");
    ALIKE("x^(-2)", "x^{-2}", "x^-2", "x**-2", "x⁻²", "x^(-2)");
    ALIKE("2*sqrt(3)*x", "2\\sqrt3x", "2sqrt(3)x", "2√3 x", "2sqrt3x");
    ALIKE("sqrt(12)", "\\sqrt12", "\\sqrt{12}");
    ALIKE("e^(i*pi)", "e^{i\\pi}", "e^(i pi)", "e**(i*pi)");
}

static void functions_take_what_follows_them(void **state)
{
    (void)state;
    ALIKE("sin(2*x)", "\\sin 2x", "\\sin(2x)", "sin(2x)", "sin 2x", "\\sin{2x}",
          "\\operatorname{sin} 2x", "\\sin\\left(2x\\right)", "Sin(2x)");
    ALIKE("sin(x)^2", "\\sin^2 x", "\\sin^{2}x", "(\\sin x)^2", "sin(x)^2", "sin^2(x)", "sin²x");
    ALIKE("asin(x)", "\\sin^{-1}x", "\\arcsin x", "arcsin(x)", "asin(x)", "sin^-1(x)", "sin⁻¹(x)");
    ALIKE("atan(1/2)", "\\arctan\\frac12", "\\tan^{-1}\\frac12", "atan(1/2)", "arctg(1/2)");
    ALIKE("2*sin(x)*cos(y)", "2\\sin x\\cos y", "2 sin(x) cos(y)", "2 sin x cos y",
          "2\\sin x \\cdot \\cos y");
    ALIKE("sin(30°)", "\\sin 30^\\circ", "\\sin 30°", "sin(30°)", "sin 30 degrees",
          "\\sin(30^{\\circ})");
    ALIKE("log(8, 2)", "\\log_2 8", "\\log_{2}8", "\\log_2(8)", "\\log_28", "log_2(8)", "log2(8)",
          "log(8, 2)", "log base 2 of 8");
    ALIKE("log(100)", "\\log 100", "\\log_{10}100", "\\log_10 100", "log(100)", "\\lg 100");
    ALIKE("ln(x)", "\\ln x", "ln(x)", "\\ln{x}", "lnx", "ln x");
    ALIKE("sin(x)/2", "\\sin x/2", "\\frac{\\sin x}{2}", "sin(x)/2");
    ALIKE("sin(x^2)", "\\sin x^2", "sin(x^2)");
    assert_read_apart("\\sin^2 x", "\\sin x^2");
    ALIKE("max(1, 2)", "\\max(1,2)", "\\max\\{1,2\\}", "max(1, 2)");
    ALIKE("binomial(n, k)", "\\binom{n}{k}", "\\dbinom nk", "{n\\choose k}", "C(n,k)",
          "binomial(n, k)", "nCr(n, k)");
    ALIKE("binomial(5, 2)", "\\binom52", "C(5,2)", "5C2", "_5C_2", "{}_5C_2", "C_5^2", "C^2_5",
          "_{5}C_{2}", "^5C_2", "{}^{5}C_{2}");
    ALIKE("permutations(5, 2)", "5P2", "_5P_2", "^5P_2");
    ALIKE("permutations(5, 2) ¦ P = <5, 2>", "P(5,2)");
    ALIKE("factorial(5)", "5!", "factorial(5)", "(5)!");
    ALIKE("1/factorial(2004)", "1/2004!", "\\frac{1}{2004!}", "\\frac1{2004!}");
    ALIKE("doublefactorial(n)", "n!!");
    ALIKE("abs(x)", "|x|", "\\lvert x\\rvert", "\\left|x\\right|", "\\vert x \\vert", "abs(x)",
          "\\|x\\|", "‖x‖", "∣x∣");
    ALIKE("abs(abs(x) - 1)", "||x|-1|", "\\left||x|-1\\right|");
    ALIKE("abs(x)*abs(y)", "|x||y|", "|x|\\cdot|y|");
    ALIKE("floor(x/2)", "\\lfloor x/2\\rfloor", "⌊x/2⌋", "floor(x/2)",
          "\\left\\lfloor x/2 \\right\\rfloor");
    ALIKE("ceil(x)", "\\lceil x\\rceil", "⌈x⌉", "ceil(x)", "ceiling(x)");
    ALIKE("mod(7, 3)", "7 \\bmod 3", "7 mod 3", "mod(7, 3)");
}

static void letters_are_variables_or_names(void **state)
{
    (void)state;
    const reading readings[] = {
        {"xy", "x*y"},
        {"abc", "a*b*c"},
        {"AB", "AB"},
        {"2AB", "2*AB"},
        {"nRT", "n*RT"},
        {"\\alpha\\beta", "alpha*beta"},
        {"alpha", "alpha"},
        {"θ", "theta"},
        {"x_1x_2", "x_1*x_2"},
        {"x1", "x_1"},
        {"a_{n+1}", "a_{n+1}"},
        {"\\overline{AB}", "AB"},
        {"\\overline{z}", "conj(z)"},
        {"2pir", "2*pi*r"},
        {"\\vec{v}", "v"},
        {"\\triangle ABC", "triangle ABC"},
        {"∠ABC", "angle ABC"},
        {"f(x)", "f(x)"},
        {"x(x+1)", "x*(x + 1)"},
        {"f(f(x))", "f(f(x))"},
        {"f'(x)", "f'(x)"},
        {"f^{-1}(x)", "f^{-1}(x)"},
        {"3i", "3*i"},
        {"i\\sqrt3", "i*sqrt(3)"},
        {"2e", "2*e"},
        {"sinx", "sin(x)"},
        {"h(b_1+b_2)/2", "h*(b_1 + b_2)/2"},
        {"x₁²", "x_1^2"},
        {"\\Gamma", "Gamma"},
        {"x_{max}", "x_{max}"},
    };
    assert_readings(readings, sizeof readings / sizeof readings[0]);
    assert_string_equal(printed("4e+7p"), "4*e + 7*p");
    assert_read_apart("AB", "BA");
    assert_read_apart("x_1", "x_2");
    assert_read_apart("X", "x");
}

static void sums_bind_their_index(void **state)
{
    (void)state;
    ALIKE("sum(i, 1, n, i^2)", "\\sum_{i=1}^{n} i^2", "\\sum_{i=1}^n i^2", "\\sum^n_{i=1} i^2",
          "\\sum\\limits_{i=1}^n i^2", "∑_{i=1}^n i²", "sum(i, 1, n, i^2)");
    ALIKE("product(k, 1, 5, k)", "\\prod_{k=1}^5 k", "product(k, 1, 5, k)");
    ALIKE("sum(k, 0, infinity, 1/2^k)", "\\sum_{k=0}^\\infty \\frac{1}{2^k}");
    assert_string_equal(printed("i + \\sum_{i=1}^2 i"), "i + sum(i, 1, 2, i)");
    assert_read_apart("\\sum_{j=1}^2 i", "\\sum_{i=1}^2 i");
}

static void matrices_have_many_brackets(void **state)
{
    (void)state;
    ALIKE("[[1, 2], [3, 4]]", "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}",
          "\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\\\ \\end{bmatrix}",
          "\\left(\\begin{array}{cc}1&2\\\\3&4\\end{array}\\right)", "[[1,2],[3,4]]",
          "Matrix([[1, 2], [3, 4]])", "\\begin{pmatrix}1 & 2\\\\3 & \\phantom - 4\\end{pmatrix}");
    ALIKE("det([[1, 2], [3, 4]])", "\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}",
          "\\left|\\begin{array}{cc}1&2\\\\3&4\\end{array}\\right|",
          "\\det\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}");
    ALIKE("[[1], [2]]", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "[[1], [2]]");
    assert_unreadable("\\begin{pmatrix}1&2\\\\3\\end{pmatrix}", "rows of equal length");
    assert_unreadable("\\begin{pmatrix}1&2", "");
    assert_unreadable("\\begin{foo}1\\end{foo}", "environment");
}

static void constants_have_names(void **state)
{
    (void)state;
    ALIKE("pi/2", "Pi/2", "pi over 2", "\\pi/2", "pi/2", "π/2", "\\frac\\pi2", "\\frac{\\pi}{2}");
    ALIKE("-infinity", "-\\infty", "-oo", "-∞", "-infinity", "-inf", "negative infinity");
    ALIKE("2 + 3*i", "2+3i", "2 + 3 i", "2+3\\mathrm{i}", "2+3*i");
    ALIKE("1 ± sqrt(2)", "1\\pm\\sqrt2", "1±√2", "1 +/- sqrt(2)");
    ALIKE("±2", "\\pm2", "±2", "\\pm 2");
    assert_read_apart("1\\pm2", "1\\mp2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_bind_as_in_books),
        cmocka_unit_test(spacing_and_fonts_say_nothing),
        cmocka_unit_test(roots_and_powers_have_many_spellings),
        cmocka_unit_test(functions_take_what_follows_them),
        cmocka_unit_test(letters_are_variables_or_names),
        cmocka_unit_test(sums_bind_their_index),
        cmocka_unit_test(matrices_have_many_brackets),
        cmocka_unit_test(constants_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
