/* summary.json: the numbers that other programs read, taken from the same document as the page, so
 * that the two cannot differ. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "report/report.h"
#include "report/report_data.h"

static const char *const NAMED_ARMS[] = {"base", "shortcut", "journey", "shortcut_same_tokens",
                                         "shortcut_verified_same_tokens"};
#define N_NAMED (sizeof NAMED_ARMS / sizeof NAMED_ARMS[0])

static json_t *copy_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value == NULL ? json_null() : json_deep_copy(value);
}

/* An object with copies of some fields, null where one is missing. NULL without memory. */
static json_t *pick(const json_t *object, const char *const *keys, size_t n)
{
    json_t *out = json_object();
    for (size_t i = 0; out != NULL && i < n; i++) {
        if (json_object_set_new(out, keys[i], copy_of(object, keys[i])) != 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}

static json_t *arm_summary(const json_t *arm)
{
    static const char *const keys[] = {"accuracy", "ci_low", "ci_high", "tokens_per_answer"};
    return pick(arm, keys, sizeof keys / sizeof keys[0]);
}

static json_t *difference_summary(const json_t *difference)
{
    static const char *const keys[] = {"points", "ci_low", "ci_high"};
    json_t *out = pick(difference, keys, sizeof keys / sizeof keys[0]);
    const json_t *first = json_array_get(json_object_get(difference, "seeds"), 0);
    if (out != NULL && json_object_set_new(out, "p_mcnemar", copy_of(first, "p_mcnemar")) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

static bool is_named(const char *key)
{
    for (size_t i = 0; i < N_NAMED; i++) {
        if (strcmp(key, NAMED_ARMS[i]) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *further_arms(const json_t *data)
{
    json_t *out = json_object();
    size_t i;
    const json_t *arm;
    json_array_foreach(json_object_get(data, "arms"), i, arm)
    {
        const char *key = tj_data_text(arm, "key");
        if (out != NULL && !is_named(key) && json_object_set_new(out, key, arm_summary(arm)) != 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}

/* Whether everything that the summary promises is there. */
static tj_code check_complete(const json_t *data, tj_err *err)
{
    for (size_t i = 0; i < N_NAMED; i++) {
        if (tj_data_arm(data, NAMED_ARMS[i]) == NULL) {
            return tj_fail(err, TJ_E_NOTFOUND, "no summary yet: the arm '%s' is missing",
                           NAMED_ARMS[i]);
        }
    }
    if (!tj_data_has(data, "difference")) {
        return tj_fail(err, TJ_E_NOTFOUND, "no summary yet: the difference is missing");
    }
    return TJ_OK;
}

tj_code tj_summary_json(json_t **out, const json_t *data, tj_err *err)
{
    *out = NULL;
    tj_code rc = tj_report_check(data, err);
    rc = rc != TJ_OK ? rc : check_complete(data, err);
    if (rc != TJ_OK) {
        return rc;
    }
    static const char *const plain[] = {"n_train", "n_test",  "seeds",   "seconds",
                                        "profile", "command", "created", "finished"};
    json_t *sum = json_object();
    int bad = sum == NULL;
    for (size_t i = 0; i < N_NAMED; i++) {
        bad |=
            json_object_set_new(sum, NAMED_ARMS[i], arm_summary(tj_data_arm(data, NAMED_ARMS[i])));
    }
    bad |= json_object_set_new(sum, "difference",
                               difference_summary(json_object_get(data, "difference")));
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        bad |= json_object_set_new(sum, plain[i], copy_of(data, plain[i]));
    }
    bad |= json_object_set_new(sum, "build_id",
                               copy_of(json_object_get(data, "environment"), "build_id"));
    static const char *const of_ledger[][2] = {{"ledger_head", "head"},
                                               {"ledger_entries", "n_entries"},
                                               {"ledger_key", "key"},
                                               {"ledger_signature", "signature"}};
    const json_t *ledger = json_object_get(data, "ledger");
    for (size_t i = 0; i < sizeof of_ledger / sizeof of_ledger[0]; i++) {
        if (json_object_get(ledger, of_ledger[i][1]) != NULL) {
            bad |= json_object_set_new(sum, of_ledger[i][0], copy_of(ledger, of_ledger[i][1]));
        }
    }
    bad |= json_object_set_new(sum, "arms", further_arms(data));
    if (bad != 0) {
        json_decref(sum);
        return tj_fail(err, TJ_E_NOMEM, "cannot build the summary");
    }
    *out = sum;
    return TJ_OK;
}

tj_code tj_summary_write(const char *path, const json_t *data, tj_err *err)
{
    json_t *sum;
    tj_code rc = tj_summary_json(&sum, data, err);
    if (rc != TJ_OK) {
        return rc;
    }
    char *text = json_dumps(sum, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(sum);
    if (text == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write the summary");
    }
    tj_buf file;
    tj_buf_init(&file);
    tj_buf_str(&file, text);
    tj_buf_char(&file, '\n');
    free(text); /* Jansson's */
    rc = tj_buf_check(&file, err);
    if (rc == TJ_OK) {
        rc = tj_fs_write(path, tj_buf_text(&file), file.len, err);
    }
    tj_buf_deinit(&file);
    return rc;
}
