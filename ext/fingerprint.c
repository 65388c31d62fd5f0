#include "fingerprint.h"

#include <string.h>

#define BLOCK 64
#define DIGEST 32

/* The state after one block of key XOR *pad* (RFC 2104). */
static EVP_MD_CTX *keyed(const uint8_t key[FINGERPRINT_KEY_LEN], uint8_t pad) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t block[BLOCK];
    memset(block, pad, sizeof block);
    for (size_t i = 0; i < FINGERPRINT_KEY_LEN; i++)
        block[i] ^= key[i];
    int ok = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) && EVP_DigestUpdate(context, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
    if (ok)
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

status fingerprint_init(fingerprinter *f, const uint8_t key[FINGERPRINT_KEY_LEN]) {
    f->inner = keyed(key, 0x36);
    f->outer = keyed(key, 0x5c);
    f->work = EVP_MD_CTX_new();
    if (f->inner && f->outer && f->work)
        return STATUS_OK;
    fingerprint_free(f);
    return STATUS_LIBRARY;
}

void fingerprint_free(fingerprinter *f) {
    EVP_MD_CTX_free(f->inner);
    EVP_MD_CTX_free(f->outer);
    EVP_MD_CTX_free(f->work);
    memset(f, 0, sizeof *f);
}

status fingerprint(fingerprinter *f, const uint8_t *data, size_t length, uint8_t out[FINGERPRINT_LEN]) {
    uint8_t digest[DIGEST];
    if (!EVP_MD_CTX_copy_ex(f->work, f->inner) || !EVP_DigestUpdate(f->work, data, length) || !EVP_DigestFinal_ex(f->work, digest, NULL) ||
        !EVP_MD_CTX_copy_ex(f->work, f->outer) || !EVP_DigestUpdate(f->work, digest, sizeof digest) || !EVP_DigestFinal_ex(f->work, digest, NULL))
        return STATUS_LIBRARY;
    memcpy(out, digest, FINGERPRINT_LEN);
    return STATUS_OK;
}

static int is_zero(const uint8_t *data, size_t length) {
    return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

status fingerprint_compare(fingerprinter *f, const uint8_t *data, size_t length, size_t unit, size_t known, uint8_t *prints, uint8_t *marks, size_t *changed) {
    *changed = 0;
    for (size_t at = 0, i = 0; at < length; at += unit, i++) {
        size_t n = length - at < unit ? length - at : unit;
        uint8_t now[FINGERPRINT_LEN], *before = prints + i * FINGERPRINT_LEN;
        status s = fingerprint(f, data + at, n, now);
        if (s != STATUS_OK)
            return s;
        if (i < known && memcmp(now, before, FINGERPRINT_LEN) == 0) {
            marks[i] = UNIT_SAME;
            continue;
        }
        memcpy(before, now, FINGERPRINT_LEN);
        marks[i] = is_zero(data + at, n) ? UNIT_ZERO : UNIT_CHANGED;
        ++*changed;
    }
    return STATUS_OK;
}
