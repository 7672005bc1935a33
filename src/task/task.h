/* Problem sets and their verifiers. A task knows how a problem is put to a model, reads what the
 * model writes line by line, and says what is wrong where. Trees, thoughts and evaluation see
 * domains only through struct tj_task, so that mathematics and others join by adding one.
 *
 * Ownership: stated at each function.
 * Threads:   a tj_task is immutable after create; its functions may be called from any thread.
 */
#ifndef TJ_TASK_TASK_H
#define TJ_TASK_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "task/dataset.h"
#include "task/prompts.h"
#include "task/stepform.h"

#define TJ_STEP_KEY_BYTES    64  /* canonical form of a step */
#define TJ_STEP_REASON_BYTES 160 /* why a step is wrong */

/* ------------------------------------------------------------ countdown */

#define TJ_COUNTDOWN_MAX_NUMBERS 6       /* exact search stays in milliseconds */
#define TJ_COUNTDOWN_MAX_VALUE   1000000 /* a product of two fits 64 bits, a number 7 digits */
#define TJ_COUNTDOWN_MAX_STEPS   60      /* 15 pairs, 4 operations: distinct steps from a state */
#define TJ_WALK_MAX_BYTES        (256 * 1024) /* an answer; far above any context length */

/* Combine all the given numbers by + - * / (each once; exact division, no negative or fractional
 * intermediate, no intermediate above value_max) to reach the target. */
typedef struct tj_countdown_config {
    size_t n_numbers;              /* 2 to TJ_COUNTDOWN_MAX_NUMBERS */
    size_t number_min, number_max; /* each number; 1 or more */
    size_t target_min, target_max; /* 1 or more */
    size_t value_max; /* every intermediate result; at least number_max and target_max */
    bool
        targets_by_play; /* draw targets as the ends of random play, so that a target is as frequent
                          * as there are ways to it, instead of all solvable problems alike */
} tj_countdown_config;

typedef struct tj_countdown_problem {
    uint32_t numbers[TJ_COUNTDOWN_MAX_NUMBERS]; /* ascending */
    uint32_t n_numbers;
    uint32_t target;
} tj_countdown_problem;

typedef enum tj_split { TJ_SPLIT_TRAIN = 0, TJ_SPLIT_VALID, TJ_SPLIT_TEST } tj_split;

/* ------------------------------------------------------------ a state and a verdict */

/* Where a walk through a problem stands. What the bytes mean is the task's own affair; equal states
 * have equal bytes. */
#define TJ_TASK_STATE_BYTES 64
typedef struct tj_task_state {
    unsigned char bytes[TJ_TASK_STATE_BYTES];
} tj_task_state;

/* What one line of text is. */
typedef enum tj_line_kind {
    TJ_LINE_STEP,    /* a numbered step */
    TJ_LINE_REACHED, /* "Reached 36." : claims success */
    TJ_LINE_FAILED,  /* "18 is not 36." : notices failure */
    TJ_LINE_BACK,    /* "Back to 3 4 6, make 36." : goes back to a state */
    TJ_LINE_OTHER    /* anything else: connective words */
} tj_line_kind;

/* The verifier's judgement of one line in a state. */
typedef struct tj_line_verdict {
    tj_line_kind kind;
    bool valid;    /* STEP: number, arithmetic, operands and remaining numbers right; REACHED: true
                    * iff the state is the target; FAILED: true iff it is one number and not the
                    * target; BACK: the state named was visited before on this problem (judged by
                    * tj_task.walk; judge_line says only whether it may be one of its states);
                    * OTHER: true */
    bool solvable; /* after the line, can the target still be reached from the state */
    bool terminal; /* one number is left */
    bool correct;  /* terminal, and it is the target; false after an invalid step */
    char key[TJ_STEP_KEY_BYTES];       /* canonical step: "4*3=12" with the larger operand first;
                                        * "" when it cannot be read */
    char reason[TJ_STEP_REASON_BYTES]; /* "" or why not valid: "11 - 7 is 4, not 5" */
} tj_line_verdict;

/* A whole answer, line by line: shortcut, journey or anything a model wrote. It ends with its first
 * valid REACHED line; what follows is not read. An attempt is the lines up to the next BACK line;
 * its chain is its steps and, through the state it went back to, the steps before it. */
typedef struct tj_walk_line {
    size_t begin, end; /* bytes of the line in the text, newline included */
    tj_line_verdict verdict;
    tj_task_state state; /* after the line; an invalid line leaves it as it was */
    size_t attempt;      /* 0-based: grows at each BACK line */
} tj_walk_line;
typedef struct tj_walk {
    tj_walk_line *lines; /* [n_lines]; freed by tj_walk_deinit */
    size_t n_lines;
    bool correct;         /* ended in a valid REACHED line, every line of whose chain is valid; what
                           * was wrong in an attempt that was given up does no harm */
    size_t first_wrong;   /* line of the first invalid step or claim; SIZE_MAX if none */
    char expression[128]; /* "((3*4)+(11-7))": what the last attempt computed, the same for every
                           * order of its steps; "" unless it came to one number */
} tj_walk;
void tj_walk_deinit(tj_walk *walk);

/* A domain: a table of functions over problems kept as JSON text (`{"numbers":[3,6,7,11],
 * "target":36}` in countdown). ctx is passed to each. */
typedef struct tj_task {
    const char *name; /* "countdown" */
    const void *ctx;
    /* Reads and checks a problem; gives its first state. Errors: TJ_E_PARSE naming the field. */
    tj_code (*begin)(const void *ctx, tj_task_state *state, const char *problem, size_t len,
                     tj_err *err);
    void (*write_prompt)(const void *ctx, const tj_task_state *first, tj_buf *out);
    /* What a model that was not trained on the domain is told before a prompt: the rules, and how
     * steps are written, by an example. */
    void (*write_rules)(const void *ctx, tj_buf *out);
    /* Judges one line (without its newline) in a state; on a valid STEP *after (which may alias
     * state) is the new state, else it equals state. A BACK line names a state: it is parsed into
     * *after and `valid` says that it is a possible state of this problem. */
    void (*judge_line)(const void *ctx, const tj_task_state *state, const char *line, size_t len,
                       tj_line_verdict *verdict, tj_task_state *after);
    /* Judges a whole answer given the first state. */
    tj_code (*walk)(const void *ctx, tj_walk *out, const tj_task_state *first, const char *text,
                    size_t len, tj_err *err);
    bool (*solvable)(const void *ctx, const tj_task_state *state);
    /* A stratum for "by difficulty": small integers, 0 easiest, with a name. */
    size_t (*difficulty)(const void *ctx, const tj_task_state *first);
    const char *(*difficulty_name)(const void *ctx, size_t difficulty); /* NULL past the last */
    /* Lines a long thought is made of: "18 is not 36." and "Back to 3 4 6, make 36." and
     * "Reached 36.", each with its newline. */
    void (*write_failed)(const void *ctx, const tj_task_state *end, tj_buf *out);
    void (*write_back)(const void *ctx, const tj_task_state *to, tj_buf *out);
    void (*write_reached)(const void *ctx, const tj_task_state *end, tj_buf *out);
    /* What a step should be numbered after this state (1 for the first state). */
    size_t (*step_number)(const void *ctx, const tj_task_state *state);
} tj_task;

/* ------------------------------------------------------------ countdown API */

/* Fills *out with the countdown task; keeps cfg. Difficulty is by number of solutions. */
void tj_countdown_task(tj_task *out, const tj_countdown_config *cfg);

/* The tokenizer.json of countdown (share/countdown/tokenizer.json), built in: what
 * tj_tokenizer_parse() reads. Lends *len bytes. */
const char *tj_countdown_tokenizer_json(size_t *len);

/* The numbers left and the target; converts to and from the opaque state. */
typedef struct tj_countdown_state {
    uint32_t numbers[TJ_COUNTDOWN_MAX_NUMBERS]; /* ascending; unused ones are 0 */
    uint32_t n_numbers;
    uint32_t target;
    uint32_t n_given; /* numbers of the whole problem */
} tj_countdown_state;
void tj_countdown_first_state(tj_countdown_state *out, const tj_countdown_problem *problem);
void tj_countdown_pack(tj_task_state *out, const tj_countdown_state *state);
void tj_countdown_unpack(tj_countdown_state *out, const tj_task_state *state);

/* TJ_E_INVAL naming the field and its range. The functions below that take no err expect a setting
 * that passes. */
TJ_MUST_USE tj_code tj_countdown_check_config(const tj_countdown_config *cfg, tj_err *err);

/* Number of distinct multisets of numbers (*n_multisets) and of distinct solvable (multiset,
 * target) problems (*n_problems) that the setting has, all splits together. Exact, by enumeration,
 * bounded by a budget of work: TJ_E_LIMIT says so for settings too large to enumerate; *n_problems
 * is then a lower bound and *n_multisets still exact. */
TJ_MUST_USE tj_code tj_countdown_count(const tj_countdown_config *cfg, size_t *n_multisets,
                                       size_t *n_problems, tj_err *err);
/* The same for one split. Stops, with TJ_OK, as soon as *n_problems has reached stop_at. */
TJ_MUST_USE tj_code tj_countdown_count_split(const tj_countdown_config *cfg, tj_split split,
                                             uint64_t split_seed, size_t stop_at,
                                             size_t *n_multisets, size_t *n_problems, tj_err *err);

/* The split of a multiset of numbers: a hash of the sorted numbers (and split_seed) decides, so
 * that no multiset is in two splits. About 1/20 each of valid and test. */
tj_split tj_countdown_split_of(const tj_countdown_problem *problem, uint64_t split_seed);

/* Draws a solvable problem of the split (for the sub-problems of phase 1, give a config with fewer
 * numbers). Every solvable problem of the split is equally likely: a multiset and a target are
 * drawn uniformly and kept if the one gives the other. So targets that many multisets reach are
 * more frequent than others, and a multiset is as frequent as it reaches many targets. With
 * targets_by_play the numbers are drawn uniformly and the target is where random legal steps end
 * (drawn again if out of range): problems with many solutions are more frequent. Errors:
 * TJ_E_LIMIT (nothing found: the setting has hardly a solvable problem). */
TJ_MUST_USE tj_code tj_countdown_draw(tj_countdown_problem *out, const tj_countdown_config *cfg,
                                      tj_split split, uint64_t split_seed, tj_rng *rng,
                                      tj_err *err);
/* n distinct problems of a split, in the order drawn, a function of the arguments alone. Refuses
 * (TJ_E_LIMIT, naming both numbers) when the split has fewer than margin * n problems. Gives *out
 * [n] (tj_free); NULL on error. */
TJ_MUST_USE tj_code tj_countdown_make_set(tj_countdown_problem **out, size_t n, size_t margin,
                                          const tj_countdown_config *cfg, tj_split split,
                                          uint64_t split_seed, uint64_t seed, tj_err *err);

/* Exact solver: can `target` be made of the state's numbers? Cost: at most about 1 µs for three
 * numbers, 10 µs for four, 10 ms for six. */
bool tj_countdown_solvable(const tj_countdown_config *cfg, const tj_countdown_state *state);
/* Number of distinct canonical solutions (step sequences), up to max_count: a measure of
 * difficulty. Two sequences are distinct when the keys of their steps are, so independent steps in
 * another order count again: they are other ways for a walk to succeed. */
size_t tj_countdown_n_solutions(const tj_countdown_config *cfg, const tj_countdown_state *state,
                                size_t max_count);

typedef struct tj_countdown_step {
    uint32_t a, b, result; /* a >= b for + and * */
    char op;               /* '+', '-', '*', '/' */
} tj_countdown_step;
/* All distinct legal steps from a state, in a fixed order; returns their number. */
size_t tj_countdown_steps(const tj_countdown_config *cfg, const tj_countdown_state *state,
                          tj_countdown_step steps[TJ_COUNTDOWN_MAX_STEPS]);
/* A solution: each step is drawn uniformly from the distinct legal steps after which the target can
 * still be reached. steps [n_numbers - 1]; false if unsolvable. */
bool tj_countdown_solve(const tj_countdown_config *cfg, const tj_countdown_state *state,
                        tj_countdown_step *steps, tj_rng *rng);
/* A legal step drawn uniformly from the distinct ones (for honest failed attempts); false if none.
 */
bool tj_countdown_random_step(const tj_countdown_config *cfg, const tj_countdown_state *state,
                              tj_countdown_step *step, tj_rng *rng);
/* Replaces the operands, which must be there, by the result. */
void tj_countdown_apply(tj_countdown_state *state, const tj_countdown_step *step);

/* The text forms. One place decides how everything is written:
 *     prompt   Use 3 6 7 11 to make 36.
 *     step     1. 11 - 7 = 4 left 3 4 6
 *     reached  Reached 36.
 *     failed   18 is not 36.
 *     back     Back to 3 4 6, make 36.
 * each with a newline. Numbers ascend; the larger operand of + and * comes first; a step from a
 * state with k numbers is numbered n_given - k + 1. */
void tj_countdown_write_prompt(tj_buf *out, const tj_countdown_problem *problem);
void tj_countdown_write_step(tj_buf *out, size_t number, const tj_countdown_step *step,
                             const tj_countdown_state *after);
void tj_countdown_write_reached(tj_buf *out, uint32_t target);
void tj_countdown_write_failed(tj_buf *out, uint32_t got, uint32_t target);
void tj_countdown_write_back(tj_buf *out, const tj_countdown_state *to);
void tj_countdown_write_rules(tj_buf *out);
/* Reads exactly what write_prompt writes. Errors: TJ_E_PARSE. */
TJ_MUST_USE tj_code tj_countdown_parse_prompt(tj_countdown_problem *out, const char *text,
                                              size_t len, tj_err *err);

/* The JSON form, `{"numbers":[3,6,7,11],"target":36}`; read takes the numbers in any order.
 * Errors: TJ_E_PARSE naming the field; *out is unchanged. */
void tj_countdown_write_json(tj_buf *out, const tj_countdown_problem *problem);
TJ_MUST_USE tj_code tj_countdown_read_json(tj_countdown_problem *out, const char *text, size_t len,
                                           tj_err *err);

/* Judges one line in a state; on a valid step *after is the new state (may alias state). Reading is
 * strict (one space, no leading zeros, numbers left ascending), except that the operands of + and *
 * may come in either order and a state to go back to in any order, anywhere in a line and in any
 * case ("Let me go back to 3 4 6, make 36."). Any bytes give a verdict. */
void tj_countdown_judge_line(const tj_countdown_config *cfg, const tj_countdown_state *state,
                             const char *line, size_t len, tj_line_verdict *verdict,
                             tj_countdown_state *after);

/* Judges a whole answer. Gives the walk's lines (tj_walk_deinit; empty on error).
 * Errors: TJ_E_NOMEM, TJ_E_LIMIT (more than TJ_WALK_MAX_BYTES). */
TJ_MUST_USE tj_code tj_countdown_walk(tj_walk *out, const tj_countdown_config *cfg,
                                      const tj_countdown_problem *problem, const char *text,
                                      size_t len, tj_err *err);

#endif
