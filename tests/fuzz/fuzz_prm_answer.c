/* Any bytes as what a server of process reward models answers: a pooling, or a choice with its
 * tokens. What is taken has probabilities; what is refused says why. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/json.h"
#include "infer/remote.h"
#include "tree/prm_answer.h"

#define MAX_STEPS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_choice(const char *text, size_t size, bool chat)
{
    json_t *choice;
    tj_completion c;
    tj_err err = {.code = TJ_OK};
    double p;
    const tj_remote_asked asked = {.chat = chat, .n = 1, .logprobs = true};
    if (tj_json_parse(&choice, text, size, TJ_MAX_ANSWER_DEPTH, "it", NULL) != TJ_OK) {
        return;
    }
    if (tj_remote_read_choice(&c, choice, asked, NULL) == TJ_OK) {
        if (tj_prm_read_tags(&p, &c, "+", "-", &err) == TJ_OK) {
            TJ_ASSERT(p >= 0.0 && p <= 1.0);
        } else {
            TJ_ASSERT(err.code == TJ_E_PARSE && err.msg[0] != 0);
        }
        tj_completion_deinit(&c);
    }
    json_decref(choice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    double values[MAX_STEPS];
    for (size_t n = 1; n <= MAX_STEPS; n++) {
        tj_err err = {.code = TJ_OK};
        if (tj_prm_read_pooled(values, n, text, size, &err) == TJ_OK) {
            for (size_t i = 0; i < n; i++) {
                TJ_ASSERT(values[i] >= 0.0 && values[i] <= 1.0);
            }
        } else {
            TJ_ASSERT(err.code == TJ_E_PARSE && err.msg[0] != 0);
        }
    }
    read_choice(text, size, false);
    read_choice(text, size, true);
    return 0;
}
