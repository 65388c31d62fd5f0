#include "digest.h"

status digest_begin(digest_state *state)
{
    const EVP_MD *algorithm = NULL; /* the one before: looking it up again costs more than a small frame */
    if (state->context == NULL) {
        state->context = EVP_MD_CTX_new();
        if (state->context == NULL)
            return STATUS_NO_MEMORY;
        algorithm = EVP_sha512();
    }
    if (EVP_DigestInit_ex(state->context, algorithm, NULL) != 1) {
        digest_free(state); /* without an algorithm there is none to go on with */
        return STATUS_LIBRARY;
    }
    return STATUS_OK;
}

status digest_add(digest_state *state, const uint8_t *bytes, size_t length)
{
    return EVP_DigestUpdate(state->context, bytes, length) == 1 ? STATUS_OK : STATUS_LIBRARY;
}

status digest_end(digest_state *state, uint8_t digest[DIGEST_LEN])
{
    return EVP_DigestFinal_ex(state->context, digest, NULL) == 1 ? STATUS_OK : STATUS_LIBRARY;
}

void digest_free(digest_state *state)
{
    EVP_MD_CTX_free(state->context);
    state->context = NULL;
}

status digest_of(digest_state *state, const uint8_t *bytes, size_t length, uint8_t digest[DIGEST_LEN])
{
    status result = digest_begin(state);
    if (result == STATUS_OK)
        result = digest_add(state, bytes, length);
    if (result == STATUS_OK)
        result = digest_end(state, digest);
    return result;
}
