/* fingerprint.h: a keyed PRF of each unit of a source, 128 bits: which units differ from the last time.
 *
 * HMAC-SHA-256 of the unit, cut to 16 bytes. Content is written by strangers, so no unkeyed hash decides what is sent; two units are only ever
 * compared at one place of one source. The states after key and pad are made once: a unit costs its own blocks and two more. */
#ifndef CHATSEAL_FINGERPRINT_H
#define CHATSEAL_FINGERPRINT_H

#include "status.h"

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_LEN 16
#define FINGERPRINT_KEY_LEN 32

enum { UNIT_SAME, UNIT_CHANGED, UNIT_ZERO }; /* UNIT_ZERO: changed, and all zeros */

/* One thread's state. */
typedef struct {
    EVP_MD_CTX *inner, *outer, *work;
} fingerprinter;

status fingerprint_init(fingerprinter *f, const uint8_t key[FINGERPRINT_KEY_LEN]);
void fingerprint_free(fingerprinter *f);

status fingerprint(fingerprinter *f, const uint8_t *data, size_t length, uint8_t out[FINGERPRINT_LEN]);

/* For each *unit* bytes of *data* (the last may be shorter): writes its fingerprint over the one in *prints*, says in *marks* what became of it,
 * and returns in *changed* how many are not UNIT_SAME. The first *known* fingerprints are those of the last time; the rest is not read. */
status fingerprint_compare(fingerprinter *f, const uint8_t *data, size_t length, size_t unit, size_t known, uint8_t *prints, uint8_t *marks, size_t *changed);

#endif
