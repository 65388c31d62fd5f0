/* evp.c: ways to encrypt records of 16 KiB with libcrypto, timed on one thread (docs/design/evp.md).
 *
 *   cc -O2 -o build/evp bench/evp.c $(pkg-config --cflags --libs libcrypto) && build/evp
 *
 * Each way encrypts the same 1 MiB again and again into the same buffer, so that only the library and the cache take part. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TAG_LEN 16
#define DATA_LEN ((size_t)1 << 20)
#define LAPS 9

static uint8_t key[32] = {1}, nonce[12] = {2}, *plain, *sealed;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(int ok)
{
    if (ok != 1) {
        fputs("libcrypto failed\n", stderr);
        exit(1);
    }
}

static void finish(EVP_CIPHER_CTX *context, const uint8_t *in, uint8_t *out, size_t length)
{
    int done;
    must(EVP_EncryptUpdate(context, out, &done, in, (int)length));
    must(EVP_EncryptFinal_ex(context, out + length, &done));
    must(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, out + length));
}

typedef void (*way)(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, const uint8_t *in, uint8_t *out, size_t length);

/* What ext/records.c does: cipher and key stay, a record brings its nonce. */
static void reset_nonce(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, const uint8_t *in, uint8_t *out, size_t length)
{
    (void)cipher;
    must(EVP_EncryptInit_ex(context, NULL, NULL, NULL, nonce));
    finish(context, in, out, length);
}

/* The key again with each record: its schedule and GHASH's table are made again. */
static void set_key(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, const uint8_t *in, uint8_t *out, size_t length)
{
    (void)cipher;
    must(EVP_EncryptInit_ex(context, NULL, NULL, key, nonce));
    finish(context, in, out, length);
}

/* Cipher, key and nonce with each record, as in the manual's example, on one context. */
static void set_all(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, const uint8_t *in, uint8_t *out, size_t length)
{
    must(EVP_EncryptInit_ex(context, cipher, NULL, key, nonce));
    finish(context, in, out, length);
}

/* A context for each record: what one-shot functions of other libraries' bindings do. */
static void new_context(EVP_CIPHER_CTX *unused, const EVP_CIPHER *cipher, const uint8_t *in, uint8_t *out, size_t length)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    (void)unused;
    must(context != NULL);
    set_all(context, cipher, in, out, length);
    EVP_CIPHER_CTX_free(context);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, way encrypt, const EVP_CIPHER *cipher, size_t record)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    double laps[LAPS];
    size_t count = DATA_LEN / record, repeats = ((size_t)128 << 20) / DATA_LEN;
    must(context != NULL);
    must(EVP_EncryptInit_ex(context, cipher, NULL, key, nonce));
    for (int lap = 0; lap < LAPS; lap++) {
        double began = now();
        for (size_t r = 0; r < repeats; r++)
            for (size_t i = 0; i < count; i++) {
                nonce[11] = (uint8_t)i;
                encrypt(context, cipher, plain + i * record, sealed + i * (record + TAG_LEN), record);
            }
        laps[lap] = now() - began;
    }
    qsort(laps, LAPS, sizeof *laps, by_size);
    double seconds = laps[LAPS / 2] / (double)(repeats * count);
    printf("| %-48s | %7zu | %6.2f | %8.2f |\n", name, record, (double)record / seconds / 1e9, seconds * 1e6);
    EVP_CIPHER_CTX_free(context);
}

int main(void)
{
    EVP_CIPHER *fetched = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    const size_t sizes[] = {1024, 4096, 16384, 65536, 1 << 20};
    plain = malloc(DATA_LEN);
    sealed = malloc(2 * DATA_LEN);
    must(fetched != NULL && plain != NULL && sealed != NULL);
    memset(plain, 3, DATA_LEN);
    memset(sealed, 4, 2 * DATA_LEN);
    printf("%s\n\n| way | record, bytes | GB/s | us a record |\n|---|---|---|---|\n", OpenSSL_version(OPENSSL_VERSION));
    measure("one context, nonce reset (the core)", reset_nonce, EVP_aes_256_gcm(), 16384);
    measure("one context, key and nonce", set_key, EVP_aes_256_gcm(), 16384);
    measure("one context, cipher, key and nonce", set_all, EVP_aes_256_gcm(), 16384);
    measure("one context, fetched cipher, key and nonce", set_all, fetched, 16384);
    measure("a context for each record", new_context, EVP_aes_256_gcm(), 16384);
    measure("a context for each record, fetched cipher", new_context, fetched, 16384);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        measure("one context, nonce reset, other sizes of record", reset_nonce, EVP_aes_256_gcm(), sizes[i]);
    EVP_CIPHER_free(fetched);
    free(plain);
    free(sealed);
}
