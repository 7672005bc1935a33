/* Any bytes as the head's file and as a key's. What is read is written as the same bytes; what is
 * refused has a message with the file's name, and leaves nothing behind. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "store/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    static const tj_head no_head;
    static const tj_key no_key;
    tj_head head;
    tj_key key;
    char text[TJ_HEAD_MAX_BYTES];
    tj_err err;
    if (tj_head_parse(&head, bytes, size, "input", &err) == TJ_OK) {
        TJ_ASSERT(tj_head_print(text, &head, true) == size);
        TJ_ASSERT(memcmp(text, bytes, size) == 0);
    } else {
        TJ_ASSERT(memcmp(&head, &no_head, sizeof head) == 0);
        TJ_ASSERT(strncmp(err.msg, "input:", 6) == 0);
    }
    if (tj_key_parse(&key, bytes, size, "input", &err) == TJ_OK) {
        TJ_ASSERT(tj_key_print(text, &key, key.has_seed) == size);
        TJ_ASSERT(memcmp(text, bytes, size) == 0);
        tj_key_forget(&key);
    }
    TJ_ASSERT(memcmp(&key, &no_key, sizeof key) == 0);
    return 0;
}
