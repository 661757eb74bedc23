/* The verdict as cards. The same findings as plain text for the terminal are report.c's. */
#include "reports/finding.h"
#include "reports/sections.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define HEADLINE 320

static void add_weight(struct circ_document *document, const struct circ_finding *finding)
{
    char small[CIRC_HUMAN_SIZE], large[CIRC_HUMAN_SIZE], ratio[CIRC_HUMAN_SIZE];
    circ_human_format(small, CIRC_QUANTITY_BYTES, finding->best->weight_bytes, NAN, NAN);
    circ_human_format(ratio, CIRC_QUANTITY_RATIO, finding->best->compression, NAN, NAN);
    if (finding->dense && isfinite(finding->dense->weight_bytes)) {
        circ_human_format(large, CIRC_QUANTITY_BYTES, finding->dense->weight_bytes, NAN, NAN);
        circ_document_item(document, "Weights: %s instead of %s (%s fewer).", small, large, ratio);
    } else {
        circ_document_item(document, "Weights: %s (%s fewer than dense).", small, ratio);
    }
}

static void add_time(struct circ_document *document, const struct circ_finding *finding)
{
    char time[CIRC_HUMAN_SIZE], dense[CIRC_HUMAN_SIZE];
    const struct circ_row *best = finding->best;
    circ_human_format(time, CIRC_QUANTITY_TIME, best->time_ns_median, best->time_ns_ci_low,
                      best->time_ns_ci_high);
    if (!finding->dense) {
        circ_document_item(document, "Time of a batch: %s.", time);
        return;
    }
    circ_human_format(dense, CIRC_QUANTITY_TIME, finding->dense->time_ns_median,
                      finding->dense->time_ns_ci_low, finding->dense->time_ns_ci_high);
    circ_document_item(document, "Time of a batch: %s; dense with %s: %s.", time,
                       finding->dense->variant[0] ? finding->dense->variant : "the best library",
                       dense);
}

static void add_others(struct circ_document *document, const struct circ_finding *finding)
{
    char block[32], ratio[CIRC_HUMAN_SIZE];
    if (finding->least && finding->least != finding->best) {
        const struct circ_row *least = finding->least;
        circ_panel_block(block, least);
        circ_human_format(ratio, CIRC_QUANTITY_RATIO, least->speedup_vs_dense,
                          least->speedup_ci_low, least->speedup_ci_high);
        circ_document_item(document,
                           finding->all_faster ? "Faster than dense from k = %s (%s) on."
                                               : "Smallest faster block: k = %s (%s).",
                           block, ratio);
    }
    if (finding->rival && isfinite(finding->rival->speedup_vs_dense)) {
        const struct circ_row *rival = finding->rival;
        circ_panel_block(block, rival);
        circ_human_format(ratio, CIRC_QUANTITY_RATIO, rival->speedup_vs_dense,
                          rival->speedup_ci_low, rival->speedup_ci_high);
        circ_document_item(document, "Best %s: %s, with the parameter count of k = %s.",
                           rival->structure, ratio, block);
    }
}

static void add_energy(struct circ_document *document, const struct circ_row *best)
{
    char energy[CIRC_HUMAN_SIZE], gain[CIRC_HUMAN_SIZE];
    if (!isfinite(best->energy_uj_per_frame))
        return;
    circ_human_format(energy, CIRC_QUANTITY_ENERGY, best->energy_uj_per_frame,
                      best->energy_uj_ci_low, best->energy_uj_ci_high);
    circ_human_format(gain, CIRC_QUANTITY_RATIO, best->energy_gain_vs_dense,
                      best->energy_gain_ci_low, best->energy_gain_ci_high);
    circ_document_item(document, "Energy: %s per frame%s%s (%s, %s).", energy,
                       gain[0] ? "; dense needs " : "", gain[0] ? gain : "", best->energy_kind,
                       best->energy_scope);
}

/* The large figure of the card and its tone. */
static enum circ_tone headline(char text[HEADLINE], const struct circ_finding *finding)
{
    char block[32] = "", ratio[CIRC_HUMAN_SIZE] = "", interval[CIRC_HUMAN_SIZE] = "";
    if (finding->best) {
        circ_panel_block(block, finding->best);
        circ_human_split(ratio, interval, CIRC_QUANTITY_RATIO, finding->best->speedup_vs_dense,
                         finding->best->speedup_ci_low, finding->best->speedup_ci_high);
    }
    switch (finding->outcome) {
    case CIRC_OUTCOME_FASTER:
        snprintf(text, HEADLINE, "k = %s is %s faster %s", block, ratio, interval);
        return CIRC_TONE_GOOD;
    case CIRC_OUTCOME_UNCLEAR:
        snprintf(text, HEADLINE, "No block is clearly faster: k = %s, %s %s", block, ratio,
                 interval);
        return CIRC_TONE_WARN;
    case CIRC_OUTCOME_SLOWER:
        snprintf(text, HEADLINE, "No block beats dense: k = %s, %s %s", block, ratio, interval);
        return CIRC_TONE_BAD;
    case CIRC_OUTCOME_NO_DENSE:
        snprintf(text, HEADLINE, "Fastest: k = %s; no dense row", block);
        return CIRC_TONE_WARN;
    default:
        snprintf(text, HEADLINE, "No circulant row has a time");
        return CIRC_TONE_WARN;
    }
}

/* Which of several ways to run it the best row is: threads, instruction set, backend. */
static void add_way(struct circ_document *document, const struct circ_panel *panel,
                    const struct circ_row *best)
{
    char label[CIRC_PANEL_TEXT];
    circ_panel_label(label, panel, best);
    if (strcmp(label, best->structure) != 0)
        circ_document_item(document, "Run as %s.", label);
}

static void add_card(const struct circ_report *report, const struct circ_panel *panel,
                     const struct circ_finding *finding)
{
    struct circ_document *document = report->document;
    char title[CIRC_PANEL_TEXT], text[HEADLINE];
    circ_panel_title(title, &report->rows, finding->first, true);
    enum circ_tone tone = headline(text, finding);
    const struct circ_row *best = finding->best;
    if (best && circ_panel_mark(best)[0]) {
        size_t used = strlen(title);
        snprintf(title + used, sizeof title - used, " (%s)", circ_panel_mark(best));
    }
    bool emulated = best && !strcmp(best->kind, "emulated");
    circ_document_card(document, emulated ? CIRC_TONE_WARN : tone, title, text);
    if (emulated)
        circ_document_item(document,
                           "An emulator's times say nothing of the device that it plays.");
    if (!best) {
        if (finding->failed)
            circ_document_item(document, "%s: %.300s", finding->failed->status,
                               finding->failed->reason[0] ? finding->failed->reason
                                                          : "no reason given");
        return;
    }
    add_weight(document, finding);
    add_time(document, finding);
    add_way(document, panel, best);
    if (finding->outcome == CIRC_OUTCOME_NO_DENSE)
        circ_document_item(document, "Add dense to the structures (-s dense,circulant) on the "
                                     "backend cpu to get a speed-up: the "
                                     "plain loops of ref are no baseline.");
    add_others(document, finding);
    add_energy(document, best);
}

/* What the cards cannot say, once for all of them. */
static void add_limits(const struct circ_report *report)
{
    const struct circ_row *without = NULL;
    bool accuracy = false, several = false;
    for (size_t i = 0; i < report->rows.count; i++) {
        const struct circ_row *row = &report->rows.items[i];
        accuracy = accuracy || isfinite(row->accuracy_top1);
        if (!circ_rows_is_ok(row) || isfinite(row->energy_uj_per_frame))
            continue;
        several = several || (without && strcmp(without->energy_reason, row->energy_reason) != 0);
        without = row;
    }
    circ_document_paragraph(
        report->document, "k is the block size. Figures in brackets are 95\u00a0%% intervals.%s",
        accuracy ? ""
                 : " What a block size costs in accuracy was not measured here: larger "
                   "blocks leave fewer free parameters.");
    if (without && (several || !without->energy_reason[0]))
        circ_document_note(
            report->document, CIRC_TONE_PLAIN,
            "Where a card gives no energy it was not measured; section Energy says why.");
    else if (without)
        circ_document_note(report->document, CIRC_TONE_PLAIN,
                           "Where a card gives no energy it was not measured: %.300s.",
                           without->energy_reason);
}

void circ_section_verdict_add(const struct circ_report *report)
{
    circ_document_section(report->document, 2, "Verdict");
    for (size_t start = 0; start < report->rows.count;) {
        struct circ_panel panel = circ_panel_at(&report->rows, start, false);
        struct circ_finding finding = circ_finding_of(&panel);
        add_card(report, &panel, &finding);
        start += panel.count;
    }
    add_limits(report);
}
