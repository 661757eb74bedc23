/* circbench doctor: what is here, what is not, what that costs, and how to get it. It changes
 * nothing. */
#include "circ_config.h"
#include "backends/registry.h"
#include "harness/commands/command.h"
#include "harness/commands/doctor_meters.h"
#include "harness/commands/findings.h"
#include "harness/host.h"
#include "harness/target.h"
#include "results/store.h"
#include "workloads/dataset.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* fix: lines to paste, NULL where none is needed or detail has it; brief: what the overview says of
 * it beside its neighbours, NULL: all of it on a line of its own. */
static enum circ_status put(struct circ_findings *findings, const char *item, const char *state,
                            const char *detail, const char *fix, const char *brief,
                            struct circ_error *err)
{
    return circ_findings_put(
        findings,
        &(struct circ_finding){
            .item = item, .state = state, .detail = detail, .fix = fix, .brief = brief},
        err);
}

static enum circ_status print_host(struct circ_findings *findings,
                                   const struct circ_options *options, struct circ_error *err)
{
    (void)options;
    static const char *const shown[] = {"cpu",   "isa",        "cores",  "l3", "memory", "governor",
                                        "turbo", "hypervisor", "kernel", "os", "build",  "commit"};
    struct circ_host host;
    enum circ_status status = CIRC_OK;
    circ_host_read(&host);
    for (size_t i = 0; i < sizeof shown / sizeof *shown && status == CIRC_OK; i++) {
        const char *fact = circ_host_fact(&host, shown[i]);
        char brief[256];
        snprintf(brief, sizeof brief, "%s %s", shown[i], fact);
        status = put(findings, shown[i], "info", fact, NULL, brief, err);
    }
    for (size_t i = 0; i < host.warning_count && status == CIRC_OK; i++) {
        status = put(findings, "timing", "warning", host.warnings[i], NULL, NULL, err);
    }
    return status;
}

static enum circ_status print_libraries(struct circ_findings *findings,
                                        const struct circ_options *options, struct circ_error *err)
{
    (void)options;
    /* what each is for, and the Debian package that brings it */
    static const struct {
        const char *name, *purpose, *fix;
        bool built;
    } libraries[] = {
        {"OpenBLAS", "the dense baseline on the CPU: without it nothing is compared with dense",
         "apt install libopenblas-dev, then set up the build again", CIRC_HAVE_OPENBLAS},
        {"oneDNN", "a dense baseline on the CPU: the fastest for batches and for CONV layers",
         "apt install libdnnl-dev, then set up the build again", CIRC_HAVE_ONEDNN},
        {"FFTW", "the rival of the block-circulant kernels on the CPU",
         "apt install libfftw3-dev, then set up the build again", CIRC_HAVE_FFTW},
        {"PAPI", "hardware and software counters",
         "apt install libpapi-dev, then set up the build again", CIRC_HAVE_PAPI},
        {"libpfm4", "names of the CPU's counters",
         "apt install libpfm4-dev, then set up the build again", CIRC_HAVE_PFM},
        {"d3", "charts in the HTML report; its tables need nothing",
         "apt install node-d3, then set up the build again", CIRC_HAVE_CHARTS},
        {"OpenCL", "GPUs and other OpenCL devices",
         "apt install ocl-icd-opencl-dev, then set up the build again", CIRC_HAVE_OPENCL},
        {"clFFT", "the rival of the block-circulant kernels on OpenCL devices",
         "apt install libclfft-dev, then set up the build again", CIRC_HAVE_CLFFT},
        {"CLBlast", "a dense baseline on OpenCL devices",
         "apt install libclblast-dev, then set up the build again", CIRC_HAVE_CLBLAST},
    };
    enum circ_status status = CIRC_OK;
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries && status == CIRC_OK; i++) {
        bool built = libraries[i].built;
        status = put(findings, libraries[i].name, built ? "ok" : "missing", libraries[i].purpose,
                     built ? NULL : libraries[i].fix, built ? libraries[i].name : NULL, err);
    }
    return status;
}

static enum circ_status print_backends(struct circ_findings *findings,
                                       const struct circ_options *options, struct circ_error *err)
{
    (void)options;
    int count;
    const struct circ_backend *const *backends = circ_registry_list(&count);
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        struct circ_device devices[CIRC_MAX_DEVICES];
        struct circ_error why = {.message = "no device found"};
        int found = 0;
        if (backends[i]->probe(devices, &found, &why) != CIRC_OK || !found) {
            /* nobody needs a peer */
            status = put(findings, backends[i]->name, backends[i]->apart ? "info" : "missing",
                         why.message, NULL, NULL, err);
            continue;
        }
        for (int d = 0; d < found && status == CIRC_OK; d++) {
            bool usable = devices[d].status == CIRC_OK;
            char detail[640], brief[160];
            snprintf(detail, sizeof detail, "%.100s: %.500s", devices[d].name,
                     usable ? devices[d].description : devices[d].reason);
            snprintf(brief, sizeof brief, "%s%s%.100s", d ? "" : backends[i]->name, d ? "" : ": ",
                     devices[d].name);
            status = put(findings, backends[i]->name, usable ? "ok" : "warning", detail, NULL,
                         usable ? brief : NULL, err);
        }
    }
    return status;
}

static enum circ_status print_datasets(struct circ_findings *findings,
                                       const struct circ_options *options, struct circ_error *err)
{
    const char *folder = options->data;
    int count;
    const struct circ_dataset_info *sets = circ_dataset_list(&count);
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        struct circ_dataset set = {0};
        struct circ_error why = {.message =
                                     "optional: give its folder with --data or CIRCBENCH_DATA"};
        enum circ_status found = CIRC_ABSENT;
        if (sets[i].embedded || folder) {
            found = circ_dataset_read(sets[i].name, CIRC_TEST_SPLIT, folder, &set, &why);
            circ_dataset_free(&set);
        }
        /* nothing misses a data set that was not asked for */
        const char *state = found == CIRC_OK ? "ok" : folder ? "missing" : "info";
        status = put(findings, sets[i].name, state,
                     found == CIRC_OK ? sets[i].description : why.message, NULL, NULL, err);
    }
    return status;
}

static enum circ_status print_database(struct circ_findings *findings,
                                       const struct circ_options *options, struct circ_error *err)
{
    const char *db = options->db;
    char detail[1024], folder[4096];
    struct circ_store *store = NULL;
    struct circ_error why = {0};
    if (access(db, F_OK) != 0) {
        snprintf(folder, sizeof folder, "%s", db);
        const char *parent = dirname(folder);
        bool writable = access(parent, W_OK | X_OK) == 0;
        snprintf(detail, sizeof detail,
                 writable ? "%s: will be made by the first sweep" : "%s: cannot be made: %s", db,
                 strerror(errno));
        return put(findings, "file", writable ? "info" : "warning", detail,
                   writable ? NULL : "give a writable place with --db FILE or CIRCBENCH_DB", NULL,
                   err);
    }
    enum circ_status opened = circ_store_open(&store, db, CIRC_STORE_READ, &why);
    circ_store_close(store);
    if (opened != CIRC_OK) {
        return put(findings, "file", "warning", why.message, NULL, NULL, err);
    }
    bool writable = access(db, W_OK) == 0;
    snprintf(detail, sizeof detail, "%s: %s", db,
             writable ? "readable and writable" : "can be read, not written");
    return put(findings, "file", writable ? "ok" : "warning", detail,
               writable ? NULL : "give a writable file with --db FILE or CIRCBENCH_DB", NULL, err);
}

static const struct {
    const char *name;
    enum circ_status (*print)(struct circ_findings *, const struct circ_options *,
                              struct circ_error *);
} areas[] = {
    {"machine", print_host},       {"libraries", print_libraries},
    {"backends", print_backends},  {"meters", circ_doctor_meters_print},
    {"data sets", print_datasets}, {"database", print_database},
};

enum { AREA_COUNT = sizeof areas / sizeof *areas };

/* Position of the area that was asked for, -1 for all of them. */
static enum circ_status choose(const struct circ_options *options, int *chosen,
                               struct circ_error *err)
{
    const char *names[AREA_COUNT];
    for (int i = 0; i < AREA_COUNT; i++) {
        names[i] = areas[i].name;
    }
    *chosen = -1;
    return options->word_count
               ? circ_target_choose("area", options->words[0], names, AREA_COUNT, chosen, err)
               : CIRC_OK;
}

enum circ_status circ_cmd_doctor_run(const struct circ_options *options, int *exit_code,
                                     struct circ_error *err)
{
    struct circ_findings findings;
    int chosen;
    (void)exit_code;
    enum circ_status status = choose(options, &chosen, err);
    if (status != CIRC_OK) {
        return status;
    }
    status = circ_findings_begin(&findings, options->format, chosen >= 0, err);
    for (int i = 0; i < AREA_COUNT && status == CIRC_OK; i++) {
        if (chosen >= 0 && chosen != i) {
            continue;
        }
        status = circ_findings_area(&findings, areas[i].name, err);
        if (status == CIRC_OK) {
            status = areas[i].print(&findings, options, err);
        }
    }
    return circ_findings_end(&findings, status, err);
}
