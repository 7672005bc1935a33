/* thought critique and thought debate: long thoughts out of dialogues of language models. */
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/common.h"
#include "cli/dialogues.h"
#include "cli/domain.h"
#include "cli/talking.h"

#define STREAM_DIALOGUE 205 /* of the random numbers */
#define MAX_DEPTH       32

/* A problem to talk about. */
typedef struct topic {
    tj_record about; /* its texts */
    int64_t problem; /* of the workspace; 0: none of it */
} topic;

typedef struct talking {
    tj_cli_flow flow; /* with --workspace; else zeroed */
    topic *topics;    /* [n_topics], with --workspace */
    size_t n_topics, cap_topics;
    tj_buf lines; /* of topics that are not the workspace's */
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

/* Gives *d. Random streams hang on the topic's place, not on what was talked of before. */
static tj_code discuss(talking *t, tj_dialogue *d, const tj_record *about, size_t index,
                       tj_err *err)
{
    tj_rng rng;
    tj_talk *critic = t->critic.is_open ? &t->critic.talk : &t->model.talk;
    const char *prompt = tj_record_get(about, TJ_META_PROMPT);
    tj_rng_init(&rng, t->model.talk.seed, STREAM_DIALOGUE, index, 0);
    if (t->critic.is_open) {
        tj_cli_talk_begin(&t->critic, STREAM_DIALOGUE + 1, index);
    }
    tj_cli_talk_begin(&t->model, STREAM_DIALOGUE, index);
    tj_code rc = t->n_agents == 0 ? tj_critique(d, prompt, strlen(prompt), &t->model.talk, critic,
                                                &t->critique, &rng, err)
                                  : tj_debate(d, prompt, strlen(prompt), t->agents, t->n_agents,
                                              critic, &t->debate, &rng, err);
    for (size_t i = TJ_META_ANSWER; i < TJ_N_META && rc == TJ_OK; i++) {
        const char *text = about->meta[i];
        rc = tj_record_set(&d->record, (tj_meta)i, text, text == NULL ? 0 : strlen(text), err);
    }
    if (rc == TJ_OK) {
        rc = tj_answer_judge(&d->record, t->grader, err);
    }
    if (rc == TJ_OK) {
        t->n++;
        t->by_outcome[d->outcome]++;
    }
    return rc;
}

static tj_code read_line(tj_record *out, const char *line, tj_err *err)
{
    size_t n = strlen(line);
    n -= n > 0 && line[n - 1] == '\n' ? 1 : 0;
    return read_problem(out, line, n, err);
}

static tj_code talk_about(void *ctx, const char *line, size_t index, tj_err *err)
{
    talking *t = ctx;
    tj_dialogue d = {.n_turns = 0};
    tj_record about;
    tj_code rc = read_line(&about, line, err);
    if (rc == TJ_OK) {
        rc = discuss(t, &d, &about, index, err);
    }
    if (rc == TJ_OK) {
        rc = print_dialogue(t, &d, err);
    }
    tj_dialogue_deinit(&d);
    tj_record_deinit(&about);
    return rc;
}

/* ------------------------------------------------------------------ in a workspace */

static tj_code add_topic(talking *t, topic *one, tj_err *err)
{
    if (!tj_grow(&t->topics, &t->cap_topics, t->n_topics + 1, sizeof *t->topics)) {
        tj_record_deinit(&one->about);
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu problems", t->n_topics + 1);
    }
    t->topics[t->n_topics++] = *one;
    return TJ_OK;
}

static tj_code add_line_topic(void *ctx, const char *line, size_t index, tj_err *err)
{
    (void)index;
    talking *t = ctx;
    topic one = {.problem = 0};
    tj_buf_str(&t->lines, line);
    tj_buf_char(&t->lines, '\n');
    tj_code rc = read_line(&one.about, line, err);
    return rc == TJ_OK ? add_topic(t, &one, err) : rc;
}

static tj_code add_set_topics(talking *t, const tj_args *args, int64_t *set, tj_err *err)
{
    static const char *const splits[] = {"train", "valid", "test", NULL};
    tj_problem_set found = {0};
    tj_problems problems = {0};
    size_t split = 0;
    size_t limit = 0;
    tj_code rc = tj_args_choice(args, "split", splits, TJ_SPLIT_TRAIN, &split, err);
    if (rc == TJ_OK) {
        rc = tj_args_size(args, "limit", SIZE_MAX, SIZE_MAX, &limit, err);
    }
    if (rc == TJ_OK) {
        rc = tj_store_find_problem_set(t->flow.store, &found, tj_args_get(args, "problems"), err);
    }
    if (rc == TJ_OK) {
        *set = found.id;
        rc = tj_store_load_problems(t->flow.store, &problems, found.id, (tj_split)split, 0, limit,
                                    err);
    }
    for (size_t i = 0; i < problems.n && rc == TJ_OK; i++) {
        topic one = {.problem = problems.rows[i].id};
        bool is_countdown;
        rc = tj_problem_about(&one.about, &is_countdown, t->flow.store, one.problem, err);
        rc = rc == TJ_OK ? add_topic(t, &one, err) : rc;
    }
    tj_problems_deinit(&problems);
    tj_problem_set_deinit(&found);
    return rc;
}

static tj_code discuss_item(void *ctx, tj_thought_run *run, size_t item, tj_err *err)
{
    (void)run;
    talking *t = ctx;
    tj_dialogue d = {.n_turns = 0};
    const topic *about = &t->topics[item];
    size_t before = t->model.talk.n_failures;
    tj_code rc = discuss(t, &d, &about->about, item, err);
    tj_cli_talk_spend(&t->model, &t->flow);
    if (t->critic.is_open) {
        tj_cli_talk_spend(&t->critic, &t->flow);
    }
    if (rc == TJ_OK) {
        tj_talk said = t->model.talk; /* the failures of this dialogue alone */
        said.failures = before > 0 ? said.failures + before : said.failures;
        said.n_failures -= before;
        rc = tj_cli_keep_dialogue(&t->flow, &d, about->problem, &said,
                                  t->critic.is_open ? t->critic.name : t->model.name, err);
    }
    tj_dialogue_deinit(&d);
    return rc;
}

static json_t *config_json(const talking *t, const tj_args *args)
{
    char digest[TJ_SHA256_HEX];
    tj_sha256_hex(digest, tj_buf_text(&t->lines), t->lines.len);
    bool debates = t->n_agents > 0;
    json_t *config = json_pack(
        "{s:s, s:s?, s:s?, s:o, s:s?, s:s?, s:s?, s:b, s:I, s:I, s:I, s:s, s:I}", "problems_digest",
        digest, "set", tj_args_get(args, "problems"), "split", tj_args_get(args, "split"), "model",
        tj_cli_talk_json(&t->model, args), "critic", tj_args_get(args, "critic"), "critic_model",
        tj_args_get(args, "critic-model"), "roles", tj_args_get(args, "roles"), "own_words",
        (int)(debates && !t->debate.one_voice), "turns",
        (json_int_t)(debates ? t->debate.max_rounds : t->critique.max_turns), "max_backtracks",
        (json_int_t)t->critique.max_backtracks, "budget", (json_int_t)t->critique.max_tokens,
        "language", t->critique.language, "problems", (json_int_t)t->n_topics);
    if (tj_args_nth(args, "agent", 0) != NULL) {
        json_t *agents = json_array();
        for (size_t i = 0; i < t->n_agents; i++) {
            (void)json_array_append_new(agents, json_string(tj_args_nth(args, "agent", i)));
        }
        (void)json_object_set_new(config, "agents", agents);
    }
    return config;
}

static tj_code run_in_workspace(talking *t, const tj_args *args, tj_err *err)
{
    int64_t set = 0;
    bool of_set = tj_args_has(args, "problems");
    if (of_set && tj_args_n_operands(args) > 0) {
        return tj_fail(err, TJ_E_INVAL, "problems come from --problems or are given, not both");
    }
    tj_code rc = tj_cli_flow_open(&t->flow, args, !of_set, err);
    if (rc == TJ_OK) {
        rc = of_set ? add_set_topics(t, args, &set, err)
                    : tj_each_prompt(args, add_line_topic, t, err);
    }
    if (rc == TJ_OK && t->n_topics == 0) {
        rc = tj_fail(err, TJ_E_NOTFOUND, "there are no problems");
    }
    tj_run_input input = {.role = "problems", .kind = "problem_set", .id = set};
    if (rc == TJ_OK) {
        rc = tj_cli_flow_begin(&t->flow, t->n_agents == 0 ? "critique" : "debate",
                               config_json(t, args), t->model.talk.seed, &input, set == 0 ? 0 : 1,
                               err);
    }
    if (rc == TJ_OK) {
        rc = tj_thought_run_items(t->flow.run, t->n_topics, discuss_item, t, err);
        rc = tj_cli_flow_end(&t->flow, args, rc, NULL, 0, err);
    }
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
    tj_buf_init(&t->lines);
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
        rc = tj_cli_grader_open(&t->grader, err);
    }
    if (rc == TJ_OK) {
        rc = tj_cli_talk_open(&t->model, args, err);
    }
    return rc == TJ_OK ? open_critic(t, args, err) : rc;
}

static tj_code run_talking(talking *t, const tj_args *args, tj_err *err)
{
    tj_code rc = tj_cli_has_workspace(args) ? run_in_workspace(t, args, err)
                                            : tj_each_prompt(args, talk_about, t, err);
    if (t->n > 0) { /* else the run was done before */
        fprintf(stderr,
                "%zu dialogues: answered %zu, budget spent %zu, in circles %zu, failed %zu\n", t->n,
                t->by_outcome[TJ_OUTCOME_ANSWERED], t->by_outcome[TJ_OUTCOME_BUDGET],
                t->by_outcome[TJ_OUTCOME_LOOP], t->by_outcome[TJ_OUTCOME_FAILED]);
    }
    tj_cli_talk_report(&t->model);
    if (t->critic.is_open) {
        tj_cli_talk_report(&t->critic);
    }
    return rc;
}

static void close_talking(talking *t)
{
    tj_templates_destroy(t->templates);
    tj_cli_grader_close(t->grader);
    if (t->critic.is_open) {
        tj_talk_deinit(&t->critic.talk);
        tj_generator_close(&t->critic.generator.generator);
    }
    tj_cli_talk_close(&t->model);
    for (size_t i = 0; i < t->n_topics; i++) {
        tj_record_deinit(&t->topics[i].about);
    }
    tj_free(t->topics);
    tj_buf_deinit(&t->lines);
    tj_cli_flow_close(&t->flow);
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

/* The agents of --agent NAME=ROLE, or else those of --roles. */
static tj_code read_agents(talking *t, const tj_args *args, tj_err *err)
{
    static const char *const roles[] = {"debate", "teacher", NULL};
    size_t which = 0;
    const char *text = tj_args_nth(args, "agent", 0);
    if (text == NULL) {
        tj_code rc = tj_args_choice(args, "roles", roles, 0, &which, err);
        t->n_agents = tj_debate_roles(t->agents, roles[which], &t->model.talk);
        return rc;
    }
    if (tj_args_has(args, "roles")) {
        return tj_fail(err, TJ_E_INVAL, "agents are those of --roles or of --agent, not both");
    }
    for (; text != NULL; text = tj_args_nth(args, "agent", t->n_agents)) {
        const char *role = strchr(text, '=');
        size_t n = role == NULL ? 0 : (size_t)(role - text);
        if (t->n_agents == TJ_MAX_AGENTS) {
            return tj_fail(err, TJ_E_INVAL, "--agent: at most %d", TJ_MAX_AGENTS);
        }
        tj_agent *a = &t->agents[t->n_agents++];
        if (n == 0 || n >= sizeof a->name || role[1] == 0) {
            return tj_fail(err, TJ_E_INVAL,
                           "--agent is '%s', expected NAME=ROLE with a name of 1 to %zu bytes",
                           text, sizeof a->name - 1);
        }
        *a = (tj_agent){.role = role + 1, .talk = &t->model.talk};
        memcpy(a->name, text, n);
    }
    return TJ_OK;
}

tj_code tj_cmd_thought_debate(const tj_args *args, tj_err *err)
{
    talking t = {.n_agents = 0};
    tj_code rc = read_agents(&t, args, err);
    if (rc == TJ_OK) {
        rc = open_talking(&t, args, err);
    }
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
