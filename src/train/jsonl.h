/* Reading of a file of examples: what the forms of a line share. Inside train only.
 *
 * A form's reader appends whole examples to `out`, from begin to end, and the tokens between; ids
 * and learned are out's arrays in the making.
 */
#ifndef TJ_TRAIN_JSONL_H
#define TJ_TRAIN_JSONL_H

#include <jansson.h>

#include "train/train.h"

#define TJ_MAX_MESSAGES 1024 /* turns of one conversation */

typedef struct tj_jsonl {
    const char *path;
    size_t line;       /* 1-based */
    size_t first_line; /* the first that holds an example; 0: none yet */
    const tj_example_format *format;
    tj_encoder *encoder;
    tj_ids ids, learned; /* of equal length between calls */
    tj_chat chat;
    tj_examples *out;
} tj_jsonl;

/* TJ_E_PARSE saying what was found, or that the field is missing (found is NULL). */
TJ_MUST_USE tj_code tj_jsonl_wrong_type(const tj_jsonl *j, const char *field, const char *expected,
                                        const json_t *found, tj_err *err);

/* Begins an example. */
TJ_MUST_USE tj_code tj_jsonl_begin(tj_jsonl *j, tj_err *err);
/* Ends the latest one. Errors: TJ_E_LIMIT (longer than the format allows). */
TJ_MUST_USE tj_code tj_jsonl_end(tj_jsonl *j, tj_err *err);
/* Appends a token, unless it is -1, or a text, that is learnt (1) or not (0). */
TJ_MUST_USE tj_code tj_jsonl_add_token(tj_jsonl *j, int32_t id, int32_t learned, tj_err *err);
TJ_MUST_USE tj_code tj_jsonl_add_text(tj_jsonl *j, const char *field, const char *text, size_t len,
                                      int32_t learned, tj_err *err);
/* The same of a field, which must be a text. */
TJ_MUST_USE tj_code tj_jsonl_add_field(tj_jsonl *j, const json_t *object, const char *field,
                                       int32_t learned, tj_err *err);
/* Appends the messages of a field to messages[], of which *n are there. Borrows from the object. */
TJ_MUST_USE tj_code tj_jsonl_messages(const tj_jsonl *j, const json_t *object, const char *field,
                                      tj_message messages[TJ_MAX_MESSAGES], size_t *n, tj_err *err);
/* Appends a conversation, of which is learnt what the assistant says after the first n_prompt
 * messages; `field` is where those come from. Errors: TJ_E_PARSE (the last message is not the
 * assistant's, or is among the first). */
TJ_MUST_USE tj_code tj_jsonl_add_answer(tj_jsonl *j, const char *field, const tj_message *messages,
                                        size_t n_prompt, size_t n, tj_err *err);

/* The forms: each reads an object of its kind. */
TJ_MUST_USE tj_code tj_jsonl_completion(tj_jsonl *j, const json_t *object, tj_err *err);
TJ_MUST_USE tj_code tj_jsonl_pair(tj_jsonl *j, const json_t *object, tj_err *err);
TJ_MUST_USE tj_code tj_jsonl_steps(tj_jsonl *j, const json_t *object, tj_err *err);

#endif
