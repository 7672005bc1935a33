/* Words that mean something in mathematics ("no solution", "all real numbers except 2"), and words
 * around an answer that say nothing ("the answer is"). */
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

/* ------------------------------------------------------------ words that are values */

typedef enum phrase_kind {
    PHRASE_EMPTY_SET,
    PHRASE_NUMBERS,
    PHRASE_UNDEFINED,
    PHRASE_MINUS_INFINITY,
    PHRASE_TIME
} phrase_kind;

typedef struct phrase {
    const char *folded;
    phrase_kind kind;
    int32_t id;
} phrase;

static const phrase phrases[] = {
    {"nosolution", PHRASE_EMPTY_SET, 0},
    {"nosolutions", PHRASE_EMPTY_SET, 0},
    {"norealsolution", PHRASE_EMPTY_SET, 0},
    {"norealsolutions", PHRASE_EMPTY_SET, 0},
    {"thereisnosolution", PHRASE_EMPTY_SET, 0},
    {"therearenosolutions", PHRASE_EMPTY_SET, 0},
    {"therearenorealsolutions", PHRASE_EMPTY_SET, 0},
    {"solutionsetisempty", PHRASE_EMPTY_SET, 0},
    {"emptyset", PHRASE_EMPTY_SET, 0},
    {"nullset", PHRASE_EMPTY_SET, 0},
    {"allrealnumbers", PHRASE_NUMBERS, TJ_NUMBERS_REAL},
    {"allreals", PHRASE_NUMBERS, TJ_NUMBERS_REAL},
    {"anyrealnumber", PHRASE_NUMBERS, TJ_NUMBERS_REAL},
    {"everyrealnumber", PHRASE_NUMBERS, TJ_NUMBERS_REAL},
    {"realnumbers", PHRASE_NUMBERS, TJ_NUMBERS_REAL},
    {"setofallrealnumbers", PHRASE_NUMBERS, TJ_NUMBERS_REAL},
    {"setofrealnumbers", PHRASE_NUMBERS, TJ_NUMBERS_REAL},
    {"allintegers", PHRASE_NUMBERS, TJ_NUMBERS_INTEGER},
    {"anyinteger", PHRASE_NUMBERS, TJ_NUMBERS_INTEGER},
    {"setofallintegers", PHRASE_NUMBERS, TJ_NUMBERS_INTEGER},
    {"allpositiveintegers", PHRASE_NUMBERS, TJ_NUMBERS_NATURAL},
    {"anypositiveinteger", PHRASE_NUMBERS, TJ_NUMBERS_NATURAL},
    {"allnaturalnumbers", PHRASE_NUMBERS, TJ_NUMBERS_NATURAL},
    {"allrationalnumbers", PHRASE_NUMBERS, TJ_NUMBERS_RATIONAL},
    {"allcomplexnumbers", PHRASE_NUMBERS, TJ_NUMBERS_COMPLEX},
    {"undefined", PHRASE_UNDEFINED, 0},
    {"notdefined", PHRASE_UNDEFINED, 0},
    {"isundefined", PHRASE_UNDEFINED, 0},
    {"doesnotexist", PHRASE_UNDEFINED, 0},
    {"dne", PHRASE_UNDEFINED, 0},
    {"negativeinfinity", PHRASE_MINUS_INFINITY, 0},
    {"minusinfinity", PHRASE_MINUS_INFINITY, 0},
    {"noon", PHRASE_TIME, 43200},
    {"midnight", PHRASE_TIME, 0},
};

static const tj_ex *make_phrase(tj_reader *r, const phrase *found)
{
    tj_ex *ex = NULL;
    switch (found->kind) {
    case PHRASE_EMPTY_SET:
        return tj_reader_new(r, TJ_EX_SET, 0);
    case PHRASE_NUMBERS:
        ex = tj_reader_new(r, TJ_EX_NUMBERS, 0);
        break;
    case PHRASE_UNDEFINED:
        return tj_reader_const(r, TJ_CONST_UNDEFINED);
    case PHRASE_MINUS_INFINITY:
        return tj_reader_unary(r, TJ_EX_NEG, tj_reader_const(r, TJ_CONST_INFINITY));
    case PHRASE_TIME:
        ex = tj_reader_new(r, TJ_EX_TIME, 0);
        break;
    }
    if (ex != NULL) {
        ex->id = found->id;
    }
    return ex;
}

#define MAX_PHRASE 64

/* The words of tokens [0, n) folded into out, which has room for any phrase; 0 if none can fit. */
static size_t fold_few(const tj_reader *r, size_t n, char out[MAX_PHRASE])
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        const tj_token *token = tj_reader_peek(r, i);
        if (token->kind != TJ_TOK_WORD || length + token->n_text >= MAX_PHRASE) {
            return 0;
        }
        if (tj_reader_is_word(r, i, "the") || tj_reader_is_word(r, i, "a")) {
            continue;
        }
        for (size_t k = 0; k < token->n_text; k++) {
            char c = token->text[k];
            out[length++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        }
    }
    return length;
}

static const phrase *find_phrase(const char *text, size_t n)
{
    for (size_t i = 0; n > 2 && i < sizeof phrases / sizeof phrases[0]; i++) {
        if (strlen(phrases[i].folded) == n && memcmp(phrases[i].folded, text, n) == 0) {
            return &phrases[i];
        }
    }
    return NULL;
}

/* "all real numbers except 2 and 3": the values as a set that is taken out. */
static const tj_ex *read_except(tj_reader *r, const tj_ex *all)
{
    if (!tj_reader_accept_word(r, "except") && !tj_reader_accept_word(r, "excluding") &&
        !tj_reader_accept_words(r, "other than")) {
        return NULL;
    }
    tj_reader_accept_word(r, "for");
    const tj_ex *out = tj_reader_sequence(r);
    if (out == NULL || r->at != r->n_tokens) {
        return NULL;
    }
    tj_nodes items = {0};
    const tj_ex *const *values = out->kind == TJ_EX_LIST ? out->args : &out;
    size_t n = out->kind == TJ_EX_LIST ? out->n_args : 1;
    for (size_t i = 0; i < n; i++) {
        const tj_ex *value = values[i];
        if (value->kind == TJ_EX_RELATION && value->n_args == 2) { /* "x = 2" */
            value = value->args[1];
        }
        if (!tj_ex_is_value(value) || !tj_nodes_add(r, &items, value)) {
            return NULL;
        }
    }
    return tj_reader_binary(r, TJ_EX_DIFFERENCE, all, tj_reader_from(r, TJ_EX_SET, &items));
}

const tj_ex *tj_reader_phrase(tj_reader *r)
{
    size_t n_words = 0, n_tokens = r->n_tokens - r->at;
    while (n_words < n_tokens && n_words < 8 && tj_reader_peek(r, n_words)->kind == TJ_TOK_WORD &&
           !tj_reader_is_word(r, n_words, "except") &&
           !tj_reader_is_word(r, n_words, "excluding") && !tj_reader_is_word(r, n_words, "other")) {
        n_words++;
    }
    char text[MAX_PHRASE];
    if (n_words == 0) {
        return NULL;
    }
    const phrase *found = find_phrase(text, fold_few(r, n_words, text));
    if (found == NULL || (n_words < n_tokens && found->kind != PHRASE_NUMBERS)) {
        return NULL;
    }
    const tj_ex *ex = make_phrase(r, found);
    if (n_words == n_tokens) {
        r->at = r->n_tokens;
        return ex;
    }
    tj_reader look = *r;
    look.err = NULL;
    look.at += n_words;
    const tj_ex *without = ex == NULL ? NULL : read_except(&look, ex);
    if (look.rc == TJ_E_NOMEM) {
        return tj_reader_fail_code(r, look.rc, "cannot allocate a set");
    }
    if (without != NULL) {
        r->at = r->n_tokens;
        r->n_nodes = look.n_nodes;
    }
    return without;
}

/* ------------------------------------------------------------ phrases around an answer */

#define MAX_SUBJECT 8 /* words of "the value of x" */

/* "the answer is", "the value of x is", "answer:". */
static bool accept_subject(tj_reader *r)
{
    size_t at = r->at;
    bool article = tj_reader_accept_word(r, "the") || tj_reader_accept_word(r, "my") ||
                   tj_reader_accept_word(r, "our");
    tj_reader_accept_word(r, "final");
    bool answer = tj_reader_accept_word(r, "answer") || tj_reader_accept_word(r, "answers");
    if (article || answer) {
        for (size_t i = 0; i < MAX_SUBJECT; i++) {
            if (tj_reader_accept(r, TJ_TOK_COLON) || tj_reader_accept_word(r, "is") ||
                tj_reader_accept_word(r, "are") || tj_reader_accept_word(r, "equals") ||
                (answer && tj_reader_at(r, TJ_TOK_REL) && tj_reader_peek(r, 0)->id == TJ_REL_EQ)) {
                return true;
            }
            if (!tj_reader_at(r, TJ_TOK_WORD)) {
                break;
            }
            tj_reader_next(r);
        }
        if (answer && !article && r->at == at + 1) {
            return r->at < r->n_tokens && !tj_reader_at(r, TJ_TOK_WORD);
        }
    }
    r->at = at;
    return tj_reader_accept_words(r, "it is") || tj_reader_accept_words(r, "we get") ||
           tj_reader_accept_words(r, "we have");
}

static bool ends_with(const tj_reader *r, const char *words)
{
    size_t n = 1;
    for (const char *at = words; *at != '\0'; at++) {
        n += *at == ' ';
    }
    if (r->n_tokens - r->at <= n) {
        return false;
    }
    tj_reader look = *r;
    look.at = r->n_tokens - n;
    return tj_reader_accept_words(&look, words);
}

static bool strip_end(tj_reader *r)
{
    static const char *const ends[] = {"is the answer",   "is the final answer",
                                       "is correct",      "is the correct answer",
                                       "is the solution", "in total",
                                       "altogether",      "approximately"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ends_with(r, ends[i])) {
            size_t n = 1;
            for (const char *at = ends[i]; *at != '\0'; at++) {
                n += *at == ' ';
            }
            r->n_tokens -= n;
            return true;
        }
    }
    return false;
}

void tj_reader_strip_phrases(tj_reader *r)
{
    static const char *const openings[] = {"so", "therefore", "thus", "hence", "then", "finally"};
    static const char *const abouts[] = {"approximately", "about",  "around", "roughly",
                                         "exactly",       "nearly", "approx"};
    while (r->n_tokens - r->at > 1) {
        const tj_token *token = tj_reader_peek(r, 0);
        if (token->kind == TJ_TOK_WORD) {
            if (token->n_text < 2 && !tj_reader_is_word(r, 1, "m")) {
                break;
            }
            if (tj_reader_accept_any(r, openings, sizeof openings / sizeof openings[0])) {
                tj_reader_accept(r, TJ_TOK_COMMA);
                continue;
            }
            if (tj_reader_accept_any(r, abouts, sizeof abouts / sizeof abouts[0]) ||
                accept_subject(r)) {
                continue;
            }
            break;
        }
        bool sign =
            token->kind == TJ_TOK_REL && (token->id == TJ_REL_EQ || token->id == TJ_REL_APPROX);
        if (!sign && token->kind != TJ_TOK_COLON) {
            break;
        }
        tj_reader_next(r);
    }
    while (r->n_tokens - r->at > 2 && r->tokens[r->n_tokens - 1].kind == TJ_TOK_WORD &&
           strip_end(r)) {
    }
}
