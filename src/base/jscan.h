/* A scanner for bulk JSON: a text is checked once, from left to right, and becomes a tape of
 * values, each a place in the text. No tree, no copies: texts are decoded where they stand, when
 * they are asked for, and the tape's memory is kept for the next text.
 *
 *     {"a": [1, "x"], "b": null}
 *     tape:  0 object, past 6    1 "a"    2 array, past 5    3 1    4 "x"    5 "b"    6 null
 *
 * The members of an object are pairs of values, the items of an array values; what stands behind a
 * value at i is at nodes[i].past. Strict (RFC 8259): no comments, no NaN, no comma too many; UTF-8
 * is checked; escapes must be characters, and none of them zero, so that a text is a C string.
 *
 * Ownership: init/deinit on the caller's storage; a tape borrows the text and changes it as strings
 *            are decoded.
 * Threads:   confined to one thread.
 * Cost:      one pass; some hundred MB/s; 24 bytes a value. Nothing is allocated once warm.
 */
#ifndef TJ_BASE_JSCAN_H
#define TJ_BASE_JSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TJ_JSCAN_MAX_DEPTH  1024              /* real data has 10; trees have two levels a step */
#define TJ_JSCAN_MAX_VALUES ((size_t)1 << 20) /* of one text: 24 MiB of tape */
#define TJ_JSCAN_MAX_BYTES  ((size_t)1 << 30) /* of one text: places are 32 bits wide */

/* Bytes that are lent: not ended by zero unless said. s is NULL where there is none. */
typedef struct tj_str {
    const char *s;
    size_t n;
} tj_str;
bool tj_str_is(tj_str text, const char *other);

typedef enum tj_json_kind {
    TJ_JSON_NULL = 0,
    TJ_JSON_FALSE,
    TJ_JSON_TRUE,
    TJ_JSON_NUMBER,
    TJ_JSON_STRING,
    TJ_JSON_ARRAY,
    TJ_JSON_OBJECT
} tj_json_kind;
const char *tj_json_kind_name(tj_json_kind kind); /* "null", "true", "a number", "text", … */

typedef struct tj_jnode {
    uint32_t kind : 3;    /* tj_json_kind */
    uint32_t escaped : 1; /* a string that has escapes still */
    uint32_t at, n;       /* its bytes in the text; of a string without the quotes */
    uint32_t past;        /* the tape's index behind the value */
    uint32_t count;       /* items of an array, members of an object */
    uint32_t parent;      /* while scanning */
} tj_jnode;

typedef struct tj_jtape {
    char *text;
    tj_jnode *nodes; /* [n] */
    size_t n, cap;
} tj_jtape;

typedef enum tj_jscan_result {
    TJ_JSCAN_OK = 0,
    TJ_JSCAN_CUT,   /* the text ends inside the value */
    TJ_JSCAN_WRONG, /* not JSON */
    TJ_JSCAN_LIMIT, /* deeper, longer or of more values than the bounds above */
    TJ_JSCAN_NOMEM
} tj_jscan_result;

/* Where a scan ended. */
typedef struct tj_jscan_end {
    size_t at;        /* OK: behind the value; else the byte that is wrong or missing */
    const char *what; /* what is wrong there: static; "" if nothing */
} tj_jscan_end;

void tj_jtape_init(tj_jtape *tape);
void tj_jtape_deinit(tj_jtape *tape);

/* Scans the value at the beginning of text, white space before it passed over; what follows is not
 * looked at, so that a number at the very end may be one that was cut. The tape is whole only after
 * TJ_JSCAN_OK, and holds until the text is moved or written over. */
tj_jscan_result tj_jscan(tj_jtape *tape, char *text, size_t n, tj_jscan_end *end);

/* Behind a value that may be wrong inside but whose brackets and quotes are in order: where the
 * next one can begin (a comma, a bracket that closes more, or n). White space and all. For going on
 * after an error. */
size_t tj_jscan_skip(const char *text, size_t n);

/* The value of a member, by name; 0 where there is none (the root is nobody's member). *twice,
 * which may be NULL: the name stands there more than once, and this is the first. */
size_t tj_jtape_member(tj_jtape *tape, size_t object, const char *name, bool *twice);
/* A string's text, decoded in place; ended by zero. Lent as long as the text. */
tj_str tj_jtape_text(tj_jtape *tape, size_t string);
/* A number as an integer, if it is one that fits and is written as such ("3" or "3.0"). */
bool tj_jtape_int(const tj_jtape *tape, size_t number, int64_t *out);
/* False where it is too large for a double. */
bool tj_jtape_double(const tj_jtape *tape, size_t number, double *out);

#endif
