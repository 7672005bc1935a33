#include "base/base_testing.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char base_folder[64];

int base_make_folder(void **state)
{
    (void)state;
    snprintf(base_folder, sizeof base_folder, "/tmp/tabiji-base-XXXXXX");
    return mkdtemp(base_folder) == NULL ? -1 : 0;
}

const char *base_path(const char *name)
{
    static char paths[4][512];
    static size_t at;
    at = (at + 1) % 4;
    snprintf(paths[at], sizeof paths[at], "%s/%s", base_folder, name);
    return paths[at];
}

/* Counts the names in a folder and, if asked, removes them; folders in it must be empty. */
static size_t walk(const char *folder, int remove_them)
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        n++;
        if (remove_them) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            if (unlink(path) != 0) {
                walk(path, 1);
                (void)rmdir(path);
            }
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

size_t base_n_files(void)
{
    return walk(base_folder, 0);
}

int base_remove_folder(void **state)
{
    (void)state;
    walk(base_folder, 1);
    return rmdir(base_folder);
}
