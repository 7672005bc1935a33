/* Journeys arrive: over many scripted trees every long thought is judged correct by the task's own
 * walk, ends like its shortcut, and keeps the rules of the walk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/script_policy.h"
#include "thought/connectives.h"
#include "thought/thought.h"

typedef struct sums {
    const script *s;
    tj_derive_config cfg;
    size_t n, n_backtracks, n_skipped;
} sums;

static void check_spans(const script *s, const tj_thought *t)
{
    size_t byte = 0;
    size_t id = 0;
    for (size_t i = 0; i < t->n_spans; i++) {
        const tj_span *p = &t->spans[i];
        tj_buf text;
        tj_buf_init(&text);
        assert_int_equal(p->begin, byte);
        assert_int_equal(p->ids_begin, id);
        tj_tokenizer_decode(s->tok, &text, t->ids + p->ids_begin, p->ids_end - p->ids_begin, false);
        assert_int_equal(text.len, p->end - p->begin);
        assert_memory_equal(text.data, t->text + p->begin, text.len);
        tj_buf_deinit(&text);
        byte = p->end;
        id = p->ids_end;
    }
    assert_int_equal(byte, t->n_text);
    assert_int_equal(id + 1, t->n_ids);
    assert_int_equal(t->ids[id], s->eos);
}

static void check_correct(const script *s, const tj_tree *tree, const tj_thought *t)
{
    tj_walk walk;
    assert_int_equal(s->task.walk(s->task.ctx, &walk, &tree->first, t->text, t->n_text, NULL),
                     TJ_OK);
    if (!walk.correct) {
        print_message("%s", t->text);
    }
    assert_true(walk.correct);
    tj_walk_deinit(&walk);
}

/* The text of the spans on the path. */
static void path_text(const tj_thought *t, char *out, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < t->n_spans; i++) {
        size_t len = t->spans[i].end - t->spans[i].begin;
        if (t->spans[i].on_path && used + len < n) {
            memcpy(out + used, t->text + t->spans[i].begin, len);
            used += len;
        }
    }
    out[used] = 0;
}

static tj_code derive_both(void *ctx, tj_tree *tree, tj_err *err)
{
    sums *u = ctx;
    const script *s = u->s;
    tj_thought a;
    tj_thought b;
    tj_thought again;
    tj_rng rng;
    tj_rng same;
    char of_journey[2048];
    tj_code rc = tj_derive_shortcut(&a, tree, &s->task, s->tok, s->eos, err);
    if (rc == TJ_E_NOTFOUND) {
        assert_false(tj_tree_leads_to_correct(tree, 0));
        u->n_skipped++;
        return TJ_OK;
    }
    assert_int_equal(rc, TJ_OK);
    tj_rng_init(&rng, 3, 0, (uint64_t)tree->problem, 0);
    same = rng;
    assert_int_equal(tj_derive_journey(&b, tree, &s->task, s->tok, s->eos, &u->cfg, &rng, err),
                     TJ_OK);
    assert_int_equal(tj_derive_journey(&again, tree, &s->task, s->tok, s->eos, &u->cfg, &same, err),
                     TJ_OK);
    assert_string_equal(b.text, again.text);
    check_spans(s, &a);
    check_spans(s, &b);
    check_correct(s, tree, &a);
    check_correct(s, tree, &b);
    assert_int_equal(a.n_backtracks, 0);
    if (!u->cfg.back_to_root) {
        path_text(&b, of_journey, sizeof of_journey);
        assert_string_equal(a.text, of_journey);
    }
    if (b.n_backtracks == 0) {
        assert_string_equal(a.text, b.text);
    }
    u->n++;
    u->n_backtracks += b.n_backtracks;
    tj_thought_deinit(&a);
    tj_thought_deinit(&b);
    tj_thought_deinit(&again);
    return TJ_OK;
}

static sums run(tj_walk_order order, bool to_root, size_t max_trials)
{
    static tj_grow_item items[150];
    script s;
    tj_grow_config grow;
    sums u = {.s = &s};
    script_open(&s, 0.15);
    script_items(&s, items, 150, 11);
    tj_grow_config_default(&grow);
    grow.depth = 3;
    tj_derive_config_default(&u.cfg);
    u.cfg.order = order;
    u.cfg.back_to_root = to_root;
    u.cfg.max_trials = max_trials;
    tj_policy policy = {script_sample, &s};
    assert_int_equal(tj_tree_grow_by(&policy, &s.task, items, 150, &grow, 5, 1, script_prompt,
                                     derive_both, &u, NULL, NULL),
                     TJ_OK);
    assert_true(u.n > 20);
    script_close(&s);
    return u;
}

static void journeys_arrive(void **state)
{
    (void)state;
    sums sampled = run(TJ_ORDER_SAMPLED, false, 2);
    assert_true(sampled.n_backtracks > 0);
    run(TJ_ORDER_SAMPLED, true, 2);
}

static void the_papers_order_errs_more(void **state)
{
    (void)state;
    assert_true(run(TJ_ORDER_PAPER, false, 2).n_backtracks >
                run(TJ_ORDER_SAMPLED, false, 2).n_backtracks);
}

static void no_trials_no_backtracks(void **state)
{
    (void)state;
    assert_int_equal(run(TJ_ORDER_SAMPLED, false, 0).n_backtracks, 0);
}

static void connectives_are_whole_words_and_never_the_same_twice(void **state)
{
    (void)state;
    script s;
    tj_rng rng;
    const char *last = NULL;
    script_open(&s, 0.0);
    for (size_t i = 0; tj_connective_nth("en", i) != NULL; i++) {
        const char *text = tj_connective_nth("en", i);
        tj_ids ids = {0};
        assert_int_equal(tj_tokenizer_encode(s.tok, &ids, text, strlen(text), false, NULL), TJ_OK);
        for (size_t t = 0; t < ids.n; t++) { /* a byte token spells an unknown word */
            size_t n;
            const char *bytes = tj_tokenizer_bytes(s.tok, ids.ids[t], &n);
            assert_true(n > 1 || !((bytes[0] >= 'a' && bytes[0] <= 'z')));
        }
        tj_ids_deinit(&ids);
    }
    tj_rng_init(&rng, 1, 0, 0, 0);
    for (size_t i = 0; i < 200; i++) {
        const char *said = tj_connective("en", TJ_SAY_NOTICE, last, &rng);
        assert_true(last == NULL || strcmp(said, last) != 0);
        last = said;
    }
    assert_null(tj_connective("xx", TJ_SAY_NOTICE, NULL, &rng));
    assert_non_null(tj_connective("ja", TJ_SAY_NOTICE, NULL, &rng));
    script_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journeys_arrive), cmocka_unit_test(the_papers_order_errs_more),
        cmocka_unit_test(no_trials_no_backtracks),
        cmocka_unit_test(connectives_are_whole_words_and_never_the_same_twice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
