/* Runs of values: what a sentence says in mathematics, with its units, and with "and", "or" and
 * commas where the whole sentence is a list of values. A run is begun by a value and ended by a
 * word; the last run of a text is its answer where nothing else says which one is. */
#include <string.h>

#include "grade/extract.h"
#include "grade/units.h"
#include "grade/words.h"

#define MAX_TAIL 8192 /* bytes from the text's end in which a value is looked for */

typedef struct run {
    tj_span at;        /* from the first value to the last, the unit behind it included */
    size_t last_begin; /* of the last element of a list */
    size_t n_elements;
    size_t cut;      /* behind the last "=" of a chain; 0: none */
    bool formula;    /* has one, and not just a letter */
    bool number;     /* has a digit outside of formulas */
    bool math;       /* has mathematics outside of formulas */
    bool choice;     /* is one */
    bool joining;    /* behind a comma or "and" */
    bool dated;      /* has a month and a day, which a year may follow */
    tj_span unit;    /* the last piece that is no comma or "and", if it is a unit */
    bool after_sign; /* behind an operator */
} run;

typedef struct scan {
    const char *s;
    size_t end;
    bool only_first;      /* the sentence's first run is wanted, which begins the sentence */
    bool line_start;      /* nothing but white space stands before in this line */
    tj_span month;        /* the piece before, if it is a month's name */
    bool lists;           /* the word before the run lets a list follow: "are", ":" */
    bool ordinal;         /* the word before is one that numbers follow: "step" */
    bool chooses;         /* the word before is "choose" or its like */
    bool negated;         /* "not" stands before, with nothing but words like "equal to" between */
    tj_piece_kind before; /* of the piece before */
    run run;
    tj_value found;
} scan;

/* Just a letter or its name: "$n$". */
static bool is_symbol(const char *s, tj_span formula)
{
    size_t n_letters = 0;
    for (size_t i = formula.begin; i < formula.end; i++) {
        bool mark = s[i] == '$' || s[i] == '\\' || tj_is_space(s[i]) || s[i] == '(' || s[i] == ')';
        if (!mark && !tj_is_letter(s[i])) {
            return false;
        }
        n_letters += mark ? 0 : 1;
    }
    return n_letters == 1 ||
           (n_letters > 1 && memchr(s + formula.begin, '\\', formula.end - formula.begin) != NULL &&
            tj_span_find(s, formula.begin, formula.end, "\\pi") == formula.end &&
            tj_span_find(s, formula.begin, formula.end, "\\inf") == formula.end);
}

/* Behind the last "=" of plain text, which gives the value of a calculation: "9 * 2 = 18". Those in
 * brackets are none. */
static size_t behind_equals(const char *s, tj_span at)
{
    size_t found = 0, depth = 0;
    for (size_t i = at.begin; i + 1 < at.end; i++) {
        depth += s[i] == '(' || s[i] == '[' || s[i] == '{' ? 1 : 0;
        depth -= depth > 0 && (s[i] == ')' || s[i] == ']' || s[i] == '}') ? 1 : 0;
        if (depth == 0 && s[i] == '=' && i > at.begin && memchr("<>!=:~", s[i - 1], 6) == NULL) {
            found = i + 1;
        }
    }
    return found;
}

static void close_run(scan *c, bool at_sentence_end)
{
    run *r = &c->run;
    bool any = (r->formula || r->number || r->math || r->choice) && !tj_span_empty(r->at);
    if (any && c->negated) {
        c->found.negated = true;
    } else if (any) {
        tj_span at = r->at;
        bool list = r->n_elements > 1 && (c->only_first || (c->lists && at_sentence_end));
        at.begin = r->n_elements > 1 && !list ? r->last_begin : at.begin;
        size_t cut = list || c->only_first || r->formula ? 0 : behind_equals(c->s, at);
        at.begin = cut > 0 ? cut : at.begin;
        at = tj_span_trim(c->s, at);
        bool negated = c->found.negated;
        c->found = (tj_value){.at = at,
                              .negated = negated,
                              .rule = r->formula                ? "math"
                                      : r->choice && !r->number ? "choice"
                                      : r->number               ? "number"
                                                                : "math"};
    }
    c->negated = c->negated && !any;
    *r = (run){0};
}

static bool are_digits(const char *s, tj_span at, size_t least, size_t most)
{
    size_t n = at.end - at.begin;
    for (size_t i = at.begin; i < at.end; i++) {
        if (!tj_is_digit(s[i])) {
            return false;
        }
    }
    return n >= least && n <= most;
}

/* "March 3": a day behind its month, with nothing behind it but a year. */
static bool is_day(const scan *c, const tj_piece *p)
{
    if (tj_span_empty(c->month) || p->kind != TJ_PIECE_NUMBER || !are_digits(c->s, p->at, 1, 2)) {
        return false;
    }
    tj_piece next = tj_piece_next(c->s, p->next, c->end);
    return next.kind == TJ_PIECE_END || next.kind == TJ_PIECE_JOIN ||
           (next.kind == TJ_PIECE_NUMBER && are_digits(c->s, next.at, 4, 4));
}

/* "5 hours and 30 minutes": an amount goes on in another unit of its kind. */
static bool is_same_amount(const scan *c, const tj_piece *p)
{
    const char *s = c->s;
    tj_span before = c->run.unit;
    tj_piece next = tj_piece_next(s, p->next, c->end);
    tj_unit a, b;
    return !tj_span_empty(before) && p->kind == TJ_PIECE_NUMBER && next.kind == TJ_PIECE_UNIT &&
           tj_unit_find(&a, s + before.begin, before.end - before.begin) == TJ_UNIT_PLAIN &&
           tj_unit_find(&b, s + next.at.begin, next.at.end - next.at.begin) == TJ_UNIT_PLAIN &&
           tj_unit_same_kind(&a, &b) && tj_unit_compare(&a, &b) != 0;
}

/* A value's piece, which begins a run, goes on with one, or ends one and begins the next. */
static void add_value(scan *c, const tj_piece *p)
{
    run *r = &c->run;
    bool same = is_same_amount(c, p) ||
                (r->dated && p->kind == TJ_PIECE_NUMBER && are_digits(c->s, p->at, 4, 4));
    bool goes_on = !tj_span_empty(r->at) &&
                   (same || r->joining || r->after_sign ||
                    (p->kind != TJ_PIECE_CHOICE &&
                     (p->kind != TJ_PIECE_NUMBER ||
                      (c->before != TJ_PIECE_FORMULA && c->before != TJ_PIECE_UNIT &&
                       (c->before != TJ_PIECE_NUMBER ||
                        memchr(c->s + p->at.begin, '/', p->at.end - p->at.begin) != NULL ||
                        p->at.end - p->at.begin == 3)))));
    if (!goes_on) {
        if (!tj_span_empty(r->at)) {
            close_run(c, false);
        }
        r->dated = is_day(c, p);
        r->at.begin = r->last_begin = r->dated ? c->month.begin : p->at.begin;
        r->n_elements = 1;
    } else if (r->joining && !same) {
        r->last_begin = p->at.begin;
        r->n_elements++;
    }
    r->at.end = p->at.end;
    r->unit = (tj_span){0, 0};
    r->joining = r->after_sign = false;
    r->formula =
        r->formula || (p->kind == TJ_PIECE_FORMULA && (c->only_first || !is_symbol(c->s, p->at)));
    r->number = r->number || p->kind == TJ_PIECE_NUMBER;
    r->math = r->math || p->kind == TJ_PIECE_MATH;
    r->choice = r->choice || p->kind == TJ_PIECE_CHOICE;
}

static bool is_not_equal(const char *s, tj_span at)
{
    return tj_span_starts(s, at.begin, at.end, "!=") || tj_span_starts(s, at.begin, at.end, "≠");
}

/* An operator goes on with a run; where none is, a sign may begin one: "- 5", "≈ 3". */
static void add_sign(scan *c, const tj_piece *p)
{
    run *r = &c->run;
    bool minus =
        p->at.end - p->at.begin == 1 && (c->s[p->at.begin] == '-' || c->s[p->at.begin] == '+');
    if (tj_span_empty(r->at)) {
        if (!minus) {
            c->negated = c->negated || is_not_equal(c->s, p->at);
            return;
        }
        r->at = (tj_span){p->at.begin, p->at.end};
        r->last_begin = p->at.begin;
        r->n_elements = 1;
    } else if (r->joining) {
        if (!minus) {
            return;
        }
        r->last_begin = p->at.begin;
        r->n_elements++;
        r->joining = false;
    }
    r->after_sign = true;
}

/* "a" and "I" are words but between signs; other letters are variables, or units behind numbers. */
static bool is_variable(const scan *c, const tj_piece *p)
{
    char letter = c->s[p->at.begin];
    bool beside_sign = c->run.after_sign;
    if (!beside_sign && (letter == 'a' || letter == 'I' || letter == 'A')) {
        tj_piece next = tj_piece_next(c->s, p->next, c->end);
        beside_sign = next.kind == TJ_PIECE_SIGN || (c->only_first && next.kind == TJ_PIECE_END);
    }
    return beside_sign || (letter != 'a' && letter != 'I' && letter != 'A');
}

/* What stands in brackets behind a value or words says it again: "18 dollars (9 * 2 = 18)". */
static bool is_remark(const scan *c, const tj_piece *p)
{
    const char *s = c->s;
    if (s[p->at.begin] != '(' || c->only_first || c->run.after_sign || c->run.joining) {
        return false;
    }
    bool calculation = memchr(s + p->at.begin, '=', p->at.end - p->at.begin) != NULL;
    bool behind_value =
        !tj_span_empty(c->run.at) && c->before != TJ_PIECE_MATH && tj_is_space(s[p->at.begin - 1]);
    return behind_value || (calculation && c->before == TJ_PIECE_WORD);
}

/* Units that are words of every sentence are units only at the end of a value's own. */
static bool is_unit(const scan *c, const tj_piece *p)
{
    static const char *const words[] = {"in", "are", "as", "at", "am", "bit", "bar"};
    if (!tj_span_among(c->s, p->at, words, sizeof words / sizeof words[0])) {
        return true;
    }
    tj_piece next = tj_piece_next(c->s, p->next, c->end);
    return next.kind == TJ_PIECE_END || next.kind == TJ_PIECE_JOIN;
}

/* Whether a word denies the value before it: "5 is not", "5 isn't", 5ではない. */
static bool denies_behind(const scan *c, const tj_piece *p)
{
    static const char *const copulas[] = {"is", "are", "was", "were", "can", "does"};
    static const char *const nots[] = {"not", "isn't", "aren't", "wasn't", "cannot", "can't"};
    static const char *const denials[] = {"ではない", "ではなく", "ではありません", "じゃない"};
    bool wide = (unsigned char)c->s[p->at.begin] >= 0xE0;
    for (size_t i = 0; wide && i < sizeof denials / sizeof denials[0]; i++) {
        if (tj_span_starts(c->s, p->at.begin, p->at.end, denials[i])) {
            return true;
        }
    }
    if (tj_span_among(c->s, p->at, copulas, sizeof copulas / sizeof *copulas)) {
        tj_piece next = tj_piece_next(c->s, p->next, c->end);
        return next.kind == TJ_PIECE_WORD && tj_span_among(c->s, next.at, nots, 1);
    }
    return tj_span_among(c->s, p->at, nots + 1, sizeof nots / sizeof *nots - 1);
}

/* A word ends a run, and says something of the next one. */
static void add_word(scan *c, const tj_piece *p)
{
    static const char *const nots[] = {"not",   "isn't",  "aren't", "wasn't",
                                       "never", "cannot", "than"};
    static const char *const between[] = {"equal", "equals", "to",    "exactly", "the",  "a",
                                          "be",    "is",     "value", "just",    "even", "simply"};
    static const char *const list_words[] = {"are", "were",  "be",    ":",    "values", "solutions",
                                             "is",  "roots", "pairs", "both", "either"};
    static const char *const ordinal_words[] = {"step",    "case",   "part",     "problem",
                                                "example", "method", "question", "equation",
                                                "figure",  "line",   "lemma",    "theorem"};
    static const char *const choosing[] = {"choose", "pick", "select", "option", "choice"};
    c->negated = c->negated || denies_behind(c, p);
    close_run(c, false);
    c->negated =
        tj_span_among(c->s, p->at, nots, sizeof nots / sizeof *nots) ||
        (c->negated && tj_span_among(c->s, p->at, between, sizeof between / sizeof *between));
    c->lists = tj_span_among(c->s, p->at, list_words, sizeof list_words / sizeof *list_words) ||
               c->s[p->at.begin] == ':';
    c->ordinal =
        tj_span_among(c->s, p->at, ordinal_words, sizeof ordinal_words / sizeof *ordinal_words);
    c->chooses = tj_span_among(c->s, p->at, choosing, sizeof choosing / sizeof *choosing);
}

/* "3." or "3)" at a line's beginning, and the 3 of "step 3", are no values. */
static bool is_ordinal(const scan *c, const tj_piece *p)
{
    for (size_t i = p->at.begin; i < p->at.end; i++) {
        if (!tj_is_digit(c->s[i]) && !(c->s[i] == ')' && i + 1 == p->at.end && i > p->at.begin)) {
            return false;
        }
    }
    bool dot = p->at.end + 1 < c->end && c->s[p->at.end] == '.' && tj_is_space(c->s[p->at.end + 1]);
    return c->ordinal || (c->line_start && (dot || c->s[p->at.end - 1] == ')'));
}

static void add_piece(scan *c, const tj_piece *p)
{
    run *r = &c->run;
    switch (p->kind) {
    case TJ_PIECE_NUMBER:
    case TJ_PIECE_MATH:
        if (p->kind == TJ_PIECE_NUMBER && is_ordinal(c, p)) {
            close_run(c, false);
        } else if (!is_remark(c, p)) {
            add_value(c, p);
        }
        break;
    case TJ_PIECE_FORMULA:
    case TJ_PIECE_CHOICE:
        add_value(c, p);
        break;
    case TJ_PIECE_SIGN:
        add_sign(c, p);
        break;
    case TJ_PIECE_LETTER:
        if (is_variable(c, p) || c->chooses) {
            add_value(c, p);
            r->choice = r->choice || c->chooses; /* "I choose C" */
        } else {
            add_word(c, p);
        }
        break;
    case TJ_PIECE_UNIT:
        if (!tj_span_empty(r->at) && !r->joining && !r->after_sign && is_unit(c, p)) {
            r->at.end = p->at.end;
            r->unit = p->at;
        } else {
            add_word(c, p);
        }
        break;
    case TJ_PIECE_JOIN:
        if (tj_span_empty(r->at) || r->after_sign) {
            close_run(c, false);
        }
        r->joining = !tj_span_empty(r->at);
        break;
    case TJ_PIECE_WORD:
        add_word(c, p);
        break;
    case TJ_PIECE_END:
        close_run(c, true);
        c->lists = c->ordinal = c->negated = false;
        break;
    }
    bool month = p->kind == TJ_PIECE_WORD && tj_is_upper(c->s[p->at.begin]) &&
                 tj_words_month(c->s + p->at.begin, p->at.end - p->at.begin) != 0;
    c->month = month ? p->at : (tj_span){0, 0};
    c->before = p->kind;
    c->line_start = p->kind == TJ_PIECE_END && p->at.begin == p->at.end;
}

tj_value tj_value_first(const char *s, tj_span sentence)
{
    scan c = {.s = s, .end = sentence.end, .only_first = true, .line_start = false};
    tj_piece p = tj_piece_next(s, sentence.begin, sentence.end);
    for (;;) {
        add_piece(&c, &p);
        if (c.found.rule != NULL || tj_span_empty(c.run.at) || p.kind == TJ_PIECE_END) {
            return c.found;
        }
        p = tj_piece_next(s, p.next, sentence.end);
    }
}

/* A paragraph at a time, from the last one back: formulas go over lines, but not over empty ones.
 */
static size_t paragraph_begin(const char *s, tj_span text)
{
    size_t at = text.end;
    while (at > text.begin && tj_is_space(s[at - 1])) {
        at--;
    }
    for (bool line = false; at > text.begin; at--) {
        char c = s[at - 1];
        if (c == '\n' && line) {
            return at;
        }
        line = c == '\n' || (line && tj_is_space(c));
    }
    return text.begin;
}

static tj_value last_of(const char *s, tj_span text)
{
    scan c = {.s = s, .end = text.end, .line_start = true};
    size_t at = text.begin;
    while (at < text.end) {
        tj_piece p = tj_piece_next(s, at, text.end);
        add_piece(&c, &p);
        at = p.next;
    }
    close_run(&c, true);
    return c.found;
}

tj_value tj_value_last(const char *s, tj_span text)
{
    tj_value found = {.rule = NULL};
    bool negated = false;
    if (text.end - text.begin > MAX_TAIL) {
        text.begin = text.end - MAX_TAIL;
    }
    while (found.rule == NULL && !tj_span_empty(text)) {
        size_t begin = paragraph_begin(s, text);
        found = last_of(s, (tj_span){begin, text.end});
        negated = negated || found.negated;
        text.end = begin;
    }
    found.negated = negated;
    return found;
}
