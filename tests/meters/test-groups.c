/* Groups of counters: built-in files, files with mistakes, a user's folder; and formulas, right and
 * wrong. Nothing is counted. */
#include "circ_config.h"
#include "harness/meters/formula.h"
#include "harness/meters/groups.h"
#include "harness/meters/software.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if CIRC_HAVE_PAPI
#include <papi.h>
#endif
#if CIRC_HAVE_PFM && defined(__x86_64__)
#include <perfmon/pfmlib.h>
#endif

static char folder[] = "/tmp/circbench-groups-XXXXXX";
static struct circ_error err;

static void formulas(void)
{
    static const char *const names[] = {"cycles", "instructions", "missing", "time_ns"};
    const double values[] = {200, 300, NAN, 1e9};
    static const struct {
        const char *text;
        double value;
        uint64_t uses;
    } right[] = {
        {"instructions / cycles", 1.5, 3},
        {"1000 * cycles / instructions", 2000.0 / 3, 3},
        {"cycles - instructions * 2", -400, 3},
        {"(cycles + instructions) / time_ns", 5e-7, 11},
        {"INSTRUCTIONS / Cycles", 1.5, 3},
        {"instructions / (cycles - 200)", NAN, 3},
        {"missing / cycles", NAN, 5},
        {"coalesce(missing, cycles)", 200, 5},
        {"CASE WHEN cycles > 100 THEN 1 ELSE 0 END", 1, 1},
        {"max(cycles, instructions) -- a comment", 300, 3},
        {"1e300 * 1e300 * cycles", NAN, 1},
        {"42", 42, 0},
    };
    static const struct {
        const char *text, *message;
    } wrong[] = {
        {"instructions / cylces", "unknown name 'cylces', did you mean 'cycles'?"},
        {"other * 2", "unknown name 'other'"},
        {"\"quoted\"", "unknown name 'quoted'"},
        {"instructions /", "it ends too early"},
        {"(cycles", "it ends too early"},
        {"", "it ends too early"},
        {"cycles cycles", "syntax error"},
        {"load_extension('x')", "the function load_extension is not one"},
        {"random()", "the function random is not one"},
        {"printf('%d', cycles)", "the function printf is not one"},
        {"nosuch(cycles)", "no such function: nosuch"},
        {"(SELECT 1)", "more than an expression"},
        {"(SELECT name FROM sqlite_schema)", "more than an expression"},
        {"EXISTS (SELECT 1 FROM v)", "more than an expression"},
        {"1), (2", "more than one expression"},
        {"1); DROP TABLE v; SELECT (1", "more than one expression"},
        {"?1 + cycles", "more than one expression"},
        {"cycles || 'x'", "not a number"},
        {"'text'", "not a number"},
        {"rowid", "more than an expression"},
    };
    struct circ_formula *formula = NULL;
    int count = 0;
    if (!tap_ok(circ_formula_open(&formula, names, 4, &err) == CIRC_OK, "formulas open")) {
        tap_note("%s", err.message);
        return;
    }
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        uint64_t uses = 0;
        enum circ_status status = circ_formula_add(formula, right[i].text, &uses, &err);
        if (!tap_ok(status == CIRC_OK && uses == right[i].uses, "%s compiles, and uses %x",
                    right[i].text, (unsigned)uses)) {
            tap_note("%s", err.message);
            continue;
        }
        double value = circ_formula_value(formula, count++, values);
        tap_ok(isnan(right[i].value) ? isnan(value)
                                     : fabs(value - right[i].value) <= 1e-12 * fabs(value),
               "and is %g", value);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint64_t uses;
        tap_ok(circ_formula_add(formula, wrong[i].text, &uses, &err) == CIRC_USAGE &&
                   strstr(err.message, wrong[i].message),
               "%s: %s", wrong[i].text, err.message);
    }
    const double others[] = {1, 2, 3, 4};
    tap_ok(circ_formula_value(formula, 0, others) == 2, "a formula is computed again and again");
    circ_formula_close(formula);
    circ_formula_close(NULL);
    static const char *const keyword[] = {"order"};
    tap_ok(circ_formula_open(&formula, keyword, 1, &err) == CIRC_USAGE, "no name is a word of SQL");
}

/* Writes a file into the folder; its path. */
static const char *write_file(const char *name, const char *text)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (file) {
        fputs(text, file);
        fclose(file);
    }
    return path;
}

static void mistakes(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "bad.group: it names no event"},
        {"# only a comment\n\nabout nothing\n", "bad.group: it names no event"},
        {"evnt cycles x\n", "bad.group:1: 'evnt', did you mean 'event'?"},
        {"event a x\n\nnonsense\n", "bad.group:3: 'nonsense': a line begins with"},
        {"event\n", "bad.group:1: event: a name is missing"},
        {"event cycles\n", "bad.group:1: event 'cycles': the meter's names are missing"},
        {"event Cycles x\n", "bad.group:1: event 'Cycles': a name begins with a letter"},
        {"event 2nd x\n", "bad.group:1: event '2nd': a name begins with a letter"},
        {"event - x\n", "bad.group:1: event '-': a name begins with a letter"},
        {"event order x\n", "bad.group:1: event 'order': it is a word of SQL"},
        {"event time-ns x\n", "bad.group:1: event 'time-ns': formulas know another thing"},
        {"event a 1 2 3 4 5 6 7 8 9\n", "bad.group:1: event 'a': 8 alternatives are the most"},
        {"event a x\nmetric m 1\n", "bad.group:2: metric: it takes a name, a unit"},
        {"event a x\nmetric a 1 a\n", "bad.group:2: metric 'a': an event is called so"},
        {"event a x\nmetric m s a\nmetric m ns a\n", "bad.group:3: metric 'm': in s above, in ns"},
        {"event a x\nmetric m 1 a\nmetric n 1 a\nmetric m 1 a\n",
         "bad.group:4: metric 'm': the formulas of a metric follow each other"},
        {"event cycles x\nmetric m 1 cycels / 2\n",
         "bad.group:2: metric 'm': unknown name 'cycels', did you mean 'cycles'?"},
        {"event a x\nmetric m 1 a +\n", "bad.group:2: metric 'm': "},
        {"event a x\r\nmetric m 1 hex(a)\r\n", "bad.group:2: metric 'm': the function hex"},
        {"about one\nabout two\n", "bad.group:2: a second sentence"},
    };
    struct circ_event_group *group;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = write_file("bad.group", cases[i].text);
        tap_ok(circ_groups_open(&group, path, &err) == CIRC_USAGE &&
                   strstr(err.message, cases[i].message),
               "%s", err.message);
    }
    tap_ok(circ_groups_open(&group, "./no-such.group", &err) == CIRC_USAGE &&
               strstr(err.message, "no-such.group"),
           "%s", err.message);
    tap_ok(circ_groups_open(&group, "cahce", &err) == CIRC_NOTHING &&
               strstr(err.message, "'cache'"),
           "%s", err.message);
    tap_ok(circ_groups_open(&group, "PAPI_TOT_CYC", &err) == CIRC_NOTHING, "an event is no group");
}

static const struct circ_group_entry *entry_of(const struct circ_group_entry *entries, int count,
                                               const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(entries[i].name, name))
            return &entries[i];
    return NULL;
}

static void own_file(void)
{
    struct circ_event_group *group;
    const char *path =
        write_file("mine.group", "# mine\r\n\r\n  about  Of my own.  \r\n"
                                 "event l2-misses  A:B perf::C\r\n\tevent l2-misses D\r\n"
                                 "event clock task-clock\r\n"
                                 "metric rate 1/s  1e9 * l2_misses / time_ns\r\n"
                                 "metric share 1 l2_misses / (batch * flop_executed)\r\n");
    if (!tap_ok(circ_groups_open(&group, path, &err) == CIRC_OK, "a file by its path")) {
        tap_note("%s", err.message);
        return;
    }
    tap_ok(!strcmp(group->name, "mine") && !strcmp(group->about, "Of my own.") &&
               !strcmp(group->place, path),
           "its name, sentence and place");
    tap_ok(group->event_count == 2 && group->events[0].alternative_count == 3 &&
               !strcmp(group->events[0].alternatives[0], "A:B") &&
               !strcmp(group->events[0].alternatives[2], "D"),
           "alternatives go on in the order of their lines");
    tap_ok(group->metric_count == 2 && !strcmp(group->metrics[0].unit, "1/s") &&
               group->metrics[0].uses == (1 | 1 << (2 + CIRC_GIVEN_TIME_NS)),
           "metrics know what they use");
    const double events[] = {500, NAN};
    const double given[CIRC_GIVEN_COUNT] = {
        [CIRC_GIVEN_TIME_NS] = 1e9, [CIRC_GIVEN_BATCH] = 2, [CIRC_GIVEN_FLOP_EXECUTED] = 125};
    tap_ok(circ_groups_metric(group, 0, events, given) == 500 &&
               circ_groups_metric(group, 1, events, given) == 2,
           "and have values");
    circ_groups_close(group);
}

static void folders(void)
{
    struct circ_event_group *group;
    struct circ_group_entry *entries;
    int count = 0;
    write_file("cache.group", "about Mine.\nevent a x\n");
    write_file("bad.group", "event a x\nmetric m 1 b\n");
    write_file("ignored.txt", "event a x\n");
    setenv("CIRCBENCH_GROUPS", folder, 1);
    tap_ok(circ_groups_open(&group, "mine", &err) == CIRC_OK, "a group of the folder by its name");
    circ_groups_close(group);
    if (tap_ok(circ_groups_open(&group, "cache", &err) == CIRC_OK, "one hides the built-in one")) {
        tap_ok(!strcmp(group->about, "Mine."), "and is another");
        circ_groups_close(group);
    }
    tap_ok(circ_groups_open(&group, "bad", &err) == CIRC_USAGE, "a bad one is named: %s",
           err.message);
    tap_ok(circ_groups_open(&group, "branch", &err) == CIRC_OK,
           "the built-in ones are there still");
    circ_groups_close(group);
    tap_ok(circ_groups_list(&entries, &count, &err) == CIRC_OK && count == 8,
           "eight groups are listed (%d)", count);
    bool sorted = true;
    for (int i = 1; i < count; i++)
        sorted = sorted && strcmp(entries[i - 1].name, entries[i].name) < 0;
    tap_ok(sorted, "by name, none twice");
    const struct circ_group_entry *bad = entry_of(entries, count, "bad"),
                                  *cache = entry_of(entries, count, "cache"),
                                  *branch = entry_of(entries, count, "branch");
    tap_ok(bad && strstr(bad->problem, ":2: metric 'm'") && !*bad->about, "the bad one with why");
    tap_ok(cache && !*cache->problem && strstr(cache->place, folder), "the other with its place");
    tap_ok(branch && !strcmp(branch->place, "built-in") && *branch->about, "the built-in as such");
    free(entries);
    unsetenv("CIRCBENCH_GROUPS");

    char path[300];
    snprintf(path, sizeof path, "%s/circbench", folder);
    bool made = mkdir(path, 0700) == 0;
    snprintf(path, sizeof path, "%s/circbench/groups", folder);
    made = made && mkdir(path, 0700) == 0;
    write_file("circbench/groups/configured.group", "event a x\n");
    setenv("XDG_CONFIG_HOME", folder, 1);
    tap_ok(made && circ_groups_open(&group, "configured", &err) == CIRC_OK,
           "a group of XDG_CONFIG_HOME");
    circ_groups_close(group);
    unsetenv("XDG_CONFIG_HOME");
}

/* Whether PAPI or libpfm4 knows a name for some processor; true where they are not there to ask.
 * On x86 libpfm4 knows Intel's and AMD's processors, and no others. */
static bool is_known(const char *name)
{
    static const char *const arm[] = {"L2D_CACHE_ACCESS", "L2D_CACHE", "L2D_CACHE_REFILL"};
    for (size_t i = 0; i < sizeof arm / sizeof *arm; i++)
        if (!strcmp(name, arm[i]))
            return true;
    if (circ_software_find(name))
        return true;
#if CIRC_HAVE_PAPI
    int code;
    if (!strncmp(name, "PAPI_", 5))
        return PAPI_event_name_to_code(name, &code) == PAPI_OK;
#endif
#if CIRC_HAVE_PFM && defined(__x86_64__)
    char full[300];
    pfm_pmu_info_t pmu = {.size = sizeof pmu};
    int i;
    if (strstr(name, "::"))
        return pfm_find_event(name) >= 0;
    pfm_for_all_pmus(i)
    {
        pmu = (pfm_pmu_info_t){.size = sizeof pmu};
        if (pfm_get_pmu_info(i, &pmu) != PFM_SUCCESS || pmu.type != PFM_PMU_TYPE_CORE)
            continue;
        snprintf(full, sizeof full, "%s::%s", pmu.name, name);
        if (pfm_find_event(full) >= 0)
            return true;
    }
    return false;
#else
    return true;
#endif
}

static void built_in(void)
{
    struct circ_group_entry *entries;
    int count = 0, checked = 0;
    setenv("LIBPFM_ENCODE_INACTIVE", "1", 1); /* other processors' names too */
#if CIRC_HAVE_PAPI
    if (PAPI_library_init(PAPI_VER_CURRENT) != PAPI_VER_CURRENT)
        tap_skip("PAPI does not start", "names of presets");
#endif
#if CIRC_HAVE_PFM && defined(__x86_64__)
    pfm_initialize();
#else
    tap_skip("no libpfm4 of x86 in this build", "names of the processors' events");
#endif
    tap_ok(circ_groups_list(&entries, &count, &err) == CIRC_OK && count == 6, "six are built in");
    for (int i = 0; i < count; i++) {
        struct circ_event_group *group;
        if (!tap_ok(circ_groups_open(&group, entries[i].name, &err) == CIRC_OK && *group->about,
                    "%s opens, and says what it is for", entries[i].name)) {
            tap_note("%s", err.message);
            continue;
        }
        for (int e = 0; e < group->event_count; e++)
            for (int a = 0; a < group->events[e].alternative_count; a++, checked++)
                if (!is_known(group->events[e].alternatives[a]))
                    tap_ok(false, "%s: %s: nobody knows %s", group->name, group->events[e].name,
                           group->events[e].alternatives[a]);
        circ_groups_close(group);
    }
    tap_ok(checked > 50, "%d names of events were looked up", checked);
    free(entries);
}

int main(void)
{
    unsetenv("CIRCBENCH_GROUPS");
    unsetenv("XDG_CONFIG_HOME");
    if (!mkdtemp(folder))
        return 1;
    setenv("HOME", folder, 1);
    formulas();
    built_in();
    mistakes();
    own_file();
    folders();
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) ? 1 : tap_done();
}
