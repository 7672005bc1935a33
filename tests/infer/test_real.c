/* Real models, where scripts/fetch-models has put them; without them every test is skipped.
 *
 * Continuations are llama.cpp's (greedy, the same file; they agree with transformers in f32). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "infer/infer.h"
#include "nn/nn.h"
#include "support/fetched.h"
#include "text/text.h"

typedef struct real {
    tj_tokenizer *tok;
    tj_model *model;
    tj_engine *engine;
} real;

static real open_real(const char *path, bool as_trained)
{
    real r;
    tj_err err = {.msg = ""};
    tj_engine_config cfg;
    tj_engine_config_default(&cfg);
    if (tj_tokenizer_load(&r.tok, path, &err) != TJ_OK ||
        (as_trained ? tj_model_load(&r.model, path, TJ_F32, &err)
                    : tj_model_open(&r.model, path, &err)) != TJ_OK ||
        tj_engine_create(&r.engine, r.model, r.tok, &cfg, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return r;
}

static void close_real(real *r)
{
    tj_engine_destroy(r->engine);
    tj_model_destroy(r->model);
    tj_tokenizer_destroy(r->tok);
}

static tj_branch read_text(const real *r, const char *text, bool parse_special, size_t *n)
{
    const tj_tokenizer_extras *extras = tj_tokenizer_get_extras(r->tok);
    tj_ids ids = {0};
    tj_branch branch;
    if (extras->add_bos) {
        assert_int_equal(tj_ids_add(&ids, &extras->bos, 1, NULL), TJ_OK);
    }
    assert_int_equal(tj_tokenizer_encode(r->tok, &ids, text, strlen(text), parse_special, NULL),
                     TJ_OK);
    assert_int_equal(tj_engine_root(r->engine, &branch, ids.ids, ids.n, NULL), TJ_OK);
    *n = ids.n;
    tj_ids_deinit(&ids);
    return branch;
}

static void assert_continues(const char *path, bool as_trained, const char *prompt,
                             bool parse_special, const char *want)
{
    real r = open_real(path, as_trained);
    size_t n;
    tj_gen gen = {.branch = read_text(&r, prompt, parse_special, &n),
                  .sampling = {.top_p = 1.0},
                  .max_tokens = 24};
    tj_buf text;
    tj_buf_init(&text);
    assert_int_equal(tj_engine_generate(r.engine, &gen, 1, NULL, NULL), TJ_OK);
    tj_tokenizer_decode(r.tok, &text, gen.ids, gen.n_ids, false);
    assert_string_equal(tj_buf_text(&text), want);
    tj_buf_deinit(&text);
    tj_gen_deinit(&gen);
    close_real(&r);
}

static void smollm2_answers_as_elsewhere(void **state)
{
    (void)state;
    const char *path = fetched(SMOLLM2);
    for (int as_trained = 0; as_trained < 2; as_trained++) {
        assert_continues(path, as_trained == 1,
                         "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained "
                         "by Hugging Face<|im_end|>\n<|im_start|>user\nWhat is the capital of "
                         "Japan?<|im_end|>\n<|im_start|>assistant\n",
                         true, "The capital of Japan is Tokyo.");
    }
}

static void gemma3_continues_as_elsewhere(void **state)
{
    (void)state;
    assert_continues(
        fetched(GEMMA3), false, "The capital of Japan is", false,
        " Tokyo, and the capital of the world is New York.\n\nThe capital of the world "
        "is New York.\n\nThe");
}

#define TEXT "Water boils at one hundred degrees, and ice melts at zero. 水は百度で沸騰する。"

/* Log-probabilities of a text after its first token, in two readings: the second finds the first
 * half in the cache. */
static size_t score(const char *path, bool as_trained, float *out, size_t cap)
{
    real r = open_real(path, as_trained);
    float again[256];
    size_t n;
    tj_branch branch = read_text(&r, TEXT, false, &n);
    assert_true(n > 8 && n <= cap && n <= 256);
    assert_int_equal(tj_engine_score(r.engine, branch, 1, n / 2, again, NULL), TJ_OK);
    assert_int_equal(tj_engine_score(r.engine, branch, 1, n, out, NULL), TJ_OK);
    assert_memory_equal(out, again, (n / 2 - 1) * sizeof *out);
    close_real(&r);
    return n - 1;
}

static void quantised_weights_score_as_their_values_do(void **state)
{
    (void)state;
    static const char *const names[] = {SMOLLM2, GEMMA3};
    for (size_t i = 0; i < 2; i++) {
        const char *path = fetched(names[i]);
        float quantised[256];
        float exact[256];
        size_t n = score(path, false, quantised, 256);
        assert_int_equal(score(path, true, exact, 256), n);
        double sum = 0.0;
        for (size_t t = 0; t < n; t++) {
            double d = (double)quantised[t] - (double)exact[t];
            sum += d * d;
        }
        assert_true(sqrt(sum / (double)n) < 0.5); /* activations of 8 bits: about 0.15 */
        assert_true(sum > 0.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smollm2_answers_as_elsewhere),
        cmocka_unit_test(gemma3_continues_as_elsewhere),
        cmocka_unit_test(quantised_weights_score_as_their_values_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
