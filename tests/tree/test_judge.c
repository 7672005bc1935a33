/* A judge's answers are read strictly or refused with a reason; what is refused is asked again
 * within the bound, with that reason, and then recorded as failed with all that was answered; votes
 * and judges are counted as the header says; a prompt of one's own is checked before it is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "support/reasoner.h"
#include "tree/judge.h"

#define RIGHT   "{\"reason\": \"it is\", \"verdict\": 1}"
#define WRONG   "{\"reason\": \"it is not\", \"verdict\": -1}"
#define NEITHER "{\"reason\": \"who knows\", \"verdict\": 0}"

static const char *const steps[] = {"1. 6 * 7 = 42\n", "2. 42 + 1 = 44"};
static const tj_score_ask ask = {.problem = "What is 6 * 7 + 1?",
                                 .answer = "43",
                                 .steps = steps,
                                 .n_steps = 2,
                                 .node = TJ_NO_NODE,
                                 .key = 77};

/* ------------------------------------------------------------------ answers */

static void answers_are_read_strictly(void **state)
{
    static const struct {
        const char *text;
        int value; /* 9: refused */
        const char *words;
    } cases[] = {{RIGHT, 1, "it is"},
                 {"{\"verdict\": -1, \"reason\": \"it is not\"}", -1, "it is not"},
                 {" \n```json\n" NEITHER "\n```\n", 0, "who knows"},
                 {"```\n" RIGHT "\n```", 1, "it is"},
                 {"", 9, "it is empty"},
                 {" \n ", 9, "it is empty"},
                 {"1", 9, "not JSON"},
                 {"The step is right.\n" RIGHT, 9, "not JSON"},
                 {RIGHT "\nI hope that helps.", 9, "not JSON"},
                 {RIGHT RIGHT, 9, "not JSON"},
                 {"[" RIGHT "]", 9, "not an object"},
                 {"{}", 9, "`verdict` is missing"},
                 {"{\"verdict\": 1}", 9, "`reason` is missing"},
                 {"{\"verdict\": 1, \"reason\": \"  \"}", 9, "not a text with words"},
                 {"{\"verdict\": 1, \"reason\": 4}", 9, "not a text with words"},
                 {"{\"verdict\": 1, \"reason\": \"a\\u0000b\"}", 9, "not a text with words"},
                 {"{\"verdict\": \"1\", \"reason\": \"r\"}", 9, "not one of the integers"},
                 {"{\"verdict\": 1.0, \"reason\": \"r\"}", 9, "not one of the integers"},
                 {"{\"verdict\": true, \"reason\": \"r\"}", 9, "not one of the integers"},
                 {"{\"verdict\": 2, \"reason\": \"r\"}", 9, "not one of the integers"},
                 {"{\"verdict\": 1, \"reason\": \"r\", \"verdict\": -1}", 9, "not JSON"},
                 {"{\"verdict\": 1, \"reason\": \"r\", \"score\": 0.9}", 9, "a member `score`"},
                 {"{\"verdict\": 1, \"reason\": \"\xff\"}", 9, "not JSON"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_judge_vote vote;
        char why[TJ_JUDGE_WHY_BYTES] = "";
        tj_code rc;
        bool given = tj_judge_read(&vote, cases[i].text, strlen(cases[i].text), why, &rc);
        assert_int_equal(rc, TJ_OK);
        if (given != (cases[i].value != 9) ||
            strstr(given ? vote.reason : why, cases[i].words) == NULL) {
            fail_msg("%s: %s", cases[i].text, given ? vote.reason : why);
        }
        assert_true(!given || vote.value == cases[i].value);
        assert_int_equal(tj_utf8_check(why, strlen(why)), strlen(why));
        tj_free(vote.reason);
    }
}

/* ------------------------------------------------------------------ one judge */

static tj_score judge_by(const tj_judge_config *cfg, reasoner *const *judges, size_t n,
                         const tj_score_ask *about)
{
    tj_asked_model models[TJ_JUDGE_MAX_JUDGES];
    tj_scorer scorer;
    tj_score score = {.failed = false};
    tj_err err = {.msg = ""};
    for (size_t i = 0; i < n; i++) {
        models[i] = judges[i]->model;
    }
    if (tj_judge_create(&scorer, cfg, models, n, &err) != TJ_OK ||
        scorer.score(scorer.ctx, &score, about, 1, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_scorer_close(&scorer);
    return score;
}

/* By one judge with these answers, which is left open. */
static tj_score judge_with(reasoner *r, const tj_judge_config *cfg, const char *const *answers)
{
    reasoner *const all[] = {r};
    reasoner_open(r, reasoner_say, (void *)(uintptr_t)answers);
    return judge_by(cfg, all, 1, &ask);
}

/* What one judge with these answers comes to: "1: reason", "failed: why". */
static void expect(const tj_judge_config *cfg, const char *const *answers, const char *outcome,
                   size_t n_tries)
{
    reasoner r;
    char got[512];
    tj_score s = judge_with(&r, cfg, answers);
    if (!s.failed) {
        (void)snprintf(got, sizeof got, "%g: %s", s.value, s.reason);
    } else {
        (void)snprintf(got, sizeof got, "failed: %s", s.error);
        assert_null(s.reason);
    }
    if (strstr(got, outcome) != got) {
        fail_msg("'%s', expected '%s'", got, outcome);
    }
    assert_int_equal(s.n_tries, n_tries);
    assert_int_equal(r.n_samples, n_tries);
    assert_non_null(s.raw);
    tj_score_deinit(&s);
    reasoner_close(&r);
}

static void a_verdict_is_asked_for_with_problem_path_and_step(void **state)
{
    static const char *const answers[] = {WRONG};
    tj_judge_config cfg;
    reasoner r;
    (void)state;
    tj_judge_config_default(&cfg);
    tj_score s = judge_with(&r, &cfg, answers);
    assert_true(!s.failed && s.value == -1.0);
    assert_string_equal(s.reason, "it is not");
    assert_string_equal(s.raw, "{\"judge\": 0, \"vote\": 0, \"try\": 1, \"answer\": "
                               "\"{\\\"reason\\\": \\\"it is not\\\", \\\"verdict\\\": -1}\"}\n");
    assert_int_equal(s.tokens, 110);
    assert_true(s.money == 0.5 && s.seconds >= 0.0);
    assert_non_null(strstr(r.asked[0], "<problem>\nWhat is 6 * 7 + 1?\n</problem>"));
    assert_non_null(strstr(r.asked[0], "<steps>\n1. 6 * 7 = 42\n</steps>"));
    assert_non_null(strstr(r.asked[0], "<next_step>\n2. 42 + 1 = 44\n</next_step>"));
    assert_int_equal(r.seen[0].problem, 77);
    tj_score_deinit(&s);
    reasoner_close(&r);
}

static void the_form_is_asked_for_unless_the_prompt_must_do(void **state)
{
    static const char *const answers[] = {RIGHT};
    tj_judge_config cfg;
    reasoner r;
    (void)state;
    tj_judge_config_default(&cfg);
    for (int form = TJ_JUDGE_SCHEMA; form <= TJ_JUDGE_PROMPT; form++) {
        cfg.form = form;
        tj_score s = judge_with(&r, &cfg, answers);
        assert_int_equal(r.seen[0].form != NULL, form == TJ_JUDGE_SCHEMA);
        tj_score_deinit(&s);
        reasoner_close(&r);
    }
}

static void what_is_refused_is_asked_again_with_the_reason(void **state)
{
    static const char *const answers[] = {"It is wrong.", "{\"verdict\": 3}", WRONG};
    tj_judge_config cfg;
    reasoner r;
    (void)state;
    tj_judge_config_default(&cfg);
    tj_score s = judge_with(&r, &cfg, answers);
    assert_true(!s.failed && s.value == -1.0);
    assert_int_equal(s.n_tries, 3);
    assert_int_equal(s.tokens, 330);
    assert_null(strstr(r.asked[0], "could not be used"));
    assert_non_null(strstr(r.asked[1], "could not be used: it is not JSON"));
    assert_non_null(strstr(r.asked[2], "`verdict` is not one of the integers 1, 0 and -1"));
    assert_true(r.seen[0].sampling.temperature == 0.0);
    assert_true(r.seen[2].sampling.temperature > r.seen[1].sampling.temperature);
    assert_true(r.seen[0].run != r.seen[1].run); /* a stream of its own */
    assert_non_null(strstr(s.raw, "\"answer\": \"It is wrong.\", \"refused\": \"it is not JSON"));
    tj_score_deinit(&s);
    reasoner_close(&r);
}

static void after_the_bound_nothing_is_guessed(void **state)
{
    static const char *const nonsense[] = {"Verdict: 1", "verdict 1!", "**1**"};
    static const char *const cut[] = {"{\"reason\": \"#", "#", "#"};
    static const char *const silent[] = {"!", "!", "!"};
    tj_judge_config cfg;
    (void)state;
    tj_judge_config_default(&cfg);
    expect(&cfg, nonsense, "failed: no answer of 3 could be used; the last: it is not JSON", 3);
    expect(&cfg, cut, "failed: no answer of 3 could be used; the last: it was cut at max_tokens",
           3);
    expect(&cfg, silent, "failed: no answer of 3 could be used; the last: the line is down", 3);
    cfg.tries = 1;
    expect(&cfg, nonsense, "failed: no answer of 1 could be used", 1);
}

static void a_lost_answer_is_asked_for_again_as_it_was(void **state)
{
    static const char *const answers[] = {"!", RIGHT};
    tj_judge_config cfg;
    reasoner r;
    (void)state;
    tj_judge_config_default(&cfg);
    tj_score s = judge_with(&r, &cfg, answers);
    assert_true(!s.failed && s.value == 1.0);
    assert_string_equal(r.asked[1], r.asked[0]); /* there is no answer that could be wrong */
    tj_score_deinit(&s);
    reasoner_close(&r);
}

/* Votes that are missing for the same reason are samples of one query, so that a cache does not
 * take one for the other. */
static void votes_that_are_asked_for_alike_are_asked_for_together(void **state)
{
    static const char *const answers[] = {"?", "?", "{}", "?", RIGHT, RIGHT, WRONG, RIGHT};
    tj_judge_config cfg;
    reasoner r;
    (void)state;
    tj_judge_config_default(&cfg);
    cfg.votes = 4;
    tj_score s = judge_with(&r, &cfg, answers);
    assert_true(!s.failed && s.value == 1.0);
    assert_int_equal(r.n_queries, 3);
    assert_int_equal(r.seen[0].n_samples, 4);
    assert_int_equal(r.seen[1].n_samples, 3);
    assert_int_equal(r.seen[2].n_samples, 1);
    tj_score_deinit(&s);
    reasoner_close(&r);
}

static void votes_are_counted(void **state)
{
    static const char *const most[] = {RIGHT, WRONG, RIGHT};
    static const char *const tie[] = {RIGHT, WRONG, NEITHER};
    static const char *const half[] = {RIGHT, "?", "?", "?", "?", "?", "?"};
    static const char *const mended[] = {"?", WRONG, "?", WRONG, "?", "?"};
    tj_judge_config cfg;
    (void)state;
    tj_judge_config_default(&cfg);
    cfg.votes = 3;
    expect(&cfg, most, "1: 2 of 3 votes: it is", 3);
    expect(&cfg, tie, "0: no verdict has more than half of 3 votes", 3);
    expect(&cfg, half, "failed: 1 of 3 votes could be used; the last that could not: it is not", 7);
    expect(&cfg, mended, "-1: 2 of 2 votes: it is not", 6);
    cfg.ties = TJ_TIES_FAILED;
    expect(&cfg, tie, "failed: no verdict has more than half of 3 votes", 3);
}

/* ------------------------------------------------------------------ several judges */

static void judges_must_agree(void **state)
{
    static const char *const say[] = {RIGHT, RIGHT, WRONG, NEITHER, "?"};
    static const struct {
        size_t who[3], agreement;
        int ties;
        const char *outcome;
    } cases[] = {{{0, 1, 2}, 0, TJ_TIES_ZERO, "1: 2 judges say 1, 0 0, 1 -1: it is"},
                 {{0, 1, 2}, 3, TJ_TIES_ZERO, "0: 2 judges say 1, 0 0, 1 -1"},
                 {{0, 1, 2}, 3, TJ_TIES_FAILED, "failed: the judges do not agree: 2 say 1"},
                 {{0, 3, 2}, 0, TJ_TIES_ZERO, "0: 1 judges say 1, 1 0, 1 -1"},
                 {{0, 4, 1}, 0, TJ_TIES_ZERO, "1: 2 judges say 1"},
                 {{0, 4, 1}, 3, TJ_TIES_ZERO, "failed: 2 of 3 judges have a verdict, 3 are"},
                 {{4, 4, 1}, 0, TJ_TIES_ZERO, "failed: 1 of 3 judges have a verdict, 2 are"}};
    tj_judge_config cfg;
    (void)state;
    tj_judge_config_default(&cfg);
    cfg.tries = 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static reasoner r[3];
        reasoner *all[3];
        char got[512];
        for (size_t k = 0; k < 3; k++) {
            reasoner_open(&r[k], reasoner_say, (void *)(uintptr_t)&say[cases[i].who[k]]);
            all[k] = &r[k];
        }
        cfg.agreement = cases[i].agreement;
        cfg.ties = cases[i].ties;
        tj_score s = judge_by(&cfg, all, 3, &ask);
        (void)snprintf(got, sizeof got, "%.0f", s.value);
        tj_buf text;
        tj_buf_init(&text);
        tj_buf_printf(&text, "%s: %s", s.failed ? "failed" : got, s.failed ? s.error : s.reason);
        if (strstr(tj_buf_text(&text), cases[i].outcome) != tj_buf_text(&text)) {
            fail_msg("%zu: '%s', expected '%s'", i, tj_buf_text(&text), cases[i].outcome);
        }
        assert_int_equal(s.n_tries, 3);
        tj_buf_deinit(&text);
        tj_score_deinit(&s);
        for (size_t k = 0; k < 3; k++) {
            reasoner_close(&r[k]);
        }
    }
}

/* ------------------------------------------------------------------ many steps, prompts, ends */

/* Right for steps with "=", in whatever order they are asked for. */
static void by_step(reasoner *r, tj_buf *out, const char *asked, const tj_query *query,
                    size_t sample, bool *lost)
{
    const char *step = strstr(asked, "<next_step>");
    (void)r;
    (void)query;
    (void)sample;
    (void)lost;
    tj_buf_str(out, step != NULL && strchr(step, '=') != NULL ? RIGHT : WRONG);
}

static void many_steps_are_scored_in_their_order(void **state)
{
    static const char *const texts[] = {"a = 1", "b", "c = 2", "d", "e", "f = 3", "g"};
    tj_score_ask asks[7];
    tj_score scores[7];
    tj_judge_config cfg;
    tj_scorer scorer;
    reasoner r;
    (void)state;
    tj_judge_config_default(&cfg);
    reasoner_open(&r, by_step, NULL);
    assert_int_equal(tj_judge_create(&scorer, &cfg, &r.model, 1, NULL), TJ_OK);
    for (size_t i = 0; i < 7; i++) {
        asks[i] = (tj_score_ask){.problem = "p", .steps = &texts[i], .n_steps = 1, .key = i};
    }
    assert_int_equal(scorer.score(scorer.ctx, scores, asks, 7, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < 7; i++) {
        assert_true(scores[i].value == (strchr(texts[i], '=') != NULL ? 1.0 : -1.0));
        tj_score_deinit(&scores[i]);
    }
    assert_int_equal(r.n_queries, 7);
    assert_non_null(strstr(r.asked[0], "<steps>\n(none)\n</steps>"));
    tj_scorer_close(&scorer);
    reasoner_close(&r);
}

static void prompts_can_be_of_ones_own(void **state)
{
    static const char *const answers[] = {RIGHT, RIGHT, RIGHT};
    static const struct {
        const char *form, *message;
    } bad[] = {{"{{problem}}\nno step", "{{step}} is missing"},
               {"{{problem}} {{step}}\n\n{{stepp}}", ":3: {{stepp}} is no place"}};
    char path[] = "/tmp/tabiji-form-XXXXXX";
    int fd = mkstemp(path);
    tj_judge_config cfg;
    tj_scorer scorer;
    reasoner r;
    tj_err err;
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    tj_judge_config_default(&cfg);
    (void)snprintf(cfg.prompt, sizeof cfg.prompt, "%s", path);
    static const char form[] =
        "{{number}}|{{problem}}|{{steps}}|{{step}}|{{answer}}|\\frac{{1}}{2}";
    assert_int_equal(tj_fs_write(path, form, sizeof form - 1, NULL), TJ_OK);
    reasoner *const all[] = {&r};
    tj_score s = judge_with(&r, &cfg, answers);
    assert_string_equal(r.asked[0],
                        "2|What is 6 * 7 + 1?|1. 6 * 7 = 42|2. 42 + 1 = 44|43|\\frac{{1}}{2}");
    tj_score_deinit(&s);
    tj_score_ask unknown = ask; /* without the answer that the prompt asks for */
    unknown.answer = NULL;
    s = judge_by(&cfg, all, 1, &unknown);
    assert_true(s.failed && r.n_queries == 1);
    assert_non_null(strstr(s.error, "the reference answer is not known"));
    tj_score_deinit(&s);
    tj_score_ask hostile = ask; /* what is filled in is not looked through again */
    hostile.problem = "{{answer}} {{steps}}";
    s = judge_by(&cfg, all, 1, &hostile);
    assert_non_null(strstr(r.asked[1], "2|{{answer}} {{steps}}|1. 6"));
    tj_score_deinit(&s);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(tj_fs_write(path, bad[i].form, strlen(bad[i].form), NULL), TJ_OK);
        assert_int_equal(tj_judge_create(&scorer, &cfg, &r.model, 1, &err), TJ_E_INVAL);
        assert_non_null(strstr(err.msg, bad[i].message));
    }
    (void)unlink(path);
    assert_int_equal(tj_judge_create(&scorer, &cfg, &r.model, 1, &err), TJ_E_NOTFOUND);
    reasoner_close(&r);
    cfg.prompt[0] = 0;
    cfg.language = TJ_JAPANESE;
    s = judge_with(&r, &cfg, answers);
    assert_non_null(strstr(r.asked[0], "次のステップだけを判定してください"));
    tj_score_deinit(&s);
    reasoner_close(&r);
}

static void a_server_that_is_gone_ends_the_call_unless_told_otherwise(void **state)
{
    static const char *const silent[] = {"!", "!", "!", "!", "!", "!"};
    tj_judge_config cfg;
    tj_scorer scorer;
    tj_score s;
    reasoner r;
    tj_err err;
    (void)state;
    tj_judge_config_default(&cfg);
    for (int i = 0; i < 2; i++) {
        cfg.unanswered = i == 0 ? TJ_UNANSWERED_STOP : TJ_UNANSWERED_FAILED;
        reasoner_open(&r, reasoner_say, (void *)(uintptr_t)silent);
        r.model.is_remote = true;
        assert_int_equal(tj_judge_create(&scorer, &cfg, &r.model, 1, NULL), TJ_OK);
        tj_code rc = scorer.score(scorer.ctx, &s, &ask, 1, NULL, &err);
        assert_int_equal(rc, i == 0 ? TJ_E_IO : TJ_OK);
        assert_true(i == 0 ? s.error == NULL : s.failed);
        r.stats.is_refused = true; /* the key: everybody will be */
        tj_score_deinit(&s);
        assert_int_equal(scorer.score(scorer.ctx, &s, &ask, 1, NULL, &err), TJ_E_IO);
        tj_scorer_close(&scorer);
        reasoner_close(&r);
    }
}

static void asking_can_be_stopped(void **state)
{
    static const char *const answers[] = {RIGHT};
    tj_judge_config cfg;
    tj_scorer scorer;
    tj_score s;
    reasoner r;
    (void)state;
    tj_judge_config_default(&cfg);
    reasoner_open(&r, reasoner_say, (void *)(uintptr_t)answers);
    r.cancel_at = 1;
    assert_int_equal(tj_judge_create(&scorer, &cfg, &r.model, 1, NULL), TJ_OK);
    assert_int_equal(scorer.score(scorer.ctx, &s, &ask, 1, NULL, NULL), TJ_E_CANCELLED);
    assert_true(s.raw == NULL && s.reason == NULL);
    tj_scorer_close(&scorer);
    reasoner_close(&r);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    static const char *const answers[] = {"?", RIGHT, RIGHT, RIGHT};
    tj_judge_config cfg;
    tj_code rc = TJ_E_NOMEM;
    (void)state;
    tj_judge_config_default(&cfg);
    cfg.votes = 2;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_scorer scorer;
        tj_score s = {.failed = false};
        reasoner r;
        reasoner_open(&r, reasoner_say, (void *)(uintptr_t)answers);
        tj_alloc_fail_after(k);
        rc = tj_judge_create(&scorer, &cfg, &r.model, 1, NULL);
        if (rc == TJ_OK) {
            rc = scorer.score(scorer.ctx, &s, &ask, 1, NULL, NULL);
        }
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && s.raw == NULL));
        tj_score_deinit(&s);
        tj_scorer_close(&scorer);
        reasoner_close(&r);
    }
}

/* ------------------------------------------------------------------ by settings */

static void a_server_may_be_asked_to_continue_texts(void **state)
{
    (void)state;
    for (int raw = 0; raw < 2; raw++) {
        tj_asked_model model;
        json_t *settings = json_pack("{s:s, s:s, s:b}", "where", "http://127.0.0.1:1/v1", "model",
                                     "m", "raw", raw);
        assert_int_equal(
            tj_asked_model_open(&model, settings, &(tj_scorer_options){.cache = NULL}, NULL),
            TJ_OK);
        assert_true(model.generator.chats == (raw == 0));
        tj_generator_close(&model.generator);
        json_decref(settings);
    }
}

static void settings_are_checked(void **state)
{
    static const struct {
        const char *spec, *message;
    } bad[] = {{"judge", "where: which model is not said"},
               {"judge:http://127.0.0.1:1/v1", "set model=NAME"},
               {"judge:http://127.0.0.1:1/v1,model=m,votes=0", "votes"},
               {"judge:http://127.0.0.1:1/v1,model=m,ties=maybe", "ties"},
               {"judge:http://127.0.0.1:1/v1,model=m,vote=3", "vote"},
               {"judge:http://127.0.0.1:1/v1,model=m,agreement=2", "agree"},
               {"judge:http://127.0.0.1:1/v1,model=m,no_thinking=true", "no_thinking"},
               {"judge:/nowhere/model,model=m", "model: this is for a model behind a URL"},
               {"judge:/nowhere/model", "/nowhere/model"},
               {"judge:http://127.0.0.1:1/v1,model=m,prompt=/nowhere/prompt", "/nowhere/prompt"}};
    tj_scorer scorer;
    tj_err err;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tj_code rc = tj_scorer_open(&scorer, bad[i].spec, NULL, &err);
        if (rc == TJ_OK || strstr(err.msg, bad[i].message) == NULL) {
            fail_msg("%s: %d %s", bad[i].spec, (int)rc, rc == TJ_OK ? "" : err.msg);
        }
    }
    assert_int_equal(
        tj_scorer_open(&scorer, "judge:http://127.0.0.1:1/v1,model=m,name=a,votes=3", NULL, NULL),
        TJ_OK);
    assert_string_equal(scorer.name, "a");
    assert_true(scorer.low == -1.0 && scorer.high == 1.0 && scorer.meaning == TJ_VALID);
    tj_scorer_close(&scorer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read_strictly),
        cmocka_unit_test(a_verdict_is_asked_for_with_problem_path_and_step),
        cmocka_unit_test(the_form_is_asked_for_unless_the_prompt_must_do),
        cmocka_unit_test(what_is_refused_is_asked_again_with_the_reason),
        cmocka_unit_test(after_the_bound_nothing_is_guessed),
        cmocka_unit_test(a_lost_answer_is_asked_for_again_as_it_was),
        cmocka_unit_test(votes_that_are_asked_for_alike_are_asked_for_together),
        cmocka_unit_test(votes_are_counted),
        cmocka_unit_test(judges_must_agree),
        cmocka_unit_test(many_steps_are_scored_in_their_order),
        cmocka_unit_test(prompts_can_be_of_ones_own),
        cmocka_unit_test(a_server_that_is_gone_ends_the_call_unless_told_otherwise),
        cmocka_unit_test(asking_can_be_stopped),
        cmocka_unit_test(failed_allocations_leave_nothing_behind),
        cmocka_unit_test(a_server_may_be_asked_to_continue_texts),
        cmocka_unit_test(settings_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
