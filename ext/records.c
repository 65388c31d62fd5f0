#include "records.h"

#include <openssl/crypto.h>
#include <string.h>

status records_init(record_cipher *cipher, const record_key *key, record_direction direction)
{
    if (cipher->context == NULL) {
        cipher->context = EVP_CIPHER_CTX_new();
        if (cipher->context == NULL)
            return STATUS_NO_MEMORY;
    }
    memcpy(cipher->nonce, key->nonce, NONCE_LEN);
    if (EVP_CipherInit_ex(cipher->context, EVP_aes_256_gcm(), NULL, key->key, NULL, (int)direction) != 1)
        return STATUS_LIBRARY;
    return STATUS_OK;
}

void records_free(record_cipher *cipher)
{
    EVP_CIPHER_CTX_free(cipher->context); /* wipes the key schedule */
    cipher->context = NULL;
    OPENSSL_cleanse(cipher->nonce, NONCE_LEN);
}

static void record_nonce(const record_cipher *cipher, uint64_t number, uint8_t nonce[NONCE_LEN])
{
    memcpy(nonce, cipher->nonce, NONCE_LEN);
    for (int i = 0; i < 8; i++)
        nonce[NONCE_LEN - 1 - i] ^= (uint8_t)(number >> (8 * i));
}

status records_seal_last(record_cipher *cipher, uint64_t number, const uint8_t *plain, size_t length, uint8_t *out)
{
    uint8_t nonce[NONCE_LEN], nothing = 0;
    int done = 0;
    record_nonce(cipher, number, nonce);
    if (EVP_EncryptInit_ex(cipher->context, NULL, NULL, NULL, nonce) != 1
        || EVP_EncryptUpdate(cipher->context, out, &done, length ? plain : &nothing, (int)length) != 1
        || EVP_EncryptFinal_ex(cipher->context, out + length, &done) != 1
        || EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, out + length) != 1)
        return STATUS_LIBRARY;
    return STATUS_OK;
}

status records_seal(record_cipher *cipher, uint64_t first, const uint8_t *plain, size_t length, uint8_t *out)
{
    for (size_t at = 0; at < length; at += RECORD_PLAIN, out += RECORD_SEALED) {
        size_t n = length - at < RECORD_PLAIN ? length - at : RECORD_PLAIN;
        status result = records_seal_last(cipher, first++, plain + at, n, out);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

status record_open(record_cipher *cipher, uint64_t number, const uint8_t *sealed, size_t sealed_length, uint8_t *plain)
{
    uint8_t nonce[NONCE_LEN], unused[TAG_LEN];
    size_t length = sealed_length - TAG_LEN;
    int done = 0;
    record_nonce(cipher, number, nonce);
    if (EVP_DecryptInit_ex(cipher->context, NULL, NULL, NULL, nonce) != 1
        || EVP_DecryptUpdate(cipher->context, plain, &done, sealed, (int)length) != 1
        || EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, (void *)(sealed + length)) != 1)
        return STATUS_LIBRARY;
    if (EVP_DecryptFinal_ex(cipher->context, unused, &done) != 1) {
        OPENSSL_cleanse(plain, length);
        return STATUS_DAMAGED;
    }
    return STATUS_OK;
}
