#include "cli/prm_examples.h"

#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "cli/common.h"

/* ------------------------------------------------------------ forms */

static tj_code copy_text(char *out, size_t size, const char *text, const char *what, tj_err *err)
{
    if (strlen(text) >= size) {
        return tj_fail(err, TJ_E_INVAL, "%s is longer than %zu bytes", what, size - 1);
    }
    memcpy(out, text, strlen(text) + 1);
    return TJ_OK;
}

static tj_code set_form(tj_prm_form *form, const tj_method *method, const tj_example_format *format,
                        const char *prompt_end, tj_err *err)
{
    tj_prm_form_default(form);
    form->begin = format->begin;
    tj_code rc = prompt_end == NULL ? TJ_OK
                                    : copy_text(form->prompt_end, sizeof form->prompt_end,
                                                prompt_end, "--prompt-end", err);
    return rc == TJ_OK && method->separator != NULL
               ? copy_text(form->step_separator, sizeof form->step_separator, method->separator,
                           "--step-separator", err)
               : rc;
}

tj_code tj_prm_form_of_trl(tj_prm_form *form, const tj_method *method,
                           const tj_example_format *format, tj_err *err)
{
    return set_form(form, method, format, "", err);
}

/* ------------------------------------------------------------ files */

/* Whether the first line of a plain file has the names of TRL's form. */
static bool is_trl(const char *path)
{
    tj_fs_map map = {0};
    static const char *const names[] = {"\"labels\"", "\"completions\"", "\"prompt\""};
    size_t n_found = 0;
    if (tj_fs_map_open(&map, path, NULL) != TJ_OK) {
        return false; /* whoever reads it says what is wrong */
    }
    const char *text = (const char *)map.data;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i]);
        for (size_t at = 0; at + n <= map.n_bytes && text[at] != '\n'; at++) {
            if (memcmp(text + at, names[i], n) == 0) {
                n_found++;
                break;
            }
        }
    }
    tj_fs_map_close(&map);
    return n_found == sizeof names / sizeof names[0];
}

static tj_neutral_as neutral_of(const tj_method *method)
{
    return method->neutral == TJ_NEUTRAL_SKIP    ? TJ_NEUTRAL_AS_NONE
           : method->neutral == TJ_NEUTRAL_WRONG ? TJ_NEUTRAL_AS_WRONG
                                                 : TJ_NEUTRAL_AS_RIGHT;
}

static tj_code read_labelled(tj_labelled *set, const tj_args *args, const tj_method *method,
                             const tj_task *task, tj_err *err)
{
    tj_labelled_options options = {.neutral = neutral_of(method),
                                   .scores = true,
                                   .strict = !tj_args_has(args, "skip-refused"),
                                   .task = task,
                                   .rewarder = tj_args_get(args, "rewarder")};
    tj_code rc = tj_args_size(args, "limit", 0, SIZE_MAX / 2, &options.limit, err);
    for (size_t i = 0; i < tj_args_n_operands(args) && rc == TJ_OK; i++) {
        if (is_trl(tj_args_operand(args, i))) {
            rc = tj_fail(err, TJ_E_INVAL, "%s has prompts of its own: train on it alone",
                         tj_args_operand(args, i));
            break;
        }
        rc = tj_labelled_read(set, tj_args_operand(args, i), &options, err);
    }
    if (rc == TJ_OK && set->n_refused > 0) {
        tj_job_log(tj_cli_job(), "%zu records refused, the first: %s", set->n_refused,
                   set->first_refusal);
    }
    return rc;
}

static tj_code load_labelled(tj_examples *out, const tj_prm_form *form, const tj_args *args,
                             const tj_method *method, const tj_example_format *format,
                             const tj_task *task, tj_err *err)
{
    tj_labelled set = {.n_trees = 0};
    size_t n_cut = 0;
    tj_code rc = read_labelled(&set, args, method, task, err);
    if (rc == TJ_OK) {
        rc = tj_examples_from_labelled(out, &n_cut, &set, form, format, err);
    }
    if (rc == TJ_OK) {
        tj_job_log(tj_cli_job(), "%zu problems, %zu sequences, %zu labels; %zu beyond %zu tokens",
                   set.n_trees, out->n, out->n_labels, n_cut, format->max_tokens);
    }
    tj_labelled_deinit(&set);
    return rc;
}

tj_code tj_prm_examples_load(tj_examples *out, tj_prm_form *form, const tj_args *args,
                             const tj_method *method, const tj_example_format *format,
                             const tj_task *task, tj_err *err)
{
    tj_example_format bounded = *format;
    const char *first = tj_args_operand(args, 0);
    memset(out, 0, sizeof *out);
    tj_code rc = tj_args_size(args, "max-tokens", format->max_tokens, format->max_tokens,
                              &bounded.max_tokens, err);
    if (rc == TJ_OK && tj_args_n_operands(args) == 1 && is_trl(first)) {
        rc = tj_args_has(args, "prompt-end")
                 ? tj_fail(err, TJ_E_INVAL, "--prompt-end: %s has whole prompts", first)
                 : tj_prm_form_of_trl(form, method, format, err);
        return rc == TJ_OK ? tj_examples_load(out, first, &bounded, err) : rc;
    }
    if (rc == TJ_OK) {
        rc = set_form(form, method, format, tj_args_get(args, "prompt-end"), err);
    }
    return rc == TJ_OK ? load_labelled(out, form, args, method, &bounded, task, err) : rc;
}
