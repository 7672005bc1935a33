/* Reads the tokenizer of a GGUF file, from the keys tokenizer.ggml.* (format: ggml-org/ggml,
 * docs/gguf.md; their meaning for ids: what llama.cpp does with them, which its makers keep equal
 * to the models' own tokenizers). */
#include <math.h>
#include <string.h>

#include "text/tokenizer_load.h"

#define KEY(name) "tokenizer.ggml." name

/* tokenizer.ggml.token_type */
enum {
    TYPE_NORMAL = 1,
    TYPE_UNKNOWN = 2,
    TYPE_CONTROL = 3,
    TYPE_USER_DEFINED = 4,
    TYPE_UNUSED = 5,
    TYPE_BYTE = 6
};

/* ------------------------------------------------------------ pre-tokenizers by name */

/* DeepSeek LLM: the cased letters of Unicode 11, written out in its tokenizer.json. */
#define CASED                                                                                      \
    "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}"                 \
    "\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}\\x{37F}" \
    "\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}\\x{3F7}-\\x{481}"         \
    "\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}\\x{13A0}-\\x{13F5}"                     \
    "\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}\\x{1D00}-\\x{1D2B}"                 \
    "\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}\\x{1F18}-\\x{1F1D}"                 \
    "\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}\\x{1F5B}\\x{1F5D}"         \
    "\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}\\x{1FC2}-\\x{1FC4}"        \
    "\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}\\x{1FE0}-\\x{1FEC}"                 \
    "\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}\\x{210A}-\\x{2113}\\x{2115}"         \
    "\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{"     \
    "2139}"                                                                                        \
    "\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}"         \
    "\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}"                  \
    "\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}"                 \
    "\\x{AB70}-\\x{ABBF}\\x{FB00}-\\x{FB06}\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}"                 \
    "\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}"           \
    "\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"
#define ASIAN "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"

static const struct pretokenizer {
    const char *name;
    const char *patterns[TJ_MAX_PRETOKENIZERS]; /* each keeps matches and gaps */
    bool ignore_merges, add_bos;                /* where the file does not say */
} pretokenizers[] = {
    {"gpt-2", {TJ_PATTERN_GPT2}, false, false},
    {"llama-bpe", {TJ_PATTERN_LLAMA3}, true, true},
    {"qwen2", {TJ_PATTERN_QWEN2}, false, false},
    {"smollm", {TJ_PATTERN_DIGIT, TJ_PATTERN_GPT2}, false, false},
    {"starcoder", {TJ_PATTERN_DIGIT, TJ_PATTERN_GPT2}, false, false},
    {"deepseek-llm",
     {"[\r\n]", "\\s?[" CASED "]+",
      "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+",
      "\\s+$", ASIAN, "\\p{N}+"},
     false,
     false},
    {"deepseek-coder",
     {"[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", ASIAN, TJ_PATTERN_DIGIT},
     false,
     false},
};
#define N_PRETOKENIZERS (sizeof pretokenizers / sizeof pretokenizers[0])

/* The names that are known, for a message. */
static void list_names(char *out, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < N_PRETOKENIZERS && at < size; i++) {
        const char *joint = i == 0 ? "" : i + 1 == N_PRETOKENIZERS ? " and " : ", ";
        at += (size_t)snprintf(out + at, size - at, "%s%s", joint, pretokenizers[i].name);
    }
}

static bool cuts_so(const tj_tokenizer *tok, const struct pretokenizer *pre)
{
    size_t n = 0;
    for (; n < TJ_MAX_PRETOKENIZERS && pre->patterns[n] != NULL; n++) {
        const tj_split *split = &tok->splits[n];
        if (n == tok->pre.n_stages || split->kind != TJ_SPLIT_ISOLATED || split->literal ||
            strcmp(split->pattern, pre->patterns[n]) != 0) {
            return false;
        }
    }
    return n == tok->pre.n_stages && tok->ignore_merges == pre->ignore_merges;
}

const char *tj_pretokenizer_name(const tj_tokenizer *tok)
{
    for (size_t i = 0; i < N_PRETOKENIZERS; i++) {
        if (cuts_so(tok, &pretokenizers[i])) {
            return pretokenizers[i].name;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------ keys */

typedef struct reader {
    tj_loader l;
    const tj_gguf *gguf;
    tj_gguf_array tokens, types, merges, scores; /* n 0 where there is none */
} reader;

/* A text, borrowed; "" and 0 where the key is missing. */
static tj_code get_text(const reader *r, const char **text, size_t *len, const char *key,
                        tj_err *err)
{
    *text = "";
    *len = 0;
    return tj_gguf_has(r->gguf, key) ? tj_gguf_string(r->gguf, text, len, key, err) : TJ_OK;
}

static tj_code get_flag(const reader *r, bool *out, const char *key, tj_err *err)
{
    return tj_gguf_has(r->gguf, key) ? tj_gguf_bool(r->gguf, out, key, err) : TJ_OK;
}

static bool is_name(const char *text, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(text, name, len) == 0;
}

/* The array of a key with an element for each token; n 0 where it is missing. */
static tj_code get_array(const reader *r, tj_gguf_array *out, const char *key, size_t n,
                         tj_err *err)
{
    *out = (tj_gguf_array){.n = 0};
    if (!tj_gguf_has(r->gguf, key)) {
        return TJ_OK;
    }
    tj_code rc = tj_gguf_get_array(r->gguf, out, key, err);
    if (rc == TJ_OK && out->n != n) {
        rc = tj_loader_refuse(&r->l, err, "%s has %zu elements for %zu tokens", key, out->n, n);
    }
    return rc;
}

static tj_code refuse_kind(const reader *r, const tj_gguf_array *array, const char *key,
                           const char *wanted, tj_err *err)
{
    return tj_loader_refuse(&r->l, err, "%s is an array of %s, expected %s", key,
                            tj_gguf_kind_name(array->kind), wanted);
}

/* Opens the arrays and checks their kinds and sizes. */
static tj_code open_arrays(reader *r, tj_err *err)
{
    tj_code rc = tj_gguf_get_array(r->gguf, &r->tokens, KEY("tokens"), err);
    if (rc != TJ_OK) {
        return rc;
    }
    size_t n = r->tokens.n;
    if (r->tokens.kind != TJ_GGUF_STRING) {
        return refuse_kind(r, &r->tokens, KEY("tokens"), "strings", err);
    }
    if (n == 0 || n > TJ_MAX_VOCAB) {
        return tj_loader_refuse(&r->l, err, KEY("tokens") " has %zu tokens, expected 1 to %zu", n,
                                TJ_MAX_VOCAB);
    }
    if (r->tokens.string_at[n] > TJ_MAX_TOKENIZER_BYTES) {
        return tj_fail(err, TJ_E_LIMIT, "%s: " KEY("tokens") " has more than %zu bytes", r->l.name,
                       TJ_MAX_TOKENIZER_BYTES);
    }
    rc = get_array(r, &r->types, KEY("token_type"), n, err);
    if (rc == TJ_OK && r->types.n > 0 && !tj_gguf_is_integer(r->types.kind)) {
        rc = refuse_kind(r, &r->types, KEY("token_type"), "integers", err);
    }
    if (rc == TJ_OK && r->l.tok->by_score) {
        rc = get_array(r, &r->scores, KEY("scores"), n, err);
        if (rc == TJ_OK && r->scores.n == 0) {
            rc = tj_loader_refuse(&r->l, err, KEY("scores") " is missing");
        }
        if (rc == TJ_OK && !tj_gguf_is_number(r->scores.kind)) {
            rc = refuse_kind(r, &r->scores, KEY("scores"), "numbers", err);
        }
    }
    return rc;
}

static int64_t type_of(const reader *r, size_t id)
{
    return r->types.n > 0 ? tj_gguf_array_i64(&r->types, id) : TYPE_NORMAL;
}

/* ------------------------------------------------------------ tokens */

/* An unused token has no text of its own: it fills up the model's table. SentencePiece's may still
 * be joined on the way to others. */
static tj_code add_tokens(reader *r, tj_err *err)
{
    tj_code rc = tj_loader_allocate(&r->l, r->tokens.n, err);
    for (size_t i = 0; i < r->tokens.n && rc == TJ_OK; i++) {
        size_t len;
        const char *text = tj_gguf_array_string(&r->tokens, i, &len);
        if (tj_utf8_check(text, len) < len) {
            return tj_loader_refuse(&r->l, err, KEY("tokens") "[%zu] is not UTF-8", i);
        }
        if (len > 0 && (r->l.tok->by_score || type_of(r, i) != TYPE_UNUSED)) {
            rc = tj_loader_add_token(&r->l, (int32_t)i, text, len, KEY("tokens"), err);
        }
    }
    return rc == TJ_OK ? tj_loader_end_tokens(&r->l, err) : rc;
}

/* Control tokens are special; so is the unknown one, whose text in a text does not mean it. */
static tj_code add_added(reader *r, tj_err *err)
{
    tj_code rc = TJ_OK;
    size_t n = 0;
    for (size_t i = 0; i < r->tokens.n; i++) {
        int64_t type = type_of(r, i);
        n += type == TYPE_UNKNOWN || type == TYPE_CONTROL || type == TYPE_USER_DEFINED ? 1 : 0;
    }
    rc = tj_loader_begin_added(&r->l, n, err);
    for (size_t i = 0; i < r->tokens.n && rc == TJ_OK; i++) {
        int64_t type = type_of(r, i);
        bool special = type == TYPE_UNKNOWN || type == TYPE_CONTROL;
        size_t len;
        const char *text = tj_gguf_array_string(&r->tokens, i, &len);
        if ((special || type == TYPE_USER_DEFINED) && len > 0) {
            rc = tj_loader_add_added(&r->l, (int32_t)i, text, len, special, false, err);
        }
    }
    return rc == TJ_OK ? tj_loader_end_added(&r->l, err) : rc;
}

/* ------------------------------------------------------------ byte-level BPE */

static tj_code add_merges(reader *r, tj_err *err)
{
    tj_code rc = tj_gguf_get_array(r->gguf, &r->merges, KEY("merges"), err);
    if (rc == TJ_OK && (r->merges.kind != TJ_GGUF_STRING || r->merges.n > TJ_MAX_VOCAB)) {
        rc = tj_loader_refuse(&r->l, err, KEY("merges") " must be at most %zu strings",
                              TJ_MAX_VOCAB);
    }
    if (rc == TJ_OK) {
        rc = tj_loader_begin_merges(&r->l, r->merges.n, err);
    }
    for (size_t i = 0; i < r->merges.n && rc == TJ_OK; i++) {
        size_t len;
        const char *both = tj_gguf_array_string(&r->merges, i, &len);
        const char *space = len < 2 ? NULL : memchr(both + 1, ' ', len - 1);
        if (space == NULL) {
            return tj_loader_refuse(&r->l, err, KEY("merges") "[%zu] is not a pair of tokens", i);
        }
        size_t n_left = (size_t)(space - both);
        rc = tj_loader_add_merge(&r->l, i, (const char *const[]){both, space + 1},
                                 (const size_t[]){n_left, len - n_left - 1}, KEY("merges"), err);
    }
    return rc;
}

static tj_code refuse_pretokenizer(const reader *r, const char *name, size_t len, tj_err *err)
{
    char known[256];
    list_names(known, sizeof known);
    if (len == 0) {
        return tj_loader_refuse(&r->l, err, KEY("pre") " is missing; known are %s", known);
    }
    return tj_loader_refuse(&r->l, err, KEY("pre") " '%.*s' is not known; known are %s",
                            (int)(len < 64 ? len : 64), name, known);
}

static tj_code read_byte_level(reader *r, tj_err *err)
{
    const char *name;
    size_t len, which = 0;
    tj_code rc = get_text(r, &name, &len, KEY("pre"), err);
    if (rc != TJ_OK) {
        return rc;
    }
    while (which < N_PRETOKENIZERS && !is_name(name, len, pretokenizers[which].name)) {
        which++;
    }
    if (which == N_PRETOKENIZERS) {
        return refuse_pretokenizer(r, name, len, err);
    }
    const struct pretokenizer *pre = &pretokenizers[which];
    r->l.tok->byte_level = true;
    r->l.tok->ignore_merges = pre->ignore_merges;
    r->l.tok->extras.add_bos = pre->add_bos;
    for (size_t i = 0; pre->patterns[i] != NULL && rc == TJ_OK; i++) {
        rc = tj_loader_add_split(&r->l, TJ_SPLIT_ISOLATED, false, pre->patterns[i],
                                 strlen(pre->patterns[i]), err);
    }
    if (rc == TJ_OK) {
        rc = open_arrays(r, err);
    }
    if (rc == TJ_OK) {
        rc = add_tokens(r, err);
    }
    return rc == TJ_OK ? add_merges(r, err) : rc;
}

/* ------------------------------------------------------------ SentencePiece's BPE */

static tj_code add_scores(reader *r, tj_err *err)
{
    for (size_t i = 0; i < r->tokens.n; i++) {
        double score = tj_gguf_array_f64(&r->scores, i);
        if (isnan(score)) {
            return tj_loader_refuse(&r->l, err, KEY("scores") "[%zu] is not a number", i);
        }
        tj_loader_add_score(&r->l, (int32_t)i, (float)score);
    }
    return TJ_OK;
}

static tj_code read_by_score(reader *r, tj_err *err)
{
    tj_loader *l = &r->l;
    bool add_space = true;
    tj_code rc = get_flag(r, &add_space, KEY("add_space_prefix"), err);
    l->tok->by_score = true;
    l->tok->byte_fallback = true;
    l->tok->drops_space = add_space;
    l->tok->extras.add_bos = true; /* where the file does not say */
    l->spells_spaces = true;
    const size_t n_mark = strlen(TJ_SPACE_MARK);
    if (rc == TJ_OK && add_space) {
        rc = tj_loader_add_normal(l, TJ_NORMAL_PREPEND, "", 0, TJ_SPACE_MARK, n_mark, err);
    }
    if (rc == TJ_OK) {
        rc = tj_loader_add_normal(l, TJ_NORMAL_REPLACE, " ", 1, TJ_SPACE_MARK, n_mark, err);
    }
    if (rc == TJ_OK) {
        rc = open_arrays(r, err);
    }
    if (rc == TJ_OK) {
        rc = add_tokens(r, err);
    }
    return rc == TJ_OK ? add_scores(r, err) : rc;
}

/* ------------------------------------------------------------ extras */

/* An id; -1 where there is none, for which converters also write -1 as an unsigned number. */
static tj_code get_id(const reader *r, int32_t *out, const char *key, tj_err *err)
{
    uint64_t id;
    if (!tj_gguf_has(r->gguf, key)) {
        return TJ_OK;
    }
    tj_code rc = tj_gguf_u64(r->gguf, &id, key, err);
    if (rc != TJ_OK || id == UINT32_MAX) {
        return rc;
    }
    if (id >= r->tokens.n) {
        return tj_loader_refuse(&r->l, err, "%s is %llu, but there are %zu tokens", key,
                                (unsigned long long)id, r->tokens.n);
    }
    *out = (int32_t)id;
    return TJ_OK;
}

static tj_code read_extras(reader *r, tj_err *err)
{
    tj_tokenizer_extras *x = &r->l.tok->extras;
    const struct {
        const char *key;
        int32_t *id;
    } ids[] = {{KEY("bos_token_id"), &x->bos},
               {KEY("eos_token_id"), &x->eos},
               {KEY("unknown_token_id"), &x->unk},
               {KEY("padding_token_id"), &x->pad}};
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0] && rc == TJ_OK; i++) {
        rc = get_id(r, ids[i].id, ids[i].key, err);
    }
    if (rc == TJ_OK) {
        rc = get_flag(r, &x->add_bos, KEY("add_bos_token"), err);
    }
    if (rc == TJ_OK) {
        rc = get_flag(r, &x->add_eos, KEY("add_eos_token"), err);
    }
    if (rc == TJ_OK && ((x->add_bos && x->bos < 0) || (x->add_eos && x->eos < 0))) {
        rc = tj_loader_refuse(&r->l, err, "a token is to be added to texts, but %s is missing",
                              x->add_bos && x->bos < 0 ? KEY("bos_token_id") : KEY("eos_token_id"));
    }
    if (rc == TJ_OK && r->l.tok->by_score) {
        r->l.tok->unk = x->unk;
    }
    const char *template = "";
    size_t len = 0;
    if (rc == TJ_OK) {
        rc = get_text(r, &template, &len, "tokenizer.chat_template", err);
    }
    return rc == TJ_OK && len > 0 ? tj_loader_set_template(r->l.tok, template, len, err) : rc;
}

/* ------------------------------------------------------------ the whole */

static tj_code read_all(reader *r, tj_err *err)
{
    const char *model;
    size_t len;
    tj_code rc = tj_gguf_string(r->gguf, &model, &len, KEY("model"), err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (is_name(model, len, "gpt2")) {
        rc = read_byte_level(r, err);
    } else if (is_name(model, len, "llama")) {
        rc = read_by_score(r, err);
    } else if (is_name(model, len, "no_vocab") || is_name(model, len, "none")) {
        return tj_fail(err, TJ_E_NOTFOUND, "%s holds no tokenizer", r->l.name);
    } else {
        return tj_loader_refuse(&r->l, err,
                                KEY("model") " '%.*s' is not known; known are gpt2 and llama",
                                (int)(len < 64 ? len : 64), model);
    }
    if (rc == TJ_OK) {
        rc = add_added(r, err);
    }
    return rc == TJ_OK ? read_extras(r, err) : rc;
}

tj_code tj_tokenizer_read_gguf(tj_tokenizer **out, const tj_gguf *gguf, tj_err *err)
{
    reader r = {.gguf = gguf};
    tj_code rc = tj_loader_begin(&r.l, tj_gguf_name(gguf), err);
    if (rc == TJ_OK) {
        rc = read_all(&r, err);
    }
    return tj_loader_end(&r.l, out, rc, err);
}
