/* A tokenizer whose tokens are the bytes, and the marks of ChatML. */
#ifndef TJ_TESTS_SUPPORT_BYTE_TOKENIZER_H
#define TJ_TESTS_SUPPORT_BYTE_TOKENIZER_H

#include "base/buf.h"

/* Adds its tokenizer.json: ids 0 to 255 are bytes, 256 <|im_start|>, 257 <|im_end|>. */
static inline void byte_tokenizer_json(tj_buf *json)
{
    tj_buf_str(json,
               "{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"merges\":[],\"vocab\":{");
    for (int i = 0; i < 256; i++) {
        tj_buf_printf(json, "%s\"<0x%02X>\":%d", i == 0 ? "" : ",", (unsigned)i, i);
    }
    tj_buf_str(json, "}},\"added_tokens\":["
                     "{\"id\":256,\"content\":\"<|im_start|>\",\"special\":true},"
                     "{\"id\":257,\"content\":\"<|im_end|>\",\"special\":true}]}");
}

#endif
