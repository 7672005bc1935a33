/* Continuations held to a form: whatever a random model samples is in it, and the same alone, in a
 * batch and with other threads; greedy is the most probable token that fits; log-probabilities stay
 * those of the whole vocabulary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/par.h"
#include "infer/form.h"
#include "support/byte_tokenizer.h"
#include "tiny.h"

#define N_GENS 12
#define N_IDS  258 /* of the byte tokenizer; 257 ends */
#define SCHEMA                                                                                     \
    "{\"type\":\"object\",\"properties\":{\"reason\":{\"type\":\"string\",\"minLength\":1,"        \
    "\"maxLength\":9},\"list\":{\"type\":\"array\",\"items\":{\"enum\":[1,12,\"a\"]},"             \
    "\"maxItems\":4}}}"

typedef struct fixture {
    tj_model *model;
    tj_tokenizer *tok;
    tj_engine *engine;
    tj_form *form;
} fixture;

static void begin(fixture *f, const char *schema)
{
    tj_model_config cfg;
    tj_buf json;
    tj_err err = {.msg = ""};
    json_t *of_form = json_loads(schema, 0, NULL);
    tj_buf_init(&json);
    byte_tokenizer_json(&json);
    tiny_config(&cfg, 256);
    cfg.n_vocab = 300; /* more than the tokenizer has */
    cfg.eos_id = 257;
    if (tj_model_create(&f->model, &cfg, TJ_F32, 5, &err) != TJ_OK ||
        tj_tokenizer_parse(&f->tok, tj_buf_text(&json), json.len, "test", &err) != TJ_OK ||
        tj_form_create(&f->form, of_form, "schema", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    f->engine = tiny_engine(f->model, f->tok, (size_t)16 << 20, 32);
    json_decref(of_form);
    tj_buf_deinit(&json);
}

static void end(fixture *f)
{
    tj_engine_destroy(f->engine);
    tj_form_destroy(f->form);
    tj_tokenizer_destroy(f->tok);
    tj_model_destroy(f->model);
}

static tj_gen make_gen(const fixture *f, tj_engine *engine, size_t i)
{
    static const tj_sampling samplings[] = {{.temperature = 1.0, .top_p = 1.0},
                                            {.temperature = 0.7, .top_p = 0.8},
                                            {.temperature = 2.0, .top_p = 1.0, .top_k = 3},
                                            {.temperature = 1.0, .top_p = 1.0, .min_p = 0.2},
                                            {.temperature = 0.0, .top_p = 1.0}};
    tj_gen gen = tiny_gen(tiny_root(engine, 3 + i % 4, i % 3), 1.0, i, 200);
    gen.sampling = samplings[i % 5];
    gen.form = f->form;
    gen.n_top = TJ_MAX_TOP;
    return gen;
}

static json_t *read(const fixture *f, const tj_gen *gen)
{
    tj_buf text;
    tj_buf_init(&text);
    tj_tokenizer_decode(f->tok, &text, gen->ids, gen->n_ids, false);
    json_t *json = json_loads(tj_buf_text(&text), JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (json == NULL) {
        fail_msg("not JSON: %s", tj_buf_text(&text));
    }
    tj_buf_deinit(&text);
    return json;
}

static void check_answer(const fixture *f, const tj_gen *gen)
{
    json_t *json = read(f, gen);
    const json_t *list = json_object_get(json, "list");
    assert_int_equal(gen->finish, TJ_FINISH_STOP); /* closed: no end token is needed */
    assert_int_equal(json_object_size(json), 2);
    assert_true(json_string_length(json_object_get(json, "reason")) > 0);
    assert_true(json_is_array(list) && json_array_size(list) <= 4);
    json_decref(json);
}

static void samples_are_in_the_form_alone_and_together(void **state)
{
    fixture f;
    tj_gen gens[N_GENS];
    (void)state;
    begin(&f, SCHEMA);
    for (size_t threads = 1; threads <= 2; threads++) {
        tj_par_set_threads(threads);
        for (size_t i = 0; i < N_GENS; i++) {
            gens[i] = make_gen(&f, f.engine, i);
        }
        assert_int_equal(tj_engine_generate(f.engine, gens, N_GENS, NULL, NULL), TJ_OK);
        tj_par_set_threads(3 - threads);
        for (size_t i = 0; i < N_GENS; i++) {
            tj_engine *other = tiny_engine(f.model, f.tok, (size_t)16 << 20, 32);
            tj_gen alone = make_gen(&f, other, i);
            assert_int_equal(tj_engine_generate(other, &alone, 1, NULL, NULL), TJ_OK);
            check_answer(&f, &gens[i]);
            tiny_assert_same(&gens[i], &alone);
            tj_gen_deinit(&alone);
            tj_engine_destroy(other);
            tj_gen_deinit(&gens[i]);
        }
    }
    tj_par_set_threads(0);
    end(&f);
}

static void greedy_is_the_most_probable_that_fits(void **state)
{
    fixture f;
    size_t n_seen = 0;
    (void)state;
    begin(&f, SCHEMA);
    tj_gen gen = make_gen(&f, f.engine, 4);
    float logprobs[200];
    tj_form_state at;
    assert_int_equal(tj_engine_generate(f.engine, &gen, 1, NULL, NULL), TJ_OK);
    size_t len = tj_engine_length(f.engine, gen.branch);
    assert_int_equal(tj_engine_score(f.engine, gen.branch, len - gen.n_ids, len, logprobs, NULL),
                     TJ_OK);
    assert_memory_equal(logprobs, gen.logprobs, gen.n_ids * sizeof *logprobs);
    tj_form_begin(&at, f.form, false);
    for (size_t t = 0; t < gen.n_ids; t++) {
        for (size_t k = 0; k < gen.n_top; k++) { /* more probable ones do not fit */
            int32_t id = gen.top_ids[t * gen.n_top + k];
            tj_form_state next = at;
            bool is_it = id == gen.ids[t];
            assert_int_equal(is_it, id < 256 && tj_form_step(&next, f.form, (unsigned char)id));
            if (is_it) {
                n_seen++;
                break;
            }
        }
        assert_true(tj_form_step(&at, f.form, (unsigned char)gen.ids[t]));
    }
    assert_true(n_seen > 3);
    tj_gen_deinit(&gen);
    end(&f);
}

static void an_end_fits_where_the_form_is_complete(void **state)
{
    fixture f;
    size_t n_ended = 0;
    (void)state;
    begin(&f, "{\"type\":\"number\"}");
    for (size_t i = 0; i < 40; i++) {
        tj_gen gen = make_gen(&f, f.engine, 0);
        gen.node = i;
        gen.max_tokens = 1 + i % 20;
        assert_int_equal(tj_engine_generate(f.engine, &gen, 1, NULL, NULL), TJ_OK);
        if (gen.finish == TJ_FINISH_LENGTH) {
            assert_int_equal(gen.n_ids, gen.max_tokens);
        } else { /* with its end, or where no digit may follow */
            json_t *json = read(&f, &gen);
            assert_true(json_is_number(json));
            assert_true((gen.finish == TJ_FINISH_EOS) == (gen.ids[gen.n_ids - 1] == 257));
            json_decref(json);
            n_ended += gen.finish == TJ_FINISH_EOS ? 1 : 0;
        }
        tj_gen_deinit(&gen);
    }
    assert_true(n_ended > 0);
    end(&f);
}

static void a_form_that_cannot_be_spelled_is_an_error(void **state)
{
    fixture f;
    tj_err err = {.msg = ""};
    (void)state;
    begin(&f, SCHEMA);
    tj_engine *mute = tiny_engine(f.model, NULL, (size_t)16 << 20, 32);
    tj_gen gen = make_gen(&f, mute, 0);
    assert_int_equal(tj_engine_generate(mute, &gen, 1, NULL, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "no tokenizer"));
    tj_engine_destroy(mute);

    static const char letters[] = "{\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{\"a\":0,"
                                  "\"{\":1}}}";
    tj_tokenizer *tok = NULL;
    assert_int_equal(tj_tokenizer_parse(&tok, letters, strlen(letters), "test", &err), TJ_OK);
    tj_engine *poor = tiny_engine(f.model, tok, (size_t)16 << 20, 32);
    gen = make_gen(&f, poor, 0);
    assert_int_equal(tj_engine_generate(poor, &gen, 1, NULL, &err), TJ_E_INVAL);
    assert_non_null(strstr(err.msg, "no token of the vocabulary goes on with the form after 1"));
    tj_gen_deinit(&gen);
    tj_engine_destroy(poor);
    tj_tokenizer_destroy(tok);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_in_the_form_alone_and_together),
        cmocka_unit_test(greedy_is_the_most_probable_that_fits),
        cmocka_unit_test(an_end_fits_where_the_form_is_complete),
        cmocka_unit_test(a_form_that_cannot_be_spelled_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
