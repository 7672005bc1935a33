/* data steps: reference solutions as numbered steps, in the conversations that SFT reads and that
 * policies are asked in. */
#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"
#include "cli/records.h"
#include "grade/grade.h"
#include "task/task.h"

#define PROMPT "math_lines" /* gsm8k_lines puts the same */

/* Why a record is left out: what tj_stepform_write says, and then */
enum {
    LEFT_DIFFERENT = TJ_N_STEPFORM_RESULTS,
    LEFT_UNDECIDED,
    LEFT_UNREADABLE,
    LEFT_REFUSED,
    N_REASONS
};
static const char *const own_reasons[] = {
    "the answer differs from the reference", "the answer cannot be compared with the reference",
    "the reference answer cannot be read", "the record is refused"};

typedef struct writing {
    tj_stepform_options form;
    const tj_prompt_task *prompt;
    tj_grader *grader;
    tj_buf text;       /* of the record at hand */
    tj_buf question;   /* likewise */
    tj_buf out, left;  /* JSON lines */
    size_t after, max; /* records of a file that are passed over, and then taken */
    size_t n_records, n_written, n_steps;
    size_t n_left[N_REASONS];
} writing;

static const char *reason_text(size_t reason)
{
    return reason < TJ_N_STEPFORM_RESULTS ? tj_stepform_reasons[reason]
                                          : own_reasons[reason - TJ_N_STEPFORM_RESULTS];
}

static json_t *message(const char *role, const char *text, size_t n)
{
    return json_pack("{s:s, s:s%}", "role", role, "content", text, n);
}

/* The conversation that `eval --task math_lines --shots 0 --chat` puts, with its answer. */
static tj_code add_example(writing *w, const tj_data_record *record, tj_err *err)
{
    tj_buf_clear(&w->question);
    tj_prompt_question(&w->question, w->prompt, record->problem);
    tj_code rc = tj_buf_check(&w->question, err);
    if (rc != TJ_OK) {
        return rc;
    }
    const char *system = w->prompt->description;
    json_t *line = json_pack("{s:[o, o, o]}", "messages", message("system", system, strlen(system)),
                             message("user", w->question.data, w->question.len),
                             message("assistant", w->text.data, w->text.len));
    tj_json_line(&w->out, line);
    json_decref(line);
    for (size_t i = 0; i < w->text.len; i++) {
        w->n_steps += w->text.data[i] == '\n' ? 1 : 0; /* the answer's line is no step */
    }
    w->n_written++;
    return tj_buf_check(&w->out, err);
}

static tj_code leave_out(writing *w, const char *path, size_t line, size_t reason,
                         const char *detail, tj_err *err)
{
    w->n_left[reason]++;
    json_t *json = json_pack("{s:s, s:I, s:s, s:s}", "file", path, "line", (json_int_t)line,
                             "reason", reason_text(reason), "detail", detail);
    tj_json_line(&w->left, json);
    json_decref(json);
    return tj_buf_check(&w->left, err);
}

/* Whether the text's own answer is the reference's. */
static tj_code check(writing *w, size_t *reason, const char **detail, tj_str gold, tj_err *err)
{
    tj_grade g;
    tj_code rc = tj_grade_pair(&g, w->grader, gold.s == NULL ? "" : gold.s, gold.n,
                               tj_buf_text(&w->text), w->text.len, err);
    *detail = g.reason;
    if (rc == TJ_E_PARSE) {
        *reason = LEFT_UNREADABLE;
        return TJ_OK;
    }
    *reason = g.verdict == TJ_VERDICT_EQUAL       ? 0
              : g.verdict == TJ_VERDICT_DIFFERENT ? LEFT_DIFFERENT
                                                  : LEFT_UNDECIDED;
    return rc;
}

static tj_code take(writing *w, const char *path, const tj_data_record *record, tj_err *err)
{
    tj_str gold;
    const char *detail = "";
    tj_buf_clear(&w->text);
    size_t reason = tj_stepform_write(&w->text, &gold, record, &w->form);
    tj_code rc = tj_buf_check(&w->text, err);
    if (rc == TJ_OK && reason == TJ_STEPFORM_OK) {
        rc = check(w, &reason, &detail, gold, err);
    }
    if (rc == TJ_OK) {
        rc = reason == TJ_STEPFORM_OK ? add_example(w, record, err)
                                      : leave_out(w, path, record->line, reason, detail, err);
    }
    return rc;
}

static tj_code check_format(const tj_dataset *set, const char *path, tj_err *err)
{
    tj_dataset_info info;
    tj_dataset_describe(set, &info);
    switch (info.format) {
    case TJ_DATA_GSM8K:
    case TJ_DATA_MATH:
    case TJ_DATA_MATH500:
    case TJ_DATA_PRM800K:
    case TJ_DATA_CRITIC:
    case TJ_DATA_FIELDS:
        return TJ_OK;
    default:
        return tj_fail(err, TJ_E_INVAL,
                       "%s is %s: steps are made of gsm8k, math, prm800k and prm800k-critic, or "
                       "with --map of a problem and its solution",
                       path, tj_data_format_name(info.format));
    }
}

static tj_code read_file(writing *w, const char *path, const tj_dataset_options *options,
                         tj_err *err)
{
    tj_dataset *set;
    tj_code rc = tj_dataset_open(&set, path, options, err);
    if (rc == TJ_OK) {
        rc = check_format(set, path, err);
    }
    for (size_t i = 0; rc == TJ_OK && (w->max == 0 || i < w->after + w->max); i++) {
        const tj_data_record *record;
        rc = tj_dataset_next(set, &record, err);
        const tj_refusal *refusal = tj_dataset_refusal(set);
        if (refusal == NULL && (rc != TJ_OK || record == NULL)) {
            break;
        }
        bool taken = i >= w->after;
        w->n_records += taken ? 1 : 0;
        if (refusal != NULL) {
            rc = taken ? leave_out(w, path, refusal->line, LEFT_REFUSED, refusal->reason, err)
                       : TJ_OK;
        } else if (taken) {
            rc = take(w, path, record, err);
        }
        rc = rc == TJ_OK ? tj_job_check(tj_cli_job(), err) : rc;
    }
    tj_dataset_close(set);
    return rc;
}

static tj_code print_counts(const writing *w, bool as_json, tj_err *err)
{
    if (!as_json) {
        fprintf(stderr, "%zu records, %zu written with %zu steps\n", w->n_records, w->n_written,
                w->n_steps);
        for (size_t i = 1; i < N_REASONS; i++) {
            if (w->n_left[i] > 0) {
                fprintf(stderr, "%7zu left out: %s\n", w->n_left[i], reason_text(i));
            }
        }
        return TJ_OK;
    }
    json_t *left = json_object();
    for (size_t i = 1; i < N_REASONS; i++) {
        if (w->n_left[i] > 0) {
            json_object_set_new(left, reason_text(i), json_integer((json_int_t)w->n_left[i]));
        }
    }
    json_t *json =
        json_pack("{s:I, s:I, s:I, s:o}", "records", (json_int_t)w->n_records, "written",
                  (json_int_t)w->n_written, "steps", (json_int_t)w->n_steps, "left_out", left);
    tj_buf text;
    tj_buf_init(&text);
    tj_json_line(&text, json);
    tj_code rc = tj_buf_check(&text, err);
    fputs(tj_buf_text(&text), stderr);
    tj_buf_deinit(&text);
    json_decref(json);
    return rc;
}

static tj_code write_all(const writing *w, const tj_args *args, tj_err *err)
{
    if (w->n_written == 0) {
        return tj_fail(err, TJ_E_PARSE, "no record has a solution in steps");
    }
    tj_code rc = tj_cli_write(args, "out", &w->out, err);
    if (rc == TJ_OK && tj_args_has(args, "rejected")) {
        rc = tj_cli_write(args, "rejected", &w->left, err);
    }
    return rc;
}

tj_code tj_cmd_data_steps(const tj_args *args, tj_err *err)
{
    writing w = {.form = {.calculations = tj_args_has(args, "calculations")},
                 .prompt = tj_prompt_find(PROMPT)};
    const char *fields = tj_args_get(args, "map");
    tj_data_map map;
    tj_dataset_options options = {.format = fields == NULL ? TJ_DATA_AUTO : TJ_DATA_FIELDS,
                                  .map = &map};
    tj_buf_init(&w.text);
    tj_buf_init(&w.question);
    tj_buf_init(&w.out);
    tj_buf_init(&w.left);
    tj_code rc = fields == NULL ? TJ_OK : tj_data_map_parse(&map, fields, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "after", 0, SIZE_MAX / 2, &w.after, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "limit", 0, SIZE_MAX / 2, &w.max, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_grader_open(&w.grader, err);
    }
    for (size_t i = 0; rc == TJ_OK && i < tj_args_n_operands(args); i++) {
        rc = read_file(&w, tj_args_operand(args, i), &options, err);
    }
    if (rc == TJ_OK) {
        rc = print_counts(&w, tj_args_has(args, "json"), err);
    }
    if (rc == TJ_OK) {
        rc = write_all(&w, args, err);
    }
    tj_cli_grader_close(w.grader);
    tj_buf_deinit(&w.text);
    tj_buf_deinit(&w.question);
    tj_buf_deinit(&w.out);
    tj_buf_deinit(&w.left);
    return rc;
}
