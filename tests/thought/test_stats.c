/* Statistics: a few records counted by hand, groups that add up, and what marks reflection. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "thought/thought.h"

static const char *const records[] = {
    "{\"completion\":\"one two three\\nwait no\\nfour five\\n\",\"level\":1,\"correct\":true,"
    "\"n_tokens\":10,\"spans\":[{\"action\":\"propose\",\"mark\":\"invalid\",\"value\":0.25,"
    "\"node\":1,"
    "\"text\":\"one two three\\n\"},{\"action\":\"backtrack\",\"node\":0,\"text\":\"wait no\\n\"},{"
    "\"action\":\"propose\",\"node\":2,\"mark\":\"right\",\"value\":1,\"text\":\"four five\\n\"}]}",
    "{\"completion\":\"six\\nwait no\\n\",\"level\":\"Level 2\",\"correct\":false,\"n_tokens\":20,"
    "\"spans\":[{\"action\":\"propose\",\"mark\":\"dead\",\"text\":\"six\\n\"},{\"action\":"
    "\"reflect\","
    "\"text\":\"wait no\\n\"}]}",
    "{\"completion\":\"seven eight\\nwait "
    "no\\n\",\"level\":10,\"n_tokens\":30,\"spans\":[{\"action\":"
    "\"propose\",\"text\":\"seven eight\\n\"},{\"action\":\"reflect\",\"text\":\"wait no\\n\"}]}"};

static json_t *stats_of(const char *const *texts, size_t n)
{
    tj_stats_config cfg;
    tj_stats *stats;
    json_t *json;
    tj_stats_config_default(&cfg);
    assert_int_equal(tj_stats_create(&stats, &cfg, NULL), TJ_OK);
    for (size_t i = 0; i < n; i++) {
        tj_record r;
        tj_err err;
        json_t *j = json_loads(texts[i], 0, NULL);
        assert_non_null(j);
        if (tj_record_from_json(&r, j, "x", &err) != TJ_OK) {
            fail_msg("%s", err.msg);
        }
        assert_int_equal(tj_stats_add(stats, &r, NULL), TJ_OK);
        tj_record_deinit(&r);
        json_decref(j);
    }
    assert_int_equal(tj_stats_json(stats, &json, NULL), TJ_OK);
    tj_stats_destroy(stats);
    return json;
}

static double number(const json_t *json, const char *path)
{
    char part[64];
    while (*path != 0) {
        size_t n = strcspn(path, "/");
        memcpy(part, path, n);
        part[n] = 0;
        json = json_object_get(json, part);
        path += n + (path[n] == '/' ? 1 : 0);
    }
    return json_is_null(json) ? (double)NAN : json_number_value(json);
}

static const json_t *group(const json_t *json, const char *name)
{
    size_t i;
    const json_t *g;
    json_array_foreach(json_object_get(json, "groups"), i, g)
    {
        if (strcmp(json_string_value(json_object_get(g, "group")), name) == 0) {
            return g;
        }
    }
    fail_msg("no group %s", name);
    return NULL;
}

static void counts_are_those_by_hand(void **state)
{
    (void)state;
    json_t *json = stats_of(records, 3);
    const json_t *all = group(json, "all");
    static const struct {
        const char *path;
        double want;
    } cases[] = {{"records", 3},
                 {"judged", 2},
                 {"right", 1},
                 {"tokens/mean", 20},
                 {"tokens/sd", 10},
                 {"tokens/median", 20},
                 {"words/mean", 14.0 / 3.0},
                 {"lines/mean", 7.0 / 3.0},
                 {"keywords/wait", 3},
                 {"actions/reflect/spans", 2},
                 {"actions/backtrack/spans", 1},
                 {"backtracks/justified", 1},
                 {"backtracks/needless", 0},
                 {"noticing/wrong_attempts", 2},
                 {"noticing/noticed_share", 1},
                 {"noticing/lag_steps", 0},
                 {"noticing/recovery_rate", 0.5},
                 {"choices/n", 1},
                 {"choices/regret", 0},
                 {"redundancy/repeated_lines", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (fabs(number(all, cases[i].path) - cases[i].want) > 1e-9) {
            fail_msg("%s is %g, expected %g", cases[i].path, number(all, cases[i].path),
                     cases[i].want);
        }
    }
    assert_true(fabs(number(json, "difficulty/tokens/spearman") - 1.0) < 1e-9);
    assert_true(isnan(number(group(json, "wrong"), "choices/regret")));
    json_decref(json);
}

static void levels_stand_in_the_order_of_their_numbers(void **state)
{
    (void)state;
    static const char *const want[] = {"all",           "right",    "wrong",      "level 1",
                                       "level Level 2", "level 10", "language en"};
    json_t *json = stats_of(records, 3);
    const json_t *groups = json_object_get(json, "groups");
    assert_int_equal(json_array_size(groups), 7);
    for (size_t i = 0; i < 7; i++) {
        assert_string_equal(json_string_value(json_object_get(json_array_get(groups, i), "group")),
                            want[i]);
    }
    json_decref(json);
}

static void the_order_of_records_changes_nothing(void **state)
{
    (void)state;
    const char *const turned[] = {records[2], records[0], records[1]};
    json_t *a = stats_of(records, 3);
    json_t *b = stats_of(turned, 3);
    assert_true(json_equal(json_object_get(a, "groups"), json_object_get(b, "groups")));
    assert_true(json_equal(json_object_get(a, "reflection"), json_object_get(b, "reflection")));
    json_decref(a);
    json_decref(b);
}

/* "hmm" in each reflection, "sum" everywhere: the first is found, the second is not. */
static void what_marks_reflection_is_found_in_each_language(void **state)
{
    (void)state;
    static const char *const forms[] = {"the sum of it",
                                        "\xe5\x92\x8c\xe3\x81\xaf\xe3\x81\x93\xe3\x82\x8c",
                                        "\xe5\x92\x8c\xe6\x98\xaf\xe8\xbf\x99"};
    static const char *const marks[] = {"hmm", "\xe5\xbe\x85\xe3\x81\xa3",
                                        "\xe4\xb8\x8d\xe5\xaf\xb9"};
    static const char *const codes[] = {"en", "ja", "zh"};
    static char texts[30][512];
    const char *list[30];
    for (size_t i = 0; i < 30; i++) {
        size_t l = i % 3;
        snprintf(
            texts[i], sizeof texts[i],
            "{\"completion\":\"%s\\n%s %s\\n%s\\n\",\"language\":\"%s\",\"spans\":[{\"action\":"
            "\"propose\",\"text\":\"%s\\n\"},{\"action\":\"reflect\",\"text\":\"%s %s\\n\"},{"
            "\"action\":\"continue\",\"text\":\"%s\\n\"}]}",
            forms[l], marks[l], forms[l], forms[l], codes[l], forms[l], marks[l], forms[l],
            forms[l]);
        list[i] = texts[i];
    }
    json_t *json = stats_of(list, 30);
    for (size_t l = 0; l < 3; l++) {
        const json_t *runs = json_object_get(json_object_get(json, "reflection"), codes[l]);
        const char *first = json_string_value(json_object_get(json_array_get(runs, 0), "run"));
        assert_non_null(first);
        char head[4] = ""; /* a run may begin or end inside the mark */
        memcpy(head, marks[l], 3);
        assert_true(strstr(first, head) != NULL || strstr(first, marks[l] + 3) != NULL);
        assert_int_equal(
            json_integer_value(json_object_get(json_array_get(runs, 0), "in_reflection")), 10);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(runs, 0), "elsewhere")),
                         0);
    }
    json_decref(json);
}

/* Of a phrase longer than a run each run is a window, all as frequent: few of them say all. */
static void a_long_phrase_is_not_listed_window_by_window(void **state)
{
    (void)state;
    static const char text[] =
        "{\"completion\":\"six\\nlet me go back and try it "
        "again\\n\",\"language\":\"en\",\"spans\":["
        "{\"action\":\"propose\",\"text\":\"six\\n\"},"
        "{\"action\":\"reflect\",\"text\":\"let me go back and try it again\\n\"}]}";
    const char *const list[] = {text, text, text, text, text};
    json_t *json = stats_of(list, 5);
    const json_t *runs = json_object_get(json_object_get(json, "reflection"), "en");
    assert_int_equal(json_array_size(runs), 2); /* five windows of four words */
    json_decref(json);
}

static void without_spans_rules_find_them(void **state)
{
    (void)state;
    static const char *const plain[] = {"{\"prompt\":\"p\",\"completion\":\"1 + 1 = 3\\nWait, that "
                                        "is wrong. Let me go back.\\n1 + 1 = "
                                        "2\\nThe answer is 2.\\n\"}"};
    json_t *json = stats_of(plain, 1);
    assert_int_equal(json_integer_value(json_object_get(json, "spans_by_rules")), 1);
    assert_true(fabs(number(group(json, "all"), "backtracks/unjudged") - 1.0) < 1e-9);
    assert_true(number(json, "rules/records") <= 0.0);
    json_decref(json);
}

static void nothing_to_count_is_an_error(void **state)
{
    (void)state;
    tj_stats_config cfg;
    tj_stats *stats;
    json_t *json;
    tj_err err;
    tj_stats_config_default(&cfg);
    assert_int_equal(tj_stats_create(&stats, &cfg, NULL), TJ_OK);
    assert_int_equal(tj_stats_json(stats, &json, &err), TJ_E_INVAL);
    assert_string_equal(err.msg, "no thoughts to count");
    tj_stats_destroy(stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_by_hand),
        cmocka_unit_test(levels_stand_in_the_order_of_their_numbers),
        cmocka_unit_test(the_order_of_records_changes_nothing),
        cmocka_unit_test(what_marks_reflection_is_found_in_each_language),
        cmocka_unit_test(a_long_phrase_is_not_listed_window_by_window),
        cmocka_unit_test(without_spans_rules_find_them),
        cmocka_unit_test(nothing_to_count_is_an_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
