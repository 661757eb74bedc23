/* Groups on a processor of three counters that is played here: which names are taken, what goes
 * into which pass, what is stored. */
#include "harness/counting.h"
#include "harness/meters/clock.h"
#include "harness/countable.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNTERS 3

/* What the played meter knows: its events count `step` a batch. */
static const struct played {
    const char *name;
    uint64_t step;
    bool hardware, countable, shared; /* shared: counted half of the time */
} played[] = {
    {"hw-one", 10, true, true, false},   {"hw-two", 20, true, true, false},
    {"hw-three", 30, true, true, false}, {"hw-four", 40, true, true, false},
    {"hw-none", 0, true, true, false},   {"hw-shared", 50, true, true, true},
    {"absent", 0, true, false, false},   {"soft", 7, false, true, false},
    {"soft-too", 9, false, true, false},
};

#define PLAYED (sizeof played / sizeof *played)

struct circ_meter_session {
    const struct played *events[CIRC_MAX_GROUP_EVENTS];
    int count;
};

static uint64_t batches;
static int open_now, most_open, opened;
static bool forbidden; /* whether the permission is gone */
static struct circ_error err;

static const struct played *look_up(const char *name)
{
    for (size_t i = 0; i < PLAYED; i++)
        if (!strcmp(played[i].name, name))
            return &played[i];
    return NULL;
}

static enum circ_status choose(struct circ_meter_session *session,
                               const struct circ_meter_request *request, struct circ_error *error)
{
    int hardware = 0;
    for (int i = 0; i < request->event_count; i++) {
        const struct played *event = look_up(request->events[i]);
        if (!event)
            return circ_status_fail(error, CIRC_USAGE, "%s: unknown", request->events[i]);
        hardware += event->hardware;
        if (!event->countable || forbidden)
            return circ_status_fail(error, CIRC_ABSENT, "%s: does not count", event->name);
        session->events[session->count++] = event;
    }
    return hardware > COUNTERS ? circ_status_fail(error, CIRC_ABSENT, "too many") : CIRC_OK;
}

static enum circ_status open_played(struct circ_meter_session **session,
                                    struct circ_channel *channels, int *count,
                                    const struct circ_meter_request *request,
                                    struct circ_error *error)
{
    *session = calloc(1, sizeof **session);
    if (!*session)
        return circ_status_fail(error, CIRC_MEMORY, "no memory");
    enum circ_status status = choose(*session, request, error);
    if (status) {
        free(*session);
        return status;
    }
    *count = (*session)->count;
    for (int i = 0; i < *count; i++) {
        const struct played *event = (*session)->events[*count - 1 - i]; /* in its own order */
        channels[i] = (struct circ_channel){.unit = CIRC_UNIT_COUNT,
                                            .scope = CIRC_SCOPE_PROCESS,
                                            .scale = 1,
                                            .parent = -1,
                                            .package = -1};
        snprintf(channels[i].name, sizeof channels[i].name, "%s-channel", event->name);
        snprintf(channels[i].source, sizeof channels[i].source, "%s",
                 event->hardware ? "played:hw" : "played:sw");
    }
    opened++;
    most_open = ++open_now > most_open ? open_now : most_open;
    return CIRC_OK;
}

static void read_played(struct circ_meter_session *session, struct circ_reading *readings)
{
    for (int i = 0; i < session->count; i++) {
        const struct played *event = session->events[session->count - 1 - i];
        readings[i] = (struct circ_reading){
            .raw = 1000 + batches * event->step, .t_ns = circ_clock_now_ns(), .valid = true};
        if (event->shared) {
            readings[i].enabled_ns = 1000 + batches * 1000;
            readings[i].running_ns = 500 + batches * 500;
        }
    }
}

static void close_played(struct circ_meter_session *session)
{
    free(session);
    open_now--;
}

static const struct circ_meter meter = {.name = "played",
                                        .open = open_played,
                                        .read = read_played,
                                        .close = close_played,
                                        .events = true};

/* A backend whose batches take no time. */
static enum circ_status launch(struct circ_program *program, struct circ_error *error)
{
    (void)program;
    (void)error;
    batches++;
    return CIRC_OK;
}

static enum circ_status wait(struct circ_program *program, int64_t *device_ns,
                             struct circ_error *error)
{
    (void)program;
    (void)error;
    *device_ns = -1;
    return CIRC_OK;
}

static const struct circ_backend backend = {.name = "played", .launch = launch, .wait = wait};

static const char text[] = "about Played.\n"
                           "event cycles     no-such-name absent hw-one\n"
                           "event gone       absent no-such-name\n"
                           "event strange    no-such-name nor-this-one\n"
                           "event two        hw-two\n"
                           "event three      hw-three\n"
                           "event four       hw-four\n"
                           "event zero       hw-none\n"
                           "event fallback   hw-shared\n"
                           "event soft       soft\n"
                           "metric ratio 1   two / cycles\n"
                           "metric ratio 1   fallback / cycles\n"
                           "metric lost 1    gone / cycles\n"
                           "metric lost 1    strange / cycles\n"
                           "metric divided 1 two / zero\n"
                           "metric speed x/s 1e9 * four / time_ns\n"
                           "metric work 1    flop_executed / batch\n";

static const struct circ_countable_event *event_of(const struct circ_countable_group *group,
                                                   const char *name)
{
    for (int e = 0; e < group->group->event_count; e++)
        if (!strcmp(group->events[e].name, name))
            return &group->events[e];
    return NULL;
}

static const struct circ_counter *counter_of(const struct circ_subject *subject, const char *name)
{
    for (size_t i = 0; i < subject->counter_count; i++)
        if (!strcmp(subject->counters[i].name, name))
            return &subject->counters[i];
    return NULL;
}

static bool add(struct circ_countable *countable, const char *name, const char *body)
{
    char folder[] = "/tmp/circbench-passes-XXXXXX", path[128];
    if (!mkdtemp(folder))
        return false;
    snprintf(path, sizeof path, "%s/%s.group", folder, name);
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    fputs(body, file);
    fclose(file);
    enum circ_status status =
        circ_groups_open(&countable->groups[countable->group_count].group, path, &err);
    countable->group_count += status == CIRC_OK;
    unlink(path);
    rmdir(folder);
    return status == CIRC_OK;
}

static void plan(struct circ_countable *countable)
{
    static const char *const singles[] = {"soft", "hw-four"};
    countable->groups = calloc(CIRC_MAX_GROUPS, sizeof *countable->groups);
    if (!tap_ok(countable->groups && add(countable, "played", text) &&
                    add(countable, "more", "event cycles hw-one\nmetric same 1 cycles\n") &&
                    !circ_groups_make(&countable->groups[2].group, singles, 2, &err),
                "two groups and single events")) {
        tap_note("%s", err.message);
        return;
    }
    countable->group_count = 3;
    if (!tap_ok(circ_countable_plan(countable, &meter, &err) == CIRC_OK, "they are tried"))
        tap_note("%s", err.message);
    const struct circ_countable_group *group = &countable->groups[0];
    const struct circ_countable_event *cycles = event_of(group, "cycles"),
                                      *gone = event_of(group, "gone"),
                                      *strange = event_of(group, "strange"),
                                      *fallback = event_of(group, "fallback"),
                                      *four = event_of(group, "four"),
                                      *soft = event_of(group, "soft");
    tap_ok(!strcmp(cycles->alternative, "hw-one") && !strcmp(cycles->reason, "counted as hw-one"),
           "the first name that counts is taken, and stored");
    tap_ok(!gone->alternative && !strcmp(gone->reason, "absent: does not count"),
           "a name known but not countable is the reason: %s", gone->reason);
    tap_ok(!strange->alternative && strstr(strange->reason, "none of its 2 names"),
           "or else that none is known: %s", strange->reason);
    tap_ok(fallback->spare && fallback->pass < 0,
           "what only a formula mentions that is not taken is not counted");
    tap_ok(group->chosen[0] && !group->chosen[1] && group->chosen[2] && !group->chosen[3],
           "of each metric one formula is taken");
    tap_ok(group->pass_count == 2 && cycles->pass == 0 && four->pass == 1 && soft->pass == 0,
           "five events on three counters are two passes; what needs none joins the first");
    tap_ok(!strcmp(cycles->source, "played:hw") && !strcmp(four->source, "played:hw pass 2"),
           "the source says so: %s", four->source);
    tap_ok(!strcmp(countable->groups[1].events[0].source, "played:hw pass 3") &&
               !strcmp(countable->groups[2].events[1].source, "played:hw pass 4"),
           "passes are counted on from group to group");
    tap_ok(!strcmp(countable->groups[2].events[0].name, "soft-channel"),
           "single events keep the meter's name");
    tap_ok(open_now == 0 && most_open == 1, "one is open at a time, and none now");
}

static void count(const struct circ_countable *countable)
{
    double sorted[1] = {5e6}; /* ten batches fill a window */
    static struct circ_subject subject;
    struct circ_subject *const subjects[] = {&subject};
    subject = (struct circ_subject){.backend = &backend,
                                    .program = (struct circ_program *)&batches,
                                    .sorted = sorted,
                                    .sorted_count = 1};
    subject.trial = circ_trial_unknown(&(struct circ_point){.batch = 4, .threads = 2});
    subject.trial.flop_executed = 100;
    opened = 0;
    uint64_t before = batches;
    tap_ok(circ_counting_measure(countable, subjects, 1, &err) == CIRC_OK, "a point is counted");
    tap_ok(opened == 4 && batches - before == 40, "in four passes of one window");
    const struct circ_counter *ratio = counter_of(&subject, "ratio"),
                              *lost = counter_of(&subject, "lost"),
                              *gone = counter_of(&subject, "gone"),
                              *divided = counter_of(&subject, "divided"),
                              *speed = counter_of(&subject, "speed"),
                              *work = counter_of(&subject, "work");
    tap_ok(subject.trial.cycles == 10 && isnan(subject.trial.instructions),
           "cycles are those of the row, and instructions are not");
    tap_ok(counter_of(&subject, "four")->value == 40 && counter_of(&subject, "soft")->value == 7,
           "events of both passes, per batch");
    tap_ok(ratio && ratio->value == 2 && !strcmp(ratio->source, "group:played") &&
               !strcmp(ratio->unit, "1") && !*ratio->reason,
           "a metric");
    tap_ok(lost && isnan(lost->value) && !strcmp(lost->reason, "gone has no count"),
           "a metric without an event says which: %s", lost->reason);
    tap_ok(gone && isnan(gone->value) && strstr(gone->reason, "does not count"),
           "an event without a count is a row with a reason");
    tap_ok(divided && isnan(divided->value) && strstr(divided->reason, "two / zero: a division"),
           "a division by zero is none: %s", divided->reason);
    tap_ok(speed && speed->value > 0, "times are known");
    tap_ok(work && work->value == 100, "and the work of a batch");
    tap_ok(!counter_of(&subject, "fallback") && !subject.trial.status &&
               subject.trial.counter_count == subject.counter_count,
           "what is spare is no row");
    bool unique = true;
    for (size_t i = 0; i < subject.counter_count; i++)
        for (size_t j = 0; j < i; j++)
            unique = unique && (strcmp(subject.counters[i].name, subject.counters[j].name) ||
                                strcmp(subject.counters[i].source, subject.counters[j].source));
    tap_ok(unique, "no two rows have one source and one name");

    subject.sorted = NULL; /* not ours to free */
    subject.program = NULL;
    subject.backend = NULL;
    circ_subject_release(&subject);
}

static void lose(void)
{
    struct circ_countable countable = {.groups = calloc(CIRC_MAX_GROUPS, sizeof *countable.groups)};
    double sorted[1] = {5e7};
    static struct circ_subject subject;
    struct circ_subject *const subjects[] = {&subject};
    subject = (struct circ_subject){.backend = &backend,
                                    .program = (struct circ_program *)&batches,
                                    .sorted = sorted,
                                    .sorted_count = 1};
    subject.trial = circ_trial_unknown(&(struct circ_point){.batch = 1, .threads = 1});
    if (!tap_ok(countable.groups && add(&countable, "shared",
                                        "event s hw-shared\nevent n hw-one\nmetric m 1 s / n\n"),
                "a group on counters that others use"))
        return;
    bool planned = circ_countable_plan(&countable, &meter, &err) == CIRC_OK;
    tap_ok(planned && circ_counting_measure(&countable, subjects, 1, &err) == CIRC_OK &&
               counter_of(&subject, "s")->value == 100 && counter_of(&subject, "s")->running == 0.5,
           "a multiplexed count is scaled, and says so");
    tap_ok(counter_of(&subject, "m")->value == 10 && counter_of(&subject, "m")->running == 0.5,
           "and so is the metric");
    for (size_t i = 0; i < subject.counter_count; i++)
        free(subject.counter_reasons[i]);
    subject.counter_count = 0;
    forbidden = true;
    tap_ok(circ_counting_measure(&countable, subjects, 1, &err) == CIRC_OK &&
               isnan(counter_of(&subject, "s")->value) &&
               strstr(counter_of(&subject, "s")->reason, "does not count"),
           "a permission lost in between: the row says it, and the sweep goes on");
    subject.sorted = NULL;
    subject.program = NULL;
    subject.backend = NULL;
    circ_subject_release(&subject);
    circ_countable_free(&countable);
}

static void refuse(void)
{
    static const char *const unknown[] = {"soft", "sofd"}, *const absent[] = {"absent"},
                             *const twins[] = {"soft", "soft"};
    struct circ_countable countable = {.groups = calloc(CIRC_MAX_GROUPS, sizeof *countable.groups)};
    forbidden = false;
    countable.group_count = 1;
    tap_ok(!circ_groups_make(&countable.groups[0].group, unknown, 2, &err) &&
               circ_countable_plan(&countable, &meter, &err) == CIRC_USAGE &&
               strstr(err.message, "sofd"),
           "a single event that nobody knows: %s", err.message);
    circ_groups_close(countable.groups[0].group);
    tap_ok(!circ_groups_make(&countable.groups[0].group, absent, 1, &err) &&
               circ_countable_plan(&countable, &meter, &err) == CIRC_ABSENT,
           "one that does not count here: %s", err.message);
    circ_groups_close(countable.groups[0].group);
    countable.groups[0] = (struct circ_countable_group){.group = NULL};
    tap_ok(!circ_groups_make(&countable.groups[0].group, twins, 2, &err) &&
               circ_countable_plan(&countable, &meter, &err) == CIRC_OK &&
               countable.groups[0].events[1].spare && !countable.groups[0].events[0].spare,
           "one named twice is counted once");
    circ_countable_free(&countable);
}

int main(void)
{
    struct circ_countable countable = {.group_count = 0};
    plan(&countable);
    if (countable.group_count == 3)
        count(&countable);
    circ_countable_free(&countable);
    lose();
    refuse();
    return tap_done();
}
