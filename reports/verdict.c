/* Words the findings for the terminal. It judges nothing: finding.c does. */
#include "reports/verdict.h"
#include "reports/escape.h"
#include "reports/finding.h"
#include "reports/human.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINES 3

/* "217x", or "217x faster [210, 223]" with faster in between: what a terminal without UTF-8 shows
 * too. */
static void write_ratio(FILE *file, double value, double low, double high, const char *word)
{
    char number[CIRC_HUMAN_SIZE], interval[CIRC_HUMAN_SIZE];
    circ_human_split(number, interval, CIRC_QUANTITY_RATIO, value, low, high);
    fprintf(file, "%.*sx%s%s%s", (int)strcspn(number, "\xC3"), number, word, interval[0] ? " " : "",
            interval);
}

/* "217x faster than dense (openblas) [210, 223]" with " faster than " in between. */
static void write_speedup(FILE *file, const struct circ_row *row, const char *relation)
{
    char words[CIRC_PANEL_TEXT];
    bool named = row->dense_variant[0] != '\0';
    snprintf(words, sizeof words, "%sdense%s%.80s%s", relation, named ? " (" : "",
             row->dense_variant, named ? ")" : "");
    write_ratio(file, row->speedup_vs_dense, row->speedup_ci_low, row->speedup_ci_high, words);
}

static void write_weight(FILE *file, const struct circ_row *row)
{
    if (!isfinite(row->compression))
        return;
    fputs(", ", file);
    write_ratio(file, row->compression, NAN, NAN, " less weight");
}

/* At most 160 bytes of a reason, after ": " or whatever leads it; nothing for an empty one. */
static void write_reason(FILE *file, const char *lead, const char *reason)
{
    char text[161];
    if (snprintf(text, sizeof text, "%s", reason) >= (int)sizeof text) {
        char *clause = strrchr(text, ';'), *word = strrchr(text, ' ');
        if (clause)
            *clause = 0;
        else
            strcpy(word && word < text + 157 ? word : text + 157, "...");
    }
    if (text[0])
        fputs(lead, file);
    circ_escape_plain(file, text);
}

static void write_title(const struct circ_rows *rows, const struct circ_row *row, FILE *file)
{
    char title[CIRC_PANEL_TEXT];
    circ_panel_title(title, rows, row, true);
    circ_escape_plain(file, title);
}

static void write_finding(const struct circ_rows *rows, const struct circ_finding *finding,
                          FILE *file)
{
    const struct circ_row *best = finding->best;
    char block[32] = "", time[CIRC_HUMAN_SIZE];
    if (best)
        circ_panel_block(block, best);
    write_title(rows, finding->first, file);
    switch (finding->outcome) {
    case CIRC_OUTCOME_FASTER:
        fprintf(file, ": circulant k=%s is ", block);
        write_speedup(file, best, " faster than ");
        break;
    case CIRC_OUTCOME_UNCLEAR:
    case CIRC_OUTCOME_SLOWER:
        fprintf(file, ": no block size %s dense: the best, k=%s, has ",
                finding->outcome == CIRC_OUTCOME_SLOWER ? "beats" : "is clearly faster than",
                block);
        write_speedup(file, best, " the speed of ");
        break;
    case CIRC_OUTCOME_NO_DENSE:
        circ_human_format(time, CIRC_QUANTITY_TIME, best->time_ns_median, best->time_ns_ci_low,
                          best->time_ns_ci_high);
        fprintf(file, ": no dense baseline to compare with; the fastest block is k=%s at %s", block,
                time);
        break;
    case CIRC_OUTCOME_NO_BLOCK:
        fputs(": no circulant row has a time", file);
        if (finding->failed) {
            fprintf(file, " (%s", finding->failed->status);
            write_reason(file, ": ", finding->failed->reason);
            fputc(')', file);
        }
        break;
    }
    if (best) {
        write_weight(file, best);
        if (circ_panel_mark(best)[0])
            fprintf(file, " (%s, not measured)", circ_panel_mark(best));
    }
    fputs(".\n", file);
}

/* The largest energy gain among circulant rows, or why there is none. */
static void write_energy(const struct circ_rows *rows, FILE *file)
{
    const struct circ_row *best = NULL, *without = NULL, *figure = NULL;
    for (size_t i = 0; i < rows->count; i++) {
        const struct circ_row *row = &rows->items[i];
        if (!circ_rows_is_ok(row))
            continue;
        if (!isfinite(row->energy_uj_per_frame))
            without = without ? without : row;
        else
            figure = figure ? figure : row;
        if (strcmp(row->structure, "circulant") == 0 && isfinite(row->energy_gain_vs_dense) &&
            (!best || row->energy_gain_vs_dense > best->energy_gain_vs_dense))
            best = row;
    }
    if (best) {
        char block[32];
        circ_panel_block(block, best);
        fputs("Energy per frame, ", file);
        write_title(rows, best, file);
        fprintf(file, ": circulant k=%s needs ", block);
        write_ratio(file, best->energy_gain_vs_dense, best->energy_gain_ci_low,
                    best->energy_gain_ci_high, " less than dense");
        fprintf(file, " (%s, %s).\n", best->energy_kind, best->energy_scope);
    } else if (figure) {
        fputs("Energy was measured, but for no dense row to compare with.\n", file);
    } else if (without) {
        fputs("Energy was not measured", file);
        write_reason(file, ": ", without->energy_reason);
        fputs(".\n", file);
    }
}

void circ_verdict_write(const struct circ_rows *rows, FILE *file)
{
    size_t panels = 0, written = 0;
    for (size_t start = 0; start < rows->count; panels++)
        start += circ_panel_at(rows, start, false).count;
    size_t room = panels > LINES ? LINES - 1 : LINES;
    for (size_t start = 0; start < rows->count && written < room; written++) {
        struct circ_panel panel = circ_panel_at(rows, start, false);
        struct circ_finding finding = circ_finding_of(&panel);
        write_finding(rows, &finding, file);
        start += panel.count;
    }
    if (panels > written)
        fprintf(file, "%zu more are in the report.\n", panels - written);
    else if (written < LINES)
        write_energy(rows, file);
}
