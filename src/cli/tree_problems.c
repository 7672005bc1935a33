/* See tree_problems.h. */
#include "cli/tree_problems.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/domain.h"

#define MAX_DEPTH 8 /* of a problem in JSON */

static tj_code keep_text(tj_tree_problems *g, const char **out, const char *text, size_t len,
                         tj_err *err)
{
    char *copy = tj_strndup(text, len);
    if (copy == NULL || !tj_grow(&g->texts, &g->cap_texts, g->n_texts + 1, sizeof *g->texts)) {
        tj_free(copy);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", g->n + 1);
    }
    g->texts[g->n_texts++] = copy;
    *out = copy;
    return TJ_OK;
}

static tj_code add_item(tj_tree_problems *g, const tj_grow_item *item, tj_err *err)
{
    if (!tj_grow(&g->items, &g->cap, g->n + 1, sizeof *g->items)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", g->n + 1);
    }
    g->items[g->n++] = *item;
    return TJ_OK;
}

static tj_code add_words(tj_tree_problems *g, int64_t number, tj_str question, tj_str answer,
                         tj_err *err)
{
    tj_grow_item item = {.problem = number};
    tj_code rc = keep_text(g, &item.question, question.s, question.n, err);
    if (rc == TJ_OK && answer.s != NULL) {
        rc = keep_text(g, &item.answer, answer.s, answer.n, err);
    }
    return rc == TJ_OK ? add_item(g, &item, err) : rc;
}

static tj_str text_of(const json_t *json)
{
    const char *s = json_string_value(json);
    return (tj_str){s, s == NULL ? 0 : json_string_length(json)};
}

/* {"problem" or "question", and "answer" where it is known}. */
static tj_code add_json(tj_tree_problems *g, int64_t number, const char *text, size_t len,
                        tj_err *err)
{
    json_t *json = NULL;
    char digits[32];
    tj_code rc = tj_json_parse(&json, text, len, MAX_DEPTH, "a problem", err);
    const json_t *question = json_object_get(json, "problem");
    const json_t *answer = json_object_get(json, "answer");
    question = question == NULL ? json_object_get(json, "question") : question;
    tj_str known = text_of(answer);
    if (json_is_integer(answer)) {
        int n = snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(answer));
        known = (tj_str){digits, (size_t)n};
    }
    if (rc == TJ_OK && !json_is_string(question)) {
        rc = tj_fail(err, TJ_E_PARSE, "a problem in JSON has no text `problem` or `question`");
    }
    if (rc == TJ_OK && known.s == NULL && answer != NULL && !json_is_null(answer)) {
        rc = tj_fail(err, TJ_E_PARSE, "`answer` of a problem: expected text or an integer");
    }
    if (rc == TJ_OK) {
        rc = add_words(g, number, text_of(question), known, err);
    }
    json_decref(json);
    return rc;
}

static tj_code add_state(tj_tree_problems *g, int64_t number, const char *prompt, tj_err *err)
{
    tj_countdown_problem problem;
    tj_countdown_state state;
    tj_grow_item item = {.problem = number};
    tj_code rc = tj_domain_problem(&problem, prompt, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_countdown_first_state(&state, &problem);
    tj_countdown_pack(&item.first, &state);
    return add_item(g, &item, err);
}

static tj_code add_problem(void *ctx, const char *prompt, size_t index, tj_err *err)
{
    tj_tree_problems *g = ctx;
    int64_t number = (int64_t)index + 1;
    size_t len = strlen(prompt);
    while (len > 0 && strchr("\r\n", prompt[len - 1]) != NULL) {
        len--;
    }
    if (prompt[strspn(prompt, " \t\r\n")] == 0) {
        return TJ_OK;
    }
    tj_code rc = !g->words ? add_state(g, number, prompt, err)
                 : prompt[0] == '{'
                     ? add_json(g, number, prompt, len, err)
                     : add_words(g, number, (tj_str){prompt, len}, (tj_str){NULL, 0}, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "problem %zu", index + 1);
    }
    return rc;
}

/* Problems of a data set's file, numbered as its records are. */
static tj_code read_data(tj_tree_problems *g, const char *path, size_t offset, size_t limit,
                         tj_err *err)
{
    tj_dataset *data = NULL;
    const tj_data_record *record = NULL;
    size_t past = limit == 0 ? SIZE_MAX : limit;
    tj_code rc = tj_dataset_open(&data, path, NULL, err);
    if (rc == TJ_OK) {
        rc = tj_dataset_next(data, &record, err);
    }
    while (rc == TJ_OK && record != NULL && g->n < past) {
        if (record->number > offset) {
            rc = add_words(g, (int64_t)record->number, record->problem, record->answer, err);
        }
        if (rc == TJ_OK) {
            rc = tj_dataset_next(data, &record, err);
        }
    }
    tj_dataset_close(data);
    return rc;
}

tj_code tj_tree_problems_read(tj_tree_problems *g, const tj_args *args, bool words, tj_err *err)
{
    g->words = words;
    const char *data = tj_args_get(args, "data");
    const char *answer = tj_args_get(args, "answer");
    if (data != NULL && (!g->words || tj_args_n_operands(args) > 0)) {
        return tj_fail(err, TJ_E_INVAL,
                       "--data is for problems in words (--task math), instead of "
                       "operands");
    }
    size_t offset = 0;
    size_t limit = 0;
    tj_code rc = tj_args_size(args, "offset", 0, SIZE_MAX, &offset, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "limit", 0, SIZE_MAX, &limit, err);
    }
    if (rc == TJ_OK) {
        rc = data != NULL ? read_data(g, data, offset, limit, err)
                          : tj_each_prompt(args, add_problem, g, err);
    }
    if (rc == TJ_OK && g->n == 0) {
        rc = tj_fail(err, TJ_E_INVAL, "no problem was given");
    }
    if (rc == TJ_OK && answer != NULL) {
        rc = g->n == 1 && g->words && g->items[0].answer == NULL
                 ? keep_text(g, &g->items[0].answer, answer, strlen(answer), err)
                 : tj_fail(err, TJ_E_INVAL, "--answer is for one problem in words that has none");
    }
    return rc;
}

void tj_tree_problems_deinit(tj_tree_problems *g)
{
    for (size_t i = 0; i < g->n_texts; i++) {
        tj_free(g->texts[i]);
    }
    tj_free(g->texts);
    tj_free(g->items);
    memset(g, 0, sizeof *g);
}
