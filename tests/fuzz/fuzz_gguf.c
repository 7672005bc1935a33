/* Any bytes as a GGUF file. If it opens, every key and tensor is found by its name, values lie
 * inside the bytes one after the other, tensors lie behind them without overlap, and everything
 * that is lent can be read. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* keeps reads from being optimised away */

static void touch(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++) {
        sink += p[i];
    }
}

static void read_array(const tj_gguf_array *a)
{
    for (size_t i = 0; i < a->n; i++) {
        if (a->kind == TJ_GGUF_STRING) {
            size_t len;
            const char *s = tj_gguf_array_string(a, i, &len);
            TJ_ASSERT((const unsigned char *)s == a->bytes + a->string_at[i]);
            touch(s, len);
        } else if (a->kind == TJ_GGUF_BOOL) {
            TJ_ASSERT((uint64_t)tj_gguf_array_i64(a, i) <= 1);
        } else {
            double v = tj_gguf_array_f64(a, i);
            bool integer = tj_gguf_is_integer(a->kind);
            TJ_ASSERT(!integer || (tj_gguf_array_i64(a, i) < 0) == (v < 0.0));
        }
    }
}

/* Each way of asking for a key succeeds exactly where its kind allows it. */
static void read_key(const tj_gguf *g, const char *key, tj_gguf_kind kind)
{
    uint64_t u;
    int64_t i;
    double f;
    bool yes;
    const char *s;
    size_t len;
    tj_gguf_array a;
    tj_err err;
    tj_code as_u = tj_gguf_u64(g, &u, key, &err);
    tj_code as_i = tj_gguf_i64(g, &i, key, &err);
    TJ_ASSERT(tj_gguf_has(g, key));
    TJ_ASSERT((as_u == TJ_OK || as_i == TJ_OK) == tj_gguf_is_integer(kind));
    TJ_ASSERT(as_u != TJ_OK || as_i != TJ_OK || (uint64_t)i == u);
    TJ_ASSERT((tj_gguf_f64(g, &f, key, &err) == TJ_OK) == tj_gguf_is_number(kind));
    TJ_ASSERT((tj_gguf_bool(g, &yes, key, &err) == TJ_OK) == (kind == TJ_GGUF_BOOL));
    TJ_ASSERT((tj_gguf_string(g, &s, &len, key, &err) == TJ_OK) == (kind == TJ_GGUF_STRING));
    if (kind == TJ_GGUF_STRING) {
        touch(s, len);
    }
    if (tj_gguf_get_array(g, &a, key, &err) == TJ_OK) {
        TJ_ASSERT(kind == TJ_GGUF_ARRAY);
        read_array(&a);
    }
}

/* Gives the end of the last value. */
static const uint8_t *read_keys(const tj_gguf *g, const uint8_t *data)
{
    const uint8_t *end = data;
    for (size_t i = 0; i < tj_gguf_n_keys(g); i++) {
        tj_gguf_kind kind;
        tj_gguf_kind again;
        const unsigned char *bytes;
        size_t n;
        const char *key = tj_gguf_key(g, i, &kind);
        TJ_ASSERT(tj_gguf_raw(g, &again, &bytes, &n, key, NULL) == TJ_OK);
        TJ_ASSERT(again == kind);
        TJ_ASSERT(bytes > end);
        end = bytes + n;
        read_key(g, key, kind);
    }
    return end;
}

static void read_tensors(const tj_gguf *g, const uint8_t *begin, const uint8_t *end)
{
    for (size_t i = 0; i < tj_gguf_n_tensors(g); i++) {
        const tj_gguf_tensor *t = tj_gguf_tensor_at(g, i);
        size_t n = 1;
        for (size_t k = 0; k < TJ_GGUF_MAX_DIMS; k++) {
            n *= t->dims[k];
        }
        TJ_ASSERT(tj_gguf_find(g, t->name) == t);
        TJ_ASSERT(t->n == n);
        TJ_ASSERT(t->n_bytes == n / tj_ggml_block_values(t->type) * tj_ggml_block_bytes(t->type));
        TJ_ASSERT(t->n_bytes > 0);
        TJ_ASSERT(t->bytes > begin);
        TJ_ASSERT((size_t)(end - t->bytes) >= t->n_bytes);
        for (size_t k = 0; k < i && k < 100; k++) {
            const tj_gguf_tensor *o = tj_gguf_tensor_at(g, k);
            TJ_ASSERT(o->bytes + o->n_bytes <= t->bytes || t->bytes + t->n_bytes <= o->bytes);
        }
        touch(t->bytes, t->n_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_gguf *g;
    tj_err err;
    if (tj_gguf_open_bytes(&g, data, size, "input", &err) != TJ_OK) {
        TJ_ASSERT(g == NULL);
        TJ_ASSERT(strncmp(err.msg, "input: ", 7) == 0);
        return 0;
    }
    const uint8_t *end = read_keys(g, data);
    TJ_ASSERT((size_t)(end - data) <= size);
    read_tensors(g, end, data + size);
    tj_gguf_close(g);
    return 0;
}
