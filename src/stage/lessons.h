/* Thoughts of the workspace as lessons of an arm. Internal to stage. */
#ifndef TJ_STAGE_LESSONS_H
#define TJ_STAGE_LESSONS_H

#include "stage/corpus.h"
#include "stage/scope.h"

typedef struct tj_lesson_set {
    tj_lesson *lessons; /* [n] */
    size_t n;
    size_t n_tokens; /* of all lessons, prompts included */
} tj_lesson_set;

/* The first n problems' shortcuts or journeys of a derive run. With `masked`, spans off the path
 * have weight 0, so that wrong branches are read but not learnt. Gives *out. */
TJ_MUST_USE tj_code tj_lessons_load(const tj_stage_env *env, tj_lesson_set *out, int64_t derive_run,
                                    bool journey, bool masked, size_t n, tj_err *err);
void tj_lessons_deinit(tj_lesson_set *set);

#endif
