/* digest.h: SHA-512 of frames, and of those digests in order: what a signature stands for (docs/format.md, section 4).
 *
 *   digest of the stream  =  SHA-512( prefix || SHA-512(head) || SHA-512(data frame 0) || SHA-512(data frame 1) || ... )
 *
 * The inner ones are independent, so each is made by the worker that has the frame in its cache; the outer one takes 64 bytes a frame.
 * libcrypto's EVP. No Python here, and after the first use no allocation. */
#ifndef CHATSEAL_DIGEST_H
#define CHATSEAL_DIGEST_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define DIGEST_LEN 64

/* One hash under way. Not shared between threads. Zero it before the first digest_begin. */
typedef struct {
    EVP_MD_CTX *context;
} digest_state;

/* Each gives STATUS_NO_MEMORY or STATUS_LIBRARY on failure. After digest_end only digest_begin or digest_free may follow. */
status digest_begin(digest_state *state);
status digest_add(digest_state *state, const uint8_t *bytes, size_t length);
status digest_end(digest_state *state, uint8_t digest[DIGEST_LEN]);
void digest_free(digest_state *state);

/* All three for bytes that lie in one place. */
status digest_of(digest_state *state, const uint8_t *bytes, size_t length, uint8_t digest[DIGEST_LEN]);

#endif
