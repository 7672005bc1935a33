/* Long thoughts: derived from trees by a depth-first walk, span by span.
 *
 * A thought is a text and its token ids; each span keeps what it does (its action) and the node it
 * tells of. Spans taken from nodes keep the nodes' own ids; connectives are encoded span by span
 * with forced boundaries.
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
#include "tree/tree.h"

typedef enum tj_action {
    TJ_PROPOSE = 0, /* a first step from a state */
    TJ_CONTINUE,    /* a further step of the same attempt */
    TJ_REFLECT,     /* notices and says why */
    TJ_BACKTRACK,   /* goes back to a named earlier state */
    TJ_VERIFY,      /* checks */
    TJ_CONCLUDE     /* states the answer */
} tj_action;
const char *tj_action_name(tj_action action);

typedef struct tj_span {
    size_t begin, end;         /* bytes of the text */
    size_t ids_begin, ids_end; /* tokens of ids */
    tj_action action;
    size_t node;  /* the tree's node it tells of; TJ_NO_NODE if none */
    bool on_path; /* the span belongs to the path that ends in the answer, or is the conclusion;
                   * false for wrong branches and what is said about them */
} tj_span;

typedef enum tj_thought_kind { TJ_SHORTCUT = 0, TJ_JOURNEY } tj_thought_kind;

typedef struct tj_thought {
    int64_t problem;
    tj_thought_kind kind;
    char *text; /* [n_text], zero-terminated; without the prompt */
    size_t n_text;
    int32_t *ids; /* [n_ids]; without the prompt, with the end-of-sequence token at the end */
    size_t n_ids;
    tj_span *spans; /* [n_spans], in order, covering the text */
    size_t n_spans;
    size_t n_backtracks;
} tj_thought;
void tj_thought_deinit(tj_thought *thought);

typedef enum tj_walk_order {
    TJ_ORDER_SAMPLED = 0, /* children in the order the policy sampled them, until a good one */
    TJ_ORDER_PAPER        /* a wrong child is forced first where there is one */
} tj_walk_order;

typedef struct tj_derive_config {
    tj_walk_order order;
    size_t max_trials;     /* K: wrong children tried on each node of the correct path */
    size_t max_backtracks; /* in one thought; 0: no bound */
    bool restate;          /* going back restates the state and the goal */
    bool tell_invalid;     /* explore steps that are not valid, too: their wrong arithmetic is then
                            * among     what is learnt, so the default leaves them out */
    bool back_to_root;     /* go back to the root's state instead of the node of the correct path */
    double p_connective;   /* chance of a connective sentence beside the verdict and the return */
    char language[8];      /* of the connectives: "en" */
} tj_derive_config;
void tj_derive_config_default(tj_derive_config *cfg);

/* The correct path of a tree written out (the one the policy sampled first, in depth-first sampled
 * order), with its conclusion. Errors: TJ_E_NOTFOUND when the tree has no correct path. */
TJ_MUST_USE tj_code tj_derive_shortcut(tj_thought *out, const tj_tree *tree, const tj_task *task,
                                       const tj_tokenizer *tok, int32_t eos, tj_err *err);

/* The journey to the same correct leaf by a depth-first walk: nodes on the correct path may first
 * explore wrong children down to a leaf (a node off the path follows one random child), at most
 * max_trials on each; then the text notices, says why, goes back and goes on. */
TJ_MUST_USE tj_code tj_derive_journey(tj_thought *out, const tj_tree *tree, const tj_task *task,
                                      const tj_tokenizer *tok, int32_t eos,
                                      const tj_derive_config *cfg, tj_rng *rng, tj_err *err);

#endif
