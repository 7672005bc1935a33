/* Runs a fuzz target over every file of the folders given, each input ending at a guard page, so
 * that a read past its end is caught in every build. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
        fprintf(stderr, "cannot read %s\n", path);
        return 1;
    }
    size_t size = (size_t)ftell(f);
    rewind(f);
    size_t room = (size + page - 1) / page * page;
    uint8_t *map =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + room, page, PROT_NONE) != 0) {
        fprintf(stderr, "cannot map %zu bytes\n", room + page);
        return 1;
    }
    uint8_t *data = map + room - size;
    size_t got = fread(data, 1, size, f);
    fclose(f);
    if (got == size) {
        LLVMFuzzerTestOneInput(data, size);
    }
    munmap(map, room + page);
    return got == size ? 0 : 1;
}

int main(int argc, char **argv)
{
    size_t n = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            fprintf(stderr, "no corpus %s\n", argv[i]);
            return 1;
        }
        for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
            char path[4096];
            if (e->d_name[0] == '.') {
                continue;
            }
            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            if (replay(path) != 0) {
                return 1;
            }
            n++;
        }
        closedir(dir);
    }
    printf("%zu inputs replayed\n", n);
    return n > 0 ? 0 : 1;
}
