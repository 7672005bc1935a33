/* Choices by log-likelihood: each choice's is the sum of its tokens' log-probabilities as the
 * training forward computes them from nothing, and the chosen ones follow from these. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../infer/tiny.h"
#include "base/buf.h"
#include "base/fs.h"
#include "stage/stage.h"

static tj_voice voice;
static char path[64];

static int begin(void **state)
{
    tj_buf json;
    (void)state;
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
    (void)snprintf(path, sizeof path, "/tmp/tabiji-choices-%ld.jsonl", (long)getpid());
    return rc == TJ_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tj_voice_close(&voice);
    return unlink(path) == 0 ? 0 : -1;
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
    const json_t *acc = json_object_get(json_object_get(result, "acc"), "mean");
    const json_t *norm = json_object_get(json_object_get(result, "acc_norm"), "mean");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_likelihoods_are_those_of_the_training_forward),
        cmocka_unit_test(space_at_the_querys_end_goes_to_the_choice),
        cmocka_unit_test(a_bad_row_is_named_by_line_and_field),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
