/* How the problems of a data set are put to a model: question, few-shot examples, where an answer
 * ends, and what is looked for in it. The tables of lm-evaluation-harness (0.4.13) are restated as
 * data, so that a prompt equals its prompt byte for byte; bench/lm_eval compares them.
 *
 *     description
 *     before problem after  delimiter target  "\n\n"      an example, n_shots times
 *     before problem after                                the problem; the model goes on from here
 *
 * Ownership: tables are static; texts that are rendered go to the caller's buffer.
 * Threads:   no shared state.
 */
#ifndef TJ_TASK_PROMPTS_H
#define TJ_TASK_PROMPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/jscan.h"

#define TJ_MAX_SHOTS       64 /* examples in a prompt; contexts end long before */
#define TJ_PROMPT_SHOT_END "\n\n"

/* A worked example. */
typedef struct tj_shot {
    const char *question;
    const char *target; /* the solution; where there is an answer, all but its last sentence */
    const char *answer; /* put between the task's answer_before and answer_after; NULL: none */
} tj_shot;

extern const tj_shot tj_shots_gsm8k[8];
extern const tj_shot tj_shots_minerva[4];
extern const tj_shot tj_shots_lines[4];

/* Which problems a task is about. */
typedef enum tj_prompt_set { TJ_PROMPT_GSM8K, TJ_PROMPT_MATH, TJ_PROMPT_MGSM } tj_prompt_set;

/* What stands behind the question of an example that is drawn from the data. */
typedef enum tj_prompt_target {
    TJ_TARGET_SOLUTION, /* the reference solution as it stands */
    TJ_TARGET_ANSWER    /* the final answer alone */
} tj_prompt_target;

/* One way of the harness to find the answer in a text. */
typedef struct tj_prompt_filter {
    const char *name;    /* "strict-match"; NULL ends a list */
    const char *pattern; /* Python's re; NULL: the whole text */
    bool last;           /* the last match; else the first */
    bool strip;          /* without white space around; matches always are */
} tj_prompt_filter;

/* How the harness compares what was found with the reference. */
typedef enum tj_prompt_match {
    TJ_MATCH_EXACT,     /* as text, after `ignored`, case and perhaps punctuation are taken away */
    TJ_MATCH_HENDRYCKS, /* the last formula, as text, after spellings of LaTeX are unified */
    TJ_MATCH_MINERVA    /* "The final answer is ...", normalised likewise */
} tj_prompt_match;

typedef struct tj_prompt_task {
    const char *name;  /* the harness's name, or ours */
    const char *alias; /* a shorter one; NULL: none */
    const char *brief; /* a line for people */
    bool is_ours;      /* the harness has no such task */
    const char *version;
    tj_prompt_set set;
    const char *description; /* begins a prompt; of chats it is the system prompt; "" if none */
    const char *before, *after;
    const char *delimiter;   /* between question and target */
    tj_prompt_target target; /* of examples that are drawn */
    tj_prompt_target gold;   /* what the harness calls the target of a problem */
    size_t n_shots;          /* unless asked otherwise */
    const tj_shot *shots;    /* [n_fixed], taken in order; NULL: drawn from data for each problem */
    size_t n_fixed;
    const char *answer_before, *answer_after;
    const char *until[6]; /* an answer ends before these; NULL ends the list */
    /* MGSM: what begins the questions of its own examples, which then have no `before`, and their
     * worked answers, where it is left out; NULL elsewhere */
    const char *shot_word, *strip_target;
    tj_prompt_filter filters[3];
    tj_prompt_match match;
    const char *const *ignored; /* patterns taken away on both sides, NULL-terminated; NULL: none */
    bool ignore_punctuation;
} tj_prompt_task;

/* All of them; the last has the name NULL. */
extern const tj_prompt_task tj_prompt_tasks[];
/* By name or alias; NULL if there is none. */
const tj_prompt_task *tj_prompt_find(const char *name);

/* Appends a problem's question as it is put: before, problem, after. */
void tj_prompt_question(tj_buf *out, const tj_prompt_task *task, tj_str problem);
/* Appends an example's question (which of MGSM may bring its own `before`) and target. */
void tj_prompt_shot_question(tj_buf *out, const tj_prompt_task *task, const tj_shot *shot);
void tj_prompt_shot_target(tj_buf *out, const tj_prompt_task *task, const tj_shot *shot);
/* Appends description, examples and question as one text to continue. */
void tj_prompt_text(tj_buf *out, const tj_prompt_task *task, const tj_shot *const *shots,
                    size_t n_shots, tj_str problem);

/* ------------------------------------------------------------ which examples are drawn */

/* Python's random.Random: the Mersenne Twister (Matsumoto and Nishimura 1998) seeded by an integer,
 * since the harness draws examples by it, one draw after another from problem to problem. */
typedef struct tj_pyrandom {
    uint32_t state[624];
    size_t at;
} tj_pyrandom;
void tj_pyrandom_init(tj_pyrandom *random, uint64_t seed);
uint32_t tj_pyrandom_u32(tj_pyrandom *random);
/* random.sample(range(n), k): k <= n, k <= TJ_MAX_SHOTS and n < 2^32 - 1 distinct numbers in their
 * order. False, and nothing drawn, out of these bounds. */
bool tj_pyrandom_sample(tj_pyrandom *random, size_t *out, size_t n, size_t k);

#endif
