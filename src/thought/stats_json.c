/* From rows to numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "thought/stats_inner.h"

typedef bool (*keep_fn)(const tj_stats_row *row, size_t which);

static json_t *ratio(double a, double b)
{
    return tj_json_number(b > 0.0 ? a / b : (double)NAN);
}

static void set_count(json_t **object, const char *key, size_t n)
{
    tj_json_set(object, key, json_integer((json_int_t)n));
}

/* ------------------------------------------------------------------ distributions */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static double quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    double part = at - (double)i;
    return i + 1 < n ? sorted[i] * (1.0 - part) + sorted[i + 1] * part : sorted[n - 1];
}

/* mean, sd, min, p10, median, p90, max; values [n] are sorted. */
static json_t *distribution(double *values, size_t n)
{
    double sum = 0.0;
    double squares = 0.0;
    json_t *j = json_object();
    set_count(&j, "n", n);
    if (n == 0) {
        return j;
    }
    qsort(values, n, sizeof *values, by_value);
    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
    }
    tj_json_set(&j, "mean", tj_json_number(mean));
    tj_json_set(&j, "sd", tj_json_number(n > 1 ? sqrt(squares / (double)(n - 1)) : (double)NAN));
    tj_json_set(&j, "min", tj_json_number(values[0]));
    tj_json_set(&j, "p10", tj_json_number(quantile(values, n, 0.1)));
    tj_json_set(&j, "median", tj_json_number(quantile(values, n, 0.5)));
    tj_json_set(&j, "p90", tj_json_number(quantile(values, n, 0.9)));
    tj_json_set(&j, "max", tj_json_number(values[n - 1]));
    return j;
}

typedef double (*value_fn)(const tj_stats_row *row);

static double tokens_of(const tj_stats_row *r)
{
    return r->n_tokens > 0 ? (double)r->n_tokens : (double)NAN;
}
static double words_of(const tj_stats_row *r)
{
    return (double)r->facts.n_words;
}
static double lines_of(const tj_stats_row *r)
{
    return (double)r->facts.n_lines;
}
static double words_per_line_of(const tj_stats_row *r)
{
    return r->facts.n_lines > 0 ? (double)r->facts.n_words / (double)r->facts.n_lines : (double)NAN;
}
static double backtracks_of(const tj_stats_row *r)
{
    return (double)r->facts.n_backtracks;
}

static json_t *spread(const tj_stats *s, keep_fn keep, size_t which, value_fn value, double *values)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        double v = value(&s->rows[i]);
        if (keep(&s->rows[i], which) && !isnan(v)) {
            values[n++] = v;
        }
    }
    return distribution(values, n);
}

/* ------------------------------------------------------------------ facts of a group */

static void add_facts(tj_facts *sum, const tj_facts *f)
{
    for (size_t a = 0; a < TJ_N_ACTIONS; a++) {
        sum->spans[a] += f->spans[a];
        sum->bytes[a] += f->bytes[a];
    }
    for (size_t e = 0; e < TJ_N_EDITORS; e++) {
        sum->by_editor[e] += f->by_editor[e];
    }
#define ADD(field) sum->field += f->field
    ADD(n_bytes);
    ADD(n_words);
    ADD(n_lines);
    ADD(n_steps);
    ADD(n_marked);
    ADD(n_attempts);
    ADD(n_backtracks);
    ADD(n_justified);
    ADD(n_needless);
    ADD(n_unjudged);
    ADD(n_unexplained);
    ADD(n_wrong);
    ADD(n_noticed);
    ADD(lag_steps);
    ADD(lag_words);
    ADD(n_choices);
    ADD(n_regretted);
    ADD(regret);
    ADD(n_continued);
    ADD(n_left);
    ADD(regret_continued);
    ADD(regret_left);
    ADD(n_repeated_lines);
    ADD(n_repeated_attempts);
    ADD(n_grams);
    ADD(n_repeated_grams);
#undef ADD
}

static json_t *actions_json(const tj_facts *f, size_t n)
{
    json_t *j = json_object();
    for (size_t a = 0; a < TJ_N_ACTIONS; a++) {
        json_t *one = json_object();
        set_count(&one, "spans", f->spans[a]);
        tj_json_set(&one, "per_record", ratio((double)f->spans[a], (double)n));
        set_count(&one, "bytes", f->bytes[a]);
        tj_json_set(&one, "share", ratio((double)f->bytes[a], (double)f->n_bytes));
        tj_json_set(&j, tj_action_names[a], one);
    }
    return j;
}

static json_t *backtracks_json(const tj_facts *f)
{
    json_t *j = json_object();
    set_count(&j, "n", f->n_backtracks);
    set_count(&j, "justified", f->n_justified);
    set_count(&j, "needless", f->n_needless);
    set_count(&j, "unjudged", f->n_unjudged);
    tj_json_set(&j, "needless_share",
                ratio((double)f->n_needless, (double)(f->n_justified + f->n_needless)));
    set_count(&j, "attempts", f->n_attempts);
    set_count(&j, "repeated_attempts", f->n_repeated_attempts);
    set_count(&j, "unexplained_jumps", f->n_unexplained);
    return j;
}

static json_t *noticing_json(const tj_facts *f, size_t n_wrong, size_t n_known, size_t n_recovered)
{
    json_t *j = json_object();
    set_count(&j, "wrong_attempts", f->n_wrong);
    set_count(&j, "noticed", f->n_noticed);
    tj_json_set(&j, "noticed_share", ratio((double)f->n_noticed, (double)f->n_wrong));
    tj_json_set(&j, "lag_steps", ratio((double)f->lag_steps, (double)f->n_noticed));
    tj_json_set(&j, "lag_words", ratio((double)f->lag_words, (double)f->n_noticed));
    set_count(&j, "records_with_wrong_steps", n_wrong);
    set_count(&j, "recovered", n_recovered);
    tj_json_set(&j, "recovery_rate", ratio((double)n_recovered, (double)n_known));
    return j;
}

static json_t *choices_json(const tj_facts *f)
{
    json_t *j = json_object();
    set_count(&j, "n", f->n_choices);
    set_count(&j, "regretted", f->n_regretted);
    tj_json_set(&j, "regret", ratio(f->regret, (double)f->n_choices));
    set_count(&j, "continued", f->n_continued);
    tj_json_set(&j, "regret_continued", ratio(f->regret_continued, (double)f->n_continued));
    set_count(&j, "left", f->n_left);
    tj_json_set(&j, "regret_left", ratio(f->regret_left, (double)f->n_left));
    return j;
}

static json_t *redundancy_json(const tj_facts *f)
{
    json_t *j = json_object();
    tj_json_set(&j, "repeated_lines", ratio((double)f->n_repeated_lines, (double)f->n_lines));
    tj_json_set(&j, "repeated_runs_of_4", ratio((double)f->n_repeated_grams, (double)f->n_grams));
    tj_json_set(&j, "repeated_attempts",
                ratio((double)f->n_repeated_attempts, (double)f->n_attempts));
    return j;
}

static json_t *group_json(const tj_stats *s, const char *name, keep_fn keep, size_t which,
                          double *values)
{
    json_t *j = json_object();
    json_t *keywords = json_object();
    tj_facts sum = {.n_bytes = 0};
    size_t n = 0;
    size_t n_right = 0;
    size_t n_judged = 0;
    size_t n_wrong = 0;
    size_t n_known = 0;
    size_t n_recovered = 0;
    for (size_t i = 0; i < s->n; i++) {
        const tj_stats_row *r = &s->rows[i];
        if (keep(r, which)) {
            n++;
            add_facts(&sum, &r->facts);
            n_right += r->correct == TJ_YES ? 1 : 0;
            n_judged += r->correct != TJ_UNKNOWN ? 1 : 0;
            n_wrong += r->facts.n_wrong > 0 ? 1 : 0;
            n_known += r->facts.n_wrong > 0 && r->correct != TJ_UNKNOWN ? 1 : 0;
            n_recovered += r->facts.n_wrong > 0 && r->correct == TJ_YES ? 1 : 0;
        }
    }
    for (size_t k = 0; k < s->cfg.n_keywords; k++) {
        size_t count = 0;
        for (size_t i = 0; i < s->n; i++) {
            count += keep(&s->rows[i], which) ? s->rows[i].keywords[k] : 0;
        }
        set_count(&keywords, s->cfg.keywords[k], count);
    }
    tj_json_set(&j, "group", json_string(name));
    set_count(&j, "records", n);
    set_count(&j, "judged", n_judged);
    set_count(&j, "right", n_right);
    tj_json_set(&j, "tokens", spread(s, keep, which, tokens_of, values));
    tj_json_set(&j, "words", spread(s, keep, which, words_of, values));
    tj_json_set(&j, "lines", spread(s, keep, which, lines_of, values));
    tj_json_set(&j, "words_per_line", spread(s, keep, which, words_per_line_of, values));
    tj_json_set(&j, "backtracks_per_record", spread(s, keep, which, backtracks_of, values));
    tj_json_set(&j, "keywords", keywords);
    tj_json_set(&j, "actions", actions_json(&sum, n));
    tj_json_set(&j, "backtracks", backtracks_json(&sum));
    tj_json_set(&j, "noticing", noticing_json(&sum, n_wrong, n_known, n_recovered));
    tj_json_set(&j, "choices", choices_json(&sum));
    tj_json_set(&j, "redundancy", redundancy_json(&sum));
    return j;
}

/* ------------------------------------------------------------------ groups */

static bool keep_all(const tj_stats_row *row, size_t which)
{
    (void)row;
    (void)which;
    return true;
}
static bool keep_correct(const tj_stats_row *row, size_t which)
{
    return row->correct == (tj_known)which;
}
static bool keep_level(const tj_stats_row *row, size_t which)
{
    return row->level == which;
}
static bool keep_language(const tj_stats_row *row, size_t which)
{
    return row->language == which;
}

static void add_group(const tj_stats *s, json_t **list, const char *name, keep_fn keep,
                      size_t which, double *values)
{
    for (size_t i = 0; i < s->n; i++) {
        if (keep(&s->rows[i], which)) {
            tj_json_append(list, group_json(s, name, keep, which, values));
            return;
        }
    }
}

/* Levels in their order: by the first number in their names, then by name. */
static bool level_number(const char *name, double *out)
{
    tj_number_at number;
    size_t at = 0;
    if (!tj_next_number(name, strlen(name), &at, &number)) {
        return false;
    }
    *out = strtod(number.text, NULL);
    return true;
}

static bool level_before(const tj_stats *s, size_t a, size_t b)
{
    double x = 0.0;
    double y = 0.0;
    bool has_x = level_number(s->levels[a], &x);
    bool has_y = level_number(s->levels[b], &y);
    if (has_x && has_y && (x < y || x > y)) {
        return x < y;
    }
    return has_x != has_y ? has_x : strcmp(s->levels[a], s->levels[b]) < 0;
}

static void order_levels(const tj_stats *s, size_t *order)
{
    for (size_t i = 0; i < s->n_levels; i++) {
        size_t k = i;
        for (; k > 0 && level_before(s, i, order[k - 1]); k--) {
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
}

static json_t *groups_json(const tj_stats *s, double *values)
{
    json_t *list = json_array();
    size_t order[TJ_STATS_LEVELS];
    char name[96];
    add_group(s, &list, "all", keep_all, 0, values);
    add_group(s, &list, "right", keep_correct, TJ_YES, values);
    add_group(s, &list, "wrong", keep_correct, TJ_NO, values);
    order_levels(s, order);
    for (size_t i = 0; i < s->n_levels; i++) {
        snprintf(name, sizeof name, "level %.80s", s->levels[order[i]]);
        add_group(s, &list, name, keep_level, order[i], values);
    }
    for (size_t l = 0; l < TJ_GRAM_LANGUAGES; l++) {
        snprintf(name, sizeof name, "language %s", tj_gram_languages[l]);
        add_group(s, &list, name, keep_language, l, values);
    }
    return list;
}

/* ------------------------------------------------------------------ length against difficulty */

typedef struct pair {
    double x, y, rank;
} pair;

static int by_x(const void *a, const void *b)
{
    double x = ((const pair *)a)->x;
    double y = ((const pair *)b)->x;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Puts the rank of x, ties shared, in its place, and swaps x and y. */
static void rank(pair *p, size_t n)
{
    qsort(p, n, sizeof *p, by_x);
    for (size_t i = 0; i < n;) {
        size_t k = i;
        while (k < n && !(p[k].x > p[i].x)) {
            k++;
        }
        for (size_t m = i; m < k; m++) {
            p[m].rank = ((double)(i + k) - 1.0) / 2.0;
        }
        i = k;
    }
    for (size_t i = 0; i < n; i++) {
        p[i].x = p[i].y;
        p[i].y = p[i].rank;
    }
}

/* Spearman's rho between the number in a record's level and a value. */
static json_t *correlation(const tj_stats *s, value_fn value, pair *p)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        double x;
        double y = value(&s->rows[i]);
        if (s->rows[i].level != SIZE_MAX && !isnan(y) &&
            level_number(s->levels[s->rows[i].level], &x)) {
            p[n++] = (pair){.x = x, .y = y};
        }
    }
    rank(p, n);
    rank(p, n);
    double mean = n > 0 ? ((double)n - 1.0) / 2.0 : 0.0;
    double xy = 0.0;
    double xx = 0.0;
    double yy = 0.0;
    for (size_t i = 0; i < n; i++) {
        xy += (p[i].x - mean) * (p[i].y - mean);
        xx += (p[i].x - mean) * (p[i].x - mean);
        yy += (p[i].y - mean) * (p[i].y - mean);
    }
    json_t *j = json_object();
    set_count(&j, "n", n);
    tj_json_set(&j, "spearman",
                tj_json_number(xx > 0.0 && yy > 0.0 ? xy / sqrt(xx * yy) : (double)NAN));
    return j;
}

static json_t *difficulty_json(const tj_stats *s)
{
    pair *p = tj_calloc(s->n, sizeof *p);
    json_t *j = p == NULL ? NULL : json_object();
    if (p != NULL) {
        tj_json_set(&j, "tokens", correlation(s, tokens_of, p));
        tj_json_set(&j, "words", correlation(s, words_of, p));
        tj_json_set(&j, "backtracks", correlation(s, backtracks_of, p));
    }
    tj_free(p);
    return j;
}

/* ------------------------------------------------------------------ reflection */

static json_t *gram_json(const tj_stats *s, const tj_gram_score *score)
{
    const tj_gram *g = score->gram;
    const tj_gram_words *words = tj_grams_words(s->grams, g->language);
    json_t *j = json_object();
    json_t *levels = json_object();
    tj_json_set(&j, "run", json_stringn(g->text, g->n_text));
    tj_json_set(&j, "z", tj_json_number(score->z));
    set_count(&j, "in_reflection", g->reflect);
    set_count(&j, "elsewhere", g->other);
    tj_json_set(&j, "per_1000_right", ratio(1000.0 * g->right, (double)words->right));
    tj_json_set(&j, "per_1000_wrong", ratio(1000.0 * g->wrong, (double)words->wrong));
    for (size_t i = 0; i < s->n_levels && i + 1 < TJ_GRAM_LEVELS; i++) {
        tj_json_set(&levels, s->levels[i],
                    ratio(1000.0 * g->by_level[i], (double)words->by_level[i]));
    }
    tj_json_set(&j, "per_1000_by_level", levels);
    return j;
}

static tj_code reflection_json(const tj_stats *s, json_t **to, tj_err *err)
{
    tj_code rc = TJ_OK;
    tj_gram_score *top = tj_calloc(s->cfg.n_top, sizeof *top);
    if (top == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot list %zu runs of words", s->cfg.n_top);
    }
    for (size_t l = 0; l < TJ_GRAM_LANGUAGES && rc == TJ_OK; l++) {
        size_t n = 0;
        json_t *list = json_array();
        rc = tj_grams_top(s->grams, l, s->cfg.min_count, top, s->cfg.n_top, &n, err);
        for (size_t i = 0; i < n; i++) {
            tj_json_append(&list, gram_json(s, &top[i]));
        }
        tj_json_set(to, tj_gram_languages[l], list);
    }
    tj_free(top);
    return rc;
}

static json_t *rules_json(const tj_stats *s)
{
    json_t *j = json_object();
    json_t *actions = json_object();
    set_count(&j, "records", s->n_measured);
    for (size_t a = 0; a < TJ_N_ACTIONS; a++) {
        if (a == TJ_CONTINUE) {
            continue; /* proposing and continuing are one here */
        }
        json_t *one = json_object();
        tj_json_set(&one, "precision", tj_json_number(tj_rules_precision(&s->rules, (tj_action)a)));
        tj_json_set(&one, "recall", tj_json_number(tj_rules_recall(&s->rules, (tj_action)a)));
        set_count(&one, "spans", (size_t)s->rules.spans[a]);
        set_count(&one, "found", (size_t)s->rules.hits[a]);
        tj_json_set(&actions, a == TJ_PROPOSE ? "step" : tj_action_names[a], one);
    }
    tj_json_set(&j, "actions", actions);
    set_count(&j, "backtracks", (size_t)s->rules.n_backtracks);
    set_count(&j, "backtracks_by_rules", (size_t)s->rules.n_found);
    return j;
}

tj_code tj_stats_json(const tj_stats *s, json_t **out, tj_err *err)
{
    size_t n_by_rules = 0;
    *out = NULL;
    if (s->n == 0) {
        return tj_fail(err, TJ_E_INVAL, "no thoughts to count");
    }
    double *values = tj_calloc(s->n, sizeof *values);
    json_t *j = json_object();
    json_t *reflection = json_object();
    tj_code rc = values == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot sum up %zu records", s->n)
                                : reflection_json(s, &reflection, err);
    if (rc != TJ_OK) {
        tj_free(values);
        json_decref(j);
        json_decref(reflection);
        return rc;
    }
    for (size_t i = 0; i < s->n; i++) {
        n_by_rules += s->rows[i].by_rules ? 1 : 0;
    }
    set_count(&j, "records", s->n);
    set_count(&j, "spans_by_rules", n_by_rules);
    tj_json_set(&j, "groups", groups_json(s, values));
    tj_json_set(&j, "difficulty", difficulty_json(s));
    tj_json_set(&j, "reflection", reflection);
    set_count(&j, "runs_dropped", tj_grams_n_dropped(s->grams));
    tj_json_set(&j, "rules", rules_json(s));
    tj_free(values);
    *out = j;
    return j != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot sum up %zu records", s->n);
}
