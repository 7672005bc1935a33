#include "support/script_voice.h"

#include <string.h>

#include "base/alloc.h"

static tj_code answer(void *ctx, tj_query *q, size_t n, const tj_job *job, tj_err *err)
{
    script_voice *v = ctx;
    const char *text = v->answers[v->n_asked];
    (void)n;
    (void)job;
    const tj_message *last = q->messages == NULL ? NULL : &q->messages[q->n_messages - 1];
    if (v->n_asked < SCRIPT_MAX_ASKED) {
        v->asked[v->n_asked] =
            last == NULL ? tj_strndup(q->text, q->n_text) : tj_strndup(last->text, last->len);
        v->sampling[v->n_asked] = q->sampling;
        v->streams[v->n_asked] = q->problem;
    }
    if (text == NULL) {
        return tj_fail(err, TJ_E_BACKEND, "the script has no answer %zu", v->n_asked);
    }
    v->n_asked++;
    if (strcmp(text, "!") == 0) {
        return tj_fail(err, TJ_E_IO, "the line is down");
    }
    q->completions = tj_calloc(1, sizeof *q->completions);
    if (q->completions == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "no memory");
    }
    q->completions[0].text = tj_strdup(text);
    q->completions[0].n_text = strlen(text);
    q->completions[0].finish = strcmp(text, "#") == 0 ? TJ_FINISH_LENGTH : TJ_FINISH_EOS;
    q->usage.n_completion = 10;
    return q->completions[0].text == NULL ? tj_fail(err, TJ_E_NOMEM, "no memory") : TJ_OK;
}

void script_voice_open(script_voice *v, const char *const *answers, bool chats)
{
    *v = (script_voice){.answers = answers};
    v->generator = (tj_generator){.generate = answer, .ctx = v, .chats = chats, .batch = 1};
}

void script_voice_close(script_voice *v)
{
    for (size_t i = 0; i < SCRIPT_MAX_ASKED; i++) {
        tj_free(v->asked[i]);
    }
}
