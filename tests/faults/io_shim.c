/* io_shim.c: lets chosen calls of the C library fail, move few bytes, or meet a signal. For LD_PRELOAD, on 64-bit Linux.
 *
 *   IO_SHIM_CALL     open, read, pread, write, pwrite, fsync, rename, link, unlink, mkdir, lock (flock), clone (FICLONERANGE), copy
 *                    (copy_file_range, by its target), chown, chmod, utime or thread (pthread_create, which has no path)
 *   IO_SHIM_PATH     a pattern (fnmatch) for the whole path; the path of a descriptor is what /proc says
 *   IO_SHIM_NTH      which of the calls that match, from 1 on; 0 for all of them
 *   IO_SHIM_ERRNO    they fail with this error,
 *   IO_SHIM_COUNT    or move at most so many bytes,
 *   IO_SHIM_SIGNAL   or do their work, whereupon the main thread gets this signal
 *
 * The environment is read at the start of the process and by io_shim_arm(). Calls go to the kernel directly. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
    char call[16], path[PATH_MAX];
    long nth, error, count, signal;
} plan;
static atomic_int armed;
static atomic_long seen, disturbed;

static long number(const char *name)
{
    const char *text = getenv(name);
    return text ? atol(text) : -1;
}

__attribute__((constructor)) void io_shim_arm(void)
{
    const char *call = getenv("IO_SHIM_CALL"), *path = getenv("IO_SHIM_PATH");
    atomic_store(&armed, 0);
    if (call == NULL)
        return;
    snprintf(plan.call, sizeof plan.call, "%s", call);
    snprintf(plan.path, sizeof plan.path, "%s", path ? path : "*");
    plan.nth = number("IO_SHIM_NTH");
    plan.error = number("IO_SHIM_ERRNO");
    plan.count = number("IO_SHIM_COUNT");
    plan.signal = number("IO_SHIM_SIGNAL");
    atomic_store(&seen, 0);
    atomic_store(&disturbed, 0);
    atomic_store(&armed, 1);
}

/* Stops disturbing; returns how many calls were disturbed. */
long io_shim_disarm(void)
{
    atomic_store(&armed, 0);
    return atomic_load(&disturbed);
}

static int is_chosen(const char *call, const char *path)
{
    if (!atomic_load(&armed) || strcmp(call, plan.call) != 0 || fnmatch(plan.path, path, 0) != 0)
        return 0;
    long mine = atomic_fetch_add(&seen, 1) + 1;
    if (plan.nth != 0 && mine != plan.nth)
        return 0;
    atomic_fetch_add(&disturbed, 1);
    return 1;
}

static int is_chosen_descriptor(const char *call, int descriptor)
{
    char link[64], path[PATH_MAX];
    if (!atomic_load(&armed) || strcmp(call, plan.call) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return is_chosen(call, path);
}

static int fails(int chosen)
{
    if (!chosen || plan.error < 0)
        return 0;
    errno = (int)plan.error;
    return 1;
}

static size_t at_most(int chosen, size_t length)
{
    return chosen && plan.count >= 0 && length > (size_t)plan.count ? (size_t)plan.count : length;
}

static long after(int chosen, long result)
{
    int error = errno;
    if (chosen && plan.signal > 0)
        syscall(SYS_tgkill, getpid(), getpid(), plan.signal); /* the main thread has the process's number */
    errno = error;
    return result;
}

#define ON_DESCRIPTOR(call, descriptor, work)                   \
    int chosen = is_chosen_descriptor(call, descriptor);        \
    return fails(chosen) ? -1 : after(chosen, work)

ssize_t read(int file, void *into, size_t length)
{
    ON_DESCRIPTOR("read", file, syscall(SYS_read, file, into, at_most(chosen, length)));
}

ssize_t readv(int file, const struct iovec *into, int pieces)
{
    ON_DESCRIPTOR("read", file, syscall(SYS_readv, file, into, (int)at_most(chosen, (size_t)pieces)));
}

ssize_t pread64(int file, void *into, size_t length, off64_t at)
{
    ON_DESCRIPTOR("pread", file, syscall(SYS_pread64, file, into, at_most(chosen, length), at));
}

ssize_t write(int file, const void *from, size_t length)
{
    ON_DESCRIPTOR("write", file, syscall(SYS_write, file, from, at_most(chosen, length)));
}

ssize_t pwrite64(int file, const void *from, size_t length, off64_t at)
{
    ON_DESCRIPTOR("pwrite", file, syscall(SYS_pwrite64, file, from, at_most(chosen, length), at));
}

int fsync(int file)
{
    ON_DESCRIPTOR("fsync", file, (int)syscall(SYS_fsync, file));
}

int flock(int file, int operation)
{
    ON_DESCRIPTOR("lock", file, (int)syscall(SYS_flock, file, operation));
}

int fchown(int file, uid_t owner, gid_t group)
{
    ON_DESCRIPTOR("chown", file, (int)syscall(SYS_fchown, file, owner, group));
}

int fchmod(int file, mode_t mode)
{
    ON_DESCRIPTOR("chmod", file, (int)syscall(SYS_fchmod, file, mode));
}

int futimens(int file, const struct timespec times[2])
{
    ON_DESCRIPTOR("utime", file, (int)syscall(SYS_utimensat, file, NULL, times, 0));
}

ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t length, unsigned flags)
{
    ON_DESCRIPTOR("copy", to, syscall(SYS_copy_file_range, from, from_at, to, to_at, at_most(chosen, length), flags));
}

int ioctl(int file, unsigned long request, ...)
{
    va_list more;
    va_start(more, request);
    void *argument = va_arg(more, void *);
    va_end(more);
    if (request != FICLONERANGE)
        return (int)syscall(SYS_ioctl, file, request, argument);
    ON_DESCRIPTOR("clone", file, (int)syscall(SYS_ioctl, file, request, argument));
}

ssize_t pread(int file, void *into, size_t length, off_t at) { return pread64(file, into, length, at); }
ssize_t pwrite(int file, const void *from, size_t length, off_t at) { return pwrite64(file, from, length, at); }

#define ON_PATH(call, path, work)                               \
    int chosen = is_chosen(call, path);                         \
    return fails(chosen) ? -1 : (int)after(chosen, work)

static int open_at(int folder, const char *path, int flags, mode_t mode)
{
    ON_PATH("open", path, syscall(SYS_openat, folder, path, flags, mode));
}

/* The mode is there only if something may be made; reading it in every case takes what happens to lie there, and nobody looks at it. */
#define OPENER(name, parameters, last, folder, path, flags)     \
    int name parameters                                         \
    {                                                           \
        va_list more;                                           \
        va_start(more, last);                                   \
        mode_t mode = va_arg(more, mode_t);                     \
        va_end(more);                                           \
        return open_at(folder, path, flags, mode);              \
    }
OPENER(open, (const char *path, int flags, ...), flags, AT_FDCWD, path, flags)
OPENER(open64, (const char *path, int flags, ...), flags, AT_FDCWD, path, flags)
OPENER(openat, (int folder, const char *path, int flags, ...), flags, folder, path, flags)
OPENER(openat64, (int folder, const char *path, int flags, ...), flags, folder, path, flags)

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    ON_PATH("rename", from, syscall(SYS_renameat2, from_folder, from, to_folder, to, 0));
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    ON_PATH("link", from, syscall(SYS_linkat, from_folder, from, to_folder, to, flags));
}

int unlinkat(int folder, const char *path, int flags)
{
    ON_PATH("unlink", path, syscall(SYS_unlinkat, folder, path, flags));
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }
int mkdirat(int folder, const char *path, mode_t mode)
{
    ON_PATH("mkdir", path, syscall(SYS_mkdirat, folder, path, mode));
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*begin)(void *), void *argument)
{
    typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    static create *next;
    if (next == NULL)
        next = (create *)dlsym(RTLD_NEXT, "pthread_create");
    int chosen = is_chosen("thread", "");
    return fails(chosen) ? (int)plan.error : (int)after(chosen, next(thread, attributes, begin, argument));
}
