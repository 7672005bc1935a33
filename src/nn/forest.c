/* A forest keeps its tokens in one pool in the order they came; a segment is a range of the pool,
 * so a split moves nothing. tj_forest_layout() then orders segments depth-first. */
#include "nn/forest.h"

#include <string.h>

#include "base/alloc.h"

typedef struct segment {
    size_t parent; /* TJ_NO_SEGMENT for a root */
    size_t first;  /* in the pool */
    size_t len;
    bool has_child;
} segment;

typedef struct row {
    size_t segment, offset;
    int32_t target; /* of a loss row */
} row;

typedef struct rows {
    row *items;
    size_t n, cap;
} rows;

struct tj_forest {
    segment *segments;
    size_t n_segments, cap_segments;
    int32_t *pool;
    size_t n_pool, cap_pool; /* may exceed the tokens in use, where an append had to move */
    size_t n_tokens;
    rows loss, value;
};

tj_code tj_forest_create(tj_forest **out, tj_err *err)
{
    *out = tj_calloc(1, sizeof **out);
    return *out == NULL ? tj_fail(err, TJ_E_NOMEM, "cannot allocate a forest") : TJ_OK;
}

void tj_forest_destroy(tj_forest *f)
{
    if (f == NULL) {
        return;
    }
    tj_free(f->segments);
    tj_free(f->pool);
    tj_free(f->loss.items);
    tj_free(f->value.items);
    tj_free(f);
}

void tj_forest_clear(tj_forest *f)
{
    f->n_segments = 0;
    f->n_pool = 0;
    f->n_tokens = 0;
    f->loss.n = 0;
    f->value.n = 0;
}

static tj_code pool_add(tj_forest *f, const int32_t *ids, size_t n, tj_err *err)
{
    if (!tj_grow(&f->pool, &f->cap_pool, f->n_pool + n, sizeof *f->pool)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu tokens", f->n_pool + n);
    }
    if (n > 0) {
        memcpy(f->pool + f->n_pool, ids, n * sizeof *ids);
    }
    f->n_pool += n;
    return TJ_OK;
}

tj_code tj_forest_add(tj_forest *f, size_t *out, size_t parent, const int32_t *ids, size_t n,
                      tj_err *err)
{
    if (parent != TJ_NO_SEGMENT && parent >= f->n_segments) {
        return tj_fail(err, TJ_E_INVAL, "no segment %zu to be a parent: there are %zu", parent,
                       f->n_segments);
    }
    if (!tj_grow(&f->segments, &f->cap_segments, f->n_segments + 1, sizeof *f->segments)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu segments", f->n_segments + 1);
    }
    tj_code rc = pool_add(f, ids, n, err);
    if (rc != TJ_OK) {
        return rc;
    }
    if (parent != TJ_NO_SEGMENT) {
        f->segments[parent].has_child = true;
    }
    f->segments[f->n_segments] = (segment){.parent = parent, .first = f->n_pool - n, .len = n};
    f->n_tokens += n;
    *out = f->n_segments++;
    return TJ_OK;
}

static void move_rows(rows *r, size_t from, size_t to, size_t at)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->items[i].segment == from && r->items[i].offset >= at) {
            r->items[i].segment = to;
            r->items[i].offset -= at;
        }
    }
}

tj_code tj_forest_split(tj_forest *f, size_t *tail, size_t id, size_t at, tj_err *err)
{
    if (id >= f->n_segments || at > f->segments[id].len) {
        return tj_fail(err, TJ_E_INVAL, "cannot split segment %zu at %zu", id, at);
    }
    if (!tj_grow(&f->segments, &f->cap_segments, f->n_segments + 1, sizeof *f->segments)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu segments", f->n_segments + 1);
    }
    segment *head = &f->segments[id];
    size_t new_id = f->n_segments++;
    f->segments[new_id] = (segment){.parent = id,
                                    .first = head->first + at,
                                    .len = head->len - at,
                                    .has_child = head->has_child};
    for (size_t i = 0; i < new_id; i++) {
        if (f->segments[i].parent == id) {
            f->segments[i].parent = new_id;
        }
    }
    head->len = at;
    head->has_child = true;
    move_rows(&f->loss, id, new_id, at);
    move_rows(&f->value, id, new_id, at);
    *tail = new_id;
    return TJ_OK;
}

static tj_code add_row(tj_forest *f, rows *r, size_t *out, row new_row, tj_err *err)
{
    if (new_row.segment >= f->n_segments || new_row.offset >= f->segments[new_row.segment].len) {
        return tj_fail(err, TJ_E_INVAL, "no token %zu in segment %zu for a row", new_row.offset,
                       new_row.segment);
    }
    if (!tj_grow(&r->items, &r->cap, r->n + 1, sizeof *r->items)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot hold %zu rows", r->n + 1);
    }
    r->items[r->n] = new_row;
    if (out != NULL) {
        *out = r->n;
    }
    r->n++;
    return TJ_OK;
}

tj_code tj_forest_add_loss_row(tj_forest *f, size_t *out, size_t seg, size_t offset, int32_t target,
                               tj_err *err)
{
    return add_row(f, &f->loss, out, (row){seg, offset, target}, err);
}

tj_code tj_forest_add_value_row(tj_forest *f, size_t *out, size_t seg, size_t offset, tj_err *err)
{
    return add_row(f, &f->value, out, (row){seg, offset, -1}, err);
}

size_t tj_forest_n_tokens(const tj_forest *f)
{
    return f->n_tokens;
}

size_t tj_forest_n_loss_rows(const tj_forest *f)
{
    return f->loss.n;
}

size_t tj_forest_n_value_rows(const tj_forest *f)
{
    return f->value.n;
}

size_t tj_forest_n_path_tokens(const tj_forest *f)
{
    size_t total = 0;
    for (size_t i = 0; i < f->n_segments; i++) {
        bool leaf = !f->segments[i].has_child;
        for (size_t s = i; leaf && s != TJ_NO_SEGMENT; s = f->segments[s].parent) {
            total += f->segments[s].len;
        }
    }
    return total;
}

/* ------------------------------------------------------------------ layout */

void tj_layout_deinit(tj_layout *l)
{
    void *arrays[] = {l->ids,       l->pos,       l->end,      l->root,     l->tree_begin,
                      l->loss_pos,  l->row_begin, l->rows,     l->target,   l->value_tok,
                      l->seg_first, l->seg_child, l->seg_next, l->seg_size, l->pos_of};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        tj_free(arrays[i]);
    }
    memset(l, 0, sizeof *l);
}

/* Grows several arrays that share one capacity. */
static bool grow_all(void **const *arrays, const size_t *sizes, size_t n, size_t *cap, size_t need)
{
    if (need <= *cap) {
        return true;
    }
    size_t new_cap = need + need / 2;
    for (size_t i = 0; i < n; i++) {
        void *p = tj_realloc(*arrays[i], new_cap, sizes[i]);
        if (p == NULL) {
            return false;
        }
        *arrays[i] = p;
    }
    *cap = new_cap;
    return true;
}

static bool layout_grow(const tj_forest *f, tj_layout *l)
{
    void **const tokens[] = {(void **)&l->ids, (void **)&l->pos, (void **)&l->end,
                             (void **)&l->root, (void **)&l->pos_of};
    const size_t four[] = {4, 4, 4, 4, 4};
    void **const segs[] = {(void **)&l->seg_first, (void **)&l->seg_child, (void **)&l->seg_next,
                           (void **)&l->seg_size};
    const size_t words[] = {sizeof(size_t), sizeof(size_t), sizeof(size_t), sizeof(size_t)};
    void **const trees[] = {(void **)&l->tree_begin};
    void **const pos[] = {(void **)&l->loss_pos, (void **)&l->row_begin};
    void **const by_row[] = {(void **)&l->rows, (void **)&l->target};
    void **const values[] = {(void **)&l->value_tok};
    return grow_all(tokens, four, 5, &l->cap_tokens, l->n_padded + 1) &&
           grow_all(segs, words, 4, &l->cap_segments, f->n_segments + 1) &&
           grow_all(trees, four, 1, &l->cap_trees, f->n_segments + 1) &&
           grow_all(pos, four, 2, &l->cap_pos, f->loss.n + 1) &&
           grow_all(by_row, four, 2, &l->cap_rows, f->loss.n + 1) &&
           grow_all(values, four, 1, &l->cap_values, f->value.n + 1);
}

/* Depth-first preorder without recursion: child lists in order of ids, then a walk that goes down
 * to the first child, else to the next sibling of the nearest ancestor that has one. */
static void order_segments(const tj_forest *f, tj_layout *l)
{
    size_t n = f->n_segments;
    size_t first_root = TJ_NO_SEGMENT;
    for (size_t i = 0; i < n; i++) {
        l->seg_child[i] = TJ_NO_SEGMENT;
    }
    for (size_t i = n; i-- > 0;) {
        size_t parent = f->segments[i].parent;
        size_t *head = parent == TJ_NO_SEGMENT ? &first_root : &l->seg_child[parent];
        l->seg_next[i] = *head;
        *head = i;
    }
    size_t tok = 0;
    l->n_trees = 0;
    for (size_t s = first_root; s != TJ_NO_SEGMENT;) {
        if (f->segments[s].parent == TJ_NO_SEGMENT) {
            l->tree_begin[l->n_trees++] = (uint32_t)tok;
        }
        l->seg_first[s] = tok;
        tok += f->segments[s].len;
        if (l->seg_child[s] != TJ_NO_SEGMENT) {
            s = l->seg_child[s];
            continue;
        }
        for (;;) { /* s is done: everything below it has been laid out */
            l->seg_size[s] = tok - l->seg_first[s];
            if (l->seg_next[s] != TJ_NO_SEGMENT) {
                s = l->seg_next[s];
                break;
            }
            s = f->segments[s].parent;
            if (s == TJ_NO_SEGMENT) {
                break;
            }
        }
    }
    l->tree_begin[l->n_trees] = (uint32_t)tok;
}

static tj_code fill_tokens(const tj_forest *f, tj_layout *l, size_t n_vocab, size_t max_positions,
                           tj_err *err)
{
    for (size_t s = 0; s < f->n_segments; s++) {
        const segment *seg = &f->segments[s];
        size_t pos = 0;
        size_t root = l->seg_first[s];
        if (seg->len == 0) {
            continue;
        }
        for (size_t p = seg->parent; p != TJ_NO_SEGMENT; p = f->segments[p].parent) {
            pos += f->segments[p].len;
            root = l->seg_first[p];
        }
        if (pos + seg->len > max_positions) {
            return tj_fail(err, TJ_E_INVAL, "a path of %zu tokens is longer than the model's %zu",
                           pos + seg->len, max_positions);
        }
        size_t first = l->seg_first[s];
        uint32_t end = (uint32_t)(first + l->seg_size[s]);
        for (size_t i = 0; i < seg->len; i++) {
            int32_t id = f->pool[seg->first + i];
            if (id < 0 || (size_t)id >= n_vocab) {
                return tj_fail(err, TJ_E_INVAL, "token id %d is not in the vocabulary of %zu", id,
                               n_vocab);
            }
            l->ids[first + i] = id;
            l->pos[first + i] = (uint32_t)(pos + i);
            l->end[first + i] = end;
            l->root[first + i] = (uint32_t)root;
        }
    }
    for (size_t i = l->n_tokens; i < l->n_padded; i++) {
        l->ids[i] = 0;
        l->pos[i] = 0;
        l->end[i] = 0;
        l->root[i] = (uint32_t)i;
    }
    return TJ_OK;
}

static tj_code fill_rows(const tj_forest *f, tj_layout *l, size_t n_vocab, tj_err *err)
{
    l->n_rows = f->loss.n;
    l->n_values = f->value.n;
    memset(l->pos_of, 0, l->n_padded * sizeof *l->pos_of);
    for (size_t r = 0; r < l->n_rows; r++) {
        const row *it = &f->loss.items[r];
        if (it->target < 0 || (size_t)it->target >= n_vocab) {
            return tj_fail(err, TJ_E_INVAL, "target %d of loss row %zu is not in the vocabulary",
                           it->target, r);
        }
        l->target[r] = it->target;
        l->pos_of[l->seg_first[it->segment] + it->offset]++; /* counts first */
    }
    l->n_pos = 0;
    l->row_begin[0] = 0;
    for (size_t t = 0; t < l->n_tokens; t++) {
        uint32_t count = l->pos_of[t];
        if (count > 0) {
            l->loss_pos[l->n_pos] = (uint32_t)t;
            l->row_begin[l->n_pos + 1] = l->row_begin[l->n_pos] + count;
            l->pos_of[t] = l->row_begin[l->n_pos]; /* then the cursor of the position */
            l->n_pos++;
        }
    }
    for (size_t r = 0; r < l->n_rows; r++) {
        const row *it = &f->loss.items[r];
        l->rows[l->pos_of[l->seg_first[it->segment] + it->offset]++] = (uint32_t)r;
    }
    for (size_t r = 0; r < l->n_values; r++) {
        const row *it = &f->value.items[r];
        l->value_tok[r] = (uint32_t)(l->seg_first[it->segment] + it->offset);
    }
    return TJ_OK;
}

tj_code tj_forest_layout(const tj_forest *f, tj_layout *l, size_t tile, size_t n_vocab,
                         size_t max_positions, tj_err *err)
{
    if (f->n_tokens > UINT32_MAX / 2 || f->loss.n > UINT32_MAX / 2) {
        return tj_fail(err, TJ_E_LIMIT, "a forest of %zu tokens is too large", f->n_tokens);
    }
    l->n_tokens = f->n_tokens;
    l->n_padded = (f->n_tokens + tile - 1) / tile * tile;
    if (!layout_grow(f, l)) {
        return tj_fail(err, TJ_E_NOMEM, "cannot lay out a forest of %zu tokens", f->n_tokens);
    }
    order_segments(f, l);
    tj_code rc = fill_tokens(f, l, n_vocab, max_positions, err);
    return rc == TJ_OK ? fill_rows(f, l, n_vocab, err) : rc;
}
