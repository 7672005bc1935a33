/* The style sheet and the script (src/report/assets), embedded by cmake/embed.cmake. */
#ifndef TJ_REPORT_REPORT_ASSETS_H
#define TJ_REPORT_REPORT_ASSETS_H

#include <stddef.h>

extern const unsigned char tj_report_css[];
extern const size_t tj_report_css_n;
extern const unsigned char tj_report_js[];
extern const size_t tj_report_js_n;

#endif
