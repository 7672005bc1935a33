/* Any bytes as a prompt, as a problem in JSON, and as an answer. What is read must be written back
 * the same; a walk must cover the text that it reads and keep the rules of its header. The first
 * byte chooses the reader. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "task/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const tj_countdown_config cfg = {.n_numbers = 4,
                                        .number_min = 1,
                                        .number_max = 30,
                                        .target_min = 1,
                                        .target_max = 100,
                                        .value_max = 200};

static void read_prompt(const char *text, size_t len)
{
    tj_countdown_problem p;
    if (tj_countdown_parse_prompt(&p, text, len, NULL) != TJ_OK) {
        return;
    }
    tj_buf buf;
    tj_buf_init(&buf);
    tj_countdown_write_prompt(&buf, &p);
    TJ_ASSERT(buf.len == len);
    TJ_ASSERT(memcmp(buf.data, text, len) == 0);
    tj_buf_deinit(&buf);
}

static void read_problem(const char *text, size_t len)
{
    tj_countdown_problem p, again;
    if (tj_countdown_read_json(&p, text, len, NULL) != TJ_OK) {
        return;
    }
    tj_buf buf;
    tj_buf_init(&buf);
    tj_countdown_write_json(&buf, &p);
    TJ_ASSERT(tj_countdown_read_json(&again, buf.data, buf.len, NULL) == TJ_OK);
    TJ_ASSERT(memcmp(&p, &again, sizeof p) == 0);
    tj_buf_deinit(&buf);
}

static void read_answer(const char *text, size_t len)
{
    static const tj_countdown_problem problem = {
        .numbers = {3, 6, 7, 11}, .n_numbers = 4, .target = 36};
    tj_walk walk;
    tj_code rc = tj_countdown_walk(&walk, &cfg, &problem, text, len, NULL);
    TJ_ASSERT(rc == TJ_OK || rc == TJ_E_LIMIT);
    size_t at = 0, first_wrong = SIZE_MAX;
    for (size_t i = 0; i < walk.n_lines; i++) {
        const tj_walk_line *line = &walk.lines[i];
        tj_countdown_state state;
        tj_countdown_unpack(&state, &line->state);
        TJ_ASSERT(line->begin == at);
        TJ_ASSERT(line->end > at);
        TJ_ASSERT(line->verdict.valid == (line->verdict.reason[0] == '\0'));
        TJ_ASSERT(line->verdict.terminal == (state.n_numbers == 1));
        TJ_ASSERT(line->verdict.solvable == tj_countdown_solvable(&cfg, &state));
        if (!line->verdict.valid && first_wrong == SIZE_MAX) {
            first_wrong = i;
        }
        at = line->end;
    }
    TJ_ASSERT(walk.first_wrong == first_wrong);
    TJ_ASSERT(!walk.correct || walk.lines[walk.n_lines - 1].verdict.kind == TJ_LINE_REACHED);
    TJ_ASSERT(!walk.correct || walk.expression[0] != '\0');
    tj_walk_deinit(&walk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    switch (data[0] % 3) {
    case 0:
        read_answer(text, size - 1);
        break;
    case 1:
        read_prompt(text, size - 1);
        break;
    default:
        read_problem(text, size - 1);
        break;
    }
    return 0;
}
