/* What a text leaves open is read in all likely ways, the likeliest first; what is around it can
 * close it; broken texts are errors that say where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rng.h"
#include "grade/read.h"
#include "reading.h"

static void open_texts_have_several_readings(void **state)
{
    (void)state;
    const reading readings[] = {
        {"(1,2)", "<1, 2> ¦ ]1, 2["},
        {"1,234", "1234 ¦ 1, 234"},
        {"-1,234", "-1234 ¦ -1, 234"},
        {"100,200,300", "100200300 ¦ 100, 200, 300"},
        {"1,5", "1, 5 ¦ 1.5"},
        {"12,34", "12, 34 ¦ 12.34"},
        {"(1,2) or (3,4)", "<1, 2> or <3, 4> ¦ (1, 2) ∪ (3, 4)"},
        {"(0,1),(2,3)", "<0, 1>, <2, 3> ¦ ]0, 1[, ]2, 3["},
    };
    assert_readings(readings, sizeof readings / sizeof readings[0]);
}

static void surroundings_close_them(void **state)
{
    (void)state;
    const reading readings[] = {
        {"1, 234", "1, 234"},
        {"1,2,345", "1, 2, 345"},
        {"0,123", "0, 123 ¦ 0.123"},
        {"1,200, 1,300", "1200, 1300"},
        {"1,200 or 1,300", "1200 or 1300"},
        {"x = 1,234", "x = 1234"},
        {"1,234\\text{ cm}", "1234 cm"},
        {"10,000\\sqrt3", "10000*sqrt(3)"},
        {"(1,234)", "<1, 234> ¦ ]1, 234["},
        {"\\{1,234\\}", "{1, 234}"},
        {"(0,\\infty)", "(0, infinity)"},
        {"(1,2)\\cup(3,4)", "(1, 2) ∪ (3, 4)"},
        {"x\\in(1,2)", "x in (1, 2)"},
        {"(2,1)", "<2, 1>"}, /* no interval */
        {"(-\\frac12,-2)", "<-1/2, -2>"},
        {"(1,2]", "(1, 2]"},
        {"(1,2,3)", "<1, 2, 3>"},
        {"f(1,2)", "f(1, 2)"},
        {"\\gcd(12,18)", "gcd(12, 18)"},
    };
    assert_readings(readings, sizeof readings / sizeof readings[0]);
}

static void errors_name_the_byte(void **state)
{
    (void)state;
    assert_unreadable("", "byte 0");
    assert_unreadable("   ", "byte 0");
    assert_unreadable("x +", "byte 3");
    assert_unreadable("(1,2", "byte 4");
    assert_unreadable("1/", "byte 2");
    assert_unreadable("\\frac{1}{2", "byte 8");
    assert_unreadable("2 3", "byte 2");
    assert_unreadable("x^", "byte 2");
    assert_unreadable("\\foo{1}", "foo");
    assert_unreadable("1 + 2 + \\cdots + n", "byte 8");
    assert_unreadable("\\int x dx", "int");
    assert_unreadable("foo(3)", "function");
    assert_unreadable("x }", "byte 2");
    assert_unreadable("1 \xFF", "byte 2");
    assert_unreadable("ｘ＋", "byte 6"); /* of the text as it was given */
    assert_unreadable("\\sqrt[3", "byte 7");
    assert_unreadable("|x", "byte 2");
    assert_unreadable("\\sum_{i=1} i", "both ends");
    assert_unreadable("2+", "byte 2");
    assert_unreadable("\\boxed{4}\\boxed{2}", "byte"); /* no 42 */
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    char text[TJ_EX_MAX_BYTES + 2];
    memset(text, '(', 2000);
    text[2000] = '\0';
    assert_unreadable(text, "deep");
    memset(text, '{', 2000);
    assert_unreadable(text, "deeper");
    memset(text, '-', 2000);
    assert_unreadable(text, "deep");
    for (size_t i = 0; i < 4000; i += 2) {
        memcpy(text + i, "x/", 2);
    }
    text[3999] = '\0';
    assert_unreadable(text, "");
    for (size_t i = 0; i < 4000; i += 2) {
        memcpy(text + i, "x^", 2);
    }
    assert_unreadable(text, "deep");
    memset(text, '1', sizeof text);
    text[TJ_EX_MAX_BYTES + 1] = '\0';
    assert_unreadable(text, "bytes");
}

/* Pieces that mean something, joined at random: what is read prints, and reads back. */
static void random_texts_that_are_read_read_back(void **state)
{
    (void)state;
    static const char *const pieces[] = {"1",
                                         "2",
                                         "34",
                                         "0.5",
                                         "x",
                                         "y",
                                         "k",
                                         "i",
                                         "e",
                                         "A",
                                         "AB",
                                         "\\pi",
                                         "+",
                                         "-",
                                         "*",
                                         "/",
                                         "^2",
                                         "^{",
                                         "}",
                                         "(",
                                         ")",
                                         "[",
                                         "]",
                                         "\\{",
                                         "\\}",
                                         ",",
                                         ", ",
                                         ";",
                                         " or ",
                                         " and ",
                                         "=",
                                         "<",
                                         "\\le ",
                                         "\\in ",
                                         "\\mathbb{Z}",
                                         "\\frac12",
                                         "\\sqrt{",
                                         "\\sin ",
                                         "\\log_2 ",
                                         "!",
                                         "|",
                                         "\\pm ",
                                         " cm",
                                         "\\%",
                                         "^\\circ",
                                         "$",
                                         "\\text{ apples}",
                                         "\\cup ",
                                         "\\infty ",
                                         "where ",
                                         "_1",
                                         "_{n}",
                                         "f(",
                                         "\\binom",
                                         ":",
                                         "'",
                                         " ",
                                         "\\sum_{i=1}^n ",
                                         "ℝ",
                                         "½",
                                         "²",
                                         "√",
                                         "anyof(",
                                         "family(",
                                         "symbol(",
                                         "; ",
                                         "\\begin{pmatrix}",
                                         "&",
                                         "\\\\",
                                         "\\end{pmatrix}",
                                         "\\mid ",
                                         "\\mod ",
                                         "1,234",
                                         "three",
                                         "even",
                                         "5 feet",
                                         "p.m.",
                                         "May ",
                                         "¦"};
    tj_rng rng;
    tj_rng_init(&rng, 17, 0, 0, 0);
    tj_arena arena;
    tj_arena_init(&arena, 0);
    size_t n_read = 0;
    for (size_t trial = 0; trial < 60000; trial++) {
        char text[256] = "";
        size_t n = 1 + tj_rng_below(&rng, 8), len = 0;
        for (size_t i = 0; i < n; i++) {
            const char *piece = pieces[tj_rng_below(&rng, sizeof pieces / sizeof pieces[0])];
            memcpy(text + len, piece, strlen(piece) + 1);
            len += strlen(piece);
        }
        const tj_ex *ex;
        tj_arena_clear(&arena);
        if (tj_read(&ex, &arena, text, len, NULL) == TJ_OK) {
            n_read++;
            bool spelled = strncmp(printed(text), "tree(", 5) == 0; /* fails if not read back */
            assert_false(spelled);
        }
    }
    assert_true(n_read > 6000);
    tj_arena_deinit(&arena);
}

static void memory_may_run_out(void **state)
{
    (void)state;
    static const char *const texts[] = {"\\frac{x^2}{3}, k \\in \\mathbb{Z}", "(1,234)",
                                        "Alice and Bob", "5\\text{ right triangles}",
                                        "ｘ＝1または x＝2"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t bytes = 16;; bytes += 16) {
            tj_arena arena;
            tj_arena_init(&arena, bytes);
            const tj_ex *ex = NULL;
            tj_code rc = tj_read(&ex, &arena, texts[i], strlen(texts[i]), NULL);
            tj_arena_deinit(&arena);
            if (rc == TJ_OK) {
                break;
            }
            assert_int_equal(rc, TJ_E_NOMEM);
            assert_null(ex);
        }
    }
}

/* What no text of people's reads back as is spelled out. */
static void any_tree_is_printed(void **state)
{
    (void)state;
    assert_string_equal(printed("A$in "), "tree(quantity(unit(\"inch\"; 1); symbol(\"A\")))");
    static const char *const spelled[] = {
        "tree(either(number(\"125\"; 2; 1; 0; 10; 1); number(\"ff\"; 0; 0; 0; 16; 0)))",
        "tree(quantity(unit(\"km\"; 2); count(\"apple\"; -1); negate(number(\"5\"))))",
        "tree(relation(\"02\"; date(20200229); time(3600); words(\"even\")))",
        "tree(matrix(2; number(\"1\"); symbol(\"x_{n+1}\")))",
        "tree(list(1; call(\"log\"; symbol(\"x\"); constant(0)); choice(1)))",
    };
    for (size_t i = 0; i < sizeof spelled / sizeof spelled[0]; i++) {
        assert_string_not_equal(printed(spelled[i]), "");
    }
}

/* A tree that breaks a rule of trees is none, and its text is what any other text is. */
static void what_spells_no_tree_is_read_as_any_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "tree(number(\"\"))",
        "tree(number(\"12\"; 3; 0; 0; 10; 1))",
        "tree(number(\"1f\"))",
        "tree(constant(5))",
        "tree(add(number(\"1\")))",
        "tree(add(number(\"1\"); words(\"even\")))",
        "tree(matrix(2; number(\"1\"); number(\"2\"); number(\"3\")))",
        "tree(relation(\"0\"; number(\"1\")))",
        "tree(relation(\"9\"; number(\"1\"); number(\"2\")))",
        "tree(call(\"sqrt\"; number(\"1\"); number(\"2\")))",
        "tree(call(\"none\"; number(\"1\")))",
        "tree(quantity(number(\"1\")))",
        "tree(quantity(unit(\"none\"; 1); number(\"1\")))",
        "tree(quantity(unit(\"USD\"; 1); unit(\"EUR\"; 1); number(\"1\")))",
        "tree(sum(number(\"1\"); number(\"1\"); number(\"2\"); number(\"3\")))",
        "tree(add(either(number(\"1\"); number(\"2\")); number(\"3\")))",
        "tree(either(number(\"1\"); number(\"1\")))",
        "tree(date(20201301))",
        "tree(number(\"1\")) + 1",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tj_arena arena;
        const tj_ex *ex = NULL;
        tj_arena_init(&arena, 0);
        if (tj_read(&ex, &arena, texts[i], strlen(texts[i]), NULL) == TJ_OK) {
            assert_int_equal(ex->kind, TJ_EX_TEXT);
        }
        tj_arena_deinit(&arena);
    }
    assert_string_equal(printed("tree (oak)"), "\"treeoak\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_tree_is_printed),
        cmocka_unit_test(what_spells_no_tree_is_read_as_any_text),
        cmocka_unit_test(open_texts_have_several_readings),
        cmocka_unit_test(surroundings_close_them),
        cmocka_unit_test(errors_name_the_byte),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(random_texts_that_are_read_read_back),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
