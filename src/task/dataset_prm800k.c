/* PRM800K as it was released: a tree, in which the rated completions of a step hang from the one
 * that was chosen before, or from what a human wrote instead. */
#include <string.h>

#include "task/dataset_inner.h"

typedef struct prm {
    tj_data_node *nodes;
    size_t n;  /* so far */
    size_t at; /* the node that the next step follows; SIZE_MAX: none was chosen */
} prm;

static tj_code add_completion(tj_mapper *m, prm *p, size_t value, bool human)
{
    tj_data_node *node = &p->nodes[p->n];
    if (m->tape.nodes[value].kind != TJ_JSON_OBJECT) {
        return tj_map_refuse(m, "completions", "expected objects");
    }
    tj_code rc = tj_map_text(m, &node->text, value, "text");
    if (rc == TJ_OK) {
        rc = tj_map_rating(m, &node->label, value, "rating");
    }
    node->parent = p->at;
    node->meta = human ? (tj_str){"{\"source\":\"human\"}", 18} : node->meta;
    p->n++;
    return rc;
}

/* The index of the step's chosen node: a completion, what a human wrote instead, or none. */
static tj_code choose(tj_mapper *m, prm *p, size_t step, size_t first, size_t n_completions,
                      bool has_human)
{
    size_t value;
    int64_t chosen;
    tj_code rc = tj_map_find(m, &value, step, "chosen_completion");
    if (rc != TJ_OK) {
        return rc;
    }
    if (value != 0 && m->tape.nodes[value].kind == TJ_JSON_NULL) {
        p->at = has_human ? first + n_completions : SIZE_MAX;
        return TJ_OK;
    }
    if (value == 0 || !tj_jtape_int(&m->tape, value, &chosen)) {
        return tj_map_wrong_type(m, "chosen_completion", "an integer or null", value);
    }
    if (chosen < 0 || (uint64_t)chosen >= n_completions) {
        return tj_map_refuse(m, "chosen_completion", "is %lld of %zu completions (from 0)",
                             (long long)chosen, n_completions);
    }
    p->at = first + (size_t)chosen;
    return TJ_OK;
}

static tj_code add_prm_step(tj_mapper *m, prm *p, size_t step)
{
    const tj_jnode *tape = m->tape.nodes;
    size_t list;
    size_t human;
    size_t first = p->n;
    tj_code rc = tj_map_find(m, &list, step, "completions");
    if (rc == TJ_OK && p->at == SIZE_MAX) {
        rc = tj_map_refuse(m, "completions", "follow a step of which nothing was chosen");
    }
    bool none = list != 0 && tape[list].kind == TJ_JSON_NULL; /* where the labeller gave up */
    if (rc == TJ_OK && (list == 0 || (tape[list].kind != TJ_JSON_ARRAY && !none))) {
        rc = tj_map_wrong_type(m, "completions", "an array or null", list);
    }
    for (size_t v = list + 1; rc == TJ_OK && !none && v < tape[list].past; v = tape[v].past) {
        rc = add_completion(m, p, v, false);
    }
    size_t n_completions = p->n - first;
    if (rc == TJ_OK) {
        rc = tj_map_find(m, &human, step, "human_completion");
    }
    bool has_human = rc == TJ_OK && human != 0 && tape[human].kind != TJ_JSON_NULL;
    if (rc == TJ_OK && has_human) {
        rc = add_completion(m, p, human, true);
    }
    return rc == TJ_OK ? choose(m, p, step, first, n_completions, has_human) : rc;
}

/* Nodes that the steps have together, and one for the root. */
static size_t count_completions(tj_mapper *m, size_t steps)
{
    const tj_jnode *tape = m->tape.nodes;
    size_t n = 1;
    for (size_t v = steps + 1; v < tape[steps].past; v = tape[v].past) {
        size_t list = tj_jtape_member(&m->tape, v, "completions", NULL);
        n += 1 + (list == 0 ? 0 : tape[list].count); /* 1: a human's */
    }
    return n;
}

static tj_code map_prm_label(tj_mapper *m, size_t label)
{
    prm p = {.n = 1};
    size_t steps;
    tj_str reason;
    tj_code rc = tj_map_value(m, &steps, label, "steps", TJ_JSON_ARRAY);
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &reason, label, "finish_reason");
    }
    if (rc == TJ_OK) {
        rc = tj_map_alloc_nodes(m, &p.nodes, count_completions(m, steps), "label.steps");
    }
    size_t i = 0;
    for (size_t v = steps + 1; rc == TJ_OK && v < m->tape.nodes[steps].past; i++) {
        rc = m->tape.nodes[v].kind == TJ_JSON_OBJECT
                 ? tj_map_inside(m, add_prm_step(m, &p, v), "label.steps", i)
                 : tj_map_wrong_type(m, "label.steps", "objects", v);
        v = m->tape.nodes[v].past;
    }
    if (rc == TJ_OK && p.n == 1) {
        rc = tj_map_refuse(m, "label.steps", "has no completion");
    }
    if (rc == TJ_OK && tj_str_is(reason, "solution") && p.at != SIZE_MAX) {
        p.nodes[p.at].terminal = true;
        p.nodes[p.at].correct = p.nodes[p.at].label == 1;
    }
    m->record.n_nodes = p.n;
    m->record.labeller = "human";
    return rc;
}

tj_code tj_map_prm800k(tj_mapper *m)
{
    static const char *const carried[] = {"generation",
                                          "is_initial_screening_question",
                                          "is_quality_control_question",
                                          "labeler",
                                          "timestamp",
                                          NULL};
    tj_data_record *r = &m->record;
    tj_str solution = {NULL, 0};
    size_t question;
    size_t label;
    tj_code rc = tj_map_value(m, &question, 0, "question", TJ_JSON_OBJECT);
    if (rc == TJ_OK) {
        rc = tj_map_value(m, &label, 0, "label", TJ_JSON_OBJECT);
    }
    if (rc == TJ_OK) {
        rc = tj_map_text(m, &r->problem, question, "problem");
    }
    if (rc == TJ_OK) {
        rc = tj_map_scalar(m, &r->answer, question, "ground_truth_answer");
    }
    if (rc == TJ_OK) {
        rc = tj_map_optional(m, &solution, question, "ground_truth_solution");
    }
    if (rc == TJ_OK) {
        rc = map_prm_label(m, label);
    }
    if (rc == TJ_OK) {
        rc = tj_map_meta(m, 0, carried);
    }
    if (rc != TJ_OK || solution.n == 0) {
        return rc;
    }
    return tj_map_solution(m, &(tj_data_solution){.role = TJ_SOLUTION_REFERENCE,
                                                  .text = solution,
                                                  .answer = r->answer,
                                                  .correct = TJ_NOT_MARKED});
}
