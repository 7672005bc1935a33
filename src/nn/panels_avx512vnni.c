/* The products for one instruction set; see panels.inc. */
#define KERNELS_NAME tj_panel_kernels_avx512vnni
#define KERNELS_ISA  "avx512vnni"
#include "nn/panels.inc"
