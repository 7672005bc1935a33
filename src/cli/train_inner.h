/* A training of the command train, shared by cmd_train.c (the course of it) and train_record.c
 * (whether it goes on from a snapshot).
 *
 * Ownership: the training owns what it points to, but for out and merged, the command line's.
 * Threads:   one.
 */
#ifndef TJ_CLI_TRAIN_INNER_H
#define TJ_CLI_TRAIN_INNER_H

#include "cli/domain.h"
#include "cli/method.h"
#include "cli/train_ledger.h"
#include "train/train.h"

typedef struct tj_training {
    tj_domain domain;
    tj_tokenizer *tok; /* the model's own; NULL: the domain's */
    tj_example_format format;
    tj_model *model;
    tj_examples examples;
    tj_example_source source;
    tj_train_config sft;
    tj_method method;
    bool is_prm;      /* 'train prm', which reads data sets too */
    tj_prm_form form; /* of a PRM's texts */
    size_t epochs, batch, seed;
    tj_lora_config lora;
    bool adapts;            /* adapters are trained, not the model */
    bool gives_adapters;    /* and are what OUT holds; of a PRM it holds the whole model */
    const char *merged;     /* folder of the model with adapters added, or NULL */
    size_t n_trainable;     /* parameters */
    json_t *record;         /* what train.json says */
    const char *out;        /* folder of the new model */
    char *from;             /* the first one; NULL: --new */
    char *snapshots, *note; /* OUT/snapshots and train.json in it */
    bool force;
    tj_train_ledger ledger;
    struct {
        double first;            /* loss */
        tj_update last;          /* whole */
        size_t n;                /* updates made by this process */
        uint64_t tokens, unique; /* of the sequences, and computed */
    } made;
} tj_training;

extern const char *const tj_train_schedules[]; /* by tj_schedule, then NULL */

/* Sets the record: everything that the trained weights depend on, of the model as it starts. */
TJ_MUST_USE tj_code tj_training_describe(tj_training *t, tj_err *err);
/* Makes OUT/snapshots ready: our own of before, or a new one. Refuses to touch what is not ours,
 * and, unless forced, a model that is there (TJ_E_CONFLICT). */
TJ_MUST_USE tj_code tj_training_open_snapshots(const tj_training *t, tj_err *err);

#endif
