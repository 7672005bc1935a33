/* Asking: answers are read or refused, asked again with the reason, and given up within the bound;
 * nothing is guessed. Rewording: a span's words change only where its mathematics stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "support/script_voice.h"
#include "thought/thought.h"

static tj_code read_a(void *ctx, const json_t *json, char why[TJ_TALK_WHY_BYTES], tj_err *err)
{
    char *out = ctx;
    const char *a = tj_talk_text(json, "a", why);
    (void)err;
    if (a != NULL) {
        memcpy(out, a, strlen(a) + 1);
    }
    return TJ_OK;
}

static void bad_answers_are_asked_for_again_and_recorded(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "well...", "[1]", "{\"a\": 7}", "#", "!", "```json\n{\"a\": \"yes\"}\n```\n", NULL};
    static const char *const why[] = {"the answer is not JSON", "it is JSON, but not an object",
                                      "`a` is not a text with words in it", "the answer was cut",
                                      "the line is down"};
    script_voice v;
    tj_talk talk;
    char got[64] = "";
    bool ok;
    script_voice_open(&v, answers, true);
    tj_talk_init(&talk, &v.generator);
    talk.max_tries = 6;
    tj_message m = {TJ_ROLE_USER, "q", 1};
    assert_int_equal(tj_talk_ask(&talk, &ok, "a thing", &m, 1, NULL, read_a, got, NULL), TJ_OK);
    assert_true(ok);
    assert_string_equal(got, "yes");
    assert_int_equal(talk.n_asked, 6);
    assert_int_equal(talk.n_refused, 5);
    assert_int_equal(talk.n_failed, 0);
    for (size_t i = 0; i < 5; i++) {
        assert_memory_equal(talk.failures[i].why, why[i], strlen(why[i]));
        assert_int_equal(talk.failures[i].attempt, i + 1);
        assert_non_null(strstr(v.asked[i + 1], why[i])); /* it is told */
        assert_true(v.sampling[i + 1].temperature > v.sampling[i].temperature);
        assert_true(v.streams[i + 1] != v.streams[i]);
    }
    json_t *json = tj_talk_failures_json(&talk);
    assert_int_equal(json_array_size(json), 5);
    json_decref(json);
    tj_talk_deinit(&talk);
    script_voice_close(&v);
}

static void after_the_bound_it_is_given_up(void **state)
{
    (void)state;
    static const char *const answers[] = {"x", "y", "z", "{\"a\": \"too late\"}", NULL};
    script_voice v;
    tj_talk talk;
    char got[64] = "";
    bool ok = true;
    script_voice_open(&v, answers, true);
    tj_talk_init(&talk, &v.generator);
    tj_message m = {TJ_ROLE_USER, "q", 1};
    assert_int_equal(tj_talk_ask(&talk, &ok, "a thing", &m, 1, NULL, read_a, got, NULL), TJ_OK);
    assert_false(ok);
    assert_string_equal(got, "");
    assert_int_equal(v.n_asked, 3);
    assert_int_equal(talk.n_failed, 1);
    assert_true(talk.failures[2].is_last);
    tj_talk_deinit(&talk);
    script_voice_close(&v);
}

/* What would be asked next would fare alike: a run stops here, and goes on when the server is back.
 */
static void a_server_from_which_nothing_comes_ends_it(void **state)
{
    (void)state;
    static const char *const gone[] = {"!", "!", "!", NULL};
    static const char *const back[] = {"!", "!", "no", NULL};
    script_voice v;
    tj_talk talk;
    tj_err err;
    char got[64] = "";
    bool ok = true;
    tj_message m = {TJ_ROLE_USER, "q", 1};
    script_voice_open(&v, gone, true);
    tj_talk_init(&talk, &v.generator);
    assert_int_equal(tj_talk_ask(&talk, &ok, "a thing", &m, 1, NULL, read_a, got, &err), TJ_E_IO);
    assert_false(ok);
    assert_string_equal(err.msg, "the line is down");
    tj_talk_deinit(&talk);
    script_voice_close(&v);
    script_voice_open(&v, back, true);
    tj_talk_init(&talk, &v.generator);
    assert_int_equal(tj_talk_ask(&talk, &ok, "a thing", &m, 1, NULL, read_a, got, NULL), TJ_OK);
    assert_false(ok);
    tj_talk_deinit(&talk);
    script_voice_close(&v);
}

static void without_conversations_the_roles_are_written_out(void **state)
{
    (void)state;
    static const char *const answers[] = {"{\"a\":\"yes\"}", NULL};
    script_voice v;
    tj_talk talk;
    char got[64] = "";
    bool ok;
    script_voice_open(&v, answers, false);
    tj_talk_init(&talk, &v.generator);
    tj_message m[] = {{TJ_ROLE_SYSTEM, "s", 1}, {TJ_ROLE_USER, "q", 1}};
    assert_int_equal(tj_talk_ask(&talk, &ok, "a thing", m, 2, NULL, read_a, got, NULL), TJ_OK);
    assert_true(ok);
    assert_string_equal(v.asked[0], "System: s\n\nUser: q\n\nAssistant:");
    tj_talk_deinit(&talk);
    script_voice_close(&v);
}

/* ------------------------------------------------------------------ mathematics */

static void signs_are_those_of_the_mathematics(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"1. 11 - 7 = 4 left 3 4 6", "1 11 - 7 = 4 3 4 6 "},
        {"a well-known trick (as I said) gives 1,234.50!", "1234.5 ! "},
        {"so 3p + e = 124, and a day has 24 hours", "3 p + e = 124 24 "},
        {"\\frac{1}{2} of x", "\\frac 1 2 "},
        {"6 \xc3\x97 7 \xe2\x88\x92 2", "6 * 7 - 2 "},
        {"nothing at all - really", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_buf out;
        tj_buf_init(&out);
        tj_math_signs(&out, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(tj_buf_text(&out), cases[i][1]);
        tj_buf_deinit(&out);
    }
}

static void the_same_mathematics_in_other_words_is_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *old, *now;
        bool same;
    } cases[] = {{"11 - 7 = 4", "First, 11-7 = 4, nice.", true},
                 {"11 - 7 = 4", "First, 7 - 11 = 4.", false},
                 {"11 - 7 = 5", "11 - 7 = 4, of course.", false},
                 {"11 - 7 = 4", "11 + 7 = 4", false},
                 {"6 * 7 = 42", "$6 \\times 7 = 42$", true},
                 {"\\frac{1}{2}", "\\dfrac{1}{2} of it", true},
                 {"11 - 7 = 4", "eleven less seven is four", false},
                 {"no numbers", "none here either", true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool same;
        char why[TJ_WHY_BYTES];
        assert_int_equal(tj_math_same(&same, cases[i].old, strlen(cases[i].old), cases[i].now,
                                      strlen(cases[i].now), why, NULL),
                         TJ_OK);
        assert_int_equal(same, cases[i].same);
        assert_int_equal(why[0] == 0, same);
    }
}

static void finer_steps_are_let_in_where_equations_give_them(void **state)
{
    (void)state;
    static const struct {
        const char *now;
        bool fine;
    } cases[] = {{"6 * 7 = 42, that is 6 * 5 = 30 and 6 * 2 = 12, and 30 + 12 = 42", true},
                 {"6 * 7 = 42, that is 6 * 5 = 31", false}, /* not true */
                 {"6 * 7 = 42, as 9 says", false},          /* from nowhere */
                 {"6 * 5 = 30", false}};                    /* what was there is missing */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool fine;
        char why[TJ_WHY_BYTES];
        assert_int_equal(tj_math_extends(&fine, "6 * 7 = 42", 10, cases[i].now,
                                         strlen(cases[i].now), "with 5 and 2", 12, why, NULL),
                         TJ_OK);
        if (fine != cases[i].fine) {
            fail_msg("%s: %s", cases[i].now, why);
        }
    }
}

/* ------------------------------------------------------------------ rewording */

#define DRAFT                                                                                      \
    "{\"prompt\":\"p\",\"completion\":\"6 + 7 = 12\\nHmm.\\n6 * 7 = 42\\nThe answer is "           \
    "42.\\n\",\"spans\":["                                                                         \
    "{\"action\":\"propose\",\"mark\":\"invalid\",\"text\":\"6 + 7 = 12\\n\"},"                    \
    "{\"action\":\"reflect\",\"editor\":\"template\",\"text\":\"Hmm.\\n\"},"                       \
    "{\"action\":\"propose\",\"mark\":\"right\",\"text\":\"6 * 7 = 42\\n\"},"                      \
    "{\"action\":\"conclude\",\"text\":\"The answer is 42.\\n\"}]}"

static tj_record draft(void)
{
    tj_record r;
    json_t *j = json_loads(DRAFT, 0, NULL);
    assert_int_equal(tj_record_from_json(&r, j, "x", NULL), TJ_OK);
    json_decref(j);
    return r;
}

static void only_spans_that_keep_their_mathematics_are_reworded(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"spans\": [{\"n\": 1, \"text\": \"Let me try 6 + 7 = 13 first.\"}, {\"n\": 2, \"text\": "
        "\"Wait, that is off.\"}, {\"n\": 3, \"text\": \"Times, then: 6 * 7 = 42\"}, {\"n\": 4, "
        "\"text\": \"So the answer is 43.\"}]}",
        NULL};
    script_voice v;
    tj_talk talk;
    tj_rewrite_config cfg;
    tj_rewrite_verdict fate[4];
    tj_record r = draft();
    tj_record out;
    script_voice_open(&v, answers, true);
    tj_talk_init(&talk, &v.generator);
    talk.name = "m";
    tj_rewrite_config_default(&cfg);
    assert_int_equal(tj_rewrite(&out, fate, &r, &talk, &cfg, NULL), TJ_OK);
    assert_int_equal(tj_thought_check(&out.thought, NULL), TJ_OK);
    assert_string_equal(
        out.thought.text,
        "6 + 7 = 12\nWait, that is off.\nTimes, then: 6 * 7 = 42\nThe answer is 42.\n");
    assert_int_equal(fate[0].fate, TJ_REWRITE_REFUSED);
    assert_string_equal(fate[0].why, "sign 5 is 13, it was 12");
    assert_int_equal(fate[1].fate, TJ_REWRITE_TAKEN);
    assert_int_equal(fate[2].fate, TJ_REWRITE_TAKEN);
    assert_int_equal(fate[3].fate, TJ_REWRITE_REFUSED);
    assert_string_equal(fate[3].why, "the final answer is another, or gone");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(out.thought.spans[i].action, r.thought.spans[i].action);
        assert_int_equal(out.thought.spans[i].mark, r.thought.spans[i].mark);
        bool taken = fate[i].fate == TJ_REWRITE_TAKEN;
        assert_int_equal(out.thought.spans[i].editor,
                         taken ? TJ_BY_REWRITE : r.thought.spans[i].editor);
        assert_string_equal(out.thought.spans[i].name, taken ? "m" : "");
    }
    tj_record_deinit(&out);
    tj_record_deinit(&r);
    tj_talk_deinit(&talk);
    script_voice_close(&v);
}

static void an_answer_that_is_half_wrong_is_asked_for_again_whole(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"spans\": [{\"n\": 2, \"text\": \"Oh.\"}, {\"n\": 9, \"text\": \"x\"}]}",
        "{\"spans\": [{\"n\": 2, \"text\": \"Oh.\"}, {\"n\": 2, \"text\": \"Ah.\"}]}",
        "{\"spans\": []}", NULL};
    script_voice v;
    tj_talk talk;
    tj_rewrite_config cfg;
    tj_rewrite_verdict fate[4];
    tj_record r = draft();
    tj_record out;
    script_voice_open(&v, answers, true);
    tj_talk_init(&talk, &v.generator);
    tj_rewrite_config_default(&cfg);
    assert_int_equal(tj_rewrite(&out, fate, &r, &talk, &cfg, NULL), TJ_OK);
    assert_string_equal(out.thought.text, r.thought.text);
    assert_int_equal(fate[1].fate, TJ_REWRITE_SAME);
    assert_int_equal(talk.n_refused, 2);
    tj_record_deinit(&out);
    tj_record_deinit(&r);
    tj_talk_deinit(&talk);
    script_voice_close(&v);
}

static void a_piece_without_an_answer_stays_as_it_was(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "a",
        "b",
        "c",
        "{\"spans\": [{\"n\": 4, \"text\": \"42, so the answer is 42.\"}]}",
        "{\"spans\": [{\"n\": 4, \"text\": \"So, the answer is 42.\"}]}",
        NULL};
    script_voice v;
    tj_talk talk;
    tj_rewrite_config cfg;
    tj_rewrite_verdict fate[4];
    tj_record r = draft();
    tj_record out;
    script_voice_open(&v, answers, true);
    tj_talk_init(&talk, &v.generator);
    tj_rewrite_config_default(&cfg);
    cfg.spans_at_once = 3;
    assert_int_equal(tj_rewrite(&out, fate, &r, &talk, &cfg, NULL), TJ_OK);
    assert_int_equal(fate[0].fate, TJ_REWRITE_UNASKED);
    assert_int_equal(fate[2].fate, TJ_REWRITE_UNASKED);
    assert_int_equal(fate[3].fate, TJ_REWRITE_REFUSED); /* 42 stands there twice */
    assert_int_equal(talk.n_failed, 1);
    tj_record_deinit(&out);
    tj_record_deinit(&r);
    tj_talk_deinit(&talk);
    script_voice_close(&v);
}

static void asking_can_be_stopped(void **state)
{
    (void)state;
    static const char *const answers[] = {NULL};
    script_voice v;
    tj_talk talk;
    tj_rewrite_config cfg;
    tj_rewrite_verdict fate[4];
    tj_record r = draft();
    tj_record out;
    tj_cancel cancel = {0};
    tj_job job = {.cancel = &cancel};
    script_voice_open(&v, answers, true);
    tj_talk_init(&talk, &v.generator);
    talk.job = &job;
    tj_cancel_ask(&cancel);
    tj_rewrite_config_default(&cfg);
    assert_int_equal(tj_rewrite(&out, fate, &r, &talk, &cfg, NULL), TJ_E_CANCELLED);
    assert_null(out.thought.text);
    tj_record_deinit(&r);
    tj_talk_deinit(&talk);
    script_voice_close(&v);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "{\"spans\": [{\"n\": 2, \"text\": \"Wait, that is off.\"}]}", NULL};
    tj_record r = draft();
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        script_voice v;
        tj_talk talk;
        tj_rewrite_config cfg;
        tj_rewrite_verdict fate[4];
        tj_record out;
        script_voice_open(&v, answers, true);
        tj_talk_init(&talk, &v.generator);
        tj_rewrite_config_default(&cfg);
        tj_alloc_fail_after(k);
        rc = tj_rewrite(&out, fate, &r, &talk, &cfg, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(rc == TJ_OK || out.thought.text == NULL);
        tj_record_deinit(&out);
        tj_talk_deinit(&talk);
        script_voice_close(&v);
    }
    tj_record_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_answers_are_asked_for_again_and_recorded),
        cmocka_unit_test(after_the_bound_it_is_given_up),
        cmocka_unit_test(a_server_from_which_nothing_comes_ends_it),
        cmocka_unit_test(without_conversations_the_roles_are_written_out),
        cmocka_unit_test(signs_are_those_of_the_mathematics),
        cmocka_unit_test(the_same_mathematics_in_other_words_is_the_same),
        cmocka_unit_test(finer_steps_are_let_in_where_equations_give_them),
        cmocka_unit_test(only_spans_that_keep_their_mathematics_are_reworded),
        cmocka_unit_test(an_answer_that_is_half_wrong_is_asked_for_again_whole),
        cmocka_unit_test(a_piece_without_an_answer_stays_as_it_was),
        cmocka_unit_test(asking_can_be_stopped),
        cmocka_unit_test(failed_allocations_leave_nothing_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
