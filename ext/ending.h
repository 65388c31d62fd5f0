/* ending.h: the end of a stream as it is written: tail, padding frames, seek table (docs/format.md, section 4).
 *
 * It is made in pieces of any size and held nowhere as a whole: the table of a large file takes 32 MiB, its padding many GiB. */
#ifndef CHATSEAL_ENDING_H
#define CHATSEAL_ENDING_H

#include "frames.h"
#include "table.h"

typedef struct {
    uint8_t tail[SKIPPABLE_HEADER_LEN + METADATA_MAX];
    size_t tail_length, tail_at;
    size_t row;          /* of the padding frame under way; table->count when all are written */
    uint64_t row_at;     /* bytes of it that are written */
    uint64_t table_at;   /* bytes of the table that are written */
} stream_ending;

/* Begins with the tail frame *tail*, whose row and those of the padding frames after it are the last of *table*: *padding* of them are padding. */
void ending_begin(stream_ending *ending, const seek_table *table, const uint8_t *tail, size_t tail_length, size_t padding);

/* Writes the next *length* bytes, fewer only at the end; returns how many. */
size_t ending_copy(stream_ending *ending, const seek_table *table, uint8_t *out, size_t length);

#endif
