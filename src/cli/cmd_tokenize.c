/* tokenize: texts to token ids and back. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/common.h"
#include "text/text.h"

#define BLOCK_BYTES ((size_t)1 << 20)

typedef struct tokenization {
    tj_tokenizer *tok;
    tj_encoder *encoder;
    bool parse_special, add_special, replace_invalid, decode, json, lines;
    tj_ids ids;
    tj_buf text; /* repaired, or decoded */
    tj_buf out;  /* what is printed next */
} tokenization;

/* ------------------------------------------------------------ text to ids */

static tj_code add_extra(tokenization *t, bool wanted, int32_t id, tj_err *err)
{
    return wanted && t->add_special ? tj_ids_add(&t->ids, &id, 1, err) : TJ_OK;
}

static tj_code encode(tokenization *t, const char *text, size_t len, tj_err *err)
{
    const tj_tokenizer_extras *extras = tj_tokenizer_get_extras(t->tok);
    if (t->replace_invalid && tj_utf8_check(text, len) < len) {
        tj_buf_clear(&t->text);
        tj_utf8_replace(&t->text, text, len);
        tj_code rc = tj_buf_check(&t->text, err);
        if (rc != TJ_OK) {
            return rc;
        }
        text = tj_buf_text(&t->text);
        len = t->text.len;
    }
    t->ids.n = 0;
    tj_code rc = add_extra(t, extras->add_bos, extras->bos, err);
    if (rc == TJ_OK) {
        rc = tj_encoder_encode(t->encoder, &t->ids, text, len, t->parse_special, err);
    }
    return rc == TJ_OK ? add_extra(t, extras->add_eos, extras->eos, err) : rc;
}

#define MAX_DIGITS 10 /* of an id */

/* Writes an id's digits and returns how many. By hand, since printf would take longer than
 * tokenizing. */
static size_t write_id(char *to, int32_t id)
{
    char digits[MAX_DIGITS];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + id % 10);
        id /= 10;
    } while (id > 0);
    memcpy(to, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

/* Ids with a character between them. */
static void put_numbers(tokenization *t, char between)
{
    char text[4096];
    size_t n = 0;
    for (size_t i = 0; i < t->ids.n; i++) {
        if (n + 1 + MAX_DIGITS > sizeof text) {
            tj_buf_add(&t->out, text, n);
            n = 0;
        }
        if (i > 0) {
            text[n++] = between;
        }
        n += write_id(text + n, t->ids.ids[i]);
    }
    tj_buf_add(&t->out, text, n);
}

static void put_ids(tokenization *t)
{
    put_numbers(t, ' ');
    tj_buf_char(&t->out, '\n');
}

static void put_ids_json(tokenization *t)
{
    tj_buf_str(&t->out, "{\"ids\":[");
    put_numbers(t, ',');
    tj_buf_str(&t->out, "],\"pieces\":[");
    for (size_t i = 0; i < t->ids.n; i++) {
        size_t n;
        const char *bytes = tj_tokenizer_bytes(t->tok, t->ids.ids[i], &n);
        tj_buf_str(&t->out, i == 0 ? "" : ",");
        tj_buf_json(&t->out, bytes, n);
    }
    tj_buf_str(&t->out, "]}\n");
}

/* ------------------------------------------------------------ ids to text */

static bool is_between(char c)
{
    return c == ' ' || c == ',' || (c >= '\t' && c <= '\r');
}

/* Reads numbers between white space or commas. */
static tj_code read_ids(tokenization *t, const char *text, size_t len, tj_err *err)
{
    t->ids.n = 0;
    for (size_t at = 0; at < len;) {
        if (is_between(text[at])) {
            at++;
            continue;
        }
        size_t n = 0;
        int64_t id = 0;
        while (at + n < len && n < 10 && text[at + n] >= '0' && text[at + n] <= '9') {
            id = 10 * id + (text[at + n++] - '0');
        }
        if (n == 0 || (at + n < len && !is_between(text[at + n]))) {
            return tj_fail(err, TJ_E_PARSE, "expected token ids, but at byte %zu there is none",
                           at);
        }
        if ((size_t)id >= tj_tokenizer_n_vocab(t->tok)) {
            return tj_fail(err, TJ_E_PARSE,
                           "token id %" PRId64 " at byte %zu, but the vocabulary has %zu", id, at,
                           tj_tokenizer_n_vocab(t->tok));
        }
        tj_code rc = tj_ids_add(&t->ids, &(int32_t){(int32_t)id}, 1, err);
        if (rc != TJ_OK) {
            return rc;
        }
        at += n;
    }
    return TJ_OK;
}

static tj_code decode(tokenization *t, const char *text, size_t len, tj_err *err)
{
    tj_code rc = read_ids(t, text, len, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_detok detok; /* JSON has no bytes, only text */
    tj_detok_init(&detok, t->tok,
                  (tj_detok_options){.with_special = true, .at_start = true, .raw = !t->json});
    tj_buf_clear(&t->text);
    for (size_t i = 0; i < t->ids.n; i++) {
        tj_detok_add(&detok, &t->text, t->ids.ids[i]);
    }
    tj_detok_flush(&detok, &t->text);
    return tj_buf_check(&t->text, err);
}

static void put_text(tokenization *t)
{
    if (t->json) {
        tj_buf_str(&t->out, "{\"text\":");
        tj_buf_json(&t->out, tj_buf_text(&t->text), t->text.len);
        tj_buf_str(&t->out, "}\n");
    } else {
        tj_buf_add(&t->out, tj_buf_text(&t->text), t->text.len);
        tj_buf_str(&t->out, t->lines ? "\n" : "");
    }
}

/* ------------------------------------------------------------ input and output */

/* Writes what there is to print, if it is much or the last. */
static tj_code print(tokenization *t, bool last, tj_err *err)
{
    tj_code rc = tj_buf_check(&t->out, err);
    if (rc == TJ_OK && (last || t->out.len >= BLOCK_BYTES)) {
        if (fwrite(tj_buf_text(&t->out), 1, t->out.len, stdout) != t->out.len) {
            return tj_fail(err, TJ_E_IO, "cannot write to standard output");
        }
        tj_buf_clear(&t->out);
    }
    return rc;
}

static tj_code do_text(tokenization *t, const char *text, size_t len, tj_err *err)
{
    tj_code rc = t->decode ? decode(t, text, len, err) : encode(t, text, len, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (t->decode) {
        put_text(t);
    } else if (t->json) {
        put_ids_json(t);
    } else {
        put_ids(t);
    }
    return print(t, false, err);
}

/* Does the lines that are whole; what is left moves to the front of the buffer. */
static tj_code do_lines(tokenization *t, tj_buf *in, size_t *line, tj_err *err)
{
    size_t at = 0;
    tj_code rc = TJ_OK;
    while (rc == TJ_OK) {
        const char *end = memchr(in->data + at, '\n', in->len - at);
        if (end == NULL) {
            break;
        }
        size_t len = (size_t)(end - (in->data + at));
        rc = do_text(t, in->data + at, len, err);
        if (rc != TJ_OK) {
            tj_err_context(err, "line %zu", *line);
        }
        at += len + 1;
        (*line)++;
    }
    memmove(in->data, in->data + at, in->len - at);
    in->len -= at;
    return rc;
}

/* Each line of standard input as it comes, the last with or without its newline. */
static tj_code do_input_lines(tokenization *t, tj_err *err)
{
    size_t line = 1, n = 1;
    tj_buf in;
    tj_buf_init(&in);
    char *block = tj_malloc(BLOCK_BYTES);
    tj_code rc = block == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read standard input") : TJ_OK;
    while (rc == TJ_OK && n > 0) {
        n = fread(block, 1, BLOCK_BYTES, stdin);
        tj_buf_add(&in, block, n);
        if (n == 0 && in.len > 0) {
            tj_buf_char(&in, '\n');
        }
        rc = tj_buf_check(&in, err);
        if (rc == TJ_OK && in.len > 0) {
            rc = do_lines(t, &in, &line, err);
        }
        if (rc == TJ_OK && in.len > TJ_MAX_ENCODE_BYTES) {
            rc = tj_fail(err, TJ_E_LIMIT, "line %zu has more than %zu bytes", line,
                         TJ_MAX_ENCODE_BYTES);
        }
    }
    if (rc == TJ_OK && ferror(stdin)) {
        rc = tj_fail(err, TJ_E_IO, "cannot read standard input: %s", strerror(errno));
    }
    tj_free(block);
    tj_buf_deinit(&in);
    return rc;
}

static tj_code do_input(tokenization *t, tj_err *err)
{
    tj_buf in;
    tj_buf_init(&in);
    tj_code rc = tj_read_input(&in, NULL, TJ_MAX_ENCODE_BYTES, err);
    if (rc == TJ_OK) {
        rc = do_text(t, tj_buf_text(&in), in.len, err);
    }
    tj_buf_deinit(&in);
    return rc;
}

tj_code tj_cmd_tokenize(const tj_args *args, tj_err *err)
{
    tokenization t = {.parse_special = tj_args_has(args, "parse-special"),
                      .add_special = tj_args_has(args, "add-special"),
                      .replace_invalid = tj_args_has(args, "replace-invalid"),
                      .decode = tj_args_has(args, "decode"),
                      .json = tj_args_has(args, "json"),
                      .lines = tj_args_has(args, "lines")};
    const char *path = tj_args_get(args, "tokenizer");
    if (path == NULL) {
        return tj_fail(err, TJ_E_INVAL,
                       "--tokenizer is missing: a FILE.gguf, a tokenizer.json or "
                       "a folder that holds one");
    }
    tj_buf_init(&t.text);
    tj_buf_init(&t.out);
    tj_code rc = tj_tokenizer_load(&t.tok, path, err);
    if (rc == TJ_OK) {
        rc = tj_encoder_create(&t.encoder, t.tok, err);
    }
    if (rc == TJ_OK) {
        rc = t.lines ? do_input_lines(&t, err) : do_input(&t, err);
    }
    tj_code printed = print(&t, true, rc == TJ_OK ? err : NULL);
    rc = rc == TJ_OK ? printed : rc;
    tj_ids_deinit(&t.ids);
    tj_buf_deinit(&t.text);
    tj_buf_deinit(&t.out);
    tj_encoder_destroy(t.encoder);
    tj_tokenizer_destroy(t.tok);
    return rc;
}
