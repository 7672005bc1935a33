/* Any bytes as a judge's answer, and as a prompt of one's own. What is taken for a verdict is one of
 * three with words for a reason; what is refused says why in UTF-8. A prompt that passes the check
 * is written without harm. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "tree/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_answer(const char *text, size_t size)
{
    tj_judge_vote vote;
    char why[TJ_JUDGE_WHY_BYTES] = "";
    tj_code rc;
    if (tj_judge_read(&vote, text, size, why, &rc)) {
        TJ_ASSERT(vote.value >= -1 && vote.value <= 1);
        TJ_ASSERT(vote.reason[strspn(vote.reason, " \t\r\n")] != 0);
    } else {
        TJ_ASSERT(rc == TJ_OK && vote.reason == NULL);
        TJ_ASSERT(why[0] != 0 && tj_utf8_check(why, strlen(why)) == strlen(why));
    }
    tj_free(vote.reason);
}

static void read_prompt(const char *text)
{
    static const char *const needed[] = {"problem", "step", NULL};
    static const char *const steps[] = {"{{step}}", "b\n"};
    const tj_score_ask ask = {.problem = "p", .steps = steps, .n_steps = 2};
    tj_err err;
    tj_buf out;
    if (tj_blanks_check(text, needed, "it", &err) != TJ_OK) {
        TJ_ASSERT(strncmp(err.msg, "it:", 3) == 0);
        return;
    }
    tj_buf_init(&out);
    tj_blanks_write(&out, text, &ask, false, TJ_ENGLISH);
    TJ_ASSERT(!out.failed && out.len > 0);
    tj_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = tj_strndup((const char *)data, size);
    TJ_ASSERT(text != NULL);
    read_answer((const char *)data, size);
    read_prompt(text);
    tj_free(text);
    return 0;
}
