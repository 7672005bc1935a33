#include "cli/voice.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fs.h"

bool tj_voice_is_at(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
        return true;
    }
    char *file = tj_fs_join(path, "tokenizer.json");
    bool there = file != NULL && tj_fs_exists(file);
    tj_free(file);
    return there;
}

tj_voice_options tj_voice_options_of(const tj_args *args)
{
    return (tj_voice_options){.chat_template = tj_args_get(args, "chat-template"),
                              .raw = tj_args_has(args, "raw"),
                              .no_thinking = tj_args_has(args, "no-thinking")};
}

tj_code tj_voice_open(tj_voice *voice, const char *path, const tj_args *args, tj_err *err)
{
    tj_voice_options options = tj_voice_options_of(args);
    return tj_voice_load(voice, path, &options, err);
}
