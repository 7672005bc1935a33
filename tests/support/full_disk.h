/* Files that cannot grow, as on a full disk. */
#ifndef TJ_TESTS_SUPPORT_FULL_DISK_H
#define TJ_TESTS_SUPPORT_FULL_DISK_H

#include <stddef.h>

/* Writes past `bytes` of a file fail with EFBIG, as they fail with ENOSPC on a full disk; SIZE_MAX
 * ends that. Print nothing meanwhile: standard output may be a file. */
void limit_files(size_t bytes);

#endif
