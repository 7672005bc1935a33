/* Streams: what was compressed comes back, whatever the pieces it is read in; damage and missing
 * ends are errors that name the file. zlib and libzstd compress on the other side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/stream.h"
#include "support/one_file.h"

#define N_BYTES 700000 /* more than two of the stream's windows */

static const char *path; /* of what was written last */
static unsigned char *plain, *packed;

static int setup(void **state)
{
    (void)state;
    tj_rng rng;
    tj_rng_init(&rng, 5, 0, 0, 0);
    plain = tj_malloc(N_BYTES);
    packed = tj_malloc(2 * N_BYTES);
    for (size_t i = 0; i < N_BYTES; i++) { /* half of it compresses */
        plain[i] = (unsigned char)tj_rng_below(&rng, i % 2 == 0 ? 256 : 2);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tj_free(plain);
    tj_free(packed);
    return 0;
}

static size_t gzip(unsigned char *out, const unsigned char *bytes, size_t n)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = 2 * N_BYTES;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t made = z.total_out;
    deflateEnd(&z);
    return made;
}

static size_t zstd(unsigned char *out, const unsigned char *bytes, size_t n)
{
    size_t made = ZSTD_compress(out, 2 * N_BYTES, bytes, n, 1);
    assert_false(ZSTD_isError(made));
    return made;
}

typedef size_t (*pack_fn)(unsigned char *out, const unsigned char *bytes, size_t n);
static const pack_fn packers[] = {gzip, zstd};

/* Reads the file in pieces of `piece` bytes; *same: what comes is `plain` as far as it goes. */
static tj_code read_all(size_t piece, size_t *n_read, bool *same, tj_err *err)
{
    tj_stream *s;
    unsigned char *buf = tj_malloc(piece);
    *n_read = 0;
    *same = true;
    tj_code rc = tj_stream_open(&s, path, err);
    for (size_t n = 1; rc == TJ_OK && n > 0;) {
        rc = tj_stream_read(s, buf, piece, &n, err);
        if (rc == TJ_OK) {
            assert_true(*n_read + n <= N_BYTES);
            *same = *same && memcmp(buf, plain + *n_read, n) == 0;
            *n_read += n;
        }
    }
    tj_stream_close(s);
    tj_free(buf);
    return rc;
}

static tj_code read_back(size_t piece, size_t *n_read, tj_err *err)
{
    bool same;
    tj_code rc = read_all(piece, n_read, &same, err);
    assert_true(same);
    return rc;
}

static void write_file(const void *bytes, size_t n)
{
    path = one_file(bytes, n);
}

static void write_packed(size_t n)
{
    write_file(packed, n);
}

static void what_was_compressed_comes_back(void **state)
{
    (void)state;
    static const size_t pieces[] = {997, 65536, 2 * N_BYTES};
    size_t n;
    for (size_t p = 0; p < 3; p++) {
        for (size_t k = 0; k < 2; k++) {
            write_packed(packers[k](packed, plain, N_BYTES));
            assert_int_equal(read_back(pieces[p], &n, NULL), TJ_OK);
            assert_int_equal(n, N_BYTES);
        }
        write_file(plain, N_BYTES);
        assert_int_equal(read_back(pieces[p], &n, NULL), TJ_OK);
        assert_int_equal(n, N_BYTES);
    }
}

static void members_follow_one_another(void **state)
{
    (void)state;
    static const size_t cuts[] = {0, 1, 300000, 300000, N_BYTES};
    for (size_t k = 0; k < 2; k++) {
        size_t n = 0;
        size_t n_read;
        for (size_t c = 0; c + 1 < 5; c++) { /* one of them is empty */
            n += packers[k](packed + n, plain + cuts[c], cuts[c + 1] - cuts[c]);
        }
        write_packed(n);
        assert_int_equal(read_back(65536, &n_read, NULL), TJ_OK);
        assert_int_equal(n_read, N_BYTES);
    }
}

static void a_file_that_is_cut_is_an_error(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        size_t whole = packers[k](packed, plain, 1000);
        for (size_t n = 4; n < whole; n += n + 20 < whole ? 16 : 1) { /* each opens a file */
            size_t n_read;
            tj_err err = {.msg = ""};
            write_packed(n);
            assert_int_equal(read_back(64, &n_read, &err), TJ_E_PARSE);
            assert_non_null(strstr(err.msg, path));
        }
    }
}

static void damage_is_an_error(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        size_t n = packers[k](packed, plain, N_BYTES);
        size_t n_read;
        tj_err err = {.msg = ""};
        if (k == 0) { /* gzip's checksum covers all of it; libzstd's is off unless asked for */
            packed[n / 2] ^= 0x10;
        } else {
            packed[6] ^= 0xFF; /* a block's header */
        }
        write_packed(n);
        bool same; /* gzip's checksum stands behind the bytes, which have been given by then */
        assert_int_equal(read_all(65536, &n_read, &same, &err), TJ_E_PARSE);
        assert_non_null(strstr(err.msg, path));
    }
}

static void what_follows_gzip_must_be_gzip_or_zeros(void **state)
{
    (void)state;
    size_t n = gzip(packed, plain, 1000);
    size_t n_read;
    memset(packed + n, 0, 600);
    write_packed(n + 600);
    assert_int_equal(read_back(100, &n_read, NULL), TJ_OK);
    assert_int_equal(n_read, 1000);
    packed[n] = 'x';
    write_packed(n + 600);
    assert_int_equal(read_back(100, &n_read, NULL), TJ_E_PARSE);
}

static void a_window_that_is_too_large_is_refused(void **state)
{
    (void)state;
    /* a frame's header that asks for a window of 2^31 bytes, as zstd --ultra --long=31 writes */
    static const unsigned char frame[] = {0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xA8, 0x01, 0x00, 0x00};
    size_t n_read;
    tj_err err = {.msg = ""};
    write_file(frame, sizeof frame);
    assert_int_equal(read_back(64, &n_read, &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "memory"));
}

static void other_errors_name_the_file(void **state)
{
    (void)state;
    tj_stream *s;
    tj_err err;
    assert_int_equal(tj_stream_open(&s, "/nonexistent/file", &err), TJ_E_NOTFOUND);
    assert_null(s);
    assert_non_null(strstr(err.msg, "/nonexistent/file"));
    assert_int_equal(tj_stream_open(&s, "/tmp", &err), TJ_E_IO);
    assert_null(s);
    for (size_t k = 0; k < 3; k++) {
        write_packed(gzip(packed, plain, 1000));
        tj_alloc_fail_after(k);
        tj_code rc = tj_stream_open(&s, path, &err);
        tj_alloc_fail_after(SIZE_MAX);
        assert_int_equal(rc, TJ_E_NOMEM);
        assert_null(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_compressed_comes_back),
                                       cmocka_unit_test(members_follow_one_another),
                                       cmocka_unit_test(a_file_that_is_cut_is_an_error),
                                       cmocka_unit_test(damage_is_an_error),
                                       cmocka_unit_test(what_follows_gzip_must_be_gzip_or_zeros),
                                       cmocka_unit_test(a_window_that_is_too_large_is_refused),
                                       cmocka_unit_test(other_errors_name_the_file)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
