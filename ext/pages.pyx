# chatseal._pages: what is done to many units of a source in one call, without the GIL. No object may be used by two threads at once.
import os
from typing import NamedTuple

from libc.errno cimport errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset
from posix.stat cimport struct_stat

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

cdef extern from "reader.h" nogil:
    ctypedef struct reader_file:
        pass
    int reader_open(reader_file *file, const char *path)
    int reader_clone(reader_file *copy, reader_file *file, const char *folder)
    void reader_close(reader_file *file)
    int reader_stat(reader_file *file, struct_stat *found)
    int reader_read(reader_file *file, uint64_t offset, uint8_t *buffer, size_t length, size_t *done)
    int reader_keep_descriptors(int keep)

cdef extern from *:
    """
    #ifdef __linux__
    #include <sys/vfs.h>
    static int file_system_type(const char *path, unsigned long *type)
    {
        struct statfs found;
        int failed = statfs(path, &found) != 0;
        *type = failed ? 0 : (unsigned long)found.f_type & 0xffffffffu;
        return failed;
    }
    #else
    static int file_system_type(const char *path, unsigned long *type)
    {
        *type = 0;
        return 0;
    }
    #endif
    """
    int file_system_type(const char *path, unsigned long *type) nogil

cdef extern from "wal.h" nogil:
    ctypedef enum wal_status:
        WAL_OK
        WAL_NO_MEMORY
        WAL_READ_FAILED
        WAL_NOT_ONE
        WAL_CHANGED
    ctypedef struct wal_expected:
        uint32_t frames, pages, page_length
        uint32_t sums[2]
        uint8_t salts[8]
    ctypedef struct wal_index:
        size_t count
        uint32_t page_length, frames, pages, last_page
        uint64_t length
        int os_error
    ctypedef struct wal_overlay:
        reader_file *main
        reader_file *log
        const wal_index *index
        uint64_t length
        uint32_t page_length
    wal_status wal_scan(wal_index *index, reader_file *log, const wal_expected *expected)
    void wal_free(wal_index *index)
    int wal_read(const wal_overlay *overlay, uint64_t offset, uint8_t *buffer, size_t length, size_t *done)

cdef extern from "kinds.h" nogil:
    enum:
        KIND_OTHER
        KIND_DATABASE
        KIND_WAL
        KIND_JOURNAL
        KIND_CACHE
    int reader_is_apart(const reader_file *file)
    int kind_of(const uint8_t *start, size_t length)
    int kinds_look(reader_file *anchor, const char *folder, const char *names, size_t count, uint8_t *kinds)

OTHER, DATABASE, WAL, JOURNAL, CACHE = KIND_OTHER, KIND_DATABASE, KIND_WAL, KIND_JOURNAL, KIND_CACHE
SAME = UNIT_SAME
CHANGED = UNIT_CHANGED
ZERO = UNIT_ZERO
PRINT_LENGTH = FINGERPRINT_LEN


class NotALog(Exception):
    """The file does not begin as a write-ahead log does."""


class LogChanged(Exception):
    """The log is not the one that was asked for, or does not reach as far."""


class FileStat(NamedTuple):
    """What is known of an open file. Times in nanoseconds since 1970."""

    device: int
    inode: int
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    ctime_ns: int


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


cdef int _refuse(int code) except -1:
    raise OSError(code, os.strerror(code))


@cython.final
cdef class File:
    """A file that is read without a descriptor in this process's table (ext/reader.h)."""

    cdef reader_file _file

    def __cinit__(self, bytes path not None, File clone_of=None):
        if b"\0" in path:
            raise ValueError("a path has no zero byte")
        cdef const char *name = path
        cdef int code
        with nogil:
            if clone_of is None:
                code = reader_open(&self._file, name)
            else:
                code = reader_clone(&self._file, &clone_of._file, name)
        if code != 0:
            raise OSError(code, os.strerror(code), os.fsdecode(path))

    def __dealloc__(self):
        with nogil:
            reader_close(&self._file)

    def clone(self, bytes folder not None):
        """The content at this moment, by reference: a file without a name on the file system of *folder*. OSError if there is no way."""
        return File(folder, self)

    def read_into(self, uint64_t offset, uint8_t[::1] buffer not None):
        """Fill *buffer* from *offset* on; return how much, less only at the end."""
        cdef size_t length = buffer.shape[0], done = 0
        cdef int code
        if length == 0:
            return 0
        with nogil, cython.boundscheck(False):
            code = reader_read(&self._file, offset, &buffer[0], length, &done)
        if code != 0:
            _refuse(code)
        return done

    def stat(self):
        """What os.fstat would say."""
        cdef struct_stat found
        cdef int code
        with nogil:
            code = reader_stat(&self._file, &found)
        if code != 0:
            _refuse(code)
        return FileStat(found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_size,
                        found.st_mtim.tv_sec * 1_000_000_000 + found.st_mtim.tv_nsec,
                        found.st_ctim.tv_sec * 1_000_000_000 + found.st_ctim.tv_nsec)

    def close(self):
        with nogil:
            reader_close(&self._file)

    @property
    def is_apart(self):
        return reader_is_apart(&self._file) != 0


def file_system(bytes path not None):
    """The number by which Linux knows the kind of file system that *path* is on; 0 on other systems."""
    cdef const char *name = path
    cdef unsigned long kind = 0
    cdef int failed
    with nogil:
        failed = file_system_type(name, &kind)
    if failed:
        raise OSError(errno, os.strerror(errno), os.fsdecode(path))
    return kind


def kind(const uint8_t[::1] start):
    """What a file is that begins so."""
    return kind_of(&start[0], start.shape[0]) if start.shape[0] else KIND_OTHER


def kinds(File anchor not None, bytes folder not None, list names not None):
    """What each of the files is, a byte for each."""
    cdef bytes joined = b"".join([name + b"\0" for name in names])
    cdef const char *here = folder
    cdef const char *all_names = joined
    cdef Py_ssize_t count = len(names)
    if b"\0" in folder or joined.count(b"\0") != count:
        raise ValueError("a path has no zero byte")
    cdef bytearray found = bytearray(count)
    if count == 0:
        return b""
    cdef uint8_t[::1] view = found
    cdef int code
    with nogil:
        code = kinds_look(&anchor._file, here, all_names, count, &view[0])
    if code != 0:
        _refuse(code)
    return bytes(found)


def keep_descriptors(bint keep):
    """Behave as on a system where threads cannot have descriptors of their own, or no longer."""
    cdef int code
    with nogil:
        code = reader_keep_descriptors(keep)
    if code != 0:
        _refuse(code)


@cython.final
cdef class Log:
    """The index of a write-ahead log (ext/wal.h)."""

    cdef wal_index _index
    cdef File _file

    def __cinit__(self, File file not None, uint32_t frames=0, uint32_t pages=0, uint32_t page_length=0, sums=(0, 0),
                  bytes salts not None=bytes(8)):
        cdef wal_expected expected
        cdef wal_status code
        memset(&expected, 0, sizeof(expected))
        if len(salts) != 8:
            raise ValueError("there are 8 bytes of salts")
        expected.frames, expected.pages, expected.page_length = frames, pages, page_length
        expected.sums[0], expected.sums[1] = sums
        memcpy(expected.salts, <const char *>salts, 8)
        self._file = file
        with nogil:
            code = wal_scan(&self._index, &self._file._file, &expected)
        if code == WAL_NO_MEMORY:
            raise MemoryError
        if code == WAL_READ_FAILED:
            _refuse(self._index.os_error)
        if code == WAL_NOT_ONE:
            raise NotALog
        if code == WAL_CHANGED:
            raise LogChanged

    def __dealloc__(self):
        wal_free(&self._index)

    @property
    def frames(self):
        return self._index.frames

    @property
    def pages(self):
        return self._index.pages

    @property
    def page_length(self):
        return self._index.page_length

    @property
    def last_page(self):
        return self._index.last_page

    @property
    def distinct(self):
        return self._index.count

    @property
    def length(self):
        return self._index.length


@cython.final
cdef class Overlay:
    """A database as its readers see it: the main file, and the pages of the log over it."""

    cdef wal_overlay _overlay
    cdef File _main
    cdef Log _log

    def __cinit__(self, File main not None, Log log, uint32_t page_length, uint64_t length):
        if page_length < 512 or page_length > 65536 or page_length & (page_length - 1):
            raise ValueError("that is no page length")
        if log is not None and log._index.page_length != page_length:
            raise ValueError("the log has pages of another length")
        self._main, self._log = main, log
        self._overlay.main, self._overlay.page_length, self._overlay.length = &main._file, page_length, length
        if log is not None:
            self._overlay.log, self._overlay.index = &log._file._file, &log._index

    def read_into(self, uint64_t offset, uint8_t[::1] buffer not None):
        """Fill *buffer* with the image from *offset* on; return how much, less only at the end."""
        cdef size_t length = buffer.shape[0], done = 0
        cdef int code
        if length == 0:
            return 0
        with nogil, cython.boundscheck(False):
            code = wal_read(&self._overlay, offset, &buffer[0], length, &done)
        if code != 0:
            _refuse(code)
        return done
