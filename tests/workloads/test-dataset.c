/* Data sets: the embedded one against its facts, broken files of every kind, and MNIST and CIFAR-10
 * where they are at hand. */
#include "tests/tap.h"
#include "workloads/bytes.h"
#include "workloads/cifar.h"
#include "workloads/dataset.h"
#include "workloads/idx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* CRC-32 of the pixels (scaled back to bytes) and of the labels. */
static void checksum(const struct circ_dataset *set, int white, uLong *pixels, uLong *labels)
{
    size_t count = (size_t)set->count * (size_t)circ_network_elements(set->shape);
    *pixels = crc32(0, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        Bytef pixel = (Bytef)(set->images[i] * (float)white + 0.5f);
        *pixels = crc32(*pixels, &pixel, 1);
    }
    *labels = crc32(crc32(0, NULL, 0), set->labels, (uInt)set->count);
}

static void check_set(const char *name, enum circ_split split, const char *folder, int white,
                      int count, uLong pixels, uLong labels)
{
    struct circ_dataset set;
    struct circ_error err = {.message = ""};
    const char *word = split == CIRC_TRAIN_SPLIT ? "training" : "test";
    if (!tap_ok(!circ_dataset_read(name, split, folder, &set, &err), "%s: %s split read", name,
                word)) {
        tap_note("%s", err.message);
        return;
    }
    uLong got_pixels, got_labels;
    checksum(&set, white, &got_pixels, &got_labels);
    tap_ok(set.count == count, "%s: %d %s images", name, set.count, word);
    tap_ok(got_pixels == pixels && got_labels == labels, "%s: pixels %08lx, labels %08lx", name,
           got_pixels, got_labels);
    float least = 1, most = 0;
    for (int64_t i = 0; i < set.count * circ_network_elements(set.shape); i++) {
        least = set.images[i] < least ? set.images[i] : least;
        most = set.images[i] > most ? set.images[i] : most;
    }
    tap_ok(least == 0 && most == 1 && set.classes == 10, "%s: scaled to [0, 1], ten classes", name);
    circ_dataset_free(&set);
    tap_ok(!set.images && !set.labels, "%s: freed", name);
}

static void check_list(void)
{
    int count;
    const struct circ_dataset_info *list = circ_dataset_list(&count);
    tap_ok(count == 3 && list[0].embedded && !list[1].embedded && !list[2].embedded,
           "three data sets, the embedded one first");
    tap_ok(strstr(list[0].attribution, "CC BY 4.0") && strstr(list[0].attribution, "Alpaydin"),
           "the embedded one names its authors and licence");
}

static void check_refused(const char *what, const char *name, const char *folder,
                          enum circ_status expected, const char *part)
{
    struct circ_dataset set;
    struct circ_error err = {.message = ""};
    enum circ_status status = circ_dataset_read(name, CIRC_TEST_SPLIT, folder, &set, &err);
    if (!tap_ok(status == expected && strstr(err.message, part) && !set.images && !set.labels,
                "refused: %s", what))
        tap_note("%s: %s", circ_status_name(status), err.message);
    circ_dataset_free(&set);
}

static bool write_file(const char *folder, const char *name, const void *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(data, 1, size, file) == size;
    return (!file || !fclose(file)) && written;
}

static void remove_file(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

static size_t compress_gzip(const void *data, size_t size, unsigned char *out, size_t room)
{
    z_stream stream = {.next_in = (z_const Bytef *)data, .avail_in = (uInt)size, .next_out = out};
    stream.avail_out = (uInt)room;
    if (deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    int code = deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    return code == Z_STREAM_END ? room - stream.avail_out : 0;
}

#define IMAGES "t10k-images-idx3-ubyte"
#define LABELS "t10k-labels-idx1-ubyte"
#define PIXELS (2 * 28 * 28)
#define ZIPPED 4096

/* Two images and two labels, the smallest MNIST there is. */
struct tiny {
    unsigned char images[16 + PIXELS + 1], labels[8 + 2 + 1]; /* a byte more for "too long" */
    char folder[64];
};

static struct tiny make_tiny(void)
{
    struct tiny tiny = {.images = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28},
                        .labels = {0, 0, 8, 1, 0, 0, 0, 2, 7, 9}};
    for (int i = 0; i < PIXELS; i++)
        tiny.images[16 + i] = (unsigned char)(i * 7);
    return tiny;
}

/* Replaces one byte of the images, or changes their size, and expects a refusal. */
static void check_images(struct tiny *tiny, const char *what, int at, int value, size_t size,
                         const char *part)
{
    unsigned char kept = tiny->images[at];
    tiny->images[at] = (unsigned char)value;
    if (tap_ok(write_file(tiny->folder, IMAGES, tiny->images, size), "%s: written", what))
        check_refused(what, "mnist", "circ-test-data", CIRC_USAGE, part);
    tiny->images[at] = kept;
    write_file(tiny->folder, IMAGES, tiny->images, 16 + PIXELS);
}

static void check_labels(struct tiny *tiny, const char *what, int at, int value, size_t size,
                         const char *part)
{
    unsigned char kept = tiny->labels[at];
    tiny->labels[at] = (unsigned char)value;
    if (tap_ok(write_file(tiny->folder, LABELS, tiny->labels, size), "%s: written", what))
        check_refused(what, "mnist", "circ-test-data", CIRC_USAGE, part);
    tiny->labels[at] = kept;
    write_file(tiny->folder, LABELS, tiny->labels, 8 + 2);
}

static void check_broken_idx(struct tiny *tiny)
{
    const size_t whole = 16 + PIXELS;
    check_images(tiny, "no images", 0, 0, 0,
                 IMAGES ": 0 bytes are too few for an IDX header of 16");
    check_images(tiny, "a cut header", 0, 0, 15, IMAGES ": 15 bytes are too few");
    check_images(tiny, "labels in place of images", 3, 1, whole,
                 IMAGES
                 ": magic number 0x00000801 where 0x00000803 (IDX images of unsigned bytes) is "
                 "expected");
    check_images(tiny, "floats", 2, 13, whole, "magic number 0x00000d03");
    check_images(tiny, "one byte short", 0, 0, whole - 1,
                 IMAGES ": 1583 bytes where the dimensions ask for 1584: the file is truncated");
    check_images(tiny, "one byte long", 0, 0, whole + 1,
                 IMAGES ": 1585 bytes where the dimensions ask for 1584: the file is too long");
    check_images(tiny, "no image", 7, 0, whole, "dimension 0 is 0: 1 to 16777216 is expected");
    check_images(tiny, "4 billion images", 4, 255, whole,
                 "dimension 0 is 4278190082: 1 to 16777216");
    check_images(tiny, "huge rows", 8, 128, whole, "dimension 1 is 2147483676: 1 to 4096");
    check_images(tiny, "images of another shape", 7, 1, 16 + 28 * 28,
                 LABELS ": 2 labels for the 1 images beside it");
    check_labels(tiny, "a label out of range", 9, 10, 10,
                 LABELS ": label 1 is 10: 0 to 9 is expected");
    check_labels(tiny, "a label short", 0, 0, 9, "ask for 10: the file is truncated");
    check_labels(tiny, "a label too many", 0, 0, 11, "ask for 10: the file is too long");
    check_labels(tiny, "fewer labels than images", 7, 1, 9, "1 labels for the 2 images beside it");
    tiny->images[11] = 14;
    tiny->images[15] = 56;
    check_images(tiny, "images of 14x56", 0, 0, whole,
                 IMAGES ": images of 14x56 where 28x28 is expected");
    tiny->images[11] = tiny->images[15] = 28;
    write_file(tiny->folder, IMAGES, tiny->images, whole);
}

static void check_gzip(struct tiny *tiny)
{
    unsigned char zipped[ZIPPED + 1];
    size_t size = compress_gzip(tiny->images, 16 + PIXELS, zipped, ZIPPED);
    const char *folder = tiny->folder, *name = IMAGES ".gz", *data = "circ-test-data";
    struct circ_dataset set = {0};
    remove_file(folder, IMAGES);
    tap_ok(size > 64 && write_file(folder, name, zipped, size) &&
               !circ_dataset_read("mnist", CIRC_TEST_SPLIT, data, &set, NULL) && set.count == 2 &&
               set.labels[1] == 9 && set.images[1] == 7 / 255.0f,
           "gzip: found beside plain labels");
    circ_dataset_free(&set);
    if (write_file(folder, name, zipped, size - 1))
        check_refused("gzip without its last byte", "mnist", data, CIRC_USAGE,
                      IMAGES ".gz: the gzip data ends too early: the file is truncated");
    if (write_file(folder, name, zipped, size / 2))
        check_refused("half a gzip", "mnist", data, CIRC_USAGE, "ends too early");
    if (write_file(folder, name, zipped, 5))
        check_refused("a gzip header cut", "mnist", data, CIRC_USAGE, "ends too early");
    zipped[size] = 'x';
    if (write_file(folder, name, zipped, size + 1))
        check_refused("a byte behind gzip", "mnist", data, CIRC_USAGE,
                      IMAGES ".gz: the gzip data ");
    zipped[size - 6] ^= 1;
    if (write_file(folder, name, zipped, size))
        check_refused("a wrong checksum", "mnist", data, CIRC_USAGE,
                      "the gzip data is corrupt (incorrect data check)");
    zipped[size - 6] ^= 1;
    zipped[20] ^= 0xff;
    if (write_file(folder, name, zipped, size))
        check_refused("a damaged stream", "mnist", data, CIRC_USAGE, "corrupt");
    remove_file(folder, name);
    check_refused("images missing", "mnist", data, CIRC_ABSENT,
                  "circ-test-data/mnist/" IMAGES ": no such file, plain or .gz");
}

static void check_bytes(void)
{
    unsigned char zeros[5000] = {0}, zipped[ZIPPED];
    size_t size = compress_gzip(zeros, sizeof zeros, zipped, sizeof zipped / 2);
    size_t both = size + compress_gzip(zeros, 10, zipped + size, sizeof zipped - size);
    struct circ_bytes bytes;
    struct circ_error err;
    tap_ok(!circ_bytes_inflate(zipped, size, 5000, "z", &bytes, NULL) && bytes.size == 5000,
           "inflate: exactly the limit");
    circ_bytes_free(&bytes);
    tap_ok(circ_bytes_inflate(zipped, size, 4999, "z", &bytes, &err) == CIRC_USAGE &&
               !strcmp(err.message, "z: inflates to more than the 4999 bytes that are accepted") &&
               !bytes.data,
           "inflate: one byte more than the limit");
    tap_ok(!circ_bytes_inflate(zipped, both, 6000, "z", &bytes, NULL) && bytes.size == 5010,
           "inflate: two members are one file");
    circ_bytes_free(&bytes);
    tap_ok(!circ_bytes_inflate("ab", 2, 2, "z", &bytes, NULL) && bytes.size == 2 &&
               !strcmp((char *)bytes.data, "ab"),
           "inflate: what is not gzip is copied");
    circ_bytes_free(&bytes);
}

static void check_broken_cifar(void)
{
    enum { TWO = 2 * CIRC_CIFAR_RECORD };
    static unsigned char records[TWO + 1];
    const char *folder = "circ-test-data/cifar10", *name = "test_batch.bin",
               *data = "circ-test-data";
    struct circ_dataset set = {0};
    records[0] = 3;
    records[1] = 255;
    records[CIRC_CIFAR_RECORD] = 9;
    tap_ok(write_file(folder, name, records, TWO) &&
               !circ_dataset_read("cifar10", CIRC_TEST_SPLIT, data, &set, NULL) && set.count == 2 &&
               set.labels[0] == 3 && set.labels[1] == 9 && set.images[0] == 1 && set.images[1] == 0,
           "cifar10: two records");
    circ_dataset_free(&set);
    const char *part = "bytes are not a whole number of records of 3073";
    if (write_file(folder, name, records, TWO - 1))
        check_refused("cifar10 one byte short", "cifar10", data, CIRC_USAGE, part);
    if (write_file(folder, name, records, TWO + 1))
        check_refused("cifar10 one byte long", "cifar10", data, CIRC_USAGE, part);
    if (write_file(folder, name, records, 0))
        check_refused("cifar10 empty", "cifar10", data, CIRC_USAGE, part);
    records[CIRC_CIFAR_RECORD] = 10;
    if (write_file(folder, name, records, TWO))
        check_refused("cifar10 label", "cifar10", data, CIRC_USAGE,
                      "test_batch.bin: record 1 has label 10: 0 to 9 is expected");
    records[CIRC_CIFAR_RECORD] = 0;
    tap_ok(circ_dataset_read("cifar10", CIRC_TRAIN_SPLIT, data, &set, NULL) == CIRC_ABSENT,
           "cifar10: no training batch at all");
    tap_ok(write_file(folder, "data_batch_1.bin", records, CIRC_CIFAR_RECORD) &&
               write_file(folder, "data_batch_4.bin", records, TWO) &&
               !circ_dataset_read("cifar10", CIRC_TRAIN_SPLIT, data, &set, NULL) && set.count == 3,
           "cifar10: the batches that are there add up");
    circ_dataset_free(&set);
    struct circ_error err = {.message = ""};
    tap_ok(write_file(folder, "data_batch_4.bin", records, 9) &&
               circ_dataset_read("cifar10", CIRC_TRAIN_SPLIT, data, &set, &err) == CIRC_USAGE &&
               strstr(err.message, "data_batch_4.bin: 9 bytes") && !set.images,
           "cifar10: one bad batch spoils the set");
    remove_file(folder, name);
    remove_file(folder, "data_batch_1.bin");
    remove_file(folder, "data_batch_4.bin");
}

static void check_broken(void)
{
    char home[] = "/tmp/circ-test-dataset-XXXXXX";
    struct tiny tiny = make_tiny();
    struct circ_dataset set = {0};
    snprintf(tiny.folder, sizeof tiny.folder, "circ-test-data/mnist");
    if (!tap_ok(mkdtemp(home) && !chdir(home) && !mkdir("circ-test-data", 0700) &&
                    !mkdir("circ-test-data/mnist", 0700) && !mkdir("circ-test-data/cifar10", 0700),
                "temporary folder"))
        return;
    tap_ok(write_file(tiny.folder, IMAGES, tiny.images, 16 + PIXELS) &&
               write_file(tiny.folder, LABELS, tiny.labels, 8 + 2) &&
               !circ_dataset_read("mnist", CIRC_TEST_SPLIT, "circ-test-data", &set, NULL) &&
               set.count == 2 && set.labels[0] == 7 && set.images[2] == 14 / 255.0f,
           "two plain images");
    circ_dataset_free(&set);
    check_broken_idx(&tiny);
    check_gzip(&tiny);
    check_broken_cifar();
    remove_file(tiny.folder, LABELS);
    tap_ok(!rmdir("circ-test-data/mnist") && !rmdir("circ-test-data/cifar10") &&
               !rmdir("circ-test-data") && !chdir("/") && !rmdir(home),
           "temporary folder removed");
}

static void check_names(void)
{
    check_refused("unknown set", "minst", NULL, CIRC_USAGE,
                  "unknown data set 'minst', did you mean 'mnist'?");
    check_refused("unknown set", "imagenet", NULL, CIRC_USAGE,
                  "unknown data set 'imagenet': optdigits, mnist or cifar10 is expected");
    check_refused("no folder", "mnist", NULL, CIRC_ABSENT,
                  "data set 'mnist' is read from a folder that holds mnist/: name that folder with "
                  "--data or CIRCBENCH_DATA");
    check_refused("folder that is not there", "cifar10", "/nowhere", CIRC_ABSENT,
                  "/nowhere/cifar10/test_batch.bin: no such file");
}

/* The folder with real data, or NULL. */
static const char *find_data(const char *name)
{
    const char *const folders[] = {getenv("CIRCBENCH_DATA"), getenv("CIRC_TEST_DATA")};
    for (int i = 0; i < 2; i++) {
        char path[4096];
        struct stat facts;
        if (!folders[i])
            continue;
        snprintf(path, sizeof path, "%s/%s", folders[i], name);
        if (!stat(path, &facts))
            return folders[i];
    }
    return NULL;
}

/* Excerpts are in use, so only a least number of images is known. */
static void check_cifar(enum circ_split split, const char *folder, int least)
{
    struct circ_dataset set;
    struct circ_error err = {.message = ""};
    if (!tap_ok(!circ_dataset_read("cifar10", split, folder, &set, &err), "cifar10: split %d read",
                split)) {
        tap_note("%s", err.message);
        return;
    }
    int seen[10] = {0}, classes = 0;
    for (int i = 0; i < set.count; i++)
        classes += !seen[set.labels[i]]++;
    tap_ok(set.count >= least && set.shape.c == 3 && set.shape.h == 32 && set.shape.w == 32 &&
               classes == 10,
           "cifar10: %d images of %d classes", set.count, classes);
    circ_dataset_free(&set);
}

int main(void)
{
    check_list();
    check_set("optdigits", CIRC_TRAIN_SPLIT, NULL, 16, 1437, 0x1125806f, 0xbba8d5be);
    check_set("optdigits", CIRC_TEST_SPLIT, NULL, 16, 360, 0xb90d49ba, 0xd75f53d4);
    check_names();
    check_bytes();
    const char *mnist = find_data("mnist"), *cifar = find_data("cifar10");
    if (mnist) {
        check_set("mnist", CIRC_TRAIN_SPLIT, mnist, 255, 60000, 0xf3639b56, 0xba07e8ef);
        check_set("mnist", CIRC_TEST_SPLIT, mnist, 255, 10000, 0xe4ca5f57, 0xee8604d9);
    } else {
        tap_skip("no folder mnist in CIRCBENCH_DATA", "mnist");
    }
    if (cifar) {
        check_cifar(CIRC_TRAIN_SPLIT, cifar, 3000);
        check_cifar(CIRC_TEST_SPLIT, cifar, 1000);
    } else {
        tap_skip("no folder cifar10 in CIRCBENCH_DATA", "cifar10");
    }
    check_broken();
    return tap_done();
}
