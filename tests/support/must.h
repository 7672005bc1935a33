/* What has to succeed in a test. The file includes cmocka before. */
#ifndef TJ_TESTS_SUPPORT_MUST_H
#define TJ_TESTS_SUPPORT_MUST_H

#include "base/err.h"

/* Fails the test with the error's message unless rc is TJ_OK. */
static inline void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        fail_msg("%s", err->msg);
    }
}

#endif
