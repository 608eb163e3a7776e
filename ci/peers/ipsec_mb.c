/* Intel's ipsec-mb, called directly: seals buffers of one size in place and prints
 * `algorithm,octets,ns a buffer`, the median over readings of READING buffers.
 * Usage: ipsec_mb SECONDS OCTETS... */
#include <intel-ipsec-mb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BURST = 32, READING = 8 * BURST, AAD = 8, TAG = 16, STRIDE = 1600, READINGS = 1 << 20 };

static uint8_t text[BURST][STRIDE] __attribute__((aligned(64)));
static uint8_t clear[BURST][STRIDE], iv[BURST][12], aad[BURST][AAD], tag[BURST][TAG];
static uint8_t key[32], found[BURST][TAG];
static struct gcm_key_data gcm __attribute__((aligned(64)));
static double ns[READINGS];

typedef void seal(IMB_MGR *, size_t, int, uint8_t (*)[TAG]);

static void gcm_burst(IMB_MGR *mgr, size_t octets, int opens, uint8_t (*tags)[TAG])
{
    struct gcm_context_data state;

    for (int at = 0; at < BURST; at++) {
        if (opens)
            IMB_AES256_GCM_DEC(mgr, &gcm, &state, text[at], text[at], octets, iv[at], aad[at],
                               AAD, tags[at], TAG);
        else
            IMB_AES256_GCM_ENC(mgr, &gcm, &state, text[at], text[at], octets, iv[at], aad[at],
                               AAD, tags[at], TAG);
    }
}

static void chacha_burst(IMB_MGR *mgr, size_t octets, int opens, uint8_t (*tags)[TAG])
{
    IMB_JOB *jobs[BURST];

    if (IMB_GET_NEXT_BURST(mgr, BURST, jobs) != BURST)
        exit(3);
    for (int at = 0; at < BURST; at++) {
        IMB_JOB *job = jobs[at];

        job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
        job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
        job->cipher_direction = opens ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT;
        job->chain_order = opens ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
        job->enc_keys = job->dec_keys = key;
        job->key_len_in_bytes = sizeof key;
        job->u.CHACHA20_POLY1305.aad = aad[at];
        job->u.CHACHA20_POLY1305.aad_len_in_bytes = AAD;
        job->src = job->dst = text[at];
        job->cipher_start_src_offset_in_bytes = job->hash_start_src_offset_in_bytes = 0;
        job->msg_len_to_cipher_in_bytes = job->msg_len_to_hash_in_bytes = octets;
        job->iv = iv[at];
        job->iv_len_in_bytes = sizeof iv[at];
        job->auth_tag_output = tags[at];
        job->auth_tag_output_len_in_bytes = TAG;
    }
    for (uint32_t back = IMB_SUBMIT_BURST_NOCHECK(mgr, BURST, jobs); back < BURST;) {
        uint32_t more = IMB_FLUSH_BURST(mgr, BURST - back, jobs);

        if (more == 0)
            exit(4);
        back += more;
    }
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int order(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* What is sealed opens again, to what it was and with the same tags. */
static void prove(IMB_MGR *mgr, seal *burst, size_t octets)
{
    memcpy(clear, text, sizeof text);
    burst(mgr, octets, 0, tag);
    if (memcmp(clear[0], text[0], octets) == 0)
        exit(5);
    burst(mgr, octets, 1, found);
    if (memcmp(clear, text, sizeof text) != 0 || memcmp(tag, found, sizeof tag) != 0)
        exit(6);
}

static void measure(IMB_MGR *mgr, const char *name, seal *burst, size_t octets, double seconds)
{
    size_t count = 0;
    uint64_t number = 0, until;

    prove(mgr, burst, octets);
    for (until = now() + (uint64_t)(seconds * 1e9); now() < until && count < READINGS; count++) {
        uint64_t began = now();

        for (int bursts = 0; bursts < READING / BURST; bursts++) {
            for (int at = 0; at < BURST; at++, number++)
                memcpy(iv[at] + 4, &number, sizeof number);
            burst(mgr, octets, 0, tag);
        }
        ns[count] = (double)(now() - began) / READING;
    }
    qsort(ns, count, sizeof ns[0], order);
    printf("%s,%zu,%.2f\n", name, octets, ns[count / 2]);
}

int main(int count, char **words)
{
    IMB_MGR *mgr = alloc_mb_mgr(0);
    IMB_ARCH arch;

    if (mgr == NULL || count < 3)
        return 2;
    init_mb_mgr_auto(mgr, &arch);
    for (size_t at = 0; at < sizeof key; at++)
        key[at] = (uint8_t)at;
    IMB_AES256_GCM_PRE(mgr, key, &gcm);
    printf("version,%s,%d\n", imb_get_version_str(), (int)arch);
    for (int at = 2; at < count; at++) {
        size_t octets = strtoul(words[at], NULL, 10);

        if (octets == 0 || octets > STRIDE)
            return 2;
        measure(mgr, "aes-256-gcm", gcm_burst, octets, atof(words[1]));
        measure(mgr, "chacha20-poly1305", chacha_burst, octets, atof(words[1]));
    }
    free_mb_mgr(mgr);
    return 0;
}
