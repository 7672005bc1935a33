/* Counts of verdicts. A rate whose denominator is 0 is null, and a dash for people. */
#include "cli/grade_tally.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/common.h"

tj_code tj_tally_init(tj_tally *t, bool keep, tj_err *err)
{
    *t = (tj_tally){.keep = keep};
    t->listed = keep ? json_array() : NULL;
    return keep && t->listed == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot count") : TJ_OK;
}

void tj_tally_deinit(tj_tally *t)
{
    for (size_t i = 0; i < t->n_kinds; i++) {
        tj_free(t->kinds[i].name);
    }
    tj_free(t->kinds);
    json_decref(t->listed);
}

const char *tj_graded_name(const tj_graded *g)
{
    return g->code != TJ_OK ? "error" : tj_verdict_name(g->grade.verdict);
}

/* ------------------------------------------------------------------ counting */

static bool is_equal(const tj_graded *g)
{
    return g->code == TJ_OK && g->grade.verdict == TJ_VERDICT_EQUAL;
}

static bool is_decided(const tj_graded *g)
{
    return g->code == TJ_OK && g->grade.verdict != TJ_VERDICT_UNDECIDED;
}

static void count(tj_counts *c, const tj_graded *g, int expected)
{
    bool equal = is_equal(g), decided = is_decided(g);
    c->n_pairs++;
    c->n_errors += g->code != TJ_OK ? 1 : 0;
    c->n_equal += equal ? 1 : 0;
    c->n_different += decided && !equal ? 1 : 0;
    c->n_undecided += g->code == TJ_OK && !decided ? 1 : 0;
    c->n_limit += g->limit ? 1 : 0;
    if (expected < 0) {
        return;
    }
    bool want = expected == 1;
    c->n_true_pos += want && equal ? 1 : 0;
    c->n_false_neg += want && !equal ? 1 : 0;
    c->n_false_pos += !want && equal ? 1 : 0;
    c->n_true_neg += !want && !equal ? 1 : 0;
    c->n_decided += decided ? 1 : 0;
    c->n_decided_right += decided && want == equal ? 1 : 0;
}

/* The counts of a kind, made at its first pair; NULL without memory. */
static tj_counts *counts_of(tj_tally *t, const char *name)
{
    bool full = t->n_kinds + 1 >= TJ_MAX_TALLY_KINDS;
    for (size_t i = t->n_kinds; i-- > 0;) { /* files go kind by kind: the last one is likeliest */
        if (strcmp(t->kinds[i].name, name) == 0) {
            return &t->kinds[i].counts;
        }
    }
    if (full && strcmp(name, "(others)") != 0) {
        return counts_of(t, "(others)");
    }
    char *copy = tj_strdup(name);
    if (copy == NULL || !tj_grow(&t->kinds, &t->kinds_cap, t->n_kinds + 1, sizeof *t->kinds)) {
        tj_free(copy);
        return NULL;
    }
    t->kinds[t->n_kinds] = (tj_tally_kind){.name = copy};
    return &t->kinds[t->n_kinds++].counts;
}

static json_t *disagreement(const tj_tally_pair *p, const tj_graded *g)
{
    json_t *id = json_loads(p->id, JSON_DECODE_ANY, NULL);
    return json_pack("{s:o*, s:s*, s:o, s:o, s:b, s:s, s:s, s:o, s:o}", "id", id, "kind", p->kind,
                     "gold", tj_json_text(p->gold, strlen(p->gold)), "pred",
                     tj_json_text(p->pred, strlen(p->pred)), "expected", p->expected, "verdict",
                     tj_graded_name(g), "method", g->grade.method, "reason",
                     tj_json_text(g->grade.reason, strlen(g->grade.reason)), "witness",
                     tj_json_text(g->grade.witness, strlen(g->grade.witness)));
}

tj_code tj_tally_add(tj_tally *t, const tj_tally_pair *p, const tj_graded *g, tj_err *err)
{
    tj_counts *kind = p->kind == NULL ? NULL : counts_of(t, p->kind);
    if (p->kind != NULL && kind == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot count");
    }
    count(&t->all, g, p->expected);
    if (kind != NULL) {
        count(kind, g, p->expected);
    }
    if (p->expected < 0 || (p->expected == 1) == is_equal(g)) {
        return TJ_OK;
    }
    t->n_disagree++;
    if (t->keep && t->n_disagree <= TJ_MAX_TALLY_LISTED &&
        json_array_append_new(t->listed, disagreement(p, g)) != 0) {
        return tj_fail(err, TJ_E_NOMEM, "cannot list disagreements");
    }
    return TJ_OK;
}

/* ------------------------------------------------------------------ rates */

static double share(size_t part, size_t all)
{
    return all == 0 ? (double)NAN : (double)part / (double)all;
}

static size_t n_expected(const tj_counts *c)
{
    return c->n_true_pos + c->n_true_neg + c->n_false_pos + c->n_false_neg;
}

static double accuracy(const tj_counts *c)
{
    return share(c->n_true_pos + c->n_true_neg, n_expected(c));
}

static double balanced_accuracy(const tj_counts *c)
{
    return (share(c->n_true_pos, c->n_true_pos + c->n_false_neg) +
            share(c->n_true_neg, c->n_true_neg + c->n_false_pos)) /
           2.0;
}

static json_t *counts_json(const tj_counts *c)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "pairs",
                     (json_int_t)c->n_pairs, "equal", (json_int_t)c->n_equal, "different",
                     (json_int_t)c->n_different, "undecided", (json_int_t)c->n_undecided, "errors",
                     (json_int_t)c->n_errors, "limit", (json_int_t)c->n_limit, "true_positive",
                     (json_int_t)c->n_true_pos, "true_negative", (json_int_t)c->n_true_neg,
                     "false_positive", (json_int_t)c->n_false_pos, "false_negative",
                     (json_int_t)c->n_false_neg, "accuracy", tj_json_number(accuracy(c)),
                     "accuracy_decided", tj_json_number(share(c->n_decided_right, c->n_decided)),
                     "balanced_accuracy", tj_json_number(balanced_accuracy(c)));
}

json_t *tj_tally_json(const tj_tally *t, double seconds)
{
    json_t *j = counts_json(&t->all), *kinds = json_object();
    for (size_t i = 0; i < t->n_kinds; i++) {
        json_object_set_new(kinds, t->kinds[i].name, counts_json(&t->kinds[i].counts));
    }
    if (j == NULL || kinds == NULL ||
        json_object_set_new(j, "bad_lines", json_integer((json_int_t)t->n_bad_lines)) != 0 ||
        json_object_set_new(j, "seconds", json_real(seconds)) != 0 ||
        json_object_set(j, "kinds", kinds) != 0 ||
        (t->keep && json_object_set(j, "disagreements", t->listed) != 0)) {
        json_decref(j);
        j = NULL;
    }
    json_decref(kinds);
    return j;
}

/* ------------------------------------------------------------------ for people */

static void print_rate(const char *what, double x)
{
    if (isfinite(x)) {
        printf("%-26s %10.4f\n", what, x);
    } else {
        printf("%-26s %10s\n", what, "-");
    }
}

static void print_share(const char *what, size_t n, size_t all, const char *note)
{
    printf("%-26s %10zu  %6.2f%%%s%s\n", what, n, all == 0 ? 0.0 : 100.0 * share(n, all),
           note[0] == 0 ? "" : "  ", note);
}

static void print_kinds(const tj_tally *t)
{
    printf("\n%-26s %7s %7s %7s %7s %7s %9s\n", "kind", "pairs", "false+", "false-", "undec.",
           "errors", "accuracy");
    for (size_t i = 0; i < t->n_kinds; i++) {
        const tj_counts *c = &t->kinds[i].counts;
        char right[16] = "-";
        if (n_expected(c) > 0) {
            snprintf(right, sizeof right, "%.4f", accuracy(c));
        }
        size_t n = strlen(t->kinds[i].name);
        tj_print_text(t->kinds[i].name, n > 26 ? 26 : n);
        printf("%*s %7zu %7zu %7zu %7zu %7zu %9s\n", n > 26 ? 0 : (int)(26 - n), "", c->n_pairs,
               c->n_false_pos, c->n_false_neg, c->n_undecided, c->n_errors, right);
    }
}

static void print_field(const char *name, const json_t *value)
{
    if (json_string_length(value) > 0) {
        printf("    %-9s ", name);
        tj_print_text(json_string_value(value), json_string_length(value));
        putchar('\n');
    }
}

static void print_disagreements(const tj_tally *t)
{
    size_t i;
    json_t *d;
    printf("\n%zu disagree%s\n", t->n_disagree, t->n_disagree == 1 ? "s" : "");
    json_array_foreach(t->listed, i, d)
    {
        char *id = json_dumps(json_object_get(d, "id"), JSON_ENCODE_ANY | JSON_COMPACT);
        const json_t *kind = json_object_get(d, "kind");
        printf("\n  ");
        tj_print_text(id == NULL ? "?" : id, id == NULL ? 1 : strlen(id));
        if (kind != NULL) {
            fputs(" (", stdout);
            tj_print_text(json_string_value(kind), json_string_length(kind));
            putchar(')');
        }
        printf(": expected %s, is %s by %s\n",
               json_is_true(json_object_get(d, "expected")) ? "equal" : "different",
               json_string_value(json_object_get(d, "verdict")),
               json_string_value(json_object_get(d, "method")));
        print_field("reference", json_object_get(d, "gold"));
        print_field("answer", json_object_get(d, "pred"));
        print_field("reason", json_object_get(d, "reason"));
        print_field("witness", json_object_get(d, "witness"));
        free(id);
    }
    if (t->n_disagree > TJ_MAX_TALLY_LISTED) {
        printf("\n  and %zu more\n", t->n_disagree - TJ_MAX_TALLY_LISTED);
    }
}

void tj_tally_print(const tj_tally *t, double seconds)
{
    const tj_counts *c = &t->all;
    printf("%-26s %10zu  in %.2f s, %.0f pairs/s\n", "pairs", c->n_pairs, seconds,
           seconds > 0.0 ? (double)c->n_pairs / seconds : 0.0);
    print_share("equal", c->n_equal, c->n_pairs, "");
    print_share("different", c->n_different, c->n_pairs, "");
    print_share("undecided", c->n_undecided, c->n_pairs, "");
    if (c->n_limit > 0) {
        print_share("  stopped by a limit", c->n_limit, c->n_pairs, "not reproducible");
    }
    if (c->n_errors > 0) {
        print_share("unreadable references", c->n_errors, c->n_pairs, "");
    }
    if (t->n_bad_lines > 0) {
        printf("%-26s %10zu\n", "bad lines", t->n_bad_lines);
    }
    if (n_expected(c) > 0) {
        printf("\nagainst `expected` (undecided counts as not equal)\n");
        print_share("true positives", c->n_true_pos, n_expected(c), "");
        print_share("true negatives", c->n_true_neg, n_expected(c), "");
        print_share("false positives", c->n_false_pos, n_expected(c), "");
        print_share("false negatives", c->n_false_neg, n_expected(c), "");
        print_rate("accuracy", accuracy(c));
        print_rate("  of decided pairs", share(c->n_decided_right, c->n_decided));
        print_rate("balanced accuracy", balanced_accuracy(c));
    }
    if (t->n_kinds > 0) {
        print_kinds(t);
    }
    if (t->keep) {
        print_disagreements(t);
    }
}
