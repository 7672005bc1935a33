/* Tables of tokens, merges and added tokens. */
#include <string.h>

#include "base/alloc.h"
#include "text/tokenizer_load.h"
#include "text/utf8.h"

/* ------------------------------------------------------------ the byte-level alphabet */

static bool is_own_char(uint32_t byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
           (byte >= 0xAE && byte <= 0xFF);
}

/* The other 68 bytes, 00..20, 7F..A0 and AD, become U+0100 and up in order. */
uint32_t tj_byte_char(unsigned char byte)
{
    if (is_own_char(byte)) {
        return byte;
    }
    return 256u + (byte <= 0x20 ? byte : byte <= 0xA0 ? byte - 0x7Fu + 33u : 67u);
}

int tj_char_byte(uint32_t c)
{
    if (c < 256) {
        return is_own_char(c) ? (int)c : -1;
    }
    uint32_t i = c - 256;
    return i <= 32 ? (int)i : i <= 66 ? (int)(i - 33 + 0x7F) : i == 67 ? 0xAD : -1;
}

/* ------------------------------------------------------------ tokens */

/* Appends to the slab, zero-terminated; gives where. The tokens' texts and bytes are at most twice
 * TJ_MAX_TOKENIZER_BYTES; normal forms of added tokens could be longer. */
static tj_code store(tj_loader *l, uint32_t *at, const char *bytes, size_t n, tj_err *err)
{
    if (n > UINT32_MAX / 2 - l->slab.len) {
        return tj_fail(err, TJ_E_LIMIT, "%s: tokens take more than 2 GiB", l->name);
    }
    *at = (uint32_t)l->slab.len;
    tj_buf_add(&l->slab, bytes, n);
    tj_buf_char(&l->slab, '\0');
    l->tok->slab = l->slab.data; /* look-ups need it; the loader owns it until the end */
    return tj_buf_check(&l->slab, err);
}

/* The byte NN of "<0xNN>"; -1 for any other text. */
static int byte_of_fallback(const char *text, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";
    if (n != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>' || text[3] == 0 || text[4] == 0) {
        return -1;
    }
    const char *high = strchr(digits, text[3]), *low = strchr(digits, text[4]);
    return high == NULL || low == NULL ? -1 : (int)(high - digits) * 16 + (int)(low - digits);
}

/* In the byte-level alphabet each character is a byte. A token with others in it spells its own
 * text, and BPE cannot make it. */
static tj_code store_byte_level(tj_loader *l, tj_token *t, const char *text, size_t n, tj_err *err)
{
    size_t begin = l->slab.len;
    for (size_t i = 0, n_char; i < n; i += n_char) {
        int byte = tj_char_byte(tj_utf8_decode(text + i, &n_char));
        if (byte < 0) {
            l->slab.len = begin;
            return TJ_OK;
        }
        tj_buf_char(&l->slab, (char)(unsigned char)byte);
    }
    t->bytes = (uint32_t)begin;
    t->n_bytes = (uint32_t)(l->slab.len - begin);
    tj_buf_char(&l->slab, '\0');
    return tj_buf_check(&l->slab, err);
}

/* The text with spaces for their marks. */
static tj_code store_spaces(tj_loader *l, tj_token *t, const char *text, size_t n, tj_err *err)
{
    const size_t n_mark = strlen(TJ_SPACE_MARK);
    size_t begin = l->slab.len;
    for (size_t i = 0; i < n;) {
        bool is_mark = n - i >= n_mark && memcmp(text + i, TJ_SPACE_MARK, n_mark) == 0;
        tj_buf_char(&l->slab, is_mark ? ' ' : text[i]);
        i += is_mark ? n_mark : 1;
    }
    t->bytes = (uint32_t)begin;
    t->n_bytes = (uint32_t)(l->slab.len - begin);
    tj_buf_char(&l->slab, '\0');
    return tj_buf_check(&l->slab, err);
}

/* What a token of the model spells, where that is not its text: its characters' bytes, the byte NN
 * of "<0xNN>", or spaces. */
static tj_code store_bytes(tj_loader *l, int32_t id, const char *text, size_t n, tj_err *err)
{
    tj_token *t = &l->tok->tokens[id];
    tj_code rc = TJ_OK;
    if (l->tok->byte_level) {
        rc = store_byte_level(l, t, text, n, err);
    } else {
        int byte = l->tok->byte_fallback ? byte_of_fallback(text, n) : -1;
        if (byte >= 0) {
            char c = (char)(unsigned char)byte;
            rc = store(l, &t->bytes, &c, 1, err);
            t->n_bytes = 1;
            t->is_byte = true;
            l->tok->byte_ids[byte] = id;
        } else if (l->spells_spaces) {
            rc = store_spaces(l, t, text, n, err);
        }
    }
    l->tok->slab = l->slab.data;
    return rc;
}

static tj_code store_text(tj_loader *l, int32_t id, const char *text, size_t n, tj_err *err)
{
    tj_token *t = &l->tok->tokens[id];
    tj_code rc = store(l, &t->text, text, n, err);
    t->exists = true;
    t->n_text = (uint32_t)n;
    t->bytes = t->text;
    t->n_bytes = t->n_text;
    return rc;
}

tj_code tj_loader_allocate(tj_loader *l, size_t n_vocab, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    tok->n_vocab = n_vocab;
    tok->n_text_slots = 16;
    while (tok->n_text_slots < 2 * tok->n_vocab) {
        tok->n_text_slots *= 2;
    }
    tok->tokens = tj_calloc(tok->n_vocab, sizeof *tok->tokens);
    tok->text_slots = tj_calloc(tok->n_text_slots, sizeof *tok->text_slots);
    if (tok->tokens == NULL || tok->text_slots == NULL) {
        return tj_loader_no_memory(l, err);
    }
    for (size_t i = 0; i < tok->n_text_slots; i++) {
        tok->text_slots[i].id = -1;
    }
    return TJ_OK;
}

tj_code tj_loader_add_token(tj_loader *l, int32_t id, const char *text, size_t n, const char *where,
                            tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    if (tok->tokens[id].exists) {
        return tj_loader_refuse(l, err, "%s: '%.*s' has the id %d of another token", where, (int)n,
                                text, (int)id);
    }
    int32_t same = tj_tokenizer_lookup(tok, text, n);
    if (same >= 0) {
        return tj_loader_refuse(l, err, "%s: tokens %d and %d are both '%.*s'", where, (int)same,
                                (int)id, (int)n, text);
    }
    tj_code rc = store_text(l, id, text, n, err);
    if (rc == TJ_OK) {
        rc = store_bytes(l, id, text, n, err);
    }
    uint64_t hash = tj_hash_bytes(text, n);
    size_t mask = tok->n_text_slots - 1, at = (size_t)hash & mask;
    while (tok->text_slots[at].id >= 0) {
        at = (at + 1) & mask;
    }
    tok->text_slots[at] = (tj_text_slot){.hash = (uint32_t)(hash >> 32), .id = id};
    tok->tokens[id].in_model = true;
    return rc;
}

/* Finds the single symbols of byte-level text, and notes all tokens by id. */
tj_code tj_loader_end_tokens(tj_loader *l, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    for (size_t b = 0; b < 256 && tok->byte_level; b++) {
        char text[2];
        size_t n = tj_utf8_encode2(text, tj_byte_char((unsigned char)b));
        tok->byte_ids[b] = tj_tokenizer_lookup(tok, text, n);
    }
    for (size_t i = 0; i < tok->n_vocab; i++) {
        const tj_token *t = &tok->tokens[i];
        if (t->in_model) {
            tj_loader_note_number(l, i);
            tj_loader_note(l, "token", tok->slab + t->text, t->n_text);
        }
    }
    return tj_buf_check(&l->canonical, err);
}

/* ------------------------------------------------------------ merges and scores */

tj_code tj_loader_begin_merges(tj_loader *l, size_t n, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    tok->n_merge_slots = 16;
    while (tok->n_merge_slots < 2 * n) {
        tok->n_merge_slots *= 2;
    }
    tok->merge_slots = tj_calloc(tok->n_merge_slots, sizeof *tok->merge_slots);
    if (tok->merge_slots == NULL) {
        return tj_loader_no_memory(l, err);
    }
    for (size_t i = 0; i < tok->n_merge_slots; i++) {
        tok->merge_slots[i].left = -1;
    }
    return TJ_OK;
}

/* The last of several merges of one pair counts, as in the reference. */
static void insert_merge(tj_tokenizer *tok, const tj_merge *merge)
{
    size_t mask = tok->n_merge_slots - 1;
    size_t at = (size_t)tj_hash_pair((uint32_t)merge->left, (uint32_t)merge->right) & mask;
    while (tok->merge_slots[at].left >= 0 && (tok->merge_slots[at].left != merge->left ||
                                              tok->merge_slots[at].right != merge->right)) {
        at = (at + 1) & mask;
    }
    tok->merge_slots[at] = *merge;
}

/* Finds the token that a merge makes; it must be there, or there is nothing to merge into. */
static tj_code find_made(tj_loader *l, tj_merge *merge, const char *const texts[2],
                         const size_t lens[2], const char *where, tj_err *err)
{
    char small[256];
    size_t n = lens[0] + lens[1]; /* both lie in one file */
    char *joined = n <= sizeof small ? small : tj_malloc(n);
    if (joined == NULL) {
        return tj_loader_no_memory(l, err);
    }
    memcpy(joined, texts[0], lens[0]);
    memcpy(joined + lens[0], texts[1], lens[1]);
    tj_code rc = TJ_OK;
    merge->made = tj_tokenizer_lookup(l->tok, joined, n);
    if (merge->made < 0) {
        rc = tj_loader_refuse(l, err, "%s[%zu]: '%.*s' is not in the vocabulary", where,
                              (size_t)merge->rank, (int)n, joined);
    }
    if (joined != small) {
        tj_free(joined);
    }
    return rc;
}

tj_code tj_loader_add_merge(tj_loader *l, size_t rank, const char *const texts[2],
                            const size_t lens[2], const char *where, tj_err *err)
{
    int32_t ids[2];
    for (size_t i = 0; i < 2; i++) {
        ids[i] = tj_tokenizer_lookup(l->tok, texts[i], lens[i]);
        if (ids[i] < 0) {
            return tj_loader_refuse(l, err, "%s[%zu]: '%.*s' is not in the vocabulary", where, rank,
                                    (int)lens[i], texts[i]);
        }
        l->merges_bytes = l->merges_bytes || l->tok->tokens[ids[i]].is_byte;
    }
    tj_merge merge = {.left = ids[0], .right = ids[1], .rank = (uint32_t)rank};
    tj_code rc = find_made(l, &merge, texts, lens, where, err);
    if (rc == TJ_OK) {
        insert_merge(l->tok, &merge);
        tj_buf_str(&l->canonical, "merge ");
        tj_loader_note_number(l, (size_t)merge.left);
        tj_loader_note_number(l, (size_t)merge.right);
        rc = tj_buf_check(&l->canonical, err);
    }
    if (rc == TJ_OK) {
        l->canonical.data[l->canonical.len - 1] = '\n'; /* in place of the last space */
    }
    return rc;
}

/* IEEE floats of one sign are in the order of their bits; those below zero in the reverse. */
void tj_loader_add_score(tj_loader *l, int32_t id, float score)
{
    uint32_t bits;
    score += 0.0f; /* of two zeros makes one */
    memcpy(&bits, &score, sizeof bits);
    uint32_t rising = (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
    l->tok->tokens[id].rank = ~rising;
    tj_loader_note_number(l, ~rising);
}

/* ------------------------------------------------------------ added tokens */

tj_code tj_loader_begin_added(tj_loader *l, size_t n, tj_err *err)
{
    l->tok->added = tj_calloc(n, sizeof *l->tok->added);
    return l->tok->added == NULL ? tj_loader_no_memory(l, err) : TJ_OK;
}

/* What is looked for: the text, or its normal form. */
static tj_code store_wanted(tj_loader *l, tj_added *a, const char *text, size_t n, tj_err *err)
{
    const tj_token *t = &l->tok->tokens[a->id];
    a->text = t->text;
    a->n_text = t->n_text;
    if (!a->normalized || l->tok->norm.n_steps == 0) {
        return TJ_OK;
    }
    tj_buf bufs[2];
    tj_buf_init(&bufs[0]);
    tj_buf_init(&bufs[1]);
    const char *normal;
    size_t n_normal = n;
    tj_code rc = tj_normalize(&l->tok->norm, bufs, &normal, &n_normal, text, n, err);
    if (rc == TJ_OK && n_normal == 0) {
        rc = tj_loader_refuse(l, err, "added token %d is empty when normalized", (int)a->id);
    }
    if (rc == TJ_OK && normal != text) {
        a->n_text = (uint32_t)n_normal;
        rc = store(l, &a->text, normal, n_normal, err);
    }
    tj_buf_deinit(&bufs[0]);
    tj_buf_deinit(&bufs[1]);
    return rc;
}

tj_code tj_loader_add_added(tj_loader *l, int32_t id, const char *text, size_t n, bool special,
                            bool normalized, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    tj_token *t = &tok->tokens[id];
    tj_added *a = &tok->added[tok->n_added];
    int32_t same = tj_tokenizer_lookup(tok, text, n);
    if ((same >= 0 && same != id) || (t->exists && same != id)) {
        return tj_loader_refuse(l, err, "added token '%.*s' has the id %d of another token", (int)n,
                                text, (int)id);
    }
    tj_code rc = same < 0 ? store_text(l, id, text, n, err) : TJ_OK;
    t->bytes = t->text; /* an added token spells its text, in byte-level vocabularies too */
    t->n_bytes = t->n_text;
    if (rc == TJ_OK && l->spells_spaces) {
        rc = store_spaces(l, t, text, n, err);
        tok->slab = l->slab.data;
    }
    t->is_special = special;
    *a = (tj_added){.id = id, .special = special, .normalized = normalized};
    if (rc == TJ_OK) {
        rc = store_wanted(l, a, text, n, err);
    }
    if (rc == TJ_OK) {
        tok->n_added++;
        tok->n_of_kind[normalized][special]++;
        tj_loader_note_number(l, (size_t)id);
        tj_buf_printf(&l->canonical, "%d%d ", special, normalized);
        tj_loader_note(l, "added", text, n);
    }
    return rc;
}

/* By text, what is a beginning of another first. */
static bool added_before(const tj_tokenizer *tok, const tj_added *a, const tj_added *b)
{
    size_t n = a->n_text < b->n_text ? a->n_text : b->n_text;
    int order = memcmp(tok->slab + a->text, tok->slab + b->text, n);
    return order != 0 ? order < 0 : a->n_text != b->n_text ? a->n_text < b->n_text : a->id < b->id;
}

/* Heap sort: qsort has no context, and there is no mutable global to put one in. */
static void sift_down(const tj_tokenizer *tok, size_t at, size_t n)
{
    tj_added *list = tok->added, moved = list[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && added_before(tok, &list[child], &list[child + 1])) {
            child++;
        }
        if (!added_before(tok, &moved, &list[child])) {
            break;
        }
        list[at] = list[child];
    }
    list[at] = moved;
}

static void sort_added(tj_tokenizer *tok)
{
    for (size_t i = tok->n_added / 2; i-- > 0;) {
        sift_down(tok, i, tok->n_added);
    }
    for (size_t n = tok->n_added; n-- > 1;) {
        tj_added last = tok->added[n];
        tok->added[n] = tok->added[0];
        tok->added[0] = last;
        sift_down(tok, 0, n);
    }
    size_t i = 0;
    for (size_t b = 0; b < 256; b++) {
        tok->added_begin[b] = i;
        while (i < tok->n_added && (unsigned char)tok->slab[tok->added[i].text] == b) {
            i++;
        }
    }
    tok->added_begin[256] = i;
}

tj_code tj_loader_end_added(tj_loader *l, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    sort_added(tok);
    for (size_t i = 1; i < tok->n_added; i++) {
        if (tok->added[i].id == tok->added[i - 1].id) {
            return tj_loader_refuse(l, err, "added token %d is listed twice",
                                    (int)tok->added[i].id);
        }
    }
    return TJ_OK;
}
