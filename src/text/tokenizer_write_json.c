/* A tokenizer as tokenizer.json and tokenizer_config.json. Written by hand: a tree of a quarter of
 * a million tokens would take longer than all the rest. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "text/tokenizer.h"

static void put_text(tj_buf *out, const char *text, size_t n)
{
    tj_buf_json(out, text, n);
}

static void put_token(tj_buf *out, const tj_tokenizer *tok, int32_t id)
{
    put_text(out, tok->slab + tok->tokens[id].text, tok->tokens[id].n_text);
}

static const char *flag(bool value)
{
    return value ? "true" : "false";
}

static bool is_token(const tj_tokenizer *tok, int32_t id)
{
    return id >= 0 && (size_t)id < tok->n_vocab && tok->tokens[id].exists;
}

/* ------------------------------------------------------------ added tokens */

static int by_id(const void *a, const void *b)
{
    int32_t x = ((const tj_added *)a)->id;
    int32_t y = ((const tj_added *)b)->id;
    return x < y ? -1 : x > y;
}

static void put_added(tj_buf *out, const tj_tokenizer *tok)
{
    tj_added *added = tj_calloc(tok->n_added, sizeof *added);
    if (added == NULL) {
        out->failed = true;
        return;
    }
    if (tok->n_added > 0) {
        memcpy(added, tok->added, tok->n_added * sizeof *added);
        qsort(added, tok->n_added, sizeof *added, by_id);
    }
    for (size_t i = 0; i < tok->n_added; i++) {
        tj_buf_printf(out, "%s\n    {\"id\": %d, \"content\": ", i == 0 ? "" : ",",
                      (int)added[i].id);
        put_token(out, tok, added[i].id);
        tj_buf_printf(out,
                      ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                      "\"normalized\": %s, \"special\": %s}",
                      flag(added[i].normalized), flag(added[i].special));
    }
    tj_free(added);
}

/* ------------------------------------------------------------ before and after the model */

static void put_normalizer(tj_buf *out, const tj_normalizer *norm)
{
    tj_buf_str(out, norm->n_steps == 0 ? "null" : "{\"type\": \"Sequence\", \"normalizers\": [");
    for (size_t i = 0; i < norm->n_steps; i++) {
        const tj_normal_step *s = &norm->steps[i];
        tj_buf_str(out, i == 0 ? "" : ", ");
        if (s->kind == TJ_NORMAL_NFC) {
            tj_buf_str(out, "{\"type\": \"NFC\"");
        } else if (s->kind == TJ_NORMAL_PREPEND) {
            tj_buf_str(out, "{\"type\": \"Prepend\", \"prepend\": ");
            put_text(out, s->to, s->n_to);
        } else {
            tj_buf_str(out, "{\"type\": \"Replace\", \"pattern\": {\"String\": ");
            put_text(out, s->from, s->n_from);
            tj_buf_str(out, "}, \"content\": ");
            put_text(out, s->to, s->n_to);
        }
        tj_buf_char(out, '}');
    }
    tj_buf_str(out, norm->n_steps == 0 ? "" : "]}");
}

static void put_split(tj_buf *out, const tj_split *split)
{
    static const char *const behaviors[] = {[TJ_SPLIT_ISOLATED] = "Isolated",
                                            [TJ_SPLIT_REMOVED] = "Removed",
                                            [TJ_SPLIT_INVERTED] = "Removed",
                                            [TJ_SPLIT_MERGED] = "MergedWithPrevious"};
    tj_buf_printf(
        out, "{\"type\": \"Split\", \"pattern\": {\"%s\": ", split->literal ? "String" : "Regex");
    put_text(out, split->pattern, split->len);
    tj_buf_printf(out, "}, \"behavior\": \"%s\", \"invert\": %s}", behaviors[split->kind],
                  flag(split->kind == TJ_SPLIT_INVERTED));
}

static void put_pretokenizer(tj_buf *out, const tj_tokenizer *tok)
{
    if (tok->pre.n_stages == 0 && !tok->byte_level) {
        tj_buf_str(out, "null");
        return;
    }
    tj_buf_str(out, "{\"type\": \"Sequence\", \"pretokenizers\": [");
    for (size_t i = 0; i < tok->pre.n_stages; i++) {
        tj_buf_str(out, i == 0 ? "" : ", ");
        put_split(out, &tok->splits[i]);
    }
    if (tok->byte_level) { /* the patterns stand before it */
        tj_buf_str(out, tok->pre.n_stages == 0 ? "" : ", ");
        tj_buf_str(out, "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": "
                        "true, \"use_regex\": false}");
    }
    tj_buf_str(out, "]}");
}

static void put_special(tj_buf *out, const tj_tokenizer *tok, int32_t id)
{
    tj_buf_str(out, "{\"SpecialToken\": {\"id\": ");
    put_token(out, tok, id);
    tj_buf_str(out, ", \"type_id\": 0}}");
}

/* [bos] text [eos], for one text and, alike, for two. */
static void put_template(tj_buf *out, const tj_tokenizer *tok, bool bos, bool eos, size_t n_texts)
{
    const char *joint = "";
    tj_buf_char(out, '[');
    for (size_t i = 0; i < n_texts; i++) {
        if (bos) {
            tj_buf_str(out, joint);
            put_special(out, tok, tok->extras.bos);
            joint = ", ";
        }
        tj_buf_printf(out, "%s{\"Sequence\": {\"id\": \"%c\", \"type_id\": 0}}", joint,
                      (char)('A' + i));
        joint = ", ";
        if (eos) {
            tj_buf_str(out, joint);
            put_special(out, tok, tok->extras.eos);
        }
    }
    tj_buf_char(out, ']');
}

static void put_template_token(tj_buf *out, const tj_tokenizer *tok, int32_t id, const char *joint)
{
    tj_buf_str(out, joint);
    put_token(out, tok, id);
    tj_buf_str(out, ": {\"id\": ");
    put_token(out, tok, id);
    tj_buf_printf(out, ", \"ids\": [%d], \"tokens\": [", (int)id);
    put_token(out, tok, id);
    tj_buf_str(out, "]}");
}

static void put_post_processor(tj_buf *out, const tj_tokenizer *tok)
{
    const tj_tokenizer_extras *x = &tok->extras;
    bool bos = x->add_bos && is_token(tok, x->bos);
    bool eos = x->add_eos && is_token(tok, x->eos);
    if (!bos && !eos) {
        tj_buf_str(out, "null");
        return;
    }
    tj_buf_str(out, "{\"type\": \"TemplateProcessing\", \"single\": ");
    put_template(out, tok, bos, eos, 1);
    tj_buf_str(out, ", \"pair\": ");
    put_template(out, tok, bos, eos, 2);
    tj_buf_str(out, ", \"special_tokens\": {");
    if (bos) {
        put_template_token(out, tok, x->bos, "");
    }
    if (eos && (!bos || x->eos != x->bos)) {
        put_template_token(out, tok, x->eos, bos ? ", " : "");
    }
    tj_buf_str(out, "}}");
}

static void put_decoder(tj_buf *out, const tj_tokenizer *tok)
{
    if (tok->byte_level) {
        tj_buf_str(out, "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": "
                        "true, \"use_regex\": false}");
        return;
    }
    tj_buf_str(out, "{\"type\": \"Sequence\", \"decoders\": [");
    if (tok->spells_spaces) {
        tj_buf_str(out, "{\"type\": \"Replace\", \"pattern\": {\"String\": \"" TJ_SPACE_MARK
                        "\"}, \"content\": \" \"}, ");
    }
    if (tok->byte_fallback) {
        tj_buf_str(out, "{\"type\": \"ByteFallback\"}, ");
    }
    tj_buf_str(out, "{\"type\": \"Fuse\"}");
    if (tok->drops_space) {
        tj_buf_str(out, ", {\"type\": \"Strip\", \"content\": \" \", \"start\": 1, \"stop\": 0}");
    }
    tj_buf_str(out, "]}");
}

/* ------------------------------------------------------------ the model */

static void put_vocab(tj_buf *out, const tj_tokenizer *tok)
{
    const char *joint = "";
    for (size_t i = 0; i < tok->n_vocab; i++) {
        if (tok->tokens[i].in_model) {
            tj_buf_printf(out, "%s\n      ", joint);
            put_token(out, tok, (int32_t)i);
            tj_buf_printf(out, ": %zu", i);
            joint = ",";
        }
    }
}

/* The separator before a merge; *first is false after it. */
static void put_merge(tj_buf *out, bool *first, const char *left, size_t n_left, const char *right,
                      size_t n_right)
{
    tj_buf_str(out, *first ? "\n      [" : ",\n      [");
    put_text(out, left, n_left);
    tj_buf_str(out, ", ");
    put_text(out, right, n_right);
    tj_buf_char(out, ']');
    *first = false;
}

static void put_merges(tj_buf *out, const tj_tokenizer *tok)
{
    size_t n;
    bool first = true;
    tj_merge *merges = tj_tokenizer_merges(tok, &n);
    out->failed = out->failed || merges == NULL;
    for (size_t i = 0; merges != NULL && i < n; i++) {
        const tj_token *left = &tok->tokens[merges[i].left];
        const tj_token *right = &tok->tokens[merges[i].right];
        put_merge(out, &first, tok->slab + left->text, left->n_text, tok->slab + right->text,
                  right->n_text);
    }
    tj_free(merges);
}

typedef struct piece {
    uint32_t rank;
    int32_t id;
} piece;

static int by_rank(const void *a, const void *b)
{
    const piece *x = a;
    const piece *y = b;
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Whether a token is joined from others: special ones and bytes are not. */
static bool is_joined(const tj_tokenizer *tok, int32_t id)
{
    return is_token(tok, id) && tok->tokens[id].in_model && !tok->tokens[id].is_special &&
           !tok->tokens[id].is_byte;
}

/* All ways to make a token of two, the longest left side first. */
static void put_ways(tj_buf *out, bool *first, const tj_tokenizer *tok, int32_t id)
{
    const char *text = tok->slab + tok->tokens[id].text;
    size_t n = tok->tokens[id].n_text;
    for (size_t at = n; at-- > 1;) {
        bool inside = ((unsigned char)text[at] & 0xC0U) == 0x80U; /* of a character */
        if (!inside && is_joined(tok, tj_tokenizer_lookup(tok, text, at)) &&
            is_joined(tok, tj_tokenizer_lookup(tok, text + at, n - at))) {
            put_merge(out, first, text, at, text + at, n - at);
        }
    }
}

static void put_merges_of_scores(tj_buf *out, const tj_tokenizer *tok)
{
    size_t n = 0;
    bool first = true;
    piece *pieces = tj_calloc(tok->n_vocab, sizeof *pieces);
    out->failed = out->failed || pieces == NULL;
    for (size_t i = 0; pieces != NULL && i < tok->n_vocab; i++) {
        if (is_joined(tok, (int32_t)i)) {
            pieces[n++] = (piece){.rank = tok->tokens[i].rank, .id = (int32_t)i};
        }
    }
    if (n > 0) {
        qsort(pieces, n, sizeof *pieces, by_rank);
    }
    for (size_t i = 0; i < n; i++) {
        put_ways(out, &first, tok, pieces[i].id);
    }
    tj_free(pieces);
}

static void put_model(tj_buf *out, const tj_tokenizer *tok)
{
    int32_t unk = tok->byte_level ? -1 : tok->extras.unk;
    tj_buf_str(out, "{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ");
    if (is_token(tok, unk) && tok->tokens[unk].in_model) {
        put_token(out, tok, unk);
    } else {
        tj_buf_str(out, "null");
    }
    tj_buf_printf(out,
                  ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n"
                  "    \"fuse_unk\": %s,\n    \"byte_fallback\": %s,\n    \"ignore_merges\": %s,\n"
                  "    \"vocab\": {",
                  flag(tok->byte_fallback), flag(tok->byte_fallback), flag(tok->ignore_merges));
    put_vocab(out, tok);
    tj_buf_str(out, "\n    },\n    \"merges\": [");
    if (tok->by_score) {
        put_merges_of_scores(out, tok);
    } else {
        put_merges(out, tok);
    }
    tj_buf_str(out, "\n    ]\n  }");
}

tj_code tj_tokenizer_to_json(const tj_tokenizer *tok, tj_buf *out, tj_err *err)
{
    tj_buf_str(out, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n"
                    "  \"added_tokens\": [");
    put_added(out, tok);
    tj_buf_str(out, "\n  ],\n  \"normalizer\": ");
    put_normalizer(out, &tok->norm);
    tj_buf_str(out, ",\n  \"pre_tokenizer\": ");
    put_pretokenizer(out, tok);
    tj_buf_str(out, ",\n  \"post_processor\": ");
    put_post_processor(out, tok);
    tj_buf_str(out, ",\n  \"decoder\": ");
    put_decoder(out, tok);
    tj_buf_str(out, ",\n  \"model\": ");
    put_model(out, tok);
    tj_buf_str(out, "\n}\n");
    return tj_buf_check(out, err);
}

/* ------------------------------------------------------------ tokenizer_config.json */

static void put_named_token(tj_buf *out, const tj_tokenizer *tok, const char *name, int32_t id)
{
    if (is_token(tok, id)) {
        tj_buf_printf(out, "  \"%s\": ", name);
        put_token(out, tok, id);
        tj_buf_str(out, ",\n");
    }
}

tj_code tj_tokenizer_config_to_json(const tj_tokenizer *tok, tj_buf *out, tj_err *err)
{
    const tj_tokenizer_extras *x = &tok->extras;
    tj_buf_str(out, "{\n");
    put_named_token(out, tok, "bos_token", x->bos);
    put_named_token(out, tok, "eos_token", x->eos);
    put_named_token(out, tok, "unk_token", x->unk);
    put_named_token(out, tok, "pad_token", x->pad);
    if (x->chat_template != NULL) {
        tj_buf_str(out, "  \"chat_template\": ");
        put_text(out, x->chat_template, strlen(x->chat_template));
        tj_buf_str(out, ",\n");
    }
    tj_buf_str(out, "  \"clean_up_tokenization_spaces\": false,\n"
                    "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n");
    return tj_buf_check(out, err);
}
