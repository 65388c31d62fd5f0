/* frames.h: the zstd frames a stream is made of (docs/format.md, section 4; RFC 8878, section 3.1.1).
 *
 *   | magic 4 | descriptor 1 | [window 1] | [dictionary 0-4] | content size 1-8 | block | block | ... | checksum 4 |
 *
 * The header is parsed here and not by libzstd, because a reader of ours accepts less than a zstd decoder does. */
#ifndef CHATSEAL_FRAMES_H
#define CHATSEAL_FRAMES_H

#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

#include "status.h"

#define MAGIC_DATA 0xFD2FB528u
#define MAGIC_HEAD 0x184D2A5Au
#define MAGIC_TAIL 0x184D2A5Bu
#define MAGIC_PADDING 0x184D2A5Cu
#define MAGIC_TABLE 0x184D2A5Eu
#define MAGIC_SEEKABLE 0x8F92EAB1u

#define FRAME_HEADER_MAX 18
#define BLOCK_HEADER_LEN 3
#define BLOCK_MAX (128u << 10)
#define CHECKSUM_LEN 4
#define SKIPPABLE_HEADER_LEN 8
#define CONTENT_MAX (16u << 20)
#define FRAME_MAX ((size_t)ZSTD_COMPRESSBOUND(CONTENT_MAX))
#define METADATA_MAX 4096
#define PADDING_MAX (1u << 30)
#define PADDING_FRAMES_MAX 1024

typedef struct {
    size_t header_length;  /* bytes before the first block */
    size_t content_length; /* 1 to CONTENT_MAX */
} frame_header;

typedef struct {
    size_t length; /* bytes after the block's header */
    int is_last;
} block_header;

typedef enum { PARSED, MORE_BYTES, MALFORMED } parse_result;

static inline uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void put32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* Reads a data frame's header at *bytes*, of which *length* are there. MALFORMED also for what section 4 forbids. */
parse_result frame_parse(const uint8_t *bytes, size_t length, frame_header *header);

/* Reads the 3 bytes of a block header. */
parse_result block_parse(const uint8_t bytes[BLOCK_HEADER_LEN], block_header *block);

/* One worker's compressor for *level* with content size and checksum on. NULL: no memory. */
ZSTD_CCtx *frame_compressor(int level);

/* Compresses *content* as one frame into *out*; *capacity* at least ZSTD_compressBound(length). */
status frame_compress(ZSTD_CCtx *context, const uint8_t *content, size_t length, uint8_t *out, size_t capacity, size_t *frame_length);

/* Decompresses one whole data frame of exactly *frame_length* bytes that holds exactly *length* bytes of content.
 * Header, sizes and checksum are checked: anything else is STATUS_DAMAGED. *out* may be written to in every case. */
status frame_decompress(ZSTD_DCtx *context, const uint8_t *frame, size_t frame_length, uint8_t *out, size_t length);

#endif
