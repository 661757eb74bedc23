/* circbench report: writes the comparison report of one campaign. What it says is in reports/. */
#include "harness/commands/command.h"
#include "harness/log.h"
#include "reports/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length > tail && !strcmp(text + length - tail, end);
}

static enum circ_status choose_format(const char *path, enum circ_report_format *format,
                                      struct circ_error *err)
{
    if (!strcmp(path, "-") || ends_with(path, ".md")) {
        *format = CIRC_REPORT_MD;
    } else if (ends_with(path, ".html")) {
        *format = CIRC_REPORT_HTML;
    } else {
        return circ_status_fail(
            err, CIRC_USAGE,
            "report: -o '%.200s' ends neither in .html nor in .md; for example -o report.html",
            path);
    }
    return CIRC_OK;
}

enum circ_status circ_cmd_report_run(const struct circ_options *options, int *exit_code,
                                     struct circ_error *err)
{
    enum circ_report_format format = CIRC_REPORT_HTML;
    struct circ_store *store = NULL;
    char campaign[CIRC_KEY_SIZE];
    const char *reason;
    char *verdict = NULL;
    (void)exit_code;
    enum circ_status status = choose_format(options->output, &format, err);
    if (status == CIRC_OK) {
        status = circ_store_open(&store, options->db, CIRC_STORE_READ, err);
    }
    if (status == CIRC_OK) {
        status = circ_store_campaign_find(store, options->campaign, campaign, err);
    }
    if (status == CIRC_OK) {
        status = circ_report_write(store, campaign, format, options->output, err);
    }
    if (status == CIRC_OK && format == CIRC_REPORT_HTML && !circ_report_has_charts(&reason)) {
        circ_log_warn("the report has no charts: %s", reason);
    }
    bool to_file = strcmp(options->output, "-") != 0;
    if (status == CIRC_OK && to_file && !options->quiet) {
        status = circ_report_verdict(store, campaign, &verdict, err);
    }
    if (status == CIRC_OK && verdict) {
        fputs(verdict, stdout);
    }
    if (status == CIRC_OK && to_file && !options->quiet) {
        circ_log_note("%s written", options->output);
    }
    free(verdict);
    circ_store_close(store);
    return status;
}
