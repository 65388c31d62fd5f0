/* records.h: Cobblestone-256 records (docs/format.md, section 3; c2sp.org/chunked-encryption).
 *
 *   stream   | 16384 bytes | 16384 bytes | ... | fewer than 16384 |
 *   payload  | 16384 + tag | 16384 + tag | ... |   fewer  +  tag  |
 *
 * AES-256-GCM by libcrypto's EVP, no AAD, nonce = base nonce XOR record number. Records are independent, so any worker
 * may do any run of them. No Python here, no allocation after records_init, no state shared between ciphers. */
#ifndef CHATSEAL_RECORDS_H
#define CHATSEAL_RECORDS_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define KEY_LEN 32
#define NONCE_LEN 12
#define TAG_LEN 16
#define RECORD_PLAIN 16384
#define RECORD_SEALED (RECORD_PLAIN + TAG_LEN)

/* Key and base nonce of one payload. Owned by the pipeline, wiped when it ends. */
typedef struct {
    uint8_t key[KEY_LEN];
    uint8_t nonce[NONCE_LEN];
} record_key;

/* One worker's cipher. Not shared between threads. Zero it before the first records_init. */
typedef struct {
    EVP_CIPHER_CTX *context;
    uint8_t nonce[NONCE_LEN];
} record_cipher;

typedef enum { RECORDS_OPEN = 0, RECORDS_SEAL = 1 } record_direction;

/* Prepares *cipher* for *key*; the context is made once and kept over calls. STATUS_NO_MEMORY or STATUS_LIBRARY on failure. */
status records_init(record_cipher *cipher, const record_key *key, record_direction direction);
void records_free(record_cipher *cipher);

/* Encrypts *length* bytes of stream, beginning at record *first*, into records at *out*, which must not overlap *plain*.
 * Whole records, and one short one if length is not a multiple of RECORD_PLAIN. A length of 0 makes nothing. */
status records_seal(record_cipher *cipher, uint64_t first, const uint8_t *plain, size_t length, uint8_t *out);

/* Makes the short last record of *length* < RECORD_PLAIN bytes, which may be 0. */
status records_seal_last(record_cipher *cipher, uint64_t number, const uint8_t *plain, size_t length, uint8_t *out);

/* Authenticates and decrypts one record of *sealed_length* bytes (tag included). STATUS_DAMAGED: *plain* holds nothing of use and
 * has been wiped. */
status record_open(record_cipher *cipher, uint64_t number, const uint8_t *sealed, size_t sealed_length, uint8_t *plain);

#endif
