/* The commands of data sets from outside: what they print, their exit statuses, and that JSON and
 * text say the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/alloc.h"
#include "support/command.h"

/* Runs "tabiji data WHAT" with $W for the workspace and $D for the folder of samples; returns its
 * exit status. */
static int run(const char *what)
{
    char line[1024];
    (void)snprintf(line, sizeof line, "W=w D=%s/tests/golden/datasets; $T data %s", command_home,
                   what);
    return command_run(line);
}

static int make_dir(void **state)
{
    (void)state;
    return command_begin("data");
}

static int remove_dir(void **state)
{
    (void)state;
    return command_end();
}

static void the_format_is_named_where_it_was_seen(void **state)
{
    (void)state;
    assert_int_equal(run("import -w $W --set a $D/gsm8k.jsonl $D/math.json"), 0);
    command_expect_text(command_out,
                        "gsm8k.jsonl: gsm8k (lines), train: 1 records, 0 refused; 1 problems");
    command_expect_text(command_out,
                        "math.json: math (array), train: 2 records, 0 refused; 2 problems");
    command_expect_text(command_out, "set 'a' is number 1, by run 1");
    assert_int_equal(run("import -w $W --set a $D/gsm8k.jsonl $D/math.json"), 0);
    command_expect_text(command_out, "run 1 did this import");
    assert_int_equal(run("import -w $W --set a math $D/math.json"), 4);
    command_expect_text(command_err, "there is a set 'a' already");
}

static void a_bad_record_has_file_line_field_and_reason(void **state)
{
    (void)state;
    static const char text[] = "{\"question\":\"q\",\"answer\":\"#### 1\"}\n{\"question\":3}\n";
    command_write("bad.jsonl", text);
    assert_int_equal(run("import -w $W --set b bad.jsonl"), 1);
    command_expect_text(command_err, "bad.jsonl:2: question: expected text, found a number");
    assert_int_equal(run("list -w $W"), 0);
    command_expect_text(command_out, "(unfinished)");
    assert_int_equal(run("import -w $W --set b bad.jsonl --on-error skip"), 0);
    command_expect_text(command_err, "bad.jsonl:2: question: expected text, found a number");
    command_expect_text(command_out, "2 records, 1 refused; 1 problems");
}

static void json_says_what_the_text_says(void **state)
{
    (void)state;
    assert_int_equal(run("import -w $W --set c prmbench $D/prmbench.jsonl --licence X --json"), 0);
    json_t *all = command_json(command_out);
    json_t *total = json_object_get(all, "total");
    assert_int_equal(json_integer_value(json_object_get(total, "records")), 2);
    assert_int_equal(json_integer_value(json_object_get(total, "labels")), 8);
    assert_int_equal(json_array_size(json_object_get(all, "files")), 1);
    json_decref(all);
    assert_int_equal(run("list -w $W --json"), 0);
    all = command_json(command_out);
    json_t *set = json_array_get(all, 0);
    json_t *file = json_array_get(json_object_get(set, "files"), 0);
    assert_string_equal(json_string_value(json_object_get(set, "name")), "c");
    assert_int_equal(json_integer_value(json_object_get(set, "test")), 2);
    assert_string_equal(json_string_value(json_object_get(file, "licence")), "X");
    assert_string_equal(json_string_value(json_object_get(file, "format")), "prmbench");
    json_decref(all);
}

static void sets_and_files_are_checked_against_each_other(void **state)
{
    (void)state;
    assert_int_equal(run("check $D/math.json $D/math.jsonl $D/gsm8k.jsonl"), 0); /* no workspace */
    command_expect_text(command_out,
                        "the same text:                 2 of the former,      2 of the latter");
    command_expect_text(command_out,
                        "the same text:                 0 of the former,      0 of the latter");
    assert_int_equal(run("import -w $W --set m $D/math.json"), 0);
    assert_int_equal(run("check -w $W m $D/math.jsonl --json"), 0);
    json_t *all = command_json(command_out);
    json_t *one = json_array_get(all, 0);
    assert_int_equal(json_integer_value(json_object_get(one, "same_learned")), 2);
    assert_int_equal(json_array_size(json_object_get(one, "list")), 2);
    json_decref(all);
    assert_int_equal(run("check -w $W m nothing"), 3);
    command_expect_text(command_err, "no set and no file 'nothing'");
}

static void wrong_usage_is_named(void **state)
{
    (void)state;
    assert_int_equal(run("import -w $W $D/math.json"), 2);
    command_expect_text(command_err, "--set");
    assert_int_equal(run("import -w $W --set x math"), 2);
    command_expect_text(command_err, "no file");
    assert_int_equal(run("import -w $W --set x gsm8k $D/gsm8k.jsonl --map problem=q"), 2);
    command_expect_text(command_err, "map");
    assert_int_equal(run("import -w $W --set x $D/fields.jsonl --map problem"), 2);
    command_expect_text(command_err, "target=field");
    assert_int_equal(run("import -w $W --set x $D/none.jsonl"), 3);
    command_expect_text(command_err, "none.jsonl");
    assert_int_equal(run("import -w $W --set x $D/math.json --on-error perhaps"), 2);
    command_expect_text(command_err, "on-error");
    assert_int_equal(run("check -w none a b"), 3);
}

static void any_json_is_mapped(void **state)
{
    (void)state;
    assert_int_equal(run("import -w $W --set f $D/fields.jsonl --map "
                         "problem=q,answer=final,steps=chain,labels=ok,author=who"),
                     0);
    command_expect_text(
        command_out,
        "fields (lines), train: 2 records, 0 refused; 2 problems, 2 solutions, 3 steps, 2 "
        "labels");
}

static void solutions_become_numbered_steps(void **state)
{
    (void)state;
    assert_int_equal(run("steps $D/gsm8k.jsonl $D/math.jsonl $D/prm800k.jsonl -o steps.jsonl "
                         "--rejected left.jsonl"),
                     0);
    command_expect_text(command_err, "5 records, 4 written with 7 steps");
    command_expect_text(command_err, "1 left out: no solution that is right to its end");
    char *steps = command_read("steps.jsonl");
    json_t *first = json_loads(steps, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *messages = json_object_get(first, "messages");
    const char *const want[] = {
        "Solve the problem. Write one step of reasoning a line, and number the lines. The last "
        "line says: The answer is \\boxed{...}.\n\n",
        "Problem: Mika has 3 bags of 4 shells and finds 2 more. How many shells has "
        "she?\nSolution:",
        "1. The bags hold 3*4=12 shells.\n2. With 2 more she has 12+2=14 shells.\n"
        "3. The answer is \\boxed{14}."};
    for (size_t i = 0; i < 3; i++) {
        json_t *message = json_array_get(messages, i);
        assert_string_equal(json_string_value(json_object_get(message, "content")), want[i]);
    }
    json_decref(first);
    tj_free(steps);
    char *left = command_read("left.jsonl");
    command_expect_text(
        left, "prm800k.jsonl\",\"line\":2,\"reason\":\"no solution that is right to its end\"");
    tj_free(left);
    assert_int_equal(run("steps $D/math.jsonl --after 1 --limit 1 --json"), 0);
    command_expect_text(command_out, "corrected to $5$.");
    command_expect_text(command_err, "\"records\":1,\"written\":1,\"steps\":1,\"left_out\":{}");
}

static void wrong_solutions_are_not_learnt(void **state)
{
    (void)state;
    static const char text[] =
        "{\"problem\":\"p\",\"answer\":\"6\",\"solution\":\"Add. So $\\\\boxed{5}$.\"}\n"
        "{\"problem\":\"q\",\"solution\":\"Nothing.\"}\n"
        "{\"problem\":\"r\",\"answer\":\"5\",\"solution\":\"Add. So $\\\\boxed{5}$.\"}\n";
    command_write("wrong.jsonl", text);
    assert_int_equal(run("steps wrong.jsonl"), 0);
    command_expect_text(command_err, "3 records, 1 written with 2 steps");
    command_expect_text(command_err, "1 left out: the answer differs from the reference");
    command_expect_text(command_err, "1 left out: the record is refused");
    assert_int_equal(run("steps wrong.jsonl --limit 1"), 1);
    command_expect_text(command_err, "no record has a solution in steps");
    assert_int_equal(run("steps $D/processbench.json"), 2);
    command_expect_text(command_err, "processbench.json is processbench: steps are made of");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {IN_FOLDER(the_format_is_named_where_it_was_seen),
                                       IN_FOLDER(a_bad_record_has_file_line_field_and_reason),
                                       IN_FOLDER(json_says_what_the_text_says),
                                       IN_FOLDER(sets_and_files_are_checked_against_each_other),
                                       IN_FOLDER(wrong_usage_is_named),
                                       IN_FOLDER(any_json_is_mapped),
                                       IN_FOLDER(solutions_become_numbered_steps),
                                       IN_FOLDER(wrong_solutions_are_not_learnt)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
