#include "cli/settings.h"

#include "base/alloc.h"
#include "base/config.h"
#include "base/fs.h"

/* What is wrong with a setting is said with its line. */
static tj_code read_file(tj_demo_config *cfg, const char *path, tj_err *err)
{
    char *text = NULL;
    size_t len = 0;
    json_t *json = NULL;
    tj_code rc = tj_fs_read(&text, &len, path, TJ_MAX_CONFIG_BYTES, err);
    if (rc == TJ_OK) {
        rc = tj_config_parse(&json, text, len, path, err);
        if (rc == TJ_E_PARSE) { /* a configuration that is wrong, like one with a wrong value */
            rc = err->code = TJ_E_INVAL;
        }
    }
    if (rc == TJ_OK && !json_is_object(json)) {
        rc = tj_fail(err, TJ_E_INVAL, "%s: expected a mapping of settings", path);
    } else if (rc == TJ_OK) {
        rc = tj_demo_config_read(cfg, json, "", err);
        if (rc != TJ_OK) {
            tj_config_add_line(err, text, len, path);
        }
    }
    json_decref(json);
    tj_free(text);
    return rc;
}

tj_code tj_read_settings(const tj_args *args, tj_demo_config *cfg, tj_err *err)
{
    const char *file = tj_args_get(args, "config");
    json_t *sets = json_object();
    file = tj_args_n_operands(args) > 0 ? tj_args_operand(args, 0) : file;
    tj_demo_config_default(cfg, tj_args_has(args, "full"));
    tj_code rc = sets == NULL   ? tj_fail(err, TJ_E_NOMEM, "cannot read the settings")
                 : file == NULL ? TJ_OK
                                : read_file(cfg, file, err);
    if (rc == TJ_OK) {
        for (size_t i = 0; rc == TJ_OK && tj_args_nth(args, "set", i) != NULL; i++) {
            rc = tj_config_set(sets, tj_args_nth(args, "set", i), err);
        }
        if (rc == TJ_OK) {
            rc = tj_demo_config_read(cfg, sets, "", err);
        }
        if (rc != TJ_OK) {
            tj_err_context(err, "--set");
        }
    }
    json_decref(sets);
    return rc;
}
