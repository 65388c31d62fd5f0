# chatseal._pages: what is done to many units of a source in one call, without the GIL. No object may be used by two threads at once.
from libc.stdint cimport uint8_t
from libc.string cimport memmove

cimport cython

cdef extern from "status.h" nogil:
    ctypedef enum status:
        STATUS_OK

cdef extern from "fingerprint.h" nogil:
    enum:
        FINGERPRINT_LEN
        FINGERPRINT_KEY_LEN
        UNIT_SAME
        UNIT_CHANGED
        UNIT_ZERO
    ctypedef struct fingerprinter:
        pass
    status fingerprint_init(fingerprinter *f, const uint8_t *key)
    void fingerprint_free(fingerprinter *f)
    status fingerprint_compare(fingerprinter *f, const uint8_t *data, size_t length, size_t unit, size_t known, uint8_t *prints,
                               uint8_t *marks, size_t *changed)

SAME = UNIT_SAME
CHANGED = UNIT_CHANGED
ZERO = UNIT_ZERO
PRINT_LENGTH = FINGERPRINT_LEN


@cython.final
cdef class Fingerprinter:
    """One thread's keyed fingerprints (ext/fingerprint.h)."""

    cdef fingerprinter _state

    def __cinit__(self, const uint8_t[::1] key):
        if <size_t>key.shape[0] != FINGERPRINT_KEY_LEN:
            raise ValueError("a fingerprint key has 32 bytes")
        if fingerprint_init(&self._state, &key[0]) != STATUS_OK:
            raise MemoryError

    def __dealloc__(self):
        fingerprint_free(&self._state)

    def compare(self, const uint8_t[::1] data, size_t unit, size_t known, uint8_t[::1] prints, uint8_t[::1] marks):
        """Put the fingerprint of each unit of *data* over the one in *prints*, say in *marks* what became of it, return how many changed."""
        cdef size_t length = data.shape[0], changed = 0
        cdef status code
        if unit == 0:
            raise ValueError("a unit has at least a byte")
        cdef size_t units = (length + unit - 1) // unit
        if <size_t>prints.shape[0] < units * FINGERPRINT_LEN or <size_t>marks.shape[0] < units:
            raise ValueError("there is less room than units")
        if units == 0:
            return 0
        with nogil, cython.boundscheck(False):
            code = fingerprint_compare(&self._state, &data[0], length, unit, known, &prints[0], &marks[0], &changed)
        if code != STATUS_OK:
            raise MemoryError
        return changed


def gather(uint8_t[::1] data, size_t length, size_t unit, const uint8_t[::1] marks):
    """Move those units of the first *length* bytes of *data* that are marked CHANGED to its beginning, in order; return their bytes."""
    cdef size_t at = 0, end = 0, i = 0, n, bytes_there = data.shape[0]
    if unit == 0 or length > bytes_there or (length + unit - 1) // unit > <size_t>marks.shape[0]:
        raise ValueError("there is less data than units")
    with nogil, cython.boundscheck(False):
        while at < length:
            n = length - at if length - at < unit else unit
            if marks[i] == UNIT_CHANGED:
                if end != at:
                    memmove(&data[end], &data[at], n)
                end += n
            at += n
            i += 1
    return end
