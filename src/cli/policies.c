/* See policies.h. */
#include "cli/policies.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"

/* ------------------------------------------------------------------ options */

static tj_code read_steps(tj_cli_policy *p, const tj_args *args, bool words, size_t keep_tokens,
                          tj_err *err)
{
    size_t form = 0;
    tj_step_options *o = &p->steps;
    tj_step_options_default(o);
    o->keep_tokens = keep_tokens;
    tj_code rc = tj_args_choice(args, "steps", tj_step_form_names, 0, &form, err);
    o->form = (tj_step_form)form;
    if (rc == TJ_OK && form != TJ_STEPS_LINES && !words) {
        rc = tj_fail(err, TJ_E_INVAL, "--steps: Countdown's steps are lines");
    }
    size_t tokens = !words ? 64 : form == TJ_STEPS_TOKENS ? 32 : form == TJ_STEPS_LINES ? 160 : 320;
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "step-tokens", tokens, 65536, &o->max_tokens, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_double(args, "top-p", 1.0, &o->top_p, err);
    }
    if (rc == TJ_OK && (o->max_tokens == 0 || !(o->top_p > 0.0 && o->top_p <= 1.0))) {
        rc = tj_fail(err, TJ_E_INVAL,
                     "--step-tokens is %zu and --top-p %g: expected 1 or more, and "
                     "more than 0 up to 1",
                     o->max_tokens, o->top_p);
    }
    return rc;
}

/* How problems in words are put. Chats need no examples: what they are told says enough, and models
 * that were fine-tuned to the form were not shown any; texts that are continued do. */
static tj_code read_prompt(tj_cli_policy *p, const tj_args *args, bool chats, tj_err *err)
{
    const char *name = tj_args_get(args, "prompt");
    p->words.task = tj_prompt_find(name == NULL ? "math_lines" : name);
    if (p->words.task == NULL) {
        return tj_fail(err, TJ_E_INVAL,
                       "--prompt: there is no prompt '%s'; 'tabiji eval --task list' "
                       "names them",
                       name);
    }
    size_t n = chats ? 0 : p->words.task->n_fixed;
    return tj_args_size(args, "shots", n, TJ_MAX_SHOTS, &p->words.n_shots, err);
}

static tj_code describe(tj_cli_policy *p, const tj_args *args, bool words, const char *server,
                        tj_err *err)
{
    const char *template = tj_args_get(args, "chat-template");
    const char *far = tj_args_get(args, "remote-model");
    p->config =
        json_pack("{s:s?, s:s?, s:s, s:I, s:f, s:s?, s:I, s:b, s:s?, s:b}", "server", server,
                  "model", server == NULL ? NULL : far, "steps", tj_step_form_names[p->steps.form],
                  "step_tokens", (json_int_t)p->steps.max_tokens, "top_p", p->steps.top_p, "prompt",
                  words ? p->words.task->name : NULL, "shots", (json_int_t)p->words.n_shots, "raw",
                  (int)tj_args_has(args, "raw"), "chat_template", template, "no_thinking",
                  (int)tj_args_has(args, "no-thinking"));
    return p->config == NULL ? tj_fail(err, TJ_E_INVAL, "an option of the policy is not UTF-8")
                             : TJ_OK;
}

/* ------------------------------------------------------------------ models here */

/* Rules and problem as a question, or as plain text that steps continue. */
static tj_code encode_state(tj_voice *voice, tj_ids *ids, const tj_task *task, const tj_tree *tree,
                            tj_err *err)
{
    tj_buf text;
    tj_buf_init(&text);
    task->write_rules(task->ctx, &text);
    tj_buf_char(&text, '\n');
    task->write_prompt(task->ctx, &tree->first, &text);
    tj_code rc = tj_buf_check(&text, err);
    if (rc == TJ_OK && voice->chats) {
        const tj_message question = {TJ_ROLE_USER, text.data, text.len};
        rc = tj_voice_encode_chat(voice, ids, &question, 1, err);
    } else if (rc == TJ_OK) {
        rc = tj_voice_encode_text(voice, ids, text.data, text.len, err);
    }
    tj_buf_deinit(&text);
    return rc;
}

static tj_code encode_words(tj_cli_policy *p, tj_ids *ids, const tj_tree *tree, tj_err *err)
{
    tj_code rc;
    if (p->voice.chats) {
        tj_words_chat chat;
        rc = tj_words_chat_begin(&chat, &p->words, tree->question, err);
        if (rc == TJ_OK) {
            rc = tj_voice_encode_chat(&p->voice, ids, chat.messages, chat.n, err);
            tj_words_chat_end(&chat);
        }
        return rc;
    }
    tj_buf text;
    tj_buf_init(&text);
    tj_words_write_prompt(&text, &p->words, tree->question);
    rc = tj_buf_check(&text, err);
    if (rc == TJ_OK) {
        rc = tj_voice_encode_text(&p->voice, ids, text.data, text.len, err);
    }
    tj_buf_deinit(&text);
    return rc;
}

static tj_code encode(void *ctx, tj_ids *ids, const tj_task *task, const tj_tree *tree, tj_err *err)
{
    tj_cli_policy *p = ctx;
    return tree->question == NULL ? encode_state(&p->voice, ids, task, tree, err)
                                  : encode_words(p, ids, tree, err);
}

static tj_code open_voice(tj_cli_policy *p, const char *path, const tj_args *args, bool words,
                          tj_err *err)
{
    tj_code rc = tj_voice_open(&p->voice, path, args, err);
    if (rc == TJ_OK && words) {
        rc = read_prompt(p, args, p->voice.chats, err);
    }
    tj_tree_model model = {.engine = p->voice.engine,
                           .tok = p->voice.tok,
                           .encode = encode,
                           .ctx = p,
                           .ends = p->voice.ends,
                           .n_ends = p->voice.n_ends};
    p->tok = p->voice.tok;
    return rc == TJ_OK ? tj_policy_of_model(&p->policy, &model, &p->domain.task, &p->steps, err)
                       : rc;
}

static tj_code open_speaker(tj_cli_policy *p, const tj_args *args, bool words, tj_err *err)
{
    if (words) {
        return tj_fail(err, TJ_E_INVAL,
                       "problems in words need a model that brings its tokenizer: name one with "
                       "--model, or with --name one of the workspace");
    }
    tj_code rc = tj_speaker_open(&p->speaker, args, "base", err);
    p->plain = (tj_plain_prompt){p->speaker.domain.tok, p->speaker.domain.eos};
    tj_tree_model model = {.engine = p->speaker.engine,
                           .tok = p->speaker.domain.tok,
                           .encode = tj_plain_prompt_encode,
                           .ctx = &p->plain};
    p->tok = p->speaker.domain.tok;
    return rc == TJ_OK ? tj_policy_of_model(&p->policy, &model, &p->domain.task, &p->steps, err)
                       : rc;
}

/* The file whose digest says which weights they are. */
static tj_code find_weights(tj_cli_policy *p, const char *path, tj_err *err)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json"};
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        p->file = tj_strdup(path);
        return p->file == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a path") : TJ_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        p->file = tj_fs_join(path, names[i]);
        if (p->file != NULL && tj_fs_exists(p->file)) {
            return TJ_OK;
        }
        tj_free(p->file);
        p->file = NULL;
    }
    return tj_fs_exists(path)
               ? tj_fail(err, TJ_E_NOTFOUND, "%s has neither %s nor %s", path, names[0], names[1])
               : tj_fail(err, TJ_E_NOTFOUND, "there is no model %s", path);
}

/* The folder of the workspace's model, and which it is. */
static tj_code find_row(tj_cli_policy *p, char **folder, const tj_args *args, tj_err *err)
{
    const char *name = tj_args_get(args, "name");
    tj_store *store = NULL;
    tj_model_row row = {.id = 0};
    tj_code rc = tj_open_workspace(&store, args, err);
    if (rc == TJ_OK) {
        rc = name == NULL ? tj_find_latest_model(store, &row, "base", err)
                          : tj_store_find_model(store, &row, name, 0, err);
    }
    if (rc == TJ_OK) {
        p->model = row.id;
        rc = tj_store_path(store, folder, row.path, err);
    }
    tj_model_row_deinit(&row);
    tj_store_close(store);
    return rc;
}

static tj_code open_here(tj_cli_policy *p, const tj_args *args, bool words, tj_err *err)
{
    const char *path = tj_args_get(args, "model");
    char *folder = NULL;
    tj_code rc = path != NULL ? find_weights(p, path, err) : find_row(p, &folder, args, err);
    if (rc == TJ_OK) {
        path = path == NULL ? folder : path;
        rc = tj_voice_is_at(path) ? open_voice(p, path, args, words, err)
                                  : open_speaker(p, args, words, err);
    }
    tj_free(folder);
    return rc;
}

/* ------------------------------------------------------------------ all of them */

static tj_code open_far(tj_cli_policy *p, const tj_args *args, bool words, tj_err *err)
{
    tj_code rc = tj_cli_generator_open(&p->far, args, err);
    if (rc == TJ_OK && tj_args_has(args, "raw")) {
        p->far.generator.chats = false; /* then texts are continued */
    }
    if (rc == TJ_OK && words) {
        rc = read_prompt(p, args, p->far.generator.chats, err);
    }
    return rc == TJ_OK ? tj_policy_of_generator(&p->policy, &p->far.generator, &p->domain.task,
                                                &p->words, &p->steps, err)
                       : rc;
}

tj_code tj_cli_policy_open(tj_cli_policy *out, const tj_args *args, bool words, size_t keep_tokens,
                           tj_err *err)
{
    const char *model = tj_args_get(args, "model");
    bool far = model != NULL && tj_is_url(model);
    tj_code rc = tj_domain_open(&out->domain, err);
    if (rc == TJ_OK) {
        rc = read_steps(out, args, words, keep_tokens, err);
    }
    if (rc == TJ_OK) {
        rc = far ? open_far(out, args, words, err) : open_here(out, args, words, err);
    }
    return rc == TJ_OK ? describe(out, args, words, far ? model : NULL, err) : rc;
}

void tj_cli_policy_close(tj_cli_policy *p)
{
    tj_policy_close(&p->policy);
    tj_cli_generator_close(&p->far);
    tj_voice_close(&p->voice);
    tj_speaker_close(&p->speaker);
    tj_domain_close(&p->domain);
    json_decref(p->config);
    tj_free(p->file);
    memset(p, 0, sizeof *p);
}
