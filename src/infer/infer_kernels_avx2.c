/* The kernels for one instruction set; see infer_kernels.inc. */
#define KERNELS_NAME tj_infer_kernels_avx2
#define KERNELS_ISA  "avx2"
#include "infer/infer_kernels.inc"
