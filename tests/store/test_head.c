/* The files of the head and of keys: read and written they are the same bytes; whatever is not such
 * a file is refused with the line; signatures are Ed25519's (a vector of RFC 8032, section 7.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "store/head.h"

#define SEED   "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define PUBLIC "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define SIGNATURE                                                                                  \
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9" \
    "b46bd25bf5f0595bbe24655141438e7a100b"

static void signatures_are_those_of_the_standard(void **state)
{
    (void)state;
    tj_key key = {.has_seed = true};
    char signature[TJ_SIGNATURE_HEX];
    assert_true(tj_hex_read(key.seed, 32, SEED));
    tj_key_derive(key.public_hex, key.seed);
    assert_string_equal(key.public_hex, PUBLIC);
    tj_key_sign(signature, &key, "", 0);
    assert_string_equal(signature, SIGNATURE);
    assert_true(tj_key_check(PUBLIC, SIGNATURE, "", 0));
    assert_false(tj_key_check(PUBLIC, SIGNATURE, "x", 1));
    assert_false(tj_key_check(PUBLIC, "", "", 0));
    signature[5] = (char)(signature[5] == '0' ? '1' : '0');
    assert_false(tj_key_check(PUBLIC, signature, "", 0));
}

static const char *const heads[] = {"tabiji ledger head 1\nentries 17\nhash " SEED "\n",
                                    "tabiji ledger head 1\nentries 999999999999999999\nhash " SEED
                                    "\nkey " PUBLIC "\nsignature " SIGNATURE "\n"};
static const char *const keys[] = {"tabiji ledger key 1\nseed " SEED "\npublic " PUBLIC "\n",
                                   "tabiji ledger public key 1\npublic " PUBLIC "\n"};

static void what_is_read_is_written_as_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        tj_head head;
        tj_key key;
        char text[TJ_HEAD_MAX_BYTES];
        assert_int_equal(tj_head_parse(&head, heads[i], strlen(heads[i]), "h", NULL), TJ_OK);
        assert_int_equal(tj_head_print(text, &head, true), strlen(heads[i]));
        assert_string_equal(text, heads[i]);
        assert_int_equal(tj_key_parse(&key, keys[i], strlen(keys[i]), "k", NULL), TJ_OK);
        assert_int_equal(tj_key_print(text, &key, key.has_seed), strlen(keys[i]));
        assert_string_equal(text, keys[i]);
        tj_key_forget(&key);
    }
}

static void a_cut_or_changed_file_is_refused_with_its_line(void **state)
{
    (void)state;
    for (size_t f = 0; f < 4; f++) {
        const char *whole = f < 2 ? heads[f] : keys[f - 2];
        size_t n = strlen(whole);
        tj_head head;
        tj_key key;
        tj_err err = {.msg = ""};
        for (size_t cut = 0; cut < n; cut++) {
            if (f == 1 && cut == strlen(heads[0]) + 16) {
                continue; /* an unsigned head is one, too */
            }
            tj_code rc = f < 2 ? tj_head_parse(&head, whole, cut, "file", &err)
                               : tj_key_parse(&key, whole, cut, "file", &err);
            assert_int_equal(rc, TJ_E_PARSE);
            assert_int_equal(strncmp(err.msg, "file:", 5), 0);
        }
        char more[512];
        int len = snprintf(more, sizeof more, "%s\n", whole);
        tj_code rc = f < 2 ? tj_head_parse(&head, more, (size_t)len, "file", &err)
                           : tj_key_parse(&key, more, (size_t)len, "file", &err);
        assert_int_equal(rc, TJ_E_PARSE);
    }
}

static void wrong_values_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"tabiji ledger head 1\nentries 0\nhash " SEED "\n", "file:2:"},
        {"tabiji ledger head 1\nentries 01\nhash " SEED "\n", "file:2:"},
        {"tabiji ledger head 1\nentries -1\nhash " SEED "\n", "file:2:"},
        {"tabiji ledger head 1\nentries 1000000000000000000\nhash " SEED "\n", "file:2:"},
        {"tabiji ledger head 2\nentries 1\nhash " SEED "\n", "file:1:"},
        {"tabiji ledger head 1\nentries 1\nhash " PUBLIC "0\n", "file:3:"},
        {"tabiji ledger head 1\nentries 1\nHash " PUBLIC "\n", "file:3:"},
        {"tabiji ledger head 1\nentries 1\nhash 9D61b19deffd5a60ba844af492ec2cc44449c5697b326919703"
         "bac031cae7f60\n",
         "file:3:"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tj_head head;
        tj_err err = {.msg = ""};
        assert_int_equal(tj_head_parse(&head, bad[i][0], strlen(bad[i][0]), "file", &err),
                         TJ_E_PARSE);
        if (strncmp(err.msg, bad[i][1], strlen(bad[i][1])) != 0) {
            fail_msg("%s is not of %s", err.msg, bad[i][1]);
        }
        assert_int_equal(head.n_entries, 0);
    }
    static const char other[] = "tabiji ledger key 1\nseed " SEED "\npublic " SEED "\n";
    tj_key key;
    tj_err err = {.msg = ""};
    assert_int_equal(tj_key_parse(&key, other, sizeof other - 1, "file", &err), TJ_E_PARSE);
    assert_non_null(strstr(err.msg, "file:3:"));
    assert_false(key.has_seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_the_standard),
        cmocka_unit_test(what_is_read_is_written_as_the_same_bytes),
        cmocka_unit_test(a_cut_or_changed_file_is_refused_with_its_line),
        cmocka_unit_test(wrong_values_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
