#define _GNU_SOURCE /* strcasestr */
#include "support/http_script.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"

#define MAX_REQUEST ((size_t)1 << 20)

typedef struct connection {
    http_script *server;
    int fd;
} connection;

/* Reads a request with its body; false if the client went away before. */
static int read_request(int fd, char *text, char **body)
{
    size_t n = 0, want = SIZE_MAX;
    *body = NULL;
    while (n < want && n + 1 < MAX_REQUEST) {
        ssize_t got = recv(fd, text + n, MAX_REQUEST - 1 - n, 0);
        if (got <= 0) {
            return 0;
        }
        n += (size_t)got;
        text[n] = '\0';
        char *end = *body == NULL ? strstr(text, "\r\n\r\n") : NULL;
        if (end != NULL) {
            const char *length = strcasestr(text, "\r\ncontent-length:");
            *body = end + 4;
            want = (size_t)(*body - text) + (length == NULL ? 0 : strtoul(length + 17, NULL, 10));
        }
    }
    if (*body != NULL) {
        (*body)[-2] = '\0'; /* the head ends with its last line */
    }
    return *body != NULL;
}

static void *serve(void *arg)
{
    connection *c = arg;
    http_script *s = c->server;
    char *text = malloc(MAX_REQUEST), *body;
    TJ_ASSERT(text != NULL);
    if (read_request(c->fd, text, &body)) {
        http_request request = {
            .index = atomic_fetch_add(&s->n_requests, 1), .fd = c->fd, .head = text, .body = body};
        s->fn(s->ctx, &request);
    }
    close(c->fd);
    free(text);
    free(c);
    return NULL;
}

static void *accept_all(void *arg)
{
    http_script *s = arg;
    for (;;) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0) {
            return NULL; /* stopped */
        }
        connection *c = malloc(sizeof *c);
        TJ_ASSERT(c != NULL && s->n_threads < HTTP_SCRIPT_MAX_THREADS);
        *c = (connection){s, fd};
        TJ_ASSERT(pthread_create(&s->threads[s->n_threads++], NULL, serve, c) == 0);
    }
}

void http_script_start(http_script *s, http_script_fn fn, void *ctx)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    memset(s, 0, sizeof *s);
    s->fn = fn;
    s->ctx = ctx;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    TJ_ASSERT(s->listener >= 0);
    TJ_ASSERT(bind(s->listener, (struct sockaddr *)&at, sizeof at) == 0);
    TJ_ASSERT(listen(s->listener, 64) == 0);
    TJ_ASSERT(getsockname(s->listener, (struct sockaddr *)&at, &len) == 0);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/v1", (unsigned)ntohs(at.sin_port));
    TJ_ASSERT(pthread_create(&s->acceptor, NULL, accept_all, s) == 0);
}

void http_script_stop(http_script *s)
{
    shutdown(s->listener, SHUT_RDWR); /* accept returns */
    pthread_join(s->acceptor, NULL);
    close(s->listener);
    for (size_t i = 0; i < s->n_threads; i++) {
        pthread_join(s->threads[i], NULL);
    }
}

void http_write(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        bytes += sent;
        n -= (size_t)sent;
    }
}

void http_answer(int fd, int status, const char *headers, const char *body)
{
    char head[512];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n", status,
                     strlen(body), headers);
    TJ_ASSERT(n > 0 && (size_t)n < sizeof head);
    http_write(fd, head, (size_t)n);
    http_write(fd, body, strlen(body));
}

void http_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}
