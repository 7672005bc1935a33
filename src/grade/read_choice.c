/* Choices by their letters: (B), "option B", "(B) 12"; a letter alone may be a name as well. */
#include "grade/reader.h"

static bool is_capital_token(const tj_token *token)
{
    return token->kind == TJ_TOK_WORD && token->n_text == 1 && token->text[0] >= 'A' &&
           token->text[0] <= 'Z';
}

static tj_ex *choice_of(tj_reader *r, char letter, size_t n_args)
{
    tj_ex *ex = tj_reader_new(r, TJ_EX_CHOICE, n_args);
    if (ex != NULL) {
        ex->id = letter >= 'a' ? letter - 'a' : letter - 'A';
    }
    return ex;
}

static const tj_ex *either(tj_reader *r, const tj_ex *first, const tj_ex *second)
{
    return tj_reader_binary(r, TJ_EX_EITHER, first, second);
}

/* What a choice says behind its letter: a formula or words. */
static const tj_ex *choice_with(tj_reader *r, char letter)
{
    tj_reader look = *r;
    look.err = NULL;
    const tj_ex *says = tj_reader_sequence(&look);
    if (says == NULL || look.at != look.n_tokens) {
        size_t n_nodes = look.n_nodes;
        look = *r;
        look.err = NULL;
        look.n_nodes = (uint32_t)n_nodes;
        says = tj_reader_prose(&look);
    }
    if (says == NULL) {
        return look.rc == TJ_E_NOMEM ? tj_reader_fail_code(r, look.rc, "cannot allocate a choice")
                                     : NULL;
    }
    r->n_nodes = look.n_nodes;
    r->at = r->n_tokens;
    tj_ex *ex = choice_of(r, letter, 1);
    if (ex != NULL) {
        ex->args[0] = says;
    }
    return ex;
}

/* Whether what follows a letter in brackets can be what the choice says. */
static bool begins_content(const tj_token *token)
{
    switch ((tj_tok_kind)token->kind) {
    case TJ_TOK_DIGIT:
    case TJ_TOK_WORD:
    case TJ_TOK_FRAC:
    case TJ_TOK_SQRT:
    case TJ_TOK_MINUS:
    case TJ_TOK_MONEY:
    case TJ_TOK_CONST:
    case TJ_TOK_NAME:
    case TJ_TOK_POINT:
    case TJ_TOK_LPAREN:
        return (token->flags & TJ_TOK_SPACED) != 0;
    default:
        return false;
    }
}

const tj_ex *tj_reader_choice(tj_reader *r)
{
    size_t at = r->at;
    bool named = (tj_reader_accept_word(r, "option") || tj_reader_accept_word(r, "choice") ||
                  tj_reader_accept_word(r, "answer"));
    if (named) {
        tj_reader_accept(r, TJ_TOK_COLON);
    }
    size_t open = tj_reader_at(r, TJ_TOK_LPAREN);
    const tj_token *letter = tj_reader_peek(r, open);
    tj_tok_kind close = (tj_tok_kind)tj_reader_peek(r, open + 1)->kind;
    bool is_small = open > 0 && letter->kind == TJ_TOK_WORD && letter->n_text == 1 &&
                    letter->text[0] >= 'a' && letter->text[0] <= 'e' && letter->text[0] != 'i';
    size_t n_close = close == TJ_TOK_RPAREN;
    bool marked = n_close > 0 || (open == 0 && (close == TJ_TOK_POINT || close == TJ_TOK_COLON) &&
                                  letter->text != NULL && letter->text[0] <= 'J');
    if ((!is_capital_token(letter) && !is_small) || (open > 0 && n_close == 0)) {
        r->at = at;
        return NULL;
    }
    size_t n_rest = r->n_tokens - r->at - open - 1;
    char c = letter->text[0];
    if (n_rest == n_close) { /* nothing else */
        bool alone = open == 0 && n_close == 0;
        if (alone && !named) {
            const tj_ex *symbol = tj_reader_symbol(r, letter->text, 1);
            r->at = r->n_tokens;
            return either(r, choice_of(r, c, 0), symbol);
        }
        if (is_small && !named) {
            const tj_ex *symbol =
                c == 'e' ? tj_reader_const(r, TJ_CONST_E) : tj_reader_symbol(r, letter->text, 1);
            r->at = r->n_tokens;
            return either(r, symbol, choice_of(r, c, 0));
        }
        r->at = r->n_tokens;
        return choice_of(r, c, 0);
    }
    size_t behind = open + 2;
    behind += open > 0 && (tj_reader_peek(r, behind)->kind == TJ_TOK_COLON ||
                           tj_reader_peek(r, behind)->kind == TJ_TOK_POINT);
    bool joined = tj_reader_is_word(r, behind, "and") || tj_reader_is_word(r, behind, "or");
    if (marked && !is_small && !joined && begins_content(tj_reader_peek(r, behind))) {
        tj_reader look = *r;
        look.at += behind;
        const tj_ex *ex = choice_with(&look, c);
        if (ex != NULL || look.rc != TJ_OK) {
            *r = look;
            return ex;
        }
    }
    r->at = at;
    return NULL;
}
