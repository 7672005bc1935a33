/* Results as JSON in the forms of docs/report.md. Every builder makes its object with json_pack or
 * piece by piece and gives NULL when any piece failed. */
#include <math.h>
#include <stdio.h>

#include "base/json.h"
#include "eval/eval.h"

static json_t *share(size_t part, size_t whole)
{
    return whole == 0 ? json_null() : json_real((double)part / (double)whole);
}

static json_t *numbers(const double *x, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        tj_json_append(&array, tj_json_number(x[i]));
    }
    return array;
}

static json_t *count(size_t n)
{
    return json_integer((json_int_t)n);
}

json_t *tj_accuracy_json(const tj_accuracy *accuracy)
{
    json_t *out = json_object();
    tj_json_set(&out, "accuracy", tj_json_number(accuracy->accuracy));
    tj_json_set(&out, "ci_low", tj_json_number(accuracy->ci_low));
    tj_json_set(&out, "ci_high", tj_json_number(accuracy->ci_high));
    tj_json_set(&out, "tokens_per_answer", tj_json_number(accuracy->tokens_per_answer));
    tj_json_set(&out, "by_seed", numbers(accuracy->by_seed, accuracy->n_seeds));
    tj_json_set(&out, "seed_sd", tj_json_number(accuracy->seed_sd));
    tj_json_set(&out, "n_problems", count(accuracy->n_problems));
    return out;
}

json_t *tj_difference_json(const tj_difference *difference, const uint64_t *seeds)
{
    json_t *list = json_array();
    for (size_t s = 0; s < difference->n_seeds; s++) {
        const tj_mcnemar *test = &difference->mcnemar[s];
        json_t *row = json_object();
        tj_json_set(&row, "seed", json_integer((json_int_t)seeds[s]));
        tj_json_set(&row, "a", tj_json_number(difference->a_by_seed[s]));
        tj_json_set(&row, "b", tj_json_number(difference->b_by_seed[s]));
        tj_json_set(&row, "points", tj_json_number(difference->by_seed[s]));
        tj_json_set(&row, "only_a", count(test->only_a));
        tj_json_set(&row, "only_b", count(test->only_b));
        tj_json_set(&row, "p_mcnemar", tj_json_number(test->p));
        tj_json_set(&row, "log10_p", tj_json_number(test->log10_p));
        tj_json_append(&list, row);
    }
    json_t *out = json_object();
    tj_json_set(&out, "points", tj_json_number(difference->points));
    tj_json_set(&out, "ci_low", tj_json_number(difference->ci_low));
    tj_json_set(&out, "ci_high", tj_json_number(difference->ci_high));
    tj_json_set(&out, "seed_sd", tj_json_number(difference->seed_sd));
    tj_json_set(&out, "n_problems", count(difference->n_problems));
    tj_json_set(&out, "seeds", list);
    return out;
}

static void set_counts(json_t **out, const tj_process *p)
{
    const struct {
        const char *key;
        size_t n;
    } counts[] = {
        {"n_answers", p->n_answers},
        {"n_correct", p->n_correct},
        {"n_tokens", p->n_tokens},
        {"n_truncated", p->n_truncated},
        {"n_attempts", p->n_attempts},
        {"n_wrong", p->n_wrong},
        {"n_wrong_invalid", p->n_wrong_invalid},
        {"n_wrong_end", p->n_wrong_end},
        {"n_noticed", p->n_noticed},
        {"n_missed", p->n_missed},
        {"n_missed_claimed", p->n_missed_claimed},
        {"n_missed_went_on", p->n_missed_went_on},
        {"n_missed_stopped", p->n_missed_stopped},
        {"n_noticed_late", p->n_noticed_late},
        {"n_answers_wrong", p->n_answers_wrong},
        {"n_recovered", p->n_recovered},
        {"n_backtracks", p->n_backtracks},
        {"n_answers_backtrack", p->n_answers_backtrack},
        {"n_backtracks_needless", p->n_backtracks_needless},
        {"n_backtracks_early", p->n_backtracks_early},
        {"n_backtracks_bad", p->n_backtracks_bad},
        {"n_repeated", p->n_repeated},
        {"n_claims", p->n_claims},
        {"n_false_claims", p->n_false_claims},
        {"n_denials", p->n_denials},
        {"n_false_denials", p->n_false_denials},
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        tj_json_set(out, counts[i].key, count(counts[i].n));
    }
}

json_t *tj_process_json(const tj_process *p)
{
    json_t *out = json_object();
    set_counts(&out, p);
    json_t *tried = json_array();
    json_t *succeeded = json_array();
    json_t *success = json_array();
    for (size_t k = 0; k < TJ_EVAL_MAX_ATTEMPTS; k++) {
        tj_json_append(&tried, count(p->tried[k]));
        tj_json_append(&succeeded, count(p->succeeded[k]));
        tj_json_append(&success, share(p->succeeded[k], p->tried[k]));
    }
    tj_json_set(&out, "tried", tried);
    tj_json_set(&out, "succeeded", succeeded);
    tj_json_set(&out, "success_by_attempt", success);
    tj_json_set(&out, "accuracy", share(p->n_correct, p->n_answers));
    tj_json_set(&out, "tokens_per_answer", share(p->n_tokens, p->n_answers));
    tj_json_set(&out, "attempts_per_answer", share(p->n_attempts, p->n_answers));
    tj_json_set(&out, "wrong_per_answer", share(p->n_wrong, p->n_answers));
    tj_json_set(&out, "noticed_rate", share(p->n_noticed, p->n_wrong));
    tj_json_set(&out, "missed_rate", share(p->n_missed, p->n_wrong));
    tj_json_set(&out, "recovered_rate", share(p->n_recovered, p->n_answers_wrong));
    tj_json_set(&out, "needless_rate", share(p->n_backtracks_needless, p->n_backtracks));
    tj_json_set(&out, "repeated_rate", share(p->n_repeated, p->n_attempts - p->tried[0]));
    tj_json_set(&out, "false_claim_rate", share(p->n_false_claims, p->n_claims));
    return out;
}

json_t *tj_process_table_json(const tj_process_table *table, const tj_task *task)
{
    json_t *strata = json_array();
    for (size_t d = 0; d < table->n_strata; d++) {
        char digits[24];
        const char *name = task == NULL ? NULL : task->difficulty_name(task->ctx, d);
        if (name == NULL) {
            (void)snprintf(digits, sizeof digits, "%zu", d);
            name = digits;
        }
        json_t *row = tj_process_json(&table->strata[d]);
        tj_json_set(&row, "name", json_string(name));
        tj_json_append(&strata, row);
    }
    json_t *out = tj_process_json(&table->all);
    tj_json_set(&out, "by_difficulty", strata);
    return out;
}
