#include "report/report_data.h"

#include <math.h>
#include <string.h>

const char *tj_data_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

bool tj_data_has(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value != NULL && !json_is_null(value);
}

double tj_data_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

bool tj_data_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

size_t tj_data_size(const json_t *object, const char *key)
{
    double n = tj_data_number(object, key);
    return n >= 0.0 && n <= 9007199254740992.0 ? (size_t)n : 0;
}

const json_t *tj_data_arm(const json_t *data, const char *key)
{
    size_t i;
    const json_t *arm;
    json_array_foreach(json_object_get(data, "arms"), i, arm)
    {
        if (strcmp(tj_data_text(arm, "key"), key) == 0) {
            return arm;
        }
    }
    return NULL;
}

const char *tj_data_family(const char *arm_key)
{
    static const char *const families[] = {"journey", "shortcut", "base"};
    /* Journeys with masked branches are a control of their own, not the journey arm. */
    if (strncmp(arm_key, "journey_masked", strlen("journey_masked")) != 0) {
        for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
            if (strncmp(arm_key, families[i], strlen(families[i])) == 0) {
                return families[i];
            }
        }
    }
    return "other";
}

double tj_data_level(const json_t *data)
{
    double level = tj_data_number(data, "level");
    return 100.0 * (isnan(level) ? 0.95 : level);
}
