/* Configuration: YAML or JSON text to a json_t tree and from there into C structs by tables, with
 * errors that name file, line and field. Unknown keys, wrong types and values out of range are
 * refused; nothing is ignored.
 *
 *     static const tj_field fields[] = {
 *         TJ_FIELD_SIZE(struct cfg, width, 1, 65536, "model width C"),
 *         TJ_FIELD_DOUBLE(struct cfg, lr_max, 0.0, 1.0, "peak learning rate"),
 *         TJ_FIELD_END};
 *     rc = tj_config_read(&cfg, fields, json, "model", err);
 *
 * Ownership: stated at each function; strings in structs are fixed arrays, so nothing to free.
 * Threads:   no shared state.
 */
#ifndef TJ_BASE_CONFIG_H
#define TJ_BASE_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Bounds of what is parsed: configurations of ours are a few KiB and four levels deep. */
#define TJ_MAX_CONFIG_BYTES ((size_t)1 << 20)
#define TJ_MAX_CONFIG_DEPTH 32

typedef enum tj_field_type {
    TJ_FIELD_T_SIZE,   /* size_t, in [min, max] */
    TJ_FIELD_T_U64,    /* uint64_t; from 2^63 on as text, since integers of JSON end there */
    TJ_FIELD_T_DOUBLE, /* double, finite, in [min, max] */
    TJ_FIELD_T_BOOL,   /* bool */
    TJ_FIELD_T_STRING, /* char[size], UTF-8 */
    TJ_FIELD_T_ENUM,   /* int, one of `names` by its index */
    TJ_FIELD_T_TABLE,  /* a nested struct with its own `fields` */
    TJ_FIELD_T_SIZES   /* size_t[max_items] with its count in a size_t at count_offset */
} tj_field_type;

typedef struct tj_field {
    const char *name; /* NULL ends the table */
    tj_field_type type;
    size_t offset;
    size_t size; /* bytes of a string array; items of a SIZES array */
    double min, max;
    const char *const *names;      /* ENUM: NULL-terminated */
    const struct tj_field *fields; /* TABLE */
    size_t count_offset;           /* SIZES */
    const char *help;              /* one line, for --help and the docs */
} tj_field;

#define TJ_FIELD_SIZE(s, f, lo, hi, h)                                                             \
    {                                                                                              \
#f, TJ_FIELD_T_SIZE, offsetof(s, f), 0, (double)(lo), (double)(hi), NULL, NULL, 0, h       \
    }
#define TJ_FIELD_U64(s, f, h)                                                                      \
    {                                                                                              \
#f, TJ_FIELD_T_U64, offsetof(s, f), 0, 0, 0, NULL, NULL, 0, h                              \
    }
#define TJ_FIELD_DOUBLE(s, f, lo, hi, h)                                                           \
    {                                                                                              \
#f, TJ_FIELD_T_DOUBLE, offsetof(s, f), 0, lo, hi, NULL, NULL, 0, h                         \
    }
#define TJ_FIELD_BOOL(s, f, h)                                                                     \
    {                                                                                              \
#f, TJ_FIELD_T_BOOL, offsetof(s, f), 0, 0, 0, NULL, NULL, 0, h                             \
    }
#define TJ_FIELD_STRING(s, f, h)                                                                   \
    {                                                                                              \
#f, TJ_FIELD_T_STRING, offsetof(s, f), sizeof(((s *)0)->f), 0, 0, NULL, NULL, 0, h         \
    }
#define TJ_FIELD_ENUM(s, f, enum_names, h)                                                         \
    {                                                                                              \
#f, TJ_FIELD_T_ENUM, offsetof(s, f), 0, 0, 0, enum_names, NULL, 0, h                       \
    }
#define TJ_FIELD_TABLE(s, f, sub, h)                                                               \
    {                                                                                              \
#f, TJ_FIELD_T_TABLE, offsetof(s, f), 0, 0, 0, NULL, sub, 0, h                             \
    }
#define TJ_FIELD_SIZES(s, f, n_f, h)                                                               \
    {                                                                                              \
#f, TJ_FIELD_T_SIZES, offsetof(s, f), sizeof(((s *)0)->f) / sizeof(size_t), 0, 1e15, NULL, \
            NULL, offsetof(s, n_f), h                                                              \
    }
#define TJ_FIELD_END                                                                               \
    {                                                                                              \
        NULL, TJ_FIELD_T_SIZE, 0, 0, 0, 0, NULL, NULL, 0, NULL                                     \
    }

/* Parses YAML 1.2 with the core schema (of which JSON is a subset) into *out, a new reference, NULL
 * on error. One document; anchors, aliases, tags, duplicate keys, zero bytes in text, .inf and .nan
 * are refused. `name` is the file's name for messages. Errors: TJ_E_PARSE ("NAME:LINE: …"; also
 * for what is nested too deep), TJ_E_LIMIT (longer than TJ_MAX_CONFIG_BYTES), TJ_E_NOMEM; load
 * also those of tj_fs_read. */
TJ_MUST_USE tj_code tj_config_parse(json_t **out, const char *text, size_t len, const char *name,
                                    tj_err *err);
TJ_MUST_USE tj_code tj_config_load(json_t **out, const char *path, tj_err *err);

/* Sets the fields of the struct at `into` that `json` (an object) has; the others keep their
 * values, which are the defaults. `where` names the object in messages ("train.optimizer").
 * Errors: TJ_E_INVAL naming the field, with `into` unchanged. */
TJ_MUST_USE tj_code tj_config_read(void *into, const tj_field *fields, const json_t *json,
                                   const char *where, tj_err *err);

/* After tj_config_read refused what came from `text`, puts "NAME:LINE: " before its message: the
 * line of the field that the message begins with (the nearest table around it, if it is not
 * there; "NAME: " if there is none). `where` must have been a dotted path from the root of text. */
void tj_config_add_line(tj_err *err, const char *text, size_t len, const char *name);

/* The struct as JSON (a new reference; NULL when memory is exhausted): what tj_config_read would
 * read back to the same values. */
json_t *tj_config_write(const void *from, const tj_field *fields);

/* Adds the struct as YAML that tj_config_read would read back, a field a line, `depth` levels of
 * two spaces in, each with its help and what it may be as a comment. What could not be added `out`
 * knows (tj_buf_check). */
void tj_config_print(tj_buf *out, const void *from, const tj_field *fields, size_t depth);

/* Sets one value by its dotted path ("train.lr_max=0.003") inside a json object tree; the value is
 * parsed as YAML. Errors: TJ_E_INVAL. */
TJ_MUST_USE tj_code tj_config_set(json_t *root, const char *assignment, tj_err *err);

/* Compact JSON with sorted keys (free with tj_free), the form that digests are made of. */
char *tj_json_canonical(const json_t *json);
/* Compact JSON whose keys keep their order, for what gives it a meaning (free with tj_free); 15
 * digits of numbers. */
char *tj_json_ordered(const json_t *json);

#endif
