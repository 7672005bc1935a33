/* The engine's contract around generation: branches against plain arrays, stop strings against a
 * search of the decoded text, cancelling, refused arguments, logits that are no numbers, and every
 * allocation failing once. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "tiny.h"

#define PLENTY ((size_t)64 << 20)

/* ------------------------------------------------------------ branches */

static void branches_equal_plain_arrays_and_memory_returns_to_zero(void **state)
{
    (void)state;
    enum { N = 10, LEN = 120 };
    static int32_t paths[N][LEN];
    size_t lens[N] = {0};
    tj_branch branches[N];
    int32_t got[LEN];
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, (size_t)3 << 18, 16);
    tj_rng rng;
    tj_rng_init(&rng, 3, 0, 0, 0);
    for (size_t turn = 0; turn < 600; turn++) {
        size_t i = (size_t)tj_rng_below(&rng, N);
        size_t from = (size_t)tj_rng_below(&rng, N);
        size_t n = 1 + (size_t)tj_rng_below(&rng, 12);
        if (lens[i] == 0 && lens[from] > 0 && turn % 3 != 0) {
            lens[i] = 1 + (size_t)tj_rng_below(&rng, lens[from]);
            assert_int_equal(tj_engine_fork(engine, &branches[i], branches[from], lens[i], NULL),
                             TJ_OK);
            memcpy(paths[i], paths[from], lens[i] * sizeof paths[i][0]);
        } else if (lens[i] == 0) {
            lens[i] = n;
            tiny_ids(paths[i], n, turn);
            assert_int_equal(tj_engine_root(engine, &branches[i], paths[i], n, NULL), TJ_OK);
        } else if (turn % 5 == 0 || lens[i] + n > LEN) {
            tj_engine_drop(engine, branches[i]);
            lens[i] = 0;
        } else if (turn % 2 == 0) {
            tiny_ids(paths[i] + lens[i], n, turn);
            assert_int_equal(tj_engine_append(engine, branches[i], paths[i] + lens[i], n, NULL),
                             TJ_OK);
            lens[i] += n;
        } else {
            tj_gen gen = tiny_gen(branches[i], 1.0, turn, n);
            assert_int_equal(tj_engine_generate(engine, &gen, 1, NULL, NULL), TJ_OK);
            memcpy(paths[i] + lens[i], gen.ids, gen.n_ids * sizeof *gen.ids);
            lens[i] += gen.n_ids;
            tj_gen_deinit(&gen);
        }
        for (size_t b = 0; b < N; b++) {
            if (lens[b] > 0) {
                assert_int_equal(tj_engine_length(engine, branches[b]), lens[b]);
                tj_engine_path(engine, branches[b], 0, lens[b], got);
                assert_memory_equal(got, paths[b], lens[b] * sizeof *got);
            }
        }
    }
    for (size_t b = 0; b < N; b++) {
        if (lens[b] > 0) {
            tj_engine_drop(engine, branches[b]);
        }
    }
    assert_int_equal(tj_engine_kv_bytes_used(engine), 0);
    tj_engine_destroy(engine);
    tj_model_destroy(model);
}

static void impossible_arguments_are_refused_by_name(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 32);
    tj_engine *engine = NULL;
    tj_err err;
    tj_engine_config cfg;
    size_t bad[][3] = {{0, 1 << 20, 8}, {12, 1 << 20, 8}, {16, 0, 8},
                       {16, 100, 8},    {16, 1 << 20, 0}, {16, 1 << 20, 1 << 20}};
    for (size_t i = 0; i < 6; i++) {
        cfg = (tj_engine_config){
            .block_tokens = bad[i][0], .kv_bytes = bad[i][1], .batch_rows = bad[i][2]};
        assert_int_equal(tj_engine_create(&engine, model, NULL, &cfg, &err), TJ_E_INVAL);
        assert_null(engine);
    }
    tj_engine_destroy(NULL);
    engine = tiny_engine(model, NULL, PLENTY, 8);
    int32_t ids[40] = {1, 2, 3};
    int32_t wrong[] = {4, 61};
    tj_branch b = 0;
    assert_int_equal(tj_engine_root(engine, &b, ids, 0, &err), TJ_E_INVAL);
    assert_int_equal(tj_engine_root(engine, &b, wrong, 2, &err), TJ_E_INVAL);
    assert_string_equal(err.msg, "token 1 is 61, expected 0 to 60");
    assert_int_equal(tj_engine_root(engine, &b, ids, 33, &err), TJ_E_INVAL);
    assert_true(b == TJ_NO_BRANCH);
    assert_int_equal(tj_engine_root(engine, &b, ids, 30, &err), TJ_OK);
    tj_branch c = 0;
    assert_int_equal(tj_engine_fork(engine, &c, b, 0, &err), TJ_E_INVAL);
    assert_int_equal(tj_engine_fork(engine, &c, b, 31, &err), TJ_E_INVAL);
    assert_int_equal(tj_engine_append(engine, b, ids, 3, &err), TJ_E_INVAL);
    assert_int_equal(tj_engine_append(engine, b, wrong, 2, &err), TJ_E_INVAL);
    assert_int_equal(tj_engine_length(engine, b), 30);
    float out[40];
    assert_int_equal(tj_engine_score(engine, b, 0, 3, out, &err), TJ_E_INVAL);
    assert_int_equal(tj_engine_score(engine, b, 4, 3, out, &err), TJ_E_INVAL);
    assert_int_equal(tj_engine_score(engine, b, 4, 31, out, &err), TJ_E_INVAL);
    assert_int_equal(tj_engine_score(engine, b, 4, 4, out, &err), TJ_OK);

    const char *stop[] = {""};
    tj_gen gens[2] = {tiny_gen(b, 1.0, 0, 4), tiny_gen(b, 1.0, 1, 4)};
    assert_int_equal(tj_engine_generate(engine, gens, 2, NULL, &err), TJ_E_INVAL); /* twice */
    gens[0].branch = 77;
    assert_int_equal(tj_engine_generate(engine, gens, 1, NULL, &err), TJ_E_INVAL);
    gens[0] = tiny_gen(b, -1.0, 0, 4);
    assert_int_equal(tj_engine_generate(engine, gens, 1, NULL, &err), TJ_E_INVAL);
    gens[0] = tiny_gen(b, 1.0, 0, 4);
    gens[0].stop = stop;
    gens[0].n_stop = 1;
    assert_int_equal(tj_engine_generate(engine, gens, 1, NULL, &err), TJ_E_INVAL);
    assert_int_equal(tj_engine_length(engine, b), 30);
    tj_engine_drop(engine, b);
    tj_engine_destroy(engine);
    tj_model_destroy(model);
}

/* ------------------------------------------------------------ how a continuation ends */

static void generation_ends_at_eos_length_or_the_last_position(void **state)
{
    (void)state;
    enum { N = 60 };
    tj_model *model = tiny_model(TJ_F32, 64);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 32);
    tj_gen gens[N];
    size_t n_eos = 0;
    size_t n_last = 0;
    for (size_t i = 0; i < N; i++) {
        gens[i] = tiny_gen(tiny_root(engine, 1 + i, i), 1.0, i, i % 7 == 0 ? 0 : 40);
    }
    assert_int_equal(tj_engine_generate(engine, gens, N, NULL, NULL), TJ_OK);
    for (size_t i = 0; i < N; i++) {
        for (size_t t = 0; t + 1 < gens[i].n_ids; t++) {
            assert_int_not_equal(gens[i].ids[t], 60);
        }
        bool is_eos = gens[i].n_ids > 0 && gens[i].ids[gens[i].n_ids - 1] == 60;
        assert_int_equal(gens[i].finish, is_eos ? TJ_FINISH_EOS : TJ_FINISH_LENGTH);
        size_t len = tj_engine_length(engine, gens[i].branch);
        if (!is_eos) {
            assert_true(gens[i].n_ids == gens[i].max_tokens || len == 64);
        }
        n_eos += is_eos;
        n_last += len == 64;
        tj_gen_deinit(&gens[i]);
    }
    assert_true(n_eos > 0);
    assert_true(n_last > 0);
    tj_gen full = tiny_gen(tiny_root(engine, 64, 1), 1.0, 0, 5); /* no position is left */
    assert_int_equal(tj_engine_generate(engine, &full, 1, NULL, NULL), TJ_OK);
    assert_int_equal(full.finish, TJ_FINISH_LENGTH);
    assert_int_equal(full.n_ids, 0);
    tj_gen_deinit(&full);
    tj_engine_destroy(engine); /* with its branches */
    tj_model_destroy(model);
}

/* The model's own three and two of the caller's. */
static void any_of_several_tokens_ends_a_continuation(void **state)
{
    (void)state;
    tj_model_config cfg;
    tj_model *model = NULL;
    int32_t ends[] = {5, 6};
    size_t n_ended[61] = {0};
    tiny_config(&cfg, 64);
    cfg.more_eos[0] = 7;
    cfg.more_eos[1] = 8;
    cfg.n_more_eos = 2;
    assert_int_equal(tj_model_create(&model, &cfg, TJ_F32, 5, NULL), TJ_OK);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 32);
    for (uint64_t i = 0; i < 120; i++) {
        tj_gen gen = tiny_gen(tiny_root(engine, 3, i), 1.5, i, 40);
        gen.ends = ends;
        gen.n_ends = i % 2 == 0 ? 2 : 0;
        assert_int_equal(tj_engine_generate(engine, &gen, 1, NULL, NULL), TJ_OK);
        for (size_t t = 0; t < gen.n_ids; t++) {
            int32_t id = gen.ids[t];
            bool ends_it =
                id == 60 || id == 7 || id == 8 || (gen.n_ends > 0 && (id == 5 || id == 6));
            assert_int_equal(ends_it, t + 1 == gen.n_ids && gen.finish == TJ_FINISH_EOS);
            n_ended[id] += ends_it;
        }
        tj_engine_drop(engine, gen.branch);
        tj_gen_deinit(&gen);
    }
    assert_true(n_ended[60] > 0 && n_ended[7] > 0 && n_ended[8] > 0);
    assert_true(n_ended[5] > 0 && n_ended[6] > 0);
    tj_engine_destroy(engine);
    tj_model_destroy(model);
}

/* 59 tokens of one to eight bytes, so that stop strings straddle tokens; the last two are special,
 * and only one of them ends a text. */
static tj_tokenizer *make_tokenizer(void)
{
    tj_buf json;
    tj_buf_init(&json);
    tj_buf_str(&json, "{\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{");
    for (int i = 0; i < 59; i++) { /* numbers in base 3, with the digits a, b and é */
        const char *digits[] = {"a", "b", "\xc3\xa9"};
        tj_buf_printf(&json, "%s\"", i == 0 ? "" : ",");
        for (int x = i + 3; x > 1; x /= 3) {
            tj_buf_str(&json, digits[x % 3]);
        }
        tj_buf_printf(&json, "%s\":%d", i % 2 == 0 ? "." : "", i);
    }
    tj_buf_str(&json, "}},\"added_tokens\":[{\"id\":59,\"content\":\"<sep>\",\"special\":true},"
                      "{\"id\":60,\"content\":\"<eos>\",\"special\":true}]}");
    tj_tokenizer *tok = NULL;
    tj_err err = {0};
    if (tj_tokenizer_parse(&tok, tj_buf_text(&json), json.len, "test", &err) != TJ_OK) {
        fail_msg("%s in %s", err.msg, tj_buf_text(&json));
    }
    tj_buf_deinit(&json);
    return tok;
}

/* How many tokens of ids are needed until their text contains the string; SIZE_MAX: never. */
static size_t tokens_until(const tj_tokenizer *tok, const int32_t *ids, size_t n, const char *stop)
{
    tj_buf text;
    size_t found = SIZE_MAX;
    tj_buf_init(&text);
    for (size_t i = 0; i < n && found == SIZE_MAX; i++) {
        tj_tokenizer_decode(tok, &text, ids + i, 1, false);
        found = strstr(tj_buf_text(&text), stop) != NULL ? i + 1 : SIZE_MAX;
    }
    tj_buf_deinit(&text);
    return found;
}

static void stop_strings_end_where_a_search_of_the_text_finds_them(void **state)
{
    (void)state;
    tj_tokenizer *tok = make_tokenizer();
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, tok, PLENTY, 32);
    tj_rng rng;
    tj_rng_init(&rng, 2, 0, 0, 0);
    size_t n_stopped = 0;
    for (size_t trial = 0; trial < 60; trial++) {
        tj_gen whole = tiny_gen(tiny_root(engine, 4, trial), 1.3, trial, 40);
        assert_int_equal(tj_engine_generate(engine, &whole, 1, NULL, NULL), TJ_OK);
        tj_buf text;
        tj_buf_init(&text);
        tj_tokenizer_decode(tok, &text, whole.ids, whole.n_ids, false);
        char stops[3][24]; /* pieces of the text, and one that is not there */
        const char *list[] = {stops[0], stops[1], stops[2]};
        for (size_t s = 0; s < 2; s++) {
            size_t begin = (size_t)tj_rng_below(&rng, text.len + 1);
            size_t len = 1 + (size_t)tj_rng_below(&rng, 20);
            len = begin + len <= text.len ? len : 0;
            memcpy(stops[s], tj_buf_text(&text) + begin, len);
            memcpy(stops[s] + len, "", 1);
            if (len == 0) {
                memcpy(stops[s], "zz", 3);
            }
        }
        memcpy(stops[2], trial % 2 == 0 ? "<sep>" : "<eos>", 6); /* special tokens have no bytes */
        size_t want = SIZE_MAX;
        for (size_t s = 0; s < 3; s++) {
            size_t n = tokens_until(tok, whole.ids, whole.n_ids, stops[s]);
            want = n < want ? n : want;
        }
        tj_gen gen = tiny_gen(tiny_root(engine, 4, trial), 1.3, trial, 40);
        gen.stop = list;
        gen.n_stop = 3;
        assert_int_equal(tj_engine_generate(engine, &gen, 1, NULL, NULL), TJ_OK);
        assert_int_equal(gen.n_ids, want == SIZE_MAX ? whole.n_ids : want);
        assert_memory_equal(gen.ids, whole.ids, gen.n_ids * sizeof *gen.ids);
        assert_int_equal(gen.finish, want == SIZE_MAX ? whole.finish : TJ_FINISH_STOP);
        n_stopped += want != SIZE_MAX;
        tj_buf_deinit(&text);
        tj_gen_deinit(&gen);
        tj_gen_deinit(&whole);
    }
    assert_in_range(n_stopped, 20, 60);
    tj_engine_destroy(engine);
    tj_model_destroy(model);
    tj_tokenizer_destroy(tok);
}

/* ------------------------------------------------------------ stopping and failing */

typedef struct stopper {
    tj_cancel cancel;
    size_t after;
} stopper;

static void count_down(void *ctx, const char *what, uint64_t done, uint64_t total, const char *unit,
                       const char *note)
{
    stopper *s = ctx;
    (void)what;
    (void)done;
    (void)total;
    (void)unit;
    (void)note;
    if (s->after-- == 0) {
        tj_cancel_ask(&s->cancel);
    }
}

/* What a stopped call leaves is a prefix, and the branch can be continued; with the greedy choice
 * the two parts are the whole. */
static void cancelled_generation_keeps_what_was_sampled(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 16);
    tj_gen want = tiny_gen(tiny_root(engine, 9, 2), 0.0, 0, 30);
    assert_int_equal(tj_engine_generate(engine, &want, 1, NULL, NULL), TJ_OK);
    for (size_t after = 0; after < 12; after += 3) {
        stopper s = {.after = after};
        tj_job job = {.progress = count_down, .ctx = &s, .cancel = &s.cancel};
        tj_gen gen = tiny_gen(tiny_root(engine, 9, 2), 0.0, 0, 30);
        assert_int_equal(tj_engine_generate(engine, &gen, 1, &job, NULL), TJ_E_CANCELLED);
        assert_int_equal(gen.n_ids, after + 1);
        assert_int_equal(gen.finish, TJ_FINISH_NONE);
        assert_memory_equal(gen.ids, want.ids, gen.n_ids * sizeof *gen.ids);
        assert_int_equal(tj_engine_length(engine, gen.branch), 9 + gen.n_ids);
        tj_gen rest = tiny_gen(gen.branch, 0.0, 0, 30 - gen.n_ids);
        assert_int_equal(tj_engine_generate(engine, &rest, 1, NULL, NULL), TJ_OK);
        assert_int_equal(gen.n_ids + rest.n_ids, want.n_ids);
        assert_memory_equal(rest.ids, want.ids + gen.n_ids, rest.n_ids * sizeof *rest.ids);
        assert_memory_equal(rest.logprobs, want.logprobs + gen.n_ids,
                            rest.n_ids * sizeof *rest.logprobs);
        tj_gen_deinit(&rest);
        tj_engine_drop(engine, gen.branch);
        tj_gen_deinit(&gen);
    }
    tj_gen_deinit(&want);
    tj_engine_destroy(engine);
    tj_model_destroy(model);
}

static void logits_that_are_no_numbers_stop_generation_and_scoring(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 256);
    size_t n_params = 0;
    tj_param *params = tj_model_params(model, &n_params);
    for (size_t i = 0; i < n_params; i++) {
        if (strcmp(params[i].name, "model.norm.weight") == 0) {
            params[i].weight[3] = NAN;
        }
    }
    assert_int_equal(tj_model_refresh(model, NULL), TJ_OK);
    tj_engine *engine = tiny_engine(model, NULL, PLENTY, 16);
    tj_gen gen = tiny_gen(tiny_root(engine, 5, 1), 1.0, 44, 5);
    tj_err err;
    float out[5];
    assert_int_equal(tj_engine_generate(engine, &gen, 1, NULL, &err), TJ_E_NUMERIC);
    assert_non_null(strstr(err.msg, "node 44"));
    assert_int_equal(gen.n_ids, 0);
    assert_int_equal(tj_engine_length(engine, gen.branch), 5);
    assert_int_equal(tj_engine_score(engine, gen.branch, 1, 5, out, &err), TJ_E_NUMERIC);
    tj_gen_deinit(&gen);
    tj_engine_destroy(engine);
    tj_model_destroy(model);
}

typedef struct outcome {
    int32_t ids[3][8];
    float scores[4];
} outcome;

/* A little of everything; the first error ends it. */
static tj_code scenario(tj_model *model, outcome *out)
{
    tj_engine_config cfg;
    tj_engine_config_default(&cfg);
    cfg.kv_bytes = (size_t)1 << 20;
    cfg.batch_rows = 8;
    tj_engine *engine = NULL;
    tj_code rc = tj_engine_create(&engine, model, NULL, &cfg, NULL);
    tj_branch b[3] = {0};
    int32_t ids[20];
    tiny_ids(ids, 20, 1);
    if (rc == TJ_OK) {
        rc = tj_engine_root(engine, &b[0], ids, 20, NULL);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_fork(engine, &b[1], b[0], 7, NULL);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_fork(engine, &b[2], b[0], 20, NULL);
    }
    if (rc == TJ_OK) {
        tj_gen gens[] = {tiny_gen(b[0], 0.0, 0, 8), tiny_gen(b[1], 1.0, 1, 8),
                         tiny_gen(b[2], 1.0, 2, 8)};
        rc = tj_engine_generate(engine, gens, 3, NULL, NULL);
        for (size_t i = 0; i < 3; i++) {
            size_t base = i == 1 ? 7 : 20;
            assert_int_equal(tj_engine_length(engine, b[i]), base + gens[i].n_ids);
            for (size_t t = 0; t < gens[i].n_ids; t++) {
                out->ids[i][t] = gens[i].ids[t];
            }
            tj_gen_deinit(&gens[i]);
        }
    }
    if (rc == TJ_OK) {
        rc = tj_engine_append(engine, b[1], ids, 5, NULL);
    }
    if (rc == TJ_OK) {
        rc = tj_engine_score(engine, b[1], 3, 7, out->scores, NULL);
    }
    tj_engine_destroy(engine);
    return rc;
}

static void every_failed_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    tj_model *model = tiny_model(TJ_F32, 64);
    outcome want = {0};
    assert_int_equal(scenario(model, &want), TJ_OK); /* also makes what the model makes once */
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        outcome got = {0};
        tj_alloc_fail_after(k);
        rc = scenario(model, &got);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        if (rc == TJ_OK) {
            assert_memory_equal(&got, &want, sizeof want);
        }
        assert_true(k < 500);
    }
    tj_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(branches_equal_plain_arrays_and_memory_returns_to_zero),
        cmocka_unit_test(impossible_arguments_are_refused_by_name),
        cmocka_unit_test(generation_ends_at_eos_length_or_the_last_position),
        cmocka_unit_test(any_of_several_tokens_ends_a_continuation),
        cmocka_unit_test(stop_strings_end_where_a_search_of_the_text_finds_them),
        cmocka_unit_test(cancelled_generation_keeps_what_was_sampled),
        cmocka_unit_test(logits_that_are_no_numbers_stop_generation_and_scoring),
        cmocka_unit_test(every_failed_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
