/* scrub.h: which bytes of a SQLite database nothing refers to, and zeros in their place.
 *
 * What a deletion leaves behind lies in free pages, between and after the cells of b-tree pages, and after the end of overflow chains. First the
 * whole database is looked through and every page accounted for, as SQLite's own integrity check does: reserved for locks, pointer map,
 * freelist, b-tree (reached once, from a parent or the schema), or overflow (reached once, from a cell). Only if nothing contradicts, pages are
 * scrubbed; of b-tree pages only what header, cell pointers, cells and the headers of free blocks occupy is kept. So no wrong count, pointer or
 * loop can make it take away what a reader would find.
 *
 * Between scrub_init and scrub_finish one thread; after that scrub_pages may be called by many. Memory: 9 bytes a page until scrub_finish, then 5. */
#ifndef CHATSEAL_SCRUB_H
#define CHATSEAL_SCRUB_H

#include <stddef.h>
#include <stdint.h>

#define SCRUB_HEADER_LEN 100
/* Below this no page number has a first byte that is also the type of a b-tree page, so that overflow pages are never taken for one. */
#define SCRUB_PAGES_MAX 0x01ffffff

typedef enum { SCRUB_OK, SCRUB_NO_MEMORY, SCRUB_NOT_ONE, SCRUB_TOO_LARGE } scrub_status;

typedef struct {
    uint32_t page_length, usable; /* bytes; usable: without those reserved at the end of each page */
    uint32_t pages;
    uint32_t free_first, free_count; /* the freelist, as the header says */
    uint32_t free_found;
    int maps; /* there are pointer maps */
    int damaged; /* something contradicts: nothing will be scrubbed */
    uint8_t *kinds;
    uint32_t *next; /* the first number in an unknown page */
    uint32_t *values; /* of a first overflow page: bytes in its chain; then of a page with a tail: bytes before it */
} scrubber;

/* For a database of *length* bytes that begins with *header*. */
scrub_status scrub_init(scrubber *s, const uint8_t header[SCRUB_HEADER_LEN], uint64_t length);
void scrub_free(scrubber *s);

/* Page *number* is a trunk of the freelist. Returns the next trunk, 0 at the end or if something contradicts. */
uint32_t scrub_trunk(scrubber *s, uint32_t number, const uint8_t *page);
/* Page *number* is the root of a b-tree, as the schema says. */
void scrub_root(scrubber *s, uint32_t number);
/* Look through *count* pages from *first* on: after all trunks, once for each page. */
void scrub_scan(scrubber *s, uint32_t first, const uint8_t *data, uint32_t count);
/* Account for every page. Returns whether all is well. */
int scrub_finish(scrubber *s);
/* Zero what nothing refers to in *count* pages from *first* on. *work* has room for a page. */
void scrub_pages(const scrubber *s, uint32_t first, uint8_t *data, uint32_t count, uint8_t *work);

#endif
