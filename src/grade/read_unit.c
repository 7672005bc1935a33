/* Units behind values: "cm", "square feet", "km/h", "apples", and amounts of money. A name that may
 * as well be a variable ("m") is a unit among words, in \text{m}, or where the reader's mode says
 * so. */
#include <stdio.h>
#include <string.h>

#include "grade/reader.h"
#include "grade/words.h"

#define MAX_WORDS 4 /* of a unit's name, of the thing that is counted */
#define MAX_NAME  80

static bool in_text(const tj_token *token)
{
    return (token->flags & TJ_TOK_IN_TEXT) != 0;
}

/* Joins the text of n words by spaces; 0 if it is too long or one of them is no word. */
static size_t join_words(const tj_reader *r, size_t n, char out[MAX_NAME])
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        const tj_token *token = tj_reader_peek(r, i);
        if (token->kind != TJ_TOK_WORD || length + token->n_text + 1 > MAX_NAME) {
            return 0;
        }
        if (i > 0) {
            out[length++] = ' ';
        }
        memcpy(out + length, token->text, token->n_text);
        length += token->n_text;
    }
    return length;
}

static bool is_letter(const tj_token *token, const char *greek)
{
    return token->kind == TJ_TOK_NAME && strcmp(token->text, greek) == 0;
}

/* The Greek letters of units, as LaTeX writes them too: "Ω", "k\Omega", "μm". Returns how many
 * tokens they are, 0 if none. */
static size_t join_greek(const tj_reader *r, char out[MAX_NAME])
{
    const tj_token *first = tj_reader_peek(r, 0), *second = tj_reader_peek(r, 1);
    bool close = (second->flags & TJ_TOK_SPACED) == 0;
    out[0] = '\0';
    if (is_letter(first, "Omega")) {
        strcpy(out, "Ω");
        return 1;
    }
    if (first->kind == TJ_TOK_WORD && first->n_text == 1 && is_letter(second, "Omega") && close) {
        snprintf(out, MAX_NAME, "%cΩ", first->text[0]);
        return 2;
    }
    if (is_letter(first, "mu") && second->kind == TJ_TOK_WORD && second->n_text == 1) {
        snprintf(out, MAX_NAME, "μ%c", second->text[0]);
        return 2;
    }
    return 0;
}

/* A unit written with a Greek letter, which may as well be a variable. */
static bool read_greek(tj_reader *r, tj_unit *out, bool behind_number, bool behind_unit)
{
    char name[MAX_NAME];
    size_t n = join_greek(r, name);
    if (n == 0 || tj_unit_find(out, name, strlen(name)) == TJ_UNIT_NONE) {
        return false;
    }
    if (!in_text(tj_reader_peek(r, 0)) && !behind_unit) {
        r->met |= behind_number ? TJ_MET_LOOSE_UNIT : 0;
        if (!behind_number || !r->modes.loose_units) {
            return false;
        }
    }
    r->at += n;
    return true;
}

/* Whether a set follows, so that "in" is no inch. */
static bool set_follows(const tj_reader *r, size_t ahead)
{
    switch ((tj_tok_kind)tj_reader_peek(r, ahead)->kind) {
    case TJ_TOK_NUMBERS:
    case TJ_TOK_LBRACKET:
    case TJ_TOK_RBRACKET:
    case TJ_TOK_LSET:
    case TJ_TOK_LBRACE:
    case TJ_TOK_LPAREN:
    case TJ_TOK_WORD:
    case TJ_TOK_DIGIT:
        return true;
    default:
        return false;
    }
}

/* Words that are a unit only where nothing follows that makes them something else. */
static bool is_taken(const tj_reader *r)
{
    if (tj_reader_is_word(r, 0, "in")) {
        return set_follows(r, 1);
    }
    if (tj_reader_is_word(r, 0, "min") || tj_reader_is_word(r, 0, "sec")) {
        tj_reader look = *r;
        look.at++;
        look.sub = 0;
        const tj_token *next = tj_reader_peek(&look, 0);
        return next->kind == TJ_TOK_LPAREN || next->kind == TJ_TOK_LSET ||
               next->kind == TJ_TOK_CARET ||
               (!in_text(next) && next->kind != TJ_TOK_DIGIT && tj_reader_starts_factor(&look));
    }
    return false;
}

/* A unit of the tables; *loose tells whether only a mode makes it one. */
static bool read_known(tj_reader *r, tj_unit *out, bool behind_number, bool behind_unit)
{
    const tj_token *token = tj_reader_peek(r, 0);
    char name[MAX_NAME];
    if (read_greek(r, out, behind_number, behind_unit)) {
        return true;
    }
    for (size_t n = 3; n > 0; n--) {
        size_t length = join_words(r, n, name);
        tj_unit_class how = length == 0 ? TJ_UNIT_NONE : tj_unit_find(out, name, length);
        if (how == TJ_UNIT_NONE || (n == 1 && is_taken(r))) {
            continue;
        }
        if (how == TJ_UNIT_LOOSE && !in_text(token) && !behind_unit) {
            bool open = behind_number && (token->flags & TJ_TOK_SPACED) != 0;
            if (open) {
                r->met |= TJ_MET_LOOSE_UNIT;
            }
            if (!open || !r->modes.loose_units) {
                return false;
            }
        }
        r->at += n;
        return true;
    }
    return false;
}

/* A word that can be part of a thing that is counted. */
static bool is_noun(const tj_reader *r, size_t ahead)
{
    const tj_token *token = tj_reader_peek(r, ahead);
    int64_t value;
    if (token->kind != TJ_TOK_WORD || (ahead == 0 && r->sub > 0) ||
        tj_reader_word_kind(token) == TJ_WORD_SIGN ||
        tj_words_number(&value, token->text, token->n_text) != TJ_WORD_NO_NUMBER) {
        return false;
    }
    if (in_text(token)) {
        return token->n_text > 1 && !tj_reader_is_function(token);
    }
    return tj_reader_word_kind(token) == TJ_WORD_UNKNOWN &&
           tj_words_is_prose(token->text, token->n_text);
}

static bool is_verb(const tj_reader *r, size_t ahead)
{
    static const char *const verbs[] = {"is",   "are",  "was",  "has",     "have",  "does",  "not",
                                        "than", "will", "when", "because", "since", "which", "but"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (tj_reader_is_word(r, ahead, verbs[i])) {
            return true;
        }
    }
    return false;
}

/* "apples", "right triangles". */
static bool read_count(tj_reader *r, tj_unit *out)
{
    const tj_token *token = tj_reader_peek(r, 0);
    char name[MAX_NAME];
    size_t n = 0;
    if (token->kind == TJ_TOK_QUOTED) {
        tj_reader_next(r);
        if (!tj_unit_count(out, r->arena, token->text, token->n_text, false)) {
            tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a unit");
            return false;
        }
        return out->name[0] != '\0';
    }
    while (n < MAX_WORDS && is_noun(r, n)) {
        if (is_verb(r, n)) {
            return false;
        }
        n++;
    }
    size_t length = n == 0 ? 0 : join_words(r, n, name);
    if (length == 0 || is_noun(r, n) || is_verb(r, n)) {
        return false;
    }
    if (!tj_unit_count(out, r->arena, name, length, true)) {
        tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a unit");
        return false;
    }
    if (out->name[0] == '\0') {
        return false;
    }
    r->at += n;
    return true;
}

/* "^2", "^{-1}" behind a unit. */
static int read_power(tj_reader *r)
{
    size_t braced = tj_reader_peek(r, 1)->kind == TJ_TOK_LBRACE;
    size_t minus = tj_reader_peek(r, 1 + braced)->kind == TJ_TOK_MINUS;
    const tj_token *digit = tj_reader_peek(r, 1 + braced + minus);
    size_t end = 2 + braced + minus;
    if (!tj_reader_at(r, TJ_TOK_CARET) || digit->kind != TJ_TOK_DIGIT || digit->id == 0 ||
        tj_reader_peek(r, end)->kind == TJ_TOK_DIGIT ||
        (braced && tj_reader_peek(r, end)->kind != TJ_TOK_RBRACE)) {
        return 0;
    }
    r->at += end + braced;
    return minus ? -digit->id : digit->id;
}

/* "square", "sq.", "cubic": the power of the unit that follows, 0 if none is there. */
static int read_modifier(tj_reader *r)
{
    static const struct {
        const char *word;
        int power;
    } modifiers[] = {{"square", 2}, {"squared", 2}, {"sq", 2}, {"cubic", 3}, {"cu", 3}};
    for (size_t i = 0; i < sizeof modifiers / sizeof modifiers[0]; i++) {
        if (!tj_reader_is_word(r, 0, modifiers[i].word)) {
            continue;
        }
        size_t point = tj_reader_peek(r, 1)->kind == TJ_TOK_POINT;
        tj_reader look = *r;
        look.err = NULL;
        look.at += 1 + point;
        tj_unit unit;
        if (read_known(&look, &unit, true, true)) {
            r->at += 1 + point;
            return modifiers[i].power;
        }
    }
    return 0;
}

bool tj_reader_combine(tj_reader *r, tj_unit *out, const tj_unit *a, int power_a, const tj_unit *b,
                       int power_b)
{
    if (tj_unit_combine(out, r->arena, a, power_a, b, power_b)) {
        return true;
    }
    if (tj_arena_calloc(r->arena, 1, strlen(a->text) + strlen(b->text) + MAX_NAME) == NULL) {
        tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a unit");
    }
    return false;
}

/* One unit with its power. */
static bool read_one(tj_reader *r, tj_unit *out, bool behind_number, bool behind_unit)
{
    int before = read_modifier(r);
    const tj_token *token = tj_reader_peek(r, 0);
    tj_unit unit;
    if (token->kind == TJ_TOK_MONEY) {
        if (tj_reader_peek(r, 1)->kind == TJ_TOK_DIGIT ||
            tj_unit_find(&unit, token->text, token->n_text) == TJ_UNIT_NONE) {
            return false;
        }
        tj_reader_next(r);
    } else if (!read_known(r, &unit, behind_number, behind_unit || before != 0) &&
               !read_count(r, &unit)) {
        return false;
    }
    if (tj_reader_at(r, TJ_TOK_POINT) && tj_reader_peek(r, 1)->kind == TJ_TOK_CARET) {
        tj_reader_next(r); /* "in.^2" */
    }
    int power = read_power(r);
    if (tj_reader_is_word(r, 0, "squared") || tj_reader_is_word(r, 0, "cubed")) {
        power = tj_reader_is_word(r, 0, "cubed") ? 3 : 2;
        tj_reader_next(r);
    }
    power = (power == 0 ? 1 : power) * (before == 0 ? 1 : before);
    if (power == 1) {
        *out = unit;
        return true;
    }
    return tj_reader_combine(r, out, &unit, power, &unit, 0);
}

/* "kg m/s^2": a unit's letter behind another unit, where it is plain that it goes on as units do.
 */
static bool at_letter_unit(const tj_reader *r)
{
    const tj_token *letter = tj_reader_peek(r, 0);
    tj_tok_kind behind = (tj_tok_kind)tj_reader_peek(r, 1)->kind;
    return letter->kind == TJ_TOK_WORD && letter->n_text == 1 && r->sub == 0 &&
           (behind == TJ_TOK_SLASH || behind == TJ_TOK_CARET || behind == TJ_TOK_END);
}

/* Whether "/", "per", "a" or "*" is followed by a unit rather than a value. */
static bool read_next_unit(tj_reader *r, const tj_unit *before, tj_unit *out, bool *divides)
{
    bool slash = tj_reader_at(r, TJ_TOK_SLASH), times = tj_reader_at(r, TJ_TOK_TIMES);
    bool a = tj_reader_is_word(r, 0, "a") || tj_reader_is_word(r, 0, "an");
    bool per = tj_reader_is_word(r, 0, "per") || (a && tj_reader_peek(r, 1)->n_text > 2);
    const tj_token *next = tj_reader_peek(r, slash || times || per);
    bool beside = !slash && !times && !per &&
                  ((in_text(next) && next->kind == TJ_TOK_WORD) ||
                   (before->name[0] == '\0' && at_letter_unit(r)));
    if ((!slash && !times && !per && !beside) ||
        (next->kind != TJ_TOK_WORD && next->kind != TJ_TOK_QUOTED)) {
        return false;
    }
    tj_reader look = *r;
    look.err = NULL;
    look.at += !beside;
    look.sub = 0;
    bool ok = beside && in_text(next) ? read_known(&look, out, true, true)
                                      : read_one(&look, out, true, true);
    if (look.rc == TJ_E_NOMEM) {
        tj_reader_fail_code(r, look.rc, "cannot allocate a unit");
    }
    if (!ok || look.rc != TJ_OK) {
        return false;
    }
    *divides = slash || per;
    r->at = look.at;
    r->sub = 0;
    return true;
}

static bool read_rest(tj_reader *r, tj_unit *unit)
{
    tj_unit next;
    bool divides;
    while (read_next_unit(r, unit, &next, &divides)) {
        if (!tj_reader_combine(r, unit, unit, 1, &next, divides ? -1 : 1)) {
            tj_reader_fail(r, "units that can be combined before this");
            return false;
        }
    }
    return true;
}

/* One unit in braces. */
static bool read_braced(tj_reader *r, tj_unit *out)
{
    bool ok =
        tj_reader_accept(r, TJ_TOK_LBRACE) && read_one(r, out, false, false) && read_rest(r, out);
    return ok && tj_reader_accept(r, TJ_TOK_RBRACE);
}

/* \frac{\text{m}}{\text{s}^2} */
static bool read_fraction(tj_reader *r, tj_unit *out)
{
    tj_reader look = *r;
    tj_unit above, below;
    look.err = NULL;
    tj_reader_next(&look);
    if (!read_braced(&look, &above) || !read_braced(&look, &below) || look.rc != TJ_OK ||
        !tj_reader_combine(r, out, &above, 1, &below, -1)) {
        return false;
    }
    r->at = look.at;
    return true;
}

bool tj_reader_unit(tj_reader *r, tj_unit *out, bool behind_number)
{
    const tj_token *token = tj_reader_peek(r, 0);
    if (token->kind == TJ_TOK_FRAC && tj_reader_peek(r, 1)->kind == TJ_TOK_LBRACE &&
        tj_reader_peek(r, 2)->kind == TJ_TOK_WORD && in_text(tj_reader_peek(r, 2)) &&
        r->rc == TJ_OK) {
        return read_fraction(r, out);
    }
    bool can = token->kind == TJ_TOK_QUOTED || token->kind == TJ_TOK_MONEY ||
               (behind_number && (is_letter(token, "Omega") || is_letter(token, "mu"))) ||
               (token->kind == TJ_TOK_WORD && r->sub == 0 &&
                (token->n_text > 1 || in_text(token) || behind_number));
    if (!can || r->rc != TJ_OK) {
        return false;
    }
    size_t at = r->at;
    if (!read_one(r, out, behind_number, false) || !read_rest(r, out)) {
        r->at = r->rc == TJ_OK ? at : r->at;
        return false;
    }
    return true;
}

bool tj_reader_at_money(const tj_reader *r)
{
    const tj_token *code = tj_reader_peek(r, 0), *next = tj_reader_peek(r, 1);
    tj_unit unit;
    return code->kind == TJ_TOK_WORD && r->sub == 0 && code->n_text == 3 &&
           next->kind == TJ_TOK_DIGIT && (next->flags & TJ_TOK_SPACED) != 0 &&
           tj_unit_find(&unit, code->text, 3) == TJ_UNIT_PLAIN && unit.dims[TJ_DIM_MONEY] == 1;
}

const tj_ex *tj_reader_money(tj_reader *r)
{
    if (tj_reader_is_word(r, 0, "us")) { /* US$ */
        tj_reader_next(r);
    }
    const tj_token *sign = tj_reader_peek(r, 0);
    tj_unit unit;
    if (tj_unit_find(&unit, sign->text, sign->n_text) == TJ_UNIT_NONE) {
        return tj_reader_fail(r, "a currency that is known");
    }
    tj_reader_next(r);
    tj_place place = r->place;
    r->place = r->place == TJ_PLACE_TOP ? TJ_PLACE_SCALAR : r->place;
    bool minus = tj_reader_accept(r, TJ_TOK_MINUS);
    const tj_ex *value = tj_reader_factor(r, true);
    r->place = place;
    const tj_token *word = tj_reader_peek(r, 0);
    int64_t scale;
    tj_number_word kind = word->kind == TJ_TOK_WORD
                              ? tj_words_number(&scale, word->text, word->n_text)
                              : TJ_WORD_NO_NUMBER;
    if (value != NULL && (kind == TJ_WORD_POWER || kind == TJ_WORD_HUNDRED)) {
        tj_reader_next(r);
        value = tj_reader_binary(r, TJ_EX_MUL, value, tj_reader_integer(r, scale));
    }
    if (value == NULL || !tj_ex_is_value(value) || value->kind == TJ_EX_QUANTITY) {
        return tj_reader_fail(r, "an amount of money");
    }
    if (minus) {
        value = tj_reader_negate(r, value);
    }
    return read_rest(r, &unit) ? tj_reader_quantity(r, value, &unit) : NULL;
}
