#include "tree/opening.h"

#include <string.h>

void tj_opening_init(tj_opening *o, bool chats)
{
    *o = (tj_opening){.chats = chats};
    tj_buf_init(&o->text);
}

void tj_opening_deinit(tj_opening *o)
{
    tj_words_chat_end(&o->chat);
    tj_buf_deinit(&o->text);
}

tj_code tj_opening_state(tj_opening *o, const tj_task *task, const tj_task_state *first,
                         tj_err *err)
{
    tj_buf text;
    tj_buf_init(&text);
    task->write_rules(task->ctx, &text);
    tj_buf_char(&text, '\n');
    task->write_prompt(task->ctx, first, &text);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && o->chats) {
        rc = tj_words_chat_add(&o->chat, TJ_ROLE_USER, tj_buf_text(&text), text.len, err);
    } else if (rc == TJ_OK) {
        tj_buf_add(&o->text, tj_buf_text(&text), text.len);
    }
    tj_buf_deinit(&text);
    return rc;
}

tj_code tj_opening_words(tj_opening *o, const tj_words_prompt *prompt, const char *question,
                         tj_err *err)
{
    if (o->chats) {
        return tj_words_chat_begin(&o->chat, prompt, question, err);
    }
    tj_words_write_prompt(&o->text, prompt, question);
    return tj_buf_check(&o->text, err);
}

tj_code tj_opening_end_steps(tj_opening *o, tj_err *err)
{
    tj_code rc = tj_buf_check(&o->text, err);
    return rc == TJ_OK && o->chats && o->text.len > 0
               ? tj_words_chat_add(&o->chat, TJ_ROLE_ASSISTANT, tj_buf_text(&o->text), o->text.len,
                                   err)
               : rc;
}

tj_code tj_opening_wish(tj_opening *o, const char *text, tj_err *err)
{
    return tj_words_chat_add(&o->chat, TJ_ROLE_USER, text, strlen(text), err);
}

void tj_opening_lend(const tj_opening *o, tj_query *query)
{
    if (o->chats) {
        query->messages = o->chat.messages;
        query->n_messages = o->chat.n;
    } else {
        query->text = tj_buf_text(&o->text);
        query->n_text = o->text.len;
    }
}
