/* The table of routes. */
#include "web/routes.h"

#include <stddef.h>
#include <string.h>

#define ID "{id}"

static const tj_route routes[] = {
    {"/v1/models", "GET", false, TJ_ROUTE_MODELS},
    {"/v1/models/" ID, "GET", false, TJ_ROUTE_MODEL},
    {"/v1/completions", "POST", false, TJ_ROUTE_COMPLETIONS},
    {"/v1/chat/completions", "POST", false, TJ_ROUTE_CHAT},
    {"/health", "GET", true, TJ_ROUTE_HEALTH},
    {"/metrics", "GET", false, TJ_ROUTE_METRICS},
};
static const tj_route other = {"other", NULL, false, TJ_ROUTE_NONE};

const tj_route *tj_route_find(const char *path, const char **id)
{
    *id = NULL;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        const char *hole = strstr(routes[i].name, ID);
        size_t n = hole == NULL ? strlen(routes[i].name) : (size_t)(hole - routes[i].name);
        if (strncmp(path, routes[i].name, n) == 0 && (hole == NULL) == (path[n] == 0)) {
            *id = hole == NULL ? NULL : path + n;
            return &routes[i];
        }
    }
    return &other;
}
