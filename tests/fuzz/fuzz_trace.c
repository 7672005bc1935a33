/* Any JSON as a process trace: what is taken has spans that cover its text and becomes a tree, each
 * of whose spans tells of a node; what is refused names its place and leaves nothing. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "thought/thought.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = NULL;
    tj_record record;
    tj_tree tree;
    tj_err err = {.msg = ""};
    if (tj_json_parse(&json, (const char *)data, size, 16, "input", NULL) != TJ_OK) {
        return 0;
    }
    if (tj_trace_to_record(&record, json, "input", &err) != TJ_OK) {
        TJ_ASSERT(strncmp(err.msg, "input: ", 7) == 0);
        TJ_ASSERT(record.thought.spans == NULL && record.thought.text == NULL);
        json_decref(json);
        return 0;
    }
    json_decref(json);
    TJ_ASSERT(tj_thought_check(&record.thought, NULL) == TJ_OK);
    TJ_ASSERT(tj_thought_to_tree(&tree, &record.thought, TJ_YES, NULL) == TJ_OK);
    for (size_t i = 0; i < record.thought.n_spans; i++) {
        TJ_ASSERT(record.thought.spans[i].node < tree.n_nodes);
    }
    tj_tree_deinit(&tree);
    tj_record_deinit(&record);
    return 0;
}
