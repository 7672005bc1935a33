/* serve: a model behind OpenAI's protocol. */
#define _DEFAULT_SOURCE /* getrandom */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/common.h"
#include "cli/voice.h"
#include "nn/nn.h"
#include "web/web.h"

#define MAX_FILE     ((size_t)1 << 20) /* of keys, a certificate or its key */
#define TAIL         ((size_t)64 << 10)
#define GRACE_S      10.0 /* for the last bytes to reach their clients */
#define KEY_VARIABLE "TABIJI_API_KEYS"

typedef struct serving {
    tj_voice voice;
    tj_engine_config engine_cfg;
    tj_service_config service_cfg;
    tj_server_config server_cfg;
    tj_service *service;
    tj_server *server;
    char *keys, *tls_cert, *tls_key, *name;
    char build[sizeof "fp_" + 16];
    bool json, quiet;
} serving;

/* ------------------------------------------------------------------ settings */

/* A number of seconds, above 0. */
static tj_code read_seconds(const tj_args *args, const char *name, double *seconds, tj_err *err)
{
    tj_code rc = tj_args_double(args, name, *seconds, seconds, err);
    if (rc == TJ_OK && !(*seconds > 0.0 && *seconds < 1e6)) {
        return tj_fail(err, TJ_E_INVAL, "--%s is %g, expected seconds above 0", name, *seconds);
    }
    return rc;
}

static tj_code read_limits(serving *s, const tj_args *args, tj_err *err)
{
    tj_service_config *service = &s->service_cfg;
    tj_server_config *server = &s->server_cfg;
    const struct {
        const char *name;
        size_t max;
        size_t *n;
    } counts[] = {{"max-tokens", 1 << 20, &service->max_tokens},
                  {"max-running", 1 << 16, &service->max_running},
                  {"max-queue", 1 << 20, &service->max_queue},
                  {"max-body", (size_t)1 << 30, &server->max_body},
                  {"max-connections", 65536, &server->max_connections}};
    tj_code rc = TJ_OK;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && rc == TJ_OK; i++) {
        rc = tj_args_count(args, counts[i].name, *counts[i].n, counts[i].max, counts[i].n, err);
    }
    if (rc == TJ_OK) {
        rc = read_seconds(args, "timeout", &service->timeout_s, err);
    }
    return rc == TJ_OK ? read_seconds(args, "read-timeout", &server->read_timeout_s, err) : rc;
}

static tj_code read_settings(serving *s, const tj_args *args, tj_err *err)
{
    size_t port = s->server_cfg.port, kv_mib = s->engine_cfg.kv_bytes >> 20;
    const char *host = tj_args_get(args, "host");
    s->json = tj_args_has(args, "json");
    s->quiet = tj_args_has(args, "quiet");
    s->server_cfg.host = host == NULL ? s->server_cfg.host : host;
    s->server_cfg.allow_open = tj_args_has(args, "no-keys");
    s->service_cfg.system = tj_args_get(args, "system");
    s->service_cfg.no_thinking = tj_args_has(args, "no-thinking");
    s->service_cfg.parse_special = tj_args_has(args, "parse-special");
    tj_code rc = tj_args_size(args, "port", port, UINT16_MAX, &port, err);
    s->server_cfg.port = (uint16_t)port;
    if (rc == TJ_OK) {
        rc = tj_args_count(args, "kv-memory", kv_mib, (size_t)1 << 24, &kv_mib, err);
        s->engine_cfg.kv_bytes = kv_mib << 20;
    }
    if (rc == TJ_OK) {
        rc = read_limits(s, args, err);
    }
    return rc == TJ_OK ? tj_cli_use_threads(args, err) : rc;
}

/* A file that an option names; NULL without the option. */
static tj_code read_file(char **out, const tj_args *args, const char *option, tj_err *err)
{
    const char *path = tj_args_get(args, option);
    size_t n = 0;
    tj_code rc = path == NULL ? TJ_OK : tj_fs_read(out, &n, path, MAX_FILE, err);
    if (rc == TJ_OK && path != NULL && strlen(*out) != n) {
        rc = tj_fail(err, TJ_E_INVAL, "%s holds a zero byte at %zu", path, strlen(*out));
    }
    return rc;
}

/* Keys come from a file or, without --keys-file, from the environment: a command line is seen by
 * everybody on the machine. */
static tj_code read_secrets(serving *s, const tj_args *args, tj_err *err)
{
    tj_code rc = read_file(&s->keys, args, "keys-file", err);
    const char *variable = getenv(KEY_VARIABLE);
    if (rc == TJ_OK && s->keys == NULL && variable != NULL) {
        s->keys = tj_strdup(variable);
        rc = s->keys == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold the keys") : TJ_OK;
    }
    if (rc == TJ_OK && s->keys != NULL && s->server_cfg.allow_open) {
        rc = tj_fail(err, TJ_E_INVAL, "--no-keys, but there are keys (--keys-file or %s)",
                     KEY_VARIABLE);
    }
    if (rc == TJ_OK) {
        rc = read_file(&s->tls_cert, args, "tls-cert", err);
    }
    if (rc == TJ_OK) {
        rc = read_file(&s->tls_key, args, "tls-key", err);
    }
    s->server_cfg.keys = s->keys;
    s->server_cfg.tls_cert = s->tls_cert;
    s->server_cfg.tls_key = s->tls_key;
    return rc;
}

/* ------------------------------------------------------------------ the model */

/* --name, or the file's name without .gguf, or the folder's. */
static tj_code choose_name(serving *s, const char *path, const tj_args *args, tj_err *err)
{
    const char *given = tj_args_get(args, "name");
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') {
        n--;
    }
    size_t begin = n;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    const char *ending = ".gguf";
    size_t len = n - begin, n_ending = strlen(ending);
    if (len > n_ending && memcmp(path + n - n_ending, ending, n_ending) == 0) {
        len -= n_ending;
    }
    s->name = given != NULL ? tj_strdup(given) : tj_strndup(path + begin, len);
    s->service_cfg.name = s->name;
    return s->name == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot hold the model's name") : TJ_OK;
}

/* What tells weights apart without reading all of them: the size and the end of their file. */
static tj_code digest_tail(tj_buf *what, const char *path, tj_err *err)
{
    char hex[TJ_SHA256_HEX];
    char *inside = NULL;
    struct stat st;
    tj_fs_map map;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        inside = tj_fs_join(path, "model.safetensors");
        if (inside != NULL && !tj_fs_exists(inside)) { /* in shards: their list */
            tj_free(inside);
            inside = tj_fs_join(path, "model.safetensors.index.json");
        }
        path = inside;
    }
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot name the weights")
                              : tj_fs_map_open(&map, path, err);
    if (rc == TJ_OK) {
        size_t n = map.n_bytes < TAIL ? map.n_bytes : TAIL;
        tj_sha256_hex(hex, map.data + (map.n_bytes - n), n);
        tj_buf_printf(what, "%zu %s", map.n_bytes, hex);
        tj_fs_map_close(&map);
    }
    tj_free(inside);
    return rc;
}

/* Program, tokenizer and weights: what determines an answer besides the request. */
static tj_code choose_build(serving *s, const char *path, tj_err *err)
{
    char hex[TJ_SHA256_HEX];
    tj_buf what;
    tj_buf_init(&what);
    tj_buf_printf(&what, "%s %s ", tj_build_id(), tj_tokenizer_hash(s->voice.tok));
    tj_code rc = digest_tail(&what, path, err);
    if (rc == TJ_OK) {
        rc = tj_buf_check(&what, err);
    }
    if (rc == TJ_OK) {
        tj_sha256_hex(hex, what.data, what.len);
        snprintf(s->build, sizeof s->build, "fp_%.16s", hex);
        s->service_cfg.build = s->build;
    }
    tj_buf_deinit(&what);
    return rc;
}

static tj_code open_model(serving *s, const tj_args *args, tj_err *err)
{
    const char *path = tj_args_get(args, "model");
    tj_service_config *cfg = &s->service_cfg;
    if (path == NULL) {
        return tj_fail(err, TJ_E_INVAL, "--model is needed: a model folder or GGUF file");
    }
    if (!tj_voice_is_at(path)) {
        return tj_fail(err, TJ_E_NOTFOUND,
                       "%s is neither a GGUF file nor a folder with a "
                       "tokenizer.json",
                       path);
    }
    tj_voice_options options = tj_voice_options_of(args);
    options.engine = &s->engine_cfg;
    tj_code rc = tj_voice_load(&s->voice, path, &options, err);
    if (rc != TJ_OK) {
        return rc;
    }
    cfg->engine = s->voice.engine;
    cfg->tok = s->voice.tok;
    cfg->encoder = s->voice.encoder;
    cfg->n_vocab = tj_model_cfg(s->voice.model)->n_vocab;
    cfg->n_positions = tj_model_cfg(s->voice.model)->max_positions;
    cfg->chats = s->voice.chats;
    cfg->chat = s->voice.chat;
    cfg->n_ends = s->voice.n_ends;
    memcpy(cfg->ends, s->voice.ends, s->voice.n_ends * sizeof *cfg->ends);
    cfg->created = tj_clock_unix_us() / 1000000;
    if (cfg->system != NULL && !cfg->chats) {
        return tj_fail(err, TJ_E_INVAL,
                       "--system needs a chat template: name one with --chat-template");
    }
    if (getrandom(&cfg->entropy, sizeof cfg->entropy, 0) != (ssize_t)sizeof cfg->entropy) {
        return tj_fail(err, TJ_E_IO, "the operating system gives no random numbers");
    }
    rc = choose_name(s, path, args, err);
    return rc == TJ_OK ? choose_build(s, path, err) : rc;
}

/* ------------------------------------------------------------------ the log */

/* Neither prompts nor keys, and nothing that a client can choose. */
static void log_request(void *ctx, const tj_http_event *e)
{
    const serving *s = ctx;
    if (s->quiet) {
        return;
    }
    if (s->json) {
        fprintf(stderr,
                "{\"event\":\"request\",\"time\":%.3f,\"method\":\"%s\",\"route\":\"%s\","
                "\"status\":%u,\"prompt_tokens\":%zu,\"cached_tokens\":%zu,"
                "\"completion_tokens\":%zu,\"ms\":%.1f}\n",
                (double)tj_clock_unix_us() / 1e6, e->method, e->route, e->status,
                e->n_prompt_tokens, e->n_cached, e->n_generated, 1e3 * e->seconds);
    } else {
        fprintf(stderr, "%s %s %u: prompt %zu (cached %zu), generated %zu, %.1f ms\n", e->method,
                e->route, e->status, e->n_prompt_tokens, e->n_cached, e->n_generated,
                1e3 * e->seconds);
    }
}

static void say_where(const serving *s)
{
    const char *scheme = s->tls_cert != NULL ? "https" : "http";
    const char *host = s->server_cfg.host;
    bool is_v6 = strchr(host, ':') != NULL;
    unsigned port = tj_server_port(s->server);
    if (s->json) {
        printf("{\"event\":\"listening\",\"url\":\"%s://%s%s%s:%u/v1\",\"port\":%u}\n", scheme,
               is_v6 ? "[" : "", host, is_v6 ? "]" : "", port, port);
    } else {
        printf("%s at %s://%s%s%s:%u/v1\n", s->name, scheme, is_v6 ? "[" : "", host,
               is_v6 ? "]" : "", port);
    }
    (void)fflush(stdout); /* a pipe's reader waits for the port */
}

/* ------------------------------------------------------------------ the command */

/* Until a signal comes; then those at hand are served to their end. A second signal ends the
 * process (terminal.c). */
static void serve(serving *s)
{
    const tj_job *job = tj_cli_job();
    (void)signal(SIGPIPE, SIG_IGN); /* whoever reads the log may go */
    say_where(s);
    while (!tj_job_cancelled(job)) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    }
    if (!s->quiet && !s->json) {
        fprintf(stderr, "ending: no new requests; once more to end at once\n");
    }
    tj_server_drain(s->server, GRACE_S);
}

static tj_code run(serving *s, const tj_args *args, tj_err *err)
{
    tj_code rc = read_settings(s, args, err);
    if (rc == TJ_OK) {
        rc = read_secrets(s, args, err);
    }
    if (rc == TJ_OK) {
        rc = open_model(s, args, err);
    }
    if (rc == TJ_OK) {
        rc = tj_service_create(&s->service, &s->service_cfg, err);
    }
    if (rc == TJ_OK) {
        s->server_cfg.log = log_request;
        s->server_cfg.ctx = s;
        rc = tj_server_start(&s->server, s->service, &s->server_cfg, err);
    }
    if (rc == TJ_OK) {
        serve(s);
    }
    return rc;
}

tj_code tj_cmd_serve(const tj_args *args, tj_err *err)
{
    serving s = {0};
    tj_engine_config_default(&s.engine_cfg);
    tj_service_config_default(&s.service_cfg);
    tj_server_config_default(&s.server_cfg);
    tj_code rc = run(&s, args, err);
    tj_server_stop(s.server);
    tj_service_destroy(s.service);
    tj_voice_close(&s.voice);
    tj_free(s.keys);
    tj_free(s.tls_cert);
    tj_free(s.tls_key);
    tj_free(s.name);
    return rc;
}
