/* Writing. Keys and tensors' descriptions are gathered in memory, since their numbers stand before
 * them, and go to the file with the first tensor's bytes; those pass through. Each tensor, the last
 * one too, is padded to the alignment: ggml reads them so. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/gguf.h"

#define VERSION   3
#define MAX_ALIGN ((size_t)1 << 16) /* as much padding as is ever of use: a large page */

struct tj_gguf_writer {
    tj_fs_writer *file;
    char path[256]; /* for messages */
    tj_err failure; /* the first; its code is TJ_OK before */
    tj_buf names;   /* "key K" or "tensor T" with their zeros: what is there already */
    tj_buf keys;
    tj_buf infos;
    size_t n_keys;
    size_t align;
    size_t *sizes; /* [n_tensors] bytes of each tensor */
    size_t n_tensors, cap;
    size_t end;      /* where the next declared tensor begins, from the first one */
    bool begun;      /* keys and descriptions are in the file */
    size_t i_tensor; /* the tensor whose bytes are next, */
    size_t n_given;  /* and how many of them were given */
};

tj_code tj_gguf_writer_open(tj_gguf_writer **out, const char *path, tj_err *err)
{
    *out = NULL;
    tj_gguf_writer *w = tj_calloc(1, sizeof *w);
    if (w == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write %s", path);
    }
    tj_buf_init(&w->names);
    tj_buf_init(&w->keys);
    tj_buf_init(&w->infos);
    w->align = TJ_GGUF_ALIGN;
    snprintf(w->path, sizeof w->path, "%s", path);
    tj_code rc = tj_fs_writer_open(&w->file, path, err);
    if (rc != TJ_OK) {
        tj_free(w);
        return rc;
    }
    *out = w;
    return TJ_OK;
}

/* Where the first failure is kept; a later one goes nowhere. */
static tj_err *failure(tj_gguf_writer *w)
{
    return w->failure.code == TJ_OK ? &w->failure : NULL;
}

static bool failed(const tj_gguf_writer *w)
{
    return w->failure.code != TJ_OK;
}

static void add_u32(tj_buf *buf, uint32_t v)
{
    for (size_t i = 0; i < 4; i++) {
        tj_buf_char(buf, (char)(unsigned char)(v >> (8 * i)));
    }
}

static void add_u64(tj_buf *buf, uint64_t v)
{
    add_u32(buf, (uint32_t)v);
    add_u32(buf, (uint32_t)(v >> 32));
}

static void add_f32(tj_buf *buf, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    add_u32(buf, bits);
}

static void add_string(tj_buf *buf, const char *s, size_t len)
{
    add_u64(buf, len);
    tj_buf_add(buf, s, len);
}

/* Takes a name of its sort ("key", "tensor"), or keeps the failure. Names are few: hundreds, which
 * one look at each of those before costs less than a millisecond. */
static bool claim(tj_gguf_writer *w, const char *sort, const char *name, size_t max)
{
    if (failed(w)) {
        return false;
    }
    if (!tj_gguf_is_name(name, strlen(name), max)) {
        tj_fail(failure(w), TJ_E_INVAL,
                "%s '%.80s' has %zu bytes, expected 1 to %zu and no control characters", sort, name,
                strlen(name), max);
        return false;
    }
    size_t at = w->names.len;
    tj_buf_printf(&w->names, "%s %s", sort, name);
    tj_buf_char(&w->names, '\0');
    if (tj_buf_check(&w->names, failure(w)) != TJ_OK) {
        return false;
    }
    const char *mine = w->names.data + at;
    for (const char *old = w->names.data; old != mine; old += strlen(old) + 1) {
        if (strcmp(old, mine) == 0) {
            tj_fail(failure(w), TJ_E_INVAL, "%.80s is given twice", mine);
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ keys */

/* The key and its kind, to be followed by the value; false, with the failure kept, if it may not
 * be given. */
static bool begin_key(tj_gguf_writer *w, const char *key, tj_gguf_kind kind)
{
    if (w->n_tensors > 0 || w->begun) {
        tj_fail(failure(w), TJ_E_INVAL, "key '%.80s' comes after the tensors", key);
    }
    if (!claim(w, "key", key, TJ_GGUF_MAX_KEY)) {
        return false;
    }
    add_string(&w->keys, key, strlen(key));
    add_u32(&w->keys, (uint32_t)kind);
    w->n_keys++;
    return true;
}

static bool begin_array(tj_gguf_writer *w, const char *key, tj_gguf_kind elem, size_t n)
{
    if (!begin_key(w, key, TJ_GGUF_ARRAY)) {
        return false;
    }
    add_u32(&w->keys, (uint32_t)elem);
    add_u64(&w->keys, n);
    return true;
}

/* A number that the file gives itself is kept to. */
static void note_alignment(tj_gguf_writer *w, const char *key, uint64_t v)
{
    if (strcmp(key, "general.alignment") != 0) {
        return;
    }
    if (v == 0 || (v & (v - 1)) != 0 || v > MAX_ALIGN) {
        tj_fail(failure(w), TJ_E_INVAL,
                "key '%s' is %" PRIu64 ", expected a power of two up to %zu", key, v, MAX_ALIGN);
        return;
    }
    w->align = (size_t)v;
}

void tj_gguf_put_u32(tj_gguf_writer *w, const char *key, uint32_t value)
{
    if (begin_key(w, key, TJ_GGUF_U32)) {
        add_u32(&w->keys, value);
        note_alignment(w, key, value);
    }
}

void tj_gguf_put_f32(tj_gguf_writer *w, const char *key, float value)
{
    if (begin_key(w, key, TJ_GGUF_F32)) {
        add_f32(&w->keys, value);
    }
}

void tj_gguf_put_bool(tj_gguf_writer *w, const char *key, bool value)
{
    if (begin_key(w, key, TJ_GGUF_BOOL)) {
        tj_buf_char(&w->keys, value ? 1 : 0);
    }
}

void tj_gguf_put_string(tj_gguf_writer *w, const char *key, const char *value, size_t len)
{
    if (begin_key(w, key, TJ_GGUF_STRING)) {
        add_string(&w->keys, value, len);
    }
}

void tj_gguf_put_strings(tj_gguf_writer *w, const char *key, const char *const *values,
                         const size_t *lens, size_t n)
{
    if (begin_array(w, key, TJ_GGUF_STRING, n)) {
        for (size_t i = 0; i < n; i++) {
            add_string(&w->keys, values[i], lens[i]);
        }
    }
}

void tj_gguf_put_i32s(tj_gguf_writer *w, const char *key, const int32_t *values, size_t n)
{
    if (begin_array(w, key, TJ_GGUF_I32, n)) {
        for (size_t i = 0; i < n; i++) {
            add_u32(&w->keys, (uint32_t)values[i]);
        }
    }
}

void tj_gguf_put_f32s(tj_gguf_writer *w, const char *key, const float *values, size_t n)
{
    if (begin_array(w, key, TJ_GGUF_F32, n)) {
        for (size_t i = 0; i < n; i++) {
            add_f32(&w->keys, values[i]);
        }
    }
}

void tj_gguf_put_copy(tj_gguf_writer *w, const tj_gguf *from, const char *key)
{
    tj_gguf_kind kind;
    const unsigned char *bytes;
    size_t n;
    uint64_t align;
    if (tj_gguf_raw(from, &kind, &bytes, &n, key, failure(w)) != TJ_OK ||
        !begin_key(w, key, kind)) {
        return;
    }
    tj_buf_add(&w->keys, (const char *)bytes, n);
    if (tj_gguf_u64(from, &align, key, NULL) == TJ_OK) {
        note_alignment(w, key, align);
    }
}

/* ------------------------------------------------------------------ tensors */

/* Bytes of a tensor of this shape; false, with the failure kept, if there is none. */
static bool tensor_bytes(tj_gguf_writer *w, size_t *out, const char *name, tj_ggml_type type,
                         const size_t *dims, size_t n_dims)
{
    size_t n = 1;
    bool fits = n_dims <= TJ_GGUF_MAX_DIMS;
    for (size_t i = 0; fits && i < n_dims; i++) {
        fits = dims[i] > 0 && tj_mul_size(&n, n, dims[i]);
    }
    size_t row = n_dims > 0 ? dims[0] : 1;
    fits = fits && row % tj_ggml_block_values(type) == 0 &&
           tj_mul_size(out, n / tj_ggml_block_values(type), tj_ggml_block_bytes(type));
    if (!fits) {
        tj_fail(failure(w), TJ_E_INVAL,
                "tensor '%s' of %zu dimensions, the first %zu, cannot be %s", name, n_dims, row,
                tj_ggml_type_name((int)type));
    }
    return fits;
}

static size_t padding(const tj_gguf_writer *w, size_t at)
{
    return (w->align - at % w->align) % w->align;
}

void tj_gguf_declare(tj_gguf_writer *w, const char *name, tj_ggml_type type, const size_t *dims,
                     size_t n_dims)
{
    size_t n_bytes;
    size_t end;
    if (w->begun) {
        tj_fail(failure(w), TJ_E_INVAL, "tensor '%.80s' is declared after bytes were given", name);
    }
    if (!claim(w, "tensor", name, TJ_GGUF_MAX_NAME) ||
        !tensor_bytes(w, &n_bytes, name, type, dims, n_dims)) {
        return;
    }
    if (!tj_add_size(&end, w->end, n_bytes) || !tj_add_size(&end, end, padding(w, end))) {
        tj_fail(failure(w), TJ_E_INVAL, "tensor '%s' of %zu bytes after %zu", name, n_bytes,
                w->end);
        return;
    }
    if (!tj_grow(&w->sizes, &w->cap, w->n_tensors + 1, sizeof *w->sizes)) {
        tj_fail(failure(w), TJ_E_NOMEM, "cannot allocate tensor '%s'", name);
        return;
    }
    add_string(&w->infos, name, strlen(name));
    add_u32(&w->infos, (uint32_t)n_dims);
    for (size_t i = 0; i < n_dims; i++) {
        add_u64(&w->infos, dims[i]);
    }
    add_u32(&w->infos, (uint32_t)type);
    add_u64(&w->infos, w->end);
    w->sizes[w->n_tensors++] = n_bytes;
    w->end = end;
}

static void write_padding(tj_gguf_writer *w, size_t at)
{
    static const unsigned char zeros[64];
    for (size_t n = padding(w, at); n > 0;) {
        size_t piece = n < sizeof zeros ? n : sizeof zeros;
        tj_fs_writer_add(w->file, zeros, piece);
        n -= piece;
    }
}

/* Everything that stands before the tensors' bytes. */
static void begin_bytes(tj_gguf_writer *w)
{
    tj_buf head;
    if (w->begun) {
        return;
    }
    w->begun = true;
    tj_buf_init(&head);
    tj_buf_str(&head, "GGUF");
    add_u32(&head, VERSION);
    add_u64(&head, w->n_tensors);
    add_u64(&head, w->n_keys);
    const tj_buf *const parts[] = {&head, &w->keys, &w->infos};
    size_t n = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (tj_buf_check(parts[i], failure(w)) == TJ_OK) {
            tj_fs_writer_add(w->file, parts[i]->data, parts[i]->len);
            n += parts[i]->len;
        }
    }
    write_padding(w, n);
    tj_buf_deinit(&head);
}

void tj_gguf_bytes(tj_gguf_writer *w, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    if (failed(w)) {
        return;
    }
    begin_bytes(w);
    while (n > 0 && !failed(w)) {
        if (w->i_tensor == w->n_tensors) {
            tj_fail(failure(w), TJ_E_INVAL, "%zu bytes more than the %zu tensors have", n,
                    w->n_tensors);
            return;
        }
        size_t missing = w->sizes[w->i_tensor] - w->n_given;
        size_t piece = n < missing ? n : missing;
        tj_fs_writer_add(w->file, p, piece);
        p += piece;
        n -= piece;
        w->n_given += piece;
        if (piece == missing) {
            write_padding(w, w->n_given);
            w->i_tensor++;
            w->n_given = 0;
        }
    }
}

/* ------------------------------------------------------------------ the end */

static void writer_free(tj_gguf_writer *w)
{
    tj_buf_deinit(&w->names);
    tj_buf_deinit(&w->keys);
    tj_buf_deinit(&w->infos);
    tj_free(w->sizes);
    tj_free(w);
}

tj_code tj_gguf_writer_commit(tj_gguf_writer *w, tj_err *err)
{
    tj_code rc = TJ_OK;
    if (!failed(w)) {
        begin_bytes(w);
    }
    if (!failed(w) && w->i_tensor != w->n_tensors) {
        tj_fail(failure(w), TJ_E_INVAL, "bytes of %zu of %zu tensors were given", w->i_tensor,
                w->n_tensors);
    }
    if (failed(w)) {
        tj_fs_writer_abort(w->file);
        rc = tj_fail(err, w->failure.code, "cannot write %s: %s", w->path, w->failure.msg);
    } else {
        rc = tj_fs_writer_commit(w->file, err);
    }
    writer_free(w);
    return rc;
}

void tj_gguf_writer_abort(tj_gguf_writer *w)
{
    if (w != NULL) {
        tj_fs_writer_abort(w->file);
        writer_free(w);
    }
}
