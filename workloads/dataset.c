/* Finds the files of a data set, embedded or in a folder, and turns them into floats and labels.
 * The formats themselves are read by idx.c and cifar.c. */
#include "workloads/dataset.h"

#include "backends/core/embed.h"
#include "workloads/bytes.h"
#include "workloads/cifar.h"
#include "workloads/idx.h"
#include "backends/core/nearest.h"
#include "workloads/words.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)256 << 20) /* MNIST's training images, the largest, are 47 MB */

extern const struct circ_embedded circ_optdigits_files[]; /* generated */
extern const int circ_optdigits_files_count;

static const struct circ_dataset_info infos[] = {
    {"optdigits",
     "1437 + 360 handwritten digits, 8x8 grey",
     "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning "
     "Repository, CC BY 4.0",
     true,
     {1, 8, 8},
     10,
     16},
    {"mnist",
     "60000 + 10000 handwritten digits, 28x28 grey",
     "MNIST, Y. LeCun, C. Cortes and C. J. C. Burges",
     false,
     {1, 28, 28},
     10,
     255},
    {"cifar10",
     "50000 + 10000 photographs of 10 classes, 32x32 colour",
     "CIFAR-10, A. Krizhevsky, 2009",
     false,
     {3, 32, 32},
     CIRC_CIFAR_CLASSES,
     255},
};

enum { OPTDIGITS, MNIST, CIFAR10, SETS };

const struct circ_dataset_info *circ_dataset_list(int *count)
{
    *count = SETS;
    return infos;
}

void circ_dataset_free(struct circ_dataset *set)
{
    free(set->images);
    free(set->labels);
    *set = (struct circ_dataset){0};
}

/* Where the files of a set are, and where errors go. */
struct place {
    const struct circ_dataset_info *info;
    const char *folder;
    struct circ_error *err;
};

/* One file in memory, inflated. path names it in messages. */
struct content {
    char path[PATH_MAX];
    struct circ_bytes bytes;
};

static enum circ_status load_embedded(const struct place *place, const char *name,
                                      struct content *content)
{
    snprintf(content->path, sizeof content->path, "%s.gz", name);
    for (int i = 0; i < circ_optdigits_files_count; i++) {
        const struct circ_embedded *file = &circ_optdigits_files[i];
        if (!strcmp(file->name, content->path))
            return circ_bytes_inflate(file->data, file->size, FILE_LIMIT, content->path,
                                      &content->bytes, place->err);
    }
    return circ_status_fail(place->err, CIRC_INTERNAL, "embedded file %s is missing",
                            content->path);
}

/* Loads FOLDER/SET/NAME or, where that does not exist, NAME.gz. ABSENT with ENOENT if neither does.
 */
static enum circ_status load(const struct place *place, const char *name, struct content *content)
{
    static const char *const suffixes[] = {"", ".gz"};
    content->bytes = (struct circ_bytes){NULL, 0};
    if (place->info->embedded)
        return load_embedded(place, name, content);
    for (int i = 0; i < 2; i++) {
        struct circ_bytes raw;
        struct circ_error detail = {.native = 0};
        int length = snprintf(content->path, sizeof content->path, "%s/%s/%s%s", place->folder,
                              place->info->name, name, suffixes[i]);
        if (length < 0 || (size_t)length >= sizeof content->path)
            return circ_status_fail(place->err, CIRC_USAGE,
                                    "the path of the data folder is too long");
        enum circ_status status = circ_bytes_read(content->path, FILE_LIMIT, &raw, &detail);
        if (status == CIRC_ABSENT && (detail.native == ENOENT || detail.native == ENOTDIR))
            continue;
        if (status)
            return circ_status_fail_native(place->err, status, detail.native, "%s", detail.message);
        status = circ_bytes_inflate(raw.data, raw.size, FILE_LIMIT, content->path, &content->bytes,
                                    place->err);
        circ_bytes_free(&raw);
        return status;
    }
    return circ_status_fail_native(
        place->err, CIRC_ABSENT, ENOENT,
        "%s/%s/%s: no such file, plain or .gz: put the files of %s there, "
        "or name another folder with --data or CIRCBENCH_DATA",
        place->folder, place->info->name, name, place->info->name);
}

/* Makes room for more images and labels behind the set's own. */
static enum circ_status reserve(const struct place *place, struct circ_dataset *set, int more)
{
    size_t count = (size_t)set->count + (size_t)more;
    size_t elements = (size_t)circ_network_elements(set->shape);
    float *images = realloc(set->images, count * elements * sizeof *images);
    if (images)
        set->images = images;
    uint8_t *labels = realloc(set->labels, count);
    if (labels)
        set->labels = labels;
    if (!images || !labels)
        return circ_status_fail(place->err, CIRC_MEMORY, "data set '%s': no memory for %zu images",
                                place->info->name, count);
    return CIRC_OK;
}

/* Appends one image to a set with room for it. */
static void append(const struct place *place, struct circ_dataset *set, const uint8_t *pixels,
                   uint8_t label)
{
    size_t elements = (size_t)circ_network_elements(set->shape);
    float *image = set->images + (size_t)set->count * elements;
    for (size_t i = 0; i < elements; i++)
        image[i] = (float)pixels[i] / (float)place->info->white;
    set->labels[set->count++] = label;
}

static enum circ_status fill_from_idx(const struct place *place, const struct content *images,
                                      const struct content *labels, struct circ_dataset *set)
{
    struct circ_idx pixels, digits;
    enum circ_status status =
        circ_idx_images(images->bytes.data, images->bytes.size, images->path, &pixels, place->err);
    if (!status)
        status = circ_idx_labels(labels->bytes.data, labels->bytes.size, labels->path,
                                 place->info->classes, &digits, place->err);
    if (status)
        return status;
    if (pixels.rows != set->shape.h || pixels.columns != set->shape.w)
        return circ_status_fail(place->err, CIRC_USAGE,
                                "%s: images of %dx%d where %dx%d is expected", images->path,
                                pixels.rows, pixels.columns, set->shape.h, set->shape.w);
    if (pixels.count != digits.count)
        return circ_status_fail(place->err, CIRC_USAGE, "%s: %d labels for the %d images beside it",
                                labels->path, digits.count, pixels.count);
    status = reserve(place, set, pixels.count);
    if (status)
        return status;
    size_t elements = (size_t)circ_network_elements(set->shape);
    for (int i = 0; i < pixels.count; i++)
        append(place, set, pixels.values + (size_t)i * elements, digits.values[i]);
    return CIRC_OK;
}

static enum circ_status read_idx(const struct place *place, const char *split,
                                 struct circ_dataset *set)
{
    struct content images = {.path = ""}, labels = {.path = ""};
    char name[64];
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", split);
    enum circ_status status = load(place, name, &images);
    if (status)
        goto done;
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", split);
    status = load(place, name, &labels);
    if (status)
        goto done;
    status = fill_from_idx(place, &images, &labels, set);
done:
    circ_bytes_free(&labels.bytes);
    circ_bytes_free(&images.bytes);
    return status;
}

static enum circ_status read_cifar_file(const struct place *place, const char *name,
                                        struct circ_dataset *set)
{
    struct content content;
    int count;
    enum circ_status status = load(place, name, &content);
    if (status)
        return status;
    status = circ_cifar_records(content.bytes.data, content.bytes.size, content.path, &count,
                                place->err);
    if (!status)
        status = reserve(place, set, count);
    for (int i = 0; !status && i < count; i++) {
        const uint8_t *record = content.bytes.data + (size_t)i * CIRC_CIFAR_RECORD;
        append(place, set, record + 1, record[0]);
    }
    circ_bytes_free(&content.bytes);
    return status;
}

/* The training split is as many of the five batches as are there. */
static enum circ_status read_cifar(const struct place *place, enum circ_split split,
                                   struct circ_dataset *set)
{
    if (split == CIRC_TEST_SPLIT)
        return read_cifar_file(place, "test_batch.bin", set);
    struct circ_error first = {.native = 0};
    for (int batch = 1; batch <= 5; batch++) {
        char name[32];
        struct circ_error detail = {.native = 0};
        struct place quiet = {place->info, place->folder, &detail};
        snprintf(name, sizeof name, "data_batch_%d.bin", batch);
        enum circ_status status = read_cifar_file(&quiet, name, set);
        if (status && !(status == CIRC_ABSENT && detail.native == ENOENT)) {
            if (place->err)
                *place->err = detail;
            return status;
        }
        if (batch == 1)
            first = detail;
    }
    if (set->count)
        return CIRC_OK;
    if (place->err)
        *place->err = first;
    return CIRC_ABSENT;
}

static enum circ_status find_info(const char *name, int *index, struct circ_error *err)
{
    struct circ_nearest nearest = circ_nearest_begin(name, strlen(name));
    for (int i = 0; i < SETS; i++) {
        if (!strcmp(name, infos[i].name)) {
            *index = i;
            return CIRC_OK;
        }
        circ_nearest_offer(&nearest, infos[i].name);
    }
    struct circ_quote quote = circ_words_quote(name, strlen(name));
    if (nearest.best)
        return circ_status_fail(err, CIRC_USAGE, "unknown data set '%s', did you mean '%s'?",
                                quote.text, nearest.best);
    return circ_status_fail(err, CIRC_USAGE,
                            "unknown data set '%s': optdigits, mnist or cifar10 is expected",
                            quote.text);
}

enum circ_status circ_dataset_read(const char *name, enum circ_split split, const char *folder,
                                   struct circ_dataset *set, struct circ_error *err)
{
    int index = 0;
    *set = (struct circ_dataset){0};
    enum circ_status status = find_info(name, &index, err);
    if (status)
        return status;
    struct place place = {&infos[index], folder, err};
    if (!place.info->embedded && (!folder || !*folder))
        return circ_status_fail(err, CIRC_ABSENT,
                                "data set '%s' is read from a folder that holds %s/: name that "
                                "folder with --data or CIRCBENCH_DATA",
                                name, name);
    set->shape = place.info->shape;
    set->classes = place.info->classes;
    if (index == CIFAR10)
        status = read_cifar(&place, split, set);
    else if (split == CIRC_TRAIN_SPLIT)
        status = read_idx(&place, "train", set);
    else
        status = read_idx(&place, index == MNIST ? "t10k" : "test", set);
    if (status)
        circ_dataset_free(set);
    return status;
}
