/* The comparison report: puts the sections in order and writes the file. What they say is theirs.
 */
#include "reports/report.h"
#include "reports/render.h"
#include "reports/sections.h"
#include "reports/select.h"
#include "reports/verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool circ_report_has_charts(const char **reason)
{
    return circ_render_html_has_charts(reason);
}

static enum circ_status load(struct circ_report *report, struct circ_store *store,
                             const char *campaign, struct circ_error *err)
{
    *report = (struct circ_report){.db = circ_store_handle(store), .campaign = campaign};
    enum circ_status status = circ_rows_load(&report->rows, report->db, campaign, err);
    if (status == CIRC_OK && report->rows.count == 0)
        status = circ_status_fail(
            err, CIRC_NOTHING, "campaign %s: it has no row; run circbench sweep first", campaign);
    return status;
}

/* Title and subtitle say where and when, so that two reports side by side are told apart. */
static enum circ_status start(struct circ_report *report, struct circ_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status = circ_select_first(
        report->db,
        "SELECT coalesce((SELECT value FROM campaign_fact AS f WHERE f.campaign = c.key AND f.key "
        "= 'cpu'),"
        " 'unknown'), name, strftime('%Y-%m-%d %H:%M UTC', created_ns / 1000000000, 'unixepoch'),"
        " coalesce('circbench ' || version, 'circbench') FROM campaign AS c WHERE key = :campaign",
        report->campaign, &statement, &row, err);
    if (status == CIRC_OK) {
        const char *cpu = row ? circ_select_text(statement, 0) : "unknown";
        char title[256], subtitle[512];
        snprintf(title, sizeof title, "What block-circulant weights buy on %.200s",
                 strcmp(cpu, "unknown") == 0 ? "this machine" : cpu);
        snprintf(subtitle, sizeof subtitle, "Campaign %.200s · %s · %s · %zu points",
                 row ? circ_select_text(statement, 1) : "",
                 row ? circ_select_text(statement, 2) : "",
                 row ? circ_select_text(statement, 3) : "", report->rows.count);
        status = circ_document_create(&report->document, title, subtitle, err);
    }
    sqlite3_finalize(statement);
    return status;
}

static enum circ_status build(struct circ_report *report, struct circ_error *err)
{
    enum circ_status status = start(report, err);
    if (status != CIRC_OK)
        return status;
    circ_section_verdict_add(report);
    status = circ_section_run_add(report, err);
    if (status != CIRC_OK)
        return status;
    circ_section_picture_add(report);
    circ_section_tables_add(report);
    circ_section_cold_add(report);
    circ_section_precision_add(report);
    status = circ_section_roof_add(report, err);
    if (status == CIRC_OK)
        status = circ_section_energy_add(report, err);
    if (status == CIRC_OK)
        status = circ_section_power_add(report, err);
    if (status == CIRC_OK)
        status = circ_section_meters_add(report, err);
    if (status == CIRC_OK)
        status = circ_section_modelled_add(report, err);
    if (status == CIRC_OK)
        status = circ_section_trust_add(report, err);
    if (status == CIRC_OK)
        status = circ_section_method_add(report, err);
    return status == CIRC_OK ? circ_document_check(report->document, err) : status;
}

/* Renders; false, with errno, when a write failed. */
static bool render(const struct circ_document *document, enum circ_report_format format, FILE *file)
{
    errno = 0;
    if (format == CIRC_REPORT_HTML)
        circ_render_html_write(document, file);
    else
        circ_render_md_write(document, file);
    return fflush(file) == 0 && !ferror(file);
}

/* Through a temporary file beside path, so that a failed report never replaces a good one. */
static enum circ_status write_path(const struct circ_document *document,
                                   enum circ_report_format format, const char *path,
                                   struct circ_error *err)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
        return circ_status_fail(err, CIRC_MEMORY, "report: out of memory");
    enum circ_status status = CIRC_OK;
    int fd = mkstemp(temporary);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    bool good = file && render(document, format, file);
    int cause = errno;
    if (file && fclose(file) != 0 && good) {
        good = false;
        cause = errno;
    } else if (!file && fd >= 0) {
        close(fd);
    }
    mode_t mask = umask(0);
    umask(mask);
    if (good && (chmod(temporary, 0666 & ~mask) != 0 || rename(temporary, path) != 0)) {
        good = false;
        cause = errno;
    }
    if (!good) {
        if (fd >= 0)
            unlink(temporary);
        /* a path that cannot be opened is the user's; a write that fails is the disk's */
        status = circ_status_fail_native(
            err, fd < 0 ? CIRC_USAGE : CIRC_IO, cause,
            "%s: the report could not be written: %s; give another path with -o", path,
            strerror(cause));
    }
    free(temporary);
    return status;
}

enum circ_status circ_report_write(struct circ_store *store, const char *campaign,
                                   enum circ_report_format format, const char *path,
                                   struct circ_error *err)
{
    struct circ_report report;
    enum circ_status status = load(&report, store, campaign, err);
    report.charts = format == CIRC_REPORT_HTML && circ_render_html_has_charts(NULL);
    if (status == CIRC_OK)
        status = build(&report, err);
    if (status == CIRC_OK && strcmp(path, "-") != 0)
        status = write_path(report.document, format, path, err);
    else if (status == CIRC_OK && !render(report.document, format, stdout))
        status = circ_status_fail_native(err, CIRC_IO, errno,
                                         "standard output: the report could not be "
                                         "written: %s",
                                         strerror(errno));
    circ_document_free(report.document);
    circ_rows_free(&report.rows);
    return status;
}

enum circ_status circ_report_verdict(struct circ_store *store, const char *campaign, char **text,
                                     struct circ_error *err)
{
    struct circ_report report;
    size_t size = 0;
    *text = NULL;
    enum circ_status status = load(&report, store, campaign, err);
    FILE *file = status == CIRC_OK ? open_memstream(text, &size) : NULL;
    if (status == CIRC_OK && !file)
        status = circ_status_fail(err, CIRC_MEMORY, "verdict: out of memory");
    if (file) {
        circ_verdict_write(&report.rows, file);
        bool bad = ferror(file) != 0;
        if (fclose(file) != 0 || bad) {
            free(*text);
            *text = NULL;
            status = circ_status_fail(err, CIRC_MEMORY, "verdict: out of memory");
        }
    }
    circ_rows_free(&report.rows);
    return status;
}
