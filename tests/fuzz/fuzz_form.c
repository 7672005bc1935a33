/* Any bytes as a schema and, behind the first line break, as a text in its form. What is refused
 * says why; what is taken as a whole answer is JSON (nested as deep as forms may be); and where the
 * text leaves the form, it can be ended nevertheless. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/json.h"
#include "infer/form.h"

#define MAX_SCHEMA_DEPTH 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(const tj_buf *text)
{
    json_error_t error;
    json_t *json = json_loadb(tj_buf_text(text), text->len, JSON_DECODE_ANY, &error);
    TJ_ASSERT(json != NULL);
    json_decref(json);
}

/* Steps over the first byte that may come, those that close before others. */
static bool step_on(tj_form_state *state, const tj_form *form, tj_buf *text)
{
    static const char closing[] = "\"}]:0";
    for (unsigned i = 0; i < sizeof closing - 1 + 256; i++) {
        unsigned char b = i < sizeof closing - 1 ? (unsigned char)closing[i]
                                                 : (unsigned char)(i - (sizeof closing - 1));
        tj_form_state next = *state;
        if (tj_form_step(&next, form, b)) {
            *state = next;
            tj_buf_add(text, (const char *)&b, 1);
            return true;
        }
    }
    return false;
}

static bool is_small(const tj_form *form)
{
    size_t sum = form->n_slab;
    for (size_t i = 0; i < form->n_nodes; i++) {
        sum += form->nodes[i].min > 8 ? 1000 : form->nodes[i].n;
    }
    return sum < 300; /* an end is near: counts multiply where containers nest */
}

static void follow(const tj_form *form, const char *text, size_t n)
{
    tj_form_state state;
    tj_buf taken;
    tj_buf_init(&taken);
    tj_form_begin(&state, form, false);
    for (size_t i = 0; i < n; i++) {
        tj_form_state next = state;
        if (!tj_form_step(&next, form, (unsigned char)text[i])) {
            break;
        }
        state = next;
        tj_buf_add(&taken, text + i, 1);
    }
    for (size_t i = 0; is_small(form) && i < 4096 && !tj_form_is_complete(&state, form); i++) {
        TJ_ASSERT(step_on(&state, form, &taken));
    }
    if (tj_form_is_complete(&state, form)) {
        check_json(&taken);
    }
    tj_buf_deinit(&taken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *line = size == 0 ? NULL : memchr(text, '\n', size);
    size_t n = line == NULL ? size : (size_t)(line - text);
    tj_form *form = NULL;
    json_t *schema = NULL;
    tj_err err = {.msg = ""};
    if (tj_json_parse(&schema, text, n, MAX_SCHEMA_DEPTH, "it", NULL) != TJ_OK) {
        return 0;
    }
    if (tj_form_create(&form, schema, "schema", &err) != TJ_OK) {
        TJ_ASSERT(form == NULL && strncmp(err.msg, "schema: ", 8) == 0);
    } else {
        follow(form, text + (line == NULL ? size : n + 1), line == NULL ? 0 : size - n - 1);
    }
    tj_form_destroy(form);
    json_decref(schema);
    return 0;
}
