/* A model's adapters: for each targeted matrix of every layer a low-rank term beside the frozen
 * weights,
 *
 *     y = W x + s B (A x),   A [r, in], B [out, r]     (Hu et al. 2021, arXiv:2106.09685, eq. 3)
 *
 * q, k and v are one product of the decoder, as are gate and up (nn/model.h). The A of those of its
 * parts that are targeted lie one after another, so that x meets them in one product too; each B
 * adds to its own columns of y:
 *
 *     x [N, in] ──A [P r, in]──▶ h [N, P r] ──┬─B_q [q_width, r]──▶ q of y
 *                                             └─B_v [kv_width, r]─▶ v of y
 *
 * The scale is applied where h is rounded, so that h = s A x and, in backward, dh = s B^T dy serve
 * every product:  y += B h,  dx += A^T dh,  dB = dy^T h,  dA = dh^T x.
 *
 *     lora.c        shapes, weights, what they add to a matrix
 *     lora_pass.c   products, forward and backward of a tile
 *     peft.c        the files of PEFT
 *
 * Internal to nn.
 *
 * Ownership: a tj_lora is by itself until tj_model_put_lora gives it to a model.
 * Threads:   as of a model.
 */
#ifndef TJ_NN_LORA_H
#define TJ_NN_LORA_H

#include "nn/model.h"

/* Offsets in values into the slab, of targeted matrices. */
typedef struct tj_lora_at {
    size_t a[TJ_N_LORA_TARGETS], b[TJ_N_LORA_TARGETS];
} tj_lora_at;

/* Products of an adapter, and the packed copies that they read. */
typedef struct tj_lora_products {
    /* down: h = A x; up: y += B h; …_bwd: their gradients; da, db: += of one tile. */
    tj_gemm *down[TJ_N_MATS], *down_bwd[TJ_N_MATS], *da[TJ_N_MATS];
    tj_gemm *up[TJ_N_LORA_TARGETS], *up_bwd[TJ_N_LORA_TARGETS], *db[TJ_N_LORA_TARGETS];
    void **a, **a_bwd; /* [L * TJ_N_MATS] */
    void **b, **b_bwd; /* [L * TJ_N_LORA_TARGETS] */
    bool stale, stale_bwd;
} tj_lora_products;

typedef struct tj_lora {
    tj_lora_config cfg;
    size_t n_layers;
    float scale;                   /* s */
    size_t out[TJ_N_LORA_TARGETS]; /* W [out, in] */
    size_t in[TJ_N_LORA_TARGETS];
    size_t column[TJ_N_LORA_TARGETS]; /* first of its y in the fused product */
    size_t part[TJ_N_LORA_TARGETS];   /* first column of its h */
    size_t block[TJ_N_LORA_TARGETS];  /* rows of B of one item of gradient; divides out */
    size_t width[TJ_N_MATS];          /* columns of h, P r; 0: nothing is targeted */
    tj_lora_at *at;                   /* [L] */
    size_t n_slab;                    /* values */
    float *weights;                   /* [n_slab] */
    float *grads;                     /* [n_slab] or NULL */
    tj_lora_products products;
    char base_digest[65]; /* of the weights below; "": not asked for yet */
} tj_lora;

/* The fused matrix that a target is part of. */
tj_mat tj_lora_mat(tj_lora_target target);

/* Values of the adapters of models of a shape. */
size_t tj_lora_n_values(const tj_model_config *shape, const tj_lora_config *cfg);
/* Adapters of zeros for models of a shape. Gives *out; NULL on error: TJ_E_INVAL, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_lora_create(tj_lora **out, const tj_model_config *shape,
                                   const tj_lora_config *cfg, tj_err *err);
void tj_lora_destroy(tj_lora *lora);
/* "model.layers.0.self_attn.q_proj.lora_A.weight"; which is 'A' or 'B'. */
void tj_lora_name(char out[96], size_t layer, tj_lora_target target, char which);
/* Adds row `row` of s B A to w [in]. Each value is one sum in double over r, in order. */
void tj_lora_add_row(const tj_lora *lora, size_t layer, tj_lora_target target, size_t row,
                     float *w);
/* The layer and target of a matrix by its Hugging Face name; false: none of the seven. */
bool tj_lora_find(size_t *layer, tj_lora_target *target, const char *name);

/* Takes the adapters on success: they become parameters of the model. Errors as
 * tj_model_add_lora. */
TJ_MUST_USE tj_code tj_model_put_lora(tj_model *model, tj_lora *lora, tj_err *err);
/* SHA-256 of the frozen weights below the adapters, as tj_model_digest's; lent, computed once. */
const char *tj_lora_base_digest(const tj_model *model);

/* ---------------------------------------------------------------- in a pass */

struct tj_pass;

/* Makes the products and packs what is stale. Errors: TJ_E_NOMEM, TJ_E_BACKEND. */
TJ_MUST_USE tj_code tj_lora_need(tj_model *model, bool backward, tj_err *err);
/* Floats of scratch for a thread: h twice, and a wide row tile, tj_lora_wide. */
size_t tj_lora_scratch(const tj_model *model);
float *tj_lora_wide(const struct tj_pass *pass, size_t thread); /* [tile, widest y or x] */
/* y += s B A x of one tile: x act [tile, in], y [tile, ld of mat]. Nothing where mat has no
 * adapters; the same below. */
void tj_lora_forward(const struct tj_pass *pass, size_t layer, tj_mat mat, size_t thread,
                     const void *x, float *y);
/* dx += s A^T B^T dy of the tile at `row`: dy act [tile, ld], dx [tile, in]. Keeps dh. */
void tj_lora_backward(const struct tj_pass *pass, size_t layer, tj_mat mat, size_t row,
                      size_t thread, const void *dy, float *dx);
/* Keeps h of the tile at `row` for the gradients. */
void tj_lora_keep(const struct tj_pass *pass, size_t layer, tj_mat mat, size_t row, size_t thread,
                  const void *x);
/* Gradients of A and B of a fused matrix, over all tiles in order, as items that write apart:
 * their number, and one of them; dy act [N, ld], x act [N, in]. */
size_t tj_lora_n_blocks(const tj_model *model, tj_mat mat);
void tj_lora_block(const struct tj_pass *pass, size_t layer, tj_mat mat, size_t block,
                   size_t thread, const void *dy, const void *x);

#endif
