/* A listening socket, so that what is wrong with an address is said before anything is served.
 *
 * Ownership: gives a descriptor.
 * Threads:   any.
 */
#ifndef TJ_WEB_LISTEN_H
#define TJ_WEB_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Listens at host (the first address that works) and port (0: any). With `open`, any address;
 * without, loopback ones only. Gives *fd and the port that it has. Errors: TJ_E_NOTFOUND (host),
 * TJ_E_INVAL (an address that others reach, without `open`), TJ_E_CONFLICT (the port is taken),
 * TJ_E_IO; *fd is -1 then. */
TJ_MUST_USE tj_code tj_listen(int *fd, uint16_t *bound, const char *host, uint16_t port, bool open,
                              tj_err *err);

#endif
