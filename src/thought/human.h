/* A person's annotated thinking in a simple Markdown form: a line a step, with a mark before it.
 *
 *     ---
 *     author: Aiko
 *     answer: 42
 *     ---
 *     > What is 6 times 7?
 *
 *     Let me add seven sixes.
 *     ! 6 + 6 + 6 + 6 + 6 + 6 = 36
 *     ? That was six sixes only.
 *     < 1 One more, then.
 *     6 * 7 = 36 + 6 = 42
 *     = The answer is 42.
 *
 * docs/formats.md, "Annotated thinking", is the exact form; what is written reads back the same.
 *
 * Ownership: tj_human_deinit frees what reading gave.
 * Threads:   confined to one thread.
 */
#ifndef TJ_THOUGHT_HUMAN_H
#define TJ_THOUGHT_HUMAN_H

#include "base/buf.h"
#include "base/rng.h"
#include "thought/record.h"
#include "thought/templates.h"

#define TJ_MAX_HUMAN_BYTES ((size_t)4 << 20) /* a file that a person wrote */
#define TJ_MAX_HUMAN_LINES ((size_t)1 << 16)

typedef enum tj_human_mark {
    TJ_HUMAN_STEP = 0, /* no mark: a step that is right */
    TJ_HUMAN_WRONG,    /* "! " */
    TJ_HUMAN_DEAD,     /* "~ ": right in itself, but leads nowhere */
    TJ_HUMAN_REFLECT,  /* "? " */
    TJ_HUMAN_BACK,     /* "< " or "< 3 " */
    TJ_HUMAN_VERIFY,   /* "+ " */
    TJ_HUMAN_CONCLUDE  /* "= " */
} tj_human_mark;

typedef struct tj_human_line {
    tj_human_mark mark;
    char *text;     /* without the mark; lines joined by newlines; of BACK it may be empty */
    bool has_to;    /* of BACK: a number was given, */
    size_t to;      /* the entry after which to go on, from 1; 0: the start. Filled in by reading
                     * where none was given: the last one before what went wrong */
    size_t line_no; /* in the file; 0 if it comes from none */
} tj_human_line;

typedef struct tj_human {
    char *meta[TJ_N_META]; /* TJ_META_PROMPT is the quoted text */
    tj_known correct;
    tj_human_line *lines; /* [n_lines]; entry i is annotation i + 1 */
    size_t n_lines, cap_lines;
} tj_human;
void tj_human_deinit(tj_human *human);

/* Where reading stands in a text: zeroed at its beginning; at its end, at is its length. */
typedef struct tj_human_place {
    size_t at, line_no;
} tj_human_place;

/* The thought that begins at *place, which moves behind it: the next one begins with a line `---`.
 * Errors: TJ_E_PARSE and TJ_E_INVAL beginning with "NAME:LINE: ", TJ_E_LIMIT, TJ_E_NOMEM; *out is
 * empty then. */
TJ_MUST_USE tj_code tj_human_read_next(tj_human *out, tj_human_place *place, const char *text,
                                       size_t len, const char *name, tj_err *err);
/* The only thought of a text. Errors: those of tj_human_read_next; TJ_E_PARSE (another one). */
TJ_MUST_USE tj_code tj_human_read(tj_human *out, const char *text, size_t len, const char *name,
                                  tj_err *err);
/* The same form, one way to write each thing; to stand behind another thought it must begin with
 * front matter, maybe an empty one. Errors: TJ_E_NOMEM (at tj_buf_check). */
void tj_human_write(const tj_human *human, tj_buf *out);

/* As a record: a span a line, of the editor human and the author's name; a way back without words
 * gets a sentence of the templates. Steps that were gone back from, or are wrong, are off the path.
 * Errors: TJ_E_NOMEM, TJ_E_LIMIT, those of tj_tokenizer_encode. */
TJ_MUST_USE tj_code tj_human_to_record(tj_record *out, const tj_human *human,
                                       const tj_tokenizer *tok, int32_t eos,
                                       const tj_templates *templates, tj_rng *rng, tj_err *err);
/* Any thought in this form, to be annotated further: a line a span. The entry that a way back goes
 * to is known where its nodes or annotations are. */
TJ_MUST_USE tj_code tj_human_from_record(tj_human *out, const tj_record *record, tj_err *err);

#endif
