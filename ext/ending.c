#include "ending.h"

#include <string.h>

void ending_begin(stream_ending *ending, const seek_table *table, const uint8_t *tail, size_t tail_length, size_t padding)
{
    memset(ending, 0, sizeof *ending);
    memcpy(ending->tail, tail, tail_length);
    ending->tail_length = tail_length;
    ending->row = table->count - padding;
}

static size_t less(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* Up to *length* bytes of the padding frame under way. */
static size_t padding_copy(stream_ending *ending, const seek_table *table, uint8_t *out, size_t length)
{
    uint32_t frame_length = table->rows[ending->row].frame_length;
    size_t n = less(frame_length - ending->row_at, length);
    if (ending->row_at < SKIPPABLE_HEADER_LEN) {
        uint8_t header[SKIPPABLE_HEADER_LEN];
        put32(header, MAGIC_PADDING);
        put32(header + 4, frame_length - SKIPPABLE_HEADER_LEN);
        n = less(SKIPPABLE_HEADER_LEN - ending->row_at, length);
        memcpy(out, header + ending->row_at, n);
    } else {
        memset(out, 0, n);
    }
    ending->row_at += n;
    if (ending->row_at == frame_length) {
        ending->row_at = 0;
        ending->row++;
    }
    return n;
}

size_t ending_copy(stream_ending *ending, const seek_table *table, uint8_t *out, size_t length)
{
    size_t done = less(ending->tail_length - ending->tail_at, length);
    memcpy(out, ending->tail + ending->tail_at, done);
    ending->tail_at += done;
    while (done < length && ending->row < table->count)
        done += padding_copy(ending, table, out + done, length - done);
    size_t rest = table_copy(table, ending->table_at, out + done, length - done);
    ending->table_at += rest;
    return done + rest;
}
