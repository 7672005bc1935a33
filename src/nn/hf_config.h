/* config.json as Hugging Face transformers writes it, to and from a model's configuration.
 * Internal to nn. */
#ifndef TJ_NN_HF_CONFIG_H
#define TJ_NN_HF_CONFIG_H

#include "nn/family.h"

/* A new reference; NULL when memory is exhausted. cfg is of the family. */
json_t *tj_hf_config_write(const tj_model_config *cfg, const tj_family *family, tj_dtype stored);
/* Errors: TJ_E_PARSE, TJ_E_INVAL naming file and field. */
TJ_MUST_USE tj_code tj_hf_config_read(tj_model_config *cfg, const tj_family **family,
                                      const json_t *root, const char *path, tj_err *err);

#endif
