/* Adapters by themselves, from the files of PEFT. Internal to nn. */
#ifndef TJ_NN_PEFT_H
#define TJ_NN_PEFT_H

#include "nn/lora.h"

/* Reads the adapters of a PEFT folder for models of a shape. Gives *out (tj_lora_destroy), NULL on
 * error: as tj_adapter_load. */
TJ_MUST_USE tj_code tj_peft_read(tj_lora **out, const tj_model_config *shape, const char *dir,
                                 tj_err *err);

#endif
