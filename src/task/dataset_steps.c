/* Solutions with labelled steps. What a label means differs from set to set: the first wrong step
 * (steps after it have none), every wrong step, or a rating a step. A number that names no step is
 * a refusal. */
#include <stdio.h>
#include <string.h>

#include "task/dataset_inner.h"

/* A 1-based number of a step as an index, checked. */
static tj_code read_step_number(tj_mapper *m, size_t *index, int64_t number, size_t n_steps,
                                const char *field)
{
    if (number < 1 || (uint64_t)number > n_steps) {
        return tj_map_refuse(m, field, "names step %lld of %zu", (long long)number, n_steps);
    }
    *index = (size_t)number - 1;
    return TJ_OK;
}

/* ------------------------------------------------------------------ PRM800K, a candidate a row */

tj_code tj_map_critic(tj_mapper *m)
{
    static const char *const carried[] = {"error_reason", "is_preferred_response", "is_solution",
                                          NULL};
    tj_data_solution s = {.role = TJ_SOLUTION_ATTEMPT, .correct = TJ_NOT_MARKED};
    tj_data_step *steps = NULL;
    bool human = false;
    tj_code rc = tj_map_text(m, &m->record.problem, 0, "instruction");
    if (rc == TJ_OK) {
        rc = tj_map_steps(m, &steps, &s.n_steps, 1, 0, "responses");
    }
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &steps[s.n_steps].text, 0, "next_response");
    }
    if (rc == TJ_OK) {
        rc = tj_map_rating(m, &steps[s.n_steps++].label, 0, "rating");
    }
    if (rc == TJ_OK) {
        rc = tj_map_optional(m, &s.answer, 0, "answer");
    }
    if (rc == TJ_OK) {
        rc = tj_map_bool(m, &human, 0, "is_human_response");
    }
    if (rc == TJ_OK) {
        rc = tj_map_meta(m, 0, carried);
    }
    s.steps = steps;
    s.author = human ? (tj_str){"human", 5} : s.author;
    m->record.labeller = "human";
    return rc == TJ_OK ? tj_map_solution(m, &s) : rc;
}

/* ------------------------------------------------------------------ ProcessBench */

tj_code tj_map_processbench(tj_mapper *m)
{
    static const char *const carried[] = {"id", NULL};
    tj_data_solution s = {.role = TJ_SOLUTION_ATTEMPT};
    tj_data_step *steps = NULL;
    bool correct = false;
    int64_t label = 0;
    tj_code rc = tj_map_text(m, &m->record.problem, 0, "problem");
    if (rc == TJ_OK) {
        rc = tj_map_steps(m, &steps, &s.n_steps, 0, 0, "steps");
    }
    if (rc == TJ_OK) {
        rc = tj_map_int(m, &label, 0, "label");
    }
    if (rc == TJ_OK && (label < -1 || label >= (int64_t)s.n_steps || s.n_steps == 0)) {
        rc = tj_map_refuse(m, "label", "is %lld, but there are %zu steps (from 0; -1: all right)",
                           (long long)label, s.n_steps);
    }
    if (rc == TJ_OK) {
        rc = tj_map_bool(m, &correct, 0, "final_answer_correct");
    }
    if (rc == TJ_OK) {
        rc = tj_map_optional(m, &s.author, 0, "generator");
    }
    if (rc == TJ_OK) {
        rc = tj_map_meta(m, 0, carried); /* the id is of the solution: problems repeat */
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_label_by_first_wrong(steps, s.n_steps, label < 0 ? s.n_steps : (size_t)label);
    s.steps = steps;
    s.correct = correct ? 1 : 0;
    m->record.labeller = "human";
    return tj_map_solution(m, &s);
}

/* ------------------------------------------------------------------ MR-GSM8K, MR-MATH */

/* "correct" or "wrong". */
static tj_code read_correctness(tj_mapper *m, bool *correct, const char *field)
{
    tj_str text;
    tj_code rc = tj_map_text(m, &text, 0, field);
    if (rc == TJ_OK) {
        *correct = tj_str_is(text, "correct");
        if (!*correct && !tj_str_is(text, "wrong")) {
            rc = tj_map_refuse(m, field, "expected correct or wrong");
        }
    }
    return rc;
}

/* The labels of a solution that is right or whose first wrong step is known: both fields must say
 * the same. */
static tj_code label_by_error_step(tj_mapper *m, tj_data_step *steps, size_t n)
{
    static const char field[] = "model_output_solution_first_error_step";
    bool correct = false;
    size_t value;
    size_t first = n;
    int64_t number;
    tj_code rc = read_correctness(m, &correct, "model_output_solution_correctness");
    if (rc == TJ_OK) {
        rc = tj_map_find(m, &value, 0, field);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    if (value != 0 && tj_jtape_int(&m->tape, value, &number)) {
        if (correct) {
            return tj_map_refuse(m, field, "names step %lld of a solution that is called correct",
                                 (long long)number);
        }
        rc = read_step_number(m, &first, number, n, field);
    } else if (value == 0 || m->tape.nodes[value].kind != TJ_JSON_STRING ||
               !tj_str_is(tj_jtape_text(&m->tape, value), "N/A")) {
        return tj_map_wrong_type(m, field, "an integer or N/A", value);
    } else if (!correct) {
        return tj_map_refuse(m, field, "is N/A, but the solution is called wrong");
    }
    if (rc == TJ_OK) {
        tj_label_by_first_wrong(steps, n, first);
    }
    return rc;
}

static tj_code need_steps(tj_mapper *m, size_t n, const char *field)
{
    return n == 0 ? tj_map_refuse(m, field, "has no step") : TJ_OK;
}

tj_code tj_map_mr_gsm8k(tj_mapper *m)
{
    static const char *const carried[] = {"model_output_solution_first_error_reason",
                                          "question_type", "uuid", NULL};
    tj_data_solution *both = NULL; /* the model's, and the reference, which some have not */
    tj_data_step *steps = NULL;
    bool correct = false;
    tj_data_record *r = &m->record;
    tj_code rc = tj_map_alloc(m, &both, 2, sizeof *both);
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &r->problem, 0, "question");
    }
    if (rc == TJ_OK) {
        rc = tj_map_scalar(m, &r->answer, 0, "ground_truth_answer");
    }
    if (rc == TJ_OK) {
        rc = tj_map_optional(m, &both[1].text, 0, "ground_truth_solution");
    }
    if (rc == TJ_OK) {
        rc = tj_map_steps(m, &steps, &both[0].n_steps, 0, 0, "model_output_steps");
    }
    if (rc == TJ_OK) {
        rc = need_steps(m, both[0].n_steps, "model_output_steps");
    }
    if (rc == TJ_OK) {
        rc = label_by_error_step(m, steps, both[0].n_steps);
    }
    if (rc == TJ_OK) {
        rc = read_correctness(m, &correct, "model_output_answer_correctness");
    }
    if (rc == TJ_OK) {
        rc = tj_map_meta(m, 0, carried);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    both[0].role = TJ_SOLUTION_ATTEMPT;
    both[0].steps = steps;
    both[0].correct = correct ? 1 : 0;
    both[1].answer = r->answer;
    both[1].correct = TJ_NOT_MARKED;
    r->solutions = both;
    r->n_solutions = both[1].text.n == 0 ? 1 : 2;
    r->labeller = "human";
    return TJ_OK;
}

/* Steps that are lists of sentences: each a step, its sentences joined by a space. */
static tj_code read_sentences(tj_mapper *m, tj_data_step **out, size_t *n, const char *field)
{
    size_t array;
    tj_data_step *steps = NULL;
    tj_code rc = tj_map_value(m, &array, 0, field, TJ_JSON_ARRAY);
    if (rc != TJ_OK) {
        return rc;
    }
    const tj_jnode *nodes = m->tape.nodes;
    *n = nodes[array].count;
    rc = tj_map_alloc(m, &steps, *n, sizeof *steps);
    *out = steps;
    size_t value = array + 1;
    for (size_t i = 0; i < *n && rc == TJ_OK; i++) {
        char *text = NULL;
        size_t len = 0;
        char name[TJ_DATA_FIELD];
        (void)snprintf(name, sizeof name, "%s[%zu]", field, i);
        if (nodes[value].kind != TJ_JSON_ARRAY) {
            return tj_map_wrong_type(m, name, "an array", value);
        }
        rc = tj_map_alloc(m, &text, nodes[value].n + (size_t)1, 1); /* as JSON it is longer */
        for (size_t s = value + 1; s < nodes[value].past && rc == TJ_OK; s = nodes[s].past) {
            if (nodes[s].kind != TJ_JSON_STRING) {
                return tj_map_wrong_type(m, name, "an array of texts", s);
            }
            tj_str sentence = tj_jtape_text(&m->tape, s);
            if (len > 0) {
                text[len++] = ' ';
            }
            memcpy(text + len, sentence.s, sentence.n);
            len += sentence.n;
        }
        steps[i] = (tj_data_step){{text, len}, TJ_NO_LABEL};
        value = nodes[value].past;
    }
    return rc == TJ_OK ? need_steps(m, *n, field) : rc;
}

/* The labels of a list that must be as long as the steps. */
static tj_code read_ratings(tj_mapper *m, tj_data_step *steps, size_t n, size_t array)
{
    const tj_jnode *nodes = m->tape.nodes;
    if (nodes[array].kind != TJ_JSON_ARRAY || nodes[array].count != n) {
        return tj_map_refuse(m, "rating", "%u ratings for %zu steps", (unsigned)nodes[array].count,
                             n);
    }
    size_t value = array + 1;
    for (size_t i = 0; i < n; i++, value = nodes[value].past) {
        int64_t rating;
        if (!tj_jtape_int(&m->tape, value, &rating) || rating < -1 || rating > 1) {
            return tj_map_refuse(m, "rating", "the one of step %zu is not -1, 0 or 1", i + 1);
        }
        steps[i].label = (int)rating;
    }
    return TJ_OK;
}

tj_code tj_map_reasoneval(tj_mapper *m)
{
    static const char *const carried[] = {"id", NULL};
    tj_data_solution s = {.role = TJ_SOLUTION_ATTEMPT, .correct = TJ_NOT_MARKED};
    tj_data_step *steps = NULL;
    size_t ratings = 0;
    bool correct = false;
    tj_code rc = tj_map_text(m, &m->record.problem, 0, "question");
    if (rc == TJ_OK) {
        rc = tj_map_scalar(m, &m->record.answer, 0, "ground_truth_answer");
    }
    if (rc == TJ_OK) {
        rc = tj_map_optional(m, &s.author, 0, "generator");
    }
    if (rc == TJ_OK) {
        rc = read_sentences(m, &steps, &s.n_steps, "model_output_step_format");
    }
    if (rc == TJ_OK) {
        rc = tj_map_find(m, &ratings, 0, "rating");
    }
    if (rc == TJ_OK && ratings != 0) {
        rc = read_ratings(m, steps, s.n_steps, ratings);
    } else if (rc == TJ_OK) {
        rc = label_by_error_step(m, steps, s.n_steps);
        if (rc == TJ_OK) {
            rc = read_correctness(m, &correct, "model_output_answer_correctness");
        }
        s.correct = correct ? 1 : 0;
    }
    if (rc == TJ_OK) {
        rc = tj_map_meta(m, 0, carried);
    }
    s.steps = steps;
    m->record.labeller = "human";
    return rc == TJ_OK ? tj_map_solution(m, &s) : rc;
}

/* ------------------------------------------------------------------ PRMBench */

/* Every step is right but those that error_steps names. Only sets of alternative solutions name
 * none. */
static tj_code label_by_error_steps(tj_mapper *m, tj_data_step *steps, size_t n)
{
    size_t array;
    tj_str class;
    tj_code rc = tj_map_value(m, &array, 0, "error_steps", TJ_JSON_ARRAY);
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &class, 0, "classification");
    }
    if (rc != TJ_OK) {
        return rc;
    }
    const tj_jnode *nodes = m->tape.nodes;
    if (nodes[array].count == 0 && !tj_str_is(class, "multi_solutions")) {
        return tj_map_refuse(m, "error_steps", "names no step of a solution with an error");
    }
    for (size_t i = 0; i < n; i++) {
        steps[i].label = 1;
    }
    for (size_t value = array + 1; value < nodes[array].past; value = nodes[value].past) {
        int64_t number;
        size_t index = 0;
        if (!tj_jtape_int(&m->tape, value, &number)) {
            return tj_map_wrong_type(m, "error_steps", "integers", value);
        }
        rc = read_step_number(m, &index, number, n, "error_steps");
        if (rc != TJ_OK) {
            return rc;
        }
        steps[index].label = -1;
    }
    return TJ_OK;
}

tj_code tj_map_prmbench(tj_mapper *m)
{
    static const char *const carried[] = {"classification", "idx",    "original_question",
                                          "question",       "reason", NULL};
    tj_data_solution *both = NULL;
    tj_data_step *original = NULL;
    tj_data_step *modified = NULL;
    tj_code rc = tj_map_alloc(m, &both, 2, sizeof *both);
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &m->record.problem, 0, "modified_question");
    }
    if (rc == TJ_OK) {
        rc = tj_map_steps(m, &original, &both[0].n_steps, 0, 0, "original_process");
    }
    if (rc == TJ_OK) {
        rc = tj_map_steps(m, &modified, &both[1].n_steps, 0, 0, "modified_process");
    }
    if (rc == TJ_OK) {
        rc = need_steps(m, both[1].n_steps, "modified_process");
    }
    if (rc == TJ_OK) {
        rc = label_by_error_steps(m, modified, both[1].n_steps);
    }
    if (rc == TJ_OK) {
        rc = tj_map_scalar(m, &m->record.answer, 0, "ground_truth");
    }
    if (rc == TJ_OK) {
        rc = tj_map_meta(m, 0, carried);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_label_by_first_wrong(original, both[0].n_steps, both[0].n_steps);
    both[0].steps = original;
    both[0].correct = TJ_NOT_MARKED;
    both[1] = (tj_data_solution){.role = TJ_SOLUTION_ATTEMPT,
                                 .steps = modified,
                                 .n_steps = both[1].n_steps,
                                 .correct = TJ_NOT_MARKED};
    m->record.solutions = both;
    m->record.n_solutions = 2;
    m->record.labeller = "the data set";
    return TJ_OK;
}

/* ------------------------------------------------------------------ Math-Shepherd */

#define STEP_MARK "\xD0\xBA\xD0\xB8" /* two Cyrillic letters that end a step in `input` */

/* Adds the step that ends at the next mark: `input` has the mark where `label` has + or -, and
 * else they are the same. */
static tj_code add_marked_step(tj_mapper *m, tj_data_step *step, tj_str *input, tj_str *label)
{
    size_t n = tj_str_find(*input, STEP_MARK);
    if (label->n <= n || memcmp(label->s, input->s, n) != 0) {
        return tj_map_refuse(m, "label", "is not what input has");
    }
    char sign = label->s[n];
    if (sign != '+' && sign != '-') {
        return tj_map_refuse(m, "label", "has no + or - where input has a step's mark");
    }
    step->text = tj_str_trim((tj_str){input->s, n});
    step->label = sign == '+' ? 1 : -1;
    *input = tj_str_from(*input, n + strlen(STEP_MARK));
    *label = tj_str_from(*label, n + 1);
    return step->text.n == 0 ? tj_map_refuse(m, "input", "a step is empty") : TJ_OK;
}

/* Cuts the problem off, which ends where the first step begins. */
static tj_code take_problem(tj_mapper *m, tj_str *input, tj_str *label)
{
    size_t n = tj_str_find(*input, "Step 1:");
    if (n == SIZE_MAX || tj_str_trim((tj_str){input->s, n}).n == 0) {
        return tj_map_refuse(m, "input", "has no problem before Step 1:");
    }
    if (label->n < n || memcmp(label->s, input->s, n) != 0) {
        return tj_map_refuse(m, "label", "begins with another problem than input");
    }
    m->record.problem = tj_str_trim((tj_str){input->s, n});
    *input = tj_str_from(*input, n);
    *label = tj_str_from(*label, n);
    return TJ_OK;
}

static size_t count_marks(tj_str text)
{
    size_t n = 0;
    for (size_t at = tj_str_find(text, STEP_MARK); at != SIZE_MAX; n++) {
        text = tj_str_from(text, at + strlen(STEP_MARK));
        at = tj_str_find(text, STEP_MARK);
    }
    return n;
}

tj_code tj_map_math_shepherd(tj_mapper *m)
{
    static const char *const carried[] = {"task", NULL};
    static const char answer_mark[] = "The answer is:";
    tj_data_solution s = {.role = TJ_SOLUTION_ATTEMPT, .correct = TJ_NOT_MARKED};
    tj_data_step *steps = NULL;
    tj_str input;
    tj_str label;
    tj_code rc = tj_map_text(m, &input, 0, "input");
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &label, 0, "label");
    }
    if (rc == TJ_OK) {
        rc = take_problem(m, &input, &label);
    }
    if (rc == TJ_OK) {
        s.n_steps = count_marks(input);
        rc = need_steps(m, s.n_steps, "input");
    }
    if (rc == TJ_OK) {
        rc = tj_map_alloc(m, &steps, s.n_steps, sizeof *steps);
    }
    for (size_t i = 0; i < s.n_steps && rc == TJ_OK; i++) {
        rc = add_marked_step(m, &steps[i], &input, &label);
    }
    if (rc == TJ_OK && (tj_str_trim(input).n > 0 || tj_str_trim(label).n > 0)) {
        rc = tj_map_refuse(m, "input", "a step without a mark at the end");
    }
    if (rc == TJ_OK) {
        rc = tj_map_meta(m, 0, carried);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    tj_str last = steps[s.n_steps - 1].text;
    size_t at = tj_str_find_last(last, answer_mark);
    s.answer = at == SIZE_MAX ? s.answer : tj_str_trim(tj_str_from(last, at + strlen(answer_mark)));
    s.answer.s = s.answer.n == 0 ? NULL : s.answer.s;
    s.steps = steps;
    m->record.labeller = "monte-carlo";
    return tj_map_solution(m, &s);
}
