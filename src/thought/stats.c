/* Collecting: one row a record, runs of words in one table. */
#include <string.h>

#include "base/alloc.h"
#include "thought/stats_inner.h"

static const char *const default_keywords[] = {
    "wait",     "alternatively", "but",       "however", "maybe",   "perhaps", "if",
    "since",    "because",       "therefore", "so",      "let me",  "let's",   "consider",
    "possible", "check",         "hmm",       "mistake", "another", "待って",  "しかし",
    "別の",     "間違",          "確かめ",    "等等",    "但是",    "不对",    "重新"};

void tj_stats_config_default(tj_stats_config *cfg)
{
    *cfg = (tj_stats_config){.keywords = default_keywords,
                             .n_keywords = sizeof default_keywords / sizeof default_keywords[0],
                             .max_gram = 4,
                             .n_top = 12,
                             .min_count = 3};
}

tj_code tj_stats_create(tj_stats **out, const tj_stats_config *cfg, tj_err *err)
{
    tj_stats *s = NULL;
    *out = NULL;
    if (cfg->n_keywords > TJ_MAX_KEYWORDS) {
        return tj_fail(err, TJ_E_INVAL, "%zu keywords, at most %d", cfg->n_keywords,
                       TJ_MAX_KEYWORDS);
    }
    s = tj_calloc(1, sizeof *s);
    tj_code rc = s == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold statistics")
                           : tj_grams_create(&s->grams, cfg->max_gram, err);
    if (rc != TJ_OK) {
        tj_free(s);
        return rc;
    }
    s->cfg = *cfg;
    if (cfg->keywords == NULL) {
        s->cfg.keywords = default_keywords;
        s->cfg.n_keywords = sizeof default_keywords / sizeof default_keywords[0];
    }
    *out = s;
    return TJ_OK;
}

void tj_stats_destroy(tj_stats *s)
{
    if (s != NULL) {
        for (size_t i = 0; i < s->n_levels; i++) {
            tj_free(s->levels[i]);
        }
        tj_grams_destroy(s->grams);
        tj_free(s->rows);
        tj_free(s);
    }
}

static tj_code level_of(tj_stats *s, const tj_record *r, size_t *level, tj_err *err)
{
    const char *name = r->meta[TJ_META_LEVEL];
    *level = SIZE_MAX;
    for (size_t i = 0; name != NULL && i < s->n_levels; i++) {
        if (strcmp(s->levels[i], name) == 0) {
            *level = i;
            return TJ_OK;
        }
    }
    if (name == NULL || s->n_levels == TJ_STATS_LEVELS) {
        return TJ_OK;
    }
    s->levels[s->n_levels] = tj_strdup(name);
    if (s->levels[s->n_levels] == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a level's name");
    }
    *level = s->n_levels++;
    return TJ_OK;
}

static size_t language_of(const tj_record *r)
{
    const char *name = r->meta[TJ_META_LANGUAGE];
    for (size_t i = 0; name != NULL && i < TJ_GRAM_LANGUAGES; i++) {
        if (strncmp(name, tj_gram_languages[i], 2) == 0) {
            return i;
        }
    }
    name = tj_guess_language(r->thought.text, r->thought.n_text);
    return strcmp(name, "ja") == 0 ? 1 : strcmp(name, "zh") == 0 ? 2 : 0;
}

static tj_code add_grams(tj_stats *s, const tj_stats_row *row, const tj_thought *t, tj_err *err)
{
    tj_gram_place place = {.language = row->language,
                           .level = row->level,
                           .correct = row->correct == TJ_YES  ? 1
                                      : row->correct == TJ_NO ? 0
                                                              : -1};
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < t->n_spans && rc == TJ_OK; i++) {
        const tj_span *p = &t->spans[i];
        place.reflects = p->action == TJ_REFLECT || p->action == TJ_BACKTRACK;
        rc = tj_grams_add(s->grams, t->text + p->begin, p->end - p->begin, &place, err);
    }
    return rc;
}

static tj_code add_row(tj_stats *s, const tj_record *r, const tj_thought *t, bool by_rules,
                       tj_err *err)
{
    if (!tj_grow(&s->rows, &s->cap, s->n + 1, sizeof *s->rows)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu records", s->n + 1);
    }
    tj_stats_row *row = &s->rows[s->n];
    memset(row, 0, sizeof *row);
    row->n_tokens = tj_record_n_tokens(r);
    row->language = language_of(r);
    row->correct = r->correct;
    row->by_rules = by_rules;
    for (size_t k = 0; k < s->cfg.n_keywords; k++) {
        row->keywords[k] = (uint32_t)tj_count_phrase(t->text, t->n_text, s->cfg.keywords[k]);
    }
    tj_code rc = level_of(s, r, &row->level, err);
    if (rc == TJ_OK) {
        rc = tj_facts_of(&row->facts, t, err);
    }
    if (rc == TJ_OK) {
        rc = add_grams(s, row, t, err);
    }
    s->n += rc == TJ_OK ? 1 : 0;
    return rc;
}

tj_code tj_stats_add(tj_stats *s, const tj_record *r, tj_err *err)
{
    tj_thought copy = {.n_spans = 0};
    bool has_spans = r->thought.n_spans > 0 && r->thought.spans[0].editor != TJ_BY_RULES;
    tj_code rc = has_spans ? tj_rules_measure(&s->rules, &r->thought, err) : TJ_OK;
    s->n_measured += has_spans ? 1 : 0;
    if (rc == TJ_OK && has_spans && !s->cfg.by_rules) {
        return add_row(s, r, &r->thought, false, err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_copy(&copy, &r->thought, err);
    }
    if (rc == TJ_OK) {
        rc = tj_rules_spans(&copy, err);
    }
    if (rc == TJ_OK) {
        rc = add_row(s, r, &copy, true, err);
    }
    tj_thought_deinit(&copy);
    return rc;
}
