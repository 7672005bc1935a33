/* What the files that read data sets share.
 *
 *     dataset_source.c     bytes to records: lines, an array's items, objects
 *     dataset_fields.c     a record's fields: texts, numbers, steps, what is carried along
 *     dataset_problems.c   mappings of problems with reference solutions
 *     dataset_steps.c      mappings of solutions with labelled steps
 *     dataset_prm800k.c    the mapping of PRM800K as released
 *     dataset_trees.c      mappings of other trees
 *     dataset.c            the table of formats, and the loop over records
 *
 * Ownership: stated at each struct.
 * Threads:   confined to one thread.
 */
#ifndef TJ_TASK_DATASET_INNER_H
#define TJ_TASK_DATASET_INNER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/jscan.h"
#include "base/stream.h"
#include "task/dataset.h"

/* ------------------------------------------------------------ bytes to records */

typedef enum tj_framing {
    TJ_FRAMING_LINES = 0, /* a record a line */
    TJ_FRAMING_ARRAY,     /* the items of one array */
    TJ_FRAMING_OBJECTS,   /* one object, or several, over any number of lines */
    TJ_FRAMING_TABS       /* a record a line, fields between tabs */
} tj_framing;

/* Owns its stream and buffer: the bytes that are read and not yet taken are
 * buf[begin .. end), and there is room for a zero behind them. */
typedef struct tj_data_source {
    const char *path; /* borrowed */
    tj_stream *stream;
    tj_framing framing;
    char *buf;
    size_t cap, begin, end;
    bool at_eof;    /* nothing is left but what the buffer holds */
    bool in_array;  /* its bracket was met */
    bool is_over;   /* no record follows */
    size_t line;    /* of buf[begin] */
    size_t n_items; /* taken from the array */
    uint64_t n_bytes;
    bool hashes;
    tj_sha256 hash;
    double hash_seconds;
    char digest[TJ_SHA256_HEX];
} tj_data_source;

/* Sees how the file is framed. Errors: TJ_E_PARSE (neither JSON nor tabs; empty) and those of
 * tj_stream_open. To be closed in any case. */
TJ_MUST_USE tj_code tj_data_source_open(tj_data_source *source, const char *path, bool hashes,
                                        tj_err *err);
void tj_data_source_close(tj_data_source *source);

/* Takes the next record: its tape or, of TABS, its text (ended by zero); *line is where it begins,
 * 0 at the end. TJ_E_PARSE or TJ_E_LIMIT with *line above 0: it is not a record, and `why` says
 * why; reading goes on behind it. Other errors: *line is 0. */
TJ_MUST_USE tj_code tj_data_source_next(tj_data_source *source, tj_jtape *tape, tj_str *text,
                                        size_t *line, char why[TJ_DATA_REASON], tj_err *err);

/* ------------------------------------------------------------ a record's fields */

/* Owns what a record is made of. */
typedef struct tj_mapper {
    tj_jtape tape;
    tj_str text; /* of a record that is not JSON */
    tj_arena arena;
    tj_buf meta;
    const tj_data_map *map;
    tj_data_record record;
    tj_refusal refusal;
} tj_mapper;

/* Every function below gives TJ_OK, TJ_E_PARSE or TJ_E_LIMIT with the refusal filled in,
 * or TJ_E_NOMEM. `object` is a value of the tape; 0 is the record itself. */
TJ_MUST_USE tj_code tj_map_refuse(tj_mapper *m, const char *field, const char *fmt, ...)
    TJ_PRINTF(3, 4);
/* The same, where the value is of another type than expected; 0: the field is missing. */
TJ_MUST_USE tj_code tj_map_wrong_type(tj_mapper *m, const char *field, const char *expected,
                                      size_t value);
/* n zeroed items that live as long as the record. */
TJ_MUST_USE tj_code tj_map_alloc(tj_mapper *m, void *items, size_t n, size_t size);

/* The field's value; 0 where it is missing. A name that stands twice is refused. */
TJ_MUST_USE tj_code tj_map_find(tj_mapper *m, size_t *value, size_t object, const char *field);
/* The value of an object, array, or text field, which must be there. */
TJ_MUST_USE tj_code tj_map_value(tj_mapper *m, size_t *value, size_t object, const char *field,
                                 tj_json_kind kind);
/* A text; an empty one is refused. */
TJ_MUST_USE tj_code tj_map_text(tj_mapper *m, tj_str *out, size_t object, const char *field);
/* A text; missing or null is none. */
TJ_MUST_USE tj_code tj_map_optional(tj_mapper *m, tj_str *out, size_t object, const char *field);
/* A text or a number as it is written; missing or null is none. */
TJ_MUST_USE tj_code tj_map_scalar(tj_mapper *m, tj_str *out, size_t object, const char *field);
TJ_MUST_USE tj_code tj_map_bool(tj_mapper *m, bool *out, size_t object, const char *field);
TJ_MUST_USE tj_code tj_map_int(tj_mapper *m, int64_t *out, size_t object, const char *field);
/* A rating: -1, 0 or 1, or null for TJ_NO_LABEL; the field must be there. */
TJ_MUST_USE tj_code tj_map_rating(tj_mapper *m, int *out, size_t object, const char *field);
/* The texts of an array as steps without labels, with room for n_more behind them. */
TJ_MUST_USE tj_code tj_map_steps(tj_mapper *m, tj_data_step **out, size_t *n, size_t n_more,
                                 size_t object, const char *field);
/* Labels steps by the first wrong one (0-based; n: none): right before it, nothing after it. */
void tj_label_by_first_wrong(tj_data_step *steps, size_t n, size_t first_wrong);
/* record.meta: those of the fields (sorted, NULL-terminated) that are there and not null. */
TJ_MUST_USE tj_code tj_map_meta(tj_mapper *m, size_t object, const char *const *fields);
/* The record's only solution. */
TJ_MUST_USE tj_code tj_map_solution(tj_mapper *m, const tj_data_solution *solution);

/* record.nodes: n nodes without labels, the first of them the root. Gives *nodes too. */
TJ_MUST_USE tj_code tj_map_alloc_nodes(tj_mapper *m, tj_data_node **nodes, size_t n,
                                       const char *field);
/* Puts where a refusal happened, field[index], before its field; gives rc back. */
TJ_MUST_USE tj_code tj_map_inside(tj_mapper *m, tj_code rc, const char *field, size_t index);

tj_str tj_str_trim(tj_str text); /* white space at both ends */
/* The index of `find` in text; SIZE_MAX where it is not. */
size_t tj_str_find(tj_str text, const char *find);
size_t tj_str_find_last(tj_str text, const char *find);
tj_str tj_str_from(tj_str text, size_t begin); /* the part from begin on */
/* The argument of the last \boxed or \fbox of a solution, as MATH's own tools take it: the braces
 * that belong together, or what stands behind "\boxed " up to the formula's end. */
tj_str tj_last_boxed(tj_str solution);

/* ------------------------------------------------------------ mappings */

TJ_MUST_USE tj_code tj_map_math(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_gsm8k(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_gsm8k_solutions(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_mgsm(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_fields(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_critic(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_processbench(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_mr_gsm8k(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_prmbench(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_reasoneval(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_math_shepherd(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_prm800k(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_omegaprm(tj_mapper *m);
TJ_MUST_USE tj_code tj_map_trees(tj_mapper *m);

#endif
