/* circbench fpga emit: source, manifest and compiler commands of a pipeline, for boards whose
 * binaries are made offline. */
#include "backends/registry.h"
#include "harness/commands/command.h"
#include "harness/log.h"
#include "harness/target.h"
#include "workloads/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKLOAD  "alexnet-fc7"
#define BLOCK     16
#define PRECISION "q16"

/* What was asked for once, or the default; NULL where it was asked for twice. */
static const char *single(const struct circ_names *names, const char *otherwise)
{
    return names->count > 1 ? NULL : names->count ? names->items[0] : otherwise;
}

static enum circ_status find_network(const struct circ_options *options, struct circ_network *net,
                                     struct circ_error *err)
{
    const char *workload = single(&options->axes.workloads, WORKLOAD);
    struct circ_block block = {BLOCK, BLOCK};
    if (options->axes.blocks.count)
        block = options->axes.blocks.items[0];
    if (!workload || options->axes.blocks.count > 1 || options->axes.precisions.count > 1)
        return circ_status_fail(err, CIRC_USAGE,
                                "fpga emit writes one pipeline: one -w, one -k and one -p");
    enum circ_status status = circ_workload_find(workload, net, err);
    return status ? status : circ_network_compress(net, CIRC_CIRCULANT, block.fc, block.conv, err);
}

/* The device that --build compiles for. */
static enum circ_status open_device(const struct circ_options *options,
                                    const struct circ_backend *backend,
                                    struct circ_session **session, struct circ_error *err)
{
    struct circ_names one = {.count = 1, .items = (char *[]){(char *)backend->name}};
    struct circ_target *targets = NULL;
    int count = 0;
    enum circ_status status = circ_target_find(&one, &options->axes.devices, &targets, &count, err);
    if (!status && targets[0].status) {
        status = targets[0].status;
        *err = targets[0].error;
    }
    if (!status)
        status = backend->open(targets[0].device.name, session, err);
    free(targets);
    return status;
}

static enum circ_status emit(const struct circ_options *options, const struct circ_backend *backend,
                             struct circ_error *err)
{
    struct circ_network net;
    struct circ_model model = {.network = &net};
    struct circ_session *session = NULL;
    char tuning[CIRC_TUNING_TEXT];
    enum circ_status status = find_network(options, &net, err);
    if (status)
        return status;
    int length =
        snprintf(tuning, sizeof tuning, "p%d d%d", options->parallel ? options->parallel : 1,
                 options->depth ? options->depth : 1);
    if (options->multiply)
        snprintf(tuning + length, sizeof tuning - (size_t)length, " m%d", options->multiply);
    const struct circ_request request = {.model = &model,
                                         .batch = 1,
                                         .threads = 1,
                                         .precision = single(&options->axes.precisions, PRECISION),
                                         .variant = "pipeline",
                                         .tuning = tuning};
    if (options->build)
        status = open_device(options, backend, &session, err);
    if (!status && options->build) /* the kernels are the same for all weights */
        status = circ_weights_create(&model, &net, err);
    if (!status)
        status = backend->emit(session, &request, options->folder, err);
    circ_weights_free(&model);
    backend->close(session);
    if (!status && !options->quiet)
        circ_log_note("%s: pipeline.cl, pipeline.json, commands.txt%s: %s, %s, %s", options->folder,
                      options->build ? ", pipeline.bin" : "", net.name, request.precision, tuning);
    return status;
}

enum circ_status circ_cmd_fpga_run(const struct circ_options *options, int *exit_code,
                                   struct circ_error *err)
{
    const struct circ_backend *backend = circ_registry_find("fpga");
    (void)exit_code;
    if (options->word_count != 1 || strcmp(options->words[0], "emit"))
        return circ_status_fail(err, CIRC_USAGE,
                                "fpga: say what to do; it is 'circbench fpga emit -w lenet -k 16'");
    if (!backend || !backend->emit)
        return circ_status_fail(err, CIRC_ABSENT,
                                "built without OpenCL: install ocl-icd-opencl-dev and build again");
    return emit(options, backend, err);
}
