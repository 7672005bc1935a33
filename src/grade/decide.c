/* The order of rules. Each pair is first compared as written; then readings, statements, units,
 * structures, sets and values, each in a file of its own. What no rule reaches is undecided.
 *
 * Verdicts are symmetric by construction: the two trees are put in a fixed order first. */
#include "grade/decide.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "grade/decide_expand.h"
#include "grade/decide_family.h"
#include "grade/decide_inner.h"
#include "grade/decide_matrix.h"
#include "grade/decide_relation.h"
#include "grade/decide_set.h"
#include "grade/decide_structure.h"
#include "grade/decide_unit.h"
#include "grade/exact.h"

/* Longest text of a tree in a reason or witness. */
#define MAX_SHOWN 120

struct tj_decider {
    tj_grade_options options;
    tj_buf text; /* trees are printed here first; kept so that warm decisions allocate nothing */
};

tj_code tj_decider_create(tj_decider **out, const tj_grade_options *options, tj_err *err)
{
    *out = tj_calloc(1, sizeof **out);
    if (*out == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "no memory for a decider");
    }
    (*out)->options = *options;
    tj_buf_init(&(*out)->text);
    return TJ_OK;
}

void tj_decider_destroy(tj_decider *decider)
{
    if (decider != NULL) {
        tj_exact_cleanup();
        tj_buf_deinit(&decider->text);
    }
    tj_free(decider);
}

/* ---- what is said ---- */

tj_decision tj_decided(tj_verdict verdict, const char *method, const char *reason)
{
    return (tj_decision){.verdict = verdict, .method = method, .reason = reason, .witness = ""};
}

tj_decision tj_undecided(const char *reason)
{
    return tj_decided(TJ_VERDICT_UNDECIDED, "undecided", reason);
}

const char *tj_decide_say(tj_deciding *d, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n < 0) {
        return "";
    }
    const char *kept = tj_arena_strndup(d->arena, text, strlen(text));
    d->no_memory = d->no_memory || kept == NULL;
    return kept == NULL ? "" : kept;
}

const char *tj_decide_both(tj_deciding *d, const char *u, const char *v)
{
    return d->swapped ? tj_decide_say(d, "%s and %s", v, u) : tj_decide_say(d, "%s and %s", u, v);
}

const char *tj_decide_text(tj_deciding *d, const tj_ex *ex)
{
    tj_buf_clear(d->text);
    tj_ex_show(d->text, ex);
    const char *shown = tj_buf_text(d->text);
    size_t n = MAX_SHOWN;
    d->no_memory = d->no_memory || d->text->failed;
    if (d->text->len <= n) {
        return tj_decide_say(d, "%s", shown);
    }
    while (n > 0 &&
           ((unsigned char)shown[n] & 0xc0) == 0x80) { /* not in the midst of a character */
        n--;
    }
    return tj_decide_say(d, "%.*s...", (int)n, shown);
}

/* How much a method proves, from the most on. */
static size_t rank(const char *method)
{
    static const char *const methods[] = {"same form",     "exact rational", "words", "normal form",
                                          "algebraic",     "enclosure",      "units", "rounding",
                                          "unit left out", "random points"};
    size_t i = 0;
    while (i < sizeof methods / sizeof *methods && strcmp(methods[i], method) != 0) {
        i++;
    }
    return i;
}

tj_decision tj_decide_weaker(tj_decision a, tj_decision b)
{
    if (a.verdict == TJ_VERDICT_DIFFERENT || b.verdict == TJ_VERDICT_DIFFERENT) {
        return a.verdict == TJ_VERDICT_DIFFERENT ? a : b;
    }
    if (a.verdict == TJ_VERDICT_UNDECIDED || b.verdict == TJ_VERDICT_UNDECIDED) {
        return a.verdict == TJ_VERDICT_UNDECIDED ? a : b;
    }
    return rank(a.method) >= rank(b.method) ? a : b;
}

/* ---- rules ---- */

/* (2, 1) is no interval, in (x, y) = (1, 2) nothing is, and in 5m + 1 no m is a metre: a reading
 * with one is none, as there are others. */
static bool is_reading(tj_deciding *d, const tj_ex *ex)
{
    if (ex->kind == TJ_EX_INTERVAL && tj_is_backward(d, ex)) {
        return false;
    }
    if (ex->kind == TJ_EX_RELATION && ex->rels[0] == TJ_REL_EQ &&
        ex->args[0]->kind == TJ_EX_INTERVAL) {
        return false;
    }
    if (tj_is_quantity(ex) && !tj_units_fit(d, ex)) {
        return false;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (!tj_is_scalar(ex->args[i]) && !is_reading(d, ex->args[i])) {
            return false;
        }
    }
    return true;
}

/* One reading of each that are equal is enough; different means that none are. */
static tj_decision decide_readings(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    const tj_ex *const *u = a->kind == TJ_EX_EITHER ? a->args : &a;
    const tj_ex *const *v = b->kind == TJ_EX_EITHER ? b->args : &b;
    size_t n_u = a->kind == TJ_EX_EITHER ? a->n_args : 1;
    size_t n_v = b->kind == TJ_EX_EITHER ? b->n_args : 1;
    tj_decision all = tj_undecided("there is no reading");
    bool undecided = false;
    bool first = true;
    for (size_t i = 0; i < n_u; i++) {
        if (n_u > 1 && !is_reading(d, u[i])) {
            continue;
        }
        for (size_t j = 0; j < n_v; j++) {
            if (n_v > 1 && !is_reading(d, v[j])) {
                continue;
            }
            tj_decision one = tj_decide_pair(d, u[i], v[j]);
            if (one.verdict == TJ_VERDICT_EQUAL) {
                return one;
            }
            if (one.verdict == TJ_VERDICT_UNDECIDED && !undecided) {
                undecided = true;
                all = one;
            } else if (first) {
                all = one; /* the likeliest readings explain the difference */
            }
            first = false;
        }
    }
    return all;
}

static bool is_word(const tj_ex *ex)
{
    return ex->kind == TJ_EX_TEXT || ex->kind == TJ_EX_TIME || ex->kind == TJ_EX_DATE;
}

/* A year that only one of two dates gives is not held against it. */
static bool same_date(int32_t a, int32_t b)
{
    bool no_year = a / 10000 == 0 || b / 10000 == 0;
    return a % 10000 == b % 10000 && a % 10000 != 0 && (no_year || a == b);
}

static char folded(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Letters alike but for their case. */
static bool same_letters(const char *a, const char *b)
{
    while (*a != '\0' && folded(*a) == folded(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

static bool is_named(const tj_ex *ex)
{
    return ex->kind == TJ_EX_TEXT || ex->kind == TJ_EX_SYMBOL;
}

static bool same_word(const tj_ex *a, const tj_ex *b)
{
    if (is_named(a) && is_named(b)) {
        return same_letters(a->text, b->text);
    }
    if (a->kind != b->kind) {
        return false;
    }
    return a->id == b->id || (a->kind == TJ_EX_DATE && same_date(a->id, b->id));
}

/* Words that say that a set is empty. */
static bool says_none(const tj_ex *ex)
{
    static const char *const words[] = {"nosolution",      "nosolutions", "norealsolution",
                                        "norealsolutions", "none",        "empty",
                                        "emptyset"};
    for (size_t i = 0; ex->kind == TJ_EX_TEXT && i < sizeof words / sizeof *words; i++) {
        if (strcmp(ex->text, words[i]) == 0) {
            return true;
        }
    }
    return ex->kind == TJ_EX_SET && ex->n_args == 0;
}

static tj_decision decide_words(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    if (same_word(a, b)) {
        return tj_decided(TJ_VERDICT_EQUAL, "words", "the words are the same");
    }
    if (says_none(a) && says_none(b)) {
        return tj_decided(TJ_VERDICT_EQUAL, "words", "both say that there is none");
    }
    if ((is_named(a) || is_word(a)) && (is_named(b) || is_word(b))) {
        tj_decision out = tj_decided(TJ_VERDICT_DIFFERENT, "words", "the words differ");
        out.witness = tj_decide_both(d, tj_decide_text(d, a), tj_decide_text(d, b));
        return out;
    }
    return tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "one is in words, the other is not");
}

/* (B) against (B), against "B", and against what the choice says. */
static tj_decision decide_choices(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    if (a->kind == TJ_EX_CHOICE && b->kind == TJ_EX_CHOICE) {
        if (a->id == b->id) {
            return tj_decided(TJ_VERDICT_EQUAL, "same form", "the choices are the same");
        }
        tj_decision out = tj_decided(TJ_VERDICT_DIFFERENT, "choices", "the choices differ");
        out.witness = tj_decide_both(d, tj_decide_text(d, a), tj_decide_text(d, b));
        return out;
    }
    const tj_ex *choice = a->kind == TJ_EX_CHOICE ? a : b, *other = choice == a ? b : a;
    char letter[2] = {(char)('a' + choice->id), '\0'};
    if (is_named(other) && choice->id < 26 && same_letters(other->text, letter)) {
        return tj_decided(TJ_VERDICT_EQUAL, "same form", "the choices are the same");
    }
    if (choice->n_args > 0) {
        return choice == a ? tj_decide_pair(d, choice->args[0], b)
                           : tj_decide_pair(d, a, choice->args[0]);
    }
    return tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "one is a choice, the other is not");
}

static bool is_value(const tj_ex *ex)
{
    return tj_is_scalar(ex) || tj_is_quantity(ex);
}

/* What stands for several values: families, sets, statements, structures. False if neither does. */
static bool decide_many(tj_decision *out, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    if (tj_is_family(a) || tj_is_family(b)) {
        *out = tj_decide_families(d, a, b);
        return true;
    }
    a = tj_list_integers(d, a);
    b = tj_list_integers(d, b);
    if (a == NULL || b == NULL) {
        *out = tj_undecided("the comparison exceeds the budget");
        return true;
    }
    bool sets = tj_is_set_like(a) || tj_is_set_like(b);
    if ((a->kind == TJ_EX_WHERE && !tj_is_set_like(a)) ||
        (b->kind == TJ_EX_WHERE && !tj_is_set_like(b))) {
        *out = tj_decide_conditional(d, a, b);
        return true;
    }
    if (a->kind == TJ_EX_INTERVAL && b->kind == TJ_EX_INTERVAL) { /* ends may be roundings */
        *out = tj_decide_sets(d, a, b);
        if (out->verdict == TJ_VERDICT_EQUAL) {
            return true;
        }
    }
    if ((sets || tj_is_condition(a) || tj_is_condition(b)) && tj_decide_real_sets(out, d, a, b)) {
        return true;
    }
    if (tj_is_statement(a) || tj_is_statement(b)) {
        *out = tj_decide_statements(d, a, b);
        return true;
    }
    if (sets) {
        bool other_kind = is_value(a) || is_value(b) || a->kind == TJ_EX_TUPLE ||
                          b->kind == TJ_EX_TUPLE || a->kind == TJ_EX_MATRIX ||
                          b->kind == TJ_EX_MATRIX;
        *out = other_kind ? tj_decided(TJ_VERDICT_DIFFERENT, "kinds", "only one of them is a set")
                          : tj_decide_sets(d, a, b);
        return true;
    }
    if (tj_is_structure(a) || tj_is_structure(b)) {
        *out = tj_decide_structures(d, a, b);
        return true;
    }
    return false;
}

tj_decision tj_decide_pair(tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    if (!tj_work_spend(&d->work, 200)) {
        return tj_undecided("the comparison exceeds the budget");
    }
    if (a == NULL || b == NULL) {
        return tj_undecided("the comparison exceeds the budget");
    }
    if (tj_ex_compare(a, b) == 0 && tj_is_total(a)) {
        return tj_decided(TJ_VERDICT_EQUAL, "same form", "both are written alike");
    }
    if (a->kind == TJ_EX_EITHER || b->kind == TJ_EX_EITHER) {
        return decide_readings(d, a, b);
    }
    if (a->kind == TJ_EX_CHOICE || b->kind == TJ_EX_CHOICE) {
        return decide_choices(d, a, b);
    }
    if ((is_word(a) || is_word(b)) && !tj_is_statement(a) && !tj_is_statement(b)) {
        return decide_words(d, a, b);
    }
    tj_decision out;
    if (decide_many(&out, d, a, b)) {
        return out;
    }
    if ((tj_is_quantity(a) || tj_is_quantity(b)) && is_value(a) && is_value(b)) {
        return tj_decide_quantities(d, a, b);
    }
    if (tj_is_scalar(a) && tj_is_scalar(b)) {
        return tj_decide_scalars(d, a, b);
    }
    return tj_undecided("there is no rule for such a pair");
}

/* ---- the door ---- */

/* Within the bounds that readers keep? */
static bool is_bounded(const tj_ex *ex, size_t depth, size_t *n_nodes)
{
    if (depth > TJ_EX_MAX_DEPTH || ++*n_nodes > TJ_EX_MAX_NODES) {
        return false;
    }
    for (size_t i = 0; i < ex->n_args; i++) {
        if (!is_bounded(ex->args[i], depth + 1, n_nodes)) {
            return false;
        }
    }
    return true;
}

static bool terminates(tj_small x)
{
    while (x.den % 2 == 0) {
        x.den /= 2;
    }
    while (x.den % 5 == 0) {
        x.den /= 5;
    }
    return x.den == 1;
}

/* Two plain numbers, the commonest pair: decided without rewriting anything, unless one may be a
 * rounding of the other. */
static bool decide_small(tj_decision *out, tj_deciding *d, const tj_ex *a, const tj_ex *b)
{
    tj_small x, y;
    if (!tj_small_from(&x, a) || !tj_small_from(&y, b)) {
        return false;
    }
    bool equal = x.num == y.num && x.den == y.den;
    if (!equal && terminates(x) != terminates(y)) {
        return false;
    }
    if (equal) {
        *out = tj_decided(TJ_VERDICT_EQUAL, "exact rational", "the values are equal");
        return true;
    }
    *out = tj_decided(TJ_VERDICT_DIFFERENT, "exact rational", "the values differ");
    const char *u = tj_exact_text(d, a, NULL), *v = tj_exact_text(d, b, NULL);
    out->witness = tj_decide_both(d, u, v);
    return true;
}

static const tj_ex *prepare(tj_deciding *d, const tj_ex *ex)
{
    return tj_canonical(d, tj_expand_signs(d, tj_work_out_matrices(d, tj_write_out_sum(d, ex))));
}

tj_code tj_decide(tj_decision *out, tj_decider *decider, tj_arena *arena, const tj_ex *a,
                  const tj_ex *b, tj_err *err)
{
    tj_deciding d = {.options = &decider->options,
                     .text = &decider->text,
                     .arena = arena,
                     .work = {TJ_DECIDE_WORK}};
    size_t n_a = 0, n_b = 0;
    *out = tj_undecided("a side is too large");
    if (!is_bounded(a, 1, &n_a) || !is_bounded(b, 1, &n_b)) {
        return TJ_OK;
    }
    int order = tj_ex_compare(a, b);
    if (order == 0 && tj_is_total(a)) {
        *out = tj_decided(TJ_VERDICT_EQUAL, "same form", "both are written alike");
        return TJ_OK;
    }
    d.swapped = order > 0;
    const tj_ex *first = d.swapped ? b : a, *second = d.swapped ? a : b;
    if (!decide_small(out, &d, first, second)) {
        first = prepare(&d, first);
        second = prepare(&d, second);
        *out = tj_decide_pair(&d, first, second);
    }
    if (d.no_memory) {
        *out = tj_undecided("no memory");
        return tj_fail(err, TJ_E_NOMEM, "no memory to decide whether two answers are equal");
    }
    if (out->verdict == TJ_VERDICT_UNDECIDED && d.work.left == 0) {
        out->method = "limit";
    }
    return TJ_OK;
}
