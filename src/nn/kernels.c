/* Chooses the table of kernels once, by what the CPU has. */
#include "nn/kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const tj_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#if defined(__x86_64__)
/* From the best to the least. */
static const tj_kernels *best_allowed(const char *most)
{
    bool allowed = most == NULL || strcmp(most, "avx512bf16") == 0;
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (allowed && avx512 && __builtin_cpu_supports("avx512bf16")) {
        return &tj_kernels_avx512bf16;
    }
    allowed = allowed || strcmp(most, "avx512") == 0;
    if (allowed && avx512) {
        return &tj_kernels_avx512;
    }
    allowed = allowed || strcmp(most, "avx2") == 0;
    if (allowed && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return &tj_kernels_avx2;
    }
    return &tj_kernels_generic;
}
#endif

static void choose(void)
{
    chosen = &tj_kernels_generic;
#if defined(__x86_64__)
    __builtin_cpu_init();
    chosen = best_allowed(getenv("TABIJI_ISA"));
#endif
}

const tj_kernels *tj_kernels_get(void)
{
    pthread_once(&once, choose);
    return chosen;
}
