/* Tensors pass through row by row. A row whose type stays goes over as its bytes; any other becomes
 * f32 and then the new type. Rows of q and k change their order between the two formats, Gemma's
 * norms their offset; from GGUF to GGUF both stay, so that its bytes do. */
#include "nn/convert.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "nn/blocks.h"
#include "nn/peft.h"
#include "text/text.h"

void tj_conversion_note(tj_conversion *c, const char *fmt, ...)
{
    char text[TJ_ERR_MSG_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    json_array_append_new(c->notes, json_string(text));
}

/* ------------------------------------------------------------------ types */

#define FOLDER_TYPES "F32, F16 or BF16"
#define GGUF_TYPES   "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0 or Q5_1"

static bool is_plain(int type)
{
    return type == TJ_GGML_F32 || type == TJ_GGML_F16 || type == TJ_GGML_BF16;
}

static tj_code read_type(tj_conversion *c, const char *name, tj_err *err)
{
    c->wanted = -1;
    if (name == NULL || strcasecmp(name, "keep") == 0) {
        return TJ_OK;
    }
    c->wanted = tj_ggml_type_of(name);
    bool written = is_plain(c->wanted) || (c->to_gguf && c->wanted >= 0 &&
                                           tj_ggml_block_values((tj_ggml_type)c->wanted) == 32);
    return written ? TJ_OK
                   : tj_fail(err, TJ_E_INVAL,
                             "tensors of a %s cannot be written as '%.40s', expected keep, %s",
                             c->to_gguf ? "GGUF file" : "folder", name,
                             c->to_gguf ? GGUF_TYPES : FOLDER_TYPES);
}

static bool is_vector(const tj_tensor_spec *spec)
{
    return spec->rows == 1;
}

/* What is asked for, else its own type, as far as the new file can hold it. */
static tj_ggml_type choose_type(const tj_conversion *c, size_t i)
{
    const tj_tensor_view *v = &c->views[i];
    bool from_gguf = tj_source_is_gguf(c->source);
    if (!c->to_gguf) {
        int type = c->wanted >= 0 ? c->wanted : v->less_one ? TJ_GGML_F32 : (int)v->type;
        return is_plain(type) ? (tj_ggml_type)type : TJ_GGML_F32;
    }
    if (c->wanted < 0 && from_gguf) {
        return v->type;
    }
    tj_ggml_type type = c->wanted >= 0 ? (tj_ggml_type)c->wanted : v->type;
    bool whole_blocks = v->cols % tj_ggml_block_values(type) == 0;
    return is_vector(&c->specs[i]) || !whole_blocks ? TJ_GGML_F32 : type;
}

static void note_types(tj_conversion *c)
{
    size_t n_expanded = 0;
    size_t n_odd = 0;
    for (size_t i = 0; i < c->n; i++) {
        bool expanded = c->types[i] == TJ_GGML_F32 && !is_plain((int)c->views[i].type);
        n_expanded += expanded && c->wanted < 0 ? 1 : 0;
        n_odd +=
            c->wanted >= 0 && !is_vector(&c->specs[i]) && (int)c->types[i] != c->wanted ? 1 : 0;
    }
    if (n_expanded > 0) {
        tj_conversion_note(c, "%zu quantised tensors became F32: folders hold no blocks",
                           n_expanded);
    }
    if (n_odd > 0) {
        tj_conversion_note(c, "%zu tensors became F32: their rows are no whole blocks of %s", n_odd,
                           tj_ggml_type_name(c->wanted));
    }
    if (c->to_gguf && c->wanted >= 0 && c->wanted != TJ_GGML_F32) {
        tj_conversion_note(c, "the embeddings are %s too; norms and biases are F32",
                           tj_ggml_type_name((int)c->types[0]));
    }
}

tj_ggml_type tj_conversion_main_type(const tj_conversion *c)
{
    size_t best = 0;
    tj_ggml_type type = TJ_GGML_F32;
    for (size_t i = 0; i < c->n; i++) {
        size_t n = 0;
        for (size_t k = 0; k < c->n; k++) {
            n += c->types[k] == c->types[i] && !is_vector(&c->specs[k])
                     ? c->views[k].rows * c->views[k].cols
                     : 0;
        }
        if (n > best) {
            best = n;
            type = c->types[i];
        }
    }
    return type;
}

/* ------------------------------------------------------------------ rows */

/* The model's row that is row r of the new file's tensor. */
static size_t model_row(const tj_conversion *c, size_t i, size_t r)
{
    const tj_tensor_view *v = &c->views[i];
    size_t heads = 0;
    if (c->to_gguf && v->rows > 1) {
        heads = tj_gguf_pair_heads(c->specs[i].name, tj_source_config(c->source),
                                   tj_source_family(c->source));
    }
    return tj_gguf_row(r, v->rows, heads);
}

/* Whether the tensor has adapters, and whose they are. */
static bool find_adapter(const tj_conversion *c, size_t i, size_t *layer, tj_lora_target *target)
{
    return c->lora != NULL && tj_lora_find(layer, target, c->specs[i].name) &&
           c->lora->cfg.targets[*target];
}

/* What is added to the source's values. */
static float offset_of(const tj_conversion *c, size_t i)
{
    bool adds = tj_gguf_adds_one(c->specs[i].name, tj_source_family(c->source));
    return (c->to_gguf && adds ? 1.0F : 0.0F) - (c->views[i].less_one ? 1.0F : 0.0F);
}

tj_code tj_conversion_give(tj_conversion *c, size_t i, tj_bytes_fn put, void *ctx, tj_err *err)
{
    const tj_tensor_view *v = &c->views[i];
    tj_ggml_type type = c->types[i];
    float offset = offset_of(c, i);
    size_t layer;
    tj_lora_target target;
    bool adapted = find_adapter(c, i, &layer, &target);
    size_t n_bytes = v->cols / tj_ggml_block_values(type) * tj_ggml_block_bytes(type);
    for (size_t r = 0; r < v->rows; r++) {
        size_t row = model_row(c, i, r);
        const unsigned char *src = v->bytes + tj_view_row(v, row) * v->row_bytes;
        if (type == v->type && offset == 0.0F && !adapted) {
            put(ctx, src, n_bytes);
            continue;
        }
        tj_blocks_to_f32(c->row, src, v->type, v->cols);
        for (size_t k = 0; offset != 0.0F && k < v->cols; k++) {
            c->row[k] += offset;
        }
        if (adapted) {
            tj_lora_add_row(c->lora, layer, target, row, c->row);
        }
        tj_code rc = tj_blocks_from_f32(c->row_bytes, c->row, type, v->cols, err);
        if (rc != TJ_OK) {
            tj_err_context(err, "%s: tensor '%s', row %zu", c->from, c->specs[i].name, r);
            return rc;
        }
        put(ctx, c->row_bytes, n_bytes);
    }
    return TJ_OK;
}

/* ------------------------------------------------------------------ the source */

static tj_code find_views(tj_conversion *c, tj_err *err)
{
    size_t longest = 0;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < c->n && rc == TJ_OK; i++) {
        const tj_tensor_spec *s = &c->specs[i];
        longest = s->cols > longest ? s->cols : longest;
        rc = tj_source_find(c->source, &c->views[i], s->name, s->rows, s->cols, err);
        if (rc == TJ_OK) {
            c->types[i] = choose_type(c, i);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_source_all_found(c->source, err);
    }
    c->row = tj_calloc(longest, sizeof *c->row);
    c->row_bytes = tj_calloc(longest, sizeof(float)); /* no type has more bytes a value */
    if (rc == TJ_OK && (c->row == NULL || c->row_bytes == NULL)) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot convert rows of %zu values", longest);
    }
    return rc;
}

static tj_code open_source(tj_conversion *c, const char *adapter, tj_err *err)
{
    tj_code rc = tj_source_open(&c->source, c->from, err);
    if (rc == TJ_OK) {
        rc = tj_tensor_specs(&c->specs, &c->n, tj_source_config(c->source), err);
    }
    if (rc == TJ_OK && adapter != NULL) {
        rc = tj_peft_read(&c->lora, tj_source_config(c->source), adapter, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    c->views = tj_calloc(c->n, sizeof *c->views);
    c->types = tj_calloc(c->n, sizeof *c->types);
    c->notes = json_array();
    if (c->views == NULL || c->types == NULL || c->notes == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot convert %zu tensors", c->n);
    }
    return find_views(c, err);
}

bool tj_conversion_has_tokenizer(const tj_conversion *c)
{
    const tj_gguf *gguf = tj_source_gguf(c->source);
    const char *model;
    size_t len;
    if (gguf != NULL) { /* "no_vocab", and "none" in older files, say that there is none */
        return tj_gguf_string(gguf, &model, &len, "tokenizer.ggml.model", NULL) == TJ_OK &&
               !(len == 8 && memcmp(model, "no_vocab", 8) == 0) &&
               !(len == 4 && memcmp(model, "none", 4) == 0);
    }
    char *path = tj_fs_join(c->from, "tokenizer.json");
    bool has = path != NULL && tj_fs_exists(path);
    tj_free(path);
    return has;
}

/* ------------------------------------------------------------------ the whole */

static json_t *summarise(const tj_conversion *c)
{
    size_t n_bytes = 0;
    json_t *types = json_object();
    for (size_t i = 0; i < c->n; i++) {
        const char *name = tj_ggml_type_name((int)c->types[i]);
        size_t n_values = c->views[i].rows * c->views[i].cols;
        n_bytes += n_values / tj_ggml_block_values(c->types[i]) * tj_ggml_block_bytes(c->types[i]);
        json_int_t before = json_integer_value(json_object_get(types, name));
        json_object_set_new(types, name, json_integer(before + 1));
    }
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:o, s:O}", "from", c->from, "to", c->to,
                     "family", tj_source_family(c->source)->model_type, "parameters",
                     (json_int_t)tj_model_config_n_weights(tj_source_config(c->source)), "tensors",
                     (json_int_t)c->n, "bytes", (json_int_t)n_bytes, "types", types, "notes",
                     c->notes);
}

static bool ends_in_gguf(const char *path)
{
    size_t n = strlen(path);
    return n >= 5 && strcasecmp(path + n - 5, ".gguf") == 0;
}

tj_code tj_model_convert(json_t **summary, const char *from, const char *to,
                         const tj_convert_options *options, tj_err *err)
{
    tj_conversion c = {.from = from, .to = to, .to_gguf = ends_in_gguf(to)};
    tj_code rc = read_type(&c, options == NULL ? NULL : options->type, err);
    if (rc == TJ_OK) {
        rc = open_source(&c, options == NULL ? NULL : options->adapter, err);
    }
    if (rc == TJ_OK) {
        note_types(&c);
        rc = c.to_gguf ? tj_convert_to_gguf(&c, err) : tj_convert_to_folder(&c, err);
    }
    if (summary != NULL) {
        *summary = rc == TJ_OK ? summarise(&c) : NULL;
        rc = rc == TJ_OK && *summary == NULL
                 ? tj_fail(err, TJ_E_NOMEM, "%s is written, but not its summary", to)
                 : rc;
    }
    tj_source_close(c.source);
    tj_lora_destroy(c.lora);
    tj_free(c.specs);
    tj_free(c.views);
    tj_free(c.types);
    tj_free(c.row);
    tj_free(c.row_bytes);
    json_decref(c.notes);
    return rc;
}
