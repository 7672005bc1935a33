/* Assertions state what only a bug in tabiji can make false; anything that a user, a file, the
 * network, another library or a lack of memory can cause is an error value instead. TJ_ASSERT
 * stays on in release builds; TJ_DASSERT, for inner loops, is on only without NDEBUG. */
#ifndef TJ_BASE_ASSERT_H
#define TJ_BASE_ASSERT_H

/* Prints file, line and condition to standard error and ends the process. */
_Noreturn void tj_assert_fail(const char *file, int line, const char *condition);

#define TJ_ASSERT(cond) ((cond) ? (void)0 : tj_assert_fail(__FILE__, __LINE__, #cond))

#ifdef NDEBUG
#define TJ_DASSERT(cond) ((void)0)
#else
#define TJ_DASSERT(cond) TJ_ASSERT(cond)
#endif

#endif
