#include "deciding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "grade/read.h"

static const char *const names[] = {"equal", "different", "undecided"};

static const tj_ex *tree_of(tj_arena *arena, const char *text)
{
    const tj_ex *ex;
    tj_err err;
    if (tj_read(&ex, arena, text, strlen(text), &err) != TJ_OK) {
        fail_msg("'%s' cannot be read: %s", text, err.msg);
    }
    return ex;
}

tj_verdict verdict_of_trees(tj_decider *decider, tj_arena *arena, const tj_ex *a, const tj_ex *b)
{
    tj_decision one, other;
    assert_int_equal(tj_decide(&one, decider, arena, a, b, NULL), TJ_OK);
    assert_int_equal(tj_decide(&other, decider, arena, b, a, NULL), TJ_OK);
    assert_int_equal(one.verdict, other.verdict);
    assert_string_equal(one.method, other.method);
    return one.verdict;
}

tj_decision decision_with(tj_grade_options options, const char *a, const char *b)
{
    static char reason[1024], witness[1024];
    tj_decider *decider;
    tj_arena arena;
    tj_decision out;
    assert_int_equal(tj_decider_create(&decider, &options, NULL), TJ_OK);
    tj_arena_init(&arena, 0);
    const tj_ex *x = tree_of(&arena, a), *y = tree_of(&arena, b);
    tj_verdict verdict = verdict_of_trees(decider, &arena, x, y);
    assert_int_equal(tj_decide(&out, decider, &arena, x, y, NULL), TJ_OK);
    assert_int_equal(out.verdict, verdict);
    assert_non_null(out.reason);
    assert_non_null(out.witness);
    assert_true(strlen(out.reason) < sizeof reason && strlen(out.witness) < sizeof witness);
    memcpy(reason, out.reason, strlen(out.reason) + 1);
    memcpy(witness, out.witness, strlen(out.witness) + 1);
    out.reason = reason;
    out.witness = witness;
    tj_arena_deinit(&arena);
    tj_decider_destroy(decider);
    return out;
}

tj_decision decision_of(const char *a, const char *b)
{
    return decision_with((tj_grade_options){.min_digits = 3}, a, b);
}

static void assert_texts(tj_verdict want, const char *const *texts)
{
    for (size_t i = 1; texts[i] != NULL; i++) {
        tj_decision got = decision_of(texts[0], texts[i]);
        if (got.verdict != want) {
            fail_msg("'%s' and '%s' are %s (%s: %s; %s), expected %s", texts[0], texts[i],
                     names[got.verdict], got.method, got.reason, got.witness, names[want]);
        }
    }
}

void assert_equal_texts(const char *const *texts)
{
    assert_texts(TJ_VERDICT_EQUAL, texts);
}

void assert_different_texts(const char *const *texts)
{
    assert_texts(TJ_VERDICT_DIFFERENT, texts);
}

void assert_undecided_texts(const char *const *texts)
{
    assert_texts(TJ_VERDICT_UNDECIDED, texts);
}

void assert_method(const char *method, const char *a, const char *b)
{
    tj_decision got = decision_of(a, b);
    if (strcmp(got.method, method) != 0) {
        fail_msg("'%s' and '%s' are %s by '%s', expected '%s'", a, b, names[got.verdict],
                 got.method, method);
    }
}

void assert_witness(const char *witness, const char *a, const char *b)
{
    tj_decision got = decision_of(a, b);
    assert_int_equal(got.verdict, TJ_VERDICT_DIFFERENT);
    assert_string_equal(got.witness, witness);
}
