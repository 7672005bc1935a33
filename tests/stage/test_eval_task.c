/* An evaluation asks what is not answered yet, once; what it was stopped in the midst of goes on
 * and ends in the same numbers; its files say what the answers say. The model is a script that
 * answers problem N (whose answer is N) rightly where N is even. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"
#include "stage/stage.h"
#include "support/folder.h"
#include "support/workspace.h"

#define N_PROBLEMS 10
#define BATCH      3

static char data[96], out[96], ledger[96];

/* ------------------------------------------------------------ files */

static int make_dir(void **state)
{
    if (workspace_make(state) != 0) {
        return -1;
    }
    (void)snprintf(data, sizeof data, "%s/data.jsonl", workspace_dir);
    (void)snprintf(out, sizeof out, "%s/out", workspace_dir);
    (void)snprintf(ledger, sizeof ledger, "%s/w", workspace_dir);
    tj_buf text;
    tj_buf_init(&text);
    for (int i = 0; i < N_PROBLEMS; i++) {
        tj_buf_printf(&text, "{\"question\":\"problem %d\",\"answer\":\"hm\\n#### %d\"}\n", i, i);
    }
    int rc = tj_fs_write(data, tj_buf_text(&text), text.len, NULL) == TJ_OK ? 0 : -1;
    tj_buf_deinit(&text);
    return rc;
}

static void forget(const char *folder)
{
    if (tj_fs_exists(folder)) {
        assert_int_equal(folder_remove(folder), 0);
    }
}

/* The text of the one file in `out` whose name begins so (tj_free). */
static char *slurp(const char *beginning)
{
    char *text = NULL;
    size_t n;
    DIR *folder = opendir(out);
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        if (strncmp(e->d_name, beginning, strlen(beginning)) == 0) {
            char *path = tj_fs_join(out, e->d_name);
            assert_null(text);
            assert_int_equal(tj_fs_read(&text, &n, path, 1 << 20, NULL), TJ_OK);
            tj_free(path);
        }
    }
    (void)closedir(folder);
    assert_non_null(text);
    return text;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)) != NULL; text++) {
        n++;
    }
    return n;
}

/* ------------------------------------------------------------ the script */

typedef struct script {
    size_t n_asked, n_calls;
    size_t stop_after;  /* calls; then all is cancelled but the first query of the call */
    size_t fails;       /* a problem that cannot be answered; SIZE_MAX: none */
    const char *format; /* of an answer's text, with its number */
} script;

static void answer_query(script *s, tj_query *q)
{
    const char *asked = q->text != NULL ? q->text : q->messages[q->n_messages - 1].text;
    const char *found = NULL;
    for (const char *at = asked; (at = strstr(at, "problem ")) != NULL; at++) {
        found = at; /* the last one is the question */
    }
    assert_non_null(found);
    long number = strtol(found + 8, NULL, 10);
    q->completions = tj_calloc(q->n_samples, sizeof *q->completions);
    for (size_t i = 0; i < q->n_samples; i++) {
        tj_buf text;
        tj_buf_init(&text);
        long said = number % 2 == 0 || i % 2 == 1 ? number : number + 100;
        tj_buf_printf(&text, "%s", "");
        for (const char *c = s->format; *c != '\0'; c++) {
            if (*c == '#' && c[1] == 'N') {
                tj_buf_printf(&text, "%ld", said);
                c++;
            } else {
                tj_buf_char(&text, *c);
            }
        }
        q->completions[i].n_text = text.len;
        q->completions[i].text = tj_buf_take(&text);
        q->completions[i].finish = i == 0 ? TJ_FINISH_STOP : TJ_FINISH_LENGTH;
    }
    q->usage = (tj_usage){.n_prompt = 10, .n_cached = 4, .n_completion = 7, .cost = 0.5};
    q->error.code = TJ_OK;
    s->n_asked++;
}

static tj_code generate(void *ctx, tj_query *queries, size_t n, const tj_job *job, tj_err *err)
{
    script *s = ctx;
    tj_code rc = TJ_OK;
    (void)job;
    for (size_t i = 0; i < n; i++) {
        bool is_late = s->n_calls >= s->stop_after && i > 0;
        if (is_late || queries[i].problem == s->fails) {
            tj_code code = is_late ? TJ_E_CANCELLED : TJ_E_BACKEND;
            rc = rc == TJ_OK ? tj_fail(err, code, "no answer") : rc;
            (void)tj_fail(&queries[i].error, code, "no answer");
        } else {
            answer_query(s, &queries[i]);
        }
    }
    s->n_calls++;
    return rc;
}

static tj_generator generator_of(script *s)
{
    return (tj_generator){.generate = generate, .ctx = s, .chats = true, .batch = BATCH};
}

static script new_script(void)
{
    return (script){.stop_after = SIZE_MAX, .fails = SIZE_MAX, .format = " so #### #N\n\nQuestion"};
}

static tj_eval_task_config config_of(const char *task)
{
    forget(out);
    return (tj_eval_task_config){.task = tj_prompt_find(task),
                                 .data = data,
                                 .model = "script",
                                 .model_digest = "",
                                 .build_id = "",
                                 .sampling = {.top_p = 1.0},
                                 .n_samples = 1,
                                 .max_tokens = 50,
                                 .out = out};
}

static json_t *run(const tj_eval_task_config *cfg, script *s)
{
    tj_err err = {0};
    json_t *result = NULL;
    tj_generator g = generator_of(s);
    if (tj_eval_task(cfg, &g, &result, NULL, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return result;
}

static tj_code run_failing(const tj_eval_task_config *cfg, script *s, tj_err *err)
{
    json_t *result = NULL;
    tj_generator g = generator_of(s);
    tj_code rc = tj_eval_task(cfg, &g, &result, NULL, err);
    assert_null(result);
    return rc;
}

static double score(const json_t *result, const char *filter, const char *key)
{
    const json_t *one = json_object_get(json_object_get(result, "scores"), filter);
    assert_non_null(one);
    return json_number_value(json_object_get(one, key));
}

/* ------------------------------------------------------------ tests */

static void both_scores_are_those_of_the_answers(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    (void)state;
    json_t *result = run(&cfg, &s);
    assert_int_equal(s.n_asked, N_PROBLEMS);
    assert_true(score(result, "strict-match", "mean") == 0.5);
    assert_true(score(result, "flexible-extract", "mean") == 0.5);
    assert_true(score(result, "grader", "mean") == 0.5);
    assert_int_equal(json_integer_value(json_object_get(result, "prompt_tokens")), 100);
    assert_int_equal(json_integer_value(json_object_get(result, "cached_tokens")), 40);
    assert_int_equal(json_integer_value(json_object_get(result, "completion_tokens")), 70);
    json_decref(result);
}

static void several_samples_give_pass_at_k_and_a_majority(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    (void)state;
    cfg.n_samples = 3; /* of odd problems the second is right */
    cfg.sampling.temperature = 1.0;
    json_t *result = run(&cfg, &s);
    const json_t *grader = json_object_get(json_object_get(result, "scores"), "grader");
    const json_t *pass = json_object_get(grader, "pass");
    assert_true(score(result, "grader", "mean") > 0.66 && score(result, "grader", "mean") < 0.67);
    assert_int_equal(json_array_size(pass), 3); /* 1, 2, 3 */
    assert_true(json_number_value(json_object_get(json_array_get(pass, 2), "mean")) == 1.0);
    assert_true(json_number_value(json_object_get(json_object_get(grader, "majority"), "mean")) ==
                0.5);
    assert_int_equal(json_integer_value(json_object_get(result, "cut_by_length")), 20);
    json_decref(result);
}

/* All but the seconds. */
static char *numbers_of(json_t *result)
{
    json_object_del(result, "seconds");
    char *text = json_dumps(result, JSON_SORT_KEYS);
    json_decref(result);
    return text;
}

static void what_was_stopped_goes_on_to_the_same_numbers(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script whole = new_script();
    (void)state;
    char *want = numbers_of(run(&cfg, &whole));
    cfg = config_of("gsm8k");
    script stopped = new_script();
    tj_err err;
    stopped.stop_after = 1;
    assert_int_equal(run_failing(&cfg, &stopped, &err), TJ_E_CANCELLED);
    assert_int_equal(stopped.n_asked, BATCH + 1); /* what came with the cancelling is kept */
    script rest = new_script();
    char *got = numbers_of(run(&cfg, &rest));
    assert_int_equal(rest.n_asked, N_PROBLEMS - BATCH - 1);
    assert_string_equal(got, want);
    script none = new_script();
    json_decref(run(&cfg, &none));
    assert_int_equal(none.n_asked, 0);
    free(got);
    free(want);
}

static void a_line_that_was_cut_short_is_asked_again(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    (void)state;
    json_decref(run(&cfg, &s));
    char *path = tj_fs_join(out, "answers.jsonl");
    char *text = NULL;
    size_t n;
    assert_int_equal(tj_fs_read(&text, &n, path, 1 << 20, NULL), TJ_OK);
    assert_int_equal(truncate(path, (off_t)(n - 5)), 0);
    script again = new_script();
    json_t *result = run(&cfg, &again);
    assert_int_equal(again.n_asked, 1);
    assert_true(score(result, "grader", "mean") == 0.5);
    char *now = slurp("answers.jsonl");
    assert_int_equal(count(now, "\n"), N_PROBLEMS);
    json_decref(result);
    tj_free(now);
    tj_free(text);
    tj_free(path);
}

static void answers_of_another_evaluation_are_not_taken(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    tj_err err;
    (void)state;
    json_decref(run(&cfg, &s));
    cfg.max_tokens = 60;
    assert_int_equal(run_failing(&cfg, &s, &err), TJ_E_CONFLICT);
    assert_non_null(strstr(err.msg, "max_tokens"));
    cfg.force = true;
    json_decref(run(&cfg, &s));
    assert_int_equal(s.n_asked, 2 * N_PROBLEMS);
}

static void a_limit_may_grow(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    (void)state;
    cfg.limit = 4;
    json_decref(run(&cfg, &s));
    assert_int_equal(s.n_asked, 4);
    cfg.limit = 0;
    json_decref(run(&cfg, &s));
    assert_int_equal(s.n_asked, N_PROBLEMS);
}

static void a_problem_that_fails_is_named_and_the_rest_kept(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    tj_err err;
    (void)state;
    s.fails = 1;
    assert_int_equal(run_failing(&cfg, &s, &err), TJ_E_BACKEND);
    assert_non_null(strstr(err.msg, "problem 1"));
    assert_int_equal(s.n_asked, BATCH - 1);
    s.fails = SIZE_MAX;
    json_decref(run(&cfg, &s));
    assert_int_equal(s.n_asked, N_PROBLEMS);
}

static void thoughts_are_never_scored(void **state)
{
    static const char *const formats[] = {
        "<think>#### #N</think>\nI do not know", "<think>#### #N and never an end",
        "\n<think>\n#### #N and never an end", "<think>hm</think>\n<think>#### #N"};
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        tj_eval_task_config cfg = config_of("gsm8k");
        script s = new_script();
        s.format = formats[i];
        json_t *result = run(&cfg, &s);
        assert_true(score(result, "strict-match", "mean") == 0.0);
        assert_true(score(result, "flexible-extract", "mean") == 0.0);
        assert_true(score(result, "grader", "mean") == 0.0);
        json_decref(result);
    }
}

/* A cost that is none would make sums that are none. */
static void a_damaged_answer_is_named_by_line_and_field(void **state)
{
    static const char *const bad[] = {"\"seconds\":-1", "\"completion_tokens\":1e300",
                                      "\"cost\":\"free\""};
    tj_eval_task_config cfg = config_of("gsm8k");
    char *path = tj_fs_join(workspace_dir, "damaged.jsonl");
    (void)state;
    cfg.out = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[160];
        char field[32];
        json_t *result = NULL;
        tj_err err;
        (void)snprintf(
            text, sizeof text,
            "{\"problem\":0,\"samples\":[\"1\"]}\n{\"problem\":1,\"samples\":[\"1\"],%s}\n",
            bad[i]);
        (void)snprintf(field, sizeof field, ":2: %.*s", (int)(strcspn(bad[i] + 1, "\"")),
                       bad[i] + 1);
        assert_int_equal(tj_fs_write(path, text, strlen(text), NULL), TJ_OK);
        assert_int_equal(tj_eval_rescore(&cfg, path, &result, NULL, &err), TJ_E_PARSE);
        assert_non_null(strstr(err.msg, field));
    }
    tj_free(path);
}

static void files_are_as_the_harness_has_them(void **state)
{
    static const char *const keys[] = {
        "doc_id", "doc",     "target",   "arguments",   "resps",       "filtered_resps",
        "filter", "metrics", "doc_hash", "prompt_hash", "target_hash", "exact_match"};
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    (void)state;
    json_decref(run(&cfg, &s));
    char *samples = slurp("samples_gsm8k_");
    assert_int_equal(count(samples, "\n"), 3 * N_PROBLEMS); /* two filters and our grader */
    json_t *first = json_loads(samples, JSON_DISABLE_EOF_CHECK, NULL);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_non_null(json_object_get(first, keys[i]));
    }
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(first, "filtered_resps"), 0)), "0");
    char *results = slurp("results_");
    json_t *all = json_loads(results, 0, NULL);
    const json_t *of_task = json_object_get(json_object_get(all, "results"), "gsm8k");
    assert_true(json_number_value(json_object_get(of_task, "exact_match,strict-match")) == 0.5);
    assert_non_null(json_object_get(of_task, "exact_match_stderr,flexible-extract"));
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(json_object_get(all, "n-samples"), "gsm8k"), "effective")),
                     N_PROBLEMS);
    json_decref(all);
    json_decref(first);
    tj_free(results);
    tj_free(samples);
}

/* What our files hold can be scored again, to the same numbers. */
static void samples_can_be_scored_again(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    json_t *result = NULL;
    (void)state;
    json_decref(run(&cfg, &s));
    char *path = tj_fs_join(out, "answers.jsonl");
    cfg.out = NULL;
    assert_int_equal(tj_eval_rescore(&cfg, path, &result, NULL, NULL), TJ_OK);
    assert_true(score(result, "strict-match", "mean") == 0.5);
    json_decref(result);
    tj_free(path);
}

static tj_code keep_last(void *ctx, const json_t *prompt, tj_err *err)
{
    json_t **last = ctx;
    (void)err;
    json_decref(*last);
    *last = json_deep_copy(prompt);
    return TJ_OK;
}

static void examples_are_turns_of_a_conversation(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    json_t *last = NULL;
    (void)state;
    cfg.shots_data = data;
    cfg.n_shots = 2;
    cfg.shots_seed = 1234;
    cfg.chat = true;
    cfg.system = "Be brief.";
    assert_int_equal(tj_eval_prompts(&cfg, keep_last, &last, NULL), TJ_OK);
    const json_t *messages = json_object_get(last, "messages");
    assert_int_equal(json_array_size(messages), 6);
    const json_t *question = json_array_get(messages, 5);
    assert_string_equal(json_string_value(json_object_get(question, "role")), "user");
    assert_string_equal(json_string_value(json_object_get(question, "content")),
                        "Question: problem 9\nAnswer:");
    assert_null(json_object_get(last, "prompt"));
    cfg.shown_template = "chatml";
    assert_int_equal(tj_eval_prompts(&cfg, keep_last, &last, NULL), TJ_OK);
    const char *text = json_string_value(json_object_get(last, "prompt"));
    assert_non_null(text);
    static const char begin[] = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n";
    assert_true(strncmp(text, begin, strlen(begin)) == 0);
    static const char end[] = "Question: problem 9\nAnswer:<|im_end|>\n<|im_start|>assistant\n";
    assert_string_equal(text + strlen(text) - strlen(end), end);
    cfg.shown_template = "chat";
    assert_int_equal(tj_eval_prompts(&cfg, keep_last, &last, NULL), TJ_E_INVAL);
    json_decref(last);
}

static void what_would_be_a_number_without_a_meaning_is_refused(void **state)
{
    tj_eval_task_config cfg = config_of("math500"); /* on problems of GSM8K */
    script s = new_script();
    tj_err err;
    (void)state;
    assert_int_equal(run_failing(&cfg, &s, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "gsm8k"));
    cfg = config_of("gsm8k");
    cfg.n_shots = 5; /* to be drawn, from nowhere */
    assert_int_equal(run_failing(&cfg, &s, &err), TJ_E_INVAL);
    cfg.shots_data = data;
    cfg.n_shots = N_PROBLEMS + 1;
    assert_int_equal(run_failing(&cfg, &s, &err), TJ_E_INVAL);
    assert_int_equal(s.n_asked, 0);
}

/* ------------------------------------------------------------ the ledger */

static tj_store *new_workspace(void)
{
    forget(ledger);
    return workspace_open_at(ledger, TJ_STORE_CREATE, NULL);
}

static void expect_sound(tj_store *s)
{
    size_t n = 0;
    assert_int_equal(tj_store_verify(s, &n, NULL, NULL, NULL, NULL, NULL), TJ_OK);
    assert_int_equal(n, 0);
}

static tj_run_info run_of(tj_store *s, int64_t run)
{
    tj_run_info info;
    assert_int_equal(tj_run_get(s, &info, run, NULL), TJ_OK);
    return info;
}

typedef struct seen {
    size_t n, n_right, n_tokens;
    int64_t set;
} seen;

static tj_code see_output(void *ctx, const tj_output *o, tj_err *err)
{
    seen *x = ctx;
    (void)err;
    assert_int_equal(o->origin.ordinal, x->n);
    assert_true(strncmp(o->text, " so #### ", 9) == 0);
    assert_non_null(strstr(o->metrics, "\"strict-match\":"));
    assert_non_null(strstr(o->sampling, "\"max_tokens\":50"));
    x->n++;
    x->n_right += o->correct == 1 ? 1 : 0;
    x->n_tokens += o->n_tokens;
    return TJ_OK;
}

static seen outputs_of(tj_store *s, int64_t run)
{
    seen x = {0};
    tj_output_filter filter = {.run = run};
    assert_int_equal(tj_store_output_each(s, &filter, see_output, &x, NULL), TJ_OK);
    return x;
}

static void an_evaluation_is_a_run_with_its_outputs(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    (void)state;
    cfg.store = new_workspace();
    cfg.n_samples = 3;
    cfg.sampling.temperature = 1.0;
    json_decref(run(&cfg, &s));
    tj_run_info info = run_of(cfg.store, 1);
    assert_int_equal(info.status, TJ_RUN_DONE);
    assert_string_equal(info.stage, "eval");
    assert_string_equal(info.name, "gsm8k: script");
    assert_int_equal(info.cost.tokens, 7 * N_PROBLEMS);
    assert_true(info.cost.money == 0.5 * N_PROBLEMS);
    tj_run_info_deinit(&info);
    seen x = outputs_of(cfg.store, 1);
    assert_int_equal(x.n, 3 * N_PROBLEMS);
    assert_int_equal(x.n_right, 3 * N_PROBLEMS / 2 + N_PROBLEMS / 2);
    assert_int_equal(x.n_tokens, 7 * N_PROBLEMS); /* seven for three samples: 3, 2, 2 */
    expect_sound(cfg.store);
    json_decref(run(&cfg, &s)); /* nothing is left to do */
    assert_int_equal(s.n_asked, N_PROBLEMS);
    json_t *list = NULL;
    assert_int_equal(tj_eval_runs(cfg.store, &list, NULL), TJ_OK);
    assert_int_equal(json_array_size(list), 1);
    const json_t *result = json_object_get(json_array_get(list, 0), "result");
    assert_true(score(result, "grader", "mean") > 0.66);
    json_decref(list);
    tj_store_close(cfg.store);
}

static void what_was_stopped_is_one_run_in_the_end(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    tj_err err;
    (void)state;
    cfg.store = new_workspace();
    s.stop_after = 1;
    assert_int_equal(run_failing(&cfg, &s, &err), TJ_E_CANCELLED);
    tj_run_info info = run_of(cfg.store, 1);
    assert_int_equal(info.status, TJ_RUN_CANCELLED);
    assert_int_equal(info.cost.tokens, 7 * (BATCH + 1));
    tj_run_info_deinit(&info);
    assert_int_equal(outputs_of(cfg.store, 1).n, 0);
    s = new_script();
    s.fails = N_PROBLEMS - 1;
    assert_int_equal(run_failing(&cfg, &s, &err), TJ_E_BACKEND);
    info = run_of(cfg.store, 1);
    assert_int_equal(info.status, TJ_RUN_FAILED);
    assert_non_null(strstr(info.error, "problem 9"));
    tj_run_info_deinit(&info);
    s = new_script();
    json_decref(run(&cfg, &s));
    assert_int_equal(s.n_asked, 1);
    info = run_of(cfg.store, 1);
    assert_int_equal(info.status, TJ_RUN_DONE);
    assert_int_equal(info.cost.tokens, 7 * N_PROBLEMS);
    assert_true(info.cost.money == 0.5 * N_PROBLEMS);
    tj_run_info_deinit(&info);
    assert_int_equal(outputs_of(cfg.store, 1).n, N_PROBLEMS);
    assert_int_equal(tj_run_get(cfg.store, &info, 2, NULL), TJ_E_NOTFOUND);
    expect_sound(cfg.store);
    tj_store_close(cfg.store);
}

/* A process that was killed leaves its run `started` and its answers in the folder. */
static void what_was_killed_goes_on(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    tj_err err;
    (void)state;
    s.stop_after = 1;
    assert_int_equal(run_failing(&cfg, &s, &err), TJ_E_CANCELLED); /* answers without a run */
    cfg.store = new_workspace();
    s = new_script();
    json_decref(run(&cfg, &s));
    assert_int_equal(s.n_asked, N_PROBLEMS - BATCH - 1);
    tj_run_info info = run_of(cfg.store, 1);
    assert_int_equal(info.cost.tokens, 7 * N_PROBLEMS); /* those that were there are paid for too */
    tj_run_info_deinit(&info);
    tj_store_close(cfg.store);
}

static tj_code see_set(void *ctx, const tj_problem_set *set, tj_err *err)
{
    (void)err;
    (void)set;
    ++*(size_t *)ctx;
    return TJ_OK;
}

static size_t count_sets(tj_store *s)
{
    size_t n = 0;
    assert_int_equal(tj_store_problem_set_each(s, see_set, &n, NULL), TJ_OK);
    return n;
}

static void outputs_belong_to_the_problems_that_are_there(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    const char *files[] = {data};
    tj_import_result r;
    tj_import_config import = {.paths = files,
                               .n_paths = 1,
                               .set = "gsm8k",
                               .source = "",
                               .licence = "",
                               .format = TJ_DATA_AUTO,
                               .split = TJ_SPLIT_TEST};
    (void)state;
    cfg.store = new_workspace();
    assert_int_equal(tj_import(cfg.store, &r, &import, "", NULL, NULL, NULL), TJ_OK);
    json_decref(run(&cfg, &s));
    assert_int_equal(count_sets(cfg.store), 1); /* that of the import */
    assert_int_equal(outputs_of(cfg.store, 2).n, N_PROBLEMS);
    tj_store_close(cfg.store);

    cfg = config_of("gsm8k");
    cfg.store = new_workspace();
    cfg.limit = 4;
    json_decref(run(&cfg, &s));
    assert_int_equal(count_sets(cfg.store), 1);
    cfg.limit = 0; /* a run of its own, with a set that has them all */
    json_decref(run(&cfg, &s));
    assert_int_equal(count_sets(cfg.store), 2);
    assert_int_equal(outputs_of(cfg.store, 2).n, N_PROBLEMS);
    forget(out);
    cfg.seed = 2;
    json_decref(run(&cfg, &s));
    assert_int_equal(count_sets(cfg.store), 2);
    expect_sound(cfg.store);
    tj_store_close(cfg.store);
}

static void what_is_shared_stands_in_the_result(void **state)
{
    tj_eval_task_config cfg = config_of("gsm8k");
    script s = new_script();
    (void)state;
    json_t *found = json_pack("[{s:s}]", "learned", "a file");
    cfg.contamination = found;
    json_t *result = run(&cfg, &s);
    assert_true(json_equal(json_object_get(result, "contamination"), found));
    json_decref(found);
    json_decref(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_scores_are_those_of_the_answers),
        cmocka_unit_test(several_samples_give_pass_at_k_and_a_majority),
        cmocka_unit_test(what_was_stopped_goes_on_to_the_same_numbers),
        cmocka_unit_test(a_line_that_was_cut_short_is_asked_again),
        cmocka_unit_test(answers_of_another_evaluation_are_not_taken),
        cmocka_unit_test(a_limit_may_grow),
        cmocka_unit_test(a_problem_that_fails_is_named_and_the_rest_kept),
        cmocka_unit_test(thoughts_are_never_scored),
        cmocka_unit_test(a_damaged_answer_is_named_by_line_and_field),
        cmocka_unit_test(files_are_as_the_harness_has_them),
        cmocka_unit_test(samples_can_be_scored_again),
        cmocka_unit_test(examples_are_turns_of_a_conversation),
        cmocka_unit_test(what_would_be_a_number_without_a_meaning_is_refused),
        cmocka_unit_test(an_evaluation_is_a_run_with_its_outputs),
        cmocka_unit_test(what_was_stopped_is_one_run_in_the_end),
        cmocka_unit_test(what_was_killed_goes_on),
        cmocka_unit_test(outputs_belong_to_the_problems_that_are_there),
        cmocka_unit_test(what_is_shared_stands_in_the_result),
    };
    return cmocka_run_group_tests(tests, make_dir, workspace_remove);
}
