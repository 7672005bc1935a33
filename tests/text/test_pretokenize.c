/* Pieces of a text: what is kept of matches and gaps, empty matches, stages after one another, and
 * patterns that would take for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "text/pretokenize.h"

typedef struct stage {
    const char *pattern;
    bool literal, keep_matches, keep_gaps;
} stage;

static tj_code add_piece(void *ctx, const char *piece, size_t len, tj_err *err)
{
    tj_buf *out = ctx;
    assert_true(len > 0);
    tj_buf_add(out, piece, len);
    tj_buf_char(out, '|');
    return tj_buf_check(out, err);
}

static tj_code cut(tj_buf *out, const stage *stages, size_t n_stages, const char *text, tj_err *err)
{
    tj_pretokenizer pre = {.n_stages = 0};
    tj_matcher *matcher = NULL;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n_stages && rc == TJ_OK; i++) {
        tj_pattern *pattern;
        rc = tj_pattern_create(&pattern, stages[i].pattern, strlen(stages[i].pattern),
                               stages[i].literal, err);
        if (rc == TJ_OK) {
            rc = tj_pretokenizer_add(&pre, pattern, stages[i].keep_matches, stages[i].keep_gaps,
                                     err);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_pretokenize(&pre, &matcher, text, strlen(text), add_piece, out, err);
    }
    tj_pretokenizer_deinit(&pre);
    tj_matcher_destroy(matcher);
    return rc;
}

static void expect(const stage *stages, size_t n_stages, const char *text, const char *pieces)
{
    tj_buf out;
    tj_err err = {.msg = ""};
    tj_buf_init(&out);
    if (cut(&out, stages, n_stages, text, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(tj_buf_text(&out), pieces);
    tj_buf_deinit(&out);
}

static void expect_one(stage s, const char *text, const char *pieces)
{
    expect(&s, 1, text, pieces);
}

static void matches_and_gaps_are_kept_as_asked(void **state)
{
    (void)state;
    static const char text[] = "--the-final--countdown-";
    expect_one((stage){"-", false, true, true}, text, "-|-|the|-|final|-|-|countdown|-|");
    expect_one((stage){"-", true, false, true}, text, "the|final|countdown|");
    expect_one((stage){"-+", false, true, false}, text, "--|-|--|-|");
    expect_one((stage){"x", false, true, true}, text, "--the-final--countdown-|");
    expect_one((stage){"x", false, true, false}, text, "");
    expect(NULL, 0, text, "--the-final--countdown-|");
    expect(NULL, 0, "", "");
}

static void literal_patterns_are_not_expressions(void **state)
{
    (void)state;
    expect_one((stage){".*", true, true, true}, "a.*b", "a|.*|b|");
    expect_one((stage){"(", true, false, true}, "a(b", "a|b|");
}

static void empty_matches_cut_and_move_on(void **state)
{
    (void)state;
    expect_one((stage){"", false, true, true}, "aé旅😀", "a|é|旅|😀|");
    expect_one((stage){"x*", false, true, true}, "axxb", "a|xx|b|");
    expect_one((stage){"(?=b)", false, true, true}, "abab", "a|ba|b|");
    expect_one((stage){"$", false, true, true}, "a\nb", "a|\nb|"); /* at the end of each line */
}

static void later_stages_cut_pieces_of_earlier_ones(void **state)
{
    (void)state;
    static const stage stages[] = {{"\\s+", false, false, true}, {"\\d", false, true, true}};
    expect(stages, 2, "ab12 3c", "ab|1|2|3|c|");
    /* A stage sees nothing but its piece: no look behind it. */
    static const stage blind[] = {{" ", false, true, true}, {"(?<= )b", false, true, true}};
    expect(blind, 2, "a bb", "a| |bb|");
}

static void unicode_classes_are_unicode(void **state)
{
    (void)state;
    expect_one((stage){"\\s", false, false, true}, "a\u00a0b\u2003c\u3000d", "a|b|c|d|");
    expect_one((stage){"\\p{L}+", false, true, false}, "Été 旅路 ok1", "Été|旅路|ok|");
    expect_one((stage){"(?i:'S)", false, true, false}, "it's", "'s|");
}

static void hostile_patterns_end_with_a_limit(void **state)
{
    (void)state;
    char text[64];
    memset(text, 'a', sizeof text - 2);
    text[sizeof text - 2] = 'b';
    text[sizeof text - 1] = '\0';
    static const char *const patterns[] = {"^(a+)+$", "(a|aa)+$", "(a*)*c", "(?:a?){60}a{60}c"};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        tj_buf out;
        tj_buf_init(&out);
        const stage s = {patterns[i], false, true, true};
        tj_code rc = cut(&out, &s, 1, text, NULL);
        assert_true(rc == TJ_E_LIMIT || rc == TJ_OK); /* some are seen through at once */
        assert_int_equal(rc, i == 0 ? TJ_E_LIMIT : rc);
        tj_buf_deinit(&out);
    }
}

static void wrong_patterns_say_where(void **state)
{
    (void)state;
    static const char *const wrong[] = {"(",    "a{2", "[z-a]",         "\\p{Nope}",
                                        "\xff", "\\C", "(?<n>a)(?<n>b)"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tj_pattern *pattern;
        tj_err err = {.msg = ""};
        tj_code rc = tj_pattern_create(&pattern, wrong[i], strlen(wrong[i]), false, &err);
        if (rc == TJ_OK) {
            tj_pattern_destroy(pattern); /* "a{2" is literal in some versions */
            assert_string_equal(wrong[i], "a{2");
            continue;
        }
        assert_int_equal(rc, TJ_E_PARSE);
        assert_null(pattern);
        assert_non_null(strstr(err.msg, "byte"));
    }
    char *large = tj_malloc(TJ_MAX_PATTERN_BYTES + 1);
    assert_non_null(large);
    memset(large, 'a', TJ_MAX_PATTERN_BYTES + 1);
    tj_pattern *pattern;
    assert_int_equal(tj_pattern_create(&pattern, large, TJ_MAX_PATTERN_BYTES + 1, false, NULL),
                     TJ_E_LIMIT);
    tj_free(large);
    assert_int_not_equal(tj_pattern_create(&pattern, "((a{999}){999}){999}", 20, false, NULL),
                         TJ_OK);
}

static void failing_allocations_are_told(void **state)
{
    (void)state;
    static const stage stages[] = {{"\\s+", false, false, true}, {"\\d", false, true, true}};
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_buf out;
        tj_buf_init(&out);
        tj_alloc_fail_after(k);
        rc = cut(&out, stages, 2, "ab12 3c", NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        tj_buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_and_gaps_are_kept_as_asked),
        cmocka_unit_test(literal_patterns_are_not_expressions),
        cmocka_unit_test(empty_matches_cut_and_move_on),
        cmocka_unit_test(later_stages_cut_pieces_of_earlier_ones),
        cmocka_unit_test(unicode_classes_are_unicode),
        cmocka_unit_test(hostile_patterns_end_with_a_limit),
        cmocka_unit_test(wrong_patterns_say_where),
        cmocka_unit_test(failing_allocations_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
