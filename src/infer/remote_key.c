/* Keys: from a file, or from the environment. They are held once, and overwritten when forgotten.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "infer/remote.h"

void tj_remote_forget_key(char *key)
{
    if (key != NULL) {
        volatile char *p = key; /* so that the compiler does not think the writes useless */
        for (size_t i = strlen(key); i-- > 0;) {
            p[i] = '\0';
        }
        tj_free(key);
    }
}

/* Visible ASCII only: a line break would begin another header. */
static tj_code check_key(const char *key, const char *from, tj_err *err)
{
    if (key[0] == '\0') {
        return tj_fail(err, TJ_E_INVAL, "the key in %s is empty", from);
    }
    for (size_t i = 0; key[i] != '\0'; i++) {
        if (key[i] <= ' ' || key[i] > '~') {
            return tj_fail(err, TJ_E_INVAL, "the key in %s has a byte %zu that no key can have",
                           from, i + 1);
        }
    }
    return strlen(key) <= TJ_MAX_KEY_BYTES
               ? TJ_OK
               : tj_fail(err, TJ_E_LIMIT, "the key in %s has more than %zu bytes", from,
                         TJ_MAX_KEY_BYTES);
}

static tj_code read_file(char **out, const char *path, tj_err *err)
{
    size_t len;
    tj_code rc = tj_fs_read(out, &len, path, TJ_MAX_KEY_BYTES + 2, err);
    if (rc != TJ_OK) {
        tj_err_context(err, "cannot read the key");
        return rc;
    }
    while (len > 0 && strchr(" \t\r\n", (*out)[len - 1]) != NULL) {
        (*out)[--len] = '\0'; /* editors end files with a newline */
    }
    return TJ_OK;
}

static tj_code read_variable(char **out, char from[160], const tj_remote_config *cfg, tj_err *err)
{
    const char *name = cfg->key_variable;
    if (name[0] == '\0') {
        const char *own = getenv("TABIJI_API_KEY");
        name = own != NULL && own[0] != '\0' ? "TABIJI_API_KEY" : "OPENAI_API_KEY";
    }
    const char *value = getenv(name);
    snprintf(from, 160, "%s", name);
    if (value == NULL || value[0] == '\0') {
        return cfg->key_variable[0] == '\0'
                   ? TJ_OK
                   : tj_fail(err, TJ_E_INVAL,
                             "the environment variable %s, in which the key should "
                             "be, is not set",
                             name);
    }
    *out = tj_strdup(value);
    return *out != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot hold the key in %s", name);
}

tj_code tj_remote_find_key(char **out, char from[160], const tj_remote_config *cfg, tj_err *err)
{
    bool is_file = cfg->key_file[0] != '\0';
    *out = NULL;
    snprintf(from, 160, "%.159s", cfg->key_file);
    tj_code rc = is_file ? read_file(out, cfg->key_file, err) : read_variable(out, from, cfg, err);
    if (rc == TJ_OK && *out != NULL) {
        rc = check_key(*out, from, err);
    }
    if (rc != TJ_OK) {
        tj_remote_forget_key(*out);
        *out = NULL;
    }
    return rc;
}
