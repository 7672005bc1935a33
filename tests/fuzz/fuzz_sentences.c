/* Any bytes as a file of sentences: it is taken whole or not at all, errors name the file, and what
 * is taken can be said. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "thought/thought.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_templates *set;
    tj_err err = {.msg = ""};
    size_t n = 0;
    size_t n_now = 0;
    tj_rng rng;
    tj_rng_init(&rng, 1, 0, 0, 0);
    TJ_ASSERT(tj_templates_create(&set, NULL) == TJ_OK);
    while (tj_templates_nth(set, n) != NULL) {
        n++;
    }
    tj_code rc = tj_templates_add(set, (const char *)data, size, "input", &err);
    while (tj_templates_nth(set, n_now) != NULL) {
        n_now++;
    }
    TJ_ASSERT(rc == TJ_OK ? n_now > n : n_now == n && strncmp(err.msg, "input", 5) == 0);
    for (size_t i = n; i < n_now; i++) {
        tj_buf line;
        tj_saying what = {.language = tj_templates_language(set, i),
                          .action = tj_templates_action(set, i),
                          .reason = "a\nreason"};
        tj_buf_init(&line);
        tj_templates_write(set, i, &what, &line);
        const char *end = strchr(tj_buf_text(&line), '\n'); /* one line, whatever it says */
        TJ_ASSERT(end != NULL && end[1] == 0);
        tj_buf_deinit(&line);
    }
    tj_templates_destroy(set);
    return 0;
}
