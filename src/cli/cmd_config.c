/* config: print the settings. */
#include "cli/common.h"
#include "cli/settings.h"

tj_code tj_cmd_config(const tj_args *args, tj_err *err)
{
    tj_demo_config cfg;
    tj_code rc = tj_read_settings(args, &cfg, err);
    if (rc == TJ_OK && tj_args_has(args, "json")) {
        json_t *json = tj_demo_config_write(&cfg);
        rc = tj_print_json(json, err);
        json_decref(json);
    } else if (rc == TJ_OK) {
        tj_buf text;
        tj_buf_init(&text);
        rc = tj_demo_config_print(&text, &cfg, err);
        if (rc == TJ_OK) {
            tj_print_text(tj_buf_text(&text), text.len);
        }
        tj_buf_deinit(&text);
    }
    return rc;
}
