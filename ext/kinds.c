#define _GNU_SOURCE
#include "kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#ifndef O_PATH
#define O_PATH O_RDONLY
#endif
#ifndef O_NOATIME
#define O_NOATIME 0
#endif

static const struct {
    const char *magic;
    size_t length;
    int kind;
} MAGICS[] = {
    {"SQLite format 3", 16, KIND_DATABASE}, /* with the zero after it */
    {"\x37\x7f\x06\x82", 4, KIND_WAL},
    {"\x37\x7f\x06\x83", 4, KIND_WAL},
    {"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8, KIND_JOURNAL},
    {"Signature: 8a477f597d28d172789f06886806bc55", 43, KIND_CACHE},
};

int kind_of(const uint8_t *start, size_t length)
{
    for (size_t i = 0; i < sizeof MAGICS / sizeof *MAGICS; i++)
        if (length >= MAGICS[i].length && memcmp(start, MAGICS[i].magic, MAGICS[i].length) == 0)
            return MAGICS[i].kind;
    return KIND_OTHER;
}

static int kind_in(int folder, const char *name)
{
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    uint8_t start[KIND_LOOK];
    size_t length = 0;
    int fd = openat(folder, name, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM)
        fd = openat(folder, name, flags);
    if (fd < 0)
        return KIND_OTHER;
    int e = read_at(fd, 0, start, sizeof start, &length);
    close(fd);
    return e ? KIND_OTHER : kind_of(start, length);
}

typedef struct {
    const char *folder, *names;
    size_t count;
    uint8_t *kinds;
} look;

static int look_at_all(void *given)
{
    look *l = given;
    int folder = open(l->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    memset(l->kinds, KIND_OTHER, l->count);
    if (folder < 0)
        return errno == EMFILE || errno == ENFILE ? errno : 0;
    for (size_t i = 0; i < l->count; i++) {
        l->kinds[i] = (uint8_t)kind_in(folder, l->names);
        l->names += strlen(l->names) + 1;
    }
    close(folder);
    return 0;
}

int kinds_look(reader_file *anchor, const char *folder, const char *names, size_t count, uint8_t *kinds)
{
    look l = {folder, names, count, kinds};
    return reader_run(anchor, look_at_all, &l);
}
