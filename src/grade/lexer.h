/* What the parts of the lexer share: lex.c (tokens, signs, the whole), lex_latex.c (braces and
 * commands), lex_words.c (words, and characters beyond ASCII).
 *
 * Threads: a lexer is confined to one thread.
 */
#ifndef TJ_GRADE_LEXER_H
#define TJ_GRADE_LEXER_H

#include "grade/expr.h"
#include "grade/lex_tables.h"

#define TJ_BRACE_GROUP   1 /* gives tokens */
#define TJ_BRACE_TEXT    2 /* its tokens are words */
#define TJ_BRACE_WAS_OUT 4 /* outside of it are no words */
#define TJ_BRACE_APART   8 /* no number goes on behind it */

typedef struct tj_lexer {
    tj_arena *arena;
    tj_err *err;
    const char *text;
    size_t n, at;
    const uint32_t *origin; /* [n + 1] or NULL: as in the caller's text */
    tj_token *tokens;       /* [cap] */
    size_t n_tokens, cap;
    uint8_t pending; /* flags of the next token */
    bool in_text;
    bool in_dollars;
    uint8_t braces[TJ_EX_MAX_DEPTH];
    uint32_t brace_at[TJ_EX_MAX_DEPTH]; /* where each was opened */
    size_t n_braces;
    uint8_t environments[TJ_EX_MAX_DEPTH]; /* tj_tok_env of those that are open */
    size_t n_environments;
} tj_lexer;

static inline size_t tj_lexer_origin(const tj_lexer *lx, size_t at)
{
    return lx->origin == NULL ? at : lx->origin[at];
}

static inline char tj_lexer_peek(const tj_lexer *lx, size_t ahead)
{
    return lx->at + ahead < lx->n ? lx->text[lx->at + ahead] : '\0';
}

static inline bool tj_lexer_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool tj_lexer_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool tj_lexer_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* A token of the bytes from `begin` to where the lexer stands; with a text, and as a table says. */
tj_code tj_lexer_push(tj_lexer *lx, tj_tok_kind kind, int32_t id, size_t begin);
tj_code tj_lexer_push_text(tj_lexer *lx, tj_tok_kind kind, int32_t id, size_t begin,
                           const char *text, size_t n_text);
tj_code tj_lexer_push_entry(tj_lexer *lx, const tj_lex_entry *entry, size_t begin);
void tj_lexer_skip_spaces(tj_lexer *lx);

/* lex_latex.c. A brace of some TJ_BRACE_* that was at `begin`. */
tj_code tj_lexer_open_brace(tj_lexer *lx, uint8_t kind, size_t begin);
tj_code tj_lexer_close_brace(tj_lexer *lx, size_t begin);
tj_code tj_lexer_command(tj_lexer *lx);   /* at a backslash */
tj_code tj_lexer_ampersand(tj_lexer *lx); /* at & */

/* lex_words.c */
tj_code tj_lexer_word(tj_lexer *lx);  /* at a letter */
tj_code tj_lexer_digit(tj_lexer *lx); /* at a digit of a text that is not all ASCII */
tj_code tj_lexer_wide(tj_lexer *lx);  /* at a byte above ASCII */

#endif
