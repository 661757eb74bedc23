/* What -w takes: ad hoc layers, names that do not exist, and network files good and bad. */
#include "tests/tap.h"
#include "workloads/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct refused {
    const char *spec, *message;
};

static const struct refused refusals[] = {
    {"fc:4096", "'fc:4096': fc:MxN (M outputs, N inputs) in whole numbers from 1 to 1048576 is "
                "expected, as in fc:4096x9216"},
    {"fc:",
     "'fc:': fc:MxN (M outputs, N inputs) in whole numbers from 1 to 1048576 is expected, as "
     "in fc:4096x9216"},
    {"fc:0x4", "'fc:0x4': fc:MxN (M outputs, N inputs) in whole numbers from 1 to 1048576 is "
               "expected, as in fc:4096x9216"},
    {"fc:4x-4", "'fc:4x-4': fc:MxN (M outputs, N inputs) in whole numbers from 1 to 1048576 is "
                "expected, as in fc:4096x9216"},
    {"fc:4x4x4", "'fc:4x4x4': fc:MxN (M outputs, N inputs) in whole numbers from 1 to 1048576 is "
                 "expected, as in fc:4096x9216"},
    {"fc:4x 4", "'fc:4x 4': fc:MxN (M outputs, N inputs) in whole numbers from 1 to 1048576 is "
                "expected, as in fc:4096x9216"},
    {"fc:4X4", "'fc:4X4': fc:MxN (M outputs, N inputs) in whole numbers from 1 to 1048576 is "
               "expected, as in fc:4096x9216"},
    {"fc:04x4", "'fc:04x4': fc:MxN (M outputs, N inputs) in whole numbers from 1 to 1048576 is "
                "expected, as in fc:4096x9216"},
    {"fc:4x99999999999",
     "'fc:4x99999999999': fc:MxN (M outputs, N inputs) in whole numbers from 1 to "
     "1048576 is expected, as in fc:4096x9216"},
    {"fc:4x4/x.net",
     "'fc:4x4/x.net': fc:MxN (M outputs, N inputs) in whole numbers from 1 to 1048576 "
     "is expected, as in fc:4096x9216"},
    {"conv:3x3x64x128",
     "'conv:3x3x64x128': conv:RxSxCxP@HxW (R x S taps, C to P channels, input H x "
     "W) in whole numbers from 1 to 1048576 is expected, as in "
     "conv:3x3x64x128@32x32"},
    {"conv:3x3x64x128@32", "'conv:3x3x64x128@32': conv:RxSxCxP@HxW (R x S taps, C to P channels, "
                           "input H x W) in whole numbers from 1 to 1048576 is expected, as in "
                           "conv:3x3x64x128@32x32"},
    {"conv:3x3x64x128x32x32", "'conv:3x3x64x128x32x32': conv:RxSxCxP@HxW (R x S taps, C to P "
                              "channels, input H x W) in whole numbers from 1 to 1048576 is "
                              "expected, as in conv:3x3x64x128@32x32"},
    {"conv:1x9x4x4@8x8",
     "'conv:1x9x4x4@8x8': conv: window 1x9 is larger than its padded input 8x8"},
    {"conv:3x3x4096x1@1024x1024",
     "'conv:3x3x4096x1@1024x1024': input 4096x1024x1024: every dimension must be in 1..1048576 and "
     "the whole below 2^31 elements"},
    {"alexnt",
     "unknown workload 'alexnt', did you mean 'alexnet'? 'circbench workloads' lists them "
     "all"},
    {"alexnet-fc9", "unknown workload 'alexnet-fc9', did you mean 'alexnet-fc6'? 'circbench "
                    "workloads' lists them all"},
    {"resnet50",
     "unknown workload 'resnet50': 'circbench workloads' lists the names; fc:4096x9216, "
     "conv:3x3x64x128@32x32 and the path of a .net file work too"},
    {"", "unknown workload '': 'circbench workloads' lists the names; fc:4096x9216, "
         "conv:3x3x64x128@32x32 and the path of a .net file work too"},
    {"lenett.net",
     "lenett.net: No such file or directory, did you mean the built-in network 'lenet'?"},
    {"/nowhere/zzzzzzzz.net", "/nowhere/zzzzzzzz.net: No such file or directory"},
    {"/", "/: is a folder where a file is expected"},
    {"/dev/null", "/dev/null: is a device or pipe where a file is expected"},
};

static void check_refusals(void)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct circ_network net;
        struct circ_error err = {.message = ""};
        enum circ_status status = circ_workload_find(refusals[i].spec, &net, &err);
        if (!tap_ok(status == CIRC_USAGE && !strcmp(err.message, refusals[i].message),
                    "refused: '%s'", refusals[i].spec))
            tap_note("%s: %s", circ_status_name(status), err.message);
    }
}

static void check_fc(void)
{
    struct circ_network net;
    if (!tap_ok(!circ_workload_find("fc:4096x9216", &net, NULL), "fc:4096x9216"))
        return;
    const struct circ_layer *layer = &net.layers[0];
    int m, n;
    circ_network_matrix(layer, &m, &n);
    tap_ok(net.layer_count == 1 && layer->op == CIRC_OP_FC && m == 4096 && n == 9216 &&
               net.input.c == 9216 && net.input.h == 1 && net.input.w == 1,
           "fc: outputs first, then inputs");
    tap_ok(layer->bias && layer->compressible && !strcmp(net.name, "fc:4096x9216"),
           "fc: bias, compressible, named like its description");
    tap_ok(!circ_workload_find("fc:1x1", &net, NULL), "fc:1x1");
}

static void check_conv(void)
{
    struct circ_network net;
    if (!tap_ok(!circ_workload_find("conv:3x5x64x128@32x30", &net, NULL), "conv:3x5x64x128@32x30"))
        return;
    const struct circ_layer *layer = &net.layers[0];
    tap_ok(net.layer_count == 1 && layer->op == CIRC_OP_CONV && layer->taps_h == 3 &&
               layer->taps_w == 5 && net.input.c == 64 && net.input.h == 32 && net.input.w == 30,
           "conv: taps and input");
    tap_ok(layer->stride == 1 && layer->pad == 1 && layer->groups == 1 && layer->out.c == 128 &&
               layer->out.h == 32 && layer->out.w == 28,
           "conv: stride 1, padding by the window's height");
    tap_ok(layer->bias && layer->compressible && !strcmp(net.name, "conv:3x5x64x128@32x30"),
           "conv: bias, compressible, named like its description");
    tap_ok(!circ_workload_find("conv:2x2x1x1@4x4", &net, NULL) && net.layers[0].pad == 0 &&
               net.layers[0].out.h == 3,
           "conv: an even window");
    tap_ok(!circ_workload_find("conv:1x1x1x1@1x1", &net, NULL), "conv:1x1x1x1@1x1");
}

/* Writes size bytes to folder/name and leaves the path in path. */
static bool write_file(const char *folder, const char *name, const void *data, size_t size,
                       char *path)
{
    snprintf(path, 256, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    bool written = file && fwrite(data, 1, size, file) == size;
    return (!file || !fclose(file)) && written;
}

static void check_file(const char *folder, const char *name, const void *data, size_t size,
                       const char *ending)
{
    char path[256];
    struct circ_network net;
    struct circ_error err = {.message = ""};
    if (!tap_ok(write_file(folder, name, data, size, path), "file: %s written", name))
        return;
    enum circ_status status = circ_workload_find(path, &net, &err);
    bool right = ending ? status == CIRC_USAGE && !strncmp(err.message, path, strlen(path)) &&
                              !strcmp(err.message + strlen(path), ending)
                        : status == CIRC_OK;
    if (!tap_ok(right, "file: %s %s", name, ending ? "refused" : "read"))
        tap_note("%s: %s", circ_status_name(status), err.message);
    if (!status)
        tap_note("named '%s'", net.name);
    unlink(path);
}

static void check_names(const char *folder)
{
    char path[256];
    struct circ_network net;
    const char *text = "input 1x2x2\nfc 3\n";
    tap_ok(write_file(folder, "mine.net", text, strlen(text), path) &&
               !circ_workload_find(path, &net, NULL) && !strcmp(net.name, "mine"),
           "file: the base name without .net is the network's name");
    unlink(path);
    tap_ok(write_file(folder, "plain", text, strlen(text), path) &&
               !circ_workload_find(path, &net, NULL) && !strcmp(net.name, "plain"),
           "file: a path with a slash needs no .net");
    unlink(path);
}

static void check_unreadable(const char *folder)
{
    char path[256];
    struct circ_network net;
    struct circ_error err = {.message = ""};
    if (!geteuid()) {
        tap_skip("root reads every file", "file: without permission");
        return;
    }
    tap_ok(write_file(folder, "secret.net", "relu\n", 5, path) && !chmod(path, 0) &&
               circ_workload_find(path, &net, &err) == CIRC_USAGE &&
               strstr(err.message, "Permission denied"),
           "file: without permission");
    unlink(path);
}

static void check_files(void)
{
    char folder[] = "/tmp/circ-test-adhoc-XXXXXX";
    if (!tap_ok(mkdtemp(folder) != NULL, "file: temporary folder"))
        return;
    int count;
    const struct circ_builtin *list = circ_workload_list(&count);
    const char *lenet = NULL;
    for (int i = 0; i < count; i++)
        if (!strcmp(list[i].name, "lenet"))
            lenet = list[i].text;
    char *large = calloc(1, ((size_t)1 << 20) + 1);
    if (tap_ok(lenet && large, "file: preparations")) {
        memset(large, '#', ((size_t)1 << 20) + 1);
        check_file(folder, "lenet.net", lenet, strlen(lenet), NULL);
        check_file(folder, "lenet.net", "input 1x28x28\nfc 10\n", 20,
                   ": differs from the built-in network 'lenet' of that name: rename the file");
        check_file(folder, "large.net", large, ((size_t)1 << 20) + 1,
                   ": 1048577 bytes where at most 1048576 are accepted");
        check_file(folder, "largest.net", large, (size_t)1 << 20,
                   ":1: the line 'input CxHxW' is missing");
        check_file(folder, "nul.net", "input 1x2x3\nre\0lu\n", 18,
                   ":2: a NUL byte: this is not a text file");
        check_file(folder, "empty.net", "", 0, ":1: the line 'input CxHxW' is missing");
        check_file(folder, "broken.net", "input 1x2x3\n\ncnov 3x3\n", 22,
                   ":3: unknown layer 'cnov', did you mean 'conv'?");
    }
    check_names(folder);
    check_unreadable(folder);
    free(large);
    tap_ok(!rmdir(folder), "file: temporary folder removed");
}

int main(void)
{
    check_fc();
    check_conv();
    check_refusals();
    check_files();
    return tap_done();
}
