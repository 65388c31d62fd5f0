/* table.h: the rows of a seek table as they come up (docs/format.md, section 4). */
#ifndef CHATSEAL_TABLE_H
#define CHATSEAL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define MAX_FRAMES (1u << 22)
#define TABLE_HEADER_LEN 8
#define TABLE_ROW_LEN 8
#define TABLE_FOOTER_LEN 9

/* One frame before the table. Only data frames have a content_length. */
typedef struct {
    uint32_t frame_length, content_length;
} table_row;

/* Zero it before the first use; table_free gives the memory back. */
typedef struct {
    table_row *rows;
    size_t count, capacity;
} seek_table;

/* STATUS_NO_MEMORY or STATUS_TOO_MANY_FRAMES leave the table as it was. */
status table_add(seek_table *table, size_t frame_length, size_t content_length);
void table_free(seek_table *table);

/* Bytes of the whole frame: header, rows, footer. */
uint64_t table_length(const seek_table *table);

/* Writes the header, row or footer that begins at byte *at* of the frame; returns its length, at most TABLE_FOOTER_LEN. */
size_t table_piece(const seek_table *table, uint64_t at, uint8_t piece[TABLE_FOOTER_LEN]);

/* Writes up to *length* bytes of the frame from byte *at* on, anywhere in a piece; returns how many there were. */
size_t table_copy(const seek_table *table, uint64_t at, uint8_t *out, size_t length);

#endif
