#define _XOPEN_SOURCE 700 /* sys/resource.h's limits */
#include "support/full_disk.h"

#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>

void limit_files(size_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN); /* so that write fails instead */
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes == SIZE_MAX || bytes > limit.rlim_max ? limit.rlim_max : bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}
