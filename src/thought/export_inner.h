/* An exporter's counts, which its card shows. Internal to thought. */
#ifndef TJ_THOUGHT_EXPORT_INNER_H
#define TJ_THOUGHT_EXPORT_INNER_H

#include "thought/export.h"
#include "thought/ways.h"

#define TJ_STEP_TOKEN "\xD0\xBA\xD0\xB8" /* ки, as Math-Shepherd marks the ends of steps */
#define TJ_MAX_WAY_SPANS                                                                           \
    16384                  /* of a record whose steps are compared with one another; real          \
                            * ones have some hundreds */
#define TJ_MAX_TALLIES 256 /* names told apart in a card; further ones are summed */

typedef struct tj_tally_item {
    char *name;
    size_t count;
} tj_tally_item;
typedef struct tj_tally {
    tj_tally_item *items;
    size_t n, cap, n_others;
} tj_tally;
typedef enum tj_tally_kind {
    TJ_TALLY_LICENCE = 0,
    TJ_TALLY_SOURCE,
    TJ_TALLY_LANGUAGE,
    TJ_TALLY_SKIPPED,
    TJ_N_TALLIES
} tj_tally_kind;

struct tj_exporter {
    tj_export_config cfg;
    size_t n_rows, n_records, n_bytes, n_tokens, n_counted, n_backtracks;
    size_t by_correct[3]; /* by tj_known */
    size_t by_kind[TJ_N_KINDS];
    size_t spans[TJ_N_ACTIONS], bytes[TJ_N_ACTIONS];
    size_t by_editor[TJ_N_EDITORS]; /* bytes */
    tj_tally tallies[TJ_N_TALLIES];
};

#endif
