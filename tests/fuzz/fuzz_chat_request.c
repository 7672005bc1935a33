/* Any bytes as the body of a request; the first byte says for which endpoint. What is read keeps
 * its bounds; what is refused has a message, and its error is JSON. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "web/openai_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const tj_api_request *req)
{
    TJ_ASSERT(req->model != NULL);
    TJ_ASSERT(req->n >= 1 && req->n <= req->best_of && req->best_of <= TJ_MAX_SAMPLES);
    TJ_ASSERT(req->n_top <= TJ_MAX_TOP);
    TJ_ASSERT(req->n_stop <= TJ_MAX_STOPS);
    TJ_ASSERT(req->sampling.top_p > 0.0 && req->sampling.top_p <= 1.0);
    TJ_ASSERT(req->sampling.temperature >= 0.0 && req->sampling.temperature <= 2.0);
    TJ_ASSERT((req->kind == TJ_API_CHAT) == (req->n_messages > 0));
    TJ_ASSERT((req->kind == TJ_API_TEXT) == (req->n_prompts > 0));
    for (size_t i = 0; i < req->n_messages; i++) {
        const tj_message *m = &req->messages[i];
        TJ_ASSERT(tj_utf8_check(m->text, m->len) == m->len);
    }
    for (size_t i = 0; i < req->n_prompts; i++) {
        const tj_api_prompt *p = &req->prompts[i];
        TJ_ASSERT((p->text == NULL) == (p->ids.n > 0));
        TJ_ASSERT(p->text == NULL || tj_utf8_check(p->text, p->len) == p->len);
    }
    for (size_t i = 0; i < req->n_stop; i++) {
        TJ_ASSERT(req->stop[i][0] != 0 && strlen(req->stop[i]) <= TJ_MAX_STOP_BYTES);
    }
}

static void check_error(const tj_api_error *e)
{
    tj_buf out;
    tj_buf_init(&out);
    TJ_ASSERT(e->status == 400);
    TJ_ASSERT(e->message[0] != 0);
    tj_api_error_json(&out, e);
    json_t *root = json_loadb(tj_buf_text(&out), out.len, 0, NULL);
    TJ_ASSERT(json_is_string(json_object_get(json_object_get(root, "error"), "message")));
    json_decref(root);
    tj_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_api_request req;
    tj_api_error e;
    if (size == 0) {
        return 0;
    }
    tj_api_kind kind = data[0] == 'c' ? TJ_API_CHAT : TJ_API_TEXT;
    if (tj_api_request_parse(&req, kind, (const char *)data + 1, size - 1, &e) == TJ_OK) {
        check_request(&req);
        tj_api_request_deinit(&req);
    } else {
        check_error(&e);
    }
    return 0;
}
