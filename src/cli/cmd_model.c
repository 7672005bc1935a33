/* model info, model convert, model merge, model check. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/voice.h"
#include "nn/nn.h"
#include "text/text.h"

#define COLUMNS 80
#define INDENT  16 /* of what stands beside a line's name */
#define VERDICT 8  /* columns of "ok" or "FAILED" */

/* ------------------------------------------------------------------ lines */

/* Words up to the last column, further lines below the first one's beginning. */
static void print_wrapped(const char *text, size_t indent)
{
    size_t at = indent;
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        if (at > indent && at + 1 + n > COLUMNS) {
            printf("\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            putchar(' ');
            at++;
        }
        tj_print_text(text, n);
        at += n;
        text += n;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_line(const char *name, const char *text)
{
    printf("%-*s", INDENT, name);
    print_wrapped(text, INDENT);
}

/* 98.4 MB */
static void add_bytes(tj_buf *out, json_int_t n)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    double value = (double)n;
    size_t i = 0;
    for (; value >= 1000.0 && i + 1 < sizeof units / sizeof units[0]; i++) {
        value /= 1000.0;
    }
    tj_buf_printf(out, "%.*f %s", i == 0 ? 0 : 1, value, units[i]);
}

/* 134,515,008 */
static void add_grouped(tj_buf *out, json_int_t n)
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, n);
    for (int i = 0; i < len; i++) {
        tj_buf_char(out, digits[i]);
        if ((len - i) % 3 == 1 && i + 1 < len) {
            tj_buf_char(out, ',');
        }
    }
}

static json_int_t whole(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* Parameters, tensors and bytes; the number of tensors of each type. */
static void print_tensors(const json_t *d)
{
    tj_buf line;
    const char *type, *joint = "";
    json_t *n;
    tj_buf_init(&line);
    add_grouped(&line, whole(d, "parameters"));
    tj_buf_printf(&line, " in %" JSON_INTEGER_FORMAT " tensors, ", whole(d, "tensors"));
    add_bytes(&line, whole(d, "bytes"));
    print_line("parameters", tj_buf_text(&line));
    tj_buf_clear(&line);
    json_object_foreach(json_object_get(d, "types"), type, n)
    {
        tj_buf_printf(&line, "%s%" JSON_INTEGER_FORMAT " %s", joint, json_integer_value(n), type);
        joint = ", ";
    }
    print_line("types", tj_buf_text(&line));
    tj_buf_deinit(&line);
}

/* ------------------------------------------------------------------ the tokenizer */

static const char *chat_name(const tj_tokenizer *tok)
{
    tj_chat_template which;
    const char *jinja = tj_tokenizer_get_extras(tok)->chat_template;
    return jinja == NULL                                     ? "none"
           : tj_chat_recognize(&which, jinja, NULL) == TJ_OK ? tj_chat_name(which)
                                                             : "not known";
}

static json_t *id_or_null(int32_t id)
{
    return id >= 0 ? json_integer(id) : json_null();
}

static json_t *tokenizer_json(const tj_tokenizer *tok)
{
    const tj_tokenizer_extras *x = tj_tokenizer_get_extras(tok);
    return json_pack("{s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:b, s:b, s:s}", "kind",
                     tj_tokenizer_kind(tok), "tokens", (json_int_t)tj_tokenizer_n_vocab(tok),
                     "hash", tj_tokenizer_hash(tok), "bos", id_or_null(x->bos), "eos",
                     id_or_null(x->eos), "unk", id_or_null(x->unk), "pad", id_or_null(x->pad),
                     "add_bos", (int)x->add_bos, "add_eos", (int)x->add_eos, "chat_template",
                     chat_name(tok));
}

static void print_tokenizer(const json_t *t)
{
    tj_buf line;
    static const char *const names[] = {"bos", "eos", "unk", "pad"};
    tj_buf_init(&line);
    tj_buf_printf(&line, "%s, %" JSON_INTEGER_FORMAT " tokens",
                  json_string_value(json_object_get(t, "kind")), whole(t, "tokens"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *id = json_object_get(t, names[i]);
        if (json_is_integer(id)) {
            tj_buf_printf(&line, ", %s %" JSON_INTEGER_FORMAT, names[i], json_integer_value(id));
        }
    }
    print_line("tokenizer", tj_buf_text(&line));
    print_line("chat template", json_string_value(json_object_get(t, "chat_template")));
    tj_buf_deinit(&line);
}

/* ------------------------------------------------------------------ model info */

static void add_rope(tj_buf *line, const json_t *rope)
{
    const char *kind = json_string_value(json_object_get(rope, "kind"));
    tj_buf_printf(line, "theta %g", tj_number(rope, "theta"));
    if (strcmp(kind, "default") != 0) {
        tj_buf_printf(line, ", %s scaling by %g", kind, tj_number(rope, "factor"));
    }
    if (json_object_get(rope, "original_positions") != NULL) {
        tj_buf_printf(line, " of %g positions", tj_number(rope, "original_positions"));
    }
}

static void print_positions(const json_t *d)
{
    tj_buf line;
    const json_t *ropes = json_object_get(d, "rope");
    const json_t *windows = json_object_get(d, "windows");
    tj_buf_init(&line);
    tj_buf_printf(&line, "%" JSON_INTEGER_FORMAT " positions", whole(d, "context"));
    if (whole(windows, "layers") > 0) {
        tj_buf_printf(&line,
                      "; %" JSON_INTEGER_FORMAT " layers see the latest %" JSON_INTEGER_FORMAT,
                      whole(windows, "layers"), whole(windows, "positions"));
    }
    print_line("context", tj_buf_text(&line));
    tj_buf_clear(&line);
    add_rope(&line, json_array_get(ropes, 0));
    if (json_array_size(ropes) > 1) {
        tj_buf_str(&line, "; in layers with a window ");
        add_rope(&line, json_array_get(ropes, 1));
    }
    print_line("RoPE", tj_buf_text(&line));
    tj_buf_deinit(&line);
}

static void print_shape(const json_t *shape)
{
    tj_buf line;
    tj_buf_init(&line);
    tj_buf_printf(&line,
                  "%" JSON_INTEGER_FORMAT " of width %" JSON_INTEGER_FORMAT
                  ", feed-forward %" JSON_INTEGER_FORMAT,
                  whole(shape, "n_layers"), whole(shape, "width"), whole(shape, "ffn_width"));
    print_line("layers", tj_buf_text(&line));
    tj_buf_clear(&line);
    tj_buf_printf(&line,
                  "%" JSON_INTEGER_FORMAT " of width %" JSON_INTEGER_FORMAT
                  ", %" JSON_INTEGER_FORMAT " of keys and values",
                  whole(shape, "n_heads"), whole(shape, "head_dim"), whole(shape, "n_kv_heads"));
    print_line("heads", tj_buf_text(&line));
    tj_buf_clear(&line);
    tj_buf_printf(&line, "%" JSON_INTEGER_FORMAT " tokens, the output embedding is %s",
                  whole(shape, "n_vocab"),
                  json_is_true(json_object_get(shape, "tied_embedding")) ? "the same" : "its own");
    print_line("embedding", tj_buf_text(&line));
    tj_buf_deinit(&line);
}

/* What ends an answer, and how the model's makers would sample. */
static void print_generation(const json_t *d)
{
    tj_buf line;
    size_t i;
    const json_t *id;
    const json_t *s = json_object_get(d, "sampling");
    static const char *const names[] = {"temperature", "top_p", "top_k"};
    tj_buf_init(&line);
    json_array_foreach(json_object_get(d, "ends"), i, id)
    {
        tj_buf_printf(&line, "%s%" JSON_INTEGER_FORMAT, i > 0 ? ", " : "", json_integer_value(id));
    }
    print_line("ends", line.len > 0 ? tj_buf_text(&line) : "none");
    tj_buf_clear(&line);
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (json_object_get(s, names[i]) != NULL) {
            tj_buf_printf(&line, "%s%s %g", line.len > 0 ? ", " : "", names[i],
                          tj_number(s, names[i]));
        }
    }
    if (line.len > 0) {
        print_line("suggested", tj_buf_text(&line));
    }
    tj_buf_deinit(&line);
}

static void print_description(const json_t *d)
{
    tj_buf line;
    tj_buf_init(&line);
    tj_buf_printf(&line, "%s (%s)", json_string_value(json_object_get(d, "family")),
                  json_string_value(json_object_get(d, "format")));
    print_line("family", tj_buf_text(&line));
    tj_buf_deinit(&line);
    print_tensors(d);
    print_shape(json_object_get(d, "shape"));
    print_positions(d);
    print_generation(d);
    const json_t *tokenizer = json_object_get(d, "tokenizer");
    if (json_is_object(tokenizer)) {
        print_tokenizer(tokenizer);
    } else {
        print_line("tokenizer", json_string_value(tokenizer));
    }
}

/* A tokenizer that is not understood is told as text: the model is described all the same. */
static json_t *describe_tokenizer(const char *path)
{
    tj_tokenizer *tok;
    tj_err why;
    if (tj_tokenizer_load(&tok, path, &why) != TJ_OK) {
        return tj_json_text(why.msg, strlen(why.msg));
    }
    json_t *json = tokenizer_json(tok);
    tj_tokenizer_destroy(tok);
    return json;
}

static tj_code describe(const tj_args *args, const char *path, tj_err *err)
{
    json_t *d;
    tj_code rc = tj_model_describe(&d, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (json_object_set_new(d, "tokenizer", describe_tokenizer(path)) != 0) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot describe %s", path);
    } else if (tj_args_has(args, "json")) {
        rc = tj_print_json(d, err);
    } else {
        print_description(d);
    }
    json_decref(d);
    return rc;
}

static void print_adapter(const json_t *d)
{
    tj_buf line;
    size_t i;
    const json_t *target;
    const char *base = json_string_value(json_object_get(d, "base"));
    tj_buf_init(&line);
    print_line("adapters", json_string_value(json_object_get(d, "format")));
    print_line("base", base == NULL ? "not named" : base);
    print_tensors(d);
    bool rs = json_is_true(json_object_get(d, "rslora"));
    tj_buf_printf(&line, "%" JSON_INTEGER_FORMAT ", alpha %g%s", whole(d, "rank"),
                  tj_number(d, "alpha"), rs ? ", scaled by its root" : "");
    print_line("rank", tj_buf_text(&line));
    tj_buf_clear(&line);
    json_array_foreach(json_object_get(d, "targets"), i, target)
    {
        tj_buf_printf(&line, "%s%s", i > 0 ? ", " : "", json_string_value(target));
    }
    tj_buf_printf(&line, " of %" JSON_INTEGER_FORMAT " layers", whole(d, "layers"));
    print_line("targets", tj_buf_text(&line));
    tj_buf_deinit(&line);
}

static tj_code describe_adapter(const tj_args *args, const char *path, tj_err *err)
{
    json_t *d;
    tj_code rc = tj_adapter_describe(&d, path, err);
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        rc = tj_print_json(d, err);
    } else if (rc == TJ_OK) {
        print_adapter(d);
    }
    json_decref(d);
    return rc;
}

/* A model of a workspace, small enough to be loaded for its digest. */
static tj_code describe_own(const tj_args *args, const char *path, tj_err *err)
{
    tj_model *model = NULL;
    char digest[65];
    const char *family = "";
    tj_code rc = tj_model_load(&model, path, TJ_F32, err);
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

tj_code tj_cmd_model_info(const tj_args *args, tj_err *err)
{
    const char *path = tj_args_operand(args, 0);
    if (tj_adapter_is_at(path)) {
        return describe_adapter(args, path, err);
    }
    return tj_voice_is_at(path) ? describe(args, path, err) : describe_own(args, path, err);
}

/* ------------------------------------------------------------------ model convert */

static void print_summary(const json_t *s)
{
    const json_t *note;
    size_t i;
    print_line("written", json_string_value(json_object_get(s, "to")));
    print_line("family", json_string_value(json_object_get(s, "family")));
    print_tensors(s);
    json_array_foreach(json_object_get(s, "notes"), i, note)
    {
        print_line(i == 0 ? "notes" : "", json_string_value(note));
    }
}

static tj_code convert(const tj_args *args, const char *from, const char *to,
                       const tj_convert_options *options, tj_err *err)
{
    json_t *summary;
    tj_code rc = tj_model_convert(&summary, from, to, options, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (tj_args_has(args, "json")) {
        rc = tj_print_json(summary, err);
    } else {
        print_summary(summary);
    }
    json_decref(summary);
    return rc;
}

tj_code tj_cmd_model_convert(const tj_args *args, tj_err *err)
{
    const tj_convert_options options = {.type = tj_args_get(args, "type")};
    return convert(args, tj_args_operand(args, 0), tj_args_operand(args, 1), &options, err);
}

tj_code tj_cmd_model_merge(const tj_args *args, tj_err *err)
{
    static const char *const needed[] = {"base", "adapter", "out"};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (tj_args_get(args, needed[i]) == NULL) {
            return tj_fail(err, TJ_E_INVAL, "--%s is needed", needed[i]);
        }
    }
    const tj_convert_options options = {.type = tj_args_get(args, "type"),
                                        .adapter = tj_args_get(args, "adapter")};
    return convert(args, tj_args_get(args, "base"), tj_args_get(args, "out"), &options, err);
}

/* ------------------------------------------------------------------ model check */

typedef struct check_list {
    json_t *checks; /* NULL: print them as they come */
    size_t n, n_failed;
} check_list;

static void add_check(void *ctx, const char *what, const char *found, const tj_err *wrong)
{
    check_list *list = ctx;
    list->n++;
    list->n_failed += wrong != NULL ? 1 : 0;
    if (list->checks == NULL) {
        printf("%-*s%-*s", VERDICT, wrong == NULL ? "ok" : "FAILED", INDENT, what);
        print_wrapped(wrong == NULL ? found : wrong->msg, VERDICT + INDENT);
        fflush(stdout);
        return;
    }
    json_t *one = wrong == NULL
                      ? json_pack("{s:s, s:b, s:s}", "check", what, "ok", 1, "found", found)
                      : json_pack("{s:s, s:b, s:o}", "check", what, "ok", 0, "error",
                                  tj_json_text(wrong->msg, strlen(wrong->msg)));
    json_array_append_new(list->checks, one);
}

static void check_vocabulary(check_list *list, const tj_tokenizer *tok, size_t n_vocab)
{
    char found[96];
    tj_err wrong;
    size_t n = tj_tokenizer_n_vocab(tok);
    bool fits = n <= n_vocab;
    if (!fits) {
        (void)tj_fail(&wrong, TJ_E_INVAL, "the tokenizer has %zu tokens, the embedding %zu rows", n,
                      n_vocab);
    }
    snprintf(found, sizeof found, "%zu tokens for an embedding of %zu rows", n, n_vocab);
    add_check(list, "vocabulary", found, fits ? NULL : &wrong);
}

static void check_tokenizer(check_list *list, const char *path, size_t n_vocab)
{
    tj_tokenizer *tok;
    tj_chat_template which = TJ_CHAT_CHATML;
    tj_err wrong;
    if (!tj_voice_is_at(path)) {
        add_check(list, "tokenizer", "none: a model of the embedded domain", NULL);
        return;
    }
    if (tj_tokenizer_load(&tok, path, &wrong) != TJ_OK) {
        bool none = wrong.code == TJ_E_NOTFOUND; /* a GGUF may do without */
        add_check(list, "tokenizer", none ? "none in the file" : "", none ? NULL : &wrong);
        return;
    }
    add_check(list, "tokenizer", tj_tokenizer_kind(tok), NULL);
    if (n_vocab > 0) {
        check_vocabulary(list, tok, n_vocab);
    }
    const char *jinja = tj_tokenizer_get_extras(tok)->chat_template;
    bool known = jinja == NULL || tj_chat_recognize(&which, jinja, &wrong) == TJ_OK;
    add_check(list, "chat template",
              jinja == NULL ? "none: the model continues plain text" : tj_chat_name(which),
              known ? NULL : &wrong);
    tj_tokenizer_destroy(tok);
}

tj_code tj_cmd_model_check(const tj_args *args, tj_err *err)
{
    size_t n_vocab;
    const char *path = tj_args_operand(args, 0);
    bool as_json = tj_args_has(args, "json");
    check_list list = {.checks = as_json ? json_array() : NULL};
    if (!tj_fs_exists(path)) {
        json_decref(list.checks);
        return tj_fail(err, TJ_E_NOTFOUND, "there is no %s", path);
    }
    tj_code rc = tj_model_check(path, &n_vocab, add_check, &list, err);
    if (rc == TJ_OK) {
        check_tokenizer(&list, path, n_vocab);
    }
    if (rc == TJ_OK && as_json) {
        json_t *all = json_pack("{s:s, s:b, s:O}", "path", path, "ok", (int)(list.n_failed == 0),
                                "checks", list.checks);
        rc = tj_print_json(all, err);
        json_decref(all);
    }
    json_decref(list.checks);
    if (rc == TJ_OK && list.n_failed > 0) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: %zu of %zu checks failed", path, list.n_failed, list.n);
    }
    return rc;
}
