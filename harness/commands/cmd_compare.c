/* circbench compare: two campaigns, point by point. It matches their points and prints the
 * judgements of compare.c. */
#include "harness/cell.h"
#include "harness/commands/command.h"
#include "harness/compare.h"
#include "harness/commands/listing.h"
#include "harness/log.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MEASURE_CELLS = 15, CELL_COUNT = CIRC_COMPARE_COLUMNS + MEASURE_CELLS };

/* The columns after the point's. people: shown in table and md, which have room for what is read
 * first: if_energy only where energy was compared. */
static const struct {
    const char *name;
    bool people, if_energy;
} measures[MEASURE_CELLS] = {
    {"base_ns", true, false},     {"new_ns", true, false},         {"ratio", true, false},
    {"ci_low", true, false},      {"ci_high", true, false},        {"p", false, false},
    {"verdict", true, false},     {"base_uj", false, false},       {"new_uj", false, false},
    {"energy_ratio", true, true}, {"energy_ci_low", false, false}, {"energy_ci_high", false, false},
    {"energy_p", false, false},   {"energy_verdict", true, true},  {"reason", true, false},
};

/* What the rows added up to. */
struct tally {
    int time[CIRC_COMPARE_UNCLEAR + 1], energy[CIRC_COMPARE_UNCLEAR + 1]; /* verdicts */
    int time_refused, energy_refused; /* on both sides, but not to be divided by one another */
    int base_only, new_only, failed;
};

struct row {
    struct circ_cell cells[CELL_COUNT]; /* text borrowed from entries, and from reason */
    struct circ_compare_contrast time, energy;
    bool time_refused, energy_refused;
    char reason[320];
};

static int by_key(const void *a, const void *b)
{
    const struct circ_compare_entry *const *first = a, *const *second = b;
    return strcmp((*first)->key, (*second)->key);
}

static enum circ_status contrast_entries(const struct circ_compare_entry *base,
                                         const struct circ_compare_entry *new,
                                         const struct circ_compare_rule *rule, uint64_t seed,
                                         struct row *row, struct circ_error *err)
{
    double time_floor = rule->energy ? CIRC_COMPARE_FLOOR : rule->floor;
    double energy_floor = rule->energy ? rule->floor : CIRC_COMPARE_FLOOR;
    enum circ_status status = circ_compare_samples(
        base ? base->time_ns : NULL, base ? base->time_count : 0, new ? new->time_ns : NULL,
        new ? new->time_count : 0, time_floor, seed, &row->time, err);
    if (status == CIRC_OK) {
        status = circ_compare_samples(base ? base->energy_uj : NULL, base ? base->energy_count : 0,
                                      new ? new->energy_uj : NULL, new ? new->energy_count : 0,
                                      energy_floor, seed, &row->energy, err);
    }
    return status;
}

/* What is not offered or not there did not fail. */
static bool is_failure(const char *status)
{
    return strcmp(status, "ok") != 0 && strcmp(status, "unsup") != 0 &&
           strcmp(status, "absent") != 0;
}

/* The word of the verdict column; counts it, and sets the reason beside it. */
static const char *decide(const struct circ_compare_entry *base,
                          const struct circ_compare_entry *new, struct row *row,
                          struct tally *tally)
{
    if (!base || !new) {
        tally->base_only += !new;
        tally->new_only += !base;
        snprintf(row->reason, sizeof row->reason, "not in %s", base ? "NEW" : "BASE");
        return base ? "base only" : "new only";
    }
    tally->time[row->time.verdict] += !row->time_refused;
    tally->energy[row->energy.verdict] += !row->energy_refused;
    tally->time_refused += row->time_refused;
    tally->energy_refused += row->energy_refused;
    if (row->time.verdict == CIRC_COMPARE_NONE) {
        bool failed = !strcmp(base->status, "ok") && is_failure(new->status);
        tally->failed += failed;
        bool predicted = !strcmp(base->kind, "modelled") || !strcmp(new->kind, "modelled");
        snprintf(row->reason, sizeof row->reason, "BASE is %s, NEW is %s%s", base->status,
                 new->status, predicted ? "; what is modelled has no samples to compare" : "");
        return failed ? "failed" : "not measured";
    }
    bool energy = *row->energy.reason;
    snprintf(row->reason, sizeof row->reason, "%s%s%s%s", row->time.reason,
             energy && *row->time.reason ? "; " : "", energy ? "energy: " : "", row->energy.reason);
    return circ_compare_verdict_name(row->time.verdict, false);
}

static enum circ_status fill_row(const struct circ_compare_entry *base,
                                 const struct circ_compare_entry *new,
                                 const struct circ_compare_rule *rule, uint64_t seed,
                                 struct row *row, struct tally *tally, struct circ_error *err)
{
    enum circ_status status = contrast_entries(base, new, rule, seed, row, err);
    if (status != CIRC_OK) {
        return status;
    }
    if (base && new) {
        row->time_refused = circ_compare_refuse(base, new, false, &row->time);
        row->energy_refused = circ_compare_refuse(base, new, true, &row->energy);
    }
    memcpy(row->cells, (new ? new : base)->cells, sizeof new->cells);
    const char *verdict = decide(base, new, row, tally);
    const struct circ_compare_contrast *time = &row->time, *energy = &row->energy;
    const struct circ_cell rest[MEASURE_CELLS] = {
        circ_cell_real(time->base),
        circ_cell_real(time->new),
        circ_cell_real(time->ratio),
        circ_cell_real(time->interval.low),
        circ_cell_real(time->interval.high),
        circ_cell_real(time->p),
        circ_cell_text(verdict),
        circ_cell_real(energy->base),
        circ_cell_real(energy->new),
        circ_cell_real(energy->ratio),
        circ_cell_real(energy->interval.low),
        circ_cell_real(energy->interval.high),
        circ_cell_real(energy->p),
        circ_cell_text(circ_compare_verdict_name(energy->verdict, true)),
        circ_cell_text(*row->reason ? row->reason : NULL),
    };
    memcpy(row->cells + CIRC_COMPARE_COLUMNS, rest, sizeof rest);
    return CIRC_OK;
}

/* Fills rows, which has room for all entries of both sides: BASE's in their order, then what only
 * NEW has. */
static enum circ_status match(struct circ_compare_side *base, struct circ_compare_side *new,
                              const struct circ_compare_rule *rule, uint64_t seed, struct row *rows,
                              size_t *count, struct tally *tally, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    struct circ_compare_entry **index = calloc(new->count + 1, sizeof(struct circ_compare_entry *));
    if (!index) {
        return circ_status_fail(err, CIRC_MEMORY, "compare: out of memory");
    }
    for (size_t i = 0; i < new->count; i++) {
        index[i] = &new->entries[i];
    }
    qsort(index, new->count, sizeof *index, by_key);
    for (size_t i = 0; i < base->count && status == CIRC_OK; i++) {
        struct circ_compare_entry *entry = &base->entries[i];
        struct circ_compare_entry **found =
            bsearch(&entry, index, new->count, sizeof *index, by_key);
        if (found) {
            (*found)->matched = true;
        }
        status = fill_row(entry, found ? *found : NULL, rule, seed, &rows[(*count)++], tally, err);
    }
    for (size_t i = 0; i < new->count &&status == CIRC_OK; i++) {
        if (!new->entries[i].matched) {
            status = fill_row(NULL, &new->entries[i], rule, seed, &rows[(*count)++], tally, err);
        }
    }
    free(index);
    return status;
}

static bool equal_cells(const struct circ_cell *a, const struct circ_cell *b)
{
    return a->type == b->type && a->integer == b->integer &&
           (a->type != CIRC_CELL_TEXT || !strcmp(a->text, b->text));
}

/* Whether every row says the same in a column of the point. */
static bool is_constant(const struct row *rows, size_t count, int column)
{
    for (size_t i = 1; i < count; i++) {
        if (!equal_cells(&rows[0].cells[column], &rows[i].cells[column])) {
            return false;
        }
    }
    return true;
}

/* Programs get every column. For people, who have narrow terminals, what is the same in all rows is
 * said once instead, and what is read last is left out. The last column, the reason, is always
 * there. */
static int choose_columns(const struct row *rows, size_t count, bool people, bool energy,
                          int chosen[CELL_COUNT])
{
    int chosen_count = 0;
    for (int c = 0; c < CELL_COUNT; c++) {
        int measure = c - CIRC_COMPARE_COLUMNS;
        bool keep = !people || (measure < 0 ? !is_constant(rows, count, c)
                                            : measures[measure].people &&
                                                  (energy || !measures[measure].if_energy));
        if (keep) {
            chosen[chosen_count++] = c;
        }
    }
    return chosen_count;
}

/* "all rows: workload alexnet-fc7, backend cpu, ..." */
static void note_constants(const struct row *rows, size_t count)
{
    char text[1024] = "";
    size_t used = 0;
    for (int c = 0; c < CIRC_COMPARE_COLUMNS && used < sizeof text; c++) {
        const struct circ_cell *cell = &rows[0].cells[c];
        if (!is_constant(rows, count, c) || cell->type == CIRC_CELL_NULL) {
            continue;
        }
        const char *comma = used ? ", " : "", *name = circ_compare_columns[c];
        int more =
            cell->type == CIRC_CELL_TEXT
                ? snprintf(text + used, sizeof text - used, "%s%s %s", comma, name, cell->text)
                : snprintf(text + used, sizeof text - used, "%s%s %lld", comma, name,
                           (long long)cell->integer);
        used += more > 0 ? (size_t)more : 0;
    }
    if (used) {
        circ_log_note("all rows: %s", text);
    }
}

/* Four decimals of a ratio and whole nanoseconds are what people can use. */
static struct circ_cell shorten(struct circ_cell cell, int column)
{
    if (cell.type != CIRC_CELL_REAL) {
        return cell;
    }
    return column < CIRC_COMPARE_COLUMNS + 2 ? circ_cell_integer(llround(cell.real))
                                             : circ_cell_real(round(1e4 * cell.real) / 1e4);
}

static enum circ_status print_rows(const struct row *rows, size_t count, bool people, bool energy,
                                   enum circ_format format, struct circ_error *err)
{
    int chosen[CELL_COUNT];
    int column_count = choose_columns(rows, count, people, energy, chosen);
    const char *names[CELL_COUNT];
    struct circ_listing *listing;
    for (int c = 0; c < column_count; c++) {
        names[c] = chosen[c] < CIRC_COMPARE_COLUMNS
                       ? circ_compare_columns[chosen[c]]
                       : measures[chosen[c] - CIRC_COMPARE_COLUMNS].name;
    }
    enum circ_status status =
        circ_listing_begin(&listing, format, "compare", names, column_count, err);
    for (size_t i = 0; i < count && status == CIRC_OK; i++) {
        struct circ_cell cells[CELL_COUNT];
        for (int c = 0; c < column_count; c++) {
            struct circ_cell cell = rows[i].cells[chosen[c]];
            cells[c] = people ? shorten(cell, chosen[c]) : cell;
        }
        status = circ_listing_row(listing, cells, err);
    }
    return circ_listing_end(listing, status, err);
}

static int judged(const int verdicts[CIRC_COMPARE_UNCLEAR + 1])
{
    return verdicts[CIRC_COMPARE_SAME] + verdicts[CIRC_COMPARE_FASTER] +
           verdicts[CIRC_COMPARE_SLOWER] + verdicts[CIRC_COMPARE_UNCLEAR];
}

static void summarize(const char *metric, const int verdicts[CIRC_COMPARE_UNCLEAR + 1], bool energy,
                      double floor, int refused)
{
    circ_log_note("%s: %d same, %d %s, %d %s, %d unclear (floor %g %%, p < %g)", metric,
                  verdicts[CIRC_COMPARE_SAME], verdicts[CIRC_COMPARE_FASTER],
                  circ_compare_verdict_name(CIRC_COMPARE_FASTER, energy),
                  verdicts[CIRC_COMPARE_SLOWER],
                  circ_compare_verdict_name(CIRC_COMPARE_SLOWER, energy),
                  verdicts[CIRC_COMPARE_UNCLEAR], 100 * floor, CIRC_COMPARE_ALPHA);
    if (refused) {
        circ_log_note("%s: %d refused: what they compare is of two sorts, as their reasons say",
                      metric, refused);
    }
}

static enum circ_status conclude(const struct circ_options *options,
                                 const struct circ_compare_rule *rule, const struct tally *tally,
                                 int *exit_code, struct circ_error *err)
{
    const int *verdicts = rule->energy ? tally->energy : tally->time;
    if (!options->quiet) {
        summarize("time", tally->time, false, rule->energy ? CIRC_COMPARE_FLOOR : rule->floor,
                  tally->time_refused);
        if (judged(tally->energy) || tally->energy_refused) {
            summarize("energy", tally->energy, true,
                      rule->energy ? rule->floor : CIRC_COMPARE_FLOOR, tally->energy_refused);
        }
        if (tally->failed || tally->base_only || tally->new_only) {
            circ_log_note("%d failed, %d only in BASE, %d only in NEW", tally->failed,
                          tally->base_only, tally->new_only);
        }
    }
    int refused = rule->energy ? tally->energy_refused : tally->time_refused;
    if (!judged(verdicts) && !tally->failed && refused) {
        return circ_status_fail(err, CIRC_NOTHING,
                                "none of the %d points with %s in both %s and %s may be compared: "
                                "they are of different kinds, sources or scopes",
                                refused, rule->energy ? "energy" : "times", options->words[0],
                                options->words[1]);
    }
    if (!judged(verdicts) && !tally->failed) {
        return circ_status_fail(err, CIRC_NOTHING, "no point has %s in both %s and %s",
                                rule->energy ? "energy" : "times", options->words[0],
                                options->words[1]);
    }
    *exit_code = options->fail_on && (verdicts[CIRC_COMPARE_SLOWER] || tally->failed);
    return CIRC_OK;
}

enum circ_status circ_cmd_compare_run(const struct circ_options *options, int *exit_code,
                                      struct circ_error *err)
{
    struct circ_compare_side base = {.role = "BASE"}, new = {.role = "NEW"};
    struct circ_compare_rule rule;
    struct tally tally = {0};
    struct row *rows = NULL;
    size_t count = 0;
    if (options->word_count != 2) {
        return circ_status_fail(err, CIRC_USAGE,
                                "compare needs two campaigns, BASE and NEW; for example "
                                "'circbench compare before-upgrade latest'");
    }
    enum circ_status status = circ_compare_rule_parse(options->fail_on, &rule, err);
    if (status == CIRC_OK) {
        status = circ_compare_read(&base, options->words[0], options->db, err);
    }
    if (status == CIRC_OK) {
        status = circ_compare_read(&new, options->words[1], options->db, err);
    }
    if (status == CIRC_OK && !(rows = calloc(base.count + new.count + 1, sizeof *rows))) {
        status = circ_status_fail(err, CIRC_MEMORY, "compare: out of memory");
    }
    if (status == CIRC_OK) {
        status = match(&base, &new, &rule, options->seed, rows, &count, &tally, err);
    }
    if (status == CIRC_OK && count) {
        bool people = options->format == CIRC_TABLE || options->format == CIRC_MD;
        if (people && !options->quiet) {
            note_constants(rows, count);
        }
        status = print_rows(rows, count, people, judged(tally.energy) > 0, options->format, err);
    }
    if (status == CIRC_OK) {
        status = conclude(options, &rule, &tally, exit_code, err);
    }
    free(rows);
    circ_compare_free(&new);
    circ_compare_free(&base);
    return status;
}
