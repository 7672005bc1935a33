#include "support/fetched.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fs.h"

const char *fetched(const char *name)
{
    static char path[4096];
    const char *models = getenv("TABIJI_MODELS");
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (models != NULL) {
        snprintf(path, sizeof path, "%s/%s", models, name);
    } else if (cache != NULL) {
        snprintf(path, sizeof path, "%s/tabiji/models/%s", cache, name);
    } else {
        snprintf(path, sizeof path, "%s/.cache/tabiji/models/%s", home == NULL ? "" : home, name);
    }
    if (!tj_fs_exists(path)) {
        print_message("%s is not there: scripts/fetch-models brings it\n", path);
        skip();
    }
    return path;
}
