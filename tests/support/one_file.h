/* Bytes as a file, for readers of files. */
#ifndef TJ_TESTS_SUPPORT_ONE_FILE_H
#define TJ_TESTS_SUPPORT_ONE_FILE_H

#include <stddef.h>

/* Writes the bytes to the one file that this process has, and takes away at its end; gives its
 * path. Not tj_fs_write, which waits for the disk. */
const char *one_file(const void *bytes, size_t n);

#endif
