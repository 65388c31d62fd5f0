/* status.h: what native work can end with. Python turns these into exceptions in one place (core.pyx, `_raise`). */
#ifndef CHATSEAL_STATUS_H
#define CHATSEAL_STATUS_H

#include <stdint.h>

typedef enum {
    STATUS_OK = 0,
    STATUS_NO_MEMORY,       /* an allocation failed */
    STATUS_LIBRARY,         /* libzstd or libcrypto malfunctioned */
    STATUS_READ_FAILED,     /* the operating system refused a read; fault.os_error says why */
    STATUS_WRITE_FAILED,    /* the same for a write */
    STATUS_SOURCE_SHRANK,   /* the source ended before the size it had at the start */
    STATUS_TOO_MANY_FRAMES, /* more than MAX_FRAMES frames */
    STATUS_TARGET_FULL,     /* the caller's buffer is smaller than the plaintext */
    STATUS_DAMAGED,         /* a record does not authenticate, or authentic bytes break the format */
    STATUS_CUT_OFF          /* the payload's length alone says that its end is missing */
} status;

/* What fault.place counts: bytes of plaintext, or bytes after the payload's prefix. */
typedef enum { IN_PLAINTEXT = 0, IN_RECORD, IN_LAST_RECORD } fault_where;

/* Where and why the work ended. */
typedef struct {
    status code;
    int os_error;
    fault_where where;
    uint64_t place;
} fault;

#endif
