/* window.h: what the sealing and the unsealing pipeline share.
 *
 *   feeder ==> [ slot | slot | slot | ... ] ==> drain
 *                 ^ workers: any of them does any ready piece, in any order; counters keep the order
 *
 * A pipeline is a window of slots between a feeder and a drain. Each end is either *positioned* (a file or memory: workers read and
 * write at offsets by themselves) or *in turn* (anything else: the calling thread fills and empties slots in order).
 * Workers are threads that somebody else made and that call *_work; they never touch a Python object and never need the GIL. */
#ifndef CHATSEAL_WINDOW_H
#define CHATSEAL_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "lock.h"
#include "status.h"

typedef enum { END_IN_TURN, END_FILE, END_MEMORY, END_NOWHERE } end_kind;

/* Where a stretch of plaintext goes: *length* bytes from *at* on are written at *offset* of the file. */
typedef struct {
    int64_t offset, at, length;
} file_run;

typedef struct {
    end_kind kind;
    int file;        /* END_FILE: a descriptor, borrowed */
    uint8_t *memory; /* END_MEMORY: borrowed; never written through when it is a source */
    uint64_t offset; /* where the payload or plaintext begins in the file */
    uint64_t length; /* bytes of source; capacity of a target in memory */
    /* A target file: unless NULL the runs that are written of the plaintext, ascending by *at* and apart, borrowed. The rest is not. */
    const file_run *runs;
    size_t run_count;
} pipe_end;

/* What the calling thread can do next; *_poll returns a set of these. */
enum { POLL_FEED = 1, POLL_DRAIN = 2, POLL_DONE = 4, POLL_FAILED = 8 };

/* One lock for all counters; `work` wakes workers, `turn` wakes the calling thread. */
typedef struct {
    lock_t lock;
    signal_t work, turn;
    int stopped;       /* cancelled: workers leave as soon as they look */
    uint64_t order_ns; /* time spent in steps that only one thread at a time can do */
} window;

status window_init(window *w);
void window_free(window *w);
void window_stop(window *w);

/* Reads exactly *length* bytes at *at* of the end's range (STATUS_SOURCE_SHRANK if the file is shorter), or writes them, or what the end's
 * runs have of them. */
status end_read(const pipe_end *end, uint64_t at, uint8_t *buffer, size_t length, fault *why);
status end_write(const pipe_end *end, uint64_t at, const uint8_t *buffer, size_t length, fault *why);

/* Makes *buffer at least *need* bytes, keeping nothing of what was in it. */
status buffer_reserve(uint8_t **buffer, size_t *capacity, size_t need);

#endif
