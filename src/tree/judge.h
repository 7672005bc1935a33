/* A language model as a rewarder: asked about one step at a time, it gives a verdict with a reason
 * in a strict JSON form,
 *
 *     {"reason": "12 - 7 is 5, not 4", "verdict": -1}
 *
 * one object with these two members and no other: `verdict` the integer 1 (right), 0 (neither) or
 * -1 (wrong), `reason` a text with words in it. A Markdown fence and blanks may stand around it,
 * thoughts before it; anything else is refused and asked again, with the reason of the refusal,
 * within `tries`, and then the vote is recorded as failed. Nothing is ever guessed.
 *
 * A model here is held to the form while it answers, and a server is asked to do so, unless `form`
 * says that the prompt's words must do. What a judge so held says is well formed, not right.
 *
 * A judge has `votes` (samples). Its verdict is what more than half of its usable votes say, of
 * which there must be more than half of all. Of several judges at least `agreement` must say the
 * same. Where no verdict has the numbers it is a tie: 0, or a failure, as `ties` says.
 *
 * Internal to tree; others open it by its settings (scorers.h).
 *
 * Ownership: stated at each function.
 * Threads:   as tj_scorer.
 */
#ifndef TJ_TREE_JUDGE_H
#define TJ_TREE_JUDGE_H

#include "tree/asking.h"
#include "tree/blanks.h"

#define TJ_JUDGE_MAX_JUDGES 8
#define TJ_JUDGE_MAX_VOTES  64 /* of a judge */
#define TJ_JUDGE_MAX_TRIES  16 /* for a vote */
#define TJ_JUDGE_WHY_BYTES  240
#define TJ_JUDGE_MAX_ANSWER ((size_t)256 << 10) /* bytes of an answer that is read at all */

typedef enum tj_ties { TJ_TIES_ZERO = 0, TJ_TIES_FAILED } tj_ties;
extern const char *const tj_ties_names[];    /* "zero", "failed", NULL */
extern const char *const tj_meaning_names[]; /* of tj_meaning, NULL at the end */

typedef enum tj_unanswered { TJ_UNANSWERED_STOP = 0, TJ_UNANSWERED_FAILED } tj_unanswered;
extern const char *const tj_unanswered_names[]; /* "stop", "failed", NULL */

typedef enum tj_judge_form { TJ_JUDGE_SCHEMA = 0, TJ_JUDGE_PROMPT } tj_judge_form;
extern const char *const tj_judge_form_names[]; /* "schema", "prompt", NULL */

typedef struct tj_judge_config {
    char name[TJ_SCORER_NAME_BYTES];
    char prompt[1024]; /* a file in place of the built-in prompt; "": none */
    int language;      /* tj_language: of the built-in prompt */
    int meaning;       /* tj_meaning: what the prompt asks for */
    int ties;          /* tj_ties */
    int unanswered;    /* tj_unanswered: what a server that answers nothing at all does to a run */
    int form;          /* tj_judge_form: answers are held to the form, or only asked for it */
    size_t votes, tries;
    size_t agreement; /* judges; 0: more than half */
    size_t max_tokens;
    double temperature;
    double
        temperature_rise; /* added at each further try; above 0, so that it is another question */
    uint64_t seed;
} tj_judge_config;
void tj_judge_config_default(tj_judge_config *cfg);
extern const tj_field tj_judge_fields[];

/* A judge of n models, which it takes on success. Errors: TJ_E_INVAL naming the field, those of
 * reading the prompt's file. */
TJ_MUST_USE tj_code tj_judge_create(tj_scorer *out, const tj_judge_config *cfg,
                                    const tj_asked_model *models, size_t n, tj_err *err);

/* The built-in prompt. */
const char *tj_judge_prompt(tj_language language);

#define TJ_JUDGE_MAX_REASON 300 /* characters; of answers that are held to the form */
/* The form of an answer (tj_form_destroy). Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_judge_form_create(tj_form **out, tj_err *err);

typedef struct tj_judge_vote {
    int value;    /* 1, 0, -1 */
    char *reason; /* tj_free */
} tj_judge_vote;
/* Reads an answer. True: *vote is given. False: refused, and why says why (UTF-8, or bytes of the
 * answer). *rc is TJ_E_NOMEM where memory is exhausted, else TJ_OK. */
bool tj_judge_read(tj_judge_vote *vote, const char *text, size_t len, char why[TJ_JUDGE_WHY_BYTES],
                   tj_code *rc);

#endif
