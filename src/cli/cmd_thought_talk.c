/* thought critique and thought debate: long thoughts out of dialogues of language models. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/common.h"
#include "cli/domain.h"
#include "cli/talking.h"

#define STREAM_DIALOGUE 205 /* of the random numbers */
#define MAX_DEPTH       32

typedef struct talking {
    tj_cli_talk model;
    tj_cli_talk critic; /* zeroed: the same */
    tj_templates *templates;
    tj_grader *grader;
    tj_critique_config critique;
    tj_debate_config debate;
    tj_agent agents[TJ_MAX_AGENTS];
    size_t n_agents; /* 0: critique */
    size_t n, by_outcome[TJ_N_OUTCOMES];
    bool as_json;
} talking;

/* ------------------------------------------------------------------ problems */

/* A line of text, or a JSON object with prompt, problem or question, and maybe answer and more. */
static tj_code read_problem(tj_record *out, const char *line, size_t n, tj_err *err)
{
    static const char *const names[] = {"prompt", "problem", "question"};
    json_t *json = NULL;
    memset(out, 0, sizeof *out);
    if (line[0] != '{') {
        return tj_record_set(out, TJ_META_PROMPT, line, n, err);
    }
    tj_code rc = tj_json_parse(&json, line, n, MAX_DEPTH, "a problem", err);
    const json_t *text = NULL;
    for (size_t i = 0; i < 3 && text == NULL; i++) {
        text = json_object_get(json, names[i]);
    }
    if (rc == TJ_OK && !json_is_string(text)) {
        rc = tj_fail(err, TJ_E_PARSE,
                     "a problem in JSON has no text `prompt`, `problem` or "
                     "`question`");
    }
    if (rc == TJ_OK) {
        rc = tj_record_set(out, TJ_META_PROMPT, json_string_value(text), json_string_length(text),
                           err);
    }
    for (size_t i = TJ_META_ANSWER; i < TJ_N_META && rc == TJ_OK; i++) {
        const json_t *v = json_object_get(json, tj_meta_names[i]);
        if (json_is_string(v)) {
            rc = tj_record_set(out, (tj_meta)i, json_string_value(v), json_string_length(v), err);
        } else if (json_is_integer(v)) {
            char number[32];
            int k = snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
            rc = tj_record_set(out, (tj_meta)i, number, (size_t)k, err);
        }
    }
    json_decref(json);
    return rc;
}

/* ------------------------------------------------------------------ one dialogue */

static tj_code print_dialogue(talking *t, tj_dialogue *d, tj_err *err)
{
    if (t->as_json) {
        json_t *json = tj_dialogue_json(d, &t->model.talk);
        tj_code rc = tj_print_json_line(json, err);
        json_decref(json);
        return rc;
    }
    const char *prompt = tj_record_get(&d->record, TJ_META_PROMPT);
    tj_print_text(prompt, strcspn(prompt, "\n"));
    printf("\n%s after %zu turns\n", tj_outcome_names[d->outcome], d->n_turns);
    for (size_t i = 0; i < d->record.thought.n_spans; i++) {
        const tj_span *s = &d->record.thought.spans[i];
        printf("%c %-10s %-10.10s ", s->on_path ? '*' : ' ', tj_action_name(s->action), s->name);
        tj_print_text(d->record.thought.text + s->begin, s->end - s->begin);
    }
    return TJ_OK;
}

static tj_code talk_about(void *ctx, const char *line, size_t index, tj_err *err)
{
    talking *t = ctx;
    tj_dialogue d = {.n_turns = 0};
    tj_record problem;
    tj_rng rng;
    size_t n_line = strlen(line);
    n_line -= n_line > 0 && line[n_line - 1] == '\n' ? 1 : 0;
    tj_talk *critic = t->critic.is_open ? &t->critic.talk : &t->model.talk;
    tj_rng_init(&rng, t->model.talk.seed, STREAM_DIALOGUE, index, 0);
    t->model.talk.run =
        STREAM_DIALOGUE + ((uint64_t)index << 16); /* a dialogue hangs on its place */
    t->model.talk.n_things = 0;
    critic->run = t->model.talk.run + (critic == &t->model.talk ? 0 : 1);
    critic->n_things = 0;
    tj_code rc = read_problem(&problem, line, n_line, err);
    const char *prompt = tj_record_get(&problem, TJ_META_PROMPT);
    if (rc == TJ_OK && t->n_agents == 0) {
        rc = tj_critique(&d, prompt, strlen(prompt), &t->model.talk, critic, &t->critique, &rng,
                         err);
    } else if (rc == TJ_OK) {
        rc = tj_debate(&d, prompt, strlen(prompt), t->agents, t->n_agents, critic, &t->debate, &rng,
                       err);
    }
    for (size_t i = TJ_META_ANSWER; i < TJ_N_META && rc == TJ_OK; i++) {
        const char *text = problem.meta[i];
        rc = tj_record_set(&d.record, (tj_meta)i, text, text == NULL ? 0 : strlen(text), err);
    }
    if (rc == TJ_OK) {
        rc = tj_answer_judge(&d.record, t->grader, err);
    }
    if (rc == TJ_OK) {
        t->n++;
        t->by_outcome[d.outcome]++;
        rc = print_dialogue(t, &d, err);
    }
    tj_dialogue_deinit(&d);
    tj_record_deinit(&problem);
    return rc;
}

/* ------------------------------------------------------------------ the commands */

static tj_code open_critic(talking *t, const tj_args *args, tj_err *err)
{
    const char *path = tj_args_get(args, "critic");
    tj_generator_options options = {.cache = NULL};
    if (path == NULL) {
        return TJ_OK;
    }
    tj_cli_talk *c = &t->critic;
    const char *model = tj_args_get(args, "critic-model");
    tj_remote_config_default(&options.remote);
    snprintf(options.remote.model, sizeof options.remote.model, "%s", model == NULL ? "" : model);
    if (tj_is_url(path) && model == NULL) {
        return tj_fail(err, TJ_E_INVAL,
                       "which of the critic's models is not said: name it with "
                       "--critic-model");
    }
    tj_code rc = tj_generator_open(&c->generator.generator, path, &options, err);
    if (rc == TJ_OK) {
        c->is_open = true;
        c->talk = t->model.talk;
        c->talk.generator = &c->generator.generator;
        snprintf(c->name, sizeof c->name, "critic");
        c->talk.name = c->name;
    }
    return rc;
}

static tj_code read_language(const tj_args *args, const tj_templates *templates,
                             char out[TJ_LANGUAGE_BYTES], tj_err *err)
{
    const char *language = tj_args_get(args, "language");
    if (language == NULL) {
        return TJ_OK;
    }
    if (strlen(language) >= TJ_LANGUAGE_BYTES || !tj_templates_has(templates, language)) {
        return tj_fail(err, TJ_E_INVAL, "--language: there are no sentences in '%s'", language);
    }
    memcpy(out, language, strlen(language) + 1);
    return TJ_OK;
}

static tj_code open_talking(talking *t, const tj_args *args, tj_err *err)
{
    t->as_json = tj_args_has(args, "json");
    tj_critique_config_default(&t->critique);
    tj_debate_config_default(&t->debate);
    tj_code rc = tj_templates_create(&t->templates, err);
    for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "sentences", i) != NULL; i++) {
        rc = tj_templates_add_file(t->templates, tj_args_nth(args, "sentences", i), err);
    }
    if (rc == TJ_OK) {
        rc = read_language(args, t->templates, t->critique.language, err);
        memcpy(t->debate.language, t->critique.language, sizeof t->debate.language);
    }
    t->critique.templates = t->templates;
    t->debate.templates = t->templates;
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "budget", 0, SIZE_MAX, &t->critique.max_tokens, err);
        t->debate.max_tokens = t->critique.max_tokens;
    }
    if (rc == TJ_OK) {
        rc = tj_cli_talk_open(&t->model, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_grader_create(&t->grader, NULL, err);
    }
    return rc == TJ_OK ? open_critic(t, args, err) : rc;
}

static tj_code run_talking(talking *t, const tj_args *args, tj_err *err)
{
    tj_code rc = tj_each_prompt(args, talk_about, t, err);
    fprintf(stderr, "%zu dialogues: answered %zu, budget spent %zu, in circles %zu, failed %zu\n",
            t->n, t->by_outcome[TJ_OUTCOME_ANSWERED], t->by_outcome[TJ_OUTCOME_BUDGET],
            t->by_outcome[TJ_OUTCOME_LOOP], t->by_outcome[TJ_OUTCOME_FAILED]);
    tj_cli_talk_report(&t->model);
    if (t->critic.is_open) {
        tj_cli_talk_report(&t->critic);
    }
    return rc;
}

static void close_talking(talking *t)
{
    tj_templates_destroy(t->templates);
    tj_grader_destroy(t->grader);
    if (t->critic.is_open) {
        tj_talk_deinit(&t->critic.talk);
        tj_generator_close(&t->critic.generator.generator);
    }
    tj_cli_talk_close(&t->model);
}

tj_code tj_cmd_thought_critique(const tj_args *args, tj_err *err)
{
    talking t = {.n_agents = 0};
    tj_code rc = open_talking(&t, args, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "turns", t.critique.max_turns, 4096, &t.critique.max_turns, err);
    }
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "max-backtracks", t.critique.max_backtracks, 4096,
                          &t.critique.max_backtracks, err);
    }
    if (rc == TJ_OK) {
        rc = run_talking(&t, args, err);
    }
    close_talking(&t);
    return rc;
}

tj_code tj_cmd_thought_debate(const tj_args *args, tj_err *err)
{
    static const char *const roles[] = {"debate", "teacher", NULL};
    talking t = {.n_agents = 0};
    size_t which = 0;
    tj_code rc = tj_args_choice(args, "roles", roles, 0, &which, err);
    if (rc == TJ_OK) {
        rc = open_talking(&t, args, err);
    }
    t.n_agents = tj_debate_roles(t.agents, roles[which], &t.model.talk);
    t.debate.one_voice = !tj_args_has(args, "own-words");
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "rounds", t.debate.max_rounds, 256, &t.debate.max_rounds, err);
    }
    if (rc == TJ_OK) {
        rc = run_talking(&t, args, err);
    }
    close_talking(&t);
    return rc;
}
