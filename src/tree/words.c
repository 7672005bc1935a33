/* Problems in words: how they are put, and what the grader says of an answer. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/policy.h"

/* ------------------------------------------------------------------ prompts */

static const tj_prompt_task *task_of(const tj_words_prompt *prompt)
{
    return prompt == NULL || prompt->task == NULL ? tj_prompt_find("math_lines") : prompt->task;
}

/* Its fixed examples as far as they are wanted. */
static size_t shots_of(const tj_words_prompt *prompt, const tj_shot **shots)
{
    const tj_prompt_task *task = task_of(prompt);
    size_t n = prompt == NULL || task->shots == NULL ? 0 : prompt->n_shots;
    n = n < task->n_fixed ? n : task->n_fixed;
    n = n < TJ_MAX_SHOTS ? n : TJ_MAX_SHOTS;
    for (size_t i = 0; i < n; i++) {
        shots[i] = &task->shots[i];
    }
    return n;
}

void tj_words_write_prompt(tj_buf *out, const tj_words_prompt *prompt, const char *question)
{
    const tj_shot *shots[TJ_MAX_SHOTS];
    size_t n = shots_of(prompt, shots);
    const tj_prompt_task *task = task_of(prompt);
    tj_prompt_text(out, task, shots, n, (tj_str){question, strlen(question)});
    tj_buf_str(out, task->delimiter);
}

tj_code tj_words_chat_add(tj_words_chat *chat, tj_role role, const char *text, size_t len,
                          tj_err *err)
{
    char *copy = tj_strndup(text, len);
    if (copy == NULL || chat->n == sizeof chat->texts / sizeof chat->texts[0]) {
        tj_free(copy);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu messages", chat->n + 1);
    }
    chat->texts[chat->n] = copy;
    chat->messages[chat->n++] = (tj_message){role, copy, len};
    return TJ_OK;
}

typedef void (*write_part_fn)(tj_buf *out, const tj_prompt_task *task, const void *what);

static void write_question(tj_buf *out, const tj_prompt_task *task, const void *what)
{
    const char *question = what;
    tj_prompt_question(out, task, (tj_str){question, strlen(question)});
}

static void write_shot_question(tj_buf *out, const tj_prompt_task *task, const void *what)
{
    tj_prompt_shot_question(out, task, what);
}

static void write_shot_target(tj_buf *out, const tj_prompt_task *task, const void *what)
{
    tj_prompt_shot_target(out, task, what);
}

static tj_code add_part(tj_words_chat *chat, tj_role role, write_part_fn write,
                        const tj_prompt_task *task, const void *what, tj_err *err)
{
    tj_buf text;
    tj_buf_init(&text);
    write(&text, task, what);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        rc = tj_words_chat_add(chat, role, tj_buf_text(&text), text.len, err);
    }
    tj_buf_deinit(&text);
    return rc;
}

tj_code tj_words_chat_begin(tj_words_chat *out, const tj_words_prompt *prompt, const char *question,
                            tj_err *err)
{
    const tj_shot *shots[TJ_MAX_SHOTS];
    size_t n = shots_of(prompt, shots);
    const tj_prompt_task *task = task_of(prompt);
    tj_code rc = TJ_OK;
    out->n = 0;
    if (task->description[0] != '\0') {
        rc = tj_words_chat_add(out, TJ_ROLE_SYSTEM, task->description, strlen(task->description),
                               err);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = add_part(out, TJ_ROLE_USER, write_shot_question, task, shots[i], err);
        if (rc == TJ_OK) {
            rc = add_part(out, TJ_ROLE_ASSISTANT, write_shot_target, task, shots[i], err);
        }
    }
    if (rc == TJ_OK) {
        rc = add_part(out, TJ_ROLE_USER, write_question, task, question, err);
    }
    if (rc != TJ_OK) {
        tj_words_chat_end(out);
    }
    return rc;
}

void tj_words_chat_end(tj_words_chat *chat)
{
    while (chat->n > 0) {
        tj_free(chat->texts[--chat->n]);
    }
}

/* ------------------------------------------------------------------ answers */

bool tj_words_is_statement(const char *rule)
{
    return rule != NULL && (strcmp(rule, "boxed") == 0 || strcmp(rule, "final answer") == 0 ||
                            strcmp(rule, "####") == 0);
}

static tj_code grade(tj_words_verdict *out, tj_grader *grader, const char *answer, const char *text,
                     size_t len, tj_err *err)
{
    tj_grade g;
    tj_err why;
    tj_code rc = tj_grade_pair(&g, grader, answer, strlen(answer), text, len, &why);
    if (rc == TJ_E_NOMEM) {
        return tj_fail(err, rc, "%s", why.msg);
    }
    if (rc != TJ_OK) { /* the reference cannot be read: it decides nothing */
        (void)snprintf(out->reason, sizeof out->reason, "%.*s", TJ_STEP_REASON_BYTES - 1, why.msg);
        return TJ_OK;
    }
    out->right = g.verdict == TJ_VERDICT_EQUAL       ? TJ_LABEL_YES
                 : g.verdict == TJ_VERDICT_DIFFERENT ? TJ_LABEL_NO
                                                     : TJ_LABEL_UNKNOWN;
    (void)snprintf(out->reason, sizeof out->reason, "%s", g.reason);
    return TJ_OK;
}

/* Whether nothing that follows can change the answer that was found. */
static bool is_closed(const tj_extraction *x, const char *text, size_t len)
{
    return strcmp(x->rule, "boxed") == 0 || memchr(text + x->end, '\n', len - x->end) != NULL;
}

tj_code tj_words_judge(tj_words_verdict *out, tj_grader *grader, const char *answer,
                       const char *path, size_t n_path, size_t step_begin, tj_words_end end,
                       tj_err *err)
{
    tj_extraction found;
    size_t begin = end == TJ_WORDS_CUT ? 0 : step_begin;
    *out = (tj_words_verdict){.right = TJ_LABEL_UNKNOWN};
    tj_grade_extract(&found, grader, path + begin, n_path - begin);
    out->states_answer = tj_words_is_statement(found.rule) &&
                         (end != TJ_WORDS_CUT || is_closed(&found, path + begin, n_path - begin));
    if ((!out->states_answer && end != TJ_WORDS_LAST) || answer == NULL) {
        return TJ_OK;
    }
    begin = out->states_answer ? begin : 0;
    return grade(out, grader, answer, path + begin, n_path - begin, err);
}
