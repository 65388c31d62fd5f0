/* seal.h: plaintext in, records out, on all cores.
 *
 *   frame k:   load --> compress --> FIX --> encrypt --> write
 *                                     |
 *              the only step in order: it gives the frame its place in the stream and takes along the bytes
 *              of frame k-1 that did not fill a record (fewer than 16384), so that each run is whole records
 *
 * On demand the worker that compressed a frame also hashes it, and FIX takes the digests in order (digest.h).
 *
 * Memory is the window: a slot holds one frame's compressed form and, where an end is in turn, a buffer for its input and later its records.
 * What goes straight from or to a file passes through a buffer of the worker instead, which stays in its core's cache.
 * Owned and called by one thread, except seal_work, which any number of workers run. */
#ifndef CHATSEAL_SEAL_H
#define CHATSEAL_SEAL_H

#include "digest.h"
#include "ending.h"
#include "frames.h"
#include "records.h"
#include "table.h"
#include "window.h"

typedef enum { SLOT_EMPTY, SLOT_LOADED, SLOT_PACKED, SLOT_SEALED, SLOT_DONE } seal_slot_state;

typedef struct {
    seal_slot_state state;
    uint8_t *in_turn, *packed;
    size_t in_turn_capacity, packed_capacity;
    uint64_t offset;       /* of the content in the plaintext */
    size_t content_length; /* bytes of plaintext */
    size_t frame_length;   /* bytes of the compressed frame, which begins at packed + RECORD_PLAIN */
    uint8_t *run;          /* first byte of the run, in packed, after FIX */
    size_t run_length;     /* whole records only; 0 if the frame was too small to fill one */
    uint64_t first_record;
    uint8_t digest[DIGEST_LEN]; /* of the frame, on demand */
} seal_slot;

/* One worker's state, used by one thread. */
typedef struct {
    ZSTD_CCtx *compressor;
    int level;
    record_cipher cipher;
    int keyed;
    digest_state hash;
    uint8_t *buffer;
    size_t capacity;
} seal_worker;

typedef struct {
    window w;
    seal_worker own; /* of the calling thread, kept from payload to payload: small messages pay for it once */
    record_key key;
    int level;
    size_t frame_size;
    uint64_t grow_at[2]; /* from these frame numbers on, frames are at least 4 and 16 MiB (docs/format.md, section 4) */
    pipe_end source, target;
    seal_slot *slots;
    size_t slot_count;
    /* frame counters; taken <= loaded, fixed <= taken, sealing <= fixed, drained <= sealing */
    uint64_t loaded, taken, fixed, sealing, drained;
    uint64_t limit; /* no work on frames from here on: the first fault in order */
    fault why;
    int ended; /* no more frames will be loaded */
    uint64_t content_done, content_taken, records;
    uint8_t carry[RECORD_PLAIN];
    size_t carry_length;
    seek_table table; /* a row for the first frame too */
    int digesting;
    digest_state digest; /* of the frames up to `fixed` */
    stream_ending ending;
    uint64_t last_records; /* made by seal_finish_next */
    uint64_t last_left;    /* bytes of stream that it has still to take, those of the carry included */
    int finished;          /* the short record is made too */
} seal_pipe;

#define FINISH_RECORDS 16

/* Everything is zero or NULL on failure. *slot_count* at least 2. */
status seal_init(seal_pipe *pipe, size_t slot_count);
void seal_free(seal_pipe *pipe);

/* Begins a payload. *first* (the head frame, fewer than RECORD_PLAIN bytes) goes before the first data frame. Slots are kept. */
status seal_begin(seal_pipe *pipe, const record_key *key, int level, size_t frame_size, pipe_end source, pipe_end target,
                  const uint8_t *first, size_t first_length);

/* Before the first work: hash the frames under *prefix*. *first* is the head frame once more. */
status seal_digest_begin(seal_pipe *pipe, const uint8_t *prefix, size_t prefix_length, const uint8_t *first, size_t first_length);

/* After POLL_DONE, once: the digest of the frames. */
status seal_digest_end(seal_pipe *pipe, uint8_t digest[DIGEST_LEN]);

/* A worker's life: runs ready pieces until the end, a fault or a stop. */
void seal_work(seal_pipe *pipe);

/* Without workers: the calling thread runs one ready piece; 0 if there was none. */
int seal_step(seal_pipe *pipe);

/* Waits at most *ms* for something the calling thread can do; returns a set of POLL_. */
int seal_poll(seal_pipe *pipe, unsigned ms);

/* Source in turn: the buffer of the next frame and how much it holds (only after POLL_FEED); then what was put there. */
status seal_reserve(seal_pipe *pipe, uint8_t **buffer, size_t *length);
void seal_commit(seal_pipe *pipe, size_t length);
void seal_end(seal_pipe *pipe);

/* Target in turn: the next run of records (only after POLL_DRAIN), which stays until seal_release. */
void seal_output(seal_pipe *pipe, uint8_t **buffer, size_t *length);
void seal_release(seal_pipe *pipe);

/* After POLL_DONE, when the table has rows for the tail and, behind it, for *padding* padding frames: begins the last records. */
void seal_finish(seal_pipe *pipe, const uint8_t *tail, size_t tail_length, size_t padding);

/* The next of the last records, at most FINISH_RECORDS of them, at the end with the short one; and how long they are: 0 after the end. */
size_t seal_finish_length(const seal_pipe *pipe);
status seal_finish_next(seal_pipe *pipe, uint8_t *out);

#endif
