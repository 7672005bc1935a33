/* Snapshots: DIR/gen-<updates>/{model.safetensors, optimizer.safetensors, state.json} and
 * DIR/current, one line with the folder's name. Each file is written atomically, and `current` last
 * of all. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "nn/adamw.h"
#include "nn/lora.h"
#include "nn/safetensors.h"

#define TJ_MAX_STATE_BYTES ((size_t)1 << 24) /* a caller's state is a cursor or two */

/* What must be alike for a snapshot to be of this model, as text; "" of a whole model. */
#define LORA_TEXT 160
static void describe_lora(const tj_model *m, char text[LORA_TEXT])
{
    text[0] = '\0';
    if (m->lora == NULL) {
        return;
    }
    const tj_lora_config *c = &m->lora->cfg;
    int n = snprintf(text, LORA_TEXT, "rank %zu, alpha %.17g%s,", c->rank, c->alpha,
                     c->rslora ? ", rslora" : "");
    for (size_t t = 0; t < TJ_N_LORA_TARGETS; t++) {
        n += c->targets[t] ? snprintf(text + n, LORA_TEXT - (size_t)n, " %s",
                                      tj_lora_target_name((tj_lora_target)t))
                           : 0;
    }
}

static tj_code write_weights(const tj_model *m, const char *path, tj_err *err)
{
    tj_st_writer *w;
    char lora[LORA_TEXT];
    tj_code rc = tj_st_writer_open(&w, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    describe_lora(m, lora);
    if (m->lora != NULL) {
        tj_st_writer_meta(w, "lora", lora);
        tj_st_writer_meta(w, "base", tj_lora_base_digest(m));
    }
    for (size_t i = tj_model_n_frozen(m); i < m->n_params; i++) {
        tj_st_writer_declare(w, m->params[i].name, TJ_F32, m->params[i].shape, 2);
    }
    for (size_t i = tj_model_n_frozen(m); i < m->n_params; i++) {
        tj_st_writer_values(w, m->params[i].weight, m->params[i].n);
    }
    return tj_st_writer_commit(w, err);
}

/* That the weights in a snapshot are of a model like ours. */
static tj_code check_kind(const tj_model *m, const tj_st_reader *r, const char *path, tj_err *err)
{
    char ours[LORA_TEXT];
    const char *theirs = tj_st_meta(r, "lora");
    const char *base = tj_st_meta(r, "base");
    describe_lora(m, ours);
    theirs = theirs == NULL ? "" : theirs;
    if (strcmp(ours, theirs) != 0) {
        return tj_fail(err, TJ_E_CONFLICT, "%s is of %s%.*s, not of %s%s", path,
                       theirs[0] != '\0' ? "adapters of " : "a whole model", LORA_TEXT, theirs,
                       ours[0] != '\0' ? "adapters of " : "a whole model", ours);
    }
    if (m->lora != NULL && (base == NULL || strcmp(base, tj_lora_base_digest(m)) != 0)) {
        return tj_fail(err, TJ_E_CONFLICT,
                       "%s is of adapters for other weights: their digest is %.64s, here %s", path,
                       base == NULL ? "missing" : base, tj_lora_base_digest(m));
    }
    return TJ_OK;
}

static tj_code read_weights(tj_model *m, const char *path, tj_err *err)
{
    tj_st_reader *r;
    tj_code rc = tj_st_open(&r, path, err);
    size_t n = m->n_params - tj_model_n_frozen(m);
    if (rc == TJ_OK) {
        rc = check_kind(m, r, path, err);
    }
    for (size_t i = tj_model_n_frozen(m); rc == TJ_OK && i < m->n_params; i++) {
        const tj_param *p = &m->params[i];
        rc = tj_st_read_f32(r, p->weight, p->name, p->shape, 2, err);
    }
    if (rc == TJ_OK && tj_st_count(r) != n) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: %zu tensors, but the model has %zu", path,
                     tj_st_count(r), n);
    }
    if (rc == TJ_OK && m->lora != NULL) {
        tj_model_trained(m);
    } else if (rc == TJ_OK) {
        rc = tj_model_refresh(m, err);
    }
    tj_st_close(r);
    return rc;
}

/* The paths of a generation. */
typedef struct generation {
    char name[32];
    char *folder, *model, *optimizer, *state;
} generation;

static void free_generation(generation *g)
{
    tj_free(g->folder);
    tj_free(g->model);
    tj_free(g->optimizer);
    tj_free(g->state);
}

static tj_code name_generation(generation *g, const char *dir, tj_err *err)
{
    g->folder = tj_fs_join(dir, g->name);
    g->model = g->folder == NULL ? NULL : tj_fs_join(g->folder, "model.safetensors");
    g->optimizer = g->folder == NULL ? NULL : tj_fs_join(g->folder, "optimizer.safetensors");
    g->state = g->folder == NULL ? NULL : tj_fs_join(g->folder, "state.json");
    if (g->model == NULL || g->optimizer == NULL || g->state == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot name a snapshot in %s", dir);
    }
    return TJ_OK;
}

/* What snapshots write into their folder: generations, and `current` under temporary names. */
static bool is_ours(const char *name)
{
    return strncmp(name, "gen-", 4) == 0 || strncmp(name, "current.", 8) == 0;
}

/* Removes a folder's files and, one level down, folders of files; with `keep`, only what is a
 * snapshot's and does not have that name. */
static void clean(const char *path, const char *keep, size_t depth)
{
    DIR *dir = opendir(path);
    for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
        bool stays = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
                     (keep != NULL && (strcmp(e->d_name, keep) == 0 || !is_ours(e->d_name)));
        char *inner = stays ? NULL : tj_fs_join(path, e->d_name);
        if (inner != NULL && unlink(inner) != 0 && depth > 0) {
            clean(inner, NULL, depth - 1);
            rmdir(inner);
        }
        tj_free(inner);
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

void tj_snapshot_remove(const char *dir)
{
    clean(dir, NULL, 1);
    rmdir(dir);
}

static tj_code write_generation(const generation *g, const tj_model *model, const tj_adamw *opt,
                                const json_t *state, tj_err *err)
{
    char *text = state == NULL ? NULL : json_dumps(state, JSON_COMPACT);
    const char *shown = state == NULL ? "{}" : text;
    if (shown == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot write %s", g->state);
    }
    tj_code rc = tj_fs_mkdirs(g->folder, err);
    if (rc == TJ_OK) {
        rc = write_weights(model, g->model, err);
    }
    if (rc == TJ_OK) {
        rc = tj_adamw_save(opt, g->optimizer, err);
    }
    if (rc == TJ_OK) {
        rc = tj_fs_write(g->state, shown, strlen(shown), err);
    }
    free(text); /* Jansson's own allocation */
    return rc;
}

static tj_code read_current(const char *dir, generation *g, tj_err *err)
{
    char *path = tj_fs_join(dir, "current");
    char *text = NULL;
    size_t len = 0;
    tj_code rc = path == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot look into %s", dir)
                              : tj_fs_read(&text, &len, path, sizeof g->name - 1, err);
    if (rc == TJ_OK && (strncmp(text, "gen-", 4) != 0 || strchr(text, '/') != NULL)) {
        rc = tj_fail(err, TJ_E_PARSE, "%s: does not name a snapshot", path);
    }
    if (rc == TJ_OK) {
        snprintf(g->name, sizeof g->name, "%.*s", (int)strcspn(text, "\n"), text);
        rc = name_generation(g, dir, err);
    }
    tj_free(text);
    tj_free(path);
    return rc;
}

tj_code tj_snapshot_save(const char *dir, const tj_model *model, const tj_adamw *opt,
                         const json_t *state, tj_err *err)
{
    generation before = {.name = ""};
    generation g = {.name = ""};
    char *current = tj_fs_join(dir, "current");
    tj_code rc = current == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot save to %s", dir)
                                 : tj_fs_mkdirs(dir, err);
    /* the same number of updates saved again must not overwrite the generation that is current */
    bool again = rc == TJ_OK && read_current(dir, &before, NULL) == TJ_OK;
    snprintf(g.name, sizeof g.name, "gen-%zu-a", tj_adamw_n_done(opt));
    if (again && strcmp(before.name, g.name) == 0) {
        snprintf(g.name, sizeof g.name, "gen-%zu-b", tj_adamw_n_done(opt));
    }
    if (rc == TJ_OK) {
        rc = name_generation(&g, dir, err);
    }
    if (rc == TJ_OK) {
        rc = write_generation(&g, model, opt, state, err);
    }
    if (rc == TJ_OK) {
        rc = tj_fs_write(current, g.name, strlen(g.name), err);
    }
    if (rc == TJ_OK) {
        clean(dir, g.name, 1);
    } else {
        tj_err_context(err, "cannot save a snapshot to %s", dir);
    }
    free_generation(&before);
    free_generation(&g);
    tj_free(current);
    return rc;
}

tj_code tj_snapshot_load(const char *dir, tj_model *model, tj_adamw *opt, json_t **state,
                         tj_err *err)
{
    generation g = {.name = ""};
    char *text = NULL;
    size_t len = 0;
    json_t *read = NULL;
    if (state != NULL) {
        *state = NULL;
    }
    tj_code rc = read_current(dir, &g, err);
    if (rc == TJ_OK) {
        rc = tj_fs_read(&text, &len, g.state, TJ_MAX_STATE_BYTES, err);
    }
    if (rc == TJ_OK) {
        read = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        rc = !json_is_object(read) ? tj_fail(err, TJ_E_PARSE, "%s is not a JSON object", g.state)
                                   : read_weights(model, g.model, err);
    }
    if (rc == TJ_OK) {
        rc = tj_adamw_load(opt, g.optimizer, err);
    }
    if (rc == TJ_E_NOTFOUND && g.folder != NULL) { /* not "there is none": it is broken */
        tj_err_context(err, "the snapshot in %s is damaged", dir);
        rc = err == NULL ? TJ_E_PARSE : (err->code = TJ_E_PARSE);
    }
    if (rc == TJ_OK && state != NULL) {
        *state = read;
        read = NULL;
    }
    json_decref(read);
    tj_free(text);
    free_generation(&g);
    return rc;
}
