/* Any bytes as JSON: what is scanned holds together (values lie inside their containers, in order;
 * texts are UTF-8 without zeros once decoded), and a skip never goes past the end. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/jscan.h"
#include "text/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_container(const tj_jtape *tape, size_t i)
{
    const tj_jnode *node = &tape->nodes[i];
    size_t n = 0;
    size_t at = i + 1;
    for (; at < node->past; n++) {
        const tj_jnode *inside = &tape->nodes[at];
        TJ_ASSERT(inside->at > node->at && inside->at + inside->n < node->at + node->n);
        TJ_ASSERT(inside->past > at);
        at = inside->past;
    }
    TJ_ASSERT(at == node->past);
    TJ_ASSERT(n == node->count * (node->kind == TJ_JSON_OBJECT ? 2U : 1U));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_jtape tape;
    tj_jscan_end end;
    char *text = tj_malloc(size + 1);
    TJ_ASSERT(text != NULL);
    memcpy(text, data, size);
    TJ_ASSERT(tj_jscan_skip(text, size) <= size);
    tj_jtape_init(&tape);
    tj_jscan_result r = tj_jscan(&tape, text, size, &end);
    TJ_ASSERT(end.at <= size);
    TJ_ASSERT((r == TJ_JSCAN_OK) == (end.what[0] == '\0'));
    for (size_t i = 0; r == TJ_JSCAN_OK && i < tape.n; i++) {
        if (tape.nodes[i].kind >= TJ_JSON_ARRAY) {
            check_container(&tape, i);
        }
    }
    for (size_t i = 0; r == TJ_JSCAN_OK && i < tape.n; i++) {
        int64_t whole;
        double real;
        if (tape.nodes[i].kind == TJ_JSON_STRING) {
            tj_str s = tj_jtape_text(&tape, i);
            TJ_ASSERT(strlen(s.s) == s.n && tj_utf8_check(s.s, s.n) == s.n);
        } else if (tj_jtape_int(&tape, i, &whole) && tj_jtape_double(&tape, i, &real)) {
            double d = real - (double)whole;
            TJ_ASSERT(d == 0.0);
        }
    }
    tj_jtape_deinit(&tape);
    tj_free(text);
    return 0;
}
