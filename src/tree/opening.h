/* What a generator is asked of one problem: the problem, then the steps so far. Of one that chats a
 * conversation, of one that continues texts one text. Internal to tree.
 *
 *     tj_opening_init(&o, generator.chats);
 *     rc = tj_opening_words(&o, &prompt, question, err);   or tj_opening_state
 *     …the steps are appended to o.text…
 *     rc = tj_opening_end_steps(&o, err);
 *     tj_opening_lend(&o, &query);
 *
 * Ownership: an opening owns its texts and lends them.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TREE_OPENING_H
#define TJ_TREE_OPENING_H

#include "tree/policy.h"

typedef struct tj_opening {
    bool chats;
    tj_words_chat chat;
    tj_buf text; /* of the steps; where texts are continued, the problem before them */
} tj_opening;

void tj_opening_init(tj_opening *o, bool chats);
void tj_opening_deinit(tj_opening *o);

/* Rules and problem of an embedded task. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_opening_state(tj_opening *o, const tj_task *task, const tj_task_state *first,
                                     tj_err *err);
/* A problem in words. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_opening_words(tj_opening *o, const tj_words_prompt *prompt,
                                     const char *question, tj_err *err);
/* Steps, where there are any, are the assistant's message. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_opening_end_steps(tj_opening *o, tj_err *err);
/* The user's wish behind the steps, in a chat. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_opening_wish(tj_opening *o, const char *text, tj_err *err);
/* The query borrows what is to be asked. */
void tj_opening_lend(const tj_opening *o, tj_query *query);

#endif
