/* A workspace with a row in every table, for tests of what is kept and what is noticed. */
#ifndef TJ_TESTS_STORE_EVERYTHING_H
#define TJ_TESTS_STORE_EVERYTHING_H

#include "store/store.h"

/* What it made. */
typedef struct everything {
    int64_t import_run; /* done: sets, tokenizer, model, data file, a tree, a thought, an output */
    int64_t judge_run;  /* done: rewards, judgements and annotations on that tree */
    int64_t failed_run, open_run;
    int64_t set, problem, tokenizer, model, tree, thought, output;
    int64_t judge, judgement, failed_judgement, annotation, newer_annotation;
} everything;

/* In a store that is open for writing. Fails the test on an error. */
void everything_make(tj_store *store, everything *out);
/* A clock for tj_store_options: a millisecond later at each look. ctx: an int64_t. */
int64_t everything_clock(void *ctx);

/* How many places differ. Fails the test where it cannot be told. */
size_t everything_mismatches(const char *dir, const tj_verify_options *options);

#endif
