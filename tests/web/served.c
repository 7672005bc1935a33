#include "served.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static void open_tokenizer(served *s)
{
    static const char *const marks[] = {"<|im_start|>", "<|im_end|>"};
    tj_err err = {0};
    json_t *root = json_load_file("tests/golden/tokenizer_gpt2.json", 0, NULL);
    assert_non_null(root);
    json_int_t id =
        (json_int_t)json_object_size(json_object_get(json_object_get(root, "model"), "vocab"));
    json_int_t n_added = (json_int_t)json_array_size(json_object_get(root, "added_tokens"));
    for (size_t i = 0; i < 2; i++) {
        json_t *token = json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id",
                                  id + n_added + (json_int_t)i, "content", marks[i], "special", 1,
                                  "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0);
        assert_int_equal(json_array_append_new(json_object_get(root, "added_tokens"), token), 0);
    }
    char *text = json_dumps(root, 0);
    if (tj_tokenizer_parse(&s->tok, text, strlen(text), "tokenizer.json", &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    free(text);
    json_decref(root);
}

void served_open(served *s)
{
    tj_model_config cfg;
    tj_engine_config engine;
    tj_err err = {0};
    memset(s, 0, sizeof *s);
    open_tokenizer(s);
    tj_model_config_default(&cfg);
    cfg.n_vocab = tj_tokenizer_n_vocab(s->tok);
    cfg.width = 32;
    cfg.n_layers = 2;
    cfg.n_heads = 4;
    cfg.n_kv_heads = 2;
    cfg.head_dim = 8;
    cfg.ffn_width = 48;
    cfg.max_positions = 512;
    cfg.init_std = 0.25;
    cfg.eos_id = tj_tokenizer_find(s->tok, "<|im_end|>");
    if (tj_model_create(&s->model, &cfg, TJ_F32, 5, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    tj_engine_config_default(&engine);
    engine.kv_bytes = (size_t)4 << 20;
    assert_int_equal(tj_engine_create(&s->engine, s->model, s->tok, &engine, &err), TJ_OK);
    assert_int_equal(tj_encoder_create(&s->encoder, s->tok, &err), TJ_OK);
    tj_service_config_default(&s->cfg);
    s->cfg.engine = s->engine;
    s->cfg.tok = s->tok;
    s->cfg.encoder = s->encoder;
    s->cfg.n_vocab = cfg.n_vocab;
    s->cfg.n_positions = cfg.max_positions;
    s->cfg.chats = true;
    s->cfg.chat = TJ_CHAT_CHATML;
    s->cfg.name = "tiny";
    s->cfg.build = "fp_test";
    s->cfg.entropy = 7;
    s->cfg.created = 1;
    s->cfg.max_tokens = 400;
}

void served_close(served *s)
{
    tj_engine_destroy(s->engine);
    tj_encoder_destroy(s->encoder);
    tj_model_destroy(s->model);
    tj_tokenizer_destroy(s->tok);
}
