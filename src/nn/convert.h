/* What the writing of a folder and of a GGUF file share: the tensors of the source with the types
 * that they get, given row by row.
 *
 *     convert.c          the request, types, rows
 *     convert_gguf.c     a GGUF file of them
 *     convert_folder.c   a Hugging Face folder of them
 *
 * Internal to nn.
 *
 * Ownership: tj_model_convert owns it all.
 * Threads:   confined to one thread.
 */
#ifndef TJ_NN_CONVERT_H
#define TJ_NN_CONVERT_H

#include "nn/lora.h"
#include "nn/source.h"
#include "nn/tensors.h"

typedef struct tj_conversion {
    tj_source *source;
    const char *from, *to;
    tj_lora *lora; /* added to the weights; or NULL */
    bool to_gguf;
    int wanted; /* a tj_ggml_type; -1: each its own */
    tj_tensor_spec *specs;
    tj_tensor_view *views;
    tj_ggml_type *types; /* [n] what each becomes */
    size_t n;
    float *row;               /* [longest row] values */
    unsigned char *row_bytes; /* and as they are written */
    json_t *notes;            /* for the summary */
} tj_conversion;

/* Gives the bytes of tensor i as it is written, a row at a time. */
typedef void (*tj_bytes_fn)(void *ctx, const void *bytes, size_t n);
TJ_MUST_USE tj_code tj_conversion_give(tj_conversion *c, size_t i, tj_bytes_fn put, void *ctx,
                                       tj_err *err);
/* The type that most of the matrices' values get: what a file calls its own. */
tj_ggml_type tj_conversion_main_type(const tj_conversion *c);
void tj_conversion_note(tj_conversion *c, const char *fmt, ...) TJ_PRINTF(2, 3);
/* Whether the source has a tokenizer: tokenizer.json in its folder, or the keys of one. */
bool tj_conversion_has_tokenizer(const tj_conversion *c);

TJ_MUST_USE tj_code tj_convert_to_gguf(tj_conversion *c, tj_err *err);
TJ_MUST_USE tj_code tj_convert_to_folder(tj_conversion *c, tj_err *err);

#endif
