/* What is served where.
 *
 * Ownership: static.
 * Threads:   any.
 */
#ifndef TJ_WEB_ROUTES_H
#define TJ_WEB_ROUTES_H

#include <stdbool.h>

typedef struct tj_route {
    const char *name;   /* for logs and counters: "/v1/models/{id}" */
    const char *method; /* the only one allowed; NULL: the path is unknown */
    bool is_open;       /* needs no key */
    enum {
        TJ_ROUTE_NONE,
        TJ_ROUTE_MODELS,
        TJ_ROUTE_MODEL,
        TJ_ROUTE_COMPLETIONS,
        TJ_ROUTE_CHAT,
        TJ_ROUTE_HEALTH,
        TJ_ROUTE_METRICS
    } which;
} tj_route;

/* The route of a path (unescaped, without its query); *id is what stands for {id}, within path.
 * Never NULL: an unknown path has the route "other". */
const tj_route *tj_route_find(const char *path, const char **id);

#endif
