/* The kernels for one instruction set; see kernels.inc. */
#define KERNELS_NAME tj_kernels_avx512
#define KERNELS_ISA  "avx512"
#include "nn/kernels.inc"
