/* Bearer keys. Only their digests are kept.
 *
 * Ownership: create/destroy.
 * Threads:   immutable after create.
 */
#ifndef TJ_WEB_KEYS_H
#define TJ_WEB_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

typedef struct tj_keys tj_keys;

/* Reads keys, one a line or with commas between; white space around a key and lines that begin with
 * '#' are passed over. Gives *out, NULL if the text has none. Errors: TJ_E_INVAL (a key with white
 * space or control characters inside, naming its line, never the key), TJ_E_LIMIT (more than
 * TJ_MAX_KEYS), TJ_E_NOMEM. */
TJ_MUST_USE tj_code tj_keys_create(tj_keys **out, const char *text, tj_err *err);
void tj_keys_destroy(tj_keys *keys); /* NULL is allowed */

/* Whether the value of an Authorization header (NULL if there is none) is "Bearer KEY" with one of
 * the keys. Takes the same time for all keys of one length. */
bool tj_keys_allow(const tj_keys *keys, const char *authorization);

#endif
