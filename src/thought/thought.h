/* Long thoughts, span by span (thought/span.h): derived from trees by a depth-first walk (here),
 * written by people, talked out by language models, kept as records, filtered, exported, analysed.
 *
 * Spans taken from nodes keep the nodes' own ids; sentences are encoded span by span with forced
 * boundaries.
 *
 * Ownership: a thought owns its arrays; tj_thought_deinit frees them.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_THOUGHT_H
#define TJ_THOUGHT_THOUGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/rng.h"
#include "task/task.h"
#include "text/text.h"
#include "thought/answer.h"
#include "thought/critique.h"
#include "thought/debate.h"
#include "thought/export.h"
#include "thought/facts.h"
#include "thought/human.h"
#include "thought/mathcheck.h"
#include "thought/quality.h"
#include "thought/record.h"
#include "thought/rewrite.h"
#include "thought/rules.h"
#include "thought/span.h"
#include "thought/stats.h"
#include "thought/talk.h"
#include "thought/templates.h"
#include "thought/trace.h"
#include "tree/tree.h"

typedef enum tj_walk_order {
    TJ_ORDER_SAMPLED = 0, /* children in the order the policy sampled them, until a good one */
    TJ_ORDER_PAPER        /* a wrong child is forced first where there is one */
} tj_walk_order;

/* Which of the wrong children of a node are tried, where there are more than may be. They are told
 * in the order they were sampled in any case. */
typedef enum tj_walk_pick {
    TJ_PICK_FIRST = 0, /* those sampled first */
    TJ_PICK_RANDOM,
    TJ_PICK_LIKELIEST, /* those that the policy thought likeliest: mean log-probability a token */
    TJ_PICK_BEST       /* those of the highest value: the most tempting mistakes */
} tj_walk_pick;

#define TJ_REWARDER_BYTES 256 /* a rewarder's name */

typedef struct tj_derive_config {
    tj_walk_order order;
    size_t max_trials;     /* K: wrong children tried on each node of the correct path */
    size_t max_backtracks; /* in one thought; 0: no bound */
    bool restate;          /* going back restates the state and the goal */
    bool tell_invalid;     /* explore steps that are not valid, too: their wrong arithmetic is then
                            * among what is learnt, so the default leaves them out */
    bool back_to_root;     /* go back to the root's state instead of the node of the correct path */
    double p_connective;   /* chance of a connective sentence beside the verdict and the return */
    char language[TJ_LANGUAGE_BYTES]; /* of the sentences: "en", "en-open", "ja", or a file's */

    bool tell_dead;    /* explore valid steps after which the goal is out of reach (default) */
    tj_walk_pick pick; /* which children, */
    size_t max_branch; /* how deep: steps of a wrong branch at most; 0: down to a leaf */
    size_t from_depth, to_depth;   /* where: nodes of the path at these depths (the root has 0); of
                                    * to_depth, 0 is no bound */
    double p_explore;              /* chance that a node where it is allowed is explored */
    const tj_templates *templates; /* borrowed; NULL: what is built in */

    /* Whose rewards say what is wrong: a value below the threshold says that the step is invalid
     * (meaning `valid`) or dead (`solvable`, `progress`). A node that has no such reward is not
     * known to be anything, and is not told as wrong. "": a task's own labels; in words, all. */
    char rewarder[TJ_REWARDER_BYTES];
    double threshold;
    bool from_minus_one; /* its values are from -1 to 1, else from 0 to 1 */
} tj_derive_config;
void tj_derive_config_default(tj_derive_config *cfg);

/* The correct path of a tree written out (the one the policy sampled first, in depth-first sampled
 * order), with its conclusion. task NULL: a problem in words, whose steps are told as they are; the
 * one that ends the path is the conclusion if it states the answer, else a line after it is. tok
 * may be NULL: then there are no ids. cfg, of which the rewards are read, may be NULL. Errors:
 * TJ_E_NOTFOUND when the tree has no correct path (one with a step that a reward calls invalid is
 * none). */
TJ_MUST_USE tj_code tj_derive_shortcut(tj_thought *out, const tj_tree *tree, const tj_task *task,
                                       const tj_tokenizer *tok, int32_t eos,
                                       const tj_derive_config *cfg, tj_err *err);

/* The journey to the same correct leaf by a depth-first walk: nodes on the correct path may first
 * explore wrong children down to a leaf (a node off the path follows one random child), at most
 * max_trials on each; then the text notices, says why, goes back and goes on. Errors: TJ_E_NOTFOUND
 * when the tree has no correct path; TJ_E_INVAL (a rule out of its range, or a language that no
 * template has). */
TJ_MUST_USE tj_code tj_derive_journey(tj_thought *out, const tj_tree *tree, const tj_task *task,
                                      const tj_tokenizer *tok, int32_t eos,
                                      const tj_derive_config *cfg, tj_rng *rng, tj_err *err);

/* The tree that a thought tells of, where none is at hand (a person's, a dialogue's): a node a
 * step, without ids or rewards; its labels are the spans' marks, unknown where there is none.
 * The end of the path is a correct leaf if `correct` is YES. Gives *out
 * (tj_tree_deinit), and the thought's spans their nodes in it. Errors: TJ_E_NOMEM; *out is empty
 * then, and the thought as it was. */
TJ_MUST_USE tj_code tj_thought_to_tree(tj_tree *out, tj_thought *thought, tj_known correct,
                                       tj_err *err);

#endif
