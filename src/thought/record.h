/* A thought with what it is about, as files have it: JSON values one after the other (JSON lines, a
 * list, or values over several lines). docs/formats.md, "A long thought", has the fields.
 *
 * Texts of others are taken, too: `prompt`/`completion`, `instruction`/`response` or `output`,
 * `problem`/`solution`, `question`/`answer`, and `messages` whose last is the assistant's. They
 * have no spans; thought/rules.h finds some.
 *
 * Ownership: a record owns what it holds; tj_record_deinit frees it.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_RECORD_H
#define TJ_THOUGHT_RECORD_H

#include <jansson.h>

#include "thought/span.h"

#define TJ_MAX_RECORDS_BYTES ((size_t)1 << 30) /* of a file read whole */

/* Texts beside the thought; NULL where they are not known. */
typedef enum tj_meta {
    TJ_META_PROMPT = 0, /* what the thought answers */
    TJ_META_ANSWER,     /* the reference answer */
    TJ_META_ID,         /* in its source */
    TJ_META_LEVEL,      /* of difficulty */
    TJ_META_SUBJECT,
    TJ_META_LANGUAGE, /* "en", "ja", "zh" */
    TJ_META_SOURCE,   /* where it is from */
    TJ_META_LICENCE,
    TJ_META_AUTHOR,
    TJ_N_META
} tj_meta;
extern const char *const tj_meta_names[TJ_N_META + 1];

typedef enum tj_known { TJ_UNKNOWN = 0, TJ_NO, TJ_YES } tj_known;

typedef struct tj_record {
    tj_thought thought;
    char *meta[TJ_N_META]; /* tj_free */
    tj_known correct;      /* the final answer */
    size_t n_tokens;       /* where they are counted and the thought has no ids; 0: not known */
} tj_record;
void tj_record_deinit(tj_record *record);
/* Sets a text to a copy; NULL takes it away. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_record_set(tj_record *record, tj_meta meta, const char *text, size_t len,
                                  tj_err *err);
/* "" where it is not known. */
const char *tj_record_get(const tj_record *record, tj_meta meta);
/* Tokens of the thought: of its ids, or else as counted; 0: not known. */
size_t tj_record_n_tokens(const tj_record *record);

/* A new reference; NULL when memory is exhausted. Bytes that are not UTF-8 become U+FFFD. */
json_t *tj_record_to_json(const tj_record *record);
/* The spans alone. */
json_t *tj_thought_spans_json(const tj_thought *thought);
/* Errors: TJ_E_PARSE ("WHERE: field: ..."), TJ_E_LIMIT, TJ_E_NOMEM; *out is empty then. */
TJ_MUST_USE tj_code tj_record_from_json(tj_record *out, const json_t *json, const char *where,
                                        tj_err *err);

/* Calls fn with each record, or process trace (thought/trace.h), of a text; where is "NAME:LINE",
 * or "NAME:LINE: item N of the list". A record is freed after fn, unless fn takes it by zeroing the
 * struct. Errors: TJ_E_PARSE naming the line, those of fn. */
typedef tj_code (*tj_record_fn)(void *ctx, tj_record *record, const char *where, tj_err *err);
TJ_MUST_USE tj_code tj_records_read(const char *text, size_t len, const char *name, tj_record_fn fn,
                                    void *ctx, tj_err *err);

#endif
