/* Choices by log-likelihood: each choice's is the sum of its tokens' log-probabilities as the
 * training forward computes them from nothing, and the chosen ones follow from these. In a
 * workspace an evaluation is a run with an output an item, and one that was stopped goes on to the
 * same bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../infer/tiny.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/fs.h"
#include "stage/stage.h"
#include "support/folder.h"
#include "support/workspace.h"

static tj_voice voice;
static char path[96], out[96], ledger[96];

static int begin(void **state)
{
    tj_buf json;
    if (workspace_make(state) != 0) {
        return -1;
    }
    tj_buf_init(&json);
    tj_buf_str(&json, "{\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{\" \":0");
    for (int i = 1; i < 60; i++) {
        tj_buf_printf(&json, ",\"%c\":%d", '?' + i == '\\' ? '!' : '?' + i, i);
    }
    tj_buf_str(&json, "}},\"added_tokens\":[{\"id\":60,\"content\":\"<eos>\",\"special\":true}]}");
    memset(&voice, 0, sizeof voice);
    tj_code rc = tj_tokenizer_parse(&voice.tok, tj_buf_text(&json), json.len, "test", NULL);
    tj_buf_deinit(&json);
    voice.model = tiny_model(TJ_F32, 128);
    voice.engine = tiny_engine(voice.model, voice.tok, (size_t)16 << 20, 32);
    rc = rc == TJ_OK ? tj_encoder_create(&voice.encoder, voice.tok, NULL) : rc;
    (void)snprintf(path, sizeof path, "%s/choices.jsonl", workspace_dir);
    (void)snprintf(out, sizeof out, "%s/out", workspace_dir);
    (void)snprintf(ledger, sizeof ledger, "%s/w", workspace_dir);
    return rc == TJ_OK ? 0 : -1;
}

static int end(void **state)
{
    tj_voice_close(&voice);
    return workspace_remove(state);
}

static tj_code run(const char *rows, json_t **result, tj_err *err)
{
    tj_eval_choices_config cfg = {.data = path, .model = "tiny", .model_digest = ""};
    assert_int_equal(tj_fs_write(path, rows, strlen(rows), NULL), TJ_OK);
    return tj_eval_choices(&cfg, &voice, result, NULL, err);
}

/* Log-probability of choice behind query and a space, token by token. */
static double by_training_forward(const char *query, const char *choice, bool *is_greedy)
{
    tj_ids ids = {.n = 0};
    float next[61];
    double sum = 0.0;
    char text[64];
    (void)snprintf(text, sizeof text, "%s %s", query, choice);
    assert_int_equal(tj_encoder_encode(voice.encoder, &ids, text, strlen(text), false, NULL),
                     TJ_OK);
    *is_greedy = true;
    for (size_t i = strlen(query); i < ids.n; i++) {
        tiny_next_logprobs(next, voice.model, ids.ids, i);
        sum += (double)next[ids.ids[i]];
        for (int v = 0; v < 61; v++) {
            *is_greedy = *is_greedy && next[v] <= next[ids.ids[i]];
        }
    }
    tj_ids_deinit(&ids);
    return sum;
}

static void log_likelihoods_are_those_of_the_training_forward(void **state)
{
    static const char *const queries[] = {"HELLO", "HELP", "X"};
    static const char *const choices[] = {"ABC", "Q", "HELLOHELLO"};
    json_t *result = NULL;
    (void)state;
    assert_int_equal(
        run("{\"query\":\"HELLO\",\"choices\":[\"ABC\",\"Q\",\"HELLOHELLO\"],\"gold\":1}\n"
            "{\"query\":\"HELP\",\"choices\":[\"ABC\",\"Q\",\"HELLOHELLO\"],\"gold\":\"Q\"}\n"
            "\n"
            "{\"query\":\"X\",\"choices\":[\"ABC\",\"Q\",\"HELLOHELLO\"],\"gold\":2}",
            &result, NULL),
        TJ_OK);
    size_t n_acc = 0;
    size_t n_norm = 0;
    for (size_t q = 0; q < 3; q++) {
        double sums[3], means[3];
        const json_t *row = json_array_get(json_object_get(result, "rows"), q);
        for (size_t c = 0; c < 3; c++) {
            const json_t *got = json_array_get(row, c);
            bool is_greedy;
            sums[c] = by_training_forward(queries[q], choices[c], &is_greedy);
            means[c] = sums[c] / (double)strlen(choices[c]);
            double logprob = json_number_value(json_object_get(got, "logprob"));
            assert_true(fabs(logprob - sums[c]) <= 1e-4 * fmax(1.0, fabs(sums[c])));
            assert_int_equal(json_is_true(json_object_get(got, "greedy")), is_greedy);
        }
        size_t gold = q == 2 ? 2 : 1;
        n_acc += sums[gold] >= fmax(sums[0], fmax(sums[1], sums[2])) ? 1 : 0;
        n_norm += means[gold] >= fmax(means[0], fmax(means[1], means[2])) ? 1 : 0;
    }
    const json_t *scores = json_object_get(result, "scores");
    const json_t *acc = json_object_get(json_object_get(scores, "acc"), "mean");
    const json_t *norm = json_object_get(json_object_get(scores, "acc_norm"), "mean");
    assert_true(fabs(json_number_value(acc) - (double)n_acc / 3.0) < 1e-12);
    assert_true(fabs(json_number_value(norm) - (double)n_norm / 3.0) < 1e-12);
    json_decref(result);
}

/* "AB " and "X" is "AB" and "  X": the harness's rule for white space at a query's end. */
static void space_at_the_querys_end_goes_to_the_choice(void **state)
{
    json_t *result = NULL;
    bool is_greedy;
    (void)state;
    assert_int_equal(run("{\"query\":\"AB \",\"choices\":[\"X\"],\"gold\":0}\n", &result, NULL),
                     TJ_OK);
    const json_t *got = json_array_get(json_array_get(json_object_get(result, "rows"), 0), 0);
    assert_int_equal(json_integer_value(json_object_get(got, "tokens")), 3);
    double want = by_training_forward("AB", " X", &is_greedy);
    assert_true(fabs(json_number_value(json_object_get(got, "logprob")) - want) < 1e-3);
    json_decref(result);
}

static void a_bad_row_is_named_by_line_and_field(void **state)
{
    static const struct {
        const char *row, *said;
    } bad[] = {{"{\"query\":\"A\",\"choices\":[],\"gold\":0}", "choices"},
               {"{\"query\":\"A\",\"choices\":[\"B\"],\"gold\":1}", "gold"},
               {"{\"query\":\"A\",\"choices\":[\"B\"],\"gold\":\"C\"}", "gold"},
               {"{\"query\":\"A\",\"choices\":[\"B\"],\"gold\":-1}", "gold"},
               {"{\"query\":\"A\",\"choices\":[\"\"],\"gold\":0}", "choices"},
               {"{\"query\":5,\"choices\":[\"B\"],\"gold\":0}", "query"},
               {"{\"query\":\"A\"", "line"},
               {"[]", "query"}};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char rows[160];
        json_t *result = NULL;
        tj_err err;
        (void)snprintf(rows, sizeof rows, "{\"query\":\"A\",\"choices\":[\"B\"],\"gold\":0}\n%s\n",
                       bad[i].row);
        assert_int_equal(run(rows, &result, &err), TJ_E_PARSE);
        assert_null(result);
        if (strstr(err.msg, ":2: ") == NULL ||
            (strcmp(bad[i].said, "line") != 0 && strstr(err.msg, bad[i].said) == NULL)) {
            fail_msg("%s: %s", bad[i].row, err.msg);
        }
    }
}

/* ------------------------------------------------------------ the ledger */

#define N_ROWS 5
static const char five[] =
    "{\"query\":\"HELLO\",\"choices\":[\"ABC\",\"Q\"],\"gold\":1}\n"
    "{\"query\":\"HELP\",\"choices\":[\"ABC\",\"QQ\",\"X\"],\"gold\":\"X\"}\n"
    "\n"
    "{\"query\":\"X\",\"choices\":[\"A\",\"HELLO\"],\"gold\":0}\n"
    "{\"query\":\"HELLO\",\"choices\":[\"ABC\",\"Q\"],\"gold\":1}\n"
    "{\"query\":\"HEL \",\"choices\":[\"P\",\"Q\"],\"gold\":0}\n";

/* Cancels after so many items are done. */
typedef struct stopper {
    size_t after, n_told;
    tj_cancel cancel;
} stopper;

static void see_progress(void *ctx, const char *what, uint64_t done, uint64_t total,
                         const char *unit, const char *note)
{
    stopper *s = ctx;
    (void)what;
    (void)done;
    (void)note;
    assert_int_equal(total, N_ROWS);
    assert_string_equal(unit, "items");
    s->n_told++;
    if (s->n_told == s->after) {
        tj_cancel_ask(&s->cancel);
    }
}

static tj_code run_in(tj_store *store, stopper *s, json_t **result, tj_err *err)
{
    tj_eval_choices_config cfg = {.data = path,
                                  .model = "tiny",
                                  .model_digest = "",
                                  .build_id = "",
                                  .out = out,
                                  .store = store};
    tj_job job = {.cancel = &s->cancel, .progress = see_progress, .ctx = s};
    return tj_eval_choices(&cfg, &voice, result, &job, err);
}

static tj_store *new_workspace(void)
{
    const char *const folders[] = {ledger, out};
    for (size_t i = 0; i < 2; i++) {
        if (tj_fs_exists(folders[i])) {
            assert_int_equal(folder_remove(folders[i]), 0);
        }
    }
    assert_int_equal(tj_fs_write(path, five, strlen(five), NULL), TJ_OK);
    return workspace_open_at(ledger, TJ_STORE_CREATE, NULL);
}

static char *numbers_of(json_t *result)
{
    json_object_del(result, "seconds");
    char *text = json_dumps(result, JSON_SORT_KEYS);
    json_decref(result);
    return text;
}

typedef struct seen {
    size_t n, n_right, n_tokens;
} seen;

static tj_code see_output(void *ctx, const tj_output *o, tj_err *err)
{
    seen *x = ctx;
    json_t *metrics = json_loads(o->metrics, 0, NULL);
    (void)err;
    assert_int_equal(o->origin.ordinal, x->n);
    assert_int_equal(json_array_size(json_object_get(metrics, "choices")), x->n == 1 ? 3 : 2);
    assert_int_equal(json_integer_value(json_object_get(metrics, "acc")), o->correct);
    assert_true(o->problem > 0 && o->n_text > 0);
    x->n++;
    x->n_right += o->correct == 1 ? 1 : 0;
    x->n_tokens += o->n_tokens;
    json_decref(metrics);
    return TJ_OK;
}

static seen outputs_of(tj_store *s, int64_t run)
{
    seen x = {0};
    tj_output_filter filter = {.run = run};
    assert_int_equal(tj_store_output_each(s, &filter, see_output, &x, NULL), TJ_OK);
    return x;
}

static void expect_run(tj_store *s, tj_run_status status, uint64_t n_tokens)
{
    tj_run_info info;
    size_t n = 0;
    assert_int_equal(tj_run_get(s, &info, 1, NULL), TJ_OK);
    assert_int_equal(info.status, status);
    assert_string_equal(info.stage, "eval");
    assert_string_equal(info.name, "choices: tiny");
    assert_int_equal(info.cost.tokens, n_tokens);
    tj_run_info_deinit(&info);
    assert_int_equal(tj_run_get(s, &info, 2, NULL), TJ_E_NOTFOUND);
    assert_int_equal(tj_store_verify(s, &n, NULL, NULL, NULL, NULL, NULL), TJ_OK);
    assert_int_equal(n, 0);
}

static void an_evaluation_is_a_run_with_an_output_an_item(void **state)
{
    tj_store *s = new_workspace();
    stopper none = {.after = SIZE_MAX};
    json_t *result = NULL;
    json_t *list = NULL;
    (void)state;
    assert_int_equal(run_in(s, &none, &result, NULL), TJ_OK);
    seen x = outputs_of(s, 1);
    size_t n_tokens = (size_t)json_integer_value(json_object_get(result, "tokens"));
    const json_t *acc = json_object_get(json_object_get(result, "scores"), "acc");
    assert_int_equal(x.n, N_ROWS);
    assert_int_equal(x.n_tokens, n_tokens);
    assert_true(fabs((double)x.n_right / N_ROWS - json_number_value(json_object_get(acc, "mean"))) <
                1e-12);
    expect_run(s, TJ_RUN_DONE, n_tokens);
    assert_int_equal(tj_eval_runs(s, &list, NULL), TJ_OK);
    const json_t *kept = json_object_get(json_array_get(list, 0), "result");
    assert_true(json_equal(json_object_get(kept, "scores"), json_object_get(result, "scores")));
    assert_null(json_object_get(kept, "rows")); /* the outputs are these */
    json_decref(list);
    json_decref(result);
    tj_store_close(s);
}

static void what_was_stopped_goes_on_to_the_same_bits(void **state)
{
    stopper none = {.after = SIZE_MAX};
    json_t *result = NULL;
    tj_err err;
    (void)state;
    tj_store *s = new_workspace();
    assert_int_equal(run_in(s, &none, &result, NULL), TJ_OK);
    size_t n_tokens = (size_t)json_integer_value(json_object_get(result, "tokens"));
    char *want = numbers_of(result);
    tj_store_close(s);

    s = new_workspace();
    stopper early = {.after = 2};
    assert_int_equal(run_in(s, &early, &result, &err), TJ_E_CANCELLED);
    assert_null(result);
    seen x = outputs_of(s, 1);
    assert_int_equal(x.n, 2); /* what is scored is there */
    expect_run(s, TJ_RUN_CANCELLED, x.n_tokens);
    stopper rest = {.after = SIZE_MAX};
    assert_int_equal(run_in(s, &rest, &result, NULL), TJ_OK);
    assert_int_equal(rest.n_told, N_ROWS - 2);
    char *got = numbers_of(result);
    assert_string_equal(got, want);
    expect_run(s, TJ_RUN_DONE, n_tokens);
    free(got);

    stopper again = {.after = SIZE_MAX}; /* one that is done is not repeated */
    assert_int_equal(run_in(s, &again, &result, NULL), TJ_OK);
    assert_int_equal(again.n_told, 0);
    got = numbers_of(result);
    assert_string_equal(got, want);
    expect_run(s, TJ_RUN_DONE, n_tokens);
    free(got);
    free(want);
    tj_store_close(s);
}

/* The queries are what could have been learnt; none is without a meaning to compare. */
static void queries_are_the_texts_that_are_measured(void **state)
{
    static const char rows[] = "{\"query\":\"\",\"choices\":[\"A\"],\"gold\":0}\n"
                               "{\"query\":\"who?\",\"choices\":[\"A\"],\"gold\":0}\n";
    tj_texts texts;
    (void)state;
    assert_int_equal(tj_fs_write(path, rows, strlen(rows), NULL), TJ_OK);
    assert_int_equal(tj_texts_of_measured(&texts, path, NULL), TJ_OK);
    assert_int_equal(texts.n, 1);
    assert_string_equal(texts.all[0], "who?");
    assert_int_equal(texts.ids[0], 2);
    tj_texts_deinit(&texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_likelihoods_are_those_of_the_training_forward),
        cmocka_unit_test(space_at_the_querys_end_goes_to_the_choice),
        cmocka_unit_test(a_bad_row_is_named_by_line_and_field),
        cmocka_unit_test(an_evaluation_is_a_run_with_an_output_an_item),
        cmocka_unit_test(what_was_stopped_goes_on_to_the_same_bits),
        cmocka_unit_test(queries_are_the_texts_that_are_measured),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
