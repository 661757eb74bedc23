/* Reads a group file: a statement a line, first the keyword. It opens no file and counts nothing.
 */
#include "harness/meters/group_text.h"
#include "backends/core/nearest.h"
#include "harness/meters/formula.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char blanks[] = " \t";

static const char *const given_names[CIRC_GIVEN_COUNT] = {
    [CIRC_GIVEN_TIME_NS] = "time_ns",       [CIRC_GIVEN_BATCH] = "batch",
    [CIRC_GIVEN_THREADS] = "threads",       [CIRC_GIVEN_FLOP_EXECUTED] = "flop_executed",
    [CIRC_GIVEN_FLOP_DENSE] = "flop_dense",
};

/* Where the reading is. */
struct place {
    struct circ_event_group *group;
    int line;
    struct circ_error *err;
};

static enum circ_status CIRC_PRINTF(2, 3) fail(const struct place *at, const char *format, ...)
{
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return circ_status_fail(at->err, CIRC_USAGE, "%s:%d: %s", at->group->place, at->line, message);
}

/* Cuts the next word off; NULL behind the last. */
static char *next(char **rest)
{
    char *word = *rest + strspn(*rest, blanks);
    if (!*word)
        return NULL;
    char *end = word + strcspn(word, blanks);
    *rest = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

/* The rest of a line, without blanks round it. */
static char *trim(char *rest)
{
    rest += strspn(rest, blanks);
    size_t length = strlen(rest);
    while (length && strchr(blanks, rest[length - 1]))
        rest[--length] = '\0';
    return rest;
}

/* How formulas write a name. */
static void to_variable(const char *name, char variable[CIRC_GROUP_NAME_SIZE])
{
    snprintf(variable, CIRC_GROUP_NAME_SIZE, "%s", name);
    for (char *c = variable; *c; c++)
        *c = *c == '-' ? '_' : *c;
}

static enum circ_status check_name(const struct place *at, const char *what, const char *name)
{
    if (strlen(name) < CIRC_GROUP_NAME_SIZE && *name >= 'a' && *name <= 'z' &&
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name))
        return CIRC_OK;
    return fail(at,
                "%s '%.60s': a name begins with a letter and has small letters, digits and -, at "
                "most %d of them; formulas write _ for -",
                what, name, CIRC_GROUP_NAME_SIZE - 1);
}

/* Formulas name events, so that an event's name must be free in them. */
static enum circ_status check_variable(const struct place *at, const char *name)
{
    char variable[CIRC_GROUP_NAME_SIZE];
    to_variable(name, variable);
    if (!circ_formula_may_name(variable))
        return fail(at, "event '%s': it is a word of SQL: choose another", name);
    for (int i = 0; i < CIRC_GIVEN_COUNT; i++)
        if (!strcmp(variable, given_names[i]))
            return fail(at, "event '%s': formulas know another thing by this name", name);
    return CIRC_OK;
}

static int find_event(const struct circ_event_group *group, const char *name)
{
    for (int i = 0; i < group->event_count; i++)
        if (!strcmp(group->events[i].name, name))
            return i;
    return -1;
}

static enum circ_status read_about(struct place *at, char *rest)
{
    if (at->group->about)
        return fail(at, "a second sentence about the group");
    at->group->about = trim(rest);
    return CIRC_OK;
}

static enum circ_status read_event(struct place *at, char *rest)
{
    struct circ_event_group *group = at->group;
    char *name = next(&rest), *word;
    if (!name)
        return fail(at, "event: a name is missing, and the meter's names behind it");
    enum circ_status status = check_name(at, "event", name);
    if (!status)
        status = check_variable(at, name);
    if (status)
        return status;
    int i = find_event(group, name); /* a second line goes on with the first's alternatives */
    if (i < 0 && group->event_count == CIRC_MAX_GROUP_EVENTS)
        return fail(at, "event '%s': %d are the most; make a second group", name,
                    CIRC_MAX_GROUP_EVENTS);
    if (i < 0) {
        i = group->event_count++;
        group->events[i] = (struct circ_group_event){.name = name};
    }
    struct circ_group_event *event = &group->events[i];
    int before = event->alternative_count;
    while ((word = next(&rest))) {
        if (event->alternative_count == CIRC_MAX_ALTERNATIVES)
            return fail(at, "event '%s': %d alternatives are the most", name,
                        CIRC_MAX_ALTERNATIVES);
        event->alternatives[event->alternative_count++] = word;
    }
    if (event->alternative_count == before)
        return fail(at,
                    "event '%s': the meter's names are missing, such as PAPI_TOT_CYC or "
                    "page-faults, best first",
                    name);
    return CIRC_OK;
}

static enum circ_status read_metric(struct place *at, char *rest)
{
    struct circ_event_group *group = at->group;
    char *name = next(&rest), *unit = next(&rest), *formula = trim(rest);
    if (!name || !unit || !*formula)
        return fail(at, "metric: it takes a name, a unit (1 for none) and a formula");
    enum circ_status status = check_name(at, "metric", name);
    if (status)
        return status;
    if (group->metric_count == CIRC_MAX_GROUP_METRICS)
        return fail(at, "metric '%s': %d formulas are the most; make a second group", name,
                    CIRC_MAX_GROUP_METRICS);
    for (int i = 0; i < group->metric_count; i++) {
        if (strcmp(group->metrics[i].name, name))
            continue;
        if (i != group->metric_count - 1 && strcmp(group->metrics[i + 1].name, name))
            return fail(at, "metric '%s': the formulas of a metric follow each other", name);
        if (strcmp(group->metrics[i].unit, unit))
            return fail(at, "metric '%s': in %s above, in %s here", name, group->metrics[i].unit,
                        unit);
    }
    group->metrics[group->metric_count++] = (struct circ_group_metric){
        .name = name, .unit = unit, .formula = formula, .line = at->line};
    return CIRC_OK;
}

static const struct {
    const char *name;
    enum circ_status (*read)(struct place *at, char *rest);
} keywords[] = {{"about", read_about}, {"event", read_event}, {"metric", read_metric}};

#define KEYWORDS (sizeof keywords / sizeof *keywords)

static enum circ_status read_line(struct place *at, char *line)
{
    const char *names[KEYWORDS];
    char *keyword = next(&line);
    if (!keyword || *keyword == '#')
        return CIRC_OK;
    for (size_t i = 0; i < KEYWORDS; i++) {
        if (!strcmp(keywords[i].name, keyword))
            return keywords[i].read(at, line);
        names[i] = keywords[i].name;
    }
    const char *nearest = circ_nearest_find(keyword, names, KEYWORDS);
    return fail(at, "'%.60s'%s%s%s: a line begins with about, event, metric or #", keyword,
                nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static enum circ_status compile(struct place *at)
{
    struct circ_event_group *group = at->group;
    char variables[CIRC_MAX_GROUP_EVENTS][CIRC_GROUP_NAME_SIZE];
    const char *names[CIRC_MAX_GROUP_EVENTS + CIRC_GIVEN_COUNT];
    struct circ_error cause;
    for (int i = 0; i < group->event_count; i++) {
        to_variable(group->events[i].name, variables[i]);
        names[i] = variables[i];
    }
    memcpy(names + group->event_count, given_names, sizeof given_names);
    enum circ_status status = CIRC_OK;
    if (group->metric_count)
        status = circ_formula_open(&group->formula, names, group->event_count + CIRC_GIVEN_COUNT,
                                   at->err);
    for (int i = 0; i < group->metric_count && !status; i++) {
        struct circ_group_metric *metric = &group->metrics[i];
        at->line = metric->line;
        if (find_event(group, metric->name) >= 0)
            return fail(at, "metric '%s': an event is called so", metric->name);
        status = circ_formula_add(group->formula, metric->formula, &metric->uses, &cause);
        if (status == CIRC_USAGE)
            return fail(at, "metric '%s': %.300s", metric->name, cause.message);
        if (status)
            return circ_status_fail(at->err, status, "%s", cause.message);
    }
    return status;
}

enum circ_status circ_group_text_read(struct circ_event_group *group, struct circ_error *err)
{
    struct place at = {.group = group, .err = err};
    char *line = group->text;
    enum circ_status status = CIRC_OK;
    while (line && !status) {
        char *end = line + strcspn(line, "\n");
        char *after = *end ? end + 1 : NULL;
        if (end > line && end[-1] == '\r')
            end[-1] = '\0';
        *end = '\0';
        at.line++;
        status = read_line(&at, line);
        line = after;
    }
    if (!status && !group->event_count)
        return circ_status_fail(err, CIRC_USAGE, "%s: it names no event", group->place);
    if (!group->about)
        group->about = "";
    return status ? status : compile(&at);
}
