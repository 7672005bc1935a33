/* A workspace in a folder of a test's own. What fails fails the test, but for make and remove,
 * whose results are for cmocka. */
#ifndef TJ_TESTS_SUPPORT_WORKSPACE_H
#define TJ_TESTS_SUPPORT_WORKSPACE_H

#include "store/store.h"

extern char workspace_dir[64];
extern char workspace_files[3][80]; /* paths in it for files that a test writes */

/* Fixtures of cmocka: the folder, still empty, and its end. */
int workspace_make(void **state);
int workspace_remove(void **state);

tj_store *workspace_open(tj_store_mode mode);
/* One elsewhere; options may be NULL. */
tj_store *workspace_open_at(const char *dir, tj_store_mode mode, const tj_store_options *options);

#endif
