/* A sentence's pieces: formulas, numbers and plain mathematics on one hand, words on the other.
 * What is joined without a space is one piece, and a bracket or brace that stays open takes the
 * rest of its line, so that no piece is half of a formula. */
#include <string.h>

#include "grade/extract.h"
#include "grade/units.h"

#define MAX_BRACKET 1024 /* bytes within one pair of brackets of plain text */

/* ------------------------------------------------------------------ characters */

typedef enum char_class {
    CH_SPACE, /* quotes and Markdown's signs of code too */
    CH_LETTER,
    CH_DIGIT,
    CH_MATH, /* signs of mathematics */
    CH_CJK,  /* kana, kanji, hangul: written without spaces */
    CH_COMMA,
    CH_STOP, /* . ! ? and their kin */
    CH_COLON,
    CH_NEWLINE
} char_class;

typedef struct range {
    unsigned first, last;
    char_class kind;
} range;

/* Above ASCII, in order; what is in none of them is a letter. */
static const range ranges[] = {
    {0x00A0, 0x00A0, CH_SPACE}, {0x00A2, 0x00A5, CH_MATH},  {0x00AB, 0x00AB, CH_SPACE},
    {0x00AC, 0x00AC, CH_MATH},  {0x00B0, 0x00B3, CH_MATH},  {0x00B7, 0x00B7, CH_MATH},
    {0x00B9, 0x00B9, CH_MATH},  {0x00BB, 0x00BB, CH_SPACE}, {0x00BC, 0x00BE, CH_MATH},
    {0x00D7, 0x00D7, CH_MATH},  {0x00F7, 0x00F7, CH_MATH},  {0x0391, 0x03FF, CH_MATH},
    {0x2000, 0x200F, CH_SPACE}, {0x2010, 0x2013, CH_MATH},  {0x2014, 0x2015, CH_COLON},
    {0x2018, 0x201F, CH_SPACE}, {0x2026, 0x2026, CH_STOP},  {0x2028, 0x202F, CH_SPACE},
    {0x2030, 0x2037, CH_MATH},  {0x2044, 0x2044, CH_MATH},  {0x2070, 0x20CF, CH_MATH},
    {0x2100, 0x22FF, CH_MATH},  {0x2308, 0x230B, CH_MATH},  {0x2329, 0x232A, CH_MATH},
    {0x25A0, 0x25FF, CH_MATH},  {0x27C0, 0x2BFF, CH_MATH},  {0x3000, 0x3000, CH_SPACE},
    {0x3001, 0x3001, CH_COMMA}, {0x3002, 0x3002, CH_STOP},  {0x3003, 0x3007, CH_CJK},
    {0x3008, 0x3011, CH_SPACE}, {0x3040, 0x9FFF, CH_CJK},   {0xAC00, 0xD7AF, CH_CJK},
    {0xF900, 0xFAFF, CH_CJK},   {0xFF01, 0xFF01, CH_STOP},  {0xFF04, 0xFF05, CH_MATH},
    {0xFF08, 0xFF0B, CH_MATH},  {0xFF0C, 0xFF0C, CH_COMMA}, {0xFF0D, 0xFF0D, CH_MATH},
    {0xFF0E, 0xFF0E, CH_MATH},  {0xFF0F, 0xFF0F, CH_MATH},  {0xFF10, 0xFF19, CH_DIGIT},
    {0xFF1A, 0xFF1A, CH_COLON}, {0xFF1B, 0xFF1B, CH_COMMA}, {0xFF1C, 0xFF1E, CH_MATH},
    {0xFF1F, 0xFF1F, CH_STOP},  {0xFF3E, 0xFF3E, CH_MATH},  {0xFF65, 0xFF9F, CH_CJK},
    {0x20000, 0x3FFFF, CH_CJK},
};

static char_class wide_class(unsigned c)
{
    size_t low = 0, high = sizeof ranges / sizeof ranges[0];
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c > ranges[mid].last) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < sizeof ranges / sizeof ranges[0] && c >= ranges[low].first ? ranges[low].kind
                                                                            : CH_LETTER;
}

static char_class ascii_class(char c)
{
    if (tj_is_letter(c) || c == '\'') {
        return CH_LETTER;
    }
    if (tj_is_digit(c)) {
        return CH_DIGIT;
    }
    switch (c) {
    case '\n':
        return CH_NEWLINE;
    case ',':
    case ';':
        return CH_COMMA;
    case '.':
    case '!':
    case '?':
        return CH_STOP;
    case ':':
        return CH_COLON;
    case '"':
    case '`':
    case '#':
        return CH_SPACE;
    default:
        return tj_is_space(c) || (unsigned char)c < 0x20 || c == 0x7F ? CH_SPACE : CH_MATH;
    }
}

/* The class of the character at `at`, which ends before `end`; *n is its bytes. Bytes that are no
 * UTF-8 are letters: the reader will say so. */
static char_class class_at(const char *s, size_t at, size_t end, size_t *n)
{
    const unsigned char *p = (const unsigned char *)s + at;
    size_t len = p[0] < 0xC2 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 1;
    *n = 1;
    if (p[0] < 0x80) {
        return ascii_class(s[at]);
    }
    if (len == 1 || len > end - at) {
        return CH_LETTER;
    }
    unsigned c = p[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return CH_LETTER;
        }
        c = c << 6 | (p[i] & 0x3Fu);
    }
    *n = len;
    return wide_class(c);
}

/* ------------------------------------------------------------------ pieces */

/* Emphasis of Markdown rather than a product: not between two spaces, and not between two values.
 */
static bool is_emphasis(const char *s, size_t at, size_t end)
{
    size_t past = at;
    while (past < end && s[past] == '*') {
        past++;
    }
    bool before = at > 0 && !tj_is_space(s[at - 1]), behind = past < end && !tj_is_space(s[past]);
    bool open = !before && behind;
    bool close = before && (!behind || s[past] == '.' || s[past] == ',' || s[past] == ':');
    return (open && past - at <= 3) || (close && past - at <= 3);
}

/* Behind a calculator's annotation, "<<9*2=18>>", which is no part of a sentence; `at` if none
 * begins there. */
static size_t annotation_end(const char *s, size_t at, size_t end)
{
    if (!tj_span_starts(s, at, end, "<<")) {
        return at;
    }
    size_t stop =
        tj_at_most(at, tj_span_find(s, at, tj_at_most(at, end, MAX_BRACKET), "\n"), MAX_BRACKET);
    size_t close = tj_span_find(s, at, stop, ">>");
    return close == stop ? at : close + 2;
}

static bool is_word_char(char_class k)
{
    return k == CH_LETTER || k == CH_DIGIT || k == CH_MATH;
}

/* Whether a stop or comma at `at` belongs to what stands around it: "3.14", "1,234", "0.333...",
 * "3:45", "p.m.", "5!/3". *n is how many bytes then do. */
static bool continues(const char *s, size_t from, size_t at, size_t end, size_t *n)
{
    char c = s[at], next = at + 1 < end ? s[at + 1] : ' ', before = at > from ? s[at - 1] : ' ';
    *n = 1;
    if (c == '.' && tj_is_digit(before) && tj_span_starts(s, at, end, "...")) {
        *n = 3;
        return true;
    }
    if (c == '.' || c == ',' || c == ':') {
        bool half_day = c == '.' && at - from == 3 && tj_span_starts(s, from + 1, end, ".m.") &&
                        (before == 'm' || before == 'M');
        return half_day || (tj_is_digit(next) && (c == '.' || tj_is_digit(before))) ||
               (c == '.' && tj_is_letter(before) && tj_is_letter(next));
    }
    if (c == '!') { /* at a sentence's end it is more likely an exclamation */
        return at > from && !tj_is_space(next) && next != '"' && next != '*';
    }
    return false;
}

/* Behind a piece that begins at `from` with a letter, a digit or a sign. */
static size_t piece_end(const char *s, size_t from, size_t end)
{
    size_t at = from, n = 1;
    while (at < end) {
        char_class k = class_at(s, at, end, &n);
        char c = s[at];
        if (c == '\\' && at + 1 < end) {
            bool letters = tj_is_letter(s[at + 1]);
            if (tj_formula_end(s, at, end) > at || s[at + 1] == ')' || s[at + 1] == ']') {
                break;
            }
            for (at += 2; letters && at < end && tj_is_letter(s[at]); at++) {
            }
            at += letters && at + 1 < end && s[at] == ' ' && s[at + 1] == '{' ? 1 : 0;
        } else if (c == '{' || ((c == '(' || c == '[') && at > from)) {
            size_t line = tj_span_find(s, at, end, "\n");
            size_t close = tj_close_of(s, at, tj_at_most(at, line, MAX_BRACKET));
            if (c != '{' && tj_has_words(s, at, close, 1)) {
                break;
            }
            at = close;
        } else if (c == '$' && at > from && !(at + 1 < end && tj_is_digit(s[at + 1]))) {
            break;
        } else if ((c == '*' && is_emphasis(s, at, end)) ||
                   (c == '<' && annotation_end(s, at, end) > at)) {
            break;
        } else if (is_word_char(k)) {
            at += n;
        } else if ((k == CH_STOP || k == CH_COMMA || k == CH_COLON) && n == 1 &&
                   continues(s, from, at, end, &n)) {
            at += n;
        } else {
            break;
        }
    }
    return at > from ? at : from + n;
}

/* What a piece of letters alone is. */
static tj_piece_kind word_kind(const char *s, size_t at, size_t n)
{
    tj_unit unit;
    if (n == 1) {
        return TJ_PIECE_LETTER;
    }
    if ((n == 3 && tj_span_starts(s, at, at + n, "and")) ||
        (n == 2 && tj_span_starts(s, at, at + n, "or"))) {
        return TJ_PIECE_JOIN;
    }
    if (tj_is_math_name(s + at, n)) {
        return TJ_PIECE_MATH;
    }
    if (tj_unit_find(&unit, s + at, n) ||
        (n == 2 && (tj_span_starts(s, at, at + n, "am") || tj_span_starts(s, at, at + n, "pm")))) {
        return TJ_PIECE_UNIT;
    }
    return TJ_PIECE_WORD;
}

static tj_piece_kind kind_of(const char *s, tj_span at)
{
    bool digit = false, letter = false, sign = false, other = false, hyphen_only = true;
    size_t n = 1;
    for (size_t i = at.begin; i < at.end; i += n) {
        char_class k = class_at(s, i, at.end, &n);
        digit = digit || k == CH_DIGIT;
        letter = letter || (k == CH_LETTER && n == 1 && s[i] != '\'');
        other = other || (k == CH_LETTER && n > 1);
        sign = sign || k == CH_MATH;
        hyphen_only = hyphen_only && (k != CH_MATH || s[i] == '-');
    }
    if (at.end - at.begin == 3 && s[at.begin] == '(' && s[at.begin + 1] >= 'A' &&
        s[at.begin + 1] <= 'J' && s[at.begin + 2] == ')') {
        return TJ_PIECE_CHOICE;
    }
    if (at.end - at.begin == 4 && tj_span_starts(s, at.begin + 1, at.end, ".m.")) {
        return TJ_PIECE_UNIT;
    }
    if (other || tj_has_words(s, at.begin, at.end, 1)) {
        bool plain = !digit && !other && !sign;
        return plain ? word_kind(s, at.begin, at.end - at.begin) : TJ_PIECE_WORD;
    }
    if (digit) {
        return TJ_PIECE_NUMBER;
    }
    if (!letter) {
        bool infinity = tj_span_find(s, at.begin, at.end, "∞") < at.end ||
                        tj_span_find(s, at.begin, at.end, "π") < at.end ||
                        tj_span_find(s, at.begin, at.end, "∅") < at.end;
        return infinity ? TJ_PIECE_MATH : TJ_PIECE_SIGN;
    }
    return sign && !(hyphen_only && at.end - at.begin > 3)
               ? TJ_PIECE_MATH
               : word_kind(s, at.begin, at.end - at.begin);
}

/* Kana and kanji up to the next sign of another kind: a unit, as far as one goes, or words. */
static tj_piece japanese(const char *s, size_t at, size_t end)
{
    size_t ends[9], n_ends = 0, n = 1, past = at;
    while (past < end && n_ends < 8 && class_at(s, past, end, &n) == CH_CJK) {
        past += n;
        ends[n_ends++] = past;
    }
    for (size_t i = n_ends; i-- > 0;) {
        tj_unit unit;
        if (tj_unit_find(&unit, s + at, ends[i] - at)) {
            return (tj_piece){.kind = TJ_PIECE_UNIT, .at = {at, ends[i]}, .next = ends[i]};
        }
    }
    bool join =
        n_ends == 1 && (tj_span_starts(s, at, end, "と") || tj_span_starts(s, at, end, "和") ||
                        tj_span_starts(s, at, end, "或")); /* huo */
    while (past < end && class_at(s, past, end, &n) == CH_CJK) {
        past += n;
    }
    return (tj_piece){.kind = join ? TJ_PIECE_JOIN : TJ_PIECE_WORD, .at = {at, past}, .next = past};
}

static tj_piece single(tj_piece_kind kind, size_t at, size_t n)
{
    return (tj_piece){.kind = kind, .at = {at, at + n}, .next = at + n};
}

tj_piece tj_piece_next(const char *s, size_t at, size_t end)
{
    size_t n = 1;
    for (; at < end; at += n) {
        char_class k = class_at(s, at, end, &n);
        size_t past = tj_formula_end(s, at, end);
        if (past > at) {
            return (tj_piece){.kind = TJ_PIECE_FORMULA, .at = {at, past}, .next = past};
        }
        past = annotation_end(s, at, end);
        if (past > at) {
            n = past - at;
            continue;
        }
        if (k == CH_NEWLINE) {
            return (tj_piece){.kind = TJ_PIECE_END, .at = {at, at}, .next = at + 1};
        }
        if (k == CH_CJK) {
            return japanese(s, at, end);
        }
        if (k == CH_COMMA) {
            return single(TJ_PIECE_JOIN, at, n);
        }
        if (k == CH_COLON) {
            return single(TJ_PIECE_WORD, at, n);
        }
        if (k == CH_STOP && !(s[at] == '.' && at + 1 < end && tj_is_digit(s[at + 1]))) {
            return single(TJ_PIECE_END, at, n);
        }
        if (k == CH_SPACE || (s[at] == '*' && is_emphasis(s, at, end))) {
            continue;
        }
        past = piece_end(s, at, end);
        tj_span span = {at, past};
        if (s[at] == '(' || s[at] == '[') {
            size_t close = tj_close_of(s, at, tj_at_most(at, end, MAX_BRACKET));
            bool whole = close < end || s[end - 1] == ')' || s[end - 1] == ']';
            if (!whole || tj_has_words(s, at, close, 1)) {
                return single(TJ_PIECE_WORD, at, whole ? close - at : 1);
            }
            span.end = close < end ? piece_end(s, close - 1, end) : close;
        }
        return (tj_piece){.kind = kind_of(s, span), .at = span, .next = span.end};
    }
    return (tj_piece){.kind = TJ_PIECE_END, .at = {end, end}, .next = end};
}

size_t tj_sentence_end(const char *s, size_t at, size_t end)
{
    tj_piece p = tj_piece_next(s, at, end);
    while (p.kind != TJ_PIECE_END) {
        p = tj_piece_next(s, p.next, end);
    }
    return p.at.begin;
}

size_t tj_count_prose(const char *s, tj_span at, size_t max)
{
    static const char *const sentence[] = {
        "is",   "are",   "was", "were", "has",    "have",    "so",    "thus",  "hence", "therefore",
        "then", "gives", "get", "we",   "equals", "because", "since", "makes", "there", "it",
    };
    size_t count = 0;
    tj_piece p = tj_piece_next(s, at.begin, at.end);
    for (; p.at.begin < at.end && count < max; p = tj_piece_next(s, p.next, at.end)) {
        size_t n = p.at.end - p.at.begin;
        bool wide = (unsigned char)s[p.at.begin] >= 0xE0; /* written without spaces: characters */
        count += p.kind == TJ_PIECE_WORD && n > 1 ? (wide ? n / 3 : 1) : 0;
        if (p.kind == TJ_PIECE_WORD &&
            tj_span_among(s, p.at, sentence, sizeof sentence / sizeof *sentence)) {
            count = max;
        }
        if (p.next >= at.end) {
            break;
        }
    }
    return count < max ? count : max;
}
