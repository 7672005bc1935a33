/* Several rewarders asked about the same steps, and what they agree on: a label is kept where enough
 * of them say the same, and dropped where they do not (Zhang et al. 2025, arXiv:2501.07301, section
 * 3.2, filter labels of Monte-Carlo estimates by a judge that way).
 *
 * What a member says of a step: right, from its threshold on; wrong below it, or, where its values
 * go from -1 to 1, from minus the threshold down; between these nothing. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "tree/judge.h"

#define MAX_MEMBERS 8

typedef struct consensus {
    char name[TJ_SCORER_NAME_BYTES];
    size_t agreement; /* members that must say the same; 0: all */
    int disagreement; /* tj_ties */
    int meaning;      /* tj_meaning; below 0: the first member's */
    tj_scorer members[MAX_MEMBERS];
    size_t n;
} consensus;

static const char *const meaning_names[] = {"valid", "solvable", "progress", "first", NULL};
enum { OF_FIRST = 3 };

static const tj_field fields[] = {
    TJ_FIELD_STRING(consensus, name, "of the rewards that it gives"),
    TJ_FIELD_SIZE(consensus, agreement, 0, MAX_MEMBERS,
                  "members that must say the same; 0: all of them"),
    TJ_FIELD_ENUM(consensus, disagreement, tj_ties_names, "what a step is given where they do not"),
    TJ_FIELD_ENUM(consensus, meaning, meaning_names, "what a value says; first: the first member's"),
    TJ_FIELD_END};

/* ------------------------------------------------------------------ one step */

static int word_of(const tj_scorer *member, double value)
{
    if (value >= member->threshold) {
        return 1;
    }
    return member->low < 0.0 && value > -member->threshold ? 0 : -1;
}

static void add_cost(tj_score *to, const tj_score *from)
{
    to->n_tries += from->n_tries;
    to->tokens += from->tokens;
    to->path_tokens += from->path_tokens;
    to->seconds += from->seconds;
    to->money += from->money;
    to->cached_tokens += from->cached_tokens;
    to->cached_money += from->cached_money;
}

static void write_raw(tj_buf *raw, const tj_scorer *member, const tj_score *s)
{
    const char *words = s->failed ? s->error : s->reason;
    tj_buf_str(raw, "{\"by\": ");
    tj_buf_json(raw, member->name, strlen(member->name));
    if (s->failed) {
        tj_buf_str(raw, ", \"error\": ");
    } else {
        tj_buf_printf(raw, ", \"value\": %.17g, \"reason\": ", s->value);
    }
    tj_buf_json(raw, words == NULL ? "" : words, words == NULL ? 0 : strlen(words));
    if (s->raw != NULL) {
        tj_buf_str(raw, ", \"raw\": ");
        tj_buf_json(raw, s->raw, strlen(s->raw));
    }
    tj_buf_str(raw, "}\n");
}

/* of [n members]: what each gave this step. */
static tj_code conclude(const consensus *c, tj_score *out, const tj_score *const *of,
                        tj_buf *reason, tj_err *err)
{
    size_t needed = c->agreement == 0 ? c->n : c->agreement;
    size_t counts[3] = {0, 0, 0};
    const char *failure = NULL;
    const char *failed = NULL;
    for (size_t m = 0; m < c->n; m++) {
        if (of[m]->failed) {
            failed = c->members[m].name;
            failure = of[m]->error;
            continue;
        }
        int word = word_of(&c->members[m], of[m]->value);
        counts[word + 1]++;
        tj_buf_printf(reason, "%s%s: %s (%g)", reason->len > 0 ? "; " : "", c->members[m].name,
                      word > 0   ? "right"
                      : word < 0 ? "wrong"
                                 : "neither",
                      of[m]->value);
    }
    size_t most = counts[0] > counts[2] ? counts[0] : counts[2];
    if (most >= needed && counts[0] != counts[2]) {
        out->value = counts[2] > counts[0] ? 1.0 : -1.0;
        return TJ_OK;
    }
    if (counts[0] + counts[1] + counts[2] < needed) {
        return tj_score_fail(out, err, "%s: %s", failed, failure);
    }
    if (c->disagreement == TJ_TIES_FAILED) {
        return tj_score_fail(out, err, "they do not agree: %s", tj_buf_text(reason));
    }
    out->value = 0.0;
    tj_buf_str(reason, ": they do not agree");
    return TJ_OK;
}

static tj_code join(const consensus *c, tj_score *out, const tj_score *const *of, tj_err *err)
{
    tj_buf raw;
    tj_buf reason;
    tj_buf_init(&raw);
    tj_buf_init(&reason);
    for (size_t m = 0; m < c->n; m++) {
        add_cost(out, of[m]);
        write_raw(&raw, &c->members[m], of[m]);
    }
    tj_code rc = conclude(c, out, of, &reason, err);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&raw, err);
    }
    if (rc == TJ_OK) {
        rc = tj_buf_check(&reason, err);
    }
    if (rc == TJ_OK) {
        out->raw = tj_buf_take(&raw);
        out->reason = out->failed ? NULL : tj_buf_take(&reason);
    }
    tj_buf_deinit(&raw);
    tj_buf_deinit(&reason);
    return rc;
}

/* ------------------------------------------------------------------ the scorer */

static tj_code score(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                     const tj_job *job, tj_err *err)
{
    consensus *c = ctx;
    tj_score *of = tj_calloc(n * c->n, sizeof *of); /* [members, n] */
    size_t n_asked = 0;
    tj_code rc =
        of == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot score %zu steps", n) : TJ_OK;
    memset(out, 0, n * sizeof *out);
    for (; n_asked < c->n && rc == TJ_OK; n_asked++) {
        const tj_scorer *m = &c->members[n_asked];
        rc = m->score(m->ctx, of + n_asked * n, asks, n, job, err);
        if (rc != TJ_OK) {
            tj_err_context(err, "%s", m->name);
        }
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const tj_score *here[MAX_MEMBERS];
        for (size_t m = 0; m < c->n; m++) {
            here[m] = &of[m * n + i];
        }
        rc = join(c, &out[i], here, err);
    }
    for (size_t i = 0; i < n && rc != TJ_OK; i++) {
        tj_score_deinit(&out[i]);
    }
    for (size_t i = 0; of != NULL && i < n * c->n; i++) {
        tj_score_deinit(&of[i]);
    }
    tj_free(of);
    return rc;
}

static void close_consensus(void *ctx)
{
    consensus *c = ctx;
    for (size_t i = 0; i < c->n; i++) {
        tj_scorer_close(&c->members[i]);
    }
    tj_free(c);
}

static tj_code open_member(tj_scorer *out, const json_t *member, size_t index,
                           const tj_scorer_options *options, tj_err *err)
{
    char where[32];
    (void)snprintf(where, sizeof where, "members[%zu]", index);
    if (json_is_string(member)) {
        tj_code rc = tj_scorer_open(out, json_string_value(member), options, err);
        if (rc != TJ_OK) {
            tj_err_context(err, "%s", where);
        }
        return rc;
    }
    return json_is_object(member)
               ? tj_scorer_open_settings(out, member, where, options, err)
               : tj_fail(err, TJ_E_INVAL, "%s: expected a rewarder's settings, or a text", where);
}

static tj_code open_members(consensus *c, const json_t *members, const tj_scorer_options *options,
                            tj_err *err)
{
    size_t n = json_array_size(members);
    tj_code rc = TJ_OK;
    if (!json_is_array(members) || n < 2 || n > MAX_MEMBERS) {
        return tj_fail(err, TJ_E_INVAL, "members: expected a list of 2 to %d rewarders",
                       MAX_MEMBERS);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = open_member(&c->members[i], json_array_get(members, i), i, options, err);
        c->n += rc == TJ_OK ? 1 : 0;
    }
    if (rc == TJ_OK && c->agreement > c->n) {
        rc = tj_fail(err, TJ_E_INVAL, "agreement: %zu of %zu members cannot agree", c->agreement,
                     c->n);
    }
    return rc;
}

tj_code tj_scorer_open_consensus(tj_scorer *out, const json_t *settings,
                                 const tj_scorer_options *options, tj_err *err)
{
    consensus *c = tj_calloc(1, sizeof *c);
    json_t *own = json_copy((json_t *)(uintptr_t)settings);
    *out = (tj_scorer){.ctx = NULL};
    if (c == NULL || own == NULL) {
        tj_free(c);
        json_decref(own);
        return tj_fail(err, TJ_E_NOMEM, "cannot make a consensus");
    }
    c->meaning = OF_FIRST;
    (void)json_object_del(own, "members"); /* it may not be there */
    tj_code rc = tj_config_read(c, fields, own, "settings", err);
    if (rc == TJ_OK) {
        rc = open_members(c, json_object_get(settings, "members"), options, err);
    }
    json_decref(own);
    if (rc != TJ_OK) {
        close_consensus(c);
        return rc;
    }
    *out = (tj_scorer){.name = c->name,
                       .meaning = c->meaning == OF_FIRST ? c->members[0].meaning
                                                         : (tj_meaning)c->meaning,
                       .low = -1.0,
                       .high = 1.0,
                       .threshold = 0.5,
                       .score = score,
                       .close = close_consensus,
                       .ctx = c};
    return TJ_OK;
}
