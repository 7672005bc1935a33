/* Any bytes as a tokenizer.json, which may hold a hostile pattern; as a GGUF file, with its
 * vocabulary; and as a text for the tokenizer of countdown: what is encoded decodes to the same
 * bytes. An input that begins with "{" is a tokenizer.json, one that begins with "GGUF" is that.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "task/task.h"
#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes one id at a time are the bytes of all. */
static void show(const tj_tokenizer *tok, const tj_ids *ids, const tj_buf *whole)
{
    tj_detok detok;
    tj_buf out;
    tj_buf_init(&out);
    tj_detok_init(&detok, tok, (tj_detok_options){.with_special = true, .raw = true});
    for (size_t i = 0; i < ids->n; i++) {
        tj_detok_add(&detok, &out, ids->ids[i]);
    }
    tj_detok_flush(&detok, &out);
    TJ_ASSERT(out.len == whole->len);
    TJ_ASSERT(out.len == 0 || memcmp(out.data, whole->data, out.len) == 0);
    tj_buf_deinit(&out);
}

/* Ids of a text, in range, and the same when the encoder meets the text again; decoded again if
 * decoding must give the text back. */
static void encode(const tj_tokenizer *tok, const char *text, size_t len, bool whole)
{
    tj_ids ids = {.ids = NULL}, again = {.ids = NULL};
    tj_encoder *encoder;
    tj_code rc = tj_tokenizer_encode(tok, &ids, text, len, true, NULL);
    TJ_ASSERT(rc == TJ_OK || rc == TJ_E_INVAL || rc == TJ_E_PARSE || rc == TJ_E_LIMIT);
    TJ_ASSERT((rc == TJ_E_PARSE) == (tj_utf8_check(text, len) < len) || !whole);
    TJ_ASSERT(tj_encoder_create(&encoder, tok, NULL) == TJ_OK);
    for (size_t i = 0; i < 2; i++) {
        again.n = 0;
        TJ_ASSERT(tj_encoder_encode(encoder, &again, text, len, true, NULL) == rc);
        TJ_ASSERT(again.n == ids.n);
        TJ_ASSERT(ids.n == 0 || memcmp(again.ids, ids.ids, ids.n * sizeof *ids.ids) == 0);
    }
    tj_buf back;
    tj_buf_init(&back);
    for (size_t i = 0; i < ids.n; i++) {
        TJ_ASSERT(ids.ids[i] >= 0 && (size_t)ids.ids[i] < tj_tokenizer_n_vocab(tok));
    }
    tj_tokenizer_decode(tok, &back, ids.ids, ids.n, true);
    show(tok, &ids, &back);
    if (whole && rc == TJ_OK) {
        TJ_ASSERT(back.len == len);
        TJ_ASSERT(len == 0 || memcmp(back.data, text, len) == 0);
    }
    tj_buf_deinit(&back);
    tj_encoder_destroy(encoder);
    tj_ids_deinit(&ids);
    tj_ids_deinit(&again);
}

static void use(const tj_tokenizer *tok, const char *file, size_t len)
{
    static const char text[] =
        "The course of a journey, 12 + 34: 旅路\n  <eos>aaaaaaaaaaaaaaaaaaaaaa e\u0301";
    const tj_tokenizer_extras *extras = tj_tokenizer_get_extras(tok);
    TJ_ASSERT(!extras->add_bos || extras->bos >= 0);
    TJ_ASSERT(!extras->add_eos || extras->eos >= 0);
    TJ_ASSERT(extras->chat_template == NULL || strlen(extras->chat_template) <= len);
    encode(tok, text, sizeof text - 1, false);
    encode(tok, file, len < 512 ? len : 512, false);
}

static void read_json(const char *json, size_t len)
{
    tj_tokenizer *tok;
    if (tj_tokenizer_parse(&tok, json, len, "input", NULL) == TJ_OK) {
        use(tok, json, len);
        tj_tokenizer_destroy(tok);
    }
}

static void read_gguf(const char *bytes, size_t len)
{
    tj_gguf *gguf;
    tj_tokenizer *tok;
    if (tj_gguf_open_bytes(&gguf, bytes, len, "input", NULL) != TJ_OK) {
        return;
    }
    if (tj_tokenizer_read_gguf(&tok, gguf, NULL) == TJ_OK) {
        tj_gguf_close(gguf); /* the tokenizer keeps nothing of it */
        use(tok, bytes, len);
        tj_tokenizer_destroy(tok);
        return;
    }
    tj_gguf_close(gguf);
}

/* As a message, in every template: the text is there, whole or trimmed, and spans cover it all. */
static void chat(const char *text, size_t len)
{
    if (tj_utf8_check(text, len) < len) {
        return;
    }
    const tj_message messages[] = {{TJ_ROLE_USER, text, len}, {TJ_ROLE_ASSISTANT, text, len}};
    tj_chat rendered;
    tj_thinking t;
    tj_chat_init(&rendered);
    for (int which = TJ_CHAT_CHATML; which <= TJ_CHAT_GEMMA; which++) {
        size_t at = 0;
        TJ_ASSERT(tj_chat_render(&rendered, (tj_chat_template)which, messages, 2,
                                 (tj_chat_options){.prompts = true}, NULL) == TJ_OK);
        for (size_t i = 0; i < rendered.n_spans; i++) {
            TJ_ASSERT(rendered.spans[i].begin == at && rendered.spans[i].end > at);
            at = rendered.spans[i].end;
        }
        TJ_ASSERT(at == rendered.text.len);
    }
    (void)tj_split_thinking(&t, text, len);
    TJ_ASSERT(t.n_thought + t.n_answer <= len);
    TJ_ASSERT(t.thought >= text && t.thought + t.n_thought <= text + len);
    TJ_ASSERT(t.answer >= text && t.answer + t.n_answer <= text + len);
    tj_chat_deinit(&rendered);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == '{') {
        read_json((const char *)data, size);
        return 0;
    }
    if (size >= 4 && memcmp(data, "GGUF", 4) == 0) {
        read_gguf((const char *)data, size);
        return 0;
    }
    static tj_tokenizer *tok; /* loaded once for all inputs */
    if (tok == NULL) {
        size_t len;
        const char *json = tj_countdown_tokenizer_json(&len);
        TJ_ASSERT(tj_tokenizer_parse(&tok, json, len, "countdown", NULL) == TJ_OK);
    }
    encode(tok, (const char *)data, size, true);
    chat((const char *)data, size);
    return 0;
}
