/* Any text as a rewarder's spec: what is read is an object with a kind, and says the same again;
 * what is refused says why. Files are not opened. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/config.h"
#include "tree/scorers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *spec = tj_strndup((const char *)data, size);
    tj_err err = {.code = TJ_OK};
    json_t *json = NULL;
    size_t n = strlen(spec);
    if ((n < 5 || (strcmp(spec + n - 5, ".yaml") != 0 && strcmp(spec + n - 5, ".json") != 0)) &&
        (n < 4 || strcmp(spec + n - 4, ".yml") != 0)) {
        if (tj_scorer_spec_parse(&json, spec, &err) == TJ_OK) {
            TJ_ASSERT(json_is_string(json_object_get(json, "kind")));
        } else {
            TJ_ASSERT(json == NULL && err.msg[0] != 0);
        }
    }
    json_decref(json);
    tj_free(spec);
    return 0;
}
