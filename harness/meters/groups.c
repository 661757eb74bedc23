/* Finds group files and lists them; group_text.c reads what is in them. */
#include "harness/meters/groups.h"
#include "backends/core/embed.h"
#include "backends/core/nearest.h"
#include "harness/meters/formula.h"
#include "harness/meters/group_text.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BYTES 65536

extern const struct circ_embedded circ_groups_embedded[];
extern const int circ_groups_embedded_count;

static const char ending[] = ".group";
static const char built_in[] = "built-in";

static bool ends_so(const char *text)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length > tail && !strcmp(text + length - tail, ending);
}

/* The folder number i, in the order in which they are searched; false behind the last. A folder
 * that is not set is "". */
static bool folder(int i, char path[PATH_MAX])
{
    const char *own = getenv("CIRCBENCH_GROUPS"), *config = getenv("XDG_CONFIG_HOME"),
               *home = getenv("HOME");
    *path = '\0';
    if (i == 0 && own && *own)
        snprintf(path, PATH_MAX, "%s", own);
    else if (i == 1 && config && *config == '/') /* a relative one is to be ignored */
        snprintf(path, PATH_MAX, "%s/circbench/groups", config);
    else if (i == 1 && home && *home)
        snprintf(path, PATH_MAX, "%s/.config/circbench/groups", home);
    return i < 2;
}

/* Allocates the text of a file, with an end. */
static enum circ_status read_text(const char *path, char **text, struct circ_error *err)
{
    FILE *file = fopen(path, "r");
    char *bytes = malloc(MAX_BYTES + 1);
    enum circ_status status = CIRC_OK;
    if (!file) {
        /* whoever named it can mend it */
        status = circ_status_fail_native(err, CIRC_USAGE, errno, "%s: %s", path, strerror(errno));
    } else if (!bytes) {
        status = circ_status_fail(err, CIRC_MEMORY, "%s: out of memory", path);
    } else {
        size_t size = fread(bytes, 1, MAX_BYTES + 1, file);
        if (ferror(file))
            status = circ_status_fail_native(err, CIRC_IO, errno, "%s: %s", path, strerror(errno));
        else if (size > MAX_BYTES || memchr(bytes, '\0', size))
            status = circ_status_fail(err, CIRC_USAGE, "%s: not a group's text of at most %d bytes",
                                      path, MAX_BYTES);
        else
            bytes[size] = '\0';
    }
    if (file)
        fclose(file);
    if (status)
        free(bytes);
    else
        *text = bytes;
    return status;
}

/* Takes text, whatever comes of it. */
static enum circ_status take(struct circ_event_group **group, const char *name, const char *place,
                             char *text, struct circ_error *err)
{
    struct circ_event_group *opened = calloc(1, sizeof *opened);
    if (opened)
        opened->place = strdup(place);
    if (!opened || !opened->place || !text) {
        free(text);
        circ_groups_close(opened);
        return circ_status_fail(err, CIRC_MEMORY, "group %s: out of memory", name);
    }
    opened->text = text;
    snprintf(opened->name, sizeof opened->name, "%s", name);
    enum circ_status status = circ_group_text_read(opened, err);
    if (status)
        circ_groups_close(opened);
    else
        *group = opened;
    return status;
}

static enum circ_status open_file(struct circ_event_group **group, const char *path,
                                  struct circ_error *err)
{
    char name[CIRC_GROUP_NAME_SIZE], *text;
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    int length = (int)strlen(base) - (ends_so(base) ? (int)strlen(ending) : 0);
    if (length < 1 || length >= CIRC_GROUP_NAME_SIZE)
        return circ_status_fail(err, CIRC_USAGE, "%s: a group's name has 1 to %d letters", path,
                                CIRC_GROUP_NAME_SIZE - 1);
    snprintf(name, sizeof name, "%.*s", length, base);
    enum circ_status status = read_text(path, &text, err);
    return status ? status : take(group, name, path, text, err);
}

static enum circ_status open_built_in(struct circ_event_group **group, int i,
                                      struct circ_error *err)
{
    char name[CIRC_GROUP_NAME_SIZE], place[96];
    const struct circ_embedded *file = &circ_groups_embedded[i];
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file->name) - strlen(ending)), file->name);
    snprintf(place, sizeof place, "%s %s", built_in, file->name);
    return take(group, name, place, strdup((const char *)file->data), err);
}

static enum circ_status find_nearest(const char *word, struct circ_error *err)
{
    struct circ_group_entry *entries;
    int count;
    enum circ_status status = circ_groups_list(&entries, &count, err);
    if (status)
        return status;
    struct circ_nearest nearest = circ_nearest_begin(word, strlen(word));
    for (int i = 0; i < count; i++)
        circ_nearest_offer(&nearest, entries[i].name);
    circ_status_fail(err, CIRC_NOTHING, "no group is called '%.80s'%s%s%s", word,
                     nearest.best ? ", did you mean '" : "", nearest.best ? nearest.best : "",
                     nearest.best ? "'?" : "");
    free(entries);
    return CIRC_NOTHING;
}

enum circ_status circ_groups_open(struct circ_event_group **group, const char *word,
                                  struct circ_error *err)
{
    char path[PATH_MAX], file[PATH_MAX + 64];
    if (strchr(word, '/') || ends_so(word))
        return open_file(group, word, err);
    for (int i = 0; strlen(word) < CIRC_GROUP_NAME_SIZE && folder(i, path); i++) {
        snprintf(file, sizeof file, "%s/%s%s", path, word, ending);
        if (*path && !access(file, F_OK))
            return open_file(group, file, err);
    }
    for (int i = 0; i < circ_groups_embedded_count; i++) {
        const char *name = circ_groups_embedded[i].name;
        size_t length = strlen(name) - strlen(ending);
        if (strlen(word) == length && !strncmp(name, word, length))
            return open_built_in(group, i, err);
    }
    return find_nearest(word, err);
}

enum circ_status circ_groups_make(struct circ_event_group **group, const char *const *words,
                                  int count, struct circ_error *err)
{
    if (count > CIRC_MAX_GROUP_EVENTS)
        return circ_status_fail(err, CIRC_USAGE,
                                "--events: %d single events, %d are the most; a group file may "
                                "hold as many more",
                                count, CIRC_MAX_GROUP_EVENTS);
    struct circ_event_group *made = calloc(1, sizeof *made);
    if (made)
        made->place = strdup("--events");
    if (!made || !made->place) {
        circ_groups_close(made);
        return circ_status_fail(err, CIRC_MEMORY, "--events: out of memory");
    }
    made->about = "";
    made->event_count = count;
    for (int i = 0; i < count; i++)
        made->events[i] = (struct circ_group_event){words[i], {words[i]}, 1};
    *group = made;
    return CIRC_OK;
}

void circ_groups_close(struct circ_event_group *group)
{
    if (!group)
        return;
    circ_formula_close(group->formula);
    free(group->place);
    free(group->text);
    free(group);
}

double circ_groups_metric(const struct circ_event_group *group, int metric, const double *events,
                          const double given[CIRC_GIVEN_COUNT])
{
    double values[CIRC_MAX_GROUP_EVENTS + CIRC_GIVEN_COUNT];
    memcpy(values, events, (size_t)group->event_count * sizeof *values);
    memcpy(values + group->event_count, given, CIRC_GIVEN_COUNT * sizeof *values);
    return circ_formula_value(group->formula, metric, values);
}

/* A growing list; a name that is there already hides the later one. */
struct list {
    struct circ_group_entry *entries;
    int count;
    bool failed;
};

static void enter(struct list *list, const char *name, int length, const char *place,
                  struct circ_event_group *group, const struct circ_error *problem)
{
    for (int i = 0; i < list->count; i++)
        if (strlen(list->entries[i].name) == (size_t)length &&
            !strncmp(list->entries[i].name, name, (size_t)length))
            return;
    struct circ_group_entry *grown =
        realloc(list->entries, (size_t)(list->count + 1) * sizeof *grown);
    list->failed |= !grown;
    if (!grown)
        return;
    list->entries = grown;
    struct circ_group_entry *entry = &grown[list->count++];
    *entry = (struct circ_group_entry){.name = ""};
    snprintf(entry->name, sizeof entry->name, "%.*s", length, name);
    snprintf(entry->place, sizeof entry->place, "%s", place);
    snprintf(entry->about, sizeof entry->about, "%s", group ? group->about : "");
    snprintf(entry->problem, sizeof entry->problem, "%s", group ? "" : problem->message);
}

static void enter_folder(struct list *list, const char *path)
{
    char file[PATH_MAX + 257];
    DIR *directory = *path ? opendir(path) : NULL;
    if (!directory)
        return;
    for (struct dirent *found = readdir(directory); found; found = readdir(directory)) {
        struct circ_event_group *group = NULL;
        struct circ_error problem = {.message = ""};
        int length = (int)strlen(found->d_name) - (int)strlen(ending);
        if (*found->d_name == '.' || !ends_so(found->d_name) || length >= CIRC_GROUP_NAME_SIZE)
            continue;
        snprintf(file, sizeof file, "%s/%s", path, found->d_name);
        if (open_file(&group, file, &problem))
            group = NULL;
        enter(list, found->d_name, length, file, group, &problem);
        circ_groups_close(group);
    }
    closedir(directory);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct circ_group_entry *)a)->name,
                  ((const struct circ_group_entry *)b)->name);
}

enum circ_status circ_groups_list(struct circ_group_entry **entries, int *count,
                                  struct circ_error *err)
{
    char path[PATH_MAX];
    struct list list = {.count = 0};
    for (int i = 0; folder(i, path); i++)
        enter_folder(&list, path);
    for (int i = 0; i < circ_groups_embedded_count; i++) {
        struct circ_event_group *group = NULL;
        struct circ_error problem = {.message = ""};
        const char *name = circ_groups_embedded[i].name;
        if (open_built_in(&group, i, &problem))
            group = NULL;
        enter(&list, name, (int)(strlen(name) - strlen(ending)), built_in, group, &problem);
        circ_groups_close(group);
    }
    if (list.failed) {
        free(list.entries);
        return circ_status_fail(err, CIRC_MEMORY, "groups: out of memory");
    }
    if (list.count)
        qsort(list.entries, (size_t)list.count, sizeof *list.entries, compare_names);
    *entries = list.entries;
    *count = list.count;
    return CIRC_OK;
}
