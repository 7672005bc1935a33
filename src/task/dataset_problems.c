/* Problems with reference solutions: MATH, GSM8K, MGSM, and anything by a map of fields. */
#include <stdio.h>
#include <string.h>

#include "base/character.h"
#include "task/dataset_inner.h"

/* ------------------------------------------------------------------ MATH */

tj_str tj_last_boxed(tj_str solution)
{
    size_t boxed = tj_str_find_last(solution, "\\boxed");
    size_t fbox = tj_str_find_last(solution, "\\fbox");
    size_t at = boxed == SIZE_MAX ? fbox : fbox == SIZE_MAX || boxed > fbox ? boxed : fbox;
    if (at == SIZE_MAX) {
        return (tj_str){NULL, 0};
    }
    at += solution.s[at + 1] == 'b' ? strlen("\\boxed") : strlen("\\fbox");
    tj_str rest = tj_str_from(solution, at);
    if (rest.n > 0 && rest.s[0] == ' ') {
        size_t n = 0;
        while (n < rest.n && rest.s[n] != '$' && rest.s[n] != '\n') {
            n++;
        }
        return tj_str_trim((tj_str){rest.s, n});
    }
    size_t depth = 0;
    for (size_t i = 0; i < rest.n; i++) {
        if (rest.s[i] == '{') {
            depth++;
        } else if (rest.s[i] == '}' && depth > 0 && --depth == 0) {
            return tj_str_trim((tj_str){rest.s + 1, i - 1});
        }
        if (depth == 0) {
            break;
        }
    }
    return (tj_str){NULL, 0};
}

/* "Level 3", 3 or 3.0; "Level ?" is not known. */
static tj_code read_level(tj_mapper *m, const char *field)
{
    size_t value;
    int64_t level = 0;
    tj_code rc = tj_map_find(m, &value, 0, field);
    if (rc != TJ_OK || value == 0 || m->tape.nodes[value].kind == TJ_JSON_NULL) {
        return rc;
    }
    bool ok = tj_jtape_int(&m->tape, value, &level);
    if (m->tape.nodes[value].kind == TJ_JSON_STRING) {
        tj_str text = tj_jtape_text(&m->tape, value);
        ok = text.n == 7 && memcmp(text.s, "Level ", 6) == 0;
        level = ok && text.s[6] != '?' ? text.s[6] - '0' : 0;
        ok = ok && (level != 0 || text.s[6] == '?');
    }
    if (!ok || level < 0 || level > 5) {
        return tj_map_refuse(m, field, "expected Level 1 to Level 5, Level ?, or 1 to 5");
    }
    m->record.level = (size_t)level;
    return TJ_OK;
}

/* The first of two fields that is there. */
static tj_code either(tj_mapper *m, tj_str *out, const char *first, const char *second)
{
    tj_code rc = tj_map_scalar(m, out, 0, first);
    return rc == TJ_OK && out->s == NULL ? tj_map_scalar(m, out, 0, second) : rc;
}

tj_code tj_map_math(tj_mapper *m)
{
    tj_data_record *r = &m->record;
    tj_str solution = {NULL, 0};
    tj_code rc = tj_map_text(m, &r->problem, 0, "problem");
    if (rc == TJ_OK) {
        rc = tj_map_optional(m, &solution, 0, "solution");
    }
    if (rc == TJ_OK) {
        rc = tj_map_scalar(m, &r->answer, 0, "answer");
    }
    if (rc == TJ_OK) {
        rc = either(m, &r->subject, "subject", "type");
    }
    if (rc == TJ_OK) {
        rc = either(m, &r->id, "unique_id", "idx");
    }
    if (rc == TJ_OK) {
        rc = read_level(m, "level");
    }
    if (rc == TJ_OK) {
        rc = read_level(m, "difficulty");
    }
    if (rc == TJ_OK && r->answer.s == NULL && solution.s == NULL) {
        rc = tj_map_refuse(m, "answer", "is missing or null, and there is no solution");
    }
    if (rc == TJ_OK && r->answer.s == NULL) {
        r->answer = tj_last_boxed(solution);
        rc = r->answer.n == 0
                 ? tj_map_refuse(m, "solution", "has no \\boxed{...} with an answer in it")
                 : TJ_OK;
    }
    if (rc != TJ_OK || solution.s == NULL) {
        return rc;
    }
    return tj_map_solution(m, &(tj_data_solution){.role = TJ_SOLUTION_REFERENCE,
                                                  .text = solution,
                                                  .answer = r->answer,
                                                  .correct = TJ_NOT_MARKED});
}

/* ------------------------------------------------------------------ GSM8K */

/* The text without its <<calculations>>, as long as the record lives. */
static tj_code without_calculations(tj_mapper *m, tj_str *out, tj_str text)
{
    char *to = NULL;
    tj_code rc = tj_map_alloc(m, &to, text.n + 1, 1);
    *out = (tj_str){to, 0};
    while (rc == TJ_OK && text.n > 0) {
        size_t begin = tj_str_find(text, "<<");
        size_t end = begin == SIZE_MAX ? SIZE_MAX : tj_str_find(tj_str_from(text, begin), ">>");
        size_t plain = end == SIZE_MAX ? text.n : begin;
        memcpy(to + out->n, text.s, plain);
        out->n += plain;
        text = tj_str_from(text, end == SIZE_MAX ? text.n : begin + end + 2);
    }
    return rc;
}

/* The lines of a solution as steps, blank ones passed over. */
static tj_code lines_as_steps(tj_mapper *m, tj_data_solution *s, tj_str text)
{
    tj_data_step *steps = NULL;
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++) {
        n += text.s[i] == '\n' ? 1 : 0;
    }
    tj_code rc = tj_map_alloc(m, &steps, n, sizeof *steps);
    s->steps = steps;
    while (rc == TJ_OK && text.n > 0) {
        size_t newline = tj_str_find(text, "\n");
        size_t end = newline == SIZE_MAX ? text.n : newline;
        tj_str line = tj_str_trim((tj_str){text.s, end});
        if (line.n > 0) {
            tj_data_step *step = &steps[s->n_steps++];
            step->label = TJ_NO_LABEL;
            rc = without_calculations(m, &step->text, line);
        }
        text = tj_str_from(text, newline == SIZE_MAX ? text.n : newline + 1);
    }
    return rc;
}

/* A solution whose final answer stands behind the last `mark`; without one it has no answer. */
static tj_code read_marked(tj_mapper *m, tj_data_solution *s, tj_str text, const char *mark)
{
    size_t at = tj_str_find_last(text, mark);
    s->text = text;
    if (at == SIZE_MAX) {
        return lines_as_steps(m, s, text);
    }
    s->answer = tj_str_trim(tj_str_from(text, at + strlen(mark)));
    s->answer.s = s->answer.n == 0 ? NULL : s->answer.s;
    return lines_as_steps(m, s, (tj_str){text.s, at});
}

tj_code tj_map_gsm8k(tj_mapper *m)
{
    tj_data_solution s = {.role = TJ_SOLUTION_REFERENCE, .correct = TJ_NOT_MARKED};
    tj_str text;
    tj_code rc = tj_map_text(m, &m->record.problem, 0, "question");
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &text, 0, "answer");
    }
    if (rc == TJ_OK) {
        rc = read_marked(m, &s, text, "####");
    }
    if (rc == TJ_OK && s.answer.s == NULL) {
        rc = tj_map_refuse(m, "answer", "does not end in #### and the final answer");
    }
    m->record.answer = s.answer;
    return rc == TJ_OK ? tj_map_solution(m, &s) : rc;
}

static bool is_object(const tj_mapper *m, size_t value)
{
    return m->tape.nodes[value].kind == TJ_JSON_OBJECT;
}

static tj_code read_model_solution(tj_mapper *m, tj_data_solution *s, size_t name)
{
    tj_str text;
    bool correct = false;
    *s = (tj_data_solution){.role = TJ_SOLUTION_ATTEMPT};
    s->author = tj_jtape_text(&m->tape, name);
    tj_code rc = tj_map_text(m, &text, name + 1, "solution");
    if (rc == TJ_OK) {
        rc = tj_map_bool(m, &correct, name + 1, "is_correct");
    }
    s->correct = correct ? 1 : 0;
    return rc == TJ_OK ? read_marked(m, s, text, "\nA:") : rc;
}

tj_code tj_map_gsm8k_solutions(tj_mapper *m)
{
    const tj_jnode *nodes = m->tape.nodes;
    tj_data_solution *all = NULL;
    tj_str text;
    size_t n = 0;
    tj_code rc = tj_map_text(m, &m->record.problem, 0, "question");
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &text, 0, "ground_truth");
    }
    if (rc == TJ_OK) {
        rc = tj_map_alloc(m, &all, 1 + nodes[0].count, sizeof *all);
    }
    if (rc == TJ_OK) {
        all[0].correct = TJ_NOT_MARKED;
        rc = read_marked(m, &all[n++], text, "\nA:");
    }
    if (rc == TJ_OK && all[0].answer.s == NULL) {
        rc = tj_map_refuse(m, "ground_truth", "does not end in A: and the final answer");
    }
    for (size_t name = 1; name < nodes[0].past && rc == TJ_OK; name = nodes[name + 1].past) {
        if (is_object(m, name + 1)) {
            rc = read_model_solution(m, &all[n++], name);
        }
    }
    if (rc == TJ_OK) {
        m->record.answer = all[0].answer;
        m->record.solutions = all;
        m->record.n_solutions = n;
    }
    return rc;
}

/* ------------------------------------------------------------------ MGSM */

static tj_code map_mgsm_line(tj_mapper *m)
{
    size_t tab = tj_str_find(m->text, "\t");
    if (tab == SIZE_MAX) {
        return tj_map_refuse(m, "", "expected a question, a tab and an answer");
    }
    tj_str answer = tj_str_trim(tj_str_from(m->text, tab + 1));
    if (tj_str_find(answer, "\t") != SIZE_MAX) {
        return tj_map_refuse(m, "", "more than one tab in the line");
    }
    m->record.problem = tj_str_trim((tj_str){m->text.s, tab});
    m->record.answer = answer;
    for (size_t i = 0; i < m->text.n;) {
        size_t n = tj_character_bytes((const unsigned char *)m->text.s + i, m->text.n - i);
        if (n == 0 || m->text.s[i] == '\0') {
            return tj_map_refuse(m, "", n == 0 ? "not UTF-8 at byte %zu" : "a zero at byte %zu",
                                 i + 1);
        }
        i += n;
    }
    return m->record.problem.n == 0 ? tj_map_refuse(m, "question", "is empty")
           : answer.n == 0          ? tj_map_refuse(m, "answer", "is empty")
                                    : TJ_OK;
}

tj_code tj_map_mgsm(tj_mapper *m)
{
    if (m->text.s != NULL) {
        return map_mgsm_line(m);
    }
    tj_code rc = tj_map_text(m, &m->record.problem, 0, "question");
    if (rc == TJ_OK) {
        rc = either(m, &m->record.answer, "answer_number", "answer");
    }
    if (rc == TJ_OK && tj_str_trim(m->record.answer).n == 0) {
        rc = tj_map_refuse(m, "answer", "is missing, null or empty");
    }
    return rc;
}

/* ------------------------------------------------------------------ fields by a map */

static const char *const targets[] = {"problem", "answer",  "solution", "steps", "labels",
                                      "id",      "subject", "level",    "author"};

static tj_code add_pair(tj_data_map *out, const char *text, size_t n, tj_err *err)
{
    const char *equals = memchr(text, '=', n);
    size_t n_target = equals == NULL ? 0 : (size_t)(equals - text);
    size_t n_field = equals == NULL ? 0 : n - n_target - 1;
    if (n_target == 0 || n_field == 0 || n_field >= TJ_DATA_FIELD || out->n == TJ_DATA_MAX_MAP) {
        return tj_fail(err, TJ_E_INVAL, "'%.*s' is not of the form target=field", (int)n, text);
    }
    bool known = false;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        known =
            known || (strlen(targets[i]) == n_target && memcmp(targets[i], text, n_target) == 0);
    }
    if (!known) {
        return tj_fail(err, TJ_E_INVAL,
                       "'%.*s' is no target of a map: expected problem, answer, solution, steps, "
                       "labels, id, subject, level or author",
                       (int)n_target, text);
    }
    char target[16];
    (void)snprintf(target, sizeof target, "%.*s", (int)n_target, text);
    for (size_t i = 0; i < out->n; i++) {
        if (strcmp(out->pairs[i].target, target) == 0) {
            return tj_fail(err, TJ_E_INVAL, "the map has %s twice", target);
        }
    }
    memcpy(out->pairs[out->n].target, target, sizeof target);
    memcpy(out->pairs[out->n].field, equals + 1, n_field);
    out->pairs[out->n++].field[n_field] = '\0';
    return TJ_OK;
}

static const char *mapped(const tj_data_map *map, const char *target)
{
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(map->pairs[i].target, target) == 0) {
            return map->pairs[i].field;
        }
    }
    return NULL;
}

tj_code tj_data_map_parse(tj_data_map *out, const char *text, tj_err *err)
{
    tj_code rc = TJ_OK;
    *out = (tj_data_map){0};
    while (rc == TJ_OK) {
        size_t n = strcspn(text, ",");
        rc = add_pair(out, text, n, err);
        if (text[n] == '\0') {
            break;
        }
        text += n + 1;
    }
    if (rc == TJ_OK && mapped(out, "problem") == NULL) {
        rc = tj_fail(err, TJ_E_INVAL, "the map does not say which field is the problem");
    }
    if (rc == TJ_OK && mapped(out, "labels") != NULL && mapped(out, "steps") == NULL) {
        rc = tj_fail(err, TJ_E_INVAL, "the map has labels, but no steps");
    }
    return rc;
}

/* A label of a step: -1, 0, 1, true, false, or null for none. */
static bool read_label(const tj_jtape *tape, size_t value, int *label)
{
    int64_t number = 0;
    tj_json_kind kind = (tj_json_kind)tape->nodes[value].kind;
    *label = kind == TJ_JSON_NULL ? TJ_NO_LABEL : kind == TJ_JSON_TRUE ? 1 : -1;
    if (kind == TJ_JSON_NUMBER && tj_jtape_int(tape, value, &number) && number >= -1 &&
        number <= 1) {
        *label = (int)number;
        return true;
    }
    return kind < TJ_JSON_NUMBER;
}

/* Fills in the labels of steps from an array that must have as many. */
static tj_code map_labels(tj_mapper *m, tj_data_step *steps, size_t n, const char *field)
{
    size_t array;
    tj_code rc = tj_map_value(m, &array, 0, field, TJ_JSON_ARRAY);
    if (rc != TJ_OK) {
        return rc;
    }
    if (m->tape.nodes[array].count != n) {
        return tj_map_refuse(m, field, "%u labels for %zu steps",
                             (unsigned)m->tape.nodes[array].count, n);
    }
    size_t value = array + 1;
    for (size_t i = 0; i < n; i++) {
        if (!read_label(&m->tape, value, &steps[i].label)) {
            char name[TJ_DATA_FIELD + 24];
            (void)snprintf(name, sizeof name, "%s[%zu]", field, i);
            return tj_map_wrong_type(m, name, "-1, 0, 1, true, false or null", value);
        }
        value = m->tape.nodes[value].past;
    }
    return TJ_OK;
}

tj_code tj_map_fields(tj_mapper *m)
{
    const tj_data_map *map = m->map;
    tj_data_record *r = &m->record;
    tj_data_solution s = {.role = TJ_SOLUTION_ATTEMPT, .correct = TJ_NOT_MARKED};
    const struct {
        const char *target;
        tj_str *out;
    } texts[] = {{"answer", &r->answer},
                 {"id", &r->id},
                 {"subject", &r->subject},
                 {"author", &s.author},
                 {"solution", &s.text}};
    tj_code rc = tj_map_text(m, &r->problem, 0, mapped(map, "problem"));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && rc == TJ_OK; i++) {
        const char *field = mapped(map, texts[i].target);
        rc = field == NULL ? TJ_OK : tj_map_scalar(m, texts[i].out, 0, field);
    }
    if (rc == TJ_OK && mapped(map, "level") != NULL) {
        rc = read_level(m, mapped(map, "level"));
    }
    const char *field = mapped(map, "steps");
    if (rc == TJ_OK && field != NULL) {
        tj_data_step *steps = NULL;
        rc = tj_map_steps(m, &steps, &s.n_steps, 0, 0, field);
        s.steps = steps;
        if (rc == TJ_OK && mapped(map, "labels") != NULL) {
            rc = map_labels(m, steps, s.n_steps, mapped(map, "labels"));
            r->labeller = "the data set";
        }
    } else if (rc == TJ_OK && s.text.s != NULL) {
        s.role = TJ_SOLUTION_REFERENCE; /* a text without judgement */
        s.answer = r->answer;
    }
    bool any = s.text.s != NULL || s.n_steps > 0;
    return rc == TJ_OK && any ? tj_map_solution(m, &s) : rc;
}
