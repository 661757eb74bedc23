/* What was run and where: warnings first, then campaign, host, devices and the code that ran. */
#include "reports/sections.h"
#include "reports/select.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The host facts that a reader looks for first; all others are in the folded table. */
static const char *const shown_facts[] = {"cpu", "sockets",    "cores",  "memory",   "l1d",
                                          "l2",  "l3",         "isa",    "governor", "turbo",
                                          "smt", "hypervisor", "kernel", "os",       "load"};

static void add_warnings(struct circ_document *document, const char *warnings)
{
    while (*warnings) {
        size_t length = strcspn(warnings, "\n");
        if (length > 0)
            circ_document_note(document, CIRC_TONE_WARN, "%.*s", (int)length, warnings);
        warnings += length + (warnings[length] == '\n');
    }
}

/* "30, of which 28 have a time (24 measured, 4 emulated)". */
static void add_counts(const struct circ_report *report)
{
    static const char *const kinds[] = {"measured", "emulated", "modelled"};
    char text[128] = "";
    size_t ok = 0, used = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t count = 0;
        for (size_t i = 0; i < report->rows.count; i++) {
            const struct circ_row *row = &report->rows.items[i];
            count += circ_rows_is_ok(row) && strcmp(row->kind, kinds[k]) == 0;
        }
        if (count > 0)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu %s", used ? ", " : "",
                                     count, kinds[k]);
        ok += count;
    }
    circ_document_fact(report->document, "points", "%zu, of which %zu have a time%s%s%s",
                       report->rows.count, ok, ok ? " (" : "", text, ok ? ")" : "");
}

static enum circ_status add_campaign(const struct circ_report *report, struct circ_error *err)
{
    struct circ_document *document = report->document;
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status = circ_select_first(
        report->db,
        "SELECT name, strftime('%Y-%m-%d %H:%M:%S UTC', created_ns / 1000000000, 'unixepoch'),"
        " coalesce(version, 'unknown'), coalesce(commit_id, 'unknown'), coalesce(build, "
        "'unknown'), seed,"
        " warnings, key FROM campaign WHERE key = :campaign",
        report->campaign, &statement, &row, err);
    if (status == CIRC_OK && row) {
        add_warnings(document, circ_select_text(statement, 6));
        circ_document_facts(document);
        circ_document_fact(document, "campaign", "%s (%s)", circ_select_text(statement, 0),
                           circ_select_text(statement, 7));
        circ_document_fact(document, "begun", "%s", circ_select_text(statement, 1));
        circ_document_fact(document, "circbench", "%s, commit %s", circ_select_text(statement, 2),
                           circ_select_text(statement, 3));
        circ_document_fact(document, "build", "%s", circ_select_text(statement, 4));
        circ_document_fact(document, "seed", "%s", circ_select_text(statement, 5));
        add_counts(report);
    }
    sqlite3_finalize(statement);
    return status;
}

static bool is_shown(const char *key)
{
    for (size_t i = 0; i < sizeof shown_facts / sizeof *shown_facts; i++) {
        if (strcmp(shown_facts[i], key) == 0)
            return true;
    }
    return false;
}

/* Host facts as they were when the campaign began: the well-known ones, or all the others as a
 * table. */
static enum circ_status add_facts(const struct circ_report *report, bool shown,
                                  struct circ_error *err)
{
    struct circ_document *document = report->document;
    sqlite3_stmt *statement = NULL;
    bool row = false, begun = shown;
    enum circ_status status = circ_select_first(
        report->db,
        "SELECT key, value FROM campaign_fact WHERE campaign = :campaign ORDER BY position, key",
        report->campaign, &statement, &row, err);
    while (status == CIRC_OK && row) {
        const char *key = circ_select_text(statement, 0), *value = circ_select_text(statement, 1);
        if (is_shown(key) == shown) {
            if (!begun) {
                circ_document_table(document, true, "All other facts about the host and the build");
                circ_document_column(document, false, "fact");
                circ_document_column(document, false, "value");
                begun = true;
            }
            if (shown) {
                circ_document_fact(document, key, "%s", value);
            } else {
                circ_document_cell(document, "%s", key);
                circ_document_cell(document, "%s", value);
            }
        }
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

static void add_text(struct circ_document *document, sqlite3_stmt *statement, int column)
{
    const char *text = circ_select_text(statement, column);
    if (text[0])
        circ_document_cell(document, "%s", text);
    else
        circ_document_missing(document, "");
}

/* A table from a SELECT whose first columns are text and whose last one is a number. */
static enum circ_status add_query(const struct circ_report *report, const char *caption,
                                  const char *sql, enum circ_quantity last, struct circ_error *err)
{
    struct circ_document *document = report->document;
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status =
        circ_select_first(report->db, sql, report->campaign, &statement, &row, err);
    int count = statement ? sqlite3_column_count(statement) : 0;
    if (status == CIRC_OK && row) {
        circ_document_table(document, false, caption);
        for (int i = 0; i < count; i++)
            circ_document_column(document, i == count - 1, sqlite3_column_name(statement, i));
    }
    while (status == CIRC_OK && row) {
        for (int i = 0; i + 1 < count; i++)
            add_text(document, statement, i);
        circ_document_number(document, last, circ_select_number(statement, count - 1), NAN, NAN,
                             "");
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

enum circ_status circ_section_run_add(const struct circ_report *report, struct circ_error *err)
{
    circ_document_section(report->document, 2, "What was run and where");
    enum circ_status status = add_campaign(report, err);
    if (status == CIRC_OK)
        status = add_facts(report, true, err);
    if (status == CIRC_OK)
        status =
            add_query(report, "Devices",
                      "SELECT backend, name AS device, description, device_kind AS \"what it is\","
                      " memory_bytes AS memory FROM device WHERE key IN"
                      " (SELECT device FROM trial WHERE campaign = :campaign) ORDER BY 1, 2",
                      CIRC_QUANTITY_BYTES, err);
    if (status == CIRC_OK)
        status = add_query(
            report, "The code that ran",
            "SELECT backend, device, structure, variant, library, group_concat(DISTINCT isa) AS "
            "isa, group_concat(DISTINCT threads) AS"
            " threads, group_concat(DISTINCT precision) AS precision, group_concat(DISTINCT"
            " kind) AS kind, count(*) AS points FROM v_result WHERE"
            " campaign_key = :campaign AND status = 'ok' GROUP BY 1, 2, 3, 4, 5",
            CIRC_QUANTITY_COUNT, err);
    if (status == CIRC_OK)
        status = add_facts(report, false, err);
    return status;
}
