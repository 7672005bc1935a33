/* While a training goes on, OUT/snapshots holds the latest snapshot and train.json, which says what
 * the training is: the digests of the examples and of the first weights, and every setting that the
 * result depends on. The same command goes on from there; another one is refused. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/train_inner.h"

const char *const tj_train_schedules[] = {"constant", "cosine", "linear", NULL};

/* Rank 0: none. */
static int record_lora(tj_training *t)
{
    char targets[96] = "";
    size_t n = 0;
    for (size_t i = 0; i < TJ_N_LORA_TARGETS; i++) {
        if (t->lora.targets[i]) {
            n += (size_t)snprintf(targets + n, sizeof targets - n, "%s%s", n > 0 ? "," : "",
                                  tj_lora_target_name((tj_lora_target)i));
        }
    }
    json_t *lora = json_pack(
        "{s:I, s:f, s:s, s:b}", "lora_rank", (json_int_t)(t->adapts ? t->lora.rank : 0),
        "lora_alpha", t->lora.alpha, "lora_targets", targets, "lora_rslora", (int)t->lora.rslora);
    int failed = lora == NULL ? -1 : json_object_update(t->record, lora);
    json_decref(lora);
    return failed;
}

tj_code tj_training_describe(tj_training *t, tj_err *err)
{
    const tj_adamw_config *o = &t->sft.optimizer;
    char start[65];
    char kernels[64];
    char seed[32];
    tj_model_digest(t->model, start);
    snprintf(kernels, sizeof kernels, "%s-%s", tj_isa_name(), tj_dtype_name(tj_dtype_best()));
    snprintf(seed, sizeof seed, "%zu", t->seed);
    t->record = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:I, s:s, s:b, s:s}", "train_version",
        3, "examples", t->examples.digest, "tokenizer", tj_tokenizer_hash(t->format.tok),
        "chat_template", t->format.has_chat ? tj_chat_name(t->format.chat) : "none", "start", start,
        "seed", seed, "epochs", (json_int_t)t->epochs, "batch", (json_int_t)t->batch, "lr",
        o->lr_max, "decay", o->weight_decay, "warmup", (json_int_t)o->n_warmup, "schedule",
        tj_train_schedules[o->schedule], "recompute", (int)t->sft.recompute, "kernels", kernels);
    if (t->record == NULL || record_lora(t) != 0 || tj_method_record(&t->method, t->record) != 0 ||
        (t->is_prm &&
         json_object_set_new(t->record, "prompt_end", json_string(t->form.prompt_end)) != 0)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot describe the training");
    }
    return TJ_OK;
}

/* TJ_E_CONFLICT naming the first setting in which the record differs from ours. */
static tj_code compare_record(const tj_training *t, const json_t *theirs, tj_err *err)
{
    const char *key;
    json_t *ours;
    json_object_foreach(t->record, key, ours)
    {
        const json_t *other = json_object_get(theirs, key);
        if (json_equal(ours, other)) {
            continue;
        }
        char *a = other == NULL ? NULL : tj_json_scalar(other);
        char *b = tj_json_scalar(ours);
        tj_code rc = tj_fail(err, TJ_E_CONFLICT,
                             "%s was begun with another %s (%.20s, now %.20s): give the same "
                             "command to go on, or --force to begin anew",
                             t->snapshots, key, a == NULL ? "none" : a, b == NULL ? "?" : b);
        tj_free(a);
        tj_free(b);
        return rc;
    }
    return TJ_OK;
}

static bool has_file(const char *dir, const char *name)
{
    char *path = tj_fs_join(dir, name);
    bool has = path == NULL || tj_fs_exists(path);
    tj_free(path);
    return has;
}

/* A model is replaced only when forced; never is one of the other kind, beside which ours would not
 * be found. */
static tj_code check_free(const tj_training *t, tj_err *err)
{
    bool model = has_file(t->out, "model.safetensors") || has_file(t->out, "config.json");
    bool adapters = tj_adapter_is_at(t->out);
    if ((model || adapters) && !t->force) {
        return tj_fail(err, TJ_E_CONFLICT, "%s holds a model already; --force replaces it", t->out);
    }
    if (t->gives_adapters ? model : adapters) {
        return tj_fail(err, TJ_E_CONFLICT, "%s holds %s: give another folder", t->out,
                       t->gives_adapters ? "a whole model, not adapters"
                                         : "adapters, not a whole model");
    }
    if (t->merged != NULL && has_file(t->merged, "config.json") && !t->force) {
        return tj_fail(err, TJ_E_CONFLICT, "%s holds a model already; --force replaces it",
                       t->merged);
    }
    return TJ_OK;
}

tj_code tj_training_open_snapshots(const tj_training *t, tj_err *err)
{
    json_t *theirs = NULL;
    if (tj_fs_exists(t->note)) {
        tj_code rc = tj_config_load(&theirs, t->note, err);
        rc = rc == TJ_OK ? compare_record(t, theirs, err) : rc;
        json_decref(theirs);
        if (rc == TJ_OK) {
            tj_job_log(tj_cli_job(), "going on from %s", t->snapshots);
            return TJ_OK;
        }
        if (!t->force) {
            return rc;
        }
        tj_snapshot_remove(t->snapshots);
    }
    tj_code free_to_write = check_free(t, err);
    if (free_to_write != TJ_OK) {
        return free_to_write;
    }
    (void)rmdir(t->snapshots); /* an empty one may be left over */
    if (tj_fs_exists(t->snapshots)) {
        return tj_fail(err, TJ_E_CONFLICT, "%s is there, but not of a training like this",
                       t->snapshots);
    }
    char *text = tj_json_canonical(t->record);
    tj_code rc = text == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot describe the training")
                              : tj_fs_mkdirs(t->snapshots, err);
    if (rc == TJ_OK) {
        rc = tj_fs_write(t->note, text, strlen(text), err);
    }
    tj_free(text);
    return rc;
}
