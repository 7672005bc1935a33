/* How fast data sets are read: decompressed, scanned, checked and mapped, on one core, and apart
 * from that added to a workspace. A JSON object a file on standard output.
 *
 *     tabiji-bench-import ROUNDS DIR FILE...
 *
 * ROUNDS readings of each file, of which the fastest and the median count, by the clock and by the
 * processor's time (nothing runs beside the one thread, so that they differ only on a busy
 * machine); then one import of each into a new workspace DIR/<number>, which is left there. The
 * file is in the page cache: it is read once before. Memory is the process's peak after the
 * readings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/alloc.h"
#include "stage/stage.h"

#define MAX_ROUNDS 1000

static void must(tj_code rc, const tj_err *err)
{
    if (rc != TJ_OK) {
        (void)fprintf(stderr, "tabiji-bench-import: %s\n", err->msg);
        exit(1);
    }
}

typedef struct reading {
    tj_dataset_info info;
    size_t n_taken, n_refused;
    double seconds, cpu_seconds;
} reading;

static double cpu_seconds(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0
               ? (double)t.tv_sec + 1e-9 * (double)t.tv_nsec
               : 0.0;
}

static void read_file(reading *r, const char *path)
{
    tj_err err;
    tj_dataset *data;
    const tj_data_record *record = NULL;
    *r = (reading){.seconds = tj_clock_seconds(), .cpu_seconds = cpu_seconds()};
    must(tj_dataset_open(&data, path, NULL, &err), &err);
    for (;;) {
        tj_code rc = tj_dataset_next(data, &record, &err);
        if (tj_dataset_refusal(data) != NULL) {
            r->n_refused++;
            continue;
        }
        must(rc, &err);
        if (record == NULL) {
            break;
        }
        r->n_taken++;
    }
    r->seconds = tj_clock_seconds() - r->seconds;
    r->cpu_seconds = cpu_seconds() - r->cpu_seconds;
    tj_dataset_describe(data, &r->info);
    tj_dataset_close(data);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static double peak_mib(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss / 1024.0 : 0.0;
}

static void import_file(tj_import_result *out, const char *dir, size_t i, const char *path)
{
    char folder[512];
    tj_err err;
    tj_store *store;
    tj_import_config cfg = {.paths = &path,
                            .n_paths = 1,
                            .set = "bench",
                            .source = "",
                            .licence = "",
                            .split = TJ_SPLIT_TRAIN,
                            .skip = true};
    (void)snprintf(folder, sizeof folder, "%s/%zu", dir, i);
    must(tj_store_open(&store, folder, TJ_STORE_CREATE, NULL, &err), &err);
    must(tj_import(store, out, &cfg, "bench", NULL, NULL, &err), &err);
    tj_store_close(store);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        (void)fprintf(stderr, "usage: tabiji-bench-import ROUNDS DIR FILE...\n");
        return 2;
    }
    size_t rounds = strtoul(argv[1], NULL, 10);
    rounds = rounds < 1 ? 1 : rounds > MAX_ROUNDS ? MAX_ROUNDS : rounds;
    for (int a = 3; a < argc; a++) {
        static double seconds[MAX_ROUNDS];
        static double cpu[MAX_ROUNDS];
        reading r;
        tj_import_result added;
        read_file(&r, argv[a]);
        for (size_t k = 0; k < rounds; k++) {
            read_file(&r, argv[a]);
            seconds[k] = r.seconds;
            cpu[k] = r.cpu_seconds;
        }
        qsort(cpu, rounds, sizeof cpu[0], by_value);
        qsort(seconds, rounds, sizeof seconds[0], by_value);
        double mb = (double)r.info.n_bytes / 1e6;
        double peak = peak_mib();
        import_file(&added, argv[2], (size_t)a - 3, argv[a]);
        const tj_import_counts *c = &added.counts;
        size_t rows = c->n_records + c->n_problems + c->n_solutions + c->n_steps + c->n_nodes;
        printf("{\"file\":\"%s\",\"format\":\"%s\",\"compression\":\"%s\",\"mb\":%.3f,"
               "\"records\":%zu,\"refused\":%zu,\"mb_per_s\":%.1f,\"mb_per_s_median\":%.1f,"
               "\"mb_per_cpu_s\":%.1f,\"mb_per_cpu_s_median\":%.1f,"
               "\"peak_mib\":%.1f,\"hash_seconds\":%.3f,\"add_seconds\":%.3f,\"rows\":%zu,"
               "\"rows_per_s\":%.0f}\n",
               argv[a], tj_data_format_name(r.info.format), r.info.compression, mb,
               r.n_taken + r.n_refused, r.n_refused, mb / seconds[0], mb / seconds[rounds / 2],
               mb / cpu[0], mb / cpu[rounds / 2], peak, c->hash_seconds, c->add_seconds, rows,
               c->add_seconds > 0.0 ? (double)rows / c->add_seconds : 0.0);
        (void)fflush(stdout);
    }
    return 0;
}
