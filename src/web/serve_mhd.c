/* HTTP by libmicrohttpd: one thread of its own for all connections. A connection that waits for the
 * engine is suspended, so that none needs a thread.
 *
 * The library tells of a request three times: its headers, each piece of its body, its end. Errors
 * are decided as early as possible and answered at the end, since a client that is still sending
 * does not listen; a client whose declared body is far too large is answered at once. */
#include <fcntl.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/job.h"
#include "web/exchange.h"
#include "web/keys.h"
#include "web/listen.h"
#include "web/openai_response.h"
#include "web/routes.h"
#include "web/service.h"
#include "web/watch.h"
#include "web/web.h"

#define HEADER_BYTES  ((size_t)32 << 10) /* of a request's line and headers, and of one event */
#define EVENT_BYTES   ((size_t)16 << 10) /* read from an exchange at once */
#define RETRY_SECONDS "1"

struct tj_server {
    tj_service *service;
    struct MHD_Daemon *daemon;
    tj_keys *keys;
    tj_watch *watch;
    uint16_t port;
    size_t max_body;
    void (*log)(void *ctx, const tj_http_event *event);
    void *ctx;
    atomic_bool stopping; /* set before the connections are given up, so that none comes after */
};

/* A request, from its headers to the last byte of its answer. */
typedef struct visit {
    tj_server *server;
    struct MHD_Connection *connection;
    tj_connection *watched;
    tj_exchange *ex;
    const char *id; /* of a model, within the path: valid until the request ends */
    bool submitted;
} visit;

void tj_server_config_default(tj_server_config *cfg)
{
    *cfg = (tj_server_config){.host = "127.0.0.1",
                              .port = 8080,
                              .max_body = (size_t)4 << 20,
                              .max_connections = 256,
                              .read_timeout_s = 30.0};
}

/* ------------------------------------------------------------ answers */

static void suspend(void *ctx)
{
    const visit *v = ctx;
    MHD_suspend_connection(v->connection);
}

static void resume(void *ctx)
{
    const visit *v = ctx;
    MHD_resume_connection(v->connection);
}

static ssize_t read_events(void *ctx, uint64_t pos, char *out, size_t max)
{
    const visit *v = ctx;
    tj_exchange_state state;
    size_t n = tj_exchange_read(v->ex, out, max, &state);
    (void)pos;
    if (n > 0 || state == TJ_EXCHANGE_ASLEEP) {
        return (ssize_t)n;
    }
    return state == TJ_EXCHANGE_WHOLE ? MHD_CONTENT_READER_END_OF_STREAM
                                      : MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The bytes of a whole answer, copied by the library. */
static struct MHD_Response *whole(visit *v)
{
    tj_buf body;
    char block[4096];
    tj_exchange_state state;
    tj_buf_init(&body);
    for (size_t n = 1; n > 0;) {
        n = tj_exchange_read(v->ex, block, sizeof block, &state);
        tj_buf_add(&body, block, n);
    }
    struct MHD_Response *response = NULL;
    if (!body.failed) {
        response = MHD_create_response_from_buffer(body.len, (void *)(uintptr_t)tj_buf_text(&body),
                                                   MHD_RESPMEM_MUST_COPY);
    }
    tj_buf_deinit(&body);
    return response;
}

static void add_headers(struct MHD_Response *response, const tj_route *route, unsigned status,
                        bool streams)
{
    const char *type = streams ? "text/event-stream"
                       : status == MHD_HTTP_OK && route->which == TJ_ROUTE_METRICS
                           ? "text/plain; version=0.0.4"
                           : "application/json";
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_TOO_MANY_REQUESTS || status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_SECONDS);
    }
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, route->method);
    }
    if (status == MHD_HTTP_UNAUTHORIZED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    }
}

/* Sends the answer, or its beginning, or falls asleep until there is one. */
static enum MHD_Result answer(visit *v, const tj_route *route)
{
    tj_exchange_state state = tj_exchange_look(v->ex);
    if (state == TJ_EXCHANGE_ASLEEP) {
        return MHD_YES;
    }
    if (state == TJ_EXCHANGE_GONE) {
        return MHD_NO;
    }
    unsigned status = tj_exchange_status(v->ex);
    bool streams = state == TJ_EXCHANGE_STREAM;
    struct MHD_Response *response =
        streams
            ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, EVENT_BYTES, read_events, v, NULL)
            : whole(v);
    if (response == NULL) {
        return MHD_NO;
    }
    add_headers(response, route, status, streams);
    enum MHD_Result queued = MHD_queue_response(v->connection, status, response);
    MHD_destroy_response(response);
    return queued;
}

/* ------------------------------------------------------------ requests */

static const char *header(const visit *v, const char *name)
{
    return MHD_lookup_connection_value(v->connection, MHD_HEADER_KIND, name);
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t n = strlen(json);
    return type != NULL && strncasecmp(type, json, n) == 0 &&
           (type[n] == 0 || type[n] == ';' || type[n] == ' ');
}

/* Refuses what the headers say enough about. Asking for the JSON type keeps out forms that a web
 * page sends without asking its reader. */
static void check_headers(const visit *v, const tj_route *route, const char *path,
                          const char *method)
{
    tj_api_error error;
    if (!route->is_open && v->server->keys != NULL &&
        !tj_keys_allow(v->server->keys, header(v, MHD_HTTP_HEADER_AUTHORIZATION))) {
        tj_api_refuse(&error, 401, "invalid_api_key",
                      "a key is needed: send 'Authorization: Bearer KEY' with one of the server's");
    } else if (route->which == TJ_ROUTE_NONE) {
        tj_api_refuse(&error, 404, "not_found", "there is no %.128s here", path);
    } else if (strcmp(method, route->method) != 0) {
        tj_api_refuse(&error, 405, "method_not_allowed", "%s is for %s only", route->name,
                      route->method);
    } else if (strcmp(method, "POST") == 0 && !is_json(header(v, MHD_HTTP_HEADER_CONTENT_TYPE))) {
        tj_api_refuse(&error, 415, "unsupported_media_type",
                      "the body's Content-Type is not application/json");
    } else {
        return;
    }
    tj_exchange_refuse(v->ex, &error);
}

/* Whether the body is declared to be so large that it is not even read to be dropped. */
static bool is_far_too_large(const visit *v)
{
    const char *length = header(v, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length != NULL && !tj_exchange_may_read(strtoull(length, NULL, 10), v->server->max_body);
}

/* For logs: what a client sends as a method may be anything. */
static const char *known_method(const char *method)
{
    static const char *const known[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(method, known[i]) == 0) {
            return known[i];
        }
    }
    return "other";
}

static enum MHD_Result begin(tj_server *server, struct MHD_Connection *connection, const char *path,
                             const char *method, void **request)
{
    visit *v = tj_calloc(1, sizeof *v);
    if (v == NULL || atomic_load(&server->stopping)) {
        tj_free(v);
        return MHD_NO;
    }
    const tj_route *route = tj_route_find(path, &v->id);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    v->server = server;
    v->connection = connection;
    v->watched = info == NULL ? NULL : info->socket_context;
    v->ex = tj_exchange_create(server->service, known_method(method), route,
                               &(tj_sleeper){.suspend = suspend, .resume = resume, .ctx = v});
    if (v->ex == NULL) {
        tj_free(v);
        return MHD_NO;
    }
    *request = v;
    tj_watch_begin(server->watch, v->watched, v->ex);
    check_headers(v, route, path, method);
    if (!is_far_too_large(v)) {
        return MHD_YES;
    }
    (void)tj_exchange_add_body(v->ex, "", server->max_body + 1, server->max_body);
    tj_watch_complete(server->watch, v->watched);
    return answer(v, route);
}

/* What needs no engine. */
static void answer_now(const visit *v, const tj_route *route)
{
    const tj_service_config *cfg = tj_service_get_config(v->server->service);
    bool draining = tj_service_is_draining(v->server->service);
    tj_api_error error;
    tj_buf body;
    tj_buf_init(&body);
    switch (route->which) {
    case TJ_ROUTE_MODELS:
        tj_api_write_models(&body, cfg);
        break;
    case TJ_ROUTE_MODEL:
        if (strcmp(v->id, cfg->name) != 0) {
            tj_api_refuse(&error, 404, "model_not_found",
                          "there is no model '%.128s' here, only '%s'", v->id, cfg->name);
            tj_exchange_refuse(v->ex, &error);
            return;
        }
        tj_api_write_model(&body, cfg);
        break;
    case TJ_ROUTE_METRICS:
        tj_metrics_text(tj_service_metrics(v->server->service), &body);
        break;
    default:
        tj_buf_printf(&body, "{\"status\":\"%s\"}", draining ? "draining" : "ok");
        tj_exchange_answer(v->ex, draining ? 503 : 200, &body);
        return;
    }
    tj_exchange_answer(v->ex, 200, &body);
}

/* Called when the headers are there (*request is NULL), for each piece of the body, at its end, and
 * after each resume until there is an answer. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *bytes,
                                  size_t *n_bytes, void **request)
{
    tj_server *server = ctx;
    visit *v = *request;
    (void)version;
    if (v == NULL) {
        return begin(server, connection, path, method, request);
    }
    if (*n_bytes > 0) {
        bool listens = tj_exchange_add_body(v->ex, bytes, *n_bytes, server->max_body);
        *n_bytes = 0;
        return listens ? MHD_YES : MHD_NO;
    }
    const tj_route *route = tj_route_find(path, &v->id);
    if (!v->submitted) {
        v->submitted = true;
        tj_watch_complete(server->watch, v->watched);
        if (!tj_exchange_is_refused(v->ex)) {
            if (strcmp(method, "POST") == 0) {
                tj_exchange_submit(v->ex);
            } else {
                answer_now(v, route);
            }
        }
    }
    return answer(v, route);
}

static void on_end(void *ctx, struct MHD_Connection *connection, void **request,
                   enum MHD_RequestTerminationCode how)
{
    tj_server *server = ctx;
    visit *v = *request;
    (void)connection;
    if (v == NULL) {
        return;
    }
    tj_watch_end(server->watch, v->watched); /* nobody else knows the exchange now */
    if (how != MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        tj_exchange_give_up(v->ex, 499);
    }
    const tj_http_event event = tj_exchange_event(v->ex);
    tj_metrics_request(tj_service_metrics(server->service), event.route, event.status,
                       event.seconds);
    if (server->log != NULL) {
        server->log(server->ctx, &event);
    }
    tj_exchange_destroy(v->ex);
    tj_free(v);
    *request = NULL;
}

static void on_connection(void *ctx, struct MHD_Connection *connection, void **socket_ctx,
                          enum MHD_ConnectionNotificationCode what)
{
    tj_server *server = ctx;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_ctx = info == NULL ? NULL : tj_watch_add(server->watch, info->connect_fd);
    } else {
        tj_watch_remove(server->watch, *socket_ctx);
        *socket_ctx = NULL;
    }
}

/* ------------------------------------------------------------ starting and stopping */

static tj_code start_daemon(tj_server *s, int fd, const tj_server_config *cfg, tj_err *err)
{
    bool secret = cfg->tls_cert != NULL;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    unsigned idle_s = (unsigned)cfg->read_timeout_s + 1; /* the watch comes first */
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cfg->tls_cert},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)cfg->tls_key},
                                   {MHD_OPTION_END, 0, NULL}};
    tls[0].option = secret ? tls[0].option : MHD_OPTION_END;
    s->daemon = MHD_start_daemon(
        flags | (secret ? (unsigned)MHD_USE_TLS : 0u), 0, NULL, NULL, on_request, s,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)cfg->max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADER_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (s->daemon != NULL) {
        return TJ_OK; /* the descriptor is the library's now */
    }
    if (fcntl(fd, F_GETFD) != -1) { /* after some failures it has closed it, after others not */
        close(fd);
    }
    return tj_fail(err, TJ_E_BACKEND, "cannot start the HTTP server%s",
                   secret ? ": are certificate and key PEM, and of one pair?" : "");
}

static tj_code check_config(const tj_server_config *cfg, tj_err *err)
{
    if ((cfg->tls_cert == NULL) != (cfg->tls_key == NULL)) {
        return tj_fail(err, TJ_E_INVAL, "TLS needs both a certificate and its key");
    }
    if (cfg->tls_cert != NULL && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
        return tj_fail(err, TJ_E_BACKEND, "this libmicrohttpd was built without TLS");
    }
    if (cfg->max_body == 0 || cfg->max_connections == 0 || cfg->max_connections > 65536 ||
        !(cfg->read_timeout_s > 0.0) || !(cfg->read_timeout_s < 1e6)) {
        return tj_fail(err, TJ_E_INVAL, "a server of %zu bytes, %zu connections, %g seconds",
                       cfg->max_body, cfg->max_connections, cfg->read_timeout_s);
    }
    return TJ_OK;
}

static tj_code start(tj_server *s, const tj_server_config *cfg, tj_err *err)
{
    int fd = -1;
    tj_code rc = check_config(cfg, err);
    if (rc == TJ_OK && cfg->keys != NULL) {
        rc = tj_keys_create(&s->keys, cfg->keys, err);
    }
    if (rc == TJ_OK) {
        rc = tj_watch_create(&s->watch, cfg->read_timeout_s, cfg->tls_cert == NULL, err);
    }
    if (rc == TJ_OK) {
        rc =
            tj_listen(&fd, &s->port, cfg->host, cfg->port, s->keys != NULL || cfg->allow_open, err);
    }
    return rc == TJ_OK ? start_daemon(s, fd, cfg, err) : rc;
}

tj_code tj_server_start(tj_server **out, tj_service *service, const tj_server_config *cfg,
                        tj_err *err)
{
    *out = NULL;
    tj_server *s = tj_calloc(1, sizeof *s);
    if (s == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot serve");
    }
    s->service = service;
    s->max_body = cfg->max_body;
    s->log = cfg->log;
    s->ctx = cfg->ctx;
    atomic_init(&s->stopping, false);
    tj_code rc = start(s, cfg, err);
    if (rc != TJ_OK) {
        tj_server_stop(s);
        return rc;
    }
    *out = s;
    return TJ_OK;
}

uint16_t tj_server_port(const tj_server *s)
{
    return s->port;
}

void tj_server_drain(tj_server *s, double grace_s)
{
    double ready = -1.0; /* when the last answer was */
    tj_service_drain(s->service);
    for (;;) {
        bool idle = tj_service_is_idle(s->service);
        double now = tj_clock_seconds();
        ready = idle && ready < 0.0 ? now : ready;
        if (idle && (tj_watch_n_exchanges(s->watch) == 0 || now - ready > grace_s)) {
            return;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

void tj_server_stop(tj_server *s)
{
    if (s == NULL) {
        return;
    }
    if (s->daemon != NULL) {
        atomic_store(&s->stopping, true);
        tj_watch_give_up(s->watch); /* the library may not be stopped while any is suspended */
        MHD_stop_daemon(s->daemon);
    }
    tj_watch_destroy(s->watch);
    tj_keys_destroy(s->keys);
    tj_free(s);
}
