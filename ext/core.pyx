# chatseal._core: a thin skin over the C in this folder. Python decides, this drives; no words for people here.
#
# Two pipelines (seal.h, unseal.h) own the data path of whole payloads; four kernels do one piece each, for random access, small messages and
# measurements. Every call that does work releases the GIL. No object may be used by two threads at once, but for the `work` of a pipeline,
# which is made for that.
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

cimport cython
from pipelines cimport *

FEED = POLL_FEED
DRAIN = POLL_DRAIN
DONE = POLL_DONE
FAILED = POLL_FAILED

NO_MEMORY = STATUS_NO_MEMORY
LIBRARY = STATUS_LIBRARY
READ_FAILED = STATUS_READ_FAILED
WRITE_FAILED = STATUS_WRITE_FAILED
SOURCE_SHRANK = STATUS_SOURCE_SHRANK
TOO_MANY_FRAMES = STATUS_TOO_MANY_FRAMES
TARGET_FULL = STATUS_TARGET_FULL
DAMAGED = STATUS_DAMAGED
CUT_OFF = STATUS_CUT_OFF

PLAINTEXT = IN_PLAINTEXT
RECORD = IN_RECORD
LAST_RECORD = IN_LAST_RECORD

RUN_LENGTH = RUN_SEALED
RING_STEP = RUN_PLAIN


class Damaged(Exception):
    """A record does not authenticate, or a frame is not what its place says. Carries nothing."""


class LibraryFailed(Exception):
    """libzstd or libcrypto malfunctioned."""


def versions():
    """Versions of the libraries in use: {"zstd": "1.5.4", "openssl": "OpenSSL 3.0.19 ..."}."""
    number = ZSTD_versionNumber()
    return {
        "zstd": f"{number // 10000}.{number // 100 % 100}.{number % 100}",
        "openssl": OpenSSL_version(OPENSSL_VERSION).decode(),
    }


def frame_bound(Py_ssize_t length):
    """Most bytes that one frame of *length* bytes of content takes."""
    if length < 0:
        raise ValueError("length is negative")
    return ZSTD_compressBound(length)


cdef int _raise(status code) except -1:
    if code == STATUS_NO_MEMORY:
        raise MemoryError
    if code == STATUS_DAMAGED:
        raise Damaged
    if code != STATUS_OK:
        raise LibraryFailed
    return 0


cdef int _take_key(record_key *into, bytes key, bytes nonce) except -1:
    if <size_t>len(key) != KEY_LEN or <size_t>len(nonce) != NONCE_LEN:
        raise ValueError("a record key has 32 bytes and a nonce of 12")
    memcpy(into.key, PyBytes_AS_STRING(key), KEY_LEN)
    memcpy(into.nonce, PyBytes_AS_STRING(nonce), NONCE_LEN)
    return 0


# --- kernels ------------------------------------------------------------------------------------------------------------


@cython.final
cdef class FrameCompressor:
    """One worker's zstd state at one level. Not shared between threads."""

    cdef ZSTD_CCtx *_context

    def __cinit__(self, int level):
        self._context = frame_compressor(level)
        if self._context is NULL:
            raise MemoryError

    def __dealloc__(self):
        ZSTD_freeCCtx(self._context)

    def compress_into(self, content, out):
        """Compress *content* as one frame into the start of *out* (frame_bound bytes); return the frame's length."""
        cdef Py_buffer src, dst
        cdef size_t length = 0
        cdef status code
        PyObject_GetBuffer(content, &src, PyBUF_SIMPLE)
        try:
            PyObject_GetBuffer(out, &dst, PyBUF_WRITABLE)
            try:
                with nogil:
                    code = frame_compress(self._context, <const uint8_t *>src.buf, src.len, <uint8_t *>dst.buf, dst.len, &length)
            finally:
                PyBuffer_Release(&dst)
        finally:
            PyBuffer_Release(&src)
        _raise(code)
        return length


@cython.final
cdef class FrameDecompressor:
    """One worker's zstd state. Not shared between threads."""

    cdef ZSTD_DCtx *_context

    def __cinit__(self):
        self._context = ZSTD_createDCtx()
        if self._context is NULL:
            raise MemoryError

    def __dealloc__(self):
        ZSTD_freeDCtx(self._context)

    def decompress_into(self, frame, out):
        """Decompress exactly one data frame, all of *frame*, which must hold exactly len(out) bytes. Raises Damaged."""
        cdef Py_buffer src, dst
        cdef status code
        PyObject_GetBuffer(frame, &src, PyBUF_SIMPLE)
        try:
            PyObject_GetBuffer(out, &dst, PyBUF_WRITABLE)
            try:
                with nogil:
                    code = frame_decompress(self._context, <const uint8_t *>src.buf, src.len, <uint8_t *>dst.buf, dst.len)
            finally:
                PyBuffer_Release(&dst)
        finally:
            PyBuffer_Release(&src)
        _raise(code)


@cython.final
cdef class RecordSealer:
    """One worker's cipher for one payload. Not shared between threads."""

    cdef record_cipher _cipher

    def __cinit__(self, bytes key, bytes nonce):
        cdef record_key pair
        memset(&self._cipher, 0, sizeof(record_cipher))
        _take_key(&pair, key, nonce)
        code = records_init(&self._cipher, &pair, RECORDS_SEAL)
        OPENSSL_cleanse(&pair, sizeof(record_key))
        _raise(code)

    def __dealloc__(self):
        records_free(&self._cipher)

    def seal_into(self, uint64_t first, plain, out, *, bint last=False):
        """Encrypt *plain* as records from number *first* on into the start of *out*; return the bytes written.

        Without *last*, *plain* is whole records; with it, a short last record follows, which may be empty."""
        cdef Py_buffer src, dst
        cdef status code = STATUS_OK
        cdef size_t whole, need
        PyObject_GetBuffer(plain, &src, PyBUF_SIMPLE)
        try:
            whole = <size_t>src.len // RECORD_PLAIN
            need = src.len + TAG_LEN * (whole + last)
            if not last and <size_t>src.len != whole * RECORD_PLAIN:
                raise ValueError("only the last record may be short")
            PyObject_GetBuffer(out, &dst, PyBUF_WRITABLE)
            try:
                if <size_t>dst.len < need:
                    raise ValueError("out is too small")
                with nogil:
                    code = records_seal(&self._cipher, first, <const uint8_t *>src.buf, whole * RECORD_PLAIN, <uint8_t *>dst.buf)
                    if code == STATUS_OK and last:
                        code = records_seal_last(&self._cipher, first + whole, <const uint8_t *>src.buf + whole * RECORD_PLAIN,
                                                 src.len - whole * RECORD_PLAIN, <uint8_t *>dst.buf + whole * RECORD_SEALED)
            finally:
                PyBuffer_Release(&dst)
        finally:
            PyBuffer_Release(&src)
        _raise(code)
        return need


@cython.final
cdef class RecordOpener:
    """One worker's cipher for one payload. Not shared between threads."""

    cdef record_cipher _cipher

    def __cinit__(self, bytes key, bytes nonce):
        cdef record_key pair
        memset(&self._cipher, 0, sizeof(record_cipher))
        _take_key(&pair, key, nonce)
        code = records_init(&self._cipher, &pair, RECORDS_OPEN)
        OPENSSL_cleanse(&pair, sizeof(record_key))
        _raise(code)

    def __dealloc__(self):
        records_free(&self._cipher)

    def open_into(self, uint64_t first, sealed, out):
        """Authenticate and decrypt records from number *first* on into the start of *out*; return the bytes of plaintext.

        All of *sealed* is whole records, but for a short one at its end. Raises Damaged; then *out* may hold the records before."""
        cdef Py_buffer src, dst
        cdef status code = STATUS_OK
        cdef size_t at = 0, done = 0, length, count
        PyObject_GetBuffer(sealed, &src, PyBUF_SIMPLE)
        try:
            count = (src.len + RECORD_SEALED - 1) // RECORD_SEALED
            if src.len and (<size_t>src.len - 1) % RECORD_SEALED + 1 < TAG_LEN:
                raise Damaged
            PyObject_GetBuffer(out, &dst, PyBUF_WRITABLE)
            try:
                if <size_t>dst.len < src.len - count * TAG_LEN:
                    raise ValueError("out is too small")
                with nogil:
                    while at < <size_t>src.len and code == STATUS_OK:
                        length = min(RECORD_SEALED, src.len - at)
                        code = record_open(&self._cipher, first, <const uint8_t *>src.buf + at, length, <uint8_t *>dst.buf + done)
                        first += 1
                        at += length
                        done += length - TAG_LEN
            finally:
                PyBuffer_Release(&dst)
        finally:
            PyBuffer_Release(&src)
        _raise(code)
        return done


# --- pipelines ----------------------------------------------------------------------------------------------------------


@cython.final
cdef class Span:
    """A stretch of a pipeline's memory, valid until it is committed or released; keeps the pipeline alive."""

    cdef object _owner
    cdef uint8_t *_buffer
    cdef Py_ssize_t _length
    cdef bint _readonly

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self._buffer, self._length, self._readonly, flags)

    def __releasebuffer__(self, Py_buffer *view):
        pass

    def __len__(self):
        return self._length


cdef Span _span(object owner, uint8_t *buffer, size_t length, bint readonly):
    cdef Span span = Span.__new__(Span)
    span._owner = owner
    span._buffer = buffer
    span._length = length
    span._readonly = readonly
    return span


cdef class _Ends:
    """The buffers that a pipeline borrows while it runs."""

    cdef Py_buffer _source_view, _target_view
    cdef bint _has_source, _has_target
    cdef const int64_t[:, ::1] _runs

    cdef int _source(self, pipe_end *end, source) except -1:
        """None: in turn. (descriptor, offset, length): a file. Else a buffer, read where it lies."""
        memset(end, 0, sizeof(pipe_end))
        if source is None:
            end.kind = END_IN_TURN
        elif isinstance(source, tuple):
            end.kind = END_FILE
            end.file, end.offset, end.length = source
        else:
            PyObject_GetBuffer(source, &self._source_view, PyBUF_SIMPLE)
            self._has_source = True
            end.kind = END_MEMORY
            end.memory = <uint8_t *>self._source_view.buf
            end.length = self._source_view.len
        return 0

    cdef int _target(self, pipe_end *end, target) except -1:
        """None: in turn. (descriptor, offset or runs): a file. False: nowhere. Else a writable buffer, filled where it lies."""
        memset(end, 0, sizeof(pipe_end))
        if target is None:
            end.kind = END_IN_TURN
        elif target is False:
            end.kind = END_NOWHERE
        elif isinstance(target, tuple):
            end.kind = END_FILE
            end.file = target[0]
            if isinstance(target[1], int):
                end.offset = target[1]
            else:
                self._take_runs(end, target[1])
        else:
            PyObject_GetBuffer(target, &self._target_view, PyBUF_WRITABLE)
            self._has_target = True
            end.kind = END_MEMORY
            end.memory = <uint8_t *>self._target_view.buf
            end.length = self._target_view.len
        return 0

    cdef int _take_runs(self, pipe_end *end, runs) except -1:
        """Rows of (offset, at, length), which `work` relies on: at least one, ascending by at, apart, and no number beyond what fits."""
        cdef int64_t most = (<int64_t>1 << 62), reached = 0
        cdef Py_ssize_t i
        self._runs = runs
        if self._runs.shape[0] == 0 or self._runs.shape[1] != 3:
            raise ValueError("runs are rows of three")
        for i in range(self._runs.shape[0]):
            if not (0 <= self._runs[i, 0] < most and reached <= self._runs[i, 1] < most and 0 < self._runs[i, 2] < most):
                raise ValueError("runs do not ascend")
            reached = self._runs[i, 1] + self._runs[i, 2]
        end.runs = <const file_run *>&self._runs[0, 0]
        end.run_count = self._runs.shape[0]
        return 0

    cdef _release_ends(self):
        self._runs = None
        if self._has_source:
            self._has_source = False
            PyBuffer_Release(&self._source_view)
        if self._has_target:
            self._has_target = False
            PyBuffer_Release(&self._target_view)


@cython.final
cdef class SealPipeline(_Ends):
    """Plaintext in, records out (ext/seal.h). One thread owns it; any number of threads may run `work`.

    Call begin; then, until poll says DONE, do what it says: FEED (reserve, commit, at last end), DRAIN (output, release),
    FAILED (fault). Without workers call step in between. At last finish, and close in every case, after all workers have returned."""

    cdef seal_pipe _pipe

    def __cinit__(self, size_t slots):
        if not 2 <= slots <= 65536:
            raise ValueError("a window has 2 to 65536 slots")
        _raise(seal_init(&self._pipe, slots))

    def __dealloc__(self):
        self._release_ends()
        seal_free(&self._pipe)

    def begin(self, bytes key, bytes nonce, int level, size_t frame_size, bytes first, source, target, *, bytes digest_prefix=None,
              grow_at=None):
        """Begin a payload. *first* is the head frame. With *digest_prefix* the frames are hashed for `digest`.

        *grow_at* moves the two frame numbers at which frames must grow, for tests."""
        cdef record_key pair
        cdef pipe_end from_, to
        self._release_ends()
        if <size_t>len(first) >= RECORD_PLAIN:
            raise ValueError("the head frame must be shorter than a record")
        _take_key(&pair, key, nonce)
        try:
            self._source(&from_, source)
            self._target(&to, target)
            if to.kind != END_IN_TURN and to.kind != END_FILE:
                raise TypeError("a seal goes into a file or in turn")
            _raise(seal_begin(&self._pipe, &pair, level, frame_size, from_, to, <const uint8_t *>PyBytes_AS_STRING(first), len(first)))
        finally:
            OPENSSL_cleanse(&pair, sizeof(record_key))
        if digest_prefix is not None:
            _raise(seal_digest_begin(&self._pipe, <const uint8_t *>PyBytes_AS_STRING(digest_prefix), len(digest_prefix),
                                     <const uint8_t *>PyBytes_AS_STRING(first), len(first)))
        if grow_at is not None:
            self._pipe.grow_at[0], self._pipe.grow_at[1] = grow_at

    def work(self):
        """A worker's life, without the GIL; returns at the end, at a fault, or after stop."""
        with nogil:
            seal_work(&self._pipe)

    def step(self):
        """Run one ready piece in this thread; False if there was none."""
        cdef int done
        with nogil:
            done = seal_step(&self._pipe)
        return bool(done)

    def poll(self, unsigned milliseconds):
        """Wait until this thread can do something, or for so long; return a set of FEED, DRAIN, DONE, FAILED."""
        cdef int what
        with nogil:
            what = seal_poll(&self._pipe, milliseconds)
        return what

    def reserve(self):
        """The buffer of the next frame, to be filled (after FEED)."""
        cdef uint8_t *buffer
        cdef size_t length
        _raise(seal_reserve(&self._pipe, &buffer, &length))
        return _span(self, buffer, length, False)

    def commit(self, size_t length):
        """The reserved buffer holds *length* bytes of plaintext, at least 1."""
        seal_commit(&self._pipe, length)

    def end(self):
        """There is no more plaintext."""
        seal_end(&self._pipe)

    def output(self):
        """The next records (after DRAIN)."""
        cdef uint8_t *buffer
        cdef size_t length
        seal_output(&self._pipe, &buffer, &length)
        return _span(self, buffer, length, True)

    def release(self):
        """The last output has been written."""
        seal_release(&self._pipe)

    def stop(self):
        """Make workers return within one frame."""
        window_stop(&self._pipe.w)

    def fault(self):
        """(code, errno, PLAINTEXT, place) of the first fault in order (after FAILED)."""
        why = self._pipe.why
        return why.code, why.os_error, why.where, why.place

    def digest(self):
        """The digest of the frames (after DONE, once; only with a digest_prefix)."""
        cdef uint8_t digest[64]
        _raise(seal_digest_end(&self._pipe, digest))
        return PyBytes_FromStringAndSize(<const char *>digest, DIGEST_LEN)

    def finish(self, bytes tail, padding=()):
        """After DONE: begin the last records, of *tail* (the tail frame), a padding frame of each length in *padding*, and the table."""
        cdef size_t count = 0
        cdef uint32_t content
        if <size_t>len(tail) > SKIPPABLE_HEADER_LEN + METADATA_MAX:
            raise ValueError("the tail frame is too long")
        _raise(table_add(&self._pipe.table, len(tail), 0))
        for content in padding:
            if content > PADDING_MAX:
                raise ValueError("a padding frame is too long")
            _raise(table_add(&self._pipe.table, SKIPPABLE_HEADER_LEN + content, 0))
            count += 1
        seal_finish(&self._pipe, <const uint8_t *>PyBytes_AS_STRING(tail), len(tail), count)

    def last_records(self):
        """After finish: the next of the last records, the short one at the end; empty after it."""
        cdef size_t length = seal_finish_length(&self._pipe)
        cdef status code
        if length == 0:
            return b""
        cdef bytes out = PyBytes_FromStringAndSize(NULL, length)
        cdef uint8_t *into = <uint8_t *>PyBytes_AS_STRING(out)
        with nogil:
            code = seal_finish_next(&self._pipe, into)
        _raise(code)
        return out

    def close(self):
        """Let go of the caller's buffers."""
        self._release_ends()

    @property
    def content_taken(self):
        """Bytes of plaintext that have come in."""
        return self._pipe.content_taken

    @property
    def content_done(self):
        """Bytes of plaintext whose records have gone out."""
        return self._pipe.content_done

    @property
    def frames(self):
        """Frames with content so far."""
        return self._pipe.fixed

    @property
    def stream_length(self):
        """Bytes of stream before what finish adds (before the first of the last records)."""
        return self._pipe.records * RECORD_PLAIN + self._pipe.carry_length

    @property
    def records(self):
        """Records before the ones that finish makes."""
        return self._pipe.records

    @property
    def order_ns(self):
        """Nanoseconds spent in steps that one thread at a time can do."""
        return self._pipe.w.order_ns


@cython.final
cdef class UnsealPipeline(_Ends):
    """Records in, plaintext out (ext/unseal.h). Used like SealPipeline, but that commit says whether the source has ended."""

    cdef unseal_pipe _pipe

    def __cinit__(self, size_t run_slots, size_t frame_slots):
        if not (2 <= run_slots <= 65536 and 2 <= frame_slots <= 65536):
            raise ValueError("a window has 2 to 65536 slots")
        _raise(unseal_init(&self._pipe, run_slots, frame_slots))

    def __dealloc__(self):
        self._release_ends()
        unseal_free(&self._pipe)

    def begin(self, bytes key, bytes nonce, size_t ring, source, target, *, bytes digest_prefix=None):
        """Begin a payload; the source begins at record 0. *ring* bytes, in whole RING_STEP: at least two unless the stream fits in one.

        With *digest_prefix* the frames are hashed for `digest`."""
        cdef record_key pair
        cdef pipe_end from_, to
        self._release_ends()
        if ring == 0 or ring % RUN_PLAIN:
            raise ValueError("a ring is whole runs")
        _take_key(&pair, key, nonce)
        try:
            self._source(&from_, source)
            self._target(&to, target)
            _raise(unseal_begin(&self._pipe, &pair, ring, from_, to))
        finally:
            OPENSSL_cleanse(&pair, sizeof(record_key))
        if digest_prefix is not None:
            _raise(unseal_digest_begin(&self._pipe, <const uint8_t *>PyBytes_AS_STRING(digest_prefix), len(digest_prefix)))

    def work(self):
        """A worker's life, without the GIL; returns at the end, at a fault, or after stop."""
        with nogil:
            unseal_work(&self._pipe)

    def step(self):
        """Run one ready piece in this thread; False if there was none."""
        cdef int done
        with nogil:
            done = unseal_step(&self._pipe)
        return bool(done)

    def poll(self, unsigned milliseconds):
        """Wait until this thread can do something, or for so long; return a set of FEED, DRAIN, DONE, FAILED."""
        cdef int what
        with nogil:
            what = unseal_poll(&self._pipe, milliseconds)
        return what

    def reserve(self):
        """A buffer of RUN_LENGTH bytes, to be filled wholly unless the source ends (after FEED)."""
        cdef uint8_t *buffer
        cdef size_t length
        _raise(unseal_reserve(&self._pipe, &buffer, &length))
        return _span(self, buffer, length, False)

    def commit(self, size_t length, bint last):
        """The reserved buffer holds *length* bytes of records; *last*: the source has ended."""
        if not last and length != RUN_SEALED:
            raise ValueError("only the last run may be short")
        unseal_commit(&self._pipe, length, last)

    def output(self):
        """The next frame's plaintext (after DRAIN)."""
        cdef uint8_t *buffer
        cdef size_t length
        unseal_output(&self._pipe, &buffer, &length)
        return _span(self, buffer, length, True)

    def release(self):
        """The last output has been written."""
        unseal_release(&self._pipe)

    def stop(self):
        """Make workers return within one frame."""
        window_stop(&self._pipe.w)

    def fault(self):
        """(code, errno, where, place) of the first fault in the order of the stream (after FAILED).

        The place is a byte of PLAINTEXT, or of a RECORD or the LAST_RECORD, counted after the payload's prefix."""
        why = unseal_fault(&self._pipe)
        return why.code, why.os_error, why.where, why.place

    def digest(self):
        """The digest of the frames (after DONE, once; only with a digest_prefix)."""
        cdef uint8_t digest[64]
        _raise(unseal_digest_end(&self._pipe, digest))
        return PyBytes_FromStringAndSize(<const char *>digest, DIGEST_LEN)

    def close(self):
        """Let go of the caller's buffers."""
        self._release_ends()

    @property
    def head(self):
        """Content of the head frame, as far as it has come."""
        return PyBytes_FromStringAndSize(<const char *>self._pipe.walk.head.bytes, self._pipe.walk.head.length)

    @property
    def tail(self):
        """Content of the tail frame (after DONE)."""
        return PyBytes_FromStringAndSize(<const char *>self._pipe.walk.tail.bytes, self._pipe.walk.tail.length)

    @property
    def frames(self):
        """Frames with content so far."""
        return self._pipe.walked

    @property
    def content_done(self):
        """Bytes of plaintext that have gone out."""
        return self._pipe.content_done

    @property
    def order_ns(self):
        """Nanoseconds spent in steps that one thread at a time can do."""
        return self._pipe.w.order_ns
