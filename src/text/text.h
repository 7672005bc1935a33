/* Text and token ids: tokenizers read from Hugging Face tokenizer.json files and from GGUF files
 * (byte-level BPE, BPE of characters with byte fallback, SentencePiece's BPE by scores).
 *
 * Token ids are the truth: every sequence of ids names the tokenizer it belongs to by its hash, and
 * text is encoded once.
 *
 * Ownership: a tokenizer is immutable after loading; free with tj_tokenizer_destroy.
 * Threads:   immutable after create; an encoder or detokenizer is confined to one thread.
 */
#ifndef TJ_TEXT_TEXT_H
#define TJ_TEXT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/gguf.h"
#include "text/overlap.h"

#define TJ_MAX_TOKENIZER_BYTES                                                                     \
    ((size_t)64 << 20)                         /* a tokenizer.json, or the tokens of a GGUF; 256k  \
                                                * tokens take about 30 */
#define TJ_MAX_VOCAB        ((size_t)1 << 21)  /* token ids below; eight times today's largest */
#define TJ_MAX_ENCODE_BYTES ((size_t)64 << 20) /* a text; offsets in it fit 32 bits */

/* ------------------------------------------------------------ ids */

/* A growing array of token ids. */
typedef struct tj_ids {
    int32_t *ids; /* [cap]; tj_free */
    size_t n;
    size_t cap;
} tj_ids;
void tj_ids_deinit(tj_ids *ids);
TJ_MUST_USE tj_code tj_ids_add(tj_ids *ids, const int32_t *more, size_t n, tj_err *err);

/* ------------------------------------------------------------ tokenizers */

typedef struct tj_tokenizer tj_tokenizer;

/* Reads FILE.gguf, a tokenizer.json (any other file), or a folder that holds a tokenizer.json and,
 * for what tj_tokenizer_extras tells, a tokenizer_config.json and a chat_template.jinja. Gives
 * *out; NULL on error. Errors: TJ_E_PARSE naming file and field (or line, where the text is not
 * UTF-8 or not JSON), TJ_E_LIMIT, TJ_E_NOMEM, TJ_E_NOTFOUND, TJ_E_IO. */
TJ_MUST_USE tj_code tj_tokenizer_load(tj_tokenizer **out, const char *path, tj_err *err);

/* A tokenizer.json at hand; `name` is the file's name for messages. Read are: model type BPE,
 * byte-level or not, with `ignore_merges` and `byte_fallback`; normalizers NFC, Prepend, Replace
 * (of a text) and Sequence; pre-tokenizers Split (Isolated, Removed, MergedWithPrevious), Digits,
 * ByteLevel and Sequence; added tokens. What is not supported and would change the ids is refused
 * by name. post_processor, truncation and padding are the caller's affair and not applied: a text
 * has no tokens but its own. */
TJ_MUST_USE tj_code tj_tokenizer_parse(tj_tokenizer **out, const char *json, size_t len,
                                       const char *name, tj_err *err);

/* The tokenizer of a GGUF file, which need not hold tensors. tokenizer.ggml.model is "gpt2"
 * (byte-level BPE, cut as tokenizer.ggml.pre says; an unknown pre-tokenizer is refused by name) or
 * "llama" (SentencePiece's BPE: of all neighbours whose join is a token, the one of the highest
 * score is joined, the leftmost of several; what is left over is spelled in bytes). A file that
 * says that it has none ("no_vocab", "none") or does not say gives TJ_E_NOTFOUND. */
TJ_MUST_USE tj_code tj_tokenizer_read_gguf(tj_tokenizer **out, const tj_gguf *gguf, tj_err *err);
void tj_tokenizer_destroy(tj_tokenizer *tok);

/* What files say beside what determines the ids. Lent. */
typedef struct tj_tokenizer_extras {
    int32_t bos, eos, unk, pad; /* ids; -1 where the file names none */
    bool add_bos, add_eos;      /* whether the file wants them around a text; then there are ids */
    const char *chat_template;  /* Jinja; NULL if there is none */
} tj_tokenizer_extras;
const tj_tokenizer_extras *tj_tokenizer_get_extras(const tj_tokenizer *tok);

/* SHA-256 (64 hex digits) of what determines its ids: vocabulary, merges or scores, normalizer,
 * pre-tokenizer, added tokens; not of white space, order of fields or the form of merges in the
 * file. Lent. */
const char *tj_tokenizer_hash(const tj_tokenizer *tok);
size_t tj_tokenizer_n_vocab(const tj_tokenizer *tok); /* largest id + 1 */
/* The id of a token by its text as it stands in the vocabulary file; -1 if there is none. */
int32_t tj_tokenizer_find(const tj_tokenizer *tok, const char *text);
bool tj_tokenizer_is_special(const tj_tokenizer *tok, int32_t id);

/* "byte-level BPE", "BPE with byte fallback", "BPE of characters" or "SentencePiece BPE". */
const char *tj_tokenizer_kind(const tj_tokenizer *tok);

/* ------------------------------------------------------------ writing */

/* Puts the keys tokenizer.ggml.* and tokenizer.chat_template, with n_tokens tokens: as many as the
 * model's table has rows; ids without a token become unused ones. Byte-level tokenizers are
 * written as "gpt2", with the name of their pre-tokenizer (NFC before it, as Qwen's, has no place
 * in a GGUF and is left out, as by others); BPE with byte fallback over SentencePiece's spaces as
 * "llama", with scores in the order of the merges. Errors: TJ_E_INVAL (more tokens than n_tokens;
 * a pre-tokenizer, normalizer or merges that GGUF files cannot say), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_tokenizer_put_gguf(const tj_tokenizer *tok, tj_gguf_writer *writer,
                                          size_t n_tokens, tj_err *err);
/* Appends a tokenizer.json that gives the same ids. The merges of a tokenizer by scores are all
 * pairs of tokens that make a third, by its score, as transformers converts SentencePiece's
 * files. */
TJ_MUST_USE tj_code tj_tokenizer_to_json(const tj_tokenizer *tok, tj_buf *out, tj_err *err);
/* Appends the tokenizer_config.json beside it: special tokens and the chat template. */
TJ_MUST_USE tj_code tj_tokenizer_config_to_json(const tj_tokenizer *tok, tj_buf *out, tj_err *err);

/* ------------------------------------------------------------ text to ids */

/* Appends the ids of UTF-8 text to *out, which is unchanged on error. With parse_special, the texts
 * of special added tokens ("<eos>") become those tokens; without, they are ordinary text. Added
 * tokens that are not special are always recognised. Errors: TJ_E_PARSE (byte offset of what is not
 * UTF-8), TJ_E_INVAL (a character that the vocabulary cannot spell), TJ_E_LIMIT (more than
 * TJ_MAX_ENCODE_BYTES, or the tokenizer's pattern or normal form takes too much work on this text),
 * TJ_E_NOMEM. Cost: O(n log n) in the length of the longest piece; the pattern's own cost is
 * bounded. */
TJ_MUST_USE tj_code tj_tokenizer_encode(const tj_tokenizer *tok, tj_ids *out, const char *text,
                                        size_t len, bool parse_special, tj_err *err);

/* The same for many texts: keeps its storage and remembers the ids of the pieces it has met (some
 * 2 MiB), which determine nothing but the time. Keeps tok. Gives *out; NULL on error. */
typedef struct tj_encoder tj_encoder;
TJ_MUST_USE tj_code tj_encoder_create(tj_encoder **out, const tj_tokenizer *tok, tj_err *err);
TJ_MUST_USE tj_code tj_encoder_encode(tj_encoder *encoder, tj_ids *out, const char *text,
                                      size_t len, bool parse_special, tj_err *err);
void tj_encoder_destroy(tj_encoder *encoder); /* NULL is allowed */

/* ------------------------------------------------------------ ids to text */

/* Lends the bytes of one token (of an added token: its text). For an id without a token, "" and
 * n_bytes 0. */
const char *tj_tokenizer_bytes(const tj_tokenizer *tok, int32_t id, size_t *n_bytes);
/* Appends the bytes of ids, one after another; special tokens are left out unless with_special.
 * Where the tokenizer puts a space before each text, that space is there: ids may be the middle of
 * a text. */
void tj_tokenizer_decode(const tj_tokenizer *tok, tj_buf *out, const int32_t *ids, size_t n,
                         bool with_special);

/* The same id by id, for output that a reader sees as it comes: whole characters only, bytes of one
 * whose end is still missing are held back. */
typedef struct tj_detok_options {
    bool with_special; /* special tokens are shown */
    bool at_start;     /* the ids begin a text: the space that the tokenizer put there is dropped */
    bool raw;          /* bytes that are not UTF-8 are given as they are, not as U+FFFD */
} tj_detok_options;

typedef struct tj_detok {
    const tj_tokenizer *tok;
    tj_detok_options options;
    bool drop_space; /* the next byte is the first */
    char held[4];    /* the beginning of a character */
    size_t n_held;
} tj_detok;

/* Keeps tok. */
void tj_detok_init(tj_detok *detok, const tj_tokenizer *tok, tj_detok_options options);
/* Appends what id completes; an id without a token adds nothing. */
void tj_detok_add(tj_detok *detok, tj_buf *out, int32_t id);
/* Appends what was held back, as U+FFFD or raw, and begins anew in the middle of a text. */
void tj_detok_flush(tj_detok *detok, tj_buf *out);

/* ------------------------------------------------------------ chats */

/* Conversations as the text that a model was trained on. Templates are known by name; those of
 * files are Jinja programs, which are recognised and not run. */
typedef enum tj_role { TJ_ROLE_SYSTEM, TJ_ROLE_USER, TJ_ROLE_ASSISTANT } tj_role;

typedef struct tj_message {
    tj_role role;
    const char *text; /* UTF-8; of an assistant, it may begin with <think>...</think> */
    size_t len;
} tj_message;

typedef enum tj_chat_template {
    TJ_CHAT_CHATML,   /* "chatml": <|im_start|>role, newline, text, <|im_end|> */
    TJ_CHAT_SMOLLM2,  /* "smollm2": ChatML with a system prompt of its own */
    TJ_CHAT_QWEN2_5,  /* "qwen2.5": the same with another */
    TJ_CHAT_QWEN3,    /* "qwen3": ChatML; thoughts only after the last question */
    TJ_CHAT_LLAMA3,   /* "llama3": <|start_header_id|>role<|end_header_id|>; texts are trimmed */
    TJ_CHAT_LLAMA3_1, /* "llama3.1": the same, where every system prompt begins with two dates: that
                       * of the knowledge, and as today's the template's own 26 Jul 2024, so that a
                       * prompt is the same tomorrow (also Llama 3.2 and 3.3) */
    TJ_CHAT_GEMMA /* "gemma": <start_of_turn>role; the system prompt begins the first question */
} tj_chat_template;

/* Errors: TJ_E_INVAL listing the names. */
TJ_MUST_USE tj_code tj_chat_by_name(tj_chat_template *out, const char *name, tj_err *err);
/* The one whose text a file's template is known to make, by what is characteristic of it. Errors:
 * TJ_E_INVAL that says how to name one (--chat-template); also where jinja is NULL. */
TJ_MUST_USE tj_code tj_chat_recognize(tj_chat_template *out, const char *jinja, tj_err *err);
const char *tj_chat_name(tj_chat_template which);

typedef enum tj_chat_kind {
    TJ_CHAT_SPECIAL, /* the text of one special token */
    TJ_CHAT_MARKUP,  /* other text of the template */
    TJ_CHAT_CONTENT  /* of a message: never holds special tokens, whatever it says */
} tj_chat_kind;

/* A stretch of the text; they follow one another without gaps. */
typedef struct tj_chat_span {
    size_t begin, end;
    tj_chat_kind kind;
    tj_role role;       /* whose turn it is */
    bool is_completion; /* what the assistant is to give: its text and the token that ends it */
} tj_chat_span;

typedef struct tj_chat {
    tj_buf text;
    tj_chat_span *spans; /* [n_spans] */
    size_t n_spans, cap_spans;
} tj_chat;
void tj_chat_init(tj_chat *chat);
void tj_chat_deinit(tj_chat *chat);

typedef struct tj_chat_options {
    bool prompts;     /* end with what comes before the assistant's next text */
    bool no_thinking; /* qwen3: that text is to have no thoughts */
} tj_chat_options;

/* Whether what the assistant gives may begin with a thought, in <think> and </think>. */
bool tj_chat_thinks(tj_chat_template which, tj_chat_options options);

/* Replaces what is in *chat. Errors: TJ_E_INVAL (no messages; a system prompt that is not first,
 * or turns that do not alternate, where the template has no place for them), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_chat_render(tj_chat *chat, tj_chat_template which,
                                   const tj_message *messages, size_t n, tj_chat_options options,
                                   tj_err *err);

/* Appends the ids of a chat, and to *mask (NULL is allowed) 1 for each id of a completion and 0 for
 * the others. Text between special tokens is encoded together, as in the model's training, but that
 * a completion begins anew, as when it is sampled. Errors: those of tj_encoder_encode; TJ_E_INVAL
 * (a special token of the template is not in the vocabulary); both are then unchanged. */
TJ_MUST_USE tj_code tj_chat_encode(tj_encoder *encoder, const tj_chat *chat, tj_ids *out,
                                   tj_ids *mask, tj_err *err);

/* Splits what an assistant gave at </think>: what stands before it, without <think>, and after the
 * last one, both without the newlines around. Where there is none, all is answer, unless it begins
 * with <think>: then it was cut short and has none. Views of text; true where there are thoughts.
 */
typedef struct tj_thinking {
    const char *thought, *answer;
    size_t n_thought, n_answer;
} tj_thinking;
bool tj_split_thinking(tj_thinking *out, const char *text, size_t len);

/* ------------------------------------------------------------ UTF-8 */

#define TJ_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Byte offset of the first byte that is not valid UTF-8 (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF), or len when all is. */
size_t tj_utf8_check(const char *text, size_t len);
/* Appends text with U+FFFD in place of each maximal subpart that is not UTF-8, as browsers decode
 * (WHATWG Encoding) and Python with errors="replace". */
void tj_utf8_replace(tj_buf *out, const char *text, size_t len);

#endif
