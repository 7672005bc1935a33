/* Any bytes as the head's file and as a key's. What is read is written as the same bytes; what is
 * refused has a message with the file's name, and leaves nothing behind. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "store/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same(const tj_buf *text, const char *bytes, size_t n)
{
    TJ_ASSERT(!text->failed);
    TJ_ASSERT(text->len == n);
    TJ_ASSERT(memcmp(tj_buf_text(text), bytes, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    static const tj_head no_head;
    static const tj_key no_key;
    tj_head head;
    tj_key key;
    tj_buf text;
    tj_err err;
    tj_buf_init(&text);
    if (tj_head_parse(&head, bytes, size, "input", &err) == TJ_OK) {
        tj_head_print(&text, &head, true);
        expect_same(&text, bytes, size);
    } else {
        TJ_ASSERT(memcmp(&head, &no_head, sizeof head) == 0);
        TJ_ASSERT(strncmp(err.msg, "input:", 6) == 0);
    }
    tj_buf_clear(&text);
    if (tj_key_parse(&key, bytes, size, "input", &err) == TJ_OK) {
        tj_key_print(&text, &key, key.has_seed);
        expect_same(&text, bytes, size);
        tj_key_forget(&key);
    }
    TJ_ASSERT(memcmp(&key, &no_key, sizeof key) == 0);
    tj_buf_deinit(&text);
    return 0;
}
