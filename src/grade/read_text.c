/* Answers that are no formulas: choices, dates, times of day, words; and the words around a formula
 * that say nothing ("the answer is"). */
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

/* ------------------------------------------------------------ choices */

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

static const tj_ex *read_choice(tj_reader *r)
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
    if (marked && !is_small && begins_content(tj_reader_peek(r, behind))) {
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

/* ------------------------------------------------------------ times of day */

static bool two_digits(const tj_reader *r, size_t ahead, int32_t *out)
{
    const tj_token *tens = tj_reader_peek(r, ahead), *ones = tj_reader_peek(r, ahead + 1);
    *out = tens->id * 10 + ones->id;
    return tens->kind == TJ_TOK_DIGIT && ones->kind == TJ_TOK_DIGIT &&
           tj_reader_peek(r, ahead + 2)->kind != TJ_TOK_DIGIT;
}

/* One or two digits from the token *ahead on, which is stepped over them; -1 if there are none. */
static int32_t one_or_two(const tj_reader *r, size_t *ahead)
{
    int32_t value = -1;
    for (int i = 0; i < 2 && tj_reader_peek(r, *ahead)->kind == TJ_TOK_DIGIT; i++) {
        value = (value < 0 ? 0 : value * 10) + tj_reader_peek(r, *ahead)->id;
        ++*ahead;
    }
    return tj_reader_peek(r, *ahead)->kind == TJ_TOK_DIGIT ? -1 : value;
}

/* "am", "p.m.": 'a', 'p' or 0, and the token behind it. */
static char half_of_day(const tj_reader *r, size_t *ahead)
{
    const tj_token *word = tj_reader_peek(r, *ahead);
    if (word->kind != TJ_TOK_WORD) {
        return '\0';
    }
    char first = (char)(word->text[0] | 0x20);
    bool whole = word->n_text == 2 && (word->text[1] | 0x20) == 'm';
    bool parts = word->n_text == 1 && tj_reader_peek(r, *ahead + 1)->kind == TJ_TOK_POINT &&
                 tj_reader_is_word(r, *ahead + 2, "m");
    if ((first != 'a' && first != 'p') || (!whole && !parts)) {
        return '\0';
    }
    *ahead += whole ? 1 : 3;
    *ahead += tj_reader_peek(r, *ahead)->kind == TJ_TOK_POINT;
    return first;
}

static const tj_ex *time_of(tj_reader *r, int32_t seconds)
{
    tj_ex *ex = tj_reader_new(r, TJ_EX_TIME, 0);
    if (ex != NULL) {
        ex->id = seconds;
        r->at = r->n_tokens;
    }
    return ex;
}

/* Hours, then minutes and seconds: ":30:15" or 時30分. *written is how many of the parts there are.
 */
static bool find_clock(const tj_reader *r, size_t *ahead, int32_t parts[3], int *written)
{
    parts[0] = one_or_two(r, ahead);
    parts[1] = parts[2] = 0;
    *written = 1;
    if (parts[0] < 0) {
        return false;
    }
    if (tj_reader_is_word(r, *ahead, "時")) {
        ++*ahead;
        *written = 2;
        size_t minutes = *ahead;
        int32_t value = one_or_two(r, &minutes);
        if (value >= 0 && tj_reader_is_word(r, minutes, "分")) {
            parts[1] = value;
            *ahead = minutes + 1;
        }
        return parts[0] <= 24 && parts[1] < 60;
    }
    while (*written < 3 && tj_reader_peek(r, *ahead)->kind == TJ_TOK_COLON &&
           two_digits(r, *ahead + 1, &parts[*written])) {
        *ahead += 3;
        ++*written;
    }
    return parts[0] <= 24 && parts[1] < 60 && parts[2] < 60;
}

static const tj_ex *read_clock(tj_reader *r)
{
    size_t ahead = 0;
    int32_t parts[3];
    int written;
    char half = '\0';
    if (tj_reader_is_word(r, 0, "am") || tj_reader_is_word(r, 0, "pm")) { /* 午後3時 */
        half = half_of_day(r, &ahead);
    }
    size_t first = ahead;
    if (!find_clock(r, &ahead, parts, &written)) {
        return NULL;
    }
    half = half == '\0' ? half_of_day(r, &ahead) : half;
    bool oclock = tj_reader_is_word(r, ahead, "o") &&
                  tj_reader_peek(r, ahead + 1)->kind == TJ_TOK_PRIME &&
                  tj_reader_is_word(r, ahead + 2, "clock");
    ahead += oclock ? 3 : 0;
    if (r->at + ahead != r->n_tokens || (written == 1 && half == '\0' && !oclock) ||
        (half != '\0' && (parts[0] < 1 || parts[0] > 12))) {
        return NULL;
    }
    int32_t hour = parts[0];
    if (half != '\0') {
        hour = hour % 12 + (half == 'p' ? 12 : 0);
    } else {
        bool zeros = tj_reader_peek(r, first)->id == 0 ||
                     tj_reader_peek(r, parts[0] > 9 ? first + 3 : first + 2)->id == 0;
        bool colon = tj_reader_peek(r, parts[0] > 9 ? first + 2 : first + 1)->kind == TJ_TOK_COLON;
        r->met |= colon && !zeros ? TJ_MET_CLOCK : 0;
        bool open = hour >= 1 && hour < 12 && tj_reader_peek(r, first)->id != 0;
        r->met |= open ? TJ_MET_MORNING : 0;
        if (r->modes.clock == TJ_CLOCK_RATIO) {
            return NULL;
        }
        hour += open && r->modes.clock == TJ_CLOCK_AFTERNOON ? 12 : 0;
    }
    return time_of(r, hour * 3600 + parts[1] * 60 + parts[2]);
}

/* ------------------------------------------------------------ dates */

static bool is_ordinal_end(const tj_reader *r, size_t ahead)
{
    return tj_reader_is_word(r, ahead, "st") || tj_reader_is_word(r, ahead, "nd") ||
           tj_reader_is_word(r, ahead, "rd") || tj_reader_is_word(r, ahead, "th");
}

static int32_t digits_at(const tj_reader *r, size_t *ahead, size_t *n)
{
    int32_t value = 0;
    for (*n = 0; *n < 5 && tj_reader_peek(r, *ahead)->kind == TJ_TOK_DIGIT &&
                 (*n == 0 || (tj_reader_peek(r, *ahead)->flags & TJ_TOK_SPACED) == 0);
         ++*n) {
        value = value * 10 + tj_reader_peek(r, *ahead)->id;
        ++*ahead;
    }
    return value;
}

static const tj_ex *date_of(tj_reader *r, int32_t year, int32_t month, int32_t day)
{
    if (month < 1 || month > 12 || day > 31) {
        return NULL;
    }
    tj_ex *ex = tj_reader_new(r, TJ_EX_DATE, 0);
    if (ex != NULL) {
        ex->id = year * 10000 + month * 100 + day;
        r->at = r->n_tokens;
    }
    return ex;
}

static int month_at(const tj_reader *r, size_t ahead)
{
    const tj_token *word = tj_reader_peek(r, ahead);
    return word->kind == TJ_TOK_WORD ? tj_words_month(word->text, word->n_text) : 0;
}

/* "2020-05-05" and 2020年5月5日. */
static const tj_ex *read_numeric_date(tj_reader *r)
{
    size_t ahead = 0, n;
    int32_t parts[3] = {0}, year = digits_at(r, &ahead, &n);
    if (n == 4 && tj_reader_peek(r, ahead)->kind == TJ_TOK_MINUS &&
        two_digits(r, ahead + 1, &parts[1]) && tj_reader_peek(r, ahead + 3)->kind == TJ_TOK_MINUS &&
        two_digits(r, ahead + 4, &parts[2]) && r->at + ahead + 6 == r->n_tokens && parts[2] > 0) {
        for (size_t i = 1; i < ahead + 6; i++) {
            if ((tj_reader_peek(r, i)->flags & TJ_TOK_SPACED) != 0) {
                return NULL;
            }
        }
        return date_of(r, year, parts[1], parts[2]);
    }
    ahead = 0;
    parts[0] = digits_at(r, &ahead, &n);
    if (n == 4 && tj_reader_is_word(r, ahead, "年")) {
        ahead++;
        parts[1] = digits_at(r, &ahead, &n);
    } else {
        parts[1] = parts[0];
        parts[0] = 0;
    }
    if (n == 0 || !tj_reader_is_word(r, ahead, "月")) {
        return NULL;
    }
    ahead++;
    parts[2] = digits_at(r, &ahead, &n);
    ahead += n > 0 && tj_reader_is_word(r, ahead, "日");
    return r->at + ahead == r->n_tokens ? date_of(r, parts[0], parts[1], parts[2]) : NULL;
}

/* "May 5", "May 5, 2020", "5 May 2020", "May 2020", "May". */
static const tj_ex *read_date(tj_reader *r)
{
    size_t ahead = 0, n;
    int32_t day = digits_at(r, &ahead, &n), year = 0;
    if (n > 2) {
        return NULL;
    }
    if (n > 0) {
        ahead += is_ordinal_end(r, ahead);
        ahead += tj_reader_is_word(r, ahead, "of");
    }
    int month = month_at(r, ahead);
    if (month == 0) {
        return NULL;
    }
    ahead++;
    ahead += tj_reader_peek(r, ahead)->kind == TJ_TOK_POINT;
    if (n == 0) {
        day = digits_at(r, &ahead, &n);
        if (n == 4) {
            year = day;
            day = 0;
        } else if (n > 2) {
            return NULL;
        } else if (n > 0) {
            ahead += is_ordinal_end(r, ahead);
        }
    }
    if (year == 0) {
        size_t comma = tj_reader_peek(r, ahead)->kind == TJ_TOK_COMMA;
        size_t behind = ahead + comma;
        int32_t value = digits_at(r, &behind, &n);
        if (n == 4) {
            year = value;
            ahead = behind;
        }
    }
    return r->at + ahead == r->n_tokens ? date_of(r, year, month, day) : NULL;
}

/* ------------------------------------------------------------ words */

#define MAX_PROSE 2048 /* bytes; longer texts are no answers */

static bool is_prose_sign(const tj_token *token)
{
    switch ((tj_tok_kind)token->kind) {
    case TJ_TOK_WORD:
    case TJ_TOK_QUOTED:
    case TJ_TOK_COMMA:
    case TJ_TOK_POINT:
    case TJ_TOK_PRIME:
    case TJ_TOK_BANG:
    case TJ_TOK_SEMICOLON:
    case TJ_TOK_LPAREN:
    case TJ_TOK_RPAREN:
        return true;
    case TJ_TOK_OTHER:
        return token->n_text == 1 && (token->text[0] == '?' || token->text[0] == '#');
    default:
        return false;
    }
}

/* Hyphens and slashes between words: "x-axis", "true/false". */
static bool is_hyphen(const tj_reader *r, size_t ahead)
{
    const tj_token *sign = tj_reader_peek(r, ahead), *next = tj_reader_peek(r, ahead + 1);
    return (sign->kind == TJ_TOK_MINUS || sign->kind == TJ_TOK_SLASH) && ahead > 0 &&
           (sign->flags & TJ_TOK_SPACED) == 0 && (next->flags & TJ_TOK_SPACED) == 0 &&
           tj_reader_peek(r, ahead - 1)->kind == TJ_TOK_WORD && next->kind == TJ_TOK_WORD;
}

/* "Plan 2": words that a number follows as a name. */
static bool is_label(const tj_reader *r, size_t ahead)
{
    static const char *const labels[] = {"plan",  "box",   "room",   "case",  "figure", "step",
                                         "game",  "team",  "group",  "class", "route",  "line",
                                         "point", "graph", "method", "door",  "card",   "machine",
                                         "type",  "part",  "player", "store", "day",    "quadrant"};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (tj_reader_is_word(r, ahead, labels[i])) {
            return true;
        }
    }
    return false;
}

/* The words of tokens [from, to), joined by spaces; false if they are no prose. */
static bool join_prose(const tj_reader *r, size_t from, size_t to, char *out, size_t *n_out,
                       size_t *n_words)
{
    size_t n = 0, n_digits = 0;
    *n_words = 0;
    for (size_t i = from; i < to; i++) {
        const tj_token *token = tj_reader_peek(r, i);
        char digit = (char)('0' + token->id);
        bool is_word = token->kind == TJ_TOK_WORD || token->kind == TJ_TOK_QUOTED;
        bool is_digit = token->kind == TJ_TOK_DIGIT && *n_words == 1 && is_label(r, from);
        if (!is_prose_sign(token) && !is_hyphen(r, i) && !is_digit) {
            return false;
        }
        if (n_digits > 0 && !is_digit) { /* "Plan 2", but no number in a sentence */
            return false;
        }
        n_digits += is_digit;
        const char *text = is_digit ? &digit : token->text;
        size_t n_text = is_digit ? 1 : is_word ? token->n_text : 0;
        if (n + n_text + 1 > MAX_PROSE) {
            return false;
        }
        if (!is_digit || n_digits == 1) {
            out[n++] = ' ';
        }
        if (n_text > 0) {
            memcpy(out + n, text, n_text);
        }
        n += n_text;
        *n_words += is_word;
    }
    *n_out = n;
    return *n_words > 0;
}

static const tj_ex *text_of(tj_reader *r, const char *text, size_t n)
{
    const char *folded = tj_words_fold(r->arena, text, n);
    if (folded == NULL) {
        return tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a text");
    }
    tj_ex *ex = folded[0] == '\0' ? NULL : tj_reader_new(r, TJ_EX_TEXT, 0);
    if (ex != NULL) {
        ex->text = folded;
    }
    return ex;
}

const tj_ex *tj_reader_quoted(tj_reader *r)
{
    const tj_token *token = tj_reader_peek(r, 0);
    const tj_ex *ex = text_of(r, token->text, token->n_text);
    if (ex == NULL) {
        return tj_reader_fail(r, "words between quotes");
    }
    tj_reader_next(r);
    return ex;
}

/* "Alice and Bob": short parts are several answers. NULL without an error if it is one text. */
static const tj_ex *read_text_list(tj_reader *r, char *buffer)
{
    tj_nodes items = {0};
    size_t from = 0, n_tokens = r->n_tokens - r->at;
    bool any_or = false;
    for (size_t i = 0; i <= n_tokens; i++) {
        bool is_and = tj_reader_is_word(r, i, "and"), is_or = tj_reader_is_word(r, i, "or");
        if (i < n_tokens && tj_reader_peek(r, i)->kind != TJ_TOK_COMMA && !is_and && !is_or) {
            continue;
        }
        any_or = any_or || is_or;
        if (i > from) {
            size_t n, n_words;
            if (!join_prose(r, from, i, buffer, &n, &n_words) || n_words > 2 ||
                !tj_nodes_add(r, &items, text_of(r, buffer, n))) {
                return NULL;
            }
        }
        from = i + 1;
    }
    if (items.n < 2) {
        return NULL;
    }
    tj_ex *list = tj_reader_from(r, TJ_EX_LIST, &items);
    if (list != NULL) {
        list->id = any_or;
    }
    return list;
}

const tj_ex *tj_reader_prose(tj_reader *r)
{
    char *buffer = tj_arena_calloc(r->arena, MAX_PROSE, 1);
    if (buffer == NULL) {
        return tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a text");
    }
    size_t n, n_words;
    if (!join_prose(r, 0, r->n_tokens - r->at, buffer, &n, &n_words)) {
        return NULL;
    }
    const tj_ex *list = read_text_list(r, buffer);
    if (list != NULL || r->rc != TJ_OK) {
        return list;
    }
    if (!join_prose(r, 0, r->n_tokens - r->at, buffer, &n, &n_words)) {
        return NULL;
    }
    return text_of(r, buffer, n);
}

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

static const tj_ex *read_phrase(tj_reader *r)
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

/* A glance behind the digits that begin a text: words, ':' or '-' may be of a time or a date. */
static bool may_be_clock_or_date(const tj_reader *r)
{
    size_t n = 0;
    while (n < 5 && tj_reader_peek(r, n)->kind == TJ_TOK_DIGIT) {
        n++;
    }
    tj_tok_kind behind = (tj_tok_kind)tj_reader_peek(r, n)->kind;
    return behind == TJ_TOK_WORD || behind == TJ_TOK_COLON || behind == TJ_TOK_MINUS;
}

const tj_ex *tj_reader_special(tj_reader *r)
{
    const tj_token *first = tj_reader_peek(r, 0);
    const tj_ex *ex = NULL;
    if (first->kind == TJ_TOK_DIGIT) {
        if (!may_be_clock_or_date(r)) {
            return NULL;
        }
        ex = read_clock(r);
        ex = ex == NULL ? read_numeric_date(r) : ex;
        return ex == NULL ? read_date(r) : ex;
    }
    if (first->kind == TJ_TOK_LPAREN) {
        return read_choice(r);
    }
    if (first->kind == TJ_TOK_QUOTED && r->n_tokens - r->at == 1) {
        r->at = r->n_tokens;
        return text_of(r, first->text, first->n_text);
    }
    if (first->kind != TJ_TOK_WORD) {
        return NULL;
    }
    ex = read_choice(r);
    ex = ex == NULL && first->n_text == 2 ? read_clock(r) : ex;
    ex = ex == NULL && first->n_text > 2 ? read_date(r) : ex;
    return ex == NULL && first->n_text > 1 ? read_phrase(r) : ex;
}

/* ------------------------------------------------------------ phrases around an answer */

static bool accept_one_of(tj_reader *r, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (tj_reader_accept_word(r, words[i])) {
            return true;
        }
    }
    return false;
}

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
            if (accept_one_of(r, openings, sizeof openings / sizeof openings[0])) {
                tj_reader_accept(r, TJ_TOK_COMMA);
                continue;
            }
            if (accept_one_of(r, abouts, sizeof abouts / sizeof abouts[0]) || accept_subject(r)) {
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
