/* A GGUF file. From another one all metadata come along as they stand but for the file's type; from
 * a folder they are made of its configuration and its tokenizer. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "nn/convert.h"
#include "text/text.h"

#define ROPE_FREQS           "rope_freqs.weight"
/* Of the blocks' layouts; 2 since 2023. */
#define QUANTIZATION_VERSION 2

/* general.file_type, llama.cpp's number for the type of most tensors; -1 if it has none. */
static int file_type(tj_ggml_type type)
{
    switch (type) {
    case TJ_GGML_F32:
        return 0;
    case TJ_GGML_F16:
        return 1;
    case TJ_GGML_Q4_0:
        return 2;
    case TJ_GGML_Q4_1:
        return 3;
    case TJ_GGML_Q8_0:
        return 7;
    case TJ_GGML_Q5_0:
        return 8;
    case TJ_GGML_Q5_1:
        return 9;
    case TJ_GGML_BF16:
        return 32;
    case TJ_GGML_Q4_K:
    case TJ_GGML_Q5_K:
    case TJ_GGML_Q6_K:
        return -1; /* only copied, with the number of their file */
    }
    return -1;
}

/* ------------------------------------------------------------------ metadata */

static void put_types(tj_gguf_writer *w, const tj_conversion *c)
{
    int type = file_type(tj_conversion_main_type(c));
    if (type >= 0) {
        tj_gguf_put_u32(w, "general.file_type", (uint32_t)type);
    }
    tj_gguf_put_u32(w, "general.quantization_version", QUANTIZATION_VERSION);
}

/* Everything as it is; where types change, not what says which they are. */
static void copy_keys(tj_gguf_writer *w, const tj_conversion *c)
{
    const tj_gguf *from = tj_source_gguf(c->source);
    for (size_t i = 0; i < tj_gguf_n_keys(from); i++) {
        tj_gguf_kind kind;
        const char *key = tj_gguf_key(from, i, &kind);
        bool of_types = strcmp(key, "general.file_type") == 0 ||
                        strcmp(key, "general.quantization_version") == 0;
        if (c->wanted < 0 || !of_types) {
            tj_gguf_put_copy(w, from, key);
        }
    }
    if (c->wanted >= 0) {
        put_types(w, c);
    }
}

static void put_id(tj_gguf_writer *w, const char *key, int32_t id)
{
    if (id >= 0) {
        tj_gguf_put_u32(w, key, (uint32_t)id);
    }
}

/* What ends an answer besides the eos that the file names: GGUF has keys for two more. */
static void put_more_ends(tj_gguf_writer *w, tj_conversion *c, int32_t eos)
{
    static const char *const keys[] = {"tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id"};
    const tj_model_config *cfg = tj_source_config(c->source);
    size_t n = 0;
    for (size_t i = 0; i <= cfg->n_more_eos; i++) {
        int32_t id = i == 0 ? cfg->eos_id : cfg->more_eos[i - 1];
        if (id < 0 || id == eos) {
            continue;
        }
        if (n < sizeof keys / sizeof keys[0]) {
            put_id(w, keys[n++], id);
        } else {
            tj_conversion_note(c, "token %d, which ends answers too, has no key in the file", id);
        }
    }
}

/* The tokenizer of the folder; special tokens that it does not name are the configuration's. */
static tj_code put_tokenizer(tj_gguf_writer *w, tj_conversion *c, tj_err *err)
{
    static const char bos_key[] = "tokenizer.ggml.bos_token_id";
    static const char eos_key[] = "tokenizer.ggml.eos_token_id";
    const tj_model_config *cfg = tj_source_config(c->source);
    tj_tokenizer *tok = NULL;
    if (!tj_conversion_has_tokenizer(c)) {
        tj_conversion_note(c, "no tokenizer: the source has no tokenizer.json");
        tj_gguf_put_string(w, "tokenizer.ggml.model", "no_vocab", strlen("no_vocab"));
        put_id(w, bos_key, cfg->bos_id);
        put_id(w, eos_key, cfg->eos_id);
        put_more_ends(w, c, cfg->eos_id);
        return TJ_OK;
    }
    tj_code rc = tj_tokenizer_load(&tok, c->from, err);
    if (rc == TJ_OK) {
        rc = tj_tokenizer_put_gguf(tok, w, cfg->n_vocab, err);
        if (rc != TJ_OK) {
            tj_err_context(err, "%s/tokenizer.json", c->from);
        }
    }
    if (rc == TJ_OK) {
        const tj_tokenizer_extras *x = tj_tokenizer_get_extras(tok);
        put_id(w, bos_key, x->bos < 0 ? cfg->bos_id : -1);
        put_id(w, eos_key, x->eos < 0 ? cfg->eos_id : -1);
        put_more_ends(w, c, x->eos < 0 ? cfg->eos_id : x->eos);
        tj_conversion_note(c, "the tokenizer (%s) is in the file", tj_tokenizer_kind(tok));
    }
    tj_tokenizer_destroy(tok);
    return rc;
}

/* The last part of a path, without slashes at its end. */
static void put_name(tj_gguf_writer *w, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    tj_gguf_put_string(w, "general.name", path + begin, end - begin);
}

static tj_code make_keys(tj_gguf_writer *w, tj_conversion *c, tj_err *err)
{
    tj_code rc =
        tj_gguf_config_put(w, tj_source_config(c->source), tj_source_family(c->source), err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s", c->from);
        return rc;
    }
    tj_gguf_put_string(w, "general.type", "model", strlen("model"));
    put_name(w, c->from);
    put_types(w, c);
    return put_tokenizer(w, c, err);
}

/* ------------------------------------------------------------------ tensors */

/* Llama 3's divisors: the source's tensor, or of its configuration. */
typedef struct rope_freqs {
    float values[TJ_MAX_HEAD_DIM / 2];
    const void *bytes; /* NULL: none */
    size_t n;
} rope_freqs;

static void find_rope_freqs(rope_freqs *freqs, const tj_conversion *c)
{
    const tj_gguf *from = tj_source_gguf(c->source);
    const tj_gguf_tensor *t = from == NULL ? NULL : tj_gguf_find(from, ROPE_FREQS);
    const tj_model_config *cfg = tj_source_config(c->source);
    *freqs = (rope_freqs){.bytes = NULL};
    if (t != NULL) { /* F32, as reading the configuration has checked */
        freqs->bytes = t->bytes;
        freqs->n = t->n;
    } else if (from == NULL && tj_gguf_rope_freqs(freqs->values, cfg)) {
        freqs->bytes = freqs->values;
        freqs->n = cfg->head_dim / 2;
    }
}

static tj_code declare(tj_gguf_writer *w, const tj_conversion *c, tj_err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        const tj_tensor_spec *s = &c->specs[i];
        char name[TJ_GGUF_MAX_NAME + 1];
        if (!tj_gguf_tensor_name(name, sizeof name, s->name, tj_source_family(c->source))) {
            return tj_fail(err, TJ_E_INVAL, "%s: GGUF files have no name for tensor '%s'", c->from,
                           s->name);
        }
        tj_gguf_declare(w, name, c->types[i], (const size_t[]){s->cols, s->rows},
                        s->rows == 1 ? 1 : 2);
    }
    return TJ_OK;
}

static void put_bytes(void *ctx, const void *bytes, size_t n)
{
    tj_gguf_bytes(ctx, bytes, n);
}

static tj_code put_tensors(tj_gguf_writer *w, tj_conversion *c, tj_err *err)
{
    rope_freqs freqs;
    find_rope_freqs(&freqs, c);
    if (freqs.bytes != NULL) {
        tj_gguf_declare(w, ROPE_FREQS, TJ_GGML_F32, &freqs.n, 1);
    }
    tj_code rc = declare(w, c, err);
    if (rc == TJ_OK && freqs.bytes != NULL) {
        tj_gguf_bytes(w, freqs.bytes, freqs.n * sizeof(float));
    }
    for (size_t i = 0; i < c->n && rc == TJ_OK; i++) {
        rc = tj_conversion_give(c, i, put_bytes, w, err);
    }
    return rc;
}

tj_code tj_convert_to_gguf(tj_conversion *c, tj_err *err)
{
    tj_gguf_writer *w;
    tj_code rc = tj_gguf_writer_open(&w, c->to, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (tj_source_is_gguf(c->source)) {
        copy_keys(w, c);
    } else {
        rc = make_keys(w, c, err);
    }
    if (rc == TJ_OK) {
        rc = put_tensors(w, c, err);
    }
    if (rc != TJ_OK) {
        tj_gguf_writer_abort(w);
        return rc;
    }
    return tj_gguf_writer_commit(w, err);
}
