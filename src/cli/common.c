/* What several commands print. */
#include "cli/common.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "text/text.h"

tj_code tj_print_json(const json_t *json, tj_err *err)
{
    if (json == NULL || json_dumpf(json, stdout, JSON_INDENT(2)) != 0) {
        return tj_fail(err, TJ_E_IO, "cannot write JSON to standard output");
    }
    putchar('\n');
    return TJ_OK;
}

tj_code tj_print_json_line(const json_t *json, tj_err *err)
{
    if (json == NULL || json_dumpf(json, stdout, JSON_COMPACT) != 0) {
        return tj_fail(err, TJ_E_IO, "cannot write JSON to standard output");
    }
    putchar('\n');
    return TJ_OK;
}

void tj_print_text(const char *text, size_t n)
{
    size_t valid = 0; /* bytes from `i` on that are known to be UTF-8 */
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (valid == 0) {
            valid = tj_utf8_check(text + i, n - i);
        }
        bool c1 = c == 0xc2 && i + 1 < n && (unsigned char)text[i + 1] < 0xa0; /* U+0080 to 9F */
        bool shown = valid > 0 && !c1 && c != 0x7f && (c >= 0x20 || c == '\n' || c == '\t');
        if (shown) {
            putchar(c);
        } else {
            printf("\\x%02x", (unsigned)c);
        }
        valid -= valid > 0 ? 1 : 0;
        if (c1 && valid > 0) { /* its second byte goes with it */
            printf("\\x%02x", (unsigned)(unsigned char)text[++i]);
            valid--;
        }
    }
}

tj_code tj_read_input(tj_buf *out, const char *path, size_t max_bytes, tj_err *err)
{
    char block[4096];
    bool is_file = path != NULL && strcmp(path, "-") != 0;
    const char *name = is_file ? path : "standard input";
    FILE *in = is_file ? fopen(path, "rb") : stdin;
    if (in == NULL) {
        return tj_fail(err, errno == ENOENT ? TJ_E_NOTFOUND : TJ_E_IO, "cannot open %s: %s", path,
                       strerror(errno));
    }
    for (size_t n = fread(block, 1, sizeof block, in); n > 0 && out->len <= max_bytes;
         n = fread(block, 1, sizeof block, in)) {
        tj_buf_add(out, block, n);
    }
    bool bad = ferror(in) != 0;
    if (is_file) {
        fclose(in);
    }
    if (bad) {
        return tj_fail(err, TJ_E_IO, "cannot read %s", name);
    }
    if (out->len > max_bytes) {
        return tj_fail(err, TJ_E_LIMIT, "%s has more than %zu bytes", name, max_bytes);
    }
    return tj_buf_check(out, err);
}

tj_code tj_args_count(const tj_args *args, const char *name, size_t fallback, size_t max,
                      size_t *out, tj_err *err)
{
    tj_code rc = tj_args_size(args, name, fallback, max, out, err);
    return rc == TJ_OK && *out == 0
               ? tj_fail(err, TJ_E_INVAL, "--%s is 0, expected at least 1", name)
               : rc;
}

tj_code tj_args_number(const tj_args *args, const char *name, double fallback, double max,
                       double *out, tj_err *err)
{
    tj_code rc = tj_args_double(args, name, fallback, out, err);
    return rc == TJ_OK && !(*out >= 0.0 && *out <= max)
               ? tj_fail(err, TJ_E_INVAL, "--%s is %g, expected 0 to %g", name, *out, max)
               : rc;
}

tj_code tj_cli_use_threads(const tj_args *args, tj_err *err)
{
    size_t n_threads;
    tj_code rc = tj_args_size(args, "threads", 0, TJ_MAX_THREADS, &n_threads, err);
    if (rc == TJ_OK) {
        tj_par_set_threads(n_threads);
    }
    return rc;
}

tj_code tj_args_choice(const tj_args *args, const char *name, const char *const *names,
                       size_t fallback, size_t *out, tj_err *err)
{
    const char *text = tj_args_get(args, name);
    char all[128] = "";
    *out = fallback;
    for (size_t i = 0; text != NULL && names[i] != NULL; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return TJ_OK;
        }
        size_t n = strlen(all);
        const char *joint = i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ";
        snprintf(all + n, sizeof all - n, "%s%s", joint, names[i]);
    }
    return text == NULL ? TJ_OK
                        : tj_fail(err, TJ_E_INVAL, "--%s is '%s', expected %s", name, text, all);
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
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(10));
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

tj_code tj_cli_grader_open(tj_grader **out, tj_err *err)
{
    return tj_grader_create_apart(out, NULL, NULL, err);
}

void tj_cli_grader_close(tj_grader *grader)
{
    if (grader != NULL && tj_grader_n_stopped(grader) > 0) {
        tj_cli_progress_end();
        fprintf(stderr, "%zu answers were not graded: stopped by a limit, not reproducible\n",
                tj_grader_n_stopped(grader));
    }
    tj_grader_destroy(grader);
}
