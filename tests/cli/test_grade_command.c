/* 'tabiji grade' from outside: exit statuses, what it prints, that lines and their verdicts keep
 * their order for any number of workers, and that a summary's numbers are those of the verdicts,
 * counted here a second time. Commands run in a shell in a folder of their own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fs.h"
#include "support/command.h"

static int make_dir(void **state)
{
    (void)state;
    return command_begin("grade");
}

static int remove_dir(void **state)
{
    (void)state;
    return command_end();
}

/* ------------------------------------------------------------------ two answers */

static void the_exit_status_is_the_verdict(void **state)
{
    (void)state;
    command_expect("$T grade 1/2 0.5", 0);
    assert_string_equal(command_out, "equal\n");
    command_expect("$T grade 1/2 0.6", 1);
    assert_string_equal(command_out, "different\n");
    command_expect("$T grade 1/2 '\\frac{1'", 2);
    assert_string_equal(command_out, "undecided\n");
    assert_string_equal(command_err, "");
    command_expect("$T grade '\\frac{1' 1/2", 3);
    assert_string_equal(command_out, "");
    command_expect_text(command_err, "tabiji: the reference cannot be read: byte ");
}

static void every_error_exits_3(void **state)
{
    (void)state;
    static const char *const lines[] = {"$T grade",
                                        "$T grade 1 2 3",
                                        "$T grade 1 2 --bad",
                                        "$T grade no-such-file",
                                        "$T grade 1 2 --digits x",
                                        "$T grade 1 2 --summary",
                                        "$T grade 1 2 --jobs 2",
                                        "$T grade /dev/null --jobs 0",
                                        "$T grade /dev/null --explain",
                                        "$T grade /dev/null --out no/such/folder"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        command_expect(lines[i], 3);
        assert_string_equal(command_out, "");
        command_expect_text(command_err, "tabiji: ");
    }
}

static void answers_may_begin_with_a_minus(void **state)
{
    (void)state;
    command_expect("$T grade -5 -5.0", 0);
    command_expect("$T grade '-\\frac12' -.5", 0);
    command_expect("$T grade -- -x '-1 \\cdot x'", 0);
}

static void options_reach_the_verdict(void **state)
{
    (void)state;
    command_expect("$T grade 1/3 0.33", 1);
    command_expect("$T grade 1/3 0.33 --digits 2", 0);
    command_expect("$T grade 1/3 0.333 --digits 0", 1);
    command_expect("$T grade 5 '5 cm'", 0);
    command_expect("$T grade 5 '5 cm' --strict-units", 1);
}

static void a_verdict_is_explained_and_told_as_json(void **state)
{
    (void)state;
    command_expect("$T grade 'so \\boxed{\\frac12}' 0.6 --explain", 1);
    command_expect_text(command_out,
                        "different\n  reference  1/2   [boxed]\n  answer     0.6   [whole]\n");
    command_expect_text(command_out, "\n  method ");
    command_expect_text(command_out, "\n  witness ");
    command_expect("$T grade 'so \\boxed{\\frac12}' 0.6 --json", 1);
    json_t *j = command_json(command_out);
    assert_string_equal(json_string_value(json_object_get(j, "verdict")), "different");
    assert_true(json_is_false(json_object_get(j, "equal")));
    assert_string_equal(json_string_value(json_object_get(j, "normalized_gold")), "1/2");
    assert_string_equal(json_string_value(json_object_get(j, "rule_gold")), "boxed");
    json_decref(j);
    command_expect("$T grade '(' 0.6 --json", 3);
    j = command_json(command_out);
    assert_string_equal(json_string_value(json_object_get(j, "verdict")), "error");
    assert_true(json_is_null(json_object_get(j, "equal")));
    json_decref(j);
}

static void what_an_answer_holds_commands_no_terminal(void **state)
{
    (void)state;
    command_expect("$T grade \"$(printf '\\033[31m5 is red\\033[0m')\" x --explain; true", 0);
    assert_null(strchr(command_out, '\033'));
    assert_null(strchr(command_err, '\033'));
}

/* ------------------------------------------------------------------ a file */

static const char *const answers[] = {"5",         "\\\\frac{1}{2}", "x^2",
                                      "\\\\frac{", "(1, 2)",         "Evelyn"};
#define N_ANSWERS  (sizeof answers / sizeof answers[0])
#define UNREADABLE 3 /* of answers */

/* Pair i of a file: its two answers, whether they are one answer, and what is said of it. */
static size_t gold_of(size_t i)
{
    return i % N_ANSWERS;
}
static size_t pred_of(size_t i)
{
    return i / 7 % N_ANSWERS;
}
static int expected_of(size_t i) /* sometimes wrong, sometimes not said */
{
    bool same = gold_of(i) == pred_of(i);
    return i % 11 == 0 ? -1 : i % 5 == 0 ? !same : same;
}

static void write_pairs(const char *name, size_t n)
{
    tj_buf text;
    tj_buf_init(&text);
    for (size_t i = 0; i < n; i++) {
        tj_buf_printf(&text, "{\"id\": \"p%zu\", \"gold\": \"%s\", \"pred\": \"so \\\\boxed{%s}.\"",
                      i, answers[gold_of(i)], answers[pred_of(i)]);
        tj_buf_printf(&text, ", \"kind\": \"k%zu\", \"expected\": %s}\n", gold_of(i),
                      expected_of(i) < 0    ? "null"
                      : expected_of(i) == 1 ? "true"
                                            : "false");
    }
    command_write(name, tj_buf_text(&text));
    tj_buf_deinit(&text);
}

static void expect_record(const json_t *j, size_t i)
{
    char id[32];
    bool bad_gold = gold_of(i) == UNREADABLE; /* a box that is never closed is no answer */
    bool same = gold_of(i) == pred_of(i);
    snprintf(id, sizeof id, "p%zu", i);
    assert_string_equal(json_string_value(json_object_get(j, "id")), id);
    const char *verdict = json_string_value(json_object_get(j, "verdict"));
    assert_string_equal(verdict, bad_gold ? "error" : same ? "equal" : "different");
    const json_t *equal = json_object_get(j, "equal");
    assert_true(bad_gold ? json_is_null(equal) : json_is_boolean(equal));
    assert_true(bad_gold || json_is_true(equal) == same);
    assert_true(json_is_number(json_object_get(j, "ms")));
}

static void verdicts_keep_the_order_of_the_lines(void **state)
{
    (void)state;
    write_pairs("pairs.jsonl", 2000);
    static const char *const lines[] = {
        "$T grade pairs.jsonl --jobs 1", "$T grade pairs.jsonl -j 4", "$T grade - < pairs.jsonl",
        "gzip -c pairs.jsonl > p.gz; $T grade p.gz",
        "$T grade pairs.jsonl -o v.jsonl; s=$?; cat v.jsonl; exit $s"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        command_expect(lines[i], 3);
        command_expect_text(command_err, "references cannot be read");
        char *at = command_out;
        for (size_t k = 0; k < 2000; k++) {
            char *end = strchr(at, '\n');
            assert_non_null(end);
            *end = 0;
            json_t *j = command_json(at);
            expect_record(j, k);
            json_decref(j);
            at = end + 1;
        }
        assert_string_equal(at, "");
    }
}

static double number(const json_t *j, const char *key)
{
    const json_t *value = json_object_get(j, key);
    if (!json_is_number(value)) {
        fail_msg("%s is no number", key);
    }
    return json_number_value(value);
}

static void a_summary_counts_what_the_verdicts_say(void **state)
{
    (void)state;
    double n = 3000, tp = 0, tn = 0, fp = 0, fn = 0, errors = 0, decided = 0, right = 0;
    write_pairs("many.jsonl", 3000);
    for (size_t i = 0; i < 3000; i++) {
        bool error = gold_of(i) == UNREADABLE, equal = !error && gold_of(i) == pred_of(i);
        int want = expected_of(i);
        errors += error;
        tp += want == 1 && equal;
        fn += want == 1 && !equal;
        fp += want == 0 && equal;
        tn += want == 0 && !equal;
        decided += want >= 0 && !error;
        right += want >= 0 && !error && (want == 1) == equal;
    }
    command_expect("$T grade many.jsonl --summary --json --explain", 3);
    json_t *j = command_json(command_out);
    assert_true(number(j, "pairs") == n && number(j, "errors") == errors);
    assert_true(number(j, "true_positive") == tp && number(j, "true_negative") == tn);
    assert_true(number(j, "false_positive") == fp && number(j, "false_negative") == fn);
    assert_true(number(j, "undecided") == 0 && number(j, "limit") == 0);
    assert_true(fabs(number(j, "accuracy") - ((tp + tn) / (tp + tn + fp + fn))) < 1e-12);
    assert_true(fabs(number(j, "accuracy_decided") - (right / decided)) < 1e-12);
    assert_true(fabs(number(j, "balanced_accuracy") - ((tp / (tp + fn) + tn / (tn + fp)) / 2)) <
                1e-12);
    assert_true(number(j, "seconds") > 0);
    assert_int_equal(json_array_size(json_object_get(j, "disagreements")), (size_t)(fp + fn));
    const json_t *kinds = json_object_get(j, "kinds"), *kind;
    const char *name;
    double sum = 0;
    json_object_foreach((json_t *)(uintptr_t)kinds, name, kind)
    {
        sum += number(kind, "pairs");
    }
    assert_true(sum == n && json_object_size(kinds) == N_ANSWERS);
    json_decref(j);
}

static void a_summary_for_people_fits_80_columns(void **state)
{
    (void)state;
    write_pairs("few.jsonl", 300);
    command_expect("$T grade few.jsonl --summary", 3);
    command_expect_text(command_out, "balanced accuracy");
    for (char *at = command_out; *at != 0;) {
        size_t n = strcspn(at, "\n");
        assert_true(n <= 80);
        at += n + (at[n] == '\n' ? 1 : 0);
    }
    command_expect("$T grade few.jsonl --summary --explain", 3);
    command_expect_text(command_out, "expected equal, is different by ");
    command_expect_text(command_out, "    reference ");
}

static void without_a_class_its_rates_are_null(void **state)
{
    (void)state;
    command_write("one.jsonl", "{\"gold\": 5, \"pred\": 5.0, \"expected\": true}\n");
    command_expect("$T grade one.jsonl --summary --json", 0);
    json_t *j = command_json(command_out);
    assert_true(number(j, "accuracy") == 1);
    assert_true(json_is_null(json_object_get(j, "balanced_accuracy")));
    json_decref(j);
    command_write("one.jsonl", "");
    command_expect("$T grade one.jsonl --summary --json", 0);
    j = command_json(command_out);
    assert_true(json_is_null(json_object_get(j, "accuracy")));
    json_decref(j);
    command_expect("$T grade one.jsonl --summary", 0);
}

static void a_bad_line_is_told_and_the_rest_goes_on(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } bad[] = {
        {"{\"gold\": \"5\"", "bad.jsonl:2: not JSON at byte 13"},
        {"[1]", "bad.jsonl:2: is an array, expected an object"},
        {"{\"pred\": \"5\"}", "bad.jsonl:2: gold: is missing"},
        {"{\"gold\": \"5\"}", "bad.jsonl:2: pred: is missing"},
        {"{\"gold\": [5], \"pred\": \"5\"}", "bad.jsonl:2: gold: is an array, expected text"},
        {"{\"gold\": null, \"pred\": \"5\"}", "bad.jsonl:2: gold: is null, expected text"},
        {"{\"gold\": 5, \"gold\": 6, \"pred\": 5}", "bad.jsonl:2: gold: stands there twice"},
        {"{\"gold\": 5, \"pred\": 5, \"expected\": 1}", "bad.jsonl:2: expected: is neither"},
        {"{\"gold\": 5, \"pred\": 5, \"kind\": 1}", "bad.jsonl:2: kind: is no text"},
        {"{\"gold\": 5, \"pred\": 5} 7", "bad.jsonl:2: more than one value"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"gold\": 1, \"pred\": 1}\n%s\n\n{\"gold\": 2, \"pred\": 3}",
                 bad[i].line);
        command_write("bad.jsonl", text);
        command_expect("$T grade bad.jsonl", 3);
        command_expect_text(command_err, bad[i].says);
        command_expect_text(command_out, "{\"id\": 1, \"verdict\": \"equal\"");
        command_expect_text(command_out, "{\"id\": 4, \"verdict\": \"different\"");
    }
    command_write("bad.jsonl", "x\n{\"gold\": 1, \"pred\": 1}\n");
    command_expect("$T grade bad.jsonl --summary --json", 3);
    json_t *j = command_json(command_out);
    assert_true(number(j, "bad_lines") == 1 && number(j, "pairs") == 1);
    json_decref(j);
}

static void labels_are_echoed_as_they_stand(void **state)
{
    (void)state;
    command_write(
        "labels.jsonl",
        "{\"gold\": true, \"pred\": \"true\", \"id\": {\"a\": [1, \"\\u00e9\"]}, \"other\": 1}\n"
        "{\"gold\": 1.50, \"pred\": \"3/2\", \"id\": null, \"kind\": \"a \\\"b\\\"\"}\r\n");
    command_expect("$T grade labels.jsonl", 0);
    command_expect_text(command_out, "{\"id\": {\"a\": [1, \"\\u00e9\"]}, \"verdict\": \"equal\"");
    command_expect_text(command_out,
                        "\n{\"id\": null, \"kind\": \"a \\\"b\\\"\", \"verdict\": \"equal\"");
}

/* Lines up to a megabyte and more, and one above the bound, which is passed over. */
static void long_lines_are_read_and_longer_ones_refused(void **state)
{
    (void)state;
    tj_buf text;
    tj_buf_init(&text);
    tj_buf_str(&text, "{\"gold\": 5, \"pred\": \"");
    for (size_t i = 0; i < (size_t)1000 * 1000; i++) {
        tj_buf_char(&text, 'a');
    }
    tj_buf_str(&text, " \\\\boxed{5}\"}\n{\"gold\": 5, \"pred\": \"");
    for (size_t i = 0; i < (size_t)5 << 20; i++) {
        tj_buf_char(&text, 'b');
    }
    tj_buf_str(&text, "\"}\n{\"gold\": 6, \"pred\": 6}\n");
    command_write("long.jsonl", tj_buf_text(&text));
    tj_buf_deinit(&text);
    command_expect("$T grade long.jsonl", 3);
    command_expect_text(command_out, "{\"id\": 1, \"verdict\": \"equal\"");
    command_expect_text(command_out, "{\"id\": 3, \"verdict\": \"equal\"");
    command_expect_text(command_err, "long.jsonl:2: a line of more than 4194304 bytes");
}

/* A program may write a pair, wait for its verdict, and write the next. */
static void a_pipe_gets_each_verdict_before_the_next_line(void **state)
{
    (void)state;
    command_write("ask.sh", "mkfifo in back\n$T grade - < in > back &\nexec 3> in 4< back\n"
                            "for i in 1 2 3; do echo \"{\\\"gold\\\": $i, \\\"pred\\\": 2}\" >&3\n"
                            "read -r line <&4; echo \"$line\"; done\nexec 3>&-\nwait\n");
    command_expect("timeout 60 sh ask.sh", 0);
    command_expect_text(command_out, "{\"id\": 1, \"verdict\": \"different\"");
    command_expect_text(command_out, "\n{\"id\": 2, \"verdict\": \"equal\"");
    command_expect_text(command_out, "\n{\"id\": 3, \"verdict\": \"different\"");
}

static void ctrl_c_ends_all_processes_and_leaves_no_half_file(void **state)
{
    (void)state;
    command_write("stop.sh",
                  "mkfifo slow\n$T grade slow -o partial.jsonl &\npid=$!\nexec 3> slow\n"
                  "echo '{\"gold\": 1, \"pred\": 2}' >&3\nsleep 0.3\nkill -TERM $pid\nwait $pid\n"
                  "s=$?\npgrep -P $pid\nexit $s\n");
    /* as Ctrl-C; background commands of a shell ignore that one */
    command_expect("timeout 60 sh stop.sh", 130);
    assert_string_equal(command_out, "");
    assert_false(tj_fs_exists("partial.jsonl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exit_status_is_the_verdict),
        cmocka_unit_test(every_error_exits_3),
        cmocka_unit_test(answers_may_begin_with_a_minus),
        cmocka_unit_test(options_reach_the_verdict),
        cmocka_unit_test(a_verdict_is_explained_and_told_as_json),
        cmocka_unit_test(what_an_answer_holds_commands_no_terminal),
        cmocka_unit_test(verdicts_keep_the_order_of_the_lines),
        cmocka_unit_test(a_summary_counts_what_the_verdicts_say),
        cmocka_unit_test(a_summary_for_people_fits_80_columns),
        cmocka_unit_test(without_a_class_its_rates_are_null),
        cmocka_unit_test(a_bad_line_is_told_and_the_rest_goes_on),
        cmocka_unit_test(labels_are_echoed_as_they_stand),
        cmocka_unit_test(long_lines_are_read_and_longer_ones_refused),
        cmocka_unit_test(a_pipe_gets_each_verdict_before_the_next_line),
        cmocka_unit_test(ctrl_c_ends_all_processes_and_leaves_no_half_file),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
