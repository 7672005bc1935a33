/* Adapters in files: PEFT's folders come back bit for bit, adding them while a model is converted
 * gives the bits of adding them in memory, from folders and GGUF files alike, and what an adapter
 * means beyond what is supported is refused by name. Snapshots hold adapters alone and know whose
 * they are. PEFT itself is asked in bench/check_peft.py. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/par.h"
#include "nn/hf_config.h"
#include "nn/nn_testing.h"
#include "nn/safetensors.h"
#include "support/must.h"

/* ---------------------------------------------------------------- models */

static tj_model *plain_model(uint64_t seed)
{
    tj_model_config cfg;
    nn_config_small(&cfg);
    return nn_model(&cfg, TJ_F32, seed);
}

/* With adapters that the seed draws. */
static tj_model *adapted_model(uint64_t seed)
{
    tj_model *model = plain_model(1);
    nn_add_lora(model, seed);
    return model;
}

static void assert_same_lora(const tj_model *a, const tj_model *b)
{
    const tj_lora_config *x = tj_model_lora(a);
    const tj_lora_config *y = tj_model_lora(b);
    assert_true(x != NULL && y != NULL);
    assert_int_equal(x->rank, y->rank);
    assert_true(x->alpha == y->alpha);
    assert_int_equal(x->rslora, y->rslora);
    assert_memory_equal(x->targets, y->targets, sizeof x->targets);
}

/* ---------------------------------------------------------------- folders */

static void adapters_come_back_bit_for_bit(void **state)
{
    (void)state;
    tj_err err;
    for (uint64_t seed = 0; seed < 12; seed++) {
        tj_model *saved = adapted_model(seed);
        tj_model *loaded = plain_model(1);
        must(tj_adapter_save(saved, nn_in_folder("adapter"), "some/base", &err), &err);
        assert_true(tj_adapter_is_at(nn_in_folder("adapter")));
        must(tj_adapter_load(loaded, nn_in_folder("adapter"), &err), &err);
        assert_same_lora(saved, loaded);
        nn_assert_same_weights(saved, loaded);
        tj_model_destroy(saved);
        tj_model_destroy(loaded);
    }
    assert_false(tj_adapter_is_at(nn_folder));
}

static void a_folder_is_described(void **state)
{
    (void)state;
    json_t *d;
    tj_err err;
    tj_model *model = plain_model(1);
    tj_lora_config lora = {.rank = 3, .alpha = 6.0, .rslora = true};
    assert_int_equal(tj_lora_targets_parse(lora.targets, "k_proj,down_proj", NULL), TJ_OK);
    must(tj_model_add_lora(model, &lora, 1, &err), &err);
    must(tj_adapter_save(model, nn_in_folder("adapter"), "some/base", &err), &err);
    must(tj_adapter_describe(&d, nn_in_folder("adapter"), &err), &err);
    json_t *want = json_pack("{s:s, s:i, s:f, s:b, s:[ss], s:s, s:i, s:I, s:i, s:I, s:{s:i}}",
                             "format", "PEFT LoRA", "rank", 3, "alpha", 6.0, "rslora", 1, "targets",
                             "k_proj", "down_proj", "base", "some/base", "layers", 2, "parameters",
                             (json_int_t)tj_model_n_trainable(model), "tensors", 8, "bytes",
                             (json_int_t)(4 * tj_model_n_trainable(model)), "types", "F32", 8);
    assert_true(json_equal(d, want));
    json_decref(d);
    json_decref(want);
    tj_model_destroy(model);
}

/* As PEFT's save_pretrained names things. */
static void files_are_named_as_peft_names_them(void **state)
{
    (void)state;
    tj_st_reader *r;
    tj_st_tensor t;
    json_t *config;
    tj_err err;
    tj_model *model = plain_model(1);
    tj_lora_config lora;
    tj_lora_config_default(&lora);
    must(tj_model_add_lora(model, &lora, 1, &err), &err);
    must(tj_adapter_save(model, nn_in_folder("adapter"), NULL, &err), &err);
    must(tj_st_open(&r, nn_in_folder("adapter/adapter_model.safetensors"), &err), &err);
    assert_int_equal(tj_st_count(r), 8);
    must(tj_st_find(r, &t, "base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight", &err),
         &err);
    assert_true(t.n_dims == 2 && t.shape[0] == 12 && t.shape[1] == 16);
    must(tj_hf_json_read(&config, nn_in_folder("adapter/adapter_config.json"), &err), &err);
    assert_string_equal(json_string_value(json_object_get(config, "peft_type")), "LORA");
    assert_string_equal(json_string_value(json_object_get(config, "task_type")), "CAUSAL_LM");
    assert_string_equal(json_string_value(json_object_get(config, "bias")), "none");
    assert_int_equal(json_integer_value(json_object_get(config, "r")), 16);
    assert_true(json_is_integer(json_object_get(config, "lora_alpha")));
    assert_true(json_is_null(json_object_get(config, "base_model_name_or_path")));
    json_t *targets = json_pack("[ss]", "q_proj", "v_proj");
    assert_true(json_equal(json_object_get(config, "target_modules"), targets));
    json_decref(targets);
    json_decref(config);
    tj_st_close(r);
    tj_model_destroy(model);
}

/* ---------------------------------------------------------------- refusals */

static void put_text(const char *name, const char *text)
{
    assert_int_equal(tj_fs_write(nn_in_folder(name), text, strlen(text), NULL), TJ_OK);
}

/* Loading fails with this code, and names this. */
static void assert_refused(tj_code code, const char *word)
{
    tj_err err = {.msg = ""};
    tj_model *model = plain_model(1);
    tj_code rc = tj_adapter_load(model, nn_in_folder("adapter"), &err);
    if (rc != code || strstr(err.msg, word) == NULL) {
        fail_msg("%s, which is not %s naming %s: %s", tj_code_name(rc), tj_code_name(code), word,
                 err.msg);
    }
    assert_null(tj_model_lora(model));
    tj_model_destroy(model);
}

static json_t *good_config(void)
{
    json_t *config;
    tj_err err;
    tj_model *model = adapted_model(3);
    must(tj_adapter_save(model, nn_in_folder("adapter"), NULL, &err), &err);
    must(tj_hf_json_read(&config, nn_in_folder("adapter/adapter_config.json"), &err), &err);
    tj_model_destroy(model);
    return config;
}

static void put_config(const json_t *config)
{
    char *text = json_dumps(config, 0);
    assert_non_null(text);
    put_text("adapter/adapter_config.json", text);
    free(text);
}

static void settings_that_mean_more_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value; /* NULL: without the key */
        tj_code code;
    } cases[] = {
        {"peft_type", "\"LOHA\"", TJ_E_INVAL},
        {"peft_type", NULL, TJ_E_PARSE},
        {"task_type", "\"SEQ_CLS\"", TJ_E_INVAL},
        {"bias", "\"all\"", TJ_E_INVAL},
        {"use_dora", "true", TJ_E_INVAL},
        {"fan_in_fan_out", "true", TJ_E_INVAL},
        {"modules_to_save", "[\"lm_head\"]", TJ_E_INVAL},
        {"rank_pattern", "{\"q_proj\": 4}", TJ_E_INVAL},
        {"alpha_pattern", "{\"q_proj\": 4}", TJ_E_INVAL},
        {"layers_to_transform", "[0]", TJ_E_INVAL},
        {"layer_replication", "[[0, 1]]", TJ_E_INVAL},
        {"lora_bias", "true", TJ_E_INVAL},
        {"init_lora_weights", "\"pissa\"", TJ_E_INVAL},
        {"trainable_token_indices", "[1]", TJ_E_INVAL},
        {"something_new", "1", TJ_E_INVAL},
        {"target_modules", "[\"lm_head\"]", TJ_E_INVAL},
        {"target_modules", "[\"q_proj,k_proj\"]", TJ_E_INVAL},
        {"target_modules", "[3]", TJ_E_INVAL},
        {"target_modules", "[]", TJ_E_INVAL},
        {"target_modules", "\".*_proj\"", TJ_E_INVAL},
        {"r", NULL, TJ_E_PARSE},
        {"r", "0", TJ_E_PARSE},
        {"r", "100000", TJ_E_PARSE},
        {"r", "4.5", TJ_E_PARSE},
        {"lora_alpha", "0", TJ_E_PARSE},
        {"lora_alpha", "\"8\"", TJ_E_PARSE},
        {"use_rslora", "1", TJ_E_PARSE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *config = good_config();
        if (cases[i].value == NULL) {
            json_object_del(config, cases[i].key);
        } else {
            json_object_set_new(config, cases[i].key,
                                json_loads(cases[i].value, JSON_DECODE_ANY, NULL));
        }
        put_config(config);
        assert_refused(cases[i].code, cases[i].key);
        json_decref(config);
    }
}

static void settings_that_mean_nothing_are_passed_over(void **state)
{
    (void)state;
    tj_err err;
    json_t *config = good_config();
    tj_model *model = plain_model(1);
    json_object_set_new(config, "lora_dropout", json_real(0.1));
    json_object_set_new(config, "init_lora_weights", json_string("gaussian"));
    json_object_set_new(config, "megatron_core", json_string("megatron.core"));
    json_object_set_new(config, "use_qalora", json_false());
    json_object_set_new(config, "something_new", json_null());
    json_object_del(config, "rank_pattern");
    put_config(config);
    must(tj_adapter_load(model, nn_in_folder("adapter"), &err), &err);
    json_decref(config);
    tj_model_destroy(model);
}

/* Adapters of rank 1 for q of both layers, as they may stand in a file; `wrong` one of them is
 * another thing. */
static void put_tensors(int wrong, tj_dtype dtype)
{
    tj_st_writer *w;
    float values[64];
    size_t n = 0;
    for (size_t i = 0; i < 64; i++) {
        values[i] = wrong == 3 && i == 5 ? NAN : 0.5F * (float)i;
    }
    assert_int_equal(tj_st_writer_open(&w, nn_in_folder("adapter/adapter_model.safetensors"), NULL),
                     TJ_OK);
    for (size_t l = 0; l < 2; l++) {
        for (size_t b = 0; b < 2; b++) {
            char name[128];
            const size_t shape[2] = {b == 0 ? 1 : 24, b == 0 ? 24 : 1};
            snprintf(name, sizeof name,
                     "base_model.model.model.layers.%zu.self_attn.q_proj.lora_%c.weight",
                     l + (wrong == 0 && l == 1 ? 1 : 0), b == 0 ? 'A' : 'B');
            tj_st_writer_declare(w, name, dtype, wrong == 1 && b == 1 ? (size_t[]){1, 24} : shape,
                                 2);
            n++;
        }
    }
    if (wrong == 2) {
        tj_st_writer_declare(w, "base_model.model.lm_head.weight", TJ_F32, (size_t[]){2, 2}, 2);
    }
    for (size_t i = 0; i < n; i++) {
        tj_st_writer_values(w, values, 24);
    }
    if (wrong == 2) {
        tj_st_writer_values(w, values, 4);
    }
    assert_int_equal(tj_st_writer_commit(w, NULL), TJ_OK);
}

static void rank_1_of_q(void)
{
    json_t *config = good_config();
    json_t *targets = json_pack("[s]", "q_proj");
    json_object_set_new(config, "r", json_integer(1));
    json_object_set_new(config, "target_modules", targets);
    put_config(config);
    json_decref(config);
}

static void malformed_tensors_are_refused_by_name(void **state)
{
    (void)state;
    tj_err err;
    static const struct {
        tj_code code;
        const char *word;
    } cases[] = {{TJ_E_NOTFOUND, "layers.1.self_attn.q_proj.lora_A.weight"},
                 {TJ_E_PARSE, "layers.0.self_attn.q_proj.lora_B.weight"},
                 {TJ_E_PARSE, "5 tensors"},
                 {TJ_E_NUMERIC, "value 5"}};
    rank_1_of_q();
    for (int i = 0; i < 4; i++) {
        put_tensors(i, TJ_F32);
        assert_refused(cases[i].code, cases[i].word);
    }
    json_t *config = good_config();
    put_tensors(4, TJ_F32);
    json_object_set_new(config, "r", json_integer(512)); /* more than the file can hold */
    put_config(config);
    assert_refused(TJ_E_PARSE, "rank 512");
    json_decref(config);
    (void)remove(nn_in_folder("adapter/adapter_model.safetensors"));
    assert_refused(TJ_E_NOTFOUND, "adapter_model.safetensors");
    put_text("adapter/adapter_config.json", "{");
    assert_refused(TJ_E_PARSE, "adapter_config.json:1");
    (void)remove(nn_in_folder("adapter/adapter_config.json"));
    assert_refused(TJ_E_NOTFOUND, "adapter_config.json");
    tj_model *model = plain_model(1);
    assert_int_equal(tj_adapter_save(model, nn_in_folder("adapter"), NULL, &err), TJ_E_INVAL);
    tj_model_destroy(model);
}

static void half_width_tensors_are_read(void **state)
{
    (void)state;
    tj_err err;
    size_t n;
    tj_model *model = plain_model(1);
    rank_1_of_q();
    put_tensors(4, TJ_BF16);
    must(tj_adapter_load(model, nn_in_folder("adapter"), &err), &err);
    const tj_param *p = tj_model_params(model, &n);
    for (size_t i = 0; i < 24; i++) {
        assert_true(p[n - 1].weight[i] == 0.5F * (float)i);
    }
    tj_model_destroy(model);
}

static void failing_allocations_leave_no_adapters(void **state)
{
    (void)state;
    tj_code rc = TJ_E_NOMEM;
    json_decref(good_config());
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_model *model = plain_model(1);
        tj_alloc_fail_after(k);
        rc = tj_adapter_load(model, nn_in_folder("adapter"), NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_int_equal(tj_model_lora(model) != NULL, rc == TJ_OK);
        assert_true(k < 60);
        tj_model_destroy(model);
    }
}

/* ---------------------------------------------------------------- merging files */

/* A model of a family whose GGUF order of rows is another (llama), and of one whose norms are. */
static tj_model *family_model(size_t which)
{
    tj_model_config c;
    nn_config_small(&c);
    c.norm_eps = 1e-6;
    if (which == 1) {
        c.qk_norm = true;
        c.tied_embedding = false;
    }
    return nn_model(&c, TJ_F32, 5);
}

static void check_merge(size_t which, bool from_gguf, bool to_gguf)
{
    tj_err err;
    tj_model *model = family_model(which);
    tj_model *merged;
    const char *from = from_gguf ? nn_in_folder("base.gguf") : nn_in_folder("base");
    const char *to = to_gguf ? nn_in_folder("merged.gguf") : nn_in_folder("merged");
    const tj_convert_options options = {.adapter = nn_in_folder("adapter")};
    must(tj_model_save(model, nn_in_folder("base"), TJ_F32, &err), &err);
    if (from_gguf) {
        must(tj_model_convert(NULL, nn_in_folder("base"), from, NULL, &err), &err);
    }
    nn_add_lora(model, 20 + which);
    must(tj_adapter_save(model, options.adapter, NULL, &err), &err);
    must(tj_model_convert(NULL, from, to, &options, &err), &err);
    must(tj_model_merge_lora(model, &err), &err);
    must(tj_model_load(&merged, to, TJ_F32, &err), &err);
    nn_assert_same_weights(model, merged);
    tj_model_destroy(model);
    tj_model_destroy(merged);
}

static void merging_files_gives_the_bits_of_merging_in_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        check_merge(i % 2, i / 2 % 2 == 1, i / 4 == 1);
    }
}

static void adapters_of_another_shape_are_not_merged(void **state)
{
    (void)state;
    tj_err err;
    tj_model *model = adapted_model(4);
    must(tj_adapter_save(model, nn_in_folder("adapter"), NULL, &err), &err);
    tj_model_destroy(model);
    tj_model_config c;
    nn_config_small(&c);
    c.n_layers = 1;
    model = nn_model(&c, TJ_F32, 1);
    must(tj_model_save(model, nn_in_folder("small"), TJ_F32, &err), &err);
    tj_model_destroy(model);
    const tj_convert_options options = {.adapter = nn_in_folder("adapter")};
    assert_int_equal(
        tj_model_convert(NULL, nn_in_folder("small"), nn_in_folder("none"), &options, &err),
        TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "adapter_model.safetensors"));
    assert_false(tj_fs_exists(nn_in_folder("none/config.json")));
}

/* ---------------------------------------------------------------- snapshots */

static tj_adamw *optimizer_of(tj_model *model)
{
    static const tj_adamw_config cfg = {.lr_max = 0.1,
                                        .beta1 = 0.9,
                                        .beta2 = 0.99,
                                        .eps = 1e-8,
                                        .n_updates = 9,
                                        .schedule = TJ_SCHEDULE_CONSTANT};
    tj_adamw *opt;
    assert_int_equal(tj_adamw_create(&opt, model, &cfg, NULL), TJ_OK);
    return opt;
}

/* An update with gradients of the update's own. */
static void update(tj_model *model, tj_adamw *opt)
{
    size_t n;
    tj_rng rng;
    tj_param *p = tj_model_params(model, &n);
    tj_rng_init(&rng, 1, 0, tj_adamw_n_done(opt), 0);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; p[i].trainable && j < p[i].n; j++) {
            p[i].grad[j] = (float)tj_rng_normal(&rng);
        }
    }
    assert_int_equal(tj_adamw_update(opt, NULL, NULL), TJ_OK);
}

static void snapshots_give_the_bits_of_going_on(void **state)
{
    (void)state;
    tj_err err;
    tj_st_reader *r;
    tj_model *whole = adapted_model(6);
    tj_model *again = adapted_model(6);
    tj_adamw *opts[2] = {optimizer_of(whole), optimizer_of(again)};
    for (size_t i = 0; i < 3; i++) {
        update(whole, opts[0]);
    }
    must(tj_snapshot_save(nn_in_folder("snapshots"), whole, opts[0], NULL, &err), &err);
    must(tj_st_open(&r, nn_in_folder("snapshots/gen-3-a/model.safetensors"), &err), &err);
    assert_int_equal(tj_st_n_bytes(r), sizeof(float) * tj_model_n_trainable(whole));
    tj_st_close(r);
    must(tj_snapshot_load(nn_in_folder("snapshots"), again, opts[1], NULL, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        update(whole, opts[0]);
        update(again, opts[1]);
    }
    nn_assert_same_weights(whole, again);
    tj_model *models[2] = {whole, again};
    for (size_t i = 0; i < 2; i++) {
        tj_adamw_destroy(opts[i]);
        tj_model_destroy(models[i]);
    }
}

static void assert_conflict(tj_model *model, const char *word)
{
    tj_err err = {.msg = ""};
    tj_adamw *opt = optimizer_of(model);
    char before[65];
    char after[65];
    tj_model_digest(model, before);
    assert_int_equal(tj_snapshot_load(nn_in_folder("snapshots"), model, opt, NULL, &err),
                     TJ_E_CONFLICT);
    if (strstr(err.msg, word) == NULL) {
        fail_msg("'%s' does not name %s", err.msg, word);
    }
    tj_model_digest(model, after);
    assert_string_equal(before, after);
    tj_adamw_destroy(opt);
    tj_model_destroy(model);
}

static tj_model *of_rank(uint64_t base, size_t rank, const char *targets)
{
    tj_model *model = plain_model(base);
    tj_lora_config lora = {.rank = rank, .alpha = 8.0};
    assert_int_equal(tj_lora_targets_parse(lora.targets, targets, NULL), TJ_OK);
    assert_int_equal(tj_model_add_lora(model, &lora, 1, NULL), TJ_OK);
    return model;
}

static void snapshots_of_others_are_refused_by_name(void **state)
{
    (void)state;
    tj_err err;
    tj_model *model = of_rank(1, 4, "q_proj,v_proj");
    tj_adamw *opt = optimizer_of(model);
    must(tj_snapshot_save(nn_in_folder("snapshots"), model, opt, NULL, &err), &err);
    assert_conflict(of_rank(2, 4, "q_proj,v_proj"), "other weights");
    assert_conflict(of_rank(1, 5, "q_proj,v_proj"), "rank 4");
    assert_conflict(of_rank(1, 4, "q_proj,k_proj"), "v_proj");
    assert_conflict(plain_model(1), "adapters of rank 4");
    tj_adamw_destroy(opt);
    tj_model_destroy(model);
    model = plain_model(1);
    opt = optimizer_of(model);
    must(tj_snapshot_save(nn_in_folder("snapshots"), model, opt, NULL, &err), &err);
    assert_conflict(of_rank(1, 4, "q_proj,v_proj"), "a whole model");
    tj_adamw_destroy(opt);
    tj_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_come_back_bit_for_bit),
        cmocka_unit_test(a_folder_is_described),
        cmocka_unit_test(files_are_named_as_peft_names_them),
        cmocka_unit_test(settings_that_mean_more_are_refused_by_name),
        cmocka_unit_test(settings_that_mean_nothing_are_passed_over),
        cmocka_unit_test(malformed_tensors_are_refused_by_name),
        cmocka_unit_test(half_width_tensors_are_read),
        cmocka_unit_test(failing_allocations_leave_no_adapters),
        cmocka_unit_test(merging_files_gives_the_bits_of_merging_in_memory),
        cmocka_unit_test(adapters_of_another_shape_are_not_merged),
        cmocka_unit_test(snapshots_give_the_bits_of_going_on),
        cmocka_unit_test(snapshots_of_others_are_refused_by_name),
    };
    tj_par_set_threads(1);
    return cmocka_run_group_tests(tests, nn_make_folder, nn_remove_folder);
}
