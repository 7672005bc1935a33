/* The sections of the page, one function each, in the order of the page. Each appends a whole
 * <section> for what the (checked) document has, says what is missing where that matters, and
 * writes nothing where there is nothing to say.
 *
 * Threads: no shared state.
 */
#ifndef TJ_REPORT_REPORT_SECTIONS_H
#define TJ_REPORT_REPORT_SECTIONS_H

#include <jansson.h>

#include "base/buf.h"

void tj_section_headline(tj_buf *out, const json_t *data);
void tj_section_pipeline(tj_buf *out, const json_t *data);
void tj_section_data(tj_buf *out, const json_t *data);
void tj_section_learning(tj_buf *out, const json_t *data);
void tj_section_comparison(tj_buf *out, const json_t *data);
void tj_section_process(tj_buf *out, const json_t *data);
void tj_section_curve(tj_buf *out, const json_t *data);
void tj_section_thoughts(tj_buf *out, const json_t *data);
void tj_section_trees(tj_buf *out, const json_t *data);
void tj_section_cases(tj_buf *out, const json_t *data);
void tj_section_evaluations(tj_buf *out, const json_t *data);
void tj_section_runs(tj_buf *out, const json_t *data);
void tj_section_limits(tj_buf *out, const json_t *data);

/* <section> with its heading; id is a name of ours. */
void tj_section_begin(tj_buf *out, const char *id, const char *title);
void tj_section_end(tj_buf *out);

#endif
