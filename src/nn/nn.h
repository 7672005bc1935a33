/* The decoder: weights, forward and backward over a forest of token segments, optimiser,
 * checkpoints. A model of the Llama/Qwen family (RMSNorm, RoPE, grouped-query attention, SwiGLU),
 * its shape all configuration.
 *
 * A batch is a forest. Sequences that share a prefix store it once:
 *
 *     segment 0  [prompt]──┬─ segment 1 [path A]
 *                          └─ segment 2 [common step]──┬─ segment 3 [path B]
 *                                                      └─ segment 4 [path C]
 *
 * A token attends to the segments on its way to the root and causally to its own. An ordinary
 * sequence is a forest of one chain; independent roots are independent sequences ("packing").
 *
 * Loss rows are (position, target): forward gives the log-probability of each, the caller turns
 * them into a loss and its derivatives, backward takes those. Value rows are (position), read by a
 * value head.
 *
 * Shapes in comments: N tokens of a forest, R loss rows, C width, H query heads, G key-value heads,
 * D head width, F feed-forward width, V vocabulary, L layers.
 *
 * Ownership: handles by create/destroy; stated at each function.
 * Threads:   one thread calls into a model, pass or optimiser at a time; inside, work is shared
 *            among tj_par_threads() threads in fixed tiles, so that results do not depend on them.
 */
#ifndef TJ_NN_NN_H
#define TJ_NN_NN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* ---------------------------------------------------------------- configuration */

#define TJ_MAX_LAYERS    256        /* largest public dense decoders have 126 */
#define TJ_MAX_ROPE      4          /* distinct RoPE tables in one model; Gemma 3 has 2 */
#define TJ_MAX_HEAD_DIM  256        /* largest public head width */
#define TJ_MAX_POSITIONS (1u << 20) /* RoPE tables are built to this at most */
#define TJ_MAX_MORE_EOS  7          /* published lists of ends have up to five tokens */

typedef enum tj_dtype { TJ_F32 = 0, TJ_BF16 = 1 } tj_dtype;

/* Attention parameters of one layer. */
typedef struct tj_layer_attn {
    size_t window; /* a token sees the `window` latest positions of its path, itself included;
                    * 0: all of them */
    double scale;  /* of the scores; 0: 1 / sqrt(D) */
    size_t rope;   /* index of its RoPE table */
} tj_layer_attn;

typedef enum tj_rope_kind {
    TJ_ROPE_DEFAULT = 0,
    TJ_ROPE_LINEAR, /* all frequencies divided by factor (Chen et al. 2023, arXiv:2306.15595) */
    TJ_ROPE_LLAMA3, /* long wavelengths divided by factor, short ones kept (Llama 3.1) */
    TJ_ROPE_YARN    /* by parts, and the rotated vectors scaled (Peng et al. 2023, 2309.00071) */
} tj_rope_kind;

/* A RoPE table: pair i of a head turns at position p by p times its frequency, theta^(-2i/D) as
 * its kind scales it. */
typedef struct tj_rope {
    double theta;
    tj_rope_kind kind;
    double factor;                            /* linear, llama3, yarn: at least 1 */
    double original_positions;                /* llama3, yarn: the length of training */
    double low_freq_factor, high_freq_factor; /* llama3 */
    double beta_fast, beta_slow;              /* yarn: turns within original_positions */
    double attention_factor;                  /* yarn: of cosines and sines; 0: from factor */
    bool untruncated;                         /* yarn: the bounds of the ramp are not whole */
} tj_rope;

/* The frequency of pair i of D / 2, and what cosines and sines are multiplied by. As the functions
 * of transformers' modeling_rope_utils. */
double tj_rope_frequency(const tj_rope *rope, size_t i, size_t head_dim);
double tj_rope_amplitude(const tj_rope *rope);

typedef enum tj_activation {
    TJ_SILU = 0, /* x / (1 + e^-x) */
    TJ_GELU_TANH /* x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) */
} tj_activation;

typedef struct tj_model_config {
    size_t n_vocab;       /* V */
    size_t width;         /* C */
    size_t n_layers;      /* L */
    size_t n_heads;       /* H */
    size_t n_kv_heads;    /* G, divides H */
    size_t head_dim;      /* D, even */
    size_t ffn_width;     /* F */
    size_t max_positions; /* positions are in [0, max_positions) */
    double norm_eps;
    bool qkv_bias;      /* biases on q, k and v, as Qwen2 */
    bool qk_norm;       /* RMSNorm over each head of q and k before RoPE, as Qwen3 */
    bool post_norms;    /* RMSNorm of attention's and the feed-forward's output too, as Gemma 3 */
    bool norm_plus_one; /* norms multiply by 1 + w, not w, as Gemma */
    tj_activation activation; /* of the gate */
    double embed_scale;       /* of the input embedding; 0: 1. Gemma: sqrt(C) */
    bool tied_embedding;      /* the output embedding is the input embedding */
    bool value_head;          /* a linear map [C] -> 1 with bias, read at value rows */
    double init_std;          /* of normal initial weights; output projections get / sqrt(2 L) */
    size_t n_rope;            /* number of RoPE tables */
    tj_rope rope[TJ_MAX_ROPE];
    int32_t bos_id, eos_id;            /* -1: none; written to config.json */
    int32_t more_eos[TJ_MAX_MORE_EOS]; /* further tokens that end an answer, beside eos_id */
    size_t n_more_eos;
    tj_layer_attn layer[TJ_MAX_LAYERS];
} tj_model_config;

/* Sensible defaults for every field but the shape (0): one RoPE table of theta 10000, full
 * attention. */
void tj_model_config_default(tj_model_config *cfg);

/* TJ_E_INVAL naming the first impossible field. */
TJ_MUST_USE tj_code tj_model_config_check(const tj_model_config *cfg, tj_err *err);

/* Whether a token ends an answer: eos_id or one of more_eos. */
bool tj_model_config_is_eos(const tj_model_config *cfg, int32_t id);
/* Adds a token to those that end an answer, as eos_id if that is the first; -1 and what is among
 * them already change nothing. False: there are too many. */
bool tj_model_config_add_eos(tj_model_config *cfg, int32_t id);

/* Number of weights, by the shape alone. */
size_t tj_model_config_n_weights(const tj_model_config *cfg);

/* From and to the model's shape in our own YAML/JSON configuration (unknown keys refused). */
TJ_MUST_USE tj_code tj_model_config_from_json(tj_model_config *cfg, const json_t *json,
                                              const char *where, tj_err *err);
json_t *tj_model_config_to_json(const tj_model_config *cfg);
/* As tj_config_print. */
void tj_model_config_print(tj_buf *out, const tj_model_config *cfg, size_t depth);

/* The Hugging Face family ("llama", "qwen2", "qwen3") whose semantics the configuration has, or
 * TJ_E_INVAL saying which combination no family has. Call before training starts. */
TJ_MUST_USE tj_code tj_model_config_family(const char **family, const tj_model_config *cfg,
                                           tj_err *err);

/* ---------------------------------------------------------------- model */

typedef struct tj_model tj_model;

/* A parameter: a master weight in f32 and, while training, its gradient. */
typedef struct tj_param {
    char name[96];   /* the Hugging Face tensor name */
    size_t shape[2]; /* [rows, columns]; a vector is [1, n] */
    size_t n;        /* values */
    float *weight;   /* [n] master weights */
    float *grad;     /* [n]; NULL unless trainable and tj_model_make_grads was called */
    bool trainable;
    bool decay; /* takes weight decay: matrices yes, norms and biases no */
} tj_param;

/* A new model with normal initial weights drawn by `seed`. Gives *out; NULL on error. */
TJ_MUST_USE tj_code tj_model_create(tj_model **out, const tj_model_config *cfg, tj_dtype compute,
                                    uint64_t seed, tj_err *err);
void tj_model_destroy(tj_model *model);

const tj_model_config *tj_model_cfg(const tj_model *model);
tj_dtype tj_model_compute(const tj_model *model);
/* The best compute type of this CPU: TJ_BF16 where it has AVX512-BF16 instructions. */
tj_dtype tj_dtype_best(void);
const char *tj_dtype_name(tj_dtype dtype); /* "f32", "bf16" */
/* The instruction set that our own kernels use here: "avx512", "avx2" or "generic". */
const char *tj_isa_name(void);

/* Lends the parameters, in a fixed order; those of adapters come last. */
tj_param *tj_model_params(tj_model *model, size_t *n_params);
size_t tj_model_n_trainable(const tj_model *model); /* values, of all trainable parameters */
/* Allocates (zeroed) gradients of the trainable parameters; zeroes them if there. Of a model with
 * adapters only theirs, and its value head's where that is trainable; TJ_E_INVAL where another
 * weight below them is. */
TJ_MUST_USE tj_code tj_model_make_grads(tj_model *model, tj_err *err);
void tj_model_zero_grads(tj_model *model);
/* A tied embedding's two gradients (as input and as output) are kept apart while batches add up, so
 * that adding small batches gives the bits of the big one; this joins them in the parameter's
 * gradient. The optimiser calls it; call it before reading that gradient yourself. */
void tj_model_join_grads(tj_model *model);
/* Must be called after weights were changed from outside: repacks the copies that products use. */
TJ_MUST_USE tj_code tj_model_refresh(tj_model *model, tj_err *err);
/* SHA-256 over names, shapes and weights, in hexadecimal: equal models have equal digests. */
void tj_model_digest(const tj_model *model, char out[65]);

/* Writes DIR/config.json and DIR/model.safetensors (f32 or bf16 as `stored`), as transformers
 * opens them; each file atomically, and the folder's earlier contents stay until then. A model with
 * adapters is refused (TJ_E_INVAL): its files would not be one model. */
TJ_MUST_USE tj_code tj_model_save(const tj_model *model, const char *dir, tj_dtype stored,
                                  tj_err *err);
/* Reads a Hugging Face directory (config.json with model.safetensors, or with shards and their
 * index) or a GGUF file, whose weights are dequantised to f32. Errors name the file and the tensor
 * or the field. */
TJ_MUST_USE tj_code tj_model_load(tj_model **out, const char *path, tj_dtype compute, tj_err *err);
/* The same for generation and scoring only (tj_infer), with the matrices as the file holds them:
 * bf16 or quantised ones are not expanded. Such a model has no gradients, and tj_forward refuses
 * it. The file is mapped until the model is destroyed. */
TJ_MUST_USE tj_code tj_model_open(tj_model **out, const char *path, tj_err *err);

/* ---------------------------------------------------------------- adapters
 *
 * LoRA (Hu et al. 2021, arXiv:2106.09685): beside a targeted matrix W [out, in], which is frozen,
 * stands a product of two small ones, which are trained:
 *
 *     y = W x + s B (A x),   A [r, in], B [out, r],   s = alpha / r
 *
 * Adapters have no dropout and no biases. */

#define TJ_MAX_LORA_RANK                                                                           \
    1024 /* published adapters have up to 512; beyond, full tuning is smaller */

#define TJ_MAX_LORA_ALPHA 1e6 /* a scale beyond it leaves f32's range soon */

/* Whose adapters are a model's: of each layer, by the ends of their Hugging Face names. */
typedef enum tj_lora_target {
    TJ_LORA_Q = 0,
    TJ_LORA_K,
    TJ_LORA_V,
    TJ_LORA_O,
    TJ_LORA_GATE,
    TJ_LORA_UP,
    TJ_LORA_DOWN,
    TJ_N_LORA_TARGETS
} tj_lora_target;

typedef struct tj_lora_config {
    size_t rank; /* r, 1 to TJ_MAX_LORA_RANK */
    double alpha;
    bool rslora; /* s = alpha / sqrt(r) (Kalajdzievski 2023, arXiv:2312.03732) */
    bool targets[TJ_N_LORA_TARGETS];
} tj_lora_config;

/* Rank 16 and alpha 32, as TRL's; q_proj and v_proj, as PEFT's for these families. */
void tj_lora_config_default(tj_lora_config *cfg);
const char *tj_lora_target_name(tj_lora_target target); /* "q_proj" */
/* Targets from "q_proj,v_proj", or "all-linear" for all seven. Errors: TJ_E_INVAL naming what is
 * none. */
TJ_MUST_USE tj_code tj_lora_targets_parse(bool targets[TJ_N_LORA_TARGETS], const char *text,
                                          tj_err *err);

/* Gives the model adapters, as PEFT initialises them: A uniform in +-1 / sqrt(in) by `seed`, B
 * zero. They are further parameters, "model.layers.0.self_attn.q_proj.lora_A.weight" and so on;
 * all others are frozen, and their gradients freed; a value head's alone may be made trainable
 * again before gradients are made. Passes, optimisers and lent parameters of before must not be
 * used again. Errors: TJ_E_INVAL (the configuration; a model that has adapters, or is opened for
 * generation only), TJ_E_NOMEM; the model is then unchanged. */
TJ_MUST_USE tj_code tj_model_add_lora(tj_model *model, const tj_lora_config *cfg, uint64_t seed,
                                      tj_err *err);
/* Lends the configuration of the model's adapters; NULL if it has none. */
const tj_lora_config *tj_model_lora(const tj_model *model);
/* Adds the adapters to the weights, W + s B A, and drops them; all parameters are trainable again.
 * As after tj_model_add_lora, what was made or lent before must not be used again. Errors:
 * TJ_E_INVAL (there are none). */
TJ_MUST_USE tj_code tj_model_merge_lora(tj_model *model, tj_err *err);

/* Writes the adapters as PEFT does: DIR/adapter_config.json and DIR/adapter_model.safetensors
 * (F32), each atomically. `base` (NULL: none) becomes base_model_name_or_path. Errors: TJ_E_INVAL
 * (the model has no adapters, or a value head that is trained beside them), TJ_E_IO, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_adapter_save(const tj_model *model, const char *dir, const char *base,
                                    tj_err *err);
/* Gives the model the adapters of a PEFT folder; as tj_model_add_lora in all else. Errors name the
 * file and the field or tensor: TJ_E_NOTFOUND, TJ_E_PARSE (malformed, or not of this model's
 * shape), TJ_E_INVAL (a setting that would change what the adapter means and is not supported:
 * biases, DoRA, modules_to_save, ranks by layer …), TJ_E_NUMERIC, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_adapter_load(tj_model *model, const char *dir, tj_err *err);
/* Whether there is an adapter_config.json at a path. */
bool tj_adapter_is_at(const char *path);
/* What an adapter's files say: `rank`, `alpha`, `rslora`, `targets`, `base` (may be null),
 * `layers`, `parameters`, `tensors`, `bytes`, `types`. Gives *out, a new reference. Errors as
 * tj_adapter_load. */
TJ_MUST_USE tj_code tj_adapter_describe(json_t **out, const char *dir, tj_err *err);

/* ---------------------------------------------------------------- files of models */

/* How a model's files ask it to be sampled from (generation_config.json). */
typedef struct tj_suggested_sampling {
    double temperature, top_p; /* NAN: they do not say */
    size_t top_k;              /* 0: they do not say, or all tokens */
} tj_suggested_sampling;
/* Of a folder; of a GGUF file, or a folder without the file, all unsaid. Errors: TJ_E_PARSE naming
 * file and field, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_model_sampling(tj_suggested_sampling *out, const char *path, tj_err *err);

typedef struct tj_convert_options {
    const char *type;    /* what matrices become: F32, F16 or BF16, in a GGUF also Q8_0, Q4_0, Q4_1,
                          * Q5_0 or Q5_1 (any case); "keep" or NULL: what they are, as far as the new
                          * file can hold it */
    const char *adapter; /* a PEFT folder whose adapters are added to the weights; NULL: none */
} tj_convert_options;

/* Writes the model at `from`, a Hugging Face folder or a GGUF file, to `to`: a GGUF file where that
 * ends in .gguf, else a folder, as transformers opens it. Tensor by tensor, with the memory of one
 * row of one; the tokenizer comes with it. A GGUF's vectors (norms, biases) are always F32; its
 * embeddings follow the type. Files of `to` that are there are replaced when all new ones are
 * whole. *summary (NULL is allowed; else a new reference): `family`, `parameters`, `tensors`,
 * `bytes`, `types` (the number of tensors of each), and `notes`, texts about what did not come with
 * the rest or changed. Errors: those of opening `from`; TJ_E_INVAL (a type that cannot be written;
 * a configuration or tokenizer that the new file cannot say), TJ_E_CONFLICT (the folder `to` has
 * files of another model that would be taken for this one's), TJ_E_NUMERIC naming the tensor (a
 * value that is not finite, or does not fit the type), TJ_E_IO, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_model_convert(json_t **summary, const char *from, const char *to,
                                     const tj_convert_options *options, tj_err *err);
/* Writes beside the model in the folder `to` what the model at `from`, a folder or a GGUF file, has
 * beside its weights: the tokenizer and its settings, and how to generate. Files there are
 * replaced. Errors: those of opening `from`; TJ_E_LIMIT (a file too large to be of a tokenizer),
 * TJ_E_IO, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_model_copy_companions(const char *from, const char *to, tj_err *err);

/* What the files of a model say, without loading it: `family`, `format`, `parameters`, `tensors`,
 * `bytes`, `types`, `shape`, `context`, `rope`, `windows`, `ends` (tokens that end an answer) and
 * `sampling` (what they suggest of temperature, top_p, top_k). Gives *out, a new reference. */
TJ_MUST_USE tj_code tj_model_describe(json_t **out, const char *path, tj_err *err);

/* Looks through a model's files and reports what it finds, thing by thing ("configuration",
 * "tensors", "other tensors", "values"): what was found, or, with wrong not NULL, what is wrong.
 * Without a configuration the rest cannot be looked at and is not reported. *n_vocab is the number
 * of rows of its embedding, 0 where the configuration is wrong. Errors: TJ_E_NOMEM only. */
typedef void (*tj_check_fn)(void *ctx, const char *what, const char *found, const tj_err *wrong);
TJ_MUST_USE tj_code tj_model_check(const char *path, size_t *n_vocab, tj_check_fn report, void *ctx,
                                   tj_err *err);

/* ---------------------------------------------------------------- forest */

typedef struct tj_forest tj_forest;
#define TJ_NO_SEGMENT SIZE_MAX

TJ_MUST_USE tj_code tj_forest_create(tj_forest **out, tj_err *err);
void tj_forest_destroy(tj_forest *forest);
/* Empties it, keeping the memory. */
void tj_forest_clear(tj_forest *forest);

/* Adds a segment of n tokens (n may be 0) under `parent` (TJ_NO_SEGMENT: a root). *out is its id.
 * Errors: TJ_E_NOMEM, TJ_E_INVAL (no such parent, position too large). */
TJ_MUST_USE tj_code tj_forest_add(tj_forest *forest, size_t *out, size_t parent, const int32_t *ids,
                                  size_t n, tj_err *err);
/* Makes two segments of one: `segment` keeps its first `at` tokens and becomes the parent of *tail,
 * which takes the rest, its children and its rows. at in [0, length]. */
TJ_MUST_USE tj_code tj_forest_split(tj_forest *forest, size_t *tail, size_t segment, size_t at,
                                    tj_err *err);
/* Adds a loss row: the log-probability of `target` after the token `offset` of `segment`. Several
 * rows at one position are allowed. Rows are numbered in the order they are added; *row may be
 * NULL. */
TJ_MUST_USE tj_code tj_forest_add_loss_row(tj_forest *forest, size_t *row, size_t segment,
                                           size_t offset, int32_t target, tj_err *err);
TJ_MUST_USE tj_code tj_forest_add_value_row(tj_forest *forest, size_t *row, size_t segment,
                                            size_t offset, tj_err *err);

size_t tj_forest_n_tokens(const tj_forest *forest); /* unique tokens */
size_t tj_forest_n_loss_rows(const tj_forest *forest);
size_t tj_forest_n_value_rows(const tj_forest *forest);
/* Tokens of all root-to-leaf paths, counted one by one; divided by n_tokens: the sharing ratio. */
size_t tj_forest_n_path_tokens(const tj_forest *forest);

/* ---------------------------------------------------------------- forward and backward */

/* A pass holds the activations of one forest at a time. */
typedef struct tj_pass tj_pass;

typedef struct tj_pass_options {
    bool train;     /* keep what backward needs */
    bool recompute; /* keep only each layer's input; the rest is computed again in backward */
} tj_pass_options;

/* The pass borrows the model for its life. Memory grows to the largest forest seen. */
TJ_MUST_USE tj_code tj_pass_create(tj_pass **out, tj_model *model, tj_pass_options options,
                                   tj_err *err);
void tj_pass_destroy(tj_pass *pass);
/* Bytes of activations held now. */
size_t tj_pass_bytes(const tj_pass *pass);

/* Runs the forest. logp [R]: log-probability of each loss row's target; values: of each value row.
 * Either may be NULL if there are no such rows. Errors: TJ_E_INVAL (token id or position out of
 * range), TJ_E_NOMEM, TJ_E_NUMERIC (a log-probability is not finite). */
TJ_MUST_USE tj_code tj_forward(tj_pass *pass, const tj_forest *forest, float *logp, float *values,
                               tj_err *err);
/* After tj_forward of the same forest: adds (+=) to the gradients of the trainable parameters the
 * derivatives of a loss whose derivatives with respect to logp and values are dlogp [R] and
 * dvalues. */
TJ_MUST_USE tj_code tj_backward(tj_pass *pass, const tj_forest *forest, const float *dlogp,
                                const float *dvalues, tj_err *err);
/* The two in one where dlogp is known beforehand, as in SFT (weight -1/rows of the update):
 * the same gradients with one product less over the vocabulary. After TJ_E_NUMERIC the gradients
 * may hold part of this pass: zero them. */
TJ_MUST_USE tj_code tj_forward_backward(tj_pass *pass, const tj_forest *forest, float *logp,
                                        const float *dlogp, tj_err *err);

/* ---------------------------------------------------------------- inference */

/* Rows of tokens through the decoder with attention supplied by the caller, who keeps the keys and
 * values. In each layer store() gets every row's k and v [G, D], after norm and RoPE; when it has
 * them all, attend() is called for each of n_items items, which together write out [n_rows, H, D]
 * from q [n_rows, H, D]. Both are called from several threads at once. */
typedef struct tj_attend {
    void (*store)(void *ctx, size_t layer, size_t row, const float *k, const float *v);
    void (*attend)(void *ctx, size_t layer, size_t item, size_t thread, const float *q, float *out);
    size_t n_items;
    void *ctx;
} tj_attend;

/* Scratch for tj_infer, growing to the largest call. */
typedef struct tj_infer_scratch tj_infer_scratch;
TJ_MUST_USE tj_code tj_infer_scratch_create(tj_infer_scratch **out, tj_err *err);
void tj_infer_scratch_destroy(tj_infer_scratch *scratch);

/* ids and pos [n_rows]; logits [n_out, V] of the rows out_rows [n_out]; values [n_out] of the value
 * head (NULL if not wanted). A row's result depends on that row and its attend() output alone, bit
 * for bit: not on n_rows, its index, or the number of threads. Errors: TJ_E_INVAL, TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_infer(tj_model *model, tj_infer_scratch *scratch, size_t n_rows,
                             const int32_t *ids, const size_t *pos, tj_attend attend, size_t n_out,
                             const size_t *out_rows, float *logits, float *values, tj_err *err);

/* ---------------------------------------------------------------- optimiser */

typedef enum tj_schedule {
    TJ_SCHEDULE_CONSTANT = 0,
    TJ_SCHEDULE_COSINE,
    TJ_SCHEDULE_LINEAR
} tj_schedule;

typedef struct tj_adamw_config {
    double lr_max;
    double lr_min; /* at the end of the schedule */
    double beta1, beta2, eps;
    double weight_decay; /* decoupled: w -= lr * decay * w (Loshchilov & Hutter 2019) */
    double clip_norm;    /* of the global gradient norm; 0: none */
    size_t n_warmup;     /* updates of linear warm-up */
    size_t n_updates;    /* length of the schedule */
    tj_schedule schedule;
} tj_adamw_config;

typedef struct tj_adamw tj_adamw;
TJ_MUST_USE tj_code tj_adamw_create(tj_adamw **out, tj_model *model, const tj_adamw_config *cfg,
                                    tj_err *err);
void tj_adamw_destroy(tj_adamw *opt);
/* The learning rate of update t (0-based). */
double tj_adamw_lr(const tj_adamw_config *cfg, size_t t);
/* One update from the gradients, which are then zeroed; the model is refreshed. *norm (may be NULL)
 * is the global gradient norm before clipping. Errors: TJ_E_NUMERIC naming the update and the
 * tensor whose gradient is not finite; nothing is then changed. */
TJ_MUST_USE tj_code tj_adamw_update(tj_adamw *opt, double *norm, tj_err *err);
size_t tj_adamw_n_done(const tj_adamw *opt); /* updates made */

/* Optimiser state beside a checkpoint: moments and the number of updates, one safetensors file. */
TJ_MUST_USE tj_code tj_adamw_save(const tj_adamw *opt, const char *path, tj_err *err);
TJ_MUST_USE tj_code tj_adamw_load(tj_adamw *opt, const char *path, tj_err *err);

/* ---------------------------------------------------------------- snapshots */

/* Model, optimiser and the caller's own state together, as one generation in DIR: written into a
 * fresh folder, then DIR/current is switched to it by a rename, then older generations go. A
 * process killed at any moment leaves a whole generation, the new one or the one before. state is
 * an object (NULL: none). Of a model with adapters it holds what is trained alone, with the digest
 * of the weights below. */
TJ_MUST_USE tj_code tj_snapshot_save(const char *dir, const tj_model *model, const tj_adamw *opt,
                                     const json_t *state, tj_err *err);
/* Loads the current generation into a model and an optimiser of the right shape; *state (NULL
 * allowed) is a new reference. Errors: TJ_E_NOTFOUND (there is none; nothing is changed),
 * TJ_E_CONFLICT (of adapters for other weights or of other settings, or of a whole model where this
 * one has adapters, and the reverse; nothing is changed), TJ_E_PARSE (it does not fit the model;
 * the model may then be half loaded). */
TJ_MUST_USE tj_code tj_snapshot_load(const char *dir, tj_model *model, tj_adamw *opt,
                                     json_t **state, tj_err *err);
/* Removes DIR and all that snapshots keep in it. */
void tj_snapshot_remove(const char *dir);

#endif
