/* The split that a path names. */
#include <ctype.h>
#include <string.h>

#include "stage/stage.h"

/* The split that a word names; -1: none. */
static int split_of_word(const char *word, size_t n)
{
    static const struct {
        const char *word;
        tj_split split;
    } known[] = {{"train", TJ_SPLIT_TRAIN}, {"training", TJ_SPLIT_TRAIN},   {"val", TJ_SPLIT_VALID},
                 {"valid", TJ_SPLIT_VALID}, {"validation", TJ_SPLIT_VALID}, {"dev", TJ_SPLIT_VALID},
                 {"test", TJ_SPLIT_TEST}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i].word) == n && memcmp(known[i].word, word, n) == 0) {
            return (int)known[i].split;
        }
    }
    return -1;
}

/* What the words of a part of a path say: -1 nothing, -2 two things. */
static int split_of_part(const char *part, size_t n)
{
    int found = -1;
    for (size_t i = 0; i < n;) {
        size_t begin = i;
        while (i < n && isalpha((unsigned char)part[i])) {
            i++;
        }
        int split = split_of_word(part + begin, i - begin);
        if (split >= 0 && found >= 0 && found != split) {
            return -2;
        }
        found = split >= 0 ? split : found;
        i += i == begin ? 1 : 0;
        while (i < n && !isalpha((unsigned char)part[i])) {
            i++;
        }
    }
    return found;
}

tj_code tj_split_of_path(tj_split *out, const char *path, tj_data_format format, tj_err *err)
{
    const char *name = strrchr(path, '/');
    int split =
        split_of_part(name == NULL ? path : name + 1, strlen(name == NULL ? path : name + 1));
    if (split == -1 && name != NULL) { /* the folder */
        const char *folder = name;
        while (folder > path && folder[-1] != '/') {
            folder--;
        }
        split = split_of_part(folder, (size_t)(name - folder));
    }
    if (split == -2) {
        return tj_fail(err, TJ_E_INVAL, "%s names two splits: say which one it is", path);
    }
    *out = split >= 0                       ? (tj_split)split
           : tj_data_format_is_test(format) ? TJ_SPLIT_TEST
                                            : TJ_SPLIT_TRAIN;
    return TJ_OK;
}
