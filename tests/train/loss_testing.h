/* What the tests of losses share: tiny models, derivatives by differences, gradients of a batch. */
#ifndef TJ_TESTS_TRAIN_LOSS_TESTING_H
#define TJ_TESTS_TRAIN_LOSS_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "train/train.h"

#define LOSS_VOCAB 11

tj_model *loss_model(bool value_head);

/* Fails unless the derivatives that the loss gives at logp [rows->n_loss] and values
 * [rows->n_values] equal central differences of it. */
void loss_check_derivatives(const tj_loss *loss, const tj_batch *batch, const tj_rows *rows,
                            const float *logp, const float *values);

/* Fails unless the batch's loss and gradients are the same with shared beginnings and without, and
 * sharing saves tokens. */
void loss_check_sharing(const tj_loss *loss, const tj_batch *batch, bool value_head);

/* Fails unless training of the models that `make` gives, all alike, gives the same weights stopped
 * after each of its first updates and resumed as unbroken, bit for bit. */
void loss_check_resume(const tj_loss *loss, tj_source source, tj_model *(*make)(void));

#endif
