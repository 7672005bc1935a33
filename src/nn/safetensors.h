/* safetensors files: a JSON header of names, types and offsets, then raw little-endian bytes
 * (format as in the huggingface/safetensors README: u64 header size; data_offsets relative to the
 * end of the header; no duplicate names; header of at most 100 MB). Internal to nn.
 *
 * Ownership: a reader owns its mapping; tensors are lent from it.
 * Threads:   a reader is immutable after open.
 */
#ifndef TJ_NN_SAFETENSORS_H
#define TJ_NN_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/gguf.h"
#include "nn/nn.h"

#define TJ_MAX_ST_HEADER ((size_t)100 << 20) /* the format's own bound */
#define TJ_MAX_ST_DIMS   8

typedef struct tj_st_tensor {
    const char *name;
    char dtype[8]; /* "F32", "BF16", "I64" … */
    size_t n_dims;
    size_t shape[TJ_MAX_ST_DIMS];
    size_t n; /* values */
    const unsigned char *bytes;
    size_t n_bytes;
} tj_st_tensor;

typedef struct tj_st_reader tj_st_reader;
TJ_MUST_USE tj_code tj_st_open(tj_st_reader **out, const char *path, tj_err *err);
/* The same from bytes at hand (borrowed until close); `name` is for messages. */
TJ_MUST_USE tj_code tj_st_open_bytes(tj_st_reader **out, const void *bytes, size_t n,
                                     const char *name, tj_err *err);
void tj_st_close(tj_st_reader *reader);
const char *tj_st_name(const tj_st_reader *reader); /* of the file, for messages */
size_t tj_st_count(const tj_st_reader *reader);
size_t tj_st_n_bytes(const tj_st_reader *reader); /* of all tensors together */
/* Errors: TJ_E_NOTFOUND naming file and tensor. */
TJ_MUST_USE tj_code tj_st_find(const tj_st_reader *reader, tj_st_tensor *out, const char *name,
                               tj_err *err);
/* The GGUF type of the same values; -1: neither F32, F16 nor BF16. */
int tj_st_type(const tj_st_tensor *tensor);
/* Copies a tensor as f32; it must be F32 or BF16 and have this shape, of which leading ones do not
 * count. */
TJ_MUST_USE tj_code tj_st_read_f32(const tj_st_reader *reader, float *out, const char *name,
                                   const size_t *shape, size_t n_dims, tj_err *err);

/* Writing: declare every tensor, then give its values in the same order, then commit. */
typedef struct tj_st_writer tj_st_writer;
TJ_MUST_USE tj_code tj_st_writer_open(tj_st_writer **out, const char *path, tj_err *err);
void tj_st_writer_declare(tj_st_writer *writer, const char *name, tj_dtype dtype,
                          const size_t *shape, size_t n_dims);
void tj_st_writer_meta(tj_st_writer *writer, const char *key, const char *value);
void tj_st_writer_values(tj_st_writer *writer, const float *values, size_t n);
/* The same for F32, F16 and BF16 as they stand in the file: the bytes of the declared tensors in
 * their order, in pieces of any size. Not to be mixed with tj_st_writer_values. Readers want values
 * aligned: declare what is F32 first. */
void tj_st_writer_declare_as(tj_st_writer *writer, const char *name, tj_ggml_type type,
                             const size_t *shape, size_t n_dims);
void tj_st_writer_bytes(tj_st_writer *writer, const void *bytes, size_t n);
TJ_MUST_USE tj_code tj_st_writer_commit(tj_st_writer *writer, tj_err *err);
void tj_st_writer_abort(tj_st_writer *writer);
/* Metadata of a file; NULL if the key is not there. Lent. */
const char *tj_st_meta(const tj_st_reader *reader, const char *key);

#endif
