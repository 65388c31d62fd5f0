/* wal.h: which frame of a write-ahead log holds the newest version of a page, and reading a database through it.
 *
 *   log:    | header 32 | frame 1 | frame 2 | ...        frame: | page, pages after commit, salts, checksum: 24 | page |
 *
 * Everything in a log may be hostile. An index takes 8 bytes for each frame that proved right, and never more than the file has. */
#ifndef CHATSEAL_WAL_H
#define CHATSEAL_WAL_H

#include <stddef.h>
#include <stdint.h>

#include "reader.h"

enum { WAL_HEADER_LEN = 32, WAL_FRAME_HEADER_LEN = 24, PAGE_LEN_MIN = 512, PAGE_LEN_MAX = 65536 };

typedef enum {
    WAL_OK = 0,
    WAL_NO_MEMORY,
    WAL_READ_FAILED, /* os_error says why */
    WAL_NOT_ONE,     /* the header is not a log's, or breaks its checksum or version */
    WAL_CHANGED      /* it is not the log that was asked for, or not up to the frame asked for */
} wal_status;

/* What the scanner of a live log knows from the shared-memory header; frames = 0: whatever was committed last. */
typedef struct {
    uint32_t frames, pages, page_length, sums[2];
    uint8_t salts[8];
} wal_expected;

typedef struct {
    uint64_t *entries; /* page << 32 | frame, sorted by page; one for each page */
    size_t count;
    uint32_t page_length;
    uint32_t frames; /* up to the last commit */
    uint32_t pages;  /* of the database after it */
    uint32_t last_page; /* the highest that is in the log */
    uint64_t length; /* of the file when it was scanned */
    int os_error;
} wal_index;

/* Reads the log from its beginning, checks salts and checksums of all frames, and keeps those up to the commit.
 * *log* is an open file; *index* is made, to be freed by wal_free whatever is returned. */
wal_status wal_scan(wal_index *index, reader_file *log, const wal_expected *expected);
void wal_free(wal_index *index);

/* A database as its readers see it. */
typedef struct {
    reader_file *main, *log; /* borrowed; log is NULL where the main file is all */
    const wal_index *index;
    uint64_t length; /* bytes of the image */
    uint32_t page_length;
} wal_overlay;

/* Fills *buffer* with the image from *offset* on; *done* is less only at the end. Returns 0 or an errno.
 * Pages that are nowhere, and the page that SQLite keeps its locks on, read as zeros. */
int wal_read(const wal_overlay *overlay, uint64_t offset, uint8_t *buffer, size_t length, size_t *done);

#endif
