/* unseal.h: records in, plaintext out, on all cores.
 *
 *   run r:     load --> authenticate and decrypt into the ring --> WALK
 *   frame k:                                                       WALK --> decompress --> DRAIN
 *
 * WALK and DRAIN are in order, the rest is not. WALK reads frame and block headers and finds where each frame ends, without the seek table.
 * DRAIN hands over one frame after the other: to a file by whichever worker comes by, else by the calling thread. The kernel lets one thread
 * write to a file, and writing is a third of the work here: those who would wait for it decompress meanwhile.
 *
 * The ring holds a stretch of the stream, contiguous but for one wrap; runs land in it at their own offset, in any order, and
 * frames are decompressed straight from it. Nothing is walked that has not been authenticated. When the table arrives, it must equal what was walked.
 * On demand the worker that decompressed a frame also hashes it, and the digests are taken in order (digest.h).
 * The same path serves files, memory and pipes. Owned and called by one thread, except unseal_work, which any number of workers run. */
#ifndef CHATSEAL_UNSEAL_H
#define CHATSEAL_UNSEAL_H

#include "digest.h"
#include "records.h"
#include "walk.h"
#include "window.h"

#define RUN_RECORDS 32
#define RUN_PLAIN ((size_t)RUN_RECORDS * RECORD_PLAIN)
#define RUN_SEALED ((size_t)RUN_RECORDS * RECORD_SEALED)

typedef enum { RUN_EMPTY, RUN_LOADED, RUN_OPEN } run_state;

typedef struct {
    run_state state;
    uint8_t *sealed; /* source in turn */
    size_t capacity;
    size_t sealed_length;
    int is_last;
    size_t plain_length; /* authenticated bytes, after RUN_OPEN */
} run_slot;

typedef enum { FRAME_EMPTY, FRAME_WALKED, FRAME_DECODED, FRAME_DONE } frame_state;

typedef struct {
    frame_state state;
    frame_place place;
    uint64_t offset; /* of the content in the plaintext */
    uint8_t *content;
    size_t capacity;
    uint8_t digest[DIGEST_LEN]; /* of the frame, on demand */
} frame_slot;

/* One worker's state, used by one thread. */
typedef struct {
    ZSTD_DCtx *decompressor;
    record_cipher cipher;
    int keyed;
    digest_state hash;
    uint8_t *sealed; /* records on their way from a file: this and the next two stay in the core's cache */
    size_t sealed_capacity;
    uint8_t *frame; /* a frame that wraps around the ring, joined */
    size_t frame_capacity;
    uint8_t *content; /* plaintext on its way to nowhere */
    size_t content_capacity;
} unseal_worker;

typedef struct {
    window w;
    unseal_worker own;
    record_key key;
    pipe_end source, target;
    run_slot *runs;
    size_t run_slot_count;
    frame_slot *frames;
    size_t frame_slot_count;
    stream_ring ring; /* its capacity is a multiple of RUN_PLAIN */
    stream_walk walk;
    /* run counters; opened <= taken <= loaded */
    uint64_t runs_loaded, runs_taken, runs_opened, run_limit;
    uint64_t runs_in_flight, frames_in_flight;
    int writing;    /* a worker writes the frame at `drained` into the file */
    int ended;      /* no more runs will be loaded */
    int all_opened; /* the last record is in the ring */
    /* frame counters; drained <= decoded <= decoding <= walked */
    uint64_t walked, decoding, decoded, drained, frame_limit;
    fault run_why, frame_why;
    uint64_t content_walked, content_done;
    int digesting;
    digest_state digest; /* of the prefix, and once the head is in it of the frames up to `decoded` */
    int head_digested;
} unseal_pipe;

/* Everything is zero or NULL on failure. */
status unseal_init(unseal_pipe *pipe, size_t run_slot_count, size_t frame_slot_count);
void unseal_free(unseal_pipe *pipe);

/* Begins a payload, whose records start at source.offset (or in source.memory) and take source.length bytes, unless the source is in turn. Buffers are kept. */
status unseal_begin(unseal_pipe *pipe, const record_key *key, size_t ring_capacity, pipe_end source, pipe_end target);

/* Before the first work: hash the frames under *prefix*. */
status unseal_digest_begin(unseal_pipe *pipe, const uint8_t *prefix, size_t length);

/* After POLL_DONE, once: the digest of the frames. */
status unseal_digest_end(unseal_pipe *pipe, uint8_t digest[DIGEST_LEN]);

/* A worker's life: runs ready pieces until the end, a fault or a stop. */
void unseal_work(unseal_pipe *pipe);

/* Without workers: the calling thread runs one ready piece; 0 if there was none. */
int unseal_step(unseal_pipe *pipe);

/* Waits at most *ms* for something the calling thread can do; returns a set of POLL_. */
int unseal_poll(unseal_pipe *pipe, unsigned ms);

/* Source in turn: a buffer of RUN_SEALED bytes (only after POLL_FEED), to be filled wholly unless the source ends; *last* nonzero if it ended. */
status unseal_reserve(unseal_pipe *pipe, uint8_t **buffer, size_t *length);
void unseal_commit(unseal_pipe *pipe, size_t length, int last);

/* Target in turn: the next frame's plaintext (only after POLL_DRAIN), which stays until unseal_release. */
void unseal_output(unseal_pipe *pipe, uint8_t **buffer, size_t *length);
void unseal_release(unseal_pipe *pipe);

/* After POLL_FAILED: the first fault in the order of the stream. */
fault unseal_fault(unseal_pipe *pipe);

#endif
