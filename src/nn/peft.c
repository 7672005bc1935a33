/* Adapters as PEFT keeps them: adapter_config.json and adapter_model.safetensors in a folder
 * (huggingface/peft, LoraConfig and its save_pretrained). The same module of every layer has
 * adapters of one rank; what a setting would change beyond that is refused, never passed over. */
#include "nn/peft.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "nn/blocks.h"
#include "nn/checkpoint.h"
#include "nn/hf_config.h"
#include "nn/safetensors.h"

#define CONFIG_NAME  "adapter_config.json"
#define WEIGHTS_NAME "adapter_model.safetensors"
#define PREFIX       "base_model.model." /* of every tensor's name */

typedef struct peft_name {
    char text[128];
} peft_name;

static peft_name name_of(size_t layer, tj_lora_target target, char which)
{
    peft_name name;
    char inner[96];
    tj_lora_name(inner, layer, target, which);
    snprintf(name.text, sizeof name.text, "%s%s", PREFIX, inner);
    return name;
}

bool tj_adapter_is_at(const char *path)
{
    char *config = tj_fs_join(path, CONFIG_NAME);
    bool is = config != NULL && tj_fs_exists(config);
    tj_free(config);
    return is;
}

/* ------------------------------------------------------------------ writing */

static json_t *whole_or_real(double x)
{
    return x == floor(x) && fabs(x) < 1e15 ? json_integer((json_int_t)x) : json_real(x);
}

static json_t *config_of(const tj_lora_config *c, const char *base)
{
    json_t *targets = json_array();
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        if (c->targets[t]) {
            json_array_append_new(targets, json_string(tj_lora_target_name((tj_lora_target)t)));
        }
    }
    return json_pack("{s:s, s:s, s:s?, s:n, s:n, s:I, s:o, s:f, s:o, s:b, s:s, s:b, s:b, s:b, s:n, "
                     "s:n, s:n, s:{}, s:{}, s:b}",
                     "peft_type", "LORA", "task_type", "CAUSAL_LM", "base_model_name_or_path", base,
                     "revision", "auto_mapping", "r", (json_int_t)c->rank, "lora_alpha",
                     whole_or_real(c->alpha), "lora_dropout", 0.0, "target_modules", targets,
                     "use_rslora", (int)c->rslora, "bias", "none", "fan_in_fan_out", 0,
                     "inference_mode", 1, "init_lora_weights", 1, "layers_to_transform",
                     "layers_pattern", "modules_to_save", "rank_pattern", "alpha_pattern",
                     "use_dora", 0);
}

/* Every targeted matrix of every layer: its name, and its A or B. */
static void put_tensors(tj_st_writer *w, const tj_lora *a, bool declare)
{
    for (size_t l = 0; l < a->n_layers; l++) {
        for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
            if (!a->cfg.targets[t]) {
                continue;
            }
            const size_t shape_a[] = {a->cfg.rank, a->in[t]};
            const size_t shape_b[] = {a->out[t], a->cfg.rank};
            if (declare) {
                tj_lora_target target = (tj_lora_target)t;
                tj_st_writer_declare(w, name_of(l, target, 'A').text, TJ_F32, shape_a, 2);
                tj_st_writer_declare(w, name_of(l, target, 'B').text, TJ_F32, shape_b, 2);
            } else {
                tj_st_writer_values(w, a->weights + a->at[l].a[t], shape_a[0] * shape_a[1]);
                tj_st_writer_values(w, a->weights + a->at[l].b[t], shape_b[0] * shape_b[1]);
            }
        }
    }
}

static tj_code write_weights(const void *ctx, const char *path, tj_err *err)
{
    const tj_lora *a = ctx;
    tj_st_writer *w;
    tj_code rc = tj_st_writer_open(&w, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_st_writer_meta(w, "format", "pt");
    put_tensors(w, a, true);
    put_tensors(w, a, false);
    return tj_st_writer_commit(w, err);
}

tj_code tj_adapter_save(const tj_model *m, const char *dir, const char *base, tj_err *err)
{
    if (m->lora == NULL) {
        return tj_fail(err, TJ_E_INVAL, "the model has no adapters to save");
    }
    if (tj_model_n_frozen(m) < m->n_base) {
        return tj_fail(err, TJ_E_INVAL,
                       "the value head is trained beside the adapters, whose files do not hold it: "
                       "merge them");
    }
    json_t *config = config_of(&m->lora->cfg, base);
    const tj_saved_pair pair = {.config_name = CONFIG_NAME,
                                .config = config,
                                .weights_name = WEIGHTS_NAME,
                                .write_weights = write_weights,
                                .ctx = m->lora};
    tj_code rc = tj_save_pair(dir, &pair, err);
    json_decref(config);
    return rc;
}

/* ------------------------------------------------------------------ settings */

/* Settings that say nothing about what a trained adapter computes. */
static const char *const harmless[] = {"auto_mapping",       "base_model_name_or_path",
                                       "revision",           "inference_mode",
                                       "lora_dropout",       "layers_pattern",
                                       "megatron_core",      "qalora_group_size",
                                       "loftq_config",       "eva_config",
                                       "peft_version",       "runtime_config",
                                       "ensure_weight_tying"};

/* Settings that are read below. */
static const char *const known[] = {"peft_type",  "task_type",      "r",    "lora_alpha",
                                    "use_rslora", "target_modules", "bias", "init_lora_weights"};

static bool is_listed(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* null, false, {} and [] ask for nothing. */
static bool asks_for_nothing(const json_t *v)
{
    return json_is_null(v) || json_is_false(v) || (json_is_object(v) && json_object_size(v) == 0) ||
           (json_is_array(v) && json_array_size(v) == 0);
}

/* What is neither known nor harmless must be off. */
static tj_code check_others(const json_t *root, const char *path, tj_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)root, key, value)
    {
        if (!is_listed(known, sizeof known / sizeof known[0], key) &&
            !is_listed(harmless, sizeof harmless / sizeof harmless[0], key) &&
            !asks_for_nothing(value)) {
            return tj_fail(err, TJ_E_INVAL, "%s: %.60s is set, which is not supported", path, key);
        }
    }
    return TJ_OK;
}

/* That a text, where there is one, is among those given. */
static tj_code check_text(const json_t *root, const char *key, const char *const *allowed, size_t n,
                          const char *path, tj_err *err)
{
    const json_t *v = json_object_get(root, key);
    const char *text = json_string_value(v);
    if (v == NULL || json_is_null(v) || (text != NULL && is_listed(allowed, n, text))) {
        return TJ_OK;
    }
    return tj_fail(err, TJ_E_INVAL, "%s: %s is '%.60s', supported is %s", path, key,
                   text == NULL ? "(no text)" : text, allowed[0]);
}

/* How A and B were begun: in ways that leave the base as it is. PiSSA, OLoRA, CorDA and LoftQ
 * change it, and an adapter alone then means nothing. */
static tj_code check_init(const json_t *root, const char *path, tj_err *err)
{
    static const char *const allowed[] = {"gaussian", "eva", "orthogonal"};
    const json_t *v = json_object_get(root, "init_lora_weights");
    return json_is_boolean(v) ? TJ_OK
                              : check_text(root, "init_lora_weights", allowed,
                                           sizeof allowed / sizeof allowed[0], path, err);
}

static tj_code read_targets(bool targets[TJ_N_LORA_TARGETS], const json_t *root, const char *path,
                            tj_err *err)
{
    const json_t *list = json_object_get(root, "target_modules");
    const json_t *item;
    size_t i;
    if (json_is_string(list) && strcmp(json_string_value(list), "all-linear") == 0) {
        return tj_lora_targets_parse(targets, "all-linear", err);
    }
    if (!json_is_array(list) || json_array_size(list) == 0) {
        return tj_fail(err, TJ_E_INVAL,
                       "%s: target_modules is not a list of modules (patterns are not supported)",
                       path);
    }
    json_array_foreach((json_t *)(uintptr_t)list, i, item)
    {
        const char *name = json_string_value(item);
        bool one[TJ_N_LORA_TARGETS] = {false};
        bool known_name = name != NULL && strchr(name, ',') == NULL &&
                          strcmp(name, "all-linear") != 0 &&
                          tj_lora_targets_parse(one, name, NULL) == TJ_OK;
        if (!known_name) {
            return tj_fail(err, TJ_E_INVAL,
                           "%s: target_modules has '%.60s', supported are q_proj, k_proj, v_proj, "
                           "o_proj, gate_proj, up_proj and down_proj",
                           path, name == NULL ? "(no text)" : name);
        }
        for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
            targets[t] = targets[t] || one[t];
        }
    }
    return TJ_OK;
}

static tj_code read_numbers(tj_lora_config *c, const json_t *root, const char *path, tj_err *err)
{
    const json_t *rank = json_object_get(root, "r");
    const json_t *alpha = json_object_get(root, "lora_alpha");
    const json_t *rslora = json_object_get(root, "use_rslora");
    if (!json_is_integer(rank) || json_integer_value(rank) < 1 ||
        json_integer_value(rank) > TJ_MAX_LORA_RANK) {
        return tj_fail(err, TJ_E_PARSE, "%s: r is missing or not a whole number from 1 to %d", path,
                       TJ_MAX_LORA_RANK);
    }
    if (!json_is_number(alpha) || !(json_number_value(alpha) > 0.0) ||
        !(json_number_value(alpha) <= TJ_MAX_LORA_ALPHA)) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s: lora_alpha is missing or not a number above 0, at most %g", path,
                       TJ_MAX_LORA_ALPHA);
    }
    if (rslora != NULL && !json_is_null(rslora) && !json_is_boolean(rslora)) {
        return tj_fail(err, TJ_E_PARSE, "%s: use_rslora is not true or false", path);
    }
    c->rank = (size_t)json_integer_value(rank);
    c->alpha = json_number_value(alpha);
    c->rslora = json_is_true(rslora);
    return TJ_OK;
}

static tj_code read_settings(tj_lora_config *c, const json_t *root, const char *path, tj_err *err)
{
    static const char *const peft_types[] = {"LORA"};
    static const char *const tasks[] = {"CAUSAL_LM"};
    static const char *const biases[] = {"none"};
    *c = (tj_lora_config){.rank = 0};
    if (json_object_get(root, "peft_type") == NULL) {
        return tj_fail(err, TJ_E_PARSE, "%s: peft_type is missing", path);
    }
    tj_code rc = check_text(root, "peft_type", peft_types, 1, path, err);
    if (rc == TJ_OK) {
        rc = check_text(root, "task_type", tasks, 1, path, err);
    }
    if (rc == TJ_OK) {
        rc = check_text(root, "bias", biases, 1, path, err);
    }
    if (rc == TJ_OK) {
        rc = check_init(root, path, err);
    }
    if (rc == TJ_OK) {
        rc = check_others(root, path, err);
    }
    if (rc == TJ_OK) {
        rc = read_numbers(c, root, path, err);
    }
    return rc == TJ_OK ? read_targets(c->targets, root, path, err) : rc;
}

/* Gives *root, the whole file, too. */
static tj_code read_config(tj_lora_config *c, json_t **root, const char *dir, tj_err *err)
{
    char *path = tj_fs_join(dir, CONFIG_NAME);
    *root = NULL;
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot open %s", dir)
                              : tj_hf_json_read(root, path, err);
    if (rc == TJ_OK) {
        rc = read_settings(c, *root, path, err);
    }
    if (rc != TJ_OK) {
        json_decref(*root);
        *root = NULL;
    }
    tj_free(path);
    return rc;
}

/* ------------------------------------------------------------------ tensors */

static tj_code open_weights(tj_st_reader **out, const char *dir, tj_err *err)
{
    char *path = tj_fs_join(dir, WEIGHTS_NAME);
    *out = NULL;
    tj_code rc =
        path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot open %s", dir) : tj_st_open(out, path, err);
    tj_free(path);
    return rc;
}

/* A tensor [rows, cols] of F32, F16 or BF16, all of it finite. */
static tj_code read_tensor(const tj_st_reader *r, float *out, const char *name, size_t rows,
                           size_t cols, tj_err *err)
{
    tj_st_tensor t;
    tj_code rc = tj_st_find(r, &t, name, err);
    if (rc != TJ_OK) {
        return rc;
    }
    int type = tj_st_type(&t);
    if (type < 0) {
        return tj_fail(err, TJ_E_INVAL, "%s: tensor '%s' is %s, supported are F32, F16 and BF16",
                       tj_st_name(r), name, t.dtype);
    }
    if (t.n_dims != 2 || t.shape[0] != rows || t.shape[1] != cols) {
        return tj_fail(err, TJ_E_PARSE,
                       "%s: tensor '%s' has %zu values, expected [%zu, %zu] by the rank and the "
                       "model",
                       tj_st_name(r), name, t.n, rows, cols);
    }
    tj_blocks_to_f32(out, t.bytes, (tj_ggml_type)type, t.n);
    for (size_t i = 0; i < t.n; i++) {
        if (!isfinite(out[i])) {
            return tj_fail(err, TJ_E_NUMERIC, "%s: value %zu of tensor '%s' is not finite",
                           tj_st_name(r), i, name);
        }
    }
    return TJ_OK;
}

static tj_code read_tensors(tj_lora *a, const tj_st_reader *r, tj_err *err)
{
    size_t n = 0;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < a->n_layers * TJ_N_LORA_TARGETS && rc == TJ_OK; i++) {
        size_t l = i / TJ_N_LORA_TARGETS;
        tj_lora_target t = (tj_lora_target)(i % TJ_N_LORA_TARGETS);
        if (!a->cfg.targets[t]) {
            continue;
        }
        n += 2;
        rc = read_tensor(r, a->weights + a->at[l].a[t], name_of(l, t, 'A').text, a->cfg.rank,
                         a->in[t], err);
        if (rc == TJ_OK) {
            rc = read_tensor(r, a->weights + a->at[l].b[t], name_of(l, t, 'B').text, a->out[t],
                             a->cfg.rank, err);
        }
    }
    if (rc == TJ_OK && tj_st_count(r) != n) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: %zu tensors, but the adapters of %zu layers have %zu",
                     tj_st_name(r), tj_st_count(r), a->n_layers, n);
    }
    return rc;
}

tj_code tj_peft_read(tj_lora **out, const tj_model_config *shape, const char *dir, tj_err *err)
{
    tj_lora_config cfg;
    tj_st_reader *r = NULL;
    json_t *root;
    *out = NULL;
    tj_code rc = read_config(&cfg, &root, dir, err);
    json_decref(root);
    if (rc == TJ_OK) {
        rc = open_weights(&r, dir, err);
    }
    /* before memory is taken for the rank that the configuration claims */
    if (rc == TJ_OK && tj_st_n_bytes(r) / 2 < tj_lora_n_values(shape, &cfg)) {
        rc = tj_fail(err, TJ_E_PARSE,
                     "%s: %zu bytes of tensors are too few for the adapters of rank %zu of %zu "
                     "layers",
                     tj_st_name(r), tj_st_n_bytes(r), cfg.rank, shape->n_layers);
    }
    if (rc == TJ_OK) {
        rc = tj_lora_create(out, shape, &cfg, err);
    }
    if (rc == TJ_OK) {
        rc = read_tensors(*out, r, err);
    }
    if (rc != TJ_OK) {
        tj_lora_destroy(*out);
        *out = NULL;
    }
    tj_st_close(r);
    return rc;
}

tj_code tj_adapter_load(tj_model *m, const char *dir, tj_err *err)
{
    tj_lora *lora;
    tj_code rc = tj_peft_read(&lora, &m->cfg, dir, err);
    if (rc == TJ_OK) {
        rc = tj_model_put_lora(m, lora, err);
    }
    if (rc != TJ_OK) {
        tj_lora_destroy(lora);
    }
    return rc;
}

/* ------------------------------------------------------------------ describing */

/* Counts and adds up the tensors, which must be those of whole layers from 0 on. */
static tj_code count_tensors(json_t *d, const tj_lora_config *c, const tj_st_reader *r, tj_err *err)
{
    size_t n_targets = 0;
    size_t n_values = 0;
    json_t *types = json_object();
    tj_code rc = TJ_OK;
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        n_targets += c->targets[t] ? 1 : 0;
    }
    size_t n_layers = tj_st_count(r) / (2 * n_targets);
    if (n_layers * 2 * n_targets != tj_st_count(r) || n_layers == 0) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: %zu tensors are not two for each of %zu targets a layer",
                     tj_st_name(r), tj_st_count(r), n_targets);
    }
    for (size_t i = 0; i < n_layers * 2 * TJ_N_LORA_TARGETS && rc == TJ_OK; i++) {
        tj_st_tensor tensor;
        tj_lora_target t = (tj_lora_target)(i / 2 % TJ_N_LORA_TARGETS);
        if (!c->targets[t]) {
            continue;
        }
        peft_name name = name_of(i / 2 / TJ_N_LORA_TARGETS, t, i % 2 == 0 ? 'A' : 'B');
        rc = tj_st_find(r, &tensor, name.text, err);
        if (rc == TJ_OK) {
            json_int_t before = json_integer_value(json_object_get(types, tensor.dtype));
            json_object_set_new(types, tensor.dtype, json_integer(before + 1));
            n_values += tensor.n;
        }
    }
    json_object_set_new(d, "layers", json_integer((json_int_t)n_layers));
    json_object_set_new(d, "parameters", json_integer((json_int_t)n_values));
    json_object_set_new(d, "tensors", json_integer((json_int_t)tj_st_count(r)));
    json_object_set_new(d, "bytes", json_integer((json_int_t)tj_st_n_bytes(r)));
    json_object_set_new(d, "types", types);
    return rc;
}

tj_code tj_adapter_describe(json_t **out, const char *dir, tj_err *err)
{
    tj_lora_config c;
    tj_st_reader *r = NULL;
    json_t *root = NULL;
    json_t *d = NULL;
    *out = NULL;
    tj_code rc = read_config(&c, &root, dir, err);
    if (rc == TJ_OK) {
        rc = open_weights(&r, dir, err);
    }
    if (rc == TJ_OK) {
        const char *base = json_string_value(json_object_get(root, "base_model_name_or_path"));
        json_t *own = config_of(&c, NULL);
        d = json_pack("{s:s, s:I, s:f, s:b, s:O, s:s?}", "format", "PEFT LoRA", "rank",
                      (json_int_t)c.rank, "alpha", c.alpha, "rslora", (int)c.rslora, "targets",
                      json_object_get(own, "target_modules"), "base", base);
        json_decref(own);
        rc = d == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot describe %s", dir)
                       : count_tensors(d, &c, r, err);
    }
    if (rc == TJ_OK) {
        *out = d;
        d = NULL;
    }
    json_decref(d);
    json_decref(root);
    tj_st_close(r);
    return rc;
}
