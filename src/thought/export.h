/* Thoughts as training data in the forms of others, with a data card.
 *
 * What a form needs and a record does not have (marks of its steps, a wrong step beside a right
 * one) is never made up: the record gives no row, and the card counts it with the reason.
 *
 *     way to the answer      a ─ b ─ c ─ answer         SFT rows: the whole text
 *     wrong at b             a ─ x ─ y                  preferences: (a; b c answer over x y)
 *                                                       steps: a x y with labels + - -
 *
 * Ownership: create/destroy.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_EXPORT_H
#define TJ_THOUGHT_EXPORT_H

#include "base/buf.h"
#include "thought/record.h"

typedef enum tj_export_format {
    TJ_EXPORT_JSONL = 0,         /* records, as they are read */
    TJ_EXPORT_TRL,               /* prompt, completion */
    TJ_EXPORT_TRL_MESSAGES,      /* messages */
    TJ_EXPORT_TRL_DPO,           /* prompt, chosen, rejected */
    TJ_EXPORT_TRL_PRM,           /* prompt, completions, labels */
    TJ_EXPORT_OPENRLHF,          /* input, output */
    TJ_EXPORT_OPENRLHF_PRM,      /* input with a token after each step, value */
    TJ_EXPORT_LLAMA_FACTORY,     /* instruction, input, output */
    TJ_EXPORT_LLAMA_FACTORY_DPO, /* instruction, input, chosen, rejected */
    TJ_EXPORT_STEP_DPO,          /* prompt, initial_reason_steps, chosen, rejected */
    TJ_EXPORT_PRM800K,           /* question, label */
    TJ_EXPORT_MARKDOWN,          /* annotated thinking, one text after the other */
    TJ_N_EXPORTS
} tj_export_format;
extern const char
    *const tj_export_names[TJ_N_EXPORTS + 1]; /* "jsonl", "trl", "trl-messages", ... */

typedef struct tj_export_config {
    tj_export_format format;
    bool think; /* completions are <think>...</think> and then the conclusion */
} tj_export_config;

typedef struct tj_exporter tj_exporter;
TJ_MUST_USE tj_code tj_exporter_create(tj_exporter **out, const tj_export_config *cfg, tj_err *err);
void tj_exporter_destroy(tj_exporter *exporter); /* NULL is allowed */
/* Appends the record's rows, each a line (of Markdown: several), to `out`. Errors: TJ_E_NOMEM;
 * TJ_E_PARSE naming `where` for a text that is not UTF-8. */
TJ_MUST_USE tj_code tj_exporter_add(tj_exporter *exporter, tj_buf *out, const tj_record *record,
                                    const char *where, tj_err *err);
size_t tj_exporter_n_rows(const tj_exporter *exporter);
/* Records that gave no row for the i-th reason, which is lent in *why; 0: there are no more. */
size_t tj_exporter_skipped(const tj_exporter *exporter, size_t i, const char **why);

/* The data card: what is in it (counts, by action and editor), licences, where it is from, and with
 * which settings it was made. */
typedef struct tj_card {
    const char *title;
    const char *const *inputs;  /* [n_inputs] names of what was read, */
    const char *const *digests; /* with their SHA-256 */
    size_t n_inputs;
    const char *settings; /* canonical JSON */
    const char *made_by;  /* "tabiji 0.1.0" */
} tj_card;
void tj_exporter_card(const tj_exporter *exporter, const tj_card *card, tj_buf *out);

#endif
