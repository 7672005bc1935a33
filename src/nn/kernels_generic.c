/* The kernels for one instruction set; see kernels.inc. */
#define KERNELS_NAME tj_kernels_generic
#define KERNELS_ISA  "generic"
#include "nn/kernels.inc"
