/* A service of a tiny random model, for the tests of serving. */
#ifndef TJ_TESTS_WEB_SERVED_H
#define TJ_TESTS_WEB_SERVED_H

#include "infer/infer.h"
#include "nn/nn.h"
#include "text/text.h"
#include "web/web.h"

typedef struct served {
    tj_model *model;
    tj_tokenizer *tok;
    tj_encoder *encoder;
    tj_engine *engine;
    tj_service_config cfg; /* named "tiny", in ChatML */
} served;

/* 2 layers, width 32, 512 positions; the tokenizer of tests/golden/tokenizer_gpt2.json with the
 * special tokens of ChatML added. */
void served_open(served *s);
void served_close(served *s);

#endif
