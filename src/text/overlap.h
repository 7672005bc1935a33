/* Which texts share text with which: contamination of what is measured by what is learnt from.
 *
 * A text is folded first: case, way of writing (NFKD), brackets, dollars, backslashes and other
 * punctuation do not count; letters, digits, + - * / = < > ^ and points and commas between digits
 * do, since "x + 1" is not "x - 1". Words are what white space separates, and each ideograph and
 * kana by itself. Two texts are the same if they are once folded, white space left out; they
 * overlap if eight words in a row, or as many as are asked for, stand in both; a text holds an item
 * whole if every such run of the item's stands in it (or they are the same).
 *
 *     index of the texts that are measured ◀── find(a text to learn from) ──▶ the one it shares
 * most
 *
 * Words, runs and texts are compared by 64-bit hashes, runs by those of all their words besides:
 * that two texts are called alike by chance has a probability below 1e-6 for a million texts.
 *
 * Ownership: create/destroy.
 * Threads:   confined to one thread.
 * Cost:      some ten MB/s; 40 bytes a word of the index.
 */
#ifndef TJ_TEXT_OVERLAP_H
#define TJ_TEXT_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define TJ_OVERLAP_WORDS     8 /* what most reports count */
#define TJ_OVERLAP_MAX_WORDS 64

typedef struct tj_overlap tj_overlap;

/* Gives *out; NULL on error. Errors: TJ_E_INVAL (n_words not in [1, TJ_OVERLAP_MAX_WORDS]). */
TJ_MUST_USE tj_code tj_overlap_create(tj_overlap **out, size_t n_words, tj_err *err);
void tj_overlap_destroy(tj_overlap *index); /* NULL is allowed */

/* Adds a text (valid UTF-8), which becomes item 0, 1, … Not after the first find. */
TJ_MUST_USE tj_code tj_overlap_add(tj_overlap *index, const char *text, size_t len, tj_err *err);

typedef struct tj_overlap_match {
    size_t item;     /* the one that is the same, or else shares most; SIZE_MAX: none shares any */
    bool is_same;    /* word for word */
    bool is_whole;   /* or every run of the item's stands in the text */
    size_t n_items;  /* items that share a run of words, or are the same */
    size_t n_shared; /* distinct runs that the text and the item share... */
    size_t n_runs;   /* ...of the text's */
    size_t begin, end; /* bytes of the first shared run in the text; all of it if it is short */
} tj_overlap_match;
/* Asks for a text. An item that is the same goes before one that is held whole, that before others;
 * of items that share as much the first is given. */
TJ_MUST_USE tj_code tj_overlap_find(tj_overlap *index, tj_overlap_match *out, const char *text,
                                    size_t len, tj_err *err);

/* How many items any text asked for so far was the same as, held whole, or shared a run with; each
 * counts those before it. */
typedef struct tj_overlap_counts {
    size_t n_same, n_whole, n_shared;
} tj_overlap_counts;
tj_overlap_counts tj_overlap_hits(const tj_overlap *index);

#endif
