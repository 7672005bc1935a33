/* Folding: what differs in case, width, punctuation, articles or spaces becomes equal bytes, and
 * folding twice is folding once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "grade/words.h"

static tj_arena arena;

static const char *fold(const char *text)
{
    return tj_words_fold(&arena, text, strlen(text));
}

static void equal_words_fold_to_equal_bytes(void **state)
{
    (void)state;
    static const char *const same[][4] = {
        {"even", "Even", " EVEN. ", "the even"},
        {"no solution", "No solution!", "nosolution", "NO  SOLUTION"},
        {"x-axis", "X axis", "the x-axis", "xaxis"},
        {"Alice's", "alices", "ALICE’S", "Alice's."},
        {"ÉCOLE", "école", "École",
         "e\xCC\x81"
         "cole"},
        {"ｅｖｅｎ", "even", "Ｅven", "EVEN"},
        {"straße", "STRASSE", "strasse", "Strasse"},
        {"東京。", "東京", "東京、", " 東京 "},
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        for (size_t k = 1; k < 4; k++) {
            assert_string_equal(fold(same[i][0]), fold(same[i][k]));
        }
    }
    assert_string_equal(fold("an"), "an"); /* nothing else is there */
    assert_string_equal(fold("a b"), "b");
    assert_string_equal(fold("..."), "");
}

static void folding_twice_is_folding_once(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 3, 0, 0, 0);
    static const char *const pieces[] = {"a", "A", "an", "n",  "the", "T", "h", "e",
                                         " ", "s", "'",  ".",  ",",   "-", "!", "9",
                                         "é", "É", "ß",  "。", "ｘ",  "ﬁ"};
    for (size_t trial = 0; trial < 20000; trial++) {
        char text[64] = "";
        size_t len = 0, n = tj_rng_below(&rng, 12);
        for (size_t i = 0; i < n; i++) {
            const char *piece = pieces[tj_rng_below(&rng, sizeof pieces / sizeof pieces[0])];
            memcpy(text + len, piece, strlen(piece) + 1);
            len += strlen(piece);
        }
        tj_arena_clear(&arena);
        const char *once = tj_words_fold(&arena, text, len);
        assert_string_equal(fold(once), once);
    }
}

static void nouns_are_singular(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"apples", "apple"},    {"boxes", "box"},   {"children", "child"},
        {"people", "person"},   {"cities", "city"}, {"classes", "class"},
        {"glass", "glass"},     {"feet", "foot"},   {"right triangles", "righttriangle"},
        {"buses", "bus"},       {"wishes", "wish"}, {"matches", "match"},
        {"bus", "bus"},         {"axis", "axis"},   {"gas", "gas"},
        {"vertices", "vertex"}, {"ways", "way"},    {"dogs", "dog"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_string_equal(tj_words_fold_noun(&arena, pairs[i][0], strlen(pairs[i][0])),
                            pairs[i][1]);
    }
}

static void prose_is_told_from_products(void **state)
{
    (void)state;
    static const char *const prose[] = {"even", "odd",  "yes",  "no",   "east",   "Evelyn", "May",
                                        "Bob",  "none", "blue", "Dana", "circle", "don't",  "été"};
    static const char *const products[] = {"x",   "xy",  "ab", "abc", "abcd",
                                           "xyz", "nRT", "AB", "ABC"};
    for (size_t i = 0; i < sizeof prose / sizeof prose[0]; i++) {
        assert_true(tj_words_is_prose(prose[i], strlen(prose[i])));
    }
    for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
        assert_false(tj_words_is_prose(products[i], strlen(products[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_words_fold_to_equal_bytes),
        cmocka_unit_test(folding_twice_is_folding_once),
        cmocka_unit_test(nouns_are_singular),
        cmocka_unit_test(prose_is_told_from_products),
    };
    tj_arena_init(&arena, 0);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    tj_arena_deinit(&arena);
    return rc;
}
