/* What happened in a thought, read off its spans: attempts, wrong steps and when they were noticed,
 * ways back and whether there was reason to, what choices cost, what is said twice.
 *
 * An attempt is the steps up to the next way back (neighbouring BACKTRACK spans are one). A step is
 * wrong when its mark says invalid or dead. What needs marks or values counts only where they are.
 *
 * Ownership: plain data.
 * Threads:   no shared state.
 * Cost:      linear, but for repeated lines and attempts, which are looked up by hash.
 */
#ifndef TJ_THOUGHT_FACTS_H
#define TJ_THOUGHT_FACTS_H

#include "thought/record.h"

typedef struct tj_facts {
    size_t n_bytes, n_words, n_lines;
    size_t spans[TJ_N_ACTIONS];     /* exact counts, */
    size_t bytes[TJ_N_ACTIONS];     /* and how much text they have */
    size_t by_editor[TJ_N_EDITORS]; /* bytes */
    size_t n_steps, n_marked;       /* steps; of them such as have a mark */

    size_t n_attempts;    /* with a step */
    size_t n_backtracks;  /* = justified + needless + unjudged */
    size_t n_justified;   /* a step of the attempt was wrong */
    size_t n_needless;    /* all steps of it were right */
    size_t n_unjudged;    /* no wrong one, but some without a mark, or no step at all */
    size_t n_unexplained; /* jumps: an attempt begins (PROPOSE) after another step, and nothing in
                           * between reflects or goes back */

    size_t n_wrong;   /* attempts with a wrong step */
    size_t n_noticed; /* of them such as a reflection or a way back follows, in the same attempt or
                       * at its end */
    size_t lag_steps; /* sum over those: steps between the first wrong step and its notice */
    size_t lag_words; /* and words */

    size_t n_choices;           /* after a step with a value: going on, or going back */
    size_t n_regretted;         /* of them such as another would have been better */
    double regret;              /* sum: the best value at hand less that of what was chosen */
    size_t n_continued, n_left; /* choices by kind, */
    double regret_continued, regret_left; /* and their regret */

    size_t n_repeated_lines; /* lines that stand in the thought before */
    size_t
        n_repeated_attempts; /* attempts whose steps are those of an earlier one, word for word */
    size_t n_grams, n_repeated_grams; /* runs of four words; such as were there before */
} tj_facts;

/* Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_facts_of(tj_facts *out, const tj_thought *thought, tj_err *err);

/* The longest run of one block of words, lines or characters over and over: how often it stands
 * there in a row, and how many words that are. n_times 1 where nothing is repeated at once. */
typedef struct tj_loop {
    size_t n_times, n_words;
    size_t begin, end; /* bytes of the first of them */
} tj_loop;
TJ_MUST_USE tj_code tj_find_loop(tj_loop *out, const char *text, size_t len, tj_err *err);

#endif
