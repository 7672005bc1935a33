/* A model here as a generator gives what the engine gives when it is run directly: the same tokens,
 * log-probabilities and texts, whatever else is asked at the same time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "tiny.h"

#define PLENTY ((size_t)16 << 20)

/* Tokens 0 to 59 are a character each; 60 ends a text. */
static tj_tokenizer *make_tokenizer(void)
{
    tj_buf json;
    tj_tokenizer *tok = NULL;
    tj_err err = {0};
    tj_buf_init(&json);
    tj_buf_str(&json, "{\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{");
    for (int i = 0; i < 60; i++) {
        tj_buf_printf(&json, "%s\"%c\":%d", i == 0 ? "" : ",", '?' + i == '\\' ? '!' : '?' + i, i);
    }
    tj_buf_str(&json, "}},\"added_tokens\":[{\"id\":60,\"content\":\"<eos>\",\"special\":true}]}");
    if (tj_tokenizer_parse(&tok, tj_buf_text(&json), json.len, "test", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_buf_deinit(&json);
    return tok;
}

typedef struct fixture {
    tj_model *model;
    tj_tokenizer *tok;
    tj_engine *engine;
    tj_generator generator;
} fixture;

static tj_code encode(void *ctx, tj_ids *ids, const tj_query *q, tj_err *err)
{
    const fixture *f = ctx;
    return tj_tokenizer_encode(f->tok, ids, q->text, q->n_text, false, err);
}

static void begin(fixture *f)
{
    f->model = tiny_model(TJ_F32, 128);
    f->tok = make_tokenizer();
    f->engine = tiny_engine(f->model, f->tok, PLENTY, 32);
    tj_engine_speech speech = {
        .engine = f->engine, .tok = f->tok, .encode = encode, .ctx = f, .chats = false};
    assert_int_equal(tj_generator_of_engine(&f->generator, &speech, NULL), TJ_OK);
}

static void end(fixture *f)
{
    tj_generator_close(&f->generator);
    tj_engine_destroy(f->engine);
    tj_tokenizer_destroy(f->tok);
    tj_model_destroy(f->model);
}

static tj_query query(const char *text, size_t n_samples, uint64_t problem)
{
    return (tj_query){.text = text,
                      .n_text = strlen(text),
                      .sampling = {.temperature = 1.2, .top_p = 1.0},
                      .seed = 3,
                      .run = 4,
                      .problem = problem,
                      .n_samples = n_samples,
                      .max_tokens = 30,
                      .logprobs = true,
                      .n_top = 2};
}

/* One sample by the engine alone. */
static tj_gen sample_alone(fixture *f, const tj_query *q, size_t node)
{
    tj_ids ids = {0};
    tj_gen gen = {.sampling = q->sampling,
                  .seed = q->seed,
                  .run = q->run,
                  .problem = q->problem,
                  .node = node,
                  .max_tokens = q->max_tokens,
                  .n_top = q->n_top};
    assert_int_equal(encode(f, &ids, q, NULL), TJ_OK);
    assert_int_equal(tj_engine_root(f->engine, &gen.branch, ids.ids, ids.n, NULL), TJ_OK);
    assert_int_equal(tj_engine_generate(f->engine, &gen, 1, NULL, NULL), TJ_OK);
    tj_engine_drop(f->engine, gen.branch);
    tj_ids_deinit(&ids);
    return gen;
}

static void expect_token(fixture *f, const tj_completion *c, const tj_token_prob *p, int32_t id,
                         float logprob)
{
    size_t n;
    const char *bytes = tj_tokenizer_bytes(f->tok, id, &n);
    assert_int_equal(p->n_bytes, n);
    assert_memory_equal(c->bytes + p->begin, bytes, n);
    assert_true(p->logprob == (double)logprob);
}

static void answers_are_those_of_the_engine_alone(void **state)
{
    fixture f;
    size_t n_ended = 0;
    (void)state;
    begin(&f);
    tj_query q[3] = {query("HELLO", 4, 0), query("HELP", 5, 1), query("X", 1, 2)};
    assert_int_equal(f.generator.generate(f.generator.ctx, q, 3, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < 3; i++) {
        size_t n_ids = 0;
        for (size_t s = 0; s < q[i].n_samples; s++) {
            const tj_completion *c = &q[i].completions[s];
            tj_gen gen = sample_alone(&f, &q[i], s);
            tj_buf text;
            tj_buf_init(&text);
            tj_tokenizer_decode(f.tok, &text, gen.ids, gen.n_ids, false);
            assert_string_equal(c->text, tj_buf_text(&text));
            assert_int_equal(c->finish, gen.finish);
            assert_int_equal(c->n_tokens, gen.n_ids);
            for (size_t t = 0; t < gen.n_ids; t++) {
                expect_token(&f, c, &c->tokens[t], gen.ids[t], gen.logprobs[t]);
                assert_int_equal(c->top_begin[t], 2 * t);
                expect_token(&f, c, &c->top[2 * t + 1], gen.top_ids[2 * t + 1],
                             gen.top_logprobs[2 * t + 1]);
            }
            n_ended += gen.finish == TJ_FINISH_EOS;
            n_ids += gen.n_ids;
            tj_buf_deinit(&text);
            tj_gen_deinit(&gen);
        }
        assert_int_equal(q[i].usage.n_prompt, q[i].n_text);
        assert_int_equal(q[i].usage.n_completion, n_ids);
        tj_query_deinit(&q[i]);
    }
    assert_true(n_ended > 0);
    assert_int_equal(f.generator.get_stats(f.generator.ctx).n_answers, 10);
    end(&f);
}

static void texts_end_before_their_stop_string(void **state)
{
    fixture f;
    size_t n_stopped = 0;
    (void)state;
    begin(&f);
    for (uint64_t i = 0; i < 20; i++) {
        tj_query whole = query("HELLO", 1, i), cut = whole;
        assert_int_equal(f.generator.generate(f.generator.ctx, &whole, 1, NULL, NULL), TJ_OK);
        const char *text = whole.completions[0].text;
        char stop[3] = "";
        if (whole.completions[0].n_text >= 8) {
            memcpy(stop, text + 5, 2);
            const char *list[] = {"#never", stop};
            cut.stop = list;
            cut.n_stop = 2;
            assert_int_equal(f.generator.generate(f.generator.ctx, &cut, 1, NULL, NULL), TJ_OK);
            const tj_completion *c = &cut.completions[0];
            assert_int_equal(c->finish, TJ_FINISH_STOP);
            assert_int_equal(c->n_text, (size_t)(strstr(text, stop) - text));
            assert_memory_equal(c->text, text, c->n_text);
            n_stopped++;
            tj_query_deinit(&cut);
        }
        tj_query_deinit(&whole);
    }
    assert_true(n_stopped > 5);
    end(&f);
}

static void what_cannot_be_answered_is_refused_alone(void **state)
{
    fixture f;
    tj_err err;
    const tj_message message = {TJ_ROLE_USER, "HI", 2};
    (void)state;
    begin(&f);
    tj_query q[5] = {query("no small x", 2, 0), query("HI", 2, 1), query("HI", 0, 2),
                     query("", 1, 3), query("HI", 1, 4)};
    q[4].messages = &message;
    q[4].n_messages = 1;
    assert_int_equal(f.generator.generate(f.generator.ctx, q, 5, NULL, &err), TJ_E_INVAL);
    assert_string_equal(err.msg, q[0].error.msg);
    assert_int_equal(q[1].error.code, TJ_OK);
    assert_non_null(q[1].completions[1].text);
    for (size_t i = 2; i < 5; i++) {
        assert_int_equal(q[i].error.code, TJ_E_INVAL);
    }
    assert_non_null(strstr(q[4].error.msg, "no chat template"));
    for (size_t i = 0; i < 5; i++) {
        tj_query_deinit(&q[i]);
    }
    end(&f);
}

static void generating_survives_a_lack_of_memory(void **state)
{
    fixture f;
    tj_code rc = TJ_E_NOMEM;
    (void)state;
    begin(&f);
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_query q[2] = {query("HELLO", 2, 0), query("HELP", 1, 1)};
        tj_alloc_fail_after(k);
        rc = f.generator.generate(f.generator.ctx, q, 2, NULL, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        for (size_t i = 0; i < 2; i++) {
            assert_true(q[i].error.code != TJ_OK || q[i].completions[0].text != NULL);
            tj_query_deinit(&q[i]);
        }
    }
    end(&f);
}

/* The second prompt shares 40 tokens with the first: they are not computed again, and what is
 * sampled is what the prompt alone gives. */
static void prompts_that_begin_alike_are_read_once(void **state)
{
    fixture f;
    (void)state;
    begin(&f);
    tj_query first = query("HELLOHELLOHELLOHELLOHELLOHELLOHELLOHELLOAB", 1, 0);
    tj_query second = query("HELLOHELLOHELLOHELLOHELLOHELLOHELLOHELLOXYZ", 2, 1);
    first.max_tokens = second.max_tokens = 4;
    assert_int_equal(f.generator.generate(f.generator.ctx, &first, 1, NULL, NULL), TJ_OK);
    assert_int_equal(first.usage.n_cached, 0);
    uint64_t before = tj_engine_get_stats(f.engine).n_rows;
    assert_int_equal(f.generator.generate(f.generator.ctx, &second, 1, NULL, NULL), TJ_OK);
    assert_int_equal(second.usage.n_prompt, 43);
    assert_int_equal(second.usage.n_cached, 40);
    assert_true(tj_engine_get_stats(f.engine).n_rows - before <= 3 + 2 * 4);
    for (size_t i = 0; i < 2; i++) {
        tj_gen alone = sample_alone(&f, &second, i);
        assert_int_equal(second.completions[i].n_tokens, alone.n_ids);
        for (size_t t = 0; t < alone.n_ids; t++) {
            expect_token(&f, &second.completions[i], &second.completions[i].tokens[t], alone.ids[t],
                         alone.logprobs[t]);
        }
        tj_gen_deinit(&alone);
    }
    tj_query_deinit(&first);
    tj_query_deinit(&second);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_the_engine_alone),
        cmocka_unit_test(texts_end_before_their_stop_string),
        cmocka_unit_test(what_cannot_be_answered_is_refused_alone),
        cmocka_unit_test(prompts_that_begin_alike_are_read_once),
        cmocka_unit_test(generating_survives_a_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
