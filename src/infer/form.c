/* The automaton of a form.
 *
 * Modes say what is expected; `sub` says where within a string or a number it stands. What ends a
 * number or a literal that others begin with (1 of 12) is the byte after it, which belongs to the
 * container around: the value is then closed and the byte stepped over once more, at most once. */
#include "infer/form.h"

#include <string.h>

#include "base/assert.h"

_Static_assert(sizeof(tj_form_state) ==
                   TJ_FORM_MAX_DEPTH * sizeof(tj_form_frame) + 2 * 4 + 5 * 2 + 6,
               "states are compared by their bytes");

enum mode {
    M_VALUE, /* a value of `node` */
    M_OPEN,  /* after { or [ */
    M_NEXT,  /* after a comma */
    M_KEY,   /* in the key of the member, at byte `at` */
    M_COLON, /* before the colon */
    M_AFTER, /* after a value: a comma, or the end of the container */
    M_STRING,
    M_NUMBER,
    M_LITERAL,
    M_DONE,
    M_THINK,   /* in <think>, at byte `at` */
    M_THOUGHT, /* behind it; `at` bytes of </think> are there */
    M_THOUGHT_END
};

/* In a string: between characters; in a character of several bytes; in an escape. */
enum string_sub {
    S_TEXT,
    S_1, /* bytes 80..BF to come */
    S_2,
    S_3,
    S_E0, /* one in A0..BF (no overlong form), then one more */
    S_ED, /* one in 80..9F (no surrogate), then one more */
    S_F0, /* one in 90..BF (no overlong form), then two more */
    S_F4, /* one in 80..8F (at most U+10FFFF), then two more */
    S_ESCAPE,
    S_HEX0, /* four digits */
    S_HEX1,
    S_HEX2,
    S_HEX3,
    S_LOW_BACKSLASH, /* the second half of a surrogate pair: \uDC00 to \uDFFF */
    S_LOW_U,
    S_LOW_HEX0,
    S_LOW_HEX1,
    S_LOW_HEX2,
    S_LOW_HEX3
};

enum number_sub { N_MINUS, N_ZERO, N_INT, N_POINT, N_FRACTION, N_E, N_SIGN, N_EXP };

enum { F_THINKS = 1, F_FIRST = 2, F_KEY = 4 }; /* the string has no character yet; it is a key */

#define BLANKS_CLOSED 255 /* no blank may come */
#define THINK_OPEN    "<think>"
#define THINK_CLOSE   "</think>"
#define THINK_LINES   2 /* newlines after a thought */

static const tj_form_node *node_of(const tj_form_state *s, const tj_form *form)
{
    return &form->nodes[s->node];
}

static tj_form_frame *top(tj_form_state *s)
{
    return &s->frames[s->depth - 1];
}

static void set_mode(tj_form_state *s, enum mode mode)
{
    s->mode = (uint8_t)mode;
    s->sub = 0;
    s->blank = 0;
    s->at = 0;
    s->low = s->high = 0;
    s->value = 0;
    s->digits = 0;
    s->need = s->room = 0;
    s->flags = 0;
}

/* A value has ended. */
static void close_value(tj_form_state *s, const tj_form *form)
{
    set_mode(s, M_AFTER);
    s->node = 0;
    if (s->depth == 0) {
        s->mode = M_DONE;
        return;
    }
    tj_form_frame *frame = top(s);
    const tj_form_node *node = &form->nodes[frame->node];
    if (node->kind == TJ_FORM_ARRAY) { /* counted as far as it matters */
        uint32_t most = node->max == TJ_FORM_NO_LIMIT ? node->min : node->max;
        frame->n = frame->n < most ? (uint16_t)(frame->n + 1) : frame->n;
    }
}

static bool close_container(tj_form_state *s, const tj_form *form)
{
    *top(s) = (tj_form_frame){0, 0};
    s->depth--;
    close_value(s, form);
    return true;
}

static bool open_container(tj_form_state *s, uint16_t node)
{
    if (s->depth == TJ_FORM_MAX_DEPTH) {
        return false;
    }
    s->frames[s->depth++] = (tj_form_frame){node, 0};
    set_mode(s, M_OPEN);
    s->node = 0;
    return true;
}

/* ------------------------------------------------------------ strings */

static void open_string(tj_form_state *s, const tj_form *form, uint16_t node, bool is_key)
{
    set_mode(s, M_STRING);
    s->node = node;
    s->need = form->nodes[node].min;
    s->room = form->nodes[node].max;
    s->flags = (uint8_t)((is_key ? F_KEY : 0) | (s->need > 0 ? F_FIRST : 0));
}

/* A character begins. */
static bool count_character(tj_form_state *s)
{
    if (s->room == 0) {
        return false;
    }
    s->room -= s->room == TJ_FORM_NO_LIMIT ? 0 : 1;
    s->need -= s->need > 0 ? 1 : 0;
    return true;
}

static bool end_character(tj_form_state *s)
{
    s->sub = S_TEXT;
    s->value = 0;
    s->flags &= (uint8_t)~F_FIRST;
    return true;
}

static bool close_string(tj_form_state *s, const tj_form *form)
{
    if (s->need > 0) {
        return false;
    }
    if (s->flags & F_KEY) {
        set_mode(s, M_COLON);
    } else {
        close_value(s, form);
    }
    return true;
}

static bool is_first(const tj_form_state *s)
{
    return (s->flags & F_FIRST) != 0;
}

/* Where a character begins. */
static bool step_text(tj_form_state *s, const tj_form *form, unsigned char b)
{
    if (b == '"') {
        return close_string(s, form);
    }
    if (b < 0x20 || (b >= 0x80 && b < 0xC2) || b > 0xF4 || (b == ' ' && is_first(s)) ||
        !count_character(s)) {
        return false;
    }
    if (b == '\\') {
        s->sub = S_ESCAPE;
    } else if (b < 0x80) {
        return end_character(s);
    } else if (b < 0xE0) {
        s->sub = S_1;
    } else if (b < 0xF0) {
        s->sub = b == 0xE0 ? S_E0 : b == 0xED ? S_ED : S_2;
    } else {
        s->sub = b == 0xF0 ? S_F0 : b == 0xF4 ? S_F4 : S_3;
    }
    return true;
}

static bool step_continuation(tj_form_state *s, unsigned char b)
{
    static const struct {
        unsigned char low, high, next;
    } steps[] = {
        [S_1] = {0x80, 0xBF, S_TEXT}, [S_2] = {0x80, 0xBF, S_1},  [S_3] = {0x80, 0xBF, S_2},
        [S_E0] = {0xA0, 0xBF, S_1},   [S_ED] = {0x80, 0x9F, S_1}, [S_F0] = {0x90, 0xBF, S_2},
        [S_F4] = {0x80, 0x8F, S_2}};
    if (b < steps[s->sub].low || b > steps[s->sub].high) {
        return false;
    }
    s->sub = steps[s->sub].next;
    return s->sub == S_TEXT ? end_character(s) : true;
}

static bool step_escape(tj_form_state *s, unsigned char b)
{
    switch (b) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
        return end_character(s);
    case 'n':
    case 'r':
    case 't':
        return !is_first(s) && end_character(s);
    case 'u':
        s->sub = S_HEX0;
        return true;
    default:
        return false;
    }
}

static int hex_digit(unsigned char b)
{
    if (b >= '0' && b <= '9') {
        return b - '0';
    }
    unsigned char lower = b | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_blank(unsigned value)
{
    return value == ' ' || value == '\t' || value == '\n' || value == '\r';
}

static bool step_hex(tj_form_state *s, unsigned char b)
{
    int digit = hex_digit(b);
    if (digit < 0) {
        return false;
    }
    unsigned value = (unsigned)s->value << 4 | (unsigned)digit;
    bool is_low = s->sub >= S_LOW_HEX0;
    if (s->sub == S_HEX1 && value >= 0xDC && value <= 0xDF) { /* a second half without the first */
        return false;
    }
    if (is_low && ((s->sub == S_LOW_HEX0 && value != 0xD) ||
                   (s->sub == S_LOW_HEX1 && (value < 0xDC || value > 0xDF)))) {
        return false;
    }
    if (s->sub != S_HEX3 && s->sub != S_LOW_HEX3) {
        s->sub++;
        s->value = (uint16_t)value;
        return true;
    }
    if (is_low) {
        return end_character(s);
    }
    if (value == 0 || (is_first(s) && is_blank(value))) {
        return false;
    }
    if (value >= 0xD800 && value <= 0xDBFF) {
        s->sub = S_LOW_BACKSLASH;
        s->value = 0;
        return true;
    }
    return end_character(s);
}

static bool step_string(tj_form_state *s, const tj_form *form, unsigned char b)
{
    switch (s->sub) {
    case S_TEXT:
        return step_text(s, form, b);
    case S_ESCAPE:
        return step_escape(s, b);
    case S_LOW_BACKSLASH:
        s->sub = S_LOW_U;
        return b == '\\';
    case S_LOW_U:
        s->sub = S_LOW_HEX0;
        return b == 'u';
    default:
        return s->sub < S_ESCAPE ? step_continuation(s, b) : step_hex(s, b);
    }
}

/* ------------------------------------------------------------ numbers and literals */

static bool is_whole(const tj_form_state *s)
{
    return s->sub == N_ZERO || s->sub == N_INT || s->sub == N_FRACTION || s->sub == N_EXP;
}

static bool to_part(tj_form_state *s, enum number_sub sub, unsigned digits)
{
    s->sub = (uint8_t)sub;
    s->digits = (uint8_t)digits;
    return true;
}

static bool add_digit(tj_form_state *s, enum number_sub sub, unsigned most)
{
    return s->digits < most && to_part(s, sub, s->digits + 1u);
}

/* Whether no digit and no sign may follow. */
static bool is_full(const tj_form_state *s, bool is_real)
{
    return (s->sub == N_EXP && s->digits == TJ_FORM_MAX_EXP) ||
           (!is_real && (s->sub == N_ZERO || s->digits == TJ_FORM_MAX_DIGITS));
}

/* Whether the number goes on with b. */
static bool go_on(tj_form_state *s, bool is_real, unsigned char b)
{
    bool is_digit = b >= '0' && b <= '9';
    bool is_e = b == 'e' || b == 'E';
    switch ((enum number_sub)s->sub) {
    case N_MINUS:
        return is_digit && to_part(s, b == '0' ? N_ZERO : N_INT, 1);
    case N_ZERO:
    case N_INT:
        if (is_digit) {
            return s->sub == N_INT && add_digit(s, N_INT, TJ_FORM_MAX_DIGITS);
        }
        return is_real && (b == '.' || is_e) && to_part(s, is_e ? N_E : N_POINT, 0);
    case N_POINT:
        return is_digit && to_part(s, N_FRACTION, 1);
    case N_FRACTION:
        return is_digit ? add_digit(s, N_FRACTION, TJ_FORM_MAX_DIGITS) : is_e && to_part(s, N_E, 0);
    case N_E:
        if (b == '+' || b == '-') {
            return to_part(s, N_SIGN, 0);
        }
        return is_digit && to_part(s, N_EXP, 1);
    case N_SIGN:
        return is_digit && to_part(s, N_EXP, 1);
    case N_EXP:
        return is_digit && add_digit(s, N_EXP, TJ_FORM_MAX_EXP);
    }
    return false;
}

static bool step_digits(tj_form_state *s, const tj_form *form, unsigned char b)
{
    bool is_real = node_of(s, form)->kind != TJ_FORM_INTEGER;
    if (!go_on(s, is_real, b)) {
        return false;
    }
    if (is_full(s, is_real)) {
        close_value(s, form);
    }
    return true;
}

static bool open_number(tj_form_state *s, const tj_form *form, unsigned char b)
{
    uint16_t node = s->node;
    set_mode(s, M_NUMBER);
    s->node = node;
    s->sub = N_MINUS;
    return b == '-' || step_digits(s, form, b);
}

static const tj_form_text *literal_at(const tj_form *form, size_t i)
{
    return &form->literals[i];
}

static int byte_of(const tj_form *form, size_t literal, size_t at)
{
    const tj_form_text *t = literal_at(form, literal);
    return at < t->n ? (unsigned char)form->slab[t->begin + at] : -1; /* ends come first */
}

/* The first of [low, high) whose byte `at` is at least b. */
static uint16_t first_from(const tj_form *form, uint16_t low, uint16_t high, size_t at, int b)
{
    while (low < high) {
        uint16_t mid = (uint16_t)((low + high) / 2);
        if (byte_of(form, mid, at) < b) {
            low = (uint16_t)(mid + 1);
        } else {
            high = mid;
        }
    }
    return low;
}

static bool step_letters(tj_form_state *s, const tj_form *form, unsigned char b)
{
    uint16_t low = first_from(form, s->low, s->high, s->at, b);
    uint16_t high = first_from(form, low, s->high, s->at, b + 1);
    if (low == high) {
        return false;
    }
    s->low = low;
    s->high = high;
    s->at++;
    if (high - low == 1 && literal_at(form, low)->n == s->at) {
        close_value(s, form);
    }
    return true;
}

static bool open_literal(tj_form_state *s, const tj_form *form, unsigned char b)
{
    uint16_t node = s->node;
    set_mode(s, M_LITERAL);
    s->node = node;
    s->low = (uint16_t)form->nodes[node].first;
    s->high = (uint16_t)(form->nodes[node].first + form->nodes[node].n);
    return step_letters(s, form, b);
}

/* A value that may go on, and may end here: its container decides then. */
static bool is_endable(const tj_form_state *s, const tj_form *form)
{
    return (s->mode == M_NUMBER && is_whole(s)) ||
           (s->mode == M_LITERAL && literal_at(form, s->low)->n == s->at);
}

/* ------------------------------------------------------------ values */

static bool open_any(tj_form_state *s, const tj_form *form, unsigned char b)
{
    switch (b) {
    case '{':
        return open_container(s, s->node);
    case '[':
        return open_container(s, TJ_FORM_NODE_ANY_ARRAY);
    case '"':
        open_string(s, form, TJ_FORM_NODE_KEY, false);
        return true;
    case 't':
    case 'f':
    case 'n':
        s->node = TJ_FORM_NODE_WORDS;
        return open_literal(s, form, b);
    default:
        return open_number(s, form, b);
    }
}

static bool open_value(tj_form_state *s, const tj_form *form, unsigned char b)
{
    if (b == 'n' && node_of(s, form)->or_null) {
        s->node = TJ_FORM_NODE_NULL;
        return open_literal(s, form, b);
    }
    switch (node_of(s, form)->kind) {
    case TJ_FORM_ANY:
        return open_any(s, form, b);
    case TJ_FORM_OBJECT:
    case TJ_FORM_ANY_OBJECT:
        return b == '{' && open_container(s, s->node);
    case TJ_FORM_ARRAY:
        return b == '[' && open_container(s, s->node);
    case TJ_FORM_STRING:
        open_string(s, form, s->node, false);
        return b == '"';
    case TJ_FORM_NUMBER:
    case TJ_FORM_INTEGER:
        return open_number(s, form, b);
    case TJ_FORM_LITERALS:
        return open_literal(s, form, b);
    }
    return false;
}

/* ------------------------------------------------------------ containers */

static const tj_form_member *member_of(const tj_form_state *s, const tj_form *form)
{
    const tj_form_frame *frame = &s->frames[s->depth - 1];
    return &form->members[form->nodes[frame->node].first + frame->n];
}

static bool step_key(tj_form_state *s, const tj_form *form, unsigned char b)
{
    const tj_form_text *key = &member_of(s, form)->key;
    if ((unsigned char)form->slab[key->begin + s->at] != b) {
        return false;
    }
    if (++s->at == key->n) {
        set_mode(s, M_COLON);
    }
    return true;
}

static bool step_colon(tj_form_state *s, const tj_form *form, unsigned char b)
{
    const tj_form_node *node = &form->nodes[top(s)->node];
    set_mode(s, M_VALUE);
    s->node = node->kind == TJ_FORM_OBJECT ? (uint16_t)member_of(s, form)->node : TJ_FORM_NODE_ANY;
    return b == ':';
}

/* The first token of a member or item. */
static bool step_item(tj_form_state *s, const tj_form *form, unsigned char b)
{
    const tj_form_node *node = &form->nodes[top(s)->node];
    if (node->kind == TJ_FORM_OBJECT) {
        set_mode(s, M_KEY);
        return step_key(s, form, b);
    }
    if (node->kind == TJ_FORM_ARRAY) {
        s->node = (uint16_t)node->first;
        return open_value(s, form, b);
    }
    open_string(s, form, TJ_FORM_NODE_KEY, true);
    return b == '"';
}

static bool step_open(tj_form_state *s, const tj_form *form, unsigned char b)
{
    const tj_form_node *node = &form->nodes[top(s)->node];
    if (node->kind == TJ_FORM_ARRAY) {
        return b == ']' ? node->min == 0 && close_container(s, form)
                        : node->max > 0 && step_item(s, form, b);
    }
    bool is_empty = node->kind == TJ_FORM_OBJECT && node->n == 0;
    bool may_be_empty = is_empty || node->kind != TJ_FORM_OBJECT;
    return b == '}' ? may_be_empty && close_container(s, form) : !is_empty && step_item(s, form, b);
}

static bool step_after(tj_form_state *s, const tj_form *form, unsigned char b)
{
    tj_form_frame *frame = top(s);
    const tj_form_node *node = &form->nodes[frame->node];
    bool is_array = node->kind == TJ_FORM_ARRAY;
    bool is_object = node->kind == TJ_FORM_OBJECT;
    bool is_last = is_array ? frame->n == node->max : is_object && frame->n + 1u == node->n;
    bool may_close = is_array ? frame->n >= node->min : !is_object || is_last;
    if (b == ',') {
        frame->n = is_object ? (uint16_t)(frame->n + 1) : frame->n;
        set_mode(s, M_NEXT);
        return !is_last;
    }
    return b == (is_array ? ']' : '}') && may_close && close_container(s, form);
}

/* ------------------------------------------------------------ thoughts */

/* The mark has `<` at its beginning alone, so that one that breaks off can begin anew there only.
 */
static bool step_thought(tj_form_state *s, const tj_form *form, unsigned char b)
{
    s->at = b == (unsigned char)THINK_CLOSE[s->at] ? (uint16_t)(s->at + 1) : b == '<' ? 1 : 0;
    if (s->at == strlen(THINK_CLOSE)) {
        set_mode(s, M_THOUGHT_END);
        s->node = (uint16_t)form->root;
    }
    return true;
}

static bool step_think(tj_form_state *s, unsigned char b)
{
    if (b != (unsigned char)THINK_OPEN[s->at]) {
        return false;
    }
    if (++s->at == strlen(THINK_OPEN)) {
        set_mode(s, M_THOUGHT);
        s->node = 0;
    }
    return true;
}

static bool step_thought_end(tj_form_state *s, const tj_form *form, unsigned char b)
{
    if (b == '\n' && s->blank < THINK_LINES) {
        s->blank++;
        return true;
    }
    return open_value(s, form, b);
}

/* ------------------------------------------------------------ the whole */

void tj_form_begin(tj_form_state *s, const tj_form *form, bool thinks)
{
    memset(s, 0, sizeof *s);
    set_mode(s, M_VALUE);
    s->blank = BLANKS_CLOSED;
    s->node = (uint16_t)form->root;
    s->flags = thinks ? F_THINKS : 0;
}

/* Whether b goes on with a gap. */
static bool step_blank(tj_form_state *s, unsigned char b)
{
    bool is_gap =
        s->mode == M_VALUE || s->mode == M_OPEN || s->mode == M_NEXT || s->mode == M_AFTER;
    if (!is_gap || s->blank == BLANKS_CLOSED) {
        return false;
    }
    if (b == '\n' && s->blank == 0) {
        s->blank = 1;
        return true;
    }
    if (b == ' ' && s->blank <= TJ_FORM_INDENT) {
        s->blank = s->blank == 0 ? BLANKS_CLOSED : (uint8_t)(s->blank + 1);
        return true;
    }
    return false;
}

bool tj_form_step(tj_form_state *s, const tj_form *form, unsigned char b)
{
    if (step_blank(s, b)) {
        return true;
    }
    switch ((enum mode)s->mode) {
    case M_VALUE:
        if ((s->flags & F_THINKS) && b == '<') {
            set_mode(s, M_THINK);
            s->node = 0;
            return step_think(s, b);
        }
        return open_value(s, form, b);
    case M_OPEN:
        return step_open(s, form, b);
    case M_NEXT:
        return step_item(s, form, b);
    case M_KEY:
        return step_key(s, form, b);
    case M_COLON:
        return step_colon(s, form, b);
    case M_AFTER:
        return step_after(s, form, b);
    case M_STRING:
        return step_string(s, form, b);
    case M_NUMBER:
    case M_LITERAL: {
        tj_form_state next = *s;
        if (s->mode == M_NUMBER ? step_digits(&next, form, b) : step_letters(&next, form, b)) {
            *s = next;
            return true;
        }
        if (!is_endable(s, form) || s->depth == 0) {
            return false;
        }
        close_value(s, form);
        return step_blank(s, b) || step_after(s, form, b);
    }
    case M_THINK:
        return step_think(s, b);
    case M_THOUGHT:
        return step_thought(s, form, b);
    case M_THOUGHT_END:
        return step_thought_end(s, form, b);
    case M_DONE:
        return false;
    }
    return false;
}

bool tj_form_is_closed(const tj_form_state *s)
{
    return s->mode == M_DONE;
}

bool tj_form_is_complete(const tj_form_state *s, const tj_form *form)
{
    return s->mode == M_DONE || (s->depth == 0 && is_endable(s, form));
}

bool tj_form_in_text(const tj_form_state *s, size_t *room)
{
    *room = s->room;
    return s->mode == M_STRING && s->sub == S_TEXT && !is_first(s);
}

void tj_form_saturate(tj_form_state *s, size_t most)
{
    s->need = s->need > most ? (uint32_t)most : s->need;
    s->room = s->room > most ? (uint32_t)most : s->room;
}
