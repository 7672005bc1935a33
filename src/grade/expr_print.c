/* Printing is the inverse of reading: tj_read() of what is printed gives an equal tree. What people
 * write by brackets and commas alone is printed so where it reads back, and else by name, as
 * anyof(a; b), which people do not write.
 *
 * The levels are those of the reader's grammar (reader.h): a node of a weaker level stands in
 * brackets. */
#include <string.h>

#include "grade/expr.h"
#include "grade/read.h"
#include "grade/reader.h"
#include "grade/spelled.h"
#include "grade/words.h"

typedef enum level { LEVEL_STATEMENT, LEVEL_SETS, LEVEL_SUM, LEVEL_PRODUCT, LEVEL_FACTOR } level;

typedef struct printer {
    tj_buf *out;
    unsigned bound_i, bound_e; /* how many indices and parameters are called so */
} printer;

static void print(printer *p, const tj_ex *ex, level at_least);

static void print_joined(printer *p, const tj_ex *ex, const char *between, level at_least)
{
    for (uint32_t i = 0; i < ex->n_args; i++) {
        if (i > 0) {
            tj_buf_str(p->out, between);
        }
        print(p, ex->args[i], at_least);
    }
}

static void print_named(printer *p, const char *name, const tj_ex *ex)
{
    tj_buf_str(p->out, name);
    tj_buf_char(p->out, '(');
    print_joined(p, ex, "; ", LEVEL_STATEMENT);
    tj_buf_char(p->out, ')');
}

static void bind(printer *p, const tj_ex *symbol, unsigned by)
{
    p->bound_i += strcmp(symbol->text, "i") == 0 ? by : 0;
    p->bound_e += strcmp(symbol->text, "e") == 0 ? by : 0;
}

/* ------------------------------------------------------------ atoms */

static void print_number(printer *p, const tj_ex_num *num)
{
    uint32_t n_whole = num->n_digits - num->n_frac;
    uint32_t n_plain = num->n_digits - num->n_repeat;
    if (n_whole == 0 || num->digits[0] > '9') {
        tj_buf_char(p->out, '0');
    }
    for (uint32_t i = 0; i < num->n_digits; i++) {
        char c = num->digits[i];
        if (i == n_whole) {
            tj_buf_char(p->out, '.');
        }
        if (i == n_plain && num->n_repeat > 0) {
            tj_buf_char(p->out, '(');
        }
        tj_buf_char(p->out, c > '9' ? (char)(c - 'a' + 'A') : c);
    }
    if (num->n_repeat > 0) {
        tj_buf_char(p->out, ')');
    }
    if (num->base != 10) {
        tj_buf_printf(p->out, "_%d", num->base);
    } else if (num->exponent != 0 || (num->is_decimal && num->n_frac == 0)) {
        tj_buf_printf(p->out, "e%d", (int)num->exponent);
    }
}

/* Whether the name means itself when it is read. */
static bool is_plain_name(const printer *p, const char *text)
{
    size_t n = strlen(text);
    int64_t value;
    if (n == 1) {
        return (text[0] != 'i' || p->bound_i > 0) && (text[0] != 'e' || p->bound_e > 0);
    }
    size_t n_base = strcspn(text, "_'^"), n_capitals = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    const tj_token base = {.kind = TJ_TOK_WORD, .n_text = (uint16_t)n_base, .text = text};
    bool has_ties = n_base < n;
    if (n_capitals == n_base && n_base > 1) { /* the points AB; but FF_16 is a number */
        return has_ties ? text[n_base] != '_'
                        : tj_reader_word_kind(&base) == TJ_WORD_UNKNOWN && n != 3 &&
                              tj_words_number(&value, text, n) == TJ_WORD_NO_NUMBER &&
                              tj_words_month(text, n) == 0;
    }
    bool is_figure = memchr(text, ' ', n_base) != NULL; /* triangle ABC */
    bool is_word = (text[0] >= 'a' && text[0] <= 'z') || n_capitals > 0;
    return n_base == 1 || is_figure || !is_word || tj_reader_word_kind(&base) == TJ_WORD_VALUE;
}

static void print_symbol(printer *p, const char *text)
{
    bool plain = is_plain_name(p, text);
    tj_buf_str(p->out, plain ? "" : "symbol(");
    tj_buf_str(p->out, text);
    tj_buf_str(p->out, plain ? "" : ")");
}

static void print_const(printer *p, const tj_ex *ex)
{
    static const char *const names[] = {"pi", "e", "i", "infinity", "undefined"};
    bool hidden_e = ex->id == TJ_CONST_E && p->bound_e > 0;
    bool hidden_i = ex->id == TJ_CONST_I && p->bound_i > 0;
    tj_buf_str(p->out, hidden_e ? "ⅇ" : hidden_i ? "ⅈ" : names[ex->id]);
}

static void print_time(printer *p, int32_t seconds)
{
    int hour = seconds / 3600, shown = hour % 12 == 0 ? 12 : hour % 12;
    if (hour == 24) {
        tj_buf_str(p->out, "24:00:00");
        return;
    }
    tj_buf_printf(p->out, "%d:%02d:%02d %s", shown, seconds / 60 % 60, seconds % 60,
                  hour < 12 ? "a.m." : "p.m.");
}

static void print_date(printer *p, int32_t date)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    int year = date / 10000, month = date / 100 % 100, day = date % 100;
    tj_buf_str(p->out, months[month - 1]);
    if (day > 0) {
        tj_buf_printf(p->out, " %d", day);
    }
    if (year > 0) {
        tj_buf_printf(p->out, "%s %04d", day > 0 ? "," : "", year);
    }
}

/* ------------------------------------------------------------ arithmetic */

static const char *sign_of(const tj_ex *ex)
{
    return ex->kind == TJ_EX_NEG                        ? "-"
           : ex->kind == TJ_EX_PLUSMINUS && ex->id == 0 ? "±"
           : ex->kind == TJ_EX_PLUSMINUS                ? "∓"
                                                        : NULL;
}

static void print_sum(printer *p, const tj_ex *ex)
{
    for (uint32_t i = 0; i < ex->n_args; i++) {
        const tj_ex *term = ex->args[i];
        const char *sign = sign_of(term);
        if (i > 0) {
            tj_buf_printf(p->out, " %s ", sign == NULL ? "+" : sign);
        } else if (sign != NULL) {
            tj_buf_str(p->out, sign);
        }
        const tj_ex *what = sign == NULL ? term : term->args[0];
        print(p, what, what->kind == TJ_EX_QUANTITY ? LEVEL_FACTOR : LEVEL_PRODUCT);
    }
}

static bool is_plain_number(const tj_ex *ex)
{
    return ex->kind == TJ_EX_NUMBER && ex->num.n_repeat == 0 && ex->num.base == 10 &&
           ex->num.exponent == 0 && (!ex->num.is_decimal || ex->num.n_frac > 0);
}

static void print_power(printer *p, const tj_ex *ex)
{
    const tj_ex *base = ex->args[0], *exponent = ex->args[1];
    bool chosen =
        base->kind == TJ_EX_SYMBOL && strncmp(base->text, "C_", 2) == 0; /* C_6^3: a number */
    bool atom = base->kind != TJ_EX_POW && !chosen;
    tj_buf_str(p->out, atom ? "" : "(");
    print(p, base, LEVEL_FACTOR);
    tj_buf_str(p->out, atom ? "^" : ")^");
    bool bare = is_plain_number(exponent) ||
                (exponent->kind == TJ_EX_SYMBOL && exponent->text[1] == '\0') ||
                (exponent->kind == TJ_EX_CONST && exponent->id != TJ_CONST_UNDEFINED);
    tj_buf_str(p->out, bare ? "" : "(");
    print(p, exponent, LEVEL_STATEMENT);
    tj_buf_str(p->out, bare ? "" : ")");
}

static void print_product(printer *p, const tj_ex *ex)
{
    for (uint32_t i = 0; i < ex->n_args; i++) {
        bool first = i == 0 && ex->args[0]->kind == TJ_EX_DIV;
        tj_buf_str(p->out, i > 0 ? "*" : "");
        print(p, ex->args[i], first ? LEVEL_PRODUCT : LEVEL_FACTOR);
    }
}

static void print_quotient(printer *p, const tj_ex *ex)
{
    bool chain = ex->args[0]->kind == TJ_EX_DIV || ex->args[0]->kind == TJ_EX_MUL;
    print(p, ex->args[0], chain ? LEVEL_PRODUCT : LEVEL_FACTOR);
    tj_buf_char(p->out, '/');
    print(p, ex->args[1], LEVEL_FACTOR);
}

/* The unit belongs to the whole product before it, but signs such as % only to the last factor. */
static void print_quantity(printer *p, const tj_ex *ex)
{
    const tj_ex *value = ex->args[0];
    while (sign_of(value) != NULL) {
        tj_buf_str(p->out, sign_of(value));
        value = value->args[0];
    }
    bool is_sign = strcmp(ex->unit.text, "%") == 0 || (unsigned char)ex->unit.text[0] >= 0x80;
    bool tight = is_sign && !is_plain_number(value) && value->kind != TJ_EX_SYMBOL &&
                 value->kind != TJ_EX_CONST;
    bool brackets = tight || value->kind == TJ_EX_QUANTITY || value->kind == TJ_EX_ADD;
    tj_buf_str(p->out, brackets ? "(" : "");
    print(p, value, brackets ? LEVEL_STATEMENT : LEVEL_PRODUCT);
    tj_buf_str(p->out, brackets ? ")" : "");
    tj_buf_str(p->out, is_sign ? "" : " ");
    tj_buf_str(p->out, ex->unit.text);
}

static void print_call(printer *p, const tj_ex *ex)
{
    bool swapped = ex->id == TJ_FN_ROOT || ex->id == TJ_FN_LOG;
    tj_buf_str(p->out, tj_ex_fn_name((tj_ex_fn)ex->id));
    tj_buf_char(p->out, '(');
    if (swapped) { /* root(x, 3), log(8, 2), as in other languages */
        const tj_ex_num *base = &ex->args[0]->num;
        bool decimal = ex->id == TJ_FN_LOG && is_plain_number(ex->args[0]) && base->n_digits == 2 &&
                       !base->is_decimal && memcmp(base->digits, "10", 2) == 0;
        print(p, ex->args[1], LEVEL_SUM);
        if (!decimal) {
            tj_buf_str(p->out, ", ");
            print(p, ex->args[0], LEVEL_SUM);
        }
    } else {
        print_joined(p, ex, ", ", LEVEL_SUM);
    }
    tj_buf_char(p->out, ')');
}

/* f(x), or apply(P; x) where the name alone would be multiplied. */
static void print_apply(printer *p, const tj_ex *ex)
{
    bool known = strchr("fgFG", ex->text[0]) != NULL;
    bool letter =
        ex->text[1] == '\0' || ex->text[1] == '_' || ex->text[1] == '\'' || ex->text[1] == '^';
    if (known && letter) {
        tj_buf_str(p->out, ex->text);
        tj_buf_char(p->out, '(');
        print_joined(p, ex, ", ", LEVEL_SUM);
        tj_buf_char(p->out, ')');
        return;
    }
    tj_buf_printf(p->out, "apply(%s; ", ex->text);
    print_joined(p, ex, "; ", LEVEL_SUM);
    tj_buf_char(p->out, ')');
}

static void print_big(printer *p, const tj_ex *ex)
{
    tj_buf_str(p->out, ex->kind == TJ_EX_SUM ? "sum(" : "product(");
    bind(p, ex->args[0], 1);
    tj_buf_str(p->out, ex->args[0]->text);
    for (uint32_t i = 1; i < 4; i++) {
        tj_buf_str(p->out, ", ");
        print(p, ex->args[i], LEVEL_SUM);
    }
    bind(p, ex->args[0], 0u - 1u);
    tj_buf_char(p->out, ')');
}

/* ------------------------------------------------------------ collections */

static void print_matrix(printer *p, const tj_ex *ex)
{
    uint32_t n_columns = ex->n_args / ex->n_rows;
    tj_buf_char(p->out, '[');
    for (uint32_t i = 0; i < ex->n_args; i++) {
        tj_buf_str(p->out, i == 0 ? "[" : i % n_columns == 0 ? "], [" : ", ");
        print(p, ex->args[i], LEVEL_SUM);
    }
    tj_buf_str(p->out, "]]");
}

static bool is_infinite(const tj_ex *ex)
{
    return (ex->kind == TJ_EX_CONST && ex->id == TJ_CONST_INFINITY) ||
           (ex->kind == TJ_EX_NEG && is_infinite(ex->args[0]));
}

/* (a, b) is read as the open interval only where a set must be; else it is ]a, b[. */
static void print_interval(printer *p, const tj_ex *ex, bool is_set)
{
    bool open_low = (ex->id & TJ_EX_OPEN_LOW) != 0, open_high = (ex->id & TJ_EX_OPEN_HIGH) != 0;
    bool round =
        is_set || !open_low || !open_high || is_infinite(ex->args[0]) || is_infinite(ex->args[1]);
    tj_buf_char(p->out, !open_low ? '[' : round ? '(' : ']');
    print_joined(p, ex, ", ", LEVEL_SUM);
    tj_buf_char(p->out, !open_high ? ']' : round ? ')' : '[');
}

static void print_set_operand(printer *p, const tj_ex *ex)
{
    if (ex->kind == TJ_EX_INTERVAL) {
        print_interval(p, ex, true);
    } else if (tj_ex_is_capital(ex) && strchr("NZQRC", ex->text[0]) != NULL) {
        tj_buf_printf(p->out, "symbol(%s)", ex->text); /* Z would be all integers */
    } else {
        print(p, ex, LEVEL_SUM);
    }
}

static void print_set(printer *p, const tj_ex *ex)
{
    if (ex->n_args == 0) {
        tj_buf_str(p->out, "∅");
        return;
    }
    bool one = ex->n_args == 1; /* {x} only groups */
    tj_buf_str(p->out, one ? "\\{" : "{");
    print_joined(p, ex, ", ", LEVEL_STATEMENT);
    tj_buf_str(p->out, one ? "\\}" : "}");
}

static void print_set_operation(printer *p, const tj_ex *ex)
{
    const char *sign = ex->kind == TJ_EX_UNION          ? " ∪ "
                       : ex->kind == TJ_EX_INTERSECTION ? " ∩ "
                                                        : " ∖ ";
    for (uint32_t i = 0; i < ex->n_args; i++) {
        tj_buf_str(p->out, i > 0 ? sign : "");
        print_set_operand(p, ex->args[i]);
    }
}

static void print_relation(printer *p, const tj_ex *ex)
{
    static const char *const signs[] = {" = ",  " != ", " < ", " <= ", " > ",
                                        " >= ", " in ", " ≈ ", " ≡ "};
    for (uint32_t i = 0; i < ex->n_args; i++) {
        if (i > 0) {
            tj_buf_str(p->out, signs[ex->rels[i - 1]]);
        }
        bool is_interval = ex->args[i]->kind == TJ_EX_INTERVAL || tj_ex_is_capital(ex->args[i]);
        if (i > 0 && ex->rels[i - 1] == TJ_REL_IN && is_interval) {
            print_set_operand(p, ex->args[i]);
        } else {
            print(p, ex->args[i], LEVEL_SETS);
        }
    }
}

/* ------------------------------------------------------------ sequences */

static bool is_nested(const tj_ex *ex)
{
    return ex->kind == TJ_EX_LIST || ex->kind == TJ_EX_AND || ex->kind == TJ_EX_FAMILY;
}

static bool is_equation(const tj_ex *ex)
{
    for (uint32_t i = 0; i + 1 < ex->n_args; i++) {
        if (ex->rels[i] != TJ_REL_EQ && ex->rels[i] != TJ_REL_APPROX) {
            return false;
        }
    }
    return true;
}

/* Whether a list of these items, with commas or "or" between them, is read as the same list. */
static bool is_plain_list(const tj_ex *ex)
{
    size_t n_relations = 0, n_intervals = 0, n_capitals = 0, n_values = 0;
    for (uint32_t i = 0; i < ex->n_args; i++) {
        const tj_ex *item = ex->args[i];
        if (is_nested(item)) {
            return false;
        }
        for (uint32_t k = 0; item->kind == TJ_EX_RELATION && k + 1 < item->n_args; k++) {
            if (item->rels[k] == TJ_REL_IN) { /* would be a condition */
                return false;
            }
        }
        n_relations += item->kind == TJ_EX_RELATION;
        n_intervals += item->kind == TJ_EX_INTERVAL || item->kind == TJ_EX_UNION;
        n_capitals += tj_ex_is_capital(item);
        n_values += tj_ex_is_value(item);
    }
    const tj_ex *first = ex->args[0], *last = ex->args[ex->n_args - 1];
    bool shares = first->kind == TJ_EX_RELATION && n_values + 1 == ex->n_args;
    bool condition =
        last->kind == TJ_EX_RELATION && first->kind != TJ_EX_RELATION && !is_equation(last);
    bool system = n_relations == ex->n_args && tj_ex_is_system(ex->args, ex->n_args);
    return ex->n_args > 1 && !shares && !condition && n_capitals < ex->n_args &&
           (ex->kind == TJ_EX_AND
                ? system
                : (!system || ex->id == 1) && (ex->id == 0 || n_intervals < ex->n_args));
}

/* Whether ex is several solutions of several unknowns: "x = 2, y = 3 or x = 3, y = 2". */
static bool is_plain_solutions(const tj_ex *ex)
{
    bool any = false;
    for (uint32_t i = 0; i < ex->n_args; i++) {
        const tj_ex *item = ex->args[i];
        if (item->kind == TJ_EX_AND ? !is_plain_list(item)
                                    : item->kind != TJ_EX_RELATION || !is_equation(item)) {
            return false;
        }
        any = any || item->kind == TJ_EX_AND;
    }
    return any && ex->id == 1 && ex->kind == TJ_EX_LIST;
}

static void print_solutions(printer *p, const tj_ex *ex)
{
    for (uint32_t i = 0; i < ex->n_args; i++) {
        tj_buf_str(p->out, i > 0 ? " or " : "");
        if (ex->args[i]->kind == TJ_EX_AND) {
            print_joined(p, ex->args[i], ", ", LEVEL_STATEMENT);
        } else {
            print(p, ex->args[i], LEVEL_STATEMENT);
        }
    }
}

/* Whether "a, b" is read as one amount, such as "5 ft, 6 inch". */
static bool is_one_amount(const tj_ex *a, const tj_ex *b)
{
    return a->kind == TJ_EX_QUANTITY && b->kind == TJ_EX_QUANTITY &&
           tj_unit_same_kind(&a->unit, &b->unit) && tj_unit_compare(&a->unit, &b->unit) != 0;
}

static void print_list(printer *p, const tj_ex *ex)
{
    const char *between = ex->kind == TJ_EX_AND ? " and " : ex->id == 1 ? " or " : ", ";
    for (uint32_t i = 0; i < ex->n_args; i++) {
        tj_buf_str(p->out, i > 0 ? between : "");
        bool amount = i > 0 && is_one_amount(ex->args[i - 1], ex->args[i]);
        print(p, ex->args[i], amount ? LEVEL_FACTOR : LEVEL_STATEMENT);
    }
}

static bool is_plain_family(const tj_ex *ex)
{
    const tj_ex *value = ex->args[0];
    if (value->kind != TJ_EX_LIST) {
        return tj_ex_is_value(value) || (value->kind == TJ_EX_RELATION && is_equation(value));
    }
    for (uint32_t i = 0; i < value->n_args; i++) {
        if (value->args[i]->kind == TJ_EX_SYMBOL) {
            return false;
        }
    }
    return is_plain_list(value);
}

/* "v, k in D", or family(k; D; v). */
static void print_family(printer *p, const tj_ex *ex, bool top)
{
    const tj_ex *symbol = ex->args[1];
    bool letter = strcmp(symbol->text, "i") == 0 || strcmp(symbol->text, "e") == 0;
    bool plain = top && is_plain_family(ex) && (!letter || ex->args[2]->kind == TJ_EX_NUMBERS);
    bind(p, symbol, 1);
    if (plain) {
        if (ex->args[0]->kind == TJ_EX_LIST) {
            print_list(p, ex->args[0]);
        } else {
            print(p, ex->args[0], LEVEL_STATEMENT);
        }
        tj_buf_printf(p->out, ", %s in ", symbol->text);
        print_set_operand(p, ex->args[2]);
    } else {
        tj_buf_printf(p->out, "family(%s; ", symbol->text);
        print(p, ex->args[2], LEVEL_STATEMENT);
        tj_buf_str(p->out, "; ");
        print(p, ex->args[0], LEVEL_STATEMENT);
        tj_buf_char(p->out, ')');
    }
    bind(p, symbol, 0u - 1u);
}

/* Whether "{e : c}" is read as the elements that fulfil a condition, rather than as a family. */
static bool is_plain_where(const tj_ex *ex)
{
    const tj_ex *element = ex->args[0], *condition = ex->args[1];
    if (is_nested(element) || element->kind == TJ_EX_WHERE) {
        return false;
    }
    if (condition->kind == TJ_EX_RELATION) {
        return condition->n_args > 2 || condition->rels[0] != TJ_REL_IN;
    }
    return (condition->kind == TJ_EX_AND || condition->kind == TJ_EX_LIST) &&
           condition->args[0]->kind == TJ_EX_RELATION && is_plain_list(condition);
}

static void print_where(printer *p, const tj_ex *ex)
{
    if (!is_plain_where(ex)) {
        print_named(p, "where", ex);
        return;
    }
    tj_buf_char(p->out, '{');
    print(p, ex->args[0], LEVEL_STATEMENT);
    tj_buf_str(p->out, " : ");
    if (ex->args[1]->kind == TJ_EX_RELATION) {
        print(p, ex->args[1], LEVEL_STATEMENT);
    } else {
        print_list(p, ex->args[1]);
    }
    tj_buf_char(p->out, '}');
}

/* ------------------------------------------------------------ the whole */

static level level_of(const tj_ex *ex)
{
    switch (ex->kind) {
    case TJ_EX_RELATION:
        return LEVEL_STATEMENT;
    case TJ_EX_UNION:
    case TJ_EX_INTERSECTION:
    case TJ_EX_DIFFERENCE:
        return LEVEL_SETS;
    case TJ_EX_ADD:
    case TJ_EX_NEG:
    case TJ_EX_PLUSMINUS:
    case TJ_EX_QUANTITY:
        return LEVEL_SUM;
    case TJ_EX_MUL:
    case TJ_EX_DIV:
        return LEVEL_PRODUCT;
    default:
        return LEVEL_FACTOR;
    }
}

static void print_bare(printer *p, const tj_ex *ex)
{
    static const char *const numbers[] = {"ℕ", "ℤ", "ℚ", "ℝ", "ℂ"};
    switch (ex->kind) {
    case TJ_EX_NUMBER:
        print_number(p, &ex->num);
        break;
    case TJ_EX_CONST:
        print_const(p, ex);
        break;
    case TJ_EX_SYMBOL:
        print_symbol(p, ex->text);
        break;
    case TJ_EX_TEXT:
        tj_buf_printf(p->out, "\"%s\"", ex->text);
        break;
    case TJ_EX_CHOICE:
        tj_buf_printf(p->out, "(%c)", 'A' + (int)ex->id);
        break;
    case TJ_EX_TIME:
        print_time(p, ex->id);
        break;
    case TJ_EX_DATE:
        print_date(p, ex->id);
        break;
    case TJ_EX_NUMBERS:
        tj_buf_str(p->out, numbers[ex->id]);
        break;
    case TJ_EX_ADD:
        print_sum(p, ex);
        break;
    case TJ_EX_MUL:
        print_product(p, ex);
        break;
    case TJ_EX_NEG:
    case TJ_EX_PLUSMINUS:
        tj_buf_str(p->out, sign_of(ex));
        print(p, ex->args[0], LEVEL_PRODUCT);
        break;
    case TJ_EX_DIV:
        print_quotient(p, ex);
        break;
    case TJ_EX_POW:
        print_power(p, ex);
        break;
    case TJ_EX_CALL:
        print_call(p, ex);
        break;
    case TJ_EX_APPLY:
        print_apply(p, ex);
        break;
    case TJ_EX_SUM:
    case TJ_EX_PRODUCT:
        print_big(p, ex);
        break;
    case TJ_EX_QUANTITY:
        print_quantity(p, ex);
        break;
    case TJ_EX_TUPLE:
        tj_buf_char(p->out, '<');
        print_joined(p, ex, ", ", LEVEL_SETS);
        tj_buf_char(p->out, '>');
        break;
    case TJ_EX_LIST:
        print_named(p, ex->id == 1 ? "anyof" : "listof", ex);
        break;
    case TJ_EX_AND:
        print_named(p, "allof", ex);
        break;
    case TJ_EX_SET:
        print_set(p, ex);
        break;
    case TJ_EX_MATRIX:
        print_matrix(p, ex);
        break;
    case TJ_EX_INTERVAL:
        print_interval(p, ex, false);
        break;
    case TJ_EX_UNION:
    case TJ_EX_INTERSECTION:
    case TJ_EX_DIFFERENCE:
        print_set_operation(p, ex);
        break;
    case TJ_EX_WHERE:
        print_where(p, ex);
        break;
    case TJ_EX_FAMILY:
        print_family(p, ex, false);
        break;
    case TJ_EX_RELATION:
        print_relation(p, ex);
        break;
    case TJ_EX_EITHER:
        print_joined(p, ex, " ¦ ", LEVEL_STATEMENT);
        break;
    }
}

static void print(printer *p, const tj_ex *ex, level at_least)
{
    bool brackets = level_of(ex) < at_least;
    tj_buf_str(p->out, brackets ? "(" : "");
    print_bare(p, ex);
    tj_buf_str(p->out, brackets ? ")" : "");
}

/* Where nothing stands around it: lists need no name, and a letter alone must not be a choice. */
static void print_top(printer *p, const tj_ex *ex)
{
    if ((ex->kind == TJ_EX_LIST || ex->kind == TJ_EX_AND) && is_plain_list(ex)) {
        print_list(p, ex);
    } else if (is_plain_solutions(ex)) {
        print_solutions(p, ex);
    } else if (ex->kind == TJ_EX_FAMILY) {
        print_family(p, ex, true);
    } else if (tj_ex_is_capital(ex)) {
        tj_buf_printf(p->out, "symbol(%s)", ex->text);
    } else if (ex->kind == TJ_EX_CHOICE && ex->n_args == 1) {
        tj_buf_printf(p->out, "choice(%c; ", 'A' + (int)ex->id);
        print(p, ex->args[0], LEVEL_STATEMENT);
        tj_buf_char(p->out, ')');
    } else {
        print(p, ex, LEVEL_STATEMENT);
    }
}

void tj_ex_show(tj_buf *out, const tj_ex *ex)
{
    printer p = {.out = out};
    if (ex->kind != TJ_EX_EITHER) {
        print_top(&p, ex);
        return;
    }
    const tj_ex *first = ex->args[0], *second = ex->args[1];
    if (first->kind == TJ_EX_CHOICE && tj_ex_is_capital(second)) {
        tj_buf_str(out, second->text); /* a letter alone is read so */
        return;
    }
    if (ex->n_args == 2 && first->kind == TJ_EX_SYMBOL && second->kind == TJ_EX_TEXT) {
        tj_buf_str(out, first->text); /* and so is a word in capitals */
        return;
    }
    for (uint32_t i = 0; i < ex->n_args; i++) {
        tj_buf_str(out, i > 0 ? " ¦ " : "");
        print_top(&p, ex->args[i]);
    }
}

void tj_ex_print(tj_buf *out, tj_arena *scratch, const tj_ex *ex)
{
    size_t begin = out->len;
    tj_ex_show(out, ex);
    const tj_ex *back;
    tj_arena_clear(scratch);
    tj_code rc = out->failed
                     ? TJ_E_NOMEM
                     : tj_read(&back, scratch, tj_buf_text(out) + begin, out->len - begin, NULL);
    if (rc == TJ_E_NOMEM) {
        out->failed = true;
    } else if (rc != TJ_E_LIMIT && (rc != TJ_OK || tj_ex_compare(ex, back) != 0)) {
        out->len = begin;
        tj_ex_spell(out, ex);
    }
}
