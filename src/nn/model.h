/* A model's inside, for the rest of nn: weights in one slab, the packed copies that products read,
 * and the products of its shapes.
 *
 * Master weights, gradients and moments are slabs of the same layout. q, k and v of a layer lie one
 * after the other, as do gate and up, so that each group is one matrix to a product.
 */
#ifndef TJ_NN_MODEL_H
#define TJ_NN_MODEL_H

#include "nn/gemm.h"
#include "nn/kernels.h"
#include "nn/nn.h"
#include "nn/panels.h"

/* Rows of a tile: every product over tokens has tj_model.tile rows in training (short tiles are
 * padded with zeros). Results of a row do not depend on its tile.
 * Narrow models, whose updates are small, gain by finer tiles (less padding, an even share for each
 * thread) what wide ones lose by shorter products. */
#define TJ_TILE_NARROW    64
#define TJ_TILE_WIDE      128
#define TJ_NARROW         256 /* widths up to this are narrow */
/* Columns of the output embedding computed at once. */
#define TJ_HEAD_CHUNK     256
#define TJ_HEAD_CHUNK_MAX 512 /* a vocabulary up to this is one chunk */

typedef enum tj_mat { TJ_MAT_QKV = 0, TJ_MAT_O, TJ_MAT_GU, TJ_MAT_DOWN, TJ_N_MATS } tj_mat;

/* The matrices of a layer in generation, where q, k and v, gate and up may be of different types.
 */
typedef enum tj_gen_mat {
    TJ_GEN_Q = 0,
    TJ_GEN_K,
    TJ_GEN_V,
    TJ_GEN_O,
    TJ_GEN_GATE,
    TJ_GEN_UP,
    TJ_GEN_DOWN,
    TJ_N_GEN
} tj_gen_mat;

/* Rows of an embedding in a file, for a model that is opened for generation only. */
typedef struct tj_embed_rows {
    const unsigned char *bytes; /* lent from the file */
    size_t row_bytes;
    tj_ggml_type type;
} tj_embed_rows;

/* Offsets in values into a slab. */
typedef struct tj_layer_at {
    size_t norm1, qkv, qkv_bias, q_norm, k_norm, o, post1, norm2, gu, down, post2;
} tj_layer_at;

typedef struct tj_mat_shape {
    size_t out, in; /* W [out, in] */
    size_t block;   /* rows of a weight-gradient block, divides out */
    size_t ld;      /* from a row of activations [rows, out] to the next, in values */
} tj_mat_shape;

struct tj_model {
    tj_model_config cfg;
    tj_dtype dtype;
    size_t elem; /* bytes of an act value */
    size_t tile; /* rows: TJ_TILE_NARROW or TJ_TILE_WIDE */
    float embed_scale;
    float norm_plus; /* 1 where norms multiply by 1 + w */
    const tj_kernels *k;
    const tj_panel_kernels *pk;

    tj_param *params;
    size_t n_params;
    size_t n_base;        /* of them, those of the slab; then come the adapters' */
    struct tj_lora *lora; /* or NULL; nn/lora.h */
    size_t n_slab;        /* values of a slab */
    float *weights;       /* [n_slab] */
    float *grads;         /* [n_slab]; NULL where none is wanted, as below adapters */
    float *lookup_grad;   /* [V, C] of the input side of a tied embedding, or NULL; of its rows */
    bool *looked_up;      /* [V] those that are not zero */
    float *value_grads;   /* [n_slab - at_value] of a value head that is trained beside adapters,
                           * where   grads is NULL; else NULL */
    size_t at_embed, at_norm, at_head, at_value, at_value_bias;
    tj_layer_at at[TJ_MAX_LAYERS];

    size_t q_width;   /* H D */
    size_t kv_width;  /* G D */
    size_t qkv_width; /* (H + 2 G) D */
    tj_mat_shape mat[TJ_N_MATS];
    size_t chunk, n_chunks, last_chunk; /* of the vocabulary */
    size_t gu_ld, logits_ld; /* row strides of [rows, 2F] and [rows, V]; see row_stride */

    float *rope[TJ_MAX_ROPE]; /* [n_positions][D]: D/2 cosines, then D/2 sines */
    size_t n_positions;       /* built so far */

    /* Products. fwd: X [tile, in] W^T; bwd: dY [tile, out] W; dw: += dY^T X of one tile. */
    tj_gemm *fwd[TJ_N_MATS], *bwd[TJ_N_MATS], *dw[TJ_N_MATS];
    tj_gemm *head_fwd[2], *head_bwd[2], *head_dw[2]; /* [0] whole chunk, [1] last */
    /* Copies of weights for products that do not read them where they stand; NULL for the others:
     * tj_model_layer_operand and tj_model_head_operand know which. */
    void **packed_fwd, **packed_bwd;           /* [L * TJ_N_MATS] */
    void **packed_head_fwd, **packed_head_bwd; /* [n_chunks] */
    bool ready_fwd, ready_bwd; /* products and copies are there; `stale` ones are packed first */
    bool stale_fwd, stale_bwd, stale_gen;

    /* Generation. */
    tj_panels *gen; /* [L * TJ_N_GEN] */
    tj_panels gen_head;
    /* A model that is opened for generation only has no matrices in its slab: gen holds them as the
     * file does, and embeddings are looked up in the file. */
    bool is_frozen;
    struct tj_source *source; /* or NULL */
    tj_embed_rows embed;
};

/* The products and packed copies of a use, made when first needed and packed when stale. */
TJ_MUST_USE tj_code tj_model_need_forward(struct tj_model *m, tj_err *err);
TJ_MUST_USE tj_code tj_model_need_generation(struct tj_model *m, tj_err *err);
/* Products of a tile with weights W [out, in] (or `rows` of them), in the order of their use: y
 * [tile, out] = x W^T, dx [tile, in] = dy W, dW [rows, in] += dy^T x. Arrays are dense but dW's dy,
 * whose lda the caller sets, as it may all leading dimensions. */
tj_gemm_spec tj_model_fwd_spec(const struct tj_model *m, size_t in, size_t out);
tj_gemm_spec tj_model_bwd_spec(const struct tj_model *m, size_t in, size_t out);
tj_gemm_spec tj_model_dw_spec(const struct tj_model *m, size_t in, size_t rows);
/* Rows of a weight's gradient that one thread adds to, a divisor of `out`: few threads take many,
 * and pack the other operand less often. How many there are changes no bit. */
size_t tj_model_dw_block(size_t out);
/* What the forward or backward product of a layer's matrix, or of a chunk of the vocabulary, reads
 * as its weights. */
const void *tj_model_layer_operand(const struct tj_model *m, bool backward, size_t layer,
                                   tj_mat mat);
const void *tj_model_head_operand(const struct tj_model *m, bool backward, size_t chunk);
/* Input embedding of a token, scaled: x [C]. */
void tj_model_embed(const struct tj_model *m, float *x, int32_t id);
/* A layer's matrix in generation: its shape, and its master weights [out, in]. */
tj_mat_shape tj_model_gen_shape(const struct tj_model *m, tj_gen_mat mat);
float *tj_model_matrix(const struct tj_model *m, size_t layer, tj_gen_mat mat);
TJ_MUST_USE tj_code tj_model_need_backward(struct tj_model *m, tj_err *err);
/* RoPE tables for positions below n. */
TJ_MUST_USE tj_code tj_model_need_positions(struct tj_model *m, size_t n, tj_err *err);

/* Whether there are gradients to add to. */
bool tj_model_trains(const struct tj_model *m);
/* Those of the value head, its bias at at_value_bias - at_value; NULL where it is frozen. */
float *tj_model_value_grads(const struct tj_model *m);
/* Parameters below adapters that are frozen: all of the slab's, or all but a value head's, which
 * are its last. 0 without adapters. */
size_t tj_model_n_frozen(const struct tj_model *m);
/* Whether a fused matrix has adapters, which add to its product in f32. */
bool tj_model_adapts(const struct tj_model *m, tj_mat mat);

static inline size_t tj_model_chunk_size(const struct tj_model *m, size_t chunk)
{
    return chunk + 1 == m->n_chunks ? m->last_chunk : m->chunk;
}

static inline size_t tj_model_chunk_kind(const struct tj_model *m, size_t chunk)
{
    return chunk + 1 == m->n_chunks && m->last_chunk != m->chunk ? 1 : 0;
}

/* Frees gradients, or products with the copies they read: made anew when needed. */
void tj_model_drop_grads(struct tj_model *m);
void tj_model_drop_products(struct tj_model *m);
/* As tj_model_refresh, where only trainable parameters were changed. */
void tj_model_trained(struct tj_model *m);
/* The digest of the first n parameters. */
void tj_model_digest_params(const struct tj_model *m, size_t n, char out[65]);

/* A model with weights left at zero: for loading. Frozen: without matrices, see above. */
TJ_MUST_USE tj_code tj_model_create_empty(tj_model **out, const tj_model_config *cfg,
                                          tj_dtype compute, bool frozen, tj_err *err);

#endif
