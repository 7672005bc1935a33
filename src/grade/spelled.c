/* One table says for every kind what stands before its arguments; writing and reading follow it. */
#include "grade/spelled.h"

#include <string.h>

#include "grade/words.h"

typedef enum head_is {
    HEAD_NONE,
    HEAD_TEXT,   /* "x_1" */
    HEAD_ID,     /* 2 */
    HEAD_CALL,   /* "sqrt" */
    HEAD_NUMBER, /* "125", or "125"; n_frac; n_repeat; exponent; base; is_decimal */
    HEAD_UNIT,   /* unit("km"; 1); unit("hour"; -1) */
    HEAD_ROWS,   /* 2 */
    HEAD_SIGNS   /* "02": a digit of tj_ex_rel between two sides each */
} head_is;

typedef enum args_are {
    ANY,
    VALUES,
    BOUND,     /* a symbol and values */
    MEMBERS,   /* anything, a symbol, anything */
    STATEMENTS /* relations */
} args_are;

typedef struct form {
    char name[16];
    uint8_t head; /* head_is */
    uint8_t are;  /* args_are */
    int32_t max_id;
    uint32_t min_args, max_args;
} form;

static const form forms[] = {
    [TJ_EX_NUMBER] = {"number", HEAD_NUMBER, ANY, 0, 0, 0},
    [TJ_EX_CONST] = {"constant", HEAD_ID, ANY, TJ_CONST_UNDEFINED, 0, 0},
    [TJ_EX_SYMBOL] = {"symbol", HEAD_TEXT, ANY, 0, 0, 0},
    [TJ_EX_TEXT] = {"words", HEAD_TEXT, ANY, 0, 0, 0},
    [TJ_EX_CHOICE] = {"choice", HEAD_ID, ANY, 25, 0, 1},
    [TJ_EX_TIME] = {"time", HEAD_ID, ANY, 86400, 0, 0},
    [TJ_EX_DATE] = {"date", HEAD_ID, ANY, 99991231, 0, 0},
    [TJ_EX_NUMBERS] = {"numbers", HEAD_ID, ANY, TJ_NUMBERS_COMPLEX, 0, 0},
    [TJ_EX_ADD] = {"add", HEAD_NONE, VALUES, 0, 2, UINT32_MAX},
    [TJ_EX_MUL] = {"multiply", HEAD_NONE, VALUES, 0, 2, UINT32_MAX},
    [TJ_EX_NEG] = {"negate", HEAD_NONE, VALUES, 0, 1, 1},
    [TJ_EX_DIV] = {"divide", HEAD_NONE, VALUES, 0, 2, 2},
    [TJ_EX_POW] = {"power", HEAD_NONE, VALUES, 0, 2, 2},
    [TJ_EX_CALL] = {"call", HEAD_CALL, VALUES, 0, 1, UINT32_MAX},
    [TJ_EX_APPLY] = {"apply", HEAD_TEXT, VALUES, 0, 1, UINT32_MAX},
    [TJ_EX_PLUSMINUS] = {"plusminus", HEAD_ID, VALUES, 1, 1, 1},
    [TJ_EX_SUM] = {"sum", HEAD_NONE, BOUND, 0, 4, 4},
    [TJ_EX_PRODUCT] = {"product", HEAD_NONE, BOUND, 0, 4, 4},
    [TJ_EX_QUANTITY] = {"quantity", HEAD_UNIT, VALUES, 0, 1, 1},
    [TJ_EX_TUPLE] = {"tuple", HEAD_NONE, ANY, 0, 2, UINT32_MAX},
    [TJ_EX_LIST] = {"list", HEAD_ID, ANY, 1, 2, UINT32_MAX},
    [TJ_EX_SET] = {"set", HEAD_NONE, ANY, 0, 0, UINT32_MAX},
    [TJ_EX_MATRIX] = {"matrix", HEAD_ROWS, VALUES, 0, 1, UINT32_MAX},
    [TJ_EX_INTERVAL] = {"interval", HEAD_ID, ANY, TJ_EX_OPEN_LOW | TJ_EX_OPEN_HIGH, 2, 2},
    [TJ_EX_UNION] = {"union", HEAD_NONE, ANY, 0, 2, UINT32_MAX},
    [TJ_EX_INTERSECTION] = {"intersection", HEAD_NONE, ANY, 0, 2, UINT32_MAX},
    [TJ_EX_DIFFERENCE] = {"difference", HEAD_NONE, ANY, 0, 2, 2},
    [TJ_EX_WHERE] = {"where", HEAD_NONE, ANY, 0, 2, 2},
    [TJ_EX_FAMILY] = {"family", HEAD_NONE, MEMBERS, 0, 3, 3},
    [TJ_EX_RELATION] = {"relation", HEAD_SIGNS, ANY, 0, 2, UINT32_MAX},
    [TJ_EX_AND] = {"and", HEAD_NONE, STATEMENTS, 0, 2, UINT32_MAX},
    [TJ_EX_EITHER] = {"either", HEAD_NONE, ANY, 0, 2, TJ_EX_MAX_READINGS},
};

#define N_FORMS (sizeof forms / sizeof forms[0])

/* ------------------------------------------------------------ writing */

static void spell_number(tj_buf *out, const tj_ex_num *num)
{
    tj_buf_printf(out, "\"%.*s\"", (int)num->n_digits, num->digits);
    bool integer = num->n_frac == 0 && num->exponent == 0 && num->base == 10 && !num->is_decimal;
    if (!integer) {
        tj_buf_printf(out, "; %u; %u; %d; %d; %d", (unsigned)num->n_frac, (unsigned)num->n_repeat,
                      (int)num->exponent, num->base, num->is_decimal);
    }
}

static void spell_unit(tj_buf *out, const tj_unit *unit)
{
    const char *at = unit->text;
    tj_unit_factor factor;
    for (bool first = true; tj_unit_next_factor(&at, &factor); first = false) {
        tj_buf_printf(out, "%s%s(\"%.*s\"; %d)", first ? "" : "; ",
                      factor.is_noun ? "count" : "unit", (int)factor.n_name, factor.name,
                      factor.power);
    }
}

/* What stands before the arguments; false if nothing does. */
static bool spell_head(tj_buf *out, const tj_ex *ex)
{
    switch ((head_is)forms[ex->kind].head) {
    case HEAD_NONE:
        return false;
    case HEAD_TEXT:
        tj_buf_printf(out, "\"%s\"", ex->text);
        break;
    case HEAD_ID:
        tj_buf_printf(out, "%d", (int)ex->id);
        break;
    case HEAD_CALL:
        tj_buf_printf(out, "\"%s\"", tj_ex_fn_name((tj_ex_fn)ex->id));
        break;
    case HEAD_NUMBER:
        spell_number(out, &ex->num);
        break;
    case HEAD_UNIT:
        spell_unit(out, &ex->unit);
        break;
    case HEAD_ROWS:
        tj_buf_printf(out, "%u", (unsigned)ex->n_rows);
        break;
    case HEAD_SIGNS:
        tj_buf_char(out, '"');
        for (uint32_t i = 0; i + 1 < ex->n_args; i++) {
            tj_buf_char(out, (char)('0' + (int)ex->rels[i]));
        }
        tj_buf_char(out, '"');
        break;
    }
    return true;
}

static void spell(tj_buf *out, const tj_ex *ex)
{
    tj_buf_printf(out, "%s(", forms[ex->kind].name);
    bool behind = spell_head(out, ex);
    for (uint32_t i = 0; i < ex->n_args; i++) {
        tj_buf_str(out, behind ? "; " : "");
        spell(out, ex->args[i]);
        behind = true;
    }
    tj_buf_char(out, ')');
}

void tj_ex_spell(tj_buf *out, const tj_ex *ex)
{
    tj_buf_str(out, "tree(");
    spell(out, ex);
    tj_buf_char(out, ')');
}

/* ------------------------------------------------------------ reading */

static bool fail(tj_reader *r)
{
    tj_reader_fail(r, "a tree spelled out");
    return false;
}

static bool read_integer(tj_reader *r, int32_t min, int32_t max, int32_t *out)
{
    bool minus = tj_reader_accept(r, TJ_TOK_MINUS);
    int64_t value = 0;
    size_t n = 0;
    for (; tj_reader_at(r, TJ_TOK_DIGIT) && n < 9; n++) {
        value = 10 * value + tj_reader_peek(r, 0)->id;
        tj_reader_next(r);
    }
    value = minus ? -value : value;
    *out = (int32_t)value;
    return (n > 0 && value >= min && value <= max) || fail(r);
}

static bool read_next_integer(tj_reader *r, int32_t min, int32_t max, int32_t *out)
{
    return tj_reader_expect(r, TJ_TOK_SEMICOLON, "';'") && read_integer(r, min, max, out);
}

/* The text between quotes, zero-terminated and not empty. */
static bool read_quoted(tj_reader *r, const char **out)
{
    const tj_token *token = tj_reader_peek(r, 0);
    bool is_text = token->kind == TJ_TOK_QUOTED && token->n_text > 0 &&
                   memchr(token->text, '\0', token->n_text) == NULL;
    if (!is_text) {
        return fail(r);
    }
    *out = tj_arena_strndup(r->arena, token->text, token->n_text);
    if (*out == NULL) {
        tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a name");
        return false;
    }
    tj_reader_next(r);
    return true;
}

static bool read_text(tj_reader *r, tj_ex *ex)
{
    if (!read_quoted(r, &ex->text) || ex->kind != TJ_EX_TEXT) {
        return r->rc == TJ_OK && strlen(ex->text) <= TJ_READER_MAX_NAME;
    }
    const char *folded = tj_words_fold(r->arena, ex->text, strlen(ex->text));
    if (folded == NULL) {
        tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a text");
        return false;
    }
    return strcmp(folded, ex->text) == 0 || fail(r);
}

static bool read_call(tj_reader *r, tj_ex *ex)
{
    const char *name;
    if (!read_quoted(r, &name)) {
        return false;
    }
    while (ex->id <= TJ_FN_TRANSPOSE && strcmp(tj_ex_fn_name((tj_ex_fn)ex->id), name) != 0) {
        ex->id++;
    }
    return ex->id <= TJ_FN_TRANSPOSE || fail(r);
}

static bool are_digits(const char *digits, size_t n, int32_t base)
{
    for (size_t i = 0; i < n; i++) {
        int value = digits[i] >= '0' && digits[i] <= '9'   ? digits[i] - '0'
                    : digits[i] >= 'a' && digits[i] <= 'z' ? digits[i] - 'a' + 10
                                                           : base;
        if (value >= base) {
            return false;
        }
    }
    return true;
}

static bool read_number(tj_reader *r, tj_ex *ex)
{
    const char *digits;
    int32_t n_frac = 0, n_repeat = 0, exponent = 0, base = 10, is_decimal = 0;
    if (!read_quoted(r, &digits)) {
        return false;
    }
    size_t n = strlen(digits);
    if (n > TJ_EX_MAX_DIGITS) {
        return fail(r);
    }
    if (tj_reader_at(r, TJ_TOK_SEMICOLON) &&
        (!read_next_integer(r, 0, (int32_t)n, &n_frac) ||
         !read_next_integer(r, 0, n_frac, &n_repeat) ||
         !read_next_integer(r, -TJ_EX_MAX_EXPONENT, TJ_EX_MAX_EXPONENT, &exponent) ||
         !read_next_integer(r, 2, 36, &base) || !read_next_integer(r, 0, 1, &is_decimal))) {
        return false;
    }
    bool leading_zero = n > (size_t)n_frac && n > 1 && digits[0] == '0';
    if (!are_digits(digits, n, base) || leading_zero ||
        (base != 10 && (exponent != 0 || n_repeat != 0))) {
        return fail(r);
    }
    ex->num = (tj_ex_num){.digits = digits,
                          .n_digits = (uint32_t)n,
                          .n_frac = (uint32_t)n_frac,
                          .n_repeat = (uint32_t)n_repeat,
                          .exponent = exponent,
                          .base = (uint8_t)base,
                          .is_decimal = is_decimal != 0};
    return true;
}

/* unit("km"; 2) or count("apple"; 1), without its power. */
static bool read_factor(tj_reader *r, tj_unit *out, int32_t *power)
{
    bool is_noun = tj_reader_is_word(r, 0, "count");
    const char *name;
    tj_reader_next(r);
    if (!tj_reader_expect(r, TJ_TOK_LPAREN, "'('") || !read_quoted(r, &name) ||
        !read_next_integer(r, -20, 20, power) || !tj_reader_expect(r, TJ_TOK_RPAREN, "')'")) {
        return false;
    }
    if (is_noun && !tj_unit_count(out, r->arena, name, strlen(name), false)) {
        tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a unit");
        return false;
    }
    bool ok =
        is_noun ? out->name[0] != '\0' : tj_unit_find(out, name, strlen(name)) != TJ_UNIT_NONE;
    return (ok && *power != 0) || fail(r);
}

static bool at_factor(const tj_reader *r, size_t ahead)
{
    return tj_reader_is_word(r, ahead, "unit") || tj_reader_is_word(r, ahead, "count");
}

static bool read_unit(tj_reader *r, tj_ex *ex)
{
    int32_t power;
    if (!at_factor(r, 0) || !read_factor(r, &ex->unit, &power) ||
        (power != 1 && !tj_reader_combine(r, &ex->unit, &ex->unit, power, &ex->unit, 0))) {
        return fail(r);
    }
    while (tj_reader_at(r, TJ_TOK_SEMICOLON) && at_factor(r, 1)) {
        tj_unit next;
        tj_reader_next(r);
        if (!read_factor(r, &next, &power) ||
            !tj_reader_combine(r, &ex->unit, &ex->unit, 1, &next, power)) {
            return fail(r);
        }
    }
    return true;
}

static bool read_head(tj_reader *r, tj_ex *ex)
{
    const form *f = &forms[ex->kind];
    int32_t n_rows;
    switch ((head_is)f->head) {
    case HEAD_NONE:
        return true;
    case HEAD_TEXT:
        return read_text(r, ex);
    case HEAD_ID:
        return read_integer(r, 0, f->max_id, &ex->id);
    case HEAD_CALL:
        return read_call(r, ex);
    case HEAD_NUMBER:
        return read_number(r, ex);
    case HEAD_UNIT:
        return read_unit(r, ex);
    case HEAD_ROWS:
        if (!read_integer(r, 1, TJ_EX_MAX_NODES, &n_rows)) {
            return false;
        }
        ex->n_rows = (uint32_t)n_rows;
        return true;
    case HEAD_SIGNS:
        return read_quoted(r, &ex->text);
    }
    return false;
}

/* Whether the arguments are of the kinds that the reader's own trees have. */
static bool suit(const form *f, const tj_ex *const *args, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const tj_ex *arg = args[i];
        bool is_symbol = arg->kind == TJ_EX_SYMBOL, is_value = tj_ex_is_value(arg), ok = true;
        switch ((args_are)f->are) {
        case ANY:
            break;
        case VALUES:
            ok = is_value;
            break;
        case BOUND:
            ok = i == 0 ? is_symbol : is_value;
            break;
        case MEMBERS:
            ok = i != 1 || is_symbol;
            break;
        case STATEMENTS:
            ok = arg->kind == TJ_EX_RELATION;
            break;
        }
        if (!ok || arg->kind == TJ_EX_EITHER) {
            return false;
        }
    }
    return n >= f->min_args && n <= f->max_args;
}

/* The signs of a relation, which were read as text. */
static bool set_signs(tj_reader *r, tj_ex *ex, size_t n_args)
{
    const char *text = ex->text;
    size_t n = strlen(text);
    tj_ex_rel *rels = tj_arena_calloc(r->arena, n, sizeof *rels);
    if (rels == NULL) {
        tj_reader_fail_code(r, TJ_E_NOMEM, "cannot allocate a relation");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '0' + TJ_REL_CONGRUENT) {
            return fail(r);
        }
        rels[i] = (tj_ex_rel)(text[i] - '0');
    }
    ex->text = NULL;
    ex->rels = rels;
    return n + 1 == n_args || fail(r);
}

/* What the table does not say of a node. */
static bool is_sound(const tj_ex *ex, const tj_ex *const *args, size_t n)
{
    size_t min, max;
    switch (ex->kind) {
    case TJ_EX_CALL:
        tj_reader_arity((tj_ex_fn)ex->id, &min, &max);
        return n >= min && n <= max;
    case TJ_EX_DATE:
        return ex->id / 100 % 100 >= 1 && ex->id / 100 % 100 <= 12 && ex->id % 100 <= 31;
    case TJ_EX_MATRIX:
        return n % ex->n_rows == 0;
    case TJ_EX_QUANTITY:
        return args[0]->kind != TJ_EX_TUPLE && args[0]->kind != TJ_EX_MATRIX;
    case TJ_EX_EITHER:
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < i; k++) {
                if (tj_ex_compare(args[i], args[k]) == 0) {
                    return false;
                }
            }
        }
        return true;
    default:
        return true;
    }
}

bool tj_ex_suits(const tj_ex *ex)
{
    bool ok = suit(&forms[ex->kind], ex->args, ex->n_args) && is_sound(ex, ex->args, ex->n_args);
    for (size_t i = 0; ok && i < ex->n_args; i++) {
        ok = tj_ex_suits(ex->args[i]);
    }
    return ok;
}

static const tj_ex *node_of(tj_reader *r, tj_ex *head, const tj_nodes *args)
{
    if (!suit(&forms[head->kind], args->items, args->n) || !is_sound(head, args->items, args->n) ||
        (head->kind == TJ_EX_RELATION && !set_signs(r, head, args->n))) {
        fail(r);
        return NULL;
    }
    tj_ex *ex = tj_reader_from(r, head->kind, args);
    if (ex != NULL) {
        head->args = ex->args;
        head->n_args = ex->n_args;
        *ex = *head;
    }
    return ex;
}

static bool find_kind(const tj_reader *r, tj_ex_kind *kind)
{
    size_t i = 0;
    while (i < N_FORMS && !tj_reader_is_word(r, 0, forms[i].name)) {
        i++;
    }
    *kind = (tj_ex_kind)(i < N_FORMS ? i : 0);
    return i < N_FORMS;
}

static const tj_ex *read_node(tj_reader *r)
{
    tj_ex head = {.kind = TJ_EX_NUMBER};
    tj_nodes args = {0};
    if (!find_kind(r, &head.kind)) {
        fail(r);
        return NULL;
    }
    tj_reader_next(r);
    if (!tj_reader_expect(r, TJ_TOK_LPAREN, "'('") || !tj_reader_enter(r)) {
        return NULL;
    }
    bool ok = read_head(r, &head), behind = forms[head.kind].head != HEAD_NONE;
    while (ok && !tj_reader_at(r, TJ_TOK_RPAREN)) {
        ok = (!behind || tj_reader_expect(r, TJ_TOK_SEMICOLON, "';'")) &&
             tj_nodes_add(r, &args, read_node(r));
        behind = true;
    }
    tj_reader_leave(r);
    tj_reader_next(r);
    return ok ? node_of(r, &head, &args) : NULL;
}

const tj_ex *tj_reader_spelled(tj_reader *r)
{
    if (!tj_reader_is_word(r, 0, "tree") || tj_reader_peek(r, 1)->kind != TJ_TOK_LPAREN) {
        return NULL;
    }
    tj_reader look = *r;
    look.err = NULL;
    look.at += 2;
    const tj_ex *ex = read_node(&look);
    if (look.rc == TJ_E_NOMEM || look.rc == TJ_E_LIMIT) {
        return tj_reader_fail_code(r, look.rc, "cannot read a tree that is spelled out");
    }
    return tj_reader_accept(&look, TJ_TOK_RPAREN) && look.at == look.n_tokens ? ex : NULL;
}
