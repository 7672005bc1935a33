/* Progress reports: one self-contained HTML file, and summary.json, from one JSON document.
 *
 * The document ("report data", docs/report.md) is plain data that a stage builds from the
 * workspace. The report never computes a statistic of its own: what it shows is there, and it
 * refuses a document that does not fit its contract, naming the place. The page works offline
 * and without JavaScript, in light, dark and print; all text is escaped, and a policy in the page
 * forbids it to load or run anything that it did not bring along.
 *
 * Ownership: stated at each function; documents are borrowed.
 * Threads:   no shared state.
 * Cost:      linear in the document; a demo's report is some hundred kilobytes.
 */
#ifndef TJ_REPORT_REPORT_H
#define TJ_REPORT_REPORT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define TJ_REPORT_VERSION 1
#define TJ_REPORT_MAX_NODES                                                                        \
    2048 /* of one tree: more would not be looked at, only scrolled past                           \
          */

/* Checks the whole document. Errors: TJ_E_INVAL ("report data: arms[3].ci_low: expected …"). */
TJ_MUST_USE tj_code tj_report_check(const json_t *data, tj_err *err);

/* Appends the page to *out. The same document gives the same bytes. Errors: TJ_E_INVAL as above,
 * TJ_E_NOMEM; *out then holds what it held. */
TJ_MUST_USE tj_code tj_report_html(tj_buf *out, const json_t *data, tj_err *err);
/* The same into a file, whole or not at all. Errors: also TJ_E_IO. */
TJ_MUST_USE tj_code tj_report_write(const char *path, const json_t *data, tj_err *err);

/* Gives *out (a new reference; NULL on error): the object of summary.json. Errors: TJ_E_INVAL;
 * TJ_E_NOTFOUND naming the arm that is missing, or the difference. */
TJ_MUST_USE tj_code tj_summary_json(json_t **out, const json_t *data, tj_err *err);
TJ_MUST_USE tj_code tj_summary_write(const char *path, const json_t *data, tj_err *err);

#endif
