/* Runs of words and how often they stand in reflection and elsewhere. Internal to thought.
 *
 * Ownership: create/destroy.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_GRAMS_H
#define TJ_THOUGHT_GRAMS_H

#include "base/err.h"
#include "thought/words.h"

#define TJ_MAX_GRAM       6                 /* words of a run */
#define TJ_MAX_GRAM_BYTES 96                /* of its text; longer runs are not counted */
#define TJ_MAX_GRAMS      ((size_t)1 << 22) /* told apart; further ones are dropped and counted */
#define TJ_GRAM_LEVELS    16                /* levels told apart; later ones share the last */
#define TJ_GRAM_LANGUAGES 3                 /* en, ja, zh */
extern const char *const tj_gram_languages[TJ_GRAM_LANGUAGES + 1];

typedef struct tj_gram {
    char *text; /* lower case (ASCII), a space between words but for single characters */
    uint32_t n_text;
    uint8_t language, n;     /* by tj_gram_languages; words */
    uint32_t reflect, other; /* in reflection (REFLECT, BACKTRACK), and elsewhere */
    uint32_t right, wrong;   /* in reflection of thoughts whose answer is right, or wrong */
    uint32_t by_level[TJ_GRAM_LEVELS]; /* in reflection */
} tj_gram;

typedef struct tj_grams tj_grams;
TJ_MUST_USE tj_code tj_grams_create(tj_grams **out, size_t max_n, tj_err *err);
void tj_grams_destroy(tj_grams *grams);

/* Where a text is from, for the counts. level SIZE_MAX: none. */
typedef struct tj_gram_place {
    size_t language, level;
    bool reflects;
    int correct; /* 1 right, 0 wrong, -1 not known */
} tj_gram_place;
TJ_MUST_USE tj_code tj_grams_add(tj_grams *grams, const char *text, size_t len,
                                 const tj_gram_place *place, tj_err *err);
size_t tj_grams_n_dropped(const tj_grams *grams);
/* Words in reflection: all, of right and of wrong thoughts, and by level. */
typedef struct tj_gram_words {
    uint64_t reflect, other, right, wrong, by_level[TJ_GRAM_LEVELS];
} tj_gram_words;
const tj_gram_words *tj_grams_words(const tj_grams *grams, size_t language);

/* The runs that mark reflection most: by the log-odds ratio with an informative Dirichlet prior
 * (Monroe, Colaresi and Quinn 2008, "Fightin' Words", eq. 15 to 22), as a z-score. Gives pointers
 * into grams, best first; those that stand at least min_count times in reflection; of one that is
 * part of another as frequent (within a tenth), the longer; of windows on one phrase as frequent,
 * the best. */
typedef struct tj_gram_score {
    const tj_gram *gram;
    double z;
} tj_gram_score;
TJ_MUST_USE tj_code tj_grams_top(const tj_grams *grams, size_t language, size_t min_count,
                                 tj_gram_score *out, size_t cap, size_t *n, tj_err *err);

#endif
