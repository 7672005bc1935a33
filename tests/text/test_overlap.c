/* Texts that share text: random texts of few words, so that much is shared, against a search that
 * compares every run of words with every other; and what folding makes alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "text/text.h"

static tj_overlap *index_of(size_t n_words, const char *const *texts, size_t n)
{
    tj_overlap *o;
    assert_int_equal(tj_overlap_create(&o, n_words, NULL), TJ_OK);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(tj_overlap_add(o, texts[i], strlen(texts[i]), NULL), TJ_OK);
    }
    return o;
}

static tj_overlap_match find(tj_overlap *o, const char *text)
{
    tj_overlap_match m;
    assert_int_equal(tj_overlap_find(o, &m, text, strlen(text), NULL), TJ_OK);
    return m;
}

static bool are_same(const char *a, const char *b)
{
    tj_overlap *o = index_of(8, &a, 1);
    tj_overlap_match m = find(o, b);
    tj_overlap_destroy(o);
    return m.item == 0 && m.is_same;
}

/* ------------------------------------------------------------------ against a plain search */

enum { MAX_TEXT = 14, N_ITEMS = 25 };

typedef struct plain {
    int words[MAX_TEXT];
    size_t n;
} plain;

static void draw(plain *p, char *text, uint64_t key)
{
    tj_rng rng;
    tj_rng_init(&rng, 3, key, 0, 0);
    p->n = tj_rng_below(&rng, MAX_TEXT + 1);
    text[0] = '\0';
    for (size_t i = 0; i < p->n; i++) {
        p->words[i] = (int)tj_rng_below(&rng, 3);
        (void)snprintf(text + strlen(text), 8, "%sw%d", i == 0 ? "" : " ", p->words[i]);
    }
}

static bool run_at(const plain *a, size_t at, const plain *b, size_t from, size_t n)
{
    return at + n <= a->n && from + n <= b->n &&
           memcmp(a->words + at, b->words + from, n * sizeof a->words[0]) == 0;
}

/* Distinct runs of a's that stand in b. */
static size_t count_shared(const plain *a, const plain *b, size_t n, size_t *first)
{
    size_t shared = 0;
    *first = SIZE_MAX;
    for (size_t at = 0; at + n <= a->n; at++) {
        bool new = true;
        bool there = false;
        for (size_t k = 0; k < at; k++) {
            new = new && !run_at(a, at, a, k, n);
        }
        for (size_t from = 0; from + n <= b->n; from++) {
            there = there || run_at(a, at, b, from, n);
        }
        shared += new &&there ? 1 : 0;
        *first = there && *first == SIZE_MAX ? at : *first;
    }
    return shared;
}

static void a_plain_search_finds_the_same(void **state)
{
    (void)state;
    size_t n_found = 0;
    for (uint64_t round = 0; round < 200; round++) {
        plain items[N_ITEMS];
        plain asked;
        char texts[N_ITEMS][64];
        const char *pointers[N_ITEMS];
        char text[64];
        size_t n = 1 + round % 5;
        for (size_t i = 0; i < N_ITEMS; i++) {
            draw(&items[i], texts[i], round * 100 + i);
            pointers[i] = texts[i];
        }
        draw(&asked, text, round * 100 + 99);
        tj_overlap *o = index_of(n, pointers, N_ITEMS);
        tj_overlap_match m = find(o, text);
        tj_overlap_match want = {.item = SIZE_MAX};
        size_t want_first = SIZE_MAX;
        for (size_t i = 0; i < N_ITEMS; i++) {
            size_t first;
            size_t shared = count_shared(&asked, &items[i], n, &first);
            bool same =
                asked.n > 0 && asked.n == items[i].n && run_at(&asked, 0, &items[i], 0, asked.n);
            size_t own = count_shared(&items[i], &items[i], n, &(size_t){0});
            bool whole =
                same || (own > 0 && count_shared(&items[i], &asked, n, &(size_t){0}) == own);
            int better = (same + whole) - (want.is_same + want.is_whole);
            want.n_items += shared > 0 || same ? 1 : 0;
            if ((shared > 0 || same) &&
                (want.item == SIZE_MAX || better > 0 || (better == 0 && shared > want.n_shared))) {
                want.item = i;
                want.is_same = same;
                want.is_whole = whole;
                want.n_shared = shared;
                want_first = first;
            }
        }
        assert_int_equal(m.item, want.item);
        assert_int_equal(m.is_same, want.is_same);
        assert_int_equal(m.is_whole, want.is_whole);
        assert_int_equal(m.n_shared, want.n_shared);
        assert_int_equal(m.n_items, want.n_items);
        if (want_first != SIZE_MAX) {
            assert_int_equal(m.begin, 3 * want_first); /* words of two bytes and a space */
            assert_int_equal(m.end, 3 * (want_first + n) - 1);
        }
        n_found += m.item != SIZE_MAX ? 1 : 0;
        assert_true(find(o, text).n_shared == m.n_shared); /* asking changes nothing */
        tj_overlap_destroy(o);
    }
    assert_true(n_found > 50 && n_found < 200);
}

/* ------------------------------------------------------------------ folding */

static void case_layout_and_width_do_not_count(void **state)
{
    (void)state;
    assert_true(are_same("What is $2x^{2}+3$?", "what is  2x^2 + 3"));
    assert_true(are_same("It costs $\\$1.24$.", "it costs $1.24"));
    assert_true(are_same("\xEF\xBC\x91\xEF\xBC\x92 \xEF\xBC\xA1", "12 a")); /* full width */
    assert_true(are_same("caf\xC3\xA9", "CAFE\xCC\x81"));                   /* a mark apart */
    assert_true(are_same("x \xE2\x88\x92 1", "x-1"));                       /* the minus sign */
    assert_true(are_same("\xE3\x81\x8C", "\xE3\x81\x8B\xE3\x82\x99")); /* a kana with its mark */
}

static void signs_and_points_do(void **state)
{
    (void)state;
    assert_false(are_same("What is 2+3?", "What is 2-3?"));
    assert_false(are_same("What is 2+3?", "What is 23?"));
    assert_false(are_same("It costs 1.24", "It costs 124"));
    assert_false(are_same("f(3,5)", "f(35)"));
    assert_false(are_same("", ""));
    assert_false(are_same("?!", "()")); /* no word is no text to be the same as */
}

static void a_short_text_can_only_be_the_same(void **state)
{
    (void)state;
    const char *long_one = "one two three four five six seven eight nine ten";
    tj_overlap *o = index_of(8, &long_one, 1);
    assert_int_equal(find(o, "one two three").item, SIZE_MAX);
    assert_int_equal(find(o, "one two three four five six seven").item, SIZE_MAX);
    tj_overlap_match m = find(o, "and: ONE, two, three, four, five, six, seven, eight!");
    assert_int_equal(m.item, 0);
    assert_int_equal(m.n_shared, 1);
    assert_int_equal(m.begin, 5);
    tj_overlap_destroy(o);
    const char *short_one = "one two";
    o = index_of(8, &short_one, 1);
    m = find(o, " One two. ");
    assert_true(m.is_same && m.n_shared == 0 && m.n_runs == 0);
    assert_int_equal(m.begin, 1);
    assert_int_equal(m.end, 8);
    tj_overlap_destroy(o);
}

static void kana_and_ideographs_are_words(void **state)
{
    (void)state;
    const char *item = "\xE5\xBD\xBC\xE5\xA5\xB3\xE3\x81\xAF\xE6\xAF\x8E\xE6\x97\xA5";
    tj_overlap *o = index_of(3, &item, 1);
    tj_overlap_match m = find(o, "\xE5\xA5\xB3\xE3\x81\xAF\xE6\xAF\x8E\xE6\x9C\x9D");
    assert_int_equal(m.item, 0);
    assert_int_equal(m.n_shared, 1);
    assert_int_equal(m.n_runs, 2);
    tj_overlap_destroy(o);
}

static void hits_are_counted_once(void **state)
{
    (void)state;
    const char *const texts[] = {"a b c", "c d e", "f", "x y"};
    tj_overlap *o = index_of(2, texts, 4);
    (void)find(o, "a b c");
    (void)find(o, "A b c d");
    (void)find(o, "f");
    tj_overlap_counts hits = tj_overlap_hits(o);
    assert_int_equal(hits.n_same, 2);
    assert_int_equal(hits.n_whole, 2); /* "a b c d" holds the first whole, not "c d e" */
    assert_int_equal(hits.n_shared, 3);
    tj_overlap_destroy(o);
}

static void memory_that_fails_is_an_error(void **state)
{
    (void)state;
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_overlap *o = NULL;
        tj_overlap_match m;
        assert_true(k < 100);
        tj_alloc_fail_after(k);
        rc = tj_overlap_create(&o, 2, NULL);
        for (size_t i = 0; rc == TJ_OK && i < 3; i++) {
            rc = tj_overlap_add(o, "a b c d", 7, NULL);
        }
        if (rc == TJ_OK) {
            rc = tj_overlap_find(o, &m, "x a b c y", 9, NULL);
        }
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        tj_overlap_destroy(o);
    }
    tj_overlap *o;
    assert_int_equal(tj_overlap_create(&o, 0, NULL), TJ_E_INVAL);
    assert_int_equal(tj_overlap_create(&o, TJ_OVERLAP_MAX_WORDS + 1, NULL), TJ_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_plain_search_finds_the_same),
                                       cmocka_unit_test(case_layout_and_width_do_not_count),
                                       cmocka_unit_test(signs_and_points_do),
                                       cmocka_unit_test(a_short_text_can_only_be_the_same),
                                       cmocka_unit_test(kana_and_ideographs_are_words),
                                       cmocka_unit_test(hits_are_counted_once),
                                       cmocka_unit_test(memory_that_fails_is_an_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
