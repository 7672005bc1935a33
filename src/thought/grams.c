/* See grams.h. An open-addressed table of indexes into a list. */
#include "thought/grams.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"

#define MAX_WINDOWS 256 /* kept to know their parts by */
#define PRIOR       500.0 /* words that the prior stands for: enough that a run seen once says little */

const char *const tj_gram_languages[TJ_GRAM_LANGUAGES + 1] = {"en", "ja", "zh", NULL};

struct tj_grams {
    size_t max_n;
    tj_gram *items;
    size_t n, cap;
    uint32_t *slots; /* [n_slots], index + 1, 0 free */
    size_t n_slots;
    size_t n_dropped;
    tj_arena texts;
    tj_gram_words words[TJ_GRAM_LANGUAGES];
};

tj_code tj_grams_create(tj_grams **out, size_t max_n, tj_err *err)
{
    tj_grams *g = tj_calloc(1, sizeof *g);
    *out = NULL;
    if (g != NULL) {
        g->max_n = max_n < 1 ? 1 : max_n > TJ_MAX_GRAM ? TJ_MAX_GRAM : max_n;
        g->n_slots = 1024;
        g->slots = tj_calloc(g->n_slots, sizeof *g->slots);
        tj_arena_init(&g->texts, 0);
    }
    if (g == NULL || g->slots == NULL) {
        tj_free(g);
        return tj_fail(err, TJ_E_NOMEM, "cannot count runs of words");
    }
    *out = g;
    return TJ_OK;
}

void tj_grams_destroy(tj_grams *g)
{
    if (g != NULL) {
        tj_arena_deinit(&g->texts);
        tj_free(g->items);
        tj_free(g->slots);
        tj_free(g);
    }
}

size_t tj_grams_n_dropped(const tj_grams *g)
{
    return g->n_dropped;
}

const tj_gram_words *tj_grams_words(const tj_grams *g, size_t language)
{
    return &g->words[language];
}

/* ------------------------------------------------------------------ the table */

static uint64_t hash_of(const char *text, size_t n, size_t language)
{
    return tj_fnv64(text, n) + language * 0x9E3779B97F4A7C15u;
}

static size_t slot_of(const tj_grams *g, const char *text, size_t n, size_t language)
{
    size_t i = (size_t)hash_of(text, n, language) & (g->n_slots - 1);
    for (; g->slots[i] != 0; i = (i + 1) & (g->n_slots - 1)) {
        const tj_gram *one = &g->items[g->slots[i] - 1];
        if (one->n_text == n && one->language == language && memcmp(one->text, text, n) == 0) {
            break;
        }
    }
    return i;
}

static bool grow_slots(tj_grams *g)
{
    if (2 * (g->n + 1) < g->n_slots) {
        return true;
    }
    uint32_t *old = g->slots;
    uint32_t *slots = tj_calloc(2 * g->n_slots, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    g->slots = slots;
    g->n_slots *= 2;
    for (size_t i = 0; i < g->n; i++) {
        const tj_gram *one = &g->items[i];
        g->slots[slot_of(g, one->text, one->n_text, one->language)] = (uint32_t)(i + 1);
    }
    tj_free(old);
    return true;
}

static tj_code find_or_add(tj_grams *g, tj_gram **out, const char *text, size_t n, size_t language,
                           size_t n_words, tj_err *err)
{
    size_t slot = slot_of(g, text, n, language);
    *out = NULL;
    if (g->slots[slot] != 0) {
        *out = &g->items[g->slots[slot] - 1];
        return TJ_OK;
    }
    if (g->n == TJ_MAX_GRAMS) {
        g->n_dropped++;
        return TJ_OK;
    }
    if (!grow_slots(g) || !tj_grow(&g->items, &g->cap, g->n + 1, sizeof *g->items)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot count %zu runs of words", g->n + 1);
    }
    char *copy = tj_arena_strndup(&g->texts, text, n);
    if (copy == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot count %zu runs of words", g->n + 1);
    }
    g->items[g->n] = (tj_gram){
        .text = copy, .n_text = (uint32_t)n, .language = (uint8_t)language, .n = (uint8_t)n_words};
    *out = &g->items[g->n++];
    g->slots[slot_of(g, text, n, language)] = (uint32_t)g->n;
    return TJ_OK;
}

/* ------------------------------------------------------------------ counting */

static tj_code count(tj_grams *g, const char *text, size_t n, size_t n_words,
                     const tj_gram_place *p, tj_err *err)
{
    tj_gram *one;
    tj_code rc = find_or_add(g, &one, text, n, p->language, n_words, err);
    if (rc != TJ_OK || one == NULL) {
        return rc;
    }
    one->reflect += p->reflects ? 1 : 0;
    one->other += p->reflects ? 0 : 1;
    one->right += p->reflects && p->correct == 1 ? 1 : 0;
    one->wrong += p->reflects && p->correct == 0 ? 1 : 0;
    if (p->reflects && p->level != SIZE_MAX) {
        one->by_level[p->level < TJ_GRAM_LEVELS ? p->level : TJ_GRAM_LEVELS - 1]++;
    }
    return TJ_OK;
}

static void count_word(tj_grams *g, const tj_gram_place *p)
{
    tj_gram_words *w = &g->words[p->language];
    w->reflect += p->reflects ? 1 : 0;
    w->other += p->reflects ? 0 : 1;
    w->right += p->reflects && p->correct == 1 ? 1 : 0;
    w->wrong += p->reflects && p->correct == 0 ? 1 : 0;
    if (p->reflects && p->level != SIZE_MAX) {
        w->by_level[p->level < TJ_GRAM_LEVELS ? p->level : TJ_GRAM_LEVELS - 1]++;
    }
}

/* All runs that end with the last of words [n]. */
static tj_code count_runs(tj_grams *g, const char *text, const tj_word *words, size_t n,
                          const tj_gram_place *p, tj_err *err)
{
    char run[TJ_MAX_GRAM_BYTES];
    tj_code rc = TJ_OK;
    for (size_t k = 1; k <= n && k <= g->max_n && rc == TJ_OK; k++) {
        size_t used = 0;
        bool fits = true;
        bool own = p->language == 0; /* an English run in a Chinese text says nothing of Chinese */
        for (size_t i = n - k; i < n && fits; i++) {
            size_t len = words[i].end - words[i].begin;
            own = own || words[i].single;
            bool space = i > n - k && !(words[i].single && words[i - 1].single);
            fits = used + len + 1 < sizeof run;
            if (fits && space) {
                run[used++] = ' ';
            }
            for (size_t b = 0; fits && b < len; b++) {
                char c = text[words[i].begin + b];
                run[used++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
            }
        }
        rc = fits && own ? count(g, run, used, k, p, err) : TJ_OK;
    }
    return rc;
}

/* A run of one language's words: digits alone say nothing of how one reflects. */
static bool is_number(const char *text, const tj_word *w)
{
    for (size_t i = w->begin; i < w->end; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
    }
    return true;
}

tj_code tj_grams_add(tj_grams *g, const char *text, size_t len, const tj_gram_place *p, tj_err *err)
{
    tj_line line;
    tj_code rc = TJ_OK;
    for (size_t at = 0; rc == TJ_OK && tj_next_line(text, len, &at, &line);) {
        tj_word words[TJ_MAX_GRAM];
        size_t n = 0;
        tj_word word;
        for (size_t i = line.begin; rc == TJ_OK && tj_next_word(text, line.end, &i, &word);) {
            count_word(g, p);
            if (is_number(text, &word)) {
                n = 0;
                continue;
            }
            if (n == TJ_MAX_GRAM) {
                memmove(words, words + 1, (TJ_MAX_GRAM - 1) * sizeof *words);
                n--;
            }
            words[n++] = word;
            rc = count_runs(g, text, words, n, p, err);
        }
    }
    return rc;
}

/* ------------------------------------------------------------------ what marks reflection */

static double z_of(const tj_grams *g, const tj_gram *one)
{
    double n_r = (double)g->words[one->language].reflect; /* places where a run may begin */
    double n_o = (double)g->words[one->language].other;
    double r = (double)one->reflect;
    double o = (double)one->other;
    double prior = PRIOR * (r + o) / (n_r + n_o);
    double odds_r = log((r + prior) / (n_r + PRIOR - r - prior));
    double odds_o = log((o + prior) / (n_o + PRIOR - o - prior));
    return (odds_r - odds_o) / sqrt(1.0 / (r + prior) + 1.0 / (o + prior));
}

/* By z, then more words first, then by text: an order that hangs on nothing else. */
static int by_score(const void *a, const void *b)
{
    const tj_gram_score *x = a;
    const tj_gram_score *y = b;
    if (x->z < y->z || x->z > y->z) {
        return x->z > y->z ? -1 : 1;
    }
    if (x->gram->n != y->gram->n) {
        return x->gram->n > y->gram->n ? -1 : 1;
    }
    return strcmp(x->gram->text, y->gram->text);
}

static bool holds(const tj_gram *longer, const tj_gram *shorter)
{
    return longer->n > shorter->n &&
           tj_find_phrase(longer->text, longer->n_text, shorter->text) != SIZE_MAX;
}

/* Is the end of one run, half of it or more, the beginning of the other? Then both are windows on
 * one longer phrase. */
static bool leads_into(const tj_gram *a, const tj_gram *b)
{
    for (size_t at = 1; 2 * at <= a->n_text; at++) {
        unsigned char c = (unsigned char)a->text[at];
        bool begins =
            (c & 0xC0) == 0xC0 || a->text[at - 1] == ' '; /* a character's word, or a word */
        size_t n = a->n_text - at;
        if (begins && n <= b->n_text && memcmp(a->text + at, b->text, n) == 0) {
            return true;
        }
    }
    return false;
}

static bool as_frequent(const tj_gram *a, const tj_gram *b)
{
    return 10 * (uint64_t)a->reflect <= 11 * (uint64_t)b->reflect &&
           10 * (uint64_t)b->reflect <= 11 * (uint64_t)a->reflect;
}

/* Windows on phrases that are listed by another window: what is part of them is known, too. */
typedef struct windows {
    const tj_gram *items[MAX_WINDOWS];
    size_t n;
} windows;

static bool is_part_of(const windows *w, const tj_gram *g)
{
    for (size_t i = 0; i < w->n; i++) {
        if (as_frequent(w->items[i], g) && holds(w->items[i], g)) {
            return true;
        }
    }
    return false;
}

/* Is the run part of one that is listed and about as frequent, or the other way round? The longer
 * one says more, and so takes the place; of windows on one phrase the first stays. */
static bool is_covered(tj_gram_score *list, size_t n, windows *w, const tj_gram_score *one)
{
    const tj_gram *g = one->gram;
    for (size_t i = 0; i < n; i++) {
        const tj_gram *other = list[i].gram;
        if (!as_frequent(other, g)) {
            continue;
        }
        if (holds(other, g)) {
            return true;
        }
        if (holds(g, other)) {
            list[i] = *one;
            return true;
        }
        if (leads_into(other, g) || leads_into(g, other)) {
            if (w->n < MAX_WINDOWS) {
                w->items[w->n++] = g;
            }
            return true;
        }
    }
    return is_part_of(w, g);
}

tj_code tj_grams_top(const tj_grams *g, size_t language, size_t min_count, tj_gram_score *out,
                     size_t cap, size_t *n, tj_err *err)
{
    tj_gram_score *all = tj_calloc(g->n, sizeof *all);
    windows seen = {.n = 0};
    size_t n_all = 0;
    *n = 0;
    if (all == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot order %zu runs of words", g->n);
    }
    for (size_t i = 0; i < g->n; i++) {
        const tj_gram *one = &g->items[i];
        if (one->language == language && one->reflect >= min_count) {
            all[n_all++] = (tj_gram_score){one, z_of(g, one)};
        }
    }
    qsort(all, n_all, sizeof *all, by_score);
    for (size_t i = 0; i < n_all && all[i].z > 0.0;
         i++) { /* a full list may still get longer ones */
        if (!is_covered(out, *n, &seen, &all[i]) && *n < cap) {
            out[(*n)++] = all[i];
        }
    }
    tj_free(all);
    qsort(out, *n, sizeof *out, by_score);
    return TJ_OK;
}
