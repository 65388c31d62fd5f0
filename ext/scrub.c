#include "scrub.h"

#include <stdlib.h>
#include <string.h>

#define LOCK_BYTE 0x40000000u
#define PAYLOAD_MAX 0x7fffffffu
#define TABLE_LEAF 13
#define TABLE_INTERIOR 5
#define INDEX_LEAF 10
#define INDEX_INTERIOR 2
#define CHECKSUM_LEN 8

enum { UNKNOWN, LOCKS, MAP, TRUNK, FREE, BTREE, OVERFLOW, LAST, KIND = 15, REFERRED = 16 };

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }

static uint32_t le32(const uint8_t *p) { return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0]; }

static void put_le32(uint8_t *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

scrub_status scrub_init(scrubber *s, const uint8_t header[SCRUB_HEADER_LEN], uint64_t length)
{
    memset(s, 0, sizeof *s);
    uint32_t page = be16(header + 16) == 1 ? 65536 : be16(header + 16);
    if (memcmp(header, "SQLite format 3", 16) != 0 || page < 512 || page & (page - 1) || header[20] > page - 480 || length < page || length % page)
        return SCRUB_NOT_ONE;
    if (length / page > SCRUB_PAGES_MAX)
        return SCRUB_TOO_LARGE;
    s->page_length = page;
    s->usable = page - header[20];
    s->pages = (uint32_t)(length / page);
    s->free_first = be32(header + 32);
    s->free_count = be32(header + 36);
    s->maps = be32(header + 52) != 0;
    s->kinds = calloc((size_t)s->pages + 1, sizeof *s->kinds);
    s->next = calloc((size_t)s->pages + 1, sizeof *s->next);
    s->values = calloc((size_t)s->pages + 1, sizeof *s->values);
    if (!s->kinds || !s->next || !s->values) {
        scrub_free(s);
        return SCRUB_NO_MEMORY;
    }
    uint32_t locks = LOCK_BYTE / page + 1, mapped = s->usable / 5 + 1;
    if (locks <= s->pages)
        s->kinds[locks] = LOCKS;
    for (uint32_t n = 2; s->maps && n <= s->pages; n += mapped) {
        uint32_t map = n == locks ? n + 1 : n;
        if (map <= s->pages)
            s->kinds[map] = MAP;
    }
    scrub_root(s, 1);
    return SCRUB_OK;
}

void scrub_free(scrubber *s)
{
    free(s->kinds);
    free(s->next);
    free(s->values);
    s->kinds = NULL;
    s->next = s->values = NULL;
}

uint32_t scrub_trunk(scrubber *s, uint32_t number, const uint8_t *page)
{
    uint32_t count = be32(page + 4);
    if (number < 2 || number > s->pages || s->kinds[number] != UNKNOWN || count > s->usable / 4 - 2) {
        s->damaged = 1;
        return 0;
    }
    s->kinds[number] = TRUNK;
    s->values[number] = 8 + 4 * count;
    s->free_found += 1 + count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t leaf = be32(page + 8 + 4 * i);
        if (leaf < 2 || leaf > s->pages || s->kinds[leaf] != UNKNOWN) {
            s->damaged = 1;
            return 0;
        }
        s->kinds[leaf] = FREE;
    }
    return be32(page);
}

void scrub_root(scrubber *s, uint32_t number)
{
    if (number < 1 || number > s->pages || s->kinds[number] & REFERRED)
        s->damaged = 1;
    else
        s->kinds[number] |= REFERRED;
}

/* A cell says that *bytes* of it are in a chain of overflow pages that begins at *first*. */
static void begin_chain(scrubber *s, uint32_t first, uint32_t bytes)
{
    if (first < 2 || first > s->pages || s->values[first] || (s->kinds[first] & KIND) != UNKNOWN)
        s->damaged = 1;
    else
        s->values[first] = bytes;
}

/* Reads a number of 1 to 9 bytes; returns the place after it, NULL if it does not end before *end*. */
static const uint8_t *varint(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < 9 && p < end; i++, p++) {
        if (i == 8) {
            *value = *value << 8 | *p;
            return p + 1;
        }
        *value = *value << 7 | (*p & 0x7f);
        if (*p < 0x80)
            return p + 1;
    }
    return NULL;
}

/* Bytes of a payload that are in the page itself. */
static uint32_t local_bytes(const scrubber *s, uint8_t type, uint32_t payload)
{
    uint32_t u = s->usable, most = type == TABLE_LEAF ? u - 35 : (u - 12) * 64 / 255 - 23, least = (u - 12) * 32 / 255 - 23;
    if (payload <= most)
        return payload;
    uint32_t fit = least + (payload - least) % (u - 4);
    return fit <= most ? fit : least;
}

/* Goes through a b-tree page. With *keep* (zeros, of a page's length): copies there what is in use. Without: tells *s* what the page refers to.
 * Returns 0 if the page contradicts itself; then neither is whole. */
static int btree_page(scrubber *s, const scrubber *known, uint32_t number, const uint8_t *page, uint8_t *keep)
{
    const uint32_t u = known->usable, h = number == 1 ? SCRUB_HEADER_LEN : 0;
    const uint8_t type = page[h], *end = page + u;
    const int interior = type == TABLE_INTERIOR || type == INDEX_INTERIOR;
    const uint32_t cells = be16(page + h + 3), array = h + (interior ? 12 : 8), after = array + 2 * cells;
    const uint32_t content = be16(page + h + 5) ? be16(page + h + 5) : 65536;
    if (after > u || content < after || content > u)
        return 0;
    if (keep)
        memcpy(keep, page, after);
    uint32_t taken = 0; /* more than there is: something overlaps, and a page could cost the square of its length */
    for (uint32_t block = be16(page + h + 1); block;) {
        if (block < content || block > u - 4)
            return 0;
        uint32_t following = be16(page + block), length = be16(page + block + 2);
        taken += length;
        if (length < 4 || block + length > u || (following && following <= block + length + 3) || taken > u - content)
            return 0;
        if (keep)
            memcpy(keep + block, page + block, 4);
        block = following;
    }
    for (uint32_t i = 0; i < cells; i++) {
        uint32_t at = be16(page + array + 2 * i);
        if (at < content || at > u - 4)
            return 0;
        const uint8_t *p = page + at + (interior ? 4 : 0);
        uint64_t payload = 0, rowid;
        uint32_t local = 0, rest = 0;
        if (!keep && interior)
            scrub_root(s, be32(page + at));
        if (type != TABLE_INTERIOR && !(p = varint(p, end, &payload)))
            return 0;
        if ((type == TABLE_LEAF || type == TABLE_INTERIOR) && !(p = varint(p, end, &rowid)))
            return 0;
        if (payload > PAYLOAD_MAX)
            return 0;
        if (type != TABLE_INTERIOR) {
            local = local_bytes(known, type, (uint32_t)payload);
            rest = (uint32_t)payload - local;
        }
        uint32_t length = (uint32_t)(p - (page + at)) + local + (rest ? 4 : 0);
        if (length < 4)
            length = 4;
        taken += length;
        if (at + length > u || taken > u - content)
            return 0;
        if (keep)
            memcpy(keep + at, page + at, length);
        else if (rest)
            begin_chain(s, be32(page + at + length - 4), rest);
    }
    if (!keep && interior)
        scrub_root(s, be32(page + h + 8));
    return 1;
}

static int is_btree_type(uint8_t type) { return type == TABLE_LEAF || type == TABLE_INTERIOR || type == INDEX_LEAF || type == INDEX_INTERIOR; }

void scrub_scan(scrubber *s, uint32_t first, const uint8_t *data, uint32_t count)
{
    for (uint32_t i = 0; i < count && !s->damaged; i++) {
        const uint8_t *page = data + (size_t)i * s->page_length;
        uint32_t number = first + i;
        if ((s->kinds[number] & KIND) != UNKNOWN)
            continue;
        if (is_btree_type(page[number == 1 ? SCRUB_HEADER_LEN : 0])) {
            s->kinds[number] |= BTREE;
            if (!btree_page(s, s, number, page, NULL))
                s->damaged = 1;
        } else
            s->next[number] = be32(page);
    }
}

static void follow_chain(scrubber *s, uint32_t first)
{
    const uint32_t room = s->usable - 4;
    uint32_t bytes = s->values[first];
    for (uint32_t number = first;; number = s->next[number]) {
        if (number < 2 || number > s->pages || s->kinds[number] != UNKNOWN || (number != first && s->values[number])) {
            s->damaged = 1;
            return;
        }
        if (bytes <= room) {
            if (s->next[number])
                s->damaged = 1;
            s->kinds[number] = LAST;
            s->values[number] = 4 + bytes;
            return;
        }
        s->kinds[number] = OVERFLOW;
        bytes -= room;
    }
}

int scrub_finish(scrubber *s)
{
    if (s->free_found != s->free_count)
        s->damaged = 1;
    for (uint32_t n = 1; n <= s->pages && !s->damaged; n++)
        if (s->values[n] && (s->kinds[n] & KIND) != TRUNK && (s->kinds[n] & KIND) != LAST && (s->kinds[n] & KIND) != OVERFLOW)
            follow_chain(s, n);
    for (uint32_t n = 1; n <= s->pages && !s->damaged; n++) {
        int is_referred = (s->kinds[n] & REFERRED) != 0, is_btree = (s->kinds[n] & KIND) == BTREE;
        if (is_referred != is_btree || s->kinds[n] == UNKNOWN)
            s->damaged = 1;
    }
    free(s->next);
    s->next = NULL;
    return !s->damaged;
}

/* The checksum that SQLite's cksumvfs keeps in the 8 reserved bytes at the end of a page. */
static void checksum(const uint8_t *page, uint32_t length, uint8_t out[CHECKSUM_LEN])
{
    uint32_t one = 0, two = 0;
    for (uint32_t i = 0; i < length; i += 8) {
        one += le32(page + i) + two;
        two += le32(page + i + 4) + one;
    }
    put_le32(out, one);
    put_le32(out + 4, two);
}

static void scrub_page(const scrubber *s, uint32_t number, uint8_t *page, uint8_t *work)
{
    const uint32_t u = s->usable;
    uint32_t from = u;
    switch (s->kinds[number] & KIND) {
    case BTREE:
        if (!is_btree_type(page[number == 1 ? SCRUB_HEADER_LEN : 0]))
            return;
        memset(work, 0, u);
        if (btree_page(NULL, s, number, page, work))
            memcpy(page, work, u);
        return;
    case FREE:
        from = 0;
        break;
    case TRUNK:
    case LAST:
        from = s->values[number];
        break;
    }
    memset(page + from, 0, u - from);
}

void scrub_pages(const scrubber *s, uint32_t first, uint8_t *data, uint32_t count, uint8_t *work)
{
    const int summed = s->page_length - s->usable == CHECKSUM_LEN;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *page = data + (size_t)i * s->page_length, sum[CHECKSUM_LEN];
        int is_summed = 0;
        if (summed) {
            checksum(page, s->usable, sum);
            is_summed = memcmp(sum, page + s->usable, CHECKSUM_LEN) == 0;
        }
        scrub_page(s, first + i, page, work);
        if (is_summed)
            checksum(page, s->usable, page + s->usable);
    }
}
