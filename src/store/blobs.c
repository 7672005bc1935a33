/* Arrays of ids and log-probabilities as blobs of little-endian int32 and f32, bit for bit. */
#include <string.h>

#include "base/alloc.h"
#include "store/inner.h"

_Static_assert(sizeof(float) == 4 && sizeof(int32_t) == 4, "blobs hold 4-byte values");

void tj_bind_values(tj_stmt *st, const void *bytes, size_t n)
{
    tj_stmt_blob(st, n == 0 ? "" : bytes, n);
}

tj_code tj_copy_values(tj_stmt *st, int column, void **out, size_t *n, tj_err *err)
{
    size_t bytes;
    const void *from = tj_stmt_get_bytes(st, column, &bytes);
    *out = NULL;
    *n = bytes / 4;
    if (*n == 0) {
        return TJ_OK;
    }
    *out = tj_malloc(bytes);
    if (*out == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot read %zu bytes", bytes);
    }
    memcpy(*out, from, bytes);
    return TJ_OK;
}
