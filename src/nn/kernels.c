/* Chooses the table of kernels once, by what the CPU has. */
#define _GNU_SOURCE /* syscall */
#include "nn/kernels.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const tj_kernels *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#if defined(__x86_64__)
#define CPUID_AMX_BF16      (1U << 22U) /* leaf 7, edx */
#define CPUID_AMX_TILE      (1U << 24U)
#define ARCH_REQ_XCOMP_PERM 0x1023 /* Linux, asm/prctl.h */
#define XFEATURE_XTILEDATA  18

/* Linux gives the registers to a process that asks for them. */
static bool may_use_tiles(void)
{
    unsigned a, b, c, d;
    unsigned needed = CPUID_AMX_BF16 | CPUID_AMX_TILE;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & needed) != needed) {
        return false;
    }
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

/* From the best to the least. */
static const tj_kernels *best_allowed(const char *most)
{
    bool allowed = most == NULL || strcmp(most, "amx") == 0;
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
    if (allowed && bf16 && may_use_tiles()) {
        return &tj_kernels_amx;
    }
    allowed = allowed || strcmp(most, "avx512bf16") == 0;
    if (allowed && bf16) {
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
