/* A listening socket. */
#include "web/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128 /* connections that wait to be accepted; the kernel's own default bound */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static tj_code find_port(int fd, uint16_t *bound, tj_err *err)
{
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &n) != 0) {
        return tj_fail(err, TJ_E_IO, "cannot tell the port: %s", strerror(errno));
    }
    if (at.ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, &at, sizeof v4);
        *bound = ntohs(v4.sin_port);
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, &at, sizeof v6);
        *bound = ntohs(v6.sin6_port);
    }
    return TJ_OK;
}

static tj_code open_at(int *fd, const struct addrinfo *at, const char *host, uint16_t port,
                       tj_err *err)
{
    const int on = 1;
    *fd = socket(at->ai_family, SOCK_STREAM, 0);
    if (*fd < 0) {
        return tj_fail(err, TJ_E_IO, "cannot open a socket: %s", strerror(errno));
    }
    (void)setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(*fd, at->ai_addr, at->ai_addrlen) == 0 && listen(*fd, BACKLOG) == 0) {
        return TJ_OK;
    }
    int why = errno;
    close(*fd);
    *fd = -1;
    return tj_fail(err, why == EADDRINUSE ? TJ_E_CONFLICT : TJ_E_IO,
                   "cannot listen at %s port %u: %s", host, (unsigned)port, strerror(why));
}

tj_code tj_listen(int *fd, uint16_t *bound, const char *host, uint16_t port, bool open, tj_err *err)
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *list = NULL;
    char service[8];
    *fd = -1;
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int why = getaddrinfo(host, service, &hints, &list);
    if (why != 0) {
        return tj_fail(err, TJ_E_NOTFOUND, "cannot find host '%s': %s", host, gai_strerror(why));
    }
    tj_code rc = TJ_E_IO;
    for (const struct addrinfo *at = list; at != NULL && rc != TJ_OK; at = at->ai_next) {
        rc = open || is_loopback(at->ai_addr)
                 ? open_at(fd, at, host, port, err)
                 : tj_fail(err, TJ_E_INVAL,
                           "'%s' is an address that others reach, and there are no "
                           "keys",
                           host);
    }
    freeaddrinfo(list);
    if (rc == TJ_OK) {
        rc = find_port(*fd, bound, err);
        if (rc != TJ_OK) {
            close(*fd);
            *fd = -1;
        }
    }
    return rc;
}
