/* Seeded damage: thousands of mutations of good network files, ad hoc layers, IDX, CIFAR and gzip
 * bytes. Every answer must be ok or a usage error with a message; run under the sanitizers it also
 * shows that nothing is read outside its bounds. */
#include "backends/core/random.h"
#include "tests/tap.h"
#include "workloads/adhoc.h"
#include "workloads/bytes.h"
#include "workloads/cifar.h"
#include "workloads/idx.h"
#include "workloads/parse.h"
#include "workloads/workload.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define SEED   20171014u
#define ROUNDS 4000

/* Copies data[size] to a buffer of exactly the damaged size and damages it in one to four places.
 * text keeps NUL out and ends with one. NULL when memory is short. */
static unsigned char *damage(struct circ_random *random, const void *data, size_t size, bool text,
                             size_t *damaged)
{
    static const char alphabet[] = "0123456789x@ -.#\r\n\tfcpeadinl\xff";
    size_t kept = circ_random_below(random, 4) ? size : (size_t)circ_random_below(random, size + 1);
    unsigned char *copy = malloc(kept + text ? kept + text : 1);
    if (!copy)
        return NULL;
    memcpy(copy, data, kept);
    for (uint64_t edits = 1 + circ_random_below(random, 4); kept && edits; edits--) {
        size_t at = (size_t)circ_random_below(random, kept);
        size_t from = (size_t)circ_random_below(random, kept);
        size_t length = (size_t)circ_random_below(random, kept - (at > from ? at : from)) % 40 + 1;
        if (text && circ_random_below(random, 3))
            copy[at] = (unsigned char)alphabet[circ_random_below(random, sizeof alphabet - 1)];
        else if (text)
            memmove(copy + at, copy + from, length);
        else
            copy[at] = (unsigned char)circ_random_next(random);
    }
    if (text)
        copy[kept] = '\0';
    *damaged = kept;
    return copy;
}

static bool acceptable(enum circ_status status, const struct circ_error *err)
{
    return status == CIRC_OK || (status == CIRC_USAGE && err->message[0]);
}

static bool sound(const struct circ_network *net)
{
    bool right = net->layer_count > 0 && net->layer_count <= CIRC_MAX_LAYERS;
    for (int i = 0; i < net->layer_count; i++)
        right = right && circ_network_elements(net->layers[i].out) > 0;
    return right;
}

static void check_networks(struct circ_random *random)
{
    int count, good = 0, bad = 0, unsound = 0;
    const struct circ_builtin *list = circ_workload_list(&count);
    for (int round = 0; round < ROUNDS; round++) {
        const struct circ_builtin *from = &list[circ_random_below(random, (uint64_t)count)];
        struct circ_network net;
        struct circ_error err = {.message = ""};
        size_t size;
        unsigned char *text = damage(random, from->text, strlen(from->text), true, &size);
        if (!text)
            continue;
        enum circ_status status = circ_parse_network((char *)text, "x.net", &net, &err);
        bool right = acceptable(status, &err) && (status || sound(&net)) &&
                     (!status || !strncmp(err.message, "x.net:", 6));
        good += !status;
        bad += status != CIRC_OK;
        unsound += !right;
        free(text);
    }
    tap_ok(!unsound && good > 100 && bad > 100, "networks: %d read, %d refused", good, bad);
}

static void check_layers(struct circ_random *random)
{
    static const char *const specs[] = {"fc:4096x9216", "conv:3x3x64x128@32x32"};
    int good = 0, bad = 0, unsound = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const char *from = specs[round % 2];
        struct circ_network net;
        struct circ_error err = {.message = ""};
        size_t size;
        unsigned char *spec = damage(random, from, strlen(from), true, &size);
        if (!spec)
            continue;
        enum circ_status status = circ_adhoc_parse((char *)spec, &net, &err);
        good += !status;
        bad += status != CIRC_OK;
        unsound += !acceptable(status, &err) || (!status && strcmp(net.name, (char *)spec));
        free(spec);
    }
    tap_ok(!unsound && good > 100 && bad > 100, "ad hoc layers: %d read, %d refused", good, bad);
}

static void check_images(struct circ_random *random)
{
    unsigned char images[16 + 6 * 4 * 5] = {0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 4, 0, 0, 0, 5};
    unsigned char labels[8 + 6] = {0, 0, 8, 1, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6};
    int good = 0, bad = 0, unsound = 0;
    for (int round = 0; round < ROUNDS; round++) {
        bool image = round % 2;
        struct circ_idx idx;
        struct circ_error err = {.message = ""};
        size_t size;
        unsigned char *bytes = damage(random, image ? images : labels,
                                      image ? sizeof images : sizeof labels, false, &size);
        if (!bytes)
            continue;
        enum circ_status status = image ? circ_idx_images(bytes, size, "x", &idx, &err)
                                        : circ_idx_labels(bytes, size, "x", 10, &idx, &err);
        good += !status;
        bad += status != CIRC_OK;
        unsound += !acceptable(status, &err) ||
                   (!status && (size_t)(idx.values - bytes) +
                                       (size_t)idx.count * (size_t)idx.rows * (size_t)idx.columns !=
                                   size);
        free(bytes);
    }
    tap_ok(!unsound && good > 100 && bad > 100, "IDX: %d read, %d refused", good, bad);
}

static void check_records(struct circ_random *random)
{
    static unsigned char records[3 * CIRC_CIFAR_RECORD];
    int good = 0, bad = 0, unsound = 0;
    for (int round = 0; round < ROUNDS / 4; round++) {
        int count = 0;
        struct circ_error err = {.message = ""};
        size_t size;
        unsigned char *bytes = damage(random, records, sizeof records, false, &size);
        if (!bytes)
            continue;
        enum circ_status status = circ_cifar_records(bytes, size, "x", &count, &err);
        good += !status;
        bad += status != CIRC_OK;
        unsound += !acceptable(status, &err) || (!status && (size_t)count * 3073 != size);
        free(bytes);
    }
    tap_ok(!unsound && good > 100 && bad > 100, "CIFAR-10: %d read, %d refused", good, bad);
}

static void check_gzip(struct circ_random *random)
{
    unsigned char plain[3000], zipped[4096];
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (unsigned char)circ_random_below(random, 17);
    z_stream stream = {.next_in = plain, .avail_in = sizeof plain, .next_out = zipped};
    stream.avail_out = sizeof zipped;
    bool made =
        deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK &&
        deflate(&stream, Z_FINISH) == Z_STREAM_END;
    size_t zipped_size = sizeof zipped - stream.avail_out;
    deflateEnd(&stream);
    int good = 0, bad = 0, unsound = !made;
    for (int round = 0; made && round < ROUNDS; round++) {
        struct circ_bytes out;
        struct circ_error err = {.message = ""};
        size_t size;
        unsigned char *bytes = damage(random, zipped, zipped_size, false, &size);
        if (!bytes)
            continue;
        enum circ_status status = circ_bytes_inflate(bytes, size, 4000, "x", &out, &err);
        good += !status;
        bad += status != CIRC_OK;
        /* what is no longer gzip by its first bytes is copied; what still is must have its checksum
         */
        bool gzip = size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
        unsound += !acceptable(status, &err) || (status && out.data) || (!status && !out.data) ||
                   (!status && gzip && memcmp(out.data, plain, sizeof plain));
        circ_bytes_free(&out);
        free(bytes);
    }
    tap_ok(!unsound && good > 0 && bad > 100, "gzip: %d read, %d refused", good, bad);
}

int main(void)
{
    struct circ_random random = circ_random_seed(SEED, 0);
    tap_note("seed %u", SEED);
    check_networks(&random);
    check_layers(&random);
    check_images(&random);
    check_records(&random);
    check_gzip(&random);
    return tap_done();
}
