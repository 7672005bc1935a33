/* What statistics keep of each record. Internal to thought. */
#ifndef TJ_THOUGHT_STATS_INNER_H
#define TJ_THOUGHT_STATS_INNER_H

#include "thought/facts.h"
#include "thought/grams.h"
#include "thought/rules.h"
#include "thought/stats.h"

#define TJ_STATS_LEVELS 64 /* levels told apart; further ones are counted as without one */

typedef struct tj_stats_row {
    tj_facts facts;
    size_t n_tokens; /* 0: not counted */
    size_t level;    /* index; SIZE_MAX: none */
    size_t language; /* by tj_gram_languages */
    tj_known correct;
    bool by_rules; /* its spans are the rules' */
    uint32_t keywords[TJ_MAX_KEYWORDS];
} tj_stats_row;

struct tj_stats {
    tj_stats_config cfg;
    tj_stats_row *rows;
    size_t n, cap;
    char *levels[TJ_STATS_LEVELS]; /* names, as they came */
    size_t n_levels;
    tj_grams *grams;
    tj_rules_score rules;
    size_t n_measured;
};

#endif
