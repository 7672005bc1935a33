/* Annotated thinking: what the marks mean, that it reads back as it was written, and that what is
 * wrong is named with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "thought/thought.h"

static const char example[] = "---\n"
                              "author: Aiko\n"
                              "answer: 42\n"
                              "correct: true\n"
                              "---\n"
                              "> What is\n"
                              "> 6 times 7?\n"
                              "\n"
                              "Let me add seven sixes.\n"
                              "! 6 + 6 + 6 + 6 + 6 + 6 = 36\n"
                              "? That was six sixes only.\n"
                              "<\n"
                              "6 * 7 = 36 + 6\n"
                              "  = 42\n"
                              "<!-- a remark -->\n"
                              "+ 42 / 7 = 6\n"
                              "= The answer is 42.\n";

static tj_human read_text(const char *text)
{
    tj_human h;
    tj_err err;
    if (tj_human_read(&h, text, strlen(text), "a.md", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return h;
}

static tj_record record_of(const tj_human *h)
{
    tj_record r;
    tj_templates *set;
    tj_rng rng;
    tj_err err;
    tj_rng_init(&rng, 1, 0, 0, 0);
    assert_int_equal(tj_templates_create(&set, NULL), TJ_OK);
    if (tj_human_to_record(&r, h, NULL, -1, set, &rng, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(tj_thought_check(&r.thought, NULL), TJ_OK);
    tj_templates_destroy(set);
    return r;
}

static void marks_become_actions_and_marks_of_spans(void **state)
{
    (void)state;
    static const struct {
        tj_action action;
        tj_mark mark;
        bool on_path;
        tj_editor editor;
    } want[] = {{TJ_PROPOSE, TJ_MARK_RIGHT, true, TJ_BY_HUMAN},
                {TJ_CONTINUE, TJ_MARK_INVALID, false, TJ_BY_HUMAN},
                {TJ_REFLECT, TJ_MARK_NONE, false, TJ_BY_HUMAN},
                {TJ_BACKTRACK, TJ_MARK_NONE, false, TJ_BY_TEMPLATE},
                {TJ_PROPOSE, TJ_MARK_RIGHT, true, TJ_BY_HUMAN},
                {TJ_VERIFY, TJ_MARK_NONE, false, TJ_BY_HUMAN},
                {TJ_CONCLUDE, TJ_MARK_NONE, true, TJ_BY_HUMAN}};
    tj_human h = read_text(example);
    tj_record r = record_of(&h);
    assert_string_equal(tj_record_get(&r, TJ_META_PROMPT), "What is\n6 times 7?");
    assert_string_equal(tj_record_get(&r, TJ_META_ANSWER), "42");
    assert_int_equal(r.correct, TJ_YES);
    assert_int_equal(r.thought.n_spans, 7);
    for (size_t i = 0; i < 7; i++) {
        const tj_span *s = &r.thought.spans[i];
        assert_int_equal(s->action, want[i].action);
        assert_int_equal(s->mark, want[i].mark);
        assert_int_equal(s->on_path, want[i].on_path);
        assert_int_equal(s->editor, want[i].editor);
        assert_int_equal(s->annotation, i + 1);
        assert_string_equal(s->name, s->editor == TJ_BY_HUMAN ? "Aiko" : "en-open");
    }
    assert_int_equal(r.thought.spans[3].back_to, 1);
    assert_int_equal(r.thought.n_backtracks, 1);
    tj_record_deinit(&r);
    tj_human_deinit(&h);
}

static void a_way_back_may_go_to_a_branch_that_was_left(void **state)
{
    (void)state;
    tj_human h = read_text("one\ntwo\n< 0\nthree\n< 2\nfour\n= done\n");
    tj_record r = record_of(&h);
    static const bool want[] = {true, true, false, false, false, true, true};
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(r.thought.spans[i].on_path, want[i]);
    }
    tj_record_deinit(&r);
    tj_human_deinit(&h);
}

static void written_and_read_is_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {example,          "\\! no mark\n", "\\---\n",
                                        "< 0 3 times\n",  "<\n",           "< \\3 times\nstep\n",
                                        "a\n  b\n   c\n", "? \\x\n",       "\\> x\n> y\n",
                                        "! ! a\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tj_human a = read_text(texts[i]);
        tj_buf once;
        tj_buf twice;
        tj_buf_init(&once);
        tj_buf_init(&twice);
        tj_human_write(&a, &once);
        tj_human b = read_text(tj_buf_text(&once));
        tj_human_write(&b, &twice);
        assert_string_equal(tj_buf_text(&once), tj_buf_text(&twice));
        assert_int_equal(a.n_lines, b.n_lines);
        for (size_t k = 0; k < a.n_lines; k++) {
            assert_int_equal(a.lines[k].mark, b.lines[k].mark);
            assert_int_equal(a.lines[k].to, b.lines[k].to);
            assert_string_equal(a.lines[k].text, b.lines[k].text);
        }
        tj_buf_deinit(&once);
        tj_buf_deinit(&twice);
        tj_human_deinit(&a);
        tj_human_deinit(&b);
    }
}

static void a_record_becomes_markdown_and_the_same_record_again(void **state)
{
    (void)state;
    tj_human h = read_text(example);
    tj_record r = record_of(&h);
    tj_human back;
    assert_int_equal(tj_human_from_record(&back, &r, NULL), TJ_OK);
    tj_record again = record_of(&back);
    assert_string_equal(r.thought.text, again.thought.text);
    assert_int_equal(r.thought.n_spans, again.thought.n_spans);
    for (size_t i = 0; i < r.thought.n_spans; i++) {
        assert_int_equal(r.thought.spans[i].action, again.thought.spans[i].action);
        assert_int_equal(r.thought.spans[i].mark, again.thought.spans[i].mark);
        assert_int_equal(r.thought.spans[i].back_to, again.thought.spans[i].back_to);
        assert_int_equal(r.thought.spans[i].on_path, again.thought.spans[i].on_path);
    }
    tj_record_deinit(&again);
    tj_record_deinit(&r);
    tj_human_deinit(&back);
    tj_human_deinit(&h);
}

static void a_file_may_have_several_thoughts(void **state)
{
    (void)state;
    static const char text[] =
        "> Q?\n\none\n= two\n\n---\nanswer: 7\n---\n> R?\n\\--- no rule\n---\n---\nlast\n";
    static const char wrong[] = "one\n---\nanswer: [1]\n---\ntwo\n";
    tj_human_place place = {0};
    tj_human h[3];
    tj_err err;
    for (size_t i = 0; i < 3; i++) {
        assert_true(place.at < strlen(text));
        assert_int_equal(tj_human_read_next(&h[i], &place, text, strlen(text), "a.md", NULL),
                         TJ_OK);
    }
    assert_int_equal(place.at, strlen(text));
    assert_string_equal(h[0].meta[TJ_META_PROMPT], "Q?");
    assert_int_equal(h[0].n_lines, 2);
    assert_string_equal(h[1].meta[TJ_META_PROMPT], "R?");
    assert_string_equal(h[1].meta[TJ_META_ANSWER], "7");
    assert_string_equal(h[1].lines[0].text, "--- no rule");
    assert_null(h[2].meta[TJ_META_PROMPT]);
    assert_int_equal(h[2].lines[0].line_no, 13);
    for (size_t i = 0; i < 3; i++) {
        tj_human_deinit(&h[i]);
    }
    assert_int_equal(tj_human_read(&h[0], text, strlen(text), "a.md", &err), TJ_E_PARSE);
    assert_string_equal(err.msg, "a.md:6: another thought begins here, expected one");
    place = (tj_human_place){0};
    assert_int_equal(tj_human_read_next(&h[0], &place, wrong, strlen(wrong), "a.md", NULL), TJ_OK);
    tj_human_deinit(&h[0]);
    assert_true(tj_human_read_next(&h[0], &place, wrong, strlen(wrong), "a.md", &err) != TJ_OK);
    assert_memory_equal(err.msg, "a.md:3: answer", 14);
}

static void what_is_wrong_is_named_with_its_line(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"step\n< 2 back\n", "a.md:2: back to entry 2, but there are 1 before it"},
        {"step\n\n  more\n",
         "a.md:3: an indented line goes on with an entry, but there is none just before it"},
        {"step\n? \n", "a.md:2: a mark without words"},
        {"", "a.md: no entries"},
        {"---\nanswer: 1\n", "a.md:1: the front matter has no closing ---"},
        {"---\nauthor: x\nmood: y\n---\na\n",
         "a.md:3: mood: expected answer, id, level, subject, language, source, licence, author or "
         "correct"},
        {"---\ncorrect: maybe\n---\na\n", "a.md:2: correct: expected true or false"},
        {"---\nanswer: [1]\n---\na\n", "a.md:2: answer: expected a text or an integer"},
        {"a\xff\n", "a.md: byte 1 is not UTF-8 text"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_human h;
        tj_err err = {.msg = ""};
        assert_true(tj_human_read(&h, cases[i][0], strlen(cases[i][0]), "a.md", &err) != TJ_OK);
        assert_string_equal(err.msg, cases[i][1]);
        assert_null(h.lines);
    }
}

static void failed_allocations_leave_nothing(void **state)
{
    (void)state;
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_human h;
        tj_alloc_fail_after(k);
        rc = tj_human_read(&h, example, strlen(example), "a.md", NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(rc == TJ_OK || h.lines == NULL);
        tj_human_deinit(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_become_actions_and_marks_of_spans),
        cmocka_unit_test(a_way_back_may_go_to_a_branch_that_was_left),
        cmocka_unit_test(written_and_read_is_the_same),
        cmocka_unit_test(a_record_becomes_markdown_and_the_same_record_again),
        cmocka_unit_test(a_file_may_have_several_thoughts),
        cmocka_unit_test(what_is_wrong_is_named_with_its_line),
        cmocka_unit_test(failed_allocations_leave_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
