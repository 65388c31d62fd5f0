/* walk.h: the walk along an authenticated stream: where does each frame end, and may it stand where it stands?
 *
 *   HEAD --> DATA --> BLOCKS --+--> TAIL metadata --> AFTER_TAIL --> TABLE --> END          (docs/format.md, section 4)
 *             ^----------------+                       ^   |
 *                                                      +-- PADDING
 *
 * It looks at frame and block headers only, some 30 bytes of each MiB, and at all of the padding, which it keeps nothing of. It keeps
 * the rows of the seek table as it goes, and holds the table that arrives against them. The stream lies in a ring: byte `at` of it is ring[at % capacity] for walk->at <= at < available. */
#ifndef CHATSEAL_WALK_H
#define CHATSEAL_WALK_H

#include "frames.h"
#include "table.h"

typedef enum { WALK_HEAD, WALK_DATA, WALK_BLOCKS, WALK_METADATA, WALK_AFTER_TAIL, WALK_PADDING, WALK_TABLE, WALK_END } walk_phase;

/* A data frame that is wholly there. */
typedef struct {
    uint64_t at; /* in the stream */
    size_t frame_length, content_length;
} frame_place;

typedef struct {
    uint8_t *bytes;
    size_t capacity;
    uint64_t available; /* bytes of stream that are authenticated, without gaps */
} stream_ring;

typedef struct {
    uint8_t bytes[METADATA_MAX];
    size_t length;
} metadata;

typedef struct {
    walk_phase phase;
    uint64_t at;   /* everything before it has been dealt with: begin of a frame, or of what is left of head, tail, padding or table */
    uint64_t next; /* WALK_BLOCKS: the next block header; once last_block, the end of the frame */
    int last_block;
    size_t content_length;
    size_t metadata_left;
    size_t padding_left, padding_frames;
    uint64_t table_at;
    int tail_is_next; /* WALK_METADATA: which of the two it is */
    metadata head, tail;
    seek_table table;
} stream_walk;

typedef enum {
    WALK_MOVED,   /* something was dealt with: call again */
    WALK_FRAME,   /* *place* names a data frame */
    WALK_STARVED, /* it needs more bytes, or the stream is at its proper end */
    WALK_FAILED   /* *why* says it: STATUS_DAMAGED, STATUS_NO_MEMORY, STATUS_TOO_MANY_FRAMES */
} walk_result;

void walk_begin(stream_walk *walk); /* keeps the table's memory; zero *walk* before the first time */
walk_result walk_on(stream_walk *walk, const stream_ring *ring, frame_place *place, status *why);

/* Whether a data frame has begun whose end is not there yet. */
int walk_is_inside_frame(const stream_walk *walk, const stream_ring *ring);

/* Copies up to *length* bytes at *at*, over the ring's end if need be; returns how many were there. */
size_t ring_copy(const stream_ring *ring, uint64_t at, uint8_t *out, size_t length);

/* Gives the ring *capacity* bytes, keeping the stream from *from* on. STATUS_NO_MEMORY leaves it as it was. */
status ring_grow(stream_ring *ring, uint64_t from, size_t capacity);

#endif
