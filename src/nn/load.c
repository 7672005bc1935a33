/* A model from a folder or a GGUF file: with master weights to train, or for generation only, with
 * the weights as the file holds them. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "nn/model.h"
#include "nn/source.h"

/* Reads every parameter of the slab. */
static tj_code read_params(tj_model *m, tj_source *s, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < m->n_params && rc == TJ_OK; i++) {
        tj_tensor_view view;
        const tj_param *p = &m->params[i];
        rc = tj_source_find(s, &view, p->name, p->shape[0], p->shape[1], err);
        if (rc == TJ_OK) {
            tj_view_read(&view, p->weight);
        }
    }
    return rc;
}

/* ------------------------------------------------------------------ for generation only */

static const char *const gen_names[TJ_N_GEN] = {
    "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight",
    "self_attn.o_proj.weight", "mlp.gate_proj.weight",    "mlp.up_proj.weight",
    "mlp.down_proj.weight"};

typedef struct pack_job {
    tj_panels *panels;
    const tj_tensor_view *views; /* one a matrix */
} pack_job;

static size_t row_of(const void *ctx, size_t row)
{
    return tj_view_row(ctx, row);
}

static void pack_mat(tj_panels *p, const tj_tensor_view *v, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        tj_panels_pack_blocks(p, i, v->bytes, v->row_bytes, v->type, row_of, v);
    }
}

static void pack_mat_item(void *ctx, size_t item, size_t thread)
{
    const pack_job *job = ctx;
    (void)thread;
    pack_mat(&job->panels[item], &job->views[item], 0, job->panels[item].n_panels);
}

#define HEAD_PART 64 /* panels of an item: the head is one matrix, and the largest */

static void pack_head_item(void *ctx, size_t item, size_t thread)
{
    const pack_job *job = ctx;
    size_t end = (item + 1) * HEAD_PART;
    (void)thread;
    pack_mat(job->panels, job->views, item * HEAD_PART,
             end < job->panels->n_panels ? end : job->panels->n_panels);
}

static tj_code init_panels(tj_panels *p, const tj_tensor_view *v, tj_err *err)
{
    return tj_panels_init(p, tj_panel_type_for(v->type, v->cols), v->rows, v->cols, err);
}

static tj_code find_mats(tj_model *m, tj_source *s, tj_tensor_view *views, tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < m->cfg.n_layers * TJ_N_GEN && rc == TJ_OK; i++) {
        char name[96];
        tj_mat_shape shape = tj_model_gen_shape(m, (tj_gen_mat)(i % TJ_N_GEN));
        snprintf(name, sizeof name, "model.layers.%zu.%s", i / TJ_N_GEN, gen_names[i % TJ_N_GEN]);
        rc = tj_source_find(s, &views[i], name, shape.out, shape.in, err);
        if (rc == TJ_OK) {
            rc = init_panels(&m->gen[i], &views[i], err);
        }
    }
    return rc;
}

static tj_code pack_layers(tj_model *m, tj_source *s, tj_err *err)
{
    size_t n = m->cfg.n_layers * TJ_N_GEN;
    tj_tensor_view *views = tj_calloc(n, sizeof *views);
    tj_code rc = views == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot open %s", tj_source_path(s))
                               : find_mats(m, s, views, err);
    if (rc == TJ_OK) {
        pack_job job = {.panels = m->gen, .views = views};
        tj_par_for(n, pack_mat_item, &job);
    }
    tj_free(views);
    return rc;
}

static tj_code pack_head(tj_model *m, tj_source *s, tj_err *err)
{
    tj_tensor_view embed;
    tj_tensor_view head;
    const tj_model_config *c = &m->cfg;
    tj_code rc = tj_source_find(s, &embed, "model.embed_tokens.weight", c->n_vocab, c->width, err);
    head = embed;
    if (rc == TJ_OK && !c->tied_embedding) {
        rc = tj_source_find(s, &head, "lm_head.weight", c->n_vocab, c->width, err);
    }
    if (rc == TJ_OK) {
        m->embed = (tj_embed_rows){embed.bytes, embed.row_bytes, embed.type};
        rc = init_panels(&m->gen_head, &head, err);
    }
    if (rc == TJ_OK) {
        pack_job job = {.panels = &m->gen_head, .views = &head};
        tj_par_for((m->gen_head.n_panels - 1) / HEAD_PART + 1, pack_head_item, &job);
    }
    return rc;
}

/* ------------------------------------------------------------------ the two ways */

static tj_code read_model(tj_model *m, tj_source *s, tj_err *err)
{
    tj_code rc = read_params(m, s, err);
    if (rc == TJ_OK && m->is_frozen) {
        rc = pack_layers(m, s, err);
        if (rc == TJ_OK) {
            rc = pack_head(m, s, err);
        }
    }
    return rc == TJ_OK ? tj_source_all_found(s, err) : rc;
}

static tj_code open_model(tj_model **out, const char *path, tj_dtype compute, bool frozen,
                          tj_err *err)
{
    tj_source *s;
    *out = NULL;
    tj_code rc = tj_source_open(&s, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = tj_model_create_empty(out, tj_source_config(s), compute, frozen, err);
    if (rc == TJ_OK) {
        rc = read_model(*out, s, err);
    }
    if (rc == TJ_OK && frozen) {
        (*out)->source = s; /* its embeddings are looked up there */
        return TJ_OK;
    }
    tj_source_close(s);
    if (rc != TJ_OK) {
        tj_model_destroy(*out);
        *out = NULL;
    }
    return rc;
}

tj_code tj_model_load(tj_model **out, const char *path, tj_dtype compute, tj_err *err)
{
    return open_model(out, path, compute, false, err);
}

tj_code tj_model_open(tj_model **out, const char *path, tj_err *err)
{
    return open_model(out, path, TJ_F32, true, err);
}
