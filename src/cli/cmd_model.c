/* model info. */
#include "base/alloc.h"
#include "cli/common.h"
#include "nn/nn.h"

tj_code tj_cmd_model_info(const tj_args *args, tj_err *err)
{
    tj_model *model = NULL;
    char digest[65];
    const char *family = "";
    tj_code rc = tj_model_load(&model, tj_args_operand(args, 0), TJ_F32, err);
    if (rc == TJ_OK) {
        rc = tj_model_config_family(&family, tj_model_cfg(model), err);
    }
    if (rc == TJ_OK) {
        size_t n = tj_model_config_n_weights(tj_model_cfg(model));
        json_t *shape = tj_model_config_to_json(tj_model_cfg(model));
        tj_model_digest(model, digest);
        if (tj_args_has(args, "json")) {
            json_t *all = json_pack("{s:s, s:I, s:s, s:O}", "family", family, "parameters",
                                    (json_int_t)n, "digest", digest, "shape", shape);
            rc = tj_print_json(all, err);
            json_decref(all);
        } else {
            printf("family      %s\nparameters  %zu\ndigest      %s\n", family, n, digest);
            const char *key;
            json_t *value;
            json_object_foreach(shape, key, value)
            {
                char *text = tj_json_scalar(value);
                printf("%-18s %s\n", key, text == NULL ? "" : text);
                tj_free(text);
            }
        }
        json_decref(shape);
    }
    tj_model_destroy(model);
    return rc;
}
