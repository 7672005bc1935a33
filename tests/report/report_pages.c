/* report_pages DIR: writes each sample's page and summary into DIR, to be looked at in a browser.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "report/report.h"
#include "report/report_sample.h"

int main(int argc, char **argv)
{
    static const char *const names[TJ_N_SAMPLES] = {"demo", "full",    "negative",
                                                    "null", "minimal", "hostile"};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: report_pages DIR\n");
        return 2;
    }
    for (int k = 0; k < TJ_N_SAMPLES; k++) {
        char path[1024];
        tj_err err;
        json_t *data = tj_sample_report((tj_sample)k, 2000);
        (void)snprintf(path, sizeof path, "%s/%s.html", argv[1], names[k]);
        if (tj_report_write(path, data, &err) != TJ_OK) {
            (void)fprintf(stderr, "%s: %s\n", names[k], err.msg);
            return 1;
        }
        (void)snprintf(path, sizeof path, "%s/%s.json", argv[1], names[k]);
        if (tj_summary_write(path, data, &err) != TJ_OK) {
            (void)fprintf(stderr, "%s: %s\n", names[k], err.msg);
        }
        json_decref(data);
    }
    return 0;
}
