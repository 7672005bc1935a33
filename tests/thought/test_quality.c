/* Filters: each rule refuses what it is for, with a reason that says where, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "thought/thought.h"

#define GOOD                                                                                       \
    "{\"prompt\":\"6 * 7?\",\"answer\":\"42\",\"completion\":\"6 + 6 = 12\\nWait.\\nGo back.\\n6 " \
    "* 7 "                                                                                         \
    "= 42\\nThe answer is 42.\\n\",\"correct\":true,\"n_tokens\":30,\"spans\":["                   \
    "{\"action\":\"propose\",\"mark\":\"dead\",\"text\":\"6 + 6 = 12\\n\"},"                       \
    "{\"action\":\"reflect\",\"text\":\"Wait.\\n\"},{\"action\":\"backtrack\",\"text\":\"Go "      \
    "back.\\n\"},{\"action\":\"propose\",\"mark\":\"right\",\"text\":\"6 * 7 = 42\\n\"},"          \
    "{\"action\":\"conclude\",\"text\":\"The answer is 42.\\n\"}]}"

static tj_quality judge(const char *json, const char *setting)
{
    tj_record r;
    tj_quality q;
    tj_quality_config cfg;
    tj_err err;
    json_t *j = json_loads(json, 0, NULL);
    json_t *rules = json_object();
    assert_non_null(j);
    tj_quality_config_default(&cfg);
    if (setting != NULL) {
        assert_int_equal(tj_config_set(rules, setting, NULL), TJ_OK);
        assert_int_equal(tj_config_read(&cfg, tj_quality_fields, rules, "rules", NULL), TJ_OK);
    }
    if (tj_record_from_json(&r, j, "x", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(tj_quality_judge(&q, &r, &cfg, NULL), TJ_OK);
    tj_record_deinit(&r);
    json_decref(rules);
    json_decref(j);
    return q;
}

static void a_good_thought_passes_every_rule(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "need_right=true", "need_conclusion=true", "min_backtracks=1", "max_backtracks=1",
        "max_tokens=30",   "min_tokens=30",        "max_needless=0",   "max_repeated_attempts=0",
        "min_words=10",    "max_lines=5",          "max_loop=1",       "no_jumps=true"};
    assert_int_equal(judge(GOOD, NULL).rule, TJ_RULE_PASS);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        tj_quality q = judge(GOOD, settings[i]);
        if (q.rule != TJ_RULE_PASS) {
            fail_msg("%s: %s", settings[i], q.reason);
        }
    }
}

/* Steps as policies write them: the number of a line is none that the answer would need. */
static void a_conclusion_may_be_numbered_and_may_work_its_answer_out(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"prompt\":\"2 + 7?\",\"completion\":\"1. 2 + 7 = 9\\n5. The answer is 9.\\n\"}",
        "{\"prompt\":\"2 + 7?\",\"completion\":\"We add.\\nStep 3: So 2 + 7 = $9, and the answer "
        "is "
        "9.\\n\"}"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        tj_quality q = judge(good[i], NULL);
        assert_string_equal(q.reason, "");
    }
    tj_quality q = judge(
        "{\"prompt\":\"2 + 7?\",\"completion\":\"1. We add.\\n2. The answer is 9.\\n\"}", NULL);
    assert_int_equal(q.rule, TJ_RULE_JUMP);
}

static void each_rule_refuses_with_its_reason(void **state)
{
    (void)state;
    static const struct {
        const char *json, *setting;
        tj_rule rule;
        const char *reason;
    } cases[] = {
        {"{\"completion\":\"The answer is 5.\",\"answer\":\"6\",\"correct\":false}", NULL,
         TJ_RULE_ANSWER, "the answer '5' is not right; it is 6"},
        {"{\"completion\":\"The answer is 5.\"}", "need_right=true", TJ_RULE_ANSWER,
         "nothing says whether the answer is right"},
        {"{\"completion\":\"5 + 5 = 10\"}", "need_conclusion=true", TJ_RULE_CONCLUSION,
         "it does not end with its answer"},
        {"{\"completion\":\"a\\nb\\n\",\"spans\":[{\"action\":\"propose\",\"text\":\"a\\n\"},{"
         "\"action\":\"propose\",\"text\":\"b\\n\"}]}",
         NULL, TJ_RULE_JUMP, "span 2 begins anew, but nothing says why after span 1 (byte 2)"},
        {"{\"prompt\":\"7\",\"completion\":\"2 + 3 = 5\\nThe answer is 8.\"}", NULL, TJ_RULE_JUMP,
         "the conclusion says 8, which stands nowhere before it"},
        {"{\"completion\":\"go on and on. go on and on. go on and on. go on and on.\"}", NULL,
         TJ_RULE_LOOP, "from byte 0 'go on and on' stands 4 times in a row"},
        {GOOD, "max_tokens=29", TJ_RULE_TOKENS, "30 tokens, at most 29"},
        {"{\"completion\":\"a\"}", "min_tokens=1", TJ_RULE_TOKENS, "its tokens are not counted"},
        {GOOD, "min_words=1000", TJ_RULE_WORDS, "13 words, at least 1000"},
        {GOOD, "max_lines=4", TJ_RULE_LINES, "5 lines, at most 4"},
        {GOOD, "min_backtracks=2", TJ_RULE_BACKTRACKS, "1 ways back, at least 2"},
        {GOOD, "no_backtracks=true", TJ_RULE_BACKTRACKS, "1 ways back, expected none"},
        {"{\"completion\":\"a\\nb\\n\",\"spans\":[{\"action\":\"propose\",\"mark\":\"right\","
         "\"text\":\"a\\n\"},{\"action\":\"backtrack\",\"text\":\"b\\n\"}]}",
         "max_needless=0", TJ_RULE_NEEDLESS, "1 ways back without a wrong step before, at most 0"},
        {"{\"completion\":\"a\\nb\\na\\n\",\"spans\":[{\"action\":\"propose\",\"text\":\"a\\n\"},{"
         "\"action\":\"backtrack\",\"text\":\"b\\n\"},{\"action\":\"propose\",\"text\":\"a\\n\"}]}",
         "max_repeated_attempts=0", TJ_RULE_REPEATED,
         "1 attempts are word for word those of before"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_quality q = judge(cases[i].json, cases[i].setting);
        assert_string_equal(q.reason, cases[i].reason);
        assert_int_equal(q.rule, cases[i].rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_thought_passes_every_rule),
        cmocka_unit_test(a_conclusion_may_be_numbered_and_may_work_its_answer_out),
        cmocka_unit_test(each_rule_refuses_with_its_reason)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
