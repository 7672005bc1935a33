/* Answers held to a form: an automaton over bytes that says of every byte whether it may come next.
 *
 * A form is compiled from a JSON Schema (the subset is at tj_form_create, infer.h) to a flat array
 * of nodes. A state walks over them with a stack of the containers that are open:
 *
 *     {"reason": "12 - 7 is 5", "verdict": -1}
 *                      ^ containers: object (member 0); in a string, 294 characters left
 *
 * What may be written is narrower than what a schema allows, never wider: members in the order of
 * the schema and each exactly once; between tokens nothing, one space, or a newline with at most
 * TJ_FORM_INDENT spaces, so that no model writes blanks for ever; numbers of at most so many digits
 * that they can be read back; no \u0000; a text that must have characters does not begin with a
 * blank, so that it has words. Every state that can be reached can be completed.
 *
 * Ownership: a form is immutable after create; a state is a plain value, copy freely.
 * Threads:   immutable after create.
 * Cost:      a step is O(1), and O(log n) in an enum of n values.
 */
#ifndef TJ_INFER_FORM_H
#define TJ_INFER_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fs.h"
#include "infer/infer.h"

#define TJ_FORM_INDENT 32 /* spaces after a newline: TJ_FORM_MAX_DEPTH levels of 2, or 8 of 4 */
#define TJ_FORM_MAX_DIGITS                                                                         \
    15                     /* of a whole number, and before and after a point: doubles keep 15     \
                            */
#define TJ_FORM_MAX_EXP  2 /* digits of an exponent: far from the largest double */
#define TJ_FORM_NO_LIMIT UINT32_MAX

typedef enum tj_form_kind {
    TJ_FORM_ANY,        /* any value */
    TJ_FORM_OBJECT,     /* members [first, first + n) */
    TJ_FORM_ANY_OBJECT, /* keys as they come, which may repeat; values are any */
    TJ_FORM_ARRAY,      /* min to max items of node `first` */
    TJ_FORM_STRING,     /* min to max characters (code points) */
    TJ_FORM_NUMBER,
    TJ_FORM_INTEGER,
    TJ_FORM_LITERALS /* one of literals [first, first + n), sorted by bytes, no two equal */
} tj_form_kind;

typedef struct tj_form_node {
    tj_form_kind kind;
    uint32_t first, n;
    uint32_t min, max; /* max TJ_FORM_NO_LIMIT: none */
    bool or_null;      /* null may stand in its place */
} tj_form_node;

/* Bytes [begin, begin + n) of the slab. */
typedef struct tj_form_text {
    uint32_t begin, n;
} tj_form_text;

typedef struct tj_form_member {
    tj_form_text key; /* as JSON, with its quotes */
    uint32_t node;
} tj_form_member;

/* Nodes that every form has, at these places. */
enum {
    TJ_FORM_NODE_ANY,
    TJ_FORM_NODE_ANY_ARRAY,
    TJ_FORM_NODE_WORDS, /* true, false, null */
    TJ_FORM_NODE_NULL,
    TJ_FORM_NODE_KEY
};

struct tj_form {
    tj_form_node *nodes; /* [n_nodes], at most TJ_FORM_MAX_NODES */
    size_t n_nodes, cap_nodes;
    tj_form_member *members; /* [n_members] */
    size_t n_members, cap_members;
    tj_form_text *literals; /* [n_literals] */
    size_t n_literals, cap_literals;
    char *slab; /* [n_slab]; keys and literals */
    size_t n_slab, cap_slab;
    uint32_t root;
    char *schema;               /* the schema as it was given, on one line */
    char digest[TJ_SHA256_HEX]; /* of it */
};

/* An open container: its node, and the member that is being written, or the items that are. */
typedef struct tj_form_frame {
    uint16_t node, n;
} tj_form_frame;

/* Where a text stands in a form. Fields that mean nothing where it stands are 0, so that equal
 * places have equal bytes; there is no padding. */
typedef struct tj_form_state {
    tj_form_frame frames[TJ_FORM_MAX_DEPTH]; /* [depth], the outermost first */
    uint32_t need, room;  /* characters that a string still needs, and still may have */
    uint16_t node;        /* of the value that is expected or being written */
    uint16_t low, high;   /* literals that may still be meant: [low, high) */
    uint16_t at;          /* byte of a literal or key */
    uint16_t value;       /* of the \u that is being written */
    uint8_t mode, sub;    /* see form.c */
    uint8_t depth, blank; /* blank: what of a gap is written */
    uint8_t digits;       /* of the number's part */
    uint8_t flags;
} tj_form_state;

/* The state before the first byte. With `thinks` a thought may come first: <think>, any bytes,
 * </think> and at most two newlines. */
void tj_form_begin(tj_form_state *state, const tj_form *form, bool thinks);
/* Steps over a byte. False: it may not come here; the state is then unspecified. */
bool tj_form_step(tj_form_state *state, const tj_form *form, unsigned char byte);
bool tj_form_is_complete(const tj_form_state *state, const tj_form *form);
bool tj_form_is_closed(const tj_form_state *state); /* complete, and nothing more may come */

/* Whether it stands in a string, between characters, where the next may be any; *room: how many. */
bool tj_form_in_text(const tj_form_state *state, size_t *room);
/* Lowers the counts of characters to `most` where they are larger: to tokens of at most so many
 * bytes the places look alike. */
void tj_form_saturate(tj_form_state *state, size_t most);

#endif
