/* Reads two campaigns and judges what both measured, by significance and by size of effect. It
 * prints nothing.
 *
 * Significance alone raises alarms over differences that come back with every run; a floor alone
 * takes noise for an effect. So a verdict needs both, and what satisfies neither side is called
 * unclear instead of same. */
#include "harness/compare.h"
#include "harness/cell.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the order of circ_compare_columns. */
#define POINT_COLUMNS                                                                              \
    "p.workload, p.backend, p.device, p.structure, p.variant, coalesce(t.isa, p.isa), p.block, "   \
    "p.block_conv, p.batch, p.threads, p.precision, p.pass, p.cold"

const char *const circ_compare_columns[CIRC_COMPARE_COLUMNS] = {
    "workload",   "backend", "device",  "structure", "variant", "isa",  "block",
    "block_conv", "batch",   "threads", "precision", "pass",    "cold",
};

static enum circ_status fail_memory(struct circ_error *err)
{
    return circ_status_fail(err, CIRC_MEMORY, "compare: out of memory");
}

static enum circ_status fail_sqlite(const struct circ_compare_side *side, struct circ_error *err)
{
    struct sqlite3 *db = circ_store_handle(side->store);
    return circ_status_fail_native(err, CIRC_IO, sqlite3_errcode(db),
                                   "compare: %s could not be read: %s", side->role,
                                   sqlite3_errmsg(db));
}

/* Opens what a word names: a campaign of db, FILE, or FILE:CAMPAIGN. A file wins over a campaign.
 */
static enum circ_status open_side(struct circ_compare_side *side, const char *word, const char *db,
                                  struct circ_error *err)
{
    char path[4096];
    const char *which = word, *colon = strrchr(word, ':');
    snprintf(path, sizeof path, "%s", db);
    if (access(word, F_OK) == 0) {
        snprintf(path, sizeof path, "%s", word);
        which = "latest";
    } else if (colon && colon > word) {
        snprintf(path, sizeof path, "%.*s", (int)(colon - word), word);
        which = colon + 1;
        if (access(path, F_OK) != 0) {
            return circ_status_fail(err, CIRC_USAGE,
                                    "compare: %s: no file '%.200s'; give FILE, FILE:CAMPAIGN, "
                                    "or a campaign of --db",
                                    side->role, path);
        }
    } else if (strchr(word, '/') || (strlen(word) > 3 && !strcmp(word + strlen(word) - 3, ".db"))) {
        return circ_status_fail(err, CIRC_USAGE, "compare: %s: no file '%.200s'", side->role, word);
    }
    enum circ_status status = circ_store_open(&side->store, path, CIRC_STORE_READ, err);
    if (status == CIRC_OK) {
        status = circ_store_campaign_find(side->store, which, side->campaign, err);
    }
    return status;
}

/* The numbers that sql yields for a trial. */
static enum circ_status read_values(const struct circ_compare_side *side, const char *sql,
                                    const char *trial, double **values, size_t *count,
                                    struct circ_error *err)
{
    sqlite3_stmt *statement = NULL;
    enum circ_status status = CIRC_OK;
    size_t room = 0;
    int code = sqlite3_prepare_v2(circ_store_handle(side->store), sql, -1, &statement, NULL);
    if (code != SQLITE_OK ||
        sqlite3_bind_text(statement, 1, trial, -1, SQLITE_TRANSIENT) != SQLITE_OK) {
        status = fail_sqlite(side, err);
        goto done;
    }
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (*count == room) {
            room = room ? 2 * room : 64;
            double *grown = realloc(*values, room * sizeof *grown);
            if (!grown) {
                status = fail_memory(err);
                goto done;
            }
            *values = grown;
        }
        (*values)[(*count)++] = sqlite3_column_double(statement, 0);
    }
    if (code != SQLITE_DONE) {
        status = fail_sqlite(side, err);
    }
done:
    sqlite3_finalize(statement);
    return status;
}

static enum circ_status read_entry(struct circ_compare_side *side, sqlite3_stmt *statement,
                                   struct circ_error *err)
{
    static const char times[] =
        "SELECT time_ns FROM sample WHERE trial = ? AND NOT warmup AND time_ns > 0 ORDER BY number";
    /* of each window the sum of the channels that make the row's energy: siblings, never nested */
    static const char energies[] =
        "SELECT sum(energy_uj / frames) FROM energy_window WHERE trial = ? AND used AND chosen "
        "AND NOT idle AND frames > 0 GROUP BY place HAVING count(*) = count(energy_uj) "
        "ORDER BY place";
    struct circ_compare_entry *grown = realloc(side->entries, (side->count + 1) * sizeof *grown);
    if (!grown) {
        return fail_memory(err);
    }
    side->entries = grown;
    struct circ_compare_entry *entry = &grown[side->count++];
    *entry = (struct circ_compare_entry){0};
    for (int c = 0; c < CIRC_COMPARE_COLUMNS; c++) {
        const char *text = (const char *)sqlite3_column_text(statement, c);
        if (sqlite3_column_type(statement, c) == SQLITE_INTEGER) {
            entry->cells[c] = circ_cell_integer(sqlite3_column_int64(statement, c));
            continue;
        }
        char *copy = text ? strdup(text) : NULL;
        if (text && !copy) {
            return fail_memory(err);
        }
        entry->cells[c] = circ_cell_text(copy);
    }
    struct {
        char *text;
        size_t size;
    } rest[] = {{entry->key, sizeof entry->key},
                {entry->status, sizeof entry->status},
                {entry->kind, sizeof entry->kind},
                {entry->energy_kind, sizeof entry->energy_kind},
                {entry->energy_source, sizeof entry->energy_source},
                {entry->energy_scope, sizeof entry->energy_scope}};
    enum { REST = sizeof rest / sizeof *rest };
    for (int i = 0; i < REST; i++) {
        const char *text = (const char *)sqlite3_column_text(statement, CIRC_COMPARE_COLUMNS + i);
        snprintf(rest[i].text, rest[i].size, "%s", text ? text : "");
    }
    const char *trial = (const char *)sqlite3_column_text(statement, CIRC_COMPARE_COLUMNS + REST);
    enum circ_status status =
        read_values(side, times, trial, &entry->time_ns, &entry->time_count, err);
    if (status == CIRC_OK) {
        status = read_values(side, energies, trial, &entry->energy_uj, &entry->energy_count, err);
    }
    return status;
}

static enum circ_status read_entries(struct circ_compare_side *side, struct circ_error *err)
{
    static const char sql[] =
        "SELECT " POINT_COLUMNS ", p.key, t.status, t.kind, t.energy_kind, t.energy_source, "
        "t.energy_scope, t.key "
        "FROM trial AS t JOIN point AS p ON p.key = t.point WHERE t.campaign = ? "
        "ORDER BY p.workload, p.backend, p.device, p.pass, p.precision, p.threads, p.batch, "
        "p.structure, p.variant, p.isa, p.block, p.block_conv, p.cold, p.key";
    sqlite3_stmt *statement = NULL;
    enum circ_status status = CIRC_OK;
    int code = sqlite3_prepare_v2(circ_store_handle(side->store), sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(statement, 1, side->campaign, -1, SQLITE_STATIC);
    }
    while (code == SQLITE_OK && status == CIRC_OK &&
           (code = sqlite3_step(statement)) == SQLITE_ROW) {
        status = read_entry(side, statement, err);
        code = SQLITE_OK;
    }
    if (status == CIRC_OK && code != SQLITE_DONE) {
        status = fail_sqlite(side, err);
    }
    sqlite3_finalize(statement);
    return status;
}

enum circ_status circ_compare_read(struct circ_compare_side *side, const char *word, const char *db,
                                   struct circ_error *err)
{
    enum circ_status status = open_side(side, word, db, err);
    return status == CIRC_OK ? read_entries(side, err) : status;
}

void circ_compare_free(struct circ_compare_side *side)
{
    for (size_t i = 0; i < side->count; i++) {
        for (int c = 0; c < CIRC_COMPARE_COLUMNS; c++) {
            free((char *)side->entries[i].cells[c].text);
        }
        free(side->entries[i].time_ns);
        free(side->entries[i].energy_uj);
    }
    free(side->entries);
    circ_store_close(side->store);
}

/* From interval and p, which contrast already holds. */
static void judge(struct circ_compare_contrast *contrast, double floor)
{
    double above = 1 + floor, below = 1 / above;
    double low = contrast->interval.low, high = contrast->interval.high;
    bool significant = contrast->p < CIRC_COMPARE_ALPHA;
    if (low >= below && high <= above) {
        contrast->verdict = CIRC_COMPARE_SAME;
    } else if (low > above && significant) {
        contrast->verdict = CIRC_COMPARE_SLOWER;
    } else if (high < below && significant) {
        contrast->verdict = CIRC_COMPARE_FASTER;
    } else {
        contrast->verdict = CIRC_COMPARE_UNCLEAR;
        bool beyond = low > above || high < below;
        snprintf(contrast->reason, sizeof contrast->reason,
                 beyond ? "not significant; more samples (-r) may tell"
                        : "the interval straddles the floor of %g %%; more samples (-r) may tell",
                 100 * floor);
    }
}

enum circ_status circ_compare_samples(const double *base, size_t base_count, const double *new,
                                      size_t new_count, double floor, uint64_t seed,
                                      struct circ_compare_contrast *contrast,
                                      struct circ_error *err)
{
    double p_min;
    enum circ_status status = CIRC_OK;
    *contrast = (struct circ_compare_contrast){
        .base = NAN, .new = NAN, .ratio = NAN, .interval = {NAN, NAN}, .p = NAN};
    if (base_count) {
        status = circ_stats_quantile(base, base_count, 0.5, &contrast->base, err);
    }
    if (status == CIRC_OK && new_count) {
        status = circ_stats_quantile(new, new_count, 0.5, &contrast->new, err);
    }
    if (status != CIRC_OK || !base_count || !new_count) {
        return status;
    }
    contrast->ratio = contrast->new / contrast->base;
    status =
        circ_stats_ratio_interval(base, base_count, new, new_count, seed, &contrast->interval, err);
    if (status == CIRC_OK) {
        status =
            circ_stats_mann_whitney(base, base_count, new, new_count, &contrast->p, &p_min, err);
    }
    if (status != CIRC_OK) {
        return status;
    }
    if (p_min < CIRC_COMPARE_ALPHA) {
        judge(contrast, floor);
    } else {
        contrast->verdict = CIRC_COMPARE_UNCLEAR;
        snprintf(contrast->reason, sizeof contrast->reason,
                 "%zu and %zu samples cannot reach p < %g; measure more (-r)", base_count,
                 new_count, CIRC_COMPARE_ALPHA);
    }
    return CIRC_OK;
}

/* Whether two words of one meaning are alike. What follows a blank in a source says how a recording
 * was aligned, which differs from campaign to campaign. */
static bool agree(const char *a, const char *b)
{
    size_t length = strcspn(a, " ");
    return length == strcspn(b, " ") && !strncmp(a, b, length);
}

bool circ_compare_refuse(const struct circ_compare_entry *base,
                         const struct circ_compare_entry *new, bool energy,
                         struct circ_compare_contrast *contrast)
{
    const struct {
        const char *what, *base, *new;
    } must_agree[] = {
        {"kinds", energy ? base->energy_kind : base->kind, energy ? new->energy_kind : new->kind},
        {"scopes", energy ? base->energy_scope : "", energy ? new->energy_scope : ""},
        {"sources", energy ? base->energy_source : "", energy ? new->energy_source : ""},
    };
    for (size_t i = 0; i < sizeof must_agree / sizeof *must_agree; i++) {
        if (contrast->verdict == CIRC_COMPARE_NONE ||
            agree(must_agree[i].base, must_agree[i].new)) {
            continue;
        }
        contrast->ratio = contrast->interval.low = contrast->interval.high = contrast->p = NAN;
        contrast->verdict = CIRC_COMPARE_UNCLEAR;
        snprintf(contrast->reason, sizeof contrast->reason, "%s differ: %.40s and %.40s",
                 must_agree[i].what, must_agree[i].base, must_agree[i].new);
        return true;
    }
    return false;
}

enum circ_status circ_compare_rule_parse(const char *text, struct circ_compare_rule *rule,
                                         struct circ_error *err)
{
    double percent;
    char metric[8], unit;
    int used = 0;
    *rule = (struct circ_compare_rule){.floor = CIRC_COMPARE_FLOOR};
    if (!text) {
        return CIRC_OK;
    }
    if (sscanf(text, " %7[a-z] > %lf %c %n", metric, &percent, &unit, &used) != 3 || text[used] ||
        unit != '%' || strpbrk(text, "xX") || !(percent > 0 && percent <= 1000) ||
        (strcmp(metric, "time") != 0 && strcmp(metric, "energy") != 0)) {
        return circ_status_fail(
            err, CIRC_USAGE,
            "--fail-on: '%.100s' is not time or energy, '>', and a percentage up to 1000; "
            "for example --fail-on 'time>3%%'",
            text);
    }
    rule->energy = !strcmp(metric, "energy");
    rule->floor = percent / 100;
    return CIRC_OK;
}

const char *circ_compare_verdict_name(enum circ_compare_verdict verdict, bool energy)
{
    static const char *const names[][2] = {
        [CIRC_COMPARE_NONE] = {NULL, NULL},
        [CIRC_COMPARE_SAME] = {"same", "same"},
        [CIRC_COMPARE_FASTER] = {"faster", "less"},
        [CIRC_COMPARE_SLOWER] = {"slower", "more"},
        [CIRC_COMPARE_UNCLEAR] = {"unclear", "unclear"},
    };
    return names[verdict][energy];
}
