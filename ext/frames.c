#include "frames.h"

#include <zstd_errors.h>

parse_result frame_parse(const uint8_t *bytes, size_t length, frame_header *header)
{
    static const uint8_t size_field[] = {0, 2, 4, 8};
    if (length < 5)
        return MORE_BYTES;
    if (little32(bytes) != MAGIC_DATA)
        return MALFORMED;
    uint8_t descriptor = bytes[4];
    int one_segment = descriptor >> 5 & 1;
    int has_checksum = descriptor >> 2 & 1;
    size_t size_length = size_field[descriptor >> 6];
    if (size_length == 0 && one_segment)
        size_length = 1;
    /* reserved bit, dictionary id, no checksum, no content size */
    if ((descriptor & 0x08) || (descriptor & 0x03) || !has_checksum || size_length == 0)
        return MALFORMED;
    size_t at = one_segment ? 5 : 6;
    if (length < at + size_length)
        return MORE_BYTES;
    if (!one_segment) {
        unsigned exponent = bytes[5] >> 3, mantissa = bytes[5] & 7;
        uint64_t base = (uint64_t)1 << (10 + exponent);
        if (base + base / 8 * mantissa > CONTENT_MAX)
            return MALFORMED;
    }
    uint64_t content = 0;
    for (size_t i = 0; i < size_length; i++)
        content |= (uint64_t)bytes[at + i] << (8 * i);
    if (size_length == 2)
        content += 256;
    if (content == 0 || content > CONTENT_MAX)
        return MALFORMED;
    header->header_length = at + size_length;
    header->content_length = (size_t)content;
    return PARSED;
}

parse_result block_parse(const uint8_t bytes[BLOCK_HEADER_LEN], block_header *block)
{
    enum { RAW, RUN, COMPRESSED, RESERVED };
    uint32_t value = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
    unsigned type = value >> 1 & 3;
    if (type == RESERVED || value >> 3 > BLOCK_MAX)
        return MALFORMED;
    block->is_last = (int)(value & 1);
    block->length = type == RUN ? 1 : value >> 3;
    return PARSED;
}

ZSTD_CCtx *frame_compressor(int level)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context == NULL)
        return NULL;
    if (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level))
        || ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1))) {
        ZSTD_freeCCtx(context);
        return NULL;
    }
    return context;
}

/* libzstd's own failures: too little memory, or a malfunction. */
static status library_status(size_t result)
{
    return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? STATUS_NO_MEMORY : STATUS_LIBRARY;
}

status frame_compress(ZSTD_CCtx *context, const uint8_t *content, size_t length, uint8_t *out, size_t capacity, size_t *frame_length)
{
    size_t result = ZSTD_compress2(context, out, capacity, content, length);
    if (ZSTD_isError(result))
        return library_status(result);
    *frame_length = result;
    return STATUS_OK;
}

/* Whether blocks and checksum fill *frame* from *at* on, to the byte. */
static int blocks_fill(const uint8_t *frame, size_t length, size_t at)
{
    block_header block = {0};
    while (!block.is_last) {
        if (length - at < BLOCK_HEADER_LEN || block_parse(frame + at, &block) != PARSED)
            return 0;
        at += BLOCK_HEADER_LEN;
        if (length - at < block.length)
            return 0;
        at += block.length;
    }
    return length - at == CHECKSUM_LEN;
}

status frame_decompress(ZSTD_DCtx *context, const uint8_t *frame, size_t frame_length, uint8_t *out, size_t length)
{
    frame_header header;
    if (frame_parse(frame, frame_length, &header) != PARSED || header.content_length != length
        || !blocks_fill(frame, frame_length, header.header_length))
        return STATUS_DAMAGED;
    size_t result = ZSTD_decompressDCtx(context, out, length, frame, frame_length);
    if (ZSTD_isError(result))
        return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? STATUS_NO_MEMORY : STATUS_DAMAGED;
    return result == length ? STATUS_OK : STATUS_DAMAGED;
}
