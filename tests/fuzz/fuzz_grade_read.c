/* Any bytes as an answer. What is read must be printed as a text that is read as an equal tree, and
 * that is then printed the same; so must every tree that is spelled out, whether or not printing
 * needs it. Trees keep the bounds of expr.h. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "grade/read.h"
#include "grade/spelled.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t check(const tj_ex *ex, unsigned depth, bool root)
{
    TJ_ASSERT(depth <= TJ_EX_MAX_DEPTH);
    TJ_ASSERT(ex != NULL);
    TJ_ASSERT(root || ex->kind != TJ_EX_EITHER);
    size_t n_nodes = 1;
    for (uint32_t i = 0; i < ex->n_args; i++) {
        n_nodes += check(ex->args[i], depth + 1, false);
    }
    if (ex->kind == TJ_EX_NUMBER) {
        TJ_ASSERT(ex->num.n_digits >= 1 && ex->num.n_digits <= TJ_EX_MAX_DIGITS);
        TJ_ASSERT(ex->num.n_repeat <= ex->num.n_frac && ex->num.n_frac <= ex->num.n_digits);
        TJ_ASSERT(ex->num.exponent <= TJ_EX_MAX_EXPONENT);
        TJ_ASSERT(ex->num.exponent >= -TJ_EX_MAX_EXPONENT);
        TJ_ASSERT(ex->num.base >= 2 && ex->num.base <= 36);
    }
    return n_nodes;
}

/* The tree that is printed, however it is printed, is read. */
static void check_print(const tj_ex *ex, tj_arena *again)
{
    tj_buf text, twice;
    tj_err err;
    const tj_ex *back;
    tj_arena scratch;
    tj_arena_init(&scratch, 0);
    tj_buf_init(&text);
    tj_buf_init(&twice);
    for (int spelled = 0; spelled < 2; spelled++) {
        tj_buf_clear(&text);
        tj_buf_clear(&twice);
        if (spelled == 1) {
            tj_ex_spell(&text, ex);
        } else {
            tj_ex_print(&text, &scratch, ex);
        }
        tj_code rc = tj_read(&back, again, tj_buf_text(&text), text.len, &err);
        if (rc == TJ_E_LIMIT) { /* printing adds bytes and brackets */
            continue;
        }
        TJ_ASSERT(rc == TJ_OK);
        TJ_ASSERT(tj_ex_compare(ex, back) == 0);
        if (spelled == 1) {
            tj_ex_spell(&twice, back);
        } else {
            tj_ex_print(&twice, &scratch, back);
        }
        TJ_ASSERT(twice.len == text.len);
        TJ_ASSERT(memcmp(twice.data, text.data, text.len) == 0);
    }
    tj_buf_deinit(&text);
    tj_buf_deinit(&twice);
    tj_arena_deinit(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tj_arena arena, again;
    tj_arena_init(&arena, 0);
    tj_arena_init(&again, 0);
    const tj_ex *ex;
    tj_err err;
    if (tj_read(&ex, &arena, (const char *)data, size, &err) == TJ_OK) {
        TJ_ASSERT(check(ex, 0, true) <= (size_t)TJ_EX_MAX_READINGS * TJ_EX_MAX_NODES);
        TJ_ASSERT(tj_ex_compare(ex, ex) == 0);
        check_print(ex, &again);
    } else {
        TJ_ASSERT(ex == NULL);
        TJ_ASSERT(err.msg[0] != '\0');
    }
    tj_arena_deinit(&arena);
    tj_arena_deinit(&again);
    return 0;
}
