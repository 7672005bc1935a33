/* A generator that needs no model: it gives answers from a list, in order, and keeps what it was
 * asked. An answer "!" is a failure of the transport, "#" one that was cut. For tests. */
#ifndef TJ_TESTS_SCRIPT_VOICE_H
#define TJ_TESTS_SCRIPT_VOICE_H

#include "infer/infer.h"

#define SCRIPT_MAX_ASKED 64

typedef struct script_voice {
    const char *const *answers; /* NULL-terminated */
    size_t n_asked;
    char *asked[SCRIPT_MAX_ASKED]; /* the last message, or the text */
    tj_sampling sampling[SCRIPT_MAX_ASKED];
    uint64_t streams[SCRIPT_MAX_ASKED];
    tj_generator generator;
} script_voice;

void script_voice_open(script_voice *v, const char *const *answers, bool chats);
void script_voice_close(script_voice *v);

#endif
