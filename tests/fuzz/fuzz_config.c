/* Any bytes as a configuration file, as settings of the demo, and as one assignment. What is read
 * is written as JSON that reads back to the same; what is refused has a message that begins with
 * the file's name. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/config.h"
#include "stage/stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A table or list as text and back. Not a scalar, which YAML reads: DEL and the like are JSON, but
 * not YAML. */
static void write_and_read(const json_t *json)
{
    json_t *back;
    char *text = tj_json_canonical(json);
    TJ_ASSERT(text != NULL);
    if (!json_is_object(json) && !json_is_array(json)) {
        tj_free(text);
        return;
    }
    TJ_ASSERT(tj_config_parse(&back, text, strlen(text), "written", NULL) == TJ_OK);
    TJ_ASSERT(json_equal(json, back));
    json_decref(back);
    tj_free(text);
}

static void read_settings(const json_t *json, const char *text, size_t len)
{
    tj_demo_config a, b;
    tj_err err;
    tj_demo_config_default(&a, false);
    tj_demo_config_default(&b, false);
    if (tj_demo_config_read(&a, json, "", &err) != TJ_OK) {
        TJ_ASSERT(memcmp(&a, &b, sizeof a) == 0);
        tj_config_add_line(&err, text, len, "input");
        TJ_ASSERT(strncmp(err.msg, "input:", 6) == 0);
        return;
    }
    json_t *once = tj_demo_config_write(&a);
    TJ_ASSERT(tj_demo_config_read(&b, once, "", &err) == TJ_OK);
    json_t *twice = tj_demo_config_write(&b);
    TJ_ASSERT(json_equal(once, twice));
    write_and_read(once);
    json_decref(once);
    json_decref(twice);
}

static void assign(const char *text, size_t len)
{
    tj_demo_config cfg;
    tj_demo_config_default(&cfg, false);
    json_t *root = tj_demo_config_write(&cfg);
    json_t *before = json_deep_copy(root);
    char *line = tj_strndup(text, len);
    TJ_ASSERT(root != NULL && before != NULL && line != NULL);
    if (tj_config_set(root, line, NULL) == TJ_OK) {
        write_and_read(root);
    } else {
        TJ_ASSERT(json_equal(root, before));
    }
    tj_free(line);
    json_decref(before);
    json_decref(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    json_t *json;
    tj_err err;
    if (tj_config_parse(&json, text, size, "input", &err) == TJ_OK) {
        write_and_read(json);
        read_settings(json, text, size);
        json_decref(json);
    } else {
        TJ_ASSERT(json == NULL);
        TJ_ASSERT(strncmp(err.msg, "input:", 6) == 0);
    }
    if (size > 0 && memchr(data, '=', size) != NULL) {
        assign(text, size);
    }
    return 0;
}
