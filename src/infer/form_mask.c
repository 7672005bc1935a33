/* See form_mask.h. The walk over the sorted tokens keeps the state after each byte of the last one:
 * the next begins where it stops sharing bytes with it. */
#include "infer/form_mask.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define MAX_MASK_BYTES ((size_t)64 << 20) /* of a vocabulary of 262144 tokens: 2048 masks */

typedef struct entry {
    const unsigned char *bytes; /* [n]; the tokenizer's */
    int32_t id;
    uint16_t n;
    uint16_t shared; /* first bytes, as in the entry before it in the list */
} entry;

struct tj_form_vocab {
    size_t n_vocab;
    entry *all; /* [n_all] by bytes */
    size_t n_all;
    entry *rest; /* [n_rest] those of them that are not plain */
    size_t n_rest;
    uint64_t *plain;   /* [n_words]: whole characters that a string may have anywhere */
    uint16_t *n_chars; /* [n_vocab] of plain ones */
    size_t longest;    /* bytes of a token */
};

static size_t n_words(const tj_form_vocab *v)
{
    return (v->n_vocab + 63) / 64;
}

static void set_bit(uint64_t *bits, int32_t id)
{
    bits[(size_t)id / 64] |= (uint64_t)1 << ((size_t)id % 64);
}

/* ------------------------------------------------------------ the vocabulary */

static int compare(const entry *a, const entry *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    int order = memcmp(a->bytes, b->bytes, n);
    if (order == 0) {
        order = (a->n > b->n) - (a->n < b->n);
    }
    return order != 0 ? order : (a->id > b->id) - (a->id < b->id);
}

/* Heap sort: no recursion, nothing allocated, and no order but that of the entries. */
static void sift(entry *list, size_t i, size_t n)
{
    entry one = list[i];
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        child += child + 1 < n && compare(&list[child + 1], &list[child]) > 0 ? 1 : 0;
        if (compare(&list[child], &one) <= 0) {
            break;
        }
        list[i] = list[child];
        i = child;
    }
    list[i] = one;
}

static void sort(entry *list, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) {
        sift(list, i, n);
    }
    for (size_t end = n; end-- > 1;) {
        entry last = list[end];
        list[end] = list[0];
        list[0] = last;
        sift(list, 0, end);
    }
}

static void note_shared(entry *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        size_t most = list[i - 1].n < list[i].n ? list[i - 1].n : list[i].n;
        size_t k = 0;
        while (k < most && list[i - 1].bytes[k] == list[i].bytes[k]) {
            k++;
        }
        list[i].shared = (uint16_t)k;
    }
}

/* The characters of a plain token; 0 if it is none. */
static size_t count_plain(const entry *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (e->bytes[i] < 0x20 || e->bytes[i] == '"' || e->bytes[i] == '\\') {
            return 0;
        }
        n += (e->bytes[i] & 0xC0) != 0x80 ? 1 : 0;
    }
    return tj_utf8_check((const char *)e->bytes, e->n) == e->n ? n : 0;
}

static void collect(tj_form_vocab *v, const tj_tokenizer *tok)
{
    for (size_t i = 0; i < tj_tokenizer_n_vocab(tok); i++) {
        size_t n = 0;
        const char *bytes = tj_tokenizer_bytes(tok, (int32_t)i, &n);
        if (n == 0 || n > TJ_FORM_MAX_TOKEN_BYTES || tj_tokenizer_is_special(tok, (int32_t)i)) {
            continue;
        }
        v->longest = n > v->longest ? n : v->longest;
        v->all[v->n_all++] =
            (entry){.bytes = (const unsigned char *)bytes, .id = (int32_t)i, .n = (uint16_t)n};
    }
    sort(v->all, v->n_all);
    for (size_t i = 0; i < v->n_all; i++) {
        const entry *e = &v->all[i];
        size_t n = count_plain(e);
        if (n > 0) {
            set_bit(v->plain, e->id);
            v->n_chars[e->id] = (uint16_t)n;
        } else {
            v->rest[v->n_rest++] = *e;
        }
    }
    note_shared(v->all, v->n_all);
    note_shared(v->rest, v->n_rest);
}

tj_code tj_form_vocab_create(tj_form_vocab **out, const tj_tokenizer *tok, size_t n_vocab,
                             tj_err *err)
{
    tj_form_vocab *v = tj_calloc(1, sizeof *v);
    *out = NULL;
    TJ_ASSERT(tj_tokenizer_n_vocab(tok) <= n_vocab);
    if (v != NULL) {
        v->n_vocab = n_vocab;
        v->all = tj_calloc(n_vocab, sizeof *v->all);
        v->rest = tj_calloc(n_vocab, sizeof *v->rest);
        v->plain = tj_calloc(n_words(v), sizeof *v->plain);
        v->n_chars = tj_calloc(n_vocab, sizeof *v->n_chars);
    }
    if (v == NULL || v->all == NULL || v->rest == NULL || v->plain == NULL || v->n_chars == NULL) {
        tj_form_vocab_destroy(v);
        return tj_fail(err, TJ_E_NOMEM, "cannot sort a vocabulary of %zu tokens", n_vocab);
    }
    collect(v, tok);
    *out = v;
    return TJ_OK;
}

void tj_form_vocab_destroy(tj_form_vocab *v)
{
    if (v != NULL) {
        tj_free(v->all);
        tj_free(v->rest);
        tj_free(v->plain);
        tj_free(v->n_chars);
        tj_free(v);
    }
}

/* ------------------------------------------------------------ one mask */

static void walk(uint64_t *bits, const entry *list, size_t n, const tj_form *form,
                 const tj_form_state *start)
{
    tj_form_state states[TJ_FORM_MAX_TOKEN_BYTES + 1]; /* after so many bytes of the last token */
    size_t n_good = 0;                                 /* of its bytes may come */
    states[0] = *start;
    for (size_t i = 0; i < n; i++) {
        const entry *e = &list[i];
        if (e->shared > n_good) { /* it has the byte that may not come */
            continue;
        }
        n_good = e->shared;
        while (n_good < e->n) {
            states[n_good + 1] = states[n_good];
            if (!tj_form_step(&states[n_good + 1], form, e->bytes[n_good])) {
                break;
            }
            n_good++;
        }
        if (n_good == e->n) {
            set_bit(bits, e->id);
        }
    }
}

/* Plain tokens of at most `room` characters. */
static void put_plain(uint64_t *bits, const tj_form_vocab *v, size_t room)
{
    if (room >= v->longest) {
        memcpy(bits, v->plain, n_words(v) * sizeof *bits);
        return;
    }
    for (size_t i = 0; i < v->n_vocab; i++) {
        if (v->n_chars[i] > 0 && v->n_chars[i] <= room) {
            set_bit(bits, (int32_t)i);
        }
    }
}

static void compute(uint64_t *bits, const tj_form_vocab *v, const tj_form *form,
                    const tj_form_state *state)
{
    size_t room = 0;
    if (tj_form_in_text(state, &room)) {
        put_plain(bits, v, room);
        walk(bits, v->rest, v->n_rest, form, state);
    } else {
        walk(bits, v->all, v->n_all, form, state);
    }
}

/* ------------------------------------------------------------ masks that are kept */

typedef struct mask_key {
    char form[TJ_SHA256_HEX];
    tj_form_state state;
} mask_key;

typedef struct kept {
    mask_key key;
    uint64_t hash;
    uint64_t *bits; /* [n_words] */
    bool is_empty;
} kept;

struct tj_form_masks {
    const tj_form_vocab *vocab;
    kept *masks; /* [n] */
    size_t n, cap;
    size_t *slots; /* [n_slots] a mask's index + 1; 0: none. Linear probing; a power of two */
    size_t n_slots;
};

tj_code tj_form_masks_create(tj_form_masks **out, const tj_form_vocab *vocab, tj_err *err)
{
    *out = tj_calloc(1, sizeof **out);
    if (*out == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold masks of a form");
    }
    (*out)->vocab = vocab;
    return TJ_OK;
}

static void forget(tj_form_masks *m)
{
    for (size_t i = 0; i < m->n; i++) {
        tj_free(m->masks[i].bits);
    }
    tj_free(m->masks);
    tj_free(m->slots);
    *m = (tj_form_masks){.vocab = m->vocab};
}

void tj_form_masks_destroy(tj_form_masks *m)
{
    if (m != NULL) {
        forget(m);
        tj_free(m);
    }
}

void tj_form_masks_trim(tj_form_masks *m)
{
    if (m->n * n_words(m->vocab) * sizeof(uint64_t) > MAX_MASK_BYTES) {
        forget(m);
    }
}

/* FNV-1a. */
static uint64_t hash_of(const mask_key *key)
{
    const unsigned char *bytes = (const unsigned char *)key;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < sizeof *key; i++) {
        h = (h ^ bytes[i]) * 0x100000001b3u;
    }
    return h;
}

/* The slot of a key: the one that has it, or the empty one where it belongs. */
static size_t slot_of(const tj_form_masks *m, const mask_key *key, uint64_t hash)
{
    size_t at = (size_t)hash & (m->n_slots - 1);
    for (; m->slots[at] != 0; at = (at + 1) & (m->n_slots - 1)) {
        const kept *k = &m->masks[m->slots[at] - 1];
        if (k->hash == hash && memcmp(&k->key, key, sizeof *key) == 0) {
            break;
        }
    }
    return at;
}

/* Room for one more mask and its slot. */
static bool make_room(tj_form_masks *m)
{
    if (!tj_grow(&m->masks, &m->cap, m->n + 1, sizeof *m->masks)) {
        return false;
    }
    if (2 * (m->n + 1) <= m->n_slots) {
        return true;
    }
    size_t n_slots = m->n_slots == 0 ? 256 : 2 * m->n_slots;
    size_t *slots = tj_calloc(n_slots, sizeof *slots);
    if (slots == NULL) {
        return false;
    }
    tj_free(m->slots);
    m->slots = slots;
    m->n_slots = n_slots;
    for (size_t i = 0; i < m->n; i++) {
        m->slots[slot_of(m, &m->masks[i].key, m->masks[i].hash)] = i + 1;
    }
    return true;
}

static bool is_empty(const uint64_t *bits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bits[i] != 0) {
            return false;
        }
    }
    return true;
}

tj_code tj_form_masks_get(tj_form_masks *m, tj_form_mask *out, const tj_form *form,
                          const tj_form_state *state, tj_err *err)
{
    mask_key key;
    if (!make_room(m)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a mask of %zu tokens", m->vocab->n_vocab);
    }
    memset(&key, 0, sizeof key);
    memcpy(key.form, form->digest, sizeof key.form);
    key.state = *state;
    tj_form_saturate(&key.state, m->vocab->longest);
    uint64_t hash = hash_of(&key);
    size_t slot = slot_of(m, &key, hash);
    if (m->slots[slot] == 0) {
        uint64_t *bits = tj_calloc(n_words(m->vocab), sizeof *bits);
        if (bits == NULL) {
            return tj_fail(err, TJ_E_NOMEM, "cannot hold a mask of %zu tokens", m->vocab->n_vocab);
        }
        compute(bits, m->vocab, form, &key.state);
        m->masks[m->n] = (kept){key, hash, bits, is_empty(bits, n_words(m->vocab))};
        m->slots[slot] = ++m->n;
    }
    const kept *k = &m->masks[m->slots[slot] - 1];
    *out = (tj_form_mask){k->bits, k->is_empty};
    return TJ_OK;
}
