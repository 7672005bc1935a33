#include "support/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "support/folder.h"

#define MAX_OUTPUT ((size_t)1 << 26)

char *command_out, *command_err;
char command_home[512];
static char dir[64];

static void forget(void)
{
    tj_free(command_out);
    tj_free(command_err);
    command_out = command_err = NULL;
}

int command_begin(const char *name)
{
    return getcwd(command_home, sizeof command_home) == NULL || folder_make(dir, name) != 0 ||
                   chdir(dir) != 0 || setenv("T", TJ_PROGRAM, 1) != 0
               ? -1
               : 0;
}

int command_end(void)
{
    forget();
    return chdir(command_home) != 0 ? -1 : folder_remove(dir);
}

int command_run(const char *line)
{
    atomic_int child;
    return command_run_as(&child, line);
}

int command_run_as(atomic_int *child, const char *line)
{
    char command[4096];
    int status;
    int n = snprintf(command, sizeof command, "{ %s ; } >out 2>err </dev/null", line);
    assert_true(n > 0 && (size_t)n < sizeof command);
    forget();
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    atomic_store(child, pid);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    command_out = command_read("out");
    command_err = command_read("err");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void command_expect(const char *line, int status)
{
    int got = command_run(line);
    if (got != status) {
        fail_msg("%s: status %d, expected %d\n%s\n%s", line, got, status, command_out, command_err);
    }
}

void command_expect_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("'%s' is not in:\n%s", part, text);
    }
}

char *command_read(const char *path)
{
    char *text = NULL;
    size_t n;
    tj_err err;
    if (tj_fs_read(&text, &n, path, MAX_OUTPUT, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return text;
}

void command_write(const char *path, const char *text)
{
    assert_int_equal(tj_fs_write(path, text, strlen(text), NULL), TJ_OK);
}

json_t *command_json(const char *text)
{
    json_error_t why;
    json_t *json = json_loads(text, 0, &why);
    if (json == NULL) {
        fail_msg("not JSON: %s\n%s", why.text, text);
    }
    return json;
}
