/* Reading. A cursor that never passes the end of the file walks over the keys and then over the
 * tensors' descriptions; values stay where they are. Names are copied, to end in a zero; of an
 * array of strings, where each begins is kept, since only walking finds it. Then names are sorted,
 * which shows duplicates and makes look-ups fast, and so are the tensors' extents, which shows
 * overlaps.
 *
 * Memory stays in proportion to the file: every count is checked against the bytes that so many
 * things take at least before anything is allocated for them. */
#include "base/gguf.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/fs.h"

/* The least that the file spends on a key (length, a letter, kind, value), a tensor (length, a
 * letter, number of dimensions, type, offset), a string and an array. */
#define MIN_KEY_BYTES    ((size_t)8 + 1 + 4 + 1)
#define MIN_TENSOR_BYTES ((size_t)8 + 1 + 4 + 4 + 8)
#define MIN_STRING_BYTES ((size_t)8)
#define MIN_ARRAY_BYTES  ((size_t)4 + 8)

typedef struct cursor {
    const unsigned char *bytes;
    size_t n;
    size_t at; /* at <= n */
} cursor;

typedef struct entry {
    size_t name_at; /* in names */
    tj_gguf_kind kind;
    const unsigned char *value; /* as in the file: a string begins with its length, an array with
                                 * its elements' kind and number */
    size_t n_value;
    /* of an array: */
    tj_gguf_kind elem;
    size_t n;
    size_t strings_from; /* of an array of strings: its first offset in string_at */
} entry;

typedef struct tensor {
    tj_gguf_tensor lent;
    size_t name_at; /* in names */
    size_t offset;  /* from the beginning of the tensors' bytes */
} tensor;

typedef struct named {
    const char *name;
    size_t i;
} named;

struct tj_gguf {
    tj_fs_map map; /* without data when the bytes are borrowed */
    char name[256];
    cursor at;
    tj_buf names; /* of keys and tensors, each with its zero */
    size_t n_keys;
    entry *entries; /* [n_keys] in the file's order */
    named *by_key;  /* [n_keys] sorted */
    size_t n_tensors;
    tensor *tensors;  /* [n_tensors] in the file's order */
    named *by_tensor; /* [n_tensors] sorted */
    size_t *string_at;
    size_t n_string_at, cap_string_at;
};

/* ------------------------------------------------------------------ bytes */

/* n <= 8 bytes, the lowest first. */
static inline uint64_t load(const unsigned char *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;) {
        v = v << 8 | p[i];
    }
    return v;
}

static bool to_size(size_t *out, uint64_t v)
{
    *out = (size_t)v;
    return *out == v;
}

static size_t left(const cursor *c)
{
    return c->n - c->at;
}

/* Each gives what comes next, or nothing (NULL, 0) and an error. Messages from here on have no file
 * and name: whoever knows them puts them before. */
static const unsigned char *take(cursor *c, size_t n, tj_err *err)
{
    if (n > left(c)) {
        tj_fail(err, TJ_E_PARSE, "the file ends too early, after %zu bytes", c->n);
        return NULL;
    }
    const unsigned char *p = c->bytes + c->at;
    c->at += n;
    return p;
}

static tj_code take_u32(cursor *c, uint32_t *out, tj_err *err)
{
    const unsigned char *p = take(c, 4, err);
    *out = p == NULL ? 0 : (uint32_t)load(p, 4);
    return p == NULL ? TJ_E_PARSE : TJ_OK;
}

static tj_code take_u64(cursor *c, uint64_t *out, tj_err *err)
{
    const unsigned char *p = take(c, 8, err);
    *out = p == NULL ? 0 : load(p, 8);
    return p == NULL ? TJ_E_PARSE : TJ_OK;
}

/* A number of things of at least min_bytes each that follow. */
static tj_code take_count(cursor *c, size_t *out, size_t min_bytes, const char *what, tj_err *err)
{
    uint64_t n;
    *out = 0;
    tj_code rc = take_u64(c, &n, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (n > left(c) / min_bytes) {
        return tj_fail(err, TJ_E_PARSE, "%" PRIu64 " %s in the %zu bytes that are left", n, what,
                       left(c));
    }
    *out = (size_t)n;
    return TJ_OK;
}

static tj_code take_string(cursor *c, const unsigned char **out, size_t *len, tj_err *err)
{
    tj_code rc = take_count(c, len, 1, "bytes of a string", err);
    *out = rc == TJ_OK ? take(c, *len, err) : NULL;
    return *out == NULL ? TJ_E_PARSE : TJ_OK;
}

/* ------------------------------------------------------------------ values */

static tj_code take_kind(cursor *c, tj_gguf_kind *out, tj_err *err)
{
    uint32_t kind;
    *out = TJ_GGUF_U8;
    tj_code rc = take_u32(c, &kind, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (kind > TJ_GGUF_F64) { /* the last one */
        return tj_fail(err, TJ_E_PARSE, "a value of the unknown kind %" PRIu32, kind);
    }
    *out = (tj_gguf_kind)kind;
    return TJ_OK;
}

/* n is 1, or was checked by take_count: the product does not overflow. */
static tj_code skip_scalars(cursor *c, tj_gguf_kind kind, size_t n, tj_err *err)
{
    const unsigned char *p = take(c, n * tj_gguf_kind_bytes(kind), err);
    if (p == NULL) {
        return TJ_E_PARSE;
    }
    for (size_t i = 0; kind == TJ_GGUF_BOOL && i < n; i++) {
        if (p[i] > 1) {
            return tj_fail(err, TJ_E_PARSE, "a truth value of %d, expected 0 or 1", p[i]);
        }
    }
    return TJ_OK;
}

/* What stands before an array's elements: their kind, and how many they are. */
static tj_code take_array_head(cursor *c, tj_gguf_kind *elem, size_t *n, tj_err *err)
{
    *n = 0;
    tj_code rc = take_kind(c, elem, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t min_bytes = *elem == TJ_GGUF_STRING  ? MIN_STRING_BYTES
                       : *elem == TJ_GGUF_ARRAY ? MIN_ARRAY_BYTES
                                                : tj_gguf_kind_bytes(*elem);
    return take_count(c, n, min_bytes, "elements", err);
}

/* An array inside `depth` others. Recursion ends at a depth of our own; the time is linear in the
 * bytes, since no element takes none. */
static tj_code skip_array(cursor *c, size_t depth, tj_err *err)
{
    tj_gguf_kind elem;
    size_t n;
    if (depth >= TJ_GGUF_MAX_DEPTH) {
        return tj_fail(err, TJ_E_LIMIT, "arrays inside one another, more than %d deep",
                       TJ_GGUF_MAX_DEPTH);
    }
    tj_code rc = take_array_head(c, &elem, &n, err);
    if (rc == TJ_OK && elem != TJ_GGUF_STRING && elem != TJ_GGUF_ARRAY) {
        return skip_scalars(c, elem, n, err);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const unsigned char *s;
        size_t len;
        rc = elem == TJ_GGUF_ARRAY ? skip_array(c, depth + 1, err) : take_string(c, &s, &len, err);
    }
    return rc;
}

/* Keeps where each string begins, relative to the first one's length. */
static tj_code read_strings(tj_gguf *g, entry *e, tj_err *err)
{
    size_t first = g->at.at;
    if (!tj_grow(&g->string_at, &g->cap_string_at, g->n_string_at + e->n + 1,
                 sizeof *g->string_at)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu offsets of strings", e->n);
    }
    e->strings_from = g->n_string_at;
    for (size_t i = 0; i < e->n; i++) {
        const unsigned char *s;
        size_t len;
        g->string_at[g->n_string_at++] = g->at.at - first + MIN_STRING_BYTES;
        tj_code rc = take_string(&g->at, &s, &len, err);
        if (rc != TJ_OK) {
            tj_err_context(err, "string %zu of %zu", i, e->n);
            return rc;
        }
    }
    /* as if one more followed, so that each one's end is found in the same way */
    g->string_at[g->n_string_at++] = g->at.at - first + MIN_STRING_BYTES;
    return TJ_OK;
}

static tj_code read_array(tj_gguf *g, entry *e, tj_err *err)
{
    tj_code rc = take_array_head(&g->at, &e->elem, &e->n, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (e->elem == TJ_GGUF_STRING) {
        return read_strings(g, e, err);
    }
    if (e->elem != TJ_GGUF_ARRAY) {
        return skip_scalars(&g->at, e->elem, e->n, err);
    }
    for (size_t i = 0; i < e->n && rc == TJ_OK; i++) {
        rc = skip_array(&g->at, 1, err);
    }
    return rc;
}

static tj_code read_value(tj_gguf *g, entry *e, tj_err *err)
{
    const unsigned char *s;
    size_t len;
    tj_code rc = take_kind(&g->at, &e->kind, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t from = g->at.at;
    if (e->kind == TJ_GGUF_ARRAY) {
        rc = read_array(g, e, err);
    } else if (e->kind == TJ_GGUF_STRING) {
        rc = take_string(&g->at, &s, &len, err);
    } else {
        rc = skip_scalars(&g->at, e->kind, 1, err);
    }
    e->value = g->at.bytes + from;
    e->n_value = g->at.at - from;
    return rc;
}

/* ------------------------------------------------------------------ keys and tensors */

static const char *name_at(const tj_gguf *g, size_t at)
{
    return tj_buf_text(&g->names) + at;
}

/* Gives the name's place in names. */
static tj_code read_name(tj_gguf *g, size_t *at, size_t max, tj_err *err)
{
    const unsigned char *s;
    size_t len;
    tj_code rc = take_string(&g->at, &s, &len, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (!tj_gguf_is_name((const char *)s, len, max)) {
        return tj_fail(err, TJ_E_PARSE,
                       "a name of %zu bytes, expected 1 to %zu and no control characters", len,
                       max);
    }
    *at = g->names.len;
    tj_buf_add(&g->names, (const char *)s, len);
    tj_buf_char(&g->names, '\0');
    return tj_buf_check(&g->names, err);
}

static tj_code read_entry(tj_gguf *g, size_t i, tj_err *err)
{
    entry *e = &g->entries[i];
    tj_code rc = read_name(g, &e->name_at, TJ_GGUF_MAX_KEY, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s: key %zu of %zu", g->name, i, g->n_keys);
        return rc;
    }
    rc = read_value(g, e, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s: key '%.80s'", g->name, name_at(g, e->name_at));
    }
    return rc;
}

static tj_code read_shape(cursor *c, tj_gguf_tensor *t, tj_err *err)
{
    uint32_t n_dims;
    tj_code rc = take_u32(c, &n_dims, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (n_dims > TJ_GGUF_MAX_DIMS) {
        return tj_fail(err, TJ_E_PARSE, "%" PRIu32 " dimensions, expected at most %d", n_dims,
                       TJ_GGUF_MAX_DIMS);
    }
    t->n_dims = n_dims;
    t->n = 1;
    for (size_t i = 0; i < TJ_GGUF_MAX_DIMS; i++) {
        uint64_t dim = 1;
        if (i < n_dims && (rc = take_u64(c, &dim, err)) != TJ_OK) {
            return rc;
        }
        if (dim == 0 || !to_size(&t->dims[i], dim) || !tj_mul_size(&t->n, t->n, t->dims[i])) {
            return tj_fail(err, TJ_E_PARSE, "an impossible shape: dimension %zu is %" PRIu64, i,
                           dim);
        }
    }
    return TJ_OK;
}

/* The type, and with it the number of bytes. */
static tj_code read_type(cursor *c, tj_gguf_tensor *t, tj_err *err)
{
    uint32_t number;
    tj_code rc = take_u32(c, &number, err);
    if (rc != TJ_OK) {
        return rc;
    }
    const char *name = number <= INT_MAX ? tj_ggml_type_name((int)number) : NULL;
    if (name == NULL) {
        return tj_fail(err, TJ_E_PARSE, "type %" PRIu32 " is not known", number);
    }
    t->type = (tj_ggml_type)number;
    size_t n_values = tj_ggml_block_values(t->type);
    if (t->dims[0] % n_values != 0) {
        return tj_fail(err, TJ_E_PARSE, "rows of %zu values, which %s packs in blocks of %zu",
                       t->dims[0], name, n_values);
    }
    if (!tj_mul_size(&t->n_bytes, t->n / n_values, tj_ggml_block_bytes(t->type))) {
        return tj_fail(err, TJ_E_PARSE, "an impossible shape of %zu values", t->n);
    }
    return TJ_OK;
}

static tj_code read_description(tj_gguf *g, tensor *t, tj_err *err)
{
    uint64_t offset;
    tj_code rc = read_shape(&g->at, &t->lent, err);
    if (rc != TJ_OK || (rc = read_type(&g->at, &t->lent, err)) != TJ_OK ||
        (rc = take_u64(&g->at, &offset, err)) != TJ_OK) {
        return rc;
    }
    if (!to_size(&t->offset, offset)) {
        return tj_fail(err, TJ_E_PARSE, "an impossible offset of %" PRIu64, offset);
    }
    return TJ_OK;
}

static tj_code read_tensor(tj_gguf *g, size_t i, tj_err *err)
{
    tensor *t = &g->tensors[i];
    tj_code rc = read_name(g, &t->name_at, TJ_GGUF_MAX_NAME, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s: tensor %zu of %zu", g->name, i, g->n_tensors);
        return rc;
    }
    rc = read_description(g, t, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s: tensor '%s'", g->name, name_at(g, t->name_at));
    }
    return rc;
}

/* ------------------------------------------------------------------ names, sorted */

static int by_name(const void *a, const void *b)
{
    const named *x = a;
    const named *y = b;
    return strcmp(x->name, y->name);
}

/* Sorts; two of one name are an error. */
static tj_code sort_names(const tj_gguf *g, named *names, size_t n, const char *what, tj_err *err)
{
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(names[i - 1].name, names[i].name) == 0) {
            return tj_fail(err, TJ_E_PARSE, "%s: %s '%.80s' is there twice", g->name, what,
                           names[i].name);
        }
    }
    return TJ_OK;
}

static const named *find_name(const named *names, size_t n, const char *name)
{
    const named key = {name, 0};
    return bsearch(&key, names, n, sizeof *names, by_name);
}

/* ------------------------------------------------------------------ opening */

static tj_code read_keys(tj_gguf *g, tj_err *err)
{
    g->entries = tj_calloc(g->n_keys, sizeof *g->entries);
    g->by_key = tj_calloc(g->n_keys, sizeof *g->by_key);
    if (g->entries == NULL || g->by_key == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "%s: cannot allocate %zu keys", g->name, g->n_keys);
    }
    for (size_t i = 0; i < g->n_keys; i++) {
        tj_code rc = read_entry(g, i, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

static tj_code read_tensors(tj_gguf *g, tj_err *err)
{
    g->tensors = tj_calloc(g->n_tensors, sizeof *g->tensors);
    g->by_tensor = tj_calloc(g->n_tensors, sizeof *g->by_tensor);
    if (g->tensors == NULL || g->by_tensor == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "%s: cannot allocate %zu tensors", g->name, g->n_tensors);
    }
    for (size_t i = 0; i < g->n_tensors; i++) {
        tj_code rc = read_tensor(g, i, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* After the last name: `names` moves no more, so that it can be pointed into. */
static tj_code sort_all(tj_gguf *g, tj_err *err)
{
    for (size_t i = 0; i < g->n_keys; i++) {
        g->by_key[i] = (named){name_at(g, g->entries[i].name_at), i};
    }
    for (size_t i = 0; i < g->n_tensors; i++) {
        g->tensors[i].lent.name = name_at(g, g->tensors[i].name_at);
        g->by_tensor[i] = (named){g->tensors[i].lent.name, i};
    }
    tj_code rc = sort_names(g, g->by_key, g->n_keys, "key", err);
    return rc == TJ_OK ? sort_names(g, g->by_tensor, g->n_tensors, "tensor", err) : rc;
}

/* *align is unchanged where the file does not say. */
static tj_code read_alignment(const tj_gguf *g, size_t *align, tj_err *err)
{
    static const char key[] = "general.alignment";
    uint64_t v;
    if (!tj_gguf_has(g, key)) {
        return TJ_OK;
    }
    tj_code rc = tj_gguf_u64(g, &v, key, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (v == 0 || (v & (v - 1)) != 0 || !to_size(align, v)) {
        return tj_fail(err, TJ_E_PARSE, "%s: key '%s' is %" PRIu64 ", expected a power of two",
                       g->name, key, v);
    }
    return TJ_OK;
}

/* Points a tensor to its bytes in the last n_data of the file. */
static tj_code place_tensor(const tj_gguf *g, tensor *t, size_t n_data, size_t align, tj_err *err)
{
    tj_gguf_tensor *lent = &t->lent;
    if (t->offset % align != 0) {
        return tj_fail(err, TJ_E_PARSE, "%s: tensor '%s' begins at byte %zu, no multiple of %zu",
                       g->name, lent->name, t->offset, align);
    }
    if (t->offset > n_data || lent->n_bytes > n_data - t->offset) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s: tensor '%s' has %zu bytes from byte %zu of %zu: the file is truncated "
                       "or its header is wrong",
                       g->name, lent->name, lent->n_bytes, t->offset, n_data);
    }
    lent->bytes = g->at.bytes + (g->at.n - n_data) + t->offset;
    return TJ_OK;
}

typedef struct extent {
    size_t begin;
    const tj_gguf_tensor *tensor;
} extent;

static int by_begin(const void *a, const void *b)
{
    const extent *x = a;
    const extent *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* No byte belongs to two tensors; none is empty, so each ends behind its beginning. */
static tj_code check_overlaps(const tj_gguf *g, tj_err *err)
{
    tj_code rc = TJ_OK;
    extent *sorted = tj_calloc(g->n_tensors, sizeof *sorted);
    if (sorted == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "%s: cannot check %zu tensors", g->name, g->n_tensors);
    }
    for (size_t i = 0; i < g->n_tensors; i++) {
        sorted[i] = (extent){g->tensors[i].offset, &g->tensors[i].lent};
    }
    qsort(sorted, g->n_tensors, sizeof *sorted, by_begin);
    for (size_t i = 1; i < g->n_tensors && rc == TJ_OK; i++) {
        const extent *a = &sorted[i - 1];
        const extent *b = &sorted[i];
        if (b->begin - a->begin < a->tensor->n_bytes) {
            rc = tj_fail(err, TJ_E_PARSE, "%s: tensor '%s' begins inside tensor '%s'", g->name,
                         b->tensor->name, a->tensor->name);
        }
    }
    tj_free(sorted);
    return rc;
}

static tj_code place_tensors(tj_gguf *g, tj_err *err)
{
    size_t align = TJ_GGUF_ALIGN;
    tj_code rc = read_alignment(g, &align, err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t padding = (align - g->at.at % align) % align;
    size_t n_data = padding <= left(&g->at) ? left(&g->at) - padding : 0;
    for (size_t i = 0; i < g->n_tensors && rc == TJ_OK; i++) {
        rc = place_tensor(g, &g->tensors[i], n_data, align, err);
    }
    return rc == TJ_OK ? check_overlaps(g, err) : rc;
}

static tj_code read_head(tj_gguf *g, tj_err *err)
{
    uint32_t version;
    uint64_t n_tensors;
    if (g->at.n < 4 || memcmp(g->at.bytes, "GGUF", 4) != 0) {
        return tj_fail(err, TJ_E_PARSE, "not a GGUF file: it does not begin with \"GGUF\"");
    }
    g->at.at = 4;
    tj_code rc = take_u32(&g->at, &version, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (version != 0 && (version & 0xffff) == 0) { /* as ggml tells them apart */
        return tj_fail(err, TJ_E_INVAL, "a big-endian GGUF file, which is not supported");
    }
    if (version != 2 && version != 3) {
        return tj_fail(err, TJ_E_INVAL, "GGUF version %" PRIu32 ", expected 2 or 3", version);
    }
    if ((rc = take_u64(&g->at, &n_tensors, err)) != TJ_OK ||
        (rc = take_count(&g->at, &g->n_keys, MIN_KEY_BYTES, "keys", err)) != TJ_OK) {
        return rc;
    }
    if (n_tensors > left(&g->at) / MIN_TENSOR_BYTES) {
        return tj_fail(err, TJ_E_PARSE, "%" PRIu64 " tensors in the %zu bytes that are left",
                       n_tensors, left(&g->at));
    }
    g->n_tensors = (size_t)n_tensors;
    return TJ_OK;
}

static tj_code read_all(tj_gguf *g, tj_err *err)
{
    tj_code rc = read_head(g, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s", g->name);
        return rc;
    }
    if ((rc = read_keys(g, err)) != TJ_OK || (rc = read_tensors(g, err)) != TJ_OK ||
        (rc = sort_all(g, err)) != TJ_OK) {
        return rc;
    }
    return place_tensors(g, err);
}

static tj_gguf *reader_create(const char *name)
{
    tj_gguf *g = tj_calloc(1, sizeof *g);
    if (g != NULL) {
        tj_buf_init(&g->names);
        snprintf(g->name, sizeof g->name, "%s", name);
    }
    return g;
}

/* Gives *out, or closes g. */
static tj_code open_reader(tj_gguf **out, tj_gguf *g, const void *bytes, size_t n, tj_err *err)
{
    g->at = (cursor){.bytes = bytes, .n = n};
    tj_code rc = read_all(g, err);
    if (rc != TJ_OK) {
        tj_gguf_close(g);
        return rc;
    }
    *out = g;
    return TJ_OK;
}

tj_code tj_gguf_open(tj_gguf **out, const char *path, tj_err *err)
{
    *out = NULL;
    tj_gguf *g = reader_create(path);
    if (g == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", path);
    }
    tj_code rc = tj_fs_map_open(&g->map, path, err);
    if (rc != TJ_OK) {
        tj_gguf_close(g);
        return rc;
    }
    return open_reader(out, g, g->map.data, g->map.n_bytes, err);
}

tj_code tj_gguf_open_bytes(tj_gguf **out, const void *bytes, size_t n, const char *name,
                           tj_err *err)
{
    *out = NULL;
    tj_gguf *g = reader_create(name);
    if (g == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot open %s", name);
    }
    return open_reader(out, g, bytes, n, err);
}

void tj_gguf_close(tj_gguf *g)
{
    if (g == NULL) {
        return;
    }
    if (g->map.data != NULL) {
        tj_fs_map_close(&g->map);
    }
    tj_buf_deinit(&g->names);
    tj_free(g->entries);
    tj_free(g->by_key);
    tj_free(g->tensors);
    tj_free(g->by_tensor);
    tj_free(g->string_at);
    tj_free(g);
}

const char *tj_gguf_name(const tj_gguf *g)
{
    return g->name;
}

/* ------------------------------------------------------------------ looking up keys */

size_t tj_gguf_n_keys(const tj_gguf *g)
{
    return g->n_keys;
}

const char *tj_gguf_key(const tj_gguf *g, size_t i, tj_gguf_kind *kind)
{
    TJ_ASSERT(i < g->n_keys);
    *kind = g->entries[i].kind;
    return name_at(g, g->entries[i].name_at);
}

bool tj_gguf_has(const tj_gguf *g, const char *key)
{
    return find_name(g->by_key, g->n_keys, key) != NULL;
}

/* NULL, and an error of the code TJ_E_NOTFOUND, if there is none. */
static const entry *find_entry(const tj_gguf *g, const char *key, tj_err *err)
{
    const named *found = find_name(g->by_key, g->n_keys, key);
    if (found == NULL) {
        tj_fail(err, TJ_E_NOTFOUND, "%s: no key '%.80s'", g->name, key);
        return NULL;
    }
    return &g->entries[found->i];
}

static tj_code wrong_kind(const tj_gguf *g, const entry *e, const char *want, tj_err *err)
{
    return tj_fail(err, TJ_E_PARSE, "%s: key '%.80s' is of kind %s, expected %s", g->name,
                   name_at(g, e->name_at), tj_gguf_kind_name(e->kind), want);
}

/* Any integer or truth value as 64 bits: its sign is extended where its kind has one. */
static uint64_t load_integer(const unsigned char *p, tj_gguf_kind kind)
{
    size_t n = tj_gguf_kind_bytes(kind);
    TJ_DASSERT(n > 0);
    uint64_t v = load(p, n);
    if (tj_gguf_is_signed(kind)) {
        uint64_t sign = (uint64_t)1 << (8 * n - 1);
        v = (v ^ sign) - sign;
    }
    return v;
}

static int64_t as_signed(uint64_t bits)
{
    int64_t v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Any number as a double. */
static double load_double(const unsigned char *p, tj_gguf_kind kind)
{
    uint64_t bits = load_integer(p, kind);
    if (kind == TJ_GGUF_F32) {
        uint32_t low = (uint32_t)bits;
        float v;
        memcpy(&v, &low, sizeof v);
        return (double)v;
    }
    if (kind == TJ_GGUF_F64) {
        double v;
        memcpy(&v, &bits, sizeof v);
        return v;
    }
    return tj_gguf_is_signed(kind) ? (double)as_signed(bits) : (double)bits;
}

/* The bits of an integer that must fit: not below 0 where the result is unsigned, not above
 * INT64_MAX where it is signed. In both cases that the kind's sign is not the result's, the highest
 * bit tells. */
static tj_code find_integer(const tj_gguf *g, uint64_t *out, const char *key, bool want_signed,
                            tj_err *err)
{
    const entry *e = find_entry(g, key, err);
    if (e == NULL) {
        return TJ_E_NOTFOUND;
    }
    if (!tj_gguf_is_integer(e->kind)) {
        return wrong_kind(g, e, "an integer", err);
    }
    uint64_t bits = load_integer(e->value, e->kind);
    if (tj_gguf_is_signed(e->kind) != want_signed && bits >> 63 != 0) {
        return want_signed ? tj_fail(err, TJ_E_PARSE,
                                     "%s: key '%.80s' is %" PRIu64 ", expected at most %" PRId64,
                                     g->name, key, bits, INT64_MAX)
                           : tj_fail(err, TJ_E_PARSE,
                                     "%s: key '%.80s' is %" PRId64 ", expected no negative number",
                                     g->name, key, as_signed(bits));
    }
    *out = bits;
    return TJ_OK;
}

tj_code tj_gguf_u64(const tj_gguf *g, uint64_t *out, const char *key, tj_err *err)
{
    return find_integer(g, out, key, false, err);
}

tj_code tj_gguf_i64(const tj_gguf *g, int64_t *out, const char *key, tj_err *err)
{
    uint64_t bits = 0;
    tj_code rc = find_integer(g, &bits, key, true, err);
    if (rc == TJ_OK) {
        *out = as_signed(bits);
    }
    return rc;
}

tj_code tj_gguf_f64(const tj_gguf *g, double *out, const char *key, tj_err *err)
{
    const entry *e = find_entry(g, key, err);
    if (e == NULL) {
        return TJ_E_NOTFOUND;
    }
    if (!tj_gguf_is_number(e->kind)) {
        return wrong_kind(g, e, "a number", err);
    }
    *out = load_double(e->value, e->kind);
    return TJ_OK;
}

tj_code tj_gguf_bool(const tj_gguf *g, bool *out, const char *key, tj_err *err)
{
    const entry *e = find_entry(g, key, err);
    if (e == NULL) {
        return TJ_E_NOTFOUND;
    }
    if (e->kind != TJ_GGUF_BOOL) {
        return wrong_kind(g, e, "bool", err);
    }
    *out = e->value[0] == 1;
    return TJ_OK;
}

tj_code tj_gguf_string(const tj_gguf *g, const char **out, size_t *out_len, const char *key,
                       tj_err *err)
{
    const entry *e = find_entry(g, key, err);
    if (e == NULL) {
        return TJ_E_NOTFOUND;
    }
    if (e->kind != TJ_GGUF_STRING) {
        return wrong_kind(g, e, "string", err);
    }
    *out = (const char *)e->value + MIN_STRING_BYTES;
    *out_len = e->n_value - MIN_STRING_BYTES;
    return TJ_OK;
}

tj_code tj_gguf_raw(const tj_gguf *g, tj_gguf_kind *kind, const unsigned char **bytes, size_t *n,
                    const char *key, tj_err *err)
{
    const entry *e = find_entry(g, key, err);
    if (e == NULL) {
        return TJ_E_NOTFOUND;
    }
    *kind = e->kind;
    *bytes = e->value;
    *n = e->n_value;
    return TJ_OK;
}

/* ------------------------------------------------------------------ arrays */

tj_code tj_gguf_get_array(const tj_gguf *g, tj_gguf_array *out, const char *key, tj_err *err)
{
    const entry *e = find_entry(g, key, err);
    if (e == NULL) {
        return TJ_E_NOTFOUND;
    }
    if (e->kind != TJ_GGUF_ARRAY) {
        return wrong_kind(g, e, "array", err);
    }
    if (e->elem == TJ_GGUF_ARRAY) {
        return tj_fail(err, TJ_E_PARSE, "%s: key '%.80s' is an array of arrays, expected of values",
                       g->name, key);
    }
    *out = (tj_gguf_array){.kind = e->elem, .n = e->n, .bytes = e->value + MIN_ARRAY_BYTES};
    if (e->elem == TJ_GGUF_STRING) {
        out->string_at = g->string_at + e->strings_from;
    }
    return TJ_OK;
}

const char *tj_gguf_array_string(const tj_gguf_array *array, size_t i, size_t *len)
{
    TJ_ASSERT(array->kind == TJ_GGUF_STRING);
    TJ_ASSERT(i < array->n);
    *len = array->string_at[i + 1] - MIN_STRING_BYTES - array->string_at[i];
    return (const char *)array->bytes + array->string_at[i];
}

int64_t tj_gguf_array_i64(const tj_gguf_array *array, size_t i)
{
    TJ_ASSERT(tj_gguf_is_integer(array->kind) || array->kind == TJ_GGUF_BOOL);
    TJ_ASSERT(i < array->n);
    uint64_t bits = load_integer(array->bytes + i * tj_gguf_kind_bytes(array->kind), array->kind);
    return array->kind == TJ_GGUF_U64 && bits > INT64_MAX ? INT64_MAX : as_signed(bits);
}

double tj_gguf_array_f64(const tj_gguf_array *array, size_t i)
{
    TJ_ASSERT(tj_gguf_is_number(array->kind));
    TJ_ASSERT(i < array->n);
    return load_double(array->bytes + i * tj_gguf_kind_bytes(array->kind), array->kind);
}

/* ------------------------------------------------------------------ looking up tensors */

size_t tj_gguf_n_tensors(const tj_gguf *g)
{
    return g->n_tensors;
}

const tj_gguf_tensor *tj_gguf_tensor_at(const tj_gguf *g, size_t i)
{
    TJ_ASSERT(i < g->n_tensors);
    return &g->tensors[i].lent;
}

const tj_gguf_tensor *tj_gguf_find(const tj_gguf *g, const char *name)
{
    const named *found = find_name(g->by_tensor, g->n_tensors, name);
    return found == NULL ? NULL : &g->tensors[found->i].lent;
}
