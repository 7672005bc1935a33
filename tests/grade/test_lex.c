/* Tokens: what LaTeX, Unicode and full-width spellings share; every command that is known by name;
 * spans that lie in the text in order; braces that match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "grade/expr.h"
#include "grade/lex.h"
#include "grade/lex_tables.h"

static tj_arena arena;

static tj_lexed lex(const char *text)
{
    tj_lexed out;
    tj_err err = {.msg = ""};
    if (tj_lex(&out, &arena, text, strlen(text), &err) != TJ_OK) {
        fail_msg("'%s': %s", text, err.msg);
    }
    return out;
}

static void assert_same_tokens(const char *a, const char *b)
{
    tj_lexed left = lex(a), right = lex(b);
    if (left.n_tokens != right.n_tokens) {
        fail_msg("'%s' and '%s' have %zu and %zu tokens", a, b, left.n_tokens, right.n_tokens);
    }
    for (size_t i = 0; i < left.n_tokens; i++) {
        const tj_token *x = &left.tokens[i], *y = &right.tokens[i];
        bool same = x->kind == y->kind && x->id == y->id && x->n_text == y->n_text &&
                    (x->n_text == 0 || memcmp(x->text, y->text, x->n_text) == 0);
        if (!same) {
            fail_msg("token %zu of '%s' and '%s' differ", i, a, b);
        }
    }
}

static void spellings_give_the_same_tokens(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"１２３", "123"},
        {"（ｘ＋１）", "(x+1)"},
        {"x²", "x^{2}"},
        {"x₁₂", "x_{12}"},
        {"x⁻¹", "x^{-1}"},
        {"−5", "-5"},
        {"–5", "-5"},
        {"x≤5", "x\\le5"},
        {"x ≥ 5", "x \\geq 5"},
        {"π", "\\pi"},
        {"∞", "\\infty"},
        {"√2", "\\sqrt2"},
        {"a·b", "a\\cdot b"},
        {"a×b", "a\\times b"},
        {"A∪B", "A\\cup B"},
        {"α", "\\alpha"},
        {"x∈ℝ", "x\\in\\mathbb{R}"},
        {"ℤ", "\\mathbb Z"},
        {"\\left(x\\right)", "(x)"},
        {"\\dfrac12", "\\frac12"},
        {"x\\,y", "x y"},
        {"\\mathbf{x}", "x"},
        {"$x$", "x"},
        {"\\(x\\)", "x"},
        {"**x**", "x"},
        {"三百", "300"},
        {"百二十三万", "1230000"},
        {"𝑥", "x"},
        {"𝟏𝟐", "12"},
        {"⟨1⟩", "\\langle1\\rangle"},
        {"\\boxed{x}", "x"},
        {"x\xE2\x81\xA2y", "x\xE2\x80\x8By"},
        {"、", ", "},
        {"5％", "5\\%"},
        {"x\\leqslant y", "x \\le y"},
        {"\\lbrace\\rbrace", "\\{\\}"},
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_same_tokens(same[i][0], same[i][1]);
    }
}

static void commands_are_found_by_name(void **state)
{
    (void)state;
    /* The first, the last and some between: the search relies on the table's order. */
    static const char *const names[] = {
        " ",     "!",      ",",     "\\",   "Bbb",  "Big",   "Gamma", "alpha",  "begin", "binom",
        "cdot",  "cfrac",  "dfrac", "frac", "in",   "infty", "int",   "langle", "le",    "left",
        "leq",   "mathbb", "pi",    "pm",   "quad", "sin",   "sinh",  "sqrt",   "text",  "textbf",
        "times", "to",     "vee",   "xi",   "zeta", "{",     "|",     "}"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const tj_lex_entry *entry = tj_lex_command(names[i], strlen(names[i]));
        assert_non_null(entry);
        assert_string_equal(entry->name, names[i]);
    }
    assert_null(tj_lex_command("fra", 3));
    assert_null(tj_lex_command("fracx", 5));
    assert_null(tj_lex_command("", 0));
    for (uint32_t c = 0x80; c < 0x30000; c++) { /* the characters' table too is searched by order */
        const tj_lex_entry *entry = tj_lex_character(c);
        assert_true(entry == NULL || entry->act == TJ_LEX_TOKEN);
    }
    assert_non_null(tj_lex_character(0xA3));
    assert_non_null(tj_lex_character(0x3C0));
    assert_non_null(tj_lex_character(0x221E));
    assert_non_null(tj_lex_character(0x3009));
}

static void words_of_text_are_marked(void **state)
{
    (void)state;
    tj_lexed out = lex("5\\text{ cm}x");
    assert_int_equal(out.n_tokens, 3);
    assert_int_equal(out.tokens[0].flags & TJ_TOK_IN_TEXT, 0);
    assert_int_equal(out.tokens[1].flags & TJ_TOK_IN_TEXT, TJ_TOK_IN_TEXT);
    assert_int_equal(out.tokens[2].flags & TJ_TOK_IN_TEXT, 0);
    out = lex("the answer is $x$ cm");
    assert_int_equal(out.tokens[0].flags & TJ_TOK_IN_TEXT, TJ_TOK_IN_TEXT);
    assert_int_equal(out.tokens[3].flags & TJ_TOK_IN_TEXT, 0);
    assert_int_equal(out.tokens[4].flags & TJ_TOK_IN_TEXT, TJ_TOK_IN_TEXT);
    out = lex("x cm"); /* nothing tells */
    assert_int_equal(out.tokens[1].flags & TJ_TOK_IN_TEXT, 0);
    assert_int_equal(out.tokens[1].flags & TJ_TOK_SPACED, TJ_TOK_SPACED);
}

static void dollars_are_marks_or_money(void **state)
{
    (void)state;
    assert_int_equal(lex("$5").tokens[0].kind, TJ_TOK_MONEY);
    assert_int_equal(lex("$5$").tokens[0].kind, TJ_TOK_DIGIT);
    assert_int_equal(lex("\\$5").tokens[0].kind, TJ_TOK_MONEY);
    assert_int_equal(lex("$\\$5$").tokens[0].kind, TJ_TOK_MONEY);
    assert_int_equal(lex("$5 and $10").tokens[0].kind, TJ_TOK_MONEY);
    assert_int_equal(lex("$5$ and $10$").tokens[0].kind, TJ_TOK_DIGIT);
    assert_int_equal(lex("$$x$$").tokens[0].kind, TJ_TOK_WORD);
}

static void random_bytes_give_spans_in_order_or_an_error(void **state)
{
    (void)state;
    static const char alphabet[] = "\\{}$frac12x^_ ,.()|\"'!%&\n\xE2\x88\x9E\xEF\xBC\x91\xC2\xB2";
    tj_rng rng;
    tj_rng_init(&rng, 11, 0, 0, 0);
    size_t n_read = 0;
    for (size_t trial = 0; trial < 30000; trial++) {
        char text[24];
        size_t n = tj_rng_below(&rng, sizeof text);
        for (size_t i = 0; i < n; i++) {
            text[i] = alphabet[tj_rng_below(&rng, sizeof alphabet - 1)];
        }
        tj_arena_clear(&arena);
        tj_lexed out;
        if (tj_lex(&out, &arena, text, n, NULL) != TJ_OK) {
            continue;
        }
        n_read++;
        size_t depth = 0, last = 0;
        for (size_t i = 0; i < out.n_tokens; i++) {
            const tj_token *token = &out.tokens[i];
            assert_true(token->begin <= token->end && token->end <= n && last <= token->begin);
            last = token->begin;
            depth += token->kind == TJ_TOK_LBRACE;
            assert_true(token->kind != TJ_TOK_RBRACE || depth > 0);
            depth -= token->kind == TJ_TOK_RBRACE;
        }
        assert_int_equal(depth, 0);
        assert_int_equal(out.tokens[out.n_tokens].kind, TJ_TOK_END);
    }
    assert_true(n_read > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_give_the_same_tokens),
        cmocka_unit_test(commands_are_found_by_name),
        cmocka_unit_test(words_of_text_are_marked),
        cmocka_unit_test(dollars_are_marks_or_money),
        cmocka_unit_test(random_bytes_give_spans_in_order_or_an_error),
    };
    tj_arena_init(&arena, 0);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    tj_arena_deinit(&arena);
    return rc;
}
