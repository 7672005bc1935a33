/* Attention over a forest and its gradient, by tiles (after Dao et al. 2022, "FlashAttention",
 * arXiv:2205.14135: online softmax forward, recomputed scores backward), with the forest's one-
 * integer-a-key mask of forest.h. Internal to nn.
 *
 * Threads: each call works on rows (forward) or on a tree and a key-value head (backward) of its
 *          own, with scratch of its own.
 */
#ifndef TJ_NN_ATTENTION_H
#define TJ_NN_ATTENTION_H

#include "nn/forest.h"
#include "nn/model.h"

typedef struct tj_attn_args {
    const tj_model *model;
    const tj_layout *layout;
    const tj_layer_attn *attn;
    const void *qkv; /* act [n_padded, qkv_width], after norm and RoPE */
    void *out;       /* act [n_padded, q_width] */
    float *lse; /* [H, n_padded] log-sum-exp of each row's scaled scores, to the base 2; INFINITY
                 * if it sees nothing; NULL if not wanted */
    /* backward only */
    const void *dout;         /* act [n_padded, q_width] */
    float *delta;             /* [H, n_padded] from tj_attn_prepare, */
    void *q_rows, *dout_rows; /* as queries and dout packed by rows, each of n_padded *
                               * tj_attn_packed_width values in the compute type */
    float *dqkv; /* [n_padded, qkv_width]: overwritten for the tree's rows and the head */
} tj_attn_args;

/* Floats of scratch that either call needs. */
size_t tj_attn_scratch(const tj_model *model);

/* Rows [row, row + n_rows) of all heads. */
void tj_attn_forward(const tj_attn_args *args, size_t row, size_t n_rows, float *scratch);
/* Values a row of q_rows and of dout_rows. */
size_t tj_attn_packed_width(const tj_model *model);
/* What backward wants of rows [row, row + n_rows) of all heads, whole tiles: delta = dout . out,
 * and queries and dout packed once for all tiles of keys that they see. */
void tj_attn_prepare(const tj_attn_args *args, size_t row, size_t n_rows);
/* dq of the query heads of key-value head g and its dk, dv, for one tree. */
void tj_attn_backward(const tj_attn_args *args, size_t tree, size_t g, float *scratch);

#endif
