/* The kernels for one instruction set; see kernels.inc. */
#define KERNELS_NAME tj_kernels_avx512bf16
#define KERNELS_ISA  "avx512bf16"
#include "nn/kernels.inc"
