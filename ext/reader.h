/* reader.h: files that are read by threads which share no descriptor with the rest of the process.
 *
 * POSIX drops all locks that a process has on a file as soon as it closes *any* descriptor of that file. So a program that captures a
 * database which it has open itself would lose the database's locks, and with them committed rows. Locks belong to the descriptor table,
 * and on Linux a thread can have a table of its own: files opened and closed there leave the locks of the process alone.
 * Where that is refused (other systems, some sandboxes), files stay open until the process ends and are used again when they are
 * opened again.
 *
 * All functions may be called by any thread and block until a reader thread has done the work. They return 0 or an errno. */
#ifndef CHATSEAL_READER_H
#define CHATSEAL_READER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

typedef struct reader_pool reader_pool;

/* A file that is open among the readers; zeros: none. Not usable in the child of a fork. Closing it while other threads read it is safe:
 * they finish, whoever comes later gets EBADF. */
typedef struct {
    reader_pool *pool;
    int fd;
    int users; /* the opener and everybody who reads; the last one closes */
    int closed;
} reader_file;

/* Opens an existing file for reading; a symbolic link as its last part is refused, a FIFO does not block. */
int reader_open(reader_file *file, const char *path);
/* Makes *copy the content of *file at this moment, without copying it: a reflink, without a name, on the file system of *folder*.
 * An errno where that cannot be done: EXDEV, EOPNOTSUPP, ENOTTY and others. */
int reader_clone(reader_file *copy, reader_file *file, const char *folder);
void reader_close(reader_file *file);

/* Whether the file is open apart from this process's other files, so that closing it drops no lock of theirs. */
int reader_is_apart(const reader_file *file);

/* Runs work(argument) on a reader thread, the only place where `fd` means anything. *file is a file that it needs. */
int reader_run(reader_file *file, int (*work)(void *), void *argument);

int reader_stat(reader_file *file, struct stat *found);
/* Reads up to *length* bytes at *offset*; *done is less only at the end of the file. */
int reader_read( reader_file *file, uint64_t offset, uint8_t *buffer, size_t length, size_t *done);

/* To be called by work only: pread of everything there is. */
int read_at(int fd, uint64_t offset, uint8_t *buffer, size_t length, size_t *done);

/* For tests: from now on behave as where threads cannot have a descriptor table of their own (1), or no longer (0).
 * EBUSY while files are open. */
int reader_keep_descriptors(int keep);

#endif
