/* Training that can be stopped at any moment and resumed without a trace: batches of sequences as
 * forests, and losses over them, of completions (SFT), of preferences (DPO) and of labelled steps
 * (process reward models).
 *
 *     data source --fill(update)--> batch of sequences --> forest --> log-probabilities, values
 *                                       update <-- gradients <-- derivatives <-- loss
 *
 * A source is a function of the update's number alone, so that nothing but that number needs to be
 * kept to resume. Sequences of a batch that begin with the same tokens share them in the forest.
 *
 * Ownership: stated at each function.
 * Threads:   confined to one thread; work inside is shared out.
 */
#ifndef TJ_TRAIN_TRAIN_H
#define TJ_TRAIN_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/job.h"
#include "nn/nn.h"
#include "text/text.h"
#include "tree/tree.h"

/* ---------------------------------------------------------------- batches */

/* Sequences with a loss weight for each token as a target (0 keeps it out of the loss), and labels
 * at the tokens that a value head reads. */
typedef struct tj_batch tj_batch;

TJ_MUST_USE tj_code tj_batch_create(tj_batch **out, tj_err *err);
void tj_batch_destroy(tj_batch *batch);
void tj_batch_clear(tj_batch *batch);
/* Begins a new sequence; tj_batch_add appends to the latest one, so that several texts make one
 * chain in which later ones attend over earlier ones. */
TJ_MUST_USE tj_code tj_batch_begin(tj_batch *batch, tj_err *err);
/* Appends n tokens that all have the loss weight `weight`. */
TJ_MUST_USE tj_code tj_batch_add(tj_batch *batch, const int32_t *ids, size_t n, float weight,
                                 tj_err *err);
/* The latest token gets a value row, whose value is to become `label`, a finite number. Errors:
 * TJ_E_INVAL (the latest sequence has no token). */
TJ_MUST_USE tj_code tj_batch_label(tj_batch *batch, float label, tj_err *err);
/* Says the sum of the log-probabilities of the latest sequence's targets under the reference
 * policy; NaN until said. Errors: TJ_E_INVAL (no sequence was begun). */
TJ_MUST_USE tj_code tj_batch_refer(tj_batch *batch, double logp, tj_err *err);
double tj_batch_reference(const tj_batch *batch, size_t sequence);
size_t tj_batch_n_sequences(const tj_batch *batch);
size_t tj_batch_n_tokens(const tj_batch *batch);    /* of all sequences, shared ones counted each */
size_t tj_batch_last_length(const tj_batch *batch); /* of the latest sequence; 0 if none */
void tj_batch_lengths(const tj_batch *batch, size_t *lengths); /* lengths [n_sequences] */
/* Sum of the weights of a sequence's targets, and of all. The first token is never a target. */
double tj_batch_sequence_weight(const tj_batch *batch, size_t sequence);
double tj_batch_weight(const tj_batch *batch);
size_t tj_batch_n_labels(const tj_batch *batch);

/* What the rows of a forest made of sequences are, in the forest's order. Begins as {0}. */
typedef struct tj_rows {
    size_t n_loss, n_values;
    float *weights;   /* [n_loss] of the targets */
    size_t *sequence; /* [n_loss] the batch's sequence that each row belongs to */
    float *labels;    /* [n_values] */
    size_t cap_weights, cap_sequence, cap_labels;
} tj_rows;
void tj_rows_deinit(tj_rows *rows);

/* Adds sequences [first, first + n) to a cleared forest, sharing common beginnings if `share`, with
 * a loss row for each target of weight above 0 and a value row for each label; *rows says what they
 * are and keeps its memory between calls. */
TJ_MUST_USE tj_code tj_batch_to_forest(const tj_batch *batch, size_t first, size_t n, bool share,
                                       tj_forest *forest, tj_rows *rows, tj_err *err);

/* ---------------------------------------------------------------- training */

typedef struct tj_source {
    /* Fills the (cleared) batch of an update; the same update always gives the same batch. */
    tj_code (*fill)(void *ctx, size_t update, tj_batch *batch, tj_err *err);
    void *ctx;
} tj_source;

typedef struct tj_train_config {
    tj_adamw_config optimizer; /* n_updates is the length of the training */
    size_t micro_tokens; /* tokens of a forward pass at most (one group of sequences at least);
                          * gradients of an update's passes add up */
    bool share;          /* common beginnings once */
    bool recompute;      /* activations again in backward */
    size_t save_every;   /* updates between snapshots; 0: only when stopped */
} tj_train_config;
void tj_train_config_default(tj_train_config *cfg);

#define TJ_MAX_METRICS 8 /* of a loss; DPO has 7 */

typedef struct tj_metric {
    const char *name; /* static */
    double value;
} tj_metric;

/* What one update did. */
typedef struct tj_update {
    size_t update;    /* 0-based */
    double loss;      /* of the whole update */
    double grad_norm; /* before clipping */
    double lr;
    size_t n_tokens; /* of the sequences; divided by n_unique: the sharing ratio */
    size_t n_unique; /* tokens computed */
    size_t n_rows;   /* loss rows */
    size_t n_values; /* value rows */
    double seconds;
    tj_metric metrics[TJ_MAX_METRICS]; /* what else the loss tells */
    size_t n_metrics;
} tj_update;
/* Adds to the metric of that name, which begins as 0. */
void tj_update_add(tj_update *update, const char *name, double value);

/* One pass of an update, as a loss sees it. */
typedef struct tj_train_pass {
    const tj_batch *batch; /* of the whole update: what a mean is over */
    size_t first, n;       /* the pass has its sequences [first, first + n) */
    const tj_rows *rows;   /* of the pass */
    const float *logp;     /* [rows->n_loss] log-probabilities of the targets */
    const float *values;   /* [rows->n_values] */
} tj_train_pass;

/* A loss is a sum over the passes of an update. */
typedef struct tj_loss {
    /* Writes the loss's derivatives with respect to logp and values, which begin as 0, and adds the
     * pass's part to update->loss and to metrics. */
    tj_code (*derive)(void *ctx, const tj_train_pass *pass, float *dlogp, float *dvalues,
                      tj_update *update, tj_err *err);
    void *ctx;
    size_t group; /* this many sequences, one after another in the batch, share a pass: 2 for pairs;
                   * 0 is 1 */
    bool linear;  /* in logp, without value rows: derive is called before the forward pass, with
                   * logp NULL, and the loop adds up the loss; saves a product over the vocabulary */
} tj_loss;

/* Trains the model in place. With snapshot_dir (may be NULL) it first resumes from the snapshot
 * there, saves one every save_every updates and when stopped, and gives bit for bit the weights of
 * an unbroken run; the caller removes the folder when it has stored the model. `done` (may be NULL)
 * is told of each update made. Errors: TJ_E_CANCELLED after saving; TJ_E_NUMERIC; TJ_E_INVAL (an
 * update is not whole groups of sequences); what fill and derive return. */
typedef void (*tj_update_fn)(void *ctx, const tj_update *update);
TJ_MUST_USE tj_code tj_train_loop(tj_model *model, tj_source source, const tj_loss *loss,
                                  const tj_train_config *cfg, const char *snapshot_dir,
                                  tj_update_fn done, void *ctx, const tj_job *job, tj_err *err);

/* Supervised fine-tuning: tj_train_loop with the mean negative log-probability, weighted, over all
 * loss rows of the update, also when it takes several passes. Errors: also TJ_E_INVAL (an update
 * without any weight). */
TJ_MUST_USE tj_code tj_train_sft(tj_model *model, tj_source source, const tj_train_config *cfg,
                                 const char *snapshot_dir, tj_update_fn done, void *ctx,
                                 const tj_job *job, tj_err *err);

/* ---------------------------------------------------------------- preferences */

typedef enum tj_dpo_kind { TJ_DPO_SIGMOID = 0, TJ_DPO_IPO } tj_dpo_kind;

typedef struct tj_dpo_config {
    tj_dpo_kind kind;
    double beta;            /* above 0: how much leaving the reference policy costs; of IPO, tau */
    double label_smoothing; /* in [0, 0.5): the share of pairs that may be labelled the wrong way
                             * round (conservative DPO); of the sigmoid loss */
    double rpo_alpha;       /* weight of the SFT loss of what was chosen; 0: none */
} tj_dpo_config;
void tj_dpo_config_default(tj_dpo_config *cfg); /* sigmoid, beta 0.1, as TRL's */
TJ_MUST_USE tj_code tj_dpo_config_check(const tj_dpo_config *cfg, tj_err *err);

/* DPO's loss, for tj_train_loop; keeps cfg, which must have been checked. Of a batch's sequences,
 * each even one is chosen over the next, and all have references. Metrics, means over the pairs, as
 * TRL's: rewards/chosen, rewards/rejected, rewards/accuracies, rewards/margins, logps/chosen,
 * logps/rejected and, with an SFT term, nll_loss. Errors: TJ_E_INVAL (a sequence without a
 * reference). */
tj_loss tj_dpo_loss(tj_dpo_config *cfg);

/* ---------------------------------------------------------------- process rewards */

/* The logistic loss of labels in [0, 1], for tj_train_loop: the mean over all value rows of the
 * update. sigmoid(value) is the probability that a step is right. Metrics: accuracy, the share of
 * rows on whose label's side of one half it is. Errors: TJ_E_INVAL (an update without labels). */
tj_loss tj_prm_loss(void);

/* Replaces the model by one with a value head, whose weights are normal, drawn by `seed`; one that
 * has it stays. Holds both for a moment. On error *model is as it was. */
TJ_MUST_USE tj_code tj_prm_add_head(tj_model **model, uint64_t seed, tj_err *err);
/* Has the head trained beside adapters (tj_model_add_lora), which froze it. To be called before
 * gradients are made. */
void tj_prm_train_head(tj_model *model);

/* ---------------------------------------------------------------- examples from JSON lines */

#define TJ_MAX_JSONL_LINE ((size_t)16 << 20) /* a long thought of 50,000 tokens takes 200 kB */

/* What a step's label means that is a number. */
typedef enum tj_neutral {
    TJ_NEUTRAL_NONE = 0, /* 0 is wrong, 1 is right; -1 is refused */
    TJ_NEUTRAL_SKIP,     /* -1 is wrong, 1 is right, and 0 is neutral: such a step has no label (and
                          * a line of nothing else is passed over), */
    TJ_NEUTRAL_RIGHT,    /* counts as right, */
    TJ_NEUTRAL_WRONG     /* or as wrong */
} tj_neutral;

/* How texts become tokens. */
typedef struct tj_example_format {
    const tj_tokenizer *tok;
    int32_t begin; /* stands before a prompt in plain text; -1: nothing does */
    int32_t end;   /* after a completion in plain text, and is learnt; -1: nothing */
    bool has_chat; /* whether messages can be read, and in which template */
    tj_chat_template chat;
    size_t max_tokens;          /* of an example */
    const char *step_separator; /* after each labelled step; NULL: a newline */
    tj_neutral neutral;         /* what numbers as labels of steps mean */
} tj_example_format;

typedef enum tj_example_kind {
    TJ_EXAMPLE_COMPLETIONS = 0, /* what is learnt, for SFT */
    TJ_EXAMPLE_PAIRS,           /* chosen and rejected, for DPO: two examples each, chosen first */
    TJ_EXAMPLE_STEPS            /* steps with labels, for a PRM */
} tj_example_kind;

/* One sequence. */
typedef struct tj_example {
    size_t begin; /* of its tokens in ids */
    size_t n;
    size_t first_label, n_labels; /* of its steps, in labels */
} tj_example;

typedef struct tj_step_label {
    size_t at;   /* the step's last token, counted from the example's first */
    float label; /* 1: right, 0: wrong; between them, the share of rollouts */
} tj_step_label;

typedef struct tj_examples {
    tj_example_kind kind;
    int32_t *ids;     /* [n_ids] */
    int32_t *learned; /* [n_ids] 1: a target of training, or of a preference */
    size_t n_ids;
    tj_example *examples; /* [n], in the order of the file */
    size_t n, cap;
    size_t *lines; /* [n_lines + 1] the first example of each line, and n: what stands in one
                    * update; NULL: every line has as many (tj_examples_group) */
    size_t n_lines;
    tj_step_label *labels; /* [n_labels], in the order of the tokens */
    size_t n_labels, cap_labels;
    double *references; /* [n] log-probabilities of what is learnt under the reference policy, by
                         * tj_examples_refer; NULL: not computed */
    char digest[65];    /* SHA-256 of the file, in hexadecimal */
} tj_examples;

/* Reads a file of one JSON object a line, in the forms of TRL's trainers:
 *
 *     {"prompt": text, "completion": text}            the completion is learnt
 *     {"messages": [{"role", "content"}, ...]}        what the assistant says is learnt
 *     {"prompt": [messages], "completion": [message]} what it says after the prompt is learnt
 *
 *     {"prompt": text, "chosen": text, "rejected": text}   a preference; all may be messages, or
 *     {"chosen": text, "rejected": text}                   the prompt is what they have in common
 *
 *     {"prompt": text, "completions": [texts], "labels": [true or false]}   steps and labels
 *
 * Texts are encoded apart, as they stand, with nothing between them, but for the separator after
 * each step; messages in the format's template, whose markup alone is special tokens. Other fields
 * and blank lines are passed over. The first line's fields say which kind of examples the file
 * holds. Gives *out (tj_examples_deinit), empty on error. Errors name the file and the line:
 * TJ_E_PARSE (not UTF-8, not JSON, Parquet, unpaired preferences, a field missing or of the wrong
 * type, not as many labels as steps, another kind than the first line's, no example at all),
 * TJ_E_LIMIT (an example of more than max_tokens tokens, a line longer than TJ_MAX_JSONL_LINE),
 * TJ_E_INVAL (text that the vocabulary cannot spell, turns that the template has no place for, or
 * no template); those of tj_fs_map_open; TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_examples_load(tj_examples *out, const char *path,
                                     const tj_example_format *format, tj_err *err);
/* The same of a file's bytes; messages call it `name`. */
TJ_MUST_USE tj_code tj_examples_parse(tj_examples *out, const void *bytes, size_t n_bytes,
                                      const char *name, const tj_example_format *format,
                                      tj_err *err);
void tj_examples_deinit(tj_examples *examples);
/* How many examples, one after another, a line of the file makes: 2 of pairs. */
size_t tj_examples_group(const tj_examples *examples);
/* How many lines there are, and the examples [*first, *first + n) of one: gives n. */
size_t tj_examples_n_lines(const tj_examples *examples);
size_t tj_examples_line(const tj_examples *examples, size_t line, size_t *first);

/* Labelled trees as examples for process reward models: a line of each tree, a sequence of it for
 * each way to a deepest labelled step, written as `form` says; of format, tok and max_tokens count.
 * Sequences end before the step that is too much for max_tokens; *n_cut labels are lost so. The
 * digest is of problems, steps and targets. Gives *out (tj_examples_deinit), empty on error.
 * Errors: those of tj_encoder_encode, naming the record's line; TJ_E_INVAL (no labelled step fits),
 * TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_examples_from_labelled(tj_examples *out, size_t *n_cut,
                                              const tj_labelled *set, const tj_prm_form *form,
                                              const tj_example_format *format, tj_err *err);
/* Adds example i to a batch as a new sequence, with its labels and its reference. */
TJ_MUST_USE tj_code tj_examples_add(const tj_examples *examples, size_t i, tj_batch *batch,
                                    tj_err *err);

/* Computes the references of all examples: their log-probabilities under the model as it is now.
 * The work is cut, shared and told as training is. On error there are none. Errors: TJ_E_CANCELLED,
 * those of tj_forward. */
TJ_MUST_USE tj_code tj_examples_refer(tj_examples *examples, tj_model *model,
                                      const tj_train_config *cfg, const tj_job *job, tj_err *err);

/* Keeps them in a file, and reads them back to the same bits. Errors: TJ_E_NOTFOUND, TJ_E_CONFLICT
 * (they are of another file of examples), TJ_E_PARSE, TJ_E_IO, TJ_E_NOMEM; loading then changes
 * nothing. */
TJ_MUST_USE tj_code tj_references_save(const tj_examples *examples, const char *path, tj_err *err);
TJ_MUST_USE tj_code tj_references_load(tj_examples *examples, const char *path, tj_err *err);

/* Examples as a source of batches: each epoch goes through all lines in an order of its own, a
 * Philox permutation of (seed, epoch); its last update takes what is left. Keeps the examples. Use:
 * {tj_example_source_fill, &source} as tj_source. */
typedef struct tj_example_source {
    const tj_examples *examples;
    size_t per_update; /* lines: examples, or pairs of them */
    uint64_t seed;
    size_t n;           /* lines */
    size_t *order;      /* [n] of the epoch at hand */
    size_t order_epoch; /* SIZE_MAX: none yet */
} tj_example_source;
TJ_MUST_USE tj_code tj_example_source_init(tj_example_source *source, const tj_examples *examples,
                                           size_t per_update, uint64_t seed, tj_err *err);
void tj_example_source_deinit(tj_example_source *source);
size_t tj_example_source_updates(const tj_example_source *source); /* of an epoch */
TJ_MUST_USE tj_code tj_example_source_fill(void *ctx, size_t update, tj_batch *batch, tj_err *err);

#endif
