/* See facts.h. */
#include "thought/facts.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "thought/words.h"

#define GRAM 4 /* words of a run, for redundancy */
#define MAX_PERIOD                                                                                 \
    64 /* words of a block that is repeated; a longer one is several lines, which                  \
        * repeated lines count */

/* ------------------------------------------------------------------ a set of hashes */

typedef struct hashes {
    uint64_t *slots; /* [cap], a power of two; 0 is free */
    size_t cap, n;
} hashes;

static bool hashes_init(hashes *h, size_t expected)
{
    h->cap = 16;
    while (h->cap < 2 * expected) {
        h->cap *= 2;
    }
    h->n = 0;
    h->slots = tj_calloc(h->cap, sizeof *h->slots);
    return h->slots != NULL;
}

/* True if it was there already; adds it. At most `expected` are added. */
static bool hashes_seen(hashes *h, uint64_t hash)
{
    hash = hash == 0 ? 1 : hash;
    size_t i = (size_t)(hash & (h->cap - 1));
    while (h->slots[i] != 0 && h->slots[i] != hash) {
        i = (i + 1) & (h->cap - 1);
    }
    bool seen = h->slots[i] != 0;
    h->slots[i] = hash;
    h->n += seen ? 0 : 1;
    return seen;
}

/* ------------------------------------------------------------------ redundancy */

static tj_code count_words(tj_facts *out, const tj_thought *t, tj_err *err)
{
    hashes seen;
    uint64_t last[GRAM] = {0};
    tj_word word;
    out->n_words = tj_count_words(t->text, t->n_text);
    if (!hashes_init(&seen, out->n_words)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot count %zu words", out->n_words);
    }
    size_t n = 0;
    for (size_t at = 0; tj_next_word(t->text, t->n_text, &at, &word); n++) {
        memmove(last, last + 1, (GRAM - 1) * sizeof *last);
        last[GRAM - 1] = tj_word_hash(t->text, &word);
        if (n + 1 >= GRAM) {
            out->n_grams++;
            out->n_repeated_grams +=
                hashes_seen(&seen, tj_fnv64((const char *)last, sizeof last)) ? 1 : 0;
        }
    }
    tj_free(seen.slots);
    return TJ_OK;
}

static tj_code count_lines(tj_facts *out, const tj_thought *t, tj_err *err)
{
    hashes seen;
    tj_line line;
    size_t n = 0;
    for (size_t at = 0; tj_next_line(t->text, t->n_text, &at, &line);) {
        n++;
    }
    if (!hashes_init(&seen, n)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot count %zu lines", n);
    }
    for (size_t at = 0; tj_next_line(t->text, t->n_text, &at, &line);) {
        uint64_t hash = tj_fnv64(t->text + line.begin, line.end - line.begin);
        out->n_repeated_lines += hashes_seen(&seen, hash) ? 1 : 0;
    }
    out->n_lines = n;
    tj_free(seen.slots);
    return TJ_OK;
}

/* ------------------------------------------------------------------ the way through the spans */

typedef struct walker {
    const tj_thought *t;
    tj_facts *out;
    hashes attempts;
    size_t *way; /* [n_way] spans of the steps on the way to where the thought stands */
    size_t n_way;
    double *best; /* [n_way + 1] the best value of a place on the way so far, NaN if none has one */
    /* the attempt at hand */
    size_t n_steps, n_right, n_wrong;
    size_t steps_since, words_since; /* since the first wrong step */
    bool noticed;
    uint64_t hash;
    /* a choice that waits for what is done next: the step with a value that was made last */
    size_t chooser; /* span; SIZE_MAX: none */
    bool explained; /* something reflected or went back since the last step */
} walker;

static bool is_wrong(const tj_span *s)
{
    return s->mark == TJ_MARK_INVALID || s->mark == TJ_MARK_DEAD;
}

static void end_attempt(walker *w, bool goes_back)
{
    tj_facts *out = w->out;
    if (goes_back) {
        out->n_justified += w->n_wrong > 0 ? 1 : 0;
        out->n_needless += w->n_steps > 0 && w->n_right == w->n_steps ? 1 : 0;
        out->n_unjudged += w->n_wrong == 0 && (w->n_steps == 0 || w->n_right < w->n_steps) ? 1 : 0;
    }
    if (w->n_steps > 0) {
        out->n_attempts++;
        out->n_wrong += w->n_wrong > 0 ? 1 : 0;
        out->n_repeated_attempts += hashes_seen(&w->attempts, w->hash) ? 1 : 0;
    }
    w->n_steps = w->n_right = w->n_wrong = 0;
    w->steps_since = w->words_since = 0;
    w->noticed = false;
}

static void notice(walker *w)
{
    if (w->n_wrong > 0 && !w->noticed) {
        w->noticed = true;
        w->out->n_noticed++;
        w->out->lag_steps += w->steps_since;
        w->out->lag_words += w->words_since;
    }
}

/* The start has no value of its own: it is worth its best first step in this thought. */
static double value_of_start(const tj_thought *t)
{
    double value = (double)NAN;
    bool first = true; /* the next step is made from the start */
    for (size_t i = 0; i < t->n_spans; i++) {
        const tj_span *s = &t->spans[i];
        if (tj_is_step(s) && s->has_value && first) {
            value = fmax(value, s->value); /* the other one, where one is NaN */
        }
        bool to_start = s->action == TJ_BACKTRACK &&
                        (s->node == 0 || (s->node == TJ_SPAN_NO_NODE && s->back_to == 0));
        first = to_start || (first && !tj_is_step(s));
    }
    return value;
}

/* The value of standing after the first n steps of the way; NaN if it is not known. */
static double value_at(const walker *w, size_t n)
{
    const tj_span *s = n > 0 ? &w->t->spans[w->way[n - 1]] : NULL;
    return s == NULL ? w->best[0] : s->has_value ? s->value : (double)NAN;
}

/* After the step `chooser`, standing at the end of the way, one stays (n = n_way) or goes back to
 * the first n steps of it. */
static void judge_choice(walker *w, size_t n, bool left)
{
    tj_facts *out = w->out;
    double chosen = value_at(w, n);
    bool waits = w->chooser != SIZE_MAX;
    w->chooser = SIZE_MAX;
    if (!waits || isnan(chosen)) {
        return;
    }
    double regret = fmax(w->best[w->n_way] - chosen, 0.0);
    out->n_choices++;
    out->n_regretted += regret > 0.0 ? 1 : 0;
    out->regret += regret;
    out->n_left += left ? 1 : 0;
    out->n_continued += left ? 0 : 1;
    *(left ? &out->regret_left : &out->regret_continued) += regret;
}

static void walk_step(walker *w, size_t i)
{
    const tj_span *s = &w->t->spans[i];
    const char *text = w->t->text + s->begin;
    size_t len = s->end - s->begin;
    judge_choice(w, w->n_way, false);
    if (s->action == TJ_PROPOSE && w->n_steps > 0 && !w->explained) {
        w->out->n_unexplained++;
    }
    if (w->n_wrong > 0 && !w->noticed) {
        w->steps_since++;
        w->words_since += tj_count_words(text, len);
    }
    w->hash = (w->n_steps == 0 ? 0 : w->hash) * 31 + tj_fnv64(text, len);
    w->n_steps++;
    w->n_wrong += is_wrong(s) ? 1 : 0;
    w->n_right += s->mark == TJ_MARK_RIGHT ? 1 : 0;
    w->out->n_steps++;
    w->out->n_marked += s->mark != TJ_MARK_NONE ? 1 : 0;
    w->way[w->n_way++] = i;
    w->best[w->n_way] = fmax(w->best[w->n_way - 1], value_at(w, w->n_way));
    w->chooser = s->has_value ? i : SIZE_MAX;
    w->explained = false;
}

/* How many steps of the way stay when a way back is gone. */
static size_t kept_by(const walker *w, const tj_span *back)
{
    for (size_t n = w->n_way; n > 0; n--) {
        const tj_span *s = &w->t->spans[w->way[n - 1]];
        bool there = back->node != TJ_SPAN_NO_NODE
                         ? s->node == back->node
                         : back->back_to > 0 && s->annotation > 0 && s->annotation <= back->back_to;
        if (there) {
            return n;
        }
    }
    return 0;
}

static void walk_span(walker *w, size_t i)
{
    const tj_span *s = &w->t->spans[i];
    tj_facts *out = w->out;
    out->spans[s->action]++;
    out->bytes[s->action] += s->end - s->begin;
    out->by_editor[s->editor] += s->end - s->begin;
    if (tj_is_step(s)) {
        walk_step(w, i);
        return;
    }
    if (s->action == TJ_REFLECT || s->action == TJ_VERIFY) {
        w->explained = true;
    }
    if (s->action == TJ_REFLECT) {
        notice(w);
    }
    bool last_of_run =
        i + 1 == w->t->n_spans || w->t->spans[i + 1].action != TJ_BACKTRACK; /* says where to */
    if (s->action == TJ_BACKTRACK && last_of_run) {
        size_t n = kept_by(w, s);
        out->n_backtracks++;
        notice(w);
        judge_choice(w, n, true);
        end_attempt(w, true);
        w->n_way = n;
        w->explained = true;
    }
}

tj_code tj_facts_of(tj_facts *out, const tj_thought *t, tj_err *err)
{
    walker w = {.t = t, .out = out, .chooser = SIZE_MAX};
    memset(out, 0, sizeof *out);
    out->n_bytes = t->n_text;
    tj_code rc = count_words(out, t, err);
    if (rc == TJ_OK) {
        rc = count_lines(out, t, err);
    }
    if (rc != TJ_OK) {
        return rc;
    }
    w.way = tj_calloc(t->n_spans + 1, sizeof *w.way);
    w.best = tj_calloc(t->n_spans + 1, sizeof *w.best);
    if (w.way == NULL || w.best == NULL || !hashes_init(&w.attempts, t->n_spans + 1)) {
        tj_free(w.way);
        tj_free(w.best);
        return tj_fail(err, TJ_E_NOMEM, "cannot walk %zu spans", t->n_spans);
    }
    w.best[0] = value_of_start(t);
    for (size_t i = 0; i < t->n_spans; i++) {
        walk_span(&w, i);
    }
    end_attempt(&w, false);
    tj_free(w.way);
    tj_free(w.best);
    tj_free(w.attempts.slots);
    return TJ_OK;
}

/* ------------------------------------------------------------------ loops */

tj_code tj_find_loop(tj_loop *out, const char *text, size_t len, tj_err *err)
{
    size_t n = tj_count_words(text, len);
    uint64_t *hash = tj_calloc(n, sizeof *hash);
    tj_word *words = tj_calloc(n, sizeof *words);
    *out = (tj_loop){.n_times = 1};
    if (hash == NULL || words == NULL) {
        tj_free(hash);
        tj_free(words);
        return tj_fail(err, TJ_E_NOMEM, "cannot look through %zu words", n);
    }
    tj_word word;
    for (size_t at = 0, i = 0; tj_next_word(text, len, &at, &word); i++) {
        words[i] = word;
        hash[i] = tj_word_hash(text, &word);
    }
    for (size_t p = 1; p <= MAX_PERIOD && 2 * p <= n; p++) {
        size_t run = 0; /* words in a row that equal those p before */
        for (size_t i = p; i <= n; i++) {
            bool same = i < n && hash[i] == hash[i - p];
            if (same) {
                run++;
                continue;
            }
            size_t times = run / p + 1;
            size_t covered = times * p;
            if (times > 1 &&
                (covered > out->n_words || (covered == out->n_words && times > out->n_times))) {
                size_t first = i - run - p;
                *out = (tj_loop){times, covered, words[first].begin, words[first + p - 1].end};
            }
            run = 0;
        }
    }
    tj_free(hash);
    tj_free(words);
    return TJ_OK;
}
