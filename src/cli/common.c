/* What several commands print. */
#include "cli/common.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

tj_code tj_print_json(const json_t *json, tj_err *err)
{
    if (json == NULL || json_dumpf(json, stdout, JSON_INDENT(2)) != 0) {
        return tj_fail(err, TJ_E_IO, "cannot write JSON to standard output");
    }
    putchar('\n');
    return TJ_OK;
}

double tj_number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static void print_arm(const char *name, const json_t *arm)
{
    if (json_is_object(arm)) {
        printf("%-32.32s %6.1f%%  %5.1f to %5.1f  %8.1f\n", name,
               100.0 * tj_number(arm, "accuracy"), 100.0 * tj_number(arm, "ci_low"),
               100.0 * tj_number(arm, "ci_high"), tj_number(arm, "tokens_per_answer"));
    }
}

void tj_print_arms(const json_t *summary)
{
    static const char *const names[] = {"base", "shortcut", "journey", "shortcut_same_tokens",
                                        "shortcut_verified_same_tokens"};
    const char *name;
    const json_t *arm;
    json_t *more = json_object_get(summary, "arms");
    printf("%-32s %7s  %14s  %8s\n", "", "right", "95% interval", "tokens");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        print_arm(names[i], json_object_get(summary, names[i]));
    }
    json_object_foreach(more, name, arm)
    {
        print_arm(name, arm);
    }
}

tj_code tj_open_workspace(tj_store **out, const tj_args *args, tj_err *err)
{
    const char *dir = tj_args_get(args, "workspace");
    return tj_store_open(out, dir == NULL ? "demo" : dir, TJ_STORE_READ, NULL, err);
}

tj_code tj_operand_id(const tj_args *args, int64_t *id, tj_err *err)
{
    const char *text = tj_args_operand(args, 0);
    char *end = NULL;
    *id = strtoll(text, &end, 10);
    if (end == text || *end != 0 || *id <= 0) {
        return tj_fail(err, TJ_E_INVAL, "'%s' is not a row number", text);
    }
    return TJ_OK;
}

char *tj_json_scalar(const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    char *copy = text == NULL ? NULL : tj_strdup(text);
    free(text); /* Jansson's own allocation */
    return copy;
}

tj_code tj_find_latest_model(tj_store *store, tj_model_row *out, const char *prefix, tj_err *err)
{
    int64_t best = 0;
    memset(out, 0, sizeof *out);
    for (int64_t id = 1;; id++) { /* models are few and numbered from 1 */
        tj_model_row row = {0};
        if (tj_store_get_model(store, &row, id, NULL) != TJ_OK) {
            break;
        }
        best = strncmp(row.name, prefix, strlen(prefix)) == 0 ? id : best;
        tj_model_row_deinit(&row);
    }
    if (best == 0) {
        return tj_fail(err, TJ_E_NOTFOUND, "no model named '%s...' in the workspace", prefix);
    }
    return tj_store_get_model(store, out, best, err);
}
