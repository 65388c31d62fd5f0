# chatseal._scrub: zeros in place of what nothing in a SQLite database refers to (ext/scrub.h).
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

cimport cython

cdef extern from "scrub.h" nogil:
    enum:
        SCRUB_HEADER_LEN
    ctypedef enum scrub_status:
        SCRUB_OK
        SCRUB_NO_MEMORY
        SCRUB_NOT_ONE
        SCRUB_TOO_LARGE
    ctypedef struct scrubber:
        uint32_t page_length, usable, pages, free_first
        int damaged
    scrub_status scrub_init(scrubber *s, const uint8_t *header, uint64_t length)
    void scrub_free(scrubber *s)
    uint32_t scrub_trunk(scrubber *s, uint32_t number, const uint8_t *page)
    void scrub_root(scrubber *s, uint32_t number)
    void scrub_scan(scrubber *s, uint32_t first, const uint8_t *data, uint32_t count)
    int scrub_finish(scrubber *s)
    void scrub_pages(const scrubber *s, uint32_t first, uint8_t *data, uint32_t count, uint8_t *work)


class NotScrubbable(Exception):
    """The bytes are no SQLite database, or have too many pages."""


@cython.final
cdef class Scrubber:
    """Accounts for every page of one database, then scrubs."""

    cdef scrubber _state
    cdef int _finished
    cdef uint32_t _scanned

    def __cinit__(self, const uint8_t[::1] header not None, uint64_t length):
        if header.shape[0] < SCRUB_HEADER_LEN:
            raise NotScrubbable("it has no header")
        cdef scrub_status code = scrub_init(&self._state, &header[0], length)
        if code == SCRUB_NO_MEMORY:
            raise MemoryError
        if code != SCRUB_OK:
            raise NotScrubbable("it has too many pages" if code == SCRUB_TOO_LARGE else "it is none that SQLite can read")

    def __dealloc__(self):
        scrub_free(&self._state)

    @property
    def page_length(self):
        return self._state.page_length

    @property
    def usable(self):
        return self._state.usable

    @property
    def pages(self):
        return self._state.pages

    @property
    def first_trunk(self):
        return self._state.free_first

    cdef uint32_t _whole_pages(self, uint32_t first, const uint8_t[::1] data) except? 0:
        cdef size_t length = data.shape[0]
        cdef uint64_t count = length // self._state.page_length
        if first < 1 or length % self._state.page_length or first - 1 + count > self._state.pages:
            raise ValueError("these are no whole pages of the database")
        return <uint32_t>count

    def trunk(self, uint32_t number, const uint8_t[::1] page not None):
        """Page *number* is a trunk of the freelist; return the next one, 0 at the end."""
        if self._finished or self._scanned:
            raise ValueError("trunks come first")
        if self._whole_pages(number, page) != 1:
            raise ValueError("a trunk is a page")
        return scrub_trunk(&self._state, number, &page[0])

    def root(self, uint32_t number):
        """Page *number* is the root of a b-tree."""
        if self._finished:
            raise ValueError("all pages are accounted for")
        scrub_root(&self._state, number)

    def scan(self, const uint8_t[::1] data not None):
        """Look through the next pages."""
        cdef uint32_t count = self._whole_pages(self._scanned + 1, data), first = self._scanned + 1
        if self._finished:
            raise ValueError("all pages are accounted for")
        if count == 0:
            return
        with nogil, cython.boundscheck(False):
            scrub_scan(&self._state, first, &data[0], count)
        self._scanned += count

    def finish(self):
        """Account for every page; return whether nothing contradicts."""
        cdef int fine
        if self._finished or self._scanned != self._state.pages:
            raise ValueError("not every page was looked through, or they are accounted for")
        with nogil:
            fine = scrub_finish(&self._state)
        self._finished = 1
        return fine != 0

    def scrub(self, uint32_t first, uint8_t[::1] data not None):
        """Zero what nothing refers to in the pages from *first* on. From any thread."""
        cdef uint32_t count = self._whole_pages(first, data)
        if not self._finished or self._state.damaged:
            raise ValueError("the pages are not accounted for")
        if count == 0:
            return
        cdef uint8_t *work = <uint8_t *>malloc(self._state.page_length)
        if work is NULL:
            raise MemoryError
        with nogil, cython.boundscheck(False):
            scrub_pages(&self._state, first, &data[0], count, work)
            free(work)
