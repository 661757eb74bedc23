/* The entry: finds the command, parses its options, runs it, and turns the outcome into a message
 * and an exit code. What a command does is in its cmd_*.c. */
#include "circ_config.h"
#include "backends/core/nearest.h"
#include "harness/commands/command.h"
#include "harness/host.h"
#include "harness/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_NOTHING = 3, EXIT_INTERNAL = 4, EXIT_STOPPED = 130 };

static const struct circ_command commands[] = {
    {"devices", "[-b LIST] [--model-file FILE] [-o FORMAT]",
     "list the processors found, and why others are not there",
     "circbench devices\n"
     "circbench devices -o json\n"
     "circbench devices -b model\n",
     0, circ_cmd_devices_run},
    {"workloads", "[NAME | -w SPEC] [-o FORMAT]",
     "list the networks and data sets, or show one of them",
     "circbench workloads\n"
     "circbench workloads alexnet\n"
     "circbench workloads mnist --data DIR\n"
     "circbench workloads -w conv:3x3x64x128@32x32\n",
     1, circ_cmd_workloads_run},
    {"doctor", "[AREA] [--db FILE] [--data DIR]",
     "say what is missing on this machine, what it is for, and how to get it",
     "circbench doctor\n"
     "circbench doctor meters\n"
     "circbench doctor -o json\n",
     1, circ_cmd_doctor_run},
    {"meters", "[--meters LIST] [--watch [--interval S] [--count N]] [-o FORMAT]",
     "list the sources of energy and counters by channel, or watch their watts",
     "circbench meters\n"
     "circbench meters --watch\n"
     "circbench meters --watch --interval 0.1 --count 100 -o csv > power.csv\n"
     "circbench meters --meter-exec './wall-meter.sh' --meters exec --watch\n",
     0, circ_cmd_meters_run},
    {"check", "[axes] [--dump DIR]", "compare answers with the double-precision oracle; no timing",
     "circbench check\n"
     "circbench check -w lenet -s circulant -k 8,16 -b cpu,ref\n"
     "circbench check -w fc:10x7 -s circulant -k 4 --dump points\n",
     0, circ_cmd_check_run},
    {"roof", "[-b LIST] [-d LIST] [-t LIST] [--isa LIST] [--db FILE]",
     "measure what this machine can do at best, for the roofs of sweeps",
     "circbench roof\n"
     "circbench roof -t 1,2 --isa avx2 -o md\n"
     "circbench query ceilings\n",
     0, circ_cmd_roof_run},
    {"tune", "[axes] [--db FILE] | --list | --export FILE | --import FILE",
     "search the parameters that a device runs fastest with, for sweeps",
     "circbench tune -b opencl -d 0\n"
     "circbench tune -w fc:4096x4096 -k 16-128*2 -n 1,256 --timeout 120\n"
     "circbench tune --export gpu.jsonl\n",
     0, circ_cmd_tune_run},
    {"sweep", "[axes] [--db FILE] [--resume] [--dry-run]",
     "measure every point of the axes, and keep every sample in the database",
     "circbench sweep\n"
     "circbench sweep -w lenet,alexnet -k 8,16,32 -n 1,64 -b cpu\n"
     "circbench sweep -w fc:4096x9216 -k 4-1024*2 --dry-run\n",
     0, circ_cmd_sweep_run},
    {"fpga", "emit [-w SPEC] [-k K] [-p NAME] [--parallel N] [--depth N] [-o DIR]",
     "write a pipeline's kernels and the commands that compile them for a board",
     "circbench fpga emit -w lenet -k 16 --parallel 4 --depth 2 --multiply 32 -o lenet16\n"
     "circbench fpga emit -w alexnet-fc7 -k 64 -p q8 --build\n"
     "circbench sweep -w alexnet-fc7 -k 64 -p q8 -b fpga --binary pipeline/pipeline.bin\n",
     1, circ_cmd_fpga_run},
    {"campaigns", "[name WHICH NEWNAME | delete WHICH] [--db FILE]",
     "list, name and delete the campaigns of a database",
     "circbench campaigns\n"
     "circbench campaigns name latest before-upgrade\n"
     "circbench campaigns delete before-upgrade\n",
     3, circ_cmd_campaigns_run},
    {"query", "[NAME | --sql SQL] [--where CONDITION] [--campaign WHICH]",
     "read the results: canned queries, or SQL of your own",
     "circbench query --list\n"
     "circbench query summary --where \"batch = 1\"\n"
     "circbench query --sql 'SELECT block, time_ns_median FROM v_result' -o csv\n",
     1, circ_cmd_query_run},
    {"compare", "BASE NEW [--fail-on RULE]",
     "compare two campaigns point by point: same, faster, slower or unclear",
     "circbench compare before-upgrade latest\n"
     "circbench compare old.db new.db --fail-on 'time>3%'\n"
     "circbench compare old.db:nightly latest -o md\n",
     2, circ_cmd_compare_run},
    {"report", "[-o FILE.html | FILE.md] [--campaign WHICH]", "write the comparison report",
     "circbench report\n"
     "circbench report -o report.md --campaign before-upgrade\n",
     0, circ_cmd_report_run},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static char command_line[16384]; /* set once, before any command runs */

const char *circ_command_line(void)
{
    return command_line;
}

/* Appends argument, quoted where a shell would read it otherwise. */
static void append_quoted(FILE *text, const char *argument)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    if (*argument && strspn(argument, plain) == strlen(argument)) {
        fputs(argument, text);
        return;
    }
    fputc('\'', text);
    for (; *argument; argument++) {
        if (*argument == '\'') {
            fputs("'\\''", text);
        } else {
            fputc(*argument, text);
        }
    }
    fputc('\'', text);
}

static void keep_command_line(int argc, char **argv)
{
    static const char cut[] = " ..."; /* a line that long is not worth an allocation */
    FILE *text = fmemopen(command_line, sizeof command_line - sizeof cut, "w");
    if (!text) {
        return;
    }
    for (int i = 0; i < argc; i++) {
        fputs(i ? " " : "", text);
        append_quoted(text, argv[i]);
    }
    if (fclose(text) != 0) {
        strcat(command_line, cut);
    }
}

static void print_help(void)
{
    puts("circbench measures what block-circulant weights buy on this machine: time, size and\n"
         "energy against dense and pruned weights, every answer checked, every sample kept.\n\n"
         "usage: circbench COMMAND [OPTIONS]\n");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-10s %s\n", commands[i].name, commands[i].description);
    }
    puts("\n"
         "  help COMMAND, COMMAND --help   options, defaults and examples of a command\n"
         "  --version                      version, and the libraries built in\n\n"
         "To begin with:\n"
         "  circbench sweep     measures AlexNet's fc7 layer into circbench.db, in about a minute\n"
         "  circbench report    writes report.html from it\n\n"
         "Rows go to stdout, messages to stderr. Exit codes: 0 done, 1 slower or failed,\n"
         "2 usage, 3 nothing to run or compare, 4 internal error, 130 interrupted.");
}

static void print_command_help(const struct circ_command *command)
{
    printf("circbench %s: %s\n\nusage: circbench %s %s\n\noptions [default]:\n", command->name,
           command->description, command->name, command->synopsis);
    int width = circ_log_width(STDOUT_FILENO);
    circ_options_describe(command->name, stdout, width < 60 ? 60 : width > 100 ? 100 : width);
    printf("\nexamples:\n");
    for (const char *line = command->examples; *line;) {
        int length = (int)strcspn(line, "\n");
        printf("  %.*s\n", length, line);
        line += length + (line[length] == '\n');
    }
}

static void print_version(void)
{
    static const struct {
        const char *fact, *name;
        bool built;
    } libraries[] = {
        {"sqlite", "SQLite", true},
        {"zlib", "zlib", true},
        {"openblas", "OpenBLAS", CIRC_HAVE_OPENBLAS},
        {"onednn", "oneDNN", CIRC_HAVE_ONEDNN},
        {"fftw", "FFTW", CIRC_HAVE_FFTW},
        {"papi", "PAPI", CIRC_HAVE_PAPI},
        {"pfm", "libpfm4", CIRC_HAVE_PFM},
        {"d3", "d3 (charts)", CIRC_HAVE_CHARTS},
    };
    struct circ_host host;
    circ_host_read(&host);
    printf("circbench %s\n", CIRC_VERSION);
    printf("commit    %s\n", circ_host_fact(&host, "commit"));
    printf("build     %s, %s\n", CIRC_BUILD_TYPE, CIRC_COMPILER);
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        const char *version = circ_host_fact(&host, libraries[i].fact);
        bool known = strcmp(version, "unknown") != 0;
        printf("%s%s%s%s%s", i ? ", " : "libraries ", libraries[i].name,
               libraries[i].built && known ? " " : "", libraries[i].built && known ? version : "",
               libraries[i].built ? "" : " (not built in)");
    }
    putchar('\n');
}

static enum circ_status find_command(const char *name, const struct circ_command **command,
                                     struct circ_error *err)
{
    const char *names[COMMAND_COUNT];
    for (int i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i].name;
        if (!strcmp(name, names[i])) {
            *command = &commands[i];
            return CIRC_OK;
        }
    }
    const char *nearest = circ_nearest_find(name, names, COMMAND_COUNT);
    return circ_status_fail(
        err, CIRC_USAGE, "unknown command '%.100s'%s%s%s See 'circbench --help'", name,
        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : ".");
}

/* A backend has no options of its own: what it is told goes by the environment. */
static enum circ_status tell_backends(const struct circ_options *options, struct circ_error *err)
{
    const struct {
        const char *value, *variable;
    } told[] = {{options->model_file, "CIRCBENCH_MODEL_FILE"},
                {options->binary, "CIRCBENCH_FPGA_BINARY"}};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (told[i].value && setenv(told[i].variable, told[i].value, 1))
            return circ_status_fail(err, CIRC_MEMORY, "no memory for %s", told[i].value);
    return CIRC_OK;
}

static enum circ_status run_command(const struct circ_command *command, int argc, char **argv,
                                    int *exit_code, struct circ_error *err)
{
    struct circ_options options;
    bool help;
    enum circ_status status = circ_options_parse(command->name, argc, argv, &options, &help, err);
    if (status == CIRC_OK && help) {
        print_command_help(command);
    } else if (status == CIRC_OK && options.word_count > command->words) {
        status = circ_status_fail(err, CIRC_USAGE,
                                  "%s: unexpected word '%.100s'. See 'circbench %s --help'",
                                  command->name, options.words[command->words], command->name);
    } else if (status == CIRC_OK) {
        status = tell_backends(&options, err);
        if (status == CIRC_OK) {
            status = command->run(&options, exit_code, err);
        }
    }
    circ_options_free(&options);
    return status;
}

static enum circ_status dispatch(int argc, char **argv, int *exit_code, struct circ_error *err)
{
    const struct circ_command *command;
    const char *name = argc > 1 ? argv[1] : "help";
    enum circ_status status = CIRC_OK;
    if (!strcmp(name, "--version")) {
        print_version();
    } else if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h")) {
        if (argc < 3) {
            print_help();
        } else if ((status = find_command(argv[2], &command, err)) == CIRC_OK) {
            print_command_help(command);
        }
    } else if ((status = find_command(name, &command, err)) == CIRC_OK) {
        status = run_command(command, argc - 1, argv + 1, exit_code, err);
    }
    return status;
}

static int exit_code_of(enum circ_status status)
{
    switch (status) {
    case CIRC_OK:
        return EXIT_SUCCESS;
    case CIRC_USAGE:
        return EXIT_USAGE;
    case CIRC_NOTHING:
    case CIRC_UNSUP:  /* valid, and not offered */
    case CIRC_ABSENT: /* what was named is not on this machine */
        return EXIT_NOTHING;
    case CIRC_STOPPED:
        return EXIT_STOPPED;
    default:
        return EXIT_INTERNAL;
    }
}

/* Whether the reader of stdout has gone ("| head"): poll says so after the error number is lost. */
static bool reader_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0 && out.revents & POLLERR;
}

int main(int argc, char **argv)
{
    struct circ_error err = {0};
    int exit_code = 0;
    signal(SIGPIPE, SIG_IGN); /* a closed pipe must not end a sweep that also writes a database */
    keep_command_line(argc, argv);
    enum circ_status status = dispatch(argc, argv, &exit_code, &err);
    int cause = fflush(stdout) != 0 ? errno : 0;
    bool unwritten = cause || ferror(stdout);
    if (unwritten && reader_gone()) {
        return status == CIRC_OK || status == CIRC_IO ? exit_code : exit_code_of(status);
    }
    if (status != CIRC_OK) {
        circ_log_error("%s", err.message);
        return exit_code_of(status);
    }
    if (unwritten) {
        circ_log_error("the output could not be written: %s",
                       cause ? strerror(cause) : "stdout is full or closed");
        return EXIT_INTERNAL;
    }
    return exit_code;
}
