# Declarations only: our own C (status.h, digest.h, records.h, frames.h, table.h, window.h, seal.h, unseal.h).
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "zstd.h" nogil:
    ctypedef struct ZSTD_CCtx
    ctypedef struct ZSTD_DCtx
    ZSTD_DCtx *ZSTD_createDCtx()
    size_t ZSTD_freeCCtx(ZSTD_CCtx *)
    size_t ZSTD_freeDCtx(ZSTD_DCtx *)
    size_t ZSTD_compressBound(size_t)
    unsigned ZSTD_versionNumber()

cdef extern from "openssl/crypto.h" nogil:
    void OPENSSL_cleanse(void *, size_t)
    const char *OpenSSL_version(int)
    int OPENSSL_VERSION

cdef extern from "status.h" nogil:
    ctypedef enum status:
        STATUS_OK, STATUS_NO_MEMORY, STATUS_LIBRARY, STATUS_READ_FAILED, STATUS_WRITE_FAILED, STATUS_SOURCE_SHRANK
        STATUS_TOO_MANY_FRAMES, STATUS_TARGET_FULL, STATUS_DAMAGED, STATUS_CUT_OFF
    ctypedef enum fault_where:
        IN_PLAINTEXT, IN_RECORD, IN_LAST_RECORD
    ctypedef struct fault:
        status code
        int os_error
        fault_where where
        uint64_t place

cdef extern from "records.h" nogil:
    size_t RECORD_PLAIN, RECORD_SEALED, TAG_LEN, KEY_LEN, NONCE_LEN
    ctypedef struct record_key:
        uint8_t *key
        uint8_t *nonce
    ctypedef struct record_cipher:
        pass
    ctypedef enum record_direction:
        RECORDS_OPEN, RECORDS_SEAL
    status records_init(record_cipher *, const record_key *, record_direction)
    void records_free(record_cipher *)
    status records_seal(record_cipher *, uint64_t, const uint8_t *, size_t, uint8_t *)
    status records_seal_last(record_cipher *, uint64_t, const uint8_t *, size_t, uint8_t *)
    status record_open(record_cipher *, uint64_t, const uint8_t *, size_t, uint8_t *)

cdef extern from "digest.h" nogil:
    size_t DIGEST_LEN

cdef extern from "frames.h" nogil:
    size_t SKIPPABLE_HEADER_LEN, METADATA_MAX
    uint32_t PADDING_MAX
    ZSTD_CCtx *frame_compressor(int)
    status frame_compress(ZSTD_CCtx *, const uint8_t *, size_t, uint8_t *, size_t, size_t *)
    status frame_decompress(ZSTD_DCtx *, const uint8_t *, size_t, uint8_t *, size_t)

cdef extern from "table.h" nogil:
    ctypedef struct table_row:
        uint32_t frame_length
        uint32_t content_length
    ctypedef struct seek_table:
        table_row *rows
        size_t count
    status table_add(seek_table *, size_t, size_t)

cdef extern from "walk.h" nogil:
    ctypedef struct metadata:
        uint8_t *bytes
        size_t length
    ctypedef struct stream_walk:
        metadata head
        metadata tail
        seek_table table

cdef extern from "window.h" nogil:
    ctypedef enum end_kind:
        END_IN_TURN, END_FILE, END_MEMORY, END_NOWHERE
    ctypedef struct file_run:
        int64_t offset, at, length
    ctypedef struct pipe_end:
        end_kind kind
        int file
        uint8_t *memory
        uint64_t offset
        uint64_t length
        const file_run *runs
        size_t run_count
    int POLL_FEED, POLL_DRAIN, POLL_DONE, POLL_FAILED
    ctypedef struct window:
        uint64_t order_ns
    void window_stop(window *)

cdef extern from "seal.h" nogil:
    ctypedef struct seal_pipe:
        window w
        uint64_t grow_at[2]
        fault why
        uint64_t content_taken
        uint64_t content_done
        uint64_t records
        uint64_t fixed
        size_t carry_length
        seek_table table
    status seal_init(seal_pipe *, size_t)
    void seal_free(seal_pipe *)
    status seal_begin(seal_pipe *, const record_key *, int, size_t, pipe_end, pipe_end, const uint8_t *, size_t)
    status seal_digest_begin(seal_pipe *, const uint8_t *, size_t, const uint8_t *, size_t)
    status seal_digest_end(seal_pipe *, uint8_t *)
    void seal_work(seal_pipe *)
    int seal_step(seal_pipe *)
    int seal_poll(seal_pipe *, unsigned)
    status seal_reserve(seal_pipe *, uint8_t **, size_t *)
    void seal_commit(seal_pipe *, size_t)
    void seal_end(seal_pipe *)
    void seal_output(seal_pipe *, uint8_t **, size_t *)
    void seal_release(seal_pipe *)
    void seal_finish(seal_pipe *, const uint8_t *, size_t, size_t)
    size_t seal_finish_length(const seal_pipe *)
    status seal_finish_next(seal_pipe *, uint8_t *)

cdef extern from "unseal.h" nogil:
    size_t RUN_PLAIN, RUN_SEALED
    ctypedef struct unseal_pipe:
        window w
        stream_walk walk
        uint64_t content_done
        uint64_t walked
    status unseal_init(unseal_pipe *, size_t, size_t)
    void unseal_free(unseal_pipe *)
    status unseal_begin(unseal_pipe *, const record_key *, size_t, pipe_end, pipe_end)
    status unseal_digest_begin(unseal_pipe *, const uint8_t *, size_t)
    status unseal_digest_end(unseal_pipe *, uint8_t *)
    void unseal_work(unseal_pipe *)
    int unseal_step(unseal_pipe *)
    int unseal_poll(unseal_pipe *, unsigned)
    status unseal_reserve(unseal_pipe *, uint8_t **, size_t *)
    void unseal_commit(unseal_pipe *, size_t, int)
    void unseal_output(unseal_pipe *, uint8_t **, size_t *)
    void unseal_release(unseal_pipe *)
    fault unseal_fault(unseal_pipe *)
