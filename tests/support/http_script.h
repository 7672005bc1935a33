/* An HTTP server of a test, on loopback and a free port, that answers as the test's function says:
 * rightly or wrongly, for that writes the bytes itself. A thread a connection, a request each.
 *
 * Ownership: start/stop.
 * Threads:   the function is called from threads of the server; what it shares with the test it
 *            guards itself. Counters may be read at any time.
 */
#ifndef TJ_TESTS_SUPPORT_HTTP_SCRIPT_H
#define TJ_TESTS_SUPPORT_HTTP_SCRIPT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define HTTP_SCRIPT_MAX_THREADS 256

typedef struct http_request {
    size_t index; /* requests before it */
    int fd;
    const char *head; /* request line and headers */
    const char *body;
} http_request;

typedef void (*http_script_fn)(void *ctx, const http_request *request);

typedef struct http_script {
    char url[64]; /* "http://127.0.0.1:PORT/v1" */
    http_script_fn fn;
    void *ctx;
    atomic_size_t n_requests;
    int listener;
    pthread_t acceptor;
    pthread_t threads[HTTP_SCRIPT_MAX_THREADS]; /* of the acceptor, until it has ended */
    size_t n_threads;
} http_script;

void http_script_start(http_script *server, http_script_fn fn, void *ctx);
void http_script_stop(http_script *server); /* waits for its threads */

/* For functions: a whole answer; with further header lines ("A: b\r\n"), or "". */
void http_answer(int fd, int status, const char *headers, const char *body);
void http_write(int fd, const char *bytes, size_t n); /* all of it, or until the client is gone */
void http_reset(int fd);                              /* the connection is reset when it closes */

#endif
