/* Any bytes as a safetensors file. If it opens, every tensor of its header is found, lies inside
 * the bytes, and together they are all of them; what can be read as f32 is. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "nn/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_values(const tj_st_reader *r, const tj_st_tensor *t)
{
    bool readable = strcmp(t->dtype, "F32") == 0 || strcmp(t->dtype, "BF16") == 0;
    size_t other[TJ_MAX_ST_DIMS + 1] = {t->n + 2};
    tj_err err;
    if (t->n_bytes > 4096) {
        return;
    }
    float *values = tj_calloc(t->n, sizeof *values); /* exactly: a value too many is noticed */
    TJ_ASSERT(values != NULL);
    tj_code rc = tj_st_read_f32(r, values, t->name, t->shape, t->n_dims, &err);
    TJ_ASSERT(rc == (readable ? TJ_OK : TJ_E_PARSE));
    TJ_ASSERT(tj_st_read_f32(r, values, t->name, other, 1, &err) == TJ_E_PARSE);
    TJ_ASSERT(strncmp(err.msg, "input: ", 7) == 0);
    tj_free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_st_reader *r;
    tj_err err;
    if (tj_st_open_bytes(&r, data, size, "input", &err) != TJ_OK) {
        TJ_ASSERT(r == NULL);
        TJ_ASSERT(strncmp(err.msg, "input: ", 7) == 0);
        return 0;
    }
    size_t header = 0; /* it opened: the size is below 2^32 */
    memcpy(&header, data, 4);
    json_t *json = json_loadb((const char *)data + 8, header, JSON_REJECT_DUPLICATES, NULL);
    const char *name;
    json_t *entry;
    size_t n = 0, n_bytes = 0;
    json_object_foreach(json, name, entry)
    {
        tj_st_tensor t;
        (void)tj_st_meta(r, name);
        if (strcmp(name, "__metadata__") == 0) {
            continue;
        }
        TJ_ASSERT(tj_st_find(r, &t, name, NULL) == TJ_OK);
        TJ_ASSERT(t.bytes >= data + 8 + header);
        TJ_ASSERT((size_t)(data + size - t.bytes) >= t.n_bytes);
        read_values(r, &t);
        n_bytes += t.n_bytes;
        n++;
    }
    TJ_ASSERT(n == tj_st_count(r));
    TJ_ASSERT(n_bytes == tj_st_n_bytes(r));
    TJ_ASSERT(8 + header + n_bytes == size);
    json_decref(json);
    tj_st_close(r);
    return 0;
}
