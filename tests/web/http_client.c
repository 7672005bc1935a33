#include "http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

int http_connect(uint16_t port)
{
    const struct timeval patience = {.tv_sec = 20};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

void http_send(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return; /* the server has closed; what it said is read next */
        }
        bytes += sent;
        n -= (size_t)sent;
    }
}

void http_request(int fd, const char *method, const char *path, const char *key, const char *body)
{
    char head[1024];
    int n = snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
    if (key != NULL) {
        n += snprintf(head + n, sizeof head - (size_t)n, "Authorization: Bearer %s\r\n", key);
    }
    if (body != NULL) {
        n += snprintf(head + n, sizeof head - (size_t)n,
                      "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    }
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
    http_send(fd, head, (size_t)n);
    http_send(fd, body == NULL ? "" : body, body == NULL ? 0 : strlen(body));
}

static bool read_byte(int fd, char *c)
{
    ssize_t n = recv(fd, c, 1, 0);
    if (n < 0) {
        return false;
    }
    return n == 1;
}

/* A line without its end; its length, or -1 where there is none. */
static int read_line(int fd, char *line, size_t max)
{
    size_t n = 0;
    char c = 0;
    while (n + 1 < max && read_byte(fd, &c)) {
        if (c == '\n') {
            line[n] = 0;
            return (int)n;
        }
        if (c != '\r') {
            line[n++] = c;
        }
    }
    line[n] = 0;
    return -1;
}

static void read_bytes(int fd, http_answer *a, size_t n)
{
    char c;
    for (size_t i = 0; i < n && read_byte(fd, &c); i++) {
        assert_true(a->n_body + 1 < sizeof a->body);
        a->body[a->n_body++] = c;
    }
}

static void read_chunks(int fd, http_answer *a)
{
    char line[64];
    while (read_line(fd, line, sizeof line) >= 0) {
        size_t n = strtoul(line, NULL, 16);
        read_bytes(fd, a, n);
        (void)read_line(fd, line, sizeof line);
        if (n == 0) {
            return;
        }
    }
}

void http_read(int fd, http_answer *a)
{
    char line[1024];
    size_t length = 0, n_head = 0;
    bool chunked = false;
    memset(a, 0, offsetof(http_answer, body));
    a->n_body = 0;
    int n = read_line(fd, line, sizeof line);
    if (n >= 0) {
        a->status = atoi(line + strlen("HTTP/1.1 "));
    }
    for (; n > 0; n = read_line(fd, line, sizeof line)) {
        n_head += (size_t)snprintf(a->head + n_head, sizeof a->head - n_head, "%s\n", line);
        if (strncasecmp(line, "Content-Length:", 15) == 0) {
            length = strtoul(line + 15, NULL, 10);
        }
        chunked = chunked || strncasecmp(line, "Transfer-Encoding: chunked", 26) == 0;
    }
    if (chunked) {
        read_chunks(fd, a);
    } else {
        read_bytes(fd, a, length);
    }
    a->body[a->n_body] = 0;
}

void http_ask(uint16_t port, http_answer *answer, const char *method, const char *path,
              const char *key, const char *body)
{
    int fd = http_connect(port);
    http_request(fd, method, path, key, body);
    http_read(fd, answer);
    close(fd);
}
