/* Sentences between the steps of a long thought: an open set of templates by language and purpose.
 * Internal to thought. */
#ifndef TJ_THOUGHT_CONNECTIVES_H
#define TJ_THOUGHT_CONNECTIVES_H

#include <stddef.h>

#include "base/rng.h"

typedef enum tj_purpose {
    TJ_SAY_NOTICE = 0, /* something is wrong: after a result that is not the goal */
    TJ_SAY_INVALID,    /* a step was not right */
    TJ_SAY_RETURN,     /* before going back to an earlier state */
    TJ_N_PURPOSES
} tj_purpose;

/* A sentence of a purpose, with its newline, other than `last` (NULL: any); NULL when the language
 * has none. */
const char *tj_connective(const char *language, tj_purpose purpose, const char *last, tj_rng *rng);
/* All of them, for tests: the i-th sentence of a language; NULL past the last. */
const char *tj_connective_nth(const char *language, size_t i);

#endif
