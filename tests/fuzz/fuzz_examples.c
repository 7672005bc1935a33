/* Any bytes as a file of training examples, with and without a chat template and for every meaning
 * of neutral steps. What is read holds together: examples lie in the tokens one after another,
 * pairs are whole, labels ascend inside their example, and a batch takes all of it; what is not
 * read names the input. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "support/byte_tokenizer.h"
#include "train/train.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tj_tokenizer *byte_tokenizer(void)
{
    tj_tokenizer *tok;
    tj_buf json;
    tj_buf_init(&json);
    byte_tokenizer_json(&json);
    TJ_ASSERT(tj_tokenizer_parse(&tok, json.data, json.len, "bytes", NULL) == TJ_OK);
    tj_buf_deinit(&json);
    return tok;
}

static void check(const tj_examples *e)
{
    tj_batch *batch;
    size_t at = 0;
    size_t label = 0;
    TJ_ASSERT(e->n > 0 && e->n % tj_examples_group(e) == 0);
    TJ_ASSERT(tj_batch_create(&batch, NULL) == TJ_OK);
    for (size_t i = 0; i < e->n; i++) {
        const tj_example *one = &e->examples[i];
        TJ_ASSERT(one->begin == at && one->first_label == label);
        at += one->n;
        for (; label < one->first_label + one->n_labels; label++) {
            TJ_ASSERT(e->labels[label].at < one->n);
            TJ_ASSERT(label == one->first_label || e->labels[label - 1].at < e->labels[label].at);
        }
        TJ_ASSERT(tj_examples_add(e, i, batch, NULL) == TJ_OK);
    }
    TJ_ASSERT(at == e->n_ids && tj_batch_n_tokens(batch) == e->n_ids);
    TJ_ASSERT(label == e->n_labels && tj_batch_n_labels(batch) == e->n_labels);
    tj_batch_destroy(batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tj_tokenizer *tok;
    tok = tok == NULL ? byte_tokenizer() : tok;
    for (int i = 0; i < 4; i++) {
        tj_example_format format = {.tok = tok,
                                    .begin = -1,
                                    .end = 257,
                                    .has_chat = i > 0,
                                    .chat = TJ_CHAT_CHATML,
                                    .max_tokens = 4096,
                                    .step_separator = i == 2 ? "" : NULL,
                                    .neutral = (tj_neutral)i};
        tj_examples e;
        tj_err err = {.msg = ""};
        if (tj_examples_parse(&e, data, size, "input", &format, &err) == TJ_OK) {
            check(&e);
            tj_examples_deinit(&e);
        } else {
            TJ_ASSERT(e.ids == NULL && e.n == 0);
            TJ_ASSERT(strncmp(err.msg, "input", 5) == 0);
        }
    }
    return 0;
}
