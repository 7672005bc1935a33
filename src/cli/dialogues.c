/* See dialogues.h. A dialogue that came to no step at all has no thought, only its tree's root and
 * how it ended. */
#include "cli/dialogues.h"

#include <string.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/json.h"

typedef struct keeping {
    tj_cli_flow *flow;
    tj_dialogue *d;
    const char *critic;
    int64_t tree, rewarder;
} keeping;

/* What a verdict is worth: -1, 0 or 1; false where it is no verdict. */
static bool value_of(const json_t *entry, double *value)
{
    static const struct {
        const char *action;
        double value;
    } values[] = {{"continue", 1.0}, {"terminate", 1.0}, {"reflect", 0.0}, {"backtrack", -1.0}};
    const char *action = json_string_value(json_object_get(entry, "action"));
    for (size_t i = 0; action != NULL && i < sizeof values / sizeof values[0]; i++) {
        if (strcmp(action, values[i].action) == 0) {
            *value = values[i].value;
            return true;
        }
    }
    return false;
}

static tj_code add_rewarder(keeping *k, tj_err *err)
{
    json_t *config =
        json_pack("{s:s}", "scale", "1 to continue or end, 0 to think again, -1 to go back");
    tj_rewarder_spec spec = {.name = k->critic, .kind = TJ_REWARDER_JUDGE, .config = config};
    tj_code rc = config == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot name the critic")
                     : tj_store_add_rewarder(k->flow->store, &k->rewarder,
                                             tj_thought_run_id(k->flow->run), &spec, err);
    json_decref(config);
    return rc;
}

/* The critic's entry behind a step's as a judgement of the step's node. */
static tj_code judge_step(keeping *k, const tj_span *step, tj_err *err)
{
    const json_t *entry = json_array_get(k->d->transcript, step->annotation);
    tj_reward reward = {.node = step->node, .rewarder = k->critic, .meaning = TJ_VALID};
    if (!value_of(entry, &reward.value)) {
        return TJ_OK;
    }
    const char *reason = json_string_value(json_object_get(entry, "reason"));
    size_t n = reason == NULL ? 0 : strlen(reason);
    while (n >= sizeof reward.reason || (n > 0 && ((unsigned char)reason[n] & 0xC0) == 0x80)) {
        n--; /* cut between characters */
    }
    memcpy(reward.reason, reason == NULL ? "" : reason, n);
    char *answer = tj_json_canonical(entry);
    tj_code rc = answer == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot keep a verdict") : TJ_OK;
    if (rc == TJ_OK && k->rewarder == 0) {
        rc = add_rewarder(k, err);
    }
    if (rc == TJ_OK) {
        tj_judgement judgement = {.rewarder = k->rewarder,
                                  .tree = k->tree,
                                  .node = step->node,
                                  .n_tries = 1,
                                  .answer = answer,
                                  .rewards = &reward,
                                  .n_rewards = 1};
        rc = tj_thought_run_judge(k->flow->run, judgement, err);
    }
    tj_free(answer);
    return rc;
}

static tj_code add_tree(keeping *k, tj_err *err)
{
    tj_tree tree;
    tj_code rc = tj_thought_to_tree(&tree, &k->d->record.thought, k->d->record.correct, err);
    if (rc == TJ_OK) {
        rc = tj_thought_run_tree(k->flow->run, &k->tree, &tree, err);
        tj_tree_deinit(&tree);
    }
    return rc;
}

/* How it ended, and the last answer that could not be used. */
static tj_code note_outcome(keeping *k, const tj_talk *talk, tj_err *err)
{
    char text[400];
    const tj_talk_failure *last =
        talk->n_failures > 0 ? &talk->failures[talk->n_failures - 1] : NULL;
    snprintf(text, sizeof text, "%s after %zu turns%s%s%s%s", tj_outcome_names[k->d->outcome],
             k->d->n_turns, last == NULL ? "" : "; ", last == NULL ? "" : last->what,
             last == NULL ? "" : ": ", last == NULL ? "" : last->why);
    tj_annotation annotation = {.tree = k->tree,
                                .node = TJ_NO_NODE,
                                .span = TJ_NO_NODE,
                                .author = "tabiji",
                                .kind = "outcome",
                                .text = text};
    return tj_thought_run_annotate(k->flow->run, annotation, err);
}

static tj_code put(keeping *k, const tj_talk *talk, tj_err *err)
{
    int64_t id;
    json_t *config =
        json_pack("{s:s, s:I, s:o}", "outcome", tj_outcome_names[k->d->outcome], "turns",
                  (json_int_t)k->d->n_turns, "failures", tj_talk_failures_json(talk));
    char *how = config == NULL ? NULL : tj_json_canonical(config);
    json_t *said = json_pack("{s:O}", "transcript", k->d->transcript);
    char *made_of = said == NULL ? NULL : tj_json_canonical(said);
    tj_thought_row row = {
        .record = &k->d->record, .tree = k->tree, .config = how, .made_of = made_of};
    tj_code rc = how == NULL || made_of == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot keep a dialogue")
                                                : tj_thought_run_put(k->flow->run, &id, &row, err);
    json_decref(said);
    json_decref(config);
    tj_free(made_of);
    tj_free(how);
    return rc;
}

tj_code tj_cli_keep_dialogue(tj_cli_flow *flow, tj_dialogue *d, int64_t problem,
                             const tj_talk *talk, const char *critic, tj_err *err)
{
    keeping k = {.flow = flow, .d = d, .critic = critic};
    tj_thought *t = &d->record.thought;
    tj_code rc = TJ_OK;
    t->problem = problem;
    if (problem == 0) {
        rc = tj_thought_run_problem(flow->run, &t->problem, &d->record, err);
    }
    if (rc == TJ_OK) {
        rc = add_tree(&k, err);
    }
    for (size_t i = 0; i < t->n_spans && rc == TJ_OK; i++) {
        if (tj_is_step(&t->spans[i])) {
            rc = judge_step(&k, &t->spans[i], err);
        }
    }
    if (rc == TJ_OK) {
        rc = note_outcome(&k, talk, err);
    }
    if (rc == TJ_OK && t->n_spans > 0) {
        rc = put(&k, talk, err);
    }
    return rc == TJ_OK ? tj_cli_flow_count(flow, tj_outcome_names[d->outcome], 1, err) : rc;
}
