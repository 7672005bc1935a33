/* The sentences of share/thought, built in. Internal to thought. */
#ifndef TJ_THOUGHT_SENTENCES_H
#define TJ_THOUGHT_SENTENCES_H

#include <stddef.h>

extern const unsigned char tj_sentences_en[], tj_sentences_en_open[], tj_sentences_ja[];
extern const size_t tj_sentences_en_n, tj_sentences_en_open_n, tj_sentences_ja_n;

#endif
