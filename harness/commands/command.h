/* The commands of circbench: one row each in the table of main.c. */
#ifndef CIRC_COMMAND_H
#define CIRC_COMMAND_H

#include "harness/options.h"

/* What a command did. exit_code is for main: 0 done, 1 the answer is "slower" or "failed", 2 usage,
 * 3 nothing comparable or nothing to run, 4 internal error, 130 interrupted. A command that fails
 * fills err and returns a status other than OK; main prints err and maps the status to the exit
 * code. *exit_code is 0 when run is called, and counts only when OK is returned. */
struct circ_command {
    const char *name;
    const char *synopsis;    /* "[axes] [--db FILE]" */
    const char *description; /* one line */
    const char *examples;    /* lines to paste */
    int words;               /* the most words it takes beside options */
    enum circ_status (*run)(const struct circ_options *options, int *exit_code,
                            struct circ_error *err);
};

enum circ_status circ_cmd_devices_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_workloads_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_doctor_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_meters_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_check_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_roof_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_tune_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_sweep_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_campaigns_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_query_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_compare_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_fpga_run(const struct circ_options *, int *, struct circ_error *);
enum circ_status circ_cmd_report_run(const struct circ_options *, int *, struct circ_error *);

/* The command line as it was typed, quoted for a shell, for the campaign and the report. */
const char *circ_command_line(void);

#endif
