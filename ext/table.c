#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "frames.h"

status table_add(seek_table *table, size_t frame_length, size_t content_length)
{
    if (table->count >= MAX_FRAMES)
        return STATUS_TOO_MANY_FRAMES;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        table_row *rows = realloc(table->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return STATUS_NO_MEMORY;
        table->rows = rows;
        table->capacity = capacity;
    }
    table->rows[table->count++] = (table_row){(uint32_t)frame_length, (uint32_t)content_length};
    return STATUS_OK;
}

void table_free(seek_table *table)
{
    free(table->rows);
    *table = (seek_table){0};
}

uint64_t table_length(const seek_table *table)
{
    return TABLE_HEADER_LEN + (uint64_t)table->count * TABLE_ROW_LEN + TABLE_FOOTER_LEN;
}

size_t table_piece(const seek_table *table, uint64_t at, uint8_t piece[TABLE_FOOTER_LEN])
{
    uint64_t rows_end = TABLE_HEADER_LEN + (uint64_t)table->count * TABLE_ROW_LEN;
    if (at < TABLE_HEADER_LEN) {
        put32(piece, MAGIC_TABLE);
        put32(piece + 4, (uint32_t)(table_length(table) - TABLE_HEADER_LEN));
        return TABLE_HEADER_LEN;
    }
    if (at < rows_end) {
        const table_row *row = &table->rows[(at - TABLE_HEADER_LEN) / TABLE_ROW_LEN];
        put32(piece, row->frame_length);
        put32(piece + 4, row->content_length);
        return TABLE_ROW_LEN;
    }
    put32(piece, (uint32_t)table->count);
    piece[4] = 0; /* descriptor: no checksums in the rows */
    put32(piece + 5, MAGIC_SEEKABLE);
    return TABLE_FOOTER_LEN;
}

size_t table_copy(const seek_table *table, uint64_t at, uint8_t *out, size_t length)
{
    uint64_t whole = table_length(table);
    size_t done = 0;
    while (done < length && at < whole) {
        uint8_t piece[TABLE_FOOTER_LEN];
        uint64_t rows_end = whole - TABLE_FOOTER_LEN;
        /* how far into its header, row or footer this is */
        size_t skip = at < TABLE_HEADER_LEN ? (size_t)at : at < rows_end ? (size_t)(at - TABLE_HEADER_LEN) % TABLE_ROW_LEN : (size_t)(at - rows_end);
        size_t n = table_piece(table, at - skip, piece) - skip;
        if (n > length - done)
            n = length - done;
        memcpy(out + done, piece + skip, n);
        done += n;
        at += n;
    }
    return done;
}
