/* generate, model info, task check; man and completion. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/par.h"
#include "cli/common.h"
#include "infer/infer.h"
#include "nn/nn.h"
#include "task/task.h"
#include "text/text.h"

#define MAX_LINE 65536 /* bytes of a prompt from standard input */

typedef struct generation {
    tj_model *model;
    tj_tokenizer *tok;
    tj_engine *engine;
    int32_t eos;
    tj_sampling sampling;
    size_t n_samples, max_tokens, seed;
    json_t *list; /* with --json */
} generation;

/* The folder of --model, or of the workspace's model of that name. */
static tj_code model_folder(const tj_args *args, char **out, tj_err *err)
{
    const char *dir = tj_args_get(args, "model");
    const char *name = tj_args_get(args, "name");
    tj_store *store = NULL;
    tj_model_row row = {0};
    *out = NULL;
    if (dir != NULL) {
        *out = tj_strdup(dir);
        return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot load a model") : TJ_OK;
    }
    tj_code rc = tj_open_workspace(&store, args, err);
    if (rc == TJ_OK) {
        rc = name == NULL ? tj_find_latest_model(store, &row, "journey", err)
                          : tj_store_find_model(store, &row, name, 0, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_path(store, out, row.path, err);
    }
    tj_model_row_deinit(&row);
    tj_store_close(store);
    return rc;
}

static tj_code open_generation(generation *g, const tj_args *args, tj_err *err)
{
    char *folder = NULL;
    size_t len;
    const char *json = tj_countdown_tokenizer_json(&len);
    tj_engine_config cfg;
    tj_engine_config_default(&cfg);
    tj_code rc = model_folder(args, &folder, err);
    if (rc == TJ_OK) {
        rc = tj_model_load(&g->model, folder, tj_dtype_best(), err);
    }
    if (rc == TJ_OK) {
        rc = tj_tokenizer_parse(&g->tok, json, len, "countdown tokenizer", err);
    }
    if (rc == TJ_OK && tj_model_cfg(g->model)->n_vocab != tj_tokenizer_n_vocab(g->tok)) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "%s has a vocabulary of %zu tokens; only models of the embedded domain (%zu) "
                     "can be used yet",
                     folder, tj_model_cfg(g->model)->n_vocab, tj_tokenizer_n_vocab(g->tok));
    }
    if (rc == TJ_OK) {
        g->eos = tj_tokenizer_find(g->tok, "<eos>");
        rc = tj_engine_create(&g->engine, g->model, g->tok, &cfg, err);
    }
    tj_free(folder);
    return rc;
}

static void close_generation(generation *g)
{
    tj_engine_destroy(g->engine);
    tj_model_destroy(g->model);
    tj_tokenizer_destroy(g->tok);
    json_decref(g->list);
}

static tj_code read_sampling(generation *g, const tj_args *args, tj_err *err)
{
    size_t threads;
    tj_code rc = tj_args_double(args, "temperature", 0.0, &g->sampling.temperature, err);
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "top-p", 1.0, &g->sampling.top_p, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "min-p", 0.0, &g->sampling.min_p, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "top-k", 0, 1 << 24, &g->sampling.top_k, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "samples", 1, 4096, &g->n_samples, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "max-tokens", 400, 1 << 20, &g->max_tokens, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "seed", 1, SIZE_MAX, &g->seed, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "threads", 0, TJ_MAX_THREADS, &threads, err);
        tj_par_set_threads(threads);
    }
    return rc;
}

static tj_code print_answer(generation *g, const char *prompt, const tj_gen *gen, size_t sample,
                            tj_err *err)
{
    static const char *const finishes[] = {"none", "eos", "stop", "length"};
    tj_buf text;
    tj_buf_init(&text);
    tj_tokenizer_decode(g->tok, &text, gen->ids, gen->n_ids, false);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && g->list != NULL) {
        double sum = 0.0;
        for (size_t i = 0; i < gen->n_ids; i++) {
            sum += (double)gen->logprobs[i];
        }
        json_array_append_new(g->list,
                              json_pack("{s:s, s:I, s:s, s:I, s:f, s:s}", "prompt", prompt,
                                        "sample", (json_int_t)sample, "text", tj_buf_text(&text),
                                        "tokens", (json_int_t)gen->n_ids, "logprob", sum, "finish",
                                        finishes[gen->finish]));
    } else if (rc == TJ_OK) {
        printf("%s%s", tj_buf_text(&text), g->n_samples > 1 ? "\n" : "");
    }
    tj_buf_deinit(&text);
    return rc;
}

static tj_code generate_one(generation *g, const char *prompt, size_t index, tj_err *err)
{
    tj_ids ids = {0};
    tj_branch root = TJ_NO_BRANCH;
    size_t n = strlen(prompt);
    bool ends = n > 0 && prompt[n - 1] == '\n';
    tj_gen *gens = tj_calloc(g->n_samples, sizeof *gens);
    tj_code rc = gens == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot generate")
                              : tj_ids_add(&ids, &g->eos, 1, err);
    if (rc == TJ_OK) {
        rc = tj_tokenizer_encode(g->tok, &ids, prompt, n, false, err);
    }
    if (rc == TJ_OK && !ends) { /* a prompt is a line: its stop and newline are one token */
        ids.n = 1;
        char *line = tj_malloc(n + 2);
        rc = line == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot generate") : TJ_OK;
        if (rc == TJ_OK) {
            memcpy(line, prompt, n);
            memcpy(line + n, "\n", 2);
            rc = tj_tokenizer_encode(g->tok, &ids, line, n + 1, false, err);
        }
        tj_free(line);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_root(g->engine, &root, ids.ids, ids.n, err);
    }
    for (size_t s = 0; s < g->n_samples && rc == TJ_OK; s++) {
        gens[s] = (tj_gen){.sampling = g->sampling,
                           .seed = g->seed,
                           .problem = index,
                           .node = s,
                           .max_tokens = g->max_tokens};
        rc = tj_engine_fork(g->engine, &gens[s].branch, root, ids.n, err);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_generate(g->engine, gens, g->n_samples, tj_cli_job(), err);
    }
    for (size_t s = 0; s < g->n_samples && rc == TJ_OK; s++) {
        rc = print_answer(g, prompt, &gens[s], s, err);
    }
    for (size_t s = 0; gens != NULL && s < g->n_samples; s++) {
        tj_gen_deinit(&gens[s]);
    }
    tj_free(gens);
    tj_ids_deinit(&ids);
    return rc;
}

tj_code tj_cmd_generate(const tj_args *args, tj_err *err)
{
    generation g = {.list = tj_args_has(args, "json") ? json_array() : NULL};
    static char line[MAX_LINE];
    tj_code rc = read_sampling(&g, args, err);
    if (rc == TJ_OK) {
        rc = open_generation(&g, args, err);
    }
    for (size_t i = 0; i < tj_args_n_operands(args) && rc == TJ_OK; i++) {
        rc = generate_one(&g, tj_args_operand(args, i), i, err);
    }
    for (size_t i = 0;
         tj_args_n_operands(args) == 0 && rc == TJ_OK && fgets(line, sizeof line, stdin) != NULL;
         i++) {
        rc = generate_one(&g, line, i, err);
    }
    if (rc == TJ_OK && g.list != NULL) {
        rc = tj_print_json(g.list, err);
    }
    close_generation(&g);
    return rc;
}

/* ------------------------------------------------------------------ model info */

tj_code tj_cmd_model_info(const tj_args *args, tj_err *err)
{
    tj_model *model = NULL;
    char digest[65];
    const char *family = "";
    tj_code rc = tj_model_load(&model, tj_args_operand(args, 0), TJ_F32, err);
    if (rc == TJ_OK) {
        rc = tj_model_config_family(&family, tj_model_cfg(model), err);
    }
    if (rc == TJ_OK) {
        size_t n = tj_model_config_n_weights(tj_model_cfg(model));
        json_t *shape = tj_model_config_to_json(tj_model_cfg(model));
        tj_model_digest(model, digest);
        if (tj_args_has(args, "json")) {
            json_t *all = json_pack("{s:s, s:I, s:s, s:O}", "family", family, "parameters",
                                    (json_int_t)n, "digest", digest, "shape", shape);
            rc = tj_print_json(all, err);
            json_decref(all);
        } else {
            printf("family      %s\nparameters  %zu\ndigest      %s\n", family, n, digest);
            const char *key;
            json_t *value;
            json_object_foreach(shape, key, value)
            {
                char *text = tj_json_scalar(value);
                printf("%-18s %s\n", key, text == NULL ? "" : text);
                tj_free(text);
            }
        }
        json_decref(shape);
    }
    tj_model_destroy(model);
    return rc;
}

/* ------------------------------------------------------------------ task check */

static tj_code read_answer(const tj_args *args, tj_buf *text, tj_err *err)
{
    char block[4096];
    FILE *in = stdin;
    const char *path = tj_args_operand(args, 0);
    if (path != NULL && strcmp(path, "-") != 0) {
        in = fopen(path, "rb");
        if (in == NULL) {
            return tj_fail(err, TJ_E_NOTFOUND, "cannot open %s", path);
        }
    }
    for (size_t n = fread(block, 1, sizeof block, in); n > 0 && text->len <= TJ_WALK_MAX_BYTES;
         n = fread(block, 1, sizeof block, in)) {
        tj_buf_add(text, block, n);
    }
    bool bad = ferror(in) != 0;
    if (in != stdin) {
        fclose(in);
    }
    return bad ? tj_fail(err, TJ_E_IO, "cannot read the answer") : tj_buf_check(text, err);
}

static void print_walk(const tj_walk *walk, const char *text)
{
    for (size_t i = 0; i < walk->n_lines; i++) {
        const tj_walk_line *l = &walk->lines[i];
        int n = (int)(l->end - l->begin);
        n -= n > 0 && text[l->end - 1] == '\n' ? 1 : 0;
        const char *mark = !l->verdict.valid                                         ? "wrong"
                           : l->verdict.kind == TJ_LINE_STEP && !l->verdict.solvable ? "dead "
                                                                                     : "ok   ";
        printf("%s  %.*s%s%s\n", mark, n, text + l->begin,
               l->verdict.reason[0] == 0 ? "" : "   <- ", l->verdict.reason);
    }
    printf("%s\n", walk->correct ? "correct" : "not correct");
}

tj_code tj_cmd_task_check(const tj_args *args, tj_err *err)
{
    const char *prompt = tj_args_get(args, "prompt");
    tj_countdown_problem problem;
    tj_countdown_config cfg = {.n_numbers = TJ_COUNTDOWN_MAX_NUMBERS,
                               .number_min = 1,
                               .number_max = TJ_COUNTDOWN_MAX_VALUE,
                               .target_min = 1,
                               .target_max = TJ_COUNTDOWN_MAX_VALUE,
                               .value_max = TJ_COUNTDOWN_MAX_VALUE};
    tj_buf line;
    tj_buf text;
    tj_walk walk = {0};
    tj_buf_init(&line);
    tj_buf_init(&text);
    tj_code rc = prompt == NULL ? tj_fail(err, TJ_E_INVAL, "--prompt is needed") : TJ_OK;
    if (rc == TJ_OK) {
        tj_buf_printf(&line, "%s%s", prompt, strchr(prompt, '\n') == NULL ? "\n" : "");
        rc = tj_buf_check(&line, err);
    }
    if (rc == TJ_OK) {
        rc = tj_countdown_parse_prompt(&problem, line.data, line.len, err);
    }
    if (rc == TJ_OK) {
        rc = read_answer(args, &text, err);
    }
    if (rc == TJ_OK) {
        rc = tj_countdown_walk(&walk, &cfg, &problem, tj_buf_text(&text), text.len, err);
    }
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        json_t *j = json_pack("{s:b, s:s, s:o}", "correct", (int)walk.correct, "expression",
                              walk.expression, "first_wrong",
                              walk.first_wrong == SIZE_MAX
                                  ? json_null()
                                  : json_integer((json_int_t)walk.first_wrong + 1));
        rc = tj_print_json(j, err);
        json_decref(j);
    } else if (rc == TJ_OK) {
        print_walk(&walk, tj_buf_text(&text));
    }
    if (rc == TJ_OK && !walk.correct) {
        rc = tj_fail(err, TJ_E_PARSE, "the answer is not correct");
    }
    tj_walk_deinit(&walk);
    tj_buf_deinit(&text);
    tj_buf_deinit(&line);
    return rc;
}

/* ------------------------------------------------------------------ man, completion */

tj_code tj_cmd_man(const tj_args *args, tj_err *err)
{
    (void)args;
    (void)err;
    tj_write_manual(stdout);
    return TJ_OK;
}

tj_code tj_cmd_completion(const tj_args *args, tj_err *err)
{
    const char *shell = tj_args_operand(args, 0);
    return tj_write_completion(stdout, shell)
               ? TJ_OK
               : tj_fail(err, TJ_E_INVAL, "'%s' is not bash, zsh or fish", shell);
}
