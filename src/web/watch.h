/* Watches the connections of a server, which the HTTP library does not do while one is suspended: a
 * client that has gone is noticed, and so is one that takes too long to say what it wants.
 *
 * Ownership: create/destroy; callers hold the entries of their connections.
 * Threads:   locked inside; a thread of its own looks twenty times a second while there are
 *            connections.
 */
#ifndef TJ_WEB_WATCH_H
#define TJ_WEB_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "web/exchange.h"

typedef struct tj_watch tj_watch;
typedef struct tj_connection tj_connection;

/* read_timeout_s: for a whole request to arrive, or the next one to begin. With `plain` a client
 * that is too slow with its body is told so (408). Gives *out; NULL on error. Errors: TJ_E_NOMEM,
 * TJ_E_BACKEND (no thread). */
TJ_MUST_USE tj_code tj_watch_create(tj_watch **out, double read_timeout_s, bool plain, tj_err *err);
void tj_watch_destroy(tj_watch *watch); /* no connection may be left; NULL is allowed */

/* A connection was opened; its descriptor stays open until remove returns. Gives NULL when memory
 * is exhausted: it is then not watched. */
tj_connection *tj_watch_add(tj_watch *watch, int fd);
void tj_watch_remove(tj_watch *watch, tj_connection *connection); /* NULL is allowed */
/* A request begins (its headers are there), is complete, has ended. A connection has at most one.
 */
void tj_watch_begin(tj_watch *watch, tj_connection *connection, tj_exchange *ex);
void tj_watch_complete(tj_watch *watch, tj_connection *connection);
void tj_watch_end(tj_watch *watch, tj_connection *connection);
size_t tj_watch_n_exchanges(tj_watch *watch); /* that have begun and not ended */
/* Gives all exchanges up. */
void tj_watch_give_up(tj_watch *watch);

#endif
