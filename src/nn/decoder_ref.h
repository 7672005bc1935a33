/* The decoder as the papers write it: plain loops over doubles, for one chain of tokens, forward
 * and backward. This is the specification of nn: the fast code is tested against it, and it is
 * tested against central differences. It is never optimised. Internal to nn.
 *
 * Shapes as in nn.h, and N tokens of the chain, at positions 0 to N - 1.
 *
 * Ownership: create/destroy; operations borrow all they are given.
 * Threads:   confined to one thread.
 * Cost:      O(N^2), and every intermediate value of a run is held at once.
 */
#ifndef TJ_NN_DECODER_REF_H
#define TJ_NN_DECODER_REF_H

#include "nn/nn.h"

/* ---------------------------------------------------------------- operations
 *
 * Outputs named d… are gradients; all are added to (+=), and each may be NULL if not wanted. */

/* y = x / sqrt(mean(x^2) + eps) * (w + plus), row by row (Zhang & Sennrich 2019, arXiv:1910.07467,
 * eq. 4). x, y [rows, width]; w [width]. y may be x. */
void tj_ref_rmsnorm(double *y, const double *x, const double *w, double plus, double eps,
                    size_t rows, size_t width);
void tj_ref_rmsnorm_bwd(double *dx, double *dw, const double *dy, const double *x, const double *w,
                        double plus, double eps, size_t rows, size_t width);

/* y = x W^T + b. x [rows, in], W [out, in], b [out] or NULL, y [rows, out]. */
void tj_ref_linear(double *y, const double *x, const double *w, const double *b, size_t rows,
                   size_t in, size_t out);
void tj_ref_linear_bwd(double *dx, double *dw, double *db, const double *dy, const double *x,
                       const double *w, size_t rows, size_t in, size_t out);

/* Rotates, in the row at position p, the pair (x[i], x[i + D/2]) of each head by the angle
 * p f_i (Su et al. 2021, arXiv:2104.09864, eq. 34, in Llama's half-split order), with f_i and the
 * vectors' amplitude from nn.h. Frequency and angle are rounded to f32, as transformers does: that
 * is the definition that checkpoints were trained with. sign +1; -1 gives the gradient. x
 * [rows, n_heads * D]. */
void tj_ref_rope(double *x, size_t rows, size_t n_heads, size_t head_dim, const tj_rope *rope,
                 double sign);

/* out_i = sum_j P_ij v_j with P_ij = softmax_j(scale q_i . k_j) over the j <= i that are among the
 * `window` latest (0: all); query head h reads key-value head h / (H / G) (Ainslie et al. 2023,
 * arXiv:2305.13245). q, out [N, H, D]; k, v [N, G, D]; probs [H, N, N] receives P. */
typedef struct tj_ref_attn {
    size_t n, n_heads, n_kv_heads, head_dim, window;
    double scale;
} tj_ref_attn;
void tj_ref_attention(double *out, double *probs, const double *q, const double *k, const double *v,
                      const tj_ref_attn *shape);
void tj_ref_attention_bwd(double *dq, double *dk, double *dv, const double *dout,
                          const double *probs, const double *q, const double *k, const double *v,
                          const tj_ref_attn *shape);

/* act = f(gate) * up (Shazeer 2020, arXiv:2002.05202, eq. 6). */
void tj_ref_glu(double *act, const double *gate, const double *up, tj_activation f, size_t n);
void tj_ref_glu_bwd(double *dgate, double *dup, const double *dact, const double *gate,
                    const double *up, tj_activation f, size_t n);

/* log softmax(logits)[target]; the gradient adds dlogp * (1[v = target] - softmax[v]). */
double tj_ref_logp(const double *logits, size_t n, size_t target);
void tj_ref_logp_bwd(double *dlogits, double dlogp, const double *logits, size_t n, size_t target);

/* ---------------------------------------------------------------- the whole decoder */

typedef struct tj_ref_tensor {
    char name[96]; /* as in tj_param */
    size_t n;
    double *w; /* [n] */
    double *g; /* [n] gradient */
} tj_ref_tensor;

typedef struct tj_ref {
    tj_model_config cfg;
    tj_lora_config lora; /* rank 0: no adapters */
    tj_ref_tensor *tensors;
    size_t n_tensors;
} tj_ref;

typedef struct tj_ref_chain {
    const int32_t *ids; /* [n] */
    size_t n;
    const size_t *row_at; /* [n_rows] index into ids */
    const int32_t *row_target;
    size_t n_rows;
    const size_t *value_at; /* [n_values] */
    size_t n_values;
} tj_ref_chain;

/* A decoder with weights and gradients of zero, and with adapters as `lora` says (NULL: none),
 * whose tensors are named as a model's. Weights below them get gradients all the same. Errors:
 * TJ_E_INVAL, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_ref_create(tj_ref **out, const tj_model_config *cfg,
                                  const tj_lora_config *lora, tj_err *err);
void tj_ref_destroy(tj_ref *ref);
/* Lends a tensor; NULL if there is none of that name. */
tj_ref_tensor *tj_ref_find(const tj_ref *ref, const char *name);
/* Runs a chain: logp [n_rows], values [n_values]. With dlogp or dvalues (else NULL), adds the
 * derivatives of the weights to the tensors' g. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_ref_run(tj_ref *ref, const tj_ref_chain *chain, double *logp, double *values,
                               const double *dlogp, const double *dvalues, tj_err *err);

#endif
