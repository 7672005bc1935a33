#define _XOPEN_SOURCE 700 /* nftw, mkdtemp */
#include "support/folder.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int folder_make(char path[64], const char *name)
{
    snprintf(path, 64, "/tmp/tabiji-%.30s-XXXXXX", name);
    return mkdtemp(path) == NULL ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

int folder_remove(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int copy_file(const char *from, const char *to)
{
    char bytes[65536];
    size_t n;
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    int bad = in == NULL || out == NULL;
    while (!bad && (n = fread(bytes, 1, sizeof bytes, in)) > 0) {
        bad = fwrite(bytes, 1, n, out) != n;
    }
    bad |= in != NULL && fclose(in) != 0;
    bad |= out != NULL && fclose(out) != 0;
    return bad ? -1 : 0;
}

int folder_copy(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    int rc = dir == NULL || mkdir(to, 0777) != 0 ? -1 : 0;
    for (struct dirent *e = rc == 0 ? readdir(dir) : NULL; e != NULL && rc == 0; e = readdir(dir)) {
        char a[1024];
        char b[1024];
        struct stat st;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        snprintf(a, sizeof a, "%s/%s", from, e->d_name);
        snprintf(b, sizeof b, "%s/%s", to, e->d_name);
        rc = stat(a, &st) != 0 ? -1 : S_ISDIR(st.st_mode) ? folder_copy(a, b) : copy_file(a, b);
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return rc;
}
