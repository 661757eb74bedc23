/* The meters behind the joules: which were there and which not and why, how their windows went, and
 * where two of them disagree. */
#include "reports/sections.h"
#include "reports/select.h"

#include <math.h>
#include <stdio.h>

/* A column of a table made by one SELECT: a text, or a number of a quantity. */
struct column {
    const char *name;
    bool number;
    enum circ_quantity quantity;
};

#define TEXT(name)                                                                                 \
    {                                                                                              \
        name, false, CIRC_QUANTITY_NUMBER                                                          \
    }
#define NUMBER(name, how)                                                                          \
    {                                                                                              \
        name, true, CIRC_QUANTITY_##how                                                            \
    }

/* Adds the table and what stands before it, if the SELECT has rows; *any says so. */
static enum circ_status add_table(const struct circ_report *report, const char *sql,
                                  const char *opening, const char *caption,
                                  const struct column *columns, int count, bool *any,
                                  struct circ_error *err)
{
    struct circ_document *document = report->document;
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status =
        circ_select_first(report->db, sql, report->campaign, &statement, &row, err);
    *any = status == CIRC_OK && row;
    if (*any) {
        circ_document_paragraph(document, "%s", opening);
        circ_document_table(document, false, caption);
    }
    for (int i = 0; i < count && *any; i++)
        circ_document_column(document, columns[i].number, columns[i].name);
    while (status == CIRC_OK && row) {
        for (int i = 0; i < count; i++) {
            if (columns[i].number)
                circ_document_number(document, columns[i].quantity,
                                     circ_select_number(statement, i), NAN, NAN, "");
            else
                circ_document_cell(document, "%s", circ_select_text(statement, i));
        }
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

static enum circ_status add_meters(const struct circ_report *report, bool *any,
                                   struct circ_error *err)
{
    static const struct column columns[] = {TEXT("meter"), TEXT("state"),
                                            TEXT("what it covers, or why it is not there")};
    return add_table(
        report,
        "SELECT meter, CASE state WHEN 'ok' THEN 'there' WHEN 'off' THEN 'not asked for' ELSE"
        " state END, coalesce(detail, '') FROM campaign_meter WHERE campaign = :campaign"
        " ORDER BY position",
        "What was asked for joules when the campaign began. Nothing that is absent is replaced by "
        "a constant.",
        "Meters", columns, sizeof columns / sizeof *columns, any, err);
}

static enum circ_status add_channels(const struct circ_report *report, bool *any,
                                     struct circ_error *err)
{
    static const struct column columns[] = {
        TEXT("channel"),       TEXT("source"), TEXT("scope"),     NUMBER("windows", COUNT),
        NUMBER("used", COUNT), TEXT("grades"), TEXT("why not ok")};
    return add_table(
        report,
        "SELECT channel, source, scope || coalesce(', ' || pci, ''), windows, used,"
        " substr(iif(share_ok, printf(', %.0f ok', share_ok * windows), '') ||"
        " iif(share_short, printf(', %.0f short', share_short * windows), '') ||"
        " iif(share_no_tick, printf(', %.0f without a tick', share_no_tick * windows), '') ||"
        " iif(share_ambiguous, printf(', %.0f ambiguous', share_ambiguous * windows), '') ||"
        " iif(share_lost, printf(', %.0f lost', share_lost * windows), ''), 3),"
        " coalesce(reason, '') FROM v_channel"
        " WHERE campaign_key = :campaign ORDER BY used = 0, source, channel, pci",
        "Every channel that was read, and the grades of its windows: a short one is right within "
        "its bound, one without a tick, ambiguous or lost has no value. Used are those that joules "
        "above come from: the narrowest channels that cover the device. The others are kept beside "
        "them and never added.",
        "Channels", columns, sizeof columns / sizeof *columns, any, err);
}

static enum circ_status add_disagreements(const struct circ_report *report, bool *any,
                                          struct circ_error *err)
{
    static const struct column columns[] = {
        TEXT("point"),           TEXT("kind"),
        TEXT("channel"),         TEXT("one source"),
        NUMBER("says", POWER),   TEXT("another"),
        NUMBER("says", POWER),   NUMBER("difference / bounds", RATIO),
        NUMBER("windows", COUNT)};
    /* Bare columns beside max() come from its row, as SQLite documents. */
    return add_table(
        report,
        "SELECT r.workload || ', batch ' || r.batch || ': ' || r.structure || CASE r.structure WHEN"
        " 'dense' THEN '' ELSE ', k = ' || r.block END, coalesce(r.energy_kind, r.kind),"
        " w.channel || coalesce(', ' || w.pci, ''), w.source, w.power_uw, w.other_source,"
        " w.other_power_uw, max(w.difference_over_bounds), count(*)"
        " FROM v_disagreement AS w JOIN v_result AS r ON r.trial = w.trial"
        " WHERE r.campaign_key = :campaign GROUP BY w.trial, w.channel, w.pci, w.source,"
        " w.other_source ORDER BY 8 DESC, 1, 3",
        "Two sources that measure one domain should agree within the sum of their bounds. Here "
        "they do not; the worst window of each point is shown.",
        "Disagreements", columns, sizeof columns / sizeof *columns, any, err);
}

/* Agreement is worth a sentence, where it could have failed. */
static enum circ_status add_agreement(const struct circ_report *report, struct circ_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status = circ_select_first(
        report->db,
        "SELECT count(*) FROM (SELECT 1 FROM energy_window AS w JOIN trial AS t ON t.key = w.trial"
        " WHERE t.campaign = :campaign AND w.energy_uj IS NOT NULL AND w.bound_uj IS NOT NULL"
        " GROUP BY w.trial, w.place, w.channel, w.pci HAVING count(DISTINCT w.source) > 1)",
        report->campaign, &statement, &row, err);
    double count = status == CIRC_OK && row ? circ_select_number(statement, 0) : 0;
    if (count > 0)
        circ_document_paragraph(report->document,
                                "%.0f windows were read by two sources of one domain, which agree "
                                "within their bounds in all of them.",
                                count);
    sqlite3_finalize(statement);
    return status;
}

enum circ_status circ_section_meters_add(const struct circ_report *report, struct circ_error *err)
{
    bool any = false;
    sqlite3_stmt *statement = NULL;
    enum circ_status status =
        circ_select_first(report->db,
                          "SELECT 1 FROM campaign_meter WHERE campaign = :campaign UNION SELECT 1"
                          " FROM v_channel WHERE campaign_key = :campaign",
                          report->campaign, &statement, &any, err);
    sqlite3_finalize(statement);
    if (status != CIRC_OK || !any)
        return status;
    circ_document_section(report->document, 3, "Meters");
    status = add_meters(report, &any, err);
    if (status == CIRC_OK)
        status = add_channels(report, &any, err);
    if (status == CIRC_OK)
        status = add_disagreements(report, &any, err);
    return status == CIRC_OK && !any ? add_agreement(report, err) : status;
}
