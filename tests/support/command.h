/* The program as a process of its own, run by a shell in a folder of the test's: for tests of
 * commands. Whoever uses it compiles with TJ_PROGRAM, the program's path. What fails here fails the
 * test, but for begin and end, whose results are for cmocka. */
#ifndef TJ_TESTS_SUPPORT_COMMAND_H
#define TJ_TESTS_SUPPORT_COMMAND_H

#include <jansson.h>
#include <stdatomic.h>

extern char *command_out, *command_err; /* of the latest command; NULL before */
extern char command_home[512];          /* the folder that begin was called in */

/* Makes /tmp/tabiji-NAME-XXXXXX and goes there; in the environment T is the program. 0, or -1. */
int command_begin(const char *name);
int command_end(void);

/* Runs a shell's line; its exit status, 128 and more for a signal. */
int command_run(const char *line);
/* The same, with the process in *child as long as it runs: the program itself, where the line is
 * `exec $T …`. */
int command_run_as(atomic_int *child, const char *line);
/* The same, and the status must be this one. */
void command_expect(const char *line, int status);
void command_expect_text(const char *text, const char *part);

/* Files in the folder, or anywhere. What is read is freed with tj_free. */
char *command_read(const char *path);
void command_write(const char *path, const char *text);
json_t *command_json(const char *text);

#endif
