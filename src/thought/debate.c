/* See debate.h. */
#include "thought/debate.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "thought/dialogue.h"
#include "thought/mathcheck.h"
#include "thought/words.h"

#define MAX_SAY_BYTES 8192

typedef enum stance { S_PROPOSE, S_CONTINUE, S_CHECK, S_OBJECT, S_RETRACT, N_STANCES } stance;
static const char *const stance_names[N_STANCES + 1] = {"propose", "continue", "check",
                                                        "object",  "retract",  NULL};

void tj_debate_config_default(tj_debate_config *cfg)
{
    *cfg = (tj_debate_config){.max_rounds = 4, .one_voice = true, .language = "en-open", .eos = -1};
}

size_t tj_debate_roles(tj_agent agents[TJ_MAX_AGENTS], const char *name, tj_talk *talk)
{
    static const tj_agent debate[] = {
        {"proposer", "You look for a way to the answer and propose steps.", NULL},
        {"doubter", "You doubt: you look for what is wrong or unproven in what was said.", NULL},
        {"checker", "You check calculations and try what was said on the problem's words.", NULL}};
    static const tj_agent lesson[] = {
        {"student", "You are a student who thinks aloud and makes one step at a time.", NULL},
        {"teacher",
         "You are a teacher: you never give the answer away, but ask, hint, and say where "
         "a step went wrong.",
         NULL}};
    bool is_lesson = strcmp(name, "teacher") == 0;
    size_t n = is_lesson ? 2 : strcmp(name, "debate") == 0 ? 3 : 0;
    for (size_t i = 0; i < n; i++) {
        agents[i] = is_lesson ? lesson[i] : debate[i];
        agents[i].talk = talk;
    }
    return n;
}

typedef struct entry {
    size_t agent;
    stance stance;
    char *say;
} entry;

typedef struct talkers {
    const char *problem;
    size_t n_problem;
    const tj_agent *agents;
    size_t n_agents;
    tj_talk *moderator;
    const tj_debate_config *cfg;
    tj_rng *rng;
    tj_dialogue *out;
    entry *entries;
    size_t n_entries, cap_entries;
    char *answer; /* the moderator's */
    bool settled;
    size_t last; /* sentence said */
    /* the answer being read */
    stance stance;
    char *text;
} talkers;

static tj_code set_text(char **to, const char *text, tj_err *err)
{
    char *copy = NULL;
    if (text != NULL) {
        const char *begin = text + strspn(text, " \t\r\n");
        size_t n = strlen(begin);
        while (n > 0 && strchr(" \t\r\n", begin[n - 1]) != NULL) {
            n--;
        }
        copy = tj_strndup(begin, n);
        if (copy == NULL) {
            return tj_fail(err, TJ_E_NOMEM, "cannot hold what was said");
        }
    }
    tj_free(*to);
    *to = copy;
    return TJ_OK;
}

static void write_transcript(const talkers *d, tj_buf *out)
{
    tj_buf_str(out, "The problem:\n");
    tj_buf_add(out, d->problem, d->n_problem);
    tj_buf_str(out,
               d->n_entries == 0 ? "\n\nNobody has said anything yet.\n" : "\n\nWhat was said:\n");
    for (size_t i = 0; i < d->n_entries; i++) {
        const entry *e = &d->entries[i];
        tj_buf_printf(out, "%zu. %s (%s): ", i + 1, d->agents[e->agent].name,
                      stance_names[e->stance]);
        tj_buf_str(out, e->say);
        tj_buf_char(out, '\n');
    }
}

#define EXAMPLE                                                                                    \
    "The problem:\nA pen costs 3 dollars and a book 4 times as much. What do both cost?\n\n"

/* prompt: all but what is asked now, which is the transcript and `tail`. */
static tj_code ask(talkers *d, tj_talk *talk, bool *ok, const char *what, tj_talk_prompt prompt,
                   const char *tail, tj_talk_read_fn read, tj_err *err)
{
    tj_buf user;
    tj_buf_init(&user);
    write_transcript(d, &user);
    tj_buf_char(&user, '\n');
    tj_buf_str(&user, tail);
    tj_code rc = tj_buf_check(&user, err);
    prompt.user = tj_buf_text(&user);
    if (rc == TJ_OK) {
        rc = tj_talk_ask_like(talk, ok, what, &prompt, read, d, err);
    }
    tj_buf_deinit(&user);
    return rc;
}

/* ------------------------------------------------------------------ the agents */

static tj_code read_say(void *ctx, const json_t *json, char why[TJ_TALK_WHY_BYTES], tj_err *err)
{
    talkers *d = ctx;
    const char *say = tj_talk_text(json, "say", why);
    const char *name = json_string_value(json_object_get(json, "stance"));
    size_t s = name == NULL ? N_STANCES : tj_name_index(name, stance_names);
    if (say == NULL) {
        return TJ_OK;
    }
    if (s == N_STANCES || strlen(say) > MAX_SAY_BYTES) {
        snprintf(why, TJ_TALK_WHY_BYTES, "%s",
                 s == N_STANCES ? "`stance` is not one of propose, continue, check, object, retract"
                                : "`say` is too long");
        return TJ_OK;
    }
    d->stance = (stance)s;
    return set_text(&d->text, say, err);
}

static tj_code speak(talkers *d, size_t agent, bool *ok, tj_err *err)
{
    const tj_agent *a = &d->agents[agent];
    char what[64];
    tj_buf system;
    tj_buf_init(&system);
    tj_buf_printf(&system, "You are %s, one of %zu who solve a problem together by talking. ",
                  a->name, d->n_agents);
    tj_buf_str(&system, a->role);
    tj_buf_str(
        &system,
        " Say one thing, in one to three sentences. Answer with one JSON object and nothing "
        "else: {\"say\": \"...\", \"stance\": STANCE}, where STANCE is \"propose\" (a first step "
        "of a way), \"continue\" (the next step of it), \"check\" (you looked whether it is "
        "right), \"object\" (something is wrong) or \"retract\" (a way is given up).");
    snprintf(what, sizeof what, "round %zu of %s", d->out->n_turns + 1, a->name);
    tj_code rc = tj_buf_check(&system, err);
    if (rc == TJ_OK) {
        tj_talk_prompt prompt = {
            .system = tj_buf_text(&system),
            .example = EXAMPLE "Nobody has said anything yet.\n\nWhat do you say?",
            .answer = "{\"say\": \"The book costs 3 * 4 = 12 dollars.\", \"stance\": \"propose\"}",
            .schema = "{\"type\":\"object\",\"properties\":{\"say\":{\"type\":\"string\","
                      "\"minLength\":1},\"stance\":{\"enum\":[\"propose\",\"continue\",\"check\","
                      "\"object\",\"retract\"]}},\"required\":[\"say\",\"stance\"],"
                      "\"additionalProperties\":false}"};
        rc = ask(d, a->talk, ok, what, prompt, "What do you say?", read_say, err);
    }
    tj_buf_deinit(&system);
    if (rc != TJ_OK || !*ok) {
        return rc;
    }
    if (!tj_grow(&d->entries, &d->cap_entries, d->n_entries + 1, sizeof *d->entries)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu entries", d->n_entries + 1);
    }
    d->entries[d->n_entries++] = (entry){agent, d->stance, d->text};
    const char *said = d->text;
    d->text = NULL;
    return tj_dialogue_note(d->out,
                            json_pack("{s:s, s:s, s:s}", "who", a->name, "stance",
                                      stance_names[d->stance], "say", said),
                            err);
}

/* ------------------------------------------------------------------ the moderator */

static tj_code read_decision(void *ctx, const json_t *json, char why[TJ_TALK_WHY_BYTES],
                             tj_err *err)
{
    talkers *d = ctx;
    const char *decision = json_string_value(json_object_get(json, "decision"));
    const char *reason = tj_talk_text(json, "reason", why);
    bool settle = decision != NULL && strcmp(decision, "settle") == 0;
    if (reason == NULL) {
        return TJ_OK;
    }
    if (!settle && (decision == NULL || strcmp(decision, "continue") != 0)) {
        snprintf(why, TJ_TALK_WHY_BYTES, "`decision` is neither continue nor settle");
        return TJ_OK;
    }
    const char *answer = settle ? tj_talk_text(json, "answer", why) : NULL;
    if (settle && answer == NULL) {
        return TJ_OK;
    }
    d->settled = settle;
    tj_code rc = set_text(&d->text, reason, err);
    return rc == TJ_OK ? set_text(&d->answer, answer, err) : rc;
}

static tj_code moderate(talkers *d, bool *ok, tj_err *err)
{
    static const char system[] =
        "You moderate people who solve a problem by talking. Decide whether they have settled it: "
        "is there an answer that was derived, and are all objections met? Answer with one JSON "
        "object and nothing else: {\"decision\": \"continue\", \"reason\": \"...\"} or "
        "{\"decision\": "
        "\"settle\", \"answer\": \"...\", \"reason\": \"...\"}.";
    static const tj_talk_prompt prompt = {
        .system = system,
        .example =
            EXAMPLE "What was said:\n1. Ada (propose): The book costs 12 dollars.\n\nWhat is "
                    "your decision?",
        .answer = "{\"decision\": \"continue\", \"reason\": \"What both cost has not been said.\"}",
        .schema = "{\"type\":\"object\",\"properties\":{\"decision\":{\"enum\":[\"continue\","
                  "\"settle\"]},\"answer\":{\"type\":[\"string\",\"null\"]},"
                  "\"reason\":{\"type\":\"string\",\"minLength\":1}},"
                  "\"required\":[\"decision\",\"answer\",\"reason\"],"
                  "\"additionalProperties\":false}"};
    char what[48];
    snprintf(what, sizeof what, "decision of round %zu", d->out->n_turns + 1);
    tj_code rc =
        ask(d, d->moderator, ok, what, prompt, "What is your decision?", read_decision, err);
    if (rc != TJ_OK || !*ok) {
        return rc;
    }
    return tj_dialogue_note(d->out,
                            json_pack("{s:s, s:s, s:s, s:s?}", "who", "moderator", "decision",
                                      d->settled ? "settle" : "continue", "reason", d->text,
                                      "answer", d->answer),
                            err);
}

static bool is_spent(const talkers *d)
{
    uint64_t tokens = d->moderator->usage.n_completion;
    for (size_t i = 0; i < d->n_agents; i++) {
        bool counted = d->agents[i].talk == d->moderator;
        for (size_t k = 0; k < i; k++) {
            counted = counted || d->agents[k].talk == d->agents[i].talk;
        }
        tokens += counted ? 0 : d->agents[i].talk->usage.n_completion;
    }
    return d->out->n_turns >= d->cfg->max_rounds ||
           (d->cfg->max_tokens > 0 && tokens >= d->cfg->max_tokens);
}

/* One round; the outcome is FAILED where someone gave no usable answer. */
static tj_code one_round(talkers *d, bool *over, tj_err *err)
{
    bool ok = true;
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < d->n_agents && rc == TJ_OK && ok; i++) {
        rc = speak(d, i, &ok, err);
    }
    if (rc == TJ_OK && ok) {
        rc = moderate(d, &ok, err);
    }
    d->out->n_turns++;
    *over = !ok || d->settled;
    d->out->outcome = !ok ? TJ_OUTCOME_FAILED : TJ_OUTCOME_ANSWERED;
    return rc;
}

/* ------------------------------------------------------------------ one voice */

static tj_code read_voice(void *ctx, const json_t *json, char why[TJ_TALK_WHY_BYTES], tj_err *err)
{
    talkers *d = ctx;
    const char *text = tj_talk_text(json, "text", why);
    return text == NULL ? TJ_OK : set_text(&d->text, text, err);
}

/* Rewords an entry; *taken: the new words, in d->text, keep its mathematics. */
static tj_code reword(talkers *d, size_t i, bool *taken, tj_err *err)
{
    static const char system[] =
        "You turn a conversation into the thinking of one person who explores a problem alone, in "
        "the first person and the present tense. You are given the conversation and reword one "
        "entry of it. Nobody else is there: no names, no \"you\", no \"we agree\". Keep every "
        "number, "
        "equation and formula of the entry, in the same order and exactly as written, wrong ones "
        "too. Answer with one JSON object and nothing else: {\"text\": \"...\"}.";
    static const tj_talk_prompt prompt = {
        .system = system,
        .example = EXAMPLE "What was said:\n1. Ada (propose): We agree that it is 3 * 4 = 12, "
                           "Ben.\n\nReword entry 1.",
        .answer = "{\"text\": \"So I think it is 3 * 4 = 12.\"}",
        .schema = "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\","
                  "\"minLength\":1}},\"required\":[\"text\"],\"additionalProperties\":false}"};
    const entry *e = &d->entries[i];
    char tail[64];
    char what[48];
    char why[TJ_WHY_BYTES];
    bool ok = false;
    *taken = false;
    snprintf(tail, sizeof tail, "Reword entry %zu.", i + 1);
    snprintf(what, sizeof what, "voice of entry %zu", i + 1);
    tj_code rc = ask(d, d->moderator, &ok, what, prompt, tail, read_voice, err);
    if (rc == TJ_OK && ok) {
        rc = tj_math_same(taken, e->say, strlen(e->say), d->text, strlen(d->text), why, err);
    }
    for (size_t a = 0; rc == TJ_OK && *taken && a < d->n_agents; a++) {
        *taken = tj_find_phrase(d->text, strlen(d->text), d->agents[a].name) == SIZE_MAX;
    }
    return rc;
}

/* A way back that nobody put into words: before a new way, after one that was not given up. */
static tj_code say_back(talkers *d, tj_scribe *scribe, size_t annotation, tj_err *err)
{
    tj_span span = {.node = TJ_SPAN_NO_NODE, .annotation = annotation};
    d->out->record.thought.n_backtracks++;
    return tj_dialogue_way_back(scribe, &span, d->cfg->templates, d->cfg->language, &d->last,
                                d->rng, err);
}

/* Entries number the transcript with the moderator's decisions in between. */
static size_t annotation_of(const talkers *d, size_t i)
{
    return i + i / d->n_agents + 1;
}

static tj_code tell_entry(talkers *d, tj_scribe *scribe, size_t i, bool *open, tj_err *err)
{
    static const tj_action actions[N_STANCES] = {TJ_PROPOSE, TJ_CONTINUE, TJ_VERIFY, TJ_REFLECT,
                                                 TJ_BACKTRACK};
    const entry *e = &d->entries[i];
    bool taken = false;
    tj_span span = {.action = actions[e->stance],
                    .node = TJ_SPAN_NO_NODE,
                    .editor = TJ_BY_AGENT,
                    .annotation = annotation_of(d, i)};
    tj_code rc = TJ_OK;
    if (e->stance == S_PROPOSE && *open) {
        rc = say_back(d, scribe, span.annotation, err);
    }
    if (e->stance == S_CONTINUE && !*open) {
        span.action = TJ_PROPOSE;
    }
    if (rc == TJ_OK && d->cfg->one_voice) {
        rc = reword(d, i, &taken, err);
    }
    if (taken) {
        span.editor = TJ_BY_REWRITE;
        tj_span_set_name(&span, d->moderator->name == NULL ? "model" : d->moderator->name);
    } else {
        tj_span_set_name(&span, d->agents[e->agent].name);
    }
    *open = (*open || tj_is_step(&span)) && e->stance != S_RETRACT;
    d->out->record.thought.n_backtracks += e->stance == S_RETRACT ? 1 : 0;
    return rc == TJ_OK ? tj_dialogue_line(scribe, &span, taken ? d->text : e->say, err) : rc;
}

static tj_code conclude(talkers *d, tj_scribe *scribe, tj_err *err)
{
    tj_span span = {.node = TJ_SPAN_NO_NODE, .annotation = json_array_size(d->out->transcript)};
    return tj_dialogue_conclude(scribe, &span, "moderator", d->answer, d->cfg->language, err);
}

static tj_code tell(talkers *d, tj_err *err)
{
    tj_thought *t = &d->out->record.thought;
    tj_scribe scribe;
    bool open = false; /* a way has been begun and not given up */
    tj_code rc = TJ_OK;
    tj_scribe_init(&scribe, d->cfg->tok);
    for (size_t i = 0; i < d->n_entries && rc == TJ_OK; i++) {
        rc = tell_entry(d, &scribe, i, &open, err);
    }
    if (rc == TJ_OK && d->settled) {
        rc = conclude(d, &scribe, err);
    }
    if (rc == TJ_OK) {
        rc = tj_scribe_end(&scribe, t, d->cfg->eos, err);
    }
    tj_scribe_deinit(&scribe);
    for (size_t i = t->n_spans; rc == TJ_OK && i-- > 0 && t->spans[i].action != TJ_BACKTRACK;) {
        t->spans[i].on_path = t->spans[i].on_path || tj_is_step(&t->spans[i]);
    }
    t->kind = TJ_DEBATE;
    return rc;
}

tj_code tj_debate(tj_dialogue *out, const char *problem, size_t n, const tj_agent *agents,
                  size_t n_agents, tj_talk *moderator, const tj_debate_config *cfg, tj_rng *rng,
                  tj_err *err)
{
    talkers d = {.problem = problem,
                 .n_problem = n,
                 .agents = agents,
                 .n_agents = n_agents,
                 .moderator = moderator,
                 .cfg = cfg,
                 .rng = rng,
                 .out = out,
                 .last = TJ_NO_SENTENCE};
    bool over = false;
    if (n_agents < 1 || n_agents > TJ_MAX_AGENTS) {
        memset(out, 0, sizeof *out);
        return tj_fail(err, TJ_E_INVAL, "%zu agents, expected 1 to %d", n_agents, TJ_MAX_AGENTS);
    }
    tj_code rc = tj_dialogue_begin(out, problem, n, err);
    while (rc == TJ_OK && !over) {
        over = is_spent(&d);
        out->outcome = over ? TJ_OUTCOME_BUDGET : out->outcome;
        rc = over ? TJ_OK : one_round(&d, &over, err);
    }
    if (rc == TJ_OK) {
        rc = tell(&d, err);
    }
    for (size_t i = 0; i < d.n_entries; i++) {
        tj_free(d.entries[i].say);
    }
    tj_free(d.entries);
    tj_free(d.text);
    tj_free(d.answer);
    if (rc != TJ_OK) {
        tj_dialogue_deinit(out);
    }
    return rc;
}
