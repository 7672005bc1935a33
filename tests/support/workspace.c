#include "support/workspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "support/folder.h"

char workspace_dir[64];
char workspace_files[3][80];

int workspace_make(void **state)
{
    (void)state;
    if (folder_make(workspace_dir, "workspace") != 0) {
        return -1;
    }
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(workspace_files[i], sizeof workspace_files[i], "%s/%zu.jsonl", workspace_dir,
                       i);
    }
    return 0;
}

int workspace_remove(void **state)
{
    (void)state;
    return folder_remove(workspace_dir);
}

tj_store *workspace_open_at(const char *dir, tj_store_mode mode, const tj_store_options *options)
{
    tj_store *s;
    tj_err err = {.msg = ""};
    if (tj_store_open(&s, dir, mode, options, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return s;
}

tj_store *workspace_open(tj_store_mode mode)
{
    return workspace_open_at(workspace_dir, mode, NULL);
}
