/* Any bytes as records of thoughts: what is read has spans that cover it, and is written as JSON
 * that reads back to the same JSON. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "thought/thought.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tj_code check(void *ctx, tj_record *record, const char *where, tj_err *err)
{
    tj_record back;
    (void)ctx;
    (void)err;
    TJ_ASSERT(tj_thought_check(&record->thought, NULL) == TJ_OK);
    json_t *once = tj_record_to_json(record);
    TJ_ASSERT(once != NULL);
    TJ_ASSERT(tj_record_from_json(&back, once, where, NULL) == TJ_OK);
    json_t *twice = tj_record_to_json(&back);
    TJ_ASSERT(json_equal(once, twice));
    json_decref(once);
    json_decref(twice);
    tj_record_deinit(&back);
    return TJ_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_err err = {.msg = ""};
    if (tj_records_read((const char *)data, size, "input", check, NULL, &err) != TJ_OK) {
        TJ_ASSERT(strncmp(err.msg, "input:", 6) == 0);
    }
    return 0;
}
