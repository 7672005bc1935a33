/* What the tests of base share: a folder of their own, and a disk that is full. */
#ifndef TJ_TESTS_BASE_BASE_TESTING_H
#define TJ_TESTS_BASE_BASE_TESTING_H

#include <stddef.h>

/* The folder of the test at hand, made by base_make_folder and removed, with the files in it, by
 * base_remove_folder (a cmocka setup and teardown). */
extern char base_folder[64];
int base_make_folder(void **state);
int base_remove_folder(void **state);

/* base_folder/NAME; lent until the fourth call from now. */
const char *base_path(const char *name);
/* Names in base_folder. */
size_t base_n_files(void);

#endif
