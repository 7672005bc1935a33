/* Any bytes as a tokenizer.json, which may hold a hostile pattern, and as a text for the tokenizer
 * of countdown: what is encoded decodes to the same bytes. An input that begins with "{" is a file.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "task/task.h"
#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ids of a text, in range; decoded again if decoding must give the text back. */
static void encode(const tj_tokenizer *tok, const char *text, size_t len, bool whole)
{
    tj_ids ids = {.ids = NULL};
    tj_code rc = tj_tokenizer_encode(tok, &ids, text, len, true, NULL);
    TJ_ASSERT(rc == TJ_OK || rc == TJ_E_INVAL || rc == TJ_E_PARSE || rc == TJ_E_LIMIT);
    TJ_ASSERT((rc == TJ_E_PARSE) == (tj_utf8_check(text, len) < len) || !whole);
    for (size_t i = 0; i < ids.n; i++) {
        size_t n_bytes;
        (void)tj_tokenizer_bytes(tok, ids.ids[i], &n_bytes);
        TJ_ASSERT(n_bytes > 0);
    }
    if (whole && rc == TJ_OK) {
        tj_buf back;
        tj_buf_init(&back);
        tj_tokenizer_decode(tok, &back, ids.ids, ids.n, true);
        TJ_ASSERT(back.len == len);
        TJ_ASSERT(len == 0 || memcmp(back.data, text, len) == 0);
        tj_buf_deinit(&back);
    }
    tj_ids_deinit(&ids);
}

static void read_file(const char *json, size_t len)
{
    static const char text[] =
        "The course of a journey, 12 + 34: 旅路\n  <eos>aaaaaaaaaaaaaaaaaaaaaa";
    tj_tokenizer *tok;
    if (tj_tokenizer_parse(&tok, json, len, "input", NULL) == TJ_OK) {
        encode(tok, text, sizeof text - 1, false);
        encode(tok, json, len < 512 ? len : 512, false);
        tj_tokenizer_destroy(tok);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == '{') {
        read_file((const char *)data, size);
        return 0;
    }
    static tj_tokenizer *tok; /* loaded once for all inputs */
    if (tok == NULL) {
        size_t len;
        const char *json = tj_countdown_tokenizer_json(&len);
        TJ_ASSERT(tj_tokenizer_parse(&tok, json, len, "countdown", NULL) == TJ_OK);
    }
    encode(tok, (const char *)data, size, true);
    return 0;
}
