/* Where a model's weights are read from: a Hugging Face folder (config.json with safetensors, in
 * one file or in shards) or a GGUF file. Tensors are asked for by their Hugging Face names and lent
 * as they stand in the file; a GGUF's own names, orders of rows and offsets are dealt with here.
 * Internal to nn.
 *
 * Ownership: open/close; views are lent until close.
 * Threads:   confined to one thread; views may be read from any.
 */
#ifndef TJ_NN_SOURCE_H
#define TJ_NN_SOURCE_H

#include "base/gguf.h"
#include "nn/family.h"

typedef struct tj_tensor_view {
    const unsigned char *bytes;
    tj_ggml_type type;
    size_t rows, cols; /* a vector is [1, n] */
    size_t row_bytes;
    size_t pair_heads; /* above 0: the rows of this many heads are in GGUF's order of pairs */
    bool less_one;     /* the model's weight is the file's less 1 */
} tj_tensor_view;

typedef struct tj_source tj_source;

/* Errors: TJ_E_NOTFOUND, TJ_E_PARSE, TJ_E_INVAL naming file and field or tensor. */
TJ_MUST_USE tj_code tj_source_open(tj_source **out, const char *path, tj_err *err);
void tj_source_close(tj_source *source);
const tj_model_config *tj_source_config(const tj_source *source);
const tj_family *tj_source_family(const tj_source *source);
const char *tj_source_path(const tj_source *source);
bool tj_source_is_gguf(const tj_source *source);
/* Lends the GGUF file; NULL for a folder. */
const tj_gguf *tj_source_gguf(const tj_source *source);

/* A tensor by its Hugging Face name, of this shape. Errors: TJ_E_NOTFOUND, TJ_E_PARSE. */
TJ_MUST_USE tj_code tj_source_find(tj_source *source, tj_tensor_view *out, const char *name,
                                   size_t rows, size_t cols, tj_err *err);
/* That every tensor of the source was asked for. Errors: TJ_E_PARSE naming one that was not. */
TJ_MUST_USE tj_code tj_source_all_found(const tj_source *source, tj_err *err);

/* The row of a view that is the model's row `row`. */
size_t tj_view_row(const tj_tensor_view *view, size_t row);
/* The model's values: out [rows, cols]. */
void tj_view_read(const tj_tensor_view *view, float *out);

/* "blk.3.attn_q.weight" for "model.layers.3.self_attn.q_proj.weight"; false if there is none. */
bool tj_gguf_tensor_name(char *out, size_t cap, const char *hf_name, const tj_family *family);
/* How GGUF files hold a tensor of that Hugging Face name: the number of heads whose rows are in
 * pairs (0: none); whether 1 is added to its values. */
size_t tj_gguf_pair_heads(const char *name, const tj_model_config *cfg, const tj_family *family);
bool tj_gguf_adds_one(const char *name, const tj_family *family);
/* The model's row that is the row `row` of `rows` in a GGUF: the inverse of tj_view_row. */
size_t tj_gguf_row(size_t row, size_t rows, size_t pair_heads);

/* The configuration in a GGUF's metadata. */
TJ_MUST_USE tj_code tj_gguf_config_read(tj_model_config *cfg, const tj_family **family,
                                        const tj_gguf *gguf, tj_err *err);
/* Puts it there: general.architecture and the keys of the architecture. Errors: TJ_E_INVAL naming
 * what GGUF files of the family cannot say (a value head, a window or RoPE scaling that llama.cpp
 * would not read); nothing is then put. */
TJ_MUST_USE tj_code tj_gguf_config_put(tj_gguf_writer *writer, const tj_model_config *cfg,
                                       const tj_family *family, tj_err *err);
/* Llama 3's scaling, which is a tensor there, "rope_freqs.weight" in F32: what the frequency of
 * each of the D / 2 pairs is divided by. False, with nothing written, where there is none. */
bool tj_gguf_rope_freqs(float *out, const tj_model_config *cfg);

#endif
