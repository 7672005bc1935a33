/* The products for one instruction set; see panels.inc. */
#define KERNELS_NAME tj_panel_kernels_avx2
#define KERNELS_ISA  "avx2"
#include "nn/panels.inc"
