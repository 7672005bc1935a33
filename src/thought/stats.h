/* Statistics over long thoughts: the table of the O1 Replication Journey (arXiv:2410.18982: tokens,
 * lines, words a line, keywords) and what spans allow beyond it. Texts without spans are counted by
 * the spans that rules find (thought/rules.h), and how far those are to be trusted is measured on
 * the texts that have spans.
 *
 * Ownership: create/destroy; the JSON is a new reference.
 * Threads:   confined to one thread.
 * Cost:      some microseconds a word; memory for each run of words and each record.
 */
#ifndef TJ_THOUGHT_STATS_H
#define TJ_THOUGHT_STATS_H

#include <jansson.h>

#include "thought/record.h"

#define TJ_MAX_KEYWORDS 64

typedef struct tj_stats_config {
    const char *const *keywords; /* [n_keywords], lower case; NULL: the default ones */
    size_t n_keywords;
    size_t max_gram;  /* words of a run that may mark reflection */
    size_t n_top;     /* runs listed of each language */
    size_t min_count; /* times that a run stands in reflection at least */
    bool by_rules;    /* spans by rules for all, also those that have some */
} tj_stats_config;
void tj_stats_config_default(tj_stats_config *cfg);

typedef struct tj_stats tj_stats;
/* Keeps the keywords of cfg. Errors: TJ_E_INVAL (more than TJ_MAX_KEYWORDS), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_stats_create(tj_stats **out, const tj_stats_config *cfg, tj_err *err);
void tj_stats_destroy(tj_stats *stats); /* NULL is allowed */
TJ_MUST_USE tj_code tj_stats_add(tj_stats *stats, const tj_record *record, tj_err *err);

/* docs/formats.md, "Statistics of thoughts", has the fields. What there is nothing to divide by for
 * is null. Errors: TJ_E_INVAL (no record was added), TJ_E_NOMEM; *out is NULL. */
TJ_MUST_USE tj_code tj_stats_json(const tj_stats *stats, json_t **out, tj_err *err);

#endif
