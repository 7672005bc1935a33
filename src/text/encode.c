/* Text to ids:
 *
 *     text ─ added tokens that are not normalized are cut out
 *       └▶ normalized ─ those that are, are cut out
 *            └▶ pre-tokenizer ─▶ pieces, in parts that merge by themselves
 *                 └▶ part: met before, a token (`ignore_merges`), or merged from its bytes or
 *                    characters
 *
 * Text repeats its words, so an encoder remembers the ids of short parts by their bytes, each in
 * the one place that its hash says, where it replaces what was there. */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

#define N_MEMORIES ((size_t)1 << 15) /* 2 MiB: about what a core's second cache holds */

/* A part of a text and its ids, in one line of cache. */
typedef struct memory {
    unsigned char n_bytes, n_ids; /* n_bytes 0: none */
    char bytes[30];
    int32_t ids[8];
} memory;
_Static_assert(sizeof(memory) == 64, "one line of cache");

struct tj_encoder {
    const tj_tokenizer *tok;
    tj_matcher *matcher; /* made when a pattern first needs it */
    tj_bpe bpe;
    tj_buf mapped;    /* a piece in the byte-level alphabet */
    tj_buf normal[2]; /* for tj_normalize */
    memory *memories; /* [N_MEMORIES], or NULL */
    /* of the call: */
    tj_ids *out;
    const char *text; /* the whole, for offsets in messages; NULL in a normalized text */
    bool parse_special;
};

/* ------------------------------------------------------------ parts */

static tj_code cannot_spell(const tj_encoder *e, const char *at, size_t n, tj_err *err)
{
    char where[64] = "the normalized text";
    if (e->text != NULL) {
        snprintf(where, sizeof where, "byte %zu of the text", (size_t)(at - e->text));
    }
    if (e->tok->byte_level || e->tok->byte_fallback) {
        return tj_fail(err, TJ_E_INVAL, "vocabulary cannot spell byte 0x%02x at %s",
                       (unsigned char)*at, where);
    }
    return tj_fail(err, TJ_E_INVAL, "vocabulary cannot spell '%.*s' at %s", (int)n, at, where);
}

static tj_code add_bytes(tj_encoder *e, const char *bytes, size_t n, tj_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int32_t id = e->tok->byte_ids[(unsigned char)bytes[i]];
        tj_code rc = id < 0 ? cannot_spell(e, bytes + i, 1, err) : tj_bpe_add(&e->bpe, id, 1, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* Symbols of a part that is not byte-level: its characters. One that is no token becomes its bytes
 * as "<0xNN>" here, but by scores only at the end, since its join with others may be a token. */
static tj_code add_chars(tj_encoder *e, const char *part, size_t len, tj_err *err)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = tj_utf8_length((unsigned char)part[i]);
        int32_t id = tj_tokenizer_lookup(e->tok, part + i, n);
        bool is_text = id >= 0 && !e->tok->tokens[id].is_special;
        tj_code rc;
        if (is_text || e->tok->by_score) {
            rc = tj_bpe_add(&e->bpe, is_text ? id : -1, n, err);
        } else if (e->tok->byte_fallback) {
            rc = add_bytes(e, part + i, n, err);
        } else {
            rc = cannot_spell(e, part + i, n, err);
        }
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* By scores: what is no token is spelled in bytes, or is unknown. */
static tj_code give_unknown(tj_encoder *e, const char *bytes, size_t n, tj_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int32_t id = e->tok->byte_ids[(unsigned char)bytes[i]];
        if (id < 0 && e->tok->unk >= 0) {
            return tj_ids_add(e->out, &e->tok->unk, 1, err);
        }
        tj_code rc =
            id < 0 ? cannot_spell(e, bytes + i, n - i, err) : tj_ids_add(e->out, &id, 1, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* The whole part, which is then a piece, as one token, if `ignore_merges` and the vocabulary allow;
 * -1 if not. */
static tj_code find_whole(tj_encoder *e, const char *part, size_t len, int32_t *id, tj_err *err)
{
    *id = -1;
    if (!e->tok->ignore_merges) {
        return TJ_OK;
    }
    if (!e->tok->byte_level) {
        *id = tj_tokenizer_lookup(e->tok, part, len);
    } else {
        tj_buf_clear(&e->mapped);
        for (size_t i = 0; i < len; i++) {
            char c[2];
            tj_buf_add(&e->mapped, c, tj_utf8_encode2(c, tj_byte_char((unsigned char)part[i])));
        }
        tj_code rc = tj_buf_check(&e->mapped, err);
        if (rc != TJ_OK) {
            return rc;
        }
        *id = tj_tokenizer_lookup(e->tok, e->mapped.data, e->mapped.len);
    }
    if (*id >= 0 && e->tok->tokens[*id].is_special) {
        *id = -1; /* its text is ordinary text here */
    }
    return TJ_OK;
}

static tj_code merge_part(tj_encoder *e, const char *part, size_t len, tj_err *err)
{
    int32_t whole;
    tj_code rc = find_whole(e, part, len, &whole, err);
    if (rc == TJ_OK && whole >= 0) {
        return tj_ids_add(e->out, &whole, 1, err);
    }
    e->bpe.n_symbols = 0;
    if (rc == TJ_OK) {
        rc = e->tok->byte_level ? add_bytes(e, part, len, err) : add_chars(e, part, len, err);
    }
    if (rc == TJ_OK) {
        rc = tj_bpe_merge(&e->bpe, e->tok, part, err);
    }
    for (uint32_t i = 0; rc == TJ_OK && i != TJ_BPE_NONE; i = e->bpe.symbols[i].next) {
        const tj_bpe_symbol *s = &e->bpe.symbols[i]; /* symbol 0 is never merged away */
        rc = s->id >= 0 ? tj_ids_add(e->out, &s->id, 1, err)
                        : give_unknown(e, part + s->at, s->n, err);
    }
    return rc;
}

static void remember(memory *m, const char *part, size_t len, const int32_t *ids, size_t n)
{
    if (n <= sizeof m->ids / sizeof m->ids[0]) {
        m->n_bytes = (unsigned char)len;
        m->n_ids = (unsigned char)n;
        memcpy(m->bytes, part, len);
        memcpy(m->ids, ids, n * sizeof *ids);
    }
}

static tj_code encode_part(tj_encoder *e, const char *part, size_t len, tj_err *err)
{
    if (e->memories == NULL || len > sizeof e->memories->bytes) {
        return merge_part(e, part, len, err);
    }
    memory *m = &e->memories[(size_t)tj_hash_bytes(part, len) & (N_MEMORIES - 1)];
    if (m->n_bytes == len && memcmp(m->bytes, part, len) == 0) {
        return tj_ids_add(e->out, m->ids, m->n_ids, err);
    }
    size_t n_before = e->out->n;
    tj_code rc = merge_part(e, part, len, err);
    if (rc == TJ_OK) {
        remember(m, part, len, e->out->ids + n_before, e->out->n - n_before);
    }
    return rc;
}

static tj_code encode_piece(void *ctx, const char *piece, size_t len, tj_err *err)
{
    tj_encoder *e = ctx;
    tj_code rc = TJ_OK;
    for (size_t at = 0, end; at < len && rc == TJ_OK; at = end) {
        end = tj_joints_next(e->tok, piece, len, at);
        rc = encode_part(e, piece + at, end - at, err);
    }
    return rc;
}

/* ------------------------------------------------------------ added tokens */

/* The first added token of this pass in text[from .. len), and where; NULL if there is none. */
static const tj_added *next_added(const tj_encoder *e, bool normalized, const char *text,
                                  size_t from, size_t len, size_t *begin)
{
    const tj_tokenizer *tok = e->tok;
    size_t n_wanted = tok->n_of_kind[normalized][false] +
                      (e->parse_special ? tok->n_of_kind[normalized][true] : 0);
    for (size_t at = from; at < len && n_wanted > 0; at++) {
        size_t first = (unsigned char)text[at];
        if (tok->added_begin[first] == tok->added_begin[first + 1]) {
            continue;
        }
        const tj_added *a = tj_tokenizer_added_at(tok, normalized, e->parse_special, text, at, len);
        if (a != NULL) {
            *begin = at;
            return a;
        }
    }
    return NULL;
}

typedef tj_code (*between_fn)(tj_encoder *e, const char *text, size_t len, tj_err *err);

/* Cuts out the added tokens of one pass and hands on what is between them. */
static tj_code cut_added(tj_encoder *e, bool normalized, between_fn between, const char *text,
                         size_t len, tj_err *err)
{
    size_t from = 0, begin;
    const tj_added *a;
    while ((a = next_added(e, normalized, text, from, len, &begin)) != NULL) {
        tj_code rc = begin > from ? between(e, text + from, begin - from, err) : TJ_OK;
        if (rc == TJ_OK) {
            rc = tj_ids_add(e->out, &a->id, 1, err);
        }
        if (rc != TJ_OK) {
            return rc;
        }
        from = begin + a->n_text;
    }
    return from < len ? between(e, text + from, len - from, err) : TJ_OK;
}

static tj_code encode_pieces(tj_encoder *e, const char *text, size_t len, tj_err *err)
{
    return tj_pretokenize(&e->tok->pre, &e->matcher, text, len, encode_piece, e, err);
}

static tj_code encode_fragment(tj_encoder *e, const char *text, size_t len, tj_err *err)
{
    const char *normal, *whole = e->text;
    size_t n_normal;
    tj_code rc = tj_normalize(&e->tok->norm, e->normal, &normal, &n_normal, text, len, err);
    if (rc == TJ_OK) {
        e->text = normal == text ? whole : NULL;
        rc = cut_added(e, true, encode_pieces, normal, n_normal, err);
        e->text = whole;
    }
    return rc;
}

/* ------------------------------------------------------------ the whole */

/* NULL when memory is exhausted. */
static tj_encoder *create(const tj_tokenizer *tok, bool remembers)
{
    tj_encoder *e = tj_calloc(1, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    e->tok = tok;
    e->memories = remembers ? tj_aligned_array(N_MEMORIES, sizeof *e->memories) : NULL;
    if (remembers && e->memories == NULL) {
        tj_free(e);
        return NULL;
    }
    return e;
}

tj_code tj_encoder_create(tj_encoder **out, const tj_tokenizer *tok, tj_err *err)
{
    *out = create(tok, true);
    return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot allocate an encoder") : TJ_OK;
}

void tj_encoder_destroy(tj_encoder *encoder)
{
    if (encoder != NULL) {
        tj_matcher_destroy(encoder->matcher);
        tj_bpe_deinit(&encoder->bpe);
        tj_buf_deinit(&encoder->mapped);
        tj_buf_deinit(&encoder->normal[0]);
        tj_buf_deinit(&encoder->normal[1]);
        tj_free(encoder->memories);
        tj_free(encoder);
    }
}

const tj_tokenizer *tj_encoder_tokenizer(const tj_encoder *encoder)
{
    return encoder->tok;
}

tj_code tj_encoder_encode(tj_encoder *e, tj_ids *out, const char *text, size_t len,
                          bool parse_special, tj_err *err)
{
    if (len > TJ_MAX_ENCODE_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "text has %zu bytes, at most %zu can be encoded", len,
                       TJ_MAX_ENCODE_BYTES);
    }
    size_t wrong = tj_utf8_check(text, len);
    if (wrong < len) {
        return tj_fail(err, TJ_E_PARSE, "text is not UTF-8 at byte %zu (0x%02x)", wrong,
                       (unsigned char)text[wrong]);
    }
    if (len == 0) { /* text may be NULL */
        return TJ_OK;
    }
    size_t n_before = out->n;
    e->out = out;
    e->text = text;
    e->parse_special = parse_special;
    tj_code rc = cut_added(e, false, encode_fragment, text, len, err);
    if (rc != TJ_OK) {
        out->n = n_before;
    }
    e->out = NULL;
    e->text = NULL;
    return rc;
}

tj_code tj_tokenizer_encode(const tj_tokenizer *tok, tj_ids *out, const char *text, size_t len,
                            bool parse_special, tj_err *err)
{
    tj_encoder *e = create(tok, false);
    if (e == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate an encoder");
    }
    tj_code rc = tj_encoder_encode(e, out, text, len, parse_special, err);
    tj_encoder_destroy(e);
    return rc;
}
