#include "nn/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/fs.h"
#include "nn/blocks.h"
#include "nn/hf_config.h"
#include "nn/safetensors.h"

#define MAX_SHARDS 1000 /* files of one model; the largest published ones have some hundreds */

struct tj_source {
    char *path;
    tj_model_config cfg;
    const tj_family *family;
    tj_gguf *gguf; /* or NULL, and then shards */
    tj_st_reader **shards;
    size_t n_shards;
    size_t n_found;
};

const tj_model_config *tj_source_config(const tj_source *s)
{
    return &s->cfg;
}

const tj_family *tj_source_family(const tj_source *s)
{
    return s->family;
}

const char *tj_source_path(const tj_source *s)
{
    return s->path;
}

bool tj_source_is_gguf(const tj_source *s)
{
    return s->gguf != NULL;
}

const tj_gguf *tj_source_gguf(const tj_source *s)
{
    return s->gguf;
}

void tj_source_close(tj_source *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n_shards; i++) {
        tj_st_close(s->shards[i]);
    }
    tj_free(s->shards);
    tj_gguf_close(s->gguf);
    tj_free(s->path);
    tj_free(s);
}

/* ------------------------------------------------------------------ folders */

static tj_code open_shard(tj_source *s, const char *name, tj_err *err)
{
    char *path = tj_fs_join(s->path, name);
    tj_st_reader **more = tj_realloc(s->shards, s->n_shards + 1, sizeof *more);
    if (path == NULL || more == NULL) {
        tj_free(path);
        s->shards = more != NULL ? more : s->shards;
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", name);
    }
    s->shards = more;
    tj_code rc = tj_st_open(&s->shards[s->n_shards], path, err);
    s->n_shards += rc == TJ_OK ? 1 : 0;
    tj_free(path);
    return rc;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files of an index's weight_map, each once. Names with a folder in them are refused: an index
 * must not make us read elsewhere. */
static tj_code open_listed(tj_source *s, const json_t *map, const char *path, tj_err *err)
{
    size_t n = json_object_size(map);
    const char **names = tj_calloc(n + 1, sizeof *names);
    const char *key;
    json_t *value;
    size_t at = 0;
    tj_code rc = names == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read %s", path) : TJ_OK;
    json_object_foreach((json_t *)(uintptr_t)map, key, value)
    {
        const char *name = json_string_value(value);
        if (rc == TJ_OK && (name == NULL || strchr(name, '/') != NULL || name[0] == '\0')) {
            rc = tj_fail(err, TJ_E_PARSE, "%s: weight_map['%.80s'] is not the name of a file", path,
                         key);
        }
        if (rc == TJ_OK) {
            names[at++] = name;
        }
    }
    if (rc == TJ_OK) {
        qsort(names, n, sizeof *names, by_text);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        if (i > 0 && strcmp(names[i], names[i - 1]) == 0) {
            continue;
        }
        rc = s->n_shards == MAX_SHARDS
                 ? tj_fail(err, TJ_E_LIMIT, "%s: more than %d files", path, MAX_SHARDS)
                 : open_shard(s, names[i], err);
    }
    tj_free(names);
    return rc;
}

static tj_code open_shards(tj_source *s, tj_err *err)
{
    char *index_path = tj_fs_join(s->path, "model.safetensors.index.json");
    if (index_path == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", s->path);
    }
    tj_code rc;
    if (!tj_fs_exists(index_path)) {
        rc = open_shard(s, "model.safetensors", err);
    } else {
        json_t *index;
        rc = tj_hf_json_read(&index, index_path, err);
        const json_t *map = json_object_get(index, "weight_map");
        if (rc == TJ_OK && !json_is_object(map)) {
            rc = tj_fail(err, TJ_E_PARSE, "%s: weight_map is missing or not an object", index_path);
        }
        if (rc == TJ_OK) {
            rc = open_listed(s, map, index_path, err);
        }
        json_decref(index);
    }
    tj_free(index_path);
    return rc;
}

/* The files' size is compared with the configuration's before memory is taken: a wrong
 * configuration must not ask for more than the files can fill. */
static tj_code check_gguf_size(const tj_source *s, tj_err *err)
{
    size_t n = 0;
    size_t n_wanted = tj_model_config_n_weights(&s->cfg);
    for (size_t i = 0; i < tj_gguf_n_tensors(s->gguf); i++) {
        n += tj_gguf_tensor_at(s->gguf, i)->n; /* they lie in the file: the sum is small */
    }
    return n >= n_wanted
               ? TJ_OK
               : tj_fail(err, TJ_E_PARSE,
                         "%s: tensors of %zu values are too few for the %zu weights of the "
                         "configuration",
                         s->path, n, n_wanted);
}

static tj_code check_size(const tj_source *s, tj_err *err)
{
    size_t bytes = 0;
    for (size_t i = 0; i < s->n_shards; i++) {
        bytes += tj_st_n_bytes(s->shards[i]);
    }
    size_t n = tj_model_config_n_weights(&s->cfg);
    return bytes / 2 >= n ? TJ_OK
                          : tj_fail(err, TJ_E_PARSE,
                                    "%s: %zu bytes of tensors are too few for the %zu weights of "
                                    "the configuration",
                                    tj_st_name(s->shards[0]), bytes, n);
}

static tj_code open_folder(tj_source *s, tj_err *err)
{
    char *path = tj_fs_join(s->path, "config.json");
    json_t *root = NULL;
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot open %s", s->path)
                              : tj_hf_json_read(&root, path, err);
    if (rc == TJ_OK) {
        rc = tj_hf_config_read(&s->cfg, &s->family, root, path, err);
    }
    json_decref(root);
    tj_free(path);
    if (rc == TJ_OK) {
        rc = tj_generation_config_read(&s->cfg, NULL, s->path, err);
    }
    if (rc == TJ_OK) {
        rc = open_shards(s, err);
    }
    return rc == TJ_OK ? check_size(s, err) : rc;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

tj_code tj_source_open(tj_source **out, const char *path, tj_err *err)
{
    *out = NULL;
    tj_source *s = tj_calloc(1, sizeof *s);
    if (s == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", path);
    }
    s->path = tj_strdup(path);
    tj_code rc = s->path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot open %s", path) : TJ_OK;
    if (rc == TJ_OK && is_file(path)) {
        rc = tj_gguf_open(&s->gguf, path, err);
        if (rc == TJ_OK) {
            rc = tj_gguf_config_read(&s->cfg, &s->family, s->gguf, err);
        }
        if (rc == TJ_OK) {
            rc = check_gguf_size(s, err);
        }
    } else if (rc == TJ_OK) {
        rc = open_folder(s, err);
    }
    if (rc != TJ_OK) {
        tj_source_close(s);
        return rc;
    }
    *out = s;
    return TJ_OK;
}

/* ------------------------------------------------------------------ names */

typedef struct name_pair {
    const char *hf, *gguf;
} name_pair;

static const name_pair whole_names[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight"},
    {"lm_head.weight", "output.weight"},
};

static const name_pair layer_names[] = {
    {"input_layernorm.weight", "attn_norm.weight"},
    {"self_attn.q_proj.weight", "attn_q.weight"},
    {"self_attn.k_proj.weight", "attn_k.weight"},
    {"self_attn.v_proj.weight", "attn_v.weight"},
    {"self_attn.q_proj.bias", "attn_q.bias"},
    {"self_attn.k_proj.bias", "attn_k.bias"},
    {"self_attn.v_proj.bias", "attn_v.bias"},
    {"self_attn.q_norm.weight", "attn_q_norm.weight"},
    {"self_attn.k_norm.weight", "attn_k_norm.weight"},
    {"self_attn.o_proj.weight", "attn_output.weight"},
    {"mlp.gate_proj.weight", "ffn_gate.weight"},
    {"mlp.up_proj.weight", "ffn_up.weight"},
    {"mlp.down_proj.weight", "ffn_down.weight"},
    {"pre_feedforward_layernorm.weight", "ffn_norm.weight"},
    {"post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
};

static const char *gguf_name(const name_pair *pairs, size_t n, const char *hf)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(pairs[i].hf, hf) == 0) {
            return pairs[i].gguf;
        }
    }
    return NULL;
}

bool tj_gguf_tensor_name(char *out, size_t cap, const char *hf_name, const tj_family *family)
{
    static const char prefix[] = "model.layers.";
    if (strncmp(hf_name, prefix, sizeof prefix - 1) != 0) {
        const char *name =
            gguf_name(whole_names, sizeof whole_names / sizeof whole_names[0], hf_name);
        return name != NULL && snprintf(out, cap, "%s", name) < (int)cap;
    }
    char *tail;
    unsigned long layer = strtoul(hf_name + sizeof prefix - 1, &tail, 10);
    tail += *tail == '.' ? 1 : 0;
    const char *name = gguf_name(layer_names, sizeof layer_names / sizeof layer_names[0], tail);
    if (strcmp(tail, "post_attention_layernorm.weight") == 0) { /* two norms of one name */
        name = family->post_norms ? "post_attention_norm.weight" : "ffn_norm.weight";
    }
    return name != NULL && snprintf(out, cap, "blk.%lu.%s", layer, name) < (int)cap;
}

/* ------------------------------------------------------------------ tensors */

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text);
    size_t m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

size_t tj_gguf_pair_heads(const char *name, const tj_model_config *c, const tj_family *family)
{
    if (!family->gguf_pairs) {
        return 0;
    }
    if (ends_with(name, "q_proj.weight") || ends_with(name, "q_proj.bias")) {
        return c->n_heads;
    }
    return ends_with(name, "k_proj.weight") || ends_with(name, "k_proj.bias") ? c->n_kv_heads : 0;
}

bool tj_gguf_adds_one(const char *name, const tj_family *family)
{
    return family->norm_plus_one && ends_with(name, "norm.weight");
}

static tj_code find_gguf(const tj_source *s, tj_tensor_view *out, const char *name, size_t rows,
                         size_t cols, tj_err *err)
{
    char own[TJ_GGUF_MAX_NAME + 1];
    const tj_gguf_tensor *t = NULL;
    if (tj_gguf_tensor_name(own, sizeof own, name, s->family)) {
        t = tj_gguf_find(s->gguf, own);
    } else {
        snprintf(own, sizeof own, "%.60s", name);
    }
    if (t == NULL) {
        return tj_fail(err, TJ_E_NOTFOUND, "%s: no tensor '%s'", s->path, own);
    }
    if (t->n != rows * cols || t->dims[0] != cols || t->dims[1] != rows) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s: tensor '%s' is [%zu, %zu], expected [%zu, %zu] by the configuration",
                       s->path, own, t->dims[1], t->dims[0], rows, cols);
    }
    size_t pair_heads = tj_gguf_pair_heads(name, &s->cfg, s->family);
    *out = (tj_tensor_view){.bytes = t->bytes,
                            .type = t->type,
                            .rows = rows,
                            .cols = cols,
                            .row_bytes = t->n_bytes / rows,
                            .pair_heads = rows > 1 ? pair_heads : 0,
                            .less_one = tj_gguf_adds_one(name, s->family)};
    if (rows == 1 && pair_heads > 0) {
        return tj_fail(err, TJ_E_INVAL, "%s: biases of '%s' are not supported", s->path, own);
    }
    return TJ_OK;
}

/* Leading dimensions of 1 do not count. */
static bool has_shape(const tj_st_tensor *t, size_t rows, size_t cols)
{
    size_t skip = 0;
    while (skip < t->n_dims && t->n_dims - skip > 2 && t->shape[skip] == 1) {
        skip++;
    }
    size_t left = t->n_dims - skip;
    return (left == 2 && t->shape[skip] == rows && t->shape[skip + 1] == cols) ||
           (left == 1 && rows == 1 && t->shape[skip] == cols);
}

static tj_code find_shard(const tj_source *s, tj_tensor_view *out, const char *name, size_t rows,
                          size_t cols, tj_err *err)
{
    tj_st_tensor t;
    const char *file = s->path;
    tj_code rc = TJ_E_NOTFOUND;
    for (size_t i = 0; i < s->n_shards && rc == TJ_E_NOTFOUND; i++) {
        rc = tj_st_find(s->shards[i], &t, name, err);
        file = tj_st_name(s->shards[i]);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    int type = tj_st_type(&t);
    if (type < 0) {
        return tj_fail(err, TJ_E_INVAL, "%s: tensor '%s' is %s, supported are F32, F16 and BF16",
                       file, name, t.dtype);
    }
    if (!has_shape(&t, rows, cols)) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s: tensor '%s' has %zu values, expected [%zu, %zu] by the configuration",
                       file, name, t.n, rows, cols);
    }
    *out = (tj_tensor_view){.bytes = t.bytes,
                            .type = (tj_ggml_type)type,
                            .rows = rows,
                            .cols = cols,
                            .row_bytes = t.n_bytes / rows};
    return TJ_OK;
}

tj_code tj_source_find(tj_source *s, tj_tensor_view *out, const char *name, size_t rows,
                       size_t cols, tj_err *err)
{
    tj_code rc = s->gguf != NULL ? find_gguf(s, out, name, rows, cols, err)
                                 : find_shard(s, out, name, rows, cols, err);
    s->n_found += rc == TJ_OK ? 1 : 0;
    return rc;
}

tj_code tj_source_all_found(const tj_source *s, tj_err *err)
{
    size_t n = 0;
    if (s->gguf != NULL) {
        n = tj_gguf_n_tensors(s->gguf);
        n -= tj_gguf_find(s->gguf, "rope_freqs.weight") != NULL ? 1 : 0; /* read as a setting */
    }
    for (size_t i = 0; i < s->n_shards; i++) {
        n += tj_st_count(s->shards[i]);
    }
    return n == s->n_found
               ? TJ_OK
               : tj_fail(err, TJ_E_PARSE, "%s%s: %zu tensors, but the configuration has %zu",
                         s->path, s->gguf != NULL ? "" : "/model.safetensors", n, s->n_found);
}

/* GGUF's order of a head's D rows for rotating neighbours: its rows 2 i and 2 i + 1 are rows i and
 * i + D/2 of the half-split order. */
size_t tj_view_row(const tj_tensor_view *v, size_t row)
{
    if (v->pair_heads == 0) {
        return row;
    }
    size_t dim = v->rows / v->pair_heads;
    size_t head = row / dim;
    size_t i = row % dim;
    return head * dim + (i < dim / 2 ? 2 * i : 2 * (i - dim / 2) + 1);
}

size_t tj_gguf_row(size_t row, size_t rows, size_t pair_heads)
{
    if (pair_heads == 0) {
        return row;
    }
    size_t dim = rows / pair_heads;
    size_t head = row / dim;
    size_t i = row % dim;
    return head * dim + (i % 2 == 0 ? i / 2 : dim / 2 + i / 2);
}

void tj_view_read(const tj_tensor_view *v, float *out)
{
    for (size_t r = 0; r < v->rows; r++) {
        tj_blocks_to_f32(out + r * v->cols, v->bytes + tj_view_row(v, r) * v->row_bytes, v->type,
                         v->cols);
    }
    for (size_t i = 0; v->less_one && i < v->rows * v->cols; i++) {
        out[i] -= 1.0F;
    }
}
