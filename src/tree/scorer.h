/* What gives rewards: an exact verifier, a process reward model, a judge, Monte-Carlo rollouts, a
 * consensus of others. All are asked the same way: about steps, each after those before it.
 *
 *     asks (problem, steps up to the one in question) ──▶ scorer ──▶ scores, given or failed
 *
 * Ownership: asks borrow; a score's strings belong to the caller (tj_score_deinit).
 * Threads:   a scorer is confined to one thread; it may use many itself.
 */
#include "tree/tree.h" /* before the guard: it includes this file once its own types are there */

#ifndef TJ_TREE_SCORER_H
#define TJ_TREE_SCORER_H

typedef struct tj_score_ask {
    const char *problem;      /* its text */
    const char *answer;       /* the reference answer; NULL: not known */
    const char *const *steps; /* [n_steps] texts from the first step to the one in question */
    size_t n_steps;           /* >= 1 */
    const tj_tree *tree;      /* where the steps are a tree's; or NULL */
    size_t node;              /* the last step's; TJ_NO_NODE where there is no tree */
    uint64_t key; /* of random numbers, with the scorer's seed: the same ask, the same score */
} tj_score_ask;

typedef struct tj_score {
    bool failed;  /* no score of use came, and none is guessed: then error says why */
    double value; /* in [low, high] of the scorer */
    char *reason; /* in words; NULL: none */
    char *raw;    /* a server's answer as it came; NULL: none */
    char *error;  /* NULL where it did not fail */
    size_t n_tries;
    uint64_t tokens;      /* read and written for this ask; what it shares with another is that's */
    uint64_t path_tokens; /* what they would be had it been asked alone; 0: not known */
    double seconds, money;
} tj_score;
void tj_score_deinit(tj_score *score);

typedef struct tj_scorer {
    const char *name;   /* the rewarder's, lent until close */
    tj_meaning meaning; /* what a value says */
    double low, high;   /* -1 and 1, or 0 and 1 */
    double threshold;   /* value >= threshold: the step is taken for right */
    /* Fills out [n], in the order of the asks. An ask that fails is a score that says so; an error
     * is what ends the whole call (TJ_E_CANCELLED, TJ_E_NOMEM, a server that refuses the key), and
     * then out is empty. */
    tj_code (*score)(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                     const tj_job *job, tj_err *err);
    void (*close)(void *ctx); /* frees ctx */
    void *ctx;
} tj_scorer;

#endif
