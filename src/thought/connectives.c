/* English sentences use words of share/countdown/tokenizer.json only, each one token; a test says
 * so. */
#include "thought/connectives.h"

#include <string.h>

static const char *const english[TJ_N_PURPOSES][12] = {
    {"That does not work.\n", "Hmm, that went wrong.\n", "No luck.\n", "So close, but no.\n",
     "Oh, this is a dead end.\n", "This misses the target.\n", "Not what I need.\n",
     "Well, that didn't work.\n", "Hmm, that is not right.\n", NULL},
    {"I made a mistake there.\n", "Hold on, that can't be it.\n", "Wait, something is off here.\n",
     "Hmm, that is not right.\n", NULL},
    {"Let me try another way.\n", "Let's try something else.\n", "Time to rethink.\n",
     "Try again.\n", "Let me try again.\n", NULL},
};

/* Japanese, for domains whose vocabulary can spell it. */
static const char *const japanese[TJ_N_PURPOSES][12] = {
    {"うまくいかない。\n", "これではない。\n", "行き止まりだ。\n", "違うようだ。\n", NULL},
    {"この手は間違いだ。\n", "今の計算は誤りだ。\n", NULL},
    {"別の道を試そう。\n", "もう一度やってみる。\n", "戻って考え直す。\n", NULL},
};

static const char *const (*table_of(const char *language))[12]
{
    return strcmp(language, "en") == 0 ? english : strcmp(language, "ja") == 0 ? japanese : NULL;
}

const char *tj_connective(const char *language, tj_purpose purpose, const char *last, tj_rng *rng)
{
    const char *const(*table)[12] = table_of(language);
    const char *fit[12];
    size_t n = 0;
    for (size_t i = 0; table != NULL && table[purpose][i] != NULL; i++) {
        if (last == NULL || strcmp(table[purpose][i], last) != 0) {
            fit[n++] = table[purpose][i];
        }
    }
    return n == 0 ? NULL : fit[tj_rng_below(rng, n)];
}

const char *tj_connective_nth(const char *language, size_t i)
{
    const char *const(*table)[12] = table_of(language);
    for (size_t p = 0; table != NULL && p < TJ_N_PURPOSES; p++) {
        for (size_t s = 0; table[p][s] != NULL; s++) {
            if (i-- == 0) {
                return table[p][s];
            }
        }
    }
    return NULL;
}
