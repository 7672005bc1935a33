/* The products for one instruction set; see panels.inc. */
#define KERNELS_NAME tj_panel_kernels_generic
#define KERNELS_ISA  "generic"
#include "nn/panels.inc"
