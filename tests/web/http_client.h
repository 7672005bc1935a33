/* A raw HTTP client on loopback, for what well-behaved ones never do: half a request, bytes one at
 * a time, leaving in the middle. */
#ifndef TJ_TESTS_WEB_HTTP_CLIENT_H
#define TJ_TESTS_WEB_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

typedef struct http_answer {
    int status;         /* 0: the server closed without one */
    char head[4096];    /* status line and headers */
    char body[1 << 24]; /* with its chunks joined; the longest stream of the tests has 10 MB */
    size_t n_body;
} http_answer;

int http_connect(uint16_t port);
void http_send(int fd, const char *bytes, size_t n);
/* Sends a request; body NULL: none. key NULL: none. */
void http_request(int fd, const char *method, const char *path, const char *key, const char *body);
/* Reads one answer; fails the test after 20 seconds of silence. */
void http_read(int fd, http_answer *answer);
/* The three in one on a connection of its own. */
void http_ask(uint16_t port, http_answer *answer, const char *method, const char *path,
              const char *key, const char *body);

#endif
