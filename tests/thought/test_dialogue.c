/* Dialogues: what critic and moderator decide is what happens, circles and budgets end it, and the
 * thought has a span for each thing that was said, by whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/script_voice.h"
#include "thought/thought.h"

typedef struct stage {
    script_voice voice;
    tj_talk talk;
    tj_templates *templates;
    tj_rng rng;
} stage;

static void begin(stage *s, const char *const *answers)
{
    script_voice_open(&s->voice, answers, true);
    tj_talk_init(&s->talk, &s->voice.generator);
    s->talk.name = "m";
    assert_int_equal(tj_templates_create(&s->templates, NULL), TJ_OK);
    tj_rng_init(&s->rng, 1, 0, 0, 0);
}

static void end(stage *s, tj_dialogue *d)
{
    tj_dialogue_deinit(d);
    tj_templates_destroy(s->templates);
    tj_talk_deinit(&s->talk);
    script_voice_close(&s->voice);
}

static tj_dialogue critique(stage *s, size_t max_turns, size_t max_loops, size_t max_tokens)
{
    tj_critique_config cfg;
    tj_dialogue d;
    tj_err err;
    tj_critique_config_default(&cfg);
    cfg.templates = s->templates;
    cfg.max_turns = max_turns;
    cfg.max_loops = max_loops;
    cfg.max_tokens = max_tokens;
    if (tj_critique(&d, "6 * 7?", 6, &s->talk, &s->talk, &cfg, &s->rng, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(tj_thought_check(&d.record.thought, NULL), TJ_OK);
    return d;
}

static void actions_of(const tj_thought *t, char *out)
{
    for (size_t i = 0; i < t->n_spans; i++) {
        *out++ = "pcrbva"[t->spans[i].action];
    }
    *out = 0;
}

static void the_critic_decides(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"step\":\"6 + 7 = 13\",\"answer\":null}",
        "{\"action\":\"continue\",\"reason\":\"fine\"}",
        "{\"step\":\"13 is it\",\"answer\":\"13\"}",
        "{\"action\":\"backtrack\",\"to\":0,\"reason\":\"Wait, it was times.\"}",
        "{\"step\":\"6 * 7 = 42\"}",
        "{\"action\":\"reflect\",\"reason\":\"Is that all?\"}",
        "{\"step\":\"Yes, 42\",\"answer\":\"42\"}",
        "{\"action\":\"terminate\",\"reason\":\"done\"}",
        NULL};
    char actions[32];
    stage s;
    begin(&s, answers);
    tj_dialogue d = critique(&s, 24, 3, 0);
    const tj_thought *t = &d.record.thought;
    assert_int_equal(d.outcome, TJ_OUTCOME_ANSWERED);
    assert_int_equal(d.n_turns, 4);
    actions_of(t, actions);
    assert_string_equal(actions, "pcrbprca");
    assert_int_equal(t->kind, TJ_CRITIQUE);
    assert_int_equal(t->n_backtracks, 1);
    assert_int_equal(t->spans[2].editor, TJ_BY_CRITIC);
    assert_int_equal(t->spans[3].editor, TJ_BY_TEMPLATE);
    assert_int_equal(t->spans[0].editor, TJ_BY_AGENT);
    assert_string_equal(t->spans[0].name, "proposer");
    assert_false(t->spans[0].on_path);
    assert_true(t->spans[4].on_path && t->spans[6].on_path && t->spans[7].on_path);
    assert_int_equal(t->spans[3].back_to, 0);
    assert_int_equal(json_array_size(d.transcript), 8);
    for (size_t i = 0; i < t->n_spans; i++) { /* each tells of an entry that was said */
        assert_true(t->spans[i].annotation >= 1 && t->spans[i].annotation <= 8);
    }
    tj_grader *grader;
    assert_int_equal(tj_grader_create(&grader, NULL, NULL), TJ_OK);
    assert_int_equal(tj_record_set(&d.record, TJ_META_ANSWER, "\\frac{84}{2}", 12, NULL), TJ_OK);
    assert_int_equal(tj_answer_judge(&d.record, grader, NULL), TJ_OK);
    assert_int_equal(d.record.correct, TJ_YES);
    tj_grader_destroy(grader);
    assert_non_null(strstr(t->text, "The answer is 42.\n"));
    json_t *json = tj_dialogue_json(&d, &s.talk);
    assert_string_equal(json_string_value(json_object_get(json, "outcome")), "answered");
    json_decref(json);
    assert_non_null(strstr(s.voice.asked[4], "Tried from here before, and left:\n- 6 + 7 = 13"));
    assert_non_null(strstr(s.voice.asked[4], "The critic says: Wait, it was times."));
    end(&s, &d);
}

static void circles_end_it(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"step\":\"6 + 7 = 13\"}",    "{\"action\":\"backtrack\",\"to\":0,\"reason\":\"no\"}",
        "{\"step\":\"6 + 7  =  13.\"}", "{\"step\":\"6 + 7 = 13\"}",
        "{\"step\":\"6 - 7 = 13\"}",    "{\"action\":\"continue\",\"reason\":\"hm\"}",
        "{\"step\":\"6 - 7 = 13!\"}",   NULL};
    stage s;
    begin(&s, answers);
    tj_dialogue d = critique(&s, 24, 2, 0);
    assert_int_equal(d.outcome, TJ_OUTCOME_LOOP);
    assert_int_equal(s.voice.n_asked, 7); /* 6 - 7 is another step; then it stands still */
    assert_non_null(strstr(s.voice.asked[3], "That very step was tried from here before."));
    end(&s, &d);
}

static void the_budget_ends_it(void **state)
{
    (void)state;
    static const char *const answers[] = {"{\"step\":\"a\"}",
                                          "{\"action\":\"continue\",\"reason\":\"x\"}",
                                          "{\"step\":\"b\"}",
                                          "{\"action\":\"continue\",\"reason\":\"x\"}",
                                          "{\"step\":\"c\"}",
                                          "{\"action\":\"continue\",\"reason\":\"x\"}",
                                          NULL};
    stage s;
    begin(&s, answers);
    tj_dialogue d = critique(&s, 2, 3, 0);
    assert_int_equal(d.outcome, TJ_OUTCOME_BUDGET);
    assert_int_equal(d.n_turns, 2);
    end(&s, &d);
    begin(&s, answers);
    d = critique(&s, 24, 3, 20); /* an answer costs ten */
    assert_int_equal(d.outcome, TJ_OUTCOME_BUDGET);
    assert_int_equal(d.n_turns, 1);
    end(&s, &d);
}

static void nonsense_is_a_failure_and_no_guess(void **state)
{
    (void)state;
    static const char *const answers[] = {"{\"step\":\"a\"}",
                                          "{\"action\":\"dance\",\"reason\":\"x\"}",
                                          "{\"action\":\"backtrack\",\"to\":1,\"reason\":\"x\"}",
                                          "{\"action\":\"terminate\",\"reason\":\"x\"}", NULL};
    stage s;
    begin(&s, answers);
    tj_dialogue d = critique(&s, 24, 3, 0);
    assert_int_equal(d.outcome, TJ_OUTCOME_FAILED);
    assert_int_equal(d.record.thought.n_spans, 1);
    assert_int_equal(s.talk.n_failed, 1);
    assert_non_null(strstr(s.talk.failures[0].why, "`action` is not one of"));
    assert_non_null(strstr(s.talk.failures[1].why, "from 0 to 0"));
    assert_non_null(strstr(s.talk.failures[2].why, "`answer`"));
    end(&s, &d);
}

/* ------------------------------------------------------------------ debate */

static tj_dialogue debate(stage *s, const char *roles, bool one_voice, size_t max_rounds)
{
    tj_agent agents[TJ_MAX_AGENTS];
    tj_debate_config cfg;
    tj_dialogue d;
    tj_err err;
    size_t n = tj_debate_roles(agents, roles, &s->talk);
    tj_debate_config_default(&cfg);
    cfg.templates = s->templates;
    cfg.one_voice = one_voice;
    cfg.max_rounds = max_rounds;
    if (tj_debate(&d, "6 * 7?", 6, agents, n, &s->talk, &cfg, &s->rng, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(tj_thought_check(&d.record.thought, NULL), TJ_OK);
    return d;
}

static void a_lesson_becomes_one_voice(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"say\":\"6 + 7 = 13, I think.\",\"stance\":\"propose\"}",
        "{\"say\":\"Look at the sign again, student.\",\"stance\":\"object\"}",
        "{\"decision\":\"continue\",\"reason\":\"wrong sign\"}",
        "{\"say\":\"Then 6 * 7 = 42.\",\"stance\":\"propose\"}",
        "{\"say\":\"42 / 7 = 6, good.\",\"stance\":\"check\"}",
        "{\"decision\":\"settle\",\"answer\":\"42\",\"reason\":\"checked\"}",
        "{\"text\":\"Maybe 6 + 7 = 13.\"}",        /* taken */
        "{\"text\":\"Hm, as the teacher says.\"}", /* names somebody: not taken */
        "{\"text\":\"So it is 6 * 7 = 43.\"}",     /* other mathematics: not taken */
        "{\"text\":\"And 42 / 7 = 6, which fits.\"}",
        NULL};
    char actions[32];
    stage s;
    begin(&s, answers);
    tj_dialogue d = debate(&s, "teacher", true, 4);
    const tj_thought *t = &d.record.thought;
    assert_int_equal(d.outcome, TJ_OUTCOME_ANSWERED);
    actions_of(t, actions);
    assert_string_equal(actions, "prbpva");
    assert_int_equal(t->spans[0].editor, TJ_BY_REWRITE);
    assert_string_equal(t->spans[0].name, "m");
    assert_int_equal(t->spans[1].editor, TJ_BY_AGENT);
    assert_string_equal(t->spans[1].name, "teacher");
    assert_int_equal(t->spans[2].editor, TJ_BY_TEMPLATE);
    assert_int_equal(t->spans[3].editor, TJ_BY_AGENT);
    assert_int_equal(t->spans[3].annotation, 4);
    assert_int_equal(t->spans[4].editor, TJ_BY_REWRITE);
    assert_int_equal(t->n_backtracks, 1);
    assert_non_null(strstr(t->text, "Maybe 6 + 7 = 13.\nLook at the sign again, student.\n"));
    assert_non_null(strstr(t->text, "Then 6 * 7 = 42.\nAnd 42 / 7 = 6, which fits.\nThe answer is "
                                    "42.\n"));
    assert_false(t->spans[0].on_path);
    assert_true(t->spans[3].on_path && t->spans[5].on_path);
    end(&s, &d);
}

static void rounds_are_bounded_and_retracting_goes_back(void **state)
{
    (void)state;
    static const char *const answers[] = {"{\"say\":\"a 1\",\"stance\":\"propose\"}",
                                          "{\"say\":\"b\",\"stance\":\"continue\"}",
                                          "{\"say\":\"c\",\"stance\":\"retract\"}",
                                          "{\"decision\":\"continue\",\"reason\":\"r\"}", NULL};
    char actions[32];
    stage s;
    begin(&s, answers);
    tj_dialogue d = debate(&s, "debate", false, 1);
    assert_int_equal(d.outcome, TJ_OUTCOME_BUDGET);
    actions_of(&d.record.thought, actions);
    assert_string_equal(actions, "pcb");
    assert_string_equal(d.record.thought.spans[2].name, "checker");
    end(&s, &d);
}

static void a_moderator_without_an_answer_does_not_settle(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"say\":\"a\",\"stance\":\"propose\"}",
        "{\"say\":\"b\",\"stance\":\"check\"}",
        "{\"decision\":\"settle\",\"reason\":\"r\"}",
        "{\"decision\":\"maybe\",\"reason\":\"r\"}",
        "{\"decision\":\"settle\",\"answer\":\"  \",\"reason\":\"r\"}",
        NULL};
    stage s;
    begin(&s, answers);
    tj_dialogue d = debate(&s, "teacher", false, 3);
    assert_int_equal(d.outcome, TJ_OUTCOME_FAILED);
    assert_int_equal(d.record.thought.n_spans, 2);
    end(&s, &d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_critic_decides),
        cmocka_unit_test(circles_end_it),
        cmocka_unit_test(the_budget_ends_it),
        cmocka_unit_test(nonsense_is_a_failure_and_no_guess),
        cmocka_unit_test(a_lesson_becomes_one_voice),
        cmocka_unit_test(rounds_are_bounded_and_retracting_goes_back),
        cmocka_unit_test(a_moderator_without_an_answer_does_not_settle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
