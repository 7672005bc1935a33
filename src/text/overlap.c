/* Runs of words of all items stand in one array sorted by hash, whole texts in another; a text and
 * its runs are looked up there. */
#include "text/overlap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "text/unicode.h"
#include "text/utf8.h"

typedef struct word {
    uint64_t hash;
    uint32_t begin, end; /* bytes */
} word;

typedef struct words {
    word *all; /* [n] */
    size_t n, cap;
    uint64_t whole; /* hash of the text without white space */
} words;

typedef struct run {
    uint64_t hash;
    uint32_t item;
    uint32_t at; /* word */
} run;

typedef struct member {
    size_t first, n; /* words */
    size_t n_runs;   /* distinct ones, once the index is sorted */
    size_t n_hits;   /* runs of the text at hand */
    bool is_same;    /* as the text at hand */
    bool was_same, was_whole, was_shared;
} member;

struct tj_overlap {
    size_t n_words;
    uint64_t *hashes; /* [n_hashes] of the words of all items */
    size_t n_hashes, cap_hashes;
    member *items; /* [n_items] */
    size_t n_items, cap_items;
    run *runs; /* [n_runs] */
    size_t n_runs, cap_runs;
    run *wholes; /* [n_items] */
    size_t cap_wholes;
    bool sorted;
    words words; /* of the text at hand */
    run *asked;  /* its runs */
    size_t n_asked, cap_asked;
    uint32_t *touched; /* items that it shares something with */
    size_t n_touched, cap_touched;
};

/* ------------------------------------------------------------------ words */

/* Scripts without spaces between words: ideographs and kana. */
static bool is_cjk(uint32_t c)
{
    return (c >= 0x3041 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) ||
           (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether a folded character counts. */
static bool counts(uint32_t c)
{
    tj_class class = tj_class_of(c);
    return class == TJ_CLASS_LETTER || class == TJ_CLASS_NUMBER ||
           (c > 0 && c < 0x80 && strchr("+-*/=<>^.,", (int)c) != NULL) ||
           (c >= 0x80 && tj_is_mark(c));
}

/* FNV-1a over characters, then a finalizer that spreads what little a short word has. */
static uint64_t add_character(uint64_t hash, uint32_t c)
{
    return (hash ^ c) * UINT64_C(0x100000001B3);
}

static uint64_t spread(uint64_t h)
{
    h = (h ^ (h >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94D049BB133111EB);
    return h ^ (h >> 31);
}

#define SEED UINT64_C(0xCBF29CE484222325)

/* Takes a folded character that counts; *open: it goes on with the last word. */
static bool take(words *w, bool *open, uint32_t c, uint32_t begin, uint32_t end)
{
    bool alone = is_cjk(c);
    bool mark = c >= 0x80 && tj_is_mark(c) && w->n > 0 && w->all[w->n - 1].end >= begin;
    if (!mark && (alone || !*open)) {
        if (!tj_grow(&w->all, &w->cap, w->n + 1, sizeof *w->all)) {
            return false;
        }
        w->all[w->n++] = (word){.hash = SEED, .begin = begin};
    }
    word *last = &w->all[w->n - 1];
    last->hash = add_character(last->hash, c);
    last->end = end;
    w->whole = add_character(w->whole, c);
    *open = mark ? *open : !alone;
    return true;
}

/* The character at text[at], folded: how many of out are filled in. *n: its bytes. */
static size_t fold_at(uint32_t out[TJ_MAX_FOLDED], const char *text, size_t len, size_t at,
                      size_t *n)
{
    uint32_t c = tj_utf8_decode(text + at, n);
    bool between = at > 0 && at + 1 < len && is_digit(text[at - 1]) && is_digit(text[at + 1]);
    if ((c == '.' || c == ',') && !between) {
        return 0;
    }
    if (c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
        return 1;
    }
    if (c == 0x2212) { /* the minus sign */
        out[0] = '-';
        return 1;
    }
    return tj_fold(out, c);
}

static tj_code split(words *w, const char *text, size_t len, tj_err *err)
{
    bool open = false;
    bool ok = len < UINT32_MAX;
    w->n = 0;
    w->whole = SEED;
    for (size_t at = 0; at < len && ok;) {
        size_t n;
        uint32_t folded[TJ_MAX_FOLDED];
        size_t n_folded = fold_at(folded, text, len, at, &n);
        for (size_t i = 0; i < n_folded && ok; i++) {
            if (counts(folded[i])) {
                ok = take(w, &open, folded[i], (uint32_t)at, (uint32_t)(at + n));
            } else {
                open = open && tj_class_of(folded[i]) != TJ_CLASS_SPACE;
            }
        }
        at += n;
    }
    for (size_t i = 0; i < w->n; i++) {
        w->all[i].hash = spread(w->all[i].hash);
    }
    w->whole = spread(w->whole);
    return ok ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot hold the words of a text");
}

/* ------------------------------------------------------------------ runs */

static uint64_t run_hash(const word *w, size_t n)
{
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++) {
        hash = spread(hash * UINT64_C(0x9E3779B97F4A7C15) + w[i].hash);
    }
    return hash;
}

static int by_hash(const void *a, const void *b)
{
    const run *p = a;
    const run *q = b;
    if (p->hash != q->hash) {
        return p->hash < q->hash ? -1 : 1;
    }
    if (p->item != q->item) {
        return p->item < q->item ? -1 : 1;
    }
    return p->at < q->at ? -1 : p->at > q->at ? 1 : 0;
}

/* Appends the runs of the words at hand. */
static bool add_runs(const tj_overlap *o, run **runs, size_t *n, size_t *cap, size_t item)
{
    for (size_t at = 0; at + o->n_words <= o->words.n; at++) {
        if (!tj_grow(runs, cap, *n + 1, sizeof **runs)) {
            return false;
        }
        (*runs)[(*n)++] =
            (run){run_hash(o->words.all + at, o->n_words), (uint32_t)item, (uint32_t)at};
    }
    return true;
}

/* Sorts, and leaves one of those with equal hash and item, the first in the text. */
static size_t sort_runs(run *runs, size_t n)
{
    size_t kept = 0;
    if (n > 0) {
        qsort(runs, n, sizeof *runs, by_hash);
    }
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || runs[kept - 1].hash != runs[i].hash ||
            runs[kept - 1].item != runs[i].item) {
            runs[kept++] = runs[i];
        }
    }
    return kept;
}

tj_code tj_overlap_create(tj_overlap **out, size_t n_words, tj_err *err)
{
    *out = NULL;
    if (n_words == 0 || n_words > TJ_OVERLAP_MAX_WORDS) {
        return tj_fail(err, TJ_E_INVAL, "runs of %zu words: expected 1 to %d", n_words,
                       TJ_OVERLAP_MAX_WORDS);
    }
    tj_overlap *o = tj_calloc(1, sizeof *o);
    if (o == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot make an index of texts");
    }
    o->n_words = n_words;
    *out = o;
    return TJ_OK;
}

void tj_overlap_destroy(tj_overlap *o)
{
    if (o == NULL) {
        return;
    }
    tj_free(o->hashes);
    tj_free(o->items);
    tj_free(o->runs);
    tj_free(o->wholes);
    tj_free(o->words.all);
    tj_free(o->asked);
    tj_free(o->touched);
    tj_free(o);
}

tj_code tj_overlap_add(tj_overlap *o, const char *text, size_t len, tj_err *err)
{
    tj_code rc = split(&o->words, text, len, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t n = o->words.n;
    if (o->n_items >= UINT32_MAX ||
        !tj_grow(&o->items, &o->cap_items, o->n_items + 1, sizeof *o->items) ||
        !tj_grow(&o->wholes, &o->cap_wholes, o->n_items + 1, sizeof *o->wholes) ||
        !tj_grow(&o->hashes, &o->cap_hashes, o->n_hashes + n, sizeof *o->hashes) ||
        !add_runs(o, &o->runs, &o->n_runs, &o->cap_runs, o->n_items)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold the words of %zu texts", o->n_items);
    }
    o->wholes[o->n_items] = (run){o->words.whole, (uint32_t)o->n_items, 0};
    o->items[o->n_items++] = (member){.first = o->n_hashes, .n = n};
    for (size_t i = 0; i < n; i++) {
        o->hashes[o->n_hashes++] = o->words.all[i].hash;
    }
    return TJ_OK;
}

/* ------------------------------------------------------------------ asking */

/* Whether n words of the text at hand are those of an item. */
static bool are_equal(const tj_overlap *o, size_t at, const member *it, size_t item_at, size_t n)
{
    bool equal = at + n <= o->words.n && item_at + n <= it->n;
    for (size_t i = 0; i < n && equal; i++) {
        equal = o->words.all[at + i].hash == o->hashes[it->first + item_at + i];
    }
    return equal;
}

/* The first of n sorted runs with a hash. */
static size_t lower_bound(const run *runs, size_t n, uint64_t hash)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (runs[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool touch(tj_overlap *o, uint32_t index)
{
    const member *it = &o->items[index];
    if (it->n_hits > 0 || it->is_same) {
        return true;
    }
    if (!tj_grow(&o->touched, &o->cap_touched, o->n_touched + 1, sizeof *o->touched)) {
        return false;
    }
    o->touched[o->n_touched++] = index;
    return true;
}

/* Marks the items that are the same as the text at hand (none, where that has no words). */
static bool look_up_whole(tj_overlap *o)
{
    bool ok = true;
    uint64_t hash = o->words.whole;
    for (size_t i = lower_bound(o->wholes, o->n_items, hash);
         ok && o->words.n > 0 && i < o->n_items && o->wholes[i].hash == hash; i++) {
        ok = touch(o, o->wholes[i].item);
        o->items[o->wholes[i].item].is_same = true;
    }
    return ok;
}

/* Counts every item that has a run of the text. */
static bool look_up(tj_overlap *o, const run *asked)
{
    bool ok = true;
    for (size_t i = lower_bound(o->runs, o->n_runs, asked->hash);
         ok && i < o->n_runs && o->runs[i].hash == asked->hash; i++) {
        member *it = &o->items[o->runs[i].item];
        if (are_equal(o, asked->at, it, o->runs[i].at, o->n_words)) {
            ok = touch(o, o->runs[i].item);
            it->n_hits++;
        }
    }
    return ok;
}

/* The best of the items touched; forgets them. */
static void choose(tj_overlap *o, tj_overlap_match *out)
{
    for (size_t t = 0; t < o->n_touched; t++) {
        size_t index = o->touched[t];
        member *it = &o->items[index];
        bool same = it->is_same;
        bool whole = same || it->n_hits == it->n_runs; /* it has hits, or is the same */
        int rank = (same ? 1 : 0) + (whole ? 1 : 0);
        int best = (out->is_same ? 1 : 0) + (out->is_whole ? 1 : 0);
        bool better = out->item == SIZE_MAX || rank > best ||
                      (rank == best && (it->n_hits > out->n_shared ||
                                        (it->n_hits == out->n_shared && index < out->item)));
        if (better) {
            out->item = index;
            out->is_same = same;
            out->is_whole = whole;
            out->n_shared = it->n_hits;
        }
        out->n_items++;
        it->was_same = it->was_same || same;
        it->was_whole = it->was_whole || whole;
        it->was_shared = true;
        it->n_hits = 0;
        it->is_same = false;
    }
    o->n_touched = 0;
}

/* Where the first run stands that the text shares with the item found. */
static void place(const tj_overlap *o, tj_overlap_match *out)
{
    size_t first = SIZE_MAX;
    for (size_t a = 0; a < o->n_asked; a++) {
        const run *asked = &o->asked[a];
        for (size_t i = lower_bound(o->runs, o->n_runs, asked->hash);
             asked->at < first && i < o->n_runs && o->runs[i].hash == asked->hash; i++) {
            first = o->runs[i].item == out->item ? asked->at : first;
        }
    }
    if (first != SIZE_MAX) {
        out->begin = o->words.all[first].begin;
        out->end = o->words.all[first + o->n_words - 1].end;
    } else {
        out->begin = o->words.all[0].begin;
        out->end = o->words.all[o->words.n - 1].end;
    }
}

static void sort_index(tj_overlap *o)
{
    o->n_runs = sort_runs(o->runs, o->n_runs);
    (void)sort_runs(o->wholes, o->n_items); /* each item stands there once */
    for (size_t i = 0; i < o->n_runs; i++) {
        o->items[o->runs[i].item].n_runs++;
    }
    o->sorted = true;
}

tj_code tj_overlap_find(tj_overlap *o, tj_overlap_match *out, const char *text, size_t len,
                        tj_err *err)
{
    *out = (tj_overlap_match){.item = SIZE_MAX};
    if (!o->sorted) {
        sort_index(o);
    }
    tj_code rc = split(&o->words, text, len, err);
    o->n_asked = 0;
    bool ok = rc == TJ_OK && add_runs(o, &o->asked, &o->n_asked, &o->cap_asked, 0);
    o->n_asked = ok ? sort_runs(o->asked, o->n_asked) : 0;
    ok = ok && look_up_whole(o);
    for (size_t i = 0; i < o->n_asked && ok; i++) {
        ok = look_up(o, &o->asked[i]);
    }
    if (rc == TJ_OK && !ok) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot look a text up");
    }
    choose(o, out);
    if (rc != TJ_OK) {
        *out = (tj_overlap_match){.item = SIZE_MAX};
        return rc;
    }
    out->n_runs = o->n_asked;
    if (out->item != SIZE_MAX) {
        place(o, out);
    }
    return TJ_OK;
}

tj_overlap_counts tj_overlap_hits(const tj_overlap *o)
{
    tj_overlap_counts counts = {0};
    for (size_t i = 0; i < o->n_items; i++) {
        counts.n_same += o->items[i].was_same ? 1 : 0;
        counts.n_whole += o->items[i].was_whole ? 1 : 0;
        counts.n_shared += o->items[i].was_shared ? 1 : 0;
    }
    return counts;
}
