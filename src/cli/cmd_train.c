/* train: fine-tuning from JSON lines, by completions, preferences or labelled steps. What goes on
 * from a snapshot is in train_record.c. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/prm_examples.h"
#include "cli/train_inner.h"
#include "cli/voice.h"
#include "stage/stage.h"
#include "train/train.h"

#define LR_MIN_RATIO 0.1 /* last learning rate over the peak, as in the demo */

#define LR_REAL 2e-5 /* default for a model with a tokenizer of its own, as TRL's */
#define LR_LORA 2e-4 /* the same with adapters, which bear ten times as much */
#define LR_TOY  1e-3

/* ------------------------------------------------------------------ settings */

static tj_code read_optimizer(tj_training *t, const tj_args *args, tj_err *err)
{
    tj_adamw_config *o = &t->sft.optimizer;
    size_t schedule = TJ_SCHEDULE_COSINE;
    double lr = t->tok == NULL ? LR_TOY : t->adapts ? LR_LORA : LR_REAL;
    tj_code rc = tj_args_number(args, "lr", lr, 10.0, &o->lr_max, err);
    if (rc == TJ_OK) {
        rc = tj_args_number(args, "decay", 0.05, 10.0, &o->weight_decay, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "warmup", 10, 1 << 30, &o->n_warmup, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "schedule", tj_train_schedules, TJ_SCHEDULE_COSINE, &schedule,
                            err);
    }
    o->schedule = (tj_schedule)schedule;
    o->lr_min = o->lr_max * LR_MIN_RATIO;
    return rc;
}

/* --lora-rank says that adapters are trained, the others how. */
static tj_code read_lora(tj_training *t, const tj_args *args, tj_err *err)
{
    static const char *const others[] = {"lora-alpha", "lora-targets", "lora-rslora", "merged"};
    tj_lora_config *c = &t->lora;
    tj_lora_config_default(c);
    t->adapts = tj_args_has(args, "lora-rank");
    t->merged = tj_args_get(args, "merged");
    c->rslora = tj_args_has(args, "lora-rslora");
    for (size_t i = 0; !t->adapts && i < sizeof others / sizeof others[0]; i++) {
        if (tj_args_has(args, others[i])) {
            return tj_fail(err, TJ_E_INVAL, "--%s is for adapters: give --lora-rank too",
                           others[i]);
        }
    }
    if (t->adapts && tj_args_has(args, "new")) {
        return tj_fail(err, TJ_E_INVAL, "--lora-rank adapts a model that is there: not --new");
    }
    tj_code rc = tj_args_count(args, "lora-rank", c->rank, TJ_MAX_LORA_RANK, &c->rank, err);
    if (rc == TJ_OK) {
        rc = tj_args_number(args, "lora-alpha", c->alpha, TJ_MAX_LORA_ALPHA, &c->alpha, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "lora-targets")) {
        rc = tj_lora_targets_parse(c->targets, tj_args_get(args, "lora-targets"), err);
    }
    return rc;
}

static tj_code read_settings(tj_training *t, const tj_args *args, tj_err *err)
{
    tj_train_config_default(&t->sft);
    t->sft.recompute = tj_args_has(args, "recompute");
    t->force = tj_args_has(args, "force");
    t->out = tj_args_get(args, "out");
    int n_starts = (tj_args_has(args, "from") ? 1 : 0) + (tj_args_has(args, "name") ? 1 : 0) +
                   (tj_args_has(args, "new") ? 1 : 0);
    if (t->out == NULL || t->out[0] == 0) {
        return tj_fail(err, TJ_E_INVAL, "--out is needed: the folder of the new model");
    }
    if (n_starts != 1) {
        return tj_fail(err, TJ_E_INVAL,
                       "one of --from DIR, --name NAME and --new says where training starts");
    }
    if (tj_args_has(args, "shape") && !tj_args_has(args, "new")) {
        return tj_fail(err, TJ_E_INVAL, "--shape is for --new: another model has its shape");
    }
    tj_code rc = tj_args_count(args, "epochs", 4, 1000000, &t->epochs, err);
    if (rc == TJ_OK) {
        rc = tj_args_count(args, "batch", 4, 1 << 20, &t->batch, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "save-every", 100, 1 << 30, &t->sft.save_every, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "seed", 1, SIZE_MAX, &t->seed, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_use_threads(args, err);
    }
    if (rc == TJ_OK) {
        rc = read_lora(t, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_method_read(&t->method, args, t->is_prm ? TJ_METHOD_PRM : TJ_METHOD_SFT, err);
    }
    t->gives_adapters = t->adapts && t->method.kind != TJ_METHOD_PRM;
    return rc;
}

/* ------------------------------------------------------------------ the start */

/* A model of the demo's shape, or of that which --shape gives, with random weights. */
static tj_code new_model(tj_training *t, const tj_args *args, tj_err *err)
{
    tj_demo_config demo;
    tj_model_config *cfg = &demo.model;
    json_t *shape = json_object();
    tj_demo_config_default(&demo, false);
    tj_code rc = shape == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot make a model") : TJ_OK;
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "shape", i) != NULL; i++) {
        rc = tj_config_set(shape, tj_args_nth(args, "shape", i), err);
    }
    if (rc == TJ_OK) {
        rc = tj_model_config_from_json(cfg, shape, "--shape", err);
    }
    cfg->n_vocab = tj_tokenizer_n_vocab(t->domain.tok);
    cfg->bos_id = t->domain.eos;
    cfg->eos_id = t->domain.eos;
    const char *family = NULL;
    if (rc == TJ_OK) {
        rc = tj_model_config_check(cfg, err);
    }
    if (rc == TJ_OK) {
        rc = tj_model_config_family(&family, cfg, err);
    }
    if (rc == TJ_OK) {
        rc = tj_model_create(&t->model, cfg, tj_dtype_best(), t->seed, err);
    }
    json_decref(shape);
    return rc;
}

static tj_code check_apart(const char *from, const char *option, const char *out, tj_err *err)
{
    struct stat a;
    struct stat b;
    bool same =
        stat(from, &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    return same ? tj_fail(err, TJ_E_INVAL,
                          "--%s %s is the model that training starts from: give another folder",
                          option, out)
                : TJ_OK;
}

/* A model with a tokenizer of its own, and the format that goes with it. A template that is not
 * known is an error only where there are messages. */
static tj_code start_real_model(tj_training *t, const char *path, const tj_args *args, tj_err *err)
{
    const char *name = tj_args_get(args, "chat-template");
    tj_code rc = tj_tokenizer_load(&t->tok, path, err);
    if (rc == TJ_OK) {
        rc = tj_model_load(&t->model, path, tj_dtype_best(), err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    const tj_tokenizer_extras *extras = tj_tokenizer_get_extras(t->tok);
    t->format =
        (tj_example_format){.tok = t->tok,
                            .begin = extras->add_bos ? extras->bos : -1,
                            .end = extras->eos >= 0 ? extras->eos : tj_model_cfg(t->model)->eos_id};
    if (name != NULL) {
        rc = tj_chat_by_name(&t->format.chat, name, err);
        t->format.has_chat = rc == TJ_OK;
    } else {
        t->format.has_chat =
            tj_chat_recognize(&t->format.chat, extras->chat_template, NULL) == TJ_OK;
    }
    return rc;
}

static tj_code start_model(tj_training *t, const tj_args *args, tj_err *err)
{
    char *folder = NULL;
    if (tj_args_has(args, "new")) {
        return new_model(t, args, err);
    }
    tj_code rc = tj_domain_folder(&folder, args, "from", "", err);
    if (rc == TJ_OK) {
        rc = check_apart(folder, "out", t->out, err);
    }
    if (rc == TJ_OK && t->merged != NULL) {
        rc = check_apart(folder, "merged", t->merged, err);
    }
    if (rc == TJ_OK) {
        rc = tj_voice_is_at(folder) ? start_real_model(t, folder, args, err)
                                    : tj_domain_load(&t->domain, &t->model, folder, err);
    }
    t->from = folder;
    return rc;
}

static tj_code load_examples(tj_training *t, const tj_args *args, tj_err *err)
{
    tj_method_set_format(&t->method, &t->format);
    if (t->is_prm) {
        return tj_prm_examples_load(&t->examples, &t->form, args, &t->method, &t->format,
                                    &t->domain.task, err);
    }
    tj_code rc = t->method.kind == TJ_METHOD_PRM
                     ? tj_prm_form_of_trl(&t->form, &t->method, &t->format, err)
                     : TJ_OK;
    return rc == TJ_OK ? tj_examples_load(&t->examples, tj_args_operand(args, 0), &t->format, err)
                       : rc;
}

static tj_code open_training(tj_training *t, const tj_args *args, tj_err *err)
{
    tj_code rc = tj_domain_open(&t->domain, err);
    t->format =
        (tj_example_format){.tok = t->domain.tok, .begin = t->domain.eos, .end = t->domain.eos};
    if (rc == TJ_OK) {
        rc = start_model(t, args, err);
    }
    if (rc == TJ_OK) {
        rc = read_optimizer(t, args, err);
    }
    if (rc == TJ_OK) {
        t->format.max_tokens = tj_model_cfg(t->model)->max_positions;
        rc = load_examples(t, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_method_check(&t->method, &t->examples, tj_args_operand(args, 0), err);
    }
    if (rc == TJ_OK) {
        rc = tj_example_source_init(&t->source, &t->examples, t->batch, t->seed, err);
    }
    if (rc == TJ_OK && !tj_mul_size(&t->sft.optimizer.n_updates, t->epochs,
                                    tj_example_source_updates(&t->source))) {
        rc = tj_fail(err, TJ_E_LIMIT, "%zu epochs of %zu examples are too many updates", t->epochs,
                     t->source.n);
    }
    t->snapshots = rc == TJ_OK ? tj_fs_join(t->out, "snapshots") : NULL;
    t->note = t->snapshots == NULL ? NULL : tj_fs_join(t->snapshots, "train.json");
    if (rc == TJ_OK && t->note == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot name a snapshot");
    }
    return rc;
}

static void close_training(tj_training *t)
{
    tj_example_source_deinit(&t->source);
    tj_examples_deinit(&t->examples);
    tj_model_destroy(t->model);
    tj_tokenizer_destroy(t->tok);
    tj_domain_close(&t->domain);
    tj_train_ledger_close(&t->ledger);
    json_decref(t->record);
    tj_free(t->from);
    tj_free(t->snapshots);
    tj_free(t->note);
}

/* ------------------------------------------------------------------ the training */

static void note_update(void *ctx, const tj_update *up)
{
    tj_training *t = ctx;
    t->made.first = t->made.n == 0 ? up->loss : t->made.first;
    t->made.last = *up;
    t->made.n++;
    t->made.tokens += up->n_tokens;
    t->made.unique += up->n_unique;
}

/* How many times shared beginnings would have been computed on separate sequences, on average. */
static double sharing_ratio(const tj_training *t)
{
    return t->made.unique == 0 ? 1.0 : (double)t->made.tokens / (double)t->made.unique;
}

/* Those of the last update. */
static json_t *metrics_json(const tj_training *t)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < t->made.last.n_metrics; i++) {
        const tj_metric *m = &t->made.last.metrics[i];
        json_object_set_new(metrics, m->name, json_real(m->value));
    }
    return metrics;
}

static tj_code print_as_json(const tj_training *t, double seconds, tj_err *err)
{
    char digest[65];
    json_t *metrics = metrics_json(t);
    tj_model_digest(t->model, digest);
    json_t *j = json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:I, s:f, s:f, s:s}", "out",
        tj_json_text(t->out, strlen(t->out)), "trainable", (json_int_t)t->n_trainable, "examples",
        (json_int_t)t->source.n, "updates", (json_int_t)t->sft.optimizer.n_updates, "updates_now",
        (json_int_t)t->made.n, "loss_first", t->made.first, "loss_last", t->made.last.loss,
        "metrics", metrics, "tokens_now", (json_int_t)t->made.tokens, "sharing_ratio",
        sharing_ratio(t), "seconds", seconds, "digest", digest);
    tj_code rc = tj_print_json(j, err);
    json_decref(j);
    return rc;
}

static void print_as_text(const tj_training *t, double seconds)
{
    size_t n_updates = t->sft.optimizer.n_updates;
    tj_cli_progress_end();
    printf("%zu examples, %zu updates", t->source.n, n_updates);
    if (t->made.n < n_updates) {
        printf(" (%zu of them now)", t->made.n);
    }
    printf(", %zu trainable parameters, loss %.3f to %.3f, sharing ratio %.2f, %.0f s\n",
           t->n_trainable, t->made.first, t->made.last.loss, sharing_ratio(t), seconds);
    for (size_t i = 0; i < t->made.last.n_metrics; i++) {
        printf("%s%s %.4g%s", i == 0 ? "last update: " : ", ", t->made.last.metrics[i].name,
               t->made.last.metrics[i].value, i + 1 == t->made.last.n_metrics ? "\n" : "");
    }
    printf("%s: %s\n", t->gives_adapters ? "adapters" : "model", t->out);
    if (t->merged != NULL) {
        printf("model: %s\n", t->merged);
    }
}

/* What is trained beside the first weights, after the record, whose digest is of those. */
static tj_code add_parts(tj_training *t, tj_err *err)
{
    tj_code rc = tj_method_prepare(&t->method, &t->model, t->seed, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = t->adapts ? tj_model_add_lora(t->model, &t->lora, t->seed, err) : TJ_OK;
    if (rc == TJ_OK && t->method.kind == TJ_METHOD_PRM) {
        tj_prm_train_head(t->model);
    }
    size_t n = tj_model_config_n_weights(tj_model_cfg(t->model));
    t->n_trainable = tj_model_n_trainable(t->model);
    if (rc == TJ_OK && t->adapts) {
        tj_job_log(tj_cli_job(), "adapters%s of %zu parameters, %.2f%% of the model's %zu",
                   t->gives_adapters ? "" : " and value head", t->n_trainable,
                   100.0 * (double)t->n_trainable / (double)n, n);
    }
    return rc;
}

static tj_code write_adapters(const tj_training *t, tj_err *err)
{
    const tj_convert_options with = {.adapter = t->out};
    tj_code rc = tj_adapter_save(t->model, t->out, t->from, err);
    return rc == TJ_OK && t->merged != NULL ? tj_model_convert(NULL, t->from, t->merged, &with, err)
                                            : rc;
}

/* What was trained, in its folder. */
static tj_code write_model(const tj_training *t, tj_err *err)
{
    if (t->gives_adapters) {
        return write_adapters(t, err);
    }
    tj_code rc = t->adapts ? tj_model_merge_lora(t->model, err) : TJ_OK;
    if (rc == TJ_OK) {
        rc = tj_model_save(t->model, t->out, TJ_F32, err);
    }
    if (rc == TJ_OK && t->method.kind == TJ_METHOD_PRM) {
        rc = tj_prm_form_save(&t->form, t->out, err);
    }
    return rc == TJ_OK && t->tok != NULL ? tj_model_copy_companions(t->from, t->out, err) : rc;
}

static tj_code end_run(tj_training *t, tj_code rc, tj_err *err)
{
    tj_run_cost cost = {.tokens = t->made.tokens, .updates = t->made.n};
    json_t *metrics = metrics_json(t);
    if (t->made.n > 0) {
        json_object_set_new(metrics, "loss", json_real(t->made.last.loss));
    }
    rc = tj_train_ledger_end(&t->ledger, rc, t->out, t->merged, cost, metrics, err);
    json_decref(metrics);
    return rc;
}

static tj_code train(tj_training *t, tj_err *err)
{
    tj_source source = {tj_example_source_fill, &t->source};
    tj_code rc = tj_method_train(&t->method, t->model, &t->examples, source, &t->sft, t->snapshots,
                                 note_update, t, tj_cli_job(), err);
    if (rc == TJ_E_CANCELLED) {
        return tj_fail(err, rc,
                       "stopped; everything so far is in %s: run the same command to go on",
                       t->snapshots);
    }
    if (rc == TJ_OK) {
        rc = write_model(t, err);
    }
    if (rc == TJ_OK) {
        tj_snapshot_remove(t->snapshots);
    }
    return rc;
}

static tj_code train_with(const tj_args *args, bool is_prm, tj_err *err)
{
    tj_training t = {.is_prm = is_prm};
    double start = tj_clock_seconds();
    tj_code rc = read_settings(&t, args, err);
    if (rc == TJ_OK) {
        rc = tj_train_ledger_open(&t.ledger, args, tj_args_operand(args, 0), err);
    }
    if (rc == TJ_OK) {
        rc = open_training(&t, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_training_describe(&t, err);
    }
    if (rc == TJ_OK) {
        rc = add_parts(&t, err);
    }
    if (rc == TJ_OK) {
        rc = tj_training_open_snapshots(&t, err);
    }
    if (rc == TJ_OK) {
        rc = tj_train_ledger_begin(&t.ledger, args, t.record, t.seed, tj_args_operand(args, 0),
                                   t.from, err);
    }
    if (rc == TJ_OK) {
        rc = train(&t, err);
        rc = end_run(&t, rc, err);
    }
    if (rc == TJ_OK) {
        double seconds = tj_clock_seconds() - start;
        if (tj_args_has(args, "json")) {
            rc = print_as_json(&t, seconds, err);
        } else {
            print_as_text(&t, seconds);
        }
    }
    close_training(&t);
    return rc;
}

tj_code tj_cmd_train(const tj_args *args, tj_err *err)
{
    return train_with(args, false, err);
}

tj_code tj_cmd_train_prm(const tj_args *args, tj_err *err)
{
    return train_with(args, true, err);
}
