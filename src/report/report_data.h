/* Reading the report data (docs/report.md): getters that give a default where a field is missing or
 * null, so that the sections need no error paths. The document has passed tj_report_check before.
 *
 * Ownership: everything is lent by the document.
 * Threads:   no shared state.
 */
#ifndef TJ_REPORT_REPORT_DATA_H
#define TJ_REPORT_REPORT_DATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* "" where there is no string. */
const char *tj_data_text(const json_t *object, const char *key);
bool tj_data_has(const json_t *object, const char *key); /* there, and not null */
/* NaN where there is no number. */
double tj_data_number(const json_t *object, const char *key);
bool tj_data_true(const json_t *object, const char *key);
size_t tj_data_size(const json_t *object, const char *key); /* 0 where there is no count */

/* The arm of that key; NULL if there is none. */
const json_t *tj_data_arm(const json_t *data, const char *key);
/* "journey", "shortcut", "base" or "other": what decides colour and shape; of any arm's key. */
const char *tj_data_family(const char *arm_key);
/* The level of the intervals in percent, e.g. 95. */
double tj_data_level(const json_t *data);

#endif
