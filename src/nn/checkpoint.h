/* A configuration and the weights that it describes, saved together. Internal to nn. */
#ifndef TJ_NN_CHECKPOINT_H
#define TJ_NN_CHECKPOINT_H

#include "nn/nn.h"

typedef struct tj_saved_pair {
    const char *config_name;
    const json_t *config; /* NULL: memory was exhausted when it was made */
    const char *weights_name;
    tj_code (*write_weights)(const void *ctx, const char *path, tj_err *err);
    const void *ctx;
} tj_saved_pair;

/* Writes both files, each atomically, into a folder that is made if need be. The configuration lies
 * on the disk, under another name, before the weights are replaced, so that a full disk cannot
 * leave the one of the new model beside the other of the old. Errors: TJ_E_IO, TJ_E_NOMEM,
 * TJ_E_CONFLICT (a file has the folder's name). */
TJ_MUST_USE tj_code tj_save_pair(const char *dir, const tj_saved_pair *pair, tj_err *err);

#endif
