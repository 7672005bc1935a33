/* Files are whole or not there: a write that fails, at any byte, leaves the old file and no other;
 * a digest is the published one. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/base_testing.h"
#include "base/fs.h"
#include "support/full_disk.h"

static void assert_file(const char *path, const char *want, size_t n)
{
    char *text;
    size_t len;
    assert_int_equal(tj_fs_read(&text, &len, path, (size_t)1 << 24, NULL), TJ_OK);
    assert_int_equal(len, n);
    assert_memory_equal(text, want, n);
    assert_int_equal(text[len], 0);
    tj_free(text);
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    /* around the writer's buffer of 64 kB */
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 200000};
    char *bytes = tj_malloc(200000);
    for (size_t i = 0; i < 200000; i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        assert_int_equal(tj_fs_write(base_path("f"), bytes, sizes[s], NULL), TJ_OK);
        assert_file(base_path("f"), bytes, sizes[s]);
        tj_fs_map map;
        assert_int_equal(tj_fs_map_open(&map, base_path("f"), NULL), TJ_OK);
        assert_int_equal(map.n_bytes, sizes[s]);
        assert_memory_equal(map.data, bytes, sizes[s]);
        tj_fs_map_close(&map);
    }
    tj_fs_writer *w; /* in pieces */
    assert_int_equal(tj_fs_writer_open(&w, base_path("f"), NULL), TJ_OK);
    for (size_t at = 0; at < 200000;) {
        size_t n = at % 40001 + 1;
        n = n > 200000 - at ? 200000 - at : n;
        tj_fs_writer_add(w, bytes + at, n);
        at += n;
    }
    assert_int_equal(tj_fs_writer_commit(w, NULL), TJ_OK);
    assert_file(base_path("f"), bytes, 200000);
    for (size_t first = 65530; first <= 65537; first++) { /* the second piece fits, or just not */
        for (size_t second = 0; second < 8; second++) {
            assert_int_equal(tj_fs_writer_open(&w, base_path("f"), NULL), TJ_OK);
            tj_fs_writer_add(w, bytes, first);
            tj_fs_writer_add(w, bytes + first, second);
            assert_int_equal(tj_fs_writer_commit(w, NULL), TJ_OK);
            assert_file(base_path("f"), bytes, first + second);
        }
    }
    assert_int_equal(base_n_files(), 1);
    tj_free(bytes);
}

static void a_reader_has_a_bound(void **state)
{
    (void)state;
    char *text;
    size_t len;
    tj_err err;
    assert_int_equal(tj_fs_write(base_path("f"), "12345", 5, NULL), TJ_OK);
    assert_int_equal(tj_fs_read(&text, &len, base_path("f"), 5, &err), TJ_OK);
    tj_free(text);
    assert_int_equal(tj_fs_read(&text, &len, base_path("f"), 4, &err), TJ_E_LIMIT);
    assert_null(text);
    assert_non_null(strstr(err.msg, base_path("f")));
    /* a file without a size of its own, and without an end */
    assert_int_equal(tj_fs_read(&text, &len, "/dev/zero", 1000000, &err), TJ_E_LIMIT);
    assert_null(text);
    assert_int_equal(tj_fs_read(&text, &len, "/dev/null", 0, &err), TJ_OK);
    assert_int_equal(len, 0);
    tj_free(text);
}

static void a_pipe_is_written_to_and_stays_one(void **state)
{
    (void)state;
    struct stat st;
    char got[8] = "";
    assert_int_equal(mkfifo(base_path("pipe"), 0600), 0);
    int fd = open(base_path("pipe"), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(tj_fs_write(base_path("pipe"), "12345", 5, NULL), TJ_OK);
    assert_int_equal(read(fd, got, sizeof got), 5);
    assert_string_equal(got, "12345");
    assert_int_equal(stat(base_path("pipe"), &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(close(fd), 0);
}

static void what_cannot_be_opened_is_named(void **state)
{
    (void)state;
    char *text;
    size_t len;
    tj_fs_map map;
    tj_fs_writer *w;
    char hex[TJ_SHA256_HEX];
    tj_err err;
    const char *none = base_path("none/f");
    assert_int_equal(tj_fs_read(&text, &len, none, 9, &err), TJ_E_NOTFOUND);
    assert_non_null(strstr(err.msg, none));
    assert_int_equal(tj_fs_map_open(&map, none, &err), TJ_E_NOTFOUND);
    assert_int_equal(tj_sha256_file(hex, none, &err), TJ_E_NOTFOUND);
    assert_non_null(strstr(err.msg, none));
    assert_int_equal(tj_fs_writer_open(&w, none, &err), TJ_E_NOTFOUND);
    assert_null(w);
    assert_non_null(strstr(err.msg, none));
    assert_int_equal(tj_fs_rename(base_path("a"), base_path("b"), &err), TJ_E_NOTFOUND);
    assert_non_null(strstr(err.msg, base_path("a")));
    /* a folder is no file */
    assert_int_equal(tj_fs_read(&text, &len, base_folder, 9, &err), TJ_E_IO);
    assert_null(text);
    assert_int_equal(tj_fs_map_open(&map, base_folder, &err), TJ_E_IO);
    assert_int_equal(tj_sha256_file(hex, base_folder, &err), TJ_E_IO);
    assert_int_equal(tj_fs_write(base_folder, "x", 1, &err), TJ_E_IO);
    assert_non_null(strstr(err.msg, base_folder));
}

static void an_abandoned_write_leaves_the_old_file(void **state)
{
    (void)state;
    tj_fs_writer *w;
    assert_int_equal(tj_fs_write(base_path("f"), "old", 3, NULL), TJ_OK);
    assert_int_equal(tj_fs_writer_open(&w, base_path("f"), NULL), TJ_OK);
    tj_fs_writer_add(w, "new", 3);
    assert_file(base_path("f"), "old", 3);
    tj_fs_writer_abort(w);
    tj_fs_writer_abort(NULL);
    assert_file(base_path("f"), "old", 3);
    assert_int_equal(base_n_files(), 1);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    static char big[150000];
    static const size_t limits[] = {0, 1, 4095, 65535, 65536, 65537, 149999, 150000};
    assert_int_equal(tj_fs_write(base_path("f"), "old", 3, NULL), TJ_OK);
    memset(big, 'x', sizeof big);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        tj_err err = {.code = TJ_OK};
        limit_files(limits[i]);
        tj_code rc = tj_fs_write(base_path("f"), big, sizeof big, &err);
        limit_files(SIZE_MAX);
        assert_int_equal(base_n_files(), 1);
        if (limits[i] >= sizeof big) {
            assert_int_equal(rc, TJ_OK);
            assert_file(base_path("f"), big, sizeof big);
        } else {
            assert_int_equal(rc, TJ_E_IO);
            assert_non_null(strstr(err.msg, base_path("f")));
            assert_non_null(strstr(err.msg, strerror(EFBIG)));
            assert_file(base_path("f"), "old", 3);
        }
    }
}

/* In pieces, of which only one in the middle meets the limit: its error is kept until commit. */
static void the_first_error_is_kept(void **state)
{
    (void)state;
    static char big[100000];
    tj_fs_writer *w;
    assert_int_equal(tj_fs_writer_open(&w, base_path("f"), NULL), TJ_OK);
    limit_files(10);
    tj_fs_writer_add(w, big, sizeof big);
    limit_files(SIZE_MAX);
    tj_fs_writer_add(w, big, sizeof big);
    tj_fs_writer_add(w, "end", 3);
    assert_int_equal(tj_fs_writer_commit(w, NULL), TJ_E_IO);
    assert_int_equal(base_n_files(), 0);
}

static void two_writers_of_one_file_do_not_meet(void **state)
{
    (void)state;
    tj_fs_writer *a, *b;
    assert_int_equal(tj_fs_writer_open(&a, base_path("f"), NULL), TJ_OK);
    assert_int_equal(tj_fs_writer_open(&b, base_path("f"), NULL), TJ_OK);
    tj_fs_writer_add(a, "aaa", 3);
    tj_fs_writer_add(b, "b", 1);
    assert_int_equal(tj_fs_writer_commit(a, NULL), TJ_OK);
    assert_file(base_path("f"), "aaa", 3);
    assert_int_equal(tj_fs_writer_commit(b, NULL), TJ_OK);
    assert_file(base_path("f"), "b", 1);
    assert_int_equal(base_n_files(), 1);
}

static void a_mapping_outlives_its_file(void **state)
{
    (void)state;
    tj_fs_map map;
    assert_int_equal(tj_fs_write(base_path("f"), "old", 3, NULL), TJ_OK);
    assert_int_equal(tj_fs_map_open(&map, base_path("f"), NULL), TJ_OK);
    assert_int_equal(tj_fs_write(base_path("f"), "newer", 5, NULL), TJ_OK);
    assert_memory_equal(map.data, "old", 3);
    tj_fs_map_close(&map);
    assert_int_equal(tj_fs_write(base_path("g"), "third", 5, NULL), TJ_OK);
    assert_int_equal(tj_fs_rename(base_path("g"), base_path("f"), NULL), TJ_OK);
    assert_file(base_path("f"), "third", 5);
    assert_int_equal(base_n_files(), 1);
}

static void folders_are_made_once(void **state)
{
    (void)state;
    tj_err err;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(tj_fs_mkdirs(base_path("a/b//c/"), &err), TJ_OK);
        assert_true(tj_fs_exists(base_path("a/b/c")));
    }
    assert_int_equal(tj_fs_write(base_path("a/b/f"), "", 0, NULL), TJ_OK);
    assert_int_equal(tj_fs_mkdirs(base_path("a/b/f/g"), &err), TJ_E_CONFLICT);
    assert_non_null(strstr(err.msg, base_path("a/b/f")));
    assert_false(tj_fs_exists(base_path("none")));
    assert_int_equal(tj_fs_mkdirs("/proc/none/x", &err), TJ_E_IO);
}

static void joined_paths_have_one_slash(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"},           {"a", "/b", "/b"},
        {"/", "b", "/b"},  {"a", "", "a/"},    {"a/b", "c/d", "a/b/c/d"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *path = tj_fs_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        tj_free(path);
    }
}

/* NIST's examples: the empty text, "abc", 448 bits, and a million times "a". */
static void digests_are_the_published_ones(void **state)
{
    (void)state;
    static const char *const known[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
    char hex[TJ_SHA256_HEX];
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(known[i][0]);
        tj_sha256_hex(hex, known[i][0], n);
        assert_string_equal(hex, known[i][1]);
        assert_int_equal(tj_fs_write(base_path("f"), known[i][0], n, NULL), TJ_OK);
        assert_int_equal(tj_sha256_file(hex, base_path("f"), NULL), TJ_OK);
        assert_string_equal(hex, known[i][1]);
    }
    char *million = tj_malloc(1000000);
    memset(million, 'a', 1000000);
    assert_int_equal(tj_fs_write(base_path("f"), million, 1000000, NULL), TJ_OK);
    assert_int_equal(tj_sha256_file(hex, base_path("f"), NULL), TJ_OK);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    tj_free(million);
}

static void failing_allocations_are_told(void **state)
{
    (void)state;
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_err err = {.code = TJ_OK};
        tj_alloc_fail_after(k);
        rc = tj_fs_write(base_path("f"), "x", 1, &err);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && err.code == rc));
        assert_true(k < 20);
    }
    rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        char *text;
        size_t len;
        tj_alloc_fail_after(k);
        rc = tj_fs_read(&text, &len, base_path("f"), 9, NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || (rc == TJ_E_NOMEM && text == NULL));
        assert_true(k < 20);
        tj_free(text);
    }
    assert_int_equal(base_n_files(), 1);
    tj_alloc_fail_after(0);
    rc = tj_fs_mkdirs(base_path("g"), NULL);
    assert_int_equal(rc, TJ_E_NOMEM);
    tj_alloc_fail_after(0);
    assert_null(tj_fs_join("a", "b"));
}

#define IN_A_FOLDER(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, base_make_folder, base_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(what_was_written_is_read),
        IN_A_FOLDER(a_reader_has_a_bound),
        IN_A_FOLDER(a_pipe_is_written_to_and_stays_one),
        IN_A_FOLDER(what_cannot_be_opened_is_named),
        IN_A_FOLDER(an_abandoned_write_leaves_the_old_file),
        IN_A_FOLDER(a_full_disk_leaves_the_old_file),
        IN_A_FOLDER(the_first_error_is_kept),
        IN_A_FOLDER(two_writers_of_one_file_do_not_meet),
        IN_A_FOLDER(a_mapping_outlives_its_file),
        IN_A_FOLDER(folders_are_made_once),
        cmocka_unit_test(joined_paths_have_one_slash),
        IN_A_FOLDER(digests_are_the_published_ones),
        IN_A_FOLDER(failing_allocations_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
