/* A long thought: a text in spans. Every byte of the text lies in exactly one span, and each span
 * knows what it does (its action), what it tells of (a node of a tree, or an annotation: a line of
 * a person's text, an entry of a dialogue), whose words they are (its editor), and what is known of
 * it (its mark, a value).
 *
 *     1. 11 - 7 = 4 left 3 4 6 ⏎ | That does not work. ⏎ | Back to 3 6 7 11, make 36. ⏎ | 1. 6 *
 * ... propose, node 4, policy,   | reflect, node 4,      | backtrack, node 0,            | propose,
 *     dead                       | template              | task                          | node 2
 *
 * Ownership: a thought owns its arrays; tj_thought_deinit frees them. A scribe owns what it wrote
 *            until tj_scribe_end gives it to a thought.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_SPAN_H
#define TJ_THOUGHT_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "text/text.h"

#define TJ_EDITOR_NAME_BYTES 32 /* an agent's or a person's name in a span */
#define TJ_MAX_THOUGHT_BYTES                                                                       \
    ((size_t)16 << 20) /* a text; the longest real ones are some 100 KiB                           \
                        */
#define TJ_MAX_THOUGHT_SPANS ((size_t)1 << 20)
#define TJ_SPAN_NO_NODE      SIZE_MAX /* TJ_NO_NODE of tree.h: a span need not know trees */

typedef enum tj_action {
    TJ_PROPOSE = 0, /* a first step from a state */
    TJ_CONTINUE,    /* a further step of the same attempt */
    TJ_REFLECT,     /* notices and says why */
    TJ_BACKTRACK,   /* goes back to a named earlier state */
    TJ_VERIFY,      /* checks */
    TJ_CONCLUDE,    /* states the answer */
    TJ_N_ACTIONS
} tj_action;
const char *tj_action_name(tj_action action);

/* Whose words a span has. */
typedef enum tj_editor {
    TJ_BY_POLICY = 0, /* a node's, as the policy sampled them */
    TJ_BY_TEMPLATE,   /* a sentence of the templates (its name: "en") */
    TJ_BY_TASK,       /* a line as the task writes it */
    TJ_BY_REWRITE,    /* a language model's that reworded a draft */
    TJ_BY_HUMAN,      /* a person's (name: the author) */
    TJ_BY_CRITIC,     /* the critic's of a dialogue */
    TJ_BY_AGENT,      /* one of several agents' (name: which) */
    TJ_BY_RULES,      /* nobody knows: the rules cut a text that came without spans */
    TJ_N_EDITORS
} tj_editor;
const char *tj_editor_name(tj_editor editor);

/* What is known of a step. A step can be valid and yet lead nowhere. */
typedef enum tj_mark {
    TJ_MARK_NONE = 0, /* not known, or no step */
    TJ_MARK_RIGHT,    /* valid, and the goal can be reached from it */
    TJ_MARK_DEAD,     /* valid, and the goal cannot be reached any more */
    TJ_MARK_INVALID,  /* wrong in itself */
    TJ_N_MARKS
} tj_mark;
const char *tj_mark_name(tj_mark mark); /* "none", "right", "dead", "invalid" */

typedef struct tj_span {
    size_t begin, end;         /* bytes of the text */
    size_t ids_begin, ids_end; /* tokens of ids; 0, 0 where the thought has none */
    tj_action action;
    size_t node;  /* the tree's node it tells of, of BACKTRACK the one gone back to; TJ_NO_NODE if
                   * none */
    bool on_path; /* the span belongs to the path that ends in the answer, or is the conclusion;
                   * false for wrong branches and what is said about them */
    tj_editor editor;
    tj_mark mark;
    size_t annotation; /* from 1: the line or entry that it is made of; 0: none */
    size_t back_to;    /* of BACKTRACK without a node: the annotation gone back to; 0: the start */
    bool has_value;
    double value;                    /* where has_value: the chance of success after it, 0 to 1 */
    char name[TJ_EDITOR_NAME_BYTES]; /* beside the editor; "" */
} tj_span;

/* Sets the name, cut at a whole character where it is too long. */
void tj_span_set_name(tj_span *span, const char *name);
/* A step is what proposes or continues. */
bool tj_is_step(const tj_span *span);

typedef enum tj_thought_kind {
    TJ_SHORTCUT = 0, /* a correct path, and nothing else */
    TJ_JOURNEY,      /* derived from a tree */
    TJ_CRITIQUE,     /* of one who proposes and one who criticises */
    TJ_DEBATE,       /* of several agents */
    TJ_HUMAN,        /* of a person's annotated thinking */
    TJ_FOREIGN,      /* a text from elsewhere */
    TJ_N_KINDS
} tj_thought_kind;
const char *tj_thought_kind_name(tj_thought_kind kind);

/* The names, each list ended by NULL, and the place of one among them (of NULL, where it is not
 * there). */
extern const char *const tj_action_names[TJ_N_ACTIONS + 1];
extern const char *const tj_editor_names[TJ_N_EDITORS + 1];
extern const char *const tj_mark_names[TJ_N_MARKS + 1];
extern const char *const tj_thought_kind_names[TJ_N_KINDS + 1];
size_t tj_name_index(const char *name, const char *const *names);

typedef struct tj_thought {
    int64_t problem;
    tj_thought_kind kind;
    char *text; /* [n_text], zero-terminated; without the prompt */
    size_t n_text;
    int32_t *ids; /* [n_ids]; without the prompt, with the end-of-sequence token at the end; NULL
                   * where no tokenizer was at hand */
    size_t n_ids;
    tj_span *spans; /* [n_spans], in order, covering the text */
    size_t n_spans;
    size_t n_backtracks;
} tj_thought;
void tj_thought_deinit(tj_thought *thought);
/* What makes the spans a cover: in order, without hole or overlap, of the text and (where there are
 * ids) of the ids but the last. Errors: TJ_E_INVAL naming the span. */
TJ_MUST_USE tj_code tj_thought_check(const tj_thought *thought, tj_err *err);
/* A deep copy. Errors: TJ_E_NOMEM; *out is empty then. */
TJ_MUST_USE tj_code tj_thought_copy(tj_thought *out, const tj_thought *thought, tj_err *err);

/* ------------------------------------------------------------ writing one */

typedef struct tj_scribe {
    const tj_tokenizer *tok; /* NULL: no ids */
    tj_buf text;
    tj_ids ids;
    tj_span *spans;
    size_t n_spans, cap_spans;
} tj_scribe;
void tj_scribe_init(tj_scribe *scribe, const tj_tokenizer *tok); /* keeps tok */
void tj_scribe_deinit(tj_scribe *scribe);
/* Appends a span with this text, encoded by itself; an empty one is passed over. The places of
 * `span` are filled in. Errors: TJ_E_LIMIT (TJ_MAX_THOUGHT_*), those of tj_tokenizer_encode. */
TJ_MUST_USE tj_code tj_scribe_add(tj_scribe *scribe, const tj_span *span, const char *text,
                                  size_t len, tj_err *err);
/* The same where the ids are known, as those of a node are. */
TJ_MUST_USE tj_code tj_scribe_add_ids(tj_scribe *scribe, const tj_span *span, const char *text,
                                      size_t len, const int32_t *ids, size_t n_ids, tj_err *err);
/* Gives what was written to *out, whose other fields are untouched; eos (-1: none) ends the ids.
 * The scribe is then as after init. */
TJ_MUST_USE tj_code tj_scribe_end(tj_scribe *scribe, tj_thought *out, int32_t eos, tj_err *err);

#endif
