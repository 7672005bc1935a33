/* A folder of a test's own, made and taken away with all that is in it. */
#ifndef TJ_TESTS_SUPPORT_FOLDER_H
#define TJ_TESTS_SUPPORT_FOLDER_H

/* Makes /tmp/tabiji-NAME-XXXXXX; path has 64 bytes. 0, or -1. */
int folder_make(char path[64], const char *name);
int folder_remove(const char *path);
/* A copy of the files and folders of one in another, which must not be there. 0, or -1. */
int folder_copy(const char *from, const char *to);

#endif
