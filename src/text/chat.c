/* Chat templates, written after the Jinja programs in the models' tokenizer_config.json
 * (HuggingFaceTB/SmolLM2, Qwen/Qwen2.5, Qwen/Qwen3, meta-llama/Meta-Llama-3 and Llama-3.1,
 * google/gemma-3),
 * without tools and images; tests/golden/make-chat-golden renders those programs with Jinja itself.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "text/tokenizer.h"
#include "text/unicode.h"
#include "text/utf8.h"

/* ------------------------------------------------------------ names */

static const char *const names[] = {
    [TJ_CHAT_CHATML] = "chatml", [TJ_CHAT_SMOLLM2] = "smollm2", [TJ_CHAT_QWEN2_5] = "qwen2.5",
    [TJ_CHAT_QWEN3] = "qwen3",   [TJ_CHAT_LLAMA3] = "llama3",   [TJ_CHAT_LLAMA3_1] = "llama3.1",
    [TJ_CHAT_GEMMA] = "gemma"};
#define N_TEMPLATES (sizeof names / sizeof names[0])
#define ALL_NAMES   "chatml, smollm2, qwen2.5, qwen3, llama3, llama3.1 or gemma"

#define SMOLLM2_SYSTEM "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
#define LLAMA3_1_DATES "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
#define QWEN2_5_SYSTEM "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."

const char *tj_chat_name(tj_chat_template which)
{
    return names[which];
}

tj_code tj_chat_by_name(tj_chat_template *out, const char *name, tj_err *err)
{
    for (size_t i = 0; i < N_TEMPLATES; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (tj_chat_template)i;
            return TJ_OK;
        }
    }
    return tj_fail(err, TJ_E_INVAL, "chat template '%s' is not known, expected " ALL_NAMES, name);
}

/* What a template of each kind must and must not hold. The first that fits counts. Other models of
 * these families have other default prompts or tools' formats: what is not surely one of these is
 * not taken for it. */
static const struct sign {
    tj_chat_template which;
    const char *with[4], *without[5];
} signs[] = {
    {TJ_CHAT_QWEN3, {"<|im_start|>", "last_query_index", "enable_thinking"}, {NULL}},
    {TJ_CHAT_QWEN2_5, {"<|im_start|>", QWEN2_5_SYSTEM}, {NULL}},
    {TJ_CHAT_SMOLLM2, {"<|im_start|>", SMOLLM2_SYSTEM}, {"tools"}},
    {TJ_CHAT_CHATML, {"<|im_start|>", "<|im_end|>"}, {"You are", "tools", "think", "trim"}},
    {TJ_CHAT_LLAMA3, {"<|start_header_id|>", "<|eot_id|>"}, {"Cutting Knowledge", "tools"}},
    {TJ_CHAT_LLAMA3_1,
     {"<|start_header_id|>", "Cutting Knowledge Date: December 2023",
      "Today Date: ", "26 Jul 2024"},
     {NULL}},
    {TJ_CHAT_GEMMA, {"<start_of_turn>", "<end_of_turn>"}, {"tools", "think"}},
};

static bool has_signs(const struct sign *sign, const char *jinja)
{
    for (size_t i = 0; i < sizeof sign->with / sizeof sign->with[0]; i++) {
        if (sign->with[i] != NULL && strstr(jinja, sign->with[i]) == NULL) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof sign->without / sizeof sign->without[0]; i++) {
        if (sign->without[i] != NULL && strstr(jinja, sign->without[i]) != NULL) {
            return false;
        }
    }
    return true;
}

tj_code tj_chat_recognize(tj_chat_template *out, const char *jinja, tj_err *err)
{
    for (size_t i = 0; jinja != NULL && i < sizeof signs / sizeof signs[0]; i++) {
        if (has_signs(&signs[i], jinja)) {
            *out = signs[i].which;
            return TJ_OK;
        }
    }
    return tj_fail(err, TJ_E_INVAL, "%s; name one with --chat-template: " ALL_NAMES,
                   jinja == NULL ? "the model has no chat template"
                                 : "the model's chat template is not known");
}

/* ------------------------------------------------------------ spans */

void tj_chat_init(tj_chat *chat)
{
    *chat = (tj_chat){.n_spans = 0};
    tj_buf_init(&chat->text);
}

void tj_chat_deinit(tj_chat *chat)
{
    tj_buf_deinit(&chat->text);
    tj_free(chat->spans);
    *chat = (tj_chat){.n_spans = 0};
}

typedef struct writer {
    tj_chat *chat;
    tj_role role;       /* of the turn at hand */
    bool is_completion; /* of what comes next */
} writer;

/* Appends a span; a failed allocation is found in the end, as in tj_buf. */
static void put(writer *w, tj_chat_kind kind, const char *text, size_t len)
{
    tj_chat *chat = w->chat;
    if (len == 0) {
        return;
    }
    if (!tj_grow(&chat->spans, &chat->cap_spans, chat->n_spans + 1, sizeof *chat->spans)) {
        chat->text.failed = true;
        return;
    }
    size_t begin = chat->text.len;
    tj_buf_add(&chat->text, text, len);
    chat->spans[chat->n_spans++] = (tj_chat_span){.begin = begin,
                                                  .end = chat->text.len,
                                                  .kind = kind,
                                                  .role = w->role,
                                                  .is_completion = w->is_completion};
}

static void special(writer *w, const char *text)
{
    put(w, TJ_CHAT_SPECIAL, text, strlen(text));
}

static void markup(writer *w, const char *text)
{
    put(w, TJ_CHAT_MARKUP, text, strlen(text));
}

/* ------------------------------------------------------------ parts of texts */

typedef struct view {
    const char *text;
    size_t len;
} view;

static view strip_newlines(view v, bool front, bool back)
{
    while (front && v.len > 0 && v.text[0] == '\n') {
        v.text++;
        v.len--;
    }
    while (back && v.len > 0 && v.text[v.len - 1] == '\n') {
        v.len--;
    }
    return v;
}

/* White space to Jinja's trim, which is Python's: Unicode's and the four separators of ASCII. */
static bool is_space(const char *text, size_t *n)
{
    uint32_t c = tj_utf8_decode(text, n);
    return tj_class_of(c) == TJ_CLASS_SPACE || (c >= 0x1C && c <= 0x1F);
}

static view trim(view v)
{
    size_t n, end = 0;
    while (v.len > 0 && is_space(v.text, &n)) {
        v.text += n;
        v.len -= n;
    }
    for (size_t at = 0; at < v.len; at += n) { /* the end of the last that is none */
        end = is_space(v.text + at, &n) ? end : at + n;
    }
    return (view){v.text, end};
}

/* The first or last occurrence of a text, or NULL. */
static const char *find(view v, const char *wanted, bool last)
{
    size_t n = strlen(wanted);
    const char *found = NULL;
    for (size_t at = 0; at + n <= v.len && (last || found == NULL); at++) {
        found = memcmp(v.text + at, wanted, n) == 0 ? v.text + at : found;
    }
    return found;
}

static bool starts(view v, const char *with)
{
    return v.len >= strlen(with) && memcmp(v.text, with, strlen(with)) == 0;
}

static bool ends(view v, const char *with)
{
    size_t n = strlen(with);
    return v.len >= n && memcmp(v.text + v.len - n, with, n) == 0;
}

#define OPEN  "<think>"
#define CLOSE "</think>"

bool tj_split_thinking(tj_thinking *out, const char *text, size_t len)
{
    view all = {text, len}, thought = {text, 0}, answer = all;
    const char *close = find(all, CLOSE, false), *last = find(all, CLOSE, true);
    if (close != NULL) {
        thought = strip_newlines((view){text, (size_t)(close - text)}, false, true);
        const char *rest = last + strlen(CLOSE);
        answer = strip_newlines((view){rest, len - (size_t)(rest - text)}, true, false);
    } else if (starts(strip_newlines(all, true, false), OPEN)) {
        thought = all;
        answer = (view){text + len, 0};
    }
    const char *open = find(thought, OPEN, true);
    if (open != NULL) {
        size_t skip = (size_t)(open - thought.text) + strlen(OPEN);
        thought = (view){thought.text + skip, thought.len - skip};
    }
    thought = strip_newlines(thought, true, close == NULL);
    *out = (tj_thinking){thought.text, answer.text, thought.len, answer.len};
    return thought.len > 0;
}

/* ------------------------------------------------------------ ChatML */

static const char *role_name(tj_role role)
{
    return role == TJ_ROLE_SYSTEM ? "system" : role == TJ_ROLE_USER ? "user" : "assistant";
}

static void begin_chatml(writer *w, tj_role role)
{
    w->role = role;
    w->is_completion = false;
    special(w, "<|im_start|>");
    markup(w, role_name(role));
    markup(w, "\n");
    w->is_completion = role == TJ_ROLE_ASSISTANT;
}

static void end_chatml(writer *w)
{
    special(w, "<|im_end|>");
    w->is_completion = false;
    markup(w, "\n");
}

static void put_chatml(writer *w, const tj_message *m)
{
    begin_chatml(w, m->role);
    put(w, TJ_CHAT_CONTENT, m->text, m->len);
    end_chatml(w);
}

/* Where the conversation has no system prompt, the template has one. */
static void put_default_system(writer *w, const tj_message *first, const char *text)
{
    if (text != NULL && first->role != TJ_ROLE_SYSTEM) {
        begin_chatml(w, TJ_ROLE_SYSTEM);
        markup(w, text);
        end_chatml(w);
    }
}

static void render_chatml(writer *w, const tj_message *messages, size_t n, const char *system)
{
    put_default_system(w, &messages[0], system);
    for (size_t i = 0; i < n; i++) {
        put_chatml(w, &messages[i]);
    }
}

/* ------------------------------------------------------------ Qwen 3 */

/* The last user's message that is no tool's response; where there is none, the last message. */
static size_t last_question(const tj_message *messages, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        view v = {messages[i].text, messages[i].len};
        if (messages[i].role == TJ_ROLE_USER &&
            !(starts(v, "<tool_response>") && ends(v, "</tool_response>"))) {
            return i;
        }
    }
    return n - 1;
}

/* After the last question the thought is kept, and the last message has a place for one. */
static void put_qwen3_answer(writer *w, const tj_message *m, bool after_question, bool is_last,
                             bool no_thinking)
{
    tj_thinking t;
    view all = {m->text, m->len};
    bool has_thought = tj_split_thinking(&t, m->text, m->len);
    bool is_split = find(all, CLOSE, false) != NULL;
    view answer = is_split ? (view){t.answer, t.n_answer} : all;
    begin_chatml(w, TJ_ROLE_ASSISTANT);
    if (after_question && (is_last || (is_split && has_thought))) {
        view thought = is_split ? (view){t.thought, t.n_thought} : (view){m->text, 0};
        thought = strip_newlines(thought, true, true);
        answer = strip_newlines(answer, true, false);
        w->is_completion = thought.len > 0 || !no_thinking; /* else the prompt has the empty one */
        markup(w, OPEN "\n");
        put(w, TJ_CHAT_CONTENT, thought.text, thought.len);
        markup(w, "\n" CLOSE "\n\n");
        w->is_completion = true;
    }
    put(w, TJ_CHAT_CONTENT, answer.text, answer.len);
    end_chatml(w);
}

static void render_qwen3(writer *w, const tj_message *messages, size_t n, bool no_thinking)
{
    size_t question = last_question(messages, n);
    for (size_t i = 0; i < n; i++) {
        if (messages[i].role == TJ_ROLE_ASSISTANT) {
            put_qwen3_answer(w, &messages[i], i > question, i + 1 == n, no_thinking);
        } else {
            put_chatml(w, &messages[i]);
        }
    }
}

/* ------------------------------------------------------------ Llama 3 and Gemma */

static void begin_llama3(writer *w, tj_role role)
{
    w->role = role;
    w->is_completion = false;
    special(w, "<|start_header_id|>");
    markup(w, role_name(role));
    special(w, "<|end_header_id|>");
    markup(w, "\n\n");
    w->is_completion = role == TJ_ROLE_ASSISTANT;
}

static void put_llama3(writer *w, const tj_message *m, const char *before)
{
    view v = trim((view){m->text, m->len});
    begin_llama3(w, m->role);
    markup(w, before);
    put(w, TJ_CHAT_CONTENT, v.text, v.len);
    special(w, "<|eot_id|>");
    w->is_completion = false;
}

static void render_llama3(writer *w, const tj_message *messages, size_t n, bool dated)
{
    static const tj_message no_system = {TJ_ROLE_SYSTEM, "", 0};
    w->role = messages[0].role;
    special(w, "<|begin_of_text|>");
    if (dated) {
        bool given = messages[0].role == TJ_ROLE_SYSTEM;
        put_llama3(w, given ? &messages[0] : &no_system, LLAMA3_1_DATES);
        messages += given ? 1 : 0;
        n -= given ? 1 : 0;
    }
    for (size_t i = 0; i < n; i++) {
        put_llama3(w, &messages[i], "");
    }
}

static void begin_gemma(writer *w, tj_role role)
{
    w->role = role;
    w->is_completion = false;
    special(w, "<start_of_turn>");
    markup(w, role == TJ_ROLE_USER ? "user" : "model");
    markup(w, "\n");
    w->is_completion = role == TJ_ROLE_ASSISTANT;
}

static tj_code render_gemma(writer *w, const tj_message *messages, size_t n, tj_err *err)
{
    size_t first = messages[0].role == TJ_ROLE_SYSTEM ? 1 : 0;
    w->role = messages[0].role;
    special(w, "<bos>");
    for (size_t i = first; i < n; i++) {
        tj_role wanted = (i - first) % 2 == 0 ? TJ_ROLE_USER : TJ_ROLE_ASSISTANT;
        if (messages[i].role != wanted) {
            return tj_fail(err, TJ_E_INVAL,
                           "message %zu is %s's, but in chats of gemma user and assistant take "
                           "turns after a system prompt",
                           i + 1, role_name(messages[i].role));
        }
        view v = trim((view){messages[i].text, messages[i].len});
        begin_gemma(w, wanted);
        if (i == 1 && first == 1) { /* the system prompt has no turn of its own */
            put(w, TJ_CHAT_CONTENT, messages[0].text, messages[0].len);
            markup(w, "\n\n");
        }
        put(w, TJ_CHAT_CONTENT, v.text, v.len);
        special(w, "<end_of_turn>");
        w->is_completion = false;
        markup(w, "\n");
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ the whole */

bool tj_chat_thinks(tj_chat_template which, tj_chat_options options)
{
    return which == TJ_CHAT_QWEN3 && !options.no_thinking;
}

static void put_prompt(writer *w, tj_chat_template which, bool no_thinking)
{
    switch (which) {
    case TJ_CHAT_LLAMA3:
    case TJ_CHAT_LLAMA3_1:
        begin_llama3(w, TJ_ROLE_ASSISTANT);
        break;
    case TJ_CHAT_GEMMA:
        begin_gemma(w, TJ_ROLE_ASSISTANT);
        break;
    case TJ_CHAT_CHATML:
    case TJ_CHAT_SMOLLM2:
    case TJ_CHAT_QWEN2_5:
    case TJ_CHAT_QWEN3:
        begin_chatml(w, TJ_ROLE_ASSISTANT);
        if (which == TJ_CHAT_QWEN3 && no_thinking) {
            w->is_completion = false;
            markup(w, OPEN "\n\n" CLOSE "\n\n");
        }
        break;
    }
}

tj_code tj_chat_render(tj_chat *chat, tj_chat_template which, const tj_message *messages, size_t n,
                       tj_chat_options options, tj_err *err)
{
    writer w = {.chat = chat};
    tj_code rc = TJ_OK;
    tj_buf_clear(&chat->text);
    chat->n_spans = 0;
    if (n == 0) {
        return tj_fail(err, TJ_E_INVAL, "a chat without messages");
    }
    switch (which) {
    case TJ_CHAT_CHATML:
        render_chatml(&w, messages, n, NULL);
        break;
    case TJ_CHAT_SMOLLM2:
        render_chatml(&w, messages, n, SMOLLM2_SYSTEM);
        break;
    case TJ_CHAT_QWEN2_5:
        render_chatml(&w, messages, n, QWEN2_5_SYSTEM);
        break;
    case TJ_CHAT_QWEN3:
        render_qwen3(&w, messages, n, options.no_thinking);
        break;
    case TJ_CHAT_LLAMA3:
    case TJ_CHAT_LLAMA3_1:
        render_llama3(&w, messages, n, which == TJ_CHAT_LLAMA3_1);
        break;
    case TJ_CHAT_GEMMA:
        rc = render_gemma(&w, messages, n, err);
        break;
    }
    if (rc == TJ_OK && options.prompts) {
        put_prompt(&w, which, options.no_thinking);
    }
    return rc == TJ_OK ? tj_buf_check(&chat->text, err) : rc;
}

/* ------------------------------------------------------------ ids */

/* Marks the ids that were added last. */
static tj_code mark(tj_ids *mask, size_t n, bool is_completion, tj_err *err)
{
    const int32_t bit = is_completion ? 1 : 0;
    tj_code rc = TJ_OK;
    for (size_t i = 0; mask != NULL && i < n && rc == TJ_OK; i++) {
        rc = tj_ids_add(mask, &bit, 1, err);
    }
    return rc;
}

static tj_code add_special(const tj_tokenizer *tok, const tj_chat *chat, const tj_chat_span *span,
                           tj_ids *out, tj_err *err)
{
    char text[64]; /* the longest has 19 bytes */
    size_t n = span->end - span->begin;
    TJ_ASSERT(n < sizeof text);
    memcpy(text, chat->text.data + span->begin, n);
    text[n] = '\0';
    int32_t id = tj_tokenizer_find(tok, text);
    if (id < 0) {
        return tj_fail(err, TJ_E_INVAL,
                       "the chat template needs the token '%s', which the vocabulary has not",
                       text);
    }
    return tj_ids_add(out, &id, 1, err);
}

/* One past the last span that is encoded together with span i: up to a special token or to where
 * a completion begins or ends. */
static size_t together(const tj_chat *chat, size_t i)
{
    size_t end = i + 1;
    while (end < chat->n_spans && chat->spans[end].kind != TJ_CHAT_SPECIAL &&
           chat->spans[end].is_completion == chat->spans[i].is_completion) {
        end++;
    }
    return end;
}

static tj_code encode_chat(tj_encoder *encoder, const tj_chat *chat, tj_ids *out, tj_ids *mask,
                           tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0, end; i < chat->n_spans && rc == TJ_OK; i = end) {
        const tj_chat_span *span = &chat->spans[i];
        size_t n_before = out->n;
        if (span->kind == TJ_CHAT_SPECIAL) {
            end = i + 1;
            rc = add_special(tj_encoder_tokenizer(encoder), chat, span, out, err);
        } else {
            end = together(chat, i);
            rc = tj_encoder_encode(encoder, out, chat->text.data + span->begin,
                                   chat->spans[end - 1].end - span->begin, false, err);
        }
        if (rc == TJ_OK) {
            rc = mark(mask, out->n - n_before, span->is_completion, err);
        }
    }
    return rc;
}

tj_code tj_chat_encode(tj_encoder *encoder, const tj_chat *chat, tj_ids *out, tj_ids *mask,
                       tj_err *err)
{
    size_t n_out = out->n, n_mask = mask == NULL ? 0 : mask->n;
    tj_code rc = encode_chat(encoder, chat, out, mask, err);
    if (rc != TJ_OK) {
        out->n = n_out;
        if (mask != NULL) {
            mask->n = n_mask;
        }
    }
    return rc;
}
