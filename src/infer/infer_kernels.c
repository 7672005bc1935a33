/* Chooses the table of kernels once, by what the CPU has. */
#include "infer/infer_kernels.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const tj_infer_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void)
{
    chosen = &tj_infer_kernels_generic;
#if defined(__x86_64__)
    const char *force = getenv("TABIJI_ISA");
    bool any = force == NULL || strncmp(force, "avx512", 6) == 0;
    __builtin_cpu_init();
    if (any && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
        chosen = &tj_infer_kernels_avx512;
    } else if ((any || strcmp(force, "avx2") == 0) && __builtin_cpu_supports("avx2") &&
               __builtin_cpu_supports("fma")) {
        chosen = &tj_infer_kernels_avx2;
    }
#endif
}

const tj_infer_kernels *tj_infer_kernels_get(void)
{
    pthread_once(&once, choose);
    return chosen;
}
