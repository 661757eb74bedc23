/* The table of options, and the parsing and the help that follow from it. What an option does is
 * for the commands.
 *
 * Parsing itself is glibc's getopt_long: everywhere, without a dependency, with the habits users
 * know (bundled letters, --option=value, "--"). popt would bring its own table with defaults, but a
 * dependency for less than a page of code, and neither lists nor filtering by command; argp (glibc)
 * formats help well but prints its own messages and exits, and its parsers per command would each
 * restate the options they share. */
#include "backends/core/nearest.h"
#include "harness/options.h"
#include "harness/log.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum store {
    STORE_FLAG,
    STORE_INT,
    STORE_UINT64,
    STORE_REAL,
    STORE_TEXT,
    STORE_NAMES,
    STORE_NUMBERS,
    STORE_BLOCKS,
    STORE_FORMAT,
    STORE_SHARD,
    STORE_HELP
};

struct option_row {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* its name in the help; NULL: a flag */
    const char *commands; /* that take it, blank between; "*": all */
    enum store store;
    size_t offset;           /* in struct circ_options */
    double low, high;        /* of numbers, both allowed */
    const char *preset;      /* applied before parsing; NULL: none */
    const char *environment; /* the variable that replaces preset; NULL: none */
    const char *derived;     /* a default made by the command, for the help only */
    const char *check;       /* that of check where it differs; NULL: the same */
    const char *help;
};

#define AT(member) offsetof(struct circ_options, member)
#define POINTS     "check sweep"
#define SEARCHES   "check sweep tune"
#define DEVICES    "check roof sweep"
#define ROWS       "devices workloads doctor check roof tune sweep campaigns query compare"

static const struct option_row table[] = {
    {"workload", 'w', "SPEC", "workloads", STORE_NAMES, AT(axes.workloads),
     .help = "show this network layer by layer: a name, fc:MxN, conv:RxSxCxP@HxW, or FILE.net"},
    {"workload", 'w', "LIST", POINTS, STORE_NAMES, AT(axes.workloads), .derived = "alexnet-fc7",
     .check = "small layers and networks",
     .help = "networks by name, fc:MxN, conv:RxSxCxP@HxW, or FILE.net"},
    {"workload", 'w', "LIST", "tune", STORE_NAMES, AT(axes.workloads),
     .derived = "alexnet-fc7,conv:3x3x128x128@16x16", .help = "what the parameters are tried on"},
    {"structure", 's', "LIST", POINTS, STORE_NAMES, AT(axes.structures),
     .derived = "dense,circulant,pruned", .help = "how weights are stored"},
    {"block", 'k', "LIST", POINTS, STORE_BLOCKS, AT(axes.blocks), .derived = "4-256*2",
     .check = "some from 1 to 1024",
     .help = "block sizes: 8,16 or 8-1024*2 (multiply) or 8-64+8 (add); K/C gives CONV layers C"},
    {"block", 'k', "LIST", "tune", STORE_BLOCKS, AT(axes.blocks), .derived = "8,32,128,512",
     .help = "block sizes to search at; others take the nearest"},
    {"batch", 'n', "LIST", "tune", STORE_NUMBERS, AT(axes.batches), .derived = "1,64",
     .help = "batches to search at; others take the nearest"},
    {"batch", 'n', "LIST", POINTS, STORE_NUMBERS, AT(axes.batches),
     .derived = "1; 1,64 when no axis is given", .check = "1,3,17; 1 with -w",
     .help = "input samples computed together"},
    {"backend", 'b', "LIST", DEVICES, STORE_NAMES, AT(axes.backends), .derived = "cpu",
     .check = "cpu,ref", .help = "backends; 'circbench devices' lists them"},
    {"backend", 'b', "LIST", "tune", STORE_NAMES, AT(axes.backends), .derived = "opencl",
     .help = "backends that have parameters"},
    {"device", 'd', "LIST", DEVICES " tune", STORE_NAMES, AT(axes.devices),
     .derived = "every device of the backend",
     .help = "devices: number, name, platform or platform:either"},
    {"variant", 0, "LIST", SEARCHES, STORE_NAMES, AT(axes.variants),
     .derived = "the best of each structure", .check = "all; with --dump the best",
     .help = "implementations inside a backend"},
    {"threads", 't', "LIST", DEVICES, STORE_NUMBERS, AT(axes.threads),
     .derived = "physical cores in the affinity mask", .help = "threads"},
    {"precision", 'p', "LIST", POINTS, STORE_NAMES, AT(axes.precisions),
     .derived = "the backend's first",
     .help =
         "how weights are stored: f32; bf16 for circulant ones on cpu; q16, q12, q8: fixed point"},
    {"pass", 0, "LIST", SEARCHES, STORE_NAMES, AT(axes.passes), .derived = "infer",
     .check = "infer,train; infer with -w", .help = "infer or train"},
    {"isa", 0, "LIST", DEVICES, STORE_NAMES, AT(axes.isas), .derived = "the best of this machine",
     .check = "all; with --dump the best", .help = "kernel sets of the CPU"},
    {"cold", 0, NULL, "sweep", STORE_FLAG, AT(cold),
     .help = "every point a second time with cold weights: copies of them, used in turn, that "
             "fill twice the caches"},
    {"samples", 'r', "N", "sweep", STORE_INT, AT(samples), 1, 1000000, .preset = "10",
     .help = "least number of samples of a point"},
    {"min-time", 0, "SECONDS", "sweep", STORE_REAL, AT(min_time_s), 0, 86400, .preset = "0.5",
     .help = "least time of a point's samples"},
    {"timeout", 0, "SECONDS", "sweep", STORE_REAL, AT(timeout_s), 1e-3, 86400, .preset = "10",
     .help = "most time of a point's samples; its row then says timeout"},
    {"timeout", 0, "SECONDS", "tune", STORE_REAL, AT(search_s), 1e-3, 86400, .preset = "60",
     .help = "no candidate is begun after so long on one point"},
    {"max-noise", 0, "RATIO", "sweep", STORE_REAL, AT(max_noise), 1e-6, 1, .preset = "0.01",
     .help = "stop when the 95 % interval of the median is within this fraction of it"},
    {"seed", 0, "N", SEARCHES, STORE_UINT64, AT(seed), .preset = "1",
     .help = "of inputs, weights and the order of measurement"},
    {"shard", 0, "I/N", "sweep", STORE_SHARD, 0, .preset = "1/1",
     .help = "measure only the Ith of N parts, for several machines"},
    {"meters", 0, "LIST", "sweep", STORE_NAMES, AT(meters), .derived = "all that are present",
     .help = "sources of counters and energy, or none"},
    {"events", 0, "LIST", "sweep", STORE_NAMES, AT(events), .derived = "a built-in choice",
     .help = "PAPI events of the counter pass"},
    {"energy-error", 0, "RATIO", "sweep", STORE_REAL, AT(energy_error), 1e-4, 1, .preset = "0.02",
     .help = "largest error of an energy window; longer windows make it smaller"},
    {"dump", 0, "DIR", "check", STORE_TEXT, AT(dump),
     .help = "write weights, input and output of each point as .npy files"},
    {"name", 0, "NAME", "sweep", STORE_TEXT, AT(name), .derived = "a generated one",
     .help = "name of the campaign"},
    {"resume", 0, NULL, "sweep", STORE_FLAG, AT(resume),
     .help = "continue the newest campaign with the same axes: measure what is missing"},
    {"dry-run", 0, NULL, "sweep", STORE_FLAG, AT(dry_run),
     .help = "list the points and the time they will take; measure and write nothing"},
    {"campaign", 0, "WHICH", "query report", STORE_TEXT, AT(campaign), .preset = "latest",
     .help = "a campaign's name, key or first letters of its key"},
    {"list", 0, NULL, "query", STORE_FLAG, AT(list), .help = "list the canned queries"},
    {"list", 0, NULL, "tune", STORE_FLAG, AT(list), .help = "print what is stored; search nothing"},
    {"export", 0, "FILE", "tune", STORE_TEXT, AT(export_to),
     .help = "write what is stored, a line of JSON each; search nothing"},
    {"import", 0, "FILE", "tune", STORE_TEXT, AT(import_from),
     .help = "store the lines of such a file; of two for one point the newer counts"},
    {"sql", 0, "SQL", "query", STORE_TEXT, AT(sql),
     .help = "one SELECT of your own; the view v_result has one row a trial"},
    {"where", 0, "CONDITION", "query", STORE_TEXT, AT(where),
     .help = "keep only rows for which this SQL condition over the columns holds"},
    {"fail-on", 0, "RULE", "compare", STORE_TEXT, AT(fail_on),
     .help = "'time>3%' or 'energy>5%': exit with 1 when a point got worse by more than that"},
    {"db", 0, "FILE", "doctor check roof tune sweep campaigns query compare report", STORE_TEXT,
     AT(db), .preset = "circbench.db", .environment = "CIRCBENCH_DB",
     .help = "the results database"},
    {"data", 0, "DIR", "workloads doctor", STORE_TEXT, AT(data), .environment = "CIRCBENCH_DATA",
     .help = "folder that holds mnist/ and cifar10/"},
    {"output", 'o', "FORMAT", ROWS, STORE_FORMAT, AT(format), .preset = "table",
     .help = "table, md, csv, json, jsonl or sql"},
    {"output", 'o', "FILE", "report", STORE_TEXT, AT(output), .preset = "report.html",
     .help = "FILE.html or FILE.md; - prints Markdown"},
    {"quiet", 'q', NULL, DEVICES " tune compare report", STORE_FLAG, AT(quiet),
     .help = "no progress and no notes; warnings and errors stay"},
    {"help", 'h', NULL, "*", STORE_HELP, 0, .help = "show this help"},
};

enum { ROW_COUNT = sizeof table / sizeof *table, LONG_VALUE = 256 };

static bool listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length])) {
            return true;
        }
    }
    return false;
}

static bool takes(const struct option_row *row, const char *command)
{
    return !strcmp(row->commands, "*") || listed(row->commands, command);
}

/* "-k/--block" or "--db": how messages name an option. */
static const char *label(const struct option_row *row, char buffer[48])
{
    if (row->letter) {
        snprintf(buffer, 48, "-%c/--%s", row->letter, row->name);
    } else {
        snprintf(buffer, 48, "--%s", row->name);
    }
    return buffer;
}

static enum circ_status refuse(const struct option_row *row, const char *text, const char *wanted,
                               struct circ_error *err)
{
    char name[48];
    return circ_status_fail(err, CIRC_USAGE, "%s: '%.100s' is not %s; for example --%s %s",
                            label(row, name), text, wanted, row->name,
                            row->preset ? row->preset : row->argument);
}

static enum circ_status read_number(const struct option_row *row, const char *text, double *value,
                                    struct circ_error *err)
{
    char *end, wanted[80];
    bool whole = row->store == STORE_INT;
    /* strtod alone would take blanks, signs, hexadecimal, "inf" and "nan" */
    bool plain = *text && strspn(text, whole ? "0123456789" : "0123456789.eE+-") == strlen(text) &&
                 strchr("0123456789.", *text);
    *value = plain ? strtod(text, &end) : 0;
    if (!plain || *end || !isfinite(*value) || *value < row->low || *value > row->high) {
        snprintf(wanted, sizeof wanted, "a %snumber from %g to %.10g", whole ? "whole " : "",
                 row->low, row->high);
        return refuse(row, text, wanted, err);
    }
    return CIRC_OK;
}

static enum circ_status read_uint64(const struct option_row *row, const char *text, uint64_t *value,
                                    struct circ_error *err)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text < '0' || *text > '9') {
        return refuse(row, text, "a whole number from 0 to 18446744073709551615", err);
    }
    return CIRC_OK;
}

static enum circ_status read_shard(const struct option_row *row, const char *text,
                                   struct circ_options *options, struct circ_error *err)
{
    int used = 0;
    if (strspn(text, "0123456789/") != strlen(text) || strlen(text) > 12 ||
        sscanf(text, "%d/%d%n", &options->shard, &options->shards, &used) != 2 || text[used] ||
        options->shard < 1 || options->shard > options->shards) {
        options->shard = options->shards = 1;
        return refuse(row, text, "a part I/N with I from 1 to N", err);
    }
    return CIRC_OK;
}

static enum circ_status read_format(const struct option_row *row, const char *text,
                                    struct circ_options *options, struct circ_error *err)
{
    const char *names[CIRC_SQL + 1];
    char name[48];
    int format = circ_format_parse(text);
    if (format >= 0) {
        options->format = (enum circ_format)format;
        return CIRC_OK;
    }
    for (int i = 0; i <= CIRC_SQL; i++) {
        names[i] = circ_format_name((enum circ_format)i);
    }
    const char *nearest = circ_nearest_find(text, names, CIRC_SQL + 1);
    return circ_status_fail(err, CIRC_USAGE, "%s: unknown format '%.100s'%s%s%s It is %s",
                            label(row, name), text, nearest ? "; did you mean '" : "",
                            nearest ? nearest : "", nearest ? "'?" : ".", row->help);
}

/* Stores text, or sets the flag, where the row says. */
static enum circ_status apply(const struct option_row *row, const char *text,
                              struct circ_options *options, struct circ_error *err)
{
    void *target = (char *)options + row->offset;
    char name[48];
    double number;
    enum circ_status status = CIRC_OK;
    switch (row->store) {
    case STORE_FLAG:
        *(bool *)target = true;
        break;
    case STORE_INT:
        status = read_number(row, text, &number, err);
        if (status == CIRC_OK) {
            *(int *)target = (int)number;
        }
        break;
    case STORE_REAL:
        status = read_number(row, text, (double *)target, err);
        break;
    case STORE_UINT64:
        status = read_uint64(row, text, target, err);
        break;
    case STORE_TEXT:
        if (!*text) {
            return circ_status_fail(err, CIRC_USAGE, "%s: empty; give %s or leave the option out",
                                    label(row, name), row->argument);
        }
        *(const char **)target = text;
        break;
    case STORE_NAMES:
        status = circ_axes_add_names(target, label(row, name), text, err);
        break;
    case STORE_NUMBERS:
        status = circ_axes_add_numbers(target, label(row, name), text, err);
        break;
    case STORE_BLOCKS:
        status = circ_axes_add_blocks(target, text, err);
        break;
    case STORE_FORMAT:
        status = read_format(row, text, options, err);
        break;
    case STORE_SHARD:
        status = read_shard(row, text, options, err);
        break;
    case STORE_HELP:
        break;
    }
    return status;
}

static const struct option_row *find(const char *command, char letter)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        if (table[i].letter == letter && takes(&table[i], command)) {
            return &table[i];
        }
    }
    return NULL;
}

/* Says of an option that getopt_long refused whether other commands take it, what it may have
 * meant, or that it is the beginning of several. text is without dashes and value. */
static enum circ_status refuse_unknown(const char *command, const char *text, bool is_long,
                                       struct circ_error *err)
{
    const char *names[ROW_COUNT], *dashes = is_long ? "--" : "-";
    int count = 0, fits = 0;
    for (int i = 0; i < ROW_COUNT; i++) {
        const struct option_row *row = &table[i];
        if (takes(row, command)) {
            names[count++] = row->name;
            fits += is_long && !strncmp(row->name, text, strlen(text));
        } else if (is_long ? !strcmp(row->name, text) : row->letter == *text) {
            return circ_status_fail(err, CIRC_USAGE,
                                    "%s does not take %s%s; it is an option of: %s. "
                                    "See 'circbench %s --help'",
                                    command, dashes, text, row->commands, command);
        }
    }
    if (fits > 1) {
        return circ_status_fail(err, CIRC_USAGE,
                                "option '--%s' may mean %d options of %s; write it out", text, fits,
                                command);
    }
    const char *nearest = is_long ? circ_nearest_find(text, names, count) : NULL;
    return circ_status_fail(
        err, CIRC_USAGE, "unknown option '%s%.100s'%s%s%s See 'circbench %s --help'", dashes, text,
        nearest ? "; did you mean --" : "", nearest ? nearest : "", nearest ? "?" : ".", command);
}

/* Explains what getopt_long answered with ':' or '?'. word is the argument that it was reading. */
static enum circ_status refuse_parse(const char *command, int answer, const char *word,
                                     struct circ_error *err)
{
    char text[64], name[48];
    const struct option_row *row = NULL;
    bool is_long = !strncmp(word, "--", 2);
    if (optopt >= LONG_VALUE) {
        row = &table[optopt - LONG_VALUE];
    } else if (optopt && answer == ':') {
        row = find(command, (char)optopt);
    }
    if (row && answer == ':') {
        return circ_status_fail(err, CIRC_USAGE, "%s needs %s: %s", label(row, name), row->argument,
                                row->help);
    }
    if (row) {
        return circ_status_fail(err, CIRC_USAGE, "%s takes no value; leave out what follows '='",
                                label(row, name));
    }
    if (is_long) {
        snprintf(text, sizeof text, "%.*s", (int)(strcspn(word + 2, "=")), word + 2);
    } else {
        snprintf(text, sizeof text, "%c", optopt);
    }
    return refuse_unknown(command, text, is_long, err);
}

/* getopt_long's two descriptions of the options that a command takes. */
static void describe_to_getopt(const char *command, char letters[2 * ROW_COUNT + 3],
                               struct option longs[ROW_COUNT + 1])
{
    int count = 0;
    /* '-' hands words over in place, whatever POSIXLY_CORRECT says; ':' tells missing arguments
     * apart */
    char *at = stpcpy(letters, "-:");
    for (int i = 0; i < ROW_COUNT; i++) {
        if (takes(&table[i], command)) {
            int has = table[i].argument ? required_argument : no_argument;
            longs[count++] = (struct option){table[i].name, has, NULL, LONG_VALUE + i};
            if (table[i].letter) {
                *at++ = table[i].letter;
                at = stpcpy(at, table[i].argument ? ":" : "");
            }
        }
    }
    *at = '\0';
    longs[count] = (struct option){0};
}

static enum circ_status add_word(struct circ_options *options, const char *word,
                                 struct circ_error *err)
{
    if (options->word_count == CIRC_MAX_WORDS) {
        return circ_status_fail(err, CIRC_USAGE, "too many words: '%.100s' is the ninth", word);
    }
    options->words[options->word_count++] = word;
    return CIRC_OK;
}

static enum circ_status apply_presets(struct circ_options *options, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < ROW_COUNT && status == CIRC_OK; i++) {
        const char *value = table[i].environment ? getenv(table[i].environment) : NULL;
        if (!value || !*value) {
            value = table[i].preset;
        }
        if (value) {
            status = apply(&table[i], value, options, err);
        }
    }
    return status;
}

enum circ_status circ_options_parse(const char *command, int argc, char **argv,
                                    struct circ_options *options, bool *help,
                                    struct circ_error *err)
{
    char letters[2 * ROW_COUNT + 3];
    struct option longs[ROW_COUNT + 1];
    int answer = 0;
    *options = (struct circ_options){0};
    *help = false;
    describe_to_getopt(command, letters, longs);
    enum circ_status status = apply_presets(options, err);
    opterr = 0;
    optind = 0; /* glibc: start anew */
    while (status == CIRC_OK) {
        int reading = optind ? optind : 1;
        answer = getopt_long(argc, argv, letters, longs, NULL);
        if (answer == -1) {
            break;
        }
        if (answer == 1) {
            status = add_word(options, optarg, err);
            continue;
        }
        if (answer == '?' || answer == ':') {
            status = refuse_parse(command, answer, argv[reading], err);
            continue;
        }
        const struct option_row *row =
            answer >= LONG_VALUE ? &table[answer - LONG_VALUE] : find(command, (char)answer);
        *help = *help || row->store == STORE_HELP;
        options->format_given = options->format_given || row->store == STORE_FORMAT;
        status = apply(row, optarg, options, err);
    }
    for (; status == CIRC_OK && optind < argc; optind++) {
        status = add_word(options, argv[optind], err);
    }
    return status;
}

void circ_options_free(struct circ_options *options)
{
    circ_axes_free(&options->axes);
    circ_axes_free_names(&options->meters);
    circ_axes_free_names(&options->events);
}

/* " [$VARIABLE or value]", empty for an option without a default. */
static void describe_default(const struct option_row *row, const char *command, char *text,
                             size_t size)
{
    const char *derived = row->check && !strcmp(command, "check") ? row->check : row->derived;
    const char *value = row->preset ? row->preset : derived;
    const char *variable = row->environment;
    *text = '\0';
    if (value || variable) {
        snprintf(text, size, " [%s%s%s%s]", variable ? "$" : "", variable ? variable : "",
                 value && variable ? " or " : "", value ? value : "");
    }
}

void circ_options_describe(const char *command, FILE *file, int width)
{
    enum { INDENT = 29 };
    char text[512], name[64], preset[128];
    for (int i = 0; i < ROW_COUNT; i++) {
        const struct option_row *row = &table[i];
        if (!takes(row, command)) {
            continue;
        }
        char letter[8] = "    ";
        if (row->letter) {
            snprintf(letter, sizeof letter, "-%c, ", row->letter);
        }
        snprintf(name, sizeof name, "  %s--%s %s", letter, row->name,
                 row->argument ? row->argument : "");
        describe_default(row, command, preset, sizeof preset);
        snprintf(text, sizeof text, "%s%s", row->help, preset);
        fprintf(file, "%-*s", INDENT, name);
        circ_log_fold(file, text, INDENT, width);
    }
}
