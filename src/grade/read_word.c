/* Letters. A word that has a meaning is that; a run of capitals is one name (AB is a length); other
 * letters are variables that are multiplied, unless the word is prose. A word is read in pieces, so
 * that "2xsqrt3" is 2 * x * sqrt(3). */
#include <string.h>

#include "grade/lex_tables.h"
#include "grade/reader.h"
#include "grade/words.h"

typedef enum known_word {
    WORD_FN,
    WORD_CONST,
    WORD_SIGN,   /* joins */
    WORD_NUMBERS /* a set of numbers or no value at all: by name */
} known_word;

typedef struct meaning {
    const char *word;
    uint8_t kind; /* known_word */
    int16_t id;
} meaning;

/* What plain text says that LaTeX has no command for; sorted. */
static const meaning meanings[] = {
    {"C", WORD_FN, TJ_FN_BINOMIAL},
    {"Infinity", WORD_CONST, TJ_CONST_INFINITY},
    {"P", WORD_FN, TJ_FN_PERMUTATIONS},
    {"PI", WORD_CONST, TJ_CONST_PI},
    {"Pi", WORD_CONST, TJ_CONST_PI},
    {"abs", WORD_FN, TJ_FN_ABS},
    {"acos", WORD_FN, TJ_FN_ACOS},
    {"acosh", WORD_FN, TJ_FN_ACOSH},
    {"acot", WORD_FN, TJ_FN_ACOT},
    {"acsc", WORD_FN, TJ_FN_ACSC},
    {"and", WORD_SIGN, 0},
    {"asec", WORD_FN, TJ_FN_ASEC},
    {"asin", WORD_FN, TJ_FN_ASIN},
    {"asinh", WORD_FN, TJ_FN_ASINH},
    {"atan", WORD_FN, TJ_FN_ATAN},
    {"atanh", WORD_FN, TJ_FN_ATANH},
    {"base", WORD_SIGN, 0},
    {"binom", WORD_FN, TJ_FN_BINOMIAL},
    {"binomial", WORD_FN, TJ_FN_BINOMIAL},
    {"cbrt", WORD_FN, TJ_FN_ROOT},
    {"ceil", WORD_FN, TJ_FN_CEIL},
    {"ceiling", WORD_FN, TJ_FN_CEIL},
    {"conj", WORD_FN, TJ_FN_CONJ},
    {"conjugate", WORD_FN, TJ_FN_CONJ},
    {"divided", WORD_SIGN, 0},
    {"doublefactorial", WORD_FN, TJ_FN_DOUBLE_FACTORIAL},
    {"element", WORD_SIGN, 0},
    {"equals", WORD_SIGN, 0},
    {"factorial", WORD_FN, TJ_FN_FACTORIAL},
    {"floor", WORD_FN, TJ_FN_FLOOR},
    {"for", WORD_SIGN, 0},
    {"if", WORD_SIGN, 0},
    {"im", WORD_FN, TJ_FN_IM},
    {"in", WORD_SIGN, 0},
    {"inf", WORD_CONST, TJ_CONST_INFINITY},
    {"infinity", WORD_CONST, TJ_CONST_INFINITY},
    {"intersect", WORD_SIGN, 0},
    {"intersection", WORD_SIGN, 0},
    {"is", WORD_SIGN, 0},
    {"isinteger", WORD_SIGN, 0},
    {"lcm", WORD_FN, TJ_FN_LCM},
    {"minus", WORD_SIGN, 0},
    {"mod", WORD_SIGN, 0},
    {"modulo", WORD_SIGN, 0},
    {"nCk", WORD_FN, TJ_FN_BINOMIAL},
    {"nCr", WORD_FN, TJ_FN_BINOMIAL},
    {"nPr", WORD_FN, TJ_FN_PERMUTATIONS},
    {"negative", WORD_SIGN, 0},
    {"of", WORD_SIGN, 0},
    {"oo", WORD_CONST, TJ_CONST_INFINITY},
    {"or", WORD_SIGN, 0},
    {"out", WORD_SIGN, 0},
    {"over", WORD_SIGN, 0},
    {"overunder", WORD_SIGN, 0},
    {"per", WORD_SIGN, 0},
    {"permutations", WORD_FN, TJ_FN_PERMUTATIONS},
    {"plus", WORD_SIGN, 0},
    {"re", WORD_FN, TJ_FN_RE},
    {"root", WORD_FN, TJ_FN_ROOT},
    {"sign", WORD_FN, TJ_FN_SIGN},
    {"such", WORD_SIGN, 0},
    {"that", WORD_SIGN, 0},
    {"times", WORD_SIGN, 0},
    {"to", WORD_SIGN, 0},
    {"transpose", WORD_FN, TJ_FN_TRANSPOSE},
    {"undefined", WORD_CONST, TJ_CONST_UNDEFINED},
    {"union", WORD_SIGN, 0},
    {"when", WORD_SIGN, 0},
    {"where", WORD_SIGN, 0},
    {"with", WORD_SIGN, 0},
};

static const meaning *find_meaning(const char *word, size_t n)
{
    size_t low = 0, high = sizeof meanings / sizeof meanings[0];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strncmp(meanings[middle].word, word, n);
        if (order == 0 && meanings[middle].word[n] == '\0') {
            return &meanings[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* LaTeX's names without the backslash: sin, alpha, pi; but not those that are words. */
static const tj_lex_entry *find_command(const char *word, size_t n)
{
    const tj_lex_entry *entry = n < 2 ? NULL : tj_lex_command(word, n);
    if (entry == NULL || entry->act != TJ_LEX_TOKEN) {
        return NULL;
    }
    switch ((tj_tok_kind)entry->kind) {
    case TJ_TOK_FN: /* "th", "sh" are no hyperbolic functions here */
        return n > 2 || word[0] == 'l' || word[0] == 'R' || word[0] == 'I' ? entry : NULL;
    case TJ_TOK_NAME:
        return n == 3 && memcmp(word, "ell", 3) == 0 ? NULL : entry;
    case TJ_TOK_CONST:
    case TJ_TOK_SQRT:
    case TJ_TOK_CIS:
        return entry;
    default:
        return NULL;
    }
}

bool tj_reader_is_function(const tj_token *token)
{
    const tj_lex_entry *entry = find_command(token->text, token->n_text);
    return entry != NULL && (entry->kind == TJ_TOK_FN || entry->kind == TJ_TOK_CIS);
}

/* Functions that end a word although letters stand before or behind them: "xsinx", "2pir". */
static const tj_lex_entry *find_piece(const char *word, size_t n, size_t *n_piece)
{
    static const char *const pieces[] = {"arcsin", "arccos", "arctan", "sqrt", "sin", "cos", "tan",
                                         "log",    "sec",    "csc",    "cot",  "exp", "ln",  "pi"};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        *n_piece = strlen(pieces[i]);
        if (*n_piece <= n && word[0] == pieces[i][0] && memcmp(word, pieces[i], *n_piece) == 0) {
            return tj_lex_command(pieces[i], *n_piece);
        }
    }
    return NULL;
}

static bool is_argument(char c)
{
    return c >= 'x' && c <= 'z';
}

/* "sinx", "xlny": a function and its argument, which is no word of English. */
static bool is_function_of_letter(const char *word, size_t n)
{
    size_t n_piece, before = n > 3 && is_argument(word[0]);
    const tj_lex_entry *piece =
        n < 3 || n > 9 ? NULL : find_piece(word + before, n - before, &n_piece);
    return piece != NULL && piece->kind == TJ_TOK_FN && n == before + n_piece + 1 &&
           is_argument(word[n - 1]);
}

tj_word_kind tj_reader_word_kind(const tj_token *token)
{
    const char *word = token->text;
    size_t n = token->n_text;
    if (n == 1) {
        return TJ_WORD_UNKNOWN;
    }
    const meaning *known = find_meaning(word, n);
    if (known != NULL) {
        return known->kind == WORD_SIGN ? TJ_WORD_SIGN : TJ_WORD_VALUE;
    }
    size_t unused;
    if (find_command(word, n) != NULL || is_function_of_letter(word, n) ||
        (!tj_words_is_prose(word, n) && find_piece(word, n, &unused) != NULL)) {
        return TJ_WORD_VALUE;
    }
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].kind == WORD_SIGN && tj_words_equal(word, n, meanings[i].word)) {
            return TJ_WORD_SIGN;
        }
    }
    return TJ_WORD_UNKNOWN;
}

/* ------------------------------------------------------------ letters */

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_bound(const tj_reader *r, char c)
{
    for (size_t i = 0; i < r->n_bound; i++) {
        if (r->bound[i][0] == c && r->bound[i][1] == '\0') {
            return true;
        }
    }
    return (c == 'i' && r->modes.bound_i) || (c == 'e' && r->modes.bound_e);
}

const tj_ex *tj_reader_letter(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    char c = token->text[r->sub];
    if ((unsigned char)c >= 0x80) {
        return tj_reader_fail(r, "a value");
    }
    if (++r->sub == token->n_text) {
        tj_reader_next(r);
    }
    return (c == 'i' || c == 'e') && !is_bound(r, c)
               ? tj_reader_const(r, c == 'i' ? TJ_CONST_I : TJ_CONST_E)
               : tj_reader_symbol(r, &c, 1);
}

/* x1 is x_1. */
static void read_close_digits(tj_reader *r, const tj_token *letter, char *name, size_t *n)
{
    size_t n_digits = 0;
    while (tj_reader_peek(r, n_digits)->kind == TJ_TOK_DIGIT && n_digits < TJ_READER_MAX_NAME / 4 &&
           (tj_reader_peek(r, n_digits)->flags & TJ_TOK_SPACED) == 0) {
        n_digits++;
    }
    tj_tok_kind behind = (tj_tok_kind)tj_reader_peek(r, n_digits)->kind;
    if (n_digits == 0 || behind == TJ_TOK_UNDER || behind == TJ_TOK_POINT ||
        ((tj_reader_peek(r, 0)->flags ^ letter->flags) & TJ_TOK_IN_TEXT) != 0) {
        return;
    }
    name[(*n)++] = '_';
    for (size_t i = 0; i < n_digits; i++) {
        name[(*n)++] = (char)('0' + tj_reader_peek(r, 0)->id);
        tj_reader_next(r);
    }
}

/* One letter, a run of capitals or a function of the word's rest. */
static const tj_ex *read_piece(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    const char *word = token->text + r->sub;
    size_t n_rest = token->n_text - r->sub, n = 1, began = r->sub + r->at;
    const tj_lex_entry *piece = find_piece(word, n_rest, &n);
    if (piece == NULL) {
        n = 1;
        while (is_capital(word[0]) && n < n_rest && is_capital(word[n])) {
            n++;
        }
        if ((unsigned char)word[0] >= 0x80 || n > TJ_READER_MAX_NAME / 2) {
            return tj_reader_fail(r, "a value");
        }
    }
    bool ends = n == n_rest;
    if (ends) {
        tj_reader_next(r);
    } else {
        r->sub += n;
    }
    if (piece != NULL) {
        return piece->kind == TJ_TOK_CONST  ? tj_reader_const(r, (tj_ex_const)piece->id)
               : piece->kind == TJ_TOK_SQRT ? tj_reader_function(r, TJ_FN_SQRT)
                                            : tj_reader_function(r, (tj_ex_fn)piece->id);
    }
    bool is_i = word[0] == 'i' && n == 1, is_e = word[0] == 'e' && n == 1;
    bool has_index = ends && tj_reader_at(r, TJ_TOK_UNDER);
    if ((is_i || is_e) && !is_bound(r, word[0]) && !has_index) {
        return tj_reader_const(r, is_i ? TJ_CONST_I : TJ_CONST_E);
    }
    char name[TJ_READER_MAX_NAME + 8];
    memcpy(name, word, n);
    if (!ends) {
        return tj_reader_symbol(r, name, n);
    }
    read_close_digits(r, token, name, &n);
    return tj_reader_finish_name(r, name, n, began);
}

/* C(5, 2) and P(5, 2) have two arguments; C(x) and P are names. */
static bool has_two_arguments(const tj_reader *r)
{
    if (tj_reader_peek(r, 1)->kind != TJ_TOK_LPAREN) {
        return false;
    }
    size_t depth = 0, n_commas = 0;
    for (size_t ahead = 1; ahead < 64; ahead++) {
        switch ((tj_tok_kind)tj_reader_peek(r, ahead)->kind) {
        case TJ_TOK_LPAREN:
            depth++;
            break;
        case TJ_TOK_RPAREN:
            if (--depth == 0) {
                return n_commas == 1;
            }
            break;
        case TJ_TOK_COMMA:
            n_commas += depth == 1;
            break;
        case TJ_TOK_END:
            return false;
        default:
            break;
        }
    }
    return false;
}

/* C_5^2 and C^2_5: the number of choices, as China writes it. */
static const tj_ex *read_choices(tj_reader *r)
{
    bool sub_first = tj_reader_peek(r, 1)->kind == TJ_TOK_UNDER;
    size_t a = 2, b;
    bool braced_a = tj_reader_peek(r, a)->kind == TJ_TOK_LBRACE;
    a += braced_a;
    size_t end = a;
    while (tj_reader_peek(r, end)->kind == TJ_TOK_DIGIT && (braced_a || end == a)) {
        end++;
    }
    if (end == a || (braced_a && tj_reader_peek(r, end)->kind != TJ_TOK_RBRACE)) {
        return NULL;
    }
    b = end + braced_a;
    if (tj_reader_peek(r, b)->kind != (sub_first ? TJ_TOK_CARET : TJ_TOK_UNDER) ||
        (tj_reader_peek(r, b + 1)->kind != TJ_TOK_DIGIT &&
         (tj_reader_peek(r, b + 1)->kind != TJ_TOK_LBRACE ||
          tj_reader_peek(r, b + 2)->kind != TJ_TOK_DIGIT))) {
        return NULL;
    }
    r->at += 2;
    const tj_ex *first = tj_reader_argument(r);
    tj_reader_next(r);
    const tj_ex *second = tj_reader_argument(r);
    return tj_reader_call(r, TJ_FN_BINOMIAL, sub_first ? first : second,
                          sub_first ? second : first);
}

static const tj_ex *read_meaning(tj_reader *r, const meaning *known)
{
    if (known->kind == WORD_CONST) {
        tj_reader_next(r);
        return tj_reader_const(r, (tj_ex_const)known->id);
    }
    tj_reader_next(r);
    if (known->id == TJ_FN_ROOT) {
        tj_nodes args = {0};
        bool cube = known->word[0] == 'c';
        if (!tj_reader_arguments(r, &args)) {
            return NULL;
        }
        if (args.n != (cube ? 1 : 2)) {
            return tj_reader_fail(r, "a root's arguments before this");
        }
        return tj_reader_call(r, TJ_FN_ROOT, cube ? tj_reader_integer(r, 3) : args.items[1],
                              args.items[0]);
    }
    return tj_reader_function(r, (tj_ex_fn)known->id);
}

/* "sum(k, 1, n, k^2)", "matrix([[1, 2]])". */
static const tj_ex *read_constructor(tj_reader *r, bool *found)
{
    *found = true;
    if (tj_reader_peek(r, 1)->kind == TJ_TOK_LPAREN) {
        bool sum = tj_reader_is_word(r, 0, "sum"), product = tj_reader_is_word(r, 0, "product");
        if (sum || product) {
            tj_reader_next(r);
            return tj_reader_plain_big(r, sum ? TJ_EX_SUM : TJ_EX_PRODUCT);
        }
        if (tj_reader_accept_word(r, "matrix")) {
            tj_reader_next(r);
            const tj_ex *ex = tj_reader_at_plain_matrix(r) ? tj_reader_plain_matrix(r)
                                                           : tj_reader_fail(r, "rows in [[...]]");
            return ex != NULL && tj_reader_expect(r, TJ_TOK_RPAREN, "')' behind a matrix") ? ex
                                                                                           : NULL;
        }
    }
    *found = false;
    return NULL;
}

static const tj_ex *read_command(tj_reader *r, const tj_lex_entry *entry)
{
    if (entry->kind == TJ_TOK_NAME) {
        char name[TJ_READER_MAX_NAME + 8];
        size_t n = strlen(entry->text), began = r->at;
        memcpy(name, entry->text, n);
        tj_reader_next(r);
        return tj_reader_finish_name(r, name, n, began);
    }
    tj_reader_next(r);
    return entry->kind == TJ_TOK_CONST  ? tj_reader_const(r, (tj_ex_const)entry->id)
           : entry->kind == TJ_TOK_SQRT ? tj_reader_function(r, TJ_FN_SQRT)
           : entry->kind == TJ_TOK_CIS  ? tj_reader_cis(r)
                                        : tj_reader_function(r, (tj_ex_fn)entry->id);
}

/* "triangle ABC" */
static bool is_shape(const tj_reader *r)
{
    const tj_token *points = tj_reader_peek(r, 1);
    return (tj_reader_is_word(r, 0, "triangle") || tj_reader_is_word(r, 0, "angle") ||
            tj_reader_is_word(r, 0, "circle")) &&
           tj_reader_are_points(points);
}

/* A whole word; NULL without an error if it is only letters. */
static const tj_ex *read_known(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    const char *word = token->text;
    size_t n = token->n_text;
    bool found;
    const tj_ex *made = read_constructor(r, &found);
    made = found ? made : tj_reader_named(r, &found);
    if (found) {
        return made;
    }
    if (is_shape(r)) {
        return tj_reader_name(r);
    }
    if (tj_reader_at_money(r) ||
        (tj_reader_is_word(r, 0, "us") && tj_reader_peek(r, 1)->kind == TJ_TOK_MONEY)) {
        return tj_reader_money(r);
    }
    const meaning *known = find_meaning(word, n);
    if (known != NULL && known->kind != WORD_SIGN && (n > 1 || has_two_arguments(r))) {
        return read_meaning(r, known);
    }
    if (n == 1 && word[0] == 'C' &&
        (tj_reader_peek(r, 1)->kind == TJ_TOK_UNDER ||
         tj_reader_peek(r, 1)->kind == TJ_TOK_CARET)) {
        const tj_ex *choices = read_choices(r);
        if (choices != NULL || r->rc != TJ_OK) {
            return choices;
        }
    }
    const tj_lex_entry *entry = known == NULL ? find_command(word, n) : NULL;
    if (entry == NULL && known == NULL && is_capital(word[0]) && n > 2 && n < 16) { /* "Sin" */
        char folded[16];
        for (size_t i = 0; i < n; i++) {
            folded[i] = is_capital(word[i]) ? (char)(word[i] - 'A' + 'a') : word[i];
        }
        entry = find_command(folded, n);
        entry = entry != NULL && entry->kind == TJ_TOK_NAME ? NULL : entry;
    }
    if (entry != NULL) {
        return read_command(r, entry);
    }
    return n > 1 ? tj_reader_number_words(r) : NULL;
}

/* "foo(3)": a name rather than a product of letters. */
static bool is_unknown_function(const tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0), *open = tj_reader_peek(r, 1);
    size_t unused;
    if (r->sub > 0 || token->n_text < 3 || open->kind != TJ_TOK_LPAREN ||
        (open->flags & TJ_TOK_SPACED) != 0 || find_piece(token->text, token->n_text, &unused)) {
        return false;
    }
    bool ascending = true, has_vowel = false;
    for (size_t i = 0; i < token->n_text; i++) {
        ascending = ascending && (i == 0 || token->text[i - 1] < token->text[i]);
        has_vowel = has_vowel || memchr("aeiou", token->text[i], 5) != NULL;
    }
    return has_vowel && !ascending;
}

const tj_ex *tj_reader_word(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    if (r->sub == 0) {
        const tj_ex *ex = read_known(r);
        if (ex != NULL || r->rc != TJ_OK) {
            return ex;
        }
        ex = tj_reader_letter_number(r);
        if (ex != NULL || r->rc != TJ_OK) {
            return ex;
        }
        bool article = tj_reader_is_word(r, 0, "a") && tj_reader_peek(r, 1)->kind == TJ_TOK_WORD;
        if (article) {
            ex = tj_reader_number_words(r);
            if (ex != NULL || r->rc != TJ_OK) {
                return ex;
            }
        }
        if (tj_reader_word_kind(token) == TJ_WORD_SIGN ||
            (tj_words_is_prose(token->text, token->n_text) &&
             !is_function_of_letter(token->text, token->n_text))) {
            return tj_reader_fail(r, "a value");
        }
    }
    if (is_unknown_function(r)) {
        return tj_reader_fail(r, "a function that is known");
    }
    return read_piece(r);
}
