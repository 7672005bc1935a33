/* Spans by rules: they cover the text, and on scripted journeys in three sets of sentences, whose
 * spans are known, they find what they claim to find. The table that docs/thoughts.md quotes is
 * printed. What is measured is how well cues and templates fit: both were written by the same
 * hands, so that the numbers are the best case. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/script_policy.h"
#include "thought/thought.h"

static void spans_are(const char *text, const char *want)
{
    tj_thought t = {.n_text = strlen(text)};
    char got[64] = "";
    t.text = (char *)(uintptr_t)text;
    assert_int_equal(tj_rules_spans(&t, NULL), TJ_OK);
    assert_int_equal(tj_thought_check(&t, NULL), TJ_OK);
    for (size_t i = 0; i < t.n_spans; i++) {
        got[i] = "pcrbva"[t.spans[i].action];
        got[i + 1] = 0;
    }
    assert_string_equal(got, want);
    t.text = NULL;
    tj_thought_deinit(&t);
}

static void sentences_become_spans_by_their_cues(void **state)
{
    (void)state;
    spans_are("2 + 2 = 4\nSo 4 is even.\nWait, that is wrong. Let me go back.\n2 + 3 = 5\n"
              "Let me check.\nThe answer is 5.\n",
              "pcrbpva");
    spans_are("", "");
    spans_are("  \n\n", "p");
    spans_are("1. 2 + 2 = 4. And 4 + 1 = 5.\n\n\n2. done", "pc");
    spans_are("\xe8\xa8\x88\xe7\xae\x97\xe3\x81\x99\xe3\x82\x8b\xe3\x80\x82\xe5\xbe\x85\xe3\x81\xa3"
              "\xe3\x81\xa6\xe3"
              "\x80\x82\xe5\x88\xa5\xe3\x81\xae\xe9\x81\x93\xe3\x82\x92\xe8\xa9\xa6\xe3\x81\x99\xe3"
              "\x80\x82\n"
              "\xe7\xad\x94\xe3\x81\x88\xe3\x81\xaf"
              "5\xe3\x80\x82",
              "prba");
    spans_are("<Thought>\nFirst this.\n</Thought>\n<Output>\nWait: yes\n</Output>", "pa");
    spans_are("<think>one\n</think>\ntwo\nthree", "pa");
}

typedef struct measure {
    const script *s;
    const char *language;
    tj_rules_score score;
    size_t n;
} measure;

static tj_code measure_tree(void *ctx, tj_tree *tree, tj_err *err)
{
    measure *m = ctx;
    const script *s = m->s;
    tj_derive_config cfg;
    tj_thought t;
    tj_rng rng;
    tj_derive_config_default(&cfg);
    memcpy(cfg.language, m->language, strlen(m->language) + 1);
    cfg.tell_invalid = true;
    cfg.p_connective = 1.0;
    tj_rng_init(&rng, 3, 0, (uint64_t)tree->problem, 0);
    if (tj_derive_journey(&t, tree, &s->task, s->tok, s->eos, &cfg, &rng, err) == TJ_OK) {
        assert_int_equal(tj_rules_measure(&m->score, &t, NULL), TJ_OK);
        m->n++;
    }
    tj_thought_deinit(&t);
    return TJ_OK;
}

static void rules_are_measured_on_known_spans(void **state)
{
    (void)state;
    static const char *const languages[] = {"en", "en-open", "ja"};
    static tj_grow_item items[150];
    script s;
    tj_grow_config grow;
    script_open(&s, 0.15);
    script_items(&s, items, 150, 11);
    tj_grow_config_default(&grow);
    grow.depth = 3;
    for (size_t l = 0; l < 3; l++) {
        measure m = {.s = &s, .language = languages[l]};
        assert_int_equal(script_grow(&s, &grow, items, 150, 5, measure_tree, &m), TJ_OK);
        print_message("%s: %zu journeys, %zu ways back, %zu by the rules\n", languages[l], m.n,
                      (size_t)m.score.n_backtracks, (size_t)m.score.n_found);
        static const tj_action actions[] = {TJ_PROPOSE, TJ_REFLECT, TJ_BACKTRACK, TJ_CONCLUDE};
        for (size_t a = 0; a < 4; a++) {
            double precision = tj_rules_precision(&m.score, actions[a]);
            double recall = tj_rules_recall(&m.score, actions[a]);
            print_message("  %-10s precision %.3f, recall %.3f (%zu spans)\n",
                          a == 0 ? "step" : tj_action_name(actions[a]), precision, recall,
                          (size_t)m.score.spans[actions[a]]);
            assert_true(precision >= 0.9 && recall >= 0.9);
        }
    }
    script_close(&s);
}

/* A second way to the answer: a text cut by the rules and then measured against itself is right. */
static void rules_agree_with_themselves(void **state)
{
    (void)state;
    static const char text[] = "a b\nWait, no. Let me go back.\nc d\nThe answer is 3.\n";
    tj_thought t = {.n_text = strlen(text)};
    tj_rules_score score = {.n_found = 0};
    t.text = (char *)(uintptr_t)text;
    assert_int_equal(tj_rules_spans(&t, NULL), TJ_OK);
    assert_int_equal(tj_rules_measure(&score, &t, NULL), TJ_OK);
    assert_true(tj_rules_precision(&score, TJ_PROPOSE) >= 1.0);
    assert_true(tj_rules_recall(&score, TJ_BACKTRACK) >= 1.0);
    assert_true(isnan(tj_rules_recall(&score, TJ_VERIFY)));
    assert_int_equal(score.n_backtracks, score.n_found);
    t.text = NULL;
    tj_thought_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sentences_become_spans_by_their_cues),
                                       cmocka_unit_test(rules_are_measured_on_known_spans),
                                       cmocka_unit_test(rules_agree_with_themselves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
