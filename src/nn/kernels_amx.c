/* The kernels for one instruction set; see kernels.inc. */
#define KERNELS_NAME tj_kernels_amx
#define KERNELS_ISA  "amx"
#include "nn/kernels.inc"
