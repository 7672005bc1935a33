/* What kinds of metadata and types of tensors there are: names and sizes. */
#include "base/assert.h"
#include "base/gguf.h"

static const struct {
    const char *name;
    size_t bytes; /* of a value; 0: it varies */
} kinds[] = {
    [TJ_GGUF_U8] = {"u8", 1},         [TJ_GGUF_I8] = {"i8", 1},       [TJ_GGUF_U16] = {"u16", 2},
    [TJ_GGUF_I16] = {"i16", 2},       [TJ_GGUF_U32] = {"u32", 4},     [TJ_GGUF_I32] = {"i32", 4},
    [TJ_GGUF_F32] = {"f32", 4},       [TJ_GGUF_BOOL] = {"bool", 1},   [TJ_GGUF_U64] = {"u64", 8},
    [TJ_GGUF_STRING] = {"string", 0}, [TJ_GGUF_ARRAY] = {"array", 0}, [TJ_GGUF_I64] = {"i64", 8},
    [TJ_GGUF_F64] = {"f64", 8},
};

static const struct type {
    const char *name;
    tj_ggml_type type;
    size_t values, bytes; /* of a block */
} types[] = {
    {"F32", TJ_GGML_F32, 1, 4},       {"F16", TJ_GGML_F16, 1, 2},
    {"BF16", TJ_GGML_BF16, 1, 2},     {"Q4_0", TJ_GGML_Q4_0, 32, 18},
    {"Q4_1", TJ_GGML_Q4_1, 32, 20},   {"Q5_0", TJ_GGML_Q5_0, 32, 22},
    {"Q5_1", TJ_GGML_Q5_1, 32, 24},   {"Q8_0", TJ_GGML_Q8_0, 32, 34},
    {"Q4_K", TJ_GGML_Q4_K, 256, 144}, {"Q5_K", TJ_GGML_Q5_K, 256, 176},
    {"Q6_K", TJ_GGML_Q6_K, 256, 210},
};
#define N_TYPES (sizeof types / sizeof types[0])

const char *tj_gguf_kind_name(tj_gguf_kind kind)
{
    return kinds[kind].name;
}

size_t tj_gguf_kind_bytes(tj_gguf_kind kind)
{
    return kinds[kind].bytes;
}

bool tj_gguf_is_signed(tj_gguf_kind kind)
{
    return kind == TJ_GGUF_I8 || kind == TJ_GGUF_I16 || kind == TJ_GGUF_I32 || kind == TJ_GGUF_I64;
}

bool tj_gguf_is_integer(tj_gguf_kind kind)
{
    return tj_gguf_is_signed(kind) || kind == TJ_GGUF_U8 || kind == TJ_GGUF_U16 ||
           kind == TJ_GGUF_U32 || kind == TJ_GGUF_U64;
}

bool tj_gguf_is_number(tj_gguf_kind kind)
{
    return tj_gguf_is_integer(kind) || kind == TJ_GGUF_F32 || kind == TJ_GGUF_F64;
}

bool tj_gguf_is_name(const char *bytes, size_t n, size_t max)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return n >= 1 && n <= max;
}

/* NULL if there is no such type. */
static const struct type *find_type(int type)
{
    for (size_t i = 0; i < N_TYPES; i++) {
        if ((int)types[i].type == type) {
            return &types[i];
        }
    }
    return NULL;
}

const char *tj_ggml_type_name(int type)
{
    const struct type *t = find_type(type);
    return t == NULL ? NULL : t->name;
}

static char to_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* `name` in capitals is `want`. */
static bool is_named(const char *name, const char *want)
{
    size_t i = 0;
    while (want[i] != '\0' && to_upper(name[i]) == want[i]) {
        i++;
    }
    return want[i] == '\0' && name[i] == '\0';
}

int tj_ggml_type_of(const char *name)
{
    for (size_t i = 0; i < N_TYPES; i++) {
        if (is_named(name, types[i].name)) {
            return (int)types[i].type;
        }
    }
    return -1;
}

size_t tj_ggml_block_values(tj_ggml_type type)
{
    const struct type *t = find_type((int)type);
    TJ_ASSERT(t != NULL);
    return t->values;
}

size_t tj_ggml_block_bytes(tj_ggml_type type)
{
    const struct type *t = find_type((int)type);
    TJ_ASSERT(t != NULL);
    return t->bytes;
}
