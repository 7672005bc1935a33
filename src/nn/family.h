/* The families of decoders that files name: what a name says about the configuration, and how a
 * family's files spell it. A new family is an entry of this table, not a path through the code.
 * Internal to nn.
 *
 * Threads: constant data.
 */
#ifndef TJ_NN_FAMILY_H
#define TJ_NN_FAMILY_H

#include "nn/nn.h"

typedef struct tj_family {
    const char *model_type;   /* in config.json */
    const char *architecture; /* the class that transformers opens it with */
    const char *gguf;         /* general.architecture */
    bool qkv_bias, qk_norm, post_norms;
    tj_activation activation;
    const char *hf_activation; /* its name in config.json, at the key hidden_act… */
    const char *hf_activation_key;
    bool scaled_embedding; /* by sqrt(C) */
    bool windows;          /* layers may have them */
    bool local_rope;       /* layers with a window have a RoPE table of their own */
    double local_theta;    /* of that, where a file does not say */
    size_t window_period;  /* where layer_types is missing: every so-manieth layer has no window */
    bool norm_plus_one;    /* norms multiply by 1 + w; GGUF holds the sum */
    bool gguf_pairs;       /* GGUF's rows of q and k are ordered for rotating neighbours */
} tj_family;

/* Entries by their names; NULL if there is none. */
const tj_family *tj_family_by_model_type(const char *model_type);
const tj_family *tj_family_by_gguf(const char *architecture, size_t len);
/* All of them, as "llama, qwen2 …" by model_type, or by their GGUF names. */
const char *tj_family_names(void);
const char *tj_family_gguf_names(void);
/* The entry whose semantics a configuration has. Errors: TJ_E_INVAL, what no family has. */
TJ_MUST_USE tj_code tj_family_of(const tj_family **out, const tj_model_config *cfg, tj_err *err);
/* Sets the fields that a family determines; width must be known. */
void tj_family_apply(const tj_family *family, tj_model_config *cfg);

#endif
