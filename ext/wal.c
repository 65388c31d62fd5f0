#include "wal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCAN_LEN (1u << 20)
#define LOCK_BYTE 0x40000000u
#define VERSION 3007000u
#define MAGIC 0x377f0682u /* and one more where the checksums are of big-endian words */

static uint32_t big(const uint8_t *at) { return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]; }
static uint32_t little(const uint8_t *at) { return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0]; }

/* SQLite's checksum, continued: two words at a time, each sum feeding the other. *length* is a multiple of 8. */
static void sum_on(uint32_t sums[2], const uint8_t *data, size_t length, int is_big)
{
    uint32_t a = sums[0], b = sums[1];
    if (is_big)
        for (const uint8_t *end = data + length; data < end; data += 8) {
            a += big(data) + b;
            b += big(data + 4) + a;
        }
    else
        for (const uint8_t *end = data + length; data < end; data += 8) {
            a += little(data) + b;
            b += little(data + 4) + a;
        }
    sums[0] = a;
    sums[1] = b;
}

static int is_page_length(uint32_t length) { return length >= PAGE_LEN_MIN && length <= PAGE_LEN_MAX && (length & (length - 1)) == 0; }

/* In place and without recursion, because a log's author chooses the order of pages. */
static void sort(uint64_t *v, size_t n)
{
    for (size_t end = n, start = n / 2; end > 1;) {
        if (start > 0) {
            start--;
        } else {
            end--;
            uint64_t t = v[end];
            v[end] = v[0];
            v[0] = t;
        }
        size_t root = start, child;
        uint64_t moved = v[root];
        while ((child = 2 * root + 1) < end) {
            if (child + 1 < end && v[child] < v[child + 1])
                child++;
            if (moved >= v[child])
                break;
            v[root] = v[child];
            root = child;
        }
        v[root] = moved;
    }
}

/* Sorts, and keeps the newest frame of each page. */
static void settle(wal_index *x)
{
    size_t kept = 0;
    sort(x->entries, x->count);
    for (size_t i = 0; i < x->count; i++)
        if (i + 1 == x->count || x->entries[i] >> 32 != x->entries[i + 1] >> 32)
            x->entries[kept++] = x->entries[i];
    x->count = kept;
    if (kept > 0) {
        x->last_page = (uint32_t)(x->entries[kept - 1] >> 32);
        uint64_t *smaller = realloc(x->entries, kept * sizeof *smaller);
        if (smaller)
            x->entries = smaller;
    }
}

static int add(wal_index *x, size_t *capacity, uint32_t page, uint32_t frame)
{
    if (x->count == *capacity) {
        size_t more = *capacity + *capacity / 2 + 1024;
        uint64_t *larger = realloc(x->entries, more * sizeof *larger);
        if (!larger)
            return 0;
        x->entries = larger;
        *capacity = more;
    }
    x->entries[x->count++] = (uint64_t)page << 32 | frame;
    return 1;
}

typedef struct {
    wal_index *index;
    const wal_expected *expected;
    int fd;
} scanning;

static wal_status scan_frames(scanning *s, uint8_t *buffer, const uint8_t *salts, uint32_t sums[2], int is_big)
{
    wal_index *x = s->index;
    size_t frame_length = WAL_FRAME_HEADER_LEN + (size_t)x->page_length, step = SCAN_LEN / frame_length, capacity = 0, committed = 0, got;
    uint32_t frame = 0, last = s->expected->frames ? s->expected->frames : UINT32_MAX - 1;
    uint32_t commit_sums[2] = {0, 0};
    while (frame < last) {
        size_t want = last - frame < step ? last - frame : step;
        int e = read_at(s->fd, WAL_HEADER_LEN + (uint64_t)frame * frame_length, buffer, want * frame_length, &got);
        if (e != 0) {
            x->os_error = e;
            return WAL_READ_FAILED;
        }
        size_t i = 0;
        for (uint8_t *at = buffer; i < got / frame_length; i++, at += frame_length) {
            uint32_t page = big(at), pages = big(at + 4);
            if (memcmp(at + 8, salts, 8) != 0 || page == 0)
                break;
            sum_on(sums, at, 8, is_big);
            sum_on(sums, at + WAL_FRAME_HEADER_LEN, x->page_length, is_big);
            if (sums[0] != big(at + 16) || sums[1] != big(at + 20))
                break;
            if (!add(x, &capacity, page, ++frame))
                return WAL_NO_MEMORY;
            if (pages) {
                x->frames = frame;
                x->pages = pages;
                committed = x->count;
                memcpy(commit_sums, sums, sizeof commit_sums);
            }
        }
        if (i < want)
            break; /* the end of what was written, or something else */
    }
    if (s->expected->frames &&
        (x->frames != last || x->pages != s->expected->pages || memcmp(commit_sums, s->expected->sums, sizeof commit_sums) != 0))
        return WAL_CHANGED;
    x->count = committed;
    settle(x);
    return WAL_OK;
}

static int scan(void *given)
{
    scanning *s = given;
    wal_index *x = s->index;
    uint8_t header[WAL_HEADER_LEN];
    struct stat found;
    size_t got;
    int e = fstat(s->fd, &found) == 0 ? read_at(s->fd, 0, header, sizeof header, &got) : errno;
    if (e != 0) {
        x->os_error = e;
        return WAL_READ_FAILED;
    }
    x->length = (uint64_t)found.st_size;
    if (got < sizeof header || (big(header) | 1) != (MAGIC | 1) || big(header + 4) != VERSION)
        return WAL_NOT_ONE;
    int is_big = big(header) & 1;
    uint32_t sums[2] = {0, 0};
    sum_on(sums, header, 24, is_big);
    x->page_length = big(header + 8);
    if (sums[0] != big(header + 24) || sums[1] != big(header + 28) || !is_page_length(x->page_length))
        return WAL_NOT_ONE;
    if (s->expected->frames && (x->page_length != s->expected->page_length || memcmp(header + 16, s->expected->salts, 8) != 0))
        return WAL_CHANGED;
    uint8_t *buffer = malloc(SCAN_LEN);
    wal_status status = buffer ? scan_frames(s, buffer, header + 16, sums, is_big) : WAL_NO_MEMORY;
    free(buffer);
    return (int)status;
}

wal_status wal_scan(wal_index *index, reader_file *log, const wal_expected *expected)
{
    memset(index, 0, sizeof *index);
    scanning s = {index, expected, log->fd};
    int result = reader_run(log, scan, &s);
    if (result <= WAL_CHANGED)
        return (wal_status)result;
    index->os_error = result; /* the file is closed: scan did not run */
    return WAL_READ_FAILED;
}

void wal_free(wal_index *index)
{
    free(index->entries);
    memset(index, 0, sizeof *index);
}

typedef struct {
    const wal_overlay *overlay;
    uint64_t offset;
    uint8_t *buffer;
    size_t length, first; /* of the index: the first entry in this range or after it */
} filling;

static size_t first_entry(const wal_index *x, uint64_t page)
{
    size_t low = 0, high = x->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (x->entries[middle] >> 32 < page)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int fill_from_main(void *given)
{
    filling *f = given;
    size_t got;
    int e = read_at(f->overlay->main->fd, f->offset, f->buffer, f->length, &got);
    if (e == 0)
        memset(f->buffer + got, 0, f->length - got);
    return e;
}

static int fill_from_log(void *given)
{
    filling *f = given;
    const wal_index *x = f->overlay->index;
    uint64_t page_length = x->page_length, end = f->offset + f->length;
    for (size_t i = f->first; i < x->count; i++) {
        uint64_t at = ((x->entries[i] >> 32) - 1) * page_length, frame = x->entries[i] & UINT32_MAX;
        if (at >= end)
            break;
        uint64_t from = at < f->offset ? f->offset : at, to = end < at + page_length ? end : at + page_length;
        uint64_t place = WAL_HEADER_LEN + (frame - 1) * (WAL_FRAME_HEADER_LEN + page_length) + WAL_FRAME_HEADER_LEN + (from - at);
        size_t length = (size_t)(to - from), got;
        int e = read_at(f->overlay->log->fd, place, f->buffer + (from - f->offset), length, &got);
        if (e != 0)
            return e;
        if (got < length)
            return ESTALE; /* it was there when the log was scanned */
    }
    return 0;
}

int wal_read(const wal_overlay *o, uint64_t offset, uint8_t *buffer, size_t length, size_t *done)
{
    *done = 0;
    if (offset >= o->length || length == 0)
        return 0;
    if (length > o->length - offset)
        length = (size_t)(o->length - offset);
    filling f = {o, offset, buffer, length, 0};
    int e = reader_run(o->main, fill_from_main, &f);
    if (e == 0 && o->log) { /* its pages go over what a checkpoint may be writing to the main file this very moment */
        f.first = first_entry(o->index, offset / o->page_length + 1);
        if (f.first < o->index->count && ((o->index->entries[f.first] >> 32) - 1) * o->page_length < offset + length)
            e = reader_run(o->log, fill_from_log, &f);
    }
    if (e != 0)
        return e;
    uint64_t lock_end = (uint64_t)LOCK_BYTE + o->page_length;
    if (offset < lock_end && offset + length > LOCK_BYTE) {
        uint64_t from = offset > LOCK_BYTE ? offset : LOCK_BYTE, to = offset + length < lock_end ? offset + length : lock_end;
        memset(buffer + (from - offset), 0, (size_t)(to - from));
    }
    *done = length;
    return 0;
}
