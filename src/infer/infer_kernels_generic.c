/* The kernels for one instruction set; see infer_kernels.inc. */
#define KERNELS_NAME tj_infer_kernels_generic
#define KERNELS_ISA  "generic"
#include "infer/infer_kernels.inc"
