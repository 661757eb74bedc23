/* Building programs, and the cache of their binaries: a file is named by a hash of all that decides
 * the binary, and begins with a hash of what it holds. It is written beside and renamed, so that
 * two processes or a kill leave it whole or absent. */
#include "backends/opencl/builder.h"

#include "backends/core/embed.h"
#include "backends/devices/compiler.h"
#include "backends/devices/shelf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct circ_embedded circ_kernels_embedded[];
extern const int circ_kernels_embedded_count;

#define COMMON   "-cl-std=CL1.2 -cl-mad-enable"
#define MAX_TEXT 8 /* sources of a program */

struct entry { /* head of a file of the cache */
    char magic[8];
    uint64_t size, digest;
};
static const char magic[8] = "CIRCOCL1";

static uint64_t hash_text(uint64_t h, const char *text)
{
    return circ_shelf_hash(h, text, strlen(text) + 1);
}

static const struct circ_embedded *find(const char *name, size_t length)
{
    for (int i = 0; i < circ_kernels_embedded_count; i++)
        if (strlen(circ_kernels_embedded[i].name) == length &&
            !strncmp(circ_kernels_embedded[i].name, name, length))
            return &circ_kernels_embedded[i];
    return NULL;
}

/* The texts of some sources; their number, 0 where one is not embedded. */
static cl_uint texts_of(const char *sources, const char *texts[MAX_TEXT], size_t sizes[MAX_TEXT])
{
    cl_uint count = 0;
    while (*sources && count < MAX_TEXT) {
        size_t length = strcspn(sources, " ");
        const struct circ_embedded *file = find(sources, length);
        if (!file)
            return 0;
        texts[count] = (const char *)file->data;
        sizes[count++] = file->size;
        sources += length + (sources[length] == ' ');
    }
    return count;
}

/* Makes the folder and all above it; false when there is none to be had. */
static bool cache_folder(char *path, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int length = cache && *cache ? snprintf(path, size, "%s/circbench/opencl", cache)
                 : home && *home ? snprintf(path, size, "%s/.cache/circbench/opencl", home)
                                 : -1;
    if (length < 0 || (size_t)length >= size)
        return false;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
    mkdir(path, 0777);
    return !access(path, W_OK | X_OK);
}

static bool cache_path(uint64_t key, char *path, size_t size)
{
    size_t used;
    if (!cache_folder(path, size))
        return false;
    used = strlen(path);
    int length = snprintf(path + used, size - used, "/%016" PRIx64 ".bin", key);
    return length > 0 && (size_t)length < size - used;
}

/* The binary in a file, owned by the caller; NULL where there is none that is whole. */
static unsigned char *read_entry(uint64_t key, size_t *size)
{
    char path[4096];
    struct entry entry;
    struct stat about;
    unsigned char *data = NULL;
    FILE *file = cache_path(key, path, sizeof path) ? fopen(path, "rb") : NULL;
    if (!file)
        return NULL;
    bool whole = !fstat(fileno(file), &about) && fread(&entry, sizeof entry, 1, file) == 1 &&
                 !memcmp(entry.magic, magic, sizeof magic) &&
                 (uint64_t)about.st_size == sizeof entry + entry.size && entry.size > 0;
    if (whole)
        data = malloc((size_t)entry.size);
    whole = data && fread(data, (size_t)entry.size, 1, file) == 1 &&
            circ_shelf_hash(key, data, (size_t)entry.size) == entry.digest;
    fclose(file);
    if (!whole) {
        free(data);
        return NULL;
    }
    *size = (size_t)entry.size;
    return data;
}

static void write_entry(uint64_t key, const unsigned char *data, size_t size)
{
    char path[4096], beside[4200];
    struct entry entry = {.size = size, .digest = circ_shelf_hash(key, data, size)};
    memcpy(entry.magic, magic, sizeof magic);
    if (!cache_path(key, path, sizeof path))
        return;
    snprintf(beside, sizeof beside, "%s.%ld", path, (long)getpid());
    FILE *file = fopen(beside, "wb");
    if (!file)
        return;
    bool written = fwrite(&entry, sizeof entry, 1, file) == 1 && fwrite(data, size, 1, file) == 1;
    written = !fclose(file) && written;
    if (!written || rename(beside, path))
        unlink(beside);
}

static void keep_binary(uint64_t key, cl_program program)
{
    size_t size = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) || !size)
        return;
    unsigned char *data = malloc(size);
    if (data && !clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof data, &data, NULL))
        write_entry(key, data, size);
    free(data);
}

/* Whether a driver's binaries can be used again. Those of Intel's runtimes for CPUs do not find the
 * mathematical functions that they call (2023.2.4), and one that fails to link spoils the builds
 * after it. */
static bool reuses(const struct circ_accelerator *a)
{
    char vendor[64] = "";
    clGetPlatformInfo(a->platform, CL_PLATFORM_VENDOR, sizeof vendor - 1, vendor, NULL);
    return !a->cpu || !strstr(vendor, "Intel");
}

/* Options that a platform needs beside ours: oclgrind (21.10) does not know what its own optimiser
 * makes of functions that are inlined. */
static const char *extras(const struct circ_accelerator *a)
{
    char platform[64] = "";
    clGetPlatformInfo(a->platform, CL_PLATFORM_NAME, sizeof platform - 1, platform, NULL);
    return strstr(platform, "Oclgrind") ? " -cl-opt-disable" : "";
}

/* From the cache; NULL when it has nothing of use. */
static cl_program load(struct circ_accelerator *a, uint64_t key, const char *options)
{
    size_t size;
    cl_int loaded = CL_SUCCESS, code;
    unsigned char *data = reuses(a) ? read_entry(key, &size) : NULL;
    if (!data)
        return NULL;
    const unsigned char *binary = data;
    cl_program program =
        clCreateProgramWithBinary(a->context, 1, &a->device, &size, &binary, &loaded, &code);
    free(data);
    if (program &&
        (code || loaded || clBuildProgram(program, 1, &a->device, options, NULL, NULL))) {
        clReleaseProgram(program);
        program = NULL;
    }
    return program;
}

static enum circ_status build(struct circ_accelerator *a, const char *sources, const char *options,
                              cl_program *program, struct circ_error *err)
{
    const char *texts[MAX_TEXT];
    size_t sizes[MAX_TEXT];
    cl_uint count = texts_of(sources, texts, sizes);
    *program = NULL;
    if (!count)
        return circ_status_fail(err, CIRC_INTERNAL, "no kernels called %s are embedded", sources);
    return circ_compiler_build(a, sources, count, texts, sizes, options, program, err);
}

enum circ_status circ_builder_program(struct circ_accelerator *a, const char *sources,
                                      const char *options, cl_program *program,
                                      struct circ_error *err)
{
    char all[1024];
    const char *texts[MAX_TEXT];
    size_t sizes[MAX_TEXT];
    snprintf(all, sizeof all, COMMON "%s %s", extras(a), options);
    cl_uint count = texts_of(sources, texts, sizes);
    uint64_t key = hash_text(CIRC_SHELF_START, a->name);
    key = hash_text(hash_text(hash_text(key, a->driver), a->version), all);
    for (cl_uint i = 0; i < count; i++)
        key = circ_shelf_hash(key, texts[i], sizes[i]);
    *program = circ_shelf_find(a, key);
    if (*program)
        return CIRC_OK;
    enum circ_status status = CIRC_OK;
    *program = load(a, key, all);
    if (!*program) {
        status = build(a, sources, all, program, err);
        if (!status && reuses(a))
            keep_binary(key, *program);
    }
    if (!status)
        status = circ_shelf_keep(a, key, *program, err);
    if (status)
        *program = NULL;
    return status;
}
