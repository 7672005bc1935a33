/* See critique.h. The state is a tree of steps, kept whole so that a proposal can be compared with
 * all that were made from the same place, and a path in it. */
#include "thought/critique.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "thought/dialogue.h"
#include "thought/words.h"

#define MAX_STEP_BYTES 8192
#define ROOT           SIZE_MAX

void tj_critique_config_default(tj_critique_config *cfg)
{
    *cfg = (tj_critique_config){
        .max_turns = 24, .max_backtracks = 6, .max_loops = 3, .language = "en-open", .eos = -1};
}

typedef struct step {
    size_t parent; /* ROOT at the start */
    size_t entry;  /* of the transcript */
    char *text;
} step;

typedef enum verdict { V_CONTINUE, V_REFLECT, V_BACKTRACK, V_TERMINATE } verdict;

typedef struct loop {
    const char *problem;
    size_t n_problem;
    const tj_critique_config *cfg;
    tj_rng *rng;
    tj_talk *proposer, *critic;
    tj_dialogue *out;
    tj_scribe scribe;
    step *steps;
    size_t n_steps, cap_steps;
    size_t at;   /* the step where it stands */
    bool fresh;  /* the next step begins an attempt */
    size_t last; /* sentence said */
    size_t n_loops, n_backtracks;
    char *advice; /* what the proposer is told next; NULL: nothing */
    /* the answer being read */
    char *text;   /* a step, or the critic's reason */
    char *answer; /* NULL: none */
    verdict verdict;
    size_t to; /* of BACKTRACK: so many steps of the path stay */
} loop;

/* ------------------------------------------------------------------ the state in words */

static size_t path_of(const loop *l, size_t *path, size_t cap)
{
    size_t n = 0;
    for (size_t i = l->at; i != ROOT; i = l->steps[i].parent) {
        n++;
    }
    size_t k = n;
    for (size_t i = l->at; i != ROOT; i = l->steps[i].parent) {
        k--;
        if (k < cap) {
            path[k] = i;
        }
    }
    return n;
}

static tj_code write_state(const loop *l, tj_buf *out, tj_err *err)
{
    size_t *path = tj_calloc(l->n_steps, sizeof *path);
    if (path == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold a path of %zu steps", l->n_steps);
    }
    size_t n = path_of(l, path, l->n_steps);
    tj_buf_str(out, "The problem:\n");
    tj_buf_add(out, l->problem, l->n_problem);
    tj_buf_str(out, n == 0 ? "\n\nNo step has been made yet.\n" : "\n\nThe steps so far:\n");
    for (size_t i = 0; i < n; i++) {
        tj_buf_printf(out, "%zu. ", i + 1);
        tj_buf_str(out, l->steps[path[i]].text);
        tj_buf_char(out, '\n');
    }
    bool any = false;
    for (size_t i = 0; i < l->n_steps; i++) {
        if (l->steps[i].parent == l->at) {
            tj_buf_str(out, any ? "- " : "Tried from here before, and left:\n- ");
            tj_buf_str(out, l->steps[i].text);
            tj_buf_char(out, '\n');
            any = true;
        }
    }
    tj_free(path);
    return tj_buf_check(out, err);
}

static char *first_line_copy(const char *text)
{
    const char *begin = text + strspn(text, " \t\r\n");
    size_t n = strlen(begin);
    while (n > 0 && strchr(" \t\r\n", begin[n - 1]) != NULL) {
        n--;
    }
    char *copy = tj_strndup(begin, n);
    for (char *c = copy; c != NULL && *c != 0; c++) { /* a step is a line */
        *c = *c == '\n' || *c == '\r' ? ' ' : *c;
    }
    return copy;
}

static tj_code set_text(char **to, const char *text, tj_err *err)
{
    tj_free(*to);
    *to = text == NULL ? NULL : first_line_copy(text);
    return text == NULL || *to != NULL ? TJ_OK
                                       : tj_fail(err, TJ_E_NOMEM, "cannot hold what was said");
}

/* ------------------------------------------------------------------ the proposer */

/* The same step without regard to case, blanks and punctuation. */
static uint64_t step_hash(const char *text)
{
    uint64_t h = 0;
    tj_word word;
    tj_number_at number;
    for (size_t at = 0; tj_next_word(text, strlen(text), &at, &word);) {
        h = h * 1099511628211u + tj_word_hash(text, &word);
    }
    for (size_t at = 0; tj_next_number(text, strlen(text), &at, &number);) {
        h = h * 31 + tj_fnv64(number.text, strlen(number.text));
    }
    for (; *text != 0; text++) {
        h = strchr("+-*/=<>^", *text) != NULL ? h * 31 + (unsigned char)*text : h;
    }
    return h;
}

static bool was_tried(const loop *l, const char *text)
{
    uint64_t hash = step_hash(text);
    for (size_t i = 0; i < l->n_steps; i++) {
        if (l->steps[i].parent == l->at && step_hash(l->steps[i].text) == hash) {
            return true;
        }
    }
    return l->at != ROOT && step_hash(l->steps[l->at].text) == hash;
}

static tj_code read_proposal(void *ctx, const json_t *json, char why[TJ_TALK_WHY_BYTES],
                             tj_err *err)
{
    loop *l = ctx;
    const json_t *answer = json_object_get(json, "answer");
    const char *text = tj_talk_text(json, "step", why);
    if (text == NULL) {
        return TJ_OK;
    }
    if (strlen(text) > MAX_STEP_BYTES) {
        snprintf(why, TJ_TALK_WHY_BYTES, "`step` has more than %d bytes", MAX_STEP_BYTES);
        return TJ_OK;
    }
    if (answer != NULL && !json_is_null(answer) && tj_talk_text(json, "answer", why) == NULL) {
        return TJ_OK;
    }
    tj_code rc = set_text(&l->text, text, err);
    return rc == TJ_OK ? set_text(&l->answer, json_string_value(answer), err) : rc;
}

/* prompt: all but what is asked now, which is the state and `tail`. */
static tj_code ask(loop *l, tj_talk *talk, bool *ok, const char *what, tj_talk_prompt prompt,
                   const char *tail, tj_talk_read_fn read, tj_err *err)
{
    tj_buf user;
    tj_buf_init(&user);
    tj_code rc = write_state(l, &user, err);
    tj_buf_char(&user, '\n');
    tj_buf_str(&user, tail);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&user, err);
    }
    prompt.user = tj_buf_text(&user);
    if (rc == TJ_OK) {
        rc = tj_talk_ask_like(talk, ok, what, &prompt, read, l, err);
    }
    tj_buf_deinit(&user);
    return rc;
}

static tj_code propose(loop *l, bool *ok, tj_err *err)
{
    static const char system[] =
        "You solve a problem step by step together with a critic. Give the next step only: one "
        "sentence or one line of calculation that goes on from the steps so far and differs from "
        "what was tried before. If the step settles the problem, give the final answer too. Answer "
        "with one JSON object and nothing else: {\"step\": \"...\", \"answer\": null} or "
        "{\"step\": "
        "\"...\", \"answer\": \"...\"}.";
    static const tj_talk_prompt prompt = {
        .system = system,
        .example = "The problem:\nA pen costs 3 dollars and a book 4 times as much. What do both "
                   "cost?\n\nNo step has been made yet.\n\nWhat is the next step?",
        .answer = "{\"step\": \"The book costs 3 * 4 = 12 dollars.\", \"answer\": null}",
        .schema = "{\"type\":\"object\",\"properties\":{\"step\":{\"type\":\"string\","
                  "\"minLength\":1},\"answer\":{\"type\":[\"string\",\"null\"]}},"
                  "\"required\":[\"step\",\"answer\"],\"additionalProperties\":false}"};
    char what[48];
    tj_buf tail;
    tj_buf_init(&tail);
    tj_buf_str(&tail, l->advice == NULL ? "What is the next step?" : "The critic says: ");
    if (l->advice != NULL) {
        tj_buf_str(&tail, l->advice);
        tj_buf_str(&tail, "\n\nWhat is the next step?");
    }
    snprintf(what, sizeof what, "proposal of turn %zu", l->out->n_turns + 1);
    tj_code rc = tj_buf_check(&tail, err);
    if (rc == TJ_OK) {
        rc = ask(l, l->proposer, ok, what, prompt, tj_buf_text(&tail), read_proposal, err);
    }
    tj_buf_deinit(&tail);
    return rc;
}

/* ------------------------------------------------------------------ the critic */

static tj_code read_verdict(void *ctx, const json_t *json, char why[TJ_TALK_WHY_BYTES], tj_err *err)
{
    static const char *const actions[] = {"continue", "reflect", "backtrack", "terminate", NULL};
    loop *l = ctx;
    const json_t *to = json_object_get(json, "to");
    const char *action = json_string_value(json_object_get(json, "action"));
    size_t i = action == NULL ? 4 : tj_name_index(action, actions);
    const char *reason = tj_talk_text(json, "reason", why);
    if (reason == NULL) {
        return TJ_OK;
    }
    if (i == 4) {
        snprintf(why, TJ_TALK_WHY_BYTES,
                 "`action` is not one of continue, reflect, backtrack, terminate");
        return TJ_OK;
    }
    size_t n = path_of(l, NULL, 0);
    if (i == V_BACKTRACK && (!json_is_integer(to) || json_integer_value(to) < 0 ||
                             json_integer_value(to) >= (json_int_t)n)) {
        snprintf(why, TJ_TALK_WHY_BYTES, "`to` is not a number of steps to keep, from 0 to %zu",
                 n - 1);
        return TJ_OK;
    }
    if (i == V_TERMINATE && l->answer == NULL && tj_talk_text(json, "answer", why) == NULL) {
        return TJ_OK;
    }
    l->verdict = (verdict)i;
    l->to = i == V_BACKTRACK ? (size_t)json_integer_value(to) : 0;
    tj_code rc = set_text(&l->text, reason, err);
    const char *answer = json_string_value(json_object_get(json, "answer"));
    if (rc == TJ_OK && i == V_TERMINATE && l->answer == NULL) {
        rc = set_text(&l->answer, answer, err);
    }
    return rc;
}

static tj_code criticise(loop *l, bool *ok, tj_err *err)
{
    static const char system[] =
        "You are the critic of someone who solves a problem step by step. Judge the last step: is "
        "it right, does it follow, does it lead on? Answer with one JSON object and nothing else: "
        "{\"action\": ACTION, \"reason\": \"...\"}, where ACTION is \"continue\" (the step is "
        "good), "
        "\"reflect\" (keep it, but something needs thought: say what), \"backtrack\" (it is wrong "
        "or "
        "leads nowhere: add \"to\": how many of the steps to keep), or \"terminate\" (the problem "
        "is "
        "solved: add \"answer\" if the step gave none). Give the reason as one who thinks aloud.";
    static const tj_talk_prompt prompt = {
        .system = system,
        .example =
            "The problem:\nA pen costs 3 dollars and a book 4 times as much. What do both "
            "cost?\n\nThe steps so far:\n1. The book costs 3 + 4 = 7 dollars.\n\nWhat do you "
            "say to the last step?",
        .answer =
            "{\"action\": \"backtrack\", \"to\": 0, \"reason\": \"Wait, 4 times as much is 3 * "
            "4, not 3 + 4.\"}",
        .schema = "{\"type\":\"object\",\"properties\":{\"action\":{\"enum\":[\"continue\","
                  "\"reflect\",\"backtrack\",\"terminate\"]},\"to\":{\"type\":[\"integer\","
                  "\"null\"]},\"answer\":{\"type\":[\"string\",\"null\"]},"
                  "\"reason\":{\"type\":\"string\",\"minLength\":1}},\"required\":[\"action\","
                  "\"to\",\"answer\",\"reason\"],\"additionalProperties\":false}"};
    char what[48];
    tj_buf tail;
    tj_buf_init(&tail);
    if (l->answer != NULL) {
        tj_buf_str(&tail, "The answer that is proposed: ");
        tj_buf_str(&tail, l->answer);
        tj_buf_char(&tail, '\n');
    }
    tj_buf_str(&tail, "What do you say to the last step?");
    snprintf(what, sizeof what, "critique of turn %zu", l->out->n_turns);
    tj_code rc = tj_buf_check(&tail, err);
    if (rc == TJ_OK) {
        rc = ask(l, l->critic, ok, what, prompt, tj_buf_text(&tail), read_verdict, err);
    }
    tj_buf_deinit(&tail);
    return rc;
}

/* ------------------------------------------------------------------ writing it down */

/* A line that the latest entry of the transcript says. */
static tj_code add_words(loop *l, tj_span span, const char *words, tj_err *err)
{
    span.node = TJ_SPAN_NO_NODE;
    span.annotation = json_array_size(l->out->transcript);
    return tj_dialogue_line(&l->scribe, &span, words, err);
}

static tj_code add_step(loop *l, tj_err *err)
{
    tj_span span = {.action = l->fresh ? TJ_PROPOSE : TJ_CONTINUE, .editor = TJ_BY_AGENT};
    if (!tj_grow(&l->steps, &l->cap_steps, l->n_steps + 1, sizeof *l->steps)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu steps", l->n_steps + 1);
    }
    tj_code rc = tj_dialogue_note(
        l->out,
        json_pack("{s:s, s:s, s:s?}", "who", "proposer", "step", l->text, "answer", l->answer),
        err);
    if (rc != TJ_OK) {
        return rc;
    }
    l->steps[l->n_steps] =
        (step){.parent = l->at, .entry = json_array_size(l->out->transcript), .text = l->text};
    l->text = NULL;
    l->at = l->n_steps++;
    l->fresh = false;
    tj_span_set_name(&span, "proposer");
    return add_words(l, span, l->steps[l->at].text, err);
}

static tj_code go_back(loop *l, tj_err *err)
{
    for (size_t n = path_of(l, NULL, 0); n > l->to; n--) {
        l->at = l->steps[l->at].parent;
    }
    l->fresh = true;
    l->n_backtracks++;
    tj_span span = {.node = TJ_SPAN_NO_NODE,
                    .annotation = json_array_size(l->out->transcript),
                    .back_to = l->at == ROOT ? 0 : l->steps[l->at].entry};
    return tj_dialogue_way_back(&l->scribe, &span, l->cfg->templates, l->cfg->language, &l->last,
                                l->rng, err);
}

static tj_code conclude(loop *l, tj_err *err)
{
    tj_span span = {.node = TJ_SPAN_NO_NODE, .annotation = json_array_size(l->out->transcript)};
    l->out->outcome = TJ_OUTCOME_ANSWERED;
    return tj_dialogue_conclude(&l->scribe, &span, "proposer", l->answer, l->cfg->language, err);
}

/* What the critic wants; *over: it is the end. */
static tj_code act(loop *l, bool *over, tj_err *err)
{
    static const char *const names[] = {"continue", "reflect", "backtrack", "terminate"};
    tj_span span = {.action = TJ_REFLECT, .editor = TJ_BY_CRITIC};
    json_t *entry = json_pack("{s:s, s:s, s:s}", "who", "critic", "action", names[l->verdict],
                              "reason", l->text);
    if (entry != NULL && l->verdict == V_BACKTRACK) {
        json_object_set_new(entry, "to", json_integer((json_int_t)l->to));
    }
    tj_span_set_name(&span, "critic");
    tj_code rc = tj_dialogue_note(l->out, entry, err);
    if (rc == TJ_OK && (l->verdict == V_REFLECT || l->verdict == V_BACKTRACK)) {
        rc = add_words(l, span, l->text, err);
    }
    if (rc == TJ_OK) {
        rc = set_text(&l->advice, l->verdict == V_CONTINUE ? NULL : l->text, err);
    }
    if (rc == TJ_OK && l->verdict == V_BACKTRACK) {
        rc = go_back(l, err);
    }
    if (rc == TJ_OK && l->verdict == V_TERMINATE) {
        *over = true;
        rc = conclude(l, err);
    }
    return rc;
}

/* ------------------------------------------------------------------ the loop */

static bool is_spent(const loop *l)
{
    uint64_t tokens = l->proposer->usage.n_completion;
    tokens += l->critic != l->proposer ? l->critic->usage.n_completion : 0;
    return l->out->n_turns >= l->cfg->max_turns || l->n_backtracks > l->cfg->max_backtracks ||
           (l->cfg->max_tokens > 0 && tokens >= l->cfg->max_tokens);
}

static tj_code turn(loop *l, bool *over, tj_err *err)
{
    bool ok = false;
    tj_code rc = propose(l, &ok, err);
    l->out->n_turns++;
    if (rc == TJ_OK && !ok) {
        *over = true;
        l->out->outcome = TJ_OUTCOME_FAILED;
        return TJ_OK;
    }
    if (rc == TJ_OK && was_tried(l, l->text)) {
        *over = ++l->n_loops > l->cfg->max_loops;
        l->out->outcome = TJ_OUTCOME_LOOP;
        rc = tj_dialogue_note(
            l->out, json_pack("{s:s, s:s, s:b}", "who", "proposer", "step", l->text, "again", 1),
            err);
        return rc == TJ_OK ? set_text(&l->advice, "That very step was tried from here before.", err)
                           : rc;
    }
    if (rc == TJ_OK) {
        rc = add_step(l, err);
    }
    if (rc == TJ_OK) {
        rc = criticise(l, &ok, err);
    }
    if (rc == TJ_OK && !ok) {
        *over = true;
        l->out->outcome = TJ_OUTCOME_FAILED;
    }
    return rc == TJ_OK && ok ? act(l, over, err) : rc;
}

/* Spans of the steps on the way that it ended on are on the path. */
static void mark_path(const loop *l, tj_thought *t)
{
    for (size_t i = l->at; i != ROOT; i = l->steps[i].parent) {
        for (size_t s = 0; s < t->n_spans; s++) {
            if (tj_is_step(&t->spans[s]) && t->spans[s].annotation == l->steps[i].entry) {
                t->spans[s].on_path = true;
            }
        }
    }
}

static void free_loop(loop *l)
{
    for (size_t i = 0; i < l->n_steps; i++) {
        tj_free(l->steps[i].text);
    }
    tj_free(l->steps);
    tj_free(l->text);
    tj_free(l->answer);
    tj_free(l->advice);
    tj_scribe_deinit(&l->scribe);
}

tj_code tj_critique(tj_dialogue *out, const char *problem, size_t n, tj_talk *proposer,
                    tj_talk *critic, const tj_critique_config *cfg, tj_rng *rng, tj_err *err)
{
    loop l = {.problem = problem,
              .n_problem = n,
              .cfg = cfg,
              .rng = rng,
              .proposer = proposer,
              .critic = critic,
              .out = out,
              .at = ROOT,
              .fresh = true,
              .last = TJ_NO_SENTENCE};
    bool over = false;
    tj_scribe_init(&l.scribe, cfg->tok);
    tj_code rc = tj_dialogue_begin(out, problem, n, err);
    while (rc == TJ_OK && !over) {
        out->outcome = TJ_OUTCOME_BUDGET;
        over = is_spent(&l);
        rc = over ? TJ_OK : turn(&l, &over, err);
    }
    if (rc == TJ_OK) {
        rc = tj_scribe_end(&l.scribe, &out->record.thought, cfg->eos, err);
    }
    if (rc == TJ_OK) {
        out->record.thought.kind = TJ_CRITIQUE;
        out->record.thought.n_backtracks = l.n_backtracks;
        mark_path(&l, &out->record.thought);
    }
    free_loop(&l);
    if (rc != TJ_OK) {
        tj_dialogue_deinit(out);
    }
    return rc;
}
