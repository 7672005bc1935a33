#include "gguf_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/gguf.h"

#define MAX_TOKENS 2048

typedef struct vocabulary {
    const char *texts[MAX_TOKENS];
    size_t lens[MAX_TOKENS];
    int32_t types[MAX_TOKENS];
    float scores[MAX_TOKENS];
    size_t n;
    char unused[MAX_TOKENS][16];
} vocabulary;

void gguf_temp_path(char path[32])
{
    snprintf(path, 32, "/tmp/tabiji-gguf-XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(close(file), 0);
}

static void set(vocabulary *v, size_t id, const char *text, int32_t type)
{
    assert_true(id < MAX_TOKENS);
    v->n = id >= v->n ? id + 1 : v->n;
    v->texts[id] = text;
    v->lens[id] = strlen(text);
    v->types[id] = type;
    v->scores[id] = -1e6F;
}

static void read_tokens(vocabulary *v, json_t *root, bool by_score)
{
    const char *text;
    json_t *value;
    size_t i;
    json_object_foreach(json_object_get(json_object_get(root, "model"), "vocab"), text, value)
    {
        bool is_byte = by_score && strncmp(text, "<0x", 3) == 0 && strlen(text) == 6;
        set(v, (size_t)json_integer_value(value), text, is_byte ? 6 : 1);
    }
    json_array_foreach(json_object_get(root, "added_tokens"), i, value)
    {
        bool special = json_is_true(json_object_get(value, "special"));
        set(v, (size_t)json_integer_value(json_object_get(value, "id")),
            json_string_value(json_object_get(value, "content")), special ? 3 : 4);
    }
    for (i = 0; i < v->n; i++) {
        if (v->texts[i] == NULL) {
            snprintf(v->unused[i], sizeof v->unused[i], "[UNUSED%zu]", i);
            set(v, i, v->unused[i], 5);
        }
    }
}

/* A token's score is where the first merge that makes it stands. */
static void read_scores(vocabulary *v, const json_t *root)
{
    const json_t *model = json_object_get(root, "model"),
                 *merges = json_object_get(model, "merges");
    for (size_t i = json_array_size(merges); i-- > 0;) {
        const json_t *merge = json_array_get(merges, i);
        char text[256];
        snprintf(text, sizeof text, "%s%s", json_string_value(json_array_get(merge, 0)),
                 json_string_value(json_array_get(merge, 1)));
        json_int_t id = json_integer_value(json_object_get(json_object_get(model, "vocab"), text));
        v->scores[id] = -(float)i;
    }
}

static void put_merges(tj_gguf_writer *w, const json_t *merges)
{
    size_t n = json_array_size(merges);
    char(*texts)[256] = tj_calloc(n, sizeof *texts);
    const char **lent = tj_calloc(n, sizeof *lent);
    size_t *lens = tj_calloc(n, sizeof *lens);
    assert_true(texts != NULL && lent != NULL && lens != NULL);
    for (size_t i = 0; i < n; i++) {
        const json_t *merge = json_array_get(merges, i);
        snprintf(texts[i], sizeof texts[i], "%s %s", json_string_value(json_array_get(merge, 0)),
                 json_string_value(json_array_get(merge, 1)));
        lent[i] = texts[i];
        lens[i] = strlen(texts[i]);
    }
    tj_gguf_put_strings(w, "tokenizer.ggml.merges", lent, lens, n);
    tj_free(texts);
    tj_free(lent);
    tj_free(lens);
}

void gguf_write_json(const char *path, const json_t *root, const char *pre)
{
    bool with_space = strcmp(pre, "llama") == 0;
    bool by_score = with_space || strcmp(pre, "gemma") == 0;
    json_t *copy = json_deep_copy(root);
    vocabulary *v = tj_calloc(1, sizeof *v);
    tj_gguf_writer *w;
    assert_non_null(v);
    read_tokens(v, copy, by_score);
    assert_int_equal(tj_gguf_writer_open(&w, path, NULL), TJ_OK);
    tj_gguf_put_string(w, "tokenizer.ggml.model", by_score ? "llama" : "gpt2", by_score ? 5 : 4);
    tj_gguf_put_string(w, "tokenizer.ggml.pre", pre, strlen(pre));
    tj_gguf_put_strings(w, "tokenizer.ggml.tokens", v->texts, v->lens, v->n);
    tj_gguf_put_i32s(w, "tokenizer.ggml.token_type", v->types, v->n);
    if (by_score) {
        read_scores(v, copy);
        tj_gguf_put_f32s(w, "tokenizer.ggml.scores", v->scores, v->n);
        tj_gguf_put_bool(w, "tokenizer.ggml.add_space_prefix", with_space);
    } else {
        put_merges(w, json_object_get(json_object_get(copy, "model"), "merges"));
    }
    tj_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 1);
    tj_err err = {.msg = ""};
    if (tj_gguf_writer_commit(w, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_free(v);
    json_decref(copy);
}
