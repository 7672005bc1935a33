/* Models between folders and GGUF files. All four families, tied and not, with RoPE scalings and
 * windows, come back bit for bit where the type holds the bits; quantised tensors keep their bytes
 * from GGUF to GGUF; both sides load to the same weights. A full disk leaves what was there, and
 * what the new file cannot say is refused by name.
 *
 * Gemma's norms are the exception: a GGUF holds 1 + w, rounded to f32, so that w comes back as that
 * less 1. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "nn/nn_testing.h"
#include "nn/source.h"
#include "nn/tensors.h"
#include "support/full_disk.h"
#include "support/must.h"

/* ------------------------------------------------------------------ models */

#define N_MODELS 12

/* The four families; each with its own embedding for the output too, and with a scaling. Widths
 * are whole blocks of 32, but for the feed-forward's. */
static void config_of(tj_model_config *c, size_t which)
{
    size_t family = which % 4;
    nn_config_small(c);
    c->width = 64;
    c->head_dim = 16;
    c->ffn_width = 40;
    c->n_layers = 3;
    c->tied_embedding = which / 4 != 1;
    c->norm_eps = 1e-6;
    c->bos_id = 1;
    c->eos_id = which % 3 == 0 ? -1 : 2;
    c->qkv_bias = family == 1;
    c->qk_norm = family >= 2;
    tj_rope *r = &c->rope[0];
    if (which / 4 == 2) {
        *r = (tj_rope){.theta = 5e5, .factor = 4.0, .original_positions = 64.0};
        r->kind = family == 0 ? TJ_ROPE_LLAMA3 : family == 3 ? TJ_ROPE_LINEAR : TJ_ROPE_YARN;
        r->low_freq_factor = 1.0;
        r->high_freq_factor = 8.0;
        r->beta_fast = 16.0;
        r->beta_slow = 1.0;
        r->attention_factor = family == 1 ? 0.0 : 1.5;
    }
    if (family == 3) {
        c->post_norms = c->norm_plus_one = true;
        c->activation = TJ_GELU_TANH;
        c->embed_scale = sqrt((double)c->width);
        c->n_rope = 2;
        c->rope[1].theta = which / 4 == 0 ? 10000.0 : 777.0;
        for (size_t l = 0; l < c->n_layers && which / 4 != 1; l++) { /* once, none has a window */
            bool windowed = which / 4 == 0 || l != 1;
            c->layer[l].window = windowed ? 5 : 0;
            c->layer[l].rope = windowed ? 1 : 0;
        }
    }
}

static tj_model *model_of(size_t which)
{
    tj_model_config c;
    config_of(&c, which);
    return nn_model(&c, TJ_F32, which);
}

static void save(const tj_model *m, const char *name, tj_dtype stored)
{
    tj_err err = {.msg = ""};
    must(tj_model_save(m, nn_in_folder(name), stored, &err), &err);
}

static tj_model *load(const char *name)
{
    tj_model *m;
    tj_err err = {.msg = ""};
    must(tj_model_load(&m, nn_in_folder(name), TJ_F32, &err), &err);
    return m;
}

static void convert(const char *from, const char *to, const char *type)
{
    tj_err err = {.msg = ""};
    const tj_convert_options options = {.type = type};
    must(tj_model_convert(NULL, nn_in_folder(from), nn_in_folder(to), &options, &err), &err);
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text);
    return n >= strlen(tail) && strcmp(text + n - strlen(tail), tail) == 0;
}

/* Makes of Gemma's norms what a GGUF gives back. */
static void round_norms(tj_model *m)
{
    size_t n;
    tj_param *p = tj_model_params(m, &n);
    for (size_t i = 0; i < n && tj_model_cfg(m)->norm_plus_one; i++) {
        for (size_t k = 0; ends_with(p[i].name, "norm.weight") && k < p[i].n; k++) {
            volatile float sum = 1.0F + p[i].weight[k];
            p[i].weight[k] = sum - 1.0F;
        }
    }
}

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-6 * fabs(b))) { /* a GGUF's numbers are f32 */
        fail_msg("%g is not %g", a, b);
    }
}

static void assert_same_config(const tj_model_config *a, const tj_model_config *b)
{
    assert_int_equal(a->n_vocab, b->n_vocab);
    assert_int_equal(a->max_positions, b->max_positions);
    assert_int_equal(a->tied_embedding, b->tied_embedding);
    assert_int_equal(a->n_rope, b->n_rope);
    assert_int_equal(a->bos_id, b->bos_id);
    assert_int_equal(a->eos_id, b->eos_id);
    assert_near(a->norm_eps, b->norm_eps);
    for (size_t i = 0; i < a->n_rope; i++) {
        assert_int_equal(a->rope[i].kind, b->rope[i].kind);
        assert_near(tj_rope_amplitude(&a->rope[i]), tj_rope_amplitude(&b->rope[i]));
        for (size_t k = 0; k < a->head_dim / 2; k++) {
            assert_near(tj_rope_frequency(&a->rope[i], k, a->head_dim),
                        tj_rope_frequency(&b->rope[i], k, b->head_dim));
        }
    }
    for (size_t l = 0; l < a->n_layers; l++) {
        assert_int_equal(a->layer[l].window, b->layer[l].window);
        assert_int_equal(a->layer[l].rope, b->layer[l].rope);
        assert_true(a->layer[l].scale == b->layer[l].scale);
    }
}

static void assert_same(tj_model *a, tj_model *b)
{
    assert_same_config(tj_model_cfg(a), tj_model_cfg(b));
    nn_assert_same_weights(a, b);
}

/* ------------------------------------------------------------------ the list of tensors */

static void tensors_of_a_configuration_are_a_models(void **state)
{
    (void)state;
    for (size_t option = 0; option < NN_N_OPTIONS; option++) {
        tj_model_config c;
        tj_tensor_spec *specs;
        size_t n, n_params;
        nn_config_options(&c, option);
        tj_model *m = nn_model(&c, TJ_F32, 1);
        const tj_param *p = tj_model_params(m, &n_params);
        assert_int_equal(tj_tensor_specs(&specs, &n, &c, NULL), TJ_OK);
        assert_int_equal(n, n_params);
        for (size_t i = 0; i < n; i++) {
            size_t k = 0; /* in another order within a layer */
            while (k < n && strcmp(p[k].name, specs[i].name) != 0) {
                k++;
            }
            assert_true(k < n);
            assert_int_equal(specs[i].rows, p[k].shape[0]);
            assert_int_equal(specs[i].cols, p[k].shape[1]);
        }
        tj_free(specs);
        tj_model_destroy(m);
    }
}

static void rows_of_pairs_and_back_are_where_they_were(void **state)
{
    (void)state;
    for (size_t heads = 0; heads < 4; heads++) {
        const tj_tensor_view v = {.rows = 24, .pair_heads = heads};
        for (size_t r = 0; r < 24; r++) {
            assert_int_equal(tj_view_row(&v, tj_gguf_row(r, 24, heads)), r);
            assert_int_equal(tj_gguf_row(tj_view_row(&v, r), 24, heads), r);
        }
    }
}

/* ------------------------------------------------------------------ round trips */

/* folder, GGUF, GGUF, folder: the weights of all are the model's. */
static void check_round_trip(tj_model *m, const char *gguf_type, const char *folder_type)
{
    static const char *const names[] = {"a.gguf", "b.gguf", "back"};
    convert("from", "a.gguf", gguf_type);
    convert("a.gguf", "b.gguf", NULL);
    convert("b.gguf", "back", folder_type);
    round_norms(m);
    for (size_t i = 0; i < 3; i++) {
        tj_model *got = load(names[i]);
        assert_same(got, m);
        tj_model_destroy(got);
    }
    nn_remove(nn_in_folder("from"));
    nn_remove(nn_in_folder("back"));
}

static void f32_comes_back_bit_for_bit(void **state)
{
    (void)state;
    for (size_t which = 0; which < N_MODELS; which++) {
        tj_model *m = model_of(which);
        save(m, "from", TJ_F32);
        check_round_trip(m, which % 2 == 0 ? "f32" : NULL, NULL);
        tj_model_destroy(m);
    }
}

static void bf16_comes_back_bit_for_bit(void **state)
{
    (void)state;
    for (size_t which = 0; which < N_MODELS; which++) {
        tj_model *m = model_of(which);
        save(m, "from", TJ_BF16);
        tj_model_destroy(m);
        m = load("from");
        check_round_trip(m, which % 2 == 0 ? "BF16" : "keep", NULL);
        tj_model_destroy(m);
    }
}

/* bf16 tensors between folders keep their bytes; f16 holds bf16 values of common size. */
static void folders_hold_all_plain_types(void **state)
{
    (void)state;
    tj_model *m = model_of(0);
    save(m, "from", TJ_BF16);
    tj_model_destroy(m);
    m = load("from");
    static const char *const types[] = {"keep", "bf16", "f16", "f32"};
    for (size_t i = 0; i < 4; i++) {
        convert("from", "to", types[i]);
        tj_model *got = load("to");
        if (i != 2) { /* small values have fewer bits in f16 */
            nn_assert_same_weights(got, m);
        }
        tj_model_destroy(got);
    }
    tj_model_destroy(m);
}

static const char *const quants[] = {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "F16"};

/* Every tensor's bytes in two GGUF files. */
static void assert_same_bytes(const char *a, const char *b)
{
    tj_gguf *x, *y;
    assert_int_equal(tj_gguf_open(&x, nn_in_folder(a), NULL), TJ_OK);
    assert_int_equal(tj_gguf_open(&y, nn_in_folder(b), NULL), TJ_OK);
    assert_int_equal(tj_gguf_n_tensors(x), tj_gguf_n_tensors(y));
    assert_int_equal(tj_gguf_n_keys(x), tj_gguf_n_keys(y));
    for (size_t i = 0; i < tj_gguf_n_tensors(x); i++) {
        const tj_gguf_tensor *t = tj_gguf_tensor_at(x, i);
        const tj_gguf_tensor *u = tj_gguf_find(y, t->name);
        assert_non_null(u);
        assert_int_equal(t->type, u->type);
        assert_int_equal(t->n_bytes, u->n_bytes);
        assert_memory_equal(t->bytes, u->bytes, t->n_bytes);
    }
    tj_gguf_close(x);
    tj_gguf_close(y);
}

static size_t count_type(const char *name, tj_ggml_type type)
{
    tj_gguf *g;
    size_t n = 0;
    assert_int_equal(tj_gguf_open(&g, nn_in_folder(name), NULL), TJ_OK);
    for (size_t i = 0; i < tj_gguf_n_tensors(g); i++) {
        n += tj_gguf_tensor_at(g, i)->type == type ? 1 : 0;
    }
    tj_gguf_close(g);
    return n;
}

/* Quantised once; then kept, and to a folder in f32, which is the same weights. */
static void quantised_tensors_keep_their_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof quants / sizeof quants[0]; i++) {
        for (size_t which = 0; which < 4; which++) {
            tj_model *m = model_of(which);
            save(m, "from", TJ_F32);
            convert("from", "a.gguf", quants[i]);
            convert("a.gguf", "b.gguf", NULL);
            assert_same_bytes("a.gguf", "b.gguf");
            convert("a.gguf", "c.gguf", quants[i]); /* of that type already */
            assert_same_bytes("a.gguf", "c.gguf");
            convert("a.gguf", "back", NULL);
            tj_model *x = load("a.gguf");
            tj_model *y = load("back");
            assert_same(x, y);
            /* rows of 40 values are no blocks: down_proj stays F32 */
            size_t n = count_type("a.gguf", (tj_ggml_type)tj_ggml_type_of(quants[i]));
            assert_int_equal(n, i == 5 ? 3 * 7 + 1 : 3 * 6 + 1);
            tj_model_destroy(x);
            tj_model_destroy(y);
            tj_model_destroy(m);
        }
    }
}

/* ------------------------------------------------------------------ what stands beside */

static void companions_are_copied_and_nothing_else(void **state)
{
    (void)state;
    tj_err err = {.msg = ""};
    char *bytes;
    size_t n;
    tj_model *m = model_of(0);
    save(m, "from", TJ_F32);
    must(tj_fs_write(nn_in_folder("from/tokenizer.json"), "{1}", 3, &err), &err);
    must(tj_fs_write(nn_in_folder("from/notes.txt"), "mine", 4, &err), &err);
    must(tj_fs_mkdirs(nn_in_folder("beside"), &err), &err);
    must(tj_fs_write(nn_in_folder("beside/tokenizer.json"), "of before", 9, &err), &err);
    must(tj_model_copy_companions(nn_in_folder("from"), nn_in_folder("beside"), &err), &err);
    must(tj_fs_read(&bytes, &n, nn_in_folder("beside/tokenizer.json"), 100, &err), &err);
    assert_string_equal(bytes, "{1}");
    tj_free(bytes);
    assert_false(tj_fs_exists(nn_in_folder("beside/notes.txt")));
    assert_false(tj_fs_exists(nn_in_folder("beside/config.json")));
    assert_false(tj_fs_exists(nn_in_folder("beside/tokenizer.json.next")));
    assert_int_equal(
        tj_model_copy_companions(nn_in_folder("nowhere"), nn_in_folder("beside"), NULL),
        TJ_E_NOTFOUND);
    tj_model_destroy(m);
}

/* ------------------------------------------------------------------ the summary */

static void the_summary_tells_what_changed(void **state)
{
    (void)state;
    json_t *s;
    tj_model *m = model_of(2);
    save(m, "from", TJ_F32);
    const tj_convert_options options = {.type = "q8_0"};
    assert_int_equal(
        tj_model_convert(&s, nn_in_folder("from"), nn_in_folder("a.gguf"), &options, NULL), TJ_OK);
    assert_string_equal(json_string_value(json_object_get(s, "family")), "qwen3");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(s, "types"), "Q8_0")), 19);
    char *notes = json_dumps(json_object_get(s, "notes"), 0);
    assert_non_null(strstr(notes, "3 tensors became F32"));
    assert_non_null(strstr(notes, "no tokenizer"));
    free(notes);
    json_decref(s);
    tj_model_destroy(m);
}

/* ------------------------------------------------------------------ refusals */

static void assert_refused(const char *from, const char *to, const char *type, tj_code code,
                           const char *says)
{
    tj_err err = {.msg = ""};
    json_t *summary;
    const tj_convert_options options = {.type = type};
    tj_code rc = tj_model_convert(&summary, nn_in_folder(from), nn_in_folder(to), &options, &err);
    assert_null(summary);
    if (rc != code || strstr(err.msg, says) == NULL) {
        fail_msg("%d, '%s' is not %d with '%s'", (int)rc, err.msg, (int)code, says);
    }
    assert_false(tj_fs_exists(nn_in_folder("to.gguf")));
    assert_false(tj_fs_exists(nn_in_folder("to/config.json")));
}

static void assert_config_refused(const tj_model_config *c, const char *says)
{
    tj_model *m = nn_model(c, TJ_F32, 1);
    save(m, "from", TJ_F32);
    tj_model_destroy(m);
    assert_refused("from", "to.gguf", NULL, TJ_E_INVAL, says);
}

static void what_a_gguf_cannot_say_is_refused(void **state)
{
    (void)state;
    tj_model_config c;
    config_of(&c, 0);
    c.value_head = true;
    assert_config_refused(&c, "value head");
    config_of(&c, 1);
    c.layer[0].window = c.layer[1].window = c.layer[2].window = 7;
    assert_config_refused(&c, "qwen2 have no windows; layer 0");
    config_of(&c, 10);
    c.rope[0].kind = TJ_ROPE_LLAMA3;
    assert_config_refused(&c, "no RoPE scaling 'llama3'");
    c.rope[0].kind = TJ_ROPE_YARN;
    c.rope[0].untruncated = true;
    assert_config_refused(&c, "truncate: false");
    config_of(&c, 11);
    c.rope[0].kind = TJ_ROPE_YARN;
    assert_config_refused(&c, "no RoPE scaling 'yarn'");
    config_of(&c, 3);
    c.layer[0].window = 0; /* 0 and 1 of 3 have none: no every so-manieth */
    c.layer[0].rope = 0;
    c.layer[1].window = 0;
    c.layer[1].rope = 0;
    assert_config_refused(&c, "every so-manieth");
    config_of(&c, 3);
    for (size_t l = 0; l < 3; l++) {
        c.layer[l].scale = 0.125;
    }
    assert_config_refused(&c, "no attention scale; layer 0 has 0.125 instead of 0.25");
}

static void wrong_requests_are_refused(void **state)
{
    (void)state;
    tj_model *m = model_of(0);
    save(m, "from", TJ_F32);
    assert_refused("from", "to", "q8_0", TJ_E_INVAL, "'q8_0', expected keep, F32, F16 or BF16");
    assert_refused("from", "to.gguf", "q4_k", TJ_E_INVAL, "'q4_k', expected keep, F32");
    assert_refused("from", "to.gguf", "f64", TJ_E_INVAL, "'f64'");
    assert_refused("nothing", "to.gguf", NULL, TJ_E_NOTFOUND, "nothing/config.json");
    assert_refused("from", "no/to.gguf", NULL, TJ_E_NOTFOUND, "no/to.gguf");
    size_t n;
    tj_model_params(m, &n)[2].weight[67] = NAN; /* of k or v: named as its file does */
    save(m, "from", TJ_F32);
    assert_refused("from", "to.gguf", "q8_0", TJ_E_NUMERIC, "row ");
    tj_model_destroy(m);
}

static void files_of_other_models_are_not_left_beside_one(void **state)
{
    (void)state;
    static const char *const names[] = {"to/tokenizer.json", "to/model.safetensors.index.json",
                                        "to/chat_template.jinja"};
    tj_model *m = model_of(0);
    save(m, "from", TJ_F32);
    assert_int_equal(tj_fs_mkdirs(nn_in_folder("to"), NULL), TJ_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tj_fs_write(nn_in_folder(names[i]), "{}", 2, NULL), TJ_OK);
        assert_refused("from", "to", NULL, TJ_E_CONFLICT, names[i]);
        assert_false(tj_fs_exists(nn_in_folder("to/config.json.next")));
        assert_int_equal(remove(nn_in_folder(names[i])), 0);
    }
    convert("from", "to", NULL);
    tj_model_destroy(m);
}

/* ------------------------------------------------------------------ full disks */

static void a_full_disk_leaves_the_old_files(void **state)
{
    (void)state;
    static const char *const targets[] = {"to", "to.gguf"};
    tj_model *old = model_of(1);
    tj_model *new = model_of(6);
    for (size_t t = 0; t < 2; t++) {
        save(old, "from", TJ_F32);
        convert("from", targets[t], NULL);
        save(new, "from", TJ_F32);
        for (size_t limit = 0; limit < 100000; limit = limit == 0 ? 100 : 4 * limit) {
            tj_err err = {.msg = ""};
            limit_files(limit);
            tj_code rc =
                tj_model_convert(NULL, nn_in_folder("from"), nn_in_folder(targets[t]), NULL, &err);
            limit_files(SIZE_MAX);
            assert_int_equal(rc, TJ_E_IO);
            assert_non_null(strstr(err.msg, nn_in_folder(targets[t])));
            tj_model *got = load(targets[t]);
            assert_same(got, old);
            tj_model_destroy(got);
            assert_false(tj_fs_exists(nn_in_folder("to/config.json.next")));
            assert_false(tj_fs_exists(nn_in_folder("to/model.safetensors.next")));
        }
    }
    tj_model_destroy(old);
    tj_model_destroy(new);
}

static void failing_allocations_leave_the_old_files(void **state)
{
    (void)state;
    static const char *const targets[] = {"to", "to.gguf"};
    tj_model_config c;
    config_of(&c, 0);
    c.n_layers = 1;
    tj_model *old = nn_model(&c, TJ_F32, 1);
    tj_model *new = nn_model(&c, TJ_F32, 2);
    for (size_t t = 0; t < 2; t++) {
        save(old, "from", TJ_F32);
        convert("from", targets[t], NULL);
        save(new, "from", TJ_F32);
        tj_code rc = TJ_E_NOMEM;
        for (size_t k = 0; rc != TJ_OK; k++) {
            tj_err err = {.msg = ""};
            tj_alloc_fail_after(k);
            rc = tj_model_convert(NULL, nn_in_folder("from"), nn_in_folder(targets[t]), NULL, &err);
            tj_alloc_fail_after(SIZE_MAX);
            assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
            tj_model *got = load(targets[t]); /* new once renamed, though the flush failed */
            bool named = rc == TJ_OK || (strstr(err.msg, "cannot flush the folder") != NULL &&
                                         strstr(err.msg, ".next") == NULL);
            nn_assert_same_weights(got, named ? new : old);
            tj_model_destroy(got);
        }
    }
    tj_model_destroy(old);
    tj_model_destroy(new);
}

/* ------------------------------------------------------------------ describing and checking */

static void a_description_is_the_files(void **state)
{
    (void)state;
    json_t *d;
    tj_model *m = model_of(11);
    save(m, "from", TJ_F32);
    convert("from", "a.gguf", "q4_0");
    assert_int_equal(tj_model_describe(&d, nn_in_folder("a.gguf"), NULL), TJ_OK);
    const json_t *rope = json_array_get(json_object_get(d, "rope"), 0);
    const json_t *windows = json_object_get(d, "windows");
    assert_string_equal(json_string_value(json_object_get(d, "family")), "gemma3_text");
    assert_string_equal(json_string_value(json_object_get(d, "format")), "GGUF");
    assert_int_equal(json_integer_value(json_object_get(d, "parameters")),
                     tj_model_config_n_weights(tj_model_cfg(m)));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(d, "types"), "Q4_0")), 19);
    assert_string_equal(json_string_value(json_object_get(rope, "kind")), "linear");
    assert_int_equal(json_integer_value(json_object_get(windows, "layers")), 2);
    assert_int_equal(json_integer_value(json_object_get(windows, "positions")), 5);
    json_decref(d);
    tj_model_destroy(m);
}

typedef struct found {
    size_t n, n_wrong;
    char wrong[TJ_ERR_MSG_BYTES]; /* the last */
} found;

static void on_check(void *ctx, const char *what, const char *text, const tj_err *wrong)
{
    found *f = ctx;
    (void)what;
    assert_non_null(text);
    f->n++;
    if (wrong != NULL) {
        f->n_wrong++;
        snprintf(f->wrong, sizeof f->wrong, "%s", wrong->msg);
    }
}

/* How many checks there were, and one that failed says this (NULL: none failed). */
static void expect_checks(const char *name, size_t n, const char *says)
{
    found f = {.n = 0, .wrong = ""};
    size_t n_vocab;
    assert_int_equal(tj_model_check(nn_in_folder(name), &n_vocab, on_check, &f, NULL), TJ_OK);
    if (f.n != n || f.n_wrong != (says == NULL ? 0 : 1) ||
        (says != NULL && strstr(f.wrong, says) == NULL)) {
        fail_msg("%zu of %zu checks failed: '%s'", f.n_wrong, f.n, f.wrong);
    }
    assert_int_equal(n_vocab, n == 1 ? 0 : 37);
}

/* Changes one number of config.json. */
static void change_config(const char *key, json_int_t value)
{
    json_t *j = json_load_file(nn_in_folder("from/config.json"), 0, NULL);
    json_object_set_new(j, key, json_integer(value));
    assert_int_equal(json_dump_file(j, nn_in_folder("from/config.json"), 0), 0);
    json_decref(j);
}

static void checks_find_what_is_wrong(void **state)
{
    (void)state;
    size_t n;
    tj_model *m = model_of(4);
    save(m, "from", TJ_BF16);
    expect_checks("from", 4, NULL);
    change_config("num_hidden_layers", 2); /* a layer is left over */
    expect_checks("from", 4, "tensors, but the configuration has");
    change_config("num_hidden_layers", 3);
    change_config("intermediate_size", 38);
    expect_checks("from", 3, "9 of 30; the first: ");
    change_config("intermediate_size", 0);
    expect_checks("from", 1, "intermediate_size");
    tj_model_params(m, &n)[0].weight[100] = -INFINITY;
    save(m, "from", TJ_F32);
    expect_checks("from", 4, "value 100 of tensor 'model.embed_tokens.weight'");
    tj_model_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, nn_make_folder, nn_remove_folder)
        cmocka_unit_test(tensors_of_a_configuration_are_a_models),
        cmocka_unit_test(rows_of_pairs_and_back_are_where_they_were),
        IN_FOLDER(f32_comes_back_bit_for_bit),
        IN_FOLDER(bf16_comes_back_bit_for_bit),
        IN_FOLDER(folders_hold_all_plain_types),
        IN_FOLDER(quantised_tensors_keep_their_bytes),
        IN_FOLDER(companions_are_copied_and_nothing_else),
        IN_FOLDER(the_summary_tells_what_changed),
        IN_FOLDER(what_a_gguf_cannot_say_is_refused),
        IN_FOLDER(wrong_requests_are_refused),
        IN_FOLDER(files_of_other_models_are_not_left_beside_one),
        IN_FOLDER(a_full_disk_leaves_the_old_files),
        IN_FOLDER(failing_allocations_leave_the_old_files),
        IN_FOLDER(a_description_is_the_files),
        IN_FOLDER(checks_find_what_is_wrong),
#undef IN_FOLDER
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
