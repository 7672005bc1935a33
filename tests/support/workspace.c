#include "support/workspace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/folder.h"

char workspace_dir[64];

int workspace_make(void **state)
{
    (void)state;
    return folder_make(workspace_dir, "workspace");
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
