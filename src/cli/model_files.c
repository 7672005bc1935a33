/* See model_files.h. */
#include "cli/model_files.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tj_model_file *)a)->name, ((const tj_model_file *)b)->name);
}

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name);
    size_t n_end = strlen(end);
    return n > n_end && strcmp(name + n - n_end, end) == 0;
}

static bool belongs_to_model(const char *name)
{
    return strcmp(name, "config.json") == 0 || strcmp(name, "tokenizer.json") == 0 ||
           ends_in(name, ".safetensors");
}

static tj_code add(tj_model_files *files, const char *folder, const char *name, bool is_weights,
                   tj_err *err)
{
    if (!tj_grow(&files->all, &files->cap, files->n + 1, sizeof *files->all)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot list %s", name);
    }
    tj_model_file *file = &files->all[files->n++];
    *file = (tj_model_file){
        .name = tj_strdup(name), .path = tj_fs_join(folder, name), .is_weights = is_weights};
    return file->name == NULL || file->path == NULL
               ? tj_fail(err, TJ_E_NOMEM, "cannot list %s", name)
               : tj_sha256_file(file->digest, file->path, err);
}

tj_code tj_model_files_list(tj_model_files *out, const char *path, tj_err *err)
{
    DIR *dir = opendir(path);
    memset(out, 0, sizeof *out);
    out->is_folder = dir != NULL;
    tj_code rc = dir == NULL ? add(out, "", path, true, err) : TJ_OK;
    for (struct dirent *e; dir != NULL && rc == TJ_OK && (e = readdir(dir)) != NULL;) {
        if (belongs_to_model(e->d_name)) {
            rc = add(out, path, e->d_name, ends_in(e->d_name, ".safetensors"), err);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    if (rc != TJ_OK) {
        tj_model_files_deinit(out);
    } else if (out->n > 0) {
        qsort(out->all, out->n, sizeof *out->all, by_name);
    }
    return rc;
}

void tj_model_files_deinit(tj_model_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        tj_free(files->all[i].name);
        tj_free(files->all[i].path);
    }
    tj_free(files->all);
    memset(files, 0, sizeof *files);
}

tj_code tj_model_files_digest(const tj_model_files *files, char out[TJ_SHA256_HEX], tj_err *err)
{
    tj_buf all;
    if (!files->is_folder) {
        memcpy(out, files->all[0].digest, TJ_SHA256_HEX);
        return TJ_OK;
    }
    tj_buf_init(&all);
    for (size_t i = 0; i < files->n; i++) {
        tj_buf_printf(&all, "%s %s\n", files->all[i].name, files->all[i].digest);
    }
    tj_code rc = tj_buf_check(&all, err);
    tj_sha256_hex(out, tj_buf_text(&all), all.len);
    tj_buf_deinit(&all);
    return rc;
}

size_t tj_model_files_weights(const tj_model_files *files, const char **out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < files->n && n < max; i++) {
        if (files->all[i].is_weights) {
            out[n++] = files->all[i].digest;
        }
    }
    return n;
}
