/* Parses lines of readings and keeps them. Where the text comes from, and what the times mean, is
 * its owner's affair. */
#include "harness/meters/lines.h"
#include "harness/meters/domains.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define APART     " \t,;\r"
#define EPOCH     INT64_C(1000000000000000000) /* September 2001; no machine has been up so long */
#define LAST_S    9000000000LL                 /* what 64 bits of nanoseconds hold, the year 2255 */
#define INTERVALS 101                          /* enough for a median */
#define WORDS     20
#define KEEP_NS   (INT64_C(1200) * 1000000000) /* no window is longer than a quarter of an hour */

static const struct ending {
    const char *text;
    enum circ_unit unit;
    double factor; /* to uJ or uW */
} endings[] = {
    {"_uj", CIRC_UNIT_UJ, 1}, {"_mj", CIRC_UNIT_UJ, 1e3}, {"_j", CIRC_UNIT_UJ, 1e6},
    {"_uw", CIRC_UNIT_UW, 1}, {"_mw", CIRC_UNIT_UW, 1e3}, {"_w", CIRC_UNIT_UW, 1e6},
    {"_uJ", CIRC_UNIT_UJ, 1}, {"_mJ", CIRC_UNIT_UJ, 1e3}, {"_J", CIRC_UNIT_UJ, 1e6},
    {"_uW", CIRC_UNIT_UW, 1}, {"_mW", CIRC_UNIT_UW, 1e3}, {"_W", CIRC_UNIT_UW, 1e6},
};

static const struct ending *ending_of(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t tail = strlen(endings[i].text);
        if (length > tail && strcmp(name + length - tail, endings[i].text) == 0)
            return &endings[i];
    }
    return NULL;
}

/* The channel of a written name, added when it is new; NULL: no such unit, or no room. */
static struct circ_lines_channel *channel_of(struct circ_lines *lines, const char *name)
{
    for (int i = 0; i < lines->count; i++)
        if (strcmp(lines->channels[i].written, name) == 0)
            return &lines->channels[i];
    const struct ending *ending = ending_of(name);
    if (!ending || lines->settled || lines->count == CIRC_MAX_CHANNELS ||
        strlen(name) >= sizeof lines->channels->written)
        return NULL;
    struct circ_lines_channel *added = &lines->channels[lines->count];
    *added = (struct circ_lines_channel){.unit = ending->factor};
    added->channel = (struct circ_channel){
        .unit = ending->unit, .scope = CIRC_SCOPE_BOARD, .scale = 1, .parent = -1, .package = -1};
    snprintf(added->written, sizeof added->written, "%s", name);
    snprintf(added->channel.name, sizeof added->channel.name, "%.*s",
             (int)(strlen(name) - strlen(ending->text)), name);
    for (int i = 0; i < lines->count; i++)
        if (strcmp(lines->channels[i].channel.name, added->channel.name) == 0)
            snprintf(added->channel.name, sizeof added->channel.name, "%s", name);
    lines->count++;
    return added;
}

/* A whole word that is a finite decimal number; text may end with "%". */
static bool parse_number(const char *text, double *value)
{
    char *end;
    if (strcspn(text, "xXnNiI") != strlen(text))
        return false; /* strtod would take hexadecimals, nan and inf */
    *value = strtod(text, &end);
    bool percent = *end == '%';
    if (percent)
        *value /= 100;
    return end != text && end[percent] == '\0' && isfinite(*value);
}

/* Years, months and days have no fixed length in seconds: timegm knows. */
static bool parse_date(const char *text, int64_t *t_ns)
{
    struct tm date = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &date);
    double fraction = 0;
    if (!rest)
        return false;
    if (*rest == '.') {
        char *end;
        fraction = strtod(rest, &end);
        rest = end;
    }
    int hours = 0, minutes = 0, used = 0;
    if ((*rest == '+' || *rest == '-') &&
        sscanf(rest + 1, "%2d:%2d%n", &hours, &minutes, &used) == 2 && rest[used + 1] == '\0') {
        int sign = *rest == '+' ? -1 : 1;
        date.tm_sec += sign * (hours * 3600 + minutes * 60);
    } else if (strcmp(rest, "Z") != 0 && *rest) {
        return false;
    }
    int64_t seconds = timegm(&date);
    if (seconds < 0 || seconds > LAST_S || fraction >= 1)
        return false;
    *t_ns = seconds * 1000000000 + llround(fraction * 1e9);
    return true;
}

static bool parse_time(const struct circ_lines *lines, const char *text, int64_t now_ns,
                       int64_t *t_ns)
{
    char *end;
    double seconds;
    if (strcmp(text, "-") == 0 || strcmp(text, "0") == 0) {
        *t_ns = now_ns;
        return true;
    }
    if (parse_date(text, t_ns)) {
        *t_ns += lines->epoch_shift_ns;
        return true;
    }
    if (lines->seconds) {
        if (!parse_number(text, &seconds) || seconds < 0 || seconds > LAST_S)
            return false;
        *t_ns = llround(seconds * 1e9);
    } else {
        errno = 0;
        *t_ns = strtoll(text, &end, 10);
        if (errno || end == text || *end || *t_ns < 0)
            return false;
    }
    if (*t_ns > EPOCH)
        *t_ns += lines->epoch_shift_ns;
    return true;
}

static int split(char *text, char *words[WORDS])
{
    int count = 0;
    char *rest;
    for (char *word = strtok_r(text, APART, &rest); word && count < WORDS;
         word = strtok_r(NULL, APART, &rest))
        words[count++] = word;
    return count;
}

/* One pair of words of a description. */
static bool describe_one(struct circ_lines_channel *to, const char *key, const char *text,
                         bool *scoped)
{
    struct circ_channel *channel = &to->channel;
    double value = 0;
    bool number = parse_number(text, &value) && value >= 0;
    if (strcmp(key, "scope") == 0) {
        for (int scope = CIRC_SCOPE_CORE; scope <= CIRC_SCOPE_BOARD; scope++)
            if (strcmp(text, circ_meters_scope_name((enum circ_scope)scope)) == 0) {
                channel->scope = (enum circ_scope)scope;
                *scoped = true;
                return true;
            }
        return false;
    }
    if (strcmp(key, "pci") == 0) {
        if (strlen(text) >= sizeof channel->pci)
            return false;
        snprintf(channel->pci, sizeof channel->pci, "%s", text);
        return true;
    }
    if (strcmp(key, "package") == 0 && number && value < CIRC_MAX_PACKAGES)
        channel->package = (int)value;
    else if (strcmp(key, "update_ms") == 0 && number && value > 0 && value < 1e8)
        channel->update_ns = (int64_t)(value * 1e6);
    else if (strcmp(key, "lag_ms") == 0 && number && value < 1e8)
        channel->lag_ns = (int64_t)(value * 1e6);
    else if (strcmp(key, "error") == 0 && number && value < 1)
        channel->error = value;
    else if (strcmp(key, "ceiling_w") == 0 && number)
        channel->power_ceiling_w = value;
    else
        return false;
    to->updates = channel->update_ns > 0;
    return true;
}

/* "channel NAME key value ...", behind the "#". */
static bool describe(struct circ_lines *lines, char *words[WORDS], int count)
{
    bool scoped = false, good = count % 2 == 0;
    struct circ_lines_channel *to = count >= 2 ? channel_of(lines, words[1]) : NULL;
    if (!to)
        return lines->settled;
    for (int i = 2; i + 1 < count; i += 2)
        good = describe_one(to, words[i], words[i + 1], &scoped) && good;
    if (!scoped && to->channel.package >= 0)
        to->channel.scope = CIRC_SCOPE_PACKAGE;
    return good;
}

static bool is_header(struct circ_lines *lines, const char *word)
{
    static const char *const names[] = {"t_ns", "t_s", "time", "timestamp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(word, names[i]) == 0) {
            lines->seconds = strcmp(names[i], "t_s") == 0;
            return true;
        }
    return false;
}

static void mark(struct circ_lines *lines, int64_t t_ns)
{
    if (!lines->marked ||
        llabs(t_ns - lines->marker_near_ns) < llabs(lines->marker_ns - lines->marker_near_ns))
        lines->marker_ns = t_ns;
    lines->marked = true;
}

/* Takes a reading; false when it is out of order. Lines that share the moment of their arrival are
 * no rubbish. Where they come too fast the newest one takes the place of the one before it, as long
 * as that is close to its own: what is left out lies between, and the last value is always there.
 */
static bool take_reading(const struct circ_lines *lines, struct circ_series *series, int64_t t_ns,
                         double value, int64_t now_ns)
{
    struct circ_series_point *last = series->count ? &series->points[series->count - 1] : NULL;
    bool together = last && t_ns == last->t_ns && t_ns == now_ns && now_ns > 0;
    bool close = series->count > 1 && last->t_ns - last[-1].t_ns < lines->closest_ns;
    if (!together && !(close && t_ns > last->t_ns))
        return circ_series_add(series, t_ns, value);
    *last = (struct circ_series_point){t_ns, value};
    return true;
}

/* False for a line that says nothing. */
static bool take(struct circ_lines *lines, char *text, int64_t now_ns)
{
    char *words[WORDS];
    bool comment = *text == '#';
    int count = split(text + comment, words);
    int64_t t_ns;
    double value;
    if (comment && count == 2 && strcmp(words[0], "source") == 0)
        snprintf(lines->source, sizeof lines->source, "%.39s", words[1]);
    if (comment)
        return count == 0 || strcmp(words[0], "channel") != 0 || describe(lines, words, count);
    if (count == 0 || is_header(lines, words[0]))
        return true;
    if (count >= 2 && lines->marker && strcmp(words[1], lines->marker) == 0 &&
        parse_time(lines, words[0], now_ns, &t_ns)) {
        mark(lines, t_ns);
        return true;
    }
    if (count != 3 || !parse_time(lines, words[0], now_ns, &t_ns) ||
        !parse_number(words[2], &value))
        return false;
    struct circ_lines_channel *to = channel_of(lines, words[1]);
    if (!to)
        return lines->settled && ending_of(words[1]);
    return take_reading(lines, &to->series, t_ns, value * to->unit, now_ns);
}

static void take_line(struct circ_lines *lines, int64_t now_ns)
{
    char whole[sizeof lines->first_wrong];
    lines->text[lines->used] = '\0';
    snprintf(whole, sizeof whole, "%.60s", lines->text);
    bool good = !lines->skipping && take(lines, lines->text, now_ns);
    if (!good && lines->rubbish++ == 0) {
        for (char *letter = whole; *letter; letter++)
            if ((unsigned char)*letter < ' ' || (unsigned char)*letter > '~')
                *letter = '?';
        snprintf(lines->first_wrong, sizeof lines->first_wrong, "%s", whole);
    }
    lines->used = 0;
    lines->skipping = false;
}

void circ_lines_feed(struct circ_lines *lines, const char *text, size_t length, int64_t now_ns)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            take_line(lines, now_ns);
        else if (lines->used + 1 < sizeof lines->text)
            lines->text[lines->used++] = text[i] ? text[i] : '?';
        else
            lines->skipping = true;
    }
}

void circ_lines_finish(struct circ_lines *lines, int64_t now_ns)
{
    if (lines->used)
        take_line(lines, now_ns);
}

void circ_lines_forget(struct circ_lines *lines, int64_t now_ns)
{
    int64_t before_ns = now_ns - KEEP_NS;
    for (int i = 0; i < lines->count; i++) {
        struct circ_series *series = &lines->channels[i].series;
        if (series->count > 1024 && series->points[series->count / 2].t_ns < before_ns)
            circ_series_forget(series, before_ns);
    }
}

void circ_lines_settle(struct circ_lines *lines, const char *source)
{
    int kept = 0;
    for (int i = 0; i < lines->count; i++)
        if (lines->channels[i].series.count) {
            snprintf(lines->channels[i].channel.source, sizeof lines->channels->channel.source,
                     "%s", source);
            if (kept != i) {
                lines->channels[kept] = lines->channels[i];
                lines->channels[i] = (struct circ_lines_channel){.unit = 0};
            }
            kept++;
        }
    lines->count = kept;
    lines->settled = true;
}

static int compare_intervals(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

struct circ_channel circ_lines_channel(const struct circ_lines_channel *from)
{
    struct circ_channel channel = from->channel;
    const struct circ_series *series = &from->series;
    int64_t intervals[INTERVALS];
    size_t count = series->count > INTERVALS ? INTERVALS : series->count ? series->count - 1 : 0;
    if (channel.power_ceiling_w <= 0)
        channel.power_ceiling_w = circ_domains_ceiling_w(channel.scope);
    if (from->updates || count == 0)
        return channel;
    for (size_t i = 0; i < count; i++)
        intervals[i] = series->points[i + 1].t_ns - series->points[i].t_ns;
    qsort(intervals, count, sizeof *intervals, compare_intervals);
    channel.update_ns = intervals[count / 2];
    return channel;
}

void circ_lines_complain(const struct circ_lines *lines, char *text, size_t size)
{
    *text = '\0';
    if (lines->rubbish)
        snprintf(text, size, " (%ld line%s skipped, the first: %s)", lines->rubbish,
                 lines->rubbish == 1 ? " was" : "s were", lines->first_wrong);
}

void circ_lines_free(struct circ_lines *lines)
{
    for (int i = 0; i < CIRC_MAX_CHANNELS; i++)
        circ_series_free(&lines->channels[i].series);
    lines->count = 0;
}
