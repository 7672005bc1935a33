/* A cursor for each continuation says how much of it has been written; a whole answer is one piece
 * from the beginning to the end, an event the piece since the last one.
 *
 * text_offset counts characters as the reader of the text does: those of the characters that are
 * complete before a token. */
#include "web/openai_response.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "web/token_json.h"

typedef struct cursor {
    size_t n_ids, n_text, n_thought; /* written */
    bool began, ended;
    tj_detok detok;        /* of the ids written, for text_offset */
    size_t n_chars;        /* that they completed, those of an echoed prompt included */
    size_t n_prompt_chars; /* these */
} cursor;

struct tj_api_writer {
    const tj_api_request *api;
    const tj_service_config *cfg;
    uint64_t id;
    int64_t created;
    cursor *cursors; /* [prompts * best_of] */
    tj_buf scratch;
};

tj_code tj_api_writer_create(tj_api_writer **out, const tj_api_request *api,
                             const tj_service_config *cfg, uint64_t id, int64_t created,
                             tj_err *err)
{
    size_t n = (api->kind == TJ_API_CHAT ? 1 : api->n_prompts) * api->best_of;
    tj_api_writer *w = tj_calloc(1, sizeof *w);
    *out = NULL;
    if (w != NULL) {
        *w = (tj_api_writer){.api = api, .cfg = cfg, .id = id, .created = created};
        tj_buf_init(&w->scratch);
        w->cursors = tj_calloc(n, sizeof *w->cursors);
    }
    if (w == NULL || w->cursors == NULL) {
        tj_api_writer_destroy(w);
        return tj_fail(err, TJ_E_NOMEM, "cannot write %zu answers", n);
    }
    *out = w;
    return TJ_OK;
}

void tj_api_writer_destroy(tj_api_writer *w)
{
    if (w != NULL) {
        tj_buf_deinit(&w->scratch);
        tj_free(w->cursors);
        tj_free(w);
    }
}

/* ------------------------------------------------------------ log-probabilities */

static size_t n_chars(const char *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += ((unsigned char)text[i] & 0xC0) != 0x80 ? 1 : 0;
    }
    return count;
}

/* One row of completions' four lists. */
typedef struct row {
    int32_t id;
    bool has_logprob; /* the first token of a prompt has none */
    float logprob;
    const int32_t *top_ids; /* [n_top] */
    const float *top_logprobs;
    size_t offset;
} row;

typedef struct lists {
    tj_buf tokens, logprobs, top, offsets;
} lists;

static void add_row(const tj_api_writer *w, lists *l, const row *r)
{
    const char *comma = l->tokens.len > 0 ? "," : "";
    tj_buf_str(&l->tokens, comma);
    tj_token_json(&l->tokens, w->cfg->tok, r->id);
    tj_buf_printf(&l->offsets, "%s%zu", comma, r->offset);
    tj_buf_str(&l->logprobs, comma);
    tj_buf_str(&l->top, comma);
    if (r->has_logprob) {
        tj_logprob_json(&l->logprobs, r->logprob);
        tj_top_json(&l->top, w->cfg->tok, r->top_ids, r->top_logprobs, w->api->n_top, r->id,
                    r->logprob);
    } else {
        tj_buf_str(&l->logprobs, "null");
        tj_buf_str(&l->top, "null");
    }
}

/* Feeds an id to the cursor's detokenizer; gives the offset at which it stands. */
static size_t advance(tj_api_writer *w, cursor *c, int32_t id)
{
    size_t offset = c->n_chars;
    tj_buf_clear(&w->scratch);
    tj_detok_add(&c->detok, &w->scratch, id);
    c->n_chars += n_chars(tj_buf_text(&w->scratch), w->scratch.len);
    return offset;
}

static void flush(tj_api_writer *w, cursor *c)
{
    tj_buf_clear(&w->scratch);
    tj_detok_flush(&c->detok, &w->scratch);
    c->n_chars += n_chars(tj_buf_text(&w->scratch), w->scratch.len);
}

static void add_prompt_rows(tj_api_writer *w, lists *l, cursor *c, const tj_reply *reply, size_t p)
{
    const tj_ids *ids = &reply->request->prompts[p];
    const tj_prompt_score *s = &reply->scores[p];
    for (size_t i = 0; i < ids->n; i++) {
        row r = {.id = ids->ids[i], .has_logprob = i > 0, .offset = advance(w, c, ids->ids[i])};
        if (i > 0) {
            r.logprob = s->logprobs[i - 1];
            r.top_ids = w->api->n_top == 0 ? NULL : s->top_ids + (i - 1) * w->api->n_top;
            r.top_logprobs = w->api->n_top == 0 ? NULL : s->top_logprobs + (i - 1) * w->api->n_top;
        }
        add_row(w, l, &r);
    }
}

/* Tokens of a stop string, which are no part of the text, stand at its end. */
static void add_sampled_rows(tj_api_writer *w, lists *l, cursor *c, const tj_choice *choice,
                             size_t n_before)
{
    size_t n_top = w->api->n_top;
    size_t end = choice->finish == TJ_FINISH_STOP
                     ? n_before + n_chars(tj_buf_text(&choice->text), choice->text.len)
                     : SIZE_MAX;
    for (size_t i = c->n_ids; i < choice->n_fed; i++) {
        const tj_gen *gen = &choice->gen;
        size_t offset = advance(w, c, gen->ids[i]);
        add_row(w, l,
                &(row){.id = gen->ids[i],
                       .has_logprob = true,
                       .logprob = gen->logprobs[i],
                       .top_ids = n_top == 0 ? NULL : gen->top_ids + i * n_top,
                       .top_logprobs = n_top == 0 ? NULL : gen->top_logprobs + i * n_top,
                       .offset = offset < end ? offset : end});
    }
}

static void text_logprobs(tj_api_writer *w, tj_buf *out, cursor *c, const tj_reply *reply,
                          const tj_choice *choice)
{
    lists l;
    tj_buf_init(&l.tokens);
    tj_buf_init(&l.logprobs);
    tj_buf_init(&l.top);
    tj_buf_init(&l.offsets);
    if (!c->began) {
        bool from_ids = w->api->prompts[choice->prompt].text == NULL;
        tj_detok_init(&c->detok, w->cfg->tok,
                      (tj_detok_options){.at_start = true, .with_special = from_ids});
        if (w->api->echo) {
            add_prompt_rows(w, &l, c, reply, choice->prompt);
            flush(w, c);
        }
        c->n_prompt_chars = c->n_chars;
        tj_detok_init(&c->detok, w->cfg->tok, (tj_detok_options){.at_start = false});
    }
    add_sampled_rows(w, &l, c, choice, c->n_prompt_chars);
    tj_buf_printf(out,
                  "{\"tokens\":[%s],\"token_logprobs\":[%s],\"top_logprobs\":[%s],"
                  "\"text_offset\":[%s]}",
                  tj_buf_text(&l.tokens), tj_buf_text(&l.logprobs), tj_buf_text(&l.top),
                  tj_buf_text(&l.offsets));
    out->failed = out->failed || l.tokens.failed || l.logprobs.failed || l.top.failed ||
                  l.offsets.failed || w->scratch.failed;
    tj_buf_deinit(&l.tokens);
    tj_buf_deinit(&l.logprobs);
    tj_buf_deinit(&l.top);
    tj_buf_deinit(&l.offsets);
}

static void chat_logprobs(const tj_api_writer *w, tj_buf *out, const cursor *c,
                          const tj_choice *choice)
{
    const tj_gen *gen = &choice->gen;
    size_t n_top = w->api->n_top;
    tj_buf_str(out, "{\"content\":[");
    for (size_t i = c->n_ids; i < choice->n_fed; i++) {
        tj_buf_str(out, i > c->n_ids ? "," : "");
        tj_chat_token_json(out, w->cfg->tok, gen->ids[i], gen->logprobs[i]);
        tj_buf_str(out, ",\"top_logprobs\":[");
        for (size_t t = 0; t < n_top; t++) {
            tj_buf_str(out, t > 0 ? "," : "");
            tj_chat_token_json(out, w->cfg->tok, gen->top_ids[i * n_top + t],
                               gen->top_logprobs[i * n_top + t]);
            tj_buf_char(out, '}');
        }
        tj_buf_str(out, "]}");
    }
    tj_buf_str(out, "],\"refusal\":null}");
}

/* ------------------------------------------------------------ a piece of a continuation */

/* The prompt as its tokens spell it; a text without the special tokens put around it. */
static void add_echo(const tj_api_writer *w, tj_buf *text, const tj_ids *ids, size_t p)
{
    tj_detok detok;
    tj_detok_init(
        &detok, w->cfg->tok,
        (tj_detok_options){.at_start = true, .with_special = w->api->prompts[p].text == NULL});
    for (size_t i = 0; i < ids->n; i++) {
        tj_detok_add(&detok, text, ids->ids[i]);
    }
    tj_detok_flush(&detok, text);
}

static void text_piece(const tj_api_writer *w, tj_buf *out, const cursor *c, const tj_reply *reply,
                       const tj_choice *choice)
{
    tj_buf text;
    tj_buf_init(&text);
    if (!c->began && w->api->echo) {
        add_echo(w, &text, &reply->request->prompts[choice->prompt], choice->prompt);
    }
    tj_buf_add(&text, tj_buf_text(&choice->text) + c->n_text, choice->text.len - c->n_text);
    tj_buf_str(out, "\"text\":");
    tj_buf_json(out, tj_buf_text(&text), text.len);
    out->failed = out->failed || text.failed;
    tj_buf_deinit(&text);
}

/* A message, or what is new of one. */
static void chat_piece(const tj_api_writer *w, tj_buf *out, const cursor *c,
                       const tj_choice *choice)
{
    const char *comma = "";
    bool whole = !w->api->stream;
    tj_buf_str(out, whole ? "\"message\":{" : "\"delta\":{");
    if (!c->began) {
        tj_buf_str(out, "\"role\":\"assistant\"");
        comma = ",";
    }
    if (choice->thought.len > c->n_thought) {
        tj_buf_printf(out, "%s\"reasoning_content\":", comma);
        tj_buf_json(out, tj_buf_text(&choice->thought) + c->n_thought,
                    choice->thought.len - c->n_thought);
        comma = ",";
    }
    if (!c->began || choice->text.len > c->n_text) {
        tj_buf_printf(out, "%s\"content\":", comma);
        tj_buf_json(out, tj_buf_text(&choice->text) + c->n_text, choice->text.len - c->n_text);
    }
    tj_buf_str(out, whole ? ",\"refusal\":null}" : "}");
}

static const char *finish_name(tj_finish finish)
{
    return finish == TJ_FINISH_NONE     ? "null"
           : finish == TJ_FINISH_LENGTH ? "\"length\""
                                        : "\"stop\"";
}

/* What is new of a continuation, under the given index; afterwards nothing is. */
static void piece(tj_api_writer *w, tj_buf *out, const tj_reply *reply, size_t i, size_t index)
{
    const tj_choice *choice = &reply->choices[i];
    cursor *c = &w->cursors[i];
    tj_buf_printf(out, "{\"index\":%zu,", index);
    if (w->api->kind == TJ_API_CHAT) {
        chat_piece(w, out, c, choice);
    } else {
        text_piece(w, out, c, reply, choice);
    }
    tj_buf_str(out, ",\"logprobs\":");
    if (!w->api->logprobs) {
        tj_buf_str(out, "null");
    } else if (w->api->kind == TJ_API_CHAT) {
        chat_logprobs(w, out, c, choice);
    } else {
        text_logprobs(w, out, c, reply, choice);
    }
    tj_buf_printf(out, ",\"finish_reason\":%s}", finish_name(choice->finish));
    c->n_ids = choice->n_fed;
    c->n_text = choice->text.len;
    c->n_thought = choice->thought.len;
    c->began = true;
    c->ended = choice->finish != TJ_FINISH_NONE;
}

/* ------------------------------------------------------------ around it */

static void head(const tj_api_writer *w, tj_buf *out)
{
    bool chats = w->api->kind == TJ_API_CHAT;
    tj_buf_printf(
        out, "{\"id\":\"%s-%016" PRIx64 "\",\"object\":\"%s%s\",\"created\":%" PRId64 ",\"model\":",
        chats ? "chatcmpl" : "cmpl", w->id, chats ? "chat.completion" : "text_completion",
        chats && w->api->stream ? ".chunk" : "", w->created);
    tj_buf_json(out, w->cfg->name, strlen(w->cfg->name));
    tj_buf_str(out, ",\"system_fingerprint\":");
    tj_buf_json(out, w->cfg->build, strlen(w->cfg->build));
    tj_buf_str(out, ",\"choices\":[");
}

static void usage(const tj_api_writer *w, tj_buf *out, const tj_reply *reply)
{
    size_t n_thought = 0;
    for (size_t i = 0; i < reply->n_choices; i++) {
        n_thought += reply->choices[i].n_thought;
    }
    tj_buf_printf(out,
                  "\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,\"total_tokens\":%zu,"
                  "\"prompt_tokens_details\":{\"cached_tokens\":%zu}",
                  reply->n_prompt_tokens, reply->n_generated,
                  reply->n_prompt_tokens + reply->n_generated, reply->n_cached);
    if (w->api->kind == TJ_API_CHAT) {
        tj_buf_printf(out, ",\"completion_tokens_details\":{\"reasoning_tokens\":%zu}", n_thought);
    }
    tj_buf_char(out, '}');
}

/* ------------------------------------------------------------ whole answers */

static double mean_logprob(const tj_choice *c)
{
    double sum = 0.0;
    for (size_t i = 0; i < c->gen.n_ids; i++) {
        sum += (double)c->gen.logprobs[i];
    }
    return c->gen.n_ids > 0 ? sum / (double)c->gen.n_ids : 0.0;
}

/* The best of a prompt's samples that has not been written yet; the first of equals. */
static size_t best_left(const tj_api_writer *w, const tj_reply *reply, size_t p)
{
    size_t best = SIZE_MAX;
    double best_mean = 0.0;
    for (size_t s = 0; s < w->api->best_of; s++) {
        size_t i = p * w->api->best_of + s;
        double mean = mean_logprob(&reply->choices[i]);
        if (!w->cursors[i].ended && (best == SIZE_MAX || mean > best_mean)) {
            best = i;
            best_mean = mean;
        }
    }
    return best;
}

void tj_api_write_answer(tj_api_writer *w, tj_buf *out, const tj_reply *reply)
{
    size_t n = w->api->n;
    head(w, out);
    for (size_t i = 0; i < reply->request->n_prompts * n; i++) {
        size_t p = i / n;
        tj_buf_str(out, i > 0 ? "," : "");
        piece(w, out, reply, n < w->api->best_of ? best_left(w, reply, p) : i, i);
    }
    tj_buf_str(out, "],");
    usage(w, out, reply);
    tj_buf_char(out, '}');
}

/* ------------------------------------------------------------ events */

static bool has_news(const cursor *c, const tj_choice *choice)
{
    return choice->text.len > c->n_text || choice->thought.len > c->n_thought ||
           (choice->finish != TJ_FINISH_NONE && !c->ended);
}

void tj_api_write_events(tj_api_writer *w, tj_buf *out, const tj_reply *reply)
{
    for (size_t i = 0; i < reply->n_choices; i++) {
        if (!has_news(&w->cursors[i], &reply->choices[i])) {
            continue;
        }
        tj_buf_str(out, "data: ");
        head(w, out);
        piece(w, out, reply, i, i);
        tj_buf_str(out, w->api->include_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
    }
}

void tj_api_write_end(tj_api_writer *w, tj_buf *out, const tj_reply *reply)
{
    tj_api_write_events(w, out, reply);
    if (w->api->include_usage) {
        tj_buf_str(out, "data: ");
        head(w, out);
        tj_buf_str(out, "],");
        usage(w, out, reply);
        tj_buf_str(out, "}\n\n");
    }
    tj_buf_str(out, "data: [DONE]\n\n");
}

void tj_api_write_error_event(tj_buf *out, const tj_api_error *e)
{
    tj_buf_str(out, "data: ");
    tj_api_error_json(out, e);
    tj_buf_str(out, "\n\n");
}

/* ------------------------------------------------------------ models */

void tj_api_write_model(tj_buf *out, const tj_service_config *cfg)
{
    tj_buf_str(out, "{\"id\":");
    tj_buf_json(out, cfg->name, strlen(cfg->name));
    tj_buf_printf(out,
                  ",\"object\":\"model\",\"created\":%" PRId64
                  ",\"owned_by\":\"tabiji\",\"max_model_len\":%zu}",
                  cfg->created, cfg->n_positions);
}

void tj_api_write_models(tj_buf *out, const tj_service_config *cfg)
{
    tj_buf_str(out, "{\"object\":\"list\",\"data\":[");
    tj_api_write_model(out, cfg);
    tj_buf_str(out, "]}");
}
