/* Journeys arrive: over many scripted trees every long thought is judged correct by the task's own
 * walk, ends like its shortcut, and keeps the rules of the walk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/script_policy.h"
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
    tj_code rc = tj_derive_shortcut(&a, tree, &s->task, s->tok, s->eos, NULL, err);
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
    assert_int_equal(script_grow(&s, &grow, items, 150, 5, derive_both, &u), TJ_OK);
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

/* ------------------------------------------------------------------ rules of the walk */

/*  root ─┬─ 1 wrong (order 0) ─── 2 ─── 3 terminal, not the goal
 *        ├─ 4 wrong (order 1), the likeliest
 *        ├─ 5 invalid (order 2)
 *        └─ 6 good (order 3) ─┬─ 7 wrong
 *                             └─ 8 good ─── 9 correct                                        */
static const struct {
    size_t parent;
    float logprob;
    bool valid, solvable, terminal, correct;
} shape[] = {{0, -1.0F, true, false, false, false},  {1, -1.0F, true, false, false, false},
             {2, -1.0F, true, false, true, false},   {0, -0.1F, true, false, false, false},
             {0, -2.0F, false, false, false, false}, {0, -1.0F, true, true, false, false},
             {6, -1.0F, true, false, false, false},  {6, -1.0F, true, true, false, false},
             {8, -1.0F, true, true, true, true}};

static void make_tree(const script *s, tj_tree *t)
{
    static const char *const words[] = {"",       "one\n", "two\n",   "three\n", "four\n",
                                        "five\n", "six\n", "seven\n", "eight\n", "nine\n"};
    static const tj_countdown_problem problem = {
        .numbers = {3, 6, 7, 11}, .n_numbers = 4, .target = 36};
    tj_countdown_state first;
    size_t id;
    memset(t, 0, sizeof *t);
    tj_countdown_first_state(&first, &problem);
    tj_countdown_pack(&t->first, &first);
    assert_int_equal(tj_tree_add_node(t, &id, TJ_NO_NODE, "", NULL, NULL, 0, NULL), TJ_OK);
    for (size_t i = 0; i < sizeof shape / sizeof shape[0]; i++) {
        tj_ids ids = {0};
        float logprobs[16];
        const char *text = words[i + 1];
        assert_int_equal(tj_tokenizer_encode(s->tok, &ids, text, strlen(text), false, NULL), TJ_OK);
        for (size_t k = 0; k < ids.n; k++) {
            logprobs[k] = shape[i].logprob;
        }
        assert_int_equal(
            tj_tree_add_node(t, &id, shape[i].parent, text, ids.ids, logprobs, ids.n, NULL), TJ_OK);
        tj_ids_deinit(&ids);
        t->nodes[id].valid = shape[i].valid;
        t->nodes[id].solvable = shape[i].solvable;
        t->nodes[id].terminal = shape[i].terminal;
        t->nodes[id].correct = shape[i].correct;
    }
}

/* The nodes of a journey's steps, as digits. */
static void steps_told(const tj_derive_config *cfg, char *out)
{
    script s;
    tj_tree t;
    tj_thought thought;
    tj_rng rng;
    tj_err err = {.msg = ""};
    script_open(&s, 0.0);
    make_tree(&s, &t);
    tj_rng_init(&rng, 1, 0, 0, 0);
    if (tj_derive_journey(&thought, &t, &s.task, s.tok, s.eos, cfg, &rng, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    check_spans(&s, &thought);
    assert_int_equal(tj_thought_check(&thought, NULL), TJ_OK);
    for (size_t i = 0; i < thought.n_spans; i++) {
        if (tj_is_step(&thought.spans[i])) {
            *out++ = (char)('0' + thought.spans[i].node);
        }
    }
    *out = 0;
    tj_thought_deinit(&thought);
    tj_tree_deinit(&t);
    script_close(&s);
}

static void rules_say_which_children_how_deep_and_where(void **state)
{
    (void)state;
    char told[64];
    tj_derive_config cfg;
    tj_derive_config_default(&cfg);
    steps_told(&cfg, told);
    assert_string_equal(told, "12346789");
    cfg.max_trials = 1;
    steps_told(&cfg, told);
    assert_string_equal(told, "1236789");
    cfg.pick = TJ_PICK_LIKELIEST;
    steps_told(&cfg, told);
    assert_string_equal(told, "46789");
    cfg.tell_invalid = true;
    cfg.tell_dead = false;
    steps_told(&cfg, told);
    assert_string_equal(told, "5689");
    tj_derive_config_default(&cfg);
    cfg.max_branch = 2;
    steps_told(&cfg, told);
    assert_string_equal(told, "1246789");
    cfg.from_depth = 1;
    steps_told(&cfg, told);
    assert_string_equal(told, "6789");
    cfg.from_depth = 0;
    cfg.to_depth = 0;
    cfg.max_backtracks = 1;
    steps_told(&cfg, told);
    assert_string_equal(told, "12689");
    cfg.p_explore = 0.0;
    steps_told(&cfg, told);
    assert_string_equal(told, "689");
}

static void spans_know_editor_and_mark(void **state)
{
    (void)state;
    script s;
    tj_tree t;
    tj_thought thought;
    tj_rng rng;
    tj_derive_config cfg;
    script_open(&s, 0.0);
    make_tree(&s, &t);
    tj_derive_config_default(&cfg);
    cfg.tell_invalid = true;
    cfg.max_trials = 3;
    tj_rng_init(&rng, 1, 0, 0, 0);
    assert_int_equal(tj_derive_journey(&thought, &t, &s.task, s.tok, s.eos, &cfg, &rng, NULL),
                     TJ_OK);
    for (size_t i = 0; i < thought.n_spans; i++) {
        const tj_span *p = &thought.spans[i];
        const tj_node *n = &t.nodes[p->node];
        if (tj_is_step(p)) {
            assert_int_equal(p->editor, TJ_BY_POLICY);
            assert_int_equal(p->mark, !n->valid     ? TJ_MARK_INVALID
                                      : n->solvable ? TJ_MARK_RIGHT
                                                    : TJ_MARK_DEAD);
            assert_true(p->has_value);
        } else {
            assert_true(p->editor == TJ_BY_TEMPLATE || p->editor == TJ_BY_TASK);
            assert_int_equal(p->mark, TJ_MARK_NONE);
        }
        assert_true(p->editor != TJ_BY_TEMPLATE || strcmp(p->name, "en") == 0);
    }
    tj_thought_deinit(&thought);
    tj_tree_deinit(&t);
    script_close(&s);
}

static void a_rule_out_of_range_is_refused_by_name(void **state)
{
    (void)state;
    script s;
    tj_tree t;
    tj_thought thought;
    tj_rng rng;
    tj_err err;
    tj_derive_config cfg;
    script_open(&s, 0.0);
    make_tree(&s, &t);
    tj_rng_init(&rng, 1, 0, 0, 0);
    tj_derive_config_default(&cfg);
    cfg.p_explore = 1.5;
    assert_int_equal(tj_derive_journey(&thought, &t, &s.task, s.tok, s.eos, &cfg, &rng, &err),
                     TJ_E_INVAL);
    assert_string_equal(err.msg, "p_explore is 1.5, expected 0 to 1");
    tj_derive_config_default(&cfg);
    memcpy(cfg.language, "xx", 3);
    assert_int_equal(tj_derive_journey(&thought, &t, &s.task, s.tok, s.eos, &cfg, &rng, &err),
                     TJ_E_INVAL);
    assert_string_equal(err.msg, "no sentences in the language 'xx'");
    assert_null(thought.text);
    tj_tree_deinit(&t);
    script_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journeys_arrive),
        cmocka_unit_test(the_papers_order_errs_more),
        cmocka_unit_test(no_trials_no_backtracks),
        cmocka_unit_test(rules_say_which_children_how_deep_and_where),
        cmocka_unit_test(spans_know_editor_and_mark),
        cmocka_unit_test(a_rule_out_of_range_is_refused_by_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
