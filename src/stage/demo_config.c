/* The demo's settings, their defaults and their form as YAML. The defaults were chosen on
 * validation problems; docs/experiment.md says how. */
#include <math.h>
#include <string.h>

#include "stage/stage.h"

static const char *const precision_names[] = {"auto", "f32", "bf16", NULL};
static const char *const prune_names[] = {"none", "top_k", "at_most_k_correct", NULL};
static const char *const order_names[] = {"sampled", "paper", NULL};

static const char *const split_names[] = {"test", "valid", NULL};

static const tj_field task_fields[] = {
    TJ_FIELD_SIZE(tj_countdown_config, n_numbers, 2, TJ_COUNTDOWN_MAX_NUMBERS, "given numbers"),
    TJ_FIELD_SIZE(tj_countdown_config, number_min, 1, 1000, "smallest number"),
    TJ_FIELD_SIZE(tj_countdown_config, number_max, 1, 1000, "largest number"),
    TJ_FIELD_SIZE(tj_countdown_config, target_min, 1, 100000, "smallest target"),
    TJ_FIELD_SIZE(tj_countdown_config, target_max, 1, 100000, "largest target"),
    TJ_FIELD_SIZE(tj_countdown_config, value_max, 1, 1000000, "largest intermediate result"),
    TJ_FIELD_BOOL(tj_countdown_config, targets_by_play, "targets are where random play ends"),
    TJ_FIELD_END};

static const tj_field corpus_fields[] = {
    TJ_FIELD_SIZE(tj_corpus_config, n_problems, 1, 1e9, "problems that phase 1 draws from"),
    TJ_FIELD_SIZE(tj_corpus_config, chain_tokens, 16, 1e6, "length at which a chain ends"),
    TJ_FIELD_DOUBLE(tj_corpus_config, p_fail, 0.0, 1.0, "share of honest failures"),
    TJ_FIELD_DOUBLE(tj_corpus_config, p_late, 0.0, 1.0, "chance of a sound step in a failure"),
    TJ_FIELD_DOUBLE(tj_corpus_config, p_again, 0.0, 1.0, "chance to put a failed problem again"),
    TJ_FIELD_DOUBLE(tj_corpus_config, p_smaller, 0.0, 1.0, "share with one number less"),
    TJ_FIELD_END};

static const tj_field phase_fields[] = {
    TJ_FIELD_SIZE(tj_phase_config, n_updates, 1, 1e9, "updates (phase 1)"),
    TJ_FIELD_SIZE(tj_phase_config, chains, 1, 1e6, "chains an update (phase 1)"),
    TJ_FIELD_SIZE(tj_phase_config, epochs, 1, 1e6, "epochs over the N problems (phase 2)"),
    TJ_FIELD_SIZE(tj_phase_config, max_updates, 0, 1e9, "updates at most (phase 2); 0: any"),
    TJ_FIELD_SIZE(tj_phase_config, problems, 1, 1e6, "problems an update (phase 2)"),
    TJ_FIELD_DOUBLE(tj_phase_config, replay, 0.0, 100.0, "phase-1 texts a problem (phase 2)"),
    TJ_FIELD_DOUBLE(tj_phase_config, lr_max, 0.0, 1.0, "peak learning rate"),
    TJ_FIELD_DOUBLE(tj_phase_config, lr_min_ratio, 0.0, 1.0, "last learning rate over the peak"),
    TJ_FIELD_DOUBLE(tj_phase_config, weight_decay, 0.0, 10.0, "decoupled weight decay"),
    TJ_FIELD_DOUBLE(tj_phase_config, beta2, 0.0, 0.99999, "AdamW's second beta"),
    TJ_FIELD_DOUBLE(tj_phase_config, clip_norm, 0.0, 1e6, "gradient norm at most; 0: any"),
    TJ_FIELD_SIZE(tj_phase_config, n_warmup, 0, 1e9, "updates of warm-up"),
    TJ_FIELD_SIZE(tj_phase_config, save_every, 0, 1e9, "updates between snapshots"),
    TJ_FIELD_END};

static const tj_field grow_fields[] = {
    TJ_FIELD_SIZE(tj_grow_config, width, 1, 64, "distinct steps a node (w)"),
    TJ_FIELD_SIZE(tj_grow_config, depth, 1, 256, "steps of a path at most (D)"),
    TJ_FIELD_SIZE(tj_grow_config, max_tries, 1, 1024, "samples a node at most"),
    TJ_FIELD_DOUBLE(tj_grow_config, temperature, 0.0, 10.0, "of the first samples"),
    TJ_FIELD_DOUBLE(tj_grow_config, temperature_rise, 0.0, 10.0, "added at each further round"),
    TJ_FIELD_SIZE(tj_grow_config, max_step_tokens, 1, 4096, "tokens of a step at most"),
    TJ_FIELD_ENUM(tj_grow_config, prune, prune_names, "which nodes are grown on"),
    TJ_FIELD_SIZE(tj_grow_config, prune_k, 0, 1e6, "nodes kept a level"),
    TJ_FIELD_SIZE(tj_grow_config, max_nodes, 0, 1e6, "nodes of a tree; 0: any"),
    TJ_FIELD_SIZE(tj_grow_config, batch_problems, 1, 1e6, "problems grown together"),
    TJ_FIELD_END};

static const tj_field derive_fields[] = {
    TJ_FIELD_ENUM(tj_derive_config, order, order_names, "order of a walk over children"),
    TJ_FIELD_SIZE(tj_derive_config, max_trials, 0, 64, "wrong children tried a node (K)"),
    TJ_FIELD_SIZE(tj_derive_config, max_backtracks, 0, 1024, "in one thought; 0: any"),
    TJ_FIELD_BOOL(tj_derive_config, restate, "going back restates state and goal"),
    TJ_FIELD_BOOL(tj_derive_config, tell_invalid, "wrong arithmetic is told, too"),
    TJ_FIELD_BOOL(tj_derive_config, back_to_root, "go back to the beginning"),
    TJ_FIELD_DOUBLE(tj_derive_config, p_connective, 0.0, 1.0, "chance of a connective sentence"),
    TJ_FIELD_STRING(tj_derive_config, language, "of the connectives"),
    TJ_FIELD_END};

static const tj_field eval_fields[] = {
    TJ_FIELD_SIZE(tj_eval_config, n_problems, 1, 1e7, "test problems"),
    TJ_FIELD_SIZE(tj_eval_config, n_valid, 1, 1e7, "validation problems kept apart"),
    TJ_FIELD_ENUM(tj_eval_config, split, split_names, "valid: choose settings, claim nothing"),
    TJ_FIELD_SIZE(tj_eval_config, max_tokens, 1, 1e6, "tokens of an answer at most"),
    TJ_FIELD_DOUBLE(tj_eval_config, temperature, 0.0, 10.0, "of the sampled controls"),
    TJ_FIELD_SIZE(tj_eval_config, max_samples, 1, 64, "samples of a control at most"),
    TJ_FIELD_SIZE(tj_eval_config, n_resamples, 100, 1e7, "of the bootstrap"),
    TJ_FIELD_END};

static const tj_field demo_fields[] = {
    TJ_FIELD_U64(tj_demo_config, seed, "everything hangs on it"),
    TJ_FIELD_SIZES(tj_demo_config, seeds, n_seeds, "fine-tuning seeds; the first is McNemar's"),
    TJ_FIELD_SIZE(tj_demo_config, n_bases, 1, 16, "independent base models"),
    TJ_FIELD_SIZE(tj_demo_config, n_train, 1, 1e6, "the headline N"),
    TJ_FIELD_SIZES(tj_demo_config, curve, n_curve, "N of the curve (full profile)"),
    TJ_FIELD_BOOL(tj_demo_config, full, "the whole curve and all controls"),
    TJ_FIELD_ENUM(tj_demo_config, precision, precision_names, "of products"),
    TJ_FIELD_SIZE(tj_demo_config, margin, 1, 1e6, "problems there must be for each one used"),
    TJ_FIELD_TABLE(tj_demo_config, task, task_fields, "the countdown setting"),
    TJ_FIELD_TABLE(tj_demo_config, corpus, corpus_fields, "texts of phase 1"),
    TJ_FIELD_TABLE(tj_demo_config, phase1, phase_fields, "training of the base"),
    TJ_FIELD_TABLE(tj_demo_config, phase2, phase_fields, "training of the arms"),
    TJ_FIELD_TABLE(tj_demo_config, grow, grow_fields, "trees"),
    TJ_FIELD_DOUBLE(tj_demo_config, grow_spare, 1.0, 100.0,
                    "problems grown for each one used, at most"),
    TJ_FIELD_TABLE(tj_demo_config, derive, derive_fields, "long thoughts"),
    TJ_FIELD_TABLE(tj_demo_config, eval, eval_fields, "evaluation"),
    TJ_FIELD_END};

static void model_default(tj_model_config *m)
{
    tj_model_config_default(m);
    m->width = 128;
    m->n_layers = 4;
    m->n_heads = 4;
    m->n_kv_heads = 4;
    m->head_dim = 32;
    m->ffn_width = 384;
    m->max_positions = 1024;
}

void tj_demo_config_default(tj_demo_config *c, bool full)
{
    memset(c, 0, sizeof *c);
    c->seed = full ? 12 : 13; /* test problems of its own */
    c->n_seeds = 3;
    for (size_t i = 0; i < c->n_seeds; i++) {
        c->seeds[i] = i + 1;
    }
    c->n_bases = full ? 2 : 1;
    c->n_train = 327;
    const size_t curve[] = {82, 164, 327, 1000, 3000};
    c->n_curve = sizeof curve / sizeof curve[0];
    memcpy(c->curve, curve, sizeof curve);
    c->full = full;
    c->precision = 1; /* f32: machines with and without bf16 find the same, but for rounding */
    c->margin = 10;
    c->task = (tj_countdown_config){.n_numbers = 4,
                                    .number_min = 1,
                                    .number_max = 20,
                                    .target_min = 10,
                                    .target_max = 100,
                                    .value_max = 100,
                                    .targets_by_play = true};
    model_default(&c->model);
    c->corpus = (tj_corpus_config){.n_problems = 9500,
                                   .chain_tokens = full ? 240 : 220,
                                   .p_fail = 0.5,
                                   .p_late = 0.5,
                                   .p_again = 0.5,
                                   .p_smaller = 0.1};
    c->phase1 = (tj_phase_config){.n_updates = full ? 5000 : 3800,
                                  .chains = 4,
                                  .epochs = 1,
                                  .problems = 1,
                                  .lr_max = 2e-3,
                                  .lr_min_ratio = 0.05,
                                  .weight_decay = 0.05,
                                  .beta2 = 0.98,
                                  .clip_norm = 1.0,
                                  .n_warmup = 100,
                                  .save_every = 1000};
    c->phase2 = c->phase1;
    c->phase2.n_updates = 1;
    c->phase2.chains = 1;
    c->phase2.epochs = 4;
    c->phase2.max_updates = 1000; /* the curve over N is about problems, not about updates */
    c->phase2.problems = 4;
    c->phase2.replay = 1.0;
    c->phase2.lr_max = 1e-3;
    c->phase2.lr_min_ratio = 0.1;
    c->phase2.n_warmup = 10;
    tj_grow_config_default(&c->grow);
    c->grow.depth = 3;
    c->grow.max_step_tokens = 20;
    c->grow.temperature = 0.8;
    c->grow.batch_problems = 192;
    c->grow_spare = full ? 2.0 : 3.0; /* a short training may leave more trees without an answer */
    tj_derive_config_default(&c->derive);
    c->derive.back_to_root = true;
    c->derive.p_connective = 0.15;
    c->eval = (tj_eval_config){.n_problems = 2000,
                               .n_valid = 500,
                               .max_tokens = 200,
                               .temperature = 0.7,
                               .max_samples = 8,
                               .n_resamples = 10000};
}

tj_code tj_demo_config_read(tj_demo_config *cfg, const json_t *json, const char *where, tj_err *err)
{
    tj_demo_config copy = *cfg;
    json_t *rest = json_is_object(json) ? json_deep_copy(json) : NULL;
    const json_t *model = json_object_get(json, "model");
    tj_code rc = TJ_OK;
    if (rest == NULL) {
        return tj_fail(err, TJ_E_INVAL, "%s: expected a mapping of settings", where);
    }
    json_object_del(rest, "model"); /* has its own reader */
    rc = tj_config_read(&copy, demo_fields, rest, where, err);
    if (rc == TJ_OK && model != NULL) {
        rc = tj_model_config_from_json(&copy.model, model, "model", err);
    }
    json_decref(rest);
    if (rc == TJ_OK) {
        rc = tj_demo_config_check(&copy, err);
    }
    if (rc == TJ_OK) {
        *cfg = copy;
    }
    return rc;
}

json_t *tj_demo_config_write(const tj_demo_config *cfg)
{
    json_t *j = tj_config_write(cfg, demo_fields);
    json_t *model = tj_model_config_to_json(&cfg->model);
    if (j == NULL || model == NULL) {
        json_decref(j);
        json_decref(model);
        return NULL;
    }
    if (json_object_set_new(j, "model", model) != 0) { /* takes model in any case */
        json_decref(j);
        return NULL;
    }
    return j;
}

tj_code tj_demo_config_print(tj_buf *out, const tj_demo_config *cfg, tj_err *err)
{
    tj_config_print(out, cfg, demo_fields, 0);
    tj_buf_str(out, "model:\n");
    tj_model_config_print(out, &cfg->model, 1);
    return tj_buf_check(out, err);
}

/* A seed that is there twice would count one training as two. */
static tj_code check_seeds(const tj_demo_config *c, tj_err *err)
{
    if (c->n_seeds == 0) {
        return tj_fail(err, TJ_E_INVAL, "seeds: at least one is needed");
    }
    for (size_t i = 0; i < c->n_seeds; i++) {
        for (size_t k = 0; k < i; k++) {
            if (c->seeds[i] == c->seeds[k]) {
                return tj_fail(err, TJ_E_INVAL, "seeds: %zu is there twice", c->seeds[i]);
            }
        }
    }
    return TJ_OK;
}

tj_code tj_demo_config_check(const tj_demo_config *c, tj_err *err)
{
    tj_code rc = tj_countdown_check_config(&c->task, err);
    tj_model_config model = c->model;
    if (model.n_vocab == 0) {
        model.n_vocab = 1; /* becomes the tokenizer's */
    }
    if (rc == TJ_OK) {
        rc = tj_model_config_check(&model, err);
    }
    if (rc == TJ_OK) {
        const char *family;
        rc = tj_model_config_family(&family, &model, err);
    }
    if (rc == TJ_OK) {
        rc = check_seeds(c, err);
    }
    if (rc == TJ_OK && c->eval.max_tokens + 64 > c->model.max_positions) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "eval.max_tokens %zu leaves no room for a prompt in model.max_positions %zu",
                     c->eval.max_tokens, c->model.max_positions);
    }
    return rc;
}
