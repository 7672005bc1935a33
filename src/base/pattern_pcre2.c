#include "base/pattern_pcre2.h"

#include "base/alloc.h"

static void *allocate(size_t bytes, void *ctx)
{
    (void)ctx;
    return tj_malloc(bytes);
}

static void release(void *ptr, void *ctx)
{
    (void)ctx;
    tj_free(ptr);
}

pcre2_general_context *tj_pcre2_memory(void)
{
    return pcre2_general_context_create(allocate, release, NULL);
}

tj_code tj_pcre2_compile(pcre2_code **out, const char *pattern, size_t len, uint32_t options,
                         tj_err *err)
{
    int number = PCRE2_ERROR_HEAP_FAILED;
    PCRE2_SIZE offset = 0;
    pcre2_general_context *memory = tj_pcre2_memory();
    pcre2_compile_context *context = memory == NULL ? NULL : pcre2_compile_context_create(memory);
    *out = NULL;
    if (context != NULL) {
        (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
        *out = pcre2_compile((PCRE2_SPTR)pattern, len, options, &number, &offset, context);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(memory);
    if (*out != NULL) {
        return TJ_OK;
    }
    if (number == PCRE2_ERROR_HEAP_FAILED) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a pattern of %zu bytes", len);
    }
    PCRE2_UCHAR message[128];
    (void)pcre2_get_error_message(number, message, sizeof message);
    return tj_fail(err, TJ_E_PARSE, "pattern is wrong at byte %zu: %s", (size_t)offset,
                   (const char *)message);
}
