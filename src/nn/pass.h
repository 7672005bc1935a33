/* A pass's inside: activations and scratch, shared by layers.c, head.c and pass.c. */
#ifndef TJ_NN_PASS_H
#define TJ_NN_PASS_H

#include "base/par.h"
#include "nn/attention.h"
#include "nn/forest.h"
#include "nn/model.h"

/* What one layer keeps for its gradient; "act" values have the model's compute type. */
typedef struct tj_layer_acts {
    float *x;                /* [N, C] input, f32 residual stream */
    float *x_mid;            /* [N, C] after attention */
    void *qkv;               /* act [N, qkv_width] after norm and RoPE */
    void *raw;               /* act [N, qkv_width] before q/k norm; NULL unless qk_norm */
    void *att;               /* act [N, q_width] */
    void *gu;                /* act [N, 2F] */
    float *lse;              /* [H, N] */
    float *o_raw, *down_raw; /* [N, C] of the projections before their norms; NULL unless
                              * post_norms */
} tj_layer_acts;

/* Positions of the head that are computed at once. */
#define TJ_HEAD_ROWS 512

struct tj_pass {
    tj_model *model;
    tj_pass_options options;
    tj_layout layout;
    size_t cap;   /* tokens that the buffers hold, a multiple of the model's tile */
    size_t bytes; /* of all buffers */

    tj_layer_acts *layers; /* [L + 1]; of the last only x. With recompute, or without training, all
                            * layers share what lies behind x (without training, x too) */
    /* Gradients and the products' arguments of the layer at hand; only when training. */
    float *dx;            /* [N, C] */
    void *dx_down, *dx_o; /* act [N, C]: dx at the down and o projections */
    void *act, *dgu, *xn; /* act [N, F], [N, 2F], [N, C] (of the second norm) */
    void *dout;           /* act [N, q_width] */
    float *delta;         /* [H, N], and packed queries and dout: see attention.h */
    void *q_rows, *dout_rows;
    float *dqkv;             /* [N, qkv_width] */
    void *dqkv_act, *xn_qkv; /* act: arguments of the q/k/v weight gradient */
    /* Each matrix's derivatives and what it multiplied, in the order of its weight gradient's
     * product (tj_gemm_put_a_bytes); NULL: the rows above. */
    void *put_dy[TJ_N_MATS], *put_x[TJ_N_MATS];
    float *partials; /* [n_tiles][partial_width] sums over a tile's rows */
    size_t partial_width;

    /* The head: one block of positions at a time. */
    size_t cap_pos;
    float *head_x;   /* [P, C] gathered inputs */
    float *head_dx;  /* [P, C] */
    float *lse;      /* [P] log-sum-exp */
    void *head_xn;   /* act [TJ_HEAD_ROWS, C] */
    void *head_put;  /* the same as the weight gradient wants it; NULL: as it is */
    float *logits;   /* [TJ_HEAD_ROWS, V]; then their derivatives, in place */
    float *part_max; /* [n_chunks][TJ_HEAD_ROWS] */
    double *part_sum;
    float *value_x; /* [n_values, C] normed rows */
    size_t cap_values;

    /* Of adapters, for the layer at hand: act [N, width of the matrix's h]; NULL where it has none.
     */
    void *lora_h[TJ_N_MATS], *lora_dh[TJ_N_MATS];

    float *scratch[TJ_MAX_THREADS]; /* each of scratch_floats; at its end, that of adapters */
    size_t scratch_floats;
    size_t n_scratch;

    tj_code failed; /* by a worker */
};

static inline size_t tj_pass_n_tiles(const tj_pass *p)
{
    return p->layout.n_padded / p->model->tile;
}

/* The decoder layers: forward fills layers[]; backward turns p->dx (of the last layer's output)
 * into parameter gradients. */
void tj_layers_forward(tj_pass *p);
void tj_layers_backward(tj_pass *p);
/* Floats that a tile needs in `partials`. */
size_t tj_layers_partial_width(const tj_model *m);

/* The head over all loss positions. dlogp NULL: forward only. With `fused`, loss and derivatives in
 * one sweep; else backward uses the log-sum-exp of the forward sweep. Writes rows' logp if not
 * NULL, and with dlogp the gradient of the last layer's output into p->dx. */
void tj_head_forward(tj_pass *p, float *logp, const float *dlogp);
void tj_head_backward(tj_pass *p, const float *dlogp);
void tj_values_forward(tj_pass *p, float *values);
void tj_values_backward(tj_pass *p, const float *dvalues);

#endif
