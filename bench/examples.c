/* Our side of the comparison with TRL: SFT or DPO on a file of examples in f32, in the file's
 * order, with AdamW and a learning rate that falls linearly; one measurement a process, one JSON
 * object on standard output. bench/run-trl pairs it with bench/trl_train.py.
 *
 *     tabiji-bench-examples MODEL FILE.jsonl sft|dpo BATCH UPDATES LR [recompute]
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/par.h"
#include "train/train.h"

#define BETA 0.1 /* of DPO, as trl_train.py has it */

static void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        (void)fprintf(stderr, "tabiji-bench-examples: %s\n", err->msg);
        exit(1);
    }
}

/* A line of /proc/self/status in MiB. */
static double status_mib(const char *key)
{
    char line[256];
    double kib = 0.0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kib = strtod(line + strlen(key) + 1, NULL);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return kib / 1024.0;
}

static void forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (f != NULL) {
        (void)fputs("5", f);
        (void)fclose(f);
    }
}

/* ------------------------------------------------------------------ examples in order */

typedef struct in_order {
    const tj_examples *examples;
    size_t batch; /* lines */
} in_order;

static tj_code fill(void *ctx, size_t update, tj_batch *batch, tj_err *err)
{
    const in_order *o = ctx;
    size_t n = o->batch * tj_examples_group(o->examples);
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = tj_examples_add(o->examples, (update * n + i) % o->examples->n, batch, err);
    }
    return rc;
}

/* ------------------------------------------------------------------ what is told */

typedef struct record {
    json_t *losses, *metrics;
    double *rates; /* [n] tokens a second of all updates but the first */
    size_t n, n_tokens, n_unique;
} record;

static void note(void *ctx, const tj_update *up)
{
    record *r = ctx;
    json_array_append_new(r->losses, json_real(up->loss));
    for (size_t i = 0; i < up->n_metrics; i++) {
        const char *name = up->metrics[i].name;
        if (json_object_get(r->metrics, name) == NULL) {
            json_object_set_new(r->metrics, name, json_array());
        }
        json_array_append_new(json_object_get(r->metrics, name), json_real(up->metrics[i].value));
    }
    r->n_tokens += up->n_tokens;
    r->n_unique += up->n_unique;
    if (up->update == 0) {
        forget_peak(); /* the peak of training, not of loading */
    } else {
        r->rates[r->n++] = (double)up->n_tokens / up->seconds;
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare_doubles);
    return n == 0 ? 0.0 : n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2.0;
}

static double state_mib(tj_model *model) /* weights, gradients, two moments */
{
    size_t n;
    size_t values = 0;
    const tj_param *params = tj_model_params(model, &n);
    for (size_t i = 0; i < n; i++) {
        values += params[i].n;
    }
    return 16.0 * (double)values / 1048576.0;
}

static void load(tj_model **model, tj_tokenizer **tok, tj_examples *examples, const char *path,
                 const char *file)
{
    tj_err err;
    must(tj_tokenizer_load(tok, path, &err), &err);
    must(tj_model_load(model, path, TJ_F32, &err), &err);
    const tj_tokenizer_extras *extras = tj_tokenizer_get_extras(*tok);
    tj_example_format format = {.tok = *tok,
                                .begin = extras->add_bos ? extras->bos : -1,
                                .end = extras->eos,
                                .max_tokens = tj_model_cfg(*model)->max_positions};
    must(tj_examples_load(examples, file, &format, &err), &err);
}

static void train(tj_model *model, tj_examples *examples, bool dpo, size_t batch,
                  const tj_train_config *cfg, record *r)
{
    tj_err err;
    tj_dpo_config preferences;
    in_order order = {examples, batch};
    tj_source source = {fill, &order};
    tj_dpo_config_default(&preferences);
    preferences.beta = BETA;
    if (!dpo) {
        must(tj_train_sft(model, source, cfg, NULL, note, r, NULL, &err), &err);
        return;
    }
    tj_loss loss = tj_dpo_loss(&preferences);
    must(tj_examples_refer(examples, model, cfg, NULL, &err), &err);
    must(tj_train_loop(model, source, &loss, cfg, NULL, note, r, NULL, &err), &err);
}

int main(int argc, char **argv)
{
    tj_model *model;
    tj_tokenizer *tok;
    tj_examples examples;
    if (argc < 7) {
        (void)fprintf(stderr, "usage: tabiji-bench-examples MODEL FILE.jsonl sft|dpo BATCH UPDATES "
                              "LR [recompute]\n");
        return 2;
    }
    size_t batch = strtoul(argv[4], NULL, 10);
    tj_train_config cfg;
    tj_train_config_default(&cfg);
    cfg.optimizer = (tj_adamw_config){.lr_max = strtod(argv[6], NULL),
                                      .beta1 = 0.9,
                                      .beta2 = 0.999,
                                      .eps = 1e-8,
                                      .clip_norm = 1.0,
                                      .n_updates = strtoul(argv[5], NULL, 10),
                                      .schedule = TJ_SCHEDULE_LINEAR};
    cfg.recompute = argc > 7 && strcmp(argv[7], "recompute") == 0;
    double before = status_mib("VmRSS:");
    load(&model, &tok, &examples, argv[1], argv[2]);
    record r = {.losses = json_array(),
                .metrics = json_object(),
                .rates = tj_calloc(cfg.optimizer.n_updates, sizeof *r.rates)};
    if (r.rates == NULL) {
        return 1;
    }
    train(model, &examples, strcmp(argv[3], "dpo") == 0, batch, &cfg, &r);
    double beyond = status_mib("VmHWM:") - before - state_mib(model);
    json_t *out =
        json_pack("{s:s, s:s, s:o, s:I, s:f, s:f, s:f, s:b, s:i, s:s}", "method", argv[3], "file",
                  argv[2], "losses", r.losses, "n_tokens", (json_int_t)r.n_tokens, "sharing_ratio",
                  (double)r.n_tokens / (double)r.n_unique, "tokens_per_s", median(r.rates, r.n),
                  "beyond_mib", beyond, "recompute", (int)cfg.recompute, "threads",
                  (int)tj_par_threads(), "isa", tj_isa_name());
    json_object_update(out, r.metrics);
    (void)json_dumpf(out, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(out);
    json_decref(r.metrics);
    tj_free(r.rates);
    tj_examples_deinit(&examples);
    tj_model_destroy(model);
    tj_tokenizer_destroy(tok);
    return 0;
}
