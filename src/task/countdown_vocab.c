/* share/countdown/tokenizer.json, made into an array by the build. */
#include "task/countdown.h"

const char *tj_countdown_tokenizer_json(size_t *len)
{
    *len = tj_countdown_tokenizer_n;
    return (const char *)tj_countdown_tokenizer;
}
