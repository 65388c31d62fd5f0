#define _GNU_SOURCE
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif
#endif

#include "lock.h"

#define THREADS_MAX 8
#define STACK_LEN (256u << 10)

typedef struct request {
    int (*work)(void *);
    void *argument;
    int result, done;
    signal_t finished;
    struct request *next;
} request;

/* A descriptor that must not be closed before the process ends (only where threads have no table of their own). */
typedef struct kept {
    dev_t device;
    ino_t inode;
    int fd, in_use;
    struct kept *next;
} kept;

struct reader_pool {
    lock_t lock;
    signal_t work, ready;
    request *first, **last;
    pthread_t threads[THREADS_MAX];
    int count;    /* threads that run */
    int started;  /* the first thread has settled: apart says how */
    int apart;    /* the threads have a descriptor table of their own */
    int stopping;
    size_t files; /* open files: with the last one the threads end */
    pid_t process;
};

/* `life` guards starting and ending of the pool, and a fork meanwhile. */
static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER;
static reader_pool *pool;
static kept *all_kept;
static int keep_always;

int read_at(int fd, uint64_t offset, uint8_t *buffer, size_t length, size_t *done)
{
    *done = 0;
    while (*done < length) {
        ssize_t n = pread(fd, buffer + *done, length - *done, (off_t)(offset + *done));
        if (n > 0)
            *done += (size_t)n;
        else if (n == 0)
            return 0;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

/* Gives the calling thread an empty descriptor table of its own, with nothing behind the three standard numbers. */
static int go_apart(void)
{
#ifdef __linux__
    int alone = 0;
#ifdef SYS_close_range
    alone = syscall(SYS_close_range, 0u, ~0u, CLOSE_RANGE_UNSHARE) == 0;
#endif
    if (!alone) {
        if (unshare(CLONE_FILES) != 0)
            return 0;
        long limit = sysconf(_SC_OPEN_MAX);
        for (long fd = 0; fd < (limit > 0 && limit < 1 << 20 ? limit : 1 << 20); fd++)
            close((int)fd);
    }
    while (1) { /* so that what a library prints here never lands in a file */
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0)
            break;
        if (fd > 2) {
            close(fd);
            break;
        }
    }
    return 1;
#else
    return 0;
#endif
}

static void serve(reader_pool *p)
{
    lock_take(&p->lock);
    while (1) {
        while (!p->first && !p->stopping)
            signal_wait(&p->work, &p->lock);
        request *r = p->first;
        if (!r)
            break;
        p->first = r->next;
        if (!p->first)
            p->last = &p->first;
        lock_give(&p->lock);
        int result = r->work(r->argument);
        lock_take(&p->lock);
        r->result = result;
        r->done = 1;
        signal_one(&r->finished);
    }
    lock_give(&p->lock);
}

static void *further_thread(void *given)
{
    serve(given);
    return NULL;
}

static int start_thread(reader_pool *p, void *(*run)(void *))
{
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return ENOMEM;
    pthread_attr_setstacksize(&attributes, STACK_LEN);
    int e = pthread_create(&p->threads[p->count], &attributes, run, p);
    pthread_attr_destroy(&attributes);
    if (e == 0)
        p->count++;
    return e;
}

/* The threads it starts share its descriptor table, because a new thread shares the one of the thread that starts it. */
static void *first_thread(void *given)
{
    reader_pool *p = given;
    int apart = go_apart();
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    long more = !apart ? 0 : processors < 2 ? 1 : processors > THREADS_MAX ? THREADS_MAX - 1 : processors - 1;
    lock_take(&p->lock);
    while (more-- > 0 && start_thread(p, further_thread) == 0)
        ;
    p->apart = apart;
    p->started = 1;
    signal_all(&p->ready);
    lock_give(&p->lock);
    if (apart)
        serve(p);
    return NULL;
}

static void pool_free(reader_pool *p)
{
    signal_free(&p->ready);
    signal_free(&p->work);
    lock_free(&p->lock);
    free(p);
}

static int pool_start(reader_pool **made)
{
    reader_pool *p = calloc(1, sizeof *p);
    if (!p)
        return ENOMEM;
    p->last = &p->first;
    p->process = getpid();
    lock_init(&p->lock);
    signal_init(&p->work);
    signal_init(&p->ready);
    if (!keep_always) {
        sigset_t all, before; /* the program's signal handlers are not for these threads */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        lock_take(&p->lock);
        int e = start_thread(p, first_thread);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        while (e == 0 && !p->started)
            signal_wait(&p->ready, &p->lock);
        lock_give(&p->lock);
        if (e != 0) {
            pool_free(p);
            return e;
        }
    }
    *made = p;
    return 0;
}

static void pool_end(reader_pool *p)
{
    lock_take(&p->lock);
    p->stopping = 1;
    signal_all(&p->work);
    lock_give(&p->lock);
    for (int i = 0; i < p->count; i++)
        pthread_join(p->threads[i], NULL);
    pool_free(p);
}

static void before_fork(void) { pthread_mutex_lock(&life); }
static void after_fork(void) { pthread_mutex_unlock(&life); }
static void after_fork_in_child(void)
{
    pool = NULL; /* its threads are not here; whoever holds files of it is told so */
    pthread_mutex_unlock(&life);
}
static void watch_forks(void) { pthread_atfork(before_fork, after_fork, after_fork_in_child); }

static int pool_run(reader_pool *p, int (*work)(void *), void *argument)
{
    if (p->process != getpid())
        return EBADF;
    if (!p->apart)
        return work(argument);
    request r = {.work = work, .argument = argument};
    signal_init(&r.finished);
    lock_take(&p->lock);
    *p->last = &r;
    p->last = &r.next;
    signal_one(&p->work);
    while (!r.done)
        signal_wait(&r.finished, &p->lock);
    lock_give(&p->lock);
    signal_free(&r.finished);
    return r.result;
}

static int close_one(void *given)
{
    close(*(int *)given);
    return 0;
}

static void let_go(reader_file *file)
{
    if (__atomic_sub_fetch(&file->users, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    reader_pool *p = file->pool;
    if (p->process != getpid())
        return;
    pthread_mutex_lock(&life);
    if (p->apart)
        pool_run(p, close_one, &file->fd);
    else
        for (kept *k = all_kept; k; k = k->next)
            if (k->fd == file->fd)
                k->in_use = 0;
    if (--p->files == 0) {
        pool = NULL;
        pool_end(p);
    }
    pthread_mutex_unlock(&life);
}

typedef struct {
    const char *path;
    int fd;
} opening;

static int open_one(void *given)
{
    opening *o = given;
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
#ifdef O_NOATIME /* leave the access time alone, where we may: the owner and root */
    flags |= O_NOATIME;
#endif
    while ((o->fd = open(o->path, flags)) < 0) {
#ifdef O_NOATIME
        if (errno == EPERM && flags & O_NOATIME) {
            flags &= ~O_NOATIME;
            continue;
        }
#endif
        if (errno != EINTR)
            return errno;
    }
    return 0;
}

/* Opening a file twice to learn which it is would leave a second descriptor that can never be closed: so ask for its name first. */
static int open_kept(opening *o)
{
    struct stat found;
    if (lstat(o->path, &found) != 0)
        return errno;
    for (kept *k = all_kept; k; k = k->next)
        if (!k->in_use && k->device == found.st_dev && k->inode == found.st_ino) {
            k->in_use = 1;
            o->fd = k->fd;
            return 0;
        }
    kept *k = calloc(1, sizeof *k);
    if (!k)
        return ENOMEM;
    int e = open_one(o);
    if (e == 0 && fstat(o->fd, &found) != 0)
        e = errno;
    if (e != 0) {
        free(k);
        return e;
    }
    *k = (kept){found.st_dev, found.st_ino, o->fd, 1, all_kept};
    all_kept = k;
    return 0;
}

int reader_open(reader_file *file, const char *path)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    opening o = {path, -1};
    memset(file, 0, sizeof *file);
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&life);
    int e = pool ? 0 : pool_start(&pool);
    if (e == 0) {
        e = pool->apart ? pool_run(pool, open_one, &o) : open_kept(&o);
        if (e == 0) {
            *file = (reader_file){.pool = pool, .fd = o.fd, .users = 1};
            pool->files++;
        } else if (pool->files == 0) {
            pool_end(pool);
            pool = NULL;
        }
    }
    pthread_mutex_unlock(&life);
    return e;
}

void reader_close(reader_file *file)
{
    if (file->pool && !__atomic_exchange_n(&file->closed, 1, __ATOMIC_ACQ_REL))
        let_go(file);
}

int reader_run(reader_file *file, int (*work)(void *), void *argument)
{
    int users = __atomic_load_n(&file->users, __ATOMIC_ACQUIRE);
    do
        if (users == 0 || __atomic_load_n(&file->closed, __ATOMIC_ACQUIRE))
            return EBADF;
    while (!__atomic_compare_exchange_n(&file->users, &users, users + 1, 1, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    int result = pool_run(file->pool, work, argument);
    let_go(file);
    return result;
}

#if defined(FICLONE) && defined(O_TMPFILE)
typedef struct {
    const char *folder;
    int from, to;
} cloning;

static int clone_one(void *given)
{
    cloning *c = given;
    c->to = open(c->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (c->to < 0)
        return errno;
    int e = ioctl(c->to, FICLONE, c->from) == 0 ? 0 : errno;
    if (e != 0)
        close(c->to);
    return e;
}

int reader_clone(reader_file *copy, reader_file *file, const char *folder)
{
    cloning c = {folder, file->fd, -1};
    memset(copy, 0, sizeof *copy);
    if (!file->pool || !file->pool->apart) /* a descriptor that stays open would keep the copy on the disk */
        return EOPNOTSUPP;
    int e = reader_run(file, clone_one, &c);
    if (e == 0) {
        *copy = (reader_file){.pool = file->pool, .fd = c.to, .users = 1};
        pthread_mutex_lock(&life);
        copy->pool->files++;
        pthread_mutex_unlock(&life);
    }
    return e;
}
#else
int reader_clone(reader_file *copy, reader_file *file, const char *folder)
{
    memset(copy, 0, sizeof *copy);
    return EOPNOTSUPP;
}
#endif

int reader_is_apart(const reader_file *file) { return file->pool && file->pool->apart; }

typedef struct {
    int fd;
    struct stat *found;
} stating;

static int stat_one(void *given)
{
    stating *s = given;
    return fstat(s->fd, s->found) == 0 ? 0 : errno;
}

int reader_stat(reader_file *file, struct stat *found)
{
    stating s = {file->fd, found};
    return reader_run(file, stat_one, &s);
}

typedef struct {
    int fd;
    uint64_t offset;
    uint8_t *buffer;
    size_t length, *done;
} reading;

static int read_one(void *given)
{
    reading *r = given;
    return read_at(r->fd, r->offset, r->buffer, r->length, r->done);
}

int reader_read( reader_file *file, uint64_t offset, uint8_t *buffer, size_t length, size_t *done)
{
    reading r = {file->fd, offset, buffer, length, done};
    return reader_run(file, read_one, &r);
}

int reader_keep_descriptors(int keep)
{
    pthread_mutex_lock(&life);
    int e = pool ? EBUSY : 0;
    if (e == 0)
        keep_always = keep;
    pthread_mutex_unlock(&life);
    return e;
}
