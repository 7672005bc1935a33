/* Text to ids: added tokens are cut out first, the rest goes through the pre-tokenizer, and each
 * piece is a token by itself (`ignore_merges`) or is merged from its bytes or characters. */
#include "text/tokenizer.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "text/utf8.h"

/* ------------------------------------------------------------ ids */

void tj_ids_deinit(tj_ids *ids)
{
    tj_free(ids->ids);
    *ids = (tj_ids){.ids = NULL};
}

tj_code tj_ids_add(tj_ids *ids, const int32_t *more, size_t n, tj_err *err)
{
    size_t need;
    if (!tj_add_size(&need, ids->n, n) || !tj_grow(&ids->ids, &ids->cap, need, sizeof *ids->ids)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu more token ids", n);
    }
    if (n > 0) {
        memcpy(ids->ids + ids->n, more, n * sizeof *more);
        ids->n = need;
    }
    return TJ_OK;
}

/* ------------------------------------------------------------ the vocabulary */

uint64_t tj_hash_bytes(const char *bytes, size_t n)
{
    uint64_t h = 0xCBF29CE484222325u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) {
        h = (h ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    }
    return h ^ h >> 32;
}

uint64_t tj_hash_pair(int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 32;
}

int32_t tj_tokenizer_lookup(const tj_tokenizer *tok, const char *text, size_t len)
{
    size_t mask = tok->n_text_slots - 1;
    for (size_t at = (size_t)tj_hash_bytes(text, len) & mask; tok->text_slots[at] >= 0;
         at = (at + 1) & mask) {
        const tj_token *t = &tok->tokens[tok->text_slots[at]];
        if (t->n_text == len && memcmp(tok->slab + t->text, text, len) == 0) {
            return tok->text_slots[at];
        }
    }
    return -1;
}

const tj_merge *tj_tokenizer_merge(const tj_tokenizer *tok, int32_t left, int32_t right)
{
    size_t mask = tok->n_merge_slots - 1;
    for (size_t at = (size_t)tj_hash_pair(left, right) & mask; tok->merge_slots[at].left >= 0;
         at = (at + 1) & mask) {
        const tj_merge *m = &tok->merge_slots[at];
        if (m->left == left && m->right == right) {
            return m;
        }
    }
    return NULL;
}

const char *tj_tokenizer_hash(const tj_tokenizer *tok)
{
    return tok->hash;
}

size_t tj_tokenizer_n_vocab(const tj_tokenizer *tok)
{
    return tok->n_vocab;
}

int32_t tj_tokenizer_find(const tj_tokenizer *tok, const char *text)
{
    size_t len = strlen(text);
    size_t first = (unsigned char)text[0];
    for (size_t i = tok->added_begin[first]; i < tok->added_begin[first + 1]; i++) {
        const tj_token *t = &tok->tokens[tok->added[i].id];
        if (t->n_text == len && memcmp(tok->slab + t->text, text, len) == 0) {
            return tok->added[i].id;
        }
    }
    return tj_tokenizer_lookup(tok, text, len);
}

const char *tj_tokenizer_bytes(const tj_tokenizer *tok, int32_t id, size_t *n_bytes)
{
    *n_bytes = 0;
    if (id < 0 || (size_t)id >= tok->n_vocab || !tok->tokens[id].exists) {
        return "";
    }
    *n_bytes = tok->tokens[id].n_bytes;
    return tok->slab + tok->tokens[id].bytes;
}

bool tj_tokenizer_is_special(const tj_tokenizer *tok, int32_t id)
{
    return id >= 0 && (size_t)id < tok->n_vocab && tok->tokens[id].is_special;
}

void tj_tokenizer_decode(const tj_tokenizer *tok, tj_buf *out, const int32_t *ids, size_t n,
                         bool with_special)
{
    for (size_t i = 0; i < n; i++) {
        if (with_special || !tj_tokenizer_is_special(tok, ids[i])) {
            size_t n_bytes;
            const char *bytes = tj_tokenizer_bytes(tok, ids[i], &n_bytes);
            tj_buf_add(out, bytes, n_bytes);
        }
    }
}

/* ------------------------------------------------------------ encoding */

typedef struct encoder {
    const tj_tokenizer *tok;
    tj_ids *out;
    const char *text; /* the whole, for offsets in messages */
    bool parse_special;
    tj_matcher *matcher;
    tj_bpe bpe;
    tj_buf mapped; /* a piece in the byte-level alphabet */
} encoder;

/* The whole piece as one token, if `ignore_merges` and the vocabulary allow; -1 if not. */
static tj_code find_whole(encoder *e, const char *piece, size_t len, int32_t *id, tj_err *err)
{
    *id = -1;
    if (!e->tok->ignore_merges) {
        return TJ_OK;
    }
    if (!e->tok->byte_level) {
        *id = tj_tokenizer_lookup(e->tok, piece, len);
        return TJ_OK;
    }
    tj_buf_clear(&e->mapped);
    for (size_t i = 0; i < len; i++) {
        char c[2];
        tj_buf_add(&e->mapped, c, tj_utf8_encode2(c, tj_byte_char((unsigned char)piece[i])));
    }
    tj_code rc = tj_buf_check(&e->mapped, err);
    if (rc == TJ_OK) {
        *id = tj_tokenizer_lookup(e->tok, e->mapped.data, e->mapped.len);
    }
    return rc;
}

static tj_code add_bytes(encoder *e, const char *bytes, size_t n, tj_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int32_t id = e->tok->byte_ids[(unsigned char)bytes[i]];
        if (id < 0) {
            return tj_fail(err, TJ_E_INVAL,
                           "vocabulary cannot spell byte 0x%02x at byte %zu of the text",
                           (unsigned char)bytes[i], (size_t)(bytes - e->text) + i);
        }
        tj_code rc = tj_bpe_add(&e->bpe, id, err);
        if (rc != TJ_OK) {
            return rc;
        }
    }
    return TJ_OK;
}

/* Symbols of a piece that is not byte-level: its characters, or their bytes as "<0xNN>". */
static tj_code add_chars(encoder *e, const char *piece, size_t len, tj_err *err)
{
    for (size_t i = 0; i < len;) {
        size_t n = tj_utf8_length((unsigned char)piece[i]);
        int32_t id = tj_tokenizer_lookup(e->tok, piece + i, n);
        tj_code rc;
        if (id >= 0) {
            rc = tj_bpe_add(&e->bpe, id, err);
        } else if (e->tok->byte_fallback) {
            rc = add_bytes(e, piece + i, n, err);
        } else {
            rc = tj_fail(err, TJ_E_INVAL, "vocabulary cannot spell '%.*s' at byte %zu of the text",
                         (int)n, piece + i, (size_t)(piece - e->text) + i);
        }
        if (rc != TJ_OK) {
            return rc;
        }
        i += n;
    }
    return TJ_OK;
}

static tj_code encode_piece(void *ctx, const char *piece, size_t len, tj_err *err)
{
    encoder *e = ctx;
    int32_t whole;
    tj_code rc = find_whole(e, piece, len, &whole, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (whole >= 0) {
        return tj_ids_add(e->out, &whole, 1, err);
    }
    e->bpe.n_symbols = 0;
    rc = e->tok->byte_level ? add_bytes(e, piece, len, err) : add_chars(e, piece, len, err);
    return rc == TJ_OK ? tj_bpe_merge(&e->bpe, e->tok, e->out, err) : rc;
}

/* The first added token of this pass in text[from .. len), the longest where several begin; NULL.
 */
static const tj_added *next_added(const encoder *e, bool normalized, const char *text, size_t from,
                                  size_t len, size_t *begin, size_t *end)
{
    const tj_tokenizer *tok = e->tok;
    for (size_t at = from; at < len; at++) {
        size_t first = (unsigned char)text[at];
        for (size_t i = tok->added_begin[first]; i < tok->added_begin[first + 1]; i++) {
            const tj_added *a = &tok->added[i];
            const tj_token *t = &tok->tokens[a->id];
            bool wanted = a->normalized == normalized && (!a->special || e->parse_special);
            if (wanted && t->n_text <= len - at &&
                memcmp(tok->slab + t->text, text + at, t->n_text) == 0) {
                *begin = at;
                *end = at + t->n_text;
                return a;
            }
        }
    }
    return NULL;
}

/* Cuts out the added tokens that are normalized and encodes what is between them. */
static tj_code encode_plain(encoder *e, const char *text, size_t len, tj_err *err)
{
    size_t from = 0, begin, end;
    const tj_added *a;
    while ((a = next_added(e, true, text, from, len, &begin, &end)) != NULL) {
        tj_code rc = tj_pretokenize(&e->tok->pre, e->matcher, text + from, begin - from,
                                    encode_piece, e, err);
        if (rc == TJ_OK) {
            rc = tj_ids_add(e->out, &a->id, 1, err);
        }
        if (rc != TJ_OK) {
            return rc;
        }
        from = end;
    }
    return tj_pretokenize(&e->tok->pre, e->matcher, text + from, len - from, encode_piece, e, err);
}

/* The same for those that are not, which come first. */
static tj_code encode_text(encoder *e, const char *text, size_t len, tj_err *err)
{
    size_t from = 0, begin, end;
    const tj_added *a;
    while ((a = next_added(e, false, text, from, len, &begin, &end)) != NULL) {
        tj_code rc = encode_plain(e, text + from, begin - from, err);
        if (rc == TJ_OK) {
            rc = tj_ids_add(e->out, &a->id, 1, err);
        }
        if (rc != TJ_OK) {
            return rc;
        }
        from = end;
    }
    return encode_plain(e, text + from, len - from, err);
}

tj_code tj_tokenizer_encode(const tj_tokenizer *tok, tj_ids *out, const char *text, size_t len,
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
    encoder e = {.tok = tok, .out = out, .text = text, .parse_special = parse_special};
    size_t n_before = out->n;
    tj_buf_init(&e.mapped);
    tj_code rc = tj_matcher_create(&e.matcher, err);
    if (rc == TJ_OK) {
        rc = encode_text(&e, text, len, err);
    }
    if (rc != TJ_OK) {
        out->n = n_before;
    }
    tj_matcher_destroy(e.matcher);
    tj_bpe_deinit(&e.bpe);
    tj_buf_deinit(&e.mapped);
    return rc;
}
