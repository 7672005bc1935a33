#include "reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "grade/read.h"

static const tj_ex *read_or_fail(tj_arena *arena, const char *text)
{
    const tj_ex *ex;
    tj_err err = {.msg = ""};
    if (tj_read(&ex, arena, text, strlen(text), &err) != TJ_OK) {
        fail_msg("'%s': %s", text, err.msg);
    }
    return ex;
}

const char *printed(const char *text)
{
    static char kept[4][2048];
    static size_t turn;
    tj_arena arena, again;
    tj_arena_init(&arena, 0);
    tj_arena_init(&again, 0);
    tj_buf buf;
    tj_buf_init(&buf);
    const tj_ex *ex = read_or_fail(&arena, text);
    tj_ex_print(&buf, &again, ex);
    if (tj_ex_compare(ex, read_or_fail(&again, tj_buf_text(&buf))) != 0) {
        fail_msg("'%s' is printed as '%s', which is read as another tree", text, tj_buf_text(&buf));
    }
    char *out = kept[turn++ % 4];
    assert_true(buf.len < sizeof kept[0]);
    memcpy(out, tj_buf_text(&buf), buf.len + 1);
    tj_buf_deinit(&buf);
    tj_arena_deinit(&arena);
    tj_arena_deinit(&again);
    return out;
}

void assert_read_alike(const char *plain, const char *const *texts)
{
    tj_arena arena;
    tj_arena_init(&arena, 0);
    const tj_ex *first = read_or_fail(&arena, texts[0]);
    assert_string_equal(printed(texts[0]), plain);
    for (size_t i = 1; texts[i] != NULL; i++) {
        if (tj_ex_compare(first, read_or_fail(&arena, texts[i])) != 0) {
            fail_msg("'%s' is read as '%s', not as '%s'", texts[i], printed(texts[i]), plain);
        }
    }
    tj_arena_deinit(&arena);
}

void assert_read_apart(const char *a, const char *b)
{
    tj_arena arena;
    tj_arena_init(&arena, 0);
    const tj_ex *left = read_or_fail(&arena, a), *right = read_or_fail(&arena, b);
    int order = tj_ex_compare(left, right);
    if (order == 0) {
        fail_msg("'%s' and '%s' are both read as '%s'", a, b, printed(a));
    }
    assert_int_equal(order<0, tj_ex_compare(right, left)> 0);
    tj_arena_deinit(&arena);
}

void assert_unreadable(const char *text, const char *part)
{
    tj_arena arena;
    tj_arena_init(&arena, 0);
    const tj_ex *ex;
    tj_err err = {.msg = ""};
    tj_code rc = tj_read(&ex, &arena, text, strlen(text), &err);
    if (rc == TJ_OK) {
        fail_msg("'%s' is read as '%s'", text, printed(text));
    }
    assert_true(rc == TJ_E_PARSE || rc == TJ_E_LIMIT);
    assert_null(ex);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("'%s': '%s' does not say '%s'", text, err.msg, part);
    }
    tj_arena_deinit(&arena);
}

void assert_readings(const reading *readings, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *plain = printed(readings[i].text);
        if (strcmp(plain, readings[i].plain) != 0) {
            fail_msg("'%s' is read as '%s', not as '%s'", readings[i].text, plain,
                     readings[i].plain);
        }
    }
}
