#include "base/config.h"
#include "infer/infer.h"

static const char *const max_tokens_fields[] = {"max_tokens", "max_completion_tokens", NULL};
static const char *const response_formats[] = {"schema", "object_schema", "object", "none", NULL};

#define CFG tj_remote_config
static const tj_field fields[] = {
    TJ_FIELD_STRING(CFG, model, "the model, as the server calls it"),
    TJ_FIELD_STRING(CFG, key_variable, "environment variable of the key"),
    TJ_FIELD_STRING(CFG, key_file, "file of the key"),
    TJ_FIELD_STRING(CFG, ca_file, "certificates that https servers are checked against"),
    TJ_FIELD_BOOL(CFG, allow_plain_http, "send a key over http to other machines"),
    TJ_FIELD_BOOL(CFG, stream, "ask for server-sent events"),
    TJ_FIELD_BOOL(CFG, send_seed, "requests have a seed"),
    TJ_FIELD_ENUM(CFG, max_tokens_field, max_tokens_fields, "what the server calls the limit"),
    TJ_FIELD_ENUM(CFG, response_format, response_formats,
                  "how a form is asked for: with its schema, as any object, or not at all"),
    TJ_FIELD_SIZE(CFG, max_in_flight, 1, 1024, "requests at a time"),
    TJ_FIELD_SIZE(CFG, samples_per_request, 0, 128, "at most; 0: all of a prompt"),
    TJ_FIELD_SIZE(CFG, connect_timeout_ms, 1, 3600000, "of a connection"),
    TJ_FIELD_SIZE(CFG, timeout_ms, 1, 86400000, "of a try that is not streamed"),
    TJ_FIELD_SIZE(CFG, silence_ms, 1, 86400000, "of a streamed try, without a byte"),
    TJ_FIELD_SIZE(CFG, max_tries, 1, 100, "of a request"),
    TJ_FIELD_SIZE(CFG, max_retries, 0, 1000000000, "of all requests together"),
    TJ_FIELD_SIZE(CFG, backoff_ms, 1, 3600000, "before the second try; doubles with each"),
    TJ_FIELD_SIZE(CFG, max_backoff_ms, 1, 3600000, "before any try"),
    TJ_FIELD_SIZE(CFG, max_retry_after_s, 0, 86400, "of a server's Retry-After"),
    TJ_FIELD_DOUBLE(CFG, price_input, 0.0, 1e9, "per million tokens of prompts"),
    TJ_FIELD_DOUBLE(CFG, price_output, 0.0, 1e9, "per million tokens of answers"),
    TJ_FIELD_DOUBLE(CFG, price_cached_input, -1.0, 1e9,
                    "per million tokens of prompts that the server had; -1: as price_input"),
    TJ_FIELD_END};

void tj_remote_config_default(tj_remote_config *cfg)
{
    *cfg = (tj_remote_config){.send_seed = true,
                              .max_tokens_field = TJ_MAX_TOKENS,
                              .max_in_flight = 8,
                              .connect_timeout_ms = 10000,
                              .timeout_ms = 600000,
                              .silence_ms = 120000,
                              .max_tries = 6,
                              .max_retries = 1000,
                              .backoff_ms = 500,
                              .max_backoff_ms = 60000,
                              .max_retry_after_s = 600,
                              .price_cached_input = -1.0};
}

tj_code tj_remote_config_read(tj_remote_config *cfg, const json_t *json, const char *where,
                              tj_err *err)
{
    return tj_config_read(cfg, fields, json, where, err);
}
