/* The kernels for one instruction set; see kernels.inc. */
#define KERNELS_NAME tj_kernels_avx2
#define KERNELS_ISA  "avx2"
#include "nn/kernels.inc"
