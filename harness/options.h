/* The command line: one table of options (options.c) from which parsing, --help and defaults come.
 */
#ifndef CIRC_OPTIONS_H
#define CIRC_OPTIONS_H

#include "harness/axes.h"
#include "results/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define CIRC_MAX_WORDS 8 /* positional words of a command */

struct circ_options {
    struct circ_axes axes;
    /* measurement */
    int samples;       /* -r: least samples of a point, default 10 */
    double min_time_s; /* --min-time: least time of a point's samples, default 0.5 */
    double timeout_s;  /* --timeout: most time of one point's samples, default 10 */
    double max_noise;  /* --max-noise: half-width of the median's interval that is good enough,
                          default 0.01 */
    uint64_t seed;     /* --seed, default 1 */
    int shard, shards; /* --shard i/n, default 1/1 */
    struct circ_names meters;   /* --meters: names; default all that are present; "none" */
    struct circ_names events;   /* --events: groups, group files, events; default "default" */
    double energy_error;        /* --energy-error: default 0.02 */
    const char *meter_exec;     /* --meter-exec: command of the meter exec */
    const char *meter_trace;    /* --meter-trace: CSV file of the meter trace */
    double trace_offset_s;      /* --trace-offset: clock of the trace minus ours, default 0 */
    const char *trace_marker;   /* --trace-marker: channel of the marker in the trace */
    const char *marker_command; /* --marker-command: run when the campaign begins: the marker */
    double power_trace_hz;      /* --power-trace: default 0, none */
    const char *attach;         /* meters --attach: a recording for a campaign that is over */
    bool watch;                 /* meters --watch */
    double interval_s;          /* meters --interval, default 1 */
    int count;                  /* meters --count: lines of --watch, 0: until Ctrl-C */
    /* database and output */
    const char *db;          /* --db, CIRCBENCH_DB, circbench.db */
    enum circ_format format; /* -o of commands that print rows: default table */
    bool format_given;
    const char *output;      /* -o of report */
    const char *data;        /* --data, CIRCBENCH_DATA; NULL if neither */
    const char *dump;        /* --dump */
    const char *model_file;  /* --model-file, for the backend model */
    const char *binary;      /* --binary, for the backend fpga */
    int parallel, depth;     /* fpga: 0 where not given */
    int multiply;            /* the same */
    bool build;              /* fpga: compile for the device at hand too */
    const char *folder;      /* -o of fpga */
    const char *tuning;      /* --tuning of every point whose backend reads one */
    const char *name;        /* --name of a campaign */
    const char *campaign;    /* --campaign: name, key, prefix, "latest" */
    const char *sql, *where; /* query */
    const char *fail_on;     /* compare */
    bool list;               /* query --list, tune --list */
    double search_s;         /* --timeout of tune: most time of one point's search, default 60 */
    const char *import_from, *export_to; /* tune */
    bool cold;                           /* sweep: every point a second time, with cold weights */
    bool resume, dry_run, quiet;
    /* the words beside the options; borrowed from argv */
    const char *words[CIRC_MAX_WORDS];
    int word_count;
};

/* Parses argv of one command (argv[0] is the command's name) into zeroed options with defaults.
 * USAGE names the option and the nearest valid one. *help is set when --help was given and nothing
 * else matters. Options and words may be mixed; after "--" everything is a word. Strings are
 * borrowed from argv and the environment. */
CIRC_MUST_USE enum circ_status circ_options_parse(const char *command, int argc, char **argv,
                                                  struct circ_options *options, bool *help,
                                                  struct circ_error *err);
void circ_options_free(struct circ_options *options);

/* Prints the options that a command takes, a line or more each, with their defaults, at most width
 * columns. */
void circ_options_describe(const char *command, FILE *file, int width);

#endif
