/* Sentences between the steps of a long thought: an open set, by language, by the action of the
 * span that they become, and by why it is said. Built in are English in the few words of Countdown
 * ("en"), English without that bound ("en-open") and Japanese ("ja"); files of the same form
 * (docs/formats.md, "Sentences of long thoughts") add to them.
 *
 * Ownership: a set owns its sentences and lends them.
 * Threads:   immutable once filled.
 */
#ifndef TJ_THOUGHT_TEMPLATES_H
#define TJ_THOUGHT_TEMPLATES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "thought/span.h"

#define TJ_LANGUAGE_BYTES     8   /* "en-open" */
#define TJ_MAX_SENTENCE_BYTES 512 /* one; a sentence is a line */
#define TJ_MAX_TEMPLATES      65536
#define TJ_NO_SENTENCE        SIZE_MAX

/* Why something is said: what the rewards say of the step before. */
typedef enum tj_why {
    TJ_WHY_ANY = 0,
    TJ_WHY_INVALID, /* the step was wrong in itself */
    TJ_WHY_DEAD,    /* the goal cannot be reached any more */
    TJ_WHY_FAILED,  /* an end, and not the goal */
    TJ_WHY_LONG,    /* enough was tried in this direction */
    TJ_N_WHYS
} tj_why;
extern const char *const tj_why_names[TJ_N_WHYS + 1]; /* "any", "invalid", ... */

typedef struct tj_templates tj_templates;
/* Gives a set with what is built in (tj_templates_destroy). Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_templates_create(tj_templates **out, tj_err *err);
void tj_templates_destroy(tj_templates *set); /* NULL is allowed */
/* Adds those of YAML or JSON text, or of a file. Errors: TJ_E_PARSE and TJ_E_INVAL beginning with
 * "NAME:LINE: ", with nothing added; TJ_E_LIMIT; those of tj_config_load. */
TJ_MUST_USE tj_code tj_templates_add(tj_templates *set, const char *text, size_t len,
                                     const char *name, tj_err *err);
TJ_MUST_USE tj_code tj_templates_add_file(tj_templates *set, const char *path, tj_err *err);
bool tj_templates_has(const tj_templates *set, const char *language);

/* What is to be said. */
typedef struct tj_saying {
    const char *language;
    tj_action action;
    tj_why why;
    const char *reason; /* the reward's own, which takes the place of {reason}; NULL or "": none,
                         * and sentences with {reason} are not chosen */
} tj_saying;
/* A sentence drawn from those of the language and the action for just this `why`, or where there
 * are none, for "any"; another than `last` (TJ_NO_SENTENCE: none). TJ_NO_SENTENCE when none fits.
 */
size_t tj_templates_choose(const tj_templates *set, const tj_saying *what, size_t last,
                           tj_rng *rng);
/* Writes it out, with a newline. */
void tj_templates_write(const tj_templates *set, size_t sentence, const tj_saying *what,
                        tj_buf *out);
/* As it stands in its file; NULL past the last. */
const char *tj_templates_nth(const tj_templates *set, size_t sentence);
/* Of which set and action it is. */
const char *tj_templates_language(const tj_templates *set, size_t sentence);
tj_action tj_templates_action(const tj_templates *set, size_t sentence);

#endif
