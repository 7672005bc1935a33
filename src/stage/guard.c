/* What a training or an evaluation asks before it begins: own texts against one source after the
 * other. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "stage/contamination.h"
#include "stage/lineage.h"
#include "text/text.h"

#define MAX_LISTED 1000 /* measured problems named of a pair */

tj_code tj_guard_open(tj_guard *g, tj_store *store, bool learns, const char *name,
                      const tj_texts *own, const tj_job *job, tj_err *err)
{
    *g = (tj_guard){.store = store,
                    .learns = learns,
                    .name = name,
                    .own = own,
                    .job = job,
                    .found = json_array()};
    return g->found != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot compare texts");
}

void tj_guard_close(tj_guard *g)
{
    json_decref(g->found);
    memset(g, 0, sizeof *g);
}

/* ------------------------------------------------------------------ a pair */

/* The measured problems that stand whole in what is learnt, by what they are called. */
static json_t *whole_ones(const tj_contamination *c, const tj_texts *measured)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_list && json_array_size(list) < MAX_LISTED; i++) {
        if (c->list[i].is_whole) {
            json_array_append_new(list, json_integer(measured->ids[c->list[i].measured]));
        }
    }
    return list;
}

static void note_first(tj_guard *g, const tj_contamination *c, const char *other,
                       const tj_texts *learned, const tj_texts *measured)
{
    for (size_t i = 0; i < c->n_list && g->first[0] == '\0'; i++) {
        const tj_shared_text *s = &c->list[i];
        if (s->is_whole) {
            (void)snprintf(g->first, sizeof g->first, "no. %lld of %.80s %s no. %lld of %.80s",
                           (long long)learned->ids[s->learned], g->learns ? g->name : other,
                           s->is_same ? "is" : "holds", (long long)measured->ids[s->measured],
                           g->learns ? other : g->name);
        }
    }
}

static tj_code compare(tj_guard *g, const char *other, const tj_texts *texts, tj_err *err)
{
    const tj_texts *learned = g->learns ? g->own : texts;
    const tj_texts *measured = g->learns ? texts : g->own;
    tj_contamination c;
    tj_code rc = tj_contamination_check(&c, learned, measured, TJ_OVERLAP_WORDS, g->job, err);
    if (rc != TJ_OK) {
        return rc;
    }
    json_t *entry =
        tj_contamination_json(&c, g->learns ? g->name : other, g->learns ? other : g->name);
    json_object_set_new(entry, "whole", whole_ones(&c, measured));
    if (entry == NULL || json_array_append_new(g->found, entry) != 0) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot hold what is shared with %s", other);
    }
    g->n_whole += c.whole_measured;
    note_first(g, &c, other, learned, measured);
    tj_contamination_deinit(&c);
    return rc;
}

static bool is_known(const tj_guard *g, const char *other)
{
    size_t i;
    const json_t *entry;
    const char *side = g->learns ? "measured" : "learned";
    bool known = false;
    json_array_foreach(g->found, i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, side));
        const char *missing = json_string_value(json_object_get(entry, "missing"));
        known = known || (name != NULL && strcmp(name, other) == 0) ||
                (missing != NULL && strcmp(missing, other) == 0);
    }
    return known;
}

/* ------------------------------------------------------------------ sources */

/* Of a set with several splits, that which is for learning, or that which is for measuring. */
static unsigned splits_of(const tj_guard *g, const tj_problem_set *set)
{
    unsigned wanted = g->learns ? TJ_SPLIT_BIT(TJ_SPLIT_TEST)
                                : TJ_SPLIT_BIT(TJ_SPLIT_TRAIN) | TJ_SPLIT_BIT(TJ_SPLIT_VALID);
    size_t n = g->learns ? set->n_problems[TJ_SPLIT_TEST]
                         : set->n_problems[TJ_SPLIT_TRAIN] + set->n_problems[TJ_SPLIT_VALID];
    return n > 0 ? wanted : TJ_SPLIT_ANY;
}

static tj_code against_set(tj_guard *g, const tj_problem_set *set, tj_err *err)
{
    tj_texts texts;
    tj_code rc = tj_texts_of_set(g->store, &texts, set->id, splits_of(g, set), err);
    if (rc == TJ_OK) {
        rc = compare(g, set->name, &texts, err);
        tj_texts_deinit(&texts);
    }
    return rc;
}

static tj_code against_file(tj_guard *g, const char *path, tj_err *err)
{
    tj_texts texts;
    tj_code rc = g->learns ? tj_texts_of_measured(&texts, path, err)
                           : tj_texts_of_learned(&texts, path, err);
    if (rc == TJ_OK) {
        rc = compare(g, path, &texts, err);
        tj_texts_deinit(&texts);
    }
    return rc;
}

tj_code tj_guard_against(tj_guard *g, const char *name, tj_err *err)
{
    tj_problem_set set = {0};
    if (is_known(g, name)) {
        return TJ_OK;
    }
    tj_code rc =
        g->store == NULL ? TJ_E_NOTFOUND : tj_store_find_problem_set(g->store, &set, name, NULL);
    if (rc == TJ_OK) {
        rc = against_set(g, &set, err);
    } else if (tj_fs_exists(name)) {
        rc = against_file(g, name, err);
    } else {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there is no set and no file '%s'", name);
    }
    tj_problem_set_deinit(&set);
    return rc;
}

/* ------------------------------------------------------------------ what the ledger knows */

static tj_code note_missing(tj_guard *g, const char *path, const char *why, tj_err *err)
{
    json_t *entry = json_pack("{s:s, s:s}", "missing", path, "reason", why);
    return entry != NULL && json_array_append_new(g->found, entry) == 0
               ? TJ_OK
               : tj_fail(err, TJ_E_NOMEM, "cannot note that %s is missing", path);
}

static tj_code against_input(void *ctx, const tj_run_input *in, tj_err *err)
{
    tj_guard *g = ctx;
    char digest[TJ_SHA256_HEX];
    tj_err why = {.msg = ""};
    if (strcmp(in->kind, "problem_set") == 0) {
        tj_problem_set set;
        tj_code rc = tj_store_get_problem_set(g->store, &set, in->id, err);
        /* problems of other tasks are no texts */
        bool is_text = rc == TJ_OK && strcmp(set.task, "mathematics") == 0;
        if (is_text && !is_known(g, set.name)) {
            rc = against_set(g, &set, err);
        }
        tj_problem_set_deinit(&set);
        return rc;
    }
    if (is_known(g, in->role)) {
        return TJ_OK;
    }
    if (tj_sha256_file(digest, in->role, &why) != TJ_OK) {
        return note_missing(g, in->role, why.msg, err);
    }
    if (strcmp(digest, in->digest) != 0) {
        return note_missing(g, in->role, "it is not what it was", err);
    }
    tj_code rc = against_file(g, in->role, &why);
    return rc == TJ_E_PARSE ? note_missing(g, in->role, why.msg, err)
           : rc == TJ_OK    ? TJ_OK
                            : tj_fail(err, rc, "%s", why.msg);
}

tj_code tj_guard_against_measured(tj_guard *g, tj_err *err)
{
    return g->store == NULL ? TJ_OK : tj_lineage_measured(g->store, against_input, g, err);
}

tj_code tj_guard_against_learned(tj_guard *g, const char *const *digests, size_t n_digests,
                                 tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n_digests && g->store != NULL && rc == TJ_OK; i++) {
        rc = tj_lineage_of_file(g->store, digests[i], against_input, g, err);
    }
    return rc;
}
