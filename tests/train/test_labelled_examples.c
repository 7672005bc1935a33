/* Labelled trees as sequences: every label once, at the last token of its step; what a tree shares
 * is computed once; an update has whole trees; what is too long is cut before a step. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "train/train.h"

typedef struct fixture {
    tj_tokenizer *tok;
    tj_labelled set;
    tj_prm_form form;
    tj_example_format format;
} fixture;

static tj_str str(const char *s)
{
    return (tj_str){s, strlen(s)};
}

static size_t add(fixture *f, size_t parent, const char *text, double target)
{
    size_t step;
    assert_int_equal(tj_labelled_add(&f->set, &step, parent, str(text), target, NULL), TJ_OK);
    return step;
}

/* P: a(1) - { b(0), c(0.25) - d(none) }, e(0);   Q: f(1) */
static void open_fixture(fixture *f)
{
    size_t len;
    const char *json = tj_countdown_tokenizer_json(&len);
    memset(f, 0, sizeof *f);
    assert_int_equal(tj_tokenizer_parse(&f->tok, json, len, "countdown", NULL), TJ_OK);
    assert_int_equal(tj_labelled_begin(&f->set, str("P"), (tj_str){NULL, 0}, 1, NULL), TJ_OK);
    size_t a = add(f, SIZE_MAX, "a is one", 1.0);
    add(f, a, "b", 0.0);
    size_t c = add(f, a, "c", 0.25);
    add(f, c, "d", (double)NAN);
    add(f, SIZE_MAX, "e", 0.0);
    tj_labelled_end(&f->set);
    assert_int_equal(tj_labelled_begin(&f->set, str("Q"), (tj_str){NULL, 0}, 2, NULL), TJ_OK);
    add(f, SIZE_MAX, "f", 1.0);
    tj_labelled_end(&f->set);
    tj_prm_form_default(&f->form);
    f->form.begin = tj_tokenizer_find(f->tok, "<eos>");
    f->format = (tj_example_format){.tok = f->tok, .begin = f->form.begin, .max_tokens = 64};
}

static void close_fixture(fixture *f)
{
    tj_labelled_deinit(&f->set);
    tj_tokenizer_destroy(f->tok);
}

static void every_label_stands_once_where_its_step_ends(void **state)
{
    static const float want[] = {1.0F, 0.0F, 0.25F, 0.0F, 1.0F};
    fixture f;
    tj_examples e;
    size_t n_cut;
    (void)state;
    open_fixture(&f);
    assert_int_equal(tj_examples_from_labelled(&e, &n_cut, &f.set, &f.form, &f.format, NULL),
                     TJ_OK);
    assert_int_equal(e.kind, TJ_EXAMPLE_STEPS);
    assert_int_equal(e.n, 4); /* P a b, P a c, P e, Q f */
    assert_int_equal(e.n_labels, 5);
    assert_int_equal(n_cut, 0);
    for (size_t i = 0; i < e.n; i++) {
        const tj_example *x = &e.examples[i];
        for (size_t l = x->first_label; l < x->first_label + x->n_labels; l++) {
            int32_t last = e.ids[x->begin + e.labels[l].at];
            size_t n;
            const char *bytes = tj_tokenizer_bytes(f.tok, last, &n);
            assert_true(bytes[n - 1] == '\n'); /* the separator's last token */
            assert_true(e.labels[l].label == want[l]);
        }
    }
    assert_int_equal(e.examples[1].n_labels, 1); /* a's label is in the first sequence */
    tj_examples_deinit(&e);
    close_fixture(&f);
}

static void an_update_has_whole_trees_whose_beginnings_are_shared(void **state)
{
    fixture f;
    tj_examples e;
    size_t n_cut;
    tj_example_source source;
    tj_batch *batch;
    tj_forest *forest;
    tj_rows rows = {0};
    (void)state;
    open_fixture(&f);
    assert_int_equal(tj_examples_from_labelled(&e, &n_cut, &f.set, &f.form, &f.format, NULL),
                     TJ_OK);
    assert_int_equal(tj_examples_n_lines(&e), 2);
    assert_int_equal(tj_example_source_init(&source, &e, 1, 1, NULL), TJ_OK);
    assert_int_equal(tj_example_source_updates(&source), 2);
    assert_int_equal(tj_batch_create(&batch, NULL), TJ_OK);
    assert_int_equal(tj_forest_create(&forest, NULL), TJ_OK);
    size_t n_sequences = 0;
    for (size_t u = 0; u < 2; u++) {
        tj_batch_clear(batch);
        tj_forest_clear(forest);
        assert_int_equal(tj_example_source_fill(&source, u, batch, NULL), TJ_OK);
        size_t n = tj_batch_n_sequences(batch);
        assert_true(n == 3 || n == 1);
        n_sequences += n;
        assert_int_equal(tj_batch_to_forest(batch, 0, n, true, forest, &rows, NULL), TJ_OK);
        assert_int_equal(rows.n_values, n == 3 ? 4 : 1);
        assert_true(n == 1 || tj_forest_n_tokens(forest) < tj_batch_n_tokens(batch));
    }
    assert_int_equal(n_sequences, 4);
    tj_rows_deinit(&rows);
    tj_forest_destroy(forest);
    tj_batch_destroy(batch);
    tj_example_source_deinit(&source);
    tj_examples_deinit(&e);
    close_fixture(&f);
}

static void what_is_too_long_ends_before_the_step(void **state)
{
    fixture f;
    tj_examples all;
    tj_examples some;
    size_t n_cut;
    tj_err err = {.code = TJ_OK};
    (void)state;
    open_fixture(&f);
    assert_int_equal(tj_examples_from_labelled(&all, &n_cut, &f.set, &f.form, &f.format, NULL),
                     TJ_OK);
    f.format.max_tokens = all.examples[0].n - 1; /* of P a b, as of P a c */
    assert_int_equal(tj_examples_from_labelled(&some, &n_cut, &f.set, &f.form, &f.format, NULL),
                     TJ_OK);
    assert_int_equal(n_cut, 2);
    assert_int_equal(some.n_labels, 3);
    assert_int_equal(some.n, 3); /* P a, P e, Q f: none without a label */
    f.format.max_tokens = 2;
    tj_examples_deinit(&some);
    assert_int_equal(tj_examples_from_labelled(&some, &n_cut, &f.set, &f.form, &f.format, &err),
                     TJ_E_INVAL);
    assert_null(some.ids);
    tj_examples_deinit(&all);
    close_fixture(&f);
}

static void digests_tell_targets_apart(void **state)
{
    fixture f;
    tj_examples a;
    tj_examples b;
    size_t n_cut;
    (void)state;
    open_fixture(&f);
    assert_int_equal(tj_examples_from_labelled(&a, &n_cut, &f.set, &f.form, &f.format, NULL),
                     TJ_OK);
    f.set.trees[0].steps[1].target = 1.0;
    assert_int_equal(tj_examples_from_labelled(&b, &n_cut, &f.set, &f.form, &f.format, NULL),
                     TJ_OK);
    assert_string_not_equal(a.digest, b.digest);
    tj_examples_deinit(&a);
    tj_examples_deinit(&b);
    close_fixture(&f);
}

static void failing_allocations_lose_nothing(void **state)
{
    fixture f;
    (void)state;
    open_fixture(&f);
    for (size_t k = 0;; k++) {
        tj_examples e;
        size_t n_cut;
        tj_alloc_fail_after(k);
        tj_code rc = tj_examples_from_labelled(&e, &n_cut, &f.set, &f.form, &f.format, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        tj_examples_deinit(&e);
        if (rc == TJ_OK) {
            break;
        }
    }
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_label_stands_once_where_its_step_ends),
        cmocka_unit_test(an_update_has_whole_trees_whose_beginnings_are_shared),
        cmocka_unit_test(what_is_too_long_ends_before_the_step),
        cmocka_unit_test(digests_tell_targets_apart),
        cmocka_unit_test(failing_allocations_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
