/* Who proposes steps: a model of this machine, one behind a server, a script in tests. A policy is
 * asked for the next step of a path and nothing more, for all paths of a round at once.
 *
 *     requests (tree, node, random stream, temperature) ──▶ policy ──▶ one step each
 *
 * Part of tree.h.
 *
 * Ownership: a request's answer belongs to who asked; a policy is closed by who opened it.
 * Threads:   confined to one thread; work inside is shared out.
 */
#ifndef TJ_TREE_POLICY_H
#define TJ_TREE_POLICY_H

#include "grade/grade.h"
#include "tree/tree.h"

/* ------------------------------------------------------------ steps */

/* Where a step ends. */
typedef enum tj_step_form {
    TJ_STEPS_LINES = 0,  /* with its line: "2. So 3 x 4 = 12." */
    TJ_STEPS_PARAGRAPHS, /* before an empty line */
    TJ_STEPS_TOKENS      /* after so many tokens, wherever that is */
} tj_step_form;
/* The names of the forms in their order, ended by NULL: "lines", "paragraphs", "tokens". */
extern const char *const tj_step_form_names[];

/* The length of what numbers a step before its words ("Step 3: ", "3. ", "3) "); 0: nothing. */
size_t tj_step_marker(const char *text, size_t len);
/* The canonical form of a step in words, by which siblings are distinct and loops are seen: without
 * its number, white space, dollars and full stop at the end; a digest where that is too long. */
void tj_step_key(char out[TJ_STEP_KEY_BYTES], const char *text, size_t len);

/* ------------------------------------------------------------ policies */

/* One step asked for after a node. */
typedef struct tj_step_request {
    tj_tree *tree;
    size_t node;
    uint64_t draw; /* with (seed, run, problem) the random stream of the sample */
    double temperature;
    size_t turn; /* the same for all that is asked between two decisions of the search */
    /* answers, given: freed by who asked */
    int32_t *ids;    /* [n_ids]; NULL where the policy has no ids */
    float *logprobs; /* [n_ids] */
    size_t n_ids;
    char *text;      /* zero-terminated */
    size_t n_tokens; /* that were sampled for it */
    bool whole;      /* the step ended with its delimiter, or with the answer */
    bool last;       /* the answer ended with it: no step follows */
    bool cut;        /* whole by its length alone: it may end in the midst of a word */
} tj_step_request;

typedef struct tj_policy {
    /* Sets the tree's prompt_ids, where the policy has ids. */
    tj_code (*begin)(void *ctx, tj_tree *tree, tj_err *err);
    /* Fills in the answers of all requests. An answer depends on its own path and stream alone. On
     * error those that came are there all the same. */
    tj_code (*sample)(void *ctx, tj_step_request *requests, size_t n, const tj_job *job,
                      tj_err *err);
    void (*close)(void *ctx); /* frees ctx; NULL: nothing to free */
    void *ctx;
} tj_policy;
void tj_policy_close(tj_policy *policy); /* a zeroed one is allowed */

typedef struct tj_step_options {
    tj_step_form form;
    size_t max_tokens;  /* of a step; of TJ_STEPS_TOKENS its length */
    double top_p;       /* 1: off */
    size_t keep_tokens; /* of paths whose keys and values are remembered beyond the last turns: for
                         * searches that come back to old nodes. 0: none */
} tj_step_options;
void tj_step_options_default(tj_step_options *options); /* lines of at most 64 tokens */

/* A model on this machine as the policy. */
typedef struct tj_tree_model {
    tj_engine *engine;
    const tj_tokenizer *tok;
    /* Appends the ids of what stands before the first step of a tree's problem. */
    tj_code (*encode)(void *ctx, tj_ids *ids, const tj_task *task, const tj_tree *tree,
                      tj_err *err);
    void *ctx;
    const int32_t *ends; /* tokens that end an answer, besides the model's own */
    size_t n_ends;
} tj_tree_model;
/* Copies model (not what it points to); keeps task, which may be NULL where all problems are words.
 * Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_policy_of_model(tj_policy *out, const tj_tree_model *model,
                                       const tj_task *task, const tj_step_options *options,
                                       tj_err *err);

/* An `encode` for models trained on the domain: the prompt as the task writes it, after a token
 * (-1: none) that their texts begin with. ctx is one of these. */
typedef struct tj_plain_prompt {
    const tj_tokenizer *tok;
    int32_t begin;
} tj_plain_prompt;
TJ_MUST_USE tj_code tj_plain_prompt_encode(void *ctx, tj_ids *ids, const tj_task *task,
                                           const tj_tree *tree, tj_err *err);

/* How problems in words are put: the description, question and examples of a prompt task. NULL
 * stands for math_lines, the form that models are fine-tuned to. */
typedef struct tj_words_prompt {
    const tj_prompt_task *task;
    size_t n_shots; /* of its fixed examples, at most */
} tj_words_prompt;
/* Appends it as one text that the first step continues. */
void tj_words_write_prompt(tj_buf *out, const tj_words_prompt *prompt, const char *question);
/* Gives it as a conversation, description first: *messages [*n] (tj_words_free_chat). Errors:
 * TJ_E_NOMEM. */
typedef struct tj_words_chat {
    tj_message messages[2 * TJ_MAX_SHOTS + 4];
    size_t n;
    char *texts[2 * TJ_MAX_SHOTS + 4]; /* of messages, where they are owned */
} tj_words_chat;
TJ_MUST_USE tj_code tj_words_chat_begin(tj_words_chat *out, const tj_words_prompt *prompt,
                                        const char *question, tj_err *err);
/* Adds a message, copying its text. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_words_chat_add(tj_words_chat *chat, tj_role role, const char *text,
                                      size_t len, tj_err *err);
void tj_words_chat_end(tj_words_chat *chat); /* frees its texts */

/* Any generator as the policy, one behind a server first of all. In chats the steps so far are the
 * assistant's last message and the next one is asked for by the user; a generator that only
 * continues texts is given the prompt and the path as one. Nodes then have texts, not ids. Keeps
 * generator and what prompt points to. Errors: TJ_E_NOMEM; TJ_E_INVAL (steps of so many tokens:
 * where they end is not seen through a server). */
TJ_MUST_USE tj_code tj_policy_of_generator(tj_policy *out, tj_generator *generator,
                                           const tj_task *task, const tj_words_prompt *prompt,
                                           const tj_step_options *options, tj_err *err);

/* ------------------------------------------------------------ ends of paths in words */

/* Whether an answer that was found by this rule (tj_extraction.rule, may be NULL) is meant as one:
 * in a box, or in so many words. A number that merely stands last is not. */
bool tj_words_is_statement(const char *rule);

/* What the last step of a path says of its answer. */
typedef struct tj_words_verdict {
    bool states_answer; /* it says which it is: in a box, or in so many words */
    tj_label right;     /* UNKNOWN: no reference, or the grader cannot tell */
    char reason[TJ_STEP_REASON_BYTES];
} tj_words_verdict;
/* How a step of a path ends. */
typedef enum tj_words_end {
    TJ_WORDS_STEP, /* with its delimiter */
    TJ_WORDS_CUT,  /* anywhere: its answer may have begun before it and go on behind it, so that one
                    * is taken for stated only where a box or a line is closed */
    TJ_WORDS_LAST  /* nothing follows: where the step does not name an answer, all of the path is
                    * looked through */
} tj_words_end;
/* path: the whole text, of which the step is the bytes from step_begin on. answer NULL: not known.
 * A reference that cannot be read makes nothing right or wrong. Errors: TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_words_judge(tj_words_verdict *out, tj_grader *grader, const char *answer,
                                   const char *path, size_t n_path, size_t step_begin,
                                   tj_words_end end, tj_err *err);

#endif
