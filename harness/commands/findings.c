/* Prints findings. What there is to find is the areas' of doctor to say. */
#include "harness/commands/findings.h"
#include "harness/cell.h"
#include "harness/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLUMN_COUNT = 8, INDENT = 26 };

static const char *const columns[COLUMN_COUNT] = {"area", "item",   "state",      "detail",
                                                  "fix",  "covers", "resolution", "permission"};

enum circ_status circ_findings_begin(struct circ_findings *findings, enum circ_format format,
                                     bool whole, struct circ_error *err)
{
    int width = circ_log_width(STDOUT_FILENO);
    memset(findings, 0, sizeof *findings);
    findings->width = width < 60 ? 60 : width > 120 ? 120 : width;
    findings->whole = whole;
    return format == CIRC_TABLE ? CIRC_OK
                                : circ_format_begin(&findings->writer, stdout, format, "doctor",
                                                    columns, COLUMN_COUNT, err);
}

static void print_state(FILE *file, const char *state)
{
    fprintf(file, "  %-8s ", !strcmp(state, "info") ? "" : state);
}

/* The line of the briefs that were joined, if there are any. */
static void flush_joined(struct circ_findings *findings)
{
    enum { BRIEF_INDENT = 11 };
    if (*findings->joined) {
        print_state(stdout, findings->state);
        circ_log_fold(stdout, findings->joined, BRIEF_INDENT, findings->width);
        *findings->joined = '\0';
    }
}

static void join(struct circ_findings *findings, const struct circ_finding *finding)
{
    if (strcmp(findings->state, finding->state) != 0) {
        flush_joined(findings);
    }
    size_t used = strlen(findings->joined);
    snprintf(findings->joined + used, sizeof findings->joined - used, "%s%s", used ? ", " : "",
             finding->brief);
    snprintf(findings->state, sizeof findings->state, "%s", finding->state);
}

/* Prints the area that is complete, and makes room for the next one. */
static enum circ_status end_area(struct circ_findings *findings, struct circ_error *err)
{
    flush_joined(findings);
    if (findings->lines) {
        int failed = fclose(findings->lines);
        findings->lines = NULL;
        if (failed) {
            return circ_status_fail(err, CIRC_MEMORY, "no memory for a page");
        }
        fputs(findings->text, stdout);
        free(findings->text);
        findings->text = NULL;
    }
    return CIRC_OK;
}

enum circ_status circ_findings_area(struct circ_findings *findings, const char *area,
                                    struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    if (!findings->writer) {
        status = end_area(findings, err);
        printf("%s%s\n", findings->area ? "\n" : "", area);
        findings->lines = open_memstream(&findings->text, &findings->size);
        if (status == CIRC_OK && !findings->lines) {
            status = circ_status_fail(err, CIRC_MEMORY, "no memory for a page");
        }
    }
    findings->area = area;
    return status;
}

/* Several lines are to be pasted: they are not folded, and stand far left. */
static void print_fix(const struct circ_findings *findings, const struct circ_finding *finding)
{
    const char *fix = finding->fix, *label = finding->aside ? "hint: " : "fix: ";
    enum { PASTE_INDENT = 6 };
    if (!strchr(fix, '\n')) {
        fprintf(findings->lines, "%*s%s", INDENT, "", label);
        circ_log_fold(findings->lines, fix, INDENT + (int)strlen(label), findings->width);
        return;
    }
    while (*fix) {
        int length = (int)strcspn(fix, "\n");
        fprintf(findings->lines, "%*s%.*s\n", PASTE_INDENT, "", length, fix);
        fix += length + (fix[length] == '\n');
    }
}

/* As much of detail as a line has room for, cut at a blank. */
static void print_start(const struct circ_findings *findings, const char *detail)
{
    static const char cut[] = " ...";
    size_t room = (size_t)(findings->width - INDENT), length = strlen(detail);
    bool whole = length <= room;
    if (!whole) {
        length = room - strlen(cut);
        while (length > 0 && detail[length] != ' ') {
            length--;
        }
    }
    fprintf(findings->lines, "%.*s%s\n", (int)length, detail, whole ? "" : cut);
}

static void print_line(const struct circ_findings *findings, const struct circ_finding *finding)
{
    const struct {
        const char *name, *text;
    } more[] = {{"covers", finding->covers}, {"resolution", finding->resolution}};
    print_state(findings->lines, finding->state);
    fprintf(findings->lines, "%-14s ", finding->item);
    if (finding->aside && !findings->whole) {
        print_start(findings, finding->detail);
        return;
    }
    circ_log_fold(findings->lines, finding->detail, INDENT, findings->width);
    for (size_t i = 0; i < sizeof more / sizeof *more && findings->whole; i++) {
        if (more[i].text) {
            fprintf(findings->lines, "%*s%s: ", INDENT, "", more[i].name);
            circ_log_fold(findings->lines, more[i].text, INDENT + (int)strlen(more[i].name) + 2,
                          findings->width);
        }
    }
    if (finding->fix) {
        print_fix(findings, finding);
    }
}

enum circ_status circ_findings_put(struct circ_findings *findings,
                                   const struct circ_finding *finding, struct circ_error *err)
{
    findings->open += !strcmp(finding->state, "missing") || !strcmp(finding->state, "warning");
    if (findings->writer) {
        const struct circ_cell cells[COLUMN_COUNT] = {
            circ_cell_text(findings->area),      circ_cell_text(finding->item),
            circ_cell_text(finding->state),      circ_cell_text(finding->detail),
            circ_cell_text(finding->fix),        circ_cell_text(finding->covers),
            circ_cell_text(finding->resolution), circ_cell_text(finding->permission)};
        return circ_format_row(findings->writer, cells, err);
    }
    if (finding->brief && !findings->whole) {
        join(findings, finding);
    } else {
        print_line(findings, finding);
    }
    return CIRC_OK;
}

enum circ_status circ_findings_end(struct circ_findings *findings, enum circ_status status,
                                   struct circ_error *err)
{
    if (findings->writer) {
        enum circ_status ended = circ_format_end(findings->writer, status == CIRC_OK ? err : NULL);
        return status == CIRC_OK ? ended : status;
    }
    enum circ_status ended = end_area(findings, status == CIRC_OK ? err : NULL);
    status = status == CIRC_OK ? ended : status;
    if (status == CIRC_OK) {
        printf("\n%d %s to look at%s\n", findings->open, findings->open == 1 ? "thing" : "things",
               findings->whole ? "." : "; `circbench doctor AREA` says all of one area.");
    }
    return status;
}
