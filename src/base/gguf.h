/* GGUF files, versions 2 and 3 (which differ in nothing but that 3 may be big-endian, and such
 * files are refused): typed metadata, then tensors as raw bytes (format: ggml-org/ggml,
 * docs/gguf.md). This is the container alone: what the keys mean is text's and nn's affair, what
 * the bytes of a tensor mean is nn's. Version 3 is written.
 *
 *     "GGUF" u32 version | u64 tensors | u64 keys | keys … | tensor infos … | padding | bytes …
 *
 * Everything is checked when the file is opened: counts against the bytes that are there, types,
 * truth values (0 or 1), duplicate names, offsets (aligned, inside the file, not overlapping). What
 * is lent afterwards can be used without further checks.
 *
 * Ownership: a reader owns its mapping; keys, strings and tensor bytes are lent from it.
 * Threads:   a reader is immutable after open; a writer is confined to one thread.
 * Cost:      opening is linear in the metadata (some 10 ns a string) and touches no tensor's bytes;
 *            look-ups are O(log n).
 */
#ifndef TJ_BASE_GGUF_H
#define TJ_BASE_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define TJ_GGUF_MAX_DIMS  4
#define TJ_GGUF_MAX_NAME  64           /* bytes of a tensor's name, by the format */
#define TJ_GGUF_MAX_KEY   65535        /* bytes of a key, by the format */
#define TJ_GGUF_MAX_DEPTH 4            /* arrays inside one another; no known file has two */
#define TJ_GGUF_ALIGN     ((size_t)32) /* where general.alignment is missing */

/* Types of metadata, numbered as in the file. */
typedef enum tj_gguf_kind {
    TJ_GGUF_U8 = 0,
    TJ_GGUF_I8 = 1,
    TJ_GGUF_U16 = 2,
    TJ_GGUF_I16 = 3,
    TJ_GGUF_U32 = 4,
    TJ_GGUF_I32 = 5,
    TJ_GGUF_F32 = 6,
    TJ_GGUF_BOOL = 7,
    TJ_GGUF_STRING = 8,
    TJ_GGUF_ARRAY = 9,
    TJ_GGUF_U64 = 10,
    TJ_GGUF_I64 = 11,
    TJ_GGUF_F64 = 12
} tj_gguf_kind;

/* "u8", "string" …; lent. */
const char *tj_gguf_kind_name(tj_gguf_kind kind);
size_t tj_gguf_kind_bytes(tj_gguf_kind kind); /* of a value; 0 where that varies */
bool tj_gguf_is_signed(tj_gguf_kind kind);    /* I8 … I64 */
bool tj_gguf_is_integer(tj_gguf_kind kind);   /* BOOL is none */
bool tj_gguf_is_number(tj_gguf_kind kind);    /* an integer, F32 or F64 */
/* Whether n bytes may be a key or a tensor's name: 1 to max of them, none a control character. */
bool tj_gguf_is_name(const char *bytes, size_t n, size_t max);

/* Types of tensors, numbered as in the file; others are refused by number at open. */
typedef enum tj_ggml_type {
    TJ_GGML_F32 = 0,
    TJ_GGML_F16 = 1,
    TJ_GGML_Q4_0 = 2,
    TJ_GGML_Q4_1 = 3,
    TJ_GGML_Q5_0 = 6,
    TJ_GGML_Q5_1 = 7,
    TJ_GGML_Q8_0 = 8,
    TJ_GGML_Q4_K = 12,
    TJ_GGML_Q5_K = 13,
    TJ_GGML_Q6_K = 14,
    TJ_GGML_BF16 = 30
} tj_ggml_type;

/* "F32", "Q4_K" …; NULL for a number that is none of the above. */
const char *tj_ggml_type_name(int type);
/* The type of that name (any case), or -1. */
int tj_ggml_type_of(const char *name);
/* Values of a block and its bytes: rows are whole blocks. F32: 1 and 4; Q4_0: 32 and 18; Q4_K: 256
 * and 144. */
size_t tj_ggml_block_values(tj_ggml_type type);
size_t tj_ggml_block_bytes(tj_ggml_type type);

typedef struct tj_gguf_tensor {
    const char *name;
    tj_ggml_type type;
    size_t n_dims;
    size_t dims[TJ_GGUF_MAX_DIMS]; /* as in the file: the fastest-varying first, so a matrix of
                                    * `rows` outputs has dims {columns, rows}; missing ones are 1 */
    size_t n;                      /* values, at least one */
    const unsigned char *bytes;    /* aligned as the file says, from its beginning */
    size_t n_bytes;
} tj_gguf_tensor;

typedef struct tj_gguf tj_gguf;

/* Gives *out; NULL on error. Errors: those of tj_fs_map_open; TJ_E_PARSE naming file and key or
 * tensor, TJ_E_INVAL (another version, or big-endian), TJ_E_LIMIT (arrays too deep), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_gguf_open(tj_gguf **out, const char *path, tj_err *err);
/* The same from bytes at hand (borrowed until close); `name` is for messages. */
TJ_MUST_USE tj_code tj_gguf_open_bytes(tj_gguf **out, const void *bytes, size_t n, const char *name,
                                       tj_err *err);
void tj_gguf_close(tj_gguf *gguf);
const char *tj_gguf_name(const tj_gguf *gguf); /* of the file, for messages */

/* ------------------------------------------------------------ metadata */

size_t tj_gguf_n_keys(const tj_gguf *gguf);
/* The key and kind of entry i (for an array *kind is TJ_GGUF_ARRAY). */
const char *tj_gguf_key(const tj_gguf *gguf, size_t i, tj_gguf_kind *kind);
bool tj_gguf_has(const tj_gguf *gguf, const char *key);

/* Numbers of any integer kind as u64 or i64, of any float or integer kind as double (NaN and
 * infinities as they are). The value is *out on success; where the key is missing TJ_E_NOTFOUND,
 * where its kind is wrong or its value does not fit TJ_E_PARSE, each naming file and key, with *out
 * unchanged. */
TJ_MUST_USE tj_code tj_gguf_u64(const tj_gguf *gguf, uint64_t *out, const char *key, tj_err *err);
TJ_MUST_USE tj_code tj_gguf_i64(const tj_gguf *gguf, int64_t *out, const char *key, tj_err *err);
TJ_MUST_USE tj_code tj_gguf_f64(const tj_gguf *gguf, double *out, const char *key, tj_err *err);
TJ_MUST_USE tj_code tj_gguf_bool(const tj_gguf *gguf, bool *out, const char *key, tj_err *err);
/* Not zero-terminated: *out_len bytes, any bytes. Errors as above. */
TJ_MUST_USE tj_code tj_gguf_string(const tj_gguf *gguf, const char **out, size_t *out_len,
                                   const char *key, tj_err *err);

/* An array of numbers, truth values or strings (arrays of arrays are checked and read over, and
 * cannot be looked into). */
typedef struct tj_gguf_array {
    tj_gguf_kind kind; /* of the elements: to be checked before they are asked for */
    size_t n;
    const unsigned char *bytes; /* the elements as in the file: little-endian, not aligned */
    const size_t *string_at;    /* strings: [n + 1] offsets in `bytes`, of string i and, where it
                                 * ends, 8 before the next: each follows its length. Else NULL */
} tj_gguf_array;
/* Errors as above; an array of arrays is TJ_E_PARSE. */
TJ_MUST_USE tj_code tj_gguf_get_array(const tj_gguf *gguf, tj_gguf_array *out, const char *key,
                                      tj_err *err);
/* Element i of an array of strings (*len bytes, any bytes, lent); of integers or truth values (one
 * above INT64_MAX is INT64_MAX); of numbers. Another kind than that is a bug of the caller. */
const char *tj_gguf_array_string(const tj_gguf_array *array, size_t i, size_t *len);
int64_t tj_gguf_array_i64(const tj_gguf_array *array, size_t i);
double tj_gguf_array_f64(const tj_gguf_array *array, size_t i);

/* The value as it stands in the file, whatever its kind: what tj_gguf_put_copy writes. Lends *n
 * bytes. Errors: TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_gguf_raw(const tj_gguf *gguf, tj_gguf_kind *kind,
                                const unsigned char **bytes, size_t *n, const char *key,
                                tj_err *err);

/* ------------------------------------------------------------ tensors */

size_t tj_gguf_n_tensors(const tj_gguf *gguf);
const tj_gguf_tensor *tj_gguf_tensor_at(const tj_gguf *gguf, size_t i);
/* NULL if there is none of that name. Cost: O(log n). */
const tj_gguf_tensor *tj_gguf_find(const tj_gguf *gguf, const char *name);

/* ------------------------------------------------------------ writing */

/* Give every key, declare every tensor, then give the tensors' bytes in the same order, then
 * commit. The first failure on the way is kept and returned by commit, which writes the file whole
 * or not at all (tj_fs_writer): TJ_E_NOMEM, TJ_E_IO, and TJ_E_INVAL for what no reader would take:
 * the wrong order, a name that is none or is there already, a shape that is no whole blocks, bytes
 * too many or too few. general.alignment, put as any other key, is kept to; 32 without it. */
typedef struct tj_gguf_writer tj_gguf_writer;
TJ_MUST_USE tj_code tj_gguf_writer_open(tj_gguf_writer **out, const char *path, tj_err *err);
void tj_gguf_put_u32(tj_gguf_writer *writer, const char *key, uint32_t value);
void tj_gguf_put_f32(tj_gguf_writer *writer, const char *key, float value);
void tj_gguf_put_bool(tj_gguf_writer *writer, const char *key, bool value);
void tj_gguf_put_string(tj_gguf_writer *writer, const char *key, const char *value, size_t len);
/* Arrays: n strings given one by one by their pointers and lengths; n numbers. */
void tj_gguf_put_strings(tj_gguf_writer *writer, const char *key, const char *const *values,
                         const size_t *lens, size_t n);
void tj_gguf_put_i32s(tj_gguf_writer *writer, const char *key, const int32_t *values, size_t n);
void tj_gguf_put_f32s(tj_gguf_writer *writer, const char *key, const float *values, size_t n);
/* An entry of another file as it stands there, under its own key; TJ_E_NOTFOUND where it has none.
 */
void tj_gguf_put_copy(tj_gguf_writer *writer, const tj_gguf *from, const char *key);
/* dims as in tj_gguf_tensor. */
void tj_gguf_declare(tj_gguf_writer *writer, const char *name, tj_ggml_type type,
                     const size_t *dims, size_t n_dims);
/* The next bytes of the declared tensors, without the padding between them; a tensor may come in
 * several pieces, and a piece may span tensors. */
void tj_gguf_bytes(tj_gguf_writer *writer, const void *bytes, size_t n);
/* Frees the writer whatever happens. */
TJ_MUST_USE tj_code tj_gguf_writer_commit(tj_gguf_writer *writer, tj_err *err);
void tj_gguf_writer_abort(tj_gguf_writer *writer); /* NULL is allowed */

#endif
