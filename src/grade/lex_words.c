/* Words, and characters beyond ASCII: letters of any script, Japanese without spaces, kanji
 * numerals, raised and lowered characters, signs. */
#include <string.h>

#include "grade/lexer.h"
#include "grade/words.h"

/* ------------------------------------------------------------ words */

static bool is_between(uint32_t c, uint32_t first, uint32_t last)
{
    return c >= first && c <= last;
}

/* Letters of words, but for those that are signs of mathematics. */
static bool is_wide_letter(uint32_t c)
{
    bool is_sub;
    return (is_between(c, 0xC0, 0x52F) || is_between(c, 0x5D0, 0x1FFF) ||
            is_between(c, 0x3005, 0x3007) || is_between(c, 0x3040, 0x30FF) ||
            is_between(c, 0x3400, 0x9FFF) || is_between(c, 0xAC00, 0xD7A3)) &&
           tj_lex_character(c) == NULL && tj_lex_script(c, &is_sub) == '\0';
}

static bool is_japanese(uint32_t c)
{
    return c >= 0x3005 && c <= 0x9FFF;
}

/* The end of the word that begins at `at`, which is a letter. */
static size_t word_end(const tj_lexer *lx, size_t at)
{
    size_t begin = at;
    while (at < lx->n) {
        size_t n_bytes;
        char c = lx->text[at];
        if (tj_lexer_is_letter(c) || (c == '\'' && at - begin > 1 && at + 1 < lx->n &&
                                      tj_lexer_is_letter(lx->text[at + 1]))) {
            at++;
            continue;
        }
        if ((unsigned char)c < 0x80) {
            break;
        }
        uint32_t wide = tj_lex_decode(lx->text + at, &n_bytes);
        if (!is_wide_letter(wide) || is_japanese(wide)) {
            break;
        }
        at += n_bytes;
    }
    return at;
}

tj_code tj_lexer_word(tj_lexer *lx)
{
    size_t begin = lx->at;
    lx->at = word_end(lx, begin);
    return tj_lexer_push_text(lx, TJ_TOK_WORD, 0, begin, lx->text + begin, lx->at - begin);
}

/* Japanese has no spaces: a word that is known ends, and is ended by, one that is known. */
static tj_code lex_japanese(tj_lexer *lx)
{
    size_t begin = lx->at, n_bytes = tj_words_japanese(lx->text + begin, lx->n - begin);
    if (n_bytes == 0) {
        char digits[32];
        size_t n_digits, n_kanji = tj_lex_kanji(lx->text + begin, lx->n - begin, digits, &n_digits);
        size_t end = begin + n_kanji, n_next = 1;
        bool ends =
            n_kanji > 0 && (end == lx->n || !is_japanese(tj_lex_decode(lx->text + end, &n_next)) ||
                            tj_words_japanese(lx->text + end, lx->n - end) > 0);
        for (size_t i = 0; ends && i < n_digits; i++) {
            lx->at = end;
            tj_code rc = tj_lexer_push(lx, TJ_TOK_DIGIT, digits[i] - '0', begin);
            if (rc != TJ_OK || i + 1 == n_digits) {
                return rc;
            }
        }
        size_t at = begin;
        do {
            uint32_t c = tj_lex_decode(lx->text + at, &n_bytes);
            if (!is_japanese(c)) {
                break;
            }
            at += n_bytes;
        } while (at < lx->n && tj_words_japanese(lx->text + at, lx->n - at) == 0);
        n_bytes = at - begin;
    }
    lx->at = begin + n_bytes;
    const char *english = tj_words_translate(lx->text + begin, n_bytes);
    if (english != NULL && english[0] == '.') { /* "... です" says nothing */
        lx->pending |= TJ_TOK_SPACED;
        return TJ_OK;
    }
    return english != NULL
               ? tj_lexer_push_text(lx, TJ_TOK_WORD, 0, begin, english, strlen(english))
               : tj_lexer_push_text(lx, TJ_TOK_WORD, 0, begin, lx->text + begin, n_bytes);
}

/* ------------------------------------------------------------ other characters */

/* A run of raised or lowered characters as ^{...} or _{...}. */
static tj_code lex_scripts(tj_lexer *lx, bool is_sub)
{
    size_t begin = lx->at;
    tj_code rc = tj_lexer_push(lx, is_sub ? TJ_TOK_UNDER : TJ_TOK_CARET, 0, begin);
    if (rc == TJ_OK) {
        rc = tj_lexer_push(lx, TJ_TOK_LBRACE, 0, begin);
    }
    while (rc == TJ_OK && lx->at < lx->n && (unsigned char)lx->text[lx->at] >= 0x80) {
        size_t n_bytes;
        bool sub;
        char c = tj_lex_script(tj_lex_decode(lx->text + lx->at, &n_bytes), &sub);
        if (c == '\0' || sub != is_sub) {
            break;
        }
        static const char *const letters[] = {"a", "e", "i", "n", "o", "x"};
        size_t letter = 0;
        while (letter < 6 && letters[letter][0] != c) {
            letter++;
        }
        lx->at += n_bytes;
        rc = letter < 6 ? tj_lexer_push_text(lx, TJ_TOK_WORD, 0, begin, letters[letter], 1)
             : tj_lexer_is_digit(c) ? tj_lexer_push(lx, TJ_TOK_DIGIT, c - '0', begin)
             : c == '+'             ? tj_lexer_push(lx, TJ_TOK_PLUS, 0, begin)
             : c == '-'             ? tj_lexer_push(lx, TJ_TOK_MINUS, 0, begin)
             : c == '='             ? tj_lexer_push(lx, TJ_TOK_REL, TJ_REL_EQ, begin)
                        : tj_lexer_push(lx, c == '(' ? TJ_TOK_LPAREN : TJ_TOK_RPAREN, 0, begin);
    }
    return rc != TJ_OK ? rc : tj_lexer_push(lx, TJ_TOK_RBRACE, 0, begin);
}

tj_code tj_lexer_wide(tj_lexer *lx)
{
    size_t begin = lx->at, n_bytes;
    uint32_t c = tj_lex_decode(lx->text + begin, &n_bytes);
    const tj_lex_entry *entry = tj_lex_character(c);
    bool is_sub;
    if (entry == NULL && tj_lex_script(c, &is_sub) != '\0') {
        return lex_scripts(lx, is_sub);
    }
    if (entry == NULL && is_wide_letter(c) && !is_between(c, 0x300, 0x36F)) {
        return is_japanese(c) ? lex_japanese(lx) : tj_lexer_word(lx);
    }
    lx->at += n_bytes;
    if (entry != NULL) {
        tj_code rc = tj_lexer_push_entry(lx, entry, begin);
        if (rc == TJ_OK && c == 0xB0 &&
            (tj_lexer_peek(lx, 0) == 'C' || tj_lexer_peek(lx, 0) == 'F') &&
            !tj_lexer_is_letter(tj_lexer_peek(lx, 1))) {
            lx->tokens[lx->n_tokens - 1].text = tj_lexer_peek(lx, 0) == 'C' ? "°C" : "°F";
            lx->tokens[lx->n_tokens - 1].n_text = 3;
            lx->at++;
        }
        return rc;
    }
    if (tj_lex_vulgar(c) != 0) {
        return tj_lexer_push(lx, TJ_TOK_VULGAR, tj_lex_vulgar(c), begin);
    }
    if ((c == 0x304 || c == 0x305 || c == 0x307) && lx->n_tokens > 0 &&
        lx->tokens[lx->n_tokens - 1].kind == TJ_TOK_DIGIT) {
        lx->tokens[lx->n_tokens - 1].flags |= TJ_TOK_REPEATS;
        return TJ_OK;
    }
    return tj_lexer_push_text(lx, TJ_TOK_OTHER, 0, begin, lx->text + begin, n_bytes);
}

/* ------------------------------------------------------------ digits and kanji */

/* 123万, 12万3千: digits and the powers of kanji numerals; *done tells whether it is such. */
static tj_code lex_mixed_kanji(tj_lexer *lx, bool *done)
{
    size_t begin = lx->at, n = 0, n_digits = 0;
    while (tj_lexer_is_digit(tj_lexer_peek(lx, n))) {
        n++;
    }
    char digits[32];
    bool behind = lx->n_tokens > 0 && lx->pending == 0 &&
                  (lx->tokens[lx->n_tokens - 1].kind == TJ_TOK_DIGIT ||
                   lx->tokens[lx->n_tokens - 1].kind == TJ_TOK_POINT ||
                   lx->tokens[lx->n_tokens - 1].kind == TJ_TOK_COMMA);
    size_t n_bytes = behind || n > 8 || (unsigned char)tj_lexer_peek(lx, n) < 0xE0
                         ? 0
                         : tj_lex_kanji(lx->text + begin, lx->n - begin, digits, &n_digits);
    *done = n_bytes > n;
    tj_code rc = TJ_OK;
    for (size_t i = 0; *done && rc == TJ_OK && i < n_digits; i++) {
        lx->at = begin + n_bytes;
        rc = tj_lexer_push(lx, TJ_TOK_DIGIT, digits[i] - '0', begin);
    }
    return rc;
}

tj_code tj_lexer_digit(tj_lexer *lx)
{
    bool done;
    tj_code rc = lex_mixed_kanji(lx, &done);
    if (done) {
        return rc;
    }
    size_t begin = lx->at++;
    return tj_lexer_push(lx, TJ_TOK_DIGIT, lx->text[begin] - '0', begin);
}
