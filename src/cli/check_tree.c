/* A file is not to be trusted: before anything is derived from a tree, each of its steps is judged
 * again by the verifier, and its token ids must spell its text; in words the grader looks again at
 * the answers that are called right. A tree that claims more than that is refused, since what is
 * derived from it would teach something false. */
#include "cli/check_tree.h"

#include <string.h>

#include "base/par.h"

/* The first state must be a problem's: what its prompt says, and nothing else. */
static tj_code check_first(const tj_tree *tree, const char *where, tj_err *err)
{
    tj_countdown_state s;
    tj_countdown_problem problem = {.n_numbers = 0};
    tj_task_state again;
    memcpy(&s, tree->first.bytes, sizeof s); /* may hold anything: not unpacked yet */
    bool fits = s.n_numbers >= 2 && s.n_numbers <= TJ_COUNTDOWN_MAX_NUMBERS && s.target >= 1 &&
                s.target <= TJ_COUNTDOWN_MAX_VALUE;
    for (size_t i = 0; fits && i < s.n_numbers; i++) {
        problem.numbers[i] = s.numbers[i];
        fits = s.numbers[i] >= 1 && s.numbers[i] <= TJ_COUNTDOWN_MAX_VALUE &&
               (i == 0 || s.numbers[i] >= s.numbers[i - 1]);
    }
    if (fits) {
        problem.n_numbers = s.n_numbers;
        problem.target = s.target;
        tj_countdown_first_state(&s, &problem);
        tj_countdown_pack(&again, &s);
        fits = memcmp(&again, &tree->first, sizeof again) == 0;
    }
    return fits ? TJ_OK : tj_fail(err, TJ_E_PARSE, "%s: first: not a Countdown problem", where);
}

static bool ids_spell_text(const tj_domain *domain, const tj_node *n)
{
    size_t n_vocab = tj_tokenizer_n_vocab(domain->tok);
    for (size_t i = 0; i < n->n_ids; i++) {
        if (n->ids[i] < 0 || (size_t)n->ids[i] >= n_vocab) {
            return false;
        }
    }
    tj_buf text;
    tj_buf_init(&text);
    tj_tokenizer_decode(domain->tok, &text, n->ids, n->n_ids, true);
    bool same = !text.failed && strcmp(tj_buf_text(&text), n->text) == 0;
    tj_buf_deinit(&text);
    return same;
}

static tj_code check_node(const tj_domain *domain, const tj_tree *tree, size_t i, const char *where,
                          tj_err *err)
{
    const tj_task *task = &domain->task;
    const tj_node *n = &tree->nodes[i];
    const tj_node *parent = &tree->nodes[n->parent];
    tj_line_verdict verdict;
    tj_task_state after;
    size_t len = strcspn(n->text, "\n");
    task->judge_line(task->ctx, &parent->state, n->text, len, &verdict, &after);
    bool valid = verdict.kind == TJ_LINE_STEP && verdict.valid;
    const char *wrong = NULL;
    if (!ids_spell_text(domain, n)) {
        wrong = "its token ids do not spell its text";
    } else if (n->valid && (!valid || !parent->valid || strcmp(n->text + len, "\n") != 0)) {
        wrong = "it is called valid, but is not";
    } else if (n->valid && (n->terminal != verdict.terminal || n->correct != verdict.correct)) {
        wrong = "it is terminal or correct where it should not be, or the reverse";
    } else if (!n->valid && (n->terminal || n->correct)) {
        wrong = "it is not valid, but called terminal or correct";
    } else if (memcmp(&n->state, n->valid ? &after : &parent->state, sizeof after) != 0) {
        wrong = "its state is not where its step leads";
    }
    return wrong == NULL ? TJ_OK : tj_fail(err, TJ_E_PARSE, "%s: node %zu: %s", where, i, wrong);
}

/* In words an answer is right where the grader does not find it different: what it cannot decide
 * may be right by somebody's word. Nobody knows of which tokenizer the ids are. */
static tj_code check_words(tj_ends **ends, tj_tree *tree, const char *where, tj_err *err)
{
    tj_code rc = *ends != NULL ? TJ_OK : tj_ends_create(ends, tj_par_threads(), err);
    for (size_t i = 0; i < tree->n_nodes && rc == TJ_OK; i++) {
        tj_words_verdict v;
        tj_node *n = &tree->nodes[i];
        n->n_ids = 0; /* the array is freed with the tree */
        if (!n->correct) {
            continue;
        }
        if (i == 0 || !n->terminal) {
            return tj_fail(err, TJ_E_PARSE, "%s: node %zu: it is called correct, but is no end",
                           where, i);
        }
        rc = tj_ends_judge(*ends, &v, tree, i, tj_cli_job(), err);
        if (rc == TJ_OK && v.right == TJ_LABEL_NO) {
            rc = tj_fail(err, TJ_E_PARSE, "%s: node %zu: it is called correct, but %s", where, i,
                         v.reason);
        }
    }
    return rc;
}

static tj_code check_states(const tj_domain *domain, const tj_tree *tree, const json_t *json,
                            const char *where, tj_err *err)
{
    const char *task = json_string_value(json_object_get(json, "task"));
    if (task == NULL || strcmp(task, domain->task.name) != 0) {
        return tj_fail(err, TJ_E_PARSE, "%s: task: expected \"%s\"", where, domain->task.name);
    }
    tj_code rc = check_first(tree, where, err);
    const tj_node *root = &tree->nodes[0];
    if (rc == TJ_OK && (memcmp(&root->state, &tree->first, sizeof tree->first) != 0 ||
                        !root->valid || root->terminal || root->correct)) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: node 0: the root is not the problem's first state",
                     where);
    }
    for (size_t i = 1; i < tree->n_nodes && rc == TJ_OK; i++) {
        rc = check_node(domain, tree, i, where, err);
    }
    return rc;
}

tj_code tj_cli_check_tree(const tj_domain *domain, tj_ends **ends, tj_tree *tree,
                          const json_t *json, const char *where, tj_err *err)
{
    return tree->question != NULL ? check_words(ends, tree, where, err)
                                  : check_states(domain, tree, json, where, err);
}
