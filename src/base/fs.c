/* The atomic writer: bytes go to "<path>.<pid>.<n>.tmp" in the target's folder (a rename within one
 * folder is atomic; across file systems it is not), made with O_EXCL so that two writers never
 * share one. The file is flushed before the rename and the folder after it: after a power cut the
 * name stands for the old bytes or for all of the new ones. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

#define WRITE_BUFFER_BYTES 65536
#define MAX_TEMP_NAMES     1000 /* leftovers of killed processes with our pid are stepped over */

struct tj_fs_writer {
    char *path;
    char *temp_path;
    int fd;
    int errno_kept; /* of the first write that failed; 0: none */
    size_t n_buffered;
    char buffer[WRITE_BUFFER_BYTES];
};

static tj_code open_error(tj_err *err, const char *verb, const char *path, int error)
{
    return tj_fail(err, error == ENOENT ? TJ_E_NOTFOUND : TJ_E_IO, "cannot %s %s: %s", verb, path,
                   strerror(error));
}

/* ---------------------------------------------------------------- reading */

/* Reads fd to its end into *data, of which *len bytes are used; reads at most one byte more than
 * max_bytes, by which the caller sees that there was more. */
static tj_code read_all(char **data, size_t *len, int fd, const char *path, size_t max_bytes,
                        tj_err *err)
{
    size_t cap = 0;
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (uintmax_t)st.st_size <= max_bytes) {
        cap = (size_t)st.st_size + 2; /* the zero, and one byte to meet the end of the file */
    }
    if (cap > 0 && (*data = tj_malloc(cap)) == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu bytes for %s", cap, path);
    }
    for (;;) {
        if (!tj_grow(data, &cap, *len + 2, 1)) {
            return tj_fail(err, TJ_E_NOMEM, "cannot allocate %zu bytes for %s", *len + 2, path);
        }
        size_t room = cap - 1 - *len;
        if (room > max_bytes - *len) {
            room = max_bytes - *len + 1;
        }
        ssize_t n = read(fd, *data + *len, room);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return tj_fail(err, TJ_E_IO, "cannot read %s: %s", path, strerror(errno));
        }
        if (n == 0) {
            (*data)[*len] = '\0';
            return TJ_OK;
        }
        *len += (size_t)n;
        if (*len > max_bytes) {
            return tj_fail(err, TJ_E_LIMIT, "%s is larger than %zu bytes", path, max_bytes);
        }
    }
}

tj_code tj_fs_read(char **out, size_t *out_len, const char *path, size_t max_bytes, tj_err *err)
{
    *out = NULL;
    *out_len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return open_error(err, "open", path, errno);
    }
    char *data = NULL;
    size_t len = 0;
    tj_code rc = read_all(&data, &len, fd, path, max_bytes, err);
    close(fd);
    if (rc != TJ_OK) {
        tj_free(data);
        return rc;
    }
    *out = data;
    *out_len = len;
    return TJ_OK;
}

tj_code tj_fs_map_open(tj_fs_map *out, const char *path, tj_err *err)
{
    *out = (tj_fs_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return open_error(err, "open", path, errno);
    }
    tj_code rc = TJ_OK;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        rc = tj_fail(err, TJ_E_IO, "cannot examine %s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        rc = tj_fail(err, TJ_E_IO, "cannot map %s: not a regular file", path);
    } else if (st.st_size == 0) {
        out->data = (const unsigned char *)""; /* mmap refuses a length of 0 */
    } else {
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) {
            rc = tj_fail(err, TJ_E_IO, "cannot map %s: %s", path, strerror(errno));
        } else {
            out->data = data;
            out->n_bytes = (size_t)st.st_size;
        }
    }
    close(fd); /* the mapping stays */
    return rc;
}

void tj_fs_map_close(tj_fs_map *map)
{
    if (map->n_bytes > 0) {
        munmap((void *)(uintptr_t)map->data, map->n_bytes);
    }
    *map = (tj_fs_map){0};
}

/* ---------------------------------------------------------------- writing */

/* Opens a temporary file that nobody else has; fd and temp_path of the writer are set on success.
 */
static tj_code open_temp(tj_fs_writer *writer, tj_err *err)
{
    size_t bytes = strlen(writer->path) + 48; /* two numbers of at most 20 digits, dots, "tmp", 0 */
    writer->temp_path = tj_malloc(bytes);
    if (writer->temp_path == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a name for %s", writer->path);
    }
    for (int n = 0; n < MAX_TEMP_NAMES; n++) {
        snprintf(writer->temp_path, bytes, "%s.%ld.%d.tmp", writer->path, (long)getpid(), n);
        writer->fd = open(writer->temp_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->fd >= 0) {
            return TJ_OK;
        }
        if (errno != EEXIST) {
            return open_error(err, "create", writer->temp_path, errno);
        }
    }
    return tj_fail(err, TJ_E_CONFLICT, "cannot create %s: %d like it are there already",
                   writer->temp_path, MAX_TEMP_NAMES);
}

/* A device or a pipe is written to as it stands: renaming a file over /dev/null would replace it.
 */
static bool is_stream(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static tj_code open_stream(tj_fs_writer *writer, tj_err *err)
{
    writer->fd = open(writer->path, O_WRONLY | O_CLOEXEC);
    return writer->fd >= 0 ? TJ_OK : open_error(err, "open", writer->path, errno);
}

static void remove_temp(const tj_fs_writer *writer)
{
    if (writer->temp_path != NULL) {
        unlink(writer->temp_path);
    }
}

static void writer_free(tj_fs_writer *writer)
{
    tj_free(writer->path);
    tj_free(writer->temp_path);
    tj_free(writer);
}

tj_code tj_fs_writer_open(tj_fs_writer **out, const char *path, tj_err *err)
{
    *out = NULL;
    tj_fs_writer *writer = tj_malloc(sizeof *writer);
    if (writer == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a writer for %s", path);
    }
    writer->temp_path = NULL;
    writer->fd = -1;
    writer->errno_kept = 0;
    writer->n_buffered = 0;
    writer->path = tj_strdup(path);
    tj_code rc;
    if (writer->path == NULL) {
        rc = tj_fail(err, TJ_E_NOMEM, "cannot allocate a writer for %s", path);
    } else {
        rc = is_stream(path) ? open_stream(writer, err) : open_temp(writer, err);
    }
    if (rc != TJ_OK) {
        writer_free(writer);
        return rc;
    }
    *out = writer;
    return TJ_OK;
}

/* Writes all bytes to the file, or keeps the error. */
static void write_through(tj_fs_writer *writer, const char *bytes, size_t n)
{
    while (n > 0 && writer->errno_kept == 0) {
        ssize_t written = write(writer->fd, bytes, n);
        if (written >= 0) {
            bytes += written;
            n -= (size_t)written;
        } else if (errno != EINTR) {
            writer->errno_kept = errno;
        }
    }
}

static void flush_buffer(tj_fs_writer *writer)
{
    write_through(writer, writer->buffer, writer->n_buffered);
    writer->n_buffered = 0;
}

void tj_fs_writer_add(tj_fs_writer *writer, const void *bytes, size_t n)
{
    if (n > sizeof writer->buffer - writer->n_buffered) {
        flush_buffer(writer);
    }
    if (n > sizeof writer->buffer) {
        write_through(writer, bytes, n);
    } else if (n > 0) {
        memcpy(writer->buffer + writer->n_buffered, bytes, n);
        writer->n_buffered += n;
    }
}

/* Flushes the folder that holds path, so that its new name survives a power cut. Returns an errno
 * or 0. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = NULL;
    if (slash == NULL) {
        folder = tj_strdup(".");
    } else {
        folder = tj_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    }
    if (folder == NULL) {
        return ENOMEM;
    }
    int error = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        error = errno;
    } else {
        if (fsync(fd) != 0 && errno != EINVAL) { /* EINVAL: this file system has no such flush */
            error = errno;
        }
        close(fd);
    }
    tj_free(folder);
    return error;
}

static tj_code flush_folder(const char *path, tj_err *err)
{
    int error = sync_folder(path);
    if (error == ENOMEM) {
        return tj_fail(err, TJ_E_NOMEM, "cannot flush the folder of %s", path);
    }
    if (error != 0) {
        return tj_fail(err, TJ_E_IO, "cannot flush the folder of %s: %s", path, strerror(error));
    }
    return TJ_OK;
}

tj_code tj_fs_rename(const char *from, const char *to, tj_err *err)
{
    if (rename(from, to) != 0) {
        return open_error(err, "rename", from, errno);
    }
    return flush_folder(to, err);
}

tj_code tj_fs_writer_commit(tj_fs_writer *writer, tj_err *err)
{
    flush_buffer(writer);
    int error = writer->errno_kept;
    bool is_file = writer->temp_path != NULL;
    if (error == 0 && is_file && fsync(writer->fd) != 0) {
        error = errno;
    }
    if (close(writer->fd) != 0 && error == 0) { /* network file systems report a full disk here */
        error = errno;
    }
    if (error == 0 && is_file && rename(writer->temp_path, writer->path) != 0) {
        error = errno;
    }
    tj_code rc = TJ_OK;
    if (error != 0) {
        remove_temp(writer);
        rc = tj_fail(err, TJ_E_IO, "cannot write %s: %s", writer->path, strerror(error));
    } else if (is_file) {
        rc = flush_folder(writer->path, err);
    }
    writer_free(writer);
    return rc;
}

void tj_fs_writer_abort(tj_fs_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    close(writer->fd);
    remove_temp(writer);
    writer_free(writer);
}

tj_code tj_fs_write(const char *path, const void *bytes, size_t n, tj_err *err)
{
    tj_fs_writer *writer;
    tj_code rc = tj_fs_writer_open(&writer, path, err);
    if (rc != TJ_OK) {
        return rc;
    }
    tj_fs_writer_add(writer, bytes, n);
    return tj_fs_writer_commit(writer, err);
}

/* ---------------------------------------------------------------- names and folders */

bool tj_fs_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static tj_code make_folder(const char *path, tj_err *err)
{
    if (mkdir(path, 0777) == 0) {
        return TJ_OK;
    }
    int error = errno;
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode)) {
            return TJ_OK;
        }
        return tj_fail(err, TJ_E_CONFLICT, "cannot make folder %s: a file has that name", path);
    }
    return tj_fail(err, TJ_E_IO, "cannot make folder %s: %s", path, strerror(error));
}

tj_code tj_fs_mkdirs(const char *path, tj_err *err)
{
    char *copy = tj_strdup(path);
    if (copy == NULL) {
        return tj_fail(err, TJ_E_NOMEM, "cannot allocate a name for %s", path);
    }
    tj_code rc = TJ_OK;
    for (char *p = copy; *p != '\0' && rc == TJ_OK; p++) {
        if (*p == '/' && p != copy && p[-1] != '/') {
            *p = '\0';
            rc = make_folder(copy, err);
            *p = '/';
        }
    }
    if (rc == TJ_OK) {
        rc = make_folder(copy, err);
    }
    tj_free(copy);
    return rc;
}

char *tj_fs_join(const char *a, const char *b)
{
    size_t n_a = strlen(a);
    size_t n_b = strlen(b);
    if (n_a == 0 || b[0] == '/') {
        return tj_strdup(b);
    }
    size_t slash = a[n_a - 1] == '/' ? 0 : 1;
    char *joined = tj_malloc(n_a + slash + n_b + 1);
    if (joined == NULL) {
        return NULL;
    }
    memcpy(joined, a, n_a);
    if (slash == 1) {
        joined[n_a] = '/';
    }
    memcpy(joined + n_a + slash, b, n_b + 1);
    return joined;
}

tj_code tj_fs_real_path(char **out, const char *path, tj_err *err)
{
    char *found = realpath(path, NULL);
    *out = NULL;
    if (found == NULL) {
        return tj_fail(err, errno == ENOENT ? TJ_E_NOTFOUND : TJ_E_IO, "cannot find %s: %s", path,
                       strerror(errno));
    }
    *out = tj_strdup(found);
    free(found); /* the C library's own allocation */
    return *out != NULL ? TJ_OK : tj_fail(err, TJ_E_NOMEM, "cannot name %s", path);
}
