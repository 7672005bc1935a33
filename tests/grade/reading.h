/* Checks of the reader that its tests share: two texts read alike, or as another text. */
#ifndef TJ_TESTS_GRADE_READING_H
#define TJ_TESTS_GRADE_READING_H

#include <stddef.h>

/* The tree of text, printed, and read back equal on the way; fails the test if it cannot be read.
 * Lent until the next call but three. */
const char *printed(const char *text);

/* Each text of the group, which a NULL ends, is read as the first is, and that is printed as
 * `plain`. */
void assert_read_alike(const char *plain, const char *const *texts);

/* The texts are read, as different trees. */
void assert_read_apart(const char *a, const char *b);

/* The text cannot be read; the message holds `part`. */
void assert_unreadable(const char *text, const char *part);

typedef struct reading {
    const char *text;
    const char *plain;
} reading;
/* Each text is printed as the plain text beside it, and that is read as the same tree. */
void assert_readings(const reading *readings, size_t n);

#endif
