/* A policy and a rewarder of problems in words that need no model. A step takes 1 to 4 of what is
 * asked for; after three of them the fourth step states the sum as the answer:
 *
 *     1. Take 2.
 *     2. Take 4.
 *     3. Take 1.
 *     4. The answer is \boxed{7}.
 *
 * Draws hang on the request's own stream. For tests of searches. */
#ifndef TJ_TESTS_SCRIPT_WORDS_H
#define TJ_TESTS_SCRIPT_WORDS_H

#include "tree/tree.h"

typedef struct script_words {
    double p_loop;    /* chance of saying the last step again */
    double p_endless; /* chance of a step that is cut */
    bool no_ids;      /* as a policy behind a server: texts only */
    size_t n_calls;   /* of the policy */
    size_t n_asked;   /* requests in all */
} script_words;

tj_policy script_words_policy(script_words *s);

typedef struct script_scorer {
    size_t favourite; /* what a step should take: such a path scores 1, others less; 0: the same for
                       * all */
    size_t fail_each; /* one ask in so many fails; 0: none */
    bool refuses;     /* the whole call fails */
    size_t n_calls;
} script_scorer;

tj_scorer script_words_scorer(script_scorer *s);

/* n problems with the answer 6. */
void script_words_items(tj_grow_item *items, size_t n);

#endif
