/* Files of the offline flow. The manifest is JSON with a key a line, so that reading it takes no
 * library. */
#include "backends/fpga/binary.h"

#include "backends/devices/shelf.h"
#include "backends/fpga/engine.h"
#include "circ_config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE 1024

/* Where a manifest's keys are; width 0: an int. */
static const struct {
    const char *key;
    size_t at, width;
} fields[] = {
#define TEXT(key, member)                                                                          \
    {                                                                                              \
        key, offsetof(struct circ_manifest, member), sizeof(((struct circ_manifest *)0)->member)   \
    }
#define NUMBER(member)                                                                             \
    {                                                                                              \
#member, offsetof(struct circ_manifest, member), 0                                         \
    }
    TEXT("circbench", version),
    TEXT("workload", workload),
    TEXT("network", network),
    TEXT("block", block),
    TEXT("precision", precision),
    NUMBER(parallel),
    NUMBER(depth),
    NUMBER(multiply),
    NUMBER(channel),
    TEXT("source", source),
#undef TEXT
#undef NUMBER
};
enum { FIELDS = sizeof fields / sizeof *fields };

static void block_of(const struct circ_network *network, char *text, size_t size)
{
    int fc = 0, conv = 0;
    for (int i = 0; i < network->layer_count; i++) {
        const struct circ_layer *layer = &network->layers[i];
        if (layer->structure == CIRC_CIRCULANT && layer->compressible)
            *(layer->op == CIRC_OP_FC ? &fc : &conv) = layer->block;
    }
    if (!fc && !conv)
        snprintf(text, size, "dense");
    else if (!fc || !conv || fc == conv)
        snprintf(text, size, "%d", fc ? fc : conv);
    else
        snprintf(text, size, "%d/%d", fc, conv);
}

enum circ_status circ_binary_describe(const struct circ_network *network, const char *precision,
                                      const struct circ_design *design, int channel,
                                      struct circ_manifest *manifest, struct circ_error *err)
{
    char *source;
    size_t length;
    enum circ_status status = circ_design_source(design, &source, &length, err);
    if (status)
        return status;
    memset(manifest, 0, sizeof *manifest);
    snprintf(manifest->version, sizeof manifest->version, "%s", CIRC_VERSION);
    for (size_t i = 0; i + 1 < sizeof manifest->workload && network->name[i]; i++)
        manifest->workload[i] = strchr("\"\\", network->name[i]) || network->name[i] < ' '
                                    ? '_'
                                    : network->name[i]; /* a path may have anything */
    circ_network_digest(network, manifest->network);
    snprintf(manifest->source, sizeof manifest->source, "%016" PRIx64,
             circ_shelf_hash(CIRC_SHELF_START, source, length));
    block_of(network, manifest->block, sizeof manifest->block);
    snprintf(manifest->precision, sizeof manifest->precision, "%s", precision);
    manifest->parallel = design->pipeline.parallel;
    manifest->depth = design->pipeline.depth;
    manifest->multiply = design->pipeline.multiply;
    manifest->channel = channel;
    free(source);
    return CIRC_OK;
}

static enum circ_status write_file(const char *folder, const char *name, const char *data,
                                   size_t size, struct circ_error *err)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(data, 1, size, file) == size;
    if (file)
        written = !fclose(file) && written;
    return written
               ? CIRC_OK
               : circ_status_fail(err, CIRC_IO, "%s cannot be written: %s", path, strerror(errno));
}

static void print_manifest(FILE *to, const struct circ_manifest *manifest)
{
    for (int i = 0; i < FIELDS; i++) {
        const char *at = (const char *)manifest + fields[i].at;
        fprintf(to, "%s\n  \"%s\": ", i ? "," : "{", fields[i].key);
        if (fields[i].width)
            fprintf(to, "\"%s\"", at);
        else
            fprintf(to, "%d", *(const int *)(const void *)at);
    }
    fputs("\n}\n", to);
}

static void print_commands(FILE *to, const struct circ_manifest *manifest,
                           const struct circ_design *design)
{
    fprintf(to,
            "# %s, blocks %s, %s, p%d d%d m%d. Run in this folder; then\n"
            "#   circbench sweep -w %s -b fpga --binary FOLDER/pipeline.aocx\n\n"
            "# Intel boards: Intel FPGA SDK for OpenCL, with a name of `aoc -list-boards`; hours.\n"
            "aoc -board=BOARD pipeline.cl -o pipeline.aocx\n"
            "# the same, counting butterflies, products and words as it runs\n"
            "aoc -board=BOARD -DCOUNT pipeline.cl -o pipeline.aocx\n"
            "# what its logic, DSP blocks and memory will be, without compiling: minutes\n"
            "aoc -rtl -report -board=BOARD pipeline.cl -o pipeline.aocr\n"
            "# Intel's emulator\n"
            "aoc -march=emulator -DCOUNT -DCHANNEL=%" PRId64 " pipeline.cl -o pipeline.aocx\n\n"
            "# AMD boards: Vitis, with a name of `platforminfo -l`. Not tried: channels become\n"
            "# OpenCL pipes, which no emulator at hand takes.\n"
            "v++ -t hw --platform PLATFORM -DPIPES -c pipeline.cl -o pipeline.xo\n"
            "v++ -t hw --platform PLATFORM -l pipeline.xo -o pipeline.xclbin\n",
            manifest->workload, manifest->block, manifest->precision, manifest->parallel,
            manifest->depth, manifest->multiply, manifest->workload, design->tokens);
}

/* A file whose text is printed. */
typedef void print(FILE *to, const struct circ_manifest *manifest,
                   const struct circ_design *design);

enum circ_status circ_binary_emit(const char *folder, const struct circ_design *design,
                                  const struct circ_manifest *manifest, struct circ_error *err)
{
    char *source, *text = NULL;
    size_t length, size = 0;
    if (strlen(folder) + 32 > PATH_SIZE)
        return circ_status_fail(err, CIRC_USAGE, "the path of the folder is too long: %.80s...",
                                folder);
    if (mkdir(folder, 0777) && errno != EEXIST)
        return circ_status_fail(err, CIRC_IO, "%s cannot be made: %s", folder, strerror(errno));
    enum circ_status status = circ_design_source(design, &source, &length, err);
    if (!status)
        status = write_file(folder, "pipeline.cl", source, length, err);
    free(source);
    for (int i = 0; i < 2 && !status; i++) {
        FILE *to = open_memstream(&text, &size);
        if (to && i)
            print_commands(to, manifest, design);
        else if (to)
            print_manifest(to, manifest);
        if (!to || fclose(to))
            status = circ_status_fail(err, CIRC_MEMORY, "no memory for the files of a pipeline");
        else
            status = write_file(folder, i ? "commands.txt" : "pipeline.json", text, size, err);
        free(text);
        text = NULL;
    }
    return status;
}

enum circ_status circ_binary_write(const char *folder, const struct circ_engine *engine,
                                   struct circ_error *err)
{
    char *binary;
    size_t size;
    enum circ_status status = circ_engine_binary(engine, &binary, &size, err);
    if (!status)
        status = write_file(folder, "pipeline.bin", binary, size, err);
    free(binary);
    return status;
}

enum circ_status circ_binary_read(const char *path, char **data, size_t *size,
                                  struct circ_error *err)
{
    struct stat about;
    *data = NULL;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &about) || !S_ISREG(about.st_mode)) {
        int cause = file ? EISDIR : errno;
        if (file)
            fclose(file);
        return circ_status_fail(err, CIRC_IO, "%s cannot be read: %s", path, strerror(cause));
    }
    *size = (size_t)about.st_size;
    *data = malloc(*size + 1);
    bool whole = *data && fread(*data, 1, *size, file) == *size;
    fclose(file);
    if (whole) {
        (*data)[*size] = 0;
        return CIRC_OK;
    }
    bool memory = !*data;
    free(*data);
    *data = NULL;
    return memory ? circ_status_fail(err, CIRC_MEMORY, "no memory for %s", path)
                  : circ_status_fail(err, CIRC_IO, "%s cannot be read whole", path);
}

/* The value of a key into the manifest; false where it is not there or too long. */
static bool read_field(const char *text, int i, struct circ_manifest *manifest)
{
    char quoted[40], *end;
    char *to = (char *)manifest + fields[i].at;
    snprintf(quoted, sizeof quoted, "\"%s\":", fields[i].key);
    const char *at = strstr(text, quoted);
    if (!at)
        return false;
    at += strlen(quoted);
    at += strspn(at, " ");
    if (!fields[i].width) {
        long value = strtol(at, &end, 10);
        *(int *)(void *)to = (int)value;
        return end > at && value > 0 && value <= INT32_MAX;
    }
    size_t length = *at == '"' ? strcspn(at + 1, "\"\n") : fields[i].width;
    if (length >= fields[i].width || at[1 + length] != '"')
        return false;
    memcpy(to, at + 1, length);
    return true;
}

/* The manifest beside a binary. */
static enum circ_status read_manifest(const char *path, struct circ_manifest *manifest,
                                      struct circ_error *err)
{
    char beside[PATH_SIZE], *text;
    size_t size;
    struct circ_error cause;
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    int stem = dot && (!slash || dot > slash) ? (int)(dot - path) : (int)strlen(path);
    memset(manifest, 0, sizeof *manifest);
    snprintf(beside, sizeof beside, "%.*s.json", stem, path);
    if (circ_binary_read(beside, &text, &size, &cause))
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s has no manifest that says what it was made for: `circbench "
                                "fpga emit` wrote one, which belongs beside it as %s",
                                path, beside);
    int missing = -1;
    for (int i = 0; i < FIELDS && missing < 0; i++)
        if (!read_field(text, i, manifest))
            missing = i;
    free(text);
    return missing < 0 ? CIRC_OK
                       : circ_status_fail(err, CIRC_UNSUP,
                                          "%s is no manifest of a pipeline: it does not say \"%s\" "
                                          "as `circbench fpga emit` writes it",
                                          beside, fields[missing].key);
}

enum circ_status circ_binary_open(const char *path, const struct circ_network *network,
                                  const char *precision, const struct circ_pipeline *asked,
                                  struct circ_design *design, struct circ_manifest *manifest,
                                  struct circ_error *err)
{
    struct circ_manifest wanted;
    const struct circ_manifest *made = manifest;
    char digest[CIRC_DIGEST_SIZE], block[sizeof made->block];
    enum circ_status status = read_manifest(path, manifest, err);
    if (status)
        return status;
    circ_network_digest(network, digest);
    block_of(network, block, sizeof block);
    if (strcmp(made->network, digest))
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s was made for the network %s, not for %s: emit and compile "
                                "another",
                                path, made->workload, network->name);
    if (strcmp(made->block, block))
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s was made for blocks of %s, not of %s: run it with its own, or "
                                "emit and compile another",
                                path, made->block, block);
    if (strcmp(made->precision, precision))
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s was made for words of %s, not %s: run it with its own, or emit "
                                "and compile another",
                                path, made->precision, precision);
    struct circ_pipeline own = {
        .parallel = made->parallel,
        .depth = made->depth,
        .multiply = made->multiply,
        .bits = circ_network_precision_word(circ_network_precision_find(precision))};
    if ((asked->parallel && asked->parallel != own.parallel) ||
        (asked->depth && asked->depth != own.depth) ||
        (asked->multiply && asked->multiply != own.multiply))
        return circ_status_fail(err, CIRC_UNSUP,
                                "%s was made with p%d d%d m%d, not p%d d%d m%d: leave out --tuning "
                                "to run it, or emit and compile another",
                                path, own.parallel, own.depth, own.multiply, asked->parallel,
                                asked->depth, asked->multiply);
    status = circ_design_make(design, network, &own, err);
    if (!status)
        status = circ_binary_describe(network, precision, design, made->channel, &wanted, err);
    if (!status && strcmp(made->source, wanted.source))
        status = circ_status_fail(err, CIRC_UNSUP,
                                  "%s was made from other kernels than this program's (it is of "
                                  "circbench %s, this is %s): emit and compile again",
                                  path, made->version, wanted.version);
    return status;
}
