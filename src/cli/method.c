/* Methods of training: their options, and what each needs of examples and model. */
#include "cli/method.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"

static const char *const methods[] = {"sft", "dpo", "prm", NULL};
static const char *const losses[] = {"sigmoid", "ipo", NULL};
static const char *const neutrals[] = {"none", "skip", "right", "wrong", NULL};

/* Each option and the method that it is for. */
static tj_code check_options(const tj_method *m, const tj_args *args, tj_err *err)
{
    static const struct {
        const char *name;
        tj_method_kind kind;
    } options[] = {{"beta", TJ_METHOD_DPO},
                   {"loss", TJ_METHOD_DPO},
                   {"label-smoothing", TJ_METHOD_DPO},
                   {"rpo-alpha", TJ_METHOD_DPO},
                   {"step-separator", TJ_METHOD_PRM},
                   {"neutral", TJ_METHOD_PRM}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (tj_args_has(args, options[i].name) && m->kind != options[i].kind) {
            return tj_fail(err, TJ_E_INVAL, "--%s is for --method %s", options[i].name,
                           methods[options[i].kind]);
        }
    }
    if (m->kind == TJ_METHOD_PRM && tj_args_has(args, "merged")) {
        return tj_fail(
            err, TJ_E_INVAL,
            "--merged is not for --method prm: --out is a whole model anyway, since files "
            "of adapters hold no value head");
    }
    return TJ_OK;
}

tj_code tj_method_read(tj_method *m, const tj_args *args, tj_method_kind fallback, tj_err *err)
{
    size_t kind = fallback;
    size_t loss = TJ_DPO_SIGMOID;
    size_t neutral = TJ_NEUTRAL_NONE;
    *m = (tj_method){.separator = tj_args_get(args, "step-separator")};
    tj_dpo_config_default(&m->dpo);
    tj_code rc = tj_args_choice(args, "method", methods, fallback, &kind, err);
    m->kind = (tj_method_kind)kind;
    if (rc == TJ_OK) {
        rc = check_options(m, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "loss", losses, TJ_DPO_SIGMOID, &loss, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "beta", m->dpo.beta, &m->dpo.beta, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "label-smoothing", 0.0, &m->dpo.label_smoothing, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "rpo-alpha", 0.0, &m->dpo.rpo_alpha, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_choice(args, "neutral", neutrals, TJ_NEUTRAL_NONE, &neutral, err);
    }
    m->dpo.kind = (tj_dpo_kind)loss;
    m->neutral = (tj_neutral)neutral;
    return rc == TJ_OK ? tj_dpo_config_check(&m->dpo, err) : rc;
}

void tj_method_set_format(const tj_method *m, tj_example_format *format)
{
    format->step_separator = m->separator;
    format->neutral = m->neutral;
}

tj_code tj_method_check(const tj_method *m, const tj_examples *examples, const char *path,
                        tj_err *err)
{
    static const char *const held[] = {"completions", "preference pairs", "labelled steps"};
    _Static_assert((int)TJ_EXAMPLE_COMPLETIONS == (int)TJ_METHOD_SFT &&
                       (int)TJ_EXAMPLE_PAIRS == (int)TJ_METHOD_DPO &&
                       (int)TJ_EXAMPLE_STEPS == (int)TJ_METHOD_PRM,
                   "each method has its kind of examples");
    if ((int)examples->kind == (int)m->kind) {
        return TJ_OK;
    }
    return tj_fail(err, TJ_E_INVAL, "%s holds %s: they are for --method %s, not %s", path,
                   held[examples->kind], methods[examples->kind], methods[m->kind]);
}

int tj_method_record(const tj_method *m, json_t *record)
{
    int failed = json_object_set_new(record, "method", json_string(methods[m->kind]));
    if (m->kind == TJ_METHOD_DPO) {
        failed |= json_object_set_new(record, "loss", json_string(losses[m->dpo.kind]));
        failed |= json_object_set_new(record, "beta", json_real(m->dpo.beta));
        failed |= json_object_set_new(record, "label_smoothing", json_real(m->dpo.label_smoothing));
        failed |= json_object_set_new(record, "rpo_alpha", json_real(m->dpo.rpo_alpha));
    }
    if (m->kind == TJ_METHOD_PRM) {
        const char *separator = m->separator == NULL ? "\n" : m->separator;
        failed |= json_object_set_new(record, "step_separator", json_string(separator));
        failed |= json_object_set_new(record, "neutral", json_string(neutrals[m->neutral]));
    }
    return failed == 0 ? 0 : -1;
}

tj_code tj_method_prepare(const tj_method *m, tj_model **model, uint64_t seed, tj_err *err)
{
    return m->kind == TJ_METHOD_PRM ? tj_prm_add_head(model, seed, err) : TJ_OK;
}

/* Computed before the first update, kept beside the snapshots until the last. */
static tj_code refer(tj_model *model, tj_examples *examples, const tj_train_config *cfg,
                     const char *snapshots, const tj_job *job, tj_err *err)
{
    char *path = tj_fs_join(snapshots, "references.json");
    if (path == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot name a file in %s", snapshots);
    }
    tj_code rc = TJ_OK;
    if (tj_fs_exists(path)) {
        rc = tj_references_load(examples, path, err);
    } else {
        rc = tj_examples_refer(examples, model, cfg, job, err);
        rc = rc == TJ_OK ? tj_references_save(examples, path, err) : rc;
    }
    tj_free(path);
    return rc;
}

tj_code tj_method_train(tj_method *m, tj_model *model, tj_examples *examples, tj_source source,
                        const tj_train_config *cfg, const char *snapshots, tj_update_fn done,
                        void *ctx, const tj_job *job, tj_err *err)
{
    if (m->kind == TJ_METHOD_SFT) {
        return tj_train_sft(model, source, cfg, snapshots, done, ctx, job, err);
    }
    tj_loss loss = m->kind == TJ_METHOD_DPO ? tj_dpo_loss(&m->dpo) : tj_prm_loss();
    tj_code rc =
        m->kind == TJ_METHOD_DPO ? refer(model, examples, cfg, snapshots, job, err) : TJ_OK;
    return rc == TJ_OK ? tj_train_loop(model, source, &loss, cfg, snapshots, done, ctx, job, err)
                       : rc;
}
