/* Reading checks everything before any tensor is handed out: the header's size and JSON, that each
 * tensor's bytes lie inside the file and match its shape and type, and that together they cover it
 * without overlap or hole, so that a truncated or padded file is refused. */
#include "nn/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"

struct tj_st_reader {
    tj_fs_map map; /* n_bytes 0 when the bytes are borrowed */
    const unsigned char *bytes;
    size_t n_bytes;
    size_t data; /* offset of the tensors' bytes */
    json_t *header;
    char name[256];
};

static uint64_t read_u64(const unsigned char *p)
{
    uint64_t v = 0;
    for (size_t i = 8; i-- > 0;) {
        v = v << 8 | p[i];
    }
    return v;
}

static size_t dtype_bytes(const char *dtype)
{
    static const struct {
        const char *name;
        size_t bytes;
    } types[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                 {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, dtype) == 0) {
            return types[i].bytes;
        }
    }
    return 0;
}

static bool as_size(const json_t *v, size_t *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        return false;
    }
    *out = (size_t)json_integer_value(v);
    return true;
}

static tj_code read_entry(const tj_st_reader *r, tj_st_tensor *t, const char *name,
                          const json_t *entry, tj_err *err)
{
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    size_t begin;
    size_t end;
    memset(t, 0, sizeof *t);
    t->name = name;
    if (dtype == NULL || dtype_bytes(dtype) == 0) {
        return tj_fail(err, TJ_E_PARSE, "%s: tensor '%s' has the unknown dtype '%s'", r->name, name,
                       dtype == NULL ? "(none)" : dtype);
    }
    snprintf(t->dtype, sizeof t->dtype, "%s", dtype);
    if (!json_is_array(shape) || json_array_size(shape) > TJ_MAX_ST_DIMS ||
        json_array_size(offsets) != 2 || !as_size(json_array_get(offsets, 0), &begin) ||
        !as_size(json_array_get(offsets, 1), &end)) {
        return tj_fail(err, TJ_E_PARSE, "%s: tensor '%s' has no valid shape and data_offsets",
                       r->name, name);
    }
    t->n_dims = json_array_size(shape);
    t->n = 1;
    for (size_t i = 0; i < t->n_dims; i++) {
        if (!as_size(json_array_get(shape, i), &t->shape[i]) ||
            !tj_mul_size(&t->n, t->n, t->shape[i])) {
            return tj_fail(err, TJ_E_PARSE, "%s: tensor '%s' has an impossible shape", r->name,
                           name);
        }
    }
    if (begin > end || end > r->n_bytes - r->data ||
        !tj_mul_size(&t->n_bytes, t->n, dtype_bytes(dtype)) || t->n_bytes != end - begin) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s: tensor '%s' of %zu values is at bytes %zu to %zu of %zu: the file is "
                       "truncated or its header is wrong",
                       r->name, name, t->n, begin, end, r->n_bytes - r->data);
    }
    t->bytes = r->bytes + r->data + begin;
    return TJ_OK;
}

typedef struct extent { /* a tensor's bytes, relative to the end of the header */
    size_t begin, end;
    const char *name;
} extent;

static int by_begin(const void *a, const void *b)
{
    const extent *x = a;
    const extent *y = b;
    if (x->begin != y->begin) {
        return x->begin < y->begin ? -1 : 1;
    }
    return x->end < y->end ? -1 : x->end > y->end; /* empty tensors before their neighbour */
}

/* The tensors must cover the bytes without overlap or hole, as the format demands. */
static tj_code check_cover(const tj_st_reader *r, extent *extents, size_t n, tj_err *err)
{
    size_t used = 0;
    qsort(extents, n, sizeof *extents, by_begin);
    for (size_t i = 0; i < n; i++) {
        if (extents[i].begin != used) {
            return tj_fail(err, TJ_E_PARSE, "%s: tensor '%s' begins at byte %zu, expected %zu",
                           r->name, extents[i].name, extents[i].begin, used);
        }
        used = extents[i].end;
    }
    if (used != r->n_bytes - r->data) {
        return tj_fail(err, TJ_E_PARSE, "%s: %zu bytes of tensors, but the header tells of %zu",
                       r->name, r->n_bytes - r->data, used);
    }
    return TJ_OK;
}

static tj_code check_entries(const tj_st_reader *r, tj_err *err)
{
    const char *name;
    json_t *entry;
    size_t n = 0;
    tj_code rc = TJ_OK;
    extent *extents = tj_calloc(json_object_size(r->header), sizeof *extents);
    if (extents == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "%s: cannot check %zu tensors", r->name,
                       json_object_size(r->header));
    }
    json_object_foreach(r->header, name, entry)
    {
        tj_st_tensor t;
        if (strcmp(name, "__metadata__") == 0) {
            continue;
        }
        rc = read_entry(r, &t, name, entry, err);
        if (rc != TJ_OK) {
            break;
        }
        size_t begin = (size_t)(t.bytes - r->bytes) - r->data;
        extents[n++] = (extent){begin, begin + t.n_bytes, name};
    }
    if (rc == TJ_OK) {
        rc = check_cover(r, extents, n, err);
    }
    tj_free(extents);
    return rc;
}

static tj_code read_header(tj_st_reader *r, tj_err *err)
{
    if (r->n_bytes < 8) {
        return tj_fail(err, TJ_E_PARSE, "%s: only %zu bytes: not a safetensors file", r->name,
                       r->n_bytes);
    }
    uint64_t size = read_u64(r->bytes);
    if (size > TJ_MAX_ST_HEADER || size > r->n_bytes - 8) {
        return tj_fail(err, TJ_E_PARSE, "%s: a header of %" PRIu64 " bytes in a file of %zu",
                       r->name, size, r->n_bytes);
    }
    json_error_t je;
    r->header = json_loadb((const char *)r->bytes + 8, (size_t)size, JSON_REJECT_DUPLICATES, &je);
    if (!json_is_object(r->header)) {
        return tj_fail(err, TJ_E_PARSE, "%s: the header is not a JSON object: %s", r->name,
                       r->header == NULL ? je.text : "another type");
    }
    r->data = 8 + (size_t)size;
    return check_entries(r, err);
}

static tj_st_reader *reader_create(const char *name)
{
    tj_st_reader *r = tj_calloc(1, sizeof *r);
    if (r != NULL) {
        snprintf(r->name, sizeof r->name, "%s", name);
    }
    return r;
}

static tj_code open_reader(tj_st_reader **out, tj_st_reader *r, tj_err *err)
{
    tj_code rc = read_header(r, err);
    if (rc != TJ_OK) {
        tj_st_close(r);
        return rc;
    }
    *out = r;
    return TJ_OK;
}

tj_code tj_st_open(tj_st_reader **out, const char *path, tj_err *err)
{
    *out = NULL;
    tj_st_reader *r = reader_create(path);
    if (r == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", path);
    }
    tj_code rc = tj_fs_map_open(&r->map, path, err);
    if (rc != TJ_OK) {
        tj_st_close(r);
        return rc;
    }
    r->bytes = r->map.data;
    r->n_bytes = r->map.n_bytes;
    return open_reader(out, r, err);
}

tj_code tj_st_open_bytes(tj_st_reader **out, const void *bytes, size_t n, const char *name,
                         tj_err *err)
{
    *out = NULL;
    tj_st_reader *r = reader_create(name);
    if (r == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", name);
    }
    r->bytes = bytes;
    r->n_bytes = n;
    return open_reader(out, r, err);
}

void tj_st_close(tj_st_reader *r)
{
    if (r == NULL) {
        return;
    }
    json_decref(r->header);
    if (r->map.data != NULL) {
        tj_fs_map_close(&r->map);
    }
    tj_free(r);
}

int tj_st_type(const tj_st_tensor *t)
{
    return strcmp(t->dtype, "F32") == 0    ? TJ_GGML_F32
           : strcmp(t->dtype, "F16") == 0  ? TJ_GGML_F16
           : strcmp(t->dtype, "BF16") == 0 ? TJ_GGML_BF16
                                           : -1;
}

const char *tj_st_name(const tj_st_reader *r)
{
    return r->name;
}

size_t tj_st_count(const tj_st_reader *r)
{
    return json_object_size(r->header) -
           (json_object_get(r->header, "__metadata__") != NULL ? 1 : 0);
}

size_t tj_st_n_bytes(const tj_st_reader *r)
{
    return r->n_bytes - r->data;
}

const char *tj_st_meta(const tj_st_reader *r, const char *key)
{
    return json_string_value(json_object_get(json_object_get(r->header, "__metadata__"), key));
}

tj_code tj_st_find(const tj_st_reader *r, tj_st_tensor *out, const char *name, tj_err *err)
{
    const json_t *entry = json_object_get(r->header, name);
    if (entry == NULL || strcmp(name, "__metadata__") == 0) {
        return tj_fail(err, TJ_E_NOTFOUND, "%s: no tensor '%s'", r->name, name);
    }
    return read_entry(r, out, name, entry, err);
}

/* Leading ones do not count: [1, n] is [n]. */
static bool same_shape(const tj_st_tensor *t, const size_t *shape, size_t n_dims)
{
    size_t a = 0;
    size_t b = 0;
    while (a < t->n_dims && t->shape[a] == 1) {
        a++;
    }
    while (b < n_dims && shape[b] == 1) {
        b++;
    }
    return t->n_dims - a == n_dims - b &&
           memcmp(t->shape + a, shape + b, (n_dims - b) * sizeof *shape) == 0;
}

tj_code tj_st_read_f32(const tj_st_reader *r, float *out, const char *name, const size_t *shape,
                       size_t n_dims, tj_err *err)
{
    tj_st_tensor t;
    tj_code rc = tj_st_find(r, &t, name, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (!same_shape(&t, shape, n_dims)) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s: tensor '%s' has %zu dimensions and %zu values, expected a last "
                       "dimension of %zu and the others as the model's",
                       r->name, name, t.n_dims, t.n, n_dims == 0 ? 1 : shape[n_dims - 1]);
    }
    if (strcmp(t.dtype, "F32") == 0) {
        memcpy(out, t.bytes, t.n_bytes);
        return TJ_OK;
    }
    if (strcmp(t.dtype, "BF16") != 0) {
        return tj_fail(err, TJ_E_PARSE, "%s: tensor '%s' is %s, expected F32 or BF16", r->name,
                       name, t.dtype);
    }
    for (size_t i = 0; i < t.n; i++) {
        uint32_t u = (uint32_t)(t.bytes[2 * i] | t.bytes[2 * i + 1] << 8) << 16;
        memcpy(&out[i], &u, sizeof u);
    }
    return TJ_OK;
}

/* ------------------------------------------------------------------ writing */

struct tj_st_writer {
    tj_fs_writer *file;
    tj_buf header;
    tj_buf meta;
    tj_ggml_type *types; /* of the declared tensors */
    size_t n_declared, cap, n_given;
    size_t offset;  /* the bytes of all declared */
    size_t n_bytes; /* of those, given by tj_st_writer_bytes */
    bool failed;    /* out of memory; the file keeps its own errors */
};

tj_code tj_st_writer_open(tj_st_writer **out, const char *path, tj_err *err)
{
    *out = NULL;
    tj_st_writer *w = tj_calloc(1, sizeof *w);
    if (w == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write %s", path);
    }
    tj_buf_init(&w->header);
    tj_buf_init(&w->meta);
    tj_code rc = tj_fs_writer_open(&w->file, path, err);
    if (rc != TJ_OK) {
        tj_free(w);
        return rc;
    }
    *out = w;
    return TJ_OK;
}

void tj_st_writer_meta(tj_st_writer *w, const char *key, const char *value)
{
    tj_buf_str(&w->meta, w->meta.len == 0 ? "" : ",");
    tj_buf_json(&w->meta, key, strlen(key));
    tj_buf_char(&w->meta, ':');
    tj_buf_json(&w->meta, value, strlen(value));
}

void tj_st_writer_declare(tj_st_writer *w, const char *name, tj_dtype dtype, const size_t *shape,
                          size_t n_dims)
{
    tj_st_writer_declare_as(w, name, dtype == TJ_BF16 ? TJ_GGML_BF16 : TJ_GGML_F32, shape, n_dims);
}

void tj_st_writer_declare_as(tj_st_writer *w, const char *name, tj_ggml_type type,
                             const size_t *shape, size_t n_dims)
{
    size_t n = 1;
    TJ_ASSERT(type == TJ_GGML_F32 || type == TJ_GGML_F16 || type == TJ_GGML_BF16);
    if (!tj_grow(&w->types, &w->cap, w->n_declared + 1, sizeof *w->types)) {
        w->failed = true;
        return;
    }
    w->types[w->n_declared++] = type;
    tj_buf_char(&w->header, ',');
    tj_buf_json(&w->header, name, strlen(name));
    tj_buf_printf(&w->header, ":{\"dtype\":\"%s\",\"shape\":[", tj_ggml_type_name((int)type));
    for (size_t i = 0; i < n_dims; i++) {
        tj_buf_printf(&w->header, "%s%zu", i == 0 ? "" : ",", shape[i]);
        n *= shape[i];
    }
    size_t end = w->offset + n * tj_ggml_block_bytes(type);
    tj_buf_printf(&w->header, "],\"data_offsets\":[%zu,%zu]}", w->offset, end);
    w->offset = end;
}

static void write_header(tj_st_writer *w)
{
    tj_buf all;
    tj_buf_init(&all);
    tj_buf_printf(&all, "{\"__metadata__\":{%s}%s}", tj_buf_text(&w->meta),
                  tj_buf_text(&w->header));
    while (all.len % 8 != 0) {
        tj_buf_char(&all, ' ');
    }
    unsigned char size[8];
    for (size_t i = 0; i < 8; i++) {
        size[i] = (unsigned char)(all.len >> (8 * i));
    }
    w->failed = w->failed || all.failed || w->header.failed || w->meta.failed;
    tj_fs_writer_add(w->file, size, sizeof size);
    tj_fs_writer_add(w->file, all.data, all.len);
    tj_buf_deinit(&all);
}

/* Rounds to nearest even; NaN stays one, which adding could turn into -0. */
static uint16_t to_bf16(float value)
{
    uint32_t u;
    memcpy(&u, &value, sizeof u);
    if ((u & 0x7fffffffU) > 0x7f800000U) {
        return (uint16_t)(u >> 16 | 0x40U);
    }
    return (uint16_t)((u + 0x7fffU + ((u >> 16) & 1U)) >> 16);
}

void tj_st_writer_values(tj_st_writer *w, const float *values, size_t n)
{
    if (w->n_given == 0) {
        write_header(w);
    }
    if (w->failed || w->n_given >= w->n_declared) {
        w->failed = true;
        return;
    }
    if (w->types[w->n_given++] == TJ_GGML_F32) {
        tj_fs_writer_add(w->file, values, n * sizeof *values);
        return;
    }
    uint16_t block[4096];
    for (size_t at = 0; at < n;) {
        size_t m = n - at < 4096 ? n - at : 4096;
        for (size_t i = 0; i < m; i++) {
            block[i] = to_bf16(values[at + i]);
        }
        tj_fs_writer_add(w->file, block, m * sizeof *block);
        at += m;
    }
}

void tj_st_writer_bytes(tj_st_writer *w, const void *bytes, size_t n)
{
    if (w->n_bytes == 0) {
        write_header(w);
    }
    tj_fs_writer_add(w->file, bytes, n);
    w->n_bytes += n;
}

static void writer_free(tj_st_writer *w)
{
    tj_buf_deinit(&w->header);
    tj_buf_deinit(&w->meta);
    tj_free(w->types);
    tj_free(w);
}

tj_code tj_st_writer_commit(tj_st_writer *w, tj_err *err)
{
    TJ_ASSERT(w->failed || w->n_bytes == 0 || w->n_bytes == w->offset);
    bool bad = w->failed || (w->n_given != w->n_declared && w->n_bytes == 0);
    tj_code rc;
    if (bad) {
        tj_fs_writer_abort(w->file);
        rc = tj_fail(err, TJ_E_NOMEM, "cannot write the tensors");
    } else {
        rc = tj_fs_writer_commit(w->file, err);
    }
    writer_free(w);
    return rc;
}

void tj_st_writer_abort(tj_st_writer *w)
{
    if (w != NULL) {
        tj_fs_writer_abort(w->file);
        writer_free(w);
    }
}
