/* What ends an answer: one id or a list, in config.json and generation_config.json, and GGUF's keys
 * for the ends of texts, turns and messages; all of them come back from a file that is written. And
 * how a model's makers ask for it to be sampled. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/par.h"
#include "nn/hf_config.h"
#include "nn/nn_testing.h"
#include "support/must.h"

/* A folder with a model whose config.json has this at eos_token_id. */
static int make_folder(void **state)
{
    tj_err err;
    tj_model_config cfg;
    if (nn_make_folder(state) != 0) {
        return -1;
    }
    nn_config_small(&cfg);
    tj_model *model = nn_model(&cfg, TJ_F32, 1);
    must(tj_model_save(model, nn_in_folder("model"), TJ_F32, &err), &err);
    tj_model_destroy(model);
    return 0;
}

static void put_eos(const char *eos)
{
    json_t *config;
    tj_err err;
    must(tj_hf_json_read(&config, nn_in_folder("model/config.json"), &err), &err);
    json_object_set_new(config, "eos_token_id", json_loads(eos, JSON_DECODE_ANY, NULL));
    char *text = json_dumps(config, 0);
    must(tj_fs_write(nn_in_folder("model/config.json"), text, strlen(text), &err), &err);
    free(text);
    json_decref(config);
}

/* NULL: there is none. */
static void put_generation(const char *text)
{
    (void)remove(nn_in_folder("model/generation_config.json"));
    if (text != NULL) {
        assert_int_equal(
            tj_fs_write(nn_in_folder("model/generation_config.json"), text, strlen(text), NULL),
            TJ_OK);
    }
}

static tj_model_config load(const char *name)
{
    tj_err err;
    tj_model *model;
    must(tj_model_load(&model, nn_in_folder(name), TJ_F32, &err), &err);
    tj_model_config cfg = *tj_model_cfg(model);
    tj_model_destroy(model);
    return cfg;
}

static void assert_ends(const tj_model_config *cfg, const int32_t *ids, size_t n)
{
    size_t found = 0;
    assert_int_equal(cfg->eos_id, n == 0 ? -1 : ids[0]);
    for (int32_t id = -1; id < (int32_t)cfg->n_vocab; id++) {
        found += tj_model_config_is_eos(cfg, id) ? 1 : 0;
    }
    assert_int_equal(found, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(tj_model_config_is_eos(cfg, ids[i]));
    }
}

#define ENDS(cfg, ...)                                                                             \
    assert_ends(cfg, (const int32_t[]){__VA_ARGS__},                                               \
                sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static void all_ends_of_both_files_are_kept(void **state)
{
    (void)state;
    static const int32_t none = -1;
    put_eos("null");
    put_generation(NULL);
    tj_model_config cfg = load("model");
    assert_ends(&cfg, &none, 0);
    put_eos("7");
    cfg = load("model");
    ENDS(&cfg, 7);
    put_eos("[7, 3, 7]");
    cfg = load("model");
    ENDS(&cfg, 7, 3);
    put_generation("{\"eos_token_id\": [3, 9]}");
    cfg = load("model");
    ENDS(&cfg, 7, 3, 9);
    put_eos("null");
    put_generation("{\"eos_token_id\": 0}");
    cfg = load("model");
    ENDS(&cfg, 0);
}

static void ends_come_back_from_what_is_written(void **state)
{
    (void)state;
    tj_err err;
    tj_model *model;
    put_eos("[7, 3]");
    put_generation("{\"eos_token_id\": 9}");
    must(tj_model_load(&model, nn_in_folder("model"), TJ_F32, &err), &err);
    must(tj_model_save(model, nn_in_folder("saved"), TJ_F32, &err), &err);
    tj_model_destroy(model);
    tj_model_config cfg = load("saved");
    ENDS(&cfg, 7, 3, 9);
    must(tj_model_convert(NULL, nn_in_folder("model"), nn_in_folder("m.gguf"), NULL, &err), &err);
    cfg = load("m.gguf");
    ENDS(&cfg, 7, 3, 9);
    must(tj_model_convert(NULL, nn_in_folder("m.gguf"), nn_in_folder("back"), NULL, &err), &err);
    cfg = load("back");
    ENDS(&cfg, 7, 3, 9);
}

static void what_a_gguf_has_no_key_for_is_noted(void **state)
{
    (void)state;
    tj_err err;
    json_t *summary;
    bool noted = false;
    size_t i;
    json_t *note;
    put_eos("[7, 3, 9, 11]");
    put_generation(NULL);
    must(tj_model_convert(&summary, nn_in_folder("model"), nn_in_folder("n.gguf"), NULL, &err),
         &err);
    json_array_foreach(json_object_get(summary, "notes"), i, note)
    {
        noted = noted || strstr(json_string_value(note), "token 11") != NULL;
    }
    assert_true(noted);
    json_decref(summary);
}

static void assert_refused(tj_code code, const char *word)
{
    tj_err err = {.msg = ""};
    tj_model *model;
    tj_code rc = tj_model_load(&model, nn_in_folder("model"), TJ_F32, &err);
    if (rc != code || strstr(err.msg, word) == NULL) {
        fail_msg("%s, which is not %s naming %s: %s", tj_code_name(rc), tj_code_name(code), word,
                 err.msg);
    }
}

static void malformed_ends_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\"7\"", "[7, \"3\"]", "-2", "1e3", "3000000000", "{}"};
    put_generation(NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        put_eos(wrong[i]);
        assert_refused(TJ_E_PARSE, "eos_token_id");
    }
    put_eos("[1, 2, 3, 4, 5, 6, 7, 8, 9]");
    assert_refused(TJ_E_LIMIT, "eos_token_id");
    put_eos("1");
    put_generation("{\"eos_token_id\": \"2\"}");
    assert_refused(TJ_E_PARSE, "generation_config.json: eos_token_id");
    put_generation("[");
    assert_refused(TJ_E_PARSE, "generation_config.json:1");
    put_generation(NULL);
}

static void sampling_is_what_the_file_suggests(void **state)
{
    (void)state;
    tj_err err;
    tj_suggested_sampling s;
    json_t *d;
    put_eos("7");
    put_generation("{\"temperature\": 0.7, \"top_p\": 0.8, \"top_k\": 20, \"do_sample\": true}");
    must(tj_model_sampling(&s, nn_in_folder("model"), &err), &err);
    assert_true(s.temperature == 0.7 && s.top_p == 0.8 && s.top_k == 20);
    must(tj_model_describe(&d, nn_in_folder("model"), &err), &err);
    assert_true(json_number_value(json_object_get(json_object_get(d, "sampling"), "top_p")) == 0.8);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(d, "ends"), 0)), 7);
    json_decref(d);
    put_generation("{\"top_p\": null}");
    must(tj_model_sampling(&s, nn_in_folder("model"), &err), &err);
    assert_true(isnan(s.temperature) && isnan(s.top_p) && s.top_k == 0);
    put_generation(NULL);
    must(tj_model_sampling(&s, nn_in_folder("model"), &err), &err);
    assert_true(isnan(s.temperature) && isnan(s.top_p) && s.top_k == 0);
    static const char *const wrong[] = {"{\"top_p\": 1.5}", "{\"temperature\": -1}",
                                        "{\"top_k\": \"40\"}"};
    for (size_t i = 0; i < 3; i++) {
        put_generation(wrong[i]);
        assert_int_equal(tj_model_sampling(&s, nn_in_folder("model"), &err), TJ_E_PARSE);
        assert_non_null(strstr(err.msg, "generation_config.json"));
    }
    put_generation(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ends_of_both_files_are_kept),
        cmocka_unit_test(ends_come_back_from_what_is_written),
        cmocka_unit_test(what_a_gguf_has_no_key_for_is_noted),
        cmocka_unit_test(malformed_ends_are_refused_by_name),
        cmocka_unit_test(sampling_is_what_the_file_suggests),
    };
    tj_par_set_threads(1);
    return cmocka_run_group_tests(tests, make_folder, nn_remove_folder);
}
