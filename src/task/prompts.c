#include "task/prompts.h"

#include <string.h>

const tj_prompt_task *tj_prompt_find(const char *name)
{
    for (const tj_prompt_task *task = tj_prompt_tasks; task->name != NULL; task++) {
        if (strcmp(task->name, name) == 0 ||
            (task->alias != NULL && strcmp(task->alias, name) == 0)) {
            return task;
        }
    }
    return NULL;
}

void tj_prompt_question(tj_buf *out, const tj_prompt_task *task, tj_str problem)
{
    tj_buf_str(out, task->before);
    tj_buf_add(out, problem.s, problem.n);
    tj_buf_str(out, task->after);
}

static bool begins_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

void tj_prompt_shot_question(tj_buf *out, const tj_prompt_task *task, const tj_shot *shot)
{
    bool brings = task->shot_word != NULL && begins_with(shot->question, task->shot_word);
    tj_buf_str(out, brings ? "" : task->before);
    tj_buf_str(out, shot->question);
    tj_buf_str(out, task->after);
}

void tj_prompt_shot_target(tj_buf *out, const tj_prompt_task *task, const tj_shot *shot)
{
    const char *target = shot->target;
    if (task->strip_target != NULL && begins_with(target, task->strip_target)) {
        target += strlen(task->strip_target);
    }
    tj_buf_str(out, target);
    if (shot->answer != NULL) {
        tj_buf_str(out, task->answer_before);
        tj_buf_str(out, shot->answer);
        tj_buf_str(out, task->answer_after);
    }
}

void tj_prompt_text(tj_buf *out, const tj_prompt_task *task, const tj_shot *const *shots,
                    size_t n_shots, tj_str problem)
{
    tj_buf_str(out, task->description);
    for (size_t i = 0; i < n_shots; i++) {
        tj_prompt_shot_question(out, task, shots[i]);
        tj_buf_str(out, task->delimiter);
        tj_prompt_shot_target(out, task, shots[i]);
        tj_buf_str(out, TJ_PROMPT_SHOT_END);
    }
    tj_prompt_question(out, task, problem);
}
