/* GGUF files: what was written is read, by our reader and against bytes put together by hand from
 * the format's description; whatever is wrong with a file is refused with a message that names it,
 * wherever it is cut it is refused, and whichever byte changes it is refused or read whole. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/base_testing.h"
#include "base/buf.h"
#include "base/fs.h"
#include "base/gguf.h"
#include "support/full_disk.h"

/* ------------------------------------------------------------------ files by hand */

static void add_int(tj_buf *b, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        tj_buf_char(b, (char)(unsigned char)(v >> (8 * i)));
    }
}

static void add_hex(tj_buf *b, const char *hex)
{
    for (size_t i = 0; hex[i] != '\0'; i += 2) {
        const char digits[3] = {hex[i], hex[i + 1], '\0'};
        add_int(b, strtoull(digits, NULL, 16), 1);
    }
}

/* One word of a recipe: GGUF itself; bN, dN, qN: N in 1, 4, 8 bytes; sTEXT: a string; SN: one of N
 * letters; xHEX: bytes; zN: N zeros; pad: zeros up to a multiple of 32. */
static void add_word(tj_buf *b, const char *word)
{
    uint64_t n = strtoull(word + 1, NULL, 10);
    if (strcmp(word, "GGUF") == 0) {
        tj_buf_str(b, word);
    } else if (strcmp(word, "pad") == 0) {
        add_int(b, 0, 0);
        while (b->len % 32 != 0) {
            tj_buf_char(b, '\0');
        }
    } else if (word[0] == 'b' || word[0] == 'd' || word[0] == 'q') {
        add_int(b, n, word[0] == 'b' ? 1 : word[0] == 'd' ? 4 : 8);
    } else if (word[0] == 's') {
        add_int(b, strlen(word + 1), 8);
        tj_buf_str(b, word + 1);
    } else if (word[0] == 'S') {
        add_int(b, n, 8);
    } else if (word[0] == 'x') {
        add_hex(b, word + 1);
    }
    for (uint64_t i = 0; (word[0] == 'S' || word[0] == 'z') && i < n; i++) {
        tj_buf_char(b, word[0] == 'S' ? 'n' : '\0');
    }
}

/* Bytes by a recipe of words between single spaces. */
static void cook(tj_buf *b, const char *recipe)
{
    tj_buf_init(b);
    while (*recipe != '\0') {
        char word[64];
        size_t n = strcspn(recipe, " ");
        assert_true(n < sizeof word);
        memcpy(word, recipe, n);
        word[n] = '\0';
        add_word(b, word);
        recipe += n + (recipe[n] == ' ' ? 1 : 0);
    }
    assert_false(b->failed);
}

/* ------------------------------------------------------------------ opening */

/* Opens a copy of just so many bytes, so that a sanitizer sees a read past them. *copy is to be
 * freed after the reader is closed. */
static tj_code open_exactly(tj_gguf **g, void **copy, const void *bytes, size_t n, tj_err *err)
{
    *copy = tj_malloc(n);
    if (n > 0) {
        memcpy(*copy, bytes, n);
    }
    return tj_gguf_open_bytes(g, *copy, n, "f.gguf", err);
}

static void assert_refused(const void *bytes, size_t n, tj_code code, const char *says)
{
    tj_gguf *g;
    void *copy;
    tj_err err = {.msg = ""};
    tj_code rc = open_exactly(&g, &copy, bytes, n, &err);
    assert_null(g);
    if (rc == TJ_OK || (code != TJ_OK && rc != code) || strncmp(err.msg, "f.gguf: ", 8) != 0 ||
        strstr(err.msg, says) == NULL) {
        fail_msg("%d, '%s' does not say '%s'", (int)rc, err.msg, says);
    }
    tj_free(copy);
}

static tj_gguf *open_file(const char *path)
{
    tj_gguf *g;
    tj_err err = {.msg = ""};
    if (tj_gguf_open(&g, path, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
    return g;
}

/* Asks for everything that a file has; gives a number that depends on every byte that is lent. */
static uint64_t walk(const tj_gguf *g)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < tj_gguf_n_keys(g); i++) {
        tj_gguf_kind kind;
        const char *key = tj_gguf_key(g, i, &kind);
        const unsigned char *bytes;
        const char *s;
        size_t n;
        tj_gguf_array a;
        assert_true(tj_gguf_has(g, key));
        assert_int_equal(tj_gguf_raw(g, &kind, &bytes, &n, key, NULL), TJ_OK);
        for (size_t k = 0; k < n; k++) {
            sum = sum * 31 + bytes[k];
        }
        assert_int_equal(tj_gguf_string(g, &s, &n, key, NULL) == TJ_OK, kind == TJ_GGUF_STRING);
        if (tj_gguf_get_array(g, &a, key, NULL) != TJ_OK) {
            continue;
        }
        for (size_t k = 0; k < a.n; k++) {
            if (a.kind == TJ_GGUF_STRING) {
                s = tj_gguf_array_string(&a, k, &n);
                sum = sum * 31 + (n == 0 ? 0 : (unsigned char)s[n - 1]);
            } else if (tj_gguf_is_number(a.kind)) {
                sum += isnan(tj_gguf_array_f64(&a, k)) ? 1 : 0;
            }
        }
    }
    for (size_t i = 0; i < tj_gguf_n_tensors(g); i++) {
        const tj_gguf_tensor *t = tj_gguf_tensor_at(g, i);
        assert_ptr_equal(tj_gguf_find(g, t->name), t);
        for (size_t k = 0; k < t->n_bytes; k++) {
            sum = sum * 31 + t->bytes[k];
        }
    }
    return sum;
}

/* ------------------------------------------------------------------ whole files */

static void write_sample(tj_gguf_writer *w)
{
    static const char *const strings[] = {"", "one", "z\0ro", "\xe6\x97\x85\xe8\xb7\xaf"};
    static const size_t lens[] = {0, 3, 4, 6};
    static const int32_t ints[] = {INT32_MIN, -1, 0, 1, INT32_MAX};
    static const float floats[] = {-0.0F, 1.5F, FLT_MAX, INFINITY};
    tj_gguf_put_string(w, "general.architecture", "llama", 5);
    tj_gguf_put_u32(w, "u", UINT32_MAX);
    tj_gguf_put_f32(w, "f", -1e-45F);
    tj_gguf_put_bool(w, "yes", true);
    tj_gguf_put_bool(w, "no", false);
    tj_gguf_put_string(w, "empty", NULL, 0);
    tj_gguf_put_string(w, "zero", "a\0b", 3);
    tj_gguf_put_strings(w, "strings", strings, lens, 4);
    tj_gguf_put_strings(w, "no strings", NULL, NULL, 0);
    tj_gguf_put_i32s(w, "ints", ints, 5);
    tj_gguf_put_i32s(w, "no ints", NULL, 0);
    tj_gguf_put_f32s(w, "floats", floats, 4);
    tj_gguf_declare(w, "norm", TJ_GGML_F32, (const size_t[]){3}, 1);
    tj_gguf_declare(w, "\xe6\x97\x85.weight", TJ_GGML_Q4_0, (const size_t[]){32, 2}, 2);
    tj_gguf_declare(w, "scalar", TJ_GGML_BF16, NULL, 0);
    tj_gguf_declare(w, "last", TJ_GGML_F16, (const size_t[]){2, 2, 2, 2}, 4);
}

#define SAMPLE_BYTES (12 + 36 + 2 + 32) /* of the tensors, which are 7, 8, 9 … */

static void write_sample_file(const char *path, size_t piece)
{
    tj_gguf_writer *w;
    tj_err err = {.msg = ""};
    unsigned char bytes[SAMPLE_BYTES];
    for (size_t i = 0; i < SAMPLE_BYTES; i++) {
        bytes[i] = (unsigned char)(i + 7);
    }
    assert_int_equal(tj_gguf_writer_open(&w, path, NULL), TJ_OK);
    write_sample(w);
    for (size_t at = 0; at < SAMPLE_BYTES; at += piece) {
        tj_gguf_bytes(w, bytes + at, piece < SAMPLE_BYTES - at ? piece : SAMPLE_BYTES - at);
    }
    if (tj_gguf_writer_commit(w, &err) != TJ_OK) {
        fail_msg("%s", err.msg);
    }
}

/* The sample as a file's bytes. */
static char *sample_bytes(size_t *n)
{
    char *bytes;
    write_sample_file(base_path("sample"), SAMPLE_BYTES);
    assert_int_equal(tj_fs_read(&bytes, n, base_path("sample"), 1 << 20, NULL), TJ_OK);
    return bytes;
}

static void assert_string(const tj_gguf *g, const char *key, const char *want, size_t n)
{
    const char *s;
    size_t len;
    assert_int_equal(tj_gguf_string(g, &s, &len, key, NULL), TJ_OK);
    assert_int_equal(len, n);
    assert_memory_equal(s, want, n);
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    write_sample_file(base_path("f"), SAMPLE_BYTES);
    tj_gguf *g = open_file(base_path("f"));
    uint64_t u;
    double f;
    bool yes = false, no = true;
    tj_gguf_kind kind;
    assert_string_equal(tj_gguf_name(g), base_path("f"));
    assert_int_equal(tj_gguf_n_keys(g), 12);
    assert_string_equal(tj_gguf_key(g, 1, &kind), "u");
    assert_int_equal(kind, TJ_GGUF_U32);
    assert_string(g, "general.architecture", "llama", 5);
    assert_string(g, "empty", "", 0);
    assert_string(g, "zero", "a\0b", 3);
    assert_int_equal(tj_gguf_u64(g, &u, "u", NULL), TJ_OK);
    assert_true(u == UINT32_MAX);
    assert_int_equal(tj_gguf_f64(g, &f, "f", NULL), TJ_OK);
    assert_true(f == (double)-1e-45F);
    assert_int_equal(tj_gguf_bool(g, &yes, "yes", NULL), TJ_OK);
    assert_int_equal(tj_gguf_bool(g, &no, "no", NULL), TJ_OK);
    assert_true(yes && !no);
    tj_gguf_close(g);
}

static void arrays_are_read(void **state)
{
    (void)state;
    write_sample_file(base_path("f"), 1);
    tj_gguf *g = open_file(base_path("f"));
    tj_gguf_array a;
    size_t n;
    assert_int_equal(tj_gguf_get_array(g, &a, "strings", NULL), TJ_OK);
    assert_int_equal(a.kind, TJ_GGUF_STRING);
    assert_int_equal(a.n, 4);
    assert_non_null(tj_gguf_array_string(&a, 0, &n));
    assert_int_equal(n, 0);
    assert_memory_equal(tj_gguf_array_string(&a, 2, &n), "z\0ro", 4);
    assert_int_equal(n, 4);
    assert_memory_equal(tj_gguf_array_string(&a, 3, &n), "\xe6\x97\x85\xe8\xb7\xaf", 6);
    assert_int_equal(n, 6);
    assert_int_equal(tj_gguf_get_array(g, &a, "no strings", NULL), TJ_OK);
    assert_int_equal(a.n, 0);
    assert_int_equal(tj_gguf_get_array(g, &a, "ints", NULL), TJ_OK);
    assert_int_equal(a.kind, TJ_GGUF_I32);
    assert_null(a.string_at);
    assert_true(tj_gguf_array_i64(&a, 0) == INT32_MIN && tj_gguf_array_i64(&a, 1) == -1);
    assert_true(tj_gguf_array_i64(&a, 4) == INT32_MAX && tj_gguf_array_f64(&a, 1) == -1.0);
    assert_int_equal(tj_gguf_get_array(g, &a, "floats", NULL), TJ_OK);
    assert_int_equal(a.kind, TJ_GGUF_F32);
    assert_true(tj_gguf_array_f64(&a, 0) == 0.0 && signbit(tj_gguf_array_f64(&a, 0)));
    assert_true(tj_gguf_array_f64(&a, 2) == (double)FLT_MAX && isinf(tj_gguf_array_f64(&a, 3)));
    tj_gguf_close(g);
}

static void tensors_come_back_in_whatever_pieces_they_went(void **state)
{
    (void)state;
    static const char *const names[] = {"norm", "\xe6\x97\x85.weight", "scalar", "last"};
    static const size_t sizes[] = {12, 36, 2, 32};
    static const size_t pieces[] = {1, 2, 11, 12, 13, 47, 48, 49, 81};
    char *want;
    size_t n_want;
    write_sample_file(base_path("whole"), SAMPLE_BYTES);
    assert_int_equal(tj_fs_read(&want, &n_want, base_path("whole"), 1 << 20, NULL), TJ_OK);
    assert_int_equal(n_want % 32, 0);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char *got;
        size_t n;
        write_sample_file(base_path("f"), pieces[i]);
        assert_int_equal(tj_fs_read(&got, &n, base_path("f"), 1 << 20, NULL), TJ_OK);
        assert_int_equal(n, n_want);
        assert_memory_equal(got, want, n);
        tj_free(got);
    }
    tj_free(want);
    tj_gguf *g = open_file(base_path("f"));
    assert_int_equal(tj_gguf_n_tensors(g), 4);
    for (size_t i = 0, value = 7; i < 4; i++) {
        const tj_gguf_tensor *t = tj_gguf_find(g, names[i]);
        assert_ptr_equal(t, tj_gguf_tensor_at(g, i));
        assert_string_equal(t->name, names[i]);
        assert_int_equal(t->n_bytes, sizes[i]);
        assert_int_equal((uintptr_t)t->bytes % 32, 0); /* a mapping begins with a page */
        for (size_t k = 0; k < t->n_bytes; k++) {
            assert_int_equal(t->bytes[k], value++);
        }
    }
    const tj_gguf_tensor *t = tj_gguf_find(g, "last");
    assert_int_equal(t->type, TJ_GGML_F16);
    assert_int_equal(t->n_dims, 4);
    assert_int_equal(t->n, 16);
    t = tj_gguf_tensor_at(g, 1);
    assert_true(t->n_dims == 2 && t->dims[0] == 32 && t->dims[1] == 2);
    assert_true(t->dims[2] == 1 && t->dims[3] == 1);
    assert_int_equal(tj_gguf_tensor_at(g, 2)->n_dims, 0);
    assert_null(tj_gguf_find(g, "nor"));
    assert_null(tj_gguf_find(g, "norm2"));
    assert_null(tj_gguf_find(g, ""));
    tj_gguf_close(g);
}

static void a_file_is_laid_out_as_the_format_says(void **state)
{
    (void)state;
    tj_buf want;
    char *got;
    size_t n;
    tj_gguf_writer *w;
    static const unsigned char zeros[22];
    cook(&want, "GGUF d3 q2 q3 sa d4 d5 sb d8 stext sc d9 d5 q2 d1 d4294967295 " /* keys */
                "st1 d1 q3 d0 q0 st2 d2 q32 q1 d6 q32 pad "                      /* tensors */
                "x0000803f0000004000004040 pad z22 pad");
    assert_int_equal(tj_gguf_writer_open(&w, base_path("f"), NULL), TJ_OK);
    tj_gguf_put_u32(w, "a", 5);
    tj_gguf_put_string(w, "b", "text", 4);
    tj_gguf_put_i32s(w, "c", (const int32_t[]){1, -1}, 2);
    tj_gguf_declare(w, "t1", TJ_GGML_F32, (const size_t[]){3}, 1);
    tj_gguf_declare(w, "t2", TJ_GGML_Q5_0, (const size_t[]){32, 1}, 2);
    tj_gguf_bytes(w, (const float[]){1.0F, 2.0F, 3.0F}, 12);
    tj_gguf_bytes(w, zeros, 22);
    assert_int_equal(tj_gguf_writer_commit(w, NULL), TJ_OK);
    assert_int_equal(tj_fs_read(&got, &n, base_path("f"), 1 << 20, NULL), TJ_OK);
    assert_int_equal(n, want.len);
    assert_memory_equal(got, want.data, n);
    tj_free(got);
    tj_buf_deinit(&want);
}

/* One key of every kind, and an array of each; "deep" holds arrays. */
static const char every_kind[] =
    "GGUF d2 q0 q26 "
    "su8 d0 b255 si8 d1 b128 su16 d2 xffff si16 d3 x0080 su32 d4 d4294967295 si32 d5 x00000080 "
    "sf32 d6 x0000c0bf sbool d7 b1 sstring d8 shello su64 d10 q18446744073709551615 "
    "si64 d11 x0000000000000080 sf64 d12 x000000000000f8bf snan d6 x0000c07f "
    "sau8 d9 d0 q2 xff01 sai8 d9 d1 q2 xff01 sau16 d9 d2 q1 xfeff sai16 d9 d3 q1 xfeff "
    "sau32 d9 d4 q1 d4294967294 sai32 d9 d5 q1 d4294967294 saf32 d9 d6 q1 x0000c0bf "
    "sabool d9 d7 q3 x000100 sastring d9 d8 q2 sa s sau64 d9 d10 q1 q18446744073709551615 "
    "sai64 d9 d11 q1 x0000000000000080 saf64 d9 d12 q1 x000000000000f8bf "
    "sdeep d9 d9 q2 d9 q1 d9 q1 d8 q2 sx sy d7 q1 b1";

/* Fails unless the key is this number, where as_u64, as_i64 say that it may be read so. */
static void assert_number(const tj_gguf *g, const char *key, double f, bool as_u64, uint64_t u,
                          bool as_i64, int64_t i)
{
    uint64_t got_u = 77;
    int64_t got_i = 77;
    double got_f = 77.0;
    tj_err err = {.msg = ""};
    assert_int_equal(tj_gguf_f64(g, &got_f, key, NULL), TJ_OK);
    assert_true(got_f == f);
    assert_int_equal(tj_gguf_u64(g, &got_u, key, &err), as_u64 ? TJ_OK : TJ_E_PARSE);
    assert_true(got_u == (as_u64 ? u : 77));
    assert_true(as_u64 || strstr(err.msg, key) != NULL);
    assert_int_equal(tj_gguf_i64(g, &got_i, key, &err), as_i64 ? TJ_OK : TJ_E_PARSE);
    assert_true(got_i == (as_i64 ? i : 77));
    assert_true(as_i64 || strstr(err.msg, key) != NULL);
}

static void every_kind_is_read(void **state)
{
    (void)state;
    tj_buf b;
    tj_gguf *g;
    double f;
    bool yes = false;
    cook(&b, every_kind);
    assert_int_equal(tj_gguf_open_bytes(&g, b.data, b.len, "f.gguf", NULL), TJ_OK);
    walk(g);
    assert_number(g, "u8", 255.0, true, 255, true, 255);
    assert_number(g, "i8", -128.0, false, 0, true, -128);
    assert_number(g, "u16", 65535.0, true, 65535, true, 65535);
    assert_number(g, "i16", -32768.0, false, 0, true, -32768);
    assert_number(g, "u32", 4294967295.0, true, UINT32_MAX, true, UINT32_MAX);
    assert_number(g, "i32", -2147483648.0, false, 0, true, INT32_MIN);
    assert_number(g, "u64", 18446744073709551616.0, true, UINT64_MAX, false, 0);
    assert_number(g, "i64", -9223372036854775808.0, false, 0, true, INT64_MIN);
    assert_number(g, "f32", -1.5, false, 0, false, 0);
    assert_number(g, "f64", -1.5, false, 0, false, 0);
    assert_int_equal(tj_gguf_f64(g, &f, "nan", NULL), TJ_OK);
    assert_true(isnan(f));
    assert_int_equal(tj_gguf_bool(g, &yes, "bool", NULL), TJ_OK);
    assert_true(yes);
    assert_string(g, "string", "hello", 5);
    tj_gguf_close(g);
    tj_buf_deinit(&b);
}

static void every_array_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        tj_gguf_kind kind;
        size_t n;
        int64_t first; /* integers and truth values */
        double as_double;
    } want[] = {
        {"au8", TJ_GGUF_U8, 2, 255, 255.0},
        {"ai8", TJ_GGUF_I8, 2, -1, -1.0},
        {"au16", TJ_GGUF_U16, 1, 65534, 65534.0},
        {"ai16", TJ_GGUF_I16, 1, -2, -2.0},
        {"au32", TJ_GGUF_U32, 1, 4294967294, 4294967294.0},
        {"ai32", TJ_GGUF_I32, 1, -2, -2.0},
        {"abool", TJ_GGUF_BOOL, 3, 0, 0.0},
        {"au64", TJ_GGUF_U64, 1, INT64_MAX, 18446744073709551616.0},
        {"ai64", TJ_GGUF_I64, 1, INT64_MIN, -9223372036854775808.0},
        {"af32", TJ_GGUF_F32, 1, 0, -1.5},
        {"af64", TJ_GGUF_F64, 1, 0, -1.5},
    };
    tj_buf b;
    tj_gguf *g;
    tj_gguf_array a;
    tj_err err;
    cook(&b, every_kind);
    assert_int_equal(tj_gguf_open_bytes(&g, b.data, b.len, "f.gguf", NULL), TJ_OK);
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(tj_gguf_get_array(g, &a, want[i].key, NULL), TJ_OK);
        assert_int_equal(a.kind, want[i].kind);
        assert_int_equal(a.n, want[i].n);
        if (tj_gguf_is_integer(a.kind) || a.kind == TJ_GGUF_BOOL) {
            assert_true(tj_gguf_array_i64(&a, 0) == want[i].first);
        }
        if (tj_gguf_is_number(a.kind)) {
            assert_true(tj_gguf_array_f64(&a, 0) == want[i].as_double);
        }
    }
    assert_int_equal(tj_gguf_get_array(g, &a, "abool", NULL), TJ_OK);
    assert_int_equal(tj_gguf_array_i64(&a, 1), 1);
    assert_int_equal(tj_gguf_get_array(g, &a, "deep", &err), TJ_E_PARSE);
    assert_string_equal(err.msg, "f.gguf: key 'deep' is an array of arrays, expected of values");
    tj_gguf_close(g);
    tj_buf_deinit(&b);
}

static void a_copy_of_every_key_is_the_same_file(void **state)
{
    (void)state;
    tj_buf b;
    tj_gguf *g;
    tj_gguf_writer *w;
    char *got;
    size_t n;
    tj_err err;
    cook(&b, every_kind);
    assert_int_equal(tj_gguf_open_bytes(&g, b.data, b.len, "f.gguf", NULL), TJ_OK);
    assert_int_equal(tj_gguf_writer_open(&w, base_path("f"), NULL), TJ_OK);
    for (size_t i = 0; i < tj_gguf_n_keys(g); i++) {
        tj_gguf_kind kind;
        tj_gguf_put_copy(w, g, tj_gguf_key(g, i, &kind));
    }
    assert_int_equal(tj_gguf_writer_commit(w, NULL), TJ_OK);
    assert_int_equal(tj_fs_read(&got, &n, base_path("f"), 1 << 20, NULL), TJ_OK);
    b.data[4] = 3; /* the version that is written */
    add_word(&b, "pad");
    assert_int_equal(n, b.len);
    assert_memory_equal(got, b.data, n);
    tj_free(got);
    assert_int_equal(tj_gguf_writer_open(&w, base_path("f"), NULL), TJ_OK);
    tj_gguf_put_copy(w, g, "none");
    assert_int_equal(tj_gguf_writer_commit(w, &err), TJ_E_NOTFOUND);
    assert_non_null(strstr(err.msg, "f.gguf: no key 'none'"));
    tj_gguf_close(g);
    tj_buf_deinit(&b);
}

static void another_alignment_is_kept_to(void **state)
{
    (void)state;
    static const size_t aligns[] = {1, 2, 8, 64, 4096, 65536};
    for (size_t i = 0; i < sizeof aligns / sizeof aligns[0]; i++) {
        tj_gguf_writer *w;
        char *bytes;
        size_t n;
        assert_int_equal(tj_gguf_writer_open(&w, base_path("f"), NULL), TJ_OK);
        tj_gguf_put_u32(w, "general.alignment", (uint32_t)aligns[i]);
        assert_int_equal(tj_gguf_writer_commit(w, NULL), TJ_OK);
        tj_gguf *g = open_file(base_path("f"));
        assert_int_equal(tj_gguf_writer_open(&w, base_path("g"), NULL), TJ_OK);
        tj_gguf_put_copy(w, g, "general.alignment"); /* binds as well */
        tj_gguf_declare(w, "a", TJ_GGML_BF16, (const size_t[]){3}, 1);
        tj_gguf_declare(w, "b", TJ_GGML_BF16, (const size_t[]){3}, 1);
        tj_gguf_bytes(w, "abcdefghijkl", 12);
        assert_int_equal(tj_gguf_writer_commit(w, NULL), TJ_OK);
        tj_gguf_close(g);
        assert_int_equal(tj_fs_read(&bytes, &n, base_path("g"), 1 << 20, NULL), TJ_OK);
        assert_int_equal(n % aligns[i], 0);
        tj_free(bytes);
        g = open_file(base_path("g"));
        assert_memory_equal(tj_gguf_find(g, "a")->bytes, "abcdef", 6);
        assert_memory_equal(tj_gguf_find(g, "b")->bytes, "ghijkl", 6);
        assert_int_equal((uintptr_t)tj_gguf_find(g, "b")->bytes % aligns[i] % 4096, 0);
        tj_gguf_close(g);
    }
}

static void types_have_names(void **state)
{
    (void)state;
    size_t n = 0;
    for (int type = -1; type < 64; type++) {
        const char *name = tj_ggml_type_name(type);
        if (name != NULL) {
            assert_int_equal(tj_ggml_type_of(name), type);
            n++;
        }
    }
    assert_int_equal(n, 11);
    assert_int_equal(tj_ggml_type_of("q4_k"), TJ_GGML_Q4_K);
    assert_int_equal(tj_ggml_type_of("bF16"), TJ_GGML_BF16);
    assert_int_equal(tj_ggml_type_of("Q4"), -1);
    assert_int_equal(tj_ggml_type_of("Q4_KS"), -1);
    assert_int_equal(tj_ggml_type_of(""), -1);
    assert_int_equal(tj_ggml_block_values(TJ_GGML_F32), 1);
    assert_int_equal(tj_ggml_block_bytes(TJ_GGML_F32), 4);
    assert_int_equal(tj_ggml_block_values(TJ_GGML_Q4_0), 32);
    assert_int_equal(tj_ggml_block_bytes(TJ_GGML_Q4_0), 18);
    assert_int_equal(tj_ggml_block_values(TJ_GGML_Q4_K), 256);
    assert_int_equal(tj_ggml_block_bytes(TJ_GGML_Q4_K), 144);
    assert_string_equal(tj_gguf_kind_name(TJ_GGUF_F64), "f64");
}

/* ------------------------------------------------------------------ wrong questions */

static void what_is_missing_or_of_another_kind_is_named(void **state)
{
    (void)state;
    tj_buf b;
    tj_gguf *g;
    uint64_t u = 5;
    int64_t i = 5;
    double f = 5.0;
    bool yes = true;
    const char *s = "kept";
    size_t n = 5;
    tj_gguf_array a = {.n = 5};
    tj_err err;
    cook(&b, every_kind);
    assert_int_equal(tj_gguf_open_bytes(&g, b.data, b.len, "f.gguf", NULL), TJ_OK);
    assert_int_equal(tj_gguf_u64(g, &u, "none", &err), TJ_E_NOTFOUND);
    assert_string_equal(err.msg, "f.gguf: no key 'none'");
    assert_int_equal(tj_gguf_i64(g, &i, "none", &err), TJ_E_NOTFOUND);
    assert_int_equal(tj_gguf_f64(g, &f, "none", &err), TJ_E_NOTFOUND);
    assert_int_equal(tj_gguf_bool(g, &yes, "none", &err), TJ_E_NOTFOUND);
    assert_int_equal(tj_gguf_string(g, &s, &n, "none", &err), TJ_E_NOTFOUND);
    assert_int_equal(tj_gguf_get_array(g, &a, "none", &err), TJ_E_NOTFOUND);
    assert_int_equal(tj_gguf_u64(g, &u, "string", &err), TJ_E_PARSE);
    assert_string_equal(err.msg, "f.gguf: key 'string' is of kind string, expected an integer");
    assert_int_equal(tj_gguf_i64(g, &i, "bool", &err), TJ_E_PARSE);
    assert_int_equal(tj_gguf_f64(g, &f, "bool", &err), TJ_E_PARSE);
    assert_string_equal(err.msg, "f.gguf: key 'bool' is of kind bool, expected a number");
    assert_int_equal(tj_gguf_bool(g, &yes, "u8", &err), TJ_E_PARSE);
    assert_string_equal(err.msg, "f.gguf: key 'u8' is of kind u8, expected bool");
    assert_int_equal(tj_gguf_string(g, &s, &n, "astring", &err), TJ_E_PARSE);
    assert_string_equal(err.msg, "f.gguf: key 'astring' is of kind array, expected string");
    assert_int_equal(tj_gguf_get_array(g, &a, "string", &err), TJ_E_PARSE);
    assert_string_equal(err.msg, "f.gguf: key 'string' is of kind string, expected array");
    assert_int_equal(tj_gguf_u64(g, &u, "i8", &err), TJ_E_PARSE);
    assert_string_equal(err.msg, "f.gguf: key 'i8' is -128, expected no negative number");
    assert_true(u == 5 && i == 5 && f == 5.0 && yes && n == 5 && a.n == 5); /* unchanged */
    assert_string_equal(s, "kept");
    assert_false(tj_gguf_has(g, "u"));
    tj_gguf_close(g);
    tj_buf_deinit(&b);
}

/* ------------------------------------------------------------------ wrong files */

static void small_files_open(void **state)
{
    (void)state;
    static const char *const recipes[] = {
        "GGUF d3 q0 q0",
        "GGUF d2 q0 q0 z5",
        "GGUF d3 q0 q1 S65535 d0 b1",
        "GGUF d3 q1 q0 S64 d1 q1 d0 q0 pad z4",                 /* no padding behind the last */
        "GGUF d3 q1 q0 st d1 q1 d0 q32 pad z36",                /* a hole before it */
        "GGUF d3 q2 q0 st d1 q1 d0 q32 su d1 q1 d0 q0 pad z36", /* not in their order */
        "GGUF d3 q1 q0 st d0 d1 q0 pad z2 z100",                /* bytes behind it */
        "GGUF d3 q0 q1 sk d9 d9 q1 d9 q1 d9 q1 d0 q0",          /* as deep as may be */
        "GGUF d3 q0 q1 sgeneral.alignment d4 d2147483648",
        "GGUF d3 q0 q2 sa d0 b1 sA d0 b1",
        "GGUF d3 q1 q1 sa d0 b1 sa d0 d0 q0 pad z4", /* a key and a tensor may share a name */
    };
    for (size_t i = 0; i < sizeof recipes / sizeof recipes[0]; i++) {
        tj_buf b;
        tj_gguf *g;
        void *copy;
        tj_err err = {.msg = ""};
        cook(&b, recipes[i]);
        if (open_exactly(&g, &copy, b.data, b.len, &err) != TJ_OK) {
            fail_msg("%s: %s", recipes[i], err.msg);
        }
        walk(g);
        tj_gguf_close(g);
        tj_free(copy);
        tj_buf_deinit(&b);
    }
}

static void what_is_wrong_is_refused_and_named(void **state)
{
    (void)state;
    static const struct {
        const char *recipe;
        tj_code code;
        const char *says;
    } cases[] = {
        {"", TJ_E_PARSE, "not a GGUF file"},
        {"x474755 q0", TJ_E_PARSE, "not a GGUF file"},
        {"x67677566 d3 q0 q0", TJ_E_PARSE, "not a GGUF file"},
        {"GGUF d0 q0 q0", TJ_E_INVAL, "GGUF version 0, expected 2 or 3"},
        {"GGUF d1 d0 d0", TJ_E_INVAL, "GGUF version 1, expected 2 or 3"},
        {"GGUF d4 q0 q0", TJ_E_INVAL, "GGUF version 4, expected 2 or 3"},
        {"GGUF x00000003 q0 q0", TJ_E_INVAL, "big-endian"},
        /* counts */
        {"GGUF d3 q0 q1", TJ_E_PARSE, "1 keys in the 0 bytes"},
        {"GGUF d3 q0 q2 sa d0 b1", TJ_E_PARSE, "2 keys in the 14 bytes"},
        {"GGUF d3 q0 q18446744073709551615 z99", TJ_E_PARSE, "18446744073709551615 keys in the 99"},
        {"GGUF d3 q1 q0", TJ_E_PARSE, "1 tensors in the 0 bytes"},
        {"GGUF d3 q9223372036854775808 q0 z99", TJ_E_PARSE, "9223372036854775808 tensors in the"},
        /* keys */
        {"GGUF d3 q0 q1 s d0 b1 z9", TJ_E_PARSE, "key 0 of 1: a name of 0 bytes"},
        {"GGUF d3 q0 q1 S65536 d0 b1", TJ_E_PARSE, "key 0 of 1: a name of 65536 bytes"},
        {"GGUF d3 q0 q1 q99 d0 b1 z9", TJ_E_PARSE, "key 0 of 1: 99 bytes of a string in the 14"},
        {"GGUF d3 q0 q1 q2 x610a d0 b1", TJ_E_PARSE, "key 0 of 1: a name of 2 bytes"},
        {"GGUF d3 q0 q1 q2 x6100 d0 b1", TJ_E_PARSE, "key 0 of 1: a name of 2 bytes"},
        {"GGUF d3 q0 q2 sk d0 b1 sk d0 b1", TJ_E_PARSE, "key 'k' is there twice"},
        {"GGUF d3 q0 q3 sk d0 b1 sj d0 b1 sk d6 d0", TJ_E_PARSE, "key 'k' is there twice"},
        /* values */
        {"GGUF d3 q0 q1 sk d13 q0", TJ_E_PARSE, "key 'k': a value of the unknown kind 13"},
        {"GGUF d3 q0 q1 sk d4294967295 q0", TJ_E_PARSE, "unknown kind 4294967295"},
        {"GGUF d3 q0 q1 sk d7 b2", TJ_E_PARSE, "key 'k': a truth value of 2, expected 0 or 1"},
        {"GGUF d3 q0 q1 sk d10 z7", TJ_E_PARSE, "key 'k': the file ends too early"},
        {"GGUF d3 q0 q1 sk d8 q4 z3", TJ_E_PARSE, "key 'k': 4 bytes of a string in the 3 bytes"},
        {"GGUF d3 q0 q1 sk d8 q18446744073709551615 z3", TJ_E_PARSE, "18446744073709551615 bytes"},
        /* arrays */
        {"GGUF d3 q0 q1 sk d9 d13 q0", TJ_E_PARSE, "key 'k': a value of the unknown kind 13"},
        {"GGUF d3 q0 q1 sk d9 d0 q4 z3", TJ_E_PARSE, "key 'k': 4 elements in the 3 bytes"},
        {"GGUF d3 q0 q1 sk d9 d10 q2305843009213693952 z9", TJ_E_PARSE, "952 elements in the 9"},
        {"GGUF d3 q0 q1 sk d9 d8 q2305843009213693952 z9", TJ_E_PARSE, "952 elements in the 9"},
        {"GGUF d3 q0 q1 sk d9 d9 q2305843009213693952 z9", TJ_E_PARSE, "952 elements in the 9"},
        {"GGUF d3 q0 q1 sk d9 d7 q3 x010002", TJ_E_PARSE, "key 'k': a truth value of 2"},
        {"GGUF d3 q0 q1 sk d9 d8 q2 sa q9 z8", TJ_E_PARSE,
         "key 'k': string 1 of 2: 9 bytes of a string in the 8"},
        {"GGUF d3 q0 q1 sk d9 d9 q1 d8 q2 sa q9 z8", TJ_E_PARSE, "key 'k': 9 bytes of a string"},
        {"GGUF d3 q0 q1 sk d9 d9 q1 d7 q1 b2", TJ_E_PARSE, "key 'k': a truth value of 2"},
        {"GGUF d3 q0 q1 sk d9 d9 q1 d9 q1 d9 q1 d9 q1 d0 q0", TJ_E_LIMIT,
         "key 'k': arrays inside one another, more than 4 deep"},
        /* the alignment */
        {"GGUF d3 q0 q1 sgeneral.alignment d4 d0", TJ_E_PARSE,
         "key 'general.alignment' is 0, expected a power of two"},
        {"GGUF d3 q0 q1 sgeneral.alignment d4 d24", TJ_E_PARSE, "is 24, expected a power of two"},
        {"GGUF d3 q0 q1 sgeneral.alignment d5 x000000ff", TJ_E_PARSE, "no negative number"},
        {"GGUF d3 q0 q1 sgeneral.alignment d8 s32", TJ_E_PARSE, "expected an integer"},
        /* tensors */
        {"GGUF d3 q1 q0 s d1 q1 d0 q0 pad z4", TJ_E_PARSE, "tensor 0 of 1: a name of 0 bytes"},
        {"GGUF d3 q1 q0 S65 d1 q1 d0 q0 pad z4", TJ_E_PARSE, "tensor 0 of 1: a name of 65 bytes"},
        {"GGUF d3 q1 q0 st d5 q1 q1 q1 q1 q1 d0 q0 pad z4", TJ_E_PARSE,
         "tensor 't': 5 dimensions, expected at most 4"},
        {"GGUF d3 q1 q0 st d2 q4 q0 d0 q0 pad z4", TJ_E_PARSE,
         "tensor 't': an impossible shape: dimension 1 is 0"},
        {"GGUF d3 q1 q0 st d3 q4294967296 q2147483648 q2 d0 q0 pad z4", TJ_E_PARSE,
         "tensor 't': an impossible shape: dimension 2 is 2"},
        {"GGUF d3 q1 q0 st d1 q4611686018427387904 d0 q0 pad z4", TJ_E_PARSE,
         "tensor 't': an impossible shape of 4611686018427387904 values"},
        {"GGUF d3 q1 q0 st d4 q1 q1 z3", TJ_E_PARSE, "tensor 't': the file ends too early"},
        {"GGUF d3 q1 q0 st d1 q1 d4 q0 pad z4", TJ_E_PARSE, "tensor 't': type 4 is not known"},
        {"GGUF d3 q1 q0 st d1 q1 d4294967295 q0 pad z4", TJ_E_PARSE, "type 4294967295 is not"},
        {"GGUF d3 q1 q0 st d1 q33 d2 q0 pad z99", TJ_E_PARSE,
         "tensor 't': rows of 33 values, which Q4_0 packs in blocks of 32"},
        {"GGUF d3 q1 q0 st d2 q128 q2 d12 q0 pad z999", TJ_E_PARSE,
         "tensor 't': rows of 128 values, which Q4_K packs in blocks of 256"},
        {"GGUF d3 q2 q0 st d1 q1 d0 q0 st d1 q1 d0 q32 pad z36", TJ_E_PARSE,
         "tensor 't' is there twice"},
        /* where they are */
        {"GGUF d3 q1 q0 st d1 q1 d0 q16 pad z64", TJ_E_PARSE,
         "tensor 't' begins at byte 16, no multiple of 32"},
        {"GGUF d3 q1 q1 sgeneral.alignment d4 d64 st d1 q1 d0 q32 pad z99", TJ_E_PARSE,
         "tensor 't' begins at byte 32, no multiple of 64"},
        {"GGUF d3 q1 q0 st d1 q1 d0 q0 pad z3", TJ_E_PARSE,
         "tensor 't' has 4 bytes from byte 0 of 3"},
        {"GGUF d3 q1 q0 st d1 q1 d0 q0", TJ_E_PARSE, "tensor 't' has 4 bytes from byte 0 of 0"},
        {"GGUF d3 q1 q0 st d1 q1 d0 q64 pad z64", TJ_E_PARSE,
         "tensor 't' has 4 bytes from byte 64 of 64"},
        {"GGUF d3 q1 q0 st d1 q1 d0 q18446744073709551584 pad z64", TJ_E_PARSE,
         "from byte 18446744073709551584"},
        {"GGUF d3 q2 q0 sa d1 q9 d0 q0 sb d1 q1 d0 q32 pad z64", TJ_E_PARSE,
         "tensor 'b' begins inside tensor 'a'"},
        {"GGUF d3 q2 q0 sa d1 q1 d0 q32 sb d1 q9 d0 q0 pad z64", TJ_E_PARSE,
         "tensor 'a' begins inside tensor 'b'"},
        {"GGUF d3 q2 q0 sa d1 q1 d0 q0 sb d1 q1 d0 q0 pad z64", TJ_E_PARSE, "begins inside"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tj_buf b;
        cook(&b, cases[i].recipe);
        assert_refused(b.data, b.len, cases[i].code, cases[i].says);
        tj_buf_deinit(&b);
    }
}

static void a_file_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    size_t n;
    char *bytes = sample_bytes(&n);
    for (size_t cut = n; cut-- > 0;) {
        assert_refused(bytes, cut, TJ_E_PARSE, "");
    }
    tj_free(bytes);
}

static void any_changed_byte_is_refused_or_read(void **state)
{
    (void)state;
    size_t n, n_opened = 0;
    char *bytes = sample_bytes(&n);
    for (size_t i = 0; i < 8 * n; i++) {
        tj_gguf *g;
        void *copy;
        tj_err err = {.msg = ""};
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
        if (open_exactly(&g, &copy, bytes, n, &err) == TJ_OK) {
            walk(g);
            n_opened++;
        } else {
            assert_null(g);
            assert_memory_equal(err.msg, "f.gguf: ", 8);
        }
        tj_gguf_close(g);
        tj_free(copy);
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
    }
    assert_true(n_opened > 8 * SAMPLE_BYTES && n_opened < 8 * n); /* what tensors hold is free */
    tj_free(bytes);
}

static void what_cannot_be_opened_is_named(void **state)
{
    (void)state;
    tj_gguf *g;
    tj_gguf_writer *w;
    tj_err err;
    const char *none = base_path("none/f");
    assert_int_equal(tj_gguf_open(&g, none, &err), TJ_E_NOTFOUND);
    assert_null(g);
    assert_non_null(strstr(err.msg, none));
    assert_int_equal(tj_gguf_writer_open(&w, none, &err), TJ_E_NOTFOUND);
    assert_null(w);
    assert_non_null(strstr(err.msg, none));
    assert_int_equal(tj_gguf_open(&g, base_folder, &err), TJ_E_IO);
    assert_null(g);
    assert_int_equal(tj_fs_write(base_path("f"), "", 0, NULL), TJ_OK);
    assert_int_equal(tj_gguf_open(&g, base_path("f"), &err), TJ_E_PARSE);
    assert_memory_equal(err.msg, base_path("f"), strlen(base_path("f")));
    tj_gguf_close(NULL);
    tj_gguf_writer_abort(NULL);
}

/* ------------------------------------------------------------------ many names */

static void any_of_many_names_is_found(void **state)
{
    (void)state;
    enum { N = 500 };
    tj_gguf_writer *w;
    char name[32];
    static const unsigned char bytes[4];
    assert_int_equal(tj_gguf_writer_open(&w, base_path("f"), NULL), TJ_OK);
    for (uint32_t i = 0; i < N; i++) { /* 7919 is prime: an order that is not the sorted one */
        snprintf(name, sizeof name, "k.%" PRIu32, i * 7919U % N);
        tj_gguf_put_u32(w, name, i);
    }
    for (uint32_t i = 0; i < N; i++) {
        snprintf(name, sizeof name, "t.%" PRIu32, i * 7919U % N);
        tj_gguf_declare(w, name, TJ_GGML_F32, (const size_t[]){1}, 1);
    }
    for (uint32_t i = 0; i < N; i++) {
        tj_gguf_bytes(w, bytes, 4);
    }
    assert_int_equal(tj_gguf_writer_commit(w, NULL), TJ_OK);
    tj_gguf *g = open_file(base_path("f"));
    for (uint32_t i = 0; i < N; i++) {
        uint64_t v = N;
        snprintf(name, sizeof name, "k.%" PRIu32, i * 7919U % N);
        assert_int_equal(tj_gguf_u64(g, &v, name, NULL), TJ_OK);
        assert_true(v == i);
        name[0] = 't';
        assert_ptr_equal(tj_gguf_find(g, name), tj_gguf_tensor_at(g, i));
        name[0] = 'u';
        assert_null(tj_gguf_find(g, name));
        assert_false(tj_gguf_has(g, name));
    }
    tj_gguf_close(g);
}

/* ------------------------------------------------------------------ wrong writing */

/* What a careless caller may do, each alone. */
#define TOO_FEW_BYTES 10 /* which only commit can see */
static void misuse(tj_gguf_writer *w, size_t i)
{
    static const size_t four = 4, huge[] = {(size_t)1 << 62, 2};
    static char long_name[TJ_GGUF_MAX_NAME + 2];
    memset(long_name, 'n', sizeof long_name - 1);
    tj_gguf_put_u32(w, "k", 1);
    switch (i) {
    case 0:
        tj_gguf_put_u32(w, "k", 1);
        break;
    case 1:
        tj_gguf_put_bool(w, "", true);
        break;
    case 2:
        tj_gguf_put_f32(w, "a\nb", 1.0F);
        break;
    case 3:
        tj_gguf_declare(w, "t", TJ_GGML_F32, &four, 1);
        tj_gguf_put_string(w, "late", "", 0);
        break;
    case 4:
        tj_gguf_put_u32(w, "general.alignment", 12);
        break;
    case 5:
        tj_gguf_declare(w, long_name, TJ_GGML_F32, &four, 1);
        break;
    case 6:
        tj_gguf_declare(w, "t", TJ_GGML_Q8_0, &four, 1);
        break;
    case 7:
        tj_gguf_declare(w, "t", TJ_GGML_F32, huge, 2);
        break;
    case 8:
        tj_gguf_declare(w, "t", TJ_GGML_F32, huge, 5);
        break;
    case 9:
        tj_gguf_declare(w, "t", TJ_GGML_F32, &four, 1);
        tj_gguf_declare(w, "t", TJ_GGML_F32, &four, 1);
        break;
    case TOO_FEW_BYTES:
        tj_gguf_declare(w, "t", TJ_GGML_F32, &four, 1);
        tj_gguf_bytes(w, long_name, 15);
        break;
    case 11: /* too many */
        tj_gguf_declare(w, "t", TJ_GGML_F32, &four, 1);
        tj_gguf_bytes(w, long_name, 17);
        break;
    case 12:
        tj_gguf_declare(w, "t", TJ_GGML_F32, &four, 1);
        tj_gguf_bytes(w, long_name, 16);
        tj_gguf_declare(w, "late", TJ_GGML_F32, &four, 1);
        break;
    default: /* nothing is wrong: a writer without tensors */
        break;
    }
}

static void wrong_writing_writes_nothing(void **state)
{
    (void)state;
    static const char *const says[] = {
        "key k is given twice",
        "key '' has 0 bytes",
        "control characters",
        "key 'late' comes after the tensors",
        "'general.alignment' is 12, expected a power of two",
        "has 65 bytes, expected 1 to 64",
        "tensor 't' of 1 dimensions, the first 4, cannot be Q8_0",
        "tensor 't' of 2 dimensions",
        "tensor 't' of 5 dimensions",
        "tensor t is given twice",
        "bytes of 0 of 1 tensors were given",
        "1 bytes more than the 1 tensors have",
        "tensor 'late' is declared after bytes were given",
    };
    const size_t n = sizeof says / sizeof says[0];
    for (size_t i = 0; i <= n; i++) {
        tj_gguf_writer *w;
        tj_err err = {.msg = ""};
        const char *path = base_path("f");
        assert_int_equal(tj_gguf_writer_open(&w, path, NULL), TJ_OK);
        misuse(w, i);
        if (i < n && i != TOO_FEW_BYTES) { /* no later failure hides the first */
            tj_gguf_put_u32(w, "after the failure", 1);
            tj_gguf_bytes(w, "more", 4);
        }
        tj_code rc = tj_gguf_writer_commit(w, &err);
        assert_int_equal(rc, i < n ? TJ_E_INVAL : TJ_OK);
        if (i < n && (strstr(err.msg, says[i]) == NULL || strstr(err.msg, path) == NULL)) {
            fail_msg("'%s' does not say '%s'", err.msg, says[i]);
        }
        assert_int_equal(base_n_files(), i < n ? 0 : 1);
    }
    tj_gguf_writer *w;
    assert_int_equal(tj_gguf_writer_open(&w, base_path("g"), NULL), TJ_OK);
    misuse(w, n);
    tj_gguf_writer_abort(w);
    assert_int_equal(base_n_files(), 1);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    char *old;
    size_t n;
    write_sample_file(base_path("f"), SAMPLE_BYTES);
    assert_int_equal(tj_fs_read(&old, &n, base_path("f"), 1 << 20, NULL), TJ_OK);
    for (size_t limit = 0; limit < n; limit += 1 + n / 9) {
        tj_gguf_writer *w;
        tj_err err = {.msg = ""};
        char *now;
        size_t n_now;
        static const unsigned char zeros[SAMPLE_BYTES];
        assert_int_equal(tj_gguf_writer_open(&w, base_path("f"), NULL), TJ_OK);
        write_sample(w);
        limit_files(limit);
        tj_gguf_bytes(w, zeros, SAMPLE_BYTES);
        tj_code rc = tj_gguf_writer_commit(w, &err);
        limit_files(SIZE_MAX);
        assert_int_equal(rc, TJ_E_IO);
        assert_non_null(strstr(err.msg, base_path("f")));
        assert_int_equal(base_n_files(), 1);
        assert_int_equal(tj_fs_read(&now, &n_now, base_path("f"), 1 << 20, NULL), TJ_OK);
        assert_int_equal(n_now, n);
        assert_memory_equal(now, old, n);
        tj_free(now);
    }
    tj_free(old);
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    static const unsigned char zeros[SAMPLE_BYTES];
    size_t n;
    char *bytes = sample_bytes(&n);
    tj_code rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_gguf *g;
        tj_alloc_fail_after(k);
        rc = tj_gguf_open_bytes(&g, bytes, n, "f.gguf", NULL);
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        assert_true((rc == TJ_OK) == (g != NULL));
        assert_true(k < 1000);
        tj_gguf_close(g);
    }
    rc = TJ_E_NOMEM;
    for (size_t k = 0; rc != TJ_OK; k++) {
        tj_gguf_writer *w;
        tj_alloc_fail_after(k);
        rc = tj_gguf_writer_open(&w, base_path("f"), NULL);
        if (rc == TJ_OK) {
            write_sample(w);
            tj_gguf_bytes(w, zeros, SAMPLE_BYTES);
            rc = tj_gguf_writer_commit(w, NULL);
        }
        tj_alloc_fail_after(SIZE_MAX);
        assert_true(rc == TJ_OK || rc == TJ_E_NOMEM);
        /* the flush of the folder allocates too, after the file has its name */
        assert_true(rc == TJ_OK || base_n_files() == 1 || tj_fs_exists(base_path("f")));
        assert_true(k < 1000);
    }
    tj_gguf *g = open_file(base_path("f"));
    assert_int_equal(tj_gguf_n_tensors(g), 4);
    tj_gguf_close(g);
    tj_free(bytes);
}

#define IN_A_FOLDER(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, base_make_folder, base_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(what_was_written_is_read),
        IN_A_FOLDER(arrays_are_read),
        IN_A_FOLDER(tensors_come_back_in_whatever_pieces_they_went),
        IN_A_FOLDER(a_file_is_laid_out_as_the_format_says),
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(every_array_is_read),
        IN_A_FOLDER(a_copy_of_every_key_is_the_same_file),
        IN_A_FOLDER(another_alignment_is_kept_to),
        cmocka_unit_test(types_have_names),
        cmocka_unit_test(what_is_missing_or_of_another_kind_is_named),
        cmocka_unit_test(small_files_open),
        cmocka_unit_test(what_is_wrong_is_refused_and_named),
        IN_A_FOLDER(a_file_cut_at_any_byte_is_refused),
        IN_A_FOLDER(any_changed_byte_is_refused_or_read),
        IN_A_FOLDER(what_cannot_be_opened_is_named),
        IN_A_FOLDER(any_of_many_names_is_found),
        IN_A_FOLDER(wrong_writing_writes_nothing),
        IN_A_FOLDER(a_full_disk_leaves_the_old_file),
        IN_A_FOLDER(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
