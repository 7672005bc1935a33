/* Labelled steps: a prompt, the texts of the steps after it, and whether each is right. A step ends
 * with the separator, and its label sits on the last token of that, as in TRL's PRMTrainer. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "train/jsonl.h"

#define NO_LABEL (-1.0F) /* what a neutral step may have */

/* What the number stands for; see tj_neutral. */
static bool meaning_of(float *label, tj_neutral neutral, json_int_t number)
{
    static const float neutral_labels[] = {
        [TJ_NEUTRAL_SKIP] = NO_LABEL, [TJ_NEUTRAL_RIGHT] = 1.0F, [TJ_NEUTRAL_WRONG] = 0.0F};
    bool is_signed = neutral != TJ_NEUTRAL_NONE;
    if (number == 0) {
        *label = is_signed ? neutral_labels[neutral] : 0.0F;
    } else {
        *label = number == 1 ? 1.0F : 0.0F;
    }
    return number == 0 || number == 1 || (number == -1 && is_signed);
}

static tj_code read_label(const tj_jsonl *j, size_t i, const json_t *found, float *label,
                          tj_err *err)
{
    char field[48];
    tj_neutral neutral = j->format->neutral;
    if (json_is_boolean(found)) {
        *label = json_is_true(found) ? 1.0F : 0.0F;
        return TJ_OK;
    }
    if (json_is_integer(found)) {
        if (meaning_of(label, neutral, json_integer_value(found))) {
            return TJ_OK;
        }
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: labels[%zu] is %lld, expected %s", j->path,
                       j->line, i, (long long)json_integer_value(found),
                       neutral != TJ_NEUTRAL_NONE
                           ? "-1, 0 or 1"
                           : "0 or 1 (for -1, 0 and 1, --neutral says what 0 means)");
    }
    snprintf(field, sizeof field, "labels[%zu]", i);
    return tj_jsonl_wrong_type(j, field, "true or false", found, err);
}

static tj_code add_label(tj_jsonl *j, float label, tj_err *err)
{
    tj_examples *out = j->out;
    size_t begin = out->examples[out->n - 1].begin;
    if (label == NO_LABEL) {
        return TJ_OK;
    }
    if (!tj_grow(&out->labels, &out->cap_labels, out->n_labels + 1, sizeof *out->labels)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu labels", out->n_labels + 1);
    }
    out->labels[out->n_labels++] = (tj_step_label){j->ids.n - 1 - begin, label};
    return TJ_OK;
}

static tj_code add_step(tj_jsonl *j, size_t i, const json_t *text, const json_t *found, tj_err *err)
{
    const char *separator = j->format->step_separator;
    char field[48];
    float label = NO_LABEL;
    size_t before = j->ids.n;
    snprintf(field, sizeof field, "completions[%zu]", i);
    if (!json_is_string(text)) {
        return tj_jsonl_wrong_type(j, field, "text", text, err);
    }
    separator = separator == NULL ? "\n" : separator;
    tj_code rc = read_label(j, i, found, &label, err);
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_text(j, field, json_string_value(text), json_string_length(text), 0, err);
    }
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_text(j, "the step separator", separator, strlen(separator), 0, err);
    }
    if (rc == TJ_OK && j->ids.n == before) {
        rc = tj_fail(err, TJ_E_PARSE,
                     "%s:%zu: %s is empty, and without a separator there is no token to label",
                     j->path, j->line, field);
    }
    return rc == TJ_OK ? add_label(j, label, err) : rc;
}

static tj_code check_lists(const tj_jsonl *j, const json_t *steps, const json_t *labels,
                           tj_err *err)
{
    if (!json_is_array(steps)) {
        return tj_jsonl_wrong_type(j, "completions", "a list of texts", steps, err);
    }
    if (!json_is_array(labels)) {
        return tj_jsonl_wrong_type(j, "labels", "a list of true and false", labels, err);
    }
    if (json_array_size(steps) != json_array_size(labels)) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: %zu completions, but %zu labels", j->path, j->line,
                       json_array_size(steps), json_array_size(labels));
    }
    if (json_array_size(steps) == 0) {
        return tj_fail(err, TJ_E_PARSE, "%s:%zu: completions has no step", j->path, j->line);
    }
    return TJ_OK;
}

tj_code tj_jsonl_steps(tj_jsonl *j, const json_t *object, tj_err *err)
{
    const json_t *steps = json_object_get(object, "completions");
    const json_t *labels = json_object_get(object, "labels");
    tj_code rc = check_lists(j, steps, labels, err);
    if (rc == TJ_OK) {
        rc = tj_jsonl_begin(j, err);
    }
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_token(j, j->format->begin, 0, err);
    }
    if (rc == TJ_OK) {
        rc = tj_jsonl_add_field(j, object, "prompt", 0, err);
    }
    for (size_t i = 0; rc == TJ_OK && i < json_array_size(steps); i++) {
        rc = add_step(j, i, json_array_get(steps, i), json_array_get(labels, i), err);
    }
    if (rc == TJ_OK) {
        rc = tj_jsonl_end(j, err);
    }
    if (rc == TJ_OK && j->out->examples[j->out->n - 1].n_labels == 0) { /* all are neutral */
        j->ids.n = j->learned.n = j->out->examples[--j->out->n].begin;
    }
    return rc;
}
