/* Whether to believe it: the worst error of everything that ran, and what could not be measured and
 * why. */
#include "reports/sections.h"
#include "reports/select.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *status, *meaning;
    enum circ_tone tone;
} meanings[] = {
    {"wrong", "it ran and the answer was wrong", CIRC_TONE_BAD},
    {"device", "the device failed while working", CIRC_TONE_BAD},
    {"timeout", "too slow for the time limit", CIRC_TONE_WARN},
    {"absent", "hardware, driver, library or permission is missing", CIRC_TONE_WARN},
    {"unsup", "valid, but not offered there", CIRC_TONE_PLAIN},
};

enum { TEXTS = 4 }; /* columns of words before those of numbers */

static void add_correctness_row(struct circ_document *document, sqlite3_stmt *statement)
{
    for (int i = 0; i < TEXTS; i++)
        circ_document_cell(document, "%s", circ_select_text(statement, i));
    double checked = circ_select_number(statement, TEXTS + 3),
           outputs = circ_select_number(statement, TEXTS + 4);
    char of[CIRC_HUMAN_SIZE];
    circ_document_number(document, CIRC_QUANTITY_COUNT, circ_select_number(statement, TEXTS), NAN,
                         NAN, "");
    double worst = circ_select_number(statement, TEXTS + 1),
           bound = circ_select_number(statement, TEXTS + 2);
    circ_document_number(document, CIRC_QUANTITY_NUMBER, worst, NAN, NAN, "");
    circ_document_number(document, CIRC_QUANTITY_NUMBER, bound, NAN, NAN, "");
    circ_human_format(of, CIRC_QUANTITY_COUNT, outputs, NAN, NAN);
    char remark[CIRC_HUMAN_SIZE + 8];
    snprintf(remark, sizeof remark, "of %s", of);
    circ_document_number(document, CIRC_QUANTITY_COUNT, checked, NAN, NAN, remark);
    double wrong = circ_select_number(statement, TEXTS + 5);
    circ_document_number(document, CIRC_QUANTITY_COUNT, wrong, NAN, NAN, "");
}

static enum circ_status add_correctness(const struct circ_report *report, struct circ_error *err)
{
    static const char *const names[] = {"backend",   "structure",       "isa",
                                        "precision", "points checked",  "worst error",
                                        "its bound", "outputs checked", "wrong"};
    struct circ_document *document = report->document;
    circ_document_section(document, 2, "Correctness");
    circ_document_paragraph(
        document, "Before anything is timed its answer is compared with a direct product in "
                  "double precision. The error is the relative root mean square; the bound is "
                  "what rounding in that precision allows for that network and block size. A wrong "
                  "answer has no time.");
    sqlite3_stmt *statement = NULL;
    bool row = false;
    /* The row nearest to its own bound is the worst: bounds differ between block sizes. Bare
     * columns beside max() come from that row, as SQLite documents. */
    enum circ_status status =
        circ_select_first(report->db,
                          "SELECT backend, structure, coalesce(isa, ''), precision, count(*), "
                          "rel_rms_error, error_bound,"
                          " sum(checked), sum(outputs), sum(status = 'wrong'),"
                          " max(coalesce(rel_rms_error / error_bound, 9e999)) FROM v_result"
                          " WHERE campaign_key = :campaign AND checked > 0 GROUP BY 1, 2, 3, 4",
                          report->campaign, &statement, &row, err);
    if (status == CIRC_OK && !row)
        circ_document_note(document, CIRC_TONE_WARN, "No answer was checked in this campaign.");
    if (status == CIRC_OK && row) {
        circ_document_table(document, false, "");
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            circ_document_column(document, i >= TEXTS, names[i]);
    }
    while (status == CIRC_OK && row) {
        add_correctness_row(document, statement);
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

static const char *meaning_of(const char *status)
{
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        if (strcmp(meanings[i].status, status) == 0)
            return meanings[i].meaning;
    }
    return "";
}

static enum circ_status add_failures(const struct circ_report *report, struct circ_error *err)
{
    struct circ_document *document = report->document;
    circ_document_section(document, 2, "Not measured");
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status =
        circ_select_first(report->db,
                          "SELECT status, coalesce(reason, 'no reason given'), count(*), "
                          "group_concat(DISTINCT workload),"
                          " group_concat(DISTINCT backend || ' ' || structure), "
                          "group_concat(DISTINCT block) FROM v_result"
                          " WHERE campaign_key = :campaign AND status <> 'ok' GROUP BY 1, 2 ORDER "
                          "BY 1 DESC, 3 DESC, 2",
                          report->campaign, &statement, &row, err);
    if (status == CIRC_OK && !row)
        circ_document_paragraph(document, "Every point of the campaign was measured.");
    if (status == CIRC_OK && row) {
        static const char *const names[] = {"status",    "why",   "points",
                                            "workloads", "where", "blocks"};
        circ_document_table(document, false, "");
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            circ_document_column(document, i == 2, names[i]);
    }
    while (status == CIRC_OK && row) {
        const char *word = circ_select_text(statement, 0);
        circ_document_cell(document, "%s: %s", word, meaning_of(word));
        circ_document_cell(document, "%s", circ_select_text(statement, 1));
        circ_document_number(document, CIRC_QUANTITY_COUNT, circ_select_number(statement, 2), NAN,
                             NAN, "");
        for (int i = 3; i < 6; i++)
            circ_document_cell(document, "%s", circ_select_text(statement, i));
        status = circ_select_next(statement, &row, err);
    }
    sqlite3_finalize(statement);
    return status;
}

enum circ_status circ_section_trust_add(const struct circ_report *report, struct circ_error *err)
{
    enum circ_status status = add_correctness(report, err);
    return status == CIRC_OK ? add_failures(report, err) : status;
}
