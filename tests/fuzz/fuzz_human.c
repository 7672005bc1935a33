/* Any bytes as annotated thinking: what is read is written, reads back to the same, and is the same
 * when written again; it becomes a record whose spans cover its text. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "thought/thought.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const tj_human *h)
{
    static tj_templates *set;
    tj_record record;
    tj_human back;
    tj_rng rng;
    tj_rng_init(&rng, 1, 0, 0, 0);
    TJ_ASSERT(set != NULL || tj_templates_create(&set, NULL) == TJ_OK);
    TJ_ASSERT(tj_human_to_record(&record, h, NULL, -1, set, &rng, NULL) == TJ_OK);
    TJ_ASSERT(tj_thought_check(&record.thought, NULL) == TJ_OK);
    TJ_ASSERT(record.thought.n_spans == h->n_lines);
    TJ_ASSERT(tj_human_from_record(&back, &record, NULL) == TJ_OK);
    tj_buf text;
    tj_human again;
    tj_buf_init(&text);
    tj_human_write(&back, &text);
    TJ_ASSERT(tj_human_read(&again, tj_buf_text(&text), text.len, "written", NULL) == TJ_OK);
    TJ_ASSERT(again.n_lines == back.n_lines);
    tj_human_deinit(&again);
    tj_buf_deinit(&text);
    tj_human_deinit(&back);
    tj_record_deinit(&record);
}

/* As a file of several thoughts: each read moves on, up to the end. */
static void read_all(const char *text, size_t len)
{
    tj_human_place place = {0};
    size_t before = 0;
    do {
        tj_human h;
        if (tj_human_read_next(&h, &place, text, len, "input", NULL) != TJ_OK) {
            return;
        }
        tj_human_deinit(&h);
        TJ_ASSERT(place.at > before && place.at <= len);
        before = place.at;
    } while (place.at < len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all((const char *)data, size);
    tj_human a;
    tj_human b;
    tj_err err = {.msg = ""};
    if (tj_human_read(&a, (const char *)data, size, "input", &err) != TJ_OK) {
        TJ_ASSERT(a.lines == NULL && strncmp(err.msg, "input:", 6) == 0);
        return 0;
    }
    tj_buf once;
    tj_buf twice;
    tj_buf_init(&once);
    tj_buf_init(&twice);
    tj_human_write(&a, &once);
    TJ_ASSERT(tj_human_read(&b, tj_buf_text(&once), once.len, "written", NULL) == TJ_OK);
    tj_human_write(&b, &twice);
    TJ_ASSERT(strcmp(tj_buf_text(&once), tj_buf_text(&twice)) == 0);
    TJ_ASSERT(a.n_lines == b.n_lines && a.correct == b.correct);
    for (size_t i = 0; i < a.n_lines; i++) {
        TJ_ASSERT(a.lines[i].mark == b.lines[i].mark && a.lines[i].to == b.lines[i].to);
        TJ_ASSERT(strcmp(a.lines[i].text, b.lines[i].text) == 0);
    }
    check_record(&a);
    tj_buf_deinit(&once);
    tj_buf_deinit(&twice);
    tj_human_deinit(&a);
    tj_human_deinit(&b);
    return 0;
}
