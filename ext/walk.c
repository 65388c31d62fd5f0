#include "walk.h"

#include <stdlib.h>
#include <string.h>

size_t ring_copy(const stream_ring *ring, uint64_t at, uint8_t *out, size_t length)
{
    if (at >= ring->available)
        return 0;
    if (length > ring->available - at)
        length = (size_t)(ring->available - at);
    size_t from = at % ring->capacity;
    size_t first = length < ring->capacity - from ? length : ring->capacity - from;
    memcpy(out, ring->bytes + from, first);
    memcpy(out + first, ring->bytes, length - first);
    return length;
}

status ring_grow(stream_ring *ring, uint64_t from, size_t capacity)
{
    uint8_t *bytes = malloc(capacity);
    if (bytes == NULL)
        return STATUS_NO_MEMORY;
    for (uint64_t at = from; at < ring->available;) {
        size_t to = at % capacity;
        at += ring_copy(ring, at, bytes + to, capacity - to);
    }
    free(ring->bytes);
    ring->bytes = bytes;
    ring->capacity = capacity;
    return STATUS_OK;
}

void walk_begin(stream_walk *walk)
{
    seek_table table = walk->table;
    memset(walk, 0, sizeof *walk);
    walk->table = table;
    walk->table.count = 0;
}

int walk_is_inside_frame(const stream_walk *walk, const stream_ring *ring)
{
    return walk->phase == WALK_BLOCKS && !(walk->last_block && walk->next <= ring->available);
}

static walk_result failed(status *why, status code)
{
    *why = code;
    return WALK_FAILED;
}

/* A frame begins at walk->at: which kind is it, and may it stand here? */
static walk_result frame_begins(stream_walk *walk, const stream_ring *ring, status *why)
{
    uint8_t bytes[FRAME_HEADER_MAX];
    size_t length = ring_copy(ring, walk->at, bytes, sizeof bytes);
    frame_header header;
    if (length < 4)
        return WALK_STARVED;
    if (walk->phase == WALK_DATA && little32(bytes) == MAGIC_DATA) {
        switch (frame_parse(bytes, length, &header)) {
        case MORE_BYTES: return WALK_STARVED;
        case MALFORMED: return failed(why, STATUS_DAMAGED);
        case PARSED: break;
        }
        walk->content_length = header.content_length;
        walk->next = walk->at + header.header_length;
        walk->last_block = 0;
        walk->phase = WALK_BLOCKS;
        return WALK_MOVED;
    }
    if (little32(bytes) != (walk->phase == WALK_HEAD ? MAGIC_HEAD : MAGIC_TAIL))
        return failed(why, STATUS_DAMAGED);
    if (length < SKIPPABLE_HEADER_LEN)
        return WALK_STARVED;
    walk->metadata_left = little32(bytes + 4);
    if (walk->metadata_left > METADATA_MAX)
        return failed(why, STATUS_DAMAGED);
    status result = table_add(&walk->table, SKIPPABLE_HEADER_LEN + walk->metadata_left, 0);
    if (result != STATUS_OK)
        return failed(why, result);
    walk->at += SKIPPABLE_HEADER_LEN;
    walk->tail_is_next = walk->phase == WALK_DATA;
    walk->phase = WALK_METADATA;
    return WALK_MOVED;
}

static walk_result metadata_arrives(stream_walk *walk, const stream_ring *ring)
{
    metadata *into = walk->tail_is_next ? &walk->tail : &walk->head;
    size_t got = ring_copy(ring, walk->at, into->bytes + into->length, walk->metadata_left);
    walk->at += got;
    into->length += got;
    walk->metadata_left -= got;
    if (walk->metadata_left > 0)
        return WALK_STARVED;
    walk->phase = walk->tail_is_next ? WALK_AFTER_TAIL : WALK_DATA;
    return WALK_MOVED;
}

/* Padding, or else the table: whether it is one, table_arrives will see. */
static walk_result tail_is_over(stream_walk *walk, const stream_ring *ring, status *why)
{
    uint8_t bytes[SKIPPABLE_HEADER_LEN];
    size_t length = ring_copy(ring, walk->at, bytes, sizeof bytes);
    if (length < 4)
        return WALK_STARVED;
    if (little32(bytes) != MAGIC_PADDING) {
        walk->phase = WALK_TABLE;
        return WALK_MOVED;
    }
    if (length < SKIPPABLE_HEADER_LEN)
        return WALK_STARVED;
    walk->padding_left = little32(bytes + 4);
    if (walk->padding_left > PADDING_MAX || ++walk->padding_frames > PADDING_FRAMES_MAX)
        return failed(why, STATUS_DAMAGED);
    status result = table_add(&walk->table, SKIPPABLE_HEADER_LEN + walk->padding_left, 0);
    if (result != STATUS_OK)
        return failed(why, result);
    walk->at += SKIPPABLE_HEADER_LEN;
    walk->phase = WALK_PADDING;
    return WALK_MOVED;
}

static int all_zero(const uint8_t *bytes, size_t length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

static walk_result padding_arrives(stream_walk *walk, const stream_ring *ring, status *why)
{
    while (walk->padding_left > 0) {
        size_t from = walk->at % ring->capacity;
        uint64_t there = ring->available - walk->at;
        size_t length = ring->capacity - from < walk->padding_left ? ring->capacity - from : walk->padding_left;
        if (there < length)
            length = (size_t)there;
        if (length == 0)
            return WALK_STARVED;
        if (!all_zero(ring->bytes + from, length))
            return failed(why, STATUS_DAMAGED);
        walk->at += length;
        walk->padding_left -= length;
    }
    walk->phase = WALK_AFTER_TAIL;
    return WALK_MOVED;
}

/* Inside a data frame: from block header to block header. */
static walk_result blocks_arrive(stream_walk *walk, const stream_ring *ring, frame_place *place, status *why)
{
    while (!walk->last_block) {
        uint8_t bytes[BLOCK_HEADER_LEN];
        block_header block;
        if (ring_copy(ring, walk->next, bytes, sizeof bytes) < sizeof bytes)
            return WALK_STARVED;
        if (block_parse(bytes, &block) != PARSED)
            return failed(why, STATUS_DAMAGED);
        walk->next += BLOCK_HEADER_LEN + block.length + (block.is_last ? CHECKSUM_LEN : 0);
        walk->last_block = block.is_last;
        if (walk->next - walk->at > FRAME_MAX)
            return failed(why, STATUS_DAMAGED);
    }
    if (walk->next > ring->available)
        return WALK_STARVED;
    *place = (frame_place){walk->at, (size_t)(walk->next - walk->at), walk->content_length};
    status result = table_add(&walk->table, place->frame_length, place->content_length);
    if (result != STATUS_OK)
        return failed(why, result);
    walk->at = walk->next;
    walk->phase = WALK_DATA;
    return WALK_FRAME;
}

/* Compared piece by piece with the one table that is right, so a long table takes no memory. */
static walk_result table_arrives(stream_walk *walk, const stream_ring *ring, status *why)
{
    uint64_t whole = table_length(&walk->table);
    while (walk->table_at < whole) {
        uint8_t right[TABLE_FOOTER_LEN], found[TABLE_FOOTER_LEN];
        size_t length = table_piece(&walk->table, walk->table_at, right);
        if (ring_copy(ring, walk->at, found, length) < length)
            return WALK_STARVED;
        if (memcmp(right, found, length) != 0)
            return failed(why, STATUS_DAMAGED);
        walk->table_at += length;
        walk->at += length;
    }
    walk->phase = WALK_END;
    return WALK_MOVED;
}

walk_result walk_on(stream_walk *walk, const stream_ring *ring, frame_place *place, status *why)
{
    switch (walk->phase) {
    case WALK_HEAD:
    case WALK_DATA: return frame_begins(walk, ring, why);
    case WALK_BLOCKS: return blocks_arrive(walk, ring, place, why);
    case WALK_METADATA: return metadata_arrives(walk, ring);
    case WALK_AFTER_TAIL: return tail_is_over(walk, ring, why);
    case WALK_PADDING: return padding_arrives(walk, ring, why);
    case WALK_TABLE: return table_arrives(walk, ring, why);
    case WALK_END: break;
    }
    return ring->available > walk->at ? failed(why, STATUS_DAMAGED) : WALK_STARVED;
}
