/* config.json as Hugging Face transformers writes it, to and from a model's configuration.
 * Internal to nn. */
#ifndef TJ_NN_HF_CONFIG_H
#define TJ_NN_HF_CONFIG_H

#include "nn/family.h"

/* A new reference; NULL when memory is exhausted. cfg is of the family. */
json_t *tj_hf_config_write(const tj_model_config *cfg, const tj_family *family, tj_dtype stored);
/* Errors: TJ_E_PARSE, TJ_E_INVAL, TJ_E_LIMIT naming file and field. */
TJ_MUST_USE tj_code tj_hf_config_read(tj_model_config *cfg, const tj_family **family,
                                      const json_t *root, const char *path, tj_err *err);

/* Reads a file that is one JSON object. Gives *out, a new reference; NULL on error: those of
 * tj_fs_read, TJ_E_PARSE. */
TJ_MUST_USE tj_code tj_hf_json_read(json_t **out, const char *path, tj_err *err);
/* Adds the ids at eos_token_id, one or a list, to those that end an answer, and gives them all as a
 * list (a new reference; NULL when memory is exhausted). */
TJ_MUST_USE tj_code tj_hf_eos_read(tj_model_config *cfg, const json_t *root, const char *path,
                                   tj_err *err);
json_t *tj_hf_eos_write(const tj_model_config *cfg);
/* What generation_config.json in a folder says, if it is there: further ends of answers, and how to
 * sample. Either may be NULL. Errors: TJ_E_PARSE, TJ_E_LIMIT naming file and field, TJ_E_IO,
 * TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_generation_config_read(tj_model_config *cfg, tj_suggested_sampling *sampling,
                                              const char *dir, tj_err *err);

#endif
