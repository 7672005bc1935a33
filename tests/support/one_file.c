#include "support/one_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"

static char path[] = "/tmp/tabiji-file-XXXXXX";

static void remove_file(void)
{
    (void)unlink(path);
}

const char *one_file(const void *bytes, size_t n)
{
    static int made;
    if (made == 0) {
        int fd = mkstemp(path);
        TJ_ASSERT(fd >= 0);
        (void)close(fd);
        made = 1;
        (void)atexit(remove_file);
    }
    FILE *f = fopen(path, "wb");
    TJ_ASSERT(f != NULL);
    TJ_ASSERT(fwrite(bytes, 1, n, f) == n);
    TJ_ASSERT(fclose(f) == 0);
    return path;
}
