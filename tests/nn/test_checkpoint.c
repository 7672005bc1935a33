/* A checkpoint comes back bit for bit, or not at all: files that are cut at any byte, fields and
 * tensors that are missing or wrong, and a disk that fills up while a new one is written over an
 * old one give an error that names the file, and never a model that was not saved. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "nn/adamw.h"
#include "nn/nn_testing.h"
#include "nn/safetensors.h"
#include "support/full_disk.h"

static char *read_file(const char *path, size_t *n)
{
    char *bytes;
    assert_int_equal(tj_fs_read(&bytes, n, path, (size_t)1 << 24, NULL), TJ_OK);
    return bytes;
}

/* Without the flushes of tj_fs_write: many files are written here. */
static void put_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* As few weights as there can be with every kind of tensor. */
static tj_model *tiny(uint64_t seed)
{
    tj_model_config c;
    tj_model_config_default(&c);
    c.n_vocab = 3;
    c.width = c.head_dim = c.ffn_width = 2;
    c.n_layers = c.n_heads = c.n_kv_heads = 1;
    c.qk_norm = true;
    c.value_head = true;
    c.tied_embedding = false;
    return nn_model(&c, TJ_F32, seed);
}

static void save(const tj_model *m)
{
    tj_err err = {.msg = ""};
    if (tj_model_save(m, nn_folder, TJ_F32, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
}

/* Loading fails with a message that begins with the file's path and has `says` in it. */
static void assert_refused(const char *file, const char *says, const char *what)
{
    tj_model *m;
    tj_err err = {.msg = ""};
    const char *path = nn_in_folder(file);
    tj_code rc = tj_model_load(&m, nn_folder, TJ_F32, &err);
    assert_null(m);
    if (rc == TJ_OK || strncmp(err.msg, path, strlen(path)) != 0 || strstr(err.msg, says) == NULL) {
        fail_msg("%s: %d, '%s' does not name %s and '%s'", what, (int)rc, err.msg, path, says);
    }
}

static void assert_loads(const tj_model *want)
{
    tj_model *m;
    tj_err err = {.msg = ""};
    if (tj_model_load(&m, nn_folder, TJ_F32, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    char a[65], b[65];
    tj_model_digest(m, a);
    tj_model_digest(want, b);
    assert_string_equal(a, b);
    assert_true(tj_model_cfg(m)->rope[0].theta == tj_model_cfg(want)->rope[0].theta);
    tj_model_destroy(m);
}

/* ------------------------------------------------------------------ whole ones */

static void assert_same_config(const tj_model_config *a, const tj_model_config *b)
{
    assert_int_equal(a->n_vocab, b->n_vocab);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->n_heads, b->n_heads);
    assert_int_equal(a->n_kv_heads, b->n_kv_heads);
    assert_int_equal(a->head_dim, b->head_dim);
    assert_int_equal(a->ffn_width, b->ffn_width);
    assert_int_equal(a->max_positions, b->max_positions);
    assert_true(a->norm_eps == b->norm_eps && a->rope[0].theta == b->rope[0].theta);
    assert_true(a->qkv_bias == b->qkv_bias && a->qk_norm == b->qk_norm);
    assert_true(a->tied_embedding == b->tied_embedding && a->value_head == b->value_head);
    assert_int_equal(a->bos_id, b->bos_id);
    assert_int_equal(a->eos_id, b->eos_id);
    for (size_t l = 0; l < a->n_layers; l++) {
        assert_int_equal(a->layer[l].window, b->layer[l].window);
    }
}

static void every_option_comes_back_bit_for_bit(void **state)
{
    (void)state;
    size_t n_saved = 0;
    for (size_t option = 0; option < NN_N_OPTIONS; option++) {
        tj_model_config c;
        const char *family;
        tj_err err;
        nn_config_options(&c, option);
        c.layer[1].window = c.layer[0].window; /* families have one window */
        c.norm_eps = 1e-5 / 3.0;
        c.rope[0].theta = 1e4 / 3.0;
        c.bos_id = (int32_t)(option % 3) - 1;
        c.eos_id = (int32_t)(option % 5) - 1;
        tj_model *m = nn_model(&c, TJ_F32, option);
        tj_code rc = tj_model_save(m, nn_folder, TJ_F32, &err);
        assert_int_equal(rc, tj_model_config_family(&family, &c, NULL));
        if (rc == TJ_OK) {
            tj_model *back;
            assert_int_equal(tj_model_load(&back, nn_folder, TJ_F32, &err), TJ_OK);
            nn_assert_same_weights(m, back);
            assert_same_config(&c, tj_model_cfg(back));
            tj_model_destroy(back);
            n_saved++;
        }
        tj_model_destroy(m);
    }
    assert_true(n_saved >= 16);
}

static void bf16_rounds_to_the_nearest_and_twice_is_once(void **state)
{
    (void)state;
    tj_model *m = tiny(1);
    tj_model *once;
    tj_model *twice;
    size_t n;
    tj_param *params = tj_model_params(m, &n);
    /* corners: halfway cases to even, carries into the exponent, subnormal, infinite, no number */
    const float corners[] = {1.00390625F, 1.01171875F,    1.99999988F,
                             -0.0F,       FLT_MIN / 4.0F, -FLT_MAX};
    const float want[] = {1.0F, 1.015625F, 2.0F, -0.0F, FLT_MIN / 4.0F, -INFINITY};
    memcpy(params[0].weight, corners, sizeof corners);
    assert_int_equal(tj_model_save(m, nn_folder, TJ_BF16, NULL), TJ_OK);
    assert_int_equal(tj_model_load(&once, nn_folder, TJ_F32, NULL), TJ_OK);
    assert_int_equal(tj_model_save(once, nn_folder, TJ_BF16, NULL), TJ_OK);
    assert_int_equal(tj_model_load(&twice, nn_folder, TJ_F32, NULL), TJ_OK);
    nn_assert_same_weights(once, twice);
    tj_param *got = tj_model_params(once, &n);
    nn_assert_same_bits(got[0].weight, want, 6, "corners");
    for (size_t i = 1; i < n; i++) {
        for (size_t k = 0; k < params[i].n; k++) { /* 8 bits: half a unit is 2^-8 of it at most */
            float x = params[i].weight[k];
            assert_true(fabsf(got[i].weight[k] - x) <= 0x1p-8F * fabsf(x));
        }
    }
    tj_model_destroy(once);
    tj_model_destroy(twice);
    const uint32_t nan = 0x7fffffffU; /* of all bits: adding to it carries into the sign */
    memcpy(params[0].weight, &nan, sizeof nan);
    assert_int_equal(tj_model_save(m, nn_folder, TJ_BF16, NULL), TJ_OK);
    assert_int_equal(tj_model_load(&once, nn_folder, TJ_F32, NULL), TJ_OK);
    assert_true(isnan(tj_model_params(once, &n)[0].weight[0]));
    tj_model_destroy(once);
    tj_model_destroy(m);
}

/* ------------------------------------------------------------------ broken ones */

static void a_file_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "model.safetensors"};
    tj_model *m = tiny(2);
    save(m);
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        char *bytes = read_file(nn_in_folder(files[i]), &n);
        assert_true(n > 100);
        for (size_t cut = n; cut-- > 0;) {
            assert_int_equal(truncate(nn_in_folder(files[i]), (off_t)cut), 0);
            assert_refused(files[i], "", "cut");
        }
        bytes[n] = 'x'; /* tj_fs_read gives a byte more, a zero */
        put_file(nn_in_folder(files[i]), bytes, n + 1);
        assert_refused(files[i], "", "longer");
        put_file(nn_in_folder(files[i]), bytes, n);
        tj_free(bytes);
    }
    assert_loads(m);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rename(nn_in_folder(files[i]), nn_in_folder("elsewhere")), 0);
        tj_model *none;
        tj_err err;
        assert_int_equal(tj_model_load(&none, nn_folder, TJ_F32, &err), TJ_E_NOTFOUND);
        assert_non_null(strstr(err.msg, nn_in_folder(files[i])));
        assert_int_equal(rename(nn_in_folder("elsewhere"), nn_in_folder(files[i])), 0);
    }
    tj_model_destroy(m);
}

/* What each field of config.json must be: cases of (field, value, what the message has). NULL: the
 * field is left out; says NULL: the message has the field's name; "": it loads. */
static const struct {
    const char *field, *value, *says;
} fields[] = {
    {"model_type", NULL, NULL},
    {"model_type", "\"gpt2\"", "model_type 'gpt2' is not llama, qwen2, qwen3 or gemma3_text"},
    {"model_type", "\"llama\"", ""}, /* q/k norms are then tensors too many; see the test */
    {"vocab_size", NULL, NULL},
    {"vocab_size", "0", NULL},
    {"vocab_size", "-3", NULL},
    {"vocab_size", "3.0", NULL},
    {"vocab_size", "\"3\"", NULL},
    {"vocab_size", "16777217", "n_vocab"},
    {"vocab_size", "9223372036854775807", "n_vocab"},
    {"hidden_size", NULL, NULL},
    {"hidden_size", "null", NULL},
    {"hidden_size", "1048577", "width"},
    {"intermediate_size", NULL, NULL},
    {"intermediate_size", "[]", NULL},
    {"num_hidden_layers", NULL, NULL},
    {"num_hidden_layers", "257", "n_layers"},
    {"num_attention_heads", NULL, NULL},
    {"num_attention_heads", "true", NULL},
    {"num_key_value_heads", "0", NULL},
    {"num_key_value_heads", "2", "n_heads 1 is not a multiple of n_kv_heads 2"},
    {"head_dim", "3", "head_dim 3 is odd"},
    {"head_dim", "\"2\"", NULL},
    {"head_dim", "258", "head_dim"},
    {"max_position_embeddings", NULL, NULL},
    {"max_position_embeddings", "2000000", "max_positions"},
    {"rms_norm_eps", NULL, NULL},
    {"rms_norm_eps", "\"1e-5\"", NULL},
    {"rms_norm_eps", "0.0", "norm_eps"},
    {"rms_norm_eps", "-1e-5", "norm_eps"},
    {"rope_parameters", "5", NULL},
    {"rope_parameters", "{}", "rope_theta"},
    {"rope_parameters", "{\"rope_theta\":\"x\"}", "rope_theta"},
    {"rope_parameters", "{\"rope_theta\":0.5}", "rope_theta"},
    {"rope_parameters", "{\"rope_theta\":10000.0,\"rope_type\":\"yarn\"}", "factor"},
    {"rope_parameters", "{\"rope_theta\":10000.0,\"rope_type\":\"dynamic\"}", "rope_type"},
    {"rope_parameters", "{\"rope_theta\":10000.0,\"rope_type\":1}", "rope_type"},
    {"rope_parameters", "{\"rope_theta\":10000.0,\"partial_rotary_factor\":0.5}",
     "partial_rotary_factor"},
    {"rope_scaling", "{\"type\":\"linear\",\"factor\":2.0}", "differ"},
    {"rope_theta", "10001.0", "differ"},
    {"rope_scaling", "\"linear\"", NULL},
    {"hidden_act", "\"gelu\"", NULL},
    {"hidden_act", "1", NULL},
    {"attention_bias", "true", NULL},
    {"attention_bias", "\"no\"", NULL},
    {"mlp_bias", "true", NULL},
    {"mlp_bias", "0", NULL},
    {"tie_word_embeddings", "1", NULL},
    {"tie_word_embeddings", "\"false\"", NULL},
    {"tabiji_value_head", "1", NULL},
    {"bos_token_id", "\"1\"", NULL},
    {"bos_token_id", "4294967296", NULL},
    {"eos_token_id", "-2", NULL},
    {"eos_token_id", "[true]", NULL},
    {"use_sliding_window", "1", NULL},
    {"use_sliding_window", "true", "sliding_window"},
};

static json_t *saved_config(void)
{
    json_t *json = json_load_file(nn_in_folder("config.json"), 0, NULL);
    assert_true(json_is_object(json));
    return json;
}

static void put_config(const json_t *json)
{
    char *text = json_dumps(json, 0);
    put_file(nn_in_folder("config.json"), text, strlen(text));
    free(text);
}

static void wrong_fields_are_refused_by_name(void **state)
{
    (void)state;
    tj_model *m = tiny(3);
    save(m);
    json_t *right = saved_config();
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        json_t *json = json_deep_copy(right);
        if (fields[i].value == NULL) {
            assert_int_equal(json_object_del(json, fields[i].field), 0);
        } else {
            json_object_set_new(json, fields[i].field,
                                json_loads(fields[i].value, JSON_DECODE_ANY, NULL));
        }
        put_config(json);
        const char *says = fields[i].says == NULL ? fields[i].field : fields[i].says;
        assert_refused(says[0] == '\0' ? "model.safetensors" : "config.json", says,
                       fields[i].field);
        json_decref(json);
    }
    static const char *const texts[] = {"",
                                        "[]",
                                        "5",
                                        "{\"model_type\":1}",
                                        "{\"model_type\":\"llama\",\"model_type\":\"llama\"}",
                                        "{\"model_type\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put_file(nn_in_folder("config.json"), texts[i], strlen(texts[i]));
        assert_refused("config.json", "", texts[i]);
    }
    put_config(right);
    assert_loads(m);
    json_decref(right);
    tj_model_destroy(m);
}

static void other_spellings_of_a_field_mean_the_same(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"rope_parameters\":null,\"rope_theta\":10000.0}",
        "{\"rope_parameters\":{\"rope_theta\":10000}}",
        "{\"hidden_act\":null,\"tie_word_embeddings\":null,\"attention_bias\":null}",
        "{\"bos_token_id\":null,\"eos_token_id\":-1}",
        "{\"use_sliding_window\":false,\"sliding_window\":4,\"layer_types\":[]}",
        "{\"a field of a later version\":{}}",
    };
    tj_model *m = tiny(4);
    save(m);
    json_t *right = saved_config();
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        json_t *json = json_deep_copy(right);
        json_t *changes = json_loads(same[i], 0, NULL);
        assert_int_equal(json_object_update(json, changes), 0);
        put_config(json);
        assert_loads(m);
        json_decref(changes);
        json_decref(json);
    }
    json_t *json = json_deep_copy(right);
    json_object_set_new(json, "eos_token_id", json_pack("[i, i]", 2, 1)); /* the first */
    put_config(json);
    tj_model *back;
    assert_int_equal(tj_model_load(&back, nn_folder, TJ_F32, NULL), TJ_OK);
    assert_int_equal(tj_model_cfg(back)->eos_id, 2);
    tj_model_destroy(back);
    json_decref(json);
    json_decref(right);
    tj_model_destroy(m);
}

/* The window of each layer as transformers has it: by layer_types, else from max_window_layers on,
 * which is 28 where it is missing. */
static void windows_are_of_the_layers_that_have_them(void **state)
{
    (void)state;
    static const struct {
        const char *changes;
        size_t windows[2];
        const char *says; /* NULL: it loads */
    } cases[] = {
        {"{\"max_window_layers\":0}", {4, 4}, NULL},
        {"{\"max_window_layers\":1}", {0, 4}, NULL},
        {"{\"max_window_layers\":2}", {0, 0}, NULL},
        {"{\"max_window_layers\":null}", {0, 0}, NULL},
        {"{\"layer_types\":[\"sliding_attention\",\"full_attention\"]}", {4, 0}, NULL},
        {"{\"use_sliding_window\":false}", {0, 0}, NULL},
        {"{\"max_window_layers\":-1}", {0, 0}, "max_window_layers"},
        {"{\"layer_types\":[\"full_attention\"]}", {0, 0}, "layer_types"},
        {"{\"layer_types\":\"full_attention\"}", {0, 0}, "layer_types"},
        {"{\"layer_types\":[\"full_attention\",\"odd\"]}", {0, 0}, "layer_types[1]"},
        {"{\"layer_types\":[\"full_attention\",0]}", {0, 0}, "layer_types[1]"},
        {"{\"sliding_window\":0}", {0, 0}, "sliding_window"},
        {"{\"sliding_window\":null}", {0, 0}, "sliding_window"},
    };
    tj_model_config c;
    nn_config_small(&c);
    c.qk_norm = true;
    c.layer[0].window = c.layer[1].window = 4;
    tj_model *m = nn_model(&c, TJ_F32, 5);
    save(m);
    json_t *right = saved_config();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *json = json_deep_copy(right);
        json_t *changes = json_loads(cases[i].changes, 0, NULL);
        assert_int_equal(json_object_update(json, changes), 0);
        put_config(json);
        if (cases[i].says != NULL) {
            assert_refused("config.json", cases[i].says, cases[i].changes);
        } else {
            tj_model *back;
            assert_int_equal(tj_model_load(&back, nn_folder, TJ_F32, NULL), TJ_OK);
            for (size_t l = 0; l < 2; l++) {
                assert_int_equal(tj_model_cfg(back)->layer[l].window, cases[i].windows[l]);
            }
            tj_model_destroy(back);
        }
        json_decref(changes);
        json_decref(json);
    }
    json_decref(right);
    tj_model_destroy(m);
}

/* A configuration that asks for more than there is must not get it: no terabyte is allocated. */
static void a_huge_configuration_takes_no_memory(void **state)
{
    (void)state;
    tj_model *m = tiny(6);
    save(m);
    json_t *json = saved_config();
    json_object_set_new(json, "vocab_size", json_integer(1 << 24));
    json_object_set_new(json, "hidden_size", json_integer(1 << 20));
    json_object_set_new(json, "intermediate_size", json_integer(1 << 22));
    json_object_set_new(json, "num_hidden_layers", json_integer(256));
    put_config(json);
    assert_refused("model.safetensors", "too few", "huge");
    json_decref(json);
    tj_model_destroy(m);
}

/* ------------------------------------------------------------------ tensors */

typedef enum tensor_fault {
    MISSING,
    TWICE_AS_LONG,
    TRANSPOSED,
    FLAT,
    RENAMED,
    N_FAULTS
} tensor_fault;

/* Writes the model's tensors with a fault in the one numbered `at`, and perhaps one more. */
static void write_tensors(tj_model *m, size_t at, tensor_fault fault, bool extra)
{
    tj_st_writer *w;
    size_t n;
    tj_param *params = tj_model_params(m, &n);
    float *values[64];
    size_t sizes[64], n_values = 0;
    static float spare[64];
    assert_int_equal(tj_st_writer_open(&w, nn_in_folder("model.safetensors"), NULL), TJ_OK);
    for (size_t i = 0; i < n; i++) {
        size_t shape[2] = {params[i].shape[0], params[i].shape[1]};
        size_t size = params[i].n;
        const char *name = params[i].name;
        size_t n_dims = 2;
        if (i == at && fault == MISSING) {
            continue;
        }
        if (i == at && fault == TWICE_AS_LONG) {
            shape[1] *= 2;
            size *= 2;
        } else if (i == at && fault == TRANSPOSED) {
            shape[0] = params[i].shape[1];
            shape[1] = params[i].shape[0];
        } else if (i == at && fault == FLAT) {
            shape[0] = size;
            n_dims = 1;
        } else if (i == at && fault == RENAMED) {
            name = "other";
        }
        tj_st_writer_declare(w, name, TJ_F32, shape, n_dims);
        values[n_values] = size > params[i].n ? spare : params[i].weight;
        sizes[n_values++] = size;
    }
    if (extra) {
        tj_st_writer_declare(w, "one.more", TJ_F32, (const size_t[]){2}, 1);
        values[n_values] = spare;
        sizes[n_values++] = 2;
    }
    for (size_t i = 0; i < n_values; i++) {
        tj_st_writer_values(w, values[i], sizes[i]);
    }
    assert_int_equal(tj_st_writer_commit(w, NULL), TJ_OK);
}

static void wrong_tensors_are_refused_by_name(void **state)
{
    (void)state;
    tj_model *m = tiny(7);
    size_t n;
    tj_param *params = tj_model_params(m, &n);
    save(m);
    for (size_t i = 0; i < n; i++) {
        for (int fault = 0; fault < N_FAULTS; fault++) {
            bool vector = params[i].shape[0] == 1; /* leading ones do not count: it is flat */
            bool square = params[i].shape[0] == params[i].shape[1];
            if ((fault == FLAT && vector) || (fault == TRANSPOSED && square)) {
                continue;
            }
            write_tensors(m, i, (tensor_fault)fault, fault == MISSING);
            assert_refused("model.safetensors", params[i].name, "tensor");
        }
    }
    write_tensors(m, n, MISSING, true);
    assert_refused("model.safetensors", "tensors, but the configuration has", "one more");
    write_tensors(m, n, MISSING, false);
    assert_loads(m);
    tj_model_destroy(m);
}

/* Types of the same width, so that only the name is wrong. */
static void tensors_of_other_types_are_refused(void **state)
{
    (void)state;
    static const char *const types[] = {"I32", "i32", "F3\xff"};
    tj_model *m = tiny(8);
    save(m);
    size_t n;
    char *bytes = read_file(nn_in_folder("model.safetensors"), &n);
    size_t n_seen = 0;
    for (size_t i = 8; i + 3 < n && bytes[i] != '\0'; i++) {
        if (memcmp(bytes + i, "F32", 3) != 0) {
            continue;
        }
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            memcpy(bytes + i, types[t], 3);
            put_file(nn_in_folder("model.safetensors"), bytes, n);
            assert_refused("model.safetensors",
                           t == 0 ? "I32, supported are F32, F16 and BF16" : "", types[t]);
        }
        memcpy(bytes + i, "F32", 3);
        n_seen++;
    }
    size_t n_params;
    (void)tj_model_params(m, &n_params);
    assert_int_equal(n_seen, n_params);
    tj_free(bytes);
    tj_model_destroy(m);
}

/* ------------------------------------------------------------------ full disks */

static void a_full_disk_leaves_the_old_checkpoint(void **state)
{
    (void)state;
    tj_model *old = tiny(9);
    tj_model_config c = *tj_model_cfg(old);
    c.rope[0].theta = 777.0; /* the same tensors with another configuration */
    tj_model *new = nn_model(&c, TJ_F32, 10);
    save(old);
    size_t n;
    tj_free(read_file(nn_in_folder("model.safetensors"), &n));
    for (size_t limit = 0; limit < n; limit += limit < 4 ? 1 : n / 9) {
        tj_err err = {.msg = ""};
        limit_files(limit);
        tj_code rc = tj_model_save(new, nn_folder, TJ_F32, &err);
        limit_files(SIZE_MAX);
        assert_int_equal(rc, TJ_E_IO);
        assert_non_null(strstr(err.msg, nn_folder));
        assert_loads(old);
        assert_false(tj_fs_exists(nn_in_folder("config.json.next")));
    }
    save(new);
    assert_loads(new);
    tj_model_destroy(old);
    tj_model_destroy(new);
}

static void failing_allocations_leave_the_old_checkpoint(void **state)
{
    (void)state;
    tj_model *old = tiny(11);
    tj_model *new = tiny(12);
    tj_code rc = TJ_E_NOMEM;
    save(old);
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_alloc_fail_after(k);
        rc = tj_model_save(new, nn_folder, TJ_F32, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(k < 1000);
        if (rc != TJ_OK) { /* whole, whichever it is: the last steps follow the renaming */
            tj_model *m;
            assert_int_equal(tj_model_load(&m, nn_folder, TJ_F32, NULL), TJ_OK);
            tj_model_destroy(m);
        }
    }
    assert_loads(new);
    rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_model *m;
        tj_alloc_fail_after(k);
        rc = tj_model_load(&m, nn_folder, TJ_F32, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true((rc == TJ_OK) == (m != NULL));
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true(k < 1000);
        tj_model_destroy(m);
    }
    tj_model_destroy(old);
    tj_model_destroy(new);
}

/* ------------------------------------------------------------------ the optimiser */

static tj_adamw *optimiser(tj_model *m, size_t n_updates)
{
    const tj_adamw_config cfg = {
        .lr_max = 0.1, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .n_updates = 100};
    tj_adamw *opt;
    tj_err err = {.msg = ""};
    if (tj_adamw_create(&opt, m, &cfg, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    for (size_t u = 0; u < n_updates; u++) {
        size_t n;
        tj_param *params = tj_model_params(m, &n);
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < params[i].n; k++) {
                params[i].grad[k] = 0.01F * (float)(k + u) - 0.03F;
            }
        }
        assert_int_equal(tj_adamw_update(opt, NULL, NULL), TJ_OK);
    }
    return opt;
}

static void an_optimiser_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    tj_model *m = tiny(13);
    tj_adamw *opt = optimiser(m, 3);
    tj_adamw *back = optimiser(m, 0);
    const char *path = nn_in_folder("optimizer.safetensors");
    char kept[512];
    snprintf(kept, sizeof kept, "%s", path);
    assert_int_equal(tj_adamw_save(opt, kept, NULL), TJ_OK);
    assert_int_equal(tj_adamw_load(back, kept, NULL), TJ_OK);
    assert_int_equal(tj_adamw_n_done(back), 3);
    size_t n_params;
    tj_param *params = tj_model_params(m, &n_params);
    for (size_t which = 0; which < 2; which++) {
        for (size_t i = 0; i < n_params; i++) {
            nn_assert_same_bits(tj_adamw_moment(opt, which, i), tj_adamw_moment(back, which, i),
                                params[i].n, params[i].name);
        }
    }
    size_t n;
    char *bytes = read_file(kept, &n);
    for (size_t cut = n; cut-- > 0;) {
        tj_err err = {.msg = ""};
        assert_int_equal(truncate(kept, (off_t)cut), 0);
        assert_int_equal(tj_adamw_load(back, kept, &err), TJ_E_PARSE);
        assert_memory_equal(err.msg, kept, strlen(kept));
    }
    /* other numbers of updates, in as many bytes */
    static const char *const wrong[] = {"\"n_updates\":\"-\"", "\"n_updates\":\" \"",
                                        "\"n_updates\":{}  ", "\"m_updates\":\"3\""};
    char *at = NULL;
    for (size_t i = 8; i + 15 < n && at == NULL; i++) {
        at = memcmp(bytes + i, "\"n_updates\":\"3\"", 15) == 0 ? bytes + i : NULL;
    }
    assert_non_null(at);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tj_err err = {.msg = ""};
        memcpy(at, wrong[i], 15);
        put_file(kept, bytes, n);
        assert_int_equal(tj_adamw_load(back, kept, &err), TJ_E_PARSE);
        assert_memory_equal(err.msg, kept, strlen(kept));
        assert_non_null(strstr(err.msg, "n_updates"));
    }
    assert_int_equal(tj_adamw_n_done(back), 3);
    tj_free(bytes);
    tj_adamw_destroy(opt);
    tj_adamw_destroy(back);
    tj_model_destroy(m);
}

static void an_optimiser_of_other_tensors_is_refused(void **state)
{
    (void)state;
    static const char *const moments[] = {"exp_avg", "exp_avg_sq"};
    static const float spare[2];
    tj_model *m = tiny(14);
    tj_adamw *opt = optimiser(m, 0);
    size_t n;
    tj_param *params = tj_model_params(m, &n);
    char path[512];
    snprintf(path, sizeof path, "%s", nn_in_folder("optimizer.safetensors"));
    for (size_t n_extra = 0; n_extra < 2; n_extra++) {
        tj_st_writer *w;
        tj_err err = {.msg = ""};
        assert_int_equal(tj_st_writer_open(&w, path, NULL), TJ_OK);
        tj_st_writer_meta(w, "n_updates", "7");
        for (size_t i = 0; i < 2 * n; i++) {
            char name[128];
            snprintf(name, sizeof name, "%s.%s", moments[i / n], params[i % n].name);
            tj_st_writer_declare(w, name, TJ_F32, params[i % n].shape, 2);
        }
        if (n_extra == 1) {
            tj_st_writer_declare(w, "exp_avg.other", TJ_F32, (const size_t[]){2}, 1);
        }
        for (size_t i = 0; i < 2 * n; i++) {
            tj_st_writer_values(w, params[i % n].weight, params[i % n].n);
        }
        if (n_extra == 1) {
            tj_st_writer_values(w, spare, 2);
        }
        assert_int_equal(tj_st_writer_commit(w, NULL), TJ_OK);
        assert_int_equal(tj_adamw_load(opt, path, &err), n_extra == 0 ? TJ_OK : TJ_E_PARSE);
        assert_int_equal(tj_adamw_n_done(opt), 7);
        assert_true(n_extra == 0 || strstr(err.msg, "tensors, but the optimiser has") != NULL);
    }
    tj_adamw_destroy(opt);
    tj_model_destroy(m);
}

/* ------------------------------------------------------------------ snapshots */

typedef struct bench { /* what is saved, and what it is loaded into */
    tj_model *m, *other;
    tj_adamw *opt, *other_opt;
    json_t *state;
} bench;

static void make_bench(bench *b, uint64_t seed, size_t n_updates)
{
    b->m = tiny(seed);
    b->other = tiny(seed + 100);
    b->opt = optimiser(b->m, n_updates);
    b->other_opt = optimiser(b->other, 0);
    b->state = json_pack("{s:i}", "cursor", (int)n_updates);
}

static void drop_bench(bench *b)
{
    tj_adamw_destroy(b->opt);
    tj_adamw_destroy(b->other_opt);
    tj_model_destroy(b->m);
    tj_model_destroy(b->other);
    json_decref(b->state);
}

/* The snapshot in the folder is b's, in all its parts. */
static void assert_snapshot(bench *b)
{
    json_t *state;
    tj_err err = {.msg = ""};
    if (tj_snapshot_load(nn_folder, b->other, b->other_opt, &state, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    nn_assert_same_weights(b->m, b->other);
    assert_int_equal(tj_adamw_n_done(b->opt), tj_adamw_n_done(b->other_opt));
    nn_assert_same_bits(tj_adamw_moment(b->opt, 1, 0), tj_adamw_moment(b->other_opt, 1, 0), 6,
                        "moment");
    assert_true(json_equal(state, b->state));
    json_decref(state);
}

static void half_a_generation_is_not_taken(void **state)
{
    (void)state;
    bench a, b;
    json_t *none;
    make_bench(&a, 20, 2);
    make_bench(&b, 21, 5);
    assert_int_equal(tj_snapshot_load(nn_folder, a.other, a.other_opt, &none, NULL), TJ_E_NOTFOUND);
    assert_null(none);
    assert_int_equal(tj_snapshot_save(nn_folder, a.m, a.opt, a.state, NULL), TJ_OK);
    assert_snapshot(&a);
    /* as a process leaves it that was killed while writing the next */
    assert_int_equal(mkdir(nn_in_folder("gen-5-a"), 0777), 0);
    put_file(nn_in_folder("gen-5-a/model.safetensors"), "half", 4);
    put_file(nn_in_folder("gen-5-a/state.json.123.0.tmp"), "{", 1);
    put_file(nn_in_folder("current.123.0.tmp"), "gen-5", 5);
    assert_snapshot(&a);
    assert_int_equal(tj_snapshot_save(nn_folder, b.m, b.opt, b.state, NULL), TJ_OK);
    assert_snapshot(&b);
    assert_false(tj_fs_exists(nn_in_folder("gen-2-a")));
    assert_false(tj_fs_exists(nn_in_folder("current.123.0.tmp")));
    /* the same number of updates again: another nn_folder, so that the current one stays whole */
    assert_int_equal(tj_snapshot_save(nn_folder, b.m, b.opt, b.state, NULL), TJ_OK);
    assert_true(tj_fs_exists(nn_in_folder("gen-5-b")));
    assert_snapshot(&b);
    drop_bench(&a);
    drop_bench(&b);
}

static void a_damaged_generation_is_an_error_and_not_none(void **state)
{
    (void)state;
    static const char *const files[] = {"gen-1-a/model.safetensors", "gen-1-a/state.json",
                                        "gen-1-a/optimizer.safetensors"};
    bench a;
    make_bench(&a, 22, 1);
    assert_int_equal(tj_snapshot_save(nn_folder, a.m, a.opt, a.state, NULL), TJ_OK);
    for (size_t i = 0; i < 3; i++) {
        size_t n;
        tj_err err = {.msg = ""};
        json_t *none;
        char *bytes = read_file(nn_in_folder(files[i]), &n);
        for (size_t cut = 0; cut < n; cut += n < 64 ? 1 : n / 7) {
            put_file(nn_in_folder(files[i]), bytes, cut);
            assert_int_equal(tj_snapshot_load(nn_folder, a.other, a.other_opt, &none, &err),
                             TJ_E_PARSE);
            assert_non_null(strstr(err.msg, nn_in_folder(files[i])));
            assert_null(none);
        }
        assert_int_equal(unlink(nn_in_folder(files[i])), 0);
        assert_int_equal(tj_snapshot_load(nn_folder, a.other, a.other_opt, &none, &err),
                         TJ_E_PARSE);
        assert_int_equal(err.code, TJ_E_PARSE);
        assert_non_null(strstr(err.msg, "damaged"));
        assert_non_null(strstr(err.msg, nn_in_folder(files[i])));
        put_file(nn_in_folder(files[i]), bytes, n);
        tj_free(bytes);
    }
    static const char *const names[] = {
        "", "gen-9-a", "../x", "gen-/../..", "x", "gen-1-a-and-a-name-far-too-long-for-one"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tj_err err = {.msg = ""};
        put_file(nn_in_folder("current"), names[i], strlen(names[i]));
        tj_code rc = tj_snapshot_load(nn_folder, a.other, a.other_opt, NULL, &err);
        assert_true(rc == TJ_E_PARSE || rc == TJ_E_LIMIT);
        assert_non_null(strstr(err.msg, nn_folder));
        /* a path is not followed */
        assert_true(strchr(names[i], '/') == NULL || strstr(err.msg, "does not name") != NULL);
    }
    put_file(nn_in_folder("current"), "gen-1-a", 7);
    assert_snapshot(&a);
    drop_bench(&a);
}

static void a_full_disk_leaves_the_old_snapshot(void **state)
{
    (void)state;
    bench a, b;
    make_bench(&a, 23, 1);
    make_bench(&b, 24, 2);
    assert_int_equal(tj_snapshot_save(nn_folder, a.m, a.opt, a.state, NULL), TJ_OK);
    size_t n;
    tj_free(read_file(nn_in_folder("gen-1-a/optimizer.safetensors"), &n)); /* the longest file */
    for (size_t limit = 0; limit < n; limit += limit < 12 ? 1 : n / 9) {
        tj_err err = {.msg = ""};
        limit_files(limit);
        tj_code rc = tj_snapshot_save(nn_folder, b.m, b.opt, b.state, &err);
        limit_files(SIZE_MAX);
        assert_int_equal(rc, TJ_E_IO);
        assert_non_null(strstr(err.msg, nn_folder));
        assert_snapshot(&a);
    }
    assert_int_equal(tj_snapshot_save(nn_folder, b.m, b.opt, b.state, NULL), TJ_OK);
    assert_snapshot(&b);
    tj_snapshot_remove(nn_folder);
    assert_false(tj_fs_exists(nn_folder));
    assert_int_equal(mkdir(nn_folder, 0777), 0); /* for the teardown */
    drop_bench(&a);
    drop_bench(&b);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, nn_make_folder, nn_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(every_option_comes_back_bit_for_bit),
        IN_A_FOLDER(bf16_rounds_to_the_nearest_and_twice_is_once),
        IN_A_FOLDER(a_file_cut_at_any_byte_is_refused),
        IN_A_FOLDER(wrong_fields_are_refused_by_name),
        IN_A_FOLDER(other_spellings_of_a_field_mean_the_same),
        IN_A_FOLDER(windows_are_of_the_layers_that_have_them),
        IN_A_FOLDER(a_huge_configuration_takes_no_memory),
        IN_A_FOLDER(wrong_tensors_are_refused_by_name),
        IN_A_FOLDER(tensors_of_other_types_are_refused),
        IN_A_FOLDER(a_full_disk_leaves_the_old_checkpoint),
        IN_A_FOLDER(failing_allocations_leave_the_old_checkpoint),
        IN_A_FOLDER(an_optimiser_cut_at_any_byte_is_refused),
        IN_A_FOLDER(an_optimiser_of_other_tensors_is_refused),
        IN_A_FOLDER(half_a_generation_is_not_taken),
        IN_A_FOLDER(a_damaged_generation_is_an_error_and_not_none),
        IN_A_FOLDER(a_full_disk_leaves_the_old_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
