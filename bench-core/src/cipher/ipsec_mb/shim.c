/* Intel's multi-buffer library, as library.rs calls it: what is an inline macro or a field of a
 * large structure there is a function here. Nothing is allocated but by tunneltax_imb_new. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>

/* Packets of a burst at most; as in library.rs. */
#define LANES 16
/* Block of SHA-1 and SHA-256 (FIPS 180-4, 1). */
#define HASH_BLOCK 64

/* A manager and one key, expanded. */
struct tunneltax_imb {
    struct gcm_key_data gcm;
    uint32_t encrypt[4 * 15] __attribute__((aligned(16)));
    uint32_t decrypt[4 * 15] __attribute__((aligned(16)));
    uint64_t des[3][16] __attribute__((aligned(16)));
    /* HMAC's state behind the key, by inner and outer padding (RFC 2104, 4). */
    uint8_t inner[32] __attribute__((aligned(16)));
    uint8_t outer[32] __attribute__((aligned(16)));
    uint8_t chacha[32] __attribute__((aligned(16)));
    const void *des_keys[3];
    const void *enc_keys;
    const void *dec_keys;
    uint64_t key_bytes;
    uint64_t iv_bytes;
    uint64_t tag_bytes;
    IMB_CIPHER_MODE mode;
    IMB_HASH_ALG hash;
    aes_gcm_enc_dec_t seal_gcm;
    aes_gcm_enc_dec_t open_gcm;
    IMB_MGR *manager;
} __attribute__((aligned(64)));

/* One packet; as in library.rs. `covered` is what the MAC covers, the text within. */
struct tunneltax_imb_job {
    uint8_t *covered;
    uint64_t covered_bytes;
    uint64_t text_offset;
    uint64_t text_bytes;
    const uint8_t *iv;
    const uint8_t *aad;
    uint64_t aad_bytes;
    uint8_t *tag;
};

void tunneltax_imb_free(struct tunneltax_imb *imb)
{
    if (imb != NULL && imb->manager != NULL)
        free_mb_mgr(imb->manager);
    free(imb);
}

/* A manager for this CPU; NULL where there is no memory. */
struct tunneltax_imb *tunneltax_imb_new(void)
{
    void *memory;

    if (posix_memalign(&memory, 64, sizeof(struct tunneltax_imb)) != 0)
        return NULL;
    memset(memory, 0, sizeof(struct tunneltax_imb));
    struct tunneltax_imb *imb = memory;
    imb->manager = alloc_mb_mgr(0);
    if (imb->manager == NULL) {
        free(imb);
        return NULL;
    }
    init_mb_mgr_auto(imb->manager, NULL);
    imb->mode = IMB_CIPHER_NULL;
    return imb;
}

/* Which of IMB_ARCH the manager chose. */
uint32_t tunneltax_imb_arch(const struct tunneltax_imb *imb)
{
    return imb->manager->used_arch;
}

/* AES-GCM by key length; 0 for a length that AES has not. */
int tunneltax_imb_gcm(struct tunneltax_imb *imb, const uint8_t *key, uint64_t key_bytes)
{
    IMB_MGR *manager = imb->manager;

    switch (key_bytes) {
    case 16:
        IMB_AES128_GCM_PRE(manager, key, &imb->gcm);
        imb->seal_gcm = manager->gcm128_enc;
        imb->open_gcm = manager->gcm128_dec;
        return 1;
    case 24:
        IMB_AES192_GCM_PRE(manager, key, &imb->gcm);
        imb->seal_gcm = manager->gcm192_enc;
        imb->open_gcm = manager->gcm192_dec;
        return 1;
    case 32:
        IMB_AES256_GCM_PRE(manager, key, &imb->gcm);
        imb->seal_gcm = manager->gcm256_enc;
        imb->open_gcm = manager->gcm256_dec;
        return 1;
    default:
        return 0;
    }
}

/* One packet by the library's direct call: text in place, tag of 16 octets, IV of 12. */
void tunneltax_imb_gcm_one(const struct tunneltax_imb *imb, int opens,
                           const struct tunneltax_imb_job *job)
{
    struct gcm_context_data scratch;
    aes_gcm_enc_dec_t call = opens ? imb->open_gcm : imb->seal_gcm;

    call(&imb->gcm, &scratch, job->covered, job->covered, job->covered_bytes, job->iv,
         job->aad, job->aad_bytes, job->tag, 16);
}

/* ChaCha20-Poly1305 with a key of 32 octets. */
void tunneltax_imb_chacha(struct tunneltax_imb *imb, const uint8_t *key)
{
    memcpy(imb->chacha, key, sizeof(imb->chacha));
    imb->enc_keys = imb->chacha;
    imb->dec_keys = imb->chacha;
    imb->key_bytes = 32;
    imb->iv_bytes = 12;
    imb->tag_bytes = 16;
    imb->mode = IMB_CIPHER_CHACHA20_POLY1305;
    imb->hash = IMB_AUTH_CHACHA20_POLY1305;
}

/* AES-CBC of 16 or 32 octets of key, 3DES-CBC of 24, no encryption of none; 0 for another. */
int tunneltax_imb_cbc(struct tunneltax_imb *imb, const uint8_t *key, uint64_t key_bytes)
{
    IMB_MGR *manager = imb->manager;

    imb->enc_keys = imb->encrypt;
    imb->dec_keys = imb->decrypt;
    imb->key_bytes = key_bytes;
    imb->iv_bytes = 16;
    imb->mode = IMB_CIPHER_CBC;
    switch (key_bytes) {
    case 0:
        imb->iv_bytes = 0;
        imb->mode = IMB_CIPHER_NULL;
        return 1;
    case 16:
        IMB_AES_KEYEXP_128(manager, key, imb->encrypt, imb->decrypt);
        return 1;
    case 24:
        for (int at = 0; at < 3; at++) {
            IMB_DES_KEYSCHED(manager, imb->des[at], key + 8 * at);
            imb->des_keys[at] = imb->des[at];
        }
        imb->enc_keys = imb->des_keys;
        imb->dec_keys = imb->des_keys;
        imb->iv_bytes = 8;
        imb->mode = IMB_CIPHER_DES3;
        return 1;
    case 32:
        IMB_AES_KEYEXP_256(manager, key, imb->encrypt, imb->decrypt);
        return 1;
    default:
        return 0;
    }
}

/* HMAC-SHA-1 cut to 96 bits of 20 octets of key, HMAC-SHA-256 cut to 128 of 32; 0 for another. */
int tunneltax_imb_hmac(struct tunneltax_imb *imb, const uint8_t *key, uint64_t key_bytes)
{
    uint8_t padded[HASH_BLOCK];
    uint8_t *const states[2] = {imb->inner, imb->outer};
    const uint8_t paddings[2] = {0x36, 0x5c};

    if (key_bytes != 20 && key_bytes != 32)
        return 0;
    for (int side = 0; side < 2; side++) {
        memset(padded, paddings[side], sizeof(padded));
        for (uint64_t at = 0; at < key_bytes; at++)
            padded[at] ^= key[at];
        if (key_bytes == 20)
            IMB_SHA1_ONE_BLOCK(imb->manager, padded, states[side]);
        else
            IMB_SHA256_ONE_BLOCK(imb->manager, padded, states[side]);
    }
    imb->hash = key_bytes == 20 ? IMB_AUTH_HMAC_SHA_1 : IMB_AUTH_HMAC_SHA_256;
    imb->tag_bytes = key_bytes == 20 ? 12 : 16;
    return 1;
}

static void fill(const struct tunneltax_imb *imb, int opens,
                 const struct tunneltax_imb_job *from, IMB_JOB *to)
{
    to->enc_keys = imb->enc_keys;
    to->dec_keys = imb->dec_keys;
    to->key_len_in_bytes = imb->key_bytes;
    to->src = from->covered;
    to->dst = from->covered + from->text_offset;
    to->cipher_start_src_offset_in_bytes = from->text_offset;
    to->msg_len_to_cipher_in_bytes = from->text_bytes;
    to->hash_start_src_offset_in_bytes = 0;
    to->msg_len_to_hash_in_bytes = from->covered_bytes;
    to->iv = from->iv;
    to->iv_len_in_bytes = imb->iv_bytes;
    to->auth_tag_output = from->tag;
    to->auth_tag_output_len_in_bytes = imb->tag_bytes;
    if (imb->hash == IMB_AUTH_CHACHA20_POLY1305) {
        to->u.CHACHA20_POLY1305.aad = from->aad;
        to->u.CHACHA20_POLY1305.aad_len_in_bytes = from->aad_bytes;
    } else {
        to->u.HMAC._hashed_auth_key_xor_ipad = imb->inner;
        to->u.HMAC._hashed_auth_key_xor_opad = imb->outer;
    }
    to->cipher_mode = imb->mode;
    to->hash_alg = imb->hash;
    to->cipher_direction = opens ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
    to->chain_order = opens ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
}

static uint32_t completed(IMB_JOB *const *jobs, uint32_t count)
{
    uint32_t right = 0;

    for (uint32_t at = 0; at < count; at++)
        right += jobs[at]->status == IMB_STATUS_COMPLETED;
    return right;
}

/* All packets of a burst; nothing of it is in the manager afterwards. How many were completed. */
uint32_t tunneltax_imb_burst(struct tunneltax_imb *imb, int opens,
                             const struct tunneltax_imb_job *jobs, uint32_t count)
{
    IMB_JOB *burst[LANES];
    IMB_MGR *manager = imb->manager;
    uint32_t right = 0;

    if (count > LANES || IMB_GET_NEXT_BURST(manager, count, burst) != count)
        return 0;
    for (uint32_t at = 0; at < count; at++)
        fill(imb, opens, &jobs[at], burst[at]);
    uint32_t back = IMB_SUBMIT_BURST_NOCHECK(manager, count, burst);
    right += completed(burst, back);
    while (back < count) {
        uint32_t more = IMB_FLUSH_BURST(manager, count - back, burst);
        if (more == 0)
            break;
        right += completed(burst, more);
        back += more;
    }
    return right;
}
