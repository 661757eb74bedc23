/* circbench doctor: what is here, what is not, what that costs, and how to get it. It changes
 * nothing. */
#include "circ_config.h"
#include "backends/registry.h"
#include "harness/cell.h"
#include "harness/command.h"
#include "harness/host.h"
#include "harness/log.h"
#include "harness/meters/meter.h"
#include "results/store.h"
#include "workloads/dataset.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLUMN_COUNT = 5 };

static const char *const columns[COLUMN_COUNT] = {"area", "item", "state", "detail", "fix"};

/* Where findings go: rows of a writer, or lines for a person. */
struct printer {
    struct circ_writer *writer; /* NULL: lines */
    const char *area;           /* the last one printed */
    int width, open;            /* open: findings that are neither ok nor a mere fact */
};

/* state: ok, info, missing, warning. fix: lines to paste, NULL where none is needed or detail has
 * it. */
static enum circ_status print(struct printer *printer, const char *area, const char *item,
                              const char *state, const char *detail, const char *fix,
                              struct circ_error *err)
{
    enum { INDENT = 26 };
    const struct circ_cell cells[COLUMN_COUNT] = {circ_cell_text(area), circ_cell_text(item),
                                                  circ_cell_text(state), circ_cell_text(detail),
                                                  circ_cell_text(fix)};
    printer->open += !strcmp(state, "missing") || !strcmp(state, "warning");
    if (printer->writer) {
        return circ_format_row(printer->writer, cells, err);
    }
    if (!printer->area || strcmp(printer->area, area) != 0) {
        printf("%s%s\n", printer->area ? "\n" : "", area);
        printer->area = area;
    }
    printf("  %-8s %-14s ", !strcmp(state, "info") ? "" : state, item);
    circ_log_fold(stdout, detail, INDENT, printer->width);
    if (fix) {
        printf("%*sfix: ", INDENT, "");
        circ_log_fold(stdout, fix, INDENT + 5, printer->width);
    }
    return CIRC_OK;
}

static enum circ_status print_host(struct printer *printer, const struct circ_options *options,
                                   struct circ_error *err)
{
    (void)options;
    static const char *const shown[] = {"cpu",   "isa",        "cores",  "l3", "memory", "governor",
                                        "turbo", "hypervisor", "kernel", "os", "build",  "commit"};
    struct circ_host host;
    enum circ_status status = CIRC_OK;
    circ_host_read(&host);
    for (size_t i = 0; i < sizeof shown / sizeof *shown && status == CIRC_OK; i++) {
        status =
            print(printer, "machine", shown[i], "info", circ_host_fact(&host, shown[i]), NULL, err);
    }
    for (size_t i = 0; i < host.warning_count && status == CIRC_OK; i++) {
        status = print(printer, "machine", "timing", "warning", host.warnings[i], NULL, err);
    }
    return status;
}

static enum circ_status print_libraries(struct printer *printer, const struct circ_options *options,
                                        struct circ_error *err)
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
        status = print(printer, "libraries", libraries[i].name, built ? "ok" : "missing",
                       libraries[i].purpose, built ? NULL : libraries[i].fix, err);
    }
    return status;
}

static enum circ_status print_backends(struct printer *printer, const struct circ_options *options,
                                       struct circ_error *err)
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
            status = print(printer, "backends", backends[i]->name,
                           backends[i]->apart ? "info" : "missing", why.message, NULL, err);
            continue;
        }
        for (int d = 0; d < found && status == CIRC_OK; d++) {
            bool usable = devices[d].status == CIRC_OK;
            char detail[640];
            snprintf(detail, sizeof detail, "%.100s: %.500s", devices[d].name,
                     usable ? devices[d].description : devices[d].reason);
            status = print(printer, "backends", backends[i]->name, usable ? "ok" : "warning",
                           detail, NULL, err);
        }
    }
    return status;
}

static enum circ_status print_meters(struct printer *printer, const struct circ_options *options,
                                     struct circ_error *err)
{
    (void)options;
    int count;
    const struct circ_meter *const *meters = circ_meters_list(&count);
    enum circ_status status = CIRC_OK;
    if (circ_meters_replayed()) {
        status = print(printer, "meters", "replay", "warning",
                       "CIRCBENCH_SYSFS replaces /sys: every row made now is marked emulated",
                       "unset CIRCBENCH_SYSFS", err);
    }
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        struct circ_error why = {0};
        bool present = meters[i]->probe(NULL, &why) == CIRC_OK;
        status = print(printer, "meters", meters[i]->name, present ? "ok" : "missing",
                       present ? meters[i]->description : why.message, NULL, err);
    }
    return status;
}

/* The kernel's gate to counters; -1 all, 0 system-wide, 1 own process with kernel, 2 own process, 3
 * and more none. */
static enum circ_status print_paranoid(struct printer *printer, const struct circ_options *options,
                                       struct circ_error *err)
{
    (void)options;
    static const char path[] = "/proc/sys/kernel/perf_event_paranoid";
    char detail[128];
    int level;
    FILE *file = fopen(path, "r");
    int read = file ? fscanf(file, "%d", &level) : 0;
    if (file) {
        fclose(file);
    }
    if (read != 1) {
        return print(
            printer, "meters", "perf_event", "missing",
            "perf_event_paranoid cannot be read: this kernel or container offers no counters", NULL,
            err);
    }
    snprintf(detail, sizeof detail, "perf_event_paranoid is %d: counters of %s", level,
             level < 1   ? "the whole system are readable"
             : level < 3 ? "our own process are readable, the package's energy through perf is not"
                         : "no process are readable without privilege");
    return print(printer, "meters", "perf_event", level < 3 ? "ok" : "warning", detail,
                 level < 3 ? NULL : "sudo sysctl kernel.perf_event_paranoid=2", err);
}

static enum circ_status print_datasets(struct printer *printer, const struct circ_options *options,
                                       struct circ_error *err)
{
    const char *folder = options->data;
    int count;
    const struct circ_dataset_info *sets = circ_dataset_list(&count);
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        struct circ_dataset set = {0};
        struct circ_error why = {.message =
                                     "optional; no folder given with --data or CIRCBENCH_DATA"};
        enum circ_status found = CIRC_ABSENT;
        if (sets[i].embedded || folder) {
            found = circ_dataset_read(sets[i].name, CIRC_TEST_SPLIT, folder, &set, &why);
            circ_dataset_free(&set);
        }
        /* nothing misses a data set that was not asked for */
        const char *state = found == CIRC_OK ? "ok" : folder ? "missing" : "info";
        status = print(printer, "data sets", sets[i].name, state,
                       found == CIRC_OK ? sets[i].description : why.message, NULL, err);
    }
    return status;
}

static enum circ_status print_database(struct printer *printer, const struct circ_options *options,
                                       struct circ_error *err)
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
        return print(printer, "database", "file", writable ? "info" : "warning", detail,
                     writable ? NULL : "give a writable place with --db FILE or CIRCBENCH_DB", err);
    }
    enum circ_status opened = circ_store_open(&store, db, CIRC_STORE_READ, &why);
    circ_store_close(store);
    if (opened != CIRC_OK) {
        return print(printer, "database", "file", "warning", why.message, NULL, err);
    }
    bool writable = access(db, W_OK) == 0;
    snprintf(detail, sizeof detail, "%s: %s", db,
             writable ? "readable and writable" : "can be read, not written");
    return print(printer, "database", "file", writable ? "ok" : "warning", detail,
                 writable ? NULL : "give a writable file with --db FILE or CIRCBENCH_DB", err);
}

static enum circ_status (*const areas[])(struct printer *, const struct circ_options *,
                                         struct circ_error *) = {
    print_host,     print_libraries, print_backends, print_meters,
    print_paranoid, print_datasets,  print_database,
};

enum circ_status circ_cmd_doctor_run(const struct circ_options *options, int *exit_code,
                                     struct circ_error *err)
{
    int width = circ_log_width(STDOUT_FILENO);
    struct printer printer = {.width = width < 60 ? 60 : width > 120 ? 120 : width};
    enum circ_status status = CIRC_OK;
    (void)exit_code;
    if (options->format != CIRC_TABLE) {
        status = circ_format_begin(&printer.writer, stdout, options->format, "doctor", columns,
                                   COLUMN_COUNT, err);
    }
    for (size_t i = 0; i < sizeof areas / sizeof *areas && status == CIRC_OK; i++) {
        status = areas[i](&printer, options, err);
    }
    if (printer.writer) {
        enum circ_status ended = circ_format_end(printer.writer, status == CIRC_OK ? err : NULL);
        status = status == CIRC_OK ? ended : status;
    } else if (status == CIRC_OK) {
        printf("\n%d %s to look at.\n", printer.open, printer.open == 1 ? "thing" : "things");
    }
    return status;
}
