/* kinds.h: what files are, told by their first bytes, many at a time. */
#ifndef CHATSEAL_KINDS_H
#define CHATSEAL_KINDS_H

#include "reader.h"

enum { KIND_OTHER, KIND_DATABASE, KIND_WAL, KIND_JOURNAL, KIND_CACHE };

#define KIND_LOOK 64 /* bytes that tell */

int kind_of(const uint8_t *start, size_t length);

/* Puts into *kinds* what each of *count* files in the folder at *folder* is; *names* has one after another, each ended by a zero. What cannot
 * be read is KIND_OTHER. Links are not followed, a FIFO does not block. On a thread of *anchor*, which has to be apart (reader_is_apart):
 * the files are closed again at once, and may be locked by this process. Returns 0 or an errno. */
int kinds_look(reader_file *anchor, const char *folder, const char *names, size_t count, uint8_t *kinds);

#endif
