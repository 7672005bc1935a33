/* Training texts as token ids: phase 1 (many problems, solver-made attempts) and phase 2 (thoughts
 * of N problems among phase-1 texts). Internal to stage.
 *
 * Threads: immutable after create; filling a batch uses buffers of its own. */
#ifndef TJ_STAGE_CORPUS_H
#define TJ_STAGE_CORPUS_H

#include "base/rng.h"
#include "stage/stage.h"
#include "text/text.h"

typedef struct tj_corpus {
    const tj_corpus_config *cfg;
    const tj_countdown_config *task;
    const tj_tokenizer *tok;
    const tj_countdown_problem *problems; /* [n_problems] */
    size_t n_problems;
    int32_t eos;   /* ends each text, and begins each chain */
    uint64_t seed; /* of the texts */
    size_t chains; /* an update, for tj_corpus_fill */
} tj_corpus;

/* What a chain remembers from one text to the next. */
typedef struct tj_corpus_state {
    tj_countdown_problem last;
    bool failed;
} tj_corpus_state;

/* Appends one text (prompt, attempt, end) to the batch's latest sequence. */
TJ_MUST_USE tj_code tj_corpus_add_text(const tj_corpus *corpus, tj_batch *batch,
                                       tj_corpus_state *state, tj_rng *rng, tj_err *err);
/* Begins a chain: a sequence that starts with the end token, as if a text had just ended. */
TJ_MUST_USE tj_code tj_corpus_begin_chain(const tj_corpus *corpus, tj_batch *batch, tj_err *err);
/* A tj_source: ctx is a tj_corpus. */
tj_code tj_corpus_fill(void *ctx, size_t update, tj_batch *batch, tj_err *err);

/* One problem's training text in an arm. */
typedef struct tj_lesson {
    int32_t *prompt; /* [n_prompt] */
    size_t n_prompt;
    int32_t *ids;   /* [n_ids], with the end token */
    float *weights; /* [n_ids] loss weights; NULL: all 1 */
    size_t n_ids;
} tj_lesson;

/* Lessons shuffled anew each epoch, each followed by replayed phase-1 texts. */
typedef struct tj_lessons {
    const tj_lesson *lessons;
    size_t n;
    size_t per_update;
    double replay;
    const tj_corpus *corpus;
    uint64_t seed;
    size_t *order;      /* [n] scratch */
    size_t order_epoch; /* that `order` holds; SIZE_MAX: none */
} tj_lessons;
/* A tj_source: ctx is a tj_lessons. */
tj_code tj_lessons_fill(void *ctx, size_t update, tj_batch *batch, tj_err *err);
/* Updates that `epochs` take. */
size_t tj_lessons_updates(const tj_lessons *lessons, size_t epochs);

#endif
