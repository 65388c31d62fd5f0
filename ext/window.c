#include "window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

status window_init(window *w)
{
    memset(w, 0, sizeof *w);
    if (lock_init(&w->lock) != 0)
        return STATUS_NO_MEMORY;
    if (signal_init(&w->work) != 0) {
        lock_free(&w->lock);
        return STATUS_NO_MEMORY;
    }
    if (signal_init(&w->turn) != 0) {
        signal_free(&w->work);
        lock_free(&w->lock);
        return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void window_free(window *w)
{
    signal_free(&w->turn);
    signal_free(&w->work);
    lock_free(&w->lock);
}

void window_stop(window *w)
{
    lock_take(&w->lock);
    w->stopped = 1;
    signal_all(&w->work);
    signal_all(&w->turn);
    lock_give(&w->lock);
}

#ifdef _WIN32
#include <io.h>
static long long file_move(int file, uint64_t at, void *buffer, size_t length, int writing)
{
    OVERLAPPED place = {.Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32)};
    HANDLE handle = (HANDLE)_get_osfhandle(file);
    DWORD moved = 0, ask = length > (1u << 30) ? (1u << 30) : (DWORD)length;
    BOOL ok = writing ? WriteFile(handle, buffer, ask, &moved, &place) : ReadFile(handle, buffer, ask, &moved, &place);
    if (!ok && GetLastError() == ERROR_HANDLE_EOF)
        return 0;
    if (!ok)
        errno = GetLastError() == ERROR_DISK_FULL ? ENOSPC : EIO;
    return ok ? (long long)moved : -1;
}
#else
#include <sys/types.h>
#include <unistd.h>
static long long file_move(int file, uint64_t at, void *buffer, size_t length, int writing)
{
    return writing ? pwrite(file, buffer, length, (off_t)at) : pread(file, buffer, length, (off_t)at);
}
#endif

/* Short reads and writes and interruptions are normal; an end of file or an error is not. */
static status file_move_all(const pipe_end *end, uint64_t at, uint8_t *buffer, size_t length, int writing, fault *why)
{
    size_t done = 0;
    while (done < length) {
        long long n = file_move(end->file, end->offset + at + done, buffer + done, length - done, writing);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0) {
            why->place = at + done;
            why->os_error = ENOSPC;
            return writing ? STATUS_WRITE_FAILED : STATUS_SOURCE_SHRANK;
        } else if (errno != EINTR) {
            why->place = at + done;
            why->os_error = errno;
            return writing ? STATUS_WRITE_FAILED : STATUS_READ_FAILED;
        }
    }
    return STATUS_OK;
}

status end_read(const pipe_end *end, uint64_t at, uint8_t *buffer, size_t length, fault *why)
{
    return file_move_all(end, at, buffer, length, 0, why);
}

/* The first run that ends after *at*. */
static size_t run_after(const pipe_end *end, uint64_t at)
{
    size_t low = 0, high = end->run_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uint64_t)(end->runs[middle].at + end->runs[middle].length) <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static status write_runs(const pipe_end *end, uint64_t at, const uint8_t *buffer, size_t length, fault *why)
{
    status result = STATUS_OK;
    for (size_t i = run_after(end, at); i < end->run_count && result == STATUS_OK; i++) {
        const file_run *run = &end->runs[i];
        uint64_t from = (uint64_t)run->at > at ? (uint64_t)run->at : at;
        uint64_t until = (uint64_t)(run->at + run->length) < at + length ? (uint64_t)(run->at + run->length) : at + length;
        if (from >= until)
            break;
        result = file_move_all(end, (uint64_t)run->offset + (from - (uint64_t)run->at), (uint8_t *)buffer + (from - at), until - from, 1, why);
        if (result != STATUS_OK)
            why->place = from;
    }
    return result;
}

status end_write(const pipe_end *end, uint64_t at, const uint8_t *buffer, size_t length, fault *why)
{
    if (end->runs != NULL)
        return write_runs(end, at, buffer, length, why);
    return file_move_all(end, at, (uint8_t *)buffer, length, 1, why);
}

status buffer_reserve(uint8_t **buffer, size_t *capacity, size_t need)
{
    if (*capacity >= need)
        return STATUS_OK;
    free(*buffer);
    *capacity = 0;
    *buffer = malloc(need);
    if (*buffer == NULL)
        return STATUS_NO_MEMORY;
    *capacity = need;
    return STATUS_OK;
}
