/* The judge. Judges are asked one after the other; of each, first all votes about all steps, then,
 * try by try, those that are missing. Votes about a step that are asked for in the same words are
 * samples of one query: a cache of answers knows them by their number in it, so that they stay
 * different ones, and what is asked again after a crash is found there. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "tree/judge.h"

#define STREAM ((uint64_t)301 << 32) /* of the random numbers; below it judge, try and vote */

const char *const tj_ties_names[] = {"zero", "failed", NULL};
const char *const tj_unanswered_names[] = {"stop", "failed", NULL};
const char *const tj_judge_form_names[] = {"schema", "prompt", NULL};
const char *const tj_meaning_names[] = {"valid", "solvable", "progress", NULL};

const tj_field tj_judge_fields[] = {
    TJ_FIELD_STRING(tj_judge_config, name, "of the rewards that it gives"),
    TJ_FIELD_STRING(tj_judge_config, prompt, "a file in place of the built-in prompt"),
    TJ_FIELD_ENUM(tj_judge_config, language, tj_language_names, "of the built-in prompt"),
    TJ_FIELD_ENUM(tj_judge_config, meaning, tj_meaning_names, "what the prompt asks for"),
    TJ_FIELD_ENUM(tj_judge_config, ties, tj_ties_names, "what a step without a majority is given"),
    TJ_FIELD_ENUM(tj_judge_config, unanswered, tj_unanswered_names,
                  "where a server answers nothing at all: stop, or record failures"),
    TJ_FIELD_ENUM(tj_judge_config, form, tj_judge_form_names,
                  "answers are held to the form by its schema, or asked for it by the prompt"),
    TJ_FIELD_SIZE(tj_judge_config, votes, 1, TJ_JUDGE_MAX_VOTES, "of each judge"),
    TJ_FIELD_SIZE(tj_judge_config, tries, 1, TJ_JUDGE_MAX_TRIES, "for each vote"),
    TJ_FIELD_SIZE(tj_judge_config, agreement, 0, TJ_JUDGE_MAX_JUDGES,
                  "judges that must say the same; 0: more than half"),
    TJ_FIELD_SIZE(tj_judge_config, max_tokens, 1, 1 << 20, "of an answer"),
    TJ_FIELD_DOUBLE(tj_judge_config, temperature, 0.0, 10.0, "of the first try"),
    TJ_FIELD_DOUBLE(tj_judge_config, temperature_rise, 0.01, 10.0, "added at each further try"),
    TJ_FIELD_U64(tj_judge_config, seed, "of the random numbers"),
    TJ_FIELD_END};

void tj_judge_config_default(tj_judge_config *cfg)
{
    *cfg = (tj_judge_config){.name = "judge",
                             .votes = 1,
                             .tries = 3,
                             .max_tokens = 2048,
                             .temperature_rise = 0.3,
                             .seed = 1};
}

typedef struct judge {
    tj_judge_config cfg;
    tj_asked_model models[TJ_JUDGE_MAX_JUDGES]; /* [n] */
    size_t n;
    char *prompt;  /* with blanks */
    tj_form *form; /* of answers; NULL: they are not held to it */
} judge;

/* One vote, asked for until it is given or its tries are used. */
typedef struct ballot {
    bool given;
    bool answered; /* the last answer came, and was refused */
    tj_judge_vote vote;
    char why[TJ_JUDGE_WHY_BYTES]; /* what was wrong the last time */
} ballot;

/* What one call works on. */
typedef struct hearing {
    judge *j;
    tj_score *out;
    const tj_score_ask *asks;
    size_t n;
    tj_buf *prompts, *raw; /* [n] each; raw: a line of JSON an answer */
    ballot *ballots;       /* [n, judges, votes] */
    const tj_job *job;
} hearing;

/* One query's: `n` votes about a step, all asked for in the same words. */
typedef struct question {
    size_t ask, n;
    size_t votes[TJ_JUDGE_MAX_VOTES];
    tj_buf text;
    tj_message message; /* the text as one */
} question;

static ballot *ballot_of(const hearing *h, size_t ask, size_t model, size_t vote)
{
    return &h->ballots[(ask * h->j->n + model) * h->j->cfg.votes + vote];
}

/* ------------------------------------------------------------------ questions */

/* What is said after a refusal. In the same turn: small models repeat whatever else stands in the
 * place of the answer that was refused. */
static void say_again(tj_buf *out, const char *why, tj_language language)
{
    bool japanese = language == TJ_JAPANESE;
    tj_buf_str(out, japanese ? "\n\n前回の答えは使えませんでした。理由: "
                             : "\n\nAn earlier answer of yours could not be used: ");
    tj_buf_str(out, why);
    tj_buf_str(out, japanese ? "。指定された形の JSON オブジェクトを一つだけ書いてください。"
                             : ". Write one JSON object in the form that is asked for above, and "
                               "nothing else.");
}

static void write_query(const hearing *h, tj_query *out, question *q, size_t model, size_t attempt)
{
    const tj_judge_config *cfg = &h->j->cfg;
    const tj_buf *prompt = &h->prompts[q->ask];
    const ballot *b = ballot_of(h, q->ask, model, q->votes[0]);
    bool chats = h->j->models[model].generator.chats;
    tj_buf_add(&q->text, prompt->data, prompt->len);
    if (b->answered) {
        say_again(&q->text, b->why, (tj_language)cfg->language);
    }
    tj_buf_str(&q->text, chats ? "" : "\n\n");
    q->message = (tj_message){TJ_ROLE_USER, tj_buf_text(&q->text), q->text.len};
    *out = (tj_query){.sampling = {.temperature = cfg->temperature +
                                                  cfg->temperature_rise * (double)(attempt - 1),
                                   .top_p = 1.0},
                      .seed = cfg->seed,
                      .run = STREAM | (uint64_t)model << 24 | (uint64_t)attempt << 16 |
                             (uint64_t)q->votes[0],
                      .problem = h->asks[q->ask].key,
                      .n_samples = q->n,
                      .max_tokens = cfg->max_tokens,
                      .messages = chats ? &q->message : NULL,
                      .n_messages = chats ? 1 : 0,
                      .text = chats ? NULL : q->message.text,
                      .n_text = chats ? 0 : q->message.len,
                      .form = h->j->form};
}

/* Whether two votes about a step are asked for in the same words. */
static bool are_alike(const ballot *a, const ballot *b)
{
    return a->answered == b->answered && (!a->answered || strcmp(a->why, b->why) == 0);
}

/* The questions about a step from questions[n] on; gives how many there are then. */
static size_t group_votes(const hearing *h, question *questions, size_t n, size_t ask, size_t model)
{
    const size_t before = n;
    for (size_t v = 0; v < h->j->cfg.votes; v++) {
        const ballot *b = ballot_of(h, ask, model, v);
        size_t i = before;
        if (b->given) {
            continue;
        }
        while (i < n && !are_alike(b, ballot_of(h, ask, model, questions[i].votes[0]))) {
            i++;
        }
        if (i == n) {
            questions[n] = (question){.ask = ask};
            tj_buf_init(&questions[n++].text);
        }
        questions[i].votes[questions[i].n++] = v;
    }
    return n;
}

static size_t write_questions(const hearing *h, tj_query *queries, question *questions,
                              size_t model, size_t attempt)
{
    size_t n = 0;
    for (size_t a = 0; a < h->n; a++) {
        n = h->out[a].failed ? n : group_votes(h, questions, n, a, model);
    }
    for (size_t i = 0; i < n; i++) {
        write_query(h, &queries[i], &questions[i], model, attempt);
    }
    return n;
}

/* ------------------------------------------------------------------ answers */

static void write_raw(tj_buf *raw, size_t model, size_t vote, size_t attempt,
                      const tj_completion *c, const char *why)
{
    tj_buf_printf(raw, "{\"judge\": %zu, \"vote\": %zu, \"try\": %zu, \"answer\": ", model, vote,
                  attempt);
    if (c == NULL || c->text == NULL) {
        tj_buf_str(raw, "null");
    } else {
        tj_buf_json(raw, c->text, c->n_text);
    }
    if (why != NULL) {
        tj_buf_str(raw, ", \"refused\": ");
        tj_buf_json(raw, why, strlen(why));
    }
    tj_buf_str(raw, "}\n");
}

static tj_code take_vote(ballot *b, const tj_query *q, const tj_completion *c, tj_err *err)
{
    tj_code rc = TJ_OK;
    b->why[0] = 0;
    b->answered = c != NULL && c->text != NULL;
    if (!b->answered) {
        (void)snprintf(b->why, sizeof b->why, "%.230s",
                       q->error.code != TJ_OK ? q->error.msg : "there is no answer");
    } else if (c->finish == TJ_FINISH_LENGTH || c->finish == TJ_FINISH_FILTER) {
        (void)snprintf(b->why, sizeof b->why, "it was cut %s",
                       c->finish == TJ_FINISH_LENGTH ? "at max_tokens" : "by the server's filter");
    } else {
        b->given = tj_judge_read(&b->vote, c->text, c->n_text, b->why, &rc);
    }
    return rc == TJ_OK ? TJ_OK : tj_fail(err, rc, "cannot hold a judge's answer");
}

static tj_code take_answers(hearing *h, const tj_query *queries, const question *questions,
                            const double *seconds, size_t n, size_t model, size_t attempt,
                            tj_err *err)
{
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        const question *q = &questions[i];
        tj_score_add_cost(&h->out[q->ask], &queries[i], seconds[i]);
        for (size_t s = 0; s < q->n && rc == TJ_OK; s++) {
            const tj_completion *c =
                queries[i].completions == NULL ? NULL : &queries[i].completions[s];
            ballot *b = ballot_of(h, q->ask, model, q->votes[s]);
            h->out[q->ask].n_tries++;
            rc = take_vote(b, &queries[i], c, err);
            write_raw(&h->raw[q->ask], model, q->votes[s], attempt, c, b->given ? NULL : b->why);
        }
    }
    return rc;
}

static tj_code ask_round(hearing *h, size_t model, size_t attempt, tj_err *err)
{
    size_t most = h->n * h->j->cfg.votes;
    tj_query *queries = tj_calloc(most, sizeof *queries);
    question *questions = tj_calloc(most, sizeof *questions);
    double *seconds = tj_calloc(most, sizeof *seconds);
    size_t n = 0;
    tj_code rc = TJ_OK;
    if (queries == NULL || questions == NULL || seconds == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot ask about %zu steps", h->n);
    } else {
        n = write_questions(h, queries, questions, model, attempt);
    }
    for (size_t i = 0; i < n && rc == TJ_OK; i++) {
        rc = tj_buf_check(&questions[i].text, err);
    }
    if (rc == TJ_OK && n > 0) {
        rc = tj_asked_model_ask(&h->j->models[model], queries, seconds, n,
                                h->j->cfg.unanswered == TJ_UNANSWERED_FAILED, h->job, err);
    }
    if (rc == TJ_OK) {
        rc = take_answers(h, queries, questions, seconds, n, model, attempt, err);
    }
    for (size_t i = 0; i < n; i++) {
        tj_query_deinit(&queries[i]);
        tj_buf_deinit(&questions[i].text);
    }
    tj_free(queries);
    tj_free(questions);
    tj_free(seconds);
    return rc;
}

/* ------------------------------------------------------------------ verdicts */

enum { NO_VERDICT = 2, TIE = 3 }; /* beside -1, 0 and 1 */

/* What more than half of n say, each -1, 0 or 1, by their counts. */
static int majority(const size_t counts[3], size_t needed)
{
    for (int v = -1; v <= 1; v++) {
        if (counts[v + 1] >= needed) {
            return v;
        }
    }
    return TIE;
}

typedef struct opinion {
    int verdict;
    size_t n_votes, n_for; /* usable; for the verdict */
    const char *reason;    /* of the first vote for it */
    const char *why;       /* the last refusal */
} opinion;

static opinion opinion_of(const hearing *h, size_t ask, size_t model)
{
    opinion o = {.verdict = NO_VERDICT};
    size_t counts[3] = {0, 0, 0};
    const size_t votes = h->j->cfg.votes;
    for (size_t v = 0; v < votes; v++) {
        const ballot *b = ballot_of(h, ask, model, v);
        o.n_votes += b->given ? 1 : 0;
        counts[b->vote.value + 1] += b->given ? 1 : 0;
        o.why = b->given ? o.why : b->why;
    }
    if (o.n_votes * 2 <= votes) {
        return o;
    }
    o.verdict = majority(counts, o.n_votes / 2 + 1);
    for (size_t v = votes; v-- > 0 && o.verdict != TIE;) {
        const ballot *b = ballot_of(h, ask, model, v);
        if (b->given && b->vote.value == o.verdict) {
            o.reason = b->vote.reason;
            o.n_for++;
        }
    }
    return o;
}

/* One judge's word. */
static tj_code conclude_alone(const hearing *h, tj_score *s, const opinion *o, tj_buf *reason,
                              tj_err *err)
{
    const size_t votes = h->j->cfg.votes;
    if (o->verdict == NO_VERDICT && votes == 1) {
        return tj_score_fail(s, err, "no answer of %zu could be used; the last: %s", s->n_tries,
                             o->why);
    }
    if (o->verdict == NO_VERDICT) {
        return tj_score_fail(s, err, "%zu of %zu votes could be used; the last that could not: %s",
                             o->n_votes, votes, o->why);
    }
    if (o->verdict == TIE && h->j->cfg.ties == TJ_TIES_FAILED) {
        return tj_score_fail(s, err, "no verdict has more than half of %zu votes", o->n_votes);
    }
    s->value = o->verdict == TIE ? 0.0 : (double)o->verdict;
    if (o->verdict == TIE) {
        tj_buf_printf(reason, "no verdict has more than half of %zu votes", o->n_votes);
    } else {
        if (votes > 1) {
            tj_buf_printf(reason, "%zu of %zu votes: ", o->n_for, o->n_votes);
        }
        tj_buf_str(reason, o->reason);
    }
    return TJ_OK;
}

static tj_code conclude_together(const hearing *h, tj_score *s, const opinion *of, tj_buf *reason,
                                 tj_err *err)
{
    const size_t n = h->j->n;
    const size_t needed = h->j->cfg.agreement == 0 ? n / 2 + 1 : h->j->cfg.agreement;
    size_t counts[3] = {0, 0, 0};
    size_t n_with = 0;
    const char *why = "no verdict has more than half of its votes";
    for (size_t i = 0; i < n; i++) {
        bool tie_is_zero = of[i].verdict == TIE && h->j->cfg.ties == TJ_TIES_ZERO;
        int verdict = tie_is_zero ? 0 : of[i].verdict;
        if (verdict <= 1) {
            counts[verdict + 1]++;
            n_with++;
        } else if (of[i].verdict == NO_VERDICT) {
            why = of[i].why;
        }
    }
    if (n_with < needed) {
        return tj_score_fail(s, err, "%zu of %zu judges have a verdict, %zu are needed; one: %s",
                             n_with, n, needed, why);
    }
    int verdict = majority(counts, needed);
    if (verdict == TIE && h->j->cfg.ties == TJ_TIES_FAILED) {
        return tj_score_fail(s, err, "the judges do not agree: %zu say 1, %zu say 0, %zu say -1",
                             counts[2], counts[1], counts[0]);
    }
    s->value = verdict == TIE ? 0.0 : (double)verdict;
    tj_buf_printf(reason, "%zu judges say 1, %zu 0, %zu -1", counts[2], counts[1], counts[0]);
    for (size_t i = 0; i < n; i++) {
        if (of[i].verdict == verdict && of[i].reason != NULL) {
            tj_buf_printf(reason, ": %s", of[i].reason);
            break;
        }
    }
    return TJ_OK;
}

static tj_code conclude(hearing *h, size_t ask, tj_err *err)
{
    tj_score *s = &h->out[ask];
    opinion of[TJ_JUDGE_MAX_JUDGES];
    tj_buf reason;
    tj_buf_init(&reason);
    for (size_t i = 0; i < h->j->n; i++) {
        of[i] = opinion_of(h, ask, i);
    }
    tj_code rc = h->j->n == 1 ? conclude_alone(h, s, of, &reason, err)
                              : conclude_together(h, s, of, &reason, err);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&h->raw[ask], err);
    }
    if (rc == TJ_OK) {
        rc = tj_buf_check(&reason, err);
    }
    if (rc == TJ_OK) {
        s->raw = tj_buf_take(&h->raw[ask]);
        s->reason = s->failed ? NULL : tj_buf_take(&reason);
    }
    tj_buf_deinit(&reason);
    return rc;
}

/* ------------------------------------------------------------------ the scorer */

static tj_code hear(hearing *h, tj_err *err)
{
    const judge *j = h->j;
    bool wants_answer = tj_blanks_asks_answer(j->prompt);
    tj_code rc = TJ_OK;
    for (size_t a = 0; a < h->n && rc == TJ_OK; a++) {
        tj_buf_init(&h->prompts[a]);
        tj_buf_init(&h->raw[a]);
        if (wants_answer && h->asks[a].answer == NULL) {
            rc = tj_score_fail(&h->out[a], err,
                               "the prompt has {{answer}}, and the reference answer is not known");
            continue;
        }
        tj_blanks_write(&h->prompts[a], j->prompt, &h->asks[a], false,
                        (tj_language)j->cfg.language);
        rc = tj_buf_check(&h->prompts[a], err);
    }
    for (size_t m = 0; m < j->n && rc == TJ_OK; m++) {
        for (size_t attempt = 1; attempt <= j->cfg.tries && rc == TJ_OK; attempt++) {
            rc = ask_round(h, m, attempt, err);
        }
    }
    for (size_t a = 0; a < h->n && rc == TJ_OK; a++) {
        rc = h->out[a].failed ? TJ_OK : conclude(h, a, err);
    }
    return rc;
}

static tj_code score(void *ctx, tj_score *out, const tj_score_ask *asks, size_t n,
                     const tj_job *job, tj_err *err)
{
    judge *j = ctx;
    size_t n_ballots = n * j->n * j->cfg.votes;
    hearing h = {.j = j,
                 .out = out,
                 .asks = asks,
                 .n = n,
                 .prompts = tj_calloc(n, sizeof *h.prompts),
                 .raw = tj_calloc(n, sizeof *h.raw),
                 .ballots = tj_calloc(n_ballots, sizeof *h.ballots),
                 .job = job};
    memset(out, 0, n * sizeof *out);
    tj_code rc = h.prompts == NULL || h.raw == NULL || h.ballots == NULL
                     ? tj_fail(err, TJ_E_NOMEM, "cannot judge %zu steps", n)
                     : hear(&h, err);
    for (size_t i = 0; h.ballots != NULL && i < n_ballots; i++) {
        tj_free(h.ballots[i].vote.reason);
    }
    for (size_t i = 0; i < n; i++) {
        if (h.prompts != NULL && h.raw != NULL) {
            tj_buf_deinit(&h.prompts[i]);
            tj_buf_deinit(&h.raw[i]);
        }
        if (rc != TJ_OK) {
            tj_score_deinit(&out[i]);
        }
    }
    tj_free(h.prompts);
    tj_free(h.raw);
    tj_free(h.ballots);
    return rc;
}

static void free_judge(judge *j)
{
    tj_form_destroy(j->form);
    tj_free(j->prompt);
    tj_free(j);
}

static void close_judge(void *ctx)
{
    judge *j = ctx;
    for (size_t i = 0; i < j->n; i++) {
        tj_generator_close(&j->models[i].generator);
    }
    free_judge(j);
}

static tj_code read_prompt(char **out, const tj_judge_config *cfg, tj_err *err)
{
    static const char *const needed[] = {"problem", "step", NULL};
    size_t len;
    if (cfg->prompt[0] == 0) {
        *out = tj_strdup(tj_judge_prompt((tj_language)cfg->language));
        return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold a prompt") : TJ_OK;
    }
    tj_code rc = tj_fs_read(out, &len, cfg->prompt, TJ_MAX_BLANKS_BYTES, err);
    if (rc == TJ_OK && (strlen(*out) != len || tj_utf8_check(*out, len) != len)) {
        rc = tj_fail(err, TJ_E_PARSE, "%s is not a UTF-8 text", cfg->prompt);
    }
    return rc == TJ_OK ? tj_blanks_check(*out, needed, cfg->prompt, err) : rc;
}

tj_code tj_judge_create(tj_scorer *out, const tj_judge_config *cfg, const tj_asked_model *models,
                        size_t n, tj_err *err)
{
    memset(out, 0, sizeof *out);
    if (n == 0 || n > TJ_JUDGE_MAX_JUDGES || cfg->agreement > n) {
        return tj_fail(err, TJ_E_INVAL,
                       "%zu judges of whom %zu must agree: expected 1 to %d, and no more than "
                       "there are",
                       n, cfg->agreement, TJ_JUDGE_MAX_JUDGES);
    }
    judge *j = tj_calloc(1, sizeof *j);
    if (j == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot make a judge");
    }
    j->cfg = *cfg;
    tj_code rc = read_prompt(&j->prompt, cfg, err);
    if (rc == TJ_OK && cfg->form == TJ_JUDGE_SCHEMA) {
        rc = tj_judge_form_create(&j->form, err);
    }
    if (rc != TJ_OK) {
        free_judge(j);
        return rc;
    }
    memcpy(j->models, models, n * sizeof *models);
    j->n = n;
    *out = (tj_scorer){.name = j->cfg.name,
                       .meaning = (tj_meaning)cfg->meaning,
                       .low = -1.0,
                       .high = 1.0,
                       .threshold = 0.5,
                       .score = score,
                       .close = close_judge,
                       .ctx = j};
    return TJ_OK;
}

/* ------------------------------------------------------------------ by settings */

/* `judges`, a list with an object for each; or the model that the settings themselves name. */
static tj_code open_list(tj_asked_model *models, size_t *n, const json_t *list,
                         const tj_scorer_options *options, tj_err *err)
{
    tj_code rc = TJ_OK;
    if (!json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > TJ_JUDGE_MAX_JUDGES) {
        return tj_fail(err, TJ_E_INVAL, "judges: expected a list of 1 to %d objects",
                       TJ_JUDGE_MAX_JUDGES);
    }
    for (size_t i = 0; i < json_array_size(list) && rc == TJ_OK; i++) {
        const json_t *one = json_array_get(list, i);
        rc = json_is_object(one) ? tj_asked_model_open(&models[*n], one, options, err)
                                 : tj_fail(err, TJ_E_INVAL, "expected an object");
        *n += rc == TJ_OK ? 1 : 0;
        if (rc != TJ_OK) {
            tj_err_context(err, "judges[%zu]", i);
        }
    }
    return rc;
}

static tj_code open_models(tj_asked_model *models, size_t *n, json_t *settings,
                           const tj_scorer_options *options, tj_err *err)
{
    json_t *of_model = json_object();
    json_t *list = json_incref(json_object_get(settings, "judges"));
    tj_code rc = of_model == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read settings")
                                  : tj_asked_model_split(of_model, settings, err);
    if (rc == TJ_OK && list == NULL) {
        rc = tj_asked_model_open(&models[0], of_model, options, err);
        *n = rc == TJ_OK ? 1 : 0;
    } else if (rc == TJ_OK && json_object_size(of_model) > 0) {
        rc = tj_fail(err, TJ_E_INVAL, "judges: this stands in place of `%s`",
                     json_object_iter_key(json_object_iter(of_model)));
    } else if (rc == TJ_OK) {
        json_object_del(settings, "judges");
        rc = open_list(models, n, list, options, err);
    }
    json_decref(list);
    json_decref(of_model);
    return rc;
}

tj_code tj_scorer_open_judge(tj_scorer *out, const json_t *settings,
                             const tj_scorer_options *options, tj_err *err)
{
    tj_judge_config cfg;
    tj_asked_model models[TJ_JUDGE_MAX_JUDGES];
    size_t n = 0;
    json_t *own = json_deep_copy(settings);
    *out = (tj_scorer){.ctx = NULL};
    tj_judge_config_default(&cfg);
    cfg.seed = options->seed;
    tj_code rc = own == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot read settings")
                             : open_models(models, &n, own, options, err);
    if (rc == TJ_OK) {
        rc = tj_config_read(&cfg, tj_judge_fields, own, "settings", err);
    }
    if (rc == TJ_OK) {
        rc = tj_judge_create(out, &cfg, models, n, err);
    }
    for (size_t i = 0; i < n && rc != TJ_OK; i++) {
        tj_generator_close(&models[i].generator);
    }
    json_decref(own);
    return rc;
}
