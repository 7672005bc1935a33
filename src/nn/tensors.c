#include "nn/tensors.h"

#include <stdio.h>

#include "base/alloc.h"

#define MAX_OF_LAYER 16 /* tensors; the most that switches add up to is 16 */
#define MAX_OTHERS   5  /* embeddings, last norm, value head */

typedef struct spec_list {
    tj_tensor_spec *specs;
    size_t n;
} spec_list;

static void add(spec_list *list, const char *name, size_t rows, size_t cols)
{
    tj_tensor_spec *s = &list->specs[list->n++];
    snprintf(s->name, sizeof s->name, "%s", name);
    s->rows = rows;
    s->cols = cols;
}

static void add_layer(spec_list *list, const tj_model_config *c, size_t l)
{
    size_t q = c->n_heads * c->head_dim;
    size_t kv = c->n_kv_heads * c->head_dim;
    size_t w = c->width;
    size_t f = c->ffn_width;
    const struct {
        bool present;
        const char *name;
        size_t rows, cols;
    } parts[MAX_OF_LAYER] = {
        {true, "input_layernorm.weight", 1, w},
        {true, "self_attn.q_proj.weight", q, w},
        {true, "self_attn.k_proj.weight", kv, w},
        {true, "self_attn.v_proj.weight", kv, w},
        {c->qkv_bias, "self_attn.q_proj.bias", 1, q},
        {c->qkv_bias, "self_attn.k_proj.bias", 1, kv},
        {c->qkv_bias, "self_attn.v_proj.bias", 1, kv},
        {c->qk_norm, "self_attn.q_norm.weight", 1, c->head_dim},
        {c->qk_norm, "self_attn.k_norm.weight", 1, c->head_dim},
        {true, "self_attn.o_proj.weight", w, q},
        {true, "post_attention_layernorm.weight", 1, w},
        {c->post_norms, "pre_feedforward_layernorm.weight", 1, w},
        {true, "mlp.gate_proj.weight", f, w},
        {true, "mlp.up_proj.weight", f, w},
        {true, "mlp.down_proj.weight", w, f},
        {c->post_norms, "post_feedforward_layernorm.weight", 1, w},
    };
    for (size_t i = 0; i < MAX_OF_LAYER; i++) {
        char name[sizeof list->specs->name];
        snprintf(name, sizeof name, "model.layers.%zu.%s", l, parts[i].name);
        if (parts[i].present) {
            add(list, name, parts[i].rows, parts[i].cols);
        }
    }
}

tj_code tj_tensor_specs(tj_tensor_spec **out, size_t *n, const tj_model_config *c, tj_err *err)
{
    spec_list list = {.n = 0};
    *n = 0;
    *out = list.specs = tj_calloc(c->n_layers * MAX_OF_LAYER + MAX_OTHERS, sizeof *list.specs);
    if (list.specs == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot list the tensors of %zu layers", c->n_layers);
    }
    add(&list, "model.embed_tokens.weight", c->n_vocab, c->width);
    for (size_t l = 0; l < c->n_layers; l++) {
        add_layer(&list, c, l);
    }
    add(&list, "model.norm.weight", 1, c->width);
    if (!c->tied_embedding) {
        add(&list, "lm_head.weight", c->n_vocab, c->width);
    }
    if (c->value_head) {
        add(&list, "value_head.weight", 1, c->width);
        add(&list, "value_head.bias", 1, 1);
    }
    *n = list.n;
    return TJ_OK;
}
