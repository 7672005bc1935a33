/* The loader: what a tokenizer is made of beside its tables. */
#include "text/tokenizer_load.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

tj_code tj_loader_refuse(const tj_loader *l, tj_err *err, const char *fmt, ...)
{
    char msg[TJ_ERR_MSG_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(msg, sizeof msg, fmt, args);
    va_end(args);
    return tj_fail(err, TJ_E_PARSE, "%s: %s", l->name, msg);
}

tj_code tj_loader_no_memory(const tj_loader *l, tj_err *err)
{
    return tj_fail(err, TJ_E_NOMEM, "%s: cannot allocate a tokenizer", l->name);
}

/* ------------------------------------------------------------ what the hash is of */

/* By hand: a vocabulary has some million numbers, and printf would take most of loading. */
void tj_loader_note_number(tj_loader *l, size_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = ' ';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    tj_buf_add(&l->canonical, digits + at, sizeof digits - at);
}

void tj_loader_note(tj_loader *l, const char *what, const char *bytes, size_t n)
{
    tj_buf_str(&l->canonical, what);
    tj_buf_char(&l->canonical, ' ');
    tj_loader_note_number(l, n);
    tj_buf_add(&l->canonical, bytes, n);
    tj_buf_char(&l->canonical, '\n');
}

/* ------------------------------------------------------------ normalizers and pre-tokenizers */

tj_code tj_loader_add_normal(tj_loader *l, tj_normal_kind kind, const char *from, size_t n_from,
                             const char *to, size_t n_to, tj_err *err)
{
    static const char *const names[] = {
        [TJ_NORMAL_NFC] = "nfc", [TJ_NORMAL_PREPEND] = "prepend", [TJ_NORMAL_REPLACE] = "replace"};
    tj_code rc = tj_normalizer_add(&l->tok->norm, kind, from, n_from, to, n_to, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s: normalizer", l->name);
        return rc;
    }
    tj_loader_note(l, names[kind], from, n_from);
    tj_loader_note(l, "by", to, n_to);
    return TJ_OK;
}

/* A pattern that is written out in C needs no compiling. */
static tj_code add_stage(tj_loader *l, tj_split_kind kind, bool literal, const char *pattern,
                         size_t len, tj_err *err)
{
    tj_pretokenizer *pre = &l->tok->pre;
    tj_scan_fn scan = kind == TJ_SPLIT_ISOLATED && !literal ? tj_scan_find(pattern, len) : NULL;
    if (scan != NULL) {
        return tj_pretokenizer_add_scan(pre, scan, err);
    }
    tj_pattern *made;
    tj_code rc = tj_pattern_create(&made, pattern, len, literal, err);
    if (rc != TJ_OK) {
        return rc;
    }
    rc = kind == TJ_SPLIT_MERGED ? tj_pretokenizer_add_merging(pre, made, err)
                                 : tj_pretokenizer_add(pre, made, kind != TJ_SPLIT_REMOVED,
                                                       kind != TJ_SPLIT_INVERTED, err);
    if (rc != TJ_OK) {
        tj_pattern_destroy(made);
    }
    return rc;
}

tj_code tj_loader_add_split(tj_loader *l, tj_split_kind kind, bool literal, const char *pattern,
                            size_t len, tj_err *err)
{
    tj_code rc = add_stage(l, kind, literal, pattern, len, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "%s: pre_tokenizer", l->name);
        return rc;
    }
    tj_split split = {.kind = kind, .literal = literal, .len = len};
    split.pattern = tj_strndup(pattern, len);
    l->tok->splits[l->tok->pre.n_stages - 1] = split;
    if (split.pattern == NULL) {
        return tj_loader_no_memory(l, err);
    }
    if (kind == TJ_SPLIT_MERGED) {
        tj_buf_str(&l->canonical, "merged ");
    }
    tj_buf_printf(&l->canonical, "%d%d%d ", literal, kind != TJ_SPLIT_REMOVED,
                  kind != TJ_SPLIT_INVERTED);
    tj_loader_note(l, "split", pattern, len);
    return TJ_OK;
}

/* ------------------------------------------------------------ the whole */

tj_code tj_loader_begin(tj_loader *l, const char *name, tj_err *err)
{
    *l = (tj_loader){.name = name, .tok = tj_calloc(1, sizeof *l->tok)};
    tj_buf_init(&l->slab);
    tj_buf_init(&l->canonical);
    if (l->tok == NULL) {
        return tj_loader_no_memory(l, err);
    }
    tj_buf_str(&l->slab, ""); /* so that slab.data is never NULL */
    tj_buf_str(&l->canonical, "tabiji-bpe-1\n");
    memset(l->tok->byte_ids, 0xFF, sizeof l->tok->byte_ids); /* -1 */
    l->tok->unk = -1;
    l->tok->extras = (tj_tokenizer_extras){.bos = -1, .eos = -1, .unk = -1, .pad = -1};
    return TJ_OK;
}

static tj_code finish(tj_loader *l, tj_err *err)
{
    tj_tokenizer *tok = l->tok;
    tj_buf_printf(&l->canonical, "byte_level %d byte_fallback %d ignore_merges %d\n",
                  tok->byte_level, tok->byte_fallback, tok->ignore_merges);
    if (tok->by_score) {
        tj_buf_str(&l->canonical, "by_score\n");
    }
    tj_code rc = tj_buf_check(&l->canonical, err);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&l->slab, err);
    }
    /* Byte-level tokens may end inside a character; a whole piece that is a token must stay one. */
    if (rc == TJ_OK && !tok->byte_level && !tok->ignore_merges && !l->merges_bytes) {
        rc = tj_joints_build(tok, err);
    }
    if (rc == TJ_OK) {
        tj_sha256_hex(tok->hash, tj_buf_text(&l->canonical), l->canonical.len);
    }
    return rc;
}

tj_code tj_loader_end(tj_loader *l, tj_tokenizer **out, tj_code rc, tj_err *err)
{
    *out = NULL;
    if (rc == TJ_OK) {
        rc = finish(l, err);
    }
    if (rc == TJ_OK) {
        l->tok->spells_spaces = l->spells_spaces;
        l->tok->slab = tj_buf_take(&l->slab);
        *out = l->tok;
    } else if (l->tok != NULL) {
        l->tok->slab = NULL; /* still the loader's */
        tj_tokenizer_destroy(l->tok);
    }
    tj_buf_deinit(&l->slab);
    tj_buf_deinit(&l->canonical);
    return rc;
}

tj_code tj_loader_set_template(tj_tokenizer *tok, const char *text, size_t len, tj_err *err)
{
    tj_free(tok->chat_template);
    tok->extras.chat_template = tok->chat_template = tj_strndup(text, len);
    return tok->chat_template == NULL
               ? tj_fail(err, TJ_E_NOMEM, "cannot keep a chat template of %zu bytes", len)
               : TJ_OK;
}
