/* A tokenizer as the keys of a GGUF file; see tokenizer_gguf.c for their meaning. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "text/tokenizer.h"

#define KEY(name) "tokenizer.ggml." name

/* tokenizer.ggml.token_type */
enum { TYPE_NORMAL = 1, TYPE_CONTROL = 3, TYPE_USER_DEFINED = 4, TYPE_UNUSED = 5, TYPE_BYTE = 6 };

/* Of a token that no merge makes: below that of any that one makes, which are whole numbers down
 * to -TJ_MAX_VOCAB, exact in f32. */
#define LOWEST_SCORE (-1e7F)

const char *tj_tokenizer_kind(const tj_tokenizer *tok)
{
    return tok->byte_level      ? "byte-level BPE"
           : tok->by_score      ? "SentencePiece BPE"
           : tok->byte_fallback ? "BPE with byte fallback"
                                : "BPE of characters";
}

/* ------------------------------------------------------------ lists of strings */

/* Their texts one after another, and where each ends. */
typedef struct string_list {
    tj_buf text;
    size_t *ends; /* [n] */
    size_t n, cap;
} string_list;

static void end_string(string_list *list)
{
    if (!tj_grow(&list->ends, &list->cap, list->n + 1, sizeof *list->ends)) {
        list->text.failed = true;
        return;
    }
    list->ends[list->n++] = list->text.len;
}

static tj_code put_list(const string_list *list, tj_gguf_writer *w, const char *key, tj_err *err)
{
    const char **texts = tj_calloc(list->n, sizeof *texts);
    size_t *lens = tj_calloc(list->n, sizeof *lens);
    tj_code rc = texts == NULL || lens == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot write %s", key)
                                               : tj_buf_check(&list->text, err);
    for (size_t i = 0, at = 0; i < list->n && rc == TJ_OK; at = list->ends[i++]) {
        texts[i] = tj_buf_text(&list->text) + at;
        lens[i] = list->ends[i] - at;
    }
    if (rc == TJ_OK) {
        tj_gguf_put_strings(w, key, texts, lens, list->n);
    }
    tj_free(texts);
    tj_free(lens);
    return rc;
}

static void list_deinit(string_list *list)
{
    tj_buf_deinit(&list->text);
    tj_free(list->ends);
}

/* ------------------------------------------------------------ tokens */

static void add_text(string_list *list, const tj_tokenizer *tok, size_t id)
{
    if (id < tok->n_vocab && tok->tokens[id].exists) {
        const tj_token *t = &tok->tokens[id];
        tj_buf_add(&list->text, tok->slab + t->text, t->n_text);
    } else {
        tj_buf_printf(&list->text, "[PAD%zu]", id);
    }
    end_string(list);
}

static tj_code put_texts(const tj_tokenizer *tok, tj_gguf_writer *w, size_t n, tj_err *err)
{
    string_list list = {.n = 0};
    tj_buf_init(&list.text);
    for (size_t i = 0; i < n; i++) {
        add_text(&list, tok, i);
    }
    tj_code rc = put_list(&list, w, KEY("tokens"), err);
    list_deinit(&list);
    return rc;
}

static tj_code put_types(const tj_tokenizer *tok, tj_gguf_writer *w, size_t n, tj_err *err)
{
    int32_t *types = tj_calloc(n, sizeof *types);
    if (types == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write " KEY("token_type"));
    }
    for (size_t i = 0; i < n; i++) {
        bool exists = i < tok->n_vocab && tok->tokens[i].exists;
        types[i] = !exists ? TYPE_UNUSED : tok->tokens[i].is_byte ? TYPE_BYTE : TYPE_NORMAL;
    }
    for (size_t i = 0; i < tok->n_added; i++) {
        types[tok->added[i].id] = tok->added[i].special ? TYPE_CONTROL : TYPE_USER_DEFINED;
    }
    tj_gguf_put_i32s(w, KEY("token_type"), types, n);
    tj_free(types);
    return TJ_OK;
}

/* ------------------------------------------------------------ merges and scores */

static tj_code no_memory(tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "cannot write a tokenizer's merges");
}

static tj_code put_merges(const tj_tokenizer *tok, tj_gguf_writer *w, tj_err *err)
{
    size_t n;
    tj_merge *merges = tj_tokenizer_merges(tok, &n);
    string_list list = {.n = 0};
    tj_buf_init(&list.text);
    for (size_t i = 0; merges != NULL && i < n; i++) {
        const tj_token *left = &tok->tokens[merges[i].left];
        const tj_token *right = &tok->tokens[merges[i].right];
        tj_buf_add(&list.text, tok->slab + left->text, left->n_text);
        tj_buf_char(&list.text, ' ');
        tj_buf_add(&list.text, tok->slab + right->text, right->n_text);
        end_string(&list);
    }
    tj_code rc = merges == NULL ? no_memory(err) : put_list(&list, w, KEY("merges"), err);
    list_deinit(&list);
    tj_free(merges);
    return rc;
}

/* The inverse of tj_loader_add_score. */
static float score_of_rank(uint32_t rank)
{
    uint32_t rising = ~rank;
    uint32_t bits = (rising >> 31) != 0 ? rising & 0x7fffffffU : ~rising;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

/* A score for each token that merges make, falling in their order. That is the same only where all
 * merges that make one token stand together, as in files that came from scores. */
static tj_code scores_of_merges(const tj_tokenizer *tok, float *scores, tj_err *err)
{
    size_t n;
    tj_merge *merges = tj_tokenizer_merges(tok, &n);
    tj_code rc = merges == NULL ? no_memory(err) : TJ_OK;
    int32_t last = -1;
    float next = 0.0F;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        int32_t made = merges[i].made;
        if (made != last && scores[made] > LOWEST_SCORE) {
            rc = tj_fail(err, TJ_E_INVAL,
                         "the merges are not those of scores, which is all that a GGUF file can "
                         "say: token %d is made by merges that do not stand together",
                         (int)made);
        } else if (made != last) {
            scores[made] = next;
            next -= 1.0F;
        }
        last = made;
    }
    tj_free(merges);
    return rc;
}

static tj_code put_scores(const tj_tokenizer *tok, tj_gguf_writer *w, size_t n, tj_err *err)
{
    float *scores = tj_calloc(n, sizeof *scores);
    tj_code rc = scores == NULL ? no_memory(err) : TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        bool scored = tok->by_score && i < tok->n_vocab && tok->tokens[i].exists;
        scores[i] = scored ? score_of_rank(tok->tokens[i].rank) : LOWEST_SCORE;
    }
    if (rc == TJ_OK && !tok->by_score) {
        rc = scores_of_merges(tok, scores, err);
    }
    if (rc == TJ_OK) {
        tj_gguf_put_f32s(w, KEY("scores"), scores, n);
    }
    tj_free(scores);
    return rc;
}

/* ------------------------------------------------------------ the two models */

static void put_text(tj_gguf_writer *w, const char *key, const char *text)
{
    tj_gguf_put_string(w, key, text, strlen(text));
}

static tj_code put_byte_level(const tj_tokenizer *tok, tj_gguf_writer *w, tj_err *err)
{
    const char *name = tj_pretokenizer_name(tok);
    for (size_t i = 0; i < tok->norm.n_steps; i++) {
        if (tok->norm.steps[i].kind != TJ_NORMAL_NFC) {
            return tj_fail(err, TJ_E_INVAL, "a GGUF file cannot say the tokenizer's normalizer");
        }
    }
    if (name == NULL) {
        return tj_fail(err, TJ_E_INVAL,
                       "the tokenizer's pre-tokenizer is none that GGUF files have a name for "
                       "(" KEY("pre") ")");
    }
    put_text(w, KEY("model"), "gpt2");
    put_text(w, KEY("pre"), name);
    return put_merges(tok, w, err);
}

static bool is_step(const tj_normal_step *step, tj_normal_kind kind, const char *from)
{
    return step->kind == kind && strcmp(step->from, from) == 0 &&
           strcmp(step->to, TJ_SPACE_MARK) == 0;
}

/* Whether texts are prepared as SentencePiece does: marks for spaces, perhaps one more before. */
static bool is_sentencepiece(const tj_tokenizer *tok, bool *add_space)
{
    const tj_normalizer *norm = &tok->norm;
    size_t n = norm->n_steps;
    const tj_split *split = &tok->splits[0]; /* Gemma's, of spaces, of which none are left */
    bool uncut = tok->pre.n_stages == 0 ||
                 (tok->pre.n_stages == 1 && split->literal && split->kind == TJ_SPLIT_MERGED &&
                  strcmp(split->pattern, " ") == 0);
    *add_space = n == 2 && is_step(&norm->steps[0], TJ_NORMAL_PREPEND, "");
    return tok->byte_fallback && tok->spells_spaces && uncut && n == (*add_space ? 2U : 1U) &&
           is_step(&norm->steps[n - 1], TJ_NORMAL_REPLACE, " ");
}

static tj_code put_by_score(const tj_tokenizer *tok, tj_gguf_writer *w, size_t n_tokens,
                            tj_err *err)
{
    bool add_space;
    if (!is_sentencepiece(tok, &add_space)) {
        return tj_fail(err, TJ_E_INVAL,
                       "a GGUF file cannot say this tokenizer: neither byte-level nor BPE with "
                       "byte fallback over SentencePiece's spaces");
    }
    put_text(w, KEY("model"), "llama");
    put_text(w, KEY("pre"), "default");
    tj_gguf_put_bool(w, KEY("add_space_prefix"), add_space);
    return put_scores(tok, w, n_tokens, err);
}

static void put_id(tj_gguf_writer *w, const char *key, int32_t id)
{
    if (id >= 0) {
        tj_gguf_put_u32(w, key, (uint32_t)id);
    }
}

tj_code tj_tokenizer_put_gguf(const tj_tokenizer *tok, tj_gguf_writer *w, size_t n_tokens,
                              tj_err *err)
{
    const tj_tokenizer_extras *x = &tok->extras;
    if (tok->n_vocab > n_tokens) {
        return tj_fail(err, TJ_E_INVAL, "the tokenizer has %zu tokens, the model only %zu",
                       tok->n_vocab, n_tokens);
    }
    tj_code rc =
        tok->byte_level ? put_byte_level(tok, w, err) : put_by_score(tok, w, n_tokens, err);
    if (rc == TJ_OK) {
        rc = put_texts(tok, w, n_tokens, err);
    }
    if (rc == TJ_OK) {
        rc = put_types(tok, w, n_tokens, err);
    }
    put_id(w, KEY("bos_token_id"), x->bos);
    put_id(w, KEY("eos_token_id"), x->eos);
    put_id(w, KEY("unknown_token_id"), x->unk);
    put_id(w, KEY("padding_token_id"), x->pad);
    tj_gguf_put_bool(w, KEY("add_bos_token"), x->add_bos);
    tj_gguf_put_bool(w, KEY("add_eos_token"), x->add_eos);
    if (x->chat_template != NULL) {
        put_text(w, "tokenizer.chat_template", x->chat_template);
    }
    return rc;
}
